"""Which rows of an eQTL table are held against predictions, as VariantFormer's paper (5.1.7) selects them."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np

from ..errors import InputError, check_number
from ..genome.table_files import delimiter_of, fields_of, text_lines
from ..genome.variant import Variant
from ..genome.variant_table import RejectedVariant, VariantRow, VariantTable

# Columns of p-values, in lower case; of several the first counts.
P_COLUMNS = ("pvalue", "p_value", "pval_nominal", "pval", "p")
# The paper's six, a data file.
PAPER = "paper"
# Variants common in one super-population and rare in another (5.1.7): set -> (above 0.10 in, below 0.05 in).
ENRICHED = {"EUR_enriched": ("EUR", "AFR"), "AFR_enriched": ("AFR", "EUR")}
_COMMON, _RARE = 0.10, 0.05


@dataclass(frozen=True)
class EqtlSelection:
    """What is asked of a row; the filters are applied in this order.

    Attributes:
        snps_only: leave out all variants but SNVs.
        min_pip: lowest PIP of the column ``pip``: fine-mapped variants only. Slopes are marginal: what only stands near
            a causal variant has one too.
        max_maf: minor allele frequencies below it only.
        top: so many rows of each data set and tissue, those of least p; of equal ones those that come first. Of each
            set of ``ENRICHED`` so many as well, as the paper has it.

    Raises:
        InputError: a number out of its range.
    """

    snps_only: bool = False
    min_pip: float | None = None
    max_maf: float | None = None
    top: int | None = None

    def __post_init__(self) -> None:
        if self.min_pip is not None and not 0 <= self.min_pip <= 1:
            raise InputError(f"the lowest PIP is {self.min_pip:g}", remedy="Give a probability, from 0 to 1.")
        if self.max_maf is not None and not 0 < self.max_maf <= 0.5:
            raise InputError(f"the MAF is to be below {self.max_maf:g}", remedy="Give a number above 0, up to 0.5.")
        if self.top is not None:
            check_number("--top", self.top, 1)

    def select(
        self, rows: Sequence[VariantRow], frequencies: Mapping[str, Mapping[str, float]] | None = None
    ) -> "SelectedRows":
        """Apply the filters.

        Args:
            rows: with a slope and a gene.
            frequencies: variant (as text) -> population -> frequency, beside what the rows say.
        """
        kept, rejected = list(rows), []
        counts = {"given": len(kept)}

        def keep(name: str, why_not: Callable[[VariantRow], tuple[str, str] | None]) -> None:
            nonlocal kept
            left = []
            for row in kept:
                found = why_not(row)
                if found is None:
                    left.append(row)
                else:
                    rejected.append(RejectedVariant(row.row, str(row.given), *found))
            kept, counts[name] = left, len(left)

        if self.snps_only:
            keep("snps_only", lambda row: None if _is_snv(row) else ("is no SNV", "not_snp"))
        if self.min_pip is not None:
            keep("min_pip", self._why_no_pip)
        if self.max_maf is not None:
            keep("max_maf", lambda row: self._why_not_rare(row, frequencies or {}))
        in_top = frozenset(row.row for row in kept)
        if self.top is not None:
            ranked = {row.row: p_of(row) for row in kept}
            tops = {"top": _top(kept, ranked, self.top)}
            for name in ENRICHED:
                of_set = [row for row in kept if enriched(frequencies or {}, row.variant)[name]]
                tops |= {f"top_{name}": _top(of_set, ranked, self.top)} if of_set else {}
            in_top, in_any = tops["top"], frozenset[int]().union(*tops.values())
            keep("top", lambda row: _why_not_top(row, ranked, in_any, self.top))
            counts |= {name: len(each) for name, each in tops.items()}
        return SelectedRows(kept, rejected, counts, in_top)

    def _why_no_pip(self, row: VariantRow) -> tuple[str, str] | None:
        pip = number_of(row, "pip")
        if np.isnan(pip):
            return "has no PIP", "no_pip"
        assert self.min_pip is not None
        return None if pip >= self.min_pip else (f"its PIP {pip:g} is under {self.min_pip:g}", "under_min_pip")

    def _why_not_rare(self, row: VariantRow, frequencies: Mapping[str, Mapping[str, float]]) -> tuple[str, str] | None:
        maf = maf_of(row, frequencies.get(str(row.variant), {}))
        if np.isnan(maf):
            return "has no MAF: give a column maf or af", "no_maf"
        assert self.max_maf is not None
        return None if maf < self.max_maf else (f"its MAF {maf:g} is not below {self.max_maf:g}", "over_max_maf")


@dataclass(frozen=True)
class SelectedRows:
    """What filters left.

    Attributes:
        rows: that are left.
        rejected: that are not.
        counts: how many each filter left: ``given``, then the filters; ``top`` of all rows, ``top_EUR_enriched`` of
            that set.
        in_top: numbers of the rows of least p of all. The others are of least p in a set of ``ENRICHED`` alone.
    """

    rows: list[VariantRow]
    rejected: list[RejectedVariant]
    counts: dict[str, int]
    in_top: frozenset[int]


def _top(rows: Sequence[VariantRow], ranked: Mapping[int, float], top: int) -> frozenset[int]:
    """Numbers of the rows of least p of each data set and tissue."""
    groups: dict[tuple[str, str], list[tuple[float, int]]] = {}
    for row in rows:
        p = ranked[row.row]
        if not np.isnan(p):
            key = row.annotations.get("dataset", ""), row.annotations.get("tissue", "")
            groups.setdefault(key, []).append((p, row.row))
    return frozenset(row for group in groups.values() for _, row in sorted(group)[:top])


def _why_not_top(
    row: VariantRow, ranked: Mapping[int, float], tops: Collection[int], top: int | None
) -> tuple[str, str] | None:
    if np.isnan(ranked[row.row]):
        return f"has no p-value: give a column {', '.join(P_COLUMNS[:3])}", "no_p"
    return None if row.row in tops else (f"is not among the {top} of least p", "not_top")


def enriched(frequencies: Mapping[str, Mapping[str, float]], variant: Variant) -> dict[str, bool | None]:
    """Which sets of ``ENRICHED`` a variant is in; None where a frequency is not known.

    Args:
        frequencies: variant (as text) -> population -> frequency.
        variant: normalised.
    """
    known = frequencies.get(str(variant), {})
    return {
        name: known[common] > _COMMON and known[rare] < _RARE if {common, rare} <= set(known) else None
        for name, (common, rare) in ENRICHED.items()
    }


def _is_snv(row: VariantRow) -> bool:
    return len(row.variant.ref) == len(row.variant.alt) == 1


def number_of(row: VariantRow, name: str) -> float:
    """A number that a row says; NaN where it says none."""
    try:
        return float(row.annotations.get(name, "nan"))
    except ValueError:
        return float("nan")


def maf_of(row: VariantRow, frequencies: Mapping[str, float]) -> float:
    """A row's MAF: its own, else of the allele frequency of all people; NaN where nothing says it."""
    maf, of_all = number_of(row, "maf"), row.frequencies.get("", frequencies.get("", np.nan))
    return maf if not np.isnan(maf) else min(of_all, 1 - of_all)


def p_of(row: VariantRow) -> float:
    """A row's p-value; NaN where it says none from 0 to 1."""
    lowered = {name.lower(): name for name in row.annotations}
    name = next((lowered[each] for each in P_COLUMNS if each in lowered), "")
    p = number_of(row, name)
    return p if 0 <= p <= 1 else float("nan")


def read_labels(path: str | Path) -> dict[str, str]:
    """Labels of tissues -> tissues of the model: a table of two columns, or ``paper``, the six of the paper.

    Args:
        path: CSV or TSV with the columns label and tissue, or ``paper``.

    Raises:
        InputError: it cannot be read, or a row is no pair, or a label stands twice.
    """
    if str(path) == PAPER:
        with resources.as_file(resources.files(__package__) / "eqtl_labels.tsv") as file:
            return read_labels(file)
    found: dict[str, str] = {}
    delimiter = ""
    for number, line in enumerate(text_lines(path), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        delimiter = delimiter or delimiter_of(line)
        fields = fields_of(line, delimiter)
        if not found and [each.lower() for each in fields] == ["label", "tissue"]:
            continue
        if len(fields) != 2 or not all(fields) or fields[0].lower() in found:
            problem = "is no label and tissue" if len(fields) != 2 or not all(fields) else "names a label again"
            raise InputError(
                problem,
                file=path,
                record=f"line {number}",
                remedy="Write the columns label and tissue, each label once.",
            )
        found[fields[0].lower()] = fields[1]
    if not found:
        raise InputError("names no label", file=path, remedy="Write the columns label and tissue.")
    return found


def relabelled(table: VariantTable, labels: Mapping[str, str]) -> VariantTable:
    """A table whose rows have tissues in the place of labels, whatever their case; others stay as they are."""
    from dataclasses import replace

    def named(row: VariantRow) -> VariantRow:
        label = row.annotations.get("tissue", "").strip().lower()
        if label not in labels:
            return row
        return replace(row, annotations={**row.annotations, "tissue": labels[label]})

    return replace(table, rows=tuple(named(row) for row in table.rows))
