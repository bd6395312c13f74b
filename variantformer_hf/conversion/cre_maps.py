"""The released lists of each gene's cCREs -> one table of cCREs, and where the lists differ from plain overlap."""

import csv
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError
from ..genome.cres import CRE_CLASSES, CreTable
from ..genome.table_files import text_lines

if TYPE_CHECKING:
    import pandas as pd

FILE_NAME = "gene_vocab.csv"
_COLUMNS = ("chromosome", "start_cre", "end_cre", "cre_id", "cre_name", "start_gene", "end_gene", "gene_id")
_Cre = tuple[str, int, int, str, str]


@dataclass(frozen=True)
class CreMaps:
    """What the lists hold together.

    Attributes:
        cres: every cCRE that a list has, once.
        differences: one row per gene: gene_id, in_map, by_overlap, only_in_map, only_by_overlap (numbers of cCREs),
            and ``examples``, up to three places that only one of them has. Without a BED the last four are missing.
    """

    cres: CreTable
    differences: "pd.DataFrame"


def read_cre_maps(
    folder: str | Path,
    bed: str | Path | None = None,
    *,
    radius: int = 1_000_000,
    on_gene: Callable[[int, int], None] | None = None,
) -> CreMaps:
    """Read the lists of all genes.

    Args:
        folder: ``GENE/gene_vocab.csv`` for each gene, as released (``model/common/cres_all_genes``).
        bed: the cCREs that the lists were made of; None = do not compare.
        radius: bases around a gene, as its list's start_gene and end_gene stand, within which cCREs overlap.
        on_gene: called with (done, total).

    Raises:
        InputError: no list, a list lacks a column or has a cCRE that cannot be, or the BED cannot be read.
    """
    import pandas as pd
    import pyarrow as pa

    folder = Path(folder)
    files = sorted(folder.rglob(FILE_NAME))
    if not files:
        raise InputError(f"holds no {FILE_NAME}", file=folder, remedy="Fetch them: --what maps.")
    known = None if bed is None else CreTable.read(bed)
    cres: dict[_Cre, None] = {}
    rows = []
    for number, file in enumerate(files, 1):
        gene_id, interval, found = _read_list(file)
        cres.update(dict.fromkeys(found))
        row: dict[str, object] = {"gene_id": gene_id, "in_map": len(found)}
        rows.append(row | ({} if known is None else _compared(found, known, interval, radius)))
        if on_gene is not None:
            on_gene(number, len(files))
    chrom, start, end, name, kind = zip(*cres, strict=True) if cres else ((), (), (), (), ())
    table = pa.table(
        {
            "chrom": list(chrom),
            "start": pa.array(start, pa.int64()),
            "end": pa.array(end, pa.int64()),
            "name": list(name),
            "class": list(kind),
        }
    )
    return CreMaps(CreTable(table, file=folder), pd.DataFrame(rows))


def _read_list(file: Path) -> tuple[str, tuple[str, int, int], list[_Cre]]:
    reader = csv.DictReader(text_lines(file))
    missing = [name for name in _COLUMNS if name not in (reader.fieldnames or ())]
    if missing:
        raise InputError(f"has no column {', '.join(missing)}", file=file, remedy="Give the released lists.")
    found: list[_Cre] = []
    interval = ("", 0, 0)
    gene_id = file.parent.name
    for line, row in enumerate(reader, 2):
        try:
            cre = (
                row["chromosome"],
                int(float(row["start_cre"])),
                int(float(row["end_cre"])),
                row["cre_id"],
                row["cre_name"],
            )
            interval = (row["chromosome"], int(float(row["start_gene"])), int(float(row["end_gene"])))
        except (TypeError, ValueError) as error:
            raise InputError("has a place that is no number", file=file, record=f"line {line}") from error
        if cre[4] not in CRE_CLASSES:
            raise InputError(f"has the unknown class {cre[4]!r}", file=file, record=f"line {line}")
        gene_id = row["gene_id"] or gene_id
        found.append(cre)
    return gene_id, interval, found


def _compared(found: Iterable[_Cre], known: CreTable, interval: tuple[str, int, int], radius: int) -> dict[str, object]:
    chrom, start, end = interval
    in_map = {(cre[1], cre[2], cre[4]) for cre in found}
    overlap = known.overlapping(chrom, max(0, start - radius), end + radius)
    by_overlap = set(zip(overlap.start.tolist(), overlap.end.tolist(), overlap.classes, strict=True))
    only_map, only_overlap = sorted(in_map - by_overlap), sorted(by_overlap - in_map)
    examples = [f"{chrom}:{first}-{last} {kind}" for first, last, kind in [*only_map, *only_overlap][:3]]
    return {
        "by_overlap": len(by_overlap),
        "only_in_map": len(only_map),
        "only_by_overlap": len(only_overlap),
        "examples": "; ".join(examples),
    }
