"""``variantformer linearize``: weights of a panel's variants that follow a model's predictions."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from .options import (
    FILES,
    INPUTS,
    MACHINE,
    OUTPUT,
    AddressOption,
    DeviceOption,
    EmbeddingModelOption,
    EngineOption,
    FastaOption,
    ForceCompanionsOption,
    GenesFileOption,
    MinProbabilityOption,
    ModelArgument,
    OnRefMismatchOption,
    OverwriteOption,
    PassOnlyOption,
    ReadOutOption,
    TissueOption,
    WindowOption,
    given_file,
)
from .outputs import claim_new_model
from .progress import progress
from .settings import ModelSettings, fitting_engine, quiet_libraries

if TYPE_CHECKING:
    from ..applications.linearize.linearize import Linearized
    from ..applications.linearize.request import ChosenPeople
    from ..zoo.gene_model import GeneModel

FITTING = "Weights"
_SHOWN = 5


def linearize(
    model: ModelArgument,
    fasta: FastaOption,
    vcf: Annotated[
        list[str],
        typer.Option("--vcf", help=f"Indexed, phased VCF or BCF of the panel; {FILES}.", rich_help_panel=INPUTS),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder of the weights, which is made.", rich_help_panel=OUTPUT)
    ],
    gene: Annotated[
        list[str] | None,
        typer.Option("--gene", help="Symbol or Ensembl id; repeat. Default: all genes.", rich_help_panel=INPUTS),
    ] = None,
    genes_file: GenesFileOption = None,
    tissue: TissueOption = None,
    people: Annotated[
        Path | None,
        typer.Option(
            parser=given_file,
            metavar="PATH",
            help="People of the panel, one a line, to be predicted as they are, instead of mosaics.",
            rich_help_panel=INPUTS,
        ),
    ] = None,
    test_people_file: Annotated[
        Path | None,
        typer.Option(
            parser=given_file,
            metavar="PATH",
            help="Of --people: others to test on. Default: some of --people, in the proportion of the numbers below.",
            rich_help_panel=INPUTS,
        ),
    ] = None,
    method: Annotated[
        Literal["fit", "effects"],
        typer.Option(
            help="fit = fitted to predictions; effects = those of single variants, nothing is fitted.",
            rich_help_panel=FITTING,
        ),
    ] = "fit",
    fit: Annotated[
        Literal["ridge", "elastic-net"],
        typer.Option(help="ridge = a weight for each variant; elastic-net = for few.", rich_help_panel=FITTING),
    ] = "ridge",
    train_people: Annotated[int, typer.Option(help="Mosaics to fit to.", rich_help_panel=FITTING)] = 200,
    test_people: Annotated[
        int, typer.Option(help="Mosaics to test on, of other people's haplotypes.", rich_help_panel=FITTING)
    ] = 100,
    min_maf: Annotated[
        float, typer.Option(help="Least frequency of the rarer allele; 0 = all.", rich_help_panel=FITTING)
    ] = 0.01,
    block: Annotated[int, typer.Option(help="Bases of a mosaic's blocks.", rich_help_panel=FITTING)] = 10_000,
    seed: Annotated[int, typer.Option(help="Of all that is drawn.", rich_help_panel=FITTING)] = 0,
    pass_only: PassOnlyOption = False,
    min_probability: MinProbabilityOption = 0.9,
    on_ref_mismatch: OnRefMismatchOption = "error",
    overwrite: OverwriteOption = False,
    device: DeviceOption = "auto",
    read_out: ReadOutOption = None,
    window: WindowOption = None,
    embedding_model: EmbeddingModelOption = None,
    force_companions: ForceCompanionsOption = False,
    engine: EngineOption = "process",
    address: AddressOption = None,
    workers: Annotated[
        int | None, typer.Option("--workers", help="Processes. Default: 1.", rich_help_panel=MACHINE)
    ] = None,
) -> None:
    """Turn a model into weights of a panel's SNPs and indels, gene by gene and tissue by tissue.

    OUTPUT is a model's folder, which predict, effects, evaluate and the exports of weights read; its fits.parquet says
    how far the weights follow the model on people that they were not fitted to, and what share of the variance no
    weights can have. A run that was cut short goes on where it was; until it ends OUTPUT.parts holds what is done.
    """
    parts = claim_new_model(output, overwrite=overwrite)

    from ..applications.linearize.linearize import linearize as run
    from ..applications.linearize.request import LinearizeRequest
    from ..genome.gene_lists import read_gene_names
    from ..genome.reference import ReferenceGenome

    quiet_libraries()
    request = LinearizeRequest(
        genes=[*(gene or []), *(read_gene_names(genes_file) if genes_file else [])] if gene or genes_file else None,
        tissues=tissue,
        method=method,
        fit=fit,
        n_train=train_people,
        n_test=test_people,
        people=_people(people, test_people_file, train_people, test_people, seed),
        min_maf=min_maf,
        block=block,
        seed=seed,
        pass_only=pass_only,
        min_probability=min_probability,
        on_ref_mismatch=on_ref_mismatch,
    )
    units_on = fitting_engine(engine, address, workers, device)
    scorer = ModelSettings(
        model,
        device=device,
        force_companions=force_companions,
        read_out=read_out,
        window=window,
        embedding_model=embedding_model,
    ).scorer()
    reference = ReferenceGenome(fasta)
    with progress("linearizing", "genes") as on_gene:
        found = run(
            scorer,
            reference,
            vcf,
            request,
            on_gene=on_gene,
            engine=units_on,
            parts=parts,
            overwrite_parts=overwrite,
        )
    _write(found, scorer.model, output, report=found.report)
    _say(found)
    found.remove_parts()
    typer.echo(str(output))


def _people(
    people: Path | None, test_people: Path | None, n_train: int, n_test: int, seed: int
) -> "ChosenPeople | None":
    from ..applications.linearize.request import checked_people, split_people
    from ..errors import InputError
    from ..genome.sample_names import read_sample_names

    if people is None:
        if test_people is not None:
            raise InputError(
                "--test-people-file is of people to test on, and none are named to fit to", remedy="Give --people too."
            )
        return None
    named = read_sample_names(people)
    if test_people is not None:
        return checked_people(named, read_sample_names(test_people))
    return split_people(named, n_train, n_test, seed)


def _write(found: "Linearized", model: "GeneModel", output: Path, report: dict[str, object]) -> None:
    from ..whole_folders import replace_folder
    from ..zoo.dosage.fitted_model import weights_model
    from ..zoo.dosage.gene_fit import GeneFit
    from ..zoo.dosage.variants import GeneVariants

    described = {
        "kind": found.report["kind"],
        "radius": found.radius,
        "recipe": {"model": found.report["model"], **found.report["request"]},
        "unit": model.unit.name,
        "assembly": model.assembly,
    }
    fits = [
        GeneFit(
            GeneVariants(each.position, each.ref, each.alt, each.mean),
            {"weight": each.weight, "effect": each.effect, "intercept": each.intercept, "fitted": each.is_there},
            each.rows,
            len(each.position),
        )
        for each in found.weights
    ]
    made = weights_model(found.genes, fits, tissues=found.tissues, described=described)

    def write(partial: Path) -> None:
        made.save(partial)
        (partial / "report.json").write_text(json.dumps(report, indent=2) + "\n")

    replace_folder(output, write)


def _say(found: "Linearized") -> None:
    """What came out, gene by gene of the first few, and what was left out, on stderr."""
    rows = [
        (gene.gene_name or gene.gene_id, found.tissues[row["output"]], row)
        for gene, each in zip(found.genes, found.weights, strict=True)
        for row in each.rows
    ]
    for name, tissue, row in rows[:_SHOWN]:
        numbers = [
            f"{label} {row[column]:.3f}"
            for label, column in (("R2", "pred_perf_r2"), ("pairs", "pairs_share"), ("SD of weights", "weight_sd"))
            if row.get(column) is not None
        ]
        typer.echo(f"{name}, {tissue}: {row['status']}, {row['n_variants']} weights; {', '.join(numbers)}", err=True)
    if len(rows) > _SHOWN:
        typer.echo(f"... and {len(rows) - _SHOWN} more, in fits.parquet", err=True)
    for name in ("people", "genes_x_tissues", "variants"):
        typer.echo(f"{name}: {', '.join(f'{count:,} {what}' for what, count in found.report[name].items())}", err=True)
