"""Driver SNPs of genes in a cohort: each SNP that people carry by itself on the reference, beside their predictions."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError
from ..genome.cohort_files import GivenGenotypes
from ..genome.cohort_rows import Reading
from ..genome.dosages import MISSING, DosageFile
from ..genome.genes import Gene
from ..genome.options import GenotypeOptions
from ..genome.personal import PersonalGenome
from ..genome.reference import ReferenceGenome
from ..genome.variant import Variant
from ..genome.variant_files import genotype_source
from ..genome.variant_table import VariantRow, VariantTable
from ..inference.predictor import ExpressionPredictor
from ..inference.query import RejectedQueryError
from ..work.units import Engine
from ..zoo.gene_regions import GeneRegions
from .backgrounds import Background
from .driver_selection import (
    LEAST_PEOPLE,
    SELECTIONS,
    DriverSelection,
    Selection,
    check_people,
    correlation,
    explained,
    is_constant,
    select_drivers,
    weighted_sum,
)
from .effects import EffectResult, VariantScorer

if TYPE_CHECKING:
    import pandas as pd

    from ..inference.prediction import PredictionResult

# Each output is a column of its own of every person's and SNP's.
_MOST_OUTPUTS = 100
COLUMNS = (
    *("gene_id", "gene_name", "tissue", "chrom", "pos", "ref", "alt", "effect", "frequency", "r_alone", "p", "share"),
    *("is_driver", "status"),
)
# Of a gene and output without an answer.
NO_SNP, FEW_PEOPLE, CONSTANT, NO_SHARE = "no_snp", "few_people", "constant_predictions", "no_correlation"

# (gene id without its version or "", tissue or "", person) -> value.
Observed = Mapping[tuple[str, str, str], float]


@dataclass(frozen=True)
class DriverRequest:
    """What is asked of a cohort.

    Attributes:
        genes: names.
        tissues: names of outputs, at most 100; None = all.
        samples: people; ``"all"`` = everybody of the file.
        selection: see ``select_drivers``.
        pass_only: only records with FILTER PASS, of predictions and dosages alike.
        min_probability: of a BGEN, see ``GenotypeOptions``.
        observed: measured expression, see ``read_observed``; it changes no choice.
        allow_unused: go on where nothing of a person's file was used in any gene.
    """

    genes: Sequence[str]
    tissues: Sequence[str] | None = None
    samples: Sequence[str] = "all"
    selection: Selection = "cumulative"
    pass_only: bool = False
    min_probability: float = 0.9
    observed: Observed = field(default_factory=dict)
    allow_unused: bool = False


@dataclass(frozen=True)
class Drivers:
    """SNPs of genes, and which of them are drivers.

    Attributes:
        table: a row a gene, output and SNP, of each gene and output the largest effect first: ``COLUMNS``; effects are
            in the model's unit, of the ALT on both haplotypes of the reference; NaN with its ``status`` where it cannot
            be scored.
        summary: a row a gene and output, for JSON.
        predicted, scored: the runs, whose parts go when the output is written.
    """

    table: "pd.DataFrame"
    summary: list[dict[str, Any]]
    predicted: "PredictionResult"
    scored: EffectResult

    def remove_parts(self) -> None:
        """Remove what was kept on disk during the run, once the output is written."""
        self.predicted.remove_parts()
        self.scored.remove_parts()


@dataclass(frozen=True)
class _Snps:
    """SNPs that people carry in a gene's window.

    ``dosages`` (P, n) int8 with 0 in the place of what is missing, ``frequency`` (n,) of ALT among known alleles.
    """

    variants: list[Variant]
    dosages: np.ndarray
    frequency: np.ndarray
    counts: dict[str, int]


def find_drivers(
    scorer: VariantScorer,
    fasta: ReferenceGenome,
    vcf: GivenGenotypes,
    request: DriverRequest,
    *,
    on_person: Callable[[int, int], None] | None = None,
    on_gene: Callable[[int, int], None] | None = None,
    engine: Engine | None = None,
    parts: tuple[Path, Path] | None = None,
    overwrite_parts: bool = False,
) -> Drivers:
    """Find the driver SNPs of genes in a cohort.

    People are predicted as ``predict`` does it, with all of their records that the model reads. Each biallelic SNP of
    the gene's window that one of them carries is placed on the reference by itself, on both haplotypes.

    Args:
        scorer: the model, in float32.
        fasta, vcf: the reference and the cohort.
        request: what is asked.
        on_person: called with (done, total) of predictions.
        on_gene: called with (done, total) of genes whose SNPs are scored.
        engine: where units are done; None = in this process.
        parts: folders for predictions and for effects while the run goes on; the same run started again goes on.
        overwrite_parts: remove the parts of another run instead of refusing them.

    Raises:
        RejectedQueryError: genes or outputs that the model does not have.
        InputError: the model reads no window of SNPs; too many outputs, fewer than 3 people, an unknown selection; no
            gene and output has an answer: none with a SNP that somebody carries, or predictions are the same for all;
            as of predictions and effects.
    """
    model = scorer.model
    model.require("window", "finding drivers")
    if request.selection not in SELECTIONS:
        raise InputError(
            f"there is no selection {request.selection!r}", remedy=f"Choose one of {', '.join(SELECTIONS)}."
        )
    opened = scorer.open(fasta)
    query = opened.query(request.genes, request.tissues)
    if query.rejected:
        raise RejectedQueryError(query.rejected)
    if not query.genes:
        raise InputError("no gene is asked for", remedy="Name one or more.")
    if len(query.tissues) > _MOST_OUTPUTS:
        raise InputError(
            f"{len(query.tissues):,} outputs are asked for, more than {_MOST_OUTPUTS}",
            remedy="Name those that are wanted: --tissue NAME (tissues=).",
        )
    tissues = [tissue.name for tissue in query.tissues]
    options = GenotypeOptions(mode=model.modes[0], pass_only=request.pass_only, min_probability=request.min_probability)
    snps: dict[str, _Snps] = {}
    people: tuple[str, ...] = ()
    reading = Reading(fasta, request.min_probability)
    with DosageFile(vcf, request.samples, reference=fasta, reading=reading) as file:
        for gene in query.genes:
            people, snps[gene.gene_id] = _snps(file, fasta, opened.opened.finder.find(gene), request)
            check_people(len(people))
    rows = [
        VariantRow(variant, variant, number, {"gene_id": gene_id})
        for number, (gene_id, variant) in enumerate(
            ((gene_id, variant) for gene_id, each in snps.items() for variant in each.variants), start=1
        )
    ]
    if not rows:
        raise _no_answer(NO_SNP, query.genes[0], tissues[0], vcf)
    predicted = ExpressionPredictor(model).run(
        fasta,
        vcf,
        samples=list(people),
        genes=[gene.gene_id for gene in query.genes],
        tissues=tissues,
        options=options,
        allow_unused=request.allow_unused,
        on_gene=on_person,
        parts=None if parts is None else parts[0],
        overwrite_parts=overwrite_parts,
        engine=engine,
    )
    values = predicted.table.set_index(["gene_id", "tissue", "sample"])[model.unit.column].sort_index()
    scored = scorer.run(
        VariantTable(tuple(rows), ()),
        [Background("reference", PersonalGenome(fasta, options=replace(options, pass_only=False)))],
        tissues=tissues,
        zygosity=["hom"],
        on_gene=on_gene,
        parts=None if parts is None else parts[1],
        overwrite_parts=overwrite_parts,
        engine=engine,
    )
    blocks, summary = [], []
    for gene in query.genes:
        for tissue in tissues:
            found = _Answer(gene, tissue, snps[gene.gene_id], people, request)
            of_people = values.loc[gene.gene_id, tissue].reindex(list(people)).to_numpy(float)
            blocks.append(found.rows(scored.table, of_people, model.unit.column))
            summary.append(found.summary)
    if not any(each["status"] in ("ok", NO_SHARE) for each in summary):
        raise _no_answer(summary[0]["status"], query.genes[0], tissues[0], vcf)
    import pandas as pd

    return Drivers(pd.concat(blocks, ignore_index=True), summary, predicted, scored)


def _snps(
    file: DosageFile, fasta: ReferenceGenome, regions: GeneRegions, request: DriverRequest
) -> tuple[tuple[str, ...], _Snps]:
    """The people, and the SNPs of a gene's window that one of them carries, each once."""
    window, length = regions.window, fasta.contigs[regions.window.chrom]
    region = (window.chrom, max(0, window.start), min(window.end, length))
    read = file.read(region, pass_only=request.pass_only)
    is_missing = read.values == MISSING
    dosages = np.where(is_missing, 0, read.values).astype(np.int8)
    is_carried = dosages.any(axis=0)
    first: dict[tuple[int, str, str], int] = {}
    for column in np.flatnonzero(is_carried).tolist():
        first.setdefault((int(read.position[column]), read.ref[column], read.alt[column]), column)
    kept = list(first.values())
    n_known = (~is_missing).sum(axis=0)[kept]
    variants = read.variants
    counts = {
        **{name: int(count) for name, count in read.left_out.items()},
        "not_carried": int((~is_carried).sum()),
        "repeated": int(is_carried.sum()) - len(kept),
        "missing_genotypes": int(is_missing[:, kept].sum()),
    }
    frequency = dosages[:, kept].sum(axis=0) / np.maximum(1, 2 * n_known)
    return read.samples, _Snps([variants[column] for column in kept], dosages[:, kept], frequency, counts)


class _Answer:
    """One gene and output: rows of its SNPs, and what they come to."""

    def __init__(self, gene: Gene, tissue: str, snps: _Snps, people: Sequence[str], request: DriverRequest) -> None:
        self._gene, self._tissue, self._snps, self._people, self._request = gene, tissue, snps, people, request
        self.summary: dict[str, Any] = {
            "gene_id": gene.gene_id,
            "gene_name": gene.gene_name,
            "tissue": tissue,
            "selection": request.selection,
            "people": len(people),
            "snps": len(snps.variants),
            "records": snps.counts,
        }

    def rows(self, scored: "pd.DataFrame", predicted: np.ndarray, column: str) -> "pd.DataFrame":
        """Rows of the table, the largest effect first; ``summary`` is filled in."""
        import pandas as pd

        snps, effects = self._snps, np.zeros(0)
        status: list[str] = []
        reference = np.nan
        if snps.variants:
            mine = scored[(scored["gene_id"] == self._gene.gene_id) & (scored["tissue"] == self._tissue)]
            keys = [(each.pos, each.ref, each.alt) for each in snps.variants]
            by_key = mine.set_index(["pos", "ref", "alt"]).reindex(keys)
            effects, status = by_key["effect"].to_numpy(float), by_key["status"].fillna("rejected").tolist()
            reference = (
                float(by_key[f"{column}_ref"].dropna().iloc[0]) if by_key[f"{column}_ref"].notna().any() else reference
            )
        is_scored, is_predicted = ~np.isnan(effects), ~np.isnan(predicted)
        self.summary |= {
            "people_without_prediction": int((~is_predicted).sum()),
            "snps_not_scored": dict(Counter(each for each, known in zip(status, is_scored, strict=True) if not known)),
        }
        dosages, there = snps.dosages[is_predicted][:, is_scored], predicted[is_predicted]
        ending = self._ending(dosages, there)
        self.summary["status"] = ending or "ok"
        found = None if ending else select_drivers(effects[is_scored], dosages, there, self._request.selection)
        columns = {name: np.full(len(effects), np.nan) for name in ("r_alone", "p", "share")}
        is_driver = np.zeros(len(effects), dtype=bool)
        order = np.argsort(-np.nan_to_num(np.abs(effects), nan=-1.0), kind="stable")
        if found is not None:
            for name, column_of in columns.items():
                column_of[is_scored] = getattr(found, name)
            is_driver[is_scored] = found.is_driver
            self._sum_up(found, effects[is_scored], dosages, there, np.flatnonzero(is_predicted), reference)
        table = pd.DataFrame(
            {
                "gene_id": self._gene.gene_id,
                "gene_name": self._gene.gene_name,
                "tissue": self._tissue,
                **{name: [getattr(each, name) for each in snps.variants] for name in ("chrom", "pos", "ref", "alt")},
                "effect": effects,
                "frequency": snps.frequency,
                **columns,
                "is_driver": is_driver,
                "status": status,
            },
            columns=list(COLUMNS),
        )
        return table.iloc[order]

    def _ending(self, dosages: np.ndarray, predicted: np.ndarray) -> str:
        if not dosages.shape[1]:
            return NO_SNP
        if len(predicted) < LEAST_PEOPLE:
            return FEW_PEOPLE
        return CONSTANT if is_constant(predicted) else ""

    def _sum_up(
        self,
        found: DriverSelection,
        effects: np.ndarray,
        dosages: np.ndarray,
        predicted: np.ndarray,
        people: np.ndarray,
        reference: float,
    ) -> None:
        """What all SNPs' sum, and the drivers', say of the predictions and of what was measured."""
        if not found.r_all > 0:
            self.summary["status"] = NO_SHARE
        sums = {
            "all": reference + weighted_sum(effects, dosages),
            "drivers": reference + weighted_sum(effects[found.is_driver], dosages[:, found.is_driver]),
        }
        observed = np.array([self._observed(self._people[person]) for person in people.tolist()])
        is_measured = ~np.isnan(observed)
        self.summary["drivers"] = int(found.is_driver.sum())
        self.summary["reference"] = _plain(reference)
        for name, total in sums.items():
            self.summary[f"r_{name}"] = _plain(correlation(total, predicted))
            self.summary[f"r2_{name}"] = _plain(explained(total, predicted))
        if not self._request.observed:
            return
        self.summary["people_measured"] = int(is_measured.sum())
        for name, total in {"predictions": predicted, **sums}.items():
            left, right = total[is_measured], observed[is_measured]
            enough = len(right) >= LEAST_PEOPLE
            self.summary[f"observed_r_{name}"] = _plain(correlation(left, right)) if enough else None
            self.summary[f"observed_r2_{name}"] = _plain(explained(left, right)) if enough else None

    def _observed(self, person: str) -> float:
        gene = self._gene.gene_id.split(".")[0]
        for key in ((gene, self._tissue), (gene, ""), ("", self._tissue), ("", "")):
            value = self._request.observed.get((*key, person))
            if value is not None:
                return value
        return float("nan")


def _plain(value: float) -> float | None:
    """A number as JSON has it."""
    return float(value) if np.isfinite(value) else None


def _no_answer(status: str, gene: Gene, tissue: str, vcf: GivenGenotypes) -> InputError:
    """The error of a run in which no gene and output has an answer, by the first one's status."""
    problem, remedy = {
        NO_SNP: ("none of the people carries a SNP in its window that can be scored", "Look at the records there."),
        FEW_PEOPLE: (f"fewer than {LEAST_PEOPLE} people have a prediction", "Give more people."),
        CONSTANT: ("the predictions are the same for all people", "Ask for a gene in which people differ."),
    }[status]
    record = f"{gene.gene_name or gene.gene_id}, {tissue}"
    return InputError(problem, file=genotype_source(vcf), record=record, remedy=remedy)
