"""``variantformer embed`` with Enformer and Borzoi: bins of a person's window, pooled, as by the trunk itself."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from command_line import run
from gene_model_tests import Case
from safetensors.numpy import load_file
from window_case import GENES, WINDOW, gene_model, gene_table, plain_windows, window_case

from variantformer_hf import PersonalGenome, ReferenceGenome
from variantformer_hf.genome.options import GenotypeOptions

pytestmark = pytest.mark.usefixtures("one_thread")

KINDS = ("enformer", "borzoi")
WIDTH, BINS = {"enformer": 24, "borzoi": 10}, {"enformer": 8, "borzoi": 32}
SHARES = {"R": "AG", "Y": "CT", "S": "CG", "W": "AT", "K": "GT", "M": "AC"}


@pytest.fixture(scope="module", params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def case(kind: str, tmp_path_factory: pytest.TempPathFactory) -> Case:
    return window_case(tmp_path_factory.mktemp(kind), kind)


def words(case: Case, output: Path, *more: object) -> list[object]:
    given = [case.model, "--fasta", case.fasta, "--vcf", case.vcf, "--device", "cpu"]
    return ["embed", *given, "-o", output, *more]


def bins_of(kind: str, case: Case, gene: str, mode: str, window: int = WINDOW) -> np.ndarray:
    """(sequences, bins, width) of a person's gene, by the network with its heads."""
    person = PersonalGenome(ReferenceGenome(case.fasta), case.vcf, options=GenotypeOptions(mode=mode))
    sequences = plain_windows(person, gene_table().get(gene).tss, window)
    shares = [
        [[(b in (of := SHARES.get(letter, letter))) / len(of) for b in "ACGT"] for letter in s] for s in sequences
    ]
    with torch.inference_mode():
        return gene_model(kind).network(torch.tensor(shares)).last_hidden_state.numpy()


@pytest.mark.parametrize("pool", ["mean", "centre:3", "centre:4", "bin"])
@pytest.mark.parametrize("mode", ["mean", "concat", "alt", "iupac"])
def test_vectors_are_those_of_the_trunk(kind: str, case: Case, tmp_path: Path, mode: str, pool: str) -> None:
    """Insertions and deletions move bases, and the TSS stays where it is."""
    output = tmp_path / "out.safetensors"
    assert (
        run(*words(case, output, "--mode", mode, "--pool", pool, "--gene", "MINUS", "--gene", "PLUS")).returncode == 0
    )
    vectors = load_file(output)["embedding"]
    for vector, gene in zip(vectors, ("MINUS", "PLUS"), strict=True):
        bins = bins_of(kind, case, gene, mode if mode in ("alt", "iupac") else "haplotypes")
        middle = BINS[kind] // 2
        expected = {
            "mean": bins.mean(axis=1),
            "centre:3": bins[:, middle - 1 : middle + 2].mean(axis=1),
            "centre:4": bins[:, middle - 2 : middle + 2].mean(axis=1),
            "bin": bins,
        }[pool]
        expected = np.concatenate(list(expected), axis=-1) if mode == "concat" else expected.mean(axis=0)
        assert vector.shape == expected.shape
        assert np.allclose(vector, expected, atol=2e-5)


def test_genes_and_windows_are_the_model_s_unless_others_are_given(kind: str, case: Case, tmp_path: Path) -> None:
    output = tmp_path / "out.safetensors"
    done = run(*words(case, output))
    assert done.returncode == 0 and f"3 vectors of {WIDTH[kind]}: 2 ok, 1 window_off_contig" in done.stderr
    rows = pd.read_csv(output.with_suffix(".tsv"), sep="\t")
    assert rows["gene_name"].tolist() == [*GENES] and set(rows["end"] - rows["start"]) == {WINDOW}
    vectors = load_file(output)["embedding"]
    assert np.isnan(vectors).all(axis=1).tolist() == [False, False, True]
    assert np.allclose(vectors[0], bins_of(kind, case, "PLUS", "haplotypes").mean(axis=(0, 1)), atol=2e-5)
    table = tmp_path / "genes.csv"
    table.write_text("gene_id,gene_name,chromosome,start,end,strand\nENSG9,OTHER,chr1,1501,1600,+\n")
    assert run(*words(case, output, "--gtf", table, "--window", 640, "--overwrite")).returncode == 0
    assert pd.read_csv(output.with_suffix(".tsv"), sep="\t")["gene_name"].tolist() == ["OTHER"]
    expected = bins_of(kind, case, "PLUS", "haplotypes", 640).mean(axis=(0, 1))
    assert np.allclose(load_file(output)["embedding"][0], expected, atol=2e-5)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--pool", "cls"], "has no pool 'cls'. Choose --pool mean or centre:BINS or bin"),
        (["--pool", "centre:999"], "the read-out centre:999 asks for 999 bins, a window of 1,024 bases has"),
        (["--window", "-5"], "the window (--window) is -5"),
        (["--chunk-bases", "100"], "have no option chunk_bases"),
    ],
    ids=str,
)
def test_what_a_trunk_does_not_give_is_one_line(case: Case, tmp_path: Path, more: list[str], told: str) -> None:
    done = run(*words(case, tmp_path / "out.safetensors", *more))
    assert done.returncode == 1 and told in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["borzoi"], indirect=True)
@pytest.mark.parametrize("command", ["embed", "predict"])
def test_a_length_that_borzoi_does_not_read_is_told_with_both_numbers(
    kind: str, case: Case, tmp_path: Path, command: str
) -> None:
    for window, told in (
        ("1000", "dna has 1000 bases, which is not a multiple of 128"),
        ("524416", "4097 bins of the transformer are more than position_length=4096"),
    ):
        output = tmp_path / ("out.safetensors" if command == "embed" else "out.tsv")
        done = run(command, *words(case, output, "--window", window)[1:])
        assert done.returncode == 1 and told in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr
        assert not list(tmp_path.iterdir())
