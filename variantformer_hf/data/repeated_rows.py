"""Tables in which a row of each is right."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError

if TYPE_CHECKING:
    import pandas as pd


def check_once(table: "pd.DataFrame", keys: Sequence[str], path: str | Path, remedy: str) -> None:
    """Refuse a table that has something twice.

    Args:
        table: its rows.
        keys: columns that say what a row is of.
        path: it came from.
        remedy: what to do.

    Raises:
        InputError: it names the first that is repeated.
    """
    twice = table.loc[table.duplicated(list(keys)), list(keys)]
    if len(twice):
        raise InputError("is there twice", file=path, record=", ".join(map(str, twice.iloc[0])), remedy=remedy)
