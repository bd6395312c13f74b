"""EPInformer learns a cell line: its public code's numbers, held-out genes, killed runs, and what is refused."""

import json
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from command_line import invoke
from epinformer_lab import CELL_LINE, COHORT, SMALL, train, write_lab, write_run
from forked_processes import Forked
from genome_files import record, write_vcf
from safetensors.numpy import save_file
from safetensors.torch import load_file

from variantformer_hf import ExpressionPredictor
from variantformer_hf.data.expression import Expression
from variantformer_hf.data.splits import Split
from variantformer_hf.errors import InputError
from variantformer_hf.training import expression
from variantformer_hf.training.epinformer.options import EPInformerLoop, EPInformerOptions
from variantformer_hf.training.options import read_options
from variantformer_hf.zoo.families import load_gene_model

pytestmark = pytest.mark.usefixtures("one_thread")

CONFIGS = Path(__file__).resolve().parents[1] / "docs" / "configs"
DRIVER = """
import os, signal, sys, torch
torch.set_num_threads(1)
from variantformer_hf.training import expression
from variantformer_hf.training.epinformer.options import EPInformerOptions
from variantformer_hf.training.options import read_options

def on_step(done, *_):
    if done == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)

expression.train_expression(read_options(sys.argv[1], EPInformerOptions), on_step=on_step)
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_lab(tmp_path_factory.mktemp("lab"), genes=64)


@pytest.fixture(scope="module")
def trained(lab: Path) -> Path:
    """A run on a fold, undisturbed."""
    train(write_run(lab, "whole"))
    return lab / "whole"


def log_of(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]


def observed(lab: Path) -> dict[str, float]:
    found = Expression.load(lab / "expression")
    return {found.genes[gene]: float(value) for gene, value in zip(found.gene, found.value, strict=True)}


def predicted(lab: Path, model: Path) -> dict[str, float]:
    table = ExpressionPredictor.from_pretrained(model, device="cpu").predict(lab / "genome.fa")
    return dict(zip(table["gene_id"], table["expression"], strict=True))


@pytest.mark.slow
def test_64_genes_are_learned_by_heart_from_their_bases(lab: Path) -> None:
    """Nothing but their bases tells the genes apart."""
    optimizer = {"learning_rate": 3e-3, "schedule": "cosine", "min_learning_rate": 1e-5}
    loop = {"epochs": 20, "batch_size": 16, "checkpoint_every": 1000, "optimizer": optimizer}
    train(write_run(lab, "by-heart", loop, split="all.json"))
    found, values = predicted(lab, lab / "by-heart" / "last"), observed(lab)
    assert len(found) == len(values) == 64
    assert np.corrcoef([[found[gene], values[gene]] for gene in values], rowvar=False)[0, 1] > 0.95


def test_the_defaults_are_the_public_codes(lab: Path) -> None:
    loop = EPInformerLoop(output=lab)
    optimizer = loop.optimizer
    assert (optimizer.name, optimizer.learning_rate, optimizer.weight_decay) == ("adamw", 5e-4, 1e-6)
    assert (optimizer.schedule, optimizer.max_grad_norm) == ("constant", None)
    assert (loop.epochs, loop.batch_size, loop.gradient_accumulation) == (100, 16, 1)
    assert (loop.monitor, loop.monitor_mode, loop.patience) == ("r2", "max", 3)
    paper = read_options(CONFIGS / "epinformer-paper.yaml", EPInformerOptions)
    assert (paper.loop.epochs, paper.loop.batch_size, paper.loop.optimizer) == (100, 16, optimizer)
    small = read_options(CONFIGS / "epinformer-small.yaml", EPInformerOptions)
    assert dict(small.config) == {name: value for name, value in SMALL.items() if name != "num_enhancers"}


def test_held_out_genes_choose_the_best(lab: Path, trained: Path) -> None:
    split = Split.load(lab / "fold.json")
    model = load_gene_model(trained / "last", device="cpu")
    parts = {gene.gene_id: split.part(COHORT, CELL_LINE, gene.chrom) for gene in model.gene_table}
    held_out = [gene for gene, part in parts.items() if part == "validation"]
    found, values = predicted(lab, trained / "last"), observed(lab)
    pairs = np.array([[values[gene], found[gene]] for gene in held_out])
    rows = [row for row in log_of(trained) if "best_by" in row]
    last = rows[-1]
    assert last["best_by"] == "held-out r2" and last["held_out_values"] == len(held_out)
    assert last["held_out_pearson"] == pytest.approx(np.corrcoef(pairs, rowvar=False)[0, 1], abs=1e-4)
    r2 = 1 - ((pairs[:, 0] - pairs[:, 1]) ** 2).sum() / ((pairs[:, 0] - pairs[:, 0].mean()) ** 2).sum()
    assert last["held_out_r2"] == pytest.approx(r2, abs=1e-4)
    away = np.abs(pairs[:, 0] - pairs[:, 1])
    loss = np.where(away < 1, away**2 / 2, away - 0.5).mean()
    assert last["held_out_loss"] == pytest.approx(loss, abs=1e-4)
    numbers = [row["held_out_r2"] for row in rows]
    assert [row["is_best"] for row in rows] == [
        number > max(numbers[:n], default=-np.inf) for n, number in enumerate(numbers)
    ]
    assert {"elements.parquet", "gene_features.parquet"} <= {path.name for path in (trained / "best").iterdir()}


def test_a_run_that_was_killed_goes_on_to_the_last_digit(lab: Path, trained: Path) -> None:
    config = write_run(lab, "cut")
    (lab / "driver.py").write_text(DRIVER)
    killed = Forked([lab / "driver.py", config, 3], lab / "cut.said", ACCELERATE_USE_CPU="true")
    assert killed.wait() == -signal.SIGKILL, (lab / "cut.said").read_text()
    assert not (lab / "cut" / "last").exists()
    train(config)
    assert log_of(lab / "cut") == log_of(trained)
    whole, again = (load_file(run / "last" / "model.safetensors") for run in (trained, lab / "cut"))
    assert whole.keys() == again.keys()
    assert all(torch.equal(whole[name], again[name]) for name in whole)


def test_a_trained_model_goes_on_and_the_stage_has_a_command(lab: Path, trained: Path) -> None:
    of_new = dict.fromkeys(("genes", "tissues", "elements", "gene_features", "config"))
    config = write_run(lab, "more", {"epochs": 1}, model=str(trained / "last"), **of_new)
    done = invoke("train", "epinformer", "--config", config, "--dry-run")
    assert '"best_by": "held-out r2"' in done and '"held_out_part": "validation"' in done
    train(config)
    assert log_of(lab / "more")[0]["loss"] < log_of(trained)[0]["loss"]


def test_vectors_of_genes_are_learned_from_and_kept(lab: Path) -> None:
    ids = list(observed(lab))
    vectors = np.random.default_rng(0).normal(size=(len(ids), 5)).astype(np.float32)
    save_file({"embedding": vectors}, lab / "vectors.safetensors")
    (lab / "vectors.tsv").write_text("\n".join(["gene_id", *ids]) + "\n")
    train(write_run(lab, "with-vectors", {"epochs": 1}, embeddings="vectors.safetensors"))
    model = load_gene_model(lab / "with-vectors" / "last", device="cpu")
    assert model.config.embedding_size == 5
    np.testing.assert_array_equal(model.gene_features.embeddings, vectors)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"elements": None, "tissues": None}, "a new model needs tissues, elements"),
        ({"model": "whole/last"}, "genes is of a new model"),
        ({"config": {**SMALL, "hidden_size": 15}}, "the config does not fit"),
        ({"config": {**SMALL, "embedding_size": 7}}, "vectors have 0 numbers, and the model reads 7"),
        ({"config": {**SMALL, "unit": "rna"}}, "its values are log10_cage, and the model's are rna"),
        ({"reference_cohorts": []}, "no genotypes are given for the cohort ENCODE"),
        ({"loop": {"output": "no", "monitor": "auroc"}}, "no held-out number 'auroc'.*loss, pearson, r2, spearman"),
        ({"cres": "cres.bed"}, "cres is no option for a model of its type"),
        ({"encoder": "whole/last"}, "encoder is no option for a model of its type"),
    ],
)
def test_what_cannot_be_is_refused_before_the_first_step(
    lab: Path, trained: Path, changes: dict[str, Any], told: str
) -> None:
    config = write_run(lab, "refused")
    content = {**yaml.safe_load(config.read_text()), **changes}
    config.write_text(yaml.safe_dump({name: value for name, value in content.items() if value is not None}))
    with pytest.raises(InputError, match=told):
        train(config)
    assert not (lab / "refused").exists()


def test_a_cohort_with_a_vcf_is_not_the_reference_genome(lab: Path) -> None:
    vcf = write_vcf(lab / "line.vcf.gz", [record(5, "A", "C", "0|1")], contigs={"chr1": 35_000}, samples=(CELL_LINE,))
    with pytest.raises(InputError, match="the cohort ENCODE has genotypes, and is to be read as the reference"):
        expression.set_up(read_options(write_run(lab, "both", vcfs={COHORT: str(vcf)}), EPInformerOptions))
