"""What is said of variants that cannot be used."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from ..genome.variant_table import VariantTable

_SHOWN = 3


def report_rejected(table: "VariantTable", path: Path) -> list[Path]:
    """Write the rejected rows of a list of variants, and say what became of its rows.

    Returns:
        The file; none where nothing was rejected.
    """
    from ..report.tables import write_table

    counts = table.counts()
    if not table.rejected:
        path.unlink(missing_ok=True)
        return []
    import pandas as pd

    repeated = f", {counts['repeated']} of them repeated" if counts["repeated"] else ""
    typer.echo(f"{len(table.rejected)} of {counts['read']} rows rejected{repeated}:", err=True)
    for each in table.rejected[:_SHOWN]:
        typer.echo(f"  row {each.row} ({each.given[:60]}): {each.reason}", err=True)
    if len(table.rejected) > _SHOWN:
        typer.echo(f"  ... and {len(table.rejected) - _SHOWN} more in {path.name}", err=True)
    rows = [(each.row, each.given, each.kind, each.reason) for each in table.rejected]
    return [write_table(pd.DataFrame(rows, columns=["row", "given", "kind", "reason"]), path, {})]
