"""Values of one gene after another, of the model's genes, and the distribution of each tissue's."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from ..errors import InputError
from ..genome.genes import GeneTable
from .expression_sources import ExpressionSource

VALUES_SCHEMA = pa.schema(
    [
        ("sample", pa.int32()),
        ("gene", pa.int32()),
        ("value", pa.float32()),
    ]
)


@dataclass(frozen=True, slots=True)
class GeneValues:
    """Values of one gene: its row in the table, samples (numbered over all sources), as the source gives them."""

    gene: int
    samples: np.ndarray
    values: np.ndarray

    def chosen(self, which: np.ndarray) -> "GeneValues":
        """Those of some samples."""
        return GeneValues(self.gene, self.samples[which], self.values[which])

    def table(self, is_tpm: bool) -> pa.Table:
        """Rows in :data:`VALUES_SCHEMA`, of TPM the log1p."""
        return pa.table(
            {
                "sample": self.samples.astype(np.int32),
                "gene": np.full(len(self.samples), self.gene, dtype=np.int32),
                "value": np.log1p(self.values) if is_tpm else self.values,
            },
            schema=VALUES_SCHEMA,
        )


class GeneFinder:
    """Rows of the gene table by stable id or symbol."""

    def __init__(self, table: GeneTable) -> None:
        self._of_id = {gene.gene_id.split(".")[0]: row for row, gene in enumerate(table.genes)}
        names = Counter(gene.gene_name for gene in table.genes)
        # A symbol of several genes is none's.
        self._of_name = {gene.gene_name: row for row, gene in enumerate(table.genes) if names[gene.gene_name] == 1}

    def find(self, name: str, kind: str) -> int | None:
        """Row of a gene; None = the table does not have it."""
        found = self._of_id.get(name.split(".", maxsplit=1)[0])
        return self._of_name.get(name) if found is None and kind == "symbol" else found


def map_genes(source: ExpressionSource, finder: GeneFinder, first: int, dropped: Counter[str]) -> Iterator[GeneValues]:
    """Values of a source's genes that the table has, samples numbered from ``first`` on; what is dropped is counted.

    Raises:
        InputError: a value is infinite, or negative where it is to be TPM.
    """
    seen: set[int] = set()
    for name, values in source.values():
        gene = finder.find(name, source.gene_names)
        if gene is None:
            dropped["gene not in the table"] += int((~np.isnan(values)).sum())
            continue
        if gene in seen:
            dropped["gene twice in the file"] += int((~np.isnan(values)).sum())
            continue
        seen.add(gene)
        if np.isinf(values).any() or (source.is_tpm and (values < 0).any()):
            problem = "has an infinite value" if np.isinf(values).any() else "has a negative value"
            remedy = (
                "Give TPM, not logarithms." if source.is_tpm else "Give numbers, and NaN where nothing was measured."
            )
            raise InputError(problem, file=source.path, record=name, remedy=remedy)
        there = ~np.isnan(values)
        dropped["not measured"] += int((~there).sum())
        yield GeneValues(gene, np.flatnonzero(there) + first, values[there].astype(np.float32))


class TissueValues:
    """Values of tissues on disk, for exact percentiles of more than memory holds."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._paths: dict[str, Path] = {}

    def add(self, tissues: Sequence[str], values: np.ndarray) -> None:
        """Keep values of samples of some tissues."""
        names = np.asarray(tissues, dtype=object)
        for name in dict.fromkeys(tissues):
            path = self._paths.setdefault(name, self._folder / f"tissue-{len(self._paths)}.f32")
            with path.open("ab") as file:
                values[names == name].astype(np.float32).tofile(file)

    def percentiles(self, percentile: float) -> dict[str, float]:
        """The percentile of each tissue's values."""
        return {
            name: float(np.percentile(np.fromfile(path, dtype=np.float32), percentile))
            for name, path in self._paths.items()
        }
