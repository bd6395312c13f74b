"""Labels of donors: who is a case, and who a control."""

from pathlib import Path

from ...errors import InputError
from ...genome.table_files import delimiter_of, fields_of, kind_of_file, text_lines

# Names of the two columns, the first that a table has counts; case is forgiven.
DONOR = ("donor", "sample", "person", "individual", "iid")
LABEL = ("label", "case", "phenotype", "diagnosis", "status")
_VALUES = {"0": 0, "1": 1, "0.0": 0, "1.0": 1}
_REMEDY = "Give a TSV or CSV with a header and the columns donor and label, 1 = case, 0 = control."


def read_labels(path: str | Path) -> dict[str, int]:
    """Donor -> 1 (case) or 0 (control), in the order of the file.

    A TSV or CSV, compressed (.gz) or not, whose header has a column ``donor`` (or ``sample``, ``person``,
    ``individual``, ``IID``) and ``label`` (or ``case``, ``phenotype``, ``diagnosis``, ``status``); other columns are
    not read.

    Raises:
        InputError: no such file or column; a label that is neither 0 nor 1, a donor who stands there twice, one class
            alone, each with its first line.
    """
    if kind_of_file(path) != "text":
        raise InputError("is no table of labels", file=path, remedy=_REMEDY)
    lines = ((number, line) for number, line in enumerate(text_lines(path), start=1) if line.strip())
    _, head = next(lines, (0, ""))
    delimiter = delimiter_of(head)
    names = [name.lower() for name in fields_of(head, delimiter)]
    columns = [next((names.index(name) for name in known if name in names), None) for known in (DONOR, LABEL)]
    if columns[0] is None or columns[1] is None:
        missing = "donor" if columns[0] is None else "label"
        raise InputError(f"has no column {missing}; it has {', '.join(names)}", file=path, remedy=_REMEDY)
    found: dict[str, int] = {}
    line_of: dict[str, int] = {}
    for number, line in lines:
        fields, record = fields_of(line, delimiter, len(names)), f"line {number}"
        if len(fields) != len(names):
            raise InputError(
                f"has {len(fields)} fields, and the header {len(names)}",
                file=path,
                record=record,
                remedy="Give each line all columns.",
            )
        donor, label = fields[columns[0]], fields[columns[1]]
        if label not in _VALUES:
            raise InputError(
                f"the label of {donor} is {label!r}",
                file=path,
                record=record,
                remedy="Write 1 for a case and 0 for a control; leave out who is neither.",
            )
        if not donor:
            raise InputError("names no donor", file=path, record=record, remedy="Name the donor, or leave it out.")
        if donor in found:
            raise InputError(
                f"{donor} stands in line {line_of[donor]} too",
                file=path,
                record=record,
                remedy="Keep one line a donor.",
            )
        found[donor], line_of[donor] = _VALUES[label], number
    if len(set(found.values())) < 2:
        first = next(iter(line_of.values()), 0)
        problem = f"all {len(found)} labels are {found[next(iter(found))]}" if found else "has no label"
        raise InputError(
            problem, file=path, record=f"line {first}" if found else None, remedy="Give cases and controls."
        )
    return found
