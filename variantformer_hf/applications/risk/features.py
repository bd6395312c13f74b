"""What forests read of donors: embeddings of a store, vectors of ``embed``, dosages of a gene's SNPs."""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from safetensors import SafetensorError, safe_open

from ...errors import UNREADABLE, InputError, unreadable
from ...genome.appending import people_in
from ...genome.cohort_files import GivenGenotypes
from ...genome.cohort_rows import Reading
from ...genome.dosages import MISSING, DosageFiles
from ...genome.genes import Gene, GeneTable
from ...genome.interval import Interval
from ...genome.provenance import file_sha256, fingerprint
from ...genome.reference import ReferenceGenome
from ...genome.variant import Variant
from ...genome.variant_files import genotype_source, paths_of
from ...inference.embedding_store import EmbeddingStore
from .forest_folder import SnpFeatures

EMBEDDINGS, GENOTYPES = "embeddings", "genotypes"
# Around a TSS, and the least minor allele frequency, of the paper's Genotype baseline (5.1.3 and S1.1).
RADIUS, LEAST_MAF = 150_000, 0.01
_ROWS_REMEDY = "Give the .safetensors of `variantformer embed`, with the .tsv that was written with it."


@dataclass(frozen=True, slots=True)
class UnitFeatures:
    """Features of some donors, of one unit.

    Attributes:
        values: (donors, width) float32; NaN where a donor has none.
        snps: whose dosages they are; None = embeddings.
        counts: what was left out or filled in, of genotypes.
    """

    values: np.ndarray
    snps: SnpFeatures | None = None
    counts: Mapping[str, int] = field(default_factory=dict)


class Features(Protocol):
    """Features of donors, gene by gene; it can be sent to another process, and opens its files there.

    Attributes:
        kind: ``embeddings`` or ``genotypes``.
        place: where they lie, for messages.
        donors: names.
        genes: of all units.
        tissues: of the units of a gene; () = genes alone.
        width: numbers of an embedding; 0 of genotypes, of which each gene has its own.
        model, precision: that made the embeddings, as in ``store.json``; None of genotypes.
        key: all that they depend on, as JSON can hold it.
    """

    kind: str
    place: Any
    width: int
    model: Mapping[str, str] | None
    precision: str | None

    @property
    def donors(self) -> Sequence[str]: ...
    @property
    def genes(self) -> GeneTable: ...
    @property
    def tissues(self) -> Sequence[str]: ...
    @property
    def key(self) -> Mapping[str, Any]: ...

    def read(self, gene: Gene, tissue: int, donors: Sequence[int], like: SnpFeatures | None = None) -> UnitFeatures:
        """Features of donors, by their places.

        Args:
            gene: of ``genes``.
            tissue: its place in ``tissues``; 0 of a gene alone.
            donors: places in ``donors``.
            like: of genotypes: the SNPs of a forest; None = they are chosen among these donors.

        Raises:
            InputError: a file is damaged or gone.
        """


class StoreFeatures:
    """Embeddings of a store that ``predict --embedding-store`` wrote.

    Args:
        folder: of the store.

    Raises:
        InputError: there is no store, or it is not finished or damaged.
    """

    kind = EMBEDDINGS

    def __init__(self, folder: str | Path) -> None:
        self.place = Path(folder)
        self._store = EmbeddingStore.open(folder)
        self.model: Mapping[str, str] | None = dict(self._store.model)
        self.precision: str | None = self._store.precision
        self.width = self._store.width
        self.donors: Sequence[str] = list(self._store.samples)
        self.genes, self.tissues = self._store.genes, list(self._store.tissues)
        self.key: Mapping[str, Any] = {"store": self._store.key}

    def __reduce__(self) -> tuple[object, ...]:
        return StoreFeatures, (self.place,)

    def read(self, gene: Gene, tissue: int, donors: Sequence[int], like: SnpFeatures | None = None) -> UnitFeatures:
        """See :class:`Features`.

        Raises:
            InputError: the gene's file is damaged or gone.
        """
        return UnitFeatures(self._store[gene.gene_id][list(donors), tissue].astype(np.float32))


class VectorFeatures:
    """Vectors that ``embed`` wrote, of models without tissues: a unit is a gene alone.

    Args:
        path: the tensor ``embedding`` (rows, width), .safetensors; beside it the .tsv of its rows.

    Raises:
        InputError: a file is missing or damaged; several bins a row; rows that are not the table's.
    """

    kind, tissues = EMBEDDINGS, ()

    def __init__(self, path: str | Path) -> None:
        self.place, table = Path(path), Path(path).with_suffix(".tsv")
        try:
            with safe_open(self.place, framework="np") as file:
                shape = file.get_slice("embedding").get_shape()
                described = json.loads((file.metadata() or {}).get("variantformer", "{}"))
        except UNREADABLE as error:
            raise unreadable(path, error, _ROWS_REMEDY) from None
        except (OSError, ValueError, SafetensorError) as error:
            raise InputError(f"holds no tensor 'embedding': {error}", file=path, remedy=_ROWS_REMEDY) from error
        if len(shape) != 2:
            raise InputError(
                f"holds {' x '.join(map(str, shape[1:]))} numbers a row, and a forest reads one vector",
                file=path,
                remedy="Embed with --pool mean.",
            )
        sha256, rows = file_sha256(table), _rows(table)
        if len(rows) != shape[0] or described.get("rows_sha256", sha256) != sha256:
            raise InputError(
                f"was not written with {table.name} beside it", file=path, remedy="Keep the two files together."
            )
        self.width = int(shape[1])
        model = described.get("model") or {"name": self.place.name, "sha256": ""}
        self.model: Mapping[str, str] | None = {name: str(model.get(name, "")) for name in ("name", "sha256")}
        self.precision: str | None = (described.get("settings") or {}).get("precision")
        self.donors: Sequence[str] = list(dict.fromkeys(row["sample"] for row in rows))
        self.genes = GeneTable(_gene(row) for row in {row["gene_id"]: row for row in rows}.values())
        self._row_of: dict[tuple[str, str], int] = {}
        for number, row in enumerate(rows):
            if self._row_of.setdefault((row["sample"], row["gene_id"]), number) != number:
                raise InputError(
                    "is there twice", file=table, record=f"{row['sample']}, {row['gene_id']}", remedy="Leave one out."
                )
            if (row.get("status") or "ok") not in ("ok", "no_variants"):
                self._row_of[row["sample"], row["gene_id"]] = -1
        self.key: Mapping[str, Any] = {"rows": sha256, "bytes": self.place.stat().st_size, "model": self.model}

    def __reduce__(self) -> tuple[object, ...]:
        return VectorFeatures, (self.place,)

    @cached_property
    def _file(self) -> Any:
        return safe_open(self.place, framework="np").__enter__()

    def read(self, gene: Gene, tissue: int, donors: Sequence[int], like: SnpFeatures | None = None) -> UnitFeatures:
        """See :class:`Features`."""
        tensor = self._file.get_slice("embedding")
        values = np.full((len(donors), self.width), np.nan, dtype=np.float32)
        for place, donor in enumerate(donors):
            row = self._row_of.get((self.donors[donor], gene.gene_id), -1)
            if row >= 0:
                values[place] = tensor[row : row + 1][0]
        return UnitFeatures(values)


class GenotypeFeatures:
    """Dosages of the biallelic SNPs around a gene's TSS: the paper's Genotype baseline; a unit is a gene alone.

    Args:
        vcf: the cohort, in any form that ``PersonalGenome`` reads.
        genes: the genes, with their TSS.
        radius: bases on each side of the TSS; SNPs in [TSS - radius, TSS + radius].
        least_maf: SNPs whose minor allele is as rare or rarer among the donors trained on are left out.
        fasta: where the file does not say which allele is REF (PLINK 1 BED).
        min_probability: at which a genotype of a BGEN is called.

    Raises:
        InputError: the genotypes cannot be read.
    """

    kind, tissues, width = GENOTYPES, (), 0
    model: Mapping[str, str] | None = None
    precision: str | None = None

    def __init__(
        self,
        vcf: GivenGenotypes,
        genes: GeneTable,
        *,
        radius: int = RADIUS,
        least_maf: float = LEAST_MAF,
        fasta: str | Path | None = None,
        min_probability: float = 0.9,
    ) -> None:
        self.place, self.genes = vcf, genes
        self._options = {"radius": radius, "least_maf": least_maf, "fasta": fasta, "min_probability": min_probability}
        self._radius, self._least_maf = radius, least_maf
        self._reading = Reading(None if fasta is None else ReferenceGenome(fasta), min_probability)
        source = genotype_source(vcf)
        self.donors: Sequence[str] = list(people_in(source))
        files = [fingerprint(path) for path in paths_of(source)]
        self.key: Mapping[str, Any] = {
            "vcf": files,
            "radius": radius,
            "least_maf": least_maf,
            "min_probability": min_probability,
        }

    def __reduce__(self) -> tuple[object, ...]:
        return _genotype_features, (self.place, self.genes, self._options)

    @cached_property
    def _files(self) -> DosageFiles:
        return DosageFiles(self.place, reference=self._reading.reference, reading=self._reading)

    def read(self, gene: Gene, tissue: int, donors: Sequence[int], like: SnpFeatures | None = None) -> UnitFeatures:
        """See :class:`Features`; what is missing is the mean of the donors trained on.

        Counts: ``absent``, SNPs of ``like`` that the file has not; ``missing``, genotypes that were filled in.

        Raises:
            InputError: the genotypes cannot be read.
            ContigError: the file has no such contig.
        """
        around = self._around(gene) if like is None else _span(like)
        found = self._files.read(around, [self.donors[donor] for donor in donors])
        values = found.values.astype(np.float32)
        values[found.values == MISSING] = np.nan
        names = [str(each) for each in found.variants]
        # Of a variant that stands there twice the first record is read.
        column_of: dict[str, int] = {}
        for column, name in enumerate(names):
            column_of.setdefault(name, column)
        if like is None:
            like, kept = self._chosen(column_of, values)
            absent = 0
        else:
            kept = [column_of.get(name, -1) for name in like.variants]
            absent = sum(column < 0 for column in kept)
            values = np.concatenate([values, np.full((len(values), 1), np.nan, dtype=np.float32)], axis=1)
        values = values[:, kept]
        is_missing = np.isnan(values)
        filled = np.where(is_missing, np.asarray(like.means, dtype=np.float32), values)
        return UnitFeatures(filled, like, {"absent": absent, "missing": int(is_missing.sum())})

    def _around(self, gene: Gene) -> Interval:
        return Interval(gene.chrom, max(0, gene.tss - self._radius), gene.tss + self._radius + 1)

    def _chosen(self, column_of: Mapping[str, int], values: np.ndarray) -> tuple[SnpFeatures, list[int]]:
        """The SNPs whose minor allele is frequent enough."""
        known = ~np.isnan(values)
        means = np.where(known, values, 0).sum(axis=0, dtype=float) / np.maximum(1, known.sum(axis=0))
        kept = {
            name: column
            for name, column in column_of.items()
            if min(means[column] / 2, 1 - means[column] / 2) > self._least_maf
        }
        return SnpFeatures(list(kept), [float(means[column]) for column in kept.values()]), list(kept.values())


def _span(snps: SnpFeatures) -> Interval:
    """From the first to the last SNP."""
    variants = [Variant.parse(name) for name in snps.variants]
    return Interval(variants[0].chrom, min(each.start for each in variants), max(each.start for each in variants) + 1)


def _genotype_features(vcf: GivenGenotypes, genes: GeneTable, options: dict[str, Any]) -> GenotypeFeatures:
    return GenotypeFeatures(vcf, genes, **options)


def _rows(path: Path) -> list[dict[str, str]]:
    """The table of ``embed``'s rows."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            table = csv.DictReader(file, delimiter="\t")
            if not {"sample", "gene_id"} <= set(table.fieldnames or ()):
                raise InputError("lacks the columns sample and gene_id", file=path, remedy=_ROWS_REMEDY)
            return list(table)
    except UNREADABLE as error:
        raise unreadable(path, error, _ROWS_REMEDY) from None


def _gene(row: Mapping[str, str]) -> Gene:
    """A gene of a row; its place is that of the window that was read."""
    start, end = (int(row.get(name) or 0) for name in ("start", "end"))
    return Gene(row["gene_id"], row.get("gene_name") or row["gene_id"], row.get("chrom") or "", start, end, "+")
