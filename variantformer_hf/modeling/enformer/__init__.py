"""Enformer: configuration, trunk, trunk with heads."""

from .configuration_enformer import EnformerConfig
from .modeling_enformer import EnformerForTracks, EnformerModel, EnformerTracksOutput

__all__ = ["EnformerConfig", "EnformerForTracks", "EnformerModel", "EnformerTracksOutput"]
