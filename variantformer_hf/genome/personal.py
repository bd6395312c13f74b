"""One person's DNA: the reference genome with the person's records applied."""

import logging
from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import AssemblyError, ContigError, InputError, ReferenceMismatchError, SymbolicAlleleError, check_number
from .consensus import Edit, Outcome, chosen_edit, is_reference_block, is_snp_record, is_symbolic
from .contigs import identify_assembly, is_autosome, map_contigs
from .held_records import HeldRecords
from .interval import Interval
from .provenance import content_of
from .record_columns import Record, RecordColumns, RecordSource
from .reference import ReferenceGenome
from .stretch import PersonalStretch, RegionEdits, union
from .tally import VariantTally
from .variant_store import VariantStore, open_variants
from .variants import VariantFile

logger = logging.getLogger(__name__)

MODES = ("iupac", "alt", "ref", "haplotype1", "haplotype2")
SYMBOLIC = ("exclude_record", "apply", "ignore_allele")
ON_REF_MISMATCH = ("error", "skip-record")
# Intervals farther apart than this are read on their own, so that the gap between them is not.
_CLUSTER_GAP = 100_000


class PersonalGenome:
    """One person's DNA, equal to ``bcftools consensus`` (1.24) on each region asked for.

    Args:
        reference: the reference genome.
        variants: indexed VCF or BCF; None = the reference genome itself.
        sample: the person in the file; None = its only sample. A file without samples applies the first ALT of every
            record.
        mode: ``iupac`` (heterozygous SNPs as ambiguity letters; ``-H I``), ``alt`` (``-H A``), ``ref`` (``-H R``),
            ``haplotype1`` and ``haplotype2`` (``-H 1``, ``-H 2``).
        symbolic: ``exclude_record`` leaves out records with any symbolic allele (``-e 'ALT~"<.*>"'``, the released
            pipeline's choice); ``apply`` applies ``<DEL>`` and refuses others; ``ignore_allele`` drops only the
            ``<NON_REF>`` or ``<*>`` of a gVCF's records, and leaves out records with another symbolic allele.
        snps_only: use only records whose every ALT is a SNP.
        pass_only: use only records whose FILTER is PASS or missing.
        min_gq, min_dp: use only records with at least this GQ or DP; a record without the value is left out.
        on_ref_mismatch: ``error``, or ``skip-record`` to leave out records whose REF is not what the FASTA holds.
        refuse_gvcf: stop at a gVCF's record whose call ``exclude_record`` would drop.

    Attributes:
        reference: the reference genome.
        sample: the person's name; ``reference`` without variants, the file's stem for a file without samples.

    Raises:
        InputError: an option that does not exist; the file cannot be read (MissingIndexError, SampleError).
        ContigError: the files share no contig, or their contigs differ in length (AssemblyError).
    """

    def __init__(
        self,
        reference: ReferenceGenome,
        variants: str | PathLike[str] | None = None,
        sample: str | None = None,
        mode: str = "iupac",
        *,
        symbolic: str = "exclude_record",
        snps_only: bool = False,
        pass_only: bool = False,
        min_gq: float | None = None,
        min_dp: float | None = None,
        on_ref_mismatch: str = "error",
        refuse_gvcf: bool = True,
    ) -> None:
        for name, value, allowed in (
            ("mode", mode, MODES),
            ("symbolic", symbolic, SYMBOLIC),
            ("on_ref_mismatch", on_ref_mismatch, ON_REF_MISMATCH),
        ):
            if value not in allowed:
                raise InputError(f"there is no {name} {value!r}", remedy=f"Choose one of {', '.join(allowed)}.")
        check_lowest(min_gq, min_dp)
        self.reference = reference
        self.mode = mode
        self.symbolic = symbolic
        self.snps_only = snps_only
        self.pass_only = pass_only
        self.min_gq = min_gq
        self.min_dp = min_dp
        self.on_ref_mismatch = on_ref_mismatch
        self.refuse_gvcf = refuse_gvcf
        self.sample = "reference"
        self._variants: RecordSource | None = None
        self._contig_of: dict[str, str] = {}
        self._file: VariantFile | VariantStore | None = None
        self._with_records: frozenset[str] | None = None
        self._not_diploid: set[tuple[str, int, tuple[str, ...]]] = set()
        if variants is not None:
            needs_quality = min_gq is not None or min_dp is not None
            self._variants = self._file = open_variants(variants, sample, needs_quality=needs_quality)
            try:
                self._contig_of = _matched_contigs(reference, self._variants)
            except InputError:
                self._variants.close()
                raise
            if self._variants.sample is None:
                logger.warning("%s has no samples: the first ALT of every record is applied", self._variants.path)
            self.sample = self._variants.sample or Path(variants).name.partition(".")[0]
        elif sample is not None:
            raise InputError(f"the sample {sample!r} was asked for without a file", remedy="Give its VCF or BCF.")

    @property
    def is_reference(self) -> bool:
        """Whether this is the reference genome itself."""
        return self._variants is None

    @property
    def calls_not_diploid(self) -> int:
        """Records read so far with a haploid or polyploid call on an autosome, each once."""
        return len(self._not_diploid)

    @property
    def index_is_older(self) -> bool:
        """Whether the file of variants was changed after its index was made, so that records may be missed."""
        return self._variants is not None and self._variants.index_is_older

    def has_contig(self, chrom: str) -> bool:
        """Whether the file of variants has any record, of anybody, on a contig of the FASTA.

        A file of one chromosome is often headed by all of them, so that its index is asked and not its header. Without
        a file of variants nothing can be missing from it: True.
        """
        if self._file is None:
            return True
        if self._with_records is None:
            self._with_records = frozenset(self._file.indexed_contigs)
        return self._contig_of.get(chrom) in self._with_records

    @property
    def damage(self) -> list[str]:
        """What was found damaged in the store of the person's file, a sentence each."""
        return self._variants.damage if isinstance(self._variants, VariantStore) else []

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
            ValueError: an interval with a negative start, or with its end before its start.
            ContigError: an interval on a contig that the FASTA does not have.
            ReferenceMismatchError: a record's REF is not what the FASTA holds, unless ``skip-record``.
            SymbolicAlleleError: a symbolic allele that cannot be applied, or a gVCF.
            InputError: a record cannot be parsed or names an allele that it does not have.
        """
        asked = [interval if isinstance(interval, Interval) else Interval(*interval) for interval in intervals]
        for interval in asked:
            if interval.start < 0 or interval.end < interval.start:
                raise ValueError(f"[{interval.start}, {interval.end}) is not an interval")
        result = [""] * len(asked)
        for cluster in _clusters(asked):
            chrom = asked[cluster[0]].chrom
            starts = np.array([asked[index].start for index in cluster], dtype=np.int64)
            ends = np.array([asked[index].end for index in cluster], dtype=np.int64)
            length = self._contig_length(chrom)
            starts, ends = np.minimum(starts, length), np.minimum(ends, length)
            stretch = self.stretch(chrom, int(starts.min()), int(ends.max()), within=union(starts, ends))
            edits = self.edits(stretch, starts, ends)
            for index, sequence in zip(cluster, stretch.sequences(edits), strict=True):
                result[index] = sequence
            if tally is not None:
                tally.add_read(chrom, stretch.keys)
                tally.add(chrom, stretch.keys[edits.records], edits.outcomes)
        return result

    def stretch(self, chrom: str, start: int, end: int, within: np.ndarray | None = None) -> PersonalStretch:
        """The records of a stretch, read and resolved once for any number of regions in it.

        Args:
            chrom, start, end: 0-based half-open, by the FASTA's names.
            within: (U, 2) sorted intervals without overlap, the only ones that will be asked for; None = all.

        Raises:
            ContigError, SymbolicAlleleError, InputError: as for :meth:`sequences`.
        """
        end = min(end, self._contig_length(chrom))
        parts: Iterable[RecordColumns] = ()
        if self._variants is not None and chrom in self._contig_of and start < end:
            needs_quality = self.min_gq is not None or self.min_dp is not None
            parts = self._variants.columns(self._contig_of[chrom], start, end, needs_quality=needs_quality)
        return PersonalStretch(
            self.reference,
            chrom,
            start,
            end,
            parts,
            lambda part, index: self._chosen(part.record(index), chrom),
            mode=self.mode,
            pass_only=self.pass_only,
            snps_only=self.snps_only,
            within=within,
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
        """Keys of the records that overlap regions of a stretch, and what became of each (see ``RegionEdits``).

        Raises:
            ReferenceMismatchError: as for :meth:`edits`.
        """
        records, outcomes, mismatch = stretch.records(starts, ends)
        self._refuse_mismatch(stretch, mismatch)
        return stretch.keys[records], outcomes

    def _refuse_mismatch(self, stretch: PersonalStretch, record: int | None) -> None:
        if record is not None and self.on_ref_mismatch == "error":
            raise ReferenceMismatchError(
                f"REF is {_shown(stretch.ref_of(record))}, and the FASTA holds something else there",
                file=self.path,
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
        if self._variants is not None and chrom in self._contig_of:
            needs_quality = self.min_gq is not None or self.min_dp is not None
            held._variants = HeldRecords(
                self._variants, self._contig_of[chrom], start, end, needs_quality=needs_quality
            )
        return held

    def close(self) -> None:
        """Close the file of variants; the reference genome stays open."""
        if self._variants is not None:
            self._variants.close()

    def description(self) -> dict[str, object]:
        """The file's content and the options that its records are read by."""
        path = self.path
        return {"vcf": None if path is None else content_of(path), "mode": self.mode, **self._options()}

    def _options(self) -> dict[str, Any]:
        names = ("symbolic", "snps_only", "pass_only", "min_gq", "min_dp", "on_ref_mismatch", "refuse_gvcf")
        return {name: getattr(self, name) for name in names}

    def __reduce__(self) -> tuple[object, ...]:
        variants = None if self._variants is None else self._variants.path
        sample = None if self._variants is None else self._variants.sample
        return _rebuild, (self.reference, variants, sample, self.mode, self._options())

    def _note_ploidy(self, record: Record, chrom: str) -> None:
        """Remember a call on an autosome that is not of two alleles, and warn of the first."""
        genotype = record.genotype or ()
        if len(genotype) in (0, 2) or all(each is None for each in genotype) or not is_autosome(chrom):
            return
        if not self._not_diploid:
            logger.warning(
                "%s: %s:%d: the sample %s has a call of %d alleles on an autosome; such calls are read by the rules of "
                "their mode, and counted (calls_not_diploid in the report)",
                self.path,
                chrom,
                record.position + 1,
                self.sample,
                len(genotype),
            )
        self._not_diploid.add((chrom, record.position, record.alleles))

    def _chosen(self, record: Record, chrom: str) -> Edit | Outcome:
        self._note_ploidy(record, chrom)
        if len(record.alleles) < 2:
            return self._without_alt(record)
        alts = record.alleles[1:]
        genotype = record.genotype
        if self.symbolic != "apply" and any(is_symbolic(alt) for alt in alts):
            if self.symbolic == "exclude_record":
                self._refuse_gvcf(record, chrom)
                return Outcome.SYMBOLIC
            kept = [index for index, alt in enumerate(record.alleles) if not is_reference_block(alt)]
            if len(kept) < 2:
                return self._without_alt(record)
            if any(is_symbolic(record.alleles[index]) for index in kept):
                return Outcome.SYMBOLIC
            renumbered = {old: new for new, old in enumerate(kept)}
            record = replace(record, alleles=tuple(record.alleles[index] for index in kept))
            if genotype is not None:
                genotype = tuple(
                    allele if allele is None or allele >= len(alts) + 1 else renumbered.get(allele)
                    for allele in genotype
                )
        left_out = None if record.is_edit else self._left_out(record)
        if left_out is not None:
            return left_out
        try:
            return chosen_edit(record.position, record.alleles, record.length, genotype, self.mode)
        except SymbolicAlleleError as error:
            raise SymbolicAlleleError(
                error.problem,
                file=self.path,
                record=f"{chrom}:{record.position + 1}",
                remedy="Leave such records out: symbolic='exclude_record'.",
            ) from None
        except IndexError:
            raise InputError(
                f"the genotype names an allele that the record does not have (it has {len(record.alleles)})",
                file=self.path,
                record=f"{chrom}:{record.position + 1}",
                remedy="Correct or remove the record.",
            ) from None

    def _without_alt(self, record: Record) -> Outcome:
        """Outcome of a record without ALT: that the person reads as the reference there, or that nothing is known."""
        if record.genotype is not None and all(allele is None for allele in record.genotype):
            return Outcome.MISSING_GENOTYPE
        return self._below(record) or Outcome.NO_ALT

    def _left_out(self, record: Record) -> Outcome | None:
        """Which option leaves a record out; None = none."""
        if self.snps_only and not is_snp_record(record.alleles):
            return Outcome.NOT_SNP
        return self._below(record)

    def _below(self, record: Record) -> Outcome | None:
        """Which of the lowest qualities asked for a record does not reach; None = none."""
        if self.pass_only and record.filters not in ("PASS", "."):
            return Outcome.FILTER
        if self.min_gq is not None and (record.gq is None or record.gq < self.min_gq):
            return Outcome.LOW_GQ
        if self.min_dp is not None and (record.dp is None or record.dp < self.min_dp):
            return Outcome.LOW_DP
        return None

    def _refuse_gvcf(self, record: Record, chrom: str) -> None:
        """Stop where leaving out a record for its ``<NON_REF>`` would lose a call that the person has."""
        if not self.refuse_gvcf or not any(is_reference_block(alt) for alt in record.alleles):
            return
        carried = [allele for allele in record.genotype or () if allele]
        if any(allele < len(record.alleles) and not is_symbolic(record.alleles[allele]) for allele in carried):
            raise SymbolicAlleleError(
                "is a gVCF: its calls carry <NON_REF> or <*>, and would all be left out",
                file=self.path,
                record=f"{chrom}:{record.position + 1}",
                remedy="Read it with --gvcf (symbolic='ignore_allele'), which drops only the symbolic allele.",
            )

    @property
    def path(self) -> Path | None:
        """The file of variants; None for the reference genome itself."""
        return None if self._variants is None else self._variants.path


def check_lowest(min_gq: float | None, min_dp: float | None) -> None:
    """Refuse a lowest quality or depth that is negative or no number: it would filter nothing, or everything.

    Raises:
        InputError: one is.
    """
    for name, value in (("min_gq (--min-gq)", min_gq), ("min_dp (--min-dp)", min_dp)):
        if value is not None:
            check_number(name, value, 0)


def _clusters(intervals: Sequence[Interval]) -> list[list[int]]:
    """Indices of intervals that lie near each other on a contig."""
    order = sorted(range(len(intervals)), key=lambda index: (intervals[index].chrom, intervals[index].start))
    clusters: list[list[int]] = []
    reach = 0
    for index in order:
        interval = intervals[index]
        if clusters and intervals[clusters[-1][0]].chrom == interval.chrom and interval.start - reach <= _CLUSTER_GAP:
            clusters[-1].append(index)
            reach = max(reach, interval.end)
        else:
            clusters.append([index])
            reach = interval.end
    return clusters


def _matched_contigs(reference: ReferenceGenome, variants: RecordSource) -> dict[str, str]:
    """FASTA contig -> contig of the file of variants."""
    mapped = map_contigs(reference.contigs, variants.contigs, wanted_file=reference.path, available_file=variants.path)
    theirs, ours = identify_assembly(dict.fromkeys(variants.contigs, 0)), identify_assembly(reference.contigs)
    if variants.contigs and not mapped and theirs is not None and theirs != ours:
        raise AssemblyError(
            f"its contigs ({next(iter(variants.contigs))}, ...) are of {theirs}, {reference.path} is "
            f"{ours or 'of another assembly'}",
            file=variants.path,
            remedy="Give the FASTA that the variants were called on, or lift them over.",
        )
    if variants.contigs and not mapped:
        raise ContigError(
            f"shares no contig with {reference.path}: it has {', '.join(list(variants.contigs)[:3])}, "
            f"the FASTA has {', '.join(list(reference.contigs)[:3])}",
            file=variants.path,
            remedy="Rename the contigs (bcftools annotate --rename-chrs), or give the FASTA it was called on.",
        )
    for name, found in mapped.items():
        length = variants.contigs[found]
        if length is not None and length != reference.contigs[name]:
            assemblies = [
                identify_assembly({found: length}) or "unknown", identify_assembly(reference.contigs) or "unknown"
            ]  # fmt: skip
            raise AssemblyError(
                f"its header gives {found} {length} bases (assembly: {assemblies[0]}), "
                f"{reference.path} has {reference.contigs[name]} (assembly: {assemblies[1]})",
                file=variants.path,
                remedy="Give the FASTA that the variants were called on, or lift them over.",
            )
    return mapped


def _shown(allele: str) -> str:
    return allele if len(allele) <= 20 else f"{allele[:20]}... ({len(allele)} bases)"


def _rebuild(
    reference: ReferenceGenome, variants: Path | None, sample: str | None, mode: str, options: dict
) -> PersonalGenome:
    return PersonalGenome(reference, variants, sample, mode, **options)
