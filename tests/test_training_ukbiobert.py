"""UKBioBERT on masked tokens: which tokens are masked, what is learned, and runs that are cut short."""

import json
import math
import signal
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
import yaml
from accelerate.state import AcceleratorState
from command_line import run
from forked_processes import Together
from test_conversion_published import converted, dnabert2_files, write_tokenizer
from transformers import AutoModelForMaskedLM, AutoTokenizer

from variantformer_hf.data.texts import Texts
from variantformer_hf.errors import InputError
from variantformer_hf.modeling import UkBioBertConfig, UkBioBertForMaskedLM
from variantformer_hf.training.options import read_options
from variantformer_hf.training.ukbiobert import masked_tokens
from variantformer_hf.training.ukbiobert.masked_texts import NO_LABEL, MaskedCollator, MaskedTexts, masked_dataset
from variantformer_hf.training.ukbiobert.options import MaskedTokensLoop, MaskedTokensOptimizer, MaskedTokensOptions
from variantformer_hf.zoo.ukbiobert.embedder import UkBioBertEmbedder
from variantformer_hf.zoo.ukbiobert.folder import TOKENS

pytestmark = pytest.mark.usefixtures("one_thread")

DRIVER = """
import os, signal, sys, torch
torch.set_num_threads(1)
from variantformer_hf.training.options import read_options
from variantformer_hf.training.ukbiobert import masked_tokens
from variantformer_hf.training.ukbiobert.options import MaskedTokensLoop, MaskedTokensOptimizer, MaskedTokensOptions

def on_step(done, *_):
    if done == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)

masked_tokens.train_masked_tokens(read_options(sys.argv[1], MaskedTokensOptions), on_step=on_step)
"""
CONFIGS = Path(__file__).resolve().parents[1] / "docs" / "configs"
MASK, SPECIAL = 4, range(5)


def bases(length: int, seed: int) -> str:
    return "".join(np.random.default_rng(seed).choice(list("ACGT"), length))


def write_texts(path: Path, texts: list[str | None], column: str = "text") -> Path:
    pq.write_table(pa.table({column: pa.array(texts, pa.string())}), path)
    return path


@pytest.fixture(scope="module")
def dnabert2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small one, converted, with its tokenizer of 64 tokens."""
    folder = tmp_path_factory.mktemp("dnabert2")
    return converted(folder, *dnabert2_files(folder))


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    """A folder with sequences of unlike lengths, and a tokenizer.json."""
    write_texts(tmp_path / "train.parquet", [bases(20 + seed, seed) for seed in range(14)])
    write_texts(tmp_path / "test.parquet", [bases(30 + seed, 100 + seed) for seed in range(5)])
    write_tokenizer(tmp_path / "tokenizer.json", 64)
    return tmp_path


def config(lab: Path, name: str = "run", **changes: Any) -> Path:
    """Options of a run of a new small model."""
    loop = {
        "output": name,
        "epochs": 2,
        "batch_size": 4,
        "log_every": 1,
        "checkpoint_every": 1,
        "optimizer": {"learning_rate": 1e-2, "schedule": "constant", "weight_decay": 0.0},
        **changes.pop("loop", {}),
    }
    small = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    content = {
        "loop": loop,
        "train": "train.parquet",
        "test": "test.parquet",
        "tokenizer": "tokenizer.json",
        "config": small,
        **changes,
    }
    path = lab / f"{name}.yaml"
    path.write_text(yaml.safe_dump({key: value for key, value in content.items() if value is not None}))
    return path


def trained(path: Path) -> dict[str, float]:
    AcceleratorState._reset_state(reset_partial_state=True)
    return masked_tokens.train_masked_tokens(read_options(path, MaskedTokensOptions))


def log_of(output: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (output / "log.jsonl").read_text().splitlines()]


def test_masks_follow_from_seed_epoch_and_row_and_leave_special_tokens_alone(dnabert2: Path, tmp_path: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(dnabert2)
    texts = Texts(
        write_texts(tmp_path / "texts.parquet", [bases(700, seed) + "NN" + bases(9, seed) for seed in range(40)])
    )
    made = MaskedTexts(texts, tokenizer, seed=3)
    both = made({"epoch": [0] * 40, "row": list(range(40))})
    counts: Counter[str] = Counter()
    for row, (ids, labels) in enumerate(zip(both["input_ids"], both["labels"], strict=True)):
        plain = np.array(tokenizer(texts.take([row])[0])["input_ids"])
        is_masked = labels != NO_LABEL
        assert (ids[~is_masked] == plain[~is_masked]).all() and (labels[is_masked] == plain[is_masked]).all()
        assert 0 in plain and not np.isin(plain[is_masked], SPECIAL).any()
        counts["tokens"] += int((~np.isin(plain, SPECIAL)).sum())
        counts["masked"] += int(is_masked.sum())
        counts["mask"] += int((ids[is_masked] == MASK).sum())
        counts["same"] += int((ids[is_masked] == plain[is_masked]).sum())
    n = counts["masked"]
    for share, of, wanted in ((n, counts["tokens"], 0.15), (counts["mask"], n, 0.8), (counts["same"], n, 0.1)):
        assert abs(share / of - wanted) < 5 * math.sqrt(wanted * (1 - wanted) / of) + 0.1 / 64
    alone = made({"epoch": [0], "row": [7]})
    assert (alone["input_ids"][0] == both["input_ids"][7]).all()

    def labels_of(seed: int | None, epoch: int) -> list[int]:
        found: list[int] = MaskedTexts(texts, tokenizer, seed=seed)({"epoch": [epoch], "row": [7]})["labels"][
            0
        ].tolist()
        return found

    assert len({tuple(labels_of(*each)) for each in ((3, 0), (3, 1), (4, 0))}) == 3
    assert labels_of(None, 0) == labels_of(None, 1)


def test_an_epoch_has_every_sequence_once_and_goes_on_where_it_was(dnabert2: Path, lab: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(dnabert2)
    examples = MaskedTexts(Texts(lab / "train.parquet"), tokenizer)

    def texts(epoch: int, share: tuple[int, int] = (0, 1)) -> list[str]:
        dataset = masked_dataset(examples, epoch=epoch, share=share)
        return [
            tokenizer.decode(np.where(np.array(each["labels"]) == NO_LABEL, each["input_ids"], each["labels"]), True)
            for each in dataset
        ]

    whole, halves = texts(0), [texts(0, (number, 2)) for number in (0, 1)]
    assert sorted(text.replace(" ", "") for text in whole) == sorted(bases(20 + seed, seed) for seed in range(14))
    assert whole[0::2] == halves[0] and whole[1::2] == halves[1] and texts(1) != whole
    dataset = masked_dataset(examples, epoch=1)
    run = iter(dataset)
    for _ in range(5):
        next(run)
    state, left = json.loads(json.dumps(dataset.state_dict())), [list(each["input_ids"]) for each in run]
    again = masked_dataset(examples, epoch=1)
    again.load_state_dict(state)
    assert [list(each["input_ids"]) for each in again] == left


def test_padding_is_said_by_the_attention_mask_alone(dnabert2: Path) -> None:
    model = UkBioBertForMaskedLM.from_pretrained(dnabert2).eval()
    examples = [
        {"input_ids": [1, 9, 4, 30, 2], "labels": [NO_LABEL, NO_LABEL, 12, NO_LABEL, NO_LABEL]},
        {"input_ids": [1, 4, 2], "labels": [NO_LABEL, 7, NO_LABEL]},
    ]
    batch = MaskedCollator(3)(examples)
    assert batch["input_ids"].tolist() == [[1, 9, 4, 30, 2], [1, 4, 2, 3, 3]]
    assert batch["attention_mask"].tolist() == [[1] * 5, [1, 1, 1, 0, 0]]
    assert batch["labels"][1].tolist() == [NO_LABEL, 7, NO_LABEL, NO_LABEL, NO_LABEL]
    with torch.inference_mode():
        both = model(**batch).loss
        each = [model(**MaskedCollator(3)([example])).loss for example in examples]
        other = model(**MaskedCollator(0)(examples)).loss
    assert torch.allclose(both, sum(each) / 2, atol=1e-6) and torch.equal(both, other)


def test_scores_of_a_model_that_always_says_one_token(dnabert2: Path, lab: Path) -> None:
    examples = MaskedTexts(Texts(lab / "test.parquet"), AutoTokenizer.from_pretrained(dnabert2), share=0.5, seed=None)
    labels = [label for row in range(5) for label in examples({"epoch": [0], "row": [row]})["labels"][0].tolist()]
    counts = Counter(label for label in labels if label != NO_LABEL)
    (most, often), n = counts.most_common(1)[0], counts.total()

    def says(token: int, size: float) -> Any:
        def logits(input_ids: torch.Tensor, **_: Any) -> SimpleNamespace:
            return SimpleNamespace(logits=torch.nn.functional.one_hot(torch.full_like(input_ids, token), 64) * size)

        return type("Says", (), {"config": SimpleNamespace(vocab_size=64), "__call__": lambda self, **b: logits(**b)})()

    found = masked_tokens.masked_scores(says(most, 1.0), examples, MaskedCollator(3), 2, 100)
    assert found["accuracy"] == found["constant_accuracy"] == often / n and found["masked"] == n
    ids = [each for row in range(5) for each in examples({"epoch": [0], "row": [row]})["input_ids"][0].tolist()]
    hidden = [label for label, each in zip(labels, ids, strict=True) if each == MASK]
    assert 0 < len(hidden) < n and found["mask_accuracy"] == hidden.count(most) / len(hidden)
    never = masked_tokens.masked_scores(says(MASK, 0.0), examples, MaskedCollator(3), 2, 100)
    assert never["accuracy"] == 0 and never["constant_accuracy"] == often / n
    assert never["loss"] == pytest.approx(math.log(64)) and never["perplexity"] == pytest.approx(64)
    assert masked_tokens.masked_scores(says(most, 1.0), examples, MaskedCollator(3), 2, 3)["masked"] < n


def test_one_batch_is_learned_by_heart(dnabert2: Path, lab: Path) -> None:
    """Its masked tokens by what stands around them, from random weights on."""
    tokenizer = AutoTokenizer.from_pretrained(dnabert2)
    examples = MaskedTexts(Texts(write_texts(lab / "batch.parquet", [bases(60, seed) for seed in range(8)])), tokenizer)
    batch = MaskedCollator(3)(list(masked_dataset(examples)))
    small = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
    torch.manual_seed(0)
    model = UkBioBertForMaskedLM(UkBioBertConfig(vocab_size=64, hidden_dropout=0.0, initializer_range=0.1, **small))
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3, weight_decay=0.0)
    for _ in range(120):
        loss = model(**batch).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    is_masked = batch["labels"] != NO_LABEL
    assert is_masked.sum() > 15
    assert (model(**batch).logits.argmax(-1) == batch["labels"])[is_masked].all()


def test_a_run_learns_and_its_folders_are_models_with_their_tokenizer(dnabert2: Path, lab: Path) -> None:
    """From a converted DNABERT-2 on, sequences of one word each: what stands beside a masked token tells it."""
    words = ["ACG", "CTT", "GAC", "TAA"]
    write_texts(lab / "train.parquet", [word * (20 + more % 40) for more in range(120) for word in words])
    write_texts(lab / "test.parquet", [word * (30 + more) for more in range(4) for word in words])
    loop = {"epochs": 1, "batch_size": 8, "optimizer": {"learning_rate": 5e-3, "schedule": "constant"}}
    result = trained(config(lab, model=str(dnabert2), tokenizer=None, config=None, loop=loop))
    assert result["accuracy"] > 0.9 > 0.5 > result["constant_accuracy"]
    assert result["perplexity"] == pytest.approx(math.exp(result["loss"]))
    for name in ("best", "last"):
        folder = lab / "run" / name
        assert isinstance(AutoModelForMaskedLM.from_pretrained(folder), UkBioBertForMaskedLM)
        assert UkBioBertEmbedder.load(folder, device="cpu").embed(["ACGTAC"]).shape == (1, 48)
        TOKENS.check(folder, None)


STILL = {"hidden_dropout": 0.0, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}


def in_two(lab: Path, name: str, last: int = 0, **loop: Any) -> Together:
    """Start a run without dropout in two processes, which kill themselves in the step that is named."""
    (lab / "driver.py").write_text(DRIVER)
    path = config(lab, name, config=STILL, loop={"batch_size": 2, **loop})
    return Together(2, [lab / "driver.py", path, last], path.with_suffix(".said"), ACCELERATE_USE_CPU="true")


def ended(run: Together) -> None:
    assert run.wait() == 0, run.said


def test_two_processes_take_the_steps_of_one(lab: Path) -> None:
    trained(config(lab, "one", config=STILL))
    ended(in_two(lab, "two"))
    one, two = ([row["loss"] for row in log_of(lab / name) if "loss" in row] for name in ("one", "two"))
    assert len(one) == 8
    np.testing.assert_allclose(two, one, rtol=1e-5)
    left, right = (log_of(lab / name)[-1] for name in ("one", "two"))
    assert left.pop("is_best") == right.pop("is_best") and left.pop("best_by") == right.pop("best_by")
    assert left == pytest.approx(right, rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("parallel", ["ddp", "fsdp"])
def test_two_processes_that_are_killed_go_on_to_the_last_digit(lab: Path, parallel: str) -> None:
    """Shared out among them the embedding and the head are one tensor still."""
    trained(config(lab, "one", config=STILL))
    ended(in_two(lab, "whole", parallel=parallel))
    cut = in_two(lab, "cut", 6, parallel=parallel)
    assert cut.wait() == -signal.SIGKILL, cut.said
    ended(in_two(lab, "cut", parallel=parallel))
    assert log_of(lab / "cut") == log_of(lab / "whole")
    left, right = ((lab / name / "last" / "model.safetensors").read_bytes() for name in ("whole", "cut"))
    assert left == right
    one, two = ([row["loss"] for row in log_of(lab / name) if "loss" in row] for name in ("one", "cut"))
    np.testing.assert_allclose(two, one, rtol=1e-5)


def test_a_run_that_is_cut_short_takes_the_same_steps_with_dropout(lab: Path) -> None:
    class Stopped(Exception):
        pass

    def stop(done: int, *_: object) -> None:
        if done == 3:
            raise Stopped

    trained(config(lab, "whole"))
    cut = config(lab, "cut")
    AcceleratorState._reset_state(reset_partial_state=True)
    with pytest.raises(Stopped):
        masked_tokens.train_masked_tokens(read_options(cut, MaskedTokensOptions), on_step=stop)
    trained(cut)
    assert log_of(lab / "cut") == log_of(lab / "whole")


def test_the_paper_s_numbers_are_the_defaults_and_those_of_its_config() -> None:
    found = read_options(CONFIGS / "ukbiobert-paper.yaml", MaskedTokensOptions)
    plain = MaskedTokensOptions(MaskedTokensLoop(found.loop.output, seed=42), found.train, found.test, found.model)
    assert found == plain
    assert plain.loop.optimizer == MaskedTokensOptimizer(
        "adamw", 5e-4, 0.0, "linear", warmup=0.0, min_learning_rate=0.0, max_grad_norm=1.0
    )
    assert (plain.loop.epochs, plain.loop.batch_size, plain.masked_share) == (1, 256, 0.15)
    small = read_options(CONFIGS / "ukbiobert-small.yaml", MaskedTokensOptions)
    assert small.model is None and UkBioBertConfig(**small.config).hidden_size == 96
    assert small.loop.optimizer == MaskedTokensOptimizer(learning_rate=2e-3)


def test_the_command_says_its_plan_and_trains(lab: Path) -> None:
    path = config(lab, loop={"epochs": 1})
    plan = run("train", "ukbiobert", "--config", path, "--dry-run")
    assert plan.returncode == 0, plan.stderr
    said = json.loads(plan.stdout)
    assert (said["texts"], said["test_texts"], said["tokens"]) == (14, 5, 64) and said["on_this_cpu"]["hours"] > 0
    assert not (lab / "run").exists()
    AcceleratorState._reset_state(reset_partial_state=True)
    done = run("train", "ukbiobert", "--config", path)
    assert done.returncode == 0 and "held-out mask_accuracy: " in done.stderr
    assert "Generating" not in done.stderr and "shared tensor" not in done.stderr


def test_letters_that_are_no_base_are_counted(lab: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_texts(lab / "test.parquet", ["ACGTNACG", "acgtacgt", "ACGRY"])
    setup = masked_tokens.set_up(read_options(config(lab), MaskedTokensOptions))
    assert setup.plan["test_texts_with_other_letters"] == 2 and setup.plan["texts_with_other_letters"] == 0
    assert "test.parquet: 2 of 3 sequences hold letters beside A, C, G and T, which are read as [UNK]" in caplog.text
    assert setup.test.texts.take([1]) == ["ACGTACGT"]


def _other_family(lab: Path, dnabert2: Path) -> dict[str, Any]:
    folder = lab / "other"
    folder.mkdir()
    for path in dnabert2.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    content = json.loads((folder / "config.json").read_text())
    kept = {name: value for name, value in content.items() if name not in ("written", "companions")}
    (folder / "config.json").write_text(json.dumps({**kept, "model_type": "enformer_trunk"}))
    return {"model": str(folder), "tokenizer": None, "config": None}


def _files(lab: Path, **texts: list[str | None]) -> dict[str, Any]:
    for name, each in texts.items():
        write_texts(lab / f"{name}.parquet", each)
    return {}


BAD: dict[str, tuple[Any, str]] = {
    "no column": (
        lambda lab, _: {"train": str(write_texts(lab / "other.parquet", ["ACGT"], "sequence"))},
        "other.parquet: has no column text of texts; it has sequence",
    ),
    "no row": (lambda lab, _: _files(lab, test=[]), "test.parquet: has no row"),
    "an empty text": (lambda lab, _: _files(lab, train=["ACGT", "", "AC"]), r"row 2: has no letter in its column text"),
    "a missing text": (lambda lab, _: _files(lab, train=["ACGT", "A", None]), r"row 3: has no letter"),
    "no Parquet": (lambda lab, _: {"train": "run.yaml"}, "run.yaml: is not a Parquet file"),
    "no file": (lambda lab, _: {"test": "away.parquet"}, "away.parquet: no such file"),
    "the same file": (lambda lab, _: {"test": "train.parquet"}, "train and test are the same sequences"),
    "the same content": (
        lambda lab, _: {"test": str(write_texts(lab / "copy.parquet", [bases(20 + seed, seed) for seed in range(14)]))},
        "copy.parquet: train and test are the same sequences",
    ),
    "another family": (_other_family, "is a model of the type 'enformer_trunk', not 'ukbiobert'"),
    "no tokenizer": (lambda lab, _: {"tokenizer": None}, "a new model needs a tokenizer"),
    "a tokenizer beside a model": (lambda lab, model: {"model": str(model), "config": None}, "tokenizer is of a new"),
    "no tokenizer.json": (lambda lab, _: {"tokenizer": "run.yaml"}, r"run\.yaml: is not a tokenizer\.json"),
    "more tokens than rows": (lambda lab, _: {"config": {"vocab_size": 60}}, "has 64 tokens, and the model 60"),
    "a config of nothing": (lambda lab, _: {"config": {"hiden_size": 3}}, "the config does not fit"),
    "a share of all": (lambda lab, _: {"masked_share": 1.5}, "masked_share is 1.5"),
}


@pytest.mark.parametrize("name", list(BAD))
def test_bad_inputs_are_refused_in_one_line_before_the_first_step(lab: Path, dnabert2: Path, name: str) -> None:
    make, told = BAD[name]
    with pytest.raises(InputError, match=told) as error:
        trained(config(lab, **make(lab, dnabert2)))
    assert "\n" not in str(error.value)
    assert not (lab / "run").exists()
