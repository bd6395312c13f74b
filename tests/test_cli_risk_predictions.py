"""``risk predict``: from a store, and from a model and genomes."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pysam
import pytest
from command_line import run
from made_forests import made_forests
from page_blocks import DOCS, shown_blocks, texts

from variantformer_hf import EmbeddingStore
from variantformer_hf.inference.predictor import ExpressionPredictor
from variantformer_hf.inference.run_folder import RunFolder
from variantformer_hf.simulation.genome import SimulatedFiles, write_simulation
from variantformer_hf.simulation.model import write_demo_model

PAGE = (DOCS / "risk.md").read_text()
TISSUES = ["whole blood", "liver", "brain - cortex", "muscle - skeletal"]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> SimulatedFiles:
    return write_simulation(tmp_path_factory.mktemp("files"))


@pytest.fixture(scope="module")
def model(files: SimulatedFiles, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(write_demo_model(files, tmp_path_factory.mktemp("m") / "model"))


@pytest.fixture(scope="module")
def store(files: SimulatedFiles, model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("store") / "vectors"
    predictor = ExpressionPredictor.from_pretrained(model, device="cpu", precision="float32")
    predictor.write_dataset(place, files.fasta, files.vcf, layout="embeddings", genes=["DEMO1", "DEMO2", "DEMO3"])
    return place


@pytest.fixture(scope="module")
def forests(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = EmbeddingStore.open(store)
    units = {gene.gene_id: ["liver", "whole blood"] for gene in list(found.genes)[:2]}
    folder = tmp_path_factory.mktemp("forests") / "f"
    return made_forests(folder, units, model=found.model, width=found.width, tissues=TISSUES)


def test_a_store_and_a_model_say_the_same(
    files: SimulatedFiles, model: Path, store: Path, forests: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = run("risk", "predict", forests, "--embedding-store", store, "-o", tmp_path / "s.parquet")
    assert said.returncode == 0, said.stderr
    assert said.stdout.split() == [str(tmp_path / name) for name in ("s.parquet", "s.parquet.report.json")]
    assert "not a person's risk" in said.stderr
    of_store = pd.read_parquet(tmp_path / "s.parquet")
    assert len(of_store) == 4
    metadata = json.loads(pq.read_schema(tmp_path / "s.parquet").metadata[b"variantformer"])
    assert metadata["research_use"].startswith("Research use only. A probability here is a classifier's score")
    report = json.loads((tmp_path / "s.parquet.report.json").read_text())
    assert report["research_use"] == metadata["research_use"]
    assert report["forests_asked"] == {"wanted": 4, "there": 4}
    assert report["forests"]["phenotype"] == "a disease"
    assert report["embeddings"]["model"] == metadata["model"]

    command = ["risk", "predict", forests, model, "--fasta", files.fasta, "--vcf", files.vcf, "--device", "cpu"]
    command += ["-o", tmp_path / "m.parquet"]
    put, written = RunFolder.write, []

    def one_alone(self: RunFolder, unit: object, done: object) -> None:
        if written:
            raise MemoryError
        written.append(unit)
        put(self, unit, done)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "write", one_alone)
        stopped = run(*command)
    assert stopped.returncode == 1
    assert "m.parquet.parts keeps what is done" in stopped.stderr
    first = {path: path.stat().st_mtime_ns for path in (tmp_path / "m.parquet.parts" / "genes").iterdir()}
    assert len(first) == 1
    said = run(*command)
    assert said.returncode == 0, said.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"{name}.parquet{end}" for name in "ms" for end in ("", ".report.json")
    ]
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "m.parquet"), of_store)


def test_carriers_as_they_are_and_without(files: SimulatedFiles, model: Path, forests: Path, tmp_path: Path) -> None:
    edits = tmp_path / "edits.tsv"
    with pysam.VariantFile(str(files.vcf)) as records:
        rows = [f"{r.chrom}\t{r.pos}\t{r.ref}\t{r.alts[0]}\n" for r in records]
    edits.write_text("chrom\tpos\tref\talt\n" + "".join(rows[:40]))
    command = ["risk", "counterfactual", forests, model, "--fasta", files.fasta, "--vcf", files.vcf, "--device", "cpu"]
    command += ["--edits", edits, "--gene", "DEMO1"]
    out = ["-o", tmp_path / "c.parquet", "--plot", tmp_path / "c.png"]
    said = run(*command, "--genotype", "absent", *out)
    assert said.returncode == 0, said.stderr
    assert "1 of 1 people are changed by the edits" in said.stderr
    assert "95 % over 1 carriers not known; 95 % over 2 tissues" in said.stderr
    assert "not a person's risk" in said.stderr
    table, summary = pd.read_parquet(tmp_path / "c.parquet"), pd.read_csv(tmp_path / "c.parquet.summary.tsv", sep="\t")
    assert summary["log_odds_ratio"].tolist() == pytest.approx([table["log_odds_ratio"].mean()], abs=1e-6)
    assert (tmp_path / "c.png").stat().st_size > 0
    report = json.loads((tmp_path / "c.parquet.report.json").read_text())
    assert report["people"] == {"given": 1, "changed": 1, "left_out": {}}
    assert report["edits"]["used"] == 40
    edits.write_text("chrom\tpos\tref\talt\nchr2\t5\tA\tC\n")
    refused = run(*command, "--genotype", "absent", "-o", tmp_path / "d.parquet")
    assert refused.returncode == 1, refused.stderr
    assert not (tmp_path / "d.parquet").exists()


def test_the_page_does_what_it_says(
    files: SimulatedFiles, model: Path, forests: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The blocks of docs/risk.md that read the demo."""
    (tmp_path / "demo").symlink_to(files.fasta.parent)
    shutil.copytree(model, tmp_path / "model")
    (tmp_path / "demo-forests").symlink_to(forests)
    monkeypatch.chdir(tmp_path)
    blocks = [block for block in shown_blocks(PAGE) if "demo-forests" in block.code]
    assert [block.language for block in blocks] == ["sh", "sh"]
    (variants,) = (text for text in texts(PAGE) if text.startswith("chrom\t"))
    Path("variants.tsv").write_text(variants)
    for block in blocks:
        (said,) = block._replace(code=f"{block.code.rstrip()} --device cpu").run()
        assert " ".join(block.shown.split()) in " ".join(said.stderr.split())
    assert Path("ratios.svg").read_text().startswith("<?xml")


def test_what_is_asked_amiss(files: SimulatedFiles, model: Path, store: Path, forests: Path, tmp_path: Path) -> None:
    out = ["-o", tmp_path / "t.csv"]
    for asked, problem in (
        ([forests, *out], "there is neither a model nor a store"),
        ([forests, model, "--embedding-store", store, *out], "both a model and --embedding-store are given"),
        ([forests, model, *out], "a model reads a genome, and there is none"),
        ([forests, "--embedding-store", store, "--vcf", files.vcf, *out], "has its embeddings already, and --vcf say"),
        (
            [forests, "--embedding-store", store, "--gvcf", "--precision", "float32", "--allow-unused", *out],
            "and --gvcf, --allow-unused, --precision say",
        ),
        ([tmp_path, "--embedding-store", store, *out], "holds no forests, or is not finished"),
        ([forests, "--embedding-store", tmp_path, *out], "is no folder of predictions"),
        ([forests, "--embedding-store", store, "-o", tmp_path / "t.txt.zip"], "is not written to such a file"),
    ):
        refused = run("risk", "predict", *asked)
        assert (refused.returncode, problem in refused.stderr) == (1, True), refused.stderr
    refused = run("risk", "predict", forests, "--embedding-store", store, "--gene", "DEMO3", *out)
    assert (refused.returncode, "has no forest" in refused.stderr) == (3, True)
    of_genome = ["--fasta", files.fasta, "--vcf", files.vcf, "--device", "cpu", "--tissue", "brain - cortex"]
    refused = run("risk", "predict", forests, model, *of_genome, *out)
    assert (refused.returncode, "have no brain - cortex" in refused.stderr) == (1, True)
    assert not list(tmp_path.iterdir())
