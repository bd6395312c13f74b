"""Values of genes of people who have a vector, and the examples that are made of them."""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...data.expression import Expression
from ...data.expression_pairs import ExpressionPairs, expression_pairs
from ...data.splits import Split
from ...errors import InputError
from ...genome.genes import GeneTable
from ...zoo.embedding.vector_source import are_of_snps_only
from ...zoo.embedding_table import EmbeddingTable
from ...zoo.named_network import absolute, seen_from
from ...zoo.outputs import TissueNames

logger = logging.getLogger(__name__)

# Bases around the TSS of a file that does not say its own: what Evo 2 is given (S1.2).
_WINDOW = 8_192


@dataclass(frozen=True)
class EmbeddingInputs:
    """What the people of an expression are read from.

    Attributes:
        table: their vectors.
        genes: the table that the expression was prepared for.
        only: ids of the genes that are fitted; None = all.
        embedding_model: folder or Hub id of the network that made the vectors; None = not known, or not here.
        window: bases around the TSS that the vectors are of, where the file does not say it.
    """

    table: EmbeddingTable
    genes: GeneTable
    only: frozenset[str] | None = None
    embedding_model: str | None = None
    window: int | None = None

    def config_fields(self, folder: Path) -> dict[str, Any]:
        """What a model's config says of its vectors.

        Args:
            folder: of the model.

        Raises:
            InputError: a window, and the file says another; a network that is none, or another than the file names.
        """
        made, table = self.table.made, self.table
        window = made.get("window", self.window or _WINDOW)
        if self.window not in (None, window):
            raise InputError(
                f"its vectors are of windows of {window:,} bases, and {self.window:,} were asked for",
                file=table.path,
                remedy="Leave out --window.",
            )
        return {
            "embedding_size": table.width,
            "embedding_mode": made.get("mode"),
            "embedding_pool": made.get("pool"),
            "embedding_window": window,
            "embedding_chunk_bases": made.get("chunk_bases"),
            "embedding_snps_only": bool(are_of_snps_only(table)),
            "embedding_model": None if self.embedding_model is None else self._network(self.embedding_model, folder),
            "embedding_sha256": table.model_sha256,
            "assembly": table.described.get("assembly"),
        }

    def _network(self, where: str, folder: Path) -> str | None:
        from ...zoo.model_files import model_identity

        found = model_identity(where).sha256
        if self.table.model_sha256 not in (None, found):
            raise InputError(
                f"its vectors are by the network of the SHA-256 {str(self.table.model_sha256)[:16]}, and {where} is "
                f"another one ({found[:16]})",
                file=self.table.path,
                remedy="Give the network that made them (--embedding-model), or leave it out.",
            )
        return seen_from(folder, absolute(where))


@dataclass(frozen=True)
class EmbeddedPairs:
    """Pairs of a gene and a donor that have a vector.

    Attributes:
        pairs: with their values.
        row: (P,) int64, of each its row in the file.
        without: pairs without a vector.
        donors_without: donors of whom no pair has one.
    """

    pairs: ExpressionPairs
    row: np.ndarray
    without: int
    donors_without: int

    @classmethod
    def of(cls, pairs: ExpressionPairs, table: EmbeddingTable, genes: Sequence[int] | None = None) -> "EmbeddedPairs":
        """Those of some pairs.

        Args:
            pairs: of a part of a split.
            table: of vectors.
            genes: places of the genes that are used; None = all.
        """
        if genes is not None:
            pairs = pairs.chosen(np.flatnonzero(np.isin(pairs.gene, np.asarray(genes, dtype=np.int64))))
        names = [
            (pairs.donors[donor], pairs.genes[gene])
            for donor, gene in zip(pairs.donor.tolist(), pairs.gene.tolist(), strict=True)
        ]
        row = table.rows(names) if names else np.zeros(0, dtype=np.int64)
        there = np.flatnonzero(row >= 0)
        kept = pairs.chosen(there)
        n_without = len(set(pairs.donor.tolist()) - set(kept.donor.tolist()))
        return cls(kept, row[there], len(names) - len(there), n_without)

    def of_finite(self, table: EmbeddingTable) -> "EmbeddedPairs":
        """Those whose vectors are finite; the others count as having none."""
        good = np.array([bool(np.isfinite(vector).all()) for vector in table.vectors(self.row)], dtype=bool)
        kept = self.pairs.chosen(np.flatnonzero(good))
        n_without = len(set(self.pairs.donor.tolist()) - set(kept.donor.tolist()))
        return EmbeddedPairs(kept, self.row[good], self.without + int((~good).sum()), self.donors_without + n_without)

    def of_genes(self, genes: Sequence[int]) -> "EmbeddedPairs":
        """Those of genes at some places of the table."""
        here = np.flatnonzero(np.isin(self.pairs.gene, np.asarray(genes, dtype=np.int64)))
        return replace(self, pairs=self.pairs.chosen(here), row=self.row[here])

    def digest(self) -> str:
        """SHA-256 of pairs and values."""
        content = hashlib.sha256("\n".join([*self.pairs.donors, *self.pairs.genes]).encode())
        for name in ("donor", "gene", "first", "tissue", "value"):
            content.update(np.ascontiguousarray(getattr(self.pairs, name)).tobytes())
        content.update(np.ascontiguousarray(self.row).tobytes())
        return content.hexdigest()


class EmbeddedExamples:
    """Makes examples of keys, as ``ExpressionExamples`` does, of vectors from a file.

    Args:
        embedded: the pairs.
        table: of their vectors.
        n_tissues: values that are drawn of a pair.
        seed: of the draw.
    """

    def __init__(self, embedded: EmbeddedPairs, table: EmbeddingTable, *, n_tissues: int, seed: int) -> None:
        self.pairs, self._row = embedded.pairs, embedded.row
        self._table, self._n_tissues, self._seed = table, n_tissues, seed

    def __call__(self, key: Mapping[str, Any]) -> dict[str, Any]:
        """The example of a key ``{"epoch", "pair"}``: gene (width,) the vector, outputs and labels (n_tissues,)."""
        pair = int(key["pair"])
        outputs, labels = self.pairs.drawn(pair, self._n_tissues, (self._seed, int(key["epoch"])))
        return {"gene": self.gene(pair), "outputs": outputs, "labels": labels}

    def gene(self, pair: int) -> np.ndarray:
        """(width,) float32, the vector of a pair."""
        return self._table.vector(int(self._row[pair]))


@dataclass(frozen=True)
class TrainPairs:
    """What a baseline of vectors learns from.

    Attributes:
        embedded: pairs of the part ``train`` of donors and of genes, whose tissue ids are places in ``tissues``.
        tissues: names of the tissues that have a value among them.
        number_of: (tissues of the expression,) their new ids; -1 = no value among these pairs.
        n_genes: genes that were asked for.
    """

    embedded: EmbeddedPairs
    tissues: tuple[str, ...]
    number_of: np.ndarray
    n_genes: int

    def counts(self) -> dict[str, dict[str, int]]:
        """What is used, and what is not, for a report."""
        pairs = self.embedded.pairs
        n_people, n_genes = len(np.unique(pairs.donor)), len(np.unique(pairs.gene))
        return {
            "people": {"fitted": n_people, "without_embedding": self.embedded.donors_without},
            "genes": {"fitted": n_genes, "not_fitted": self.n_genes - n_genes},
            "genes_x_people": {"fitted": len(pairs), "without_embedding": self.embedded.without},
            "tissues": {"fitted": len(self.tissues), "no_values": len(self.number_of) - len(self.tissues)},
            "values": {"fitted": len(pairs.value)},
        }


def train_pairs(expression: Expression, split: Split, inputs: EmbeddingInputs) -> TrainPairs:
    """Pairs to learn from.

    Raises:
        InputError: nobody to train on has a vector, or no gene a value.
    """
    names = tissue_names(expression)
    every = expression_pairs(expression, split, "train", inputs.genes, TissueNames(names))
    only = None
    if inputs.only is not None:
        only = [number for number, gene in enumerate(inputs.genes) if gene.gene_id in inputs.only]
    found = EmbeddedPairs.of(every, inputs.table, only).of_finite(inputs.table)
    if not len(found.pairs) and found.without:
        wanted = [every.donors[donor] for donor in np.unique(every.donor)[:3].tolist()]
        raise InputError(
            f"has no vector of the {found.without:,} genes of donors to train on: it has the people "
            f"{', '.join(inputs.table.samples[:3]) or 'nobody'}, the expression {', '.join(wanted)}",
            file=inputs.table.path,
            remedy="Name donors as the file names its people, and genes by the same ids.",
        )
    if not len(found.pairs):
        raise InputError(
            "no gene has a value to train on", remedy="Look at the split, and at the genes that are asked for."
        )
    if found.donors_without:
        logger.warning("%d donors to train on have no vector and are left out", found.donors_without)
    used = np.unique(found.pairs.tissue)
    number_of = np.full(len(names), -1, dtype=np.int64)
    number_of[used] = np.arange(len(used))
    tissues = tuple(names[number] for number in used.tolist())
    n_genes = len(inputs.genes) if inputs.only is None else len(inputs.only)
    return TrainPairs(replace(found, pairs=found.pairs.in_outputs(number_of)), tissues, number_of, n_genes)


def tissue_names(expression: Expression) -> list[str]:
    """The tissues of an expression, in the order of their ids."""
    return sorted(set(expression.samples["tissue"].to_pylist()))


def collate(examples: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
    """Examples -> a batch: embedding (B, width), gene (B,), outputs and labels (B, T)."""
    return {
        "embedding": torch.from_numpy(np.stack([each["gene"] for each in examples])),
        "gene": torch.zeros(len(examples), dtype=torch.int64),
        "outputs": torch.from_numpy(np.stack([each["outputs"] for each in examples]).astype(np.int64)),
        "labels": torch.from_numpy(np.stack([each["labels"] for each in examples]).astype(np.float32)),
    }
