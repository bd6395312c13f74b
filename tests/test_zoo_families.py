"""Folders of several families: each is loaded, predicted with and published by its own rules, or refused in a line."""

import json
import shutil
from importlib import resources
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from command_line import invoke
from gene_model_tests import Case
from small_model import SmallWorld
from toy_case import answer, oriented, toy_case, window_of
from toy_model import TOY, ToyForExpression, ToyGeneModel
from transformers import pipeline
from transformers.modeling_outputs import ModelOutput

import variantformer_hf.pipelines
from variantformer_hf import ExpressionPredictor, ReferenceGenome
from variantformer_hf.analysis import VariantScorer
from variantformer_hf.conversion.planned import ConversionRequest, PlannedConversion
from variantformer_hf.errors import InputError
from variantformer_hf.hub import check_folder, plan_publication
from variantformer_hf.hub.folder_check import refresh_model_code
from variantformer_hf.modeling import VariantFormerEncoderConfig, VariantFormerForChromatinActivity
from variantformer_hf.zoo import families
from variantformer_hf.zoo.families import Family, converter_of, family_of, load_gene_model, register_family
from variantformer_hf.zoo.model_folder import ModelFolder

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(autouse=True)
def toy(monkeypatch: pytest.MonkeyPatch) -> Family:
    """The toy is a family while a test runs."""
    monkeypatch.setattr(families, "_FAMILIES", dict(families._FAMILIES))
    register_family(TOY)
    return TOY


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return toy_case(tmp_path_factory.mktemp("toy"))


@pytest.fixture
def folder(written: Case, tmp_path: Path) -> Path:
    """A toy's folder with a card."""
    folder = Path(shutil.copytree(written.model, tmp_path / "model"))
    card = resources.files("variantformer_hf") / "model_cards" / "variantformer-pcg.md"
    (folder / "README.md").write_text(card.read_text(encoding="utf-8"))
    return folder


def with_config(folder: Path, **changes: object) -> Path:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    return folder


# -- What is refused ---------------------------------------------------------------------------------------------------


def refused(folder: Path, *words: str) -> None:
    """By whatever loads a model, in one line."""
    for load in (load_gene_model, ExpressionPredictor.from_pretrained, VariantScorer.from_pretrained):
        with pytest.raises(InputError) as error:
            load(folder, device="cpu")
        text = str(error.value)
        assert all(word in text for word in (str(folder), *words)), text
        assert "\n" not in text


def test_a_type_that_is_not_of_this_zoo(folder: Path) -> None:
    refused(with_config(folder, model_type="bert"), "'bert', which is not of this zoo", "toy")
    refused(with_config(folder, model_type=None), "None, which is not of this zoo")
    refused(with_config(folder, model_type=["toy"]), "not of this zoo")


@pytest.mark.parametrize("kind", ["enformer", "borzoi"])
def test_a_folder_of_another_library_is_refused_with_the_command_that_converts_it(folder: Path, kind: str) -> None:
    with_config(folder, model_type=kind)
    command = f"`variantformer convert {folder} --kind {kind} -o MODEL`"
    refused(folder, repr(kind), f"which {command} converts.")
    for publish in (check_folder, refresh_model_code):
        with pytest.raises(InputError, match=f"another library's folder.*--kind {kind} -o MODEL"):
            publish(folder)
    register_family(Family("ours", None, converters={kind: list}))
    assert converter_of(kind) is list


def test_an_extra_that_is_missing(folder: Path) -> None:
    register_family(Family("toy", "no_such_module:Model", "no_such_module:FOLDER", extra=("windows", "no_such_module")))
    refused(folder, "need the package no_such_module", "pip install 'variantformer-hf[windows]'")


@pytest.mark.parametrize("content", ["", "{", "[1]", "\ufffe"])
def test_a_damaged_config(folder: Path, content: str) -> None:
    (folder / "config.json").write_text(content, encoding="utf-16")
    refused(folder, "config.json", "damaged")


def test_files_of_two_families(folder: Path, world: SmallWorld) -> None:
    shutil.copyfile(world.folder / "cres.bed", folder / "notes.txt")
    assert family_of(folder).model_type == "toy"  # what is nobody's is not in the way
    theirs = world.save(folder.parent / "theirs")
    for name in ("cres.parquet", "tokenizer.json"):
        shutil.copyfile(theirs / name, folder / name)
    refused(folder, "files of two families: config.json is of 'toy', cres.parquet, tokenizer.json of 'variantformer'")
    with pytest.raises(InputError, match="files of two families"):
        check_folder(folder)


def test_an_option_of_another_family(folder: Path, world: SmallWorld) -> None:
    for name, value in (("store", "elements"), ("attention", "sdpa"), ("compile_layers", True)):
        with pytest.raises(InputError, match=f"'toy' have no option {name}. Leave it out; they have device, precision"):
            ExpressionPredictor.from_pretrained(folder, device="cpu", **{name: value})
    # What every command says where nothing was asked for.
    ExpressionPredictor.from_pretrained(folder, device="cpu", store="auto", attention="auto", compile_layers=False)
    load_gene_model(folder, device="cpu", store=None)
    with pytest.raises(InputError, match=r"'variantformer' lack an option.*window"):
        load_gene_model(world.save(folder.parent / "theirs"), device="cpu", window=3)


def test_a_store_is_refused_by_the_commands(folder: Path, written: Case, tmp_path: Path) -> None:
    asked = [folder, "--fasta", written.fasta, "--device", "cpu", "--store", tmp_path / "s", "-o", tmp_path / "o.csv"]
    with pytest.raises(InputError, match="no option store"):
        invoke("predict", *asked)
    (tmp_path / "variants.txt").write_text(written.variants[0])
    with pytest.raises(InputError, match="no option store"):
        invoke("effects", *asked, "--variants", tmp_path / "variants.txt")


def test_a_stage_1_encoder_predicts_no_genes(world: SmallWorld, tmp_path: Path) -> None:
    config = VariantFormerEncoderConfig(
        vocab_size=60, hidden_size=16, num_hidden_layers=1, num_attention_heads=4, intermediate_size=32
    )
    VariantFormerForChromatinActivity(config).save_pretrained(tmp_path)
    world.predictor.model.processor.save_pretrained(tmp_path)
    refused(tmp_path, "'variantformer_encoder', which predicts no expression of genes", "Give one of variantformer, ")


# -- What is published -------------------------------------------------------------------------------------------------


def test_a_plain_folder_is_ready(folder: Path) -> None:
    assert [path.name for path in check_folder(folder)] == [
        "README.md",
        "config.json",
        "genes.parquet",
        "model.safetensors",
    ]
    assert len(plan_publication(folder, "me/toy").files) == 4
    assert "dry run: nothing was sent" in invoke("publish", folder, "me/toy", "--dry-run")
    with pytest.raises(InputError, match=r"code does not travel.*Leave out --refresh-code"):
        invoke("publish", folder, "me/toy", "--dry-run", "--refresh-code")


def test_a_plain_folder_that_is_not_ready(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "donors.csv").write_text("x")
    with pytest.raises(InputError, match=r"does not belong to a model: donors\.csv"):
        check_folder(folder)
    (folder / "donors.csv").unlink()
    forward = ToyForExpression.forward

    def unsure(self: ToyForExpression, *arguments: Any, **options: Any) -> ModelOutput:
        return ModelOutput(logits=forward(self, *arguments, **options).logits + torch.rand(1))

    def infinite(self: ToyForExpression, *arguments: Any, **options: Any) -> ModelOutput:
        return ModelOutput(logits=forward(self, *arguments, **options).logits / 0)

    for broken, message in ((unsure, "the same sequences give different"), (infinite, "are not finite")):
        monkeypatch.setattr(ToyForExpression, "forward", broken)
        with pytest.raises(InputError, match=f"fails its self-test.*{message}"):
            check_folder(folder)


def test_a_family_has_rules_of_its_own(folder: Path) -> None:
    class Rules(ModelFolder):
        files: ClassVar[tuple[str, ...]] = (*ModelFolder.files, "sites.parquet")
        checked: ClassVar[list[object]] = []

        def check(self, folder: Path, kind: object) -> None:
            self.checked.append(kind)

    register_family(Family("toy", ToyGeneModel, Rules()))
    (folder / "sites.parquet").write_text("x")
    assert "sites.parquet" in {path.name for path in check_folder(folder)}
    assert Rules.checked == [ToyGeneModel]


def test_a_kind_has_a_converter_of_its_own(tmp_path: Path) -> None:
    asked = []

    def plan(request: ConversionRequest) -> list[PlannedConversion]:
        asked.append(request)
        return []

    register_family(Family("toy", ToyGeneModel, converters={"toys": plan}))
    invoke("convert", tmp_path, "--kind", "toys", "-o", tmp_path / "out")
    assert asked == [ConversionRequest(source=tmp_path, output=tmp_path / "out")]
    with pytest.raises(InputError, match=r"no kind 'toy' of files to convert\. The kinds are variantformer, .*toys"):
        converter_of("toy")


# -- The pipeline ------------------------------------------------------------------------------------------------------


def test_a_person_through_the_pipeline(written: Case) -> None:
    pipe = pipeline(variantformer_hf.pipelines.TASK, model=str(written.model), device="cpu")
    rows = pipe(fasta=written.fasta, genes=["PLUS", "MINUS"], tissues=["lung"])
    assert [set(row) >= {"sample", "gene_id", "tissue", "expression", "status"} for row in rows] == [True, True]
    assert not any({"tpm", "log1p_tpm"} & row.keys() for row in rows)
    reference = ReferenceGenome(written.fasta)
    expected = [
        answer(oriented(reference.sequence("chr1", *window_of(gene)), gene), output=1) for gene in ("PLUS", "MINUS")
    ]
    np.testing.assert_allclose([row["expression"] for row in rows], expected, rtol=1e-5)
    with pytest.raises(InputError, match=r"'toy' take no sequences that are ready\. Give a genome"):
        pipe("ACGT")


def test_a_network_by_itself_is_joined_with_its_folder(written: Case, tmp_path: Path) -> None:
    network = ToyForExpression.from_pretrained(written.model)
    with torch.no_grad():
        network.weight.mul_(2)
    changed = pipeline(variantformer_hf.pipelines.TASK, model=network, device="cpu")
    plain = pipeline(variantformer_hf.pipelines.TASK, model=str(written.model), device="cpu")
    (twice,), (once,) = (pipe(fasta=written.fasta, genes=["PLUS"], tissues=["lung"]) for pipe in (changed, plain))
    assert twice["expression"] == pytest.approx(2 * once["expression"], rel=1e-5)
    with pytest.raises(InputError, match="have no processor"):
        pipeline(variantformer_hf.pipelines.TASK, model=str(written.model), device="cpu", processor=object())
    with pytest.raises(InputError, match="not loaded from a folder"):
        pipeline(variantformer_hf.pipelines.TASK, model=ToyForExpression(network.config.__class__(tissues=["a"])))
    half = pipeline(variantformer_hf.pipelines.TASK, model=str(written.model), device="cpu", dtype=torch.float16)
    with pytest.raises(InputError, match="no precision 'float16'"):
        half(fasta=written.fasta, genes=["PLUS"])
