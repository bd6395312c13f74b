"""In-silico mutagenesis: every substitution in a stretch, and what it does to one gene."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..errors import InputError, check_number
from ..genome.interval import Interval
from ..genome.options import DIPLOID
from ..genome.personal import PersonalGenome
from ..genome.provenance import content_of
from ..genome.variant import Variant
from ..inference.parts import Parts, PartsInMemory, open_parts
from ..work import InProcess, unit_of
from ..work.units import Engine
from ..zoo.gene_regions import GeneRegions
from ..zoo.statuses import NOT_FINITE, OK, check_used
from ..zoo.units import LOG1P_TPM, Unit
from .effects import VariantScorer
from .mutagenesis_job import MutagenesisJob, score_units

BASES = "ACGT"
MUTATIONS = ("substitutions", "deletions", "shuffles")
# A longer stretch is more likely a mistake than a question: at the released size a base takes seconds on a GPU.
_LONGEST = 100_000


@dataclass(frozen=True)
class Mutagenesis:
    """Effects of homozygous mutations in a stretch; NaN where the person's own variants are in the way.

    Attributes:
        interval: the stretch, 0-based half-open, by the FASTA's names.
        gene_id: the gene.
        tissues: names of the T tissues.
        reference: the FASTA's bases, upper case.
        substitutions: (L, 4, T) float32, by base A, C, G, T; 0 where the base is the reference's (NaN in a gene
            without a number); or None.
        deletions: (L, T) float32, of one base; or None.
        shuffles: (W, T) float32, mean over the shuffles of each window; or None.
        shuffle_window: bases in a window; the last one may have fewer.
        base: (T,) float32, without any mutation.
        noise_floor: (T,) float32, see ``GeneStates.noise``.
        conflicts: mutations that were not scored because of the person's own records.
        status: of the gene in this person, as of predictions; ``not_finite`` if any mutation's value is.
        unit: of the effects and the base.
    """

    interval: Interval
    gene_id: str
    tissues: tuple[str, ...]
    reference: str
    substitutions: np.ndarray | None
    deletions: np.ndarray | None
    shuffles: np.ndarray | None
    shuffle_window: int
    base: np.ndarray
    noise_floor: np.ndarray
    conflicts: int
    status: str = OK
    unit: Unit = LOG1P_TPM
    parts: Parts | PartsInMemory | None = field(default=None, compare=False)

    def per_base(self) -> np.ndarray:
        """(L, T) float32: of the substitutions of each base the effect that is largest in size, with its sign.

        Raises:
            ValueError: there are no substitutions.
        """
        if self.substitutions is None:
            raise ValueError("no substitutions were asked for")
        known = np.nan_to_num(self.substitutions, nan=0.0)
        largest = np.abs(known).argmax(axis=1)
        values = np.take_along_axis(known, largest[:, None], axis=1)[:, 0]
        return np.where(np.isnan(self.substitutions).all(axis=1), np.nan, values)

    def importance(self) -> np.ndarray:
        """(L, T) float32: what each reference base contributes: minus the mean effect of its three substitutions."""
        if self.substitutions is None:
            raise ValueError("no substitutions were asked for")
        others = np.array([[base != held for base in BASES] for held in self.reference])
        counted = np.where(others[:, :, None], self.substitutions, np.nan)
        there = ~np.isnan(counted)
        return -np.where(there, counted, 0).sum(axis=1) / np.maximum(there.sum(axis=1), 1)

    def remove_parts(self) -> None:
        """Remove what was kept on disk during the run, once the output is written."""
        if self.parts is not None:
            self.parts.remove()


@dataclass(frozen=True, slots=True)
class _Scan:
    """What is the same for all stretches."""

    person: PersonalGenome
    regions: GeneRegions
    tissues: tuple[str, ...]
    kinds: tuple[str, ...]
    window: int
    unit: Unit


@dataclass(frozen=True, slots=True)
class _Mutation:
    """A variant and where its effect goes: of ``kind``, at ``place`` (and base)."""

    kind: str
    place: int
    base: int
    variant: Variant


def mutagenesis(
    scorer: VariantScorer,
    person: PersonalGenome,
    gene: str,
    intervals: Sequence[Interval],
    *,
    tissues: Sequence[str] | None = None,
    mutations: Sequence[str] = ("substitutions",),
    shuffle_window: int = 10,
    n_shuffles: int = 5,
    seed: int = 0,
    allow_unused: bool = False,
    on_mutation: Callable[[int, int], None] | None = None,
    parts: str | Path | None = None,
    overwrite_parts: bool = False,
    engine: Engine | None = None,
) -> list[Mutagenesis]:
    """Mutate every base of stretches, one at a time.

    Memory is bounded by a batch of variants, whatever the length of the stretches.

    Args:
        scorer: the model.
        person: in whose genome; the reference is one.
        gene: name of the gene that is predicted.
        intervals: the stretches, see also :func:`cre_intervals`.
        tissues: names; None = all.
        mutations: of ``substitutions``, ``deletions`` (of one base) and ``shuffles`` (of windows).
        shuffle_window, n_shuffles, seed: bases in a window, how often each is shuffled, and by which random numbers.
        allow_unused: go on, with NaN, where nothing of the person's file was used in the gene, instead of stopping.
        on_mutation: called with (done, total).
        parts: folder for what is done while the run goes on; the same run started again goes on with the rest.
        overwrite_parts: remove the parts of another run instead of refusing them.
        engine: where mutations are scored, some tens a unit; None = one after the other in this process.

    Raises:
        InputError: a stretch that is not in the gene's regions, too long, or of unknown bases; an unknown kind or name;
            a window of one base, or no shuffles; mutations could not be scored, while the others were, and are kept.
    """
    unknown = [name for name in mutations if name not in MUTATIONS]
    if unknown or not mutations:
        raise InputError(f"there is no mutation {', '.join(unknown)!r}", remedy=f"Choose of {', '.join(MUTATIONS)}.")
    check_number("the shuffled window", shuffle_window, 2)
    check_number("the number of shuffles", n_shuffles, 1)
    check_number("the seed", seed, 0)
    others = [name for name in mutations if name != "substitutions"]
    if others and person.options.mode == DIPLOID:
        raise InputError(
            f"{' and '.join(others)} are no SNVs, and the mode {DIPLOID} reads SNPs alone",
            remedy="Ask for substitutions, or for another mode, such as --mode haplotype1.",
        )
    opened = scorer.open(person.reference)
    wanted = opened.gene(gene, tissues)
    regions, names = wanted.regions, wanted.tissues
    check_intervals(intervals, regions, person)
    in_gene = opened.in_gene(person, regions, wanted.outputs)
    use = in_gene.use
    check_used(person.sample, [(use.status, use.reason)], person.path, allow_unused=allow_unused)
    rng = np.random.default_rng(seed)
    todo = [list(_mutations(person, interval, mutations, shuffle_window, n_shuffles, rng)) for interval in intervals]
    description = {
        **scorer.model.description(),
        "fasta": content_of(person.reference.path),
        "person": person.description(),
        "sample": person.sample,
        "gene": regions.gene.gene_id,
        "intervals": [str(each) for each in intervals],
        "tissues": names,
        "mutations": list(mutations),
        "shuffle_window": shuffle_window,
        "n_shuffles": n_shuffles,
        "seed": seed,
    }
    folder = open_parts(parts, description, overwrite=overwrite_parts)
    at_once = in_gene.variants_at_once
    units = [
        [
            unit_of(
                "batch", tuple(each.variant for each in of_interval[first : first + at_once]), [number, first, at_once]
            )
            for first in range(0, len(of_interval), at_once)
        ]
        for number, of_interval in enumerate(todo)
    ]
    job = MutagenesisJob(opened, person, regions, wanted.outputs, folder, in_gene)
    score_units(job, [unit for of_interval in units for unit in of_interval], engine or InProcess(), on_mutation)
    results = []
    base, noise = in_gene.base(), in_gene.states.noise()
    asked = _Scan(person, regions, tuple(names), tuple(mutations), shuffle_window, scorer.model.unit)
    for interval, of_interval, of_units in zip(intervals, todo, units, strict=True):
        found = [folder.read_one(unit.name) for unit in of_units]
        statuses = [status for part in found for status in part["status"].to_pylist()]
        values = [value for part in found for value in part["effect"].to_pylist()]
        effects = np.array(values, dtype=np.float32).reshape(len(values), len(names))
        status = NOT_FINITE if NOT_FINITE in statuses else in_gene.status(base)
        conflicts = statuses.count("conflict")
        results.append(_gathered(asked, interval, of_interval, effects, base.values, noise, conflicts, status, folder))
    return results


def cre_intervals(scorer: VariantScorer, person: PersonalGenome, gene: str, names: Sequence[str]) -> list[Interval]:
    """Stretches of cCREs of a gene, by their accessions, without flanks.

    Raises:
        InputError: one is not among the gene's cCREs.
    """
    if not names:
        return []
    scorer.model.require("cres", "a stretch that is named by a cCRE")
    regions = scorer.open(person.reference).gene(gene, None).regions
    places = {name: place for place, name in enumerate(scorer.model.cre_names(regions))}
    starts, ends = regions.cres_without_flanks()
    found = []
    for name in names:
        if name not in places:
            raise InputError(
                f"{name} is no cCRE of {regions.gene.gene_name}",
                remedy="Give the accession of one within reach of the gene, or an interval.",
            )
        place = places[name]
        found.append(Interval(regions.window.chrom, int(starts[place]), int(ends[place])))
    return found


def check_intervals(intervals: Sequence[Interval], regions: GeneRegions, person: PersonalGenome) -> None:
    """Refuse stretches that are not in a gene's regions, too long, or not on their contig.

    Raises:
        InputError: one is.
    """
    for interval in intervals:
        inside = [
            each
            for each in regions.intervals
            if each.chrom == interval.chrom and each.start < interval.end and each.end > interval.start
        ]
        if not inside:
            raise InputError(
                f"{interval} is in no cCRE and not in the window of {regions.gene.gene_name}",
                remedy=f"Its window is {regions.window}; see `variantformer knockout` for its cCREs.",
            )
        if interval.end - interval.start > _LONGEST:
            raise InputError(
                f"{interval} has {interval.end - interval.start:,} bases, more than {_LONGEST:,}",
                remedy="Name a shorter stretch.",
            )
        if interval.end > person.reference.contigs[interval.chrom]:
            raise InputError(f"{interval} ends behind its contig", remedy="Name a stretch that the FASTA has.")


def _mutations(
    person: PersonalGenome,
    interval: Interval,
    kinds: Sequence[str],
    window: int,
    n_shuffles: int,
    rng: np.random.Generator,
) -> Iterator[_Mutation]:
    bases = person.reference.sequence(interval.chrom, interval.start, interval.end).upper()
    chrom = interval.chrom
    if "substitutions" in kinds:
        for place, held in enumerate(bases):
            for number, base in enumerate(BASES):
                if base != held and held in BASES:
                    variant = Variant(chrom, interval.start + place + 1, held, base)
                    yield _Mutation("substitutions", place, number, variant)
    if "deletions" in kinds:
        for place, held in enumerate(bases):
            at = interval.start + place
            if at > 0:
                before = person.reference.sequence(chrom, at - 1, at).upper()
                yield _Mutation("deletions", place, 0, Variant(chrom, at, before + held, before))
    if "shuffles" in kinds:
        for place, first in enumerate(range(0, len(bases), window)):
            held = bases[first : first + window]
            for _ in range(n_shuffles):
                shuffled = "".join(np.array(list(held))[rng.permutation(len(held))])
                if shuffled != held:
                    yield _Mutation("shuffles", place, 0, Variant(chrom, interval.start + first + 1, held, shuffled))


def _gathered(
    asked: _Scan,
    interval: Interval,
    mutations: Sequence[_Mutation],
    effects: np.ndarray,
    base: np.ndarray,
    noise: np.ndarray,
    conflicts: int,
    status: str,
    folder: Parts | PartsInMemory,
) -> Mutagenesis:
    tissues, kinds, window = asked.tissues, asked.kinds, asked.window
    bases = asked.person.reference.sequence(interval.chrom, interval.start, interval.end).upper()
    length, n_tissues = len(bases), len(tissues)
    arrays: dict[str, np.ndarray] = {}
    if "substitutions" in kinds:
        arrays["substitutions"] = np.full((length, len(BASES), n_tissues), np.nan, dtype=np.float32)
        for place, held in enumerate(bases):
            if held in BASES:
                arrays["substitutions"][place, BASES.index(held)] = np.where(np.isnan(base), np.nan, 0)
    if "deletions" in kinds:
        arrays["deletions"] = np.full((length, n_tissues), np.nan, dtype=np.float32)
    if "shuffles" in kinds:
        arrays["shuffles"] = np.zeros((-(-length // window), n_tissues), dtype=np.float32)
    counts = np.zeros(-(-length // window), dtype=np.int64)
    for mutation, effect in zip(mutations, effects, strict=True):
        if mutation.kind == "substitutions":
            arrays["substitutions"][mutation.place, mutation.base] = effect
        elif mutation.kind == "deletions":
            arrays["deletions"][mutation.place] = effect
        else:
            arrays["shuffles"][mutation.place] += effect
            counts[mutation.place] += 1
    if "shuffles" in kinds:
        arrays["shuffles"] /= np.maximum(counts, 1)[:, None]
    return Mutagenesis(
        interval,
        asked.regions.gene.gene_id,
        tissues,
        bases,
        arrays.get("substitutions"),
        arrays.get("deletions"),
        arrays.get("shuffles"),
        window,
        base,
        noise,
        conflicts,
        status,
        asked.unit,
        folder,
    )
