"""The variants that a model of dosages reads of each gene, and their means over the people that it was fitted to."""

import hashlib
import re
from collections.abc import Mapping, Sequence
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
_ALLELE = re.compile("[ACGT]+")


@dataclass(frozen=True, slots=True, eq=False)
class GeneVariants:
    """Variants of one gene by position, REF and ALT: SNVs; maybe insertions, deletions and others, each in its one
    spelling (``VariantNormalizer``).

    Attributes:
        position: (V,) int64, 0-based.
        ref, alt: (V,) of texts, upper case.
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

    @property
    def names(self) -> list[tuple[int, str, str]]:
        """Position, REF and ALT of each."""
        return list(zip(self.position.tolist(), self.ref, self.alt, strict=True))

    @classmethod
    def nothing(cls) -> "GeneVariants":
        """None."""
        texts = np.zeros(0, dtype=object)
        return cls(np.zeros(0, dtype=np.int64), texts, texts, np.zeros(0, dtype=np.float32))

    def arrays(self) -> dict[str, np.ndarray]:
        """As arrays of numbers: texts as their letters, a line each."""
        return {
            "position": self.position,
            "ref": _as_letters(self.ref),
            "alt": _as_letters(self.alt),
            "mean": self.mean,
        }

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, np.ndarray]) -> "GeneVariants":
        """What :meth:`arrays` gave.

        Raises:
            KeyError: one is not there.
            ValueError: they are not of one length.
        """
        found = cls(arrays["position"], _as_texts(arrays["ref"]), _as_texts(arrays["alt"]), arrays["mean"])
        if len({len(getattr(found, name)) for name in cls.__slots__}) > 1:
            raise ValueError("positions, alleles and means are not of the same variants")
        return found


def merged(one: GeneVariants, other: GeneVariants) -> tuple[GeneVariants, np.ndarray]:
    """Variants of two, each in one of them, in their order; and where each was, the second's behind the first's."""
    columns = (np.concatenate([getattr(each, name) for each in (one, other)]) for name in GeneVariants.__slots__)
    both = GeneVariants(*columns)
    names = both.names
    order = np.array(sorted(range(len(names)), key=names.__getitem__), dtype=np.int64)
    return both.chosen(order), order


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
        for array in self.all.arrays().values():
            content.update(np.ascontiguousarray(array).tobytes())
        return content.hexdigest()

    def save(self, path: Path, genes: GeneTable) -> None:
        """Write them as Parquet: gene_id, chrom, pos (from 1), ref, alt, mean_dosage."""
        of_gene = np.repeat(np.arange(len(genes), dtype=np.int32), np.diff(self.first))
        table = {
            "gene_id": pa.DictionaryArray.from_arrays(of_gene, [gene.gene_id for gene in genes]),
            "chrom": pa.DictionaryArray.from_arrays(of_gene, [gene.chrom for gene in genes]).cast(pa.string()),
            "pos": self.all.position + 1,
            "ref": pa.array(self.all.ref, pa.string()),
            "alt": pa.array(self.all.alt, pa.string()),
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
            ref, alt = (table[name].cast(pa.string()).to_numpy(zero_copy_only=False) for name in ("ref", "alt"))
            position = table["pos"].to_numpy().astype(np.int64) - 1
            mean = table["mean_dosage"].to_numpy().astype(np.float32)
        except (OSError, ValueError, KeyError, TypeError, pa.ArrowException) as error:
            raise InputError(f"is no table of this model's variants ({error})", file=path, remedy=_REMEDY) from error
        if not all(map(_is_bases, (*ref, *alt))):
            raise InputError("has an allele that is not made of bases", file=path, remedy=_REMEDY)
        if (np.diff(of_gene) < 0).any() or not ((mean >= 0) & (mean <= 2)).all():
            raise InputError("has genes out of order, or a mean that is no dosage", file=path, remedy=_REMEDY)
        first = np.searchsorted(of_gene, np.arange(len(genes) + 1)).astype(np.int64)
        return cls(first, GeneVariants(position, ref, alt, mean))


def _is_bases(allele: str | None) -> bool:
    return allele is not None and _ALLELE.fullmatch(allele) is not None


def _as_letters(texts: np.ndarray) -> np.ndarray:
    """(n,) uint8, each text with a line's end."""
    return np.frombuffer("".join(f"{each}\n" for each in texts).encode("ascii"), dtype=np.uint8)


def _as_texts(letters: np.ndarray) -> np.ndarray:
    return np.array(letters.tobytes().decode("ascii").split("\n")[:-1], dtype=object)
