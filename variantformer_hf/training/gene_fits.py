"""What a fit gene by gene keeps on disk: the values of all genes, and of each gene that is done its arrays."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from ..data.expression_pairs import ExpressionPairs
from ..errors import InputError
from ..files import whole_file
from ..work import Unit

_SAID = "fit"


@dataclass(frozen=True, slots=True, eq=False)
class ValuesByGene:
    """Values gene by gene: those of gene g are ``first[g]`` to ``first[g + 1]``, of people and outputs by number.

    Attributes:
        first: (genes + 1,) int64.
        person, output: (N,) int32.
        value: (N,) float32.
    """

    first: np.ndarray
    person: np.ndarray
    output: np.ndarray
    value: np.ndarray

    @classmethod
    def of(cls, pairs: ExpressionPairs, people: Sequence[str]) -> "ValuesByGene":
        """Those of some people, who are numbered in their order."""
        number = {name: place for place, name in enumerate(people)}
        of_donor = np.array([number.get(name, -1) for name in pairs.donors], dtype=np.int32)
        counts = np.diff(pairs.first)
        person, gene = (np.repeat(each, counts) for each in (of_donor[pairs.donor], pairs.gene))
        kept = np.flatnonzero(person >= 0)
        order = kept[np.lexsort((pairs.tissue[kept], person[kept], gene[kept]))]
        first = np.searchsorted(gene[order], np.arange(len(pairs.genes) + 1)).astype(np.int64)
        return cls(first, person[order], pairs.tissue[order].astype(np.int32), pairs.value[order].astype(np.float32))

    def rows(self, gene: int) -> slice:
        """Where a gene's values are."""
        return slice(int(self.first[gene]), int(self.first[gene + 1]))

    def digest(self) -> str:
        """SHA-256 of all."""
        content = hashlib.sha256()
        for name in self.__slots__:
            content.update(np.ascontiguousarray(getattr(self, name)).tobytes())
        return content.hexdigest()

    def save(self, folder: Path) -> None:
        """Write them, where they are not there."""
        for name in self.__slots__:
            path = folder / f"{name}.npy"
            if not path.is_file():
                with whole_file(path) as partial:
                    np.save(partial, getattr(self, name))

    @classmethod
    def load(cls, folder: Path) -> "ValuesByGene":
        """What :meth:`save` wrote; it stays on disk."""
        return cls(*(np.load(folder / f"{name}.npy", mmap_mode="r") for name in cls.__slots__))


def work_folder(parts: Path, key: str) -> Path:
    """The folder of a run's genes.

    Raises:
        InputError: there is one of another run.
    """
    work = parts / key[:16]
    others = [path.name for path in parts.iterdir() if path.name != work.name] if parts.is_dir() else []
    if others:
        raise InputError(
            "holds genes that were fitted with other options, or of other files",
            file=parts,
            remedy="Start that command again, or remove the folder to begin anew.",
        )
    work.mkdir(parents=True, exist_ok=True)
    return work


def fit_file(work: Path, unit: Unit) -> Path:
    """Of a gene that is done."""
    return work / f"{unit.name}.safetensors"


def write_fit(path: Path, arrays: Mapping[str, np.ndarray], said: Mapping[str, Any]) -> None:
    """Write a gene's arrays, and what is said of it, which JSON can hold."""
    tensors = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    with whole_file(path) as partial:
        save_file(tensors, partial, metadata={_SAID: json.dumps(said)})


def read_fit(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """What :func:`write_fit` wrote.

    Raises:
        InputError: the file is damaged.
    """
    try:
        with safe_open(path, framework="np") as file:
            said = json.loads(file.metadata()[_SAID])
            return {name: file.get_tensor(name) for name in file.keys()}, dict(said)  # noqa: SIM118 -- not a dict
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise damaged_fit(path, error) from error


def damaged_fit(path: Path, error: Exception) -> InputError:
    """The error of a gene's file that is not whole."""
    return InputError(f"is damaged ({error})", file=path, remedy="Remove it, and start the same command again.")
