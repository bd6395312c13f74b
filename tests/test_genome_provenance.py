"""Which file an input was."""

import hashlib
import os
from pathlib import Path

import pytest

from variantformer_hf.genome.provenance import fingerprint


def test_identity_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "calls.vcf.gz"
    path.write_bytes(b"content")
    os.utime(path, ns=(5, 5))
    digest = hashlib.sha256(b"content").hexdigest()
    known = {"path": str(path), "size": 7, "mtime_ns": 5, "sha256": digest}
    assert fingerprint(path) == known | {"hashed": "first MiB and indexes"}
    assert fingerprint(str(path), whole_file=True) == known | {"hashed": "whole file"}


@pytest.mark.parametrize("suffix", [".fai", ".gzi", ".tbi", ".csi"])
def test_the_hash_changes_with_the_index_unless_the_whole_file_is_hashed(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"content")
    short, whole = fingerprint(path)["sha256"], fingerprint(path, whole_file=True)["sha256"]
    index = Path(f"{path}{suffix}")
    index.write_bytes(b"index")
    with_index = fingerprint(path)["sha256"]
    index.write_bytes(b"indez")
    assert len({short, with_index, fingerprint(path)["sha256"]}) == 3
    assert fingerprint(path, whole_file=True)["sha256"] == whole


def test_what_lies_beyond_the_first_mebibyte_shows_in_the_whole_files_hash(tmp_path: Path) -> None:
    path = tmp_path / "file"
    found = {}
    for last in (b"a", b"b"):
        path.write_bytes(b"x" * (1 << 20) + last)
        found[last] = (fingerprint(path)["sha256"], fingerprint(path, whole_file=True)["sha256"])
    assert found[b"a"][0] == found[b"b"][0]
    assert found[b"a"][1] != found[b"b"][1]
    path.write_bytes(b"y" + b"x" * (1 << 20))
    assert fingerprint(path)["sha256"] != found[b"a"][0]


@pytest.mark.parametrize(("name", "other"), [("calls.pgen", "calls.psam"), ("calls.bed", "calls.fam")])
def test_what_lies_beside_a_file_of_plink_may_not_change_unnoticed(tmp_path: Path, name: str, other: str) -> None:
    path, beside = tmp_path / name, tmp_path / other
    path.write_bytes(b"content")
    beside.write_bytes(b"x" * (1 << 20) + b"PERSON1")
    os.utime(path, ns=(5, 5))
    os.utime(beside, ns=(6, 6))
    known = fingerprint(path)
    beside.write_bytes(b"x" * (1 << 20) + b"PERSON2")
    os.utime(beside, ns=(7, 7))
    assert fingerprint(path) != known
