"""Elements of genes: which stretches may regulate each, and what is known of them."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...errors import InputError
from ...genome.contigs import bare_name
from ...genome.genes import Gene, GeneTable
from ...genome.table_files import read_parquet, write_parquet

if TYPE_CHECKING:
    import pyarrow as pa

    from ...modeling import EPInformerConfig

COLUMNS = ("gene_id", "chrom", "start", "end", "distance", "activity", "contact")
_BASES_A_DISTANCE = 1_000


class ElementTable:
    """Elements of genes, a row a gene and element; those of a gene follow each other.

    Args:
        table: gene_id, chrom, start, end (0-based half-open), distance (bases from the gene's TSS, with or without a
            sign, as the model was trained), activity, contact (both not negative); NaN where one is not known.
        file: where it came from, for messages.

    Attributes:
        table: as an Arrow table, genes in the order in which they first came.
        chroms: contig of each, as the table has it.
        start, end: (N,) int64.

    Raises:
        InputError: a column of another kind, an element without a base, a number that cannot be.
    """

    def __init__(self, table: "pa.Table", *, file: str | Path | None = None) -> None:
        import pyarrow as pa

        text, whole, number = pa.string(), pa.int64(), pa.float64()
        kinds = (text, text, whole, whole, number, number, number)
        try:
            table = table.select(COLUMNS).cast(pa.schema(list(zip(COLUMNS, kinds, strict=True))))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise InputError(f"has columns of another kind ({error})", file=file) from error
        if any(table[name].null_count for name in COLUMNS[:4]):
            raise InputError("has elements with an empty field", file=file)
        genes = np.array(table["gene_id"].to_pylist(), dtype=object)
        number_of = {gene: place for place, gene in enumerate(dict.fromkeys(genes.tolist()))}
        numbers = np.array([number_of[gene] for gene in genes.tolist()], dtype=np.int64)
        order = np.argsort(numbers, kind="stable")
        self.table: pa.Table = table.take(order).combine_chunks()
        self.chroms: list[str] = self.table["chrom"].to_pylist()
        self.start, self.end = (self.table[name].to_numpy() for name in ("start", "end"))
        self._known = {name: self.table[name].to_numpy(zero_copy_only=False) for name in COLUMNS[4:]}
        bounds = np.searchsorted(numbers[order], np.arange(len(number_of) + 1)).tolist()
        self._rows = {gene: (bounds[place], bounds[place + 1]) for gene, place in number_of.items()}
        self._check(file)

    @classmethod
    def read(cls, path: str | Path) -> "ElementTable":
        """Read what :meth:`save` wrote.

        Raises:
            InputError: the file is damaged.
        """
        return cls(read_parquet(Path(path), COLUMNS), file=path)

    def save(self, path: str | Path) -> None:
        """Write as Parquet."""
        write_parquet(self.table, path)

    def __len__(self) -> int:
        return len(self.start)

    def of(self, gene: Gene) -> np.ndarray:
        """(n,) int64, rows of a gene's elements."""
        return np.arange(*self._rows.get(gene.gene_id, (0, 0)))

    def names(self, rows: np.ndarray) -> list[str]:
        """What elements are called: their places, ``chr1:1000-1500`` (0-based half-open)."""
        return [f"{self.chroms[row]}:{self.start[row]}-{self.end[row]}" for row in rows.tolist()]

    def features(self, rows: np.ndarray, names: Sequence[str]) -> np.ndarray:
        """(n, F) float32, what a model reads of elements.

        Args:
            rows: (n,).
            names: of ``distance`` (in thousands of bases), ``activity`` (as it is), ``contact`` (log10 of 1 more).
        """
        known = {name: values[rows] for name, values in self._known.items()}
        known["distance"] = known["distance"] / _BASES_A_DISTANCE
        known["contact"] = np.log10(1 + known["contact"])
        return np.stack([known[name] for name in names], axis=-1).astype(np.float32)

    def check(self, genes: GeneTable, config: "EPInformerConfig", file: str | Path | None) -> None:
        """Refuse elements that are not those of a model's genes, or that it does not read.

        Args:
            genes: of the model.
            config: the model's.
            file: the table, for messages.

        Raises:
            InputError: an element of no gene, or on another contig than its gene; a gene with too many, or too far
                away; something that the model reads is not known.
        """
        known = {gene.gene_id: gene for gene in genes}
        remedy = "Make the table for this model and these genes (`read_elements`)."
        for gene_id, (first, last) in self._rows.items():
            if gene_id not in known:
                raise InputError(f"has elements of {gene_id}, which is no gene of the model", file=file, remedy=remedy)
            contig = bare_name(known[gene_id].chrom)
            strange = [each for each in self.chroms[first:last] if bare_name(each) != contig]
            if strange:
                problem = f"has an element of {gene_id} on {strange[0]}, and the gene lies on {known[gene_id].chrom}"
                raise InputError(problem, file=file, remedy=remedy)
            if last - first > config.num_enhancers:
                problem = f"has {last - first} elements of {gene_id}, and the model reads {config.num_enhancers}"
                raise InputError(problem, file=file, remedy=remedy)
        for name in config.element_features:
            missing = np.flatnonzero(np.isnan(self._known[name]))
            if len(missing):
                record = self.names(missing[:1])[0]
                raise InputError(f"has no {name}, which the model reads", file=file, record=record, remedy=remedy)
        far = np.flatnonzero(np.abs(self._known["distance"]) > config.max_distance)
        if len(far):
            problem = f"is farther than {config.max_distance:,} bases from its gene"
            raise InputError(problem, file=file, record=self.names(far[:1])[0], remedy=remedy)

    def _check(self, file: str | Path | None) -> None:
        with np.errstate(invalid="ignore"):
            wrong = {
                "has no base": (self.start < 0) | (self.end <= self.start),
                "has a distance that is no number": np.isinf(self._known["distance"]),
                **{
                    f"has a negative or infinite {name}": (self._known[name] < 0) | np.isinf(self._known[name])
                    for name in ("activity", "contact")
                },
            }
        for problem, rows in wrong.items():
            if rows.any():
                raise InputError(problem, file=file, record=self.names(np.flatnonzero(rows)[:1])[0])
