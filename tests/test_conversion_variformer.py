"""Variformer's Lightning checkpoints become folders, and nothing of the training set that they pickle comes along."""

import json
import re
import struct
import sys
import types
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from command_line import invoke
from formula_weights import formula_weights, one_hot
from published_weights import published, with_aliases
from torch.nn import functional as F

from variantformer_hf.conversion.enformer.names import aliased_name
from variantformer_hf.conversion.variformer.conversion import parameter_name
from variantformer_hf.errors import InputError
from variantformer_hf.hub.folder_check import check_folder
from variantformer_hf.modeling import EnformerForTracks, VariformerConfig, VariformerForExpression
from variantformer_hf.zoo.families import load_gene_model

pytestmark = pytest.mark.usefixtures("one_thread")

DONORS, VALUES = ["GTEX-1117F", "GTEX-ZYY3"], [0.123456789, -1.987654321]
WINDOW = 1_280
TSS_HEADER = "seqnames,starts,ends,set,gene_name,gene_start,diff_next,diff_prev"
TSS = ["chr1,1000,3000,train,ONE,2000,1.0,inf", "chr1,2000,4000,test,TWO/THREE,3000/3040,inf,1.0"]


def weights(outputs: int = 1) -> dict[str, torch.Tensor]:
    """A network by its published names, each tensor of the trunk twice."""
    inner = with_aliases(published("enformer"))
    width = inner["_heads.human.0.weight"].shape[1]
    head = {"to_tracks.0.weight": (outputs, width), "to_tracks.0.bias": (outputs,)}
    made = {f"model.{name}": torch.from_numpy(each) for name, each in formula_weights(head).items()}
    return {**{f"model.enformer.{name}": each for name, each in inner.items()}, **made}


def training_set(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What Variformer's checkpoints pickle: an object of a module ``datasets`` with a table of donors' expression.

    And one that writes a file when it is unpickled.
    """
    module = types.ModuleType("datasets")

    class Donors:
        def __init__(self) -> None:
            self.table = pd.DataFrame({name: [value] for name, value in zip(DONORS, VALUES, strict=True)})
            self.donors, self.hook = DONORS, Writes()

    class Writes:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (folder / "was-run",)

    for kind in (Donors, Writes):
        kind.__module__, kind.__qualname__ = "datasets", kind.__name__
        setattr(module, kind.__name__, kind)
    monkeypatch.setitem(sys.modules, "datasets", module)
    return Donors()


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with the tables that are given beside a checkpoint."""
    (tmp_path / "tss.csv").write_text("\n".join([TSS_HEADER, *TSS]) + "\n")
    (tmp_path / "trained.txt").write_text("ONE\n")
    return tmp_path


def words(files: Path, state: dict[str, Any], *more: Path | str, **entries: Any) -> list[Path | str]:
    """Words of the command for a checkpoint as Lightning writes it."""
    torch.save({"state_dict": state, "epoch": 3, **entries}, files / "w.ckpt")
    return [
        *("--kind", "variformer", "--checkpoint", files / "w.ckpt", "--genes", files / "tss.csv"),
        *("--trained-genes", files / "trained.txt", "--tissue", "Whole_Blood", "--window", str(WINDOW), *more),
    ]


def converted(files: Path, *given: Path | str) -> Path:
    invoke("convert", *given, "-o", files / "model")
    return files / "model"


def test_a_checkpoint_gives_the_numbers_of_the_centre_bin(files: Path) -> None:
    state = weights(outputs=2)
    model = VariformerForExpression.from_pretrained(converted(files, *words(files, state, "--tissue", "Lung"))).eval()
    torch.save(dict(published("enformer")), files / "pytorch_model.bin")
    (files / "config.json").write_text(json.dumps({"dim": 96, "depth": 2, "heads": 2, **settings()}))
    invoke("convert", files, "--kind", "enformer", "-o", files / "enformer")
    dna = torch.from_numpy(one_hot("variformer", 2, WINDOW))
    with torch.inference_mode():
        states = EnformerForTracks.from_pretrained(files / "enformer").eval()(dna).last_hidden_state
        found = model(dna).logits
    head = (state[f"model.to_tracks.0.{part}"] for part in ("weight", "bias"))
    assert torch.allclose(found, F.linear(states[:, states.shape[1] // 2], *head), atol=1e-6, rtol=1e-5)
    assert found.shape == (2, 2) and found.abs().max() > 1e-2


def settings() -> dict[str, Any]:
    from published_weights import fixture

    return dict(fixture("enformer")[0]["settings"])


def test_nothing_of_the_training_set_is_run_or_reaches_the_folder(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = weights()
    # A view of donors' values, as a careless slice may be.
    around = torch.cat([torch.tensor(VALUES), state["model.to_tracks.0.bias"], torch.tensor(VALUES)])
    state["model.to_tracks.0.bias"] = around[2:3]
    held = {"train_ds": training_set(files, monkeypatch), "y": torch.tensor(VALUES)}
    given = words(files, state, hyper_parameters=held, callbacks={DONORS[0]: VALUES})
    monkeypatch.setitem(sys.modules, "datasets", None)  # an import of it would fail
    folder = converted(files, *given)
    assert not (files / "was-run").exists()
    secrets = [each.encode() for each in DONORS]
    secrets += [struct.pack(kind, value) for kind in ("<f", ">d", "<d") for value in VALUES]
    secrets += [f"{value:.6f}".encode() for value in VALUES]
    assert all(secret in (files / "w.ckpt").read_bytes() for secret in secrets[:6])
    for path in folder.iterdir():
        content = path.read_bytes()
        assert not any(secret in content for secret in secrets), path.name
    assert torch.equal(VariformerForExpression.from_pretrained(folder).head.bias.detach(), around[2:3])


def test_the_folder_predicts_genes_and_knows_which_it_was_trained_on(files: Path) -> None:
    folder = converted(files, *words(files, weights()))
    model = load_gene_model(folder, device="cpu")
    assert [each.name for each in model.tissue_names.named] == ["Whole_Blood"]
    assert [gene.gene_id for gene in model.gene_table] == ["ONE", "TWO/THREE"]
    assert (model.config.genes, model.config.sequence_length, model.config.gamma_norm) == (["ONE"], WINDOW, "feature")
    assert {path.name for path in check_folder(folder)} == {
        "README.md",
        "config.json",
        "genes.parquet",
        "model.safetensors",
        "processor_config.json",
    }
    card = (folder / "README.md").read_text()
    assert "second names of the trunk's tensors (139)" in card
    assert "heads of the original Enformer, which are not read (4)" in card


def test_the_original_heads_are_written_where_they_are_asked_for(files: Path) -> None:
    model = VariformerForExpression.from_pretrained(converted(files, *words(files, weights(), "--keep-heads")))
    weight = weights()["model.enformer._heads.mouse.0.weight"]
    assert torch.equal(model.heads["mouse"].weight.detach(), weight)
    assert model.config.tracks == {"human": 5, "mouse": 3} and model.config.keep_reference_heads


def test_a_checkpoint_of_full_size_has_572_tensors_of_which_289_are_left() -> None:
    with torch.device("meta"):
        model = VariformerForExpression(VariformerConfig(keep_reference_heads=True))
    small = [name.removeprefix("model.") for name in weights() if ".transformer.1." not in name]
    first = re.compile(r"((?:_trunk\.4|transformer)\.)0\.")
    names = [first.sub(rf"\g<1>{layer}.", name) for name in small if "._trunk.4.1." not in name for layer in range(11)]
    assert len(set(names)) == 572
    kept = {name for name in names if aliased_name(name.removeprefix("enformer.")) is None}
    assert len(kept) == 289
    assert {parameter_name(name) for name in kept} == set(model.state_dict())
    assert sum(each.numel() for each in model.parameters()) == 251_224_365


def refused(files: Path, given: list[Path | str], told: str) -> None:
    """In one line, and nothing is left."""
    with pytest.raises(InputError, match=told) as error:
        converted(files, *given)
    assert "\n" not in str(error.value)
    assert not (files / "model").exists()


def changed(**tensors: Any) -> dict[str, Any]:
    held = weights() | {f"model.{name.replace('__', '.')}": each for name, each in tensors.items()}
    return {name: each for name, each in held.items() if each is not None}


ALIAS = "enformer___trunk__6__1__2__bias"
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "unknown": ({"to_tracks__1__bias": torch.zeros(1)}, r"does not have: to_tracks\.1\.bias"),
    "unknown in the trunk": ({"enformer__stem__3__bias": torch.zeros(1)}, r"does not have: enformer\.stem\.3\.bias"),
    "of another part": ({"stem__0__bias": torch.zeros(48)}, r"does not have: stem\.0\.bias"),
    "an alias of nothing": ({"enformer___trunk__9__bias": torch.zeros(1)}, r"enformer\._trunk\.9\.bias"),
    "an alias that is not equal": (
        {"enformer__stem__0__bias": torch.zeros(48)},
        r"enformer\._trunk\.1\.0\.bias is not equal to enformer\.stem\.0\.bias",
    ),
    "an alias without its tensor": (
        {"enformer__final_pointwise__1__2__bias": None},
        r"enformer\._trunk\.6\.1\.2\.bias copies enformer\.final_pointwise\.1\.2\.bias, which is missing",
    ),
    "missing": (
        {"enformer__final_pointwise__1__2__bias": None, ALIAS: None},
        r"1 tensors are missing \(first: trunk\.final\.conv\.bias\)",
    ),
    "no head": ({"to_tracks__0__weight": None}, r"the tensor to_tracks\.0\.weight is missing"),
    "misshapen": (
        {"to_tracks__0__weight": torch.zeros(1, 7)},
        r"to_tracks\.0\.weight has the shape \(1, 7\), by the config it is \(1, 192\)",
    ),
    "an object": ({"to_tracks__0__bias": {"a": 1}}, r"model\.to_tracks\.0\.bias is no tensor but a dict"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_weights_that_are_not_the_model_s_are_refused_by_name(files: Path, wrong: str) -> None:
    tensors, told = WRONG[wrong]
    refused(files, words(files, changed(**tensors)), told)


def test_an_object_among_the_weights_is_refused_and_not_made(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = training_set(files, monkeypatch)
    refused(files, words(files, changed(to_tracks__0__bias=held.hook)), r"to_tracks\.0\.bias is no tensor but a")
    refused(files, words(files, changed(to_tracks__0__bias=held)), r"is no tensor but a datasets\.Donors")
    assert not (files / "was-run").exists()


def test_files_of_other_kinds_and_names_that_do_not_fit_are_refused(files: Path) -> None:
    given = words(files, weights())
    refused(files, given[:6], "--tissue NAME, --trained-genes FILE needed")
    refused(files, [*given, "--tissue", "Lung"], "has 1 outputs, and --tissue names 2: Whole_Blood, Lung")
    refused(files, [*given, "--tissue", "Whole_Blood"], "names one twice")
    (files / "trained.txt").write_text("ONE\nNONE\n")
    refused(files, given, r"trained\.txt: 1 genes are not in tss\.csv: NONE")
    refused(files, [*given, "--head", "human"], "'variformer' have no use for --head")
    other = {f"model.{name}": each for name, each in published("grelu", "enformer").items()}
    refused(files, words(files, other), r"holds no tensor enformer\.stem\.0\.weight: it is of another family")
    content = (files / "w.ckpt").read_bytes()
    (files / "w.ckpt").write_bytes(content[: len(content) // 2])
    refused(files, given, r"w\.ckpt: cannot be read as a PyTorch file")
