"""Steps in processes of their own, each with its peak of resident memory."""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

Step = Callable[[argparse.Namespace], None]
GIGABYTE = 1e9


def run_steps(module: str, steps: dict[str, Step], parser: argparse.ArgumentParser) -> None:
    """Print the peak of each step; with ``--step`` do that one, in this process.

    Args:
        module: to be started for each step, such as ``benchmarks.memory.demo``.
        steps: by name, in their order; each finds what the ones before it wrote in ``arguments.folder``.
        parser: of the module's own options.
    """
    parser.add_argument("--step", choices=steps, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.step:
        steps[arguments.step](arguments)
        # The largest the process ever was, the pages of memory-mapped files that it touched included.
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / GIGABYTE
        print(json.dumps({"step": arguments.step, "peak GB": round(peak, 3)}))
        return
    with tempfile.TemporaryDirectory() as name:
        for step in steps:
            command = [sys.executable, "-m", module, "--step", step, "--folder", name, *sys.argv[1:]]
            subprocess.run(command, check=True)
