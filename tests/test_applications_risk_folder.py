"""Folders of forests: written and read, the released ones, and what is damaged."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from safetensors.numpy import load_file, save_file

from variantformer_hf.applications.risk.forest_folder import (
    FORESTS_FILE,
    UNIT_COLUMNS,
    UNITS_FILE,
    ForestsDescription,
    RiskForests,
    SnpFeatures,
    gene_file,
    write_description,
    write_forests,
)
from variantformer_hf.applications.risk.forests import packed_forest, predict_forest
from variantformer_hf.compiled import HAS_NUMBA
from variantformer_hf.errors import InputError
from variantformer_hf.zoo.outputs import RELEASED_TISSUES

DESCRIPTION = ForestsDescription(
    "a disease", "embeddings", {"name": "demo", "sha256": "0" * 64}, "float32", 2, ["liver", "lung"], 0.25, 40, 10
)


def nodes(at: float) -> dict[str, np.ndarray]:
    """Of two trees: above ``at`` in the second number the first one says 1; the other says 0.5 of everybody."""
    return {
        "feature": np.array([1, -1, -1, -1], dtype=np.int32),
        "threshold": np.array([at, 0.0, 0.0, 0.0]),
        "left": np.array([1, -1, -1, -1], dtype=np.int32),
        "right": np.array([2, -1, -1, -1], dtype=np.int32),
        "probability": np.array([0, 0, 1, 0.5]),
        "roots": np.array([0, 3], dtype=np.int32),
        "n_features": np.array([2], dtype=np.int32),
    }


def stump(at: float) -> dict[str, np.ndarray]:
    return packed_forest(nodes(at))


def written(folder: Path, description: ForestsDescription = DESCRIPTION) -> Path:
    folder.mkdir()
    numbers = {0: stump(1), 1: stump(2)} if description.tissues else {0: stump(1)}
    write_forests(folder / gene_file("ENSG1.1"), numbers)
    rows = [("ENSG1.1", "G1", name or None, 1, True, 0.7, 0.5, 2, 10, 40, 0.25, "ok") for name in description.tissues]
    pd.DataFrame(rows, columns=list(UNIT_COLUMNS)).to_csv(folder / UNITS_FILE, sep="\t", index=False, na_rep="NA")
    write_description(folder, description)
    return folder


def test_what_is_written_is_read(tmp_path: Path) -> None:
    found = RiskForests.open(written(tmp_path / "f"))
    assert not found.is_released
    assert (found.description.phenotype, found.description.base_rate, found.description.width) == ("a disease", 0.25, 2)
    assert json.loads((found.folder / FORESTS_FILE).read_text())["research_use"].startswith("Research use only")
    assert found.units[["gene_id", "tissue", "kept"]].to_numpy().tolist() == [
        ["ENSG1.1", "liver", True],
        ["ENSG1.1", "lung", True],
    ]
    assert found.tissues_of("ENSG1.7") == ["liver", "lung"]
    rows = np.array([[0, 0.5], [9, 1], [0, 1.5], [0, 3]])
    np.testing.assert_array_equal(predict_forest(found.forest("ENSG1", "liver"), rows), [0.25, 0.25, 0.75, 0.75])
    np.testing.assert_array_equal(predict_forest(found.forests("ENSG1")["lung"], rows), [0.25, 0.25, 0.25, 0.75])
    assert found.forests("ENSG2") == {}
    assert found.snps("ENSG1") is None
    assert found.calibration("ENSG1", "liver") is None
    for gene, tissue in [("ENSG2", "liver"), ("ENSG1", "heart"), ("ENSG1", None)]:
        with pytest.raises(InputError, match="has no forest of this unit"):
            found.forest(gene, tissue)


def test_a_gene_alone_and_genotypes(tmp_path: Path) -> None:
    description = ForestsDescription("a disease", "genotypes", None, None, 0, [], 0.5)
    folder = written(tmp_path / "f", description)
    snps = SnpFeatures(["chr1:5:A:C", "chr1:9:G:T"], [0.5, 1.25])
    write_forests(folder / gene_file("a/b"), {0: stump(1)}, snps, {0: {"brier": 0.25}})
    found = RiskForests.open(folder)
    assert found.gene_ids == ["ENSG1.1", "a/b"]
    assert found.tissues_of("a/b") == [None]
    assert found.snps("a/b") == snps
    assert found.calibration("a/b") == {"brier": 0.25}
    assert found.snps("no gene") is None
    assert found.forest("a/b")["n_features"] == 2
    assert found.units.empty


def test_the_released_forests(tmp_path: Path) -> None:
    write_forests(tmp_path / "ENSG1.1.safetensors", {2: stump(1), 62: stump(2)})
    found = RiskForests.open(tmp_path)
    assert found.is_released
    assert (found.description.precision, found.description.base_rate) == ("released", 0.58)
    assert found.tissues_of("ENSG1") == ["GM23248", "whole blood"]
    assert found.units["tissue"].tolist() == ["GM23248", "whole blood"]
    assert found.units["cv_auroc"].isna().all()
    write_forests(tmp_path / "ENSG2.1.safetensors", {1: stump(1)})
    with pytest.raises(InputError, match=r"ENSG2.1.safetensors: has a forest of tissue 1, which has no name"):
        _ = RiskForests.open(tmp_path).units


def test_the_released_tissues_have_the_rows_of_the_released_vocabulary(shared: Path) -> None:
    rows = yaml.safe_load((shared / "vocabulary/tissue_vocab.yaml").read_text())
    assert {name: number for number, name in enumerate(RELEASED_TISSUES) if name is not None} == rows


def test_no_forests(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no forests, or is not finished"):
        RiskForests.open(tmp_path)
    folder = written(tmp_path / "f")
    (folder / FORESTS_FILE).write_text('{"format": 2}')
    with pytest.raises(InputError, match=r"forests\.json: is damaged, or of another version"):
        RiskForests.open(folder)
    (folder / FORESTS_FILE).unlink()
    with pytest.raises(InputError, match="holds no forests, or is not finished"):
        RiskForests.open(folder)


@pytest.mark.parametrize(
    "change",
    [
        lambda arrays: arrays["left"].__setitem__(0, 0),  # a walk that never ends
        lambda arrays: arrays["roots"].__setitem__(1, -1),
        lambda arrays: arrays["probability"].__setitem__(2, np.nan),
        lambda arrays: arrays["right"].__setitem__(0, 4),
        lambda arrays: arrays.pop("threshold"),
        lambda arrays: arrays.update(probability=arrays["probability"][:-1].copy()),
    ],
)
def test_nodes_that_are_no_forest_are_refused(
    change: Callable[[dict[str, np.ndarray]], object], tmp_path: Path
) -> None:
    """As the first version wrote them: a tensor of each tissue and field."""
    path = tmp_path / "ENSG1.safetensors"
    save_file({f"{number}/{name}": value for number in (0, 7) for name, value in nodes(1).items()}, path)
    rows = np.array([[0, 1.5], [9, 1]], dtype=np.float32)
    np.testing.assert_array_equal(
        predict_forest(RiskForests.open(tmp_path).forests("ENSG1")["A549"], rows), [0.75, 0.25]
    )
    arrays = nodes(1)
    change(arrays)
    save_file({f"0/{name}": value for name, value in arrays.items()}, path)
    with pytest.raises(InputError, match=r"ENSG1\.safetensors: is damaged, or holds no forests"):
        RiskForests.open(tmp_path).forests("ENSG1")


@pytest.mark.parametrize(
    "change",
    [
        lambda arrays: arrays.pop("threshold"),
        lambda arrays: arrays.update(threshold=np.zeros(3, np.float32)),
        lambda arrays: arrays.update(trees=np.array([3, 2], np.int32)),
        lambda arrays: arrays.update(trees=np.array([4, 0], np.int32)),
        lambda arrays: arrays.update(tissues=np.array([3, 3], np.int32)),
        lambda arrays: arrays["leaf"].__setitem__(0, np.nan),
    ],
)
def test_arrays_that_do_not_belong_together_are_refused(
    change: Callable[[dict[str, np.ndarray]], object], tmp_path: Path
) -> None:
    path = write_forests(tmp_path / "ENSG1.safetensors", {0: stump(1), 2: stump(2)})
    arrays = load_file(path)
    change(arrays)
    save_file(arrays, path)
    with pytest.raises(InputError, match=r"ENSG1\.safetensors: is damaged, or holds no forests"):
        RiskForests.open(tmp_path).forests("ENSG1")


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize(
    ("name", "value"), [("left", 0), ("right", 9), ("left", -9), ("feature", 2), ("feature", -1), ("roots", 5)]
)
def test_a_walk_that_leaves_the_arrays_ends(
    name: str, value: int, compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if compiled and not HAS_NUMBA:
        pytest.skip("numba is not installed (extra `fast`)")
    monkeypatch.setattr("variantformer_hf.compiled.HAS_NUMBA", compiled)
    arrays = stump(1)
    arrays[name][0] = value
    with pytest.raises(ValueError, match="the arrays are no forest"):
        predict_forest(arrays, np.array([[0, 0.5], [0, 3]]))


def test_a_file_that_is_cut_off(tmp_path: Path) -> None:
    folder = written(tmp_path / "f")
    path = folder / gene_file("ENSG1.1")
    assert set(load_file(path)) == {*stump(1), "tissues", "trees"}
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(InputError, match="is damaged, or holds no forests"):
        RiskForests.open(folder).forests("ENSG1.1")
    path.write_bytes(b"")
    with pytest.raises(InputError, match="is damaged, or holds no forests"):
        RiskForests.open(folder).tissues_of("ENSG1.1")
