"""EPInformer's checkpoints of training become folders: every tensor by name, the same numbers as the layout gives."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from command_line import invoke
from epinformer_case import gene_features, gene_table, write_elements
from safetensors.numpy import save_file
from torch import nn
from torch.nn import functional as F

from variantformer_hf.errors import InputError
from variantformer_hf.hub.folder_check import check_folder
from variantformer_hf.modeling import EPInformerModel
from variantformer_hf.zoo.epinformer.gene_model import EPInformerGeneModel
from variantformer_hf.zoo.families import load_gene_model

pytestmark = pytest.mark.usefixtures("one_thread")

WIDTHS, DILATED, CHANNELS, PER_CHANNEL, LAYERS, ELEMENTS = [6, 5, 4, 4, 5], 4, 4, 2, 2, 3
HIDDEN, BASES, GENE, EMBEDDING, FEATURES = CHANNELS * PER_CHANNEL, 448, 9, 5, 3


class Layout(nn.Module):
    """The modules of the published network under their names, small, and what they compute."""

    def __init__(self, features: int = FEATURES, known: int = GENE + EMBEDDING) -> None:
        super().__init__()
        self.seq_encoder = nn.Module()
        self.seq_encoder.stem_conv = nn.Sequential(nn.Conv2d(4, WIDTHS[0], (1, 8), padding="same"), nn.ELU())
        tower: list[nn.Module] = []
        for before, width in pairwise(WIDTHS):
            conv = nn.Conv2d(before, width, (1, 3), padding=(0, 1))
            tower += [nn.Sequential(conv, nn.BatchNorm2d(width), nn.ELU(), nn.MaxPool2d((1, 2), (1, 2)))]
            tower += [nn.Sequential(nn.Conv2d(width, width, (1, 1)), nn.ELU())]
        self.seq_encoder.conv_tower = nn.ModuleList(tower)
        behind: list[nn.Module] = []
        for before, width, kernel, dilation in (
            (WIDTHS[-1], DILATED, 3, 2),
            (DILATED, DILATED, 3, 4),
            (DILATED, DILATED, 3, 6),
            (DILATED, CHANNELS, 1, 1),
        ):
            conv = nn.Conv2d(before, width, (1, kernel), dilation=(1, dilation))
            behind += [conv, nn.BatchNorm2d(width), nn.ELU()]
        self.conv_out = nn.Sequential(*behind, nn.Linear(BASES // 16 - 24, PER_CHANNEL), nn.ELU())
        first, second = nn.Conv1d(HIDDEN + features, HIDDEN, 1), nn.Conv1d(HIDDEN, HIDDEN, 1)
        self.add_pos_conv = nn.Sequential(first, nn.ReLU(), second, nn.ReLU())
        self.attn_encoder = nn.ModuleList()
        for _ in range(LAYERS):
            layer = nn.Module()
            layer.self_attn = nn.MultiheadAttention(HIDDEN, 4, batch_first=True)
            layer.norm1, layer.norm2 = nn.LayerNorm(HIDDEN), nn.LayerNorm(HIDDEN)
            layer.ff = nn.Sequential(nn.Linear(HIDDEN, 12), nn.ReLU(), nn.Linear(12, HIDDEN))
            self.attn_encoder.append(layer)
        maps = [nn.Linear(HIDDEN + known, 10), nn.ReLU(), nn.Linear(10, 10), nn.ReLU(), nn.Linear(10, 1)]
        self.pToExpr = nn.Sequential(*maps)

    def forward(self, dna: torch.Tensor, of_elements: torch.Tensor, of_gene: torch.Tensor) -> torch.Tensor:
        """(B, 1 + N, L, 4), (B, 1 + N, F), (B, G + E) -> (B, 1)."""
        states = self.seq_encoder.stem_conv(dna.permute(0, 3, 1, 2))
        for halving, residual in zip(*[iter(self.seq_encoder.conv_tower)] * 2, strict=True):
            states = halving(states)
            states = residual(states) + states
        vectors = self.conv_out(states).transpose(1, 2).flatten(2)
        vectors = self.add_pos_conv(torch.cat([vectors, of_elements], dim=-1).mT).mT
        hidden = ~torch.eye(dna.shape[1], dtype=torch.bool)
        hidden[0] = hidden[:, 0] = False
        empty = dna.sum(dim=(2, 3)) == 0
        for layer in self.attn_encoder:
            normed = layer.norm1(vectors)
            vectors = vectors + layer.self_attn(normed, normed, normed, key_padding_mask=empty, attn_mask=hidden)[0]
            vectors = vectors + layer.ff(layer.norm2(vectors))
        return self.pToExpr(torch.cat([vectors[:, 0], of_gene], dim=-1))


def layout(**sizes: int) -> Layout:
    """With weights and statistics that are not those of a new network."""
    torch.manual_seed(0)
    made = Layout(**sizes).eval()
    for name, buffer in made.named_buffers():
        if buffer.is_floating_point():
            buffer.copy_(torch.rand_like(buffer) + (0.5 if name.endswith("running_var") else -0.5))
    return made


def saved(path: Path, weights: dict[str, Any]) -> Path:
    """A checkpoint as its training writes it."""
    torch.save({"epoch": 7, "model_state_dict": weights, "loss": torch.tensor(0.5)}, path)
    return path


def words(checkpoint: Path, *more: str) -> list[Path | str]:
    return ["--kind", "epinformer", "--checkpoint", checkpoint, *(more or ("--tissue", "K562"))]


@pytest.mark.parametrize("embedding", [0, EMBEDDING])
@pytest.mark.parametrize("features", [1, 3])
def test_a_checkpoint_gives_the_same_numbers(tmp_path: Path, embedding: int, features: int) -> None:
    made = layout(features=features, known=GENE + embedding)
    folder = tmp_path / "model"
    invoke("convert", *words(saved(tmp_path / "w.pt", made.state_dict())), "-o", folder)
    model = EPInformerModel.from_pretrained(folder).eval()
    letters = torch.randint(4, (2, 1 + ELEMENTS, BASES), generator=torch.Generator().manual_seed(1))
    dna = F.one_hot(letters, 4).float()
    dna[0, 2:] = 0  # empty elements
    of_elements, of_gene = torch.rand(2, 1 + ELEMENTS, features), torch.rand(2, GENE + embedding)
    vectors = of_gene[:, GENE:] if embedding else None
    with torch.inference_mode():
        found = model(dna, of_elements, of_gene[:, :GENE], vectors).logits
        expected = made(dna, of_elements, of_gene)
    assert torch.allclose(found, expected, atol=1e-6, rtol=1e-5)
    config = model.config
    assert (config.element_length, config.num_element_features, config.embedding_size) == (BASES, features, embedding)
    assert (config.num_hidden_layers, config.conv_channels, config.tissues) == (LAYERS, WIDTHS, ["K562"])
    assert sum(each.numel() for each in model.parameters()) == sum(each.numel() for each in made.parameters())
    card = (folder / "README.md").read_text()
    assert "entries of the training run beside its weights, which were not read (2)" in card


def test_maps_that_an_older_version_did_not_use_are_left_out(tmp_path: Path) -> None:
    weights = layout().state_dict()
    older = weights | {
        "attn_encoder.1.linear1.weight": torch.zeros(32, 8),
        "attn_encoder.1.linear1.bias": torch.zeros(32),
    }
    invoke("convert", *words(saved(tmp_path / "w.pt", older)), "-o", tmp_path / "model")
    assert "maps of layers that no number goes through (2)" in (tmp_path / "model" / "README.md").read_text()
    EPInformerModel.from_pretrained(tmp_path / "model")


def without(*names: str, **more: torch.Tensor) -> dict[str, torch.Tensor]:
    weights = {name: each for name, each in layout().state_dict().items() if not any(part in name for part in names)}
    return weights | {name.replace("__", "."): each for name, each in more.items()}


WRONG: dict[str, tuple[dict[str, torch.Tensor], str]] = {
    "unknown": (without(embedToAct__1__weight=torch.zeros(1)), r"does not have: embedToAct\.1\.weight"),
    "unknown in a layer": (without(attn_encoder__0__norm3__bias=torch.zeros(8)), r"attn_encoder\.0\.norm3\.bias"),
    "of a network without a LayerNorm": (
        without(".ff.", ".norm", attn_encoder__0__linear1__weight=torch.zeros(12, 8)),
        r"the tensor attn_encoder\.0\.ff\.0\.weight is missing",
    ),
    "of a network without BatchNorm": (without("conv_out.1.", "conv_out.4."), r"\(first: encoder\.dilated\.0\.batch"),
    "missing": (without("pToExpr.2.bias"), r"1 tensors are missing \(first: head\.second\.bias\)"),
    "misshapen": (
        without(add_pos_conv__2__weight=torch.zeros(8, 7, 1)),
        r"add_pos_conv\.2\.weight has the shape \(8, 7, 1\), by the config it is \(8, 8\)",
    ),
    "of another family": (without("seq_encoder"), r"holds no tensor seq_encoder\.stem_conv\.0\.weight"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_weights_that_are_not_the_model_s_are_refused_by_name(tmp_path: Path, wrong: str) -> None:
    weights, told = WRONG[wrong]
    with pytest.raises(InputError, match=told) as error:
        invoke("convert", *words(saved(tmp_path / "w.pt", weights)), "-o", tmp_path / "model")
    assert "\n" not in str(error.value) and not (tmp_path / "model").exists()


def tables(folder: Path) -> list[Path | str]:
    """Words of the command for genes, elements, features and embeddings."""
    write_elements(folder / "elements.tsv")
    gene_table().save(folder / "genes.parquet")
    features = gene_features(EMBEDDING)
    rows = [[gene, *map(str, values)] for gene, values in zip(features.gene_ids, features.values, strict=True)]
    lines = [["gene_id", *features.names], *rows]
    (folder / "features.tsv").write_text("".join("\t".join(line) + "\n" for line in lines))
    save_file({"embedding": features.embeddings}, folder / "vectors.safetensors")
    (folder / "vectors.tsv").write_text("".join(f"{gene}\n" for gene in ("gene_id", *features.gene_ids)))
    return [
        *("--genes", folder / "genes.parquet", "--elements", folder / "elements.tsv"),
        *("--gene-features", folder / "features.tsv", "--gene-embeddings", folder / "vectors.safetensors"),
    ]


def test_with_genes_elements_and_features_the_folder_predicts_people(tmp_path: Path) -> None:
    checkpoint = saved(tmp_path / "w.pt", layout().state_dict())
    given = [*words(checkpoint), *tables(tmp_path)]
    invoke("convert", *given, "-o", tmp_path / "model")
    model = load_gene_model(tmp_path / "model", device="cpu")
    assert isinstance(model, EPInformerGeneModel)
    assert (
        [each.name for each in model.tissue_names.named],
        len(model.elements),
        model.gene_features.embedding_size,
    ) == (
        ["K562"],
        4,
        EMBEDDING,
    )
    assert len(check_folder(tmp_path / "model")) == 7
    for place, told in ((-4, "--gene-features is missing"), (-2, "vectors have 0 numbers, and the model reads 5")):
        with pytest.raises(InputError, match=told):
            invoke("convert", *given[:place], "-o", tmp_path / "other")
        assert not (tmp_path / "other").exists()


def test_its_output_is_named(tmp_path: Path) -> None:
    checkpoint = saved(tmp_path / "w.pt", layout().state_dict())
    with pytest.raises(InputError, match=r"--tissue names 2\. Name it, such as --tissue K562"):
        invoke("convert", *words(checkpoint, "--tissue", "A", "--tissue", "B"), "-o", tmp_path / "model")
