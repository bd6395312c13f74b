"""One person's DNA: the reference genome with the person's records applied."""

from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from dataclasses import replace
from itertools import pairwise
from operator import itemgetter
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from ..addresses import as_given
from ..errors import InputError, ReferenceMismatchError
from .cohort_files import CohortFiles, Genotypes, GivenGenotypes, contents_of, file_with
from .cohort_rows import Reading
from .format_notes import say_no_phase
from .haplotype_stretch import HaplotypeStretch
from .held_records import HeldRecords
from .interval import Interval
from .intervals import union
from .options import BOTH, HAPLOTYPE_MODES, GenotypeOptions
from .person_records import PersonRecords
from .record_columns import RecordColumns, RecordSource
from .record_rules import RecordRules
from .reference import ReferenceGenome
from .stretch import PersonalStretch, RegionEdits
from .tally import VariantTally
from .variant_files import open_genotypes

# Intervals farther apart than this are read on their own, so that the gap between them is not.
_CLUSTER_GAP = 100_000


class PersonalGenome:
    """One person's DNA, equal to ``bcftools consensus`` (1.24) on each region asked for.

    Args:
        reference: the reference genome.
        variants: indexed VCF or BCF, PGEN, BED, BGEN or VCF-Zarr (see ``cohort_source``), or several files, a
            chromosome each or a piece of one (a list, a glob or a pattern with ``{contig}``, see ``named_files``); or a
            person's records that are open already; None = the reference genome itself.
        sample: the person in the file; None = its only sample. A file without samples applies the first ALT of every
            record.
        options: how records become sequence, such as ``GenotypeOptions(mode="haplotype1")``; None = as the released
            pipeline does.
        refuse_gvcf: stop at a gVCF's record whose call ``exclude_record`` would drop.

    Attributes:
        reference: the reference genome.
        records: the person's records, by the FASTA's contigs; None = the reference genome itself.
        rules: by which each record is read; they hold the options.
        sample: the person's name; ``reference`` without variants, the file's stem for a file without samples.

    Raises:
        InputError: the file cannot be read (MissingIndexError, SampleError).
        ContigError: the files share no contig, or their contigs differ in length (AssemblyError).
    """

    def __init__(
        self,
        reference: ReferenceGenome,
        variants: GivenGenotypes | RecordSource | None = None,
        sample: str | None = None,
        options: GenotypeOptions | None = None,
        *,
        refuse_gvcf: bool = True,
    ) -> None:
        options = options or GenotypeOptions()
        self.reference = reference
        self.records: RecordSource | None = None
        if variants is None and sample is not None:
            raise InputError(f"the sample {sample!r} was asked for without a file", remedy="Give its VCF or BCF.")
        if isinstance(variants, (str, PathLike, CohortFiles, Sequence)):
            reading = Reading(reference, options.min_probability)
            file = open_genotypes(variants, sample, needs_quality=options.needs_quality, reading=reading)
            self.records = PersonRecords(reference, file, needs_quality=options.needs_quality)
            if options.mode.startswith("haplotype"):
                for each in self.records.formats:
                    if "phase" in each["does_not_hold"]:
                        say_no_phase(as_given(self.path), each["format"], options.mode)
            self.sample = self.records.sample or _first(self.records.path).name.partition(".")[0]
        else:
            self.records = variants
            self.sample = sample or "reference"
        self.rules = RecordRules(options, self.path, self.sample, refuse_gvcf=refuse_gvcf)

    @property
    def path(self) -> Path | CohortFiles | None:
        """The file or files of variants; None for the reference genome itself."""
        return None if self.records is None else self.records.path

    @property
    def options(self) -> GenotypeOptions:
        """How the person's records become sequence."""
        return self.rules.options

    @property
    def is_reference(self) -> bool:
        """Whether this is the reference genome itself."""
        return self.records is None

    @property
    def calls_not_diploid(self) -> int:
        """Records read so far with a haploid or polyploid call on an autosome, each once."""
        return self.rules.calls_not_diploid

    @property
    def index_is_older(self) -> bool:
        """Whether the file of variants was changed after its index was made, so that records may be missed."""
        return self.records is not None and self.records.index_is_older

    @property
    def damage(self) -> list[str]:
        """What was found damaged in the store of the person's file, a sentence each."""
        return [] if self.records is None else self.records.damage

    @property
    def formats(self) -> list[dict[str, Any]]:
        """What the person's file does not hold of a VCF, and what was met in it, one a format; empty for a VCF."""
        return [] if self.records is None else self.records.formats

    def readings(self) -> "tuple[PersonalGenome, ...]":
        """The genomes of one sequence each that this one is read as.

        In the modes ``haplotypes`` and ``diploid`` these are haplotype 1 and 2; in all others the genome itself.
        """
        if self.options.mode not in BOTH:
            return (self,)
        return tuple(self.read_by(replace(self.options, mode=mode)) for mode in HAPLOTYPE_MODES)

    def read_by(self, options: GenotypeOptions) -> "PersonalGenome":
        """The same person, whose records are read by other options; GQ and DP are there only if they were before."""
        other = copy(self)
        other.rules = self.rules.by(options)
        return other

    def has_contig(self, chrom: str) -> bool:
        """Whether the file of variants has any record, of anybody, on a contig of the FASTA.

        True for the reference genome itself, which needs none.
        """
        return self.records is None or self.records.has_contig(chrom)

    def sequence(self, chrom: str, start: int, end: int, tally: VariantTally | None = None) -> str:
        """The person's bases of [start, end), 0-based half-open, forward strand; see :meth:`sequences`."""
        return self.sequences([Interval(chrom, start, end)], tally)[0]

    def sequences(
        self, intervals: Iterable[Interval | tuple[str, int, int]], tally: VariantTally | None = None
    ) -> list[str]:
        """The person's bases of many intervals; records and reference are read once for intervals near each other.

        Each interval is resolved by itself: a record at its edge is cut as if nothing lay beyond.

        Args:
            intervals: 0-based half-open, in any order; an end beyond the contig is cut to it.
            tally: counts the records read and what became of them.

        Returns:
            One forward-strand sequence per interval, letter case as in the reference; "" where all is deleted.

        Raises:
            ValueError: an interval with a negative start, or with its end before its start; this genome is read as
                two sequences.
            ContigError: an interval on a contig that the FASTA does not have.
            ReferenceMismatchError: a record's REF is not what the FASTA holds, unless ``skip-record``.
            SymbolicAlleleError: a symbolic allele that cannot be applied, or a gVCF.
            InputError: a record cannot be parsed or names an allele that it does not have.
        """
        asked = list(intervals)
        starts, ends = (np.fromiter(map(itemgetter(place), asked), np.int64, len(asked)) for place in (1, 2))
        for index in np.flatnonzero((starts < 0) | (ends < starts)).tolist():
            raise ValueError(f"[{starts[index]}, {ends[index]}) is not an interval")
        found: dict[int, str] = {}
        for chrom, cluster in _clusters(list(map(itemgetter(0), asked)), starts, ends):
            length = self._contig_length(chrom)
            first, last = np.minimum(starts[cluster], length), np.minimum(ends[cluster], length)
            stretch = self.stretch(chrom, int(first.min()), int(last.max()), within=union(first, last))
            edits = self.edits(stretch, first, last)
            sequences = stretch.sequences(edits)
            if tally is not None:
                tally.add_read(chrom, stretch.keys)
                tally.add(chrom, *self.outcomes(stretch, first, last))
            if len(cluster) == len(asked):
                return sequences
            found.update(zip(cluster.tolist(), sequences, strict=True))
        return [found[index] for index in range(len(asked))]

    def stretch(self, chrom: str, start: int, end: int, within: np.ndarray | None = None) -> PersonalStretch:
        """The records of a stretch, read and resolved once for any number of regions in it.

        Args:
            chrom, start, end: 0-based half-open, by the FASTA's names.
            within: (U, 2) sorted intervals without overlap, the only ones that will be asked for; None = all.

        Returns:
            The stretch; in the modes ``haplotypes`` and ``diploid`` a ``HaplotypeStretch``.

        Raises:
            ContigError, SymbolicAlleleError, InputError: as for :meth:`sequences`.
        """
        end = min(end, self._contig_length(chrom))
        if self.options.mode in BOTH:
            held = self.holding(chrom, start, end)
            return HaplotypeStretch([each.stretch(chrom, start, end, within) for each in held.readings()])
        parts: Iterable[RecordColumns] = ()
        if self.records is not None and start < end:
            parts = self.records.columns(chrom, start, end)
        return PersonalStretch(
            self.reference,
            chrom,
            start,
            end,
            parts,
            lambda part, index: self.rules.chosen(part.record(index), chrom),
            self.options,
            within,
        )

    def edits(self, stretch: PersonalStretch, starts: np.ndarray, ends: np.ndarray) -> RegionEdits:
        """What the person's records change in regions of a stretch, each by itself.

        Raises:
            ReferenceMismatchError: a record's REF is not what the FASTA holds, unless ``skip-record``.
        """
        found = stretch.edits(starts, ends)
        self._refuse_mismatch(stretch, found.mismatch)
        return found

    def outcomes(self, stretch: PersonalStretch, starts: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Keys of the records that overlap regions of a stretch, and what became of each, see its ``records``.

        Raises:
            ReferenceMismatchError: as for :meth:`edits`.
        """
        records, outcomes, mismatch = stretch.records(starts, ends)
        self._refuse_mismatch(stretch, mismatch)
        return stretch.keys[records], outcomes

    def _refuse_mismatch(self, stretch: PersonalStretch, record: int | None) -> None:
        if record is not None and self.options.on_ref_mismatch == "error":
            raise ReferenceMismatchError(
                f"REF is {_shown(stretch.ref_of(record))}, and the FASTA holds something else there",
                file=file_with(self.path, stretch.chrom, stretch.position(record)),
                record=f"{stretch.chrom}:{stretch.position(record) + 1}",
                remedy="The file was probably called on another assembly (run `variantformer doctor`); "
                "to go on without such records: --on-ref-mismatch skip-record.",
            )

    def _contig_length(self, chrom: str) -> int:
        length = self.reference.contigs.get(chrom)
        if length is None:
            self.reference.sequence(chrom, 0, 0)  # says which contigs there are
            raise AssertionError
        return length

    def holding(self, chrom: str, start: int, end: int) -> "PersonalGenome":
        """The same person, with the records of a stretch (by the FASTA's names) read once and held in memory."""
        held = copy(self)
        if self.records is not None:
            held.records = HeldRecords(self.records, chrom, start, end)
        return held

    def close(self) -> None:
        """Close the file of variants; the reference genome stays open."""
        if self.records is not None:
            self.records.close()

    def description(self) -> dict[str, object]:
        """The content of the file or files (a list), and the options that its records are read by."""
        vcf = None if self.path is None else contents_of(self.path)
        return {"vcf": vcf, **self.options.as_dict(), "refuse_gvcf": self.rules.refuse_gvcf}

    def __copy__(self) -> "PersonalGenome":
        """The same, and not the file opened anew, as a genome that another process is given."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        return other

    def __reduce__(self) -> tuple[object, ...]:
        sample = None if self.records is None else self.records.sample
        return _rebuild, (self.reference, self.path, sample, self.options, self.rules.refuse_gvcf)


def _clusters(chroms: Sequence[str], starts: np.ndarray, ends: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Contigs, and on each the indices, ascending, of intervals that lie near each other."""
    names = sorted(set(chroms))
    for chrom in names:
        is_all = len(names) == 1
        indices = np.arange(len(starts)) if is_all else np.flatnonzero(np.array(chroms, dtype=object) == chrom)
        along = indices[np.argsort(starts[indices], kind="stable")]
        reach = np.maximum.accumulate(ends[along])
        begins = np.flatnonzero(starts[along][1:] - reach[:-1] > _CLUSTER_GAP) + 1
        for first, last in pairwise([0, *begins.tolist(), len(along)]):
            yield chrom, np.sort(along[first:last])


def _shown(allele: str) -> str:
    return allele if len(allele) <= 20 else f"{allele[:20]}... ({len(allele)} bases)"


def _first(source: Genotypes) -> Path:
    return source.paths[0] if isinstance(source, CohortFiles) else Path(source)


def _rebuild(
    reference: ReferenceGenome,
    variants: Genotypes | None,
    sample: str | None,
    options: GenotypeOptions,
    refuse_gvcf: bool,
) -> PersonalGenome:
    return PersonalGenome(reference, variants, sample, options, refuse_gvcf=refuse_gvcf)
