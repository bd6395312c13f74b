"""Borzoi checkpoints of borzoi-pytorch and gReLU -> folders for ``BorzoiForTracks``."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from ...errors import CheckpointError
from ...modeling import BorzoiConfig, BorzoiForTracks
from ..enformer.grelu import grelu_sizes
from ..model_cards import card_of_copy
from ..model_folder import new_folder
from ..planned import ConversionRequest, PlannedConversion
from ..published_config import config_of, read_published_config
from ..published_model import write_published
from ..published_request import PublishedFiles, published_files
from ..published_tensors import PublishedTensors
from ..summary import ConversionSummary
from ..window_tables import FILES, OPTIONS, WindowTables
from .grelu import grelu_parameter_name, grelu_trunk_settings
from .names import parameter_name

_ANCHOR, _PREFIXES = "conv_dna.conv_layer.weight", ("", "model.")
_GRELU_ANCHOR, _GRELU_PREFIXES = "embedding.conv_tower.blocks.0.conv.weight", ("", "model.")
_HUMAN_TRACKS = 7611


@dataclass(frozen=True)
class _Read:
    """What is written: settings, tensors, and their names."""

    config: BorzoiConfig
    source: PublishedTensors
    rename: Callable[[str], str]


def planned_conversions(request: ConversionRequest) -> list[PlannedConversion]:
    """Plan the conversion of borzoi-pytorch's weights and config.

    Raises:
        InputError: files are missing, or named in vain.
    """
    request.check_used("borzoi", ("checkpoint", "config", *FILES), OPTIONS)
    files = published_files(request, "borzoi")
    return [_planned(files, partial(_read_published, files), WindowTables.of(request))]


def planned_grelu_conversions(request: ConversionRequest) -> list[PlannedConversion]:
    """Plan the conversion of gReLU's weights, which say all sizes by themselves.

    Raises:
        InputError: files are missing, or named in vain.
    """
    request.check_used("grelu-borzoi", ("checkpoint", *FILES), OPTIONS)
    files = published_files(request, "grelu-borzoi", needs_config=False)
    return [_planned(files, partial(_read_grelu, files), WindowTables.of(request))]


def _planned(files: PublishedFiles, read: Callable[[], _Read], tables: WindowTables) -> PlannedConversion:
    return PlannedConversion(files.output, partial(_convert, files.output, read, tables))


def _convert(
    output: Path, read: Callable[[], _Read], tables: WindowTables, dtype: torch.dtype | None
) -> ConversionSummary:
    found = read()
    tables.settle(found.config)
    with new_folder(output) as folder:
        summary = write_published(folder, output, BorzoiForTracks, found.config, found.source, found.rename, dtype)
        config = found.config
        heads = ", ".join(f"{name} {count:,}" for name, count in (config.tracks or {}).items())
        facts = [
            f"Layers: {config.num_hidden_layers}; width: {config.hidden_size}; heads: {heads or 'none'}",
            f"norm_eps: {config.norm_eps}; gelu: `{config.gelu}`; position_length: {config.position_length}",
            *tables.write(folder, config),
        ]
        (folder / "README.md").write_text(card_of_copy("borzoi", summary, facts), encoding="utf-8")
    return summary


def _read_published(files: PublishedFiles) -> _Read:
    assert files.config is not None
    given = read_published_config(files.config, ("dim", "depth", "heads"))
    if given.get("flashed"):
        raise CheckpointError("asks for flashed attention (Flashzoi), which is another architecture", file=files.config)
    source = PublishedTensors.read(files.checkpoint).below(_ANCHOR, _PREFIXES)
    settings: dict[str, Any] = {
        "hidden_size": given["dim"],
        "num_hidden_layers": given["depth"],
        "num_attention_heads": given["heads"],
        "key_size": given.get("attn_dim_key", 64),
        "value_size": given.get("attn_dim_value", 192),
        "hidden_dropout": given.get("dropout_rate", 0.2),
        "attention_dropout": given.get("attn_dropout", 0.05),
        "position_dropout": given.get("pos_dropout", 0.01),
        "tracks": {
            head: source.shape(f"{head}_head.weight", 3)[0]
            for head in ("human", "mouse")
            if f"{head}_head.weight" in source.tensors
        },
    }
    return _Read(config_of(BorzoiConfig, settings, files.config), source, parameter_name)


def _read_grelu(files: PublishedFiles) -> _Read:
    source = PublishedTensors.read(files.checkpoint).below(_GRELU_ANCHOR, _GRELU_PREFIXES)
    tracks, trunk = grelu_sizes(source)["n_tracks"], grelu_trunk_settings(source)
    settings = {
        **trunk,
        "tracks": {"human": tracks} if tracks else {},
        "track_activation": "softplus" if tracks == _HUMAN_TRACKS else "none",
    }
    config = config_of(BorzoiConfig, settings, files.checkpoint)
    return _Read(config, source, partial(grelu_parameter_name, n_down=len(trunk["tower_sizes"])))
