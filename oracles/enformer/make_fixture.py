"""enformer-pytorch on a small configuration, and rows of its table of gammas."""

import sys
from importlib import resources
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from enformer_pytorch import Enformer, EnformerConfig
from fixture_file import load, shapes_of, write_fixture
from formula_weights import formula_weights, one_hot

# Half the width makes one stem; three classes of features, signed, of 48 / 6 each.
SETTINGS = {
    "dim": 96,
    "depth": 2,
    "heads": 2,
    "output_heads": {"human": 5, "mouse": 3},
    "target_length": -1,
    "attn_dim_key": 8,
    "dim_divisible_by": 16,
}
SCALES = {"to_attn_logits": 2.0, "to_rel_k": 3.0, "rel_pos_bias": 3.0}
LENGTHS = (1152, 2098)
GAMMA_ROWS = 97


def main() -> None:
    """Write the fixture."""
    torch.set_num_threads(1)
    model = Enformer(EnformerConfig(**SETTINGS)).eval()
    shapes = {name: shape for name, shape in shapes_of(model).items() if not name.startswith("_trunk.")}
    weights = formula_weights(shapes, SCALES)
    aliases = {name: weights[alias] for name, alias in aliased(model).items()}
    load(model, {**weights, **aliases})
    tensors = {}
    with torch.no_grad():
        for length in LENGTHS:
            dna = torch.from_numpy(one_hot(f"enformer {length}", 2, length))
            tracks, embedding = model(dna, return_embeddings=True)
            tensors[f"{length}.embedding"] = embedding
            tensors.update({f"{length}.{head}": values for head, values in tracks.items()})
    path = resources.files("enformer_pytorch") / "precomputed" / "tf_gammas.pt"
    table = torch.load(str(path), weights_only=True)
    rows = torch.linspace(0, len(table) - 1, GAMMA_ROWS).round().long()
    tensors["gammas"], tensors["gammas.rows"] = table[rows], rows
    write_fixture(
        "enformer", tensors, ("enformer-pytorch", "transformers"), shapes=shapes, settings=SETTINGS, scales=SCALES
    )


def aliased(model: torch.nn.Module) -> dict[str, str]:
    """Name under ``_trunk.`` -> the tensor's other name."""
    state = model.state_dict()
    own = {tensor.data_ptr(): name for name, tensor in state.items() if not name.startswith("_trunk.")}
    return {name: own[tensor.data_ptr()] for name, tensor in state.items() if name.startswith("_trunk.")}


if __name__ == "__main__":
    main()
