"""Units of a run: what is done is not done again, what fails is named, and the rest is finished."""

import pickle
from pathlib import Path

import pytest
from toy_job import PreparedSquares, PreparedWriter, Squares

from variantformer_hf.errors import InputError, OutputError
from variantformer_hf.work import FailedUnit, InProcess, Unit, check_all_done, run_units, unit_of


def test_all_units_are_done_once_and_in_order(tmp_path: Path) -> None:
    job, seen = Squares(tmp_path / "run"), []
    units = job.units(20)
    failed = run_units(
        job, units, is_done=job.is_done, engine=InProcess(), on_unit=lambda done, total: seen.append((done, total))
    )
    assert failed == [] and job.answers() == [number**2 for number in range(20)]
    assert job.begun() == [unit.name for unit in units]
    assert seen == [(done, 20) for done in range(21)]


def test_what_is_there_is_not_done_again(tmp_path: Path) -> None:
    job = Squares(tmp_path / "run")
    units = job.units(10)
    run_units(job, units[:4], is_done=job.is_done, engine=InProcess())
    run_units(job, units, is_done=job.is_done, engine=InProcess())
    assert job.begun() == [unit.name for unit in units]
    job.path(units[3]).unlink()
    run_units(job, units, is_done=job.is_done, engine=InProcess())
    assert job.begun() == [unit.name for unit in [*units, units[3]]]


def test_a_unit_that_fails_is_named_and_the_rest_is_finished(tmp_path: Path) -> None:
    for kind in (Squares, PreparedSquares):
        job = kind(tmp_path / kind.__name__, refused=frozenset([3, 5]))
        units = job.units(8)
        failed = run_units(job, units, is_done=job.is_done, engine=InProcess())
        assert [(each.name, each.text) for each in failed] == [
            (units[3].name, "3: has no square"),
            (units[5].name, "5: has no square"),
        ]
        assert job.answers() == [number**2 for number in (0, 1, 2, 4, 6, 7)]
        with pytest.raises(InputError, match=r"2 of 8 units could not be done: square-\w+: 3: has no square; square-"):
            check_all_done(failed, len(units))


def test_one_error_is_said_as_it_is() -> None:
    error = OutputError("no room is left on the disk", file="x")
    with pytest.raises(OutputError) as raised:
        check_all_done([FailedUnit("a", error), FailedUnit("b", error)], 9)
    assert raised.value is error
    check_all_done([], 9)
    with pytest.raises(InputError, match="1 of 9 units could not be done: a: KeyError: 'b'"):
        check_all_done([FailedUnit("a", KeyError("b"))], 9)


def test_a_unit_that_leaves_nothing_is_noticed(tmp_path: Path) -> None:
    job = Squares(tmp_path / "run")
    units = job.units(3)
    failed = run_units(job, units, is_done=lambda unit: unit != units[1] and job.is_done(unit), engine=InProcess())
    assert [each.name for each in failed] == [units[1].name] and "not there" in failed[0].text


def test_inputs_are_prepared_one_unit_ahead(tmp_path: Path) -> None:
    job = PreparedSquares(tmp_path / "run", seconds=0.02)
    PreparedWriter.furthest = 0
    failed = run_units(job, job.units(12), is_done=job.is_done, engine=InProcess())
    assert failed == [] and job.answers() == [number**2 for number in range(12)]
    assert PreparedWriter.furthest == 2  # the one that is being done, and the next


def test_a_full_disk_stops_one_process_at_once(tmp_path: Path) -> None:
    class Full(Squares):
        def open(self) -> "Full":  # type: ignore[override]
            return self

        def do(self, unit: Unit) -> None:
            raise OutputError("no room is left on the disk", file=self.folder)

        def close(self) -> None:
            (self.folder / "closed").touch()

    job = Full(tmp_path / "run")
    with pytest.raises(OutputError, match="no room"):
        run_units(job, job.units(3), is_done=job.is_done, engine=InProcess())
    assert (job.folder / "closed").exists()


def test_a_name_is_made_from_the_content_alone() -> None:
    unit = unit_of("gene", {"gene": "ENSG1", "people": [1, 2]}, cost=3.0)
    assert unit == pickle.loads(pickle.dumps(unit)) and unit.cost == 3.0
    assert unit.name == unit_of("gene", {"people": [1, 2], "gene": "ENSG1"}).name
    others = [unit_of("gene", {"gene": "ENSG1", "people": [2, 1]}), unit_of("genes", unit.content)]
    assert len({unit.name, *(each.name for each in others)}) == 3
    assert unit_of("gene", object, "the same").name == unit_of("gene", int, "the same").name
    with pytest.raises(ValueError, match="two units have the name"):
        run_units(Squares(Path("x")), [unit, unit], is_done=lambda unit: True, engine=InProcess())
