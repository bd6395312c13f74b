"""A model linearised: gene by gene as units of work, each into a part of its own."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from ...analysis.effects import VariantScorer
from ...analysis.genome_scorer import GenomeScorer
from ...errors import InputError
from ...genome.appending import people_in
from ...genome.cohort_files import Genotypes, GivenGenotypes, contents_of
from ...genome.genes import Gene
from ...genome.provenance import content_of
from ...genome.reference import ReferenceGenome
from ...genome.sample_names import chosen_samples
from ...genome.variant_files import genotype_source
from ...inference.parts import Parts, PartsInMemory, open_parts
from ...inference.query import RejectedQueryError, resolve_query
from ...work import InProcess, Unit, check_all_done, run_units, unit_of
from ...work.units import Engine
from .gene_people import FEW_PEOPLE, NOT_DIPLOID, UNPHASED
from .gene_weights import CONSTANT, FITTED, NO_CONTIG, NOT_PREDICTED, GeneLinearizer, GeneWeights
from .request import LinearizeRequest

_SAID = b"gene"
# What the folders are, beside kinds of baselines.
KIND = "linearized"


@dataclass(frozen=True)
class Linearized:
    """Weights of a model's genes.

    Attributes:
        genes: in the order in which they were asked for.
        weights: of each.
        tissues: names of the outputs.
        radius: bases on both sides of any gene within which its variants lie.
        report: counts, for JSON.
        parts: what was kept on disk during the run.
    """

    genes: tuple[Gene, ...]
    weights: tuple[GeneWeights, ...]
    tissues: tuple[str, ...]
    radius: int
    report: dict[str, Any]
    parts: Parts | PartsInMemory

    def remove_parts(self) -> None:
        """Remove what was kept on disk during the run, once the output is written."""
        self.parts.remove()


def linearize(
    scorer: VariantScorer,
    fasta: ReferenceGenome,
    panel: GivenGenotypes,
    request: LinearizeRequest,
    *,
    on_gene: Callable[[int, int], None] | None = None,
    engine: Engine | None = None,
    parts: str | Path | None = None,
    overwrite_parts: bool = False,
) -> Linearized:
    """Weights of a panel's variants that follow a model's predictions, gene by gene and output by output.

    Args:
        scorer: the model, in float32.
        fasta, panel: the reference and the people whose haplotypes are used.
        request: what is asked.
        on_gene: called with (done, total).
        engine: where genes are done; None = in this process.
        parts: folder for genes that are done while the run goes on; the same run started again goes on with the rest.
        overwrite_parts: remove the parts of another run instead of refusing them.

    Raises:
        RejectedQueryError: genes or outputs that the model does not have.
        InputError: people who are not in the panel; no gene has a weight: the panel has no variant in reach of any, or
            is not phased; a record that cannot be read.
    """
    model, opened = scorer.model, scorer.open(fasta)
    finder = opened.opened.finder
    query = resolve_query(request.genes, request.tissues, model=model, contig_of=finder.contig_of)
    if query.rejected:
        raise RejectedQueryError(query.rejected)
    source = genotype_source(panel)
    if request.people is not None:
        chosen_samples(source, people_in(source), [*request.people.train, *request.people.test])
    genes, outputs = tuple(query.genes), [tissue.id for tissue in query.tissues]
    tissues = tuple(tissue.name for tissue in query.tissues)
    described = {
        **model.description(),
        "fasta": content_of(fasta.path),
        "panel": contents_of(source),
        "tissues": list(tissues),
        "request": request.described(),
    }
    folder = open_parts(parts, described, overwrite=overwrite_parts)
    job = LinearizeJob(opened, source, request, tuple(outputs), folder)
    units = [unit_of("gene", gene, gene.gene_id, cost=opened.opened.cost(finder.find(gene))) for gene in genes]
    failed = run_units(
        job, units, is_done=lambda unit: folder.holds(unit.name), engine=engine or InProcess(), on_unit=on_gene
    )
    check_all_done(failed, len(units))
    weights = tuple(_of_table(folder.read_one(unit.name), len(outputs)) for unit in units)
    statuses = Counter(str(row["status"]) for each in weights for row in each.rows)
    counts = sum((Counter(each.variants) for each in weights), Counter[str]())
    if not statuses[FITTED]:
        raise _no_weights(source, statuses, counts)
    reaches = [(gene, finder.reach(gene)) for gene in genes]
    radius = max(max(gene.start - reach.start, reach.end - gene.end, 0) for gene, reach in reaches)
    report = {
        "kind": KIND,
        "model": {"name": model.identity.name, "sha256": model.identity.sha256},
        "people": {"panel": len(people_in(source)), **_people(request)},
        "genes_x_tissues": dict(sorted(statuses.items())),
        "variants": dict(sorted(counts.items())),
        "request": request.described(),
    }
    return Linearized(genes, weights, tissues, radius, report, folder)


def _people(request: LinearizeRequest) -> dict[str, int]:
    if request.people is not None:
        return {"train": len(request.people.train), "test": len(request.people.test)}
    return {"train_mosaics": request.n_train, "test_mosaics": request.n_test // 4 * 4}


def _no_weights(source: Genotypes, statuses: Counter[str], counts: Counter[str]) -> InputError:
    """The error of a run without any weight, by the most frequent reason."""
    reason = statuses.most_common(1)[0][0]
    problem, remedy = {
        NO_CONTIG: ("has none of the genes' contigs", "Give the panel's files of these chromosomes."),
        UNPHASED: (
            f"is not phased: {counts['unphased_calls']} heterozygous calls in the genes' reach have no phase, and "
            "mosaics are made of haplotypes",
            "Phase it; or name people to be predicted as they are (--people), or take --method effects.",
        ),
        NOT_DIPLOID: (
            f"has {counts['calls_not_diploid']} calls in the genes' reach that are not of two alleles, and too few "
            "people without one",
            "Leave out the genes of X and Y, or give a diploid panel.",
        ),
        FEW_PEOPLE: ("has too few people to fit to and to test on", "Give a panel of 5 people or more, better of 100."),
        CONSTANT: (
            "has variants in the genes' reach that do not change the model's predictions",
            "Ask for genes or tissues in which people differ.",
        ),
        NOT_PREDICTED: ("has people of whom the model gives no numbers", "Try the genes with `variantformer predict`."),
    }.get(
        reason,
        (
            f"has no variant in the genes' reach that can be used ({_shown(counts) or 'there is no record'})",
            "Give a panel that has the genes' variants, or a lower --min-maf.",
        ),
    )
    return InputError(problem, file=source, remedy=remedy)


def _shown(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items()) if count)


@dataclass(frozen=True)
class LinearizeJob:
    """What each process opens; a unit is a gene.

    Attributes:
        scorer: the model.
        panel, request: as of :func:`linearize`.
        outputs: ids of the outputs.
        parts: where genes are written.
    """

    scorer: GenomeScorer
    panel: Genotypes
    request: LinearizeRequest
    outputs: tuple[int, ...]
    parts: Parts | PartsInMemory

    def open(self) -> "LinearizeWorker":
        """See ``Job``."""
        return LinearizeWorker(self)


class LinearizeWorker:
    """Linearises a gene at a time."""

    def __init__(self, job: LinearizeJob) -> None:
        self._job = job
        self._genes = GeneLinearizer(job.scorer, job.panel, job.request, list(job.outputs))

    def do(self, unit: Unit) -> None:
        """Linearise a gene, and write it."""
        self._job.parts.write_part(unit.name, _as_table(self._genes.gene(unit.content)))

    def close(self) -> None:
        """Have the model keep what is worth it."""
        self._job.scorer.opened.finish()


def _as_table(found: GeneWeights) -> pa.Table:
    """A gene as a part: a row a variant, with a weight and an effect for each output."""
    n_outputs = len(found.weight)

    def of_outputs(values: np.ndarray) -> pa.Array:
        return pa.FixedSizeListArray.from_arrays(pa.array(values.T.ravel(), pa.float32()), n_outputs)

    said = {
        "rows": found.rows,
        "intercept": found.intercept.tolist(),
        "is_there": found.is_there.tolist(),
        "variants": found.variants,
    }
    columns = {
        "position": pa.array(found.position, pa.int64()),
        "ref": pa.array(found.ref, pa.string()),
        "alt": pa.array(found.alt, pa.string()),
        "mean": pa.array(found.mean, pa.float32()),
        "weight": of_outputs(found.weight),
        "effect": of_outputs(found.effect),
    }
    return pa.table(columns).replace_schema_metadata({_SAID: json.dumps(said).encode()})


def _of_table(table: pa.Table, n_outputs: int) -> GeneWeights:
    """What :func:`_as_table` gave."""
    said = json.loads(table.schema.metadata[_SAID])

    def of_outputs(name: str) -> np.ndarray:
        flat = table[name].combine_chunks().flatten().to_numpy(zero_copy_only=False)
        return np.asarray(flat, dtype=np.float32).reshape(-1, n_outputs).T

    return GeneWeights(
        table["position"].to_numpy(),
        table["ref"].to_numpy(zero_copy_only=False),
        table["alt"].to_numpy(zero_copy_only=False),
        table["mean"].to_numpy(),
        of_outputs("weight"),
        of_outputs("effect"),
        np.array(said["intercept"], dtype=float),
        np.array(said["is_there"], dtype=bool),
        said["rows"],
        said["variants"],
    )
