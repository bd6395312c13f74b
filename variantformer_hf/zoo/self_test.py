"""Whether a model computes: one gene of a random genome, twice."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError
from ..genome.personal import PersonalGenome
from .random_genome import RandomGenome
from .statuses import NOT_FINITE

if TYPE_CHECKING:
    from .gene_model import GeneModel

_TOLERANCE = 1e-5
# A gene may have nothing to be predicted from, such as no cCRE.
_GENES_TRIED = 100


def self_test(model: "GeneModel", folder: Path) -> None:
    """Predict a gene of a genome of random bases twice.

    Args:
        model: in float32.
        folder: that it is from, for messages.

    Raises:
        InputError: there is nothing to predict, a prediction is not finite, or the two differ.
    """
    reference = RandomGenome(dict.fromkeys(gene.chrom for gene in model.gene_table))
    opened, person = model.open(reference), PersonalGenome(reference)
    outputs = [each.id for each in model.tissue_names.named]
    if not outputs:
        raise InputError("names no output (tissues)", file=folder / "config.json")
    for gene in list(model.gene_table)[:_GENES_TRIED]:
        read = opened.read(person, opened.finder.find(gene))
        if read.ending is None:
            break
    else:
        raise InputError("fails its self-test: there is nothing to predict a gene from", file=folder)
    once, again = (opened.predict([read], outputs)[0] for _ in range(2))
    if once.status == NOT_FINITE:
        raise InputError("fails its self-test: predictions of random sequences are not finite", file=folder)
    if not np.allclose(once.values, again.values, atol=_TOLERANCE, equal_nan=True):
        raise InputError("fails its self-test: the same sequences give different predictions", file=folder)
