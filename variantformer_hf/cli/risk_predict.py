"""``variantformer risk predict``: forests asked about people's embeddings."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from ..errors import InputError
from .options import (
    FASTA,
    FILES,
    INPUTS,
    AllowUnusedOption,
    AllSamplesOption,
    AttentionOption,
    DeviceOption,
    ForceCompanionsOption,
    ForestsArgument,
    ForestsPrecisionOption,
    GenesFileOption,
    GvcfOption,
    MinDpOption,
    MinGqOption,
    MinProbabilityOption,
    ModeOption,
    OnRefMismatchOption,
    OverwriteOption,
    PassOnlyOption,
    SamplesFileOption,
    SamplesOption,
    SnpsOnlyOption,
    StoreOption,
    TableOption,
    TissueOption,
    given_file,
)
from .outputs import claim
from .progress import progress
from .settings import GenotypeSettings, ModelSettings, asked_samples, quiet_libraries


def predict(
    forests: ForestsArgument,
    output: TableOption,
    model: Annotated[
        str | None,
        typer.Argument(help="Model folder or Hub id that makes the embeddings, with --fasta; or --embedding-store."),
    ] = None,
    embedding_store: Annotated[
        str | None,
        typer.Option(
            metavar="DIR", help="Embeddings that `predict --embedding-store` has written.", rich_help_panel=INPUTS
        ),
    ] = None,
    fasta: Annotated[
        Path | None, typer.Option(help=FASTA, parser=given_file, metavar="PATH", rich_help_panel=INPUTS)
    ] = None,
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
        typer.Option(help="Symbol or Ensembl id; repeat. Default: all that have forests.", rich_help_panel=INPUTS),
    ] = None,
    genes_file: GenesFileOption = None,
    tissue: TissueOption = None,
    allow_unused: AllowUnusedOption = False,
    mode: ModeOption = None,
    gvcf: GvcfOption = False,
    snps_only: SnpsOnlyOption = False,
    pass_only: PassOnlyOption = False,
    min_gq: MinGqOption = None,
    min_dp: MinDpOption = None,
    on_ref_mismatch: OnRefMismatchOption = "error",
    min_probability: MinProbabilityOption = 0.9,
    overwrite: OverwriteOption = False,
    precision: ForestsPrecisionOption = None,
    device: DeviceOption = "auto",
    store: StoreOption = "auto",
    attention: AttentionOption = "auto",
    force_companions: ForceCompanionsOption = False,
) -> None:
    """What forests say of people: a classifier's score in a case-control sample, not a person's risk.

    OUTPUT has a row per sample, gene and tissue; OUTPUT.report.json says what was asked, and of which forests. From a
    model and genomes embeddings are made first: until the table is done OUTPUT.parts holds them, and the same command
    goes on from there. Research use only.
    """
    if (model is None) == (embedding_store is None):
        raise InputError(
            "both a model and --embedding-store are given" if model else "there is neither a model nor a store",
            remedy="Give MODEL with --fasta (and --vcf), or --embedding-store DIR.",
        )
    if model is not None and fasta is None:
        raise InputError("a model reads a genome, and there is none", remedy="Give --fasta, and --vcf for people.")
    of_genomes = {
        "--fasta": fasta,
        "--vcf": vcf,
        "--mode": mode,
        "--gvcf": gvcf,
        "--snps-only": snps_only,
        "--pass-only": pass_only,
        "--min-gq": min_gq,
        "--min-dp": min_dp,
        "--on-ref-mismatch": on_ref_mismatch != "error",
        "--min-probability": min_probability != 0.9,
        "--allow-unused": allow_unused,
        "--precision": precision,
        "--device": device != "auto",
        "--store": store != "auto",
        "--attention": attention != "auto",
        "--force-companions": force_companions,
    }
    given = [name for name, value in of_genomes.items() if value]
    if model is None and given:
        raise InputError(
            f"a store has its embeddings already, and {', '.join(given)} say how to make some",
            remedy="Leave them out, or give a model.",
        )

    from ..report.tables import check_format, write_json, write_table

    check_format(output, "tidy")
    out = claim(output, overwrite=overwrite, parts=[] if model is None else ["parts"], stdout=True)
    report = out.beside("report.json")
    out.add([report])

    from ..applications.risk.forest_folder import RESEARCH_USE, RiskForests
    from ..applications.risk.predictions import embeddings_for, predict_risk
    from ..genome.gene_lists import read_gene_names
    from ..inference.embedding_store import EmbeddingStore
    from ..inference.run_folder import RunFolder
    from ..zoo.statuses import check_finite, status_text

    quiet_libraries()
    opened = RiskForests.open(forests)
    genes = [*(gene or []), *(read_gene_names(genes_file) if genes_file else [])] if gene or genes_file else None
    samples = asked_samples(sample, samples_file, all_samples=all_samples)
    if embedding_store is not None:
        vectors = EmbeddingStore.open(embedding_store)
    else:
        assert model is not None
        of_model = ModelSettings(
            model,
            precision=precision or opened.description.precision or "auto",
            device=device,
            store=store,
            attention=attention,
            force_companions=force_companions,
        )
        kind = of_model.kind()
        kind.require("embeddings", "risk")
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
        predictor = of_model.predictor()
        with progress("making embeddings", "genes") as on_gene:
            vectors = embeddings_for(
                opened,
                predictor,
                out.beside("parts"),
                fasta,
                vcf or None,
                genes=genes,
                tissues=tissue,
                samples=samples,
                allow_unused=allow_unused,
                options=genotypes.options(of_model),
                overwrite=overwrite,
                on_plan=lambda estimate: typer.echo(str(estimate), err=True),
                on_gene=on_gene,
            )
        samples = genes = None  # those of the store
    with progress("asking forests", "genes") as on_gene:
        found = predict_risk(opened, vectors, genes=genes, tissues=tissue, samples=samples, on_gene=on_gene)
    described = {
        **{name: vectors.metadata[name] for name in ("package", "model", "inputs", "settings")},
        "unit": "probability of a case in the sample that the forests were trained on",
        "forests": asdict(opened.description),
        "research_use": RESEARCH_USE,
    }
    of_answers = {name: described[name] for name in ("research_use", "unit", "forests")} | found.report
    written = [write_table(found.table, out.path, described)]
    written.append(write_json({**of_answers, "embeddings": vectors.report}, report))
    counts = found.report
    typer.echo(
        f"{found.table['sample'].nunique():,} sample(s), {counts['genes']['predicted']:,} gene(s): "
        f"{counts['rows']:,} rows, {status_text(counts['status']) or 'all ok'}",
        err=True,
    )
    for name, count in counts["flags"].items():
        typer.echo(f"  {count:,} rows {name} (column flags; docs/risk.md)", err=True)
    typer.echo(RESEARCH_USE, err=True)
    out.deliver(written)
    if model is not None:
        RunFolder.at(out.beside("parts")).remove()
    check_finite(found.table["gene_name"], found.table["status"])
