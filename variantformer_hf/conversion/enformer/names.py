"""Names of an Enformer's tensors, as enformer-pytorch and gReLU save them, and here."""

import re

_BLOCK = {"0": "batch_norm", "2": "conv"}
_LAYER = {
    "0.fn.0": "attention_norm",
    "0.fn.1.to_q": "attention.query",
    "0.fn.1.to_k": "attention.key",
    "0.fn.1.to_v": "attention.value",
    "0.fn.1.to_rel_k": "attention.position_key",
    "0.fn.1.to_out": "attention.out",
    "1.fn.0": "feed_forward_norm",
    "1.fn.1": "up",
    "1.fn.4": "down",
}
_BIASES = {"0.fn.1.rel_content_bias": "attention.content_bias", "0.fn.1.rel_pos_bias": "attention.position_bias"}
_TENSOR = r"(weight|bias|running_mean|running_var|num_batches_tracked)"
# Under which every tensor of the trunk is saved a second time, and whose parts those are.
_ALIAS = "_trunk."
_ALIASED = {"1": "stem", "2": "conv_tower", "4": "transformer", "6": "final_pointwise"}


def parameter_name(published: str) -> str:
    """Name in EnformerForTracks of a tensor of enformer-pytorch.

    Raises:
        KeyError: not a tensor of that layout.
    """
    stem = re.fullmatch(rf"stem\.(?:0|1\.fn\.(0|2)|2\.(to_attn_logits))\.{_TENSOR}", published)
    if stem:
        return f"trunk.stages.0.{_within_stage('first' if not stem[1] else '', stem[1], stem[2])}.{stem[3]}"
    stage = re.fullmatch(rf"conv_tower\.(\d+)\.(?:0\.(0|2)|1\.fn\.(0|2)|2\.(to_attn_logits))\.{_TENSOR}", published)
    if stage:
        first = f"first.{_BLOCK[stage[2]]}" if stage[2] else ""
        return f"trunk.stages.{int(stage[1]) + 1}.{_within_stage(first, stage[3], stage[4])}.{stage[5]}"
    layer = re.fullmatch(r"transformer\.(\d+)\.(.+)", published)
    if layer:
        return f"trunk.layers.{layer[1]}.{within_layer(layer[2])}"
    final = re.fullmatch(rf"final_pointwise\.1\.(0|2)\.{_TENSOR}", published)
    if final:
        return f"trunk.final.{_BLOCK[final[1]]}.{final[2]}"
    head = re.fullmatch(r"_heads\.(\w+)\.0\.(weight|bias)", published)
    if head:
        return f"heads.{head[1]}.{head[2]}"
    raise KeyError(published)


def aliased_name(published: str) -> str | None:
    """The first name of a tensor that is saved as ``_trunk.*`` too; None for any other."""
    part, _, rest = published.removeprefix(_ALIAS).partition(".")
    return f"{_ALIASED[part]}.{rest}" if published.startswith(_ALIAS) and part in _ALIASED else None


def within_layer(published: str) -> str:
    """Name within a layer of the transformer, which Borzoi's are too.

    Raises:
        KeyError: not a tensor of a layer.
    """
    if published in _BIASES:
        return _BIASES[published]
    part, _, tensor = published.rpartition(".")
    if tensor not in ("weight", "bias"):
        raise KeyError(published)
    return f"{_LAYER[part]}.{tensor}"


def _within_stage(first: str, residual: str | None, pool: str | None) -> str:
    if pool:
        return "pool.logits"
    return f"residual.{_BLOCK[residual]}" if residual else first
