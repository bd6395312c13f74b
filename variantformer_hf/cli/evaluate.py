"""``variantformer evaluate``: how good predictions are."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ..errors import InputError, check_number
from .evaluate_columns import add_columns, column_lines, column_options, columns_of, read_columns
from .options import INPUTS, OUTPUT, OverwriteOption, TableOption, given_file
from .outputs import claim, claim_folder, closing
from .progress import progress

if TYPE_CHECKING:
    from ..data.prediction_tables import PredictionTable
    from ..data.splits import Split

evaluate = typer.Typer(help="How good predictions are: the papers' numbers, side by side.", no_args_is_help=True)
_MEASURES = "Measures"
_COLUMNS = "The field's columns"
_FOLD = "{fold}"


@evaluate.callback()
def _group() -> None:
    """A group of commands, also while it has one."""


@evaluate.command()
@closing
def predictions(
    predicted: Annotated[
        list[str],
        typer.Option(
            "--predictions",
            metavar="[NAME=]FILE",
            help="Table of `predict`, the released Parquet, or a tidy table; repeat for more models, or for more files "
            "of one NAME. With folds, FILE may hold {fold}.",
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
    samples: Annotated[
        Path,
        typer.Option(
            parser=given_file,
            metavar="PATH",
            help="People: donor; maybe cohort, super_population, is_cell_line, sample (their name in the predictions).",
            rich_help_panel=INPUTS,
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write.", rich_help_panel=OUTPUT)],
    genes: Annotated[
        Path | None,
        typer.Option(
            parser=given_file,
            metavar="PATH",
            help="GTF, GFF3 or gene table: types and chromosomes of genes.",
            rich_help_panel=INPUTS,
        ),
    ] = None,
    split: Annotated[
        Path | None,
        typer.Option(help="Who was held out: split.json, or a folder of folds.", rich_help_panel=INPUTS),
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
    attributes: Annotated[
        Path | None,
        typer.Option(parser=given_file, metavar="PATH", help="Sample attributes of a GCT.", rich_help_panel=INPUTS),
    ] = None,
    heritability: Annotated[
        Path | None,
        typer.Option(
            parser=given_file,
            metavar="PATH",
            help="Table of `heritability`: the ceiling of r within a tissue.",
            rich_help_panel=INPUTS,
        ),
    ] = None,
    with_columns: Annotated[
        bool,
        typer.Option(
            "--columns",
            help="r over people in the field's columns: seen genes, held-out population, unseen genes.",
            rich_help_panel=_COLUMNS,
        ),
    ] = False,
    population_column: Annotated[
        str | None,
        typer.Option(
            help="Of --samples: who is of which population.  [default: super_population]", rich_help_panel=_COLUMNS
        ),
    ] = None,
    training_population: Annotated[
        list[str] | None,
        typer.Option(help="That was trained on; repeat. Default: those of the train donors.", rich_help_panel=_COLUMNS),
    ] = None,
    population_heritability: Annotated[
        list[str] | None,
        typer.Option(
            metavar="POPULATION=FILE",
            help="Heritability among its own people, in the place of --heritability; repeat.",
            rich_help_panel=_COLUMNS,
        ),
    ] = None,
    published: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=FILE",
            help="Others' r beside: perf_summary.csv of Rastogi et al., or FUSION's .profile, .pos or folder of "
            "weights; repeat.",
            rich_help_panel=_COLUMNS,
        ),
    ] = None,
    cohort: Annotated[
        str | None, typer.Option(help="Cohort of expression files that do not say theirs.", rich_help_panel=INPUTS)
    ] = None,
    group_by: Annotated[
        list[str] | None,
        typer.Option(help="Further column of --samples to group by; repeat.", rich_help_panel=_MEASURES),
    ] = None,
    tissue_merge: Annotated[
        Path | None,
        typer.Option(
            parser=given_file,
            metavar="PATH",
            help="TSV of tissue and merged, for coverage. Default: the name before ' - '.",
            rich_help_panel=_MEASURES,
        ),
    ] = None,
    fewest_donors: Annotated[
        int, typer.Option(help="Of a gene and tissue over whose donors is correlated.", rich_help_panel=_MEASURES)
    ] = 10,
    variable_genes: Annotated[
        int, typer.Option(help="Genes of largest variance in each merged tissue.", rich_help_panel=_MEASURES)
    ] = 3_000,
    ancestry_p: Annotated[
        float, typer.Option(help="Genes of a smaller p differ between super-populations.", rich_help_panel=_MEASURES)
    ] = 1e-5,
    bonferroni: Annotated[
        bool, typer.Option("--bonferroni", help="Multiply p by the genes tested.", rich_help_panel=_MEASURES)
    ] = False,
    predictable: Annotated[
        float,
        typer.Option(
            help="Models are compared on genes of which one has a greater Pearson.", rich_help_panel=_MEASURES
        ),
    ] = 0.6,
    chromosome: Annotated[
        str, typer.Option(help="Of whose genes the table of cell lines is.", rich_help_panel=_MEASURES)
    ] = "chr19",
    with_map: Annotated[
        bool, typer.Option("--map/--no-map", help="Map of the samples, which takes longest.", rich_help_panel=OUTPUT)
    ] = True,
    seed: Annotated[int, typer.Option(help="Of the map.", rich_help_panel=OUTPUT)] = 0,
    overwrite: OverwriteOption = False,
) -> None:
    """Correlations of predicted and measured expression over samples, donors and genes, as the papers define them.

    OUTPUT is a folder: a Parquet and a CSV a table, a PNG and an SVG a figure, counts.tsv with what is left out and
    why, report.html, and evaluate.json. Without --split nothing shows that the donors were held out.
    """
    from ..report.evaluation_report import CONTENT
    from ..report.plots import new_figure

    claim_folder(output, kept=lambda: "Nothing is kept: the same command begins anew.", is_new=True)
    _check_output(output, CONTENT, overwrite)
    files = _named(predicted)
    check_number("--fewest-donors", fewest_donors, 3)
    check_number("--variable-genes", variable_genes, 1)
    check_number("--ancestry-p", ancestry_p, 0, 1)
    check_number("--predictable", predictable, -1, 1)
    in_columns = column_options(
        with_columns, split, population_column, training_population, population_heritability, published
    )
    new_figure(1, 1)  # refused before anything is read

    from ..applications.maps.coordinates import map_coordinates
    from ..data.evaluation_grid import evaluation_grid
    from ..data.heritability_table import read_heritability
    from ..data.measured import read_measured, read_people
    from ..data.overlap import check_overlap, overlaps
    from ..data.prediction_tables import made_by, read_predictions
    from ..evaluation.ceiling import add_ceiling
    from ..evaluation.coverage import read_tissue_merge
    from ..evaluation.paired import PairedExpression
    from ..evaluation.predictions import evaluate_predictions
    from ..evaluation.results import EvaluationOptions, EvaluationResults
    from ..genome.genes import GeneTable
    from ..report.evaluation_report import NOT_HELD_OUT, write_evaluation
    from ..whole_folders import replace_folder

    options = EvaluationOptions(
        group_by=tuple(group_by or ()),
        tissue_merge=read_tissue_merge(tissue_merge),
        fewest_donors=fewest_donors,
        variable_genes=variable_genes,
        ancestry_p=ancestry_p,
        bonferroni=bonferroni,
        predictable=predictable,
        cell_line_chromosome=chromosome if chromosome.startswith("chr") else f"chr{chromosome}",
        seed=seed,
    )
    people = read_people(samples)
    inherited = None if heritability is None else read_heritability(heritability)
    beside = None if in_columns is None else read_columns(in_columns, inherited)
    missing = [name for name in options.group_by if name not in people]
    if missing:
        raise InputError(
            f"has no column {', '.join(missing)}", file=samples, remedy=f"It has {', '.join(map(str, people.columns))}."
        )
    splits = _splits(split)
    by_fold = _checked_folds(files, splits, split)
    tables = {
        name: [each for path in paths for each in _opened(path, len(splits), value, unit)]
        for name, paths in files.items()
    }
    if value is not None and not any(each.columns.get("value") == value for of in tables.values() for _, each in of):
        raise InputError(f"no table of predictions has the column {value}", remedy="Name one that has: --value.")
    measured = read_measured(expression, attributes=attributes, cohort=cohort, unit=None if unit == "tpm" else unit)
    table = None if genes is None else GeneTable.read(genes)
    grid = evaluation_grid(
        measured.of_people(people, samples),
        splits,
        table,
        split_file=split,
        with_validation=len(splits) == 1 or by_fold,
    )
    columns = None if in_columns is None else columns_of(in_columns, grid, splits, people, samples)
    results = EvaluationResults()
    for counted, n in grid.left_out.items():
        what, _, reason = counted.partition(" ")
        results.count("all", "expression", what.rstrip(":"), reason, n)
    found = {}
    with progress("reading", "files") as step:
        for done, (name, of_model) in enumerate(tables.items(), start=1):
            found[name] = read_predictions(of_model, grid, people)
            step(done, len(tables))
    for name, each in found.items():
        for reason, n in each.left_out.items():
            results.count("all", name, "rows of predictions", reason, n)
    check_overlap(found, grid, samples)
    overlap = overlaps(found, grid)
    for row in overlap:
        typer.echo(
            f"{row['model']}: {row['donors']} donors, {row['genes']:,} genes, {row['tissues']} tissues of "
            f"{row['measured donors']}, {row['measured genes']:,} and {row['measured tissues']} measured",
            err=True,
        )
    if split is None:
        typer.echo(NOT_HELD_OUT, err=True)
    types: dict[str, str] = {}
    for each in found.values():
        types = each.gene_types | types
    frame = grid.genes
    if table is None and types:
        frame = frame.assign(gene_type=frame["gene_id"].map(types).fillna(""))
    if columns is not None and beside is not None:
        own = {name: each.values for name, each in found.items()}
        each_its_own = PairedExpression(grid.observed, own, frame, grid.samples)
        add_columns(columns, beside, each_its_own, fewest_donors, results)
    paired, without = PairedExpression.of_all(
        grid.observed,
        {name: each.values for name, each in found.items()},
        frame,
        grid.samples,
        grid.gene_folds,
        grid.fold_parts,
    )
    for name, reasons in without.items():
        for reason, n in reasons.items():
            results.count("all", name, "values", reason, n)
    with progress("evaluating", "tables") as step:
        evaluate_predictions(paired, options, results, place=map_coordinates if with_map else None, on_table=step)
    if inherited is not None:
        add_ceiling(inherited, results)
    if not with_map:
        results.skipped["expression_map"] = "--no-map"
    described = {
        "package": _versions(),
        "models": list(files),
        "made_by": {name: made_by([each for _, each in of_model]) for name, of_model in tables.items()},
        "unit": grid.scale,
        "held_out": None if split is None else str(split),
        "inputs": _inputs(
            files,
            len(splits),
            expression,
            samples=samples,
            genes=genes,
            split=split,
            attributes=attributes,
            heritability=heritability,
            **({} if in_columns is None else in_columns.inputs()),
        ),
        "options": _plain(
            options,
            value=value,
            unit=unit,
            cohort=cohort,
            tissue_merge=tissue_merge,
            columns=None if columns is None else columns.described(),
        ),
        "overlap": overlap,
    }
    replace_folder(
        output,
        lambda folder: write_evaluation(folder, results.tables, results.counts_table(), results.skipped, described),
    )
    for line in [] if columns is None else column_lines(results.tables["columns"]):
        typer.echo(line, err=True)
    for name, reason in results.skipped.items():
        typer.echo(f"no {name}: {reason}", err=True)
    typer.echo(str(output / "report.html"))


@evaluate.command()
@closing
def variants(
    suite: Annotated[
        Literal["traitgym", "mage", "gtex-susie", "eqtl-catalogue"],
        typer.Option("--set", help="What the variants' file is.", rich_help_panel=INPUTS),
    ],
    variants: Annotated[
        Path,
        typer.Option(
            parser=given_file,
            metavar="PATH",
            help="File of the suite, as it is published.",
            rich_help_panel=INPUTS,
        ),
    ],
    scores: Annotated[
        list[str],
        typer.Option(
            "--scores",
            metavar="[NAME=]FILE",
            help="What `effects` wrote of these variants, or a table of variants with a score; repeat for more models.",
            rich_help_panel=INPUTS,
        ),
    ],
    output: TableOption,
    fasta: Annotated[
        Path | None,
        typer.Option(
            parser=given_file,
            metavar="PATH",
            help="Reference genome: variants are one however they are written; without it an indel must stand at the "
            "same place in suite and scores.",
            rich_help_panel=INPUTS,
        ),
    ] = None,
    slopes: Annotated[
        Path | None,
        typer.Option(
            parser=given_file,
            metavar="PATH",
            help="Effect sizes of a suite without any: MAGE's leadVariant_aFCn file, or variants with gene_id and "
            "slope.",
            rich_help_panel=INPUTS,
        ),
    ] = None,
    value: Annotated[
        str | None, typer.Option(help="Column of scores. Default: effect, else score.", rich_help_panel=INPUTS)
    ] = None,
    tissue: Annotated[
        str | None, typer.Option(help="Only this tissue of the scores. Default: all.", rich_help_panel=INPUTS)
    ] = None,
    causal_pip: Annotated[float, typer.Option(help="Least PIP of a causal variant.", rich_help_panel=_MEASURES)] = 0.9,
    control_pip: Annotated[
        float, typer.Option(help="Largest PIP of a variant that is none.", rich_help_panel=_MEASURES)
    ] = 0.01,
    controls: Annotated[int, typer.Option(help="Of each causal variant, the nearest.", rich_help_panel=_MEASURES)] = 9,
    bootstraps: Annotated[int, typer.Option(help="Resamplings of genes.", rich_help_panel=_MEASURES)] = 1_000,
    seed: Annotated[int, typer.Option(help="Of the resamplings.", rich_help_panel=_MEASURES)] = 0,
    overwrite: OverwriteOption = False,
) -> None:
    """Do scores tell causal variants from matched ones? Suites are read as they are published.

    OUTPUT has AUROC, AUPRC and AUPRC by chromosome of each model with intervals over genes; of fine-mapped eQTLs
    OUTPUT.signs.tsv has the agreement with the slopes' signs, OUTPUT.pip.tsv sizes and signs by strata of PIP.
    """
    from ..report.tables import check_format, write_json, write_table

    check_format(output, "tidy")
    out = claim(output, overwrite=overwrite, stdout=True)
    signs, pips, report = (out.beside(name) for name in ("signs.tsv", "pip.tsv", "report.json"))
    is_labelled = suite == "traitgym"
    out.add([report, *([] if is_labelled else [signs, pips])])
    check_number("--causal-pip", causal_pip, 0, 1)
    check_number("--control-pip", control_pip, 0, causal_pip)
    check_number("--controls", controls, 1)
    check_number("--bootstraps", bootstraps, 0)
    check_number("--seed", seed, 0)
    files = _named(scores)
    several = next((name for name, paths in files.items() if len(paths) > 1), None)
    if several is not None:
        raise InputError(f"two files of scores are called {several}", remedy="Give each another name: NAME=FILE.")

    if slopes is not None and is_labelled:
        raise InputError("traitgym has no eQTLs, whose slopes --slopes gives", remedy="Leave out --slopes.")

    from ..data.variant_suites import matched_controls, read_scores, read_slopes, read_suite, spelling
    from ..evaluation.causal_variants import by_pip, causal_scores, sign_agreement
    from ..genome.reference import ReferenceGenome
    from ..genome.variant import VariantNormalizer

    told = spelling(None if fasta is None else VariantNormalizer(ReferenceGenome(fasta)))
    read = {name: read_scores(Path(paths[0]), value=value, tissue=tissue, told=told) for name, paths in files.items()}
    models = list(read)
    of_slopes, without = ({}, {}) if slopes is None else read_slopes(slopes, read, told)
    frame, left_out = read_suite(variants, suite, read, told=told, slopes=of_slopes)
    labelled, alone = (
        (frame, 0) if is_labelled else matched_controls(frame, causal=causal_pip, control=control_pip, most=controls)
    )
    if labelled["label"].nunique() < 2:
        raise InputError(
            f"of {len(frame)} variants that are scored, {int(labelled['label'].sum())} are causal and "
            f"{int((labelled['label'] == 0).sum())} are controls",
            file=variants,
            remedy="Score variants of both kinds, or choose other --causal-pip and --control-pip.",
        )
    counts = {
        "scored": len(frame),
        "causal": int(labelled["label"].sum()),
        "controls": int((labelled["label"] == 0).sum()),
        "causal_without_control": alone,
        "left_out": dict(left_out),
        "scores_left_out": {name: dict(each.left_out) for name, each in read.items()},
        "scores_swapped": {name: each.swapped for name, each in read.items()},
    }
    if slopes is not None:
        counts |= {"slopes": len(of_slopes), "slopes_left_out": dict(without)}
    options: dict[str, Any] = {"value": value, "tissue": tissue, "bootstraps": bootstraps, "seed": seed}
    options |= {name: str(path) for name, path in (("fasta", fasta), ("slopes", slopes)) if path is not None}
    if not is_labelled:
        options |= {"causal_pip": causal_pip, "control_pip": control_pip, "controls": controls}
    described = {"set": suite, "models": models, "options": options}
    found = causal_scores(labelled, models, replicates=bootstraps, seed=seed)
    written = [write_table(found, out.path, described)]
    if not is_labelled:
        causal = frame[frame["pip"] >= causal_pip]
        written += [
            write_table(sign_agreement(causal, models), signs, described),
            write_table(by_pip(frame, models), pips, described),
        ]
    written.append(write_json({**described, "counts": counts}, report))
    for row in found[found["stratum"] == "all"].to_dict("records"):
        typer.echo(
            f"{row['model']}: {row['causal']} causal of {row['n']}, AUROC {row['auroc']:.3f}, "
            f"AUPRC {row['auprc']:.3f}, by chromosome {row['auprc_by_chromosome']:.3f}",
            err=True,
        )
    out.deliver(written)


def _check_output(output: Path, content: str, overwrite: bool) -> None:
    """Refuse a folder that holds anything but an evaluation that may be replaced.

    Raises:
        InputError: it does.
    """
    if not output.exists() or (output.is_dir() and not any(output.iterdir())):
        return
    if not overwrite or not (output / content).is_file():
        remedy = "Name another output, or give --overwrite." if (output / content).is_file() else "Name another output."
        raise InputError("already exists", file=output, remedy=remedy)


def _named(texts: list[str]) -> dict[str, list[str]]:
    """Model -> its files.

    Raises:
        InputError: a name is empty, or two files without a name are called the same.
    """
    found: dict[str, list[str]] = {}
    for text in texts:
        name, separator, path = text.partition("=")
        if not separator or "/" in name:
            name, path = Path(text).name.split(".")[0], text
            if name in found:
                raise InputError(f"two predictions are called {name}", file=path, remedy="Name them: NAME=FILE.")
        if not name.strip() or not path:
            raise InputError("has no name", file=text, remedy="Give NAME=FILE.")
        found.setdefault(name, []).append(path)
    return found


def _splits(path: Path | None) -> "list[Split]":
    from ..data.folds import load_folds
    from ..data.splits import Split

    if path is None:
        return []
    return load_folds(path) if path.is_dir() else [Split.load(path)]


def _checked_folds(files: dict[str, list[str]], splits: "list[Split]", split: Path | None) -> bool:
    """Whether every model has files of its own for each fold.

    Raises:
        InputError: a file is named by its fold, and there are no folds.
    """
    named = [[_FOLD in path for path in paths] for paths in files.values()]
    if any(map(any, named)) and len(splits) < 2:
        raise InputError(
            "is named by its fold, and there are none",
            file=next(path for paths in files.values() for path in paths if _FOLD in path),
            remedy=f"Give the folder of folds as --split{'' if split is None else f' in the place of {split}'}.",
        )
    return len(splits) > 1 and all(map(all, named))


def _opened(path: str, n_folds: int, value: str | None, unit: str | None) -> "list[tuple[int | None, PredictionTable]]":
    """(fold, table) of each table of a file; fold None = of all."""
    from ..data.prediction_tables import open_predictions

    if _FOLD not in path:
        return [(None, each) for each in open_predictions(path, value=value, unit=unit)]
    return [
        (fold, each)
        for fold in range(n_folds)
        for each in open_predictions(path.replace(_FOLD, str(fold)), value=value, unit=unit)
    ]


def _versions() -> dict[str, str]:
    import platform

    import numpy as np
    import pandas as pd
    import scipy

    from ..version import __version__

    own = {"name": "variantformer-hf", "version": __version__, "python": platform.python_version()}
    return own | {"numpy": np.__version__, "pandas": pd.__version__, "scipy": scipy.__version__}


def _inputs(files: dict[str, list[str]], n_folds: int, expression: list[Path], **single: Path | None) -> dict[str, Any]:
    """Identity of all files."""
    from ..genome.provenance import fingerprint

    found: dict[str, Any] = {}
    for name, paths in files.items():
        each = [path.replace(_FOLD, str(fold)) for path in paths for fold in range(n_folds if _FOLD in path else 1)]
        found[f"predictions {name}"] = [fingerprint(path) for path in each]
    found["expression"] = [fingerprint(path) for path in expression]
    return found | {name: fingerprint(path) for name, path in single.items() if path is not None}


def _plain(options: Any, **more: Any) -> dict[str, Any]:
    """Options as JSON has them; the merged tissues are in a table of their own."""
    from dataclasses import asdict

    values = {name: value for name, value in asdict(options).items() if name != "tissue_merge"}
    return {name: str(value) if isinstance(value, Path) else value for name, value in (values | more).items()}
