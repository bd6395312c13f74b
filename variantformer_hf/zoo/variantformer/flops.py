"""How many floating-point operations a prediction takes, from the configuration alone.

Multiply-adds of matrix products count as two; everything else (norms, softmax, gates) is left out, as is usual.
"""

from dataclasses import dataclass
from typing import cast

from ...modeling import VariantFormerConfig, VariantFormerEncoderConfig

# Genes that an element is near, in the protein-coding table: by so much a store of elements divides the encoding.
GENES_PER_ELEMENT = 48


@dataclass(frozen=True, slots=True)
class FlopTable:
    """Operations of one gene in all asked tissues.

    Attributes:
        element_encoder: tokens of elements to vectors.
        gene_encoder: tokens of the gene's windows to vectors.
        cre_stream: the layers that know no tissue.
        cre_keys_values: what the gene's layers attend to.
        gene_stream: the gene's layers, tissue by tissue.
        head: vectors to expression.
    """

    element_encoder: float
    gene_encoder: float
    cre_stream: float
    cre_keys_values: float
    gene_stream: float
    head: float

    @property
    def total(self) -> float:
        """All of it."""
        parts = (self.element_encoder, self.gene_encoder, self.cre_stream, self.cre_keys_values, self.gene_stream)
        return sum(parts) + self.head


def estimate_flops(
    config: VariantFormerConfig,
    n_cres: int,
    *,
    cre_tokens: float = 100,
    n_windows: int = 200,
    window_tokens: int | None = None,
    n_tissues: int = 62,
    encoded_cres: float | None = None,
) -> FlopTable:
    """Operations that a prediction of one gene takes here.

    Args:
        config: the model's.
        n_cres: its cCREs.
        cre_tokens: tokens of a cCRE, mean.
        n_windows: windows of the gene.
        window_tokens: tokens of a window; None = the encoder's ``token_length``.
        n_tissues: tissues.
        encoded_cres: cCREs that have to be encoded; None = all, fewer where their vectors are at hand.
    """
    encoder = cast(VariantFormerEncoderConfig, config.encoder_config)
    window = encoder.token_length if window_tokens is None else window_tokens
    rows = n_tissues if config.add_context_to_cres else 1
    classes = len(config.cre_classes or ())
    return FlopTable(
        element_encoder=(n_cres if encoded_cres is None else encoded_cres) * _sequence(encoder, cre_tokens),
        gene_encoder=n_windows * _sequence(encoder, window),
        cre_stream=rows * _cre_stream(config, n_cres, classes),
        cre_keys_values=rows * _keys_values(config, n_cres) * config.num_hidden_layers,
        gene_stream=_gene_rows(config, n_tissues) * _gene_stream(config, n_cres, n_windows)
        + _projection(config, n_windows),
        head=n_tissues * _head(config),
    )


def estimate_released_flops(
    config: VariantFormerConfig, n_cres: int, *, n_windows: int = 200, n_tissues: int = 62
) -> FlopTable:
    """As :func:`estimate_flops`, for the released code: all padded, each tissue by itself, a key per annotation."""
    encoder = cast(VariantFormerEncoderConfig, config.encoder_config)
    return FlopTable(
        element_encoder=n_cres * _sequence(encoder, encoder.token_length),
        gene_encoder=n_windows * _sequence(encoder, encoder.token_length),
        cre_stream=n_tissues * _cre_stream(config, n_cres, n_cres),
        cre_keys_values=n_tissues * _keys_values(config, n_cres) * config.num_hidden_layers,
        gene_stream=n_tissues * (_gene_stream(config, n_cres, n_windows) + _projection(config, n_windows)),
        head=n_tissues * _head(config),
    )


def flops_table(
    config: VariantFormerConfig,
    n_cres: int = 1_400,
    *,
    cre_tokens: float = 100,
    n_windows: int = 200,
    n_tissues: int = 62,
) -> list[tuple[str, float, float, float]]:
    """Part, released, ours without and ours with a store: operations of one gene in all tissues."""
    released = estimate_released_flops(config, n_cres, n_windows=n_windows, n_tissues=n_tissues)
    ours, stored = (
        estimate_flops(
            config, n_cres, cre_tokens=cre_tokens, n_windows=n_windows, n_tissues=n_tissues, encoded_cres=encoded
        )
        for encoded in (None, n_cres / GENES_PER_ELEMENT)
    )
    names = ("element_encoder", "gene_encoder", "cre_stream", "cre_keys_values", "gene_stream", "head", "total")
    return [(name, getattr(released, name), getattr(ours, name), getattr(stored, name)) for name in names]


def _sequence(config: VariantFormerEncoderConfig, length: float) -> float:
    """One sequence through an encoder."""
    width = config.hidden_size
    per_token = _attention_maps(width) + _feed_forward(width, config.intermediate_size) + 4 * length * width
    if config.use_context:
        per_token += 2 * _square(width)
    return config.num_hidden_layers * length * per_token


def _cre_stream(config: VariantFormerConfig, n_cres: int, n_keys: int) -> float:
    """All cCREs of a gene through the layers of their stream; ``n_keys`` annotations are attended to."""
    width = config.hidden_size
    per_token = _feed_forward(width, config.intermediate_size)
    once = 0.0
    if not (config.only_cross_attention and config.use_context):
        per_token += _attention_maps(width) + 4 * n_cres * width
    if config.use_context:
        per_token += 2 * _square(width) + 4 * n_keys * width
        once = _keys_values(config, n_keys)
    return (config.num_hidden_layers - 1) * (n_cres * per_token + once) + _projection(config, n_cres)


def _gene_stream(config: VariantFormerConfig, n_cres: int, n_windows: int) -> float:
    """One row of the gene's stream through its layers."""
    width = config.hidden_size
    tokens = n_windows + (config.gene_pooling in ("multi_registry", "start_token"))
    per_token = _feed_forward(width, config.intermediate_size) + 2 * _square(width) + 4 * n_cres * width
    if not config.only_cross_attention:
        per_token += _attention_maps(width) + 4 * tokens * width
    return config.num_hidden_layers * tokens * per_token


def _gene_rows(config: VariantFormerConfig, n_tissues: int) -> int:
    """Rows of the gene's stream: one a tissue, where anything in it depends on the tissue."""
    return n_tissues if config.gene_pooling == "multi_registry" or config.add_context_to_cres else 1


def _keys_values(config: VariantFormerConfig, n_rows: int) -> float:
    """Keys and values of one layer's context."""
    return n_rows * 2 * _square(config.hidden_size)


def _projection(config: VariantFormerConfig, n_rows: int) -> float:
    """From the encoder's width to the model's, where they differ."""
    width = cast(VariantFormerEncoderConfig, config.encoder_config).hidden_size
    return 0.0 if width == config.hidden_size else 2.0 * n_rows * width * config.hidden_size


def _head(config: VariantFormerConfig) -> float:
    hidden = 0 if config.head_type == "linear" else 2 if config.use_bigger_head else 1
    return hidden * _square(config.hidden_size) + 2 * config.hidden_size


def _attention_maps(width: int) -> float:
    """Query, key, value and output of one token."""
    return 4 * _square(width)


def _feed_forward(width: int, intermediate: int) -> float:
    return 3.0 * width * intermediate


def _square(width: int) -> float:
    return 2.0 * width * width
