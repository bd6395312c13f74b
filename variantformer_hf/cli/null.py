"""``variantformer null``: the effects of common variants, as a scale for others."""

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from .options import AllowUnusedOption, ForceCompanionsOption
from .outputs import claim
from .predict import GENOTYPES, INPUTS, MACHINE, OUTPUT
from .progress import progress


def null(
    model: Annotated[str, typer.Argument(help="Model folder (from `variantformer convert`), or a Hub id.")],
    panel: Annotated[
        Path,
        typer.Option(help="Indexed VCF or BCF of many people, or of sites with INFO AF.", rich_help_panel=INPUTS),
    ],
    fasta: Annotated[Path, typer.Option(help="Reference genome, plain or bgzipped.", rich_help_panel=INPUTS)],
    output: Annotated[Path, typer.Option("--output", "-o", help="Table, .parquet.", rich_help_panel=OUTPUT)],
    vcf: Annotated[Path | None, typer.Option(help="Indexed VCF or BCF of the person.", rich_help_panel=INPUTS)] = None,
    sample: Annotated[str | None, typer.Option(help="Sample of the VCF.", rich_help_panel=INPUTS)] = None,
    background: Annotated[
        str | None, typer.Option(help="As for `effects`, and the same.", rich_help_panel=INPUTS)
    ] = None,
    gene: Annotated[
        list[str] | None, typer.Option(help="Symbol or Ensembl id; repeat for several.", rich_help_panel=INPUTS)
    ] = None,
    genes_file: Annotated[
        Path | None,
        typer.Option(help="Genes, one a line, or a table with gene_id or gene_name.", rich_help_panel=INPUTS),
    ] = None,
    tissue: Annotated[list[str] | None, typer.Option(help="Default: all.", rich_help_panel=INPUTS)] = None,
    zygosity: Annotated[list[str] | None, typer.Option(help="Default: het and hom.", rich_help_panel=GENOTYPES)] = None,
    min_maf: Annotated[float, typer.Option(help="Lowest minor allele frequency.", rich_help_panel=INPUTS)] = 0.05,
    per_class: Annotated[
        int, typer.Option(help="Most variants of a gene in each class of distance.", rich_help_panel=INPUTS)
    ] = 50,
    seed: Annotated[int, typer.Option(help="Of the draw.", rich_help_panel=INPUTS)] = 0,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace output files that exist.", rich_help_panel=OUTPUT)
    ] = False,
    device: Annotated[
        str, typer.Option(help="auto = cuda, else mps, else cpu; or a torch device.", rich_help_panel=MACHINE)
    ] = "auto",
    allow_unused: AllowUnusedOption = False,
    force_companions: ForceCompanionsOption = False,
) -> None:
    """Score common variants near genes, by distance from the TSS, for `effects --null`."""
    from ..errors import InputError
    from ..genome.gene_lists import read_gene_names

    if not output.name.endswith(".parquet"):
        raise InputError("a null is a Parquet file", file=output, remedy="Name it .parquet.")
    out = claim(output, overwrite=overwrite)
    report = out.beside("report.json")
    out.add([report])
    genes = [*(gene or []), *(read_gene_names(genes_file) if genes_file else [])]
    if not genes:
        raise InputError("no gene is named", remedy="Give --gene or --genes-file.")

    import pysam
    from transformers.utils.logging import disable_progress_bar

    from ..analysis.backgrounds import open_backgrounds
    from ..analysis.effects import VariantScorer
    from ..analysis.null_effects import build_null, null_metadata
    from ..genome.reference import ReferenceGenome
    from ..report.tables import write_json, write_table

    disable_progress_bar()
    pysam.set_verbosity(0)
    backgrounds = open_backgrounds(ReferenceGenome(fasta), background, vcf=vcf, sample=sample)
    scorer = VariantScorer.from_pretrained(model, device=device, force_companions=force_companions)
    records: Counter[str] = Counter()
    with progress("scoring", "genes") as on_gene:
        table = build_null(
            scorer,
            panel,
            backgrounds,
            genes,
            tissues=tissue,
            zygosity=zygosity or ("het", "hom"),
            least_maf=min_maf,
            per_class=per_class,
            seed=seed,
            allow_unused=allow_unused,
            on_gene=on_gene,
            records=records,
        )
    sizes = table.drop_duplicates(["gene_id", "variant"]).groupby("distance_class").size()
    typer.echo(", ".join(f"{name}: {count} variants" for name, count in sizes.items()), err=True)
    typer.echo(f"records of the panel: {', '.join(f'{name} {n}' for name, n in records.most_common())}", err=True)
    written = [write_table(table, output, null_metadata(scorer))]
    written.append(write_json({"records": dict(records), "variants": sizes.to_dict()}, report))
    out.deliver(written)
