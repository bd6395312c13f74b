"""``variantformer heritability``: genes whose heritability is known, and what it refuses."""

import io
import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command_line import run
from genome_files import record, write_vcf
from page_blocks import DOCS, assert_as_shown, everything, shown_blocks, texts

from variantformer_hf.data.cis_dosages import cis_dosages
from variantformer_hf.evaluation.heritability import cis_heritability, cis_kinship
from variantformer_hf.genome.dosages import read_dosages
from variantformer_hf.genome.genes import Gene

PEOPLE = [f"D{number:03d}" for number in range(120)]
LENGTH, SPACING, RADIUS = 40_000, 250, 1_000
CALLS = ("0|0", "0|1", "1|1")


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SNPs of 120 people, and expression of G1 (of its SNPs) and G2 (of none) in two tissues."""
    folder = tmp_path_factory.mktemp("cohort")
    rng = np.random.default_rng(0)
    places = range(100, LENGTH, SPACING)
    dosages = rng.binomial(2, rng.uniform(0.1, 0.5, len(places)), (len(PEOPLE), len(places)))
    dosages[0, 3], missing = 0, (0, 3)
    lines = [
        record(
            place, "A", "C", *("./." if (row, column) == missing else CALLS[copies] for row, copies in enumerate(of))
        )
        for column, (place, of) in enumerate(zip(places, dosages.T, strict=True))
    ]
    lines.insert(1, record(200, "AT", "A", *["0|1"] * len(PEOPLE)))
    write_vcf(folder / "people.vcf.gz", lines, contigs={"chr1": LENGTH}, samples=PEOPLE)
    (folder / "genes.csv").write_text(
        "gene_id,gene_name,chromosome,start,end,strand\nENSG01.1,G1,chr1,1000,3000,+\nENSG02.1,G2,chr1,20000,22000,-\n"
        "ENSG03.1,G3,chr7,5,90,+\nENSG04.1,G4,chr1,39000,39010,+\n"
    )
    near = [column for column, place in enumerate(places) if 0 <= place - 1 < 3_000 + RADIUS]
    known = dosages[:, near].astype(float)
    genetic = ((known - known.mean(axis=0)) / known.std(axis=0)) @ rng.standard_normal(len(near))
    age = rng.standard_normal(len(PEOPLE))
    signal = {"ENSG01.1": 0.9 * genetic / genetic.std(), "ENSG02.1": 0 * genetic, "ENSG03.1": 0 * genetic}
    rows = [
        (person, gene, tissue, np.expm1(3 + 0.2 * (of[row] + 0.4 * rng.standard_normal() + 2 * age[row])))
        for tissue in ("liver", "lung")
        for gene, of in signal.items()
        for row, person in enumerate(PEOPLE)
        if tissue == "liver" or row < 20
    ]
    table = pd.DataFrame(rows, columns=["donor", "gene_id", "tissue", "tpm"])
    table.to_csv(folder / "expression.csv", index=False)
    covariates = pd.DataFrame({"donor": [*PEOPLE[:-1], "OTHER"], "age": age, "sex": rng.integers(0, 2, len(PEOPLE))})
    covariates.assign(city="Ulm").to_csv(folder / "covariates.tsv", sep="\t", index=False)
    np.save(folder / "dosages.npy", np.where(np.arange(dosages.size).reshape(dosages.shape) == 3, -1, dosages)[:, near])
    return folder


def asked(cohort: Path, output: Path, changed: Mapping[str, object] | None = None) -> list[object]:
    """The command, some of its options changed or added."""
    options: dict[str, object] = {
        "--vcf": cohort / "people.vcf.gz",
        "--expression": cohort / "expression.csv",
        "--genes": cohort / "genes.csv",
        "--covariates": cohort / "covariates.tsv",
        "--covariate": "age",
        "--radius": RADIUS,
        "--output": output,
    }
    return ["heritability", *(word for option in (options | dict(changed or {})).items() for word in option)]


def test_it_finds_the_gene_that_is_inherited(cohort: Path, tmp_path: Path) -> None:
    said = run(*asked(cohort, tmp_path / "h2.tsv"), "--covariate", "sex")
    assert said.returncode == 0, said.stderr
    table = pd.read_csv(tmp_path / "h2.tsv", sep="\t").set_index(["gene_name", "tissue"])
    assert table["status"].to_dict() == {
        ("G1", "liver"): "ok",
        ("G1", "lung"): "few_donors",
        ("G2", "liver"): "ok",
        ("G2", "lung"): "few_donors",
        ("G3", "liver"): "no_variants",
        ("G3", "lung"): "no_variants",
    }
    one, two = table.loc[("G1", "liver")], table.loc[("G2", "liver")]
    assert one["p"] < 1e-6 < 0.01 < two["p"]
    assert one["h2"] > 0.5 > 0.2 > two["h2"]
    assert one["ceiling"] == pytest.approx(np.sqrt(one["h2"]))
    expression = pd.read_csv(cohort / "expression.csv").query("gene_id == 'ENSG01.1' and tissue == 'liver'")
    covariates = pd.read_csv(cohort / "covariates.tsv", sep="\t")[["age", "sex"]].to_numpy()[:-1]
    dosages = np.load(cohort / "dosages.npy")[:-1].astype(np.int8)
    expected = cis_heritability(cis_kinship(dosages)[0], np.log1p(expression["tpm"].to_numpy())[:-1], covariates)
    names = {"h2": "reml", "h2_se": "reml_se", "p": "reml_p", "h2_he": "he", "h2_he_se": "he_se"}
    for column, name in names.items():
        assert one[column] == pytest.approx(getattr(expected, name), rel=1e-3)
    assert (one["n"], one["n_variants"]) == (119, dosages.shape[1])
    report = json.loads((tmp_path / "h2.tsv.report.json").read_text())
    counts = report["counts"]
    assert (report["unit"], counts["genes"], counts["people"], counts["covariates"]) == ("log1p_tpm", 3, 119, 2)
    assert counts["left_out"]["samples of people without covariates"] == 1
    assert counts["records_left_out"] == {"genes without a contig": 1, "not_snp": 1}


def test_what_cannot_be_estimated_is_refused_and_nothing_is_written(cohort: Path, tmp_path: Path) -> None:
    people = tmp_path / "people.csv"
    people.write_text("donor,sample\n" + "".join(f"{name},X{name}\n" for name in PEOPLE))
    twice = tmp_path / "twice.tsv"
    twice.write_text("donor\tage\nD001\t1\nD001\t2\n")
    others = tmp_path / "genes.csv"
    others.write_text("gene_id,gene_name,chromosome,start,end,strand\nENSG09,G9,chr1,1000,3000,+\n")
    cases: list[tuple[dict[str, object], str]] = [
        ({"--covariate": "city"}, "row 2: city is 'Ulm', no number. Give numbers, or name the columns to take"),
        ({"--covariate": "height"}, "has no column height"),
        ({"--covariates": twice}, "D001: is there twice. Give each person one row"),
        ({"--samples": people}, "0 people have expression, genotypes and covariates: the expression has XD000"),
        ({"--gene": "G4"}, "the expression has no G4"),
        ({"--genes": others}, "the expression has none of its genes, such as ENSG09"),
        ({"--min-maf": 0.7}, "--min-maf is 0.7"),
        ({"--expression": tmp_path / "no.csv"}, "no such file"),
    ]
    for changed, text in cases:
        said = run(*asked(cohort, tmp_path / "h2.tsv", changed))
        assert (said.returncode, text in said.stderr) == (1, True), said.stderr
        assert not [*tmp_path.glob("h2*")]


def test_genes_that_are_read_together_have_the_snps_that_each_has_alone(cohort: Path) -> None:
    starts = [(8_000, 9_000), (1_000, 3_000), (2_000, 2_500), (38_000, 60_000)]
    genes = [Gene(f"G{row}", f"G{row}", "chr1", start, end, "+") for row, (start, end) in enumerate(starts)]
    vcf, people = cohort / "people.vcf.gz", PEOPLE[5:0:-1]
    ((together, _),) = cis_dosages(vcf, people, genes, RADIUS)
    assert [gene.gene_id for gene, _ in together] == ["G1", "G2", "G0", "G3"]
    for gene, dosages in together:
        alone = read_dosages(vcf, ("chr1", max(0, gene.start - RADIUS), gene.end + RADIUS), people)
        np.testing.assert_array_equal(dosages, alone.values)
        assert dosages.shape[1] > 5


def test_the_page_does_what_it_says(cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(cohort, tmp_path / "files")
    monkeypatch.chdir(tmp_path / "files")
    page = (DOCS / "heritability.md").read_text()
    (block,) = shown_blocks(page)
    _, table = texts(page)
    assert_as_shown(everything(block.run()), block.shown)
    expected = pd.read_csv(io.StringIO(table), sep=r"\s+")
    pd.testing.assert_frame_equal(pd.read_csv("h2.tsv", sep="\t"), expected, rtol=2e-2, atol=1e-3)


def test_evaluate_sets_correlations_beside_their_ceiling(cohort: Path, tmp_path: Path) -> None:
    """The prediction of G1 is its expression with noise, and there is no heritability of G3."""
    said = run(*asked(cohort, tmp_path / "h2.parquet"))
    assert said.returncode == 0, said.stderr
    table = pd.read_csv(cohort / "expression.csv").query("tissue == 'liver'")
    noise = np.random.default_rng(1).standard_normal(len(table))
    table = table.rename(columns={"donor": "sample"}).assign(log1p_tpm=np.log1p(table["tpm"]) + 0.3 * noise)
    table.drop(columns="tpm").to_csv(tmp_path / "predicted.csv", index=False)
    people = tmp_path / "people.csv"
    people.write_text("donor\n" + "\n".join(PEOPLE) + "\n")
    command = ["evaluate", "predictions", "--predictions", f"M={tmp_path / 'predicted.csv'}", "--no-map"]
    command += ["--expression", cohort / "expression.csv", "--samples", people, "--output", tmp_path / "report"]
    said = run(*command, "--heritability", tmp_path / "h2.parquet")
    assert said.returncode == 0, said.stderr
    within = pd.read_parquet(tmp_path / "report/within_tissue.parquet").set_index("gene_id")
    h2 = pd.read_parquet(tmp_path / "h2.parquet").query("status == 'ok'").set_index("gene_name")["h2"]
    assert within["h2"].to_dict() == pytest.approx(
        {"ENSG01": h2["G1"], "ENSG02": h2["G2"], "ENSG03": np.nan}, nan_ok=True, abs=1e-6
    )
    ceiling = pd.read_parquet(tmp_path / "report/within_tissue_ceiling.parquet")
    assert ceiling["tissue"].tolist() == ["all", "liver"]
    both = within.loc[["ENSG01", "ENSG02"]]
    assert ceiling["n"].tolist() == [2, 2]
    assert ceiling["share"][0] == pytest.approx(both["pearson"].mean() / both["ceiling"].mean(), abs=1e-6)
    assert "within_tissue_ceiling" in (tmp_path / "report/report.html").read_text()
    bad = tmp_path / "bad.tsv"
    for text, problem in (
        ("gene_id\ttissue\th2\nA\tliver\t1.5\n", "A, liver: h2 is 1.5. Give h2 from 0 to 1"),
        ("gene_id\ttissue\th2\nA.1\tliver\t0.5\nA.2\tliver\t0.4\n", "A, liver: is there twice"),
        ("gene_id\ttissue\th2\nA\tliver\tNA\n", "has no h2"),
        ("gene_id\ttissue\nA\tliver\n", "has no column h2"),
    ):
        bad.write_text(text)
        said = run(*command[:-1], tmp_path / "other", "--heritability", bad)
        assert (said.returncode, problem in said.stderr) == (1, True), said.stderr
        assert not (tmp_path / "other").exists()
