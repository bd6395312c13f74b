"""Publishing: what is checked, what leaves the machine, and how an upload that broke off goes on."""

import json
import re
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path

import huggingface_hub
import pytest
import torch
import yaml
from command_line import invoke
from huggingface_hub import ModelCard
from local_hub import TOKEN, LocalHub, local_hub
from small_model import SmallWorld

from variantformer_hf import VariantFormerConfig, VariantFormerForExpression
from variantformer_hf.conversion.variantformer.model_card import released_card
from variantformer_hf.errors import InputError
from variantformer_hf.hub import card_problems, check_folder, plan_publication, publish
from variantformer_hf.hub.card import SECTIONS, licence_of
from variantformer_hf.modeling import VariantFormerEncoderConfig, VariantFormerForChromatinActivity
from variantformer_hf.modeling.variantformer.custom_code_variantformer import MODEL_FILES, PROCESSOR_FILES

pytestmark = pytest.mark.usefixtures("one_thread")
FOLDER_OF_CARDS = resources.files("variantformer_hf") / "model_cards"
NAMES = sorted(path.name for path in FOLDER_OF_CARDS.iterdir() if path.name[0].islower())
CARDS = [name for name in NAMES if name.startswith("variantformer")]


def card(name: str = "variantformer-pcg.md") -> str:
    return (FOLDER_OF_CARDS / name).read_text(encoding="utf-8")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[LocalHub]:
    """A Hub that this process knows and is logged in to."""
    with local_hub() as hub:
        for module in (huggingface_hub.constants, huggingface_hub.hf_api):
            if hasattr(module, "ENDPOINT"):
                monkeypatch.setattr(module, "ENDPOINT", hub.url)
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        yield hub


@pytest.fixture
def folder(world: SmallWorld, tmp_path: Path) -> Path:
    folder = world.save(tmp_path / "model", max_shard_size="20KB")
    (folder / "README.md").write_text(card())
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_every_card_of_the_zoo_is_complete(name: str) -> None:
    text = card(name)
    assert card_problems(text) == []
    assert ModelCard(text).data.library_name == "transformers"
    assert f"({name})" in (FOLDER_OF_CARDS / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", CARDS)
def test_cards_of_the_release_name_its_terms(name: str) -> None:
    text = card(name)
    loaded = ModelCard(text)
    assert "Acceptable Use Policy" in text
    assert loaded.data.license == "mit"
    assert "MIT according to the release's" in text
    assert licence_of(text) == "mit, according to https://virtualcellmodels.cziscience.com/model/variantformer"
    assert len(re.findall("<!-- this copy -->", text)) == 1


def without_key(key: str) -> Callable[[dict], None]:
    return lambda data: data.pop(key) and None


def with_values(**values: object) -> Callable[[dict], None]:
    return lambda data: data.update(values)


def in_results(change: Callable[[dict], object]) -> Callable[[dict], None]:
    return lambda data: change(data["model-index"][0]["results"][0]) and None


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (without_key("library_name"), "lacks library_name"),
        (without_key("license"), "lacks license"),
        (without_key("tags"), "lacks tags"),
        (without_key("base_model"), "lacks base_model.*from-scratch"),
        (without_key("model-index"), "lacks model-index.*no-reported-results"),
        (with_values(license="other"), "needs license_name"),
        (with_values(license="other", license_link=None), "needs license_link"),
        (with_values(license="my-own"), "'my-own' is not an identifier"),
        (with_values(library_name="keras"), "'keras'"),
        (with_values(tags="biology"), "not a list"),
        (with_values(**{"model-index": [{"name": "x"}]}), "cannot be read"),
        (in_results(lambda result: result.pop("source")), "no source"),
        (in_results(lambda result: result["metrics"][0].update(value="high")), "not a number"),
    ],
)
def test_broken_metadata_is_named(change: Callable[[dict], None], problem: str) -> None:
    _, front, body = card().split("---\n", 2)
    data = yaml.safe_load(front)
    change(data)
    problems = card_problems(f"---\n{yaml.safe_dump(data)}---\n{body}")
    assert any(re.search(problem, each) for each in problems), problems


def test_a_card_without_a_licence_says_that_it_is_not_known() -> None:
    assert licence_of("no card").startswith("not known")
    assert licence_of("---\ntags: [biology]\n---\n# x\n").startswith("not known")
    assert licence_of("---\nlicense: apache-2.0\n---\n# x\n") == "apache-2.0, according to README.md"


@pytest.mark.parametrize("section", SECTIONS)
def test_a_missing_or_empty_section_is_named(section: str) -> None:
    assert f"there is no section '{section}'" in card_problems(card().replace(f"## {section}\n", "## Other\n"))
    emptied = re.sub(rf"## {section}\n.*?(?=^## |\Z)", f"## {section}\n\n", card(), flags=re.DOTALL | re.MULTILINE)
    assert card_problems(emptied) == [f"the section '{section}' is empty"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("# no metadata\n", "no metadata"),
        ("---\na: [\n---\n", "not YAML"),
        ("---\njust words\n---\n", "not a table"),
    ],
)
def test_a_card_without_metadata(text: str, problem: str) -> None:
    assert problem in card_problems(text)[0]


def test_placeholders_are_found() -> None:
    assert "a placeholder is left: {accuracy}" in card_problems(card().replace("0.803 (0.801-0.805)", "{accuracy}"))


def test_results_that_the_client_would_merge_are_found() -> None:
    """Two data sets that differ in their name alone are one to the Hub: a value would move to the other."""
    _, front, body = card("variantformer-ag.md").split("---\n", 2)
    data = yaml.safe_load(front)
    for result in data["model-index"][0]["results"]:
        result["dataset"].pop("config")
    assert any("round trip" in each for each in card_problems(f"---\n{yaml.safe_dump(data)}---\n{body}"))


def test_released_models_are_known_by_their_size() -> None:
    with torch.device("meta"):
        released = VariantFormerForExpression(VariantFormerConfig()).num_parameters()
    assert released_card(released, 18_439) == "variantformer-pcg"
    assert released_card(released, 51_061) == "variantformer-ag"
    assert released_card(31_826_153, None) == "variantformer-encoder"
    assert released_card(1_000, 18_439) is None


def set_text(name: str, text: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_text(text) and None


def remove(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (set_text("optimizer.pt", "x"), r"run code.*optimizer\.pt"),
        (set_text("donors.csv", "x"), r"does not belong.*donors\.csv"),
        (set_text(".env", "HF_TOKEN=x"), r"does not belong.*\.env"),
        (lambda folder: (folder / "runs").mkdir(), "does not belong.*runs"),
        (remove("README.md"), "no model card"),
        (set_text("README.md", "# A model\n"), "not ready: there is no metadata"),
        (remove("modeling_variantformer.py"), "lacks the model's code.*--refresh-code"),
        (set_text("modeling_variantformer.py", "import os"), "not the code of this version.*--refresh-code"),
        (lambda folder: min(folder.glob("*.safetensors")).unlink(), "00001-of-000"),
        (remove("genes.parquet"), r"no file genes\.parquet"),
        (set_text("tokenizer.json", "{}"), "tokenizer"),
        (set_text("config.json", "{"), r"config\.json.*not a JSON"),
        (set_text("config.json", "[]"), "not a table of settings"),
        (set_text("config.json", '{"model_type": "bert"}'), "'bert', which is not of this zoo"),
        (set_text("processor_config.json", "{}"), r"processor_config\.json does not name"),
        (lambda folder: (folder / "README.md").write_bytes(b"---\n\xff") and None, "not UTF-8"),
    ],
)
def test_a_folder_that_is_not_ready(folder: Path, damage: Callable[[Path], None], message: str) -> None:
    damage(folder)
    with pytest.raises(InputError, match=message):
        check_folder(folder)


def test_weights_that_are_not_numbers_fail_the_self_test(world: SmallWorld, folder: Path) -> None:
    model = VariantFormerForExpression.from_pretrained(folder)
    model.model.tissue_embedding.weight.data.fill_(float("nan"))
    model.save_pretrained(folder, max_shard_size="20KB")
    with pytest.raises(InputError, match=r"holds NaN or infinite values"):
        check_folder(folder)


def test_a_stage_one_folder_is_ready_too(world: SmallWorld, tmp_path: Path) -> None:
    VariantFormerForChromatinActivity(
        VariantFormerEncoderConfig(
            vocab_size=60,
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=4,
            intermediate_size=32,
            token_length=24,
            num_tissues=3,
        )
    ).save_pretrained(tmp_path)
    world.predictor.model.processor.save_pretrained(tmp_path)
    (tmp_path / "README.md").write_text(card("variantformer-encoder.md"))
    assert "model.safetensors" in {path.name for path in check_folder(tmp_path)}


def run(*arguments: object) -> str:
    return invoke("publish", *arguments)


def test_a_dry_run_lists_everything_and_sends_nothing(hub: LocalHub, folder: Path) -> None:
    output = run(folder, "me/model", "--dry-run")
    for file in plan_publication(folder, "me/model").files:
        assert file.path.name in output
        assert file.sha256 in output
    assert "dry run: nothing was sent" in output
    assert hub.requests == []


def test_publish_then_load_by_name(hub: LocalHub, folder: Path, world: SmallWorld) -> None:
    output = run(folder, "me/model", "--private", "--tag", "v1")
    repository = hub.repositories["me/model"]
    assert repository.private
    sent = repository.commits[repository.tags["v1"]]
    assert {name: content for name, content in sent.items() if name != ".gitattributes"} == {
        path.name: path.read_bytes() for path in folder.iterdir()
    }
    assert f"/commit/{repository.tags['v1']}" in output
    with pytest.raises(InputError, match=r"has a version v1 already.*--tag"):
        run(folder, "me/model", "--tag", "v1")
    requests = len(hub.requests)
    repository.commit({**sent, "model-00001-of-00099.safetensors": b"old", "notes.txt": b"theirs"})
    run(folder, "me/model", "--tag", "v2")
    latest = repository.commits[repository.tags["v2"]]
    assert "notes.txt" in latest
    assert "model-00001-of-00099.safetensors" not in latest  # an earlier version's, cut into other files
    assert [each for each in hub.requests[requests:] if each.startswith("PUT")] == []  # nothing is sent twice


def test_a_pull_request_leaves_main_alone(hub: LocalHub, folder: Path) -> None:
    repository = hub.add("them/model", {"README.md": b"theirs"})
    before = repository.refs["main"]
    assert "/discussions/1" in run(folder, "them/model", "--create-pr")
    assert repository.refs["main"] == before
    assert "config.json" in repository.commits[repository.refs["refs/pr/1"]]
    assert repository.tags == {}
    assert not any("repos/create" in request for request in hub.requests)
    with pytest.raises(InputError, match=r"did not take it.*404"):
        run(folder, "them/nothing", "--create-pr")


def test_an_upload_that_broke_off_goes_on(hub: LocalHub, folder: Path) -> None:
    hub.refuse_uploads_after = 2
    with pytest.raises(InputError, match="not sent twice"):
        run(folder, "me/model")
    assert "config.json" not in hub.repositories["me/model"].commits[hub.repositories["me/model"].refs["main"]]
    hub.refuse_uploads_after = None
    requests = len(hub.requests)
    run(folder, "me/model")
    large = [path for path in folder.iterdir() if path.suffix in (".safetensors", ".parquet")]
    assert len([each for each in hub.requests[requests:] if each.startswith("PUT")]) == len(large) - 2


def test_refusals_before_anything_is_sent(
    hub: LocalHub, folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, message in (("model", "names no user"), ("a/b/c", "not the name"), ("me/..", "not the name")):
        with pytest.raises(InputError, match=message):
            run(folder, name)
    hub.card_errors = ["license is not allowed"]
    with pytest.raises(InputError, match=r"Hub refuses the model card.*license is not allowed"):
        run(folder, "me/model")
    hub.card_errors = []
    plan = plan_publication(folder, "me/model")
    (folder / "LICENSE").write_text("new")
    (folder / "README.md").write_text(card() + "\nmore\n")
    with pytest.raises(InputError, match="has changed since"):
        publish(plan)
    assert "me/model" not in hub.repositories
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    with pytest.raises(InputError, match=r"did not take it.*401"):
        run(folder, "me/model")
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr(huggingface_hub.constants, "HF_TOKEN_PATH", str(tmp_path / "no token"))
    with pytest.raises(InputError, match="hf auth login"):
        run(folder, "me/model")


def test_old_code_is_refreshed(folder: Path) -> None:
    for path in folder.glob("*.py"):
        path.unlink()
    output = run(folder, "me/model", "--dry-run", "--refresh-code")
    assert "modeling_variantformer.py" in output
    assert {path.name for path in folder.glob("*.py")} == {*MODEL_FILES, *PROCESSOR_FILES}


PUSH = """
import json, sys
from transformers import AutoModel, AutoProcessor, AutoTokenizer
from variantformer_hf import ExpressionPredictor
predictor = ExpressionPredictor.from_pretrained(sys.argv[1], device="cpu")
predictor.model.network.push_to_hub("me/pushed")
predictor.model.processor.push_to_hub("me/pushed")
predictor.model.processor.tokenizer.push_to_hub("me/tokenizer")
predictor.model.network.save_pretrained(sys.argv[1] + "-saved", push_to_hub=True, repo_id="me/saved")
predictor.model.processor.save_pretrained(sys.argv[1] + "-saved", push_to_hub=True, repo_id="me/saved", private=False)
model = AutoModel.from_pretrained("me/pushed")
processor = AutoProcessor.from_pretrained("me/pushed")
tokenizer = AutoTokenizer.from_pretrained("me/tokenizer")
names = [type(model).__name__, type(processor).__name__]
print(json.dumps([*names, processor.token_length, tokenizer("ACGTRYN")["input_ids"]]))
"""


def test_push_to_hub_of_model_tokenizer_and_processor(world: SmallWorld, tmp_path: Path) -> None:
    folder = world.save(tmp_path / "model")
    with local_hub() as hub:
        found = hub.python(tmp_path / "home", PUSH, folder, HF_TOKEN=TOKEN)
    processor = world.predictor.model.processor
    assert found == [
        "VariantFormerForExpression",
        "VariantFormerProcessor",
        processor.token_length,
        processor.tokenizer("ACGTRYN")["input_ids"],
    ]
    for name in ("me/pushed", "me/saved"):
        files = hub.repositories[name].commits[hub.repositories[name].refs["main"]]
        assert {
            "model.safetensors",
            "config.json",
            "tokenizer.json",
            "modeling_variantformer.py",
            "processing_variantformer.py",
        } <= files.keys()
        assert json.loads(files["config.json"])["auto_map"]
        assert json.loads(files["processor_config.json"])["auto_map"]
