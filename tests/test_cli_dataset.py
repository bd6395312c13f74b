"""``predict -o FOLDER/`` and ``export``: the same tables as without, in every layout."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from command_line import run

from variantformer_hf import PredictionDataset
from variantformer_hf.simulation.genome import write_simulation
from variantformer_hf.simulation.model import write_demo_model

PART = ["--gene", "DEMO4", "--gene", "DEMO1", "--tissue", "liver", "--tissue", "whole blood"]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    folder = tmp_path_factory.mktemp("files")
    files = write_simulation(folder, cre_spacing=8_000)
    model = write_demo_model(files, folder / "model")
    return [model, "--fasta", files.fasta, "--vcf", files.vcf, "--device", "cpu"]


@pytest.fixture(scope="module")
def dataset(inputs: list[Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dataset") / "out"
    said = run("predict", *inputs, "-o", f"{folder}/")
    assert said.returncode == 0, said.stderr
    assert said.stdout == f"{folder}\n"
    assert "1 sample(s) x 6 gene(s) x 4 tissue(s): 24 rows" in said.stderr
    assert "all samples: 157 records in the windows, 157 applied, 0 skipped" in said.stderr
    return folder


@pytest.mark.parametrize("part", [[], PART], ids=["all", "part"])
@pytest.mark.parametrize(
    ("name", "layout"),
    [
        ("t.csv", "tidy"),
        ("t.parquet", "tidy"),
        ("t.tsv.gz", "wide"),
        ("t.parquet", "wide"),
        ("t.h5ad", "h5ad"),
        ("t.txt", "predixcan"),
    ],
)
def test_a_part_in_any_layout_is_what_predict_writes(
    inputs: list[Any], dataset: Path, tmp_path: Path, name: str, layout: str, part: list[str]
) -> None:
    if layout == "h5ad":
        pytest.importorskip("anndata")
    for folder in ("direct", "exported"):
        (tmp_path / folder).mkdir()
    direct = run("predict", *inputs, *part, "--format", layout, "-o", tmp_path / "direct" / name)
    exported = run("export", dataset, *part, "--format", layout, "-o", tmp_path / "exported" / name)
    assert (direct.returncode, exported.returncode) == (0, 0), direct.stderr + exported.stderr
    names = [path.name for path in (tmp_path / "exported").iterdir()]
    assert names
    assert set(names) == {path.name for path in (tmp_path / "direct").iterdir()} - {f"{name}.report.json"}
    for each in names:
        found, expected = (read(tmp_path / folder / each) for folder in ("exported", "direct"))
        pd.testing.assert_frame_equal(found, expected, atol=2e-5, rtol=1e-4)
    if not part:  # the same shapes went through the model, so that it is the same to the last bit
        for each in names:
            if each.endswith((".csv", ".txt")):
                assert (tmp_path / "exported" / each).read_bytes() == (tmp_path / "direct" / each).read_bytes()


def read(path: Path) -> pd.DataFrame:
    if path.suffix == ".h5ad":
        import anndata

        data = anndata.read_h5ad(path)
        assert "variantformer" in data.uns
        np.testing.assert_allclose(data.layers["tpm"], np.expm1(data.X), rtol=1e-4)
        return pd.DataFrame(data.X, index=data.obs_names, columns=data.var_names)
    if path.suffix == ".parquet":
        return pd.read_parquet(path)
    return pd.read_csv(path, sep="," if path.suffix == ".csv" else "\t")


def test_export_to_stdout_and_over_files(dataset: Path, tmp_path: Path) -> None:
    said = run("export", dataset, *PART, "-o", "-")
    assert said.returncode == 0, said.stderr
    assert len(said.stdout.splitlines()) == 1 + 4
    output = tmp_path / "t.csv"
    output.write_text("kept")
    refused = run("export", dataset, *PART, "-o", output)
    assert refused.returncode == 1
    assert "already exists" in refused.stderr
    assert run("export", dataset, *PART, "-o", output, "--overwrite").returncode == 0
    assert output.read_text() == said.stdout


def test_the_name_of_a_dataset_that_is_there_needs_no_slash(inputs: list[Any], dataset: Path, tmp_path: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in dataset.glob("chr*/*")}
    again = run("predict", *inputs, "-o", dataset)
    assert again.returncode == 0, again.stderr
    assert {path: path.stat().st_mtime_ns for path in dataset.glob("chr*/*")} == before
    assert run("predict", *inputs, "-o", tmp_path / "named", "--format", "dataset").returncode == 0
    pd.testing.assert_frame_equal(
        PredictionDataset(tmp_path / "named").to_pandas(), PredictionDataset(dataset).to_pandas()
    )
    assert not (dataset / ".lock").exists()


def test_an_array_of_halves(inputs: list[Any], dataset: Path, tmp_path: Path) -> None:
    said = run("predict", *inputs, "-o", tmp_path / "out.zarr", "--format", "zarr", "--dtype", "float16")
    assert said.returncode == 0, said.stderr
    exported = run("export", tmp_path / "out.zarr", "-o", tmp_path / "t.csv")
    assert exported.returncode == 0, exported.stderr
    expected = PredictionDataset(dataset).to_pandas()
    np.testing.assert_allclose(pd.read_csv(tmp_path / "t.csv")["log1p_tpm"], expected["log1p_tpm"], rtol=1e-3)


def test_rejected_names_are_told_in_the_dataset(inputs: list[Any], tmp_path: Path) -> None:
    said = run("predict", *inputs, "--gene", "DEMO1", "--gene", "DEMO99", "--skip-invalid", "-o", f"{tmp_path}/out/")
    assert said.returncode == 0, said.stderr
    assert "DEMO99" in (tmp_path / "out" / "_rejected.tsv").read_text()
