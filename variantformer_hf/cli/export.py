"""``variantformer export``: a part of a dataset in, a table out."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from .options import INPUTS, OUTPUT, GenesFileOption, OverwriteOption, SamplesFileOption, TissueOption, written_file
from .outputs import claim
from .settings import asked_samples


def export(
    dataset: Annotated[str, typer.Argument(help="Folder that `variantformer predict -o FOLDER/` has written.")],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            parser=written_file,
            metavar="PATH",
            help="Table: .parquet, .csv, .tsv (.h5ad, .txt); - = stdout.",
            rich_help_panel=OUTPUT,
        ),
    ],
    gene: Annotated[
        list[str] | None, typer.Option(help="Symbol or Ensembl id; repeat. Default: all.", rich_help_panel=INPUTS)
    ] = None,
    genes_file: GenesFileOption = None,
    tissue: TissueOption = None,
    sample: Annotated[
        list[str] | None, typer.Option(help="Sample; repeat. Default: all.", rich_help_panel=INPUTS)
    ] = None,
    samples_file: SamplesFileOption = None,
    layout: Annotated[
        Literal["tidy", "wide", "h5ad", "predixcan"],
        typer.Option("--format", help="Layout of the output.", rich_help_panel=OUTPUT),
    ] = "tidy",
    overwrite: OverwriteOption = False,
) -> None:
    """Make a table of a part of a dataset, in any layout of `predict`.

    Only the files that hold what is asked for are read, one after the other. Of a store of embeddings (`predict
    --embedding-store`) the format h5ad has the embeddings, of one gene or of one sample; all others its predictions.
    """
    from ..report.tables import check_format, output_paths

    check_format(output, layout)
    out = claim(output, overwrite=overwrite, stdout=True)

    from ..genome.gene_lists import read_gene_names
    from ..inference.dataset import PredictionDataset
    from ..inference.embedding_store import EmbeddingStore
    from ..report.embedding_files import write_embedding_data
    from ..report.tables import write_predictions

    found = PredictionDataset(dataset)
    part = found.part(
        genes=[*(gene or []), *(read_gene_names(genes_file) if genes_file else [])] if gene or genes_file else None,
        samples=asked_samples(sample, samples_file, all_samples=False),
        tissues=tissue,
        layout=layout,
    )
    if layout == "predixcan":
        out.add(output_paths(out.path, layout, list(part.tissues)))
    if layout == "h5ad" and found.layout == "embeddings":
        written = [write_embedding_data(EmbeddingStore(dataset), part, out.path, found.metadata)]
    else:
        written = write_predictions(part.table(), part.gene_table(), out.path, layout, found.metadata, part.unit)
    people, genes, tissues = part.predictions.values.shape
    typer.echo(f"{people:,} sample(s) x {genes:,} gene(s) x {tissues} tissue(s)", err=True)
    out.deliver(written)
