"""``variantformer effects``: what variants do to expression, in a person's own genome."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ..errors import InputError
from .options import (
    INPUTS,
    MACHINE,
    OUTPUT,
    AddressOption,
    AllowUnusedOption,
    DeviceOption,
    EmbeddingModelOption,
    EmbeddingsOption,
    EngineOption,
    FastaOption,
    ForceCompanionsOption,
    MinProbabilityOption,
    ModelArgument,
    ModeOption,
    OverwriteOption,
    PassOnlyOption,
    ReadOutOption,
    SampleOption,
    StoreOption,
    TissueOption,
    VcfOption,
    WindowOption,
    WorkersOption,
    ZygosityOption,
    given_file,
    written_file,
)
from .outputs import Output, claim
from .progress import progress
from .rejected import report_rejected
from .settings import GenomeSettings, GenotypeSettings, ModelSettings, chosen_engine, quiet_libraries

if TYPE_CHECKING:
    import pandas as pd

    from ..analysis.backgrounds import Background
    from ..analysis.effects import EffectResult, VariantScorer
    from ..analysis.population_scores import Frequencies
    from ..genome.reference import ReferenceGenome
    from ..genome.variant_table import VariantTable


def effects(
    model: ModelArgument,
    variants: Annotated[
        Path,
        typer.Option(
            parser=given_file,
            metavar="PATH",
            help="Variants: table (chrom, pos, ref, alt; maybe gene_id, tissue, AF_*), VCF, or text, one a line.",
            rich_help_panel=INPUTS,
        ),
    ],
    fasta: FastaOption,
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            parser=written_file,
            metavar="PATH",
            help="Table: .parquet, .tsv, .csv (.h5ad, .vcf.gz); - = stdout.",
            rich_help_panel=OUTPUT,
        ),
    ],
    vcf: VcfOption = None,
    sample: SampleOption = None,
    background: Annotated[
        str | None,
        typer.Option(
            help="person, person-snps, reference, or a YAML of populations. Default: person if there is a VCF.",
            rich_help_panel=INPUTS,
        ),
    ] = None,
    gene: Annotated[
        list[str] | None,
        typer.Option(
            help="Symbol or Ensembl id; repeat for several. Default: genes whose window or cCREs hold the variant.",
            rich_help_panel=INPUTS,
        ),
    ] = None,
    tissue: TissueOption = None,
    af_table: Annotated[
        Path | None,
        typer.Option(
            parser=given_file,
            metavar="PATH",
            help="Allele frequencies (columns or INFO AF_EUR or EUR_AF) for the populations' weighted scores.",
            rich_help_panel=INPUTS,
        ),
    ] = None,
    zygosity: ZygosityOption = None,
    mode: ModeOption = None,
    min_probability: MinProbabilityOption = 0.9,
    pass_only: PassOnlyOption = False,
    layout: Annotated[
        Literal["tidy", "h5ad", "vcf"], typer.Option("--format", help="Layout of the output.", rich_help_panel=OUTPUT)
    ] = "tidy",
    score: Annotated[
        Literal["each", "max-abs"],
        typer.Option(
            help="max-abs = one row a variant, the largest effect on any gene in any tissue.", rich_help_panel=OUTPUT
        ),
    ] = "each",
    embeddings: EmbeddingsOption = None,
    null: Annotated[
        Path | None,
        typer.Option(
            parser=given_file,
            metavar="PATH",
            help="From `variantformer null`: adds signed quantiles.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    phase_shifts: Annotated[
        int,
        typer.Option(help="Score again in so many phases of the tokens, for effect_sd_phase.", rich_help_panel=OUTPUT),
    ] = 0,
    second_model: Annotated[
        str | None, typer.Option(help="Another checkpoint, for effect_sd_models.", rich_help_panel=OUTPUT)
    ] = None,
    overwrite: OverwriteOption = False,
    precision: Annotated[
        Literal["float32", "bfloat16", "released"],
        typer.Option(help="Effects need float32; the others round most of them away.", rich_help_panel=MACHINE),
    ] = "float32",
    device: DeviceOption = "auto",
    store: StoreOption = "auto",
    allow_unused: AllowUnusedOption = False,
    read_out: ReadOutOption = None,
    window: WindowOption = None,
    embedding_model: EmbeddingModelOption = None,
    force_companions: ForceCompanionsOption = False,
    engine: EngineOption = "process",
    address: AddressOption = None,
    workers: WorkersOption = None,
) -> None:
    """Score variants: the same genome with and without each, everything else alike.

    Rows that cannot be used go to OUTPUT.rejected.tsv, the rest go on. With a YAML of populations the weighted scores
    go to OUTPUT.populations.tsv. A run that was cut short goes on where it was: until it is done, OUTPUT.parts holds
    what is.
    """
    from ..report.effect_files import check_effect_format

    check_effect_format(output, layout)
    if score != "each" and (layout != "tidy" or embeddings is not None):
        raise InputError(
            f"--score {score} is a row a variant, and not of embeddings or of --format {layout}",
            remedy="Leave out one of the two.",
        )
    folders = ["parts", *(["second-parts"] if second_model is not None else [])]
    out = claim(output, overwrite=overwrite, parts=folders, stdout=True)
    out.add([*map(out.beside, ("rejected.tsv", "populations.tsv", "report.json")), embeddings])
    if layout == "vcf":
        out.add([out.beside("tbi")])

    from ..analysis.effects import add_second_model
    from ..analysis.null_effects import add_quantiles, read_null
    from ..analysis.variant_scores import max_abs_scores
    from ..genome.variant import VariantNormalizer
    from ..genome.variant_table import read_variants
    from ..zoo.model_files import model_identity
    from ..zoo.statuses import check_finite

    quiet_libraries()
    units_on = chosen_engine(engine, address, workers, device)
    first = ModelSettings(
        model,
        precision=precision,
        device=device,
        force_companions=force_companions,
        read_out=read_out,
        window=window,
        embedding_model=embedding_model,
        store=store,
    )
    second = None if second_model is None else replace(first, model=second_model)
    genotypes = GenotypeSettings(mode=mode, pass_only=pass_only, min_probability=min_probability)
    for asked in [first] if second is None else [first, second]:
        _check(asked, genotypes, embeddings=embeddings is not None, phase_shifts=phase_shifts)
    backgrounds = GenomeSettings(fasta, vcf, sample, background, genotypes).open(first)
    reference = backgrounds[0].genome.reference
    table = read_variants(variants, VariantNormalizer(reference))

    def run(scorer: "VariantScorer", parts: str) -> "EffectResult":
        with progress("scoring", "genes") as on_gene:
            return scorer.run(
                table,
                backgrounds,
                genes=gene or "overlapping",
                tissues=tissue,
                zygosity=zygosity or ("het", "hom"),
                with_embeddings=embeddings is not None,
                phase_shifts=phase_shifts,
                allow_unused=allow_unused,
                on_gene=on_gene,
                engine=units_on,
                parts=out.beside(parts),
                overwrite_parts=overwrite,
            )

    # What is asked for after the scores is opened before them.
    if second_model is not None:
        model_identity(second_model)
    scorer = first.scorer()
    nulls = None if null is None else read_null(null, scorer)
    frequencies = _frequencies(table, af_table, reference, n_backgrounds=len(backgrounds))
    result = run(scorer, "parts")
    found = result.table
    other = None
    if second is not None:
        other = run(_of_the_same_unit(second, scorer), "second-parts")
        found = add_second_model(found, other.table)
    if nulls is not None:
        found = add_quantiles(found, nulls)
    metadata = _metadata(scorer, result, backgrounds)
    written = _write(
        found if score == "each" else max_abs_scores(found), result, out, layout, embeddings, variants, metadata
    )
    if len(backgrounds) > 1:
        written.append(_write_populations(found, frequencies, out.beside("populations.tsv")))
    written += report_rejected(table.with_rejected(result.rejected), out.beside("rejected.tsv"))
    for status, count in result.report["pairs_by_status"].items():
        typer.echo(f"{status}: {count} variant and gene pairs", err=True)
    out.deliver(written)
    for each in (result, other):
        if each is not None:
            each.remove_parts()
    check_finite(found["gene_name"], found["status"])


def _check(settings: ModelSettings, genotypes: GenotypeSettings, *, embeddings: bool, phase_shifts: int) -> None:
    """Refuse what a model cannot do, before anything is loaded."""
    kind = settings.kind()
    genotypes.options(settings)
    if embeddings:
        kind.require("embeddings", "--embeddings")
    if phase_shifts:
        kind.require("phase_shifts", "--phase-shifts")


def _of_the_same_unit(second: ModelSettings, scorer: "VariantScorer") -> "VariantScorer":
    """The second model, whose effects can stand beside the first one's."""

    other = second.scorer()
    unit, wanted = other.model.unit.name, scorer.model.unit.name
    if unit != wanted:
        raise InputError(
            f"predicts {unit}, and the first model {wanted}",
            file=second.model,
            remedy="Give --second-model another checkpoint of one unit.",
        )
    return other


def _metadata(scorer: "VariantScorer", result: "EffectResult", backgrounds: "Sequence[Background]") -> dict[str, Any]:
    from dataclasses import asdict

    from ..version import __version__

    model = scorer.model
    units = {"effect": "log1p TPM", "log2fc_tpm": "log2 fold change of TPM"}
    return {
        "package": {"variantformer-hf": __version__},
        "model": {**asdict(model.identity), "precision": model.precision},
        "backgrounds": [each.description() for each in backgrounds],
        "counts": dict(result.report),
        "unit": model.unit.name,
        "units": units if model.unit.is_log1p_tpm else {"effect": model.unit.description},
    }


def _write(
    table: "pd.DataFrame",
    result: "EffectResult",
    out: Output,
    layout: str,
    embeddings: Path | None,
    variants: Path,
    metadata: dict[str, Any],
) -> list[Path]:
    from ..report.effect_files import write_effect_embeddings, write_effects
    from ..report.tables import write_json

    metadata = json.loads(json.dumps(metadata, default=str))
    written = write_effects(table, out.path, layout, metadata, variants=variants)
    if embeddings is not None:
        written.append(write_effect_embeddings(result.embeddings, embeddings, metadata))
    written.append(write_json(metadata, out.beside("report.json")))
    return written


def _frequencies(
    table: "VariantTable", af_table: Path | None, reference: "ReferenceGenome", *, n_backgrounds: int
) -> "Frequencies":
    """Allele frequencies of the variants by population, from their own table and the one beside it."""
    from ..analysis.population_scores import frequencies_of, read_frequencies
    from ..genome.variant import VariantNormalizer

    found = frequencies_of(table)
    if af_table is not None:
        if n_backgrounds < 2:
            raise InputError(
                "frequencies weigh the scores of populations, and there are none",
                file=af_table,
                remedy="Give --background a YAML of populations, or leave out --af-table.",
            )
        for variant, of_variant in read_frequencies(af_table, VariantNormalizer(reference), table).items():
            found.setdefault(variant, {}).update(of_variant)
    return found


def _write_populations(table: "pd.DataFrame", frequencies: "Frequencies", path: Path) -> Path:
    from ..analysis.population_scores import population_scores
    from ..report.tables import write_table

    scores = population_scores(table, frequencies)
    flagged = int((scores["af_status"] != "ok").sum())
    if flagged:
        typer.echo(f"{flagged} of {len(scores)} weighted scores are missing: see af_status", err=True)
    return write_table(scores, path, {})
