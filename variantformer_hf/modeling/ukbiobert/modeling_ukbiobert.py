"""UKBioBERT (Liu et al., npj Artificial Intelligence 2026): DNABERT-2's architecture, tokens of DNA -> a vector each.

What is unusual here:

- No position embeddings: attention has symmetric ALiBi, so that inputs may be longer than those of training.
- Long inputs are attended to by blocks of queries: the scores of all tokens with all are never held.
- Token types are always 0; what is padding the attention mask says, never an id.
"""

from typing import Any, ClassVar

import torch
from torch import nn
from torch.nn import functional as F
from transformers import PreTrainedModel
from transformers import initialization as init
from transformers.modeling_outputs import BaseModelOutput, MaskedLMOutput
from transformers.utils.generic import can_return_tuple

from .configuration_ukbiobert import UkBioBertConfig
from .layers_ukbiobert import UkBioBertLayer


class UkBioBertEmbeddings(nn.Module):
    """Token ids -> normed vectors."""

    def __init__(self, config: UkBioBertConfig) -> None:
        super().__init__()
        self.word = nn.Embedding(config.vocab_size, config.hidden_size)
        self.token_type = nn.Embedding(config.type_vocab_size, config.hidden_size)
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout)

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        return self.dropout(self.norm(self.word(input_ids) + self.token_type.weight[0]))


class UkBioBertPreTrainedModel(PreTrainedModel):
    """Weights' initialisation, and what the models can do."""

    config: UkBioBertConfig
    config_class = UkBioBertConfig
    base_model_prefix = "model"
    supports_gradient_checkpointing = True
    _no_split_modules: ClassVar[list[str]] = ["UkBioBertEmbeddings", "UkBioBertLayer"]
    _supports_sdpa = True
    _supports_flash_attn = False
    _supports_flex_attn = False

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, nn.Linear | nn.Embedding):
            init.normal_(module.weight, mean=0.0, std=self.config.initializer_range)
            if isinstance(module, nn.Linear) and module.bias is not None:
                init.zeros_(module.bias)
        elif isinstance(module, nn.LayerNorm):
            init.ones_(module.weight)
            init.zeros_(module.bias)


class UkBioBertModel(UkBioBertPreTrainedModel):
    """Tokens of DNA -> a vector a token.

    Args:
        config: the model's configuration.
    """

    _keys_to_ignore_on_load_unexpected: ClassVar[list[str]] = [r"^head\."]

    def __init__(self, config: UkBioBertConfig) -> None:
        super().__init__(config)
        self.embeddings = UkBioBertEmbeddings(config)
        self.layers = nn.ModuleList(UkBioBertLayer(config) for _ in range(config.num_hidden_layers))
        self.post_init()

    def get_input_embeddings(self) -> nn.Embedding:
        return self.embeddings.word

    def set_input_embeddings(self, value: nn.Embedding) -> None:
        self.embeddings.word = value

    @can_return_tuple
    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        output_hidden_states: bool = False,
        **kwargs: Any,
    ) -> BaseModelOutput:
        """Encode tokens.

        Args:
            input_ids: (B, N).
            attention_mask: (B, N), 1 = token, 0 = padding; None = all are tokens.
            output_hidden_states: also give the vectors before the first layer and after each.

        Returns:
            ``last_hidden_state`` (B, N, hidden_size); rows of padding mean nothing.

        Raises:
            ValueError: shapes that do not fit each other.
        """
        if input_ids.dim() != 2:
            raise ValueError(f"input_ids has the shape {tuple(input_ids.shape)}, (batch, tokens) is expected")
        if attention_mask is not None and attention_mask.shape != input_ids.shape:
            raise ValueError(
                f"attention_mask has the shape {tuple(attention_mask.shape)}, input_ids {tuple(input_ids.shape)}"
            )
        key_mask = None if attention_mask is None or bool(attention_mask.all()) else attention_mask.bool()
        hidden_states = self.embeddings(input_ids)
        all_states = [hidden_states] if output_hidden_states else []
        for layer in self.layers:
            hidden_states = layer(hidden_states, key_mask)
            if output_hidden_states:
                all_states.append(hidden_states)
        return BaseModelOutput(
            last_hidden_state=hidden_states, hidden_states=tuple(all_states) if output_hidden_states else None
        )


class UkBioBertHead(nn.Module):
    """Vectors -> scores of all tokens; the last map's weights are those of the word embedding."""

    def __init__(self, config: UkBioBertConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.decoder = nn.Linear(config.hidden_size, config.vocab_size)

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        return self.decoder(self.norm(F.gelu(self.dense(hidden_states))))


class UkBioBertForMaskedLM(UkBioBertPreTrainedModel):
    """Tokens of DNA, some of them masked -> scores of the tokens that may stand there.

    Args:
        config: the model's configuration.
    """

    _tied_weights_keys: ClassVar[dict[str, str]] = {"head.decoder.weight": "model.embeddings.word.weight"}

    def __init__(self, config: UkBioBertConfig) -> None:
        super().__init__(config)
        self.model = UkBioBertModel(config)
        self.head = UkBioBertHead(config)
        self.post_init()

    def get_input_embeddings(self) -> nn.Embedding:
        return self.model.embeddings.word

    def set_input_embeddings(self, value: nn.Embedding) -> None:
        self.model.embeddings.word = value

    def get_output_embeddings(self) -> nn.Linear:
        return self.head.decoder

    def set_output_embeddings(self, value: nn.Linear) -> None:
        self.head.decoder = value

    @can_return_tuple
    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        output_hidden_states: bool = False,
        **kwargs: Any,
    ) -> MaskedLMOutput:
        """Score the tokens of each place.

        Args:
            input_ids, attention_mask, output_hidden_states: see :class:`UkBioBertModel`.
            labels: (B, N), the tokens that were masked, -100 elsewhere.

        Returns:
            ``logits`` (B, N, vocab_size) float32, and the mean cross-entropy over the labels as ``loss``; 0 where there
            are none.
        """
        found = self.model(input_ids, attention_mask, output_hidden_states, return_dict=True)
        logits = self.head(found.last_hidden_state).float()
        loss = None
        if labels is not None:
            total = F.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=-100, reduction="sum")
            loss = total / (labels != -100).sum().clamp(min=1)
        return MaskedLMOutput(loss=loss, logits=logits, hidden_states=found.hidden_states)
