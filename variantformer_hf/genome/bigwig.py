"""Signals along a genome, read from bigWig."""

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..addresses import as_given
from ..errors import UNREADABLE, ContigError, InputError, unreadable
from .contigs import map_contigs
from .local_files import whole
from .optional_formats import library
from .reference import ReferenceGenome

_BIGWIG, _BIGBED = 0x888FFC26, 0x8789F2EB
# Magic number, version, zoom levels, then where the tree of contigs, the data and the index begin.
_HEADER = "IHHQQQ"
_REMEDY = "Give a bigWig (.bw, .bigWig), such as ENCODE's of a DNase-seq experiment."


class BigWig:
    """A signal in the names of a FASTA, whatever its own style (``1``, ``chr1``).

    Args:
        path: the bigWig.
        reference: the FASTA.

    Attributes:
        path: the bigWig.
        contig_of: contig of the FASTA -> contig of the bigWig, for those that it has.

    Raises:
        InputError: it is no bigWig, or is cut short or damaged; pyBigWig is not installed.
        ContigError: it shares no contig with the FASTA, or a contig has another length: it is of another assembly.
    """

    def __init__(self, path: str | Path, reference: ReferenceGenome) -> None:
        self.path = path
        contigs, fasta = reference.contigs, as_given(reference.path)
        found = whole(path)
        _check_whole(found, path)
        try:
            self._file = library("pyBigWig", Path(path), extra="tracks").open(str(found))
        except RuntimeError as error:
            raise InputError("is a damaged bigWig", file=path, remedy="Copy or download it again.") from error
        lengths: dict[str, int] = self._file.chroms()
        self.contig_of = map_contigs(contigs, lengths, wanted_file=reference.path, available_file=path)
        if not self.contig_of:
            raise ContigError(
                f"has none of the contigs of {fasta}: it has {_first(lengths)}, the FASTA {_first(contigs)}",
                file=path,
                remedy="Give a bigWig of the FASTA's assembly.",
            )
        for name, own in self.contig_of.items():
            if lengths[own] != contigs[name]:
                raise ContigError(
                    f"{own} has {lengths[own]:,} bases, and {name} of {fasta} has {contigs[name]:,}",
                    file=path,
                    remedy="They are of different assemblies: give a bigWig of the FASTA's.",
                )

    def values(self, chrom: str, start: int, end: int) -> np.ndarray:
        """The signal at each base of a stretch, (end - start,) float64; NaN where the file has none.

        Args:
            chrom: by the FASTA's names; of a contig that the file does not have all is NaN.
            start, end: 0-based half-open, within the contig.

        Raises:
            InputError: the file is damaged there.
        """
        own = self.contig_of.get(chrom)
        if own is None:
            return np.full(end - start, np.nan)
        try:
            found = np.asarray(self._file.values(own, start, end), dtype=float)
        except RuntimeError as error:
            raise InputError(
                "is damaged", file=self.path, record=f"{own}:{start + 1}-{end}", remedy="Copy or download it again."
            ) from error
        found[~np.isfinite(found)] = np.nan
        return found

    def means(self, chrom: str, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
        """Mean signal over the bases of each interval that have one, (n,) float64; NaN where none has.

        Args:
            chrom: by the FASTA's names.
            starts, ends: (n,) int64, 0-based half-open, within the contig.

        Raises:
            InputError: the file is damaged there.
        """
        found = np.full(len(starts), np.nan)
        for place, (start, end) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True)):
            values = self.values(chrom, start, end)
            there = values[~np.isnan(values)]
            if len(there):
                found[place] = there.mean()
        return found


def _check_whole(found: Path, path: str | Path) -> None:
    """Refuse what is no bigWig, or not all of one, before a library that trusts it reads it.

    Raises:
        InputError: it is none.
    """
    try:
        with found.open("rb") as file:
            header = file.read(struct.calcsize(f"<{_HEADER}"))
            size = file.seek(0, 2)
            file.seek(max(0, size - 4))
            end = file.read(4)
    except UNREADABLE as error:
        raise unreadable(path, error) from None
    order: Any = next((each for each in "<>" if header[:4] == struct.pack(f"{each}I", _BIGWIG)), None)
    if order is None:
        is_bigbed = header[:4] in (struct.pack(f"{each}I", _BIGBED) for each in "<>")
        what = "is a bigBed, which has no signal" if is_bigbed else "is no bigWig"
        raise InputError(what, file=path, remedy=_REMEDY)
    places = struct.unpack(f"{order}{_HEADER}", header)[3:] if len(header) == struct.calcsize(f"<{_HEADER}") else ()
    if not places or max(places) >= size or end != header[:4]:
        raise InputError("is a bigWig that is cut short", file=path, remedy="Copy or download it again.")


def _first(names: Mapping[str, int]) -> str:
    """The first three names."""
    return ", ".join(list(names)[:3]) + (" ..." if len(names) > 3 else "")
