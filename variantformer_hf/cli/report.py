"""``variantformer report``: one person's predictions as a page."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import InputError, check_number
from .options import INPUTS, OUTPUT, OverwriteOption, given_file, written_file
from .outputs import claim

if TYPE_CHECKING:
    from ..data.person_tables import PersonRows
    from ..report.expression_matrix import ExpressionMatrix
    from ..report.match_summary import UsedRecords


def report(
    predictions: Annotated[
        Path,
        typer.Argument(parser=given_file, help="Table or dataset of `predict`, or the released program's Parquet."),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", parser=written_file, metavar="PATH", help="Page: .html.", rich_help_panel=OUTPUT
        ),
    ],
    reference: Annotated[
        Path | None,
        typer.Option(
            parser=given_file,
            metavar="PATH",
            help="The same of the reference genome (`predict` without --vcf): differences are shown.",
            rich_help_panel=INPUTS,
        ),
    ] = None,
    effects: Annotated[
        Path | None,
        typer.Option(parser=given_file, metavar="PATH", help="Table of `effects`.", rich_help_panel=INPUTS),
    ] = None,
    risk: Annotated[
        Path | None,
        typer.Option(parser=given_file, metavar="PATH", help="Table of `risk predict`.", rich_help_panel=INPUTS),
    ] = None,
    sample: Annotated[
        str | None, typer.Option(help="The person, where the table holds several.", rich_help_panel=INPUTS)
    ] = None,
    value: Annotated[
        str | None, typer.Option(help="Column of values of other programs' tables.", rich_help_panel=INPUTS)
    ] = None,
    unit: Annotated[
        str | None,
        typer.Option(
            help="Of tables that do not say theirs: tpm, log1p_tpm, inverse_normal ...", rich_help_panel=INPUTS
        ),
    ] = None,
    gene: Annotated[
        list[str] | None,
        typer.Option(
            help="Symbol or Ensembl id of a gene that is shown in bars and in the body; repeat. Default: three that "
            "differ most.",
            rich_help_panel=INPUTS,
        ),
    ] = None,
    anatomogram: Annotated[
        Path | None,
        typer.Option(
            parser=written_file,
            metavar="PATH",
            help="Also draw the first of these genes in the body, as a figure (.png, .pdf, .svg).",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    overwrite: OverwriteOption = False,
) -> None:
    """One person's predictions as a page: a single file, which asks nothing of the network and is read in any browser.

    It shows what was asked and what was used of the person's file, a heatmap, differences from the reference genome,
    chosen genes, the variants with the largest effects, and where the numbers are from. Research use only.
    """
    from ..report.plots import check_plot

    if output.suffix not in (".html", ".htm"):
        raise InputError("is no page", file=output, remedy="End the name in .html.")
    out = claim(output, beside=[anatomogram], overwrite=overwrite)
    if anatomogram is not None:
        check_plot(anatomogram)

    from ..data.person_tables import read_effects, read_risk
    from ..genome.provenance import fingerprint
    from ..report.anatomogram.plot import anatomogram_plot
    from ..report.expression_matrix import ExpressionMatrix
    from ..report.person_report import MOST_CHOSEN, PersonReport, write_person_report
    from ..report.person_report import anatomogram as anatomogram_of

    check_number("the number of genes given by --gene", len(gene or []), 0, MOST_CHOSEN)
    rows = _person_rows(predictions, sample, value, unit)
    person = ExpressionMatrix.of_rows(rows.table, rows.sample, rows.unit)
    match, used = _match_report(predictions, person.sample)
    of_reference = None
    if reference is not None:
        others = _person_rows(reference, None, value, unit)
        of_reference = ExpressionMatrix.of_rows(others.table, others.sample, others.unit)
        _check_reference(reference, person, of_reference, match)
    given = {"predictions": predictions, "reference": reference, "effects": effects, "risk": risk}
    content = PersonReport(
        person,
        {role: fingerprint(path, whole_file=True) for role, path in given.items() if path is not None},
        match=match,
        used=used,
        reference=of_reference,
        effects=None if effects is None else read_effects(effects),
        risk=None if risk is None else read_risk(risk, person.sample),
        asked_genes=person.find_genes(gene) if gene else None,
    )
    written = [write_person_report(content, out.path)]
    if anatomogram is not None:
        found, title = anatomogram_of(person, content.chosen[0])
        written.append(anatomogram_plot(found, anatomogram, title=title))
    n_genes, n_tissues = person.values.shape
    typer.echo(f"{person.sample}: {n_genes:,} gene(s) x {n_tissues} tissue(s)", err=True)
    out.deliver(written)


def _person_rows(predictions: Path, sample: str | None, value: str | None, unit: str | None) -> "PersonRows":
    """One person's rows of a table, or of a dataset in any layout.

    Raises:
        SampleError: there are several people and none is named, or not the one that is.
        InputError: it is no such table or dataset.
    """
    from ..data.person_tables import PersonRows, one_person, read_person

    if not predictions.is_dir():
        return read_person(predictions, sample, value=value, unit=unit)
    from ..inference.dataset import PredictionDataset

    dataset = PredictionDataset(predictions)
    part = dataset.part(samples=[one_person(predictions, dataset.samples, sample)])
    table = part.table().rename(columns={part.unit.column: "value"}).fillna({"reason": ""})
    return PersonRows(part.samples[0], part.unit.name, table)


def _match_report(predictions: Path, sample: str) -> tuple[dict[str, Any] | None, "UsedRecords | None"]:
    """The match report of a table or dataset, and what it says of a person's records."""
    from ..report.match_summary import used_of_dataset, used_records

    if predictions.is_dir():
        from ..inference.dataset import PredictionDataset

        dataset = PredictionDataset(predictions)
        return dataset.report, used_of_dataset(dataset.sample_counts(), sample)
    beside = predictions.with_name(f"{predictions.name}.report.json")
    try:
        said = json.loads(beside.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None, None
    except ValueError as error:
        raise InputError("is no match report", file=beside, remedy="Predict again, or move it away.") from error
    return said, used_records(said, sample)


def _check_reference(
    path: Path, person: "ExpressionMatrix", reference: "ExpressionMatrix", match: dict[str, Any] | None
) -> None:
    """Refuse numbers that are not to be subtracted.

    Raises:
        InputError: another unit, another model where both reports name it, or no gene and tissue in common.
    """
    import numpy as np

    if reference.unit != person.unit:
        raise InputError(
            f"is in {reference.unit}, and the person in {person.unit}",
            file=path,
            remedy="Predict both with the same model.",
        )
    of_reference, _ = _match_report(path, reference.sample)
    models = [said["model"] for said in (match, of_reference) if said and "model" in said]
    if len(models) == 2 and models[0] != models[1]:
        names = " and ".join(f"{each.get('name')} ({str(each.get('sha256'))[:8]})" for each in models)
        raise InputError(f"is of another model: {names}", file=path, remedy="Predict both with the same model.")
    if not np.isfinite(reference.in_places_of(person)).any():
        raise InputError(
            "has no gene and tissue of the person's", file=path, remedy="Predict the same genes and tissues."
        )
