"""Share of genes and tissues that are predicted better than a threshold, over donors (VariantFormer, 3.2.3)."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError
from .correlations import row_correlations
from .paired import PairedExpression, summary_row
from .results import EvaluationOptions, EvaluationResults

if TYPE_CHECKING:
    import pandas as pd

_SHIPPED = Path(__file__).with_name("tissue_merge.tsv")


def add_coverage(paired: PairedExpression, options: EvaluationOptions, results: EvaluationResults) -> None:
    """Spearman over donors of the most variable genes of each merged tissue, and the shares above thresholds.

    The genes of a merged tissue are those of largest variance over all samples that were measured in it, of whatever
    class. A pair of too few donors is left out; one of a constant prediction is above no threshold.
    """
    import pandas as pd

    columns = paired.columns()
    tissues = paired.samples["tissue"].map(lambda name: merged_tissue(name, options.tissue_merge))
    results.tables["tissue_merge"] = _merges(paired, columns, tissues)
    frames = []
    for merged in sorted(set(tissues.iloc[columns])):
        here = columns[(tissues.iloc[columns] == merged).to_numpy()]
        variance = _variance(paired.observed[:, here])
        order = np.argsort(-np.nan_to_num(variance, nan=-1), kind="stable")[: options.variable_genes]
        genes = np.sort(order[variance[order] > 0])
        results.count("coverage", "all", "genes and tissues", "not among the most variable", len(variance) - len(genes))
        frames += _pairs(paired, options, results, merged, here, genes, variance)
    pairs = pd.concat(frames, ignore_index=True)
    rows, means = [], []
    for (model, of_class), group in pairs[pairs["reason"].isin(["", _CONSTANT])].groupby(
        ["model", "gene_class"], sort=False
    ):
        values, constant = group["spearman"].to_numpy(), (group["reason"] == _CONSTANT).to_numpy()
        names = {"model": model, "gene_class": of_class}
        means.append(names | summary_row(values, constant))
        for threshold in options.thresholds:
            n_above = int((values > threshold).sum())
            rows.append(
                names
                | {"threshold": threshold, "share": n_above / len(values), "n_above": n_above, "n_pairs": len(values)}
                | {"n_constant": int(constant.sum())}
            )
    if not rows:
        results.skipped["coverage"] = f"no gene and tissue has {options.fewest_donors} donors"
        return
    results.tables |= {
        "coverage": pd.DataFrame(rows),
        "coverage_means": pd.DataFrame(means),
        "coverage_pairs": pairs,
    }


_CONSTANT = "predictions are all the same"


def _pairs(
    paired: PairedExpression,
    options: EvaluationOptions,
    results: EvaluationResults,
    merged: str,
    columns: np.ndarray,
    genes: np.ndarray,
    variance: np.ndarray,
) -> "list[pd.DataFrame]":
    observed = paired.observed[np.ix_(genes, columns)]
    frames, n_donors = [], None
    for model, values in paired.predicted.items():
        found = row_correlations(observed, values[np.ix_(genes, columns)])
        if n_donors is None:  # models have the same values
            n_donors = paired.n_donors(columns, genes)
        few = n_donors < options.fewest_donors
        reasons = np.where(few, f"under {options.fewest_donors} donors", found.reasons())
        results.count_reasons("coverage", model, "genes and tissues", reasons)
        table = paired.genes[["gene_id", "gene_name"]].iloc[genes].reset_index(drop=True)
        table.insert(0, "model", model)
        frames.append(
            table.assign(
                gene_class=paired.gene_class[genes],
                tissue=merged,
                n=found.n,
                n_donors=n_donors,
                variance=variance[genes],
                spearman=np.where(few, np.nan, found.spearman),
                reason=reasons,
            )
        )
    return frames


def merged_tissue(name: str, merge: Mapping[str, str]) -> str:
    """What a tissue is merged into: as the table says, else the name before " - "."""
    return merge.get(name, name.partition(" - ")[0])


def read_tissue_merge(path: str | Path | None = None) -> dict[str, str]:
    """Tissue -> merged tissue, of a TSV with the columns tissue and merged.

    Args:
        path: None = the table that comes with the package, of the released model's tissues.

    Raises:
        InputError: a column is missing, or a tissue is there twice.
    """
    path = _SHIPPED if path is None else Path(path)
    try:
        lines = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("cannot be read as text", file=path, remedy="Give a TSV of tissue and merged.") from error
    if not lines or lines[0][:2] != ["tissue", "merged"]:
        raise InputError("has no columns tissue and merged", file=path, remedy="Give a TSV that begins with both.")
    found: dict[str, str] = {}
    for number, line in enumerate(lines[1:], start=2):
        if len(line) < 2 or not line[1] or line[0] in found:
            raise InputError(
                "is there twice" if line[0] in found else "has no merged tissue",
                file=path,
                record=f"line {number} ({line[0]})",
                remedy="Give each tissue one line.",
            )
        found[line[0]] = line[1]
    return found


def _variance(values: np.ndarray) -> np.ndarray:
    """(genes,) over the samples that have a value; NaN under two."""
    there = ~np.isnan(values)
    n = there.sum(axis=1)
    known = np.where(there, values, 0)
    mean = known.sum(axis=1, dtype=np.float64) / np.maximum(n, 1)
    square = np.where(there, known - mean[:, None], 0)
    total = np.einsum("ij,ij->i", square, square)
    return np.where(n > 1, total / np.maximum(n - 1, 1), np.nan)


def _merges(paired: PairedExpression, columns: np.ndarray, tissues: "pd.Series[str]") -> "pd.DataFrame":
    """How many samples and donors each tissue brings to what it is merged into."""
    frame = paired.samples.iloc[columns].assign(merged=tissues.iloc[columns])
    groups = frame.groupby(["merged", "tissue"], sort=True)
    return groups.agg(n_samples=("donor", "size"), n_donors=("donor", "nunique")).reset_index()
