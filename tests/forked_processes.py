"""Scripts in processes of their own that import nothing anew: forked from one process that has imported all of it.

``multiprocessing``'s fork server is that process, one for each process of tests; it has loaded the compiled kernels
too. A script runs as ``python SCRIPT
ARGUMENTS`` runs it, with the environment as it is when it is started, and what it says goes to a file.
"""

import multiprocessing
import os
import runpy
import signal
import socket
import sys
import time
from multiprocessing import forkserver
from pathlib import Path
from unittest import mock

_PRELOADED = (
    "accelerate",
    "numba",
    "pyarrow.parquet",
    "pydantic.type_adapter",
    "pytest",
    "rich.logging",
    "rich.progress",
    "smart_open",
    "snakemake.cli",
    "torch.distributed.fsdp",
    "typer.rich_utils",
    "variantformer_hf.analysis.effects",
    "variantformer_hf.cli",
    "variantformer_hf.conversion.variantformer",
    "variantformer_hf.inference.predictor",
    "variantformer_hf.report.tables",
    "variantformer_hf.training.variantformer.encoder",
    "variantformer_hf.training.variantformer.recipe",
    "loaded_kernels",
)
# Between the signal that asks the others to end and the one that ends them.
_GRACE_SECONDS = 5.0
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload([*_PRELOADED])


class Forked:
    """A script that was started.

    Args:
        words: the script, and its arguments.
        log: where what it says goes.
        environment: changes of it.
    """

    def __init__(self, words: list[object], log: Path, **environment: str) -> None:
        self.log = log
        start_server()
        arguments = [str(word) for word in words], str(log), {**os.environ, **environment}
        self._process = CONTEXT.Process(target=_run, args=arguments)
        self._process.start()

    @property
    def code(self) -> int | None:
        """How it ended, minus the number of a signal; None = it has not."""
        return self._process.exitcode

    def wait(self, seconds: float = 240) -> int:
        """Wait for its end; how it ended."""
        self._process.join(seconds)
        if self._process.exitcode is None:
            self.send(signal.SIGKILL)
            raise TimeoutError(self.said)
        return self._process.exitcode

    def send(self, number: int) -> None:
        """Send it a signal."""
        if self._process.pid is not None and self._process.exitcode is None:
            os.kill(self._process.pid, number)

    @property
    def said(self) -> str:
        """What it has said so far."""
        return self.log.read_text() if self.log.exists() else ""


class Together:
    """A script in several processes, with what torchrun puts into the environment; where one fails all are ended.

    Args:
        count: how many.
        words, log, environment: as of :class:`Forked`.
    """

    def __init__(self, count: int, words: list[object], log: Path, **environment: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = str(free.getsockname()[1])
        common = {"WORLD_SIZE": str(count), "LOCAL_WORLD_SIZE": str(count)}
        common |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, **environment}
        self._members = [
            Forked(words, log.with_name(f"{log.name}.{rank}"), RANK=str(rank), LOCAL_RANK=str(rank), **common)
            for rank in range(count)
        ]

    def wait(self, seconds: float = 240) -> int:
        """Wait for all; 0, or how the first of those ended that failed."""
        end = time.monotonic() + seconds
        failed = 0
        while any(each.code is None for each in self._members) and time.monotonic() < end:
            if not failed and (failed := self._failed()):
                for each in self._members:
                    each.send(signal.SIGTERM)
                end = time.monotonic() + _GRACE_SECONDS
            time.sleep(0.02)
        for each in self._members if failed else ():
            each.send(signal.SIGKILL)
        for each in self._members:
            each.wait(5)
        return failed or self._failed()

    def _failed(self) -> int:
        return next((each.code for each in self._members if each.code), 0)

    @property
    def said(self) -> str:
        """What they have said so far."""
        return "".join(each.said for each in self._members)


def start_server() -> None:
    """Start the process that the others are forked from, where it does not run; it finds the modules of this folder."""
    places = [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    with mock.patch.dict(os.environ, PYTHONPATH=os.pathsep.join(places)):
        forkserver.ensure_running()


def _run(words: list[str], log: str, environment: dict[str, str]) -> None:
    with Path(log).open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.stdout, sys.stderr = (os.fdopen(number, "w", buffering=1, closefd=False) for number in (1, 2))
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = words
    sys.path.insert(0, str(Path(words[0]).parent))
    runpy.run_path(words[0], run_name="__main__")
