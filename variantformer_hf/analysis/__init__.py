"""Questions on top of predictions: what a variant does, and where a gene is sensitive."""

from typing import TYPE_CHECKING

from ..lazy_names import lazy_names

_MODULE_OF_NAME = {
    "Background": ".backgrounds",
    "DriverRequest": ".drivers",
    "EffectResult": ".effects",
    "VariantScorer": ".effects",
    "find_drivers": ".drivers",
    "open_backgrounds": ".backgrounds",
    "select_drivers": ".driver_selection",
}

__all__ = [
    "Background",
    "DriverRequest",
    "EffectResult",
    "VariantScorer",
    "find_drivers",
    "open_backgrounds",
    "select_drivers",
]

if TYPE_CHECKING:
    from .backgrounds import Background, open_backgrounds
    from .driver_selection import select_drivers
    from .drivers import DriverRequest, find_drivers
    from .effects import EffectResult, VariantScorer


__getattr__ = lazy_names(__name__, _MODULE_OF_NAME)
