"""DNA to tokens (``dna_tokenizer``), and to one-hot numbers (``one_hot``)."""

from typing import TYPE_CHECKING

from ..lazy_names import lazy_names

_MODULE_OF_NAME = {
    "ALPHABET": ".dna_tokenizer",
    "CharacterTokens": ".dna_tokenizer",
    "DnaTokenizer": ".dna_tokenizer",
}

__all__ = ["ALPHABET", "CharacterTokens", "DnaTokenizer"]

if TYPE_CHECKING:
    from .dna_tokenizer import ALPHABET, CharacterTokens, DnaTokenizer


__getattr__ = lazy_names(__name__, _MODULE_OF_NAME)
