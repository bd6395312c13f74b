"""Cohort files -> training examples: expression, activity of cCREs, donors' genomes, splits."""

from typing import TYPE_CHECKING

from ..lazy_names import lazy_names

_MODULE_OF_NAME = {
    "EXPRESSION_SCHEMA": ".expression_sources",
    "ExpressionSource": ".expression_sources",
    "read_anndata": ".expression_sources",
    "read_encode": ".expression_sources",
    "read_gct": ".expression_sources",
    "read_mage": ".expression_sources",
    "read_microarray": ".expression_sources",
    "read_normalized": ".expression_sources",
    "read_tidy": ".expression_sources",
    "harmonize": ".harmonization",
}

__all__ = [
    "EXPRESSION_SCHEMA",
    "ExpressionSource",
    "harmonize",
    "read_anndata",
    "read_encode",
    "read_gct",
    "read_mage",
    "read_microarray",
    "read_normalized",
    "read_tidy",
]

if TYPE_CHECKING:
    from .expression_sources import (
        EXPRESSION_SCHEMA,
        ExpressionSource,
        read_anndata,
        read_encode,
        read_gct,
        read_mage,
        read_microarray,
        read_normalized,
        read_tidy,
    )
    from .harmonization import harmonize


__getattr__ = lazy_names(__name__, _MODULE_OF_NAME)
