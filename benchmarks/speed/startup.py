"""Time to import the package and to show the help, beside an empty interpreter.

Run: python -m benchmarks.speed.startup
"""

import subprocess
import sys
from pathlib import Path

from benchmarks.timing import Timer, median, show

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
            with Timer() as took:
                subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            times[name].append(took.seconds)
    show({f"s: {name}": median(values) for name, values in times.items()})


if __name__ == "__main__":
    main()
