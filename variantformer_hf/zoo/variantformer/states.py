"""VariantFormer's states of a gene: only what differs from the person's gene is read, encoded and predicted again."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ...genome.edited import EditedGenome
from ...genome.personal import PersonalGenome
from ..gene_input import GeneOutput
from ..gene_regions import GeneRegions
from ..gene_states import CreStates
from ..statuses import GENE_DELETED, NO_CRES, record_use
from .engine import StreamOutput
from .personal_gene import PersonalGene, first_difference, shifted
from .token_states import Places, TokenState, TokenStates

if TYPE_CHECKING:
    from .opened_model import VariantFormerOpened


class VariantFormerStates(CreStates):
    """See :class:`GeneStates`; a state is a ``TokenState``.

    Args:
        opened: the model.
        person: the person.
        regions: of the gene.
        outputs: ids of the tissues.
        shift: leave out so many bases at the start of every sequence.
    """

    opened: "VariantFormerOpened"

    def __init__(
        self,
        opened: "VariantFormerOpened",
        person: PersonalGenome,
        regions: GeneRegions,
        outputs: Sequence[int],
        *,
        shift: int = 0,
    ) -> None:
        if shift:
            regions = shifted(regions, shift)
        self.opened, self.regions, self.outputs = opened, regions, list(outputs)
        self._processor = opened.processor
        self._gene = PersonalGene(person, regions, opened.reference_tokens(shift), self._processor.tokenizer)
        self.person = self._gene.person
        base = self._gene.base
        self.use = record_use(self.person, regions.window.chrom, base.outcomes)
        self.base = TokenState()
        if shift:
            # The engine knows the reference's elements by their rows, and these are other sequences.
            base = replace(base, differs=np.ones(len(base.elements), dtype=bool))
        self._tokens = TokenStates(
            opened.engine,
            base,
            n_cres=len(regions.starts),
            class_ids=regions.cre_class_ids,
            reverse=regions.gene.strand == "-",
            tissue_ids=outputs,
        )

    def of(self, edited: EditedGenome) -> TokenState:
        """What differs in an edited genome of this person."""
        return self._gene.state(edited)

    def predict(self, states: Sequence[TokenState]) -> list[GeneOutput]:
        """Predict states, see :class:`GeneStates`."""
        return self._predicted(states, [Places()] * len(states))

    def predict_variants(
        self, variants: Sequence[Sequence[TokenState]], *, with_embeddings: bool = False
    ) -> list[list[GeneOutput]]:
        """Predict the states of several variants, see :class:`GeneStates`."""
        states = [state for of_variant in variants for state in of_variant]
        places = [Places()] * len(states)
        if with_embeddings:
            places = [place for of_variant in variants for place in [self._changed(of_variant)] * len(of_variant)]
        found = iter(self._predicted(states, places))
        return [[next(found) for _ in of_variant] for of_variant in variants]

    def noise(self) -> np.ndarray:
        """How much the base's prediction differs between batch shapes, see ``TokenStates.noise``."""
        return self._tokens.noise()

    def flags(self, before: TokenState, after: TokenState, cres: np.ndarray) -> list[str]:
        """``beyond_seen_tokens``, ``token_shift`` and ``truncated_element``, where they hold."""
        flags = []
        length = self._processor.token_length
        left, right = self._window_of(before), self._window_of(after)
        first = first_difference(left, right)
        if first is not None and first >= length * self._processor.max_gene_windows:
            flags.append("beyond_seen_tokens")
        elif first is not None and left is not None and right is not None and len(left) != len(right):
            flags.append("token_shift")
        for index in cres.tolist():
            base = self._gene.element(index)
            for tokens in (before.elements.get(index, base), after.elements.get(index, base)):
                if tokens is not None and len(tokens) > length and "truncated_element" not in flags:
                    flags.append("truncated_element")
        return flags

    def changed_row(self, states: Sequence[TokenState]) -> float:
        """Row of the window that any alternative first differs in."""
        first = self._first_window_token(states)
        return np.nan if first is None else float(first // self._processor.token_length)

    def has_cre(self, index: int) -> bool:
        """Whether the person has one of the gene's cCREs."""
        return self._gene.element(index) is not None

    def without_cre(self, index: int) -> TokenState:
        """The gene without one of its cCREs."""
        return TokenState({index: None})

    def with_cre(self, index: int, sequences: Sequence[str]) -> list[TokenState]:
        """The gene with other sequences in the place of one of its cCREs."""
        encoded = self._processor.tokenizer.encode_sequences(list(sequences))
        return [TokenState({index: np.asarray(tokens, dtype=np.int32)}) for tokens in encoded]

    def _predicted(self, states: Sequence[TokenState], places: Sequence[Places]) -> list[GeneOutput]:
        if not self.use.is_known:
            return [GeneOutput.nothing(self.use.status, len(self.outputs))] * len(states)
        found = self._tokens.predict(states, places)
        return [self._output(state, output) for state, output in zip(states, found, strict=True)]

    def _output(self, state: TokenState, output: StreamOutput | None) -> GeneOutput:
        if output is None:
            gone = self._window_of(state) is None
            return GeneOutput.nothing(GENE_DELETED if gone else NO_CRES, len(self.outputs))
        return self.opened.checked(as_gene_output(output), self.regions.gene)

    def _changed(self, states: Sequence[TokenState]) -> Places:
        """The first element, and the row of the window, that a variant changes."""
        if not states:
            return Places()
        changed = [index for index in states[-1].elements if not self._same_element(states[0], states[-1], index)]
        first = self._first_window_token(states)
        row = -1 if first is None else first // self._processor.token_length
        return Places(changed[0] if changed else -1, row)

    def _same_element(self, ref: TokenState, alt: TokenState, index: int) -> bool:
        base = self._gene.element(index)
        before, after = ref.elements.get(index, base), alt.elements.get(index, base)
        if before is None or after is None:
            return before is after
        return np.array_equal(before, after)

    def _window_of(self, state: TokenState) -> np.ndarray | None:
        if not state.has_window:
            return None
        return self._gene.base.window if state.window is None else state.window

    def _first_window_token(self, states: Sequence[TokenState]) -> int | None:
        """The first token of the window in which any alternative differs from the state without the variant."""
        before = self._window_of(states[0])
        found = [first_difference(before, self._window_of(each)) for each in states[1:]]
        return min((each for each in found if each is not None), default=None)


def as_gene_output(output: StreamOutput) -> GeneOutput:
    """What the streams gave, with the vectors of the changed cCRE (the same for all tissues) and window."""
    n_tissues = len(output.log1p_tpm)
    changed = {
        "cre": np.broadcast_to(output.cre_embedding, (n_tissues, len(output.cre_embedding))),
        "window": output.window_embeddings,
    }
    return GeneOutput(output.log1p_tpm, output.embeddings, changed=changed)
