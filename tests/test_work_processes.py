"""Units in several processes of this machine, where one of them fails."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from variantformer_hf.errors import InputError, OutputError
from variantformer_hf.work import Processes, Unit


@dataclass
class Written:
    """A job whose units tell when they begin and how they end."""

    folder: Path

    def open(self) -> "Written":
        return self

    def do(self, unit: Unit) -> None:
        (self.folder / f"{unit.name}.begun").touch()
        try:
            if unit.name == "full":
                _wait_for(self.folder / "long.begun")
                raise OutputError("the disk is full", remedy="Make room.")
            if unit.name == "killed":
                _wait_for(self.folder / "long.begun")
                os.kill(os.getpid(), signal.SIGKILL)
            if unit.name == "long":
                _wait_for(self.folder / "never", 2)
        finally:
            (self.folder / f"{unit.name}.ended").touch()


def _wait_for(path: Path, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not path.exists() and time.monotonic() < end:
        time.sleep(0.01)


def run(folder: Path, *names: str, workers: int) -> list[str]:
    units = [Unit(name, None) for name in names]
    return [unit.name for unit, _ in Processes(workers).run(Written(folder), units)]


@pytest.mark.parametrize(("first", "error"), [("full", OutputError), ("killed", InputError)])
def test_an_error_of_one_ends_the_others_as_after_an_error(
    tmp_path: Path, first: str, error: type[Exception], capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(error):
        run(tmp_path, first, "long", workers=2)
    assert (tmp_path / "long.ended").exists()
    assert capfd.readouterr().err == ""


def test_processes_that_wait_for_work_end_without_a_word(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A third process has nothing to do when the first one's error ends all."""
    with pytest.raises(OutputError):
        run(tmp_path, "full", "short", "long", workers=3)
    assert (tmp_path / "long.ended").exists()
    assert capfd.readouterr().err == ""
