"""The released tables of allele frequencies in five super-populations -> one Parquet table."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError
from ..genome.table_files import read_text_bytes, write_parquet_pieces

if TYPE_CHECKING:
    import pyarrow as pa

POPULATIONS = ("AFR", "AMR", "EAS", "EUR", "SAS")
_FILE = re.compile(r".*chr(?P<name>\d+|X|Y)\.tsv(\.gz)?")
_PLACE = ("chr", "pos", "ref", "alt")


def convert_frequencies(
    folder: str | Path, output: str | Path, *, on_file: Callable[[int, int], None] | None = None
) -> dict[str, int]:
    """Write one table, contig by contig: chrom (with ``chr``), pos (1-based), ref, alt, AF_AFR ... AF_SAS (float32).

    A missing frequency (``.``) stays missing. ``variantformer effects --af-table`` reads the table.

    Args:
        folder: the tables, one a contig (``1KG_hg38_af_chr1.tsv``).
        output: a .parquet file.
        on_file: called with (done, total).

    Returns:
        Rows of each contig.

    Raises:
        InputError: no table is there, or one lacks a column, has a frequency that is none, or other contigs than its
            name says.
    """
    folder, output = Path(folder), Path(output)
    files = (
        sorted((path for path in folder.iterdir() if _FILE.fullmatch(path.name)), key=_order) if folder.is_dir() else []
    )
    if not files:
        raise InputError("holds no ...chr1.tsv", file=folder, remedy="Fetch them: --what frequencies.")
    output.parent.mkdir(parents=True, exist_ok=True)
    rows: dict[str, int] = {}

    def tables() -> Iterator["pa.Table"]:
        for number, path in enumerate(files, 1):
            table = _read(path)
            rows[f"chr{_contig(path)}"] = len(table)
            yield table
            if on_file is not None:
                on_file(number, len(files))

    write_parquet_pieces(output, tables())
    return rows


def _read(path: Path) -> "pa.Table":
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import csv

    columns = {f"AF_{name}": pa.float32() for name in POPULATIONS}
    types = {"chr": pa.string(), "pos": pa.int64(), "ref": pa.string(), "alt": pa.string(), **columns}
    options = csv.ConvertOptions(
        column_types=types, null_values=[".", "", "NA"], strings_can_be_null=False, include_columns=list(types)
    )
    try:
        content = pa.BufferReader(read_text_bytes(path))
        table = csv.read_csv(content, parse_options=csv.ParseOptions(delimiter="\t"), convert_options=options)
    except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
        raise InputError(
            f"is not a table of {', '.join(types)}: {' '.join(str(error).split())[:150]}",
            file=path,
            remedy="Give the tables as released.",
        ) from error
    for name in columns:
        lowest, highest = pc.min_max(table[name]).values()
        if lowest.as_py() is not None and not 0 <= lowest.as_py() <= highest.as_py() <= 1:
            raise InputError(f"{name} has a frequency outside 0 to 1", file=path)
    bare = pc.replace_substring_regex(table["chr"], "^chr", "")
    if not pc.all(pc.equal(bare, _contig(path))).as_py() and len(table):
        raise InputError("has variants of other contigs than its name says", file=path)
    chrom = pa.array([f"chr{_contig(path)}"] * len(table), pa.string())
    return pa.table({"chrom": chrom, **{name: table[name] for name in table.column_names if name != "chr"}})


def _contig(path: Path) -> str:
    match = _FILE.fullmatch(path.name)
    assert match is not None
    return match["name"]


def _order(path: Path) -> tuple[int, str]:
    name = _contig(path)
    return (int(name), "") if name.isdigit() else (99, name)
