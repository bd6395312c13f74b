"""The command line as users meet it: on the demo's files, with good and with bad input."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pysam
import pytest
from command_line import run
from forked_processes import Forked
from safetensors.numpy import load_file, save_file

import variantformer_hf
from variantformer_hf.training import stages
from variantformer_hf.zoo import families
from variantformer_hf.zoo.companions import write_companions


@pytest.fixture
def predict(demo: Path):  # type: ignore[no-untyped-def]
    """``variantformer predict`` on the demo's model and FASTA, with further arguments."""
    return lambda *arguments: run("predict", demo / "model", "--fasta", demo / "genome.fa", *arguments)


def test_demo_writes_model_table_and_plot_and_the_same_again(tmp_path: Path) -> None:
    """In a process of its own, whose hashes of strings are others; then in this one."""
    (tmp_path / "script.py").write_text("from variantformer_hf.cli import main\nmain()\n")
    words = [tmp_path / "script.py", "demo", "--output", tmp_path / "demo"]
    process = Forked(words, tmp_path / "said", COLUMNS="200")
    assert process.wait() == 0, process.said
    assert "random weights" in process.said
    assert "DEMO1" in process.said
    tmp_path /= "demo"
    table = pd.read_parquet(tmp_path / "predictions.parquet")
    assert len(table) == 6 * 4
    assert table["log1p_tpm"].dtype == np.float32
    assert table["log1p_tpm"].between(0, 20).all()
    assert table["log1p_tpm"].nunique() == len(table)
    assert (tmp_path / "person_minus_reference.png").read_bytes().startswith(b"\x89PNG")
    names = ("genome.fa", "genes.csv", "cres.bed", "model/model.safetensors", "model/tokenizer.json")
    written, genotypes = {name: (tmp_path / name).read_bytes() for name in names}, records(tmp_path)
    again = run("demo", "--output", tmp_path)
    assert (again.returncode, again.stderr) == (0, "")
    assert again.stdout == process.said
    for name, content in written.items():
        assert (tmp_path / name).read_bytes() == content, name
    assert records(tmp_path) == genotypes
    modes = {path.stat().st_mode & 0o777 for path in tmp_path.rglob("*") if path.is_file()}
    assert len(modes) == 1


def records(demo: Path) -> list[str]:
    with pysam.VariantFile(str(demo / "person.vcf.gz")) as file:
        return [str(record) for record in file]


def test_demo_asks_for_its_extras_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    finished = run("demo", "--output", tmp_path / "demo")
    assert finished.returncode == 1
    assert "pip install 'variantformer-hf[plots]'" in finished.stderr
    assert not (tmp_path / "demo").exists()


def test_predict_writes_table_report_and_embeddings(demo: Path, predict, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    out, embeddings = tmp_path / "out.parquet", tmp_path / "emb.safetensors"
    finished = predict(
        "--vcf",
        demo / "person.vcf.gz",
        "--gene",
        "DEMO2",
        "--gene",
        "ENSG00000000001",
        "--tissue",
        "Whole_Blood",
        "--tissue",
        "Brain - Cortex",
        "-o",
        out,
        "--embeddings",
        embeddings,
    )
    assert finished.returncode == 0, finished.stderr
    table = pd.read_parquet(out)
    assert list(table.columns) == ["sample", "gene_id", "gene_name", "tissue", "log1p_tpm", "tpm", "status", "reason"]
    assert list(table["gene_name"]) == ["DEMO2", "DEMO2", "DEMO1", "DEMO1"]
    assert list(table["tissue"]) == ["whole blood", "brain - cortex"] * 2
    np.testing.assert_allclose(table["tpm"], np.expm1(table["log1p_tpm"]), rtol=1e-6)
    assert load_file(embeddings)["embedding"].shape == (4, 48)
    report = json.loads((tmp_path / "out.parquet.report.json").read_text())
    chr1 = report["samples"]["person"]["contigs"]["chr1"]
    assert chr1["records_read"] >= chr1["in_windows"] == chr1["applied"] + sum(chr1["skipped"].values())
    assert chr1["applied"] > 0
    assert report["model"]["sha256"]
    assert set(report["inputs"]) == {"fasta", "vcf", "formats"}
    assert report["settings"]["precision"] == "float32"


def test_without_vcf_the_sample_is_called_reference(predict, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    assert predict("--gene", "DEMO1", "-o", tmp_path / "out.csv").returncode == 0
    table = pd.read_csv(tmp_path / "out.csv")
    assert set(table["sample"]) == {"reference"}
    assert len(table) == 4


def test_unknown_names_stop_the_run_with_suggestions(predict, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    finished = predict("--gene", "DEMO11", "--tissue", "livr", "-o", tmp_path / "out.parquet")
    assert finished.returncode == 3
    assert "DEMO1" in finished.stderr
    assert "liver" in finished.stderr
    assert list(tmp_path.iterdir()) == []


def test_skip_invalid_goes_on_and_lists_the_rejected(predict, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    finished = predict("--gene", "DEMO1", "--gene", "nonsense", "--skip-invalid", "-o", tmp_path / "out.parquet")
    assert finished.returncode == 0, finished.stderr
    rejected = pd.read_csv(tmp_path / "out.parquet.rejected.tsv", sep="\t")
    assert list(rejected["name"]) == ["nonsense"]
    assert set(pd.read_parquet(tmp_path / "out.parquet")["gene_name"]) == {"DEMO1"}


def test_nothing_left_after_skipping_is_an_error(predict, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    finished = predict("--gene", "nonsense", "--skip-invalid", "-o", tmp_path / "out.parquet")
    assert finished.returncode == 1
    assert "no gene is left" in finished.stderr


def test_an_existing_output_is_kept(predict, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "out.parquet").write_text("kept")
    finished = predict("--gene", "DEMO1", "-o", tmp_path / "out.parquet")
    assert finished.returncode == 1
    assert "already exists" in finished.stderr
    assert (tmp_path / "out.parquet").read_text() == "kept"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--vcf", "{none}.vcf.gz"], "none.vcf.gz"),
        (["--sample", "S1"], "without a VCF"),
        (["--vcf", "{person}", "--sample", "nobody"], "nobody"),
        (["--genes-file", "{none}.txt"], "none.txt"),
        (["--device", "tpu"], "no device 'tpu'"),
    ],
)
def test_bad_input_is_one_line_and_no_output(
    demo: Path,
    predict,
    tmp_path: Path,
    arguments: list[str],
    message: str,  # type: ignore[no-untyped-def]
) -> None:
    filled = [a.format(none=tmp_path / "none", person=demo / "person.vcf.gz") for a in arguments]
    finished = predict(*filled, "-o", tmp_path / "out.parquet")
    assert finished.returncode == 1
    assert message in finished.stderr
    assert "Traceback" not in finished.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_no_model(demo: Path, tmp_path: Path) -> None:
    finished = run("predict", tmp_path, "--fasta", demo / "genome.fa", "-o", tmp_path / "out.parquet")
    assert finished.returncode == 1
    assert "config.json" in finished.stderr
    assert "Traceback" not in finished.stderr


def test_version_and_help() -> None:
    assert run("--version").stdout.strip() == f"variantformer-hf {variantformer_hf.__version__}"
    as_module = subprocess.run(
        [sys.executable, "-m", "variantformer_hf", "--version"], capture_output=True, text=True, check=True
    )
    assert as_module.stdout == run("--version").stdout
    for command in ("predict", "doctor", "convert", "demo"):
        assert run(command, "--help").returncode == 0


def test_doctor_finds_nothing_wrong_with_the_demo(demo: Path) -> None:
    finished = run("doctor", "--fasta", demo / "genome.fa", "--vcf", demo / "person.vcf.gz", "--model", demo / "model")
    assert finished.returncode == 0, finished.stdout
    assert "problem" not in finished.stdout


def test_doctor_names_remedies(demo: Path, tmp_path: Path) -> None:
    bare = tmp_path / "person.vcf.gz"
    bare.write_bytes((demo / "person.vcf.gz").read_bytes())
    finished = run("doctor", "--fasta", demo / "genome.fa", "--vcf", bare)
    assert finished.returncode == 1
    assert "tabix" in finished.stdout


def test_precompute_and_ingest_are_found_by_predict(
    demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VARIANTFORMER_CACHE", str(tmp_path / "cache"))
    vcf = demo / "person.vcf.gz"
    made = run("precompute", demo / "model", "--fasta", demo / "genome.fa")
    assert made.returncode == 0, made.stderr
    assert Path(made.stdout.strip()).parent == tmp_path / "cache" / "elements"
    assert "cCREs" in made.stderr
    assert " 0 encoded now" in run("precompute", demo / "model", "--fasta", demo / "genome.fa").stderr
    kept = run("ingest", vcf)
    assert kept.returncode == 0, kept.stderr
    assert Path(kept.stdout.strip()).is_dir()
    assert "there already" in run("ingest", vcf).stderr
    output = tmp_path / "out.parquet"
    done = run("--verbose", "predict", demo / "model", "--fasta", demo / "genome.fa", "--vcf", vcf, "--output", output)
    assert done.returncode == 0, done.stderr
    expected = pd.read_parquet(demo / "predictions.parquet")
    found = pd.read_parquet(output)
    keys = ["sample", "gene_id", "tissue"]
    both = expected.merge(found, on=keys, suffixes=("", "_found"))
    assert len(both) == len(expected)
    np.testing.assert_allclose(both["log1p_tpm_found"], both["log1p_tpm"], atol=2e-5, rtol=0)
    assert not list(tmp_path.glob("out.parquet.parts*"))


def test_a_plan_is_said_and_nothing_is_written(demo: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.parquet"
    arguments = ["--fasta", demo / "genome.fa", "--vcf", demo / "person.vcf.gz", "--output", output, "--plan"]
    planned = run("predict", demo / "model", *arguments)
    assert planned.returncode == 0, planned.stderr
    assert planned.stdout.startswith("6 genes x 1 people x ")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("of another precision", "another model"),
        ("no store", "cannot be used as a store"),
    ],
)
def test_a_store_that_cannot_be_used_is_one_line(demo: Path, tmp_path: Path, damage: str, message: str) -> None:
    store, precision = tmp_path / "store", "float32"
    if damage == "no store":
        store.mkdir()
        (store / "store.json").write_text("[")
    else:
        made = run("precompute", demo / "model", "--fasta", demo / "genome.fa", "--output", store)
        assert made.returncode == 0, made.stderr
        precision = "bfloat16"
    refused = run(
        "predict",
        demo / "model",
        "--fasta",
        demo / "genome.fa",
        "--output",
        tmp_path / "out.csv",
        "--store",
        store,
        "--precision",
        precision,
    )
    assert refused.returncode == 1
    assert message in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "out.csv").exists()


def test_ingest_refuses_what_is_no_vcf(tmp_path: Path) -> None:
    path = tmp_path / "person.vcf.gz"
    path.write_text("no VCF")
    for name in (path, tmp_path / "absent.vcf.gz"):
        refused = run("ingest", name)
        assert refused.returncode == 1
        assert name.name in refused.stderr
        assert len(refused.stderr.strip().splitlines()) == 1


def test_edit_writes_a_vcf_that_predict_reads(demo: Path, tmp_path: Path) -> None:
    with pysam.VariantFile(str(demo / "person.vcf.gz")) as file:
        first = next(iter(file))
        ref, alt = first.alleles[:2]
    edits = tmp_path / "edits.tsv"
    edits.write_text(
        f"chrom\tpos\tref\talt\tgenotype\n{first.chrom}\t{first.pos}\t{ref}\t{alt}\tabsent\nchr1\t1\tQ\tA\t\n"
    )
    inputs = ["--vcf", demo / "person.vcf.gz", "--fasta", demo / "genome.fa", "--edits", edits]
    finished = run("edit", *inputs, "--output", tmp_path / "out.vcf.gz")
    assert finished.returncode == 0, finished.stderr
    assert "1 of the person's replaced" in finished.stderr
    assert "1 of 2 rows rejected" in finished.stderr
    assert pd.read_csv(tmp_path / "out.vcf.gz.rejected.tsv", sep="\t").loc[0, "reason"].startswith("REF 'Q'")
    with (
        pysam.VariantFile(str(demo / "person.vcf.gz")) as before,
        pysam.VariantFile(str(tmp_path / "out.vcf.gz")) as after,
    ):
        assert len(list(before)) == len(list(after)) + 1
    again = run("edit", *inputs, "--output", tmp_path / "out.vcf.gz")
    assert again.returncode == 1
    assert "already exists" in again.stderr


@pytest.mark.parametrize(
    ("content", "message"),
    [("nothing here\n", "has no column chrom"), ("chr1:1:A>*\n", "no variant that can be used"), ("", "is empty")],
)
def test_edit_refuses(demo: Path, tmp_path: Path, content: str, message: str) -> None:
    edits = tmp_path / "edits.txt"
    edits.write_text(content)
    inputs = ["--vcf", demo / "person.vcf.gz", "--fasta", demo / "genome.fa", "--edits", edits]
    finished = run("edit", *inputs, "--output", tmp_path / "out.vcf.gz")
    assert finished.returncode == 1
    assert message in finished.stderr
    assert "Traceback" not in finished.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["edits.txt"]


@pytest.fixture(scope="module")
def variants_file(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten of the demo person's own variants, and one that cannot be used."""
    path = tmp_path_factory.mktemp("variants") / "variants.tsv"
    with pysam.VariantFile(str(demo / "person.vcf.gz")) as file:
        records = [each for each in file if each.chrom == "chr1"][::50][:10]
    rows = [f"{each.chrom}\t{each.pos}\t{each.ref}\t{each.alts[0]}\n" for each in records]
    path.write_text("chrom\tpos\tref\talt\n" + "".join(rows) + "chr1\t5\t*\tA\n")
    return path


def test_effects_from_a_table_to_every_layout(demo: Path, variants_file: Path, tmp_path: Path) -> None:
    inputs = [demo / "model", "--fasta", demo / "genome.fa", "--vcf", demo / "person.vcf.gz", "--tissue", "liver"]
    output = tmp_path / "effects.parquet"
    vectors = tmp_path / "vectors.safetensors"
    finished = run("effects", *inputs, "--variants", variants_file, "-o", output, "--embeddings", vectors)
    assert finished.returncode == 0, finished.stderr
    assert "1 of 11 rows rejected" in finished.stderr
    table = pd.read_parquet(output)
    assert set(table["background"]) == {"person"}
    assert len(table.drop_duplicates(["chrom", "pos", "ref", "alt"])) == 10
    assert len(load_file(vectors)["gene_alt"]) == len(table)
    assert len(pd.read_csv(f"{output}.rejected.tsv", sep="\t")) == 1
    report = json.loads(Path(f"{output}.report.json").read_text())
    assert report["counts"]["variants"] == 10
    assert report["counts"]["rows"]["rejected"] == {"alleles": 1}
    assert not Path(f"{output}.parts").exists()

    null = tmp_path / "null.parquet"
    panel = ["--panel", demo / "person.vcf.gz", "--gene", "DEMO1", "--per-class", 10]
    finished = run("null", *inputs, *panel, "-o", null)
    assert finished.returncode == 0, finished.stderr
    some, annotated = tmp_path / "some.vcf.gz", tmp_path / "annotated.vcf.gz"
    with (
        pysam.VariantFile(str(demo / "person.vcf.gz")) as file,
        pysam.VariantFile(str(some), "w", header=file.header) as part,
    ):
        for each in list(file)[::10]:
            part.write(each)
    finished = run(
        "effects",
        *inputs,
        "--variants",
        some,
        "--gene",
        "DEMO1",
        "--zygosity",
        "hom",
        "--format",
        "vcf",
        "-o",
        annotated,
        "--null",
        null,
    )
    assert finished.returncode == 0, finished.stderr
    with pysam.VariantFile(str(annotated)) as found, pysam.VariantFile(str(some)) as given:
        assert "ALLELE|GENE|TISSUE" in found.header.info["VFE"].description
        records = list(found)
        assert [(each.pos, each.alts) for each in records] == [(each.pos, each.alts) for each in given]
        assert len(records) > 50
        on_first = [each for each in records if each.chrom == "chr1"]
        entry = on_first[0].info["VFE"][0].split("|")
        assert entry[:3] == [on_first[0].alts[0], "DEMO1", "liver"]
        assert entry[5] == "hom"

    pytest.importorskip("anndata")
    import anndata

    layout = tmp_path / "effects.h5ad"
    finished = run("effects", *inputs, "--variants", variants_file, "--format", "h5ad", "-o", layout, "--null", null)
    assert finished.returncode == 0, finished.stderr
    data = anndata.read_h5ad(layout)
    of_liver = table[table["gene_id"].notna()]
    assert data.shape == (len(of_liver), 1)
    np.testing.assert_allclose(data.X[:, 0], of_liver["effect"], atol=1e-6)
    assert "quantile" in data.layers


def test_a_model_whose_numbers_overflow_is_told_at_the_end(demo: Path, variants_file: Path, tmp_path: Path) -> None:
    """Every weight is finite, what they make of a gene is not: all is written, as NaN, and the genes are named."""
    model = tmp_path / "model"
    shutil.copytree(demo / "model", model)
    weights = load_file(model / "model.safetensors")
    huge = {
        name: np.full_like(tensor, 1e38) if name.startswith("head.") else tensor for name, tensor in weights.items()
    }
    save_file(huge, model / "model.safetensors", metadata={"format": "pt"})
    write_companions(model)
    inputs = [model, "--fasta", demo / "genome.fa", "--vcf", demo / "person.vcf.gz", "--tissue", "liver"]
    genes = [f"DEMO{number}" for number in range(1, 7)]

    output = tmp_path / "out.parquet"
    finished = run("predict", *inputs, "-o", output)
    assert finished.returncode == 1
    assert f"NaN or infinite values for 6 genes: {', '.join(genes)}. They are NaN in the output" in finished.stderr
    table = pd.read_parquet(output)
    assert table["gene_name"].tolist() == genes
    assert set(table["status"]) == {"not_finite"}
    assert table[["log1p_tpm", "tpm"]].isna().all(axis=None)
    report = json.loads(Path(f"{output}.report.json").read_text())
    assert report["genes"]["status"] == {"not_finite": 6}

    output = tmp_path / "effects.parquet"
    vectors = tmp_path / "vectors.safetensors"
    finished = run("effects", *inputs, "--variants", variants_file, "-o", output, "--embeddings", vectors)
    assert finished.returncode == 1
    table = pd.read_parquet(output)
    named = table.loc[table["status"] == "not_finite", "gene_name"].unique()
    assert len(named)
    assert f"NaN or infinite values for {len(named)} genes: {', '.join(named)}. They are NaN" in finished.stderr
    assert table["effect"].isna().all()
    assert vectors.is_file()
    assert len(pd.read_csv(f"{output}.rejected.tsv", sep="\t")) == 1
    report = json.loads(Path(f"{output}.report.json").read_text())
    assert report["counts"]["pairs_by_status"]["not_finite"] == (table["status"] == "not_finite").sum() / 2
    assert not list(tmp_path.glob("*.parts"))


def test_effects_in_populations(demo: Path, variants_file: Path, tmp_path: Path) -> None:
    populations = tmp_path / "populations.yaml"
    populations.write_text(
        f"EUR: {{vcf: {demo / 'person.vcf.gz'}}}\nAFR: {{vcf: {demo / 'person.vcf.gz'}, snps_only: true}}\n"
    )
    given = pd.read_csv(variants_file, sep="\t").iloc[:3].assign(EUR_AF=[0.1, 0.2, 0.3])
    given.to_csv(tmp_path / "variants.csv", index=False)
    frequencies = given.drop(columns="EUR_AF").iloc[:2].assign(AF_AFR=0.5)
    frequencies.to_csv(tmp_path / "af.tsv", sep="\t", index=False)
    output = tmp_path / "effects.tsv"
    finished = run(
        "effects",
        demo / "model",
        "--fasta",
        demo / "genome.fa",
        "--background",
        populations,
        "--tissue",
        "liver",
        "--gene",
        "DEMO1",
        "--variants",
        tmp_path / "variants.csv",
        "--af-table",
        tmp_path / "af.tsv",
        "-o",
        output,
        "--second-model",
        demo / "model",
        "--phase-shifts",
        "1",
    )
    assert finished.returncode == 0, finished.stderr
    assert "2 of 6 weighted scores are missing" in finished.stderr
    table = pd.read_csv(output, sep="\t")
    assert set(table["background"]) == {"EUR", "AFR"}
    assert (table["effect_sd_models"] < 1e-6).all()
    assert "effect_sd_phase" in table
    scores = pd.read_csv(f"{output}.populations.tsv", sep="\t")
    assert scores["af_status"].tolist().count("missing: AFR") == 2


def test_mutagenesis_knockout_and_counterfactual(demo: Path, variants_file: Path, tmp_path: Path) -> None:
    inputs = [demo / "model", "--fasta", demo / "genome.fa", "--vcf", demo / "person.vcf.gz", "--tissue", "liver"]
    first = pd.read_csv(demo / "cres.bed", sep="\t", header=None).iloc[30]
    region = f"{first[0]}:{first[1] + 1}-{first[1] + 6}"
    finished = run(
        "mutagenesis",
        *inputs,
        "--gene",
        "DEMO1",
        "--region",
        region,
        "-o",
        tmp_path / "m.safetensors",
        "--track",
        tmp_path / "m.bedGraph",
        "--plot",
        tmp_path / "m.png",
    )
    assert finished.returncode == 0, finished.stderr
    assert load_file(tmp_path / "m.safetensors")["0.substitutions"].shape == (6, 4, 1)
    assert len((tmp_path / "m.liver.bedGraph").read_text().splitlines()) <= 7
    again = run("mutagenesis", *inputs, "--gene", "DEMO1", "-o", tmp_path / "n.safetensors")
    assert again.returncode == 1
    assert "no stretch is named" in again.stderr

    finished = run("knockout", *inputs, "--gene", "DEMO1", "-o", tmp_path / "k.tsv", "--plot", tmp_path / "k.png")
    assert finished.returncode == 0, finished.stderr
    assert pd.read_csv(tmp_path / "k.tsv", sep="\t")["cre_id"].is_unique

    finished = run("counterfactual", *inputs, "--edits", variants_file, "--gene", "DEMO1", "-o", tmp_path / "c.parquet")
    assert finished.returncode == 0, finished.stderr
    assert "1 of 1 people are changed" in finished.stderr
    assert "1 of 11 rows rejected" in finished.stderr
    assert (tmp_path / "c.parquet.summary.tsv").exists()


def test_edit_and_counterfactual_set_the_same_where_a_row_does_not_say() -> None:
    from inspect import signature

    from variantformer_hf.cli.counterfactual import counterfactual
    from variantformer_hf.cli.edit import edit

    first, second = (signature(command).parameters["genotype"] for command in (edit, counterfactual))
    assert first.default == second.default == "hom"
    assert first.annotation == second.annotation
    for name in ("edit", "counterfactual"):
        assert "[default: hom]" in run(name, "--help").stdout


def test_eqtl_correlations(demo: Path, variants_file: Path, tmp_path: Path) -> None:
    table = pd.read_csv(variants_file, sep="\t").iloc[:10].assign(gene_id="DEMO1", beta=range(10), maf=0.01)
    with (demo / "cres.bed").open() as file:
        elements = [line.split("\t") for line in file if line.startswith("chr1\t")]
    genome = pysam.FastaFile(str(demo / "genome.fa"))
    for row, element in enumerate(elements[:10]):  # places that the gene reads
        position = int(element[1]) + 20
        ref = genome.fetch("chr1", position, position + 1).upper()
        table.loc[row, ["chrom", "pos", "ref", "alt"]] = ["chr1", position + 1, ref, "A" if ref != "A" else "C"]
    table.to_csv(tmp_path / "eqtl.tsv", sep="\t", index=False)
    finished = run(
        "eqtl",
        demo / "model",
        "--fasta",
        demo / "genome.fa",
        "--table",
        tmp_path / "eqtl.tsv",
        "--tissue",
        "liver",
        "--bootstraps",
        "50",
        "-o",
        tmp_path / "q.tsv",
        "--plot",
        tmp_path / "q.png",
    )
    assert finished.returncode == 0, finished.stderr
    found = pd.read_csv(tmp_path / "q.tsv", sep="\t")
    assert found["stratum"].tolist() == ["all", "rare"]
    assert found["n"].tolist() == [10, 10]
    assert found["spearman"].between(-1, 1).all()
    report = json.loads((tmp_path / "q.tsv.report.json").read_text())
    assert report["counts"]["rows"] == {"read": 10, "used": 10, "turned": 0, "repeated": 0, "rejected": {}}


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["effects", "--variants", "none.tsv", "-o", "x.parquet"], "no such file"),
        (["effects", "--variants", "none.tsv", "-o", "x.png"], "End the name in"),
        (["effects", "--variants", "{variants}", "-o", "x.parquet", "--background", "person"], "needs a VCF"),
        (["effects", "--variants", "{variants}", "-o", "x.parquet", "--gene", "NOBODY"], "NOBODY"),
        (["effects", "--variants", "{variants}", "-o", "x.parquet", "--zygosity", "double"], "no zygosity"),
        (["knockout", "--gene", "NOBODY", "-o", "x.tsv"], "NOBODY"),
        (["mutagenesis", "--gene", "DEMO1", "--region", "chr1:1-20", "-o", "x.safetensors"], "in no cCRE"),
        (["null", "--panel", "none.vcf.gz", "--gene", "DEMO1", "-o", "x.parquet"], "none.vcf.gz"),
    ],
)
def test_analyses_refuse_in_one_line(
    demo: Path, variants_file: Path, tmp_path: Path, command: list[str], message: str
) -> None:
    words = [word.replace("{variants}", str(variants_file)) for word in command]
    words = [str(tmp_path / word) if word.startswith("x.") else word for word in words]
    finished = run(words[0], demo / "model", "--fasta", demo / "genome.fa", *words[1:])
    assert finished.returncode in (1, 3)
    assert message in finished.stderr
    assert "Traceback" not in finished.stderr
    assert list(tmp_path.iterdir()) == []


def test_train_checks_before_it_begins(tmp_path: Path) -> None:
    config = tmp_path / "run.yaml"
    for content, message in (
        ("", "holds no options"),
        ("loop: {output: x}\nfastq: y\n", "there is no option fastq"),
        ("loop: {output: x}\n", "lacks the option fasta"),
    ):
        config.write_text(content)
        finished = run("train", "expression", "--config", config, "--dry-run")
        assert finished.returncode == 1
        assert message in finished.stderr
        assert "Traceback" not in finished.stderr
    missing = run("train", "encoder", "--config", tmp_path / "none.yaml")
    assert "no such file" in missing.stderr


def test_the_help_names_every_kind_of_files_and_every_stage_of_training() -> None:
    known = {"convert": families._converters(), "train": {**stages._OF_ANY_FAMILY, **families.family_stages()}}
    for command, names in known.items():
        said = run(command, "--help").stdout
        assert len(names) > 5
        assert [name for name in names if not re.search(rf"\b(?<!-){name}\b", said)] == [], command
