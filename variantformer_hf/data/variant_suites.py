"""Suites of causal variants as they are published, and scores of any program for their variants.

``traitgym`` names causal variants and matched ones by ``label``. ``mage``, ``gtex-susie`` and ``eqtl-catalogue`` are
fine-mapped eQTLs with a PIP (posterior inclusion probability) for each variant and gene.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError
from ..genome.contigs import bare_name
from ..genome.genes import stable_id
from ..genome.minimal import trimmed_alleles
from ..genome.variant import Variant
from ..genome.variant_rows import rows_of_file
from ..zoo.outputs import TissueNames

if TYPE_CHECKING:
    import pandas as pd

SUITES = ("traitgym", "mage", "gtex-susie", "eqtl-catalogue")
_VALUES = ("effect", "score")
_LABELS = {"true": 1.0, "1": 1.0, "false": 0.0, "0": 0.0}
# Of GTEx's file, which has two methods of fine-mapping.
_METHOD = "SUSIE"
_MISSING = ("", "na", "nan", ".")

# Contig without chr, 1-based position, REF, ALT, trimmed and in upper case.
Key = tuple[str, int, str, str]


@dataclass
class VariantScores:
    """Scores of variants, maybe by gene and tissue.

    Attributes:
        path: they came from.
        of: variant -> (gene without its version or "", tissue or "") -> score with its sign; of several the largest.
        left_out: reason -> rows.
    """

    path: Path
    of: dict[Key, dict[tuple[str, str], float]] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)

    def largest(self, key: Key, gene: str = "", tissue: str = "") -> float:
        """The score of largest size of a variant, of a gene and a tissue where they are named; NaN = there is none.

        A score without gene or tissue is of any.
        """
        found = [
            value
            for (of_gene, of_tissue), value in self.of.get(key, {}).items()
            if gene in ("", of_gene) or not of_gene
            if tissue in ("", of_tissue) or not of_tissue
        ]
        return max(found, key=abs, default=float("nan"))


def key_of(variant: Variant) -> Key:
    """What tells a variant, however its contig is called and its alleles are padded.

    Indels that are written at another of their places are other variants here: no FASTA is asked.
    """
    offset, ref, alt = trimmed_alleles(variant.ref.upper(), variant.alt.upper())
    return bare_name(variant.chrom), variant.pos + offset, ref, alt


def read_scores(path: Path, *, value: str | None = None, tissue: str | None = None) -> VariantScores:
    """Scores: a table of ``effects``, with one score a variant or each, or a table of another program.

    Args:
        path: variants as ``effects`` takes them, with a column of numbers; maybe gene_id and tissue.
        value: its name; None = ``effect``, else ``score``.
        tissue: the only one that is read; None = all.

    Raises:
        InputError: it cannot be read, or has no such column, or no number in it.
    """
    scores = VariantScores(path)
    name = value
    for row in rows_of_file(path):
        if not isinstance(row.name, Variant):
            scores.left_out[row.kind or "no_variant"] += 1
            continue
        name = name or next((each for each in _VALUES if each in row.annotations), None)
        if tissue is not None and row.annotations.get("tissue") not in (None, tissue):
            scores.left_out["other_tissue"] += 1
            continue
        number = _number(row.annotations.get(name, "") if name is not None else "", path, row.row, name or "score")
        if np.isnan(number):
            scores.left_out["no_number"] += 1
            continue
        of_variant = scores.of.setdefault(key_of(row.name), {})
        place = stable_id(row.annotations.get("gene_id", "")), row.annotations.get("tissue", "")
        if abs(number) >= abs(of_variant.get(place, 0.0)):
            of_variant[place] = number
    if not scores.of:
        wanted = value or " or ".join(_VALUES)
        raise InputError(
            f"has no variant with a number in a column {wanted}"
            + (f" of the tissue {tissue!r}" if tissue is not None else ""),
            file=path,
            remedy="Give what `variantformer effects` writes, or a table of variants with a score.",
        )
    return scores


def read_suite(path: Path, suite: str, scores: Mapping[str, VariantScores]) -> "tuple[pd.DataFrame, Counter[str]]":
    """The variants of a suite that all models score, with their scores.

    Args:
        path: a file of the suite, as it is published.
        suite: one of ``SUITES``.
        scores: name of a model -> its scores.

    Returns:
        A row a variant (of fine-mapped eQTLs a variant, gene and tissue): chrom, pos, gene_id, tissue, label (1, 0),
        pip, slope (of ALT), consequence, group (of matched variants, else the gene), and a column for each model with
        its score; NaN and "" where the suite does not say it. How many rows were left out, by reason.

    Raises:
        InputError: it cannot be read, or is none of the suite; none of its variants is scored by all models.
    """
    import pandas as pd

    tissues = TissueNames(sorted({of_tissue for each in scores.values() for _, of_tissue in _places(each)} - {""}))
    tissue_of: dict[str, str | None] = {"": ""}
    left_out: Counter[str] = Counter()
    rows: dict[tuple[Key, str, str], tuple[object, ...]] = {}
    is_labelled = suite == "traitgym"
    for row in rows_of_file(path):
        said = row.annotations
        if not isinstance(row.name, Variant):
            left_out[row.kind or "no_variant"] += 1
            continue
        if suite == "gtex-susie" and said.get("method", _METHOD) != _METHOD:
            left_out["other_method"] += 1
            continue
        key = key_of(row.name)
        if not all(key in each.of for each in scores.values()):
            left_out["not_scored"] += 1
            continue
        gene = "" if is_labelled else stable_id(_needed(said, "gene_id", path, row.row, suite))
        tissue = _tissue("" if is_labelled else said.get("tissue", ""), tissues, tissue_of)
        if tissue is None:
            left_out["tissue_not_scored"] += 1
            continue
        values = [each.largest(key, gene, tissue) for each in scores.values()]
        if np.isnan(values).any():
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
        place = key, gene, tissue
        if place in rows:
            left_out["repeated"] += 1
            continue
        slope = _number(said.get("slope", ""), path, row.row, "slope")
        group = said.get("match_group", "") or gene or ":".join(map(str, key))
        rows[place] = (key[0], key[1], gene, tissue, label, pip, slope, said.get("consequence", ""), group, *values)
    if not rows:
        raise InputError(
            f"has no variant that is scored: {', '.join(f'{n} {why}' for why, n in left_out.items()) or 'no row'}",
            file=path,
            remedy="Score the variants of this file: variantformer effects --variants FILE.",
        )
    names = ("chrom", "pos", "gene_id", "tissue", "label", "pip", "slope", "consequence", "group", *scores)
    return pd.DataFrame(list(rows.values()), columns=list(names)), left_out


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


def _places(scores: VariantScores) -> Iterable[tuple[str, str]]:
    return (place for of_variant in scores.of.values() for place in of_variant)


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
    """A number of a row; NaN where there is none."""
    if text.lower() in _MISSING:
        return float("nan")
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not least <= number <= most:
        raise InputError(f"{name} is {text[:20]!r}", file=path, record=f"row {row}", remedy="Write a number, or NA.")
    return number
