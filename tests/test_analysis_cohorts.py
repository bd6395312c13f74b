"""Counterfactuals of carriers, eQTL benchmark, null effects, and populations' weighted scores."""

import random
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from genome_files import record, write_vcf
from random_variants import other_base
from scipy import stats
from small_model import LENGTH, TISSUES, SmallWorld, random_person_lines

from variantformer_hf import EditedGenome, GenotypeEdit, PersonalGenome, Variant
from variantformer_hf.analysis import VariantScorer
from variantformer_hf.analysis.backgrounds import Background
from variantformer_hf.analysis.common_variants import _frequency, distance_class
from variantformer_hf.analysis.counterfactual import counterfactual
from variantformer_hf.analysis.effects import add_second_model
from variantformer_hf.analysis.eqtl import correlations, eqtl_benchmark
from variantformer_hf.analysis.eqtl_selection import EqtlSelection
from variantformer_hf.analysis.null_effects import (
    add_quantiles,
    build_null,
    null_metadata,
    read_null,
)
from variantformer_hf.analysis.population_scores import frequencies_of, population_scores, read_frequencies
from variantformer_hf.errors import InputError
from variantformer_hf.genome.variant import VariantNormalizer
from variantformer_hf.genome.variant_table import read_variants
from variantformer_hf.report.plots import eqtl_scatter
from variantformer_hf.report.tables import write_table

pytestmark = pytest.mark.usefixtures("one_thread")


# Counterfactuals ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def people(world: SmallWorld) -> list[PersonalGenome]:
    """Carriers of two SNPs in PLUS: both, one, none, and one with a colliding third allele."""
    first, second = 1_800, 1_810
    a, b = world.genome[first], world.genome[second]
    third = next(base for base in "ACGT" if base not in (a, other_base(a)))
    lines = [
        record(first + 1, a, f"{other_base(a)},{third}", "0|1", "1|1", "0|0", "2|2"),
        record(second + 1, b, other_base(b), "1|1", "0|0", "0|0", "0|1"),
        record(3_000, world.genome[2_999], other_base(world.genome[2_999]), "0|1", "1|1", "0|1", "0|0"),
    ]
    path = write_vcf(
        world.folder / "carriers.vcf.gz", lines, contigs={"chr1": LENGTH, "chrX": 200}, samples=["P1", "P2", "P3", "P4"]
    )
    return [PersonalGenome(world.reference, path, name) for name in ("P1", "P2", "P3", "P4")]


@pytest.fixture(scope="module")
def reverted(world: SmallWorld) -> list[GenotypeEdit]:
    found = [Variant("chr1", at + 1, world.genome[at], other_base(world.genome[at])) for at in (1_800, 1_810)]
    return [GenotypeEdit(variant, "absent") for variant in found]


def test_carriers_with_and_without(
    world: SmallWorld, scorer: VariantScorer, people: list[PersonalGenome], reverted: list[GenotypeEdit]
) -> None:
    found = counterfactual(scorer, people, reverted, ["PLUS", "MINUS"])
    assert set(found.left_out) == {"P3"}
    assert "already" in found.left_out["P3"]
    table = found.table
    assert table["sample"].unique().tolist() == ["P1", "P2", "P4"]
    observed = table.drop_duplicates("sample").set_index("sample")["observed"]
    assert observed.to_dict() == {"P1": "0|1;1|1", "P2": "1|1;0/0", "P4": "0/0;0|1"}
    for person in people:
        for gene in ("PLUS", "MINUS"):
            rows = table[(table["sample"] == person.sample) & (table["gene_name"] == gene)]
            if len(rows):
                before = world.prediction(person, gene)
                after = world.prediction(EditedGenome(person, reverted), gene)
                np.testing.assert_allclose(rows["log1p_tpm_observed"], before, atol=2e-5)
                np.testing.assert_allclose(rows["effect"], after - before, atol=2e-5)
    moved = table["effect"].abs() > 1e-4
    assert moved.any()
    assert (table.loc[moved, "embedding_shift"] > 0).all()
    group = table[(table["gene_name"] == "PLUS") & (table["tissue"] == "liver")]["effect"].astype(float)
    summary = found.summary.set_index(["gene_name", "tissue"]).loc[("PLUS", "liver")]
    low, high = stats.t.interval(0.95, len(group) - 1, loc=group.mean(), scale=stats.sem(group))
    np.testing.assert_allclose(
        summary[["n", "mean_effect", "ci_low", "ci_high"]].astype(float), [3, group.mean(), low, high]
    )


def test_who_cannot_be_edited_is_named(
    world: SmallWorld, scorer: VariantScorer, people: list[PersonalGenome], reverted: list[GenotypeEdit]
) -> None:
    given = [GenotypeEdit(reverted[0].variant, "hom")]
    found = counterfactual(scorer, people, given, ["PLUS"], tissues=["liver"])
    assert set(found.left_out) == {"P2", "P4"}  # P2 is homozygous already, P4 carries another allele there
    assert "chr1:1801" in found.left_out["P4"]
    assert found.table["sample"].tolist() == ["P1", "P3"]
    with pytest.raises(InputError, match="no person is changed"):
        counterfactual(scorer, people[2:3], reverted, ["PLUS"])


def test_snps_together_do_what_their_mnv_does(world: SmallWorld, scorer: VariantScorer) -> None:
    person = world.person(random_person_lines(random.Random(2), world.genome[:1_500]), "mnv")
    ref = world.genome[1_800:1_803]
    alt = other_base(ref[0]) + ref[1] + other_base(ref[2])
    single = [Variant("chr1", 1_801, ref[0], alt[0]), Variant("chr1", 1_803, ref[2], alt[2])]
    for genotype in ("hom", "het"):
        together = counterfactual(scorer, [person], [GenotypeEdit(each, genotype) for each in single], ["PLUS"])
        mnv = scorer.score([Variant("chr1", 1_801, ref, alt)], person, genes=["PLUS"], zygosity=[genotype])
        np.testing.assert_allclose(together.table["effect"], mnv["effect"], atol=1e-6)
        assert (mnv["effect"].abs() > 1e-4).any()


# eQTL -----------------------------------------------------------------------------------------------------------------


def eqtl_table(world: SmallWorld, path: Path, n: int = 30) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    places = rng.choice(np.arange(1_760, 2_200), size=n, replace=False)
    table = pd.DataFrame(
        {
            "chromosome": "1",
            "position": places + 1,
            "ref": [world.genome[at] for at in places],
            "alt": [other_base(world.genome[at]) for at in places],
            "gene_id": "ENSG00000000001",
            "beta": rng.normal(size=n),
            "maf": rng.uniform(0, 0.1, size=n),
            "dataset_id": np.where(np.arange(n) < 20, "QTD1", "QTD2"),
            "AF_EUR": rng.uniform(0, 0.3, size=n),
            "AF_AFR": rng.uniform(0, 0.1, size=n),
        }
    )
    table.to_csv(path, sep="\t", index=False)
    return table


def test_eqtl_slopes_and_scores(world: SmallWorld, scorer: VariantScorer, tmp_path: Path) -> None:
    table = eqtl_table(world, tmp_path / "eqtl.tsv")
    genome = PersonalGenome(world.reference)
    found = eqtl_benchmark(
        scorer, tmp_path / "eqtl.tsv", [Background("reference", genome)], tissues=["liver", "thyroid"]
    )
    pairs = found.pairs
    assert len(pairs) == 60
    variants = [Variant("chr1", *row) for row in zip(table["position"], table["ref"], table["alt"], strict=True)]
    scores = scorer.score(variants, genome, genes=["PLUS"], tissues=["liver"], zygosity=["hom"])
    of_liver = pairs[pairs["tissue"] == "liver"]
    np.testing.assert_allclose(of_liver["score"], scores["effect"], atol=1e-6)
    np.testing.assert_allclose(of_liver["slope"], table["beta"])
    result = found.correlations.set_index(["tissue", "dataset", "stratum"])
    first = slice(0, 20)
    assert result.loc[("liver", "QTD1", "all"), "n"] == 20
    liver_scores = of_liver["score"].to_numpy()
    expected = stats.spearmanr(table["beta"][first], liver_scores[first]).statistic
    assert result.loc[("liver", "QTD1", "all"), "spearman"] == pytest.approx(expected)
    low, high = result.loc[("liver", "QTD1", "all"), ["ci_low", "ci_high"]]
    assert -1 <= low < expected < high <= 1
    rare = (table["maf"][first] < 0.05).to_numpy()
    assert result.loc[("liver", "QTD1", "rare"), "n"] == rare.sum()
    expected = stats.spearmanr(table["beta"][first][rare], liver_scores[first][rare]).statistic
    assert result.loc[("liver", "QTD1", "rare"), "spearman"] == pytest.approx(expected)
    enriched = (table["AF_EUR"][first] > 0.10) & (table["AF_AFR"][first] < 0.05)
    assert result.loc[("liver", "QTD1", "EUR_enriched"), "n"] == enriched.sum()
    assert eqtl_scatter(pairs, found.correlations, tmp_path / "q.png").read_bytes().startswith(b"\x89PNG")


def test_a_pair_of_two_data_sets_counts_in_both(world: SmallWorld, scorer: VariantScorer, tmp_path: Path) -> None:
    table = eqtl_table(world, tmp_path / "all.tsv", 10)
    cohorts = pd.concat([table.assign(dataset_id=name) for name in ("QTD1", "QTD2", "QTD3")])
    cohorts.to_csv(tmp_path / "eqtl.tsv", sep="\t", index=False)
    found = eqtl_benchmark(
        scorer, tmp_path / "eqtl.tsv", [Background("reference", PersonalGenome(world.reference))], tissues=["liver"]
    )
    assert found.pairs["dataset"].value_counts().to_dict() == {"QTD1": 10, "QTD2": 10, "QTD3": 10}
    assert not found.rejected
    whole = found.correlations[found.correlations["stratum"] == "all"]
    assert whole["n"].tolist() == [10, 10, 10]


def test_perfect_and_hopeless_correlations() -> None:
    pairs = pd.DataFrame({"tissue": "t", "dataset": "d", "slope": range(12), "score": range(12)})
    pairs = pairs.assign(rare=None, common=None, EUR_enriched=None, AFR_enriched=None)
    row = correlations(pairs, 50).iloc[0]
    np.testing.assert_allclose(row[["spearman", "ci_low", "ci_high"]].astype(float), 1.0)
    tied = correlations(pairs.assign(score=1.0), 50).iloc[0]
    assert np.isnan(tied["spearman"])
    few = correlations(pairs.iloc[:5], 50).iloc[0]
    assert few["spearman"] == pytest.approx(1.0)
    assert np.isnan(few["ci_low"])
    assert correlations(pairs)["stratum"].tolist() == ["all"]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda table: table.drop(columns="beta"), "no row with a slope"),
        (lambda table: table.drop(columns="gene_id"), "no row with a slope and a gene"),
        (lambda table: table.assign(gene_id="ENSG00000000777"), "no variant can be scored"),
        (lambda table: table.assign(ref="N"), "no row with a slope"),
    ],
)
def test_bad_eqtl_tables(world: SmallWorld, scorer: VariantScorer, tmp_path: Path, change, problem: str) -> None:  # type: ignore[no-untyped-def]
    change(eqtl_table(world, tmp_path / "all.tsv", 3)).to_csv(tmp_path / "eqtl.tsv", sep="\t", index=False)
    with pytest.raises(InputError, match=problem):
        eqtl_benchmark(scorer, tmp_path / "eqtl.tsv", [Background("reference", PersonalGenome(world.reference))])


def test_rows_without_a_slope_are_counted(world: SmallWorld, scorer: VariantScorer, tmp_path: Path) -> None:
    table = eqtl_table(world, tmp_path / "all.tsv", 4)
    table.loc[1, "beta"] = np.nan
    table.to_csv(tmp_path / "eqtl.tsv", sep="\t", index=False)
    found = eqtl_benchmark(
        scorer, tmp_path / "eqtl.tsv", [Background("reference", PersonalGenome(world.reference))], tissues=["liver"]
    )
    assert len(found.pairs) == 3
    assert [(each.row, each.reason) for each in found.rejected] == [(3, "has no slope")]


def test_slopes_of_the_reference_allele_are_turned(world: SmallWorld, scorer: VariantScorer, tmp_path: Path) -> None:
    """The same associations, told of the effect allele as another study chose it: the same pairs."""
    table = eqtl_table(world, tmp_path / "plain.tsv", 12)
    told = table.rename(columns={"ref": "other_allele", "alt": "effect_allele"})
    flipped = np.arange(12) % 3 == 0
    told.loc[flipped, ["other_allele", "effect_allele"]] = table.loc[flipped, ["alt", "ref"]].to_numpy()
    told.loc[flipped, "beta"] *= -1
    told.loc[flipped, ["AF_EUR", "AF_AFR"]] = 1 - table.loc[flipped, ["AF_EUR", "AF_AFR"]]
    told.to_csv(tmp_path / "told.tsv", sep="\t", index=False)
    backgrounds = [Background("reference", PersonalGenome(world.reference))]
    plain, turned = (
        eqtl_benchmark(scorer, tmp_path / name, backgrounds, tissues=["liver"]) for name in ("plain.tsv", "told.tsv")
    )
    assert turned.pairs["turned"].tolist() == flipped.tolist()
    pd.testing.assert_frame_equal(plain.pairs.drop(columns="turned"), turned.pairs.drop(columns="turned"))
    assert turned.scored.table["flags"].str.contains("turned").tolist() == flipped.tolist()
    assert turned.scored.report["rows"] == {"read": 12, "used": 12, "turned": 4, "repeated": 0, "rejected": {}}


def test_only_rows_of_enough_pip(world: SmallWorld, scorer: VariantScorer, tmp_path: Path) -> None:
    table = eqtl_table(world, tmp_path / "all.tsv", 4).assign(pip=["0.9", "0.5", "0.1", ""])
    table = pd.concat([table, table.iloc[:1].assign(rsid="another")])
    table.to_csv(tmp_path / "eqtl.tsv", sep="\t", index=False)
    backgrounds = [Background("reference", PersonalGenome(world.reference))]
    found = eqtl_benchmark(
        scorer, tmp_path / "eqtl.tsv", backgrounds, tissues=["liver"], selection=EqtlSelection(min_pip=0.5)
    )
    assert len(found.pairs) == 2
    assert found.variants.counts() == {
        "read": 5,
        "used": 2,
        "turned": 0,
        "repeated": 1,
        "rejected": {"under_min_pip": 1, "no_pip": 1},
    }
    with pytest.raises(InputError, match=r"no row that the filters leave.* its PIP 0.9 is under 0.95"):
        eqtl_benchmark(scorer, tmp_path / "eqtl.tsv", backgrounds, selection=EqtlSelection(min_pip=0.95))
    with pytest.raises(InputError, match="lowest PIP is 2"):
        EqtlSelection(min_pip=2)


# Null effects ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("info", "calls", "frequency"),
    [
        ("AF=0.2", [], 0.2),
        ("NAF=1;AF=.", ["./."], None),
        ("AF=nan", [], None),
        ("AF=20", [], None),
        ("AF=0.2", ["0|1", "."], 0.5),
    ],
)
def test_a_frequency_is_a_number_of_0_to_1(info: str, calls: list[str], frequency: float | None) -> None:
    assert _frequency(record(5, "A", "C", *calls, info=info).split("\t")) == frequency


def test_a_null_of_common_variants(world: SmallWorld, scorer: VariantScorer, tmp_path: Path) -> None:
    places = list(range(1_760, 2_160, 10))
    lines = []
    for number, at in enumerate(places):
        ref = world.genome[at]
        calls = ["1|1", "0|0", "0|0", "0|1"] if number % 2 else ["0|0"] * 4
        lines.append(record(at + 1, ref, other_base(ref), *calls))
    ref = world.genome[2_205]
    lines.append(record(2_206, ref, f"{other_base(ref)},{'G' if ref != 'G' else 'T'}", "1|2", "0|0", "0|0", "0|1"))
    panel = write_vcf(
        world.folder / "panel.vcf.gz", lines, contigs={"chr1": LENGTH, "chrX": 200}, samples=["A", "B", "C", "D"]
    )
    genome = PersonalGenome(world.reference)
    backgrounds = [Background("reference", genome)]
    records: Counter[str] = Counter()
    null = build_null(scorer, panel, backgrounds, ["PLUS"], tissues=["liver"], zygosity=["hom"], records=records)
    assert records == {"used": 20, "rare": 20, "multi_allelic": 1, "not_drawn": 0}
    assert sorted(null["variant"]) == sorted(
        f"chr1:{at + 1}:{world.genome[at]}:{other_base(world.genome[at])}" for at in places[1::2]
    )
    assert (null["maf"] == 0.375).all()
    assert set(null["distance_class"]) == {"<1kb"}
    few = build_null(scorer, panel, backgrounds, ["PLUS"], tissues=["liver"], zygosity=["hom"], per_class=7)
    assert len(few) == 7
    with pytest.raises(InputError, match="no variant with a frequency"):
        build_null(scorer, panel, backgrounds, ["PLUS"], least_maf=0.45)
    path = write_table(null, tmp_path / "null.parquet", null_metadata(scorer))
    pd.testing.assert_frame_equal(read_null(path, scorer), null)
    wrong = write_table(null, tmp_path / "wrong.parquet", {"model_sha256": "x", "precision": "float32"})
    with pytest.raises(InputError, match="another model"):
        read_null(wrong, scorer)
    table = scorer.score(
        [Variant("chr1", 1_801, world.genome[1_800], other_base(world.genome[1_800]))],
        genome,
        genes=["PLUS", "MINUS"],
        zygosity=["hom"],
        tissues=["liver", "thyroid"],
    )
    scored = add_quantiles(table, null)
    liver = scored[(scored["gene_name"] == "PLUS") & (scored["tissue"] == "liver")].iloc[0]
    sizes = np.abs(null["effect"])
    share = ((sizes < abs(liver["effect"])).sum() + (sizes <= abs(liver["effect"])).sum()) / 2 / len(null)
    assert liver["quantile"] == pytest.approx(np.sign(liver["effect"]) * share)
    assert liver["null_size"] == 20
    assert scored[scored["tissue"] == "thyroid"]["quantile"].isna().all()
    assert add_quantiles(table, null.iloc[:19])["quantile"].isna().all()


def test_distance_classes() -> None:
    distances = np.array([0.0, -999, 1_000, -9_999, 10_000, 99_999, 100_000, np.nan])
    assert distance_class(distances).tolist() == [
        "<1kb",
        "<1kb",
        "1-10kb",
        "1-10kb",
        "10-100kb",
        "10-100kb",
        ">100kb",
        None,
    ]


# Populations, second model --------------------------------------------------------------------------------------------


def test_weighted_scores_by_hand(world: SmallWorld, tmp_path: Path) -> None:
    rows = [
        ("v1", "EUR", 1.0, 2.0),
        ("v1", "AFR", 3.0, 4.0),
        ("v2", "EUR", 1.0, 1.0),
        ("v2", "AFR", 2.0, 2.0),
        ("v3", "EUR", 1.0, 1.0),
        ("v3", "AFR", 2.0, 2.0),
        ("v4", "EUR", np.nan, np.nan),
        ("v4", "AFR", 2.0, 2.0),
    ]
    table = pd.DataFrame(rows, columns=["variant", "background", "effect", "released_score"])
    table = table.assign(gene_id="G", gene_name="G", tissue="liver", zygosity="hom")
    frequencies = {
        "v1": {"EUR": 0.3, "AFR": 0.1},
        "v2": {"EUR": 0.5},
        "v3": {"EUR": 0.0, "AFR": 0.0},
        "v4": {"EUR": 0.1, "AFR": 0.1},
    }
    scores = population_scores(table, frequencies).set_index("variant")
    assert scores.loc["v1", "effect_weighted"] == pytest.approx((0.3 * 1 + 0.1 * 3) / 0.4)
    assert scores.loc["v1", "released_score_weighted"] == pytest.approx((0.3 * 2 + 0.1 * 4) / 0.4)
    assert scores.loc["v1", ["effect_EUR", "effect_AFR", "af_EUR"]].tolist() == [1.0, 3.0, 0.3]
    assert scores["af_status"].tolist() == ["ok", "missing: AFR", "all zero", "no score: EUR"]
    assert scores.loc[["v2", "v3", "v4"], "effect_weighted"].isna().all()


def test_frequencies_from_a_table(world: SmallWorld, tmp_path: Path) -> None:
    ref = world.genome[1_800]
    path = tmp_path / "af.tsv"
    path.write_text(f"variant_id\tEUR_AF\tAF_AFR\tAF\nchr1_1801_{ref}_{other_base(ref)}_b38\t0.2\t.\t0.3\n")
    normalizer = VariantNormalizer(world.reference)
    assert read_frequencies(path, normalizer) == {f"chr1:1801:{ref}:{other_base(ref)}": {"EUR": 0.2, "": 0.3}}
    assert frequencies_of(read_variants([f"chr1:1801:{ref}:{other_base(ref)}"], normalizer)) == {}


def test_two_checkpoints(world: SmallWorld, scorer: VariantScorer) -> None:
    variant = Variant("chr1", 1_801, world.genome[1_800], other_base(world.genome[1_800]))
    first = scorer.score([variant], PersonalGenome(world.reference), genes=["PLUS"])
    second = first.assign(effect=first["effect"] + 2)
    both = add_second_model(first, second)
    np.testing.assert_allclose(both["effect_second_model"], first["effect"] + 2)
    np.testing.assert_allclose(both["effect_sd_models"], np.sqrt(2), rtol=1e-5)
    assert len(both) == len(first) == 2 * len(TISSUES)
