"""Building a store: whole or not at all, whoever is killed, and what is done is not done again."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from command_line import invoke
from genome_files import record, write_vcf

from variantformer_hf.errors import InputError, OutputError
from variantformer_hf.genome import contig_work
from variantformer_hf.genome.checked_file import CheckedWriter
from variantformer_hf.genome.store_layout import default_store, is_current
from variantformer_hf.genome.variant_ingest import build_store, build_stores, plan_store
from variantformer_hf.genome.variant_store import VariantStore, damage_in
from variantformer_hf.genome.vcf_blocks import VcfBlocks
from variantformer_hf.work import Processes

CONTIGS = {f"chr{number}": 2_000 for number in range(1, 7)}
SAMPLES = ("A", "B", "C")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VARIANTFORMER_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "variants"


def cohort(
    path: Path, *, bad: str | None = None, long: str | None = None, contigs: Sequence[str] = tuple(CONTIGS)
) -> Path:
    """A file of six contigs; a record of one of them may be malformed, and one may have more records."""
    rng = random.Random(0)
    lines = []
    for contig in contigs:
        for position in range(10, 1_900, 1 if contig == long else 30):
            calls = [rng.choice(["0/0", "0|1", "1/1", "./."]) for _ in SAMPLES]
            if contig == bad and position > 1_800:
                calls[0] = "x/1"
            lines.append(record(position, "A", "C", *calls, chrom=contig))
    return write_vcf(path, lines, contigs=CONTIGS, samples=SAMPLES)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_contigs_that_are_done_are_kept(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vcf = cohort(tmp_path / "c.vcf.gz")
    expected = contents(build_store(vcf, tmp_path / "whole"))
    plan = plan_store(vcf)
    written: list[str] = []
    write = contig_work.write_contig

    def until(number: int, error: BaseException) -> None:
        def some(source: object, contig: str, *rest: object) -> None:
            if len(written) == number:
                raise error
            written.append(contig)
            write(source, contig, *rest)  # type: ignore[arg-type]

        monkeypatch.setattr(contig_work, "write_contig", some)

    until(3, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        build_stores([plan])
    assert not plan.target.exists()
    until(4, OutputError("no room is left on the disk"))
    with pytest.raises(OutputError, match="no room"):
        build_store(vcf)
    done = plan.file(written[1])
    done.write_bytes(done.read_bytes()[:-1] + b"\x77")  # a machine lost its power
    until(99, OutputError(""))
    steps: list[tuple[int, int]] = []
    build_store(vcf, on_contig=lambda *step: steps.append(step))
    assert written == [*list(CONTIGS)[:4], "chr2", "chr5", "chr6"]
    assert steps[0] == (3, 6)
    assert contents(plan.target) == expected
    assert [path.name for path in cache.iterdir()] == [plan.target.name]


def test_what_is_done_of_a_file_that_changed_is_not_used(tmp_path: Path, cache: Path) -> None:
    vcf = cohort(tmp_path / "c.vcf.gz")
    plan = plan_store(vcf)
    plan.work.mkdir(parents=True)
    shutil.copy(build_store(vcf, tmp_path / "whole") / "00000.calls", plan.file("chr1"))
    os.utime(vcf, (1, 1))
    with pytest.raises(InputError, match="was changed while it was read"):
        build_stores([plan])
    build_store(vcf)
    assert is_current(vcf, default_store(vcf))
    assert [path.name for path in cache.iterdir()] == [default_store(vcf).name]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_record_that_is_bad_leaves_nothing_and_other_files_are_done(
    tmp_path: Path, cache: Path, workers: int
) -> None:
    good = cohort(tmp_path / "good.vcf.gz", contigs=["chr1", "chr2"])
    bad = cohort(tmp_path / "bad.vcf.gz", bad="chr3", contigs=["chr3", "chr4"])
    with pytest.raises(InputError, match="chr3:1810: the record has the genotype 'x/1' in the sample A"):
        invoke("ingest", good, bad, "--workers", workers)
    assert [path.name for path in cache.iterdir()] == [default_store(good).name]
    assert damage_in(default_store(good)) is None


def test_several_processes_write_what_one_does(tmp_path: Path, cache: Path) -> None:
    vcf = cohort(tmp_path / "c.vcf.gz")
    expected = contents(build_store(vcf, tmp_path / "whole"))
    steps: list[tuple[int, int]] = []
    build_stores([plan_store(vcf)], engine=Processes(2), on_contig=lambda *step: steps.append(step))
    assert steps == [(done, 6) for done in range(7)]
    assert contents(default_store(vcf)) == expected


KILLED = """
import os, signal, sys
from variantformer_hf.genome import contig_work
from variantformer_hf.cli import main
write, done = contig_work.ContigWriter.finish, []
def finish(writer, counts):
    if len(done) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    done.append(write(writer, counts))
    return done[-1]
contig_work.ContigWriter.finish = finish
sys.argv = ["variantformer", "ingest", sys.argv[1]]
main()
"""


def test_a_run_that_was_killed_goes_on(tmp_path: Path, cache: Path) -> None:
    vcf = cohort(tmp_path / "c.vcf.gz")
    expected = contents(build_store(vcf, tmp_path / "whole"))
    killed = subprocess.run([sys.executable, "-c", KILLED, vcf], capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL
    (work,) = cache.iterdir()
    done = {path.name: path.stat().st_mtime_ns for path in work.glob("*.calls")}
    assert sorted(done) == ["00000.calls", "00001.calls"]
    assert len(list(work.iterdir())) == 3  # one that was being written
    invoke("ingest", vcf)
    assert contents(default_store(vcf)) == expected
    assert {name: (default_store(vcf) / name).stat().st_mtime_ns for name in done} == done
    assert [path.name for path in cache.iterdir()] == [default_store(vcf).name]


HANGS = """
import os, sys, time
from pathlib import Path
from variantformer_hf.genome.vcf_blocks import VcfBlocks
from variantformer_hf.work import Processes, run_units, unit_of

class Hang:
    def open(self): return self
    def do(self, unit):
        Path(unit.content).write_text(str(os.getpid()))
        if "die" in unit.content: os.kill(os.getpid(), 9)
        try: time.sleep(60)
        finally: Path(unit.content + ".end").touch()
    def close(self): pass

if __name__ == "__main__":
    units = [unit_of("u", path) for path in sys.argv[1:]]
    run_units(Hang(), units, is_done=lambda unit: False, engine=Processes(2))
"""


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_processes_end_with_the_one_that_started_them(tmp_path: Path, number: int) -> None:
    (tmp_path / "hang.py").write_text(HANGS)
    names = [tmp_path / "one", tmp_path / "two", tmp_path / "three"]
    main = subprocess.Popen([sys.executable, tmp_path / "hang.py", *names], stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 60
        while not all(path.exists() and path.read_text() for path in names[:2]) and time.monotonic() < end:
            time.sleep(0.05)
        pids = [int(path.read_text()) for path in names[:2]]
        main.send_signal(number)
        main.wait(timeout=30)
        while any(map(is_running, pids)) and time.monotonic() < end:
            time.sleep(0.05)
        assert not any(map(is_running, pids))
        if number == signal.SIGINT:
            assert all(path.with_name(f"{path.name}.end").exists() for path in names[:2])
            assert not names[2].exists()
    finally:
        main.kill()


@pytest.mark.skipif(sys.platform != "linux", reason="a process kills itself")
def test_a_process_that_dies_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "hang.py").write_text(HANGS)
    found = subprocess.run(
        [sys.executable, tmp_path / "hang.py", tmp_path / "die"], capture_output=True, check=False, text=True
    )
    assert "a process ended before its work did" in found.stderr.splitlines()[-1]


def test_a_full_disk_on_one_process_keeps_what_is_done(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit on a file's size stands for the disk; it is inherited by the processes."""
    vcf = cohort(tmp_path / "c.vcf.gz", long="chr4")
    command = f"ulimit -f 2; exec {sys.executable} -m variantformer_hf ingest {vcf} --workers 2"
    sizes = {path.name: path.stat().st_size for path in build_store(vcf, tmp_path / "whole").iterdir()}
    assert [name for name, size in sizes.items() if size > 2_048] == ["00003.calls"]
    full = subprocess.run(["bash", "-c", command], capture_output=True, check=False, text=True)
    assert full.returncode == 1
    assert "is larger than a file may be here" in full.stderr
    assert "Traceback" not in full.stderr
    assert not default_store(vcf).exists()
    (work,) = cache.iterdir()
    assert {path.name for path in work.iterdir()} <= set(sizes) - {"00003.calls"}
    invoke("ingest", vcf)
    assert {path.name: path.stat().st_size for path in default_store(vcf).iterdir()} == sizes


def test_records_that_are_not_in_order_are_refused(tmp_path: Path) -> None:
    from variantformer_hf.genome.call_blocks import CallBlock
    from variantformer_hf.genome.contig_writer import ContigWriter
    from variantformer_hf.genome.store_layout import StoreLimits

    def block(*positions: int) -> CallBlock:
        n = len(positions)
        position, none = np.array(positions, dtype=np.int64), np.zeros(0, dtype=np.int64)
        letters = np.full(n, ord("A"), dtype=np.uint8)
        flags, size = np.ones(n, dtype=np.uint8), np.zeros(n, dtype=np.int64)
        return CallBlock(position, position + 1, size, flags, letters, letters, size, letters[:0], none, none, none, ())

    with CheckedWriter(tmp_path / "a") as file:
        writer = ContigWriter(file, Path("calls.pgen"), "chr1", 3, StoreLimits())
        writer.add(block(5, 5, 9))
        for wrong in (block(9, 10, 8), block(8)):
            with pytest.raises(InputError, match=r"calls.pgen: chr1:9: stands behind a record that begins after it"):
                writer.add(wrong)


def test_a_store_is_of_the_people_of_its_file(tmp_path: Path) -> None:
    vcf = cohort(tmp_path / "c.vcf.gz")
    folder = build_store(vcf)
    store = VariantStore(vcf, folder, "B")
    assert store.indexed_contigs == list(CONTIGS)
    assert store.samples == SAMPLES


@pytest.mark.parametrize("seed", range(12))
def test_calls_of_one_width_are_read_as_any_others(tmp_path: Path, seed: int) -> None:
    """Calls such as 0|1 are compared as numbers where all of some lines are such."""
    rng = random.Random(seed)
    samples = [f"S{number}" for number in range(rng.choice([8, 13]))]
    unusual = rng.choice([[], [], ["0/1:7"], ["1"], ["10|11"], ["./1/1"]])
    lines = []
    for number in range(200):
        usual = rng.choice([["0|0", "0/0"], ["0|0", "0|1", "1|0"], ["0/0", "./.", "1/2", ".|9", "3/3"]])
        calls = [rng.choice([*usual, *(unusual if number == 150 else [])]) for _ in samples]
        info = rng.choice([".", "END=2000", "AF=0.1"])
        alts = rng.choice(["C", "<DEL>", "AT", "G,T", "."])
        fields = ["chr1", str(10 + 5 * number), ".", "A", alts, ".", rng.choice(["PASS", "q10"]), info, "GT:DP", *calls]
        lines.append("\t".join(fields))
    vcf = write_vcf(tmp_path / "c.vcf.gz", lines, contigs=CONTIGS, samples=samples)

    def read() -> tuple[list[object], list[tuple[int, ...]]]:
        source = VcfBlocks(vcf, text_at_once=20_000)
        found: list[object] = []
        calls: dict[tuple[int, int], str] = {}
        first = 0
        for block in source.blocks("chr1"):
            found += [getattr(block, name).tolist() for name in ("position", "end", "flags", "alleles", "text")]
            for record_, sample, code in zip(block.call_record, block.call_sample, block.call_genotype, strict=True):
                calls[first + int(record_), int(sample)] = block.genotypes[code]
            first += len(block)
        return found, sorted((*at, text) for at, text in calls.items() if text not in ("0/0", "0|0"))  # type: ignore[misc]

    expected = [
        (row, column, call.split(":")[0])
        for row, line in enumerate(lines)
        for column, call in enumerate(line.split("\t")[9:])
        if call not in ("0/0", "0|0")
    ]
    found = read()
    assert found[1] == expected
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("variantformer_hf.genome.vcf_calls._FEWEST_SAMPLES", 99)
        assert read() == found
