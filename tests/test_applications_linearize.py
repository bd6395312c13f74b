"""Models made linear: mosaics, fits from effects, and toys whose right answers are known by hand."""

import gzip
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from genome_files import write_vcf
from hypothesis import given, settings
from hypothesis import strategies as st
from planted_lab import TISSUES, PlantedLab, planted_lab

from variantformer_hf.applications.linearize.linear_fit import fit_from_effects
from variantformer_hf.applications.linearize.linearize import Linearized, linearize
from variantformer_hf.applications.linearize.mosaics import (
    alleles_of,
    block_of_records,
    draw_fours,
    draw_mosaics,
    pairs_share,
)
from variantformer_hf.applications.linearize.request import LinearizeRequest, checked_people, split_people
from variantformer_hf.errors import InputError


def rows(found: Linearized) -> list[dict[str, float]]:
    return found.weights[0].rows


# Mosaics.


@given(st.lists(st.integers(0, 500_000), min_size=1, max_size=60, unique=True), st.integers(1, 100_000))
def test_blocks_are_neighbours_and_ten_where_records_allow_it(places: list[int], size: int) -> None:
    position = np.sort(np.array(places))
    block = block_of_records(position, size)
    assert block[0] == 0 and set(np.diff(block)) <= {0, 1}
    assert block[-1] + 1 >= min(10, len(places))


@given(st.integers(0, 2**32 - 1))
def test_a_four_is_two_mosaics_and_the_two_that_exchanged_blocks(seed: int) -> None:
    fours = draw_fours(np.random.default_rng(seed), 3, 20, 6).reshape(3, 4, 2, 6)
    one, other, crossed, back = np.moveaxis(fours, 1, 0)
    assert ((crossed == one) | (crossed == other)).all()
    np.testing.assert_array_equal(one + other, crossed + back)


def test_mosaics_copy_their_haplotypes_and_read_missing_alleles_as_ref() -> None:
    calls = np.array([[0, 1, 2, -1], [1, 0, 0, 1]], dtype=np.int8)
    source = np.array([[[0, 1], [1, 0]]])
    found = alleles_of(calls, source, np.array([0, 0, 1, 1]))
    assert found.tolist() == [[[0, 1, 0, 1], [1, 0, 2, 0]]]
    assert draw_mosaics(np.random.default_rng(0), 5, 3, 4).max() < 3


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(-3, 3))
def test_sums_over_blocks_have_no_pairs(seed: int, constant: float) -> None:
    rng = np.random.default_rng(seed)
    fours = draw_fours(rng, 40, 8, 5)
    parts = rng.normal(size=(8, 2, 5))
    values = constant + np.take_along_axis(parts, fours, axis=0).sum(axis=(1, 2))
    assert pairs_share(values).share == pytest.approx(0, abs=1e-12)


def test_the_share_of_pairs_is_that_of_all_mosaics() -> None:
    """Two haplotypes, two blocks: the decomposition over all 16 people, and the contrast of many fours."""
    table = np.random.default_rng(1).normal(size=(2, 2, 2, 2))
    table -= table.mean()
    of_one = [table.mean(axis=tuple(axis for axis in range(4) if axis != kept)) for kept in range(4)]
    first_order = sum(part.var() for part in of_one)
    of_two = 0.0
    for one, other in ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)):
        both = table.mean(axis=tuple(axis for axis in range(4) if axis not in (one, other)))
        of_two += (both - of_one[one][:, None] - of_one[other]).var()
    of_more = table.var() - first_order - of_two
    # Triples and the four count 1.5 and 1.75 times: here by their definition, all of them enumerated.
    contrasts = []
    for one, other, kept in product(product((0, 1), repeat=4), repeat=3):
        crossed = tuple(a if keep else b for a, b, keep in zip(one, other, kept, strict=True))
        back = tuple(b if keep else a for a, b, keep in zip(one, other, kept, strict=True))
        contrasts.append(table[one] + table[other] - table[crossed] - table[back])
    expected = np.square(contrasts).mean() / 2 / table.var()
    assert of_two <= expected * table.var() <= of_two + 1.75 * of_more
    fours = draw_fours(np.random.default_rng(2), 40_000, 2, 2).reshape(-1, 4)
    found = pairs_share(table[tuple(fours.T)])
    assert found.share == pytest.approx(expected, abs=4 * found.standard_error)
    assert found.standard_error < 0.02


def test_a_few_fours_or_a_constant_have_no_share() -> None:
    assert np.isnan(pairs_share(np.arange(8.0)).share)
    assert np.isnan(pairs_share(np.ones(40)).share)


# Fits.

FOLD = np.arange(160) % 5


def made(seed: int = 0, noise: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Dosages of 260 people of 300 variants, most without weight, effects that are weights with noise, and values."""
    rng = np.random.default_rng(seed)
    dosage = rng.binomial(2, rng.uniform(0.05, 0.5, 300), (260, 300)).astype(float)
    weight = rng.normal(size=300) * (rng.random(300) < 0.3)
    effect = 1.5 * weight + noise * rng.normal(size=300)
    return dosage, weight, effect, 2 + dosage @ weight


def r2(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(one, other)[0, 1] ** 2)


@pytest.mark.parametrize("kind", ["ridge", "elastic-net"])
def test_fits_of_fewer_people_than_variants_follow_a_sum(kind: str) -> None:
    dosage, weight, effect, value = made()
    fit = fit_from_effects(dosage[:160], value[:160], effect, FOLD, kind)
    predicted = fit.intercept + dosage[160:] @ fit.weight
    assert r2(predicted, value[160:]) > 0.95
    assert predicted.mean() == pytest.approx(value[160:].mean(), abs=0.5)
    if kind == "ridge":
        np.testing.assert_allclose(fit.weight, weight, atol=1e-6)
    else:
        assert (fit.weight != 0).mean() < 0.5


def test_effects_with_errors_still_help() -> None:
    """Against scikit-learn's ridge of the same people, which knows no effects, its penalty chosen likewise."""
    from sklearn.linear_model import RidgeCV

    for seed in range(3):
        dosage, _, effect, value = made(seed, noise=0.5)
        plain = RidgeCV(alphas=np.geomspace(1e-2, 1e4, 25)).fit(dosage[:160], value[:160])
        fit = fit_from_effects(dosage[:160], value[:160], effect, FOLD)
        assert r2(dosage[160:] @ fit.weight, value[160:]) > r2(plain.predict(dosage[160:]), value[160:]) + 0.05


def test_without_effects_it_is_the_ridge_of_scikit_learn() -> None:
    from sklearn.linear_model import Ridge

    dosage, _, _, value = made()
    fit = fit_from_effects(dosage[:160], value[:160], np.zeros(300), FOLD)
    centred = dosage[:160] - dosage[:160].mean(axis=0)
    size = float(np.square(centred).sum(axis=1).mean())
    theirs = Ridge(alpha=fit.said["penalty"] * size).fit(dosage[:160], value[:160])
    np.testing.assert_allclose(fit.weight, theirs.coef_, rtol=1e-6, atol=1e-9)
    assert fit.intercept == pytest.approx(float(theirs.intercept_))


# Toys.


@pytest.fixture(scope="module")
def additive(tmp_path_factory: pytest.TempPathFactory) -> PlantedLab:
    return planted_lab(tmp_path_factory.mktemp("additive"))


REQUEST = LinearizeRequest(n_train=60, n_test=40)


@pytest.mark.parametrize("method", ["fit", "effects"])
@pytest.mark.parametrize("fit", ["ridge", "elastic-net"])
def test_a_sum_is_found_as_it_is(additive: PlantedLab, method: str, fit: str) -> None:
    request = replace(REQUEST, method=method, fit=fit)
    found = linearize(additive.scorer, additive.reference, additive.panel, request)
    of_gene = found.weights[0]
    assert of_gene.position.tolist() == additive.places.tolist()
    np.testing.assert_allclose(of_gene.effect, additive.weights, atol=1e-5)
    np.testing.assert_allclose(of_gene.mean, additive.dosage.mean(axis=0), atol=1e-6)
    for row, weights in zip(rows(found), additive.weights, strict=True):
        assert row["status"] == "fitted" and row["pred_perf_r2"] > 0.95 and row["explained"] > 0.95
        assert row["pairs_share"] < 1e-6
        if method == "effects" or fit == "ridge":
            np.testing.assert_allclose(of_gene.weight[row["output"]], weights, atol=1e-4)
        assert row["weight_sd"] == pytest.approx(float(of_gene.weight[row["output"]].std()), rel=1e-5)
    assert found.report["variants"] == {"used": 30}
    assert found.tissues == TISSUES


def test_planted_pairs_are_told_and_lower_what_is_followed(tmp_path: Path) -> None:
    """Pairs in one output alone; their share by the dosages of many people made as the mosaics are."""
    lab = planted_lab(tmp_path, {0: [(0, 15, 16.0), (7, 28, -14.0)]})
    found = linearize(lab.scorer, lab.reference, lab.panel, replace(REQUEST, n_test=240))
    with_pairs, without = rows(found)
    assert without["pred_perf_r2"] > 0.99 and without["pairs_share"] < 1e-6
    # A person's SNPs lie in blocks of three, drawn apart: between blocks all is independent.
    share = planted_share(lab, 0, [(0, 15, 16.0), (7, 28, -14.0)])
    assert 0.2 < share < 0.8
    assert with_pairs["pairs_share"] == pytest.approx(share, abs=3 * with_pairs["pairs_share_se"])
    assert with_pairs["pairs_share_se"] < 0.12
    assert with_pairs["pred_perf_r2"] < 1 - share + 0.15
    assert with_pairs["pred_perf_r2"] < without["pred_perf_r2"] - 0.1


def planted_share(lab: PlantedLab, output: int, pairs: list[tuple[int, int, float]]) -> float:
    """Share of variance of what the products add beyond a sum, of 20,000 people drawn block by block."""
    rng = np.random.default_rng(9)
    frequency = lab.dosage.mean(axis=0) / 2
    dosage = rng.binomial(2, frequency, (20_000, 30)).astype(float)
    value = dosage @ lab.weights[output]
    beyond = np.zeros(len(value))
    for one, other, strength in pairs:
        value += strength * dosage[:, one] * dosage[:, other] / 4
        beyond += strength * (dosage[:, one] - 2 * frequency[one]) * (dosage[:, other] - 2 * frequency[other]) / 4
    return float(beyond.var() / value.var())


def test_people_of_the_panel_are_predicted_as_they_are(additive: PlantedLab, tmp_path: Path) -> None:
    names = [f"P{number:02d}" for number in range(60)]
    people = split_people(names, 40, 20, seed=1)
    assert len(people.train) == 40 and sorted([*people.train, *people.test]) == names
    found = linearize(additive.scorer, additive.reference, additive.panel, replace(REQUEST, people=people))
    for row in rows(found):
        assert row["n_people"] == 40 and row["n_test"] == 20
        assert row["pred_perf_r2"] > 0.99 and row["pairs_share"] < 1e-6


# Bad input.


def changed(lab: PlantedLab, folder: Path, change: Callable[[str], str | None]) -> Path:
    """The panel with its lines changed; None = left out."""
    with gzip.open(lab.panel, "rt") as file:
        lines = [line.rstrip("\n") for line in file if not line.startswith("#")]
    kept = [new for line in lines if (new := change(line)) is not None]
    names = [f"P{number:02d}" for number in range(60)]
    return write_vcf(folder / "changed.vcf.gz", kept, contigs={"chr1": 4_000}, samples=names)


def test_a_panel_without_phase_is_refused_and_its_calls_are_counted(additive: PlantedLab, tmp_path: Path) -> None:
    panel = changed(additive, tmp_path, lambda line: line.replace("|", "/"))
    with pytest.raises(InputError, match=r"is not phased: \d+ heterozygous calls .*--method effects"):
        linearize(additive.scorer, additive.reference, panel, REQUEST)
    found = linearize(additive.scorer, additive.reference, panel, replace(REQUEST, method="effects"))
    np.testing.assert_allclose(found.weights[0].weight, additive.weights, atol=1e-5)
    assert [row["note"] for row in rows(found)] == ["no people to test on: unphased"] * 2
    assert "pred_perf_r2" not in rows(found)[0] and np.isnan(rows(found)[0]["pairs_share"])
    people = split_people([f"P{number:02d}" for number in range(60)], 40, 20, seed=1)
    found = linearize(additive.scorer, additive.reference, panel, replace(REQUEST, people=people))
    assert rows(found)[0]["pred_perf_r2"] > 0.99 and np.isnan(rows(found)[0]["pairs_share"])


def test_people_with_a_call_that_gives_no_haplotype_are_left_out(additive: PlantedLab, tmp_path: Path) -> None:
    """One person unphased, one haploid, one with a missing allele, which is read as REF."""

    def change(line: str) -> str:
        fields = line.split("\t")
        fields[9], fields[10], fields[11] = fields[9].replace("|", "/"), fields[10][0], ".|0"
        return "\t".join(fields)

    found = linearize(additive.scorer, additive.reference, changed(additive, tmp_path, change), REQUEST)
    counts = found.report["variants"]
    assert counts["unphased_calls"] > 0 and counts["calls_not_diploid"] == 30 and counts["missing_alleles"] == 30
    assert all(row["pred_perf_r2"] > 0.99 for row in rows(found))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda line: line if int(line.split("\t")[1]) < 1_100 else None, "has no variant in the genes' reach"),
        (lambda line: "\t".join([*line.split("\t")[:9], *["0|0"] * 60]), "30 not_carried"),
        (lambda line: "\t".join([*line.split("\t")[:9], *["1"] * 60]), "has 1800 calls .* not of two alleles"),
    ],
)
def test_a_panel_that_is_of_no_use_is_refused_in_one_line(
    additive: PlantedLab, tmp_path: Path, change: Callable[[str], str | None], message: str
) -> None:
    with pytest.raises(InputError, match=message) as error:
        linearize(additive.scorer, additive.reference, changed(additive, tmp_path, change), REQUEST)
    assert "\n" not in str(error.value)


def test_swapped_alleles_are_refused_or_left_out_and_counted(additive: PlantedLab, tmp_path: Path) -> None:
    """Three SNPs of the gene with REF and ALT the other way round."""
    places = {int(place) + 1 for place in additive.places[:3]}

    def change(line: str) -> str:
        fields = line.split("\t")
        if int(fields[1]) in places:
            fields[3], fields[4] = fields[4], fields[3]
        return "\t".join(fields)

    panel = changed(additive, tmp_path, change)
    with pytest.raises(InputError, match="the FASTA holds something else there"):
        linearize(additive.scorer, additive.reference, panel, REQUEST)
    found = linearize(additive.scorer, additive.reference, panel, replace(REQUEST, on_ref_mismatch="skip-record"))
    assert found.weights[0].position.tolist() == additive.places[3:].tolist()
    assert found.report["variants"] == {"ref_mismatch": 3, "used": 27}
    assert all(row["pred_perf_r2"] > 0.99 for row in rows(found))


def test_constant_predictions_are_told(tmp_path: Path) -> None:
    """One output without weights: it has no weight and no R2; both without: refused."""
    lab = planted_lab(tmp_path)
    with torch.no_grad():
        lab.scorer.model.network.weight[1] = 0.25
    found = linearize(lab.scorer, lab.reference, lab.panel, REQUEST)
    assert [row["status"] for row in rows(found)] == ["fitted", "constant_predictions"]
    assert not found.weights[0].weight[1].any() and "pred_perf_r2" not in rows(found)[1]
    assert found.weights[0].intercept[1] == pytest.approx(250, rel=1e-4)
    with pytest.raises(InputError, match="do not change the model's predictions"):
        linearize(lab.scorer, lab.reference, lab.panel, replace(REQUEST, tissues=["lung"]))


def test_people_are_named_once_and_in_one_part() -> None:
    names = [f"P{number}" for number in range(12)]
    with pytest.raises(InputError, match="2 people are fitted to and tested on: P2, P3"):
        checked_people(names[:4], [*names[2:4], *names[6:]])
    with pytest.raises(InputError, match="P0 is named twice"):
        split_people([*names, "P0"], 2, 1, 0)
    with pytest.raises(InputError, match="4 people are too few"):
        split_people(names[:4], 2, 1, 0)
    for options, message in (
        ({"method": "guess"}, "no method"),
        ({"fit": "lasso"}, "no fit"),
        ({"n_test": 3}, "--test-people is 3"),
        ({"min_maf": 0.7}, "--min-maf is 0.7"),
    ):
        with pytest.raises(InputError, match=message):
            LinearizeRequest(**options)  # type: ignore[arg-type]


def test_people_who_are_not_in_the_panel_are_named(additive: PlantedLab) -> None:
    people = checked_people([f"P{number:02d}" for number in range(8)], ["NOBODY", "P09"])
    with pytest.raises(InputError, match="NOBODY"):
        linearize(additive.scorer, additive.reference, additive.panel, replace(REQUEST, people=people))
