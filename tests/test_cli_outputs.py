"""How commands end: no room, no permission, two runs of one output, signals, stdout; nothing lost, nothing left."""

import contextlib
import errno
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
import typer
from forked_processes import Forked
from safetensors.numpy import save_file

from variantformer_hf.cli import app, main
from variantformer_hf.cli.output_lock import OutputLock
from variantformer_hf.cli.outputs import Output, claim, claim_folder, closing
from variantformer_hf.cli.stopping import Stopped, signals_raise
from variantformer_hf.errors import InputError, OutputError
from variantformer_hf.files import check_folder, check_new, whole_file, writing


@contextlib.contextmanager
def command() -> Iterator[None]:
    """A block that is a command of its own."""
    with contextlib.ExitStack() as stack, mock.patch("variantformer_hf.cli.outputs._command") as current:
        current.get.return_value = stack
        yield


def said_by(action: Callable[[], object]) -> tuple[int, str]:
    """Exit code and last words of a command line whose only command does this."""
    words = io.StringIO()
    only = typer.Typer()
    only.command()(closing(action))
    with (
        mock.patch("variantformer_hf.cli.app", only),
        mock.patch.object(sys, "argv", ["variantformer"]),
        contextlib.redirect_stderr(words),
        pytest.raises(SystemExit) as ended,
    ):
        main()
    return int(ended.value.code or 0), words.getvalue()


def raising(error: BaseException) -> Callable[[], None]:
    def action() -> None:
        raise error

    return action


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (InputError("is bad", file="x", remedy="Do better."), 1, "error: x: is bad. Do better.\n"),
        (OSError(errno.ENOSPC, "No space", "y"), 1, "error: y: no room is left on the disk. Make room,"),
        (OSError(errno.ENOSPC, "No space"), 1, "error: no room is left on the disk. Make room,"),
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "y"), 1, "error: y: No such file or directory\n"),
        (OSError("of a library,\n in two lines"), 1, "error: of a library, in two lines\n"),
        (MemoryError(), 1, "error: memory ran out"),
        (Stopped(signal.SIGINT), 130, "stopped by SIGINT\n"),
        (Stopped(signal.SIGTERM), 143, "stopped by SIGTERM\n"),
    ],
)
def test_what_can_be_foreseen_is_one_line(error: BaseException, code: int, words: str) -> None:
    found = said_by(raising(error))
    assert found[0] == code
    assert found[1].startswith(words)
    assert found[1].count("\n") == 1


def test_a_mistake_of_ours_shows_where_it_is() -> None:
    with pytest.raises(ZeroDivisionError), mock.patch.object(sys, "argv", ["variantformer"]):
        only = typer.Typer()
        only.command()(raising(ZeroDivisionError()))
        with mock.patch("variantformer_hf.cli.app", only):
            main()


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_ends_with_what_is_kept(name: str, tmp_path: Path) -> None:
    number = signal.Signals[name]
    output = tmp_path / "out.csv"

    def action() -> None:
        claim(output, overwrite=False, parts=["parts"])
        output.write_text("half")
        (tmp_path / "out.csv.parts").mkdir()
        (tmp_path / "out.csv.parts" / "gene-1.parquet").touch()
        os.kill(os.getpid(), number)

    code, words = said_by(action)
    assert code == 128 + number
    assert words == f"stopped by {name}. {output}.parts keeps what is done: the same command goes on from there.\n"
    assert [path.name for path in tmp_path.iterdir()] == ["out.csv.parts"]


def test_a_signal_that_a_launcher_sends_again_does_not_disturb_the_end() -> None:
    with pytest.raises(Stopped) as stop, signals_raise():
        try:
            os.kill(os.getpid(), signal.SIGINT)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGINT)
    assert stop.value.exit_code == 130


def test_a_signal_where_no_error_can_be_raised_is_not_lost(capsys: pytest.CaptureFixture[str]) -> None:
    """Python swallows an error in a ``__del__``, and would print a traceback."""

    class Deaf:
        def __del__(self) -> None:
            os.kill(os.getpid(), signal.SIGINT)
            for _ in range(1_000):
                pass

    hook = sys.unraisablehook
    with pytest.raises(Stopped) as stop, signals_raise():
        deaf = Deaf()
        del deaf
        end = time.monotonic() + 10
        while time.monotonic() < end:  # another thread may get the signal, and wakes nobody
            time.sleep(0.01)
    assert stop.value.exit_code == 130
    assert sys.unraisablehook is hook
    assert capsys.readouterr().err == ""


def test_signals_that_are_ignored_stay_so() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with signals_raise():
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_folder_without_a_part_goes_when_the_run_ends_badly(tmp_path: Path) -> None:
    """Nothing is kept, so that another run of the output is not refused for its sake."""
    output = tmp_path / "out.csv"

    def action() -> None:
        claim(output, overwrite=False, parts=["parts", "second-parts"])
        for name in ("parts", "second-parts"):
            (tmp_path / f"out.csv.{name}").mkdir()
            (tmp_path / f"out.csv.{name}" / "run.json").write_text("{}")
        (tmp_path / "out.csv.second-parts" / "gene-1.parquet").touch()
        raise OutputError("full")

    said_by(action)
    assert [path.name for path in tmp_path.iterdir()] == ["out.csv.second-parts"]
    assert len(list((tmp_path / "out.csv.second-parts").iterdir())) == 2


def test_outputs_that_were_begun_go_and_those_of_others_stay(tmp_path: Path) -> None:
    with pytest.raises(OutputError) as caught, command():
        (tmp_path / "there.tsv").write_text("kept")
        out = claim(tmp_path / "out.csv", overwrite=True)
        out.add([tmp_path / "there.tsv", out.beside("report.json"), None])
        assert {path.name for path in tmp_path.iterdir()} == {"there.tsv", "out.csv.lock"}
        for path in (out.path, out.beside("report.json")):
            path.write_text("new")
        raise OutputError("full")
    assert caught.value.__notes__ == ["Nothing is kept: the same command begins anew."]
    assert [path.name for path in tmp_path.iterdir()] == ["there.tsv"]


def test_outputs_that_were_delivered_stay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Stopped), command():
        out = claim(tmp_path / "out.csv", overwrite=False)
        out.path.write_text("whole")
        out.deliver([out.path])
        raise Stopped(signal.SIGTERM)
    assert [path.name for path in tmp_path.iterdir()] == ["out.csv"]
    assert capsys.readouterr().out == f"{out.path}\n"


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("none/out.csv", "none: no such folder"),
        ("file/out.csv", "file: is no folder"),
        ("folder", "folder: is a folder"),
        ("old.csv", "already exists"),
        ("pipe", "is a device or a pipe, not a file"),
        ("/proc/out.csv", "no permission to write here"),
        ("x" * 250, "the name is too long"),
        ("parted.csv", r"parted\.csv\.parts: is no folder"),
        ("-", "is not written to stdout"),
    ],
)
def test_what_cannot_be_written_is_refused_before_anything_is_done(tmp_path: Path, name: str, problem: str) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for file in ("file", "old.csv", "parted.csv.parts"):
        (tmp_path / file).touch()
    before = sorted(tmp_path.rglob("*"))
    path = Path(name) if name == "-" else tmp_path / name
    with pytest.raises(InputError, match=problem), command():
        claim(path, overwrite=False, parts=["parts"])
    assert sorted(tmp_path.rglob("*")) == before


def test_a_folder_that_may_not_be_written_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(path: Path, *_: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    monkeypatch.setattr(Path, "write_bytes", refused)
    with pytest.raises(OutputError, match=f"{tmp_path}: the file system is read-only. Name another place"):
        check_folder(tmp_path)
    with pytest.raises(OutputError, match="read-only"):
        check_new([tmp_path / "plot.png"], overwrite=False)


def test_a_run_of_the_same_output_is_refused_at_once(tmp_path: Path) -> None:
    with command():
        claim(tmp_path / "out.csv", overwrite=True)
        with pytest.raises(InputError) as refused, command():
            claim(tmp_path / "out.csv", overwrite=True)
        assert f"process {os.getpid()} on {socket.gethostname()}, since 20" in str(refused.value)
        with command():
            claim(tmp_path / "other.csv", overwrite=True)
        assert (tmp_path / "out.csv.lock").exists()
    assert list(tmp_path.iterdir()) == []


def dead_pid() -> int:
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


@pytest.mark.parametrize("how", ["ended", "pid given again", "not waited for"])
def test_a_lock_of_a_dead_run_is_taken_over(tmp_path: Path, how: str) -> None:
    path = tmp_path / "out.csv.lock"
    zombie = subprocess.Popen(["true"])
    os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)
    pid = {"ended": dead_pid(), "pid given again": os.getpid(), "not waited for": zombie.pid}[how]
    content = {"pid": pid, "host": socket.gethostname(), "started": 1, "since": "2026-01-01T00:00:00+00:00" + " " * 99}
    path.write_text(json.dumps(content))
    lock = OutputLock(path)
    assert not lock.is_left_behind(tmp_path / "out.csv")  # it says of no file that it is its own
    assert json.loads(path.read_text())["pid"] == os.getpid()
    lock.release()
    assert not path.exists()
    zombie.wait()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ({"pid": 1, "host": "elsewhere", "started": 1, "since": "then"}, "process 1 on elsewhere.*remove the file"),
        ({"pid": 1, "host": socket.gethostname(), "started": None, "since": "then"}, "or wait for it"),
        ({"name": "poetry"}, "is no lock of a run. Remove it"),
        ([], "is no lock of a run"),
        ("", "is no lock of a run"),
    ],
)
def test_a_lock_that_may_be_alive_is_left(tmp_path: Path, content: object, problem: str) -> None:
    path = tmp_path / "lock"
    path.write_text(json.dumps(content) if content else "")
    before = path.read_text()
    with pytest.raises(InputError, match=problem):
        OutputLock(path)
    assert path.read_text() == before


def test_of_many_that_find_a_dead_run_one_goes_on(tmp_path: Path) -> None:
    content = {"pid": dead_pid(), "host": socket.gethostname(), "started": 1, "since": "then"}
    (tmp_path / "lock").write_text(json.dumps(content))
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom variantformer_hf.cli.output_lock import OutputLock\n"
        "from variantformer_hf.errors import InputError\n"
        "while not Path(sys.argv[2]).exists(): time.sleep(0.001)\n"
        "try: OutputLock(Path(sys.argv[1])); print('mine', flush=True); sys.stdin.read()\n"
        "except InputError: print('refused', flush=True)"
    )
    words = [sys.executable, "-c", code, str(tmp_path / "lock"), str(tmp_path / "go")]
    processes = [subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    (tmp_path / "go").touch()
    found = [process.stdout.readline().strip() for process in processes if process.stdout]
    for process in processes:
        process.communicate()
    assert sorted(found) == ["mine", "refused", "refused", "refused"]


@pytest.mark.parametrize("clock", [1.0, 4e9], ids=["before", "behind"])
def test_files_of_a_run_that_was_killed_while_it_wrote_them_do_not_stop_it(tmp_path: Path, clock: float) -> None:
    """Killed between its table and its report: the same command goes on, without --overwrite, whatever time it is."""
    older, out = tmp_path / "older.png", tmp_path / "out.csv"
    older.touch()
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom variantformer_hf.cli.outputs import Output, closing\n"
        "@closing\n"
        "def run(out):\n"
        "    Output(out, overwrite=False)\n"
        "    out.write_text('of the killed run')\n"
        "    os.kill(os.getpid(), 9)\n"
        "run(Path(sys.argv[1]))"
    )
    for _ in range(2):  # the second one goes on, and is killed as well
        assert subprocess.run([sys.executable, "-c", code, str(out)], check=False).returncode == -9
        os.utime(out, (clock, clock))
        os.utime(older, (2e9, 2e9))
    with command():
        claim(out, overwrite=False)
        with pytest.raises(InputError, match=r"older\.png: already exists"), command():
            Output(tmp_path / "more.csv", overwrite=False).add([older])
    with pytest.raises(InputError, match="already exists"), command():
        claim(out, overwrite=False)
    assert older.exists() and out.exists()


def test_other_processes_of_a_run_share_the_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with command():
        claim(tmp_path / "out.csv", overwrite=False)
        monkeypatch.setenv("RANK", "1")
        with command():
            claim(tmp_path / "out.csv", overwrite=False)
            claim_folder(tmp_path / "run", kept=str)
        monkeypatch.delenv("RANK")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_locked_made_and_removed_when_nothing_came_of_it(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "run"
    with pytest.raises(OutputError) as caught, command():
        claim_folder(folder, kept=lambda: "Step 4 is kept.")
        with pytest.raises(InputError, match="another run writes this output"), command():
            claim_folder(folder, kept=str)
        raise OutputError("full")
    assert caught.value.__notes__ == ["Step 4 is kept."]
    assert list(tmp_path.iterdir()) == []
    with command():
        claim_folder(folder, kept=str)
        (folder / "log").touch()
    assert [path.name for path in folder.iterdir()] == ["log"]
    with command():
        claim_folder(tmp_path / "new", kept=str, is_new=True)
        assert not (tmp_path / "new").exists()
        assert (tmp_path / "new.lock").exists()
    for name, problem in (("deep/run/log", "log: is no folder"), ("deep/run/log/x", "is no folder"), ("-", "stdout")):
        with pytest.raises(InputError, match=problem), command():
            claim_folder(Path(name) if name == "-" else tmp_path / name, kept=str)


def test_a_table_on_stdout_is_alone_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with command():
        out = claim(Path("-"), beside=[tmp_path / "plot.png"], overwrite=False, parts=["parts"], stdout=True)
        out.path.write_text("a,b\n1,2\n")
        out.beside("report.json").write_text("{}")
        out.deliver([out.path, out.beside("report.json"), tmp_path / "plot.png"])
    said = capsys.readouterr()
    assert said.out == "a,b\n1,2\n"
    assert "name one with --output" in said.err
    assert "plot.png" in said.err
    assert not out.path.parent.exists()


def _write_hdf5(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["x"] = np.random.default_rng(0).random(100_000)


WRITERS: dict[str, Callable[[Path], object]] = {
    "text": lambda path: path.write_text("x" * 200_000),
    "parquet": lambda path: pq.write_table(pa.table({"x": np.random.default_rng(0).random(50_000)}), path),
    "safetensors": lambda path: save_file({"x": np.zeros(100_000)}, path),
    "numpy": lambda path: np.save(path.with_suffix(".npy"), np.zeros(100_000)),
    "torch": lambda path: torch.save({"x": torch.zeros(100_000)}, path),
    "hdf5": _write_hdf5,
}


FULL_DISK = """
import resource, signal, sys
import test_cli_outputs as tests
from variantformer_hf.files import whole_file
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (65536, -1))
try:
    with whole_file(sys.argv[1]) as path:
        tests.WRITERS[sys.argv[2]](path)
except tests.OutputError as error:
    print(error)
"""


@pytest.mark.parametrize("writer", sorted(WRITERS))
def test_every_library_that_meets_a_full_disk_gives_the_same_error(tmp_path: Path, writer: str) -> None:
    """In a process of its own whose files may not grow: what the libraries make of it is theirs."""
    (tmp_path / "script.py").write_text(FULL_DISK)
    (tmp_path / "disk").mkdir()
    full = Forked([tmp_path / "script.py", tmp_path / "disk" / "out.npy", writer], tmp_path / "said")
    assert full.wait() == 0, full.said
    assert f"{tmp_path / 'disk' / 'out.npy'}: " in full.said
    assert list((tmp_path / "disk").iterdir()) == []


def test_what_was_read_while_an_output_was_written_keeps_its_name(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), whole_file(tmp_path / "out.csv"):
        (tmp_path / "input" / "a.csv").read_text()
    with pytest.raises(ZeroDivisionError), writing(tmp_path / "out.csv"):
        _ = 1 / 0
    with pytest.raises(InputError, match="is bad"), whole_file(tmp_path / "out.csv"):
        raise InputError("is bad")


def test_every_command_that_writes_is_closed() -> None:
    wrapped = {info.callback.__name__: hasattr(info.callback, "__wrapped__") for info in app.registered_commands}  # type: ignore[union-attr]
    for group in app.registered_groups:
        for info in group.typer_instance.registered_commands:  # type: ignore[union-attr]
            wrapped[info.callback.__name__] = hasattr(info.callback, "__wrapped__")  # type: ignore[union-attr]
    assert len(wrapped) >= 20
    assert all(wrapped.values()), wrapped
