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
from variantformer_hf.data.folds import check_folds, chromosome_folds, donor_folds, gene_folds, load_folds, save_folds
from variantformer_hf.data.splits import Split, check_donors, split_cres, split_donors, split_genes, summary
from variantformer_hf.errors import InputError
from variantformer_hf.genome.genes import Gene
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
    with pytest.raises(InputError, match="no donor is left to train on"):
        Split({"A": {"D0": "test"}, "B": {"D1": "validation"}}).check()
    Split({"A": {"D0": "test"}, "B": {"D1": "train"}}).check()  # a cohort may be held out whole


def test_donors_without_genotypes_are_named() -> None:
    split = split_donors(samples({"A": donors("D", 5)}))
    check_donors(split, "A", donors("D", 9), file="cohort.vcf.gz")
    with pytest.raises(InputError, match=r"cohort\.vcf\.gz: D3, D4: lacks 2 of the 5 donors of A"):
        check_donors(split, "A", donors("D", 3), file="cohort.vcf.gz")


# Genes ----------------------------------------------------------------------------------------------------------------


def genes(n: int) -> list[str]:
    return [f"ENSG{number:011d}.{number % 3 + 1}" for number in range(n)]


def test_genes_have_parts_whatever_their_version() -> None:
    split = split_donors(samples({"A": donors("D", 10)}))
    assert {split.gene_part(gene) for gene in genes(3)} == {"train"}
    with_genes = split.with_genes({"ENSG1.4": "train", "ENSG2": "validation", "ENSG3.1": "test"})
    found = [with_genes.gene_part(gene) for gene in ("ENSG1", "ENSG1.9", "ENSG2.1", "ENSG3.2", "ENSG4")]
    assert found == ["train", "train", "validation", "test", None]
    assert with_genes.donors == split.donors
    assert summary(with_genes)["genes"] == {"train": 1, "validation": 1, "test": 1}
    with pytest.raises(InputError, match=r"ENSG1\.2 is in train and in test"):
        split.with_genes({"ENSG1.1": "train", "ENSG1.2": "test"})
    with pytest.raises(InputError, match="ENSG1: there is no part 'dev'"):
        split.with_genes({"ENSG1": "dev"})
    with pytest.raises(InputError, match="no gene is left to train on"):
        split.with_genes({"ENSG1": "test"})


def test_chromosomes_are_parts_where_there_are_no_donors() -> None:
    of_lines = {"ENCODE": {"chr1": "test", "chr2": "validation"}}
    assert Split({}, of_lines).parts == {"test", "validation"}
    assert Split({"LAB": {"a": "train"}}, of_lines).parts == {"train"}


def test_genes_are_drawn_by_their_ids() -> None:
    split = split_donors(samples({"A": donors("D", 10)}))
    drawn = split_genes(split, genes(501), test=100 / 501, validation=100 / 501, seed=4)
    assert summary(drawn)["genes"] == {"train": 301, "validation": 100, "test": 100}
    assert split_genes(split, reversed(genes(501)), test=100 / 501, validation=100 / 501, seed=4) == drawn
    assert split_genes(split, genes(501), seed=5) != split_genes(split, genes(501), seed=6)


def test_parts_of_genes_are_kept_and_files_without_them_are_as_before(tmp_path: Path) -> None:
    split = split_donors(samples({"A": donors("D", 10)}))
    split.save(tmp_path / "donors.json")
    assert sorted(json.loads((tmp_path / "donors.json").read_text())) == ["chromosomes", "donors", "seed"]
    split_genes(split, genes(10)).save(tmp_path / "genes.json")
    assert Split.load(tmp_path / "genes.json") == split_genes(split, genes(10))
    content = json.loads((tmp_path / "genes.json").read_text())
    (tmp_path / "odd.json").write_text(json.dumps(content | {"genes": {"ENSG1": "dev"}}))
    with pytest.raises(InputError, match=r"odd\.json: .*no part 'dev'"):
        Split.load(tmp_path / "odd.json")
    (tmp_path / "list.json").write_text(json.dumps(content | {"genes": ["ENSG1"]}))
    with pytest.raises(InputError, match="is no split"):
        Split.load(tmp_path / "list.json")


# Folds ----------------------------------------------------------------------------------------------------------------


def sizes(split: Split, cohort: str) -> tuple[int, ...]:
    return tuple(summary(split)["donors"][cohort].values())


def test_variformers_ten_folds_of_gtex() -> None:
    folds = donor_folds(samples({"GTEx": donors("GTEX-", 838)}), seed=1)
    assert [sizes(split, "GTEx") for split in folds] == [(671, 83, 84)] * 8 + [(672, 83, 83)] * 2
    tested = [donor for split in folds for donor, part in split.donors["GTEx"].items() if part == "test"]
    assert sorted(tested) == sorted(donors("GTEX-", 838))
    shuffled = samples({"GTEx": random.Random(0).sample(donors("GTEX-", 838), 838)})
    assert donor_folds(shuffled, seed=1) == folds
    assert donor_folds(shuffled, seed=2) != folds


def test_ukbioformers_splits_of_670_donors() -> None:
    table = samples({"GTEx": donors("GTEX-", 670)})
    assert sizes(split_donors(table, test=0.2, validation=0.2), "GTEx") == (402, 134, 134)
    assert sizes(split_donors(table, test=0.1, validation=0.1), "GTEx") == (536, 67, 67)
    assert {sizes(split, "GTEx") for split in donor_folds(table, 5)} == {(402, 134, 134)}
    assert {sizes(split, "GTEx") for split in donor_folds(table, 10)} == {(536, 67, 67)}


@settings(max_examples=25, deadline=None)
@given(st.integers(min_value=0))
def test_everybody_is_tested_once_whatever_cohorts_share(seed: int) -> None:
    rng = random.Random(seed)
    pool, k = donors("D", 80), rng.randint(3, 6)
    cohorts = {name: rng.sample(pool, rng.randint(30, 60)) for name in ("A", "B")}
    try:
        folds = donor_folds(samples(cohorts), k, seed=seed % 5)
    except InputError as error:
        assert "donors for" in error.problem  # what B adds to A is too little
        return
    check_folds(folds)
    for name, group in cohorts.items():
        tested = [donor for split in folds for donor, part in split.donors[name].items() if part == "test"]
        assert sorted(tested) == sorted(group)


def test_folds_of_genes_and_of_chromosomes() -> None:
    split = split_donors(samples({"A": donors("D", 10)}), validation=0.2)
    folds = gene_folds(split, genes(22), 5)
    check_folds(folds)
    assert all(each.donors == split.donors for each in folds)
    found = [tuple(summary(each)["genes"].values()) for each in folds]
    assert found == [(12, 5, 5), (13, 4, 5), (14, 4, 4), (14, 4, 4), (13, 5, 4)]
    table = [
        Gene(gene, gene, f"chr{1 + number % 22}", 10, 20, "+", "protein_coding")
        for number, gene in enumerate(genes(100))
    ]
    folds = chromosome_folds("K562", table)
    check_folds(folds)
    assert len(folds) == 12
    for chrom in {gene.chrom for gene in table}:
        parts = [each.part("K562", "K562", chrom) for each in folds]
        assert (parts.count("test"), parts.count("validation")) == (1, 1)
    counts = [sum(each.part("K562", "", gene.chrom) == "test" for gene in table) for each in folds]
    assert (sum(counts), min(counts), max(counts)) == (100, 5, 9)


def test_folds_that_share_what_they_test_are_refused(tmp_path: Path) -> None:
    table = samples({"A": donors("D", 12)})
    split, folds = split_donors(table), donor_folds(table, 3)
    assert load_folds(save_folds(folds, tmp_path / "folds")[0].parent) == folds
    shared = min(donor for donor, part in folds[1].donors["A"].items() if part == "test")
    leaky = Split({"A": folds[0].donors["A"] | {shared: "test"}})
    with pytest.raises(InputError, match=f"the donor {shared} is in the test part of the folds 0 and 1"):
        save_folds([leaky, *folds[1:]], tmp_path / "leaky")
    assert not (tmp_path / "leaky").exists()
    leaky.save(tmp_path / "folds" / "fold-0.json")
    with pytest.raises(InputError, match=f"folds: the donor {shared} is in the test part"):
        load_folds(tmp_path / "folds")
    # The same genes to test in all folds of donors, as Variformer has them, are no leak; in folds of genes they are.
    parts = {"ENSG1": "train", "ENSG2": "train", "ENSG3": "test"}
    check_folds([each.with_genes(parts) for each in folds])
    with pytest.raises(InputError, match="the gene ENSG3 is in the test part of the folds 0 and 1"):
        check_folds([split.with_genes(parts), split.with_genes(parts | {"ENSG2": "test"})])
    with pytest.raises(InputError, match="the folds hold out the same"):
        check_folds([split, split])
    with pytest.raises(InputError, match="holds no folds"):
        load_folds(tmp_path)


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: donor_folds(samples({"A": donors("D", 4)}), 5), "A has 4 donors for 5 folds"),
        (lambda: donor_folds(samples({"A": donors("D", 4)}), 2), "2 folds leave nothing to train on"),
        (lambda: gene_folds(Split({}), genes(4), 5), "there are 4 genes for 5 folds"),
        (lambda: chromosome_folds("A", [Gene("G", "G", "1", 1, 2, "+")], 3), "the genes lie on 1 chromosomes"),
    ],
)
def test_too_few_for_folds(make, problem: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match=problem):
        make()


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


def scored(path: Path, rows: list[tuple[int, int, object]]) -> Path:
    path.write_text("".join(cre_line("chr1", start, end, "E", "PLS", score) for start, end, score in rows))  # type: ignore[arg-type]
    return path


def test_signals_are_the_scores_of_a_bed(tmp_path: Path, cres: CreTable) -> None:
    file = ActivityFile(scored(tmp_path / "a.bed", [(100, 200, 250), (300, 400, 0), (500, 600, 1000)]), "D1", "liver")
    found = read_activity([file], cres, labels="signal")
    assert found.table["label"].to_numpy().tolist() == [0.25, 0.0, 1.0]
    assert found.table["label"].type == "float"
    assert found.report["a.bed"]["mean_signal"] == pytest.approx(1.25 / 3)
    assert read_activity([file], cres).table["label"].to_pylist() == [1, 1, 1]


def test_a_bed_without_signals_is_refused(tmp_path: Path, cres: CreTable) -> None:
    rows = [(100, 200), (300, 400)]
    for scores, problem in (
        ((0, 0), "has no signal: the score of each cCRE is 0"),
        ((7, "high"), "line 2: the score high is no signal"),
        ((1001, 5), "line 1: the score 1001 is no signal"),
    ):
        path = scored(tmp_path / "a.bed", [(*row, score) for row, score in zip(rows, scores, strict=True)])
        with pytest.raises(InputError, match=problem):
            read_activity([ActivityFile(path, "D1", "liver")], cres, labels="signal")
