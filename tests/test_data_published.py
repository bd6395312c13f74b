"""A prepared data set: written, read by the datasets library, pushed to a stand-in for the Hub."""

import json
from pathlib import Path

import datasets
import numpy as np
import pytest
from small_cohort import DONORS, SmallCohort

from variantformer_hf.data.published import push_dataset, read_dataset, write_dataset
from variantformer_hf.data.splits import Split
from variantformer_hf.errors import InputError


def test_every_value_is_there_in_its_part(cohort: SmallCohort, split: Split, tmp_path: Path) -> None:
    table = cohort.world.predictor.gene_table
    folder = write_dataset(cohort.expression, split, table, tmp_path / "set", title="A lab's cohort", licence="other")
    found = datasets.load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))
    assert set(found) == {"train", "test"}
    assert sum(len(part) for part in found.values()) == len(cohort.expression)
    for name, part in found.items():
        assert {split.donors["LAB"][donor] for donor in part["donor"]} == {name}
    whole = read_dataset(folder)
    assert sorted(whole["log1p_tpm"].to_pylist()) == sorted(cohort.expression.value.tolist())
    card = (folder / "README.md").read_text()
    assert "license: other" in card
    assert "No genotypes" in card
    report = json.loads((folder / "preparation.json").read_text())
    assert report["split"]["donors"]["LAB"] == {"train": 6, "validation": 0, "test": 2}


def test_values_in_another_unit_are_not_called_tpm(cohort: SmallCohort, split: Split, tmp_path: Path) -> None:
    other = cohort.expression.with_values(tmp_path / "z", -np.asarray(cohort.expression.value), "inverse_normal")
    table = cohort.world.predictor.gene_table
    folder = write_dataset(other, split, table, tmp_path / "set", title="T", licence="other")
    found = read_dataset(folder)
    assert "log1p_tpm" not in found.column_names
    assert sorted(found["expression"].to_pylist()) == sorted(other.value.tolist())
    card = (folder / "README.md").read_text()
    assert "`expression` in the unit inverse_normal" in card
    assert "tpm" not in card


def test_parts_of_genes_are_a_column(cohort: SmallCohort, split: Split, tmp_path: Path) -> None:
    table = cohort.world.predictor.gene_table
    first = table.genes[0].gene_id
    with_genes = split.with_genes({first: "train", "ENSG09999999999": "test"})
    found = read_dataset(write_dataset(cohort.expression, with_genes, table, tmp_path / "set", title="T", licence="o"))
    assert len(found) == len(cohort.expression)
    parts = zip(found["gene_id"].to_pylist(), found["gene_part"].to_pylist(), strict=True)
    assert all(part == ("train" if gene == first else None) for gene, part in parts)


def test_donors_can_be_renamed(cohort: SmallCohort, split: Split, tmp_path: Path) -> None:
    table = cohort.world.predictor.gene_table
    names = {donor: f"P{number:03d}" for number, donor in enumerate(reversed(DONORS))}
    folder = write_dataset(
        cohort.expression, split, table, tmp_path / "set", title="T", licence="other", rename_donor=names.__getitem__
    )
    found = read_dataset(folder)
    assert set(found["donor"].to_pylist()) <= set(names.values())
    published = b"".join(path.read_bytes() for path in folder.iterdir() if path.is_file())
    assert not any(f'"{donor}"'.encode() in published for donor in DONORS)
    assert not any(donor in text for donor in DONORS for text in found["sample"].to_pylist())
    with pytest.raises(InputError, match="the same published name"):
        write_dataset(
            cohort.expression, split, table, tmp_path / "b", title="T", licence="other", rename_donor=lambda donor: "X"
        )


def test_pushing_uploads_the_folder(
    cohort: SmallCohort, split: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = cohort.world.predictor.gene_table
    folder = write_dataset(cohort.expression, split, table, tmp_path / "set", title="T", licence="other")
    calls = []

    class Hub:
        def create_repo(self, name: str, **options: object) -> None:
            calls.append(("create", name, options))

        def upload_folder(self, **options: object) -> str:
            calls.append(("upload", options))
            return "https://hub/commit"

    monkeypatch.setattr("huggingface_hub.HfApi", Hub)
    assert push_dataset(folder, "lab/set") == "https://hub/commit"
    assert calls[0] == ("create", "lab/set", {"repo_type": "dataset", "private": True, "exist_ok": True})
    assert calls[1][1]["folder_path"] == str(folder)


def test_what_is_no_data_set(cohort: SmallCohort, split: Split, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no prepared data set"):
        read_dataset(tmp_path)
    with pytest.raises(InputError, match="is no prepared data set"):
        push_dataset(tmp_path, "lab/set")
    table = cohort.world.predictor.gene_table
    with pytest.raises(InputError, match="already exists"):
        write_dataset(cohort.expression, split, table, tmp_path, title="T", licence="other")
    assert np.isfinite(np.asarray(cohort.expression.value)).all()
