"""Writing a fixture: tensors, with the versions and the command that made them, below a size."""

import importlib.metadata
import json
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save

REPOSITORY = Path(__file__).resolve().parents[1]
MOST_BYTES = 200_000
sys.path.insert(0, str(REPOSITORY / "tests"))


def shapes_of(model: torch.nn.Module) -> dict[str, tuple[int, ...]]:
    """Name -> shape of what a model saves."""
    return {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}


def load(model: torch.nn.Module, weights: dict[str, np.ndarray]) -> None:
    """Give a model all its weights."""
    model.load_state_dict({name: torch.from_numpy(np.array(array)) for name, array in weights.items()})


def write_fixture(name: str, tensors: dict[str, torch.Tensor], packages: tuple[str, ...], **facts: object) -> None:
    """Write ``tests/fixtures/NAME.safetensors``.

    Args:
        name: of the fixture.
        tensors: what the oracle gave.
        packages: whose versions are noted.
        **facts: what the other side needs to know (shapes, settings), as JSON.
    """
    metadata = {
        "command": f"make oracles ORACLES={name}",
        "python": sys.version.split()[0],
        **{package: importlib.metadata.version(package) for package in ("torch", *packages)},
        **{fact: json.dumps(value) for fact, value in facts.items()},
    }
    path = REPOSITORY / "tests" / "fixtures" / f"{name}.safetensors"
    path.parent.mkdir(exist_ok=True)
    content = save({key: tensor.detach().contiguous() for key, tensor in tensors.items()}, metadata=metadata)
    path.write_bytes(in_order(content))
    size = path.stat().st_size
    if size > MOST_BYTES:
        path.unlink()
        raise SystemExit(f"{path} would have {size:,} bytes, at most {MOST_BYTES:,} are allowed")
    sys.stdout.write(f"{path}: {size:,} bytes\n")


def in_order(content: bytes) -> bytes:
    """A safetensors file with its header sorted, which safetensors writes in any order: the same file every time."""
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.dumps(json.loads(content[8:end]), sort_keys=True).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + content[end:]
