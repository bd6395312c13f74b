"""An elastic net that starts from a prior: where variants are thought to act it pays less, and what the prior itself
predicts of a person is added, both as far as cross-validation finds them of use.

The penalty of a variant falls by its score as in the adaptive lasso (Zou 2006): its column is scaled by 1 + s x score,
so that the lasso's penalty of its weight is divided by as much, and the ridge's by its square. Predictions are stacked
(Breiman 1996): weights of 0 and more, fitted to what the folds predict of people whom they left out.
"""

from dataclasses import dataclass
from itertools import chain, combinations

import numpy as np

from .elastic_net import ChosenPenalty, ElasticNetOptions, chosen_penalty, elastic_net_at

# Below this a column says nothing of anybody.
_NO_SPREAD = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class PriorKnowledge:
    """What priors say of the variants and the people of one fit.

    Attributes:
        score: (K, V) of K priors, from 0 (nothing speaks for the variant) to 1.
        predicted: (n, M) what priors predict of the people, of M columns.
        group: (M,) int, columns of one number are stacked together or not at all.
    """

    score: np.ndarray
    predicted: np.ndarray
    group: np.ndarray

    def of_people(self, which: np.ndarray) -> "PriorKnowledge":
        """The same of some of the people."""
        return PriorKnowledge(self.score, self.predicted[which], self.group)


@dataclass(frozen=True, slots=True, eq=False)
class PriorFit:
    """A fit that started from a prior: values are intercept + features @ coef + predicted @ stacked.

    Attributes:
        coef: (V,) of the features as they were given.
        stacked: (M,) weight of each prediction, 0 or more.
        intercept: of the sum.
        net_weight: what the elastic net's own weights were multiplied with; 1 where nothing is stacked.
        strength: s; 0 = the penalty is the same for all variants.
        prior: whose score it was, from 0; K = the mean of all; -1 where s is 0.
        belief: (V,) 1 + s x score.
        alpha: the penalty.
        is_converged: whether the net reached its tolerance.
    """

    coef: np.ndarray
    stacked: np.ndarray
    intercept: float
    net_weight: float
    strength: float
    prior: int
    belief: np.ndarray
    alpha: float
    is_converged: bool

    def predict(self, features: np.ndarray, predicted: np.ndarray) -> np.ndarray:
        """(n,) of (n, V) features and (n, M) predictions of the priors."""
        return np.asarray(features @ self.coef + predicted @ self.stacked + self.intercept)


@dataclass(frozen=True, slots=True, eq=False)
class _Candidate:
    strength: float
    prior: int
    belief: np.ndarray


def fit_from_prior(
    features: np.ndarray,
    values: np.ndarray,
    knowledge: PriorKnowledge,
    strengths: tuple[float, ...],
    options: ElasticNetOptions,
) -> tuple[PriorFit, PriorFit]:
    """Fit an elastic net with priors, and without.

    The plain net is one of those that are tried, and stays where none has a smaller error over the folds; then, and
    where no prediction of a prior makes the error smaller, the first fit is the second.

    Args:
        features: (n, V) float64, standardised, at least as many people as folds.
        values: (n,).
        knowledge: of the same variants and people.
        strengths: values of s that are tried beside 0.
        options: of the nets.

    Returns:
        The fit, and the plain elastic net, which is ``fit_elastic_net``'s.
    """
    none = _Candidate(0.0, -1, np.ones(features.shape[1]))
    tried = [
        (each, chosen_penalty(features * each.belief, values, options)) for each in _candidates(knowledge, strengths)
    ]
    plain = chosen_penalty(features, values, options)
    best, chosen = min([(none, plain), *tried], key=lambda pair: pair[1].error)
    columns, net_weight, weights = _stack(values, chosen, knowledge)
    of_plain = _fitted(features, values, none, plain, options, knowledge)
    if best is none and not len(columns):
        return of_plain, of_plain
    found = _fitted(features, values, best, chosen, options, knowledge)
    if not len(columns):
        return found, of_plain
    stacked = np.zeros(knowledge.predicted.shape[1])
    stacked[columns] = weights
    coef = net_weight * found.coef
    intercept = float(values.mean() - features.mean(axis=0) @ coef - knowledge.predicted.mean(axis=0) @ stacked)
    return (
        PriorFit(
            coef,
            stacked,
            intercept,
            net_weight,
            found.strength,
            found.prior,
            found.belief,
            found.alpha,
            found.is_converged,
        ),
        of_plain,
    )


def _candidates(knowledge: PriorKnowledge, strengths: tuple[float, ...]) -> list[_Candidate]:
    """Each prior's score, and of several their mean, at each strength; a score that tells no variants apart is none."""
    scores = list(knowledge.score) if knowledge.score.shape[1] else []
    if len(scores) > 1:
        scores.append(knowledge.score.mean(axis=0))
    return [
        _Candidate(strength, number, 1 + strength * score)
        for number, score in enumerate(scores)
        if score.std() > _NO_SPREAD
        for strength in strengths
    ]


def _fitted(
    features: np.ndarray,
    values: np.ndarray,
    which: _Candidate,
    chosen: ChosenPenalty,
    options: ElasticNetOptions,
    knowledge: PriorKnowledge,
) -> PriorFit:
    """Everybody's net at a penalty, nothing stacked."""
    net = elastic_net_at(features * which.belief, values, chosen, options)
    nothing = np.zeros(knowledge.predicted.shape[1])
    return PriorFit(
        net.coef * which.belief,
        nothing,
        net.intercept,
        1.0,
        which.strength,
        which.prior,
        which.belief,
        net.alpha,
        net.is_converged,
    )


def _stack(
    values: np.ndarray, chosen: ChosenPenalty, knowledge: PriorKnowledge
) -> tuple[np.ndarray, float, np.ndarray]:
    """Which predictions are added to the net, what the net is multiplied with, and their weights.

    Each choice of groups is fitted to the people of all folds but one and held to that one; without one that is better
    there than the net alone nothing is added.
    """
    others = _mean_of_others(values, chosen.fold)
    target, net = values - others, chosen.out_of_fold - others
    predicted = knowledge.predicted - _mean_of_others(knowledge.predicted, chosen.fold)
    varies = knowledge.predicted.std(axis=0) > _NO_SPREAD
    groups = np.unique(knowledge.group[varies]).tolist()
    best: tuple[float, np.ndarray] = (float(np.square(target - net).sum()), np.zeros(0, dtype=np.int64))
    for some in chain.from_iterable(combinations(groups, size) for size in range(1, len(groups) + 1)):
        columns = np.flatnonzero(varies & np.isin(knowledge.group, some))
        parts = np.column_stack([net, predicted[:, columns]])
        away = 0.0
        for fold in range(int(chosen.fold.max()) + 1):
            here = chosen.fold == fold
            away += float(np.square(target[here] - parts[here] @ _not_negative(parts[~here], target[~here])).sum())
        if away < best[0]:
            best = away, columns
    columns = best[1]
    found = _not_negative(np.column_stack([net, predicted[:, columns]]), target)
    kept = found[1:] > 0
    if not kept.any():
        return np.zeros(0, dtype=np.int64), 1.0, np.zeros(0)
    return columns[kept], float(found[0]), found[1:][kept]


def _mean_of_others(numbers: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """Of each person the mean of the people of the other folds: what a fold's fit says without any variant."""
    return np.array([numbers[fold != each].mean(axis=0) for each in range(int(fold.max()) + 1)])[fold]


def _not_negative(parts: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Weights of 0 and more with the least squares; columns may be of any scale, and one without spread has 0."""
    from scipy.optimize import nnls

    scale = np.sqrt(np.square(parts).sum(axis=0))
    there = scale > _NO_SPREAD
    found = np.zeros(parts.shape[1])
    if there.any():
        found[there] = nnls(parts[:, there] / scale[there], target)[0] / scale[there]
    return found


def nested_predictions(
    features: np.ndarray,
    values: np.ndarray,
    knowledge: PriorKnowledge,
    strengths: tuple[float, ...],
    options: ElasticNetOptions,
    folds: int,
) -> tuple[np.ndarray, np.ndarray]:
    """What people are predicted by fits for which nothing was fitted, or chosen, by them.

    Args:
        features: (n, V), as they are; each fit standardises its own people's.
        values, knowledge, strengths, options: as of :func:`fit_from_prior`.
        folds: outer ones; in each all of :func:`fit_from_prior` is done with the other people.

    Returns:
        (n,) with the priors and (n,) of the plain elastic net.
    """
    from sklearn.model_selection import KFold

    found, of_plain = np.empty(len(values)), np.empty(len(values))
    for train, test in KFold(folds, shuffle=True, random_state=options.seed).split(features):
        scale = features[train].std(axis=0)
        varies = np.flatnonzero(scale > 1e-8)
        centre, scale = features[train][:, varies].mean(axis=0), scale[varies]
        own = PriorKnowledge(knowledge.score[:, varies], knowledge.predicted[train], knowledge.group)
        fits = fit_from_prior((features[train][:, varies] - centre) / scale, values[train], own, strengths, options)
        for each, fit in zip((found, of_plain), fits, strict=True):
            each[test] = fit.predict((features[test][:, varies] - centre) / scale, knowledge.predicted[test])
    return found, of_plain
