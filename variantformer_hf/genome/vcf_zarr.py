"""Reading VCF-Zarr, as ``vcf2zarr`` of bio2zarr writes it: a folder, or a zip of one."""

import logging
import math
import zipfile
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

logger = logging.getLogger(__name__)

_NEEDED = ("sample_id", "contig_id", "variant_contig", "variant_position", "variant_allele", "call_genotype")
# Chunks of these are never left out by a writer: no record has them all empty.
_WHOLE = ("variant_position", "variant_allele")
_BY_RECORD = ("variant_contig", "variant_allele", "variant_length", "variant_filter", "call_genotype_phased")
# What zarr and its codecs raise of damaged files.
_DAMAGE = (OSError, ValueError, RuntimeError, KeyError, IndexError, TypeError, SystemError, zipfile.BadZipFile)
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
        except _DAMAGE as error:
            raise InputError(f"cannot be read ({error})", file=file, remedy=_REMEDY) from error
        stamp = fingerprint(file)
        samples, contigs, sites, absent = _read(file, stamp["mtime_ns"], stamp["sha256"])
        super().__init__(file, samples, contigs, sites, sample, all_samples=all_samples)
        self._absent = absent
        self._filters: list[str] = []
        if "variant_filter" in self._arrays and "filter_id" in self._arrays:
            self._filters = [_text(name) for name in self._arrays["filter_id"][:]]
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
        sites = Sites.of_strings(texts)
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

    def close(self) -> None:
        """Close the file."""
        self._group.store.close()

    def _rows(self, name: str, rows: np.ndarray, samples: np.ndarray | None = None) -> np.ndarray:
        """Some records of an array, of some samples."""
        array = self._arrays[name]
        try:
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
        calls, position, code = group["call_genotype"], group["variant_position"][:], group["variant_contig"][:]
        samples = [_text(name) for name in group["sample_id"][:]]
        names = [_text(name) for name in group["contig_id"][:]]
        lengths = [int(length) for length in group["contig_length"][:]] if "contig_length" in group else []
        spans = group["variant_length"][:] if "variant_length" in group else _longest_refs(group["variant_allele"])
        sizes = {name: group[name].shape[0] for name in _BY_RECORD if name in group}
        chunks = {name: (_n_chunks(group[name]), _n_stored(path, name)) for name in (*_WHOLE, "call_genotype")}
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
    for name in _WHOLE:
        if chunks[name][1] < chunks[name][0]:
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


def _n_chunks(array: Any) -> int:
    """How many files an array is of."""
    sizes = array.shards or array.chunks
    return math.prod(-(-length // size) for length, size in zip(array.shape, sizes, strict=True))


def _n_stored(path: Path, name: str) -> int:
    """How many of an array's files are there."""
    if path.is_dir():
        files = [file.name for file in (path / name).rglob("*") if file.is_file()]
    else:
        with zipfile.ZipFile(path) as archive:
            inside = [each for each in archive.namelist() if each.startswith(f"{name}/") and not each.endswith("/")]
        files = [each.rpartition("/")[2] for each in inside]
    return sum(not (file.startswith(".") or file == "zarr.json") for file in files)


def _longest_refs(alleles: Any) -> np.ndarray:
    """Bases of the longest REF of all, for each record."""
    longest = 1
    for first in range(0, alleles.shape[0], 1 << 16):
        longest = max(longest, *(len(ref) for ref in alleles[first : first + (1 << 16), 0].tolist()))
    return np.full(alleles.shape[0], longest, dtype=np.int64)
