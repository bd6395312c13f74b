"""``variantformer magma``: genes that a model tells cases and controls apart by, against those of a GWAS."""

from pathlib import Path
from typing import Annotated

import typer

from ..errors import InputError
from .options import OverwriteOption, TableOption, given_file, written_file
from .outputs import claim, closing
from .progress import progress

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
def scores(
    embedding_store: Annotated[
        str, typer.Option(metavar="DIR", help="Embeddings of people: `predict --embedding-store DIR`.")
    ],
    labels: Annotated[
        Path, typer.Option(parser=given_file, metavar="PATH", help="Table: donor, label (1 = case, 0 = control).")
    ],
    gene_results: GeneResultsOption,
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", parser=written_file, metavar="PATH", help="MAGMA's gene covariates: .tsv, .txt."
        ),
    ],
    gene_map: Annotated[
        Path | None,
        typer.Option(
            parser=given_file, metavar="PATH", help="For a GWAS with Entrez ids: table with tabs, gene_id, entrez_id."
        ),
    ] = None,
    overwrite: OverwriteOption = False,
) -> None:
    """How far people lie from the controls in each gene's embeddings: a column a tissue, the input of `magma test`.

    Genes are read one after the other. They get the ids of --gene-results; those that it has not are counted.
    OUTPUT.report.json has the counts, and the tissue of each column.
    """
    from ..report.tables import write_json, write_table

    if not output.name.endswith((".tsv", ".txt")):
        raise InputError("MAGMA does not read such a file", file=output, remedy="End the name in .tsv or .txt.")
    out = claim(output, overwrite=overwrite)
    report = out.beside("report.json")
    out.add([report])

    from ..applications.magma import RESEARCH_USE
    from ..applications.magma.gene_ids import match_genes, read_gene_map
    from ..applications.magma.gene_statistics import read_gene_statistics
    from ..applications.magma.separability import separability_scores
    from ..applications.risk.labels import read_labels
    from ..inference.embedding_store import EmbeddingStore

    of_people, statistics = read_labels(labels), read_gene_statistics(gene_results)
    store = EmbeddingStore(embedding_store)
    match = match_genes(store.genes, statistics.genes, None if gene_map is None else read_gene_map(gene_map))
    with progress("reading", "genes") as on_gene:
        found = separability_scores(store, of_people, statistics, match, on_gene)
    counts = found.counts
    described = {"use": RESEARCH_USE, "model": store.model, "precision": store.precision}
    described |= {"counts": counts, "columns": found.columns}
    written = [write_table(found.table, out.path, {}), write_json(described, report)]
    typer.echo(f"{counts['controls']} controls, {counts['cases']} cases", err=True)
    typer.echo(f"{counts['genes_matched']:,} of {counts['genes_of_the_store']:,} genes are in the GWAS", err=True)
    if counts["genes_that_match_several"]:
        typer.echo(f"{counts['genes_that_match_several']:,} genes that match several are left out", err=True)
    if counts["scores_missing"] or counts["scores_constant"]:
        typer.echo(
            f"NA: {counts['scores_missing']:,} scores of genes that somebody has no embedding of, "
            f"{counts['scores_constant']:,} of genes that are alike in all",
            err=True,
        )
    out.deliver(written)


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
