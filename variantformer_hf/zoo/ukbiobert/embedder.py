"""Vectors of DNA sequences, and of a person's haplotypes, by UKBioBERT."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
import torch

from ...errors import InputError
from ...genome.haplotype_stretch import HaplotypeStretch
from ...genome.interval import Interval
from ...genome.personal import PersonalGenome
from ...genome.stretch import PersonalStretch
from ...modeling import UkBioBertModel
from ..companions import check_companions
from ..device import choose_device, choose_dtype
from ..embedder import Embedder, Pool, ReadSequences, in_mode, personal
from ..model_files import load_strictly
from ..statuses import GENE_DELETED, WINDOW_OFF_CONTIG
from ..window.person_window import WindowPlace
from .tokenizer import load_tokenizer

# Beginnings of the weights of its head, which vectors are made without.
_HEAD = ("head.",)
# Tokens, padding included, that go through the network at a time; a longer sequence goes by itself.
_TOKENS_AT_ONCE = 16_384


class UkBioBertEmbedder(Embedder):
    """A network with its tokenizer.

    Args:
        model: the network.
        tokenizer: DNABERT-2's, which gives [CLS], the tokens, [SEP].
        chunk_bases: of what :meth:`vectors` makes, see :meth:`embed`.

    Raises:
        InputError: no room for a base in a chunk.
    """

    model_type: ClassVar[str] = "ukbiobert"
    pools: ClassVar[tuple[str, ...]] = ("mean", "cls")
    modes: ClassVar[tuple[str, ...]] = ("concat", "mean", "alt", "ref", "haplotype1", "haplotype2")
    default_window = 49_000

    def __init__(self, model: UkBioBertModel, tokenizer: Any, *, chunk_bases: int | None = None) -> None:
        _check_chunk(chunk_bases)
        self.network = self.model = model.eval()
        self.tokenizer, self.chunk_bases = tokenizer, chunk_bases

    @classmethod
    def load(
        cls,
        model: str | Path,
        *,
        revision: str | None = None,
        device: str = "auto",
        precision: str = "auto",
        force_companions: bool = False,
        chunk_bases: int | None = None,
    ) -> "UkBioBertEmbedder":
        """Load a folder or a repository of the Hub.

        Raises:
            InputError: there is none, its files are damaged or of another model, or there is no such device; as of the
                class.
        """
        _check_chunk(chunk_bases)
        check_companions(model, revision=revision, force=force_companions)
        where = choose_device(device)
        weights = load_strictly(
            UkBioBertModel, model, dtype=choose_dtype(precision, where), revision=revision, unused=_HEAD
        )
        tokenizer = load_tokenizer(model, revision=revision)
        return cls(cast(UkBioBertModel, weights).to(where), tokenizer, chunk_bases=chunk_bases)

    def shape(self, window: int, pool: Pool) -> tuple[int, ...]:
        """See :meth:`Embedder.shape`; any window is read."""
        return (int(self.model.config.hidden_size),)

    def read(self, person: PersonalGenome, known: PersonalStretch, place: WindowPlace) -> ReadSequences:
        """See :meth:`Embedder.read`: the person's bases of the window on the reference, however many these are."""
        if not place.is_on(person.reference):
            return ReadSequences((), WINDOW_OFF_CONTIG)
        start, end = np.array([place.interval.start]), np.array([place.interval.end])
        of_each = known.haplotypes if isinstance(known, HaplotypeStretch) else (known,)
        edits = [each.edits(part, start, end) for each, part in zip(person.readings(), of_each, strict=True)]
        found = [part.sequences(edit)[0] for part, edit in zip(of_each, edits, strict=True)]
        if not all(found):
            return ReadSequences((), GENE_DELETED)
        return ReadSequences(tuple(dict.fromkeys(found)))

    def vectors(self, read: Sequence[str], pool: Pool) -> np.ndarray:
        """See :meth:`Embedder.vectors`."""
        return self.embed(read, pool=pool.kind, chunk_bases=self.chunk_bases)

    def options(self) -> dict[str, Any]:
        """See :meth:`Embedder.options`."""
        return {"chunk_bases": self.chunk_bases}

    def embed(
        self,
        sequences: Sequence[str],
        pool: str = "mean",
        chunk_bases: int | None = None,
        exclude_special: bool = True,
    ) -> np.ndarray:
        """A vector a sequence.

        Args:
            sequences: DNA; letters other than A, C, G and T are unknown tokens.
            pool: ``mean`` over tokens, or ``cls``, the vector of the first special token.
            chunk_bases: longer sequences are cut into pieces of as many bases, each encoded by itself: the mean is over
                the tokens of all, ``cls`` is the mean of theirs. None = a sequence is one input.
            exclude_special: the mean leaves out [CLS] and [SEP].

        Returns:
            (sequences, hidden_size) float32.

        Raises:
            InputError: an unknown pool, no room for a base in a chunk, or a sequence without a base.
        """
        if pool not in self.pools:
            raise InputError(f"there is no pool {pool!r}", remedy=f"Choose one of {', '.join(self.pools)}.")
        _check_chunk(chunk_bases)
        for number, sequence in enumerate(sequences):
            if not sequence:
                raise InputError(f"sequence {number} has no base", remedy="Leave it out.")
        pieces = [
            (number, piece) for number, sequence in enumerate(sequences) for piece in _pieces(sequence, chunk_bases)
        ]
        totals = np.zeros((len(sequences), self.model.config.hidden_size), dtype=np.float64)
        counts = np.zeros(len(sequences))
        ids = [self.tokenizer(piece.upper())["input_ids"] for _, piece in pieces]
        for batch in _batches([len(each) for each in ids]):
            for place, (total, count) in zip(
                batch, self._pooled([ids[place] for place in batch], pool, exclude_special), strict=True
            ):
                totals[pieces[place][0]] += total
                counts[pieces[place][0]] += count
        return (totals / counts[:, None]).astype(np.float32)

    def embed_person(
        self, person: PersonalGenome, interval: Interval, mode: str = "concat", **options: Any
    ) -> np.ndarray:
        """The vector of a person, mostly of two haplotypes, each read by itself.

        Args:
            person: records and options; its mode is not asked for.
            interval: 0-based, half-open.
            mode: ``concat`` (first haplotype, then second), ``mean`` of both, or a genotype mode, read by itself.
            **options: of :meth:`embed`.

        Returns:
            (2 * hidden_size,) or (hidden_size,) float32.

        Raises:
            InputError: as for :meth:`embed` and ``PersonalGenome.sequence``, or an unknown mode.
        """
        if mode not in self.modes:
            raise InputError(f"there is no mode {mode!r}", remedy=f"Choose one of {', '.join(self.modes)}.")
        ends = interval.chrom, interval.start, interval.end
        read = [each.sequence(*ends) for each in personal(person, mode).readings()]
        return in_mode(list(self.embed(read, **options)), mode)

    @torch.inference_mode()
    def _pooled(self, ids: list[list[int]], pool: str, exclude_special: bool) -> list[tuple[np.ndarray, int]]:
        """Of each input the sum over what is pooled, and how many that are."""
        longest = max(map(len, ids))
        padded = torch.full((len(ids), longest), self.tokenizer.pad_token_id)
        mask = torch.zeros(len(ids), longest, dtype=torch.long)
        for row, each in enumerate(ids):
            padded[row, : len(each)] = torch.tensor(each)
            mask[row, : len(each)] = 1
        device = self.model.device
        states = self.model(padded.to(device), mask.to(device), return_dict=True).last_hidden_state.float()
        if pool == "cls":
            return [(states[row, 0].double().cpu().numpy(), 1) for row in range(len(ids))]
        inner = slice(1, -1) if exclude_special else slice(None)
        found = []
        for row, each in enumerate(ids):
            tokens = states[row, : len(each)][inner]
            found.append((tokens.double().sum(0).cpu().numpy(), len(tokens)))
        return found


def _check_chunk(chunk_bases: int | None) -> None:
    if chunk_bases is not None and chunk_bases < 1:
        raise InputError(f"chunk_bases (--chunk-bases) is {chunk_bases}", remedy="It must be 1 or more, or None.")


def _pieces(sequence: str, chunk_bases: int | None) -> list[str]:
    step = chunk_bases or len(sequence)
    return [sequence[first : first + step] for first in range(0, len(sequence), step)]


def _batches(lengths: Sequence[int]) -> list[list[int]]:
    """Inputs of like length together, as many as there is room for."""
    batches: list[list[int]] = []
    for place in sorted(range(len(lengths)), key=lambda place: lengths[place]):
        if batches and lengths[place] * (len(batches[-1]) + 1) <= _TOKENS_AT_ONCE:
            batches[-1].append(place)
        else:
            batches.append([place])
    return batches
