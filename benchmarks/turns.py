"""Programs that take turns, each in a process of its own: the medians of both are of the same minutes."""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.timing import median

# Behind a script that defines ``work``: does it once, says what the start took, then once more for each line it reads.
_BEFORE = """
import json, sys, time
begin = time.perf_counter(), time.process_time()
"""
_LOOP = """
found = work()
begin = time.perf_counter() - begin[0], time.process_time() - begin[1]
memory = [int(line.split()[1]) / 1024 for line in open("/proc/self/status") if line.startswith("VmHWM")][0]
if sys.argv[1]:
    open(sys.argv[1], "w").write(json.dumps(found))
print(json.dumps([*begin, memory]), flush=True)
for _ in sys.stdin:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    print(json.dumps([time.perf_counter() - wall, time.process_time() - cpu]), flush=True)
"""


class Side:
    """One of the programs, in a process that waits for its turn.

    Args:
        python: its interpreter.
        script: defines ``work``, which takes nothing.
        arguments: of the script, ``sys.argv[2:]``.
        found: where what ``work`` gave first is written, as JSON; None = nowhere.
        environment: variables beside those of this process.
        folder: where it runs, and imports from first; None = here.
    """

    def __init__(
        self,
        python: str,
        script: str,
        arguments: Sequence[str],
        *,
        found: Path | None = None,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> None:
        self._process = subprocess.Popen(
            [python, "-c", _BEFORE + script + _LOOP, str(found or ""), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=folder,
            env={**os.environ, "OMP_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1", **(environment or {})},
        )
        self.start_wall, self.start_cpu, self.memory = self._said()
        self.found: Any = None if found is None else json.loads(found.read_text())
        self.wall: list[float] = []
        self.cpu: list[float] = []

    def turn(self) -> None:
        """Do the work once."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        wall, cpu = self._said()
        self.wall.append(wall)
        self.cpu.append(cpu)

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def report(self, name: str) -> dict[str, float]:
        """Medians of its turns."""
        return {f"{name}: CPU s": median(self.cpu), f"{name}: s": median(self.wall)}

    def start_report(self, name: str) -> dict[str, float]:
        """What its start took."""
        return {
            f"{name}: s to start": self.start_wall,
            f"{name}: CPU s to start": self.start_cpu,
            f"{name}: MB at its peak": self.memory,
        }

    def _said(self) -> list[float]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("a side of the benchmark ended: see its message above")
        return list(json.loads(line))


def take_turns(sides: Sequence[Side], rounds: int) -> None:
    """Let each have its turn, so many times, and end them."""
    for _ in range(rounds):
        for side in sides:
            side.turn()
    for side in sides:
        side.close()
