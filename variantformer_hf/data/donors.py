"""Donors' genomes, opened when they are needed, in whichever process needs them."""

from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..genome.appending import people_in
from ..genome.cohort_files import CohortFiles, Genotypes, GivenGenotypes
from ..genome.options import GenotypeOptions
from ..genome.personal import PersonalGenome
from ..genome.reference import ReferenceGenome
from ..genome.variant_files import genotype_source, open_files

# Donors whose files stay open.
_MOST_OPEN = 64


class DonorGenomes:
    """Genomes of donors by name.

    It can be sent to worker processes: files are opened there.

    Args:
        fasta: the reference genome.
        vcfs: cohort -> a VCF or BCF of all its donors, or donor -> file. A file of one sample is the donor's whatever
            the sample is called. Instead of a file there may be several, see ``PersonalGenome``.
        options: how records become sequence.
        of_reference: cohorts, such as cell lines, whose donors are read as the reference genome.

    Raises:
        InputError: a cohort that is to be read as the reference genome has a VCF.
    """

    def __init__(
        self,
        fasta: str | Path,
        vcfs: Mapping[str, GivenGenotypes | Mapping[str, GivenGenotypes]],
        options: GenotypeOptions | None = None,
        *,
        of_reference: Collection[str] = (),
    ) -> None:
        self._fasta, self._options = Path(fasta), options or GenotypeOptions()
        self._vcfs, self._of_reference = dict(vcfs), frozenset(of_reference)
        both = sorted(self._of_reference & set(self._vcfs))
        if both:
            raise InputError(
                f"the cohort {both[0]} has genotypes, and is to be read as the reference genome",
                remedy="Name it in one of the two alone.",
            )
        self._sources: dict[tuple[str, str | None], Genotypes] = {}
        self._reference: ReferenceGenome | None = None
        self._open: OrderedDict[tuple[str, str], PersonalGenome] = OrderedDict()

    @property
    def reference(self) -> ReferenceGenome:
        """The FASTA."""
        if self._reference is None:
            self._reference = ReferenceGenome(self._fasta)
        return self._reference

    def check(self, cohort: str, donors: Sequence[str]) -> None:
        """Check that all donors of a cohort have genotypes, before anything is computed.

        Raises:
            InputError: a donor or a cohort without; a file that cannot be read.
        """
        if cohort in self._of_reference:
            return
        if cohort not in self._vcfs:
            raise InputError(
                f"no genotypes are given for the cohort {cohort}",
                remedy=f"Give them (there are those of {', '.join(self._vcfs)}), or name it in reference_cohorts.",
            )
        entry = self._vcfs[cohort]
        where: Genotypes | None = None
        if isinstance(entry, Mapping):
            missing = [donor for donor in donors if donor not in entry]
            for donor in donors:
                if donor in entry:
                    open_files(self._source(cohort, donor)).close()
        else:
            where = self._source(cohort, None)
            available = set(people_in(where))
            missing = [donor for donor in donors if donor not in available]
        if missing:
            raise InputError(
                f"lacks {len(missing)} of {len(donors)} donors of {cohort} that have expression",
                file=where,
                record=", ".join(missing[:3]),
                remedy="Give the file that has them, or leave them out.",
            )

    def check_contigs(self, cohort: str, contigs: Mapping[str, Sequence[str]], what: str) -> None:
        """Check that the files of donors have records on contigs: without, all there would be the reference.

        Args:
            cohort: of the donors.
            contigs: donor -> contigs, by the FASTA.
            what: lies on them, for people: genes or cCREs.

        Raises:
            InputError: one has none.
        """
        if cohort in self._of_reference:
            return
        checked: set[tuple[str, str]] = set()
        for donor, names in contigs.items():
            source = self._source(cohort, donor)
            files = "\n".join(map(str, source.paths)) if isinstance(source, CohortFiles) else str(source)
            wanted = [chrom for chrom in names if (files, chrom) not in checked]
            if not wanted:
                continue
            person = self.genome(cohort, donor)
            missing = [chrom for chrom in wanted if not person.has_contig(chrom)]
            if missing:
                raise InputError(
                    f"has no record on {', '.join(missing)}, where {what} of the donor to train on lie",
                    file=source,
                    record=f"donor {donor}",
                    remedy=f"Give the files of all chromosomes, or leave out those {what}.",
                )
            checked.update((files, chrom) for chrom in wanted)

    def genome(self, cohort: str, donor: str) -> PersonalGenome:
        """A donor's genome; the last few stay open."""
        key = cohort, donor
        if cohort in self._of_reference:
            return PersonalGenome(self.reference)
        if key not in self._open:
            source = self._source(cohort, donor)
            sample: str | None = donor
            if isinstance(self._vcfs[cohort], Mapping):
                file = open_files(source)
                sample = file.samples[0] if len(file.samples) == 1 else donor
                file.close()
            self._open[key] = PersonalGenome(self.reference, source, sample, self._options)
            if len(self._open) > _MOST_OPEN:
                self._open.popitem(last=False)[1].close()
        self._open.move_to_end(key)
        return self._open[key]

    def _source(self, cohort: str, donor: str | None) -> Genotypes:
        """The files of a donor, or of a whole cohort, looked over once."""
        entry = self._vcfs[cohort]
        if isinstance(entry, Mapping):
            given = entry[donor or ""]
        else:
            given, donor = entry, None
        if (cohort, donor) not in self._sources:
            self._sources[cohort, donor] = genotype_source(given)
        return self._sources[cohort, donor]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_reference": None, "_open": OrderedDict()}
