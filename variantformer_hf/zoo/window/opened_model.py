"""A network of windows opened for one reference genome."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import numpy as np

from ...genome.options import HAPLOTYPES
from ...genome.personal import PersonalGenome
from ...genome.reference import ReferenceGenome
from ...genome.stretch import PersonalStretch
from ..gene_regions import GeneRegions
from ..opened_model import OpenedModel
from ..statuses import OK, RecordUse
from .person_window import read_from
from .states import WindowStates
from .window_input import ReadWindow, WindowInput, WindowReader

if TYPE_CHECKING:
    from .gene_model import WindowGeneModel


class WindowOpened(OpenedModel):
    """Reads people as windows."""

    model: "WindowGeneModel"

    def __init__(self, model: "WindowGeneModel", reference: ReferenceGenome) -> None:
        super().__init__(model, reference)
        self.form = model.form

    def reader(self, person: PersonalGenome, stretch: PersonalStretch, regions: Sequence[GeneRegions]) -> WindowReader:
        """Reads windows, see :class:`OpenedModel`."""
        return WindowReader(person, stretch, self.form)

    def reach(self, person: PersonalGenome, regions: GeneRegions) -> tuple[np.ndarray, np.ndarray]:
        """The window, as far as the person's is read, see :class:`OpenedModel`."""
        starts, ends = super().reach(person, regions)
        low, high = read_from(person, [self.form.of_gene(regions).place])
        return np.append(starts, low), np.append(ends, high)

    def read(self, person: PersonalGenome, regions: GeneRegions) -> WindowInput:
        """One person's gene by itself, see :class:`OpenedModel`."""
        return cast(WindowInput, super().read(person, regions))

    def states(
        self, person: PersonalGenome, regions: GeneRegions, outputs: Sequence[int], *, shift: int = 0
    ) -> WindowStates:
        """A person's gene to be asked about, see :class:`OpenedModel`."""
        if shift:
            self.model.require("phase_shifts", "a phase shift")
        return WindowStates(self, person, regions, outputs)

    def trial_input(self, regions: GeneRegions, *, with_variants: bool) -> WindowInput:
        """Both haplotypes of a person, where each is read by itself; see :class:`OpenedModel`."""
        found = self.stand_in(regions)
        return replace(found, windows=found.windows * (1 + (with_variants and self.model.modes[0] == HAPLOTYPES)))

    def stand_in(self, regions: GeneRegions) -> WindowInput:
        """A window of N, of which one bin is read, see :class:`OpenedModel`."""
        nothing = np.zeros(0, dtype=np.int64)
        length = self.form.length
        bins = np.arange(-(-length // self.form.bin_size)) == 0
        window = ReadWindow(np.full((1, length), ord("N"), dtype=np.uint8), bins)
        return WindowInput(regions, RecordUse(OK), nothing, nothing, "", (window,))
