"""Vectors of elements on disk, found by the content of their tokens: encoded once, for all genes, people and runs.

An element, in the rooms of VariantFormer, is a cCRE as one sequence of tokens: the reference's, or one that people who
carry the same alleles in it share. A cCRE is a place of the genome; an element has a key.

An element's vector depends on the encoder and on the element's tokens, and on nothing else: not on the gene, the person
or the FASTA that it came from. So the tokens' hash is the key, and a folder belongs to one encoder in one precision. A
FASTA or a person that changes asks for other keys; an encoder that changes asks for another folder.

Every vector has a checksum, which is held against it each time that it is read; the keys of a file have one, looked at
when it is opened. What is damaged is not there: it is encoded again, and added again.
"""

import hashlib
import json
import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import RLock
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save
from xxhash import xxh3_64_hexdigest, xxh3_64_intdigest

from ...errors import InputError
from ...files import output_error
from ...modeling import VariantFormerEncoderConfig

logger = logging.getLogger(__name__)

# Bytes of people's elements that a folder keeps; the oldest go first. The reference's are kept whatever their size.
MOST_BYTES = 8 * 2**30
# What is written at a time is in memory twice.
_ELEMENTS_IN_A_FILE = 65_536
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
    content = [1, weights_sha256, precision, {name: getattr(config, name) for name in _ENCODER_FIELDS}]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class _Segment:
    """One file: the first and second half of its keys, sorted by the first, and n vectors, mapped from disk.

    Attributes:
        checksums: (n,) uint64, of each vector's bytes.
    """

    path: Path
    first: np.ndarray
    second: np.ndarray
    vectors: np.ndarray
    checksums: np.ndarray


class ElementStore:
    """The vectors of one encoder.

    Several processes and threads may read and add at once: files are written under another name and renamed, and never
    changed. A file with damage in it gets the suffix ``.damaged``, and what holds of it is written anew.

    Args:
        folder: where it is or will be; one encoder's alone. That it cannot be written is no matter to who only reads.
        identity: of the encoder, see :func:`encoder_identity`.
        width: numbers in a vector.
        most_bytes: of people's elements; the oldest files are removed beyond it.

    Attributes:
        damage: what was found damaged, a sentence each.

    Raises:
        InputError: the folder belongs to another encoder, its description is damaged, or it cannot be made.
    """

    def __init__(self, folder: str | Path, identity: str, width: int, *, most_bytes: int = MOST_BYTES) -> None:
        self.folder = Path(folder)
        self.identity = identity
        self.width = width
        self.most_bytes = most_bytes
        self.damage: list[str] = []
        self._lock = RLock()
        # A tuple that is replaced as a whole: who looks into it is not disturbed by who adds.
        self._segments: tuple[_Segment, ...] = ()
        self._left_out: set[Path] = set()
        self._check_description()
        self.refresh()

    def refresh(self) -> None:
        """Take notice of files that were added or removed by other processes."""
        with self._lock:
            there = set(self.folder.glob("*.safetensors"))
            kept = [segment for segment in self._segments if segment.path in there]
            unknown = there - {segment.path for segment in kept} - self._left_out
            opened = [self._opened(path) for path in sorted(unknown)]
            self._segments = (*kept, *(segment for segment in opened if segment is not None))

    def __len__(self) -> int:
        return sum(len(segment.first) for segment in self._segments)

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return sum(_size(segment.path) for segment in self._segments)

    def find(self, keys: list[bytes]) -> tuple[np.ndarray, np.ndarray]:
        """Vectors of elements; one that is damaged is not there.

        Args:
            keys: see :func:`token_key`.

        Returns:
            (n,) which are there; (found, width) float32, their vectors in the order of ``keys``.
        """
        first, second = _halves(keys)
        there = np.zeros(len(keys), dtype=bool)
        vectors = np.empty((len(keys), self.width), dtype=np.float32)
        for segment in self._segments:
            place = np.minimum(np.searchsorted(segment.first, first), len(segment.first) - 1)
            hit = np.flatnonzero(~there & (segment.first[place] == first) & (segment.second[place] == second))
            if len(hit):
                # Rows in the order in which they lie in the file, which is mapped and not read as a whole.
                rows = place[hit]
                vectors[hit] = found = segment.vectors[rows]
                there[hit] = _checksums(found) == segment.checksums[rows]
                if not there[hit].all():
                    self._mend(segment, rows[~there[hit]])
        return there, vectors[there]

    def add(self, keys: list[bytes], vectors: np.ndarray, *, of_reference: bool = False) -> None:
        """Add elements as one file; of those that are there already nothing is written.

        Args:
            keys: n of them, distinct.
            vectors: (n, width) float32.
            of_reference: they are never removed for lack of room.

        Raises:
            InputError: the file cannot be written.
        """
        there, _ = self.find(keys)
        missing = np.flatnonzero(~there)
        try:
            for begin in range(0, len(missing), _ELEMENTS_IN_A_FILE):
                part = missing[begin : begin + _ELEMENTS_IN_A_FILE]
                pairs = np.stack(_halves([keys[index] for index in part]), axis=1)
                self._write(pairs, vectors[part], "reference" if of_reference else "people")
        except OSError as error:
            raise InputError(
                f"cannot be written ({error.strerror})",
                file=self.folder,
                remedy="Make room or ask for the right to write there, or give another folder: --store DIR.",
            ) from error
        if len(missing):
            self._make_room()

    def _check_description(self) -> None:
        """Hold the folder's description against what is asked for; a new folder gets one."""
        path = self.folder / _DESCRIPTION
        wanted = {"identity": self.identity, "width": self.width}
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                content = json.dumps({**wanted, "checksum": _description_checksum(wanted)})
                _put(path, lambda partial: partial.write_text(content))
            found = json.loads(path.read_bytes())
            checksum = found.pop("checksum", None)
        except OSError as error:
            raise output_error(self.folder, error.errno, str(error)) from error
        except (ValueError, AttributeError, TypeError):
            found, checksum = {}, None
        if checksum != _description_checksum(found):
            raise InputError(
                "cannot be used as a store: its description is damaged, or of an earlier version",
                file=path,
                remedy="Remove this file: it is written anew, and of the vectors beside it those that hold are used.",
            )
        if found != wanted:
            raise InputError(
                "holds the cCREs of another model, precision or version",
                file=self.folder,
                remedy="Give another folder, or remove it and run `variantformer precompute` again.",
            )

    def _write(self, keys: np.ndarray, vectors: np.ndarray, kind: str) -> None:
        """Write a file of keys, (n, 2) int64, and vectors, and open it.

        Raises:
            OSError: it cannot be written.
        """
        order = np.argsort(keys[:, 0], kind="stable")
        keys, vectors = keys[order], np.ascontiguousarray(vectors[order], dtype=np.float32)
        content = save(
            {"keys": keys, "vectors": vectors, "checksums": _checksums(vectors).view(np.int64)},
            {"identity": self.identity, "keys": xxh3_64_hexdigest(keys.tobytes())},
        )
        path = self.folder / f"{kind}-{uuid.uuid4().hex}.safetensors"
        _put(path, lambda partial: partial.write_bytes(content))
        with self._lock:
            segment = self._opened(path)
            if segment is not None and all(path != known.path for known in self._segments):
                self._segments = (*self._segments, segment)

    def _make_room(self) -> None:
        people = [path for path in self.folder.glob("people-*.safetensors*") if path.exists()]
        by_age = sorted(people, key=_age)
        total = sum(_size(path) for path in by_age)
        while by_age and total > self.most_bytes:
            oldest = by_age.pop(0)
            total -= _size(oldest)
            oldest.unlink(missing_ok=True)
            self._drop(oldest)

    def _drop(self, path: Path) -> None:
        with self._lock:
            self._segments = tuple(segment for segment in self._segments if segment.path != path)

    def _mend(self, segment: _Segment, rows: np.ndarray) -> None:
        """Set a file with damaged rows aside, and write anew what of it holds."""
        with self._lock:
            if all(segment is not known for known in self._segments) or segment.path in self._left_out:
                return
            shown = ", ".join(map(str, np.unique(rows)[:5].tolist()))
            what = f"the vectors of {len(np.unique(rows))} cCREs are damaged (row {shown} of {len(segment.first)})"
            if not self._set_aside(segment.path, what):
                return
            self._drop(segment.path)
            holds = np.flatnonzero(_checksums(segment.vectors) == segment.checksums)
            keys = np.stack([segment.first, segment.second], axis=1)
            try:
                if len(holds):
                    self._write(keys[holds], segment.vectors[holds], segment.path.name.partition("-")[0])
            except OSError as error:
                logger.warning(
                    "%s cannot be written (%s): all of the damaged file is encoded again", self.folder, error
                )

    def _set_aside(self, path: Path, what: str) -> bool:
        """Say what is wrong with a file, and rename it; whether this process was the one to do so."""
        try:
            path.replace(path.with_name(f"{path.name}.damaged"))
        except FileNotFoundError:  # another process was first, or made room
            self._drop(path)
            return False
        except OSError as error:
            self._left_out.add(path)
            self._say(
                f"{path}: {what}; it cannot be set aside ({error.strerror}), its damage is encoded again each run"
            )
            return False
        self._say(f"{path}: {what}; the file was set aside as {path.name}.damaged, its damage is encoded again")
        return True

    def _say(self, damage: str) -> None:
        self.damage.append(damage)
        logger.warning("%s", damage)

    def _opened(self, path: Path) -> _Segment | None:
        try:
            with safe_open(path, framework="pt") as file:  # which maps, and does not read
                given = file.metadata() or {}
                keys, vectors, checksums = (file.get_tensor(name).numpy() for name in ("keys", "vectors", "checksums"))
        except FileNotFoundError:
            return None  # removed by another process in the meantime
        except (OSError, SafetensorError, ValueError, TypeError) as error:
            self._set_aside(path, f"is damaged, or of an earlier version ({error})")
            return None
        n = len(keys)
        shapes = [(array.dtype, array.shape) for array in (keys, vectors, checksums)]
        if shapes != [(np.int64, (n, 2)), (np.float32, (n, self.width)), (np.int64, (n,))] or not n:
            self._set_aside(path, "is damaged: it holds arrays of another shape")
        elif given.get("identity") != self.identity or given.get("keys") != xxh3_64_hexdigest(keys.tobytes()):
            self._set_aside(path, "is damaged: its keys are not those that were written, or it is another model's")
        else:
            first, second = (np.ascontiguousarray(half) for half in keys.T)
            return _Segment(path, first, second, vectors, checksums.view(np.uint64))
        return None


def _checksums(vectors: np.ndarray) -> np.ndarray:
    """(n,) uint64, of the bytes of each of n vectors."""
    return np.fromiter((xxh3_64_intdigest(row) for row in vectors), dtype=np.uint64, count=len(vectors))


def _description_checksum(description: dict[str, Any]) -> str:
    return xxh3_64_hexdigest(json.dumps(description, sort_keys=True).encode())


def _put(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file under another name, and rename it when it is whole."""
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}.partial")
    try:
        write(partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


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
