"""Time and memory of Enformer and Borzoi beside their public implementations, full size, float32, one thread.

Run: python -m benchmarks.speed.trunks enformer --python oracles/.venv-enformer/bin/python --bases 49152
     python -m benchmarks.speed.trunks enformer --python ... --bases 16384 --backward --checkpointing

Each network has a process of its own, and they take turns; a first round of each is not counted. Printed are medians of
seconds (CPU time, which a busy machine lengthens less than the clock's) and the peak of each process. `--backward`
trains; `--checkpointing` with it, ours with gradient checkpointing, theirs without, which borzoi-pytorch does not have.
"""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

WORKER = Path(__file__).with_name("trunk_worker.py")


def main() -> None:
    """Print a row a network, and the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("family", choices=("enformer", "borzoi"))
    parser.add_argument("--python", required=True, help="of the environment with the public implementation")
    parser.add_argument("--bases", type=int, default=49_152)
    parser.add_argument("--depth", type=int, help="layers; by default the published")
    parser.add_argument("--backward", action="store_true")
    parser.add_argument("--checkpointing", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    words = [str(arguments.bases)]
    words += [] if arguments.depth is None else ["--depth", str(arguments.depth)]
    words += ["--backward"] if arguments.backward else []
    ours = [sys.executable, str(WORKER), f"our-{arguments.family}", *words]
    ours += ["--checkpointing"] if arguments.checkpointing else []
    theirs = [arguments.python, str(WORKER), f"{arguments.family}-pytorch", *words]
    workers = {name: start(command) for name, command in (("ours", ours), ("theirs", theirs))}
    rounds: dict[str, list[dict[str, Any]]] = {name: [] for name in workers}
    for _ in range(arguments.rounds + 1):
        for name, worker in workers.items():
            rounds[name].append(ask(worker))
    for worker in workers.values():
        assert worker.stdin is not None
        worker.stdin.close()
        worker.wait()
    medians = {name: median(found) for name, found in rounds.items()}
    for name, found in medians.items():
        print(f"{name:7} {found['cpu']:8.1f} s CPU {found['wall']:8.1f} s wall {found['peak']:6.2f} GB peak")
    ratio = {key: medians["ours"][key] / medians["theirs"][key] for key in ("cpu", "wall", "peak")}
    print("ours / theirs:", ", ".join(f"{key} {number:.2f}" for key, number in ratio.items()))


def median(rounds: list[dict[str, Any]]) -> dict[str, float]:
    """Of all rounds but the first."""
    return {key: statistics.median(each[key] for each in rounds[1:]) for key in ("cpu", "wall", "peak")}


def start(command: list[str]) -> "subprocess.Popen[str]":
    """A worker, which has made its network when it answers."""
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def ask(worker: "subprocess.Popen[str]") -> dict[str, Any]:
    """One round."""
    assert worker.stdin is not None and worker.stdout is not None
    worker.stdin.write("go\n")
    worker.stdin.flush()
    line = worker.stdout.readline()
    if not line:
        raise SystemExit(f"{' '.join(map(str, worker.args))}: ended without an answer")  # type: ignore[arg-type]
    found: dict[str, Any] = json.loads(line)
    return found


if __name__ == "__main__":
    main()
