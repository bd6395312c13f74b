"""Contig names of two files, and the assembly that lengths tell."""

import logging
from collections import Counter

import pytest

from variantformer_hf.errors import ContigError
from variantformer_hf.genome import contigs as contigs_module
from variantformer_hf.genome.contigs import identify_assembly, map_contigs


def mapped(wanted: list[str], available: list[str], *, announce: bool = True) -> dict[str, str]:
    return map_contigs(wanted, available, wanted_file="genome.fa", available_file="calls.vcf.gz", announce=announce)


@pytest.mark.parametrize(
    ("wanted", "available", "expected"),
    [
        (["chr1", "chr2"], ["chr2", "chr1"], {"chr1": "chr1", "chr2": "chr2"}),
        (["chr1", "chrX"], ["1", "X"], {"chr1": "1", "chrX": "X"}),
        (["1", "X"], ["chr1", "chrX"], {"1": "chr1", "X": "chrX"}),
        (["chrM"], ["MT"], {"chrM": "MT"}),
        (["MT"], ["chrM"], {"MT": "chrM"}),
        (["M"], ["chrMT"], {"M": "chrMT"}),
        (["chr1", "chr2"], ["1"], {"chr1": "1"}),
        (["chr1"], ["chr1", "1"], {"chr1": "chr1"}),
        (["scaffold_1"], ["other"], {}),
        ([], ["chr1"], {}),
        (["chr1", "X"], ["NC_000001.11", "NC_000023.11"], {"chr1": "NC_000001.11", "X": "NC_000023.11"}),
        (["NC_000022.11", "NC_012920.1"], ["22", "chrM"], {"NC_000022.11": "22", "NC_012920.1": "chrM"}),
        (["MT"], ["NC_012920.1"], {"MT": "NC_012920.1"}),
        (["chr1"], ["NC_000001.10"], {}),
    ],
)
def test_names_of_another_file(wanted: list[str], available: list[str], expected: dict[str, str]) -> None:
    assert mapped(wanted, available) == expected


def test_two_names_for_one_contig_are_refused_with_both_files() -> None:
    with pytest.raises(ContigError, match=r"genome\.fa: 1 and chr1 would both be chr1 in calls\.vcf\.gz"):
        mapped(["1", "chr1"], ["chr1"])


def test_renaming_is_told_once_however_many_names_and_however_often(caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(2):
        mapped([f"chr{number}" for number in range(1, 23)], [str(number) for number in range(1, 23)])
    assert [entry.levelno for entry in caplog.records] == [logging.WARNING]
    assert "chr1 is taken as 1 (22 contigs so)" in caplog.text


def test_same_names_and_silent_calls_warn_of_nothing(caplog: pytest.LogCaptureFixture) -> None:
    mapped(["chr1"], ["chr1"])
    mapped(["chr1"], ["1"], announce=False)
    assert caplog.records == []


@pytest.mark.parametrize(
    ("lengths", "assembly"),
    [
        ({"1": 249_250_621}, "GRCh37"),
        ({"chr22": 51_304_566}, "GRCh37"),
        ({"chr1": 248_956_422, "chrEBV": 171_823}, "GRCh38"),
        ({"chrX": 1, "chr21": 46_709_983}, "GRCh38"),
        ({"chr1": 248_387_328}, "T2T-CHM13v2.0"),
        ({"chr1": 400, "chr2": 300}, None),
        ({"chrX": 248_956_422, "chr23": 248_956_422, "chr0": 50_818_468}, None),
        ({}, None),
    ],
)
def test_assembly_by_autosome_lengths(lengths: dict[str, int], assembly: str | None) -> None:
    assert identify_assembly(lengths) == assembly


def test_no_two_assemblies_share_the_length_of_a_chromosome() -> None:
    tables = contigs_module._AUTOSOME_LENGTHS.values()
    assert [len(lengths) for lengths in tables] == [22, 22, 22]
    shared = Counter((number, length) for lengths in tables for number, length in enumerate(lengths))
    assert set(shared.values()) == {1}


@pytest.mark.parametrize(
    ("name", "assembly"),
    [
        ("NC_000001.11", "GRCh38"),
        ("NC_000024.10", "GRCh38"),
        ("NC_000001.10", "GRCh37"),
        ("NC_000014.8", "GRCh37"),
        ("NC_060925.1", "T2T-CHM13v2.0"),
        ("NC_012920.1", None),
        ("NC_000067.7", None),
    ],
)
def test_assembly_by_accessions_of_refseq(name: str, assembly: str | None) -> None:
    assert identify_assembly({name: 0}) == assembly
