"""``variantformer artifacts``: what else was released, in formats that are data only."""

from pathlib import Path
from typing import Annotated

import typer

from .options import written_file
from .outputs import claim, claim_folder, closing

artifacts = typer.Typer(
    help="Convert what else was released: lists of cCREs, genomes, forests, frequencies.", no_args_is_help=True
)
_KEPT = "Whole files are kept: the same command goes on."
Source = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the released files.")]


@artifacts.command()
@closing
def cres(
    source: Source,
    output: Annotated[
        Path, typer.Option("--output", "-o", parser=written_file, metavar="PATH", help="The table of cCREs, .parquet.")
    ],
    bed: Annotated[Path | None, typer.Option(help="The BED that the lists were made of, to compare.")] = None,
) -> None:
    """Each gene's list of cCREs becomes one table; OUTPUT.differences.tsv says where lists differ from overlap."""
    out = claim(output, overwrite=True)
    report = out.beside("differences.tsv")
    out.add([report])

    from ..conversion.cre_maps import read_cre_maps
    from ..report.tables import write_table
    from .progress import progress

    with progress("reading", "genes") as step:
        maps = read_cre_maps(source, bed, on_gene=step)
    maps.cres.save(out.path)
    write_table(maps.differences, report, {})
    typer.echo(f"{len(maps.cres):,} cCREs of {len(maps.differences):,} genes", err=True)
    if bed is not None:
        differ = (maps.differences[["only_in_map", "only_by_overlap"]].sum(axis=1) > 0).sum()
        typer.echo(f"{differ:,} genes differ from plain overlap", err=True)
    out.deliver([out.path, report])


@artifacts.command()
@closing
def populations(
    source: Source, output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the two tables.")]
) -> None:
    """Sequences of the reference and five people, in pickles and .npz, become Parquet; nothing in them is run."""
    claim_folder(output, kept=lambda: _KEPT)

    from ..conversion.population_genomes import convert_population_genomes
    from .progress import progress

    with progress("reading", "files") as step:
        rows = convert_population_genomes(source, output, on_file=step)
    for name, count in rows.items():
        typer.echo(f"{count:,} rows", err=True)
        typer.echo(str(output / name))


@artifacts.command()
@closing
def forests(
    source: Source, output: Annotated[Path, typer.Option("--output", "-o", help="Folder for a file a gene.")]
) -> None:
    """Random forests of disease risk, in treelite's format, become arrays in safetensors; predictions are compared."""
    claim_folder(output, kept=lambda: _KEPT)

    from ..conversion.risk_forests import convert_forests
    from .progress import progress

    with progress("converting", "genes") as step:
        found = convert_forests(source, output, on_gene=step)
    typer.echo(f"{sum(found.values()):,} forests of {len(found):,} genes, each equal to treelite's", err=True)
    typer.echo(str(output))


@artifacts.command()
@closing
def frequencies(
    source: Source,
    output: Annotated[
        Path, typer.Option("--output", "-o", parser=written_file, metavar="PATH", help="The table, .parquet.")
    ],
) -> None:
    """Allele frequencies of the 1000 Genomes, a table a contig, become one table for `effects --af-table`."""
    out = claim(output, overwrite=True)

    from ..conversion.allele_frequencies import convert_frequencies
    from .progress import progress

    with progress("reading", "tables") as step:
        rows = convert_frequencies(source, out.path, on_file=step)
    typer.echo(f"{sum(rows.values()):,} variants of {len(rows)} contigs", err=True)
    out.deliver([out.path])
