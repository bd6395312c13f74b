"""Losses that hear differences: signals in stage 1, and people of one gene beside each other in stage 2."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_cohort import DONORS, SmallCohort
from small_model import TISSUES
from training_runs import encoder_config, expression_config, in_process, log_of

from variantformer_hf.data.epochs import ALL
from variantformer_hf.errors import InputError
from variantformer_hf.modeling import VariantFormerEncoderConfig, VariantFormerForChromatinActivity
from variantformer_hf.simulation.writers import cre_line
from variantformer_hf.training import encoder, expression
from variantformer_hf.training.options import EncoderOptions, ExpressionOptions, read_options

pytestmark = pytest.mark.usefixtures("one_thread")

BLOCKS = {"people_per_block": 2, "n_tissues": len(TISSUES)}


def test_the_loss_of_a_signal_is_its_squared_error() -> None:
    torch.manual_seed(0)
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    config = VariantFormerEncoderConfig(
        vocab_size=30,
        token_length=6,
        num_tissues=2,
        num_classes=1,
        loss_function="mse",
        loss_reduction="mean",
        use_contrastive_loss=False,
        **sizes,
    )
    model = VariantFormerForChromatinActivity(config).eval()
    ids = torch.randint(4, 30, (3, 2, 6))
    batch = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "tissue_ids": torch.tensor([0, 1, 1])}
    labels = torch.tensor([0.5, 0.0, 0.25])
    with torch.no_grad():
        output = model(**batch, labels=labels)
    assert output.logits.shape == (3, 1)
    assert float(output.loss) == pytest.approx(float((output.logits[:, 0] - labels).square().mean()))
    with pytest.raises(ValueError, match="a signal \\(mse\\) has one class"):
        VariantFormerEncoderConfig(loss_function="mse")
    with pytest.raises(ValueError, match="majority_weight is of classes"):
        VariantFormerEncoderConfig(loss_function="mse", num_classes=1, majority_weight=0.5)


def with_signals(lab: Path, cohort: SmallCohort) -> list[dict[str, str]]:
    """Files of the lab's cCREs with scores."""
    rng = np.random.default_rng(0)
    files = []
    for donor in DONORS[:3]:
        for tissue in TISSUES[:2]:
            path = lab / f"signal.{donor}.{tissue}.bed"
            rows = cohort.world.predictor.model.cre_table.table.to_pylist()
            lines = [cre_line(r["chrom"], r["start"], r["end"], "E", "PLS", int(rng.integers(0, 1001))) for r in rows]
            path.write_text("".join(lines))
            files.append({"path": path.name, "donor": donor, "tissue": tissue})
    return files


def test_an_encoder_learns_signals(lab: Path, cohort: SmallCohort, tmp_path: Path) -> None:
    output = tmp_path / "run"
    changes: dict[str, Any] = {"labels": "signal", "loop": {"epochs": 1, "monitor": "r", "monitor_mode": "max"}}
    in_process("encoder", encoder_config(lab, cohort, output, activity=with_signals(lab, cohort), **changes))
    last = log_of(output)[-1]
    assert last["best_by"] == "held-out r"
    assert {"held_out_loss", "held_out_r"} <= last.keys()
    assert "held_out_auroc" not in last
    made = VariantFormerForChromatinActivity.from_pretrained(output / "last")
    assert (made.config.loss_function, made.config.num_classes) == ("mse", 1)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"labels": "loud"}, "labels is 'loud'"),
        ({"labels": "signal"}, "has no signal"),
        ({"loop": {"monitor": "r"}}, "no held-out number 'r'"),
    ],
)
def test_what_is_no_signal_is_one_line(
    lab: Path, cohort: SmallCohort, tmp_path: Path, changes: dict[str, Any], problem: str
) -> None:
    options = read_options(encoder_config(lab, cohort, tmp_path / "run", **changes), EncoderOptions)
    with pytest.raises(InputError, match=problem):
        encoder.set_up(options)


def test_a_model_of_classes_goes_on_with_classes_alone(lab: Path, cohort: SmallCohort, tmp_path: Path) -> None:
    output = tmp_path / "classes"
    in_process("encoder", encoder_config(lab, cohort, output, loop={"epochs": 1, "max_steps": 1}))
    given = {"model": str(output / "last"), "labels": "signal", "activity": with_signals(lab, cohort)}
    options = read_options(encoder_config(lab, cohort, tmp_path / "run", **given), EncoderOptions)
    with pytest.raises(InputError, match="labels is 'signal', and the model's loss 'cross_entropy'"):
        encoder.set_up(options)


def test_a_batch_is_of_one_gene_and_its_loss_of_differences(lab: Path, cohort: SmallCohort, tmp_path: Path) -> None:
    config = expression_config(lab, cohort, tmp_path / "run", freeze="none", difference_weight=0.25, **BLOCKS)
    setup = expression.set_up(read_options(config, ExpressionOptions))
    recipe = setup.recipe
    examples = list(recipe.epoch(setup.train, 0, ALL))
    assert len(examples) == recipe.n_examples(setup.train, 1) > 2
    network = recipe.network.eval()
    compared = 0
    for first in range(0, len(examples), 2):
        pair = examples[first : first + 2]
        assert len({each["gene"].regions.gene.gene_id for each in pair}) == 1
        batch = recipe.collate(pair)
        with torch.no_grad():
            output, found = network(**batch), recipe.loss(network, batch)
        away = (output.logits - batch["labels"]).numpy()
        tissues = batch["tissue_ids"].numpy()
        one, other = ({t: x for t, x in zip(*rows, strict=True) if x == x} for rows in zip(tissues, away, strict=True))
        both = [one[tissue] - other[tissue] for tissue in one.keys() & other.keys()]
        compared += len(both)
        differences = np.mean(np.square(both)) if both else 0.0
        assert float(found) == pytest.approx(0.75 * float(output.loss) + 0.25 * differences, rel=1e-5)
    assert compared > 2


def test_a_run_with_differences_goes_to_its_end(lab: Path, cohort: SmallCohort, tmp_path: Path) -> None:
    output = tmp_path / "run"
    changes = {"difference_weight": 0.5, "keep_inputs": 100, "loop": {"epochs": 1}, **BLOCKS}
    in_process("expression", expression_config(lab, cohort, output, **changes))
    assert (output / "last" / "config.json").is_file()
    assert all(np.isfinite(row["loss"]) for row in log_of(output) if "loss" in row)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"difference_weight": 0.5}, "difference_weight is given, and people_per_block is not"),
        ({"difference_weight": 1.5, **BLOCKS}, "difference_weight is 1.5"),
        ({**BLOCKS, "people_per_block": 3}, "people_per_block is 3"),
        ({**BLOCKS, "people_per_block": 400}, "has 400 donors to train on"),
    ],
)
def test_what_cannot_be_compared_is_one_line(
    lab: Path, cohort: SmallCohort, tmp_path: Path, changes: dict[str, Any], problem: str
) -> None:
    options = read_options(expression_config(lab, cohort, tmp_path / "run", **changes), ExpressionOptions)
    with pytest.raises(InputError, match=problem):
        expression.set_up(options)
