"""Variformer's recipe: blocks of donors of one gene, and correlations over donors to choose the best by."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, cast

import datasets
import torch
from huggingface_hub.errors import StrictDataclassError
from transformers import PreTrainedModel

from ...data.epochs import Share
from ...data.examples import ExpressionExamples
from ...data.expression_pairs import ExpressionPairs
from ...data.gene_blocks import GeneBlocks, block_dataset
from ...errors import InputError
from ...evaluation.correlations import LEAST_VALUES
from ...genome.genes import GeneTable
from ...modeling import VariformerConfig, VariformerForExpression
from ...zoo.variformer.gene_model import VariformerGeneModel
from ..held_out import ACROSS_DONORS, scores_across_donors
from ..loop import label_count
from ..options import ExpressionOptions
from ..people_blocks import people_blocks
from ..recipes import Recipe, check_config, check_goes_on, check_new_model, name_trained_genes
from ..stages import on_expression
from .options import VariformerOptions

# What a new model is made of.
_OF_A_NEW_MODEL = ("config", "genes", "tissues")


class VariformerRecipe(Recipe):
    """An epoch is whole blocks of one gene; each batch weighs the same, as its loss is of all its pairs of people.

    Also makes a new model, on an Enformer's trunk or from nothing. A trained model's config names its genes.
    """

    options_class: ClassVar[type[ExpressionOptions]] = VariformerOptions
    takes: ClassVar[tuple[str, ...]] = (*_OF_A_NEW_MODEL, "people_per_block")
    evaluated_genes: ClassVar[tuple[str, ...]] = ("train", "validation", "test")
    freezes: ClassVar[tuple[str, ...]] = ("none", "trunk")
    options: VariformerOptions
    model: VariformerGeneModel
    blocks: GeneBlocks

    def begin(self) -> VariformerGeneModel:
        """See :class:`Recipe`."""
        options = self.options
        if options.n_tissues is not None:
            raise InputError(
                f"n_tissues is {options.n_tissues}",
                remedy="Leave it out: the loss compares all donors of a block in each tissue.",
            )
        if options.model is None:
            model = _new_model(options)
        else:
            check_goes_on(options, ("enformer", *_OF_A_NEW_MODEL))
            model = cast(VariformerGeneModel, super().begin())
        if options.freeze == "trunk":
            model.network.trunk.requires_grad_(False)
        return model

    def set_up(self, train: ExpressionExamples, held_out: Mapping[str, ExpressionExamples]) -> dict[str, Any]:
        """Make the blocks, and name their genes in the model's config, see :class:`Recipe`.

        Raises:
            InputError: no gene has donors enough; a block is not whole batches; no gene has held-out donors enough for
                a correlation.
        """
        options = self.options
        self.blocks, too_few = people_blocks(
            train.pairs,
            options.people_per_block,
            batch_size=options.loop.batch_size,
            seed=options.loop.seed,
            expression=options.expression,
        )
        if "train" in held_out:
            _check_held_out(held_out["train"].pairs, self.blocks.genes)
        name_trained_genes(self.model, self.blocks.genes)
        return {
            "genes": len(self.blocks.genes),
            "genes_with_too_few_donors": too_few,
            "blocks_in_an_epoch_of_one_process": self.blocks.of_epoch(),
        }

    def n_examples(self, train: ExpressionExamples, processes: int) -> int:
        """See :class:`Recipe`."""
        return self.blocks.of_epoch(processes) * self.blocks.size

    def epoch(self, train: ExpressionExamples, epoch: int, share: Share) -> datasets.IterableDataset:
        """See :class:`Recipe`."""
        return block_dataset(train, self.blocks, epoch=epoch, share=share)

    def weigh(self, batch: dict[str, torch.Tensor]) -> int:
        """See :class:`Recipe`."""
        return int(label_count(batch) > 0)

    def numbers(self, held_out: Mapping[str, ExpressionExamples]) -> Sequence[str]:
        """See :class:`Recipe`."""
        return [f"{part}_genes.{name}" for part in held_out or ("train",) for name in ACROSS_DONORS]

    def evaluate(
        self,
        network: PreTrainedModel,
        held_out: Mapping[str, ExpressionExamples],
        share: Share,
        device: torch.device | str,
    ) -> dict[str, float]:
        """r and R2 over donors, means over the genes of each part, see :class:`Recipe`."""
        found: dict[str, float] = {}
        for part, examples in held_out.items():
            scores = scores_across_donors(
                network,
                examples,
                self.collate,
                batch_size=self.options.loop.batch_size,
                genes=self.blocks.genes if part == "train" else None,
                most=self.options.evaluate_pairs,
                share=share,
                device=device,
            )
            found |= {f"{part}_genes.{name}": value for name, value in scores.items()}
        return found


def _new_model(options: VariformerOptions) -> VariformerGeneModel:
    """A model on an Enformer's trunk, or of drawn weights."""
    check_new_model(options, ("genes", "tissues"), kind="Variformer")
    assert options.genes is not None
    check_config(VariformerConfig, options.config)
    given = {**options.config, "tissues": list(options.tissues)}
    genes = GeneTable.read(options.genes)
    torch.manual_seed(options.loop.seed)
    try:
        if options.enformer is None:
            network = VariformerForExpression(VariformerConfig(**given))
        else:
            network = VariformerForExpression.from_enformer(options.enformer, **given)
    except (OSError, TypeError, ValueError, StrictDataclassError) as error:
        problem = " ".join(str(error).split())
        raise InputError(
            f"no Variformer can be made: {problem}", file=options.enformer, remedy="Correct `config` or `enformer`."
        ) from error
    return VariformerGeneModel(network, genes, device="cpu", precision="float32")


def _check_held_out(pairs: ExpressionPairs, genes: Sequence[str]) -> None:
    """Refuse held-out donors over whom no gene that is trained has a correlation."""
    of_gene = Counter(pairs.genes[gene] for gene in pairs.gene.tolist())
    most = max(of_gene[gene] for gene in genes)
    if most < LEAST_VALUES:
        raise InputError(
            f"no gene to train on has {LEAST_VALUES} held-out donors, the most have {most}",
            remedy="Hold out more donors for validation, or none.",
        )


STAGE = on_expression(VariformerOptions)
