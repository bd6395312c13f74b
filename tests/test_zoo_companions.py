"""Tokenizer, geometry and tables belong to the weights they lie beside: another model's are refused by name."""

import json
import logging
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from command_line import invoke
from safetensors.torch import load_file, save_file
from small_model import SmallWorld, small_world

from variantformer_hf import ExpressionPredictor, GeneTable
from variantformer_hf.analysis import VariantScorer
from variantformer_hf.errors import InputError
from variantformer_hf.hub.folder_check import refresh_model_code
from variantformer_hf.inference.windows import model_windows
from variantformer_hf.zoo.companions import COMPANIONS, write_companions
from variantformer_hf.zoo.model_files import all_finite, model_file
from variantformer_hf.zoo.variantformer.companions import companion_digests
from variantformer_hf.zoo.variantformer.loading import load_encoder, load_expression_model

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[SmallWorld, Path, Path]:
    """A world, its model's folder, and the folder of another model."""
    world = small_world(tmp_path_factory.mktemp("one"))
    folders = []
    for name, seed in (("model", 0), ("other", 1)):
        made = world if seed == 0 else small_world(tmp_path_factory.mktemp("two"), seed)
        if seed:
            made.predictor.model.processor.cre_radius = 1_400
            genes = [
                replace(gene, gene_name=gene.gene_name.replace("MINUS", "LESS")) for gene in made.predictor.gene_table
            ]
            made.predictor.model.gene_table = GeneTable(genes)
        folders.append(made.save(world.folder / name))
        assert set(write_companions(folders[-1])) == set(COMPANIONS)
    return world, folders[0], folders[1]


@pytest.fixture
def model(made: tuple[SmallWorld, Path, Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(made[1], tmp_path / "model"))


@pytest.mark.parametrize("name", COMPANIONS)
def test_a_file_of_another_model_is_refused_with_both_names(
    made: tuple[SmallWorld, Path, Path], model: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    ExpressionPredictor.from_pretrained(model, device="cpu")
    assert not caplog.records
    shutil.copyfile(made[2] / name, model / name)
    for load in (ExpressionPredictor.from_pretrained, VariantScorer.from_pretrained):
        with pytest.raises(InputError, match=rf"{name}: does not belong to the model {model} .*--force-companions"):
            load(model, device="cpu")
    with pytest.raises(InputError, match="does not belong"):
        model_windows(model, made[0].reference.path)
    with caplog.at_level(logging.WARNING):
        ExpressionPredictor.from_pretrained(model, device="cpu", force_companions=True)
    assert caplog.text.count(f"{name}: does not belong to the model") == 1
    arguments = ["--fasta", str(made[0].reference.path), "-o", str(model.parent / "o.csv"), "--device", "cpu"]
    with pytest.raises(InputError, match="does not belong to the model"):
        invoke("predict", model, *arguments)
    assert "o.csv" in invoke("predict", model, *arguments, "--force-companions")
    with pytest.raises(InputError, match="does not belong"):
        refresh_model_code(model)


def test_a_config_edited_by_hand_says_so(model: Path) -> None:
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps(config | {"layer_norm_eps": 1e-3}))
    with pytest.raises(
        InputError, match=r"config\.json: was changed after it was written, .* Undo .*--force-companions"
    ):
        ExpressionPredictor.from_pretrained(model, device="cpu")
    ExpressionPredictor.from_pretrained(model, device="cpu", force_companions=True)


def test_a_folder_of_an_older_version_loads_with_one_warning(model: Path, caplog: pytest.LogCaptureFixture) -> None:
    config = json.loads((model / "config.json").read_text())
    del config["companions"]
    (model / "config.json").write_text(json.dumps(config))
    with caplog.at_level(logging.WARNING):
        ExpressionPredictor.from_pretrained(model, device="cpu")
    assert [record.getMessage().startswith(f"{model}: its config.json has no hashes") for record in caplog.records] == [
        True
    ]
    refresh_model_code(model)
    caplog.clear()
    ExpressionPredictor.from_pretrained(model, device="cpu")
    assert not caplog.records


def test_what_is_loaded_and_saved_again_is_whole(made: tuple[SmallWorld, Path, Path], tmp_path: Path) -> None:
    predictor = ExpressionPredictor.from_pretrained(made[1], device="cpu")
    again = SmallWorld(made[0].folder, "", predictor, made[0].reference).save(tmp_path / "again")
    ExpressionPredictor.from_pretrained(again, device="cpu")
    for name in COMPANIONS:
        assert (again / name).read_bytes() == (made[1] / name).read_bytes(), name
    # Trained on, and with the config of a new model: no hash of before stands in the way.
    with torch.no_grad():
        next(predictor.model.network.parameters()).add_(1)
    predictor.model.network.save_pretrained(again)
    ExpressionPredictor.from_pretrained(again, device="cpu")
    predictor.model.network.config.companions = None
    predictor.model.network.save_pretrained(again)
    ExpressionPredictor.from_pretrained(again, device="cpu")


def test_a_run_does_not_go_on_with_another_table(made: tuple[SmallWorld, Path, Path], tmp_path: Path) -> None:
    world, one, other = made
    fasta, parts = world.reference.path, tmp_path / "parts"
    scorer = VariantScorer.from_pretrained(one, device="cpu")
    ExpressionPredictor(scorer.model).predict(fasta, genes=["PLUS"])
    base = world.genome[1_999]
    variants = [f"chr1:2000:{base}>{'C' if base != 'C' else 'A'}"]
    ExpressionPredictor(scorer.model).run(fasta, genes=["PLUS"], parts=parts)
    scorer.run(variants, world.reference, parts=tmp_path / "effects")
    for name in COMPANIONS:
        changed = Path(shutil.copytree(one, tmp_path / f"with {name}"))
        shutil.copyfile(other / name, changed / name)
        mixed = VariantScorer.from_pretrained(changed, device="cpu", force_companions=True)
        assert mixed.model.identity.sha256 == scorer.model.identity.sha256
        with pytest.raises(InputError, match="another run"):
            ExpressionPredictor(mixed.model).run(fasta, genes=["PLUS"], parts=parts)
        with pytest.raises(InputError, match="another run"):
            mixed.run(variants, world.reference, parts=tmp_path / "effects")
    same = VariantScorer.from_pretrained(Path(shutil.copytree(one, tmp_path / "model")), device="cpu")
    ExpressionPredictor(same.model).run(fasta, genes=["PLUS"], parts=parts)


def test_digests_follow_content(made: tuple[SmallWorld, Path, Path]) -> None:
    one, again, other = (
        ExpressionPredictor.from_pretrained(path, device="cpu").model for path in (made[1], made[1], made[2])
    )
    digests = [companion_digests(each.processor, each.gene_table, each.cre_table) for each in (one, again, other)]
    assert digests[0] == digests[1]
    differ = [name for name in digests[0] if digests[0][name] != digests[2][name]]
    assert differ == ["tokenizer", "processor", "genes", "cres"]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_a_weight_that_is_no_number_is_named(model: Path, value: float, dtype: torch.dtype) -> None:
    weights = {name: tensor.to(dtype) for name, tensor in load_file(model / "model.safetensors").items()}
    name = sorted(weights)[len(weights) // 2]
    weights[name].view(-1)[-1] = value
    save_file(weights, model / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InputError, match=rf"the weight {name} holds NaN or infinite values"):
        load_expression_model(model, dtype=dtype)


def test_large_numbers_are_numbers() -> None:
    assert all_finite(torch.full((1_000,), 6e4, dtype=torch.float16))
    assert all_finite(torch.tensor([3e38, 3e38]))
    assert not all_finite(torch.tensor([float("inf"), float("-inf")]))
    assert all_finite(torch.zeros(0))
    assert all_finite(torch.ones(3, dtype=torch.int64))


def test_a_stage_1_encoder_is_loaded_strictly(model: Path, tmp_path: Path) -> None:
    from variantformer_hf.modeling import VariantFormerEncoderConfig, VariantFormerForChromatinActivity

    config = VariantFormerEncoderConfig(
        vocab_size=20,
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=8,
        use_temperature=True,
    )
    VariantFormerForChromatinActivity(config).save_pretrained(tmp_path / "encoder")
    assert load_encoder(tmp_path / "encoder", dtype=torch.float32).config.hidden_size == 8
    weights = load_file(tmp_path / "encoder" / "model.safetensors")
    for damage in ({"encoder.odd": torch.ones(1)}, {"encoder.pooling.weight": torch.ones(9, 9)}):
        save_file({**weights, **damage}, tmp_path / "encoder" / "model.safetensors", metadata={"format": "pt"})
        with pytest.raises(InputError, match="missing, unknown or of another shape"):
            load_encoder(tmp_path / "encoder", dtype=torch.float32)


def test_one_error_and_no_report_of_transformers_before_it(
    model: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    weights = load_file(model / "model.safetensors")
    weights.pop(sorted(weights)[0])
    save_file({**weights, "odd": torch.ones(1)}, model / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InputError, match="2 weights are missing, unknown"):
        load_expression_model(model, dtype=torch.float32)
    captured = capfd.readouterr()
    assert "REPORT" not in captured.err + captured.out + caplog.text


def closed(path: Path) -> Callable[..., object]:
    def refuse(self: Path, *arguments: object, **options: object) -> object:
        if self == path:
            raise PermissionError(13, "Permission denied", str(self))
        return opened(self, *arguments, **options)  # type: ignore[call-overload]

    opened = Path.open
    return refuse


def test_no_permission_is_told_from_no_such_file(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "open", closed(model / "genes.parquet"))
    with pytest.raises(InputError, match=r"genes.parquet: you have no permission to read it.*chmod"):
        model_file(model, "genes.parquet")
    with pytest.raises(InputError, match=r"the model has no file cres2\.parquet"):
        model_file(model, "cres2.parquet")

    def no_entry(self: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "is_dir", no_entry)
    with pytest.raises(InputError, match="no permission"):
        model_file(model, "config.json")
