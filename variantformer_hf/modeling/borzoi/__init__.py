"""Borzoi: configuration, trunk, trunk with heads."""

from .configuration_borzoi import BorzoiConfig
from .modeling_borzoi import BorzoiForTracks, BorzoiModel, BorzoiModelOutput, BorzoiTracksOutput

__all__ = ["BorzoiConfig", "BorzoiForTracks", "BorzoiModel", "BorzoiModelOutput", "BorzoiTracksOutput"]
