"""Time to import the package and to show the help, beside an empty interpreter.

Run: python benchmarks/startup.py
"""

import json
import subprocess
import sys
import time
from pathlib import Path

COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "import variantformer_hf": [sys.executable, "-c", "import variantformer_hf"],
    "variantformer --help": [str(Path(sys.executable).with_name("variantformer")), "--help"],
}
ROUNDS = 7


def main() -> None:
    """Print the median wall time of each command in seconds."""
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(ROUNDS):
        for name, command in COMMANDS.items():
            start = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            times[name].append(time.perf_counter() - start)
    medians = {name: sorted(values)[ROUNDS // 2] for name, values in times.items()}
    for name, seconds in medians.items():
        print(f"{name:28s} {seconds:6.3f} s")
    print(json.dumps(medians))


if __name__ == "__main__":
    main()
