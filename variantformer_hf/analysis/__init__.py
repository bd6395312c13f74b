"""Questions on top of predictions: what a variant does, and where a gene is sensitive."""

import importlib
from typing import TYPE_CHECKING, Any

_MODULE_OF_NAME = {
    "Background": ".backgrounds",
    "EffectResult": ".effects",
    "VariantScorer": ".effects",
    "open_backgrounds": ".backgrounds",
}

__all__ = ["Background", "EffectResult", "VariantScorer", "open_backgrounds"]

if TYPE_CHECKING:
    from .backgrounds import Background, open_backgrounds
    from .effects import EffectResult, VariantScorer


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF_NAME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_MODULE_OF_NAME[name], __name__), name)
    globals()[name] = value
    return value
