"""``variantformer report``: a table in, one page out, and what is refused."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command_line import Finished, run
from report_case import GENES, TISSUES, VALUES, match_report, predictions, write_case

from variantformer_hf.applications.risk.forest_folder import RESEARCH_USE

Paths = dict[str, Path]


@pytest.fixture
def case(tmp_path: Path) -> Paths:
    return write_case(tmp_path)


def report(path: Path, *options: object) -> Finished:
    return run("report", path, "-o", path.with_name("page.html"), *options)


def page_of(path: Path, *options: object) -> str:
    done = report(path, *options)
    assert done.returncode == 0, done.stderr
    return path.with_name("page.html").read_text()


def plain(page: str) -> str:
    """What is read, without marks."""
    return " ".join(re.sub(r"<[^>]*>", " ", page).split())


def test_the_page_shows_all_that_is_given(case: Paths) -> None:
    options = [item for name in ("reference", "effects", "risk") for item in (f"--{name}", case[name])]
    done = report(case["predictions"], *options, "--gene", "LDLR", "--gene", "ENSG00000000001")
    assert (done.returncode, done.stderr) == (0, "P1: 4 gene(s) x 5 tissue(s)\n")
    page = Path(done.stdout.strip()).read_text()
    text = plain(page)
    for said in (
        "Predicted expression of P1",
        "Of 1,234 records of P1 that were read, 567 lie where the model looks, and 432 of these changed a sequence.",
        "low_gq 135",
        "6 of 20 predictions have no number; they are hatched, and never 0.",
        "14 of 20 predictions have both numbers, and 2 of these differ.",
        "APOE liver 0.5 1.5 1 ok",
        "-0.25 1e-07 0.25 ok",
        "LDLR all_skipped missing_genotype 5",
        "chr1:1000:A&gt;G",
        "token_shift 1 changes the number of tokens",
        "conflict",
        "Without a number: 1 conflict.",
        "effect (log1p TPM)",
        "APOE liver 0.9 0.5 ok trained_on",
        "made &lt;model&gt;",
        "Asked for, and not predicted: NOGENE.",
    ):
        assert said in text, said
    assert RESEARCH_USE.replace("'", "&#x27;") in page
    assert "P2" not in text
    assert page.count('class="row"') == 2 * 4
    assert re.findall(r"<h3>(.*?)</h3>", page) == ["LDLR", "APOE"]


def test_what_is_not_given_is_not_shown(case: Paths) -> None:
    case["predictions"].with_name("predictions.parquet.report.json").unlink()
    page = page_of(case["predictions"])
    titles = re.findall(r"<h2>(.*?)</h2>", page)
    assert [title.split()[0] for title in titles] == ["What", "Statuses", "Expression", "Chosen", "How"]
    assert "what of the person&#x27;s file was used, is not known" in page


def test_it_is_one_file_that_asks_for_nothing(case: Paths) -> None:
    page = page_of(case["predictions"], "--reference", case["reference"])
    assert not re.findall(r'(?:src|href)="(?!#)', page)
    assert not re.findall(r"url\((?!#)|@import|<link|<img|<iframe", page)
    assert "default-src 'none'" in page
    assert page.count("<script>") == 1
    assert "alert(1)" in page and "<script>alert" not in page


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".csv.gz"])
def test_texts_are_read_as_parquet(case: Paths, suffix: str) -> None:
    path = case["predictions"].with_name(f"text{suffix}")
    predictions().to_csv(path, index=False, sep="\t" if suffix == ".tsv" else ",", na_rep="NA")
    text = plain(page_of(path))
    assert "6 of 20 predictions have no number" in text and "all_skipped 5" in text


def test_tables_of_other_programs_say_what_their_values_are(case: Paths) -> None:
    own = predictions().rename(columns={"log1p_tpm": "mine"}).drop(columns=["tpm", "status", "reason"])
    own.to_csv(case["predictions"].with_name("own.csv"), index=False)
    path = case["predictions"].with_name("own.csv")
    assert "does not say what its column mine is" in report(path, "--value", "mine").stderr
    page = page_of(path, "--value", "mine", "--unit", "inverse_normal")
    assert "APOE, lung: 2.25 inverse-normal expression" in page
    assert "scale of a microarray" not in page


@pytest.mark.parametrize("layout", ["dataset", pytest.param("zarr", marks=pytest.mark.slow)])
def test_a_dataset_of_any_layout_is_read(demo: Path, tmp_path: Path, layout: str) -> None:
    given = [demo / "model", "--fasta", demo / "genome.fa", "--vcf", demo / "person.vcf.gz"]
    done = run("predict", *given, "-o", tmp_path / "people", "--format", layout)
    assert done.returncode == 0, done.stderr
    text = plain(page_of(tmp_path / "people"))
    one = pd.read_parquet(demo / "predictions.parquet").set_index(["gene_name", "tissue"])["log1p_tpm"]
    assert "Of 932 records of person that were read, 259 lie where the model looks, and 259 of these changed" in text
    assert f"DEMO1, liver: {one['DEMO1', 'liver']:.4g} log1p TPM" in text
    assert "has no sample 'nobody'" in report(tmp_path / "people", "--sample", "nobody", "--overwrite").stderr


def test_many_genes_are_a_hundred_and_it_says_so(tmp_path: Path) -> None:
    n = 250
    rows = pd.DataFrame(
        {
            "sample": "P1",
            "gene_id": np.repeat([f"ENSG{number:011d}.1" for number in range(n)], 2),
            "gene_name": np.repeat([f"G{number}" for number in range(n)], 2),
            "tissue": ["liver", "lung"] * n,
            "log1p_tpm": np.column_stack([np.zeros(n), np.arange(n) / 100]).ravel(),
            "status": "ok",
        }
    )
    rows.to_parquet(tmp_path / "many.parquet")
    page = page_of(tmp_path / "many.parquet")
    assert "100 of 250 genes in 2 tissues, those that differ most between tissues" in page
    assert "all rows are in many.parquet" in page
    shown = set(re.findall(r"<title>(G\d+), liver", page))
    assert shown == {f"G{number}" for number in range(150, 250)}


def test_genes_without_a_number_are_not_those_that_differ_most(tmp_path: Path) -> None:
    n = 150
    values = np.full((n, 2), np.nan)
    values[7], values[9] = (0.0, 1.0), (0.0, 2.0)
    pd.DataFrame(
        {
            "sample": "P1",
            "gene_id": np.repeat([f"G{number}" for number in range(n)], 2),
            "tissue": ["liver", "lung"] * n,
            "log1p_tpm": values.ravel(),
            "status": np.where(np.isnan(values.ravel()), "not_in_vcf", "ok"),
        }
    ).to_parquet(tmp_path / "few.parquet")
    page = page_of(tmp_path / "few.parquet")
    assert "2 of 150 genes in 2 tissues" in page
    assert re.findall(r"<h3>(.*?)</h3>", page) == ["G9", "G7"]
    assert "The first 40 of 148 rows." in page and "296 of 300 predictions have no number" in page


def test_a_person_of_several_is_named(case: Paths) -> None:
    both = pd.concat([predictions(), predictions(VALUES + 1, "P2")])
    both.to_parquet(case["predictions"])
    done = report(case["predictions"])
    assert done.returncode == 1 and "holds 2 people: P1, P2. Name one with --sample." in done.stderr
    page = page_of(case["predictions"], "--sample", "P2")
    assert "Predicted expression of P2" in page and "APOE, liver: 2.5 log1p TPM" in page
    assert "does not name this person" in page
    assert "has no sample &#x27;P3&#x27;" not in report(case["predictions"], "--sample", "P3").stderr
    assert "has no sample 'P3'" in report(case["predictions"], "--sample", "P3", "--overwrite").stderr


def foreign(path: Path) -> None:
    pd.DataFrame({"a": [1], "b": ["x"]}).to_parquet(path)


def without_rows(path: Path) -> None:
    predictions().head(0).to_parquet(path)


def without_values(path: Path) -> None:
    predictions().drop(columns=["log1p_tpm", "tpm"]).to_parquet(path)


def twice(path: Path) -> None:
    pd.concat([predictions(), predictions().head(1)]).to_parquet(path)


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (foreign, "has no column sample, gene_id, tissue; it has a, b"),
        (lambda path: path.write_text(""), "has no column sample, gene_id, tissue; it has none"),
        (lambda path: path.write_bytes(b""), "has no column sample, gene_id, tissue; it has none"),
        (lambda path: path.write_text("gene_id,tissue\nG,liver\n"), "has no column sample; it has gene_id, tissue"),
        (without_rows, "holds no row"),
        (without_values, "has no column of values"),
        (twice, "ENSG00000000001.1, liver: is there twice"),
        (lambda path: path.write_bytes(b"PAR1 and no more"), "is not a Parquet file, or is cut off or damaged"),
        (lambda path: path.write_text("##fileformat=VCFv4.2\n"), "is a VCF, and no table of predictions"),
        (lambda path: path.unlink(), "no such file"),
    ],
)
def test_a_table_that_is_none_is_one_sentence(case: Paths, write: Callable[[Path], object], said: str) -> None:
    write(case["predictions"])
    done = report(case["predictions"])
    assert done.returncode == 1
    assert f"{case['predictions']}: {said}" in done.stderr and done.stderr.count("\n") == 1
    assert not case["predictions"].with_name("page.html").exists()


@pytest.mark.parametrize(
    ("name", "column", "said"),
    [("effects", "flags", "has no column flags"), ("risk", "probability", "has no column probability")],
)
def test_a_foreign_table_beside_it_is_refused(case: Paths, name: str, column: str, said: str) -> None:
    pd.read_parquet(case[name]).drop(columns=column).to_parquet(case[name])
    done = report(case["predictions"], f"--{name}", case[name])
    assert done.returncode == 1 and f"{case[name]}: {said}" in done.stderr


def test_effects_in_another_genome_are_shown_as_such(case: Paths) -> None:
    assert "None of these rows is of" not in page_of(case["predictions"], "--effects", case["effects"])
    pd.read_parquet(case["effects"]).assign(sample="<P2>").to_parquet(case["effects"])
    page = page_of(case["predictions"], "--effects", case["effects"], "--overwrite")
    assert "None of these rows is of P1: they are of &lt;P2&gt;." in page


def test_the_reference_genome_itself_is_a_page(case: Paths) -> None:
    said = match_report("reference", inputs={"fasta": {}})
    said["samples"] = {"reference": {}}
    case["reference"].with_name("reference.parquet.report.json").write_text(json.dumps(said))
    text = plain(page_of(case["reference"]))
    assert "No file of a person was read: this is the reference genome." in text
    assert "does not name this person" not in text


def test_a_reference_of_another_model_unit_or_genes_is_refused(case: Paths) -> None:
    given = report(case["predictions"], "--reference", case["reference"])
    assert given.returncode == 0
    beside = case["reference"].with_name("reference.parquet.report.json")
    beside.write_text(json.dumps(match_report("reference", model={"name": "other", "sha256": "00" * 32})))
    done = report(case["predictions"], "--reference", case["reference"], "--overwrite")
    assert done.returncode == 1 and "is of another model: made <model> (abababab) and other (00000000)" in done.stderr
    beside.unlink()
    renamed = predictions(VALUES, "reference").replace({"gene_id": dict(zip(GENES, "ABCD", strict=True))})
    renamed.to_parquet(case["reference"])
    done = report(case["predictions"], "--reference", case["reference"], "--overwrite")
    assert "has no gene and tissue of the person's" in done.stderr
    predictions().rename(columns={"log1p_tpm": "x"}).to_parquet(case["reference"])
    done = report(case["predictions"], "--reference", case["reference"], "--overwrite")
    assert "is in TPM, and the person in log1p TPM" in done.stderr
    assert TISSUES[0] in case["predictions"].with_name("page.html").read_text()  # the first page stays


def test_the_first_gene_is_drawn_as_a_figure_too(case: Paths) -> None:
    figure = case["predictions"].with_name("body.svg")
    done = report(case["predictions"], "--gene", "LDLR", "--gene", "APOE", "--anatomogram", figure)
    assert done.returncode == 0 and done.stdout.splitlines()[1] == str(figure)
    text = figure.read_text()
    assert "LDLR of P1 in the body" in text and "K562: no number" in text
    bad = report(case["predictions"], "--anatomogram", figure.with_suffix(".gif"), "--overwrite")
    assert bad.returncode == 1 and "is no image" in bad.stderr


def test_twenty_genes_are_less_than_five_megabytes_and_more_are_refused(tmp_path: Path) -> None:
    from variantformer_hf.zoo.outputs import RELEASED_TISSUES

    tissues = [name for name in RELEASED_TISSUES if name]
    rng = np.random.default_rng(1)
    for name, sample in (("p", "P1"), ("r", "reference")):
        pd.DataFrame(
            {
                "sample": sample,
                "gene_id": np.repeat([f"ENSG{number:011d}.1" for number in range(120)], len(tissues)),
                "gene_name": np.repeat([f"GENE{number}" for number in range(120)], len(tissues)),
                "tissue": tissues * 120,
                "log1p_tpm": rng.normal(size=120 * len(tissues)),
                "status": "ok",
            }
        ).to_parquet(tmp_path / f"{name}.parquet")
    chosen = [item for number in range(20) for item in ("--gene", f"GENE{number}")]
    page = page_of(tmp_path / "p.parquet", "--reference", tmp_path / "r.parquet", *chosen)
    assert page.count('<figure class="body">') == 20
    assert len(page.encode()) < 5_000_000
    done = report(tmp_path / "p.parquet", *chosen, "--gene", "GENE20", "--overwrite")
    assert done.returncode == 1 and "--gene is 21. It must be from 0 to 20." in done.stderr


def test_unknown_genes_and_other_suffixes_are_refused(case: Paths) -> None:
    done = report(case["predictions"], "--gene", "NOGENE")
    assert done.returncode == 3 and "NOGENE" in done.stderr
    assert "End the name in .html" in run("report", case["predictions"], "-o", "page.pdf").stderr
    case["predictions"].with_name("predictions.parquet.report.json").write_text("{")
    assert "is no match report" in report(case["predictions"]).stderr


def test_the_released_table_of_a_person_is_a_page_of_two_megabytes(shared: Path, tmp_path: Path) -> None:
    path = shared / "examples/HG00096_vcf2exp_predictions.parquet"
    done = run("report", path, "-o", tmp_path / "page.html", "--gene", "APOE")
    assert done.returncode == 0, done.stderr
    assert "HG00096: 17,859 gene(s) x 63 tissue(s)" in done.stderr
    page = (tmp_path / "page.html").read_text()
    assert "100 of 17,859 genes in 63 tissues" in page and "Caki2" in page
    assert page.count('class="row"') == 100
    assert len(page) < 2_000_000
