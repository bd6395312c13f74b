"""Calibrated intervals: the formula by hand, coverage of people that nothing was chosen by, and the commands."""

import json
import math
import warnings
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ancestry_case import drifted
from baseline_lab import TEST, TRAIN, Lab, write_lab
from command_line import run

from variantformer_hf.applications.ancestry.components import GenotypeComponents
from variantformer_hf.evaluation.conformal import (
    KEYS,
    calibrated,
    component_ranges,
    fewest_people,
    half_widths,
    is_outside,
    with_intervals,
)
from variantformer_hf.training.dosage.fitting import fit_dosages
from variantformer_hf.zoo.dosage.recipes import recipe_named

LEVELS = (0.5, 0.8, 0.9, 0.95, 0.99)


def by_hand(residuals: list[float], level: float) -> float:
    """The split-conformal quantile, in whole numbers and fractions."""
    rank = math.ceil((len(residuals) + 1) * Fraction(str(level)))
    return sorted(abs(each) for each in residuals)[rank - 1] if rank <= len(residuals) else math.nan


def test_a_half_width_is_the_quantile_of_the_formula() -> None:
    rng = np.random.default_rng(0)
    for people in (*range(25), 59, 60, 99, 100, 199):
        residuals = rng.normal(0, 1, (4, people)).round(1)  # ties
        residuals[rng.random(residuals.shape) < 0.1] = np.nan
        for level in LEVELS:
            expected = [by_hand([each for each in row if not math.isnan(each)], level) for row in residuals.tolist()]
            np.testing.assert_array_equal(half_widths(residuals, level), expected)


def test_the_fewest_people_are_those_that_make_an_interval_finite() -> None:
    assert [fewest_people(level) for level in LEVELS] == [1, 4, 9, 19, 99]
    for level in LEVELS:
        n = fewest_people(level)
        widths = half_widths(np.ones((2, n)) * [[1.0], [2.0]], level)
        assert widths.tolist() == [1, 2]
        assert np.isnan(half_widths(np.ones((2, n - 1)), level)).all()


def test_crepes_has_the_same_but_where_it_rounds_up() -> None:
    """Where (n + 1) x (1 - level) is a whole number its floating point takes the next larger residual, or none."""
    crepes = pytest.importorskip("crepes")
    rng = np.random.default_rng(1)
    differ = 0
    for n in range(4, 120):
        residuals = rng.normal(0, 1, n)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            regressor = crepes.ConformalRegressor().fit(residuals=residuals)
            theirs = {level: regressor.predict_int(np.zeros(1), confidence=level)[0, 1] for level in LEVELS}
        for level in LEVELS:
            ours = half_widths(residuals[None], level)[0]
            ours = math.inf if math.isnan(ours) else ours
            if ((n + 1) * (1 - Fraction(str(level)))).denominator > 1:
                assert theirs[level] == ours
            else:
                assert theirs[level] >= ours
                differ += theirs[level] > ours
    assert differ


GENES, TISSUES = 150, ("liver", "lung")
# Of two populations of the calibration and one that is not: what the model's errors are multiplied with, and its bias.
SPREAD, BIAS = {"AFR": 2.0, "EUR": 1.0, "SAS": 1.0}, {"AFR": 0.0, "EUR": 0.0, "SAS": 3.0}
PEOPLE = {"AFR": (60, 200), "EUR": (80, 200), "SAS": (0, 200)}  # of the calibration, and new
PANEL = 80  # of each population, that components are made of


def made_errors(populations: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Tissue -> (genes, people) measured less predicted: long tails, of other size in each gene, tissue, population."""
    spread, bias = (np.array([of[name] for name in populations]) for of in (SPREAD, BIAS))
    found = {}
    for place, tissue in enumerate(TISSUES):
        size = rng.gamma(4, 0.1, (GENES, 1)) * (1 + place)
        found[tissue] = size * (bias + spread * rng.standard_t(4, (GENES, len(populations))))
    return found


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_intervals_hold_nine_tenths_of_the_people_of_each_stratum_and_not_of_a_population_that_is_flagged(
    seed: int,
) -> None:
    """Two thousand donors and people whose errors and genotypes are drawn; nothing was chosen by those who are new."""
    rng = np.random.default_rng(seed)
    sizes = [sum(each) for each in PEOPLE.values()]
    population = np.repeat(list(PEOPLE), sizes)
    is_new = np.concatenate([np.arange(sum(each)) >= each[0] for each in PEOPLE.values()])
    dosages = drifted([PANEL + size for size in sizes], 600, seed=seed)
    in_panel = np.concatenate([np.arange(PANEL + size) < PANEL for size in sizes])
    places = GenotypeComponents.fitted(dosages[in_panel], 8).coordinates(dosages[~in_panel])
    errors = made_errors(population, rng)
    ids = [f"ENSG{number:011d}" for number in range(GENES)]
    known = calibrated(
        np.concatenate([errors[tissue][:, ~is_new] for tissue in TISSUES], axis=1),
        ids,
        np.repeat(TISSUES, int((~is_new).sum())),
        np.tile(population[~is_new], len(TISSUES)).astype(object),
        (0.9,),
    )
    outside = is_outside(places[is_new], component_ranges(places[~is_new], population[~is_new].astype(object)))
    new = population[is_new]
    shape = len(TISSUES), GENES, len(new)
    keys = pd.DataFrame(
        {
            "gene_id": np.broadcast_to(np.array(ids, dtype=object)[:, None], shape).ravel(),
            "tissue": np.repeat(TISSUES, GENES * len(new)),
            "population": np.broadcast_to(new.astype(object), shape).ravel(),
        }
    )
    predicted = rng.normal(3, 1, shape)
    measured = predicted + np.stack([errors[tissue][:, is_new] for tissue in TISSUES])
    table = pd.DataFrame({"log1p_tpm": predicted.ravel().astype(np.float32)})
    flags = np.broadcast_to(outside, shape).ravel()
    found = with_intervals(table, keys, flags, known, 0.9, "log1p_tpm")
    is_held = found["log1p_tpm_low"].le(measured.ravel()) & found["log1p_tpm_high"].ge(measured.ravel())
    by_stratum = is_held.groupby([keys["population"], keys["tissue"]]).mean()
    for name in ("AFR", "EUR"):
        assert by_stratum[name].between(0.88, 0.92).all(), by_stratum
        assert outside[new == name].mean() <= 0.06  # one in a hundred over all calibrations, of one maybe more
    assert outside[new == "SAS"].all()
    assert (by_stratum["SAS"] < 0.8).all(), by_stratum
    of = found["interval_population"].groupby(keys["population"]).agg(set)
    assert of.to_dict() == {"AFR": {"AFR"}, "EUR": {"EUR"}, "SAS": {"all"}}
    # What one interval for everybody would hold: too few of one population, too many of the other.
    alone = with_intervals(table, keys, flags, known[known["population"] == "all"], 0.9, "log1p_tpm")
    half = (alone["log1p_tpm_high"] - alone["log1p_tpm"]).to_numpy()
    of_all = pd.Series(np.abs(measured - predicted).ravel() <= half).groupby(keys["population"]).mean()
    assert of_all["AFR"] < 0.86 and of_all["EUR"] > 0.94


def test_a_population_of_too_few_falls_back_to_all_and_is_named() -> None:
    residuals = np.array([[*range(1, 10), 30.0], [np.nan] * 10, [np.nan] * 9 + [1.0]])
    populations = np.array(["EUR"] * 9 + ["AFR"], dtype=object)
    known = calibrated(residuals, ["A", "B", "C"], np.array(["liver"] * 10), populations, (0.9,))
    assert known.values.tolist()[:2] == [["A", "liver", "EUR", 9, 9.0], ["A", "liver", "all", 10, 30.0]]
    assert known.iloc[2].tolist()[:4] == ["C", "liver", "all", 1] and len(known) == 3
    keys = pd.DataFrame({"gene_id": list("AAAABC"), "tissue": "liver", "population": ["EUR", "AFR", "", *["EUR"] * 3]})
    table = pd.DataFrame({"expression": [1.0, 1.0, 1.0, np.nan, 1.0, 1.0]})
    found = with_intervals(table, keys, np.full(6, None), known, 0.9, "expression")
    # On the end is inside, whatever float32 makes of it.
    for name, ends in (("low", [-8, -29, -29]), ("high", [10, 31, 31])):
        column = found[f"expression_{name}"][:3]
        assert column.tolist() == pytest.approx(ends) and column.dtype == np.float32
        assert (column <= ends if name == "low" else column >= ends).all()
    assert found[["expression_low", "expression_high"]][3:].isna().all(axis=None)
    assert found["interval_population"].fillna("").tolist() == ["EUR", "all", "all", "", "", ""]
    assert found["interval_reason"].fillna("").tolist() == ["", "", "", "no_prediction", "not_calibrated", "few_people"]
    assert found["outside_calibration"].isna().all()
    ten = calibrated(residuals, ["A", "B", "C"], np.array(["liver"] * 10), populations, (0.9,), fewest=10)
    assert ten["population"].tolist() == ["all", "all"]


@pytest.mark.parametrize("n", [10, 300])
def test_one_in_a_hundred_new_people_of_a_population_is_outside(n: int) -> None:
    rng = np.random.default_rng(n)
    share = []
    for _ in range(200):
        people = rng.normal(5, 2, (n + 50, 6))
        ranges = component_ranges(people[:n], np.full(n, "EUR", dtype=object))
        share.append(is_outside(people[n:], ranges).mean())
    assert 0.005 < np.mean(share) < 0.013


def test_between_two_populations_is_outside_of_both() -> None:
    rng = np.random.default_rng(0)
    places = np.concatenate([rng.normal(0, 1, (40, 2)), rng.normal(30, 1, (40, 2)), rng.normal(90, 1, (5, 2))])
    names = np.repeat(["EUR", "AFR", "EAS"], [40, 40, 5]).astype(object)
    ranges = component_ranges(places, names)
    assert sorted(ranges) == ["AFR", "EUR"]  # five do not say how far a population reaches
    assert is_outside(np.array([[0, 0], [30, 30], [15, 15], [0, 30], [90, 90]]), ranges).tolist() == [
        *(False, False),
        *(True, True, True),
    ]
    assert sorted(component_ranges(places[-5:], names[-5:])) == []
    assert sorted(component_ranges(places[::8], names[::8])) == ["all"]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """A fit, everybody's predictions, who they are, and the calibration."""
    found = write_lab(tmp_path_factory.mktemp("lab"))
    folder = found.folder
    recipe = recipe_named("elastic-net", radius=12_000, folds=3)
    fit_dosages(recipe, found.expression, found.split, found.inputs, folder / "net", parts=folder / "net.parts")
    recipe = recipe_named("mean")
    fit_dosages(recipe, found.expression, found.split, found.inputs, folder / "mean", parts=folder / "mean.parts")
    done = run(*predicting(folder), "--all-samples", "-o", folder / "all.parquet")
    assert done.returncode == 0, done.stderr
    rng = np.random.default_rng(2)
    donors = [*TRAIN, *TEST]
    people = pd.DataFrame(
        {"donor": donors, "super_population": np.where(np.arange(len(donors)) % 3 == 0, "AFR", "EUR")}
    )
    places = rng.normal(0, 1, (len(donors), 2)) + np.where(people["super_population"] == "AFR", 40, 0)[:, None]
    people[["pc1", "pc2"]] = places
    people.to_csv(folder / "people.tsv", sep="\t", index=False)
    (folder / "people.tsv.report.json").write_text(json.dumps({"components": "one"}))
    done = run(*calibrating(folder), "-o", folder / "intervals.parquet")
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("donors: 30 all, 10 AFR, 20 EUR\n")
    assert "0.95: 5 genes x tissues of EUR, 5 genes x tissues of all" in done.stderr
    return found


def predicting(folder: Path, model: str = "net") -> list[object]:
    return ["predict", folder / model, "--fasta", folder / "genome.fa", "--vcf", folder / "cohort.vcf.gz"]


def calibrating(folder: Path, predictions: str = "all.parquet") -> list[object]:
    files = ["--predictions", folder / predictions, "--expression", folder / "expression"]
    return ["calibrate", *files, "--samples", folder / "people.tsv", "--split", folder / "split.json"]


def test_a_calibration_is_of_the_donors_who_were_held_out(lab: Lab, tmp_path: Path) -> None:
    """By hand of one gene; other predictions of those who were trained on change nothing; nobody's name is in it."""
    predicted = pd.read_parquet(lab.folder / "all.parquet").set_index(["sample", "gene_name", "tissue"])["log1p_tpm"]
    people = pd.read_csv(lab.folder / "people.tsv", sep="\t").set_index("donor")["super_population"]
    samples = lab.expression.samples.to_pandas()
    of_gene = lab.expression.gene == lab.expression.genes.index("ENSG00000000001")
    rows = samples.iloc[lab.expression.sample[of_gene]].assign(value=lab.expression.value[of_gene])
    known = pd.read_parquet(lab.folder / "intervals.parquet").set_index(KEYS)
    for population, donors in (("EUR", people[people == "EUR"].index), ("all", people.index)):
        chosen = rows[(rows["tissue"] == "liver") & rows["donor"].isin(donors) & rows["donor"].isin(TEST)]
        residuals = [row.value - predicted[row.donor, "UP", "liver"] for row in chosen.itertuples()]
        row = known.loc[("ENSG00000000001", "liver", population)]
        assert row["n"] == len(residuals) == (20 if population == "EUR" else 30)
        for level in (0.8, 0.9, 0.95):
            assert row[f"half_width_{level:g}"] == pytest.approx(by_hand(residuals, level), rel=1e-5)
    import pyarrow.parquet as pq

    table = pq.read_table(lab.folder / "all.parquet")
    is_trained = np.isin(table["sample"].to_pylist(), TRAIN)
    values = np.where(is_trained, 99, table["log1p_tpm"].to_numpy()).astype(np.float32)
    changed = table.set_column(table.schema.get_field_index("log1p_tpm"), "log1p_tpm", [values])
    pq.write_table(changed, tmp_path / "changed.parquet")
    done = run(*calibrating(lab.folder, tmp_path / "changed.parquet"), "-o", tmp_path / "again.parquet")
    assert done.returncode == 0, done.stderr
    n_trained = int((is_trained & ~np.isnan(table["log1p_tpm"].to_numpy())).sum())
    assert f"left out: {n_trained:,} rows of predictions: donor is trained on" in done.stderr
    assert (tmp_path / "again.parquet").read_bytes() == (lab.folder / "intervals.parquet").read_bytes()
    text = b"".join(pq.read_table(tmp_path / "again.parquet").to_pandas().to_csv().encode().split())
    text += json.dumps(described(tmp_path / "again.parquet")).encode()
    assert not [donor for donor in (*TRAIN, *TEST) if donor.encode() in text]


def described(path: Path) -> dict[str, object]:
    import pyarrow.parquet as pq

    found: dict[str, object] = json.loads(pq.read_schema(path).metadata[b"variantformer"])
    return found


def test_predictions_with_intervals(lab: Lab, tmp_path: Path) -> None:
    """Of a person of each population, one whom the table does not know, and one who is unlike everybody."""
    people = pd.read_csv(lab.folder / "people.tsv", sep="\t").set_index("donor")
    european = people[people["super_population"] == "EUR"].index[30]
    african, unknown, far = people[people["super_population"] == "AFR"].index[30], TEST[4], TEST[5]
    people.loc[far, ["pc1", "pc2"]] = 20
    people.drop(unknown).reset_index().to_csv(tmp_path / "people.tsv", sep="\t", index=False)
    (tmp_path / "people.tsv.report.json").write_text(json.dumps({"components": "one"}))
    asked = [*predicting(lab.folder), "--intervals", lab.folder / "intervals.parquet"]
    samples = [part for name in (european, african, unknown, far) for part in ("--sample", name)]
    out = tmp_path / "table.csv"
    done = run(*asked, *samples, "--ancestry", tmp_path / "people.tsv", "--level", 0.8, "-o", out)
    assert done.returncode == 0, done.stderr
    found = pd.read_csv(out, keep_default_na=False).set_index(["sample", "gene_name", "tissue"])
    known = pd.read_parquet(lab.folder / "intervals.parquet").set_index(KEYS)
    for name, population, flag in (
        (european, "EUR", "False"),
        (african, "AFR", "False"),
        (unknown, "all", "NA"),
        (far, people.loc[far, "super_population"], "True"),
    ):
        row = found.loc[(name, "UP", "liver")]
        half = known.loc[("ENSG00000000001", "liver", population), "half_width_0.8"]
        assert float(row["log1p_tpm_low"]) == pytest.approx(float(row["log1p_tpm"]) - half, abs=1e-5)
        assert float(row["log1p_tpm_high"]) == pytest.approx(float(row["log1p_tpm"]) + half, abs=1e-5)
        assert (row["interval_population"], row["interval_reason"]) == (population, "NA")
        assert row["outside_calibration"] == flag
    # Nothing was measured of DOWN in the lung: nobody has a prediction.
    row = found.loc[(european, "DOWN", "lung")]
    assert (row["log1p_tpm_low"], row["interval_population"], row["interval_reason"]) == ("NA", "NA", "no_prediction")
    report = json.loads((tmp_path / "table.csv.report.json").read_text())["intervals"]
    assert report["people"] == {"outside_calibration": 1, "inside_calibration": 2, "not_known": 1}
    assert sum(report["of"].values()) + sum(report["without"].values()) == len(found)
    assert "people: 1 outside_calibration, 2 inside_calibration, 1 not_known" in done.stderr
    done = run(*asked, *samples, "-o", tmp_path / "whole.csv")
    assert done.returncode == 0, done.stderr
    whole = pd.read_csv(tmp_path / "whole.csv", keep_default_na=False)
    assert set(whole["interval_population"]) == {"all", "NA"} and set(whole["outside_calibration"]) == {"NA"}


def test_a_gene_that_was_not_calibrated_has_no_interval_and_says_so(lab: Lab, tmp_path: Path) -> None:
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    table = pq.read_table(lab.folder / "all.parquet")
    pq.write_table(table.filter(pc.equal(table["gene_name"], "UP")), tmp_path / "up.parquet")
    done = run(*calibrating(lab.folder, tmp_path / "up.parquet"), "-o", tmp_path / "up-intervals.parquet")
    assert done.returncode == 0, done.stderr
    asked = ["--sample", TEST[0], "--intervals", tmp_path / "up-intervals.parquet", "-o", tmp_path / "table.csv"]
    done = run(*predicting(lab.folder), *asked)
    assert done.returncode == 0, done.stderr
    found = pd.read_csv(tmp_path / "table.csv", keep_default_na=False).set_index(["gene_name", "tissue"])
    assert found.loc[("FAR", "liver"), "interval_reason"] == "not_calibrated"
    assert (found.loc["FAR"][["log1p_tpm_low", "log1p_tpm_high", "interval_population"]] == "NA").all(axis=None)
    assert (found.loc["UP"]["interval_reason"] == "NA").all()


BAD_CALIBRATIONS = {
    "level": (["--level", "1"], "--level is 1. It must be above 0 and below 1"),
    "few_donors": (["--level", "0.99"], "no gene and tissue has the 99 held-out donors that an interval at 0.99 takes"),
    "fewest": (["--fewest-donors", "31"], "no gene and tissue has the 31 held-out donors"),
    "no_such_column": (["--population-column", "colour"], "people.tsv: has no column colour"),
    "suffix": (["-o", "{tmp}/out.csv"], "End the name in .parquet"),
    "no_model": (["--predictions", "{tmp}/plain.csv"], "plain.csv: does not say which model made it"),
    "another_model": (["--predictions", "{tmp}/mean.parquet"], "mean.parquet: is of the model mean ("),
    "trained_alone": (["--split", "{tmp}/swapped.json", "--predictions", "{tmp}/test.parquet"], "trained on alone"),
}


@pytest.mark.parametrize("case", BAD_CALIBRATIONS)
def test_what_cannot_be_calibrated(lab: Lab, tmp_path: Path, case: str) -> None:
    asked, said = BAD_CALIBRATIONS[case]
    given = calibrating(lab.folder)
    if case == "no_model":
        pd.read_parquet(lab.folder / "all.parquet").to_csv(tmp_path / "plain.csv", index=False)
    if case == "another_model":
        done = run(*predicting(lab.folder, "mean"), "--all-samples", "-o", tmp_path / "mean.parquet")
        assert done.returncode == 0, done.stderr
    if case == "trained_alone":
        split = json.loads((lab.folder / "split.json").read_text())
        parts = {"train": "test", "test": "train"}
        split["donors"]["LAB"] = {donor: parts[part] for donor, part in split["donors"]["LAB"].items()}
        (tmp_path / "swapped.json").write_text(json.dumps(split))
        names = [part for name in TEST for part in ("--sample", name)]
        done = run(*predicting(lab.folder), *names, "-o", tmp_path / "test.parquet")
        assert done.returncode == 0, done.stderr
        given = given[:1] + given[3:5]
    output = tmp_path / "out.parquet"
    done = run(*given, "-o", output, *(each.format(tmp=tmp_path) for each in asked))
    assert done.returncode != 0
    assert said in done.stderr, done.stderr
    assert "Traceback" not in done.stderr and len(done.stderr.strip().splitlines()) == 1
    assert not output.exists()


BAD_INTERVALS = {
    "level": (["--intervals", "{lab}/intervals.parquet", "--level", "1.5"], "--level is 1.5"),
    "another_level": (
        ["--intervals", "{lab}/intervals.parquet", "--level", "0.5"],
        "has no intervals at 0.5: it has 0.8, 0.9, 0.95",
    ),
    "nothing_to_ask": (["--level", "0.9"], "--level and --ancestry are of --intervals"),
    "layout": (["--intervals", "{lab}/intervals.parquet", "--format", "wide"], "--intervals are of tidy tables"),
    "dataset": (["--intervals", "{lab}/intervals.parquet", "-o", "{tmp}/data/"], "--intervals are of tidy tables"),
    "no_calibration": (["--intervals", "{lab}/all.parquet"], "all.parquet: has no column population"),
    "no_parquet": (["--intervals", "{lab}/people.tsv"], "is not a Parquet file"),
    "plain": (["--intervals", "{tmp}/plain.parquet"], "plain.parquet: is no calibration"),
    "twice": (["--intervals", "{tmp}/twice.parquet"], "twice.parquet: ENSG00000000001, liver, AFR: is there twice"),
    "unit": (["--intervals", "{tmp}/unit.parquet"], "is of inverse_normal, and the model predicts log1p_tpm"),
    "mode": (["--intervals", "{tmp}/mode.parquet"], "is of genotypes read as other, and the predictions are as"),
    "model": (["--intervals", "{lab}/intervals.parquet"], "is of the model net ("),
    "nobody": (
        ["--intervals", "{lab}/intervals.parquet", "--ancestry", "{tmp}/others.tsv"],
        "has nobody who is predicted: it has NOBODY, and the predictions D090",
    ),
    "other_components": (
        ["--intervals", "{lab}/intervals.parquet", "--ancestry", "{tmp}/other.tsv"],
        "its principal components are two, those of",
    ),
    "fewer_components": (
        ["--intervals", "{lab}/intervals.parquet", "--ancestry", "{tmp}/fewer.tsv"],
        "has 1 principal components, and",
    ),
}


@pytest.mark.parametrize("case", BAD_INTERVALS)
def test_what_no_interval_is_made_of(lab: Lab, tmp_path: Path, case: str) -> None:
    asked, said = BAD_INTERVALS[case]
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(lab.folder / "intervals.parquet")
    metadata = described(lab.folder / "intervals.parquet")
    made: dict[str, tuple[pa.Table, dict[str, object]]] = {
        "plain": (table, {}),
        "twice": (pa.concat_tables([table, table.slice(0, 1)]), metadata),
        "unit": (table, metadata | {"unit": "inverse_normal"}),
        "mode": (table, metadata | {"mode": "other"}),
    }
    if case in made:
        of, content = made[case]
        pq.write_table(
            of.replace_schema_metadata({b"variantformer": json.dumps(content).encode()} if content else {}),
            tmp_path / f"{case}.parquet",
        )
    people = pd.read_csv(lab.folder / "people.tsv", sep="\t")
    people.head(1).assign(donor="NOBODY", pc1=0.0).to_csv(tmp_path / "others.tsv", sep="\t", index=False)
    people.to_csv(tmp_path / "other.tsv", sep="\t", index=False)
    people.drop(columns="pc2").to_csv(tmp_path / "fewer.tsv", sep="\t", index=False)
    for name, components in (("others", "one"), ("other", "two"), ("fewer", "one")):
        (tmp_path / f"{name}.tsv.report.json").write_text(json.dumps({"components": components}))
    output = tmp_path / "out.csv"
    arguments = [each.format(lab=lab.folder, tmp=tmp_path) for each in asked]
    model = "mean" if case == "model" else "net"
    done = run(*predicting(lab.folder, model), "--sample", TEST[0], "-o", output, *arguments)
    assert done.returncode != 0
    assert said in done.stderr, done.stderr
    assert "Traceback" not in done.stderr
    assert not output.exists() and not (tmp_path / "data").exists()
