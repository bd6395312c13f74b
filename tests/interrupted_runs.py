"""Starts a command many times, disturbs each run at a random moment, and starts it again.

A process of its own that forks for each run. What it is asked is JSON: the ``arguments`` of the command, in which
FOLDER stands for a run's own folder; ``how``: the name of a signal, or ``full``; ``points``: how many runs; ``seed``.
What it answers is a line of JSON: for each run the exit codes of the disturbed and of the second one, what each said,
and the files that the first left.
"""

import json
import os
import random
import resource
import signal
import sys
import time
import traceback
from functools import partialmethod
from pathlib import Path
from typing import Any

import torch

import variantformer_hf.analysis.effects
import variantformer_hf.training.variantformer.encoder
import variantformer_hf.training.variantformer.recipe  # noqa: F401
from variantformer_hf.cli import main
from variantformer_hf.inference import ExpressionPredictor
from variantformer_hf.inference.run_limits import RunLimits


def started(arguments: list[str], folder: Path, log: Path, limit: int | None = None) -> int:
    """Start a run; its pid."""
    log.touch()
    pid = os.fork()
    if pid:
        return pid
    code = 70
    try:
        with log.open("w") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        sys.argv = ["variantformer", *(word.replace("FOLDER", str(folder)) for word in arguments)]
        main()
        code = 0
    except SystemExit as stop:
        code = int(stop.code or 0)
    except BaseException:  # noqa: BLE001 -- whatever it is, it is shown, and the process ends here
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def ended(pid: int) -> int:
    """Wait; the exit code, or minus the signal."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def has_ended(pid: int) -> bool:
    """Whether a run has ended; it is still to be waited for."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def answer(asked: dict[str, Any], folder: Path) -> list[dict[str, Any]]:
    """One undisturbed run in ``folder/whole``, and the disturbed ones in ``folder/0`` and so on."""
    arguments, how, points = asked["arguments"], asked["how"], asked["points"]
    rng = random.Random(asked["seed"])
    whole = folder / "whole"
    whole.mkdir()
    begun = time.monotonic()
    code = ended(started(arguments, whole, folder / "whole.log"))
    seconds = time.monotonic() - begun
    assert code == 0, (folder / "whole.log").read_text()
    found = []
    for point in range(points):
        own, log = folder / str(point), folder / f"{point}.log"
        own.mkdir()
        if how == "full":
            first = ended(started(arguments, own, log, limit=600 + 400 * point))
        else:
            begun, moment = time.monotonic(), rng.uniform(0.02, seconds)
            pid = started(arguments, own, log)
            while time.monotonic() < begun + moment and not has_ended(pid):
                time.sleep(0.005)
            if has_ended(pid):  # the machine is faster by now than it was: moments are of what a run takes
                seconds = min(seconds, time.monotonic() - begun)
            os.kill(pid, signal.Signals[how])
            first = ended(pid)
        said = log.read_text()
        left = sorted(str(path.relative_to(own)) for path in own.rglob("*"))
        second = ended(started(arguments, own, log)) if first else 0
        found.append({"codes": [first, second], "said": [said, log.read_text()], "left": left})
    return found


if __name__ == "__main__":
    torch.set_num_threads(1)
    question = json.loads(sys.argv[2])
    limits = RunLimits(genes=1, unit_genes=1)
    ExpressionPredictor.__init__ = partialmethod(ExpressionPredictor.__init__, limits=limits)  # type: ignore[method-assign]
    sys.stdout.write(json.dumps(answer(question, Path(sys.argv[1]))))
