"""Names of gReLU's Borzoi."""

import re

from ..enformer.grelu import grelu_shared_name

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
