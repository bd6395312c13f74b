"""Numbers of a model on donors that it does not learn from."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel

from ..data.epochs import ALL, Share
from ..data.examples import ExpressionExamples
from ..evaluation.correlations import as_matrix, gene_correlation, subject_correlation
from .loop import gathered_scores

# What :func:`held_out_scores` gives that may choose ``best``.
NUMBERS = ("loss", "gene_correlation", "subject_correlation")


def held_out_scores(
    network: PreTrainedModel,
    examples: ExpressionExamples,
    collate: Callable[[Sequence[Mapping[str, Any]]], dict[str, torch.Tensor]],
    most: int | None,
    *,
    share: Share = ALL,
    device: torch.device | str = "cpu",
) -> dict[str, float]:
    """Loss and correlations on held-out pairs, all tissues of each.

    Args:
        network: in evaluation mode.
        examples: of the held-out part.
        collate: makes batches of examples.
        most: pairs that are predicted; the same ones each time; None = all.
        share: (number, of): which of several processes this is; all get the whole result.
        device: of the network.

    Returns:
        loss (mean over values), gene_correlation (within each tissue, over donors; constant predictions count as 0),
        subject_correlation (over genes), and how many values.
    """
    pairs = examples.pairs
    chosen = np.random.default_rng(0).permutation(len(pairs))[:most]
    rows: list[tuple[str, str, float, float]] = []
    total, count = 0.0, 0
    for pair in chosen[share[0] :: share[1]].tolist():
        gene = examples.gene(pair)
        if gene is None:
            continue
        outputs, labels = pairs.values(pair)
        batch = collate([{"gene": gene, "outputs": outputs, "labels": labels}])
        with torch.inference_mode():
            output = network(**{name: tensor.to(device) for name, tensor in batch.items()}, return_dict=True)
        predicted = output.logits[0].float().cpu().numpy()
        total += float(output.loss) * len(labels)
        count += len(labels)
        gene_id, donor = pairs.genes[pairs.gene[pair]], pairs.donors[pairs.donor[pair]]
        rows += [
            (f"{gene_id}|{tissue}", donor, float(observed), float(value))
            for tissue, observed, value in zip(outputs.tolist(), labels.tolist(), predicted.tolist(), strict=True)
        ]
    rows, total, count = gathered_scores(rows, total, count, share[1])
    if not count:
        return {"loss": math.nan, "gene_correlation": math.nan, "subject_correlation": math.nan, "values": 0.0}
    names, donors = [row[0] for row in rows], [row[1] for row in rows]
    observed, *_ = as_matrix(names, donors, [row[2] for row in rows])
    predicted, *_ = as_matrix(names, donors, [row[3] for row in rows])
    return {
        "loss": total / count,
        "gene_correlation": gene_correlation(observed, predicted).summary(constant_as_zero=True)["spearman"],
        "subject_correlation": subject_correlation(observed, predicted).summary()["spearman"],
        "values": float(count),
    }
