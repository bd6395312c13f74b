"""Parts of a run on disk."""

import os
from pathlib import Path

import pyarrow as pa
import pytest

from variantformer_hf.inference.parts import Parts


def test_a_folder_of_many_parts_is_listed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer, reader = (Parts(tmp_path / "parts", {"of": "this run"}) for _ in range(2))
    for number in range(20):
        assert not writer.holds(f"gene-{number}")
        writer.write_part(f"gene-{number}", pa.table({"number": [number]}))
        assert writer.holds(f"gene-{number}")
    listed: list[object] = []
    scanned = os.scandir
    named = os.listdir
    monkeypatch.setattr(os, "scandir", lambda path: listed.append(path) or scanned(path))
    monkeypatch.setattr(os, "listdir", lambda path: listed.append(path) or named(path))
    assert all(reader.holds(f"gene-{number}") for number in range(20))
    assert [reader.read_one(f"gene-{number}")["number"][0].as_py() for number in range(20)] == list(range(20))
    assert len(listed) == 1
    assert not reader.holds("gene") and not reader.holds("gene-20")
