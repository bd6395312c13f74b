"""Configuration of UKBioFormer (an Enformer trunk) and UKBioZoi (a Borzoi trunk)."""

from dataclasses import fields
from typing import Any

from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig

from ..borzoi.configuration_borzoi import BorzoiConfig
from ..enformer.configuration_enformer import EnformerConfig, check_sizes, check_window
from ..variantformer.configuration_variantformer import check_choices, refuse_misspelled

_AT_LEAST_ONE = ("n_transformers", "embedding_size", "mlp_hidden", "input_length", "embedding_length")
_KINDS: dict[str, type[EnformerConfig] | type[BorzoiConfig]] = {"enformer": EnformerConfig, "borzoi": BorzoiConfig}
# What gReLU 1.0.1, in which both were trained, has otherwise than the published trunks. Of Enformer it halves the last
# dropout by a division of whole numbers, 0.4 // 8, which leaves none.
_GRELU: dict[str, dict[str, Any]] = {
    "enformer": {"gamma_norm": "feature", "final_dropout": 0.0},
    "borzoi": {
        "norm_eps": 1e-5,
        "gelu": "erf",
        "position_length": None,
        **dict.fromkeys(("hidden_dropout", "attention_dropout", "position_dropout", "final_dropout"), 0.0),
    },
}
# Fields of a trunk that are said once, here.
_OWN = ("num_hidden_layers", "freeze_batchnorm", "initializer_range")


@strict
class UkBioFormerConfig(PreTrainedConfig):
    """Configuration of UKBioFormer. Defaults are those of its public code, in which one model is one gene's.

    Attributes:
        backbone: the trunk, ``enformer`` (UKBioFormer) or ``borzoi`` (UKBioZoi).
        n_transformers: of the trunk's layers so many are there, the first ones; UKBioZoi's code has 8.
        trunk: fields of the trunk's config that are not as in gReLU 1.0.1, by name; see :attr:`trunk_config`.
        freeze_batchnorm: BatchNorm keeps its statistics and weights in training.
        embedding_size: width of a person's variant embedding, of two haplotypes one behind the other.
        mlp_hidden: width of the middle of what reads it.
        gate_seed: of the gate's first value, drawn from N(0, 1) by a generator of its own.
        tissues: names of the outputs; None = one without a name.
        genes: names or ids of the genes that it was trained on; None = not known.
        unit: of the outputs.
        assembly: of the genome that it was trained on; None = any.
        input_length: bases around the TSS that the trunk reads. The public code has 100,000 and 49,000, of which a
            Borzoi trunk reads neither.
        n_share: what N writes into each of the four channels.
        embedding_model: the UKBioBERT that makes the embeddings: a folder or a Hub id.
        embedding_sha256: of that one's weights.
        embedding_length: bases around the TSS that it reads, at most ``input_length``.
        embedding_chunk_bases: longer sequences are cut into such pieces; None = a haplotype is one input.
    """

    model_type = "ukbioformer"

    backbone: str = "enformer"
    n_transformers: int = 1
    trunk: dict[str, Any] | None = None
    freeze_batchnorm: bool = False
    embedding_size: int = 1536
    mlp_hidden: int = 512
    gate_seed: int = 0
    initializer_range: float = 0.02
    tissues: list[str] | None = None
    genes: list[str] | None = None
    unit: str = "inverse_normal"
    assembly: str | None = None
    input_length: int = 49_152
    n_share: float | int = 0.0
    embedding_model: str | None = None
    embedding_sha256: str | None = None
    embedding_length: int = 49_000
    embedding_chunk_bases: int | None = None

    def __post_init__(self, **kwargs: Any) -> None:
        refuse_misspelled(self, kwargs)
        self.validate_architecture()
        super().__post_init__(**kwargs)

    @property
    def trunk_config(self) -> EnformerConfig | BorzoiConfig:
        """The trunk's: the published one's, with gReLU 1.0.1's settings, with ``trunk``'s.

        gReLU's Enformer has gamma features divided by feature and no dropout at the end; its Borzoi has the exact GELU,
        an eps of 1e-5, position features of the length that is read, and no dropout.
        """
        own = {name: getattr(self, name) for name in _OWN[1:]}
        settings = {**_GRELU[self.backbone], **(self.trunk or {}), **own, "num_hidden_layers": self.n_transformers}
        return _KINDS[self.backbone](**settings)

    @property
    def n_outputs(self) -> int:
        """Numbers that are predicted of a gene."""
        return len(self.tissues or (None,))

    @property
    def bin_size(self) -> int:
        """Bases of a bin of the trunk."""
        return self.trunk_config.bin_size

    def validate_architecture(self) -> None:
        """Refuse values that the model does not implement."""
        check_choices(self, {"backbone": tuple(_KINDS)})
        check_sizes(self, _AT_LEAST_ONE, ())
        check_window(self)
        if self.embedding_length > self.input_length:
            raise ValueError(f"embedding_length={self.embedding_length} is more than input_length={self.input_length}")
        if self.tissues is not None and not self.tissues:
            raise ValueError("tissues=[] must name at least one, or be None")
        if self.embedding_chunk_bases is not None and self.embedding_chunk_bases < 1:
            raise ValueError(f"embedding_chunk_bases={self.embedding_chunk_bases} must be at least 1, or None")
        known = {field.name for field in fields(_KINDS[self.backbone])}
        for name in self.trunk or {}:
            if name in _OWN:
                raise ValueError(f"trunk: {name} is said by a field of UkBioFormerConfig itself")
            if name not in known:
                raise ValueError(f"trunk: {name} is not a field of {_KINDS[self.backbone].__name__}")
        _ = self.trunk_config

    def check_length(self, length: int) -> None:
        """Refuse a number of bases that the trunk cannot read.

        Raises:
            ValueError: as of the trunk's config.
        """
        self.trunk_config.check_length(length)


def of_trunk(config: EnformerConfig | BorzoiConfig) -> dict[str, Any]:
    """``backbone`` and ``trunk`` of a trunk's config: its sizes and numerics, not its dropouts, heads and windows."""
    backbone = next(name for name, kind in _KINDS.items() if isinstance(config, kind))
    plain = _KINDS[backbone](**_GRELU[backbone])
    left_out = (*_OWN, "tracks", "track_activation", "input_length", "read_out", "n_share", "gene_head", "unit")
    names = {field.name for field in fields(_KINDS[backbone])} - {field.name for field in fields(PreTrainedConfig)}
    kept = sorted(name for name in names - {*left_out, "assembly"} if not name.endswith("_dropout"))
    trunk = {name: getattr(config, name) for name in kept if getattr(config, name) != getattr(plain, name)}
    return {"backbone": backbone, "trunk": trunk or None}
