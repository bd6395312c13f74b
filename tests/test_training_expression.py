"""Stage 2: what learns of a model, what it is set up from, and the same by the Trainer of transformers."""

from pathlib import Path

import numpy as np
import pytest
import torch
from forked_processes import Forked
from small_cohort import DONORS, SmallCohort
from small_model import TISSUES
from training_runs import encoder_config, expression_config, in_process

from variantformer_hf import ExpressionPredictor
from variantformer_hf.data import ExpressionSource, harmonize
from variantformer_hf.data.expression_sources import Sample
from variantformer_hf.data.splits import split_donors
from variantformer_hf.errors import InputError
from variantformer_hf.training import encoder, expression
from variantformer_hf.training.options import EncoderOptions, ExpressionOptions, read_options
from variantformer_hf.zoo.outputs import TissueNames

pytestmark = pytest.mark.usefixtures("one_thread")


def test_only_the_registry_learns(lab: Path, cohort: SmallCohort, tmp_path: Path) -> None:
    output = tmp_path / "rows"
    in_process("expression", expression_config(lab, cohort, output, freeze="all_but_tissues", loop={"epochs": 1}))
    before = ExpressionPredictor.from_pretrained(lab / "model", device="cpu").model.network.state_dict()
    after = ExpressionPredictor.from_pretrained(output / "last", device="cpu").model.network.state_dict()
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
        lab,
        cohort,
        output,
        expression=str(tmp_path / "own"),
        split=str(tmp_path / "own.json"),
        new_tissues={"lcl": "liver"},
        freeze="all_but_new_tissues",
        loop={"epochs": 1},
    )
    in_process("expression", config)
    before = ExpressionPredictor.from_pretrained(lab / "model", device="cpu").model.network.state_dict()
    trained = ExpressionPredictor.from_pretrained(output / "last", device="cpu").model.network
    assert trained.config.tissues == [*TISSUES, "lcl"]
    name = "model.tissue_embedding.weight"
    for key, tensor in trained.state_dict().items():
        if key != name:
            assert torch.equal(tensor, before[key]), key
    after = trained.state_dict()[name]
    assert torch.equal(after[:3], before[name])
    assert not torch.equal(after[3], before[name][1])


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


def test_a_damaged_file_stops_a_run_before_it_begins(lab: Path, cohort: SmallCohort, tmp_path: Path) -> None:
    content = cohort.vcf.read_bytes()
    (tmp_path / "cut.vcf.gz").write_bytes(content[: len(content) // 2])
    (tmp_path / "cut.vcf.gz.tbi").write_bytes(Path(f"{cohort.vcf}.tbi").read_bytes())
    config = expression_config(lab, cohort, tmp_path / "run", vcfs={"LAB": str(tmp_path / "cut.vcf.gz")})
    with pytest.raises(InputError, match=r"cut\.vcf\.gz"):
        expression.set_up(read_options(config, ExpressionOptions))


def test_a_plan_without_training(lab: Path, cohort: SmallCohort, tmp_path: Path) -> None:
    options = read_options(expression_config(lab, cohort, tmp_path / "run"), ExpressionOptions)
    setup = expression.set_up(options)
    before = {name: tensor.clone() for name, tensor in setup.recipe.network.state_dict().items()}
    times = expression.estimate(options, setup)
    assert times["hours"] == pytest.approx(18 * times["seconds_a_step"] / 3_600)
    assert all(torch.equal(tensor, before[name]) for name, tensor in setup.recipe.network.state_dict().items())
    assert setup.plan["pairs"] == 12
    assert setup.plan["held_out_pairs"] == 4
    assert setup.plan["parameters_that_learn"] < setup.plan["parameters"]
    wanted = read_options(encoder_config(lab, cohort, tmp_path / "e"), EncoderOptions)
    first = encoder.set_up(wanted)
    assert encoder.estimate(wanted, first)["hours"] > 0
    assert first.plan["donors"] == list(DONORS[:3])


@pytest.mark.parametrize("lora", [False, True])
def test_the_trainer_of_transformers(lab: Path, cohort: SmallCohort, tmp_path: Path, lora: bool) -> None:
    if lora:
        pytest.importorskip("peft")
    script = Path(__file__).resolve().parents[1] / "examples" / "finetune_with_trainer.py"
    config = expression_config(lab, cohort, tmp_path / "unused")
    words = [script, config, tmp_path / "out", "--steps", "3", *(["--lora"] * lora)]
    done = Forked(words, tmp_path / "said", ACCELERATE_USE_CPU="true")
    assert done.wait() == 0, done.said
    before = ExpressionPredictor.from_pretrained(lab / "model", device="cpu").model.network.state_dict()
    after = ExpressionPredictor.from_pretrained(tmp_path / "out/model", device="cpu").model.network.state_dict()
    changed = {name for name in after if not torch.equal(after[name], before[name])}
    assert any("gene_layers" in name for name in changed)
    if lora:
        assert all(("attention" in name) and ("encoder" not in name) for name in changed)
