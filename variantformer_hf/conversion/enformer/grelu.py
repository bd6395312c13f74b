"""Names and sizes of gReLU's Enformer."""

import re
from typing import Any

from ..published_tensors import PublishedTensors
from .sizes import with_multiple

_STAGE_PARTS = {
    "0.norm.layer": "first.batch_norm",
    "0.conv": "first.conv",
    "1.norm.layer": "residual.batch_norm",
    "1.conv": "residual.conv",
    "1.pool.layer.to_attn_logits": "pool.logits",
}
_FINAL = {"norm.layer": "batch_norm", "conv": "conv"}
_LAYER = {
    "norm.layer": "attention_norm",
    "mha.to_q": "attention.query",
    "mha.to_k": "attention.key",
    "mha.to_v": "attention.value",
    "mha.to_rel_k": "attention.position_key",
    "mha.to_pos_k": "attention.position_key",
    "mha.to_out": "attention.out",
    "ffn.dense1.norm.layer": "feed_forward_norm",
    "ffn.dense1.linear": "up",
    "ffn.dense2.linear": "down",
}
_BIASES = {"mha.rel_content_bias": "attention.content_bias", "mha.rel_pos_bias": "attention.position_bias"}
_HEAD = "head.channel_transform.conv.layer"


def grelu_parameter_name(published: str) -> str:
    """Name in EnformerForTracks of a tensor of gReLU's Enformer.

    Raises:
        KeyError: not a tensor of that layout.
    """
    shared = grelu_shared_name(published)
    if shared is not None:
        return shared
    stem, _, tensor = published.rpartition(".")
    stage = re.fullmatch(r"embedding\.conv_tower\.blocks\.(\d+)\.(.+)", stem)
    if not stage:
        raise KeyError(published)
    is_stem = stage[1] == "0" and stage[2] == "0"
    return f"trunk.stages.{stage[1]}.{'first' if is_stem else _STAGE_PARTS[stage[2]]}.{tensor}"


def grelu_shared_name(published: str) -> str | None:
    """Of layers, the last convolution and the head, which gReLU's Enformer and Borzoi have alike; None = of none.

    Raises:
        KeyError: not a tensor of that layout.
    """
    stem, _, tensor = published.rpartition(".")
    layer = re.fullmatch(r"embedding\.transformer_tower\.blocks\.(\d+)\.(.+)", published)
    if layer:
        part, _, end = layer[2].rpartition(".")
        return f"trunk.layers.{layer[1]}.{_BIASES[layer[2]] if layer[2] in _BIASES else f'{_LAYER[part]}.{end}'}"
    final = re.fullmatch(r"embedding\.pointwise_conv\.(.+)", stem)
    if final:
        return f"trunk.final.{_FINAL[final[1]]}.{tensor}"
    return f"heads.human.{tensor}" if stem == _HEAD else None


def grelu_sizes(source: PublishedTensors) -> dict[str, int]:
    """Sizes of the transformer, by our config's names, and the head's ``n_tracks``, 0 without one."""
    first = "embedding.transformer_tower.blocks.0"
    _, heads, _, keys = source.shape(f"{first}.mha.rel_content_bias", 4)
    layers = {name.split(".")[3] for name in source.tensors if name.startswith("embedding.transformer_tower.blocks.")}
    return {
        "hidden_size": source.shape(f"{first}.norm.layer.weight", 1)[0],
        "num_hidden_layers": len(layers),
        "num_attention_heads": heads,
        "key_size": keys,
        "n_tracks": source.shape(f"{_HEAD}.weight", 3)[0] if f"{_HEAD}.weight" in source.tensors else 0,
    }


def grelu_trunk_settings(source: PublishedTensors) -> dict[str, Any]:
    """Fields of our config that the tensors of the trunk say, and those that gReLU has otherwise than published."""
    sizes = {name: size for name, size in grelu_sizes(source).items() if name != "n_tracks"}
    stages = sum(1 for name in source.tensors if name.endswith("pool.layer.to_attn_logits.weight"))
    widths = [source.shape(f"embedding.conv_tower.blocks.{stage}.1.conv.weight", 3)[0] for stage in range(stages)]
    return with_multiple({**sizes, "num_downsamples": stages, "final_dropout": 0.0}, widths, source.path)
