"""Log ratios of the haplotypes of phased people, by gene and output."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ...analysis.effects import VariantScorer
from ...errors import InputError
from ...genome.cohort_files import Genotypes, GivenGenotypes, contents_of
from ...genome.options import HAPLOTYPE_MODES, GenotypeOptions
from ...genome.provenance import content_of
from ...genome.reference import ReferenceGenome
from ...genome.variant_files import genotype_source
from ...inference.parts import Parts, PartsInMemory, open_parts
from ...inference.people import People, check_records, open_people
from ...inference.prediction import check_table_memory
from ...inference.query import Query, RejectedQueryError, resolve_query
from ...inference.run_limits import RunLimits
from ...work import InProcess, Unit, check_all_done, run_units, unit_of
from ...work.units import Engine
from ...zoo.gene_model import GeneModel
from ...zoo.statuses import check_used, warn_of_missing_contigs
from .agreement import with_counts
from .ase_job import KEYS, PEOPLE_AT_ONCE, AseJob, drivers_part
from .phaser_counts import CountFiles, HaplotypeCounts, read_counts

if TYPE_CHECKING:
    import pandas as pd

_PARTS_AT_ONCE = 256
TRAINED_ON_BOTH = (
    "The model was trained on both alleles together, and on no counts of one: a haplotype is predicted as if the "
    "person had two copies of it."
)


@dataclass(frozen=True)
class AseRequest:
    """What is asked of phased people.

    Attributes:
        genes: names; None = all of the model.
        tissues: names of outputs; None = all.
        samples: people, or ``"all"``; None = the only one of the file.
        options: how records become sequence; the mode does not count.
        drivers: also find what each heterozygous record does.
        counts: counted reads of haplotypes, to be held against the ratios.
        allow_unused: go on where nothing of a person's file was used in any gene.
    """

    genes: Sequence[str] | None = None
    tissues: Sequence[str] | None = None
    samples: Sequence[str] | None = None
    options: GenotypeOptions = field(default_factory=GenotypeOptions)
    drivers: bool = False
    counts: CountFiles | None = None
    allow_unused: bool = False


@dataclass(frozen=True)
class HaplotypeRatios:
    """Ratios of haplotypes.

    Attributes:
        table: a row a sample, gene and tissue, columns in docs/ase.md.
        drivers: a row an ALT of a heterozygous record, haplotype that carries it, sample, gene and tissue, the largest
            contribution first; None where they were not asked for.
        agreement: of the ratios with counted reads, a row a tissue and one of all; None without counts.
        report: counts, for JSON.
        parts: what was kept on disk during the run.
    """

    table: "pd.DataFrame"
    drivers: "pd.DataFrame | None"
    agreement: "pd.DataFrame | None"
    report: dict[str, Any]
    parts: Parts | PartsInMemory

    def remove_parts(self) -> None:
        """Remove what was kept on disk during the run, once the output is written."""
        self.parts.remove()


def check_haplotypes(kind: type[GeneModel]) -> None:
    """Refuse a model that does not read one haplotype by itself.

    Raises:
        InputError: it does not.
    """
    if not set(HAPLOTYPE_MODES) <= set(kind.modes):
        raise InputError(
            f"a model of the type {kind.model_type!r} does not read one haplotype alone (it reads "
            f"{', '.join(kind.modes)})",
            remedy="Allele-specific expression needs another model.",
        )


def haplotype_ratios(
    scorer: VariantScorer,
    fasta: ReferenceGenome,
    vcf: GivenGenotypes,
    request: AseRequest,
    *,
    on_gene: Callable[[int, int], None] | None = None,
    engine: Engine | None = None,
    parts: str | Path | None = None,
    overwrite_parts: bool = False,
    limits: RunLimits | None = None,
) -> HaplotypeRatios:
    """Predict each haplotype of people's genes alone, where their calls say what it is, and take the ratio.

    Args:
        scorer: the model, in float32.
        fasta, vcf: the reference and the people.
        request: what is asked.
        on_gene: called with (done, total): genes, of some people each.
        engine: where units are done; None = in this process.
        parts: folder for what is done while the run goes on; the same run started again goes on with the rest.
        overwrite_parts: remove the parts of another run instead of refusing them.
        limits: of the table's memory.

    Raises:
        RejectedQueryError: genes or outputs that the model does not have.
        InputError: the model does not read one haplotype alone; a file without samples; nothing of a person's file was
            used in any gene, unless ``allow_unused``; counts that cannot be read, or of nobody and nothing asked for.
    """
    model = scorer.model
    check_haplotypes(type(model))
    opened = scorer.open(fasta)
    finder = opened.opened.finder
    query = resolve_query(request.genes, request.tissues, model=model, contig_of=finder.contig_of)
    if query.rejected:
        raise RejectedQueryError(query.rejected)
    options = GenotypeOptions(**{**request.options.as_dict(), "mode": HAPLOTYPE_MODES[0]})
    source = genotype_source(vcf)
    people = open_people(fasta, source, request.samples, options)
    try:
        _check_people(people, source)
        n_people, n_genes, n_tissues = len(people), len(query.genes), len(query.tissues)
        limit = (limits or RunLimits()).table_memory
        check_table_memory(n_people, n_genes, n_tissues, limit, "Ask for fewer people, genes or tissues at a time.")
        reaches = [finder.reach(gene) for gene in query.genes]
        check_records(
            fasta, source, reaches, min_probability=options.min_probability, allow_unused=request.allow_unused
        )
        warn_of_missing_contigs(people.first, [reach.chrom for reach in reaches])
        samples, formats = tuple(people.names), people.first.formats
    finally:
        people.close()
    counts = None if request.counts is None else read_counts(request.counts, samples, query.genes, query.tissues, model)
    folder = open_parts(
        parts, _description(model, fasta, source, options, query, samples, request), overwrite=overwrite_parts
    )
    outputs = tuple(tissue.id for tissue in query.tissues)
    job = AseJob(opened, source, samples, options, outputs, request.drivers, folder)
    units = _units(query, len(samples), lambda gene: opened.opened.cost(finder.find(gene)))
    failed = run_units(
        job, units, is_done=lambda unit: folder.holds(unit.name), engine=engine or InProcess(), on_unit=on_gene
    )
    check_all_done(failed, len(units))
    names = _Names(samples, query)
    table = names.put_in(_joined(folder, [unit.name for unit in units]))
    _check_used(table.iloc[::n_tissues], samples, source, allow_unused=request.allow_unused)
    drivers = None
    if request.drivers:
        drivers = names.put_in(_joined(folder, [drivers_part(unit) for unit in units]), by_contribution=True)
    report = {
        "note": TRAINED_ON_BOTH,
        "options": {name: value for name, value in options.as_dict().items() if name != "mode"},
        "people": n_people,
        "genes": n_genes,
        "tissues": n_tissues,
        "genes_by_status": dict(zip(samples, _genes_by_status(table, n_people, n_tissues), strict=True)),
        "formats": formats,
    }
    agreement = None
    if counts is not None:
        table, agreement, compared = with_counts(table, counts)
        report["counts"] = {**_files(counts), **compared}
    return HaplotypeRatios(table, drivers, agreement, report, folder)


def _files(counts: HaplotypeCounts) -> dict[str, Any]:
    return {"files": [str(path) for path in counts.paths], "left_out": dict(counts.left_out)}


def _check_people(people: People, source: Genotypes) -> None:
    records = people.first.records
    if records is not None and records.sample is None:
        raise InputError(
            "has no samples, and so no haplotypes", file=source, remedy="Give a phased VCF of one person or more."
        )


def _description(
    model: GeneModel,
    fasta: ReferenceGenome,
    source: Genotypes,
    options: GenotypeOptions,
    query: Query,
    samples: Sequence[str],
    request: AseRequest,
) -> dict[str, Any]:
    """All that the numbers of a run depend on."""
    return {
        **model.description(),
        "fasta": content_of(fasta.path),
        "vcf": contents_of(source),
        "options": options.as_dict(),
        "samples": list(samples),
        "genes": [gene.gene_id for gene in query.genes],
        "tissues": [tissue.name for tissue in query.tissues],
        "drivers": request.drivers,
    }


def _units(query: Query, n_people: int, cost: Callable[[Any], float]) -> list[Unit]:
    """A gene of some people each: some people after others, and for each of them along the genome."""
    along = sorted(enumerate(query.genes), key=lambda each: (each[1].chrom, each[1].start, each[1].gene_id))
    units = []
    for first in range(0, n_people, PEOPLE_AT_ONCE):
        people = first, min(first + PEOPLE_AT_ONCE, n_people)
        for number, gene in along:
            content = number, gene, people
            units.append(unit_of("gene", content, [gene.gene_id, *people], cost=cost(gene) * (people[1] - first)))
    return units


def _joined(folder: Parts | PartsInMemory, kinds: Sequence[str]) -> pa.Table:
    """Parts as one table; some of them at a time, for many small tables take more memory than what is in them."""
    blocks = [
        pa.concat_tables(map(folder.read_one, kinds[first : first + _PARTS_AT_ONCE])).combine_chunks()
        for first in range(0, len(kinds), _PARTS_AT_ONCE)
    ]
    return pa.concat_tables(blocks)


@dataclass(frozen=True)
class _Names:
    """What the numbers of parts stand for."""

    samples: Sequence[str]
    query: Query

    def put_in(self, found: pa.Table, *, by_contribution: bool = False) -> "pd.DataFrame":
        """A table in the order in which was asked, with names in the place of numbers; column by column, for memory."""
        import pandas as pd

        numbers = {name: found[name].to_numpy() for name in KEYS}
        order = [numbers[name] for name in reversed(KEYS)]
        if by_contribution:
            order.insert(0, -np.nan_to_num(np.abs(found["contribution"].to_numpy()), nan=-1.0))
        rows = np.lexsort(order)
        del order
        names = {
            "sample": ("person", self.samples),
            "gene_id": ("gene", [each.gene_id for each in self.query.genes]),
            "gene_name": ("gene", [each.gene_name for each in self.query.genes]),
            "tissue": ("tissue", [each.name for each in self.query.tissues]),
        }
        columns: dict[str, Any] = {}
        for name, (number, values) in names.items():
            kinds = pd.Index(list(dict.fromkeys(values)))
            place = kinds.get_indexer(pd.Index(values)).astype(np.int32)
            columns[name] = pd.Categorical.from_codes(place[numbers[number][rows]], kinds)
        del numbers
        found = found.drop_columns(list(KEYS))
        for name in found.column_names:
            column = found[name]
            found = found.drop_columns([name])
            if name == "reason":  # of no type where no gene has one, if it were left to pandas
                columns[name] = pd.Series(column.to_pandas().to_numpy()[rows], dtype="string")
            elif pa.types.is_string(column.type):
                coded = column.dictionary_encode().combine_chunks().to_pandas()
                columns[name] = coded.take(rows)
            else:
                columns[name] = column.to_numpy()[rows]
        return pd.DataFrame(columns, copy=False)


def _genes_by_status(table: "pd.DataFrame", n_people: int, n_tissues: int) -> list[dict[str, int]]:
    """Of each person, status -> genes that have it in any tissue."""
    status = table["status"].cat
    codes = status.codes.to_numpy().reshape(n_people, -1, n_tissues)
    counts = {name: (codes == code).any(axis=2).sum(axis=1) for code, name in enumerate(status.categories)}
    return [
        {name: int(of_all[person]) for name, of_all in counts.items() if of_all[person]} for person in range(n_people)
    ]


def _check_used(genes: "pd.DataFrame", samples: Sequence[str], source: Genotypes, *, allow_unused: bool) -> None:
    """Hold each person's genes, a row each, to ``check_used``."""
    endings: dict[str, list[tuple[str, str]]] = {name: [] for name in samples}
    for sample, status, reason in zip(genes["sample"], genes["status"], genes["reason"].fillna(""), strict=True):
        endings[sample].append((status, reason))
    for sample, each in endings.items():
        check_used(sample, each, source, allow_unused=allow_unused)
