"""eQTLs as the paper selects them, and methods side by side: populations, their mean, and other programs' files."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command_line import run
from genome_files import record
from random_variants import other_base
from scipy import stats
from small_model import SmallWorld

from variantformer_hf import PersonalGenome
from variantformer_hf.analysis import VariantScorer
from variantformer_hf.analysis.backgrounds import Background
from variantformer_hf.analysis.eqtl import EqtlBenchmark, ScoreFile, correlations, eqtl_benchmark
from variantformer_hf.analysis.eqtl_selection import EqtlSelection, read_labels
from variantformer_hf.analysis.other_scores import OtherScores, read_scores
from variantformer_hf.errors import InputError
from variantformer_hf.genome.variant import VariantNormalizer

pytestmark = pytest.mark.usefixtures("one_thread")

# A run of T begins here (0-based), in which a deletion can be written in many places.
RUN = 2_500
GENE = "ENSG00000000001"


@pytest.fixture(scope="module")
def table(world: SmallWorld) -> pd.DataFrame:
    """24 SNVs and a deletion, told left-aligned, of two tissues by their labels."""
    rng = np.random.default_rng(3)
    places = np.sort(rng.choice(np.arange(1_760, 2_200), size=24, replace=False))
    refs = [world.genome[at] for at in places]
    rows = pd.DataFrame({"chromosome": "1", "position": places + 1, "ref": refs})
    rows["alt"] = [other_base(ref) for ref in refs]
    before = RUN - 1
    while world.genome[before] == "T":
        before -= 1
    rows.loc[24] = ["1", before + 1, world.genome[before : before + 2], world.genome[before]]
    rows["gene_id"] = GENE
    rows["beta"] = rng.normal(size=25)
    rows["pvalue"] = rng.uniform(size=25)
    rows["maf"] = rng.uniform(0, 0.1, size=25)
    rows["tissue_label"] = np.where(np.arange(25) % 2, "blood", "my liver")
    rows["AF_EUR"] = rng.uniform(0.05, 0.3, size=25)
    rows["AF_AFR"] = rng.uniform(0.01, 0.1, size=25)
    return rows


LABELS = {"blood": "whole blood", "my liver": "liver"}


def benchmark(
    scorer: VariantScorer, world: SmallWorld, table: pd.DataFrame, folder: Path, **options: object
) -> EqtlBenchmark:
    table.to_csv(folder / "eqtl.tsv", sep="\t", index=False)
    options.setdefault("backgrounds", [Background("reference", PersonalGenome(world.reference))])
    return eqtl_benchmark(scorer, folder / "eqtl.tsv", labels=LABELS, n_bootstraps=20, **options)  # type: ignore[arg-type]


def test_each_filter_says_how_many_rows_it_left(
    scorer: VariantScorer, world: SmallWorld, table: pd.DataFrame, tmp_path: Path
) -> None:
    given = table.drop(columns=["AF_EUR", "AF_AFR"])
    given.loc[0, "maf"] = np.nan
    given.loc[1, ["maf", "pvalue"]] = [0.01, np.nan]
    selection = EqtlSelection(snps_only=True, max_maf=0.05, top=3)
    found = benchmark(scorer, world, given, tmp_path, selection=selection)
    rare = given[(given["maf"] < 0.05) & (given["ref"].str.len() == 1)]
    expected = rare.dropna(subset="pvalue").sort_values("pvalue").groupby("tissue_label").head(3)
    assert found.filters == {"given": 25, "snps_only": 24, "max_maf": len(rare), "top": len(expected)}
    assert len(expected) == 6
    kept = [f"chr1:{row.position}:{row.ref}:{row.alt}" for row in expected.sort_index().itertuples()]
    assert found.pairs["variant"].tolist() == kept
    assert found.pairs["tissue"].tolist() == [LABELS[label] for label in expected.sort_index()["tissue_label"]]
    kinds = found.variants.counts()["rejected"]
    assert kinds == {
        "not_snp": 1,
        "no_maf": 1,
        "over_max_maf": 24 - 1 - len(rare),
        "no_p": 1,
        "not_top": len(rare) - 1 - 6,
    }


def test_of_each_enriched_set_those_of_least_p_are_taken_as_the_paper_has_it(
    scorer: VariantScorer, world: SmallWorld, table: pd.DataFrame, tmp_path: Path
) -> None:
    kind = np.arange(25) % 4  # enriched in EUR, in AFR, in neither, and of unknown frequency
    given = table.assign(
        AF_EUR=np.select([kind == 0, kind == 1, kind == 2], [0.2, 0.01, 0.3], np.nan),
        AF_AFR=np.select([kind == 0, kind == 1, kind == 2], [0.01, 0.2, 0.3], np.nan),
        pvalue=np.where(kind > 1, 1e-9, 1e-3) * (1 + np.arange(25)),  # those of least p are in neither
        tissue_label="blood",
    )
    found = benchmark(scorer, world, given, tmp_path, selection=EqtlSelection(top=4))
    assert found.filters == {"given": 25, "top": 4, "top_EUR_enriched": 4, "top_AFR_enriched": 4}
    assert len(found.pairs) == 12
    of_all = found.pairs[found.pairs["in_top"]]
    best = given.sort_values("pvalue").head(4).sort_index()
    assert of_all["slope"].tolist() == pytest.approx(best["beta"].tolist())
    rows = found.correlations.set_index("stratum")
    assert rows.loc["all", "n"] == 4
    for name, number in (("EUR_enriched", 0), ("AFR_enriched", 1)):
        of_set = given[kind == number].sort_values("pvalue").head(4).sort_index()
        pairs = found.pairs[found.pairs[name].eq(True)]
        assert pairs["slope"].tolist() == pytest.approx(of_set["beta"].tolist())
        assert not pairs["in_top"].any()
        assert rows.loc[name, "n"] == 4
        expected = stats.spearmanr(pairs["slope"], pairs["score"]).statistic
        assert rows.loc[name, "spearman"] == pytest.approx(expected)
    assert rows["n"].reindex(["rare", "common"]).sum() == 4
    assert found.variants.counts()["rejected"] == {"not_top": 13}


def test_a_tissue_that_the_model_lacks_is_rejected_and_counted(
    scorer: VariantScorer, world: SmallWorld, table: pd.DataFrame, tmp_path: Path
) -> None:
    given = table.iloc[:6].assign(tissue_label=["blood", "LCL", "liver", "Whole_Blood", "my liver", "LCL"])
    found = benchmark(scorer, world, given, tmp_path)
    assert found.pairs["tissue"].tolist() == ["whole blood", "liver", "whole blood", "liver"]
    assert found.variants.counts()["rejected"] == {"unknown_tissue": 2}
    assert "the model has no tissue 'LCL': give --labels" in [each.reason for each in found.rejected]


def test_the_papers_labels_are_tissues_of_gtex(tmp_path: Path) -> None:
    labels = read_labels("paper")
    assert len(labels) == 6
    assert labels["brain (dlpfc)"] == "brain - frontal cortex (ba9)"
    (tmp_path / "l.csv").write_text("label,tissue\nLCL,liver\n")
    assert read_labels(tmp_path / "l.csv") == {"lcl": "liver"}
    for text, words in (("a,b\na,c\n", "names a label again"), ("a,b,c\n", "is no label"), ("#\n", "names no label")):
        (tmp_path / "bad.csv").write_text(text)
        with pytest.raises(InputError, match=words):
            read_labels(tmp_path / "bad.csv")


def swapped(table: pd.DataFrame) -> pd.DataFrame:
    """REF and ALT the other way round in every SNV, and the scores with them."""
    snvs = table["ref"].str.len() == 1
    told = table.assign(ref=table["ref"].where(~snvs, table["alt"]), alt=table["alt"].where(~snvs, table["ref"]))
    return told.assign(score=np.where(snvs, -table["beta"], table["beta"]))


def shifted(table: pd.DataFrame) -> pd.DataFrame:
    """The deletion told at the end of its run; scores fall with the slopes."""
    told = table.assign(score=-table["beta"])
    told.loc[24, ["position", "ref", "alt"]] = [RUN + 7, "TT", "T"]
    return told


def tidy(table: pd.DataFrame) -> pd.DataFrame:
    """AlphaGenome's: three tracks of a gene and tissue, and rows of another output and tissue."""
    told = pd.DataFrame(
        {
            "variant_id": [f"chr1:{row.position}:{row.ref}>{row.alt}" for row in table.itertuples()],
            "gene_id": GENE,
            "gene_name": "PLUS",
            "output_type": "RNA_SEQ",
            "gtex_tissue": [LABELS[label].capitalize().replace(" ", "_") for label in table["tissue_label"]],
        }
    )
    tracks = [told.assign(track_name=str(by), raw_score=table["beta"] ** 3 + by) for by in (-5, 1, 4)]
    others = [told.assign(output_type="CAGE", raw_score=9.0), told.assign(gtex_tissue="", raw_score=9.0)]
    return pd.concat([*tracks, *others])


def test_planted_correlations_are_found_in_every_programs_own_spelling(
    scorer: VariantScorer, world: SmallWorld, table: pd.DataFrame, tmp_path: Path
) -> None:
    swapped(table).drop(columns="beta").to_csv(tmp_path / "swapped.tsv", sep="\t", index=False)
    renamed = shifted(table).drop(columns="beta").rename(columns={"score": "logSED"})
    renamed.drop(columns=["tissue_label"]).to_parquet(tmp_path / "shifted.parquet")
    tidy(table).to_csv(tmp_path / "tidy.csv", index=False)
    relabelled = pd.read_csv(tmp_path / "swapped.tsv", sep="\t").replace({"tissue_label": LABELS})
    relabelled.to_csv(tmp_path / "swapped.tsv", sep="\t", index=False)
    files = [
        ScoreFile("swapped", tmp_path / "swapped.tsv"),
        ScoreFile("shifted", tmp_path / "shifted.parquet", "logSED"),
        ScoreFile("tidy", tmp_path / "tidy.csv"),
    ]
    found = benchmark(scorer, world, table, tmp_path, others=files)
    of_all = found.correlations[found.correlations["stratum"] == "all"].set_index(["method", "tissue"])
    for tissue in ("whole blood", "liver"):
        assert of_all.loc[("swapped", tissue), "spearman"] == pytest.approx(1)
        assert of_all.loc[("shifted", tissue), "spearman"] == pytest.approx(-1)
        assert of_all.loc[("tidy", tissue), "spearman"] == pytest.approx(1)
        assert of_all.loc[("swapped", tissue), ["sign_agreement"]].item() == 1
        n = of_all.loc[("swapped", tissue), "n"]
        assert of_all.loc[("swapped", tissue), "sign_p"] == pytest.approx(0.5**n)
        assert of_all.loc[("shifted", tissue), "sign_p"] == 1
        own = of_all.loc[("VF", tissue)]
        part = found.pairs[found.pairs["tissue"] == tissue]
        assert own["n"] == len(part)
        assert own["spearman"] == pytest.approx(stats.spearmanr(part["slope"], part["score"]).statistic)
    np.testing.assert_allclose(found.pairs["score_swapped"], found.pairs["slope"])
    medians = {each["method"]: each for each in found.medians() if each["stratum"] == "all"}
    assert (medians["shifted"]["sets"], medians["shifted"]["median_spearman"]) == (2, pytest.approx(-1))
    own = of_all.loc["VF", "spearman"]
    assert medians["VF"]["median_spearman"] == pytest.approx(own.mean())
    counts = found.counts()
    assert counts["without_score"] == {"VF": 0, "swapped": 0, "shifted": 0, "tidy": 0}
    assert counts["scores"]["swapped"]["swapped"] == 24
    assert counts["scores"]["shifted"]["swapped"] == 0
    assert counts["scores"]["tidy"]["rejected"] == {"other_output": 25, "unknown_tissue": 25}
    assert counts["scores"]["tidy"]["merged"] == 50
    np.testing.assert_allclose(found.pairs["score_tidy"], found.pairs["slope"] ** 3)


def test_only_pairs_that_all_methods_score_are_compared(
    scorer: VariantScorer, world: SmallWorld, table: pd.DataFrame, tmp_path: Path
) -> None:
    table.iloc[:10].assign(score=table["beta"]).drop(columns=["beta", "tissue_label"]).to_csv(
        tmp_path / "few.csv", index=False
    )
    found = benchmark(scorer, world, table, tmp_path, others=[ScoreFile("few", tmp_path / "few.csv")])
    assert found.counts()["without_score"] == {"VF": 0, "few": 15}
    assert found.counts()["pairs_of_all_methods"] == 10
    of_all = found.correlations[found.correlations["stratum"] == "all"]
    assert of_all.groupby("method")["n"].sum().to_dict() == {"VF": 10, "few": 10}
    ref = world.genome[4_999]
    (tmp_path / "none.csv").write_text(f"variant,score\nchr1:5000:{ref}>{other_base(ref)},1\n")
    with pytest.raises(InputError, match="no pair that all methods score: of 25 pairs VF 25, none 0"):
        benchmark(scorer, world, table, tmp_path, others=[ScoreFile("none", tmp_path / "none.csv")])
    with pytest.raises(InputError, match="two scores are called VF"):
        benchmark(scorer, world, table, tmp_path, others=[ScoreFile("VF", tmp_path / "few.csv")])


@pytest.fixture(scope="module")
def populations(world: SmallWorld) -> list[Background]:
    found = []
    for name, at in (("EUR", 1_850), ("AFR", 2_050)):
        ref = world.genome[at]
        person = world.person([record(at + 1, ref, other_base(ref), "1/1")], name)
        found.append(Background(name, person))
    return found


def test_scores_of_populations_stand_beside_their_weighted_mean(
    scorer: VariantScorer,
    world: SmallWorld,
    table: pd.DataFrame,
    populations: list[Background],
    tmp_path: Path,
) -> None:
    found = benchmark(scorer, world, table, tmp_path, backgrounds=populations)
    assert list(found.methods) == ["VF-weighted", "VF-EUR", "VF-AFR"]
    pairs = found.pairs
    for each in populations:
        alone = benchmark(scorer, world, table, tmp_path, backgrounds=[each])
        np.testing.assert_allclose(pairs[f"score_VF-{each.name}"], alone.pairs["score"], atol=1e-6)
        assert alone.pairs["variant"].tolist() == pairs["variant"].tolist()
    weights = table[["AF_EUR", "AF_AFR"]].to_numpy()
    both = pairs[["score_VF-EUR", "score_VF-AFR"]].to_numpy()
    np.testing.assert_allclose(pairs["score"], (both * weights).sum(1) / weights.sum(1), atol=1e-7)
    enriched = (table["AF_EUR"] > 0.10) & (table["AF_AFR"] < 0.05)
    rows = found.correlations[found.correlations["stratum"] == "EUR_enriched"]
    assert rows.groupby("method")["n"].sum().to_dict() == dict.fromkeys(found.methods, enriched.sum())
    for _, row in rows.iterrows():
        part = pairs[enriched.to_numpy() & (pairs["tissue"] == row["tissue"])]
        expected = stats.spearmanr(part["slope"], part[found.methods[row["method"]]]).statistic
        assert row["spearman"] == pytest.approx(expected, nan_ok=True)


def test_a_population_of_whom_nothing_is_known_leaves_no_pair_of_all(
    scorer: VariantScorer, world: SmallWorld, table: pd.DataFrame, populations: list[Background], tmp_path: Path
) -> None:
    ref = world.genome[2_050]
    missing = Background("SAS", world.person([record(2_051, ref, other_base(ref), "./.")], "SAS"))
    given = table.assign(AF_SAS=0.2)
    with pytest.raises(InputError, match="of 25 pairs VF-weighted 0, VF-EUR 25, VF-SAS 0"):
        benchmark(scorer, world, given, tmp_path, backgrounds=[populations[0], missing], allow_unused=True)


def test_frequencies_may_come_from_a_table_beside(
    scorer: VariantScorer, world: SmallWorld, table: pd.DataFrame, populations: list[Background], tmp_path: Path
) -> None:
    bare = table.drop(columns=["AF_EUR", "AF_AFR"])
    with pytest.raises(InputError, match=r"VF-weighted 0.*every population's frequency"):
        benchmark(scorer, world, bare, tmp_path, backgrounds=populations)
    table.drop(columns=["beta", "gene_id", "tissue_label"]).to_csv(tmp_path / "af.tsv", sep="\t", index=False)
    apart = benchmark(scorer, world, bare, tmp_path, backgrounds=populations, af_table=tmp_path / "af.tsv")
    whole = benchmark(scorer, world, table, tmp_path, backgrounds=populations)
    pd.testing.assert_frame_equal(apart.pairs, whole.pairs)


def test_intervals_are_those_of_a_loop_over_resamplings() -> None:
    rng = np.random.default_rng(0)
    pairs = pd.DataFrame({"tissue": "t", "dataset": "d", "slope": rng.normal(size=40).round(1)})
    pairs["score"] = (pairs["slope"] + rng.normal(size=40)).round(1)
    pairs["score_x"] = rng.normal(size=40).round(0)
    pairs = pairs.assign(rare=None, common=None, EUR_enriched=None, AFR_enriched=None)
    methods = {"own": "score", "x": "score_x"}
    found = correlations(pairs, 100, 7, methods).set_index("method")
    again = np.random.default_rng(7)
    draws = [again.integers(0, 40, 40) for _ in range(100)]
    for method, column in methods.items():
        values = [stats.spearmanr(pairs["slope"][draw], pairs[column][draw]).statistic for draw in draws]
        expected = np.quantile(values, [0.025, 0.975])
        np.testing.assert_allclose(found.loc[method, ["ci_low", "ci_high"]].astype(float), expected, atol=1e-12)


def test_signs_are_held_against_a_coin() -> None:
    pairs = pd.DataFrame({"tissue": "t", "dataset": "d", "slope": [1.0, 2, -1, 3, -2], "score": [1.0, 1, -4, -2, 0]})
    pairs = pairs.assign(rare=None, common=None, EUR_enriched=None, AFR_enriched=None)
    (row,) = correlations(pairs, 0).to_dict("records")
    assert (row["n"], row["n_signs"], row["sign_agreement"]) == (5, 4, 3 / 4)  # a score of 0 has no sign
    assert row["sign_p"] == pytest.approx(stats.binomtest(3, 4, alternative="greater").pvalue)
    (row,) = correlations(pairs.assign(score=0.0), 0).to_dict("records")
    assert row["n_signs"] == 0 and np.isnan(row["sign_agreement"]) and np.isnan(row["sign_p"])


def scores_of(world: SmallWorld, path: Path, column: str | None = None) -> OtherScores:
    model = world.predictor.model
    return read_scores(
        "x", path, VariantNormalizer(world.reference), model.gene_table, model.tissue_names, column=column
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda table: table.drop(columns="alt"), "has no column alt"),
        (lambda table: table.assign(ref="N"), r"no score that can be used: 25 .*Check its assembly"),
        (lambda table: table.drop(columns="score"), "has no column score or raw_score.*--score-column"),
        (lambda table: table.assign(gene_id="ENSG00000000777"), "25 unknown_gene"),
        (lambda table: table.assign(score="much"), "25 no_score"),
        (lambda table: pd.concat([table, table.iloc[:1].assign(score=99)]), "two scores of 1:"),
    ],
)
def test_a_file_without_usable_scores_is_refused(
    world: SmallWorld,
    table: pd.DataFrame,
    tmp_path: Path,
    change: Callable[[pd.DataFrame], pd.DataFrame],
    words: str,
) -> None:
    given = table.drop(columns=["beta", "tissue_label"]).assign(score=table["beta"])
    change(given).to_csv(tmp_path / "s.tsv", sep="\t", index=False)
    with pytest.raises(InputError, match=words) as error:
        scores_of(world, tmp_path / "s.tsv")
    assert "s.tsv" in str(error.value)


def test_a_score_of_the_effect_allele_is_turned_with_it(world: SmallWorld, table: pd.DataFrame, tmp_path: Path) -> None:
    told = table.assign(effect_allele=table["ref"], score=table["beta"]).drop(columns=["beta", "tissue_label"])
    told.to_csv(tmp_path / "s.tsv", sep="\t", index=False)
    found = scores_of(world, tmp_path / "s.tsv")
    first = table.iloc[0]
    assert found.of(f"chr1:{first['position']}:{first['ref']}:{first['alt']}", GENE, "liver") == -first["beta"]
    assert np.isnan(found.of("chr1:1:A:C", GENE, "liver"))


def test_the_command(world: SmallWorld, table: pd.DataFrame, populations: list[Background], tmp_path: Path) -> None:
    table.to_csv(tmp_path / "eqtl.tsv", sep="\t", index=False)
    (tmp_path / "labels.tsv").write_text("label\ttissue\nblood\twhole blood\nmy liver\tliver\n")
    files = "".join(f"{each.name}: {{vcf: {each.genome.path}}}\n" for each in populations)
    (tmp_path / "populations.yaml").write_text(files)
    scores = swapped(table).drop(columns=["beta", "tissue_label"]).rename(columns={"score": "sad"})
    scores.to_csv(tmp_path / "other.tsv", sep="\t", index=False)
    model = world.save(tmp_path / "model")
    asked = ["eqtl", model, "--fasta", world.reference.path, "--table", tmp_path / "eqtl.tsv"]
    asked += ["--labels", tmp_path / "labels.tsv", "--scores", f"other={tmp_path / 'other.tsv'}", "--bootstraps", 20]
    more = ["--score-column", "other=sad", "--populations", tmp_path / "populations.yaml"]
    done = run(*asked, *more, "--snps-only", "--top", 9, "-o", tmp_path / "o.tsv", "--plot", tmp_path / "o.png")
    assert done.returncode == 0, done.stderr
    assert "rows: 25 given, 24 snps_only, 18 top" in done.stderr
    assert "other: 25 of 25 rows, 24 swapped" in done.stderr
    found = pd.read_csv(tmp_path / "o.tsv", sep="\t")
    of_other = found[(found["method"] == "other") & (found["stratum"] == "all")]
    assert of_other["n"].tolist() == [9, 9]
    np.testing.assert_allclose(of_other["spearman"], 1)
    assert set(found["method"]) == {"VF-weighted", "VF-EUR", "VF-AFR", "other"}
    for options, words in (
        (["--score-column", "another=sad"], "--score-column names 'another'"),
        (["--background", "reference", *more], "--populations names the genomes"),
        (["--top", 0], "--top is 0"),
        (["--max-maf", 0.7], "the MAF is to be below 0.7"),
        (["--scores", "nameless"], "has no name"),
    ):
        done = run(*asked, *options, "-o", tmp_path / "p.tsv")
        assert done.returncode == 1
        (line,) = done.stderr.splitlines()
        assert words in line
        assert not list(tmp_path.glob("p.tsv*"))
