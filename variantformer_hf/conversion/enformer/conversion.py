"""Enformer checkpoints of enformer-pytorch and gReLU -> folders for ``EnformerForTracks``."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from ...errors import CheckpointError
from ...modeling import EnformerConfig, EnformerForTracks
from ..model_cards import card_of_copy
from ..model_folder import new_folder
from ..planned import ConversionRequest, PlannedConversion
from ..published_config import config_of, read_published_config
from ..published_model import write_published
from ..published_request import PublishedFiles, published_files
from ..published_tensors import PublishedTensors
from ..summary import ConversionSummary
from ..window_tables import FILES, OPTIONS, WindowTables
from .grelu import grelu_parameter_name, grelu_sizes, grelu_trunk_settings
from .names import aliased_name, parameter_name

_ANCHOR, _PREFIXES = "stem.0.weight", ("", "enformer.", "model.", "model.enformer.")
_GRELU_ANCHOR, _GRELU_PREFIXES = "embedding.conv_tower.blocks.0.0.weight", ("", "model.")
_COPIES = "second names of the trunk's tensors"
# Of their config's fields; what it leaves out is as in enformer-pytorch.
_TRACKS = {"human": 5313, "mouse": 1643}


@dataclass(frozen=True)
class _Read:
    """What is written: settings, tensors, and their names."""

    config: EnformerConfig
    source: PublishedTensors
    rename: Callable[[str], str]


def planned_conversions(request: ConversionRequest) -> list[PlannedConversion]:
    """Plan the conversion of enformer-pytorch's weights and config.

    Raises:
        InputError: files are missing, or named in vain.
    """
    request.check_used("enformer", ("checkpoint", "config", *FILES), ("gamma_norm", *OPTIONS))
    files = published_files(request, "enformer")
    read = partial(_read_published, files, request.options.get("gamma_norm"))
    return [_planned(files, read, WindowTables.of(request))]


def planned_grelu_conversions(request: ConversionRequest) -> list[PlannedConversion]:
    """Plan the conversion of gReLU's weights, which say all sizes by themselves.

    Raises:
        InputError: files are missing, or named in vain.
    """
    request.check_used("grelu-enformer", ("checkpoint", *FILES), ("gamma_norm", *OPTIONS))
    files = published_files(request, "grelu-enformer", needs_config=False)
    read = partial(_read_grelu, files, request.options.get("gamma_norm"))
    return [_planned(files, read, WindowTables.of(request))]


def _planned(files: PublishedFiles, read: Callable[[], _Read], tables: WindowTables) -> PlannedConversion:
    return PlannedConversion(files.output, partial(_convert, files.output, read, tables))


def _convert(
    output: Path, read: Callable[[], _Read], tables: WindowTables, dtype: torch.dtype | None
) -> ConversionSummary:
    found = read()
    tables.settle(found.config)
    with new_folder(output) as folder:
        summary = write_published(folder, output, EnformerForTracks, found.config, found.source, found.rename, dtype)
        config = found.config
        heads = ", ".join(f"{name} {count:,}" for name, count in (config.tracks or {}).items())
        facts = [f"Layers: {config.num_hidden_layers}; width: {config.hidden_size}; gamma_norm: `{config.gamma_norm}`"]
        facts += [f"Heads: {heads or 'none'}", *tables.write(folder, config)]
        (folder / "README.md").write_text(card_of_copy("enformer", summary, facts), encoding="utf-8")
    return summary


def _read_published(files: PublishedFiles, gamma_norm: str | None) -> _Read:
    assert files.config is not None
    given = read_published_config(files.config, ("dim", "depth", "heads"))
    if given.get("use_convnext"):
        raise CheckpointError("asks for use_convnext, which is not Enformer's architecture", file=files.config)
    dropout = given.get("dropout_rate", 0.4)
    settings: dict[str, Any] = {
        "hidden_size": given["dim"],
        "num_hidden_layers": given["depth"],
        "num_attention_heads": given["heads"],
        "key_size": given.get("attn_dim_key", 64),
        "num_downsamples": given.get("num_downsamples", 7),
        "channel_multiple": given.get("dim_divisible_by", 128),
        "gamma_norm": gamma_norm or ("position" if given.get("use_tf_gamma") else "feature"),
        "hidden_dropout": dropout,
        "attention_dropout": given.get("attn_dropout", 0.05),
        "position_dropout": given.get("pos_dropout", 0.01),
        "final_dropout": dropout / 8,
        "tracks": given.get("output_heads", _TRACKS),
    }
    config = config_of(EnformerConfig, settings, files.config)
    source = PublishedTensors.read(files.checkpoint).below(_ANCHOR, _PREFIXES)
    copies = {name: original for name in source.tensors if (original := aliased_name(name)) is not None}
    return _Read(config, source.without_copies(copies, _COPIES), parameter_name)


def _read_grelu(files: PublishedFiles, gamma_norm: str | None) -> _Read:
    source = PublishedTensors.read(files.checkpoint).below(_GRELU_ANCHOR, _GRELU_PREFIXES)
    tracks = grelu_sizes(source)["n_tracks"]
    settings = {
        **grelu_trunk_settings(source),
        "gamma_norm": gamma_norm or "feature",
        "tracks": {"human": tracks} if tracks else {},
        "track_activation": "softplus" if tracks == _TRACKS["human"] else "none",
    }
    return _Read(config_of(EnformerConfig, settings, files.checkpoint), source, grelu_parameter_name)
