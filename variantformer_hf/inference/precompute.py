"""What a model can learn of the reference genome once, for all people."""

from collections.abc import Callable
from pathlib import Path

from ..genome.genes import Gene
from ..genome.reference import ReferenceGenome
from ..work.units import Engine
from ..zoo.gene_model import GeneModel, StoringGeneModel
from ..zoo.stored import Precomputed
from .processes import processes


def precompute(
    model: GeneModel,
    fasta: str | Path | ReferenceGenome,
    folder: str | Path | None = None,
    *,
    genes: list[Gene] | None = None,
    on_cres: Callable[[int, int], None] | None = None,
    engine: Engine | None = None,
) -> Precomputed:
    """Encode the reference's cCREs into a store; what is there already is not encoded again.

    Args:
        model: the model; loaded without a store.
        fasta: the reference genome.
        folder: of the store; None = where ``predict`` looks for it by itself.
        genes: the genes whose cCREs are wanted; None = all of the model on the FASTA's contigs.
        on_cres: called with (done, total).
        engine: where they are encoded, the cCREs of a stretch a unit; None = in this process.

    Raises:
        InputError: the model keeps no vectors; the FASTA cannot be used with it; the folder is another model's.
        OutputError: the store cannot be written; what it held before stays.
    """
    model.require("store", "precompute")
    assert isinstance(model, StoringGeneModel)
    reference = fasta if isinstance(fasta, ReferenceGenome) else ReferenceGenome(fasta)
    group = processes(on_cpu=model.device.type == "cpu")
    return model.precompute(
        reference,
        folder,
        genes=genes,
        share=(group.rank, group.count),
        wait=group.wait,
        on_cres=on_cres,
        engine=engine,
    )
