"""How well scores tell causal variants from matched ones, and the signs of their effects."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .ranking_scores import ranking_scores

if TYPE_CHECKING:
    import pandas as pd

# Ends of the strata of PIP; of a stratum the first is in it.
PIP_ENDS = (0.0, 0.01, 0.1, 0.5, 0.9, 1.0)
# The largest effects, as shares of all.
SHARES = (1.0, 0.5, 0.25, 0.1, 0.05, 0.01)
_MEASURES = ("auroc", "auprc", "auprc_by_chromosome")
# Rows x replicates of the bootstrap at a time.
_BLOCK = 4_000_000


def causal_scores(
    frame: "pd.DataFrame", models: Sequence[str], *, replicates: int = 1_000, seed: int = 0
) -> "pd.DataFrame":
    """AUROC and AUPRC of the sizes of scores, causal variants against matched ones, with a bootstrap over genes.

    Args:
        frame: label (1, 0), chrom, group (the gene, or what variants were matched by), consequence, and a column of
            scores a model.
        models: names of these.
        replicates: of the bootstrap: groups are drawn with replacement, the same for all models.
        seed: of its draws.

    Returns:
        model, stratum (``all``, and each consequence with both labels), n, causal, groups; auroc, auprc (average
        precision), and ``auprc_by_chromosome``, the mean over chromosomes, weighted by their variants, as TraitGym's
        code has it: a chromosome without a causal variant counts as 0, one of such alone as 1; of each the 95 %
        percentile interval, _low and _high, over replicates that have both labels.
    """
    import pandas as pd

    rows = []
    strata = {"all": np.ones(len(frame), dtype=bool)}
    named = frame["consequence"].to_numpy()
    strata |= {str(name): named == name for name in dict.fromkeys(named.tolist()) if name}
    for stratum, inside in strata.items():
        part = frame[inside]
        labels = part["label"].to_numpy(dtype=int)
        if stratum != "all" and len(set(labels.tolist())) < 2:
            continue
        group = pd.factorize(part["group"])[0]
        chromosome = pd.factorize(part["chrom"])[0]
        for model in models:
            sizes = np.abs(part[model].to_numpy(dtype=float))
            whole = _measured(labels, sizes, chromosome, np.ones((1, len(part))))[:, 0]
            drawn = _bootstrap(labels, sizes, chromosome, group, replicates, seed)
            row: dict[str, Any] = {
                "model": model,
                "stratum": stratum,
                "n": len(part),
                "causal": int(labels.sum()),
                "groups": int(group.max(initial=-1)) + 1,
            }
            for name, value, replicate in zip(_MEASURES, whole, drawn, strict=True):
                there = replicate[~np.isnan(replicate)]
                low, high = np.percentile(there, (2.5, 97.5)) if len(there) else (np.nan, np.nan)
                row |= {name: value, f"{name}_low": low, f"{name}_high": high}
            rows.append(row)
    return pd.DataFrame(rows)


def sign_agreement(frame: "pd.DataFrame", models: Sequence[str]) -> "pd.DataFrame":
    """How often scores and slopes of causal variants have one sign, of all and of the largest scores.

    Args:
        frame: slope (NaN where there is none), and a column of scores a model; causal variants alone.
        models: names of these.

    Returns:
        model, largest (the share of pairs whose scores are the largest that are looked at), n (neither score nor slope
        is 0), same_sign, sign_agreement, ci_low and ci_high (exact 95 % of a binomial), p (one-sided: more than one
        half).
    """
    import pandas as pd

    rows = []
    for model in models:
        score, slope = frame[model].to_numpy(dtype=float), frame["slope"].to_numpy(dtype=float)
        has_sign = np.nan_to_num(score * slope) != 0
        score, slope = score[has_sign], slope[has_sign]
        order = np.argsort(-np.abs(score), kind="stable")
        for share in SHARES:
            here = order[: int(np.ceil(share * len(order)))]
            rows.append((model, share, *_of_signs(int((score[here] * slope[here] > 0).sum()), len(here))))
    columns = ("model", "largest", "n", "same_sign", "sign_agreement", "ci_low", "ci_high", "p")
    return pd.DataFrame(rows, columns=list(columns))


def by_pip(frame: "pd.DataFrame", models: Sequence[str]) -> "pd.DataFrame":
    """Sizes and signs of scores by strata of the PIP.

    Args:
        frame: pip, slope, and a column of scores a model.
        models: names of these.

    Returns:
        model, pip_from, pip_to (0.9 to 1 has its end), n, mean_size (of the scores), and of those with a sign n_signs,
        same_sign, sign_agreement, ci_low, ci_high and p as of :func:`sign_agreement`.
    """
    import pandas as pd

    rows = []
    place = np.clip(np.searchsorted(PIP_ENDS, frame["pip"].to_numpy(), side="right") - 1, 0, len(PIP_ENDS) - 2)
    for model in models:
        for stratum in range(len(PIP_ENDS) - 1):
            part = frame[place == stratum]
            score, product = part[model].to_numpy(float), (part[model] * part["slope"]).to_numpy(float)
            signs = _of_signs(int((product > 0).sum()), int((np.nan_to_num(product) != 0).sum()))
            mean = float(np.abs(score).mean()) if len(score) else np.nan
            rows.append((model, PIP_ENDS[stratum], PIP_ENDS[stratum + 1], len(part), mean, *signs))
    columns = ("model", "pip_from", "pip_to", "n", "mean_size", "n_signs", "same_sign", "sign_agreement")
    return pd.DataFrame(rows, columns=[*columns, "ci_low", "ci_high", "p"])


def _of_signs(same: int, n: int) -> tuple[int, int, float, float, float, float]:
    from scipy.stats import binomtest

    if not n:
        return 0, 0, np.nan, np.nan, np.nan, np.nan
    low, high = binomtest(same, n).proportion_ci(0.95, method="exact")
    return n, same, same / n, float(low), float(high), float(binomtest(same, n, alternative="greater").pvalue)


def _measured(labels: np.ndarray, sizes: np.ndarray, chromosome: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """(3, replicates) the measures of rows that are drawn so often."""
    auroc, auprc = ranking_scores(labels, sizes, counts)
    total, weights = np.zeros(len(counts)), counts.sum(axis=1)
    for number in range(int(chromosome.max(initial=-1)) + 1):
        here = chromosome == number
        _, of_chromosome = ranking_scores(labels[here], sizes[here], counts[:, here])
        weight = counts[:, here].sum(axis=1)
        of_one_label = (counts[:, here] * labels[here]).sum(axis=1) > 0  # as scikit-learn has it: 1 or 0
        total += np.where(np.isnan(of_chromosome), of_one_label, of_chromosome) * weight
    by_chromosome = np.divide(total, weights, out=np.full(len(counts), np.nan), where=weights > 0)
    # Without both labels among all there is nothing to tell apart.
    return np.stack([auroc, auprc, np.where(np.isnan(auprc), np.nan, by_chromosome)])


def _bootstrap(
    labels: np.ndarray, sizes: np.ndarray, chromosome: np.ndarray, group: np.ndarray, replicates: int, seed: int
) -> np.ndarray:
    """(3, replicates) the measures where groups are drawn with replacement."""
    rng, n_groups = np.random.default_rng(seed), int(group.max(initial=-1)) + 1
    found = []
    step = max(1, _BLOCK // max(1, len(labels)))
    for first in range(0, replicates, step):
        n = min(step, replicates - first)
        drawn = rng.integers(0, n_groups, (n, n_groups)) + np.arange(n)[:, None] * n_groups
        times = np.bincount(drawn.ravel(), minlength=n * n_groups).reshape(n, n_groups)
        found.append(_measured(labels, sizes, chromosome, times[:, group]))
    return np.concatenate(found, axis=1) if found else np.zeros((len(_MEASURES), 0))
