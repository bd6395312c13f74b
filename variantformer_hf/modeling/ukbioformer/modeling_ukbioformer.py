"""UKBioFormer and UKBioZoi (Liu et al., npj Artificial Intelligence 2026): DNA and a variant embedding -> expression.

What is unusual here:

- The two are joined last and least: each is read to one number, and one learned share, the gate, mixes the numbers.
- The trunk keeps its first layer or layers alone, and the mean over all bins is read, not the TSS's.
- The embedding is an input by itself. UKBioBERT, which makes it, is no part of the network and learns nothing here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike
from typing import Any, cast

import torch
from torch import nn
from transformers import AutoConfig
from transformers import initialization as init
from transformers.utils import ModelOutput
from transformers.utils.generic import can_return_tuple

from ..borzoi.configuration_borzoi import BorzoiConfig
from ..borzoi.modeling_borzoi import BorzoiModel
from ..enformer.configuration_enformer import EnformerConfig
from ..enformer.modeling_enformer import EnformerModel
from ..enformer.trunk_enformer import Float32Linear, TrunkPreTrainedModel, in_float32, squared_distance
from .configuration_ukbioformer import UkBioFormerConfig, of_trunk

_TRUNKS: dict[str, type[EnformerModel] | type[BorzoiModel]] = {"enformer": EnformerModel, "borzoi": BorzoiModel}
BRANCHES = ("fused", "dna", "embedding")


@dataclass
class UkBioFormerOutput(ModelOutput):
    """Output of the network; T are its outputs, mostly one. All is float32.

    Attributes:
        loss: (), mean squared distance from the labels that are there; 0 without any, None without ``labels``.
        logits: (B, T), of the branch that was asked for.
        dna_logits, embedding_logits: (B, T), of each branch that was read; else None.
        gate: (), the share of the DNA.
    """

    loss: torch.Tensor | None = None
    logits: torch.Tensor | None = None
    dna_logits: torch.Tensor | None = None
    embedding_logits: torch.Tensor | None = None
    gate: torch.Tensor | None = None


class UkBioFormerForExpression(TrunkPreTrainedModel):
    """DNA of a window and a person's variant embedding -> expression.

    ``y = s * mean over bins of Linear(trunk(DNA)) + (1 - s) * MLP(embedding)`` with ``s = sigmoid(gate)``.

    Args:
        config: the model's configuration; nothing is read from anywhere else.
    """

    config: UkBioFormerConfig
    config_class = UkBioFormerConfig
    main_input_name = "sequence"
    _no_split_modules = [*EnformerModel._no_split_modules, *BorzoiModel._no_split_modules]  # noqa: RUF012
    _keep_in_fp32_modules_strict = ["batch_norm", "dna_head", "embedding_head", "gate"]  # noqa: RUF012

    def __init__(self, config: UkBioFormerConfig) -> None:
        super().__init__(config)
        trunk = config.trunk_config
        trunk._attn_implementation = config._attn_implementation
        self.trunk = _TRUNKS[config.backbone](trunk)
        self.dna_head = Float32Linear(trunk.embedding_size, config.n_outputs)
        self.embedding_head = nn.Sequential(
            Float32Linear(config.embedding_size, config.mlp_hidden),
            nn.ReLU(),
            Float32Linear(config.mlp_hidden, config.n_outputs),
        )
        self.gate = nn.Parameter(torch.zeros(()))
        self.post_init()

    @classmethod
    def from_backbone(
        cls, folder: str | PathLike[str], *, revision: str = "main", **fields: Any
    ) -> "UkBioFormerForExpression":
        """A new model on the trunk of an Enformer or a Borzoi; heads and gate are drawn, the trunk's heads left out.

        Args:
            folder: a folder of ours, or a Hub id. Its sizes and numerics are taken over; dropouts are gReLU 1.0.1's
                where ``trunk`` does not say others.
            revision: branch, tag or commit of a Hub repository.
            **fields: of :class:`UkBioFormerConfig`. Of the trunk's layers the first ``n_transformers`` are kept.

        Raises:
            ValueError: another family, fewer layers than are asked for, or weights that are missing or do not fit.
        """
        given = AutoConfig.from_pretrained(folder, revision=revision)
        if not isinstance(given, EnformerConfig | BorzoiConfig):
            raise ValueError(f"{folder}: {given.model_type!r} is no trunk, an Enformer or a Borzoi is expected")
        taken = of_trunk(given)
        if fields.pop("backbone", taken["backbone"]) != taken["backbone"]:
            raise ValueError(f"{folder}: holds a trunk of {taken['backbone']}, and another backbone is asked for")
        taken["trunk"] = {**(taken["trunk"] or {}), **(fields.pop("trunk", None) or {})} or None
        config = UkBioFormerConfig(**taken, **fields)
        if config.n_transformers > given.num_hidden_layers:
            raise ValueError(
                f"{folder}: has {given.num_hidden_layers} layers, n_transformers={config.n_transformers} are asked for"
            )
        model = cls(config)
        kind: Any = type(model.trunk)
        trunk, found = kind.from_pretrained(folder, revision=revision, dtype=torch.float32, output_loading_info=True)
        wrong = sorted(map(str, [*found["missing_keys"], *found["unexpected_keys"], *found["mismatched_keys"]]))
        if wrong:
            raise ValueError(f"{folder}: {len(wrong)} weights of the trunk do not fit (first: {wrong[0]})")
        trunk.layers = trunk.layers[: config.n_transformers]
        model.trunk.load_state_dict(trunk.state_dict())
        return model.eval()

    def _apply(self, fn: Callable[[torch.Tensor], torch.Tensor], recurse: bool = True) -> "UkBioFormerForExpression":
        """Moved or turned into another type; the gate into none of 16 bits."""
        if recurse:
            for child in self.children():
                child._apply(fn)
        super()._apply(in_float32(fn), recurse=False)
        return self

    @property
    def dtype(self) -> torch.dtype:
        """Of the trunk: what reads it is float32."""
        return self.trunk.dtype

    @can_return_tuple
    def forward(
        self,
        sequence: torch.Tensor | None = None,
        variant_embedding: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        branch: str = "fused",
        *,
        outputs: torch.Tensor | None = None,
        **kwargs: Any,
    ) -> UkBioFormerOutput:
        """Predict genes of people.

        Args:
            sequence: (B, L, 4), floating point: shares of A, C, G and T at each base, the mean of both haplotypes. Not
                needed by the branch ``embedding``.
            variant_embedding: (B, embedding_size), floating point. Not needed by the branch ``dna``.
            labels: (B, T), NaN where there is none.
            branch: ``fused``, or ``dna`` or ``embedding``, one of the two by itself, without the gate; what the other
                one reads is then not looked at.
            outputs: (B, T) int64, which outputs; None = all.

        Raises:
            ValueError: an unknown branch, an input that the branch needs is not there, or has another shape, width,
                length or type than the config says.
        """
        if branch not in BRANCHES:
            raise ValueError(f"branch={branch!r} is not known; choose one of {', '.join(BRANCHES)}")
        of_dna = of_embedding = None
        if branch != "embedding":
            of_dna = self._dna_logits(sequence, branch)
        if branch != "dna":
            of_embedding = self._embedding_logits(variant_embedding, branch)
        gate = torch.sigmoid(self.gate)
        if of_dna is not None and of_embedding is not None:
            if len(of_dna) != len(of_embedding):
                raise ValueError(f"sequence is of {len(of_dna)} people, variant_embedding of {len(of_embedding)}")
            logits = gate * of_dna + (1 - gate) * of_embedding
        else:
            logits = cast(torch.Tensor, of_embedding if of_dna is None else of_dna)
        if outputs is not None:
            logits = logits.gather(1, outputs)
            of_dna, of_embedding = (
                None if each is None else each.gather(1, outputs) for each in (of_dna, of_embedding)
            )
        loss = None if labels is None else squared_distance(logits, labels)
        return UkBioFormerOutput(loss=loss, logits=logits, dna_logits=of_dna, embedding_logits=of_embedding, gate=gate)

    def _dna_logits(self, sequence: torch.Tensor | None, branch: str) -> torch.Tensor:
        """Linear of the mean over bins, which is the mean over bins of Linear."""
        if sequence is None:
            raise ValueError(f"branch={branch!r} needs sequence")
        states = self.trunk(sequence, return_dict=True).last_hidden_state
        found: torch.Tensor = self.dna_head(states.mean(dim=1, dtype=self.dna_head.weight.dtype))
        return found

    def _embedding_logits(self, embedding: torch.Tensor | None, branch: str) -> torch.Tensor:
        if embedding is None:
            raise ValueError(f"branch={branch!r} needs variant_embedding")
        width = self.config.embedding_size
        if embedding.dim() != 2:
            raise ValueError(f"variant_embedding has the shape {tuple(embedding.shape)}, (batch, {width}) is expected")
        if embedding.shape[1] != width:
            raise ValueError(f"variant_embedding has a width of {embedding.shape[1]}, embedding_size={width}")
        if not embedding.is_floating_point():
            raise ValueError(
                f"variant_embedding is {str(embedding.dtype).removeprefix('torch.')}, floating point is expected"
            )
        found: torch.Tensor = self.embedding_head(embedding)
        return found

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if module is self:
            drawn = torch.randn((), generator=torch.Generator("cpu").manual_seed(self.config.gate_seed), device="cpu")
            init.constant_(self.gate, float(drawn))
