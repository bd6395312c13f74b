"""Where the released implementation's outputs are found, and what their absence means."""

import gc
import os
import sys
from collections.abc import Generator, Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from small_cohort import SmallCohort
    from small_model import SmallWorld

    from variantformer_hf.analysis import VariantScorer
    from variantformer_hf.data.splits import Split

REPOSITORY = Path(__file__).resolve().parents[1]
MOST_WORKERS = 8
# A finished workflow, a Ray, pages of half a minute and more.
COSTLY = ("test_workflow_snakemake", "test_work_ray", "test_cookbook_page")
# What is imported from them starts processes that are forked from one that imports everything first.
FORKING = {"forked_commands", "forked_processes", "local_hub", "training_runs"}

# One thread a process, also of those that tests start: as many processes as cores run at once, and threads that wait
# for each other over tiny matrices turn seconds into minutes. Before anything imports torch: what is heavy is imported
# where it is used, since the process that gives the others their tests has no need of it.
os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """A process a core for the suite or a folder of it; named files and tests run in this process."""
    if not all(Path(argument).is_dir() for argument in config.args):
        return 0
    return min(MOST_WORKERS, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What is costly once comes first, in one process: at the end idle processes take over half of what is left."""
    items.sort(key=lambda item: (item.path.stem not in COSTLY, not forks(item.module)))  # type: ignore[attr-defined]


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What modules of tests import stays: nobody looks for garbage in it, now or later."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@cache
def forks(module: ModuleType) -> bool:
    """Whether tests of a module start forked processes."""
    return any(getattr(value, "__module__", None) in FORKING for value in vars(module).values())


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """The argument's name for bytes: those of compressed files hold the time, and all workers must agree on names."""
    return argname if isinstance(val, bytes) else None


@pytest.fixture(autouse=True, scope="session")
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Stores and hashes of the tests, and of the processes that they start, stay out of the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VARIANTFORMER_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True)
def no_accelerator_of_others() -> None:
    """A run of training in this process does not meet the settings of those before it, which accelerate keeps."""
    if accelerate := sys.modules.get("accelerate.state"):
        accelerate.AcceleratorState._reset_state(reset_partial_state=True)


@pytest.fixture(autouse=True)
def weights_are_read_once() -> None:
    """Each command has a copy of the model as it was loaded first."""
    from loaded_once import load_once

    if models := sys.modules.get("variantformer_hf.zoo.variantformer.gene_model"):
        load_once(models)


def shared_folder() -> Path | None:
    """The folder with the released outputs: $VARIANTFORMER_SHARED, else `shared` beside the checkout."""
    named = os.environ.get("VARIANTFORMER_SHARED")
    folder = Path(named) if named else REPOSITORY.parent / "shared"
    return folder if (folder / "parity").is_dir() else None


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with the released outputs; skips without it, fails under VARIANTFORMER_REQUIRE_SHARED=1."""
    folder = shared_folder()
    if folder is None:
        reason = "the released implementation's outputs are not here (set VARIANTFORMER_SHARED to their folder)"
        if os.environ.get("VARIANTFORMER_REQUIRE_SHARED") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return folder


@pytest.fixture(scope="session")
def parity(shared: Path) -> Path:
    """The folder with tensors, genomes and predictions of the released implementation."""
    return shared / "parity"


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Threads that wait for each other over tiny matrices turn seconds into minutes on a busy machine."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> "SmallWorld":
    """A small model with a small genome."""
    from small_model import small_world

    return small_world(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def scorer(world: "SmallWorld") -> "VariantScorer":
    """Variant effects by the small model."""
    from variantformer_hf.analysis import VariantScorer

    return VariantScorer(world.predictor.model)


@pytest.fixture(scope="module")
def cohort(world: "SmallWorld", tmp_path_factory: pytest.TempPathFactory) -> "SmallCohort":
    """A small cohort in the small genome."""
    from small_cohort import small_cohort

    return small_cohort(world, tmp_path_factory.mktemp("cohort"))


@pytest.fixture(scope="module")
def split(cohort: "SmallCohort") -> "Split":
    """A quarter of its donors is held out."""
    from variantformer_hf.data.splits import split_donors

    return split_donors(cohort.expression.samples, test=0.25)


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's folder."""
    from command_line import run

    folder = tmp_path_factory.mktemp("demo")
    finished = run("demo", "--output", folder)
    assert finished.returncode == 0, finished.stderr
    return folder


@pytest.fixture(scope="module")
def lab(cohort: "SmallCohort") -> Path:
    """A folder with everything that a run of training needs, and a model with dropout."""
    from training_runs import write_lab

    return write_lab(cohort)
