"""Training of any model on one donor, two genes and two outputs: one batch, which can be learned by heart."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pysam
import yaml

from variantformer_hf.data import ExpressionSource, harmonize
from variantformer_hf.data.expression_sources import Sample
from variantformer_hf.data.splits import Split
from variantformer_hf.zoo.gene_model import GeneModel

if TYPE_CHECKING:
    from gene_model_tests import Case

# Of a case's two genes, in its two outputs; greater than 0, so that they may be log1p TPM.
LABELS = np.array([[0.4, 1.6], [2.0, 1.0]], dtype=np.float32)


def one_batch_run(
    case: "Case",
    gene_model: GeneModel,
    folder: Path,
    unit: str | None = None,
    epochs: int = 150,
    learning_rate: float = 0.02,
    **changes: Any,
) -> Path:
    """Write what a run needs, and its options; ``folder/run`` is its output.

    Args:
        case: whose person is the donor.
        gene_model: the case's.
        folder: to write into.
        unit: of the values; None = the model's.
        epochs: which are as many steps.
        learning_rate: of all steps.
        **changes: of the options.
    """
    with pysam.VariantFile(str(case.vcf)) as file:
        donor = next(iter(file.header.samples))
    samples = tuple(Sample(f"{donor}|{tissue}", donor, tissue) for tissue in case.tissues)
    ids = [gene_model.gene_table.get(gene).gene_id for gene in case.genes]
    rows = dict(zip(ids, np.expm1(LABELS), strict=True))
    source = ExpressionSource(folder / "lab.tsv", "LAB", samples, lambda: iter(rows.items()), {})
    expression = harmonize(
        [source], gene_model.gene_table, gene_model.tissue_names, folder / "expression", least_nonzero=1
    )
    unit = unit or gene_model.unit.name
    if unit != expression.scale:
        expression.with_values(folder / unit, expression.value, unit)
    Split({"LAB": {donor: "train"}}).save(folder / "split.json")
    optimizer = {"learning_rate": learning_rate, "schedule": "constant", "weight_decay": 0.0, "max_grad_norm": None}
    options = {
        "loop": {"output": "run", "epochs": epochs, "batch_size": 2, "log_every": 1, "optimizer": optimizer},
        "fasta": str(case.fasta),
        "vcfs": {"LAB": str(case.vcf)},
        "expression": "expression" if unit == expression.scale else unit,
        "split": "split.json",
        "model": str(case.model),
        **changes,
    }
    (folder / "run.yaml").write_text(yaml.safe_dump(options))
    return folder / "run.yaml"


def step_losses(output: Path) -> list[float]:
    """Losses of a run's steps."""
    rows = [json.loads(line) for line in (output / "log.jsonl").read_text().splitlines()]
    return [row["loss"] for row in rows if "loss" in row]
