"""What is known of genes beside their sequences: features of their mRNA and promoter, and vectors of another model."""

import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...errors import InputError
from ...genome.genes import GeneTable, stable_id
from ...genome.table_files import delimiter_of, fields_of, read_parquet, text_lines, write_parquet

if TYPE_CHECKING:
    import pyarrow as pa

logger = logging.getLogger(__name__)

_EMBEDDING = "embedding"
_GENE_COLUMNS = ("gene_id", "ensid", "gene")
# What Xpresso's table calls the features.
_XPRESSO: Mapping[str, str] = {
    "utr5_length": "utr5len_log10zscore",
    "cds_length": "cdslen_log10zscore",
    "intron_length": "intronlen_log10zscore",
    "utr3_length": "utr3len_log10zscore",
    "utr5_gc": "utr5gc",
    "cds_gc": "cdsgc",
    "utr3_gc": "utr3gc",
    "orf_exon_density": "orfexondensity",
    "promoter_activity": "promoteractivity",
}
_REMEDY = "Give a CSV or TSV with a column gene_id, and one of each feature."


class GeneFeatures:
    """What is known of genes, a row a gene.

    Args:
        gene_ids: of the rows, each once.
        names: of the features.
        values: (genes, G) float32.
        embeddings: (genes, E) float32, vectors of another model; None = there are none.
        file: where it came from, for messages.

    Raises:
        InputError: a gene twice, or a value that is no number.
    """

    def __init__(
        self,
        gene_ids: Sequence[str],
        names: Sequence[str],
        values: np.ndarray,
        embeddings: np.ndarray | None = None,
        *,
        file: str | Path | None = None,
    ) -> None:
        self.gene_ids, self.names = list(gene_ids), tuple(names)
        self.values = np.asarray(values, dtype=np.float32).reshape(len(self.gene_ids), len(self.names))
        self.embeddings = None if embeddings is None else np.asarray(embeddings, dtype=np.float32)
        self._row = {gene_id: row for row, gene_id in enumerate(self.gene_ids)}
        self._file = file
        if len(self._row) < len(self.gene_ids):
            twice = next(each for row, each in enumerate(self.gene_ids) if self._row[each] != row)
            raise InputError("stands there twice", file=file, record=twice)
        for numbers, what in ((self.values, "feature"), (self.embeddings, "vector")):
            for row in [] if numbers is None else np.flatnonzero(~np.isfinite(numbers).all(axis=1)).tolist():
                raise InputError(f"has a {what} that is no number", file=file, record=self.gene_ids[row])

    @classmethod
    def read(cls, path: str | Path) -> "GeneFeatures":
        """Read what :meth:`save` wrote.

        Raises:
            InputError: the file is damaged.
        """
        table = read_parquet(Path(path), ("gene_id",))
        names = [name for name in table.column_names if name not in ("gene_id", _EMBEDDING)]
        try:
            columns = [table[name].to_numpy() for name in names]
            values = np.stack(columns, axis=1) if columns else np.zeros((len(table), 0), np.float32)
            embeddings = None
            if _EMBEDDING in table.column_names:
                column = table[_EMBEDDING].combine_chunks()
                embeddings = column.flatten().to_numpy().reshape(len(table), column.type.list_size)
        except (AttributeError, ValueError, TypeError) as error:
            raise InputError("has columns of another kind", file=path) from error
        return cls(table["gene_id"].to_pylist(), names, values, embeddings, file=path)

    def save(self, path: str | Path) -> None:
        """Write as Parquet."""
        write_parquet(self.table, path)

    @property
    def table(self) -> "pa.Table":
        """gene_id, a column a feature, and ``embedding`` where there are vectors."""
        import pyarrow as pa

        columns: dict[str, pa.Array] = {"gene_id": pa.array(self.gene_ids, pa.string())}
        columns |= {name: pa.array(self.values[:, place]) for place, name in enumerate(self.names)}
        if self.embeddings is not None:
            flat = pa.array(np.ascontiguousarray(self.embeddings).ravel())
            columns[_EMBEDDING] = pa.FixedSizeListArray.from_arrays(flat, self.embeddings.shape[1])
        return pa.table(columns)

    @property
    def embedding_size(self) -> int:
        """Width of the vectors; 0 = there are none."""
        return 0 if self.embeddings is None else self.embeddings.shape[1]

    def row(self, gene_id: str) -> int:
        """Row of a gene."""
        return self._row[gene_id]

    def with_embeddings(self, path: str | Path) -> "GeneFeatures":
        """The same with vectors of another model.

        Args:
            path: safetensors with one tensor, (rows, E), and beside it a table of its rows under the same name with
                ``.tsv``, with a column gene_id, as ``variantformer embed`` writes them of the reference genome.

        Raises:
            InputError: one of the two is missing or damaged, they do not belong together, a gene has no vector or two.
        """
        vectors, ids = _read_vectors(Path(path))
        row_of: dict[str, int] = {}
        for row, gene_id in enumerate(map(stable_id, ids)):
            if row_of.setdefault(gene_id, row) != row:
                problem = f"has two vectors of {gene_id}: a vector is a gene's, and no person's"
                raise InputError(problem, file=path, remedy="Make them of the reference genome, a row a gene.")
        missing = [each for each in self.gene_ids if stable_id(each) not in row_of]
        if missing:
            problem = f"has no vector of {len(missing):,} of the {len(self.gene_ids):,} genes"
            raise InputError(problem, file=path, record=missing[0], remedy="Leave the genes out, or embed them.")
        rows = [row_of[stable_id(each)] for each in self.gene_ids]
        return GeneFeatures(self.gene_ids, self.names, self.values, vectors[rows], file=path)

    def check(self, genes: GeneTable, names: Sequence[str], embedding_size: int) -> None:
        """Refuse features that are not those of a model and its genes.

        Args:
            genes, names, embedding_size: of the model.

        Raises:
            InputError: a gene without; other features, or vectors of another width: both are named.
        """
        if self.names != tuple(names):
            raise InputError(
                f"its features are {', '.join(self.names) or 'none'}, and the model's {', '.join(names) or 'none'}",
                file=self._file,
                remedy="Make the table for this model (`read_gene_features`).",
            )
        if self.embedding_size != embedding_size:
            raise InputError(
                f"its vectors have {self.embedding_size:,} numbers, and the model reads {embedding_size:,}",
                file=self._file,
                remedy="Give the vectors that the model was trained with (0 = none).",
            )
        missing = [gene.gene_id for gene in genes if gene.gene_id not in self._row]
        if missing:
            raise InputError(
                f"lacks {len(missing):,} of the {len(genes.genes):,} genes",
                file=self._file,
                record=missing[0],
                remedy="Give the features of all genes, or leave the genes out of the model's table.",
            )


def read_gene_features(path: str | Path, genes: GeneTable, names: Sequence[str]) -> GeneFeatures:
    """Read features of genes from a CSV or TSV, maybe compressed (gzip).

    Args:
        path: has a column gene_id (or ENSID), and one of each feature under its name, or Xpresso's.
        genes: whose features are read; others of the file are left out, and counted in a warning.
        names: of the features, in the model's order.

    Raises:
        InputError: a column or a gene is missing; a line is none of a gene, or has no number: it names the line.
    """
    path = Path(path)
    lines = ((number, line) for number, line in enumerate(text_lines(path), 1) if line.strip())
    _, first = next(lines, (0, ""))
    delimiter = delimiter_of(first)
    header = [name.lower() for name in fields_of(first, delimiter)]
    gene_place = next((header.index(name) for name in _GENE_COLUMNS if name in header), None)
    found_as = {name: next((each for each in (name, _XPRESSO.get(name)) if each in header), None) for name in names}
    missing = [*(["gene_id"] if gene_place is None else []), *(name for name in names if found_as[name] is None)]
    if missing:
        raise InputError(f"has no column {', '.join(missing)}", file=path, remedy=_REMEDY)
    places = [header.index(str(found_as[name])) for name in names]
    known = {stable_id(gene.gene_id): gene.gene_id for gene in genes}
    rows: dict[str, list[float]] = {}
    others = 0
    for number, line in lines:
        fields, record = fields_of(line, delimiter, len(header)), f"line {number}"
        if len(fields) != len(header):
            problem = f"has {len(fields)} columns, and the first line {len(header)}"
            raise InputError(problem, file=path, record=record, remedy=_REMEDY)
        gene_id = known.get(stable_id(fields[gene_place or 0]))
        if gene_id is None:
            others += 1
            continue
        if gene_id in rows:
            raise InputError(f"is {gene_id} a second time", file=path, record=record)
        rows[gene_id] = [_number(fields[place], name, path, record) for place, name in zip(places, names, strict=True)]
    if others:
        logger.warning("%s: features of %d genes that are not in the table are not read", path, others)
    ids = [gene.gene_id for gene in genes if gene.gene_id in rows]
    features = GeneFeatures(ids, names, np.array([rows[each] for each in ids], dtype=np.float32), file=path)
    features.check(genes, names, 0)
    return features


def _number(text: str, name: str, path: Path, record: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"its {name} is {text!r}", file=path, record=record, remedy="It must be a number.")
    return value


def _read_vectors(path: Path) -> tuple[np.ndarray, list[str]]:
    """(rows, E) float32, and the gene of each row."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise InputError("is no safetensors file, or cannot be read", file=path) from error
    if len(tensors) != 1 or (vectors := next(iter(tensors.values()))).ndim != 2:
        raise InputError("does not hold one tensor of a vector a row", file=path, remedy="Embed with --pool mean.")
    table = path.with_suffix(".tsv")
    lines = [line.split("\t") for line in text_lines(table) if line]
    if not lines or "gene_id" not in lines[0]:
        raise InputError("has no column gene_id", file=table)
    place = lines[0].index("gene_id")
    ids = [line[place] for line in lines[1:] if len(line) > place]
    if len(ids) != len(vectors):
        raise InputError(f"has {len(ids)} rows, and {path.name} {len(vectors)} vectors", file=table)
    return vectors.astype(np.float32), ids
