"""A person's gene as EPInformer reads it, and as it would be: in edited genomes, and without an element."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ...genome.interval import Interval
from ..exactness import exact_products
from ..gene_input import GeneInput
from ..gene_states import CreStates, GradientStates
from ..input_gradients import gradients_of_inputs
from ..window.person_window import PersonWindow, WindowPlace, read_each
from .element_input import ElementInput
from .element_vectors import ElementVectors

if TYPE_CHECKING:
    from .opened_model import EPInformerOpened, Found

_N = ord("N")


class EPInformerStates(GradientStates, CreStates):
    """See :class:`GeneStates`; a state is an edited genome, which is read anew, or an :class:`ElementInput`.

    Vectors of what reads as before are known, so that an edit costs the element that it changes.
    """

    opened: "EPInformerOpened"
    _input: ElementInput

    def has_cre(self, index: int) -> bool:
        """Whether the person has one of the gene's elements, on either haplotype."""
        return any(reading[1 + index] is not None for reading in self._input.readings)

    def without_cre(self, index: int) -> ElementInput:
        """The gene without one of its elements."""
        return self._with(index, None)

    def with_cre(self, index: int, sequences: Sequence[str]) -> list[ElementInput]:
        """The gene with other sequences in the place of one of its elements, on each haplotype that has it.

        One that is longer than what is read of an element is cut on both sides, and one that is shorter has N there.
        """
        length = self.opened.model.config.element_length
        return [self._with(index, _fitted(each, length)) for each in sequences]

    def cre_sequences(self, cres: Sequence[int]) -> list[str]:
        """What is read of elements; of two haplotypes the first that has it."""
        found = []
        for index in cres:
            there = (each[1 + index] for each in self._input.readings)
            letters = next(each for each in there if each is not None)
            found.append(letters.tobytes().decode("ascii"))
        return found

    @exact_products()
    def noise(self) -> np.ndarray:
        """See :class:`GeneStates`; between elements that are encoded together, and one by one."""
        if self._input.ending is not None:
            return np.full(len(self.outputs), np.nan, dtype=np.float32)
        runs = []
        with torch.inference_mode():
            for at_once, inputs in ((32, [self._input]), (1, [self._input] * 2)):
                vectors = ElementVectors(self.opened.model, at_once)
                runs += [each.values for each in self.opened.predict_by(inputs, self.outputs, vectors)]
        return np.ptp(np.stack(runs), axis=0)

    @exact_products()
    def gradients(self, interval: Interval) -> tuple[np.ndarray, np.ndarray]:
        """See :class:`GradientStates`; where a base is read of several elements, their gradients are added up.

        A backward pass an output, through those promoters and elements that hold a base of the stretch.
        """
        length, n_outputs = interval.end - interval.start, len(self.outputs)
        found = np.full((length, 4, n_outputs), np.nan, dtype=np.float32)
        if self._input.ending is not None:
            return found, np.full((length, 4), np.nan, dtype=np.float32)
        count = len(self._input.readings)
        shares = np.full((count, length, 4), np.nan, dtype=np.float32)
        for row, place, dna, gradient in self._backward(interval):
            window = self._windows(place)[row]
            positions = np.arange(max(interval.start, window.read.start), min(interval.end, window.read.end))
            first, behind = window.places_of(positions), window.places_of(positions + 1)
            kept = (behind > first) & (first >= 0) & (first < len(dna))
            rows, places = positions[kept] - interval.start, first[kept]
            found[rows] = np.where(np.isnan(found[rows]), 0, found[rows]) + gradient[places]
            shares[row, rows] = dna[places]
        there = ~np.isnan(shares).all(axis=(0, 2))
        mean = np.full((length, 4), np.nan, dtype=np.float32)
        mean[there] = np.nansum(shares[:, there], axis=0) / count
        return found, mean

    def _places(self) -> list[WindowPlace]:
        """Where the promoter lies, then each element."""
        regions, length = self.regions, self.opened.model.config.element_length
        chrom = regions.window.chrom
        ends = zip(regions.starts.tolist(), regions.ends.tolist(), strict=True)
        of_elements = [WindowPlace.of_interval(Interval(chrom, *each)) for each in ends]
        return [WindowPlace.around(chrom, regions.gene.tss, length), *of_elements]

    def _windows(self, place: int) -> tuple[PersonWindow, ...]:
        """The promoter or an element as each of the person's readings has it."""
        return read_each(self.person, self._places()[place]) or ()

    def _backward(self, interval: Interval) -> list[tuple[int, int, np.ndarray, np.ndarray]]:
        """Of each promoter or element that may hold a base of a stretch: its reading and place, its (L, 4) shares, and
        the gradient of the gene's values by them, (L, 4, T)."""
        model = self.opened.model
        kept: list[tuple[int, int]] = []
        near = [
            place
            for place, each in enumerate(self._places())
            if each.interval.start < interval.end and each.interval.end > interval.start
        ]
        dna: list[torch.Tensor] = []

        def encode(found: list["Found"]) -> torch.Tensor:
            kept.extend((row, place) for row, place, _ in found if place in near)
            letters = [model.one_hot(letters) for _, place, letters in found if place in near]
            given = torch.from_numpy(np.stack(letters)).to(model.device) if letters else None
            with torch.no_grad():
                others = [letters for _, place, letters in found if place not in near]
                rest = iter(ElementVectors(model).of(others) if others else torch.zeros(0))
            encoded = iter(() if given is None else model.network.encode(given.requires_grad_()))
            dna.extend([] if given is None else [given])
            return torch.stack([next(encoded if place in near else rest) for _, place, _ in found])

        with gradients_of_inputs(model.network):
            logits = self.opened.logits([self._input], self.outputs, encode)[0]
            if not dna:
                return []
            last = len(logits) - 1
            of_each = [
                torch.autograd.grad(value, dna[0], retain_graph=number < last)[0].float().cpu().numpy()
                for number, value in enumerate(logits)
            ]
        shares = dna[0].detach().cpu().numpy()
        gradients = np.stack(of_each, axis=-1)
        return [(*each, shares[number], gradients[number]) for number, each in enumerate(kept)]

    def _read_anew(self, edited: Any) -> GeneInput:
        return edited if isinstance(edited, ElementInput) else super()._read_anew(edited)

    def _with(self, index: int, letters: np.ndarray | None) -> ElementInput:
        """The gene with other bases of an element, or none, wherever it is there."""
        place = 1 + index
        readings = [
            reading if reading[place] is None else (*reading[:place], letters, *reading[place + 1 :])
            for reading in self._input.readings
        ]
        return replace(self._input, readings=tuple(readings))


def _fitted(sequence: str, length: int) -> np.ndarray:
    """(length,) letters, the middle of a sequence in the middle."""
    letters = np.frombuffer(sequence.encode("ascii"), dtype=np.uint8)
    cut = max(0, len(letters) - length)
    letters = letters[cut // 2 : len(letters) - (cut - cut // 2)]
    lacking = length - len(letters)
    return np.pad(letters, (lacking // 2, lacking - lacking // 2), constant_values=_N)
