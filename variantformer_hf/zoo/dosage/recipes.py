"""Kinds of baselines by their names, and how their fitted genes become a model."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from ...errors import InputError, check_number
from .forest_recipe import ForestRecipe
from .gene_fit import DosageRecipe, VariantFilter
from .linear_recipes import ElasticNetRecipe, MeanRecipe, TopSnpRecipe
from .prior_recipe import PriorRecipe

_RECIPES: dict[str, Callable[..., DosageRecipe]] = {
    "mean": MeanRecipe,
    "top-snp": TopSnpRecipe,
    "elastic-net": ElasticNetRecipe,
    "forest": ForestRecipe,
}
KINDS = tuple(_RECIPES)
# Of fits that are told something beforehand, see ``DosageInputs.prior``.
_RECIPES[PriorRecipe.kind] = PriorRecipe
# Option -> lowest and highest value.
_LIMITS = {
    "radius": (0, 10_000_000),
    "min_maf": (0, 0.5),
    "max_missing": (0, 1),
    "l1_ratio": (0.01, 1),
    "folds": (2, 1_000),
    "outer_folds": (0, 1_000),
}


def recipe_named(kind: str, **options: Any) -> DosageRecipe:
    """A recipe by its name.

    Args:
        kind: one of ``KINDS``, or ``prior``.
        **options: ``min_maf`` and ``max_missing`` of the filter, and fields of the recipe; None = the recipe's own.

    Raises:
        InputError: there is none of this name; it has no such option; a number that is out of bounds.
    """
    if kind not in _RECIPES:
        raise InputError(f"there is no kind {kind!r} of baseline", remedy=f"Choose one of {', '.join(KINDS)}.")
    given = {name: value for name, value in options.items() if value is not None}
    recipe = _RECIPES[kind]()
    fields = asdict(recipe)
    known = [*(name for name in fields if name not in ("anchor", "filter")), *(fields["filter"] or ())]
    if fields["filter"] is None:
        known.remove("radius")
    for name, value in given.items():
        if name not in known:
            shown = ", ".join(f"--{each.replace('_', '-')}" for each in known)
            raise InputError(
                f"the baseline {kind} has no option --{name.replace('_', '-')}",
                remedy=f"Leave it out; it has {shown}.",
            )
        if name in _LIMITS:
            check_number(f"--{name.replace('_', '-')}", value, *_LIMITS[name])
    of_filter = {name: given.pop(name) for name in ("min_maf", "max_missing") if name in given}
    if of_filter:
        given["filter"] = VariantFilter(**{**fields["filter"], **of_filter})
    return _RECIPES[kind](**given)
