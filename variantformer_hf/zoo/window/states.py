"""A gene's windows as a person has them, and as they would be: only sequences that are new are predicted.

A state is a few windows, each the letters of one sequence, or in the mode ``diploid`` of both, and the bins that are
read of it. What an SNV changes is put into a copy of the person's letters; where an insertion or deletion moves bases,
the window is read anew. A window that was predicted before, such as the haplotype that a heterozygous variant leaves as
it is, is not predicted again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from ...genome.edited import EditedGenome
from ...genome.haplotype_stretch import HaplotypeStretch
from ...genome.interval import Interval
from ...genome.personal import PersonalGenome
from ...genome.stretch import PersonalStretch
from ..diploid_dna import reads_edits
from ..exactness import exact_products
from ..gene_input import GeneOutput
from ..gene_regions import GeneRegions
from ..gene_states import GradientStates
from ..input_gradients import gradients_of_inputs
from ..statuses import NOT_SNP, WINDOW_OFF_CONTIG
from .person_window import PersonWindow, read_each
from .window_input import ReadWindow, WindowInput

if TYPE_CHECKING:
    from .opened_model import WindowOpened


@dataclass(frozen=True, slots=True)
class WindowState:
    """A gene's windows, one a reading, or one of both; none where ``missing`` says why the gene is not there."""

    windows: tuple[ReadWindow, ...]
    missing: str = ""


class WindowStates(GradientStates):
    """See :class:`GeneStates`; a state is a :class:`WindowState`."""

    opened: "WindowOpened"

    def __init__(
        self, opened: "WindowOpened", person: PersonalGenome, regions: GeneRegions, outputs: Sequence[int]
    ) -> None:
        super().__init__(opened, person, regions, outputs)
        self._known: dict[bytes, np.ndarray] = {}

    def _read(self) -> None:
        """Read the gene as the person has it, each haplotype by itself."""
        form, window = self.opened.form, self.regions.window
        self._of_gene = form.of_gene(self.regions)
        stretch = self.person.stretch(window.chrom, window.start, window.end)
        self._input: WindowInput = self.opened.reader(self.person, stretch, [self.regions]).gene(self.regions)
        self.use = self._input.use
        self._stretches = stretch.haplotypes if isinstance(stretch, HaplotypeStretch) else (stretch,)
        self._each = read_each(self.person, self._of_gene.place, stretch) or ()
        self.base = self._state(self.person, self._each)

    def _state(self, person: PersonalGenome, windows: Sequence[PersonWindow]) -> WindowState:
        if not windows:
            return WindowState((), WINDOW_OFF_CONTIG)
        return WindowState(*self.opened.form.read(person, windows, self._of_gene))

    def of(self, edited: EditedGenome) -> WindowState:
        """The gene in an edited genome of this person, see :class:`GeneStates`."""
        if not reads_edits(edited):
            return WindowState((), NOT_SNP)
        parts = zip(edited.readings(), self._stretches, self._each, strict=False)
        found = [self._substituted(*each) for each in parts] if self.base.windows else []
        letters = [each for each in found if each is not None]
        if not found or len(letters) < len(found):
            return self._state(edited, read_each(edited, self._of_gene.place) or ())
        is_new = [new is not each.letters for new, each in zip(letters, self._each, strict=True)]
        if len(self.base.windows) < len(letters):  # one of both
            base = self.base.windows[0]
            return WindowState((replace(base, letters=np.stack(letters)) if any(is_new) else base,))
        rows = zip(self.base.windows, letters, is_new, strict=True)
        return WindowState(tuple(replace(base, letters=new[None]) if edit else base for base, new, edit in rows))

    def _substituted(self, edited: EditedGenome, stretch: PersonalStretch, base: PersonWindow) -> np.ndarray | None:
        """A window's letters after edits that move nothing, themselves where all stay; None = it must be read anew."""
        window, letters = self._of_gene.place.interval, base.letters
        if any(len(each.variant.ref) != len(each.variant.alt) for each in edited.genotypes):
            return None
        for low, high in edited.edited_spans(window.chrom):
            start, end = stretch.touched(low, high)
            if end <= base.read.start or start >= base.read.end:
                continue
            if start < window.start or end > window.end or base.is_moved(start, end):
                return None
            text = edited.sequence(window.chrom, start, end).encode("ascii")
            if len(text) != end - start:
                return None
            first = int(base.places_of([start])[0])
            part = np.frombuffer(text, dtype=np.uint8)[max(0, -first) : max(0, len(letters) - first)]
            letters = letters.copy() if letters is base.letters else letters
            letters[max(0, first) : max(0, first) + len(part)] = part
        return letters

    @exact_products()
    def predict(self, states: Sequence[WindowState]) -> list[GeneOutput]:
        """Predict states, see :class:`GeneStates`."""
        if not self.use.is_known:
            return [GeneOutput.nothing(self.use.status, len(self.outputs))] * len(states)
        keys = {id(window): window.key for state in states for window in state.windows}
        wanted = {keys[id(window)]: window for state in states for window in state.windows}
        new = {key: window for key, window in wanted.items() if key not in self._known}
        inputs = [replace(self._input, missing="", windows=(window,)) for window in new.values()]
        outputs = self.opened.predict_able(inputs, self.outputs) if inputs else []
        values = {**self._known, **{key: each.values for key, each in zip(new, outputs, strict=True)}}
        for window in self.base.windows:
            if window.key in values:
                self._known[window.key] = values[window.key]
        return [self._mean(state, [values[keys[id(window)]] for window in state.windows]) for state in states]

    def _mean(self, state: WindowState, values: Sequence[np.ndarray]) -> GeneOutput:
        if state.missing:
            return GeneOutput.nothing(state.missing, len(self.outputs))
        return self.opened.checked(GeneOutput(np.asarray(np.mean(values, axis=0, dtype=np.float32))), self.regions.gene)

    @exact_products()
    def noise(self) -> np.ndarray:
        """See :class:`GeneStates`; nothing where windows go through the network one by one."""
        n_outputs = len(self.outputs)
        if self._input.ending is not None:
            return np.full(n_outputs, np.nan, dtype=np.float32)
        if self.opened.model.genes_at_once == 1:
            return np.zeros(n_outputs, dtype=np.float32)
        inputs = [replace(self._input, windows=(window,)) for window in self._input.windows]
        runs = [
            [self.opened.predict_able([each] * count, self.outputs)[0].values for each in inputs] for count in (1, 2)
        ]
        return np.ptp(np.mean(runs, axis=1, dtype=np.float32), axis=0)

    @exact_products()
    def gradients(self, interval: Interval) -> tuple[np.ndarray, np.ndarray]:
        """See :class:`GradientStates`; a backward pass a window and output."""
        length, n_outputs = interval.end - interval.start, len(self.outputs)
        found = np.full((length, 4, n_outputs), np.nan, dtype=np.float32)
        shares = np.full((length, 4), np.nan, dtype=np.float32)
        if self.base.missing or not self.use.is_known:
            return found, shares
        window = self._of_gene.place.interval
        positions = np.arange(max(interval.start, window.start), min(interval.end, window.end))
        windows = self.base.windows
        for each, read in zip(self._each, windows, strict=False):  # places are those of both where one is of both
            dna, gradient = self._backward(read)
            first, behind = each.places_of(positions), each.places_of(positions + 1)
            kept = (behind > first) & (first >= 0) & (first < len(each.letters))
            rows, places = positions[kept] - interval.start, first[kept]
            for total, part in ((found, gradient), (shares, dna)):
                total[rows] = np.where(np.isnan(total[rows]), 0, total[rows]) + part[places] / len(windows)
        return found, shares

    def _backward(self, window: ReadWindow) -> tuple[np.ndarray, np.ndarray]:
        """One window's (L, 4) shares, and the gradient of its values by them, (L, 4, T)."""
        model = self.opened.model
        batch = model.batch([replace(self._input, missing="", windows=(window,))], np.array([self.outputs]))
        batch = {name: tensor.to(model.device) for name, tensor in batch.items()}
        dna = batch[model.network.main_input_name].requires_grad_()
        with gradients_of_inputs(model.network):
            logits = model.network(**batch, return_dict=True).logits[0]
            last = len(logits) - 1
            of_each = [
                torch.autograd.grad(value, dna, retain_graph=number < last)[0][0].float().cpu().numpy()
                for number, value in enumerate(logits)
            ]
        return dna.detach()[0].cpu().numpy(), np.stack(of_each, axis=-1)
