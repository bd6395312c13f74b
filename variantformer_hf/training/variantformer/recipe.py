"""VariantFormer's recipe for expression (stage 2): on top of the encoders, whose cCREs are encoded once."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import datasets
import numpy as np
import torch
from accelerate import Accelerator
from transformers import PreTrainedModel

from ...data.epochs import Share
from ...data.examples import ExpressionExamples
from ...data.gene_blocks import GeneBlocks, block_dataset
from ...errors import InputError
from ...genome.cres import CRE_CLASSES, CreTable
from ...genome.genes import GeneTable
from ...modeling import VariantFormerConfig, VariantFormerForExpression
from ...modeling.variformer import pairwise_difference_loss
from ...zoo.companions import check_companions
from ...zoo.gene_input import GeneInput
from ...zoo.outputs import TissueNames
from ...zoo.variantformer.frozen_elements import FrozenElements
from ...zoo.variantformer.gene_model import VariantFormerGeneModel
from ...zoo.variantformer.loading import load_encoder, load_processor
from ..options import ExpressionOptions, check_writable
from ..people_blocks import people_blocks
from ..recipes import Recipe, check_new_model
from .geometry import without_geometry

logger = logging.getLogger(__name__)


class VariantFormerRecipe(Recipe):
    """Also makes a new model from an encoder, adds tissues, and encodes cCREs before the first step.

    While the cCRE encoder does not learn, a batch has the cCREs' vectors in the place of their tokens.
    """

    takes: ClassVar[tuple[str, ...]] = (
        "encoder",
        "config",
        "genes",
        "cres",
        "tissues",
        "new_tissues",
        "element_store",
        "people_per_block",
        "difference_weight",
    )
    freezes: ClassVar[tuple[str, ...]] = ("encoder", "none", "all_but_tissues", "all_but_new_tissues")
    model: VariantFormerGeneModel
    blocks: GeneBlocks | None = None

    def __init__(self, options: ExpressionOptions) -> None:
        super().__init__(options)
        self._old_rows: torch.Tensor | None = None

    def begin(self) -> VariantFormerGeneModel:
        """See :class:`Recipe`."""
        options = self.options
        if options.element_store is not None:
            check_writable(options.element_store)
        model = _new_model(options) if options.model is None else _loaded(options)
        for name, source in options.new_tissues.items():
            try:
                model.network.add_tissue(name, init_from=source)
            except ValueError as error:
                raise InputError(str(error), file=options.model, remedy="Correct `new_tissues`.") from error
        model.tissue_names = TissueNames(model.network.config.tissues or ())
        if options.freeze == "all_but_new_tissues" and not options.new_tissues:
            raise InputError(
                "freeze is 'all_but_new_tissues', and there are none", remedy="Name them in `new_tissues`."
            )
        if options.freeze == "all_but_new_tissues" and options.loop.parallel == "fsdp":
            raise InputError(
                "one row of the registry cannot be shared out", remedy="Choose ddp: there is little to share."
            )
        freeze(model.network, str(options.freeze))
        return model

    def set_up(self, train: ExpressionExamples, held_out: Mapping[str, ExpressionExamples]) -> dict[str, Any]:
        """Make the blocks, where there are to be any, see :class:`Recipe`.

        Raises:
            InputError: differences are to be learned and a batch would be of several genes; see :func:`people_blocks`.
        """
        plan = super().set_up(train, held_out)
        options = self.options
        if not 0 <= options.difference_weight <= 1:
            raise InputError(f"difference_weight is {options.difference_weight}", remedy="It must be from 0 to 1.")
        if options.people_per_block is None:
            if options.difference_weight:
                raise InputError(
                    "difference_weight is given, and people_per_block is not",
                    remedy="Give it too: differences are those between people of one gene in a batch.",
                )
            return plan
        self.blocks, too_few = people_blocks(
            train.pairs,
            options.people_per_block,
            batch_size=options.loop.batch_size,
            seed=options.loop.seed,
            expression=options.expression,
        )
        return {**plan, "genes": len(self.blocks.genes), "genes_with_too_few_donors": too_few}

    def n_examples(self, train: ExpressionExamples, processes: int) -> int:
        """See :class:`Recipe`."""
        if self.blocks is None:
            return super().n_examples(train, processes)
        return self.blocks.of_epoch(processes) * self.blocks.size

    def epoch(self, train: ExpressionExamples, epoch: int, share: Share) -> datasets.IterableDataset:
        """See :class:`Recipe`."""
        if self.blocks is None:
            return super().epoch(train, epoch, share)
        return block_dataset(train, self.blocks, epoch=epoch, share=share)

    def loss(self, network: torch.nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """The network's own, and that of differences between the people of a batch, see :class:`Recipe`."""
        weight = self.options.difference_weight
        if not weight:
            return super().loss(network, batch)
        output = network(**batch, return_dict=True)
        differences = pairwise_difference_loss(output.logits, batch["labels"], outputs=batch["tissue_ids"], alpha=0.0)
        total: torch.Tensor = (1 - weight) * output.loss + weight * differences
        return total

    def trial_batch(self, examples: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
        """See :class:`Recipe`; vectors of zeros cost what others do."""
        if self.options.freeze == "none":
            return self.collate(examples)
        width = self.model.network.model.cre_encoder.config.hidden_size
        self.model.element_vectors = lambda elements: np.zeros((len(elements), width), dtype=np.float32)
        try:
            return self.collate(examples)
        finally:
            self.model.element_vectors = None

    def prepare(
        self,
        parts: Sequence[ExpressionExamples],
        accelerator: Accelerator,
        on_donor: Callable[[int, int], None] | None = None,
    ) -> None:
        """Encode every cCRE of every pair that is not in the store, donor by donor, see :class:`Recipe`.

        Raises:
            InputError: nothing of a donor can be used.
        """
        if self.options.freeze == "none":
            return
        folder = self.options.element_store or self.options.loop.output / "elements"
        with accelerator.main_process_first():
            network = self.model.network.to(accelerator.device)
            vectors = FrozenElements(network, self.model.processor, folder, "float32")
            if accelerator.is_main_process:
                logger.info("%d cCREs were encoded", _encode(vectors, parts, on_donor))
                for examples in parts:
                    examples.check_used()
        vectors.refresh()
        self.model.element_vectors = vectors
        registry = network.model.tissue_embedding
        if self.options.freeze == "all_but_new_tissues" and registry is not None:
            self._old_rows = registry.weight.detach()[: -len(self.options.new_tissues)].clone()

    def before_step(self, network: PreTrainedModel) -> None:
        """A frozen encoder is in evaluation, see :class:`Recipe`."""
        if self.options.freeze != "none":
            network.model.cre_encoder.eval()

    def after_step(self, network: PreTrainedModel) -> None:
        """Put back the rows of old tissues: weight decay moves them, though their gradient is 0."""
        if self._old_rows is not None:
            with torch.no_grad():
                network.model.tissue_embedding.weight[: len(self._old_rows)] = self._old_rows


def freeze(model: VariantFormerForExpression, what: str) -> None:
    """Choose what learns.

    Args:
        model: the model.
        what: ``encoder``: all but the cCRE encoder; ``none``: everything; ``all_but_tissues`` and
            ``all_but_new_tissues``: only the registry, of which the recipe puts back the old rows.
    """
    for parameter in model.parameters():
        parameter.requires_grad_(what in ("none", "encoder"))
    if what not in ("none", "encoder"):
        if model.model.tissue_embedding is None:
            raise InputError("this model has no registry of tissues", remedy="Choose another freeze.")
        model.model.tissue_embedding.requires_grad_(True)
    if what != "none":
        model.model.cre_encoder.requires_grad_(False)


def _encode(
    vectors: FrozenElements,
    parts: Sequence[ExpressionExamples],
    on_donor: Callable[[int, int], None] | None,
) -> int:
    """Encode what is not in the store; how many cCREs that were."""
    donors = [(examples, donor) for examples in parts for donor in np.unique(examples.pairs.donor).tolist()]
    encoded = 0
    for number, (examples, donor) in enumerate(donors):
        if on_donor is not None:
            on_donor(number, len(donors))
        encoded += vectors.encode(_genes(examples, donor))
    if on_donor is not None:
        on_donor(len(donors), len(donors))
    return encoded


def _genes(examples: ExpressionExamples, donor: int) -> Iterator[GeneInput]:
    for pair in np.flatnonzero(examples.pairs.donor == donor).tolist():
        yield examples.gene(pair) or examples.stand_in(pair)


def _loaded(options: ExpressionOptions) -> VariantFormerGeneModel:
    assert options.model is not None
    return VariantFormerGeneModel.load(
        options.model,
        device="cpu",
        precision="float32",
        store=None,
        attention="sdpa",
        force_companions=options.force_companions,
    )


def _new_model(options: ExpressionOptions) -> VariantFormerGeneModel:
    """A model on top of a stage-1 encoder."""
    check_new_model(options)
    assert options.encoder is not None
    assert options.genes is not None
    assert options.cres is not None
    check_companions(options.encoder, force=options.force_companions)
    encoder = load_encoder(options.encoder, dtype=torch.float32)
    encoder.config.companions = None  # those of the new model are written with it
    given, geometry = without_geometry(options.config)
    processor = load_processor(options.encoder)
    for name, value in geometry.items():
        setattr(processor, name, value)
    try:
        config = VariantFormerConfig(
            encoder_config=encoder.config, tissues=list(options.tissues), cre_classes=list(CRE_CLASSES), **given
        )
    except (TypeError, ValueError) as error:
        raise InputError(f"the config does not fit: {error}", remedy="Correct `config`.") from error
    torch.manual_seed(options.loop.seed)
    network = VariantFormerForExpression(config)
    # Both encoders begin as the pre-trained one.
    network.model.cre_encoder.load_state_dict(encoder.state_dict())
    network.model.gene_encoder.load_state_dict(encoder.state_dict())
    genes, cres = GeneTable.read(options.genes), CreTable.read(options.cres)
    return VariantFormerGeneModel(network, processor, genes, cres, device="cpu", precision="float32")
