"""Peak memory of runs of 200, 2,000 and 20,000 people x genes, written as a dataset; and of the table of as many rows.

Run: python -m benchmarks.memory.units [--most 20000]

The tiny model, 20 genes, 10 to 1,000 people of one VCF. A dataset's peak is that of a batch, whatever the run.
"""

import argparse
from functools import partial

from benchmarks.memory.steps import Step, run_steps

GENES = 20
SIZES = (200, 2_000, 20_000)


def main() -> None:
    """Print the peaks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--most", type=int, default=SIZES[-1])
    run_steps("benchmarks.memory.units", STEPS, parser)


def write_cohort(arguments: argparse.Namespace) -> None:
    """Write a genome, a cohort and the tiny model, whose genes see few cCREs."""
    import numpy as np

    from variantformer_hf.modeling import VariantFormerProcessor
    from variantformer_hf.simulation.genome import write_simulation
    from variantformer_hf.simulation.model import write_demo_model
    from variantformer_hf.simulation.writers import GENOTYPES, contig_lines, write_vcf
    from variantformer_hf.zoo.companions import write_companions

    folder = arguments.folder
    lengths = {"chr1": 400_000}
    files = write_simulation(folder, lengths=lengths, genes_per_contig=GENES, cre_spacing=8_000)
    model = write_demo_model(files, folder / "model")
    processor = VariantFormerProcessor.from_pretrained(model)
    processor.cre_radius, processor.max_gene_length, processor.gene_upstream = 6_000, 1_500, 50
    processor.save_pretrained(model)
    write_companions(model)
    rng = np.random.default_rng(0)
    people = [f"P{number:04d}" for number in range(SIZES[-1] // GENES)]
    genome = "".join(line.strip() for line in files.fasta.read_text().splitlines() if line[0] != ">")
    lines = []
    for position in range(500, lengths["chr1"], 2_000):
        ref = genome[position - 1].upper()
        calls = rng.choice(["0|0", "0|1", "1|1"], len(people), p=[0.9, 0.08, 0.02])
        lines.append(f"chr1\t{position}\t.\t{ref}\t{'C' if ref == 'A' else 'A'}\t50\tPASS\t.\tGT\t" + "\t".join(calls))
    write_vcf(folder / "cohort.vcf.gz", lines, meta=[*contig_lines(lengths), GENOTYPES], samples=people)


def predict(n_pairs: int, arguments: argparse.Namespace, *, as_dataset: bool = True) -> None:
    """Predict so many people x genes, as the command does."""
    from variantformer_hf.cli import app

    if n_pairs > arguments.most:
        return
    folder = arguments.folder
    names = folder / "names.txt"
    names.write_text("".join(f"P{number:04d}\n" for number in range(n_pairs // GENES)))
    output = f"{folder}/out{n_pairs}/" if as_dataset else f"{folder}/out{n_pairs}.parquet"
    options = ["--fasta", folder / "genome.fa", "--vcf", folder / "cohort.vcf.gz", "--samples-file", names]
    options += ["-o", output, "--store", "none", "--device", "cpu"]
    app(["predict", str(folder / "model"), *map(str, options)], standalone_mode=False)


STEPS: dict[str, Step] = {
    "write": write_cohort,
    **{f"dataset-{size}": partial(predict, size) for size in SIZES},
    "table-20000": partial(predict, SIZES[-1], as_dataset=False),
}


if __name__ == "__main__":
    main()
