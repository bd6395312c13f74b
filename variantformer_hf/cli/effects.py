"""``variantformer effects``: what variants do to expression, in a person's own genome."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from .options import AllowUnusedOption, ForceCompanionsOption
from .outputs import Output, claim
from .predict import GENOTYPES, INPUTS, MACHINE, OUTPUT
from .progress import progress
from .rejected import report_rejected

if TYPE_CHECKING:
    import pandas as pd

    from ..analysis.backgrounds import Background
    from ..analysis.effects import EffectResult, VariantScorer
    from ..analysis.population_scores import Frequencies
    from ..genome.reference import ReferenceGenome
    from ..genome.variant_table import VariantTable


def effects(
    model: Annotated[str, typer.Argument(help="Model folder (from `variantformer convert`), or a Hub id.")],
    variants: Annotated[
        Path,
        typer.Option(
            help="Variants: table (chrom, pos, ref, alt; maybe gene_id, tissue, AF_*), VCF, or text, one a line.",
            rich_help_panel=INPUTS,
        ),
    ],
    fasta: Annotated[Path, typer.Option(help="Reference genome, plain or bgzipped.", rich_help_panel=INPUTS)],
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", help="Table: .parquet, .tsv, .csv (.h5ad, .vcf.gz); - = stdout.", rich_help_panel=OUTPUT
        ),
    ],
    vcf: Annotated[Path | None, typer.Option(help="Indexed VCF or BCF of the person.", rich_help_panel=INPUTS)] = None,
    sample: Annotated[str | None, typer.Option(help="Sample of the VCF.", rich_help_panel=INPUTS)] = None,
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
    tissue: Annotated[
        list[str] | None,
        typer.Option(help="Released name, GTEx name or ontology id; repeat. Default: all.", rich_help_panel=INPUTS),
    ] = None,
    af_table: Annotated[
        Path | None,
        typer.Option(
            help="Allele frequencies (columns or INFO AF_EUR or EUR_AF) for the populations' weighted scores.",
            rich_help_panel=INPUTS,
        ),
    ] = None,
    zygosity: Annotated[
        list[str] | None,
        typer.Option(help="het, hom, haplotype1, haplotype2; repeat. Default: het and hom.", rich_help_panel=GENOTYPES),
    ] = None,
    mode: Annotated[
        Literal["iupac", "alt", "ref", "haplotype1", "haplotype2"],
        typer.Option(help="How genotypes become sequence; models were trained on iupac.", rich_help_panel=GENOTYPES),
    ] = "iupac",
    pass_only: Annotated[
        bool, typer.Option("--pass-only", help="Use only records with FILTER PASS.", rich_help_panel=GENOTYPES)
    ] = False,
    layout: Annotated[
        Literal["tidy", "h5ad", "vcf"], typer.Option("--format", help="Layout of the output.", rich_help_panel=OUTPUT)
    ] = "tidy",
    embeddings: Annotated[
        Path | None,
        typer.Option(help="Also write embeddings, safetensors, in the table's row order.", rich_help_panel=OUTPUT),
    ] = None,
    null: Annotated[
        Path | None,
        typer.Option(help="From `variantformer null`: adds signed quantiles.", rich_help_panel=OUTPUT),
    ] = None,
    phase_shifts: Annotated[
        int,
        typer.Option(help="Score again in so many phases of the tokens, for effect_sd_phase.", rich_help_panel=OUTPUT),
    ] = 0,
    second_model: Annotated[
        str | None, typer.Option(help="Another checkpoint, for effect_sd_models.", rich_help_panel=OUTPUT)
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace output files that exist.", rich_help_panel=OUTPUT)
    ] = False,
    precision: Annotated[
        Literal["float32", "bfloat16", "released"],
        typer.Option(help="Effects need float32; the others round most of them away.", rich_help_panel=MACHINE),
    ] = "float32",
    device: Annotated[
        str, typer.Option(help="auto = cuda, else mps, else cpu; or a torch device.", rich_help_panel=MACHINE)
    ] = "auto",
    store: Annotated[
        str, typer.Option(help="Folder of elements' vectors; auto; none.", rich_help_panel=MACHINE)
    ] = "auto",
    allow_unused: AllowUnusedOption = False,
    force_companions: ForceCompanionsOption = False,
) -> None:
    """Score variants: the same genome with and without each, everything else alike.

    Rows that cannot be used go to OUTPUT.rejected.tsv, the rest go on. With a YAML of populations the weighted scores
    go to OUTPUT.populations.tsv. A run that was cut short goes on where it was: until it is done, OUTPUT.parts holds
    what is.
    """
    from ..report.effect_files import check_effect_format

    check_effect_format(output, layout)
    folders = ["parts", *(["second-parts"] if second_model is not None else [])]
    out = claim(output, overwrite=overwrite, parts=folders, stdout=True)
    out.add([*map(out.beside, ("rejected.tsv", "populations.tsv", "report.json")), embeddings])
    if layout == "vcf":
        out.add([out.beside("tbi")])

    import pysam
    from transformers.utils.logging import disable_progress_bar

    from ..analysis.backgrounds import open_backgrounds
    from ..analysis.effects import VariantScorer, add_second_model
    from ..analysis.null_effects import add_quantiles, read_null
    from ..genome.options import GenotypeOptions
    from ..genome.reference import ReferenceGenome
    from ..genome.variant import VariantNormalizer
    from ..genome.variant_table import read_variants
    from ..zoo.model_files import model_identity
    from ..zoo.statuses import check_finite

    disable_progress_bar()
    pysam.set_verbosity(0)
    reference = ReferenceGenome(fasta)
    options = GenotypeOptions(mode=mode, pass_only=pass_only)
    backgrounds = open_backgrounds(reference, background, vcf=vcf, sample=sample, options=options)
    table = read_variants(variants, VariantNormalizer(reference))

    def load(name: str) -> VariantScorer:
        return VariantScorer.from_pretrained(
            name,
            precision=precision,
            device=device,
            store=None if store == "none" else store,
            force_companions=force_companions,
        )

    def run(scorer: VariantScorer, parts: str) -> "EffectResult":
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
                parts=out.beside(parts),
                overwrite_parts=overwrite,
            )

    # What is asked for after the scores is opened before them.
    if second_model is not None:
        model_identity(second_model)
    scorer = load(model)
    nulls = None if null is None else read_null(null, scorer)
    frequencies = _frequencies(table, af_table, reference, n_backgrounds=len(backgrounds))
    result = run(scorer, "parts")
    found = result.table
    other = None
    if second_model is not None:
        other = run(load(second_model), "second-parts")
        found = add_second_model(found, other.table)
    if nulls is not None:
        found = add_quantiles(found, nulls)
    metadata = _metadata(scorer, result, backgrounds)
    written = _write(found, result, out, layout, embeddings, variants, metadata)
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
    from ..errors import InputError
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
