"""``variantformer map``: embeddings of genes, tissues and people as a map."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from .options import (
    INPUTS,
    OUTPUT,
    GenesFileOption,
    OverwriteOption,
    SamplesFileOption,
    TableOption,
    TissueOption,
    given_file,
    written_file,
)
from .outputs import claim
from .progress import progress
from .settings import asked_samples


def map_embeddings(
    store: Annotated[str, typer.Argument(help="Folder that `variantformer predict --embedding-store` has written.")],
    output: TableOption,
    sample: Annotated[
        list[str] | None, typer.Option(help="Sample of the store; repeat. Default: all.", rich_help_panel=INPUTS)
    ] = None,
    samples_file: SamplesFileOption = None,
    gene: Annotated[
        list[str] | None, typer.Option(help="Symbol or Ensembl id; repeat. Default: all.", rich_help_panel=INPUTS)
    ] = None,
    genes_file: GenesFileOption = None,
    tissue: TissueOption = None,
    genes: Annotated[
        Path | None,
        typer.Option(
            parser=given_file,
            metavar="PATH",
            help="Genes with their gene_type: a GTF, GFF3, CSV, or a model folder's genes.parquet.",
            rich_help_panel=INPUTS,
        ),
    ] = None,
    table: Annotated[
        Path | None,
        typer.Option(
            parser=given_file,
            metavar="PATH",
            help="What else is known of genes, tissues or samples: columns to colour by, labels.",
            rich_help_panel=INPUTS,
        ),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="Groups that are known: make clusters, and compare. A column of --table, gene_type, tissue, sample.",
            rich_help_panel=INPUTS,
        ),
    ] = None,
    resolution: Annotated[
        float, typer.Option(help="Of the clusters: more gives more of them.", rich_help_panel=INPUTS)
    ] = 1.0,
    drift_from: Annotated[
        str | None,
        typer.Option(
            metavar="SAMPLE", help="How far each gene and tissue is from this person's.", rich_help_panel=INPUTS
        ),
    ] = None,
    drift_store: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="The store of that person, where it is another.", rich_help_panel=INPUTS),
    ] = None,
    umap: Annotated[bool, typer.Option(help="UMAP, or principal components alone.", rich_help_panel=INPUTS)] = True,
    seed: Annotated[int, typer.Option(help="Of all that is drawn.", rich_help_panel=INPUTS)] = 0,
    neighbours: Annotated[
        int,
        typer.Option(
            help="Also write so many nearest genes of each gene, of a person and tissue.", rich_help_panel=OUTPUT
        ),
    ] = 0,
    plot: Annotated[
        Path | None,
        typer.Option(
            parser=written_file,
            metavar="PATH",
            help="Figure of the joint map (.png, .svg, .pdf); of each tissue beside it.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    colour: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN",
            help="Of the figure: tissue, gene_type, expression, sample, cluster, drift, a column of --table; repeat.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    h5ad: Annotated[
        Path | None,
        typer.Option(
            parser=written_file, metavar="PATH", help="AnnData with embeddings and coordinates.", rich_help_panel=OUTPUT
        ),
    ] = None,
    overwrite: OverwriteOption = False,
) -> None:
    """Map embeddings of a store: principal components, UMAP, nearest genes, clusters, and how far people drift.

    OUTPUT has a row a sample, gene and tissue with its coordinates, in the map of all and in that of its tissue alone.
    OUTPUT.scores.tsv has silhouettes, and with --labels how clusters and labels agree; OUTPUT.report.json what was left
    out.
    """
    from ..report.tables import check_format, write_json, write_table

    check_format(output, "tidy")
    out = claim(output, overwrite=overwrite, stdout=True)
    scores_path, report_path = out.beside("scores.tsv"), out.beside("report.json")
    neighbours_path = out.beside("neighbours.parquet") if neighbours else None
    tissues_plot = None if plot is None else plot.with_name(f"{plot.stem}.tissues{plot.suffix}")
    out.add([scores_path, report_path, neighbours_path, plot, tissues_plot, h5ad])

    from ..applications.maps.clusters import check_igraph
    from ..applications.maps.coordinates import INSTALL_UMAP, MOST_SEED, has_umap
    from ..applications.maps.embedding_map import OF_TISSUE, MapOptions, embedding_map, package_versions
    from ..applications.maps.map_columns import colour_columns, point_columns
    from ..applications.maps.pairs import nearest_genes
    from ..applications.maps.points import store_points
    from ..errors import InputError, check_number
    from ..genome.gene_lists import read_gene_names
    from ..genome.genes import GeneTable
    from ..inference.embedding_store import EmbeddingStore
    from ..report.map_files import joint_map_plot, tissue_maps_plot, write_map_data
    from ..report.plots import check_plot

    check_number("--neighbours", neighbours, 0)
    check_number("--resolution", resolution, 0)
    check_number("--seed", seed, 0, MOST_SEED)
    if drift_store is not None and drift_from is None:
        raise InputError("--drift-store says where, and not who", remedy="Name the person with --drift-from.")
    if plot is not None:
        check_plot(plot)
    if h5ad is not None:
        check_format(h5ad, "h5ad")
    if labels is not None:
        check_igraph()

    opened = EmbeddingStore.open(store)
    asked: dict[str, Any] = {
        "genes": [*(gene or []), *(read_gene_names(genes_file) if genes_file else [])] if gene or genes_file else None,
        "tissues": tissue,
    }
    points = store_points(opened, samples=asked_samples(sample, samples_file), **asked)
    other = None
    if drift_from is not None:
        of_other = opened if drift_store is None else EmbeddingStore.open(drift_store)
        other = store_points(of_other, samples=[drift_from], **asked)
    columns, counts = point_columns(
        points, genes=None if genes is None else GeneTable.read(genes), attributes=table, other=other
    )
    colours = colour_columns(columns, points.unit, colour, has_clusters=labels is not None)
    # Seconds of imports: after all that can be refused.
    has_package = not umap or has_umap()
    if not has_package:
        typer.echo(f"umap-learn is not installed: the map is of principal components. {INSTALL_UMAP}", err=True)
    near = nearest_genes(points, neighbours) if neighbours else None
    options = MapOptions(umap=umap and has_package, labels=labels, resolution=resolution, seed=seed)
    with progress("mapping", "maps") as on_map:
        found = embedding_map(points, columns, options, on_map)

    described = {**opened.metadata, "map": asdict(options)}
    if drift_from is not None:
        described["drift"] = {"from": drift_from, "store": store if drift_store is None else drift_store}
    people = points.table["sample"].nunique()
    report = {
        **described,
        "points": len(columns),
        "left_out": points.left_out,
        **counts,
        "maps": found.maps,
        "packages": package_versions(options),
    }
    written = [
        write_table(found.table, out.path, described),
        write_table(found.scores, scores_path, described),
        write_json(report, report_path),
    ]
    if near is not None and neighbours_path is not None:
        written.append(write_table(near, neighbours_path, described))
    if plot is not None and tissues_plot is not None:
        whose = f"sample {points.table['sample'].iloc[0]}" if people == 1 else f"{people:,} samples"
        title = f"{described['model']['name']}, {whose}"
        written.append(joint_map_plot(found, colours, plot, title=title))
        if found.names(f"{OF_TISSUE}pc"):
            by = next((name for name in colours if name != "tissue"), "tissue")
            written.append(tissue_maps_plot(found, by, colours.get(by, by), tissues_plot, title=title))
        elif points.table["tissue"].nunique() > 1:
            typer.echo(f"{tissues_plot} is not written: no tissue has a map of its own, see the report", err=True)
    if h5ad is not None:
        written.append(write_map_data(found, points, h5ad, described, report))
    left_out = ", ".join(f"{count:,} {status}" for status, count in sorted(points.left_out.items()))
    typer.echo(
        f"{len(columns):,} points of {people:,} sample(s), {points.table['gene_id'].nunique():,} gene(s), "
        f"{points.table['tissue'].nunique()} tissue(s); without an embedding: {left_out or 'none'}",
        err=True,
    )
    out.deliver(written)
