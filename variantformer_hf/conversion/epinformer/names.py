"""Names and sizes of a published EPInformer."""

import re
from typing import Any

from ...modeling.epinformer.configuration_epinformer import DILATIONS, GENE_FEATURES, HALVINGS
from ..published_tensors import PublishedTensors

_LAYER = {
    "self_attn.in_proj_weight": "attention.qkv.weight",
    "self_attn.in_proj_bias": "attention.qkv.bias",
    **{
        f"{theirs}.{tensor}": f"{ours}.{tensor}"
        for theirs, ours in {
            "self_attn.out_proj": "attention.out",
            "norm1": "attention_norm",
            "norm2": "feed_forward_norm",
            "ff.0": "up",
            "ff.2": "down",
        }.items()
        for tensor in ("weight", "bias")
    },
}
_PARTS = {
    "seq_encoder.stem_conv.0": "encoder.stem",
    **{f"conv_out.{3 * step}": f"encoder.dilated.{step}.conv" for step in range(len(DILATIONS) + 1)},
    **{f"conv_out.{3 * step + 1}": f"encoder.dilated.{step}.batch_norm" for step in range(len(DILATIONS) + 1)},
    f"conv_out.{3 * len(DILATIONS) + 3}": "encoder.positions",
    **{f"seq_encoder.conv_tower.{2 * step}.0": f"encoder.blocks.{step}.conv" for step in range(HALVINGS)},
    **{f"seq_encoder.conv_tower.{2 * step}.1": f"encoder.blocks.{step}.batch_norm" for step in range(HALVINGS)},
    **{f"seq_encoder.conv_tower.{2 * step + 1}.0": f"encoder.blocks.{step}.residual" for step in range(HALVINGS)},
    "add_pos_conv.0": "with_features",
    "add_pos_conv.2": "mixed",
    "pToExpr.0": "head.first",
    "pToExpr.2": "head.second",
    "pToExpr.4": "head.last",
}
_UNUSED = re.compile(r"attn_encoder\.(\d+)\.linear[12]\.(weight|bias)")


def parameter_name(published: str) -> str:
    """Name in EPInformerModel of a tensor of theirs.

    Raises:
        KeyError: not a tensor of that layout.
    """
    layer = re.fullmatch(r"attn_encoder\.(\d+)\.(.+)", published)
    if layer:
        return f"layers.{layer[1]}.{_LAYER[layer[2]]}"
    part, _, tensor = published.rpartition(".")
    return f"{_PARTS[part]}.{tensor}"


def unused_names(source: PublishedTensors) -> set[str]:
    """Names of two maps of each layer that an older version made and did not use, beside those of the feed-forward."""
    found = ((name, _UNUSED.fullmatch(name)) for name in source.tensors)
    return {name for name, match in found if match and f"attn_encoder.{match[1]}.ff.0.weight" in source.tensors}


def sizes(source: PublishedTensors) -> dict[str, Any]:
    """Fields of our config that the tensors say; the number of heads is in none of them.

    Raises:
        CheckpointError: a tensor that says one is missing.
    """

    def shape(name: str, axes: int) -> tuple[int, ...]:
        return source.shape(f"{name}.weight", axes)

    positions_out, positions = shape(f"conv_out.{3 * len(DILATIONS) + 3}", 2)
    channels = shape(f"conv_out.{3 * len(DILATIONS)}", 4)[0]
    hidden = positions_out * channels
    head, width = shape("pToExpr.0", 2)
    cut = sum(2 * dilation for dilation in DILATIONS)
    return {
        "hidden_size": hidden,
        "num_hidden_layers": len({name.split(".")[1] for name in source.tensors if name.startswith("attn_encoder.")}),
        "intermediate_size": shape("attn_encoder.0.ff.0", 2)[0],
        "head_size": head,
        "conv_channels": [
            shape("seq_encoder.stem_conv.0", 4)[0],
            *(shape(f"seq_encoder.conv_tower.{2 * step}.0", 4)[0] for step in range(HALVINGS)),
        ],
        "dilated_channels": shape("conv_out.0", 4)[0],
        "element_channels": channels,
        "element_length": (positions + cut) * 2**HALVINGS,
        "num_element_features": shape("add_pos_conv.0", 3)[1] - hidden,
        **_gene_sizes(width - hidden),
    }


def _gene_sizes(width: int) -> dict[str, Any]:
    """Features of a gene, of which the last may be left out, and the width of its embedding, which stands behind."""
    features = list(GENE_FEATURES)[: max(0, width)]
    return {"gene_features": features, "embedding_size": max(0, width - len(features))}
