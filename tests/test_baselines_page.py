"""docs/baselines.md does what it says, and prints what it shows."""

import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest
from command_line import run

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "baselines.md").read_text(encoding="utf-8")
_NUMBER = re.compile(r"-?\d+\.\d+")


def test_the_page_runs(demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(demo, tmp_path / "demo-output")
    monkeypatch.chdir(tmp_path)
    said = ""
    for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL):
        for line in block.replace("\\\n", "").replace("$C", "demo-output/cohort").splitlines():
            if line.startswith("variantformer"):
                done = run(*shlex.split(line)[1:])
                assert done.returncode == 0, done.stderr
                said += done.stderr
    printed, rows, weights = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)
    assert "\n".join(line for line in said.splitlines() if line)[: len(printed) - 1] == printed.rstrip("\n")
    for shown, path in ((rows, "predictions.csv"), (weights, "weights/liver.weights.tsv")):
        found = "\n".join(Path(path).read_text().splitlines()[: len(shown.splitlines())])
        assert _NUMBER.sub("#", found) == _NUMBER.sub("#", shown).rstrip("\n")
        for one, other in zip(_NUMBER.findall(found), _NUMBER.findall(shown), strict=True):
            assert float(one) == pytest.approx(float(other), abs=2e-3)
    known: dict[str, Any] = {"__name__": "page"}
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(compile(code, "baselines.md", "exec"), known)
    assert known["report"]["genes"] == {"fitted": 6}
    assert Path("top-snp/model.safetensors").is_file()
