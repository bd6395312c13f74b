"""What a run's folder holds predictions of, and what they depend on: its file ``_run.json``."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from ..errors import InputError
from ..genome.genes import Gene, GeneTable
from ..run_key import run_key
from ..zoo.units import Unit, unit_named
from .run_plan import Cut

RUN_FILE = "_run.json"
_FORMAT = 1
_OF_A_GENE = ("gene_id", "gene_name", "chrom", "start", "end", "strand")

Layout = Literal["parquet", "zarr", "embeddings"]
_BOTH = ("float32", "float16")
_DTYPES = {"parquet": ("float32",), "zarr": _BOTH, "embeddings": _BOTH}


def check_dtype(layout: Layout, dtype: str) -> None:
    """Refuse a type of numbers that a layout does not hold.

    Raises:
        InputError: it names those that it does.
    """
    if dtype not in _DTYPES[layout]:
        raise InputError(
            f"a dataset of the layout {layout} holds no {dtype}",
            remedy=f"It holds {' or '.join(_DTYPES[layout])}; zarr holds both.",
        )


@dataclass(frozen=True, slots=True)
class RunContents:
    """Whose predictions a folder holds, of which genes and tissues, and how they lie there.

    Attributes:
        samples, genes, tissues: in the order in which they were asked for; units name them by their place.
        unit: of the predictions.
        description: all that the predictions depend on.
        cut: the run's units.
        genes_along: places of the genes, along the genome.
        layout: files of rows, chunks of arrays, or a store of embeddings.
        dtype: of the values, in a store of the embeddings: ``float32`` or ``float16``.
        embedding_width: numbers in an embedding; 0 = none are kept.
    """

    samples: Sequence[str]
    genes: Sequence[Gene]
    tissues: Sequence[str]
    unit: Unit
    description: dict[str, Any]
    cut: Cut
    genes_along: Sequence[int]
    layout: Layout = "parquet"
    dtype: str = "float32"
    embedding_width: int = 0

    @property
    def key(self) -> str:
        """What tells this run from others; the same however it is cut."""
        return run_key({**self.description, "layout": self.layout, "dtype": self.dtype})

    @property
    def gene_table(self) -> GeneTable:
        """The genes, to be found by name."""
        return GeneTable(self.genes)

    def cut_as(self, cut: Cut) -> "RunContents":
        """The same run in other units."""
        return replace(self, cut=cut)

    def packed(self) -> bytes:
        """As the content of ``_run.json``."""
        content = {
            "format": _FORMAT,
            "key": self.key,
            "layout": self.layout,
            "dtype": self.dtype,
            "unit": self.unit.name,
            "embedding_width": self.embedding_width,
            "cut": asdict(self.cut),
            "genes_along": list(self.genes_along),
            "tissues": list(self.tissues),
            "samples": list(self.samples),
            "genes": [[getattr(gene, name) for name in _OF_A_GENE] for gene in self.genes],
            "run": self.description,
        }
        return json.dumps(content, default=str).encode()

    @classmethod
    def unpacked(cls, content: bytes) -> "RunContents | None":
        """From the content of ``_run.json``; None = it is not what was written."""
        try:
            found = json.loads(content)
            contents = cls(
                samples=found["samples"],
                genes=[Gene(**dict(zip(_OF_A_GENE, gene, strict=True))) for gene in found["genes"]],
                tissues=found["tissues"],
                unit=unit_named(found["unit"]),
                description=found["run"],
                cut=Cut(**found["cut"]),
                genes_along=found["genes_along"],
                layout=found["layout"],
                dtype=found["dtype"],
                embedding_width=found.get("embedding_width", 0),  # a dataset of before the stores has none
            )
        except (ValueError, KeyError, TypeError):
            return None
        # Written by json.dumps, its description has the same key as before.
        return contents if found.get("format") == _FORMAT and found.get("key") == contents.key else None
