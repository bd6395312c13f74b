"""The options that more than one command has, each written once; :mod:`.settings` says what they stand for."""

from pathlib import Path
from typing import Annotated, Literal

import typer

INPUTS, GENOTYPES, OUTPUT, MACHINE = "Inputs", "Genotypes", "Output", "Machine"
# For commands of few options, which are not put into panels.
FASTA = "Reference genome, plain or bgzipped."
DEVICE = "auto = cuda, else mps, else cpu; or a torch device."
OVERWRITE = "Replace output files that exist."


class Address(str):
    """The address of a file elsewhere; when a command begins it is looked for, see ``closing``."""

    __slots__ = ()


class OutputAddress(str):
    """The address of a file that is written elsewhere; the command gets where it is made, see ``closing``."""

    __slots__ = ()


def given_file(text: str) -> Path | Address:
    """A file that is read: the path of one on this machine, or the address of one elsewhere."""
    from ..addresses import is_address

    return Address(text) if is_address(text) else Path(text)


def written_file(text: str) -> Path | OutputAddress:
    """A file that is written: the path of one on this machine, or the address of one in an object store."""
    from ..addresses import is_address

    return OutputAddress(text) if is_address(text) else Path(text)


# The model, and how it computes.
ModelArgument = Annotated[str, typer.Argument(help="Model folder (from `variantformer convert`), or a Hub id.")]
DeviceOption = Annotated[str, typer.Option("--device", help=DEVICE, rich_help_panel=MACHINE)]
Precision = Literal["auto", "float32", "bfloat16", "released"]
PrecisionOption = Annotated[
    Precision,
    typer.Option(
        "--precision",
        help="auto = bfloat16 on cuda, else float32; released = bfloat16 throughout, as the published numbers.",
        rich_help_panel=MACHINE,
    ),
]
StoreOption = Annotated[
    str,
    typer.Option(
        "--store",
        help="Folder of cCREs' vectors; auto = the one that `variantformer precompute` made, if any; none.",
        rich_help_panel=MACHINE,
    ),
]
AttentionOption = Annotated[
    Literal["auto", "flash", "flex", "sdpa", "eager"],
    typer.Option("--attention", help="auto = flash-attn where it can be used, else sdpa.", rich_help_panel=MACHINE),
]
CompileOption = Annotated[
    bool, typer.Option("--compile", help="Compile the model's layers; for long runs.", rich_help_panel=MACHINE)
]
ForceCompanionsOption = Annotated[
    bool,
    typer.Option(
        "--force-companions",
        help="Go on where tokenizer, lengths or tables in the folder are another model's.",
        rich_help_panel=MACHINE,
    ),
]
ReadOutOption = Annotated[
    str | None,
    typer.Option(
        "--read-out",
        help="Of Enformer and Borzoi: bins that are added up, tss:3, centre:10 or exons. Default: the model's.",
        rich_help_panel=INPUTS,
    ),
]
WindowOption = Annotated[
    int | None,
    typer.Option(
        "--window",
        help="Of networks of windows: bases that are read around the TSS. Default: the model's.",
        rich_help_panel=INPUTS,
    ),
]
EmbeddingModelOption = Annotated[
    str | None,
    typer.Option(
        "--embedding-model",
        metavar="PATH",
        help="Of models that read vectors (UKBioFormer, UKBioZoi, heads): the network that makes them, a folder or a "
        "Hub id. Default: where the model says.",
        rich_help_panel=INPUTS,
    ),
]
VariantEmbeddingsOption = Annotated[
    Path | None,
    typer.Option(
        "--embedding",
        parser=given_file,
        metavar="PATH",
        help="Of models that read vectors: people's embeddings as `embed` writes them, instead of --embedding-model.",
        rich_help_panel=INPUTS,
    ),
]

# Where units of work are done.
EngineOption = Annotated[
    Literal["process", "ray"],
    typer.Option(
        "--engine",
        help="process = here, one after the other; ray = on several workers, here or of a Ray cluster.",
        rich_help_panel=MACHINE,
    ),
]
AddressOption = Annotated[
    str | None,
    typer.Option(
        "--address",
        help="Of the Ray cluster: auto, or HOST:PORT of its head. Default: workers of this machine.",
        rich_help_panel=MACHINE,
    ),
]
WorkersOption = Annotated[
    int | None,
    typer.Option(
        "--workers", help="Of --engine ray. Default: one a GPU; without GPUs, one for 4 cores.", rich_help_panel=MACHINE
    ),
]

# Whose genome.
FastaOption = Annotated[
    Path, typer.Option("--fasta", help=FASTA, parser=given_file, metavar="PATH", rich_help_panel=INPUTS)
]
# Said of every option that takes files of variants.
FILES = "repeat, or 'FILE.{contig}.vcf.gz', for a file a chromosome"
VcfOption = Annotated[
    list[str] | None,
    typer.Option(
        "--vcf",
        help=f"Indexed VCF or BCF of the person ({FILES}); else the reference genome.",
        rich_help_panel=INPUTS,
    ),
]
SampleOption = Annotated[str | None, typer.Option("--sample", help="Sample of the VCF.", rich_help_panel=INPUTS)]
# Of commands that take several people.
SamplesOption = Annotated[
    list[str] | None, typer.Option("--sample", help="Sample of the VCF; repeat for several.", rich_help_panel=INPUTS)
]
SamplesFileOption = Annotated[
    Path | None,
    typer.Option(
        "--samples-file",
        parser=given_file,
        metavar="PATH",
        help="Samples, one a line, after --sample's.",
        rich_help_panel=INPUTS,
    ),
]
AllSamplesOption = Annotated[
    bool, typer.Option("--all-samples", help="All samples of the VCF.", rich_help_panel=INPUTS)
]
BackgroundOption = Annotated[
    str | None,
    typer.Option(
        "--background",
        help="person, person-snps or reference. Default: person if there is a VCF.",
        rich_help_panel=INPUTS,
    ),
]
AllowUnusedOption = Annotated[
    bool,
    typer.Option(
        "--allow-unused",
        help="Go on where nothing of a person's file was used in any gene; such genes are NaN.",
        rich_help_panel=INPUTS,
    ),
]

# How a person's records become sequence.
ModeOption = Annotated[
    Literal["iupac", "alt", "ref", "haplotype1", "haplotype2", "haplotypes", "diploid"] | None,
    typer.Option(
        "--mode",
        help="How genotypes become sequence; haplotypes = both, averaged; diploid = both as one input, SNPs alone. "
        "Default: as the model was trained.",
        rich_help_panel=GENOTYPES,
    ),
]
GvcfOption = Annotated[
    bool,
    typer.Option(
        "--gvcf", help="The VCF is a gVCF: drop the symbolic allele, keep the call.", rich_help_panel=GENOTYPES
    ),
]
SnpsOnlyOption = Annotated[bool, typer.Option("--snps-only", help="Use only SNP records.", rich_help_panel=GENOTYPES)]
PassOnlyOption = Annotated[
    bool, typer.Option("--pass-only", help="Use only records with FILTER PASS.", rich_help_panel=GENOTYPES)
]
MinGqOption = Annotated[
    int | None, typer.Option("--min-gq", help="Lowest genotype quality (GQ) to use.", rich_help_panel=GENOTYPES)
]
MinDpOption = Annotated[
    int | None, typer.Option("--min-dp", help="Lowest depth (DP) to use.", rich_help_panel=GENOTYPES)
]
MinProbabilityOption = Annotated[
    float,
    typer.Option(
        "--min-probability",
        help="Lowest probability at which a genotype of a BGEN is called; others are missing.",
        rich_help_panel=GENOTYPES,
    ),
]
OnRefMismatchOption = Annotated[
    Literal["error", "skip-record"],
    typer.Option(
        "--on-ref-mismatch",
        help="What to do with a record whose REF is not in the FASTA.",
        rich_help_panel=GENOTYPES,
    ),
]
ZygosityOption = Annotated[
    list[str] | None,
    typer.Option(
        "--zygosity",
        help="het, hom, haplotype1, haplotype2; repeat. Default: het and hom.",
        rich_help_panel=GENOTYPES,
    ),
]
# What `edit` and `counterfactual` set a variant to whose row does not say.
GENOTYPE = "hom"
GenotypeOption = Annotated[
    str,
    typer.Option(
        "--genotype",
        help="Of edits whose row does not say: hom, het, haplotype1, haplotype2, absent (as the reference), or 0|1 ...",
        rich_help_panel=INPUTS,
    ),
]

PeopleVcfOption = Annotated[
    list[str], typer.Option("--vcf", help=f"Indexed VCF or BCF of the people; {FILES}.", rich_help_panel=INPUTS)
]
EditsOption = Annotated[
    Path,
    typer.Option(
        "--edits",
        parser=given_file,
        metavar="PATH",
        help="Variants to set together, maybe with a column `genotype`.",
        rich_help_panel=INPUTS,
    ),
]
GenesOption = Annotated[list[str], typer.Option("--gene", help="Symbol or Ensembl id; repeat.", rich_help_panel=INPUTS)]

# What is asked about.
GeneOption = Annotated[str, typer.Option("--gene", help="Symbol or Ensembl id.", rich_help_panel=INPUTS)]
GenesFileOption = Annotated[
    Path | None,
    typer.Option(
        "--genes-file",
        parser=given_file,
        metavar="PATH",
        help="Genes, one a line, or a table with gene_id or gene_name.",
        rich_help_panel=INPUTS,
    ),
]
TissueOption = Annotated[
    list[str] | None,
    typer.Option(
        "--tissue", help="Released name, GTEx name or ontology id; repeat. Default: all.", rich_help_panel=INPUTS
    ),
]

# What is written.
TableOption = Annotated[
    Path,
    typer.Option(
        "--output",
        "-o",
        parser=written_file,
        metavar="PATH",
        help="Table: .parquet, .tsv or .csv; - = stdout.",
        rich_help_panel=OUTPUT,
    ),
]
EmbeddingsOption = Annotated[
    Path | None,
    typer.Option(
        "--embeddings",
        parser=written_file,
        metavar="PATH",
        help="Also write the embeddings, safetensors, in the table's row order.",
        rich_help_panel=OUTPUT,
    ),
]
EmbeddingStoreOption = Annotated[
    str | None,
    typer.Option(
        "--embedding-store",
        metavar="DIR",
        help="Also write a store of the embeddings: a file a gene, of all people and tissues. It is kept, and the same "
        "command goes on from it.",
        rich_help_panel=OUTPUT,
    ),
]
OverwriteOption = Annotated[bool, typer.Option("--overwrite", help=OVERWRITE, rich_help_panel=OUTPUT)]

# Of forests of a disease.
ForestsArgument = Annotated[
    Path, typer.Argument(metavar="FORESTS", help="Folder of `risk train`, or of `artifacts forests`.")
]
ForestsPrecisionOption = Annotated[
    Precision | None,
    typer.Option(
        "--precision", help="In which embeddings are made. Default: that of the forests.", rich_help_panel=MACHINE
    ),
]
