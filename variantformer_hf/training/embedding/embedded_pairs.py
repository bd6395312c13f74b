"""Values of genes of people who have a vector, and the examples that are made of them."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...data.expression_pairs import ExpressionPairs
from ...errors import InputError
from ...genome.genes import GeneTable
from ...zoo.embedding.vector_source import are_of_snps_only
from ...zoo.embedding_table import EmbeddingTable
from ...zoo.named_network import absolute, seen_from

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


def check_some(embedded: EmbeddedPairs, pairs: ExpressionPairs, table: EmbeddingTable) -> None:
    """Refuse pairs to train on of which none has a vector.

    Args:
        embedded: what is left of the pairs.
        pairs: all of them.
        table: of vectors.

    Raises:
        InputError: it shows three names of each side.
    """
    if len(embedded.pairs) or not embedded.without:
        return
    wanted = [pairs.donors[donor] for donor in np.unique(pairs.donor)[:3].tolist()]
    raise InputError(
        f"has no vector of the {embedded.without:,} genes of donors to train on: it has the people "
        f"{', '.join(table.samples[:3]) or 'nobody'}, the expression {', '.join(wanted)}",
        file=table.path,
        remedy="Name donors as the file names its people, and genes by the same ids.",
    )


def collate(examples: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
    """Examples -> a batch: embedding (B, width), gene (B,), outputs and labels (B, T)."""
    return {
        "embedding": torch.from_numpy(np.stack([each["gene"] for each in examples])),
        "gene": torch.zeros(len(examples), dtype=torch.int64),
        "outputs": torch.from_numpy(np.stack([each["outputs"] for each in examples]).astype(np.int64)),
        "labels": torch.from_numpy(np.stack([each["labels"] for each in examples]).astype(np.float32)),
    }
