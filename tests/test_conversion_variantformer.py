"""Conversion end to end, on a checkpoint in the released layout made here."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from command_line import invoke
from released_case import ENCODER, MODEL, laid_out, with_bias, write_released
from safetensors import safe_open
from safetensors.torch import save_file

from variantformer_hf import (
    CreTable,
    ExpressionPredictor,
    GeneTable,
    VariantFormerForChromatinActivity,
    VariantFormerForExpression,
)
from variantformer_hf.conversion import released_files
from variantformer_hf.conversion.variantformer import checkpoints
from variantformer_hf.conversion.variantformer.checkpoints import (
    convert_encoder,
    convert_expression_model,
    read_tissue_vocabulary,
)
from variantformer_hf.conversion.variantformer.hyperparameters import (
    encoder_config_from_released,
    expression_config_from_released,
)
from variantformer_hf.conversion.variantformer.names import encoder_parameter_name, expression_parameter_name
from variantformer_hf.errors import CheckpointError, InputError


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Files in the released layout."""
    return write_released(tmp_path_factory.mktemp("released"))


def changed(path: Path, output: Path, change: Any) -> Path:
    content = torch.load(path, weights_only=True)
    change(content)
    torch.save(content, output)
    return output


@pytest.mark.parametrize("shard_size", ["1GB", "300KB"])
def test_every_weight_arrives(released: dict[str, Path], tmp_path: Path, shard_size: str) -> None:
    summary = convert_expression_model(**released, output=tmp_path / "model", max_shard_size=shard_size)
    assert (len(summary.files) > 1) == (shard_size == "300KB")
    assert summary.dropped == {
        "ALiBi buffers": 5,
        "tissue classifiers of the encoders": 12,
        "optimizer_states of the training run": 1,
    }
    model = VariantFormerForExpression.from_pretrained(tmp_path / "model")
    found = model.state_dict()
    source = torch.load(released["checkpoint"], weights_only=True)["state_dict"]
    names = {name: expression_parameter_name(name) for name in source}
    assert {ours for ours in names.values() if ours} == set(found)
    for name, ours in names.items():
        if ours:
            assert torch.equal(found[ours], source[name]), name
    assert model.config.tissues == ["liver", None, "whole blood", "brain - cortex"]
    assert model.config.encoder_config.token_length == 20
    assert {path.name for path in (tmp_path / "model").iterdir()} >= {
        "config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "processor_config.json",
        "genes.parquet",
        "cres.parquet",
        "README.md",
    }
    assert len(GeneTable.read(tmp_path / "model/genes.parquet")) == 1
    assert len(CreTable.read(tmp_path / "model/cres.parquet")) == 1
    assert "ALiBi buffers (5)" in (tmp_path / "model/README.md").read_text()


def test_dtype_of_the_written_weights(released: dict[str, Path], tmp_path: Path) -> None:
    convert_expression_model(**released, output=tmp_path / "model", dtype=torch.bfloat16)
    with safe_open(tmp_path / "model/model.safetensors", "pt") as file:
        assert {file.get_tensor(name).dtype for name in file.keys()} == {torch.bfloat16}  # noqa: SIM118
    assert VariantFormerForExpression.from_pretrained(tmp_path / "model").dtype == torch.bfloat16


def types_changed(names: dict[str, torch.dtype]) -> Any:
    def change(content: dict[str, Any]) -> None:
        state = content["state_dict"]
        state.update({name: state[name].to(dtype) for name, dtype in names.items()})

    return change


OTHER_TYPES = {
    r"token_embedding.weight is of bfloat16 and .* of float32.*--dtype float32": {
        "cre_tokenizer.token_embedding.weight": torch.bfloat16
    },
    r"token_embedding.weight is of float32 and cre_map.bias of float16": {"cre_map.bias": torch.float16},
    r"cre_map.weight is of int64": {"cre_map.weight": torch.int64},
    r"gene_map.bias is of bool": {"gene_map.bias": torch.bool},
    r"gene_map.bias is of complex64": {"gene_map.bias": torch.complex64},
    r"gene_map.bias is of float8_e4m3fn": {"gene_map.bias": torch.float8_e4m3fn},
}


@pytest.mark.parametrize("message", OTHER_TYPES)
def test_types_that_differ_or_are_no_weights_are_refused_by_name(
    released: dict[str, Path], tmp_path: Path, message: str
) -> None:
    change = types_changed(OTHER_TYPES[message])
    files = {**released, "checkpoint": changed(released["checkpoint"], tmp_path / "changed.pth", change)}
    with pytest.raises(CheckpointError, match=message):
        convert_expression_model(**files, output=tmp_path / "model")
    assert not (tmp_path / "model").exists()
    if "float32" in message:  # a type that is asked for is given, whatever was mixed
        convert_expression_model(**files, output=tmp_path / "model", dtype=torch.float32)
        source = torch.load(files["checkpoint"], weights_only=True)["state_dict"]
        state = VariantFormerForExpression.from_pretrained(tmp_path / "model").state_dict()
        for name, tensor in source.items():
            if expression_parameter_name(name):
                assert torch.equal(state[expression_parameter_name(name)], tensor.float()), name
    else:
        with pytest.raises(CheckpointError, match=message):
            convert_expression_model(**files, output=tmp_path / "model", dtype=torch.float32)


def test_tensors_that_are_left_out_may_have_any_type(released: dict[str, Path], tmp_path: Path) -> None:
    change = types_changed({"combined_modulator.cre_layers.0.m": torch.int64})
    files = {**released, "checkpoint": changed(released["checkpoint"], tmp_path / "changed.pth", change)}
    summary = convert_expression_model(**files, output=tmp_path / "model")
    assert "checkpoint in float32" in summary.parity


def test_weights_that_are_no_numbers_are_refused_by_name(released: dict[str, Path], tmp_path: Path) -> None:
    for value, dtype, message in (
        (float("nan"), None, "gene_projection.* not finite"),
        (float("inf"), torch.bfloat16, "gene_projection.* not finite"),
        (1e30, torch.float16, "gene_projection.* float16 does not have.*another --dtype"),
    ):
        files = {
            **released,
            "checkpoint": changed(
                released["checkpoint"],
                tmp_path / "changed.pth",
                lambda content, value=value: content["state_dict"]["gene_map.weight"][0].fill_(value),
            ),
        }
        with pytest.raises(CheckpointError, match=message):
            convert_expression_model(**files, output=tmp_path / "model", dtype=dtype)
        assert not (tmp_path / "model").exists()


def test_what_was_written_is_compared_before_anything_is_cast(
    released: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rounded(folder: Path, expected: Any, open_tensors: Any, _: Any) -> list[Path]:
        tensors = open_tensors()
        save_file({name: tensors[name].to(torch.bfloat16) for name in expected}, folder / "model.safetensors")
        return [folder / "model.safetensors"]

    monkeypatch.setattr(checkpoints, "write_weights", rounded)
    with pytest.raises(CheckpointError, match="was not written as it is in the checkpoint"):
        convert_expression_model(**released, output=tmp_path / "model")


def test_encoder_file_alone(released: dict[str, Path], tmp_path: Path) -> None:
    files = {name: released[name] for name in ("encoder_checkpoint", "vocabulary")}
    summary = convert_encoder(**files, output=tmp_path / "encoder")
    assert summary.architecture == "VariantFormerForChromatinActivity"
    model = VariantFormerForChromatinActivity.from_pretrained(tmp_path / "encoder")
    source = torch.load(released["encoder_checkpoint"], weights_only=True)["state_dict"]
    for name, tensor in source.items():
        assert torch.equal(model.state_dict()[encoder_parameter_name(name)], tensor)
    assert model.config.tissues == ["t0", "t1", "t2"]


CHANGES = {
    "are missing": lambda content: content["state_dict"].pop("cre_map.weight"),
    "does not have: strange.weight": lambda content: content["state_dict"].update({"strange.weight": torch.ones(1)}),
    "no place in the model": lambda content: content["state_dict"].update(
        with_bias("combined_modulator.cre_layers.7.norm1", (24,))
    ),
    "has shape": lambda content: content["state_dict"].update({"cre_map.weight": torch.ones(24, 8)}),
    "does not know: colour": lambda content: content["hyper_parameters"].update(colour="red"),
    "is not implemented": lambda content: content["hyper_parameters"].update(concat_tissue_context_cres=True),
    "gene_pooling='attention'": lambda content: content["hyper_parameters"].update(gene_pooling="attention"),
    "encoder of width 8": lambda content: content["hyper_parameters"].update(token_dim=8),
}


@pytest.mark.parametrize("message", CHANGES)
def test_checkpoints_that_do_not_fit_are_one_clear_error(
    released: dict[str, Path], tmp_path: Path, message: str
) -> None:
    checkpoint = changed(released["checkpoint"], tmp_path / "changed.pth", CHANGES[message])
    with pytest.raises(CheckpointError, match=message):
        convert_expression_model(**{**released, "checkpoint": checkpoint}, output=tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_a_vocabulary_of_another_size(released: dict[str, Path], tmp_path: Path) -> None:
    content = json.loads(released["vocabulary"].read_text())
    content["model"]["vocab"].popitem()
    content["model"]["merges"].pop()
    (tmp_path / "short.json").write_text(json.dumps(content))
    files = {**released, "vocabulary": tmp_path / "short.json"}
    with pytest.raises(InputError, match=r"short\.json"):
        convert_expression_model(**files, output=tmp_path / "model")


def test_a_folder_that_exists_is_kept(released: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "mine").write_text("x")
    with pytest.raises(InputError, match="already exists"):
        convert_expression_model(**released, output=tmp_path / "model")
    assert [path.name for path in (tmp_path / "model").iterdir()] == ["mine"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("liver: 9\n", "not a whole number from 0 to 3"),
        ("liver: 1\nlung: 1\n", "also that of 'liver'"),
        ("- liver\n", "not a table"),
        ("a: [1\n", "not a YAML file"),
    ],
)
def test_tissue_vocabularies_that_are_wrong(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "tissues.yaml").write_text(text)
    with pytest.raises(InputError, match=message):
        read_tissue_vocabulary(tmp_path / "tissues.yaml", 4)


def test_released_names_that_are_unknown() -> None:
    for name in ("layers.0.weight", "cre_tokenizer.head.weight", "combined_modulator.cre_layers.0.norm9.weight"):
        with pytest.raises(KeyError):
            expression_parameter_name(name)
    with pytest.raises(KeyError):
        encoder_parameter_name("transformer_encoder.0.MHA.weight")


def test_hyper_parameters_of_the_other_heads_and_losses() -> None:
    encoder = encoder_config_from_released(ENCODER | {"loss_fn": ["focal", 2.0], "seq_pool": "mean"})
    assert (encoder.loss_function, encoder.pooling) == ("focal", "mean")
    config = expression_config_from_released(MODEL | {"multi_head": True, "loss_fn": "mse"}, encoder, ["a"] * 4)
    assert (config.multi_head, config.loss_function) == (True, "mse")
    assert expression_parameter_name("tissue_heads.tissue_expressions.2.6.bias") == "head.2.layers.6.bias"


@pytest.fixture
def known(released: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """The vocabularies made here count as the released ones."""
    hashes = released_files.vocabulary_hash(released["vocabulary"]), released_files.tissues_hash(released["tissues"])
    monkeypatch.setattr(released_files, "_VOCABULARY_HASH", hashes[0])
    monkeypatch.setattr(released_files, "_TISSUES_HASH", hashes[1])


def convert_artifacts(folder: Path, *arguments: object) -> str:
    return invoke("convert", "--artifacts", folder, *arguments)


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize("old", [True, False])
def test_artifacts_need_no_other_argument(
    released: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: bool
) -> None:
    artifacts = laid_out(released, tmp_path / "artifacts", old=old, models=("pcg", "ag"))
    monkeypatch.chdir(tmp_path)
    assert "licence of the weights: not known" in convert_artifacts(artifacts)
    for name in ("variantformer-pcg", "variantformer-ag"):
        model = VariantFormerForExpression.from_pretrained(tmp_path / name)
        assert model.config.tissues == ["liver", None, "whole blood", "brain - cortex"]
    assert "left as it is" in convert_artifacts(artifacts)


@pytest.mark.usefixtures("known")
def test_artifacts_without_an_expression_model_give_the_encoder(released: dict[str, Path], tmp_path: Path) -> None:
    artifacts = laid_out(released, tmp_path / "artifacts", old=False, models=())
    convert_artifacts(artifacts, "-o", tmp_path)
    assert VariantFormerForChromatinActivity.from_pretrained(tmp_path / "variantformer-encoder")


def test_artifacts_that_lack_something(released: dict[str, Path], tmp_path: Path) -> None:
    artifacts = laid_out(released, tmp_path / "artifacts", old=False)
    with pytest.raises(InputError, match="not the vocabulary that the released weights were trained with"):
        convert_artifacts(artifacts)
    (artifacts / "model/common/ENCFF234XEZ.bed.gz").unlink()
    with pytest.raises(InputError, match=r"holds none of model/common/ENCFF234XEZ\.bed\.gz.*fetch released"):
        convert_artifacts(artifacts)
    with pytest.raises(InputError, match="not a folder"):
        convert_artifacts(tmp_path / "none")
    with pytest.raises(InputError, match="by itself"):
        convert_artifacts(artifacts, "--genes", released["genes"])


def test_the_released_small_checkpoint_by_its_artifacts(parity: Path, shared: Path, tmp_path: Path) -> None:
    files = {
        "checkpoint": parity / "full/v4_tiny_checkpoint.pth",
        "encoder_checkpoint": parity / "full/pretrained_tokenizers_checkpoint.pth",
        "vocabulary": shared / "vocabulary/bpe_vocabulary_500.json",
        "tissues": shared / "vocabulary/tissue_vocab.yaml",
        "genes": parity / "genome/genes.csv",
        "cres": parity / "genome/cres.bed",
    }
    artifacts = laid_out(files, tmp_path / "artifacts", old=True)
    convert_artifacts(artifacts, "-o", tmp_path)
    card = (tmp_path / "variantformer-pcg/README.md").read_text()
    assert "Parity: read back, all" in card
    predictor = ExpressionPredictor.from_pretrained(tmp_path / "variantformer-pcg", device="cpu")
    some = [gene.gene_id for gene in predictor.gene_table][:2]
    table = predictor.predict(
        parity / "genome/genome.fa", parity / "genome/sampleA.vcf.gz", genes=some, tissues=["liver"], skip_invalid=True
    )
    assert table["log1p_tpm"].notna().any()
