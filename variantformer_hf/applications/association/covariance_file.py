"""Reading files of covariances as PrediXcan has them: GENE RSID1 RSID2 VALUE, one gene's pairs behind the other's."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...errors import InputError
from ...genome.table_files import kind_of_file

if TYPE_CHECKING:
    import pandas as pd

_COLUMNS = ["GENE", "RSID1", "RSID2", "VALUE"]
_ROWS_AT_ONCE = 1_000_000
_REMEDY = "Give a file of covariances with the columns GENE, RSID1, RSID2 and VALUE."


def read_covariances(path: str | Path) -> Iterator[tuple[str, tuple[str, ...], np.ndarray]]:
    """Each gene of a file, its variants' ids, and their (k, k) covariances; NaN of a pair that is not there.

    Raises:
        InputError: it is no such file, or damaged; a gene's pairs stand in two places; a pair has two values, or
            an infinite one.
    """
    if kind_of_file(path) != "text":
        raise InputError("is no file of covariances", file=path, remedy=_REMEDY)
    done: set[str] = set()
    for gene, table in _of_genes(Path(path)):
        if gene in done:
            raise InputError("its pairs stand in two places", file=path, record=gene, remedy="Sort the file by GENE.")
        done.add(gene)
        yield gene, *_matrix(path, gene, table)


def _of_genes(path: Path) -> "Iterator[tuple[str, pd.DataFrame]]":
    import pandas as pd

    held: list[pd.DataFrame] = []
    try:
        with pd.read_csv(
            path,
            sep=r"\s+",
            compression="gzip" if path.open("rb").read(2) == b"\x1f\x8b" else None,
            dtype=dict.fromkeys(_COLUMNS[:3], str),
            chunksize=_ROWS_AT_ONCE,
        ) as reader:
            for piece in reader:
                missing = [name for name in _COLUMNS if name not in piece]
                if missing:
                    raise InputError(f"has no column {', '.join(missing)}", file=path, remedy=_REMEDY)
                if not pd.api.types.is_numeric_dtype(piece["VALUE"]):
                    raise InputError("has a VALUE that is no number", file=path, remedy=_REMEDY)
                starts = np.flatnonzero(piece["GENE"].ne(piece["GENE"].shift()).to_numpy())
                for first, last in zip(starts, [*starts[1:], len(piece)], strict=True):
                    rows = piece.iloc[first:last]
                    if held and held[0]["GENE"].iloc[0] != rows["GENE"].iloc[0]:
                        yield held[0]["GENE"].iloc[0], pd.concat(held)
                        held = []
                    held.append(rows)
    except (EOFError, OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise InputError(f"cannot be read ({error})", file=path, remedy=_REMEDY) from error
    if held:
        yield held[0]["GENE"].iloc[0], pd.concat(held)


def _matrix(path: str | Path, gene: str, table: "pd.DataFrame") -> tuple[tuple[str, ...], np.ndarray]:
    table = table[table["VALUE"].notna()]
    place: dict[str, int] = {}
    one, two = (
        np.array([place.setdefault(name, len(place)) for name in table[column]], dtype=np.int64)
        for column in ("RSID1", "RSID2")
    )
    value = table["VALUE"].to_numpy(dtype=np.float64)
    if np.isinf(value).any():
        names = " ".join(table.iloc[int(np.isinf(value).argmax())][["RSID1", "RSID2"]])
        raise InputError("the covariance is infinite", file=path, record=f"{gene} {names}", remedy="Make it anew.")
    matrix = np.full((len(place), len(place)), np.nan)
    matrix[one, two] = value
    twice = ~np.isclose(matrix[one, two], value)
    other = ~np.isnan(matrix[two, one])
    twice |= other & ~np.isclose(np.where(other, matrix[two, one], value), value)
    if twice.any():
        row = int(np.flatnonzero(twice)[0])
        names = " ".join(table.iloc[row][["RSID1", "RSID2"]])
        raise InputError("the pair has two values", file=path, record=f"{gene} {names}", remedy="Keep one of them.")
    return tuple(place), np.where(np.isnan(matrix), matrix.T, matrix)


def known_pairs(ids: Sequence[str], matrix: np.ndarray, path: str | Path, gene: str) -> None:
    """Refuse covariances of which a pair is missing.

    Raises:
        InputError: one is.
    """
    missing = np.argwhere(np.isnan(matrix))
    if len(missing):
        one, two = missing[0]
        raise InputError(
            f"has no covariance of {ids[one]} and {ids[two]}, and has others of both",
            file=path,
            record=gene,
            remedy="Make it anew, with all pairs of a gene's variants.",
        )
