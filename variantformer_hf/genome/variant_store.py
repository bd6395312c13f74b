"""Genotypes of a cohort, read once from its VCF and kept as columns that are mapped from disk.

A VCF is text by record, so that one person's records cost reading everybody's. A store is by person: what a record is
stands once, and of each person's calls only those that are not 0/0, as pairs of record and genotype. It holds what
sequences depend on (no GQ, no DP), and is another form of one file: of a file that has changed it is not used. Where a
block of it is damaged, its contig is read anew from the file.
"""

import hashlib
import json
import logging
import shutil
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from os import PathLike
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
from xxhash import xxh3_64_hexdigest

from ..errors import InputError
from ..files import writing
from ..folder import cache_folder
from .checked_columns import CheckedColumn, DamagedColumnError, n_blocks, write_column
from .local_files import local_file
from .provenance import fingerprint
from .record_columns import (
    IS_BASE,
    IS_EMPTY,
    IS_SYMBOLIC,
    LONGEST_CALL,
    MISSING,
    SPAN_KEYS,
    Record,
    RecordColumns,
    alleles_digest,
    colons_in,
    has_letter,
    numbers,
    passes_filter,
)
from .variants import MOST_ALLELES, VariantFile, chosen_sample, genotype_of

logger = logging.getLogger(__name__)

_LAYOUT = 4
_DESCRIPTION = "store.json"
# The last: the record spans one base more than those by which regions find it.
_SITE, _HOM_REF, _PASSES, _LONGER = 1, 2, 4, 8
_TAB, _NEWLINE, _COLON, _DOT, _SLASH, _BAR, _ZERO = b"\t\n:./|0"
# Text that is decoded at a time, and calls that a segment holds: what bounds memory.
_TEXT_AT_ONCE = 8 << 20
_CALLS_IN_A_SEGMENT = 20_000_000
_RECORDS_IN_A_SEGMENT = 2_000_000
_MOST_GENOTYPES = 1 << 16
_ARRAYS: dict[str, type] = {
    "position": np.int32,
    "end": np.int32,
    "alleles": np.int64,
    "flags": np.uint8,
    "ref": np.uint8,
    "alt": np.uint8,
    "text_first": np.int64,
    "text": np.uint8,
    "call_record": np.int32,
    "call_code": np.uint16,
    "first": np.int64,
}
_CHECKSUMS = "checksums"
_REMEDY = "Make it anew: variantformer ingest --overwrite"


def default_store(vcf: str | PathLike[str]) -> Path:
    """Where the store of a file is kept, whether it is there or not."""
    name = hashlib.sha256(str(Path(vcf).resolve()).encode()).hexdigest()[:32]
    return cache_folder() / "variants" / name


class VariantStore:
    """One sample of a store; reads as :class:`VariantFile` does.

    Damage is looked for in what is read. A contig in which there is some is written anew from the file; where that
    cannot be done, the file itself is read from then on. Either is said in a warning.

    Args:
        vcf: the file that the store was made of.
        folder: the store.
        sample: name of the sample; None = the only one.

    Attributes:
        path: of the VCF.
        samples, sample, contigs, index_is_older: as of :class:`VariantFile`.
        damage: what was found damaged, a sentence each.

    Raises:
        InputError: the store's description is damaged, or is that of another file or version (see :func:`is_current`).
        SampleError: the sample is not there, or none is named where there are several.
    """

    def __init__(self, vcf: str | PathLike[str], folder: str | Path, sample: str | None = None) -> None:
        self.path, self.folder = Path(vcf), Path(folder)
        description = _description(self.folder)
        if description["source"] != _source(self.path):
            raise InputError("is not a store of this file", file=self.folder, record=str(self.path), remedy=_REMEDY)
        self.samples = tuple(description["samples"])
        self.sample = chosen_sample(self.path, self.samples, sample)
        self.contigs: dict[str, int | None] = description["contigs"]
        self.index_is_older = bool(description["index_is_older"])
        self._segments: list[dict[str, Any]] = description["segments"]
        self._column = self.samples.index(self.sample) if self.sample is not None else 0
        self._genotypes = [genotype_of(text) for text in description["genotypes"]]
        self._texts: list[str] = description["genotypes"]
        # The alleles of a genotype of two, -2 where it is any other.
        pairs = [each if len(each) == 2 else (-2, -2) for each in self._genotypes]
        table = [[MISSING if allele is None else allele for allele in pair] for pair in pairs]
        self._alleles = np.clip(np.array(table, dtype=np.int64).reshape(-1, 2), -2, 100).astype(np.int8)
        self._arrays: dict[str, dict[str, CheckedColumn]] = {}
        self._file: VariantFile | None = None
        self.damage: list[str] = []

    @property
    def indexed_contigs(self) -> list[str]:
        """Contigs that have records, in the order of the file."""
        return list(dict.fromkeys(segment["contig"] for segment in self._segments))

    def columns(self, chrom: str, start: int, end: int, *, needs_quality: bool = False) -> Iterator[RecordColumns]:
        """As :meth:`VariantFile.columns`.

        Raises:
            ValueError: GQ or DP are asked for.
        """
        if needs_quality:
            raise ValueError("a store holds no GQ and no DP")
        yield from self._found(chrom, start, end)

    def close(self) -> None:
        """Let go of the files."""
        self._arrays = {}
        if self._file is not None:
            self._file.close()

    def _found(self, chrom: str, start: int, end: int) -> Iterable[RecordColumns]:
        """All records asked for, or those of the file: none is given away before all were found to hold."""
        if self._file is None:
            try:
                return list(self._stored(chrom, start, end))
            except DamagedColumnError:
                self._arrays = {}  # what was opened before another process, or another person's reader, mended it
            try:
                return list(self._stored(chrom, start, end))
            except DamagedColumnError as error:
                if self._mend(chrom, error):
                    return list(self._stored(chrom, start, end))
            self._file = VariantFile(self.path, self.sample)
        return self._file.columns(chrom, start, end)

    def _stored(self, chrom: str, start: int, end: int) -> Iterator[RecordColumns]:
        for segment in self._segments:
            if segment["contig"] == chrom and start < end:
                arrays = self._opened(segment)
                position = arrays["position"].rows(0, segment["records"])
                low = int(np.searchsorted(position, start - segment["longest"]))
                high = int(np.searchsorted(position, end))
                rows = low + np.flatnonzero((arrays["end"].rows(low, high) > start) & (position[low:high] >= 0))
                if len(rows):
                    yield self._columns(arrays, rows)

    def _mend(self, chrom: str, damage: DamagedColumnError) -> bool:
        """Write the columns of a contig anew from the file; whether they are again what they were."""
        self._say(f"{damage}; the contig {chrom} is read anew from {self.path}")
        of_contig = [segment for segment in self._segments if segment["contig"] == chrom]
        partial = self.folder.with_name(f".{self.folder.name}.{uuid.uuid4().hex}.partial")
        file = VariantFile(self.path, all_samples=True)
        try:
            partial.mkdir()
            codes = {text: code for code, text in enumerate(self._texts)}
            made = _write_contig(file, chrom, partial, self._segments.index(of_contig[0]), codes)
            if made == of_contig:
                damaged = Path(damage.file or "")
                with suppress(FileNotFoundError):
                    damaged.replace(damaged.with_name(f"{damaged.name}.damaged"))
                for path in partial.iterdir():
                    path.replace(self.folder / path.name)
                self._arrays = {}
                return True
            problem = "the file holds something else now"
        except (InputError, OSError) as error:
            problem = str(error)
        finally:
            file.close()
            shutil.rmtree(partial, ignore_errors=True)
        self._say(f"{self.folder}: cannot be mended ({problem}), {self.path} itself is read. {_REMEDY}")
        return False

    def _say(self, damage: str) -> None:
        self.damage.append(damage)
        logger.warning("%s", damage)

    def _columns(self, arrays: dict[str, CheckedColumn], rows: np.ndarray) -> RecordColumns:
        low, high = int(rows[0]), int(rows[-1]) + 1

        def of_rows(name: str) -> np.ndarray:
            return arrays[name].rows(low, high)[rows - low]

        # All that a record may be asked for is looked at here, so that none is met damaged later.
        text_first = arrays["text_first"].rows(low, high + 1)
        text_first, texts = text_first - text_first[0], arrays["text"].rows(int(text_first[0]), int(text_first[-1]))
        first, last = arrays["first"].rows(self._column, self._column + 2).tolist()
        carried = arrays["call_record"].rows(first, last)
        begin, end = np.searchsorted(carried, [low, high]).tolist()
        place = np.searchsorted(rows, carried[begin:end])
        place = np.minimum(place, len(rows) - 1)
        inside = rows[place] == carried[begin:end]
        code = np.full(len(rows), -1, dtype=np.int64)
        code[place[inside]] = arrays["call_code"].rows(first + begin, first + end)[inside]
        alleles = np.zeros((len(rows), 2), dtype=np.int8)
        listed = code >= 0
        alleles[listed] = self._alleles[code[listed]]
        flags = of_rows("flags")
        one, two = alleles[:, 0], alleles[:, 1]
        is_snp = ((flags & _SITE) > 0) & (one >= MISSING) & (one <= 1) & (two >= MISSING) & (two <= 1)

        position, end, ref, alt = (of_rows(name) for name in ("position", "end", "ref", "alt"))

        def record(index: int) -> Record:
            first, last = text_first[rows[index] - low : rows[index] - low + 2].tolist()
            text = texts[first:last].tobytes().decode() or f"{chr(ref[index])}\t{chr(alt[index])}\tPASS"
            length = int(end[index]) - int(position[index])
            return self._record(text, int(position[index]), length, int(flags[index]), int(code[index]))

        return RecordColumns(
            position=position.astype(np.int64),
            end=end.astype(np.int64),
            is_snp=is_snp,
            is_hom_ref=((flags & _HOM_REF) > 0) & (one == 0) & (two == 0),
            ref=ref,
            alt=alt,
            first=one,
            second=two,
            passes=(flags & _PASSES) > 0,
            alleles=of_rows("alleles"),
            record=record,
        )

    def _record(self, text: str, position: int, length: int, flags: int, code: int) -> Record:
        """A record of its REF, ALT and FILTER, tabs between them."""
        ref, alts, filters = text.split("\t")
        written = "0/0" if code < 0 else self._texts[code]
        unseen = int((flags & _LONGER) > 0)
        return Record(
            position=position,
            alleles=(ref,) if alts == "." else (ref, *alts.split(",")),
            length=length + unseen,
            genotype=(0, 0) if code < 0 else self._genotypes[code],
            phased="/" not in written,
            filters="PASS" if flags & _PASSES else filters,
            gq=None,
            dp=None,
            unseen=unseen,
        )

    def _opened(self, segment: dict[str, Any]) -> dict[str, CheckedColumn]:
        name = segment["name"]
        if name not in self._arrays:
            self._arrays[name] = _open_segment(self.folder, segment)
        return self._arrays[name]


def _open_segment(folder: Path, segment: dict[str, Any]) -> dict[str, CheckedColumn]:
    """The columns of a segment, mapped.

    Raises:
        DamagedColumnError: a file is missing, or of another size.
    """
    path = folder / f"{segment['name']}.{_CHECKSUMS}.npy"
    try:
        checksums = np.load(path, allow_pickle=False)
        if xxh3_64_hexdigest(checksums.tobytes()) != segment[_CHECKSUMS]:
            raise ValueError("it is not what was written")
    except (OSError, ValueError, EOFError, TokenError) as error:
        raise DamagedColumnError(f"is a damaged file of a store ({error})", file=path) from error
    columns: dict[str, CheckedColumn] = {}
    first = 0
    for name, kind in _ARRAYS.items():
        length = segment["lengths"][name]
        last = first + n_blocks(kind, length)
        columns[name] = CheckedColumn(folder / f"{segment['name']}.{name}.npy", kind, length, checksums[first:last])
        first = last
    return columns


def damage_in(folder: str | Path) -> str | None:
    """The first damage in a store, all of which is read; None where it is whole."""
    try:
        for segment in _description(Path(folder))["segments"]:
            for column in _open_segment(Path(folder), segment).values():
                column.rows(0, len(column))
    except InputError as error:
        return str(error)
    return None


def is_current(vcf: str | PathLike[str], folder: str | Path) -> bool:
    """Whether a folder holds the store of a file as the file is now; its columns are not looked at."""
    try:
        return bool(_description(Path(folder))["source"] == _source(Path(vcf)))
    except InputError:
        return False


def open_variants(path: str | PathLike[str], sample: str | None, *, needs_quality: bool) -> VariantFile | VariantStore:
    """A file's store where there is one, else the file.

    Args:
        path: of the VCF or BCF.
        sample: as for :class:`VariantFile`.
        needs_quality: GQ or DP will be asked for, which a store does not hold.
    """
    folder = default_store(path)
    if folder.is_dir() and local_file(path, "VCF or BCF"):
        if needs_quality:
            logger.info("%s: its store has no GQ and no DP, the file itself is read", path)
        else:
            try:
                if _description(folder)["source"] == _source(Path(path)):
                    return VariantStore(path, folder, sample)
                problem = f"{path} has changed since `variantformer ingest`, and its store is not used."
            except InputError as error:
                problem = str(error)
            logger.warning("%s The file itself is read.", problem)
    return VariantFile(path, sample)


@dataclass
class _Segment:
    """Records and calls of one contig that are not written yet."""

    contig: str
    records: dict[str, list[np.ndarray]] = field(default_factory=dict)
    calls: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = field(default_factory=list)
    n_records: int = 0
    n_calls: int = 0


def build_store(
    vcf: str | PathLike[str], folder: str | Path | None = None, *, on_contig: Callable[[int, int], None] | None = None
) -> Path:
    """Read a VCF or BCF once and write its store; the folder appears at its name only when it is whole.

    Args:
        vcf: the indexed file.
        folder: where to write; a store that is there is replaced. None = :func:`default_store`.
        on_contig: called with (done, total) after each contig.

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
            content = _written(file, partial, on_contig)
            content |= {"source": _source(path), "layout": _LAYOUT}
            (partial / _DESCRIPTION).write_text(json.dumps({**content, "checksum": _checksum(content)}))
            _put(partial, target)
    finally:
        file.close()
        shutil.rmtree(partial, ignore_errors=True)
    return target


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


def _written(file: VariantFile, folder: Path, on_contig: Callable[[int, int], None] | None) -> dict[str, Any]:
    codes: dict[str, int] = {}
    segments: list[dict[str, Any]] = []
    contigs = file.indexed_contigs
    for done, contig in enumerate(contigs, start=1):
        segments += _write_contig(file, contig, folder, len(segments), codes)
        if on_contig is not None:
            on_contig(done, len(contigs))
    return {
        "samples": list(file.samples),
        "contigs": file.contigs,
        "index_is_older": file.index_is_older,
        "genotypes": list(codes),
        "segments": segments,
    }


def _write_contig(
    file: VariantFile, contig: str, folder: Path, number: int, codes: dict[str, int]
) -> list[dict[str, Any]]:
    """Write the segments of a contig, which get numbers from ``number`` on; genotypes that are new get a code."""
    written: list[dict[str, Any]] = []
    segment = _Segment(contig)
    for lines in _chunks(file.lines(contig), len(file.samples)):
        _decode(lines, file, segment, codes)
        if segment.n_calls > _CALLS_IN_A_SEGMENT or segment.n_records > _RECORDS_IN_A_SEGMENT:
            written.append(_write_segment(segment, folder, number + len(written), len(file.samples)))
            segment = _Segment(contig)
    if segment.n_records:
        written.append(_write_segment(segment, folder, number + len(written), len(file.samples)))
    return written


def _chunks(lines: Iterator[str], n_samples: int) -> Iterator[list[str]]:
    at_once = max(16, min(16_384, _TEXT_AT_ONCE // (200 + 8 * n_samples)))
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
        flags=(is_site * _SITE | has_alt * _HOM_REF | passes * _PASSES | is_longer * _LONGER).astype(np.uint8),
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
    columns: dict[str, np.ndarray] = {array: arrays[array].astype(kind, copy=False) for array, kind in _ARRAYS.items()}
    checksums = [write_column(folder / f"{name}.{array}.npy", values) for array, values in columns.items()]
    np.save(folder / f"{name}.{_CHECKSUMS}.npy", np.concatenate(checksums), allow_pickle=False)
    return {
        "name": name,
        "contig": segment.contig,
        "records": segment.n_records,
        "longest": int((arrays["end"] - arrays["position"]).max()),
        "lengths": {array: len(values) for array, values in columns.items()},
        _CHECKSUMS: xxh3_64_hexdigest(np.concatenate(checksums).tobytes()),
    }


def _source(path: Path) -> dict[str, Any]:
    """What a file is, as far as its store depends on it."""
    return {**fingerprint(path), "path": str(path.resolve())}


def _description(folder: Path) -> dict[str, Any]:
    """What a store says of itself.

    Raises:
        InputError: it is damaged or not there, or of another version.
    """
    path = folder / _DESCRIPTION
    try:
        content = json.loads(path.read_bytes())
        checksum = content.pop("checksum", None)
        if checksum == _checksum(content) and content["layout"] == _LAYOUT:
            return dict(content)
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        pass
    raise InputError("is damaged, or of another version", file=path, remedy=_REMEDY)


def _checksum(description: dict[str, Any]) -> str:
    return xxh3_64_hexdigest(json.dumps(description, sort_keys=True).encode())
