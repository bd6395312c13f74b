"""``variantformer embed``: vectors of people's genes, of a network that reads the DNA around each."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from .options import (
    FILES,
    GENOTYPES,
    INPUTS,
    MACHINE,
    OUTPUT,
    AddressOption,
    AllowUnusedOption,
    AllSamplesOption,
    DeviceOption,
    EngineOption,
    FastaOption,
    ForceCompanionsOption,
    GenesFileOption,
    GvcfOption,
    MinDpOption,
    MinGqOption,
    MinProbabilityOption,
    ModelArgument,
    OnRefMismatchOption,
    OverwriteOption,
    PassOnlyOption,
    SamplesFileOption,
    SamplesOption,
    SnpsOnlyOption,
    WorkersOption,
    given_file,
    written_file,
)
from .outputs import Output, claim
from .progress import progress
from .settings import GenotypeSettings, asked_samples, chosen_engine, chosen_precision, quiet_libraries

if TYPE_CHECKING:
    from ..inference.embedding_run import EmbeddingResult


def embed(
    model: ModelArgument,
    fasta: FastaOption,
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            parser=written_file,
            metavar="PATH",
            help="Vectors, .safetensors; their rows go to .tsv.",
            rich_help_panel=OUTPUT,
        ),
    ],
    vcf: Annotated[
        list[str] | None,
        typer.Option(
            help=f"Indexed VCF or BCF ({FILES}); without it the reference genome is read.", rich_help_panel=INPUTS
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
    gtf: Annotated[
        Path | None,
        typer.Option(
            parser=given_file,
            metavar="PATH",
            help="Genes and their TSS: GTF, GFF3, CSV, TSV. Default: the table in the model's folder.",
            rich_help_panel=INPUTS,
        ),
    ] = None,
    skip_invalid: Annotated[
        bool,
        typer.Option(
            "--skip-invalid",
            help="Go on without unknown genes; they go to OUTPUT.rejected.tsv.",
            rich_help_panel=INPUTS,
        ),
    ] = False,
    allow_unused: AllowUnusedOption = False,
    pool: Annotated[
        str | None,
        typer.Option(
            metavar="POOL",
            help="mean; of bins: centre:BINS (their mean), bin (each by itself); of tokens: cls. Default: mean.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    window: Annotated[
        int | None,
        typer.Option(help="Bases around the TSS. Default: as the model was trained.", rich_help_panel=INPUTS),
    ] = None,
    chunk_bases: Annotated[
        int | None,
        typer.Option(help="UKBioBERT: pieces that are encoded by themselves.", rich_help_panel=INPUTS),
    ] = None,
    mode: Annotated[
        Literal["concat", "mean", "alt", "ref", "haplotype1", "haplotype2", "iupac"] | None,
        typer.Option(
            "--mode",
            help="Both haplotypes read by themselves and joined (concat, mean), or one sequence. "
            "Default: concat of UKBioBERT, else mean.",
            rich_help_panel=GENOTYPES,
        ),
    ] = None,
    gvcf: GvcfOption = False,
    snps_only: SnpsOnlyOption = False,
    pass_only: PassOnlyOption = False,
    min_gq: MinGqOption = None,
    min_dp: MinDpOption = None,
    on_ref_mismatch: OnRefMismatchOption = "error",
    min_probability: MinProbabilityOption = 0.9,
    overwrite: OverwriteOption = False,
    checksum: Annotated[
        bool,
        typer.Option(
            "--checksum", help="Hash the whole input files for the report, not headers only.", rich_help_panel=OUTPUT
        ),
    ] = False,
    precision: Annotated[
        Literal["auto", "float32", "bfloat16"],
        typer.Option(help="auto = bfloat16 on cuda, else float32.", rich_help_panel=MACHINE),
    ] = "auto",
    device: DeviceOption = "auto",
    force_companions: ForceCompanionsOption = False,
    engine: EngineOption = "process",
    address: AddressOption = None,
    workers: WorkersOption = None,
) -> None:
    """Write a vector a person and gene, of the person's DNA around the gene's TSS, forward strand.

    FILE.safetensors has one tensor, `embedding`; FILE.tsv says which sample and gene each row is, its window and how it
    ended; FILE.safetensors.report.json is the match report. Until it is done, FILE.safetensors.parts holds what is: the
    same command started again goes on with the rest.
    """
    from ..errors import InputError

    if output.suffix != ".safetensors":
        raise InputError("vectors are written as safetensors", file=output, remedy="Name it .safetensors.")
    out = claim(output, beside=[output.with_suffix(".tsv")], overwrite=overwrite, parts=["parts"])
    out.add([out.beside("report.json"), out.beside("rejected.tsv")])

    from ..genome.gene_lists import read_gene_names
    from ..inference.embedding_run import EmbeddingRun
    from ..zoo.embedding_model import EmbeddingModel
    from ..zoo.statuses import NOT_FINITE, check_finite

    quiet_libraries()
    units_on = chosen_engine(engine, address, workers, device)
    names = [*(gene or []), *(read_gene_names(genes_file) if genes_file else [])] if gene or genes_file else None
    samples = asked_samples(sample, samples_file, all_samples=all_samples)
    loaded = EmbeddingModel.load(
        model,
        genes=gtf,
        mode=mode,
        pool=pool,
        window=window,
        chunk_bases=chunk_bases,
        device=device,
        precision=chosen_precision(precision, units_on),
        force_companions=force_companions,
    )
    genotypes = GenotypeSettings(
        gvcf=gvcf,
        snps_only=snps_only,
        pass_only=pass_only,
        min_gq=min_gq,
        min_dp=min_dp,
        on_ref_mismatch=on_ref_mismatch,
        min_probability=min_probability,
    )
    with progress("embedding", "genes") as on_gene:
        result = EmbeddingRun(loaded).embed(
            fasta,
            vcf or None,
            parts=out.beside("parts"),
            overwrite_parts=overwrite,
            on_gene=on_gene,
            engine=units_on,
            samples=samples,
            genes=names,
            skip_invalid=skip_invalid,
            allow_unused=allow_unused,
            options=genotypes.options(),
            whole_file_checksums=checksum,
        )
    if result.is_writer:
        not_finite = result.names_of(NOT_FINITE)
        out.deliver(_write(result, out))
        result.remove_parts()
        check_finite(not_finite, [NOT_FINITE] * len(not_finite))


def _write(result: "EmbeddingResult", out: Output) -> list[Path]:
    from ..genome.provenance import file_sha256
    from ..inference.query import rejected_table
    from ..report.embedding_files import write_rows, write_vectors
    from ..report.tables import write_json, write_table

    report = {**result.report, "shape": list(result.shape)}
    metadata = {key: report[key] for key in ("package", "model", "embedding", "assembly", "inputs", "settings")}
    table = write_rows(result.rows(), out.path.with_suffix(".tsv"))
    written = [write_vectors(result, out.path, {**metadata, "rows_sha256": file_sha256(table)}), table]
    if result.rejected:
        written.append(write_table(rejected_table(result.rejected), out.beside("rejected.tsv"), {}))
    written.append(write_json(report, out.beside("report.json")))
    rows, *rest = result.shape
    counts = ", ".join(f"{count:,} {status}" for status, count in result.statuses.items())
    typer.echo(f"{rows:,} vectors of {' x '.join(map(str, rest))}: {counts} (column status; docs/outputs.md)", err=True)
    return written
