"""Driver SNPs: planted ones are found, each number by hand, and what has no answer is a line."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
import torch
from command_line import run
from genome_files import record, write_vcf
from scipy.stats import pearsonr
from toy_case import LENGTH, toy_case, window_of
from toy_model import TOY, ToyForExpression, ToyGeneModel

from variantformer_hf import ReferenceGenome
from variantformer_hf.analysis import DriverRequest, VariantScorer, find_drivers, select_drivers
from variantformer_hf.analysis.driver_selection import SELECTIONS
from variantformer_hf.analysis.drivers import Drivers
from variantformer_hf.errors import InputError
from variantformer_hf.genome import GeneTable
from variantformer_hf.zoo import families
from variantformer_hf.zoo.abilities import Abilities
from variantformer_hf.zoo.families import Family, gene_model_class

pytestmark = pytest.mark.usefixtures("one_thread")

# Orthogonal copies of two SNPs, a fourth of the people each.
FIRST, SECOND = np.array([0, 0, 2, 2]), np.array([0, 2, 0, 2])
# Places of the window -> the effect of an ALT on both haplotypes, in the first output.
PLANTED = {12: 1.0, 3: -0.8, 16: 0.7}
GENE = "PLUS"


def repeated(*columns: np.ndarray, times: int) -> np.ndarray:
    return np.tile(np.stack(columns, axis=1), (times, 1)).astype(np.int8)


@pytest.mark.parametrize("selection", SELECTIONS)
def test_shares_and_p_of_two_snps_by_hand(selection: Any) -> None:
    """y = 2 a + b of independent SNPs of one variance: r is 2 and 1 of the root of 5."""
    dosages, effects = repeated(SECOND, FIRST, times=16), np.array([1.0, 2.0])
    predicted = 5 + dosages @ effects / 2
    found = select_drivers(effects, dosages, predicted, selection)
    root = np.sqrt(5)
    assert found.order.tolist() == [1, 0]
    assert found.r_alone == pytest.approx([1 / root, 2 / root]) and found.r_all == pytest.approx(1)
    assert found.share == pytest.approx([1, 2 / root])
    assert found.is_driver.tolist() == [True, True]
    for column in (0, 1):
        wanted = pearsonr(dosages[:, column], predicted, alternative="greater").pvalue
        assert found.p[column] == pytest.approx(wanted)
    # Of 16 people the smaller one has t = 1.87: p = 0.04, above 0.01 / 2.
    few = select_drivers(effects, dosages[:16], predicted[:16], selection)
    assert few.share == pytest.approx([1, 2 / root]) and few.is_driver.tolist() == [False, True]


def test_a_rise_is_over_all_snps_so_far_or_over_the_drivers_so_far() -> None:
    """The predictions do not follow the SNP of the largest effect: it stays in one sum, and not in the other."""
    dosages, effects = repeated(FIRST, SECOND, times=16), np.array([3.0, 1.0])
    predicted = dosages[:, 1].astype(float)
    all_of_them = select_drivers(effects, dosages, predicted, "cumulative")
    of_drivers = select_drivers(effects, dosages, predicted, "drivers_only")
    for found in (all_of_them, of_drivers):
        assert found.is_driver.tolist() == [False, True]
        assert found.r_all == pytest.approx(1 / np.sqrt(10))
        assert found.share[0] == pytest.approx(0, abs=1e-12)
    assert all_of_them.share[1] == pytest.approx(1) and of_drivers.share[1] == pytest.approx(np.sqrt(10))


@pytest.mark.parametrize("selection", SELECTIONS)
def test_of_two_snps_that_always_come_together_one_is_the_driver(selection: Any) -> None:
    dosages, effects = repeated(FIRST, FIRST, SECOND, times=16), np.array([1.0, 1.5, 0.01])
    found = select_drivers(effects, dosages, dosages @ effects, selection)
    assert found.is_driver.tolist() == [False, True, False]
    assert found.r_alone[0] == pytest.approx(found.r_alone[1])


def test_without_a_correlation_there_is_no_share_and_no_driver() -> None:
    dosages = repeated(FIRST, SECOND, times=16)
    against = select_drivers(np.array([1.0, 0.5]), dosages, -(dosages @ np.array([1.0, 0.5])))
    nothing = select_drivers(np.zeros(2), dosages, dosages[:, 0].astype(float))
    assert against.r_all == pytest.approx(-1) and np.isnan(nothing.r_all)
    for found in (against, nothing):
        assert np.isnan(found.share).all() and not found.is_driver.any()


class WindowToy(ToyGeneModel):
    abilities: ClassVar[Abilities] = Abilities(window=True)


@pytest.fixture(autouse=True)
def toy(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(families._FAMILIES, TOY.model_type, Family("toy", WindowToy))
    yield


class Cohort:
    """A toy model with planted effects, and people of whom each place of the window has a SNP."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.case = folder, toy_case(folder)
        self.start, end = window_of(GENE)
        self.bases = ReferenceGenome(self.case.fasta).sequence("chr1", self.start, end).upper()
        network = ToyForExpression.from_pretrained(self.case.model)
        with torch.no_grad():
            network.weight.zero_()
            for place in range(20):
                network.weight[0, place, "ACGT".index(self.alt(place))] = PLANTED.get(place, 0.01)
        ToyGeneModel(network, GeneTable.read(folder / "genes.csv"), device="cpu").save(folder / "planted")
        rng = np.random.default_rng(0)
        self.dosages = rng.binomial(2, 0.3, (80, 20))
        self.people = [f"D{number}" for number in range(80)]
        self.vcf = self.write("cohort", self.dosages)

    def alt(self, place: int) -> str:
        return {"A": "C", "C": "A", "G": "T", "T": "G"}[self.bases[place]]

    def line(self, place: int, calls: Sequence[str]) -> str:
        return record(self.start + place + 1, self.bases[place], self.alt(place), "\t".join(calls))

    def write(self, name: str, dosages: np.ndarray, extra: Sequence[str] = ()) -> Path:
        calls = np.array(["0|0", "0|1", "1|1", "./."])
        lines = [self.line(place, calls[dosages[:, place]]) for place in range(20)]
        people = self.people[: len(dosages)]
        return write_vcf(self.folder / f"{name}.vcf.gz", [*lines, *extra], contigs={"chr1": LENGTH}, samples=people)

    def found(self, name: str, vcf: Path, *words: object) -> tuple[Any, pd.DataFrame, list[dict[str, Any]]]:
        output = self.folder / f"{name}.tsv"
        given = ["--fasta", self.case.fasta, "--vcf", vcf, "--gene", GENE, "--tissue", "liver", "-o", output]
        done = run("drivers", self.folder / "planted", *given, *words)
        if done.returncode:
            assert not output.exists()
            return done, pd.DataFrame(), []
        report = json.loads(Path(f"{output}.report.json").read_text())
        return done, pd.read_csv(output, sep="\t", comment="#"), report["genes"]


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    return Cohort(tmp_path_factory.mktemp("drivers"))


@pytest.mark.parametrize("selection", SELECTIONS)
def test_planted_snps_of_an_additive_model_come_back(cohort: Cohort, selection: str) -> None:
    done, table, (row,) = cohort.found(selection, cohort.vcf, "--selection", selection)
    assert done.returncode == 0, done.stderr
    drivers = table[table["is_driver"]]
    assert {int(pos) - 1 - cohort.start for pos in drivers["pos"]} == set(PLANTED)
    assert drivers["effect"].tolist() == pytest.approx(list(PLANTED.values()))
    assert len(table) == 20 and table["effect"].abs().is_monotonic_decreasing
    places = (table["pos"] - 1 - cohort.start).to_numpy()
    assert table["frequency"].to_numpy() == pytest.approx(cohort.dosages.mean(axis=0)[places] / 2)
    assert table["share"].iloc[-1] == pytest.approx(1) or selection == "drivers_only"
    assert (row["status"], row["drivers"], row["snps"], row["people"]) == ("ok", 3, 20, 80)
    assert row["r_all"] == pytest.approx(1) and row["r2_all"] == pytest.approx(1)
    assert 0.98 < row["r_drivers"] < 1 and 0.95 < row["r2_drivers"] < 1


def test_what_is_missing_is_counted_and_what_was_measured_is_held_against_it(cohort: Cohort, tmp_path: Path) -> None:
    dosages = cohort.dosages.copy()
    dosages[:5, 12] = 3  # ./.
    dosages[:, 7] = 0  # nobody carries it
    several = record(cohort.start + 20, cohort.bases[19], "N", "\t".join(["0|0"] * 80))
    vcf = cohort.write("gaps", dosages, [several])
    measured = tmp_path / "measured.csv"
    full = np.where(dosages == 3, 0, dosages) @ np.array([PLANTED.get(place, 0.01) for place in range(20)]) / 2
    lines = [f"{person},{2 * value + 3}" for person, value in zip(cohort.people[:40], full, strict=False)]
    measured.write_text("\n".join(["person,value", *lines, "D70,NA", "nobody,1"]) + "\n")
    done, table, rows = cohort.found("gaps", vcf, "--expression", measured)
    assert done.returncode == 0, done.stderr
    (row,) = rows
    assert row["records"]["missing_genotypes"] == 5 and row["records"]["not_carried"] == 1
    assert row["snps"] == len(table) == 19
    known = dosages[5:, 12]
    place = table.set_index(table["pos"] - 1 - cohort.start)
    assert place.loc[12, "frequency"] == pytest.approx(known.mean() / 2)
    assert row["people_measured"] == 40
    assert row["observed_r_predictions"] == pytest.approx(1) and row["observed_r_drivers"] > 0.98
    assert row["observed_r2_all"] < 0


def test_what_is_done_is_not_done_again(cohort: Cohort, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def found() -> Drivers:
        scorer = VariantScorer(WindowToy.load(cohort.folder / "planted", device="cpu"))
        parts = tmp_path / "predictions", tmp_path / "effects"
        request = DriverRequest([GENE, "MINUS"], samples=cohort.people[::-4])
        return find_drivers(scorer, ReferenceGenome(cohort.case.fasta), cohort.vcf, request, parts=parts)

    rows = []
    forward = ToyForExpression.forward

    def counted(network: ToyForExpression, bases: torch.Tensor, *others: Any, **named: Any) -> Any:
        rows.append(len(bases))
        return forward(network, bases, *others, **named)

    monkeypatch.setattr(ToyForExpression, "forward", counted)
    first = found()
    assert [row["status"] for row in first.summary] == ["ok", "constant_predictions", "no_snp", "no_snp"]
    assert first.summary[0]["people"] == 20
    done = sum(rows)
    again = found()
    assert sum(rows) - done <= 2 < done  # a trial, of which the run's time is told
    pd.testing.assert_frame_equal(again.table, first.table)
    again.remove_parts()
    assert list(tmp_path.iterdir()) == []


def test_models_of_windows_alone_find_drivers(cohort: Cohort, monkeypatch: pytest.MonkeyPatch) -> None:
    able = {
        name: gene_model_class(family, name).abilities.window
        for name, family in families._FAMILIES.items()
        if family.gene_model
    }
    assert able["enformer_trunk"] and able["borzoi_trunk"] and not able["variantformer"]
    monkeypatch.setitem(families._FAMILIES, TOY.model_type, TOY)
    done, *_ = cohort.found("refused", cohort.vcf)
    assert done.returncode == 1
    assert "finding drivers needs a model that reads a window of DNA base by base, and 'toy' is none" in done.stderr


def _few(cohort: Cohort, tmp_path: Path) -> tuple[Path, list[object]]:
    return cohort.vcf, ["--sample", "D3"]


def _none_carried(cohort: Cohort, tmp_path: Path) -> tuple[Path, list[object]]:
    return cohort.write("none", np.zeros((10, 20), dtype=int)), []


def _all_alike(cohort: Cohort, tmp_path: Path) -> tuple[Path, list[object]]:
    return cohort.write("alike", np.tile(cohort.dosages[:1] | 1, (10, 1))), []


def _no_column(cohort: Cohort, tmp_path: Path) -> tuple[Path, list[object]]:
    (tmp_path / "table.tsv").write_text("name\tvalue\nD1\t2\n")
    return cohort.vcf, ["--expression", tmp_path / "table.tsv"]


def _no_number(cohort: Cohort, tmp_path: Path) -> tuple[Path, list[object]]:
    (tmp_path / "table.tsv").write_text("person\tvalue\nD1\thigh\n")
    return cohort.vcf, ["--expression", tmp_path / "table.tsv"]


BAD = {
    "one person": (_few, "drivers are found across people, and of 1 there are predictions. Give 3 people or more."),
    "no SNP": (_none_carried, "PLUS, liver: none of the people carries a SNP in its window that can be scored."),
    "all alike": (_all_alike, "PLUS, liver: the predictions are the same for all people."),
    "no column": (_no_column, "table.tsv: has no column person; it has name, value."),
    "no number": (_no_number, "table.tsv: line 2: the value is 'high'."),
}


@pytest.mark.parametrize("name", list(BAD))
def test_what_has_no_answer_is_one_line_and_nothing_is_written(cohort: Cohort, tmp_path: Path, name: str) -> None:
    make, told = BAD[name]
    vcf, words = make(cohort, tmp_path)
    done, *_ = cohort.found(f"bad-{name}", vcf, *words)
    assert done.returncode == 1 and told in " ".join(done.stderr.split()), done.stderr


def test_arrays_without_an_answer_are_refused() -> None:
    with pytest.raises(InputError, match="of 2 there are predictions"):
        select_drivers(np.ones(1), np.array([[0], [1]]), np.array([0.0, 1.0]))
    with pytest.raises(InputError, match="the predictions are the same for all people"):
        select_drivers(np.ones(1), np.array([[0], [1], [2]]), np.full(3, 0.3))
    with pytest.raises(InputError, match="there is no selection 'best'"):
        select_drivers(np.ones(1), np.array([[0], [1], [2]]), np.arange(3.0), "best")  # type: ignore[arg-type]
