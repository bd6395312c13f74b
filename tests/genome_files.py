"""Small FASTA and VCF files, as users have them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pysam

from variantformer_hf.simulation import writers

META = """##FILTER=<ID=q10,Description="Low quality">
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
    """A FASTA without an index."""
    return writers.write_fasta(path, contigs, width=width, index=False)


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
    """Write PATH by its suffix (.vcf, .vcf.gz, .bcf), with an index (tbi, csi) or None; the header declares much."""
    meta = [*META.splitlines(), *writers.contig_lines(contigs)]
    return writers.write_vcf(path, records, meta=meta, samples=samples, index=index)


def write_indexed(path: Path, text: str | bytes) -> Path:
    """Any text as a bgzipped and indexed VCF."""
    with pysam.BGZFile(str(path), "w") as file:
        file.write(text if isinstance(text, bytes) else text.encode())
    writers.index_vcf(path)
    return path
