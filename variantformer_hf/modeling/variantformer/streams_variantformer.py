"""The two streams: vectors of one person's cCREs and gene windows -> an embedding per tissue.

- Gene layer i + 1 attends to the output of cCRE layer i, gene layer 0 to the projected cCREs. The cCRE stream knows no
  tissue, so it runs once for all tissues of a gene; what the gene stream reads of it can be kept (:class:`CreContexts`)
  for other windows of the gene.
- Positions are ranks (ALiBi), never genomic distances; class annotations enter as a bag of keys.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import cast

import torch
from torch import nn
from torch.nn import functional as F
from transformers.utils import ModelOutput

from .attention_variantformer import ScoreBias, VariantFormerCrossAttention, score_bias
from .configuration_variantformer import VariantFormerConfig, VariantFormerEncoderConfig
from .layers_variantformer import StreamLinear, VariantFormerLayer, residual
from .pretrained_variantformer import VariantFormerPreTrainedModel


@dataclass
class VariantFormerModelOutput(ModelOutput):
    """Output of the expression model without its head.

    Attributes:
        embeddings: (B, T, D), what the head reads for each tissue.
        cre_token_embeddings: (B, K, D) of the asked cCREs; NaN where none was asked.
        gene_token_embeddings: (B, T, K, D) of the asked gene windows; NaN where none was asked.
        tissue_attentions: (B, T, layers, heads, N), the tissue token's attention over the cCREs.
    """

    embeddings: torch.Tensor | None = None
    cre_token_embeddings: torch.Tensor | None = None
    gene_token_embeddings: torch.Tensor | None = None
    tissue_attentions: torch.Tensor | None = None


@dataclass
class CreContexts:
    """What the gene stream reads of one gene's cCREs: for all variants of the gene that leave its cCREs as they are.

    Attributes:
        keys_values: of each gene layer, (1, H, N, d) each.
        hidden_states: (1, N, D), the end of the cCRE stream.
        mask: (1, N), True = present; None = all.
    """

    keys_values: tuple[tuple[torch.Tensor, torch.Tensor], ...]
    hidden_states: torch.Tensor
    mask: torch.Tensor | None


@dataclass(frozen=True)
class StreamQuery:
    """What is asked of the streams beside the tissues' embeddings.

    Attributes:
        attentions: also return ``tissue_attentions``.
        cre_positions, gene_positions: (B, K), cCREs and windows whose final vectors are returned; -1 = none.
    """

    attentions: bool = False
    cre_positions: torch.Tensor | None = None
    gene_positions: torch.Tensor | None = None


class VariantFormerStreams(VariantFormerPreTrainedModel):
    """The streams of a model: what becomes of its encoders' vectors. A base class; it holds no encoder itself."""

    config: VariantFormerConfig

    def add_streams(self, config: VariantFormerConfig) -> None:
        """Make the streams' layers: after the encoders, for saved training states number the parameters in this order.

        Args:
            config: the model's configuration.
        """
        encoder_config = cast(VariantFormerEncoderConfig, config.encoder_config)
        widths_differ = encoder_config.hidden_size != config.hidden_size
        self.cre_projection = StreamLinear(encoder_config.hidden_size, config.hidden_size) if widths_differ else None
        self.gene_projection = StreamLinear(encoder_config.hidden_size, config.hidden_size) if widths_differ else None
        by_tissue = config.gene_pooling == "multi_registry" or config.add_context_to_cres
        self.tissue_embedding = nn.Embedding(config.num_tissues, config.hidden_size) if by_tissue else None
        self.start_embedding = nn.Embedding(1, config.hidden_size) if config.gene_pooling == "start_token" else None
        self.cre_class_embedding = (
            nn.Embedding(len(config.cre_classes or ()), config.hidden_size) if config.use_context else None
        )
        self.cre_layers = nn.ModuleList(
            VariantFormerLayer(
                config,
                self_attention=not (config.only_cross_attention and config.use_context),
                cross_attention=config.use_context,
            )
            for _ in range(config.num_hidden_layers - 1)
        )
        self.gene_layers = nn.ModuleList(
            VariantFormerLayer(config, self_attention=not config.only_cross_attention, cross_attention=True)
            for _ in range(config.num_hidden_layers)
        )

    def run_streams(
        self,
        cre_vectors: torch.Tensor,
        window_vectors: torch.Tensor,
        cre_class_ids: torch.Tensor,
        tissue_ids: torch.Tensor,
        *,
        cre_mask: torch.Tensor | None = None,
        gene_mask: torch.Tensor | None = None,
        query: StreamQuery | None = None,
    ) -> VariantFormerModelOutput:
        """Run both streams for B genes in T tissues each.

        Args:
            cre_vectors, window_vectors: (B, N, E) and (B, M, E), what the encoders made of cCREs and windows.
            cre_class_ids: (B, N).
            tissue_ids: (B, T).
            cre_mask, gene_mask: (B, N) and (B, M), 1 = present; None = all. Absent rows take no part.
            query: what else is asked for; None = nothing.

        Raises:
            ValueError: as for :meth:`VariantFormerModel.forward`.
        """
        cre_mask, gene_mask = checked_masks(
            tuple(cre_vectors.shape[:2]),
            tuple(window_vectors.shape[:2]),
            cre_class_ids,
            tissue_ids,
            cre_mask=cre_mask,
            gene_mask=gene_mask,
        )
        cres, windows = self._of_encoder(cre_vectors), self._of_encoder(window_vectors)
        return self._run_streams(cres, windows, cre_class_ids, tissue_ids, cre_mask, gene_mask, query or StreamQuery())

    def cre_contexts(
        self, cre_vectors: torch.Tensor, cre_class_ids: torch.Tensor, cre_mask: torch.Tensor | None = None
    ) -> CreContexts:
        """Run the cCRE stream of one gene, and keep what its gene stream reads of it.

        Args:
            cre_vectors: (1, N, E), what the encoder made of the cCREs.
            cre_class_ids: (1, N).
            cre_mask: (1, N), 1 = present; None = all.

        Raises:
            ValueError: ``add_context_to_cres``, with which the stream is another one in each tissue; several genes.
        """
        if self.config.add_context_to_cres:
            raise ValueError("add_context_to_cres=True: the cCRE stream is another one in each tissue")
        if len(cre_vectors) != 1:
            raise ValueError(f"{len(cre_vectors)} genes were given: their contexts are made one by one")
        check_shape("cre_class_ids", cre_class_ids, tuple(cre_vectors.shape[:2]))
        check_shape("cre_mask", cre_mask, tuple(cre_vectors.shape[:2]))
        cre_mask = _presence(cre_mask, "cre_mask")
        cres = self._entered(self._of_encoder(cre_vectors), self.cre_projection)
        keys_values = []
        for layer, context in zip(self.gene_layers, self._cre_stream(cres, cre_class_ids, cre_mask), strict=True):
            attention = cast(VariantFormerCrossAttention, layer.cross_attention)
            keys_values.append(attention.project_context(context))
            cres = context
        return CreContexts(tuple(keys_values), cres, cre_mask)

    def run_gene_stream(
        self,
        contexts: CreContexts,
        window_vectors: torch.Tensor,
        tissue_ids: torch.Tensor,
        *,
        query: StreamQuery | None = None,
    ) -> VariantFormerModelOutput:
        """Run the gene stream on kept contexts, for B variants of the windows of the gene that they are of.

        Args:
            contexts: from :meth:`cre_contexts`.
            window_vectors: (B, M, E), what the encoder made of the windows; all are present.
            tissue_ids: (B, T).
            query: what else is asked for; None = nothing.

        Raises:
            ValueError: shapes that do not fit each other.
        """
        check_shape("tissue_ids", tissue_ids, (len(window_vectors), tissue_ids.shape[-1]))
        windows = self._entered(self._of_encoder(window_vectors), self.gene_projection)
        keys_values, cres = contexts.keys_values, contexts.hidden_states
        return self._gene_stream(windows, tissue_ids, keys_values, cres, contexts.mask, None, query or StreamQuery())

    def _of_encoder(self, vectors: torch.Tensor) -> torch.Tensor:
        """Vectors that were kept, in the type in which the encoder gave them."""
        return residual(vectors, cast(VariantFormerEncoderConfig, self.config.encoder_config), self.dtype)

    def _entered(self, vectors: torch.Tensor, projection: nn.Linear | None) -> torch.Tensor:
        """(B, R, E) of an encoder -> (B, R, D), where a stream begins."""
        return residual(vectors if projection is None else projection(vectors), self.config, self.dtype)

    def _run_streams(
        self,
        cre_vectors: torch.Tensor,
        window_vectors: torch.Tensor,
        cre_class_ids: torch.Tensor,
        tissue_ids: torch.Tensor,
        cre_mask: torch.Tensor | None,
        gene_mask: torch.Tensor | None,
        query: StreamQuery,
    ) -> VariantFormerModelOutput:
        """:meth:`run_streams` on what was checked."""
        cres = self._entered(cre_vectors, self.cre_projection)
        windows = self._entered(window_vectors, self.gene_projection)
        n_tissues = tissue_ids.shape[1]
        if query.cre_positions is not None and self.config.add_context_to_cres and n_tissues > 1:
            raise ValueError("add_context_to_cres=True: cCRE embeddings differ by tissue, ask for one tissue at a time")
        if self.config.add_context_to_cres:
            assert self.tissue_embedding is not None
            cres = (cres[:, None] + self.tissue_embedding(tissue_ids)[:, :, None]).flatten(0, 1)
            cre_class_ids = cre_class_ids.repeat_interleave(n_tissues, 0)
            cre_mask = None if cre_mask is None else cre_mask.repeat_interleave(n_tissues, 0)
        contexts = self._cre_stream(cres, cre_class_ids, cre_mask)
        return self._gene_stream(windows, tissue_ids, contexts, cres, cre_mask, gene_mask, query)

    def _cre_stream(
        self, cres: torch.Tensor, cre_class_ids: torch.Tensor, cre_mask: torch.Tensor | None
    ) -> Iterator[torch.Tensor]:
        """What each gene layer attends to, (B, N, D), one after the other; the last is the end of the stream."""
        ranks = _ranks(cres, cre_mask) if self.config.use_alibi else None
        heads = self.config.num_attention_heads if self.config.use_alibi else None
        scores = score_bias(self.dtype, n_heads=heads, query_ranks=ranks, key_ranks=ranks, key_mask=cre_mask)
        annotations, annotation_scores = self._annotations(cre_class_ids, cre_mask)
        yield cres
        for layer in self.cre_layers:
            cres = layer(cres, scores, annotations, annotation_scores)
            yield cres

    def _gene_stream(
        self,
        windows: torch.Tensor,
        tissue_ids: torch.Tensor,
        contexts: Iterable[torch.Tensor | tuple[torch.Tensor, torch.Tensor]],
        cres: torch.Tensor,
        cre_mask: torch.Tensor | None,
        gene_mask: torch.Tensor | None,
        query: StreamQuery,
    ) -> VariantFormerModelOutput:
        """The gene stream, each layer attending to its context; ``cres`` is any stage of the cCRE stream's rows.

        With one context for all genes their windows must all be present.
        """
        if query.attentions and self.config.gene_pooling in ("max", "mean"):
            raise ValueError(f"gene_pooling={self.config.gene_pooling!r} has no tissue token whose attention to return")
        n_genes, n_tissues = tissue_ids.shape
        tissues = self.tissue_embedding(tissue_ids) if self.tissue_embedding is not None else None
        genes, n_tokens = self._gene_stream_start(windows, tissues)
        rows = len(genes) // n_genes
        if gene_mask is not None:
            gene_mask = F.pad(gene_mask, (n_tokens, 0), value=True).repeat_interleave(len(cres) // n_genes, 0)
        gene_scores, cross_scores = self._score_masks(cres, cre_mask, genes, gene_mask)
        attentions: torch.Tensor | None = None
        start = genes
        for number, (gene_layer, context) in enumerate(zip(self.gene_layers, contexts, strict=True)):
            of_layer: list[torch.Tensor] | None = [] if query.attentions else None
            genes = gene_layer(genes, gene_scores, context, cross_scores, of_layer)
            if of_layer:
                # Put where they belong one by one: stacked at the end they would be in memory twice.
                if attentions is None:
                    attentions = of_layer[0].new_empty(len(genes), len(self.gene_layers), *of_layer[0].shape[1:])
                attentions[:, number] = of_layer[0]
            if self.config.use_res:
                genes = genes + start
            if isinstance(context, torch.Tensor):
                cres = context

        def per_tissue(of_rows: torch.Tensor) -> torch.Tensor:
            """(B * rows, ...) -> (B, T, ...)."""
            split = of_rows.unflatten(0, (n_genes, rows))
            return split.expand(-1, n_tissues, *split.shape[2:])

        output = VariantFormerModelOutput(embeddings=per_tissue(self._pool_genes(genes, gene_mask)))
        if query.cre_positions is not None:
            of_genes = cres[:: max(1, len(cres) // n_genes)]
            output["cre_token_embeddings"] = _rows_at(of_genes.expand(n_genes, -1, -1), query.cre_positions)
        if query.gene_positions is not None:
            found = _rows_at(genes[:, n_tokens:], query.gene_positions.repeat_interleave(rows, 0))
            output["gene_token_embeddings"] = per_tissue(found)
        if attentions is not None:
            output["tissue_attentions"] = per_tissue(attentions)
        return output

    def _annotations(
        self, class_ids: torch.Tensor, cre_mask: torch.Tensor | None
    ) -> tuple[torch.Tensor | None, ScoreBias | None]:
        """What the cCRE stream attends to beside itself: the class embeddings of all cCREs, an unordered bag.

        A bag of n equal keys weighs what one such key does with log n added to its score, so one key per class is
        enough. Only dropout on the attention weights tells the n keys apart.
        """
        if self.cre_class_embedding is None:
            return None, None
        if self.training and self.config.attention_dropout > 0:
            return self.cre_class_embedding(class_ids), score_bias(self.dtype, key_mask=cre_mask)
        present = torch.ones_like(class_ids) if cre_mask is None else cre_mask.long()
        counts = torch.zeros(len(class_ids), self.cre_class_embedding.num_embeddings, device=class_ids.device)
        counts = counts.scatter_add(1, class_ids, present.float())
        # Relative to the largest class, so that rounding to bfloat16 falls on rare classes only.
        scores = torch.log(counts / counts.amax(1, keepdim=True)).clamp(min=torch.finfo(self.dtype).min)
        keys = self.cre_class_embedding.weight.expand(len(class_ids), -1, -1)
        added = scores.to(self.dtype)[:, None, None]
        return keys, ScoreBias(lambda: added, is_other=True)

    def _score_masks(
        self, cres: torch.Tensor, cre_mask: torch.Tensor | None, genes: torch.Tensor, gene_mask: torch.Tensor | None
    ) -> tuple[ScoreBias | None, ScoreBias | None]:
        """What is added to the scores of the gene stream, and of its attention to the cCREs.

        ALiBi over ranks among the present rows, and absent keys.
        """
        heads = self.config.num_attention_heads if self.config.use_alibi else None
        cre_ranks = gene_ranks = shifted = cross_heads = None
        if self.config.use_alibi:
            cre_ranks, gene_ranks = _ranks(cres, cre_mask), _ranks(genes, gene_mask)
            if self.config.cross_alibi:
                cross_heads = heads
                shifted = gene_ranks + cre_ranks.amax(-1, keepdim=True) - gene_ranks.amax(-1, keepdim=True)
        cross_ranks = None if cross_heads is None else cre_ranks
        return (
            score_bias(self.dtype, n_heads=heads, query_ranks=gene_ranks, key_ranks=gene_ranks, key_mask=gene_mask),
            score_bias(self.dtype, n_heads=cross_heads, query_ranks=shifted, key_ranks=cross_ranks, key_mask=cre_mask),
        )

    def _gene_stream_start(self, windows: torch.Tensor, tissues: torch.Tensor | None) -> tuple[torch.Tensor, int]:
        """The gene stream's input, a row per gene and tissue (or per gene), and how many tokens precede its windows."""
        if self.config.gene_pooling == "multi_registry":
            assert tissues is not None
            first = tissues[:, :, None]
            repeated = windows[:, None].expand(-1, first.shape[1], -1, -1)
            return torch.cat([residual(first, self.config, self.dtype), repeated], dim=2).flatten(0, 1), 1
        if self.config.add_context_to_cres and tissues is not None:
            windows = windows.repeat_interleave(tissues.shape[1], 0)
        if self.start_embedding is not None:
            first = residual(self.start_embedding.weight, self.config, self.dtype).expand(len(windows), 1, -1)
            return torch.cat([first, windows], dim=1), 1
        return windows, 0

    def _pool_genes(self, genes: torch.Tensor, key_mask: torch.Tensor | None) -> torch.Tensor:
        if self.config.gene_pooling in ("multi_registry", "start_token"):
            return genes[:, 0]
        present = torch.ones_like(genes[..., :1], dtype=torch.bool) if key_mask is None else key_mask[..., None]
        if self.config.gene_pooling == "max":
            return genes.masked_fill(~present, torch.finfo(genes.dtype).min).amax(1)
        return (genes * present).sum(1) / present.sum(1)


def checked_masks(
    cre_rows: tuple[int, ...],
    gene_rows: tuple[int, ...],
    cre_class_ids: torch.Tensor,
    tissue_ids: torch.Tensor,
    *,
    cre_mask: torch.Tensor | None,
    gene_mask: torch.Tensor | None,
) -> tuple[torch.Tensor | None, torch.Tensor | None]:
    """Which cCREs and which windows are present, as booleans; None where all are.

    Args:
        cre_rows, gene_rows: (B, N) and (B, M).
        cre_class_ids, tissue_ids, cre_mask, gene_mask: see :meth:`VariantFormerStreams.run_streams`.

    Raises:
        ValueError: shapes that do not fit each other; a gene without any present cCRE or window.
    """
    check_shape("cre_class_ids", cre_class_ids, cre_rows)
    check_shape("cre_mask", cre_mask, cre_rows)
    check_shape("gene_mask", gene_mask, gene_rows)
    check_shape("tissue_ids", tissue_ids, (cre_rows[0], tissue_ids.shape[-1]))
    if gene_rows[0] != cre_rows[0]:
        raise ValueError(f"the windows of {gene_rows[0]} genes were given with the cCREs of {cre_rows[0]}")
    return _presence(cre_mask, "cre_mask"), _presence(gene_mask, "gene_mask")


def check_shape(name: str, given: torch.Tensor | None, shape: tuple[int, ...]) -> None:
    """Refuse, by its name, a tensor of another shape; None passes."""
    if given is not None and tuple(given.shape) != shape:
        raise ValueError(f"{name} has shape {tuple(given.shape)}, expected {shape}")


def _presence(mask: torch.Tensor | None, name: str) -> torch.Tensor | None:
    """A mask as booleans, None where everything is present."""
    if mask is None:
        return None
    mask = mask.bool()
    if not bool(mask.any(-1).all()):
        raise ValueError(f"{name} has a gene without any present row: leave such genes out of the batch")
    return None if bool(mask.all()) else mask


def _ranks(rows: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    """Rank of each row among the present ones, (1 or B, R)."""
    if mask is None:
        return torch.arange(rows.shape[1], device=rows.device)[None]
    return (mask.cumsum(-1) - 1).clamp(min=0)


def _rows_at(rows: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
    """(B, R, D) rows at (B, K) positions; NaN where a position is -1."""
    index = positions.clamp(min=0)[..., None].expand(-1, -1, rows.shape[-1])
    return torch.gather(rows, 1, index).masked_fill((positions < 0)[..., None], float("nan"))
