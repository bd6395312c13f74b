"""The arithmetic of a prediction: floating-point operations of each part of the model, one gene in all tissues.

A multiply-add counts as two. Matrix products only: norms, activations and softmax are bandwidth, not arithmetic, and
torch's counter leaves them out too.
"""

from dataclasses import dataclass, fields
from typing import cast

from variantformer_hf.modeling import VariantFormerConfig, VariantFormerEncoderConfig

# Genes that have an element within the released radius of 1 Mb: how often the released code encodes it again.
GENES_PER_CRE = 48


@dataclass(frozen=True, slots=True)
class FlopTable:
    """Floating-point operations of one gene.

    Attributes:
        element_encoder: tokens of the cCREs -> a vector each.
        gene_encoder: tokens of the windows -> a vector each.
        cre_stream: projection of the cCREs' vectors and the cCRE layers, the annotations' keys and values included.
        cre_keys_values: the cCREs' keys and values for the gene layers.
        gene_stream: projection of the windows' vectors and the gene layers.
        head: embedding -> expression.
    """

    element_encoder: float
    gene_encoder: float
    cre_stream: float
    cre_keys_values: float
    gene_stream: float
    head: float

    @property
    def total(self) -> float:
        """Sum of the parts."""
        return float(sum(getattr(self, field.name) for field in fields(self)))


@dataclass(frozen=True, slots=True)
class FlopRow:
    """A line of :func:`flops_table`.

    Attributes:
        part: name of the part, a field of :class:`FlopTable` with spaces, or ``total``.
        released: operations of the released implementation.
        without_store: of ours, every element of the gene encoded.
        with_store: of ours, only the elements encoded that the store lacks.
    """

    part: str
    released: float
    without_store: float
    with_store: float


def estimate_flops(
    config: VariantFormerConfig,
    n_cres: int,
    *,
    cre_tokens: float = 100,
    n_windows: int = 200,
    window_tokens: float | None = None,
    n_tissues: int = 62,
    encoded_cres: float | None = None,
) -> FlopTable:
    """Operations that one gene takes in ``n_tissues`` tissues, at inference.

    What does not depend on the tissue is counted once, sequences without their padding, and annotations as one key per
    class, as in :class:`VariantFormerModel`.

    Args:
        config: the model's.
        n_cres: cCREs of the gene.
        cre_tokens: mean tokens of a cCRE.
        n_windows: windows of the gene.
        window_tokens: mean tokens of a window; None = ``token_length``.
        n_tissues: tissues asked for.
        encoded_cres: cCREs that the encoder has to work on, the others' vectors being at hand; None = all.
    """
    encoder = cast(VariantFormerEncoderConfig, config.encoder_config)
    cre_rows = n_tissues if config.add_context_to_cres else 1
    gene_rows = n_tissues if config.add_context_to_cres or config.gene_pooling == "multi_registry" else 1
    n_keys = len(config.cre_classes or ())
    return FlopTable(
        element_encoder=_encoder(encoder, n_cres if encoded_cres is None else encoded_cres, cre_tokens),
        gene_encoder=_encoder(encoder, n_windows, encoder.token_length if window_tokens is None else window_tokens),
        cre_stream=_projection(config, n_cres) + cre_rows * _cre_layers(config, n_cres, n_keys),
        cre_keys_values=cre_rows * config.num_hidden_layers * _keys_values(config, n_cres),
        gene_stream=_projection(config, n_windows) + gene_rows * _gene_layers(config, n_windows, n_cres),
        head=n_tissues * _head(config),
    )


def estimate_released_flops(
    config: VariantFormerConfig,
    n_cres: int,
    *,
    n_windows: int = 200,
    n_tissues: int = 62,
) -> FlopTable:
    """Operations of the released implementation for the same prediction.

    It pads every sequence to ``token_length``, runs both streams once per tissue, and attends to one annotation key
    per element.

    Args:
        config, n_cres, n_windows, n_tissues: as for :func:`estimate_flops`.
    """
    encoder = cast(VariantFormerEncoderConfig, config.encoder_config)
    return FlopTable(
        element_encoder=_encoder(encoder, n_cres, encoder.token_length),
        gene_encoder=_encoder(encoder, n_windows, encoder.token_length),
        cre_stream=n_tissues * (_projection(config, n_cres) + _cre_layers(config, n_cres, n_cres)),
        cre_keys_values=n_tissues * config.num_hidden_layers * _keys_values(config, n_cres),
        gene_stream=n_tissues * (_projection(config, n_windows) + _gene_layers(config, n_windows, n_cres)),
        head=n_tissues * _head(config),
    )


def flops_table(
    config: VariantFormerConfig,
    n_cres: int = 1_400,
    *,
    cre_tokens: float = 100,
    n_windows: int = 200,
    window_tokens: float | None = None,
    n_tissues: int = 62,
    encoded_cres: float | None = None,
) -> list[FlopRow]:
    """What each part takes as released, as needed, and as needed with a store of elements; the last row is the sum.

    Args:
        config, n_cres, cre_tokens, n_windows, window_tokens, n_tissues: as for :func:`estimate_flops`.
        encoded_cres: cCREs per gene that the store lacks; None = each element encoded once for all genes near it,
            a gene's share of that being ``n_cres / GENES_PER_CRE``.
    """
    released = estimate_released_flops(config, n_cres, n_windows=n_windows, n_tissues=n_tissues)
    without, with_store = (
        estimate_flops(
            config,
            n_cres,
            cre_tokens=cre_tokens,
            n_windows=n_windows,
            window_tokens=window_tokens,
            n_tissues=n_tissues,
            encoded_cres=encoded,
        )
        for encoded in (n_cres, n_cres / GENES_PER_CRE if encoded_cres is None else encoded_cres)
    )
    names = [*(field.name for field in fields(FlopTable)), "total"]
    return [
        FlopRow(name.replace("_", " "), *(float(getattr(table, name)) for table in (released, without, with_store)))
        for name in names
    ]


def _layer(
    config: VariantFormerConfig | VariantFormerEncoderConfig,
    rows: float,
    *,
    keys: float | None = None,
    context_keys: float | None = None,
) -> float:
    """One layer over ``rows`` tokens; keys that each attends to, None without that attention."""
    width = config.hidden_size
    multiply_adds = width * config.intermediate_size * 1.5  # up to value and gate, down from half as many
    if keys is not None:
        multiply_adds += 4 * width**2 + 2 * keys * width
    if context_keys is not None:
        multiply_adds += 2 * width**2 + 2 * context_keys * width
    return 2 * rows * multiply_adds


def _keys_values(config: VariantFormerConfig, rows: float) -> float:
    """Keys and values of a context, for one layer."""
    return 2 * rows * 2 * config.hidden_size**2


def _encoder(config: VariantFormerEncoderConfig, n_sequences: float, tokens: float) -> float:
    layers = config.num_hidden_layers * _layer(config, n_sequences * tokens, keys=tokens)
    return layers + (2 * n_sequences * tokens * config.hidden_size if config.pooling == "linear" else 0)


def _projection(config: VariantFormerConfig, rows: float) -> float:
    """From the encoder's width to the streams'."""
    width = cast(VariantFormerEncoderConfig, config.encoder_config).hidden_size
    return 0 if width == config.hidden_size else 2 * rows * width * config.hidden_size


def _cre_layers(config: VariantFormerConfig, n_cres: int, n_annotation_keys: int) -> float:
    own = None if config.only_cross_attention and config.use_context else n_cres
    if not config.use_context:
        return (config.num_hidden_layers - 1) * _layer(config, n_cres, keys=own)
    layer = _layer(config, n_cres, keys=own, context_keys=n_annotation_keys)
    return (config.num_hidden_layers - 1) * (layer + _keys_values(config, n_annotation_keys))


def _gene_layers(config: VariantFormerConfig, n_windows: int, n_cres: int) -> float:
    tokens = n_windows + (config.gene_pooling in ("multi_registry", "start_token"))
    own = None if config.only_cross_attention else tokens
    return config.num_hidden_layers * _layer(config, tokens, keys=own, context_keys=n_cres)


def _head(config: VariantFormerConfig) -> float:
    width = config.hidden_size
    if config.head_type == "linear":
        return 2 * width
    return 2 * (width**2 * (2 if config.use_bigger_head else 1) + width)
