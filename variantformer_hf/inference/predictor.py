"""Predicting expression: people x genes x tissues in, one table out."""

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch

from ..errors import InputError
from ..folder import CRES_FILE, GENES_FILE, cache_folder
from ..genome.cres import CreTable
from ..genome.genes import Gene, GeneTable
from ..genome.options import GenotypeOptions
from ..genome.personal import PersonalGenome
from ..genome.provenance import content_of
from ..genome.reference import ReferenceGenome
from ..modeling import (
    VariantFormerEncoderConfig,
    VariantFormerForExpression,
    VariantFormerProcessor,
    choose_attention,
)
from ..version import __version__
from ..zoo.companions import check_companions, companion_digests
from ..zoo.gene_regions import GeneSequences, RegionFinder, gene_sequences
from ..zoo.model_files import (
    ModelIdentity,
    load_expression_model,
    load_processor,
    model_file,
    model_identity,
    pinned_revision,
)
from ..zoo.outputs import Tissue, TissueNames
from ..zoo.statuses import check_used, warn_of_missing_contigs
from ..zoo.variantformer.element_store import ElementStore, encoder_identity
from ..zoo.variantformer.engine import ExpressionEngine
from ..zoo.variantformer.estimate import RunEstimate, estimate_run
from ..zoo.variantformer.reference_tokens import ReferenceTokens
from .match_report import match_report
from .parts import DoneGene, PartFolder
from .people import check_assembly, check_person_agreement, check_records, open_people
from .processes import processes
from .query import Query, RejectedName, RejectedQueryError, rejected_names, resolve_query
from .run import PredictionRun
from .run_plan import shares_of, stretches_of

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)

ATTENTIONS = {"flash": "variantformer_varlen", "flex": "variantformer_flex", "sdpa": "sdpa", "eager": "eager"}
PRECISIONS = ("auto", "float32", "bfloat16", "released")


@dataclass(frozen=True, slots=True)
class GenePrediction:
    """One person's prediction of one gene in the tissues of a run.

    Attributes:
        sample: the person.
        gene: the gene.
        status: ``ok``; ``no_variants`` (the person reads as the reference there); else there is no number (NaN):
            ``not_in_vcf`` (the file has no record on the chromosome), ``all_skipped`` (it has some in the gene's
            regions, and the genotype of none could be used), ``no_cres`` or ``gene_deleted`` (nothing to predict from),
            ``not_finite`` (the model gave NaN or infinity).
        n_cres: cCREs within reach.
        records_in_windows, records_applied: distinct records of the person's file in the gene's regions, and those
            that changed a sequence.
        log1p_tpm: (T,) float32.
        embeddings: (T, width) float32, or None when not asked for.
        reason: why none of the records was used, see ``RecordUse``; "" where one was or there is none.
    """

    sample: str
    gene: Gene
    status: str
    n_cres: int
    records_in_windows: int
    records_applied: int
    log1p_tpm: np.ndarray
    embeddings: np.ndarray | None
    reason: str = ""


@dataclass(frozen=True)
class PredictionResult:
    """A finished run.

    Attributes:
        table: one row per sample, gene and tissue: sample, gene_id, gene_name, tissue, log1p_tpm, tpm, status,
            reason.
        embeddings: (rows of ``table``, width) float32 in the table's row order, or None when not asked for.
        genes: one row per sample and gene: what was read, applied and cut.
        rejected: names that were asked for and not predicted.
        report: the match report and the run's provenance, ready for JSON.
        is_writer: whether this process, of several, is the one to write the output.
        parts: what was kept on disk during the run, or None.
    """

    table: "pd.DataFrame"
    embeddings: np.ndarray | None
    genes: "pd.DataFrame"
    rejected: tuple[RejectedName, ...]
    report: dict[str, Any]
    is_writer: bool = True
    parts: PartFolder | None = None

    def remove_parts(self) -> None:
        """Remove what was kept on disk during the run, once the output is written."""
        if self.parts is not None and self.is_writer:
            self.parts.remove()


@dataclass(frozen=True, slots=True)
class _Asked:
    """A run's files, opened, and its names, looked up."""

    reference: ReferenceGenome
    finder: RegionFinder
    query: Query
    people: list[PersonalGenome]


class ExpressionPredictor:
    """A model with its tokenizer, genes and cCREs, ready to predict a person's expression.

    Args:
        model: the model.
        processor: sequences -> model inputs.
        gene_table: the genes it knows.
        cre_table: the cCREs it looks at.
        identity: name and hash of the weights, for the report; None = ``unsaved``.
        device: where to compute: ``auto`` (cuda, else mps, else cpu) or a torch device name.
        precision: ``auto`` (bfloat16 on cuda, else float32), ``float32``, ``bfloat16`` (the residual stream stays in
            float32) or ``released`` (bfloat16 throughout, as the published numbers were made).
        store: vectors of elements on disk, see :meth:`element_store`; None = none.
    """

    def __init__(
        self,
        model: VariantFormerForExpression,
        processor: VariantFormerProcessor,
        gene_table: GeneTable,
        cre_table: CreTable,
        *,
        identity: ModelIdentity | None = None,
        device: str = "auto",
        precision: str = "auto",
        store: ElementStore | None = None,
    ) -> None:
        self.device = choose_device(device)
        self.dtype = choose_dtype(precision, self.device)
        self.precision = precision if precision != "auto" else str(self.dtype).removeprefix("torch.")
        self.model = model.to(device=self.device, dtype=self.dtype).eval()
        if precision == "released":
            _round_residuals(self.model)
        self.store = store
        self.processor = processor
        self.gene_table = gene_table
        self.cre_table = cre_table
        self.identity = identity or ModelIdentity("unsaved", "")
        self.tissue_names = TissueNames(model.config.tissues or ())
        processor.reads_person = self._person_sequences

    @classmethod
    def from_pretrained(
        cls,
        model: str | Path,
        *,
        device: str = "auto",
        precision: str = "auto",
        revision: str | None = None,
        store: str | Path | None = "auto",
        attention: str = "auto",
        compile_layers: bool = False,
        force_companions: bool = False,
        **model_options: Any,
    ) -> "ExpressionPredictor":
        """Load a model folder, or a repository of the Hub, with the tables that travel in it.

        Args:
            model: folder or Hub id.
            device, precision: as for the class.
            revision: branch, tag or commit of a Hub repository.
            store: folder of elements' vectors that :meth:`precompute` made or that is to be begun; ``auto`` = the one
                that ``variantformer precompute`` made for this model, where there is one; None = none.
            attention: ``auto`` (flash-attn where it is installed and can be used, else sdpa; the log says why),
                ``flash``, ``flex``, ``sdpa`` or ``eager``.
            compile_layers: compile the model's layers with ``torch.compile``; pays off on long runs only.
            force_companions: go on where tokenizer, geometry or tables are another model's, instead of stopping.
            **model_options: passed to ``VariantFormerForExpression.from_pretrained``.

        Raises:
            InputError: a file of the model is missing, cannot be read, or is another model's (see
                ``check_companions``).
        """
        revision = pinned_revision(model, revision)
        check_companions(model, revision=revision, force=force_companions)
        genes = GeneTable.read(model_file(model, GENES_FILE, revision=revision))
        cres = CreTable.read(model_file(model, CRES_FILE, revision=revision))
        dtype = choose_dtype(precision, choose_device(device))
        model_options.setdefault("attn_implementation", _attention(attention, choose_device(device), dtype))
        predictor = cls(
            load_expression_model(model, dtype=dtype, revision=revision, **model_options),
            load_processor(model, revision=revision),
            genes,
            cres,
            identity=model_identity(model, revision=revision),
            device=device,
            precision=precision,
        )
        if compile_layers:
            predictor.model.compile_layers()
        if store is not None and (store != "auto" or predictor.default_store().is_dir()):
            predictor.store = predictor.element_store(None if store == "auto" else store)
        return predictor

    def default_store(self) -> Path:
        """Where ``variantformer precompute`` keeps the vectors of this model's elements in this precision."""
        return cache_folder() / "elements" / self._encoder_identity()

    def description(self) -> dict[str, Any]:
        """All of the model that predictions depend on: this package, weights, precision, tokenizer and tables."""
        return {
            "version": __version__,
            "model": asdict(self.identity),
            "precision": self.precision,
            "companions": companion_digests(self.processor, self.gene_table, self.cre_table),
        }

    def element_store(self, folder: str | Path | None = None) -> ElementStore:
        """The store of this model's elements in this precision.

        Args:
            folder: where it is or will be; None = :meth:`default_store`.

        Raises:
            InputError: the folder belongs to another model, or the model was not loaded from files, so that nothing
                says which model it is.
        """
        if not self.identity.sha256:
            raise InputError(
                "a store needs a model that was loaded from its files", remedy="Save the model, and load it from there."
            )
        encoder = cast(VariantFormerEncoderConfig, self.model.config.encoder_config)
        return ElementStore(folder or self.default_store(), self._encoder_identity(), encoder.hidden_size)

    def _encoder_identity(self) -> str:
        encoder = cast(VariantFormerEncoderConfig, self.model.config.encoder_config)
        return encoder_identity(self.identity.sha256, encoder, self.precision)

    def predict(
        self,
        fasta: str | Path | ReferenceGenome,
        vcf: str | Path | None = None,
        *,
        samples: Sequence[str] | None = None,
        genes: Sequence[str] | None = None,
        tissues: Sequence[str] | None = None,
        skip_invalid: bool = False,
        allow_unused: bool = False,
        **genotype_options: Any,
    ) -> "pd.DataFrame":
        """Predict expression: the table of :meth:`run`.

        Args:
            fasta, vcf, samples, genes, tissues, skip_invalid, allow_unused: as for :meth:`run`.
            **genotype_options: fields of :class:`GenotypeOptions`, e.g. ``mode="haplotype1"``, ``pass_only=True``.

        Returns:
            One row per sample, gene and tissue: sample, gene_id, gene_name, tissue, log1p_tpm, tpm, status,
            reason.
        """
        return self.run(
            fasta,
            vcf,
            samples=samples,
            genes=genes,
            tissues=tissues,
            skip_invalid=skip_invalid,
            allow_unused=allow_unused,
            options=GenotypeOptions(**genotype_options),
        ).table

    def run(
        self,
        fasta: str | Path | ReferenceGenome,
        vcf: str | Path | None = None,
        *,
        samples: Sequence[str] | None = None,
        genes: Sequence[str] | None = None,
        tissues: Sequence[str] | None = None,
        skip_invalid: bool = False,
        allow_unused: bool = False,
        with_embeddings: bool = False,
        options: GenotypeOptions | None = None,
        whole_file_checksums: bool = False,
        on_plan: Callable[[RunEstimate], None] | None = None,
        on_gene: Callable[[int, int], None] | None = None,
        parts: str | Path | None = None,
        overwrite_parts: bool = False,
    ) -> PredictionResult:
        """Predict expression and report what was used.

        Started with torchrun or ``accelerate launch`` each process does its share, and all return the whole.

        Args:
            fasta: the reference genome.
            vcf: the people's variants, indexed; None = the reference genome itself, as the sample ``reference``.
            samples: which people of the file; None = its only one.
            genes: symbols or Ensembl ids (version optional); None = all genes of the model.
            tissues: released names, GTEx names or ontology ids; None = all tissues of the model.
            skip_invalid: go on without genes and tissues that cannot be predicted, instead of stopping.
            allow_unused: go on where nothing of a person's file was used in any gene, instead of stopping.
            with_embeddings: also return the embedding of every row.
            options: how records become sequence.
            whole_file_checksums: hash the whole input files for the report, not their headers and indexes only.
            on_plan: called with what the run will take, before it begins.
            on_gene: called with (done, total) now and then, of this process's genes and people.
            parts: folder for what is done while the run goes on; a run that finds its own unfinished parts there goes
                on with the rest. It stays until :meth:`PredictionResult.remove_parts`. None = memory only.
            overwrite_parts: remove the parts of another run instead of refusing them.

        Raises:
            RejectedQueryError: names that cannot be predicted, unless ``skip_invalid``.
            InputError: anything wrong with the files, or nothing of a person's file was used, unless ``allow_unused``;
                the message names the file, the record and the remedy.
        """
        options = options or GenotypeOptions()
        asked = self._asked(fasta, vcf, samples, genes, tissues, options, skip_invalid=skip_invalid)
        reference, finder, query, people = asked.reference, asked.finder, asked.query, asked.people
        reaches = [finder.reach(gene) for gene in query.genes]
        agreement = None if vcf is None else check_records(reference, vcf, reaches, allow_unused=allow_unused)
        warn_of_missing_contigs(people[0], [reach.chrom for reach in reaches])
        group = processes(on_cpu=self.device.type == "cpu")
        description = self._run_description(reference, vcf, options, query, [p.sample for p in people], with_embeddings)
        folder = None
        if parts is not None:
            group.wait()  # so that no process takes parts of this run, written early by another, for an older run's
            folder = PartFolder(parts, description, overwrite=overwrite_parts)
        elif group.count > 1:
            raise InputError("several processes need a folder to join their parts in", remedy="Give parts=FOLDER.")
        if on_plan is not None:
            on_plan(self._estimate(asked, group.count))
        stretches = stretches_of(reaches)
        costs = np.array([self._cost(query.genes[index], finder) for each in stretches for index in each.genes])
        engine = ExpressionEngine(self.model, self.processor, len(self.cre_table), self.store)
        run = PredictionRun(
            engine,
            self.processor,
            finder,
            ReferenceTokens(self.processor.tokenizer, len(self.cre_table)),
            genes=query.genes,
            stretches=stretches,
            people=people,
            tissue_ids=[tissue.id for tissue in query.tissues],
            share=shares_of(costs, len(people), group.count)[group.rank],
            parts=folder,
            with_embeddings=with_embeddings,
            on_gene=on_gene,
        )
        group.wait()
        run.execute()
        logger.info("elements: %d encoded, %d from the store", engine.elements_encoded, engine.elements_found)
        group.wait()
        done = run.predictions if folder is None else folder.read(with_embeddings=with_embeddings)
        tallies = run.tallies if folder is None else [folder.tally(person) for person in range(len(people))]
        group.wait()
        if folder is not None and group.rank == 0 and all(np.isnan(each.log1p_tpm).all() for each in done.values()):
            folder.remove()  # there is no number in it to go on from
        for number, (person, tally) in enumerate(zip(people, tallies, strict=True)):
            person.close()
            if vcf is not None:
                check_person_agreement(tally, vcf, person.sample)
            of_person = [done[number, gene] for gene in range(len(query.genes))]
            check_used(
                person.sample, [(each.status, each.reason) for each in of_person], vcf, allow_unused=allow_unused
            )
        predictions = [
            _gene_prediction(done[person, index], people[person].sample, gene)
            for person in range(len(people))
            for index, gene in enumerate(query.genes)
        ]
        return PredictionResult(
            table=tidy_table(predictions, query.tissues),
            embeddings=_stacked_embeddings(predictions) if with_embeddings else None,
            genes=gene_table(predictions),
            rejected=tuple(query.rejected),
            report=match_report(
                reference=reference,
                vcf=vcf,
                options=options,
                query=query,
                tallies={person.sample: tally for person, tally in zip(people, tallies, strict=True)},
                calls_not_diploid={person.sample: person.calls_not_diploid for person in people},
                agreement=agreement,
                statuses=_counted(predictions, "status"),
                reasons=_counted(predictions, "reason"),
                identity=self.identity,
                precision=self.precision,
                device=str(self.device),
                whole_file_checksums=whole_file_checksums,
                damage=[
                    *(self.store.damage if self.store is not None else ()),
                    *(damage for person in people for damage in person.damage),
                ],
            ),
            is_writer=group.rank == 0,
            parts=folder,
        )

    def plan(
        self,
        fasta: str | Path | ReferenceGenome,
        vcf: str | Path | None = None,
        *,
        samples: Sequence[str] | None = None,
        genes: Sequence[str] | None = None,
        tissues: Sequence[str] | None = None,
        skip_invalid: bool = False,
    ) -> RunEstimate:
        """What a run would take, without doing it; arguments and errors as for :meth:`run`."""
        asked = self._asked(fasta, vcf, samples, genes, tissues, GenotypeOptions(), skip_invalid=skip_invalid)
        for person in asked.people:
            person.close()
        return self._estimate(asked, processes(on_cpu=self.device.type == "cpu").count)

    def _asked(
        self,
        fasta: str | Path | ReferenceGenome,
        vcf: str | Path | None,
        samples: Sequence[str] | None,
        genes: Sequence[str] | None,
        tissues: Sequence[str] | None,
        options: GenotypeOptions,
        *,
        skip_invalid: bool,
    ) -> "_Asked":
        """Open the files of a run and look up its names."""
        reference = fasta if isinstance(fasta, ReferenceGenome) else ReferenceGenome(fasta)
        check_assembly(reference)
        finder = RegionFinder(self.gene_table, self.cre_table, self.processor, reference)
        query = resolve_query(
            genes, tissues, gene_table=self.gene_table, tissue_names=self.tissue_names, contig_of=finder.contig_of
        )
        _check_query(query, skip_invalid)
        return _Asked(reference, finder, query, open_people(reference, vcf, samples, options))

    def _estimate(self, asked: "_Asked", n_processes: int) -> RunEstimate:
        return estimate_run(
            ExpressionEngine(self.model, self.processor, len(self.cre_table), self.store),
            self.processor,
            [asked.finder.find(gene) for gene in asked.query.genes],
            n_people=len(asked.people),
            n_tissues=len(asked.query.tissues),
            with_variants=not asked.people[0].is_reference,
            n_processes=n_processes,
        )

    def _run_description(
        self,
        reference: ReferenceGenome,
        vcf: str | Path | None,
        options: GenotypeOptions,
        query: Query,
        samples: Sequence[str],
        with_embeddings: bool,
    ) -> dict[str, Any]:
        """All that the predictions of a run depend on."""
        return {
            **self.description(),
            "fasta": content_of(reference.path),
            "vcf": None if vcf is None else content_of(vcf),
            "options": options.as_dict(),
            "samples": list(samples),
            "genes": [gene.gene_id for gene in query.genes],
            "tissues": [tissue.name for tissue in query.tissues],
            "embeddings": with_embeddings,
        }

    def _cost(self, gene: Gene, finder: RegionFinder) -> float:
        """About how long a gene takes, in units of the tokens that the streams work on."""
        return float(len(finder.find(gene).starts) + self.processor.max_gene_windows)

    def sequences(self, person: PersonalGenome, gene: str) -> GeneSequences:
        """One person's sequences of a gene, ready for :meth:`gene_inputs`.

        Args:
            person: the genome.
            gene: symbol or Ensembl id, version optional.

        Raises:
            InputError: the model has no such gene, or the genome's FASTA lacks its contig.
        """
        found, unknown = self.gene_table.resolve([gene])
        if unknown:
            (reason,) = rejected_names("gene", unknown)
            raise InputError(str(reason), remedy="Ask for a gene of the model's table.")
        finder = RegionFinder(self.gene_table, self.cre_table, self.processor, person.reference)
        return gene_sequences(finder.find(found[0]), person.sequences)

    def _person_sequences(self, person: PersonalGenome, gene: str) -> tuple[list[str], list[int], str]:
        found = self.sequences(person, gene)
        return found.cre_sequences, found.cre_class_ids.tolist(), found.gene_sequence

    def gene_inputs(self, sequences: GeneSequences) -> Any:
        """Model inputs (a batch of one gene) from one person's sequences."""
        return self.processor(
            cre_sequences=sequences.cre_sequences,
            cre_classes=sequences.cre_class_ids.tolist(),
            gene_sequence=sequences.gene_sequence,
            return_tensors="pt",
        )

    @torch.inference_mode()
    def predict_gene(self, sequences: GeneSequences, tissue_ids: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """One person's prediction of one gene.

        Returns:
            log1p TPM, (T,) float32; embeddings, (T, width) float32.
        """
        inputs = self.gene_inputs(sequences).to(self.device)
        ids = torch.tensor([list(tissue_ids)], device=self.device)
        output = self.model(**inputs, tissue_ids=ids)
        return output.logits[0].float().cpu().numpy(), output.embeddings[0].float().cpu().numpy()


def choose_device(device: str) -> torch.device:
    """``auto`` -> cuda where there is one, else mps, else cpu; any other text is a torch device name.

    Raises:
        InputError: no such device here.
    """
    if device in ("auto", "cuda") and torch.cuda.is_available():
        # Of several processes on a machine each takes its own.
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    if device == "auto":
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    kind = device.partition(":")[0]
    if not available.get(kind, False):
        raise InputError(
            f"there is no device {device!r} here",
            remedy=f"Choose auto or one of {', '.join(name for name, there in available.items() if there)}.",
        )
    return torch.device(device)


def choose_dtype(precision: str, device: torch.device) -> torch.dtype:
    """Type of the weights: ``auto`` -> bfloat16 on cuda, else float32.

    Raises:
        InputError: no such precision.
    """
    if precision not in PRECISIONS:
        raise InputError(f"there is no precision {precision!r}", remedy=f"Choose one of {', '.join(PRECISIONS)}.")
    if precision == "auto":
        return torch.bfloat16 if device.type == "cuda" else torch.float32
    return torch.float32 if precision == "float32" else torch.bfloat16


def _attention(asked: str, device: torch.device, dtype: torch.dtype) -> str:
    """Name of an attention implementation as transformers knows it.

    Raises:
        InputError: no such implementation.
    """
    if asked == "auto":
        name, reason = choose_attention(device, dtype)
        logger.info("attention: %s (%s)", name, reason)
        return name
    if asked not in ATTENTIONS:
        raise InputError(f"there is no attention {asked!r}", remedy=f"Choose auto or one of {', '.join(ATTENTIONS)}.")
    return ATTENTIONS[asked]


def _round_residuals(model: torch.nn.Module) -> None:
    """Keep the residual streams in the type of the weights."""
    for module in model.modules():
        config = getattr(module, "config", None)
        if config is not None and hasattr(config, "residual_dtype"):
            config.residual_dtype = "model"


def _gene_prediction(done: DoneGene, sample: str, gene: Gene) -> GenePrediction:
    return GenePrediction(
        sample=sample,
        gene=gene,
        status=done.status,
        n_cres=done.n_cres,
        records_in_windows=done.records_in_windows,
        records_applied=done.records_applied,
        log1p_tpm=done.log1p_tpm,
        embeddings=done.embeddings,
        reason=done.reason,
    )


def _counted(predictions: Sequence[GenePrediction], what: str) -> dict[str, dict[str, int]]:
    """Sample -> how many of its genes have each status, or each reason."""
    counts: dict[str, dict[str, int]] = {}
    for each in predictions:
        of_sample = counts.setdefault(each.sample, {})
        value = str(getattr(each, what))
        of_sample[value] = of_sample.get(value, 0) + 1
    return counts


def tidy_table(predictions: Sequence[GenePrediction], tissues: Sequence[Tissue]) -> "pd.DataFrame":
    """One row per sample, gene and tissue.

    Returns:
        sample, gene_id, gene_name, tissue, log1p_tpm, tpm (float32), status, reason (NA where there is none).
    """
    import pandas as pd

    log1p_tpm = _concatenated([prediction.log1p_tpm for prediction in predictions])

    def of_gene(values: Sequence[str | None]) -> np.ndarray:
        return np.repeat(np.asarray(values, dtype=object), len(tissues))

    return pd.DataFrame(
        {
            "sample": of_gene([prediction.sample for prediction in predictions]),
            "gene_id": of_gene([prediction.gene.gene_id for prediction in predictions]),
            "gene_name": of_gene([prediction.gene.gene_name for prediction in predictions]),
            "tissue": np.tile(np.asarray([tissue.name for tissue in tissues], dtype=object), len(predictions)),
            "log1p_tpm": log1p_tpm,
            "tpm": np.expm1(log1p_tpm),
            "status": of_gene([prediction.status for prediction in predictions]),
            "reason": of_gene([prediction.reason or None for prediction in predictions]),
        }
    ).astype({"reason": "string"})


def gene_table(predictions: Sequence[GenePrediction]) -> "pd.DataFrame":
    """One row per sample and gene: sample, gene_id, gene_name, status, reason, n_cres, the counts of records."""
    import pandas as pd

    columns = ("sample", "gene_id", "gene_name", "status", "reason", "n_cres", "records_in_windows", "records_applied")
    rows = [
        (p.sample, p.gene.gene_id, p.gene.gene_name, p.status, p.reason or None, p.n_cres, p.records_in_windows,
         p.records_applied)
        for p in predictions
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=list(columns)).astype({"reason": "string"})


def _stacked_embeddings(predictions: Sequence[GenePrediction]) -> np.ndarray:
    return _concatenated([prediction.embeddings for prediction in predictions if prediction.embeddings is not None])


def _concatenated(parts: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate(parts) if parts else np.empty(0, dtype=np.float32)


def _check_query(query: Query, skip_invalid: bool) -> None:
    if query.rejected and not skip_invalid:
        raise RejectedQueryError(query.rejected)
    for kind, found in (("gene", query.genes), ("tissue", query.tissues)):
        if not found:
            raise InputError(
                f"no {kind} is left to predict",
                record="; ".join(str(entry) for entry in query.rejected if entry.kind == kind) or None,
                remedy=f"Ask for at least one {kind} that the model knows.",
            )
