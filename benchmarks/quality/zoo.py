"""Do the models of the zoo learn what they claim? Each trained from random weights, small, on made data.

Run: python -m benchmarks.quality.zoo PART FOLDER [--seed 1]

PART is one of:
  variformer   one gene, 400 donors, h2 = 0.8, windows of 8,192 bases: r over held-out donors
  columns      a Variformer of several genes: seen genes, a held-out population, unseen genes
  ukbioformer  as `variformer`
  branches     UKBioFormer where the embedding alone carries the signal, and where the DNA alone does
  epinformer   64 genes of a cell line, learnt by heart
  ukbiobert    masked tokens on a held-out chromosome

Beside the models of people stand, on the same donors, the oracle (the true genetic part), an elastic net and the
variant with the greatest r (`zoo_lab.py`). FOLDER is new; what is trained stays in it, with the numbers, `PART.json`.
The settings were found on the cohort of seed 0.
"""

import argparse
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch
import yaml
from transformers import PreTrainedTokenizerFast

from benchmarks.quality.zoo_branches import TRUNK, branches
from benchmarks.quality.zoo_epinformer import by_heart
from benchmarks.quality.zoo_lab import COHORT, TISSUE, WINDOW, Lab, baselines, predicted, scored, write_lab
from benchmarks.quality.zoo_ukbiobert import masked_tokens, train_tokenizer
from benchmarks.timing import Timer, cpu_clock
from variantformer_hf import ReferenceGenome
from variantformer_hf.modeling import UkBioBertConfig, UkBioBertModel
from variantformer_hf.training.expression import train_expression
from variantformer_hf.training.options import read_options
from variantformer_hf.training.ukbioformer.options import UkBioFormerOptions
from variantformer_hf.training.variformer.options import VariformerOptions
from variantformer_hf.zoo.companions import write_companions

Table = dict[str, Mapping[str, float]]
# From random weights a rate two hundred times that of the papers, which go on from trained trunks.
_OPTIMIZER = {"learning_rate": 1e-3, "schedule": "cosine", "warmup": 0.02, "min_learning_rate": 1e-5}
# Bases that the UKBioBERT reads of each haplotype.
_EMBEDDED = 2_048
# BatchNorm has the data's statistics: with those of nothing people hardly differ at first.
VARIFORMER = {**TRUNK, "num_hidden_layers": 1, "initializer_range": 0.15, "freeze_batchnorm": False}


def main() -> None:
    """Print a part's table and write its numbers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=sorted(PARTS))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    table = PARTS[arguments.part](arguments.folder, arguments.seed)
    (arguments.folder / f"{arguments.part}.json").write_text(json.dumps(table, indent=2))
    print(table_text(table))


def table_text(table: Table) -> str:
    """Rows of numbers, a column for each name that a row has, as Markdown."""
    names = list(dict.fromkeys(name for row in table.values() for name in row))
    lines = ["| | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for what, row in table.items():
        lines.append(f"| {what} | " + " | ".join(f"{row[name]:.3f}" if name in row else "" for name in names) + " |")
    return "\n".join(lines)


def variformer(folder: Path, seed: int) -> Table:
    """One gene."""
    lab = write_lab(folder, seed=seed)
    took = train_variformer(lab, epochs=20)
    return {"Variformer": {**_on_test(lab, folder / "variformer" / "best"), **took}, **_beside(lab)}


def columns(folder: Path, seed: int) -> Table:
    """Several genes, two populations: the three columns."""
    lab = write_lab(folder, genes=4, unseen=4, donors=200, populations=2, seed=seed)
    took = train_variformer(lab, epochs=25)
    table: Table = {}
    for column, part, population in (
        ("seen genes", "train", 0),
        ("held-out population", "train", 1),
        ("unseen genes", "test", 0),
    ):
        gene_ids, donors = lab.gene_ids(part), lab.people("test", population)
        found = predicted(lab, folder / "variformer" / "best", gene_ids, donors)
        table[f"{column}: Variformer"] = {**scored(lab, gene_ids, found), **took}
        beside = baselines(lab, gene_ids, donors, fitted=part == "train")
        table |= {f"{column}: {name}": row for name, row in beside.items()}
    return table


def train_variformer(lab: Lab, *, epochs: int) -> dict[str, float]:
    """Train from random weights; ``variformer/best`` is chosen by R2 over the donors that are looked at."""
    folder = lab.cohort.folder
    options = {
        "loop": {
            "output": "variformer",
            "epochs": epochs,
            "batch_size": 32,
            "gradient_accumulation": 1,
            "precision": "float32",
            "log_every": 8,
            "checkpoint_every": 100_000,
            "optimizer": {**_OPTIMIZER, "max_grad_norm": 1.0},
        },
        **_files(lab),
        "config": {**VARIFORMER, "sequence_length": WINDOW, "assembly": None},
        "genes": lab.cohort.genes.name,
        "tissues": [TISSUE],
    }
    return _trained(folder / "variformer.yaml", options, VariformerOptions)


def ukbioformer(folder: Path, seed: int) -> Table:
    """One gene; the UKBioBERT beside it is of random weights, so that its vectors tell people apart and no more."""
    lab = write_lab(folder, seed=seed)
    embedding_model = write_ukbiobert(lab)
    options = {
        "loop": {
            "output": "ukbioformer",
            "epochs": 10,
            "log_every": 35,
            "checkpoint_every": 100_000,
            "optimizer": dict(_OPTIMIZER),
        },
        **_files(lab),
        "embedding_model": embedding_model.name,
        "config": {
            "trunk": TRUNK,
            "mlp_hidden": 32,
            "initializer_range": 0.15,
            "input_length": WINDOW,
            "embedding_length": _EMBEDDED,
        },
        "genes": lab.cohort.genes.name,
        "tissues": [TISSUE],
    }
    took = _trained(folder / "ukbioformer.yaml", options, UkBioFormerOptions)
    return {"UKBioFormer": {**_on_test(lab, folder / "ukbioformer" / "best"), **took}, **_beside(lab)}


def write_ukbiobert(lab: Lab) -> Path:
    """A small UKBioBERT of random weights, its tokenizer trained on the lab's genome."""
    folder = lab.cohort.folder / "ukbiobert"
    folder.mkdir()
    with ReferenceGenome(lab.cohort.fasta) as reference:
        texts = [
            reference.sequence(chrom, start, start + 256)
            for chrom, length in reference.contigs.items()
            for start in range(0, length - 256, 256)
        ]
    pq.write_table(pa.table({"text": texts}), lab.cohort.folder / "texts.parquet")
    train_tokenizer(lab.cohort.folder / "texts.parquet", folder / "tokenizer.json")
    special = {f"{name}_token": f"[{name.upper()}]" for name in ("unk", "cls", "sep", "pad", "mask")}
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"), **special)
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
    torch.manual_seed(0)
    config = UkBioBertConfig(vocab_size=len(tokenizer), initializer_range=0.2, **sizes)
    UkBioBertModel(config).eval().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    write_companions(folder, ("tokenizer.json",))
    return folder


def of_ukbiobert(folder: Path, seed: int) -> Table:
    """Masked tokens."""
    return {"UKBioBERT": masked_tokens(folder, seed=seed)}


def epinformer(folder: Path, seed: int) -> Table:
    """Genes by heart."""
    return {"EPInformer": by_heart(folder, seed=seed, epochs=30)}


def branches_of_ukbioformer(folder: Path, seed: int) -> Table:
    """The branch that has the signal."""
    lab = write_lab(folder, seed=seed)
    return {**branches(lab, epochs=15), **_beside(lab)}


def _files(lab: Lab) -> dict[str, Any]:
    cohort = lab.cohort
    return {
        "fasta": cohort.fasta.name,
        "vcfs": {COHORT: cohort.vcf.name},
        "expression": "expression",
        "split": "split.json",
    }


def _trained(path: Path, options: Mapping[str, Any], kind: Any) -> dict[str, float]:
    """Train as a YAML file says, which is written; minutes."""
    path.write_text(yaml.safe_dump(dict(options), sort_keys=False))
    with Timer() as took, Timer(cpu_clock) as of_cpu:
        train_expression(read_options(path, kind))
    return {"minutes": took.seconds / 60, "CPU minutes": of_cpu.seconds / 60, "threads": torch.get_num_threads()}


def _on_test(lab: Lab, model: Path) -> dict[str, float]:
    gene_ids, donors = lab.gene_ids("train"), lab.people("test")
    return scored(lab, gene_ids, predicted(lab, model, gene_ids, donors))


def _beside(lab: Lab) -> Table:
    return baselines(lab, lab.gene_ids("train"), lab.people("test"))


PARTS: dict[str, Callable[[Path, int], Table]] = {
    "ukbioformer": ukbioformer,
    "ukbiobert": of_ukbiobert,
    "epinformer": epinformer,
    "variformer": variformer,
    "columns": columns,
    "branches": branches_of_ukbioformer,
}


if __name__ == "__main__":
    main()
