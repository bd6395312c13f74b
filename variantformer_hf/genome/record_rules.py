"""What each record of a person asks for by the genotype options: an edit, or nothing, and why."""

import logging
from collections.abc import Iterator
from copy import copy
from dataclasses import replace

from ..addresses import as_given
from ..errors import InputError, SymbolicAlleleError
from .cohort_files import Genotypes, file_with
from .consensus import Edit, Outcome, chosen_edit, is_reference_block, is_snp_record, is_symbolic
from .contigs import is_autosome
from .options import GenotypeOptions
from .record_columns import Record

logger = logging.getLogger(__name__)

# Files of whose calls that are not diploid was said once: a cohort may have many, and is opened again and again.
_WARNED_OF: set[str] = set()


class RecordRules:
    """The rules by which one person's records are read.

    Args:
        options: the genotype options.
        file, sample: whose records they are, for messages.
        refuse_gvcf: stop at a gVCF's record whose call ``exclude_record`` would drop.

    Attributes:
        options, refuse_gvcf: as given.
    """

    def __init__(
        self, options: GenotypeOptions, file: Genotypes | None, sample: str, *, refuse_gvcf: bool = True
    ) -> None:
        self.options = options
        self.refuse_gvcf = refuse_gvcf
        self._file, self._sample = file, sample
        self._not_diploid: dict[tuple[str, int, tuple[str, ...]], None] = {}

    def by(self, options: GenotypeOptions) -> "RecordRules":
        """The same rules by other options; what either meets is counted by both."""
        other = copy(self)
        other.options = options
        return other

    @property
    def calls_not_diploid(self) -> int:
        """Records met so far with a haploid or polyploid call on an autosome, each once."""
        return len(self._not_diploid)

    @property
    def not_diploid(self) -> Iterator[tuple[str, int, tuple[str, ...]]]:
        """Contig, position and alleles of those records, in the order in which they were met."""
        return iter(self._not_diploid)

    def chosen(self, record: Record, chrom: str) -> Edit | Outcome:
        """The edit that a record asks for, or why it asks for none.

        Args:
            record: of the person.
            chrom: its contig, by the FASTA.

        Raises:
            SymbolicAlleleError: a symbolic allele that cannot be applied, or a gVCF.
            InputError: the genotype names an allele that the record does not have.
        """
        self._note_ploidy(record, chrom)
        if len(record.alleles) < 2:
            return self._without_alt(record)
        alts = record.alleles[1:]
        genotype = record.genotype
        if self.options.symbolic != "apply" and any(is_symbolic(alt) for alt in alts):
            if self.options.symbolic == "exclude_record":
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
            return chosen_edit(record.position, record.alleles, record.length, genotype, self.options.mode)
        except SymbolicAlleleError as error:
            raise SymbolicAlleleError(
                error.problem,
                file=file_with(self._file, chrom, record.position),
                record=f"{chrom}:{record.position + 1}",
                remedy="Leave such records out: symbolic='exclude_record'.",
            ) from None
        except IndexError:
            raise InputError(
                f"the genotype names an allele that the record does not have (it has {len(record.alleles)})",
                file=file_with(self._file, chrom, record.position),
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
        if self.options.snps_only and not is_snp_record(record.alleles):
            return Outcome.NOT_SNP
        return self._below(record)

    def _below(self, record: Record) -> Outcome | None:
        """Which of the lowest qualities asked for a record does not reach; None = none."""
        if self.options.pass_only and record.filters not in ("PASS", "."):
            return Outcome.FILTER
        if self.options.min_gq is not None and (record.gq is None or record.gq < self.options.min_gq):
            return Outcome.LOW_GQ
        if self.options.min_dp is not None and (record.dp is None or record.dp < self.options.min_dp):
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
                file=file_with(self._file, chrom, record.position),
                record=f"{chrom}:{record.position + 1}",
                remedy="Read it with --gvcf (symbolic='ignore_allele'), which drops only the symbolic allele.",
            )

    def _note_ploidy(self, record: Record, chrom: str) -> None:
        """Remember a call on an autosome that is not of two alleles, and warn of the first of a file."""
        genotype = record.genotype or ()
        if len(genotype) in (0, 2) or all(each is None for each in genotype) or not is_autosome(chrom):
            return
        if not self._not_diploid and str(self._file) not in _WARNED_OF:
            _WARNED_OF.add(str(self._file))
            logger.warning(
                "%s: %s:%d: the sample %s has a call of %d alleles on an autosome; such calls are read by the rules of "
                "their mode, and counted (calls_not_diploid in the report)",
                as_given(file_with(self._file, chrom, record.position)),
                chrom,
                record.position + 1,
                self._sample,
                len(genotype),
            )
        self._not_diploid[chrom, record.position, record.alleles] = None
