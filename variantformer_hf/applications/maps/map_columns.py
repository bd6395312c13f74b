"""What is known of each point of a map: the columns that it is coloured and labelled by."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import InputError
from ...genome.genes import GeneTable
from ...zoo.units import Unit
from .attributes import gene_types, joined, read_attributes
from .pairs import drift
from .points import EmbeddingPoints

if TYPE_CHECKING:
    import pandas as pd

GENE_TYPE, CLUSTER = "gene_type", "cluster"
# What a column is called by users and on figures, beside its own name.
_DRIFT = "drift_distance"


def point_columns(
    points: EmbeddingPoints,
    *,
    genes: GeneTable | None = None,
    attributes: str | Path | None = None,
    other: EmbeddingPoints | None = None,
) -> tuple["pd.DataFrame", dict[str, Any]]:
    """The points' table with gene_type, the columns of a user's table, and the drift from another person.

    Args:
        points: the points.
        genes: that say what type they are.
        attributes: the user's table, see ``read_attributes``.
        other: the other person's points, see ``drift``.

    Returns:
        The table, and counts of what was not found: points_without_gene_type, table (see ``joined``),
        points_without_drift.

    Raises:
        InputError: see ``read_attributes``, ``joined`` and ``drift``.
    """
    import pandas as pd

    table = points.table
    counts: dict[str, Any] = {}
    if genes is not None:
        table = table.assign(**{GENE_TYPE: gene_types(table, genes)})
        counts["points_without_gene_type"] = int(table[GENE_TYPE].isna().sum())
    if attributes is not None:
        columns, counts["table"] = joined(table, read_attributes(attributes), attributes)
        table = pd.concat([table, columns], axis=1)
    if other is not None:
        table = pd.concat([table, drift(points, other)], axis=1)
        counts["points_without_drift"] = int(table[_DRIFT].isna().sum())
    return table, counts


def colour_columns(
    table: "pd.DataFrame", unit: Unit, asked: Sequence[str] | None, *, has_clusters: bool
) -> dict[str, str]:
    """Columns that a figure is coloured by, and what they are called.

    Args:
        table: of :func:`point_columns`.
        unit: of the predictions.
        asked: names of columns; where none is called so, ``expression`` is the prediction and ``drift`` its distance;
            None = tissue, the gene type where it is known, and the prediction.
        has_clusters: whether the map will have ``cluster``.

    Raises:
        InputError: there is no such column; it names those that there are.
    """
    names = {"expression": unit.column, "drift": _DRIFT}
    labels = {unit.column: f"predicted expression ({unit.label})", _DRIFT: "distance from the other person"}
    if asked is None:
        asked = ["tissue", *([GENE_TYPE] if GENE_TYPE in table else []), unit.column]
    found = {}
    for each in asked:
        column = each if each in table else names.get(each, each)
        if column not in table and not (column == CLUSTER and has_clusters):
            raise missing_column(each, table)
        found[column] = labels.get(column, column.replace("_", " "))
    return found


def missing_column(name: str, table: "pd.DataFrame") -> InputError:
    """The error of a column that the points do not have."""
    needs = {GENE_TYPE: "--genes", CLUSTER: "--labels", "drift": "--drift-from"}
    remedy = f"It needs {needs[name]}." if name in needs else "Name one of them, or give a --table that has it."
    return InputError(f"the points have no column {name}; they have {', '.join(table.columns)}", remedy=remedy)
