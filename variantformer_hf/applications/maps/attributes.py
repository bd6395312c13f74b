"""What a user knows of genes, tissues or people, beside the points: columns to colour by, and labels."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import InputError
from ...genome.genes import GeneTable, stable_id
from ...genome.table_files import kind_of_file, read_parquet
from ...genome.text_rows import text_rows
from ...zoo.outputs import TissueNames

if TYPE_CHECKING:
    import pandas as pd

# Columns that say which points a row is of; of a gene's two the first that a table has.
_KEYS = (("sample",), ("gene_id", "gene_name"), ("tissue",))
_NAMES = ("sample", "gene_id", "gene_name", "tissue")
# Columns that a map makes.
_OURS = re.compile(r"(tissue_)?((pc|umap)\d+|cluster)|drift(_cosine)?_distance")
_MISSING = ("", "NA", "nan", "NaN", "None", ".")
_REMEDY = "Give a CSV, TSV or Parquet with some of the columns sample, gene_id (or gene_name) and tissue, and others."
_SHOWN = 3


def gene_types(points: "pd.DataFrame", genes: GeneTable) -> "pd.Series":
    """The ``gene_type`` of each point; of a gene that the table lacks, or names no type of, missing.

    Args:
        points: with gene_id.
        genes: by whose ids, their versions left out.
    """
    kinds = {stable_id(gene.gene_id): gene.gene_type for gene in genes}
    return points["gene_id"].map(stable_id).map(kinds).rename("gene_type")


def read_attributes(path: str | Path) -> "pd.DataFrame":
    """A table of what is known, all as text or numbers; text that stands for nothing is missing.

    Args:
        path: CSV, TSV (maybe .gz) or Parquet with one or more of the columns sample, gene_id (or gene_name), tissue.

    Raises:
        InputError: no such file, no row, none of these columns or no other, a line of another length.
    """
    import pandas as pd

    kind = kind_of_file(path)
    if kind == "vcf":
        raise InputError("is a VCF, and no table", file=path, remedy=_REMEDY)
    if kind == "parquet":
        table = read_parquet(path, ()).to_pandas()
    else:
        header, rows = text_rows(path)
        table = pd.DataFrame([fields for _, fields in rows], columns=header, dtype=object)
    if table.empty:
        raise InputError("has no row", file=path, remedy=_REMEDY)
    if not set(_NAMES) & set(table.columns) or set(table.columns) <= set(_NAMES):
        lacking = "nothing beside these columns" if set(table.columns) & set(_NAMES) else "none of these columns"
        raise InputError(f"has {lacking}; it has {', '.join(map(str, table.columns[:10]))}", file=path, remedy=_REMEDY)
    ours = [name for name in table.columns if _OURS.fullmatch(str(name))]
    if ours:
        raise InputError(f"has a column {ours[0]}, which the map has itself", file=path, remedy="Name it otherwise.")
    for name in [each for each in table.columns if each not in _NAMES]:
        column = table[name]
        if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
            continue
        text = column.astype(object).where(column.notna(), "").astype(str).str.strip()
        present = ~text.isin(_MISSING)
        numbers = pd.to_numeric(text.where(present), errors="coerce")
        table[name] = numbers if (numbers.notna() == present).all() else text.astype(object).where(present, None)
    return table


def joined(
    points: "pd.DataFrame", attributes: "pd.DataFrame", path: str | Path
) -> tuple["pd.DataFrame", dict[str, int]]:
    """The attributes of each point, missing where no row is of it.

    Args:
        points: with sample, gene_id, gene_name and tissue.
        attributes: of :func:`read_attributes`; genes are the same whatever their version, tissues by all their names.
        path: of these, for messages.

    Returns:
        Columns in the order of the points, and counts: rows, rows_of_no_point, points_without_a_row.

    Raises:
        InputError: two rows are of the same points, no row is of any, or a column is the points' own.
    """
    import pandas as pd

    keys = [next(name for name in names if name in attributes) for names in _KEYS if set(names) & set(attributes)]
    others = [name for name in attributes.columns if name not in _NAMES]
    twice = next((name for name in others if name in points), None)
    if twice is not None:
        raise InputError(f"has a column {twice}, which the points have too", file=path, remedy="Name it otherwise.")
    tissue_names = TissueNames(list(dict.fromkeys(points["tissue"])))

    def compared(column: str, values: Iterable[Any]) -> list[str | None]:
        known: dict[str, str | None] = {}
        for value in dict.fromkeys(map(str, values)):
            name = value.strip()
            if column == "tissue":
                found, _ = tissue_names.resolve([name], most_suggested=0)
                known[value] = found[0].name if found else None
            else:
                known[value] = stable_id(name) if column == "gene_id" else name
        return [known[str(value)] for value in values]

    rows, of_points = (
        pd.MultiIndex.from_arrays([compared(key, table[key]) for key in keys], names=keys)
        for table in (attributes, points)
    )
    # A row of a tissue that no point has is of no point, and none is like another.
    is_known = np.all([pd.notna(rows.get_level_values(key)) for key in keys], axis=0)
    again = np.flatnonzero(rows.duplicated() & is_known)
    if len(again):
        earlier = rows.tolist().index(rows[again[0]])
        raise InputError(
            f"is of {' and '.join(map(str, rows[again[0]]))}, as row {earlier + 1} is",
            file=path,
            record=f"row {again[0] + 1}",
            remedy="Keep one of them.",
        )
    places = np.full(len(points), -1)
    known = np.flatnonzero(is_known)
    found = rows[known].get_indexer(of_points)
    places[found >= 0] = known[found[found >= 0]]
    if (places < 0).all():
        shown = [_shown(table, keys) for table in (attributes, points)]
        raise InputError(
            f"has no row of any point: its {' and '.join(keys)} are such as {shown[0]}; the points' {shown[1]}",
            file=path,
            remedy="Write the names as the store has them.",
        )
    counts = {
        "rows": len(attributes),
        "rows_of_no_point": len(attributes) - len(np.unique(places[places >= 0])),
        "points_without_a_row": int((places < 0).sum()),
    }
    columns = attributes[others].take(np.maximum(places, 0)).reset_index(drop=True)
    columns[places < 0] = None
    return columns, counts


def _shown(table: "pd.DataFrame", keys: Sequence[str]) -> str:
    rows = table[list(keys)].drop_duplicates().head(_SHOWN)
    return ", ".join(" ".join(map(str, row)) for row in rows.to_numpy())
