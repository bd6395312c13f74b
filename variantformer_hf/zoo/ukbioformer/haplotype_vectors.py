"""Vectors of haplotypes by UKBioBERT: each made once, by itself, and kept by its letters.

A vector depends on nothing but the letters and the UKBioBERT, so that it is the same whoever asks, in whatever batch,
now or from a folder.
"""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file
from xxhash import xxh3_128_digest, xxh3_128_hexdigest

from ...errors import InputError
from ...files import whole_file
from ...run_key import run_key
from ..embedder import Embedder, Pool
from ..exactness import exact_products
from ..families import embedder_class, family_of, known_options
from ..model_files import ModelIdentity, model_identity
from ..named_network import absolute, from_model

logger = logging.getLogger(__name__)

# Vectors in memory, about 200 MB of the published width; of those that a folder has none is let go.
_MOST = 65_536
_MEAN = Pool("mean")
_FAMILY = "ukbiobert"
OPTION = "--embedding-model PATH (Python: embedding_model=)"


class HaplotypeVectors:
    """A UKBioBERT, and the vectors that it has made.

    Args:
        embedder: in float32.
        identity: of its weights.
        where: its folder or Hub id.

    Attributes:
        width: numbers of a vector.
        made: how many haplotypes went through the network.
    """

    def __init__(self, embedder: Embedder, identity: ModelIdentity, where: str) -> None:
        self._embedder, self.identity, self.where = embedder, identity, where
        (self.width,) = embedder.shape(0, _MEAN)
        self.made = 0
        self._known: dict[bytes, np.ndarray] = {}
        self._folder: Path | None = None
        self._read: set[str] = set()

    @property
    def name(self) -> str:
        """Of the UKBioBERT."""
        return self.identity.name

    @property
    def sha256(self) -> str:
        """Of the UKBioBERT's weights."""
        return self.identity.sha256

    @property
    def ukbiobert_sha256(self) -> str:
        """The same, as a file of embeddings has it."""
        return self.identity.sha256

    def to(self, device: torch.device | str) -> None:
        """Compute there."""
        self._embedder.network.to(device)

    @property
    def key(self) -> str:
        """Of all that a vector depends on beside the letters."""
        return run_key({"sha256": self.identity.sha256, **self._embedder.options()})

    def of(self, haplotypes: Sequence[np.ndarray]) -> np.ndarray:
        """Vectors of haplotypes; those that are not known are made.

        Args:
            haplotypes: (L,) uint8 ASCII codes each.

        Returns:
            (haplotypes, width) float32; zeros of one that has no base but N.
        """
        keys = [haplotype_key(each) for each in haplotypes]
        new = {key: each for key, each in zip(keys, haplotypes, strict=True) if key not in self._known}
        for key, letters in new.items():
            self._known[key] = self._made(letters)
        found = np.stack([self._known[key] for key in keys])
        if self._folder is not None:
            self._write(list(new))
        while self._folder is None and len(self._known) > _MOST:
            del self._known[next(iter(self._known))]
        return found

    def keep_in(self, folder: str | Path) -> None:
        """Also look for vectors in a folder, and write those that are made into it.

        Raises:
            OutputError: it cannot be written.
        """
        self._folder = Path(folder) / self.key[:32]
        self._folder.mkdir(parents=True, exist_ok=True)
        self.refresh()

    def refresh(self) -> None:
        """Take notice of what another process wrote."""
        for path in sorted(self._folder.glob("*.safetensors")) if self._folder is not None else ():
            if path.name not in self._read:
                self._known.update(self._vectors_of(path))
                self._read.add(path.name)

    @exact_products()
    def _made(self, letters: np.ndarray) -> np.ndarray:
        text = letters.tobytes().decode("ascii").upper()
        if not text.strip("N"):
            return np.zeros(self.width, dtype=np.float32)
        self.made += 1
        return self._embedder.vectors([text], _MEAN)[0]

    def _write(self, keys: Sequence[bytes]) -> None:
        if not keys:
            return
        assert self._folder is not None
        joined = b"".join(keys)
        name = f"{xxh3_128_hexdigest(joined)}.safetensors"
        arrays = {
            "keys": np.frombuffer(joined, dtype=np.uint8).reshape(len(keys), -1),
            "vectors": np.stack([self._known[key] for key in keys]),
        }
        with whole_file(self._folder / name) as partial:
            save_file(arrays, partial, metadata={"key": self.key})
        self._read.add(name)

    def _vectors_of(self, path: Path) -> dict[bytes, np.ndarray]:
        """What a file of the folder has; nothing of one that is damaged, whose vectors are made again."""
        try:
            with safe_open(path, framework="numpy") as file:
                keys, vectors = file.get_tensor("keys"), file.get_tensor("vectors")
                if (file.metadata() or {}).get("key") != self.key or vectors.shape != (len(keys), self.width):
                    raise ValueError("it is of another model")
        except (OSError, ValueError, SafetensorError) as error:
            logger.warning("%s is damaged (%s): its vectors are made again", path, error)
            return {}
        return {key.tobytes(): vector for key, vector in zip(keys, vectors, strict=True)}


def haplotype_key(letters: np.ndarray) -> bytes:
    """Of a haplotype's letters, whatever their case."""
    return xxh3_128_digest(letters.tobytes().upper())


def load_haplotype_vectors(
    model: str | Path,
    named: str | None,
    sha256: str | None,
    *,
    asked: str | Path | None = None,
    chunk_bases: int | None = None,
    device: torch.device | str = "cpu",
) -> HaplotypeVectors:
    """Load the UKBioBERT of a model, and no other.

    Args:
        model: the model that reads the vectors, folder or Hub id.
        named: its UKBioBERT as its config has it: a Hub id, or a folder by its path from the model's.
        sha256: of that one's weights; None = not known, which is said.
        asked: where to find it; None = where ``named`` says.
        chunk_bases: see the config.
        device: where to compute.

    Raises:
        InputError: there is none, it cannot be loaded, or it is another one.
    """
    known = f"{named or 'not named'} (SHA-256 {sha256[:16] if sha256 else 'not known'})"
    remedy = f"Give its UKBioBERT: {OPTION}."
    if asked is None and named is None:
        raise InputError(f"reads a person's variants as vectors of a UKBioBERT: {known}", file=model, remedy=remedy)
    where = str(asked) if asked is not None else from_model(model, str(named))
    try:
        kind = embedder_class(family_of(where), where)
        identity = model_identity(where)
    except InputError as error:
        problem = f"its UKBioBERT, {known}, cannot be had from {where}: {error.problem}"
        raise InputError(problem, file=model, remedy=remedy) from error
    if kind.model_type != _FAMILY:
        raise InputError(
            f"its UKBioBERT is {known}, and {where} is a model of the type {kind.model_type!r}",
            file=model,
            remedy=remedy,
        )
    if sha256 is None:
        logger.warning("%s does not say with which UKBioBERT it was trained: %s is used", model, where)
    elif identity.sha256 != sha256:
        raise InputError(
            f"was trained with the UKBioBERT {known}, and {where} is another one (SHA-256 {identity.sha256[:16]})",
            file=model,
            remedy=remedy,
        )
    options = known_options(kind, where, {"chunk_bases": chunk_bases})
    embedder = kind.load(where, device=str(device), precision="float32", **options)
    return HaplotypeVectors(embedder, identity, absolute(where))
