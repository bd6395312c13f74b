"""Labels of donors: what is read, and what is refused with its line."""

import gzip
from pathlib import Path

import pytest

from variantformer_hf.applications.risk.labels import read_labels
from variantformer_hf.errors import InputError


def written(tmp_path: Path, text: str, name: str = "labels.tsv") -> Path:
    path = tmp_path / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("donor\tlabel\nA\t0\nB\t1\n", "labels.tsv"),
        ("site,IID,age,Diagnosis\nx,A,70,0\nx,B,80,1.0\n\n", "labels.csv"),
        ("Sample;case\r\nA;0\r\nB;1\r\n", "labels.txt"),
        ("person label\nA 0\nB 1\n", "labels.tsv.gz"),
    ],
)
def test_tables_are_read_as_they_come(text: str, name: str, tmp_path: Path) -> None:
    assert read_labels(written(tmp_path, text, name)) == {"A": 0, "B": 1}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("donor\tlabel\nA\t0\nB\t2\n", r"line 3: the label of B is '2'. Write 1 for a case and 0 for a control"),
        ("donor\tlabel\nA\t0\nB\tNA\n", "line 3: the label of B is 'NA'"),
        ("donor\tlabel\nA\t0\nB\t1\n\nA\t0\n", "line 5: A stands in line 2 too"),
        ("donor\tlabel\nA\t1\nB\t1\n", "line 2: all 2 labels are 1. Give cases and controls"),
        ("donor\tlabel\n", "has no label"),
        ("donor\tlabel\nA\t1\n\t0\n", "line 3: names no donor"),
        ("donor\tlabel\nA\t1\t5\n", "line 2: has 3 fields, and the header 2"),
        ("A\t0\nB\t1\n", "has no column donor; it has a, 0"),
        ("donor\tage\nB\t1\n", "has no column label; it has donor, age"),
        ("", "has no column donor"),
    ],
)
def test_what_is_no_label_is_refused_with_its_line(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=said):
        read_labels(written(tmp_path, text))


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_labels(tmp_path / "none.tsv")
    with pytest.raises(InputError, match="is a spreadsheet"):
        read_labels(written(tmp_path, "PK\x03\x04"))
