"""Configuration of UKBioBERT, which has the architecture of DNABERT-2."""

from typing import Any

from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig

from ..enformer.configuration_enformer import check_sizes
from ..variantformer.configuration_variantformer import refuse_misspelled

_AT_LEAST_ONE = (
    "vocab_size",
    "type_vocab_size",
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
)


@strict
class UkBioBertConfig(PreTrainedConfig):
    """Configuration of UKBioBERT. Defaults are those of DNABERT-2 117M, from which it was trained on.

    Attributes:
        vocab_size: tokens.
        hidden_size, num_hidden_layers, num_attention_heads: width, layers, heads.
        intermediate_size: width of the gated product.
        hidden_dropout, attention_dropout: of what joins the stream, and of attention weights.
        layer_norm_eps: of every LayerNorm.
        type_vocab_size: rows of the embedding of token types, of which the first is used.
        pad_token_id: that of the tokenizer; what is padding is said by the attention mask alone.
    """

    model_type = "ukbiobert"

    vocab_size: int = 4096
    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    intermediate_size: int = 3072
    hidden_dropout: float | int = 0.1
    attention_dropout: float | int = 0.0
    layer_norm_eps: float = 1e-12
    initializer_range: float = 0.02
    type_vocab_size: int = 2
    pad_token_id: int | None = 3
    tie_word_embeddings: bool = True

    def __post_init__(self, **kwargs: Any) -> None:
        refuse_misspelled(self, kwargs)
        self.validate_architecture()
        super().__post_init__(**kwargs)

    def validate_architecture(self) -> None:
        """Refuse values that the model does not implement."""
        check_sizes(self, _AT_LEAST_ONE, ("hidden_dropout", "attention_dropout"))
        if self.hidden_size % self.num_attention_heads:
            raise ValueError(
                f"hidden_size={self.hidden_size} is not a multiple of num_attention_heads={self.num_attention_heads}"
            )
