"""What a run finds: predictions of some people's genes as arrays, and the records that were met on the way."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..zoo.statuses import NO_VARIANTS, NOT_FITTED, WITH_NUMBER


@dataclass(frozen=True, slots=True)
class PredictedGenes:
    """Predictions of P people's G genes in T tissues.

    Attributes:
        people: (P,) numbers of the people in the run.
        genes: (G,) numbers of the genes in the run.
        values: (P, G, T) float32 in the model's unit; NaN where there is no number.
        status: (P, G) text: ``ok``; ``no_variants`` (the person reads as the reference there); else there is no number:
            ``not_in_vcf`` (the file has no record on the chromosome), ``all_skipped`` (it has some in the gene's
            regions, and the genotype of none could be used), ``no_cres`` or ``gene_deleted`` (nothing to predict from),
            ``not_finite`` (the model gave NaN or infinity).
        reason: (P, G) text: why none of the records was used, see ``RecordUse``; "" where one was or there is none.
        n_cres: (P, G) int32, cCREs within reach.
        records_in_windows, records_applied: (P, G) int32, distinct records of the person's file in the gene's regions,
            and those that changed a sequence.
        embeddings: (P, G, T, width) float32, or None when not asked for.
    """

    people: np.ndarray
    genes: np.ndarray
    values: np.ndarray
    status: np.ndarray
    reason: np.ndarray
    n_cres: np.ndarray
    records_in_windows: np.ndarray
    records_applied: np.ndarray
    embeddings: np.ndarray | None = None

    @classmethod
    def empty(
        cls, people: Sequence[int], genes: Sequence[int], n_tissues: int, width: int | None = None
    ) -> "PredictedGenes":
        """Room for predictions.

        Args:
            people, genes: their numbers in the run.
            n_tissues: how many.
            width: of the embeddings; None = none.
        """
        shape = len(people), len(genes)
        return cls(
            people=np.asarray(people, dtype=np.int64),
            genes=np.asarray(genes, dtype=np.int64),
            values=np.full((*shape, n_tissues), np.nan, dtype=np.float32),
            status=np.full(shape, "", dtype=object),
            reason=np.full(shape, "", dtype=object),
            n_cres=np.zeros(shape, dtype=np.int32),
            records_in_windows=np.zeros(shape, dtype=np.int32),
            records_applied=np.zeros(shape, dtype=np.int32),
            embeddings=None if width is None else np.full((*shape, n_tissues, width), np.nan, dtype=np.float32),
        )

    def status_of_values(self) -> tuple[np.ndarray, int]:
        """The status of each number: (P, G), each of all T tissues, and T; or (P, G, T) and 1.

        The latter where a gene that is predicted has no number in some tissues, as a baseline was not fitted in them.
        """
        lacks = np.isnan(self.values)
        if lacks.any():
            lacks &= np.isin(self.status, (*WITH_NUMBER, NO_VARIANTS))[..., None]
        if not lacks.any():
            return self.status, self.values.shape[-1]
        return np.where(lacks, NOT_FITTED, self.status[..., None]), 1

    def put(self, found: "PredictedGenes", tissues: np.ndarray | None = None) -> None:
        """Take over predictions of people and genes that have a place here; others are passed over.

        Args:
            found: the predictions.
            tissues: which of its tissues are those here; None = all.
        """
        rows, of_rows = _places(self.people, found.people)
        columns, of_columns = _places(self.genes, found.genes)
        here, there = np.ix_(rows, columns), np.ix_(of_rows, of_columns)
        for name in ("status", "reason", "n_cres", "records_in_windows", "records_applied"):
            getattr(self, name)[here] = getattr(found, name)[there]
        values = found.values[there]
        self.values[here] = values if tissues is None else values[..., tissues]
        if self.embeddings is not None and found.embeddings is not None:
            self.embeddings[here] = found.embeddings[there]


@dataclass(frozen=True, slots=True)
class PersonRecordsMet:
    """One person's distinct records in a piece of a unit.

    Attributes:
        person: number in the run.
        chrom: the contig.
        kinds, counts: (n,) what became of records (places in ``OUTCOMES``, -1 = read only) that no other unit reads,
            and how many records each stands for.
        keys, outcomes: (k,) of the records that other units may read too, each by itself.
        not_diploid: numbers for the calls on an autosome that were met first here and are not diploid.
        counted: what the model counts of the person's genes, see ``GeneInput.counted``.
    """

    person: int
    chrom: str
    kinds: np.ndarray
    counts: np.ndarray
    keys: np.ndarray
    outcomes: np.ndarray
    not_diploid: tuple[int, ...] = ()
    counted: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PredictedUnit:
    """A unit that is done.

    Attributes:
        predictions: of its people and genes.
        records: what was met of each person, a piece at a time.
        damage: what was met and mended in stores since the last unit of the same process, a sentence each.
    """

    predictions: PredictedGenes
    records: tuple[PersonRecordsMet, ...]
    damage: tuple[str, ...] = ()


def _places(wanted: np.ndarray, found: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places in both of the numbers that both have."""
    order = np.argsort(found, kind="stable")
    at = np.searchsorted(found, wanted, sorter=order)
    at = order[np.minimum(at, len(found) - 1)] if len(found) else np.zeros(len(wanted), dtype=np.int64)
    there = found[at] == wanted if len(found) else np.zeros(len(wanted), dtype=bool)
    return np.flatnonzero(there), at[there]
