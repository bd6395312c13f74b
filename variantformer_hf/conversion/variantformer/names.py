"""Names of tensors: the released checkpoints' -> ours."""

import re

_ENCODER_PARTS = {
    "MHA.Wqkv": "attention.qkv",
    "MHA.out_proj": "attention.out",
    "norm1": "attention_norm",
    "norm2": "feed_forward_norm",
    "linear_geglu_1": "feed_forward.up",
    "linear_geglu_2": "feed_forward.down",
}
_MODULATOR_PARTS = {
    "mixer.MHA.Wqkv": "attention.qkv",
    "mixer.MHA.out_proj": "attention.out",
    "crossMHA.MHA.Wq": "cross_attention.query",
    "crossMHA.MHA.Wkv": "cross_attention.key_value",
    "crossMHA.MHA.out_proj": "cross_attention.out",
    "norm1": "attention_norm",
    "norm2": "cross_attention_norm",
    "norm3": "feed_forward_norm",
    "linear_geglu_1": "feed_forward.up",
    "linear_geglu_2": "feed_forward.down",
}
_EXPRESSION_TABLES = {
    "start_tkn.registry_tokens.weight": "model.tissue_embedding.weight",
    "combined_modulator.second_level_context_embedding.weight": "model.cre_class_embedding.weight",
    "cre_map.weight": "model.cre_projection.weight",
    "cre_map.bias": "model.cre_projection.bias",
    "gene_map.weight": "model.gene_projection.weight",
    "gene_map.bias": "model.gene_projection.bias",
}
_TENSOR = r"(weight|bias)"


def encoder_parameter_name(released: str) -> str:
    """Name in VariantFormerForChromatinActivity of a tensor of the released encoder file.

    Raises:
        KeyError: not a tensor of that layout.
    """
    head = re.fullmatch(rf"tissue_classifiers\.(\d+)\.{_TENSOR}", released)
    if head:
        return f"classifiers.{head[1]}.{head[2]}"
    return f"encoder.{_within_encoder(released)}"


def expression_parameter_name(released: str) -> str | None:
    """Name in VariantFormerForExpression of a tensor of a released expression checkpoint; None = left out by name.

    Left out are ALiBi buffers, which are computed, and the tissue classifiers that both encoders carry unused.

    Raises:
        KeyError: not a tensor of that layout.
    """
    if released in _EXPRESSION_TABLES:
        return _EXPRESSION_TABLES[released]
    encoder = re.fullmatch(r"(cre|gene)_tokenizer\.(.+)", released)
    if encoder:
        unused = re.fullmatch(rf"tissue_classifiers\.\d+\.{_TENSOR}", encoder[2])
        return None if unused else f"model.{encoder[1]}_encoder.{_within_encoder(encoder[2])}"
    layer = re.fullmatch(rf"combined_modulator\.(cre|gene)_layers\.(\d+)\.(?:(m)|(.+)\.{_TENSOR})", released)
    if layer:
        return None if layer[3] else f"model.{layer[1]}_layers.{layer[2]}.{_MODULATOR_PARTS[layer[4]]}.{layer[5]}"
    head = re.fullmatch(rf"tissue_heads\.tissue_expressions\.(.+)\.{_TENSOR}", released)
    if head and re.fullmatch(r"\d+", head[1]):
        return f"head.layers.{head[1]}.{head[2]}"
    if head and re.fullmatch(r"\d+\.\d+", head[1]):
        tissue, index = head[1].split(".")
        return f"head.{tissue}.layers.{index}.{head[2]}"
    raise KeyError(released)


def _within_encoder(released: str) -> str:
    if released == "token_embedding.weight":
        return released
    layer = re.fullmatch(rf"transformer_encoder\.(\d+)\.(.+)\.{_TENSOR}", released)
    if layer:
        return f"layers.{layer[1]}.{_ENCODER_PARTS[layer[2]]}.{layer[3]}"
    pooling = re.fullmatch(rf"linear\.{_TENSOR}", released)
    if pooling:
        return f"pooling.{pooling[1]}"
    raise KeyError(released)
