"""Which population each person of a panel is of."""

from pathlib import Path

from ...errors import InputError
from ...genome.table_files import kind_of_file
from ...genome.text_rows import text_rows

# Names of the two columns, the first that a table has counts; case is forgiven.
_PERSON = ("donor", "sample", "sample name", "iid", "#iid", "individual", "individual id")
_POPULATION = ("super_population", "super_pop", "superpop", "superpopulation code", "population", "pop", "label")
_REMEDY = "Give a TSV or CSV with the columns donor (or sample) and super_population (or super_pop, population)."


def read_populations(path: str | Path) -> dict[str, str]:
    """Person -> population, in the order of the file.

    A TSV or CSV, compressed (.gz) or not, such as the panel files of the 1000 Genomes Project; other columns are not
    read. Who has no population, or ``NA``, is left out.

    Raises:
        InputError: no such file or column; a person who stands there twice; nobody.
    """
    if kind_of_file(path) != "text":
        raise InputError("is no table of labels", file=path, remedy=_REMEDY)
    header, rows = text_rows(path)
    names = [name.lower() for name in header]
    columns = [next((names.index(name) for name in known if name in names), None) for known in (_PERSON, _POPULATION)]
    person, population = columns
    if person is None or population is None:
        missing = "donor" if person is None else "super_population"
        raise InputError(f"has no column {missing}; it has {', '.join(header)}", file=path, remedy=_REMEDY)
    found: dict[str, str] = {}
    line_of: dict[str, int] = {}
    for line, fields in rows:
        name = fields[person]
        if name in line_of:
            raise InputError(
                f"{name} stands in line {line_of[name]} too",
                file=path,
                record=f"line {line}",
                remedy="Keep one line a person.",
            )
        line_of[name] = line
        if fields[population] not in ("", "NA", ".", "nan"):
            found[name] = fields[population]
    if not found:
        raise InputError("names nobody's population", file=path, remedy=_REMEDY)
    return found
