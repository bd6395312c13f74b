"""``bcftools consensus`` in processes of its own, for input on which it stops or aborts.

As a script: of each line of standard input, a JSON list of argument lists, it writes a line: a list of [exit code,
output]. Each call is a process forked from it.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
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


@cache
def _process() -> "subprocess.Popen[str]":
    """The process that is asked; it ends with this one."""
    return subprocess.Popen([sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _run(calls: Sequence[Sequence[str]]) -> list[tuple[int, str]]:
    process = _process()
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(f"{json.dumps(calls)}\n")
    process.stdin.flush()
    return [(code, output) for code, output in json.loads(process.stdout.readline())]


def _main() -> None:
    import pysam.bcftools  # noqa: F401 -- once, for all that are forked

    for line in sys.stdin:
        sys.stdout.write(f"{json.dumps([_called(call) for call in json.loads(line)])}\n")
        sys.stdout.flush()


def _called(call: Sequence[str]) -> tuple[int, str]:
    from pysam import SamtoolsError, bcftools

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
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), output


if __name__ == "__main__":
    _main()
