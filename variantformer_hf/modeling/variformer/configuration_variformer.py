"""Configuration of Variformer."""

from typing import Any

from huggingface_hub.dataclasses import strict

from ..enformer.configuration_enformer import PUBLISHED_TRACKS, EnformerTrunkConfig, check_window
from ..variantformer.configuration_variantformer import check_choices

READOUTS = ("center_bin", "attention")
# Bins in the middle of a window that the read-out `attention` weighs.
ATTENTION_BINS = 10


@strict
class VariformerConfig(EnformerTrunkConfig):
    """Configuration of Variformer. Defaults are those of its public code, with the window of its main runs.

    Attributes:
        hidden_size, ..., initializer_range: of the trunk, see :class:`EnformerTrunkConfig`. BatchNorm is frozen.
        sequence_length: bases of a window, half of them before the TSS: 49,152 or 196,608 in the paper.
        tissues: names of the outputs; None = one without a name.
        readout: which bins a gene is read from: ``center_bin``, the one of the TSS, or ``attention``, the ten in the
            middle, weighed by a softmax.
        loss_alpha: share of the mean squared error in the loss; the rest is of differences between people.
        genes: names, or Ensembl ids, of the genes that it was trained on; None = not known.
        keep_reference_heads: hold Enformer's own heads too, which are not read and do not learn.
        tracks: of those heads, name -> tracks.
        n_share: what N writes into each of the four channels.
        unit: of the outputs.
        assembly: of the genome that it was trained on; None = any.
    """

    model_type = "variformer"

    freeze_batchnorm: bool = True
    sequence_length: int = 49_152
    tissues: list[str] | None = None
    readout: str = "center_bin"
    loss_alpha: float | int = 0.5
    genes: list[str] | None = None
    keep_reference_heads: bool = False
    tracks: dict[str, int] | None = None
    n_share: float | int = 0.25
    unit: str = "inverse_normal"
    assembly: str | None = "GRCh38"

    def __post_init__(self, **kwargs: Any) -> None:
        if self.keep_reference_heads and self.tracks is None:
            self.tracks = dict(PUBLISHED_TRACKS)
        super().__post_init__(**kwargs)

    @property
    def n_outputs(self) -> int:
        """Numbers that are predicted of a gene."""
        return len(self.tissues or (None,))

    @property
    def input_length(self) -> int:
        """Bases of a window."""
        return self.sequence_length

    def validate_architecture(self) -> None:
        """Refuse values that the model does not implement."""
        super().validate_architecture()
        check_choices(self, {"readout": READOUTS})
        check_window(self)
        if not 0 <= self.loss_alpha <= 1:
            raise ValueError(f"loss_alpha={self.loss_alpha} must be from 0 to 1")
        for name, what in (("tissues", "an output"), ("genes", "a gene")):
            given = getattr(self, name)
            if given is not None and not given:
                raise ValueError(f"{name}=[] must name at least one, or be None")
            if given is not None and len(set(given)) < len(given):
                raise ValueError(f"{name} names {what} twice")
        self.check_length(self.sequence_length)

    def check_length(self, length: int) -> None:
        """Refuse a number of bases that cannot be read.

        Raises:
            ValueError: it is none, or gives fewer bins than are read.
        """
        super().check_length(length)
        bins = -(-length // self.bin_size)
        if self.readout == "attention" and bins < ATTENTION_BINS:
            raise ValueError(f"{length:,} bases are {bins} bins, and the readout attention reads {ATTENTION_BINS}")
