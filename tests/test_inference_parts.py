"""Parts of a run on disk."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

import pyarrow as pa
import pytest

from variantformer_hf.inference.parts import Parts
from variantformer_hf.work import InProcess
from variantformer_hf.work import units as units_module
from variantformer_hf.work.units import Job, Unit, run_units, unit_of


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
    assert len(listed) == 1


def test_a_run_of_many_missing_parts_lists_the_folder_before_the_first_and_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where others write them, and where one is never written."""
    driver, worker = (Parts(tmp_path / "parts", {"of": "this run"}) for _ in range(2))
    units = [unit_of("gene", number) for number in range(300)]
    here, there = units[:100], units[100:-1]
    worker.write_part(here[0].name, pa.table({"number": [0]}))

    class Elsewhere(InProcess):
        patience = 0.3

        def run(self, job: Job, units: Sequence[Unit]) -> Iterator[tuple[Unit, Exception | None]]:
            for unit in units:
                if unit in here:
                    driver.write_part(unit.name, pa.table({"number": [unit.content]}))
                elif unit in there:
                    worker.write_part(unit.name, pa.table({"number": [unit.content]}))
                yield unit, None

    listed: list[object] = []
    monkeypatch.setattr(units_module, "_LOOK_AGAIN_SECONDS", 0.2)
    with monkeypatch.context() as patch:
        scanned, named = os.scandir, os.listdir
        patch.setattr(os, "scandir", lambda path: listed.append(path) or scanned(path))
        patch.setattr(os, "listdir", lambda path: listed.append(path) or named(path))
        failed = run_units(cast(Job, None), units, is_done=lambda unit: driver.holds(unit.name), engine=Elsewhere())
    assert [each.name for each in failed] == [units[-1].name]
    assert len(listed) == 1 + 1 + 2  # before, behind, and twice in the patience of the engine
    assert [driver.read_one(unit.name)["number"][0].as_py() for unit in units[:-1]] == list(range(299))
