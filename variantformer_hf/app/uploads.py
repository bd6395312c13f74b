"""A reader's file of variants: checked, compressed and indexed in the folder of their request."""

from dataclasses import dataclass
from pathlib import Path

import pysam

from ..errors import InputError, MissingIndexError
from ..genome.variant_file_kind import check_is_whole, is_bcf
from ..genome.variants import VariantFile

MOST_BYTES = 20 << 20
_GIVE = "Upload a VCF, plain or compressed with bgzip."
# A name of an own: what readers call their files may mean something to those that read them.
_STORED = "upload.vcf"


@dataclass(frozen=True, slots=True)
class UploadedVcf:
    """A reader's genotypes, ready to be read by region.

    Attributes:
        path: of the bgzipped and indexed file.
        name: as the reader calls it; messages say this.
        samples: its people.
    """

    path: Path
    name: str
    samples: tuple[str, ...]


def check_size(path: Path, name: str) -> None:
    """Refuse a file that is too large.

    Raises:
        InputError: it is larger than :data:`MOST_BYTES`.
    """
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise InputError(
            f"has {size / 2**20:,.1f} MB, and at most {MOST_BYTES >> 20} MB are read",
            file=name,
            remedy="Cut out the region around the gene: bcftools view -r chr1:1000000-3000000.",
        )


def prepare_vcf(path: Path, name: str) -> UploadedVcf:
    """Make an uploaded VCF one that is read by region; what was uploaded is moved, and compressed where it was not.

    Its index is always made here: none is uploaded.

    Args:
        path: the file, alone in its folder.
        name: as the reader calls it.

    Raises:
        InputError: it is too large, no VCF, compressed with gzip, cut short, or cannot be indexed; one sentence that
            names the file as the reader does, and the remedy.
        SampleError: two of its samples have one name.
    """
    check_size(path, name)
    stored = path.with_name(f"{_STORED}.gz")
    try:
        _compress(path, stored)
        pysam.tabix_index(str(stored), preset="vcf", force=True)
        file = VariantFile(stored, all_samples=True)
        file.close()
    except OSError as error:
        raise MissingIndexError(
            "has no index, and none can be made: its records are not in order, or a line is no record",
            file=name,
            remedy="Sort it: bcftools sort calls.vcf -Oz -o sorted.vcf.gz.",
        ) from error
    except InputError as error:
        raise type(error)(error.problem, file=name, record=error.record, remedy=error.remedy) from error
    return UploadedVcf(stored, name, file.samples)


def said_of(error: InputError, names: dict[Path, str]) -> str:
    """An error as one sentence that names files as their reader does.

    Args:
        error: what was wrong.
        names: path of a file -> its name.
    """
    text = str(error)
    for path, name in names.items():
        text = text.replace(str(path), name)
    return text


def _compress(path: Path, stored: Path) -> None:
    """Move a file of bgzip, or compress what is plain.

    Raises:
        InputError: it is of another kind.
    """
    try:
        binary = is_bcf(path)
    except MissingIndexError:  # of plain text this is what is said first
        pysam.tabix_compress(str(path), str(stored), force=True)
        path.unlink()
        return
    except InputError as error:
        raise InputError(error.problem, file=path, remedy=_GIVE) from error
    if binary:
        raise InputError("is a BCF", file=path, remedy=_GIVE)
    check_is_whole(path)
    path.rename(stored)
