"""A person as one sequence of one-hot DNA, against the mean of both haplotypes."""

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cohort_formats import RandomCohort, Site
from donor_cohorts import donors
from genome_files import record, write_fasta, write_vcf

from variantformer_hf.errors import InputError, ReferenceMismatchError
from variantformer_hf.genome import (
    EditedGenome,
    GenotypeEdit,
    GenotypeOptions,
    Interval,
    PersonalGenome,
    ReferenceGenome,
    Variant,
    VariantTally,
)
from variantformer_hf.genome.appended_people import Appended, append
from variantformer_hf.genome.snp_haplotypes import CohortGenomes
from variantformer_hf.genome.variant_ingest import build_store
from variantformer_hf.tokenization.one_hot import mean_one_hot, one_hot
from variantformer_hf.zoo.diploid_dna import diploid_one_hot


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VARIANTFORMER_CACHE", str(tmp_path / "cache"))


def given(ask: Any) -> Any:
    """What is given, or what is said instead."""
    try:
        return ask()
    except InputError as error:
        return type(error), error.problem, error.record


def mean_of_haplotypes(
    reference: ReferenceGenome, vcf: Path, sample: str, options: GenotypeOptions, interval: Interval, n: float
) -> np.ndarray:
    sequences = []
    for mode in ("haplotype1", "haplotype2"):
        person = PersonalGenome(reference, vcf, sample, replace(options, mode=mode, snps_only=True))
        sequences.append(person.sequence(interval.chrom, interval.start, interval.end))
        person.close()
    return (one_hot(sequences[0], n=n) + one_hot(sequences[1], n=n)) / 2


def strange(rng: random.Random, cohort: RandomCohort) -> RandomCohort:
    """The cohort with SNPs in longer alleles, letters of either case, codes, and a REF that the FASTA does not hold."""
    sites: list[Site] = []
    for each in cohort.sites:
        site, kind, bases = each, rng.random(), cohort.genome[each.chrom]
        if kind < 0.05 and len(site.alts) == 1 and site.position + 2 <= len(bases) and site.info == ".":
            ref = bases[site.position : site.position + 2]
            site = replace(site, ref=ref, alts=(ref[0] + rng.choice("ACGT".replace(ref[1], "")),))
        elif kind < 0.1:
            site = replace(site, ref=site.ref.lower())
        elif kind < 0.13 and len(site.alts) == 1:
            site = replace(site, alts=(rng.choice("RYN"),))
        elif kind < 0.16:
            site = replace(site, ref=rng.choice("ACGT"))
        sites.append(site)
    genome = {
        name: "".join(rng.choice([each, each.lower()]) for each in bases) for name, bases in cohort.genome.items()
    }
    return RandomCohort(genome, sites, cohort.samples)


def compared(seed: int, folder: Path) -> int:
    """One-hot DNA of people, one by one and all at once, from the VCF and its store; how many windows."""
    rng = random.Random(f"diploid {seed}")
    cohort = strange(rng, donors(rng)) if seed % 2 else donors(rng)
    reference = ReferenceGenome(cohort.fasta(folder))
    vcf = cohort.vcf(folder / "calls.vcf.gz")
    if rng.random() < 0.5:
        build_store(vcf)
    options = GenotypeOptions(
        on_ref_mismatch=rng.choice(["error", "skip-record", "skip-record"]),
        pass_only=rng.random() < 0.3,
        symbolic=rng.choice(["exclude_record", "apply"]),
    )
    people = rng.sample(cohort.samples, rng.randint(1, len(cohort.samples)))
    n_windows = 0
    for _ in range(3):
        chrom = rng.choice(list(cohort.genome))
        start = rng.randrange(len(cohort.genome[chrom]))
        window = Interval(chrom, start, rng.randint(start, len(cohort.genome[chrom])))
        n = rng.choice([0, 0.25])
        wanted = []
        for sample in people:
            wanted.append(given(lambda: mean_of_haplotypes(reference, vcf, sample, options, window, n)))  # noqa: B023
            person = PersonalGenome(reference, vcf, sample, options)
            found = given(lambda: diploid_one_hot(person, window, n=n))  # noqa: B023
            assert np.array_equal(found, wanted[-1])
            person.close()
            n_windows += 1
        refused = [each for each in wanted if isinstance(each, tuple)]
        genomes = CohortGenomes(reference, vcf, people, options)
        found = given(lambda: diploid_one_hot(genomes, window, n=n))  # noqa: B023
        genomes.close()
        if refused:
            assert found in refused
        else:
            assert np.array_equal(found, np.stack(wanted))
    return n_windows


def test_it_is_the_mean_of_both_haplotypes_with_snps_alone(tmp_path: Path) -> None:
    for seed in range(8):
        folder = tmp_path / str(seed)
        folder.mkdir()
        compared(seed, folder)


@pytest.mark.slow
def test_so_it_is_in_500_random_windows(tmp_path: Path) -> None:
    n_windows = seed = 0
    while n_windows < 1_500:
        folder = tmp_path / str(seed)
        folder.mkdir()
        n_windows += compared(seed := seed + 1, folder)


class Small:
    """Ten bases, and people who carry what a SNP-only input has rules for."""

    def __init__(self, folder: Path) -> None:
        self.reference = ReferenceGenome(write_fasta(folder / "genome.fa", {"chr1": "ACGTNACGTA"}))
        lines = [
            record(1, "A", "G", "0|1", "1|0", "1/1", "."),
            record(2, "C", "A,T", "1|2", "2|1", "0/2", "./1"),
            record(3, "G", "GA", "1|1", "1|1", "0/0", "0/0"),
            record(4, "T", "C", "1", "0", ".", "0/1"),
            record(4, "T", "G", "0|1", "0/0", "./.", "0/1"),
        ]
        people = ("a", "b", "c", "d")
        self.vcf = write_vcf(folder / "small.vcf.gz", lines, contigs={"chr1": 10}, samples=people)

    def person(self, sample: str, mode: str = "iupac") -> PersonalGenome:
        return PersonalGenome(self.reference, self.vcf, sample, GenotypeOptions(mode=mode))


@pytest.fixture
def small(tmp_path: Path) -> Small:
    return Small(tmp_path)


WHOLE = Interval("chr1", 0, 10)
A, C, G, T = np.eye(4).tolist()


def half(one: list[float], other: list[float]) -> list[float]:
    return [(left + right) / 2 for left, right in zip(one, other, strict=True)]


def test_answers_known_by_hand(small: Small) -> None:
    found = {name: diploid_one_hot(small.person(name), WHOLE).tolist() for name in "abcd"}
    assert found["a"][:4] == [half(A, G), half(A, T), G, half(C, G)]  # 1|2: both ALTs; a haploid ALT and REF
    assert found["c"][:4] == [G, half(C, T), G, T]  # missing: the reference
    assert found["d"][:4] == [A, half(C, A), G, half(T, C)]  # of two records on one haplotype's base the first
    assert all(each[4:] == [[0.25] * 4, A, C, G, T, A] for each in found.values())
    assert diploid_one_hot(small.person("a"), WHOLE, n=0)[4].tolist() == [0] * 4


def test_swapped_haplotypes_read_alike(small: Small) -> None:
    one, other = (diploid_one_hot(small.person(name), Interval("chr1", 0, 3)) for name in "ab")
    assert np.array_equal(one, other)
    letters = CohortGenomes(small.reference, small.vcf).haplotypes(WHOLE).letters
    assert np.array_equal(mean_one_hot(letters), mean_one_hot(letters[:, ::-1]))


def test_the_mode_of_the_person_does_not_matter(small: Small) -> None:
    wanted = diploid_one_hot(small.person("a"), WHOLE)
    for mode in ("alt", "haplotype2", "haplotypes"):
        assert np.array_equal(diploid_one_hot(small.person("a", mode), WHOLE), wanted)


def test_insertions_and_deletions_are_counted_as_no_snps(small: Small) -> None:
    tally = VariantTally()
    diploid_one_hot(small.person("a"), WHOLE, tally=tally)
    assert tally.total().skipped == {"not_snp": 1}
    assert tally.total().applied == 4
    assert CohortGenomes(small.reference, small.vcf).haplotypes(WHOLE).left_out == {"not_snp": 1}


def test_the_reference_genome_is_its_own_one_hot(small: Small) -> None:
    assert np.array_equal(diploid_one_hot(PersonalGenome(small.reference), WHOLE), one_hot("ACGTNACGTA"))


def test_people_come_in_the_order_in_which_they_were_asked_for(small: Small) -> None:
    cohort = CohortGenomes(small.reference, small.vcf, ["d", "a"])
    found = diploid_one_hot(cohort, WHOLE)
    assert cohort.samples == ("d", "a")
    for row, name in enumerate("da"):
        assert np.array_equal(found[row], diploid_one_hot(small.person(name), WHOLE))


def test_people_who_were_appended_read_as_from_their_own_file(small: Small, tmp_path: Path) -> None:
    other = write_vcf(tmp_path / "other.vcf.gz", [record(6, "A", "T", "0/1")], contigs={"chr1": 10}, samples=("e",))
    build_store(small.vcf)
    append(small.vcf, Appended((str(other),), ("e",)))
    found = diploid_one_hot(CohortGenomes(small.reference, small.vcf, ["b", "e", "a"]), WHOLE)
    assert found[1].tolist() == [A, C, G, T, [0.25] * 4, half(A, T), C, G, T, A]
    assert np.array_equal(found[2], diploid_one_hot(small.person("a"), WHOLE))


def test_an_edited_snp_is_read_and_an_edited_deletion_is_refused(small: Small) -> None:
    snp = EditedGenome(small.person("a"), [GenotypeEdit(Variant("chr1", 7, "C", "T"), "hom")])
    assert diploid_one_hot(snp, WHOLE)[6].tolist() == T
    deletion = EditedGenome(small.person("a"), [GenotypeEdit(Variant("chr1", 7, "CG", "C"), "het")])
    with pytest.raises(InputError, match="an insertion or deletion was put in, and SNPs alone are read"):
        diploid_one_hot(deletion, WHOLE)


def test_what_cannot_be_read_is_said(small: Small, tmp_path: Path) -> None:
    for person in (small.person("a"), CohortGenomes(small.reference, small.vcf)):
        with pytest.raises(ValueError, match=r"\[5, 11\) leaves chr1, which has 10 bases"):
            diploid_one_hot(person, Interval("chr1", 5, 11))
        with pytest.raises(InputError, match="there is no contig 'chr9'"):
            diploid_one_hot(person, Interval("chr9", 0, 1))
    with pytest.raises(ValueError, match="uint8 holds no halves"):
        diploid_one_hot(small.person("a"), WHOLE, dtype=np.uint8)
    wrong = write_vcf(tmp_path / "wrong.vcf.gz", [record(6, "T", "A", "0/1")], contigs={"chr1": 10})
    for person in (PersonalGenome(small.reference, wrong), CohortGenomes(small.reference, wrong)):
        with pytest.raises(ReferenceMismatchError, match=r"wrong\.vcf\.gz: chr1:6: REF is T, and the FASTA holds"):
            diploid_one_hot(person, WHOLE)
