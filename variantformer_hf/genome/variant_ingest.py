"""The store of a cohort's genotypes, built: its VCF is read once, and what it says is written as columns by person."""

import shutil
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from xxhash import xxh3_64_hexdigest

from ..errors import InputError
from ..files import writing
from .call_blocks import CallBlock, CallSource
from .checked_columns import write_column
from .cohort_rows import CohortRows, Reading
from .cohort_source import call_source, read_by
from .store_layout import CHECKSUMS, COLUMNS, StoreLimits, default_store, write_description

_MOST_GENOTYPES = 1 << 16


def build_store(
    vcf: str | PathLike[str],
    folder: str | Path | None = None,
    *,
    on_contig: Callable[[int, int], None] | None = None,
    limits: StoreLimits | None = None,
    reading: Reading | None = None,
) -> Path:
    """Read a file of genotypes once and write its store; the folder appears at its name only when it is whole.

    Args:
        vcf: the file, see ``cohort_source``.
        folder: where to write; a store that is there is replaced. None = :func:`default_store`.
        on_contig: called with (done, total) after each contig.
        limits: how much is held in memory.
        reading: how genotypes are read that are no plain calls.

    Returns:
        The folder.

    Raises:
        InputError: the file cannot be read, has no samples or gives its records' lengths by sample (FORMAT/LEN); a
            record of any sample is malformed; the folder cannot be written.
    """
    path = Path(vcf)
    target = Path(folder) if folder is not None else default_store(path)
    limits = limits or StoreLimits()
    file = call_source(path, text_at_once=limits.text, reading=reading)
    if not file.samples:
        file.close()
        raise InputError("has no samples, and so no genotypes to keep", file=path, remedy="Use the file itself.")
    partial = target.with_name(f".{target.name}.{uuid.uuid4().hex}.partial")
    try:
        with writing(target):
            partial.mkdir(parents=True)
            content = {"read_by": read_by(path, reading), **_written(file, partial, on_contig, limits)}
            write_description(partial, path, content, limits)
            _put(partial, target)
    finally:
        file.close()
        shutil.rmtree(partial, ignore_errors=True)
    return target


@dataclass
class _Segment:
    """Records and calls of one contig that are not written yet."""

    contig: str
    records: dict[str, list[np.ndarray]] = field(default_factory=dict)
    calls: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = field(default_factory=list)
    n_records: int = 0
    n_calls: int = 0


def _put(folder: Path, target: Path) -> None:
    """Rename a folder; one that is there, perhaps another process's of this moment, goes."""
    while True:
        old = target.with_name(f".{target.name}.{uuid.uuid4().hex}.partial")
        with suppress(FileNotFoundError):
            target.replace(old)
        try:
            folder.replace(target)
            return
        except OSError:
            if not target.exists():
                raise
        finally:
            shutil.rmtree(old, ignore_errors=True)


def _written(
    file: CallSource, folder: Path, on_contig: Callable[[int, int], None] | None, limits: StoreLimits
) -> dict[str, Any]:
    codes: dict[str, int] = {}
    segments: list[dict[str, Any]] = []
    contigs = file.indexed_contigs
    for done, contig in enumerate(contigs, start=1):
        segments += write_contig(file, contig, folder, len(segments), codes, limits)
        if on_contig is not None:
            on_contig(done, len(contigs))
    return {
        "samples": list(file.samples),
        "contigs": file.contigs,
        "index_is_older": file.index_is_older,
        "genotypes": list(codes),
        "segments": segments,
        "format": file.described if isinstance(file, CohortRows) else None,
    }


def write_contig(
    file: CallSource, contig: str, folder: Path, number: int, codes: dict[str, int], limits: StoreLimits
) -> list[dict[str, Any]]:
    """Write the segments of a contig.

    Args:
        file: opened.
        contig: by the file's names.
        folder: to write in.
        number: of its first segment.
        codes: genotype as it is written -> its code; those that are new are put in.
        limits: how large a segment may be.

    Returns:
        What the store's description says of each segment.

    Raises:
        InputError: as of :func:`build_store`.
    """
    written: list[dict[str, Any]] = []
    segment = _Segment(contig)
    for block in file.blocks(contig):
        _add(segment, block, codes, file.path)
        if segment.n_calls > limits.calls or segment.n_records > limits.records:
            written.append(_write_segment(segment, folder, number + len(written), len(file.samples)))
            segment = _Segment(contig)
    if segment.n_records:
        written.append(_write_segment(segment, folder, number + len(written), len(file.samples)))
    return written


def _add(segment: _Segment, block: CallBlock, codes: dict[str, int], path: Path) -> None:
    """Put a block's records and calls into a segment."""
    arrays = {
        "position": block.position.astype(np.int32),
        "end": block.end.astype(np.int32),
        **{name: getattr(block, name) for name in ("alleles", "flags", "ref", "alt", "text_size", "text")},
    }
    for name, values in arrays.items():
        segment.records.setdefault(name, []).append(values)
    code = np.array([_code(text, codes, path) for text in block.genotypes] or [0], dtype=np.uint16)
    record = (block.call_record + segment.n_records).astype(np.int32)
    segment.calls.append((record, block.call_sample.astype(np.int32), code[block.call_genotype]))
    segment.n_records += len(block)
    segment.n_calls += len(record)


def _code(text: str, codes: dict[str, int], path: Path) -> int:
    code = codes.setdefault(text, len(codes))
    if code >= _MOST_GENOTYPES:
        raise InputError("has more different genotypes than a store holds", file=path, remedy="Use the file itself.")
    return code


def _write_segment(segment: _Segment, folder: Path, number: int, n_samples: int) -> dict[str, Any]:
    arrays = {name: np.concatenate(parts) for name, parts in segment.records.items()}
    arrays["text_first"] = np.concatenate([[0], np.cumsum(arrays.pop("text_size"))])
    record, sample, code = (np.concatenate(parts) for parts in zip(*segment.calls, strict=True))
    order = np.argsort(sample, kind="stable")
    arrays["call_record"], arrays["call_code"] = record[order], code[order]
    arrays["first"] = np.concatenate([[0], np.cumsum(np.bincount(sample, minlength=n_samples))])
    name = f"{number:05d}"
    columns: dict[str, np.ndarray] = {array: arrays[array].astype(kind, copy=False) for array, kind in COLUMNS.items()}
    checksums = [write_column(folder / f"{name}.{array}.npy", values) for array, values in columns.items()]
    np.save(folder / f"{name}.{CHECKSUMS}.npy", np.concatenate(checksums), allow_pickle=False)
    return {
        "name": name,
        "contig": segment.contig,
        "records": segment.n_records,
        "longest": int((arrays["end"] - arrays["position"]).max()),
        "lengths": {array: len(values) for array, values in columns.items()},
        CHECKSUMS: xxh3_64_hexdigest(np.concatenate(checksums).tobytes()),
    }
