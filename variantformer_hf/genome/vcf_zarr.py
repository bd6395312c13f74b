"""Reading VCF-Zarr, as ``vcf2zarr`` of bio2zarr writes it: a folder, or a zip of one."""

import logging
import zipfile
import zlib
from collections.abc import Iterator
from functools import lru_cache
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from ..addresses import as_given
from ..errors import InputError
from .cohort_rows import NO_ALLELE, Calls, CohortRows, Reading
from .local_files import local_file
from .optional_formats import library
from .provenance import fingerprint
from .record_columns import MISSING
from .sites import ContigSites, Sites, by_contig
from .span_keys import SpanKeys
from .variants import CallOfSet
from .zarr_chunks import ArrayChunks

logger = logging.getLogger(__name__)

_NEEDED = ("sample_id", "contig_id", "variant_contig", "variant_position", "variant_allele", "call_genotype")
# Chunks of these are never left out by a writer: no record has them all empty.
_WHOLE = ("variant_position", "variant_allele")
# Chunks of these are counted: one of contigs is left out where all of it is of the first.
_COUNTED = (*_WHOLE, "variant_contig")
_BY_RECORD = ("variant_contig", "variant_allele", "variant_length", "variant_filter", "call_genotype_phased")
# What zarr and its codecs raise of damaged files.
_DAMAGE = (
    *(OSError, ValueError, RuntimeError, KeyError, IndexError, TypeError, SystemError, EOFError),
    *(zipfile.BadZipFile, zlib.error),
)
_REMEDY = "It may be half deleted or half copied: make it anew (vcf2zarr convert)."


class VcfZarrFile(CohortRows):
    """One sample, or all, of a VCF-Zarr; see ``CohortRows``.

    A writer leaves chunks out in which all is 0, so that one of ``call_genotype`` that is not there reads as 0/0;
    ``counts`` says how many are, ``absent_chunks``.

    Args:
        path: of the folder, or the zip.
        sample, all_samples: as of ``CohortRows``.
        reading: not asked for anything.

    Raises:
        InputError: zarr is not installed; an array is missing, or parts of one; arrays that do not fit each other.
    """

    format = "VCF-Zarr"
    loses = ("calls of more than two alleles", "GQ", "DP", "lengths by sample (FORMAT/LEN)")

    def __init__(
        self,
        path: str | PathLike[str],
        sample: str | None = None,
        *,
        all_samples: bool = False,
        reading: Reading | None = None,
    ) -> None:
        file = path if isinstance(path, Path) else Path(path)
        if not file.is_dir():
            file = local_file(path, "VCF-Zarr")
        zarr = library("zarr", file)
        self._group = _opened(zarr, file)
        try:
            self._arrays = {name: self._group[name] for name in self._group.array_keys()}
            self._chunks = {name: ArrayChunks(array, file, name) for name, array in self._arrays.items()}
        except _DAMAGE as error:
            raise InputError(f"cannot be read ({error})", file=file, remedy=_REMEDY) from error
        stamp = fingerprint(file)
        samples, contigs, sites, absent = _read(file, stamp["mtime_ns"], stamp["sha256"])
        super().__init__(file, samples, contigs, sites, sample, all_samples=all_samples)
        self._absent = absent
        self._filters: list[str] = []
        if "variant_filter" in self._arrays and "filter_id" in self._arrays:
            try:
                self._filters = [_text(name) for name in _all_of(self._group, file, "filter_id")]
            except _DAMAGE as error:
                raise self._damaged(f"its array filter_id cannot be read ({error})") from error
        self._keys = SpanKeys(end="variant_END" in self._arrays, svlen="variant_SVLEN" in self._arrays)

    @property
    def counts(self) -> dict[str, int]:
        """See ``CohortRows.counts``."""
        return {**({"absent_chunks": self._absent} if self._absent else {}), **super().counts}

    def sites(self, chrom: str, rows: np.ndarray) -> Sites:
        """See ``CohortRows.sites``."""
        alleles = [[_text(allele) for allele in row] for row in self._rows("variant_allele", rows).tolist()]
        filters = ["."] * len(rows)
        if self._filters:
            filters = [
                ";".join(name for name, is_set in zip(self._filters, row, strict=True) if is_set) or "."
                for row in self._rows("variant_filter", rows).tolist()
            ]
        texts = [
            (row[0], ",".join(allele for allele in row[1:] if allele) or ".", of_row)
            for row, of_row in zip(alleles, filters, strict=True)
        ]
        empty = next((index for index, (ref, _, _) in enumerate(texts) if not ref), None)
        if empty is not None:
            raise self._damaged(f"record {int(rows[empty]) + 1} has no REF", chrom)
        try:
            sites = Sites.of_strings(texts)
        except ValueError as error:
            raise self._damaged(str(error), chrom) from error
        self._set_spans(rows, texts, sites)
        return sites

    def calls(self, chrom: str, rows: np.ndarray, samples: np.ndarray) -> Calls:
        """See ``CohortRows.calls``."""
        shape = (len(rows), len(samples))
        if len(self._arrays["call_genotype"].shape) != 3:
            raise self._damaged("call_genotype is no array of records, samples and alleles", chrom)
        alleles = self._rows("call_genotype", rows, samples)
        if alleles.shape[2] > 2 and (alleles[:, :, 2:] != NO_ALLELE).any():
            row = int(np.flatnonzero((alleles[:, :, 2:] != NO_ALLELE).any(axis=(1, 2)))[0])
            raise InputError(
                "has a call of more than two alleles, and such are not read",
                file=self.path,
                record=f"record {int(rows[row]) + 1} of {chrom}",
                remedy="Leave it out, or give the VCF.",
            )
        found = np.full((*shape, 2), NO_ALLELE, dtype=np.int8)
        found[:, :, : alleles.shape[2]] = np.clip(alleles[:, :, :2], NO_ALLELE, 127)
        found[:, :, 0] = np.maximum(found[:, :, 0], MISSING)
        phased = np.zeros(shape, dtype=bool)
        if "call_genotype_phased" in self._arrays:
            phased = self._rows("call_genotype_phased", rows, samples).astype(bool)
        return Calls(found, phased)

    def phase_sets(self, sample: str, chrom: str, start: int, end: int) -> Iterator[CallOfSet]:
        """See ``CohortRows.phase_sets``."""
        if "call_PS" not in self._arrays:
            return
        column = np.array([self.samples.index(sample)])
        for rows, position in self._found(chrom, start, end):
            sites, named = self.sites(chrom, rows), self._rows("call_PS", rows, column)[:, 0]
            for row, phase_set in enumerate(named.tolist()):
                ref, alt, _ = sites.of(row)
                alts = () if alt == "." else alt.split(",")
                is_there = phase_set not in (-1, -2, ".", "")
                yield CallOfSet(int(position[row]), (ref, *alts), str(phase_set) if is_there else "")

    def close(self) -> None:
        """Close the file."""
        self._group.store.close()

    def _rows(self, name: str, rows: np.ndarray, samples: np.ndarray | None = None) -> np.ndarray:
        """Some records of an array, of some samples."""
        array = self._arrays[name]
        try:
            self._chunks[name].check(rows, *(() if samples is None else (samples,)))
            if len(rows) and int(rows[-1]) - int(rows[0]) == len(rows) - 1:
                chosen: Any = slice(int(rows[0]), int(rows[-1]) + 1)
            else:
                chosen = rows
            if samples is None:
                return np.asarray(array.oindex[chosen])
            if len(samples) == len(self.samples):
                return np.asarray(array.oindex[chosen, slice(None)])
            return np.asarray(array.oindex[chosen, samples])
        except _DAMAGE as error:
            raise self._damaged(f"its array {name} cannot be read ({error})") from error

    def _set_spans(self, rows: np.ndarray, texts: list[tuple[str, str, str]], sites: Sites) -> None:
        """Set how far records span where END or SVLEN say more than REF does."""
        if "variant_length" not in self._arrays:
            return
        length = self._rows("variant_length", rows)
        odd = np.flatnonzero((length != sites.length) | ["<" in alt for _, alt, _ in texts])
        for index in odd.tolist():
            ref, alt, _ = texts[index]
            info = ";".join(
                f"{key}={self._value(f'variant_{key}', int(rows[index]))}"
                for key, is_there in (("END", self._keys.end), ("SVLEN", self._keys.svlen))
                if is_there
            )
            position = int(self._rows("variant_position", rows[index : index + 1])[0]) - 1
            sites.length[index], sites.unseen[index] = self._keys.spanned(position, [ref, *alt.split(",")], info, None)

    def _value(self, name: str, row: int) -> str:
        """The numbers of a record as a VCF writes them; VCF-Zarr has -1 and -2 for those that are not there."""
        numbers = np.atleast_1d(self._rows(name, np.array([row]))[0]).tolist()
        return ",".join("." if number in (-1, -2) else str(number) for number in numbers)

    def _damaged(self, problem: str, record: str | None = None) -> InputError:
        return InputError(problem, file=self.path, record=record, remedy=_REMEDY)


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _opened(zarr: Any, path: Path) -> Any:
    try:
        store = (
            zarr.storage.ZipStore(path, mode="r") if path.is_file() else zarr.storage.LocalStore(path, read_only=True)
        )
        group = zarr.open_group(store, mode="r")
        missing = [name for name in _NEEDED if name not in group]
    except _DAMAGE as error:
        raise InputError(f"cannot be read as a VCF-Zarr ({error})", file=path, remedy=_REMEDY) from error
    if missing:
        raise InputError(f"lacks the array {missing[0]} of a VCF-Zarr", file=path, remedy=_REMEDY)
    return group


@lru_cache(maxsize=4)
def _read(
    path: Path, modified: int, sha256: str
) -> tuple[list[str], dict[str, int | None], dict[str, ContigSites], int]:
    """Samples, contigs, where the records are, and how many chunks of calls are not there; read once a file."""
    import zarr

    group = _opened(zarr, path)
    try:
        calls = group["call_genotype"]
        position, code = (_all_of(group, path, name) for name in ("variant_position", "variant_contig"))
        samples, names = ([_text(each) for each in _all_of(group, path, name)] for name in ("sample_id", "contig_id"))
        lengths = [int(each) for each in _all_of(group, path, "contig_length")] if "contig_length" in group else []
        if "variant_length" in group:
            spans = _all_of(group, path, "variant_length")
        else:
            spans = _longest_refs(group["variant_allele"])
        sizes = {name: group[name].shape[0] for name in _BY_RECORD if name in group}
        chunks = {name: ArrayChunks(group[name], path, name).count() for name in (*_COUNTED, "call_genotype")}
    except _DAMAGE as error:
        raise InputError(f"cannot be read ({error})", file=path, remedy=_REMEDY) from error
    finally:
        group.store.close()
    n = len(position)
    if calls.shape[:2] != (n, len(samples)) or any(length != n for length in sizes.values()):
        raise InputError(
            f"has {n} positions and {len(samples)} samples, and other arrays are of another size (call_genotype: "
            f"{calls.shape})",
            file=path,
            remedy=_REMEDY,
        )
    if n and (int(spans.min()) < 1 or int(code.min()) < 0 or int(code.max()) >= len(names)):
        raise InputError("has a record of no contig, or of no length", file=path, remedy=_REMEDY)
    for name in _COUNTED:
        if chunks[name][1] < chunks[name][0] and (name in _WHOLE or not _is_sorted(code, position)):
            raise InputError(
                f"has {chunks[name][1]} of {chunks[name][0]} chunks of the array {name}", file=path, remedy=_REMEDY
            )
    expected, there = chunks["call_genotype"]
    if n and not there:
        raise InputError("has no chunk of the array call_genotype", file=path, remedy=_REMEDY)
    if there < expected:
        logger.warning(
            "%s: %d of %d chunks of call_genotype are not there, and read as 0/0: so they are written where nobody "
            "carries anything, and so it looks where files were lost",
            as_given(path),
            expected - there,
            expected,
        )
    contigs: dict[str, int | None] = dict.fromkeys(names)
    contigs.update(zip(names, lengths, strict=False))
    sites = by_contig(names, code.astype(np.int32), position.astype(np.int32) - 1, spans)
    return samples, contigs, sites, expected - there


def _all_of(group: Any, path: Path, name: str) -> np.ndarray:
    """A whole array, its chunks checked."""
    ArrayChunks(group[name], path, name).check()
    return np.asarray(group[name][:])


def _is_sorted(code: np.ndarray, position: np.ndarray) -> bool:
    """Whether records stand by contig, and by position within one; a lost chunk of contigs reads as the first."""
    steps = np.diff(code.astype(np.int64))
    return not ((steps < 0) | ((steps == 0) & (np.diff(position.astype(np.int64)) < 0))).any()


def _longest_refs(alleles: Any) -> np.ndarray:
    """Bases of the longest REF of all, for each record."""
    longest = 1
    for first in range(0, alleles.shape[0], 1 << 16):
        longest = max(longest, *(len(ref) for ref in alleles[first : first + (1 << 16), 0].tolist()))
    return np.full(alleles.shape[0], longest, dtype=np.int64)
