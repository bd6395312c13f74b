"""Examples of stage 1: both strands of a donor's cCRE as tokens, and whether it is active in a tissue."""

import math
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import datasets
import numpy as np
import torch

from ...data.activity import Activity
from ...data.donors import DonorGenomes
from ...data.epochs import ALL, SHARDS, Share, keys_dataset, shares
from ...errors import ContigError
from ...genome.contigs import map_contigs
from ...genome.cres import CreTable
from ...genome.interval import Interval, reverse_complement
from ...genome.intervals import union
from ...modeling import VariantFormerProcessor
from ...modeling.variantformer.processing_variantformer import token_rows
from ...zoo.statuses import RecordUse, record_use

_CRES_AT_ONCE = 128


@dataclass(frozen=True)
class ActivityRows:
    """Labels of one part of a split, by donor.

    Attributes:
        element, tissue, label: (R,) row of the cCRE table, place among ``tissues``, 0 or 1; of signals float32.
        donors: names.
        of_donor: of each donor its rows.
        tissues: names, in the order of the encoder's heads.
        cohort: of all.
    """

    element: np.ndarray
    tissue: np.ndarray
    label: np.ndarray
    donors: tuple[str, ...]
    of_donor: tuple[np.ndarray, ...]
    tissues: tuple[str, ...]
    cohort: str

    def __len__(self) -> int:
        return len(self.element)

    def only(self, is_kept: np.ndarray) -> "ActivityRows":
        """The rows of a mask (R,), and the donors that have some."""
        place = np.cumsum(is_kept) - 1
        of_donor = [place[mine[is_kept[mine]]] for mine in self.of_donor]
        there = [number for number, mine in enumerate(of_donor) if len(mine)]
        return replace(
            self,
            element=self.element[is_kept],
            tissue=self.tissue[is_kept],
            label=self.label[is_kept],
            donors=tuple(self.donors[number] for number in there),
            of_donor=tuple(of_donor[number] for number in there),
        )


def activity_rows(
    activity: Activity, cres: CreTable, held_out: Sequence[str], *, cohort: str, inside: bool
) -> ActivityRows:
    """Labels on the chromosomes that are held out (``inside``), or on all others.

    Raises:
        ValueError: there are none.
    """
    table = activity.table
    element = table["element"].to_numpy()
    chroms = np.asarray(cres.table["chrom"].to_pylist(), dtype=object)[element]
    wanted = {name if name.startswith("chr") else f"chr{name}" for name in held_out}
    is_held_out = np.array([(name if name.startswith("chr") else f"chr{name}") in wanted for name in chroms])
    rows = np.flatnonzero(is_held_out if inside else ~is_held_out)
    if not len(rows):
        raise ValueError(f"no label lies {'on' if inside else 'outside of'} {', '.join(sorted(wanted))}")
    place = {name: index for index, name in enumerate(activity.tissues)}
    tissue = np.array([place[name] for name in table["tissue"].to_pylist()], dtype=np.int64)[rows]
    donor = np.asarray(table["donor"].to_pylist(), dtype=object)[rows]
    donors = tuple(dict.fromkeys(donor.tolist()))
    label = table["label"].to_numpy()[rows]
    return ActivityRows(
        element=element[rows],
        tissue=tissue,
        label=label if np.issubdtype(label.dtype, np.floating) else label.astype(np.int64),
        donors=donors,
        of_donor=tuple(np.flatnonzero(donor == name) for name in donors),
        tissues=activity.tissues,
        cohort=cohort,
    )


class ActivityExamples:
    """Makes stage-1 examples of keys: both strands of a donor's cCRE, and its label in a tissue.

    Args:
        rows: the labels.
        genomes: of the donors.
        cres: the cCREs.
        processor: of the encoder; its flank and token length.
    """

    def __init__(
        self, rows: ActivityRows, genomes: DonorGenomes, cres: CreTable, processor: VariantFormerProcessor
    ) -> None:
        self.rows = rows
        self._genomes, self._processor = genomes, processor
        self._contigs, self._chrom = cres.contigs, cres.table["chrom"].to_pylist()
        self._contig_of: dict[str, str] = {}
        self._start, self._end = cres.table["start"].to_numpy(), cres.table["end"].to_numpy()
        self._class_id = cres.class_ids

    def __call__(self, keys: Mapping[str, Sequence[int]]) -> dict[str, list[Any]]:
        """Examples of a batch of keys ``{"row": [...], "donor": [...]}``.

        Returns:
            forward_tokens, reverse_tokens ((n,) int32 each), tissue_id, label, context_id (class of the cCRE).
        """
        flank, length = self._processor.cre_flank, self._processor.token_length
        row = np.asarray(keys["row"], dtype=np.int64)
        donor = np.asarray(keys["donor"], dtype=np.int64)
        forward: list[str] = [""] * len(row)
        for number in np.unique(donor).tolist():
            person = self._genomes.genome(self.rows.cohort, self.rows.donors[number])
            mine = np.flatnonzero(donor == number)
            intervals = [self._interval(int(self.rows.element[row[at]]), flank) for at in mine]
            for at, sequence in zip(mine.tolist(), person.sequences(intervals), strict=True):
                forward[at] = sequence
        backward = [reverse_complement(sequence) for sequence in forward]
        tokenizer = self._processor.tokenizer
        tokens = [
            [np.asarray(each[:length], dtype=np.int32) for each in tokenizer.encode_sequences(texts)]
            for texts in (forward, backward)
        ]
        return {
            "forward_tokens": tokens[0],
            "reverse_tokens": tokens[1],
            "tissue_id": self.rows.tissue[row].tolist(),
            "label": self.rows.label[row].tolist(),
            "context_id": self._class_id[self.rows.element[row]].astype(int).tolist(),
        }

    def contigs(self) -> dict[str, list[str]]:
        """Donor -> contigs (by the FASTA) that its cCREs lie on."""
        return {donor: list(self._cres_of(number)) for number, donor in enumerate(self.rows.donors)}

    def record_uses(self) -> dict[tuple[str, str], RecordUse]:
        """(donor, contig) -> whether what the donor's file says of its cCREs there could be used.

        A contig is read until a genotype is found that can be.
        """
        return {
            (donor, chrom): self._record_use(donor, chrom, cres)
            for number, donor in enumerate(self.rows.donors)
            for chrom, cres in self._cres_of(number).items()
        }

    def of_known(self, uses: Mapping[tuple[str, str], RecordUse]) -> "ActivityExamples":
        """Those of donors' contigs that are known (see :meth:`record_uses`): a sequence that is not is no reference."""
        is_kept = np.ones(len(self.rows), dtype=bool)
        for donor, mine in zip(self.rows.donors, self.rows.of_donor, strict=True):
            is_kept[mine] = [
                uses[donor, self._contig(self._chrom[element])].is_known for element in self.rows.element[mine].tolist()
            ]
        known = copy(self)
        known.rows = self.rows.only(is_kept)
        return known

    def _cres_of(self, donor: int) -> dict[str, np.ndarray]:
        """Contig -> a donor's cCREs there, by their starts."""
        cres = np.unique(self.rows.element[self.rows.of_donor[donor]])
        cres = cres[np.argsort(self._start[cres], kind="stable")]
        chroms = np.array([self._contig(self._chrom[element]) for element in cres.tolist()], dtype=object)
        return {chrom: cres[chroms == chrom] for chrom in dict.fromkeys(chroms.tolist())}

    def _record_use(self, donor: str, chrom: str, cres: np.ndarray) -> RecordUse:
        person = self._genomes.genome(self.rows.cohort, donor)
        flank, length = self._processor.cre_flank, self._genomes.reference.contigs[chrom]
        found = np.zeros(0, dtype=np.int8)
        for first in range(0, len(cres), _CRES_AT_ONCE):
            some = cres[first : first + _CRES_AT_ONCE]
            starts = np.clip(self._start[some] - flank, 0, length)
            ends = np.clip(self._end[some] + flank, 0, length)
            stretch = person.stretch(chrom, int(starts.min()), int(ends.max()), within=union(starts, ends))
            found = np.concatenate([found, person.outcomes(stretch, starts, ends)[1]])
            if len(found) and record_use(person, chrom, found).is_known:
                break
        return record_use(person, chrom, found)

    def _interval(self, element: int, flank: int) -> Interval:
        start, end = int(self._start[element]), int(self._end[element])
        return Interval(self._contig(self._chrom[element]), max(0, start - flank), end + flank)

    def _contig(self, chrom: str) -> str:
        """The FASTA's name of a contig of the cCRE table."""
        if not self._contig_of:
            reference = self._genomes.reference
            self._contig_of = map_contigs(
                self._contigs, reference.contigs, wanted_file="the cCRE table", available_file=reference.path
            )
        if chrom not in self._contig_of:
            raise ContigError(
                f"has no contig {chrom}", file=self._genomes.reference.path, remedy="Leave out its cCREs."
            )
        return self._contig_of[chrom]


def activity_dataset(
    examples: ActivityExamples,
    *,
    epoch: int = 0,
    seed: int = 0,
    shuffle: bool = True,
    shards: int = SHARDS,
    share: Share = ALL,
) -> datasets.IterableDataset:
    """One epoch of stage-1 examples, the donors in turn, so that every batch holds as many of each.

    An epoch has as many examples as there are labels, each label once where the donors have as many. A donor with fewer
    labels than others begins again; without ``shuffle`` the labels come once, as they stand. Arguments as for
    :func:`expression_dataset`.
    """
    rows = examples.rows
    sizes = tuple(len(each) for each in rows.of_donor)  # no list: that would be taken for shards
    options = {"sizes": sizes, "epoch": epoch, "seed": seed, "shuffle": shuffle, "share": share}
    return (
        keys_dataset(_activity_keys, len(rows), shards, options)
        .map(_RowOf(rows), batched=True, batch_size=_CRES_AT_ONCE, remove_columns=["place"])
        .map(examples, batched=True, batch_size=_CRES_AT_ONCE, remove_columns=["row", "donor"])
    )


class _RowOf:
    """Places among a donor's rows -> rows."""

    def __init__(self, rows: ActivityRows) -> None:
        self._rows = rows

    def __call__(self, keys: Mapping[str, Sequence[int]]) -> dict[str, list[int]]:
        places = zip(keys["donor"], keys["place"], strict=True)
        found = [int(self._rows.of_donor[donor][place]) for donor, place in places]
        return {"row": found, "donor": list(keys["donor"])}


def _activity_keys(
    shards: Sequence[int], of: int, sizes: Sequence[int], epoch: int, seed: int, shuffle: bool, share: Share
) -> Iterator[dict[str, int]]:
    """(donor, place among its rows), the donors in turn."""
    total, n_donors = sum(sizes), len(sizes)
    if not shuffle:
        donors = np.repeat(np.arange(n_donors), sizes)
        places = np.concatenate([np.arange(size) for size in sizes])
        for at in shares(range(total), share, shards, of):
            yield {"donor": int(donors[at]), "place": int(places[at])}
        return
    # Where the processes' number shares a factor with the donors', each process would see some of the donors alone:
    # they move up by one each time that the pattern comes again.
    again, most = math.lcm(n_donors, share[1]), math.gcd(n_donors, share[1])
    for at in shares(range(total), share, shards, of):
        donor = (at + at // again % most) % n_donors
        yield {"donor": donor, "place": _permuted(at // n_donors, sizes[donor], (seed, epoch, donor))}


def _permuted(turn: int, size: int, key: tuple[int, int, int]) -> int:
    """The turn-th of a donor's rows, round after round, each in another order."""
    return int(_order(turn // size, size, *key)[turn % size])


@lru_cache(maxsize=64)
def _order(turn: int, size: int, seed: int, epoch: int, donor: int) -> np.ndarray:
    return np.random.default_rng([seed, epoch, donor, turn]).permutation(size)


class ActivityCollator:
    """Batches of stage-1 examples, as ``VariantFormerForChromatinActivity`` takes them.

    Args:
        processor: of the encoder.
        with_context: the encoder reads the cCRE's class.
    """

    def __init__(self, processor: VariantFormerProcessor, *, with_context: bool = False) -> None:
        self._length, self._pad = processor.token_length, processor.tokenizer.pad_token_id
        self._with_context = with_context

    def __call__(self, examples: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
        """A batch of B cCREs: input_ids, attention_mask (B, 2, L); tissue_ids, labels, maybe context_ids (B,)."""
        strands = [each[name] for each in examples for name in ("forward_tokens", "reverse_tokens")]
        ids, mask = token_rows(strands, self._length, self._pad)
        batch = {
            "input_ids": torch.from_numpy(ids).unflatten(0, (-1, 2)),
            "attention_mask": torch.from_numpy(mask).unflatten(0, (-1, 2)),
            "tissue_ids": torch.tensor([int(each["tissue_id"]) for each in examples]),
            "labels": torch.tensor([each["label"] for each in examples]),
        }
        if self._with_context:
            batch["context_ids"] = torch.tensor([int(each["context_id"]) for each in examples])
        return batch
