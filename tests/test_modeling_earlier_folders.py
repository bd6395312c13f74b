"""Model folders of an earlier version, whose code lay in fewer files: they load, here and by their own code."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModel, AutoProcessor

from variantformer_hf.hub.folder_check import refresh_model_code
from variantformer_hf.modeling import VariantFormerForChromatinActivity, VariantFormerForExpression
from variantformer_hf.modeling.variantformer.custom_code_variantformer import MODEL_FILES, PROCESSOR_FILES
from variantformer_hf.zoo.variantformer.loading import load_activity_model, load_expression_model

# Folders of both stages as ``save_pretrained`` wrote them while modeling_variantformer.py held all of the model; with
# sequences, and what the model said of them.
FOLDERS = Path(__file__).parent / "earlier" / "model_folders.zip"

BY_ITS_OWN_CODE = """
import json, os, sys
import torch
from transformers import AutoModel, AutoModelForSequenceClassification, AutoProcessor
from transformers import PreTrainedModel, PreTrainedTokenizerFast, ProcessorMixin  # once, for both

for folder in sys.argv[1:]:
    if os.fork() == 0:  # a process for each folder
        break
    os.wait()
else:
    sys.exit()
expected = json.load(open(folder + "/expected.json"))
model = AutoModel.from_pretrained(folder + "/expression", trust_remote_code=True).eval()
processor = AutoProcessor.from_pretrained(folder + "/expression", trust_remote_code=True)
activity = AutoModelForSequenceClassification.from_pretrained(folder + "/activity", trust_remote_code=True).eval()
assert "variantformer_hf" not in sys.modules and type(model).__module__.startswith("transformers_modules")
given = {name: expected[name] for name in ("cre_sequences", "cre_classes", "gene_sequence")}
ids = torch.arange(4, 16).expand(1, 2, -1)
with torch.no_grad():
    logits = model(**processor(**given, return_tensors="pt"), tissue_ids=torch.tensor([[0, 1, 2]])).logits
    scores = activity(input_ids=ids, attention_mask=torch.ones_like(ids), tissue_ids=torch.tensor([1])).logits
print(json.dumps({"logits": logits.tolist(), "scores": scores.tolist()}))
"""


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    with zipfile.ZipFile(FOLDERS) as archive:
        archive.extractall(tmp_path)
    return tmp_path


def expected(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "expected.json").read_text())


def check(folder: Path, logits: torch.Tensor, scores: torch.Tensor) -> None:
    torch.testing.assert_close(logits, torch.tensor(expected(folder)["logits"]), atol=2e-6, rtol=0)
    torch.testing.assert_close(scores, torch.tensor(expected(folder)["scores"]), atol=2e-6, rtol=0)


@torch.inference_mode()
def said(folder: Path, model: Any, activity: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """What the models say of the sequences in the folder."""
    processor = AutoProcessor.from_pretrained(folder / "expression")
    given = {name: expected(folder)[name] for name in ("cre_sequences", "cre_classes", "gene_sequence")}
    ids = torch.arange(4, 16).expand(1, 2, -1)
    return (
        model.eval()(**processor(**given, return_tensors="pt"), tissue_ids=torch.tensor([[0, 1, 2]])).logits,
        activity.eval()(input_ids=ids, attention_mask=torch.ones_like(ids), tissue_ids=torch.tensor([1])).logits,
    )


def test_this_version_reads_them(earlier: Path) -> None:
    assert not (earlier / "expression" / "streams_variantformer.py").exists()
    model = load_expression_model(earlier / "expression", dtype=torch.float32)
    activity = load_activity_model(earlier / "activity", dtype=torch.float32)
    check(earlier, *said(earlier, model, activity))
    model = AutoModel.from_pretrained(earlier / "expression")
    activity = VariantFormerForChromatinActivity.from_pretrained(earlier / "activity")
    assert type(model) is VariantFormerForExpression
    check(earlier, *said(earlier, model, activity))


@pytest.mark.slow
def test_their_own_code_reads_them_still_and_that_of_this_version_takes_its_place(earlier: Path) -> None:
    own, refreshed = earlier, earlier / "refreshed"
    with zipfile.ZipFile(FOLDERS) as archive:
        archive.extractall(refreshed)
    refresh_model_code(refreshed / "expression")
    VariantFormerForChromatinActivity.from_pretrained(refreshed / "activity").save_pretrained(refreshed / "activity")
    for folder, files in (("expression", {*MODEL_FILES, *PROCESSOR_FILES}), ("activity", set(MODEL_FILES))):
        assert {path.name for path in (refreshed / folder).glob("*.py")} == files
    for folder, said_of_it in zip((own, refreshed), by_their_own_code(own, refreshed), strict=True):
        check(folder, *said_of_it)


def by_their_own_code(*folders: Path) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """What the models of each folder say in a process of its own that lacks the package."""
    place = folders[0]
    done = subprocess.run(
        [sys.executable, "-c", BY_ITS_OWN_CODE, *map(str, folders)],
        check=False,
        capture_output=True,
        text=True,
        cwd=place,
        stdin=subprocess.DEVNULL,
        timeout=300,
        env={"HF_HUB_OFFLINE": "1", "HF_HOME": str(place / "hf"), "OMP_NUM_THREADS": "1", "HOME": str(place)},
    )
    assert done.returncode == 0, done.stderr[-3_000:]
    found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert len(found) == len(folders), done.stderr[-3_000:]
    return [(torch.tensor(each["logits"]), torch.tensor(each["scores"])) for each in found]
