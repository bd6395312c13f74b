"""Fold changes: by hand, and NaN wherever there is none."""

import numpy as np

from variantformer_hf.analysis.fold_change import log2_fold_change, log2_ratio


def test_ratios_and_where_there_is_none() -> None:
    found = log2_ratio(np.array([8, 1, 0, 1, 0, -1, -2, np.nan]), np.array([2, 4, 1, 0, 0, 1, -1, 1]))
    np.testing.assert_array_equal(found, [2, -2, np.nan, np.nan, np.nan, np.nan, np.nan, np.nan])


def test_fold_changes_are_of_tpm() -> None:
    after, before = np.log1p([3.0, 0.0, 5.0]).astype(np.float32), np.log1p([12.0, 1.0, 0.0]).astype(np.float32)
    found = log2_fold_change(after, before)
    np.testing.assert_allclose(found, [-2, np.nan, np.nan], atol=1e-6)
    # A model may say less than nothing.
    assert np.isnan(log2_fold_change(np.float32([-0.1]), np.float32([0.5]))).all()
