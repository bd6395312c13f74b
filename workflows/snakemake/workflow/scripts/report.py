"""Join match reports (OUTPUT.report.json) into one page, and a table with a row a person.

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

    def add(self, report: Mapping[str, Any]) -> None:
        """Count a part's people."""
        for name, of_person in report["samples"].items():
            counts = self.people.setdefault(name, Counter())
            total = of_person["total"]
            counts.update({what: total[what] for what in COUNTS})
            counts.update({f"skipped_{reason}": n for reason, n in total["skipped"].items()})
            counts.update({f"genes_{status}": n for status, n in of_person["genes_by_status"].items()})
        agreement = report.get("reference_agreement") or {}
        self.checked += agreement.get("checked", 0)
        self.matched += agreement.get("matched", 0)
        self.damage += report["damage"]
        self.rejected.update(dict.fromkeys(map(str, report["rejected"])))


def join_reports(paths: Sequence[Path]) -> Joined:
    """Read them.

    Raises:
        InputError: one is no match report, or was made with something else than the first.
    """
    joined: Joined | None = None
    for path in paths:
        report = _read(path)
        joined = joined or Joined({what: report[what] for what in SAME})
        for what, first in joined.made_with.items():
            if report[what] != first:
                raise InputError(
                    f"was made with another {what} than {paths[0]}", file=path, remedy="Make all parts anew, alike."
                )
        joined.add(report)
    assert joined is not None
    return joined


def _read(path: Path) -> dict[str, Any]:
    try:
        report = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise InputError("is no match report", file=path, remedy="Make the part anew.") from error
    if not isinstance(report, dict) or not {*SAME, "samples", "damage", "rejected"} <= set(report):
        raise InputError("is no match report", file=path, remedy="Make the part anew.")
    return report


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
    parser.add_argument("reports", nargs="+", type=Path, help="OUTPUT.report.json of each part")
    parser.add_argument("--page", type=Path, required=True, help="Markdown")
    parser.add_argument("--people", type=Path, required=True, help="TSV: a row a person")
    parser.add_argument("--evaluation", type=Path, help="TSV of evaluate.py")
    arguments = parser.parse_args()
    try:
        joined = join_reports(arguments.reports)
    except InputError as error:
        parser.exit(1, f"{error}\n")
    people = table_of_people(joined)
    people.to_csv(arguments.people, sep="\t", index=False)
    evaluation = pd.read_csv(arguments.evaluation, sep="\t") if arguments.evaluation else None
    arguments.page.write_text(page(joined, people, len(arguments.reports), evaluation))


if __name__ == "__main__":
    main()
