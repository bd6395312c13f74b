"""DNA to tokens."""

from .dna_tokenizer import ALPHABET, CharacterTokens, DnaTokenizer

__all__ = ["ALPHABET", "CharacterTokens", "DnaTokenizer"]
