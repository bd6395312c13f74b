"""Training of both stages on a small cohort: it learns, it is killed and goes on, in one process and in two."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from accelerate.state import AcceleratorState
from command_line import invoke
from genome_files import record, write_vcf
from safetensors import safe_open
from small_cohort import DONORS, SmallCohort, small_cohort
from small_model import LENGTH, TISSUES, SmallWorld

from variantformer_hf import ExpressionPredictor
from variantformer_hf.data import ExpressionSource, harmonize
from variantformer_hf.data.expression_sources import Sample
from variantformer_hf.data.splits import split_donors
from variantformer_hf.errors import InputError
from variantformer_hf.modeling import (
    VariantFormerEncoder,
    VariantFormerEncoderConfig,
    VariantFormerForChromatinActivity,
)
from variantformer_hf.modeling.variantformer.layers_variantformer import VariantFormerLayer
from variantformer_hf.training import encoder, expression, parallel
from variantformer_hf.training.options import EncoderOptions, ExpressionOptions, OptimizerOptions, read_options
from variantformer_hf.training.schedules import LearningRate, make_optimizer
from variantformer_hf.zoo.outputs import TissueNames

pytestmark = pytest.mark.usefixtures("one_thread")

CONFIGS = Path(__file__).resolve().parents[1] / "docs" / "configs"
DRIVER = """
import os, signal, sys, torch
torch.set_num_threads(1)
from variantformer_hf.modeling.variantformer.layers_variantformer import VariantFormerLayer
from variantformer_hf.training import encoder, expression
from variantformer_hf.training.options import EncoderOptions, ExpressionOptions, read_options
stage, path, last = sys.argv[1], sys.argv[2], int(sys.argv[3])

def on_step(done, *_):
    if done == last:
        os.kill(os.getpid(), signal.SIGKILL)

if stage == "expression":
    expression.train_expression(read_options(path, ExpressionOptions), on_step=on_step)
else:
    encoder.train_encoder(read_options(path, EncoderOptions), on_step=on_step)
"""


@pytest.fixture(scope="module")
def cohort(world: SmallWorld, tmp_path_factory: pytest.TempPathFactory) -> SmallCohort:
    return small_cohort(world, tmp_path_factory.mktemp("lab"))


@pytest.fixture(scope="module")
def lab(cohort: SmallCohort) -> Path:
    """A folder with everything that a run needs, and a model with dropout."""
    folder = cohort.vcf.parent
    split_donors(cohort.expression.samples, test=0.25).save(folder / "split.json")
    predictor = cohort.world.predictor
    model = folder / "model"
    predictor.model.config.hidden_dropout = predictor.model.config.attention_dropout = 0.1
    predictor.model.save_pretrained(model)
    predictor.model.config.hidden_dropout = predictor.model.config.attention_dropout = 0.0
    predictor.processor.save_pretrained(model)
    predictor.gene_table.save(model / "genes.parquet")
    predictor.cre_table.save(model / "cres.parquet")
    (folder / "driver.py").write_text(DRIVER)
    return folder


def expression_config(lab: Path, cohort: SmallCohort, output: Path, **changes: Any) -> Path:
    loop = {"output": str(output), "epochs": 3, "batch_size": 2, "checkpoint_every": 2, "log_every": 1,
            "optimizer": {"learning_rate": "1e-3"}, **changes.pop("loop", {})}  # fmt: skip
    content = {
        "loop": loop, "fasta": str(cohort.world.reference.path), "vcfs": {"LAB": "cohort.vcf.gz"},
        "expression": "expression", "split": "split.json", "model": "model", **changes,
    }  # fmt: skip
    path = lab / f"{output.name}.yaml"
    path.write_text(yaml.safe_dump({name: value for name, value in content.items() if value is not None}))
    return path


def encoder_config(lab: Path, cohort: SmallCohort, output: Path, **changes: Any) -> Path:
    activity = [
        {"path": f"{donor}.{tissue}.bed", "donor": donor, "tissue": tissue}
        for donor in DONORS[:3] for tissue in TISSUES[:2]
    ]  # fmt: skip
    optimizer = {"name": "adam", "schedule": "plateau", "learning_rate": 1e-3}
    loop = {"output": str(output), "epochs": 2, "batch_size": 6, "checkpoint_every": 3, "log_every": 1,
            "optimizer": optimizer, **changes.pop("loop", {})}  # fmt: skip
    content = {
        "loop": loop, "fasta": str(cohort.world.reference.path), "vcfs": {"*": "cohort.vcf.gz"},
        "cres": str(cohort.world.folder / "cres.bed"), "activity": activity, "held_out": ["chrX"],
        "config": {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 32,
                   "token_length": 24, "cre_flank": 10, "hidden_dropout": 0.1},
        "vocab_size": 60, **changes,
    }  # fmt: skip
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
) -> subprocess.Popen:
    """Start a run in processes of its own; each kills itself in the step that is named."""
    command = [sys.executable, str(lab / driver)]
    if processes > 1:
        launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
        command = [sys.executable, *launcher, str(lab / driver)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    command += [stage, str(config), str(killed_at if last is None else last)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)


def finished(process: subprocess.Popen) -> None:
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output


def in_process(stage: str, config: Path) -> None:
    """The same without the start of a process."""
    AcceleratorState._reset_state(reset_partial_state=True)
    if stage == "expression":
        expression.train_expression(read_options(config, ExpressionOptions))
    else:
        encoder.train_encoder(read_options(config, EncoderOptions))


def killed(process: subprocess.Popen, output: Path) -> None:
    """Wait for a run that kills itself."""
    text, _ = process.communicate(timeout=300)
    assert process.returncode != 0, text
    assert (output / "log.jsonl").exists(), text
    assert not (output / "last").exists()


@pytest.fixture(scope="module")
def whole(lab: Path, cohort: SmallCohort, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nobody disturbs."""
    output = tmp_path_factory.mktemp("runs") / "whole"
    in_process("expression", expression_config(lab, cohort, output))
    return output


def test_expression_from_a_model(lab: Path, cohort: SmallCohort, whole: Path) -> None:
    rows = [row for row in log_of(whole) if "loss" in row]
    assert [row["step"] for row in rows] == list(range(1, 19))
    held_out = [row for row in log_of(whole) if "held_out_loss" in row]
    assert [row["step"] for row in held_out] == [6, 12, 18]
    predictor = ExpressionPredictor.from_pretrained(whole / "last", device="cpu")
    table = predictor.predict(cohort.world.reference.path, cohort.vcf, samples=["D0"])
    assert table["log1p_tpm"].notna().all()
    before = ExpressionPredictor.from_pretrained(lab / "model", device="cpu").model.state_dict()
    after = predictor.model.state_dict()
    for name, tensor in after.items():
        changed = not torch.equal(tensor, before[name])
        assert changed != name.startswith("model.cre_encoder"), name


def test_no_donor_path_or_value_leaves_with_a_model(lab: Path, whole: Path) -> None:
    secrets = [*(f'"{donor}"' for donor in DONORS), str(lab), "cohort.vcf", '"LAB"']
    files = [file for folder in ("best", "last", "checkpoints") for file in (whole / folder).rglob("*.json")]
    assert len(files) > 8
    for file in files:
        assert not any(secret in file.read_text() for secret in secrets), file
    with safe_open(whole / "last/model.safetensors", "pt") as weights:
        assert weights.metadata() == {"format": "pt"}


@pytest.mark.parametrize("step", [pytest.param(2, marks=pytest.mark.slow), 9])
def test_a_killed_run_takes_the_same_steps(
    lab: Path, cohort: SmallCohort, whole: Path, tmp_path: Path, step: int
) -> None:
    cut = tmp_path / "cut"
    config = expression_config(lab, cohort, cut)
    killed(run(lab, "expression", config, killed_at=step), cut)
    in_process("expression", config)
    assert log_of(cut) == log_of(whole)
    left, right = ((folder / "last/model.safetensors").read_bytes() for folder in (whole, cut))
    assert left == right


@pytest.mark.slow
def test_two_processes_and_both_killed(lab: Path, cohort: SmallCohort, tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole2", tmp_path / "cut2"
    changes = {"loop": {"batch_size": 1, "gradient_accumulation": 2}}
    finished(run(lab, "expression", expression_config(lab, cohort, whole, **changes), processes=2))
    rows = [row for row in log_of(whole) if "loss" in row]
    assert len(rows) == 9  # 12 pairs, 4 a step, 3 epochs
    progress = json.loads(next((whole / "checkpoints").glob("*/progress.json")).read_text())
    assert progress["processes"] == 2
    config = expression_config(lab, cohort, cut, **changes)
    killed(run(lab, "expression", config, processes=2, killed_at=5), cut)
    with pytest.raises(InputError, match="is of 2 processes"):
        in_process("expression", config)
    finished(run(lab, "expression", config, processes=2))
    assert log_of(cut) == log_of(whole)


GRADIENTS = """
import sys
sys.path.insert(0, sys.argv[3])
from test_training import kept_gradients
kept_gradients(sys.argv[1], sys.argv[2])
"""


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


@pytest.mark.parametrize(
    ("stage", "n_steps", "ways"),
    # Ways to take a step: (processes, batch_size, gradient_accumulation). The last step takes what is left of 12 pairs
    # or 128 labels: of three processes one has nothing for its last batch.
    [
        ("expression", 2, [(1, 8, 1), (1, 2, 4), (2, 2, 2)]),
        ("encoder", 3, [(1, 45, 1), (1, 9, 5), (3, 1, 15)]),
    ],
)
def test_a_step_is_the_mean_over_its_labels_however_it_is_shared_out(
    lab: Path, cohort: SmallCohort, tmp_path: Path, stage: str, n_steps: int, ways: list[tuple[int, int, int]]
) -> None:
    """Batches and processes with unequal numbers of labels, and ones without any, give the same gradients."""
    model = without_dropout(lab, cohort)
    found = []
    for processes, batch_size, accumulation in ways:
        output = tmp_path / f"{processes}-{batch_size}"
        loop = {"epochs": 1, "batch_size": batch_size, "gradient_accumulation": accumulation, "max_steps": n_steps,
                "optimizer": {"learning_rate": 1e-6, "max_grad_norm": None}}  # fmt: skip
        if stage == "expression":
            config = expression_config(lab, cohort, output, loop=loop, model=str(model), n_tissues=3, freeze="none")
        else:
            small = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 32,
                     "token_length": 24, "cre_flank": 10, "hidden_dropout": 0.0, "attention_dropout": 0.0,
                     "loss_reduction": "mean", "use_contrastive_loss": False}  # fmt: skip
            config = encoder_config(lab, cohort, output, loop=loop, config=small)
        if processes == 1:
            kept = kept_gradients(stage, config)
        else:
            (lab / "gradients.py").write_text(GRADIENTS)
            finished(run(lab, stage, config, processes, driver="gradients.py", last=Path(__file__).parent))
            kept = torch.load(output / "gradients.pt", weights_only=True)
        found.append((kept, [row["loss"] for row in log_of(output) if "loss" in row]))
    wanted, wanted_losses = found[0]
    assert len(wanted) == n_steps
    for kept, losses in found[1:]:
        np.testing.assert_allclose(losses, wanted_losses, rtol=1e-6)
        for mine, other in zip(kept, wanted, strict=True):
            assert set(mine) == set(other)
            for name in other:
                torch.testing.assert_close(mine[name], other[name], atol=1e-6, rtol=1e-4, msg=name)


def without_dropout(lab: Path, cohort: SmallCohort) -> Path:
    """The small model, whose losses have no draw in them."""
    model = lab / "model-without-dropout"
    cohort.world.predictor.model.save_pretrained(model)
    content = json.loads((model / "config.json").read_text())
    content.pop("written", None)  # the hash of the config that was written
    for each in (content, content["encoder_config"]):
        each |= {"hidden_dropout": 0.0, "attention_dropout": 0.0}
    (model / "config.json").write_text(json.dumps(content))
    for name in ("tokenizer.json", "tokenizer_config.json", "processor_config.json", "genes.parquet", "cres.parquet"):
        (model / name).write_bytes((lab / "model" / name).read_bytes())
    return model


SHARDED = """
import os, signal, sys, torch
import torch.distributed as dist
from torch.distributed.tensor import DTensor
torch.set_num_threads(1)
from variantformer_hf.training import expression, loop
from variantformer_hf.training.options import ExpressionOptions, read_options
original = loop.TrainingLoop._one_step

def checked(self, examples):
    assert dist.get_world_size() == 2
    parameters = list(self._plain_model.parameters())
    assert parameters and all(isinstance(each, DTensor) for each in parameters)
    local = sum(each.to_local().numel() for each in parameters)
    assert local < 0.6 * sum(each.numel() for each in parameters)
    found = original(self, examples)
    states = [state for state in self._parallel.optimizer.state.values()]
    assert states and all(isinstance(state["exp_avg"], DTensor) for state in states)
    return found

loop.TrainingLoop._one_step = checked

def on_step(done, *_):
    if done == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)

expression.train_expression(read_options(sys.argv[2], ExpressionOptions), on_step=on_step)
"""


def test_without_a_validation_part_the_test_donors_choose_nothing(
    lab: Path, cohort: SmallCohort, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = without_dropout(lab, cohort)
    chosen = {}
    for name, shares in {"test": {"test": 0.25}, "validation": {"test": 0.25, "validation": 0.25}, "none": {}}.items():
        split_donors(cohort.expression.samples, **{"test": 0.0, **shares}).save(lab / f"{name}.json")
        # A rate that makes both losses grow, from some epoch on.
        loop = {"epochs": 3, "optimizer": {"learning_rate": 0.3, "schedule": "constant", "max_grad_norm": None}}
        output = tmp_path / name
        config = expression_config(lab, cohort, output, loop=loop, model=str(model), split=f"{name}.json")
        assert expression.set_up(read_options(config, ExpressionOptions)).plan["held_out_part"] == (
            None if name == "none" else name
        )
        caplog.clear()
        in_process("expression", config)
        assert ("best is chosen by the training loss" in caplog.text) == (name != "validation")
        log = log_of(output)
        epochs = [row for row in log if "best_by" in row]
        key = "held_out_loss" if name == "validation" else "training_loss"
        assert {row["best_by"] for row in epochs} == {"held-out loss" if name == "validation" else "training loss"}
        assert ("held_out_loss" in epochs[0]) == (name != "none")
        losses = [row["loss"] for row in log if "loss" in row]
        per_epoch = len(losses) // 3
        for number, row in enumerate(epochs):
            own = losses[number * per_epoch : (number + 1) * per_epoch]
            assert row["training_loss"] == pytest.approx(np.mean(own), rel=1e-12)
            assert row["is_best"] == (row[key] == min(each[key] for each in epochs[: number + 1]))
        state = json.loads(next(iter(sorted((output / "checkpoints").glob("*/progress.json"))[-1:])).read_text())
        assert state["best"] == min(row[key] for row in epochs)
        assert state["best_by"] == epochs[0]["best_by"]
        assert (output / "best" / "model.safetensors").exists()
        chosen[name] = epochs
    # What the test donors say is written down, and other than what chose.
    assert all(row["held_out_loss"] != row["training_loss"] for row in chosen["test"])


@pytest.fixture
def sharded_driver(lab: Path) -> Iterator[None]:
    """Runs that share their parameters out, and say so."""
    (lab / "driver.py").write_text(SHARDED)
    yield
    (lab / "driver.py").write_text(DRIVER)


SHARED_OUT: dict[str, Any] = {"batch_size": 1, "gradient_accumulation": 2, "parallel": "fsdp"}


@pytest.mark.usefixtures("sharded_driver")
def test_parameters_shared_out_among_two_processes(lab: Path, cohort: SmallCohort, tmp_path: Path) -> None:
    """FSDP2: parameters and optimizer states are DTensors, losses those of one process that holds all."""
    plain, shared = tmp_path / "plain", tmp_path / "fsdp"
    model = str(without_dropout(lab, cohort))
    loop = {"batch_size": 1, "gradient_accumulation": 4}
    in_process("expression", expression_config(lab, cohort, plain, loop=loop, model=model))
    config = expression_config(lab, cohort, shared, loop=SHARED_OUT, model=model)
    finished(run(lab, "expression", config, processes=2))
    losses = [[row["loss"] for row in log_of(folder) if "loss" in row] for folder in (plain, shared)]
    assert len(losses[0]) == 9
    np.testing.assert_allclose(losses[1], losses[0], atol=1e-4)
    ExpressionPredictor.from_pretrained(shared / "last", device="cpu")


@pytest.mark.slow
@pytest.mark.usefixtures("sharded_driver")
def test_parameters_shared_out_and_killed(lab: Path, cohort: SmallCohort, tmp_path: Path) -> None:
    whole, cut = tmp_path / "fsdp-whole", tmp_path / "fsdp-cut"
    model = str(without_dropout(lab, cohort))
    finished(run(lab, "expression", expression_config(lab, cohort, whole, loop=SHARED_OUT, model=model), processes=2))
    config = expression_config(lab, cohort, cut, loop=SHARED_OUT, model=model)
    killed(run(lab, "expression", config, processes=2, killed_at=5), cut)
    finished(run(lab, "expression", config, processes=2))
    assert log_of(cut) == log_of(whole)


def test_one_process_has_nothing_to_share_out(lab: Path, cohort: SmallCohort, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is one process"):
        in_process("expression", expression_config(lab, cohort, tmp_path / "run", loop={"parallel": "fsdp"}))


def test_encoder_then_expression_from_nothing(lab: Path, cohort: SmallCohort, tmp_path: Path) -> None:
    first, cut = tmp_path / "encoder", tmp_path / "encoder-cut"
    in_process("encoder", encoder_config(lab, cohort, first))
    config = encoder_config(lab, cohort, cut)
    killed(run(lab, "encoder", config, killed_at=11), cut)
    in_process("encoder", config)
    assert log_of(cut) == log_of(first)
    assert {"held_out_loss", "held_out_auroc", "held_out_f1", "held_out_liver.auroc"} <= set(log_of(first)[-1])
    pretrained = VariantFormerEncoder.from_pretrained(first / "last")
    second = tmp_path / "expression"
    path = expression_config(
        lab, cohort, second, model=None, encoder=str(first / "last"), tissues=list(TISSUES),
        genes=str(cohort.world.folder / "genes.csv"), cres=str(cohort.world.folder / "cres.bed"),
        config={"hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 6, "intermediate_size": 32,
                "cre_radius": 1_500, "gene_upstream": 50, "max_gene_length": 1_200, "max_gene_windows": 12},
    )  # fmt: skip
    in_process("expression", path)
    model = ExpressionPredictor.from_pretrained(second / "last", device="cpu").model
    for name, tensor in pretrained.state_dict().items():
        assert torch.equal(tensor, model.model.cre_encoder.state_dict()[name]), name


def test_only_the_registry_learns(lab: Path, cohort: SmallCohort, tmp_path: Path) -> None:
    output = tmp_path / "rows"
    in_process("expression", expression_config(lab, cohort, output, freeze="all_but_tissues", loop={"epochs": 1}))
    before = ExpressionPredictor.from_pretrained(lab / "model", device="cpu").model.state_dict()
    after = ExpressionPredictor.from_pretrained(output / "last", device="cpu").model.state_dict()
    changed = [name for name in after if not torch.equal(after[name], before[name])]
    assert changed == ["model.tissue_embedding.weight"]


def test_only_a_new_tissue_learns(lab: Path, cohort: SmallCohort, tmp_path: Path) -> None:
    """A lab's own tissue: one row of the registry, everything else as it was."""
    world = cohort.world
    tissues = TissueNames([*TISSUES, "lcl"])
    samples = [Sample(f"{donor}|lcl", donor, "lcl") for donor in DONORS]
    rows = {"ENSG00000000001": np.linspace(1, 9, len(samples), dtype=np.float32)}
    source = ExpressionSource(tmp_path / "own.tsv", "LAB", tuple(samples), lambda: iter(rows.items()), {})
    expression_values = harmonize([source], world.predictor.gene_table, tissues, tmp_path / "own", least_nonzero=1)
    split_donors(expression_values.samples, test=0.25).save(tmp_path / "own.json")
    output = tmp_path / "run"
    config = expression_config(
        lab, cohort, output, expression=str(tmp_path / "own"), split=str(tmp_path / "own.json"),
        new_tissues={"lcl": "liver"}, freeze="all_but_new_tissues", loop={"epochs": 1},
    )  # fmt: skip
    in_process("expression", config)
    before = ExpressionPredictor.from_pretrained(lab / "model", device="cpu").model.state_dict()
    trained = ExpressionPredictor.from_pretrained(output / "last", device="cpu").model
    assert trained.config.tissues == [*TISSUES, "lcl"]
    name = "model.tissue_embedding.weight"
    for key, tensor in trained.state_dict().items():
        if key != name:
            assert torch.equal(tensor, before[key]), key
    after = trained.state_dict()[name]
    assert torch.equal(after[:3], before[name])
    assert not torch.equal(after[3], before[name][1])


def test_one_batch_of_activity_can_be_learned() -> None:
    torch.manual_seed(0)
    config = VariantFormerEncoderConfig(
        vocab_size=30, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
        token_length=12, num_tissues=2,
    )  # fmt: skip
    model = VariantFormerForChromatinActivity(config)
    ids = torch.randint(4, 30, (8, 2, 12))
    batch = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "tissue_ids": torch.arange(8) % 2,
             "labels": torch.tensor([0, 1, 1, 0, 1, 0, 0, 1])}  # fmt: skip
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    for _ in range(60):
        loss = model(**batch).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.eval()
    assert (model(**batch).logits.argmax(-1) == batch["labels"]).all()


def test_learning_rates_by_hand() -> None:
    parameter = torch.nn.Parameter(torch.zeros(1))
    options = OptimizerOptions(learning_rate=1.0, min_learning_rate=0.1, warmup=0.1)
    rate = LearningRate(make_optimizer([parameter], options), options, 101)
    np.testing.assert_allclose([rate.at(0), rate.at(4), rate.at(10)], [1 / 11, 5 / 11, 1.0])
    assert rate.at(11) == 1.0
    assert rate.at(100) == pytest.approx(0.1)
    assert rate.at(11 + 44) == pytest.approx(0.1 + 0.9 * (1 + np.cos(np.pi * 44 / 89)) / 2)
    plateau = OptimizerOptions(name="adam", schedule="plateau", learning_rate=1.0, min_learning_rate=0.0)
    optimizer = make_optimizer([parameter], plateau)
    rate = LearningRate(optimizer, plateau, 10)
    for loss in (5.0, 4.0, 4.5, 4.5, 4.5):
        rate.after_evaluation(loss)
    rate.set(3)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.1)
    assert isinstance(optimizer, torch.optim.Adam)
    assert not isinstance(optimizer, torch.optim.AdamW)


# Bad input ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"learning": 1}, "there is no option learning"),
        ({"loop": {"epocs": 3}}, "there is no option loop.epocs"),
        ({"loop": {"epochs": "three"}}, "loop.epochs is 'three'"),
        ({"loop": {"epochs": 0}}, "epochs is 0"),
        ({"loop": {"precision": "float16"}}, "precision is 'float16'"),
        ({"loop": {"optimizer": {"learning_rate": "fast"}}}, "loop.optimizer.learning_rate is 'fast'"),
        ({"vcfs": "cohort.vcf.gz"}, "vcfs is 'cohort.vcf.gz'"),
        ({"fasta": None}, "lacks the option fasta"),
        ({"tissues": "liver"}, "tissues is 'liver'"),
    ],
)
def test_options_that_cannot_be_meant(
    lab: Path, cohort: SmallCohort, tmp_path: Path, changes: dict, problem: str
) -> None:
    path = expression_config(lab, cohort, tmp_path / "run", **changes)
    with pytest.raises(InputError, match=problem):
        read_options(path, ExpressionOptions)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"vcfs": {"OTHER": "cohort.vcf.gz"}}, "no genotypes are given for the cohort LAB"),
        ({"expression": "nowhere"}, "is no prepared expression"),
        ({"split": "nowhere.json"}, "no such file"),
        ({"model": None}, "a new model needs encoder, genes, cres, tissues"),
        ({"freeze": "half"}, "freeze is 'half'"),
        ({"freeze": "all_but_new_tissues"}, "and there are none"),
        ({"new_tissues": {"lcl": "moon"}}, "no tissue 'moon'"),
        ({"fasta": "nowhere.fa"}, "nowhere.fa"),
        ({"model": "nowhere"}, "nowhere"),
    ],
)
def test_what_stops_a_run_before_it_begins(
    lab: Path, cohort: SmallCohort, tmp_path: Path, changes: dict, problem: str
) -> None:
    options = read_options(expression_config(lab, cohort, tmp_path / "run", **changes), ExpressionOptions)
    with pytest.raises(InputError, match=problem):
        expression.set_up(options)
    assert not (tmp_path / "run").exists()


def bad_files(folder: Path) -> dict[str, str]:
    """Paths that are there and wrong, by what they are."""
    (folder / "empty-folder").mkdir()
    (folder / "text").write_text("this is no such file\n")
    (folder / "bytes").write_bytes(bytes(range(256)) * 4)
    (folder / "list.json").write_text("[1, 2]\n")
    (folder / "nothing").write_text("")
    names = ("empty-folder", "text", "bytes", "list.json", "nothing", "missing")
    return {name: str(folder / name) for name in names}


EXPRESSION_PATHS = (
    "fasta",
    "vcfs",
    "expression",
    "split",
    "model",
    "encoder",
    "genes",
    "cres",
    "element_store",
    "output",
)
ENCODER_PATHS = ("fasta", "vcfs", "cres", "activity", "tokenizer", "model", "output")


@pytest.mark.parametrize(
    ("stage", "option"),
    [*(("expression", each) for each in EXPRESSION_PATHS), *(("encoder", each) for each in ENCODER_PATHS)],
)
@pytest.mark.parametrize("dry_run", [True, False])
def test_every_path_that_is_wrong_is_one_line_before_anything_is_computed(
    lab: Path, cohort: SmallCohort, tmp_path: Path, stage: str, option: str, dry_run: bool
) -> None:
    for name, path in bad_files(tmp_path).items():
        if (option, name) in {("element_store", "empty-folder"), ("output", "empty-folder")}:
            continue  # where something can be written
        if (option, name) in {("element_store", "missing"), ("output", "missing")}:
            path = f"{tmp_path}/text/below"  # noqa: PLW2901
        changes: dict[str, Any] = {option: path}
        if option == "vcfs":
            changes = {"vcfs": {"LAB" if stage == "expression" else "*": path}}
        elif option == "activity":
            changes = {"activity": [{"path": path, "donor": "D0", "tissue": "liver"}]}
        elif option == "output":
            changes = {"loop": {"output": path}}
        elif option in ("encoder", "genes", "cres") and stage == "expression":
            new = {
                "model": None,
                "encoder": str(lab / "model"),
                "tissues": list(TISSUES),
                "genes": str(cohort.world.folder / "genes.csv"),
                "cres": str(cohort.world.folder / "cres.bed"),
            }
            changes = {**new, option: path}
        make = expression_config if stage == "expression" else encoder_config
        config = make(lab, cohort, tmp_path / "run", **changes)
        with pytest.raises(InputError) as caught:
            invoke("train", stage, "--config", config, *(["--dry-run"] * dry_run))
        assert "\n" not in str(caught.value), name
        assert Path(path).name in str(caught.value) or "encoder" in str(caught.value), (name, str(caught.value))
        assert not (tmp_path / "run").exists(), name


def test_a_tokenizer_is_the_file_that_is_named(lab: Path, cohort: SmallCohort, tmp_path: Path) -> None:
    tokenizer = cohort.world.predictor.processor.tokenizer
    other = tmp_path / "other.json"
    content = json.loads((lab / "model" / "tokenizer.json").read_text())
    other.write_text(json.dumps(content | {"normalizer": None, "pre_tokenizer": None, "post_processor": None}))
    for named in (lab / "model", lab / "model" / "tokenizer.json", other):
        options = read_options(encoder_config(lab, cohort, tmp_path / "run", tokenizer=str(named)), EncoderOptions)
        found = encoder.set_up(options).processor.tokenizer
        assert found.backend_tokenizer.to_str() == tokenizer.backend_tokenizer.to_str()


def test_a_damaged_file_stops_a_run_before_it_begins(lab: Path, cohort: SmallCohort, tmp_path: Path) -> None:
    content = cohort.vcf.read_bytes()
    (tmp_path / "cut.vcf.gz").write_bytes(content[: len(content) // 2])
    (tmp_path / "cut.vcf.gz.tbi").write_bytes(Path(f"{cohort.vcf}.tbi").read_bytes())
    config = expression_config(lab, cohort, tmp_path / "run", vcfs={"LAB": str(tmp_path / "cut.vcf.gz")})
    with pytest.raises(InputError, match=r"cut\.vcf\.gz"):
        expression.set_up(read_options(config, ExpressionOptions))


def test_elements_whose_sequence_nobody_knows_are_no_examples(
    lab: Path, cohort: SmallCohort, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A donor's file without a chromosome, or without a genotype that could be used there."""
    contigs = {"chr1": LENGTH, "chrX": 200}
    genome, other = cohort.world.genome, cohort.world.reference.sequence("chrX", 0, 200)

    def setup(**calls: str) -> encoder.EncoderSetup:
        """Of a run in which D0's file has these calls, by chromosome."""
        lines = [
            record(at, base, "A" if base != "A" else "C", call).replace("chr1", chrom)
            for chrom, call in calls.items()
            for at in range(20, len(genome if chrom == "chr1" else other) - 20, 20)
            for base in [(genome if chrom == "chr1" else other)[at - 1]]
        ]
        vcf = write_vcf(tmp_path / "d0.vcf.gz", lines, contigs=contigs, samples=["D0"])
        files = {donor: str(vcf if donor == "D0" else cohort.vcf) for donor in DONORS[:3]}
        return encoder.set_up(read_options(encoder_config(lab, cohort, tmp_path / "run", vcfs=files), EncoderOptions))

    whole = setup(chr1="0|1", chrX="0|0")
    assert whole.plan["labels_not_used"] == 0
    with pytest.raises(InputError, match=r"d0\.vcf\.gz: donor D0: has no record on chrX, where elements of the donor"):
        setup(chr1="0|1")
    with pytest.raises(InputError, match=r"d0\.vcf\.gz: donor D0: nothing of it can be used in any element: chr1 all_"):
        setup(chr1="./.", chrX="./.")
    caplog.clear()
    left = setup(chr1="./.", chrX="0|1")
    assert "the elements of D0 there are not used: chr1 all_skipped (missing_genotype)" in caplog.text
    rows, all_rows = left.train.rows, whole.train.rows
    assert rows.donors == ("D1", "D2")
    assert left.plan["labels"] == len(all_rows) - len(all_rows.of_donor[0]) == len(rows)
    assert left.plan["labels_not_used"] == len(all_rows.of_donor[0])
    for number, mine in enumerate(rows.of_donor):
        for name in ("element", "tissue", "label"):
            kept, before = getattr(rows, name)[mine], getattr(all_rows, name)[all_rows.of_donor[number + 1]]
            assert kept.tolist() == before.tolist()
    assert len(left.held_out.rows) == len(whole.held_out.rows)


def test_a_plan_without_training(lab: Path, cohort: SmallCohort, tmp_path: Path) -> None:
    options = read_options(expression_config(lab, cohort, tmp_path / "run"), ExpressionOptions)
    setup = expression.set_up(options)
    before = {name: tensor.clone() for name, tensor in setup.model.state_dict().items()}
    times = expression.estimate(options, setup)
    assert times["hours"] == pytest.approx(18 * times["seconds_a_step"] / 3_600)
    assert all(torch.equal(tensor, before[name]) for name, tensor in setup.model.state_dict().items())
    assert setup.plan["pairs"] == 12
    assert setup.plan["held_out_pairs"] == 4
    assert setup.plan["parameters_that_learn"] < setup.plan["parameters"]
    wanted = read_options(encoder_config(lab, cohort, tmp_path / "e"), EncoderOptions)
    first = encoder.set_up(wanted)
    assert encoder.estimate(wanted, first)["hours"] > 0
    assert first.plan["donors"] == list(DONORS[:3])


def test_other_options_do_not_go_on_from_a_run(lab: Path, cohort: SmallCohort, tmp_path: Path) -> None:
    output = tmp_path / "run"
    in_process("expression", expression_config(lab, cohort, output, loop={"max_steps": 2}))
    assert len([row for row in log_of(output) if "loss" in row]) == 2
    with pytest.raises(InputError, match="is of a run with other options or data"):
        in_process("expression", expression_config(lab, cohort, output, loop={"seed": 7}))
    # More steps of the same run are no other options.
    in_process("expression", expression_config(lab, cohort, output, loop={"max_steps": 4}))
    assert [row["step"] for row in log_of(output) if "loss" in row] == [1, 2, 3, 4]


@pytest.mark.parametrize("lora", [False, True])
def test_the_trainer_of_transformers(lab: Path, cohort: SmallCohort, tmp_path: Path, lora: bool) -> None:
    if lora:
        pytest.importorskip("peft")
    script = Path(__file__).resolve().parents[1] / "examples" / "finetune_with_trainer.py"
    config = expression_config(lab, cohort, tmp_path / "unused")
    command = [sys.executable, str(script), str(config), str(tmp_path / "out"), "--steps", "3", *(["--lora"] * lora)]
    environment = {**os.environ, "ACCELERATE_USE_CPU": "true"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    before = ExpressionPredictor.from_pretrained(lab / "model", device="cpu").model.state_dict()
    after = ExpressionPredictor.from_pretrained(tmp_path / "out/model", device="cpu").model.state_dict()
    changed = {name for name in after if not torch.equal(after[name], before[name])}
    assert any("gene_layers" in name for name in changed)
    if lora:
        assert all(("attention" in name) and ("encoder" not in name) for name in changed)


@pytest.mark.parametrize("name", sorted(path.name for path in CONFIGS.glob("accelerate-*.yaml")))
def test_the_configurations_for_accelerate_parse(name: str) -> None:
    """Parsed only: on CPUs the FSDP plugin gives plain data parallelism without a word."""
    from accelerate.commands.config import load_config_from_file

    config = load_config_from_file(str(CONFIGS / name))
    assert config.num_processes == 8
    if "fsdp" in name:
        assert config.distributed_type == "FSDP"
        assert config.fsdp_config["fsdp_transformer_layer_cls_to_wrap"] == VariantFormerLayer.__name__


def test_trackers_get_the_losses(lab: Path, cohort: SmallCohort, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    output = tmp_path / "tracked"
    loop = {"epochs": 1, "trackers": ["tensorboard"], "gradient_checkpointing": True, "precision": "bfloat16"}
    in_process("expression", expression_config(lab, cohort, output, loop=loop))
    assert list(output.rglob("events.out.tfevents.*"))


@pytest.mark.parametrize("name", sorted(path.name for path in CONFIGS.glob("e*.yaml")))
def test_the_configurations_of_the_docs_are_options(name: str) -> None:
    kind = EncoderOptions if name.startswith("encoder") else ExpressionOptions
    options = read_options(CONFIGS / name, kind)
    assert options.loop.batch_size * options.loop.gradient_accumulation > 0
    if name == "expression-paper.yaml":
        assert 376 * options.loop.batch_size * options.n_tissues * options.loop.gradient_accumulation == 16_544
    if name == "encoder-paper.yaml":
        assert 8 * options.loop.batch_size * options.loop.gradient_accumulation == 3_072
        VariantFormerEncoderConfig(**options.config)
