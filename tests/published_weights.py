"""Weights of other libraries' networks by their names: those that the oracles' fixtures were made with."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from formula_weights import formula_weights
from safetensors import safe_open

FIXTURES = Path(__file__).parent / "fixtures"
TRUNK_OF_ALIAS = {"stem.": "1.", "conv_tower.": "2.", "transformer.": "4.", "final_pointwise.": "6."}


@cache
def fixture(name: str) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Facts and outputs of an oracle."""
    with safe_open(FIXTURES / f"{name}.safetensors", "pt") as file:
        metadata = file.metadata()
        facts = {key: json.loads(text) for key, text in metadata.items() if text[0] in "{[" or text.isdigit()}
        return facts, {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 -- not a dict


@cache
def published(name: str, part: str | None = None) -> dict[str, torch.Tensor]:
    """An oracle's weights by its names."""
    facts, _ = fixture(name)
    shapes = facts["shapes"] if part is None else facts["shapes"][part]
    return {key: torch.from_numpy(np.array(each)) for key, each in formula_weights(shapes, facts["scales"]).items()}


def with_aliases(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """As enformer-pytorch saves them: every tensor of the trunk twice."""
    aliases = {
        f"_trunk.{number}{name.removeprefix(part)}": tensor
        for name, tensor in weights.items()
        for part, number in TRUNK_OF_ALIAS.items()
        if name.startswith(part)
    }
    assert len(aliases) == len(weights) - 4  # two heads
    return {**weights, **aliases}
