"""Models by name, through the real client and a Hub on this machine."""

import hashlib
import json
import random
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from forked_processes import Forked
from local_hub import TOKEN, LocalHub, local_hub
from small_model import SmallWorld, small_world

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def hub() -> Iterator[LocalHub]:
    with local_hub() as hub:
        yield hub


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


COMMAND = """
from variantformer_hf.cli import main
main()
"""


def test_predict_by_name_then_offline(hub: LocalHub, world: SmallWorld, tmp_path: Path) -> None:
    folder = world.save(tmp_path / "model", max_shard_size="20KB")
    assert len(list(folder.glob("*.safetensors"))) > 1
    hub.add("me/sharded", files_of(folder))
    expected = world.predictor.predict(world.reference)

    def predict(output: str, home: str = "home", **environment: str) -> Forked:
        words = ["predict", "me/sharded", "--device", "cpu", "--fasta", world.reference.path]
        return hub.run(tmp_path / home, COMMAND, *words, "--output", tmp_path / output, **environment)

    for output, environment in (("online.parquet", {}), ("offline.parquet", {"HF_HUB_OFFLINE": "1"})):
        before = len(hub.requests)
        done = predict(output, **environment)
        assert done.code == 0, done.said
        assert (len(hub.requests) > before) == (not environment)
        found = pd.read_parquet(tmp_path / output)
        np.testing.assert_allclose(found["log1p_tpm"], expected["log1p_tpm"], atol=1e-5)
        report = json.loads((tmp_path / f"{output}.report.json").read_text())
        assert report["model"]["name"] == "me/sharded"
    cold = predict("never.parquet", home="other", HF_HUB_OFFLINE="1")
    assert cold.code == 1
    assert "not in the cache" in cold.said
    assert not (tmp_path / "never.parquet").exists()


SEVERAL = """
import json, sys
from variantformer_hf import ExpressionPredictor
from variantformer_hf.errors import InputError
from variantformer_hf.zoo.model_files import model_identity
found = []
for name, revision in json.loads(sys.argv[1]):
    try:
        predictor = ExpressionPredictor.from_pretrained(name, revision=revision, device="cpu")
        found.append(predictor.model.identity.sha256)
    except InputError as error:
        found.append(str(error))
print(json.dumps(found))
"""


def test_revisions_tokens_and_refusals(hub: LocalHub, world: SmallWorld, tmp_path: Path) -> None:
    first = files_of(world.save(tmp_path / "first"))
    (tmp_path / "other").mkdir()
    changed = small_world(tmp_path / "other", head_type="linear")
    second = files_of(changed.save(tmp_path / "second"))
    repository = hub.add("me/moving", first)
    repository.tags["v1"] = repository.refs["main"]
    commit = repository.refs["main"]
    hub.add("me/moving", second)
    hub.add("me/private", first).private = True
    hub.add("me/gated", first).gated = True
    hub.add("me/damaged", first)
    hub.corrupt.add("me/damaged/model.safetensors")
    hub.add("me/bare", {"config.json": first["config.json"]})
    asked = [
        ("me/moving", None),
        ("me/moving", "v1"),
        ("me/moving", commit),
        ("me/moving", "v9"),
        ("me/private", None),
        ("me/gated", None),
        ("me/nowhere", None),
        ("me/damaged", None),
        ("me/bare", None),
        ("no/such/folder", None),
    ]
    found = hub.python(tmp_path / "home", SEVERAL, json.dumps(asked))
    latest, v1, by_commit, *refusals = found
    assert v1 == by_commit == world_hash(first)
    assert latest == world_hash(second) != v1
    for refusal, message in zip(
        refusals,
        [
            "no revision 'v9'",
            "that you may read.*hf auth login",
            "restricted access.*hf auth login",
            "that you may read",
            "SHA-256 is not the one.*Remove",
            "no file model.safetensors",
            "nor the id of",
        ],
        strict=True,
    ):
        assert re.search(message, refusal), refusal
    known = hub.python(
        tmp_path / "home", SEVERAL, json.dumps([("me/private", None), ("me/nowhere", None)]), HF_TOKEN=TOKEN
    )
    assert known[0] == world_hash(first)
    assert "that you may read" in known[1]


def world_hash(files: dict[str, bytes]) -> str:
    return hashlib.sha256(hashlib.sha256(files["model.safetensors"]).digest()).hexdigest()


READ_FILES = """
import json, sys
from variantformer_hf.errors import InputError
from variantformer_hf.zoo.model_files import model_file
try:
    print(json.dumps(["ok", [model_file("me/large", name).stat().st_size for name in sys.argv[1:]]]))
except InputError as error:
    print(json.dumps(["error", str(error)]))
"""


@pytest.mark.slow
def test_a_download_goes_on_where_it_broke_off(hub: LocalHub, tmp_path: Path) -> None:
    content = random.Random(0).randbytes(25_000_000)
    names = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    hub.add("me/large", {"config.json": b"{}", names[0]: content, names[1]: content[::-1]})
    hub.breaks = {f"me/large/{names[0]}": [15_000_000], f"me/large/{names[1]}": [0] * 6}
    hub.requests.clear()
    outcome, message = hub.python(tmp_path, READ_FILES, *names)
    starts = [int(each.rpartition(" ")[2]) for each in hub.requests if each.startswith("GET") and " from " in each]
    assert starts == [10 * 2**20]  # the client keeps whole pieces of 10 MiB
    # The line was down for longer than the client tries; the next run begins with what is missing.
    assert outcome == "error"
    assert "downloaded whole are kept" in message
    hub.requests.clear()
    assert hub.python(tmp_path, READ_FILES, *names) == ["ok", [len(content)] * 2]
    assert [each for each in hub.requests if each.startswith("GET") and "00001" in each] == []
