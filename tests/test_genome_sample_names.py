"""Whom a list of samples means."""

import gzip
import logging
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from variantformer_hf.errors import InputError, SampleError
from variantformer_hf.genome.sample_names import chosen_samples, read_sample_names


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
