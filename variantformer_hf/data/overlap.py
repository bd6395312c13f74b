"""Whether predictions and measurements are of the same people, genes and tissues."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from .evaluation_grid import EvaluationGrid
from .prediction_tables import OTHER_COHORT, Predicted

LEAST_SHARED_DONORS = 3


def overlaps(found: Mapping[str, Predicted], grid: EvaluationGrid) -> list[dict[str, Any]]:
    """Of each model: how many donors, genes and tissues were measured, are predicted, and are both; of
    a split the test part."""
    samples, has_value = grid.samples[grid.is_tested], grid.has_value
    measured = {
        "donors": set(samples["donor"]),
        "genes": set(grid.genes["gene_id"]),
        "tissues": set(samples["tissue"]),
    }
    rows = []
    for name, each in found.items():
        there = ~np.isnan(each.values) & has_value
        shared = grid.samples[there.any(axis=0)]
        row: dict[str, Any] = {"model": name}
        row |= {f"measured {what}": len(names) for what, names in measured.items()}
        row |= {f"predicted {what}": len(names) for what, names in each.names.items()}
        row["measured values"] = int(has_value.sum())
        row |= {"donors": shared["donor"].nunique(), "genes": int(there.any(axis=1).sum())}
        rows.append(row | {"tissues": shared["tissue"].nunique(), "values": int(there.sum())})
    return rows


def check_overlap(found: Mapping[str, Predicted], grid: EvaluationGrid, samples: Path) -> None:
    """Stop where hardly anybody is both measured and predicted.

    Raises:
        InputError: it shows names of each side, and which column says who is who; a model has no row.
    """
    for name, each in found.items():
        donors = each.names["donors"]
        if not donors:
            raise InputError(f"{name} has no row of predictions", remedy="Give predictions that are not empty.")
        sides = [sorted(donors)[:3], sorted(grid.donors)[:3]]
        shared = donors & set(grid.donors)
        if len(shared) < LEAST_SHARED_DONORS:
            raise InputError(
                f"{name} and the expression share {len(shared)} donors: the predictions have {', '.join(sides[0])}, "
                f"the expression {', '.join(sides[1])}",
                file=samples,
                remedy="Say who is who: donor as the expression has it, and sample as the predictions have it.",
            )
        tested = set(grid.samples["donor"][grid.is_tested])
        if not shared & tested:
            raise InputError(
                f"{name} predicts donors that were trained on alone, such as {', '.join(sorted(shared)[:3])}",
                remedy=f"Predict those that the split holds out, such as {', '.join(sorted(tested)[:3])}.",
            )
        if len(shared & tested) < LEAST_SHARED_DONORS:
            raise InputError(
                f"{name} predicts {len(shared & tested)} of the {len(tested)} donors that the split holds out",
                remedy=f"Predict others of them, such as {', '.join(sorted(tested - shared)[:3])}.",
            )
        if np.isnan(each.values).all() and each.left_out.get(OTHER_COHORT):
            raise InputError(
                f"{name} is of other cohorts than the expression, which is of "
                f"{', '.join(grid.samples['cohort'].unique()[:3])}",
                remedy="Call the cohorts of both the same, or leave the column cohort out of the predictions.",
            )
        if not (~np.isnan(each.values) & ~np.isnan(grid.observed)).any():
            genes, tissues = (", ".join(sorted(each.names[what])[:3]) for what in ("genes", "tissues"))
            raise InputError(
                f"{name} has no value of a gene and tissue that was measured: it has {genes}; {tissues}",
                remedy="Give the same genes (Ensembl ids) and tissues: the expression has "
                f"{', '.join(grid.genes['gene_id'].head(3))}; {', '.join(grid.samples['tissue'].unique()[:3])}.",
            )
