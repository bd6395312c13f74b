"""What a file of variants is by its content, and that it is whole and indexed, before it is read."""

import zipfile
import zlib
from enum import StrEnum
from os import PathLike
from pathlib import Path

from ..addresses import as_given
from ..errors import InputError, MissingIndexError
from ..remote.mirror import MirroredFile
from ..remote.mirrored_folder import ZARR_FILES
from .local_files import local_file, located
from .region_bytes import fetch_ends
from .whole_files import fetch_set

# The empty block that ends every whole file of bgzip; htslib looks for it in a BCF, and not behind a tabix index.
_BGZF_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")


# The parts of a data set of PLINK beside the one that names it.
_PARTS = {".pvar": ".pgen", ".psam": ".pgen", ".bim": ".bed", ".fam": ".bed"}


class FileKind(StrEnum):
    """What holds a cohort's genotypes."""

    VCF = "VCF or BCF"
    PGEN = "PGEN"
    BED = "BED"
    BGEN = "BGEN"
    ZARR = "VCF-Zarr"


# What each format has beside the file that is named, under its name with another suffix.
_BESIDE = {
    FileKind.PGEN: ((".pvar", ".pvar.zst"), (".psam",)),
    FileKind.BED: ((".bim",), (".fam",)),
    FileKind.BGEN: ((".sample",),),
}


def kind_of(path: str | PathLike[str]) -> FileKind:
    """What a file, or a folder, is by its content; what is nothing else is taken for a VCF.

    Of a file elsewhere that is no VCF all is fetched, with what belongs to it: it is read from its mirror then.

    Raises:
        InputError: it is not there, cannot be read, or is another part of a data set of PLINK.
    """
    path = located(path)
    found = Path(path)
    if found.is_dir() and any((found / name).is_file() for name in ZARR_FILES):
        return FileKind.ZARR
    file = local_file(path, "VCF or BCF")
    if not isinstance(file, MirroredFile):
        return _kind_of(file)
    fetch_ends(file)
    kind = _kind_of(file)
    if kind != FileKind.VCF:
        fetch_set(file, _BESIDE.get(kind, ()), (".bgi",) if kind == FileKind.BGEN else ())
    return kind


def _kind_of(file: Path) -> FileKind:
    with file.open("rb") as opened:
        head = opened.read(20)
    if head.startswith(b"\x6c\x1b"):
        return FileKind.BED if head[2:3] in (b"\x00", b"\x01") else FileKind.PGEN
    if head[16:20] == b"bgen" or (file.suffix == ".bgen" and head[16:20] == bytes(4)):
        return FileKind.BGEN
    if head.startswith(b"PK") and zipfile.is_zipfile(file):
        return FileKind.ZARR
    part = file.with_suffix("") if file.suffix == ".zst" else file
    if part.suffix in _PARTS:
        whole = part.with_suffix(_PARTS[part.suffix])
        raise InputError(
            f"is a part of a data set of PLINK, which is named by its {whole.suffix}",
            file=file,
            remedy=f"Give that: {whole.name if isinstance(file, MirroredFile) else whole}",
        )
    if file.suffix in (".pgen", ".bed", ".bgen"):
        raise InputError(
            f"does not begin as a {file.suffix} of genotypes does",
            file=file,
            remedy="It is damaged, or another kind of file (a BED of intervals has no genotypes): fetch it again.",
        )
    return FileKind.VCF


def is_bcf(path: Path) -> bool:
    """Whether a file is a BCF, else a VCF that can be indexed, by its content.

    Raises:
        InputError: it is of another kind; names the command that makes a VCF of it.
        MissingIndexError: it is a VCF that is not compressed.
    """
    with path.open("rb") as file:
        head = file.read(1 << 16)
    if head.startswith(b"\x1f\x8b"):
        is_blocked = head[12:14] == b"BC"
        content = _inflated(head)
        if content.startswith(b"BCF\2") and is_blocked:
            return True
        _refuse_foreign(path, content)
        if not is_blocked:
            raise InputError(
                "is compressed with gzip, which cannot be read by region",
                file=path,
                remedy=f"Compress it with bgzip and index it: gunzip -c {as_given(path)} | bgzip > calls.vcf.gz && "
                "tabix -p vcf calls.vcf.gz",
            )
        return False
    if head.startswith(b"BCF\2"):
        raise InputError(
            "is a BCF that is not compressed, which cannot be read by region",
            file=path,
            remedy=f"Compress and index it: bcftools view -Ob -o calls.bcf {as_given(path)} && "
            "bcftools index calls.bcf",
        )
    _refuse_foreign(path, head)
    remedy = f"Compress and index it: bgzip {as_given(path)} && tabix -p vcf {as_given(path)}.gz"
    raise MissingIndexError("is not compressed, and has no index", file=path, remedy=remedy)


def index_of(path: Path, *, is_bcf: bool) -> Path:
    """The index beside a file.

    Raises:
        MissingIndexError: there is none.
    """
    for suffix in (".csi", ".tbi"):
        index = Path(f"{path}{suffix}")
        if index.is_file():
            return index
    command = f"bcftools index {as_given(path)}" if is_bcf else f"tabix -p vcf {as_given(path)}"
    raise MissingIndexError(
        "has no index (.tbi or .csi)",
        file=path,
        remedy=f"Make it: {command} (a file that is not sorted: bcftools sort).",
    )


def check_is_whole(path: Path) -> None:
    """Check that a file of bgzip ends as a whole one does.

    Raises:
        InputError: it does not.
    """
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - len(_BGZF_END)))
        if file.read() != _BGZF_END:
            raise InputError(
                "is cut short: it lacks bgzip's last block", file=path, remedy="Fetch it again, and index it anew."
            )


def _inflated(head: bytes) -> bytes:
    """What the beginning of a gzip file holds, as far as it can be read."""
    try:
        return zlib.decompressobj(wbits=31).decompress(head)
    except zlib.error:
        return b""


def _refuse_foreign(path: Path, content: bytes) -> None:
    """Stop at what is no text of a VCF, and name the command that makes one."""
    if content.startswith(b"\xef\xbb\xbf"):
        raise InputError(
            "begins with a byte order mark, which no reader of VCF knows",
            file=path,
            remedy="Take it away, compress and index the file: sed '1s/^\\xef\\xbb\\xbf//' calls.vcf | "
            "bgzip > calls.vcf.gz && tabix -p vcf calls.vcf.gz",
        )
    if not content.startswith((b"##fileformat=VCF", b"#CHROM\t", b"##")):
        raise InputError("is neither a VCF nor a BCF", file=path, remedy="Give a VCF (.vcf.gz) or BCF with its index.")
