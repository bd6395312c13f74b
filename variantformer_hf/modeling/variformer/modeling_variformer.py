"""Variformer (Drusinsky, Whalen and Pollard, Genome Biology 2026): a person's DNA around a TSS -> expression.

What is unusual here:

- A person is one input, the mean of both haplotypes' one-hot DNA: a heterozygous SNP is half of each base.
- A gene is read from one bin, that of its TSS, by one linear map; no softplus, as values are z-scores over people.
- All of the trunk learns but its BatchNorms, which stay in evaluation.
- Half of the loss is of differences between people of one gene, see ``loss_variformer``.
"""

from dataclasses import dataclass
from os import PathLike
from typing import Any, ClassVar

import torch
from torch import nn
from transformers import AutoConfig
from transformers import initialization as init
from transformers.utils import ModelOutput
from transformers.utils.generic import can_return_tuple

from ..enformer.configuration_enformer import EnformerConfig, EnformerTrunkConfig
from ..enformer.modeling_enformer import EnformerForTracks, EnformerModel
from ..enformer.trunk_enformer import Float32Linear, TrackHeads, TrunkPreTrainedModel, centre
from .configuration_variformer import ATTENTION_BINS, VariformerConfig
from .loss_variformer import pairwise_difference_loss

# Of a trunk these are not taken over from Enformer: they are Variformer's own.
_OWN = ("gamma_norm", "freeze_batchnorm")


@dataclass
class VariformerOutput(ModelOutput):
    """Output of the network; T are its outputs, mostly one. All is float32.

    Attributes:
        loss: (), see ``pairwise_difference_loss``; None without ``labels``.
        logits: (B, T).
        pooler_output: (B, 2 * hidden_size), what the head reads.
    """

    loss: torch.Tensor | None = None
    logits: torch.Tensor | None = None
    pooler_output: torch.Tensor | None = None


class VariformerForExpression(TrunkPreTrainedModel):
    """DNA of a window -> expression of its gene in each tissue.

    Args:
        config: the model's configuration.
    """

    config: VariformerConfig
    config_class = VariformerConfig
    _keep_in_fp32_modules_strict: ClassVar[list[str]] = ["batch_norm", "head", "bin_weight"]

    def __init__(self, config: VariformerConfig) -> None:
        super().__init__(config)
        width = config.embedding_size
        self.trunk = EnformerModel(config)
        self.head = Float32Linear(width, config.n_outputs)
        if config.readout == "attention":
            self.bin_weight = Float32Linear(width, 1)
        if config.keep_reference_heads:
            self.heads = TrackHeads(width, config.tracks or {}, "softplus")
            self.heads.requires_grad_(False)
        self.post_init()

    @classmethod
    def from_enformer(
        cls, folder: str | PathLike[str], *, revision: str = "main", **fields: Any
    ) -> "VariformerForExpression":
        """A new model on the trunk of an Enformer; its head is drawn.

        Args:
            folder: of an ``EnformerForTracks``, or a Hub id. Its sizes and dropouts are taken over.
            revision: branch, tag or commit of a Hub repository.
            **fields: of :class:`VariformerConfig`, such as ``tissues`` and ``sequence_length``. ``gamma_norm`` is
                ``feature``, with which Variformer was trained, whatever the folder says, unless it is given.

        Raises:
            ValueError: another family, or weights that are missing or do not fit.
        """
        given = AutoConfig.from_pretrained(folder, revision=revision)
        if not isinstance(given, EnformerConfig):
            raise ValueError(f"{folder}: is a {given.model_type!r}, and an 'enformer_trunk' is expected")
        names = EnformerTrunkConfig.__annotations__.keys() - set(_OWN)
        taken = {name: getattr(given, name) for name in names}
        if fields.get("keep_reference_heads"):
            taken["tracks"] = given.tracks
        model = cls(VariformerConfig(**{**taken, **fields}))
        reference, found = EnformerForTracks.from_pretrained(
            folder, revision=revision, dtype=torch.float32, output_loading_info=True
        )
        wrong = sorted(map(str, [*found["missing_keys"], *found["unexpected_keys"], *found["mismatched_keys"]]))
        if wrong:
            raise ValueError(f"{folder}: {len(wrong)} weights of Enformer do not fit (first: {wrong[0]})")
        model.trunk.load_state_dict(reference.trunk.state_dict())
        if model.config.keep_reference_heads:
            model.heads.load_state_dict(reference.heads.state_dict())
        return model.eval()

    @property
    def dtype(self) -> torch.dtype:
        """Of the trunk: what reads it is float32."""
        return self.trunk.dtype

    @can_return_tuple
    def forward(
        self,
        dna: torch.Tensor,
        labels: torch.Tensor | None = None,
        gene_index: torch.Tensor | None = None,
        *,
        outputs: torch.Tensor | None = None,
        **kwargs: Any,
    ) -> VariformerOutput:
        """Predict genes of people.

        Args:
            dna: (B, L, 4), floating point: shares of A, C, G and T at each base, the mean of both haplotypes, with the
                TSS at base L // 2.
            labels: (B, T), NaN where there is none.
            gene_index: (B,) which gene each row is of, for the loss; None = all are of one.
            outputs: (B, T) int64, which outputs; None = all.

        Raises:
            ValueError: another shape, length or type.
        """
        if dna.dim() == 3:  # of other shapes the trunk says what is wrong
            self.config.check_length(dna.shape[1])
        states = self.trunk(dna, return_dict=True).last_hidden_state
        pooled = self._pooled(states)
        logits = self.head(pooled)
        if outputs is not None:
            logits = logits.gather(1, outputs)
        loss = None
        if labels is not None:
            loss = pairwise_difference_loss(logits, labels, gene_index, outputs, alpha=self.config.loss_alpha)
        return VariformerOutput(loss=loss, logits=logits, pooler_output=pooled)

    def _pooled(self, states: torch.Tensor) -> torch.Tensor:
        """(B, N, D) -> (B, D) float32 or float64: the bin of the TSS, or the ones around it, weighed."""
        dtype = torch.promote_types(states.dtype, torch.float32)
        if self.config.readout == "center_bin":
            return states[:, states.shape[1] // 2].to(dtype)
        around = centre(states, ATTENTION_BINS).to(dtype)
        return (self.bin_weight(around).softmax(dim=1) * around).sum(dim=1)

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, Float32Linear):  # as torch draws a linear map by itself
            bound = module.in_features**-0.5
            init.uniform_(module.weight, -bound, bound)
            init.uniform_(module.bias, -bound, bound)
        else:
            super()._init_weights(module)
