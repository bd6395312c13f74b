"""gReLU's Enformer and Borzoi on small configurations: its names, and its settings of Borzoi."""

import sys
from pathlib import Path

import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fixture_file import load, shapes_of, write_fixture
from formula_weights import formula_weights, one_hot
from grelu.model.models import BorzoiModel, EnformerModel

TASKS, LENGTH = 3, 1280
# Behind Borzoi's U-net so large that the two kinds of GELU, 5e-4 apart at most, are told apart.
SCALES = {"to_pos_k": 2.0, "rel_pos_bias": 2.0, "unet_tower": 1.2}


def enformer() -> nn.Module:
    """A small Enformer."""
    return EnformerModel(TASKS, channels=384, n_transformers=1, n_heads=4, key_len=8, final_pool_func=None)


def borzoi() -> nn.Module:
    """A small Borzoi."""
    return BorzoiModel(
        TASKS,
        stem_channels=32,
        init_channels=64,
        channels=96,
        n_transformers=1,
        key_len=16,
        value_len=24,
        n_heads=2,
        n_pos_features=32,
        crop_len=0,
        final_pool_func=None,
    )


def main() -> None:
    """Write the fixture."""
    torch.set_num_threads(1)
    tensors, shapes = {}, {}
    dna = torch.from_numpy(one_hot(f"grelu {LENGTH}", 1, LENGTH)).transpose(1, 2)
    for name, make in (("enformer", enformer), ("borzoi", borzoi)):
        model = make().eval()
        shapes[name] = shapes_of(model)
        load(model, formula_weights(shapes[name], SCALES))
        with torch.no_grad():
            embedding = model.embedding(dna)
            tracks = model.head(embedding)
        tensors[f"{name}.embedding"], tensors[f"{name}.human"] = embedding.transpose(1, 2), tracks.transpose(1, 2)
    write_fixture("grelu", tensors, ("gReLU", "enformer-pytorch"), shapes=shapes, scales=SCALES, length=LENGTH)


if __name__ == "__main__":
    main()
