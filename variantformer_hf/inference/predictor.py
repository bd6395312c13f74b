"""Predicting expression: people x genes x tissues in, one table out."""

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..errors import InputError
from ..folder import CRES_FILE, GENES_FILE
from ..genome.cres import CreTable
from ..genome.genes import Gene, GeneTable
from ..genome.personal import PersonalGenome
from ..genome.reference import ReferenceGenome
from ..genome.tally import VariantTally
from ..modeling import VariantFormerForExpression, VariantFormerProcessor
from .gene_regions import GeneRegions, GeneSequences, RegionFinder, gene_sequences
from .match_report import match_report
from .model_files import (
    ModelIdentity,
    load_expression_model,
    load_processor,
    model_file,
    model_identity,
)
from .people import GenotypeOptions, check_assembly, check_person_agreement, check_records, open_people
from .query import Query, RejectedName, RejectedQueryError, resolve_query
from .tissues import Tissue, TissueNames

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class GenePrediction:
    """One person's prediction of one gene in the tissues of a run.

    Attributes:
        sample: the person.
        gene: the gene.
        status: ``ok``; ``no_variants`` (the person reads as the reference there); ``no_cres`` or ``gene_deleted``
            (nothing to predict from: NaN).
        n_cres: cCREs within reach.
        records_in_windows, records_applied: distinct records of the person's file in the gene's regions, and those
            that changed a sequence.
        log1p_tpm: (T,) float32.
        embeddings: (T, width) float32, or None when not asked for.
    """

    sample: str
    gene: Gene
    status: str
    n_cres: int
    records_in_windows: int
    records_applied: int
    log1p_tpm: np.ndarray
    embeddings: np.ndarray | None


@dataclass(frozen=True)
class PredictionResult:
    """A finished run.

    Attributes:
        table: one row per sample, gene and tissue: sample, gene_id, gene_name, tissue, log1p_tpm, tpm, status.
        embeddings: (rows of ``table``, width) float32 in the table's row order, or None when not asked for.
        genes: one row per sample and gene: what was read, applied and cut.
        rejected: names that were asked for and not predicted.
        report: the match report and the run's provenance, ready for JSON.
    """

    table: "pd.DataFrame"
    embeddings: np.ndarray | None
    genes: "pd.DataFrame"
    rejected: tuple[RejectedName, ...]
    report: dict[str, Any]


class ExpressionPredictor:
    """A model with its tokenizer, genes and cCREs, ready to predict a person's expression.

    Args:
        model: the model.
        processor: sequences -> model inputs.
        gene_table: the genes it knows.
        cre_table: the cCREs it looks at.
        identity: name and hash of the weights, for the report; None = ``unsaved``.
        device: where to compute: ``auto`` (cuda, else mps, else cpu) or a torch device name.
        precision: ``auto`` (bfloat16 on cuda, else float32), ``float32`` or ``bfloat16``.
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
    ) -> None:
        self.device = choose_device(device)
        self.dtype = choose_dtype(precision, self.device)
        self.model = model.to(device=self.device, dtype=self.dtype).eval()
        self.processor = processor
        self.gene_table = gene_table
        self.cre_table = cre_table
        self.identity = identity or ModelIdentity("unsaved", "")
        self.tissue_names = TissueNames(model.config.tissues or ())

    @classmethod
    def from_pretrained(
        cls,
        model: str | Path,
        *,
        device: str = "auto",
        precision: str = "auto",
        revision: str | None = None,
        **model_options: Any,
    ) -> "ExpressionPredictor":
        """Load a model folder, or a repository of the Hub, with the tables that travel in it.

        Args:
            model: folder or Hub id.
            device, precision: as for the class.
            revision: branch, tag or commit of a Hub repository.
            **model_options: passed to ``VariantFormerForExpression.from_pretrained``, e.g. ``attn_implementation``.

        Raises:
            InputError: a file of the model is missing or cannot be read.
        """
        genes = GeneTable.read(model_file(model, GENES_FILE, revision=revision))
        cres = CreTable.read(model_file(model, CRES_FILE, revision=revision))
        dtype = choose_dtype(precision, choose_device(device))
        return cls(
            load_expression_model(model, dtype=dtype, revision=revision, **model_options),
            load_processor(model, revision=revision),
            genes,
            cres,
            identity=model_identity(model, revision=revision),
            device=device,
            precision=precision,
        )

    def predict(
        self,
        fasta: str | Path | ReferenceGenome,
        vcf: str | Path | None = None,
        *,
        samples: Sequence[str] | None = None,
        genes: Sequence[str] | None = None,
        tissues: Sequence[str] | None = None,
        skip_invalid: bool = False,
        **genotype_options: Any,
    ) -> "pd.DataFrame":
        """Predict expression: the table of :meth:`run`.

        Args:
            fasta, vcf, samples, genes, tissues, skip_invalid: as for :meth:`run`.
            **genotype_options: fields of :class:`GenotypeOptions`, e.g. ``mode="haplotype1"``, ``pass_only=True``.

        Returns:
            One row per sample, gene and tissue: sample, gene_id, gene_name, tissue, log1p_tpm, tpm, status.
        """
        return self.run(
            fasta,
            vcf,
            samples=samples,
            genes=genes,
            tissues=tissues,
            skip_invalid=skip_invalid,
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
        with_embeddings: bool = False,
        options: GenotypeOptions | None = None,
        whole_file_checksums: bool = False,
        on_gene: Callable[[int, int], None] | None = None,
    ) -> PredictionResult:
        """Predict expression and report what was used.

        Args:
            fasta: the reference genome.
            vcf: the people's variants, indexed; None = the reference genome itself, as the sample ``reference``.
            samples: which people of the file; None = its only one.
            genes: symbols or Ensembl ids (version optional); None = all genes of the model.
            tissues: released names, GTEx names or ontology ids; None = all tissues of the model.
            skip_invalid: go on without genes and tissues that cannot be predicted, instead of stopping.
            with_embeddings: also return the embedding of every row.
            options: how records become sequence.
            whole_file_checksums: hash the whole input files for the report, not their headers and indexes only.
            on_gene: called with (done, total) after each gene of each person.

        Raises:
            RejectedQueryError: names that cannot be predicted, unless ``skip_invalid``.
            InputError: anything wrong with the files; the message names the file, the record and the remedy.
        """
        options = options or GenotypeOptions()
        reference = fasta if isinstance(fasta, ReferenceGenome) else ReferenceGenome(fasta)
        check_assembly(reference)
        finder = RegionFinder(self.gene_table, self.cre_table, self.processor, reference)
        query = resolve_query(
            genes, tissues, gene_table=self.gene_table, tissue_names=self.tissue_names, contig_of=finder.contig_of
        )
        _check_query(query, skip_invalid)
        reaches = [finder.reach(gene) for gene in query.genes]
        people = open_people(reference, vcf, samples, options)
        agreement = None if vcf is None else check_records(reference, vcf, reaches)
        # Along the genome, so that a contig's tally can be closed when its last gene is done.
        order = sorted(range(len(reaches)), key=reaches.__getitem__)
        predictions: list[GenePrediction] = []
        tallies: dict[str, VariantTally] = {}
        for person in people:
            tally = tallies.setdefault(person.sample, VariantTally())
            of_person: dict[int, GenePrediction] = {}
            for position, index in enumerate(order):
                regions = finder.find(query.genes[index])
                gene_tally = VariantTally()
                prediction = self._predict_gene_of(person, regions, query.tissues, gene_tally)
                of_person[index] = prediction if with_embeddings else replace(prediction, embeddings=None)
                tally.merge(gene_tally)
                chrom = regions.window.chrom
                if position + 1 == len(order) or reaches[order[position + 1]].chrom != chrom:
                    tally.close_contig(chrom)
                if on_gene is not None:
                    on_gene(len(predictions) + len(of_person), len(people) * len(order))
            predictions += [of_person[index] for index in range(len(order))]
            if vcf is not None:
                check_person_agreement(tally, vcf, person.sample)
            person.close()
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
                tallies=tallies,
                agreement=agreement,
                statuses=Counter(prediction.status for prediction in predictions),
                identity=self.identity,
                precision=str(self.dtype).removeprefix("torch."),
                device=str(self.device),
                whole_file_checksums=whole_file_checksums,
            ),
        )

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

    def _predict_gene_of(
        self, person: PersonalGenome, regions: GeneRegions, tissues: Sequence[Tissue], tally: VariantTally
    ) -> GenePrediction:
        sequences = gene_sequences(regions, lambda intervals: person.sequences(intervals, tally))
        counts = tally.contig(regions.window.chrom)
        if any(sequences.cre_sequences) and sequences.gene_sequence:
            log1p_tpm, embeddings = self.predict_gene(sequences, [tissue.id for tissue in tissues])
            status = "ok" if counts.applied or person.is_reference else "no_variants"
        else:
            log1p_tpm = np.full(len(tissues), np.nan, dtype=np.float32)
            embeddings = np.full((len(tissues), self.model.config.hidden_size), np.nan, dtype=np.float32)
            status = "no_cres" if sequences.gene_sequence else "gene_deleted"
        return GenePrediction(
            sample=person.sample,
            gene=regions.gene,
            status=status,
            n_cres=len(regions.cres),
            records_in_windows=counts.in_windows,
            records_applied=counts.applied,
            log1p_tpm=log1p_tpm,
            embeddings=embeddings,
        )


def choose_device(device: str) -> torch.device:
    """``auto`` -> cuda where there is one, else mps, else cpu; any other text is a torch device name.

    Raises:
        InputError: no such device here.
    """
    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
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
    """``auto`` -> bfloat16 on cuda, else float32.

    Raises:
        InputError: no such precision.
    """
    if precision == "auto":
        return torch.bfloat16 if device.type == "cuda" else torch.float32
    if precision not in ("float32", "bfloat16"):
        raise InputError(f"there is no precision {precision!r}", remedy="Choose auto, float32 or bfloat16.")
    return torch.bfloat16 if precision == "bfloat16" else torch.float32


def tidy_table(predictions: Sequence[GenePrediction], tissues: Sequence[Tissue]) -> "pd.DataFrame":
    """One row per sample, gene and tissue: sample, gene_id, gene_name, tissue, log1p_tpm, tpm (float32), status."""
    import pandas as pd

    log1p_tpm = _concatenated([prediction.log1p_tpm for prediction in predictions])

    def of_gene(values: Sequence[str]) -> np.ndarray:
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
        }
    )


def gene_table(predictions: Sequence[GenePrediction]) -> "pd.DataFrame":
    """One row per sample and gene: sample, gene_id, gene_name, status, n_cres and the counts of records."""
    import pandas as pd

    columns = ("sample", "gene_id", "gene_name", "status", "n_cres", "records_in_windows", "records_applied")
    rows = [
        (p.sample, p.gene.gene_id, p.gene.gene_name, p.status, p.n_cres, p.records_in_windows, p.records_applied)
        for p in predictions
    ]
    return pd.DataFrame(rows, columns=list(columns))


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
