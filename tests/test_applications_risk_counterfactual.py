"""Log odds ratios of carriers, by hand from embeddings without a shortcut; the figure; what cannot be asked."""

from pathlib import Path

import numpy as np
import pytest
from genome_files import record, write_vcf
from made_forests import TREES, made_forest, made_forests
from random_variants import other_base
from scipy import stats
from small_model import LENGTH, TISSUES, SmallWorld

from variantformer_hf import EditedGenome, GenotypeEdit, PersonalGenome, Variant
from variantformer_hf.analysis import VariantScorer
from variantformer_hf.analysis.counterfactual import counterfactual
from variantformer_hf.applications.risk.counterfactual import risk_counterfactual
from variantformer_hf.applications.risk.forest_folder import RESEARCH_USE, RiskForests, gene_file, write_forests
from variantformer_hf.applications.risk.forests import packed_forest, predict_forest
from variantformer_hf.errors import InputError
from variantformer_hf.inference import RejectedQueryError
from variantformer_hf.report.risk_plots import forest_plot
from variantformer_hf.zoo.gene_regions import GeneSequences, gene_sequences

pytestmark = pytest.mark.usefixtures("one_thread")

PLUS, MINUS = "ENSG00000000001.1", "ENSG00000000002.1"
UNSAVED = {"name": "unsaved", "sha256": ""}


@pytest.fixture(scope="module")
def people(world: SmallWorld) -> list[PersonalGenome]:
    """Carriers of a SNP in both genes, and of none."""
    at = 2_600
    base = world.genome[at]
    lines = [
        record(at + 1, base, other_base(base), "0|1", "1|1", "0|0", "1|0"),
        record(3_000, world.genome[2_999], other_base(world.genome[2_999]), "0|1", "1|1", "0|1", "0|0"),
    ]
    names = ["P1", "P2", "P3", "P4"]
    path = write_vcf(world.folder / "carriers.vcf.gz", lines, contigs={"chr1": LENGTH, "chrX": 200}, samples=names)
    return [PersonalGenome(world.reference, path, name) for name in names]


@pytest.fixture(scope="module")
def reverted(world: SmallWorld) -> list[GenotypeEdit]:
    base = world.genome[2_600]
    return [GenotypeEdit(Variant("chr1", 2_601, base, other_base(base)), "absent")]


@pytest.fixture(scope="module")
def forests(world: SmallWorld, tmp_path_factory: pytest.TempPathFactory) -> RiskForests:
    units = {PLUS: ["thyroid", "liver"], MINUS: ["liver"]}
    folder = tmp_path_factory.mktemp("forests") / "f"
    width = world.predictor.model.embedding_width
    return RiskForests.open(made_forests(folder, units, model=UNSAVED, width=width, tissues=TISSUES))


def embeddings(world: SmallWorld, genome: PersonalGenome, gene: str) -> np.ndarray:
    """(T, width) by the way without a shortcut."""
    found = gene_sequences(world.regions(gene), genome.sequences)
    kept = [index for index, sequence in enumerate(found.cre_sequences) if sequence]
    there = GeneSequences(
        [found.cre_sequences[index] for index in kept], found.cre_class_ids[kept], found.gene_sequence
    )
    return world.predictor.model.predict_gene(there, range(len(TISSUES)))[1]


def test_embeddings_of_carriers_are_those_of_both_genomes(
    world: SmallWorld, scorer: VariantScorer, people: list[PersonalGenome], reverted: list[GenotypeEdit]
) -> None:
    found = counterfactual(
        scorer, people, reverted, ["PLUS", "MINUS"], tissues=["thyroid", "liver"], with_embeddings=True
    )
    assert not counterfactual(scorer, people[:1], reverted, ["PLUS"]).embeddings
    for row, entry in enumerate(found.table.to_dict("records")):
        person = next(each for each in people if each.sample == entry["sample"])
        genomes = {"observed": person, "edited": EditedGenome(person, reverted)}
        for name, genome in genomes.items():
            expected = embeddings(world, genome, entry["gene_name"])[TISSUES.index(entry["tissue"])]
            np.testing.assert_allclose(found.embeddings[name][row], expected, atol=2e-5)
    shift = np.linalg.norm(found.embeddings["observed"] - found.embeddings["edited"], axis=1)
    np.testing.assert_allclose(found.table["embedding_shift"], shift, rtol=1e-4)


def test_log_odds_ratios_are_those_of_the_formula(
    scorer: VariantScorer, people: list[PersonalGenome], reverted: list[GenotypeEdit], forests: RiskForests
) -> None:
    found = risk_counterfactual(forests, scorer, people, reverted, ["PLUS"])
    assert found.table[["sample", "tissue"]].to_numpy().tolist() == [
        [sample, tissue] for sample in ("P1", "P2", "P4") for tissue in ("thyroid", "liver")
    ]
    assert set(found.left_out) == {"P3"}
    states = counterfactual(scorer, people, reverted, ["PLUS"], tissues=["thyroid", "liver"], with_embeddings=True)

    def odds(name: str) -> np.ndarray:
        vectors = states.embeddings[name].reshape(3, 2, -1)
        p = np.stack(
            [
                predict_forest(made_forest(PLUS, t, vectors.shape[2]), vectors[:, k])
                for k, t in enumerate(("thyroid", "liver"))
            ],
            axis=1,
        )
        p = np.where(p == 0, 1 / (2 * TREES), np.where(p == 1, 1 - 1 / (2 * TREES), p))
        return np.asarray(p / (1 - p))

    ratios = np.log(odds("observed") / odds("edited"))  # (carriers, tissues)
    assert np.abs(ratios).max() > 0
    np.testing.assert_allclose(found.table["log_odds_ratio"], ratios.ravel(), atol=1e-12)
    of_carriers, of_tissues = ratios.mean(axis=1), ratios.mean(axis=0)
    (summary,) = found.summary.to_dict("records")
    assert (summary["n_carriers"], summary["n_tissues"]) == (3, 2)
    assert summary["log_odds_ratio"] == pytest.approx(ratios.mean())
    for over, values in (("carriers", of_carriers), ("tissues", of_tissues)):
        expected = stats.t.interval(0.95, len(values) - 1, values.mean(), stats.sem(values))
        np.testing.assert_allclose([summary[f"ci_low_{over}"], summary[f"ci_high_{over}"]], expected, atol=1e-12)
    assert found.table["base_rate"].unique().tolist() == [0.25]
    assert found.report["people"] == {"given": 4, "changed": 3, "left_out": found.left_out}


def test_one_carrier_has_an_interval_over_tissues_alone(
    scorer: VariantScorer, people: list[PersonalGenome], reverted: list[GenotypeEdit], forests: RiskForests
) -> None:
    (summary,) = risk_counterfactual(forests, scorer, people[1:2], reverted, ["PLUS"]).summary.to_dict("records")
    assert np.isnan([summary["ci_low_carriers"], summary["ci_high_carriers"]]).all()
    assert np.isfinite([summary["ci_low_tissues"], summary["ci_high_tissues"]]).all()


def test_probabilities_of_0_and_1_are_half_a_vote_from_the_end_and_counted(
    world: SmallWorld, scorer: VariantScorer, people: list[PersonalGenome], reverted: list[GenotypeEdit], tmp_path: Path
) -> None:
    """Four trees that all look at the number that the edit changes the most: 1 as observed, 0 as edited."""
    person = people[1]
    before, after = (embeddings(world, each, "PLUS")[1] for each in (person, EditedGenome(person, reverted)))
    number = int(np.abs(before - after).argmax())
    rises = before[number] > after[number]
    stump = packed_forest(
        {
            "feature": np.tile([number, -1, -1], 4),
            "threshold": np.full(12, (before[number] + after[number]) / 2, dtype=float),
            "left": np.ravel([[3 * tree + 1, -1, -1] for tree in range(4)]),
            "right": np.ravel([[3 * tree + 2, -1, -1] for tree in range(4)]),
            "probability": np.tile([0, 0, 1] if rises else [0, 1, 0], 4).astype(float),
            "roots": np.arange(0, 12, 3),
            "n_features": np.array([len(before)]),
        }
    )
    folder = made_forests(tmp_path / "f", {PLUS: ["liver"]}, model=UNSAVED, width=len(before), tissues=TISSUES)
    write_forests(folder / gene_file(PLUS), {TISSUES.index("liver"): stump})
    found = risk_counterfactual(RiskForests.open(folder), scorer, [person], reverted, ["PLUS"], tissues=["liver"])
    (row,) = found.table.to_dict("records")
    assert (row["probability_observed"], row["probability_edited"], row["flags"]) == (1, 0, "at_bound")
    assert row["log_odds_ratio"] == pytest.approx(2 * np.log(7))  # odds of 7/8 and 1/8
    assert found.report["probabilities_of_0_or_1"] == 2


def test_the_figure_can_be_read_alone(
    scorer: VariantScorer,
    people: list[PersonalGenome],
    reverted: list[GenotypeEdit],
    forests: RiskForests,
    tmp_path: Path,
) -> None:
    found = risk_counterfactual(forests, scorer, people, reverted, ["PLUS", "MINUS"])
    assert found.table["tissue"].unique().tolist() == ["liver"]  # the one that both have
    path = forest_plot(found.table, found.summary, tmp_path / "f.svg", phenotype="a disease")
    text = " ".join(path.read_text().split())
    for expected in ("PLUS: 3 carrier(s), 1 tissue(s)", "MINUS: 3", "ln odds ratio of a disease", "over carriers"):
        assert expected in text
    for line in (RESEARCH_USE[:40], RESEARCH_USE[-40:]):
        assert line in text
    png = forest_plot(found.table, found.summary, tmp_path / "f.png", phenotype="a disease")
    assert png.read_bytes().startswith(b"\x89PNG")


def test_what_cannot_be_asked(
    world: SmallWorld,
    scorer: VariantScorer,
    people: list[PersonalGenome],
    reverted: list[GenotypeEdit],
    forests: RiskForests,
    tmp_path: Path,
) -> None:
    with pytest.raises(InputError, match="no person is changed by the edits"):
        risk_counterfactual(forests, scorer, people[2:3], reverted, ["PLUS"])
    with pytest.raises(RejectedQueryError, match="NONE"):
        risk_counterfactual(forests, scorer, people, reverted, ["NONE"])
    with pytest.raises(InputError, match=r"MINUS: it has no forest in thyroid\. It has some in liver"):
        risk_counterfactual(forests, scorer, people, reverted, ["PLUS", "MINUS"], tissues=["thyroid"])
    other = made_forests(
        tmp_path / "f", {PLUS: ["liver"], MINUS: ["thyroid"]}, model=UNSAVED, width=24, tissues=TISSUES
    )
    with pytest.raises(InputError, match="have no tissue in common"):
        risk_counterfactual(RiskForests.open(other), scorer, people, reverted, ["PLUS", "MINUS"])
    width = world.predictor.model.embedding_width
    other = made_forests(
        tmp_path / "g", {PLUS: ["liver"]}, model={"name": "m", "sha256": "1"}, width=width, tissues=TISSUES
    )
    with pytest.raises(InputError, match=r"trained on embeddings of m .* and these are of unsaved"):
        risk_counterfactual(RiskForests.open(other), scorer, people, reverted, ["PLUS"])


def test_a_carrier_without_a_prediction_has_a_row(
    world: SmallWorld, scorer: VariantScorer, forests: RiskForests
) -> None:
    """The gene's window is deleted in one of two carriers of a SNP behind it."""
    start, end, base = 1_700, 3_300, world.genome[3_400]
    lines = [
        record(start, world.genome[start - 1 : end], world.genome[start - 1], "1|1", "0|0"),
        record(3_401, base, other_base(base), "0|1", "0|1"),
    ]
    contigs = {"chr1": LENGTH, "chrX": 200}
    path = write_vcf(world.folder / "deleted.vcf.gz", lines, contigs=contigs, samples=["D1", "D2"])
    carriers = [PersonalGenome(world.reference, path, name) for name in ("D1", "D2")]
    edit = GenotypeEdit(Variant("chr1", 3_401, base, other_base(base)), "absent")
    found = risk_counterfactual(forests, scorer, carriers, [edit], ["PLUS"])
    assert found.table[["sample", "status"]].to_numpy().tolist() == [
        *[["D1", "gene_deleted"]] * 2,
        *[["D2", "ok"]] * 2,
    ]
    numbers = found.table[["probability_observed", "probability_edited", "log_odds_ratio"]].notna()
    assert numbers.to_numpy().tolist() == [[False] * 3] * 2 + [[True] * 3] * 2
    assert found.summary["n_carriers"].tolist() == [1]
    assert found.report["status"] == {"gene_deleted": 2, "ok": 2}
