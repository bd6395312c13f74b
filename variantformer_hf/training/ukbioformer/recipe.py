"""UKBioFormer's recipe: every donor's haplotypes go through UKBioBERT once, before the first step."""

import logging
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from typing import Any, ClassVar, cast

import numpy as np
import torch
from accelerate import Accelerator
from huggingface_hub.errors import StrictDataclassError

from ...data.collators import ExpressionCollator
from ...data.examples import ExpressionExamples
from ...errors import InputError
from ...genome.genes import GeneTable
from ...modeling import UkBioFormerConfig, UkBioFormerForExpression
from ...zoo.families import load_gene_model
from ...zoo.model_files import model_identity
from ...zoo.ukbioformer.gene_model import UkBioFormerGeneModel
from ...zoo.ukbioformer.haplotype_vectors import OPTION, HaplotypeVectors, load_haplotype_vectors
from ...zoo.ukbioformer.opened_model import PersonInput
from ...zoo.ukbioformer.people_embeddings import PeopleEmbeddings
from ..options import ExpressionOptions, check_writable
from ..recipes import Recipe, check_config, check_goes_on, check_new_model
from ..stages import on_expression
from .options import UkBioFormerOptions

logger = logging.getLogger(__name__)


class UkBioFormerRecipe(Recipe):
    """Trunk, heads and gate learn, and UKBioBERT does not.

    Also makes a new model, on a trunk or from nothing. A trained model's config names its genes, and its UKBioBERT by
    the SHA-256 of its weights.
    """

    options_class: ClassVar[type[ExpressionOptions]] = UkBioFormerOptions
    takes: ClassVar[tuple[str, ...]] = ("config", "genes", "tissues", "element_store")
    options: UkBioFormerOptions
    model: UkBioFormerGeneModel

    def begin(self) -> UkBioFormerGeneModel:
        """See :class:`Recipe`."""
        options = self.options
        if options.loop.parallel == "fsdp":
            raise InputError("a gate of one number cannot be shared out", remedy="Choose ddp.")
        if options.element_store is not None:
            check_writable(options.element_store)
        if options.model is None:
            return _new_model(options)
        check_goes_on(options, ("backbone", "config", "genes", "tissues"))
        loaded = load_gene_model(
            options.model,
            device="cpu",
            precision="float32",
            embedding_model=options.embedding_model,
            variant_embeddings=options.embeddings,
            force_companions=options.force_companions,
        )
        return cast(UkBioFormerGeneModel, loaded)

    def set_up(self, train: ExpressionExamples, held_out: Mapping[str, ExpressionExamples]) -> dict[str, Any]:
        """See :class:`Recipe`; a haplotype that several have, or that is kept from before, is not embedded again."""
        pairs = [len(each.pairs) for each in (train, *held_out.values())]
        at_most = 2 * sum(pairs) if isinstance(self.model.embeddings, HaplotypeVectors) else 0
        return {**super().set_up(train, held_out), "haplotypes_to_embed_at_most": at_most}

    def trial_batch(self, examples: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
        """See :class:`Recipe`; embeddings of zeros cost what others do."""
        light, width = copy(self.model), self.model.config.embedding_size
        light.__dict__["variant_embeddings"] = lambda inputs: np.zeros((len(inputs), width), dtype=np.float32)
        return ExpressionCollator(light)(examples)

    def prepare(
        self,
        parts: Sequence[ExpressionExamples],
        accelerator: Accelerator,
        on_donor: Callable[[int, int], None] | None = None,
    ) -> None:
        """Make the embedding of every pair that is not kept yet, donor by donor, see :class:`Recipe`.

        Raises:
            InputError: a file of embeddings lacks one; nothing of a donor can be used.
        """
        source = self.model.embeddings
        with accelerator.main_process_first():
            if isinstance(source, HaplotypeVectors):
                source.to(accelerator.device)
                source.keep_in(self.options.element_store or self.options.loop.output / "embeddings")
            if accelerator.is_main_process:
                donors = [(each, donor) for each in parts for donor in np.unique(each.pairs.donor).tolist()]
                for number, (examples, donor) in enumerate(donors):
                    if on_donor is not None:
                        on_donor(number, len(donors))
                    self.model.variant_embeddings(_genes(examples, donor))
                if isinstance(source, HaplotypeVectors):
                    logger.info("%d haplotypes were embedded", source.made)
                for examples in parts:
                    examples.check_used()


def _genes(examples: ExpressionExamples, donor: int) -> list[PersonInput]:
    pairs = np.flatnonzero(examples.pairs.donor == donor).tolist()
    return [cast(PersonInput, examples.gene(pair) or examples.stand_in(pair)) for pair in pairs]


def _new_model(options: UkBioFormerOptions) -> UkBioFormerGeneModel:
    """A model on a trunk, or of drawn weights, with the UKBioBERT or the file that is named."""
    check_new_model(options, ("genes", "tissues"), kind="UKBioFormer")
    assert options.genes is not None
    check_config(UkBioFormerConfig, options.config)
    genes = GeneTable.read(options.genes)
    torch.manual_seed(options.loop.seed)
    try:
        plain = UkBioFormerConfig(**options.config)
        source = _embeddings(options, plain)
        width = 2 * source.width if isinstance(source, HaplotypeVectors) else source.width
        given = {
            "gate_seed": options.loop.seed,
            "embedding_size": width,
            **options.config,
            "tissues": list(options.tissues),
            "embedding_sha256": source.ukbiobert_sha256,
        }
        if options.backbone is None:
            network = UkBioFormerForExpression(UkBioFormerConfig(**given))
        else:
            network = UkBioFormerForExpression.from_backbone(options.backbone, **given)
    except (OSError, TypeError, ValueError, StrictDataclassError) as error:
        if isinstance(error, InputError):
            raise
        problem = " ".join(str(error).split())
        raise InputError(
            f"no UKBioFormer can be made: {problem}", file=options.backbone, remedy="Correct `config` or `backbone`."
        ) from error
    return UkBioFormerGeneModel(network, genes, source, device="cpu", precision="float32")


def _embeddings(options: UkBioFormerOptions, config: UkBioFormerConfig) -> HaplotypeVectors | PeopleEmbeddings:
    made = {"window": config.embedding_length, "chunk_bases": config.embedding_chunk_bases}
    if options.embeddings is not None:
        return PeopleEmbeddings(options.embeddings, options.config.get("embedding_size"), made)
    if options.embedding_model is None:
        raise InputError(
            "a new UKBioFormer needs embedding_model or embeddings", remedy=f"Name its UKBioBERT, as by {OPTION}."
        )
    sha256 = model_identity(options.embedding_model).sha256
    asked = options.embedding_model
    return load_haplotype_vectors("a new UKBioFormer", None, sha256, asked=asked, chunk_bases=made["chunk_bases"])


STAGE = on_expression(UkBioFormerOptions)
