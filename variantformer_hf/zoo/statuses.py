"""How a person's gene ended: predicted, or why not; so that a reference value is never taken for a person's."""

import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from ..errors import InputError
from ..genome.cohort_files import Genotypes
from ..genome.consensus import OUTCOME_CODE, OUTCOMES, Outcome
from ..genome.personal import PersonalGenome

logger = logging.getLogger(__name__)

OK, NO_VARIANTS = "ok", "no_variants"
NOT_IN_VCF, ALL_SKIPPED = "not_in_vcf", "all_skipped"
NO_CRES, GENE_DELETED, NOT_FINITE = "no_cres", "gene_deleted", "not_finite"
WINDOW_OFF_CONTIG = "window_off_contig"
# Of a variant alone: no SNV, and the person is read by SNPs alone.
NOT_SNP = "not_snp"
# Of a cCRE alone: the person lacks it.
NO_ELEMENT = "no_element"
# Of a variant alone: it lies in none of the gene's regions.
NO_OVERLAP = "no_overlap"
# Predicted, by a model that was trained on other genes alone.
UNSEEN_GENE = "unseen_gene"
# Predicted as the mean of the people of the fit: a baseline found no variant that it could be fitted to.
NO_VARIANTS_IN_WINDOW = "no_variants_in_window"
# The people that a baseline was fitted to had no value of the gene in this output.
NOT_FITTED = "not_fitted"
# A model of vectors that another network makes has none of this person's gene.
NO_EMBEDDING = "no_embedding"
# All of them; their places are written into files, so that new ones come last.
STATUSES = (
    *(OK, NO_VARIANTS, NOT_IN_VCF, ALL_SKIPPED, NO_CRES, GENE_DELETED, NOT_FINITE, WINDOW_OFF_CONTIG, UNSEEN_GENE),
    *(NO_VARIANTS_IN_WINDOW, NOT_FITTED, NO_EMBEDDING),
)
# Of a prediction with a number, whatever the person's file says.
WITH_NUMBER = (OK, UNSEEN_GENE, NO_VARIANTS_IN_WINDOW)
# Of a prediction without a number, whatever the person's file says.
WITHOUT_NUMBER = (GENE_DELETED, NO_CRES, WINDOW_OFF_CONTIG, NO_EMBEDDING, NOT_SNP, NOT_FITTED, NOT_FINITE)

_APPLIED = OUTCOME_CODE[Outcome.APPLIED]
# What a record with one of these says of the person was read: there is an ALT, or there is none.
_READ = np.array([OUTCOME_CODE[each] for each in (Outcome.APPLIED, Outcome.OVERLAPS, Outcome.HOM_REF, Outcome.NO_ALT)])
_NOT_SNP = OUTCOME_CODE[Outcome.NOT_SNP]
UNUSED_REMEDY = (
    "Look at the file with `variantformer doctor`, and at the options that leave records out; "
    "to go on all the same: --allow-unused (allow_unused=True)."
)


@dataclass(frozen=True, slots=True)
class RecordUse:
    """Whether what a person's file says of a gene could be used.

    Attributes:
        status: ``ok``: a record was applied (or this is the reference genome itself); ``no_variants``: none changes the
            gene; ``not_in_vcf``: the file has no record on the chromosome; ``all_skipped``: there are records, and the
            genotype of none could be used.
        reason: why no record was used, as in ``Outcome``, the most frequent first, joined by ``;``; "" where one was,
            or where there is none.
    """

    status: str
    reason: str = ""

    @property
    def is_known(self) -> bool:
        """Whether the person's sequence of the gene is known, so that a number can be had."""
        return self.status in (OK, NO_VARIANTS)


def record_use(person: PersonalGenome, chrom: str, outcomes: np.ndarray) -> RecordUse:
    """Whether the records in a gene's regions could be used.

    ``--snps-only`` asks for a genome without other records: where it leaves out all of a gene, the genome asked for is
    known to read as the reference there (``no_variants``, with the reason).

    Args:
        person: the person.
        chrom: the gene's contig, by the FASTA.
        outcomes: (n,) int8, what became of the records in its regions, as places in ``OUTCOMES``.
    """
    if person.is_reference:
        return RecordUse(OK)
    if not person.has_contig(chrom):
        return RecordUse(NOT_IN_VCF)
    if (outcomes == _APPLIED).any():
        return RecordUse(OK)
    if not len(outcomes) or np.isin(outcomes, _READ).any():
        return RecordUse(NO_VARIANTS)
    counts = Counter(outcomes.tolist())
    reason = ";".join(str(OUTCOMES[code]) for code, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0])))
    return RecordUse(NO_VARIANTS if set(counts) == {_NOT_SNP} else ALL_SKIPPED, reason)


def warn_of_missing_contigs(person: PersonalGenome, contigs: Iterable[str]) -> None:
    """Say which of the contigs (by the FASTA), one entry a gene, a person's file has no record of."""
    missing = Counter(chrom for chrom in contigs if not person.has_contig(chrom))
    if missing:
        logger.warning(
            "%s has no record on %s: %d genes there are not predicted (%s)",
            person.path,
            ", ".join(missing),
            missing.total(),
            NOT_IN_VCF,
        )


def check_used(sample: str, endings: Iterable[tuple[str, str]], vcf: Genotypes | None, *, allow_unused: bool) -> None:
    """Stop where nothing of a person's file was used in any gene.

    Args:
        sample: the person.
        endings: status and reason (see ``RecordUse``) of each gene.
        vcf: the person's file.
        allow_unused: say it, and go on.

    Raises:
        InputError: none of the genes was used, unless ``allow_unused``.
    """
    counts: Counter[str] = Counter()
    for status, reason in endings:
        if not reason and status != NOT_IN_VCF:
            return
        counts[f"{status} ({reason})" if reason else status] += 1
    if not counts:
        return
    found = ", ".join(f"{count} {what}" for what, count in counts.most_common(5))
    problem = f"nothing of it was used in any gene asked for: {found}"
    if not allow_unused:
        raise InputError(problem, file=vcf, record=f"sample {sample}", remedy=UNUSED_REMEDY)
    logger.warning("%s: sample %s: %s", vcf, sample, problem)


def check_finite(genes: Iterable[str], statuses: Iterable[str]) -> None:
    """Stop, once all else is written, where the model gave no numbers.

    Args:
        genes, statuses: columns of a table: names, and the status of each.

    Raises:
        InputError: there are ``not_finite`` ones; it names them.
    """
    names = list(dict.fromkeys(gene for gene, status in zip(genes, statuses, strict=True) if status == NOT_FINITE))
    if names:
        more = f" and {len(names) - 10} more" if len(names) > 10 else ""
        raise InputError(
            f"the model gave NaN or infinite values for {len(names)} genes: {', '.join(names[:10])}{more}",
            remedy="They are NaN in the output (status not_finite), the rest is whole. "
            "Check the model's weights, or predict in float32.",
        )


def ending_of(statuses: Iterable[str]) -> str:
    """Status of what several predictions say together: why one is without a number; else that all are there."""
    found = set(statuses)
    return next((each for each in (*WITHOUT_NUMBER, UNSEEN_GENE, NO_VARIANTS_IN_WINDOW) if each in found), OK)


def status_of_numbers(status: str, values: np.ndarray) -> str | np.ndarray:
    """A gene's status, or one for each number: ``not_fitted`` where a gene that is predicted has none in an output.

    Args:
        status: of the gene.
        values: (T,) NaN where there is no number.
    """
    lacks = np.isnan(values)
    if status not in (*WITH_NUMBER, NO_VARIANTS, NO_OVERLAP) or not lacks.any():
        return status
    return np.array([NOT_FITTED if lacking else status for lacking in lacks], dtype=object)


def status_text(counts: Mapping[str, int]) -> str:
    """Statuses other than ``ok`` and how many genes have each; "" where all are ``ok``."""
    return ", ".join(f"{count} {status}" for status, count in sorted(counts.items()) if status != OK)
