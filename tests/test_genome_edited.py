"""Edited genomes: against bcftools on the VCF that says the same, and by hand."""

import pickle
import random
import tempfile
from pathlib import Path

import pysam
import pytest
from genome_files import record, write_fasta, write_vcf
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from random_variants import (
    BCFTOOLS_MODES,
    CONTIG,
    bcftools_is_defined,
    bcftools_sequences,
    random_alt,
    random_genome,
    random_records,
    write_case,
)

from variantformer_hf import EditedGenome, GenotypeEdit, PersonalGenome, ReferenceGenome, Variant
from variantformer_hf.errors import InputError
from variantformer_hf.genome.edited import EditConflictError, observed_genotype
from variantformer_hf.genome.options import GenotypeOptions
from variantformer_hf.genome.variant import VariantError, VariantNormalizer
from variantformer_hf.genome.variants import VariantFile
from variantformer_hf.report.edited_vcf import write_edited_vcf

GENOTYPES = ["het", "hom", "haplotype1", "haplotype2", "absent", "0|1", "1/0", "./1", "1|1", "1"]


def random_edits(rng: random.Random, genome: str, records: list[str], normalizer: VariantNormalizer) -> list:
    """A few edits, of new variants and of those that the records hold, each variant once."""
    edits: dict[Variant, GenotypeEdit] = {}
    for _ in range(rng.randint(1, 4)):
        if records and rng.random() < 0.5:
            fields = rng.choice(records).split("\t")
            position, ref, alt = int(fields[1]) - 1, fields[3], rng.choice(fields[4].split(","))
            end = position + len(ref)
            if rng.random() < 0.5:
                position, end = max(0, position - rng.randint(0, 3)), min(len(genome), end + rng.randint(0, 3))
                alt = genome[position : int(fields[1]) - 1] + alt + genome[int(fields[1]) - 1 + len(ref) : end]
                ref = genome[position:end]
        else:
            position = rng.randrange(len(genome))
            ref = genome[position : position + rng.choice([1, 1, 2, 4])]
            alt = random_alt(rng, ref.upper())
        variant = Variant(CONTIG, position + 1, ref.upper(), alt.upper())
        try:
            edits.setdefault(normalizer(variant), GenotypeEdit(variant, rng.choice(GENOTYPES)))
        except VariantError:
            continue
    return list(edits.values())


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(min_value=0))
@example(1409168)  # a <DEL> anchored at a region's last base, which two records before it rewrote
def test_edited_genomes_equal_bcftools_on_the_edited_vcf(seed: int) -> None:
    rng = random.Random(seed)
    genome = random_genome(rng, rng.randint(30, 200))
    mode = rng.choice(list(BCFTOOLS_MODES))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lines = random_records(rng, genome, rng.choice([3, 6, 15, 40]))
        fasta, vcf = write_case(folder, genome, lines)
        person = PersonalGenome(ReferenceGenome(fasta), vcf, options=GenotypeOptions(mode=mode, symbolic="apply"))
        edits = random_edits(rng, genome, lines, VariantNormalizer(person.reference))
        edited = EditedGenome(person, edits, on_conflict="keep")
        merged = folder / "merged.vcf.gz"
        written = write_edited_vcf(edited, merged)
        records = list(VariantFile(merged).records(CONTIG, 0, len(genome)))
        assert written.n_records == len(records)
        assert [each.position for each in records] == sorted(each.position for each in records)
        for edit in edited.genotypes:
            found = observed_genotype(
                PersonalGenome(person.reference, merged), edit.variant, VariantNormalizer(person.reference)
            )
            assert found == (edit.text if edit.is_carried else "0/0")
        regions = []
        for _ in range(8):
            start = rng.randrange(len(genome))
            end = rng.randint(start + 1, min(len(genome), start + rng.choice([5, 20, 200])))
            if bcftools_is_defined(records, start, end, mode):
                regions.append((start, end))
        expected = bcftools_sequences(folder, genome, merged, regions, mode, exclude_symbolic=False)
        for (start, end), wanted in zip(regions, expected, strict=True):
            try:
                found = edited.sequence(CONTIG, start, end)
            except InputError:
                found = None
            assert found == wanted, (mode, start, end, genome, lines, edits)


GENOME = "ACGTTGCAACCCCCTGATTACAGGGATCAA"


def carrier(folder: Path, *lines: str, **options: object) -> PersonalGenome:
    fasta = write_fasta(folder / "genome.fa", {"chr1": GENOME, "chr2": GENOME})
    vcf = write_vcf(folder / "p.vcf.gz", lines, contigs={"chr1": len(GENOME), "chr2": len(GENOME)})
    return PersonalGenome(ReferenceGenome(fasta), vcf, options=GenotypeOptions(**options))  # type: ignore[arg-type]


def edit(text: str, genotype: str) -> GenotypeEdit:
    return GenotypeEdit(Variant.parse(text), genotype)


def test_every_genotype_and_everything_else_is_kept(tmp_path: Path) -> None:
    person = carrier(tmp_path, record(4, "T", "C", "0|1"), record(20, "A", "ATT", "1/1"))
    kept = GENOME[4:19] + "ATT" + GENOME[20:]
    for genotype, letter in {"het": "Y", "hom": "C", "haplotype1": "Y", "absent": "T", "0|1": "Y"}.items():
        assert EditedGenome(person, [edit("chr1:4:T>C", genotype)]).sequence("chr1", 0, 30) == "ACG" + letter + kept
    haplotype = carrier(tmp_path, record(20, "A", "ATT", "1/1"), mode="haplotype2")
    for genotype, letter in {"haplotype1": "T", "haplotype2": "C", "het": "C", "hom": "C"}.items():
        assert EditedGenome(haplotype, [edit("chr1:4:T>C", genotype)]).sequence("chr1", 0, 30) == "ACG" + letter + kept
    assert EditedGenome(person, [edit("chr2:4:T>C", "hom")]).sequence("chr2", 0, 6) == "ACGCTG"


def test_the_reference_can_be_edited(tmp_path: Path) -> None:
    reference = ReferenceGenome(write_fasta(tmp_path / "genome.fa", {"chr1": GENOME}))
    edited = EditedGenome(PersonalGenome(reference), [edit("1:4:T:TGG", "hom"), edit("1:9:A:C", "het")])
    assert edited.sequence("chr1", 0, 12) == "ACGTGGTGCAMCCC"
    assert not edited.is_reference
    assert pickle.loads(pickle.dumps(edited)).sequence("chr1", 0, 12) == "ACGTGGTGCAMCCC"
    with pytest.raises(InputError, match="no genotypes to edit"):
        write_edited_vcf(edited, tmp_path / "out.vcf.gz")


def test_an_indel_written_elsewhere_in_its_repeat_is_replaced(tmp_path: Path) -> None:
    # The file deletes the last C of CCCCC, the edit the first: the same variant.
    person = carrier(tmp_path, record(13, "CC", "C", "1/1"))
    without = GENOME[:9] + GENOME[10:]
    assert person.sequence("chr1", 0, 30) == without
    assert EditedGenome(person, [edit("chr1:9:AC:A", "absent")]).sequence("chr1", 0, 30) == GENOME
    again = EditedGenome(person, [edit("chr1:9:AC:A", "hom")])
    assert again.sequence("chr1", 0, 30) == without
    write_edited_vcf(again, tmp_path / "out.vcf.gz")
    assert [str(each.alleles) for each in VariantFile(tmp_path / "out.vcf.gz").records("chr1", 0, 30)] == [
        "('AC', 'A')"
    ]


@pytest.mark.parametrize(
    ("line", "variant"),
    [
        (record(4, "TTG", "cTG,CTG", "2/2"), "chr1:4:T>C"),  # two ALTs that differ in letter case alone
        (record(2, "CGTT", "CGT", "1/1"), "chr1:3:GT:G"),
    ],
)
def test_however_it_is_spelt_it_is_taken_out(tmp_path: Path, line: str, variant: str) -> None:
    person = carrier(tmp_path, line)
    assert EditedGenome(person, [edit(variant, "absent")]).sequence("chr1", 0, 30) == GENOME
    found = observed_genotype(person, Variant.parse(variant), VariantNormalizer(person.reference))
    assert found == "1/1"


def test_a_padded_record_over_a_gap_is_taken_out(tmp_path: Path) -> None:
    genome = "ACGTTGCANNCCCCTGATTACAGGGATCAA"
    fasta = write_fasta(tmp_path / "genome.fa", {"chr1": genome})
    vcf = write_vcf(tmp_path / "p.vcf.gz", [record(7, "CANNC", "TANNC", "1/1")], contigs={"chr1": len(genome)})
    person = PersonalGenome(ReferenceGenome(fasta), vcf)
    assert EditedGenome(person, [edit("chr1:7:C>T", "absent")]).sequence("chr1", 0, 30) == genome


def test_a_multiallelic_record_keeps_its_other_allele(tmp_path: Path) -> None:
    person = carrier(tmp_path, record(4, "T", "C,G", "1/2:30", keys="GT:GQ"))
    edited = EditedGenome(person, [edit("chr1:4:T>C", "absent")])
    assert edited.sequence("chr1", 0, 6) == "ACGKTG"
    written = write_edited_vcf(edited, tmp_path / "out.vcf.gz")
    assert (written.replaced, written.added, written.n_records) == (1, 0, 1)
    with pysam.TabixFile(str(tmp_path / "out.vcf.gz")) as file:
        assert [line.split("\t")[3:] for line in file.fetch()] == [["T", "C,G", ".", "PASS", ".", "GT:GQ", "0/2:30"]]


@pytest.mark.parametrize(
    ("lines", "wanted", "named"),
    [
        ([record(4, "T", "G", "0/1")], "chr1:4:T>C", "chr1:4:T:G"),
        ([record(3, "GTT", "G", "1/1")], "chr1:4:T>C", "chr1:3:GTT:G"),
        ([record(4, "T", "TAA", "1/1")], "chr1:4:T:TGG", "chr1:4:T:TAA"),
    ],
)
def test_conflicts_name_the_record(tmp_path: Path, lines: list[str], wanted: str, named: str) -> None:
    person = carrier(tmp_path, *lines)
    with pytest.raises(EditConflictError, match=named):
        EditedGenome(person, [edit(wanted, "hom")])
    assert EditedGenome(person, [edit(wanted, "absent")]).sequence("chr1", 0, 30) == person.sequence("chr1", 0, 30)


@pytest.mark.parametrize(
    ("lines", "wanted"),
    [
        ([record(4, "T", "TAA", "1/1")], "chr1:4:T>C"),  # an insertion behind a SNP
        ([record(3, "GTT", "G", "1/1")], "chr1:3:G>C"),  # a deletion behind its anchor
        ([record(4, "T", "G", "0/0")], "chr1:4:T>C"),  # not carried
        ([record(5, "T", "G", "1/1")], "chr1:4:T>C"),
    ],
)
def test_neighbours_are_no_conflict(tmp_path: Path, lines: list[str], wanted: str) -> None:
    EditedGenome(carrier(tmp_path, *lines), [edit(wanted, "hom")])


def test_bad_edits(tmp_path: Path) -> None:
    person = carrier(tmp_path, record(4, "T", "C", "0|1"))
    with pytest.raises(VariantError, match="the FASTA holds T"):
        EditedGenome(person, [edit("chr1:4:A>C", "hom")])
    with pytest.raises(InputError, match="no genotype 'homozygous'"):
        EditedGenome(person, [edit("chr1:4:T>C", "homozygous")])
    with pytest.raises(InputError, match="both are set"):
        EditedGenome(person, [edit("chr1:4:T>C", "hom"), edit("1:4:TT:CT", "het")])
    with pytest.raises(InputError, match=r"\.vcf\.gz"):
        write_edited_vcf(EditedGenome(person, [edit("chr1:4:T>C", "hom")]), tmp_path / "out.vcf")


@pytest.mark.parametrize("name", ["cohort.vcf.gz", "cohort.bcf"])
def test_the_own_record_of_a_later_sample_is_replaced(tmp_path: Path, name: str) -> None:
    calls = [record(5, "T", "C", "0/0", "0/1"), record(9, "A", "T", "1/1", "0/0")]
    vcf = write_vcf(tmp_path / name, calls, contigs={"chr1": len(GENOME)}, samples=["S1", "S2"])
    reference = ReferenceGenome(write_fasta(tmp_path / "genome.fa", {"chr1": GENOME}))
    edited = EditedGenome(PersonalGenome(reference, vcf, "S2"), [edit("chr1:5:T:C", "hom")])
    written = write_edited_vcf(edited, tmp_path / "out.vcf.gz")
    assert (written.n_records, written.added, written.replaced) == (2, 1, 1)
    assert VariantFile(tmp_path / "out.vcf.gz").samples == ("S2",)
