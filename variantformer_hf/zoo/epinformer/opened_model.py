"""EPInformer opened for one reference genome."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import numpy as np
import torch

from ...genome.personal import PersonalGenome
from ...genome.reference import ReferenceGenome
from ...genome.stretch import PersonalStretch
from ...tokenization.one_hot import letter_table
from ..gene_input import GeneInput, GeneOutput
from ..gene_regions import GeneRegions
from ..opened_model import OpenedModel
from ..statuses import OK, RecordUse
from ..window.person_window import read_from
from .element_input import ElementInput, ElementReader, places_of
from .element_vectors import ElementVectors
from .states import EPInformerStates

if TYPE_CHECKING:
    from .gene_model import EPInformerGeneModel

# A reading's row, the place of a promoter or an element in it, its letters.
Found = tuple[int, int, np.ndarray]
# Letters that stand for bases: an element of N alone is empty.
_IS_BASE = np.any(letter_table(n=0.0, iupac=True) > 0, axis=1)


class EPInformerOpened(OpenedModel):
    """Reads people as promoters and elements; of those that read the same, in whomever, one vector is found."""

    model: "EPInformerGeneModel"

    def __init__(self, model: "EPInformerGeneModel", reference: ReferenceGenome) -> None:
        super().__init__(model, reference)
        self._vectors = ElementVectors(model)

    def reader(self, person: PersonalGenome, stretch: PersonalStretch, regions: Sequence[GeneRegions]) -> ElementReader:
        """Reads promoters and elements, see :class:`OpenedModel`."""
        return ElementReader(person, stretch, self.model.elements, self.model.config.element_length)

    def reach(self, person: PersonalGenome, regions: GeneRegions) -> tuple[np.ndarray, np.ndarray]:
        """Promoter and elements, as far as the person's are read, see :class:`OpenedModel`."""
        starts, ends = super().reach(person, regions)
        low, high = read_from(person, places_of(regions, self.model.config.element_length))
        return np.append(starts, low), np.append(ends, high)

    def states(
        self, person: PersonalGenome, regions: GeneRegions, outputs: Sequence[int], *, shift: int = 0
    ) -> EPInformerStates:
        """A person's gene to be asked about, see :class:`OpenedModel`."""
        if shift:
            self.model.require("phase_shifts", "a phase shift")
        return EPInformerStates(self, person, regions, outputs)

    def stand_in(self, regions: GeneRegions) -> ElementInput:
        """A promoter of N without an element, see :class:`OpenedModel`."""
        nothing = np.zeros(0, dtype=np.int64)
        alone = replace(regions, starts=nothing, ends=nothing, cre_class_ids=nothing, cre_rows=nothing)
        promoter = np.full(self.model.config.element_length, ord("N"), dtype=np.uint8)
        return ElementInput(alone, RecordUse(OK), nothing, nothing, "", ((promoter,),))

    def trial_input(self, regions: GeneRegions, *, with_variants: bool) -> ElementInput:
        """A gene whose vectors are not known, see :class:`OpenedModel`."""
        self._vectors.clear()
        found = cast(ElementInput, self.read(PersonalGenome(self.reference), regions))
        if not (with_variants and found.readings):
            return found
        other = tuple(None if each is None else each[::-1].copy() for each in found.readings[0])
        return replace(found, readings=(found.readings[0], other))

    def predict_by(
        self, inputs: Sequence[ElementInput], outputs: Sequence[int], vectors: ElementVectors
    ) -> list[GeneOutput]:
        """Predict genes that are there, with vectors that may be known already."""
        logits = self.logits(inputs, outputs, lambda found: vectors.of([letters for _, _, letters in found]))
        return [GeneOutput(values) for values in logits.float().cpu().numpy()]

    def logits(
        self, inputs: Sequence[ElementInput], outputs: Sequence[int], encode: Callable[[list[Found]], torch.Tensor]
    ) -> torch.Tensor:
        """What the network says of genes that are there, (B, T) float32.

        Args:
            inputs: B genes.
            outputs: T ids.
            encode: M promoters and elements -> (M, hidden_size), their vectors on the model's device.
        """
        ids = np.tile(np.asarray(outputs, dtype=np.int64), (len(inputs), 1))
        device, network = self.model.device, self.model.network
        batch = {name: tensor.to(device) for name, tensor in self.model.batch_without_dna(inputs, ids).items()}
        features = batch.pop("element_features")
        readings = [reading for given in inputs for reading in given.readings]
        found = [
            (row, place, letters)
            for row, reading in enumerate(readings)
            for place, letters in enumerate(reading)
            if letters is not None and (place == 0 or _IS_BASE[letters].any())
        ]
        present = torch.zeros(features.shape[:2], dtype=torch.bool, device=device)
        rows, places = (torch.tensor([each[part] for each in found], device=device) for part in (0, 1))
        present[rows, places] = True
        encoded = encode(found)
        vectors = encoded.new_zeros(*present.shape, encoded.shape[-1]).index_put((rows, places), encoded)
        states = network.together(vectors, present, features)
        gene_features, embeddings = batch.pop("gene_features"), batch.pop("embeddings", None)
        logits: torch.Tensor = network.read(states, gene_features, embeddings, **batch)
        return logits

    @torch.inference_mode()
    def _through_network(self, inputs: Sequence[GeneInput], outputs: Sequence[int]) -> list[GeneOutput]:
        return self.predict_by([cast(ElementInput, each) for each in inputs], outputs, self._vectors)
