"""The interface of networks that give vectors of DNA: what a command that writes them asks, whatever the family.

An embedder reads one sequence of a person at a time, as a genotype mode says (a haplotype, or all that is called), and
gives its vector, or one a bin. How two haplotypes become one vector is the same for all: :data:`EMBEDDING_MODES`.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from ..errors import InputError, check_number
from ..genome.options import HAPLOTYPES, SEQUENCE_MODES
from ..genome.personal import PersonalGenome
from ..genome.stretch import PersonalStretch
from .window.person_window import WindowPlace

# Mode -> the genotype mode in which a person is read: of both haplotypes vectors one behind the other, or their mean.
EMBEDDING_MODES = {"concat": HAPLOTYPES, "mean": HAPLOTYPES, **{mode: mode for mode in SEQUENCE_MODES}}
_POOL = re.compile(r"(mean|cls|bin)|centre:([1-9]\d{0,8})")


@dataclass(frozen=True, slots=True)
class Pool:
    """How what a network gives along a sequence becomes its vector.

    Attributes:
        kind: ``mean`` over all, ``centre`` (the mean over some bins in the middle), ``bin`` (each bin by itself) or
            ``cls`` (the first special token's).
        bins: of ``centre``.
    """

    kind: str
    bins: int = 0

    @classmethod
    def of(cls, text: str) -> "Pool":
        """From its text, such as ``mean`` or ``centre:10``.

        Raises:
            InputError: it is none.
        """
        found = _POOL.fullmatch(text)
        if found is None:
            raise InputError(f"there is no pool {text!r}", remedy="Choose mean, centre:BINS, bin or cls.")
        return cls(found[1]) if found[1] else cls("centre", int(found[2]))

    def __str__(self) -> str:
        return f"centre:{self.bins}" if self.kind == "centre" else self.kind


@dataclass(frozen=True, slots=True)
class ReadSequences:
    """What an embedder reads of a person's window.

    Attributes:
        sequences: of the genome's mode: one, or two of two haplotypes that are not the same; none where there is a
            status.
        status: "", ``window_off_contig``, or ``gene_deleted`` where nothing of the window is left on a haplotype.
    """

    sequences: tuple[Any, ...]
    status: str = ""


class Embedder(ABC):
    """A network that gives vectors of a person's DNA.

    Attributes:
        model_type: as in config.json.
        pools: kinds of :class:`Pool` that it has, the default first.
        modes: of :data:`EMBEDDING_MODES` those that it reads, the default first.
        default_window: bases around a gene's TSS, as the network was trained or as its paper reads a gene.
        network: in evaluation mode, on its device.
        precision: ``float32`` or ``bfloat16``.
    """

    model_type: ClassVar[str]
    pools: ClassVar[tuple[str, ...]]
    modes: ClassVar[tuple[str, ...]]
    default_window: int
    network: Any

    @classmethod
    @abstractmethod
    def load(
        cls,
        model: str | Path,
        *,
        revision: str | None = None,
        device: str = "auto",
        precision: str = "auto",
        force_companions: bool = False,
    ) -> "Embedder":
        """Load a folder, or a repository of the Hub; a family may have further options.

        Raises:
            InputError: a file is missing, cannot be read, or is another model's.
        """

    @abstractmethod
    def shape(self, window: int, pool: Pool) -> tuple[int, ...]:
        """Shape of what :meth:`vectors` gives of one sequence: (width,), or (bins, width) of ``bin``.

        Raises:
            InputError: the network does not read a window of so many bases, or has fewer bins than are pooled.
        """

    @abstractmethod
    def read(self, person: PersonalGenome, known: PersonalStretch, place: WindowPlace) -> ReadSequences:
        """A window as the network takes it, in the mode of the person's options.

        Args:
            person: the person.
            known: the person's records, at least of the window's part that is on its contig.
            place: of the window; it may reach beyond its contig.

        Raises:
            InputError: as for ``PersonalGenome.edits``.
        """

    @abstractmethod
    def vectors(self, read: Sequence[Any], pool: Pool) -> np.ndarray:
        """(sequences, \\*shape) float32 of sequences that :meth:`read` gave, as many at a time as there is room for."""

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return torch.device(self.network.device)

    @property
    def precision(self) -> str:
        """What it computes in."""
        return str(self.network.dtype).removeprefix("torch.")

    def options(self) -> dict[str, Any]:
        """Options beyond those of all families that its vectors depend on."""
        return {}

    @classmethod
    def check(cls, mode: str, pool: Pool) -> None:
        """Refuse a mode and a pool that the family does not have.

        Raises:
            InputError: it names those that it has.
        """
        if mode not in cls.modes:
            raise InputError(
                f"a model of the type {cls.model_type!r} gives no vectors in the mode {mode!r}",
                remedy=f"Choose --mode {' or '.join(cls.modes)}.",
            )
        if pool.kind not in cls.pools:
            named = ["centre:BINS" if kind == "centre" else kind for kind in cls.pools]
            raise InputError(
                f"a model of the type {cls.model_type!r} has no pool {str(pool)!r}",
                remedy=f"Choose --pool {' or '.join(named)}.",
            )


def check_window(window: int) -> None:
    """Refuse a window without a base.

    Raises:
        InputError: it is one.
    """
    check_number("the window (--window)", window, 1)


def in_mode(vectors: Sequence[np.ndarray], mode: str) -> np.ndarray:
    """One person's vectors of a gene, of one or two sequences, (..., width) each -> as a mode joins them."""
    if mode == "concat":
        return np.concatenate([vectors[0], vectors[-1]], axis=-1)
    return np.asarray(np.mean(vectors, axis=0, dtype=np.float64), dtype=np.float32)


def personal(person: PersonalGenome, mode: str) -> PersonalGenome:
    """The same person, read in a mode of :data:`EMBEDDING_MODES`."""
    wanted = EMBEDDING_MODES[mode]
    if person.records is None or person.options.mode == wanted:
        return person
    options = replace(person.options, mode=wanted)
    refuse_gvcf = person.rules.refuse_gvcf
    return PersonalGenome(person.reference, person.records, person.sample, options, refuse_gvcf=refuse_gvcf)
