"""What a run's folder holds of a unit beside its values: how each gene ended, the records met, hashes of its files.

Notes are written last: a unit is done when its notes are there and whole, and its files are those that they name.
"""

import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from .predicted import PersonRecordsMet, PredictedGenes, PredictedUnit

_HASH_BYTES = 16
# Threads that share a few columns wait for each other.
_SMALL = pa.ipc.IpcReadOptions(use_threads=False)
_OF_GENES = ("status", "reason", "n_cres", "records_in_windows", "records_applied")


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """A file of a unit.

    Attributes:
        name: in the run's folder.
        rows: of the table in it; 0 where it is none.
        size: in bytes.
        hash: BLAKE2b of its content, 16 bytes, hexadecimal.
    """

    name: str
    rows: int
    size: int
    hash: str

    @classmethod
    def of(cls, name: str, content: bytes, rows: int) -> "WrittenFile":
        """What is to be known of a file."""
        return cls(name, rows, len(content), content_hash(content))


@dataclass(frozen=True, slots=True)
class UnitNotes:
    """Notes of a unit.

    Attributes:
        key: of the run, see ``run_key``.
        files: what was written of it.
        predictions: without values (no tissue) and embeddings.
        records, damage: see :class:`PredictedUnit`.
    """

    key: str
    files: tuple[WrittenFile, ...]
    predictions: PredictedGenes
    records: tuple[PersonRecordsMet, ...]
    damage: tuple[str, ...]

    @property
    def rows(self) -> int:
        """Of all files."""
        return sum(file.rows for file in self.files)


def content_hash(content: bytes) -> str:
    """What a content is known by."""
    return hashlib.blake2b(content, digest_size=_HASH_BYTES).hexdigest()


def packed(key: str, files: Sequence[WrittenFile], unit: PredictedUnit) -> bytes:
    """Notes as bytes: four Arrow streams (genes, kinds of records, records, sites), and the hash of all of it."""
    found = unit.predictions
    head = {
        "key": key,
        "files": [asdict(file) for file in files],
        "people": found.people.tolist(),
        "genes": found.genes.tolist(),
        "records": [(each.person, each.chrom, len(each.kinds), len(each.keys)) for each in unit.records],
        "not_diploid": [each.not_diploid for each in unit.records],
        "counted": [dict(each.counted) for each in unit.records],
        "damage": unit.damage,
    }
    genes = {name: getattr(found, name).ravel() for name in _OF_GENES}
    genes = {
        name: pa.array(column).dictionary_encode() if column.dtype == object else pa.array(column)
        for name, column in genes.items()
    }
    kinds = {"kind": _joined(unit.records, "kinds", np.int8), "count": _joined(unit.records, "counts", np.int64)}
    # People share sites: each is written once, and a person's as its steps from one to the next.
    sites, places = np.unique(_joined(unit.records, "keys", np.int64), return_inverse=True)
    steps = np.diff(places.astype(np.int32), prepend=np.int32(0))
    single = {"site": steps, "outcome": _joined(unit.records, "outcomes", np.int8)}
    sink = io.BytesIO()
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    first = pa.table(genes).replace_schema_metadata({"variantformer": json.dumps(head)})
    for table in (first, pa.table(kinds), pa.table(single), pa.table({"key": sites})):
        with pa.ipc.new_stream(sink, table.schema, options=options) as stream:
            stream.write_table(table)
    content = sink.getvalue()
    return content + bytes.fromhex(content_hash(content))


def unpacked(content: bytes) -> UnitNotes | None:
    """Notes from their bytes; None = these are not the bytes that were written."""
    source = _source(content)
    if source is None:
        return None
    genes, kinds, single, sites = (pa.ipc.open_stream(source, options=_SMALL).read_all() for _ in range(4))
    head, found = _genes(genes)
    records = []
    keys = sites["key"].to_numpy()[np.cumsum(single["site"].to_numpy())]
    columns = {name: table[name].to_numpy() for table in (kinds, single) for name in table.column_names}
    at_kind = at_single = 0
    counts = head.get("counted", [{}] * len(head["records"]))  # notes of earlier versions have none
    of_person = zip(head["records"], head["not_diploid"], counts, strict=True)
    for (person, chrom, n_kinds, n_single), not_diploid, counted in of_person:
        of_kinds, of_single = slice(at_kind, at_kind + n_kinds), slice(at_single, at_single + n_single)
        records.append(
            PersonRecordsMet(
                person,
                chrom,
                columns["kind"][of_kinds],
                columns["count"][of_kinds],
                keys[of_single],
                columns["outcome"][of_single],
                tuple(not_diploid),
                counted,
            )
        )
        at_kind, at_single = of_kinds.stop, of_single.stop
    files = tuple(WrittenFile(**file) for file in head["files"])
    return UnitNotes(head["key"], files, found, tuple(records), tuple(head["damage"]))


def unpacked_genes(content: bytes) -> tuple[str, PredictedGenes] | None:
    """The key and the predictions of notes alone, in a fifth of the time; None = these are not the bytes that were
    written."""
    source = _source(content)
    if source is None:
        return None
    head, found = _genes(pa.ipc.open_stream(source, options=_SMALL).read_all())
    return head["key"], found


def _source(content: bytes) -> pa.BufferReader | None:
    """What stands before the hash, if it is that of the hash."""
    body, hashed = content[:-_HASH_BYTES], content[-_HASH_BYTES:]
    return pa.BufferReader(body) if content_hash(body) == hashed.hex() else None


def _genes(table: pa.Table) -> tuple[dict[str, Any], PredictedGenes]:
    """Head and predictions, of the first stream."""
    head = json.loads(table.schema.metadata[b"variantformer"])
    found = PredictedGenes.empty(head["people"], head["genes"], 0)
    for name in _OF_GENES:
        column = table[name].combine_chunks()
        if isinstance(column, pa.DictionaryArray):
            values = np.array(column.dictionary.to_pylist(), dtype=object)[column.indices.to_numpy()]
        else:
            values = column.to_numpy()
        getattr(found, name)[:] = values.reshape(found.status.shape)
    return head, found


def _joined(records: Sequence[PersonRecordsMet], name: str, kind: Any) -> np.ndarray:
    return np.concatenate([np.zeros(0, dtype=kind), *(getattr(each, name) for each in records)]).astype(kind)
