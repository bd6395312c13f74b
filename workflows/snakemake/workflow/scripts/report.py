"""Join the match reports of datasets (`variantformer predict -o FOLDER/`): one page, and a table with a row a person.

All parts must come from the same model, version and settings: numbers of two runs are not one result.
"""

import argparse
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from variantformer_hf.errors import InputError

SAME = ("package", "model", "settings", "unit", "tissues")
COUNTS = ("records_read", "in_windows", "ref_mismatched", "applied")
# People named on the page: those of whose records that are not 0/0 the smallest share was applied.
NAMED = 10


@dataclass
class Joined:
    """What all parts say together.

    Attributes:
        made_with: what all parts agree on (:data:`SAME`).
        people: person -> counts of records (:data:`COUNTS`), of skipped ones by reason (``skipped_...``), of genes by
            status (``genes_...``).
        checked, matched: REF alleles that were held against the FASTA, and that were the same.
        damage: what was found damaged and mended.
        rejected: names that could not be predicted.
    """

    made_with: Mapping[str, Any]
    people: dict[str, Counter[str]] = field(default_factory=dict)
    checked: int = 0
    matched: int = 0
    damage: list[str] = field(default_factory=list)
    rejected: dict[str, None] = field(default_factory=dict)

    def add(self, report: Mapping[str, Any], people: pa.Table) -> None:
        """Count a part's people: a row of ``people`` is a person's counts on a chromosome."""
        names = people.column("sample").to_pylist()
        columns = {name: people.column(name).to_pylist() for name in people.column_names if _is_count(name)}
        for place, name in enumerate(names):
            counts = self.people.setdefault(name, Counter())
            counts.update({what: values[place] for what, values in columns.items() if values[place] or what in COUNTS})
        agreement = report.get("reference_agreement") or {}
        self.checked += agreement.get("checked", 0)
        self.matched += agreement.get("matched", 0)
        self.damage += report["damage"]
        self.rejected.update(dict.fromkeys(map(str, report["rejected"])))


def _is_count(column: str) -> bool:
    return column in COUNTS or column.startswith(("skipped_", "genes_"))


def join_reports(parts: Sequence[Path]) -> Joined:
    """Read them.

    Raises:
        InputError: one is no match report, or was made with something else than the first.
    """
    joined: Joined | None = None
    for part in parts:
        report, people = _read(part)
        joined = joined or Joined({what: report[what] for what in SAME})
        for what, first in joined.made_with.items():
            if report[what] != first:
                raise InputError(
                    f"was made with another {what} than {parts[0]}", file=part, remedy="Make all parts anew, alike."
                )
        joined.add(report, people)
    assert joined is not None
    return joined


def _read(part: Path) -> tuple[dict[str, Any], pa.Table]:
    try:
        report = json.loads((part / "_report.json").read_text())
        tables = [pa.ipc.open_file(part / name).read_all() for name in report["samples"]["tables"]]
        if not set(SAME) <= set(report):
            raise KeyError(SAME)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError("has no match report that can be read", file=part, remedy="Make the part anew.") from error
    return report, pa.concat_tables(tables)


def table_of_people(joined: Joined) -> pd.DataFrame:
    """A row a person; a count that a person does not have is 0."""
    order = dict.fromkeys(COUNTS)
    for counts in joined.people.values():
        order.update(dict.fromkeys(sorted(counts)))
    rows = [{"sample": name, **{what: counts[what] for what in order}} for name, counts in joined.people.items()]
    return pd.DataFrame(rows, columns=["sample", *order])


def page(joined: Joined, people: pd.DataFrame, parts: int, evaluation: pd.DataFrame | None) -> str:
    """The page, in Markdown."""
    made = joined.made_with
    package, model = made["package"], made["model"]
    totals = people.drop(columns="sample").sum()
    lines = [
        "# Predicted expression",
        "",
        f"{len(people):,} people, {len(made['tissues']):,} tissues, {parts:,} parts; {package['name']} "
        f"{package['version']}, model {model['name']} (SHA-256 {model['sha256'][:12]}), unit {made['unit']}.",
        "",
        "## Settings",
        "",
        *_table(pd.DataFrame({"setting": list(made["settings"]), "value": list(made["settings"].values())})),
        "## Genotypes, all people",
        "",
        *_table(pd.DataFrame({"what": totals.index, "number": [f"{int(value):,}" for value in totals]})),
    ]
    if joined.checked:
        lines += [f"REF alleles that the FASTA holds: {joined.matched:,} of {joined.checked:,} looked at.", ""]
    if joined.damage:
        lines += ["## Damage that was mended", "", *(f"- {sentence}" for sentence in joined.damage), ""]
    if joined.rejected:
        lines += ["## Names that could not be predicted", "", *(f"- {name}" for name in joined.rejected), ""]
    carried = people["in_windows"] - people.get("skipped_hom_ref", 0)
    share = (people["applied"] / carried.where(carried > 0)).round(4)
    lowest = pd.DataFrame(
        {"sample": people["sample"], "carried": carried, "applied": people["applied"], "share": share}
    )
    lowest = lowest.sort_values("share", na_position="first", kind="stable").head(NAMED)
    lines += ["## People of whose carried records the smallest share was applied", "", *_table(lowest)]
    if evaluation is not None:
        lines += ["## Against measured expression", "", *_table(evaluation.round(4))]
    return "\n".join(lines)


def _table(frame: pd.DataFrame) -> list[str]:
    cells = [list(frame.columns), ["---"] * len(frame.columns), *frame.astype(object).to_numpy().tolist()]
    return [*(f"| {' | '.join(str(cell).replace('|', chr(92) + '|') for cell in row)} |" for row in cells), ""]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="+", type=Path, help="datasets of `variantformer predict -o FOLDER/`")
    parser.add_argument("--page", type=Path, required=True, help="Markdown")
    parser.add_argument("--people", type=Path, required=True, help="TSV: a row a person")
    parser.add_argument("--evaluation", type=Path, help="TSV of evaluate.py")
    arguments = parser.parse_args()
    try:
        joined = join_reports(arguments.parts)
    except InputError as error:
        parser.exit(1, f"{error}\n")
    people = table_of_people(joined)
    people.to_csv(arguments.people, sep="\t", index=False)
    evaluation = pd.read_csv(arguments.evaluation, sep="\t") if arguments.evaluation else None
    arguments.page.write_text(page(joined, people, len(arguments.parts), evaluation))


if __name__ == "__main__":
    main()
