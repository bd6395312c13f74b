"""Files of the size that whole-genome users have, made from a seed: what the benchmarks read.

A VCF of 4.5 million records is part of the measurement, because the size of its index is part of the cost of starting
a process per cCRE: on a VCF of 5 Mb such pipelines look 17 times better than they are.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from variantformer_hf import DnaTokenizer, ReferenceGenome
from variantformer_hf.simulation.genome import simulate_genome, simulate_person
from variantformer_hf.simulation.writers import contig_lines, cre_line, write_fasta, write_vcf

CONTIG_LENGTH = 5_000_000
FILLER_CONTIGS = {f"chr{number}": 250_000_000 for number in range(2, 23)}
N_CRES = 1_500
GENE = "gene_id,gene_name,chromosome,start,end,strand\nENSG00000000001.1,BENCH,chr1,2000000,2400000,{strand}\n"
_FORMAT = "GT:AD:DP:GQ:PL"


@dataclass(frozen=True)
class WgsFiles:
    """Paths of what :func:`write_wgs_files` wrote."""

    fasta: Path
    vcf: Path
    genes: Path
    cres: Path


def write_wgs_files(folder: Path, n_records: int, *, strand: str = "+", seed: int = 0) -> WgsFiles:
    """Write a 5 Mb chr1 with 1,500 cCREs around one gene, and a person's VCF of ``n_records`` over 22 contigs.

    Files that are there already (of the same number of records) are kept.
    """
    files = WgsFiles(
        folder / "chr1.fa", folder / f"person.{n_records}.vcf.gz", folder / f"gene{strand}.csv", folder / "cres.bed"
    )
    files.genes.write_text(GENE.format(strand=strand))
    rng = np.random.default_rng(seed)
    genome = simulate_genome(rng, {"chr1": CONTIG_LENGTH})
    if not files.fasta.exists():
        write_fasta(files.fasta, genome)
    if not files.cres.exists():
        _write_cres(np.random.default_rng(seed + 1), files.cres)
    if not Path(f"{files.vcf}.tbi").exists():
        write_vcf(files.vcf, _records(rng, genome, n_records), meta=_meta(), samples=["person"])
    return files


def trained_tokenizer(reference: ReferenceGenome) -> DnaTokenizer:
    """A vocabulary of the released size, trained on the synthetic genome."""
    bases = reference.sequence("chr1", 0, 200_000)
    return DnaTokenizer.train([bases[i : i + 400] for i in range(0, len(bases), 400)], vocab_size=500)


def _records(rng: np.random.Generator, genome: dict[str, str], n_records: int) -> Iterator[str]:
    records = list(simulate_person(rng, genome, spacing=1_000))
    yield from (_line(r.chrom, r.position + 1, r.ref, r.alt, r.genotype, r.position % 40 + 15) for r in records)
    per_contig = max(0, n_records - len(records)) // len(FILLER_CONTIGS)
    for chrom, length in FILLER_CONTIGS.items():
        spacing = max(2, length // max(1, per_contig) - 10)
        positions = np.cumsum(rng.integers(1, 2 * spacing, size=per_contig))
        kinds, depths = rng.integers(0, 100, size=per_contig), rng.integers(15, 55, size=per_contig)
        for start in range(0, per_contig, 20_000):
            part = slice(start, start + 20_000)
            columns = zip(positions[part].tolist(), kinds[part].tolist(), depths[part].tolist(), strict=True)
            yield from (_filler_line(chrom, *column) for column in columns)


def _meta() -> list[str]:
    kinds = {"GT": "String", "AD": "String", "DP": "Integer", "GQ": "Integer", "PL": "String"}
    keys = [f'##FORMAT=<ID={key},Number=1,Type={kind},Description="{key}">' for key, kind in kinds.items()]
    return [*contig_lines({"chr1": CONTIG_LENGTH} | FILLER_CONTIGS), *keys]


def _filler_line(chrom: str, position: int, kind: int, depth: int) -> str:
    ref, alt = ("A", "ACCT") if kind < 7 else ("CAGG", "C") if kind < 14 else ("A", "G")
    return _line(chrom, position, ref, alt, ("0|1", "1|0", "1|1")[kind % 3], depth)


def _line(chrom: str, position: int, ref: str, alt: str, genotype: str, depth: int) -> str:
    """One record with the columns that a germline caller writes: about 210 characters."""
    return (
        f"{chrom}\t{position}\t.\t{ref}\t{alt}\t{depth * 21}.64\tPASS\t"
        f"AC=1;AF=0.500;AN=2;BaseQRankSum=-0.712;DP={depth};ExcessHet=3.0103;FS=1.234;MLEAC=1;MLEAF=0.500;MQ=60.00;QD=17.25;ReadPosRankSum=0.421;SOR=0.712\t{_FORMAT}\t"
        f"{genotype}:{depth // 2},{depth - depth // 2}:{depth}:99:{depth * 20},0,{depth * 19}"
    )


def _write_cres(rng: np.random.Generator, path: Path) -> None:
    """cCREs of 150-350 bases, so spaced that a gene of 400 kb has 1,500 of them within 1 Mb."""
    spacing = 2_400_000 // N_CRES
    with path.open("w") as file:
        for start in range(1_000, CONTIG_LENGTH - 1_000, spacing):
            end = start + int(rng.integers(150, 350))
            file.write(cre_line("chr1", start, end, f"E{start}", "dELS"))
