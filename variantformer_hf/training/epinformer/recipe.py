"""EPInformer's recipe: genes of a cell line, and correlations over held-out genes to choose the best by."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, cast

import numpy as np
import torch
from huggingface_hub.errors import StrictDataclassError
from transformers import PreTrainedModel

from ...data.epochs import Share
from ...data.examples import ExpressionExamples
from ...data.expression_pairs import ExpressionPairs
from ...errors import InputError
from ...evaluation.correlations import as_matrix, subject_correlation
from ...genome.genes import GeneTable
from ...modeling import EPInformerConfig, EPInformerModel
from ...zoo.epinformer.element_files import read_elements
from ...zoo.epinformer.gene_features import read_gene_features
from ...zoo.epinformer.gene_model import EPInformerGeneModel
from ...zoo.gene_input import GeneInput
from ..loop import gathered_scores
from ..options import ExpressionOptions
from ..recipes import Recipe, check_goes_on, check_new_model
from ..stages import on_expression
from .options import EPInformerOptions

NUMBERS = ("loss", "pearson", "r2", "spearman")
_OF_A_NEW_MODEL = ("genes", "tissues", "elements", "gene_features")


class EPInformerRecipe(Recipe):
    """Also makes a new model, of tables; held-out genes are compared within each sample, over genes."""

    options_class: ClassVar[type[ExpressionOptions]] = EPInformerOptions
    takes: ClassVar[tuple[str, ...]] = ("config", "genes", "tissues")
    options: EPInformerOptions
    model: EPInformerGeneModel

    def begin(self) -> EPInformerGeneModel:
        """See :class:`Recipe`."""
        options = self.options
        if options.model is None:
            return new_model(options)
        check_goes_on(options, (*_OF_A_NEW_MODEL, "embeddings", "config"))
        return cast(EPInformerGeneModel, super().begin())

    def numbers(self, held_out: Mapping[str, ExpressionExamples]) -> Sequence[str]:
        """See :class:`Recipe`."""
        return NUMBERS

    def evaluate(
        self,
        network: PreTrainedModel,
        held_out: Mapping[str, ExpressionExamples],
        share: Share,
        device: torch.device | str,
    ) -> dict[str, float]:
        """Numbers of held-out genes, see :class:`Recipe`.

        Returns:
            loss (mean over values), pearson, spearman and r2 (1 - SSE / SST) over the genes of a sample, means over
            samples, and how many values.
        """
        examples = held_out["train"]
        pairs, size = examples.pairs, self.options.loop.batch_size
        chosen = np.random.default_rng(0).permutation(len(pairs))[: self.options.evaluate_pairs]
        mine = chosen[share[0] :: share[1]].tolist()
        rows: list[tuple[str, str, float, float]] = []
        total = 0.0
        for first in range(0, len(mine), size):
            found = [(pair, gene) for pair in mine[first : first + size] if (gene := examples.gene(pair)) is not None]
            if not found:
                continue
            batch = {name: each.to(device) for name, each in self.collate(_with_labels(pairs, found)).items()}
            with torch.inference_mode():
                output = network(**batch, return_dict=True)
            labels, outputs = batch["labels"].cpu().numpy(), batch["outputs"].cpu().numpy()
            predicted = output.logits.float().cpu().numpy()
            known = np.argwhere(~np.isnan(labels)).tolist()
            total += float(output.loss) * len(known)
            for row, column in known:
                pair = found[row][0]
                donor = int(pairs.donor[pair])
                sample = f"{pairs.cohorts[donor]}|{pairs.donors[donor]}|{outputs[row, column]}"
                values = float(labels[row, column]), float(predicted[row, column])
                rows.append((pairs.genes[pairs.gene[pair]], sample, *values))
        rows, total, count = gathered_scores(rows, total, len(rows), share[1])
        if not count:
            return {**dict.fromkeys(NUMBERS, math.nan), "values": 0.0}
        genes, samples = [row[0] for row in rows], [row[1] for row in rows]
        observed, *_ = as_matrix(genes, samples, [row[2] for row in rows])
        predictions, *_ = as_matrix(genes, samples, [row[3] for row in rows])
        scores = subject_correlation(observed, predictions).summary()
        return {"loss": total / count, **{name: scores[name] for name in NUMBERS[1:]}, "values": float(count)}


def _with_labels(pairs: ExpressionPairs, found: Sequence[tuple[int, GeneInput]]) -> list[dict[str, Any]]:
    """Examples of pairs in all their outputs; where one has fewer than others, the rest is output 0 without a label."""
    values = [pairs.values(pair) for pair, _ in found]
    most = max(len(outputs) for outputs, _ in values)
    return [
        {
            "gene": gene,
            "outputs": np.pad(outputs, (0, most - len(outputs))),
            "labels": np.pad(labels, (0, most - len(labels)), constant_values=np.nan),
        }
        for (_, gene), (outputs, labels) in zip(found, values, strict=True)
    ]


def new_model(options: EPInformerOptions) -> EPInformerGeneModel:
    """A model with random weights and a run's tables.

    Raises:
        InputError: an option is missing; a table cannot be read, or lacks a gene; the config does not fit.
    """
    check_new_model(options, _OF_A_NEW_MODEL)
    assert options.genes is not None
    assert options.elements is not None
    assert options.gene_features is not None
    given = dict(options.config)
    genes = GeneTable.read(options.genes)
    try:
        config = EPInformerConfig(tissues=list(options.tissues), **given)
    except (TypeError, ValueError, StrictDataclassError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"the config does not fit: {reason}", remedy="Correct `config`.") from error
    features = read_gene_features(options.gene_features, genes, config.gene_features or ())
    if options.embeddings is not None:
        features = features.with_embeddings(options.embeddings)
        if "embedding_size" not in given:
            config.embedding_size = features.embedding_size
    elements = read_elements(options.elements, genes, most=config.num_enhancers, furthest=config.max_distance).table
    torch.manual_seed(options.loop.seed)
    network = EPInformerModel(config)
    return EPInformerGeneModel(network, genes, elements, features, device="cpu", precision="float32")


STAGE = on_expression(EPInformerOptions)
