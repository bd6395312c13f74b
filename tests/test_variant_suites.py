"""Causal variants against matched ones: planted truth in each suite's layout, scikit-learn's numbers, bad input."""

import json
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pysam
import pytest
from command_line import run
from scipy import stats
from sklearn.metrics import average_precision_score, roc_auc_score
from toy_case import toy_case
from toy_model import TOY

from variantformer_hf.analysis.variant_scores import max_abs_scores
from variantformer_hf.data.variant_suites import key_of, matched_controls
from variantformer_hf.evaluation.causal_variants import by_pip, causal_scores, sign_agreement
from variantformer_hf.genome.variant import Variant
from variantformer_hf.zoo import families

SUITES = ("traitgym", "mage", "gtex-susie", "eqtl-catalogue")
TISSUE = "Adipose_Subcutaneous"


@dataclass(frozen=True)
class Planted:
    """One variant: of a gene the first is causal, then three between, then controls."""

    chrom: str
    pos: int
    ref: str
    alt: str
    gene: str
    pip: float
    slope: float
    score: float

    @property
    def is_causal(self) -> bool:
        return self.pip > 0.9


def planted(seed: int = 0, noise: float = 0.0) -> list[Planted]:
    """30 genes on three chromosomes: sizes of scores follow the PIP, signs the slopes but of each fifth gene."""
    rng, found = np.random.default_rng(seed), []
    for number in range(30):
        for place in range(14):
            pip = 0.95 if place == 0 else 0.3 if place < 4 else 0.001
            slope = float(rng.choice([-1, 1]) * rng.uniform(0.2, 1))
            size = pip + rng.uniform(0.01, 0.02) + noise * rng.exponential()
            sign = np.sign(slope) * (-1 if number % 5 == 0 else 1)
            ref, alt = rng.permutation(list("ACGT"))[:2]
            where = f"chr{number % 3 + 1}", 10_000 * (number + 1) + 100 * place
            found.append(Planted(*where, str(ref), str(alt), f"ENSG{number:011d}", pip, slope, float(sign * size)))
    return found


def write_scores(path: Path, variants: Sequence[Planted], tissue: str = "adipose - subcutaneous") -> Path:
    """As `effects` writes them, of two zygosities."""
    rows = []
    for each in variants:
        for zygosity, factor in (("het", 0.4), ("hom", 1.0)):
            rows.append(
                (each.chrom, each.pos, each.ref, each.alt, f"{each.gene}.4", tissue, zygosity, factor * each.score)
            )
    names = ["chrom", "pos", "ref", "alt", "gene_id", "tissue", "zygosity", "effect"]
    pd.DataFrame(rows, columns=names).to_csv(path, sep="\t", index=False)
    return path


def traitgym(path: Path, variants: Sequence[Planted]) -> Path:
    rows = [
        (
            each.chrom[3:],
            each.pos,
            each.ref,
            each.alt,
            each.is_causal,
            "PLS" if int(each.gene[-1]) % 2 else "dELS",
            each.gene,
        )
        for each in variants
        if each.pip != 0.3
    ]
    names = ["chrom", "pos", "ref", "alt", "label", "consequence", "match_group"]
    path = path.with_suffix(".parquet")
    pd.DataFrame(rows, columns=names).to_parquet(path)
    return path


def mage(path: Path, variants: Sequence[Planted]) -> Path:
    rows = [
        (
            each.chrom,
            each.pos,
            each.ref,
            each.alt,
            f"{each.chrom}:{each.pos}:{each.ref}:{each.alt}",
            ".",
            f"{each.gene}.7",
            "SYM",
            each.pip,
            "L1",
        )
        for each in variants
    ]
    names = [
        "variantChrom",
        "variantPosition",
        "variantRef",
        "variantAlt",
        "variant_kgpID",
        "variant_rsID",
        "ensemblID",
        "geneSymbol",
        "variantPIP",
        "variantCredibleSet",
    ]
    path = path.with_suffix(".txt.gz")
    pd.DataFrame(rows, columns=names).to_csv(path, sep="\t", index=False)
    return path


def gtex_susie(path: Path, variants: Sequence[Planted]) -> Path:
    """Two methods, and names by hg19 beside those by hg38."""
    names = [
        "chromosome",
        "start",
        "end",
        "variant",
        "variant_hg38",
        "allele1",
        "allele2",
        "minor_allele",
        "cohort",
        "method",
        "tissue",
        "gene",
        "maf",
    ]
    names += ["beta_marginal", "se_marginal", "z", "pip", "cs_id", "beta_posterior", "sd_posterior"]
    lines = ["\t".join(names)]
    for each in variants:
        for method, pip in (("FINEMAP", 1 - each.pip), ("SUSIE", each.pip)):
            old = f"{each.chrom}_{each.pos + 7}_{each.ref}_{each.alt}"
            new = f"{each.chrom}_{each.pos}_{each.ref}_{each.alt}_b38"
            values = [
                each.chrom,
                each.pos + 6,
                each.pos + 7,
                old,
                new,
                each.ref,
                each.alt,
                each.alt,
                "GTEx",
                method,
                TISSUE,
            ]
            values += [f"{each.gene}.5", 0.1, each.slope, 0.1, 1, pip, 1, each.slope, 0.1]
            lines.append("\t".join(map(str, values)))
    path = path.with_suffix(".tsv.bgz")
    with pysam.BGZFile(str(path), "w") as file:
        file.write("\n".join([*lines, ""]).encode())
    return path


def eqtl_catalogue(path: Path, variants: Sequence[Planted]) -> Path:
    """A variant with two rsIDs stands there twice."""
    rows = []
    for each in variants:
        name = f"{each.chrom}_{each.pos}_{each.ref}_{each.alt}"
        for rsid in ("rs1", "rs2")[: 1 + (each.pip == 0.3)]:
            rows.append(
                (
                    each.gene,
                    each.gene,
                    f"{each.gene}_L1",
                    name,
                    rsid,
                    14,
                    each.pip,
                    1e-9,
                    each.slope,
                    0.1,
                    9.0,
                    0.9,
                    "chr1:1-2",
                )
            )
    names = [
        "molecular_trait_id",
        "gene_id",
        "cs_id",
        "variant",
        "rsid",
        "cs_size",
        "pip",
        "pvalue",
        "beta",
        "se",
        "z",
        "cs_min_r2",
        "region",
    ]
    path = path.with_suffix(".parquet")
    pd.DataFrame(rows, columns=names).to_parquet(path)
    return path


WRITERS: dict[str, Callable[[Path, Sequence[Planted]], Path]] = dict(
    zip(SUITES, (traitgym, mage, gtex_susie, eqtl_catalogue), strict=True)
)


def evaluated(folder: Path, suite: str, variants: Path, *scores: object, words: Sequence[object] = ()) -> Any:
    given = [word for each in scores for word in ("--scores", each)]
    output = folder / "out.tsv"
    done = run(
        "evaluate", "variants", "--set", suite, "--variants", variants, *given, "-o", output, "--bootstraps", 50, *words
    )
    return done, pd.read_csv(output, sep="\t") if done.returncode == 0 else None


@pytest.mark.parametrize("suite", SUITES)
def test_planted_truth_comes_back_of_each_layout(tmp_path: Path, suite: str) -> None:
    variants = planted()
    path = WRITERS[suite](tmp_path / "suite", variants)
    done, found = evaluated(tmp_path, suite, path, write_scores(tmp_path / "mine.tsv", variants))
    assert done.returncode == 0, done.stderr
    row = found[found["stratum"] == "all"].iloc[0]
    assert row[["auroc", "auprc", "auprc_by_chromosome"]].tolist() == [1, 1, 1] and row["model"] == "mine"
    matched = 10 if suite == "traitgym" else 9
    assert row[["n", "causal", "groups"]].tolist() == [30 * (1 + matched), 30, 30]
    report = json.loads((tmp_path / "out.tsv.report.json").read_text())
    assert report["counts"]["causal"] == 30 and report["set"] == suite
    left_out = {"gtex-susie": {"other_method": 420}, "eqtl-catalogue": {"repeated": 90}}.get(suite, {})
    assert report["counts"]["left_out"] == left_out
    if suite == "traitgym":
        assert found["stratum"].tolist() == ["all", "dELS", "PLS"] and not (tmp_path / "out.tsv.signs.tsv").exists()
        return
    signs = pd.read_csv(tmp_path / "out.tsv.signs.tsv", sep="\t").iloc[0]
    pips = pd.read_csv(tmp_path / "out.tsv.pip.tsv", sep="\t")
    assert pips["n"].tolist() == [300, 0, 90, 0, 30]
    assert pips["mean_size"].dropna().is_monotonic_increasing
    if suite == "mage":  # it has no slopes
        assert signs["n"] == 0 and np.isnan(signs["sign_agreement"])
    else:
        assert signs[["n", "same_sign"]].tolist() == [30, 24]
        assert signs["p"] == pytest.approx(stats.binom.sf(23, 30, 0.5))
        assert pips["same_sign"].tolist() == [240, 0, 72, 0, 24]


def test_models_stand_side_by_side_on_what_all_score(tmp_path: Path) -> None:
    variants = planted(noise=0.3)
    suite = traitgym(tmp_path / "suite", variants)
    mine = write_scores(tmp_path / "mine.tsv", variants[:300])
    rng = np.random.default_rng(1)
    other = tmp_path / "other.csv"
    frame = pd.DataFrame(
        [(f"{v.chrom[3:]}:{v.pos}:{v.ref}:{v.alt}", v.score + rng.normal()) for v in variants[100:]],
        columns=["variant", "x"],
    )
    frame.to_csv(other, index=False)
    done, _ = evaluated(tmp_path, "traitgym", suite, f"mine={mine}", f"theirs={other}")
    assert done.returncode == 1 and "other.csv: has no variant with a number in a column effect or score" in done.stderr
    frame.rename(columns={"x": "score"}).to_csv(other, index=False)
    done, found = evaluated(tmp_path, "traitgym", suite, f"mine={mine}", f"theirs={other}")
    assert done.returncode == 0, done.stderr
    there = [(v, s) for v, s in zip(variants[100:], frame["x"], strict=True) if v.pip != 0.3][: found["n"].iloc[0]]
    labels = [v.is_causal for v, _ in there]
    wanted = {"mine": [abs(v.score) for v, _ in there], "theirs": [abs(score) for _, score in there]}
    for row in found[found["stratum"] == "all"].to_dict("records"):
        assert row["auroc"] == pytest.approx(roc_auc_score(labels, wanted[row["model"]]), abs=1e-6)
        assert row["auprc"] == pytest.approx(average_precision_score(labels, wanted[row["model"]]), abs=1e-6)
    counts = json.loads((tmp_path / "out.tsv.report.json").read_text())["counts"]
    assert counts["left_out"] == {"not_scored": 330 - len(there)}


def test_an_infinite_score_is_no_number_and_is_counted(tmp_path: Path) -> None:
    variants = planted()
    scores = write_scores(tmp_path / "mine.tsv", variants)
    pd.read_csv(scores, sep="\t").assign(effect=lambda rows: rows["effect"].where(rows.index > 1, -np.inf)).to_csv(
        scores, sep="\t", index=False
    )
    done, found = evaluated(tmp_path, "mage", mage(tmp_path / "suite", variants), scores)
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    counts = json.loads((tmp_path / "out.tsv.report.json").read_text())["counts"]
    assert counts["scores_left_out"]["mine"]["no_number"] == 2
    assert counts["left_out"] == {"not_scored": 1}
    assert found["causal"].tolist() == [29]


def test_of_several_scores_of_one_variant_the_largest_counts_and_the_others_are_counted(tmp_path: Path) -> None:
    variants = planted()
    scores = write_scores(tmp_path / "mine.tsv", variants)
    table = pd.read_csv(scores, sep="\t")
    pd.concat([table.head(3).assign(effect=0.0), table, table.tail(2).assign(effect=1e-9)]).to_csv(
        scores, sep="\t", index=False
    )
    suite = mage(tmp_path / "suite", variants)
    done, found = evaluated(tmp_path, "mage", suite, scores)
    assert done.returncode == 0, done.stderr
    counts = json.loads((tmp_path / "out.tsv.report.json").read_text())["counts"]
    # Of each variant het and hom, one of which counts.
    assert counts["scores_left_out"] == {"mine": {"smaller_of_several": len(variants) + 5}}
    table.to_csv(scores, sep="\t", index=False)
    (tmp_path / "once").mkdir()
    _, of_one_each = evaluated(tmp_path / "once", "mage", suite, scores)
    pd.testing.assert_frame_equal(found, of_one_each)


def random_frame(seed: int, n: int = 300) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "chrom": rng.choice(["1", "2", "X"], n),
            "group": rng.choice([f"G{number}" for number in range(25)], n),
            "consequence": "",
            "label": (rng.random(n) < 0.2).astype(int),
            "pip": rng.choice([0, 0.005, 0.01, 0.1, 0.5, 0.89, 0.9, 1], n),
            "slope": rng.normal(size=n).round(1),
            "model": rng.normal(size=n).round(1),  # many ties
        }
    )


@pytest.mark.parametrize("seed", range(2))
def test_measures_are_those_of_scikit_learn_and_a_direct_loop(seed: int) -> None:
    frame = random_frame(seed)
    frame.loc[frame["chrom"] == "X", "label"] = 0  # as TraitGym's code has it, its AUPRC is 0
    frame.loc[frame["chrom"] == "2", "label"] = 1  # and this one's 1
    row = causal_scores(frame, ["model"], replicates=40, seed=seed).iloc[0]
    labels, sizes = frame["label"], frame["model"].abs()
    assert row["auroc"] == pytest.approx(roc_auc_score(labels, sizes))
    assert row["auprc"] == pytest.approx(average_precision_score(labels, sizes))
    values, weights = [], []
    for chrom in ("1", "2", "X"):
        here = frame["chrom"] == chrom
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that there is no positive class
            values.append(average_precision_score(labels[here], sizes[here]))
        weights.append(here.sum())
    assert row["auprc_by_chromosome"] == pytest.approx(np.average(values, weights=weights))
    # Genes drawn with replacement, one replicate after the other.
    rng, names = np.random.default_rng(seed), list(dict.fromkeys(frame["group"]))
    drawn = []
    for chosen in rng.integers(0, len(names), (40, len(names))):
        sample = pd.concat([frame[frame["group"] == names[number]] for number in chosen])
        drawn.append(roc_auc_score(sample["label"], sample["model"].abs()))
    assert row[["auroc_low", "auroc_high"]].tolist() == pytest.approx(np.percentile(drawn, [2.5, 97.5]).tolist())


def test_signs_and_strata_by_hand() -> None:
    frame = pd.DataFrame(
        {"slope": [1.0, -1, 1, 0, np.nan, -2], "m": [4.0, -3, -2, 9, 9, 1], "pip": [1, 0.9, 0.5, 0.01, 0, 0.1]}
    )
    signs = sign_agreement(frame, ["m"]).set_index("largest")
    assert signs.loc[1.0, ["n", "same_sign"]].tolist() == [4, 2] and signs.loc[0.5, ["n", "same_sign"]].tolist() == [
        2,
        2,
    ]
    assert signs.loc[0.5, ["ci_low", "ci_high"]].tolist() == pytest.approx([0.025**0.5, 1])
    strata = by_pip(frame, ["m"])
    assert strata["n"].tolist() == [1, 1, 1, 1, 2] and strata["n_signs"].tolist() == [0, 0, 1, 1, 2]
    assert strata["mean_size"].tolist() == [9, 9, 1, 2, 3.5]


def test_each_control_serves_one_causal_variant_of_its_gene() -> None:
    rows = [
        ("A", 100, 0.95),
        ("A", 200, 0.99),
        ("A", 110, 0.0),
        ("A", 190, 0.0),
        ("A", 500, 0.0),
        ("A", 105, 0.5),
        ("B", 100, 1.0),
    ]
    frame = pd.DataFrame([(gene, "", pos, pip) for gene, pos, pip in rows], columns=["gene_id", "tissue", "pos", "pip"])
    found, alone = matched_controls(frame, most=2)
    assert alone == 1  # B has none
    # The one of larger PIP chooses 190 and 110, which leaves the far one.
    assert found[found["label"] == 1]["pos"].tolist() == [100, 200] and len(found) == 5
    found, alone = matched_controls(frame, most=3)
    assert found[found["label"] == 1]["pos"].tolist() == [200] and alone == 2


def test_a_padded_allele_and_a_contig_without_chr_are_the_same_variant() -> None:
    assert key_of(Variant("chr1", 10, "CAT", "CGT")) == key_of(Variant("1", 11, "a", "g")) == ("1", 11, "A", "G")


# Against a FASTA, and with slopes from another file -------------------------------------------------------------------

REPEAT = "ACGTTTTTTTTACGGCATGCCATGCA"


def repeat_fasta(folder: Path) -> Path:
    """Three chromosomes of 40 copies of a stretch with a run of T at 4 to 11, 1-based."""
    path = folder / "genome.fa"
    path.write_text("".join(f">chr{number}\n{REPEAT * 40}\n" for number in (1, 2, 3)))
    pysam.faidx(str(path))
    return path


def of_repeats(shift: int = 0, swap: bool = False, sign: float = 1.0) -> list[Planted]:
    """In each copy a deletion of a T, causal, told ``shift`` bases to the right, and two SNVs behind, which are not."""
    found = []
    for copy in range(30):
        chrom, begin, gene = f"chr{copy % 3 + 1}", len(REPEAT) * copy, f"ENSG{copy:011d}"
        size = 0.5 + copy / 100
        ref = "TT" if shift else "GT"
        found.append(Planted(chrom, begin + 3 + shift, ref, ref[0], gene, 0.95, size, sign * size))
        for place, alleles in ((12, "CA"), (16, "AT")):
            before, after = alleles[::-1] if swap else alleles
            score = -0.01 if swap else 0.01
            found.append(Planted(chrom, begin + place + 1, before, after, gene, 0.001, 0.1, sign * score))
    return found


@pytest.mark.parametrize("suite", SUITES)
def test_with_a_fasta_shifted_indels_and_swapped_alleles_are_the_same_variants(tmp_path: Path, suite: str) -> None:
    fasta, path = repeat_fasta(tmp_path), WRITERS[suite](tmp_path / "suite", of_repeats())
    scores = write_scores(tmp_path / "mine.tsv", of_repeats(shift=4, swap=True))
    done, _ = evaluated(tmp_path, suite, path, scores)
    assert done.returncode == 1 and "has no variant that is scored" in done.stderr
    done, found = evaluated(tmp_path, suite, path, scores, words=["--fasta", fasta, "--controls", 2])
    assert done.returncode == 0, done.stderr
    assert found.iloc[0][["n", "causal", "auroc"]].tolist() == [90, 30, 1]
    counts = json.loads((tmp_path / "out.tsv.report.json").read_text())["counts"]
    assert counts["scores_swapped"] == {"mine": 120}  # two zygosities
    if suite not in ("traitgym", "mage"):
        signs = pd.read_csv(tmp_path / "out.tsv.signs.tsv", sep="\t").iloc[0]
        assert signs[["n", "same_sign"]].tolist() == [30, 30]


@pytest.mark.parametrize("of", ["scores", "suite"])
def test_files_of_another_assembly_are_refused_by_name(tmp_path: Path, of: str) -> None:
    other = [Planted(**{**vars(each), "pos": each.pos + 2}) for each in of_repeats()]
    scores = write_scores(tmp_path / "mine.tsv", other if of == "scores" else of_repeats())
    path = mage(tmp_path / "suite", other if of == "suite" else of_repeats())
    done, _ = evaluated(tmp_path, "mage", path, scores, words=["--fasta", repeat_fasta(tmp_path)])
    name = "mine.tsv" if of == "scores" else "suite.txt.gz"
    said = " ".join(done.stderr.split())
    assert done.returncode == 1 and f"{name}: has no REF that the FASTA holds" in said
    assert "Give the FASTA of its assembly" in said
    assert not list(tmp_path.glob("out.tsv*"))


def lead_variants(path: Path, variants: Sequence[Planted]) -> Path:
    """MAGE's file of effect sizes: of each credible set the lead variant."""
    leads = [each for each in variants if each.is_causal]
    mage(path, leads)
    path = path.with_suffix(".txt.gz")
    table = pd.read_csv(path, sep="\t").assign(log2_aFC=[each.slope for each in leads], log2_aFC_error=0.1)
    table.to_csv(path, sep="\t", index=False)
    return path


def test_mage_has_its_signs_in_a_file_of_lead_variants(tmp_path: Path) -> None:
    variants = planted()
    path, scores = mage(tmp_path / "suite", variants), write_scores(tmp_path / "mine.tsv", variants)
    slopes = lead_variants(tmp_path / "slopes", variants)
    done, _ = evaluated(tmp_path, "mage", path, scores, words=["--slopes", slopes])
    assert done.returncode == 0, done.stderr
    signs = pd.read_csv(tmp_path / "out.tsv.signs.tsv", sep="\t").iloc[0]
    assert signs[["n", "same_sign"]].tolist() == [30, 24]
    report = json.loads((tmp_path / "out.tsv.report.json").read_text())
    assert report["counts"]["slopes"] == 30 and report["options"]["slopes"] == str(slopes)
    bare = mage(tmp_path / "bare", variants)
    done, _ = evaluated(tmp_path, "mage", path, scores, words=["--slopes", bare, "--overwrite"])
    assert done.returncode == 1 and "bare.txt.gz: has no slope of a variant that is scored: 420 no_slope" in done.stderr
    words = ["--slopes", slopes, "--overwrite"]
    done, _ = evaluated(tmp_path, "traitgym", traitgym(tmp_path / "t", variants), scores, words=words)
    assert done.returncode == 1 and "traitgym has no eQTLs" in done.stderr


# One score a variant --------------------------------------------------------------------------------------------------


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(families._FAMILIES, TOY.model_type, TOY)
    yield


@pytest.mark.usefixtures("toy")
def test_effects_write_one_score_a_variant(tmp_path: Path) -> None:
    case = toy_case(tmp_path, "log1p_tpm")
    variants = tmp_path / "variants.txt"
    variants.write_text("\n".join([*case.variants, "chr1:300:A>C", "chr1:300:C>A", "chr1:300:G>A", "chr1:300:T>A", ""]))
    given = ["--variants", variants, "--fasta", case.fasta, "--device", "cpu"]
    for name, words in (("each", []), ("one", ["--score", "max-abs"])):
        done = run("effects", case.model, *given, "-o", tmp_path / f"{name}.tsv", *words)
        assert done.returncode == 0, done.stderr
    each, one = (pd.read_csv(tmp_path / f"{name}.tsv", sep="\t") for name in ("each", "one"))
    assert len(one) == each["variant"].nunique() == 3
    for row in one.to_dict("records"):
        effects = each[each["variant"] == row["variant"]]["effect"].dropna()
        assert row["n_effects"] == len(effects)
        if len(effects):
            assert row["score"] == pytest.approx(effects.abs().max()) == abs(row["effect"])
            assert (row["tissue"], row["zygosity"], row["gene_name"]) == ("lung", "hom", "PLUS")
        else:
            assert np.isnan(row["score"]) and row["status"] == "no_gene"
    refused = run("effects", case.model, *given, "-o", tmp_path / "x.h5ad", "--format", "h5ad", "--score", "max-abs")
    assert (
        refused.returncode == 1 and "--score max-abs is a row a variant, and not of embeddings or of" in refused.stderr
    )


def test_of_equal_sizes_the_first_is_the_largest() -> None:
    columns = ("gene_id", "gene_name", "tissue", "background", "zygosity", "status")
    table = pd.DataFrame(
        {"chrom": "chr1", "pos": 1, "ref": "A", "alt": "C", "variant": "chr1:1:A:C", **dict.fromkeys(columns, "x")},
        index=range(3),
    )
    table = table.assign(effect=[-1.0, 1.0, np.nan], tissue=["a", "b", "c"])
    row = max_abs_scores(table).iloc[0]
    assert (row["score"], row["effect"], row["tissue"], row["n_effects"]) == (1, -1, "a", 2)


# Bad input ------------------------------------------------------------------------------------------------------------


def _other_set(folder: Path) -> tuple[str, Path, list[object]]:
    return "mage", traitgym(folder / "suite", planted()), []


def _bad_label(folder: Path) -> tuple[str, Path, list[object]]:
    path = traitgym(folder / "suite", planted())
    pd.read_parquet(path).assign(label="maybe").to_parquet(path)
    return "traitgym", path, []


def _bad_pip(folder: Path) -> tuple[str, Path, list[object]]:
    path = eqtl_catalogue(folder / "suite", planted())
    pd.read_parquet(path).assign(pip=1.5).to_parquet(path)
    return "eqtl-catalogue", path, []


def _other_variants(folder: Path) -> tuple[str, Path, list[object]]:
    shifted = [Planted(**{**vars(each), "pos": each.pos + 1}) for each in planted()]
    return "gtex-susie", gtex_susie(folder / "suite", shifted), []


def _no_control(folder: Path) -> tuple[str, Path, list[object]]:
    return "mage", mage(folder / "suite", [each for each in planted() if each.is_causal]), []


def _other_tissue(folder: Path) -> tuple[str, Path, list[object]]:
    return "mage", mage(folder / "suite", planted()), ["--tissue", "liver"]


BAD: dict[str, tuple[Callable[[Path], tuple[str, Path, list[object]]], str]] = {
    "another set": (_other_set, "suite.parquet: row 1: has no gene_id; it has"),
    "a label": (_bad_label, "suite.parquet: row 1: the label is 'maybe'. Labels are True or False."),
    "a PIP": (_bad_pip, "suite.parquet: row 1: pip is '1.5'."),
    "other variants": (
        _other_variants,
        "suite.tsv.bgz: has no variant that is scored: 420 other_method, 420 not_scored.",
    ),
    "no control": (_no_control, "of 30 variants that are scored, 0 are causal and 0 are controls."),
    "another tissue": (
        _other_tissue,
        "mine.tsv: has no variant with a number in a column effect or score of the tissue 'liver'.",
    ),
}


@pytest.mark.parametrize("name", list(BAD))
def test_what_cannot_be_evaluated_is_one_line_and_nothing_is_written(tmp_path: Path, name: str) -> None:
    make, told = BAD[name]
    suite, path, words = make(tmp_path)
    done, _ = evaluated(tmp_path, suite, path, write_scores(tmp_path / "mine.tsv", planted()), words=words)
    assert done.returncode == 1 and told in " ".join(done.stderr.split()), done.stderr
    assert not list(tmp_path.glob("out.tsv*"))


def test_scores_without_alleles_are_refused_by_the_missing_column(tmp_path: Path) -> None:
    scores = write_scores(tmp_path / "mine.tsv", planted())
    pd.read_csv(scores, sep="\t").drop(columns="alt").to_csv(scores, sep="\t", index=False)
    done, _ = evaluated(tmp_path, "mage", mage(tmp_path / "suite", planted()), scores)
    assert done.returncode == 1 and "mine.tsv: has no column alt; it has chrom, pos, ref" in done.stderr
