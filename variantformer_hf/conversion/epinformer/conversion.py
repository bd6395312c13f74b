"""EPInformer's checkpoints of training -> folders for ``EPInformerModel``."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import torch

from ...errors import InputError
from ...folder import ELEMENTS_FILE, GENE_FEATURES_FILE, GENES_FILE
from ...genome.genes import GeneTable
from ...modeling import EPInformerConfig, EPInformerModel
from ...zoo.companions import write_companions
from ...zoo.epinformer.element_files import read_elements
from ...zoo.epinformer.gene_features import read_gene_features
from ...zoo.epinformer.gene_model import TABLES, save_processor
from ..model_cards import card_of_copy
from ..model_folder import new_folder
from ..planned import ConversionRequest, PlannedConversion
from ..published_config import config_of
from ..published_model import write_published
from ..published_request import PublishedFiles, published_files
from ..published_tensors import PublishedTensors
from ..summary import ConversionSummary
from .names import parameter_name, sizes, unused_names

_ANCHOR, _PREFIXES = "seq_encoder.stem_conv.0.weight", ("", "module.")
_ENTRY = "model_state_dict"
_TABLES, _EMBEDDINGS = ("genes", "elements", "gene_features"), "gene_embeddings"


def planned_conversions(request: ConversionRequest) -> list[PlannedConversion]:
    """Plan the conversion of a checkpoint, whose tensors say all sizes but the number of heads, which is 4.

    With genes, their elements and features the folder predicts people's genes; without any it is the network alone.

    Raises:
        InputError: files or names are missing, or named in vain.
    """
    request.check_used("epinformer", ("checkpoint", *_TABLES, _EMBEDDINGS), ("tissue",))
    files = published_files(request, "epinformer", needs_config=False)
    tissues = tuple(request.options.get("tissue", ()))
    if len(tissues) != 1:
        raise InputError(
            f"EPInformer has one output, the expression of one cell line, and --tissue names {len(tissues)}",
            remedy="Name it, such as --tissue K562.",
        )
    given = {name: request.files[name] for name in (*_TABLES, _EMBEDDINGS) if name in request.files}
    missing = [f"--{name.replace('_', '-')}" for name in _TABLES if name not in given]
    if given and missing:
        raise InputError(
            f"genes, their elements and their features are needed together, and {', '.join(missing)} is missing",
            remedy="Give all of them, or none: then the folder is a network that predicts no genes.",
        )
    return [PlannedConversion(files.output, partial(_convert, files, tissues[0], given))]


def _convert(
    files: PublishedFiles, tissue: str, tables: Mapping[str, Path], dtype: torch.dtype | None
) -> ConversionSummary:
    source = PublishedTensors.read_alone(files.checkpoint, _ENTRY).below(_ANCHOR, _PREFIXES)
    source = source.without(unused_names(source), "maps of layers that no number goes through")
    config = config_of(EPInformerConfig, {**sizes(source), "tissues": [tissue]}, files.checkpoint)
    with new_folder(files.output) as folder:
        summary = write_published(folder, files.output, EPInformerModel, config, source, parameter_name, dtype)
        save_processor(folder, config)
        facts = [
            f"Of an element: {', '.join(config.element_features)}; of a gene: {', '.join(config.gene_features or ())}",
            f"Width of a gene's embedding: {config.embedding_size}; output: {tissue}",
            *_written_tables(folder, config, tables),
        ]
        (folder / "README.md").write_text(card_of_copy("epinformer", summary, facts), encoding="utf-8")
    return summary


def _written_tables(folder: Path, config: EPInformerConfig, tables: Mapping[str, Path]) -> list[str]:
    """Write what was given beside the weights into their folder, with the hashes of all.

    Returns:
        Facts for the folder's card.

    Raises:
        InputError: a file cannot be read, or is not of this network.
    """
    if not tables:
        return ["Genes: none; it predicts no people's genes"]
    genes = GeneTable.read(tables["genes"])
    read = read_elements(tables["elements"], genes, most=config.num_enhancers, furthest=config.max_distance)
    features = read_gene_features(tables["gene_features"], genes, config.gene_features or ())
    if _EMBEDDINGS in tables:
        features = features.with_embeddings(tables[_EMBEDDINGS])
    read.table.check(genes, config, tables["elements"])
    features.check(genes, config.gene_features or (), config.embedding_size)
    genes.save(folder / GENES_FILE)
    read.table.save(folder / ELEMENTS_FILE)
    features.save(folder / GENE_FEATURES_FILE)
    write_companions(folder, TABLES)
    left_out = ", ".join(f"{count:,} {why}" for why, count in read.left_out.items())
    return [
        f"Genes: {len(genes):,} of `{tables['genes'].name}`",
        f"Elements: {len(read.table):,} of `{tables['elements'].name}`{f'; left out: {left_out}' if left_out else ''}",
    ]
