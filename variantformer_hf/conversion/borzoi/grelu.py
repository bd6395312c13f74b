"""Names of gReLU's Borzoi."""

import re
from typing import Any

from ..enformer.grelu import grelu_shared_name, grelu_sizes
from ..published_tensors import PublishedTensors

# gReLU 1.0's, see BorzoiConfig; it has no dropout.
_SETTINGS: dict[str, Any] = {
    "norm_eps": 1e-5,
    "gelu": "erf",
    "position_length": None,
    "hidden_dropout": 0.0,
    "attention_dropout": 0.0,
    "position_dropout": 0.0,
    "final_dropout": 0.0,
}
_BLOCK = {"norm.layer": "batch_norm", "conv": "conv"}
_UP = {
    "conv.norm.layer": "up.batch_norm",
    "conv.conv": "up.conv",
    "channel_transform.norm.layer": "skip.batch_norm",
    "channel_transform.conv.layer": "skip.conv",
    "sconv.depthwise": "depthwise",
    "sconv.pointwise": "pointwise",
}


def grelu_parameter_name(published: str, *, n_down: int) -> str:
    """Name in BorzoiForTracks of a tensor of gReLU's Borzoi.

    Args:
        published: its name there.
        n_down: steps down behind the stem.

    Raises:
        KeyError: not a tensor of that layout.
    """
    shared = grelu_shared_name(published)
    if shared is not None:
        return shared
    stem, _, tensor = published.rpartition(".")
    if stem == "embedding.conv_tower.blocks.0.conv":
        return f"trunk.stem.{tensor}"
    down = re.fullmatch(r"embedding\.conv_tower\.blocks\.(\d+)\.(.+)", stem)
    if down and 1 <= int(down[1]) <= n_down:
        return f"trunk.down.{int(down[1]) - 1}.block.{_BLOCK[down[2]]}.{tensor}"
    up = re.fullmatch(r"embedding\.unet_tower\.blocks\.(\d+)\.(.+)", stem)
    if up:
        return f"trunk.up.{up[1]}.{_UP[up[2]]}.{tensor}"
    raise KeyError(published)


def grelu_trunk_settings(source: PublishedTensors) -> dict[str, Any]:
    """Fields of our config that the tensors of the trunk say, and those that gReLU 1.0 has otherwise than published."""
    sizes = {name: size for name, size in grelu_sizes(source).items() if name != "n_tracks"}
    first = "embedding.transformer_tower.blocks.0.mha"
    blocks = {name.split(".")[3] for name in source.tensors if name.startswith("embedding.conv_tower.blocks.")}
    widths = [source.shape(f"embedding.conv_tower.blocks.{block}.conv.weight", 3)[0] for block in range(len(blocks))]
    return {
        **_SETTINGS,
        **sizes,
        "value_size": source.shape(f"{first}.to_v.weight", 2)[0] // sizes["num_attention_heads"],
        "num_position_features": source.shape(f"{first}.to_pos_k.weight", 2)[1],
        "tower_sizes": widths[:-1],
        "embedding_size": source.shape("embedding.pointwise_conv.conv.weight", 3)[0],
    }
