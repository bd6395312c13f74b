"""Suites of causal variants as they are published, and scores of any program for their variants.

``traitgym`` names causal variants and matched ones by ``label``. ``mage``, ``gtex-susie`` and ``eqtl-catalogue`` are
fine-mapped eQTLs with a PIP (posterior inclusion probability) for each variant and gene.
"""

import sys
from array import array
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError
from ..genome.allele_order import spelled
from ..genome.contigs import bare_name
from ..genome.genes import stable_id
from ..genome.minimal import trimmed_alleles
from ..genome.variant import Variant, VariantError, VariantNormalizer
from ..genome.variant_rows import AskedVariant, rows_of_file
from ..zoo.outputs import TissueNames

if TYPE_CHECKING:
    import pandas as pd

SUITES = ("traitgym", "mage", "gtex-susie", "eqtl-catalogue")
_VALUES = ("effect", "score")
_LABELS = {"true": 1.0, "1": 1.0, "false": 0.0, "0": 0.0}
# Of GTEx's file, which has two methods of fine-mapping.
_METHOD = "SUSIE"
_MISSING = ("", "na", "nan", ".")
# Of a score that names neither gene nor tissue.
_ANY = ("", "")

# Contig without chr, 1-based position, REF, ALT, trimmed and in upper case.
Key = tuple[str, int, str, str]


Spelling = Callable[[AskedVariant], tuple[Key, float]]


@dataclass
class VariantScores:
    """Scores of variants, maybe by gene and tissue.

    Attributes:
        path: they came from.
        of: variant -> its score with its sign, or (gene without its version or "", tissue or "") -> score where the
            file names them; of several the largest.
        left_out: reason -> rows.
        swapped: rows whose REF and ALT are the other way round than in the FASTA: their sign is turned.
    """

    path: Path
    of: dict[Key, float | dict[tuple[str, str], float]] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)
    swapped: int = 0

    def add(self, key: Key, place: tuple[str, str], number: float) -> None:
        """Note a score; of several of one place that of the largest size is kept, and the others are counted."""
        known = self.of.get(key)
        before = known.get(place) if isinstance(known, dict) else known if place == _ANY else None
        if before is not None:
            self.left_out["smaller_of_several"] += 1
            number = max(number, before, key=abs)
        if place == _ANY and not isinstance(known, dict):
            self.of[key] = number
            return
        by_place = known if isinstance(known, dict) else {} if known is None else {_ANY: known}
        by_place[place] = number
        self.of[key] = by_place

    def largest(self, key: Key, gene: str = "", tissue: str = "") -> float:
        """The score of largest size of a variant, of a gene and a tissue where they are named; NaN = there is none.

        A score without gene or tissue is of any.
        """
        known = self.of.get(key, {})
        if not isinstance(known, dict):
            return known
        found = [
            value
            for (of_gene, of_tissue), value in known.items()
            if gene in ("", of_gene) or not of_gene
            if tissue in ("", of_tissue) or not of_tissue
        ]
        return max(found, key=abs, default=float("nan"))

    def tissues(self) -> set[str]:
        """Tissues that the scores name."""
        return {tissue for known in self.of.values() if isinstance(known, dict) for _, tissue in known} - {""}


def spelling(normalizer: VariantNormalizer | None = None) -> Spelling:
    """What tells the variant of a row, and 1, or -1 where REF and ALT are the other way round than in the FASTA.

    Args:
        normalizer: of a FASTA: indels are told however they are placed. Without one alleles are trimmed, and no more.
    """

    def plain(row: AskedVariant) -> tuple[Key, float]:
        if not isinstance(row.name, Variant):
            raise VariantError(row.problem, kind=row.kind or "no_variant")
        return key_of(row.name), 1.0

    def held(row: AskedVariant) -> tuple[Key, float]:
        assert normalizer is not None
        variant, sign = spelled(row, normalizer)
        return key_of(variant), sign

    return plain if normalizer is None else held


def key_of(variant: Variant) -> Key:
    """What tells a variant, however its contig is called and its alleles are padded.

    Indels that are written at another of their places are other variants, unless the variant is normalised.
    """
    ref, alt = variant.ref.upper(), variant.alt.upper()
    offset, ref, alt = (0, ref, alt) if len(ref) == len(alt) == 1 else trimmed_alleles(ref, alt)
    return _bare_name(variant.chrom), variant.pos + offset, ref, alt


def read_scores(
    path: Path, *, value: str | None = None, tissue: str | None = None, told: Spelling | None = None
) -> VariantScores:
    """Scores: a table of ``effects``, with one score a variant or each, or a table of another program.

    Args:
        path: variants as ``effects`` takes them, with a column of numbers; maybe gene_id and tissue.
        value: its name; None = ``effect``, else ``score``.
        tissue: the only one that is read; None = all.
        told: of :func:`spelling`; None = without a FASTA.

    Raises:
        InputError: it cannot be read, or has no such column, or no number in it; no REF is the FASTA's.
    """
    scores, told = VariantScores(path), told or spelling()
    name = value
    for row in rows_of_file(path):
        key, sign = _told(row, told, scores.left_out)
        if key is None:
            continue
        name = name or next((each for each in _VALUES if each in row.annotations), None)
        if tissue is not None and row.annotations.get("tissue") not in (None, tissue):
            scores.left_out["other_tissue"] += 1
            continue
        number = _number(row.annotations.get(name, "") if name is not None else "", path, row.row, name or "score")
        if np.isnan(number):
            scores.left_out["no_number"] += 1
            continue
        place = _stable_id(row.annotations.get("gene_id", "")), sys.intern(row.annotations.get("tissue", ""))
        scores.add(key, place, sign * number)
        scores.swapped += sign < 0
    if not scores.of:
        _refuse_mismatched(path, scores.left_out)
        wanted = value or " or ".join(_VALUES)
        raise InputError(
            f"has no variant with a number in a column {wanted}"
            + (f" of the tissue {tissue!r}" if tissue is not None else ""),
            file=path,
            remedy="Give what `variantformer effects` writes, or a table of variants with a score.",
        )
    return scores


def read_slopes(
    path: Path, scores: Mapping[str, VariantScores], told: Spelling | None = None
) -> tuple[dict[tuple[Key, str], float], Counter[str]]:
    """Effect sizes that stand in a file of their own, as MAGE's do: (variant, gene) -> slope of ALT.

    Args:
        path: variants with gene_id and a slope, such as MAGE's ``eQTL_finemapping.leadVariant_aFCn`` (log2 of the
            allelic fold change) or FastQTL's nominal pass.
        scores: name of a model -> its scores: variants that one of them lacks are not kept.
        told: of :func:`spelling`.

    Returns:
        The slopes, and how many rows have none, by reason.

    Raises:
        InputError: it cannot be read; no variant that is scored has a slope.
    """
    slopes: dict[tuple[Key, str], float] = {}
    left_out: Counter[str] = Counter()
    told = told or spelling()
    for row in rows_of_file(path):
        key, sign = _told(row, told, left_out)
        if key is None:
            continue
        if not all(key in each.of for each in scores.values()):
            left_out["not_scored"] += 1
            continue
        slope = _number(row.annotations.get("slope", ""), path, row.row, "slope")
        gene = _stable_id(row.annotations.get("gene_id", ""))
        if np.isnan(slope) or not gene:
            left_out["no_slope" if gene else "no_gene"] += 1
        elif (key, gene) in slopes:
            left_out["repeated"] += 1
        else:
            slopes[key, gene] = sign * slope
    if not slopes:
        raise InputError(
            f"has no slope of a variant that is scored: {_counted(left_out)}",
            file=path,
            remedy="Give variants with gene_id and slope, such as MAGE's eQTL_finemapping.leadVariant_aFCn file.",
        )
    return slopes, left_out


def read_suite(
    path: Path,
    suite: str,
    scores: Mapping[str, VariantScores],
    *,
    told: Spelling | None = None,
    slopes: Mapping[tuple[Key, str], float] | None = None,
) -> "tuple[pd.DataFrame, Counter[str]]":
    """The variants of a suite that all models score, with their scores.

    Args:
        path: a file of the suite, as it is published.
        suite: one of ``SUITES``.
        scores: name of a model -> its scores.
        told: of :func:`spelling`, as the scores were read.
        slopes: of :func:`read_slopes`, for rows without one of their own.

    Returns:
        A row a variant (of fine-mapped eQTLs a variant, gene and tissue): chrom, pos, gene_id, tissue, label (1, 0),
        pip, slope (of ALT), consequence, group (of matched variants, else the gene), and a column for each model with
        its score; NaN and "" where the suite does not say it. How many rows were left out, by reason.

    Raises:
        InputError: it cannot be read, or is none of the suite; none of its variants is scored by all models; no REF is
            the FASTA's.
    """
    tissues = TissueNames(sorted(set[str]().union(*(each.tissues() for each in scores.values()))))
    tissue_of: dict[str, str | None] = {"": ""}
    left_out: Counter[str] = Counter()
    told, slopes, is_labelled = told or spelling(), slopes or {}, suite == "traitgym"
    columns = _Columns(len(scores))
    for row in rows_of_file(path):
        said = row.annotations
        if suite == "gtex-susie" and said.get("method", _METHOD) != _METHOD:
            left_out["other_method"] += 1
            continue
        key, sign = _told(row, told, left_out)
        if key is None:
            continue
        if not all(key in each.of for each in scores.values()):
            left_out["not_scored"] += 1
            continue
        gene = "" if is_labelled else _stable_id(_needed(said, "gene_id", path, row.row, suite))
        tissue = _tissue("" if is_labelled else said.get("tissue", ""), tissues, tissue_of)
        if tissue is None:
            left_out["tissue_not_scored"] += 1
            continue
        values = [each.largest(key, gene, tissue) for each in scores.values()]
        if any(value != value for value in values):  # noqa: PLR0124 -- NaN
            left_out["gene_or_tissue_not_scored"] += 1
            continue
        label, pip = float("nan"), float("nan")
        if is_labelled:
            text = _needed(said, "label", path, row.row, suite)
            if text.lower() not in _LABELS:
                raise InputError(
                    f"the label is {text!r}", file=path, record=f"row {row.row}", remedy="Labels are True or False."
                )
            label = _LABELS[text.lower()]
        else:
            pip = _number(_needed(said, "pip", path, row.row, suite), path, row.row, "pip", 0, 1)
        slope = sign * _number(said.get("slope", ""), path, row.row, "slope")
        if slope != slope:  # noqa: PLR0124 -- NaN
            slope = slopes.get((key, gene), slope)
        group = said.get("match_group", "") or gene or ":".join(map(str, key))
        columns.add(key, (gene, tissue, said.get("consequence", ""), group), (label, pip, slope, *values))
    frame = columns.frame(list(scores))
    left_out["repeated"] += columns.n - len(frame)
    if not len(frame):
        _refuse_mismatched(path, left_out)
        raise InputError(
            f"has no variant that is scored: {_counted(left_out) or 'no row'}",
            file=path,
            remedy="Score the variants of this file: variantformer effects --variants FILE.",
        )
    return frame, +left_out


class _Columns:
    """Rows of a suite as columns, of which there may be millions.

    Attributes:
        n: rows so far.
    """

    def __init__(self, n_models: int) -> None:
        self.n = 0
        self._texts: list[list[str]] = [[] for _ in range(7)]
        self._pos = array("q")
        self._numbers = [array("d") for _ in range(3 + n_models)]

    def add(self, key: Key, texts: Sequence[str], numbers: Sequence[float]) -> None:
        """A row: its variant; gene, tissue, consequence and group; label, PIP, slope and scores."""
        self.n += 1
        chrom, pos, ref, alt = key
        self._pos.append(pos)
        for column, text in zip(self._texts, (chrom, ref, alt, *texts), strict=True):
            column.append(sys.intern(text))
        for numeric, number in zip(self._numbers, numbers, strict=True):
            numeric.append(number)

    def frame(self, models: Sequence[str]) -> "pd.DataFrame":
        """The rows, each variant, gene and tissue once: the first."""
        import pandas as pd

        names = ("chrom", "ref", "alt", "gene_id", "tissue", "consequence", "group")
        texts = dict(zip(names, self._texts, strict=True))
        numbers = {
            name: np.frombuffer(values) if len(values) else np.zeros(0)
            for name, values in zip(("label", "pip", "slope", *models), self._numbers, strict=True)
        }
        pos = np.frombuffer(self._pos, dtype=np.int64) if self.n else np.zeros(0, dtype=np.int64)
        frame = pd.DataFrame({**texts, "pos": pos, **numbers})
        frame = frame[~frame.duplicated(["chrom", "pos", "ref", "alt", "gene_id", "tissue"])]
        order = ("chrom", "pos", "gene_id", "tissue", "label", "pip", "slope", "consequence", "group", *models)
        return frame[list(order)].reset_index(drop=True)


def _told(row: AskedVariant, told: Spelling, left_out: Counter[str]) -> tuple[Key | None, float]:
    """What tells a row's variant, and its sign; None where it has none that can be used, which is counted."""
    try:
        return told(row)
    except VariantError as error:
        left_out[error.kind] += 1
        return None, 1.0


def _refuse_mismatched(path: Path, left_out: Mapping[str, int]) -> None:
    """Raise InputError where nothing is left of a file because the FASTA holds none of its alleles."""
    if left_out.get("ref_mismatch"):
        raise InputError(
            f"has no REF that the FASTA holds: {_counted(left_out)}",
            file=path,
            remedy="Give the FASTA of its assembly, or lift the file over.",
        )


def _counted(left_out: Mapping[str, int]) -> str:
    return ", ".join(f"{n} {why}" for why, n in left_out.items() if n)


_stable_id, _bare_name = lru_cache(maxsize=1 << 17)(stable_id), lru_cache(maxsize=1 << 12)(bare_name)


def matched_controls(
    frame: "pd.DataFrame", *, causal: float = 0.9, control: float = 0.01, most: int = 9
) -> "tuple[pd.DataFrame, int]":
    """Label fine-mapped variants: causal, and for each the nearest that are not, of the same gene and tissue.

    Variants that lie near each other are about as far from the TSS. Each serves one causal variant; those of larger PIP
    choose first.

    Args:
        frame: of :func:`read_suite`.
        causal: the least PIP of a causal variant.
        control: the largest of one that is not.
        most: controls of a causal variant.

    Returns:
        The rows with a label, in their order; how many causal variants have no control, and are left out.
    """
    label = np.full(len(frame), np.nan)
    pip, position = frame["pip"].to_numpy(), frame["pos"].to_numpy()
    alone = 0
    for rows in map(np.asarray, frame.groupby(["gene_id", "tissue"], sort=False).indices.values()):
        free = rows[pip[rows] <= control]
        chosen = rows[pip[rows] >= causal]
        for row in chosen[np.argsort(-pip[chosen], kind="stable")].tolist():
            nearest = free[np.argsort(np.abs(position[free] - position[row]), kind="stable")][:most]
            if not len(nearest):
                alone += 1
                continue
            label[row], label[nearest] = 1, 0
            free = np.setdiff1d(free, nearest)
    return frame.assign(label=label)[~np.isnan(label)].reset_index(drop=True), alone


def _tissue(name: str, tissues: TissueNames, known: dict[str, str | None]) -> str | None:
    """A suite's tissue as the scores call it; where these name none, that of any; None = they have others."""
    if name not in known:
        found, _ = tissues.resolve([name], most_suggested=0)
        known[name] = found[0].name if found else None if tissues.named else ""
    return known[name]


def _needed(said: Mapping[str, str], name: str, path: Path, row: int, suite: str) -> str:
    if name not in said:
        raise InputError(
            f"has no {name}; it has {', '.join(list(said)[:8])}",
            file=path,
            record=f"row {row}",
            remedy=f"Give a file of {suite}, as it is published, or name another --set.",
        )
    return said[name]


def _number(text: str, path: Path, row: int, name: str, least: float = -np.inf, most: float = np.inf) -> float:
    """A number of a row; NaN where there is none, or an infinite one, such as the log of a ratio with 0."""
    if text.lower() in _MISSING:
        return float("nan")
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if np.isinf(number) and np.isinf(most):
        return float("nan")
    if not least <= number <= most:
        raise InputError(f"{name} is {text[:20]!r}", file=path, record=f"row {row}", remedy="Write a number, or NA.")
    return number
