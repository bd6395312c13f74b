"""Whom a list of samples means, and stores of some people of a file."""

import gzip
import logging
import os
from pathlib import Path

import numpy as np
import pytest
from command_line import run
from genome_files import record, write_vcf
from hypothesis import given
from hypothesis import strategies as st

from variantformer_hf.errors import InputError, SampleError
from variantformer_hf.genome.call_blocks import CallBlock
from variantformer_hf.genome.sample_names import chosen_samples, read_sample_names
from variantformer_hf.genome.store_layout import default_store, is_current, read_description
from variantformer_hf.genome.variant_store import VariantStore, open_variants
from variantformer_hf.genome.variants import VariantFile


def test_a_file_of_names_is_read_in_its_order_with_line_ends_of_any_system(tmp_path: Path) -> None:
    content = "\ufeff# people\r\n\r\nHG2\r\n  NA 1 \r\n#HG9\r\nHG1".encode()
    (tmp_path / "names.txt").write_bytes(content)
    (tmp_path / "names.txt.gz").write_bytes(gzip.compress(content))
    for name in ("names.txt", "names.txt.gz"):
        assert read_sample_names(tmp_path / name) == ["HG2", "NA 1", "HG1"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "names no sample"),
        (b"# nobody\n\n", "names no sample"),
        (b"HG1\nHG2\tEUR\n", "line 2: has several columns"),
        (b"##fileformat=VCFv4.2\n", "is no list of samples"),
        (b"PK\x03\x04", "spreadsheet"),
        (b"HG\xff\xfe\x80\n", "is not UTF-8 text"),
    ],
)
def test_what_is_no_list_of_names_is_refused(content: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_bytes(content)
    with pytest.raises(InputError, match=words):
        read_sample_names(tmp_path / "names.txt")
    with pytest.raises(InputError, match="no such file"):
        read_sample_names(tmp_path / "missing.txt")


@given(st.lists(st.sampled_from("abcdefgh")), st.permutations("abcdefgh"))
def test_each_is_chosen_once_in_the_order_asked_for(asked: list[str], samples: list[str]) -> None:
    found = chosen_samples("f", samples, asked)
    assert len(found) == len(set(found)) and set(found) == set(asked)
    assert found == sorted(found, key=asked.index)


def test_everybody_is_not_a_sample_called_so() -> None:
    assert chosen_samples("f", ["b", "all", "a"], "all") == ["b", "all", "a"]
    assert chosen_samples("f", ["b", "all", "a"], ["all"]) == ["all"]
    with pytest.raises(SampleError, match="has no samples"):
        chosen_samples("f", [], "all")
    with pytest.raises(ValueError, match=r"\['ab'\]"):
        chosen_samples("f", ["a", "b"], "ab")


def test_names_that_are_not_there_are_counted_and_three_are_shown() -> None:
    with pytest.raises(SampleError, match="has no sample 'x'; it has a, b"):
        chosen_samples("f", ["a", "b"], ["x"])
    with pytest.raises(SampleError, match=r"has no sample 'x', 'y' \(2 of the 3 asked for\)"):
        chosen_samples("f", ["a", "b"], ["x", "a", "y", "x"])
    with pytest.raises(SampleError, match=r"lacks 4 of the 5 samples asked for: 'w', 'x', 'y', \.\.\.; it has a, b"):
        chosen_samples("f", ["a", "b"], ["a", *"wxyz"])


def test_names_given_twice_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert chosen_samples("f", ["a", "b"], ["b", "a", "b", "b"]) == ["b", "a"]
    assert "2 of 4 names of samples are named before" in caplog.text


def test_a_block_of_some_samples_has_their_calls_alone() -> None:
    nothing = np.zeros(3, dtype=np.int64)
    block = CallBlock(
        *[nothing] * 8,
        call_record=np.array([0, 0, 1, 2]),
        call_sample=np.array([0, 2, 1, 2]),
        call_genotype=np.array([5, 6, 7, 8]),
        genotypes=("0|1",) * 9,
    )
    some = block.of_samples(np.array([-1, 0, 1]))
    assert some.call_record.tolist() == [0, 1, 2]
    assert some.call_sample.tolist() == [1, 0, 1]
    assert some.call_genotype.tolist() == [6, 7, 8]
    assert len(some) == 3


def test_a_store_of_some_people_is_theirs_and_grows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VARIANTFORMER_CACHE", str(tmp_path / "cache"))
    people = [f"P{number}" for number in range(6)]
    lines = [
        record(position, "A", "C", *(("0|1", "1|1", "0|0")[(position + each) % 3] for each in range(6)))
        for position in range(1, 200)
    ]
    vcf = write_vcf(tmp_path / "people.vcf.gz", lines, contigs={"chr1": 1_000}, samples=people)

    def held() -> list[str]:
        return list(read_description(default_store(vcf))["samples"])

    def calls(file: VariantFile | VariantStore) -> list[object]:
        found: list[object] = []
        for columns in file.columns("chr1", 0, 1_000):
            carried = columns.is_snp & (columns.first + columns.second > 0)
            found += zip(columns.position[carried], columns.first[carried], columns.second[carried], strict=True)
        return found

    (tmp_path / "names.txt").write_text("P4\nP1\n")
    assert run("ingest", vcf, "--samples-file", tmp_path / "names.txt").returncode == 0
    assert held() == ["P1", "P4"]
    assert isinstance(open_variants(vcf, "P4", needs_quality=False), VariantStore)
    for name in ("P1", "P4"):
        assert calls(open_variants(vcf, name, needs_quality=False)) == calls(VariantFile(vcf, name))
        assert len(calls(VariantFile(vcf, name))) > 100
    assert isinstance(open_variants(vcf, "P2", needs_quality=False), VariantFile)
    with pytest.raises(SampleError, match="6 samples"):
        open_variants(vcf, None, needs_quality=False)
    assert "there already" in run("ingest", vcf, "--sample", "P4").stderr
    assert run("ingest", vcf, "--sample", "P0").returncode == 0
    assert held() == ["P0", "P1", "P4"]
    assert not is_current(vcf, default_store(vcf))
    bad = run("ingest", vcf, "--sample", "nobody")
    assert bad.returncode == 1 and "has no sample 'nobody'" in bad.stderr
    assert run("ingest", vcf).returncode == 0
    assert held() == people
    assert is_current(vcf, default_store(vcf))
    assert "there already" in run("ingest", vcf, "--sample", "P5").stderr
    assert run("ingest", vcf, "--sample", "P5", "--overwrite").returncode == 0
    assert held() == ["P5"]


def test_names_may_come_through_a_pipe_of_the_shell(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"A\nB\n")
    os.close(writing)
    assert read_sample_names(f"/dev/fd/{reading}") == ["A", "B"]
    assert read_sample_names(f"/dev/fd/{reading}") == ["A", "B"]
    os.close(reading)
    os.mkfifo(tmp_path / "names")
    with pytest.raises(InputError, match=r"names: is a pipe\. Write it to a file"):
        read_sample_names(tmp_path / "names")
