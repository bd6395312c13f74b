"""Weights of one population for people of another, in two steps.

Among the people of a fit a variant may stand for neighbours that it is inherited with; among others it stands for
less. So what the fit predicts of its people is first spread over all variants that could carry it there, more on those
that the priors hold for likelier to act: the mean of effects that are normal beforehand, of the size that is believed
of each variant, given the predictions (ridge regression).

Then few variants are chosen that say the same of the people of the other population: those that move these people most,
until what is left out moves them by less than a share of the whole. A variant that is left out passes its weight on to
those that it is inherited with there.
"""

import numpy as np

# Variance of the noise that predictions are thought to have, and of what is left out, beside that of the predictions.
_NOISE = 0.3
_LEFT_OUT = 0.02
_NO_SPREAD = 1e-8


def reweighted(
    weight: np.ndarray, intercept: float, dosage: np.ndarray, panel: np.ndarray, belief: np.ndarray
) -> tuple[np.ndarray, float]:
    """Weights for the population of a panel, and the intercept with which the people of the fit keep their mean.

    Args:
        weight: (V,) of a copy of ALT each.
        intercept: of the weighted sum.
        dosage: (n, V) of the people of the fit.
        panel: (m, V) dosages of people of the other population; a variant that it lacks is 0 in all.
        belief: (V,) above 0, the standard deviation that a variant's effect is believed to have, up to a factor.
    """
    if not weight.any():
        return weight, intercept
    found = gathered(spread(weight, dosage, belief), panel)
    return found, intercept + float(dosage.mean(axis=0) @ (weight - found))


def spread(weight: np.ndarray, dosage: np.ndarray, belief: np.ndarray) -> np.ndarray:
    """(V,) weights that predict what given ones do, as far as they can be told, on all variants by belief.

    Args:
        weight, dosage, belief: as of :func:`reweighted`.
    """
    away = dosage - dosage.mean(axis=0)
    size = away.std(axis=0)
    scaled = np.divide(away, size, out=np.zeros_like(away), where=size > _NO_SPREAD)
    alike = (scaled * np.square(belief)) @ scaled.T
    noise = _NOISE * np.trace(alike) / len(alike)
    share = np.square(belief) * (scaled.T @ np.linalg.solve(alike + noise * np.eye(len(alike)), away @ weight))
    return np.divide(share, size, out=np.zeros_like(share), where=size > _NO_SPREAD)


def gathered(weight: np.ndarray, panel: np.ndarray) -> np.ndarray:
    """(V,) weights on as few variants as say the same of a panel's people, see above.

    Args:
        weight, panel: as of :func:`reweighted`.
    """
    away = panel - panel.mean(axis=0)
    size = away.std(axis=0)
    order = np.argsort(-np.abs(weight) * size, kind="stable")
    order = order[(np.abs(weight) * size)[order] > 0]
    whole = away @ weight
    left = whole[:, None] - np.cumsum(away[:, order] * weight[order], axis=1)
    enough = np.flatnonzero(left.var(axis=0) <= _LEFT_OUT * whole.var())
    kept = order[: enough[0] + 1] if len(enough) else order
    found = np.zeros_like(weight)
    if not len(kept):
        return found
    scaled = away[:, kept] / size[kept]
    alike = scaled.T @ scaled + _NOISE * len(panel) * np.eye(len(kept))
    passed = np.linalg.solve(alike, scaled.T @ (whole - away[:, kept] @ weight[kept]))
    found[kept] = weight[kept] + passed / size[kept]
    return found
