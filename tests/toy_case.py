"""The toy tenant's files: a genome, a person, and what is asked of them."""

import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from gene_model_tests import Case
from genome_files import record, write_fasta, write_vcf
from random_variants import random_bases
from toy_model import SHARES, ToyConfig, ToyForExpression, ToyGeneModel

from variantformer_hf.genome import GeneTable, PersonalGenome

LENGTH, WINDOW = 2_000, 20
# Start (from 1), end, strand; the windows are ten bases around the base before the start, or the last one.
GENES = {"PLUS": (501, 900, "+"), "MINUS": (1_000, 1_400, "-")}
TISSUES = ("liver", "lung")


def weight(output: int, place: int, base: str) -> float:
    """The weight of a base at a place of the window, in the gene's orientation."""
    return (output + 1) * (place + 1) * (1.0, -0.5, 0.25, 2.0)["ACGT".index(base)] / 10


def answer(sequence: str, output: int) -> float:
    """The prediction of a window's sequence, by its definition."""
    return sum(
        weight(output, place, base) / len(SHARES[letter])
        for place, letter in enumerate(sequence[:WINDOW])
        for base in SHARES[letter]
    )


def window_of(gene: str) -> tuple[int, int]:
    """A gene's window, 0-based half-open."""
    start, end, strand = GENES[gene]
    tss = start - 1 if strand == "+" else end - 1
    return tss - WINDOW // 2, tss + WINDOW // 2


def oriented(sequence: str, gene: str) -> str:
    """A forward sequence in the gene's orientation."""
    if GENES[gene][2] == "+":
        return sequence
    return sequence[::-1].translate(str.maketrans("ACGTRYSWKM", "TGCAYRSWMK"))


def plain(model: ToyGeneModel, person: PersonalGenome, gene: str, outputs: Sequence[int]) -> np.ndarray:
    """Predictions from a person's sequence, by their definition."""
    sequence = oriented(person.sequence("chr1", *window_of(gene)), gene)
    return np.array([answer(sequence, output) for output in outputs])


def toy_case(folder: Path, unit: str = "inverse_normal") -> Case:
    """Write the files of the toy: a SNV in each of the two windows, and one between."""
    genome = random_bases(random.Random(0), LENGTH)
    fasta = write_fasta(folder / "genome.fa", {"chr1": genome}, width=60)
    lines = ["gene_id,gene_name,chromosome,start,end,strand"]
    lines += [
        f"ENSG0000000000{n},{name},chr1,{start},{end},{strand}"
        for n, (name, (start, end, strand)) in enumerate(GENES.items(), 1)
    ]
    (folder / "genes.csv").write_text("\n".join(lines) + "\n")
    network = ToyForExpression(ToyConfig(window=WINDOW, tissues=list(TISSUES), unit=unit))
    with torch.no_grad():
        for output in range(len(TISSUES)):
            for place in range(WINDOW):
                network.weight[output, place] = torch.tensor([weight(output, place, base) for base in "ACGT"])
    ToyGeneModel(network, GeneTable.read(folder / "genes.csv"), device="cpu").save(folder / "model")

    def snv(position: int) -> tuple[int, str, str]:
        """At a position from 1, to another base of the other ring, so that its weight differs."""
        ref = genome[position - 1]
        return position, ref, {"A": "C", "C": "A", "G": "T", "T": "G"}[ref]

    carried = [snv(495), snv(700), snv(1_395)]
    calls = ["0|1", "1|1", "1|0"]
    vcf = write_vcf(
        folder / "person.vcf.gz",
        [record(*each, call) for each, call in zip(carried, calls, strict=True)],
        contigs={"chr1": LENGTH},
    )
    asked = [snv(498), snv(507)]
    panel = write_vcf(
        folder / "panel.vcf.gz",
        [record(*snv(position), info="AF=0.3").rstrip() for position in range(492, 510, 2)],
        contigs={"chr1": LENGTH},
        samples=(),
    )
    eqtls = folder / "eqtls.tsv"
    rows = [
        f"chr1\t{place}\t{ref}\t{alt}\tENSG00000000001\t{0.1 * n - 0.5:.2f}"
        for n, (place, ref, alt) in enumerate(snv(position) for position in range(492, 510))
    ]
    eqtls.write_text("\n".join(["chrom\tpos\tref\talt\tgene_id\tslope", *rows]) + "\n")
    variants = tuple(f"chr1:{place}:{ref}>{alt}" for place, ref, alt in asked)
    return Case(folder / "model", fasta, vcf, ("PLUS", "MINUS"), ("liver", "lung"), variants, panel, eqtls, plain)
