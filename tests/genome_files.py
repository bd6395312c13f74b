"""Small FASTA and VCF files, as users have them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pysam

_HEADER = """##fileformat=VCFv4.2
##FILTER=<ID=q10,Description="Low quality">
##INFO=<ID=END,Number=1,Type=Integer,Description="End">
##INFO=<ID=SVLEN,Number=A,Type=Integer,Description="Length">
##INFO=<ID=NOTE,Number=1,Type=String,Description="Free text">
##ALT=<ID=DEL,Description="Deletion">
##ALT=<ID=NON_REF,Description="Any other allele">
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
##FORMAT=<ID=GQ,Number=1,Type=Integer,Description="Quality">
##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Depth">
##FORMAT=<ID=LEN,Number=1,Type=Integer,Description="Length of the reference block">
"""


def write_fasta(path: Path, contigs: Mapping[str, str], width: int = 10) -> Path:
    path.write_text(
        "".join(
            f">{name}\n" + "".join(f"{bases[i : i + width]}\n" for i in range(0, len(bases), width))
            for name, bases in contigs.items()
        )
    )
    return path


def record(
    position: int,
    ref: str,
    alt: str,
    *calls: str,
    chrom: str = "chr1",
    keys: str = "GT",
    filters: str = "PASS",
    info: str = ".",
) -> str:
    """A line of a VCF, its position 1-based as written there; without calls it has no samples."""
    return "\t".join([chrom, str(position), ".", ref, alt, ".", filters, info, *([keys] if calls else []), *calls])


def write_vcf(
    path: Path,
    records: Sequence[str],
    *,
    contigs: Mapping[str, int | None],
    samples: Sequence[str] = ("S1",),
    index: str | None = "tbi",
) -> Path:
    """Write PATH by its suffix (.vcf, .vcf.gz, .bcf), with an index (tbi, csi) or None."""
    lengths = {name: "" if length is None else f",length={length}" for name, length in contigs.items()}
    header = _HEADER + "".join(f"##contig=<ID={name}{length}>\n" for name, length in lengths.items())
    columns = [
        "#CHROM",
        "POS",
        "ID",
        "REF",
        "ALT",
        "QUAL",
        "FILTER",
        "INFO",
        *(["FORMAT", *samples] if samples else []),
    ]
    text = path.with_name(path.name.removesuffix(".gz").removesuffix(".bcf").removesuffix(".vcf") + ".vcf")
    text.write_text(header + "\t".join(columns) + "\n" + "".join(f"{line}\n" for line in records))
    if path.suffix == ".bcf":
        with pysam.VariantFile(str(text)) as source, pysam.VariantFile(str(path), "wb", header=source.header) as copy:
            for entry in source:
                copy.write(entry)
        if index is not None:
            pysam.tabix_index(str(path), preset="bcf", force=True)
    elif path.suffix == ".gz":
        pysam.tabix_compress(str(text), str(path), force=True)
        if index is not None:
            pysam.tabix_index(str(path), preset="vcf", force=True, csi=index == "csi")
    return path
