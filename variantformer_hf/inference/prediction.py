"""What a run of predictions gives."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError
from ..genome.genes import Gene
from ..zoo.units import Unit
from .predicted import PredictedGenes
from .query import RejectedName
from .run_folder import RunFolder

if TYPE_CHECKING:
    import pandas as pd

# Memory that a row of a table takes at its peak, made and written in a layout (`python -m benchmarks.memory.table`).
_BYTES_A_ROW, _BYTES_A_ROW_AS = 207, {"h5ad": 327}


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
    parts: RunFolder | None = None

    def remove_parts(self) -> None:
        """Remove what was kept on disk during the run, once the output is written."""
        if self.parts is not None and self.is_writer:
            self.parts.remove()


def check_table_memory(
    n_people: int, n_genes: int, n_tissues: int, limit: int, remedy: str, layout: str = "tidy"
) -> None:
    """Refuse a table that would take more memory than a run may have.

    Args:
        n_people, n_genes, n_tissues: of the table.
        limit: bytes.
        remedy: what to do.
        layout: in which it is written.

    Raises:
        InputError: it says how many rows and bytes that would be.
    """
    rows = n_people * n_genes * n_tissues
    needed = rows * _BYTES_A_ROW_AS.get(layout, _BYTES_A_ROW)
    if needed > limit:
        raise InputError(
            f"a table of {n_people:,} people x {n_genes:,} genes x {n_tissues:,} tissues has {rows:,} rows, which "
            f"as {layout} take about {needed / 2**30:,.3g} GB of memory (at most: {limit / 2**30:,.3g} GB)",
            remedy=remedy,
        )


def tidy_table(
    found: PredictedGenes, samples: Sequence[str], genes: Sequence[Gene], tissues: Sequence[str], unit: Unit
) -> "pd.DataFrame":
    """One row per sample, gene and tissue.

    Args:
        found: the predictions, of P people and G genes.
        samples: (P,) the people's names.
        genes: (G,) the genes.
        tissues: (T,) names.
        unit: of the predictions.

    Returns:
        sample, gene_id, gene_name, tissue, the unit's column (log1p_tpm, and tpm; or expression; float32), status,
        reason (NA where there is none).
    """
    import pandas as pd

    n_people, n_genes, n_tissues = found.values.shape
    values = found.values.ravel()
    status, times = found.status_of_values()

    def of_gene(names: Sequence[str]) -> np.ndarray:
        return np.tile(np.repeat(np.asarray(names, dtype=object), n_tissues), n_people)

    return pd.DataFrame(
        {
            "sample": np.repeat(np.asarray(samples, dtype=object), n_genes * n_tissues),
            "gene_id": of_gene([gene.gene_id for gene in genes]),
            "gene_name": of_gene([gene.gene_name for gene in genes]),
            "tissue": np.tile(np.asarray(tissues, dtype=object), n_people * n_genes),
            unit.column: values,
            **({"tpm": np.expm1(values)} if unit.is_log1p_tpm else {}),
            "status": np.repeat(status.ravel(), times),
            "reason": np.repeat(_or_none(found.reason), n_tissues),
        }
    ).astype({"reason": "string"})


def gene_table(found: PredictedGenes, samples: Sequence[str], genes: Sequence[Gene]) -> "pd.DataFrame":
    """One row per sample and gene: sample, gene_id, gene_name, status, reason, n_cres, the counts of records."""
    import pandas as pd

    n_people, n_genes = found.status.shape
    names = {name: np.asarray([getattr(gene, name) for gene in genes], dtype=object) for name in _NAMES}
    return pd.DataFrame(
        {
            "sample": np.repeat(np.asarray(samples, dtype=object), n_genes),
            **{name: np.tile(column, n_people) for name, column in names.items()},
            "status": found.status.ravel(),
            "reason": _or_none(found.reason),
            **{name: getattr(found, name).ravel().astype(np.int64) for name in _NUMBERS},
        }
    ).astype({"reason": "string"})


_NAMES = ("gene_id", "gene_name")
_NUMBERS = ("n_cres", "records_in_windows", "records_applied")


def _or_none(reasons: np.ndarray) -> np.ndarray:
    return np.array([reason or None for reason in reasons.ravel()], dtype=object)
