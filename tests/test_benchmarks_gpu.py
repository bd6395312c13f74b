"""benchmarks/gpu.sh where there is no GPU: every step runs with tiny sizes, and what fails is recorded."""

import importlib.util
import json
import os
import subprocess
from pathlib import Path
from types import ModuleType

import pytest
from forked_commands import forked_commands
from forked_processes import Forked

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def gpu() -> ModuleType:
    spec = importlib.util.spec_from_file_location("gpu_benchmark", REPOSITORY / "benchmarks" / "gpu.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_its_form_for_a_cpu(gpu: ModuleType, tmp_path: Path) -> None:
    before = gpu.DOCUMENT.read_text()
    with forked_commands() as commands:
        done = subprocess.run(
            ["bash", str(REPOSITORY / "benchmarks/gpu.sh"), "--cpu", "--only", "model", "--output", str(tmp_path)],
            check=False,
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHON": str(commands / "python")},
        )
    report = json.loads((tmp_path / "gpu.json").read_text())
    assert {name: step["error"] for name, step in report["steps"].items()} == {"model": None}
    assert done.returncode == 0, done.stderr
    assert report["steps"]["model"]["found"]["s: both streams, all tissues"] > 0
    table = (tmp_path / "gpu.md").read_text()
    assert "| model | s: both streams, all tissues | " in table
    assert gpu.DOCUMENT.read_text() == before


@pytest.mark.slow
def test_every_step_on_a_cpu(gpu: ModuleType, tmp_path: Path) -> None:
    """But the model's, which is above; as the script starts them, in processes that need not import everything."""
    steps = [name for name in gpu.LIMITS if name != "model"]
    found = {}
    for name in steps:
        words = [REPOSITORY / "benchmarks/gpu.py", "--step", name, "--cpu"]
        process = Forked(words, tmp_path / name, CUDA_VISIBLE_DEVICES="", HF_HUB_OFFLINE="1")
        assert process.wait() == 0, process.said
        found[name] = json.loads(process.said.splitlines()[-1])
        assert "problem" not in found[name]
    assert found["tests"]["skipped"] > 0
    for name in ("sdpa", "variantformer_flex"):
        assert 0 < found["attention"][name]["greatest difference"] < 2e-5
    assert found["training"]["parameters that learn"] < found["training"]["parameters"]
    assert found["effects"]["cCRE: greatest difference from the pairs"] < 2e-5
    table = gpu.as_table({"machine": {}, "steps": {name: {"found": found[name], "error": None} for name in steps}})
    assert {line.split(" | ")[0] for line in table.splitlines()[4:]} == {f"| {name}" for name in steps}


def test_a_step_that_fails_or_takes_too_long_is_recorded(
    gpu: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(gpu.LIMITS, "model", 0.0025)
    result = gpu.run_step("model", True, tmp_path / "log")
    assert (result["ok"], result["error"]) == (False, "took more than 0.01 s")
    monkeypatch.setattr(gpu, "__file__", str(tmp_path / "none.py"))
    assert "No such file" in gpu.run_step("effects", True, tmp_path / "log")["error"]
    table = gpu.as_table({"machine": {"device": "none"}, "steps": {"model": result}})
    assert "| model | **failed** | took more than 0.01 s |" in table


def test_the_table_takes_its_place(gpu: ModuleType, tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    page.write_text(gpu.DOCUMENT.read_text())
    gpu.put_between_marks(page, "| a table |\n")
    gpu.put_between_marks(page, "| another |\n")
    text = page.read_text()
    assert text.count(gpu.BEGIN) == text.count(gpu.END) == text.count("| another |") == 1
    assert "| a table |" not in text
    assert text.startswith(gpu.DOCUMENT.read_text().partition(gpu.BEGIN)[0])
