"""Units on Ray: what one process writes, whatever dies meanwhile."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from command_line import run
from genome_files import record, write_vcf
from small_model import LENGTH, SmallWorld
from toy_job import CannotOpen, OneFullDisk, PreparedSquares, Squares
from window_case import window_case

from variantformer_hf.cli.settings import chosen_precision
from variantformer_hf.errors import InputError, OutputError
from variantformer_hf.inference import PredictionDataset
from variantformer_hf.work import FailedUnit, InProcess, run_units
from variantformer_hf.work.ray_engine import MOST_DEATHS, RayEngine

ray = pytest.importorskip("ray")
TESTS = str(Path(__file__).parent)
SMALL = {"object_store_memory": 100_000_000, "include_dashboard": False}


@pytest.fixture(scope="module", autouse=True)
def workers_find_the_toys() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([TESTS, os.environ.get("PYTHONPATH", "")]))
        yield


@pytest.fixture(scope="module")
def here(workers_find_the_toys: None) -> Iterator[None]:
    """A Ray of two processes in this machine, which engines without an address use too."""
    ray.init(address="local", num_cpus=2, log_to_driver=False, logging_level="ERROR", **SMALL)
    yield
    ray.shutdown()


@pytest.fixture
def three_nodes() -> Iterator["ray.cluster_utils.Cluster"]:
    """A cluster of three nodes of one core."""
    from ray.cluster_utils import Cluster

    ray.shutdown()
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, **SMALL})
    for _ in range(2):
        cluster.add_node(num_cpus=1, object_store_memory=SMALL["object_store_memory"])
    yield cluster
    ray.shutdown()
    cluster.shutdown()


def done_by(job: Squares, count: int, engine: RayEngine) -> list[FailedUnit]:
    return run_units(job, job.units(count), is_done=job.is_done, engine=engine)


def squares(count: int, without: tuple[int, ...] = ()) -> list[int]:
    return [number**2 for number in range(count) if number not in without]


@pytest.mark.usefixtures("here")
def test_what_fails_and_what_kills_is_named_and_the_rest_is_finished(tmp_path: Path) -> None:
    job = Squares(tmp_path / "run", seconds=0.05, refused=frozenset([3]), deadly=frozenset([10]))
    said: list[str] = []
    units = job.units(60)
    failed = {each.name: each.text for each in done_by(job, 60, RayEngine(workers=2, say=said.append))}
    assert job.answers() == squares(60, without=(3, 10))
    assert set(failed) == {units[3].name, units[10].name}
    assert failed[units[3].name] == "3: has no square"
    assert f"its process died {MOST_DEATHS} times" in failed[units[10].name]
    assert said == ["Ray: 2 workers on 1 machine, each with 1 CPU"]
    # The unit that was held beside a deadly one is not blamed for it.
    begun = job.begun()
    assert begun.count(units[10].name) == MOST_DEATHS and set(begun) == {unit.name for unit in units}
    # One that was lost is begun again before those that were not begun.
    again = begun.index(units[10].name, begun.index(units[10].name) + 1)
    assert again < begun.index(units[59].name)


@pytest.mark.usefixtures("here")
def test_no_worker_is_idle_while_another_holds_two_units(tmp_path: Path) -> None:
    job = Squares(tmp_path / "run", seconds=1.0)
    assert done_by(job, 2, RayEngine(workers=2)) == []
    assert len(job.processes()) == 2


@pytest.mark.usefixtures("here")
def test_no_input_is_prepared_more_than_two_units_ahead(tmp_path: Path) -> None:
    job = PreparedSquares(tmp_path / "run", seconds=0.02, refused=frozenset([5]))
    assert [each.text for each in done_by(job, 30, RayEngine(workers=2))] == ["5: has no square"]
    assert job.answers() == squares(30, without=(5,))
    assert int((job.folder / "furthest").read_text()) <= 2


@pytest.mark.slow
@pytest.mark.usefixtures("here")
def test_a_worker_whose_disk_is_full_leaves_its_units_to_the_others(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    job = OneFullDisk(tmp_path / "run")
    assert done_by(job, 30, RayEngine(workers=2)) == []
    assert job.answers() == squares(30)
    assert sum("takes no more units" in each.message for each in caplog.records) == 1
    full = OneFullDisk(tmp_path / "all", all_full=True)
    with pytest.raises(OutputError, match="no room is left on the disk"):
        done_by(full, 30, RayEngine(workers=2))


@pytest.mark.usefixtures("here")
def test_a_job_that_no_worker_can_open_is_one_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"model: no such file\. Put it on all machines\."):
        done_by(CannotOpen(tmp_path / "run"), 3, RayEngine(workers=2))


def test_without_the_package_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError, match=r"pip install 'variantformer-hf\[ray\]'"):
        RayEngine()


@pytest.mark.parametrize(("gpus", "auto"), [(0, "float32"), (2, "bfloat16")])
def test_the_precision_auto_is_that_of_the_workers(monkeypatch: pytest.MonkeyPatch, gpus: int, auto: str) -> None:
    """Not of the machine of the command, which may have no GPU, or be the only one that has one."""
    engine = RayEngine("auto")
    nodes = [{"Alive": True, "Resources": {"CPU": 8}}, {"Alive": True, "Resources": {"CPU": 8, "GPU": gpus}}]
    monkeypatch.setattr(engine, "_connected", nullcontext)
    monkeypatch.setattr(engine, "_ray", SimpleNamespace(nodes=lambda: nodes))
    assert chosen_precision("auto", engine) == auto
    assert chosen_precision("float32", engine) == "float32"
    for here in (RayEngine(workers=2), InProcess()):
        assert chosen_precision("auto", here) == "auto"


@dataclass(frozen=True)
class Asked:
    """A model on disk, and what commands take of its small world."""

    inputs: list[object]
    variants: Path
    panel: Path


@pytest.fixture(scope="module")
def asked(world: SmallWorld, tmp_path_factory: pytest.TempPathFactory) -> Asked:
    folder = tmp_path_factory.mktemp("asked")
    rng = random.Random(3)
    lines = []
    for position in sorted(rng.sample(range(1_700, 3_700), 60)):
        held = world.genome[position - 1]
        lines.append(record(position, held, rng.choice("ACGT".replace(held, "")), "0/1", info="AF=0.3"))
    person = write_vcf(folder / "person.vcf.gz", lines[::2], contigs={"chr1": LENGTH, "chrX": 200})
    panel = write_vcf(folder / "panel.vcf.gz", lines, contigs={"chr1": LENGTH, "chrX": 200})
    variants = folder / "variants.txt"
    names = [line.split("\t") for line in lines[::5]]
    variants.write_text("".join(f"{name[0]}:{name[1]}:{name[3]}>{name[4]}\n" for name in names))
    model = world.save(folder / "model")
    return Asked([model, "--fasta", world.reference.path, "--vcf", person, "--device", "cpu"], variants, panel)


def same_files(command: str, asked: Asked, options: list[object], suffix: str, tmp_path: Path) -> None:
    """Hold a command with Ray to what it writes in one process, byte for byte."""
    written = []
    for name, engine in (("one", []), ("ray", ["--engine", "ray", "--workers", 2])):
        folder = tmp_path / name
        folder.mkdir()
        finished = run(command, *asked.inputs, *options, "-o", folder / f"out{suffix}", *engine)
        assert finished.returncode == 0, finished.stderr
        assert ("Ray: " in finished.stderr) == bool(engine)
        assert not list(folder.glob("*parts*"))
        written.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert written[0] == written[1] and f"out{suffix}" in written[0]


@pytest.mark.slow
@pytest.mark.usefixtures("here")
def test_effects_by_ray_are_those_of_one_process(asked: Asked, tmp_path: Path) -> None:
    same_files("effects", asked, ["--variants", asked.variants], ".parquet", tmp_path)


@pytest.mark.slow
@pytest.mark.usefixtures("here")
def test_vectors_by_ray_are_those_of_one_process(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    case = window_case(tmp_path / "files", "enformer")
    inputs: list[object] = [case.model, "--fasta", case.fasta, "--vcf", case.vcf, "--device", "cpu"]
    same_files("embed", Asked(inputs, Path(), Path()), ["--pool", "bin"], ".safetensors", tmp_path)


@pytest.mark.slow
@pytest.mark.usefixtures("here")
def test_predictions_by_ray_are_those_of_one_process(asked: Asked, tmp_path: Path) -> None:
    same_files("predict", asked, [], ".parquet", tmp_path)


@pytest.mark.slow
@pytest.mark.usefixtures("here")
def test_a_dataset_by_ray_has_the_rows_of_one_process(asked: Asked, tmp_path: Path) -> None:
    tables = []
    for name, engine in (("one", []), ("ray", ["--engine", "ray", "--workers", 2])):
        finished = run("predict", *asked.inputs, "-o", f"{tmp_path / name}/", *engine)
        assert finished.returncode == 0, finished.stderr
        tables.append(PredictionDataset(tmp_path / name).to_pandas())
    pd.testing.assert_frame_equal(*tables)


@pytest.mark.slow
@pytest.mark.usefixtures("here")
def test_a_store_by_ray_is_that_of_one_process(asked: Asked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = []
    for name, engine in (("one", []), ("ray", ["--engine", "ray", "--workers", 2])):
        monkeypatch.setenv("VARIANTFORMER_CACHE", str(tmp_path / name))
        finished = run("ingest", asked.panel.with_name("person.vcf.gz"), *engine)
        assert finished.returncode == 0, finished.stderr
        folders.append(Path(finished.stdout.strip()))
    one, other = ({path.name: path.read_bytes() for path in folder.iterdir()} for folder in folders)
    assert one == other and len(one) > 1


@pytest.mark.slow
@pytest.mark.usefixtures("here")
def test_what_ray_has_precomputed_one_process_finds(asked: Asked, tmp_path: Path) -> None:
    inputs = [*asked.inputs[:3], "--device", "cpu", "-o", tmp_path / "store"]
    first = run("precompute", *inputs, "--engine", "ray", "--workers", 2)
    assert first.returncode == 0, first.stderr
    assert "Ray: " in first.stderr and " 0 encoded now" not in first.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["store"]
    assert " 0 encoded now" in run("precompute", *inputs).stderr


@pytest.mark.slow
@pytest.mark.usefixtures("here")
def test_a_null_by_ray_is_that_of_one_process(asked: Asked, tmp_path: Path) -> None:
    options = ["--panel", asked.panel, "--gene", "PLUS", "--gene", "MINUS", "--per-class", 7]
    same_files("null", asked, options, ".parquet", tmp_path)


@pytest.mark.slow
@pytest.mark.usefixtures("here")
def test_mutagenesis_by_ray_is_that_of_one_process(asked: Asked, tmp_path: Path) -> None:
    options = ["--gene", "PLUS", "--region", "chr1:2001-2050", "--mutation", "substitutions", "--mutation", "shuffles"]
    same_files("mutagenesis", asked, options, ".safetensors", tmp_path)


@pytest.mark.slow
def test_a_command_without_a_gpu_computes_as_its_workers_do(
    three_nodes: "ray.cluster_utils.Cluster", asked: Asked, tmp_path: Path
) -> None:
    """The GPU is one by Ray's word alone: what is computed in bfloat16 is, all the same."""
    three_nodes.add_node(num_cpus=1, num_gpus=1, object_store_memory=SMALL["object_store_memory"])
    inputs, out = asked.inputs[:-2], tmp_path / "out.csv"  # --device auto
    finished = run("predict", *inputs, "--gene", "PLUS", "-o", out, "--engine", "ray", "--address", three_nodes.address)
    assert finished.returncode == 0, finished.stderr
    assert "and 1 GPU" in finished.stderr
    assert json.loads((tmp_path / "out.csv.report.json").read_text())["settings"]["precision"] == "bfloat16"
    one = run("predict", *inputs, "--gene", "PLUS", "-o", tmp_path / "one.csv", "--precision", "bfloat16")
    assert one.returncode == 0 and out.read_text() == (tmp_path / "one.csv").read_text()


@pytest.mark.slow
def test_a_node_that_is_killed_loses_no_unit(three_nodes: "ray.cluster_utils.Cluster", tmp_path: Path) -> None:
    job = Squares(tmp_path / "run", seconds=0.3)
    victim = next(iter(three_nodes.worker_nodes))
    with After(5, lambda: three_nodes.remove_node(victim, allow_graceful=False)):
        assert done_by(job, 90, RayEngine(three_nodes.address)) == []
    assert job.answers() == squares(90)
    assert victim not in three_nodes.worker_nodes


@pytest.mark.slow
def test_an_actor_that_is_killed_every_five_seconds_ten_times_loses_no_unit(
    three_nodes: "ray.cluster_utils.Cluster", tmp_path: Path
) -> None:
    job = Squares(tmp_path / "run", seconds=0.5)
    killed: list[int] = []

    def kill() -> None:
        wait_until(lambda: bool(job.begun()) and job.last_process() not in killed)
        killed.append(job.last_process())
        os.kill(killed[-1], signal.SIGKILL)

    with Every(5, 10, kill):
        assert done_by(job, 300, RayEngine(three_nodes.address)) == []
    assert job.answers() == squares(300)
    assert len(set(killed)) == 10


DRIVER = """
import sys
from pathlib import Path
from toy_job import Squares
from variantformer_hf.work import run_units
from variantformer_hf.work.ray_engine import RayEngine

job = Squares(Path(sys.argv[1]), seconds=0.2)
assert run_units(job, job.units(60), is_done=job.is_done, engine=RayEngine(sys.argv[2])) == []
"""


@pytest.mark.slow
def test_a_driver_that_is_killed_goes_on_where_it_was(three_nodes: "ray.cluster_utils.Cluster", tmp_path: Path) -> None:
    job = Squares(tmp_path / "run")
    command = [sys.executable, "-c", DRIVER, str(job.folder), three_nodes.address]
    first = subprocess.Popen(command)
    wait_until(lambda: len(job.begun()) > 10)
    first.kill()
    first.wait()
    there = len(job.answers())
    assert 0 < there < 60
    subprocess.run(command, check=True)
    assert job.answers() == squares(60)
    # What was there is not done again; what was begun at the moment may be.
    assert len(job.begun()) <= 60 + 3 * 2


@pytest.mark.slow
def test_the_same_run_started_twice_at_once_loses_and_doubles_nothing(
    three_nodes: "ray.cluster_utils.Cluster", tmp_path: Path
) -> None:
    job = Squares(tmp_path / "run")
    command = [sys.executable, "-c", DRIVER, str(job.folder), three_nodes.address]
    both = [subprocess.Popen(command) for _ in range(2)]
    assert [each.wait() for each in both] == [0, 0]
    assert job.answers() == squares(60)


class After:
    """A block during which something happens after some seconds."""

    def __init__(self, seconds: float, act: Callable[[], object]) -> None:
        self.timer = threading.Timer(seconds, act)

    def __enter__(self) -> None:
        self.timer.start()

    def __exit__(self, *_: object) -> None:
        self.timer.join()


class Every:
    """A block during which something happens again and again."""

    def __init__(self, seconds: float, times: int, act: Callable[[], object]) -> None:
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.run, args=(seconds, times, act))

    def run(self, seconds: float, times: int, act: Callable[[], object]) -> None:
        for _ in range(times):
            if self.stop.wait(seconds):
                return
            act()

    def __enter__(self) -> None:
        self.thread.start()

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.thread.join()


def wait_until(true: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)
