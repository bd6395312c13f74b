"""Splits that are the same everywhere and do not leak, and labels of cCREs' activity."""

import json
import random
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from variantformer_hf import CreTable
from variantformer_hf.data.activity import ActivityFile, read_activity
from variantformer_hf.data.splits import Split, check_donors, split_cres, split_donors, summary
from variantformer_hf.errors import InputError
from variantformer_hf.simulation.writers import cre_line
from variantformer_hf.zoo.outputs import TissueNames


def samples(cohorts: dict[str, list[str]], lines: tuple[str, ...] = ()) -> pa.Table:
    rows = [(cohort, donor, cohort in lines) for cohort, donors in cohorts.items() for donor in donors]
    return pa.table(dict(zip(("cohort", "donor", "is_cell_line"), map(list, zip(*rows, strict=True)), strict=True)))


def donors(prefix: str, n: int) -> list[str]:
    return [f"{prefix}{number}" for number in range(n)]


def test_the_papers_split() -> None:
    mage = donors("HG", 200)
    populations = {donor: "AFR" if index < 50 else "EUR" for index, donor in enumerate(mage)}
    table = samples({"GTEx": donors("GTEX-", 100), "MAGE": mage, "ENCODE": ["K562"]}, lines=("ENCODE",))
    split = split_donors(table, strata=populations)
    counts = summary(split)
    assert counts["donors"]["GTEx"] == {"train": 90, "validation": 0, "test": 10}
    assert counts["donors"]["MAGE"] == {"train": 180, "validation": 0, "test": 20}
    held_out = [donor for donor, part in split.donors["MAGE"].items() if part == "test"]
    assert sum(populations[donor] == "AFR" for donor in held_out) == 5
    assert split.part("ENCODE", "K562", "chr19") == "test"
    assert split.part("ENCODE", "K562", "19") == "test"
    assert split.part("ENCODE", "K562", "chr1") == "train"
    assert split.part("GTEx", held := next(d for d, p in split.donors["GTEx"].items() if p == "test"), "chr1") == "test"
    assert held
    with pytest.raises(InputError, match="does not know NOBODY of GTEx"):
        split.part("GTEx", "NOBODY", "chr1")
    cres = split_cres("ENTEx", validation=["20"])
    assert [cres.part("ENTEx", "D", chrom) for chrom in ("chr21", "21", "chr20", "chr1")] == [
        "test",
        "test",
        "validation",
        "train",
    ]


@settings(max_examples=50, deadline=None)
@given(st.integers(min_value=0), st.floats(0, 0.5), st.floats(0, 0.4))
def test_splits_are_whole_deterministic_and_without_leakage(seed: int, test: float, validation: float) -> None:
    rng = random.Random(seed)
    pool = donors("D", 60)
    cohorts = {name: sorted(rng.sample(pool, rng.randint(5, 40))) for name in ("A", "B", "C")}
    try:
        split = split_donors(samples(cohorts), test=test, validation=validation, seed=seed % 7)
    except InputError as error:
        # A small cohort whose donors are all held out in others has nobody to learn from, and that is said.
        assert "are held out" in error.problem
        return
    shuffled = {name: rng.sample(group, len(group)) for name, group in reversed(cohorts.items())}
    assert split_donors(samples(shuffled), test=test, validation=validation, seed=seed % 7) == split
    part_of: dict[str, str] = {}
    for name, group in cohorts.items():
        assert set(split.donors[name]) == set(group)
        for donor, part in split.donors[name].items():
            assert part_of.setdefault(donor, part) == part


def test_another_seed_another_draw() -> None:
    table = samples({"A": donors("D", 50)})
    assert split_donors(table, seed=1) != split_donors(table, seed=2)


def test_a_split_is_kept_as_a_file(tmp_path: Path) -> None:
    split = split_donors(samples({"A": donors("D", 50), "L": ["x"]}, ("L",)), validation=0.1)
    split.save(tmp_path / "split.json")
    assert Split.load(tmp_path / "split.json") == split
    content = json.loads((tmp_path / "split.json").read_text())
    content["donors"]["B"] = {"D0": "test" if split.donors["A"]["D0"] == "train" else "train", "D1": "train"}
    (tmp_path / "leaks.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"leaks\.json: D0 is in"):
        Split.load(tmp_path / "leaks.json")
    content = {"donors": {"A": {"D0": "holdout"}}}
    (tmp_path / "odd.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match="no part 'holdout'"):
        Split.load(tmp_path / "odd.json")
    (tmp_path / "no.json").write_text("[]")
    with pytest.raises(InputError, match="is no split"):
        Split.load(tmp_path / "no.json")
    with pytest.raises(InputError, match="no such file"):
        Split.load(tmp_path / "none.json")


def test_what_leaves_nothing_to_train_on() -> None:
    with pytest.raises(InputError, match="leave nothing to train on"):
        split_donors(samples({"A": donors("D", 5)}), test=0.6, validation=0.4)
    with pytest.raises(InputError, match="all donors of A are held out"):
        Split({"A": {"D0": "test"}, "B": {"D1": "train"}}).check()


def test_donors_without_genotypes_are_named() -> None:
    split = split_donors(samples({"A": donors("D", 5)}))
    check_donors(split, "A", donors("D", 9), file="cohort.vcf.gz")
    with pytest.raises(InputError, match=r"cohort\.vcf\.gz: D3, D4: lacks 2 of the 5 donors of A"):
        check_donors(split, "A", donors("D", 3), file="cohort.vcf.gz")


# Activity -------------------------------------------------------------------------------------------------------------


def bed(path: Path, rows: list[tuple[int, int, str]], chrom: str = "chr1") -> Path:
    path.write_text("".join(cre_line(chrom, start, end, f"E{start}", kind) for start, end, kind in rows))
    return path


@pytest.fixture
def cres(tmp_path: Path) -> CreTable:
    return CreTable.read(bed(tmp_path / "cres.bed", [(100, 200, "PLS"), (300, 400, "dELS"), (500, 600, "pELS")]))


def test_labels_by_hand(tmp_path: Path, cres: CreTable) -> None:
    first = bed(tmp_path / "a.bed", [(100, 200, "PLS,CTCF-bound"), (300, 400, "Low-DNase"), (700, 800, "PLS")])
    second = bed(tmp_path / "b.bed", [(300, 400, "DNase-only"), (500, 600, "Unclassified"), (300, 400, "PLS")])
    files = [ActivityFile(first, "D1", "Whole_Blood"), ActivityFile(second, "D2", "liver")]
    found = read_activity(files, cres, TissueNames(["whole blood", "liver"]))
    assert found.table.to_pylist() == [
        {"element": 0, "donor": "D1", "tissue": "whole blood", "label": 1},
        {"element": 1, "donor": "D1", "tissue": "whole blood", "label": 0},
        {"element": 1, "donor": "D2", "tissue": "liver", "label": 1},
    ]
    assert found.tissues == ("whole blood", "liver")
    assert found.report["a.bed"]["dropped"] == {"not in the cCRE table": 1}
    assert found.report["b.bed"]["dropped"] == {"unclassified": 1, "twice in the file": 1}
    assert (found.report["a.bed"]["elements"], found.report["a.bed"]["active"]) == (2, 1)


def test_broken_activity(tmp_path: Path, cres: CreTable) -> None:
    good = ActivityFile(bed(tmp_path / "a.bed", [(100, 200, "PLS")]), "D1", "liver")
    with pytest.raises(InputError, match="the second file of D1's liver"):
        read_activity([good, good], cres)
    with pytest.raises(InputError, match="shares no cCRE"):
        read_activity([ActivityFile(bed(tmp_path / "b.bed", [(1, 2, "PLS")]), "D1", "liver")], cres)
    with pytest.raises(InputError, match="the tissue 'moon'"):
        read_activity([ActivityFile(good.path, "D1", "moon")], cres, TissueNames(["liver"]))
    (tmp_path / "c.bed").write_text("chr1\t1\t2\n")
    with pytest.raises(InputError, match="line 1: is no cCRE"):
        read_activity([ActivityFile(tmp_path / "c.bed", "D1", "liver")], cres)
    with pytest.raises(InputError, match="no file of activity"):
        read_activity([], cres)
    assert np.array_equal(read_activity([good], cres).table["label"].to_numpy(), [1])
