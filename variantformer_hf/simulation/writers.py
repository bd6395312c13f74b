"""The files of a made genome and of people who have one: FASTA, VCF, genes and cCREs."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pysam

from ..genome.genes import Gene

GENOTYPES = '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">'
_VCF_COLUMNS = ("#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO")
_GENE_COLUMNS = "gene_id,gene_name,chromosome,start,end,strand,gene_type"


def write_fasta(path: Path, contigs: Mapping[str, str], *, width: int = 60, index: bool = True) -> Path:
    """Write contigs in lines of ``width`` bases, and their ``.fai``."""
    with path.open("w") as file:
        for name, bases in contigs.items():
            file.write(f">{name}\n")
            file.writelines(f"{bases[at : at + width]}\n" for at in range(0, len(bases), width))
    if index:
        pysam.faidx(str(path))
    return path


def contig_lines(lengths: Mapping[str, int | None]) -> list[str]:
    """Lines of a VCF's header that name contigs; None = the length is not said."""
    return [f"##contig=<ID={name}{'' if n is None else f',length={n}'}>" for name, n in lengths.items()]


def write_vcf(
    path: Path, records: Iterable[str], *, meta: Sequence[str], samples: Sequence[str], index: str | None = "tbi"
) -> Path:
    """Write a VCF as its suffix says: ``.vcf``, ``.vcf.gz`` (bgzipped) or ``.bcf``.

    Args:
        path: where.
        records: lines without their end, sorted; a cohort's may come one by one from a generator.
        meta: lines of the header, after the first and before the columns' names.
        samples: none = a VCF of sites.
        index: ``tbi``, ``csi`` or None; a ``.bcf`` has a csi, a ``.vcf`` none.
    """
    columns = [*_VCF_COLUMNS, *(["FORMAT", *samples] if samples else [])]
    header = "\n".join(["##fileformat=VCFv4.2", *meta, "\t".join(columns)])
    if path.suffix == ".gz":
        with pysam.BGZFile(str(path), "w") as compressed:
            compressed.write(f"{header}\n".encode())
            for line in records:
                compressed.write(f"{line}\n".encode())
        if index is not None:
            index_vcf(path, csi=index == "csi")
        return path
    text = path.with_suffix(".vcf")
    with text.open("w") as file:
        file.write(f"{header}\n")
        file.writelines(f"{line}\n" for line in records)
    if path.suffix == ".bcf":
        with pysam.VariantFile(str(text)) as source, pysam.VariantFile(str(path), "wb", header=source.header) as copy:
            for entry in source:
                copy.write(entry)
        text.unlink()
        if index is not None:
            pysam.tabix_index(str(path), preset="bcf", force=True)
    return path


def index_vcf(path: Path, *, csi: bool = False) -> None:
    """Write the index of a bgzipped VCF.

    Raises:
        OSError: it is not sorted.
    """
    pysam.tabix_index(str(path), preset="vcf", force=True, csi=csi)


def write_genes(path: Path, genes: Iterable[Gene]) -> Path:
    """Write a gene table as CSV; starts and ends as the genes have them."""
    rows = [(g.gene_id, g.gene_name, g.chrom, str(g.start), str(g.end), g.strand, g.gene_type or "") for g in genes]
    path.write_text("\n".join([_GENE_COLUMNS, *(",".join(row) for row in rows)]) + "\n")
    return path


def cre_line(chrom: str, start: int, end: int, name: str, kind: str, score: int = 0) -> str:
    """A cCRE as ENCODE's registry has it, with the line's end; a score from 0 to 1,000 is that of a signal."""
    return f"{chrom}\t{start}\t{end}\t{name}\t{score}\t.\t{start}\t{end}\t0,0,0\t{kind}\n"
