"""Runs of training on the small cohort: their options, in this process and in others, undisturbed and killed."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from accelerate.state import AcceleratorState
from forked_processes import Forked, Together
from small_cohort import DONORS, SmallCohort
from small_model import TISSUES

from variantformer_hf.data.splits import split_donors
from variantformer_hf.training import parallel
from variantformer_hf.training.options import read_options
from variantformer_hf.training.stages import stage_named

DRIVER = """
import os, signal, sys, torch
torch.set_num_threads(1)
from variantformer_hf.modeling.variantformer.layers_variantformer import VariantFormerLayer
from variantformer_hf.training.options import read_options
from variantformer_hf.training.stages import stage_named
stage, path, last = stage_named(sys.argv[1]), sys.argv[2], int(sys.argv[3])

def on_step(done, *_):
    if done == last:
        os.kill(os.getpid(), signal.SIGKILL)

stage.train(read_options(path, stage.options), on_step=on_step)
"""


GRADIENTS = """
import sys
sys.path.insert(0, sys.argv[3])
from training_runs import kept_gradients
kept_gradients(sys.argv[1], sys.argv[2])
"""


def expression_config(lab: Path, cohort: SmallCohort, output: Path, **changes: Any) -> Path:
    loop = {
        "output": str(output),
        "epochs": 3,
        "batch_size": 2,
        "checkpoint_every": 2,
        "log_every": 1,
        "optimizer": {"learning_rate": "1e-3"},
        **changes.pop("loop", {}),
    }
    content = {
        "loop": loop,
        "fasta": str(cohort.world.reference.path),
        "vcfs": {"LAB": "cohort.vcf.gz"},
        "expression": "expression",
        "split": "split.json",
        "model": "model",
        **changes,
    }
    path = lab / f"{output.name}.yaml"
    path.write_text(yaml.safe_dump({name: value for name, value in content.items() if value is not None}))
    return path


def encoder_config(lab: Path, cohort: SmallCohort, output: Path, **changes: Any) -> Path:
    activity = [
        {"path": f"{donor}.{tissue}.bed", "donor": donor, "tissue": tissue}
        for donor in DONORS[:3]
        for tissue in TISSUES[:2]
    ]
    optimizer = {"name": "adam", "schedule": "plateau", "learning_rate": 1e-3}
    loop = {
        "output": str(output),
        "epochs": 2,
        "batch_size": 6,
        "checkpoint_every": 3,
        "log_every": 1,
        "optimizer": optimizer,
        **changes.pop("loop", {}),
    }
    content = {
        "loop": loop,
        "fasta": str(cohort.world.reference.path),
        "vcfs": {"*": "cohort.vcf.gz"},
        "cres": str(cohort.world.folder / "cres.bed"),
        "activity": activity,
        "held_out": ["chrX"],
        "config": {
            "hidden_size": 16,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "intermediate_size": 32,
            "token_length": 24,
            "cre_flank": 10,
            "hidden_dropout": 0.1,
        },
        "vocab_size": 60,
        **changes,
    }
    path = lab / f"{output.name}.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def log_of(output: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (output / "log.jsonl").read_text().splitlines()]


def run(
    lab: Path,
    stage: str,
    config: Path,
    processes: int = 1,
    killed_at: int = 0,
    driver: str = "driver.py",
    last: object = None,
) -> Forked | Together:
    """Start a run in processes of its own; each kills itself in the step that is named."""
    words = [lab / driver, stage, config, killed_at if last is None else last]
    log = config.with_suffix(".said")
    if processes > 1:
        return Together(processes, words, log, ACCELERATE_USE_CPU="true")
    return Forked(words, log, ACCELERATE_USE_CPU="true")


def by_torchrun(lab: Path, stage: str, config: Path, processes: int) -> None:
    """The same by torchrun itself, to its end."""
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    command = [sys.executable, *launcher, str(lab / "driver.py"), stage, str(config), "0"]
    environment = {**os.environ, "ACCELERATE_USE_CPU": "true"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def finished(process: Forked | Together) -> None:
    """Wait for a run that ends well."""
    assert process.wait() == 0, process.said


def in_process(stage: str, config: Path) -> None:
    """The same without the start of a process."""
    AcceleratorState._reset_state(reset_partial_state=True)
    way = stage_named(stage)
    way.train(read_options(config, way.options))


def killed(process: Forked | Together, output: Path) -> None:
    """Wait for a run that kills itself."""
    assert process.wait() == -signal.SIGKILL, process.said
    assert (output / "log.jsonl").exists(), process.said
    assert not (output / "last").exists()


def kept_gradients(stage: str, config: str | Path) -> list[dict[str, torch.Tensor]]:
    """Train, and keep each step's gradients; the first process of several writes them into the run's folder."""
    kept: list[dict[str, torch.Tensor]] = []
    original = parallel.Replicated.clip

    def clip(self: parallel.Replicated, limit: float) -> float:
        learning = self.whole_model().named_parameters()
        kept.append({name: each.grad.clone() for name, each in learning if each.grad is not None})
        return original(self, limit)

    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parallel.Replicated, "clip", clip)
        in_process(stage, Path(config))
    if os.environ.get("RANK") == "0":
        torch.save(kept, Path(yaml.safe_load(Path(config).read_text())["loop"]["output"]) / "gradients.pt")
    return kept


def without_dropout(lab: Path, cohort: SmallCohort) -> Path:
    """The small model, whose losses have no draw in them."""
    model = lab / "model-without-dropout"
    cohort.world.predictor.model.network.save_pretrained(model)
    content = json.loads((model / "config.json").read_text())
    content.pop("written", None)  # the hash of the config that was written
    for each in (content, content["encoder_config"]):
        each |= {"hidden_dropout": 0.0, "attention_dropout": 0.0}
    (model / "config.json").write_text(json.dumps(content))
    for name in ("tokenizer.json", "tokenizer_config.json", "processor_config.json", "genes.parquet", "cres.parquet"):
        (model / name).write_bytes((lab / "model" / name).read_bytes())
    return model


def write_lab(cohort: SmallCohort) -> Path:
    """Put beside a cohort everything else that a run needs, and a model with dropout."""
    folder = cohort.vcf.parent
    split_donors(cohort.expression.samples, test=0.25).save(folder / "split.json")
    predictor = cohort.world.predictor
    model = folder / "model"
    predictor.model.network.config.hidden_dropout = predictor.model.network.config.attention_dropout = 0.1
    predictor.model.network.save_pretrained(model)
    predictor.model.network.config.hidden_dropout = predictor.model.network.config.attention_dropout = 0.0
    predictor.model.processor.save_pretrained(model)
    predictor.gene_table.save(model / "genes.parquet")
    predictor.model.cre_table.save(model / "cres.parquet")
    (folder / "driver.py").write_text(DRIVER)
    return folder
