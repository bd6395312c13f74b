"""One person's DNA from files: filters, policies, names, and what is refused."""

import logging
import pickle
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from genome_files import record, write_fasta, write_vcf
from pysam import bcftools

from variantformer_hf.errors import (
    AssemblyError,
    ContigError,
    InputError,
    ReferenceMismatchError,
    SampleError,
    SymbolicAlleleError,
)
from variantformer_hf.genome import Interval, PersonalGenome, ReferenceGenome, VariantTally
from variantformer_hf.genome.edited import EditedGenome
from variantformer_hf.genome.genotype_edits import GenotypeEdit
from variantformer_hf.genome.options import GenotypeOptions
from variantformer_hf.genome.variant import Variant
from variantformer_hf.genome.variant_ingest import build_store

BASES = "ACGTACGTACGTACGTACGT"
GENOME = {"chr1": BASES, "chr2": "GGGGGCCCCC"}
LENGTHS = {name: len(bases) for name, bases in GENOME.items()}


def person(
    tmp_path: Path,
    records: Sequence[str],
    *,
    genome: Mapping[str, str] = GENOME,
    contigs: Mapping[str, int | None] | None = None,
    samples: Sequence[str] = ("S1",),
    sample: str | None = None,
    refuse_gvcf: bool = True,
    **options: Any,
) -> PersonalGenome:
    lengths = {name: len(bases) for name, bases in genome.items()} if contigs is None else contigs
    reference = ReferenceGenome(write_fasta(tmp_path / "genome.fa", genome))
    path = write_vcf(tmp_path / "calls.vcf.gz", records, contigs=lengths, samples=samples)
    return PersonalGenome(reference, path, sample, GenotypeOptions(**options), refuse_gvcf=refuse_gvcf)


def outcome(genome: PersonalGenome, start: int = 0, end: int = 20) -> tuple[str, dict[str, Any]]:
    tally = VariantTally()
    sequence = genome.sequence("chr1", start, end, tally)
    return sequence, tally.contig("chr1").to_dict()


def test_intervals_are_half_open_and_from_zero(tmp_path: Path) -> None:
    genome = person(tmp_path, [record(5, "A", "T", "1/1"), record(8, "T", "A", "1/1")])
    assert genome.sequence("chr1", 0, 20) == "ACGTTCGAACGTACGTACGT"
    assert genome.sequence("chr1", 4, 7) == "TCG"
    assert genome.sequence("chr1", 4, 8) == "TCGA"
    assert genome.sequence("chr1", 5, 7) == "CG"
    assert genome.sequence("chr1", 17, 99) == "CGT"
    assert genome.sequence("chr2", 0, 10) == GENOME["chr2"]
    assert genome.sequence("chr1", 4, 4) == genome.sequence("chr1", 30, 40) == ""


def test_a_deleted_interval_is_empty_and_an_empty_one_reads_nothing(tmp_path: Path) -> None:
    genome = person(tmp_path, [record(2, "CGTACG", "C", "1/1")])
    tally = VariantTally()
    assert genome.sequences([("chr1", 3, 6), ("chr1", 4, 4), ("chr1", 0, 8)], tally) == ["", "", "ACT"]
    assert tally.contig("chr1").applied == 1
    assert outcome(genome, 4, 4) == ("", VariantTally().contig("chr1").to_dict())


@pytest.mark.parametrize("bad", [("chr1", -1, 5), ("chr1", 7, 3)])
def test_an_interval_that_is_none_is_refused_alone_and_among_others(tmp_path: Path, bad: tuple[str, int, int]) -> None:
    genome = person(tmp_path, [record(5, "A", "T", "1/1")])
    for intervals in ([bad], [("chr1", 0, 20), bad]):
        with pytest.raises(ValueError, match="is not an interval"):
            genome.sequences(intervals)


def test_an_unknown_contig_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ContigError, match="no contig 'chr3'"):
        person(tmp_path, [record(5, "A", "T", "1/1")]).sequence("chr3", 0, 5)


def test_tuples_and_intervals_in_any_order(tmp_path: Path) -> None:
    genome = person(tmp_path, [record(5, "A", "T", "1/1"), record(3, "G", "A", "1/1", chrom="chr2")])
    asked: list[Interval | tuple[str, int, int]] = [
        ("chr2", 0, 5),
        Interval("chr1", 3, 6),
        ("chr1", 0, 20),
        ("chr2", 2, 3),
        ("chr1", 3, 6),
    ]
    assert genome.sequences(asked) == ["GGAGG", "TTC", "ACGTTCGTACGTACGTACGT", "A", "TTC"]
    assert genome.sequences([]) == []


FILTERED = [
    record(1, "A", "T", "1/1:30:20", keys="GT:GQ:DP"),
    record(5, "A", "T", "1/1:10:20", keys="GT:GQ:DP", filters="q10"),
    record(9, "A", "T", "1/1:.:5", keys="GT:GQ:DP", filters="."),
    record(13, "A", "AG", "1/1", keys="GT"),
]


@pytest.mark.parametrize(
    ("options", "sequence", "skipped"),
    [
        ({}, "TCGTTCGTTCGTAGCGTACGT", {}),
        ({"pass_only": True}, "TCGTACGTTCGTAGCGTACGT", {"filter_not_pass": 1}),
        ({"min_gq": 20}, "TCGTACGTACGTACGTACGT", {"low_gq": 3}),
        ({"min_gq": 10}, "TCGTTCGTACGTACGTACGT", {"low_gq": 2}),
        ({"min_dp": 20}, "TCGTTCGTACGTACGTACGT", {"low_dp": 2}),
        ({"min_dp": 0}, "TCGTTCGTTCGTACGTACGT", {"low_dp": 1}),
        ({"snps_only": True}, "TCGTTCGTTCGTACGTACGT", {"not_snp": 1}),
        (
            {"snps_only": True, "pass_only": True, "min_gq": 5},
            "TCGTACGTACGTACGTACGT",
            {"not_snp": 1, "filter_not_pass": 1, "low_gq": 1},
        ),
    ],
)
def test_filters_are_counted(tmp_path: Path, options: dict[str, Any], sequence: str, skipped: dict[str, int]) -> None:
    found, counts = outcome(person(tmp_path, FILTERED, **options))
    assert found == sequence
    assert counts["skipped"] == skipped
    assert counts["records_read"] == counts["in_windows"] == 4
    assert counts["applied"] == 4 - sum(skipped.values())


def test_identical_records_are_counted_apart_and_windows_count_once(tmp_path: Path) -> None:
    genome = person(tmp_path, [record(5, "A", "T", "1/1"), record(5, "A", "T", "1/1"), record(9, "A", "T", "0/0")])
    tally = VariantTally()
    for _ in range(2):
        genome.sequences([("chr1", 0, 6), ("chr1", 3, 20), ("chr1", 4, 5)], tally)
    counts = tally.contig("chr1")
    assert (counts.records_read, counts.applied) == (3, 1)
    assert counts.skipped == {"overlaps_previous": 1, "hom_ref": 1}


def test_records_between_windows_are_read_and_not_counted_as_inside(tmp_path: Path) -> None:
    genome = person(tmp_path, [record(5, "A", "T", "1/1"), record(9, "A", "T", "1/1")])
    tally = VariantTally()
    genome.sequences([("chr1", 0, 6), ("chr1", 15, 20)], tally)
    assert (tally.contig("chr1").records_read, tally.contig("chr1").in_windows) == (2, 1)


MISMATCH = [record(3, "G", "T", "1/1"), record(6, "TTTT", "T", "0/1"), record(13, "A", "T", "1/1")]


def test_a_ref_mismatch_names_file_place_and_ref_and_never_the_reference(tmp_path: Path) -> None:
    genome = person(tmp_path, MISMATCH)
    with pytest.raises(ReferenceMismatchError, match=r"calls\.vcf\.gz: chr1:6: REF is TTTT, .*skip-record") as caught:
        genome.sequence("chr1", 0, 20)
    assert caught.value.record == "chr1:6"
    assert not any(BASES[start : start + 3] in str(caught.value) for start in range(18))
    assert genome.sequence("chr1", 10, 20) == "GTTCGTACGT"


def test_a_long_ref_is_shortened_in_the_message(tmp_path: Path) -> None:
    bases = "A" * 200
    genome = person(tmp_path, [record(3, "T" * 120, "T", "1/1")], genome={"chr1": bases})
    with pytest.raises(ReferenceMismatchError, match=r"T{20}\.\.\. \(120 bases\)") as caught:
        genome.sequence("chr1", 0, 200)
    assert len(str(caught.value)) - len(str(tmp_path)) < 400


def test_skip_record_leaves_the_mismatch_out_and_counts_it(tmp_path: Path) -> None:
    sequence, counts = outcome(person(tmp_path, MISMATCH, on_ref_mismatch="skip-record"))
    assert sequence == "ACTTACGTACGTTCGTACGT"
    assert counts["skipped"] == {"ref_mismatch": 1}
    assert (counts["ref_checked"], counts["ref_mismatched"], counts["applied"]) == (3, 1, 2)


def test_an_error_on_a_renamed_contig_names_the_fastas(tmp_path: Path) -> None:
    calls = [record(6, "T", "G", "1/1", chrom="1")]
    with pytest.raises(ReferenceMismatchError, match=r"chr1:6: "):
        person(tmp_path, calls, contigs={"1": 20}).sequence("chr1", 0, 20)


GVCF = [
    record(1, "A", "<NON_REF>", "0/0", info="END=4"),
    record(5, "A", "T,<NON_REF>", "0/1"),
    record(9, "A", "T,<*>", "1/1"),
    record(13, "A", "<DEL>", "0/1", info="END=15"),
]


def test_a_gvcf_is_refused_with_the_remedy(tmp_path: Path) -> None:
    genome = person(tmp_path, GVCF)
    with pytest.raises(SymbolicAlleleError, match=r"calls\.vcf\.gz: chr1:5: is a gVCF.*--gvcf .*ignore_allele"):
        genome.sequence("chr1", 0, 20)
    assert genome.sequence("chr1", 0, 4) == "ACGT"


def test_ignore_allele_applies_the_call_and_drops_the_symbolic_allele_only(tmp_path: Path) -> None:
    sequence, counts = outcome(person(tmp_path, GVCF, symbolic="ignore_allele"))
    assert sequence == "ACGTWCGTTCGTACGTACGT"
    assert counts["skipped"] == {"no_alt": 1, "symbolic_allele": 1}
    assert counts["applied"] == 2


@pytest.mark.parametrize(
    ("genotype", "base"), [("0/1", "W"), ("1/2", "T"), ("2/2", "A"), ("0/2", "A"), ("1/3", "K"), ("3|3", "G")]
)
def test_ignore_allele_renumbers_the_others(tmp_path: Path, genotype: str, base: str) -> None:
    genome = person(tmp_path, [record(5, "A", "T,<NON_REF>,G", genotype)], symbolic="ignore_allele")
    assert genome.sequence("chr1", 4, 5) == base


def test_the_released_choice_can_be_asked_for_on_a_gvcf(tmp_path: Path) -> None:
    sequence, counts = outcome(person(tmp_path, GVCF, refuse_gvcf=False))
    assert (sequence, counts["skipped"]) == (BASES, {"symbolic_allele": 4})


def test_structural_deletions_are_no_gvcf(tmp_path: Path) -> None:
    calls = [record(5, "A", "T", "1/1"), record(9, "A", "<DEL>", "0/1", info="END=12")]
    sequence, counts = outcome(person(tmp_path, calls))
    assert sequence == "ACGTTCGTACGTACGTACGT"
    assert counts["skipped"] == {"symbolic_allele": 1}
    assert outcome(person(tmp_path, calls, symbolic="apply"))[0] == "ACGTTCGTAACGTACGT"


def test_other_symbolic_alleles_cannot_be_applied(tmp_path: Path) -> None:
    genome = person(tmp_path, [record(5, "A", "<INS>", "0/1")], symbolic="apply")
    with pytest.raises(SymbolicAlleleError, match=r"calls\.vcf\.gz: chr1:5: .*<INS>.*exclude_record"):
        genome.sequence("chr1", 0, 20)


def test_an_allele_that_the_record_lacks_is_named(tmp_path: Path) -> None:
    genome = person(tmp_path, [record(5, "A", "T", "0/2")])
    with pytest.raises(InputError, match=r"calls\.vcf\.gz: chr1:5: the genotype names an allele"):
        genome.sequence("chr1", 0, 20)


@pytest.mark.parametrize(("ours", "theirs"), [("chr1", "1"), ("1", "chr1"), ("chrM", "MT")])
def test_contigs_of_another_spelling_are_taken_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, ours: str, theirs: str
) -> None:
    genome = person(tmp_path, [record(5, "A", "T", "1/1", chrom=theirs)], genome={ours: BASES}, contigs={theirs: 20})
    assert genome.sequence(ours, 3, 6) == "TTC"
    assert [entry.levelno for entry in caplog.records] == [logging.WARNING]
    assert f"{ours} is taken as {theirs}" in caplog.text


def test_files_that_share_no_contig(tmp_path: Path) -> None:
    with pytest.raises(ContigError, match=r"calls\.vcf\.gz: shares no contig with .*genome\.fa: it has ctg1, the FAS"):
        person(tmp_path, [record(5, "A", "T", "1/1", chrom="ctg1")], contigs={"ctg1": 20})


def test_files_of_other_builds_by_their_lengths(tmp_path: Path) -> None:
    with pytest.raises(
        AssemblyError, match=r"calls\.vcf\.gz: .*chr1 249250621 bases \(assembly: GRCh37\), .* has 20 \(assembly: unk"
    ):
        person(tmp_path, [record(5, "A", "T", "1/1")], contigs={"chr1": 249_250_621})


def test_lengths_that_the_header_does_not_give_are_not_compared(tmp_path: Path) -> None:
    genome = person(tmp_path, [record(5, "A", "T", "1/1")], contigs={"chr1": None})
    assert genome.sequence("chr1", 3, 6) == "TTC"


@pytest.mark.parametrize(
    ("option", "value"), [("mode", "both"), ("symbolic", "drop"), ("on_ref_mismatch", "skip"), ("mode", "IUPAC")]
)
def test_options_that_do_not_exist(tmp_path: Path, option: str, value: str) -> None:
    with pytest.raises(InputError, match=rf"there is no {option} '{value}'. Choose one of "):
        person(tmp_path, [record(5, "A", "T", "1/1")], **{option: value})


def test_options_are_one_value_that_edited_genomes_are_handed_too(tmp_path: Path) -> None:
    options = GenotypeOptions(mode="haplotype1", pass_only=True)
    genome = person(tmp_path, [record(5, "A", "T", "1|0"), record(9, "A", "C", "1|1", filters="q10")], mode="alt")
    genome = PersonalGenome(genome.reference, genome.path, None, options)
    edited = EditedGenome(genome, [GenotypeEdit(Variant("chr1", 13, "A", "G"), "0|1")])
    assert genome.options == edited.options == options
    assert edited.sequence("chr1", 0, 20) == genome.sequence("chr1", 0, 20) == f"{BASES[:4]}T{BASES[5:]}"
    assert edited.rules is genome.rules
    assert genome.description() | {"vcf": None} == {"vcf": None, **options.as_dict(), "refuse_gvcf": True}
    assert edited.description() == {**genome.description(), "edits": ["chr1:13:A:G=0|1"]}


def test_a_file_without_samples_applies_the_first_alt_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    genome = person(tmp_path, [record(5, "A", "T,G", filters=".")], samples=[])
    assert genome.sequence("chr1", 3, 6) == "TTC"
    assert genome.sample == "calls"
    assert "has no samples: the first ALT of every record is applied" in caplog.text


@pytest.mark.parametrize(
    ("mode", "sequence"),
    [
        ("haplotype1", "ACGTTCGTACGTGCGTACGT"),
        ("haplotype2", "ACGTACGTAAACGTGCGTACGT"),
        ("iupac", "ACGTWCGTAAACGTGCGTACGT"),
        ("alt", "ACGTTCGTAAACGTGCGTACGT"),
        ("ref", "ACGTACGTACGTGCGTACGT"),
    ],
)
def test_modes_on_a_phased_person(tmp_path: Path, mode: str, sequence: str) -> None:
    calls = [record(5, "A", "T", "1|0"), record(9, "A", "AAA", "0|1"), record(13, "A", "G", "1|1")]
    assert person(tmp_path, calls, mode=mode).sequence("chr1", 0, 20) == sequence


def test_a_haploid_call_has_no_second_haplotype(tmp_path: Path) -> None:
    calls = [record(5, "A", "T", "1"), record(9, "A", "T", ".|1"), record(13, "A", "T", ".")]
    sequence, counts = outcome(person(tmp_path, calls, mode="haplotype2"))
    assert sequence == "ACGTACGTTCGTACGTACGT"
    assert counts["skipped"] == {"haploid_second_haplotype": 1, "missing_genotype": 1}


def test_a_contig_with_colons(tmp_path: Path) -> None:
    name = "HLA:A*01:01-02"
    genome = person(tmp_path, [record(5, "A", "T", "1/1", chrom=name)], genome={"HLA": "TTTT", name: BASES})
    assert genome.sequence(name, 3, 6) == "TTC"


def test_samples(tmp_path: Path) -> None:
    calls = [record(5, "A", "T", "0/0", "1/1")]
    assert person(tmp_path, calls, samples=["S1", "S2"], sample="S2").sequence("chr1", 4, 5) == "T"
    genome = person(tmp_path, calls, samples=["S1", "S2"], sample="S1")
    assert (genome.sample, genome.is_reference, genome.sequence("chr1", 4, 5)) == ("S1", False, "A")
    with pytest.raises(SampleError, match="S1, S2"):
        person(tmp_path, calls, samples=["S1", "S2"])


def test_without_variants_it_is_the_reference(tmp_path: Path) -> None:
    reference = ReferenceGenome(write_fasta(tmp_path / "genome.fa", GENOME))
    genome = PersonalGenome(reference)
    tally = VariantTally()
    assert genome.sequences([("chr1", 0, 20), ("chr2", 0, 99)], tally) == list(GENOME.values())
    assert (genome.sample, genome.is_reference, tally.to_dict()["contigs"]) == ("reference", True, {})
    genome.close()
    assert reference.sequence("chr1", 0, 4) == "ACGT"
    with pytest.raises(InputError, match="'S1' was asked for without a file"):
        PersonalGenome(reference, sample="S1")


def test_a_pickled_person_reads_the_same(tmp_path: Path) -> None:
    options: dict[str, Any] = {"mode": "haplotype2", "pass_only": True, "min_dp": 3, "symbolic": "ignore_allele"}
    options |= {"on_ref_mismatch": "skip-record", "snps_only": True, "min_gq": 2.5}
    calls = [record(5, "A", "T,<*>", "0|1:9:9", "0|1:9:9", keys="GT:GQ:DP"), record(9, "C", "T", "1|1", "1|1")]
    genome = person(tmp_path, calls, samples=["S1", "S2"], sample="S2", refuse_gvcf=False, **options)
    copy = pickle.loads(pickle.dumps(genome))
    assert outcome(copy) == outcome(genome)
    assert copy.options == GenotypeOptions(**options)
    assert (copy.sample, copy.rules.refuse_gvcf) == ("S2", False)
    genome.close()
    genome.reference.close()
    assert copy.sequence("chr1", 3, 6) == "TTC"
    alone = pickle.loads(pickle.dumps(PersonalGenome(copy.reference)))
    assert alone.is_reference


def test_intervals_far_apart_do_not_read_what_lies_between(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bases = "ACGT" * 100_000
    calls = [record(position, "A", "T", "1/1") for position in (1, 5, 200_001, 399_997)]
    genome = person(tmp_path, calls, genome={"chr1": bases})
    read = []
    array = genome.reference.array
    monkeypatch.setattr(genome.reference, "array", lambda *place: (read.append(place), array(*place))[1])
    tally = VariantTally()
    assert genome.sequences([("chr1", 399_990, 400_000), ("chr1", 4, 8), ("chr1", 0, 4)], tally) == [
        "GTACGTTCGT",
        "TCGT",
        "TCGT",
    ]
    assert sorted(read) == [("chr1", 0, 8), ("chr1", 399_990, 400_000)]
    assert tally.contig("chr1").records_read == 3


def test_a_refused_file_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = []
    monkeypatch.setattr("variantformer_hf.genome.variants.VariantFile.close", lambda file: closed.append(file.path))
    with pytest.raises(ContigError):
        person(tmp_path, [record(5, "A", "T", "1/1", chrom="ctg1")], contigs={"ctg1": 20})
    assert closed == [tmp_path / "calls.vcf.gz"]


@pytest.mark.parametrize("ingested", [False, True])
def test_a_contig_that_the_file_has_no_record_of_is_told_whatever_its_header_says(
    tmp_path: Path, ingested: bool
) -> None:
    genome = person(tmp_path, [record(3, "G", "T", "0/1")])
    assert genome.path is not None
    path = genome.path
    if ingested:
        build_store(path)
    people = [genome, PersonalGenome(genome.reference, path), pickle.loads(pickle.dumps(genome))]
    assert [each.has_contig("chr1") for each in people] == [True] * 3
    assert [each.has_contig("chr2") for each in people] == [False] * 3
    assert [each.has_contig("chr9") for each in people] == [False] * 3
    assert PersonalGenome(genome.reference).has_contig("chr2")
    edited = EditedGenome(genome, [GenotypeEdit(Variant("chr2", 3, "G", "T"), "het")])
    assert edited.has_contig("chr1")
    assert edited.has_contig("chr2")


@pytest.mark.parametrize("alt", ["T[chr2:9[", "]chr2:9]T", "[chr2:9[T", "T]chr2:9]", "T.", ".T", "-"])
@pytest.mark.parametrize("call", ["0/1", "1|1", "0/0"])
@pytest.mark.parametrize("mode", ["iupac", "alt", "ref", "haplotype1", "haplotype2"])
def test_a_breakend_or_a_gap_is_left_out_and_counted_as_a_symbolic_allele(
    tmp_path: Path, alt: str, call: str, mode: str
) -> None:
    records = [record(5, "A", alt, call), record(8, "T", f"A,{alt}", "0/1"), record(12, "T", "A", "1/1")]
    genome = person(tmp_path, records, mode=mode)
    assert genome.path is not None
    build_store(genome.path)
    stored = PersonalGenome(genome.reference, genome.path, options=GenotypeOptions(mode=mode))
    for each in (genome, stored):
        sequence, counts = outcome(each)
        assert sequence == f"{BASES[:11]}A{BASES[12:]}"
        assert counts["skipped"] == {"symbolic_allele": 2}


@pytest.mark.parametrize(("alt", "kind"), [("A[chr2:9[", "breakend"), ("-", "allele")])
@pytest.mark.parametrize("symbolic", ["apply", "ignore_allele"])
def test_a_carried_breakend_or_gap_is_never_text(tmp_path: Path, symbolic: str, alt: str, kind: str) -> None:
    genome = person(tmp_path, [record(5, "A", alt, "0/1")], symbolic=symbolic)
    if symbolic == "ignore_allele":
        assert genome.sequence("chr1", 0, 20) == BASES
    else:
        with pytest.raises(SymbolicAlleleError, match=f"the {kind} {re.escape(alt)} has no defined sequence"):
            genome.sequence("chr1", 0, 20)


def test_an_end_beyond_a_sequences_ref_is_a_mismatch_where_the_record_is_and_deletes_nothing_behind(
    tmp_path: Path,
) -> None:
    genome = person(tmp_path, [record(5, "ACG", "A", "1/1", info="END=12")])
    for start in (0, 4, 5, 6):
        with pytest.raises(ReferenceMismatchError, match="chr1:5"):
            genome.sequence("chr1", start, 20)
    for start in (7, 8, 11):
        assert genome.sequence("chr1", start, 20) == BASES[start:]


def test_a_deletion_by_svlen_is_found_as_by_the_index_however_it_is_read(tmp_path: Path) -> None:
    genome = person(tmp_path, [record(5, "A", "<DEL>", "1/1", info="SVLEN=-6")], symbolic="apply")
    assert genome.path is not None
    build_store(genome.path)
    bcf = tmp_path / "calls.bcf"  # not by pysam's own writer, which puts an END in
    bcftools.view("-Ob", "-o", str(bcf), str(genome.path), catch_stdout=False)
    bcftools.index(str(bcf), catch_stdout=False)
    windows = [("chr1", start, 20) for start in range(3, 13)]
    expected = [BASES[start:5] + BASES[max(start, 11) :] if start != 10 else BASES[10:] for start in range(3, 13)]
    stored = PersonalGenome(genome.reference, genome.path, options=GenotypeOptions(symbolic="apply"))
    for each in (genome, stored, PersonalGenome(genome.reference, bcf, options=GenotypeOptions(symbolic="apply"))):
        assert each.sequences(windows) == expected
        assert [each.sequence(*window) for window in windows] == expected


@pytest.mark.parametrize("option", ["min_gq", "min_dp"])
@pytest.mark.parametrize("value", [-1, float("nan")])
def test_a_lowest_quality_below_zero_is_refused(tmp_path: Path, option: str, value: float) -> None:
    with pytest.raises(InputError, match=rf"{option} \(--{option.replace('_', '-')}\) is {value}"):
        person(tmp_path, [], **{option: value})
    with pytest.raises(InputError, match=option):
        GenotypeOptions(**{option: value})


def test_calls_that_are_not_diploid_are_counted_on_autosomes_and_warned_of_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    calls = ["1", "0/1/1", ".", "0/1", "./././."]
    records = [record(2 + 2 * n, BASES[1 + 2 * n], "N", call) for n, call in enumerate(calls)]
    genome = person(tmp_path, [*records, record(3, "X", "N", "1", chrom="chrX")], genome={**GENOME, "chrX": "ACXGT"})
    for _ in range(2):
        genome.sequences([("chr1", 0, 20), ("chr1", 2, 6), ("chrX", 0, 5)])
    assert genome.calls_not_diploid == 2
    assert sum("on an autosome" in each.message for each in caplog.records) == 1


def test_a_file_by_accessions_of_another_assembly_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(AssemblyError, match=r"contigs \(NC_000001\.10, \.\.\.\) are of GRCh37"):
        person(tmp_path, [], contigs={"NC_000001.10": None})
    genome = person(tmp_path, [record(5, "A", "T", "1/1", chrom="NC_000001.11")], contigs={"NC_000001.11": None})
    assert genome.sequence("chr1", 3, 6) == "TTC"
