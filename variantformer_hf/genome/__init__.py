"""Files -> one person's DNA, and the genes and cCREs on it."""

import importlib
from typing import TYPE_CHECKING, Any

_MODULE_OF_NAME = {
    "CRE_CLASSES": ".cres",
    "CreTable": ".cres",
    "Gene": ".genes",
    "GeneTable": ".genes",
    "Interval": ".interval",
    "PersonalGenome": ".personal",
    "ReferenceGenome": ".reference",
    "VariantTally": ".tally",
    "parse_region": ".interval",
}

__all__ = [
    "CRE_CLASSES",
    "CreTable",
    "Gene",
    "GeneTable",
    "Interval",
    "PersonalGenome",
    "ReferenceGenome",
    "VariantTally",
    "parse_region",
]

if TYPE_CHECKING:
    from .cres import CRE_CLASSES, CreTable
    from .genes import Gene, GeneTable
    from .interval import Interval, parse_region
    from .personal import PersonalGenome
    from .reference import ReferenceGenome
    from .tally import VariantTally


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF_NAME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_MODULE_OF_NAME[name], __name__), name)
    globals()[name] = value
    return value
