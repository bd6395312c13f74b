"""A UKBioFormer opened for one reference genome."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np

from ...errors import InputError
from ...genome.personal import PersonalGenome
from ...genome.stretch import PersonalStretch
from ..gene_regions import GeneRegions
from ..window.opened_model import WindowOpened
from ..window.states import WindowStates
from ..window.window_input import WindowInput, WindowReader
from .people_embeddings import PeopleEmbeddings

if TYPE_CHECKING:
    from .gene_model import UkBioFormerGeneModel


@dataclass(frozen=True, slots=True)
class PersonInput(WindowInput):
    """A person's gene as its window.

    Attributes:
        sample: the person's name, by which a file of embeddings has the person.
    """

    sample: str = ""


class PersonReader(WindowReader):
    """Reads one person's genes, see :class:`WindowReader`."""

    def gene(self, regions: GeneRegions) -> PersonInput:
        """A gene as the model reads it."""
        return _of_person(super().gene(regions), self.person.sample)


class UkBioFormerOpened(WindowOpened):
    """Reads people as windows with their names."""

    model: "UkBioFormerGeneModel"

    def reader(self, person: PersonalGenome, stretch: PersonalStretch, regions: Sequence[GeneRegions]) -> PersonReader:
        """See :class:`OpenedModel`."""
        return PersonReader(person, stretch, self.form)

    def states(
        self, person: PersonalGenome, regions: GeneRegions, outputs: Sequence[int], *, shift: int = 0
    ) -> WindowStates:
        """A person's gene to be asked about, see :class:`OpenedModel`; an edited one's embedding is made anew.

        Raises:
            InputError: embeddings come from a file, which has none of an edited genome.
        """
        if isinstance(self.model.embeddings, PeopleEmbeddings):
            raise InputError(
                "has embeddings of people as they are, and none of edited genomes",
                file=self.model.embeddings.path,
                remedy="Leave it out, and give the UKBioBERT that makes them: --embedding-model PATH.",
            )
        return super().states(person, regions, outputs, shift=shift)

    def trial_input(self, regions: GeneRegions, *, with_variants: bool) -> WindowInput:
        """Two haplotypes of random bases, which no embedding is known of; one, of the reference."""
        rng, letters = np.random.default_rng(), np.frombuffer(b"ACGT", dtype=np.uint8)
        window = self.stand_in(regions).windows[0]
        drawn = rng.choice(letters, (1 + with_variants, self.form.length))
        return replace(self.stand_in(regions), windows=(replace(window, letters=drawn),))

    def stand_in(self, regions: GeneRegions) -> PersonInput:
        """A window of N, of which an embedding is zeros, see :class:`OpenedModel`."""
        return _of_person(super().stand_in(regions), "")


def _of_person(found: WindowInput, sample: str) -> PersonInput:
    return PersonInput(**{each.name: getattr(found, each.name) for each in fields(found)}, sample=sample)
