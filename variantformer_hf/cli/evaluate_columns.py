"""What ``variantformer evaluate predictions --columns`` reads, and whom it asks for which numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from ..data.evaluation_grid import EvaluationGrid
    from ..data.field_columns import FieldColumns
    from ..data.published_scores import PublishedScores
    from ..data.splits import Split
    from ..evaluation.paired import PairedExpression
    from ..evaluation.results import EvaluationResults


@dataclass(frozen=True)
class ColumnOptions:
    """Options of the columns, before any file is read.

    Attributes:
        population_column: of ``--samples``.
        trained: populations that were trained on; none = the train donors'.
        heritability: population -> its file.
        published: name -> file.
    """

    population_column: str
    trained: tuple[str, ...] = ()
    heritability: Mapping[str, Path] = field(default_factory=dict)
    published: Mapping[str, Path] = field(default_factory=dict)

    def inputs(self) -> dict[str, Path]:
        """Name -> file, for what says where an evaluation comes from."""
        found = {f"heritability of {name}": path for name, path in self.heritability.items()}
        return found | {f"published {name}": path for name, path in self.published.items()}


@dataclass(frozen=True)
class ReadColumns:
    """What the files beside the predictions say.

    Attributes:
        heritability: population -> h2 of genes; that of "" is of all that are not named.
        published: what others published.
    """

    heritability: "Mapping[str, pd.DataFrame]"
    published: "Sequence[PublishedScores]"


def column_options(
    is_asked: bool,
    split: Path | None,
    population_column: str | None,
    trained: list[str] | None,
    heritability: list[str] | None,
    published: list[str] | None,
) -> ColumnOptions | None:
    """Of the command line; None = the columns are not asked for.

    Raises:
        InputError: an option of the columns without --columns, or these without --split; a name is missing or there
            twice.
    """
    given = {
        "--population-column": population_column,
        "--training-population": trained,
        "--population-heritability": heritability,
        "--published": published,
    }
    if not is_asked:
        unused = [option for option, values in given.items() if values]
        if unused:
            raise InputError(f"{unused[0]} is of the field's columns", remedy="Ask for them too: --columns.")
        return None
    if split is None:
        raise InputError(
            "--columns needs the split, which says whom and which genes the models were trained on",
            remedy="Give it: --split split.json, or a folder of folds.",
        )
    return ColumnOptions(
        population_column or "super_population",
        tuple(trained or ()),
        _named("--population-heritability", heritability or [], "POPULATION=FILE"),
        _named("--published", published or [], "NAME=FILE"),
    )


def read_columns(options: ColumnOptions, heritability: "pd.DataFrame | None") -> ReadColumns:
    """Read the files beside the predictions.

    Args:
        options: name the files.
        heritability: of ``--heritability``.

    Raises:
        InputError: a file cannot be read, or is of another layout.
    """
    from ..data.heritability_table import read_heritability
    from ..data.published_scores import read_published

    of_all = {} if heritability is None else {"": heritability}
    of_population = {name: read_heritability(path) for name, path in options.heritability.items()}
    published = [read_published(name, path) for name, path in options.published.items()]
    return ReadColumns(of_all | of_population, published)


def columns_of(
    options: ColumnOptions, grid: "EvaluationGrid", splits: "Sequence[Split]", people: "pd.DataFrame", samples: Path
) -> "FieldColumns":
    """The column of each measured value.

    Raises:
        InputError: see :func:`~variantformer_hf.data.field_columns.field_columns`; a population with a heritability of
            its own is nobody's.
    """
    from ..data.field_columns import field_columns

    found = field_columns(
        grid, splits, people, by=options.population_column, trained=options.trained, people_file=samples
    )
    there = set(people[options.population_column])
    for name, path in options.heritability.items():
        if name not in there:
            raise InputError(
                f"is given as of {name}, and nobody is of it",
                file=path,
                remedy=f"Name one of {', '.join(sorted(map(str, there - {''})))}.",
            )
    return found


def add_columns(
    columns: "FieldColumns",
    read: ReadColumns,
    paired: "PairedExpression",
    fewest_donors: int,
    results: "EvaluationResults",
) -> None:
    """Add the tables of the columns, and count what is in none.

    Args:
        columns: of the measured values.
        read: what stands beside the models.
        paired: each model's own values.
        fewest_donors: of a gene, tissue and population.
        results: where to.
    """
    from dataclasses import replace

    from ..evaluation.columns import Beside
    from ..evaluation.columns import add_columns as add_tables

    for reason, n in columns.left_out.items():
        results.count("columns", "expression", "values", reason, n)
    known = zip(paired.genes["gene_name"], paired.genes["gene_id"], strict=True)
    ids = {str(name).upper(): str(gene) for name, gene in known if name}
    for each in read.published:
        for reason, n in each.left_out.items():
            results.count("columns", each.name, "rows", reason, n)
    beside = Beside(
        read.heritability,
        [each.rows for each in read.published if len(each.rows)],
        [each.with_ids(ids) for each in read.published if len(each.genes)],
    )
    with_population = replace(paired, samples=paired.samples.assign(population=columns.population))
    add_tables(with_population, columns.cells, columns.empty, beside, fewest_donors, results)


def column_lines(table: "pd.DataFrame") -> list[str]:
    """What the columns come to: a line a model and column, over all its tissues and populations."""
    import math

    found, own = [], table["source"].iloc[0]
    for row in table[table["genes"] == "all"].drop_duplicates(["source", "model", "column"]).to_dict("records"):
        of = "" if row["source"] == own else f" ({row['source']})"
        text = f"{row['model']}{of}, {row['column']}: "
        if row["reason"]:
            found.append(f"{text}NA ({row['reason']})")
            continue
        known = {name for name, value in row.items() if isinstance(value, str) or not math.isnan(value)}
        text += f"r {row['r']:.3f}" if "r" in known else f"|r| {row['abs_r']:.3f}"
        text += f" ({row['r_low']:.3f} to {row['r_high']:.3f})" if "r_low" in known else ""
        text += f" of {row['n_genes']:,.0f} genes"
        text += f", {row['wrong_sign']:.1%} of the wrong sign" if "wrong_sign" in known else ""
        text += f", {row['r_of_ceiling']:.0%} of the ceiling" if "r_of_ceiling" in known else ""
        found.append(text)
    return found


def _named(option: str, texts: list[str], form: str) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for text in texts:
        name, separator, path = text.partition("=")
        if not separator or not name.strip() or not path:
            raise InputError(f"{option} {text} has no name", remedy=f"Give {option} {form}.")
        if name in found:
            raise InputError(f"{option} names {name} twice", remedy="Give each a name of its own.")
        found[name] = Path(path)
    return found
