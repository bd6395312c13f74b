"""A model without a recipe of its own is trained too, and what only another's recipe has is refused in a line."""

import dataclasses
import json
import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from accelerate.state import AcceleratorState
from command_line import invoke
from gene_model_tests import Case
from genome_files import record, write_vcf
from one_batch import one_batch_run, step_losses
from small_cohort import SmallCohort
from toy_case import LENGTH, toy_case, window_of
from toy_model import TOY, ToyGeneModel
from transformers import PreTrainedModel

from variantformer_hf import ReferenceGenome
from variantformer_hf.data import expression as prepared
from variantformer_hf.data.examples import ExpressionExamples, expression_dataset
from variantformer_hf.data.expression_pairs import expression_pairs
from variantformer_hf.data.splits import Split
from variantformer_hf.errors import InputError
from variantformer_hf.training import encoder, expression
from variantformer_hf.training.options import EncoderOptions, ExpressionOptions, LoopOptions, read_options
from variantformer_hf.training.recipes import Recipe
from variantformer_hf.training.stages import on_expression
from variantformer_hf.zoo import families

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module", autouse=True)
def toy() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(families._FAMILIES, TOY.model_type, TOY)
        yield


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return toy_case(tmp_path_factory.mktemp("toy"))


@pytest.fixture
def model(case: Case) -> ToyGeneModel:
    return ToyGeneModel.load(case.model, device="cpu")


def trained(config: Path) -> dict[str, float]:
    AcceleratorState._reset_state(reset_partial_state=True)
    return expression.train_expression(read_options(config, ExpressionOptions))


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"freeze": "encoder"}, "freeze is 'encoder'. Choose one of none"),
        ({"new_tissues": {"lcl": "liver"}}, "new_tissues is no option for a model of its type"),
        ({"element_store": "store"}, "element_store is no option for a model of its type"),
        ({"config": {"hidden_size": 8}}, "config is no option for a model of its type"),
        ({"encoder": "encoder"}, "encoder is no option for a model of its type"),
        ({"tissues": ["liver"]}, "tissues is no option for a model of its type"),
        ({"model": None}, "a new model needs encoder, genes, cres, tissues"),
        ({"unit": "log1p_tpm"}, "its values are log1p_tpm, and the model's are inverse_normal"),
    ],
)
def test_what_the_plain_recipe_refuses(
    case: Case, model: ToyGeneModel, tmp_path: Path, changes: dict[str, Any], problem: str
) -> None:
    config = one_batch_run(case, model, tmp_path, **changes)
    with pytest.raises(InputError, match=problem) as caught:
        trained(config)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_values_of_genes_that_the_split_leaves_out_are_counted(case: Case, model: ToyGeneModel, tmp_path: Path) -> None:
    config = one_batch_run(case, model, tmp_path)
    options = read_options(config, ExpressionOptions)
    whole = expression.set_up(options).plan
    assert "values_of_genes_without_part" not in whole
    split = Split.load(options.split)
    split.with_genes({model.gene_table.genes[0].gene_id: "train"}).save(options.split)
    plan = expression.set_up(options).plan
    assert plan["values"] + plan["values_of_genes_without_part"] == whole["values"]
    assert plan["split"]["genes"] == {"train": 1, "validation": 0, "test": 0}
    assert 0 < plan["values"] < whole["values"]


@dataclass(frozen=True)
class ToyLoop(LoopOptions):
    epochs: int = 3


@dataclass(frozen=True)
class ToyOptions(ExpressionOptions):
    model_type: ClassVar[str | None] = "toy"
    loop: ToyLoop
    shift: float = 0.0


class ToyRecipe(Recipe):
    options_class = ToyOptions

    def before_step(self, network: PreTrainedModel) -> None:
        assert isinstance(self.options, ToyOptions)
        with torch.no_grad():
            network.weight.add_(self.options.shift)


def test_a_family_has_a_stage_of_its_own(
    case: Case, model: ToyGeneModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its options, their defaults and its recipe; ``train expression`` has the plain one; other models are refused."""
    own = dataclasses.replace(TOY, recipe=ToyRecipe, stages={"toy": on_expression(ToyOptions)})
    monkeypatch.setitem(families._FAMILIES, "toy", own)
    loop = {"output": "run", "batch_size": 2, "log_every": 1}
    losses = {}
    for stage, changes in (("expression", {}), ("toy", {}), ("toy", {"shift": 1.0})):
        (folder := tmp_path / f"{stage}{len(losses)}").mkdir()
        AcceleratorState._reset_state(reset_partial_state=True)
        config = one_batch_run(case, model, folder, loop=loop, **changes)
        invoke("train", stage, "--config", config)
        losses[stage, *changes] = step_losses(folder / "run")
    assert [len(each) for each in losses.values()] == [1, 3, 3]
    assert losses["toy",][0] == losses["expression",][0] != losses["toy", "shift"][0]
    with pytest.raises(InputError, match="there is no option shift"):
        invoke("train", "expression", "--config", config)
    other = dataclasses.replace(own, model_type="other", stages={"other": on_expression(OtherOptions)})
    monkeypatch.setitem(families._FAMILIES, "other", other)
    with pytest.raises(InputError, match=r"of the type 'toy', and 'other' is trained here.*variantformer train toy"):
        invoke("train", "other", "--config", config)
    with pytest.raises(
        InputError, match=r"no stage 'none' to train\. The stages are encoder, expression, .*toy, other"
    ):
        invoke("train", "none", "--config", config)


@dataclass(frozen=True)
class OtherOptions(ToyOptions):
    model_type: ClassVar[str | None] = "other"


def test_no_other_model_has_an_encoder_to_train(case: Case, tmp_path: Path) -> None:
    options = EncoderOptions(LoopOptions(tmp_path / "run"), Path(), {}, Path(), (), model=case.model)
    with pytest.raises(InputError, match="of the type 'toy', which is no encoder that is trained by itself"):
        encoder.set_up(options)


def test_a_run_that_was_stopped_takes_the_same_steps(case: Case, model: ToyGeneModel, tmp_path: Path) -> None:
    class Stopped(Exception):
        pass

    def stop(done: int, *_: object) -> None:
        if done == 3:
            raise Stopped

    loop = {"output": "run", "epochs": 4, "batch_size": 1, "log_every": 1, "checkpoint_every": 1}
    runs = {}
    for name in ("whole", "cut"):
        (tmp_path / name).mkdir()
        config = runs[name] = one_batch_run(case, model, tmp_path / name, loop=loop, n_tissues=1)
        if name == "cut":
            with pytest.raises(Stopped):
                AcceleratorState._reset_state(reset_partial_state=True)
                expression.train_expression(read_options(config, ExpressionOptions), on_step=stop)
        trained(config)
    whole, cut = (step_losses(config.parent / "run") for config in runs.values())
    assert len(whole) == 8
    assert cut == whole
    left, right = ((tmp_path / name / "run/last/model.safetensors").read_bytes() for name in runs)
    assert left == right


def test_a_gene_that_the_donor_lacks_teaches_nothing(
    case: Case, model: ToyGeneModel, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    reference = ReferenceGenome(case.fasta)
    start, end = window_of("PLUS")
    ref = reference.sequence("chr1", start - 1, end)
    vcf = write_vcf(tmp_path / "deleted.vcf.gz", [record(start, ref, ref[0], "1|1")], contigs={"chr1": LENGTH})
    loop = {"output": "run", "epochs": 2, "batch_size": 1, "log_every": 1}
    config = one_batch_run(case, model, tmp_path, vcfs={"LAB": str(vcf)}, loop=loop)
    trained(config)
    assert "ENSG00000000001 of S1 is not used (gene_deleted)" in caplog.text
    losses = step_losses(tmp_path / "run")
    assert len(losses) == 4
    assert sum(loss == 0 for loss in losses) == 2
    assert all(np.isfinite(losses))


def test_values_of_a_prepared_expression_in_another_unit(case: Case, model: ToyGeneModel, tmp_path: Path) -> None:
    one_batch_run(case, model, tmp_path)
    first = prepared.Expression.load(tmp_path / "expression")
    second = prepared.Expression.load(tmp_path / "inverse_normal")
    assert (first.scale, second.scale) == ("log1p_tpm", "inverse_normal")
    assert second.samples.equals(first.samples)
    np.testing.assert_array_equal(second.value, first.value)
    other = first.with_values(tmp_path / "z", -first.value, "inverse_normal")
    np.testing.assert_array_equal(other.value, -first.value)
    assert other.report != second.report  # a run that goes on sees that they are others
    for values in (first.value[1:], np.full(len(first), np.nan)):
        with pytest.raises(InputError, match=f"{len(first)} numbers are wanted"):
            first.with_values(tmp_path / "bad", values, "inverse_normal")
    assert not (tmp_path / "bad").exists()


def test_workers_are_sent_little(cohort: SmallCohort, split: Split) -> None:
    """A model without its network, and of an example's tokens none but the gene's own."""
    model = cohort.world.predictor.model
    pairs = expression_pairs(cohort.expression, split, "train", model.gene_table, model.tissue_names)
    examples = ExpressionExamples(pairs, cohort.genomes, model)
    example = examples({"epoch": 0, "pair": 0})
    weights = sum(each.numel() for each in model.network.parameters())
    sent = pickle.loads(pickle.dumps(examples))
    assert len(pickle.dumps(examples)) < weights
    gene, again = example["gene"].tokens, pickle.loads(pickle.dumps(example["gene"])).tokens
    assert [list(row) for row in again.elements] == [list(row) for row in gene.elements]
    assert sum(len(each) for each in again.elements.sources) == sum(len(row) for row in gene.elements)
    batches = []
    for made in (examples, sent):
        loader = torch.utils.data.DataLoader(
            expression_dataset(made, shards=2),
            batch_size=2,
            num_workers=2 if made is sent else 0,
            collate_fn=lambda chosen: model.batch(
                [each["gene"] for each in chosen],
                np.stack([each["outputs"] for each in chosen]),
                np.stack([each["labels"] for each in chosen]),
            ),
        )
        batches.append(sorted(json.dumps(batch["cre_input_ids"].tolist()) for batch in loader))
    assert batches[0] == batches[1]
