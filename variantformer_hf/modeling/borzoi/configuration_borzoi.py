"""Configuration of the Borzoi trunk and its heads."""

from typing import Any

from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig

from ..enformer.configuration_enformer import check_heads, check_sizes, check_window
from ..variantformer.configuration_variantformer import check_choices, refuse_misspelled

_AT_LEAST_ONE = (
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "key_size",
    "value_size",
    "num_position_features",
    "embedding_size",
)
_DROPOUTS = ("hidden_dropout", "attention_dropout", "position_dropout", "final_dropout")


@strict
class BorzoiConfig(PreTrainedConfig):
    """Configuration of Borzoi. Defaults are the published model's.

    Attributes:
        hidden_size: width of the transformer and of the U-net's output.
        num_hidden_layers, num_attention_heads: layers and heads of the transformer.
        key_size, value_size: width of a head's queries and keys, and of its values.
        num_position_features: width of the features of a distance, half of them signed.
        tower_sizes: channels of the stem and of each convolution down to the first bin, each after a halving.
        embedding_size: width of what the heads read.
        norm_eps: of BatchNorm and LayerNorm; 1e-5 in gReLU 1.0.
        gelu: ``tanh`` (an approximation of it, as published) or ``erf`` (exact, as in gReLU 1.0).
        position_length: transformer bins that the widths of the position features are spread over; None = those that
            are read (gReLU 1.0). No more than that can be read.
        freeze_batchnorm: BatchNorm keeps its statistics and weights in training.
        hidden_dropout: in the transformer's residual branches.
        attention_dropout, position_dropout: on attention weights, and on position features.
        final_dropout: on the embedding, before its activation.
        tracks: name of a head -> its tracks; published are 7,611 of human and 2,608 of mouse.
        track_activation: of the heads, ``softplus`` as published or ``none``.
        input_length, read_out, n_share, gene_head, unit, assembly: of a gene, see ``TrackSettings``.
    """

    model_type = "borzoi_trunk"

    hidden_size: int = 1536
    num_hidden_layers: int = 8
    num_attention_heads: int = 8
    key_size: int = 64
    value_size: int = 192
    num_position_features: int = 32
    tower_sizes: list[int] | None = None
    embedding_size: int = 1920
    norm_eps: float = 1e-3
    gelu: str = "tanh"
    position_length: int | None = 4096
    freeze_batchnorm: bool = False
    hidden_dropout: float | int = 0.2
    attention_dropout: float | int = 0.05
    position_dropout: float | int = 0.01
    final_dropout: float | int = 0.1
    initializer_range: float = 0.02
    tracks: dict[str, int] | None = None
    track_activation: str = "softplus"
    input_length: int = 524_288
    read_out: str = "exons"
    n_share: float | int = 0.0
    gene_head: str = "human"
    unit: str = "track"
    assembly: str | None = None

    def __post_init__(self, **kwargs: Any) -> None:
        refuse_misspelled(self, kwargs)
        if self.tower_sizes is None:
            self.tower_sizes = [512, 608, 736, 896, 1056, 1280]
        if self.tracks is None:
            self.tracks = {"human": 7611}
        self.validate_architecture()
        super().__post_init__(**kwargs)

    @property
    def bin_size(self) -> int:
        """Bases of a bin."""
        return int(2 ** (len(self.tower_sizes or ()) - 1))

    @property
    def length_multiple(self) -> int:
        """What a length must be a multiple of: the bases of a bin of the transformer."""
        return 4 * self.bin_size

    def validate_architecture(self) -> None:
        """Refuse values that the model does not implement."""
        check_choices(self, {"gelu": ("tanh", "erf")})
        check_sizes(self, _AT_LEAST_ONE, _DROPOUTS)
        check_heads(self)
        if len(self.tower_sizes or ()) < 2 or min(self.tower_sizes or (0,)) < 1:
            raise ValueError(f"tower_sizes={self.tower_sizes} must be two or more numbers of channels")
        if self.num_position_features % 2:
            raise ValueError(
                f"num_position_features={self.num_position_features} is split in two halves: it must be even"
            )
        if self.position_length is not None and self.position_length < 1:
            raise ValueError(f"position_length={self.position_length} must be at least 1, or None")
        check_window(self)

    def check_length(self, length: int) -> None:
        """Refuse a number of bases that cannot be read.

        Raises:
            ValueError: it is no multiple of ``length_multiple``, or has more bins than ``position_length``.
        """
        if length < 1 or length % self.length_multiple:
            raise ValueError(f"dna has {length} bases, which is not a multiple of {self.length_multiple}")
        bins = length // self.length_multiple
        if self.position_length is not None and bins > self.position_length:
            raise ValueError(f"{bins} bins of the transformer are more than position_length={self.position_length}")
