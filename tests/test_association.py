"""Weights exported, applied to genotypes and to GWAS statistics: the formulas by hand, and pytwas' own numbers."""

import gzip
import json
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from association_case import GENES, ORACLE, TISSUES, Case, oracle_files, write_case
from command_line import Finished, run
from genome_files import record, write_fasta, write_vcf

from variantformer_hf import ExpressionPredictor
from variantformer_hf.genome import ReferenceGenome, Variant
from variantformer_hf.genome.variant_ingest import build_store

REAL = "hakyimlab_MetaXcan__software__tests___td__dbs_3__TW_Whole_Blood_0.5.db"
STEMS = ("whole_blood", "liver")
COLUMNS = "rsid, varID, gene, ref_allele, eff_allele, weight"
CONTIGS = {"chr1": 4_000, "chr2": 4_000}


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return write_case(tmp_path_factory.mktemp("association"))


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VARIANTFORMER_CACHE", str(tmp_path / "cache"))


def done(*words: object) -> Finished:
    finished = run("associate", *words)
    assert finished.returncode == 0, finished.stderr
    return finished


def refused(*words: object) -> str:
    finished = run("associate", *words)
    assert finished.returncode == 1
    lines = [line for line in finished.stderr.splitlines() if line]  # a bar leaves an empty one
    assert len(lines) == 1, finished.stderr
    return lines[0]


def fasta(case: Case) -> list[object]:
    return ["--fasta", case.folder / "genome.fa"]


def panel(case: Case) -> list[object]:
    return [*fasta(case), "--vcf", case.folder / "panel.vcf.gz"]


def exported(case: Case, folder: Path, *more: object) -> Path:
    done("export", case.folder / "model", "--format", "predixcan", *panel(case), *more, "-o", folder)
    return folder


def rows_of(database: Path, table: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(database) as opened:
        return opened.execute(f"SELECT * FROM {table}").fetchall()


def written(
    path: Path, rows: list[tuple[Any, ...]], columns: str = "rsid, varID, gene, ref_allele, eff_allele, weight"
) -> Path:
    with sqlite3.connect(path) as database:
        database.execute(f"CREATE TABLE weights ({columns})")
        database.executemany(f"INSERT INTO weights VALUES ({', '.join('?' * (columns.count(',') + 1))})", rows)
        database.execute("CREATE TABLE extra (gene, genename)")
    return path


# What pytwas makes of the exported files


@pytest.fixture(scope="module")
def pytwas() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ORACLE / "expected.json").read_text())
    return found


def test_the_oracle_read_what_is_exported_today(case: Case, pytwas: dict[str, Any], tmp_path: Path) -> None:
    oracle_files(case, tmp_path / "now")
    assert {path.name for path in (tmp_path / "now").iterdir()} | {"expected.json"} == {
        path.name for path in ORACLE.iterdir()
    }
    for path in (tmp_path / "now").iterdir():
        if path.suffix == ".db":
            for table in ("weights", "extra"):
                assert rows_of(path, table) == rows_of(ORACLE / path.name, table)
        elif path.suffix == ".gz":
            assert gzip.decompress(path.read_bytes()) == gzip.decompress((ORACLE / path.name).read_bytes())
        else:
            assert path.read_bytes() == (ORACLE / path.name).read_bytes()
    pins = (ORACLE.parents[2] / "oracles" / "pytwas" / "requirements.txt").read_text().split()
    assert {f"{name}=={pytwas[name]}" for name in ("pytwas", "numpy", "pandas", "scipy")} == set(pins)


@pytest.mark.parametrize("stem", STEMS)
def test_predicted_expression_is_that_of_pytwas(case: Case, pytwas: dict[str, Any], stem: str, tmp_path: Path) -> None:
    dosages = pd.read_csv(ORACLE / "dosages.tsv", sep="\t", index_col="person")
    calls = np.array(["0/0", "0/1", "1/1"])
    lines = [
        record(int(pos), ref, alt, *calls[dosages[name]], chrom=chrom)
        for name in dosages
        for chrom, pos, ref, alt in [name.split("_")]
    ]
    vcf = write_vcf(tmp_path / "people.vcf.gz", lines, contigs=CONTIGS, samples=list(dosages.index))
    done("predict", ORACLE / f"{stem}.db", *fasta(case), "--vcf", vcf, "-o", tmp_path / "out")
    found = pd.read_parquet(tmp_path / "out" / f"{stem}.parquet").set_index("sample")
    expected = pd.DataFrame(pytwas[stem]["expression"], index=dosages.index)
    assert list(found) == list(expected)
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("stem", STEMS)
@pytest.mark.parametrize("by", ["place", "id"])
def test_z_of_summary_statistics_is_that_of_pytwas(
    case: Case, pytwas: dict[str, Any], stem: str, by: str, tmp_path: Path
) -> None:
    files = ["--gwas", ORACLE / "gwas.tsv", "--covariance", ORACLE / f"{stem}.txt.gz"]
    done("summary", ORACLE / f"{stem}.db", *files, *fasta(case), "--match", by, "-o", tmp_path / "out.parquet")
    found = pd.read_parquet(tmp_path / "out.parquet").set_index("gene")
    expected = pd.DataFrame(pytwas[stem]["summary"]).set_index("gene")
    assert set(found.index) == set(expected.index)
    names = [name for name in expected if name != "gene_name"]
    np.testing.assert_allclose(found.loc[expected.index, names].astype(float), expected[names], rtol=1e-6)
    assert found["gene_name"].loc[expected.index].tolist() == expected["gene_name"].tolist()


# The formulas by hand


def test_z_is_that_of_the_published_formula_of_a_panel_and_of_a_model_of_dosages(case: Case, tmp_path: Path) -> None:
    words = ["summary", case.folder / "model", "--gwas", case.folder / "gwas.tsv", *panel(case)]
    said = done(*words, "-o", tmp_path / "out.parquet").stderr
    assert "gwas: 12 read, 3 not_in_weights" in said
    table = pd.read_parquet(tmp_path / "out.parquet").set_index(["gene", "tissue"])
    for gene in GENES:
        for number, tissue in enumerate(TISSUES):
            if not case.weight[gene][:, number].any():
                assert (gene, tissue) not in table.index
                continue
            row = table.loc[(gene, tissue)]
            expected = case.summary(gene, number)
            np.testing.assert_allclose(row[["zscore", "effect_size", "var_g"]].astype(float), expected, 1e-6, 1e-8)
    report = json.loads((tmp_path / "out.parquet.report.json").read_text())
    assert report["gwas"]["other_alleles"] == 1
    assert report["gwas"]["turned"] >= 2
    assert report["genes"] == {"ok": len(table)}
    done(*words, "--ambiguous", "drop", "-o", tmp_path / "fewer.parquet")
    dropped = json.loads((tmp_path / "fewer.parquet.report.json").read_text())["gwas"]
    assert dropped["used"] + dropped["strand_ambiguous_dropped"] == report["gwas"]["used"]


def test_predictions_are_those_of_the_model_itself_of_every_source(case: Case, tmp_path: Path) -> None:
    """Of the VCF, its store, and PGEN and BED that plink2 made of it; the constants as the model has them."""
    import subprocess

    vcf = case.folder / "panel.vcf.gz"
    for kind in ("--make-pgen", "--make-bed"):
        command = ["plink2", "--vcf", vcf, "--allow-extra-chr", kind, "--threads", 1, "--out", tmp_path / "plink"]
        subprocess.run(list(map(str, command)), check=True, capture_output=True)
    predictor = ExpressionPredictor.from_pretrained(case.folder / "model")
    expected = predictor.predict(case.folder / "genome.fa", vcf, samples="all")
    expected = expected.pivot(index="sample", columns=["tissue", "gene_id"], values="log1p_tpm")
    for name, path in {
        "vcf": vcf,
        "pgen": tmp_path / "plink.pgen",
        "bed": tmp_path / "plink.bed",
        "store": vcf,
    }.items():
        if name == "store":
            build_store(vcf)
        words = ["predict", case.folder / "model", *fasta(case), "--vcf", path, "--format", "tsv"]
        said = done(*words, "-o", tmp_path / name).stderr
        assert "turned" not in said
        for tissue, stem in zip(TISSUES, STEMS, strict=True):
            found = pd.read_csv(tmp_path / name / f"{stem}.tsv", sep="\t", index_col="sample")
            np.testing.assert_allclose(found, expected[tissue][list(found)].loc[found.index], atol=1e-5)
        assert not (tmp_path / f"{name}.parts").exists()


def test_predixcans_layout_has_its_columns_and_no_constant(case: Case, tmp_path: Path) -> None:
    words = ["predict", case.folder / "model", *panel(case), "--format", "predixcan", "--no-constant"]
    done(*words, "--sample", "P07", "--sample", "P03", "--tissue", "liver", "-o", tmp_path / "out")
    assert (tmp_path / "out" / "liver.txt").read_text().startswith("FID\tIID\tG1\tG2\nP07\tP07\t")
    found = pd.read_csv(tmp_path / "out" / "liver.txt", sep="\t").set_index("IID")
    row = case.filled("G1")[[7, 3]] @ case.weight["G1"][:, 1]
    np.testing.assert_allclose(found["G1"], row, atol=1e-5)
    used = pd.read_csv(tmp_path / "out" / "liver.summary.txt", sep="\t")
    assert used["n_snps_used"].tolist() == [5, 3]
    assert not (tmp_path / "out" / "whole_blood.txt").exists()


def test_a_run_goes_on_from_its_parts_and_refuses_those_of_another(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from variantformer_hf.applications.association import prediction

    monkeypatch.setattr(prediction, "_VARIANTS_AT_ONCE", 1)
    words = ["predict", case.folder / "model", *panel(case), "--format", "tsv"]
    done(*words, "-o", tmp_path / "whole")
    plain, calls = prediction.group_sums, []

    def stops(*given: Any, **more: Any) -> Any:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return plain(*given, **more)

    monkeypatch.setattr(prediction, "group_sums", stops)
    assert run("associate", *words, "-o", tmp_path / "cut").returncode != 0
    assert len(list((tmp_path / "cut.parts").glob("*.npy"))) == 2
    said = refused(*words, "--sample", "P01", "-o", tmp_path / "cut")
    assert "is of another run" in said
    done(*words, "-o", tmp_path / "cut")
    assert len(calls) == 4
    for path in (tmp_path / "whole").glob("*.tsv"):
        assert path.read_bytes() == (tmp_path / "cut" / path.name).read_bytes()
    assert not (tmp_path / "cut.parts").exists()


def test_a_variant_that_the_file_lacks_is_the_mean_of_the_fit_and_of_one_person_0(case: Case, tmp_path: Path) -> None:
    chrom, _, _, places = GENES["G3"]
    each = case.variants[chrom][places[0]]
    for people, instead in ((("a", "b"), case.filled("G3").mean(axis=0)), (("a",), np.zeros(3))):
        line = record(each.pos, each.ref, each.alt, *["0/1"] * len(people), chrom=chrom)
        vcf = write_vcf(tmp_path / f"{len(people)}.vcf.gz", [line], contigs=CONTIGS, samples=people)
        out = tmp_path / f"out{len(people)}"
        done("predict", case.folder / "model", *fasta(case), "--vcf", vcf, "--gene", "G3-name", "-o", out)
        found = pd.read_parquet(out / "whole_blood.parquet")["G3"].iloc[0]
        dosage = np.array([1, *instead[1:]])
        assert found == pytest.approx(case.constant["G3"][0] + dosage @ case.weight["G3"][:, 0], abs=1e-5)
        report = json.loads((out / "associate.json").read_text())
        assert (report["variants"]["found"], report["variants"]["absent"]) == (1, 2)
    said = done("predict", case.folder / "model", *fasta(case), "--vcf", tmp_path / "2.vcf.gz", "-o", tmp_path / "all")
    assert "found" in said.stderr
    assert pd.read_parquet(tmp_path / "all" / "whole_blood.parquet")["G1"].isna().all()  # none of its variants


def test_one_person_without_a_record_on_the_weights_chromosomes_is_refused_as_predict_does(
    case: Case, tmp_path: Path
) -> None:
    """One with records there of none of the variants is like the reference."""
    contigs = {**CONTIGS, "chr3": 4_000}
    sequences = {name: ReferenceGenome(case.folder / "genome.fa").sequence(name, 0, 4_000) for name in CONTIGS}
    sequences["chr3"] = "A" * 4_000
    genome = write_fasta(tmp_path / "genome.fa", sequences, width=60)
    words = ["predict", case.folder / "model", "--fasta", genome, "--format", "tsv", "--vcf"]
    for chrom in ("chr1", "chr3"):
        ref = sequences[chrom][76]
        write_vcf(
            tmp_path / f"{chrom}.vcf.gz", [record(77, ref, "CA"[ref == "C"], "0/1", chrom=chrom)], contigs=contigs
        )
    said = refused(*words, tmp_path / "chr3.vcf.gz", "-o", tmp_path / "out")
    assert "chr3.vcf.gz: has no record on any of the chromosomes asked for (chr1, chr2). Check that" in said
    assert list(tmp_path.glob("out*")) == []
    done(*words, tmp_path / "chr1.vcf.gz", "-o", tmp_path / "out")
    found = pd.read_csv(tmp_path / "out" / "liver.tsv", sep="\t")
    assert found["G1"].iloc[0] == pytest.approx(case.constant["G1"][1], abs=1e-5)


# Weights of a database


def test_weights_of_what_is_ref_are_turned_and_give_the_same_numbers(case: Case, tmp_path: Path) -> None:
    """A database with its alleles swapped and its weights' signs: predictions and z stay, but for a constant."""
    exported(case, tmp_path / "own")
    rows = rows_of(tmp_path / "own" / "liver.db", "weights")
    swapped = [(rsid, var, gene, eff, ref, -weight) for gene, rsid, var, ref, eff, weight in rows if len(ref) == 1]
    kept = [(rsid, var, gene, ref, eff, weight) for gene, rsid, var, ref, eff, weight in rows if len(ref) > 1]
    (tmp_path / "other").mkdir()
    database = written(tmp_path / "other" / "liver.db", swapped + kept)
    covariance = tmp_path / "own" / "liver.txt.gz"
    (tmp_path / "turned.txt").write_text(_turned(gzip.decompress(covariance.read_bytes()).decode(), kept[0][0]))
    tables, values = [], []
    for name, weights, pairs in (
        ("one", tmp_path / "own" / "liver.db", covariance),
        ("two", database, tmp_path / "turned.txt"),
    ):
        words = ["summary", weights, "--gwas", case.folder / "gwas.tsv", *fasta(case), "--covariance", pairs]
        done(*words, "-o", tmp_path / f"{name}.tsv")
        tables.append(pd.read_csv(tmp_path / f"{name}.tsv", sep="\t"))
        said = done("predict", weights, *panel(case), "-o", tmp_path / name).stderr
        n_turned = len({row[1] for row in swapped})
        assert (f"weights: {n_turned} turned" in said) == (name == "two")
        values.append(pd.read_parquet(tmp_path / name / "liver.parquet").set_index("sample"))
    columns = ["zscore", "effect_size", "var_g", "n_snps_used"]
    np.testing.assert_allclose(tables[0][columns], tables[1][columns], rtol=1e-5)
    assert (np.ptp((values[0] - values[1]).to_numpy(), axis=0) < 1e-5).all()


def _turned(text: str, kept: str) -> str:
    """Covariances of the other alleles, of all variants but one."""
    lines = []
    for line in text.splitlines()[1:]:
        gene, one, two, value = line.split()
        sign = -1 if (one == kept) != (two == kept) else 1
        lines.append(f"{gene} {one} {two} {sign * float(value)}")
    return "\n".join(["GENE RSID1 RSID2 VALUE", *lines, ""])


def test_weights_of_another_assembly_are_refused(case: Case, tmp_path: Path) -> None:
    rows = [(f"rs{n}", f"chr1_{600 + n}_{'ACGT'[n % 4]}_{'CGTA'[n % 4]}_b38", "G", *"AC", 0.1) for n in range(200)]
    said = refused("predict", written(tmp_path / "x.db", rows), *panel(case), "-o", tmp_path / "out")
    assert "x.db: has 200 variants, of which the FASTA does not hold" in said
    assert "the weights are of another assembly" in said
    rows = [("rs1", "1_600_A_C_b37", "G", "A", "C", 0.1)]
    assert "is of build 37. Give weights of GRCh38" in refused(
        "predict", written(tmp_path / "y.db", rows), *panel(case), "-o", tmp_path / "out"
    )
    (tmp_path / "other").mkdir()
    other = write_fasta(tmp_path / "other" / "genome.fa", dict.fromkeys(CONTIGS, "A" * 4_000), width=60)
    words = ["predict", case.folder / "model", "--fasta", other, "--vcf", case.folder / "panel.vcf.gz"]
    assert "are of another assembly" in refused(*words, "-o", tmp_path / "out")


@pytest.mark.parametrize(
    ("rows", "columns", "said"),
    [
        ([("r", "g", 1.0)], "rsid, gene, weight", "its table weights has no column ref_allele, eff_allele"),
        ([], COLUMNS, "has no weights"),
        ([("rs1", "", "g", "A", "C", None)], "", "that are any (ref_allele A, eff_allele C, weight None)"),
        ([("rs1", "", "g", "A", "C", float("inf"))], "", "x.db: g rs1: has no alleles, or no weight, that are any"),
        (
            [("rs1", "", None, "A", "C", 1.0)],
            "",
            "x.db: rs1: its table weights has a row without gene. Remove the row.",
        ),
        ([("rs1", "", "", "A", "C", 1.0)], "", "x.db: rs1: its table weights has a row without gene. Remove the row."),
        ([("rs1", "", "g", "A", "C", 1.0)] * 2, "", "g rs1: the gene has the variant twice"),
        ([("rs1", "", "g", "A", "C", 1.0)], "", "names its variants by ids that are no places (rsid)"),
    ],
)
def test_a_database_that_cannot_be_used_is_refused_in_one_line(
    case: Case, tmp_path: Path, rows: list[Any], columns: str, said: str
) -> None:
    made = written(tmp_path / "x.db", rows, columns or COLUMNS)
    words = ["export", made, "--format", "parquet", *(fasta(case) if "no places" in said else [])]
    if "no places" in said:
        words = ["predict", made, *panel(case)]
    assert said in refused(*words, "-o", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_a_database_says_of_a_gene_may_be_unknown_and_is_else_a_number(case: Case, tmp_path: Path) -> None:
    exported(case, tmp_path / "own")
    words = ["predict", tmp_path / "own" / "liver.db", *panel(case), "--overwrite", "-o", tmp_path / "out"]

    def says(value: object) -> None:
        with sqlite3.connect(tmp_path / "own" / "liver.db") as database:
            database.execute('UPDATE extra SET "pred.perf.R2" = ? WHERE gene = ?', (value, "G1"))

    for unknown in ("NA", "", None):
        says(unknown)
        done(*words)
        table = pd.read_csv(tmp_path / "out" / "genes.tsv", sep="\t").set_index("gene")
        assert np.isnan(table.loc["G1", "pred_perf_r2"])
        assert table.loc["G2", "pred_perf_r2"] == 0.25
    for wrong in ("much", float("inf")):
        says(wrong)
        said = refused(*words)
        assert (
            f"liver.db: G1: its table extra has {wrong!r} as pred.perf.R2, which is no number. Write a number" in said
        )


def test_genes_of_a_database_whose_weights_are_all_0_are_said(case: Case, tmp_path: Path) -> None:
    exported(case, tmp_path / "own")
    words = ["predict", tmp_path / "own" / "liver.db", *panel(case), "--overwrite", "-o", tmp_path / "out"]
    assert "genes_with_weights_0" not in done(*words).stderr
    with sqlite3.connect(tmp_path / "own" / "liver.db") as database:
        database.execute("UPDATE weights SET weight = 0")
    assert "weights: 2 genes_with_weights_0\n" in done(*words).stderr


def test_a_damaged_database_and_other_models_are_refused(case: Case, tmp_path: Path) -> None:
    from dosage_case import forest_case

    (tmp_path / "cut.db").write_bytes((ORACLE / "liver.db").read_bytes()[:5_000])
    assert "is no database of weights, or damaged" in refused(
        "export", tmp_path / "cut.db", "--format", "parquet", "-o", tmp_path / "out"
    )
    said = refused("export", forest_case(tmp_path).model, "--format", "parquet", "-o", tmp_path / "out")
    assert "is a model of the type 'dosage_forest', which has no weight a variant" in said


@pytest.mark.shared
def test_a_database_of_predictdb_is_read_and_matched_by_its_rs_numbers(shared: Path, tmp_path: Path) -> None:
    database = shared / "realfiles" / REAL
    with sqlite3.connect(database) as opened:
        rows = opened.execute("SELECT gene, rsid, weight, ref_allele, eff_allele FROM weights").fetchall()
    lines, genes = ["SNP A1 A2 Z"], dict[str, list[Any]]()
    for number, (gene, rsid, weight, ref, eff) in enumerate(rows):
        lines.append(f"{rsid} {ref} {eff} {number % 7 - 3}")
        genes.setdefault(gene, []).append((rsid, weight, -(number % 7 - 3)))
    (tmp_path / "gwas.txt").write_text("\n".join(lines) + "\n")
    pairs = ["GENE RSID1 RSID2 VALUE"]
    pairs += [
        f"{gene} {one[0]} {two[0]} {float(one is two)}"
        for gene, own in genes.items()
        for place, one in enumerate(own)
        for two in own[place:]
    ]
    (tmp_path / "cov.txt").write_text("\n".join(pairs) + "\n")
    files = ["--gwas", tmp_path / "gwas.txt", "--covariance", tmp_path / "cov.txt"]
    said = done("summary", database, *files, "-o", tmp_path / "out.tsv").stderr
    assert f"{len({row[1] for row in rows})} turned" in said
    table = pd.read_csv(tmp_path / "out.tsv", sep="\t").set_index("gene")
    assert table.loc["ENSG00000107937.14", "gene_name"] == "GTPBP4"
    for gene, own in genes.items():
        weight, z = (np.array([each[place] for each in own]) for place in (1, 2))
        assert table.loc[gene, "zscore"] == pytest.approx(weight @ z / np.sqrt(weight @ weight))


# GWAS statistics and covariances


def _summary(case: Case, folder: Path, gwas: str, *more: object) -> list[object]:
    (folder / "gwas.txt").write_text(gwas)
    words = ["summary", case.folder / "model", "--gwas", folder / "gwas.txt", *panel(case), "--tissue", "liver"]
    return [*words, "--overwrite", "-o", folder / "out.tsv", *more]


def _row(each: Variant, *values: object) -> str:
    return " ".join(map(str, (each.chrom, each.pos, each.alt, each.ref, *values)))


def test_z_comes_of_beta_and_se_of_p_and_of_odds_ratios(case: Case, tmp_path: Path) -> None:
    from scipy.stats import norm

    each = case.variants["chr1"][0]
    head = "CHR BP EA NEA "
    z, p = 2.5, 2 * norm.sf(2.5)
    found = []
    for names, values in (
        ("Z", [z]),
        ("beta se", [0.5, 0.2]),
        ("or se", [np.exp(0.5), 0.2]),
        ("beta P", [0.5, p]),
        ("odds_ratio pval", [np.exp(0.5), p]),
    ):
        done(*_summary(case, tmp_path, f"{head}{names}\n{_row(each, *values)}\n"))
        table = pd.read_csv(tmp_path / "out.tsv", sep="\t").set_index("gene")
        found.append(table.loc["G1", "zscore"])
        assert np.isnan(table.loc["G1", "effect_size"]) == (names == "Z")
        assert table.loc["G2", "status"] == "no_variants_in_gwas"
    np.testing.assert_allclose(found, np.sign(case.weight["G1"][0, 1]) * z, rtol=1e-6)
    text = f"CHR BP EA NEA score\n{_row(each, z)}\n"
    assert "has no column z (or beta and se, or and se, p and beta)" in refused(*_summary(case, tmp_path, text))
    done(*_summary(case, tmp_path, text, "--column", "z=score"))
    assert "has no column 'none'" in refused(*_summary(case, tmp_path, text, "--column", "z=none"))
    assert "--column zz=score names no column" in refused(*_summary(case, tmp_path, text, "--column", "zz=score"))


def _gwas_report(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "out.tsv.report.json").read_text())
    return found


def _z(folder: Path, gene: str = "G1") -> float:
    return float(pd.read_csv(folder / "out.tsv", sep="\t").set_index("gene").loc[gene, "zscore"])


@pytest.mark.parametrize(
    ("columns", "sign"),
    [
        ("Allele1 Allele2 AF_Allele2 BETA SE", -1),
        ("Allele1 Allele2 AC_Allele2 BETA SE", -1),
        ("Allele1 Allele2 Freq1 Effect StdErr", 1),
        ("Allele1 Allele2 Weight Zscore Direction", 1),
        ("ALLELE1 ALLELE0 A1FREQ BETA SE", 1),
    ],
)
def test_numbered_alleles_are_those_of_the_program_that_wrote_them(
    case: Case, tmp_path: Path, columns: str, sign: int
) -> None:
    each = case.variants["chr1"][0]
    text = f"CHR POS {columns}\n{_row(each, 0.25, 2.5, 1.0)}\n"
    said = done(*_summary(case, tmp_path, text)).stderr
    one, two, *_ = columns.split()
    effect, other = (one, two) if sign > 0 else (two, one)
    assert f"{effect} as effect_allele, {other} as other_allele, {columns.split()[3]} as " in said
    read = _gwas_report(tmp_path)["gwas_columns"]
    assert (read["effect_allele"], read["other_allele"]) == (effect, other)
    assert np.sign(_z(tmp_path)) == sign * np.sign(case.weight["G1"][0, 1])


def test_numbered_alleles_of_which_nothing_says_the_effects_are_refused_until_it_is_named(
    case: Case, tmp_path: Path
) -> None:
    each = case.variants["chr1"][0]
    for columns in ("Allele1 Allele2 BETA SE", "Allele1 Allele2 Effect SE", "allele_1 allele_2 BETA SE"):
        text = f"CHR POS {columns}\n{_row(each, 2.5, 1.0)}\n"
        said = refused(*_summary(case, tmp_path, text))
        one, two = columns.split()[:2]
        assert f"gwas.txt: has the alleles {one} and {two}, and nothing says which of them the effect is of" in said
        assert f"--column effect_allele={one}, or {two}; or rename them to effect_allele and other_allele" in said
        named = ["--column", f"effect_allele={two}", "--column", f"other_allele={one}"]
        done(*_summary(case, tmp_path, text, *named))
        assert np.sign(_z(tmp_path)) == -np.sign(case.weight["G1"][0, 1])
        done(*_summary(case, tmp_path, text, *named[:1], f"effect_allele={one}"))
        assert np.sign(_z(tmp_path)) == np.sign(case.weight["G1"][0, 1])
    both = f"CHR POS Allele1 Allele2 AF_Allele2 Freq1 BETA SE\n{_row(each, 0.1, 0.1, 2.5, 1.0)}\n"
    assert "nothing says which" in refused(*_summary(case, tmp_path, both))


def test_beside_ref_and_alt_the_other_allele_is_the_one_that_a1_is_not(case: Case, tmp_path: Path) -> None:
    """Rows of REF among those of ALT, of SNVs and of a deletion in a repeat, both of whose alleles the FASTA holds."""
    of_gene = [case.variants["chr1"][place] for place in range(5)]
    scores = [2.0, -1.5, 1.0, 0.5, -2.5]
    tables = []
    for refs in ((), (0, 2, 3)):
        rows = ["#CHROM POS REF ALT A1 OMITTED BETA SE"]
        for place, (each, score) in enumerate(zip(of_gene, scores, strict=True)):
            a1, ax, sign = (each.ref, each.alt, -1) if place in refs else (each.alt, each.ref, 1)
            rows.append(" ".join(map(str, (each.chrom, each.pos, each.ref, each.alt, a1, ax, sign * score, 1.0))))
        done(*_summary(case, tmp_path, "\n".join(rows) + "\n"))
        report = _gwas_report(tmp_path)
        assert (report["gwas"]["used"], report["gwas"].get("turned", 0)) == (5, len(refs))
        assert report["gwas_columns"]["other_allele"] == "REF or ALT"
        tables.append(pd.read_csv(tmp_path / "out.tsv", sep="\t"))
    pd.testing.assert_frame_equal(*tables)
    assert tables[0]["n_snps_used"].max() == 5


def test_two_rows_of_a_variant_are_refused_where_they_say_different_things(case: Case, tmp_path: Path) -> None:
    one, two = case.variants["chr1"][0], case.variants["chr1"][4]
    same = [_row(one, 2.0), f"chr1 {one.pos} {one.ref} {one.alt} -2.0", _row(two, 1.0)]
    done(*_summary(case, tmp_path, "\n".join(["chr pos a1 a2 z", *same]) + "\n"))
    assert json.loads((tmp_path / "out.tsv.report.json").read_text())["gwas"]["repeated"] == 1
    other = "\n".join(["chr pos a1 a2 z", *same, _row(one, 2.5)]) + "\n"
    said = refused(*_summary(case, tmp_path, other))
    assert "rows 2 and 5: has two rows of" in said
    assert "(z 2 and 2.5)" in said
    done(*_summary(case, tmp_path, other, "--duplicates", "first"))
    assert json.loads((tmp_path / "out.tsv.report.json").read_text())["gwas"]["contradicting"] == 1


def test_statistics_without_a_shared_variant_or_a_number_are_refused_or_counted(case: Case, tmp_path: Path) -> None:
    one, two = case.variants["chr1"][0], case.variants["chr1"][4]
    nothing = "chr pos a1 a2 z\nchr1 77 A C 1.0\nchr9 77 A C 1.0\n"
    assert "has none of the" in refused(*_summary(case, tmp_path, nothing))
    rows = [_row(one, "NA", 1), _row(two, 0.5, 0), _row(case.variants["chr1"][5], 0.5, 0.25)]
    done(*_summary(case, tmp_path, "\n".join(["chr pos a1 a2 beta se", *rows]) + "\n"))
    report = json.loads((tmp_path / "out.tsv.report.json").read_text())["gwas"]
    assert (report["read"], report["no_number"], report["used"]) == (3, 2, 1)
    assert "is a VCF" in refused(*_summary(case, tmp_path, "##fileformat=VCFv4.2\n"))


def test_a_row_takes_what_it_has_of_z_beta_and_se_and_p(case: Case, tmp_path: Path) -> None:
    one, two, three, four = (case.variants["chr1"][place] for place in (0, 3, 4, 5))
    head = "chr pos a1 a2 z beta se p"
    rows = [
        _row(one, 2.5, "NA", "NA", 0.5),
        _row(two, "", 0.5, 0.2, 0.5).replace("  ", " NA "),
        _row(three, "NA", 0.5, 0, 0.0124193306),
        _row(four, "inf", 0.5, "NA", 0),
    ]
    said = done(*_summary(case, tmp_path, "\n".join([head, *rows]) + "\n")).stderr
    assert "3 used" in said
    assert "1 p_is_0" in said
    three_z, weight = np.full(3, 2.5), case.weight["G1"][[0, 3, 4], 1]
    covariance = np.cov(case.filled("G1")[:, [0, 3, 4]].T)
    expected = (weight * np.sqrt(np.diag(covariance)) * three_z).sum() / np.sqrt(weight @ covariance @ weight)
    assert _z(tmp_path) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("columns", "values", "count"),
    [
        ("beta se", (0.5, 0), "2 no_number"),
        ("beta p", (0.5, 0), "2 p_is_0"),
        ("beta se", ("0,5", "0,2"), "2 no_number"),
        ("z", ("inf",), "2 no_number"),
    ],
)
def test_a_file_without_a_number_for_the_variants_is_refused_for_that_and_not_for_its_assembly(
    case: Case, tmp_path: Path, columns: str, values: tuple[object, ...], count: str
) -> None:
    rows = [_row(case.variants["chr1"][place], *values) for place in (0, 4)]
    rows.append(_row(Variant("chr1", 77, "A", "C"), *values))
    said = refused(*_summary(case, tmp_path, "\n".join([f"chr pos a1 a2 {columns}", *rows]) + "\n"))
    assert "gwas.txt: has no number for any of the" in said
    assert f"(3 read, 1 not_in_weights, {count})" in said
    assert "assembly" not in said


def test_an_indel_of_neither_of_the_weights_alleles_is_counted(case: Case, tmp_path: Path) -> None:
    deletion, other = case.variants["chr1"][2], case.variants["chr1"][0]
    rows = [f"chr1 {deletion.pos + 3} T TTT 1.5", _row(other, 1.0)]
    done(*_summary(case, tmp_path, "\n".join(["chr pos a1 a2 z", *rows]) + "\n"))
    counts = _gwas_report(tmp_path)["gwas"]
    assert counts["read"] == counts["used"] + counts["other_alleles"] == 2


def test_a_deletion_of_which_ref_is_not_told_is_counted_and_not_guessed_at(case: Case, tmp_path: Path) -> None:
    deletion, other = case.variants["chr1"][2], case.variants["chr1"][0]
    rows = [f"chr1 {deletion.pos + 3} T TT 1.5", _row(other, 1.0)]  # in its repeat
    done(*_summary(case, tmp_path, "\n".join(["chr pos a1 a2 z", *rows]) + "\n"))
    report = json.loads((tmp_path / "out.tsv.report.json").read_text())["gwas"]
    assert (report["ambiguous_indel"], report["used"]) == (1, 1)
    done(*_summary(case, tmp_path, "\n".join(["chr pos alt ref z", *rows]) + "\n"))
    assert json.loads((tmp_path / "out.tsv.report.json").read_text())["gwas"]["used"] == 2


def test_covariances_that_cannot_be_used_are_refused_or_repaired_and_said(case: Case, tmp_path: Path) -> None:
    exported(case, tmp_path / "own")
    text = gzip.decompress((tmp_path / "own" / "liver.txt.gz").read_bytes()).decode()
    lines = text.splitlines()
    row = next(number for number, line in enumerate(lines) if line.startswith("G1 chr1_600_") and " chr1_1200_" in line)
    gene, one, two, _ = lines[row].split()
    changed = {
        "has no covariance of": [*lines[:row], *lines[row + 1 :]],
        f"{gene} {one} {two}: the pair has two values": [
            *lines[: row + 1],
            f"{gene} {two} {one} 0.777",
            *lines[row + 1 :],
        ],
        "G1: its pairs stand in two places": [*lines, f"G1 {one} {one} 0.1"],
        "has no column VALUE": ["GENE RSID1 RSID2 COV", *lines[1:]],
        f"cov.txt: {gene} {one} {two}: the covariance is infinite": [
            *lines[:row],
            f"{gene} {one} {two} inf",
            *lines[row + 1 :],
        ],
        "has a VALUE that is no number": [*lines[:row], f"{gene} {one} {two} much", *lines[row + 1 :]],
        "has none of the variants of the weights of liver": [lines[0], "G1 rs1 rs1 1.0"],
    }
    database = tmp_path / "own" / "liver.db"

    def words(rows: list[str]) -> list[object]:
        (tmp_path / "cov.txt").write_text("\n".join(rows) + "\n")
        files = ["--gwas", case.folder / "gwas.tsv", "--covariance", tmp_path / "cov.txt", *fasta(case)]
        return ["summary", database, *files, "--overwrite", "-o", tmp_path / "out.tsv"]

    for said, rows in changed.items():
        assert said in refused(*words(rows)), said
    bad = [*lines[:row], f"{gene} {one} {two} 5.0", *lines[row + 1 :]]
    said = done(*words(bad)).stderr
    table = pd.read_csv(tmp_path / "out.tsv", sep="\t").set_index("gene")
    assert "1 covariance_not_positive_definite" in said
    assert table.loc["G1", "status"] == "covariance_not_positive_definite"
    assert np.isnan(table.loc["G1", "zscore"])
    assert table.loc["G2", "status"] == "ok"
    done(*words(bad), "--repair")
    table = pd.read_csv(tmp_path / "out.tsv", sep="\t").set_index("gene")
    assert table.loc["G1", "n_eigenvalues_repaired"] >= 1
    assert np.isfinite(table.loc["G1", "zscore"])
    assert table.loc["G2", "n_eigenvalues_repaired"] == 0


def test_what_does_not_go_together_is_refused(case: Case, tmp_path: Path) -> None:
    model, gwas = case.folder / "model", ["--gwas", case.folder / "gwas.tsv"]
    out = ["-o", tmp_path / "out.tsv"]
    assert "give --covariance or --vcf" in refused("summary", model, *gwas, *out)
    assert "--vcf needs --fasta" in refused("summary", model, *gwas, "--vcf", case.folder / "panel.vcf.gz", *out)
    exported(case, tmp_path / "own")
    one = ["--covariance", tmp_path / "own" / "liver.txt.gz"]
    assert "is one file, and the weights are of 2 tissues" in refused("summary", model, *gwas, *one, *fasta(case), *out)
    calibrated = ["--gwas-n", 10, "--gwas-h2", 0.5, *panel(case)]
    assert "has no phi" in refused("summary", model, *gwas, *calibrated, *out)
    assert "go together" in refused("summary", model, *gwas, *panel(case), "--gwas-n", 10, *out)
    nowhere = ["--covariance", tmp_path / "nowhere"]
    assert "nowhere: no such file" in refused("summary", model, *gwas, *nowhere, *fasta(case), *out)
    export = ["export", model, "-o", tmp_path / "x", "--format"]
    assert "--ids rsid needs" in refused(*export, "parquet", "--ids", "rsid")
    assert "--phi needs --vcf" in refused(*export, "predixcan", "--phi")
    assert "--vcf needs --fasta" in refused(*export, "predixcan", "--vcf", case.folder / "panel.vcf.gz")
    assert "has no weights of the gene 'G9'" in refused(*export, "parquet", "--gene", "G9")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("mine")
    for folder in (tmp_path / "mine", model):
        said = refused("export", model, "--format", "parquet", "-o", folder, "--overwrite")
        assert "is none of this command's folders" in said
    few = write_vcf(tmp_path / "few.vcf.gz", [record(77, "A", "C", "0/1")], contigs=CONTIGS)
    words = ["--gwas", case.folder / "gwas.tsv", *fasta(case), "--vcf", few, *out]
    assert "has 1 people, and a covariance needs at least 10" in refused("summary", model, *words)
    lines = [record(77, "A", "C", *["0/1"] * 20)]
    other = write_vcf(tmp_path / "other.vcf.gz", lines, contigs=CONTIGS, samples=[f"s{n}" for n in range(20)])
    words = ["--gwas", case.folder / "gwas.tsv", *fasta(case), "--vcf", other, *out]
    assert "has none of the variants of the weights" in refused("summary", model, *words)
    words = [*fasta(case), "--vcf", other, "-o", tmp_path / "people"]
    assert "has none of the 10 variants of the weights" in refused("predict", model, *words)
    assert not (tmp_path / "people").exists()


# Exports


def test_covariances_are_those_of_each_population(case: Case, tmp_path: Path) -> None:
    labels = {name: "ONE" if number < 25 else "TWO" for number, name in enumerate(case.people)}
    text = "\n".join(["donor\tsuper_population", *(f"{name}\t{of}" for name, of in labels.items())])
    (tmp_path / "labels.tsv").write_text(text + "\n")
    exported(case, tmp_path / "own", "--populations", tmp_path / "labels.tsv")
    chrom, _, _, places = GENES["G3"]
    for population in ("ONE", "TWO"):
        table = pd.read_csv(tmp_path / "own" / f"whole_blood.{population}.txt.gz", sep=" ").query("GENE == 'G3'")
        people = [number for number, name in enumerate(case.people) if labels[name] == population]
        values = case.dosage[chrom][people][:, list(places)].astype(float)
        values[values < 0] = np.nan
        values = np.where(np.isnan(values), np.nanmean(values, axis=0), values)
        expected = np.cov(values.T)[np.triu_indices(3)]
        np.testing.assert_allclose(table["VALUE"], expected, rtol=1e-8)
    assert not (tmp_path / "own" / "whole_blood.txt.gz").exists()
    (tmp_path / "labels.tsv").write_text("donor\tsuper_population\nP01\tONE\n")
    words = ["export", case.folder / "model", "--format", "predixcan", *panel(case)]
    said = refused(*words, "--populations", tmp_path / "labels.tsv", "-o", tmp_path / "x")
    assert "the population ONE has 1 people" in said


def test_rs_numbers_come_from_a_vcf_or_a_table_and_others_keep_their_names(case: Case, tmp_path: Path) -> None:
    first, deletion = case.variants["chr1"][0], case.variants["chr1"][2]
    lines = [
        record(first.pos, first.ref, f"{first.alt},{first.ref}{first.alt}").replace(
            f"\t{first.pos}\t.\t", f"\t{first.pos}\trs1\t"
        ),
        record(deletion.pos + 2, "TT", "T").replace("\t.\tTT", "\trs2\tTT"),
    ]
    vcf = write_vcf(tmp_path / "dbsnp.vcf.gz", lines, contigs={"1": 4_000}, samples=())
    (tmp_path / "ids.tsv").write_text(
        f"rsid\tchrom\tpos\tref\talt\nrs1\t1\t{first.pos}\t{first.ref}\t{first.alt}\nrs2\tchr1\t{deletion.pos}\tGT\tG\n"
    )
    words = ["export", case.folder / "model", "--format", "predixcan", "--ids", "rsid", *fasta(case)]
    for name in ("dbsnp.vcf.gz", "ids.tsv"):
        out = tmp_path / f"out {name}"
        said = done(*words, "--rsids", tmp_path / name, "-o", out).stderr
        assert "variants: 10 all, 2 rsid" in said
        named = {row[2]: row[1] for row in rows_of(out / "liver.db", "weights")}
        assert named[f"chr1_{first.pos}_{first.ref}_{first.alt}"] == "rs1"
        assert named[f"chr1_{deletion.pos}_GT_G"] == "rs2"
        assert sum(rsid == name for name, rsid in named.items()) == len(named) - 2
    assert vcf.exists()


def test_fusions_tables_hold_weights_of_genotypes_of_variance_1(case: Case, tmp_path: Path) -> None:
    """With and without a panel; and R would turn them into what FUSION loads, as the page says."""
    words = ["export", case.folder / "model", "--format", "fusion"]
    done(*words, *panel(case), "-o", tmp_path / "panel")
    done(*words, "-o", tmp_path / "fit")
    listed = pd.read_csv(tmp_path / "panel" / "liver.pos", sep=" ", dtype=str, keep_default_na=False)
    assert list(listed.iloc[0]) == ["liver", "liver/G1.wgt.RDat", "G1", "1", "1000", "1400", "NA"]
    table = pd.read_csv(tmp_path / "panel" / "liver" / "G1.wgt.txt", sep=" ")
    deviation = case.filled("G1").std(axis=0, ddof=1)
    np.testing.assert_allclose(table["WEIGHT"], case.weight["G1"][:, 1] * deviation, rtol=1e-6)
    assert table["A1"].tolist() == [case.variants["chr1"][place].alt for place in range(5)]
    assert set(table["RSQ"]) == {0.25}
    frequency = case.filled("G1").mean(axis=0) / 2
    table = pd.read_csv(tmp_path / "fit" / "liver" / "G1.wgt.txt", sep=" ")
    expected = case.weight["G1"][:, 1] * np.sqrt(2 * frequency * (1 - frequency))
    np.testing.assert_allclose(table["WEIGHT"], expected, rtol=1e-5)
    said = refused("export", ORACLE / "liver.db", "--format", "fusion", "-o", tmp_path / "x")
    assert "does not say where its genes are" in said


def test_parquet_has_a_row_a_weight_and_a_row_a_gene(case: Case, tmp_path: Path) -> None:
    done("export", case.folder / "model", "--format", "parquet", "-o", tmp_path / "out")
    weights = pd.read_parquet(tmp_path / "out" / "weights.parquet")
    genes = pd.read_parquet(tmp_path / "out" / "genes.parquet").set_index(["gene_id", "tissue"])
    assert len(weights) == sum((each != 0).sum() for each in case.weight.values())
    assert genes.loc[("G2", "liver"), "constant"] == pytest.approx(case.constant["G2"][1], abs=1e-6)
    assert genes.loc[("G2", "liver"), "n_variants"] == 3
    of_gene = weights.query("gene_id == 'G1' and tissue == 'liver'")
    np.testing.assert_allclose(of_gene["weight"], case.weight["G1"][:, 1], rtol=1e-6)
    words = ["export", case.folder / "model", "--format", "parquet", "--overwrite", "-o", tmp_path / "out"]
    assert "variants: 7 all" in done(*words, "--tissue", "liver").stderr  # those with a weight there


# Inflation


def test_phi_is_the_slope_of_z_squared_of_simulated_polygenic_traits(tmp_path: Path) -> None:
    """A trait that lies evenly on all variants and has nothing to do with the gene; MetaXcan divides by its root."""
    from variantformer_hf.applications.association.inflation import InflationOptions, with_inflation
    from variantformer_hf.applications.association.weights import AssociationWeights, WeightedGene
    from variantformer_hf.genome.dosages import DosageFile
    from variantformer_hf.genome.variant_dosages import VariantDosages

    rng = np.random.default_rng(1)
    n, m = 400, 120
    hidden = rng.normal(size=(n, 12))
    dosage = (hidden[:, np.repeat(np.arange(12), 10), None] + rng.normal(0, 0.6, (n, m, 2)) > 0.4).sum(axis=2)
    positions = 1_000 + 100 * np.arange(m)
    genome = write_fasta(tmp_path / "genome.fa", {"chr1": "A" * 20_000}, width=60)
    calls = np.array(["0/0", "0/1", "1/1"])
    lines = [record(int(pos), "A", "C", *calls[column]) for pos, column in zip(positions, dosage.T, strict=True)]
    samples = [f"s{number}" for number in range(n)]
    vcf = write_vcf(tmp_path / "panel.vcf.gz", lines, contigs={"chr1": 20_000}, samples=samples)
    variants = tuple(Variant("chr1", int(pos), "A", "C") for pos in positions)
    number, weight = np.array([3, 17, 64]), np.array([0.5, -0.4, 0.3])
    gene = WeightedGene("liver", "G", "G", number, weight, np.full(3, np.nan))
    weights = AssociationWeights("w", None, variants, tuple(map(str, variants)), np.zeros(m, bool), (gene,))
    reference = ReferenceGenome(genome)
    with VariantDosages(vcf, "all", reference) as people, DosageFile(vcf, reference=reference) as file:
        found, n_variants = with_inflation(weights, people, file)
    with VariantDosages(vcf, "all", reference) as people, DosageFile(vcf, reference=reference) as file:
        half, _ = with_inflation(weights, people, file, InflationOptions(n_variants=2 * m))
    phi = found.genes[0].said["phi"]
    assert n_variants == m
    assert half.genes[0].said["phi"] == pytest.approx(phi / 2)
    standard = (dosage - dosage.mean(axis=0)) / dosage.std(axis=0)
    expression = dosage[:, number] @ weight
    expression = (expression - expression.mean()) / expression.std()
    traits, h2 = 4_000, 0.6
    effects = rng.normal(0, np.sqrt(h2 / m), (m, traits))
    genetic = standard @ effects
    trait = genetic + rng.normal(0, np.sqrt(1 - h2), (n, traits))
    z2 = np.square(expression @ trait) / n
    # 1 + n h2 phi where the trait's variance is 1, as it is on average.
    assert z2.mean() == pytest.approx(1 - h2 + h2 * (np.square(expression @ standard / n).sum() * n / m), rel=0.1)
    assert (z2.mean() - 1) / (n * h2) == pytest.approx(phi, rel=0.15)


def test_z_is_calibrated_by_phi_as_metaxcan_does(case: Case, tmp_path: Path) -> None:
    exported(case, tmp_path / "own", "--phi", "--phi-variants", 1_000)
    files = ["--gwas", case.folder / "gwas.tsv", "--covariance", tmp_path / "own" / "liver.txt.gz", *fasta(case)]
    words = ["summary", tmp_path / "own" / "liver.db", *files]
    done(*words, "-o", tmp_path / "plain.tsv")
    done(*words, "--gwas-n", 20_000, "--gwas-h2", 0.4, "-o", tmp_path / "calibrated.tsv")
    plain, calibrated = (
        pd.read_csv(tmp_path / f"{name}.tsv", sep="\t").set_index("gene") for name in ("plain", "calibrated")
    )
    phi = dict(sqlite3.connect(tmp_path / "own" / "liver.db").execute("SELECT gene, phi FROM extra").fetchall())
    for gene, row in calibrated.iterrows():
        assert row["uncalibrated_zscore"] == pytest.approx(plain.loc[gene, "zscore"])
        expected = plain.loc[gene, "zscore"] / np.sqrt(1 + max(phi[str(gene)], 0) * 20_000 * 0.4)
        assert row["zscore"] == pytest.approx(expected, rel=1e-5)
