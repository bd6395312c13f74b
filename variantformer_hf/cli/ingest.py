"""``variantformer ingest``: a VCF is read once, so that its people are read fast."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import MinProbabilityOption
from .outputs import say_what_is_kept
from .progress import progress

if TYPE_CHECKING:
    from ..genome.cohort_rows import Reading


def ingest(
    vcf: Annotated[
        list[Path],
        typer.Argument(
            help="Indexed VCF or BCF, PGEN, BED, BGEN or VCF-Zarr, of one person or a cohort; several, or a pattern, "
            "for a store each."
        ),
    ],
    fasta: Annotated[
        Path | None, typer.Option("--fasta", help="Reference genome, which a BED's alleles are set against.")
    ] = None,
    min_probability: MinProbabilityOption = 0.9,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Make the store anew if there is one.")] = False,
) -> None:
    """Keep a cohort's genotypes in columns, by person; `predict` finds them by itself.

    For a cohort this turns minutes a gene into milliseconds. The store is used as long as the file does not change, and
    not with --min-gq or --min-dp, which it does not hold, nor with another --min-probability. It lies in
    $VARIANTFORMER_CACHE (~/.cache/variantformer-hf). One that is there already is looked through for damage, and made
    anew where there is some.
    """
    import pysam

    from ..genome.cohort_files import CohortFiles
    from ..genome.cohort_rows import Reading
    from ..genome.reference import ReferenceGenome
    from ..genome.variant_files import genotype_source

    pysam.set_verbosity(0)
    source = genotype_source(vcf)
    reading = Reading(None if fasta is None else ReferenceGenome(fasta), min_probability)
    for path in source.paths if isinstance(source, CohortFiles) else [source]:
        _ingest_file(Path(path), reading, overwrite=overwrite)


def _ingest_file(vcf: Path, reading: "Reading", *, overwrite: bool) -> None:
    from ..genome.cohort_source import read_by
    from ..genome.store_layout import default_store, is_current
    from ..genome.variant_ingest import build_store
    from ..genome.variant_store import damage_in

    folder = default_store(vcf)
    is_there = folder.is_dir() and is_current(vcf, folder, read_by(vcf, reading)) and not overwrite
    damage = damage_in(folder) if is_there else None
    if damage is not None:
        typer.echo(f"{damage}; the store is made anew", err=True)
    if is_there and damage is None:
        typer.echo("the store is there already, and whole", err=True)
    else:
        say_what_is_kept(lambda: "Nothing is kept: the same command begins anew.")
        with progress("reading", "contigs") as on_contig:
            build_store(vcf, folder, on_contig=on_contig, reading=reading)
    size = sum(path.stat().st_size for path in folder.glob("*"))
    typer.echo(f"{size / 1e6:,.1f} MB", err=True)
    typer.echo(str(folder))
