"""Where a model has people's vectors from: the network that makes them, or a file of them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import InputError
from ..embedder import Embedder, Pool, in_mode
from ..embedding_table import EmbeddingTable
from ..exactness import exact_products
from ..families import embedder_class, family_of, known_options
from ..model_files import ModelIdentity, model_identity
from ..named_network import absolute, from_model

OPTION = "--embedding-model PATH (Python: embedding_model=), or a file: --embedding FILE (variant_embeddings=)"
TABLE_REMEDY = "Make it with `variantformer embed`, see docs/baselines.md."
# Option of `embed` -> field of the config.
_SAID = {"mode": "embedding_mode", "pool": "embedding_pool", "window": "embedding_window"}


class TrunkVectors:
    """A network that makes vectors, as the model was fitted to them.

    Args:
        embedder: the network.
        identity: of its weights.
        where: its folder or Hub id.
        mode, pool: see ``EmbeddingModel``.
    """

    def __init__(self, embedder: Embedder, identity: ModelIdentity, where: str, mode: str, pool: Pool) -> None:
        self.embedder, self.identity, self.where, self.mode, self.pool = embedder, identity, where, mode, pool

    @property
    def name(self) -> str:
        """Of the network."""
        return self.identity.name

    @property
    def sha256(self) -> str:
        """Of its weights."""
        return self.identity.sha256

    @exact_products()
    def of(self, read: Sequence[Sequence[Any]]) -> np.ndarray:
        """(n, width) float32 of the sequences of n people's genes, one or two each."""
        vectors = iter(self.embedder.vectors([sequence for each in read for sequence in each], self.pool))
        return np.stack([in_mode([next(vectors) for _ in each], self.mode) for each in read])


def load_trunk(
    model: str | Path,
    config: Any,
    *,
    asked: str | Path | None = None,
    device: str = "auto",
    precision: str = "auto",
) -> TrunkVectors:
    """Load the network that makes a model's vectors, and no other.

    Args:
        model: folder or Hub id of the model.
        config: of it, an ``EmbeddingConfig``.
        asked: where to find the network; None = where the config says.
        device, precision: see ``Embedder.load``.

    Raises:
        InputError: it is not named, cannot be loaded, is another one, or makes vectors of another width.
    """
    sha256 = config.embedding_sha256
    known = f"{config.embedding_model or 'not named'} (SHA-256 {sha256[:16] if sha256 else 'not known'})"
    remedy = f"Give it: {OPTION}."
    if asked is None and config.embedding_model is None:
        raise InputError(f"reads vectors of people's genes by another network: {known}", file=model, remedy=remedy)
    if None in (config.embedding_mode, config.embedding_pool):
        raise InputError(
            "reads vectors of which it is not known how they are made",
            file=model,
            remedy="Give them: --embedding FILE.",
        )
    where = str(asked) if asked is not None else from_model(model, config.embedding_model)
    try:
        kind = embedder_class(family_of(where), where)
        identity = model_identity(where)
    except InputError as error:
        problem = f"the network that makes its vectors, {known}, cannot be had from {where}: {error.problem}"
        raise InputError(problem, file=model, remedy=remedy) from error
    if sha256 is not None and identity.sha256 != sha256:
        raise InputError(
            f"was fitted to vectors by the network {known}, and {where} is another one (SHA-256 "
            f"{identity.sha256[:16]})",
            file=model,
            remedy=remedy,
        )
    pool = Pool.of(config.embedding_pool)
    kind.check(config.embedding_mode, pool)
    options = known_options(kind, where, {"chunk_bases": config.embedding_chunk_bases})
    embedder = kind.load(where, device=device, precision=precision, **options)
    *bins, width = embedder.shape(config.embedding_window, pool)
    width *= 2 if config.embedding_mode == "concat" else 1
    if bins or width != config.embedding_size:
        raise InputError(
            f"reads vectors of {config.embedding_size:,} numbers, and {where} makes {width:,}",
            file=model,
            remedy=remedy,
        )
    return TrunkVectors(embedder, identity, absolute(where), config.embedding_mode, pool)


def open_table(path: str | Path, config: Any) -> EmbeddingTable:
    """Open a file of people's vectors that a model can read.

    Args:
        path: see :class:`EmbeddingTable`.
        config: of the model, an ``EmbeddingConfig``.

    Raises:
        InputError: as for :class:`EmbeddingTable`; the vectors are of another width, or, as far as the file says it,
            by another network or of another kind than those that the model was fitted to.
    """
    table = EmbeddingTable(path, TABLE_REMEDY)
    wanted: dict[str, Any] = {name: getattr(config, field) for name, field in _SAID.items()}
    differing: list[tuple[str, str]] = []
    if table.width != config.embedding_size:
        differing.append((f"vectors of {table.width:,} numbers", f"those of {config.embedding_size:,}"))
    for name, value in {**wanted, "chunk_bases": config.embedding_chunk_bases}.items():
        found = table.made.get(name)
        if None not in (found, value) and found != value:
            differing.append((f"vectors of the {name} {found}", f"those of {value}"))
    sha256 = config.embedding_sha256
    if None not in (sha256, table.model_sha256) and sha256 != table.model_sha256:
        differing.append((f"vectors by the network of the SHA-256 {str(table.model_sha256)[:16]}", sha256[:16]))
    if are_of_snps_only(table) not in (None, config.embedding_snps_only):
        names = {True: "SNPs alone", False: "all variants"}
        of, other = names[bool(are_of_snps_only(table))], names[config.embedding_snps_only]
        differing.append((f"vectors of genomes with {of}", f"those with {other} (`embed --snps-only`)"))
    if differing:
        raise InputError(
            f"has {differing[0][0]}, and the model reads {differing[0][1]}", file=path, remedy=TABLE_REMEDY
        )
    return table


def are_of_snps_only(table: EmbeddingTable) -> bool | None:
    """Whether a file's vectors are of genomes of SNPs alone; None = it does not say."""
    found = (table.described.get("settings") or {}).get("snps_only")
    return None if found is None else bool(found)
