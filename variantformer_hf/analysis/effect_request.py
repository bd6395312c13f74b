"""What is to be scored: rows, tissues and zygosities."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import InputError
from ..genome.genes import Gene
from ..genome.genotype_edits import GENOTYPES
from ..genome.variant import Variant
from ..genome.variant_table import VariantRow
from ..inference.query import Query
from ..zoo.outputs import Tissue

ZYGOSITIES = ("het", "hom", "haplotype1", "haplotype2")


@dataclass(frozen=True)
class AskedRow:
    """A row, and the genes and tissues that it names; none = those of the call."""

    row: VariantRow
    genes: tuple[Gene, ...]
    tissues: tuple[Tissue, ...]

    @property
    def variant(self) -> Variant:
        return self.row.variant


@dataclass(frozen=True)
class EffectRequest:
    """What is scored, whatever the gene and the background."""

    rows: Sequence[AskedRow]
    query: Query
    zygosity: tuple[str, ...]
    with_embeddings: bool
    phase_shifts: int

    @property
    def tissue_ids(self) -> list[int]:
        return [tissue.id for tissue in self.query.tissues]

    @property
    def tissue_names(self) -> list[str]:
        return [tissue.name for tissue in self.query.tissues]

    def tissues_of(self, row: AskedRow) -> np.ndarray:
        """Places among the tissues of those that a row asks for."""
        if not row.tissues:
            return np.arange(len(self.query.tissues))
        return np.array([self.tissue_ids.index(tissue.id) for tissue in row.tissues], dtype=int)


def listed_names(row: VariantRow, name: str) -> list[str]:
    """Names in a row's column, separated by commas or semicolons."""
    text = row.annotations.get(name, "").replace(";", ",")
    return [entry.strip() for entry in text.split(",") if entry.strip()]


def checked_zygosity(zygosity: Sequence[str]) -> tuple[str, ...]:
    names = (zygosity,) if isinstance(zygosity, str) else tuple(dict.fromkeys(zygosity))
    unknown = [name for name in names if name not in ZYGOSITIES]
    if unknown or not names:
        raise InputError(
            f"there is no zygosity {', '.join(unknown) or 'at all'}", remedy=f"Choose of {', '.join(ZYGOSITIES)}."
        )
    assert set(ZYGOSITIES) <= set(GENOTYPES)
    return names
