"""Output layouts: each read back with the tool that its users read it with."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pysam
import pytest

from variantformer_hf.errors import InputError
from variantformer_hf.files import check_new, whole_file
from variantformer_hf.report.effect_files import write_effects
from variantformer_hf.report.plots import knockout_plot
from variantformer_hf.report.tables import (
    check_format,
    output_paths,
    wide_table,
    write_embeddings,
    write_predictions,
)
from variantformer_hf.zoo.units import unit_named

SAMPLES, GENES, TISSUES = ["S2", "S1"], [("ENSG2.1", "B"), ("ENSG1.3", "A")], ["liver", "brain - cortex"]
METADATA = {"model": {"name": "tiny", "sha256": "0"}}


@pytest.fixture
def table() -> pd.DataFrame:
    rows = [(s, g, n, t) for s in SAMPLES for g, n in GENES for t in TISSUES]
    frame = pd.DataFrame(rows, columns=["sample", "gene_id", "gene_name", "tissue"])
    frame["log1p_tpm"] = np.arange(len(rows), dtype=np.float32)
    frame["tpm"] = np.expm1(frame["log1p_tpm"])
    return frame.assign(status="ok", reason=pd.array([None] * len(frame), dtype="string"))


@pytest.fixture
def genes() -> pd.DataFrame:
    rows = [(s, g, n, 10 * (s == "S1") + 5, 3 * (s == "S1")) for s in SAMPLES for g, n in GENES]
    return pd.DataFrame(rows, columns=["sample", "gene_id", "gene_name", "records_in_windows", "records_applied"])


def test_tidy_parquet_keeps_rows_types_and_metadata(table: pd.DataFrame, genes: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "out.parquet"
    assert write_predictions(table, genes, path, "tidy", METADATA) == [path]
    pd.testing.assert_frame_equal(pd.read_parquet(path), table)
    assert json.loads(pq.read_schema(path).metadata[b"variantformer"]) == METADATA


@pytest.mark.parametrize(
    ("name", "separator"), [("out.csv", ","), ("out.tsv", "\t"), ("out.csv.gz", ","), ("out.txt", "\t")]
)
def test_tidy_text_reads_back(
    table: pd.DataFrame, genes: pd.DataFrame, tmp_path: Path, name: str, separator: str
) -> None:
    write_predictions(table, genes, tmp_path / name, "tidy", METADATA)
    read = pd.read_csv(tmp_path / name, sep=separator)
    assert list(read.columns) == list(table.columns)
    np.testing.assert_allclose(read["tpm"], table["tpm"], rtol=1e-6)


def test_wide_has_a_row_per_sample_and_gene_in_the_asked_order(table: pd.DataFrame) -> None:
    wide = wide_table(table)
    assert list(wide.columns) == ["sample", "gene_id", "gene_name", "status", "reason", *TISSUES]
    assert list(zip(wide["sample"], wide["gene_id"], strict=True)) == [(s, g) for s in SAMPLES for g, _ in GENES]
    assert wide.loc[1, "brain - cortex"] == 3.0


def test_h5ad_has_samples_by_tissues_as_observations(table: pd.DataFrame, genes: pd.DataFrame, tmp_path: Path) -> None:
    anndata = pytest.importorskip("anndata")
    write_predictions(table, genes, tmp_path / "out.h5ad", "h5ad", METADATA)
    data = anndata.read_h5ad(tmp_path / "out.h5ad")
    assert data.shape == (4, 2)
    assert list(data.var_names) == ["ENSG2.1", "ENSG1.3"]
    assert list(data.obs["sample"]) == ["S2", "S2", "S1", "S1"]
    row = (data.obs["sample"] == "S1") & (data.obs["tissue"] == "liver")
    assert data[row.to_numpy(), "ENSG1.3"].X.item() == 6.0
    np.testing.assert_allclose(data.layers["tpm"], np.expm1(data.X), rtol=1e-6)
    assert json.loads(data.uns["variantformer"]) == METADATA


def test_predixcan_pair_is_what_its_association_step_reads(
    table: pd.DataFrame, genes: pd.DataFrame, tmp_path: Path
) -> None:
    paths = write_predictions(table, genes, tmp_path / "run.txt", "predixcan", METADATA)
    assert [path.name for path in paths] == [
        "run.liver.txt",
        "run.liver.summary.txt",
        "run.brain_cortex.txt",
        "run.brain_cortex.summary.txt",
    ]
    assert paths == output_paths(tmp_path / "run.txt", "predixcan", TISSUES)
    expression = pd.read_table(paths[2])
    assert list(expression.columns) == ["FID", "IID", "ENSG2.1", "ENSG1.3"]
    assert list(expression["IID"]) == SAMPLES
    assert list(expression["ENSG1.3"]) == [3.0, 7.0]
    summary = pd.read_table(paths[1])
    assert list(summary.columns) == [
        "gene",
        "gene_name",
        "n_snps_in_model",
        "n_snps_used",
        "pred_perf_r2",
        "pred_perf_pval",
    ]
    assert list(summary["n_snps_used"]) == [3, 3]


def test_predixcan_of_one_tissue_keeps_the_asked_name(table: pd.DataFrame, genes: pd.DataFrame, tmp_path: Path) -> None:
    one = table[table["tissue"] == "liver"]
    paths = write_predictions(one, genes, tmp_path / "run.txt", "predixcan", METADATA)
    assert [path.name for path in paths] == ["run.txt", "run.summary.txt"]


def test_embeddings_are_one_tensor_with_metadata(tmp_path: Path) -> None:
    from safetensors import safe_open

    values = np.arange(6, dtype=np.float32).reshape(3, 2)
    write_embeddings(values, tmp_path / "emb.safetensors", METADATA)
    with safe_open(tmp_path / "emb.safetensors", "numpy") as file:
        assert list(file.keys()) == ["embedding"]
        np.testing.assert_array_equal(file.get_tensor("embedding"), values)
        assert json.loads(file.metadata()["variantformer"]) == METADATA


@pytest.mark.parametrize(
    ("name", "layout"), [("a.parquet", "h5ad"), ("a.xlsx", "tidy"), ("a.csv", "predixcan"), ("a.csv", "long")]
)
def test_layout_and_suffix_that_do_not_go_together(name: str, layout: str) -> None:
    with pytest.raises(InputError, match="format"):
        check_format(Path(name), layout)


def test_an_existing_output_is_refused_unless_told(tmp_path: Path) -> None:
    path = tmp_path / "out.parquet"
    path.write_text("kept")
    with pytest.raises(InputError, match="already exists"):
        check_new([path], overwrite=False)
    check_new([path], overwrite=True)
    with pytest.raises(InputError, match="no such folder"):
        check_new([tmp_path / "missing" / "out.parquet"], overwrite=True)


def test_a_failed_write_leaves_the_old_file_and_no_trace(tmp_path: Path) -> None:
    path = tmp_path / "out.parquet"
    path.write_text("old")
    with pytest.raises(RuntimeError, match="disk full"), whole_file(path) as partial:
        partial.write_text("half")
        raise RuntimeError("disk full")
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.parquet"]


def test_layouts_of_another_unit_have_its_column_and_no_tpm(
    table: pd.DataFrame, genes: pd.DataFrame, tmp_path: Path
) -> None:
    anndata = pytest.importorskip("anndata")
    unit = unit_named("inverse_normal")
    scores = table.drop(columns="tpm").rename(columns={"log1p_tpm": "expression"})
    scores["expression"] -= 4  # below -1 there is no logarithm
    assert wide_table(scores, unit).loc[1, "brain - cortex"] == -1.0
    write_predictions(scores, genes, tmp_path / "out.h5ad", "h5ad", METADATA, unit)
    data = anndata.read_h5ad(tmp_path / "out.h5ad")
    assert list(data.layers) == []
    assert data["S2|liver", "ENSG2.1"].X.item() == -4.0
    path = write_predictions(scores, genes, tmp_path / "run.txt", "predixcan", METADATA, unit)[0]
    assert pd.read_table(path)["ENSG2.1"].tolist() == [-4.0, 0.0]


def test_effects_in_another_unit_have_no_fold_change(tmp_path: Path) -> None:
    anndata = pytest.importorskip("anndata")
    of_variant = {"chrom": "chr1", "pos": 7, "ref": "A", "alt": "C", "gene_id": "ENSG2.1", "gene_name": "B"}
    of_genome = {"background": "reference", "sample": "reference", "zygosity": "het", "overlap": "window"}
    values = {"expression_ref": [-1.0, 0.0], "expression_alt": [-1.5, 0.25], "effect": [-0.5, 0.25]}
    table = pd.DataFrame({"tissue": TISSUES, **of_variant, **of_genome, **values, "status": "ok", "flags": ""})
    data = anndata.read_h5ad(write_effects(table, tmp_path / "e.h5ad", "h5ad", METADATA)[0])
    assert data.X.tolist() == [[-0.5, 0.25]]
    assert {name: layer.tolist() for name, layer in data.layers.items()} == {
        "expression_ref": [[-1.0, 0.0]],
        "expression_alt": [[-1.5, 0.25]],
    }
    with pysam.VariantFile(str(write_effects(table, tmp_path / "e.vcf.gz", "vcf", METADATA)[0])) as file:
        (entry, _) = next(iter(file)).info["VFE"]
    assert entry == "C|B|liver|reference|reference|het|window|-0.5|.|ok|"


def test_the_axis_of_a_plot_names_the_unit(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    rows = {"tissue": "liver", "cre_class": ["PLS"], "tss_distance": [5], "effect": [0.5], "gene_name": "B"}
    for unit, label in (("log1p_tpm", "(log1p TPM)"), ("inverse_normal", "(inverse-normal expression)")):
        plot = knockout_plot(pd.DataFrame(rows), "liver", tmp_path / "k.svg", unit_named(unit))
        assert f"effect of the knock-out {label}" in plot.read_text()


def test_what_differs_by_tissue_is_a_layer_of_effects(tmp_path: Path) -> None:
    """Beside a second model, a null or phase shifts a variant stays one row."""
    anndata = pytest.importorskip("anndata")
    of_variant = {
        "chrom": "chr1",
        "pos": 5,
        "ref": "A",
        "alt": "C",
        "variant": "chr1:5:A:C",
        "gene_id": "G",
        "background": "reference",
        "zygosity": "hom",
        "flags": "",
    }
    by_tissue = {
        "effect": [0.1, 0.2],
        "effect_second_model": [0.3, 0.4],
        "effect_sd_models": [0.1, 0.2],
        "null_size": [30, 40],
        "quantile": [0.5, 0.6],
        "effect_sd_phase": [0.01, 0.02],
    }
    table = pd.DataFrame({**of_variant, "tissue": ["liver", "lung"], **by_tissue})
    data = anndata.read_h5ad(write_effects(table, tmp_path / "e.h5ad", "h5ad", METADATA)[0])
    assert data.shape == (1, 2)
    for name, values in by_tissue.items():
        found = data.X if name == "effect" else data.layers[name]
        np.testing.assert_allclose(found[0], values, rtol=1e-6, err_msg=name)
