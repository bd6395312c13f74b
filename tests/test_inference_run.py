"""Runs that are cut short, resumed, and shared by several processes."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from forked_commands import forked_commands
from forked_processes import Forked, Together

from variantformer_hf import ExpressionPredictor, PersonalGenome, PredictionDataset, ReferenceGenome
from variantformer_hf.errors import InputError
from variantformer_hf.genome import VariantTally
from variantformer_hf.genome.variants import VariantFile
from variantformer_hf.inference.processes import ahead
from variantformer_hf.inference.run_limits import RunLimits
from variantformer_hf.simulation.genome import SimulatedFiles, write_simulation
from variantformer_hf.simulation.model import write_demo_model
from variantformer_hf.zoo.gene_regions import gene_sequences
from variantformer_hf.zoo.variantformer.engine import ExpressionEngine

KEYS = ["sample", "gene_id", "gene_name", "tissue", "status"]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[SimulatedFiles, Path]:
    folder = tmp_path_factory.mktemp("run")
    written = write_simulation(folder, cre_spacing=8_000)
    return written, write_demo_model(written, folder / "model")


@pytest.fixture(scope="module")
def predictor(files: tuple[SimulatedFiles, Path]) -> ExpressionPredictor:
    return ExpressionPredictor.from_pretrained(files[1], device="cpu")


@pytest.fixture(scope="module")
def whole(files: tuple[SimulatedFiles, Path], predictor: ExpressionPredictor) -> Any:
    return predictor.run(files[0].fasta, files[0].vcf, with_embeddings=True)


def same(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(found[KEYS], expected[KEYS])
    np.testing.assert_allclose(found["log1p_tpm"], expected["log1p_tpm"], atol=2e-5, rtol=0)


class Stopped(Exception):
    pass


@pytest.mark.parametrize("after", [1, 2, 5])
def test_a_run_that_was_cut_short_goes_on_without_doing_a_gene_again(
    files: tuple[SimulatedFiles, Path],
    predictor: ExpressionPredictor,
    whole: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    after: int,
) -> None:
    limited = ExpressionPredictor(predictor.model, limits=RunLimits(genes=1, unit_genes=1))
    n_genes = [0]
    predict = ExpressionEngine.predict

    def counted(engine: ExpressionEngine, work: Any, tissues: Any) -> Any:
        if n_genes[0] == after:
            raise Stopped
        n_genes[0] += len(work)
        return predict(engine, work, tissues)

    monkeypatch.setattr(ExpressionEngine, "predict", counted)
    options: dict[str, Any] = {"with_embeddings": True, "parts": tmp_path / "parts"}
    with pytest.raises(Stopped):
        limited.run(files[0].fasta, files[0].vcf, **options)
    assert len(list((tmp_path / "parts").rglob("*.parquet"))) == after
    n_genes[0] = -100
    steps: list[tuple[int, int]] = []
    result = limited.run(files[0].fasta, files[0].vcf, on_gene=lambda *step: steps.append(step), **options)
    assert n_genes[0] == -100 + 6 - after
    assert steps[0] == (after, 6)
    assert steps[-1] == (6, 6)
    same(result.table, whole.table)
    np.testing.assert_allclose(result.embeddings, whole.embeddings, atol=2e-5, rtol=0)
    pd.testing.assert_frame_equal(result.genes, whole.genes)
    assert result.report["samples"] == whole.report["samples"]
    again = limited.run(files[0].fasta, files[0].vcf, **options)
    assert n_genes[0] == -100 + 6 - after
    same(again.table, whole.table)
    assert again.report["samples"] == whole.report["samples"]
    again.remove_parts()
    assert not (tmp_path / "parts").exists()


def test_parts_of_another_run_are_refused_or_replaced(
    files: tuple[SimulatedFiles, Path], predictor: ExpressionPredictor, whole: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "parts"
    predictor.run(files[0].fasta, files[0].vcf, tissues=["liver"], parts=folder)
    with pytest.raises(InputError, match=r"another run.*--overwrite"):
        predictor.run(files[0].fasta, files[0].vcf, parts=folder)
    same(predictor.run(files[0].fasta, files[0].vcf, parts=folder, overwrite_parts=True).table, whole.table)


DRIVER = """
import os, signal, sys, time
from functools import partialmethod
from variantformer_hf.inference import ExpressionPredictor
from variantformer_hf.inference.run_limits import RunLimits
from variantformer_hf.zoo.variantformer.engine import ExpressionEngine
from variantformer_hf.zoo.gene_regions import RegionFinder, gene_sequences
from variantformer_hf.cli import main
limits = RunLimits(genes=1, unit_genes=1)
ExpressionPredictor.__init__ = partialmethod(ExpressionPredictor.__init__, limits=limits)
predict = ExpressionEngine.predict
done = 0

def slow(engine, work, tissues):
    global done
    rank = os.environ.get("RANK", "0")
    if rank == os.environ.get("DIES") and done == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    print("gene", rank, flush=True)
    time.sleep(float(os.environ.get("SLOW", "0")))
    done += 1
    return predict(engine, work, tissues)

ExpressionEngine.predict = slow
outputs = [sys.argv.pop()]
while sys.argv[-1] != "--output":
    outputs.append(sys.argv.pop())
words = list(sys.argv)
for output in reversed(outputs):
    sys.argv = [*words, output]
    try:
        main()
    except SystemExit as stop:
        if stop.code:
            raise
"""


@pytest.fixture
def driver(tmp_path: Path, files: tuple[SimulatedFiles, Path]) -> Iterator[list[str]]:
    script = tmp_path / "driver.py"
    script.write_text(DRIVER)
    written, model = files
    arguments = ["predict", str(model), "--fasta", str(written.fasta), "--vcf", str(written.vcf), "--device", "cpu"]
    yield [str(script), *arguments, "--output", str(tmp_path / "out.parquet")]


def check_output(folder: Path, whole: Any) -> None:
    same(pd.read_parquet(folder / "out.parquet"), whole.table)
    report = json.loads((folder / "out.parquet.report.json").read_text())
    assert report["samples"] == whole.report["samples"]
    assert not (folder / "out.parquet.parts").exists()


def test_kill_9_and_start_again(driver: list[str], tmp_path: Path, whole: Any) -> None:
    process = Forked([*driver], tmp_path / "log", SLOW="0.5")
    parts = tmp_path / "out.parquet.parts"
    deadline = time.monotonic() + 120
    while len(list(parts.glob("_units/*.arrow"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    n_done = len(list(parts.glob("_units/*.arrow")))
    assert 2 <= n_done < 6
    assert not (tmp_path / "out.parquet").exists()
    again = Forked([*driver], tmp_path / "log")
    assert again.wait() == 0, again.said
    assert again.said.count("gene 0") == 6 - n_done
    check_output(tmp_path, whole)


def test_two_processes_equal_one_also_when_one_was_killed(driver: list[str], tmp_path: Path, whole: Any) -> None:
    """One table, and a dataset; the second time by torchrun itself."""
    killed = Together(2, [*driver], tmp_path / "log", DIES="1", SLOW="0.3")
    assert killed.wait() == -signal.SIGKILL
    assert not (tmp_path / "out.parquet").exists()
    n_done = len(list((tmp_path / "out.parquet.parts").glob("_units/*.arrow")))
    assert 1 <= n_done < 6
    with forked_commands() as commands:
        torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
        words = [*torchrun, "--no-python", commands / "python", *driver, f"{tmp_path}/out/"]
        again = subprocess.run(words, capture_output=True, text=True, timeout=240, check=False)
    assert again.returncode == 0, again.stderr
    check_output(tmp_path, whole)
    dataset = PredictionDataset(tmp_path / "out")
    same(dataset.to_pandas(), whole.table)
    said = again.stdout.splitlines()
    assert said.count("gene 0") + said.count("gene 1") == 6 - n_done + 6
    assert said.count("gene 1") >= 3  # each has its share of the dataset
    assert not list(tmp_path.rglob("*lock"))


def test_several_processes_without_a_folder_are_refused(
    files: tuple[SimulatedFiles, Path], predictor: ExpressionPredictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    from variantformer_hf.inference import unit_runner as module
    from variantformer_hf.inference.processes import Processes

    monkeypatch.setattr(module, "processes", lambda **_: Processes(0, 2, lambda: None))
    with pytest.raises(InputError, match="need a folder"):
        predictor.run(files[0].fasta, files[0].vcf)


def test_items_that_are_made_ahead_come_in_order_with_their_errors() -> None:
    made = []

    def items() -> Iterator[int]:
        for number in range(50):
            made.append(number)
            yield number
        raise Stopped

    found = []
    with pytest.raises(Stopped):
        for item in ahead(items(), 3):
            found.append(item)
            assert len(made) <= len(found) + 5
    assert found == list(range(50))
    taken = ahead(iter(range(1_000_000)), 2)
    assert next(taken) == 0
    taken.close()  # type: ignore[attr-defined]


def test_an_element_across_the_radius_is_read_to_its_end(files: tuple[SimulatedFiles, Path]) -> None:
    """A record beyond the radius, in an element that begins within it, is of the gene too."""
    predictor = ExpressionPredictor.from_pretrained(files[1], device="cpu")
    reference = ReferenceGenome(files[0].fasta)
    person = PersonalGenome(reference, files[0].vcf)
    gene = next(gene for gene in predictor.gene_table if gene.strand == "+")
    found = predictor.model.cre_table.overlapping(gene.chrom, gene.end + 1_000, gene.end + 100_000)
    start, record = next(
        (start, record)
        for start, end in zip(found.start.tolist(), found.end.tolist(), strict=True)
        for record in VariantFile(files[0].vcf).records(gene.chrom, start + 2, end)
        if person.sequence(gene.chrom, start, end) != reference.sequence(gene.chrom, start, end)
        and record.position > start + 1
    )
    predictor.model.processor.cre_radius = start + 1 - gene.end
    finder = predictor.model.region_finder(reference)
    regions = finder.find(gene)
    assert gene.end + predictor.model.processor.cre_radius < record.position < regions.ends.max()
    ids = [tissue.id for tissue in predictor.tissue_names.named]
    expected, _ = predictor.model.predict_gene(gene_sequences(regions, person.sequences), ids)
    result = predictor.run(files[0].fasta, files[0].vcf, genes=[gene.gene_id])
    np.testing.assert_allclose(result.table["log1p_tpm"], expected, atol=2e-5, rtol=0)
    tally = VariantTally()
    person.sequences(regions.intervals, tally)
    assert result.genes["records_applied"].tolist() == [tally.total().applied]
