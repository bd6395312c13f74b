"""The store of a cohort's genotypes, built: its VCF is read once, and what it says is written as columns by person."""

import shutil
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from xxhash import xxh3_64_hexdigest

from ..errors import InputError
from ..files import writing
from .checked_columns import write_column
from .record_columns import (
    IS_BASE,
    IS_EMPTY,
    IS_SYMBOLIC,
    LONGEST_CALL,
    SPAN_KEYS,
    alleles_digest,
    colons_in,
    has_letter,
    numbers,
    passes_filter,
)
from .store_layout import (
    CHECKSUMS,
    COLUMNS,
    HOM_REF,
    LONGER,
    PASSES,
    SITE,
    StoreLimits,
    default_store,
    write_description,
)
from .variants import MOST_ALLELES, VariantFile, genotype_of

_TAB, _NEWLINE, _COLON, _DOT, _SLASH, _BAR, _ZERO = b"\t\n:./|0"
_MOST_GENOTYPES = 1 << 16


def build_store(
    vcf: str | PathLike[str],
    folder: str | Path | None = None,
    *,
    on_contig: Callable[[int, int], None] | None = None,
    limits: StoreLimits | None = None,
) -> Path:
    """Read a VCF or BCF once and write its store; the folder appears at its name only when it is whole.

    Args:
        vcf: the indexed file.
        folder: where to write; a store that is there is replaced. None = :func:`default_store`.
        on_contig: called with (done, total) after each contig.
        limits: how much is held in memory.

    Returns:
        The folder.

    Raises:
        InputError: the file cannot be read, has no samples or gives its records' lengths by sample (FORMAT/LEN); a
            record of any sample is malformed; the folder cannot be written.
    """
    path = Path(vcf)
    target = Path(folder) if folder is not None else default_store(path)
    file = VariantFile(path, all_samples=True)
    if not file.samples:
        file.close()
        raise InputError("has no samples, and so no genotypes to keep", file=path, remedy="Use the file itself.")
    partial = target.with_name(f".{target.name}.{uuid.uuid4().hex}.partial")
    try:
        with writing(target):
            partial.mkdir(parents=True)
            limits = limits or StoreLimits()
            write_description(partial, path, _written(file, partial, on_contig, limits), limits)
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
    file: VariantFile, folder: Path, on_contig: Callable[[int, int], None] | None, limits: StoreLimits
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
    }


def write_contig(
    file: VariantFile, contig: str, folder: Path, number: int, codes: dict[str, int], limits: StoreLimits
) -> list[dict[str, Any]]:
    """Write the segments of a contig.

    Args:
        file: with all samples.
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
    for lines in _chunks(file.lines(contig), len(file.samples), limits.text):
        _decode(lines, file, segment, codes)
        if segment.n_calls > limits.calls or segment.n_records > limits.records:
            written.append(_write_segment(segment, folder, number + len(written), len(file.samples)))
            segment = _Segment(contig)
    if segment.n_records:
        written.append(_write_segment(segment, folder, number + len(written), len(file.samples)))
    return written


def _chunks(lines: Iterator[str], n_samples: int, text_at_once: int) -> Iterator[list[str]]:
    at_once = max(16, min(16_384, text_at_once // (200 + 8 * n_samples)))
    while part := list(islice(lines, at_once)):
        yield part


def _decode(lines: Sequence[str], file: VariantFile, segment: _Segment, codes: dict[str, int]) -> None:
    """Add some lines of a contig to a segment."""
    n_samples = len(file.samples)
    lines = [line if line.count("\t") == 8 + n_samples else file.whole(line) for line in lines]
    text = "\n".join(lines).encode() + b"\n"
    characters = np.frombuffer(text, dtype=np.uint8)
    line_end = np.flatnonzero(characters == _NEWLINE)
    tabs: np.ndarray = np.flatnonzero(characters == _TAB)
    if len(line_end) != len(lines):  # a line end within a line
        for line in lines:
            file.parse(line)
    tabs = np.reshape(tabs, (len(lines), 8 + n_samples))
    position, is_number = numbers(characters, tabs[:, 0] + 1, tabs[:, 1])
    ref_start, ref_end, alt_start, alt_end = tabs[:, 2] + 1, tabs[:, 3], tabs[:, 3] + 1, tabs[:, 4]
    passes = passes_filter(characters, tabs[:, 5] + 1, tabs[:, 6])
    format_start, format_end = tabs[:, 7] + 1, tabs[:, 8]
    has_keys = (characters[format_start] != _DOT) | (format_end - format_start != 1)
    n_keys = _colons(characters, format_start[:, None], format_end[:, None])
    is_plain = (
        is_number
        & (ref_end > ref_start)
        & (alt_end > alt_start)
        & (characters[format_start] == ord("G"))
        & (characters[format_start + 1] == ord("T"))
        & ((characters[format_start + 2] == _COLON) | (format_end - format_start == 2))
    )
    length = ref_end - ref_start
    is_longer = np.zeros(len(lines), dtype=bool)
    for found in SPAN_KEYS.finditer(text):
        row = int(np.searchsorted(line_end, found.start()))
        keys = lines[row].split("\t", 9)[8].split(":")
        if "LEN" in keys and file.span_keys.length:
            raise InputError(
                "gives lengths of records by sample (FORMAT/LEN), which a store does not hold",
                file=file.path,
                record=":".join(lines[row].split("\t", 2)[:2]),
                remedy="Use the file itself.",
            )
        is_plain[row] = False
    call_start = tabs[:, 8:] + 1
    is_whole = is_plain & ~IS_EMPTY[characters[call_start]].any(axis=1)
    for row in np.flatnonzero(~is_whole).tolist():
        parsed = file.parse(lines[row])
        position[row], length[row] = parsed.position, parsed.end - parsed.position
        is_longer[row] = parsed.unseen
    ref, alt = characters[ref_start], characters[alt_start]
    one_alt = alt_end - alt_start == 1
    is_site = (length == 1) & (ref_end - ref_start == 1) & one_alt & IS_BASE[ref] & IS_BASE[alt] & (ref != alt)
    has_alt = ~(one_alt & (alt == _DOT))
    others = np.flatnonzero(has_alt & ~is_site)
    has_alt[others] = ~has_letter(characters, alt_start[others], alt_end[others], IS_SYMBOLIC)
    kept = ~(is_site & passes)
    texts, text_size = _texts_of(characters, tabs, ref_start, alt_end, kept)
    _add(
        segment,
        position=position.astype(np.int32),
        end=(position + length).astype(np.int32),
        alleles=alleles_digest(characters, ref_start, ref_end, alt_end),
        flags=(is_site * SITE | has_alt * HOM_REF | passes * PASSES | is_longer * LONGER).astype(np.uint8),
        ref=ref,
        alt=alt,
        text_size=text_size,
        text=texts,
    )
    call_end = np.concatenate([tabs[:, 9:], line_end[:, None]], axis=1)
    too_many = (_colons(characters, call_start, call_end) > n_keys) & has_keys[:, None]
    if too_many.any():
        row, sample = np.argwhere(too_many)[0].tolist()
        raise file.malformed(lines[row], f"has more values than FORMAT keys in the sample {file.samples[sample]}")
    _add_calls(lines, file, segment, codes, characters, call_start, call_end, is_plain)
    segment.n_records += len(lines)


def _colons(characters: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Colons in each stretch of text, (n, samples)."""
    if int((end - start).max()) <= LONGEST_CALL and start.shape[1] == 1:
        return colons_in(characters, start[:, 0], end[:, 0])[:, None]
    so_far = np.cumsum(characters == _COLON, dtype=np.int32)
    return so_far[end - 1] - so_far[start - 1]


def _texts_of(
    characters: np.ndarray, tabs: np.ndarray, ref_start: np.ndarray, alt_end: np.ndarray, kept: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """REF, ALT and FILTER of some records, tabs between them, one behind the other; how long each is."""
    filter_start, filter_end = tabs[:, 5], tabs[:, 6]  # the tab before it included
    size = np.zeros(len(kept), dtype=np.int64)
    size[kept] = (alt_end - ref_start + filter_end - filter_start)[kept]
    rows = np.flatnonzero(kept)
    starts = np.stack([ref_start[rows], filter_start[rows]], axis=1).ravel()
    lengths = np.stack([(alt_end - ref_start)[rows], (filter_end - filter_start)[rows]], axis=1).ravel()
    first = np.concatenate([[0], np.cumsum(lengths)])
    places = np.arange(first[-1]) + np.repeat(starts - first[:-1], lengths)
    return characters[places], size


def _add(segment: _Segment, **arrays: np.ndarray) -> None:
    for name, values in arrays.items():
        segment.records.setdefault(name, []).append(values)


def _add_calls(
    lines: Sequence[str],
    file: VariantFile,
    segment: _Segment,
    codes: dict[str, int],
    characters: np.ndarray,
    call_start: np.ndarray,
    call_end: np.ndarray,
    is_plain: np.ndarray,
) -> None:
    """Calls of all samples that are not 0/0."""
    last = len(characters) - 1
    one, bar, two, behind = (characters[np.minimum(call_start + place, last)] for place in range(4))
    size = call_end - call_start
    is_pair = is_plain[:, None] & (size >= 3) & ((bar == _SLASH) | (bar == _BAR)) & ((size == 3) | (behind == _COLON))
    for allele in (one, two):
        is_pair &= ((allele >= _ZERO) & (allele <= ord("9"))) | (allele == _DOT)
    rows, samples = np.nonzero(~(is_pair & (one == _ZERO) & (two == _ZERO)))
    pair = is_pair[rows, samples]
    letters = (one.astype(np.int32) << 16 | bar.astype(np.int32) << 8 | two)[rows, samples]
    code = np.zeros(len(rows), dtype=np.int64)
    kinds, which = np.unique(letters[pair], return_inverse=True)
    known = [_code(int(kind).to_bytes(3, "big").decode(), codes, file.path) for kind in kinds]
    code[pair] = np.array([*known, 0])[which]
    for index in np.flatnonzero(~pair).tolist():
        line, sample = lines[int(rows[index])], int(samples[index])
        keys, values = line.split("\t", 9)[8].split(":"), line.split("\t")[9 + sample].split(":")
        written = dict(zip(keys, values, strict=False)).get("GT", "")
        try:
            highest = max((allele for allele in genotype_of(written) if allele is not None), default=0)
        except ValueError:
            highest = MOST_ALLELES
        if highest >= MOST_ALLELES:
            raise file.malformed(line, f"has the genotype {written!r} in the sample {file.samples[sample]}")
        code[index] = _code(written, codes, file.path)
    segment.calls.append(
        ((rows + segment.n_records).astype(np.int32), samples.astype(np.int32), code.astype(np.uint16))
    )
    segment.n_calls += len(rows)


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
