"""A cohort's file opened as what it is, told by its content: VCF, BCF, PGEN, BED, BGEN or VCF-Zarr."""

from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import Any

from ..errors import InputError
from .bed_file import BedFile
from .bgen_file import BgenFile
from .call_blocks import CallSource
from .cohort_rows import CohortRows, Reading
from .local_files import located
from .pgen_file import PgenFile
from .provenance import content_of
from .variant_file_kind import FileKind, kind_of
from .variants import VariantFile
from .vcf_blocks import VcfBlocks
from .vcf_zarr import VcfZarrFile

CohortFile = VariantFile | CohortRows

_READERS: dict[FileKind, Callable[..., CohortRows]] = {
    FileKind.PGEN: PgenFile,
    FileKind.BED: BedFile,
    FileKind.BGEN: BgenFile,
    FileKind.ZARR: VcfZarrFile,
}
_PREFIXED = (".pgen", ".bed")


def cohort_source(
    path: str | PathLike[str],
    sample: str | None = None,
    *,
    all_samples: bool = False,
    reading: Reading | None = None,
) -> CohortFile:
    """Open one sample, or all, of a file.

    Args:
        path: of the file; of PLINK's the .pgen or .bed, of VCF-Zarr the folder or zip.
        sample: name of the sample; None = the only one.
        all_samples: what is read of all samples is wanted, see ``VariantFile`` and ``CohortRows``.
        reading: how genotypes are read that are no plain calls.

    Raises:
        InputError: it cannot be read, or is of another kind; a package that reads it is not installed.
        MissingIndexError: it has no index.
        SampleError: the sample is not there, or none is named where there are several.
    """
    path = located(path)
    kind = kind_of(path)
    if kind not in _READERS:
        return VariantFile(path, sample, all_samples=all_samples)
    return _READERS[kind](path, sample, all_samples=all_samples, reading=reading)


def is_read_by_rows(path: str | PathLike[str]) -> bool:
    """Whether a file is of a format of which any record can be read by itself: all but VCF and BCF."""
    return kind_of(path) in _READERS


def call_source(path: str | PathLike[str], *, text_at_once: int, reading: Reading | None = None) -> CallSource:
    """Open a file for everybody's calls.

    Args:
        path: as of :func:`cohort_source`.
        text_at_once: see ``VcfBlocks``.
        reading: how genotypes are read that are no plain calls.

    Raises:
        InputError: as of :func:`cohort_source`.
    """
    if is_read_by_rows(path):
        file = cohort_source(path, all_samples=True, reading=reading)
        assert isinstance(file, CohortRows)
        return file
    return VcfBlocks(path, text_at_once=text_at_once)


def read_by(path: str | PathLike[str], reading: Reading | None) -> dict[str, Any]:
    """What of a reading the calls of a file depend on, for a store of them to say: ready for JSON."""
    kind, reading = kind_of(path), reading or Reading()
    if kind == FileKind.BGEN:
        return {"least_probability": reading.least_probability}
    if kind == FileKind.BED:
        return {"fasta": None if reading.reference is None else content_of(reading.reference.path)}
    return {}


def whole_name(path: Path) -> Path:
    """The name of a file; of a data set of PLINK that is named by its prefix, that of its .pgen or .bed.

    Raises:
        InputError: both are there.
    """
    if path.exists():
        return path
    found = [Path(f"{path}{suffix}") for suffix in _PREFIXED if Path(f"{path}{suffix}").is_file()]
    if len(found) > 1:
        raise InputError(
            f"is the prefix of {found[0].name} and of {found[1].name}", file=path, remedy="Name the one that is meant."
        )
    return found[0] if found else path
