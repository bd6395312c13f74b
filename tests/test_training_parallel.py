"""Steps and parameters shared out among processes: the same gradients and losses as in one."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_cohort import SmallCohort
from training_runs import (
    DRIVER,
    GRADIENTS,
    encoder_config,
    expression_config,
    finished,
    in_process,
    kept_gradients,
    killed,
    log_of,
    run,
    without_dropout,
)

from variantformer_hf import ExpressionPredictor
from variantformer_hf.errors import InputError
from variantformer_hf.modeling.variantformer.layers_variantformer import VariantFormerLayer

pytestmark = pytest.mark.usefixtures("one_thread")

CONFIGS = Path(__file__).resolve().parents[1] / "docs" / "configs"


@pytest.mark.parametrize(
    ("stage", "n_steps", "ways"),
    # Ways to take a step: (processes, batch_size, gradient_accumulation). The last step takes what is left of 12 pairs
    # or 128 labels: of three processes one has nothing for its last batch.
    [
        ("expression", 2, [(1, 8, 1), (1, 2, 4), (2, 2, 2)]),
        pytest.param("encoder", 3, [(1, 45, 1), (1, 9, 5), (3, 1, 15)], marks=pytest.mark.slow),
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
        loop = {
            "epochs": 1,
            "batch_size": batch_size,
            "gradient_accumulation": accumulation,
            "max_steps": n_steps,
            "optimizer": {"learning_rate": 1e-6, "max_grad_norm": None},
        }
        if stage == "expression":
            config = expression_config(lab, cohort, output, loop=loop, model=str(model), n_tissues=3, freeze="none")
        else:
            small = {
                "hidden_size": 16,
                "num_hidden_layers": 2,
                "num_attention_heads": 4,
                "intermediate_size": 32,
                "token_length": 24,
                "cre_flank": 10,
                "hidden_dropout": 0.0,
                "attention_dropout": 0.0,
                "loss_reduction": "mean",
                "use_contrastive_loss": False,
            }
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


@pytest.fixture
def sharded_driver(lab: Path) -> Iterator[None]:
    """Runs that share their parameters out, and say so."""
    (lab / "driver.py").write_text(SHARDED)
    yield
    (lab / "driver.py").write_text(DRIVER)


SHARED_OUT: dict[str, Any] = {"batch_size": 1, "gradient_accumulation": 2, "parallel": "fsdp"}


@pytest.mark.slow
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


@pytest.mark.parametrize("name", sorted(path.name for path in CONFIGS.glob("accelerate-*.yaml")))
def test_the_configurations_for_accelerate_parse(name: str) -> None:
    """Parsed only: on CPUs the FSDP plugin gives plain data parallelism without a word."""
    from accelerate.commands.config import load_config_from_file

    config = load_config_from_file(str(CONFIGS / name))
    assert config.num_processes == 8
    if "fsdp" in name:
        assert config.distributed_type == "FSDP"
        assert config.fsdp_config["fsdp_transformer_layer_cls_to_wrap"] == VariantFormerLayer.__name__
