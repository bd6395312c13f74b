"""The consensus rules: against the bcftools inside pysam on random genomes, and by hand where it is not defined."""

import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_variants import (
    BCFTOOLS_MODES,
    CONTIG,
    bcftools_is_defined,
    bcftools_sequences,
    random_genome,
    random_records,
    write_case,
)

from variantformer_hf import PersonalGenome, ReferenceGenome
from variantformer_hf.errors import InputError
from variantformer_hf.genome.consensus import (
    Edit,
    Outcome,
    apply_edits,
    chosen_allele,
    chosen_edit,
    is_snp_record,
    keeps_anchor,
    merged_allele,
)
from variantformer_hf.genome.options import GenotypeOptions
from variantformer_hf.genome.variants import VariantFile


def compare(rng: random.Random, n_regions: int) -> int:
    """Compare a random case; the number of regions compared."""
    genome = random_genome(rng, rng.randint(30, 200))
    mode = rng.choice(list(BCFTOOLS_MODES))
    exclude_symbolic = rng.random() < 0.5
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fasta, vcf = write_case(folder, genome, random_records(rng, genome, rng.choice([3, 6, 15])))
        records = list(VariantFile(vcf).records(CONTIG, 0, len(genome)))
        regions = []
        for _ in range(n_regions):
            start = rng.randrange(len(genome))
            end = rng.randint(start + 1, min(len(genome), start + rng.choice([5, 20, 200])))
            if bcftools_is_defined(records, start, end, mode):
                regions.append((start, end))
        expected = bcftools_sequences(folder, genome, vcf, regions, mode, exclude_symbolic=exclude_symbolic)
        symbolic = "exclude_record" if exclude_symbolic else "apply"
        person = PersonalGenome(ReferenceGenome(fasta), vcf, options=GenotypeOptions(mode=mode, symbolic=symbolic))
        if None not in expected:
            assert person.sequences([(CONTIG, *region) for region in regions]) == expected
        for (start, end), wanted in zip(regions, expected, strict=True):
            try:
                found: str | None = person.sequence(CONTIG, start, end)
            except InputError:
                found = None
            assert found == wanted, (mode, symbolic, start, end, genome, [str(r) for r in records])
    return len(regions)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(min_value=0))
def test_random_regions_equal_bcftools(seed: int) -> None:
    compare(random.Random(seed), n_regions=20)


@pytest.mark.slow
def test_fifty_thousand_random_regions_equal_bcftools(capsys: pytest.CaptureFixture[str]) -> None:
    compared, seed = 0, 0
    while compared < 50_000:
        compared += compare(random.Random(seed), n_regions=40)
        seed += 1
    with capsys.disabled():
        print(f"\n{compared} regions of {seed} random genomes equal bcftools")  # noqa: T201


def test_many_intervals_at_once_equal_each_alone(tmp_path: Path) -> None:
    rng = random.Random(7)
    genome = random_genome(rng, 400)
    fasta, vcf = write_case(tmp_path, genome, random_records(rng, genome, 6))
    person = PersonalGenome(ReferenceGenome(fasta), vcf, options=GenotypeOptions(on_ref_mismatch="skip-record"))
    intervals = [(CONTIG, start, min(400, start + rng.randint(1, 90))) for start in rng.sample(range(390), 60)]
    assert person.sequences(intervals) == [person.sequence(*interval) for interval in intervals]


@pytest.mark.parametrize(
    ("genotype", "mode", "allele"),
    [
        ((0, 1), "alt", 1),
        ((1, 2), "alt", 2),
        ((2, 1), "alt", 1),
        ((1, 0), "alt", 1),
        ((None, 1), "alt", Outcome.MISSING_GENOTYPE),
        ((0, 1), "ref", 0),
        ((1, 2), "ref", 2),
        ((1, 1), "ref", 1),
        ((1, 2), "haplotype1", 1),
        ((1, 2), "haplotype2", 2),
        ((1,), "haplotype2", Outcome.HAPLOID),
        ((1, None), "haplotype2", Outcome.MISSING_GENOTYPE),
    ],
)
def test_allele_of_a_genotype(genotype: tuple[int | None, ...], mode: str, allele: int | Outcome) -> None:
    assert chosen_allele(genotype, mode) == allele


@pytest.mark.parametrize(
    ("alleles", "carried", "merged"),
    [
        (["A", "G"], {0, 1}, "R"),
        (["A", "G"], {1}, "G"),
        (["A", "G", "T"], {1, 2}, "K"),
        (["ACG", "TCC"], {0, 1}, "WCS"),
        (["A", "AGG"], {0, 1}, "AGG"),
        (["A", "AC", "AGT"], {1, 2}, "AST"),
        (["ACGT", "A", "AC"], {1, 2}, "AC"),
        (["A", "*"], {0, 1}, "*"),
        (["A", "G", "*"], {0, 2}, "*"),
        (["A", "G"], {0}, None),
    ],
)
def test_iupac_merge(alleles: list[str], carried: set[int], merged: str | None) -> None:
    assert merged_allele(alleles, carried) == merged


@pytest.mark.parametrize(
    ("ref", "alt", "anchored"),
    [("ACGT", "AGT", True), ("ACGT", "AA", False), ("A", "AG", True), ("A", "G", False), ("AC", "GC", False)],
)
def test_anchor(ref: str, alt: str, anchored: bool) -> None:
    assert keeps_anchor(ref, alt) is anchored


@pytest.mark.parametrize(
    ("alleles", "snp"),
    [
        (("A", "G"), True),
        (("ACG", "ACT"), True),
        (("A", "G", "A"), True),
        (("A", "a"), True),
        (("A", "G", "*"), False),
        (("A", "A"), False),
        (("ACG", "TCC"), False),
        (("A", "AG"), False),
        (("A",), False),
    ],
)
def test_snp_records(alleles: tuple[str, ...], snp: bool) -> None:
    assert is_snp_record(alleles) is snp


def test_a_deletion_that_begins_before_the_region_without_an_anchor_deletes_its_bases_inside() -> None:
    edit = chosen_edit(2, ("CGTAC", "T"), 5, (1, 1), "iupac")
    assert isinstance(edit, Edit)
    assert not edit.keeps_anchor
    assert apply_edits("ACGG", 5, [edit]) == ("GG", [Outcome.APPLIED])


def test_outcomes_of_overlapping_edits() -> None:
    edits = [
        chosen_edit(p, a, len(a[0]), (1, 1), "iupac") for p, a in [(1, ("CG", "C")), (2, ("G", "T")), (3, ("A", "G"))]
    ]
    assert apply_edits("ACGT", 0, edits) == ("ACT", [Outcome.APPLIED, Outcome.OVERLAPS, Outcome.REF_MISMATCH])  # type: ignore[arg-type]


def edits_of(*records: tuple[int, tuple[str, ...], int]) -> list[Edit]:
    chosen = [chosen_edit(position, alleles, length, (1, 1), "alt") for position, alleles, length in records]
    assert all(isinstance(edit, Edit) for edit in chosen)
    return chosen  # type: ignore[return-value]


@pytest.mark.parametrize(("region", "sequence"), [("ACGT", "CC"), ("acgt", "cc"), ("aCGT", "cc"), ("Acgt", "CC")])
def test_an_insertion_where_all_is_deleted_takes_the_case_of_the_regions_first_base(region: str, sequence: str) -> None:
    edits = edits_of((3, ("TACGT", "T"), 5), (7, ("T", "TCC"), 1))
    assert apply_edits(region, 4, edits) == (sequence, [Outcome.APPLIED, Outcome.APPLIED])


def test_a_symbolic_deletion_is_held_against_the_fasta_not_what_was_written_there() -> None:
    # The last base of the region is deleted, deleted again by its anchor, and anchors a <DEL>.
    edits = edits_of((0, ("GTT", "AA"), 3), (2, ("TT", "T"), 2), (2, ("T", "<DEL>"), 4))
    assert apply_edits("GTT", 0, edits) == ("AA", [Outcome.APPLIED] * 3)
    other = edits_of((0, ("GTT", "AA"), 3), (2, ("TT", "T"), 2), (2, ("C", "<DEL>"), 4))
    assert apply_edits("GTT", 0, other) == ("AA", [Outcome.APPLIED, Outcome.APPLIED, Outcome.REF_MISMATCH])


def test_a_deletion_without_an_end_does_not_count_as_the_base_before() -> None:
    edits = edits_of((2, ("A", "T"), 1), (2, ("A", "<DEL>"), 1), (2, ("AAC", "A"), 3))
    assert apply_edits("GCAACG", 0, edits) == ("GCTG", [Outcome.APPLIED] * 3)
