"""Variformer's Lightning checkpoints -> folders for ``VariformerForExpression``."""

import re
from functools import partial
from typing import Any

import torch

from ...modeling import VariformerConfig, VariformerForExpression, VariformerProcessor
from ..enformer.names import aliased_name
from ..enformer.names import parameter_name as name_in_enformer
from ..enformer.sizes import trunk_sizes
from ..expression_tables import FILES, OPTIONS, ExpressionTables, write_gene_table
from ..model_cards import card_of_copy
from ..model_folder import new_folder
from ..planned import ConversionRequest, PlannedConversion
from ..published_config import config_of
from ..published_model import write_published
from ..published_request import PublishedFiles, published_files
from ..published_tensors import PublishedTensors
from ..summary import ConversionSummary

_ENFORMER = "enformer."
_ANCHOR, _PREFIXES = f"{_ENFORMER}stem.0.weight", ("model.", "")
_HEAD = re.compile(r"to_tracks\.0\.(weight|bias)")
_REFERENCE_HEADS = f"{_ENFORMER}_heads."
_COPIES, _UNUSED = "second names of the trunk's tensors", "heads of the original Enformer, which are not read"


def planned_conversions(request: ConversionRequest) -> list[PlannedConversion]:
    """Plan the conversion of a checkpoint, whose tensors say all sizes.

    Raises:
        InputError: files or names are missing, or named in vain.
    """
    request.check_used("variformer", ("checkpoint", *FILES), (*OPTIONS, "keep_heads"))
    files = published_files(request, "variformer", needs_config=False)
    tables = ExpressionTables.of(request, "variformer", trained=True)
    keeps_heads = bool(request.options.get("keep_heads"))
    return [PlannedConversion(files.output, partial(_convert, files, tables, keeps_heads))]


def parameter_name(published: str) -> str:
    """Name in VariformerForExpression of a tensor of theirs, without the prefix.

    Raises:
        KeyError: not a tensor of that layout.
    """
    head = _HEAD.fullmatch(published)
    if head:
        return f"head.{head[1]}"
    if not published.startswith(_ENFORMER):
        raise KeyError(published)
    return name_in_enformer(published.removeprefix(_ENFORMER))


def _convert(
    files: PublishedFiles, tables: ExpressionTables, keeps_heads: bool, dtype: torch.dtype | None
) -> ConversionSummary:
    source = _read(files, keeps_heads)
    tables.check_outputs(source, "to_tracks.0.weight", 2)
    genes, trained = tables.read()
    config = config_of(VariformerConfig, _settings(source, tables, trained), files.checkpoint)
    with new_folder(files.output) as folder:
        summary = write_published(folder, files.output, VariformerForExpression, config, source, parameter_name, dtype)
        VariformerProcessor(config.sequence_length, float(config.n_share)).save_pretrained(folder)
        write_gene_table(folder, genes)
        facts = [
            f"Outputs: {', '.join(tables.tissues)}; window: {config.sequence_length:,} bases; gamma_norm: `feature`",
            f"Genes: {len(genes):,} of `{tables.genes.name}`, of which it was trained on {len(trained):,}",
        ]
        (folder / "README.md").write_text(card_of_copy("variformer", summary, facts), encoding="utf-8")
    return summary


def _read(files: PublishedFiles, keeps_heads: bool) -> PublishedTensors:
    """The tensors, each once."""
    source = PublishedTensors.read_alone(files.checkpoint).below(_ANCHOR, _PREFIXES)
    inner = {name: name.removeprefix(_ENFORMER) for name in source.tensors if name.startswith(_ENFORMER)}
    copies = {name: f"{_ENFORMER}{first}" for name, part in inner.items() if (first := aliased_name(part)) is not None}
    source = source.without_copies(copies, _COPIES)
    if keeps_heads:
        return source
    return source.without([name for name in source.tensors if name.startswith(_REFERENCE_HEADS)], _UNUSED)


def _settings(source: PublishedTensors, tables: ExpressionTables, trained: list[str]) -> dict[str, Any]:
    heads = {
        name.removeprefix(_REFERENCE_HEADS).removesuffix(".0.bias"): len(source.tensors[name])
        for name in source.tensors
        if name.startswith(_REFERENCE_HEADS) and name.endswith(".0.bias")
    }
    return {
        **trunk_sizes(source, _ENFORMER),
        "gamma_norm": "feature",
        "tissues": list(tables.tissues),
        "genes": trained,
        **({"keep_reference_heads": True, "tracks": heads} if heads else {}),
        **({} if tables.window is None else {"sequence_length": tables.window}),
    }
