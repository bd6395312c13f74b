"""multimolecule's DNABERT-2 with the weights of a folder as the Hub has it: ``run_released.py FOLDER OUTPUT``."""

import json
import sys
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from make_fixture import SETTINGS, multimolecule, outputs
from safetensors.torch import load_file, save_file

# Tokens of an input, tokens of its second sequence, and which of them are kept.
CASES = ((16, 11, 1), (128, 77, 1), (1024, 613, 7))


def main(folder: Path, output: Path) -> None:
    """Write what it gives, as a fixture has it."""
    config = json.loads((folder / "config.json").read_text())
    settings = {name: config.get(name, SETTINGS[name]) for name in SETTINGS}
    tensors = outputs(multimolecule(settings, weights_of(folder)), CASES)
    every = json.dumps({str(length): each for length, _, each in CASES})
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, output, metadata={"every": every})


def weights_of(folder: Path) -> dict[str, np.ndarray]:
    """The tensors of a checkpoint by their names in it."""
    path = folder / "model.safetensors"
    tensors = load_file(path) if path.is_file() else torch.load(folder / "pytorch_model.bin", weights_only=True)
    return {name: tensor.float().numpy() for name, tensor in tensors.items()}


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
