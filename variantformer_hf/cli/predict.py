"""``variantformer predict``: a VCF in, a table of expression out."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ..addresses import is_address
from ..errors import InputError
from ..named_files import named_files
from .intervals import Intervals
from .options import (
    FILES,
    INPUTS,
    MACHINE,
    OUTPUT,
    AddressOption,
    AllowUnusedOption,
    AllSamplesOption,
    AttentionOption,
    CompileOption,
    DeviceOption,
    EmbeddingModelOption,
    EmbeddingsOption,
    EmbeddingStoreOption,
    EngineOption,
    FastaOption,
    ForceCompanionsOption,
    GenesFileOption,
    GvcfOption,
    MinDpOption,
    MinGqOption,
    MinProbabilityOption,
    ModelArgument,
    ModeOption,
    OnRefMismatchOption,
    OverwriteOption,
    PassOnlyOption,
    PrecisionOption,
    ReadOutOption,
    SamplesFileOption,
    SamplesOption,
    SnpsOnlyOption,
    StoreOption,
    TissueOption,
    VariantEmbeddingsOption,
    WindowOption,
    WorkersOption,
    given_file,
)
from .outputs import Output, claim, claim_folder, made_here, say_what_is_kept
from .progress import progress
from .settings import GenotypeSettings, ModelSettings, asked_samples, chosen_engine, chosen_precision, quiet_libraries

if TYPE_CHECKING:
    import pandas as pd

    from ..data.predictability_table import Predictability
    from ..inference import ExpressionPredictor, PredictionDataset, PredictionResult
    from ..zoo.estimate import RunEstimate
    from ..zoo.units import Unit


def predict(
    model: ModelArgument,
    fasta: FastaOption,
    output: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            help="Table: .parquet, .csv, .tsv (.h5ad, .txt); - = stdout; FOLDER/ = a dataset, for large runs.",
            rich_help_panel=OUTPUT,
        ),
    ],
    vcf: Annotated[
        list[str] | None,
        typer.Option(
            help=f"Indexed VCF or BCF ({FILES}); without it the reference genome is predicted.",
            rich_help_panel=INPUTS,
        ),
    ] = None,
    sample: SamplesOption = None,
    samples_file: SamplesFileOption = None,
    all_samples: AllSamplesOption = False,
    gene: Annotated[
        list[str] | None,
        typer.Option(help="Symbol or Ensembl id; repeat for several. Default: all genes.", rich_help_panel=INPUTS),
    ] = None,
    genes_file: GenesFileOption = None,
    tissue: TissueOption = None,
    skip_invalid: Annotated[
        bool,
        typer.Option(
            "--skip-invalid",
            help="Go on without genes and tissues that cannot be predicted; they go to OUTPUT.rejected.tsv.",
            rich_help_panel=INPUTS,
        ),
    ] = False,
    allow_unused: AllowUnusedOption = False,
    mode: ModeOption = None,
    gvcf: GvcfOption = False,
    snps_only: SnpsOnlyOption = False,
    pass_only: PassOnlyOption = False,
    min_gq: MinGqOption = None,
    min_dp: MinDpOption = None,
    on_ref_mismatch: OnRefMismatchOption = "error",
    min_probability: MinProbabilityOption = 0.9,
    layout: Annotated[
        Literal["tidy", "wide", "h5ad", "predixcan", "dataset", "zarr"],
        typer.Option(
            "--format",
            help="Layout of the output; dataset and zarr: a folder that is never held as a whole.",
            rich_help_panel=OUTPUT,
        ),
    ] = "tidy",
    dtype: Annotated[
        Literal["float32", "float16"],
        typer.Option("--dtype", help="Numbers of --format zarr and of --embedding-store.", rich_help_panel=OUTPUT),
    ] = "float32",
    embeddings: EmbeddingsOption = None,
    embedding_store: EmbeddingStoreOption = None,
    predictability: Annotated[
        Path | None,
        typer.Option(
            parser=given_file,
            metavar="PATH",
            help="Table of `variantformer predictability`: columns expected_r and trust (docs/prior.md).",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    population: Annotated[
        str | None, typer.Option(help="Of --predictability. Default: its only one.", rich_help_panel=OUTPUT)
    ] = None,
    trust_model: Annotated[
        str | None,
        typer.Option(help="Of --predictability. Default: the MODEL, else its only one.", rich_help_panel=OUTPUT),
    ] = None,
    intervals: Annotated[
        Path | None,
        typer.Option(
            parser=given_file,
            metavar="PATH",
            help="Calibration of `variantformer calibrate`: an interval beside each prediction (docs/intervals.md).",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    level: Annotated[float | None, typer.Option(help="Of --intervals.  [default: 0.9]", rich_help_panel=OUTPUT)] = None,
    ancestry: Annotated[
        Path | None,
        typer.Option(
            parser=given_file,
            metavar="PATH",
            help="Of --intervals: people's populations and components, as `variantformer ancestry` writes them.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    overwrite: OverwriteOption = False,
    checksum: Annotated[
        bool,
        typer.Option(
            "--checksum", help="Hash the whole input files for the report, not headers only.", rich_help_panel=OUTPUT
        ),
    ] = False,
    precision: PrecisionOption = "auto",
    device: DeviceOption = "auto",
    store: StoreOption = "auto",
    attention: AttentionOption = "auto",
    compile_layers: CompileOption = False,
    read_out: ReadOutOption = None,
    window: WindowOption = None,
    embedding_model: EmbeddingModelOption = None,
    variant_embeddings: VariantEmbeddingsOption = None,
    force_companions: ForceCompanionsOption = False,
    engine: EngineOption = "process",
    address: AddressOption = None,
    workers: WorkersOption = None,
    plan: Annotated[
        bool,
        typer.Option("--plan", help="Say what the run would take, and stop.", rich_help_panel=MACHINE),
    ] = False,
) -> None:
    """Predict tissue-specific expression of a person's genes.

    Beside OUTPUT a match report is written (OUTPUT.report.json): what was read, used and skipped, and why. A run that
    was cut short goes on where it was when it is started again: until it is done, OUTPUT.parts holds what is.

    An OUTPUT that ends in / is a dataset: a folder of Parquet files (--format zarr: an array), each written when it is
    done, with report and manifest in it. `variantformer export` makes tables of its parts.
    """
    store_of = None if embedding_store is None else embedding_store.rstrip("/") or embedding_store
    out = _claimed(output, layout, dtype, embeddings, store_of, overwrite=overwrite)
    known = None
    if predictability is not None:
        if layout != "tidy" or store_of is not None or not isinstance(out, Output):
            raise InputError("--predictability is of tidy tables", remedy="Leave out --format, and name a file.")
        from ..data.predictability_table import Predictability

        known = Predictability.read(predictability).of_population(population)
    elif population is not None or trust_model is not None:
        raise InputError("--population and --trust-model are of --predictability", remedy="Give it, or leave them out.")
    calibrated = None
    if intervals is not None:
        if layout != "tidy" or store_of is not None or not isinstance(out, Output):
            raise InputError("--intervals are of tidy tables", remedy="Leave out --format, and name a file.")
        calibrated = Intervals.read(intervals, 0.9 if level is None else level, ancestry)
    elif level is not None or ancestry is not None:
        raise InputError("--level and --ancestry are of --intervals", remedy="Give it, or leave them out.")

    from ..genome.gene_lists import read_gene_names
    from ..inference.processes import is_first_process
    from ..inference.request import PredictionRequest
    from ..report.tables import output_paths
    from ..zoo.statuses import check_finite

    quiet_libraries()
    units_on = chosen_engine(engine, address, workers, device)
    of_model = ModelSettings(
        model,
        precision=chosen_precision(precision, units_on),
        device=device,
        force_companions=force_companions,
        read_out=read_out,
        window=window,
        embedding_model=embedding_model,
        variant_embeddings=variant_embeddings,
        store=store,
        attention=attention,
        compile_layers=compile_layers,
    )
    genotypes = GenotypeSettings(
        mode=mode,
        gvcf=gvcf,
        snps_only=snps_only,
        pass_only=pass_only,
        min_gq=min_gq,
        min_dp=min_dp,
        on_ref_mismatch=on_ref_mismatch,
        min_probability=min_probability,
    )
    kind = of_model.kind()
    if embeddings is not None:
        kind.require("embeddings", "--embeddings")
    if store_of is not None:
        kind.require("embeddings", "--embedding-store")
    request = PredictionRequest(
        samples=asked_samples(sample, samples_file, all_samples=all_samples),
        genes=[*(gene or []), *(read_gene_names(genes_file) if genes_file else [])] if gene or genes_file else None,
        tissues=tissue,
        skip_invalid=skip_invalid,
        allow_unused=allow_unused,
        with_embeddings=embeddings is not None,
        options=genotypes.options(of_model),
        whole_file_checksums=checksum,
    )
    predictor = of_model.predictor()
    trusted = None if known is None else _trusted(known, predictor, trust_model)
    if calibrated is not None:
        calibrated.check(predictor, genotypes.options(of_model).mode)
    if layout == "predixcan" and isinstance(out, Output):
        names = predictor.tissue_names
        tissues = [entry.name for entry in (names.resolve(tissue)[0] if tissue else names.named)]
        out.add(output_paths(out.path, layout, tissues))
    if plan:
        typer.echo(str(predictor.plan(fasta, vcf or None, **vars(request))))
        return

    def on_plan(estimate: "RunEstimate") -> None:
        if is_first_process():
            typer.echo(str(estimate), err=True)

    folder = store_of if isinstance(out, Output) else out
    if folder is not None:
        with progress("predicting", "genes") as on_gene:
            dataset = predictor.write_dataset(
                folder,
                fasta,
                vcf or None,
                layout="embeddings" if folder == store_of else "zarr" if layout == "zarr" else "parquet",
                dtype=dtype,
                overwrite=overwrite,
                on_plan=on_plan,
                on_gene=on_gene,
                engine=units_on,
                **vars(request),
            )
        if is_first_process():
            _say_of_dataset(dataset)
            if isinstance(out, Output):
                out.deliver(_write_of_store(dataset, out, layout))
            typer.echo(folder)
        return
    assert isinstance(out, Output)
    with progress("predicting", "genes") as on_gene:
        result = predictor.run(
            fasta,
            vcf or None,
            on_plan=on_plan,
            on_gene=on_gene,
            parts=out.beside("parts"),
            overwrite_parts=overwrite,
            engine=units_on,
            layout=layout,
            **vars(request),
        )
    if result.is_writer:
        if trusted is not None:
            result = _with_trust(result, *trusted)
        if calibrated is not None:
            result = calibrated.beside(result, predictor)
        out.deliver(write_result(result, out, layout, embeddings, predictor.model.unit))
        result.remove_parts()
        check_finite(result.genes["gene_name"], result.genes["status"])


def _trusted(
    known: "Predictability", predictor: "ExpressionPredictor", asked: str | None
) -> "tuple[pd.DataFrame, str]":
    """What is known of the model's tissues, and the model's name there.

    Raises:
        InputError: it is of another model; see ``Predictability.model_of`` and ``of_tissues``.
    """
    from ..data.predictability_table import of_tissues
    from ..inference.processes import is_first_process

    name, is_known = known.model_of(asdict(predictor.model.identity), asked)
    if not is_known and is_first_process():
        typer.echo(
            f"{known.path}: does not say which model {name!r} is: trust may be of another than predicts", err=True
        )
    return of_tissues(known.table, predictor.tissue_names, known.path), name


def _with_trust(result: "PredictionResult", known: "pd.DataFrame", model: str) -> "PredictionResult":
    """Predictions with what is to be expected of them; how many are trusted is said, and in the report."""
    from ..evaluation.predictability import with_trust
    from ..genome.genes import stable_id

    table = with_trust(result.table, result.table["gene_id"].map(stable_id), known, model)
    counts = {str(name): int(n) for name, n in table["trust"].value_counts().items()}
    typer.echo(f"trust: {', '.join(f'{n:,} {name}' for name, n in counts.items())}", err=True)
    return replace(result, table=table, report={**result.report, "trust": {"model": model, **counts}})


def _claimed(
    output: str, layout: str, dtype: str, embeddings: Path | None, store: str | None, *, overwrite: bool
) -> Output | str:
    """The output, checked and this run's own, as is the store: a file, or the name of a dataset's folder.

    Raises:
        InputError: an output of another kind is asked for in the same breath; see ``claim`` and ``claim_folder``.
    """
    from ..inference.run_folder import is_run_folder
    from ..report.tables import check_format

    if dtype != "float32" and layout != "zarr" and store is None:
        raise InputError(f"--dtype {dtype} is of arrays and stores", remedy="Add --format zarr or --embedding-store.")
    if layout in ("dataset", "zarr") or output.endswith("/") or is_run_folder(output):
        folder = output.rstrip("/") or output
        if layout not in ("tidy", "dataset", "zarr"):
            raise InputError(
                f"the format {layout} is of a table, and this output is a dataset",
                file=output,
                remedy="Name a file, or leave out --format and make the table of a part: `variantformer export`.",
            )
        if embeddings is not None:
            raise InputError(
                "--embeddings are written beside one table", file=output, remedy="Name a file as the output."
            )
        if store is not None:
            raise InputError(
                "--embedding-store is written beside one table", file=output, remedy="Name a file as the output."
            )
        _claim_dataset(folder)
        return folder
    if Path(output).is_dir():
        raise InputError(
            "is a folder, and no dataset", file=output, remedy="Name a file, or end the name in / for a dataset in it."
        )
    path = made_here(output) if is_address(output) else Path(output)
    check_format(path, layout)
    out = claim(path, overwrite=overwrite, parts=["parts"], stdout=True)
    out.add([out.beside("report.json"), out.beside("rejected.tsv"), embeddings])
    if store is not None:
        if embeddings is not None:
            raise InputError("both --embeddings and --embedding-store are given", remedy="Give one of them.")
        _claim_dataset(store)
    return out


def _claim_dataset(folder: str) -> None:
    """Make a dataset's folder this run's own."""
    from ..inference.run_folder import UNITS_FOLDER, forget_empty

    if is_address(folder):  # what lies there is asked for when the run begins
        named_files(folder)
        say_what_is_kept(lambda: f"{folder} keeps what is done: the same command goes on from there.")
        return

    def kept() -> str:
        some = any((Path(folder) / UNITS_FOLDER).glob("*"))
        return f"{folder} keeps what is done: the same command goes on from there." if some else "Nothing is kept."

    claim_folder(Path(folder), kept=kept, forget_empty=forget_empty)


def _say_of_dataset(dataset: "PredictionDataset") -> None:
    from ..zoo.statuses import status_text

    report = dataset.report
    people, genes, tissues = len(dataset.samples), len(dataset.genes), len(dataset.tissues)
    total = report["samples"]["total"]
    typer.echo(f"{people:,} sample(s) x {genes:,} gene(s) x {tissues} tissue(s): {len(dataset):,} rows", err=True)
    typer.echo(
        f"all samples: {total['in_windows']:,} records in the windows, {total['applied']:,} applied, "
        f"{sum(total['skipped'].values()):,} skipped",
        err=True,
    )
    others = status_text(report["genes"]["status"])
    if others:
        typer.echo(f"of {people * genes:,} samples' genes {others} (column status; docs/outputs.md)", err=True)


def _write_of_store(dataset: "PredictionDataset", out: Output, layout: str) -> list[Path]:
    """The table of a store's predictions, and what lies beside it."""
    from ..files import whole_file
    from ..report.tables import write_json, write_predictions

    part = dataset.part(layout=layout)
    written = write_predictions(part.table(), part.gene_table(), out.path, layout, dataset.metadata, part.unit)
    if dataset.rejected:
        with whole_file(out.beside("rejected.tsv")) as partial:
            partial.write_text(dataset.rejected, encoding="utf-8")
        written.append(out.beside("rejected.tsv"))
    return [*written, write_json(dataset.report, out.beside("report.json"))]


def write_result(
    result: "PredictionResult", out: Output, layout: str, embeddings: Path | None, unit: "Unit"
) -> list[Path]:
    """Write a run's predictions, and what lies beside them; what was used of each person is said on stderr."""
    from ..inference.query import rejected_table
    from ..report.tables import write_embeddings, write_json, write_predictions, write_table
    from ..zoo.statuses import status_text

    metadata = {key: result.report[key] for key in ("package", "model", "inputs", "settings", "unit", "units")}
    written = write_predictions(result.table, result.genes, out.path, layout, metadata, unit)
    if embeddings is not None and result.embeddings is not None:
        written.append(write_embeddings(result.embeddings, embeddings, metadata))
    if result.rejected:
        written.append(write_table(rejected_table(result.rejected), out.beside("rejected.tsv"), {}))
    written.append(write_json(result.report, out.beside("report.json")))
    people, genes = result.table["sample"].nunique(), result.table["gene_id"].nunique()
    typer.echo(f"{people} sample(s) x {genes} gene(s) x {len(result.report['tissues'])} tissue(s)", err=True)
    for sample, counts in result.report["samples"].items():
        total = counts["total"]
        typer.echo(
            f"{sample}: {total['in_windows']} records in the windows, {total['applied']} applied, "
            f"{sum(total['skipped'].values())} skipped",
            err=True,
        )
        others = status_text(counts["genes_by_status"])
        if others:
            typer.echo(f"{sample}: of {genes} genes {others} (column status; docs/outputs.md)", err=True)
    return written
