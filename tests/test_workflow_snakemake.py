"""The workflow of workflows/snakemake, run by the real snakemake on a simulated cohort."""

import importlib.util
import os
import random
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
import yaml
from forked_commands import forked_commands
from forked_processes import Forked
from split_files import split_vcf

from variantformer_hf import ExpressionPredictor
from variantformer_hf.errors import InputError
from variantformer_hf.simulation.cohort import simulate_cohort
from variantformer_hf.simulation.genome import SimulatedFiles
from variantformer_hf.simulation.model import DEMO_TISSUES, write_demo_model

pytest.importorskip("snakemake", reason="snakemake is not installed (extra dev, Linux)")

FOLDER = Path(__file__).resolve().parents[1] / "workflows" / "snakemake"
DONORS = [f"DONOR{number:04d}" for number in range(5)]
CONFIG = {
    "model": "model",
    "fasta": "genome.fa",
    "vcf": "cohort.{contig}.vcf.gz",
    "samples": "samples.tsv",
    "contigs": ["chr1", "chr2"],
    "predict": {"device": "cpu"},
    "expression": "expression.csv.gz",
}


@dataclass(frozen=True)
class Place:
    """A folder in which the workflow runs, and one with the commands that it starts."""

    folder: Path
    commands: Path

    def snakemake(self, *arguments: str, config: dict[str, object] | None = None, code: int = 0) -> str:
        """Run it; what it said."""
        (self.folder / "config.yaml").write_text(yaml.safe_dump(CONFIG if config is None else config))
        path = f"{self.commands}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        script = self.folder / "run.py"
        script.write_text("from snakemake.cli import main\nmain()\n")
        place = ["--directory", self.folder, "--configfile", self.folder / "config.yaml", "--cores", 2]
        changes = {"PATH": path, "XDG_CACHE_HOME": str(self.folder / "home"), "NO_COLOR": "1"}
        words = [script, *arguments, "--snakefile", FOLDER / "workflow/Snakefile", *place]
        done = Forked(words, self.folder / "said", **changes)
        done.wait(600)
        logs = "".join(path.read_text() for path in sorted(self.folder.glob("results/logs/*.log")))
        assert done.code == code, done.said[-6_000:] + logs
        return done.said

    @property
    def results(self) -> Path:
        return self.folder / "results"


def jobs(said: str) -> dict[str, int]:
    """Rule -> jobs, of what snakemake means to run."""
    table = re.search(r"^job +count\n-+ +-+\n(.*?)^total", said, re.DOTALL | re.MULTILINE)
    return {} if table is None else {name: int(n) for name, n in re.findall(r"^(\w+) +(\d+)$", table[1], re.MULTILINE)}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A model, a genome, and five people's genotypes and expression; nothing is predicted yet."""
    folder = tmp_path_factory.mktemp("workflow")
    cohort = simulate_cohort(folder, donors=len(DONORS), genes=4, other_cres=100)
    write_demo_model(SimulatedFiles(cohort.fasta, cohort.vcf, cohort.genes, cohort.cres), folder / "model")
    split_vcf(cohort.vcf, folder, random.Random(0), suffix=".vcf.gz")
    (folder / "samples.tsv").write_text("\n".join(["sample", *DONORS, ""]))
    with forked_commands() as commands:
        yield Place(folder, commands)


@pytest.fixture(scope="module")
def finished(place: Place) -> Place:
    """The same, when the workflow is through."""
    # What a job of other inputs has left is in nobody's way, and nothing of it is gone on with.
    others = place.results / "unfinished" / "00000.chr2"
    ExpressionPredictor.from_pretrained(place.folder / "model", device="cpu").write_dataset(
        others, place.folder / "genome.fa"
    )
    done = jobs(place.snakemake())
    assert not others.exists()
    once = dict.fromkeys(("all", "people", "precompute", "join", "evaluate", "report"), 1)
    assert done == once | dict.fromkeys(("ingest", "genes", "predict"), 2)
    return place


@pytest.mark.slow
def test_the_table_is_that_of_one_run(finished: Place) -> None:
    folder = finished.folder
    found = pd.read_parquet(finished.results / "predictions.parquet")
    predictor = ExpressionPredictor.from_pretrained(folder / "model", device="cpu")
    expected = predictor.predict(folder / "genome.fa", folder / "cohort.vcf.gz", samples=DONORS)
    key = ["sample", "gene_id", "tissue"]
    found, expected = (
        table.astype(dict.fromkeys([*key, "status"], str)).sort_values(key).reset_index(drop=True)
        for table in (found, expected)
    )
    assert len(found) == len(DONORS) * 4 * len(DEMO_TISSUES)
    assert found[[*key, "status"]].equals(expected[[*key, "status"]])
    np.testing.assert_allclose(found["log1p_tpm"], expected["log1p_tpm"], atol=1e-5)


@pytest.mark.slow
def test_the_report_counts_everybody(finished: Place) -> None:
    people = pd.read_csv(finished.results / "report.tsv", sep="\t")
    assert people["sample"].tolist() == DONORS
    assert (people["genes_ok"] == 4).all()
    assert (people["in_windows"] == people["applied"] + people.filter(like="skipped_").sum(axis=1)).all()
    page = (finished.results / "report.md").read_text()
    assert f"{len(DONORS)} people, {len(DEMO_TISSUES)} tissues, 2 parts" in page
    assert f"| applied | {people['applied'].sum():,} |" in page


@pytest.mark.slow
def test_the_evaluation_counts_what_only_one_side_has(finished: Place) -> None:
    summary = pd.read_csv(finished.results / "evaluation.tsv", sep="\t").set_index("tissue")
    measured = pd.read_csv(finished.folder / "expression.csv.gz")
    assert summary.loc["liver", ["people", "genes", "values"]].tolist() == [5, 4, 20]
    assert summary.loc["thyroid", "measured_only"] == 20  # which the model does not have
    assert summary.loc["muscle - skeletal", "predicted_only"] == 20
    assert summary.loc["all", ["values", "measured_only"]].sum() == len(measured)
    genes = pd.read_csv(finished.results / "evaluation.genes.tsv", sep="\t")
    one = genes[(genes["tissue"] == "liver") & (genes["gene_id"] == "ENSG90000000002")].iloc[0]
    predicted = pd.read_parquet(finished.results / "predictions.parquet").query("tissue == 'liver'")
    predicted = predicted[predicted["gene_id"] == "ENSG90000000002.1"].set_index("sample")["log1p_tpm"]
    observed = measured.query("tissue == 'liver'").pipe(
        lambda rows: rows[rows["gene_id"].str.startswith("ENSG90000000002")]
    )
    observed = np.log1p(observed.set_index("donor")["tpm"])
    assert one["spearman"] == pytest.approx(observed.corr(predicted.reindex(observed.index), method="spearman"))


@pytest.mark.slow
def test_a_second_run_does_nothing(finished: Place) -> None:
    assert "Nothing to be done" in finished.snakemake("--dry-run")


@pytest.mark.slow
def test_a_deleted_part_is_made_anew_and_no_other(finished: Place) -> None:
    parts = sorted(finished.results.glob("parts/*"))
    before = {path: path.stat().st_mtime_ns for path in parts}
    table = pd.read_parquet(finished.results / "predictions.parquet")
    # As a job leaves them whose machine was lost: its units, and the lock of another host.
    unfinished = finished.results / "unfinished" / parts[0].name
    parts[0].rename(unfinished)
    (unfinished / ".snakemake_timestamp").unlink()
    (unfinished / ".lock").write_text('{"pid": 1, "host": "elsewhere", "started": 1, "since": ""}')
    unit = next(unfinished.glob("*/*.parquet"))
    written = unit.stat().st_ino
    assert jobs(finished.snakemake("--until", "join")) == {"predict": 1, "join": 1}
    assert (parts[0] / unit.relative_to(unfinished)).stat().st_ino == written  # gone on with
    after = {path: path.stat().st_mtime_ns for path in parts}
    assert [path for path in parts if after[path] != before[path]] == parts[:1]
    assert pd.read_parquet(finished.results / "predictions.parquet").equals(table)


@pytest.mark.slow
def test_a_changed_config_runs_what_depends_on_it(finished: Place) -> None:
    anew = {"all": 1, "evaluate": 1, "report": 1}
    planned = jobs(finished.snakemake("--dry-run", config={**CONFIG, "tissues": ["liver"]}))
    assert planned == anew | {"predict": 2, "join": 1}
    # Four people keep their batch's number, but are not its people any more.
    planned = jobs(finished.snakemake("--dry-run", config={**CONFIG, "people_per_batch": 4, "join": False}))
    assert planned == anew | {"people": 2, "predict": 4}


@pytest.mark.slow
def test_reports_of_two_models_are_not_joined(finished: Place, tmp_path: Path) -> None:
    path = next(finished.results.glob("parts/*"))
    other = shutil.copytree(path, tmp_path / "other") / "_report.json"
    other.write_text(other.read_text().replace('"precision": "float32"', '"precision": "bfloat16"'))
    with pytest.raises(InputError, match="other: was made with another settings than"):
        script("report").join_reports([path, other.parent])
    other.write_text("{}")
    with pytest.raises(InputError, match="other: has no match report that can be read"):
        script("report").join_reports([path, other.parent])


@pytest.mark.slow
def test_expression_of_others_cannot_be_held_against_predictions(finished: Place, tmp_path: Path) -> None:
    table = tmp_path / "others.csv"
    table.write_text("donor,tissue,gene_id,tpm\nNOBODY,liver,ENSG90000000002,3\n")
    with pytest.raises(InputError, match=r"others\.csv: no value of a person, tissue and gene is among"):
        script("evaluate").evaluate(sorted(finished.results.glob("parts/*")), table)


@pytest.mark.slow
def test_a_released_checkpoint_is_converted_first(place: Place) -> None:
    (place.folder / "released").mkdir(exist_ok=True)
    asked = {name: value for name, value in CONFIG.items() if name not in ("model", "expression")}
    asked |= {"released": {"artifacts": "released"}, "vcf": "cohort.vcf.gz"}
    planned = jobs(place.snakemake("--dry-run", "--forceall", config=asked))
    assert (planned["convert"], planned["ingest"], planned["predict"]) == (1, 1, 2)
    assert "evaluate" not in planned


@pytest.mark.slow
def test_the_rule_convert_makes_a_model_folder(parity: Path, shared: Path, place: Place) -> None:
    from released_case import laid_out

    files = {
        "checkpoint": parity / "full/v4_tiny_checkpoint.pth",
        "encoder_checkpoint": parity / "full/pretrained_tokenizers_checkpoint.pth",
        "vocabulary": shared / "vocabulary/bpe_vocabulary_500.json",
        "tissues": shared / "vocabulary/tissue_vocab.yaml",
        "genes": parity / "genome/genes.csv",
        "cres": parity / "genome/cres.bed",
    }
    laid_out(files, place.folder / "artifacts", old=True)
    asked = {name: value for name, value in CONFIG.items() if name != "model"}
    place.snakemake("results/model/variantformer-pcg", config=asked | {"released": {"artifacts": "artifacts"}})
    assert (place.results / "model/variantformer-pcg/config.json").is_file()


def test_a_misspelt_key_is_said_before_anything_runs(tmp_path: Path) -> None:
    """And before a file is looked for."""
    place = Place(tmp_path, tmp_path)
    said = place.snakemake("--dry-run", config={**CONFIG, "peopel_per_batch": 3}, code=1)
    assert "'peopel_per_batch' was unexpected" in said


@pytest.mark.parametrize(
    "wrong",
    [
        {"released": {"artifacts": "released"}},
        {"model": None},
        {"contigs": []},
        {"contigs": ["chr1; rm"]},
        {"people_per_batch": 0},
        {"predict": {"mode": "both"}},
        {"predict": {"device": "cpu", "modus": "alt"}},
    ],
    ids=str,
)
def test_what_the_schema_refuses(wrong: dict[str, object]) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = yaml.safe_load((FOLDER / "workflow/schemas/config.schema.yaml").read_text())
    jsonschema.validate(CONFIG, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**CONFIG, **wrong}, schema)


def test_the_shipped_config_names_what_the_demo_makes() -> None:
    """And has each key that there is, with its default."""
    schema = yaml.safe_load((FOLDER / "workflow/schemas/config.schema.yaml").read_text())["properties"]
    text = (FOLDER / "config/config.yaml").read_text()
    config = yaml.safe_load(text)
    assert set(schema) == set(re.findall(r"^(?:# )?([a-z_]+):", text, re.MULTILINE))
    assert {name: schema[name]["default"] for name in schema if "default" in schema[name] and name != "predict"} == {
        name: config[name] for name in ("tissues", "people_per_batch", "ingest", "join")
    }
    assert config["predict"] == {name: entry["default"] for name, entry in schema["predict"]["properties"].items()}
    assert (config["model"], config["fasta"]) == ("demo-output/model", "demo-output/genome.fa")


@pytest.mark.slow
def test_the_workflow_is_as_snakemake_wants_it(place: Place) -> None:
    assert "in a good condition" in place.snakemake("--lint")


def test_the_slurm_profile_has_options_that_there_are() -> None:
    from snakemake.cli import get_argument_parser

    options = {name for action in get_argument_parser()._actions for name in action.option_strings}
    profile = yaml.safe_load((FOLDER / "profiles/slurm/config.v8+.yaml").read_text())
    assert [name for name in profile if f"--{name}" not in options] == []
    rules = set(re.findall(r"^rule (\w+):", "".join(p.read_text() for p in FOLDER.rglob("*.smk")), re.MULTILINE))
    assert {*profile["set-resources"], *profile["set-threads"]} <= rules


def script(name: str) -> ModuleType:
    """A script of the workflow, as a module."""
    spec = importlib.util.spec_from_file_location(f"workflow_{name}", FOLDER / f"workflow/scripts/{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def part(path: Path, people: str, genes: str, tissues: str = "TU") -> Path:
    """A dataset with a file a gene; people, genes and tissues by a letter each."""
    path.mkdir()
    for gene in genes:
        rows = [(person, gene, tissue, 1.0) for person in people for tissue in tissues]
        pd.DataFrame(rows, columns=["sample", "gene_id", "tissue", "log1p_tpm"]).to_parquet(path / f"{gene}.parquet")
    (path / "_manifest.json").write_text("{}")
    return path


def test_parts_are_joined_in_their_order(tmp_path: Path) -> None:
    parts = [part(tmp_path / str(n), *of) for n, of in enumerate([("AB", "xy"), ("AB", "z"), ("C", "xyz")])]
    assert script("join").join(parts, tmp_path / "all.parquet") == 18
    files = [path / f"{gene}.parquet" for path, genes in zip(parts, ("xy", "z", "xyz"), strict=True) for gene in genes]
    expected = pd.concat(map(pd.read_parquet, files), ignore_index=True)
    assert pd.read_parquet(tmp_path / "all.parquet").equals(expected)


@pytest.mark.parametrize(
    ("second", "said"),
    [
        (("BC", "yz"), r"second.*B, y.*has a person's gene that an earlier part has"),
        (("C", "x", "T"), "has other tissues than"),
    ],
)
def test_parts_that_do_not_go_together_are_refused(second: tuple[str, ...], said: str, tmp_path: Path) -> None:
    parts = [part(tmp_path / "first", "AB", "xy"), part(tmp_path / "second", *second)]
    with pytest.raises(InputError, match=said):
        script("join").join(parts, tmp_path / "all.parquet")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first", "second"]


def test_a_part_that_lacks_rows_is_refused(tmp_path: Path) -> None:
    path = part(tmp_path / "first", "AB", "xy")
    pd.read_parquet(path / "x.parquet")[:-1].to_parquet(path / "x.parquet")
    with pytest.raises(InputError, match=r"has 7 rows, not one for each of 2 people, 2 genes and 2 tissues"):
        script("join").join([path], tmp_path / "all.parquet")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sample\nA\n\t\n", "line 3: no name"),
        ("sample\nA\nB\nA\n", "line 4: A is there twice"),
        ("name\nA\n", "no row with a column 'sample'"),
        ("sample\n", "no row with a column 'sample'"),
        (None, "cannot be read"),
    ],
)
def test_tables_of_people_that_cannot_be_used(text: str | None, said: str, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / "people.tsv").write_text(text)
    with pytest.raises(ValueError, match=rf"people\.tsv.*{said}"):
        script("people").read_people(tmp_path / "people.tsv")


def test_genes_of_a_contig_that_has_none(place: Place) -> None:
    with pytest.raises(InputError, match=r"has no gene on chrX.*chr1, chr2"):
        script("genes").gene_ids(place.folder / "model", "chrX")
