"""Configurations of the VariantFormer models."""

import hashlib
import json
from dataclasses import fields
from difflib import get_close_matches
from os import PathLike
from pathlib import Path
from typing import Any, ClassVar

from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig

from .custom_code_variantformer import add_model_code

CRE_CLASSES = [
    "CTCF-only,CTCF-bound",
    "DNase-H3K4me3",
    "DNase-H3K4me3,CTCF-bound",
    "PLS",
    "PLS,CTCF-bound",
    "dELS",
    "dELS,CTCF-bound",
    "pELS",
    "pELS,CTCF-bound",
]

_SIZES = ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")
_ENCODER_CHOICES = {
    "pooling": ("linear", "mean", "max"),
    "positional_encoding": ("alibi", "sinusoidal"),
    "strand_aggregation": ("concat", "mean"),
    "loss_function": ("cross_entropy", "focal", "weighted_cross_entropy", "mse"),
    "loss_reduction": ("mean", "sum"),
    "contrastive_form": ("released", "paper"),
    "residual_dtype": ("float32", "model"),
}
_EXPRESSION_CHOICES = {
    "gene_pooling": ("multi_registry", "start_token", "max", "mean"),
    "head_type": ("linear", "mlp"),
    "loss_function": ("poisson_nll", "mse"),
    "residual_dtype": ("float32", "model"),
}


# What config.json says of files, which may be added when the rest of it is written.
_OF_FILES = ("written", "companions", "auto_map")


def config_digest(config: dict[str, Any]) -> str:
    """SHA-256 of what a config.json says of the model."""
    content = {name: value for name, value in config.items() if name not in _OF_FILES}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def record_written(folder: str | PathLike[str]) -> None:
    """Write into a folder's config.json, as ``written``, the SHA-256 of its weight files and of the config itself."""
    path = Path(folder) / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config["written"] = {path.name: config_digest(config)}
    for weights in sorted(path.parent.glob("model*.safetensors*")):
        with weights.open("rb") as file:
            config["written"][weights.name] = hashlib.file_digest(file, "sha256").hexdigest()
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")


class _ConfigWithCode(PreTrainedConfig):
    """A config that is saved with the code of its model beside it, for readers without this package."""

    def save_pretrained(self, save_directory: str | PathLike[str], **options: Any) -> None:
        """Write config.json and the model's code into a folder; options as of ``PreTrainedConfig``."""
        self.__dict__.pop("written", None)  # of the files that it was loaded from
        super().save_pretrained(save_directory, **options)
        add_model_code(save_directory)


def check_choices(config: PreTrainedConfig, choices: dict[str, tuple[str, ...]]) -> None:
    for name, allowed in choices.items():
        value = getattr(config, name)
        if value not in allowed:
            raise ValueError(f"{name}={value!r} is not known; choose one of {', '.join(allowed)}")


def refuse_misspelled(config: PreTrainedConfig, given: dict[str, Any]) -> None:
    """transformers keeps any keyword it does not know; one that is nearly a field's name is a mistake."""
    names = {field.name for field in fields(config)}
    for name in given:
        close = get_close_matches(name, names, n=1, cutoff=0.85)
        if close and name not in names:
            raise ValueError(f"{name} is not a field of {type(config).__name__}; did you mean {close[0]}?")


def _check_sizes(config: PreTrainedConfig, names: tuple[str, ...]) -> None:
    for name in names:
        if getattr(config, name) < 1:
            raise ValueError(f"{name}={getattr(config, name)} must be at least 1")
    for name in ("attention_dropout", "hidden_dropout"):
        if not 0 <= getattr(config, name) < 1:
            raise ValueError(f"{name}={getattr(config, name)} must be from 0 to below 1")
    if config.hidden_size % config.num_attention_heads:
        raise ValueError(
            f"hidden_size={config.hidden_size} is not a multiple of num_attention_heads={config.num_attention_heads}"
        )
    if config.intermediate_size % 2:
        raise ValueError(f"intermediate_size={config.intermediate_size} is split in two halves and must be even")


@strict
class VariantFormerEncoderConfig(_ConfigWithCode):
    """Configuration of the sequence encoder and of stage 1 (chromatin activity). Defaults are the released encoder's.

    Attributes:
        vocab_size: tokens of the DNA vocabulary.
        hidden_size, num_hidden_layers, num_attention_heads: width, layers, heads.
        intermediate_size: rows of the first feed-forward projection: value and gate, half each.
        token_length: slots of an input sequence; linear pooling has a weight for each.
        pooling: ``linear`` (a weight per slot), ``mean`` or ``max`` over real tokens.
        positional_encoding: ``alibi`` (symmetric) or ``sinusoidal`` (added to the embeddings).
        strand_aggregation: how stage 1 joins both strands' vectors: ``concat`` or ``mean``.
        num_tissues, num_classes: heads of stage 1 and classes of each.
        tissues: names of the heads, or None.
        use_context: condition each layer on the class of the cCRE by cross-attention to its embedding.
        expand_context: repeat the class embedding over the sequence before attending to it.
        num_contexts: classes of cCREs.
        attention_dropout, hidden_dropout: on attention weights, and after the gated product.
        loss_function: ``cross_entropy``, ``focal`` or ``weighted_cross_entropy``; or ``mse``, of signals: then there is
            one class, whose logit is the signal.
        focal_gamma: exponent of the focal loss.
        class_weights: of the weighted cross-entropy, one per class; its loss needs them.
        loss_reduction: ``mean`` or ``sum`` over the batch.
        use_contrastive_loss: add the contrastive loss between cCREs.
        contrastive_form: ``released`` (cross-entropy of all cosines, both ways, each cCRE its own target) or
            ``paper`` (the cCRE itself is left out of the sum that its cosine is held against, one way).
        contrastive_fraction: its weight; None = the ratio of the two losses, clipped to [0.01, 100].
        use_temperature: learn the scale of the contrastive logits (starts at 1 / 0.07).
        majority_weight: weight of a cCRE whose label is the majority's, or None.
        residual_dtype: ``float32`` keeps the residual stream in float32 whatever the weights are; ``model`` does not.
        companions: file of the model's folder -> its SHA-256, of what belongs to the weights; None = not known.
    """

    model_type = "variantformer_encoder"

    vocab_size: int = 500
    hidden_size: int = 512
    num_hidden_layers: int = 12
    num_attention_heads: int = 8
    intermediate_size: int = 2048
    token_length: int = 200
    pooling: str = "linear"
    positional_encoding: str = "alibi"
    strand_aggregation: str = "concat"
    num_tissues: int = 16
    num_classes: int = 2
    tissues: list[str] | None = None
    use_context: bool = False
    expand_context: bool = False
    num_contexts: int = 9
    attention_dropout: float | int = 0.1
    hidden_dropout: float | int = 0.1
    loss_function: str = "cross_entropy"
    focal_gamma: float | int = 2.0
    class_weights: list[float] | None = None
    loss_reduction: str = "sum"
    use_contrastive_loss: bool = True
    contrastive_form: str = "released"
    contrastive_fraction: float | int | None = None
    use_temperature: bool = False
    majority_weight: float | int | None = None
    residual_dtype: str = "float32"
    layer_norm_eps: float = 1e-5
    initializer_range: float = 0.02
    companions: dict[str, str] | None = None
    pad_token_id: int | None = 0

    def __post_init__(self, **kwargs: Any) -> None:
        refuse_misspelled(self, kwargs)
        # Also run by @strict later on, which would wrap its ValueError.
        self.validate_architecture()
        super().__post_init__(**kwargs)

    def validate_architecture(self) -> None:
        """Refuse values that the model does not implement."""
        check_choices(self, _ENCODER_CHOICES)
        _check_sizes(self, (*_SIZES, "vocab_size", "token_length", "num_tissues", "num_classes", "num_contexts"))
        if (self.loss_function == "mse") != (self.num_classes == 1):
            raise ValueError(
                f"num_classes={self.num_classes} with loss_function={self.loss_function!r}: a signal (mse) has one "
                "class, others have two or more"
            )
        if self.loss_function == "mse" and self.majority_weight is not None:
            raise ValueError("majority_weight is of classes, and loss_function='mse' has none")
        if self.class_weights is not None and len(self.class_weights) != self.num_classes:
            raise ValueError(f"class_weights has {len(self.class_weights)} values, num_classes={self.num_classes}")
        if self.tissues is not None and len(self.tissues) != self.num_tissues:
            raise ValueError(f"{len(self.tissues)} tissues are named, num_tissues={self.num_tissues}")


@strict
class VariantFormerConfig(_ConfigWithCode):
    """Configuration of the expression model. Defaults are the released model's.

    Attributes:
        encoder_config: of the cCRE encoder and of the gene encoder, which have the same shape.
        hidden_size, num_attention_heads, intermediate_size: width, heads, feed-forward rows of the modulators.
        num_hidden_layers: layers of the gene stream; the cCRE stream has one fewer.
        tissues: name of each row of the tissue embedding; None = a row without a name.
        cre_classes: names of the classes of cCREs, by id.
        use_alibi: ALiBi over ranks in self-attention.
        cross_alibi: ALiBi in cross-attention too, aligned at the end; off whenever ``use_alibi`` is.
        use_context: cross-attention of the cCRE stream to the class embeddings.
        only_cross_attention: no self-attention where a context is attended to.
        use_res: add the gene stream's input after each gene layer.
        add_context_to_cres: add the tissue's row to every cCRE, which makes the cCRE stream depend on the tissue.
        gene_pooling: what the head reads: ``multi_registry`` (a row per tissue), ``start_token`` (one learned row),
            ``max`` or ``mean`` over windows.
        head_type: ``mlp`` or ``linear``.
        use_bigger_head: the deeper mlp.
        multi_head: a head per tissue instead of one for all.
        loss_function: ``poisson_nll`` (softplus output) or ``mse`` (no softplus).
        attention_dropout, hidden_dropout: on attention weights, and after the gated product and in the head.
        residual_dtype: ``float32`` keeps the residual stream in float32 whatever the weights are; ``model`` does not.
        unit: of the predictions.
        assembly, chromosomes: what the model was trained on; names without ``chr``, None = the autosomes.
        companions: file of the model's folder -> its SHA-256, of what belongs to the weights; None = not known.
    """

    model_type = "variantformer"
    sub_configs: ClassVar[dict[str, Any]] = {"encoder_config": VariantFormerEncoderConfig}

    encoder_config: dict | PreTrainedConfig | None = None
    hidden_size: int = 1536
    num_hidden_layers: int = 25
    num_attention_heads: int = 32
    intermediate_size: int = 2048
    tissues: list[str | None] | None = None
    cre_classes: list[str] | None = None
    use_alibi: bool = True
    cross_alibi: bool = False
    use_context: bool = True
    only_cross_attention: bool = False
    use_res: bool = False
    add_context_to_cres: bool = False
    gene_pooling: str = "multi_registry"
    head_type: str = "mlp"
    use_bigger_head: bool = True
    multi_head: bool = False
    loss_function: str = "poisson_nll"
    attention_dropout: float | int = 0.1
    hidden_dropout: float | int = 0.1
    residual_dtype: str = "float32"
    layer_norm_eps: float = 1e-5
    initializer_range: float = 0.02
    unit: str = "log1p_tpm"
    assembly: str = "GRCh38"
    chromosomes: list[str] | None = None
    companions: dict[str, str] | None = None

    def __post_init__(self, **kwargs: Any) -> None:
        refuse_misspelled(self, kwargs)
        if self.encoder_config is None:
            self.encoder_config = VariantFormerEncoderConfig()
        elif isinstance(self.encoder_config, dict):
            self.encoder_config = VariantFormerEncoderConfig(**self.encoder_config)
        if self.tissues is None:
            self.tissues = [f"tissue {index}" for index in range(63)]
        if self.chromosomes is None:
            self.chromosomes = [str(number) for number in range(1, 23)]
        if self.cre_classes is None:
            self.cre_classes = list(CRE_CLASSES)
        self.validate_architecture()
        super().__post_init__(**kwargs)

    @property
    def num_tissues(self) -> int:
        """Rows of the tissue embedding, those without a name included."""
        return len(self.tissues or ())

    def validate_architecture(self) -> None:
        """Refuse values that the model does not implement."""
        check_choices(self, _EXPRESSION_CHOICES)
        _check_sizes(self, _SIZES)
        if isinstance(self.encoder_config, VariantFormerEncoderConfig) and self.encoder_config.use_context:
            raise ValueError("encoder_config.use_context=True is for stage 1 only: gene windows have no class")
