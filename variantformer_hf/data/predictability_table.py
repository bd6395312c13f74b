"""Tables of predictability: made of fitted folders, and read for predictions."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError
from ..folder import FITS_FILE
from ..genome.genes import stable_id
from ..genome.table_files import read_parquet

if TYPE_CHECKING:
    import pandas as pd

_FITS = ("gene_id", "tissue", "n_people", "pred_perf_r2", "pred_perf_pval")
_KNOWN = ("gene_id", "tissue", "population", "n", "h2", "ceiling")


def read_fits(folders: Mapping[str, Path]) -> "dict[str, pd.DataFrame]":
    """Name of a model -> what its folder says of each gene and tissue.

    Args:
        folders: name -> a folder that ``fit`` or ``baseline fit elastic-net`` has written.

    Raises:
        InputError: it has no table of fits, or without cross-validation.
    """
    found = {}
    for name, folder in folders.items():
        try:
            table = read_parquet(folder / FITS_FILE, _FITS).to_pandas()
        except InputError as error:
            raise InputError(
                error.problem,
                file=error.file,
                remedy="Give a folder of `variantformer fit` (with --outer-folds), or of `baseline fit elastic-net`.",
            ) from error
        found[name] = table.assign(gene_id=table["gene_id"].map(stable_id))
    return found


def read_predictability(path: Path) -> "pd.DataFrame":
    """What ``variantformer predictability`` wrote.

    Raises:
        InputError: it is none of it, or has a gene, tissue and population twice.
    """
    table = read_parquet(path, _KNOWN).to_pandas()
    twice = table[table.duplicated(list(_KNOWN[:3]))]
    if len(twice):
        raise InputError(
            "is there twice", file=path, record=", ".join(twice.iloc[0][list(_KNOWN[:3])]), remedy="Make it anew."
        )
    return table


def of_one(table: "pd.DataFrame", path: Path, population: str | None, model: str | None) -> "tuple[pd.DataFrame, str]":
    """The rows of one population, and the name of one model.

    Args:
        table: of :func:`read_predictability`.
        path: it came from.
        population, model: by name; None = the only one.

    Raises:
        InputError: there is none of this name, or there are several and none is named.
    """
    populations = table["population"].drop_duplicates().tolist()
    models = [name.removeprefix("r_") for name in map(str, table) if name.startswith("r_")]
    chosen = _only(populations, population, path, "--population", "population")
    return table[table["population"] == chosen], _only(models, model, path, "--trust-model", "model")


def _only(names: list[str], asked: str | None, path: Path, option: str, what: str) -> str:
    if asked in names or (asked is None and len(names) == 1):
        return asked if asked is not None else names[0]
    shown = ", ".join(map(repr, names)) or "none"
    problem = (
        f"has no {what} {asked!r}: it has {shown}" if asked is not None else f"has several, or no, {what}s: {shown}"
    )
    raise InputError(problem, file=path, remedy=f"Name one: {option}.")
