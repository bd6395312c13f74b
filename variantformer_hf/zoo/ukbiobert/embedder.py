"""Vectors of DNA sequences, and of a person's haplotypes, by UKBioBERT."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from transformers import AutoTokenizer

from ...errors import InputError
from ...genome.interval import Interval
from ...genome.personal import PersonalGenome
from ...modeling import UkBioBertModel
from ..companions import check_companions
from ..device import choose_device, choose_dtype
from ..model_files import MODEL_REMEDY, load_strictly

POOLS = ("mean", "cls")
MODES = ("concat", "mean")
# Beginnings of the weights of its head, which vectors are made without.
_HEAD = ("head.",)
# Tokens, padding included, that go through the network at a time; a longer sequence goes by itself.
_TOKENS_AT_ONCE = 16_384


class UkBioBertEmbedder:
    """A network with its tokenizer.

    Args:
        model: the network.
        tokenizer: DNABERT-2's, which gives [CLS], the tokens, [SEP].
    """

    def __init__(self, model: UkBioBertModel, tokenizer: Any) -> None:
        self.model = model.eval()
        self.tokenizer = tokenizer

    @classmethod
    def from_pretrained(
        cls, model: str | Path, *, revision: str | None = None, device: str = "auto", precision: str = "auto"
    ) -> "UkBioBertEmbedder":
        """Load a folder or a repository of the Hub.

        Raises:
            InputError: there is none, its files are damaged or of another model, or there is no such device.
        """
        check_companions(model, revision=revision)
        where = choose_device(device)
        weights = load_strictly(
            UkBioBertModel, model, dtype=choose_dtype(precision, where), revision=revision, unused=_HEAD
        )
        try:
            tokenizer = AutoTokenizer.from_pretrained(model, revision=revision or "main")
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise InputError("its tokenizer cannot be loaded", file=model, remedy=MODEL_REMEDY) from error
        return cls(cast(UkBioBertModel, weights).to(where), tokenizer)

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
        if pool not in POOLS:
            raise InputError(f"there is no pool {pool!r}", remedy=f"Choose one of {', '.join(POOLS)}.")
        if chunk_bases is not None and chunk_bases < 1:
            raise InputError(f"chunk_bases is {chunk_bases}", remedy="It must be 1 or more, or None.")
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
        """The vectors of a person's two haplotypes, each read by itself.

        Args:
            person: records and options; its mode is not asked for.
            interval: 0-based, half-open.
            mode: ``concat`` (first haplotype, then second) or ``mean`` of both.
            **options: of :meth:`embed`.

        Returns:
            (2 * hidden_size,) or (hidden_size,) float32.

        Raises:
            InputError: as for :meth:`embed` and ``PersonalGenome.sequence``, or an unknown mode.
        """
        if mode not in MODES:
            raise InputError(f"there is no mode {mode!r}", remedy=f"Choose one of {', '.join(MODES)}.")
        vectors = self.embed([haplotype_sequence(person, interval, number) for number in (1, 2)], **options)
        return vectors.reshape(-1) if mode == "concat" else vectors.mean(0)

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


def haplotype_sequence(person: PersonalGenome, interval: Interval, number: int) -> str:
    """A person's bases of an interval on haplotype 1 or 2, forward strand."""
    options = replace(person.options, mode=f"haplotype{number}")
    haplotype = PersonalGenome(
        person.reference, person.records, person.sample, options, refuse_gvcf=person.rules.refuse_gvcf
    )
    return haplotype.sequence(interval.chrom, interval.start, interval.end)


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
