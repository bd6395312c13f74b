"""What a command was asked, as values that open models and genomes."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from ..errors import InputError

if TYPE_CHECKING:
    from ..analysis.backgrounds import Background
    from ..analysis.effects import VariantScorer
    from ..genome.options import GenotypeOptions
    from ..inference.predictor import ExpressionPredictor
    from ..work.units import Engine
    from ..zoo.gene_model import GeneModel


def quiet_libraries() -> None:
    """Have other libraries say nothing by themselves: what goes wrong is said once, in our words."""
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    # That tied weights are written once, with each state of a run.
    logging.getLogger("accelerate.utils.other").setLevel(logging.ERROR)
    quiet_htslib()


def quiet_htslib() -> None:
    """Have the reader of VCFs say nothing by itself; what a command needs that opens no network."""
    import pysam

    pysam.set_verbosity(0)


def asked_samples(
    sample: list[str] | None, samples_file: Path | None, *, all_samples: bool = False
) -> Sequence[str] | None:
    """Whom a command was asked for: those of ``--sample``, then those of ``--samples-file``; None = nobody by name.

    Raises:
        InputError: everybody and some by name; the file cannot be read, see ``read_sample_names``.
    """
    from ..genome.sample_names import ALL_SAMPLES, read_sample_names

    named = [*(sample or []), *([] if samples_file is None else read_sample_names(samples_file))]
    if all_samples:
        if named:
            raise InputError("--all-samples is everybody, and some are named too", remedy="Give one of the two.")
        return ALL_SAMPLES
    return named or None


def chosen_engine(name: str, address: str | None, workers: int | None, device: str = "auto") -> "Engine":
    """Where the units of a command are done; what Ray works with is said on stderr.

    Raises:
        InputError: see ``engine_named``.
    """
    from ..work.engines import engine_named

    on_cpu = device.startswith("cpu")
    return engine_named(name, address, workers, use_gpus=not on_cpu, say=partial(typer.echo, err=True))


def fitting_engine(name: str, address: str | None, workers: int | None, device: str = "cpu") -> "Engine":
    """Where genes are fitted: here, in several processes of this machine, or by Ray.

    Raises:
        InputError: see ``engine_named``; no processes.
    """
    from ..errors import check_number
    from ..work import Processes

    if name == "process" and address is None and workers is not None:
        check_number("--workers", workers, 1)
        if workers > 1:
            return Processes(workers)
        workers = None
    return chosen_engine(name, address, workers, device)


def chosen_precision(asked: str, engine: "Engine") -> str:
    """What a command computes in: ``auto`` is decided by where its units are done, for all workers and this process.

    Raises:
        InputError: there is no such cluster, see ``RayEngine``.
    """
    if asked != "auto" or engine.has_gpus is None:
        return asked
    import torch

    from ..zoo.device import choose_dtype

    dtype = choose_dtype("auto", torch.device("cuda" if engine.has_gpus else "cpu"))
    return str(dtype).removeprefix("torch.")


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """Which model, and how it computes.

    Attributes:
        model: folder or Hub id.
        precision: see ``GeneModel``; effects need ``float32``.
        device, force_companions: see ``GeneModel.load``.
        store, attention, compile_layers, read_out, window, embedding_model, variant_embeddings: options of some
            families, see theirs; ``none`` is no store.
    """

    model: str
    precision: str = "float32"
    device: str = "auto"
    force_companions: bool = False
    store: str = "auto"
    attention: str = "auto"
    compile_layers: bool = False
    read_out: str | None = None
    window: int | None = None
    embedding_model: str | None = None
    variant_embeddings: Path | None = None

    def kind(self) -> "type[GeneModel]":
        """The class of the model, which says what it can do; no weights are loaded.

        Raises:
            InputError: there is no such model, or it predicts no genes; it cannot do what was asked for.
        """
        from ..zoo.families import family_of, gene_model_class, known_options

        kind = gene_model_class(family_of(self.model), self.model)
        kind.check_precision(self.precision)
        known_options(kind, self.model, self._options())
        return kind

    def modes(self) -> tuple[str, ...]:
        """Genotype modes that the model reads, the one that it was made for first; no weights are loaded.

        Raises:
            InputError: as for :meth:`kind`.
        """
        from ..zoo.families import read_config

        return self.kind().modes_of(read_config(self.model))

    def load(self) -> "GeneModel":
        """The model.

        Raises:
            InputError: see ``load_gene_model``.
        """
        from ..zoo.families import load_gene_model

        return load_gene_model(self.model, **self._options())

    def predictor(self) -> "ExpressionPredictor":
        """The model as predictions ask it; it can be loaded again elsewhere."""
        from ..inference.predictor import ExpressionPredictor

        return ExpressionPredictor.from_pretrained(self.model, **self._options())

    def scorer(self) -> "VariantScorer":
        """The model as analyses ask it."""
        from ..analysis.effects import VariantScorer

        return VariantScorer(self.load())

    def _options(self) -> dict[str, Any]:
        return {
            "precision": self.precision,
            "device": self.device,
            "force_companions": self.force_companions,
            "store": None if self.store == "none" else self.store,
            "attention": self.attention,
            "compile_layers": self.compile_layers,
            "read_out": self.read_out,
            "window": self.window,
            "embedding_model": self.embedding_model,
            "variant_embeddings": self.variant_embeddings,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class GenotypeSettings:
    """How a person's records become sequence.

    Attributes:
        mode: None = as the model was trained.
        gvcf: drop the symbolic allele of a gVCF's records.
        snps_only, pass_only, min_gq, min_dp, on_ref_mismatch, min_probability: see ``GenotypeOptions``.
    """

    mode: str | None = None
    gvcf: bool = False
    snps_only: bool = False
    pass_only: bool = False
    min_gq: float | None = None
    min_dp: float | None = None
    on_ref_mismatch: str = "error"
    min_probability: float = 0.9

    def options(self, model: ModelSettings | None = None) -> "GenotypeOptions":
        """As a model reads them; None: of one that decides by itself in which mode it reads.

        Raises:
            InputError: it does not read this mode; see ``GenotypeOptions``.
        """
        from ..genome.options import MODES, GenotypeOptions
        from ..zoo.gene_model import check_mode

        modes = MODES if model is None else model.modes()
        mode = self.mode or modes[0]
        if model is not None:
            check_mode(model.kind().model_type, modes, mode)
        return GenotypeOptions(
            mode=mode,
            symbolic="ignore_allele" if self.gvcf else "exclude_record",
            snps_only=self.snps_only,
            pass_only=self.pass_only,
            min_gq=self.min_gq,
            min_dp=self.min_dp,
            on_ref_mismatch=self.on_ref_mismatch,
            min_probability=self.min_probability,
        )


@dataclass(frozen=True, slots=True)
class GenomeSettings:
    """In whose genome to look, see ``open_backgrounds``."""

    fasta: Path
    vcf: list[str] | None
    sample: str | None
    background: str | None
    genotypes: GenotypeSettings = GenotypeSettings()

    def open(self, model: ModelSettings) -> "list[Background]":
        """The genomes, as a model reads them.

        Raises:
            InputError: anything wrong with the files; the model does not read the mode.
        """
        from ..analysis.backgrounds import open_backgrounds
        from ..genome.reference import ReferenceGenome

        options = self.genotypes.options(model)
        reference = ReferenceGenome(self.fasta)
        return open_backgrounds(reference, self.background, vcf=self.vcf or None, sample=self.sample, options=options)

    def open_one(self, model: ModelSettings) -> "Background":
        """The one genome, for commands that take no more.

        Raises:
            InputError: there are several; see :meth:`open`.
        """
        found = self.open(model)
        if len(found) > 1:
            raise InputError("this command takes one genome", remedy="Name person, person-snps or reference.")
        return found[0]
