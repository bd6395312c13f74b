"""A person's DNA around a gene's TSS -> the window that UKBioFormer reads."""

from collections.abc import Sequence
from typing import Any

from transformers import BatchFeature

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

    def __call__(
        self,
        person: Any = None,
        gene: Any = None,
        haplotypes: Sequence[Any] | None = None,
        return_tensors: str | None = None,
    ) -> BatchFeature:
        """The DNA of one gene of one person, or of several people; arguments and errors as of Variformer's.

        Returns:
            sequence (B, L, 4) float32, shares of A, C, G and T.
        """
        found = super().__call__(person, gene, haplotypes, return_tensors)
        return BatchFeature({"sequence": found["dna"]})
