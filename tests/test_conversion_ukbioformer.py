"""UKBioFormer's and UKBioZoi's Lightning checkpoints become folders; their tensors tell the trunk and its depth."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from command_line import invoke
from formula_weights import formula_weights, one_hot, uniform
from published_weights import published
from safetensors.torch import load_file
from torch.nn import functional as F
from ukbioformer_case import WIDTH as VECTOR
from ukbioformer_case import write_ukbiobert

from variantformer_hf.errors import InputError
from variantformer_hf.hub.folder_check import check_folder
from variantformer_hf.modeling import (
    BorzoiForTracks,
    EnformerForTracks,
    UkBioBertConfig,
    UkBioBertForMaskedLM,
    UkBioFormerForExpression,
)
from variantformer_hf.zoo.families import load_gene_model
from variantformer_hf.zoo.model_files import model_identity

pytestmark = pytest.mark.usefixtures("one_thread")

HEAD, MLP = "head.channel_transform.conv.layer", "mlp"
HIDDEN, WIDTH = 7, 2 * VECTOR
TRUNKS = {"enformer": EnformerForTracks, "borzoi": BorzoiForTracks}


class Writes:
    """What writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.path}",)


FIRST = "embedding.transformer_tower.blocks.0."


def weights(trunk: str, depth: int = 1) -> dict[str, torch.Tensor]:
    """A network by its published names, without the prefix; its trunk has as many layers as are asked for."""
    of_trunk = published("grelu", trunk)
    own = {
        f"{HEAD}.weight": (1, of_trunk[f"{HEAD}.weight"].shape[1], 1),
        f"{HEAD}.bias": (1,),
        f"{MLP}.0.weight": (HIDDEN, WIDTH),
        f"{MLP}.0.bias": (HIDDEN,),
        f"{MLP}.2.weight": (1, HIDDEN),
        f"{MLP}.2.bias": (1,),
    }
    for layer in range(1, depth):
        more = {name: tuple(each.shape) for name, each in of_trunk.items() if name.startswith(FIRST)}
        own |= {name.replace(FIRST, FIRST.replace("0", str(layer))): shape for name, shape in more.items()}
    made = {name: torch.from_numpy(each) for name, each in formula_weights(own).items()}
    return {"raw_beta": torch.tensor(0.3), **of_trunk, **made}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a UKBioBERT and a table of genes."""
    folder = tmp_path_factory.mktemp("ukbioformer")
    write_ukbiobert(folder / "ukbiobert")
    (folder / "genes.csv").write_text("gene_id,gene_name,chromosome,start,end,strand\nG1,ONE,chr1,2000,3000,+\n")
    return folder


def words(files: Path, checkpoint: Path, *more: Path | str) -> list[Path | str]:
    return [
        *("--kind", "ukbioformer", "--checkpoint", checkpoint, "--genes", files / "genes.csv"),
        *("--embedding-model", str(files / "ukbiobert"), "--tissue", "Whole_Blood", *more),
    ]


def saved(path: Path, held: dict[str, torch.Tensor], **entries: Any) -> Path:
    """A checkpoint as Lightning writes it."""
    state = {f"model.{name}": each for name, each in held.items()}
    torch.save({"state_dict": state, "epoch": 3, **entries}, path)
    return path


@pytest.mark.parametrize("trunk", TRUNKS)
@pytest.mark.parametrize("depth", [1, 2])
def test_a_checkpoint_gives_the_same_numbers(files: Path, tmp_path: Path, trunk: str, depth: int) -> None:
    held = weights(trunk, depth)
    checkpoint = saved(tmp_path / "w.ckpt", held, hyper_parameters={"data": Writes(tmp_path / "was-run")})
    folder = tmp_path / "model"
    invoke("convert", *words(files, checkpoint, "--window", "1280", "--embedding-window", "640"), "-o", folder)
    assert not (tmp_path / "was-run").exists()
    assert len(check_folder(folder)) == 5  # card, config, weights, genes
    model = UkBioFormerForExpression.from_pretrained(folder).eval()
    config = model.config
    assert (config.backbone, config.n_transformers) == (trunk, depth)
    dna = torch.from_numpy(one_hot(f"ukbioformer {trunk}", 2, 1280))
    embedding = torch.from_numpy(uniform("embedding", (2, WIDTH)))
    torch.save(
        {name: each for name, each in held.items() if name.startswith(("embedding.", HEAD))}, tmp_path / "t.ckpt"
    )
    invoke("convert", "--kind", f"grelu-{trunk}", "--checkpoint", tmp_path / "t.ckpt", "-o", tmp_path / "trunk")
    with torch.inference_mode():
        tracks = TRUNKS[trunk].from_pretrained(tmp_path / "trunk").eval()(dna).tracks["human"]
        found = model(dna, embedding)
    hidden = F.linear(embedding, held["mlp.0.weight"], held["mlp.0.bias"]).relu()
    of_embedding = F.linear(hidden, held["mlp.2.weight"], held["mlp.2.bias"])
    share = torch.sigmoid(held["raw_beta"])
    expected = share * tracks.mean(dim=1) + (1 - share) * of_embedding
    assert torch.allclose(found.logits, expected, atol=1e-6, rtol=1e-5)
    assert not torch.allclose(found.dna_logits, found.embedding_logits, atol=1e-2)
    assert config.embedding_sha256 == model_identity(files / "ukbiobert").sha256
    assert (folder / config.embedding_model).resolve() == files / "ukbiobert"
    assert (config.embedding_size, config.mlp_hidden, config.tissues, config.input_length) == (
        WIDTH,
        HIDDEN,
        ["Whole_Blood"],
        1280,
    )


def changed(**tensors: torch.Tensor | None) -> dict[str, torch.Tensor]:
    """The weights with some changed, or taken away."""
    held = weights("enformer") | {name.replace("__", "."): each for name, each in tensors.items()}
    return {name: each for name, each in held.items() if each is not None}


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "unknown": ({"head__bias": torch.zeros(1)}, r"does not have: head\.bias"),
    "unknown in the MLP": ({"mlp__4__weight": torch.zeros(1, 7)}, r"does not have: mlp\.4\.weight"),
    "no gate": ({"raw_beta": None}, r"1 tensors are missing \(first: gate\)"),
    "no MLP": ({"mlp__0__weight": None}, r"the tensor mlp\.0\.weight is missing"),
    "no head": ({f"{HEAD.replace('.', '__')}__weight": None}, rf"the tensor {HEAD}\.weight is missing"),
    "misshapen": (
        {"mlp__2__weight": torch.zeros(1, 8)},
        r"mlp\.2\.weight has the shape \(1, 8\), by the config it is \(1, 7\)",
    ),
    "a gate of two": ({"raw_beta": torch.zeros(2)}, r"raw_beta has the shape \(2,\)"),
    "not finite": ({"raw_beta": torch.tensor(torch.nan)}, r"raw_beta holds a number that is not finite"),
}


def refused(folder: Path, given: list[Path | str], told: str) -> None:
    """In one line, and nothing is left."""
    with pytest.raises(InputError, match=told) as error:
        invoke("convert", *given, "-o", folder / "model")
    assert "\n" not in str(error.value)
    assert not (folder / "model").exists()


@pytest.mark.parametrize("wrong", WRONG)
def test_weights_that_are_not_the_model_s_are_refused_by_name(files: Path, tmp_path: Path, wrong: str) -> None:
    tensors, told = WRONG[wrong]
    refused(tmp_path, words(files, saved(tmp_path / "w.ckpt", changed(**tensors))), told)


def test_an_object_among_the_weights_and_another_family_are_refused(files: Path, tmp_path: Path) -> None:
    held: dict[str, Any] = weights("enformer") | {"raw_beta": Writes(tmp_path / "was-run")}
    refused(
        tmp_path, words(files, saved(tmp_path / "w.ckpt", held)), r"model\.raw_beta is no tensor but a posix\.system"
    )
    assert not (tmp_path / "was-run").exists()
    other = saved(tmp_path / "w.ckpt", published("enformer"))
    refused(tmp_path, words(files, other), r"holds no tensor embedding\.conv_tower.*another family")


def test_what_the_checkpoint_does_not_say_is_asked_for(files: Path, tmp_path: Path) -> None:
    checkpoint = saved(tmp_path / "w.ckpt", weights("enformer"))
    given = words(files, checkpoint)
    refused(tmp_path, given[:4], "which tissues and genes they are of: --tissue NAME, --genes FILE needed")
    refused(tmp_path, [*given[:6], *given[8:]], "which UKBioBERT made the embeddings .* Give it by --embedding-model")
    refused(tmp_path, [*given, "--tissue", "Liver"], r"conv\.layer\.weight has 1 outputs, and --tissue names 2")
    refused(tmp_path, [*given[:6], "--embedding-model", str(tmp_path / "none"), *given[8:]], "none")
    sizes = {"vocab_size": 16, "hidden_size": 4, "num_hidden_layers": 1, "num_attention_heads": 2}
    UkBioBertForMaskedLM(UkBioBertConfig(**sizes, intermediate_size=8)).save_pretrained(tmp_path / "other")
    other = [*given[:6], "--embedding-model", str(tmp_path / "other"), *given[8:]]
    refused(tmp_path, other, r"other: gives vectors of 8 .*, mlp\.0\.weight reads 16")


def test_heads_and_gate_stay_float32_where_the_trunk_is_written_in_16_bits(files: Path, tmp_path: Path) -> None:
    checkpoint = saved(tmp_path / "w.ckpt", weights("enformer"))
    invoke("convert", *words(files, checkpoint), "--dtype", "bfloat16", "-o", tmp_path / "model")
    written = load_file(tmp_path / "model" / "model.safetensors")
    exact = ("dna_head.", "embedding_head.", "gate")
    types = {
        name.startswith(exact) or ".batch_norm." in name: each.dtype
        for name, each in written.items()
        if each.is_floating_point()
    }
    assert types == {True: torch.float32, False: torch.bfloat16}
    model = load_gene_model(tmp_path / "model", device="cpu")
    assert [each.name for each in model.tissue_names.named] == ["Whole_Blood"]
    assert json.loads((tmp_path / "model" / "config.json").read_text())["companions"].keys() == {"genes.parquet"}
