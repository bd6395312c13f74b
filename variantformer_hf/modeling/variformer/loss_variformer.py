"""Variformer's loss: how far predictions are from what was measured, and differences between people likewise."""

import torch

from ..enformer.trunk_enformer import no_autocast


def pairwise_difference_loss(
    predictions: torch.Tensor,
    labels: torch.Tensor,
    gene_index: torch.Tensor | None = None,
    outputs: torch.Tensor | None = None,
    *,
    alpha: float = 0.5,
) -> torch.Tensor:
    """``alpha`` times the mean squared error, and the rest of that of differences between two people.

    The second part is the mean over all pairs of people i < j of ``((y_i - y_j) - (t_i - t_j))^2``, where both are of
    one gene and one output; pairs of all genes and outputs count alike. With e = y - t a group of n people has
    ``n * sum (e - mean e)^2`` in all its pairs, so that no pair is made.

    Args:
        predictions: (B, T), y; computed in float32, or in float64 where it is that.
        labels: (B, T), t; NaN where there is none.
        gene_index: (B,) which gene each row is of, any numbers; None = all are of one.
        outputs: (B, T) which output each number is of; None = each column is one.
        alpha: from 0 to 1.

    Returns:
        (); a part of which there is nothing (no label, no pair) is 0.
    """
    dtype = torch.promote_types(predictions.dtype, torch.float32)
    with no_autocast(predictions.device):
        there = ~labels.isnan()
        away = predictions[there].to(dtype) - labels[there].to(dtype)
        squared_error = away.square().sum() / max(1, len(away))
        group, n_groups = _groups(there, gene_index, outputs)
        count = torch.bincount(group, minlength=n_groups).to(dtype)
        mean = away.new_zeros(n_groups).index_add(0, group, away) / count
        spread = away.new_zeros(n_groups).index_add(0, group, (away - mean[group]).square())
        pairs = (count * (count - 1)).sum() / 2
        differences = (count * spread).sum() / pairs.clamp(min=1)
        return alpha * squared_error + (1 - alpha) * differences


def _groups(
    there: torch.Tensor, gene_index: torch.Tensor | None, outputs: torch.Tensor | None
) -> tuple[torch.Tensor, int]:
    """Which gene and output each number that is there is of, as a number from 0; and how many there are."""
    people, columns = there.shape
    gene = torch.zeros(people, dtype=torch.int64) if gene_index is None else gene_index
    which = torch.arange(columns).expand(people, columns) if outputs is None else outputs
    both = torch.stack([gene.to(there.device)[:, None].expand(people, columns)[there], which.to(there.device)[there]])
    found, group = torch.unique(both, dim=1, return_inverse=True)
    return group, found.shape[1]
