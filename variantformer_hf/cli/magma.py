"""``variantformer magma``: genes that a model tells cases and controls apart by, against those of a GWAS."""

from pathlib import Path
from typing import Annotated

import typer

from .options import OverwriteOption, TableOption, given_file
from .outputs import claim, closing

magma = typer.Typer(
    help="Genes that vary among cases and controls, against those of a GWAS (MAGMA). Research use only.",
    no_args_is_help=True,
)
GeneResultsOption = Annotated[
    Path,
    typer.Option("--gene-results", parser=given_file, metavar="PATH", help="MAGMA's gene analysis: .genes.raw."),
]


@magma.callback()
def _magma() -> None:
    """Genes that vary among cases and controls, against those of a GWAS. Research use only."""


@magma.command()
@closing
def test(
    gene_results: GeneResultsOption,
    gene_covar: Annotated[
        Path,
        typer.Option(parser=given_file, metavar="PATH", help="Numbers of genes, such as `magma scores` writes."),
    ],
    output: TableOption,
    truncate: Annotated[
        bool, typer.Option("--truncate", help="Clip Z at -3 and mean + 6 SD, other numbers at 5 SD.")
    ] = False,
    as_magma: Annotated[
        bool, typer.Option("--as-magma", help="In all steps as MAGMA's own source does it; clips too.")
    ] = False,
    with_magma: Annotated[
        bool, typer.Option("--with-magma", help="Run magma too, and show its numbers beside.")
    ] = False,
    overwrite: OverwriteOption = False,
) -> None:
    """Are genes with a higher number more associated with a disease? MAGMA's gene-property analysis.

    A row for each column of --gene-covar: generalised least squares of the GWAS's Z scores, beside gene size, density
    and the like, with the correlations of neighbouring genes; one-sided p, and Bonferroni's over columns.
    OUTPUT.report.json has the counts.
    """
    from ..report.tables import check_format, write_json, write_table

    check_format(output, "tidy")
    out = claim(output, overwrite=overwrite, stdout=True)
    report, of_magma = out.beside("report.json"), out.beside("gsa.out")
    out.add([report, of_magma if with_magma else None])

    from ..applications.magma import RESEARCH_USE
    from ..applications.magma.gene_properties import read_gene_properties
    from ..applications.magma.gene_statistics import read_gene_statistics
    from ..applications.magma.magma_program import beside_magma, find_magma, magma_test
    from ..applications.magma.regression import gene_property_test
    from ..files import whole_file

    program = find_magma() if with_magma else None
    statistics, properties = read_gene_statistics(gene_results), read_gene_properties(gene_covar)
    found = gene_property_test(statistics, properties, truncate=truncate, as_magma=as_magma)
    table, further = found.table, []
    if program is not None:
        said = magma_test(program, gene_results, properties, found)
        table = beside_magma(table, said)
        with whole_file(of_magma) as partial:
            partial.write_text(said)
        further = [of_magma]
    described = {"truncate": truncate or as_magma, "as_magma": as_magma, "use": RESEARCH_USE}
    written = [write_table(table, out.path, described), write_json({**described, "counts": found.counts}, report)]
    counts = found.counts
    typer.echo(f"{counts['genes_tested']:,} genes, {counts['properties_tested']} of {len(table)} columns", err=True)
    if counts["genes_with_a_missing_number"]:
        typer.echo(f"{counts['genes_with_a_missing_number']:,} genes with a missing number are left out", err=True)
    if counts["blocks_not_positive_definite"]:
        typer.echo(
            f"{counts['blocks_not_positive_definite']} of {counts['blocks']} blocks of correlations are not positive "
            f"definite: {counts['components_left_out']} components of them are left out",
            err=True,
        )
    out.deliver([*written, *further])
