import gzip
from pathlib import Path

import pyarrow as pa
import pysam
import pytest

from variantformer_hf.errors import InputError, OutputError
from variantformer_hf.genome.table_files import read_parquet, read_text_bytes, text_lines, write_parquet

TEXT = "one\ntwo\n" + "three\n" * 20_000


@pytest.mark.parametrize("kind", ["plain", "gzip", "bgzip"])
def test_text_is_read_whatever_it_is_packed_in(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "table"
    if kind == "bgzip":
        with pysam.BGZFile(str(path), "w") as file:
            file.write(TEXT.encode())
    else:
        path.write_bytes(TEXT.encode() if kind == "plain" else gzip.compress(TEXT.encode()))
    assert read_text_bytes(path).decode() == TEXT
    assert list(text_lines(path)) == TEXT.splitlines()


@pytest.mark.parametrize("damage", [lambda packed: packed[:-20], lambda packed: packed[:40] + b"xx" + packed[42:]])
def test_damaged_gzip_says_so(tmp_path: Path, damage) -> None:
    path = tmp_path / "table.gz"
    path.write_bytes(damage(gzip.compress(TEXT.encode())))
    with pytest.raises(InputError, match="cut off or damaged"):
        read_text_bytes(path)
    with pytest.raises(InputError, match="cut off or damaged"):
        list(text_lines(path))


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for read in (read_text_bytes, lambda path: list(text_lines(path)), lambda path: read_parquet(path, ())):
        with pytest.raises(InputError, match="no such file"):
            read(tmp_path / "missing")
    with pytest.raises(InputError, match="is a folder, not a file"):
        read_text_bytes(tmp_path)
    (tmp_path / "latin").write_bytes("é".encode("latin-1"))
    with pytest.raises(InputError, match="UTF-8"):
        list(text_lines(tmp_path / "latin"))
    with pytest.raises(InputError, match="not a Parquet file"):
        read_parquet(tmp_path / "latin", ())


def test_parquet_round_trip_and_missing_columns(tmp_path: Path) -> None:
    table = pa.table({"a": [1, 2], "b": ["x", None]})
    write_parquet(table, tmp_path / "t.parquet")
    assert read_parquet(tmp_path / "t.parquet", ("a",)).equals(table)
    with pytest.raises(InputError, match="no column c; it has a, b"):
        read_parquet(tmp_path / "t.parquet", ("a", "c"))


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.parquet"
    write_parquet(pa.table({"a": [1]}), path)

    def broken(table: pa.Table, partial: Path, **_: object) -> None:
        partial.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr("pyarrow.parquet.write_table", broken)
    with pytest.raises(OutputError, match=r"t\.parquet: cannot be written \(disk full\)"):
        write_parquet(pa.table({"a": [2]}), path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["t.parquet"]
    assert read_parquet(path, ("a",)).to_pydict() == {"a": [1]}
