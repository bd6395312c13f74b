"""What a request computes: one gene in one genome, beside the reference genome, with variants and enhancers."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch

from ..analysis.attention import GeneAttention, cre_attentions
from ..analysis.effects import VariantScorer
from ..errors import InputError, SampleError
from ..genome.doctor import reference_agreement
from ..genome.genes import Gene
from ..genome.options import GenotypeOptions
from ..genome.personal import PersonalGenome
from ..genome.reference import ReferenceGenome
from ..genome.sample_names import chosen_sample, shown_samples
from ..genome.variant import VariantNormalizer
from ..genome.variant_table import RejectedVariant, VariantTable, first_reason, read_variants
from ..inference.prediction import PredictionResult
from ..inference.predictor import ExpressionPredictor
from ..zoo.gene_model import GeneModel
from .uploads import said_of
from .visits import Request

if TYPE_CHECKING:
    import pandas as pd

Whose = Literal["reference", "demo", "upload"]
MOST_VARIANTS, MOST_SHOWN_GENES, _NAMED_GENES = 100, 50, 6
# References are the same for all readers: so many of their predictions are kept.
_REFERENCES = 64
_UPLOAD = "Upload a VCF, or choose the reference genome."


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked of one gene.

    Attributes:
        gene: as :meth:`ServedModel.find_gene` takes it.
        tissues: names; none = all.
        mode: in which genotypes are read.
        whose: genome: the reference, the demo's person, or the uploaded one.
        sample: of an upload with several people.
        variants: typed, separated by spaces, commas or lines.
        with_attention: also which cCREs the tissues attend to.
    """

    gene: str
    tissues: Sequence[str] = ()
    mode: str
    whose: Whose = "reference"
    sample: str | None = None
    variants: str = ""
    with_attention: bool = False


@dataclass(frozen=True)
class Answer:
    """What was found.

    Attributes:
        person: the prediction, with its match report.
        reference: that of the reference genome; the same where that was asked for.
        effects: of variants, as ``VariantScorer`` gives them; None = none were asked about.
        rejected: variants that could not be scored.
        attention: over the gene's cCREs; None = not asked for, or the model attends to none.
        attends: whether the model attends to cCREs.
        unit: of the model, as tables name it.
        names: path of a file of this machine -> what its reader calls it.
    """

    person: PredictionResult
    reference: PredictionResult
    effects: "pd.DataFrame | None"
    rejected: Sequence[RejectedVariant]
    attention: GeneAttention | None
    attends: bool
    unit: str
    names: dict[Path, str]


class ServedModel:
    """One model for all readers; requests are answered one after the other.

    Args:
        model: the model, in float32, as effects need it.
        fasta: the reference genome.
        person: indexed VCF of the demo's person; None = there is none.

    Raises:
        InputError: the FASTA cannot be used, or is of another assembly than the model.
    """

    def __init__(self, model: GeneModel, fasta: Path, person: Path | None = None) -> None:
        self.model, self._person = model, person
        self._reference = ReferenceGenome(fasta)
        self._predictor, self._scorer = ExpressionPredictor(model), VariantScorer(model)
        self._finder = self._scorer.open(self._reference).opened.finder
        self._turn = threading.Lock()
        self._of_reference = lru_cache(_REFERENCES)(self._predict_reference)

    @property
    def has_person(self) -> bool:
        """Whether there is a demo's person."""
        return self._person is not None

    @property
    def tissues(self) -> list[str]:
        """Names of what it predicts."""
        return [tissue.name for tissue in self.model.tissue_names.named]

    def find_genes(self, text: str) -> list[Gene]:
        """Genes whose symbol or Ensembl id begins with a text, or else holds it, at most :data:`MOST_SHOWN_GENES`.

        Those on contigs that the FASTA lacks are left out.
        """
        wanted = text.strip().casefold()
        begins, holds = [], []
        for gene in self.model.gene_table:
            if gene.chrom not in self._finder.contig_of:
                continue
            names = gene.gene_name.casefold(), gene.gene_id.casefold()
            if any(name.startswith(wanted) for name in names):
                begins.append(gene)
            elif wanted in names[0]:
                holds.append(gene)
        return [*begins, *holds][:MOST_SHOWN_GENES]

    def find_gene(self, text: str) -> Gene:
        """The gene of a symbol or an Ensembl id, with or without its version; a part that one gene alone has is enough.

        Raises:
            InputError: there is none, or several.
        """
        if not text.strip():
            raise InputError("no gene is named", remedy="Type a symbol, such as APOE, or an Ensembl id.")
        exact, _ = self.model.gene_table.resolve([text], most_suggested=0)
        genes = exact or self.find_genes(text)
        if not genes:
            raise InputError(f"no gene is called {text.strip()!r}", remedy="Type a symbol or an Ensembl id.")
        if len(genes) > 1:
            raise InputError(
                f"{text.strip()!r} is of several genes ({shown_genes(genes)})",
                remedy="Type the whole of one's name or id.",
            )
        return genes[0]

    def answer(self, question: Question, request: Request, on_step: Callable[[float, str], None]) -> Answer:
        """Answer a question, when those before it are answered.

        Args:
            question: what is asked.
            request: its files; that it is asked to stop is seen between the layers of the network.
            on_step: called with the share that is done, and what is done next.

        Raises:
            InputError: a file, gene, tissue or variant cannot be used; files are named as their reader names them.
            RequestStopped: the request was asked to stop.
        """
        names = {}
        if request.vcf is not None:
            names[request.vcf.path] = request.vcf.name
        if request.variants is not None:
            names[request.variants[0]] = request.variants[1]
        on_step(0.0, "waiting for those before")
        with self._turn, _stopping(request):
            try:
                return self._answer(question, request, names, on_step)
            except InputError as error:
                raise InputError(said_of(error, names)) from error

    def _answer(
        self, question: Question, request: Request, names: dict[Path, str], on_step: Callable[[float, str], None]
    ) -> Answer:
        tissues = tuple(question.tissues) or None
        gene = self.find_gene(question.gene)
        self._scorer.open(self._reference).checked_query([gene.gene_id], tissues)
        vcf, sample = self._whose(question, request)
        options = GenotypeOptions(mode=question.mode)
        on_step(0.05, "reading the genotypes")
        if vcf is not None:
            self._check_region(vcf, gene)
        variants = self._variants(question.variants, request)
        on_step(0.1, f"predicting {gene.gene_name} of the reference genome")
        reference = self._of_reference(gene.gene_id, tissues, question.mode)
        person = reference
        if vcf is not None:
            on_step(0.3, f"predicting {gene.gene_name} of the person")
            person = self._predictor.run(
                self._reference,
                vcf,
                samples=None if sample is None else [sample],
                genes=[gene.gene_id],
                tissues=tissues,
                options=options,
                allow_unused=True,
            )
        genome = PersonalGenome(self._reference, vcf, sample, options)
        try:
            effects, rejected = None, list[RejectedVariant]()
            if variants is not None:
                on_step(0.5, f"scoring {len(variants)} variant(s)")
                found = self._scorer.run(variants, genome, genes=[gene.gene_id], tissues=tissues, allow_unused=True)
                effects, rejected = found.table, list(found.rejected)
            attention, attends = None, self.model.abilities.cre_attention
            if question.with_attention and attends:
                on_step(0.8, "looking at the cCREs")
                found_attention = cre_attentions(
                    self._scorer, [genome], [gene.gene_id], tissues=tissues, allow_unused=True
                )
                attention = next(iter(found_attention))
        finally:
            genome.close()
        request.check()
        on_step(0.95, "drawing")
        return Answer(person, reference, effects, rejected, attention, attends, self.model.unit.name, names)

    def _predict_reference(self, gene_id: str, tissues: tuple[str, ...] | None, mode: str) -> PredictionResult:
        options = GenotypeOptions(mode=mode)
        return self._predictor.run(self._reference, genes=[gene_id], tissues=tissues, options=options)

    def _whose(self, question: Question, request: Request) -> tuple[Path | None, str | None]:
        """The file, and the person in it.

        Raises:
            InputError: there is no such file.
            SampleError: no one of several people is chosen.
        """
        if question.whose == "reference":
            return None, None
        if question.whose == "demo":
            if self._person is None:
                raise InputError("there is no demo person beside this model", remedy=_UPLOAD)
            return self._person, None
        if request.vcf is None:
            raise InputError("no file of a person is here", remedy=_UPLOAD)
        samples = request.vcf.samples
        if len(samples) > 1 and question.sample is None:
            raise SampleError(
                f"has {len(samples):,} samples ({shown_samples(samples)})",
                file=request.vcf.name,
                remedy="Upload it again, and choose one of them.",
            )
        return request.vcf.path, chosen_sample(request.vcf.name, samples, question.sample)

    def _check_region(self, vcf: Path, gene: Gene) -> None:
        """Refuse a file without a record where the model looks.

        Raises:
            InputError: it has none; it is of another assembly.
        """
        reach = self._finder.reach(gene)
        if not reference_agreement(self._reference, vcf, [reach], 1).checked:
            raise InputError(
                f"has no record in the region that is read for {gene.gene_name}, "
                f"{reach.chrom}:{reach.start + 1:,}-{reach.end:,}",
                file=vcf,
                remedy="Upload the region of this gene, or choose a gene in the file's.",
            )

    def _variants(self, typed: str, request: Request) -> VariantTable | None:
        """The variants that are asked about, typed or in a file; None = none are.

        Raises:
            InputError: both are given; none can be scored, or too many are given.
        """
        named = typed.replace(",", " ").split()
        if named and request.variants is not None:
            raise InputError("variants are typed, and a file of them is uploaded", remedy="Give one of the two.")
        if not named and request.variants is None:
            return None
        source: Any = named if request.variants is None else request.variants[0]
        table = read_variants(source, VariantNormalizer(self._reference))
        where = None if request.variants is None else request.variants[0]
        if not table.rows:
            raise InputError("no variant can be scored", file=where, remedy=first_reason(table.rejected))
        if len(table) > MOST_VARIANTS:
            raise InputError(
                f"has {len(table):,} variants, and at most {MOST_VARIANTS} are scored here",
                file=where,
                remedy="Take fewer; the command `variantformer effects` takes any number.",
            )
        return table


def shown_genes(genes: Sequence[Gene]) -> str:
    """The first of some genes, and how many there are more."""
    shown = ", ".join(f"{gene.gene_name} ({gene.gene_id})" for gene in genes[:_NAMED_GENES])
    return shown if len(genes) <= _NAMED_GENES else f"{shown}, and {len(genes) - _NAMED_GENES} more"


@contextmanager
def _stopping(request: Request) -> Iterator[None]:
    """A block in which each layer of a network asks whether the request goes on.

    Raises:
        RequestStopped: it does not.
    """
    request.check()
    asking = torch.nn.modules.module.register_module_forward_pre_hook(lambda _module, _given: request.check())
    try:
        yield
    finally:
        asking.remove()
