"""A simulated cohort that is ready for training: expression and split are made, and each stage has its options."""

from pathlib import Path

import yaml

from ..data.expression import Expression
from ..data.expression_sources import read_tidy
from ..data.harmonization import harmonize
from ..data.splits import split_donors
from ..genome.genes import GeneTable
from ..whole_folders import replace_folder
from ..zoo.outputs import TissueNames
from .cohort import SimulatedCohort, simulate_cohort

COHORT = "SIM"
GEOMETRY = {"cre_radius": 4_000, "gene_upstream": 100, "max_gene_length": 2_000, "max_gene_windows": 12}


def write_demo_cohort(folder: Path) -> SimulatedCohort:
    """A cohort on which both stages together train in about two minutes on two cores, the same each time.

    Args:
        folder: where; made. Runs that were trained in it stay.
    """
    cohort = simulate_cohort(folder, donors=40, genes=6, other_cres=300)
    prepare(cohort)
    write_configs(cohort, encoder_epochs=2, epochs=8)
    return cohort


def prepare(cohort: SimulatedCohort) -> None:
    """Write ``expression``, harmonised, and ``split.json``: a fifth of the donors for the test, a tenth to look at."""
    source = read_tidy(cohort.expression, cohort=COHORT)
    genes, tissues = GeneTable.read(cohort.genes), TissueNames(list(cohort.tissues))
    expression = cohort.folder / "expression"
    replace_folder(expression, lambda partial: harmonize([source], genes, tissues, partial))
    samples = Expression.load(expression).samples
    split_donors(samples, test=0.20, validation=0.10).save(cohort.folder / "split.json")


def write_configs(cohort: SimulatedCohort, encoder_epochs: int, epochs: int) -> None:
    """Write ``encoder.yaml`` and ``expression.yaml`` for ``variantformer train``, for a small machine.

    Args:
        cohort: see :func:`simulate_cohort`.
        encoder_epochs, epochs: of stage 1 and stage 2.
    """
    encoder = {
        "loop": {
            "output": "encoder",
            "epochs": encoder_epochs,
            "batch_size": 64,
            "checkpoint_every": 1_000,
            "log_every": 50,
            "optimizer": {
                "name": "adam",
                "schedule": "cosine",
                "learning_rate": 1e-3,
                "warmup": 0.05,
                "weight_decay": 0.0,
            },
        },
        "fasta": cohort.fasta.name,
        "vcfs": {"*": cohort.vcf.name},
        "cres": cohort.cres.name,
        "held_out": ["chr21"],
        "vocab_size": 500,
        "activity": [dict(each) for each in cohort.activity],
        "config": {
            "hidden_size": 48,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "intermediate_size": 128,
            "token_length": 64,
            "cre_flank": 20,
            **GEOMETRY,
        },
    }
    expression = {
        "loop": {
            "output": "model",
            "epochs": epochs,
            "batch_size": 16,
            "checkpoint_every": 1_000,
            "log_every": 50,
            "optimizer": {"learning_rate": 2e-3, "min_learning_rate": 1e-5, "warmup": 0.02},
        },
        "fasta": cohort.fasta.name,
        "vcfs": {COHORT: cohort.vcf.name},
        "expression": "expression",
        "split": "split.json",
        "encoder": "encoder/last",
        "genes": cohort.genes.name,
        "cres": cohort.cres.name,
        "tissues": list(cohort.tissues),
        "n_tissues": 3,
        "evaluate_pairs": 600,
        "config": {
            "initializer_range": 0.1,
            "hidden_size": 64,
            "num_hidden_layers": 4,
            "num_attention_heads": 4,
            "intermediate_size": 128,
            **GEOMETRY,
        },
    }
    for name, content in (("encoder", encoder), ("expression", expression)):
        (cohort.folder / f"{name}.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
