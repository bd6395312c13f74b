"""Peak memory of `predict` on the demo.

Run: python -m benchmarks.memory.demo
"""

import argparse

from benchmarks.memory.steps import Step, run_steps


def main() -> None:
    """Print the peaks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    run_steps("benchmarks.memory.demo", STEPS, parser)


def write_demo(arguments: argparse.Namespace) -> None:
    """Write the demo's files and model."""
    from variantformer_hf.simulation.genome import write_simulation
    from variantformer_hf.simulation.model import write_demo_model

    write_demo_model(write_simulation(arguments.folder), arguments.folder / "model")


def predict_demo(arguments: argparse.Namespace) -> None:
    """Predict the demo's person, all genes and tissues, as the command does."""
    from variantformer_hf.cli import app

    folder = arguments.folder
    options = ["--fasta", folder / "genome.fa", "--vcf", folder / "person.vcf.gz", "-o", folder / "out.parquet"]
    app(["predict", str(folder / "model"), *map(str, options)], standalone_mode=False)


STEPS: dict[str, Step] = {"write": write_demo, "predict": predict_demo}


if __name__ == "__main__":
    main()
