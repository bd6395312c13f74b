"""The variants that a model of dosages reads of each gene, and their means over the people that it was fitted to."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ...errors import InputError
from ...files import whole_file
from ...genome.genes import GeneTable

_COLUMNS = ("gene_id", "chrom", "pos", "ref", "alt", "mean_dosage")
_REMEDY = "Fit the model again."


@dataclass(frozen=True, slots=True, eq=False)
class GeneVariants:
    """Variants of one gene, SNVs, by position, REF and ALT.

    Attributes:
        position: (V,) int64, 0-based.
        ref, alt: (V,) uint8, upper-case letters.
        mean: (V,) float32, copies of ALT that a person of the fit carried on average.
    """

    position: np.ndarray
    ref: np.ndarray
    alt: np.ndarray
    mean: np.ndarray

    def __len__(self) -> int:
        return len(self.position)

    def chosen(self, which: np.ndarray) -> "GeneVariants":
        """Some of them."""
        return GeneVariants(self.position[which], self.ref[which], self.alt[which], self.mean[which])

    @classmethod
    def nothing(cls) -> "GeneVariants":
        """None."""
        letters = np.zeros(0, dtype=np.uint8)
        return cls(np.zeros(0, dtype=np.int64), letters, letters, np.zeros(0, dtype=np.float32))


@dataclass(frozen=True, slots=True, eq=False)
class ModelVariants:
    """Variants of all genes of a model.

    Attributes:
        first: (genes + 1,) int64, variants of gene g are ``first[g]`` to ``first[g + 1]``.
        all: those of all genes, one gene's behind the other's.
    """

    first: np.ndarray
    all: GeneVariants

    @classmethod
    def of_genes(cls, each: Sequence[GeneVariants]) -> "ModelVariants":
        """Those of genes in their order."""
        parts = [GeneVariants.nothing(), *each]
        columns = (np.concatenate([getattr(part, name) for part in parts]) for name in GeneVariants.__slots__)
        return cls(
            np.concatenate([[0], np.cumsum([len(part) for part in each])]).astype(np.int64), GeneVariants(*columns)
        )

    def of(self, gene: int) -> GeneVariants:
        """Those of a gene."""
        return self.all.chosen(np.arange(self.first[gene], self.first[gene + 1]))

    def digest(self) -> str:
        """SHA-256 of their content."""
        content = hashlib.sha256(self.first.tobytes())
        for name in GeneVariants.__slots__:
            content.update(np.ascontiguousarray(getattr(self.all, name)).tobytes())
        return content.hexdigest()

    def save(self, path: Path, genes: GeneTable) -> None:
        """Write them as Parquet: gene_id, chrom, pos (from 1), ref, alt, mean_dosage."""
        of_gene = np.repeat(np.arange(len(genes), dtype=np.int32), np.diff(self.first))
        table = {
            "gene_id": pa.DictionaryArray.from_arrays(of_gene, [gene.gene_id for gene in genes]),
            "chrom": pa.DictionaryArray.from_arrays(of_gene, [gene.chrom for gene in genes]).cast(pa.string()),
            "pos": self.all.position + 1,
            "ref": _letters(self.all.ref),
            "alt": _letters(self.all.alt),
            "mean_dosage": self.all.mean,
        }
        with whole_file(path) as partial:
            pq.write_table(pa.table(table), partial)

    @classmethod
    def read(cls, path: Path, genes: GeneTable) -> "ModelVariants":
        """Read them.

        Raises:
            InputError: it is no such table, or of other genes.
        """
        try:
            table = pq.read_table(path, columns=list(_COLUMNS))
            number = {gene.gene_id: row for row, gene in enumerate(genes)}
            of_gene = np.array([number[name] for name in table["gene_id"].to_pylist()], dtype=np.int64)
            ref, alt = (np.array([ord(each) for each in table[name].to_pylist()], np.uint8) for name in ("ref", "alt"))
            position = table["pos"].to_numpy().astype(np.int64) - 1
            mean = table["mean_dosage"].to_numpy().astype(np.float32)
        except (OSError, ValueError, KeyError, TypeError, pa.ArrowException) as error:
            raise InputError(f"is no table of this model's variants ({error})", file=path, remedy=_REMEDY) from error
        if (np.diff(of_gene) < 0).any() or not ((mean >= 0) & (mean <= 2)).all():
            raise InputError("has genes out of order, or a mean that is no dosage", file=path, remedy=_REMEDY)
        first = np.searchsorted(of_gene, np.arange(len(genes) + 1)).astype(np.int64)
        return cls(first, GeneVariants(position, ref, alt, mean))


def _letters(codes: np.ndarray) -> pa.Array:
    return pa.array([chr(code) for code in codes.tolist()], pa.string())
