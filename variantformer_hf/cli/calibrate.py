"""``variantformer calibrate``: how far measured expression lies from predictions, of people who were held out."""

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from ..errors import InputError
from .options import INPUTS, OUTPUT, OverwriteOption, given_file
from .outputs import claim

_MODEL = "Model"
_LEVELS = (0.8, 0.9, 0.95)
_NOT_HELD_OUT = (
    "Nothing shows that these donors were held out: no split was given. If the model was trained on any of them, "
    "the intervals are too narrow."
)


def calibrate(
    predictions: Annotated[
        list[str],
        typer.Option(
            help="Table or dataset of `predict`, of people who were held out; repeat for more people.",
            rich_help_panel=INPUTS,
        ),
    ],
    expression: Annotated[
        list[Path],
        typer.Option(
            help="Folder of `harmonize`, tidy table of TPM, GCT, or normalized BED; repeat for more cohorts.",
            rich_help_panel=INPUTS,
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Calibration: .parquet.", rich_help_panel=OUTPUT)],
    samples: Annotated[
        Path | None,
        typer.Option(
            parser=given_file,
            metavar="PATH",
            help="People: donor; maybe super_population, pc1, pc2 ... (as `ancestry` writes them), sample (their name "
            "in the predictions).",
            rich_help_panel=INPUTS,
        ),
    ] = None,
    split: Annotated[
        Path | None,
        typer.Option(
            parser=given_file,
            metavar="PATH",
            help="Who was held out: split.json. Its test donors alone are used.",
            rich_help_panel=INPUTS,
        ),
    ] = None,
    attributes: Annotated[
        Path | None,
        typer.Option(parser=given_file, metavar="PATH", help="Sample attributes of a GCT.", rich_help_panel=INPUTS),
    ] = None,
    unit: Annotated[
        str | None,
        typer.Option(help="Of tidy tables of expression whose values are no TPM.", rich_help_panel=INPUTS),
    ] = None,
    population_column: Annotated[
        str, typer.Option(help="Of --samples: who is of which population.", rich_help_panel=_MODEL)
    ] = "super_population",
    level: Annotated[
        list[float] | None,
        typer.Option(
            help="Share of people whose measured value an interval holds; repeat.  [default: 0.8, 0.9, 0.95]",
            rich_help_panel=_MODEL,
        ),
    ] = None,
    fewest_donors: Annotated[
        int,
        typer.Option(
            help="Of a population that has intervals of its own, and of any interval, beside what its level takes: "
            "level / (1 - level).",
            rich_help_panel=_MODEL,
        ),
    ] = 1,
    overwrite: OverwriteOption = False,
) -> None:
    """Calibrate intervals (split-conformal) of each gene, tissue and population on people who were held out.

    `variantformer predict --intervals OUTPUT` sets them beside each prediction. OUTPUT holds half-widths and counts,
    no genotype and nobody's name.
    """
    if output.suffix != ".parquet":
        raise InputError("is not written to such a file", file=output, remedy="End the name in .parquet.")
    levels = sorted(set(level or _LEVELS))
    for each in levels:
        check_level(each)
    if fewest_donors < 1:
        raise InputError(f"--fewest-donors is {fewest_donors}", remedy="It must be 1 or more.")
    out = claim(output, overwrite=overwrite)

    import numpy as np
    import pandas as pd

    from ..data.interval_tables import People, one_model, residuals_of
    from ..data.measured import read_measured, read_people
    from ..data.prediction_tables import open_predictions
    from ..data.splits import Split
    from ..evaluation.conformal import WHOLE, calibrated, component_ranges, fewest_people, half_width_column
    from ..report.tables import write_table

    tables = [each for path in predictions for each in open_predictions(path)]
    made_with = one_model(tables)
    measured = read_measured(expression, attributes=attributes, unit=unit)
    if samples is None:
        people = People.of_table(pd.DataFrame({"donor": measured.samples["donor"].unique()}), expression[0])
    else:
        people = People.of_table(read_people(samples), samples)
        if population_column != "super_population" and population_column not in people.table:
            raise InputError(f"has no column {population_column}", file=samples, remedy="Name another column.")
        measured = measured.of_people(people.table, samples)
    found = residuals_of(
        tables,
        measured,
        people.table,
        None if split is None else Split.load(split),
        people_file=samples or expression[0],
        split_file=split,
    )
    of_people = people.populations(population_column)
    populations = dict(zip(people.table["donor"], of_people, strict=True))
    of_sample = np.array([populations.get(donor, "") for donor in found.donors], dtype=object)
    if WHOLE in of_sample:
        raise InputError(f"has a population {WHOLE!r}, which is everybody's name", file=samples, remedy="Rename it.")
    table = calibrated(found.values, found.genes, found.tissues, of_sample, levels, fewest_donors)
    of_whole = table[table["population"] == WHOLE]
    if of_whole[[half_width_column(each) for each in levels]].isna().all(axis=None):
        wanted = max(fewest_donors, fewest_people(levels[0]))
        raise InputError(
            f"no gene and tissue has the {wanted} held-out donors that an interval at {levels[0]:g} takes: they have "
            f"{int(of_whole['n'].max())} or fewer",
            file=", ".join(predictions),
            remedy="Predict more donors who were held out, or ask for a lower --level.",
        )
    used = set(found.donors[~np.isnan(found.values).all(axis=0)])
    place = people.table["donor"].isin(used).to_numpy() & ~np.isnan(people.coordinates).any(axis=1)
    ranges = {}
    if people.components:
        ranges = component_ranges(people.coordinates[place], of_people[place])
        if not ranges:
            raise InputError(
                f"{int(place.sum())} held-out donors have principal components, too few to say how far they reach",
                file=samples,
                remedy="Give a table without them: nobody will be flagged as outside of the calibration.",
            )
    of_each = Counter(populations.get(donor, "") for donor in used)
    described = {
        **made_with,
        "unit": found.unit,
        "levels": levels,
        "fewest_donors": fewest_donors,
        "population_column": population_column,
        "held_out_by_split": split is not None,
        "donors": {WHOLE: len(used), **{name: of_each[name] for name in sorted(of_each) if name}},
        "components": list(people.components) if ranges else [],
        "components_id": people.components_id,
        "ranges": {name: each.as_dict() for name, each in ranges.items()},
        "left_out": {reason: int(n) for reason, n in found.left_out.items() if n},
    }
    if split is None:
        typer.echo(_NOT_HELD_OUT, err=True)
    typer.echo(f"donors: {', '.join(f'{n:,} {name}' for name, n in described['donors'].items())}", err=True)
    for each in levels:
        finite = table[table[half_width_column(each)].notna()]["population"].value_counts().sort_index()
        typer.echo(
            f"{each:g}: {', '.join(f'{n:,} genes x tissues of {name}' for name, n in finite.items()) or 'none'}",
            err=True,
        )
    for reason, n in described["left_out"].items():
        typer.echo(f"  left out: {n:,} {reason}", err=True)
    out.deliver([write_table(table, out.path, described)])


def check_level(level: float) -> None:
    """Refuse a level that is no share of people.

    Raises:
        InputError: it is not above 0 and below 1.
    """
    if not 0 < level < 1:
        raise InputError(f"--level is {level:g}", remedy="It must be above 0 and below 1, such as 0.9.")
