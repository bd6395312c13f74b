"""The one interface of the zoo: what every model is asked, with plain answers.

A model of the zoo is a subclass of :class:`GeneModel`. It says where it looks, what it reads there and how that becomes
a batch; all else has a plain default: an edited genome is read anew, and genes go through the network a few at a time.
What is overridden is overridden for speed, and gives the same numbers.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from transformers import PreTrainedModel

from ..errors import InputError
from ..genome.edited import EditedGenome
from ..genome.genes import Gene, GeneTable
from ..genome.intervals import union
from ..genome.personal import PersonalGenome
from ..genome.reference import ReferenceGenome
from ..genome.stretch import PersonalStretch
from ..version import __version__
from .abilities import Abilities, require
from .assembly import check_assembly
from .device import choose_device, choose_dtype
from .estimate import RunEstimate, estimate_of_one
from .exactness import exact_products
from .gene_input import GeneInput, GeneOutput, SequenceInput, joined
from .gene_regions import GeneRegions, RegionFinder, covered, gene_sequences
from .memory import run_in_halves
from .model_files import ModelIdentity
from .outputs import TissueNames
from .statuses import GENE_DELETED, NOT_FINITE, record_use
from .stored import Precomputed
from .units import Unit, unit_named


class GeneModel(ABC):
    """A model ready to be asked: its network, the genes it knows and what it predicts.

    Args:
        network: maps a :meth:`batch` to an output with ``logits`` (B, T) in the model's unit and, of a batch with
            ``labels``, ``loss``, the mean over those that are there, and 0 where there is none; maybe ``embeddings``
            (B, T, width). Its config may have ``tissues`` (names of the
            outputs, by id; None = one without a name), ``unit``, ``assembly`` and ``chromosomes``.
        gene_table: the genes it knows.
        identity: name and hash of the weights, for the report; None = ``unsaved``.
        device: where to compute: ``auto`` (cuda, else mps, else cpu) or a torch device name.
        precision: ``auto`` (bfloat16 on cuda, else float32), or one of :attr:`precisions`.

    Attributes:
        config: of the network.
        model_type: as in config.json.
        modes: genotype modes (see ``GenotypeOptions``) that it reads, the one that it was trained on first.
        precisions: what it can compute in.
        abilities: what it can do beyond predictions.
        genes_at_once: genes in a batch, unless memory runs out.
        tissue_names: what it predicts, tissues or other outputs, by names and ontology ids.
        unit: of its predictions.
        assembly: that it was made for; None = any.
        chromosomes: that it was made for, without ``chr``; None = any.
        embedding_width: numbers in an embedding; 0 for a model without.
    """

    model_type: ClassVar[str]
    modes: ClassVar[tuple[str, ...]] = ("iupac", "alt", "ref", "haplotype1", "haplotype2")
    precisions: ClassVar[tuple[str, ...]] = ("float32", "bfloat16")
    abilities: ClassVar[Abilities] = Abilities()
    genes_at_once: ClassVar[int] = 8
    embedding_width: int = 0

    def __init__(
        self,
        network: PreTrainedModel,
        gene_table: GeneTable,
        *,
        identity: ModelIdentity | None = None,
        device: str = "auto",
        precision: str = "auto",
    ) -> None:
        self.check_precision(precision)
        self.config = config = network.config
        self.device = choose_device(device)
        self.dtype = choose_dtype(precision, self.device)
        self.precision = precision if precision != "auto" else str(self.dtype).removeprefix("torch.")
        self.network: Any = network.to(device=self.device, dtype=self.dtype).eval()
        self.gene_table = gene_table
        self.identity = identity or ModelIdentity("unsaved", "")
        self.tissue_names = TissueNames(getattr(config, "tissues", None) or ())
        self.unit: Unit = unit_named(getattr(config, "unit", "log1p_tpm"))
        self.assembly: str | None = getattr(config, "assembly", "GRCh38")
        chromosomes = getattr(config, "chromosomes", None)
        self.chromosomes: tuple[str, ...] | None = None if chromosomes is None else tuple(chromosomes)

    # Each model's own.

    @classmethod
    @abstractmethod
    def load(cls, model: str | Path, *, revision: str | None = None, **options: Any) -> "GeneModel":
        """Load a folder, or a repository of the Hub; options as of the class.

        Raises:
            InputError: a file is missing, cannot be read, or is another model's.
        """

    @classmethod
    def load_regions(
        cls, model: str | Path, reference: ReferenceGenome, *, force_companions: bool = False
    ) -> tuple[GeneTable, RegionFinder]:
        """Genes of a folder's model, and where it looks for them; override it where the weights need not be loaded."""
        loaded = cls.load(model, device="cpu", force_companions=force_companions)
        return loaded.gene_table, loaded.region_finder(reference)

    @abstractmethod
    def save(self, folder: str | Path) -> None:
        """Write a folder for :meth:`load`: weights, config, tables and their hashes."""

    @abstractmethod
    def region_finder(self, reference: ReferenceGenome) -> RegionFinder:
        """Where it looks for genes in a FASTA."""

    @abstractmethod
    def batch(
        self, inputs: Sequence[GeneInput], outputs: np.ndarray, labels: np.ndarray | None = None
    ) -> dict[str, torch.Tensor]:
        """What the network takes of B genes.

        Args:
            inputs: B genes that are there, as :meth:`OpenedModel.reader` reads them.
            outputs: (B, T) int64, ids of the outputs of each.
            labels: (B, T) float32 in the model's unit, NaN where there is none; None = no loss is wanted.
        """

    # Given.

    def open(self, reference: ReferenceGenome) -> "OpenedModel":
        """The model for one reference genome.

        Raises:
            AssemblyError: it is of another assembly than the model's.
            ContigError: a gene lies beyond the end of its contig.
        """
        return OpenedModel(self, reference)

    def ready_batch(self, sequences: Any, outputs: Sequence[int]) -> dict[str, torch.Tensor]:
        """What the network takes of one gene whose sequences the caller has, for models that read such.

        Args:
            sequences: in the gene's orientation, as the model takes them.
            outputs: ids of the outputs.

        Raises:
            InputError: the model takes none, or others.
        """
        raise InputError(
            f"models of the type {self.model_type!r} take no sequences that are ready",
            remedy="Give a genome: fasta=, and vcf= for a person.",
        )

    def follow_network(self) -> None:
        """Compute where, and in what, the network is now: somebody moved it.

        Raises:
            InputError: it is in a type that is none of :attr:`precisions`.
        """
        precision = str(self.network.dtype).removeprefix("torch.")
        self.check_precision(precision)
        self.device, self.dtype, self.precision = self.network.device, self.network.dtype, precision

    def description(self) -> dict[str, Any]:
        """All of the model that predictions depend on."""
        identity = {"name": self.identity.name, "sha256": self.identity.sha256}
        return {
            "version": __version__,
            "model": identity,
            "precision": self.precision,
            "unit": self.unit.name,
            "companions": self.companions(),
        }

    def companions(self) -> dict[str, str]:
        """Name -> hash of what predictions depend on beside the weights: tables, tokenizer, lengths."""
        from .companions import table_digests

        return table_digests(self.gene_table)

    def cre_names(self, regions: GeneRegions) -> list[str]:
        """Accessions of a gene's cCREs, in the model's order."""
        return []

    @classmethod
    def require(cls, ability: str, asked: str) -> None:
        """Refuse what its models cannot do, see :func:`require`."""
        require(cls.model_type, cls.abilities, ability, asked)

    @classmethod
    def check_mode(cls, mode: str) -> None:
        """Refuse a genotype mode that its models do not read.

        Raises:
            InputError: they do not.
        """
        if mode not in cls.modes:
            raise InputError(
                f"a model of the type {cls.model_type!r} does not read genotypes as {mode!r}",
                remedy=f"Choose --mode {' or '.join(cls.modes)}.",
            )

    @classmethod
    def check_precision(cls, precision: str) -> None:
        """Refuse a precision that its models cannot compute in.

        Raises:
            InputError: they cannot.
        """
        choices = ("auto", *cls.precisions)
        if precision not in choices:
            raise InputError(f"there is no precision {precision!r}", remedy=f"Choose one of {', '.join(choices)}.")

    def without_network(self) -> "GeneModel":
        """The same model for reading and batching only: light enough to be sent to worker processes."""
        light = copy(self)
        light.network = None
        return light


class StoringGeneModel(GeneModel):
    """A model that can keep vectors of the reference's cCREs on disk."""

    @abstractmethod
    def store_folder(self, folder: str | Path | None = None) -> Path:
        """Where its vectors are or will be; None = where it looks for them by itself.

        Raises:
            InputError: the folder belongs to another model; or the model was not loaded from files.
        """

    @abstractmethod
    def precompute(
        self,
        reference: ReferenceGenome,
        folder: str | Path | None = None,
        *,
        genes: list[Gene] | None = None,
        share: tuple[int, int] = (0, 1),
        wait: Callable[[], None] = lambda: None,
        on_elements: Callable[[int, int], None] | None = None,
    ) -> Precomputed:
        """Encode the reference's cCREs into a store, see ``inference.precompute``.

        Args:
            share: (number, of): which of several processes this is.
            wait: returns when all processes have called it.
        """


class OpenedModel:
    """A model opened for one reference genome.

    Args:
        model: the model.
        reference: the FASTA.

    Attributes:
        finder: regions of genes.
    """

    def __init__(self, model: GeneModel, reference: ReferenceGenome) -> None:
        check_assembly(reference, model.assembly)
        self.model, self.reference = model, reference
        self.finder = model.region_finder(reference)

    def reader(self, person: PersonalGenome, stretch: PersonalStretch, regions: Sequence[GeneRegions]) -> "GeneReader":
        """Reads one person's genes in a stretch.

        Args:
            person: the person.
            stretch: the person's records there, at least of all the regions.
            regions: of the genes that will be asked for.
        """
        return GeneReader(person, stretch)

    def read(self, person: PersonalGenome, regions: GeneRegions) -> GeneInput:
        """One person's gene by itself.

        Raises:
            InputError: see ``PersonalGenome.sequences``.
        """
        return self.reader(person, stretch_of(person, regions), [regions]).gene(regions)

    def stand_in(self, regions: GeneRegions) -> GeneInput:
        """What a batch has in the place of a gene that a person lacks; plain: the reference's.

        Its numbers are of no use to anyone; the smaller it is, the better.
        """
        return self.read(PersonalGenome(self.reference), regions)

    def predict(self, inputs: Sequence[GeneInput], outputs: Sequence[int]) -> list[GeneOutput]:
        """Predict genes; one that is not there has the status that says so, and NaN.

        Raises:
            InputError: memory does not suffice for one gene in one output.
        """
        able = [each for each in inputs if each.ending is None]
        found: list[GeneOutput] = []
        for first in range(0, len(able), self.model.genes_at_once):
            part = able[first : first + self.model.genes_at_once]
            found += run_in_halves(self._through_network, part, list(outputs), joined)
        predicted = iter(found)
        return [
            self.checked(next(predicted)) if each.ending is None else GeneOutput.nothing(each.ending, len(outputs))
            for each in inputs
        ]

    def checked(self, output: GeneOutput) -> GeneOutput:
        """A prediction; without numbers, and ``not_finite``, where one is none."""
        if self.model.unit.is_finite(output.values):
            return output
        return replace(output, values=np.full_like(output.values, np.nan), status=NOT_FINITE)

    def states(
        self, person: PersonalGenome, regions: GeneRegions, outputs: Sequence[int], *, shift: int = 0
    ) -> "GeneStates":
        """A person's gene, to be asked what it would be in edited genomes.

        Args:
            person: the person.
            regions: of the gene.
            outputs: ids of the outputs.
            shift: leave out so many bases at the start of every sequence; for models with phase shifts.
        """
        if shift:
            self.model.require("phase_shifts", "a phase shift")
        return GeneStates(self, person, regions, outputs)

    def cost(self, regions: GeneRegions) -> float:
        """About how long a gene takes, beside others."""
        return 1.0 + len(regions.starts)

    def estimate(
        self,
        regions: Sequence[GeneRegions],
        *,
        n_people: int,
        n_outputs: int,
        with_variants: bool,
        n_processes: int = 1,
    ) -> RunEstimate:
        """What a run will take; from one gene of the reference genome.

        Args:
            regions: of the genes.
            n_people, n_outputs: how many.
            with_variants: the people differ from the reference.
            n_processes: processes that share the run.
        """

        def run_one() -> None:
            inputs = [self.read(PersonalGenome(self.reference), regions[0])]
            if inputs[0].ending is None:
                self._through_network(inputs, list(range(n_outputs)))

        return estimate_of_one(
            self.model.network,
            run_one if regions else lambda: None,
            n_genes=len(regions),
            n_people=n_people,
            n_outputs=n_outputs,
            n_processes=n_processes,
        )

    def finish(self) -> None:
        """Called once a run has predicted all: what is worth keeping may be written."""

    def between_stretches(self) -> None:
        """Called where a run goes on to another part of the genome."""

    @property
    def damage(self) -> list[str]:
        """What was found damaged in files that the model keeps, a sentence each."""
        return []

    @torch.inference_mode()
    def _through_network(self, inputs: Sequence[GeneInput], outputs: Sequence[int]) -> list[GeneOutput]:
        ids = np.tile(np.asarray(outputs, dtype=np.int64), (len(inputs), 1))
        batch = {name: tensor.to(self.model.device) for name, tensor in self.model.batch(inputs, ids).items()}
        found = self.model.network(**batch, return_dict=True)
        values = found.logits.float().cpu().numpy()
        vectors = found.get("embeddings")
        vectors = [None] * len(inputs) if vectors is None else vectors.float().cpu().numpy()
        return [GeneOutput(*each) for each in zip(values, vectors, strict=True)]


class GeneReader:
    """Reads one person's genes in a stretch; plain: their sequences.

    Args:
        person: the person.
        stretch: the person's records there.
    """

    def __init__(self, person: PersonalGenome, stretch: PersonalStretch) -> None:
        self.person, self.stretch = person, stretch

    def gene(self, regions: GeneRegions) -> GeneInput:
        """A gene as the model reads it.

        Raises:
            ReferenceMismatchError: as for ``PersonalGenome.edits``.
        """
        keys, outcomes = self.person.outcomes(self.stretch, *covered([regions]))
        use = record_use(self.person, regions.window.chrom, outcomes)
        sequences = gene_sequences(regions, self.person.sequences)
        missing = "" if sequences.gene_sequence else GENE_DELETED
        return SequenceInput(regions, use, keys, outcomes, missing, sequences)


class GeneStates:
    """One person's gene as it is, and as it would be in edited genomes; plain: each is read anew.

    A state is whatever :meth:`of` gives; ``base`` is the gene as the person has it. Differences between states are what
    is asked for, so that products are exact here (float32 without TF32).

    Args:
        opened: the model.
        person: the person.
        regions: of the gene.
        outputs: ids of the outputs.

    Attributes:
        person: the person, with the records of the gene's regions in memory; what edited genomes are to be made of.
        regions: of the gene.
        outputs: ids of the outputs.
        use: whether the person's records in the gene could be used; where not, nothing is predicted: NaN.
        base: the gene as the person has it.
    """

    def __init__(
        self, opened: OpenedModel, person: PersonalGenome, regions: GeneRegions, outputs: Sequence[int]
    ) -> None:
        starts, ends = covered([regions])
        self.opened, self.regions, self.outputs = opened, regions, list(outputs)
        self.person = person.holding(regions.window.chrom, int(starts.min()), int(ends.max()))
        self._read()

    def _read(self) -> None:
        """Read the gene as the person has it: ``base`` and ``use``."""
        self._input = self.opened.read(self.person, self.regions)
        self.base: Any = self.person
        self.use = self._input.use

    def conflict(self, edited: EditedGenome) -> str | None:
        """A record that is not applied beside an edit in one of the gene's regions, or leaves it out; None = none."""
        return edited.conflict_in(self.regions.window.chrom, *covered([self.regions]))

    def of(self, edited: EditedGenome) -> Any:
        """The gene in an edited genome of this person.

        Raises:
            ReferenceMismatchError: as for ``PersonalGenome.edits``.
        """
        return edited

    @exact_products()
    def predict(self, states: Sequence[Any]) -> list[GeneOutput]:
        """Predict states.

        Raises:
            InputError: memory does not suffice for one.
        """
        inputs = [self._input if state is self.base else self._read_anew(state) for state in states]
        return self.opened.predict(inputs, self.outputs)

    def _read_anew(self, edited: PersonalGenome) -> GeneInput:
        """The gene in an edited genome; whether it is known is a matter of the person's own records."""
        return replace(self.opened.read(edited, self.regions), use=self.use)

    def predict_variants(
        self, variants: Sequence[Sequence[Any]], *, with_embeddings: bool = False
    ) -> list[list[GeneOutput]]:
        """Predict the states of several variants, of each one without it first.

        Args:
            variants: of each its states.
            with_embeddings: also find the vectors of what it changes (``GeneOutput.changed``).
        """
        found = iter(self.predict([state for states in variants for state in states]))
        return [[next(found) for _ in states] for states in variants]

    @exact_products()
    def noise(self) -> np.ndarray:
        """How much the base's prediction differs between batch shapes, (T,) float32: what an effect must exceed."""
        if self._input.ending is not None:
            return np.full(len(self.outputs), np.nan, dtype=np.float32)
        runs = self.opened.predict([self._input], self.outputs) + self.opened.predict([self._input] * 2, self.outputs)
        return np.ptp(np.stack([run.values for run in runs]), axis=0)

    def flags(self, before: Any, after: Any, cres: np.ndarray) -> list[str]:
        """What is to be known of a variant's effect, of the flags in docs/effects.md that depend on the model.

        Args:
            before, after: the states without and with it.
            cres: indices of the gene's cCREs that it lies in.
        """
        return []

    def changed_row(self, states: Sequence[Any]) -> float:
        """Row of the window that a variant's states differ in first; NaN = none, or the model has no rows."""
        return np.nan


class CreStates(GeneStates, ABC):
    """Of models that read cCREs one by one: states without one, or with another in its place."""

    @abstractmethod
    def has_cre(self, index: int) -> bool:
        """Whether the person has one of the gene's cCREs."""

    @abstractmethod
    def without_cre(self, index: int) -> Any:
        """The gene without one of its cCREs; where it lies in the window, that stays as it is."""

    @abstractmethod
    def with_cre(self, index: int, sequences: Sequence[str]) -> list[Any]:
        """The gene with other sequences in the place of one of its cCREs, a state each.

        Args:
            index: of the cCRE.
            sequences: in the gene's orientation, flanks and all.
        """


def stretch_of(person: PersonalGenome, regions: GeneRegions) -> PersonalStretch:
    """A person's records in one gene's regions."""
    starts, ends = covered([regions])
    within = union(starts, ends)
    return person.stretch(regions.window.chrom, int(starts.min()), int(ends.max()), within=within)


def gene_named(model: GeneModel, name: str) -> Gene:
    """A gene by its symbol or Ensembl id.

    Raises:
        InputError: the model has no such gene.
    """
    found, unknown = model.gene_table.resolve([name])
    if unknown:
        hint = f" (did you mean {', '.join(unknown[0].suggestions)}?)" if unknown[0].suggestions else ""
        raise InputError(f"gene {name!r}: {unknown[0].reason}{hint}", remedy="Ask for a gene of the model's table.")
    return found[0]
