"""r over people in the field's columns, models side by side on the same values (Rastogi and others, 2026).

r is that of a gene in one tissue, over people of one population: neither differences between tissues nor between
populations are in it. A gene's r is the mean over its tissues and populations, so that a gene counts once.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import binomtest

from .column_comparison import column_comparison
from .correlations import mean_interval, row_correlations
from .paired import PairedExpression
from .results import EvaluationResults

if TYPE_CHECKING:
    import pandas as pd

ALL, RUN = "all", "this run"
CONSTANT, OF_ANOTHER = "predictions are all the same", "predictions of another model are all the same"
_PAIR = ["population", "cohort", "tissue", "fold", "gene_id"]
_TABLE = "columns"


@dataclass(frozen=True)
class Beside:
    """What stands beside the models' r.

    Attributes:
        heritability: population -> gene_id, tissue, maybe cohort, and h2; that of "" is of all that are not named.
        published: others' means, columns as in ``columns``; what is not known may lack.
        published_genes: others' genes, columns as in ``columns_by_gene``.
    """

    heritability: "Mapping[str, pd.DataFrame]" = field(default_factory=dict)
    published: "Sequence[pd.DataFrame]" = ()
    published_genes: "Sequence[pd.DataFrame]" = ()


def add_columns(
    paired: PairedExpression,
    cells: Mapping[str, np.ndarray],
    empty: Mapping[str, str],
    beside: Beside,
    fewest_donors: int,
    results: EvaluationResults,
) -> None:
    """``columns``, a row a model, column, population and tissue, and ``columns_by_gene``, a row a gene of these.

    In each column the models are compared on the values that all have who have any there; a model that predicts none
    of a column, or the same for everybody, stands there without a number, and with the reason.

    Args:
        paired: each model's own values; samples with ``population``.
        cells: column -> (genes, samples) which values are in it.
        empty: column -> why none is.
        beside: ceilings, and others' numbers.
        fewest_donors: of a gene, tissue and population over whose people is correlated.
        results: where to.
    """
    import pandas as pd

    frames, rows = [], []
    for name, mask in cells.items():
        if name in empty:
            rows += [_absent(model, name, empty[name]) for model in paired.predicted]
            continue
        table, absent = _column(paired, name, mask, fewest_donors, results)
        rows += [_absent(model, name, why) for model, why in absent.items()]
        if len(table):
            frames.append(with_ceiling(table, beside.heritability).assign(source=RUN))
    _add_comparison(frames, results)
    found = [pd.DataFrame(rows)] if rows else []
    found += [summary(each) for each in (*frames, *beside.published_genes)]
    for each in beside.published_genes:
        found += _shared(frames, each)
    frames += beside.published_genes
    if frames:
        by_gene = pd.concat(frames, ignore_index=True)
        results.tables["columns_by_gene"] = by_gene.reindex(columns=list(_BY_GENE))
    whole = pd.concat([each for each in (*found, *beside.published) if len(each)], ignore_index=True)
    order = {name: place for place, name in enumerate(cells)}
    models = {name: place for place, name in enumerate(paired.predicted)}
    whole = whole.assign(
        _run=(whole["source"] != RUN).astype(int),
        _column=whole["column"].map(order),
        _model=whole["model"].map(models).fillna(len(models)),
    ).sort_values(["_run", "_column", "_model"], kind="stable")
    results.tables[_TABLE] = whole.reindex(columns=list(_ROW)).reset_index(drop=True)


def _add_comparison(frames: "Sequence[pd.DataFrame]", results: EvaluationResults) -> None:
    """``columns_comparison``, of each two models of a run."""
    import pandas as pd

    compared = column_comparison(pd.concat(frames, ignore_index=True)) if frames else pd.DataFrame()
    if len(compared):
        results.tables["columns_comparison"] = compared
    else:
        results.skipped["columns_comparison"] = "no column has two models with an r"


def _column(
    paired: PairedExpression, name: str, mask: np.ndarray, fewest_donors: int, results: EvaluationResults
) -> "tuple[pd.DataFrame, dict[str, str]]":
    """Gene by gene, and the models that have no r in the column, with the reason."""
    import pandas as pd

    there = mask & ~np.isnan(paired.observed)
    n_measured = int(there.sum())
    own = {model: there & ~np.isnan(values) for model, values in paired.predicted.items()}
    absent = {model: "the model predicts none of these" for model, each in own.items() if not each.any()}
    present = [model for model in own if model not in absent]
    for model in present:
        there &= own[model]
    for model, each in own.items():
        n = int(each.sum())
        results.count(_TABLE, model, f"values, {name}", "measured, and not predicted", n_measured - n)
        if model not in absent:
            results.count(_TABLE, model, f"values, {name}", "another model has none", n - int(there.sum()))
    frames = []
    for key, columns in paired.groups(*_PAIR[:-1], columns=np.flatnonzero(there.any(axis=0))):
        genes = np.flatnonzero(there[:, columns].any(axis=1))
        chosen = np.ix_(genes, columns)
        observed = np.where(there[chosen], paired.observed[chosen], np.nan)
        for model in present:
            found = row_correlations(observed, paired.predicted[model][chosen])
            few = found.n < fewest_donors
            reason = np.where(few, f"under {fewest_donors} people", found.reasons())
            table = paired.genes[["gene_id", "gene_name"]].iloc[genes].reset_index(drop=True)
            table = table.assign(
                model=model, column=name, **dict(zip(_PAIR, key, strict=False)), n=found.n, pearson=found.pearson
            )
            frames.append(table.assign(pearson=table["pearson"].where(~few), reason=reason))
    if not frames:
        return pd.DataFrame(), absent | dict.fromkeys(present, "no value is predicted by all models that predict any")
    table = pd.concat(frames, ignore_index=True)
    absent |= _without_any(table)
    compared = table[~table["model"].isin(list(absent))]
    is_constant = compared["reason"] == CONSTANT
    spoilt = pd.MultiIndex.from_frame(compared[_PAIR]).isin(pd.MultiIndex.from_frame(compared[is_constant][_PAIR]))
    table.loc[compared.index[spoilt & compared["pearson"].notna()], "reason"] = OF_ANOTHER
    absent |= _without_any(table)
    what = f"genes, tissues and populations, {name}"
    for model in present:
        reasons = table.loc[table["model"] == model, "reason"].to_numpy()
        results.count_reasons(_TABLE, model, what, reasons)
    is_kept = table["reason"] != f"under {fewest_donors} people"
    return table[is_kept].assign(abs_pearson=lambda frame: frame["pearson"].abs()), absent


def _without_any(table: "pd.DataFrame") -> dict[str, str]:
    """Models of which no gene is used, and why most are not."""
    reasons = table.groupby("model", sort=False)["reason"]
    return {str(model): str(each.value_counts().index[0]) for model, each in reasons if (each != "").all()}


def with_ceiling(table: "pd.DataFrame", heritability: "Mapping[str, pd.DataFrame]") -> "pd.DataFrame":
    """A table of genes with h2, NaN where it is not known, and ``ceiling``, its root."""
    import pandas as pd

    parts = []
    for population, rows in table.groupby("population", sort=False):
        known = heritability.get(str(population), heritability.get(""))
        if known is None:
            parts.append(rows.assign(h2=np.nan))
            continue
        keys = [each for each in ("gene_id", "tissue", "cohort") if each in known]
        parts.append(rows.merge(known[[*keys, "h2"]], on=keys, how="left"))
    return pd.concat(parts, ignore_index=True).assign(ceiling=lambda frame: np.sqrt(frame["h2"]))


def summary(by_gene: "pd.DataFrame") -> "pd.DataFrame":
    """Means over genes of each model and column, over all its populations and tissues and of each alone.

    Args:
        by_gene: columns of ``columns_by_gene`` and ``source``; reason is "" where r is used.
    """
    import pandas as pd

    used = (by_gene["reason"] == "").to_numpy()
    has_h2 = used & by_gene["h2"].notna().to_numpy()
    # An r of a constant prediction is 0 in the mean that counts it; those that another model spoils are in it too.
    whole = by_gene["reason"].isin(["", CONSTANT, OF_ANOTHER]).to_numpy()
    with_zero = by_gene["pearson"].where(by_gene["reason"] != CONSTANT, 0.0)
    table = by_gene.assign(
        _r=by_gene["pearson"].where(used),
        _abs=by_gene["abs_pearson"].where(used),
        _zero=with_zero.where(whole),
        _r_h2=by_gene["pearson"].where(has_h2),
        _ceiling=by_gene["ceiling"].where(has_h2),
        _constant=by_gene["reason"] == CONSTANT,
        _used=used,
    )
    rows = [row for _, of_column in table.groupby(["source", "column"], sort=False) for row in _levels(of_column)]
    found = pd.DataFrame(rows)
    return found[found["n_genes"] > 0] if len(found) else found


def _levels(table: "pd.DataFrame") -> Iterator[dict[str, Any]]:
    """Rows of one column: over all its populations and tissues, then of each alone where there are several."""
    several = {name: table[name].nunique() > 1 for name in ("population", "tissue")}
    levels = [{name: ALL for name, is_so in several.items() if is_so}]
    for name, is_so in several.items():
        if is_so:
            levels += [{other: text for other, text in level.items() if other != name} for level in levels]
    keys = ["source", "model", "column", "population", "tissue"]
    for level in levels:
        of_level = table.assign(**level)
        genes = of_level.groupby([*keys, "gene_id"], sort=False)[list(_MEANS)].mean()
        pairs = dict(iter(of_level.groupby(keys, sort=False)))
        for key, of_group in genes.groupby(keys, sort=False):
            of_pairs = pairs[key]
            counted = {
                "n_pairs": int(of_pairs["_used"].sum()),
                "n_constant": int(of_pairs["_constant"].sum()),
                "n_people": float(of_pairs.loc[of_pairs["_used"], "n"].dropna().median()),
            }
            yield dict(zip(keys, key, strict=True)) | {"genes": ALL} | _numbers(of_group) | counted | {"reason": ""}


def _numbers(genes: "pd.DataFrame") -> dict[str, Any]:
    """r, its sign and its ceiling over genes, a row each."""
    values = {name: genes[name].to_numpy(dtype=float) for name in genes}
    r, absolute = values["_r"], values["_abs"]
    mean, low, high = mean_interval(r)
    zero = values["_zero"][~np.isnan(values["_zero"])]
    ratio, ratio_low, ratio_high = _ratio(values["_r_h2"], values["_ceiling"])
    known = values["_ceiling"][~np.isnan(values["_ceiling"])]
    return {
        "n_genes": int((~np.isnan(absolute)).sum()),
        "r": mean,
        "r_low": low,
        "r_high": high,
        "r_constant_as_zero": float(zero.mean()) if len(zero) else np.nan,
        "abs_r": mean_interval(absolute)[0],
        **wrong_sign(r),
        "ceiling": float(known.mean()) if len(known) else np.nan,
        "n_ceiling": len(known),
        "r_of_ceiling": ratio,
        "r_of_ceiling_low": ratio_low,
        "r_of_ceiling_high": ratio_high,
    }


def wrong_sign(r: np.ndarray) -> dict[str, float]:
    """Share of genes with r < 0 among those with r != 0, its exact 95 % interval (Clopper and Pearson), and the
    two-sided p of a binomial test against one half.

    Args:
        r: (genes,), NaN where there is none.
    """
    n = int((np.abs(r) > 0).sum())
    if not n:
        return {"n_signs": 0} | dict.fromkeys(_SIGN[1:], float("nan"))
    test = binomtest(int((r < 0).sum()), n)
    interval = test.proportion_ci(0.95, method="exact")
    numbers = (n, float(test.statistic), float(interval.low), float(interval.high), float(test.pvalue))
    return dict(zip(_SIGN, numbers, strict=True))


def _ratio(r: np.ndarray, ceiling: np.ndarray) -> tuple[float, float, float]:
    """Mean of r over the mean ceiling of the same genes, with a normal 95 % interval (delta method)."""
    known = ~(np.isnan(r) | np.isnan(ceiling))
    r, ceiling = r[known], ceiling[known]
    if not len(r) or not ceiling.mean() > 0:
        return (float("nan"),) * 3
    ratio = float(r.mean() / ceiling.mean())
    # The mean of what is left is 0; its spread over the mean ceiling is that of the ratio.
    _, low, high = mean_interval((r - ratio * ceiling) / ceiling.mean())
    return ratio, ratio + low, ratio + high


def _shared(frames: "Sequence[pd.DataFrame]", published: "pd.DataFrame") -> "list[pd.DataFrame]":
    """The run and others on the genes that both have in the others' column."""
    both, found = set(published.loc[published["reason"] == "", "gene_id"]), []
    for own in frames:
        if own["column"].iloc[0] == published["column"].iloc[0]:
            both &= set(own.loc[own["reason"] == "", "gene_id"])
            found = [own, published]
    label = f"shared with {published['source'].iloc[0]}"
    rows = [summary(each[each["gene_id"].isin(both)]) for each in found if both]
    return [each.drop_duplicates(["source", "model"]).assign(genes=label) for each in rows]


def _absent(model: str, column: str, reason: str) -> dict[str, Any]:
    """A row without a number."""
    names = {"source": RUN, "model": model, "column": column, "population": ALL, "tissue": ALL, "genes": ALL}
    counts = {"n_genes": 0, "n_pairs": 0, "n_constant": 0, "n_signs": 0, "n_ceiling": 0}
    return dict.fromkeys(_ROW, float("nan")) | names | counts | {"reason": reason}


_MEANS = ("_r", "_abs", "_zero", "_r_h2", "_ceiling")
_SIGN = ("n_signs", "wrong_sign", "wrong_sign_low", "wrong_sign_high", "wrong_sign_p")
_ROW = (
    "source",
    "model",
    "genes",
    "column",
    "population",
    "tissue",
    "n_genes",
    "n_pairs",
    "n_people",
    "r",
    "r_low",
    "r_high",
    "n_constant",
    "r_constant_as_zero",
    "abs_r",
    "wrong_sign",
    "wrong_sign_low",
    "wrong_sign_high",
    "wrong_sign_p",
    "n_signs",
    "ceiling",
    "n_ceiling",
    "r_of_ceiling",
    "r_of_ceiling_low",
    "r_of_ceiling_high",
    "reason",
)
_BY_GENE = (
    "source",
    "model",
    "column",
    "population",
    "cohort",
    "tissue",
    "fold",
    "gene_id",
    "gene_name",
    "n",
    "pearson",
    "abs_pearson",
    "h2",
    "ceiling",
    "reason",
)
