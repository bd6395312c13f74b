"""``variantformer artifacts``: what else was released, in formats that are data only."""

from pathlib import Path
from typing import Annotated

import typer

artifacts = typer.Typer(
    help="Convert what else was released: lists of cCREs, genomes, forests, frequencies.", no_args_is_help=True
)
Source = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the released files.")]


@artifacts.command()
def cres(
    source: Source,
    output: Annotated[Path, typer.Option("--output", "-o", help="The table of elements, .parquet.")],
    bed: Annotated[Path | None, typer.Option(help="The BED that the lists were made of, to compare.")] = None,
) -> None:
    """Each gene's list of cCREs becomes one table; OUTPUT.differences.tsv says where lists differ from overlap."""
    from ..conversion.cre_maps import read_cre_maps
    from .progress import progress

    with progress("reading", "genes") as step:
        maps = read_cre_maps(source, bed, on_gene=step)
    maps.cres.save(output)
    report = output.with_name(f"{output.name}.differences.tsv")
    maps.differences.to_csv(report, sep="\t", index=False)
    typer.echo(f"{len(maps.cres):,} elements of {len(maps.differences):,} genes", err=True)
    if bed is not None:
        differ = (maps.differences[["only_in_map", "only_by_overlap"]].sum(axis=1) > 0).sum()
        typer.echo(f"{differ:,} genes differ from plain overlap", err=True)
    typer.echo(f"{output}\n{report}")


@artifacts.command()
def populations(
    source: Source, output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the two tables.")]
) -> None:
    """Sequences of the reference and five people, in pickles and .npz, become Parquet; nothing in them is run."""
    from ..conversion.population_genomes import convert_population_genomes
    from .progress import progress

    with progress("reading", "files") as step:
        rows = convert_population_genomes(source, output, on_file=step)
    for name, count in rows.items():
        typer.echo(f"{count:,} rows", err=True)
        typer.echo(str(output / name))


@artifacts.command()
def forests(
    source: Source, output: Annotated[Path, typer.Option("--output", "-o", help="Folder for a file a gene.")]
) -> None:
    """Random forests of disease risk, in treelite's format, become arrays in safetensors; predictions are compared."""
    from ..conversion.risk_forests import convert_forests
    from .progress import progress

    with progress("converting", "genes") as step:
        found = convert_forests(source, output, on_gene=step)
    typer.echo(f"{sum(found.values()):,} forests of {len(found):,} genes, each equal to treelite's", err=True)
    typer.echo(str(output))


@artifacts.command()
def frequencies(
    source: Source, output: Annotated[Path, typer.Option("--output", "-o", help="The table, .parquet.")]
) -> None:
    """Allele frequencies of the 1000 Genomes, a table a contig, become one table for `effects --af-table`."""
    from ..conversion.allele_frequencies import convert_frequencies
    from .progress import progress

    with progress("reading", "tables") as step:
        rows = convert_frequencies(source, output, on_file=step)
    typer.echo(f"{sum(rows.values()):,} variants of {len(rows)} contigs", err=True)
    typer.echo(str(output))
