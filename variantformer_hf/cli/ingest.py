"""``variantformer ingest``: a VCF is read once, so that its people are read fast."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import AddressOption, EngineOption, MinProbabilityOption, SamplesFileOption, given_file
from .outputs import say_what_is_kept
from .progress import progress
from .settings import asked_samples, chosen_engine

if TYPE_CHECKING:
    from ..genome.cohort_rows import Reading
    from ..work.units import Engine

# Below it a process reads the files before another one has started.
_BYTES_FOR_PROCESSES = 64 << 20


def ingest(
    vcf: Annotated[
        list[str],
        typer.Argument(
            help="Indexed VCF or BCF, PGEN, BED, BGEN or VCF-Zarr, of one person or a cohort; several, or a pattern, "
            "for a store each."
        ),
    ],
    fasta: Annotated[
        Path | None,
        typer.Option(
            "--fasta",
            parser=given_file,
            metavar="PATH",
            help="Reference genome, which a BED's alleles are set against.",
        ),
    ] = None,
    sample: Annotated[
        list[str] | None, typer.Option("--sample", help="Whose genotypes to keep; repeat. Default: everybody's.")
    ] = None,
    samples_file: SamplesFileOption = None,
    min_probability: MinProbabilityOption = 0.9,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, help="Processes, a contig each at a time; all cores by default.")
    ] = None,
    engine: EngineOption = "process",
    address: AddressOption = None,
    append_to: Annotated[
        str | None,
        typer.Option(
            "--append-to", help="File with a store, or a pattern: these people are found by its name, too, from now on."
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Make the store anew if there is one.")] = False,
) -> None:
    """Keep a cohort's genotypes in columns, by person; `predict` finds them by itself.

    For a cohort this turns minutes a gene into milliseconds. The store is used as long as the file does not change, and
    not with --min-gq or --min-dp, which it does not hold, nor with another --min-probability. It lies in
    $VARIANTFORMER_CACHE (~/.cache/variantformer-hf). With --sample or --samples-file it holds these people and those
    that it held before; others are read from the file. One that is there already is looked through for damage, and made
    anew where there is some. A run that was stopped goes on: contigs that are done are kept. With
    --append-to the people of further files are found by the name of a cohort that has a store, which is not read again.
    """
    import pysam

    from ..genome.appending import append_people, check_can_append
    from ..genome.cohort_files import CohortFiles
    from ..genome.cohort_rows import Reading
    from ..genome.format_notes import counted
    from ..genome.reference import ReferenceGenome
    from ..genome.store_layout import default_store, read_description
    from ..genome.variant_files import genotype_source
    from ..genome.variant_ingest import build_stores, plan_store

    pysam.set_verbosity(0)
    source = genotype_source(vcf)
    cohort = None if append_to is None else genotype_source(append_to)
    if cohort is not None:
        check_can_append(cohort, source)
    reading = Reading(None if fasta is None else ReferenceGenome(fasta), min_probability)
    given = source.paths if isinstance(source, CohortFiles) else [source]
    paths = [path if isinstance(path, Path) else Path(path) for path in given]
    asked = asked_samples(sample, samples_file)
    plans = []
    for path in paths:
        samples = asked if asked is None or overwrite else [*asked, *_kept(path, reading, asked)]
        if not _is_there(path, reading, samples, overwrite=overwrite):
            plans.append(plan_store(path, reading=reading, samples=samples))
    if plans:
        say_what_is_kept(lambda: "Contigs that are done are kept: the same command goes on.")
        size = sum(plan.description["source"]["size"] for plan in plans)  # of a folder, too
        with progress("reading", "contigs") as on_contig:
            n_contigs = sum(len(plan.contigs) for plan in plans)
            is_here = engine == "process" and address is None
            units_on = (
                _engine(workers, size, n_contigs) if is_here else chosen_engine(engine, address, workers, device="cpu")
            )
            build_stores(plans, engine=units_on, on_contig=on_contig)
    if cohort is not None:
        append_people(cohort, source)
    for path in paths:
        folder = default_store(path)
        made_of = read_description(folder)["format"]
        for said in [] if made_of is None else counted(made_of):
            typer.echo(said, err=True)
        size = sum(file.stat().st_size for file in folder.iterdir())
        typer.echo(f"{size / 1e6:,.1f} MB", err=True)
        typer.echo(str(folder))


def _kept(vcf: Path, reading: "Reading", asked: Sequence[str]) -> list[str]:
    """Who else is in the store of some people of a file, and stays there."""
    from ..genome.cohort_source import read_by
    from ..genome.store_layout import default_store, is_current, read_description

    folder = default_store(vcf)
    if not is_current(vcf, folder, read_by(vcf, reading), ()):
        return []
    return [name for name in read_description(folder)["samples"] if name not in set(asked)]


def _is_there(vcf: Path, reading: "Reading", samples: Sequence[str] | None, *, overwrite: bool) -> bool:
    """Whether a store needs not be made."""
    from ..genome.cohort_source import read_by
    from ..genome.store_layout import default_store, is_current
    from ..genome.variant_store import damage_in

    folder = default_store(vcf)
    if overwrite or not folder.is_dir() or not is_current(vcf, folder, read_by(vcf, reading), samples):
        return False
    damage = damage_in(folder)
    said = "the store is there already, and whole" if damage is None else f"{damage}; the store is made anew"
    typer.echo(said, err=True)
    return damage is None


def _engine(workers: int | None, size: int, n_contigs: int) -> "Engine":
    """Where contigs are read.

    Args:
        workers: processes, if it was said.
        size: bytes of all files.
        n_contigs: of all files.
    """
    from ..work import InProcess, Processes

    if workers is None:
        workers = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        workers = workers if size >= _BYTES_FOR_PROCESSES else 1
    workers = min(workers, n_contigs)
    return Processes(workers) if workers > 1 else InProcess()
