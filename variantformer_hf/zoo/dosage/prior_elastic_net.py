"""An elastic net that starts from a prior, as far as cross-validation finds the prior of use.

Several nets are fitted. In one the penalty of a variant falls by its score as in the adaptive lasso (Zou 2006): its
column is scaled by 1 + s x score, so that the lasso's penalty of its weight is divided by as much, and the ridge's by
its square. Others do so too, and are fitted to what is left of the values beyond what the prior predicts of a person:
beyond the prediction itself, and beyond a multiple of it, for priors on another scale. The prediction and its multiple
also stand without a net beyond them. All of them, the plain net among them, are averaged by their errors over the folds
(as Yao et al. 2018 average by predictive densities), unless half of the average or more would be the plain net's: then
it stands alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np

from .elastic_net import ChosenPenalty, ElasticNetOptions, chosen_penalty, elastic_net_at

# Below this a column says nothing of anybody.
_NO_SPREAD = 1e-12
# What a difference of errors counts, as a share of what a likelihood would say: all nets are judged by the same people.
_CAUTION = 0.25
# A net with a smaller share of the average is left out.
_LEAST = 1e-3
# With a share not smaller than this the plain net stands alone.
_MAJORITY = 0.5
PLAIN = -1


@dataclass(frozen=True, slots=True, eq=False)
class PriorKnowledge:
    """What priors say of the variants and the people of one fit.

    Attributes:
        score: (K, V), from 0 (nothing speaks for the variant) to 1: of M priors, then of what else speaks for variants.
        predicted: (n, M) what the priors predict of the people.
    """

    score: np.ndarray
    predicted: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class PriorFit:
    """A fit that started from a prior: values are intercept + features @ coef + predicted @ stacked.

    Attributes:
        coef: (V,) of the features as they were given.
        stacked: (M,) weight of each prior's prediction, 0 or more.
        intercept: of the sum.
        share: (K + 1,) of the average, 0 to 1, that starts from each score, and from the mean of all of several; the
            rest is the plain net's.
        strength: mean s of the average.
        belief: (V,) mean 1 + s x score of the average.
        alpha: the penalty of the net with the largest share.
        is_converged: whether all nets reached their tolerance.
    """

    coef: np.ndarray
    stacked: np.ndarray
    intercept: float
    share: np.ndarray
    strength: float
    belief: np.ndarray
    alpha: float
    is_converged: bool

    def predict(self, features: np.ndarray, predicted: np.ndarray) -> np.ndarray:
        """(n,) of (n, V) features and (n, M) predictions of the priors."""
        return np.asarray(features @ self.coef + predicted @ self.stacked + self.intercept)


@dataclass(frozen=True, slots=True, eq=False)
class _Start:
    """From what a net starts: whose score, how strong, and (M,) weights of the predictions that it is fitted beyond;
    ``is_scaled`` where these weights are the people's own, ``is_alone`` where no variant has a weight beyond them."""

    prior: int
    strength: float
    belief: np.ndarray
    offset: np.ndarray
    is_scaled: bool = False
    is_alone: bool = False

    def columns(self, features: np.ndarray) -> np.ndarray:
        """(n, V) that the net is fitted to; where no variant has a weight one column of nothing is enough."""
        return np.zeros((len(features), 1)) if self.is_alone else features * self.belief

    def weight(self, coef: np.ndarray) -> np.ndarray:
        """(V,) of the features, of the net's on its columns."""
        return np.zeros_like(self.belief) if self.is_alone else coef * self.belief


@dataclass(frozen=True, slots=True, eq=False)
class _Net:
    start: _Start
    chosen: ChosenPenalty
    error: float


def fit_from_prior(
    features: np.ndarray,
    values: np.ndarray,
    knowledge: PriorKnowledge,
    strengths: Sequence[float],
    options: ElasticNetOptions,
) -> tuple[PriorFit, PriorFit]:
    """Fit an elastic net with priors, and without.

    Where half of the average or more would be the plain net's, the first fit is the second.

    Args:
        features: (n, V) float64, standardised, at least as many people as folds.
        values: (n,).
        knowledge: of the same variants and people.
        strengths: values of s.
        options: of the nets.

    Returns:
        The fit, and the plain elastic net, which is ``fit_elastic_net``'s.
    """
    if not features.shape[1]:
        # No variant varies: nets of one that nobody carries, which has no weight.
        told = PriorKnowledge(np.zeros((len(knowledge.score), 1)), knowledge.predicted)
        fits = fit_from_prior(np.zeros((len(values), 1)), values, told, strengths, options)
        one, other = (replace(fit, coef=fit.coef[:0], belief=fit.belief[:0]) for fit in fits)
        return one, other
    nothing = np.zeros(knowledge.predicted.shape[1])
    plain = _net(features, values, knowledge, _Start(PLAIN, 0.0, np.ones(features.shape[1]), nothing), options)
    others = [_net(features, values, knowledge, start, options) for start in _starts(values, knowledge, strengths)]
    of_plain = _average(features, values, knowledge, [plain], np.ones(1), options)
    if not plain.error:  # nothing is left to improve, as where all have one value
        return of_plain, of_plain
    nets = [plain, *others]
    # A prediction may leave nothing at all.
    error = np.maximum([net.error for net in nets], np.finfo(float).eps * values.var())
    weight = (error / error.min()) ** (-_CAUTION * len(values) / 2)
    weight[weight < _LEAST * weight.sum()] = 0
    if weight[0] >= _MAJORITY * weight.sum():
        return of_plain, of_plain
    return _average(features, values, knowledge, nets, weight / weight.sum(), options), of_plain


def _starts(values: np.ndarray, knowledge: PriorKnowledge, strengths: Sequence[float]) -> list[_Start]:
    """Each prior's score at each strength, beyond its prediction, and that prediction alone; of several that say
    something their mean too. A score that tells no variants apart changes no penalty, and a prediction that is the same
    of everybody is none."""
    scores, n_priors = list(knowledge.score), knowledge.predicted.shape[1]
    predicts = knowledge.predicted.std(axis=0) > _NO_SPREAD
    offsets = [each if known else None for each, known in zip(np.eye(n_priors), predicts, strict=True)]
    offsets += [None] * (len(scores) - n_priors)
    says = [score.std() > _NO_SPREAD or offset is not None for score, offset in zip(scores, offsets, strict=True)]
    if sum(says) > 1:
        scores.append(knowledge.score[says].mean(axis=0))
        offsets.append(predicts / predicts.sum() if predicts.any() else None)
    found = []
    nothing = np.zeros(n_priors)
    for number, (score, offset) in enumerate(zip(scores, offsets, strict=True)):
        is_told = score.std() > _NO_SPREAD
        for strength in strengths if is_told else (0.0,):
            belief = 1 + strength * score
            if is_told:
                found.append(_Start(number, strength, belief, nothing))
            if offset is not None:
                beyond = _Start(number, strength, belief, offset)
                found += [beyond, *_scaled(beyond, knowledge, values)]
        if offset is not None:
            alone = _Start(number, 0.0, np.ones_like(score), offset, is_alone=True)
            found += [alone, *_scaled(alone, knowledge, values)]
    return found


def _scaled(start: _Start, knowledge: PriorKnowledge, values: np.ndarray) -> list[_Start]:
    """The same beyond the prediction times the slope of all people's values on it; none where there is no slope."""
    slope = _slope(knowledge.predicted @ start.offset, values)
    return [replace(start, offset=slope * start.offset, is_scaled=True)] if slope else []


def _slope(predicted: np.ndarray, values: np.ndarray) -> float:
    """Of values on a prediction, by least squares; 0 where it would be negative."""
    away = predicted - predicted.mean()
    size = float(away @ away)
    return max(0.0, float(away @ values) / size) if size > _NO_SPREAD else 0.0


def _net(
    features: np.ndarray, values: np.ndarray, knowledge: PriorKnowledge, start: _Start, options: ElasticNetOptions
) -> _Net:
    """The penalty of a start, and its error, in which each fold is judged by a slope that it took no part in."""
    offset = knowledge.predicted @ start.offset
    chosen = chosen_penalty(start.columns(features), values - offset, options)
    if not start.is_scaled:
        return _Net(start, chosen, chosen.error)
    errors = []
    for fold in range(int(chosen.fold.max()) + 1):
        here = chosen.fold == fold
        other = _slope(offset[~here], values[~here])
        away = (values - chosen.out_of_fold - offset)[here] + (1 - other) * (offset[here] - offset[~here].mean())
        errors.append(float(np.square(away).mean()))
    return _Net(start, chosen, float(np.mean(errors)))


def _average(
    features: np.ndarray,
    values: np.ndarray,
    knowledge: PriorKnowledge,
    nets: Sequence[_Net],
    weight: np.ndarray,
    options: ElasticNetOptions,
) -> PriorFit:
    """Everybody's nets, each with its weight."""
    share = np.zeros(len(knowledge.score) + 1)
    coef, of_starts, is_converged = [], [], True
    for net, part in zip(nets, weight.tolist(), strict=True):
        if not part:
            continue
        start = net.start
        left = values - knowledge.predicted @ start.offset
        found = elastic_net_at(start.columns(features), left, net.chosen, options)
        coef.append(part * np.append(start.weight(found.coef), found.intercept))
        of_starts.append(part * np.concatenate([[start.strength], start.offset, start.belief]))
        is_converged &= found.is_converged
        if start.prior != PLAIN:
            share[start.prior] += part
    together, (strength, *rest) = (reduce(np.add, each) for each in (coef, of_starts))
    n_priors = knowledge.predicted.shape[1]
    return PriorFit(
        coef=together[:-1],
        stacked=np.array(rest[:n_priors]),
        intercept=float(together[-1]),
        share=share,
        strength=float(strength),
        belief=np.array(rest[n_priors:]),
        alpha=nets[int(weight.argmax())].chosen.alpha,
        is_converged=is_converged,
    )


def nested_predictions(
    features: np.ndarray,
    values: np.ndarray,
    knowledge: PriorKnowledge,
    strengths: Sequence[float],
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
        own = PriorKnowledge(knowledge.score[:, varies], knowledge.predicted[train])
        fits = fit_from_prior((features[train][:, varies] - centre) / scale, values[train], own, strengths, options)
        for each, fit in zip((found, of_plain), fits, strict=True):
            each[test] = fit.predict((features[test][:, varies] - centre) / scale, knowledge.predicted[test])
    return found, of_plain
