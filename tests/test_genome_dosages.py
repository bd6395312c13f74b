"""Dosages of a cohort, against pysam's genotypes."""

import random
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pysam
import pytest
from cohort_formats import (
    BED,
    BGEN,
    PGEN,
    SAMPLES,
    ZARR,
    Carries,
    RandomCohort,
    bcf_by_bcftools,
    bed_by_bed_reader,
    bgen_by_bgen,
    pgen_by_pgenlib,
    random_cohort,
    zarr_by_bio2zarr,
)
from donor_cohorts import asked, donors
from genome_files import record, write_vcf
from split_files import split_vcf

from variantformer_hf.errors import ContigError, InputError, SampleError
from variantformer_hf.genome import Interval, ReferenceGenome, Variant
from variantformer_hf.genome.appended_people import Appended, append
from variantformer_hf.genome.cohort_rows import Reading
from variantformer_hf.genome.dosages import DosageFiles, Dosages, read_dosages
from variantformer_hf.genome.store_layout import default_store
from variantformer_hf.genome.variant_ingest import build_store
from variantformer_hf.genome.variant_store import VariantStore

BASES = set("ACGT")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VARIANTFORMER_CACHE", str(tmp_path / "cache"))


def of_pysam(
    vcf: Path, interval: Interval, samples: list[str], *, pass_only: bool = False
) -> tuple[list[Variant], np.ndarray, dict[str, int]]:
    variants, columns, left_out = [], [], Counter[str]()
    with pysam.VariantFile(str(vcf)) as file:
        for each in file.fetch(interval.chrom, interval.start, interval.end):
            alts = each.alts or ()
            if pass_only and not set(each.filter.keys()) <= {"PASS"}:
                left_out["filter_not_pass"] += 1
            elif not alts:
                left_out["no_alt"] += 1
            elif any(alt.startswith("<") for alt in alts):
                left_out["symbolic_allele"] += 1
            elif len(alts) > 1:
                left_out["multiallelic"] += 1
            elif not (each.ref.upper() in BASES and alts[0].upper() in BASES):
                left_out["not_snp"] += 1
            else:
                variants.append(Variant(each.chrom, each.pos, each.ref.upper(), alts[0].upper()))
                genotypes = [each.samples[name]["GT"] for name in samples]
                columns.append([-1 if not gt or None in gt else sum(map(bool, gt)) for gt in genotypes])
    values = np.array(columns, dtype=np.int8).reshape(-1, len(samples)).T
    return variants, values, dict(left_out)


def same(found: Dosages, wanted: tuple[list[Variant], np.ndarray, dict[str, int]]) -> bool:
    variants, values = found
    assert variants == wanted[0]
    assert np.array_equal(values, wanted[1])
    assert found.values.dtype == np.int8
    assert found.left_out == wanted[2]
    return True


def compared(seed: int, folder: Path) -> int:
    """Dosages of the VCF and of its store against pysam's genotypes; how many."""
    rng = random.Random(f"dosages {seed}")
    cohort = donors(rng)
    vcf = cohort.vcf(folder / "calls.vcf.gz", index=rng.choice(["csi", "tbi"]))
    questions = [(*asked(rng, cohort), rng.random() < 0.3) for _ in range(6)]
    n = 0
    files = DosageFiles(vcf)
    for _ in ("the file", "its store"):
        for interval, people, pass_only in questions:
            wanted = of_pysam(vcf, interval, people, pass_only=pass_only)
            found = read_dosages(vcf, interval, people, pass_only=pass_only)
            assert found.samples == tuple(people)
            assert same(found, wanted)
            n += found.values.size
            if not pass_only:
                assert same(files.read(interval, people), wanted)
        files.close()
        if not default_store(vcf).exists():
            build_store(vcf)
    return n


def test_they_are_pysams_genotypes(tmp_path: Path) -> None:
    total = 0
    for seed in range(20):
        folder = tmp_path / str(seed)
        folder.mkdir()
        total += compared(seed, folder)
    assert total > 1_000


@pytest.mark.slow
def test_those_of_200_cohorts_are_pysams_genotypes(tmp_path: Path) -> None:
    for seed in range(20, 220):
        folder = tmp_path / str(seed)
        folder.mkdir()
        compared(seed, folder)
        shutil.rmtree(folder)


WRITERS: dict[str, tuple[Callable[[RandomCohort, Path, random.Random], Path], Carries]] = {
    "pgenlib": (pgen_by_pgenlib, PGEN),
    "bed-reader": (bed_by_bed_reader, BED),
    "bgen": (bgen_by_bgen, BGEN),
    "bio2zarr": (zarr_by_bio2zarr, ZARR),
    "bcftools": (bcf_by_bcftools, ZARR),
}


@pytest.mark.parametrize("name", WRITERS)
def test_other_formats_and_their_stores_give_what_the_vcf_gives(name: str, tmp_path: Path) -> None:
    writer, carries = WRITERS[name]
    rng = random.Random(name)
    cohort = random_cohort(rng, carries)
    reference = ReferenceGenome(cohort.fasta(tmp_path))
    vcf = cohort.vcf(tmp_path / "calls.vcf.gz")
    path = writer(cohort, tmp_path, rng)
    for _ in ("the file", "its store"):
        for chrom, bases in cohort.genome.items():
            people = rng.sample(SAMPLES, 3)
            region = Interval(chrom, rng.randint(0, 20), len(bases))
            if chrom in {site.chrom for site in cohort.sites}:
                assert same(read_dosages(path, region, people, reference=reference), of_pysam(vcf, region, people))
        build_store(path, reading=Reading(reference))


def test_several_files_are_read_as_one(tmp_path: Path) -> None:
    rng = random.Random("several files")
    cohort = donors(rng)
    vcf = cohort.vcf(tmp_path / "calls.vcf.gz")
    (tmp_path / "split").mkdir()
    files = split_vcf(vcf, tmp_path / "split", rng, pieces=3)
    build_store(files[1])
    assert len(files) > 2
    for chrom, bases in cohort.genome.items():
        region = Interval(chrom, 0, len(bases))
        assert same(read_dosages(files, region, cohort.samples), of_pysam(vcf, region, list(cohort.samples)))


@pytest.fixture
def small(tmp_path: Path) -> Path:
    lines = [
        record(10, "A", "G", "0/1", "1|1", "."),
        record(12, "a", "t", "0", "1", "./1"),
        record(13, "A", "AT", "0/1", "0/0", "1/1"),
        record(14, "AC", "TG", "0/1", "0/0", "1/1"),
        record(15, "C", "*", "0/1", "0/0", "1/1"),
        record(16, "C", "A,T", "1/2", "0/0", "1/1"),
        record(17, "C", ".", "0/0", "0/0", "./."),
    ]
    return write_vcf(tmp_path / "small.vcf.gz", lines, contigs={"chr1": 100, "chr2": 100}, samples=("a", "b", "c"))


def test_a_half_missing_call_is_missing_and_a_haploid_one_counts_its_allele(small: Path) -> None:
    found = read_dosages(small, Interval("chr1", 0, 100))
    assert found.samples == ("a", "b", "c")
    assert found.values.tolist() == [[1, 0], [2, 1], [-1, -1]]
    assert found.variants == [Variant("chr1", 10, "A", "G"), Variant("chr1", 12, "A", "T")]
    assert found.left_out == {"multiallelic": 1, "no_alt": 1, "not_snp": 3}


def test_insertions_deletions_and_exchanges_are_read_where_asked(small: Path) -> None:
    found = read_dosages(small, ("chr1", 0, 100), ["c", "a"], snps_only=False)
    assert [(each.ref, each.alt) for each in found.variants] == [("A", "G"), ("A", "T"), ("A", "AT"), ("AC", "TG")]
    assert found.values.tolist() == [[-1, -1, 2, 2], [1, 0, 1, 1]]
    assert found.left_out == {"multiallelic": 1, "no_alt": 1, "no_bases": 1}


def test_contigs_go_by_any_spelling_and_one_that_is_not_there_is_refused(small: Path) -> None:
    assert read_dosages(small, ("1", 0, 11)).values.shape == (3, 1)
    assert read_dosages(small, ("chr2", 0, 100)).values.shape == (3, 0)
    with pytest.raises(ContigError, match="has no contig chr3"):
        read_dosages(small, ("chr3", 0, 100))
    with pytest.raises(ValueError, match=r"\[5, 4\) is not an interval"):
        read_dosages(small, ("chr1", 5, 4))
    with pytest.raises(SampleError, match="has no sample 'd'"):
        read_dosages(small, ("chr1", 0, 100), ["d"])


@pytest.mark.parametrize("is_ingested", [False, True])
def test_an_allele_that_the_record_does_not_have_is_named(tmp_path: Path, is_ingested: bool) -> None:
    lines = [record(10, "A", "G", "0/1", "0/0"), record(20, "A", "G", "0/1", "0/2")]
    vcf = write_vcf(tmp_path / "calls.vcf.gz", lines, contigs={"chr1": 100}, samples=("a", "b"))
    if is_ingested:
        build_store(vcf)
    with pytest.raises(InputError, match=r"calls\.vcf\.gz: chr1:20: has a call of an allele that the record does not"):
        read_dosages(vcf, ("chr1", 0, 100))
    assert read_dosages(vcf, ("chr1", 0, 15)).values.tolist() == [[1], [0]]


def test_a_damaged_store_is_mended_or_the_file_is_read(
    small: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    wanted = of_pysam(small, Interval("chr1", 0, 100), ["a", "b", "c"])
    store = build_store(small)
    (calls,) = store.glob("*.calls")
    content = calls.read_bytes()
    calls.write_bytes(content[:100] + bytes([content[100] ^ 255]) + content[101:])
    assert same(read_dosages(small, ("chr1", 0, 100)), wanted)
    assert "is read anew from" in caplog.text
    assert calls.read_bytes() == content
    calls.write_bytes(b"nothing")
    monkeypatch.setattr(VariantStore, "mend", lambda *_: False)
    assert same(read_dosages(small, ("chr1", 0, 100)), wanted)


def test_of_people_who_were_appended_nothing_is_known_at_records_of_the_others(tmp_path: Path) -> None:
    contigs = {"chr1": 100}
    old = [record(10, "A", "G", "0/1"), record(20, "A", "G", "1/1")]
    new = [record(5, "A", "G", "0/1"), record(20, "A", "G", "0/1"), record(20, "A", "C", "0/0")]
    cohort = write_vcf(tmp_path / "old.vcf.gz", old, contigs=contigs, samples=("a",))
    other = write_vcf(tmp_path / "new.vcf.gz", new, contigs=contigs, samples=("b",))
    build_store(cohort)
    append(cohort, Appended((str(other),), ("b",)))
    found = read_dosages(cohort, ("chr1", 0, 100), ["b", "a"])
    assert found.samples == ("b", "a")
    assert [(each.pos, each.alt) for each in found.variants] == [(5, "G"), (10, "G"), (20, "G"), (20, "C")]
    assert found.values.tolist() == [[1, -1, 1, 0], [-1, 1, 2, -1]]
    assert read_dosages(cohort, ("chr1", 0, 100)).samples == ("a", "b")
    assert read_dosages(cohort, ("chr1", 0, 100), ["a"]).values.tolist() == [[1, 2]]
