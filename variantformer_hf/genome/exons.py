"""Exons of genes: what of a gene's body ends up in its RNA."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError
from .genes import Gene, feature_attributes, feature_fields
from .intervals import union
from .table_files import read_parquet, write_parquet

if TYPE_CHECKING:
    import pyarrow as pa

_COLUMNS = ("gene_id", "start", "end")


class ExonTable:
    """Exons of genes, those of all transcripts together.

    Args:
        exons: gene id -> (E, 2) int64, 0-based half-open on the gene's contig, sorted and without overlap.
    """

    def __init__(self, exons: Mapping[str, np.ndarray]) -> None:
        self._exons = dict(exons)

    @classmethod
    def read_features(cls, path: str | Path, genes: Iterable[Gene]) -> "ExonTable":
        """Exons of a GTF or GFF3, of genes of a table.

        Raises:
            InputError: a record cannot be read, or no gene has an exon.
        """
        path = Path(path)
        wanted = {gene.gene_id for gene in genes}
        parents: dict[str, str] = {}
        found: dict[str, list[tuple[int, int]]] = {}
        for record, fields in feature_fields(path):
            if fields[2] != "exon" and "Parent=" not in fields[8]:
                continue
            attributes = feature_attributes(fields[8])
            gene_id = attributes.get("gene_id")
            if gene_id is None:  # a GFF3 whose exons name a transcript, which names the gene
                parent = attributes.get("Parent", "").removeprefix("transcript:").removeprefix("gene:")
                gene_id = parents.get(parent, parent)
                parents[attributes.get("ID", "").removeprefix("transcript:")] = gene_id
            if fields[2] != "exon" or gene_id not in wanted:
                continue
            if not (fields[3].isdecimal() and fields[4].isdecimal()) or not 0 < int(fields[3]) <= int(fields[4]):
                raise InputError("is no stretch of the contig", file=path, record=record)
            found.setdefault(gene_id, []).append((int(fields[3]) - 1, int(fields[4])))
        if not found:
            raise InputError("has no exon of the genes", file=path, remedy="Give a GTF with features `exon`.")
        return cls({gene_id: union(*np.array(each).T) for gene_id, each in found.items()})

    @classmethod
    def read(cls, path: str | Path) -> "ExonTable":
        """Read what :meth:`save` wrote.

        Raises:
            InputError: the file is damaged.
        """
        table = read_parquet(Path(path), _COLUMNS)
        genes = np.array(table["gene_id"].to_pylist(), dtype=object)
        places = np.stack([table[name].to_numpy() for name in _COLUMNS[1:]], axis=1).astype(np.int64)
        first = np.flatnonzero(np.append(True, genes[1:] != genes[:-1])) if len(genes) else np.zeros(0, np.int64)
        parts = np.split(places, first[1:]) if len(genes) else []
        return cls(dict(zip(genes[first].tolist(), parts, strict=True)))

    def save(self, path: str | Path) -> None:
        """Write as Parquet."""
        write_parquet(self.table, path)

    @property
    def table(self) -> "pa.Table":
        """A row an exon: gene_id, start, end, 0-based half-open."""
        import pyarrow as pa

        ids = [gene_id for gene_id, each in self._exons.items() for _ in each]
        places = np.concatenate([np.zeros((0, 2), np.int64), *self._exons.values()])
        return pa.table({"gene_id": pa.array(ids, pa.string()), "start": places[:, 0], "end": places[:, 1]})

    def of(self, gene: Gene) -> np.ndarray:
        """(E, 2) int64 exons of a gene; E = 0 where none is known."""
        return self._exons.get(gene.gene_id, np.zeros((0, 2), dtype=np.int64))
