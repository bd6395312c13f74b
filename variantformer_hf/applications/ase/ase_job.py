"""Haplotypes of genes as units of work: one gene of some people each."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa

from ...analysis.fold_change import log2_fold_change
from ...analysis.genome_scorer import GenomeScorer
from ...genome.cohort_files import Genotypes
from ...genome.options import GenotypeOptions
from ...genome.phase import PhaseSets
from ...inference.parts import Parts, PartsInMemory
from ...inference.people import open_people
from ...work import Unit
from ...zoo.statuses import NO_VARIANTS, WITH_NUMBER
from ...zoo.units import Unit as ModelUnit
from .haplotype_pair import NOT_POSITIVE, HaplotypePair, haplotype_pair
from .record_effects import record_effects

# People whose files are open at once.
PEOPLE_AT_ONCE = 8
# Numbers that stand for names in a part.
KEYS = ("person", "gene", "tissue")
COUNTS = ("heterozygous", "unphased", "phase_sets", "not_diploid", "half_missing", "missing", "left_out")
_OF_RECORDS = ("chrom", "pos", "ref", "alt", "genotype", "haplotype", "overlap", "status", "conflict")


def drivers_part(unit: Unit) -> str:
    """Name of the part with a unit's records."""
    return f"drivers-{unit.name}"


def number_columns(unit: ModelUnit) -> tuple[str, ...]:
    """Columns of numbers of a table of ratios."""
    values = f"{unit.column}_haplotype1", f"{unit.column}_haplotype2"
    return (*values, "log2_ratio", "share_haplotype1") if unit.is_log1p_tpm else (*values, "difference")


@dataclass(frozen=True)
class AseJob:
    """What each process opens; a unit is a gene's number, the gene, and the people from one number to before another.

    Attributes:
        scorer: the model.
        source: the people's file, or files.
        samples: all people's names.
        options: how records become sequence.
        outputs: ids of the outputs.
        with_drivers: whether records are scored.
        parts: where rows are written.
    """

    scorer: GenomeScorer
    source: Genotypes
    samples: tuple[str, ...]
    options: GenotypeOptions
    outputs: tuple[int, ...]
    with_drivers: bool
    parts: Parts | PartsInMemory

    def open(self) -> "AseWorker":
        """Open the people's files."""
        return AseWorker(self)


class AseWorker:
    """Predicts both haplotypes of a gene of some people."""

    def __init__(self, job: AseJob) -> None:
        self._job = job
        self._people = open_people(job.scorer.opened.reference, job.source, job.samples, job.options)
        self._phase_sets = PhaseSets(job.source, job.samples)

    def do(self, unit: Unit) -> None:
        """Predict a gene of some people, and write its rows; those of records first, so that with the others all is."""
        job, (number, gene, people) = self._job, unit.content
        regions = job.scorer.opened.finder.find(gene)
        ratios, drivers = [], []
        for place, person in zip(range(*people), self._people.opened(people), strict=True):
            pair = haplotype_pair(job.scorer, person, regions, job.outputs, partial(self._phase_sets.of, person.sample))
            keys = {"person": place, "gene": number, "tissue": np.arange(len(job.outputs), dtype=np.int32)}
            ratios.append({**keys, **_ratios(pair, job.scorer.model.unit)})
            if job.with_drivers:
                records = record_effects(pair, regions.window.chrom, job.scorer.model.unit)
                drivers += [{**keys, **each} for each in records]
        if job.with_drivers:
            job.parts.write_part(drivers_part(unit), _table(drivers, len(job.outputs), _driver_types()))
        types = ratio_types(job.scorer.model.unit)
        job.parts.write_part(unit.name, _table(ratios, len(job.outputs), types))

    def close(self) -> None:
        """Close the files, and have the model keep what is worth it."""
        self._people.close()
        self._phase_sets.close()
        self._job.scorer.opened.finish()


def _ratios(pair: HaplotypePair, unit: ModelUnit) -> dict[str, Any]:
    """Columns of one gene of one person."""
    first, second = pair.values
    status = np.full(len(first), pair.status, dtype=object)
    columns: dict[str, Any] = {f"{unit.column}_haplotype1": first, f"{unit.column}_haplotype2": second}
    if unit.is_log1p_tpm:
        ratio = log2_fold_change(first, second)
        tpm = np.expm1(pair.values.astype(float))
        with np.errstate(invalid="ignore", divide="ignore"):
            share = np.where(np.isnan(ratio), np.nan, tpm[0] / tpm.sum(axis=0))
        columns |= {"log2_ratio": ratio, "share_haplotype1": share}
        if pair.status in (*WITH_NUMBER, NO_VARIANTS):
            status[np.isnan(ratio) & ~np.isnan(first)] = NOT_POSITIVE
    else:
        columns["difference"] = first.astype(float) - second.astype(float)
    phase = pair.phase
    counts = (
        *(phase.heterozygous, phase.unphased, len(phase.sets)),
        *(phase.not_diploid, phase.half_missing, phase.missing, phase.left_out),
    )
    return {**columns, **dict(zip(COUNTS, counts, strict=True)), "status": status, "reason": pair.reason or None}


def ratio_types(unit: ModelUnit) -> dict[str, pa.DataType]:
    """Column -> type, of parts of ratios."""
    first, second, *others = number_columns(unit)
    return {
        **dict.fromkeys(KEYS, pa.int32()),
        **dict.fromkeys((first, second), pa.float32()),
        **dict.fromkeys(others, pa.float64()),
        **dict.fromkeys(COUNTS, pa.int32()),
        **dict.fromkeys(("status", "reason"), pa.string()),
    }


def _driver_types() -> dict[str, pa.DataType]:
    numbers = {"pos": pa.int64(), "haplotype": pa.int8()}
    return {
        **dict.fromkeys(KEYS, pa.int32()),
        **{name: numbers.get(name, pa.string()) for name in _OF_RECORDS[:7]},
        **dict.fromkeys(("effect", "contribution"), pa.float64()),
        **{name: pa.string() for name in _OF_RECORDS[7:]},
    }


def _table(blocks: list[dict[str, Any]], size: int, types: dict[str, pa.DataType]) -> pa.Table:
    """Blocks of so many rows, one below the other; a value that is no array is that of all rows of its block."""

    def column(name: str, kind: pa.DataType) -> pa.Array:
        dtype = object if kind == pa.string() else kind.to_pandas_dtype()
        values = [np.broadcast_to(np.asarray(block[name], dtype=dtype), size) for block in blocks]
        return pa.array(np.concatenate([np.zeros(0, dtype=dtype), *values]), kind)

    return pa.table({name: column(name, kind) for name, kind in types.items()})
