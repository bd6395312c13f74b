"""Over donors in one tissue, fold by fold: as Variformer, UKBioLM and EPInformer are judged."""

from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from .paired import PairedExpression, summary_row
from .results import EvaluationOptions, EvaluationResults

if TYPE_CHECKING:
    import pandas as pd

_MEASURES = ("pearson", "spearman", "r2", "mse")
_CONSTANT = "predictions are all the same"


def add_within_tissue(paired: PairedExpression, options: EvaluationOptions, results: EvaluationResults) -> None:
    """Pearson and R2 (1 - SSE / SST) of each gene over donors in one tissue, and Spearman and the squared error.

    ``within_tissue`` has a row a model, cohort, tissue, fold, part of the donors and gene; ``within_tissue_summary``
    the means over genes, by parts of genes and donors, of each fold and over folds; ``per_gene`` the mean and SD over
    folds of each gene on test donors, by what part it had in the folds; ``per_gene_comparison`` one model against
    another over the genes of each part.
    """
    import pandas as pd

    everyone = np.flatnonzero(~paired.samples["is_cell_line"].to_numpy(dtype=bool))
    frames = []
    for (cohort, tissue, fold, part), columns in paired.groups(
        "cohort", "tissue", "fold", "donor_part", columns=everyone
    ):
        gene_part = paired.gene_parts(int(fold))
        in_fold = gene_part != ""
        for model, found in paired.over_samples(columns).items():
            few = found.n < options.fewest_donors
            reasons = np.where(few, f"under {options.fewest_donors} donors", found.reasons())
            results.count_reasons("within_tissue", model, "genes, tissues and folds", reasons[in_fold])
            table = paired.genes[["gene_id", "gene_name"]].assign(
                gene_part=gene_part,
                gene_class=paired.gene_class,
                n=found.n,
                **{name: np.where(few, np.nan, getattr(found, name)) for name in _MEASURES},
                reason=reasons,
            )
            names = {"model": model, "cohort": cohort, "tissue": tissue, "fold": fold, "donor_part": part}
            for place, (name, value) in enumerate(names.items()):
                table.insert(place, name, value)
            frames.append(table[~few & in_fold])
    table = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
    if not len(table):
        reason = f"no gene and tissue has {options.fewest_donors} donors"
        results.skipped |= {"within_tissue": reason, "per_gene": reason}
        return
    results.tables["within_tissue"] = table
    results.tables["within_tissue_summary"] = _summary(table)
    _add_per_gene(table[table["donor_part"] != "validation"], options, results)


def _summary(table: "pd.DataFrame") -> "pd.DataFrame":
    import pandas as pd

    rows: list[dict[str, Any]] = []
    keys = ["model", "tissue", "gene_part", "donor_part", "fold"]
    for whole in (table.assign(tissue="all"), table):
        for key, group in whole.groupby(keys, sort=False):
            constant = (group["reason"] == _CONSTANT).to_numpy()
            summary = summary_row(group["pearson"].to_numpy(), constant)
            r2 = group["r2"].to_numpy()
            known = r2[~np.isnan(r2)]
            more = {"mean_r2": np.nan, "median_r2": np.nan, "n_r2": len(known)}
            if len(known):
                more |= {"mean_r2": known.mean(), "median_r2": np.median(known)}
            rows.append(dict(zip(keys, key, strict=True)) | summary | more)
    found = pd.DataFrame(rows).assign(fold=lambda frame: frame["fold"].astype(int).astype(str))
    found.loc[found["fold"] == "-1", "fold"] = "all"
    numbers = ["mean", "median", "n", "n_constant", "mean_constant_as_zero", "mean_r2", "median_r2", "n_r2"]
    folds = found[found["fold"] != "all"]
    if len(folds):
        over = folds.groupby(keys[:-1], sort=False)[numbers].mean().reset_index().assign(fold="mean of folds")
        found = pd.concat([found, over], ignore_index=True)
    of_pearson = {"mean": "mean_pearson", "low": "pearson_low", "high": "pearson_high", "median": "median_pearson"}
    return found.rename(columns=of_pearson | {"n": "n_pearson"})


def _add_per_gene(table: "pd.DataFrame", options: EvaluationOptions, results: EvaluationResults) -> None:
    import pandas as pd

    if not len(table):
        results.skipped["per_gene"] = "no donor is in the test part"
        return
    keys = ["model", "cohort", "tissue", "gene_part", "gene_id"]
    groups = table.groupby(keys, sort=False)
    found = groups.agg(
        gene_name=("gene_name", "first"), gene_class=("gene_class", "first"), n_folds=("fold", "size"), n=("n", "sum")
    )
    for name in _MEASURES:
        found[f"{name}_mean"], found[f"{name}_sd"] = groups[name].mean(), groups[name].std(ddof=1)
    found = found.reset_index()
    results.tables["per_gene"] = found
    models = list(dict.fromkeys(found["model"]))
    if len(models) < 2:
        results.skipped["per_gene_comparison"] = "there is one model"
        return
    rows = []
    for part, of_part in found.groupby("gene_part", sort=False):
        wide = of_part.pivot(index=keys[1:], columns="model", values="pearson_mean")
        for one, other in combinations(models, 2):
            both = wide.reindex(columns=[one, other]).dropna()
            names = {"model": one, "other": other, "gene_part": part}
            rows.append(names | _compared(both[one].to_numpy(), both[other].to_numpy(), options.predictable))
    results.tables["per_gene_comparison"] = pd.DataFrame(rows)


def _compared(left: np.ndarray, right: np.ndarray, predictable: float) -> dict[str, float]:
    """Of two models' correlations of the same genes: which is better where one of them is good, and how alike."""
    good = np.maximum(left, right) > predictable
    varied = len(left) > 2 and np.ptp(left) > 0 and np.ptp(right) > 0
    return {
        "n": len(left),
        "n_predictable": int(good.sum()),
        "share_better": float((left > right)[good].mean()) if good.any() else float("nan"),
        "share_worse": float((left < right)[good].mean()) if good.any() else float("nan"),
        "correlation": float(np.corrcoef(left, right)[0, 1]) if varied else float("nan"),
    }


def add_chromosome_folds(paired: PairedExpression, results: EvaluationResults) -> None:
    """Pearson, R2 and the squared error over the genes of each fold's chromosomes, a row a sample and fold."""
    import pandas as pd

    frames = []
    for cohort, fold_of in paired.gene_folds.items():
        columns = paired.columns()
        columns = columns[(paired.samples["cohort"].iloc[columns] == cohort).to_numpy()]
        folds = [fold for fold in np.unique(fold_of) if fold >= 0]
        if len(folds) < 2:
            continue
        for fold in folds:
            for model, found in paired.over_genes(np.flatnonzero(fold_of == fold), columns).items():
                table = paired.samples[["cohort", "donor", "tissue"]].iloc[columns].reset_index(drop=True)
                table.insert(0, "model", model)
                table = table.assign(fold=fold, n=found.n, pearson=found.pearson, r2=found.r2, mse=found.mse)
                frames.append(table.assign(reason=found.reasons()))
                results.count_reasons("chromosome_folds", model, "samples and folds", found.reasons())
    if not frames:
        results.skipped["chromosome_folds"] = "--split is no folder of folds that hold out chromosomes"
        return
    table = pd.concat(frames, ignore_index=True)
    groups = table.groupby(["model", "cohort", "donor", "tissue"], sort=False)
    summary = groups.agg(
        n_folds=("fold", "nunique"),
        **{f"{name}_mean": (name, "mean") for name in ("pearson", "r2", "mse")},
        **{f"{name}_sd": (name, "std") for name in ("pearson", "r2", "mse")},
    ).reset_index()
    results.tables |= {"chromosome_folds": table, "chromosome_folds_summary": summary}
