"""Where in the genome a model looks: the union of all its genes' regions."""

from pathlib import Path

from ..folder import CRES_FILE, GENES_FILE
from ..genome.cres import CreTable
from ..genome.genes import GeneTable
from ..genome.interval import Interval
from ..genome.intervals import merged
from ..genome.reference import ReferenceGenome
from ..zoo.companions import check_companions
from ..zoo.gene_regions import RegionFinder
from ..zoo.model_files import load_processor, model_file


def model_windows(model: str | Path, fasta: str | Path, *, force_companions: bool = False) -> list[Interval]:
    """All stretches that any gene of the model reads, by the FASTA's contig names, sorted, without overlaps.

    Args:
        model: model folder or Hub id.
        fasta: the reference genome.
        force_companions: as for ``ExpressionPredictor.from_pretrained``.

    Raises:
        InputError: a file is missing or the two do not go together.
    """
    check_companions(model, force=force_companions)
    genes = GeneTable.read(model_file(model, GENES_FILE))
    cres = CreTable.read(model_file(model, CRES_FILE))
    with ReferenceGenome(fasta) as reference:
        finder = RegionFinder(genes, cres, load_processor(model), reference)
        found = [finder.find(gene) for gene in genes if gene.chrom in finder.contig_of]
    return merged([interval for regions in found for interval in regions.intervals])
