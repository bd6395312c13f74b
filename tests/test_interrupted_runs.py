"""Runs that are killed, stopped or out of room at random moments: started again they end as if nothing had happened."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pysam
import pytest
import yaml
from forked_processes import Forked
from small_cohort import SmallCohort

from variantformer_hf import PredictionDataset
from variantformer_hf.data.splits import split_donors
from variantformer_hf.simulation.genome import write_simulation
from variantformer_hf.simulation.model import write_demo_model

RUNS = Path(__file__).with_name("interrupted_runs.py")
FEW, MANY = 1, 50
KEYS = ["sample", "gene_id", "tissue", "variant", "zygosity"]


def runs(folder: Path, arguments: list[str], how: str, points: int, seed: int = 0) -> list[dict[str, Any]]:
    folder.mkdir()
    question = {"arguments": arguments, "how": how, "points": points, "seed": seed}
    return answer(folder, question)


def answer(folder: Path, question: dict[str, Any]) -> list[dict[str, Any]]:
    process = Forked([RUNS, folder, json.dumps(question)], folder / "said", ACCELERATE_USE_CPU="true")
    assert process.wait(seconds=3_600) == 0, process.said
    return list(json.loads(process.said.splitlines()[-1]))


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    return commands_on(tmp_path_factory.mktemp("files"), cre_spacing=8_000)


@pytest.fixture(scope="module")
def long_commands(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """The same on more elements: most of their time is that of their units."""
    return commands_on(tmp_path_factory.mktemp("files"), cre_spacing=2_000)


def commands_on(folder: Path, cre_spacing: int) -> dict[str, list[str]]:
    """Command lines on a simulated genome."""
    files = write_simulation(folder, cre_spacing=cre_spacing)
    model = write_demo_model(files, folder / "model")
    inputs = [str(model), "--fasta", str(files.fasta), "--vcf", str(files.vcf), "--device", "cpu"]
    with pysam.VariantFile(str(files.vcf)) as vcf:
        rows = [f"{each.chrom}\t{each.pos}\t{each.ref}\t{each.alts[0]}\n" for each in list(vcf)[::25]]
    (folder / "variants.tsv").write_text("chrom\tpos\tref\talt\n" + "".join(rows))
    output = ["-o", "FOLDER/out.csv"]
    effects = ["effects", *inputs, "--variants", str(folder / "variants.tsv"), "--zygosity", "hom", *output]
    dataset = ["predict", *inputs, "-o", "FOLDER/out/"]
    array = ["predict", *inputs, "-o", "FOLDER/out", "--format", "zarr"]
    return {"predict": ["predict", *inputs, *output], "effects": effects, "dataset": dataset, "array": array}


def check_tables(folder: Path, found: list[dict[str, Any]], left: tuple[str, ...]) -> None:
    """Every run ended with the undisturbed table, no row lost or doubled, and nothing else."""
    expected = pd.read_csv(folder / "whole" / "out.csv")
    names = sorted(path.name for path in (folder / "whole").iterdir())
    keys = [name for name in KEYS if name in expected]
    for point, each in enumerate(found):
        assert each["codes"][1] == 0, each
        assert "Traceback" not in "".join(each["said"]), each
        table = pd.read_csv(folder / str(point) / "out.csv")
        pd.testing.assert_frame_equal(table[keys], expected[keys])
        pd.testing.assert_frame_equal(table, expected, atol=2e-5, rtol=0)
        assert sorted(path.name for path in (folder / str(point)).iterdir()) == names, each
        if each["codes"][0] not in (0, -9):
            assert all(path.startswith(left) for path in each["left"]), each
    report, whole = (json.loads((folder / name / "out.csv.report.json").read_text()) for name in ("0", "whole"))
    for entry in ("samples", "genes", "counts"):
        assert report.get(entry) == whole.get(entry)


def has_units(each: dict[str, Any]) -> bool:
    """Whether a run left units that were done: notes of a prediction's, or tables of an analysis'."""
    return any("parts/_units/" in path or "parts/gene" in path for path in each["left"])


def killed(tmp_path: Path, commands: dict[str, list[str]], command: str, points: int) -> None:
    found = runs(tmp_path / "runs", commands[command], "SIGKILL", points)
    check_tables(tmp_path / "runs", found, ())
    assert {each["codes"][0] for each in found} <= {0, -9}
    if points == MANY:
        with_parts = [each for each in found if has_units(each)]
        assert len(with_parts) > 10, len(with_parts)


def test_killed_at_some_moments(tmp_path: Path, commands: dict[str, list[str]]) -> None:
    killed(tmp_path, commands, "predict", FEW)


@pytest.mark.slow
@pytest.mark.parametrize("command", ["predict", "effects"])
def test_killed_at_fifty_moments(tmp_path: Path, long_commands: dict[str, list[str]], command: str) -> None:
    killed(tmp_path, long_commands, command, MANY)


def stopped(tmp_path: Path, commands: dict[str, list[str]], command: str, how: str, points: int) -> None:
    found = runs(tmp_path / "runs", commands[command], how, points)
    check_tables(tmp_path / "runs", found, ("out.csv.parts",))
    code = {"SIGTERM": 143, "SIGINT": 130}[how]
    for each in found:
        assert each["codes"][0] in (0, code), each
        if each["codes"][0]:
            last = each["said"][0].strip().splitlines()[-1]
            assert last.startswith(f"stopped by {how}"), each
            if has_units(each):
                assert "keeps what is done: the same command goes on from there." in last


def test_stopped_at_some_moments(tmp_path: Path, commands: dict[str, list[str]]) -> None:
    stopped(tmp_path, commands, "predict", "SIGTERM", FEW)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["SIGTERM", "SIGINT"])
@pytest.mark.parametrize("command", ["predict", "effects"])
def test_stopped_at_many_moments(tmp_path: Path, long_commands: dict[str, list[str]], command: str, how: str) -> None:
    stopped(tmp_path, long_commands, command, how, 25)


def out_of_room(tmp_path: Path, commands: dict[str, list[str]], command: str, points: int) -> None:
    """No file may grow beyond 600 bytes, 1,000 bytes ...: each point fails in another file."""
    found = runs(tmp_path / "runs", commands[command], "full", points)
    check_tables(tmp_path / "runs", found, ("out.csv.parts",))
    assert found[0]["codes"][0] == 1
    for each in found:
        assert each["codes"][0] in (0, 1), each
        if each["codes"][0]:
            assert "is larger than a file may be here. Raise the limit" in each["said"][0].splitlines()[-1], each


def test_out_of_room_in_some_files(tmp_path: Path, commands: dict[str, list[str]]) -> None:
    out_of_room(tmp_path, commands, "predict", FEW)


@pytest.mark.slow
@pytest.mark.parametrize("command", ["predict", "effects"])
def test_out_of_room_at_twenty_points(tmp_path: Path, long_commands: dict[str, list[str]], command: str) -> None:
    out_of_room(tmp_path, long_commands, command, 20)


def datasets(
    tmp_path: Path, commands: dict[str, list[str]], command: str, how: str, points: int
) -> list[dict[str, Any]]:
    """Every run ended with the files of the undisturbed one, and nothing else."""
    found = runs(tmp_path / "runs", commands[command], how, points)
    folders = [tmp_path / "runs" / name / "out" for name in ("whole", *map(str, range(points)))]
    names = [sorted(str(path.relative_to(folder)) for path in folder.rglob("*")) for folder in folders]
    tables = [PredictionDataset(folder).to_pandas() for folder in folders]
    for point, each in enumerate(found, start=1):
        assert each["codes"][1] == 0, each
        assert "Traceback" not in "".join(each["said"]), each
        assert names[point] == names[0], each
        pd.testing.assert_frame_equal(tables[point], tables[0], atol=2e-5, rtol=0)
        assert len(pd.read_parquet(folders[point])) == len(tables[0]) if command == "dataset" else True
    assert len(names[0]) > 12
    return found


def test_a_dataset_killed_at_some_moments(tmp_path: Path, commands: dict[str, list[str]]) -> None:
    for each in datasets(tmp_path, commands, "dataset", "SIGKILL", FEW):
        assert each["codes"][0] in (0, -9), each


def test_a_dataset_out_of_room_in_some_files(tmp_path: Path, commands: dict[str, list[str]]) -> None:
    found = datasets(tmp_path, commands, "dataset", "full", FEW)
    assert found[0]["codes"][0] == 1
    for each in found:
        if each["codes"][0]:
            assert "is larger than a file may be here. Raise the limit" in each["said"][0].splitlines()[-1], each


@pytest.mark.slow
@pytest.mark.parametrize("how", ["SIGKILL", "SIGTERM", "full"])
@pytest.mark.parametrize("command", ["dataset", "array"])
def test_a_dataset_disturbed_at_many_moments(
    tmp_path: Path, long_commands: dict[str, list[str]], command: str, how: str
) -> None:
    found = datasets(tmp_path, long_commands, command, how, 20)
    if how == "SIGKILL":
        assert sum(any("_units/" in path for path in each["left"]) for each in found) > 5
    for each in found:
        if how == "SIGTERM" and each["codes"][0]:
            last = each["said"][0].strip().splitlines()[-1]
            assert ("keeps what is done" in last) == any("_units/" in path for path in each["left"]), each


def training(tmp_path: Path, cohort: SmallCohort, how: str, points: int) -> list[dict[str, Any]]:
    folder = cohort.vcf.parent
    split_donors(cohort.expression.samples, test=0.25).save(folder / "split.json")
    model = cohort.world.save(tmp_path / "model")
    loop = {"output": "run", "epochs": 3, "batch_size": 2, "checkpoint_every": 2, "log_every": 1}
    content = {
        "loop": loop,
        "fasta": str(cohort.world.reference.path),
        "vcfs": {"LAB": str(cohort.vcf)},
        "expression": str(folder / "expression"),
        "split": str(folder / "split.json"),
        "model": str(model),
    }
    # Paths are relative to the configuration, so that each run has its own.
    script = tmp_path / "runs"
    script.mkdir()
    for name in ("whole", *map(str, range(points))):
        (script / f"{name}.yaml").write_text(yaml.safe_dump({**content, "loop": {**loop, "output": f"{name}/run"}}))
    question = {
        "arguments": ["train", "expression", "--config", "FOLDER.yaml"],
        "how": how,
        "points": points,
        "seed": 1,
    }
    found = answer(script, question)
    for point, each in enumerate(found):
        assert each["codes"][1] == 0, each
        assert "Traceback" not in "".join(each["said"]), each
        for name in ("log.jsonl", "last/model.safetensors", "best/model.safetensors"):
            assert (script / str(point) / "run" / name).read_bytes() == (script / "whole/run" / name).read_bytes(), name
        left = {path.name for path in (script / str(point) / "run").iterdir()}
        assert left == {path.name for path in (script / "whole" / "run").iterdir()}, each
    return found


@pytest.mark.slow
def test_training_stopped_at_some_moments(tmp_path: Path, cohort: SmallCohort) -> None:
    for each in training(tmp_path, cohort, "SIGTERM", 5):
        assert each["codes"][0] in (0, 143)
        if each["codes"][0] == 143:
            assert "the same command" in each["said"][0].strip().splitlines()[-1]


@pytest.mark.slow
def test_training_killed_at_fifty_moments(tmp_path: Path, cohort: SmallCohort) -> None:
    found = training(tmp_path, cohort, "SIGKILL", MANY)
    assert sum(any("step-" in path for path in each["left"]) for each in found) > 10
