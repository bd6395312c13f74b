"""Numbers of a model on donors that it does not learn from."""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel

from ..data.epochs import ALL, Share
from ..data.examples import ExpressionExamples, PairExamples
from ..data.splits import in_random_order
from ..evaluation.correlations import as_matrix, gene_correlation, subject_correlation
from .loop import gathered_scores

# What :func:`held_out_scores` gives that may choose ``best``.
NUMBERS = ("loss", "gene_correlation", "subject_correlation")
# Of :func:`scores_across_donors`.
ACROSS_DONORS = ("loss", "pearson", "r2")


def held_out_scores(
    network: PreTrainedModel,
    examples: PairExamples,
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


def scores_across_donors(
    network: PreTrainedModel,
    examples: ExpressionExamples,
    collate: Callable[[Sequence[Mapping[str, Any]]], dict[str, torch.Tensor]],
    *,
    batch_size: int,
    genes: Collection[str] | None = None,
    most: int | None = None,
    share: Share = ALL,
    device: torch.device | str = "cpu",
) -> dict[str, float]:
    """r and R2 of each gene (in each tissue) over held-out donors, and their means over genes.

    Args:
        network: in evaluation mode.
        examples: of the held-out donors.
        collate: makes batches of examples.
        batch_size: donors of one gene at a time.
        genes: ids of those that are predicted; None = all.
        most: whole genes are predicted, the same ones each time, until there are so many pairs; None = all.
        share, device: as for :func:`held_out_scores`.

    Returns:
        loss (the model's, mean over batches as they have values), pearson and r2 (see
        ``Correlations.across_donors``), genes (that have an r) and values.
    """
    pairs = examples.pairs
    order = np.argsort(pairs.gene, kind="stable")
    present, starts = np.unique(pairs.gene[order], return_index=True)
    of_gene = {
        pairs.genes[gene]: each for gene, each in zip(present.tolist(), np.split(order, starts[1:]), strict=True)
    }
    chosen: list[list[int]] = []
    count_of_pairs = 0
    for gene in in_random_order(of_gene if genes is None else of_gene.keys() & set(genes), 0, "genes"):
        mine = of_gene[gene].tolist()
        if most is not None and chosen and count_of_pairs + len(mine) > most:
            break
        count_of_pairs += len(mine)
        chosen += [mine[first : first + batch_size] for first in range(0, len(mine), batch_size)]
    rows: list[tuple[str, str, float, float]] = []
    total, count = 0.0, 0
    for batch in chosen[share[0] :: share[1]]:
        found = [examples.in_all_tissues(pair) for pair in batch]
        made = {name: tensor.to(device) for name, tensor in collate(found).items()}
        with torch.inference_mode():
            output = network(**made, return_dict=True)
        labels, outputs = made["labels"].cpu().numpy(), made["outputs"].cpu().numpy()
        predicted = output.logits.float().cpu().numpy()
        there = ~np.isnan(labels)
        total += float(output.loss) * int(there.sum())
        count += int(there.sum())
        for row, column in np.argwhere(there).tolist():
            gene_id, person = pairs.genes[pairs.gene[batch[row]]], int(pairs.donor[batch[row]])
            name = f"{gene_id}|{outputs[row, column]}"
            donor = f"{pairs.cohorts[person]}|{pairs.donors[person]}"
            rows.append((name, donor, float(labels[row, column]), float(predicted[row, column])))
    rows, total, count = gathered_scores(rows, total, count, share[1])
    if not count:
        return {**dict.fromkeys(ACROSS_DONORS, math.nan), "genes": 0.0, "values": 0.0}
    of_genes, donors = [row[0] for row in rows], [row[1] for row in rows]
    observed, *_ = as_matrix(of_genes, donors, [row[2] for row in rows])
    predictions, *_ = as_matrix(of_genes, donors, [row[3] for row in rows])
    scores = gene_correlation(observed, predictions).across_donors()
    means = {name: scores[name] for name in ("pearson", "r2", "genes")}
    return {"loss": total / count, **means, "values": float(count)}
