"""Genotypes of people and of a panel at the SNPs that both have, pruned."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

import numpy as np

from ...errors import ContigError, InputError
from ...genome.cohort_files import GivenGenotypes
from ...genome.cohort_rows import Reading
from ...genome.dosages import MISSING, DosageFile, Dosages
from ...genome.reference import ReferenceGenome
from ...genome.sample_names import ALL_SAMPLES
from .pruning import PruningOptions, pruned

# Fewer say little of anybody's ancestry.
FEWEST_SHARED = 1_000
# Bases of a chromosome that are read of both files at a time, and of the longest human chromosome.
_BASES_AT_ONCE, _LONGEST = 10_000_000, 250_000_000
_AUTOSOMES = tuple(f"chr{number}" for number in range(1, 23))
_SHARED = ("shared", "kept", "rare", "missing", "pruned", "turned")
_NOT_SHARED = ("strand_ambiguous", "other_alleles", "panel_only", "vcf_only", "repeated")
_COMPLEMENT = {"A": "T", "C": "G", "G": "C", "T": "A"}


@dataclass(frozen=True, slots=True)
class VariantFilter:
    """Which shared variants are used.

    Attributes:
        least_maf: of the minor allele in the panel.
        most_missing: share of people, of the panel and of the others, whose genotype is missing.
        pruning: how those in linkage disequilibrium are pruned.
    """

    least_maf: float = 0.01
    most_missing: float = 0.1
    pruning: PruningOptions = field(default_factory=PruningOptions)


@dataclass(frozen=True, slots=True)
class SharedGenotypes:
    """Dosages of the same variants, in the order of the genome.

    Attributes:
        panel_samples, samples: whose.
        panel, people: (people, variants) int8, copies of the panel's ALT; -1 = missing.
        counts: what became of the SNPs: shared, and of these used (kept) or not (rare, missing, pruned); not shared
            (strand_ambiguous, panel_only, vcf_only, other_alleles, repeated); turned = shared, with REF and ALT the
            other way round; panel_REASON and vcf_REASON of records that are no biallelic SNPs.
    """

    panel_samples: tuple[str, ...]
    samples: tuple[str, ...]
    panel: np.ndarray
    people: np.ndarray
    counts: dict[str, int]


def read_shared(
    vcf: GivenGenotypes,
    panel: GivenGenotypes,
    *,
    samples: Sequence[str] = ALL_SAMPLES,
    panel_samples: Sequence[str] = ALL_SAMPLES,
    reference: ReferenceGenome | None = None,
    reading: Reading | None = None,
    chosen: VariantFilter = VariantFilter(),
    on_chromosome: Callable[[int, int], None] = lambda done, total: None,
) -> SharedGenotypes:
    """Read the biallelic SNPs of the autosomes that both files have; a piece of a chromosome of each is held at a time.

    Args:
        vcf: the people, in any form that ``read_dosages`` reads.
        panel: the panel, likewise; a contig may be spelt with ``chr`` in one of the two.
        samples, panel_samples: whose.
        reference: the FASTA, which a PLINK 1 BED needs.
        reading: how genotypes are read that are no plain calls.
        chosen: which variants are used.
        on_chromosome: called with the number of chromosomes that are done, and of all.

    Raises:
        SampleError: somebody is not in the file.
        InputError: fewer than 1,000 are shared, or too few are left; a file cannot be read.
    """
    counts = Counter[str](dict.fromkeys((*_SHARED, *_NOT_SHARED), 0))
    kept: list[tuple[np.ndarray, np.ndarray]] = []
    names: tuple[tuple[str, ...], tuple[str, ...]] | None = None
    with ExitStack() as stack:
        of_panel, of_people = (
            stack.enter_context(DosageFile(files, people, reference=reference, reading=reading))
            for files, people in ((panel, panel_samples), (vcf, samples))
        )
        for number, chrom in enumerate(_AUTOSOMES):
            on_chromosome(number, len(_AUTOSOMES))
            pieces = []
            for ours, theirs in _pieces(of_panel, of_people, chrom):
                names = ours.samples, theirs.samples
                for which, each in (("panel", ours), ("vcf", theirs)):
                    counts.update({f"{which}_{reason}": count for reason, count in each.left_out.items()})
                pieces.append(_matched(ours, theirs, chosen, counts))
            if not pieces:
                continue
            both = [np.concatenate(each, axis=1) for each in zip(*pieces, strict=True)]
            is_kept = pruned(both[0], chosen.pruning)
            counts["pruned"] += int((~is_kept).sum())
            counts["kept"] += int(is_kept.sum())
            kept.append((both[0][:, is_kept], both[1][:, is_kept]))
    on_chromosome(len(_AUTOSOMES), len(_AUTOSOMES))
    if names is None or counts["shared"] < FEWEST_SHARED:
        others = ", ".join(f"{counts[name]:,} {name}" for name in ("panel_only", "vcf_only", "other_alleles"))
        raise InputError(
            f"shares {counts['shared']:,} SNPs with the panel ({others}, {counts['strand_ambiguous']:,} "
            f"strand_ambiguous), and at least {FEWEST_SHARED:,} are needed",
            file=vcf,
            remedy="Look whether both are of one assembly, and hold genotypes of the same variants.",
        )
    if counts["kept"] < 2:
        reasons = ", ".join(f"{counts[name]:,} {name}" for name in ("rare", "missing", "pruned"))
        raise InputError(
            f"none of the {counts['shared']:,} shared SNPs is left to compare ({reasons})",
            file=vcf,
            remedy="Lower --min-maf, or raise --r2.",
        )
    panel_values, values = (np.concatenate(each, axis=1) for each in zip(*kept, strict=True))
    return SharedGenotypes(names[0], names[1], panel_values, values, dict(counts))


def _pieces(panel: DosageFile, people: DosageFile, chrom: str) -> Iterator[tuple[Dosages, Dosages]]:
    """The records of a stretch of a chromosome in both files; nothing where one lacks the chromosome."""
    for start in range(0, _LONGEST, _BASES_AT_ONCE):
        interval = chrom, start, start + _BASES_AT_ONCE
        try:
            found = panel.read(interval), people.read(interval)
        except ContigError:
            return
        yield found


def _matched(
    panel: Dosages, people: Dosages, chosen: VariantFilter, counts: Counter[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Dosages of the variants that both have and that are used, (panel people, variants) and (people, variants)."""
    of_people: dict[int, list[int]] = {}
    for place, position in enumerate(people.position.tolist()):
        of_people.setdefault(position, []).append(place)
    pairs, turned, seen = [], [], set()
    used = set()
    for place, position in enumerate(panel.position.tolist()):
        ref, alt = panel.ref[place], panel.alt[place]
        others = of_people.get(position)
        if others is None:
            counts["panel_only"] += 1
            continue
        same = next((each for each in others if (people.ref[each], people.alt[each]) == (ref, alt)), None)
        swapped = next((each for each in others if (people.ref[each], people.alt[each]) == (alt, ref)), None)
        used.add(position)
        if same is None and swapped is None:
            counts["other_alleles"] += 1
        elif _COMPLEMENT.get(ref) == alt:
            counts["strand_ambiguous"] += 1
        elif (position, min(ref, alt), max(ref, alt)) in seen:
            counts["repeated"] += 1
        else:
            seen.add((position, min(ref, alt), max(ref, alt)))
            pairs.append((place, swapped if same is None else same))
            turned.append(same is None)
    counts["vcf_only"] += sum(len(places) for position, places in of_people.items() if position not in used)
    counts["shared"] += len(pairs)
    counts["turned"] += sum(turned)
    places = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    of_panel, values = panel.values[:, places[:, 0]], people.values[:, places[:, 1]]
    is_turned = np.array(turned, dtype=bool)[None] & (values != MISSING)
    values = np.where(is_turned, 2 - values, values).astype(np.int8)
    frequency, panel_missing = frequencies(of_panel)
    is_missing = np.maximum(panel_missing, (values == MISSING).mean(axis=0)) > chosen.most_missing
    is_rare = ~is_missing & (np.minimum(frequency, 1 - frequency) < chosen.least_maf)
    counts["missing"] += int(is_missing.sum())
    counts["rare"] += int(is_rare.sum())
    is_used = ~(is_missing | is_rare)
    return of_panel[:, is_used], values[:, is_used]


def frequencies(dosages: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(variants,) frequency of ALT among those who are known, 0 where nobody is, and share of people who are not."""
    known = (dosages != MISSING).sum(axis=0)
    copies = np.where(dosages == MISSING, 0, dosages).sum(axis=0, dtype=np.int64)
    found = np.divide(copies, 2 * known, out=np.zeros(dosages.shape[1]), where=known > 0)
    return found, 1 - known / max(1, len(dosages))
