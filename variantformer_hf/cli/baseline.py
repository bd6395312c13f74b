"""``variantformer baseline``: simple models to hold others against, fitted to a cohort."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from .fitted_genes import genes_named, say_counts
from .options import (
    FASTA,
    INPUTS,
    MACHINE,
    OUTPUT,
    AddressOption,
    EmbeddingModelOption,
    EngineOption,
    FastaOption,
    GenesFileOption,
    MinProbabilityOption,
    OverwriteOption,
    TableOption,
    TissueOption,
    VariantEmbeddingsOption,
    given_file,
)
from .outputs import claim, claim_new_model, closing, parts_of
from .progress import progress
from .settings import fitting_engine, quiet_libraries

if TYPE_CHECKING:
    from ..data.expression import Expression
    from ..data.splits import Split
    from ..training.embedding.embedded_pairs import EmbeddingInputs
    from ..work.units import Engine
    from ..zoo.dosage.gene_fit import DosageRecipe

baseline = typer.Typer(
    help="Fit simple models (mean, top SNP, elastic net ...) to a cohort, and predict with them.", no_args_is_help=True
)
RECIPE = "Recipe"
Kind = Literal["mean", "top-snp", "reference", "elastic-net", "forest", "heads", "embedding-net", "enformer-zero-shot"]
KindArgument = Annotated[Kind, typer.Argument(help="Kind of baseline, see docs/baselines.md.", show_choices=True)]
GenotypesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--vcf",
        help="Indexed VCF or BCF of the people (repeat, or 'FILE.{contig}.vcf.gz', for a file a chromosome).",
        rich_help_panel=INPUTS,
    ),
]
SplitOption = Annotated[
    Path | None,
    typer.Option(parser=given_file, metavar="PATH", help="Who is held out (split.json).", rich_help_panel=INPUTS),
]


@baseline.command()
@closing
def fit(
    kind: KindArgument,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder of the model, which is made.", rich_help_panel=OUTPUT)
    ],
    fasta: Annotated[
        Path | None,
        typer.Option("--fasta", help=FASTA, parser=given_file, metavar="PATH", rich_help_panel=INPUTS),
    ] = None,
    vcf: GenotypesOption = None,
    expression: Annotated[
        Path | None,
        typer.Option(help="Folder of prepared expression (docs/training.md).", rich_help_panel=INPUTS),
    ] = None,
    split: SplitOption = None,
    genes: Annotated[
        Path | None,
        typer.Option(
            parser=given_file,
            metavar="PATH",
            help="The table of genes that the expression was prepared for.",
            rich_help_panel=INPUTS,
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="Of reference: the model that is fed the reference genome; of enformer-zero-shot: the Enformer.",
            rich_help_panel=INPUTS,
        ),
    ] = None,
    embedding: Annotated[
        Path | None,
        typer.Option(
            parser=given_file,
            metavar="PATH",
            help="Of heads, embedding-net: people's vectors, of `embed` or an own table (docs/baselines.md).",
            rich_help_panel=INPUTS,
        ),
    ] = None,
    embedding_model: Annotated[
        str | None,
        typer.Option(
            metavar="PATH",
            help="Of heads, embedding-net: the network that made --embedding (folder or Hub id), for predictions.",
            rich_help_panel=INPUTS,
        ),
    ] = None,
    window: Annotated[
        int | None,
        typer.Option(
            help="Bases around the TSS that an own --embedding is of. Default: 8,192.", rich_help_panel=INPUTS
        ),
    ] = None,
    track: Annotated[
        list[str] | None,
        typer.Option(
            help="Of enformer-zero-shot: tracks of CAGE, repeat. Default: 4950 (blood); 4980 is brain.",
            rich_help_panel=INPUTS,
        ),
    ] = None,
    gene: Annotated[
        list[str] | None, typer.Option(help="Symbol or Ensembl id; repeat. Default: all genes.", rich_help_panel=INPUTS)
    ] = None,
    genes_file: GenesFileOption = None,
    min_probability: MinProbabilityOption = 0.9,
    radius: Annotated[
        int | None, typer.Option(help="Bases around the gene. Default: the recipe's.", rich_help_panel=RECIPE)
    ] = None,
    min_maf: Annotated[
        float | None,
        typer.Option(help="Minor alleles are more frequent than this. Default: 0.01.", rich_help_panel=RECIPE),
    ] = None,
    max_missing: Annotated[
        float | None,
        typer.Option(help="Highest share of missing genotypes. Default: 0.99.", rich_help_panel=RECIPE),
    ] = None,
    l1_ratio: Annotated[
        float | None,
        typer.Option(help="Of elastic-net, embedding-net: share of the lasso. Default: 0.5.", rich_help_panel=RECIPE),
    ] = None,
    folds: Annotated[
        int | None, typer.Option(help="Of the cross-validation. Default: the recipe's.", rich_help_panel=RECIPE)
    ] = None,
    per_tissue: Annotated[
        bool, typer.Option("--per-tissue", help="Of forest: fit each tissue apart.", rich_help_panel=RECIPE)
    ] = False,
    epochs: Annotated[
        int | None,
        typer.Option(help="Of heads: epochs on protein-coding genes. Default: 15.", rich_help_panel=RECIPE),
    ] = None,
    more_epochs: Annotated[
        int | None,
        typer.Option(help="Of heads: epochs on all genes, from there on. Default: 10.", rich_help_panel=RECIPE),
    ] = None,
    hidden: Annotated[
        list[int] | None,
        typer.Option(
            help="Of heads: widths of the shared map and of each head's two layers. Default: 512, 512, 256.",
            rich_help_panel=RECIPE,
        ),
    ] = None,
    dropout: Annotated[float | None, typer.Option(help="Of heads. Default: 0.1.", rich_help_panel=RECIPE)] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(help="Of heads: genes of people at a time. Default: 8.", rich_help_panel=RECIPE),
    ] = None,
    gradient_accumulation: Annotated[
        int | None, typer.Option(help="Of heads: batches of a step. Default: 1.", rich_help_panel=RECIPE)
    ] = None,
    learning_rate: Annotated[
        float | None,
        typer.Option(help="Of heads: the highest; the lowest is a tenth. Default: 1e-4.", rich_help_panel=RECIPE),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Of what is drawn. Default: the recipe's.", rich_help_panel=RECIPE)
    ] = None,
    overwrite: OverwriteOption = False,
    engine: EngineOption = "process",
    address: AddressOption = None,
    workers: Annotated[
        int | None, typer.Option("--workers", help="Processes. Default: 1.", rich_help_panel=MACHINE)
    ] = None,
) -> None:
    """Fit a baseline to the donors of a split who are there to train on, or make one of another model (--model).

    OUTPUT is a model's folder, which predict, effects and all other commands read. Gene by gene: a run that was cut
    short goes on where it was when it is started again, until then OUTPUT.parts holds what is done.
    """
    claim_new_model(output, overwrite=overwrite)

    from ..genome.gene_lists import read_gene_names

    quiet_libraries()
    asked = [*(gene or []), *(read_gene_names(genes_file) if genes_file else [])] if gene or genes_file else None
    options: dict[str, Any] = {
        "radius": radius,
        "min_maf": min_maf,
        "max_missing": max_missing,
        "l1_ratio": l1_ratio,
        "folds": folds,
        "per_tissue": per_tissue or None,
        "seed": seed,
    }
    of_heads: dict[str, Any] = {
        "epochs": epochs,
        "more_epochs": more_epochs,
        "hidden": tuple(hidden) if hidden else None,
        "dropout": dropout,
        "batch_size": batch_size,
        "gradient_accumulation": gradient_accumulation,
        "learning_rate": learning_rate,
    }
    measured: dict[str, object] = {"--expression": expression, "--split": split, "--genes": genes}
    files: dict[str, object] = {"--vcf": vcf, **measured}
    vectors = {"--embedding": embedding, "--embedding-model": embedding_model, "--window": window}
    where = {"--workers": workers, "--engine": None if engine == "process" else engine, "--address": address}
    report: dict[str, object] = {}
    if kind == "enformer-zero-shot":
        _refuse(kind, {**files, **options, **of_heads, **vectors, **where, "--fasta": fasta, "--gene": asked})
        _need(kind, {"--model": model})
        _make_zero_shot(str(model), track, output)
    elif kind == "reference":
        _refuse(kind, {**files, **options, **of_heads, **vectors, **where, "--track": track})
        _need(kind, {"--model": model, "--fasta": fasta})
        assert fasta is not None
        report = _fit_reference(str(model), fasta, output, asked)
    elif kind in ("heads", "embedding-net"):
        own = of_heads if kind == "heads" else {name: options[name] for name in ("l1_ratio", "folds")}
        others = {name: value for name, value in (options | of_heads).items() if name not in {*own, "seed"}}
        elsewhere = where if kind == "heads" else {}
        _refuse(kind, {"--fasta": fasta, "--vcf": vcf, "--model": model, "--track": track, **others, **elsewhere})
        _need(kind, {"--embedding": embedding, **measured})
        assert embedding is not None
        given = {name: value for name, value in {**own, "seed": seed}.items() if value is not None}
        inputs = _vectors(embedding, embedding_model, window, measured, asked)
        if kind == "heads":
            report = _fit_heads(given, inputs, measured, output)
        else:
            report = _fit_nets(given, inputs, measured, output, fitting_engine(engine, address, workers))
    else:
        _refuse(kind, {"--model": model, "--track": track, **of_heads, **vectors})
        _need(kind, {"--fasta": fasta, **files})
        assert fasta is not None

        from ..zoo.dosage.recipes import recipe_named

        recipe = recipe_named(kind, **options)
        units_on = fitting_engine(engine, address, workers)
        report = _fit_dosages(recipe, fasta, vcf or [], min_probability, files, output, asked, units_on)
    say_counts(report)
    typer.echo(str(output))


def _refuse(kind: str, given: dict[str, object]) -> None:
    """Refuse options that a kind does not take.

    Raises:
        InputError: one is given.
    """
    from ..errors import InputError

    strange = [name for name, value in given.items() if value not in (None, [])]
    if strange:
        name = f"--{strange[0].removeprefix('--').replace('_', '-')}"
        raise InputError(f"the baseline {kind} has no option {name}", remedy="Leave it out.")


def _need(kind: str, files: dict[str, object]) -> None:
    """Refuse a kind without what it is made of.

    Raises:
        InputError: something is not given.
    """
    from ..errors import InputError

    missing = [name for name, value in files.items() if value in (None, [])]
    if missing:
        raise InputError(f"the baseline {kind} needs {', '.join(missing)}", remedy="Give them.")


def _make_zero_shot(model: str, tracks: list[str] | None, output: Path) -> None:
    from ..errors import InputError
    from ..whole_folders import replace_folder
    from ..zoo.enformer.gene_model import EnformerGeneModel
    from ..zoo.enformer.zero_shot import BLOOD, zero_shot
    from .settings import ModelSettings

    found = ModelSettings(model, device="cpu").load()
    if not isinstance(found, EnformerGeneModel):
        raise InputError(
            f"is a model of the type {found.model_type!r}, and an Enformer with tracks and genes is read",
            file=model,
            remedy="Make its folder with `variantformer convert --kind enformer --targets FILE --genes FILE`.",
        )
    replace_folder(output, zero_shot(found, tracks or (BLOOD,)).save)


def _fit_dosages(
    recipe: "DosageRecipe",
    fasta: Path,
    vcf: list[str],
    min_probability: float,
    files: dict[str, object],
    output: Path,
    asked: list[str] | None,
    engine: "Engine",
) -> dict[str, object]:
    from ..genome.genes import GeneTable
    from ..training.dosage.fitting import DosageInputs, fit_dosages

    table = GeneTable.read(Path(str(files["--genes"])))
    only = None if asked is None else frozenset(each.gene_id for each in genes_named(table, asked))
    with progress("fitting", "genes") as on_gene:
        return fit_dosages(
            recipe,
            *_measured(files),
            DosageInputs(fasta, vcf, table, only, min_probability=min_probability),
            output,
            parts=parts_of(output),
            engine=engine,
            on_gene=on_gene,
        )


def _vectors(
    embedding: Path,
    embedding_model: str | None,
    window: int | None,
    measured: dict[str, object],
    asked: list[str] | None,
) -> "EmbeddingInputs":
    from ..errors import check_number
    from ..genome.genes import GeneTable
    from ..training.embedding.embedded_pairs import EmbeddingInputs
    from ..zoo.embedding.vector_source import TABLE_REMEDY
    from ..zoo.embedding_table import EmbeddingTable

    if window is not None:
        check_number("--window", window, 1)
    table = GeneTable.read(Path(str(measured["--genes"])))
    only = None if asked is None else frozenset(each.gene_id for each in genes_named(table, asked))
    return EmbeddingInputs(EmbeddingTable(embedding, TABLE_REMEDY), table, only, embedding_model, window)


def _measured(measured: dict[str, object]) -> "tuple[Expression, Split]":
    from ..data.expression import Expression
    from ..data.splits import Split

    return Expression.load(Path(str(measured["--expression"]))), Split.load(Path(str(measured["--split"])))


def _fit_heads(
    given: dict[str, Any], inputs: "EmbeddingInputs", measured: dict[str, object], output: Path
) -> dict[str, object]:
    import datasets

    from ..training.embedding.heads import fit_heads
    from ..training.embedding.options import HeadsOptions

    datasets.disable_progress_bars()
    options = HeadsOptions(**given)
    with progress("fitting", "steps") as show:

        def on_step(done: int, total: int, loss: float, speed: float) -> None:
            show(done, total, f"loss {loss:.4f}, {speed:,.1f} examples/s")

        return fit_heads(options, *_measured(measured), inputs, output, parts=parts_of(output), on_step=on_step)


def _fit_nets(
    given: dict[str, Any], inputs: "EmbeddingInputs", measured: dict[str, object], output: Path, engine: "Engine"
) -> dict[str, object]:
    from ..errors import check_number
    from ..training.embedding.nets import fit_nets
    from ..zoo.embedding.net_recipe import NetRecipe

    recipe = NetRecipe(**given)
    check_number("--l1-ratio", recipe.l1_ratio, 0.01, 1)
    check_number("--folds", recipe.folds, 2, 1_000)
    with progress("fitting", "genes") as on_gene:
        return fit_nets(
            recipe, *_measured(measured), inputs, output, parts=parts_of(output), engine=engine, on_gene=on_gene
        )


def _fit_reference(model: str, fasta: Path, output: Path, asked: list[str] | None) -> dict[str, object]:
    from ..genome.contigs import identify_assembly
    from ..genome.reference import ReferenceGenome
    from ..whole_folders import replace_folder
    from ..zoo.dosage.fitted_model import constant_model
    from .settings import ModelSettings

    predictor = ModelSettings(model).predictor()
    with progress("predicting", "genes") as on_gene:
        result = predictor.run(fasta, genes=asked, parts=parts_of(output), on_gene=on_gene)
    made = constant_model(
        result.table,
        predictor.gene_table,
        column=predictor.model.unit.column,
        unit=predictor.model.unit.name,
        tissues=[each.name for each in predictor.tissue_names.named],
        assembly=identify_assembly(ReferenceGenome(fasta).contigs),
    )
    replace_folder(output, made.save)
    result.remove_parts()
    return {"genes": {"predicted": len(made.gene_table)}}


def _of_part(split: "Split", part: str, people: list[str], path: Path) -> list[str]:
    """People of a file who are in a part of a split; the others of the part are counted.

    Raises:
        InputError: nobody is.
    """
    from ..errors import InputError

    wanted = {donor for donors in split.donors.values() for donor, its in donors.items() if its == part}
    found = [name for name in people if name in wanted]
    if not found:
        raise InputError(
            f"none of the {len(wanted)} donors of the part {part} is in the VCF: the split has "
            f"{', '.join(sorted(wanted)[:3]) or 'none'}, the file {', '.join(people[:3]) or 'none'}",
            file=path,
            remedy="Give the VCF that has them, by the names of the split.",
        )
    if len(found) < len(wanted):
        typer.echo(
            f"{len(wanted) - len(found)} of {len(wanted)} donors of the part {part} are not in the VCF", err=True
        )
    return found


@baseline.command()
@closing
def predict(
    kind: KindArgument,
    model: Annotated[str, typer.Argument(help="Folder that `variantformer baseline fit` has written.")],
    fasta: FastaOption,
    output: TableOption,
    vcf: GenotypesOption = None,
    split: SplitOption = None,
    part: Annotated[
        Literal["train", "validation", "test"],
        typer.Option(help="Of --split: whose donors are predicted.", rich_help_panel=INPUTS),
    ] = "test",
    gene: Annotated[
        list[str] | None, typer.Option(help="Symbol or Ensembl id; repeat. Default: all genes.", rich_help_panel=INPUTS)
    ] = None,
    genes_file: GenesFileOption = None,
    tissue: TissueOption = None,
    embedding_model: EmbeddingModelOption = None,
    variant_embeddings: VariantEmbeddingsOption = None,
    min_probability: MinProbabilityOption = 0.9,
    overwrite: OverwriteOption = False,
) -> None:
    """Predict donors of a split with a baseline, or without --split everybody in the VCF.

    The table and OUTPUT.report.json are those of `variantformer predict`.
    """
    from ..report.tables import check_format

    check_format(output, "tidy")
    out = claim(output, overwrite=overwrite, stdout=True)
    out.add([out.beside("report.json")])

    from ..data.splits import Split
    from ..genome.appending import people_in
    from ..genome.gene_lists import read_gene_names
    from ..genome.options import DIPLOID
    from ..zoo.dosage.gene_model import DosageGeneModel
    from ..zoo.embedding.gene_model import EmbeddingGeneModel
    from ..zoo.statuses import check_finite
    from .predict import write_result
    from .settings import GenotypeSettings, ModelSettings

    quiet_libraries()
    settings = ModelSettings(model, embedding_model=embedding_model, variant_embeddings=variant_embeddings)
    predictor = settings.predictor()
    found = predictor.model
    has_kind = isinstance(found, (DosageGeneModel, EmbeddingGeneModel))
    holds = found.config.kind if has_kind else getattr(found.config, "baseline", None)
    if holds != kind:
        from ..errors import InputError

        what = f"the kind {holds!r}" if holds else f"the type {found.model_type!r}, and no baseline"
        raise InputError(f"is of {what}, and {kind!r} was asked for", file=model, remedy="Name its kind.")
    genotypes = GenotypeSettings(mode=DIPLOID, min_probability=min_probability)
    if isinstance(found, EmbeddingGeneModel):
        genotypes = GenotypeSettings(snps_only=found.config.embedding_snps_only, min_probability=min_probability)
    people = None if vcf is None else list(people_in(vcf))
    if split is not None:
        people = _of_part(Split.load(split), part, people or [], split)
    with progress("predicting", "genes") as on_gene:
        result = predictor.run(
            fasta,
            vcf,
            on_gene=on_gene,
            samples=people,
            genes=[*(gene or []), *(read_gene_names(genes_file) if genes_file else [])] if gene or genes_file else None,
            tissues=tissue,
            options=genotypes.options(settings),
        )
    out.deliver(write_result(result, out, "tidy", None, found.unit))
    check_finite(result.genes["gene_name"], result.genes["status"])
