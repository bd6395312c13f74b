"""People's predicted expression: dosages x weights, group by group of genes, kept so that a run goes on."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import InputError
from ...files import whole_file
from ...genome.variant_dosages import ABSENT, FOUND, VariantDosages
from ...genome.variant_files import genotype_source
from ...inference.people import check_has_records
from .weights import AssociationWeights, GeneGroup, neighbouring

# Bytes of a group's sums, of all people, and variants that are looked for together.
_BYTES_OF_SUMS, _VARIANTS_AT_ONCE = 256 << 20, 20_000
# People whose dosages are made floats at a time: as many as stay in a processor's cache.
_PEOPLE_AT_ONCE = 4_096
KEY_FILE = "run.json"
# Dosages of one person and variant: all that were read, and of these missing ones.
DOSAGES, MISSING = "dosages", "missing"


@dataclass(frozen=True, slots=True, eq=False)
class GroupSums:
    """The predicted expression of a group of genes.

    Attributes:
        genes: places of their weights among those of ``AssociationWeights``.
        values: (genes, people) float64; NaN of a gene none of whose variants the people's file has.
        n_used: (genes,) variants of each that the file has.
        counts: what became of the variants and dosages.
    """

    genes: tuple[int, ...]
    values: np.ndarray
    n_used: np.ndarray
    counts: Counter[str]


def group_sums(weights: AssociationWeights, group: GeneGroup, file: VariantDosages, *, constants: bool) -> GroupSums:
    """Dosages x weights of a group of genes.

    A missing dosage is the mean of the people of the fit, or, where that is not known, of the people who are read. So
    is a variant that a file of several people does not have; where no mean is known it is left out, as PrediXcan does.
    A file of one person has 0 there.

    Args:
        weights: in their one spelling.
        group: which genes.
        file: of the people.
        constants: whether a gene's constant is added.

    Raises:
        InputError: the file cannot be read.
    """
    genes = [weights.genes[place] for place in group.genes]
    row_of = {number: row for row, number in enumerate(group.variants)}
    weight = np.zeros((len(genes), len(group.variants)))
    means = np.zeros_like(weight)
    for place, gene in enumerate(genes):
        rows = [row_of[number] for number in gene.variant.tolist()]
        weight[place, rows], means[place, rows] = gene.weight, gene.mean
    sums = np.zeros((len(genes), len(file.samples)))
    if constants:
        sums += np.array([gene.constant for gene in genes])[:, None]
    there = np.zeros(len(group.variants), dtype=bool)
    before, counts = Counter(file.counts), Counter[str]()
    for found in file.read(group.chrom, [weights.variants[number] for number in group.variants]):
        there[found.variant] = True
        counts[DOSAGES] += found.values.size
        counts[MISSING] += _add(sums, weight[:, found.variant], means[:, found.variant], found.values)
    if not file.is_alone:
        absent = np.flatnonzero(~there)
        sums += np.nansum(weight[:, absent] * means[:, absent], axis=1)[:, None]
    n_used = ((weight != 0) & there).sum(axis=1)
    if not file.is_alone:
        sums[n_used == 0] = np.nan
    counts.update({name: file.counts[name] - before[name] for name in file.counts})
    return GroupSums(group.genes, sums, n_used, counts)


def _add(sums: np.ndarray, weight: np.ndarray, means: np.ndarray, values: np.ndarray) -> int:
    """Add some variants' part; how many dosages were missing.

    Args:
        sums: (genes, people), added to.
        weight, means: (genes, variants).
        values: (variants, people) int8, -1 = missing.
    """
    own = np.flatnonzero(weight.any(axis=1))
    weight, means = np.ascontiguousarray(weight[own]), means[own]
    missing = np.flatnonzero(values.min(axis=1, initial=0) < 0)
    n_missing = np.zeros(len(missing), dtype=np.int64)
    instead = means[:, missing]
    if np.isnan(instead).any():
        instead = np.where(np.isnan(instead), _means(values[missing]), instead)
    added = np.ascontiguousarray(weight[:, missing] * (1 + instead))  # a missing one is read as -1
    floats, masks = np.empty((len(values), _PEOPLE_AT_ONCE)), np.empty((len(missing), _PEOPLE_AT_ONCE))
    rows = slice(None) if len(own) == len(sums) else own
    for first in range(0, values.shape[1], _PEOPLE_AT_ONCE):
        some = values[:, first : first + _PEOPLE_AT_ONCE]
        people = slice(first, first + some.shape[1])
        np.copyto(floats[:, : some.shape[1]], some)
        sums[rows, people] += weight @ floats[:, : some.shape[1]]
        if len(missing):
            is_missing = some[missing] < 0
            n_missing += np.count_nonzero(is_missing, axis=1)
            np.copyto(masks[:, : some.shape[1]], is_missing)
            sums[rows, people] += added @ masks[:, : some.shape[1]]
    return int(n_missing.sum())


def _means(values: np.ndarray) -> np.ndarray:
    """(variants,) mean of those people who are known; 0 where nobody is."""
    copies = [np.count_nonzero(row == 1) + 2 * np.count_nonzero(row == 2) for row in values]
    known = [np.count_nonzero(row >= 0) for row in values]
    return np.array(copies) / np.maximum(1, known)


@dataclass(frozen=True, slots=True)
class PredictedPeople:
    """What :func:`predict_people` left in its folder.

    Attributes:
        weights: in their one spelling.
        samples: whose.
        groups: (places of genes' weights, file of their values) each.
        n_used: (genes of the weights,) variants of each that the file has.
        counts: what became of variants and dosages.
    """

    weights: AssociationWeights
    samples: tuple[str, ...]
    groups: tuple[tuple[tuple[int, ...], Path], ...]
    n_used: np.ndarray
    counts: dict[str, int]

    def blocks(self, tissue: str, at_once: int) -> Iterator[tuple[Sequence[str], np.ndarray]]:
        """Some people and their values of a tissue's genes, (people, genes) float32, in the order of the weights."""
        own = [place for place, gene in enumerate(self.weights.genes) if gene.tissue == tissue]
        column_of = {place: column for column, place in enumerate(own)}
        arrays = [
            (
                np.load(path, mmap_mode="r"),
                [(row, column_of[place]) for row, place in enumerate(genes) if place in column_of],
            )
            for genes, path in self.groups
        ]
        for first in range(0, len(self.samples), at_once):
            people = self.samples[first : first + at_once]
            values = np.empty((len(people), len(own)), dtype=np.float32)
            for array, pairs in arrays:
                for row, column in pairs:
                    values[:, column] = array[row, first : first + at_once]
            yield people, values


def predict_people(
    weights: AssociationWeights,
    file: VariantDosages,
    folder: Path,
    key: str,
    *,
    constants: bool = True,
    on_group: Callable[[int, int], None] = lambda done, total: None,
) -> PredictedPeople:
    """Predict people's expression, group by group of neighbouring genes, each kept in a file.

    Args:
        weights: in their one spelling.
        file: of the people.
        folder: for the groups that are done; the same call goes on from it.
        key: of all that the numbers depend on.
        constants: whether genes' constants are added.
        on_group: called with (genes x tissues that are done, all).

    Raises:
        InputError: the folder is of another run; the file has none of the variants, or, of one person, no record on any
            of their chromosomes; it cannot be read.
    """
    if file.is_alone:
        check_has_records(
            file.reference,
            genotype_source(file.vcf),
            {each.chrom for each in weights.variants},
            "Check that it is the right file: it has to hold the person's records of the weights' chromosomes.",
        )
    _claim(folder, key)
    most = max(1, _BYTES_OF_SUMS // (8 * len(file.samples)))
    groups: list[tuple[tuple[int, ...], Path]] = []
    n_used, counts = np.zeros(len(weights.genes), dtype=np.int64), Counter[str]()
    done = 0
    for number, group in enumerate(neighbouring(weights, most_genes=most, most_variants=_VARIANTS_AT_ONCE)):
        on_group(done, len(weights.genes))
        values, notes = folder / f"{number:06d}.npy", folder / f"{number:06d}.json"
        if not notes.is_file():
            sums = group_sums(weights, group, file, constants=constants)
            with whole_file(values) as partial:
                np.save(partial, sums.values.astype(np.float32))
            with whole_file(notes) as partial:
                partial.write_text(json.dumps({"n_used": sums.n_used.tolist(), "counts": dict(sums.counts)}))
        said: dict[str, Any] = json.loads(notes.read_text())
        n_used[list(group.genes)] = said["n_used"]
        counts.update(said["counts"])
        groups.append((group.genes, values))
        done += len(group.genes)
    on_group(done, len(weights.genes))
    if not counts[FOUND] and not file.is_alone:
        raise InputError(
            f"has none of the {counts[ABSENT]:,} variants of the weights",
            file=genotype_source(file.vcf),
            remedy="Give genotypes of the weights' assembly, with the variants that they were fitted to.",
        )
    return PredictedPeople(weights, tuple(file.samples), tuple(groups), n_used, dict(sorted(counts.items())))


def _claim(folder: Path, key: str) -> None:
    """Make a folder that of a run, or go on in it.

    Raises:
        InputError: it is of another one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    of_run = folder / KEY_FILE
    if of_run.is_file():
        if json.loads(of_run.read_text()) != {"key": key}:
            raise InputError("is of another run", file=folder, remedy="Remove it, or give the arguments of that run.")
        return
    if any(folder.iterdir()):
        raise InputError("holds other files", file=folder, remedy="Name another output.")
    with whole_file(of_run) as partial:
        partial.write_text(json.dumps({"key": key}))
