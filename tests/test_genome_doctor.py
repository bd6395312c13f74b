"""What is said of a FASTA and a VCF that do, or do not, go together."""

import gzip
import os
import random
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from genome_files import record, write_fasta, write_indexed, write_vcf

from variantformer_hf.errors import InputError
from variantformer_hf.genome import Interval, ReferenceGenome
from variantformer_hf.genome import doctor as doctor_module
from variantformer_hf.genome.contigs import identify_assembly
from variantformer_hf.genome.doctor import Agreement, Finding, diagnose, reference_agreement

_RANDOM = random.Random(5)
GENOME = {name: "".join(_RANDOM.choice("ACGT") for _ in range(4_000)) for name in ("chr1", "chr2")}
LENGTHS = {name: len(bases) for name, bases in GENOME.items()}
_OTHER = {"A": "C", "C": "G", "G": "T", "T": "A"}


def calls(
    genotype: str = "0|1", *, wrong: int = 0, swapped: int = 0, chroms: Sequence[str] = ("chr1", "chr2")
) -> list[str]:
    """100 SNPs a contig; on the first contig the first WRONG have another REF and the next SWAPPED have it as ALT."""
    lines = []
    for chrom in chroms:
        bases = GENOME["chr" + chrom.removeprefix("chr")]
        for number, position in enumerate(range(7, 4_000, 40)):
            base = bases[position]
            ref, alt = base, _OTHER[base]
            if chrom == chroms[0] and number < wrong:
                ref, alt = alt, _OTHER[alt]
            elif chrom == chroms[0] and number < wrong + swapped:
                ref, alt = alt, ref
            lines.append(record(position + 1, ref, alt, genotype, chrom=chrom))
    return lines


def files(
    tmp_path: Path,
    records: Sequence[str],
    *,
    contigs: Mapping[str, int | None] = LENGTHS,
    samples: Sequence[str] = ("S1",),
    name: str = "calls.vcf.gz",
    index: str | None = "tbi",
) -> tuple[Path, Path]:
    fasta = write_fasta(tmp_path / "genome.fa", GENOME, width=60)
    return fasta, write_vcf(tmp_path / name, records, contigs=contigs, samples=samples, index=index)


def by_check(findings: Sequence[Finding]) -> dict[str, Finding]:
    assert len({finding.check for finding in findings}) == len(findings)
    for finding in findings:
        assert finding.level in ("ok", "warning", "problem")
        assert finding.level != "problem" or finding.remedy
    return {finding.check: finding for finding in findings}


def levels(findings: Sequence[Finding]) -> dict[str, str]:
    return {finding.check: finding.level for finding in findings if finding.level != "ok"}


@pytest.mark.parametrize("name", ["calls.vcf.gz", "calls.bcf"])
def test_files_that_go_together(tmp_path: Path, name: str) -> None:
    fasta, vcf = files(tmp_path, calls(), name=name)
    findings = diagnose(fasta, vcf, windows=[Interval("chr1", 0, 2_000)])
    assert levels(findings) == {"assembly": "warning"}
    found = by_check(findings)
    assert list(found) == [
        "FASTA",
        "assembly",
        "VCF",
        "samples",
        "contigs",
        "REF alleles",
        "symbolic",
        "genotypes",
        "phasing",
        "windows",
    ]
    assert found["FASTA"].message == "indexed, 2 contigs"
    assert found["REF alleles"].message.startswith("200 of 200 sampled records agree (100.0%)")
    assert found["phasing"].message.startswith("200 of 200 ")
    assert found["windows"].message.startswith("50 of 200 ")


def test_a_fasta_alone(tmp_path: Path) -> None:
    fasta, _ = files(tmp_path, calls())
    assert list(by_check(diagnose(fasta))) == ["FASTA", "assembly"]


@pytest.mark.parametrize(
    ("length", "level", "message"),
    [(248_956_422, "ok", "GRCh38"), (249_250_621, "problem", "GRCh37"), (248_387_328, "problem", "T2T-CHM13v2.0")],
)
def test_the_assembly_of_the_fasta(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, length: int, level: str, message: str
) -> None:
    fasta, _ = files(tmp_path, calls())
    monkeypatch.setattr(doctor_module, "identify_assembly", lambda _: identify_assembly({"chr1": length}))
    finding = by_check(diagnose(fasta))["assembly"]
    assert finding.level == level
    assert message in finding.message


@pytest.mark.parametrize(
    ("records", "options", "check", "level", "text"),
    [
        (calls(wrong=80), {}, "REF alleles", "problem", r"another assembly"),
        (calls(wrong=2), {}, "REF alleles", "warning", r"198 of 200.*chr1:8\b"),
        (calls(swapped=80), {}, "REF alleles", "problem", r"REF and ALT look swapped.*bcftools norm"),
        (calls(wrong=60, swapped=20), {}, "REF alleles", "problem", r"another assembly"),
        (calls("0/1"), {}, "phasing", "ok", r"0 of 200 .*haplotype1 and haplotype2 need"),
        (calls("1|1"), {}, "phasing", "warning", r"no heterozygous"),
        (calls(chroms=["1", "2"]), {"contigs": {"1": 4_000, "2": 4_000}}, "contigs", "warning", r"1 of the VCF is tak"),
        ([], {}, "contigs", "problem", r"2 shared, 0 with records.*right VCF"),
        ([], {}, "REF alleles", "warning", r"no record to check"),
        (
            [record(9, "A", "C", "0/1", chrom="ctg")],
            {"contigs": {"ctg": 99}},
            "contigs",
            "problem",
            r"shares no contig.*rename-chrs",
        ),
        (calls(), {"contigs": {"chr1": 249_250_621}}, "contigs", "problem", r"GRCh37.*lift"),
        (
            [record(1, GENOME["chr1"][0], "<NON_REF>", "0/0", info="END=9")],
            {},
            "symbolic",
            "problem",
            r"1 of 1 are gVCF records.*--gvcf",
        ),
        (
            [record(1, GENOME["chr1"][0], "<DEL>", "0/1", info="END=9")],
            {},
            "symbolic",
            "warning",
            r"1 of 1 have a symbolic",
        ),
        ([f"{line}\t0/0" for line in calls()], {"samples": ["S1", "S2"]}, "samples", "warning", r"2: S1, S2.*--sample"),
        (
            [record(8, GENOME["chr1"][7], "C")],
            {"samples": []},
            "samples",
            "warning",
            r"none: the first ALT of every record",
        ),
        ([record(8, GENOME["chr1"][7], "C", "0/x")], {}, "records", "problem", r"chr1:8: .*genotype '0/x'.*Correct"),
    ],
)
def test_each_finding(tmp_path: Path, records: list[str], options: dict, check: str, level: str, text: str) -> None:
    found = by_check(diagnose(*files(tmp_path, records, **options)))
    assert found[check].level == level
    assert re.search(text, f"{found[check].message} {found[check].remedy}")


def test_windows_without_a_record(tmp_path: Path) -> None:
    found = by_check(diagnose(*files(tmp_path, calls()), windows=[Interval("chr1", 0, 3), Interval("chr9", 0, 99)]))
    assert found["windows"].level == "warning"
    assert found["windows"].message.startswith("0 of 200 ")


def test_the_asked_sample(tmp_path: Path) -> None:
    fasta, vcf = files(tmp_path, [f"{line}\t0/0" for line in calls()], samples=["S1", "S2"])
    found = by_check(diagnose(fasta, vcf, sample="S2"))
    assert found["samples"].level == "ok"
    assert "no heterozygous" in found["phasing"].message
    unknown = by_check(diagnose(fasta, vcf, sample="S9"))
    assert unknown["VCF"].level == "problem"
    assert "S1, S2" in unknown["VCF"].message


@pytest.mark.parametrize(
    ("name", "remedy"), [("calls.vcf.gz", "tabix -p vcf"), ("calls.bcf", "bcftools index"), ("calls.vcf", "bgzip")]
)
def test_no_index(tmp_path: Path, name: str, remedy: str) -> None:
    found = by_check(diagnose(*files(tmp_path, calls(), name=name, index=None)))
    assert list(found) == ["FASTA", "assembly", "VCF"]
    assert found["VCF"].level == "problem"
    assert remedy in str(found["VCF"].remedy)


def test_a_file_that_is_not_sorted_has_no_index_and_is_told_how_to_get_one(tmp_path: Path) -> None:
    found = by_check(diagnose(*files(tmp_path, calls()[::-1], index=None)))
    assert "bcftools sort" in str(found["VCF"].remedy)


def test_an_index_older_than_its_file(tmp_path: Path) -> None:
    fasta, vcf = files(tmp_path, calls())
    os.utime(f"{vcf}.tbi", (1, 1))
    assert levels(diagnose(fasta, vcf)) == {"assembly": "warning", "VCF": "warning"}


@pytest.mark.parametrize("name", ["calls.vcf.gz", "calls.bcf"])
@pytest.mark.parametrize("damage", ["empty", "half", "garbage", "noise inside", "index"])
def test_damaged_variants_are_a_finding(tmp_path: Path, name: str, damage: str) -> None:
    fasta, vcf = files(tmp_path, calls(), name=name)
    content = bytearray(vcf.read_bytes())
    middle = len(content) // 2
    if damage == "index":
        (index,) = tmp_path.glob(f"{name}.*i")
        index.write_bytes(b"garbage")
    elif damage == "noise inside":
        content[middle : middle + 60] = b"z" * 60
        vcf.write_bytes(content)
    else:
        vcf.write_bytes({"empty": b"", "half": content[:middle], "garbage": b"\x00garbage" * 99}[damage])
    findings = diagnose(fasta, vcf)
    by_check(findings)
    assert "problem" in levels(findings).values()


@pytest.mark.parametrize("content", [b"", b"no FASTA", b"\x1f\x8b\x08\x00garbage that is not gzip", None])
def test_a_fasta_that_cannot_be_read_is_a_finding(tmp_path: Path, content: bytes | None) -> None:
    fasta, vcf = files(tmp_path, calls())
    fasta.unlink()
    if content is not None:
        fasta.write_bytes(content)
    (finding,) = diagnose(fasta, vcf)
    assert (finding.check, finding.level) == ("FASTA", "problem")


def test_a_fasta_cut_short_behind_its_index_is_a_finding(tmp_path: Path) -> None:
    fasta, vcf = files(tmp_path, calls())
    ReferenceGenome(fasta).close()
    fasta.write_bytes(fasta.read_bytes()[:2_000])
    os.utime(f"{fasta}.fai")
    assert levels(diagnose(fasta, vcf)) == {"FASTA": "problem"}


def test_missing_files_and_folders_are_findings(tmp_path: Path) -> None:
    fasta, _ = files(tmp_path, calls())
    for missing in (tmp_path / "nothing.vcf.gz", tmp_path):
        assert levels(diagnose(fasta, missing))["VCF"] == "problem"
    assert levels(diagnose(tmp_path)) == {"FASTA": "problem"}


def open_files() -> set[str]:
    return {os.path.realpath(entry.path) for entry in os.scandir("/proc/self/fd") if Path(entry.path).exists()}


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="open files are counted through /proc")
@pytest.mark.parametrize("records", [calls(), [record(9, "A", "C", "0/1", chrom="ctg")], calls(wrong=99)])
def test_no_file_stays_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, records: list[str]) -> None:
    held = []  # what would be closed only because it was forgotten must be found open here
    for name in ("ReferenceGenome", "open_files"):
        kind = getattr(doctor_module, name)
        monkeypatch.setattr(
            doctor_module,
            name,
            lambda *given, kind=kind, **named: (made := kind(*given, **named), held.append(made))[0],
        )
    contigs = {"ctg": 99} if "ctg" in records[0] else LENGTHS
    diagnose(*files(tmp_path, records, contigs=contigs))
    assert held
    assert not [name for name in open_files() if name.startswith(str(tmp_path))]


def test_agreement_counts(tmp_path: Path) -> None:
    fasta, vcf = files(tmp_path, calls(wrong=3, swapped=2))
    reference = ReferenceGenome(fasta)
    everywhere = [Interval("chr1", 0, 4_000), Interval("chr2", 0, 4_000)]
    agreement = reference_agreement(reference, vcf, everywhere, 1_000)
    assert (agreement.checked, agreement.matched, agreement.first_mismatch) == (200, 195, "chr1:8")
    assert agreement.swapped >= 2
    assert reference_agreement(reference, vcf, everywhere[1:], 1_000) == Agreement(100, 100, 0, None)
    assert reference_agreement(reference, vcf, [], 1_000) == Agreement(0, 0, 0, None)
    assert reference_agreement(reference, vcf, [Interval("chr9", 0, 9)], 1_000) == Agreement(0, 0, 0, None)


@pytest.mark.parametrize("limit", [1, 7, 40, 150])
def test_agreement_compares_no_more_than_asked_and_all_along(tmp_path: Path, limit: int) -> None:
    fasta, vcf = files(tmp_path, calls())
    agreement = reference_agreement(ReferenceGenome(fasta), vcf, [Interval("chr2", 0, 4_000)], limit)
    assert 0 < agreement.checked <= limit
    assert agreement.checked == agreement.matched


def test_agreement_of_alleles_of_any_kind(tmp_path: Path) -> None:
    bases = GENOME["chr1"]
    records = [
        record(11, bases[10:14].lower(), bases[10], "0/1"),
        record(21, bases[20], ".", "0/0"),
        record(31, bases[30], "<DEL>", "0/1", info="END=35"),
        record(41, bases[40], "*", "./."),
        record(3_999, bases[3_998:] + "A", "A", "0/1"),
        record(4_050, "A", "C", "0/1"),
    ]
    fasta, vcf = files(tmp_path, records, contigs={"chr1": None})
    agreement = reference_agreement(ReferenceGenome(fasta), vcf, [Interval("chr1", 0, 4_000)], 1_000)
    assert (agreement.checked, agreement.matched, agreement.first_mismatch) == (5, 4, "chr1:3999")


def test_agreement_reads_any_sample_and_raises_what_cannot_be_read(tmp_path: Path) -> None:
    fasta, vcf = files(tmp_path, [f"{line}\t0/0" for line in calls()], samples=["S1", "S2"])
    assert reference_agreement(ReferenceGenome(fasta), vcf, [Interval("chr1", 0, 4_000)], 1_000).checked == 100
    with pytest.raises(InputError, match="no such file"):
        reference_agreement(ReferenceGenome(fasta), tmp_path / "nothing.vcf.gz", [], 10)


@pytest.mark.parametrize("name", ["calls.vcf.gz", "calls.bcf"])
@pytest.mark.parametrize("contigs", [LENGTHS, {"chr1": 4_000}])
def test_a_file_of_one_chromosome_names_those_without_a_record(
    tmp_path: Path, name: str, contigs: Mapping[str, int]
) -> None:
    fasta, vcf = files(tmp_path, calls(chroms=["chr1"]), contigs=contigs, name=name)
    finding = by_check(diagnose(fasta, vcf))["contigs"]
    assert finding.level == "warning"
    assert "none on chr2: genes there are not predicted (not_in_vcf)" in finding.message
    assert finding.remedy is not None
    assert "bcftools concat" in finding.remedy


def test_a_file_without_genotypes_is_a_problem_with_the_way_to_hard_calls(tmp_path: Path) -> None:
    records = [record(place, GENOME["chr1"][place - 1], "N", "0.9", keys="GQ") for place in (5, 9)]
    found = by_check(diagnose(*files(tmp_path, records)))["genotypes"]
    assert found.level == "problem"
    assert found.message.startswith("0 of 2 ")
    assert found.remedy is not None
    assert "+tag2tag" in found.remedy
    assert "plink2" in found.remedy


def test_two_samples_of_one_name_are_a_finding(tmp_path: Path) -> None:
    fasta, vcf = files(tmp_path, [f"{line}\t0/0" for line in calls()], samples=["S1", "S2"])
    text = gzip.decompress(vcf.read_bytes()).replace(b"\tS1\tS2\n", b"\tS1\tS1\n")
    write_indexed(vcf, text)
    for asked in (None, "S1"):
        found = by_check(diagnose(fasta, vcf, sample=asked))["VCF"]
        assert (found.level, "two samples of the name 'S1'" in found.message) == ("problem", True)
