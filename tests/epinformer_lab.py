"""A made cell line: a genome of three chromosomes, its genes with elements and features, its expression, and runs."""

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from accelerate.state import AcceleratorState
from genome_files import write_fasta
from random_variants import random_bases

from variantformer_hf.data import harmonize, read_tidy
from variantformer_hf.data.folds import chromosome_folds
from variantformer_hf.data.splits import Split
from variantformer_hf.genome import GeneTable
from variantformer_hf.modeling.epinformer import GENE_FEATURES
from variantformer_hf.training import expression
from variantformer_hf.training.epinformer.options import EPInformerOptions
from variantformer_hf.training.options import read_options
from variantformer_hf.zoo.outputs import TissueNames

COHORT, CELL_LINE = "ENCODE", "K562"
SMALL = {
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "head_size": 32,
    "conv_channels": [16, 16, 16, 16, 16],
    "dilated_channels": 16,
    "element_channels": 8,
    "element_length": 416,
    "num_enhancers": 3,
}
_SPACE = 1_500


def write_lab(folder: Path, genes: int = 24, elements: int = 1) -> Path:
    """Write all that a run needs: genes are alike but for the bases of their promoters and elements."""
    rng, numbers = random.Random(0), np.random.default_rng(0)
    of_each = -(-genes // 3)
    contigs = {f"chr{n}": random_bases(rng, _SPACE * (of_each + 1)) for n in (1, 2, 3)}
    write_fasta(folder / "genome.fa", contigs, width=60)
    rows, known, features, values = [], [], [], []
    for number in range(genes):
        gene_id, chrom = f"ENSG{number:011d}", f"chr{1 + number // of_each}"
        tss, strand = _SPACE * (1 + number % of_each), "+-"[number % 2]
        start, end = (tss + 1, tss + 300) if strand == "+" else (tss - 299, tss + 1)
        rows.append(f"{gene_id},G{number},{chrom},{start},{end},{strand}")
        for place in range(elements):
            middle = tss + 450 + 30 * place
            known.append(f"{chrom}\t{middle - 100}\t{middle + 100}\t{gene_id}\t{middle - tss}\t1\t1")
        features.append(",".join([gene_id, *["0.5"] * len(GENE_FEATURES)]))
        values.append(f"{CELL_LINE},{CELL_LINE},{gene_id},{numbers.normal(1.5, 0.7):.4f}")
    tables = {
        "genes.csv": ("gene_id,gene_name,chromosome,start,end,strand", rows),
        "elements.tsv": ("chr\tstart\tend\tTargetGene\tdistance\tactivity_base\thic_contact", known),
        "features.csv": (",".join(["gene_id", *GENE_FEATURES]), features),
        "values.csv": ("donor,tissue,gene_id,value", values),
    }
    for name, (header, lines) in tables.items():
        (folder / name).write_text("\n".join([header, *lines]) + "\n")
    table = GeneTable.read(folder / "genes.csv")
    source = read_tidy(folder / "values.csv", cohort=COHORT, scale="log10_cage", is_cell_line=True)
    harmonize([source], table, TissueNames([CELL_LINE]), folder / "expression")
    chromosome_folds(COHORT, table, k=3)[0].save(folder / "fold.json")
    Split({}, {COHORT: {}}).save(folder / "all.json")
    return folder


def write_run(lab: Path, output: str, loop: Mapping[str, Any] | None = None, **changes: Any) -> Path:
    """Options of a run in ``lab/output``."""
    content = {
        "loop": {"output": output, "epochs": 3, "batch_size": 8, "log_every": 1, "checkpoint_every": 2, **(loop or {})},
        "fasta": "genome.fa",
        "vcfs": {},
        "reference_cohorts": [COHORT],
        "expression": "expression",
        "split": "fold.json",
        "genes": "genes.csv",
        "tissues": [CELL_LINE],
        "elements": "elements.tsv",
        "gene_features": "features.csv",
        "config": SMALL,
        **changes,
    }
    path = lab / f"{output}.yaml"
    path.write_text(yaml.safe_dump({name: value for name, value in content.items() if value is not None}))
    return path


def train(config: Path) -> dict[str, float]:
    """Run to the end."""
    AcceleratorState._reset_state(reset_partial_state=True)
    return expression.train_expression(read_options(config, EPInformerOptions))
