"""A store made beforehand: it saves the encoding, changes no number, and never meets another model or genome."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pysam
import pytest
import torch

from variantformer_hf import ExpressionPredictor
from variantformer_hf.errors import InputError
from variantformer_hf.inference.precompute import precompute
from variantformer_hf.simulation.genome import SimulatedFiles, write_simulation
from variantformer_hf.simulation.model import write_demo_model
from variantformer_hf.zoo import model_files
from variantformer_hf.zoo.device import choose_device
from variantformer_hf.zoo.estimate import RunEstimate, matmul_speed
from variantformer_hf.zoo.variantformer.engine import ExpressionEngine


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[SimulatedFiles, Path]:
    folder = tmp_path_factory.mktemp("precompute")
    written = write_simulation(folder, cre_spacing=8_000)
    return written, write_demo_model(written, folder / "model")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VARIANTFORMER_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many elements were encoded, call by call."""
    counts: list[int] = []
    encode = ExpressionEngine.encode

    def counted(engine: ExpressionEngine, elements: Any) -> np.ndarray:
        counts.append(len(elements))
        return encode(engine, elements)

    monkeypatch.setattr(ExpressionEngine, "encode", counted)
    return counts


def values(table: pd.DataFrame) -> np.ndarray:
    return table["log1p_tpm"].to_numpy()


def load(model: Path, store: str | None = "auto") -> ExpressionPredictor:
    return ExpressionPredictor.from_pretrained(model, device="cpu", store=store)


def test_what_was_precomputed_is_found_without_being_named(
    files: tuple[SimulatedFiles, Path], cache: Path, encoded: list[int]
) -> None:
    simulated, model = files
    without = load(model).predict(simulated.fasta, simulated.vcf)
    from_nothing = sum(encoded)
    encoded.clear()
    maker = load(model, None)
    done = precompute(maker.model, simulated.fasta)
    assert done.folder.parent == cache / "elements"
    assert 0 < done.encoded == sum(encoded) <= done.cres
    assert done.size == sum(path.stat().st_size for path in done.folder.glob("*.safetensors"))
    again = precompute(maker.model, simulated.fasta)
    assert (again.cres, again.encoded) == (done.cres, 0)

    encoded.clear()
    reference = load(model).predict(simulated.fasta)
    assert sum(encoded) == 0
    np.testing.assert_allclose(values(reference), values(load(model, None).predict(simulated.fasta)), atol=2e-5, rtol=0)
    encoded.clear()
    with_store = load(model).predict(simulated.fasta, simulated.vcf)
    of_person = sum(encoded)
    assert 0 < of_person < from_nothing
    np.testing.assert_allclose(values(with_store), values(without), atol=2e-5, rtol=0)
    encoded.clear()
    load(model).predict(simulated.fasta, simulated.vcf)
    assert sum(encoded) == 0  # the person's elements are there now as well


def test_changed_weights_have_another_store(
    files: tuple[SimulatedFiles, Path], cache: Path, tmp_path: Path, encoded: list[int]
) -> None:
    simulated, model = files
    maker = load(model, None)
    first = precompute(maker.model, simulated.fasta)
    changed = tmp_path / "changed"
    shutil.copytree(model, changed)
    tuned = load(model, None).model.network
    with torch.no_grad():
        for parameter in tuned.model.cre_encoder.parameters():
            parameter.mul_(1.05)
    tuned.save_pretrained(changed)
    predictor = load(changed)
    assert predictor.model.store is None
    assert predictor.model.default_store() != first.folder
    with pytest.raises(InputError, match="another model"):
        load(changed, str(first.folder))
    with_store = ExpressionPredictor.from_pretrained(changed, device="cpu", store=tmp_path / "own")
    expected = values(predictor.predict(simulated.fasta))
    assert not np.allclose(expected, values(load(model).predict(simulated.fasta)), atol=1e-3)
    for _ in range(2):
        np.testing.assert_allclose(values(with_store.predict(simulated.fasta)), expected, atol=2e-5, rtol=0)


def test_weights_that_change_in_place_are_noticed(
    files: tuple[SimulatedFiles, Path], cache: Path, tmp_path: Path
) -> None:
    model = tmp_path / "model"
    shutil.copytree(files[1], model)
    before = load(model).model.default_store()
    tuned = load(model).model.network
    with torch.no_grad():
        next(tuned.model.cre_encoder.parameters()).add_(1)
    tuned.save_pretrained(model)
    assert load(model).model.default_store() != before


def test_another_genome_meets_no_vector_of_the_first(
    files: tuple[SimulatedFiles, Path], cache: Path, tmp_path: Path
) -> None:
    simulated, model = files
    maker = load(model, None)
    precompute(maker.model, simulated.fasta)
    other = tmp_path / "other.fa"
    complement = str.maketrans("ACGTacgt", "CAGTcagt")  # A and C change places
    lines = simulated.fasta.read_text().splitlines()
    other.write_text("".join((line if line[0] == ">" else line.translate(complement)) + "\n" for line in lines))
    pysam.faidx(str(other))
    found, expected = (values(load(model, store).predict(other)) for store in ("auto", None))
    np.testing.assert_allclose(found, expected, atol=2e-5, rtol=0)
    assert not np.allclose(expected, values(load(model).predict(simulated.fasta)), atol=1e-3)


def test_a_precision_has_its_own_store(files: tuple[SimulatedFiles, Path], cache: Path) -> None:
    made = {
        precision: ExpressionPredictor.from_pretrained(
            files[1], device="cpu", precision=precision, store=None
        ).model.default_store()
        for precision in ("float32", "bfloat16", "released")
    }
    assert len(set(made.values())) == 3


def test_the_released_precision_rounds_the_residual_stream(files: tuple[SimulatedFiles, Path]) -> None:
    simulated, model = files
    full, half, released = (
        values(
            ExpressionPredictor.from_pretrained(model, device="cpu", precision=precision, store=None).predict(
                simulated.fasta, simulated.vcf, genes=["DEMO1", "DEMO2"]
            )
        )
        for precision in ("float32", "bfloat16", "released")
    )
    assert np.abs(half - full).max() < 0.05
    assert np.abs(released - full).max() < 0.05
    assert np.abs(released - half).max() > 0


def test_a_hash_is_remembered_by_path_size_and_time(
    files: tuple[SimulatedFiles, Path], cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tmp_path / "model"
    shutil.copytree(files[1], model)
    first = model_files.model_identity(model)
    read: list[str] = []
    digest = model_files.hashlib.file_digest

    def noted(file: Any, name: str) -> Any:
        read.append(file.name)
        return digest(file, name)

    monkeypatch.setattr(model_files.hashlib, "file_digest", noted)
    assert model_files.model_identity(model) == first
    assert read == []
    weights = model / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    changed = model_files.model_identity(model)
    assert changed.sha256 != first.sha256
    assert len(read) == 1
    for damage in ("{", "[]", json.dumps({})):
        (cache / "hashes.json").write_text(damage)
        assert model_files.model_identity(model) == changed


def test_a_plan_counts_what_there_is_to_do(files: tuple[SimulatedFiles, Path], cache: Path) -> None:
    simulated, model = files
    predictor = load(model)
    plan = predictor.plan(simulated.fasta, simulated.vcf)
    some = predictor.plan(simulated.fasta, simulated.vcf, tissues=["liver"])
    reference = predictor.plan(simulated.fasta)
    assert (plan.genes, plan.people, plan.tissues) == (6, 1, len(predictor.model.network.config.tissues))
    assert some.flops < plan.flops
    assert reference.cres_to_encode < plan.cres_to_encode
    assert plan.memory > sum(p.numel() * 4 for p in predictor.model.network.parameters())
    precompute(predictor.model, simulated.fasta)
    stored = load(model).plan(simulated.fasta)
    assert (stored.cres_to_encode, reference.cres_to_encode > 0) == (0, True)
    assert stored.flops < reference.flops


def test_a_plan_reads_as_a_sentence() -> None:
    plan = RunEstimate(18_439, 2, 62, 1_400.0, 36_878, 1_200_000, 5.2e17, 7_300.0, 11.4 * 2**30)
    assert str(plan) == (
        "18,439 genes x 2 people x 62 tissues: 36,878 batches, 1,200,000 cCREs to encode, 5.2e+05 TFLOP, "
        "about 2.03 h and 11.4 GB for model and activations"
    )


def test_the_matrix_products_speed_is_measured() -> None:
    assert 1e9 < matmul_speed(torch.device("cpu"), torch.float32) < 1e15


def test_each_process_of_a_machine_takes_its_own_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setenv("LOCAL_RANK", "3")
    assert str(choose_device("auto")) == "cuda:3"
    assert str(choose_device("cuda:1")) == "cuda:1"
    assert str(choose_device("cpu")) == "cpu"
