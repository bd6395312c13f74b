"""Ancestry: pruning as PLINK does it, components, the nearest populations, and variants that two files share."""

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ancestry_case import POPULATIONS, drifted, write_case, written
from command_line import run
from page_blocks import DOCS, blocks, texts

from variantformer_hf.applications.ancestry import shared_genotypes
from variantformer_hf.applications.ancestry.components import GenotypeComponents
from variantformer_hf.applications.ancestry.labels import read_populations
from variantformer_hf.applications.ancestry.populations import AncestryOptions, check_populations, nearest_populations
from variantformer_hf.applications.ancestry.pruning import PruningOptions, pruned
from variantformer_hf.applications.ancestry.shared_genotypes import SharedGenotypes, VariantFilter, read_shared
from variantformer_hf.data.measured import read_people
from variantformer_hf.errors import InputError
from variantformer_hf.genome.dosages import read_dosages
from variantformer_hf.simulation.writers import index_vcf

FIXTURES = Path(__file__).with_name("fixtures")


def labels(sizes: list[int]) -> list[str]:
    return [name for name, size in zip(POPULATIONS, sizes, strict=True) for _ in range(size)]


def in_memory(panel: np.ndarray, people: np.ndarray) -> SharedGenotypes:
    names = [tuple(f"{what}{number}" for number in range(len(of))) for what, of in (("A", panel), ("B", people))]
    return SharedGenotypes(names[0], names[1], panel, people, {})


@pytest.fixture(scope="module")
def simulated() -> SharedGenotypes:
    """Forty of each of five populations in the panel, twenty of each beside it."""
    whole = drifted([60] * 5, 2_500)
    is_panel = np.tile(np.arange(60) < 40, 5)
    return in_memory(whole[is_panel], whole[~is_panel])


def test_the_variants_that_plink_keeps_are_kept(tmp_path: Path) -> None:
    """Kept by plink1.9 --indep-pairwise 50 5 0.2 (1.90b6.26), of variants whose frequencies all differ."""
    vcf = tmp_path / "pruning.vcf.gz"
    shutil.copy(FIXTURES / "pruning.vcf.gz", vcf)
    index_vcf(vcf)
    dosages = read_dosages(vcf, ("chr1", 0, 1_000_000)).values
    known = (dosages >= 0).sum(axis=0)
    frequency = np.where(dosages < 0, 0, dosages).sum(axis=0) / (2 * known)
    assert dosages.shape == (240, 500) and (dosages < 0).any()
    assert len(np.unique(np.minimum(frequency, 1 - frequency).round(9))) == 500
    kept = [f"v{place + 1}" for place in np.flatnonzero(pruned(dosages))]
    assert kept == (FIXTURES / "pruning.prune.in").read_text().split()


def test_pruning_is_that_of_a_direct_loop() -> None:
    rng = np.random.default_rng(5)
    shared = rng.integers(0, 3, (40, 12))
    dosages = np.where(rng.random((40, 90)) < 0.5, shared[:, rng.integers(0, 12, 90)], rng.integers(0, 3, (40, 90)))
    dosages = np.where(rng.random(dosages.shape) < 0.1, -1, dosages).astype(np.int8)
    dosages[:, 7] = 1
    for options in (PruningOptions(20, 3, 0.1), PruningOptions(10, 10, 0.3), PruningOptions(200, 5, 0.2)):
        assert pruned(dosages, options).tolist() == loop(dosages, options).tolist()


def loop(dosages: np.ndarray, options: PruningOptions) -> np.ndarray:
    """As PLINK's documentation and output have it, pair by pair."""
    n = dosages.shape[1]
    values = np.where(dosages < 0, np.nan, dosages)
    frequency = np.nanmean(values, axis=0) / 2
    minor = np.minimum(frequency, 1 - frequency)
    kept = np.nanstd(values, axis=0) > 0
    for start in range(0, n, options.step):
        end, again = min(start + options.window, n), True
        while again:
            again = False
            for first in range(start, end):
                for second in range(first + 1, end):
                    if not (kept[first] and kept[second]):
                        continue
                    both = ~np.isnan(values[:, first]) & ~np.isnan(values[:, second])
                    a, b = values[both, first], values[both, second]
                    if a.std() and b.std() and np.corrcoef(a, b)[0, 1] ** 2 > options.r2:
                        kept[first if minor[first] < minor[second] - 1e-12 else second] = False
                        again = True
                        break
        if end == n:
            break
    return kept


def test_pairs_further_apart_than_a_window_are_not_compared() -> None:
    rng = np.random.default_rng(0)
    dosages = rng.integers(0, 3, (200, 30)).astype(np.int8)
    dosages[:, 20] = dosages[:, 4]
    assert pruned(dosages, PruningOptions(10, 2, 0.5)).all()
    assert not pruned(dosages, PruningOptions(30, 2, 0.5)).all()


def test_a_member_of_the_panel_is_placed_where_it_is(simulated: SharedGenotypes) -> None:
    panel = simulated.panel[:, :500]
    components = GenotypeComponents.fitted(panel, 20)
    together = components.coordinates(panel)
    np.testing.assert_allclose(components.coordinates(panel[[3, 150]]), together[[3, 150]], rtol=1e-4, atol=1e-4)
    # The components of scaled genotypes by an exact SVD, but for their signs.
    frequency = panel.mean(axis=0) / 2
    varies = (frequency > 0) & (frequency < 1)
    scaled = (panel - 2 * frequency)[:, varies] / np.sqrt(2 * frequency * (1 - frequency))[varies]
    left, values, _ = np.linalg.svd(scaled, full_matrices=False)
    np.testing.assert_allclose(np.abs(together[:, :4]), np.abs(left[:, :4] * values[:4]), atol=0.02)
    share = values[:4] ** 2 / (values**2).sum()
    np.testing.assert_allclose(components.explained[:4], share, rtol=1e-3)


def test_components_are_told_from_others(simulated: SharedGenotypes) -> None:
    panel = simulated.panel[:, :200]
    names = {GenotypeComponents.fitted(of, 5).name for of in (panel, panel.copy(), panel[:, :199], panel[1:])}
    assert len(names) == 3


def test_missing_genotypes_are_the_mean(simulated: SharedGenotypes) -> None:
    components = GenotypeComponents.fitted(simulated.panel, 5)
    nobody = np.full((1, simulated.panel.shape[1]), -1, dtype=np.int8)
    assert (components.coordinates(nobody) == 0).all()


@pytest.mark.parametrize("joint", [False, True])
def test_five_populations_are_told_apart(simulated: SharedGenotypes, joint: bool) -> None:
    found = nearest_populations(simulated, labels([40] * 5), AncestryOptions(joint=joint))
    assert (found.table["super_population"] == labels([20] * 5)).mean() >= 0.98
    assert found.report["accuracy"]["mean"] >= 0.98
    assert found.accuracy == tuple(found.report["accuracy"]["folds"]) and len(found.accuracy) == 5
    assert found.table["probability"].between(0.2, 1).all()
    confusion = found.confusion()
    assert confusion["people"].sum() == 200
    right = confusion.query("super_population == predicted")["people"].sum()
    assert right / 200 == pytest.approx(np.mean(found.accuracy))
    again = nearest_populations(simulated, labels([40] * 5), AncestryOptions(joint=joint))
    pd.testing.assert_frame_equal(again.table, found.table)


def test_neighbours_are_weighted_by_distance(simulated: SharedGenotypes) -> None:
    options = AncestryOptions(components=3, neighbours=5)
    found = nearest_populations(simulated, labels([40] * 5), options)
    places = found.panel[["pc1", "pc2", "pc3"]].to_numpy(dtype=np.float64)
    for row in (0, 30, 99):
        away = np.linalg.norm(places - found.table.loc[row, ["pc1", "pc2", "pc3"]].to_numpy(dtype=np.float64), axis=1)
        nearest = np.argsort(away)[:5]
        weights = pd.Series(1 / away[nearest]).groupby(found.panel["super_population"].to_numpy()[nearest]).sum()
        assert found.table["super_population"][row] == weights.idxmax()
        assert found.table["probability"][row] == pytest.approx(weights.max() / weights.sum(), rel=1e-3)


def test_somebody_of_the_panel_is_marked(simulated: SharedGenotypes) -> None:
    both = SharedGenotypes(simulated.panel_samples, ("A7",), simulated.panel, simulated.panel[[7]], {})
    found = nearest_populations(both, labels([40] * 5), AncestryOptions())
    assert found.table[["super_population", "probability", "in_panel"]].to_numpy().tolist() == [["AFR", 1.0, True]]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ancestry")
    write_case(folder)
    return folder


def test_variants_are_matched_by_position_and_alleles(files: Path) -> None:
    found = read_shared(files / "cohort.vcf.gz", files / "panel.vcf.gz", chosen=VariantFilter(least_maf=0.0))
    counts = found.counts
    # Of ten of the cohort the ALT is not the panel's; one has too many missing.
    assert (counts["shared"], counts["turned"], counts["other_alleles"], counts["missing"]) == (1_240, 40, 10, 1)
    assert counts["shared"] == counts["kept"] + counts["pruned"] + counts["missing"] + counts["rare"]
    assert found.panel.shape == (50, counts["kept"]) and found.people.shape == (15, counts["kept"])
    truth = drifted([13] * 5, 1_250, seed=3)[~np.tile(np.arange(13) < 10, 5)]
    own = {tuple(column) for column in truth.T}
    assert all(tuple(column) in own for column in found.people.T)


def test_variants_that_are_not_shared_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_genotypes, "FEWEST_SHARED", 3)
    rng = np.random.default_rng(0)
    values = rng.integers(0, 3, (30, 8)).astype(np.int8)
    alleles = [("A", "G"), ("C", "G"), ("A", "T"), ("A", "C"), ("A", "G"), ("A", "AT"), ("T", "C"), ("A", "C")]
    names = [f"S{number}" for number in range(30)]
    panel = written(tmp_path / "panel.vcf.gz", values, alleles, names)
    other = [*alleles[:3], ("A", "G"), *alleles[4:]]
    cohort = written(tmp_path / "cohort.vcf.gz", values[:, :7], other[:7], names)
    counts = read_shared(cohort, panel).counts
    wanted = {"shared": 3, "strand_ambiguous": 2, "other_alleles": 1, "panel_only": 1, "vcf_only": 0}
    assert {name: counts[name] for name in wanted} == wanted
    assert counts["panel_not_snp"] == counts["vcf_not_snp"] == 1


def test_few_shared_variants_are_refused(files: Path, tmp_path: Path) -> None:
    small = written(tmp_path / "small.vcf.gz", drifted([2] * 5, 300), [("A", "G")] * 300, [f"P{n}" for n in range(10)])
    with pytest.raises(InputError, match=r"small.vcf.gz: shares 300 SNPs with the panel \(950 panel_only, 0 vcf_only"):
        read_shared(small, files / "panel.vcf.gz")
    elsewhere = written(
        tmp_path / "x.vcf.gz", drifted([2] * 5, 20), [("A", "G")] * 20, [f"P{n}" for n in range(10)], chrom="chr2"
    )
    with pytest.raises(InputError, match="shares 0 SNPs"):
        read_shared(elsewhere, files / "panel.vcf.gz")
    with pytest.raises(InputError, match=r"none of the 1,240 shared SNPs is left.*1,240 missing, 0 pruned"):
        read_shared(files / "cohort.vcf.gz", files / "panel.vcf.gz", chosen=VariantFilter(most_missing=-1))


def test_the_command_s_table_is_a_list_of_people(files: Path, tmp_path: Path) -> None:
    asked = ["--vcf", files / "cohort.vcf.gz", "--panel", files / "panel.vcf.gz", "--labels", files / "labels.tsv"]
    said = run("ancestry", *asked, "-o", tmp_path / "people.tsv", "--components", 5)
    assert said.returncode == 0, said.stderr
    assert [Path(line).name for line in said.stdout.split()] == [
        f"people.tsv{each}" for each in ("", ".panel.tsv", ".confusion.tsv", ".report.json")
    ]
    table = pd.read_csv(tmp_path / "people.tsv", sep="\t")
    assert list(table["super_population"]) == [name for name in POPULATIONS for _ in range(3)]
    assert list(table.columns) == [
        "donor",
        "super_population",
        "probability",
        "in_panel",
        *(f"pc{n}" for n in range(1, 6)),
    ]
    people = read_people(tmp_path / "people.tsv")
    assert list(people["super_population"]) == list(table["super_population"])
    report = json.loads((tmp_path / "people.tsv.report.json").read_text())
    assert len(report["components"]) == 16
    assert len(report["components"]) == 16
    assert report["panel"] == {"people": 50, "without_a_label": 0, "labels_of_nobody": 1}
    assert report["options"]["variants"]["pruning"] == {"window": 50, "step": 5, "r2": 0.2}
    assert "shared SNPs kept; the panel's accuracy is" in said.stderr
    own = run("ancestry", *asked[2:], "--vcf", files / "panel.vcf.gz", "--sample", "EAS4", "-o", "-", "--components", 5)
    assert own.returncode == 0 and "1 of the people have the name of somebody in the panel" in own.stderr
    assert own.stdout.splitlines()[1].startswith("EAS4,EAS,1,True,")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "sample\tsuper_pop\nx1\tEUR\nx2\tAFR\n",
            r"none of the 2 labels \(x1, x2 ...\) is of somebody in the panel \(AFR0",
        ),
        ("sample\tsuper_pop\nEUR1\tEUR\nEUR2\tEUR\n", "all of the panel are EUR"),
        (
            "sample\tsuper_pop\nEUR1\tEUR\n" + "".join(f"AFR{n}\tAFR\n" for n in range(9)),
            "EUR has 1 people in the panel",
        ),
        ("sample\tsuper_pop\nEUR1\tEUR\nEUR1\tAFR\n", "line 3: EUR1 stands in line 2 too"),
        ("name\tsuper_pop\nEUR1\tEUR\n", "has no column donor; it has name, super_pop"),
        ("sample\tancestry\nEUR1\tEUR\n", "has no column super_population"),
        ("sample\tsuper_pop\nEUR1\tNA\n", "names nobody's population"),
        ("sample\tsuper_pop\nEUR1\n", "line 2: has 1 fields, and the first line 2"),
    ],
)
def test_labels_that_say_little_are_refused(text: str, said: str, files: Path, tmp_path: Path) -> None:
    path = tmp_path / "labels.tsv"
    path.write_text(text)
    panel = [f"{name}{number}" for name in POPULATIONS for number in range(10)]
    with pytest.raises(InputError, match=said):
        populations = read_populations(path)
        check_populations([populations[name] for name in panel if name in populations], panel, populations)


def test_what_is_asked_amiss_writes_nothing(files: Path, tmp_path: Path) -> None:
    asked = ["--vcf", files / "cohort.vcf.gz", "--panel", files / "panel.vcf.gz", "--labels", files / "labels.tsv"]
    for option, value, said in (
        ("--r2", 2, "--r2 is 2.0"),
        ("--step", 0, "--step is 0"),
        ("--min-maf", 0.7, "--min-maf is 0.7"),
        ("--components", 1, "--components is 1"),
        ("--sample", "P99", "has no sample 'P99'"),
    ):
        refused = run("ancestry", *asked, option, value, "-o", tmp_path / "people.tsv")
        assert refused.returncode == 1 and said in refused.stderr, refused.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_page_does_what_it_says(files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (DOCS / "ancestry.md").read_text()
    (block,) = (block for block in blocks(page) if block.code.startswith("variantformer "))
    printed, table = texts(page)
    for path in files.iterdir():
        (tmp_path / path.name).symlink_to(path)
    monkeypatch.chdir(tmp_path)
    (said,) = block.run()
    assert [*said.stderr.split("\n")[-2:-1], *said.stdout.splitlines()] == printed.splitlines()
    found = pd.read_csv("people.tsv", sep="\t")
    shown = pd.read_csv(io.StringIO(table), sep=r"\s+")
    pd.testing.assert_frame_equal(found[list(shown)].head(len(shown)), shown, rtol=0.02, check_dtype=False)
