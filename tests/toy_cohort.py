"""A cohort of the toy tenant: many genes whose windows overlap, people with records of every kind."""

import random
from dataclasses import dataclass
from pathlib import Path

import torch
from genome_files import record, write_fasta, write_vcf
from random_variants import random_alt, random_bases, random_genotype
from toy_model import ToyConfig, ToyForExpression, ToyGeneModel

from variantformer_hf import GeneTable

WINDOW = 200
TISSUES = ("liver", "lung", "whole blood")


@dataclass(frozen=True)
class ToyCohort:
    """Files, and the model."""

    folder: Path
    fasta: Path
    vcf: Path
    model: ToyGeneModel
    samples: tuple[str, ...]


def toy_cohort(
    folder: Path, *, people: int = 5, genes: int = 14, length: int = 2_500, seed: int = 0, unit: str = "log1p_tpm"
) -> ToyCohort:
    """Write it: two contigs with genes, deletions over several windows, calls that are missing or haploid."""
    rng = random.Random(seed)
    folder.mkdir(parents=True, exist_ok=True)
    genomes = {chrom: random_bases(rng, length) for chrom in ("chr1", "chr2")}
    fasta = write_fasta(folder / "genome.fa", genomes, width=60)
    lines = ["gene_id,gene_name,chromosome,start,end,strand"]
    for number in range(genes):
        start = rng.randint(100, length - 200)
        chrom, strand = rng.choice(list(genomes)), rng.choice("+-")
        lines.append(f"ENSG{number:011d}.{number},TOY{number},{chrom},{start},{start + 50},{strand}")
    (folder / "genes.csv").write_text("\n".join(lines) + "\n")
    network = ToyForExpression(ToyConfig(window=WINDOW, tissues=list(TISSUES), unit=unit))
    with torch.no_grad():
        network.weight.copy_(torch.rand(network.weight.shape, generator=torch.Generator().manual_seed(seed)) / 100)
    model = ToyGeneModel(network, GeneTable.read(folder / "genes.csv"), device="cpu")
    model.save(folder / "model")
    samples = tuple(f"P{number}" for number in range(people))
    records = []
    for chrom, genome in genomes.items():
        position = 1
        while position < length - 600:
            size = rng.choice([1, 1, 1, 1, 3, 20, 300]) if rng.random() < 0.5 else 1
            ref = genome[position - 1 : position - 1 + size]
            alt = ref[0] if size > 3 else random_alt(rng, ref)
            calls = [random_genotype(rng, 1) if rng.random() < 0.7 else "0/0" for _ in samples]
            if alt != ref and alt != "*":
                records.append(record(position, ref, alt, *calls, chrom=chrom))
            position += rng.randint(1, 30)
    vcf = write_vcf(folder / "cohort.vcf.gz", records, contigs=dict.fromkeys(genomes, length), samples=samples)
    return ToyCohort(folder, fasta, vcf, model, samples)
