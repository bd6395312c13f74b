"""``predict --embedding-store DIR``: the vectors of ``--embeddings``, a file a gene, resumed and read by memory map."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from command_line import run
from made_store import made_store
from safetensors.numpy import load_file

from variantformer_hf import EmbeddingStore, PredictionDataset
from variantformer_hf.errors import InputError
from variantformer_hf.inference import RejectedQueryError
from variantformer_hf.inference.run_folder import RunFolder
from variantformer_hf.simulation.genome import write_simulation
from variantformer_hf.simulation.model import write_demo_model

GENES, TISSUES = ["DEMO4", "DEMO1", "DEMO2"], ["liver", "whole blood"]
ASKED = [
    *(word for gene in GENES for word in ("--gene", gene)),
    *(word for each in TISSUES for word in ("--tissue", each)),
]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    folder = tmp_path_factory.mktemp("files")
    files = write_simulation(folder, cre_spacing=8_000)
    model = write_demo_model(files, folder / "model")
    return [model, "--fasta", files.fasta, "--vcf", files.vcf, "--device", "cpu", *ASKED]


@pytest.fixture(scope="module")
def store(inputs: list[Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("store")
    said = run("predict", *inputs, "-o", folder / "t.csv", "--embedding-store", folder / "vectors")
    assert said.returncode == 0, said.stderr
    assert said.stdout.split() == [str(folder / name) for name in ("t.csv", "t.csv.report.json", "vectors")]
    return folder / "vectors"


def test_it_has_the_vectors_and_the_table_that_predict_writes(inputs: list[Any], store: Path, tmp_path: Path) -> None:
    said = run("predict", *inputs, "-o", tmp_path / "t.csv", "--embeddings", tmp_path / "e.safetensors")
    assert said.returncode == 0, said.stderr
    expected, of_store = pd.read_csv(tmp_path / "t.csv"), pd.read_csv(store.with_name("t.csv"))
    pd.testing.assert_frame_equal(of_store, expected, atol=2e-5, rtol=1e-4)
    vectors = load_file(tmp_path / "e.safetensors")["embedding"]
    found = EmbeddingStore.open(store)
    assert (list(found.samples), list(found.tissues), found.width) == (["person"], TISSUES, vectors.shape[1])
    assert [gene.gene_name for gene in found.genes] == GENES
    for place, gene in enumerate(GENES):
        assert found[gene].shape == (1, 2, found.width)
        np.testing.assert_allclose(found[gene][0], vectors[2 * place :][:2], atol=2e-5)
    assert isinstance(found["DEMO1"].base, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        found["DEMO1"][:] = 0
    pd.testing.assert_frame_equal(PredictionDataset(store).to_pandas()[["sample"]], expected[["sample"]])
    described = json.loads((store / "store.json").read_text())
    assert {name: described[name] for name in ("people", "tissues", "width", "dtype", "precision")} == {
        "people": ["person"],
        "tissues": TISSUES,
        "width": found.width,
        "dtype": "float32",
        "precision": "float32",
    }
    assert len(described["model"]["sha256"]) == 64
    assert (store / described["genes"][found.genes.get("DEMO1").gene_id]).is_file()


def test_it_says_what_made_it_and_how_each_gene_ended(store: Path) -> None:
    found = EmbeddingStore.open(store)
    described = json.loads((store / "store.json").read_text())
    assert (found.model, found.precision) == (described["model"], described["precision"])
    of_table = found.part().gene_table().set_index("gene_name")
    for gene in GENES:
        status, reason = found.endings(gene)
        assert (status.tolist(), reason.tolist()) == ([of_table.loc[gene, "status"]], [""])
    with pytest.raises(RejectedQueryError, match="DEMO9"):
        found.endings("DEMO9")


def test_halves_take_half_and_are_the_nearest(inputs: list[Any], store: Path, tmp_path: Path) -> None:
    said = run("predict", *inputs, "-o", tmp_path / "t.csv", "--embedding-store", tmp_path / "v", "--dtype", "float16")
    assert said.returncode == 0, said.stderr
    halves, whole = EmbeddingStore.open(tmp_path / "v"), EmbeddingStore.open(store)
    assert halves["DEMO2"].dtype == np.float16
    np.testing.assert_array_equal(halves["DEMO2"], whole["DEMO2"].astype(np.float16))


def test_a_run_that_was_cut_short_goes_on(
    inputs: list[Any], store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    put = RunFolder.write

    def at_most_two(self: RunFolder, unit: Any, done: Any) -> None:
        if len(written) == 2:
            raise MemoryError
        written.append(unit.name)
        put(self, unit, done)

    command = ["predict", *inputs, "-o", tmp_path / "t.csv", "--embedding-store", tmp_path / "v"]
    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "write", at_most_two)
        assert run(*command).returncode != 0
    assert not (tmp_path / "t.csv").exists()
    begun = {path: path.stat().st_mtime_ns for path in (tmp_path / "v" / "genes").iterdir()}
    assert len(begun) == 2
    with pytest.raises(InputError, match="is not finished"):
        EmbeddingStore.open(tmp_path / "v")
    said = run(*command)
    assert said.returncode == 0, said.stderr
    assert {path: path.stat().st_mtime_ns for path in begun} == begun
    for path in (store / "genes").iterdir():
        assert (tmp_path / "v" / "genes" / path.name).read_bytes() == path.read_bytes()
    assert (tmp_path / "t.csv").read_bytes() == store.with_name("t.csv").read_bytes()


@pytest.mark.slow
def test_another_model_precision_or_list_of_people_is_refused(inputs: list[Any], store: Path, tmp_path: Path) -> None:
    others = {
        "precision": [*inputs, "--precision", "bfloat16"],
        "samples": [each for each in inputs if each != "--vcf" and not str(each).endswith(".vcf.gz")],
    }
    for name, asked in others.items():
        refused = run("predict", *asked, "-o", tmp_path / "t.csv", "--embedding-store", store)
        assert refused.returncode == 1
        assert "holds the output of another run (it differs in:" in refused.stderr
        assert name in refused.stderr.partition("differs in:")[2].partition(")")[0]
    assert EmbeddingStore.open(store)["DEMO1"].shape[0] == 1


def test_what_is_asked_amiss(inputs: list[Any], tmp_path: Path) -> None:
    store = ["--embedding-store", tmp_path / "v"]
    refused = run("predict", *inputs, "-o", f"{tmp_path}/t/", *store)
    assert (refused.returncode, "--embedding-store is written beside one table" in refused.stderr) == (1, True)
    refused = run("predict", *inputs, "-o", tmp_path / "t.csv", *store, "--embeddings", tmp_path / "e.safetensors")
    assert (refused.returncode, "both --embeddings and --embedding-store" in refused.stderr) == (1, True)
    (tmp_path / "v").mkdir(exist_ok=True)
    (tmp_path / "v" / "mine.txt").write_text("kept")
    refused = run("predict", *inputs, "-o", tmp_path / "t.csv", *store)
    assert (refused.returncode, "holds files, and is no folder of predictions" in refused.stderr) == (1, True)
    assert (tmp_path / "v" / "mine.txt").read_text() == "kept"


def test_what_is_not_there_and_what_is_damaged(inputs: list[Any], tmp_path: Path) -> None:
    command = ["predict", *inputs, "-o", tmp_path / "t.csv", "--embedding-store", tmp_path / "v", "--overwrite"]
    assert run(*command).returncode == 0
    found = EmbeddingStore.open(tmp_path / "v")
    with pytest.raises(RejectedQueryError, match="DEMO9"):
        found["DEMO9"]
    path = (
        tmp_path
        / "v"
        / json.loads((tmp_path / "v" / "store.json").read_text())["genes"][found.genes.get("DEMO1").gene_id]
    )
    of_unit = tmp_path / "v" / "_units" / f"{found._units[path.relative_to(tmp_path / 'v').as_posix()]}.arrow"
    noted = of_unit.read_bytes()
    for damaged in (noted[:-1], noted[:100] + b"x" + noted[101:]):
        of_unit.write_bytes(damaged)
        with pytest.raises(InputError, match="damaged or gone"):
            found.endings("DEMO1")
    of_unit.write_bytes(noted)
    whole = path.read_bytes()
    path.write_bytes(whole[:-8])
    with pytest.raises(InputError, match=r"is damaged, or gone \(it has"):
        found["DEMO1"]
    assert run(*command).returncode == 0
    assert path.read_bytes() == whole
    with pytest.raises(InputError, match="no store of embeddings"):
        assert run("predict", *inputs, "-o", f"{tmp_path}/d/").returncode == 0
        EmbeddingStore.open(tmp_path / "d")


def test_annotated_data_of_a_gene_and_of_a_sample(store: Path, tmp_path: Path) -> None:
    anndata = pytest.importorskip("anndata")
    found = EmbeddingStore.open(store)
    said = run("export", store, "--format", "h5ad", "--gene", "DEMO2", "-o", tmp_path / "gene.h5ad")
    assert said.returncode == 0, said.stderr
    data = anndata.read_h5ad(tmp_path / "gene.h5ad")
    assert list(data.obs_names) == ["person|liver", "person|whole blood"]
    assert set(data.obs["status"]) == {"ok"}
    np.testing.assert_array_equal(data.X, found["DEMO2"][0])
    said = run("export", store, "--format", "h5ad", "--tissue", "whole blood", "-o", tmp_path / "person.h5ad")
    assert said.returncode == 0, said.stderr
    data = anndata.read_h5ad(tmp_path / "person.h5ad")
    assert list(data.obs["gene_id"]) == [gene.gene_id for gene in found.genes]
    np.testing.assert_array_equal(data.X, np.stack([found[gene][0, 1] for gene in GENES]))
    assert run("export", store, "--format", "wide", "-o", tmp_path / "t.csv").returncode == 0


def test_vectors_of_a_part_are_in_its_order(tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).standard_normal((3, 4, 2, 5)).astype(np.float16)
    vectors[1, 2] = np.nan
    found = EmbeddingStore.open(made_store(tmp_path / "v", vectors, dtype="float16"))
    part = found.part(genes=["G4", "G3"], samples=["P2", "P1"], tissues=["lung"])
    asked = vectors[[1, 0]][:, [3, 2]][:, :, [1]]
    np.testing.assert_array_equal(found.vectors(part), asked)
    assert (found.vectors(part).dtype, found.vectors(part, np.float32).dtype) == (np.float16, np.float32)
    assert list(part.table()["status"]) == ["ok", "no_cres", "ok", "ok"]
