"""A made genome with genes, cCREs and one phased person, the same for the same seed."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..genome.cres import CRE_CLASSES
from ..genome.genes import Gene
from .writers import GENOTYPES, contig_lines, cre_line, write_fasta, write_genes, write_vcf

_BASES = np.frombuffer(b"ACGT", dtype=np.uint8)


@dataclass(frozen=True, slots=True)
class SimulatedRecord:
    """One record of the person's VCF; ``position`` is 0-based, ``genotype`` phased text such as ``0|1``."""

    chrom: str
    position: int
    ref: str
    alt: str
    genotype: str


@dataclass(frozen=True)
class SimulatedFiles:
    """Paths of what :func:`write_simulation` wrote."""

    fasta: Path
    vcf: Path
    genes: Path
    cres: Path


def simulate_genome(rng: np.random.Generator, lengths: dict[str, int]) -> dict[str, str]:
    """Random contigs with GC content 0.42, a quarter of them soft-masked (lower case) in runs of 300 bases."""
    genome = {}
    for chrom, length in lengths.items():
        bases = rng.choice(_BASES, size=length, p=[0.29, 0.21, 0.21, 0.29])
        masked = np.repeat(rng.random(length // 300 + 1) < 0.25, 300)[:length]
        genome[chrom] = np.where(masked, bases + 32, bases).tobytes().decode()
    return genome


def simulate_genes(lengths: dict[str, int], per_contig: int) -> list[Gene]:
    """Genes spread evenly over the contigs, on both strands in turn, of growing length."""
    genes: list[Gene] = []
    for chrom, length in lengths.items():
        for index in range(per_contig):
            number = len(genes) + 1
            start = length * (index + 1) // (per_contig + 1)
            end = min(start + 4_000 * number, length - 2_000)
            strand = "+-"[number % 2]
            genes.append(Gene(f"ENSG{number:011d}.1", f"DEMO{number}", chrom, start, end, strand, "protein_coding"))
    return genes


def simulate_cres(
    rng: np.random.Generator, lengths: dict[str, int], spacing: int
) -> Iterator[tuple[str, int, int, str]]:
    """cCREs of 150-350 bases, one in about every ``spacing`` bases: contig, start, end, class."""
    for chrom, length in lengths.items():
        position = 0
        while (position := position + int(rng.integers(spacing // 2, spacing * 3 // 2))) + 400 < length:
            yield chrom, position, position + int(rng.integers(150, 350)), str(rng.choice(CRE_CLASSES))


def simulate_person(rng: np.random.Generator, genome: dict[str, str], spacing: int) -> Iterator[SimulatedRecord]:
    """Phased records, one in about every ``spacing`` bases: 85 % SNPs, the rest insertions and deletions."""
    genotypes = ("0|1", "1|0", "1|1")
    for chrom, sequence in genome.items():
        position = 0
        while (position := position + int(rng.integers(spacing // 2, spacing * 3 // 2))) + 50 < len(sequence):
            genotype = str(rng.choice(genotypes))
            kind = rng.random()
            if kind < 0.85:
                ref = sequence[position].upper()
                alt = str(rng.choice([base for base in "ACGT" if base != ref]))
            elif kind < 0.925:
                ref = sequence[position].upper()
                alt = ref + "".join(rng.choice(list("ACGT"), size=int(rng.integers(1, 8))))
            else:
                ref = sequence[position : position + int(rng.integers(2, 9))].upper()
                alt = ref[0]
            yield SimulatedRecord(chrom, position, ref, alt, genotype)


def write_simulation(
    folder: Path,
    *,
    seed: int = 0,
    sample: str = "person",
    lengths: dict[str, int] | None = None,
    genes_per_contig: int = 3,
    cre_spacing: int = 2_000,
    record_spacing: int = 700,
) -> SimulatedFiles:
    """Write genome.fa, person.vcf.gz (bgzipped and indexed), genes.csv and cres.bed into a folder.

    Args:
        folder: an existing folder.
        seed: the same seed gives the same bytes in every file but the compressed one.
        sample: name of the person in the VCF.
        lengths: contig -> bases; None = two small contigs.
        genes_per_contig: genes, spread evenly.
        cre_spacing, record_spacing: bases from one cCRE, or record, to the next, on average.
    """
    rng = np.random.default_rng(seed)
    lengths = lengths or {"chr1": 400_000, "chr2": 250_000}
    genome = simulate_genome(rng, lengths)
    files = SimulatedFiles(folder / "genome.fa", folder / f"{sample}.vcf.gz", folder / "genes.csv", folder / "cres.bed")
    write_fasta(files.fasta, genome)
    write_genes(files.genes, simulate_genes(lengths, genes_per_contig))
    cres = enumerate(simulate_cres(rng, lengths, cre_spacing), start=1)
    lines = [cre_line(chrom, start, end, f"DEMO{number:07d}", kind) for number, (chrom, start, end, kind) in cres]
    files.cres.write_text("".join(lines))
    records = simulate_person(rng, genome, record_spacing)
    calls = (f"{r.chrom}\t{r.position + 1}\t.\t{r.ref}\t{r.alt}\t50\tPASS\t.\tGT\t{r.genotype}" for r in records)
    write_vcf(files.vcf, calls, meta=[*contig_lines(lengths), GENOTYPES], samples=[sample])
    return files
