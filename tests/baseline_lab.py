"""A made cohort for baselines: two genes with a planted variant each, one with none in reach, one that is held out."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from genome_files import record, write_fasta, write_vcf

from variantformer_hf.data.expression import Expression
from variantformer_hf.data.expression_sources import ExpressionSource, Sample
from variantformer_hf.data.harmonization import harmonize
from variantformer_hf.data.splits import Split
from variantformer_hf.genome import GeneTable
from variantformer_hf.training.dosage.fitting import DosageInputs
from variantformer_hf.zoo.outputs import TissueNames

DONORS = tuple(f"D{number:03d}" for number in range(120))
TRAIN, TEST = DONORS[:90], DONORS[90:]
TISSUES = ("liver", "lung")
LENGTH = 60_000
# Start (from 1), end, strand; FAR is alone on its contig.
GENES = {
    "UP": ("chr1", 10_001, 12_000, "+"),
    "DOWN": ("chr1", 40_001, 43_000, "-"),
    "FAR": ("chr2", 2_001, 3_000, "+"),
    "HELD": ("chr1", 50_001, 51_000, "+"),
}
# Variants of the gene's planted effect: place among all, and the effect in both tissues.
PLANTED = {"UP": (10, (1.0, -0.6)), "DOWN": (40, (0.8, 0.9))}
POSITIONS = np.arange(1, 56) * 1_000


@dataclass(frozen=True)
class Lab:
    """What a fit is given.

    Attributes:
        folder: of the files: genome.fa, cohort.vcf.gz, genes.csv, expression, split.json.
        dosage: (donors, variants) as they were drawn; -1 = missing.
    """

    folder: Path
    dosage: np.ndarray
    expression: Expression
    split: Split
    inputs: DosageInputs


def write_lab(folder: Path, *, seed: int = 0, test_seed: int | None = None) -> Lab:
    """Write the files.

    Args:
        folder: new.
        seed: of everything.
        test_seed: draws the test donors' genotypes anew, and nothing else.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    fasta = write_fasta(folder / "genome.fa", {"chr1": "A" * LENGTH, "chr2": "A" * 9_000}, width=60)
    frequency = rng.uniform(0.2, 0.8, len(POSITIONS))
    dosage = rng.binomial(2, frequency, (len(DONORS), len(POSITIONS)))
    truth = dosage.astype(float)
    missing = rng.random(dosage.shape) < 0.03
    missing[:, [place for place, _ in PLANTED.values()]] = False
    dosage[missing] = -1
    dosage[:, 5] = 0  # nobody carries it
    noise = {gene: rng.normal(0, 0.2, (2, len(DONORS))) for gene in GENES}
    if test_seed is not None:
        other = np.random.default_rng(test_seed)
        dosage[len(TRAIN) :] = other.permuted(dosage[len(TRAIN) :], axis=0)
    calls = {-1: "./.", 0: "0/0", 1: "0/1", 2: "1/1"}
    lines = [
        record(int(position), "A", "C", *(calls[each] for each in column))
        for position, column in zip(POSITIONS, dosage.T.tolist(), strict=True)
    ]
    contigs = {"chr1": LENGTH, "chr2": 9_000}
    lines.append(record(100, "AA", "A", *["0/1"] * len(DONORS), chrom="chr2"))  # no SNV
    vcf = write_vcf(folder / "cohort.vcf.gz", lines, contigs=contigs, samples=DONORS)
    rows = ["gene_id,gene_name,chromosome,start,end,strand"]
    rows += [f"ENSG0000000000{n},{name},{','.join(map(str, of))}" for n, (name, of) in enumerate(GENES.items(), 1)]
    (folder / "genes.csv").write_text("\n".join(rows) + "\n")
    genes = GeneTable.read(folder / "genes.csv")
    samples = tuple(Sample(f"{donor}|{tissue}", donor, tissue) for tissue in TISSUES for donor in DONORS)
    values = {}
    for gene in genes:
        place, effects = PLANTED.get(gene.gene_name, (0, (0.0, 0.0)))
        log1p = np.stack([3 + effect * truth[:, place] for effect in effects]) + noise[gene.gene_name]
        values[gene.gene_id] = np.expm1(log1p).ravel().astype(np.float32)
    values[genes.get("DOWN").gene_id][len(DONORS) :] = np.nan  # not measured
    source = ExpressionSource(folder / "lab.tsv", "LAB", samples, lambda: iter(values.items()), {})
    expression = harmonize([source], genes, TissueNames(TISSUES), folder / "expression", least_nonzero=1)
    split = Split({"LAB": dict.fromkeys(TRAIN, "train") | dict.fromkeys(TEST, "test")})
    split = split.with_genes({gene.gene_id: "test" if gene.gene_name == "HELD" else "train" for gene in genes})
    split.save(folder / "split.json")
    return Lab(folder, dosage, expression, split, DosageInputs(fasta, vcf, genes))
