"""Elements as ABC and others write them, a line a gene and element, read as the table of a model."""

import logging
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ...errors import InputError
from ...genome.contigs import bare_name
from ...genome.genes import Gene, GeneTable, stable_id
from ...genome.table_files import delimiter_of, fields_of, text_lines
from .element_table import COLUMNS, ElementTable

logger = logging.getLogger(__name__)

# Names that columns go by in the files of others, in lower case; the first that is there is read.
_NAMES: Mapping[str, tuple[str, ...]] = {
    "gene": ("gene_id", "targetgeneensemblid", "targetgeneensembl_id", "ensid", "gene", "targetgene", "gene_name"),
    "chrom": ("chrom", "chr", "chromosome", "#chr", "#chrom"),
    "start": ("start",),
    "end": ("end",),
    "distance": ("distance", "distancetotss"),
    "activity": ("activity", "activity_base"),
    "contact": ("contact", "hic_contact"),
}
_NEEDED = ("gene", "chrom", "start", "end")
_OF_BED = ("chrom", "start", "end", "gene", "distance", "activity", "contact")
_COMMENTS = ("#", "track", "browser")
_REMEDY = (
    "Give a CSV or TSV with the columns gene_id, chrom, start, end (0-based half-open), distance, activity, contact, "
    "or a BED with chrom, start, end, gene, distance, activity, contact."
)


class _Row(NamedTuple):
    """An element of a gene, as the table has it."""

    gene_id: str
    chrom: str
    start: int
    end: int
    distance: float
    activity: float
    contact: float


@dataclass(frozen=True, slots=True)
class ElementsRead:
    """Elements of a file.

    Attributes:
        table: those that a model reads.
        left_out: why -> how many: ``gene not in the table``, ``too far``, ``more than the model reads``.
    """

    table: ElementTable
    left_out: Mapping[str, int]


def read_elements(path: str | Path, genes: GeneTable, *, most: int = 60, furthest: int = 100_000) -> ElementsRead:
    """Read elements of genes, as ABC's predictions have them.

    Of a gene those are kept that are at most ``furthest`` bases away, and of these the ``most`` nearest; at the same
    distance the more active. A distance that the file has is taken as it is, whatever its sign; without such a column
    it is counted from the gene's TSS to the element's middle, positive downstream.

    Args:
        path: CSV, TSV or BED, maybe compressed (gzip), 0-based half-open. Columns are found by their names, also by
            those of ABC (TargetGene, chr, activity_base, hic_contact); a BED has none and goes by their order. A gene
            goes by its id, whatever its version, or its symbol.
        genes: of the model.
        most, furthest: see above; a model's ``num_enhancers`` and ``max_distance``.

    Returns:
        The elements, and how many were left out.

    Raises:
        InputError: a column is missing, or a line is no element: it names the line.
    """
    path = Path(path)
    found: dict[str, list[_Row]] = {}
    seen: set[tuple[str, int, int]] = set()
    left_out: Counter[str] = Counter()
    gene_of = _genes_by_name(genes)
    for record, fields in _records(path):
        gene = gene_of.get(fields["gene"]) or gene_of.get(stable_id(fields["gene"]))
        if gene is None:
            left_out["gene not in the table"] += 1
            continue
        row = _element(gene, fields, path, record)
        if abs(row.distance) > furthest:
            left_out["too far"] += 1
            continue
        key = gene.gene_id, row.start, row.end
        if key in seen:
            raise InputError(f"is an element of {gene.gene_name} a second time", file=path, record=record)
        seen.add(key)
        found.setdefault(gene.gene_id, []).append(row)
    if not found:
        counts = ", ".join(f"{count} {why}" for why, count in left_out.items()) or "it has none"
        raise InputError(f"no element is of a gene of the table ({counts})", file=path, remedy=_REMEDY)
    kept: list[_Row] = []
    for gene in genes:
        rows = sorted(found.get(gene.gene_id, ()), key=_nearest_first)
        left_out["more than the model reads"] += max(0, len(rows) - most)
        kept += rows[:most]
    left_out = +left_out
    if left_out:
        logger.warning(
            "%s: %d elements are read; not read are %s",
            path,
            len(kept),
            ", ".join(f"{count} ({why})" for why, count in left_out.items()),
        )
    return ElementsRead(_table(kept), dict(left_out))


def _nearest_first(row: _Row) -> tuple[float, float, int]:
    return abs(row.distance), -row.activity if math.isfinite(row.activity) else 0.0, row.start


def _table(rows: list[_Row]) -> ElementTable:
    import pyarrow as pa

    kinds = (pa.string(), pa.string(), pa.int64(), pa.int64(), pa.float64(), pa.float64(), pa.float64())
    columns = zip(COLUMNS, zip(*rows, strict=True), kinds, strict=True)
    return ElementTable(pa.table({name: pa.array(list(values), kind) for name, values, kind in columns}))


def _genes_by_name(genes: GeneTable) -> dict[str, Gene]:
    """Genes by id, with and without version, and by the symbols that name one alone."""
    symbols = Counter(gene.gene_name for gene in genes)
    found = {gene.gene_name: gene for gene in genes if symbols[gene.gene_name] == 1}
    found.update({stable_id(gene.gene_id): gene for gene in genes})
    found.update({gene.gene_id: gene for gene in genes})
    return found


def _records(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Each line that is no comment: which it is, and its fields by our names."""
    lines = ((number, line) for number, line in enumerate(text_lines(path), 1) if line.strip())
    is_bed = path.name.lower().removesuffix(".gz").endswith(".bed")
    places: dict[str, int] = dict(zip(_OF_BED, range(len(_OF_BED)), strict=True)) if is_bed else {}
    count, delimiter = 0, "\t"
    for number, line in lines:
        if not count:
            if is_bed and line.startswith(_COMMENTS):
                continue
            delimiter = delimiter_of(line)
            fields = fields_of(line, delimiter)
            count = len(fields)
            places = {name: place for name, place in places.items() if place < count} if is_bed else _places(fields)
            missing = [name for name in _NEEDED if name not in places]
            if missing:
                raise InputError(f"has no column {', '.join(missing)}", file=path, remedy=_REMEDY)
            if not is_bed:
                continue
        fields = fields_of(line, delimiter, count)
        if len(fields) != count:
            problem = f"has {len(fields)} columns, and the first line {count}"
            raise InputError(problem, file=path, record=f"line {number}", remedy=_REMEDY)
        yield f"line {number}", {name: fields[place] for name, place in places.items()}


def _places(header: list[str]) -> dict[str, int]:
    names = [name.lower() for name in header]
    found = {}
    for ours, theirs in _NAMES.items():
        known = next((name for name in theirs if name in names), None)
        if known is not None:
            found[ours] = names.index(known)
    return found


def _element(gene: Gene, fields: Mapping[str, str], path: Path, record: str) -> _Row:
    if bare_name(fields["chrom"]) != bare_name(gene.chrom):
        problem = f"is on {fields['chrom']}, and its gene {gene.gene_name} lies on {gene.chrom}"
        raise InputError(problem, file=path, record=record, remedy="They may be of different assemblies.")
    if not (fields["start"].isdecimal() and fields["end"].isdecimal()) or int(fields["end"]) <= int(fields["start"]):
        problem = f"has no bases: start {fields['start']!r}, end {fields['end']!r}"
        raise InputError(problem, file=path, record=record, remedy=_REMEDY)
    start, end = int(fields["start"]), int(fields["end"])
    if "distance" in fields:
        distance = _number(fields, "distance", path, record)
    else:
        distance = float(((start + end) // 2 - gene.tss) * (-1 if gene.strand == "-" else 1))
    activity, contact = (
        _number(fields, name, path, record, least=0.0) if name in fields else math.nan for name in COLUMNS[5:]
    )
    return _Row(gene.gene_id, gene.chrom, start, end, distance, activity, contact)


def _number(fields: Mapping[str, str], name: str, path: Path, record: str, least: float = -math.inf) -> float:
    try:
        value = float(fields[name])
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < least:
        wanted = "a number" if least < 0 else f"a number of at least {least:g}"
        raise InputError(f"its {name} is {fields[name]!r}", file=path, record=record, remedy=f"It must be {wanted}.")
    return value
