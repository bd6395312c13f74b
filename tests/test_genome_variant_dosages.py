"""Dosages of given variants, of no other record, against the records themselves."""

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from cohort_formats import (
    BED,
    BGEN,
    PGEN,
    SAMPLES,
    ZARR,
    Carries,
    RandomCohort,
    Site,
    bcf_by_bcftools,
    bed_by_bed_reader,
    bgen_by_bgen,
    pgen_by_pgenlib,
    random_cohort,
    zarr_by_bio2zarr,
)
from genome_files import record, write_fasta, write_vcf

from variantformer_hf.errors import InputError
from variantformer_hf.genome import ReferenceGenome, Variant
from variantformer_hf.genome.appended_people import Appended, append
from variantformer_hf.genome.cohort_rows import Reading
from variantformer_hf.genome.variant import VariantError, VariantNormalizer
from variantformer_hf.genome.variant_dosages import VariantDosages
from variantformer_hf.genome.variant_ingest import build_store
from variantformer_hf.genome.variant_store import VariantStore

FASTA = "ACGTTTTTGCATGCAACGTA"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VARIANTFORMER_CACHE", str(tmp_path / "cache"))


def vcf_itself(cohort: RandomCohort, folder: Path, rng: random.Random) -> Path:
    return cohort.vcf(folder / "own.vcf.gz")


WRITERS: dict[str, tuple[Callable[[RandomCohort, Path, random.Random], Path], Carries]] = {
    "vcf": (vcf_itself, ZARR),
    "pgenlib": (pgen_by_pgenlib, PGEN),
    "bed-reader": (bed_by_bed_reader, BED),
    "bgen": (bgen_by_bgen, BGEN),
    "bio2zarr": (zarr_by_bio2zarr, ZARR),
    "bcftools": (bcf_by_bcftools, ZARR),
}


def copies(site: Site, allele: int, people: list[str]) -> list[int]:
    calls = [site.calls[SAMPLES.index(name)].alleles for name in people]
    return [-1 if None in call else call.count(allele) for call in calls]


def of_cohort(cohort: RandomCohort, normalizer: VariantNormalizer, people: list[str]) -> dict[Variant, list[int]]:
    """The first record of each variant, by its one spelling."""
    found: dict[Variant, list[int]] = {}
    for site in cohort.sites:
        for allele, alt in enumerate(site.alts, 1):
            try:
                normal = normalizer(Variant(site.chrom, site.position + 1, site.ref, alt))
            except VariantError:
                continue
            found.setdefault(normal, copies(site, allele, people))
    return found


def read(file: VariantDosages, chrom: str, variants: list[Variant]) -> dict[Variant, list[int]]:
    found: dict[Variant, list[int]] = {}
    for each in file.read(chrom, variants):
        for number, values in zip(each.variant.tolist(), each.values, strict=True):
            assert variants[number] not in found
            found[variants[number]] = values.tolist()
    return found


@pytest.mark.parametrize("name", WRITERS)
def test_they_are_the_records_of_every_format_and_of_its_store(name: str, tmp_path: Path) -> None:
    writer, carries = WRITERS[name]
    n = 0
    for seed in range(2):
        rng = random.Random(f"{name} {seed}")
        cohort = random_cohort(rng, carries)
        folder = tmp_path / str(seed)
        folder.mkdir()
        reference = ReferenceGenome(cohort.fasta(folder))
        path = writer(cohort, folder, rng)
        people = rng.sample(SAMPLES, 3)
        wanted = of_cohort(cohort, VariantNormalizer(reference), people)
        for _ in ("the file", "its store"):
            with VariantDosages(path, people, reference) as file:
                for chrom in cohort.genome:
                    here = [each for each in wanted if each.chrom == chrom]
                    asked = rng.sample(here, len(here) * 2 // 3)
                    found = read(file, chrom, asked)
                    assert found == {each: wanted[each] for each in asked}
                    n += len(found)
                assert file.counts["absent"] == 0
                assert file.samples == tuple(people)
            build_store(path, reading=Reading(reference))
    assert n > 50


def lines(*records: str, folder: Path, name: str = "some.vcf.gz", samples: tuple[str, ...] = ("a", "b")) -> Path:
    return write_vcf(folder / name, list(records), contigs={"chr1": len(FASTA)}, samples=samples)


@pytest.fixture
def reference(tmp_path: Path) -> ReferenceGenome:
    return ReferenceGenome(write_fasta(tmp_path / "genome.fa", {"chr1": FASTA}, width=60))


def test_an_insertion_or_deletion_is_found_wherever_in_its_repeat_it_is_written(
    tmp_path: Path, reference: ReferenceGenome
) -> None:
    vcf = lines(record(6, "TT", "T", "0/1", "1/1"), record(8, "TG", "TTG", "0/0", "./1"), folder=tmp_path)
    deletion, insertion = Variant("chr1", 3, "GT", "G"), Variant("chr1", 3, "G", "GT")
    with VariantDosages(vcf, "all", reference) as file:
        assert read(file, "chr1", [deletion, insertion]) == {deletion: [1, 2], insertion: [0, -1]}
    assert file.counts == Counter(found=2, other_alleles=0, turned=0, absent=0)


def test_what_is_the_other_way_round_is_turned_and_what_is_there_twice_is_read_once(
    tmp_path: Path, reference: ReferenceGenome
) -> None:
    vcf = lines(
        record(1, "G", "A", "0/1", "1/1"),  # the FASTA has A
        record(2, "C", "T", "0/1", "0/0"),
        record(2, "C", "T", "1/1", "1/1"),
        record(9, "A", "G", "./.", "0/0"),
        record(10, "C", "A,T", "0/2", "1/2"),
        record(11, "A", "T", "0/1", "0/1"),
        folder=tmp_path,
    )
    snps = [("chr1", 1, "A", "G"), ("chr1", 2, "C", "T"), ("chr1", 9, "G", "A"), ("chr1", 10, "C", "T")]
    snps += [("chr1", 11, "A", "G"), ("chr1", 12, "T", "C")]
    asked = [Variant(*each) for each in snps]
    with VariantDosages(vcf, ["b", "a"], reference) as file:
        found = read(file, "chr1", asked)
    assert list(found.values()) == [[0, 1], [0, 1], [2, -1], [1, 1]]
    assert file.counts == Counter(found=4, absent=2, turned=2, twice=1, other_alleles=1)
    assert not file.is_alone


def test_of_appended_people_a_record_of_the_others_alone_is_missing(tmp_path: Path, reference: ReferenceGenome) -> None:
    cohort = lines(record(2, "C", "T", "0/1"), folder=tmp_path, name="old.vcf.gz", samples=("a",))
    other = lines(record(2, "C", "T", "1/1"), record(9, "G", "A", "0/1"), folder=tmp_path, samples=("b",))
    build_store(cohort)
    append(cohort, Appended((str(other),), ("b",)))
    asked = [Variant("chr1", 2, "C", "T"), Variant("chr1", 9, "G", "A"), Variant("chr1", 10, "C", "A")]
    with VariantDosages(cohort, ["b", "a"], reference) as file:
        assert read(file, "chr1", asked) == {asked[0]: [2, 1], asked[1]: [1, -1]}
    assert (file.counts["found"], file.counts["absent"]) == (2, 1)


def test_a_damaged_store_is_mended_or_left_aside_and_nothing_is_read_twice(
    tmp_path: Path, reference: ReferenceGenome, monkeypatch: pytest.MonkeyPatch
) -> None:
    vcf = lines(record(2, "C", "T", "0/1", "0/0"), record(9, "G", "A", "0/1", "1/1"), folder=tmp_path)
    asked = [Variant("chr1", 2, "C", "T"), Variant("chr1", 9, "G", "A")]
    wanted = {asked[0]: [1, 0], asked[1]: [1, 2]}
    (calls,) = build_store(vcf).glob("*.calls")
    content = calls.read_bytes()
    calls.write_bytes(content[:100] + bytes([content[100] ^ 255]) + content[101:])
    with VariantDosages(vcf, "all", reference) as file:
        assert read(file, "chr1", asked) == wanted
    assert file.counts["twice"] == 0
    assert calls.read_bytes() == content
    calls.write_bytes(b"nothing")
    monkeypatch.setattr(VariantStore, "mend", lambda *_: False)
    with VariantDosages(vcf, "all", reference) as file:
        assert read(file, "chr1", asked) == wanted


@pytest.mark.parametrize("is_ingested", [False, True])
def test_an_allele_that_the_record_does_not_have_is_named(
    tmp_path: Path, reference: ReferenceGenome, is_ingested: bool
) -> None:
    vcf = lines(record(2, "C", "T", "0/1", "0/2"), folder=tmp_path)
    if is_ingested:
        build_store(vcf)
    with (
        VariantDosages(vcf, "all", reference) as file,
        pytest.raises(InputError, match=r"some\.vcf\.gz: chr1:2: has a call of an allele that the record does not"),
    ):
        read(file, "chr1", [Variant("chr1", 2, "C", "T")])


def test_a_file_without_the_contig_has_none_of_its_variants(tmp_path: Path) -> None:
    reference = ReferenceGenome(write_fasta(tmp_path / "two.fa", {"chr1": FASTA, "chr2": FASTA}, width=60))
    with VariantDosages(lines(record(2, "C", "T", "0/1", "0/0"), folder=tmp_path), "all", reference) as file:
        assert read(file, "chr2", [Variant("chr2", 2, "C", "T")]) == {}
    assert file.counts["absent"] == 1
    assert np.array_equal(file.samples, ["a", "b"])
