"""``variantformer fit``: weights of a cohort that start from what a sequence model says of variants."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import InputError, check_number
from .fitted_genes import genes_named, say_counts
from .options import (
    FILES,
    INPUTS,
    MACHINE,
    OUTPUT,
    AddressOption,
    EngineOption,
    FastaOption,
    GenesFileOption,
    MinProbabilityOption,
    OverwriteOption,
    given_file,
)
from .outputs import claim_new_model, parts_of
from .progress import progress
from .settings import fitting_engine, quiet_libraries

if TYPE_CHECKING:
    from ..data.expression import Expression
    from ..data.splits import Split

_RECIPE, _TARGET = "Recipe", "Target population"


def fit(
    prior: Annotated[
        list[Path],
        typer.Option(
            help="Folder of linear weights (from `variantformer linearize`, or of another fit), or a table: gene_id, "
            "chrom, pos, ref, alt, effect, maybe tissue and weight. Repeat for several.",
            rich_help_panel=INPUTS,
        ),
    ],
    fasta: FastaOption,
    vcf: Annotated[
        list[str],
        typer.Option("--vcf", "--genotypes", help=f"Genotypes of the people; {FILES}.", rich_help_panel=INPUTS),
    ],
    expression: Annotated[
        Path, typer.Option(help="Folder of prepared expression (docs/training.md).", rich_help_panel=INPUTS)
    ],
    genes: Annotated[
        Path,
        typer.Option(
            parser=given_file,
            metavar="PATH",
            help="The table of genes that the expression was prepared for.",
            rich_help_panel=INPUTS,
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder of the model, which is made.", rich_help_panel=OUTPUT)
    ],
    split: Annotated[
        Path | None,
        typer.Option(
            parser=given_file,
            metavar="PATH",
            help="Who is held out (split.json). Default: nobody, all are fitted to.",
            rich_help_panel=INPUTS,
        ),
    ] = None,
    gene: Annotated[
        list[str] | None, typer.Option(help="Symbol or Ensembl id; repeat. Default: all genes.", rich_help_panel=INPUTS)
    ] = None,
    genes_file: GenesFileOption = None,
    cres: Annotated[
        Path | None,
        typer.Option(
            parser=given_file,
            metavar="PATH",
            help="cCREs (BED): that a variant lies in one is one more prior.",
            rich_help_panel=INPUTS,
        ),
    ] = None,
    distance: Annotated[
        float | None,
        typer.Option(
            help="That a variant lies near the gene's start is one more prior: e times less likely each so many bases.",
            rich_help_panel=INPUTS,
        ),
    ] = None,
    strength: Annotated[
        list[float] | None,
        typer.Option(help="How much a prior may count; repeat for several. Default: 10.", rich_help_panel=_RECIPE),
    ] = None,
    outer_folds: Annotated[
        int,
        typer.Option(help="Of the nested cross-validation that R2 is reported of; 0 = none.", rich_help_panel=_RECIPE),
    ] = 5,
    radius: Annotated[
        int | None, typer.Option(help="Bases around the gene. Default: 1 Mb.", rich_help_panel=_RECIPE)
    ] = None,
    min_maf: Annotated[
        float | None,
        typer.Option(help="Rarer variants enter through the priors alone. Default: 0.01.", rich_help_panel=_RECIPE),
    ] = None,
    max_missing: Annotated[
        float | None,
        typer.Option(help="Highest share of missing genotypes. Default: 0.99.", rich_help_panel=_RECIPE),
    ] = None,
    l1_ratio: Annotated[
        float | None, typer.Option(help="Share of the lasso. Default: 0.5.", rich_help_panel=_RECIPE)
    ] = None,
    folds: Annotated[
        int | None, typer.Option(help="Of the cross-validation. Default: 10.", rich_help_panel=_RECIPE)
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Of the folds. Default: 0.", rich_help_panel=_RECIPE)] = None,
    target_panel: Annotated[
        list[str] | None,
        typer.Option(
            help=f"Genotypes of people of the population that will be predicted, for its linkage; {FILES}.",
            rich_help_panel=_TARGET,
        ),
    ] = None,
    target_samples: Annotated[
        Path | None,
        typer.Option(
            parser=given_file,
            metavar="PATH",
            help="Who of --target-panel, one a line. Default: everybody.",
            rich_help_panel=_TARGET,
        ),
    ] = None,
    min_probability: MinProbabilityOption = 0.9,
    overwrite: OverwriteOption = False,
    engine: EngineOption = "process",
    address: AddressOption = None,
    workers: Annotated[
        int | None, typer.Option("--workers", help="Processes. Default: 1.", rich_help_panel=MACHINE)
    ] = None,
) -> None:
    """Fit each gene and tissue to a cohort, starting from what a sequence model says of variants.

    Elastic nets in which variants of great effect cost less, and which start from the sequence model's own prediction,
    averaged by their errors in cross-validation; the plain elastic net where none is better. A gene without values has
    the prior's own weights. OUTPUT is a model's folder of linear weights, which holds no genotype. A run that was cut
    short goes on, gene by gene, when it is started again.
    """
    claim_new_model(output, overwrite=overwrite)
    _check(distance, strength, outer_folds, target_panel, target_samples)

    from ..data.expression import Expression
    from ..data.splits import Split
    from ..genome.gene_lists import read_gene_names
    from ..genome.genes import GeneTable
    from ..training.dosage.fitting import DosageInputs, fit_dosages
    from ..training.dosage.gene_priors import PriorInputs, panel_people
    from ..zoo.dosage.recipes import recipe_named

    quiet_libraries()
    recipe = recipe_named(
        "prior",
        strengths=None if strength is None else tuple(sorted(set(strength))),
        outer_folds=outer_folds,
        radius=radius,
        min_maf=min_maf,
        max_missing=max_missing,
        l1_ratio=l1_ratio,
        folds=folds,
        seed=seed,
    )
    units_on = fitting_engine(engine, address, workers)
    table = GeneTable.read(genes)
    asked = [*(gene or []), *(read_gene_names(genes_file) if genes_file else [])]
    only = frozenset(each.gene_id for each in genes_named(table, asked)) if gene or genes_file else None
    measured = Expression.load(expression)
    parts = Split.load(split) if split is not None else _nobody_held_out(measured)
    target = panel_people(target_panel, target_samples, parts) if target_panel else ()
    told = PriorInputs(tuple(prior), cres, distance, target_panel or None, target)
    with progress("fitting", "genes") as on_gene:
        report = fit_dosages(
            recipe,
            measured,
            parts,
            DosageInputs(fasta, vcf, table, only, told, min_probability),
            output,
            parts=parts_of(output),
            engine=units_on,
            on_gene=on_gene,
        )
    say_counts(report)
    typer.echo(str(output))


def _check(
    distance: float | None,
    strength: list[float] | None,
    outer_folds: int,
    target_panel: list[str] | None,
    target_samples: Path | None,
) -> None:
    """Refuse options that are out of bounds, or without what they belong to.

    Raises:
        InputError: one is.
    """
    if distance is not None:
        check_number("--distance", distance, 1, 1e9)
    for each in strength or ():
        check_number("--strength", each, 0.01, 1_000)
    if outer_folds == 1:
        raise InputError("--outer-folds is 1", remedy="It must be 2 or more, or 0 for none.")
    if target_samples is not None and not target_panel:
        raise InputError("--target-samples are of --target-panel, which is not given", remedy="Give both.")


def _nobody_held_out(expression: "Expression") -> "Split":
    from ..data.splits import Split

    donors: dict[str, dict[str, str]] = {}
    samples = expression.samples
    for cohort, donor in zip(samples["cohort"].to_pylist(), samples["donor"].to_pylist(), strict=True):
        donors.setdefault(cohort, {})[donor] = "train"
    return Split(donors)
