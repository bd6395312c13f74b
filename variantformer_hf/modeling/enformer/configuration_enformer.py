"""Configuration of the Enformer trunk and its heads."""

from typing import Any, Protocol

from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig

from ..variantformer.configuration_variantformer import check_choices, refuse_misspelled

_AT_LEAST_ONE = ("hidden_size", "num_hidden_layers", "num_attention_heads", "key_size", "channel_multiple")
_DROPOUTS = ("hidden_dropout", "attention_dropout", "position_dropout", "final_dropout")
# Position features come in three classes, each also with the sign of the distance.
_FEATURE_CLASSES = 6
PUBLISHED_TRACKS = {"human": 5313, "mouse": 1643}


@strict
class EnformerTrunkConfig(PreTrainedConfig):
    """What configures an Enformer trunk, whatever reads it. Defaults are the published model's.

    Attributes:
        hidden_size: width of the transformer; the stem has half of it, the embedding twice.
        num_hidden_layers, num_attention_heads: layers and heads of the transformer.
        key_size: width of a head's queries and keys; its values have hidden_size / heads.
        num_downsamples: halvings of the length, the stem's included: a bin is 2 ** num_downsamples bases.
        channel_multiple: what the widths between the stem and the transformer are rounded to.
        gamma_norm: what the gamma position features are divided by the maximum over: ``feature`` (enformer-pytorch, and
            what was trained with it) or ``position`` (the original Enformer).
        freeze_batchnorm: BatchNorm keeps its statistics and weights in training.
        hidden_dropout: in the transformer's residual branches.
        attention_dropout, position_dropout: on attention weights, and on position features.
        final_dropout: on the embedding, before its activation.
    """

    hidden_size: int = 1536
    num_hidden_layers: int = 11
    num_attention_heads: int = 8
    key_size: int = 64
    num_downsamples: int = 7
    channel_multiple: int = 128
    gamma_norm: str = "feature"
    freeze_batchnorm: bool = False
    hidden_dropout: float | int = 0.4
    attention_dropout: float | int = 0.05
    position_dropout: float | int = 0.01
    final_dropout: float | int = 0.05
    layer_norm_eps: float = 1e-5
    batch_norm_eps: float = 1e-5
    initializer_range: float = 0.02

    def __post_init__(self, **kwargs: Any) -> None:
        refuse_misspelled(self, kwargs)
        self.validate_architecture()
        super().__post_init__(**kwargs)

    @property
    def bin_size(self) -> int:
        """Bases of a bin."""
        return int(2**self.num_downsamples)

    @property
    def embedding_size(self) -> int:
        """Width of the embedding of a bin."""
        return 2 * self.hidden_size

    @property
    def value_size(self) -> int:
        """Width of a head's values, and of the position features."""
        return self.hidden_size // self.num_attention_heads

    @property
    def num_position_features(self) -> int:
        """Width of the features of a distance."""
        return self.value_size

    def validate_architecture(self) -> None:
        """Refuse values that the model does not implement."""
        check_choices(self, {"gamma_norm": ("feature", "position")})
        check_sizes(self, _AT_LEAST_ONE, _DROPOUTS)
        if self.num_downsamples < 3:
            raise ValueError(f"num_downsamples={self.num_downsamples} must be at least 3: the stem's and two more")
        if self.hidden_size % (2 * self.num_attention_heads):
            raise ValueError(
                f"hidden_size={self.hidden_size} is not a multiple of twice "
                f"num_attention_heads={self.num_attention_heads}"
            )
        if self.num_position_features % _FEATURE_CLASSES:
            raise ValueError(
                f"hidden_size / num_attention_heads = {self.value_size} position features, which is not a multiple of "
                f"{_FEATURE_CLASSES}"
            )

    def check_length(self, length: int) -> None:
        """Refuse a number of bases that cannot be read.

        Raises:
            ValueError: it is none.
        """
        if length < 1:
            raise ValueError("dna has no base")


@strict
class EnformerConfig(EnformerTrunkConfig):
    """Configuration of Enformer. Defaults are the published model's.

    Attributes:
        hidden_size, ..., initializer_range: of the trunk, see :class:`EnformerTrunkConfig`.
        tracks: name of a head -> its tracks.
        track_activation: of the heads, ``softplus`` as published or ``none``.
        input_length, read_out, n_share, gene_head, unit, assembly: of a gene, see :class:`TrackSettings`.
    """

    model_type = "enformer_trunk"

    tracks: dict[str, int] | None = None
    track_activation: str = "softplus"
    input_length: int = 196_608
    read_out: str = "tss:3"
    n_share: float | int = 0.0
    gene_head: str = "human"
    unit: str = "track"
    assembly: str | None = None

    def __post_init__(self, **kwargs: Any) -> None:
        if self.tracks is None:
            self.tracks = dict(PUBLISHED_TRACKS)
        super().__post_init__(**kwargs)

    def validate_architecture(self) -> None:
        """Refuse values that the model does not implement."""
        super().validate_architecture()
        check_heads(self)
        check_window(self)


def check_sizes(config: PreTrainedConfig, sizes: tuple[str, ...], dropouts: tuple[str, ...]) -> None:
    """Refuse sizes below 1 and dropouts that are no share."""
    for name in sizes:
        if getattr(config, name) < 1:
            raise ValueError(f"{name}={getattr(config, name)} must be at least 1")
    for name in dropouts:
        if not 0 <= getattr(config, name) < 1:
            raise ValueError(f"{name}={getattr(config, name)} must be from 0 to below 1")


class WindowSettings(Protocol):
    """What a config says of how a gene is predicted from a window of DNA.

    Attributes:
        input_length: bases of the window, half of them before the TSS.
        n_share: what N writes into each of the four channels.
        unit: of a gene's values.
        assembly: of the genome that the values were measured on; None = any.
        bin_size: bases of a bin.
    """

    n_share: float | int
    unit: str
    assembly: str | None

    @property
    def input_length(self) -> int: ...

    @property
    def bin_size(self) -> int: ...

    def check_length(self, length: int) -> None:
        """Refuse a number of bases that cannot be read: ValueError."""


class TrackSettings(WindowSettings, Protocol):
    """What it says beside of heads of tracks.

    Attributes:
        read_out: whose bins' values are added up to a gene's value: ``tss:3`` (so many around the TSS), ``centre:10``
            (so many in the middle of the window), ``exons`` (those that hold a base of one).
        gene_head: name of the head whose tracks are predicted.
    """

    read_out: str
    gene_head: str


def check_window(config: Any) -> None:
    """Refuse shares that are none; a length is checked where it is read."""
    if not 0 <= config.n_share <= 1:
        raise ValueError(f"n_share={config.n_share} must be from 0 to 1")


def check_heads(config: Any) -> None:
    """Refuse a head without a track, and an activation that is none."""
    check_choices(config, {"track_activation": ("softplus", "none")})
    for head, count in (config.tracks or {}).items():
        if count < 1:
            raise ValueError(f"tracks: the head {head!r} has {count} tracks and must have at least 1")
