"""Genes that differ between super-populations, and how they are predicted within each (VariantFormer, 3.2.4, 6.1.3)."""

from typing import TYPE_CHECKING

import numpy as np

from .correlations import LEAST_VALUES, row_correlations
from .gene_tables import gene_rows, sample_rows
from .paired import PairedExpression, summary_row
from .results import EvaluationOptions, EvaluationResults

if TYPE_CHECKING:
    import pandas as pd

GROUP = "super_population"
_TABLES = ("ancestry_genes", "ancestry_subjects")


def one_way_anova(values: np.ndarray, groups: np.ndarray, least: int = LEAST_VALUES) -> tuple[np.ndarray, ...]:
    """One-way analysis of variance of each row, in one pass over the groups.

    Args:
        values: (R, C), NaN where there is none.
        groups: (C,) the group of each column.
        least: groups of a row with fewer values are left out of it.

    Returns:
        (R,) F and p, NaN where fewer than two groups are left or all values are the same, and (R,) how many groups are.
    """
    from scipy import stats

    names = np.unique(groups)
    n, mean, within = (np.zeros((len(names), len(values))) for _ in range(3))
    for number, name in enumerate(names):
        of_group = values[:, groups == name].astype(np.float64)
        there = ~np.isnan(of_group)
        n[number] = there.sum(axis=1)
        known = np.where(there, of_group, 0)
        mean[number] = known.sum(axis=1) / np.maximum(n[number], 1)
        known = np.where(there, known - mean[number][:, None], 0)
        within[number] = np.einsum("ij,ij->i", known, known)
    used = n >= least
    n, k = n * used, used.sum(axis=0)
    total = n.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        grand = (n * mean).sum(axis=0) / total
        between = (n * (mean - grand) ** 2).sum(axis=0) / (k - 1)
        f = between / ((within * used).sum(axis=0) / (total - k))
        p = stats.f.sf(f, k - 1, total - k)
    known = (k > 1) & ~np.isnan(f)
    return np.where(known, f, np.nan), np.where(known, p, np.nan), k


def add_ancestry(paired: PairedExpression, options: EvaluationOptions, results: EvaluationResults) -> None:
    """In each cohort and tissue with two super-populations of three donors: genes that differ, and their correlations.

    ``ancestry_anova`` has F and p of every gene that was tested, ``ancestry_tests`` how many these are and how many
    differ, a row a cohort and tissue. Of genes that differ ``ancestry_genes`` has a row a gene and super-population
    (Spearman over its donors), ``ancestry_subjects`` a row a sample (Spearman over these genes); their summaries the
    means and medians by super-population, and of all.
    """
    import pandas as pd

    if GROUP not in paired.samples:
        results.skipped |= dict.fromkeys(_TABLES, f"--samples has no column {GROUP}")
        return
    columns = paired.columns()
    columns = columns[~paired.samples["is_cell_line"].iloc[columns].to_numpy(dtype=bool)]
    genes, subjects, tests, anova = [], [], [], []
    named = paired.samples[GROUP].iloc[columns]
    columns = columns[(named.notna() & (named != "")).to_numpy()]
    for (cohort, tissue), here in paired.groups("cohort", "tissue", columns=columns):
        populations = paired.samples[GROUP].iloc[here]
        sizes = populations.value_counts()
        if (sizes >= LEAST_VALUES).sum() < 2:
            results.count("ancestry_genes", "all", "samples", "under 2 super-populations with 3 donors", len(here))
            continue
        f, p, k = one_way_anova(paired.observed[:, here], populations.to_numpy(dtype=object).astype(str))
        n_tested = int((~np.isnan(p)).sum())
        p_bonferroni = np.minimum(p * n_tested, 1)
        with np.errstate(invalid="ignore"):
            chosen = np.flatnonzero((p_bonferroni if options.bonferroni else p) < options.ancestry_p)
        reasons = np.where(k < 2, "under 2 super-populations with 3 values", "values are all the same")
        reasons = np.where(np.isnan(p), reasons, "does not differ between super-populations")
        reasons[chosen] = ""
        results.count_reasons("ancestry_genes", "all", "genes and tissues", reasons)
        where = {"cohort": cohort, "tissue": tissue}
        tests.append(where | {"n_samples": len(here), "n_tested": n_tested, "n_differ": len(chosen)})
        of_genes = paired.genes[["gene_id", "gene_name"]].assign(**where, gene_class=paired.gene_class)
        of_genes["n"] = (~np.isnan(paired.observed[:, here])).sum(axis=1)
        of_genes = of_genes.assign(n_super_populations=k, f=f, p=p, p_bonferroni=p_bonferroni, differs=reasons == "")
        anova.append(of_genes[~np.isnan(p)])
        if not len(chosen):
            continue
        differing = paired.genes_only(chosen)
        for (population,), of_population in paired.groups(GROUP, columns=here):
            for model, values in differing.predicted.items():
                found = row_correlations(differing.observed[:, of_population], values[:, of_population])
                results.count_reasons("ancestry_genes", model, "genes and super-populations", found.reasons())
                table = gene_rows(differing, model, found).assign(**where, super_population=population)
                genes.append(table.assign(f=f[chosen], p=p[chosen], n_tested=n_tested))
        for model, found in paired.over_genes(chosen, here).items():
            results.count_reasons("ancestry_subjects", model, "samples", found.reasons())
            table = sample_rows(paired, here, model, found)
            subjects.append(table.assign(super_population=populations.to_numpy()))
    if tests:
        results.tables["ancestry_tests"] = pd.DataFrame(tests)
        results.tables["ancestry_anova"] = pd.concat(anova, ignore_index=True)
    if not tests:
        reason = "no cohort and tissue has two super-populations with 3 donors"
        results.skipped |= dict.fromkeys(_TABLES, reason)
    elif not genes:
        reason = f"no gene differs between super-populations (p < {options.ancestry_p:g})"
        results.skipped |= dict.fromkeys(_TABLES, reason)
    else:
        for name, frames in zip(_TABLES, (genes, subjects), strict=True):
            table = pd.concat(frames, ignore_index=True)
            results.tables |= {name: table, f"{name}_summary": _by_population(table)}


def _by_population(table: "pd.DataFrame") -> "pd.DataFrame":
    """Means and medians of each super-population, and of all with the least and the greatest of their medians."""
    import pandas as pd

    rows = []
    for (model, cohort, tissue), group in table.groupby(["model", "cohort", "tissue"], sort=False):
        names = {"model": model, "cohort": cohort, "tissue": tissue}
        medians: list[float] = []
        for population, of_population in [*group.groupby(GROUP, sort=True), ("all", group)]:
            constant = (of_population["reason"] == "predictions are all the same").to_numpy()
            summary = summary_row(of_population["spearman"].to_numpy(), constant)
            extremes = {}
            if population == "all":
                known = [each for each in medians if not np.isnan(each)] or [float("nan")]
                extremes = {"lowest_median": min(known), "highest_median": max(known)}
            medians.append(summary["median"])
            rows.append(names | {GROUP: population} | summary | extremes)
    return pd.DataFrame(rows)
