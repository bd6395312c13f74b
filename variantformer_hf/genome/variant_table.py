"""Lists of variants as users have them: tables, VCFs, text. Rows that cannot be used are reported, the rest go on."""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError
from .edited import GENOTYPES, GenotypeEdit
from .table_files import read_parquet, text_lines
from .variant import Variant, VariantError, VariantNormalizer

if TYPE_CHECKING:
    import pyarrow as pa

# Spellings of columns, in lower case, by the name that is used for them here.
_COLUMNS = {
    "chrom": ("chrom", "chr", "#chrom", "chromosome", "contig"),
    "pos": ("pos", "position", "bp", "base_pair_location"),
    "ref": ("ref", "reference", "ref_allele", "other_allele"),
    "alt": ("alt", "alternative", "alternate", "alt_allele", "effect_allele"),
    "variant": ("variant", "variant_id", "snp", "id"),
    "gene_id": ("gene_id", "gene", "molecular_trait_id", "phenotype_id"),
    "tissue": ("tissue", "tissue_label"),
    "dataset": ("dataset_id", "dataset", "study", "study_id"),
    "consequence": ("consequence",),
    "label": ("label",),
    "genotype": ("genotype", "gt", "zygosity"),
}
_PLACE = ("chrom", "pos", "ref", "alt")
# Rows that differ in one of these say different things of one variant.
_SAID_OF = ("gene_id", "tissue", "dataset", "genotype")
# ``af``, ``AF_EUR``, ``EUR_AF``: a population's allele frequency.
_FREQUENCY = re.compile(r"(?:af(?:[_-](?P<behind>\w+))?|(?P<before>\w+)[_-]af)", re.IGNORECASE)
_NEAR = 1_000
_VCF_SUFFIXES = (".vcf", ".vcf.gz", ".vcf.bgz", ".bcf")


@dataclass(frozen=True, slots=True)
class VariantRow:
    """A variant that was asked for.

    Attributes:
        given: as it was given.
        variant: the same, normalised.
        row: where it stands: line of the file, or place in the list, from 1.
        annotations: what else the row says: gene_id, tissue, dataset, consequence, label, genotype, and every other
            column.
        frequencies: population -> frequency of ALT; the population of a plain ``AF`` is "".
    """

    given: Variant
    variant: Variant
    row: int
    annotations: Mapping[str, str] = field(default_factory=dict)
    frequencies: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RejectedVariant:
    """A row that cannot be used.

    Attributes:
        row: as of ``VariantRow``.
        given: what stands there.
        reason: why not, and what to do.
    """

    row: int
    given: str
    reason: str


@dataclass(frozen=True)
class VariantTable:
    """Variants to work on, and those that cannot be.

    Attributes:
        rows: in the order given; the same variant may come again in another spelling, or for another gene,
            tissue or data set.
        rejected: all others.
        path: the file; None = a list.
    """

    rows: tuple[VariantRow, ...]
    rejected: tuple[RejectedVariant, ...]
    path: Path | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def with_rejected(self, rejected: Sequence[RejectedVariant]) -> "VariantTable":
        """The table without the rows that were rejected later, and with these."""
        places = {each.row for each in rejected}
        return VariantTable(tuple(row for row in self.rows if row.row not in places), tuple(rejected), self.path)

    def edits(self, genotype: str) -> list[GenotypeEdit]:
        """The rows as edits: to the genotype in their column ``genotype``, else to the one given.

        Raises:
            InputError: a genotype that is none; no row.
        """
        if not self.rows:
            raise InputError("holds no variant that can be used", file=self.path, remedy=_first_reason(self.rejected))
        edits = [GenotypeEdit(each.variant, each.annotations.get("genotype") or genotype) for each in self.rows]
        for edit, row in zip(edits, self.rows, strict=True):
            try:
                edit.text  # noqa: B018 -- says what is wrong with it
            except InputError as error:
                raise InputError(
                    error.problem, file=self.path, record=f"row {row.row}",
                    remedy=f"Write one of {', '.join(GENOTYPES)}, or a genotype of REF and ALT.",
                ) from None  # fmt: skip
        return edits


@dataclass(frozen=True, slots=True)
class _Asked:
    """A row before it is looked at."""

    row: int
    text: str
    variant: Variant | None
    problem: str
    annotations: Mapping[str, str]
    frequencies: Mapping[str, float]


def read_variants(
    source: str | Path | Iterable["Variant | str"],
    normalizer: VariantNormalizer,
    *,
    vcf_af: Sequence[str] = (),
    near: Iterable[Variant] | None = None,
) -> VariantTable:
    """Read variants and bring them to their one spelling.

    Args:
        source: a table (.tsv, .csv, .txt, compressed or not; .parquet) with columns chrom (or chr), pos, ref, alt, or
            a column ``variant`` in any spelling of :meth:`Variant.parse`; text, one variant a line; a VCF or BCF, each
            ALT of a record by itself; or variants and texts themselves.
        normalizer: of the FASTA.
        vcf_af: INFO fields of a VCF that hold allele frequencies; none = all that look like it (AF, AF_EUR, EUR_AF).
        near: of a Parquet table, read only rows within a kilobase of these, so that one of a whole genome can be used.

    Returns:
        The variants and what was rejected: what :class:`VariantNormalizer` refuses, and rows that say again what an
        earlier row says.

    Raises:
        InputError: the file cannot be read, or lacks a column.
    """
    path = None
    if isinstance(source, (str, Path)):
        path = Path(source)
        asked: Iterable[_Asked]
        if path.name.endswith(_VCF_SUFFIXES):
            asked = _of_vcf(path, vcf_af)
        else:
            asked = _of_parquet(path, near) if path.suffix == ".parquet" else _of_text(path)
    else:
        asked = _of_list(source)
    rows: list[VariantRow] = []
    rejected: list[RejectedVariant] = []
    seen: dict[tuple[object, ...], int] = {}
    for each in asked:
        if each.variant is None:
            rejected.append(RejectedVariant(each.row, each.text, each.problem))
            continue
        key = (each.variant, *(each.annotations.get(name) for name in _SAID_OF))
        if key in seen:
            rejected.append(RejectedVariant(each.row, each.text, f"says again what row {seen[key]} says"))
            continue
        try:
            normal = normalizer(each.variant)
        except VariantError as error:
            rejected.append(RejectedVariant(each.row, each.text, _reason(error)))
            continue
        seen[key] = each.row
        rows.append(VariantRow(each.variant, normal, each.row, each.annotations, each.frequencies))
    return VariantTable(tuple(rows), tuple(rejected), path)


def _of_list(source: Iterable["Variant | str"]) -> Iterator[_Asked]:
    for row, entry in enumerate(source, start=1):
        if isinstance(entry, Variant):
            yield _Asked(row, str(entry), entry, "", {}, {})
        else:
            yield _parsed(row, entry, {}, {})


def _parsed(row: int, text: str, annotations: Mapping[str, str], frequencies: Mapping[str, float]) -> _Asked:
    try:
        return _Asked(row, text, Variant.parse(text), "", annotations, frequencies)
    except VariantError as error:
        return _Asked(row, text, None, _reason(error), annotations, frequencies)


def _of_text(path: Path) -> Iterator[_Asked]:
    lines = [(number, line) for number, line in enumerate(text_lines(path), start=1) if line.strip()]
    while lines and lines[0][1].startswith("##"):
        lines.pop(0)
    if not lines:
        raise InputError("is empty", file=path, remedy="Give columns chrom, pos, ref, alt.")
    try:
        Variant.parse(lines[0][1].split("\t")[0])
    except VariantError:
        yield from _of_table(path, lines)
    else:
        for number, line in lines:
            yield _parsed(number, line.split("\t")[0].strip(), {}, {})


def _of_table(path: Path, lines: Sequence[tuple[int, str]]) -> Iterator[_Asked]:
    header = lines[0][1]
    delimiter = next((each for each in ("\t", ",", ";") if each in header), " ")
    table = csv.reader((line for _, line in lines), delimiter=delimiter, skipinitialspace=delimiter == " ")
    names = _columns(next(table), path)
    for (number, line), fields in zip(lines[1:], table, strict=True):
        if len(fields) == len(names):
            yield _of_row(number, dict(zip(names, (value.strip() for value in fields), strict=True)))
        else:
            yield _Asked(number, line, None, f"has {len(fields)} fields where the header has {len(names)}", {}, {})


def _of_parquet(path: Path, near: Iterable[Variant] | None) -> Iterator[_Asked]:
    if near is None:
        table = read_parquet(path, ())
        numbers: Sequence[int] = range(1, len(table) + 1)
    else:
        table, numbers = _rows_near(path, near)
    names = _columns(table.column_names, path)
    for number, values in zip(numbers, table.to_pylist(), strict=True):
        texts = ["" if value is None or str(value) == "nan" else str(value) for value in values.values()]
        yield _of_row(number, dict(zip(names, texts, strict=True)))


def _rows_near(path: Path, near: Iterable[Variant]) -> tuple["pa.Table", Sequence[int]]:
    """Rows of a Parquet table that lie near some variants, read in pieces, and their numbers, from 1."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    places: dict[str, list[int]] = {}
    for variant in near:
        places.setdefault(variant.chrom.removeprefix("chr"), []).append(variant.pos)
    sorted_places = {chrom: np.sort(np.array(positions)) for chrom, positions in places.items()}
    try:
        file = pq.ParquetFile(path)
        names = _columns(file.schema_arrow.names, path)
        if not {"chrom", "pos"} <= set(names):
            table = file.read()
            return table, range(1, len(table) + 1)
        kept, numbers, first = [], [], 1
        for batch in file.iter_batches():
            encoded = batch.column(names.index("chrom")).dictionary_encode()
            chroms = encoded.indices.to_numpy(zero_copy_only=False)
            positions = batch.column(names.index("pos")).to_numpy(zero_copy_only=False)
            is_near = np.zeros(len(batch), dtype=bool)
            for code, chrom in enumerate(encoded.dictionary.to_pylist()):
                of_chrom = chroms == code
                wanted = sorted_places.get(chrom.removeprefix("chr"), np.zeros(0, dtype=np.int64))
                low = np.searchsorted(wanted, positions[of_chrom] - _NEAR)
                is_near[of_chrom] = low < np.searchsorted(wanted, positions[of_chrom] + _NEAR, side="right")
            kept.append(batch.filter(pa.array(is_near)))
            numbers += (np.flatnonzero(is_near) + first).tolist()
            first += len(batch)
        return pa.Table.from_batches(kept, file.schema_arrow), numbers
    except FileNotFoundError:
        raise InputError("no such file", file=path) from None
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError("is not a Parquet file, or is cut off", file=path) from error


def _of_row(number: int, values: Mapping[str, str]) -> _Asked:
    """A row of a table, by the names that are used here."""
    annotations = {name: value for name, value in values.items()
                   if value and name not in _PLACE and not _is_frequency(name)}  # fmt: skip
    frequencies = {}
    for name, value in values.items():
        frequency = _frequency(value) if _is_frequency(name) else None
        if frequency is not None:
            frequencies[_population(name)] = frequency
    if not set(_PLACE) <= set(values):
        return _parsed(number, values["variant"], annotations, frequencies)
    text = ":".join(values[name] for name in _PLACE)
    if not values["pos"].isdecimal():
        return _Asked(number, text, None, f"the position {values['pos']!r} is no number", {}, {})
    variant = Variant(values["chrom"], int(values["pos"]), values["ref"], values["alt"])
    return _Asked(number, text, variant, "", annotations, frequencies)


def _columns(header: Sequence[str], path: Path) -> list[str]:
    """Columns by the names that are used here; of several spellings of one the first in the list counts.

    Raises:
        InputError: the variants' place is missing.
    """
    lowered = [name.strip().lower() for name in header]
    names = [name.strip() for name in header]
    for ours, theirs in _COLUMNS.items():
        spelling = next((each for each in theirs if each in lowered), None)
        if spelling is not None:
            names[lowered.index(spelling)] = ours
    if not set(_PLACE) <= set(names) and "variant" not in names:
        missing = [name for name in _PLACE if name not in names]
        raise InputError(
            f"has no column {', '.join(missing)}; it has {', '.join(names)}", file=path,
            remedy="Name the columns chrom, pos, ref, alt, or give one column `variant` (chr1:12345:A>G).",
        )  # fmt: skip
    return names


def _of_vcf(path: Path, fields: Sequence[str]) -> Iterator[_Asked]:
    import pysam

    try:
        file = pysam.VariantFile(str(path))
    except (OSError, ValueError) as error:
        raise InputError("cannot be read as a VCF or BCF", file=path) from error
    with file:
        known = [name for name in file.header.info if (name in fields if fields else _is_frequency(name))]
        missing = [name for name in fields if name not in known]
        if missing:
            raise InputError(f"has no INFO field {', '.join(missing)}", file=path, remedy="Name those of its header.")
        row = 0
        try:
            for record in file:
                for index, alt in enumerate(record.alts or (".",)):
                    row += 1
                    variant = Variant(record.chrom, record.pos, record.ref or "", alt)
                    frequencies = {}
                    for name in known:
                        value = record.info.get(name)
                        value = value[index] if isinstance(value, tuple) and index < len(value) else value
                        if _frequency(value) is not None:
                            frequencies[_population(name)] = float(value)
                    annotations = {} if record.id is None else {"variant": record.id}
                    yield _Asked(row, str(variant), variant, "", annotations, frequencies)
        except (OSError, ValueError) as error:
            raise InputError("cannot be read on: damaged or cut short", file=path, record=f"row {row + 1}") from error


def _is_frequency(name: str) -> bool:
    return _FREQUENCY.fullmatch(name) is not None


def _population(name: str) -> str:
    found = _FREQUENCY.fullmatch(name)
    return "" if found is None else (found["behind"] or found["before"] or "").upper()


def _frequency(value: object) -> float | None:
    """A frequency; None where none is given."""
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return number if 0 <= number <= 1 else None


def _reason(error: InputError) -> str:
    return f"{error.problem}. {error.remedy}" if error.remedy else error.problem


def _first_reason(rejected: Sequence[RejectedVariant]) -> str:
    return f"The first was rejected because {rejected[0].reason}" if rejected else "Give at least one."
