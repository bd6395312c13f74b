"""Baselines: how long a gene takes to be fitted, and how much memory.

Run: python -m benchmarks.speed.baselines [--genes 4]

600 made donors whose haplotypes are mosaics of 40 founders', one tissue, 3,000 SNPs in the window of each gene; half of
the genes have five causal SNPs and h2 = 0.4, the others none. Each kind has a process of its own with one thread, which
reads the VCF, fits and writes the folder. CPU seconds; genes a second on two cores are two divided by these.
Elastic nets on vectors read 1,536 numbers of each donor and gene (UKBioBERT's of both haplotypes), heads 3,072
(Enformer's); of heads a step is timed too as in the paper: 8 genes of people, two tissues each, of 63.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.timing import cpu_clock, show, timed

DONORS, FOUNDERS, SNPS, SPACING, GAP = 600, 40, 3_000, 90, 400_000
# Kind -> least genes a second on two cores; gigabytes at most.
LIMITS = {"elastic-net": 1.0, "forest": 0.1}
MEMORY = 1.5
# Of the kinds that have no limit of their own.
OTHERS = ("mean", "top-snp")
# Kind that reads vectors -> numbers of a vector.
WIDTHS = {"embedding-net": 1_536, "heads": 3_072}
TISSUES, STEPS = 63, 20


def main() -> None:
    """Print the table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--genes", type=int, default=4)
    parser.add_argument("--worker", nargs=2, metavar=("KIND", "FOLDER"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker is not None:
        print(json.dumps(fit(arguments.worker[0], Path(arguments.worker[1]))))
        return
    report: dict[str, Any] = {"donors": DONORS, "SNPs a gene": SNPS, "genes": arguments.genes}
    with tempfile.TemporaryDirectory() as name:
        write_cohort(Path(name), arguments.genes)
        for kind in (*OTHERS, *LIMITS, *WIDTHS):
            command = [sys.executable, "-m", "benchmarks.speed.baselines", "--worker", kind, name]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            found = json.loads(done.stdout.splitlines()[-1])
            speed = 2 * arguments.genes / found["seconds"]
            limit = f" (limit {LIMITS[kind]}: {speed / LIMITS[kind]:.1f} of it)" if kind in LIMITS else ""
            if kind == "heads":
                report["heads: CPU s an epoch of 1,000 genes of people, one tissue"] = found["seconds"]
                report["heads: CPU ms a step, 63 tissues"] = 1_000 * found["step"]
                report["heads: peak memory"] = f"{found['gigabytes']:.2f} GB"
                continue
            report[f"{kind}: CPU s a gene"] = found["seconds"] / arguments.genes
            report[f"{kind}: genes a second on two cores"] = f"{speed:.3g}{limit}"
            report[f"{kind}: peak memory"] = f"{found['gigabytes']:.2f} GB (limit {MEMORY})"
    show(report)


def write_cohort(folder: Path, genes: int) -> None:
    """genome.fa, cohort.vcf.gz, genes.csv, expression and split.json."""
    from variantformer_hf import GeneTable
    from variantformer_hf.data.expression_sources import ExpressionSource, Sample
    from variantformer_hf.data.harmonization import harmonize
    from variantformer_hf.data.splits import Split
    from variantformer_hf.simulation.writers import GENOTYPES, contig_lines, write_fasta, write_vcf
    from variantformer_hf.zoo.outputs import TissueNames

    rng = np.random.default_rng(0)
    donors = [f"D{number:03d}" for number in range(DONORS)]
    length = genes * GAP
    write_fasta(folder / "genome.fa", {"chr1": "A" * length})
    lines, rows, values = [], ["gene_id,gene_name,chromosome,start,end,strand"], {}
    for gene in range(genes):
        founders = rng.random((FOUNDERS, SNPS)) < rng.uniform(0.03, 0.5, SNPS)
        haplotypes = np.stack([_mosaic(rng, founders) for _ in range(2 * DONORS)])
        dosage = haplotypes[::2].astype(int) + haplotypes[1::2]
        middle = gene * GAP + GAP // 2
        for place in range(SNPS):
            calls = "\t".join(("0/0", "0/1", "1/1")[each] for each in dosage[:, place].tolist())
            position = middle + (place - SNPS // 2) * SPACING + 1
            lines.append(f"chr1\t{position}\t.\tA\tC\t.\tPASS\t.\tGT\t{calls}")
        rows.append(f"ENSG{gene:011d},G{gene},chr1,{middle + 1},{middle + 2},+")
        genetic = dosage[:, rng.choice(SNPS, 5, replace=False)] @ rng.normal(size=5) * (gene % 2)
        noise = rng.normal(size=DONORS) * (np.std(genetic) * 1.22 if gene % 2 else 1)
        log1p = 3 + 0.5 * (genetic - genetic.mean() + noise) / np.std(genetic + noise)
        values[f"ENSG{gene:011d}"] = np.expm1(np.maximum(log1p, 0.01)).astype(np.float32)
    meta = [GENOTYPES, *contig_lines({"chr1": length})]
    write_vcf(folder / "cohort.vcf.gz", lines, meta=meta, samples=donors)
    (folder / "genes.csv").write_text("\n".join(rows) + "\n")
    samples = tuple(Sample(donor, donor, "liver") for donor in donors)
    source = ExpressionSource(folder / "made", "LAB", samples, lambda: iter(values.items()), {})
    harmonize([source], GeneTable.read(folder / "genes.csv"), TissueNames(["liver"]), folder / "expression")
    Split({"LAB": dict.fromkeys(donors, "train")}).save(folder / "split.json")


def write_vectors(path: Path, genes: int, width: int) -> None:
    """Of each donor and gene: thirty numbers that people differ in, in as many directions, and noise."""
    from safetensors.numpy import save_file

    rng = np.random.default_rng(0)
    of_genes = [
        rng.normal(size=(DONORS, 30)) @ rng.normal(size=(30, width)) + rng.normal(0, 0.1, (DONORS, width))
        for _ in range(genes)
    ]
    save_file({"embedding": np.concatenate(of_genes).astype(np.float32)}, path)
    rows = [f"D{donor:03d}\tENSG{gene:011d}" for gene in range(genes) for donor in range(DONORS)]
    path.with_suffix(".tsv").write_text("\n".join(["sample\tgene_id", *rows]) + "\n")


def _mosaic(rng: np.random.Generator, founders: np.ndarray) -> np.ndarray:
    """One haplotype: pieces of founders."""
    cuts = np.sort(rng.integers(0, SNPS, 60))
    source = rng.integers(0, FOUNDERS, 61)
    return founders[source[np.searchsorted(cuts, np.arange(SNPS))], np.arange(SNPS)]


def fit(kind: str, folder: Path) -> dict[str, float]:
    """CPU seconds and peak memory of a fit of all genes."""
    found = fit_vectors(kind, folder) if kind in WIDTHS else fit_genotypes(kind, folder)
    return {**found, "gigabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20}


def fit_genotypes(kind: str, folder: Path) -> dict[str, float]:
    """CPU seconds of a kind that reads dosages."""
    from variantformer_hf import GeneTable
    from variantformer_hf.data.expression import Expression
    from variantformer_hf.data.splits import Split
    from variantformer_hf.training.dosage.fitting import DosageInputs, fit_dosages
    from variantformer_hf.zoo.dosage.recipes import recipe_named

    genes = GeneTable.read(folder / "genes.csv")
    inputs = DosageInputs(folder / "genome.fa", folder / "cohort.vcf.gz", genes)
    recipe = recipe_named(kind, radius=None if kind == "mean" else GAP // 2 - 10_000)

    def fit_all(inputs: DosageInputs) -> None:
        expression, split = Expression.load(folder / "expression"), Split.load(folder / "split.json")
        fit_dosages(recipe, expression, split, inputs, folder / kind, parts=folder / f"{kind}.parts")

    fit_all(replace(inputs, only=frozenset([genes.genes[0].gene_id])))  # what is imported is not counted
    times, _ = timed(lambda: fit_all(inputs), clock=cpu_clock)
    return {"seconds": times[0]}


def fit_vectors(kind: str, folder: Path) -> dict[str, float]:
    """CPU seconds of a kind that reads vectors; of heads those of 1,000 genes of people in an epoch."""
    from variantformer_hf import GeneTable
    from variantformer_hf.data.expression import Expression
    from variantformer_hf.data.splits import Split
    from variantformer_hf.training.embedding.embedded_pairs import EmbeddingInputs
    from variantformer_hf.training.embedding.heads import fit_heads
    from variantformer_hf.training.embedding.nets import fit_nets
    from variantformer_hf.training.embedding.options import HeadsOptions
    from variantformer_hf.zoo.embedding.net_recipe import NetRecipe
    from variantformer_hf.zoo.embedding_table import EmbeddingTable

    genes = GeneTable.read(folder / "genes.csv")
    write_vectors(folder / f"{kind}.safetensors", len(genes), WIDTHS[kind])
    given = Expression.load(folder / "expression"), Split.load(folder / "split.json")
    table = EmbeddingTable(folder / f"{kind}.safetensors", "Make it.")

    def fit_all(only: frozenset[str] | None, epochs: int = 1) -> None:
        inputs, places = EmbeddingInputs(table, genes, only), (folder / kind, folder / f"{kind}.parts")
        if kind == "heads":
            fit_heads(HeadsOptions(epochs=epochs), *given, inputs, places[0], parts=places[1])
        else:
            fit_nets(NetRecipe(), *given, inputs, places[0], parts=places[1])

    if kind != "heads":  # one gene stands for all: it takes minutes
        times, _ = timed(lambda: fit_all(frozenset([genes.genes[-1].gene_id])), clock=cpu_clock)
        return {"seconds": times[0] * len(genes)}
    fit_all(frozenset([genes.genes[0].gene_id]))  # what is imported is not counted
    of_epochs = [timed(lambda n=n: fit_all(None, n), clock=cpu_clock)[0][0] for n in (1, 3)]
    return {"seconds": (of_epochs[1] - of_epochs[0]) / 2 * 1_000 / (DONORS * len(genes)), "step": step_of_heads()}


def step_of_heads() -> float:
    """CPU seconds of a step of heads of the widths that are the default, the median of some."""
    import torch

    from variantformer_hf.modeling import EmbeddingHeadsConfig, EmbeddingHeadsForExpression

    names = [f"tissue {number}" for number in range(TISSUES)]
    network = EmbeddingHeadsForExpression(EmbeddingHeadsConfig(embedding_size=WIDTHS["heads"], tissues=names)).train()
    optimizer = torch.optim.AdamW(network.parameters())
    generator = torch.Generator().manual_seed(0)

    def step() -> None:
        outputs = torch.randint(TISSUES, (8, 2), generator=generator)
        vectors = torch.randn(8, WIDTHS["heads"], generator=generator)
        network(vectors, torch.zeros(8, dtype=torch.int64), outputs, torch.ones(8, 2)).loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    step()
    times, _ = timed(step, STEPS, clock=cpu_clock)
    return float(np.median(times))


if __name__ == "__main__":
    main()
