"""Vectors of elements on disk, found by the content of their tokens: encoded once, for all genes, people and runs.

An element's vector depends on the encoder and on the element's tokens, and on nothing else: not on the gene, the person
or the FASTA that it came from. So the tokens' hash is the key, and a folder belongs to one encoder in one precision. A
FASTA or a person that changes asks for other keys; an encoder that changes asks for another folder.
"""

import hashlib
import json
import logging
import uuid
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from ..errors import InputError
from ..folder import as_new_file
from ..modeling import VariantFormerEncoderConfig

logger = logging.getLogger(__name__)

# Bytes of people's elements that a folder keeps; the oldest go first. The reference's are kept whatever their size.
MOST_BYTES = 8 * 2**30
_LAYOUT = 1
_DESCRIPTION = "store.json"
# What of the config an encoder's arithmetic depends on.
_ENCODER_FIELDS = (
    "vocab_size",
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "token_length",
    "pooling",
    "positional_encoding",
    "residual_dtype",
    "layer_norm_eps",
)


def token_key(tokens: np.ndarray) -> bytes:
    """16 bytes that stand for the tokens of an element (int32)."""
    return hashlib.blake2b(np.ascontiguousarray(tokens, dtype=np.int32).tobytes(), digest_size=16).digest()


def encoder_identity(weights_sha256: str, config: VariantFormerEncoderConfig, precision: str) -> str:
    """Hash of all that an element's vector depends on but its tokens.

    Args:
        weights_sha256: of the model's weight files.
        config: the encoder's.
        precision: in what types it computes.
    """
    content = [_LAYOUT, weights_sha256, precision, {name: getattr(config, name) for name in _ENCODER_FIELDS}]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class _Segment:
    """One file: the first and second half of its keys, sorted by the first, and their vectors, mapped from disk."""

    path: Path
    first: np.ndarray
    second: np.ndarray
    vectors: torch.Tensor


class ElementStore:
    """The vectors of one encoder.

    Several processes may read and add at once: files are written under another name and renamed, and never changed.

    Args:
        folder: where it is or will be; one encoder's alone.
        identity: of the encoder, see :func:`encoder_identity`.
        width: numbers in a vector.
        most_bytes: of people's elements; the oldest files are removed beyond it.

    Raises:
        InputError: the folder belongs to another encoder, or cannot be written.
    """

    def __init__(self, folder: str | Path, identity: str, width: int, *, most_bytes: int = MOST_BYTES) -> None:
        self.folder = Path(folder)
        self.width = width
        self.most_bytes = most_bytes
        self._segments: dict[Path, _Segment] = {}
        description = {"identity": identity, "width": width, "layout": _LAYOUT}
        path = self.folder / _DESCRIPTION
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}.partial")
                partial.write_text(json.dumps(description))
                partial.replace(path)
            found = json.loads(path.read_text())
        except (OSError, ValueError) as error:
            raise InputError(f"cannot be used as a store ({error})", file=self.folder) from error
        if found != description:
            raise InputError(
                "holds the elements of another model, precision or version",
                file=self.folder,
                remedy="Give another folder, or remove it and run `variantformer precompute` again.",
            )
        self.refresh()

    def refresh(self) -> None:
        """Take notice of files that were added or removed by other processes."""
        there = set(self.folder.glob("*.safetensors"))
        self._segments = {path: segment for path, segment in self._segments.items() if path in there}
        for path in sorted(there - self._segments.keys()):
            segment = self._opened(path)
            if segment is not None:
                self._segments[path] = segment

    def __len__(self) -> int:
        return sum(len(segment.first) for segment in self._segments.values())

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return sum(_size(path) for path in self._segments)

    def find(self, keys: list[bytes]) -> tuple[np.ndarray, np.ndarray]:
        """Vectors of elements.

        Args:
            keys: see :func:`token_key`.

        Returns:
            (n,) which are there; (found, width) float32, their vectors in the order of ``keys``.
        """
        first, second = _halves(keys)
        there = np.zeros(len(keys), dtype=bool)
        vectors = np.empty((len(keys), self.width), dtype=np.float32)
        for segment in self._segments.values():
            place = np.minimum(np.searchsorted(segment.first, first), len(segment.first) - 1)
            hit = ~there & (segment.first[place] == first) & (segment.second[place] == second)
            if hit.any():
                # Rows in the order in which they lie in the file, which is mapped and not read as a whole.
                rows = torch.from_numpy(place[hit])
                vectors[hit] = segment.vectors[rows].numpy()
                there |= hit
        return there, vectors[there]

    def add(self, keys: list[bytes], vectors: np.ndarray, *, of_reference: bool = False) -> None:
        """Add elements as one file; of those that are there already nothing is written.

        Args:
            keys: n of them, distinct.
            vectors: (n, width) float32.
            of_reference: they are never removed for lack of room.
        """
        there, _ = self.find(keys)
        if there.all():
            return
        kept = np.flatnonzero(~there)
        first, second = _halves([keys[index] for index in kept])
        order = np.argsort(first, kind="stable")
        content = {
            "keys": torch.from_numpy(np.stack([first[order], second[order]], axis=1)),
            "vectors": torch.from_numpy(np.ascontiguousarray(vectors[kept][order], dtype=np.float32)),
        }
        name = f"{'reference' if of_reference else 'people'}-{uuid.uuid4().hex}.safetensors"
        partial = self.folder / f".{name}.partial"
        try:
            save_file(content, partial)
            as_new_file(partial)
            partial.replace(self.folder / name)
        finally:
            partial.unlink(missing_ok=True)
        segment = self._opened(self.folder / name)
        if segment is not None:
            self._segments[segment.path] = segment
        self._make_room()

    def _make_room(self) -> None:
        people = [path for path in self.folder.glob("people-*.safetensors") if path.exists()]
        by_age = sorted(people, key=_age)
        total = sum(_size(path) for path in by_age)
        while by_age and total > self.most_bytes:
            oldest = by_age.pop(0)
            total -= _size(oldest)
            oldest.unlink(missing_ok=True)
            self._segments.pop(oldest, None)

    def _opened(self, path: Path) -> _Segment | None:
        try:
            with safe_open(path, framework="pt") as file:
                keys, vectors = file.get_tensor("keys").numpy(), file.get_tensor("vectors")
        except FileNotFoundError:
            return None  # removed by another process in the meantime
        except (OSError, SafetensorError) as error:
            logger.warning("%s is damaged and left out of the store (%s)", path, error)
            return None
        if vectors.shape != (len(keys), self.width) or not len(keys):
            logger.warning("%s holds vectors of another shape and is left out of the store", path)
            return None
        return _Segment(path, np.ascontiguousarray(keys[:, 0]), np.ascontiguousarray(keys[:, 1]), vectors)


def _halves(keys: list[bytes]) -> tuple[np.ndarray, np.ndarray]:
    pairs = np.frombuffer(b"".join(keys), dtype=np.int64).reshape(-1, 2)
    return pairs[:, 0].copy(), pairs[:, 1].copy()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _age(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
