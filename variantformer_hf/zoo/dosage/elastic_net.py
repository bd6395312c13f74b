"""An elastic net on dosages, its penalty chosen by cross-validation, as PrediXcan's models are made."""

import warnings
from dataclasses import dataclass

import numpy as np

_MOST_ITERATIONS = 5_000
_AT_A_TIME = 5


@dataclass(frozen=True, slots=True)
class ElasticNetOptions:
    """How an elastic net is fitted.

    Attributes:
        l1_ratio: share of the lasso's penalty.
        folds: of the cross-validation.
        alphas: penalties that are tried, from the least one without a variant down to ``eps`` of it, as glmnet does
            where there are more variants than people.
        eps: see ``alphas``.
        patience: stop where so many penalties in a row were no better; None = try all.
        seed: of the folds; None = people in their order.
    """

    l1_ratio: float = 0.5
    folds: int = 10
    alphas: int = 100
    eps: float = 0.01
    patience: int | None = 10
    seed: int | None = 0


@dataclass(frozen=True, slots=True, eq=False)
class ChosenPenalty:
    """What cross-validation says of a penalty.

    Attributes:
        alpha: the penalty.
        error: mean over the folds of the mean squared error.
        out_of_fold: (n,) what each person is predicted by the folds without them.
        fold: (n,) int64, the fold that each person is left out of.
    """

    alpha: float
    error: float
    out_of_fold: np.ndarray
    fold: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class FittedElasticNet:
    """An elastic net.

    Attributes:
        coef: (V,); intercept: of the features as they were given.
        alpha: the penalty.
        out_of_fold: (n,) what each person is predicted by the folds without them, at this penalty.
        is_converged: whether the fit reached its tolerance.
    """

    coef: np.ndarray
    intercept: float
    alpha: float
    out_of_fold: np.ndarray
    is_converged: bool

    def predict(self, features: np.ndarray) -> np.ndarray:
        """(n,) of (n, V) features."""
        return np.asarray(features @ self.coef + self.intercept)


def fit_elastic_net(
    features: np.ndarray, values: np.ndarray, options: ElasticNetOptions | None = None
) -> FittedElasticNet:
    """Fit an elastic net: scikit-learn's path of penalties in every fold, and its fit at the best one.

    With ``patience=None`` it is what ``sklearn.linear_model.ElasticNetCV`` gives. Else the paths end once the error of
    the folds has not fallen for a while: most genes have no variant of use, and the small penalties of their paths take
    most of the time.

    Args:
        features: (n, V) float64, at least as many people as folds.
        values: (n,).
        options: None = the defaults.
    """
    options = options or ElasticNetOptions()
    return elastic_net_at(features, values, chosen_penalty(features, values, options), options)


def chosen_penalty(features: np.ndarray, values: np.ndarray, options: ElasticNetOptions) -> ChosenPenalty:
    """The penalty with the least error over the folds; arguments as of :func:`fit_elastic_net`."""
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():  # of the fit that counts it is said; those of the folds only choose its penalty
        warnings.simplefilter("ignore", ConvergenceWarning)
        return _chosen(features, values, options)


def elastic_net_at(
    features: np.ndarray, values: np.ndarray, chosen: ChosenPenalty, options: ElasticNetOptions
) -> FittedElasticNet:
    """The fit of everybody at a penalty that was chosen."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import ElasticNet

    model = ElasticNet(alpha=chosen.alpha, l1_ratio=options.l1_ratio, max_iter=_MOST_ITERATIONS)
    with warnings.catch_warnings():  # said by is_converged
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(features, values)
    is_converged = int(model.n_iter_) < _MOST_ITERATIONS
    return FittedElasticNet(
        np.asarray(model.coef_), float(model.intercept_), chosen.alpha, chosen.out_of_fold, is_converged
    )


def _chosen(features: np.ndarray, values: np.ndarray, options: ElasticNetOptions) -> ChosenPenalty:
    alphas = _penalties(features, values, options)
    folds = _folds(features, values, options)
    errors, predicted = np.zeros(0), []
    for first in range(0, len(alphas), _AT_A_TIME):
        part = alphas[first : first + _AT_A_TIME]
        tests = [fold.predict(part, options.l1_ratio) for fold in folds]
        squared = [
            ((test - fold.test_values[:, None]) ** 2).mean(axis=0) for test, fold in zip(tests, folds, strict=True)
        ]
        errors = np.append(errors, np.mean(squared, axis=0))
        predicted.append(tests)
        if options.patience is not None and len(errors) - 1 - int(errors.argmin()) >= options.patience:
            break
    best = int(errors.argmin())
    out_of_fold, fold_of = np.empty(len(values)), np.empty(len(values), dtype=np.int64)
    for number, fold in enumerate(folds):
        out_of_fold[fold.test] = predicted[best // _AT_A_TIME][number][:, best % _AT_A_TIME]
        fold_of[fold.test] = number
    return ChosenPenalty(float(alphas[best]), float(errors[best]), out_of_fold, fold_of)


class _Fold:
    """The path of one fold, which goes on where it was."""

    def __init__(self, features: np.ndarray, values: np.ndarray, train: np.ndarray, test: np.ndarray) -> None:
        self.test, self.test_values = test, values[test]
        self._mean, self._level = features[train].mean(axis=0), values[train].mean()
        self._train = np.asfortranarray(features[train] - self._mean)
        self._values = values[train] - self._level
        self._test = features[test] - self._mean
        self._coef: np.ndarray | None = None

    def predict(self, alphas: np.ndarray, l1_ratio: float) -> np.ndarray:
        """(test, alphas), from the fold's other people."""
        from sklearn.linear_model import enet_path

        _, coefs, _ = enet_path(
            self._train,
            self._values,
            l1_ratio=l1_ratio,
            alphas=alphas,
            coef_init=self._coef,
            max_iter=_MOST_ITERATIONS,
            check_input=False,
        )
        self._coef = np.ascontiguousarray(coefs[:, -1])
        return np.asarray(self._test @ coefs + self._level)


def _folds(features: np.ndarray, values: np.ndarray, options: ElasticNetOptions) -> list[_Fold]:
    from sklearn.model_selection import KFold

    splitter = KFold(min(options.folds, len(values)), shuffle=options.seed is not None, random_state=options.seed)
    return [_Fold(features, values, *each) for each in splitter.split(features)]


def _penalties(features: np.ndarray, values: np.ndarray, options: ElasticNetOptions) -> np.ndarray:
    """(alphas,) descending; the first is the least one at which no feature is used."""
    products = (features - features.mean(axis=0)).T @ (values - values.mean())
    largest = np.abs(products).max() / (len(values) * options.l1_ratio)
    if largest <= np.finfo(float).resolution:
        return np.full(options.alphas, np.finfo(float).resolution)
    return np.geomspace(largest, largest * options.eps, options.alphas)
