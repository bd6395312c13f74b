"""What forests were made for: whether they may be asked about embeddings, and what is to be said of the answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...errors import InputError
from ...inference.embedding_store import EmbeddingStore
from ...inference.query import RejectedQueryError, rejected_names
from ...zoo.gene_model import GeneModel
from ...zoo.outputs import TissueNames
from .forest_folder import RiskForests

# Flags of a row: the embeddings are not of the model, or the precision, that the forests belong to.
OTHER_MODEL, OTHER_PRECISION = "other_model", "other_precision"
# The person is one whom the forests were trained on, and whose label they have seen.
TRAINED_ON = "trained_on"
# What a folder of the released model, on which the released forests were trained, is called somewhere in its name.
_RELEASED_NAME = "pcg"


@dataclass(frozen=True, slots=True)
class Embeddings:
    """Embeddings that forests are asked about.

    Attributes:
        where: what they are of, for messages: a store or a model.
        model: name and sha256 of the model.
        precision: in which it computes.
        width: numbers in each.
        tissues: names.
    """

    where: str | Path
    model: Mapping[str, str]
    precision: str
    width: int
    tissues: Sequence[str]

    @classmethod
    def of_store(cls, store: EmbeddingStore) -> "Embeddings":
        """Those of a store."""
        return cls(store.place, store.model, store.precision, store.width, store.tissues)

    @classmethod
    def of_model(cls, model: GeneModel) -> "Embeddings":
        """Those that a model makes."""
        described = {"name": model.identity.name, "sha256": model.identity.sha256}
        tissues = [tissue.name for tissue in model.tissue_names.named]
        return cls(described["name"], described, model.precision, model.embedding_width, tissues)


def flags_of(forests: RiskForests, embeddings: Embeddings) -> tuple[str, ...]:
    """What is to be said of each answer of forests about embeddings: ``other_model``, ``other_precision``, or nothing.

    The released forests do not name the file that they were trained with; a model with ``pcg`` in its name is taken for
    theirs.

    Raises:
        InputError: the forests take no embeddings, or others: of another width, or (but for the released ones) of
            another model.
    """
    of = forests.description
    if of.features != "embeddings" or of.model is None:
        raise InputError(
            "these forests read genotypes, and no embeddings",
            file=forests.folder,
            remedy="Train forests on a store: variantformer risk train --embedding-store.",
        )
    name = embeddings.model["name"]
    if of.width != embeddings.width:
        raise InputError(
            f"the forests take {of.width:,} numbers, those of {of.model['name']}, and the embeddings of {name} have "
            f"{embeddings.width:,}",
            file=forests.folder,
            record=str(embeddings.where),
            remedy="Give embeddings of the model that the forests were trained with.",
        )
    is_other = (
        _RELEASED_NAME not in name.casefold()
        if forests.is_released
        else of.model["sha256"] != embeddings.model["sha256"]
    )
    if is_other and not forests.is_released:
        raise InputError(
            f"the forests were trained on embeddings of {of.model['name']} (SHA-256 {of.model['sha256'][:12]}), and "
            f"these are of {name} ({embeddings.model['sha256'][:12]})",
            file=forests.folder,
            record=str(embeddings.where),
            remedy="Give embeddings of that model, or train forests on these.",
        )
    found = [OTHER_MODEL] if is_other else []
    return (*found, OTHER_PRECISION) if of.precision != embeddings.precision else tuple(found)


def named_tissues(forests: RiskForests, gene_id: str) -> list[str]:
    """Tissues in which a gene has a forest.

    Raises:
        InputError: its forest is of the gene alone; its file is damaged.
    """
    found = [tissue for tissue in forests.tissues_of(gene_id) if tissue is not None]
    if not found:
        raise InputError(
            "its forest is of no tissue, and embeddings are of one each", file=forests.folder, record=gene_id
        )
    return found


def common_tissues(
    forests: RiskForests, embeddings: Embeddings, units: Mapping[str, Sequence[str]], asked: Sequence[str] | None
) -> list[str]:
    """Tissues to ask forests about.

    Args:
        forests: the forests.
        embeddings: of which they are asked.
        units: gene -> tissues in which it has a forest.
        asked: names; None = all of the forests', of the released ones those that the embeddings have.

    Raises:
        RejectedQueryError: there is no such tissue.
        InputError: the forests or the embeddings lack some; both are named.
    """
    there = list(dict.fromkeys(tissue for tissues in units.values() for tissue in tissues))
    wanted = there
    if asked is not None:
        found, unknown = TissueNames(list(dict.fromkeys([*there, *embeddings.tissues]))).resolve(asked)
        if unknown:
            raise RejectedQueryError(rejected_names("tissue", unknown), "Correct them.")
        wanted = [tissue.name for tissue in found]
    elif forests.is_released:
        wanted = [tissue for tissue in there if tissue in set(embeddings.tissues)] or there
    for owner, names in (("forests", there), ("embeddings", embeddings.tissues)):
        lacking = [tissue for tissue in wanted if tissue not in set(names)]
        if lacking:
            raise InputError(
                f"the {owner} have no {_listed(lacking)}; the forests are of {_listed(there)}, the embeddings of "
                f"{embeddings.where} of {_listed(embeddings.tissues)}",
                file=forests.folder,
                remedy="Name tissues that both have: --tissue.",
            )
    return wanted


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
