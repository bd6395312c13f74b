"""Rows of variants as they stand in the files that users have, before they are held against a FASTA."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from ..errors import UNREADABLE, InputError, unreadable
from .table_files import delimiter_of, delimiters_of, fields_of, kind_of_file, read_parquet, text_lines
from .variant import Variant, VariantError
from .variant_names import Replacement, parse_name

if TYPE_CHECKING:
    import pyarrow as pa

# Spellings of columns, in lower case, by the name that is used for them here; of several the first counts. What GWAS
# Catalog harmonised (hm_) and ClinVar wrote for VCFs goes before what was submitted.
_COLUMNS = {
    "chrom": ("hm_chrom", "chrom", "chr", "chromosome", "contig", "variantchrom"),
    "pos": ("hm_pos", "positionvcf", "pos", "position", "bp", "base_pair_location", "variantposition"),
    "ref": ("referenceallelevcf", "ref", "reference", "ref_allele", "variantref"),
    "alt": ("alternateallelevcf", "alt", "alternative", "alternate", "alt_allele", "variantalt"),
    "effect_allele": (
        "hm_effect_allele",
        "effect_allele",
        "eff_allele",
        "assessed_allele",
        "tested_allele",
        "ea",
        "a1",
    ),
    "other_allele": ("hm_other_allele", "other_allele", "non_effect_allele", "noneffect_allele", "oa", "nea", "a2"),
    "variant": (
        "variant_hg38",
        "variant",
        "varid",
        "variant_id",
        "hm_variant_id",
        "spdi",
        "hgvs",
        "hgvs_g",
        "hgvsg",
        "snpid",
        "markername",
        "snp",
        "id",
        "rsid",
        "rsids",
        "rs_id",
        "variant_kgpid",
        "variant_rsid",
    ),
    "gene_id": ("gene_id", "ensemblid", "gene", "molecular_trait_id", "phenotype_id"),
    "tissue": ("tissue", "tissue_label"),
    "dataset": ("dataset_id", "dataset", "study", "study_id"),
    "slope": ("hm_beta", "beta", "slope", "effect_size", "beta_marginal", "beta_posterior", "log2_afc"),
    "maf": ("maf",),
    "pip": ("pip", "variantpip"),
    "assembly": ("assembly", "genome_build", "genome_assembly", "build"),
    "consequence": ("consequence",),
    "label": ("label",),
    "genotype": ("genotype", "gt", "zygosity"),
}
_PLACE = ("chrom", "pos", "ref", "alt")
# Which columns say what a variant is; the first group that a table has is read.
_ALLELES = (("ref", "alt"), ("ref", "effect_allele"), ("other_allele", "effect_allele"))
_USED = frozenset({*_PLACE, "effect_allele", "other_allele", "assembly"})
_VCF_COLUMNS = ("chrom", "pos", "variant", "ref", "alt", "qual", "filter", "info", "format")
_BIM_COLUMNS = ("chrom", "variant", "cm", "pos", "effect_allele", "other_allele")
_BASES = re.compile(r"[ACGTNacgtn]+|[.*0-]")
_ALTS = re.compile(r"[ACGTNacgtn.*,]+|.*<.*|.*[\[\]].*")
_WHOLE = re.compile(r"([0-9]{1,12})(?:\.0*)?")
_SCIENTIFIC = re.compile(r"[0-9.,]+[eE][+-]?[0-9]+")
_SEPARATED = re.compile(r"[0-9]{1,3}(?:[,. '_][0-9]{3})+")
_GRCH38 = re.compile(r"(?:grch|hg|b)?38(?:\.?p[0-9]+)?", re.IGNORECASE)
# ``af``, ``AF_EUR``, ``EUR_AF``: a population's allele frequency.
_FREQUENCY = re.compile(r"(?:af(?:[_-](?P<behind>\w+))?|(?P<before>\w+)[_-]af)", re.IGNORECASE)
_NEAR = 1_000
_MISSING = frozenset({"", "NA", "na", "NaN", "nan", "None", "."})
_VCF_SUFFIXES = (".vcf", ".vcf.gz", ".vcf.bgz", ".bcf")
# Lines that are looked at to tell a list of variants from a table without known columns.
_LOOKED_AT = 10
_REMEDY = "Name the columns chrom, pos, ref, alt, or give one column `variant` (chr1:12345:A>G)."

# Which of two alleles is REF: as they stand; as they stand unless only the other is in the FASTA; whichever is.
Order = Literal["fixed", "named", "open"]


@dataclass(frozen=True, slots=True)
class AskedVariant:
    """A row before it is held against the FASTA.

    Attributes:
        row: line of the file, or place in the list, from 1.
        text: what stands there.
        name: the variant; None = there is none, see ``problem``. Of a row that names an effect allele and another, the
            other is its REF, the effect allele its ALT.
        problem, kind: why there is none, and that in a word.
        order: what is known of which allele is REF.
        effect_allele: of a row that names REF and ALT and also the allele that its slope is of, that allele.
        settled_by: name of the row that may say which allele is REF, for rows of open order.
        annotations: what else the row says, by the names that are used here, else by the file's.
        frequencies: population -> frequency of ALT.
    """

    row: int
    text: str
    name: Variant | Replacement | None
    problem: str = ""
    kind: str = ""
    order: Order = "fixed"
    effect_allele: str = ""
    settled_by: str = ""
    annotations: Mapping[str, str] = field(default_factory=dict)
    frequencies: Mapping[str, float] = field(default_factory=dict)


def rows_of_file(
    path: Path, *, vcf_af: Sequence[str] = (), near: Iterable[Variant] | None = None
) -> Iterator[AskedVariant]:
    """Rows of a file of variants, told by its content and not by its name; see ``read_variants``.

    Raises:
        InputError: it cannot be read, or has no columns that name variants.
    """
    kind = kind_of_file(path)
    if kind == "parquet":
        return _of_parquet(path, near)
    if kind == "vcf" and is_whole_vcf(path):
        return _of_vcf(path, vcf_af)
    return _of_text(path)


def is_whole_vcf(path: Path) -> bool:
    """Whether a file is a BCF, or a VCF with both parts of its header, which pysam reads."""
    if kind_of_file(path) != "vcf":
        return False
    try:
        first = next((line for line in text_lines(path) if not line.startswith("##")), "")
    except InputError:
        return True  # a BCF
    return first.startswith("#CHROM\t")


def rows_of_list(source: Iterable["Variant | str"]) -> Iterator[AskedVariant]:
    """Variants and texts as rows."""
    for row, entry in enumerate(source, start=1):
        if isinstance(entry, Variant):
            yield AskedVariant(row, str(entry), entry)
        else:
            yield _named(row, entry)


def _named(
    row: int,
    text: str,
    annotations: Mapping[str, str] | None = None,
    frequencies: Mapping[str, float] | None = None,
    effect_allele: str = "",
) -> AskedVariant:
    """A row that says by one text what its variant is."""
    name, problem, kind = None, "", ""
    try:
        name = parse_name(text)
    except VariantError as error:
        problem, kind = f"{error.problem}. {error.remedy}" if error.remedy else error.problem, error.kind
    return AskedVariant(
        row,
        text,
        name,
        problem,
        kind,
        effect_allele=effect_allele,
        annotations=annotations or {},
        frequencies=frequencies or {},
    )


def _of_text(path: Path) -> Iterator[AskedVariant]:
    """Rows of a text: a table with a header or without, or one variant a line."""
    numbered = ((number, line) for number, line in enumerate(text_lines(path), start=1) if line.strip())
    numbered = ((number, line) for number, line in numbered if not line.startswith("##"))
    first = list(islice(numbered, _LOOKED_AT))
    if not first:
        raise InputError("is empty", file=path, remedy="Give columns chrom, pos, ref, alt.")
    while first:
        line = first[0][1]
        following = first[1][1] if len(first) > 1 else ""
        for delimiter in delimiters_of(line):
            names = fields_of(line.removeprefix("#"), delimiter)
            is_sentence = line.startswith("#") and delimiter == " " and len(following.split()) != len(names)
            if _has_variants(_canonical(names)) and not is_sentence:
                yield from _of_table(chain(first[1:], numbered), _columns(names, path), delimiter)
                return
        if not line.startswith("#"):
            break
        first.pop(0)
    if not first:
        raise InputError("has no line but comments", file=path, remedy=_REMEDY)
    for delimiter in delimiters_of(line):
        columns = _headerless(fields_of(line, delimiter))
        if columns is not None:
            yield from _of_table(chain(first, numbered), list(columns), delimiter)
            return
    if any(_is_name(_first_word(line)) for _, line in first):
        for number, line in chain(first, numbered):
            if not line.startswith("#"):
                yield _named(number, _first_word(line))
    elif path.name.endswith(_VCF_SUFFIXES):
        raise InputError("cannot be read as a VCF or BCF", file=path, remedy="Give columns CHROM, POS, ID, REF, ALT.")
    else:
        _columns(fields_of(line, delimiter_of(line)), path)


def _first_word(line: str) -> str:
    return line.split(maxsplit=1)[0].strip('"')


def _is_name(text: str) -> bool:
    try:
        parse_name(text)
    except VariantError as error:
        return error.kind in ("rsid", "assembly")
    return True


def _headerless(fields: Sequence[str]) -> Sequence[str] | None:
    """Columns of a file without a header, by its first row: VCF, .bim, .pvar, or chrom, pos, ref, alt."""
    n = len(fields)
    if n == 6 and _WHOLE.fullmatch(fields[3]) and _BASES.fullmatch(fields[4]) and _BASES.fullmatch(fields[5]):
        return _BIM_COLUMNS
    if n == 5 and _WHOLE.fullmatch(fields[2]) and not _WHOLE.fullmatch(fields[1]) and _BASES.fullmatch(fields[4]):
        return [name for name in _BIM_COLUMNS if name != "cm"]
    if n >= 5 and _WHOLE.fullmatch(fields[1]) and _BASES.fullmatch(fields[3]) and _ALTS.fullmatch(fields[4]):
        # The end of REF in the third column: a BED, whose start is 0-based, would be read a base too far to the left.
        if _WHOLE.fullmatch(fields[2]) and float(fields[2]) - float(fields[1]) == len(fields[3]):
            return None
        return [*_VCF_COLUMNS[:n], *(f"column {place}" for place in range(len(_VCF_COLUMNS) + 1, n + 1))]
    if n == 4 and _WHOLE.fullmatch(fields[1]) and _BASES.fullmatch(fields[2]) and _BASES.fullmatch(fields[3]):
        return _PLACE
    return None


def _of_table(lines: Iterable[tuple[int, str]], names: list[str], delimiter: str) -> Iterator[AskedVariant]:
    is_vcf = tuple(names[:5]) == _VCF_COLUMNS[:5]
    for number, line in lines:
        if line.startswith("#"):
            continue
        fields = fields_of(line, delimiter, len(names))
        if is_vcf and 5 <= len(fields) < len(names):
            fields += [""] * (len(names) - len(fields))
        if len(fields) != len(names):
            problem = f"has {len(fields)} fields where the header has {len(names)}"
            yield AskedVariant(number, line, None, problem, "fields")
            continue
        values = dict(zip(names, fields, strict=True))
        if is_vcf:
            for alt in values["alt"].split(","):
                yield _of_row(number, {**values, "alt": alt})
        else:
            yield _of_row(number, values)


def _of_parquet(path: Path, near: Iterable[Variant] | None) -> Iterator[AskedVariant]:
    if near is None:
        table = read_parquet(path, ())
        numbers: Sequence[int] = range(1, len(table) + 1)
    else:
        table, numbers = _rows_near(path, near)
    names = _columns(table.column_names, path)
    for number, values in zip(numbers, table.to_pylist(), strict=True):
        texts = ["" if value is None or str(value) == "nan" else str(value).strip() for value in values.values()]
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
        is_place = {"chrom", "pos"} <= set(names) and pa.types.is_integer(
            file.schema_arrow.field(names.index("pos")).type
        )
        if not is_place:
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
                wanted = sorted_places.get(str(chrom).removeprefix("chr"), np.zeros(0, dtype=np.int64))
                low = np.searchsorted(wanted, positions[of_chrom] - _NEAR)
                is_near[of_chrom] = low < np.searchsorted(wanted, positions[of_chrom] + _NEAR, side="right")
            kept.append(batch.filter(pa.array(is_near)))
            numbers += (np.flatnonzero(is_near) + first).tolist()
            first += len(batch)
        return pa.Table.from_batches(kept, file.schema_arrow), numbers
    except UNREADABLE as error:
        raise unreadable(path, error) from None
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError("is not a Parquet file, or is cut off", file=path) from error


@dataclass(frozen=True, slots=True)
class _Reading:
    """What the columns of a table are read for.

    Attributes:
        annotations: columns that are kept as they are.
        frequencies: column, and the population that it is of.
        alleles: columns of the two alleles; None = there are none.
        is_placed: the place stands in columns, and not in a name.
        has_effect: the allele that the slope is of stands beside REF and ALT, or beside a name.
    """

    annotations: tuple[str, ...]
    frequencies: tuple[tuple[str, str], ...]
    alleles: tuple[str, str] | None
    is_placed: bool
    has_effect: bool


@lru_cache(maxsize=64)
def _reading(names: tuple[str, ...]) -> _Reading:
    """Of a table's columns, by the names that are used here."""
    alleles = next((pair for pair in _ALLELES if set(pair) <= set(names)), None)
    return _Reading(
        tuple(name for name in names if name not in _USED and not _is_frequency(name)),
        tuple((name, _population(name)) for name in names if _is_frequency(name)),
        alleles,
        alleles is not None and {"chrom", "pos"} <= set(names),
        "effect_allele" in names and (alleles is None or alleles == _ALLELES[0]),
    )


def _of_row(number: int, values: Mapping[str, str]) -> AskedVariant:
    """A row of a table, by the names that are used here."""
    reading = _reading(tuple(values))
    annotations = {name: value for name in reading.annotations if (value := values[name])}
    frequencies = {}
    for name, population in reading.frequencies:
        frequency = _frequency(values[name])
        if frequency is not None:
            frequencies[population] = frequency
    alleles = reading.alleles
    # Of a row without one it is not known what its slope is of.
    effect = (values["effect_allele"] or "(none)") if reading.has_effect else ""
    assembly = values.get("assembly", "")
    if reading.is_placed and alleles is not None:
        ref, alt = values[alleles[0]], values[alleles[1]]
        text = f"{values['chrom']}:{values['pos']}:{ref}:{alt}"
    else:
        text = values["variant"]
    if assembly not in _MISSING and not _GRCH38.fullmatch(assembly):
        return AskedVariant(number, text, None, f"is of {assembly}", "assembly")
    if not reading.is_placed or alleles is None:
        return _of_name(number, values, alleles, annotations, frequencies, effect)
    position, problem = _position(values["pos"])
    if problem:
        return AskedVariant(number, text, None, problem, "position")
    order: Order = ("fixed", "named", "open")[_ALLELES.index(alleles)]
    return AskedVariant(
        number,
        text,
        Variant(values["chrom"], position, ref, alt),
        order=order,
        effect_allele=effect,
        settled_by=values.get("variant", ""),
        annotations=annotations,
        frequencies=frequencies,
    )


def _of_name(
    number: int,
    values: Mapping[str, str],
    alleles: tuple[str, str] | None,
    annotations: Mapping[str, str],
    frequencies: Mapping[str, float],
    effect: str,
) -> AskedVariant:
    """A row whose place is in its name; alleles that it names beside it must be those of the name."""
    asked = _named(number, values["variant"], annotations, frequencies, effect)
    if alleles is None or not isinstance(asked.name, Variant):
        return asked
    ref, alt = (values[name].upper() for name in alleles)
    if {ref, alt} != {asked.name.ref.upper(), asked.name.alt.upper()}:
        problem = f"its name says {asked.name.ref}>{asked.name.alt}, its columns say {ref}>{alt}"
        return AskedVariant(number, asked.text, None, problem, "alleles")
    if "effect_allele" in alleles:
        return _named(number, values["variant"], annotations, frequencies, alt)
    return asked


def _position(text: str) -> tuple[int, str]:
    """A 1-based position, and why it is none: numbers that a spreadsheet has rounded or grouped are not guessed at."""
    found = _WHOLE.fullmatch(text)
    if found is not None and int(found[1]) > 0:
        return int(found[1]), ""
    if text in _MISSING or text.startswith("-") or found is not None:
        return 0, f"has no position ({text!r})"
    if _SCIENTIFIC.fullmatch(text):
        return 0, f"the position {text[:40]!r} is rounded: write all its digits"
    if _SEPARATED.fullmatch(text):
        return 0, f"the position {text[:40]!r} has separators: write its digits alone"
    return 0, f"the position {text[:40]!r} is no number"


def _canonical(header: Sequence[str]) -> list[str]:
    """Columns by the names that are used here; of several spellings of one the first in the list counts."""
    lowered = [name.strip().lower().removeprefix("#") for name in header]
    names = [name.strip() for name in header]
    for ours, theirs in _COLUMNS.items():
        spelling = next((each for each in theirs if each in lowered), None)
        if spelling is not None:
            place = lowered.index(spelling)
            names = [f"{name} (given)" if name == ours and other != place else name for other, name in enumerate(names)]
            names[place] = ours
    return names


def column_name(given: str) -> str:
    """The name by which a file's column is found among a row's annotations."""
    return _canonical([given])[0]


def _has_variants(names: Sequence[str]) -> bool:
    there = set(names)
    return "variant" in there or ({"chrom", "pos"} <= there and any(set(pair) <= there for pair in _ALLELES))


def _columns(header: Sequence[str], path: Path) -> list[str]:
    """Columns by the names that are used here.

    Raises:
        InputError: the variants' place is missing, or a name stands twice.
    """
    names = _canonical(header)
    if not _has_variants(names):
        missing = [name for name in _PLACE if name not in names]
        raise InputError(
            f"has no column {', '.join(missing)}; it has {', '.join(names)[:200]}", file=path, remedy=_REMEDY
        )
    lowered = [name.strip().lower() for name in header if name.strip()]
    twice = [name for name in dict.fromkeys(lowered) if lowered.count(name) > 1]
    if twice:
        raise InputError(f"has several columns {twice[0]}", file=path, remedy="Remove them, or give them other names.")
    return names


def _of_vcf(path: Path, fields: Sequence[str]) -> Iterator[AskedVariant]:
    import pysam

    try:
        file = pysam.VariantFile(str(path))
    except NotImplementedError:
        raise InputError("is compressed with gzip", file=path, remedy="Compress it with bgzip.") from None
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
                    yield AskedVariant(row, str(variant), variant, annotations=annotations, frequencies=frequencies)
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
