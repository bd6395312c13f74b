"""A run: it learns, writes states and models, is killed and takes the same steps; what it is not gone on with."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from small_cohort import DONORS, SmallCohort
from training_runs import by_torchrun, expression_config, finished, in_process, killed, log_of, run, without_dropout

from variantformer_hf import ExpressionPredictor
from variantformer_hf.data.splits import split_donors
from variantformer_hf.errors import InputError
from variantformer_hf.training import expression
from variantformer_hf.training.options import ExpressionOptions, read_options

pytestmark = pytest.mark.usefixtures("one_thread")


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
    before = ExpressionPredictor.from_pretrained(lab / "model", device="cpu").model.network.state_dict()
    after = predictor.model.network.state_dict()
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
    by_torchrun(lab, "expression", expression_config(lab, cohort, whole, **changes), processes=2)
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


def test_other_options_do_not_go_on_from_a_run(lab: Path, cohort: SmallCohort, tmp_path: Path) -> None:
    output = tmp_path / "run"
    in_process("expression", expression_config(lab, cohort, output, loop={"max_steps": 2}))
    assert len([row for row in log_of(output) if "loss" in row]) == 2
    with pytest.raises(InputError, match="is of a run with other options or data"):
        in_process("expression", expression_config(lab, cohort, output, loop={"seed": 7}))
    # More steps of the same run are no other options.
    in_process("expression", expression_config(lab, cohort, output, loop={"max_steps": 4}))
    assert [row["step"] for row in log_of(output) if "loss" in row] == [1, 2, 3, 4]


def test_trackers_get_the_losses(lab: Path, cohort: SmallCohort, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    output = tmp_path / "tracked"
    loop = {"epochs": 1, "trackers": ["tensorboard"], "gradient_checkpointing": True, "precision": "bfloat16"}
    in_process("expression", expression_config(lab, cohort, output, loop=loop))
    assert list(output.rglob("events.out.tfevents.*"))
