"""Cis heritability: against the likelihood written out, against made genes whose heritability is known."""

import numpy as np
import pytest

from variantformer_hf.evaluation.heritability import Heritability, cis_heritability, cis_kinship

PEOPLE = 300


def genotypes(rng: np.random.Generator, people: int = PEOPLE, variants: int = 40) -> np.ndarray:
    return rng.binomial(2, rng.uniform(0.05, 0.5, variants), (people, variants)).astype(np.int8)


def expression(rng: np.random.Generator, dosages: np.ndarray, h2: float) -> np.ndarray:
    """Every variant has an effect; the two parts have the variances that h2 says, on average."""
    standard = (dosages - dosages.mean(axis=0)) / dosages.std(axis=0)
    genetic = standard @ rng.standard_normal(dosages.shape[1]) / np.sqrt(dosages.shape[1])
    return np.asarray(np.sqrt(h2) * genetic + np.sqrt(1 - h2) * rng.standard_normal(len(dosages)))


def restricted_likelihood(h2: float, kinship: np.ndarray, y: np.ndarray, x: np.ndarray) -> float:
    """log L of h2 by whole matrices, the total variance at its best; K's trace beside x is its degrees of freedom."""
    rest = np.eye(len(y)) - x @ np.linalg.solve(x.T @ x, x.T)
    freedom = len(y) - x.shape[1]
    scaled = kinship * freedom / np.trace(rest @ kinship @ rest)
    v = h2 * scaled + (1 - h2) * np.eye(len(y))
    inverse = np.linalg.inv(v)
    of_x = x.T @ inverse @ x
    p = inverse - inverse @ x @ np.linalg.solve(of_x, x.T @ inverse)
    total = y @ p @ y / freedom
    return -0.5 * (freedom * np.log(total) + np.linalg.slogdet(v)[1] + np.linalg.slogdet(of_x)[1])


@pytest.mark.parametrize("h2", [0.0, 0.3, 0.9])
def test_reml_is_the_highest_point_of_its_likelihood(h2: float) -> None:
    rng = np.random.default_rng(int(10 * h2))
    dosages = genotypes(rng, 120)
    covariates = rng.standard_normal((120, 2))
    y = expression(rng, dosages, h2) + covariates @ [3.0, -1.0] + 7
    kinship, _ = cis_kinship(dosages)
    found = cis_heritability(kinship, y, covariates)
    x = np.column_stack([np.ones(120), covariates])
    near = np.clip(found.reml + np.linspace(-0.02, 0.02, 41), 0, 0.999)
    for grid in (np.linspace(0, 0.999, 101), near):
        likelihoods = [restricted_likelihood(each, kinship, y, x) for each in grid]
        assert found.reml == pytest.approx(grid[int(np.argmax(likelihoods))], abs=grid[1] - grid[0] + 1e-6)


@pytest.mark.parametrize("h2", [0.2, 0.5, 0.0])
def test_the_mean_of_60_genes_is_the_true_heritability(h2: float) -> None:
    rng = np.random.default_rng(5)
    found: list[Heritability] = []
    for _ in range(60):
        dosages = genotypes(rng)
        found.append(cis_heritability(cis_kinship(dosages)[0], expression(rng, dosages, h2)))
    for name in ("reml", "he"):
        estimates = np.array([getattr(each, name) for each in found])
        errors = np.array([getattr(each, f"{name}_se") for each in found])
        assert estimates.mean() == pytest.approx(h2, abs=0.05)
        if h2:
            assert errors.mean() == pytest.approx(estimates.std(), rel=0.4)
    assert (np.array([each.reml_p for each in found]) < 0.05).mean() == pytest.approx(1.0 if h2 else 0.05, abs=0.1)


def test_haseman_elston_is_the_regression_of_products_on_kinship() -> None:
    """Over all pairs of people, each with itself too, of numbers without the mean."""
    rng = np.random.default_rng(6)
    dosages = genotypes(rng, 100)
    y = expression(rng, dosages, 0.4)
    kinship, _ = cis_kinship(dosages)
    rest = np.eye(100) - 1 / 100
    k, left = rest @ kinship @ rest, rest @ y
    k *= 99 / np.trace(k)
    design = np.stack([k.ravel(), rest.ravel()], axis=1)
    genetic, other = np.linalg.lstsq(design, np.outer(left, left).ravel(), rcond=None)[0]
    assert cis_heritability(kinship, y).he == pytest.approx(genetic / (genetic + other), rel=1e-6)


def test_neither_changes_with_the_scale_of_what_is_given() -> None:
    rng = np.random.default_rng(7)
    dosages = genotypes(rng, 100)
    y, covariates = expression(rng, dosages, 0.5), rng.standard_normal((100, 1))
    kinship, _ = cis_kinship(dosages)
    one, other = cis_heritability(kinship, y, covariates), cis_heritability(9 * kinship, 1e4 - 50 * y, covariates * 1e6)
    for name in ("reml", "reml_se", "reml_p", "he", "he_se"):
        assert getattr(one, name) == pytest.approx(getattr(other, name), rel=1e-4)


def test_kinship_is_the_mean_product_of_standardised_dosages() -> None:
    """By hand: one variant of two people, apart by 2; a missing call is the mean; what does not vary is not used."""
    dosages = np.array([[0, 1, 2, 0], [2, 1, 2, 0], [-1, 1, 2, 0]], dtype=np.int8)
    kinship, n_variants = cis_kinship(dosages)
    assert n_variants == 1
    np.testing.assert_allclose(kinship, [[1.5, -1.5, 0], [-1.5, 1.5, 0], [0, 0, 0]], rtol=1e-6)
    rng = np.random.default_rng(8)
    many = genotypes(rng, 50)
    standard = (many - many.mean(axis=0)) / many.std(axis=0)
    np.testing.assert_allclose(cis_kinship(many, 0)[0], standard @ standard.T / 40, atol=1e-5)
    rare = many.copy()
    rare[:, 0] = 0
    rare[0, 0] = 1
    assert cis_kinship(rare)[1] == cis_kinship(rare, 0)[1] == 40
    assert cis_kinship(rare, 0.02)[1] == 39


def test_what_cannot_be_estimated_says_why() -> None:
    rng = np.random.default_rng(9)
    y, alike = rng.standard_normal(20), np.ones((20, 5), dtype=np.int8)
    kinship, n_variants = cis_kinship(alike)
    assert (n_variants, kinship.any()) == (0, False)
    for given in (kinship, np.eye(20), np.ones((20, 20))):
        found = cis_heritability(given, y)
        assert found.status == "no_variance_of_kinship"
        assert np.isnan([found.reml, found.reml_se, found.reml_p, found.he, found.he_se]).all()
    kinship, _ = cis_kinship(genotypes(rng, 20))
    assert cis_heritability(kinship, np.full(20, 0.1)).status == "no_variance_of_expression"
    assert cis_heritability(kinship, y, y[:, None]).status == "no_variance_of_expression"
    assert cis_heritability(kinship, y, rng.standard_normal((20, 18))).status == "few_donors"
    assert cis_heritability(kinship, y, np.ones((20, 3))).status == "ok"
