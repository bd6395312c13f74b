"""Peak memory of preparing a GCT of many samples for training.

Run: python -m benchmarks.memory.gct [--samples 20000] [--genes 2000]
"""

import argparse

from benchmarks.memory.steps import Step, run_steps


def main() -> None:
    """Print the peaks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=20_000)
    parser.add_argument("--genes", type=int, default=2_000)
    run_steps("benchmarks.memory.gct", STEPS, parser)


def write_gct(arguments: argparse.Namespace) -> None:
    """Write expression as GTEx has it, a gene a line, with attributes of the samples."""
    import numpy as np

    rng = np.random.default_rng(0)
    names = [f"GTEX-D{number // 20:04d}-{number % 20:04d}-SM" for number in range(arguments.samples)]
    tissues = rng.choice(["Whole Blood", "Liver", "Thyroid"], arguments.samples)
    lines = [f"{name}\t{tissue}\t8.0" for name, tissue in zip(names, tissues, strict=True)]
    (arguments.folder / "attributes.txt").write_text("SAMPID\tSMTSD\tSMRIN\n" + "\n".join(lines) + "\n")
    genes = [f"ENSG{number:011d}.1" for number in range(arguments.genes)]
    with (arguments.folder / "tpm.gct").open("w") as file:
        file.write(f"#1.2\n{len(genes)}\t{len(names)}\n" + "\t".join(["Name", "Description", *names]) + "\n")
        for gene in genes:
            values = np.char.mod("%.3f", rng.exponential(5, len(names)))
            file.write(f"{gene}\t{gene}\t" + "\t".join(values) + "\n")
    rows = [f"{gene},{gene},chr1,{1_000 * at + 1},{1_000 * at + 500},+" for at, gene in enumerate(genes)]
    header = "gene_id,gene_name,chromosome,start,end,strand\n"
    (arguments.folder / "genes.csv").write_text(header + "\n".join(rows) + "\n")


def prepare_gct(arguments: argparse.Namespace) -> None:
    """Prepare it for training."""
    from variantformer_hf import GeneTable
    from variantformer_hf.data import harmonize, read_gct
    from variantformer_hf.zoo.outputs import TissueNames

    folder = arguments.folder
    source = read_gct(folder / "tpm.gct", folder / "attributes.txt")
    tissues = TissueNames(["whole blood", "liver", "thyroid"])
    found = harmonize([source], GeneTable.read(folder / "genes.csv"), tissues, folder / "expression")
    print(f"{len(found):,} values")


STEPS: dict[str, Step] = {"write": write_gct, "prepare": prepare_gct}


if __name__ == "__main__":
    main()
