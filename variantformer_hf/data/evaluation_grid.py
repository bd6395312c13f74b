"""The values that predictions are held against: measured genes by samples of people who were held out."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError
from ..genome.genes import GeneTable, stable_id
from .measured import Measured
from .splits import Split, with_chr

if TYPE_CHECKING:
    import pandas as pd

WHOLE, TEST, VALIDATION = "all", "test", "validation"


@dataclass(frozen=True)
class EvaluationGrid:
    """What is evaluated, before it is known which values were predicted.

    Attributes:
        observed: (genes, samples) float32, NaN where nothing was measured, or where a value was trained on.
        genes: gene_id (stable), gene_name, gene_type, chromosome, gene_part of each row; what is not known is "". Of
            folds that hold out different genes the part is ``test`` of genes that any of them tests.
        samples: cohort, donor, tissue, is_cell_line, fold (-1 without folds, or where the cohort's folds are of
            chromosomes), donor_part, and what the list of people adds, of each column.
        gene_folds: cohort -> (genes,) the fold that holds a gene out, -1 = none, where its folds are of chromosomes.
        donors: of the expression, before any split.
        trained: (cohort, donor) in the train part.
        scale: of the values.
        left_out: reason -> values or samples, as the reason says.
        files: of the expression.
        fold_parts: (genes, folds) the part of each gene in each fold, "" = none; None where it is the same in all.
    """

    observed: np.ndarray
    genes: "pd.DataFrame"
    samples: "pd.DataFrame"
    donors: tuple[str, ...]
    trained: frozenset[tuple[str, str]]
    scale: str
    gene_folds: Mapping[str, np.ndarray] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    fold_parts: np.ndarray | None = None

    @property
    def is_tested(self) -> np.ndarray:
        """(samples,) whether a sample is one that models are tested on, and no validation donor's."""
        return (self.samples["donor_part"] != VALIDATION).to_numpy()

    @property
    def has_value(self) -> np.ndarray:
        """(genes, samples) whether models are tested on a value: of each gene, donor and tissue once."""
        there = ~np.isnan(self.observed) & self.is_tested
        if self.fold_parts is not None:
            for number in range(self.fold_parts.shape[1]):
                here = (self.samples["fold"] == number).to_numpy()
                there[:, here] &= self.fold_parts[:, [number]] == TEST
        return there


def evaluation_grid(
    measured: Measured,
    splits: Sequence[Split] = (),
    genes: GeneTable | None = None,
    *,
    split_file: Path | None = None,
    with_validation: bool = True,
) -> EvaluationGrid:
    """What a split holds out of measured expression, or all of it without one.

    Args:
        measured: of the people of the list.
        splits: one, or folds; of folds each value is that of the fold that tests it.
        genes: names, types and chromosomes.
        split_file: for messages.
        with_validation: samples of validation donors stand beside those of test donors; of folds that is right only
            where each fold has predictions of its own.

    Raises:
        InputError: nothing is held out; a cohort is split by chromosomes, and no gene table says where genes lie.
    """
    import pandas as pd

    table = gene_frame(measured.genes, genes)
    if not splits:
        samples = measured.samples.assign(fold=-1, donor_part=WHOLE)
        donors = tuple(dict.fromkeys(samples["donor"]))
        frame = table.assign(gene_part=WHOLE)
        return EvaluationGrid(
            measured.values, frame, samples, donors, frozenset(), measured.scale, {}, measured.left_out, measured.files
        )
    left_out: Counter[str] = Counter(measured.left_out)
    by_chromosome = {cohort for split in splits for cohort in split.chromosomes}
    of_chromosomes = measured.samples["cohort"].isin(by_chromosome).to_numpy()
    if of_chromosomes.any() and (table["chromosome"] == "").all():
        raise InputError(
            f"holds out chromosomes of {sorted(by_chromosome)[0]}, and nothing says where genes lie",
            file=split_file,
            remedy="Give a GTF: --genes FILE.gtf.",
        )
    keys = list(zip(measured.samples["cohort"], measured.samples["donor"], strict=True))
    columns, frames = [], []
    several = len(splits) > 1
    for number, split in enumerate(splits):
        parts = np.array([split.donors.get(cohort, {}).get(donor, "") for cohort, donor in keys], dtype=object)
        for part in (TEST, VALIDATION) if with_validation else (TEST,):
            chosen = np.flatnonzero((parts == part) & ~of_chromosomes)
            columns.append(chosen)
            frames.append(pd.DataFrame({"fold": [number if several else -1] * len(chosen), "donor_part": part}))
    lines = np.flatnonzero(of_chromosomes)
    columns.append(lines)
    frames.append(pd.DataFrame({"fold": [-1] * len(lines), "donor_part": TEST}))
    places = np.concatenate(columns)
    known = {key for split in splits for key in _donors(split)}
    used = {keys[place] for place in places}
    trained = frozenset(key for key in set(keys) - used if key in known)
    outside = [key not in used and key not in trained for key in keys]
    left_out["samples of donors that the split does not know"] += sum(outside)
    left_out["samples of donors that are trained on"] += sum(key in trained for key in keys)
    if not len(places):
        raise InputError(
            "holds out none of the donors of the expression: all of them are trained on, or not in it",
            file=split_file,
            remedy="Give the split that the model was trained with, and the expression of its test donors.",
        )
    kept = measured.chosen(places)
    frame = pd.concat(frames, ignore_index=True)
    samples = kept.samples.assign(fold=frame["fold"].to_numpy(), donor_part=frame["donor_part"].to_numpy())
    parts, differ = _gene_parts(splits, measured.genes)
    table["gene_part"] = np.where((parts == TEST).any(axis=1), TEST, parts[:, 0]) if differ else parts[:, 0]
    observed, in_split = kept.values, (parts != "").any(axis=1)
    if not in_split.all():
        left_out["values of genes that the split does not name"] += int((~np.isnan(observed[~in_split])).sum())
        observed, table, parts = observed[in_split], table[in_split].reset_index(drop=True), parts[in_split]
    if differ and not with_validation:
        parts = np.where(parts == TEST, TEST, "").astype(object)
    if differ:
        for number in range(len(splits)):
            here = (samples["fold"] == number).to_numpy()
            observed[np.ix_(parts[:, number] == "", here)] = np.nan
    gene_folds = {}
    for cohort in sorted(by_chromosome & set(samples["cohort"])):
        fold = _chromosome_fold(splits, cohort, table["chromosome"], parts if differ else None)
        here = (samples["cohort"] == cohort).to_numpy()
        trained_on = np.ix_(fold < 0, here)
        left_out["values of chromosomes that are trained on"] += int((~np.isnan(observed[trained_on])).sum())
        observed[trained_on] = np.nan
        gene_folds[cohort] = fold
    donors = tuple(dict.fromkeys(measured.samples["donor"]))
    return EvaluationGrid(
        observed,
        table,
        samples,
        donors,
        trained,
        measured.scale,
        gene_folds,
        left_out,
        measured.files,
        parts if differ else None,
    )


def _gene_parts(splits: Sequence[Split], genes: Sequence[str]) -> tuple[np.ndarray, bool]:
    """(genes, folds) the part of each gene, "" = the fold does not name it; whether folds have different ones."""
    parts = np.empty((len(genes), len(splits)), dtype=object)
    for number, split in enumerate(splits):
        parts[:, number] = [(split.gene_part(gene) or "") if split.genes else WHOLE for gene in genes]
    return parts, bool((parts != parts[:, :1]).any())


def _chromosome_fold(
    splits: Sequence[Split], cohort: str, chromosomes: Iterable[str], parts: np.ndarray | None
) -> np.ndarray:
    """(genes,) the first fold that holds out a gene's chromosome in a cohort, -1 = none.

    Of folds that hold out different genes (``parts``) only the one that tests the gene comes into question.
    """
    named = [with_chr(chrom) if chrom else "" for chrom in chromosomes]
    fold = np.full(len(named), -1)
    for number in reversed(range(len(splits))):
        parts_of = splits[number].chromosomes.get(cohort, {})
        holds_out = np.array([parts_of.get(chrom) == TEST for chrom in named], dtype=bool)
        fold[holds_out if parts is None else holds_out & (parts[:, number] == TEST)] = number
    return fold


def gene_frame(gene_ids: Sequence[str], genes: GeneTable | None) -> "pd.DataFrame":
    """gene_id, gene_name, gene_type and chromosome of stable ids; what the table does not say is ""."""
    import pandas as pd

    known = {stable_id(gene.gene_id): gene for gene in reversed(genes.genes)} if genes is not None else {}
    rows = [
        (gene_id, gene.gene_name, gene.gene_type or "", gene.chrom)
        if (gene := known.get(gene_id)) is not None
        else (gene_id, "", "", "")
        for gene_id in gene_ids
    ]
    return pd.DataFrame(rows, columns=["gene_id", "gene_name", "gene_type", "chromosome"], dtype=object)


def _donors(split: Split) -> list[tuple[str, str]]:
    return [(cohort, donor) for cohort, donors in split.donors.items() for donor in donors]
