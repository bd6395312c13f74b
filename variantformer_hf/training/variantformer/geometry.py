"""Lengths and windows among the options of a new model: the processor has them, not the model's config."""

from collections.abc import Mapping
from typing import Any

_PROCESSOR_FIELDS = ("cre_flank", "cre_radius", "gene_upstream", "max_gene_length", "max_gene_windows")


def without_geometry(config: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """A model's ``config`` as two: the fields of its config, and those that the processor has."""
    geometry = {name: config[name] for name in _PROCESSOR_FIELDS if name in config}
    return {name: value for name, value in config.items() if name not in geometry}, geometry
