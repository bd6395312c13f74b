"""Whether a person's two haplotypes are known in some regions: how the calls there are phased, and in which sets."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from .cohort_files import Genotypes
from .consensus import Outcome
from .intervals import overlaps, union
from .options import HAPLOTYPE_MODES
from .personal import PersonalGenome
from .record_columns import Record, RecordColumns
from .variant_files import open_files, sources_of
from .variants import CallOfSet

# Of records that an option leaves out of both haplotypes alike.
_LEFT_OUT = {
    Outcome.NO_ALT,
    Outcome.SYMBOLIC,
    Outcome.NOT_SNP,
    Outcome.FILTER,
    Outcome.LOW_GQ,
    Outcome.LOW_DP,
}


@dataclass(frozen=True, slots=True)
class Phase:
    """The calls of one person in some regions, as far as the two haplotypes depend on them.

    Attributes:
        records: with a call of two alleles that differ, in file order.
        unphased: how many of them are not phased.
        sets: the phase sets (PS) of the others; "" = those without PS, which are one set, as the VCF specification has
            it.
        not_diploid: records with a call of other than two alleles.
        half_missing: records of which one allele is known.
        missing: records of which neither is; both haplotypes read as the reference there, as in any prediction.
        left_out: records with two alleles that differ which an option leaves out of both haplotypes.
    """

    records: tuple[Record, ...] = ()
    unphased: int = 0
    sets: frozenset[str] = frozenset()
    not_diploid: int = 0
    half_missing: int = 0
    missing: int = 0
    left_out: int = 0

    @property
    def heterozygous(self) -> int:
        """How many records differ between the haplotypes."""
        return len(self.records)


class PhaseSets:
    """Phase sets of people's calls, read from their files, also where there is a store, which has none.

    Args:
        source: the file of variants, or several.
        samples: whose calls will be asked for.
    """

    def __init__(self, source: Genotypes, samples: Sequence[str]) -> None:
        self._source_of = {name: each for each, names in sources_of(source, samples) for name in names}
        self._files = {id(each): open_files(each) for each in self._source_of.values()}
        self._without: set[tuple[int, str, int, int]] = set()

    def of(self, sample: str, contig: str, start: int, end: int) -> list[CallOfSet]:
        """Calls that may have a phase set, in [start, end) of a contig, 0-based half-open by the file's name."""
        number = id(self._source_of[sample])
        place = number, contig, start, end
        if place in self._without:
            return []
        found = list(self._files[number].phase_sets(sample, contig, start, end))
        if not found:  # nobody's call has any, so that a cohort's lines are read for one person alone
            self._without.add(place)
        return found

    def close(self) -> None:
        """Close the files."""
        for file in self._files.values():
            file.close()


def read_phase(
    person: PersonalGenome,
    chrom: str,
    starts: np.ndarray,
    ends: np.ndarray,
    phase_sets: Callable[[str, int, int], Sequence[CallOfSet]],
) -> Phase:
    """The calls in a person's regions, by the person's options; records that these leave out need no phase.

    Args:
        person: the person, of any mode.
        chrom: contig of the regions, by the FASTA's name.
        starts, ends: (R,) int64, 0-based half-open.
        phase_sets: contig of the file, start, end -> the person's calls there that may have a phase set.

    Raises:
        SymbolicAlleleError, InputError: as of ``PersonalGenome.sequences``.
    """
    if person.records is None:
        return Phase()
    within = union(starts, ends)
    start, end = int(starts.min()), int(ends.max())
    rules = [person.rules.by(replace(person.options, mode=mode)) for mode in HAPLOTYPE_MODES]
    different: list[Record] = []
    not_diploid = half_missing = missing = left_out = 0
    for part in person.records.columns(chrom, start, end):
        for index in np.flatnonzero(overlaps(part.position, part.end, within) & ~_is_homozygous(part)).tolist():
            record = part.record(index)
            genotype = record.genotype or ()
            if len(genotype) != 2 and any(allele is not None for allele in genotype):
                not_diploid += 1
                continue
            outcomes = [each.chosen(record, chrom) for each in rules]
            n_missing = outcomes.count(Outcome.MISSING_GENOTYPE)
            if n_missing:
                missing += n_missing == 2
                half_missing += n_missing == 1
            elif genotype[0] != genotype[1]:
                if all(each in _LEFT_OUT for each in outcomes):
                    left_out += 1
                else:
                    different.append(record)
    phased = {(each.position, each.alleles) for each in different if each.phased}
    sets: set[str] = set()
    if phased:
        named = phase_sets(person.records.file_contig(chrom), start, end)
        of_calls = [each for each in named if (each.position, each.alleles) in phased]
        sets.update(each.phase_set for each in of_calls)
        if phased - {(each.position, each.alleles) for each in of_calls}:
            sets.add("")
    unphased = sum(not each.phased for each in different)
    return Phase(tuple(different), unphased, frozenset(sets), not_diploid, half_missing, missing, left_out)


def _is_homozygous(part: RecordColumns) -> np.ndarray:
    """(n,) bool, records that are known to be homozygous without a look at each; others may be too."""
    return part.is_hom_ref | (part.is_snp & (part.first == part.second) & (part.first >= 0))
