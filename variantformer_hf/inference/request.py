"""What a run of predictions is asked for, and its files opened."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import InputError
from ..genome.cohort_files import Genotypes, GivenGenotypes
from ..genome.interval import Interval
from ..genome.options import GenotypeOptions
from ..genome.reference import ReferenceGenome
from ..genome.variant_files import genotype_source
from ..zoo.gene_model import GeneModel
from ..zoo.opened_model import OpenedModel
from .people import People, open_people
from .query import Query, RejectedQueryError, resolve_query


@dataclass(frozen=True, kw_only=True)
class PredictionRequest:
    """What is to be predicted of a FASTA and a VCF.

    Attributes:
        samples: which people of the file, a list of names (of a file of names: ``read_sample_names``), or ``"all"``;
            None = its only one.
        genes: symbols or Ensembl ids (version optional); None = all genes of the model.
        tissues: released names, GTEx names or ontology ids; None = all tissues of the model.
        skip_invalid: go on without genes and tissues that cannot be predicted, instead of stopping.
        allow_unused: go on where nothing of a person's file was used in any gene, instead of stopping.
        with_embeddings: also return the embedding of every row.
        options: how records become sequence; None = as the model was trained.
        whole_file_checksums: hash the whole input files for the report, not their headers and indexes only.
    """

    samples: Sequence[str] | None = None
    genes: Sequence[str] | None = None
    tissues: Sequence[str] | None = None
    skip_invalid: bool = False
    allow_unused: bool = False
    with_embeddings: bool = False
    options: GenotypeOptions | None = None
    whole_file_checksums: bool = False

    def in_mode(self, mode: str) -> "PredictionRequest":
        """The same request, in a genotype mode."""
        return replace(self, options=replace(self.options or GenotypeOptions(), mode=mode))


@dataclass(frozen=True, slots=True)
class OpenedRequest:
    """A run's files, opened, and its names, looked up."""

    opened: OpenedModel
    vcf: Genotypes | None
    options: GenotypeOptions
    query: Query
    people: People

    @property
    def reference(self) -> ReferenceGenome:
        """The FASTA."""
        return self.opened.reference

    def reaches(self) -> list[Interval]:
        """Where each gene looks."""
        return [self.opened.finder.reach(gene) for gene in self.query.genes]


def open_request(
    model: GeneModel,
    fasta: str | Path | ReferenceGenome,
    vcf: GivenGenotypes | None,
    request: PredictionRequest,
) -> OpenedRequest:
    """Open the files of a run and look up its names.

    Raises:
        RejectedQueryError: names that cannot be predicted, unless ``skip_invalid``.
        InputError: nothing is left to predict; a genotype mode that the model does not read; embeddings of a model
            without; anything wrong with the files.
    """
    options = request.options or GenotypeOptions(mode=model.modes[0])
    model.check_mode(options.mode)
    if request.with_embeddings:
        model.require("embeddings", "--embeddings")
    reference = fasta if isinstance(fasta, ReferenceGenome) else ReferenceGenome(fasta)
    opened = model.open(reference)
    query = resolve_query(request.genes, request.tissues, model=model, contig_of=opened.finder.contig_of)
    if query.rejected and not request.skip_invalid:
        raise RejectedQueryError(
            query.rejected, "Correct them, or go on without them with --skip-invalid (skip_invalid=True)."
        )
    for kind, found in (("gene", query.genes), ("tissue", query.tissues)):
        if not found:
            raise InputError(
                f"no {kind} is left to predict",
                record="; ".join(str(entry) for entry in query.rejected if entry.kind == kind) or None,
                remedy=f"Ask for at least one {kind} that the model knows.",
            )
    source = None if vcf is None else genotype_source(vcf)
    return OpenedRequest(opened, source, options, query, open_people(reference, source, request.samples, options))
