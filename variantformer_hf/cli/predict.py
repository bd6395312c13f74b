"""``variantformer predict``: a VCF in, a table of expression out."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from .outputs import Output, claim
from .progress import progress

if TYPE_CHECKING:
    from ..inference import PredictionResult

INPUTS, GENOTYPES, OUTPUT, MACHINE = "Inputs", "Genotypes", "Output", "Machine"
FORCE_COMPANIONS = "Go on where tokenizer, lengths or tables in the folder are another model's."
ALLOW_UNUSED = "Go on where nothing of a person's file was used in any gene; such genes are NaN."


def predict(
    model: Annotated[str, typer.Argument(help="Model folder (from `variantformer convert`), or a Hub id.")],
    fasta: Annotated[Path, typer.Option(help="Reference genome, plain or bgzipped.", rich_help_panel=INPUTS)],
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", help="Table: .parquet, .csv, .tsv (.h5ad, .txt); - = stdout.", rich_help_panel=OUTPUT
        ),
    ],
    vcf: Annotated[
        Path | None,
        typer.Option(help="Indexed VCF or BCF; without it the reference genome is predicted.", rich_help_panel=INPUTS),
    ] = None,
    sample: Annotated[
        list[str] | None, typer.Option(help="Sample of the VCF; repeat for several.", rich_help_panel=INPUTS)
    ] = None,
    gene: Annotated[
        list[str] | None,
        typer.Option(help="Symbol or Ensembl id; repeat for several. Default: all genes.", rich_help_panel=INPUTS),
    ] = None,
    genes_file: Annotated[
        Path | None,
        typer.Option(help="Genes, one a line, or a table with gene_id or gene_name.", rich_help_panel=INPUTS),
    ] = None,
    tissue: Annotated[
        list[str] | None,
        typer.Option(
            help="Released name, GTEx name or ontology id; repeat for several. Default: all tissues.",
            rich_help_panel=INPUTS,
        ),
    ] = None,
    skip_invalid: Annotated[
        bool,
        typer.Option(
            "--skip-invalid",
            help="Go on without genes and tissues that cannot be predicted; they go to OUTPUT.rejected.tsv.",
            rich_help_panel=INPUTS,
        ),
    ] = False,
    allow_unused: Annotated[bool, typer.Option("--allow-unused", help=ALLOW_UNUSED, rich_help_panel=INPUTS)] = False,
    mode: Annotated[
        Literal["iupac", "alt", "ref", "haplotype1", "haplotype2"],
        typer.Option(help="How genotypes become sequence; models were trained on iupac.", rich_help_panel=GENOTYPES),
    ] = "iupac",
    gvcf: Annotated[
        bool,
        typer.Option(
            "--gvcf", help="The VCF is a gVCF: drop the symbolic allele, keep the call.", rich_help_panel=GENOTYPES
        ),
    ] = False,
    snps_only: Annotated[
        bool, typer.Option("--snps-only", help="Use only SNP records.", rich_help_panel=GENOTYPES)
    ] = False,
    pass_only: Annotated[
        bool, typer.Option("--pass-only", help="Use only records with FILTER PASS.", rich_help_panel=GENOTYPES)
    ] = False,
    min_gq: Annotated[
        int | None, typer.Option(help="Lowest genotype quality (GQ) to use.", rich_help_panel=GENOTYPES)
    ] = None,
    min_dp: Annotated[int | None, typer.Option(help="Lowest depth (DP) to use.", rich_help_panel=GENOTYPES)] = None,
    on_ref_mismatch: Annotated[
        Literal["error", "skip-record"],
        typer.Option(help="What to do with a record whose REF is not in the FASTA.", rich_help_panel=GENOTYPES),
    ] = "error",
    layout: Annotated[
        Literal["tidy", "wide", "h5ad", "predixcan"],
        typer.Option("--format", help="Layout of the output.", rich_help_panel=OUTPUT),
    ] = "tidy",
    embeddings: Annotated[
        Path | None,
        typer.Option(help="Also write the embeddings, safetensors, in the table's row order.", rich_help_panel=OUTPUT),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace output files that exist.", rich_help_panel=OUTPUT)
    ] = False,
    checksum: Annotated[
        bool,
        typer.Option(
            "--checksum", help="Hash the whole input files for the report, not headers only.", rich_help_panel=OUTPUT
        ),
    ] = False,
    precision: Annotated[
        Literal["auto", "float32", "bfloat16", "released"],
        typer.Option(
            help="auto = bfloat16 on cuda, else float32; released = bfloat16 throughout, as the published numbers.",
            rich_help_panel=MACHINE,
        ),
    ] = "auto",
    device: Annotated[
        str, typer.Option(help="auto = cuda, else mps, else cpu; or a torch device.", rich_help_panel=MACHINE)
    ] = "auto",
    store: Annotated[
        str,
        typer.Option(
            help="Folder of elements' vectors; auto = the one that `variantformer precompute` made, if any; none.",
            rich_help_panel=MACHINE,
        ),
    ] = "auto",
    attention: Annotated[
        Literal["auto", "flash", "flex", "sdpa", "eager"],
        typer.Option(help="auto = flash-attn where it can be used, else sdpa.", rich_help_panel=MACHINE),
    ] = "auto",
    compile_layers: Annotated[
        bool, typer.Option("--compile", help="Compile the model's layers; for long runs.", rich_help_panel=MACHINE)
    ] = False,
    force_companions: Annotated[
        bool, typer.Option("--force-companions", help=FORCE_COMPANIONS, rich_help_panel=MACHINE)
    ] = False,
    plan: Annotated[
        bool,
        typer.Option("--plan", help="Say what the run would take, and stop.", rich_help_panel=MACHINE),
    ] = False,
) -> None:
    """Predict tissue-specific expression of a person's genes.

    Beside OUTPUT a match report is written (OUTPUT.report.json): what was read, used and skipped, and why. A run that
    was cut short goes on where it was when it is started again: until it is done, OUTPUT.parts holds what is.
    """
    from ..report.tables import check_format, output_paths

    check_format(output, layout)
    out = claim(output, overwrite=overwrite, parts=["parts"], stdout=True)
    out.add([out.beside("report.json"), out.beside("rejected.tsv"), embeddings])

    import pysam
    from transformers.utils.logging import disable_progress_bar

    from ..genome.gene_lists import read_gene_names
    from ..genome.options import GenotypeOptions
    from ..inference.predictor import ExpressionPredictor
    from ..inference.processes import is_first_process
    from ..zoo.statuses import check_finite

    genes = [*(gene or []), *(read_gene_names(genes_file) if genes_file else [])] if gene or genes_file else None
    disable_progress_bar()
    pysam.set_verbosity(0)  # what goes wrong is said once, in our words
    predictor = ExpressionPredictor.from_pretrained(
        model,
        device=device,
        precision=precision,
        store=None if store == "none" else store,
        attention=attention,
        compile_layers=compile_layers,
        force_companions=force_companions,
    )
    if layout == "predixcan":
        tissues = [entry.name for entry in predictor.tissue_names.resolve(tissue)[0]] if tissue else []
        out.add(output_paths(out.path, layout, tissues))
    options = GenotypeOptions(
        mode=mode,
        symbolic="ignore_allele" if gvcf else "exclude_record",
        snps_only=snps_only,
        pass_only=pass_only,
        min_gq=min_gq,
        min_dp=min_dp,
        on_ref_mismatch=on_ref_mismatch,
    )
    if plan:
        typer.echo(
            str(predictor.plan(fasta, vcf, samples=sample, genes=genes, tissues=tissue, skip_invalid=skip_invalid))
        )
        return
    with progress("predicting", "genes") as on_gene:
        result = predictor.run(
            fasta,
            vcf,
            samples=sample,
            genes=genes,
            tissues=tissue,
            skip_invalid=skip_invalid,
            allow_unused=allow_unused,
            with_embeddings=embeddings is not None,
            options=options,
            whole_file_checksums=checksum,
            on_plan=lambda estimate: typer.echo(str(estimate), err=True) if is_first_process() else None,
            on_gene=on_gene,
            parts=out.beside("parts"),
            overwrite_parts=overwrite,
        )
    if result.is_writer:
        out.deliver(_write(result, out, layout, embeddings))
        result.remove_parts()
        check_finite(result.genes["gene_name"], result.genes["status"])


def _write(result: "PredictionResult", out: Output, layout: str, embeddings: Path | None) -> list[Path]:
    from ..inference.query import rejected_table
    from ..report.tables import write_embeddings, write_json, write_predictions, write_table
    from ..zoo.statuses import status_text

    metadata = {key: result.report[key] for key in ("package", "model", "inputs", "settings", "units")}
    written = write_predictions(result.table, result.genes, out.path, layout, metadata)
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
