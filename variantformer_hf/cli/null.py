"""``variantformer null``: the effects of common variants, as a scale for others."""

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from .options import (
    FILES,
    INPUTS,
    OUTPUT,
    AddressOption,
    AllowUnusedOption,
    DeviceOption,
    EmbeddingModelOption,
    EngineOption,
    FastaOption,
    ForceCompanionsOption,
    GenesFileOption,
    MinProbabilityOption,
    ModelArgument,
    OverwriteOption,
    ReadOutOption,
    SampleOption,
    TissueOption,
    VcfOption,
    WindowOption,
    WorkersOption,
    ZygosityOption,
    written_file,
)
from .outputs import claim
from .progress import progress
from .settings import GenomeSettings, GenotypeSettings, ModelSettings, chosen_engine, quiet_libraries


def null(
    model: ModelArgument,
    panel: Annotated[
        list[str],
        typer.Option(
            help=f"Indexed VCF or BCF of many people, or of sites with INFO AF; {FILES}.",
            rich_help_panel=INPUTS,
        ),
    ],
    fasta: FastaOption,
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", parser=written_file, metavar="PATH", help="Table, .parquet.", rich_help_panel=OUTPUT
        ),
    ],
    vcf: VcfOption = None,
    sample: SampleOption = None,
    background: Annotated[
        str | None, typer.Option(help="As for `effects`, and the same.", rich_help_panel=INPUTS)
    ] = None,
    gene: Annotated[
        list[str] | None, typer.Option(help="Symbol or Ensembl id; repeat for several.", rich_help_panel=INPUTS)
    ] = None,
    genes_file: GenesFileOption = None,
    tissue: TissueOption = None,
    zygosity: ZygosityOption = None,
    min_probability: MinProbabilityOption = 0.9,
    min_maf: Annotated[float, typer.Option(help="Lowest minor allele frequency.", rich_help_panel=INPUTS)] = 0.05,
    per_class: Annotated[
        int, typer.Option(help="Most variants of a gene in each class of distance.", rich_help_panel=INPUTS)
    ] = 50,
    seed: Annotated[int, typer.Option(help="Of the draw.", rich_help_panel=INPUTS)] = 0,
    overwrite: OverwriteOption = False,
    device: DeviceOption = "auto",
    allow_unused: AllowUnusedOption = False,
    read_out: ReadOutOption = None,
    window: WindowOption = None,
    embedding_model: EmbeddingModelOption = None,
    force_companions: ForceCompanionsOption = False,
    engine: EngineOption = "process",
    address: AddressOption = None,
    workers: WorkersOption = None,
) -> None:
    """Score common variants near genes, by distance from the TSS, for `effects --null`.

    A run that was cut short goes on where it was: until it is done, OUTPUT.parts holds what is.
    """
    from ..errors import InputError
    from ..genome.gene_lists import read_gene_names

    if not output.name.endswith(".parquet"):
        raise InputError("a null is a Parquet file", file=output, remedy="Name it .parquet.")
    out = claim(output, overwrite=overwrite, parts=["parts"])
    report = out.beside("report.json")
    out.add([report])
    genes = [*(gene or []), *(read_gene_names(genes_file) if genes_file else [])]
    if not genes:
        raise InputError("no gene is named", remedy="Give --gene or --genes-file.")

    from ..analysis.null_effects import build_null, null_metadata
    from ..inference.parts import remove_parts
    from ..report.tables import write_json, write_table

    quiet_libraries()
    units_on = chosen_engine(engine, address, workers, device)
    genotypes = GenotypeSettings(min_probability=min_probability)
    of_model = ModelSettings(
        model,
        device=device,
        force_companions=force_companions,
        read_out=read_out,
        window=window,
        embedding_model=embedding_model,
    )
    backgrounds = GenomeSettings(fasta, vcf, sample, background, genotypes).open(of_model)
    scorer = of_model.scorer()
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
            min_probability=min_probability,
            seed=seed,
            allow_unused=allow_unused,
            on_gene=on_gene,
            engine=units_on,
            records=records,
            parts=out.beside("parts"),
            overwrite_parts=overwrite,
        )
    sizes = table.drop_duplicates(["gene_id", "variant"]).groupby("distance_class").size()
    typer.echo(", ".join(f"{name}: {count} variants" for name, count in sizes.items()), err=True)
    typer.echo(f"records of the panel: {', '.join(f'{name} {n}' for name, n in records.most_common())}", err=True)
    unit = {"unit": scorer.model.unit.name}
    written = [write_table(table, out.path, {**null_metadata(scorer), **unit})]
    written.append(write_json({**unit, "records": dict(records), "variants": sizes.to_dict()}, report))
    out.deliver(written)
    remove_parts(out.beside("parts"))
