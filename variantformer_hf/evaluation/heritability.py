"""How much of a gene's expression variants nearby explain: cis heritability, by Haseman-Elston and by REML.

y = X b + g + e, g ~ N(0, s_g^2 K), e ~ N(0, s_e^2 I), h2 = s_g^2 / (s_g^2 + s_e^2), where K, the cis kinship, has a
mean of 1 in its diagonal beside X. A predictor from these variants cannot be expected to have an r over people above
sqrt(h2).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

# K's eigenvalues after the covariates; with less spread than this they tell nothing of h2.
_LEAST_SPREAD = 1e-6
# Of the whole of K: eigenvalues of 0, of people alike, would make the likelihood infinite at 1.
_MOST_H2 = 1 - 1e-6
_GRID = np.linspace(0, _MOST_H2, 41)


@dataclass(frozen=True, slots=True)
class Heritability:
    """Estimates of one gene in one tissue; NaN where ``status`` is not ``ok``.

    Attributes:
        reml, reml_se: h2 by restricted maximum likelihood, from 0 to 1, and its standard error.
        reml_p: of h2 > 0, one-sided, by the likelihood ratio.
        he, he_se: h2 by Haseman-Elston regression, which may lie outside of 0 to 1, and its standard error.
        status: ``ok``; ``no_variance_of_kinship``: no variant differs among the people, or all are equally akin;
            ``no_variance_of_expression``: beside the covariates; ``few_donors``: not two more than covariates.
    """

    reml: float = np.nan
    reml_se: float = np.nan
    reml_p: float = np.nan
    he: float = np.nan
    he_se: float = np.nan
    status: str = "ok"


def cis_kinship(dosages: np.ndarray, least_frequency: float = 0.01) -> tuple[np.ndarray, int]:
    """Kinship of people by a region's variants: the mean over variants of the products of standardised dosages.

    Args:
        dosages: (people, variants) copies of ALT, -1 = missing; these take the variant's mean.
        least_frequency: of the rarer allele among the people; rarer variants are not used.

    Returns:
        (people, people) float64, 0 without variants; and how many variants were used.
    """
    known = dosages >= 0
    n_known = np.maximum(known.sum(axis=0, dtype=np.int64), 1)
    mean = np.where(known, dosages, 0).sum(axis=0, dtype=np.int64) / n_known
    used = (np.minimum(mean, 2 - mean) / 2 >= least_frequency) & (mean > 0) & (mean < 2)
    centred = np.where(known[:, used], dosages[:, used] - mean[used].astype(np.float32), np.float32(0))
    spread = np.sqrt((centred**2).mean(axis=0))
    standardised = centred[:, spread > 0] / spread[spread > 0]
    n_variants = standardised.shape[1]
    return (standardised @ standardised.T / np.float32(max(n_variants, 1))).astype(np.float64), n_variants


def cis_heritability(kinship: np.ndarray, expression: np.ndarray, covariates: np.ndarray | None = None) -> Heritability:
    """Both estimates for one gene in one tissue.

    Args:
        kinship: (people, people), of :func:`cis_kinship`.
        expression: (people,), no NaN.
        covariates: (people, c) such as principal components, no NaN; an intercept is always added.
    """
    people = len(expression)
    fixed = _basis(np.ones((people, 1)) if covariates is None else np.column_stack([np.ones(people), covariates]))
    rest = people - fixed.shape[1]
    if rest < 2:
        return Heritability(status="few_donors")
    left = expression - fixed @ (fixed.T @ expression)
    if not left @ left > _LEAST_SPREAD**2 * (expression @ expression):
        return Heritability(status="no_variance_of_expression")
    on_fixed = kinship @ fixed
    part = on_fixed - fixed @ (fixed.T @ on_fixed) / 2
    beside = kinship - part @ fixed.T - fixed @ part.T
    mean = beside.trace() / rest
    if not mean > 0:
        return Heritability(status="no_variance_of_kinship")
    # The fixed effects' own dimensions come last.
    values, vectors = np.linalg.eigh(beside + (1 + 2 * beside.trace()) * (fixed @ fixed.T))
    values = np.maximum(values[:rest], 0) / mean
    if values.std() <= _LEAST_SPREAD:
        return Heritability(status="no_variance_of_kinship")
    # Independent numbers of variance s^2 (1 + h2 (value - 1)), of values with mean 1.
    squares = (vectors[:, :rest].T @ left) ** 2
    return _estimates(squares / squares.mean(), values)


def _basis(fixed: np.ndarray) -> np.ndarray:
    """(people, rank) orthonormal, of the fixed effects."""
    vectors, sizes, _ = np.linalg.svd(fixed / np.linalg.norm(fixed, axis=0).clip(1e-300), full_matrices=False)
    return vectors[:, sizes > 1e-10 * sizes[0]]


def _estimates(squares: np.ndarray, values: np.ndarray) -> Heritability:
    from scipy import optimize, stats

    likelihoods = _likelihood(_GRID, squares, values)
    best = int(np.argmax(likelihoods))
    around = _GRID[max(best - 1, 0)], _GRID[min(best + 1, len(_GRID) - 1)]
    found = optimize.minimize_scalar(
        lambda h2: -_likelihood(np.array([h2]), squares, values)[0],
        bounds=around,
        method="bounded",
        options={"xatol": 1e-9},
    )
    reml, highest = max((float(_GRID[best]), likelihoods[best]), (float(found.x), -found.fun), key=lambda each: each[1])
    variance = _variances(reml, values) * (squares / _variances(reml, values)).mean()
    gained = 2 * max(highest - likelihoods[0], 0)

    # Squares regressed on values: the products of all pairs of people on their kinship.
    weights = (values - 1) / ((values - 1) ** 2).sum()
    he = float(weights @ squares)
    of_he = np.maximum((1 - he) + he * values, 0)
    whole = np.full_like(weights, 1 / len(weights))
    spread = [
        2 * float((one * other) @ of_he**2) for one, other in ((weights, weights), (weights, whole), (whole, whole))
    ]
    return Heritability(
        reml,
        _reml_error(reml, variance, values),
        float(stats.chi2.sf(gained, 1) / 2) if gained > 0 else 1.0,
        he,
        float(np.sqrt(max(spread[0] - 2 * he * spread[1] + he**2 * spread[2], 0))),
    )


def _variances(h2: float | np.ndarray, values: np.ndarray) -> np.ndarray:
    return np.asarray(1 + h2 * (values - 1))


def _likelihood(h2: np.ndarray, squares: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Restricted log likelihood, but for a constant, at each h2, the total variance at its best."""
    variances = _variances(h2[:, None], values)
    return np.asarray(-(len(values) * np.log((squares / variances).mean(axis=1)) + np.log(variances).sum(axis=1)) / 2)


def _reml_error(h2: float, variance: np.ndarray, values: np.ndarray) -> float:
    """Standard error of h2 by the expected information of both variances."""
    inverse = 1 / variance**2
    information = np.array([[values**2 @ inverse, values @ inverse], [values @ inverse, inverse.sum()]]) / 2
    slope = np.array([1 - h2, -h2]) / variance.mean()
    return float(np.sqrt(max(slope @ np.linalg.pinv(information) @ slope, 0)))


def heritability_rows(
    dosages: np.ndarray,
    expression: np.ndarray,
    person: np.ndarray,
    groups: Iterable[tuple[str, str, np.ndarray]],
    covariates: np.ndarray,
    *,
    least_frequency: float = 0.01,
    fewest_donors: int = 30,
) -> Iterator[dict[str, Any]]:
    """Estimates of one gene in each cohort and tissue; the kinship of all its people is computed once.

    Args:
        dosages: (people, variants) copies of ALT near the gene, -1 = missing.
        expression: (samples,), NaN where nothing was measured.
        person: (samples,) row of ``dosages``.
        groups: cohort, tissue and places of its samples, one a person.
        covariates: (samples, c).
        least_frequency: see :func:`cis_kinship`.
        fewest_donors: groups with fewer have the status ``few_donors``.

    Yields:
        cohort, tissue, n, n_variants, h2, h2_se, p, h2_he, h2_he_se, ceiling (sqrt(h2)), status.
    """
    kinship, n_variants = cis_kinship(dosages, least_frequency)
    for cohort, tissue, of_group in groups:
        places = of_group[~np.isnan(expression[of_group])]
        of = person[places]
        if not n_variants:
            found = Heritability(status="no_variants")
        elif len(places) < fewest_donors:
            found = Heritability(status="few_donors")
        else:
            found = cis_heritability(kinship[np.ix_(of, of)], expression[places].astype(np.float64), covariates[places])
        yield {
            "cohort": cohort,
            "tissue": tissue,
            "n": len(places),
            "n_variants": n_variants,
            "h2": found.reml,
            "h2_se": found.reml_se,
            "p": found.reml_p,
            "h2_he": found.he,
            "h2_he_se": found.he_se,
            "ceiling": np.sqrt(found.reml),
            "status": found.status,
        }
