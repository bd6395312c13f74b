"""A linear model of dosages fitted to a network's predictions, started from the effects of variants by themselves."""

from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np

Fit = Literal["ridge", "elastic-net"]
FITS: tuple[str, ...] = get_args(Fit)
FOLDS = 5
_PENALTIES = np.geomspace(1e-6, 1e3, 28)
# Share of a variant's prior variance that does not depend on its effect; the rest is as the effect squared.
_EQUAL_SHARES = (1.0, 0.1, 0.01)
_SPARSE_SHARE, _L1_RATIO, _ALPHAS, _MOST_ITERATIONS = 0.01, 0.5, 50, 5_000


@dataclass(frozen=True, slots=True, eq=False)
class LinearFit:
    """A fitted gene and output.

    Attributes:
        weight: (V,) of a copy of ALT.
        intercept: without any ALT.
        said: ``penalty``, ``equal_share`` and ``effects_scale`` (see :func:`ridge_from_effects`).
    """

    weight: np.ndarray
    intercept: float
    said: dict[str, float] = field(default_factory=dict)


def fit_from_effects(
    dosage: np.ndarray, value: np.ndarray, effect: np.ndarray, fold: np.ndarray, kind: Fit = "ridge"
) -> LinearFit:
    """Fit weights to predictions, see :func:`ridge_from_effects` and :func:`elastic_net_by_effects`.

    Args:
        dosage: (n, V) copies of ALT.
        value: (n,) predictions, not all the same.
        effect: (V,) of a copy of ALT by itself; 0 where it is not known.
        fold: (n,) in which fold of the cross-validation each is.
        kind: which.
    """
    fit = {"ridge": ridge_from_effects, "elastic-net": elastic_net_by_effects}[kind]
    return fit(dosage.astype(float), value.astype(float), effect.astype(float), fold)


def ridge_from_effects(dosage: np.ndarray, value: np.ndarray, effect: np.ndarray, fold: np.ndarray) -> LinearFit:
    """A ridge regression whose weights are shrunk towards ``effects_scale`` x effect.

    The scale is fitted beside the weights and not shrunk. How far a weight may go from its effect is, a priori,
    ``equal_share`` for all alike and else as the effect itself. This, the penalty, and whether effects are started from
    at all are chosen by cross-validation.
    """
    mean = dosage.mean(axis=0)
    centred = dosage - mean
    best, chosen = np.inf, (0.0, 1.0, False)
    kernels = {share: _kernel(centred, _prior_variance(effect, share)) for share in _shares(effect)}
    sum_of_effects = centred @ effect
    spread = float(sum_of_effects.std())
    starts = (True, False) if spread > 1e-12 else (False,)
    sum_of_effects /= spread if len(starts) > 1 else 1.0
    for share, kernel in kernels.items():
        for start in starts:
            errors = _cross_validated(kernel, _fixed(sum_of_effects, start=start), value, fold)
            if errors.min() < best * (1 - 1e-9):
                best, chosen = float(errors.min()), (float(_PENALTIES[errors.argmin()]), share, start)
    penalty, share, start = chosen
    solved = _Solved(kernels[share], _fixed(sum_of_effects, start=start), value)
    fixed, dual = solved.at(np.array([penalty]))
    scale = float(fixed[1, 0]) / spread if start else 0.0
    variance = _prior_variance(effect, share)
    weight = scale * effect + variance / _size(centred, variance) * (centred.T @ dual[:, 0])
    said = {"penalty": penalty, "equal_share": share, "effects_scale": scale}
    return LinearFit(weight, float(fixed[0, 0] - mean @ weight), said)


def elastic_net_by_effects(dosage: np.ndarray, value: np.ndarray, effect: np.ndarray, fold: np.ndarray) -> LinearFit:
    """An elastic net from 0, so that most weights are 0; the larger an effect, the smaller the penalty of its variant.

    Columns are scaled by the square root of the prior variance of :func:`ridge_from_effects`, with an
    ``equal_share`` of 0.01; the penalty is chosen by cross-validation.
    """
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import ElasticNetCV
    from sklearn.model_selection import PredefinedSplit

    share = _SPARSE_SHARE if len(_shares(effect)) > 1 else 1.0
    scale = np.sqrt(_prior_variance(effect, share))
    features = (dosage - dosage.mean(axis=0)) * scale
    folds = PredefinedSplit(fold)
    model = ElasticNetCV(l1_ratio=_L1_RATIO, alphas=_ALPHAS, eps=1e-4, cv=folds, max_iter=_MOST_ITERATIONS)
    with warnings.catch_warnings():  # of the smallest penalties, whose errors only choose another one
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(features, value)
    weight = np.asarray(model.coef_) * scale
    said = {"penalty": float(model.alpha_), "equal_share": share, "effects_scale": 0.0}
    return LinearFit(weight, float(model.intercept_ - dosage.mean(axis=0) @ weight), said)


def _shares(effect: np.ndarray) -> tuple[float, ...]:
    return _EQUAL_SHARES if effect.any() else (1.0,)


def _prior_variance(effect: np.ndarray, equal_share: float) -> np.ndarray:
    """(V,) how far weights may go from their effects, in any unit."""
    square = np.square(effect)
    size = square.mean() if square.any() else 1.0
    return np.asarray(equal_share + (1 - equal_share) * square / size)


def _size(centred: np.ndarray, variance: np.ndarray) -> float:
    """Mean of the diagonal of X diag(variance) X'."""
    return max(float((np.square(centred) @ variance).mean()), np.finfo(float).tiny)


def _kernel(centred: np.ndarray, variance: np.ndarray) -> np.ndarray:
    return np.asarray((centred * variance) @ centred.T / _size(centred, variance))


def _fixed(sum_of_effects: np.ndarray, *, start: bool) -> np.ndarray:
    ones = np.ones(len(sum_of_effects))
    return np.stack([ones, sum_of_effects] if start else [ones], axis=1)


class _Solved:
    """Ridge regressions on a kernel (n, n), with fixed (n, k) columns that are not shrunk."""

    def __init__(self, kernel: np.ndarray, fixed: np.ndarray, value: np.ndarray) -> None:
        self._roots, self._vectors = np.linalg.eigh(kernel)
        self._fixed, self._value = self._vectors.T @ fixed, self._vectors.T @ value

    def at(self, penalties: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Coefficients of the fixed columns, (k, penalties), and of the kernel's, (n, penalties)."""
        share = 1 / (np.maximum(self._roots, 0)[:, None] + penalties)
        normal = np.einsum("nk,np,nl->pkl", self._fixed, share, self._fixed)
        right = np.einsum("nk,np,n->pk", self._fixed, share, self._value)
        fixed = np.linalg.solve(normal, right[:, :, None])[:, :, 0].T
        return fixed, self._vectors @ (share * (self._value[:, None] - self._fixed @ fixed))


def _cross_validated(kernel: np.ndarray, fixed: np.ndarray, value: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """(penalties,) mean squared error of people of folds that were not fitted to."""
    squared = np.zeros(len(_PENALTIES))
    for number in np.unique(fold).tolist():
        train, test = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        solved = _Solved(kernel[np.ix_(train, train)], fixed[train], value[train])
        coefficients, dual = solved.at(_PENALTIES)
        predicted = fixed[test] @ coefficients + kernel[np.ix_(test, train)] @ dual
        squared += np.square(predicted - value[test][:, None]).sum(axis=0)
    return squared / len(value)
