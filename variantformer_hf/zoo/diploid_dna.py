"""A person as one sequence of one-hot DNA: the mean of both haplotypes, SNPs alone, as Variformer reads people."""

import numpy as np
from numpy.typing import DTypeLike

from ..genome.edited import EditedGenome
from ..genome.interval import Interval
from ..genome.options import DIPLOID
from ..genome.personal import PersonalGenome
from ..genome.snp_haplotypes import CohortGenomes, snp_haplotypes
from ..genome.tally import VariantTally
from ..tokenization.one_hot import mean_one_hot


def diploid_one_hot(
    person: PersonalGenome | CohortGenomes,
    interval: Interval,
    *,
    n: float = 0.25,
    iupac: bool = False,
    dtype: DTypeLike = np.float32,
    tally: VariantTally | None = None,
) -> np.ndarray:
    """One-hot DNA of a person, or of the people of a cohort: REF (1 - d / 2) + ALT d / 2 for d copies of ALT.

    It is the mean of the one-hot numbers of both haplotypes, so that ``1|2`` is a half of each ALT; a missing allele is
    the reference, and so is the second one of a haploid call. Insertions and deletions are left out.

    Args:
        person: the person, in whatever mode; or a cohort, whose records are then read once for all.
        interval: 0-based half-open, within the contig.
        n: what N of the reference writes into each channel: 0.25 (Variformer) or 0 (UKBioFormer, Borzoi).
        iupac: ambiguity letters of the reference write the shares of their bases instead of N.
        dtype: of the numbers, a floating type.
        tally: of one person: counts the records and what became of them (``not_snp``).

    Returns:
        (L, 4), or (people, L, 4); channels A, C, G, T.

    Raises:
        ValueError: the interval leaves the contig; an integer type; a tally of a cohort.
        InputError: as for ``PersonalGenome.sequences``; an edit of an edited genome is no SNP.
    """
    if isinstance(person, CohortGenomes):
        if tally is not None:
            raise ValueError("records are tallied of one person: of a cohort ask CohortGenomes.haplotypes")
        letters = person.haplotypes(interval).letters
    else:
        letters = snp_haplotypes(person, interval, tally)
    return mean_one_hot(letters, n=n, iupac=iupac, dtype=dtype)


def reads_edits(person: PersonalGenome) -> bool:
    """Whether a genome's edits can be read in its mode: of SNPs alone only SNVs can be put in."""
    if person.options.mode != DIPLOID or not isinstance(person, EditedGenome):
        return True
    put_in = [each.variant for each in person.genotypes if each.is_carried]
    return all(len(each.ref) == len(each.alt) == 1 for each in put_in)
