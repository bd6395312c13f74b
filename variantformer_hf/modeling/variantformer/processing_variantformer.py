"""Sequences of one person's gene -> inputs of the expression model."""

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from transformers import BatchFeature, ProcessorMixin

from .configuration_variantformer import CRE_CLASSES
from .custom_code_variantformer import add_processor_code

_HUB_OPTIONS = ("commit_message", "private", "token", "create_pr", "revision")


@dataclass(frozen=True, slots=True)
class EncodedGene:
    """Model inputs of one gene, and what was cut to make them. N cCREs, M windows, L tokens in a row.

    Attributes:
        cre_input_ids: (N, L) int64, padded with the tokenizer's padding id.
        cre_attention_mask: (N, L) int64, 1 = token. A row of zeros is a cCRE without a token (all N).
        cre_class_ids: (N,) int64.
        cre_indices: (N,) int64, which of the given cCREs each row is; those with sequence "" have no row.
        gene_input_ids: (M, L) int64.
        gene_attention_mask: (M, L) int64.
        truncated_cres: cCREs of more than L tokens; the tokens beyond L are cut.
        gene_tokens_total: tokens of the gene's sequence, those beyond the last window included.
        gene_tokens_cut: how many of them lie beyond the last window.
    """

    cre_input_ids: np.ndarray
    cre_attention_mask: np.ndarray
    cre_class_ids: np.ndarray
    cre_indices: np.ndarray
    gene_input_ids: np.ndarray
    gene_attention_mask: np.ndarray
    truncated_cres: int
    gene_tokens_total: int
    gene_tokens_cut: int


class VariantFormerProcessor(ProcessorMixin):
    """Turns the sequences of a gene into model inputs, and holds the lengths that the model was trained with.

    Sequences are given in the gene's orientation, cCREs in the model's order (for a '-' gene: reverse-complemented
    and listed from right to left). The rules are those of the released implementation.

    Args:
        tokenizer: DNA tokenizer; one with ``encode_sequences`` (DnaTokenizer) is several times faster.
        token_length: tokens in one row; a cCRE's further tokens are cut.
        max_gene_windows: rows of a gene at most; the tokens beyond them (3' end of a long gene) are cut.
        cre_flank: bases added on both sides of a cCRE.
        cre_radius: bases around a gene within which cCREs count.
        gene_upstream: bases of a gene's window before its TSS.
        max_gene_length: bases of a gene's window at most.
        cre_classes: class names, index = class id.
    """

    # transformers keeps only parameters that can be positional when it loads processor_config.json: no `*` here.
    def __init__(
        self,
        tokenizer: Any,
        token_length: int = 200,
        max_gene_windows: int = 200,
        cre_flank: int = 50,
        cre_radius: int = 1_000_000,
        gene_upstream: int = 1_000,
        max_gene_length: int = 300_000,
        cre_classes: Sequence[str] = tuple(CRE_CLASSES),
    ) -> None:
        if token_length < 1 or max_gene_windows < 1:
            raise ValueError(
                f"token_length and max_gene_windows must be at least 1, not {token_length} and {max_gene_windows}"
            )
        if tokenizer.pad_token_id is None:
            raise ValueError("the tokenizer has no padding token")
        self.token_length = token_length
        self.max_gene_windows = max_gene_windows
        self.cre_flank = cre_flank
        self.cre_radius = cre_radius
        self.gene_upstream = gene_upstream
        self.max_gene_length = max_gene_length
        self.cre_classes = list(cre_classes)
        super().__init__(tokenizer)

    def save_pretrained(
        self, save_directory: str | PathLike[str], push_to_hub: bool = False, **options: Any
    ) -> list[str]:
        """Write the tokenizer, the lengths and the processor's code; options as of ``ProcessorMixin``."""
        repository = options.pop("repo_id", Path(save_directory).name)
        for_hub = {name: options.pop(name) for name in _HUB_OPTIONS if name in options}
        files: list[str] = super().save_pretrained(save_directory, **options)
        add_processor_code(save_directory)
        if push_to_hub:  # here, because the base class would upload before the code is there
            self.push_to_hub(repository, **for_hub)
        return files

    @property
    def model_input_names(self) -> list[str]:
        """Names of the inputs that ``__call__`` makes."""
        return [
            "cre_input_ids",
            "cre_attention_mask",
            "cre_class_ids",
            "gene_input_ids",
            "gene_attention_mask",
            "cre_mask",
            "gene_mask",
        ]

    def __call__(
        self,
        cre_sequences: Sequence[str] | Sequence[Sequence[str]] | None = None,
        cre_classes: Sequence[str | int] | Sequence[Sequence[str | int]] | None = None,
        gene_sequence: str | Sequence[str] | None = None,
        return_tensors: str | None = None,
        *,
        person: Any = None,
        gene: str | None = None,
    ) -> BatchFeature:
        """Model inputs of one gene, or of a list of genes.

        Args:
            cre_sequences: the cCREs of the gene; for several genes a list of such lists.
            cre_classes: class name or id of each cCRE; likewise.
            gene_sequence: sequence of the gene's window; for several genes a list.
            return_tensors: ``"pt"`` for torch tensors; None or ``"np"`` for NumPy arrays.
            person, gene: refused, with a word on how a person's sequences are had.

        Returns:
            cre_input_ids and cre_attention_mask (B, N, L), cre_class_ids (B, N), gene_input_ids and
            gene_attention_mask (B, M, L), all int64; one gene is a batch of one. Where the genes of a batch differ in
            N, the shorter are padded with absent rows and ``cre_mask`` (B, N; 1 = present) says which are there;
            ``gene_mask`` (B, M) likewise.

        Raises:
            ValueError: as ``encode_gene``, or the lists differ in length; or a person or a gene was given.
        """
        if person is not None or gene is not None:
            raise ValueError(
                "a processor reads sequences. Those of a person's gene need the package variantformer-hf and the "
                "model's tables: pip install variantformer-hf, then "
                "ExpressionPredictor.from_pretrained(...).model.sequences(person, gene); or give ready ones: "
                "cre_sequences, cre_classes, gene_sequence"
            )
        if cre_sequences is None or cre_classes is None or gene_sequence is None:
            raise ValueError("give cre_sequences, cre_classes and gene_sequence")
        if isinstance(gene_sequence, str):
            genes = [self.encode_gene(cre_sequences, cre_classes, gene_sequence)]  # type: ignore[arg-type]
        elif not gene_sequence or not len(cre_sequences) == len(cre_classes) == len(gene_sequence):
            raise ValueError(
                f"{len(gene_sequence)} gene sequences were given with the cCREs of {len(cre_sequences)} genes and "
                f"the classes of {len(cre_classes)}"
            )
        else:
            genes = [
                self.encode_gene(elements, classes, sequence)  # type: ignore[arg-type]
                for elements, classes, sequence in zip(cre_sequences, cre_classes, gene_sequence, strict=True)
            ]
        pad = self.tokenizer.pad_token_id
        inputs = {
            "cre_input_ids": stack_padded([gene.cre_input_ids for gene in genes], pad),
            "cre_attention_mask": stack_padded([gene.cre_attention_mask for gene in genes], 0),
            "cre_class_ids": stack_padded([gene.cre_class_ids for gene in genes], 0),
            "gene_input_ids": stack_padded([gene.gene_input_ids for gene in genes], pad),
            "gene_attention_mask": stack_padded([gene.gene_attention_mask for gene in genes], 0),
        }
        for name, counts in (
            ("cre_mask", [len(gene.cre_input_ids) for gene in genes]),
            ("gene_mask", [len(gene.gene_input_ids) for gene in genes]),
        ):
            if min(counts) < max(counts):
                inputs[name] = (np.arange(max(counts)) < np.array(counts)[:, None]).astype(np.int64)
        return BatchFeature(inputs, tensor_type=return_tensors)

    def encode_gene(
        self, cre_sequences: Sequence[str], cre_classes: Sequence[str | int], gene_sequence: str
    ) -> EncodedGene:
        """Tokens of one gene in rows of ``token_length``, and what was cut.

        A cCRE with sequence "" (deleted outright) is left out, class and all; one that has characters but no
        token stays as a row of padding. The gene's tokens are cut into windows; a sequence without a token is one
        window of padding.

        Args:
            cre_sequences: the gene's cCREs.
            cre_classes: class name or id of each.
            gene_sequence: the gene's window.

        Raises:
            ValueError: the gene's sequence is empty, a class is unknown, or there is not one class a cCRE.
        """
        if not gene_sequence:
            raise ValueError("the gene's sequence is empty (deleted outright?): there is nothing to predict from")
        if len(cre_sequences) != len(cre_classes):
            raise ValueError(f"{len(cre_sequences)} cCREs were given with {len(cre_classes)} classes")
        class_ids = np.array([self._class_id(given) for given in cre_classes], dtype=np.int64)
        indices = np.array([index for index, sequence in enumerate(cre_sequences) if sequence], dtype=np.int64)
        *elements, gene = self._encode([*(cre_sequences[index] for index in indices), gene_sequence])

        n_windows = min(max(1, -(-len(gene) // self.token_length)), self.max_gene_windows)
        windows = [gene[i * self.token_length : (i + 1) * self.token_length] for i in range(n_windows)]
        cre_input_ids, cre_attention_mask = token_rows(elements, self.token_length, self.tokenizer.pad_token_id)
        gene_input_ids, gene_attention_mask = token_rows(windows, self.token_length, self.tokenizer.pad_token_id)
        return EncodedGene(
            cre_input_ids=cre_input_ids,
            cre_attention_mask=cre_attention_mask,
            cre_class_ids=class_ids[indices],
            cre_indices=indices,
            gene_input_ids=gene_input_ids,
            gene_attention_mask=gene_attention_mask,
            truncated_cres=sum(len(tokens) > self.token_length for tokens in elements),
            gene_tokens_total=len(gene),
            gene_tokens_cut=max(0, len(gene) - n_windows * self.token_length),
        )

    def _encode(self, sequences: list[str]) -> list[np.ndarray]:
        fast = getattr(self.tokenizer, "encode_sequences", None)
        if fast is not None:
            encoded: list[np.ndarray] = fast(sequences)
            return encoded
        # Loaded by AutoTokenizer where DnaTokenizer is not registered: the same ids, through the saved tokenizer.json.
        ids = self.tokenizer(sequences, add_special_tokens=False, return_attention_mask=False)["input_ids"]
        return [np.array(ids_of_sequence, dtype=np.int64) for ids_of_sequence in ids]

    def _class_id(self, given: str | int) -> int:
        if isinstance(given, str):
            if given not in self.cre_classes:
                raise ValueError(f"unknown cCRE class {given!r}; known: {'; '.join(self.cre_classes)}")
            return self.cre_classes.index(given)
        if not 0 <= given < len(self.cre_classes):
            raise ValueError(f"cCRE class id {given} is not within 0..{len(self.cre_classes) - 1}")
        return int(given)


def token_rows(tokens: Sequence[Any], length: int, pad: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of tokens as (R, length) int64 ids, cut and padded, and their attention mask (1 = token)."""
    ids = np.full((len(tokens), length), pad, dtype=np.int64)
    mask = np.zeros_like(ids)
    for row, of_row in enumerate(tokens):
        count = min(len(of_row), length)
        ids[row, :count] = of_row[:count]
        mask[row, :count] = 1
    return ids, mask


def stack_padded(arrays: Sequence[np.ndarray], fill: int) -> np.ndarray:
    """Arrays that differ in their first dimension, as one: the shorter are filled up at the end."""
    longest = max(len(array) for array in arrays)
    stacked = np.full((len(arrays), longest, *arrays[0].shape[1:]), fill, dtype=arrays[0].dtype)
    for row, array in enumerate(arrays):
        stacked[row, : len(array)] = array
    return stacked
