"""Letters of a promoter and its elements, and what is known of them -> EPInformer's input."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from transformers import BatchFeature, ProcessorMixin

from ...tokenization.one_hot import one_hot


class EPInformerProcessor(ProcessorMixin):
    """Turns genes, each a promoter and its elements, into arrays in which all have as many elements.

    Args:
        element_length: bases of a promoter and of an element.
        num_enhancers: elements of a gene, at the most.
        num_element_features: numbers that are known of an element.
    """

    # transformers keeps only parameters that can be positional when it loads processor_config.json: no `*` here.
    def __init__(self, element_length: int = 2000, num_enhancers: int = 60, num_element_features: int = 3) -> None:
        for name, value in (("element_length", element_length), ("num_enhancers", num_enhancers)):
            if value < 1:
                raise ValueError(f"{name} must be at least 1, not {value}")
        self.element_length, self.num_enhancers = element_length, num_enhancers
        self.num_element_features = num_element_features
        super().__init__()

    @property
    def model_input_names(self) -> list[str]:
        """Names of the inputs that ``__call__`` makes."""
        return ["dna", "element_features", "gene_features"]

    def __call__(
        self,
        sequences: Sequence[Any],
        element_features: Any,
        gene_features: Any,
        embeddings: Any = None,
        return_tensors: str | None = None,
    ) -> BatchFeature:
        """The model's input of one gene, or of several.

        Args:
            sequences: letters of the promoter, then of each element, "" of one that is not there; or a list of such
                lists, a gene (or a haplotype of one) each.
            element_features: (elements, F) of the gene, or a list of such, a gene each.
            gene_features: (G,), or (genes, G).
            embeddings: (E,), or (genes, E), for a model that reads any.
            return_tensors: ``"pt"`` for torch tensors; None or ``"np"`` for NumPy arrays.

        Returns:
            dna (B, 1 + N, L, 4), N of the gene with the most elements, element_features (B, 1 + N, F), gene_features
            (B, G), embeddings (B, E) where there are any; float32, 0 of what is not there. N is 0 in all four channels.

        Raises:
            ValueError: no promoter, too many elements, letters of another length, or features of other numbers.
        """
        is_one = bool(sequences) and isinstance(sequences[0], str)
        genes = [sequences] if is_one else list(sequences)
        features = [np.asarray(each, dtype=np.float32) for each in ([element_features] if is_one else element_features)]
        if len(features) != len(genes):
            raise ValueError(f"{len(genes)} genes have element_features of {len(features)}")
        for letters, known in zip(genes, features, strict=True):
            self._check(letters, known)
        most = max((len(each) for each in genes), default=1)
        dna = np.zeros((len(genes), most, self.element_length, 4), dtype=np.float32)
        of_elements = np.zeros((len(genes), most, self.num_element_features), dtype=np.float32)
        for row, (letters, known) in enumerate(zip(genes, features, strict=True)):
            of_elements[row, 1 : len(letters)] = known.reshape(len(letters) - 1, self.num_element_features)
            for place, text in enumerate(letters):
                if text:
                    codes = np.frombuffer(text.encode("ascii"), dtype=np.uint8)
                    dna[row, place] = one_hot(codes, n=0.0, iupac=True)
        found = {"dna": dna, "element_features": of_elements}
        for name, given in (("gene_features", gene_features), ("embeddings", embeddings)):
            if given is not None:
                found[name] = np.atleast_2d(np.asarray(given, dtype=np.float32))
                if len(found[name]) != len(genes):
                    raise ValueError(f"{len(genes)} genes have {name} of {len(found[name])}")
        return BatchFeature(found, tensor_type=return_tensors)

    def _check(self, letters: Sequence[str], known: np.ndarray) -> None:
        """A gene's sequences and what is known of its elements."""
        if not letters or not letters[0]:
            raise ValueError("a gene has a promoter, the first of its sequences")
        if len(letters) - 1 > self.num_enhancers:
            raise ValueError(f"{len(letters) - 1} elements are given, {self.num_enhancers} are read at the most")
        other = sorted({len(each) for each in letters} - {0, self.element_length})
        if other:
            raise ValueError(f"a sequence has {other[0]:,} letters, {self.element_length:,} are read")
        if known.size != (len(letters) - 1) * self.num_element_features:
            wanted = (len(letters) - 1, self.num_element_features)
            raise ValueError(f"element_features have the shape {known.shape}, {wanted} is expected")
