"""Names of a Borzoi's tensors, as borzoi-pytorch saves them, and here."""

import re

from ..enformer.names import within_layer

_TENSOR = r"(weight|bias|running_mean|running_var|num_batches_tracked)"
_BLOCK = {"norm": "batch_norm", "conv_layer": "conv"}
_STEPS_OF_TOWER = 5
_SMOOTHING = {"0": "depthwise", "1": "pointwise"}


def parameter_name(published: str) -> str:
    """Name in BorzoiForTracks of a tensor of borzoi-pytorch.

    Raises:
        KeyError: not a tensor of that layout.
    """
    stem = re.fullmatch(r"conv_dna\.conv_layer\.(weight|bias)", published)
    if stem:
        return f"trunk.stem.{stem[1]}"
    down = re.fullmatch(rf"(?:res_tower\.(\d+)|unet1\.1)\.(norm|conv_layer)\.{_TENSOR}", published)
    if down:
        return f"trunk.down.{_step(down[1], published)}.block.{_BLOCK[down[2]]}.{down[3]}"
    layer = re.fullmatch(r"transformer\.(\d+)\.(.+)", published)
    if layer:
        return f"trunk.layers.{layer[1]}.{within_layer(layer[2])}"
    up = re.fullmatch(rf"(upsampling_unet|horizontal_conv)(0|1)(?:\.0)?\.(norm|conv_layer)\.{_TENSOR}", published)
    if up:
        # Theirs are numbered by the way down.
        part = "up" if up[1] == "upsampling_unet" else "skip"
        return f"trunk.up.{1 - int(up[2])}.{part}.{_BLOCK[up[3]]}.{up[4]}"
    smoothing = re.fullmatch(r"separable(0|1)\.conv_layer\.(0|1)\.(weight|bias)", published)
    if smoothing:
        return f"trunk.up.{1 - int(smoothing[1])}.{_SMOOTHING[smoothing[2]]}.{smoothing[3]}"
    final = re.fullmatch(rf"final_joined_convs\.0\.(norm|conv_layer)\.{_TENSOR}", published)
    if final:
        return f"trunk.final.{_BLOCK[final[1]]}.{final[2]}"
    head = re.fullmatch(r"(\w+)_head\.(weight|bias)", published)
    if head:
        return f"heads.{head[1]}.{head[2]}"
    raise KeyError(published)


def _step(of_tower: str | None, published: str) -> int:
    """Which step down: in their tower every second module is a pool, and the last step stands by itself."""
    if of_tower is None:
        return _STEPS_OF_TOWER
    if int(of_tower) % 2:
        raise KeyError(published)
    return int(of_tower) // 2
