"""``variantformer predictability``: what models can say of people, gene by gene, tissue by tissue."""

from pathlib import Path
from typing import Annotated

import typer

from ..errors import InputError
from .options import OverwriteOption, given_file
from .outputs import claim


def predictability(
    model: Annotated[
        list[str],
        typer.Option(
            help="NAME=FOLDER of `variantformer fit` or `baseline fit elastic-net`, or, of any model, of `evaluate "
            "predictions`, where it has this NAME; repeat for more models."
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Table: .parquet.")],
    heritability: Annotated[
        Path | None,
        typer.Option(parser=given_file, metavar="PATH", help="Table of `variantformer heritability`: the ceiling."),
    ] = None,
    population: Annotated[str, typer.Option(help="Name of the population of the fits and of --heritability.")] = "all",
    beside: Annotated[
        Path | None,
        typer.Option(parser=given_file, metavar="PATH", help="Such a table of other populations, which are kept."),
    ] = None,
    overwrite: OverwriteOption = False,
) -> None:
    """A row a gene, tissue and population: heritability, its ceiling, and r of each model over people held out.

    `variantformer predict --predictability OUTPUT` sets what is to be expected, and how far to trust it, beside each
    prediction.
    """
    if output.suffix != ".parquet":
        raise InputError("is not written to such a file", file=output, remedy="End the name in .parquet.")
    out = claim(output, overwrite=overwrite)

    import pandas as pd

    from ..data.heritability_table import read_heritability
    from ..data.predictability_table import Predictability, models_of, read_fits
    from ..evaluation.predictability import predictability as rows_of
    from ..report.tables import write_table

    folders = _named(model)
    inherited = None if heritability is None else read_heritability(heritability)
    if inherited is not None and "cohort" in inherited:
        raise InputError("has several cohorts", file=heritability, remedy="Give the rows of one.")
    found = rows_of(read_fits(folders), inherited, population)
    models = {population: models_of(folders)}
    if beside is not None:
        others = Predictability.read(beside)
        models = {**others.models, **models}
        parts = [others.table[others.table["population"] != population], found]
        columns = list(dict.fromkeys(name for part in parts for name in part))
        known = [part.dropna(axis="columns", how="all") for part in parts]
        found = pd.concat(known, ignore_index=True).reindex(columns=columns)
    counts = found["population"].value_counts()
    typer.echo(f"{', '.join(f'{n:,} genes x tissues of {name}' for name, n in counts.items())}", err=True)
    out.deliver([write_table(found, out.path, {"population": population, "models": models})])


def _named(texts: list[str]) -> dict[str, Path]:
    """Name -> folder.

    Raises:
        InputError: there is no name, or one is there twice.
    """
    found: dict[str, Path] = {}
    for text in texts:
        name, separator, path = text.partition("=")
        if not separator or not name or not path or name in found:
            problem = "is named twice" if name in found else "has no name"
            raise InputError(problem, file=text, remedy="Give --model NAME=FOLDER, each name once.")
        found[name] = Path(path)
    return found
