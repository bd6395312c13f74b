"""The recipe of a fit that starts from priors: see ``prior_elastic_net`` for what is fitted to whom."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..gene_fits import is_too_few
from .gene_fit import GeneData, GenePrior
from .linear_recipes import ElasticNetRecipe, Line, performance, the_mean
from .prior_elastic_net import PriorFit, PriorKnowledge, fit_from_prior, nested_predictions
from .target_panel import reweighted
from .variants import GeneVariants, merged


@dataclass(frozen=True, slots=True)
class PriorRecipe(ElasticNetRecipe):
    """An elastic net that starts from priors, PrediXcan's where they are of no use.

    Attributes:
        strengths: values of s, how much a score may count.
        outer_folds: of the nested cross-validation, which chooses by as many folds within each; 0 = there is none.
        l1_ratio, folds, alphas, eps, radius, anchor, filter, seed: see ``ElasticNetRecipe``.
    """

    strengths: tuple[float, ...] = (10.0,)
    outer_folds: int = 5

    kind: ClassVar[str] = "prior"

    @property
    def least_people(self) -> int:
        """One a fold."""
        return max(self.folds, self.outer_folds)

    def variants(self, data: GeneData) -> GeneVariants:
        """Those that are fitted, and those that enter through the priors alone."""
        return merged(data.variants, _prior_of(data).others)[0]

    def of_output(self, data: GeneData, output: int, people: np.ndarray, value: np.ndarray) -> Line | None:
        """See ``LinearRecipe``."""
        prior = _prior_of(data)
        dosage, others = data.dosage[people], prior.other_dosage[people]
        n_variants = dosage.shape[1] + others.shape[1]
        if not n_variants:
            return None
        if is_too_few(value) or len(value) < self.least_people:
            return the_mean(n_variants, value)
        scale = dosage.std(axis=0)
        varies = np.flatnonzero(scale > 1e-8)
        mean, scale = dosage[:, varies].mean(axis=0), scale[varies]
        features = (dosage[:, varies] - mean) / scale
        knowledge = _knowledge(prior, output, dosage, others, varies)
        fit, _ = fit_from_prior(features, value, knowledge, self.strengths, self.net)
        weight = np.zeros(dosage.shape[1])
        weight[varies] = fit.coef / scale
        intercept = fit.intercept - float(weight[varies] @ mean)
        if prior.panel is not None:
            belief = np.ones(dosage.shape[1])
            belief[varies] = fit.belief
            weight, intercept = reweighted(weight, intercept, dosage, prior.panel, belief)
        weight = weight + fit.stacked @ prior.weight[:, output]
        of_others = fit.stacked @ prior.other_weight[:, output]
        _, order = merged(data.variants, prior.others)
        said = _said(prior, output, fit, others)
        if self.outer_folds:
            said |= self._nested(dosage[:, varies], value, knowledge)
        return Line(np.concatenate([weight, of_others])[order], intercept, said)

    def _nested(self, dosage: np.ndarray, value: np.ndarray, knowledge: PriorKnowledge) -> dict[str, float]:
        """How well people are predicted for whom nothing was fitted or chosen by, with the priors and without."""
        from dataclasses import replace

        options = replace(self.net, folds=min(self.folds, self.outer_folds))
        found, plain = nested_predictions(dosage, value, knowledge, self.strengths, options, self.outer_folds)
        return performance(found, value) | {"plain_r2": performance(plain, value)["pred_perf_r2"]}


def _prior_of(data: GeneData) -> GenePrior:
    if data.prior is None:
        raise ValueError("a fit from priors needs priors")
    return data.prior


def _knowledge(
    prior: GenePrior, output: int, dosage: np.ndarray, others: np.ndarray, varies: np.ndarray
) -> PriorKnowledge:
    """What priors say of the people of one output.

    A variant's score is how much it moves people, |effect| x the standard deviation of its dosage, as a share of the
    largest of the gene. What is predicted of a person is the sum over all variants, also those that are not fitted.
    """
    moves = np.abs(prior.effect[:, output, varies]) * dosage[:, varies].std(axis=0)
    largest = moves.max(axis=1, initial=0, keepdims=True)
    score = np.divide(moves, largest, out=np.zeros_like(moves), where=largest > 0)
    predicted = dosage @ prior.weight[:, output].T + others @ prior.other_weight[:, output].T
    return PriorKnowledge(np.concatenate([score, prior.annotation[:, varies]]), predicted)


def _said(prior: GenePrior, output: int, fit: PriorFit, others: np.ndarray) -> dict[str, Any]:
    """What is known of a fit, for its table."""
    said: dict[str, Any] = {
        "alpha": fit.alpha,
        "strength": fit.strength,
        "n_prior": int((prior.effect[:, output] != 0).any(axis=0).sum()),
        "n_rare": int(((prior.other_weight[:, output] != 0).any(axis=0) & (others.std(axis=0) > 0)).sum()),
    }
    said |= {f"stacked_{name}": float(weight) for name, weight in zip(prior.names, fit.stacked, strict=True)}
    scores = [*prior.names, *prior.annotations]
    if len(scores) > 1:
        scores.append("mean")
    said |= {f"share_{name}": float(share) for name, share in zip(scores, fit.share, strict=False)}
    if not fit.is_converged:
        said["note"] = "not converged"
    return said
