"""Can EPInformer learn 64 genes by heart? A small one from random weights, on a made cell line.

Genes differ in the bases of their promoters and elements, which are random, and in nothing else; their values are
random too. There is nothing to be learnt but the genes themselves.
"""

from pathlib import Path
from typing import Any

import numpy as np
import yaml

from benchmarks.timing import Timer, cpu_clock
from variantformer_hf import ExpressionPredictor, GeneTable
from variantformer_hf.data import harmonize, read_tidy
from variantformer_hf.data.splits import Split
from variantformer_hf.evaluation import subject_correlation
from variantformer_hf.genome.genes import Gene
from variantformer_hf.modeling.epinformer import GENE_FEATURES
from variantformer_hf.simulation.motifs import letters_of
from variantformer_hf.simulation.writers import write_fasta, write_genes
from variantformer_hf.training.epinformer.options import EPInformerOptions
from variantformer_hf.training.expression import train_expression
from variantformer_hf.training.options import read_options
from variantformer_hf.zoo.outputs import TissueNames

COHORT, CELL_LINE, CHROM = "LAB", "K562", "chr1"
GENES, ELEMENTS, LENGTH = 64, 3, 500
# Bases from one gene to the next.
_SPACE = 8_000
CONFIG: dict[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "head_size": 64,
    "conv_channels": [32, 32, 32, 32, 32],
    "dilated_channels": 32,
    "element_channels": 16,
    "element_length": LENGTH,
    "num_enhancers": ELEMENTS,
}


def by_heart(folder: Path, *, seed: int, epochs: int) -> dict[str, float]:
    """Write the cell line and train on all of its genes; r and R2 over the same genes, and minutes."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    values = _write(folder, rng)
    options = {
        "loop": {
            "output": "epinformer",
            "epochs": epochs,
            "batch_size": 16,
            "log_every": 4,
            "checkpoint_every": 100_000,
            "optimizer": {"learning_rate": 2e-3},
        },
        "fasta": "genome.fa",
        "vcfs": {},
        "reference_cohorts": [COHORT],
        "expression": "expression",
        "split": "split.json",
        "genes": "genes.csv",
        "tissues": [CELL_LINE],
        "elements": "elements.tsv",
        "gene_features": "features.csv",
        "config": CONFIG,
    }
    (folder / "epinformer.yaml").write_text(yaml.safe_dump(options, sort_keys=False))
    with Timer() as took, Timer(cpu_clock) as of_cpu:
        train_expression(read_options(folder / "epinformer.yaml", EPInformerOptions))
    predictor = ExpressionPredictor.from_pretrained(folder / "epinformer" / "last")
    table = predictor.predict(folder / "genome.fa").set_index("gene_id")
    predicted = table.loc[list(values), predictor.model.unit.column].to_numpy(float)
    scores = subject_correlation(np.array([*values.values()])[:, None], predicted[:, None])
    return {
        "r": float(scores.pearson[0]),
        "R2": float(scores.r2[0]),
        "minutes": took.seconds / 60,
        "CPU minutes": of_cpu.seconds / 60,
    }


def _write(folder: Path, rng: np.random.Generator) -> dict[str, float]:
    """Write genome, genes, elements, features, values and a split that holds nothing out; gene -> value."""
    bases = letters_of(rng.integers(0, 4, _SPACE * (GENES + 1)))
    write_fasta(folder / "genome.fa", {CHROM: bases})
    genes, elements, values = [], [], {}
    for number in range(GENES):
        tss, gene_id = _SPACE * (number + 1), f"ENSG{number:011d}.1"
        start, end = (tss + 1, tss + 1_500) if number % 2 else (tss - 1_499, tss + 1)
        genes.append(Gene(gene_id, f"G{number}", CHROM, start, end, "-+"[number % 2], "protein_coding"))
        values[gene_id] = float(rng.normal(1.5, 0.7))
        for place in range(ELEMENTS):
            middle = tss + (1_000 + 600 * place) * (1 if place % 2 else -1)
            elements.append(f"{CHROM}\t{middle - 250}\t{middle + 250}\t{gene_id}\t{abs(middle - tss)}\t1\t1")
    write_genes(folder / "genes.csv", genes)
    header = "chr\tstart\tend\tTargetGene\tdistance\tactivity_base\thic_contact"
    (folder / "elements.tsv").write_text("\n".join([header, *elements]) + "\n")
    rows = [",".join([gene_id, *["0.5"] * len(GENE_FEATURES)]) for gene_id in values]
    (folder / "features.csv").write_text("\n".join([",".join(["gene_id", *GENE_FEATURES]), *rows]) + "\n")
    lines = [f"{CELL_LINE},{CELL_LINE},{gene_id},{value:.6f}" for gene_id, value in values.items()]
    (folder / "values.csv").write_text("\n".join(["donor,tissue,gene_id,value", *lines]) + "\n")
    source = read_tidy(folder / "values.csv", cohort=COHORT, scale="log10_cage", is_cell_line=True)
    harmonize([source], GeneTable.read(folder / "genes.csv"), TissueNames([CELL_LINE]), folder / "expression")
    Split({}, {COHORT: {}}).save(folder / "split.json")
    return values
