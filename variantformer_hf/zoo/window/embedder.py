"""Vectors of a person's window of one-hot DNA, by trunks that give one a bin."""

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from transformers import PreTrainedModel

from ...genome.personal import PersonalGenome
from ...genome.stretch import PersonalStretch
from ...tokenization.one_hot import one_hot
from ..companions import check_companions
from ..device import choose_device, choose_dtype
from ..embedder import Embedder, Pool, ReadSequences
from ..memory import run_in_halves
from ..model_files import load_strictly
from .person_window import WindowPlace, read_windows
from .read_out import ReadOut
from .window_input import BASES_AT_ONCE, check_length


class WindowEmbedder(Embedder):
    """A trunk; its config is a ``WindowSettings``, and its ``forward`` gives ``last_hidden_state`` (B, bins, width).

    Args:
        network: the trunk, without heads.
    """

    pools: ClassVar[tuple[str, ...]] = ("mean", "centre", "bin")
    modes: ClassVar[tuple[str, ...]] = ("mean", "concat", "alt", "ref", "haplotype1", "haplotype2", "iupac")

    def __init__(self, network: PreTrainedModel) -> None:
        self.network: Any = network.eval()
        self.default_window: int = self.network.config.input_length

    @classmethod
    @abstractmethod
    def architecture(cls) -> type[PreTrainedModel]:
        """The class of the trunk."""

    @classmethod
    def load(
        cls,
        model: str | Path,
        *,
        revision: str | None = None,
        device: str = "auto",
        precision: str = "auto",
        force_companions: bool = False,
    ) -> "WindowEmbedder":
        """Load a folder or a repository of the Hub, with or without heads and genes.

        Raises:
            InputError: there is none, its files are damaged or of another model, or there is no such device.
        """
        check_companions(model, revision=revision, force=force_companions)
        where = choose_device(device)
        network = load_strictly(cls.architecture(), model, dtype=choose_dtype(precision, where), revision=revision)
        return cls(network.to(where))

    def shape(self, window: int, pool: Pool) -> tuple[int, ...]:
        """See :meth:`Embedder.shape`."""
        config = self.network.config
        check_length(config, window)
        if pool.kind == "centre":
            ReadOut(pool.kind, pool.bins).check(window, config.bin_size)
        width = int(config.embedding_size)
        return (-(-window // config.bin_size), width) if pool.kind == "bin" else (width,)

    def read(self, person: PersonalGenome, known: PersonalStretch, place: WindowPlace) -> ReadSequences:
        """See :meth:`Embedder.read`: as many letters as the window has, whose TSS is where it is on the reference."""
        found = read_windows(person, place, known)
        return ReadSequences(tuple(each.letters for each in found.windows), found.status)

    def vectors(self, read: Sequence[np.ndarray], pool: Pool) -> np.ndarray:
        """See :meth:`Embedder.vectors`; fewer go at once where memory runs out."""
        at_once = max(1, BASES_AT_ONCE // len(read[0]))
        found: list[np.ndarray] = []
        for first in range(0, len(read), at_once):
            part = read[first : first + at_once]
            found += run_in_halves(
                lambda some, _: self._pooled(some, pool), part, [0], lambda one, _: one, what="windows in a batch"
            )
        return np.stack(found)

    @torch.inference_mode()
    def _pooled(self, read: Sequence[np.ndarray], pool: Pool) -> list[np.ndarray]:
        letters = np.stack(read)
        dna = torch.from_numpy(one_hot(letters, n=float(self.network.config.n_share), iupac=True))
        states = self.network(dna.to(self.device), return_dict=True).last_hidden_state.float()
        if pool.kind == "centre":
            states = states[:, slice(*ReadOut(pool.kind, pool.bins).bins_of(letters.shape[1], self._bin_size))]
        pooled = states if pool.kind == "bin" else states.double().mean(dim=1).float()
        return list(pooled.cpu().numpy())

    @property
    def _bin_size(self) -> int:
        return int(self.network.config.bin_size)
