"""Do predicted ratios of haplotypes agree with counted reads? Rank correlation, and how often the signs agree."""

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from .phaser_counts import HaplotypeCounts

if TYPE_CHECKING:
    import pandas as pd

# Added to the reads of each haplotype, as phASER-POP does, so that none is a ratio of nothing.
PSEUDOCOUNT = 1
ALL = "all"
_LEAST_PAIRS = 3


def with_counts(table: "pd.DataFrame", counts: HaplotypeCounts) -> "tuple[pd.DataFrame, pd.DataFrame, dict[str, int]]":
    """Put counted reads beside predictions, and say how the two agree.

    Args:
        table: of ``haplotype_ratios``: all genes of each person in order, in all tissues.
        counts: of reads.

    Returns:
        The table with reads_haplotype1, reads_haplotype2 and observed_log2_ratio (log2 of reads + 1; missing below the
        least number of reads) before its status; the agreement, see :func:`agreement`; how many counts there are, how
        many are compared, and why others are not.
    """
    import pandas as pd

    axes = [
        {name: number for number, name in enumerate(table[column].cat.categories)}
        for column in ("sample", "gene_id", "tissue")
    ]
    places = np.array([[axis[part] for axis, part in zip(axes, key, strict=True)] for key in counts.of])
    rows = np.ravel_multi_index(places.T, [len(axis) for axis in axes])
    reads, is_counted = np.zeros((len(table), 2), dtype=np.int32), np.zeros(len(table), dtype=bool)
    reads[rows], is_counted[rows] = list(counts.of.values()), True
    is_enough = is_counted & (reads.sum(axis=1) >= counts.min_reads)
    first, second = (np.log2(reads[:, side] + PSEUDOCOUNT) for side in (0, 1))
    observed = np.where(is_enough, first - second, np.nan)
    at = list(table.columns).index("status")
    table = table.copy(deep=False)
    table.insert(at, "observed_log2_ratio", observed)
    for side in (2, 1):
        table.insert(at, f"reads_haplotype{side}", pd.Series(reads[:, side - 1], dtype="Int64").where(is_counted))
    predicted = table["log2_ratio" if "log2_ratio" in table else "difference"].to_numpy()
    is_predicted = ~np.isnan(predicted)
    reasons = Counter(f"status_{status}" for status in table["status"][is_enough & ~is_predicted])
    compared = {
        "counted": len(counts.of),
        "compared": int((is_enough & is_predicted).sum()),
        "too_few_reads": int((is_counted & ~is_enough).sum()),
        **dict(sorted(reasons.items())),
    }
    return table, agreement(table["tissue"], predicted, observed), compared


def agreement(tissues: Any, predicted: np.ndarray, observed: np.ndarray) -> "pd.DataFrame":
    """Spearman's rank correlation of ratios, and the share of equal signs, by tissue and of all.

    Args:
        tissues: (n,) of each pair.
        predicted, observed: (n,) log2 ratios; NaN where there is none.

    Returns:
        tissue (``all`` = of all together); n, spearman, p (two-sided; NaN under 3 pairs, or where all are the same);
        n_signs (pairs neither of which is 0), same_sign, sign_agreement with its exact 95 % interval (Clopper and
        Pearson's) ci_low, ci_high, and sign_p (binomial, two-sided, of one half). Pairs are taken to be independent,
        which genes of one person are not quite.
    """
    import pandas as pd

    codes, kinds = pd.factorize(pd.Series(tissues))
    is_pair = ~(np.isnan(predicted) | np.isnan(observed))
    rows = []
    for code, name in (*enumerate(kinds), (-1, ALL)):
        here = is_pair & ((codes == code) | (name == ALL))
        rows.append((name, *_of_pairs(predicted[here], observed[here])))
    columns = ("n", "spearman", "p", "n_signs", "same_sign", "sign_agreement", "ci_low", "ci_high", "sign_p")
    return pd.DataFrame(rows, columns=["tissue", *columns])


def _of_pairs(predicted: np.ndarray, observed: np.ndarray) -> tuple[float, ...]:
    from scipy.stats import binomtest, spearmanr

    rho = p = low = high = share = sign_p = float("nan")
    if len(predicted) >= _LEAST_PAIRS and np.ptp(predicted) > 0 and np.ptp(observed) > 0:
        found = spearmanr(predicted, observed)
        rho, p = float(found.statistic), float(found.pvalue)
    has_sign = (predicted != 0) & (observed != 0)
    n_signs, same = int(has_sign.sum()), int((predicted * observed > 0).sum())
    if n_signs:
        test = binomtest(same, n_signs)
        low, high = test.proportion_ci(0.95, method="exact")
        share, sign_p = same / n_signs, float(test.pvalue)
    return len(predicted), rho, p, n_signs, same, share, float(low), float(high), sign_p
