"""Hyper-parameters stored in the released checkpoints -> our configurations."""

from collections.abc import Mapping, Sequence
from typing import Any

from huggingface_hub.errors import StrictDataclassError

from ...errors import CheckpointError
from ...modeling import VariantFormerConfig, VariantFormerEncoderConfig

# Released name -> ours, where a value is taken over as it stands.
_ENCODER_FIELDS = {
    "vocab_size": "vocab_size",
    "embedding_dim": "hidden_size",
    "num_heads": "num_attention_heads",
    "num_layers": "num_hidden_layers",
    "num_tissues": "num_tissues",
    "num_classes": "num_classes",
    "token_length": "token_length",
    "seq_pool": "pooling",
    "positional_encoding": "positional_encoding",
    "strand_agg": "strand_aggregation",
    "use_context": "use_context",
    "expand_context": "expand_context",
    "use_dual_loss": "use_contrastive_loss",
    "use_temp": "use_temperature",
    "fraction": "contrastive_fraction",
    "reduction": "loss_reduction",
    "majority_weight": "majority_weight",
    "tissues": "tissues",
}
_EXPRESSION_FIELDS = {
    "emb_dim": "hidden_size",
    "num_heads": "num_attention_heads",
    "num_layers": "num_hidden_layers",
    "use_alibi": "use_alibi",
    "cross_alibi": "cross_alibi",
    "mlp_dout": "hidden_dropout",
    "use_context": "use_context",
    "gene_pooling": "gene_pooling",
    "only_cross_attention": "only_cross_attention",
    "multi_head": "multi_head",
    "use_bigger_head": "use_bigger_head",
    "head_type": "head_type",
    "use_res": "use_res",
    "add_context_to_cres": "add_context_to_cres",
}
# What only a training run or the released kernels read.
_ENCODER_RUN_ONLY = {"learning_rate", "cre_type", "use_flash", "weight_decay", "lr_scale", "loss_fn", "max_epochs"}
_EXPRESSION_RUN_ONLY = {
    "num_tissues",
    "gene_emb_dim",
    "token_dim",
    "use_batching",
    "train_gene_tokenizer",
    "train_cre_tokenizer",
    "flash_attn_3",
    "cre_tokenizer_train_mode",
    "cre_tokenizer_val_mode",
    "gene_tokenizer_train_mode",
    "gene_tokenizer_val_mode",
    "learning_rate",
    "weight_decay",
    "loss_fn",
    "max_epochs",
}
# Options that the released code declares and no released model has.
_EXPRESSION_OFF = ("concat_tissue_context_cres", "concat_tissue_context_genes")
_ENCODER_LOSSES = {"cross_entropy": "cross_entropy", "focal": "focal", "weighted": "weighted_cross_entropy"}
_EXPRESSION_LOSSES = {"poisson": "poisson_nll", "mse": "mse"}


def encoder_config_from_released(hyper_parameters: Mapping[str, Any]) -> VariantFormerEncoderConfig:
    """Configuration of a released encoder.

    Raises:
        CheckpointError: a hyper-parameter that is not known, or a value that is not implemented.
    """
    fields = _taken_over(hyper_parameters, _ENCODER_FIELDS, _ENCODER_RUN_ONLY, ())
    fields |= _encoder_loss(hyper_parameters.get("loss_fn", "cross_entropy"))
    if fields.get("loss_reduction") is None:
        fields["loss_reduction"] = "sum"
    return _built(VariantFormerEncoderConfig, fields)


def expression_config_from_released(
    hyper_parameters: Mapping[str, Any],
    encoder_config: VariantFormerEncoderConfig,
    tissues: Sequence[str | None],
) -> VariantFormerConfig:
    """Configuration of a released expression model.

    Args:
        hyper_parameters: as stored in its checkpoint.
        encoder_config: of the encoder it was built on.
        tissues: names by id.

    Raises:
        CheckpointError: a hyper-parameter that is not known, or a value that is not implemented.
    """
    fields = _taken_over(hyper_parameters, _EXPRESSION_FIELDS, _EXPRESSION_RUN_ONLY, _EXPRESSION_OFF)
    stated = hyper_parameters.get("token_dim", encoder_config.hidden_size)
    if stated != encoder_config.hidden_size:
        raise CheckpointError(
            f"the expression model was built on an encoder of width {stated}, "
            f"the encoder file has {encoder_config.hidden_size}",
            remedy="Give the encoder file that belongs to the checkpoint.",
        )
    loss = hyper_parameters.get("loss_fn", "poisson_nll")
    named = [ours for part, ours in _EXPRESSION_LOSSES.items() if part in str(loss).lower()]
    if len(named) != 1:
        raise CheckpointError(
            f"the expression model's loss_fn {loss!r} is not known",
            remedy=f"Known are {', '.join(_EXPRESSION_LOSSES)}.",
        )
    fields["loss_function"] = named[0]
    return _built(VariantFormerConfig, fields | {"encoder_config": encoder_config, "tissues": list(tissues)})


def _encoder_loss(stored: Any) -> dict[str, Any]:
    """A loss by name, or with its parameter as stored in training: gamma of the focal loss, weights of the classes."""
    name, *parameters = stored if isinstance(stored, Sequence) and not isinstance(stored, str) else (stored,)
    if name not in _ENCODER_LOSSES:
        raise CheckpointError(
            f"the encoder's loss_fn {name!r} is not known", remedy=f"Known are {', '.join(_ENCODER_LOSSES)}."
        )
    fields: dict[str, Any] = {"loss_function": _ENCODER_LOSSES[name]}
    if not any(parameters):
        return fields
    parameter = parameters[0]
    if name == "focal":
        return fields | {"focal_gamma": parameter}
    if name == "weighted" and isinstance(parameter, Sequence):
        return fields | {"class_weights": list(parameter)}
    raise CheckpointError(f"the encoder's loss_fn {stored!r} has a parameter that is not implemented")


def _taken_over(
    hyper_parameters: Mapping[str, Any], fields: Mapping[str, str], run_only: set[str], off: Sequence[str]
) -> dict[str, Any]:
    unknown = sorted(set(hyper_parameters) - set(fields) - run_only - set(off))
    if unknown:
        raise CheckpointError(
            f"hyper-parameters that this package does not know: {', '.join(unknown)}",
            remedy="Only the released VariantFormer layouts can be converted.",
        )
    for name in off:
        if hyper_parameters.get(name):
            raise CheckpointError(f"the hyper-parameter {name}={hyper_parameters[name]!r} is not implemented")
    return {ours: hyper_parameters[name] for name, ours in fields.items() if hyper_parameters.get(name) is not None}


def _built(kind: Any, fields: dict[str, Any]) -> Any:
    try:
        return kind(**fields)
    except (ValueError, TypeError, StrictDataclassError) as error:
        raise CheckpointError(
            f"hyper-parameters that no model can have: {str(error).splitlines()[-1].strip()}"
        ) from error
