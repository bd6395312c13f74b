"""Questions on top of predictions: what a variant does, and where a gene is sensitive."""

from typing import TYPE_CHECKING

from ..lazy_names import lazy_names

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


__getattr__ = lazy_names(__name__, _MODULE_OF_NAME)
