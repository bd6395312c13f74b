"""Compiled prediction of random forests, see :func:`~variantformer_hf.applications.risk.forests.predict_forest`."""

from ...compiled import njit


@njit(cache=True, nogil=True)
def forest_means(feature, threshold, left, right, leaf, roots, first, last, rows, means):  # type: ignore[no-untyped-def]
    """Mean leaf over the trees of T forests.

    Args:
        feature, threshold, left, right, leaf, roots: of ``packed_forest``.
        first, last: (T,) int64, of each forest the first of its roots, and the one behind its last.
        rows: (T, n, features) float32.
        means: (T, n) float64, filled in.

    Returns:
        Whether every walk stayed in the arrays, as those of a forest do.
    """
    for forest in range(len(first)):
        for row in range(rows.shape[1]):
            total = 0.0
            for tree in range(first[forest], last[forest]):
                at = int(roots[tree])
                while at >= 0:
                    if at >= len(feature):
                        return False
                    column = feature[at]
                    if column < 0 or column >= rows.shape[2]:
                        return False
                    child = left[at] if rows[forest, row, column] <= threshold[at] else right[at]
                    if child == 0:
                        return False
                    at = at + child if child > 0 else int(child)
                if ~at >= len(leaf):
                    return False
                total += leaf[~at]
            means[forest, row] = total / (last[forest] - first[forest])
    return True
