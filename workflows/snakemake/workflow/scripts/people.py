"""Write the names of some people of a table: a line each, for `variantformer predict --samples-file`."""

import argparse
import csv
from pathlib import Path


def read_people(path: str | Path) -> list[str]:
    """The names in the column ``sample`` of a tab-separated table, in their order.

    Raises:
        ValueError: the table cannot be read or has no such column; a name is missing, or there twice.
    """
    try:
        with Path(path).open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: the table of people cannot be read ({error}).") from None
    if not rows or "sample" not in rows[0]:
        raise ValueError(f"{path}: no row with a column 'sample'. Give a tab-separated table with that heading.")
    names: dict[str, None] = {}
    for number, row in enumerate(rows, start=2):
        name = (row["sample"] or "").strip()
        if not name:
            raise ValueError(f"{path}, line {number}: no name in the column 'sample'.")
        if name in names:
            raise ValueError(f"{path}, line {number}: {name} is there twice. Name each person once.")
        names[name] = None
    return list(names)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=Path, required=True, help="table with a column sample")
    parser.add_argument("--first", type=int, required=True, help="how many people come before the batch")
    parser.add_argument("--count", type=int, required=True, help="people of the batch")
    parser.add_argument("--output", type=Path, required=True, help="text file")
    arguments = parser.parse_args()
    try:
        chosen = read_people(arguments.samples)[arguments.first : arguments.first + arguments.count]
    except ValueError as error:
        parser.exit(1, f"{error}\n")
    arguments.output.write_text("".join(f"{name}\n" for name in chosen), encoding="utf-8")


if __name__ == "__main__":
    main()
