"""A cohort on the small genome: genotypes of a few donors, expression, activity of elements."""

import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from genome_files import record, write_vcf
from random_variants import random_bases
from small_model import LENGTH, TISSUES, SmallWorld

from variantformer_hf.data import ExpressionSource
from variantformer_hf.data.activity import Activity, ActivityFile, read_activity
from variantformer_hf.data.donors import DonorGenomes
from variantformer_hf.data.expression import Expression
from variantformer_hf.data.expression_sources import Sample
from variantformer_hf.data.harmonization import harmonize
from variantformer_hf.simulation.writers import cre_line

DONORS = tuple(f"D{number}" for number in range(8))


@dataclass(frozen=True)
class SmallCohort:
    """Eight donors of the small world."""

    world: SmallWorld
    vcf: Path
    genomes: DonorGenomes
    expression: Expression
    activity: Activity


def small_cohort(world: SmallWorld, folder: Path, seed: int = 0) -> SmallCohort:
    """Write the files and read them as training data."""
    rng = random.Random(seed)
    lines, position = [], 20
    while position < LENGTH - 20:
        ref = world.genome[position - 1 : position - 1 + rng.choice([1, 1, 1, 3])]
        alt = rng.choice([random_bases(rng, len(ref)), ref + "GA", ref[0]])
        if alt != ref:
            calls = [rng.choice(["0|0", "0|1", "1|0", "1|1"]) for _ in DONORS]
            lines.append(record(position, ref, alt, *calls))
        position += len(ref) + rng.randint(20, 120)
    base = world.reference.sequence("chrX", 99, 100)
    alt = "A" if base != "A" else "C"
    lines.append(record(100, base, alt, *["0|1"] * len(DONORS)).replace("chr1", "chrX"))
    vcf = write_vcf(folder / "cohort.vcf.gz", lines, contigs={"chr1": LENGTH, "chrX": 200}, samples=DONORS)
    values = np.random.default_rng(seed)
    samples = [Sample(f"{donor}|{tissue}", donor, tissue) for donor in DONORS for tissue in TISSUES]
    samples = [each for number, each in enumerate(samples) if number % 7]  # not every donor gave every tissue
    rows = {
        gene: np.exp(values.normal(1, 0.5, len(samples))).astype(np.float32)
        for gene in ("ENSG00000000001", "ENSG00000000002")
    }
    rows["ENSG00000000002"][3] = 0
    source = ExpressionSource(folder / "x.tsv", "LAB", tuple(samples), lambda: iter(rows.items()), {})
    predictor = world.predictor
    expression = harmonize(
        [source], predictor.gene_table, predictor.tissue_names, folder / "expression", least_nonzero=1
    )
    files = []
    table = predictor.model.cre_table.table.to_pylist()
    for donor in DONORS[:3]:
        for tissue in TISSUES[:2]:
            path = folder / f"{donor}.{tissue}.bed"
            rows_of = [each for each in table if rng.random() < 0.9]
            path.write_text(
                "".join(
                    cre_line(each["chrom"], each["start"], each["end"], "E", rng.choice(["PLS", "Low-DNase"]))
                    for each in rows_of
                )
            )
            files.append(ActivityFile(path, donor, tissue))
    activity = read_activity(files, predictor.model.cre_table)
    genomes = DonorGenomes(world.reference.path, {"LAB": vcf})
    return SmallCohort(world, vcf, genomes, expression, activity)
