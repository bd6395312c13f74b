"""Sizes of an Enformer's trunk, told by its tensors."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...errors import CheckpointError
from ...modeling import EnformerConfig
from ...modeling.enformer.modeling_enformer import channels
from ..published_config import config_of
from ..published_tensors import PublishedTensors

_MULTIPLES = (128, 64, 32, 16, 8, 4, 2, 1)


def trunk_sizes(source: PublishedTensors, below: str) -> dict[str, Any]:
    """Fields of our config that the tensors of enformer-pytorch's trunk say.

    Args:
        source: the tensors, each once.
        below: what their names begin with.

    Raises:
        CheckpointError: a tensor that says one is missing, or their widths are not an Enformer's.
    """
    _, heads, _, keys = source.shape(f"{below}transformer.0.0.fn.1.rel_content_bias", 4)
    of_layers = f"{below}transformer."
    layers = {name.removeprefix(of_layers).split(".")[0] for name in source.tensors if name.startswith(of_layers)}
    stages = sum(1 for name in source.tensors if name.endswith(".to_attn_logits.weight"))
    residuals = ["stem.1.fn.2", *(f"conv_tower.{stage}.1.fn.2" for stage in range(stages - 1))]
    settings = {
        "hidden_size": source.shape(f"{below}transformer.0.0.fn.0.weight", 1)[0],
        "num_hidden_layers": len(layers),
        "num_attention_heads": heads,
        "key_size": keys,
        "num_downsamples": stages,
    }
    return with_multiple(settings, [source.shape(f"{below}{name}.weight", 3)[0] for name in residuals], source.path)


def with_multiple(settings: Mapping[str, Any], widths: Sequence[int], path: Path) -> dict[str, Any]:
    """Settings, with what the widths between stem and transformer are rounded to.

    Args:
        settings: fields of the config; heads may be among them.
        widths: of the stages, the stem's first.
        path: the file, for messages.

    Raises:
        CheckpointError: they are not spaced as an Enformer's.
    """
    for multiple in _MULTIPLES:
        found = {**settings, "channel_multiple": multiple}
        if channels(config_of(EnformerConfig, found, path)) == list(widths):
            return found
    raise CheckpointError(
        f"has {list(widths)} channels from stem to transformer, which are not spaced as Enformer's", file=path
    )
