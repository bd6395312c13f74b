"""What a match report says was asked, what was used of a person's file, and what a reader must be warned of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

COUNTS = ("records_read", "in_windows", "ref_checked", "ref_mismatched", "applied")
_SKIPPED = "skipped_"
NO_REPORT = (
    "No match report lies beside the table: which model made these numbers, and what of the person's file was used, is "
    "not known."
)


@dataclass(frozen=True)
class UsedRecords:
    """What became of a person's records.

    Attributes:
        by_contig: contig and the counts of :data:`COUNTS`; the last row is the total.
        skipped: reason -> records in the windows that were not applied.
    """

    by_contig: "pd.DataFrame"
    skipped: Mapping[str, int]

    @property
    def total(self) -> Mapping[str, int]:
        """Count -> records, of all contigs."""
        return {name: int(self.by_contig[name].iloc[-1]) for name in COUNTS}


def used_records(report: Mapping[str, Any], sample: str) -> UsedRecords | None:
    """What a report of one table says of a person; None = nothing."""
    import pandas as pd

    said = report.get("samples", {}).get(sample, {})
    if "total" not in said:
        return None
    rows = [*said.get("contigs", {}).items(), ("all", said["total"])]
    table = pd.DataFrame([{"contig": contig, **{name: int(of[name]) for name in COUNTS}} for contig, of in rows])
    return UsedRecords(table, dict(said["total"].get("skipped", {})))


def used_of_dataset(counts: "pd.DataFrame", sample: str) -> UsedRecords | None:
    """What the counts of a dataset (a row a sample and contig) say of a person; None = nothing."""
    import pandas as pd

    rows = counts[counts["sample"] == sample]
    if rows.empty:
        return None
    table = rows[["contig", *COUNTS]]
    total = pd.DataFrame([{"contig": "all", **{name: int(table[name].sum()) for name in COUNTS}}])
    skipped = {
        name.removeprefix(_SKIPPED): int(rows[name].sum()) for name in map(str, rows) if name.startswith(_SKIPPED)
    }
    return UsedRecords(pd.concat([table, total], ignore_index=True), {reason: n for reason, n in skipped.items() if n})


def report_warnings(report: Mapping[str, Any] | None, used: UsedRecords | None) -> list[str]:
    """Sentences on what a reader must not miss."""
    if report is None:
        return [NO_REPORT]
    found: list[str] = []
    if used is not None:
        total = used.total
        if not total["applied"]:
            found.append("None of the person's records changed a sequence: all predictions are the reference genome's.")
        if total["ref_mismatched"]:
            mismatched, checked = total["ref_mismatched"], total["ref_checked"]
            found.append(f"{mismatched:,} of {checked:,} records have another REF allele than the FASTA.")
    elif "vcf" in report.get("inputs", {}):
        found.append("The match report does not name this person: what was used of the file is not known.")
    found += [str(sentence) for sentence in report.get("damage", [])]
    rejected = report.get("rejected", [])
    if rejected:
        found.append(f"Asked for, and not predicted: {listed([str(each.get('name', each)) for each in rejected])}.")
    return found


def asked(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What was asked: name and value."""
    genes = report.get("genes", {})
    left_out = genes.get("left_out", {})
    said = [
        ("model", f"{report.get('model', {}).get('name', 'not said')}"),
        ("genes predicted", f"{int(genes.get('predicted', 0)):,}"),
        ("genes of the model left out", ", ".join(f"{n:,} {reason}" for reason, n in left_out.items()) or "none"),
        ("tissues", f"{len(report.get('tissues', [])):,}"),
    ]
    agreement = report.get("reference_agreement")
    if agreement:
        said.append(("REF alleles as in the FASTA", f"{agreement['matched']:,} of {agreement['checked']:,} looked at"))
    return said


def listed(names: Sequence[str], most: int = 10) -> str:
    """The first names, and how many more there are."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most:,} more"
