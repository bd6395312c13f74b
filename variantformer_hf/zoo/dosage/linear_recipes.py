"""Recipes of baselines that are a weighted sum of dosages: the mean, the top SNP, an elastic net."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from ..gene_fits import FITTED, NO_VALUES, TOO_FEW, is_too_few
from .elastic_net import ElasticNetOptions, fit_elastic_net
from .gene_fit import NO_VARIANTS_LEFT, DosageRecipe, GeneData, GeneFit, VariantFilter
from .variants import GeneVariants

# Penalties of the top SNP's ridge, of which leaving each person out in turn chooses one.
_RIDGE = np.geomspace(0.1, 1_000, 9)


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """A fitted output of a gene.

    Attributes:
        weight: (V,) of a copy of ALT of each variant.
        intercept: the value without any ALT.
        said: what is known of the fit, for its table.
    """

    weight: np.ndarray
    intercept: float
    said: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LinearRecipe(DosageRecipe):
    """What the recipes of weighted sums share: each output is fitted by itself."""

    network: ClassVar[str] = "linear"

    def line(self, dosage: np.ndarray, value: np.ndarray) -> Line:
        """Fit one output: (n, V) dosages, standardised, and (n,) values; the line is of these."""
        raise NotImplementedError

    def fit(self, data: GeneData) -> GeneFit:
        """Fit a gene, see ``DosageRecipe``; ``weight`` (T, V) and ``intercept``, ``fitted`` (T,)."""
        variants = self.variants(data)
        weight = np.zeros((data.n_outputs, len(variants)))
        intercept, fitted = np.zeros(data.n_outputs), np.zeros(data.n_outputs, dtype=bool)
        rows = []
        for output in range(data.n_outputs):
            people, value = data.of_output(output)
            row: dict[str, Any] = {"output": output, "status": NO_VALUES, "n_people": len(people)}
            rows.append(row)
            if not len(people):
                continue
            found = self.of_output(data, output, people, value)
            if found is None:
                row["status"] = NO_VARIANTS_LEFT if self.filter is not None else FITTED
                found = Line(np.zeros(len(variants)), float(value.mean()))
            else:
                row["status"] = FITTED
            weight[output], intercept[output], fitted[output] = found.weight, found.intercept, True
            row.update(found.said, n_variants=int((found.weight != 0).sum()))
        used = np.flatnonzero(weight.any(axis=0))
        arrays: dict[str, np.ndarray] = {
            "weight": weight[:, used].astype(np.float32),
            "intercept": intercept,
            "fitted": fitted,
        }
        return GeneFit(variants.chosen(used), arrays, rows, -1 if self.filter is None else len(variants))

    def variants(self, data: GeneData) -> GeneVariants:
        """Variants that may have a weight."""
        return data.variants

    def of_output(self, data: GeneData, output: int, people: np.ndarray, value: np.ndarray) -> Line | None:
        """The line of one output on raw dosages of ``variants``; None = none can be fitted, and the mean stands.

        Args:
            data: of the gene.
            output: which.
            people: (n,) rows of the dosages; value: (n,) of each.
        """
        dosage = data.dosage[people]
        scale = dosage.std(axis=0)
        varies = np.flatnonzero(scale > 1e-8)
        if self.filter is None or not len(varies):
            return None
        if is_too_few(value):
            return the_mean(dosage.shape[1], value)
        mean, scale = dosage[:, varies].mean(axis=0), scale[varies]
        line = self.line((dosage[:, varies] - mean) / scale, value)
        weight = np.zeros(dosage.shape[1])
        weight[varies] = line.weight / scale
        return Line(weight, line.intercept - float(weight[varies] @ mean), line.said)


def the_mean(n_variants: int, value: np.ndarray) -> Line:
    """What stands where nothing can be fitted, and why."""
    return Line(np.zeros(n_variants), float(value.mean()), {"note": TOO_FEW})


@dataclass(frozen=True, slots=True)
class MeanRecipe(LinearRecipe):
    """The mean of the people of the fit; nobody's genome is read."""

    radius: int = 0
    filter: VariantFilter | None = None

    kind: ClassVar[str] = "mean"


@dataclass(frozen=True, slots=True)
class TopSnpRecipe(LinearRecipe):
    """A ridge regression on the SNP with the least p: of as many people each, the one with the greatest r."""

    kind: ClassVar[str] = "top-snp"

    def line(self, dosage: np.ndarray, value: np.ndarray) -> Line:
        """See :class:`LinearRecipe`."""
        from scipy.stats import pearsonr
        from sklearn.linear_model import RidgeCV

        top = int(np.abs(dosage.T @ (value - value.mean())).argmax())
        model = RidgeCV(alphas=_RIDGE).fit(dosage[:, [top]], value)
        weight = np.zeros(dosage.shape[1])
        weight[top] = model.coef_[0]
        said = {"p": float(pearsonr(dosage[:, top], value).pvalue), "alpha": float(model.alpha_)}
        return Line(weight, float(model.intercept_), said)


@dataclass(frozen=True, slots=True)
class ElasticNetRecipe(LinearRecipe):
    """PrediXcan's elastic net.

    Attributes:
        l1_ratio, folds, alphas, eps: see ``ElasticNetOptions``.
        radius, anchor, filter, seed: see ``DosageRecipe``.
    """

    l1_ratio: float = 0.5
    folds: int = 10
    alphas: int = 100
    eps: float = 0.01

    kind: ClassVar[str] = "elastic-net"

    @property
    def net(self) -> ElasticNetOptions:
        """How the net is fitted."""
        return ElasticNetOptions(self.l1_ratio, self.folds, self.alphas, self.eps, seed=self.seed)

    def line(self, dosage: np.ndarray, value: np.ndarray) -> Line:
        """See :class:`LinearRecipe`."""
        found = fit_elastic_net(dosage, value, self.net)
        said: dict[str, Any] = {"alpha": found.alpha}
        if not found.is_converged:
            said["note"] = "not converged"
        return Line(found.coef, found.intercept, said | performance(found.out_of_fold, value))


def performance(out_of_fold: np.ndarray, value: np.ndarray) -> dict[str, float]:
    """PrediXcan's columns: squared r, 0 where r is below 0, and p, of what people are predicted by the folds without
    them."""
    from scipy.stats import pearsonr

    if not out_of_fold.std() > 0:
        return {"pred_perf_r2": 0.0, "pred_perf_pval": 1.0}
    r = pearsonr(out_of_fold, value)
    return {"pred_perf_r2": float(max(0.0, r.statistic) ** 2), "pred_perf_pval": float(r.pvalue)}


def linear_arrays(each: Sequence[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """The network's tensors of genes' arrays, see ``LinearDosageForExpression``; ``effect`` (T, V), NaN where it
    is not known, of all or of none."""
    counts, variant, weight, effect = [], [], [], []
    for arrays in each:
        is_kept = arrays["weight"] != 0
        if "effect" in arrays:
            is_kept |= ~np.isnan(arrays["effect"])
        output, column = np.nonzero(is_kept)
        counts.append(np.bincount(output, minlength=len(arrays["weight"])))
        variant.append(column)
        weight.append(arrays["weight"][output, column])
        if "effect" in arrays:
            effect.append(arrays["effect"][output, column])
    of_effects = {}
    if effect:
        effects = np.concatenate(effect).astype(np.float32)
        of_effects = {"effect": np.nan_to_num(effects), "is_scored": ~np.isnan(effects)}
    return {
        **of_effects,
        "first": np.concatenate([[0], np.cumsum(np.concatenate(counts))]).astype(np.int64),
        "variant": np.concatenate(variant).astype(np.int64),
        "weight": np.concatenate(weight).astype(np.float32),
        "intercept": np.stack([arrays["intercept"] for arrays in each]).astype(np.float32),
    }
