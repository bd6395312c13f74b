"""VariantFormer opened for one reference genome."""

import logging
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, cast

import numpy as np

from ...errors import InputError
from ...genome.personal import PersonalGenome
from ...genome.reference import ReferenceGenome
from ...genome.stretch import PersonalStretch
from ..cre_attention import AttendingModel, CreAttention
from ..estimate import RunEstimate
from ..exactness import exact_products
from ..gene_input import GeneInput, GeneOutput
from ..gene_regions import GeneRegions
from ..statuses import OK, RecordUse
from .engine import ExpressionEngine, GeneWork
from .estimate import estimate_run
from .gene_tokens import GeneTokens
from .reference_tokens import ReferenceTokens
from .states import VariantFormerStates
from .token_input import TokenInput, TokenReader
from .token_rows import TokenRows

if TYPE_CHECKING:
    from .gene_model import VariantFormerGeneModel

logger = logging.getLogger(__name__)


class VariantFormerOpened(AttendingModel):
    """VariantFormer for one reference genome: what is known of its cCREs is kept."""

    def __init__(self, model: "VariantFormerGeneModel", reference: ReferenceGenome) -> None:
        super().__init__(model, reference)
        self.processor = model.processor
        self._n_elements = len(model.cre_table)
        self._tokens: dict[int, ReferenceTokens] = {}

    @cached_property
    def engine(self) -> ExpressionEngine:
        """The model at work; a model without its network reads genes and has none."""
        model = cast("VariantFormerGeneModel", self.model)
        return ExpressionEngine(model.network, self.processor, self._n_elements, model.store)

    def reference_tokens(self, shift: int = 0) -> ReferenceTokens:
        """Tokens of the reference's cCREs; others for each shift."""
        if shift not in self._tokens:
            self._tokens[shift] = ReferenceTokens(self.processor.tokenizer, self._n_elements)
        return self._tokens[shift]

    def reader(self, person: PersonalGenome, stretch: PersonalStretch, regions: Sequence[GeneRegions]) -> TokenReader:
        """Reads tokens, see :class:`OpenedModel`."""
        return TokenReader(person, stretch, regions, self.reference_tokens(), self.processor.tokenizer)

    def stand_in(self, regions: GeneRegions) -> TokenInput:
        """A cCRE and a window without a token, see :class:`OpenedModel`."""
        nothing, one = np.zeros(0, dtype=np.int64), np.zeros(1, dtype=np.int64)
        tokens = GeneTokens(
            elements=TokenRows.one_empty(),
            indices=one,
            cre_rows=one,
            differs=np.zeros(1, dtype=bool),
            class_ids=one,
            window=np.zeros(0, dtype=np.int32),
            keys=nothing,
            outcomes=nothing,
        )
        return TokenInput(regions, RecordUse(OK), nothing, nothing, "", tokens)

    def predict_able(self, able: Sequence[GeneInput], outputs: Sequence[int]) -> list[GeneOutput]:
        """Predict genes, cCREs by what is known of them, see :class:`OpenedModel`."""
        work = [GeneWork(cast(TokenInput, each).tokens, each.regions.gene.strand == "-") for each in able]
        return [GeneOutput(*each) for each in self.engine.predict(work, outputs)]

    @property
    def attention_shape(self) -> tuple[int, int]:
        """Layers of the gene stream, and their heads, see :class:`AttendingModel`."""
        config = self.model.config
        if config.gene_pooling in ("max", "mean"):
            raise InputError(
                f"{self.model.identity.name} pools a gene's windows by their {config.gene_pooling}, and no token of it "
                "attends to cCREs",
                remedy="Use a model with tissue tokens.",
            )
        return config.num_hidden_layers, config.num_attention_heads

    @exact_products()
    def attention(self, gene: GeneInput, outputs: Sequence[int]) -> CreAttention:
        """A gene's prediction and the tissue token's attention, see :class:`AttendingModel`."""
        shape = self.attention_shape
        if gene.ending is not None:
            return CreAttention.nothing(gene.ending, len(outputs), shape)
        tokens = cast(TokenInput, gene).tokens
        found = self.engine.attend(GeneWork(tokens, gene.regions.gene.strand == "-"), outputs)
        assert found.attentions is not None
        output = self.checked(GeneOutput(found.log1p_tpm, found.embeddings), gene.regions.gene)
        return CreAttention(output, tokens.indices, found.attentions)

    def states(
        self, person: PersonalGenome, regions: GeneRegions, outputs: Sequence[int], *, shift: int = 0
    ) -> VariantFormerStates:
        """A person's gene to be asked about, see :class:`OpenedModel`."""
        return VariantFormerStates(self, person, regions, outputs, shift=shift)

    def cost(self, regions: GeneRegions) -> float:
        """In units of the tokens that the streams work on."""
        return float(len(regions.starts) + self.processor.max_gene_windows)

    def estimate(
        self,
        regions: Sequence[GeneRegions],
        *,
        n_people: int,
        n_outputs: int,
        with_variants: bool,
        n_processes: int = 1,
    ) -> RunEstimate:
        """What a run will take, see :class:`OpenedModel`."""
        return estimate_run(
            self.engine,
            self.processor,
            regions,
            n_people=n_people,
            n_tissues=n_outputs,
            with_variants=with_variants,
            n_processes=n_processes,
        )

    def finish(self) -> None:
        """Write to the store what was encoded."""
        self.engine.save_vectors()
        logger.info("cCREs: %d encoded, %d from the store", self.engine.elements_encoded, self.engine.elements_found)

    def between_stretches(self) -> None:
        """Take notice of what other processes encoded."""
        if self.engine.store is not None:
            self.engine.store.refresh()

    @property
    def damage(self) -> list[str]:
        """Of the store."""
        return [] if self.engine.store is None else list(self.engine.store.damage)
