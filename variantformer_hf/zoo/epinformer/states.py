"""A person's gene as EPInformer reads it, and as it would be: in edited genomes, and without an element."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..exactness import exact_products
from ..gene_input import GeneInput
from ..gene_states import CreStates
from .element_input import ElementInput
from .element_vectors import ElementVectors

if TYPE_CHECKING:
    from .opened_model import EPInformerOpened

_N = ord("N")


class EPInformerStates(CreStates):
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
