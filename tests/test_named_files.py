"""A folder of named whole files: whole or not there, whoever asks."""

import errno
import pickle
from pathlib import Path

import pytest

from variantformer_hf.errors import OutputError
from variantformer_hf.named_files import named_files


def test_what_is_put_is_found_by_its_name_until_it_is_removed(tmp_path: Path) -> None:
    files = pickle.loads(pickle.dumps(named_files(tmp_path / "new")))
    assert list(files.names()) == []
    assert not files.has("a/b.txt")
    with pytest.raises(FileNotFoundError):
        files.read("a/b.txt")
    files.put("a/b.txt", b"one")
    files.put("a/b.txt", b"two")
    files.put("c", b"three")
    assert files.read("a/b.txt") == b"two"
    assert sorted(files.names()) == ["a/b.txt", "c"]
    assert list(files.names("a")) == ["a/b.txt"]
    assert files.has("a/b.txt")
    assert not files.has("a")
    for _ in range(2):
        files.remove("c")
    assert list(files.names()) == ["a/b.txt"]
    assert str(files) == str(tmp_path / "new")


def test_half_a_file_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = named_files(tmp_path)
    files.put("there", b"x")
    write = Path.write_bytes

    def fails(path: Path, content: bytes) -> None:
        write(path, content[: len(content) // 2])
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_bytes", fails)
        with pytest.raises(OutputError, match=r"no room is left on the disk\. Make room"):
            files.put("there", b"other")
    assert files.read("there") == b"x"
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


def test_what_a_killed_run_left_is_no_file_and_goes(tmp_path: Path) -> None:
    files = named_files(tmp_path)
    files.put("a/there", b"x")
    (tmp_path / "a" / ".other.0123.partial").write_bytes(b"half")
    assert list(files.names()) == ["a/there"]
    files.remove_partial()
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["there"]
