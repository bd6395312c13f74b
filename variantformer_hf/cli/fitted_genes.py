"""What commands that fit genes ask for, and what they say of it."""

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from ..genome.genes import Gene, GeneTable


def genes_named(table: "GeneTable", asked: list[str]) -> "list[Gene]":
    """Genes of a table by their names.

    Raises:
        InputError: it does not have one.
    """
    from ..errors import InputError

    found, unknown = table.resolve(asked)
    if unknown:
        raise InputError(f"gene {unknown[0].name!r}: {unknown[0].reason}", remedy="Ask for genes of the table.")
    return found


def say_counts(report: dict[str, object]) -> None:
    """Say what of a report is counts: how many of what, a line each."""
    for name, counts in report.items():
        if isinstance(counts, dict) and name not in ("recipe", "phases"):
            said = [(f"{what} ", each) for what, each in counts.items()] if _is_deep(counts) else [("", counts)]
            for what, each in said:
                text = ", ".join(f"{count:,} {kind}" for kind, count in each.items())
                typer.echo(f"{name}{' ' if what else ''}{what.strip()}: {text}", err=True)


def _is_deep(counts: dict[str, object]) -> bool:
    return any(isinstance(each, dict) for each in counts.values())
