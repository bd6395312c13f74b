"""A person's DNA around a gene's TSS -> the window that UKBioFormer reads."""

from ..variformer.processing_variformer import VariformerProcessor


class UkBioFormerProcessor(VariformerProcessor):
    """Turns a person's gene into a window of one-hot DNA, as :class:`VariformerProcessor` does, N being four zeros.

    The variant embedding is made by the model's UKBioBERT, see ``UkBioBertEmbedder.embed_person``.

    Args:
        sequence_length: bases of the window, half of them before the TSS.
        n_share: what N writes into each of the four channels.
    """

    def __init__(self, sequence_length: int = 49_152, n_share: float = 0.0) -> None:
        super().__init__(sequence_length, n_share)

    @property
    def model_input_names(self) -> list[str]:
        """Names of the inputs that ``__call__`` makes."""
        return ["sequence"]
