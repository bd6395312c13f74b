"""Write the ids of a model's genes on one chromosome, a line each."""

import argparse
from pathlib import Path

from variantformer_hf import GeneTable
from variantformer_hf.errors import InputError
from variantformer_hf.folder import GENES_FILE


def gene_ids(model: Path, contig: str) -> list[str]:
    """Ids in the gene table's order.

    Raises:
        InputError: the table cannot be read, or has no gene there.
    """
    table = GeneTable.read(model / GENES_FILE)
    found = [gene.gene_id for gene in table.genes if gene.chrom == contig]
    if not found:
        there = ", ".join(sorted({gene.chrom for gene in table.genes}))
        raise InputError(
            f"has no gene on {contig}", file=model / GENES_FILE, remedy=f"Name other contigs in the config: {there}."
        )
    return found


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="model folder")
    parser.add_argument("--contig", required=True, help="chromosome, as in the gene table")
    parser.add_argument("--output", type=Path, required=True, help="text file")
    arguments = parser.parse_args()
    try:
        arguments.output.write_text("".join(f"{gene}\n" for gene in gene_ids(arguments.model, arguments.contig)))
    except InputError as error:
        parser.exit(1, f"{error}\n")


if __name__ == "__main__":
    main()
