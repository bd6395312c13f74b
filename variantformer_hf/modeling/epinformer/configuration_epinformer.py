"""Configuration of EPInformer."""

from typing import Any

from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig

from ..enformer.configuration_enformer import check_sizes
from ..variantformer.configuration_variantformer import refuse_misspelled

# What is known of an element, by how many numbers a model reads of each; in the order in which they are read.
ELEMENT_FEATURES: dict[int, tuple[str, ...]] = {
    1: ("distance",),
    2: ("distance", "activity"),
    3: ("distance", "contact", "activity"),
}
# What is known of a gene, as published: Xpresso's features of its mRNA's half-life, and its promoter's activity.
GENE_FEATURES = (
    "utr5_length",
    "cds_length",
    "intron_length",
    "utr3_length",
    "utr5_gc",
    "cds_gc",
    "utr3_gc",
    "orf_exon_density",
    "promoter_activity",
)
HALVINGS = 4
# Of the convolutions behind the tower, which are of three positions and cut what they cannot read whole.
DILATIONS = (2, 4, 6)
_CUT = sum(2 * dilation for dilation in DILATIONS)
_AT_LEAST_ONE = (
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "head_size",
    "dilated_channels",
    "element_channels",
    "num_enhancers",
    "max_distance",
)


@strict
class EPInformerConfig(PreTrainedConfig):
    """Configuration of EPInformer. Defaults are the published model's with three numbers an element.

    Attributes:
        hidden_size, num_hidden_layers, num_attention_heads, intermediate_size: of the layers that promoter and elements
            go through.
        attention_dropout: on attention weights.
        head_size: width of the two layers behind them.
        conv_channels: of the convolution that reads bases, and of the four that halve the length.
        dilated_channels: of the three dilated convolutions behind them.
        element_channels: numbers a position that are left; hidden_size is a multiple of it.
        element_length: bases of a promoter and of an element.
        num_enhancers: elements beside the promoter, at the most.
        max_distance: bases between an element and the TSS, at the most.
        num_element_features: numbers that are known of an element, see ``ELEMENT_FEATURES``.
        gene_features: names of the numbers that are known of a gene; None = ``GENE_FEATURES``.
        embedding_size: width of a gene's vector of another model; 0 = none is read.
        tissues: names of what is predicted, the cell line mostly; None = one output without a name.
        unit: of the predictions.
        assembly: of the genome that the elements lie on; None = any.
    """

    model_type = "epinformer"

    hidden_size: int = 64
    num_hidden_layers: int = 3
    num_attention_heads: int = 4
    intermediate_size: int = 256
    attention_dropout: float | int = 0.0
    head_size: int = 128
    conv_channels: list[int] | None = None
    dilated_channels: int = 64
    element_channels: int = 32
    element_length: int = 2000
    num_enhancers: int = 60
    max_distance: int = 100_000
    num_element_features: int = 3
    gene_features: list[str] | None = None
    embedding_size: int = 0
    layer_norm_eps: float = 1e-5
    batch_norm_eps: float = 1e-5
    tissues: list[str] | None = None
    unit: str = "log10_cage"
    assembly: str | None = None

    def __post_init__(self, **kwargs: Any) -> None:
        refuse_misspelled(self, kwargs)
        if self.conv_channels is None:
            self.conv_channels = [256, 128, 64, 64, 128]
        if self.gene_features is None:
            self.gene_features = list(GENE_FEATURES)
        self.validate_architecture()
        super().__post_init__(**kwargs)

    @property
    def num_positions(self) -> int:
        """Positions of an element that are left behind the convolutions."""
        return self.element_length // 2**HALVINGS - _CUT

    @property
    def element_features(self) -> tuple[str, ...]:
        """What is known of an element."""
        return ELEMENT_FEATURES[self.num_element_features]

    @property
    def num_outputs(self) -> int:
        """Numbers that are predicted of a gene."""
        return len(self.tissues or [None])

    def validate_architecture(self) -> None:
        """Refuse values that the model does not implement."""
        check_sizes(self, _AT_LEAST_ONE, ("attention_dropout",))
        channels = self.conv_channels or []
        if len(channels) != HALVINGS + 1 or min(channels) < 1:
            raise ValueError(f"conv_channels={channels} must be {HALVINGS + 1} numbers of at least 1")
        for name, divisor in (("num_attention_heads", "a head"), ("element_channels", "a channel")):
            if self.hidden_size % getattr(self, name):
                raise ValueError(
                    f"hidden_size={self.hidden_size} is not a multiple of {name}={getattr(self, name)}: {divisor} has "
                    "no whole number of them"
                )
        if self.num_positions < 1:
            least = (_CUT + 1) * 2**HALVINGS
            raise ValueError(f"element_length={self.element_length} must be at least {least}")
        if self.num_element_features not in ELEMENT_FEATURES:
            raise ValueError(f"num_element_features={self.num_element_features} must be 1, 2 or 3")
        if self.embedding_size < 0:
            raise ValueError(f"embedding_size={self.embedding_size} must be at least 0")
        features = self.gene_features or []
        if len(set(features)) != len(features):
            raise ValueError("gene_features: a name stands there twice")
