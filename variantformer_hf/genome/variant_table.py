"""Lists of variants as users have them: tables, VCFs, text. Rows that cannot be used are reported, the rest go on."""

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import InputError
from .genotype_edits import GENOTYPES, GenotypeEdit
from .variant import Variant, VariantError, VariantNormalizer
from .variant_names import Replacement, parse_name
from .variant_rows import AskedVariant, rows_of_file, rows_of_list

logger = logging.getLogger(__name__)

# Rows that differ in one of these say different things of one variant.
_SAID_OF = ("gene_id", "tissue", "dataset", "genotype")
# Rows of a file that tell their REF, and have it in one place, before it is taken to be there in the rows that do not.
_TELLING = 20
_UNSETTLED = (
    "either allele is what the FASTA holds there, so that REF cannot be told. Give the columns ref and alt, or a name "
    "such as chr1:123:AT:A."
)


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
        turned: the row is about REF: its effect allele is what the FASTA holds, so that what it says of that allele,
            a slope, is the opposite of what holds for the variant. ``given`` is from REF to ALT all the same.
    """

    given: Variant
    variant: Variant
    row: int
    annotations: Mapping[str, str] = field(default_factory=dict)
    frequencies: Mapping[str, float] = field(default_factory=dict)
    turned: bool = False


@dataclass(frozen=True, slots=True)
class RejectedVariant:
    """A row that cannot be used.

    Attributes:
        row: as of ``VariantRow``.
        given: what stands there.
        reason: why not, and what to do.
        kind: the same in a word, for counting; ``repeated`` = an earlier row says it.
    """

    row: int
    given: str
    reason: str
    kind: str


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
        out = {(each.row, each.given) for each in rejected}
        kept = tuple(row for row in self.rows if (row.row, str(row.given)) not in out)
        return VariantTable(kept, tuple(rejected), self.path)

    def counts(self) -> dict[str, Any]:
        """How many rows there were, and what became of them, for JSON: read, used, of these turned, repeated, and
        rejected by kind."""
        kinds = Counter(each.kind for each in self.rejected)
        repeated = kinds.pop("repeated", 0)
        return {
            "read": len(self.rows) + len(self.rejected),
            "used": len(self.rows),
            "turned": sum(row.turned for row in self.rows),
            "repeated": repeated,
            "rejected": dict(kinds.most_common()),
        }

    def edits(self, genotype: str) -> list[GenotypeEdit]:
        """The rows as edits: to the genotype in their column ``genotype``, else to the one given.

        Raises:
            InputError: a genotype that is none; no row; a row that is turned.
        """
        if not self.rows:
            raise InputError("holds no variant that can be used", file=self.path, remedy=first_reason(self.rejected))
        turned = next((row for row in self.rows if row.turned), None)
        if turned is not None:
            raise InputError(
                f"names {turned.given.ref}, which is REF, as the effect allele",
                file=self.path,
                record=f"row {turned.row}",
                remedy="Say what is to be set by the columns ref, alt and genotype.",
            )
        edits = [GenotypeEdit(each.variant, each.annotations.get("genotype") or genotype) for each in self.rows]
        for edit, row in zip(edits, self.rows, strict=True):
            try:
                edit.text  # noqa: B018 -- says what is wrong with it
            except InputError as error:
                raise InputError(
                    error.problem,
                    file=self.path,
                    record=f"row {row.row}",
                    remedy=f"Write one of {', '.join(GENOTYPES)}, or a genotype of REF and ALT.",
                ) from None
        return edits


def read_variants(
    source: str | Path | Iterable["Variant | str"],
    normalizer: VariantNormalizer,
    *,
    vcf_af: Sequence[str] = (),
    near: Iterable[Variant] | None = None,
) -> VariantTable:
    """Read variants and bring them to their one spelling.

    Args:
        source: a file, told by its content: a table (tabs, commas, semicolons or blanks; compressed or not; Parquet)
            with columns chrom (or chr), pos, ref, alt, or a column ``variant`` with any name of ``parse_name``, or as
            docs/effects.md lists them; such names, one a line; a VCF or BCF, each ALT of a record by itself; a VCF
            without its header, a .bim or .pvar; or variants and texts themselves.
        normalizer: of the FASTA.
        vcf_af: INFO fields of a VCF that hold allele frequencies; none = all that look like it (AF, AF_EUR, EUR_AF).
        near: of a Parquet table, read only rows within a kilobase of these, so that one of a whole genome can be used.

    Returns:
        The variants and what was rejected: what :class:`VariantNormalizer` refuses, rows of another assembly, and rows
        that say again what an earlier row says. A row that names an effect allele and another is held against the
        FASTA: where the effect allele is REF, it is turned.

    Raises:
        InputError: the file cannot be read, or lacks a column.
    """
    path = None
    if isinstance(source, (str, Path)):
        path = Path(source)
        asked = rows_of_file(path, vcf_af=vcf_af, near=near)
    else:
        asked = rows_of_list(source)
    held = [_held(each, normalizer) for each in asked]
    turns = Counter(each.row.turned for each in held if isinstance(each, _Held) and each.tells)
    first_is_ref = turns[False] >= _TELLING and not turns[True]
    rows: list[VariantRow] = []
    rejected: list[RejectedVariant] = []
    seen: dict[tuple[object, ...], int] = {}
    for each in held:
        if isinstance(each, RejectedVariant):
            rejected.append(each)
            continue
        row = each.row
        if each.is_open and not first_is_ref:
            rejected.append(RejectedVariant(row.row, str(row.given), _UNSETTLED, "ambiguous"))
            continue
        key = (row.given, *(row.annotations.get(name) for name in _SAID_OF))
        if key in seen:
            reason = f"says again what row {seen[key]} says"
            rejected.append(RejectedVariant(row.row, str(row.given), reason, "repeated"))
            continue
        seen[key] = row.row
        rows.append(row)
    table = VariantTable(tuple(rows), tuple(rejected), path)
    if table.counts()["turned"]:
        logger.warning("%s: the effect allele of %d rows is REF: they are turned", path, table.counts()["turned"])
    return table


@dataclass(frozen=True, slots=True)
class _Held:
    """A row held against the FASTA.

    Attributes:
        row: as it is used.
        tells: it did not say which allele is REF, and the FASTA has one of the two alone.
        is_open: it did not say so, and the FASTA has both: the shorter allele of an indel is the start of the longer.
    """

    row: VariantRow
    tells: bool
    is_open: bool


def _held(asked: AskedVariant, normalizer: VariantNormalizer) -> _Held | RejectedVariant:
    if asked.name is None:
        return RejectedVariant(asked.row, asked.text, asked.problem, asked.kind)
    try:
        given = asked.name.variant(normalizer) if isinstance(asked.name, Replacement) else asked.name
        turned, tells, is_open = False, False, False
        if asked.order != "fixed":
            other = Variant(given.chrom, given.pos, given.alt, given.ref)
            fits, other_fits = _has_ref(given, normalizer), _has_ref(other, normalizer)
            name = _name_of(asked.settled_by)
            turned = other_fits and (not fits or (asked.order == "open" and name == other))
            tells = asked.order == "open" and fits != other_fits
            is_open = asked.order == "open" and fits and other_fits and name not in (given, other)
            given = other if turned else given
        normal = normalizer(given)
    except VariantError as error:
        return RejectedVariant(asked.row, asked.text, _reason(error), error.kind)
    frequencies = {name: 1 - value for name, value in asked.frequencies.items()} if turned else asked.frequencies
    if asked.effect_allele:
        turned = asked.effect_allele.upper() == given.ref.upper()
        if not turned and asked.effect_allele.upper() != given.alt.upper():
            reason = f"its effect allele {asked.effect_allele} is neither {given.ref} nor {given.alt}"
            return RejectedVariant(asked.row, asked.text, reason, "alleles")
    return _Held(VariantRow(given, normal, asked.row, asked.annotations, frequencies, turned), tells, is_open)


def _has_ref(variant: Variant, normalizer: VariantNormalizer) -> bool:
    return bool(variant.ref) and normalizer.holds(normalizer.contig(variant.chrom), variant.start, variant.ref)


def _name_of(text: str) -> Variant | None:
    """The variant that a name says, by the contig, position and alleles that stand there; None = it says none."""
    try:
        name = parse_name(text) if text else None
    except VariantError:
        return None
    return name if isinstance(name, Variant) else None


def _reason(error: InputError) -> str:
    return f"{error.problem}. {error.remedy}" if error.remedy else error.problem


def first_reason(rejected: Sequence[RejectedVariant]) -> str:
    """Which row was the first to be rejected, and why, as a remedy."""
    if not rejected:
        return "Give at least one."
    first = rejected[0]
    return f"The first, row {first.row} ({first.given[:60]}): {first.reason}"
