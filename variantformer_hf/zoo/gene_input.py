"""One person's gene as a model reads it, and what the model says of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from .gene_regions import GeneRegions, GeneSequences
from .statuses import OK, RecordUse


@dataclass(frozen=True, slots=True)
class GeneInput:
    """What a model reads of one person's gene; each model has its own kind.

    Attributes:
        regions: of the gene.
        use: whether the person's records there could be used.
        keys, outcomes: records in the gene's regions, and what became of each (see ``PersonalStretch.records``).
        missing: status of a gene that the person lacks (``gene_deleted``, ``no_cres``); "" = it is there.
    """

    regions: GeneRegions
    use: RecordUse
    keys: np.ndarray
    outcomes: np.ndarray
    missing: str

    @property
    def ending(self) -> str | None:
        """Status of a gene that there is nothing to predict from; None = there is."""
        return self.missing or None if self.use.is_known else self.use.status

    def counted(self) -> Mapping[str, int]:
        """What is counted of the person in the match report beside records, name -> how many; plain: nothing."""
        return {}


@dataclass(frozen=True, slots=True)
class SequenceInput(GeneInput):
    """A gene as its sequences.

    Attributes:
        sequences: in the gene's orientation.
    """

    sequences: GeneSequences


@dataclass(frozen=True, slots=True)
class GeneOutput:
    """What a model says of one gene in T outputs.

    Attributes:
        values: (T,) float32 in the model's unit; NaN where there is no number.
        embeddings: (T, width) float32, or None for a model without.
        status: ``ok``, or why there is no number.
        changed: name (``cre``, ``window``) -> (T, width) float32, vectors of what a variant changes.
    """

    values: np.ndarray
    embeddings: np.ndarray | None = None
    status: str = OK
    changed: Mapping[str, np.ndarray] = field(default_factory=dict)

    @classmethod
    def nothing(cls, status: str, n_outputs: int) -> "GeneOutput":
        """No number."""
        return cls(np.full(n_outputs, np.nan, dtype=np.float32), None, status)


def joined(first: GeneOutput, second: GeneOutput) -> GeneOutput:
    """Two groups of outputs of one gene as one."""
    embeddings = None
    if first.embeddings is not None and second.embeddings is not None:
        embeddings = np.concatenate([first.embeddings, second.embeddings])
    changed = {name: np.concatenate([first.changed[name], second.changed[name]]) for name in first.changed}
    return GeneOutput(np.concatenate([first.values, second.values]), embeddings, first.status, changed)
