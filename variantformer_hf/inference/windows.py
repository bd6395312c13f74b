"""Where in the genome a model looks: the union of all its genes' regions."""

from pathlib import Path

from ..genome.interval import Interval
from ..genome.intervals import merged
from ..genome.reference import ReferenceGenome
from ..zoo.families import family_of, gene_model_class


def model_windows(model: str | Path, fasta: str | Path, *, force_companions: bool = False) -> list[Interval]:
    """All stretches that any gene of the model reads, by the FASTA's contig names, sorted, without overlaps.

    Args:
        model: model folder or Hub id.
        fasta: the reference genome.
        force_companions: as for ``ExpressionPredictor.from_pretrained``.

    Raises:
        InputError: a file is missing or the two do not go together.
    """
    kind = gene_model_class(family_of(model), model)
    with ReferenceGenome(fasta) as reference:
        genes, finder = kind.load_regions(model, reference, force_companions=force_companions)
        found = [finder.find(gene) for gene in genes if gene.chrom in finder.contig_of]
    return merged([interval for regions in found for interval in regions.intervals])
