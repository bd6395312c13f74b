"""Edits among a person's own records: nothing is dropped without a word, against the tests' own editor."""

import random
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import pysam
import pytest
from genome_files import record, write_fasta, write_vcf
from haplotype_editor import aligned_regions, with_variant, written_allele
from random_variants import (
    BCFTOOLS_MODES,
    CONTIG,
    bcftools_is_defined,
    random_alt,
    random_genome,
    random_records,
    write_case,
)

from variantformer_hf import EditedGenome, GenotypeEdit, PersonalGenome, ReferenceGenome, Variant
from variantformer_hf.errors import ReferenceMismatchError
from variantformer_hf.genome.edited import EditConflictError
from variantformer_hf.genome.minimal import minimal_alleles
from variantformer_hf.genome.options import GenotypeOptions
from variantformer_hf.genome.variant import VariantError, VariantNormalizer
from variantformer_hf.genome.variants import VariantFile
from variantformer_hf.report.edited_vcf import write_edited_vcf

ZYGOSITIES = ["het", "hom", "haplotype1", "haplotype2"]


def padded(rng: random.Random, genome: str, line: str) -> str:
    """A record of the same alleles with bases around them that do not change."""
    fields = line.split("\t")
    position, ref, alts = int(fields[1]) - 1, fields[3], fields[4].split(",")
    end = min(len(genome), position + len(ref) + rng.randint(0, 3))
    behind = genome[position + len(ref) : end].upper()
    if all(set(alt.upper()) <= set("ACGT") for alt in alts):
        fields[3], fields[4] = ref + behind, ",".join(alt + behind for alt in alts)
    return "\t".join(fields)


def dense_records(rng: random.Random, genome: str) -> list[str]:
    lines = random_records(rng, genome, rng.choice([2, 3, 5, 8, 15]))
    return [padded(rng, genome, line) if rng.random() < 0.3 else line for line in lines]


def random_variant(rng: random.Random, genome: str, lines: list[str]) -> Variant:
    """Near a record, or one of its alleles."""
    fields = rng.choice(lines).split("\t")
    if rng.random() < 0.25:
        return Variant(CONTIG, int(fields[1]), fields[3].upper(), rng.choice(fields[4].split(",")).upper())
    position = min(len(genome) - 1, max(0, int(fields[1]) - 1 + rng.randint(-3, 3)))
    ref = genome[position : position + rng.choice([1, 1, 1, 2, 3, 5])].upper()
    return Variant(CONTIG, position + 1, ref, random_alt(rng, ref).upper())


def without(lines: list[str], genome: str, variant: Variant) -> list[str]:
    """The records with the calls of one variant turned into REF, however they spell it."""

    def haplotype(position: int, ref: str, alt: str) -> str:
        return genome[:position] + alt + genome[position + len(ref) :]

    wanted = haplotype(variant.start, variant.ref, variant.alt)
    kept = []
    for line in lines:
        fields = line.split("\t")
        alleles = [fields[3], *fields[4].split(",")]
        calls = fields[9]
        for number in range(1, len(alleles)):
            if haplotype(int(fields[1]) - 1, fields[3].upper(), alleles[number].upper()) == wanted:
                separator = "|" if "|" in calls else "/"
                calls = separator.join("0" if each == str(number) else each for each in calls.split(separator))
        kept.append("\t".join([*fields[:9], calls]))
    return kept


def check(seed: int, counts: Counter[str]) -> None:
    rng = random.Random(seed)
    genome = random_genome(rng, rng.randint(40, 120))
    lines = dense_records(rng, genome)
    if not lines:
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fasta, vcf = write_case(folder, genome, lines)
        reference = ReferenceGenome(fasta)
        try:
            variant = VariantNormalizer(reference)(random_variant(rng, genome, lines))
        except VariantError:
            return
        (folder / "absent").mkdir()
        _, absent_vcf = write_case(folder / "absent", genome, without(lines, genome.upper(), variant))
        records = list(VariantFile(absent_vcf).records(CONTIG, 0, len(genome)))
        for mode in BCFTOOLS_MODES:
            how = GenotypeOptions(mode=mode, symbolic="apply")
            person = PersonalGenome(reference, vcf, options=how).holding(CONTIG, 0, len(genome))
            regions = [(0, len(genome))]
            for _ in range(3):
                start = max(0, variant.start - rng.choice([0, 1, 2, 10, 30]))
                regions.append((start, min(len(genome), max(start + 1, variant.end + rng.choice([-1, 0, 1, 2, 20])))))
            regions = [each for each in dict.fromkeys(regions) if bcftools_is_defined(records, *each, mode)]
            if not regions:
                continue
            before = aligned_regions(folder, genome, absent_vcf, regions, mode)
            readable = [region for region, aligned in zip(regions, before, strict=True) if aligned is not None]
            counts["REF of the person is not there"] += len(regions) - len(readable)
            before = [aligned for aligned in before if aligned is not None]
            intervals = [(CONTIG, *region) for region in readable]
            absent = EditedGenome(person, [GenotypeEdit(variant, "absent")], on_conflict="keep")
            try:
                of_absent = absent.sequences(intervals)
            except ReferenceMismatchError:  # said of the person, whatever the variant
                counts["REF of the person is not there"] += len(readable)
                continue
            for sequence, aligned in zip(of_absent, before, strict=True):
                assert sequence.upper() == aligned.text
            for zygosity in ZYGOSITIES:
                edited = EditedGenome(person, [GenotypeEdit(variant, zygosity)], on_conflict="keep")
                written = written_allele(variant, zygosity, mode)
                conflicts = [edited.conflict_in(CONTIG, np.array([start]), np.array([end])) for start, end in readable]
                fine = [row for row, conflict in enumerate(conflicts) if conflict is None]
                sequences = dict(zip(fine, edited.sequences([intervals[row] for row in fine]), strict=True))
                for row, ((start, end), aligned) in enumerate(zip(readable, before, strict=True)):
                    place = (mode, zygosity, start, end, str(variant), genome, lines)
                    wanted = with_variant(aligned, variant, written)
                    if row not in sequences:
                        assert str(conflicts[row]).startswith(f"{CONTIG}:"), place
                        counts["conflict" if wanted is None else "conflict, though it could be written"] += 1
                        continue
                    found = sequences[row].upper()
                    if wanted is not None:
                        assert found == wanted, place
                        counts["ok" if found != aligned.text else "ok, not read here"] += 1
                    else:
                        assert found != aligned.text, place
                        counts["ok, where the editor has no one answer"] += 1


def test_nothing_is_dropped_in_dense_genomes() -> None:
    """20 dense genomes, a variant each, in all modes and zygosities, in four regions."""
    counts: Counter[str] = Counter()
    for seed in range(20):
        check(seed, counts)
    assert counts["ok"] > 250
    assert counts["conflict, though it could be written"] < counts["ok"] / 3


@pytest.mark.slow
def test_nothing_is_dropped_in_many_dense_genomes() -> None:
    counts: Counter[str] = Counter()
    for seed in range(200, 2_200):
        check(seed, counts)
    assert counts["ok"] > 10_000


# By hand --------------------------------------------------------------------------------------------------------------

GENOME = "ACGTTGCAGACCCCTGATTACAGGGATCAA"


def carrier(folder: Path, *lines: str, genome: str = GENOME, **options: object) -> PersonalGenome:
    fasta = write_fasta(folder / "genome.fa", {"chr1": genome})
    vcf = write_vcf(folder / "p.vcf.gz", lines, contigs={"chr1": len(genome)})
    return PersonalGenome(ReferenceGenome(fasta), vcf, options=GenotypeOptions(**options))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("line", "variant", "sequence"),
    [
        # C>G beside a deletion that the person does not carry; the edit lies in bases that both alleles share.
        (record(7, "CAG", "C,GAG", "0/2"), "chr1:9:G>T", "ACGTTGSATACC"),
        (record(7, "CAG", "C,GAG", "0/2"), "chr1:7:C>CTT", "ACGTTGSTTAGACC"),
        # The SNP is the last of the record's bases, the edit the first of them.
        (record(6, "GCA", "G,GCT", "0/2"), "chr1:6:G>T", "ACGTTTCWGACC"),
        # A padded SNP, insertion, deletion; an MNV with bases between that stay.
        (record(6, "GCAGA", "GCTGA", "1/1"), "chr1:9:G>C", "ACGTTGCTCACC"),
        (record(6, "GCA", "GTTCA", "1/1"), "chr1:8:A>C", "ACGTTGTTCCGACC"),
        (record(6, "GCAGA", "GAGA", "1/1"), "chr1:9:G>C", "ACGTTGACACC"),
        (record(6, "GCAGA", "TCAGT", "1/1"), "chr1:8:A>C", "ACGTTTCCGTCC"),
    ],
)
def test_records_make_room_for_an_edit_where_they_do_not_change_its_bases(
    tmp_path: Path, line: str, variant: str, sequence: str
) -> None:
    person = carrier(tmp_path, line)
    edit = GenotypeEdit(Variant.parse(variant), "hom")
    edited = EditedGenome(person, [edit])
    length = len(sequence)
    assert edited.sequence("chr1", 0, len(GENOME))[:length] == sequence
    written = write_edited_vcf(edited, tmp_path / "out.vcf.gz")
    again = PersonalGenome(person.reference, tmp_path / "out.vcf.gz")
    assert again.sequence("chr1", 0, len(GENOME)) == edited.sequence("chr1", 0, len(GENOME))
    assert written.replaced == 1
    # Taken back, it is the person again.
    back = EditedGenome(again, [GenotypeEdit(edit.variant, "absent")])
    assert back.sequence("chr1", 0, len(GENOME)) == person.sequence("chr1", 0, len(GENOME))


@pytest.mark.parametrize(
    ("lines", "variant", "named"),
    [
        # bcftools has no way to write both: each needs the base before.
        ([record(7, "C", "CCA", "0/1")], "chr1:7:CAG>C", "chr1:7:C:CCA"),
        # As one letter a base, the padded deletion of one haplotype reads as other bases too.
        ([record(6, "GCAGA", "GAGA", "0/1")], "chr1:10:A>C", "chr1:6:GCAGA:GAGA"),
        # The second record is left out for the first one's REF, and would not be beside its pieces.
        ([record(6, "GCA", "GCT", "1/1"), record(7, "C", "G", "1/1")], "chr1:6:G>T", "chr1:6:GCA:GCT"),
    ],
)
def test_what_cannot_be_written_side_by_side_is_a_conflict(
    tmp_path: Path, lines: list[str], variant: str, named: str
) -> None:
    person = carrier(tmp_path, *lines)
    edit = GenotypeEdit(Variant.parse(variant), "hom")
    assert EditedGenome(person, [edit], on_conflict="keep").conflict == named
    with pytest.raises(EditConflictError, match=named):
        EditedGenome(person, [edit])


def test_an_insertion_at_a_snp_in_lower_case_is_a_conflict(tmp_path: Path) -> None:
    # bcftools writes the insertion's anchor over the SNP there, and calls both applied.
    snp, insertion = record(7, "C", "T", "1/1"), GenotypeEdit(Variant.parse("chr1:7:C>CGG"), "hom")
    assert EditedGenome(carrier(tmp_path, snp), [insertion]).sequence("chr1", 0, 9) == "ACGTTGTGGAG"
    soft = carrier(tmp_path, snp, genome=GENOME.lower())
    assert EditedGenome(soft, [insertion], on_conflict="keep").conflict == "chr1:7:C:T"


def test_a_record_that_a_reverted_one_left_out_is_a_conflict(tmp_path: Path) -> None:
    person = carrier(tmp_path, record(6, "GCAG", "G", "1/1"), record(8, "A", "T", "1/1"))
    absent = GenotypeEdit(Variant.parse("chr1:6:GCAG>G"), "absent")
    with pytest.raises(EditConflictError, match="chr1:8:A:T"):
        EditedGenome(person, [absent])
    hidden = GenotypeEdit(Variant.parse("chr1:8:A>T"), "absent")
    with pytest.raises(EditConflictError, match="chr1:6:GCAG:G"):  # it was not applied: to take it out is no change
        EditedGenome(person, [hidden])
    both = EditedGenome(person, [absent, hidden])
    assert both.sequence("chr1", 0, len(GENOME)) == GENOME


def test_a_record_cut_by_a_region_is_judged_there(tmp_path: Path) -> None:
    # A region that ends within the REF of the padded insertion cuts it off, but not its smallest piece.
    person = carrier(tmp_path, record(6, "GCA", "GTTCA", "1/1"))
    edited = EditedGenome(person, [GenotypeEdit(Variant.parse("chr1:7:C>G"), "hom")])
    assert edited.conflict_in("chr1", np.array([0]), np.array([30])) is None
    assert edited.sequence("chr1", 0, 10) == "ACGTTGTTGAGA"
    for start, end, is_cut in ((0, 6, True), (0, 7, True), (6, 20, True), (0, 9, False), (8, 28, False)):
        wanted = "chr1:6:GCA:GTTCA" if is_cut else None
        assert edited.conflict_in("chr1", np.array([start]), np.array([end])) == wanted


def test_pieces_are_written_with_what_has_one_value(tmp_path: Path) -> None:
    person = carrier(tmp_path, record(7, "CAG", "C,GAG", "0|2:30:9", keys="GT:GQ:DP", info="NOTE=two"))
    edited = EditedGenome(person, [GenotypeEdit(Variant.parse("chr1:9:G>T"), "haplotype1")])
    write_edited_vcf(edited, tmp_path / "out.vcf.gz")
    with pysam.TabixFile(str(tmp_path / "out.vcf.gz")) as file:
        rows = [line.split("\t") for line in file.fetch()]
    assert [row[1:2] + row[3:5] + row[7:] for row in rows] == [
        ["7", "C", "G", "SPLIT", "GT:GQ:DP", "0|1:30:9"],
        ["9", "G", "T", "EDITED", "GT", "1|0"],
    ]


def test_smallest_pieces() -> None:
    assert minimal_alleles("CAG", "GAG") == [(0, "C", "G")]
    assert minimal_alleles("CAG", "CAG") == []
    assert minimal_alleles("CAGT", "TAGC") == [(0, "C", "T"), (3, "T", "C")]
    assert minimal_alleles("CAAA", "CAA") == [(0, "CA", "C")]  # as far to the left as it goes
    assert minimal_alleles("GCAG", "GCTTAG") == [(1, "C", "CTT")]
    assert minimal_alleles("ACG", "TC") == [(0, "ACG", "TC")]
