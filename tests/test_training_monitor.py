"""What ``best`` is chosen by and when a run stops, with evaluations that are written down here."""

import dataclasses
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import datasets
import pytest
import torch
from accelerate.state import AcceleratorState
from toy_model import ToyConfig, ToyForExpression
from training_runs import log_of
from transformers import PreTrainedModel

from variantformer_hf.errors import InputError
from variantformer_hf.training.loop import TRAINING_LOSS, TrainingLoop, held_out_number, start
from variantformer_hf.training.options import LoopOptions, OptimizerOptions, run_description

pytestmark = pytest.mark.usefixtures("one_thread")

# An evaluation an epoch: the fourth is no number, the sixth is the second one's equal.
R2 = [0.1, 0.3, 0.2, math.nan, 0.25, 0.3, 0.9, 0.9]
EXAMPLES = 4


class Killed(Exception):
    """What ends a run in the middle."""


def examples() -> Iterator[dict[str, Any]]:
    generator = torch.Generator().manual_seed(0)
    for _ in range(EXAMPLES):
        yield {"bases": torch.rand(3, 4, generator=generator).tolist(), "label": 1.0}


def collate(found: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
    return {
        "bases": torch.tensor([each["bases"] for each in found]),
        "outputs": torch.zeros(len(found), 1, dtype=torch.int64),
        "labels": torch.tensor([[each["label"]] for each in found]),
    }


def run(output: Path, stop_at: int = 0, best_by: str | None = None, **changes: Any) -> TrainingLoop:
    """Train a toy, or go on, whose ``mean_r2`` of each epoch is ``R2``'s."""
    optimizer = OptimizerOptions(learning_rate=0.01, schedule="constant", weight_decay=0.0)
    options = LoopOptions(
        **{
            "output": output,
            "epochs": len(R2),
            "checkpoint_every": 1,
            "log_every": 1,
            "optimizer": optimizer,
            "monitor": "mean_r2",
            "monitor_mode": "max",
            **changes,
        }
    )
    AcceleratorState._reset_state(reset_partial_state=True)
    network = ToyForExpression(ToyConfig(window=3, tissues=["liver"]))

    def evaluate(trained: PreTrainedModel) -> dict[str, float]:
        return {"loss": float(trained.weight.sum()), "mean_r2": R2[loop.step // loop.steps_per_epoch - 1]}

    def on_step(done: int, *_: object) -> None:
        if done == stop_at:
            raise Killed

    loop = TrainingLoop(
        start(options),
        network,
        options,
        "hash",
        examples=lambda epoch, share: datasets.IterableDataset.from_generator(examples),
        n_examples=EXAMPLES,
        collate=collate,
        evaluate=evaluate,
        best_by=best_by or held_out_number(options, ("loss", "mean_r2")),
        save_model=lambda trained, folder: trained.save_pretrained(folder),
        on_step=on_step,
    )
    loop.run()
    return loop


def evaluations(output: Path) -> list[dict[str, Any]]:
    return [row for row in log_of(output) if "is_best" in row]


def weights(output: Path, name: str) -> bytes:
    return (output / name / "model.safetensors").read_bytes()


def test_the_highest_is_the_best_and_patience_ends_a_run(tmp_path: Path) -> None:
    loop = run(tmp_path / "run", patience=4)
    rows = evaluations(tmp_path / "run")
    assert [row["is_best"] for row in rows] == [True, True, False, False, False, False]
    assert {row["best_by"] for row in rows} == {"held-out mean_r2"}
    assert loop.step == 6 * loop.steps_per_epoch
    assert weights(tmp_path / "run", "best") != weights(tmp_path / "run", "last")
    # Without patience the seventh epoch is seen, which is better; nothing else differs.
    run(tmp_path / "whole")
    assert [row["is_best"] for row in evaluations(tmp_path / "whole")][6:] == [True, False]
    assert log_of(tmp_path / "whole")[: len(log_of(tmp_path / "run"))] == log_of(tmp_path / "run")


@pytest.mark.parametrize("step", [3, 7, 12])
def test_patience_goes_on_where_it_was(tmp_path: Path, step: int) -> None:
    """Killed in the first step of the second epoch, of the fourth, and in the last step of all."""
    run(tmp_path / "whole", patience=4)
    with pytest.raises(Killed):
        run(tmp_path / "cut", patience=4, stop_at=step)
    run(tmp_path / "cut", patience=4)
    assert log_of(tmp_path / "cut") == log_of(tmp_path / "whole")
    for name in ("best", "last"):
        assert weights(tmp_path / "cut", name) == weights(tmp_path / "whole", name)
    # Started once more there is nothing to do; with more patience it goes on.
    run(tmp_path / "cut", patience=4)
    assert log_of(tmp_path / "cut") == log_of(tmp_path / "whole")
    assert run(tmp_path / "cut", patience=6).step == 16


def test_the_training_loss_has_patience_too(tmp_path: Path) -> None:
    """An equal one is not better."""
    optimizer = OptimizerOptions(learning_rate=0.0, schedule="constant")
    run(tmp_path, best_by=TRAINING_LOSS, patience=2, optimizer=optimizer)
    rows = evaluations(tmp_path)
    assert [row["is_best"] for row in rows] == [True, False, False]
    assert {row["best_by"] for row in rows} == {TRAINING_LOSS}


def test_no_number_is_ever_the_best(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(globals(), "R2", [math.nan] * 3)
    run(tmp_path)
    assert "no evaluation gave a number for the held-out mean_r2: there is no best" in caplog.text
    assert (tmp_path / "last").exists()
    assert not (tmp_path / "best").exists()


def test_what_there_is_not_to_monitor(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no held-out number 'r2' to monitor\. Choose one of loss, mean_r2"):
        run(tmp_path / "run", monitor="r2")
    assert not list(tmp_path.rglob("step-*"))


def test_a_state_without_patience_is_gone_on_with(tmp_path: Path) -> None:
    """As earlier versions wrote it."""
    with pytest.raises(Killed):
        run(tmp_path / "cut", stop_at=3)
    for path in tmp_path.rglob("progress.json"):
        progress = json.loads(path.read_text())
        del progress["waited"]
        path.write_text(json.dumps(progress))
    run(tmp_path / "whole")
    run(tmp_path / "cut")
    assert log_of(tmp_path / "cut") == log_of(tmp_path / "whole")


def test_what_runs_are_other_runs(tmp_path: Path) -> None:
    """Patience is how far a run goes; what it monitors decides what is best."""

    @dataclasses.dataclass(frozen=True)
    class Options:
        loop: LoopOptions

    def described(**changes: Any) -> dict[str, Any]:
        return run_description(Options(LoopOptions(tmp_path, **changes)))

    assert described(patience=3) == described()
    assert described(monitor="mean_r2") != described()
    assert described(monitor_mode="max") != described()
    assert not {"monitor", "monitor_mode", "patience"} & set(described()["loop"])
