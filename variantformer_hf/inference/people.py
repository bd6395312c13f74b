"""The people of a run: their genomes opened, and their files checked before anything is computed."""

import logging
from collections.abc import Iterable, Sequence
from itertools import islice

from ..addresses import as_given
from ..errors import InputError, ReferenceMismatchError
from ..genome.appending import people_in
from ..genome.cohort_files import CohortFiles, Genotypes, GivenGenotypes
from ..genome.doctor import Agreement, reference_agreement
from ..genome.interval import Interval
from ..genome.intervals import merged
from ..genome.options import GenotypeOptions
from ..genome.personal import PersonalGenome
from ..genome.reference import ReferenceGenome
from ..genome.sample_names import chosen_samples
from ..genome.tally import ContigCounts
from ..genome.variant_files import genotype_source

logger = logging.getLogger(__name__)

MINIMUM_AGREEMENT = 0.95
_AGREEMENT_SAMPLE = 2_000


class People:
    """The people of a run; their genomes are opened a batch at a time, as each holds a file.

    Args:
        reference: the FASTA.
        source: the file of variants, or several, looked over; None = the reference genome itself.
        samples: their names in the file; None = its only one, or none in a file without samples.
        options: how records become sequence.

    Attributes:
        names: their names.

    Raises:
        InputError: the file cannot be used (see PersonalGenome).
    """

    def __init__(
        self,
        reference: ReferenceGenome,
        source: Genotypes | None,
        samples: Sequence[str] | None,
        options: GenotypeOptions,
    ) -> None:
        self._reference, self._source, self._options = reference, source, options
        self._samples: Sequence[str | None] = samples or [None]
        self._batch = 0, 0
        self._genomes: list[PersonalGenome] = []
        self._met: dict[PersonalGenome, int] = {}
        self._damage: dict[str, None] = {}
        self.first = self._open(self._samples[0])
        """The first of them."""
        self.names: Sequence[str] = samples or [self.first.sample]

    def __len__(self) -> int:
        return len(self._samples)

    def opened(self, batch: tuple[int, int]) -> list[PersonalGenome]:
        """The people from one number to before another; those of the last batch are closed."""
        if batch != self._batch:
            self._close_batch()
            self._genomes = [self._open(self._samples[number]) if number else self.first for number in range(*batch)]
            self._batch = batch
        return self._genomes

    @property
    def damage(self) -> list[str]:
        """What was found damaged in the stores of people opened so far, a sentence each."""
        return list(dict.fromkeys([*self._damage, *(each for genome in self._genomes for each in genome.damage)]))

    def newly_not_diploid(self, genome: PersonalGenome) -> list[tuple[str, int, tuple[str, ...]]]:
        """Calls of an opened person on autosomes that are not diploid, met since this was last asked."""
        met = genome.calls_not_diploid
        found = list(islice(genome.rules.not_diploid, self._met.get(genome, 0), met))
        self._met[genome] = met
        return found

    def close(self) -> None:
        """Close what is open."""
        self._close_batch()
        self.first.close()

    def _open(self, sample: str | None) -> PersonalGenome:
        if self._source is None:
            return PersonalGenome(self._reference)
        return PersonalGenome(self._reference, self._source, sample, self._options)

    def _close_batch(self) -> None:
        self._damage.update(dict.fromkeys(self.damage))
        for genome in self._genomes:
            if genome is not self.first:
                genome.close()
        of_first = {self.first: self._met[self.first]} if self.first in self._met else {}
        self._genomes, self._met, self._batch = [], of_first, (0, 0)


def open_people(
    reference: ReferenceGenome, vcf: GivenGenotypes | None, samples: Sequence[str] | None, options: GenotypeOptions
) -> People:
    """The asked samples' genomes; without a file of variants the reference genome itself.

    Args:
        reference: the FASTA.
        vcf: the file of variants, or several, as for ``PersonalGenome``.
        samples: names, or ``"all"``, see ``chosen_samples``; None = the only one.
        options: how records become sequence.

    Raises:
        InputError: samples without a file, or not in it; the file cannot be used (see PersonalGenome).
    """
    if vcf is None:
        if samples:
            raise InputError("samples were asked for without a VCF", remedy="Give the VCF that holds them.")
        return People(reference, None, None, options)
    source = genotype_source(vcf)
    people = People(reference, source, _named(source, samples) if samples else None, options)
    if people.first.index_is_older:
        path = source.older_indexes[0] if isinstance(source, CohortFiles) else source
        logger.warning("%s: its index is older than the file; if that changed since, index it anew", as_given(path))
    return people


def _named(source: Genotypes, samples: Sequence[str]) -> list[str]:
    return chosen_samples(source, people_in(source), samples)


def check_records(
    reference: ReferenceGenome,
    vcf: Genotypes,
    spans: Sequence[Interval],
    *,
    min_probability: float = 0.9,
    allow_unused: bool = False,
) -> Agreement:
    """Check that a file has records where the run looks, and that their REF alleles are what the FASTA holds.

    Args:
        reference: the FASTA.
        vcf: the file of variants, or several, looked over.
        spans: where the run looks.
        min_probability: see ``GenotypeOptions``.
        allow_unused: a file without a record there will do.

    Raises:
        InputError: no record on any of the chromosomes asked for, unless ``allow_unused``.
        ReferenceMismatchError: fewer than 95 % of the records agree with the FASTA.
    """
    agreement = reference_agreement(reference, vcf, merged(spans), _AGREEMENT_SAMPLE, min_probability=min_probability)
    if agreement.checked == 0 and not allow_unused:
        check_has_records(
            reference,
            vcf,
            {span.chrom for span in spans},
            "Check that it is the right file, or leave out the VCF to predict the reference genome; to go on all the "
            "same: --allow-unused (allow_unused=True).",
        )
    _require_agreement(agreement.checked, agreement.matched, vcf, agreement.first_mismatch)
    return agreement


def check_has_records(reference: ReferenceGenome, vcf: Genotypes, contigs: Iterable[str], remedy: str) -> None:
    """Check that a file has a record on any of some contigs.

    Args:
        reference: the FASTA.
        vcf: the file of variants, or several, looked over.
        contigs: by the FASTA's names.
        remedy: what to do where it has none.

    Raises:
        InputError: it has none.
    """
    names = sorted(set(contigs))
    whole = [Interval(name, 0, reference.contigs[name]) for name in names]
    if reference_agreement(reference, vcf, whole, 1).checked == 0:
        raise InputError(
            f"has no record on any of the chromosomes asked for ({', '.join(names[:5])})", file=vcf, remedy=remedy
        )


def check_person_agreement(total: ContigCounts, vcf: Genotypes, sample: str) -> None:
    """Check the whole run's count of REF alleles as :func:`check_records` does for a part before it.

    Raises:
        ReferenceMismatchError: fewer than 95 % of the records agree with the FASTA.
    """
    _require_agreement(total.ref_checked, total.ref_checked - total.ref_mismatched, vcf, f"sample {sample}")


def _require_agreement(checked: int, matched: int, vcf: Genotypes, record: str | None) -> None:
    if checked and matched < MINIMUM_AGREEMENT * checked:
        raise ReferenceMismatchError(
            f"only {matched} of {checked} records ({matched / checked:.1%}) have the REF allele that the FASTA holds",
            file=vcf,
            record=record,
            remedy="The file was probably called on another assembly: run `variantformer doctor` on both files.",
        )
