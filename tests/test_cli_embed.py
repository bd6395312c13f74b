"""``variantformer embed``: a vector a person and gene, in files that others read, by whatever way it was made."""

import json
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command_line import run
from genome_files import record, write_fasta, write_vcf
from random_variants import random_bases
from safetensors import safe_open
from safetensors.numpy import load_file
from test_conversion_published import converted, dnabert2_files

from variantformer_hf import PersonalGenome, ReferenceGenome
from variantformer_hf.genome.interval import Interval
from variantformer_hf.genome.options import GenotypeOptions
from variantformer_hf.inference import embedding_run
from variantformer_hf.zoo.embedder import Pool
from variantformer_hf.zoo.ukbiobert.embedder import UkBioBertEmbedder

pytestmark = pytest.mark.usefixtures("one_thread")

LENGTH, WINDOW, WIDTH = 3_000, 200, 48
# Of the GTF, both ends in and from 1; the last one's window begins before its contig.
GENES = {"PLUS": (601, 900, "+"), "MINUS": (1_000, 1_400, "-"), "QUIET": (2_501, 2_700, "+"), "EDGE": (51, 300, "+")}
OTHER = {"A": "C", "C": "G", "G": "T", "T": "A"}


@dataclass(frozen=True)
class Files:
    """A model, a genome, two people and genes."""

    model: Path
    fasta: Path
    vcf: Path
    gtf: Path
    embedder: UkBioBertEmbedder

    def words(self, output: Path, *more: object) -> list[object]:
        given = [self.model, "--fasta", self.fasta, "--vcf", self.vcf, "--gtf", self.gtf, "--window", WINDOW]
        return ["embed", *given, "--device", "cpu", "-o", output, *more]

    def person(self, sample: str, mode: str = "iupac") -> PersonalGenome:
        return PersonalGenome(ReferenceGenome(self.fasta), self.vcf, sample, GenotypeOptions(mode=mode))


def window_of(gene: str) -> Interval:
    start, end, strand = GENES[gene]
    tss = start - 1 if strand == "+" else end - 1
    return Interval("chr1", tss - WINDOW // 2, tss + WINDOW // 2)


def write_gtf(path: Path) -> Path:
    lines = [
        f'chr1\ttest\tgene\t{start}\t{end}\t.\t{strand}\t.\tgene_id "ENSG0000000000{number}.1"; gene_name "{name}";'
        for number, (name, (start, end, strand)) in enumerate(GENES.items(), start=1)
    ]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = tmp_path_factory.mktemp("embed")
    genome = random_bases(random.Random(0), LENGTH)
    snv = {at: (genome[at - 1], OTHER[genome[at - 1]]) for at in (580, 640, 1_390)}
    lines = [
        record(580, *snv[580], "0|1", "0|0"),
        record(620, genome[619], genome[619] + "ACGTA", "1|0", "0|0"),
        record(640, *snv[640], "1|1", "0|1"),
        record(1_390, *snv[1_390], "0|0", "1|0"),
    ]
    fasta = write_fasta(folder / "genome.fa", {"chr1": genome}, width=60)
    vcf = write_vcf(folder / "people.vcf.gz", lines, contigs={"chr1": LENGTH}, samples=("ANN", "BOB"))
    model = converted(folder, *dnabert2_files(folder))
    return Files(model, fasta, vcf, write_gtf(folder / "genes.gtf"), UkBioBertEmbedder.load(model, device="cpu"))


def rows_of(output: Path) -> pd.DataFrame:
    return pd.read_csv(output.with_suffix(".tsv"), sep="\t", keep_default_na=False)


def test_a_vector_a_person_and_gene_with_its_rows_and_report(files: Files, tmp_path: Path) -> None:
    output = tmp_path / "out.safetensors"
    done = run(*files.words(output, "--all-samples"))
    assert done.returncode == 0, done.stderr
    assert "8 vectors of 96: 3 ok, 3 no_variants, 2 window_off_contig" in done.stderr
    vectors, rows = load_file(output)["embedding"], rows_of(output)
    assert vectors.shape == (8, 2 * WIDTH) and vectors.dtype == np.float32
    assert rows["sample"].tolist() == ["ANN"] * 4 + ["BOB"] * 4
    assert rows["gene_name"].tolist() == [*GENES] * 2
    assert rows["status"].tolist() == [
        *("ok", "no_variants", "no_variants", "window_off_contig"),
        *("ok", "ok", "no_variants", "window_off_contig"),
    ]
    assert rows.loc[3, ["chrom", "start", "end"]].tolist() == ["chr1", -50, 150]
    assert rows["records_applied"].tolist() == [3, 0, 0, 0, 1, 1, 0, 0]
    for vector, row in zip(vectors, rows.itertuples(), strict=True):
        if row.status == "window_off_contig":
            assert np.isnan(vector).all()
            continue
        window = window_of(str(row.gene_name))
        assert (row.start, row.end) == (window.start, window.end)
        assert np.allclose(vector, files.embedder.embed_person(files.person(str(row.sample)), window), atol=1e-5)
    with safe_open(output, "np") as file:
        metadata = json.loads(file.metadata()["variantformer"])
    asked = {"mode": "concat", "pool": "mean", "window": WINDOW, "chunk_bases": None}
    assert metadata["embedding"] == asked
    assert metadata["model"]["sha256"] and metadata["package"]["torch"] and "assembly" in metadata
    report = json.loads((tmp_path / "out.safetensors.report.json").read_text())
    assert report["samples"]["ANN"]["total"]["applied"] == 3
    assert report["samples"]["BOB"]["genes_by_status"] == {"ok": 2, "no_variants": 1, "window_off_contig": 1}
    assert report["settings"]["mode"] == "concat" and report["shape"] == [8, 96]
    assert {path.name for path in tmp_path.iterdir()} == {
        *("out.safetensors", "out.tsv", "out.safetensors.report.json")
    }


@pytest.mark.parametrize("mode", ["mean", "alt", "ref", "haplotype1", "haplotype2"])
@pytest.mark.parametrize("pool", ["mean", "cls"])
def test_modes_and_pools_are_those_of_the_plain_way(files: Files, tmp_path: Path, mode: str, pool: str) -> None:
    output = tmp_path / "out.safetensors"
    words = ["--sample", "ANN", "--gene", "PLUS", "--mode", mode, "--pool", pool, "--chunk-bases", "70"]
    assert run(*files.words(output, *words)).returncode == 0
    modes = ["haplotype1", "haplotype2"] if mode == "mean" else [mode]
    window = window_of("PLUS")
    sequences = [files.person("ANN", each).sequence("chr1", window.start, window.end) for each in modes]
    expected = files.embedder.embed(sequences, pool=pool, chunk_bases=70).mean(axis=0)
    assert np.allclose(load_file(output)["embedding"], expected[None], atol=1e-5)


def test_indels_of_a_snp_only_input_are_left_out_and_reported(files: Files, tmp_path: Path) -> None:
    output = tmp_path / "out.safetensors"
    assert run(*files.words(output, "--sample", "ANN", "--gene", "PLUS", "--snps-only")).returncode == 0
    report = json.loads((tmp_path / "out.safetensors.report.json").read_text())
    total = report["samples"]["ANN"]["total"]
    assert (total["applied"], total["skipped"]["not_snp"]) == (2, 1)
    window = window_of("PLUS")
    person = PersonalGenome(
        ReferenceGenome(files.fasta), files.vcf, "ANN", GenotypeOptions(mode="haplotypes", snps_only=True)
    )
    expected = files.embedder.embed_person(person, window)
    assert np.allclose(load_file(output)["embedding"][0], expected, atol=1e-5)


def test_of_the_reference_genome_both_haplotypes_are_one(files: Files, tmp_path: Path) -> None:
    output = tmp_path / "out.safetensors"
    words = [each for each in files.words(output, "--gene", "MINUS") if each not in ("--vcf", files.vcf)]
    assert run(*words).returncode == 0
    window = window_of("MINUS")
    bases = ReferenceGenome(files.fasta).sequence("chr1", window.start, window.end)
    (vector,) = load_file(output)["embedding"]
    assert np.allclose(vector, np.tile(files.embedder.embed([bases])[0], 2), atol=1e-5)
    assert rows_of(output)["sample"].tolist() == ["reference"]


def test_a_run_that_was_cut_short_goes_on_and_another_is_refused(
    files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, output = tmp_path / "whole.safetensors", tmp_path / "out.safetensors"
    assert run(*files.words(whole, "--all-samples")).returncode == 0
    monkeypatch.setattr(embedding_run, "_VECTORS", 1)
    vectors, made = UkBioBertEmbedder.vectors, []

    def cut_short(embedder: UkBioBertEmbedder, read: list[str], pool: Pool) -> np.ndarray:
        made.append(len(read))
        if len(made) == 4:
            raise MemoryError
        return vectors(embedder, read, pool)

    monkeypatch.setattr(UkBioBertEmbedder, "vectors", cut_short)
    first = run(*files.words(output, "--all-samples"))
    assert first.returncode == 1 and "keeps what is done" in first.stderr
    assert {path.name for path in tmp_path.glob("out.*")} == {"out.safetensors.parts"}
    refused = run(*files.words(output, "--all-samples", "--pool", "cls"))
    assert refused.returncode == 1 and "holds the output of another run" in refused.stderr
    assert run(*files.words(output, "--all-samples")).returncode == 0
    assert len(made) == 4 + 3  # three of six were there
    again, expected = (load_file(path)["embedding"] for path in (output, whole))
    assert np.allclose(again, expected, atol=1e-5, equal_nan=True)
    assert output.with_suffix(".tsv").read_text() == whole.with_suffix(".tsv").read_text()
    assert not (tmp_path / "out.safetensors.parts").exists()


def test_vectors_that_are_no_numbers_are_told_at_the_end(
    files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors = UkBioBertEmbedder.vectors

    def spoiled(embedder: UkBioBertEmbedder, read: list[str], pool: Pool) -> np.ndarray:
        found = vectors(embedder, read, pool)
        found[0, 3] = np.inf
        return found

    monkeypatch.setattr(UkBioBertEmbedder, "vectors", spoiled)
    output = tmp_path / "out.safetensors"
    done = run(*files.words(output, "--sample", "ANN", "--gene", "PLUS", "--gene", "MINUS"))
    assert done.returncode == 1 and "NaN or infinite values for 1 genes: PLUS" in done.stderr
    assert rows_of(output)["status"].tolist() == ["not_finite", "no_variants"]
    assert np.isnan(load_file(output)["embedding"]).all(axis=1).tolist() == [True, False]


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--pool", "max"], "there is no pool 'max'. Choose mean, centre:BINS, bin or cls"),
        (["--pool", "centre:0"], "there is no pool 'centre:0'"),
        (["--pool", "centre:10"], "of the type 'ukbiobert' has no pool 'centre:10'. Choose --pool mean or cls"),
        (["--mode", "iupac"], "gives no vectors in the mode 'iupac'. Choose --mode concat or mean or alt"),
        (["--window", "0"], "the window (--window) is 0. It must be 1 or more"),
        (["--chunk-bases", "0"], "chunk_bases (--chunk-bases) is 0"),
        (["--sample", "EVE"], "EVE"),
        (["--gene", "NONE", "--sample", "ANN"], "gene 'NONE': no gene of the table has this name"),
        ([], "2 samples"),
    ],
    ids=str,
)
def test_what_cannot_be_had_is_one_line_and_nothing_is_left(
    files: Files, tmp_path: Path, more: list[str], told: str
) -> None:
    done = run(*files.words(tmp_path / "out.safetensors", *more))
    assert done.returncode in (1, 3) and told in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr
    assert not list(tmp_path.iterdir())


def test_files_that_do_not_go_together_are_refused(files: Files, tmp_path: Path) -> None:
    output = tmp_path / "out.safetensors"
    words = files.words(output, "--sample", "ANN")
    without = [each for each in words if each not in ("--gtf", files.gtf)]
    done = run(*without)
    assert done.returncode == 1 and "has no table of genes" in done.stderr and "--gtf" in done.stderr
    named = run(*[tmp_path / "out.npy" if each == output else each for each in words])
    assert named.returncode == 1 and "Name it .safetensors" in named.stderr
    other = write_fasta(tmp_path / "other.fa", {"chr1": random_bases(random.Random(9), LENGTH)}, width=60)
    turned = run(*[other if each == files.fasta else each for each in words])
    assert turned.returncode == 1 and "have the REF allele that the FASTA holds" in turned.stderr
    output.with_suffix(".tsv").write_text("mine")
    kept = run(*words)
    assert kept.returncode == 1 and "out.tsv: already exists" in kept.stderr
    assert output.with_suffix(".tsv").read_text() == "mine" and not output.exists()
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text('{"model_type": "variantformer"}')
    wrong = run(*[tmp_path / "model" if each == files.model else each for each in words], "--overwrite")
    assert wrong.returncode == 1 and "'variantformer', of which `embed` makes no vectors" in wrong.stderr
