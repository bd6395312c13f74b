"""The field's columns: by hand, against scipy, and on a cohort with a planted truth."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from variantformer_hf.data.evaluation_grid import EvaluationGrid, evaluation_grid
from variantformer_hf.data.field_columns import HELD_OUT, SEEN, UNSEEN, FieldColumns, field_columns
from variantformer_hf.data.measured import Measured
from variantformer_hf.data.splits import Split
from variantformer_hf.errors import InputError
from variantformer_hf.evaluation.columns import CONSTANT, OF_ANOTHER, Beside, add_columns, wrong_sign
from variantformer_hf.evaluation.paired import PairedExpression
from variantformer_hf.evaluation.results import EvaluationResults
from variantformer_hf.simulation.cohort import simulate_cohort

GENES = ("ENSG00000000001", "ENSG00000000002", "ENSG00000000003", "ENSG00000000004", "ENSG00000000005")
# Two to train on, one of each other part, one that only the second fold trains on.
PARTS = dict(zip(GENES[:4], ("train", "train", "test", "validation"), strict=True))
PEOPLE = {"T": ("EUR", "train"), "E": ("EUR", "test"), "A": ("AFR", "test"), "V": ("EUR", "validation")}
NAMES = [f"{letter}{number}" for letter in PEOPLE for number in range(4)]
UP, DOWN, NEARLY = [1.0, 2.0, 3.0, 4.0], [4.0, 3.0, 2.0, 1.0], [1.0, 2.0, 4.0, 3.0]


def people(**changed: str) -> pd.DataFrame:
    names = {name: PEOPLE[name[0]][0] for name in NAMES} | changed
    return pd.DataFrame({"donor": list(names), "super_population": list(names.values())})


def split_of(genes: dict[str, str] | None = None) -> Split:
    split = Split({"LAB": {name: PEOPLE[name[0]][1] for name in NAMES}})
    return split.with_genes(PARTS if genes is None else genes)


def grid_of(values: np.ndarray, splits: tuple[Split, ...], listed: pd.DataFrame) -> EvaluationGrid:
    samples = pd.DataFrame({"cohort": "LAB", "donor": NAMES, "tissue": "liver", "is_cell_line": False})
    measured = Measured(values.astype(np.float32), GENES[: len(values)], samples, "log1p_tpm", {})
    return evaluation_grid(measured.of_people(listed, Path("people.tsv")), splits)


def found_of(
    grid: EvaluationGrid,
    columns: FieldColumns,
    predicted: dict[str, np.ndarray],
    beside: Beside | None = None,
    fewest: int = 3,
) -> EvaluationResults:
    results = EvaluationResults()
    samples = grid.samples.assign(population=columns.population)
    own = {name: values.astype(np.float32) for name, values in predicted.items()}
    paired = PairedExpression(grid.observed, own, grid.genes, samples)
    add_columns(paired, columns.cells, columns.empty, beside or Beside(), fewest, results)
    return results


def on_grid(grid: EvaluationGrid, by_person: dict[str, list[list[float]]]) -> np.ndarray:
    """Values of the grid's people, by their letter: genes x four."""
    values = np.full(grid.observed.shape, np.nan)
    for letter, rows in by_person.items():
        columns = [list(grid.samples["donor"]).index(f"{letter}{number}") for number in range(4)]
        values[: len(rows), columns] = rows
    return values


@pytest.fixture(scope="module")
def case() -> tuple[EvaluationGrid, FieldColumns]:
    listed = people()
    grid = grid_of(np.tile(UP * 4, (4, 1)), (split_of(),), listed)
    return grid, field_columns(grid, (split_of(),), listed)


def overall(results: EvaluationResults) -> pd.DataFrame:
    table = results.tables["columns"]
    return table.drop_duplicates(["source", "model", "column", "genes"]).set_index(["model", "column"])


def test_each_column_has_its_genes_people_and_r_by_hand(case: tuple[EvaluationGrid, FieldColumns]) -> None:
    grid, columns = case
    by_person = {"E": [UP, NEARLY, DOWN, UP], "A": [DOWN, DOWN, UP, UP], "V": [DOWN] * 4}
    results = found_of(grid, columns, {"m": on_grid(grid, by_person)})
    table = overall(results).loc["m"]
    assert list(table.index) == [SEEN, HELD_OUT, UNSEEN]
    assert list(table["population"]) == ["EUR", "AFR", "EUR"]
    assert list(table["n_genes"]) == [2, 2, 1]
    assert list(table["r"]) == pytest.approx([(1 + 0.8) / 2, -1, -1])
    half = 1.959964 * np.std([1, 0.8], ddof=1) / np.sqrt(2)
    assert table["r_high"].iloc[0] - table["r"].iloc[0] == pytest.approx(half)
    assert list(table["wrong_sign"]) == [0, 1, 1]
    assert list(table["wrong_sign_p"]) == pytest.approx([0.5, 0.5, 1])
    assert list(table["abs_r"]) == pytest.approx([0.9, 1, 1])
    assert list(table["n_people"]) == [4, 4, 4]
    assert columns.left_out == {
        "of validation donors": 16,
        "of validation genes": 8,
        "of unseen genes in people of another population": 4,
    }
    assert columns.trained == ("EUR",)


def test_the_ceiling_is_that_of_the_same_genes_and_of_the_population_where_it_is_given(
    case: tuple[EvaluationGrid, FieldColumns],
) -> None:
    grid, columns = case
    predicted = on_grid(grid, {"E": [UP, NEARLY, UP], "A": [NEARLY, DOWN, UP]})
    h2 = pd.DataFrame({"gene_id": GENES[:2], "tissue": "liver", "h2": [0.64, 0.25]})
    of_africa = h2.assign(h2=[0.16, np.nan]).dropna()
    results = found_of(grid, columns, {"m": predicted}, Beside({"": h2, "AFR": of_africa}))
    table = overall(results).loc["m"]
    assert list(table["ceiling"]) == pytest.approx([(0.8 + 0.5) / 2, 0.4, np.nan], nan_ok=True)
    assert list(table["n_ceiling"]) == [2, 1, 0]
    assert list(table["r_of_ceiling"]) == pytest.approx([0.9 / 0.65, 0.8 / 0.4, np.nan], nan_ok=True)
    # The ratio's residuals are 1 - 0.8 q and 0.8 - 0.5 q, q = 0.9 / 0.65, over the mean ceiling.
    ratio = 0.9 / 0.65
    half = 1.959964 * np.std([1 - 0.8 * ratio, 0.8 - 0.5 * ratio], ddof=1) / np.sqrt(2) / 0.65
    assert table["r_of_ceiling_high"].iloc[0] == pytest.approx(ratio + half)


def test_a_model_that_predicts_no_gene_of_a_column_has_no_number_and_leaves_the_others_theirs(
    case: tuple[EvaluationGrid, FieldColumns],
) -> None:
    grid, columns = case
    whole = on_grid(grid, {"E": [UP, UP, UP], "A": [UP, UP, UP]})
    linear = on_grid(grid, {"E": [NEARLY, NEARLY], "A": [NEARLY, NEARLY]})
    flat = on_grid(grid, {"E": [[2.0] * 4] * 3, "A": [[2.0] * 4] * 3})
    results = found_of(grid, columns, {"whole": whole, "linear": linear, "flat": flat})
    table = overall(results)
    absent = table.loc[("linear", UNSEEN)]
    assert absent["reason"] == "the model predicts none of these"
    assert absent["n_genes"] == 0
    assert absent[["r", "r_constant_as_zero", "abs_r", "wrong_sign", "wrong_sign_p"]].isna().all()
    assert table.loc[("flat", SEEN), "reason"] == CONSTANT
    assert np.isnan(table.loc[("flat", SEEN), "r"])
    assert table.loc[("whole", UNSEEN), "r"] == pytest.approx(1)
    assert list(table.loc["linear"]["r"].iloc[:2]) == pytest.approx([0.8, 0.8])
    counts = results.counts_table().groupby(["model", "what", "reason"])["n"].sum()
    assert counts[("linear", f"values, {UNSEEN}", "measured, and not predicted")] == 4
    assert counts[("flat", f"genes, tissues and populations, {SEEN}", CONSTANT)] == 2


def test_models_are_compared_on_genes_where_all_have_an_r_and_with_zeros_on_all(
    case: tuple[EvaluationGrid, FieldColumns],
) -> None:
    grid, columns = case
    one = on_grid(grid, {"E": [UP, DOWN]})
    other = on_grid(grid, {"E": [NEARLY, [5.0] * 4]})
    results = found_of(grid, columns, {"one": one, "other": other})
    table = overall(results).xs(SEEN, level="column")
    assert list(table["r"]) == pytest.approx([1, 0.8])
    assert list(table["r_constant_as_zero"]) == pytest.approx([(1 - 1) / 2, 0.8 / 2])
    assert list(table["n_genes"]) == [1, 1]
    assert list(table["n_constant"]) == [0, 1]
    counts = results.counts_table().groupby(["model", "reason"])["n"].sum()
    assert counts[("one", OF_ANOTHER)] == counts[("other", CONSTANT)] == 1
    genes = results.tables["columns_by_gene"].set_index(["model", "gene_id"])["pearson"]
    assert genes[("one", GENES[1])] == pytest.approx(-1)


def test_one_model_against_another_is_the_mean_difference_of_the_same_genes(
    case: tuple[EvaluationGrid, FieldColumns],
) -> None:
    grid, columns = case
    one = on_grid(grid, {"E": [UP, NEARLY, UP], "A": [UP, UP]})
    other = on_grid(grid, {"E": [NEARLY, DOWN], "A": [UP, UP]})
    table = found_of(grid, columns, {"one": one, "other": other}).tables["columns_comparison"].set_index("column")
    assert list(table.index) == [SEEN, HELD_OUT]
    assert (table["model"] + table["other"]).eq("oneother").all()
    assert list(table["difference"]) == pytest.approx([(0.2 + 1.8) / 2, 0], abs=1e-9)
    assert table.loc[SEEN, "high"] == pytest.approx(1 + 1.959964 * np.std([0.2, 1.8], ddof=1) / np.sqrt(2))
    assert list(table["n_genes"]) == [2, 2]
    assert table.loc[SEEN, ["n_differ", "share_better", "p"]].tolist() == [2, 1, 0.5]
    assert table.loc[HELD_OUT, "n_differ"] == 0
    assert np.isnan(table.loc[HELD_OUT, "p"])
    alone = found_of(grid, columns, {"one": one})
    assert alone.skipped["columns_comparison"] == "no column has two models with an r"


def test_models_without_a_gene_in_common_have_no_number_rather_than_others_genes(
    case: tuple[EvaluationGrid, FieldColumns],
) -> None:
    grid, columns = case
    one = on_grid(grid, {"E": [UP, [5.0] * 4]})
    other = on_grid(grid, {"E": [[5.0] * 4, UP]})
    table = overall(found_of(grid, columns, {"one": one, "other": other})).xs(SEEN, level="column")
    assert list(table["n_genes"]) == [0, 0]
    assert set(table["reason"]) <= {CONSTANT, OF_ANOTHER}
    nobody = on_grid(grid, {"E": [UP, [np.nan] * 4]}), on_grid(grid, {"E": [[np.nan] * 4, UP]})
    table = overall(found_of(grid, columns, dict(zip("ab", nobody, strict=True)))).xs(SEEN, level="column")
    assert set(table["reason"]) == {"no value is predicted by all models that predict any"}


def test_r_equals_scipy_with_ties_nans_and_constant_genes() -> None:
    rng = np.random.default_rng(0)
    names = {f"P{number}": ("EUR", "AFR", "EAS")[number % 3] for number in range(90)}
    parts = {name: "train" if number < 9 and number % 3 == 0 else "test" for number, name in enumerate(names)}
    genes = [f"ENSG{number:011d}" for number in range(12)]
    split = Split({"LAB": parts}).with_genes({gene: "test" if n > 7 else "train" for n, gene in enumerate(genes)})
    listed = pd.DataFrame({"donor": list(names), "super_population": list(names.values())})
    samples = pd.concat(
        [
            pd.DataFrame({"cohort": "LAB", "donor": list(names), "tissue": tissue, "is_cell_line": False})
            for tissue in ("liver", "lung")
        ]
    )
    observed = np.round(rng.normal(0, 1, (12, 180)), 1)
    observed[rng.random(observed.shape) < 0.1] = np.nan
    observed[1] = 2.0
    measured = Measured(observed.astype(np.float32), tuple(genes), samples, "log1p_tpm", {})
    grid = evaluation_grid(measured.of_people(listed, Path("people.tsv")), (split,))
    predicted = {name: grid.observed + rng.normal(0, sd, grid.observed.shape) for name, sd in (("a", 1), ("b", 4))}
    for values in predicted.values():
        values[rng.random(values.shape) < 0.05] = np.nan
    predicted["b"][2, grid.samples["tissue"] == "liver"] = 1.0
    columns = field_columns(grid, (split,), listed)
    results = found_of(grid, columns, predicted, fewest=10)
    wanted: dict[tuple[str, str], list[float]] = {}
    both = ~np.isnan(predicted["a"] + predicted["b"] + grid.observed)
    populations, tissues = grid.samples["super_population"], grid.samples["tissue"]
    for column, of, rows in (
        (SEEN, ["EUR"], range(8)),
        (HELD_OUT, ["AFR", "EAS"], range(8)),
        (UNSEEN, ["EUR"], range(8, 12)),
    ):
        for gene in rows:
            r: dict[str, list[float]] = {"a": [], "b": []}
            for population in of:
                for tissue in ("liver", "lung"):
                    here = both[gene] & (populations == population).to_numpy() & (tissues == tissue).to_numpy()
                    assert here.sum() >= 10
                    if gene == 1 or (gene == 2 and tissue == "liver"):
                        continue
                    for model, values in r.items():
                        x, y = (each[gene, here].astype(np.float32) for each in (grid.observed, predicted[model]))
                        values.append(stats.pearsonr(x.astype(float), y.astype(float)).statistic)
            for model, values in r.items():
                if values:
                    wanted.setdefault((model, column), []).append(np.mean(values))
    table = overall(results)
    for key, means in wanted.items():
        row = table.loc[key]
        assert row["n_genes"] == len(means)
        assert row["r"] == pytest.approx(np.mean(means), abs=1e-6)
        assert row["r_high"] == pytest.approx(np.mean(means) + 1.959964 * stats.sem(means), abs=1e-6)
        test = stats.binomtest(sum(mean < 0 for mean in means), len(means))
        assert row["wrong_sign"] == test.statistic
        assert row["wrong_sign_p"] == pytest.approx(test.pvalue)
        assert row["wrong_sign_low"] == pytest.approx(test.proportion_ci().low)
    assert set(results.tables["columns"].query("column == @HELD_OUT")["population"]) == {"all", "AFR", "EAS"}
    assert set(results.tables["columns"]["tissue"]) == {"all", "liver", "lung"}


def test_signs_by_hand() -> None:
    found = wrong_sign(np.array([-0.1, 0.2, 0.0, np.nan, 0.3]))
    assert (found["n_signs"], found["wrong_sign"], found["wrong_sign_p"]) == (3, pytest.approx(1 / 3), 1)
    right = wrong_sign(np.full(5, 0.4))
    assert right["wrong_sign_p"] == pytest.approx(2 / 2**5)
    assert (right["wrong_sign_low"], right["wrong_sign_high"]) == (0, pytest.approx(1 - 0.025 ** (1 / 5)))
    none = wrong_sign(np.array([0.0, np.nan]))
    assert none["n_signs"] == 0
    assert all(np.isnan(value) for name, value in none.items() if name != "n_signs")


@given(st.lists(st.sampled_from([-0.5, -0.1, 0.0, 0.2, 0.9, np.nan]), max_size=30))
def test_signs_turned_round_are_the_other_share_with_the_same_p(values: list[float]) -> None:
    r = np.array(values)
    one, other = wrong_sign(r), wrong_sign(-r)
    assert one["n_signs"] == other["n_signs"]
    if one["n_signs"]:
        assert one["wrong_sign"] == pytest.approx(1 - other["wrong_sign"])
        assert one["wrong_sign_p"] == pytest.approx(other["wrong_sign_p"])
        assert one["wrong_sign_low"] <= one["wrong_sign"] <= one["wrong_sign_high"]


def test_of_folds_r_is_of_one_fold_and_a_gene_is_the_mean_of_its_folds() -> None:
    listed = people()
    donors = [{name: "test" if name[0] == letter else "train" for name in NAMES} for letter in "TEA"]
    splits = tuple(Split({"LAB": each}) for each in donors)
    grid = grid_of(np.tile(UP * 4, (2, 1)), splits, listed)
    columns = field_columns(grid, splits, listed)
    by_person = {"T": [UP, UP], "E": [DOWN, NEARLY], "A": [NEARLY, UP]}
    table = overall(found_of(grid, columns, {"m": on_grid(grid, by_person)})).loc["m"]
    # In the third fold nobody of AFR is trained on.
    assert table.loc[SEEN, "r"] == pytest.approx(((1 - 1) / 2 + (1 + 0.8) / 2) / 2)
    assert table.loc[HELD_OUT, "r"] == pytest.approx((0.8 + 1) / 2)
    assert table.loc[UNSEEN, "reason"] == "the split holds out no gene"


def test_of_folds_of_genes_each_gene_is_seen_in_some_and_unseen_in_one() -> None:
    listed = people()
    parts = [{gene: "test" if n == fold else "train" for n, gene in enumerate(GENES[:3])} for fold in range(3)]
    splits = tuple(split_of(each) for each in parts)
    values = np.tile(UP * 4, (3, 1))
    grid = grid_of(values, splits, listed)
    columns = field_columns(grid, splits, listed)
    fold, letter = grid.samples["fold"].to_numpy(), grid.samples["donor"].str[0].to_numpy()
    predicted = np.full(grid.observed.shape, np.nan)
    for gene, number in np.ndindex(3, 3):
        for name in "EA":
            predicted[gene, (fold == number) & (letter == name)] = DOWN if gene == number else NEARLY
    table = overall(found_of(grid, columns, {"m": predicted})).loc["m"]
    assert list(table["r"]) == pytest.approx([0.8, 0.8, -1])
    assert list(table["n_pairs"]) == [6, 6, 3]
    assert list(table["n_genes"]) == [3, 3, 3]
    samples = pd.DataFrame({"cohort": "LAB", "donor": NAMES, "tissue": "liver", "is_cell_line": False})
    measured = Measured(values.astype(np.float32), GENES[:3], samples, "log1p_tpm", {})
    by_one_file = evaluation_grid(measured.of_people(listed, Path("people.tsv")), splits, with_validation=False)
    empty = field_columns(by_one_file, splits, listed).empty
    assert set(empty) == {SEEN, HELD_OUT}
    assert all("give a file a fold, named by {fold}" in reason for reason in empty.values())


def test_populations_are_those_of_the_train_donors_or_named() -> None:
    grid = grid_of(np.tile(UP * 4, (4, 1)), (split_of(),), people())
    listed = people(**{name: "" for name in NAMES if name[0] == "T"})
    with pytest.raises(InputError, match=r"people.tsv: names none of the donors .* --training-population NAME"):
        field_columns(grid, (split_of(),), listed, people_file=Path("people.tsv"))
    named = field_columns(grid, (split_of(),), listed, trained=["EUR"])
    assert named.cells[SEEN].sum() == 8
    mixed = people(T0="AFR")
    with pytest.raises(InputError, match=r"T0: is of AFR and was trained on.*Add it: --training-population AFR"):
        field_columns(grid, (split_of(),), mixed, trained=["EUR"])
    with pytest.raises(InputError, match="nobody is of EURO: super_population has AFR, EUR"):
        field_columns(grid, (split_of(),), people(), trained=["EURO"])
    with pytest.raises(InputError, match="has no column population, which says"):
        field_columns(grid, (split_of(),), people(), by="population")
    both = field_columns(grid, (split_of(),), mixed)
    assert both.empty[HELD_OUT] == "all test donors are of AFR, EUR"


def test_people_without_a_population_and_cell_lines_are_in_no_column() -> None:
    listed = people(E0="", A1="")
    samples = pd.DataFrame({"cohort": "LAB", "donor": NAMES, "tissue": "liver", "is_cell_line": False})
    samples.loc[samples["donor"] == "E3", "is_cell_line"] = True
    values = np.tile(np.array(UP * 4, dtype=np.float32), (2, 1))
    measured = Measured(values, GENES[:2], samples, "log1p_tpm", {}).of_people(listed, Path("people.tsv"))
    split = split_of({GENES[0]: "train", GENES[1]: "train"})
    columns = field_columns(evaluation_grid(measured, (split,)), (split,), listed)
    assert columns.left_out["of people without super_population"] == 4
    assert columns.left_out["of cell lines, or split by chromosomes"] == 2
    assert [int(mask.sum()) for mask in columns.cells.values()] == [4, 6, 0]


def test_a_planted_cohort_gives_back_its_ceiling_its_signs_and_what_no_model_predicts(tmp_path: Path) -> None:
    cohort = simulate_cohort(tmp_path, donors=60, genes=12, tissues=["liver"], populations=2, other_cres=20)
    europe, africa = cohort.populations
    listed = pd.DataFrame({"donor": cohort.donors, "super_population": ["EUR"] * len(europe) + ["AFR"] * len(africa)})
    expression, oracle = pd.read_csv(cohort.expression), pd.read_parquet(cohort.oracle)
    wide = [
        np.log1p(expression.pivot(index="gene_id", columns="donor", values="tpm")),
        oracle.pivot(index="gene_id", columns="donor", values="log1p_tpm"),
    ]
    observed, genetic = (each[list(cohort.donors)] for each in wide)
    genes = list(observed.index)
    parts = {name: "train" if n < 4 else "test" for n, name in enumerate(europe)} | dict.fromkeys(africa, "test")
    split = Split({"SIM": parts}).with_genes({gene: "train" if n < 8 else "test" for n, gene in enumerate(genes)})
    samples = pd.DataFrame({"cohort": "SIM", "donor": cohort.donors, "tissue": "liver", "is_cell_line": False})
    measured = Measured(observed.to_numpy(np.float32), tuple(genes), samples, "log1p_tpm", {})
    grid = evaluation_grid(measured.of_people(listed, Path("people.tsv")), (split,))
    truth = genetic[list(grid.samples["donor"])].to_numpy()
    turned = truth * np.where(np.arange(12) % 4 == 0, -1, 1)[:, None]
    linear = np.where(np.arange(12)[:, None] < 8, truth, np.nan)
    h2 = pd.DataFrame({"gene_id": genes, "tissue": "liver", "h2": 0.5})
    columns = field_columns(grid, (split,), listed)
    results = found_of(grid, columns, {"oracle": truth, "turned": turned, "linear": linear}, Beside({"": h2}), 10)
    table = overall(results)
    spread = table.loc[("oracle", SEEN), "n_genes"]
    assert spread >= 6  # others do not vary
    assert table.loc[("oracle", SEEN), "r_of_ceiling"] == pytest.approx(1, abs=0.12)
    assert table.loc[("oracle", UNSEEN), "r_of_ceiling"] == pytest.approx(1, abs=0.2)
    assert table.loc[("oracle", HELD_OUT), "wrong_sign"] == 0
    used = results.tables["columns_by_gene"].query("model == 'turned' and reason == ''")
    for column, rows in used.groupby("column"):
        expected = np.mean([genes.index(gene) % 4 == 0 for gene in rows["gene_id"]])
        assert table.loc[("turned", column), "wrong_sign"] == pytest.approx(expected)
    assert np.isnan(table.loc[("linear", UNSEEN), "r"])
    assert table.loc[("linear", SEEN), "r"] == pytest.approx(table.loc[("oracle", SEEN), "r"])
