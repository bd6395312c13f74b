"""UKBioFormer's and UKBioZoi's Lightning checkpoints -> folders for ``UkBioFormerForExpression``."""

import re
from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from ...errors import InputError
from ...modeling import (
    BorzoiConfig,
    EnformerConfig,
    UkBioFormerConfig,
    UkBioFormerForExpression,
    UkBioFormerProcessor,
)
from ...modeling.ukbioformer.configuration_ukbioformer import of_trunk
from ...zoo.model_files import model_file, model_identity
from ...zoo.named_network import seen_from
from ..borzoi import grelu as borzoi
from ..enformer import grelu as enformer
from ..expression_tables import FILES, OPTIONS, ExpressionTables, write_gene_table
from ..model_cards import card_of_copy
from ..model_folder import new_folder
from ..planned import ConversionRequest, PlannedConversion
from ..published_config import config_of, read_published_config
from ..published_model import write_published
from ..published_request import PublishedFiles, published_files
from ..published_tensors import PublishedTensors
from ..summary import ConversionSummary

_PREFIXES = ("model.", "")
# Tensors by which the trunk is told, without the prefix.
_ANCHORS = {
    "enformer": "embedding.conv_tower.blocks.0.0.weight",
    "borzoi": "embedding.conv_tower.blocks.0.conv.weight",
}
_GATE, _HEAD, _MLP = "raw_beta", "head.channel_transform.conv.layer.weight", "mlp.0.weight"
_HAPLOTYPES = 2


def planned_conversions(request: ConversionRequest) -> list[PlannedConversion]:
    """Plan the conversion of a checkpoint, whose tensors say all sizes and the trunk.

    Raises:
        InputError: files or names are missing, or named in vain.
    """
    request.check_used("ukbioformer", ("checkpoint", *FILES), (*OPTIONS, "embedding_model", "embedding_window"))
    files = published_files(request, "ukbioformer", needs_config=False)
    tables = ExpressionTables.of(request, "ukbioformer", trained=False)
    embedding_model = request.options.get("embedding_model")
    if embedding_model is None:
        raise InputError(
            "which UKBioBERT made the embeddings that it was trained with does not stand in the checkpoint",
            remedy="Give it by --embedding-model: its folder, or its Hub id.",
        )
    embedded = request.options.get("embedding_window")
    return [PlannedConversion(files.output, partial(_convert, files, tables, str(embedding_model), embedded))]


def parameter_name(published: str, *, of_trunk: Callable[[str], str]) -> str:
    """Name in UkBioFormerForExpression of a tensor of theirs, without the prefix.

    Args:
        published: its name there.
        of_trunk: names of the trunk's, with its head as ``heads.human``.

    Raises:
        KeyError: not a tensor of that layout.
    """
    if published == _GATE:
        return "gate"
    mlp = re.fullmatch(r"mlp\.(0|2)\.(weight|bias)", published)
    if mlp:
        return f"embedding_head.{mlp[1]}.{mlp[2]}"
    ours = of_trunk(published)
    return ours.replace("heads.human.", "dna_head.", 1)


def _convert(
    files: PublishedFiles,
    tables: ExpressionTables,
    embedding_model: str,
    embedded: int | None,
    dtype: torch.dtype | None,
) -> ConversionSummary:
    source, config, rename = _read(files, tables, embedded)
    identity = model_identity(embedding_model)
    _check_width(embedding_model, source)
    config.embedding_model, config.embedding_sha256 = seen_from(files.output, embedding_model), identity.sha256
    genes, _ = tables.read()
    with new_folder(files.output) as folder:
        summary = write_published(folder, files.output, UkBioFormerForExpression, config, source, rename, dtype)
        UkBioFormerProcessor(config.input_length, float(config.n_share)).save_pretrained(folder)
        write_gene_table(folder, genes)
        facts = [
            f"Trunk: {config.backbone}, layers: {config.n_transformers}; bases: {config.input_length:,}",
            f"Outputs: {', '.join(tables.tissues)}; genes: {len(genes):,} of `{tables.genes.name}`",
            f"Its UKBioBERT: `{embedding_model}`, SHA-256 of the weights `{identity.sha256}`",
        ]
        (folder / "README.md").write_text(card_of_copy("ukbioformer", summary, facts), encoding="utf-8")
    return summary


def _check_width(embedding_model: str, source: PublishedTensors) -> None:
    """Refuse a UKBioBERT whose vectors, one a haplotype, are not what the network reads.

    Raises:
        InputError: it is so; both widths are named.
    """
    path = model_file(embedding_model, "config.json")
    width = _HAPLOTYPES * read_published_config(path, ("hidden_size",))["hidden_size"]
    wanted = source.shape(_MLP, 2)[1]
    if width != wanted:
        raise InputError(
            f"gives vectors of {width} numbers for {_HAPLOTYPES} haplotypes, {_MLP} reads {wanted}",
            file=embedding_model,
            remedy="Name the UKBioBERT that made the embeddings.",
        )


def _read(
    files: PublishedFiles, tables: ExpressionTables, embedded: int | None
) -> tuple[PublishedTensors, UkBioFormerConfig, Callable[[str], str]]:
    whole = PublishedTensors.read_alone(files.checkpoint)
    is_borzoi = any(f"{prefix}{_ANCHORS['borzoi']}" in whole.tensors for prefix in _PREFIXES)
    source = whole.below(_ANCHORS["borzoi" if is_borzoi else "enformer"], _PREFIXES)
    hidden, width = source.shape(_MLP, 2)
    tables.check_outputs(source, _HEAD, 3)
    of_trunk_name: Callable[[str], str] = enformer.grelu_parameter_name
    settings: dict[str, Any]
    if is_borzoi:
        settings = borzoi.grelu_trunk_settings(source)
        of_trunk_name = partial(borzoi.grelu_parameter_name, n_down=len(settings["tower_sizes"]))
        trunk: EnformerConfig | BorzoiConfig = config_of(BorzoiConfig, settings, files.checkpoint)
    else:
        settings = enformer.grelu_trunk_settings(source)
        trunk = config_of(EnformerConfig, settings, files.checkpoint)
    fields = {
        **of_trunk(trunk),
        "n_transformers": trunk.num_hidden_layers,
        "embedding_size": width,
        "mlp_hidden": hidden,
        "tissues": list(tables.tissues),
        **({} if tables.window is None else {"input_length": tables.window}),
        **({} if embedded is None else {"embedding_length": embedded}),
    }
    config = config_of(UkBioFormerConfig, fields, files.checkpoint)
    return source, config, partial(parameter_name, of_trunk=of_trunk_name)
