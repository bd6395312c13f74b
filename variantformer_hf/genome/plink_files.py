"""The files of one PLINK data set: what lies beside the one that is named."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from ..errors import InputError
from .contigs import bare_name
from .local_files import known_by_address
from .plink_names import plink_contig
from .site_text import TableColumns, header_of, read_lines, read_sites
from .sites import SiteTable
from .variants import header_contigs

_PVAR = ("#CHROM", "POS", "ID", "REF", "ALT")


def beside(path: Path, *suffixes: str) -> Path:
    """The first file of the same name with one of the suffixes.

    Raises:
        InputError: there is none.
    """
    for suffix in suffixes:
        found = path.with_suffix(suffix)
        if found.is_file():
            return known_by_address(found)
    raise InputError(
        f"has no {' or '.join(suffixes)} beside it",
        file=path,
        remedy=f"Put {path.with_suffix(suffixes[0]).name} into the same folder: a data set of PLINK is three files.",
    )


def read_pvar(path: Path) -> tuple[SiteTable, dict[str, int | None]]:
    """The records of a .pvar or .pvar.zst, and the contigs with the lengths that its header says.

    Raises:
        InputError: it is malformed, or cut short.
    """
    header, pieces = header_of(read_lines(path))
    names = header[-1].split("\t") if header else []
    if header and tuple(names[:5]) != _PVAR:
        raise InputError("has no #CHROM header line: it is cut short, or no .pvar", file=path, remedy="Fetch it again.")
    if header:
        place = {name: number for number, name in enumerate(names)}
        columns = TableColumns(len(names), 0, 1, 3, 4, place.get("FILTER"), place.get("INFO"))
        table = read_sites(path, pieces, columns, header)
    else:
        table = _without_header(path, pieces)
    lengths = {bare_name(plink_contig(name)): length for name, length in header_contigs(header).items()}
    return table, {plink_contig(name): lengths.get(bare_name(plink_contig(name))) for name in table.contigs}


def read_bim(path: Path) -> SiteTable:
    """The records of a .bim; REF is its second allele, ALT its first.

    Raises:
        InputError: it is malformed, or cut short.
    """
    return read_sites(path, read_lines(path), TableColumns(6, 0, 3, 5, 4, one_alt=True), [])


def _without_header(path: Path, pieces: Iterator[bytes]) -> SiteTable:
    """The records of a .pvar that is laid out as a .bim; positions in centimorgans may be left out."""
    first = next(pieces, b"")
    n = max(5, len(first.partition(b"\n")[0].split()))  # of less the message tells
    columns = TableColumns(n, 0, n - 3, n - 1, n - 2)
    return read_sites(path, chain([first] if first else [], pieces), columns, [])
