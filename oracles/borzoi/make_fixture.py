"""borzoi-pytorch on a small transformer, with its own settings and with those of gReLU 1.0."""

import sys
from pathlib import Path

import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from borzoi_pytorch import Borzoi
from borzoi_pytorch.config_borzoi import BorzoiConfig
from borzoi_pytorch.pytorch_borzoi_transformer import get_positional_embed
from fixture_file import load, shapes_of, write_fixture
from formula_weights import formula_weights, one_hot

SETTINGS = {"dim": 48, "depth": 2, "heads": 2, "attn_dim_key": 16, "attn_dim_value": 24, "bins_to_return": -1}
TRACKS, EVERY = 40, 48
# A 4 x 15 kernel over one-hot DNA sums a quarter of what others do; the position keys make a difference of their own.
SCALES = {"conv_dna": 2.0, "to_rel_k": 3.0, "rel_pos_bias": 3.0, "rel_content_bias": 3.0}
LENGTHS = (1280, 2560)
LENGTH_MULTIPLE = 128


def main() -> None:
    """Write the fixture."""
    torch.set_num_threads(1)
    tensors = {}
    weights = formula_weights(shapes_of(model()), SCALES)
    for length in LENGTHS:
        dna = torch.from_numpy(one_hot(f"borzoi {length}", 1, length)).transpose(1, 2)
        for name in ("borzoi-pytorch", "grelu"):
            oracle = model()  # a new one, for positions of the first length stay
            load(oracle, weights)
            if name == "grelu":
                as_grelu(oracle, length // LENGTH_MULTIPLE)
            with torch.no_grad():
                unet = oracle.get_embs_after_crop(dna)
                tracks, embedding = oracle(dna, return_embeddings=True)
            found = {"unet_output": unet, "last_hidden_state": embedding[:, ::EVERY], "human": tracks}
            tensors.update({f"{name}.{length}.{part}": each.transpose(1, 2) for part, each in found.items()})
    write_fixture(
        "borzoi",
        tensors,
        ("borzoi-pytorch", "transformers"),
        shapes=shapes_of(model()),
        settings=SETTINGS,
        scales=SCALES,
        tracks=TRACKS,
        every=EVERY,
    )


def model() -> Borzoi:
    """A small oracle in evaluation mode."""
    oracle = Borzoi(BorzoiConfig(**SETTINGS))
    oracle.human_head = nn.Conv1d(oracle.human_head.in_channels, TRACKS, 1)
    return oracle.eval()


def as_grelu(oracle: Borzoi, bins: int) -> None:
    """gReLU 1.0's eps, GELU and positions, which are spread over the bins that are read."""
    for module in oracle.modules():
        if isinstance(module, nn.BatchNorm1d | nn.LayerNorm):
            module.eps = 1e-5
        elif isinstance(module, nn.GELU):
            module.approximate = "none"
        elif hasattr(module, "to_rel_k"):
            module.positions = get_positional_embed(bins, bins, module.num_rel_pos_features, "cpu")


if __name__ == "__main__":
    main()
