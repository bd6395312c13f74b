"""``bcftools consensus`` in processes of its own, for input on which it stops or aborts.

As a script: reads a JSON list of argument lists from standard input, and writes a list of [exit code, output].
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ABORTED = "aborted"


def consensus(
    vcf: Path, windows: Sequence[tuple[str, int, int]], contigs: dict[str, str], options: Sequence[Sequence[str]]
) -> list[list[str | None]]:
    """Sequences of windows (0-based half-open) under each list of options; None = an error, or ``ABORTED``."""
    folder = vcf.parent
    fasta = folder / "windows.fa"
    fasta.write_text("".join(_entry(contigs, window) for window in windows))
    alone = [folder / f"window{number}.fa" for number in range(len(windows))]
    for path, window in zip(alone, windows, strict=True):
        path.write_text(_entry(contigs, window))
    answers = _run([["-f", str(fasta), *each, str(vcf)] for each in options])
    found: list[list[str | None]] = []
    for each, (code, output) in zip(options, answers, strict=True):
        if code == 0:
            found.append(["".join(entry.split("\n")[1:]) for entry in output.split(">")[1:]])
        else:  # one window's error ends the whole call: ask for each by itself
            single = _run([["-f", str(path), *each, str(vcf)] for path in alone])
            found.append([_answer(code, output) for code, output in single])
    return found


def _answer(code: int, output: str) -> str | None:
    if code:
        return ABORTED if code < 0 else None
    return "".join(output.split("\n")[1:])


def _entry(contigs: dict[str, str], window: tuple[str, int, int]) -> str:
    chrom, start, end = window
    return f">{chrom}:{start + 1}-{end}\n{contigs[chrom][start:end]}\n"


def _run(calls: Sequence[Sequence[str]]) -> list[tuple[int, str]]:
    done = subprocess.run(
        [sys.executable, __file__], input=json.dumps(calls), capture_output=True, text=True, check=True
    )
    return [(code, output) for code, output in json.loads(done.stdout)]


def _main() -> None:
    from pysam import SamtoolsError, bcftools

    results = []
    for call in json.load(sys.stdin):
        readable, writable = os.pipe()
        child = os.fork()
        if child == 0:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            try:
                output = bcftools.consensus(*call)
            except SamtoolsError:
                os._exit(1)
            with os.fdopen(writable, "w") as pipe:
                pipe.write(output)
            os._exit(0)
        os.close(writable)
        with os.fdopen(readable) as pipe:
            output = pipe.read()
        results.append((os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), output))
    json.dump(results, sys.stdout)


if __name__ == "__main__":
    _main()
