"""Enformer as papers of personal genomes hold themselves against it: as released, one track of CAGE around the TSS."""

from collections.abc import Sequence

from ...errors import InputError
from ...genome.options import DIPLOID
from .gene_model import EnformerGeneModel

ZERO_SHOT = "enformer-zero-shot"
# The sum of the three bins around the TSS.
READ_OUT = "tss:3"
# Place in the published head of CAGE:blood, adult, pool1; that of CAGE:brain, adult is 4980.
BLOOD = "4950"


def zero_shot(model: EnformerGeneModel, tracks: Sequence[str] = (BLOOD,)) -> EnformerGeneModel:
    """The same network with some of its tracks; its config says that it is this baseline, and reads people as diploid.

    Args:
        model: with tracks and genes, in float32.
        tracks: places in the head, identifiers or names.

    Raises:
        InputError: it has no such track.
    """
    found, unknown = model.tissue_names.resolve(tracks)
    if unknown:
        raise InputError(
            f"has no track {unknown[0].name!r}: {unknown[0].reason}",
            file=model.identity.name,
            remedy="Name one of its tracks.parquet.",
        )
    wanted = {each.id for each in found}
    model.network.config.read_out = READ_OUT
    model.network.config.baseline = ZERO_SHOT
    model.network.config.genotype_mode = DIPLOID
    kept = [track for track in model.tracks if track.id in wanted]
    return EnformerGeneModel(
        model.network,
        model.gene_table,
        kept,
        model.exons,
        identity=model.identity,
        device=str(model.device),
        precision="float32",
    )
