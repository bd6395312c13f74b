"""Tables of an evaluation: by hand, and against scipy and scikit-learn, value by value."""

from itertools import pairwise, product

import numpy as np
import pandas as pd
import pytest
from evaluation_case import made_genes, made_paired, made_samples
from scipy import stats
from sklearn.metrics import mean_squared_error, r2_score

from variantformer_hf.applications.maps import coordinates
from variantformer_hf.errors import InputError
from variantformer_hf.evaluation import GeneCorrelation, SubjectCorrelation
from variantformer_hf.evaluation.ancestry import add_ancestry, one_way_anova
from variantformer_hf.evaluation.coverage import add_coverage, merged_tissue, read_tissue_merge
from variantformer_hf.evaluation.expression_map import add_expression_map
from variantformer_hf.evaluation.gene_tables import add_cell_lines, add_gene_correlation, add_subject_correlation
from variantformer_hf.evaluation.paired import PairedExpression
from variantformer_hf.evaluation.results import EvaluationOptions, EvaluationResults
from variantformer_hf.evaluation.within_tissue import add_chromosome_folds, add_within_tissue
from variantformer_hf.report.evaluation_figures import figures

OPTIONS = EvaluationOptions()
CONSTANT = "predictions are all the same"


@pytest.fixture(scope="module")
def paired() -> PairedExpression:
    return made_paired()


def both(observed: np.ndarray, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    there = ~(np.isnan(observed) | np.isnan(predicted))
    return observed[there].astype(float), predicted[there].astype(float)


def spearman(observed: np.ndarray, predicted: np.ndarray) -> float:
    """By scipy; NaN where there is none."""
    left, right = both(observed, predicted)
    if len(left) < 3 or np.ptp(left) == 0 or np.ptp(right) == 0:
        return float("nan")
    return float(stats.spearmanr(left, right).statistic)


def interval(values: list[float]) -> tuple[float, float, float]:
    known = [value for value in values if not np.isnan(value)]
    half = 1.959964 * stats.sem(known)
    return np.mean(known), np.mean(known) - half, np.mean(known) + half


def by_hand(observed: list[list[float]], predicted: list[list[float]], **named: list) -> PairedExpression:
    """One model, ``m``, on so many genes and samples; a column of ``samples`` or ``genes`` a name."""
    n_genes, n_samples = np.shape(observed)
    genes, samples = made_genes(n_genes), made_samples(n_samples)
    samples = pd.DataFrame(
        {"cohort": "LAB", "donor": [f"D{n}" for n in range(n_samples)], "tissue": "liver", "is_cell_line": False}
    ).assign(fold=-1, donor_part="all", **{name: value for name, value in named.items() if name in samples})
    genes = genes.assign(**{name: value for name, value in named.items() if name in genes})
    return PairedExpression.of_all(
        np.array(observed, np.float32), {"m": np.array(predicted, np.float32)}, genes, samples, {}
    )[0]


def test_gene_correlation_equals_scipy_over_all_samples_and_those_of_each_group(paired: PairedExpression) -> None:
    results = EvaluationResults()
    add_gene_correlation(paired, OPTIONS, results)
    table = results.tables["gene_correlation"].set_index(["model", "gene_id"])
    summary = results.tables["gene_correlation_summary"].set_index(["model", "by", "group", "gene_class"])
    ids, of_class = paired.genes["gene_id"], paired.gene_class
    assert list(np.unique(of_class)) == ["non-coding", "protein-coding", "unknown"]
    groups = {("all", "all"): np.ones(len(paired.samples), bool)}
    for by in ("tissue", "cohort", "super_population"):
        groups |= {(by, name): (paired.samples[by] == name).to_numpy() for name in set(paired.samples[by]) - {""}}
    for model, values in paired.predicted.items():
        for (by, group), chosen in groups.items():
            rows = [spearman(paired.observed[g, chosen], values[g, chosen]) for g in range(len(ids))]
            if by == "all":
                assert table.loc[model].loc[list(ids), "spearman"].to_numpy() == pytest.approx(
                    rows, abs=1e-9, nan_ok=True
                )
            of_coding = [row for row, name in zip(rows, of_class, strict=True) if name == "protein-coding"]
            found = summary.loc[model, by, group, "protein-coding"]
            assert found["n"] == np.sum(~np.isnan(of_coding))
            if found["n"] > 1:
                assert tuple(found[["mean", "low", "high"]]) == pytest.approx(interval(of_coding), abs=1e-9)
                assert found["median"] == pytest.approx(np.nanmedian(of_coding))
    good = table.loc["good"]["reason"]
    assert good[ids[2]] == "observed values are all the same"
    assert good[ids[3]] == "under 3 values"
    assert good[ids[4]] == CONSTANT
    counted = results.counts_table()
    of_all = counted[(counted["model"] == "good") & (counted["what"] == "genes")].set_index("reason")["n"]
    assert of_all[CONSTANT] == 1
    assert of_all.sum() == table.loc["good"]["spearman"].isna().sum()
    of_lines = counted[(counted["model"] == "good") & (counted["what"] == "genes within a tissue")]["n"].sum()
    assert of_lines >= 2 * len(ids)  # the two cell lines have one sample each


def test_constant_predictions_are_out_of_the_mean_and_as_zeros_beside_it() -> None:
    case = by_hand([[1, 2, 3, 4]] * 4, [[1, 2, 3, 4], [4, 3, 2, 1], [1, 2, 4, 3], [7, 7, 7, 7]], gene_type=["x"] * 4)
    results = EvaluationResults()
    add_gene_correlation(case, OPTIONS, results)
    found = results.tables["gene_correlation_summary"].iloc[0]
    assert found["mean"] == pytest.approx((1 - 1 + 0.8) / 3)
    assert found["mean_constant_as_zero"] == pytest.approx((1 - 1 + 0.8) / 4)
    assert (found["n"], found["n_constant"], found["gene_class"]) == (3, 1, "non-coding")


def test_subject_correlation_equals_scipy_sample_by_sample(paired: PairedExpression) -> None:
    results = EvaluationResults()
    add_subject_correlation(paired, OPTIONS, results)
    table = results.tables["subject_correlation"]
    for model, values in paired.predicted.items():
        for of_class in paired.classes():
            genes = paired.gene_class == of_class
            rows = [spearman(paired.observed[genes, s], values[genes, s]) for s in range(len(paired.samples))]
            found = table[(table["model"] == model) & (table["gene_class"] == of_class)]
            assert found["spearman"].to_numpy() == pytest.approx(rows, abs=1e-9, nan_ok=True)
            if of_class == "unknown":  # one gene
                assert set(found["reason"]) == {"under 3 values"}
                continue
            summary = results.tables["subject_correlation_summary"].set_index(["model", "by", "group", "gene_class"])
            assert summary.loc[model, "all", "all", of_class]["mean"] == pytest.approx(interval(rows)[0])
            liver = [row for row, name in zip(rows, paired.samples["tissue"], strict=True) if name == "liver"]
            assert summary.loc[model, "tissue", "liver", of_class]["mean"] == pytest.approx(interval(liver)[0])
    assert not ((summary.reset_index()["by"] == "super_population") & (summary.reset_index()["group"] == "")).any()


def test_the_metrics_of_the_evaluate_library_give_the_same(paired: PairedExpression) -> None:
    values = paired.predicted["good"]
    there = ~(np.isnan(values) | np.isnan(paired.observed))
    rows, columns = np.nonzero(there & (paired.gene_class == "protein-coding")[:, None])
    tidy = {
        "predictions": values[rows, columns].tolist(),
        "references": paired.observed[rows, columns].tolist(),
        "genes": [f"G{row}" for row in rows],
        "samples": [f"S{column}" for column in columns],
    }
    results = EvaluationResults()
    add_gene_correlation(paired, OPTIONS, results)
    add_subject_correlation(paired, OPTIONS, results)
    for metric, name in ((GeneCorrelation(), "gene_correlation"), (SubjectCorrelation(), "subject_correlation")):
        table = results.tables[f"{name}_summary"]
        mine = table[(table["model"] == "good") & (table["by"] == "all") & (table["gene_class"] == "protein-coding")]
        theirs = metric.compute(**tidy)
        assert tuple(mine[["mean", "low", "high"]].iloc[0]) == pytest.approx(
            [theirs["spearman"], theirs["spearman_low"], theirs["spearman_high"]], abs=1e-6
        )


def test_coverage_is_of_the_most_variable_genes_of_each_merged_tissue(paired: PairedExpression) -> None:
    results = EvaluationResults()
    add_coverage(paired, EvaluationOptions(variable_genes=15, thresholds=(0.2, 0.5)), results)
    pairs = results.tables["coverage_pairs"]
    samples = paired.samples
    expected = []
    for merged in ("brain", "lcl", "liver"):
        here = np.flatnonzero([merged_tissue(name, {}) == merged for name in samples["tissue"]])
        observed = paired.observed[:, here].astype(float)
        variance = np.array([np.nanvar(row, ddof=1) if (~np.isnan(row)).sum() > 1 else -1 for row in observed])
        best = set(np.argsort(-variance, kind="stable")[:15]) & set(np.flatnonzero(variance > 0))
        for gene, (model, values) in product(best, paired.predicted.items()):
            there = ~(np.isnan(observed[gene]) | np.isnan(values[gene, here]))
            if samples["donor"].iloc[here[there]].nunique() >= 10:
                expected.append((model, merged, gene, spearman(observed[gene], values[gene, here])))
    kept = pairs[pairs["reason"].isin(["", CONSTANT])]
    assert len(kept) == len(expected) > 40
    found = kept.set_index(["model", "tissue", "gene_id"])["spearman"]
    for model, merged, gene, value in expected:
        assert found[model, merged, paired.genes["gene_id"][gene]] == pytest.approx(value, abs=1e-9, nan_ok=True)
    shares = results.tables["coverage"].set_index(["model", "gene_class", "threshold"])
    coding = [value for model, _, gene, value in expected if model == "good" and gene % 2]
    for threshold in (0.2, 0.5):
        of_coding = shares.loc["good", "protein-coding", threshold]
        assert of_coding["share"] == pytest.approx(sum(value > threshold for value in coding) / len(coding))
    of_lines = pairs[pairs["tissue"].isin(["K562", "HepG2"])]
    assert not len(of_lines)  # of one sample there is no variance
    merges = results.tables["tissue_merge"].set_index("tissue")
    assert merges.loc["brain - cortex", "merged"] == "brain"
    assert merges.loc["brain - cortex", "n_samples"] == (samples["tissue"] == "brain - cortex").sum()


def test_coverage_by_hand_takes_a_constant_prediction_as_not_above_and_counts_donors_once() -> None:
    observed = [[1, 2, 3, 4], [1, 2, 3, 4], [2, 4, 6, 8], [1, 1.01, 1, 1.02]]
    predicted = [[1, 2, 3, 4], [5, 5, 5, 5], [8, 6, 4, 2], [1, 2, 3, 4]]
    case = by_hand(observed, predicted, gene_type=["protein_coding"] * 4)
    results = EvaluationResults()
    add_coverage(case, EvaluationOptions(variable_genes=3, fewest_donors=4, thresholds=(0.4,)), results)
    found = results.tables["coverage"].iloc[0]
    assert (found["share"], found["n_pairs"], found["n_constant"]) == (pytest.approx(1 / 3), 3, 1)
    means = results.tables["coverage_means"].iloc[0]
    assert (means["mean"], means["mean_constant_as_zero"]) == (0, 0)
    twice = by_hand(
        observed, predicted, donor=["D0", "D1", "D2", "D2"], tissue=["skin - a", "skin - a", "skin - a", "skin - b"]
    )
    results = EvaluationResults()
    add_coverage(twice, EvaluationOptions(fewest_donors=4), results)
    assert results.skipped["coverage"] == "no gene and tissue has 4 donors"
    assert results.counts_table().set_index("reason").loc["under 4 donors", "n"] == 4


def test_tissues_merge_as_the_table_that_comes_along_says_and_as_a_users_own(tmp_path: object) -> None:
    shipped = read_tissue_merge()
    assert len(shipped) == 62
    assert {merged_tissue(name, shipped) for name in ("brain - cortex", "brain - putamen (basal ganglia)")} == {"brain"}
    assert merged_tissue("whole blood", shipped) == "whole blood"
    own = tmp_path / "merge.tsv"  # type: ignore[operator]
    own.write_text("tissue\tmerged\nbrain - cortex\tcortex\n")
    assert merged_tissue("brain - cortex", read_tissue_merge(own)) == "cortex"
    own.write_text("tissue\tmerged\nliver\tx\nliver\ty\n")
    with pytest.raises(InputError, match=r"line 3 \(liver\): is there twice"):
        read_tissue_merge(own)


@pytest.mark.parametrize("seed", range(8))
def test_anova_equals_scipy(seed: int) -> None:
    rng = np.random.default_rng(seed)
    groups = rng.choice(["a", "b", "c", "d"], 30)
    values = np.round(rng.normal(size=(12, 30)) + 2 * (groups == "b"), 1)
    values[rng.random(values.shape) < 0.3] = np.nan
    values[0], values[1, groups != "a"] = 1.0, np.nan
    f, p, k = one_way_anova(values.astype(np.float32), groups)
    for row, each in enumerate(values.astype(np.float32).astype(float)):
        lists = [each[(groups == name) & ~np.isnan(each)] for name in "abcd"]
        lists = [values for values in lists if len(values) >= 3]
        assert k[row] == len(lists)
        if len(lists) < 2 or row == 0:
            assert np.isnan(p[row])
            continue
        expected = stats.f_oneway(*lists)
        assert (f[row], p[row]) == pytest.approx((expected.statistic, expected.pvalue), rel=1e-6)


def test_genes_that_differ_between_populations_are_correlated_within_each(paired: PairedExpression) -> None:
    results = EvaluationResults()
    add_ancestry(paired, EvaluationOptions(ancestry_p=1e-3), results)
    table = results.tables["ancestry_genes"]
    anova = results.tables["ancestry_anova"].set_index(["cohort", "tissue", "gene_id"])
    tests = results.tables["ancestry_tests"].set_index(["cohort", "tissue"])
    assert len(anova) == tests["n_tested"].sum() and anova["differs"].sum() == tests["n_differ"].sum()
    for (cohort, tissue), rows in table.groupby(["cohort", "tissue"]):
        here = ((paired.samples["cohort"] == cohort) & (paired.samples["tissue"] == tissue)).to_numpy()
        population = paired.samples["super_population"].to_numpy()
        chosen = set()
        for row, gene in enumerate(paired.genes["gene_id"]):
            lists = [paired.observed[row, here & (population == name)].astype(float) for name in set(population[here])]
            lists = [each[~np.isnan(each)] for each in lists]
            lists = [each for each in lists if len(each) >= 3]
            if len(lists) < 2 or len(np.unique(np.concatenate(lists))) < 2:
                assert (cohort, tissue, gene) not in anova.index
                continue
            expected, found = stats.f_oneway(*lists), anova.loc[(cohort, tissue, gene)]
            assert (found["f"], found["p"]) == pytest.approx((expected.statistic, expected.pvalue), rel=1e-6)
            assert found["n"] == (~np.isnan(paired.observed[row, here])).sum()
            assert found["n_super_populations"] == len(lists)
            if expected.pvalue < 1e-3:
                chosen.add(gene)
        assert set(rows["gene_id"]) == chosen
        assert tests.loc[(cohort, tissue), "n_differ"] == len(chosen)
        assert len(chosen) >= 5
        for found in rows.itertuples():
            row = int(found.gene_id[4:])
            of = here & (population == found.super_population)
            value = spearman(paired.observed[row, of], paired.predicted[found.model][row, of])
            assert found.spearman == pytest.approx(value, abs=1e-9, nan_ok=True)
    summary = results.tables["ancestry_genes_summary"].set_index(["model", "tissue", "super_population"])
    of_all = summary.loc["good", "liver", "all"]
    medians = [summary.loc["good", "liver", name]["median"] for name in ("AFR", "AMR", "EAS", "EUR", "SAS")]
    assert (of_all["lowest_median"], of_all["highest_median"]) == (min(medians), max(medians))
    liver = table[(table["model"] == "good") & (table["tissue"] == "liver")]
    assert of_all["mean"] == pytest.approx(liver["spearman"].mean())
    subjects = results.tables["ancestry_subjects"]
    one = subjects[(subjects["model"] == "good") & (subjects["tissue"] == "liver")].iloc[0]
    column = np.flatnonzero((paired.samples["donor"] == one["donor"]) & (paired.samples["tissue"] == "liver"))[0]
    genes = np.isin(paired.genes["gene_id"], liver["gene_id"])
    value = spearman(paired.observed[genes, column], paired.predicted["good"][genes, column])
    assert one["spearman"] == pytest.approx(value, abs=1e-9)


def test_bonferroni_takes_the_genes_tested_into_account_and_few_people_are_a_reason(paired: PairedExpression) -> None:
    p = {}
    for name, options in {"plain": EvaluationOptions(), "strict": EvaluationOptions(bonferroni=True)}.items():
        results = EvaluationResults()
        add_ancestry(paired, options, results)
        table = results.tables["ancestry_genes"]
        p[name] = table.drop_duplicates(["tissue", "gene_id"])
    strict = p["plain"][p["plain"]["p"] * p["plain"]["n_tested"] < 1e-5]
    assert set(strict["gene_id"] + strict["tissue"]) == set(p["strict"]["gene_id"] + p["strict"]["tissue"])
    assert len(p["strict"]) < len(p["plain"])
    few = PairedExpression(
        paired.observed[:, :8],
        {name: values[:, :8] for name, values in paired.predicted.items()},
        paired.genes,
        paired.samples.iloc[:8].reset_index(drop=True),
    )
    results = EvaluationResults()
    add_ancestry(few, OPTIONS, results)
    assert results.skipped["ancestry_genes"] == "no cohort and tissue has two super-populations with 3 donors"
    assert results.tables == {}
    results = EvaluationResults()
    add_ancestry(paired, EvaluationOptions(ancestry_p=1e-300), results)
    assert results.skipped["ancestry_subjects"] == "no gene differs between super-populations (p < 1e-300)"
    assert set(results.tables) == {"ancestry_anova", "ancestry_tests"}


def test_each_cell_line_is_correlated_over_the_genes_of_chr19(paired: PairedExpression) -> None:
    results = EvaluationResults()
    add_cell_lines(paired, OPTIONS, results)
    table = results.tables["cell_lines"].set_index(["model", "donor"])
    genes = (paired.genes["chromosome"] == "chr19").to_numpy()
    for line in ("K562", "HepG2"):
        column = paired.samples.index[paired.samples["donor"] == line][0]
        value = spearman(paired.observed[genes, column], paired.predicted["bad"][genes, column])
        assert table.loc[("bad", line), "spearman"] == pytest.approx(value, abs=1e-9)
    results = EvaluationResults()
    add_cell_lines(paired, EvaluationOptions(cell_line_chromosome="chr7"), results)
    assert results.skipped["cell_lines"] == "no gene lies on chr7"


def folded(paired: PairedExpression) -> PairedExpression:
    """The same in two folds, with validation donors, and genes in two parts."""
    donor = paired.samples["donor"].str[1:].where(~paired.samples["is_cell_line"], "0").astype(int)
    samples = paired.samples.assign(fold=donor % 2, donor_part=np.where(donor % 4 == 3, "validation", "test"))
    genes = paired.genes.assign(gene_part=["train" if number < 8 else "test" for number in range(len(paired.genes))])
    return PairedExpression(paired.observed, paired.predicted, genes, samples)


def test_within_a_tissue_equals_scipy_and_scikit_learn_fold_by_fold(paired: PairedExpression) -> None:
    case = folded(paired)
    results = EvaluationResults()
    add_within_tissue(case, EvaluationOptions(fewest_donors=5), results)
    table = results.tables["within_tissue"]
    keys = ["model", "cohort", "tissue", "fold", "donor_part", "gene_id"]
    found = table.set_index(keys).sort_index()
    n_compared = 0
    samples = case.samples
    of_good = table[(table["model"] == "good") & table["tissue"].isin(["liver", "lcl"])]
    for model, cohort, tissue, fold, part in set(zip(*(of_good[name] for name in keys[:5]), strict=True)):
        here = (samples["cohort"] == cohort) & (samples["tissue"] == tissue) & (samples["fold"] == fold)
        here = (here & (samples["donor_part"] == part)).to_numpy()
        for row, gene in enumerate(case.genes["gene_id"]):
            left, right = both(case.observed[row, here], case.predicted[model][row, here])
            key = (model, cohort, tissue, fold, part, gene)
            assert (key in found.index) == (len(left) >= 5)
            if len(left) < 5:
                continue
            one = found.loc[key]
            assert one["mse"] == pytest.approx(mean_squared_error(left, right), rel=1e-6)
            if np.ptp(left) > 0:
                assert one["r2"] == pytest.approx(r2_score(left, right), rel=1e-6)
            if np.ptp(left) > 0 and np.ptp(right) > 0:
                assert one["pearson"] == pytest.approx(stats.pearsonr(left, right).statistic, abs=1e-9)
                assert one["spearman"] == pytest.approx(stats.spearmanr(left, right).statistic, abs=1e-9)
                n_compared += 1
    assert n_compared > 50
    summary = results.tables["within_tissue_summary"].set_index(["model", "tissue", "gene_part", "donor_part", "fold"])
    part = table[(table["model"] == "good") & (table["gene_part"] == "test") & (table["donor_part"] == "test")]
    means = [part[part["fold"] == fold]["pearson"].mean() for fold in (0, 1)]
    assert summary.loc[("good", "all", "test", "test", "0"), "mean_pearson"] == pytest.approx(means[0])
    assert summary.loc[("good", "all", "test", "test", "mean of folds"), "mean_pearson"] == pytest.approx(
        np.mean(means)
    )
    counted = results.counts_table()
    n_few = counted[counted["reason"] == "under 5 donors"].groupby("model")["n"].sum()
    groups = samples[~samples["is_cell_line"]].groupby(["cohort", "tissue", "fold", "donor_part"]).ngroups
    assert n_few["good"] + (table["model"] == "good").sum() == groups * len(case.genes)


def test_per_gene_has_mean_and_sd_over_folds_and_one_model_against_another(paired: PairedExpression) -> None:
    results = EvaluationResults()
    add_within_tissue(folded(paired), EvaluationOptions(fewest_donors=3, predictable=0.7), results)
    within, table = results.tables["within_tissue"], results.tables["per_gene"]
    tested = within[within["donor_part"] == "test"]
    one = table[(table["model"] == "good") & (table["tissue"] == "liver") & (table["n_folds"] == 2)].iloc[0]
    rows = tested[(tested["model"] == "good") & (tested["tissue"] == "liver") & (tested["gene_id"] == one["gene_id"])]
    assert len(rows) == 2
    for name in ("pearson", "spearman", "r2", "mse"):
        assert one[f"{name}_mean"] == pytest.approx(rows[name].mean())
        assert one[f"{name}_sd"] == pytest.approx(np.std(rows[name], ddof=1))
    comparisons = results.tables["per_gene_comparison"].set_index("gene_part")
    assert list(comparisons.index) == ["train", "test"]
    for part, comparison in comparisons.iterrows():
        of_part = table[table["gene_part"] == part]
        wide = of_part.pivot(index=["cohort", "tissue", "gene_id"], columns="model", values="pearson_mean").dropna()
        good = wide[wide.max(axis=1) > 0.7]
        assert (comparison["model"], comparison["other"], comparison["n"]) == ("good", "bad", len(wide))
        assert comparison["n_predictable"] == len(good)
        assert comparison["share_better"] == pytest.approx((good["good"] > good["bad"]).mean())
        assert comparison["correlation"] == pytest.approx(stats.pearsonr(wide["good"], wide["bad"]).statistic)


def test_folds_of_chromosomes_are_over_the_genes_that_each_holds_out(paired: PairedExpression) -> None:
    fold_of = np.arange(len(paired.genes)) % 3 - 1  # some in no fold
    case = PairedExpression(paired.observed, paired.predicted, paired.genes, paired.samples, {"ENC": fold_of})
    results = EvaluationResults()
    add_chromosome_folds(case, results)
    table = results.tables["chromosome_folds"]
    assert len(table) == 2 * 2 * 2  # models, lines, folds
    for row in table.itertuples():
        column = case.samples.index[case.samples["donor"] == row.donor][0]
        left, right = both(
            case.observed[fold_of == row.fold, column], case.predicted[row.model][fold_of == row.fold, column]
        )
        assert row.pearson == pytest.approx(stats.pearsonr(left, right).statistic, abs=1e-9)
        assert (row.r2, row.mse) == pytest.approx((r2_score(left, right), mean_squared_error(left, right)), rel=1e-6)
    summary = results.tables["chromosome_folds_summary"].set_index(["model", "donor"])
    of_line = table[(table["model"] == "bad") & (table["donor"] == "K562")]
    assert summary.loc[("bad", "K562"), "pearson_sd"] == pytest.approx(of_line["pearson"].std(ddof=1))
    results = EvaluationResults()
    add_chromosome_folds(paired, results)
    assert "chromosome_folds" in results.skipped


def test_the_map_has_each_sample_as_measured_and_as_predicted(
    paired: PairedExpression, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coordinates, "has_umap", lambda: False)
    found = []
    for _ in range(2):
        results = EvaluationResults()
        add_expression_map(paired, OPTIONS, results, coordinates.map_coordinates)
        found.append(results.tables["expression_map"])
    pd.testing.assert_frame_equal(*found)
    assert set(found[0]["layer"]) == {"observed", "good", "bad"}
    assert found[0]["layer"].value_counts().nunique() == 1
    assert "pip install 'variantformer-hf[maps]'" in results.skipped["expression_map: UMAP"]
    near = found[0].pivot(index=["cohort", "donor", "tissue"], columns="layer", values="pc1")
    assert (near["good"] - near["observed"]).abs().mean() < (near["bad"] - near["observed"]).abs().mean()


def test_what_is_missing_in_the_map_is_the_genes_mean_and_counted() -> None:
    case = by_hand(
        [[1, 2, 3, 6], [4, 4, 5, 5], [1, np.nan, np.nan, np.nan]], [[1, 1, 1, 1], [2, 4, np.nan, 3], [0] * 4]
    )
    seen = []

    def place(matrix: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
        seen.append(matrix)
        return matrix[:, :2], matrix[:, ::-1]

    results = EvaluationResults()
    add_expression_map(case, OPTIONS, results, place)
    np.testing.assert_allclose(seen[0][:4], [[1, 4], [2, 4], [3, 13 / 3], [6, 5]], rtol=1e-6)
    np.testing.assert_allclose(seen[0][4:], [[1, 2], [1, 4], [1, 3], [1, 3]], rtol=1e-6)
    counted = results.counts_table().set_index("reason")["n"].to_dict()
    assert counted == {"under half of the samples have a value": 1, "missing, put at the gene's mean": 1}
    assert list(results.tables["expression_map"]["umap1"][:4]) == pytest.approx([4, 4, 13 / 3, 5])


@pytest.mark.slow
def test_the_map_is_the_same_with_the_same_seed(paired: PairedExpression) -> None:
    pytest.importorskip("umap")
    found = []
    for _ in range(2):
        results = EvaluationResults()
        add_expression_map(paired, OPTIONS, results, coordinates.map_coordinates)
        found.append(results.tables["expression_map"])
    assert {"umap1", "umap2"} <= set(found[0])
    pd.testing.assert_frame_equal(*found)


def test_figures_that_few_files_allow_are_drawn_with_axes_units_and_n(paired: PairedExpression) -> None:
    results = EvaluationResults()
    add_ancestry(paired, EvaluationOptions(ancestry_p=1e-3), results)
    fold_of = np.arange(len(paired.genes)) % 2
    add_chromosome_folds(
        PairedExpression(paired.observed, paired.predicted, paired.genes, paired.samples, {"ENC": fold_of}), results
    )
    add_expression_map(paired, OPTIONS, results, lambda matrix, seed: (matrix[:, :2], matrix[:, 1:3]))
    drawn = dict(figures(results.tables))
    assert list(drawn) == ["ancestry_genes", "ancestry_subjects", "chromosome_folds", "expression_map"]
    for name, figure in drawn.items():
        for axes in figure.axes:
            assert axes.get_xlabel() or len(axes.get_xticklabels()), name
            assert axes.get_ylabel(), name
        texts = [text.get_text() for axes in figure.axes for text in (axes.title, *axes.get_xticklabels())]
        texts += [
            text.get_text() for axes in figure.axes if axes.get_legend() for text in axes.get_legend().get_texts()
        ]
        assert any("n = " in text or "genes a fold" in text for text in texts), name


def test_labels_below_bars_do_not_lie_on_each_other() -> None:
    parts = [(gene, donor) for gene in ("train", "validation", "test") for donor in ("validation", "test")]
    row = {"tissue": "all", "fold": "mean of folds", "mean_pearson": 0.2, "n_pearson": 12_345, "mean_r2": -0.3}
    within = [row | {"model": "A", "gene_part": gene, "donor_part": donor, "n_r2": 12_345} for gene, donor in parts]
    line = {"model": "A", "chromosome": "chr19", "n": 1_234, "spearman": 0.7}
    lines = [line | {"donor": name, "tissue": name} for name in ("K562", "HepG2", "A549", "NCI-H460", "GM23248")]
    tables = {"within_tissue_summary": pd.DataFrame(within), "cell_lines": pd.DataFrame(lines)}
    drawn = dict(figures(tables))
    assert set(drawn) == {"within_tissue", "cell_lines"}
    for figure in drawn.values():
        for axes in figure.axes:
            boxes = [label.get_window_extent() for label in axes.get_xticklabels()]
            assert all(left.x1 <= right.x0 for left, right in pairwise(boxes))


def test_each_cohort_and_tissue_has_a_panel_and_what_is_left_out_is_said() -> None:
    places = [("A", "liver"), ("A", "lcl"), ("B", "liver")]
    rows = [
        (model, cohort, tissue, population, 0.1 * number)
        for model in ("good", "bad")
        for place, (cohort, tissue) in enumerate(places)
        for population in ("AFR", "EUR")
        for number in range(6 - place)
    ]
    names = ["model", "cohort", "tissue", "super_population", "spearman"]
    (figure,) = (figure for _, figure in figures({"ancestry_subjects": pd.DataFrame(rows, columns=names)}))
    assert [axes.get_title("right") for axes in figure.axes] == ["A, liver", "A, lcl", "B, liver"]
    assert figure.axes[1].get_xticklabels()[0].get_text() == "AFR\nn = 5 samples"
    assert figure.get_suptitle() == ""
    many = pd.concat(pd.DataFrame(rows, columns=names).assign(tissue=f"t{number}") for number in range(20))
    (figure,) = (figure for _, figure in figures({"ancestry_subjects": many}))
    assert len(figure.axes) == 12
    assert figure.get_suptitle() == "The 12 with most samples of 40 cohorts and tissues"


def test_the_figures_of_gene_correlation_keep_parts_of_genes_apart() -> None:
    parts = ["test", *["train"] * 7]  # of whose genes two are constant or hardly measured; one gene has no interval
    paired = made_paired(n_genes=8)
    genes = paired.genes.assign(gene_part=parts, gene_type="protein_coding")
    results = EvaluationResults()
    add_gene_correlation(PairedExpression(paired.observed, paired.predicted, genes, paired.samples), OPTIONS, results)
    table = results.tables["gene_correlation_summary"]
    wanted = table[table["by"] == "all"].set_index(["gene_part", "model"])["mean"]
    drawn = dict(figures(results.tables))
    axes = drawn["gene_correlation"].axes[0]
    names = [text.get_text() for text in axes.get_xticklabels()]
    assert names == [f"protein-coding,\n{part} genes\nn = {n} genes" for part, n in (("test", 1), ("train", 5))]
    bars = {bar.get_x() + bar.get_width() / 2: bar.get_height() for bar in axes.patches}
    found = [bars[place] for place in sorted(bars)]
    assert found == pytest.approx([wanted[part, model] for part in ("test", "train") for model in ("good", "bad")])
    labels = [each.get_xlabel() for each in drawn["gene_correlation_by_tissue"].axes]
    assert [label.splitlines()[-2:] for label in labels] == [
        ["protein-coding,", "test genes, n ≤ 1 genes"],
        ["protein-coding,", "train genes, n ≤ 5 genes"],
    ]
