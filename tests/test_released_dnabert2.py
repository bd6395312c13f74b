"""DNABERT-2's published weights, where they are at hand, against multimolecule; and the comparison itself."""

import json
import os
import subprocess
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from test_conversion_published import FIXTURES, converted, dnabert2_files

from variantformer_hf.modeling import UkBioBertForMaskedLM

pytestmark = pytest.mark.usefixtures("one_thread")

ORACLE = Path(__file__).resolve().parents[1] / "oracles"
LIMIT = 1e-4


def furthest(folder: Path, outputs: Path, work: Path) -> float:
    """How far the converted weights of a folder are from outputs of the oracle, at what is no padding."""
    model = UkBioBertForMaskedLM.from_pretrained(converted(work, folder, "--kind", "dnabert2")).eval()
    apart = 0.0
    with safe_open(outputs, "pt") as file:
        every = json.loads(file.metadata()["every"])
        for length, kept in every.items():
            ids, mask = file.get_tensor(f"{length}.ids"), file.get_tensor(f"{length}.mask")
            with torch.inference_mode():
                found = model(ids, mask, output_hidden_states=True)
            values = {f"hidden.{layer}": states for layer, states in enumerate(found.hidden_states)}
            assert f"{length}.hidden.{len(values)}" not in file.keys()  # noqa: SIM118 -- not a dict
            for name, value in {**values, "logits": found.logits}.items():
                away = (value[:, ::kept] - file.get_tensor(f"{length}.{name}")).abs().amax(-1)
                apart = max(apart, float(away[mask[:, ::kept].bool()].max()))
    return apart


def released(name: str) -> Path:
    """The folder of a public checkpoint, as the Hub has it; skips without it."""
    named = os.environ.get("VARIANTFORMER_CHECKPOINTS")
    if named is None or not (Path(named) / name / "config.json").is_file():
        pytest.skip(f"public weights are not here (set VARIANTFORMER_CHECKPOINTS to a folder that holds {name})")
    return Path(named) / name


@pytest.mark.released
def test_the_hub_s_weights_give_what_multimolecule_gives(tmp_path: Path) -> None:
    folder = released("DNABERT-2-117M")
    python = ORACLE / ".venv-dnabert2" / "bin" / "python"
    if not python.exists():
        pytest.skip("multimolecule's environment is not here (make oracles ORACLES=dnabert2)")
    outputs = tmp_path / "outputs.safetensors"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    words = [str(python), str(ORACLE / "dnabert2" / "run_released.py"), str(folder), str(outputs)]
    subprocess.run(words, env=environment, check=True)
    assert furthest(folder, outputs, tmp_path) <= LIMIT


def test_the_comparison_passes_the_same_weights_and_no_others(tmp_path: Path) -> None:
    """A folder as the Hub's, of weights by formula, whose outputs are a fixture."""
    for name in ("same", "other"):
        (tmp_path / name).mkdir()
    folder = dnabert2_files(tmp_path / "same")[0]
    assert isinstance(folder, Path)
    outputs = FIXTURES / "dnabert2.safetensors"
    assert furthest(folder, outputs, tmp_path / "same") <= LIMIT / 10
    weights = torch.load(folder / "pytorch_model.bin", weights_only=True)
    weights["bert.encoder.layer.1.mlp.wo.weight"] *= 1.01
    dnabert2_files(tmp_path / "other")
    torch.save(weights, tmp_path / "other" / "pytorch_model.bin")
    assert furthest(tmp_path / "other", outputs, tmp_path / "other") > 10 * LIMIT
