"""What a run of predictions gives."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..genome.genes import Gene
from ..zoo.outputs import Tissue
from ..zoo.units import Unit
from .parts import DoneGene, PartFolder
from .query import RejectedName

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class GenePrediction:
    """One person's prediction of one gene in the tissues of a run.

    Attributes:
        sample: the person.
        gene: the gene.
        status: ``ok``; ``no_variants`` (the person reads as the reference there); else there is no number (NaN):
            ``not_in_vcf`` (the file has no record on the chromosome), ``all_skipped`` (it has some in the gene's
            regions, and the genotype of none could be used), ``no_cres`` or ``gene_deleted`` (nothing to predict from),
            ``not_finite`` (the model gave NaN or infinity).
        n_cres: cCREs within reach.
        records_in_windows, records_applied: distinct records of the person's file in the gene's regions, and those
            that changed a sequence.
        values: (T,) float32 in the model's unit.
        embeddings: (T, width) float32, or None when not asked for.
        reason: why none of the records was used, see ``RecordUse``; "" where one was or there is none.
    """

    sample: str
    gene: Gene
    status: str
    n_cres: int
    records_in_windows: int
    records_applied: int
    values: np.ndarray
    embeddings: np.ndarray | None
    reason: str = ""

    @classmethod
    def of(cls, done: DoneGene, sample: str, gene: Gene) -> "GenePrediction":
        """What a run kept of it."""
        return cls(
            sample=sample,
            gene=gene,
            status=done.status,
            n_cres=done.n_cres,
            records_in_windows=done.records_in_windows,
            records_applied=done.records_applied,
            values=done.values,
            embeddings=done.embeddings,
            reason=done.reason,
        )


@dataclass(frozen=True)
class PredictionResult:
    """A finished run.

    Attributes:
        table: one row per sample, gene and tissue: sample, gene_id, gene_name, tissue, log1p_tpm and tpm (of a model
            in another unit: expression), status, reason.
        embeddings: (rows of ``table``, width) float32 in the table's row order, or None when not asked for.
        genes: one row per sample and gene: what was read, applied and cut.
        rejected: names that were asked for and not predicted.
        report: the match report and the run's provenance, ready for JSON.
        is_writer: whether this process, of several, is the one to write the output.
        parts: what was kept on disk during the run, or None.
    """

    table: "pd.DataFrame"
    embeddings: np.ndarray | None
    genes: "pd.DataFrame"
    rejected: tuple[RejectedName, ...]
    report: dict[str, Any]
    is_writer: bool = True
    parts: PartFolder | None = None

    def remove_parts(self) -> None:
        """Remove what was kept on disk during the run, once the output is written."""
        if self.parts is not None and self.is_writer:
            self.parts.remove()


def tidy_table(predictions: Sequence[GenePrediction], tissues: Sequence[Tissue], unit: Unit) -> "pd.DataFrame":
    """One row per sample, gene and tissue.

    Returns:
        sample, gene_id, gene_name, tissue, the unit's column (log1p_tpm, and tpm; or expression; float32), status,
        reason (NA where there is none).
    """
    import pandas as pd

    values = _concatenated([prediction.values for prediction in predictions])

    def of_gene(values: Sequence[str | None]) -> np.ndarray:
        return np.repeat(np.asarray(values, dtype=object), len(tissues))

    return pd.DataFrame(
        {
            "sample": of_gene([prediction.sample for prediction in predictions]),
            "gene_id": of_gene([prediction.gene.gene_id for prediction in predictions]),
            "gene_name": of_gene([prediction.gene.gene_name for prediction in predictions]),
            "tissue": np.tile(np.asarray([tissue.name for tissue in tissues], dtype=object), len(predictions)),
            unit.column: values,
            **({"tpm": np.expm1(values)} if unit.is_log1p_tpm else {}),
            "status": of_gene([prediction.status for prediction in predictions]),
            "reason": of_gene([prediction.reason or None for prediction in predictions]),
        }
    ).astype({"reason": "string"})


def gene_table(predictions: Sequence[GenePrediction]) -> "pd.DataFrame":
    """One row per sample and gene: sample, gene_id, gene_name, status, reason, n_cres, the counts of records."""
    import pandas as pd

    columns = ("sample", "gene_id", "gene_name", "status", "reason", "n_cres", "records_in_windows", "records_applied")
    rows = [
        (
            p.sample,
            p.gene.gene_id,
            p.gene.gene_name,
            p.status,
            p.reason or None,
            p.n_cres,
            p.records_in_windows,
            p.records_applied,
        )
        for p in predictions
    ]
    return pd.DataFrame(rows, columns=list(columns)).astype({"reason": "string"})


def stacked_embeddings(predictions: Sequence[GenePrediction]) -> np.ndarray:
    """(rows of the table, width) float32."""
    return _concatenated([prediction.embeddings for prediction in predictions if prediction.embeddings is not None])


def counted(predictions: Sequence[GenePrediction], what: str) -> dict[str, dict[str, int]]:
    """Sample -> how many of its genes have each status, or each reason."""
    counts: dict[str, dict[str, int]] = {}
    for each in predictions:
        of_sample = counts.setdefault(each.sample, {})
        value = str(getattr(each, what))
        of_sample[value] = of_sample.get(value, 0) + 1
    return counts


def _concatenated(parts: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate(parts) if parts else np.empty(0, dtype=np.float32)
