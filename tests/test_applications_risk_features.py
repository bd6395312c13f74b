"""Features of donors beside a store's: vectors of ``embed``, and dosages of SNPs around a TSS."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from genome_files import record, write_vcf
from safetensors.numpy import save_file

from variantformer_hf.applications.risk.features import GenotypeFeatures, VectorFeatures
from variantformer_hf.applications.risk.forest_folder import SnpFeatures
from variantformer_hf.errors import ContigError, InputError
from variantformer_hf.genome.genes import Gene, GeneTable

DONORS = ("A", "B", "C", "D")
GENES = GeneTable([Gene("G1.1", "ONE", "chr1", 501, 900, "+"), Gene("G2.1", "TWO", "chr2", 10, 20, "-")])
# By hand: the TSS of ONE is base 501 (1-based), and within 100 bases of it are 401 to 601.
LINES = [
    record(400, "A", "C", "1|1", "0|1", "0|0", "0|0"),
    record(401, "A", "C", "1|1", "0|1", "0|0", ".|."),
    record(450, "A", "C", "0|0", "0|0", "0|0", "0|0"),  # nobody carries it
    record(460, "A", "C", "1|1", "1|1", "1|1", "1|1"),  # everybody does
    record(470, "AT", "A", "0|1", "0|0", "0|0", "0|0"),
    record(480, "A", "C,G", "0|1", "0|2", "0|0", "0|0"),
    record(500, "G", "T", "0|0", "0|1", "1|1", "0|1"),
    record(601, "T", "G", "0|1", "0|0", "0|0", "0|0"),
    record(602, "T", "G", "0|1", "0|0", "0|0", "0|0"),
]


@pytest.fixture
def genotypes(tmp_path: Path) -> GenotypeFeatures:
    vcf = write_vcf(tmp_path / "a.vcf.gz", LINES, contigs={"chr1": 2_000, "chrX": 200}, samples=DONORS)
    return GenotypeFeatures(vcf, GENES, radius=100)


def test_dosages_around_a_tss(genotypes: GenotypeFeatures) -> None:
    assert (genotypes.donors, genotypes.tissues, genotypes.width) == (list(DONORS), (), 0)
    found = genotypes.read(GENES.genes[0], 0, range(4))
    assert found.snps == SnpFeatures(["chr1:401:A:C", "chr1:500:G:T", "chr1:601:T:G"], [1.0, 1.0, 0.25])
    assert found.values.tolist() == [[2, 0, 1], [1, 1, 0], [0, 2, 0], [1, 1, 0]]  # D at 401: the mean
    assert found.counts == {"absent": 0, "missing": 1}
    with pytest.raises(ContigError, match="has no contig chr2"):
        genotypes.read(GENES.genes[1], 0, range(4))
    again = pickle.loads(pickle.dumps(genotypes))
    np.testing.assert_array_equal(again.read(GENES.genes[0], 0, range(4)).values, found.values)


def test_snps_are_chosen_among_those_trained_on(genotypes: GenotypeFeatures) -> None:
    found = genotypes.read(GENES.genes[0], 0, [1, 2])  # of whom nobody carries the one at 601
    assert found.snps == SnpFeatures(["chr1:401:A:C", "chr1:500:G:T"], [0.5, 1.5])
    others = genotypes.read(GENES.genes[0], 0, [3, 0], found.snps)
    assert others.values.tolist() == [[0.5, 1], [2, 0]]


def test_snps_that_another_file_lacks_are_the_mean_and_counted(genotypes: GenotypeFeatures) -> None:
    like = SnpFeatures(["chr1:401:A:C", "chr1:402:A:C", "chr1:500:G:A"], [1.0, 0.75, 0.5])
    found = genotypes.read(GENES.genes[0], 0, [0, 3], like)
    assert found.values.tolist() == [[2, 0.75, 0.5], [1, 0.75, 0.5]]
    assert found.counts == {"absent": 2, "missing": 5}


def test_snps_of_a_forest_are_read_wherever_they_lie(genotypes: GenotypeFeatures) -> None:
    """Of a forest that was trained with a larger radius."""
    found = genotypes.read(GENES.genes[0], 0, range(4), SnpFeatures(["chr1:602:T:G", "chr1:400:A:C"], [0.0, 0.0]))
    assert found.values.tolist() == [[1, 2], [0, 1], [0, 0], [0, 0]]
    assert found.counts == {"absent": 0, "missing": 0}


def written(folder: Path, vectors: np.ndarray, rows: str, metadata: dict[str, str] | None = None) -> Path:
    (folder / "v.tsv").write_text("sample\tgene_id\tgene_name\tstatus\n" + rows)
    save_file({"embedding": vectors.astype(np.float32)}, folder / "v.safetensors", metadata)
    return folder / "v.safetensors"


def test_vectors_of_embed(tmp_path: Path) -> None:
    rows = "A\tG1.1\tONE\tok\nB\tG1.1\tONE\tno_variants\nA\tG2.1\tTWO\twindow_off_contig\n"
    described = {"variantformer": json.dumps({"model": {"name": "m", "sha256": "ab"}})}
    found = VectorFeatures(written(tmp_path, np.arange(6).reshape(3, 2), rows, described))
    assert (found.donors, [gene.gene_name for gene in found.genes], found.width) == (["A", "B"], ["ONE", "TWO"], 2)
    assert found.model == {"name": "m", "sha256": "ab"}
    np.testing.assert_array_equal(found.read(found.genes.get("ONE"), 0, [1, 0]).values, [[2, 3], [0, 1]])
    assert np.isnan(found.read(found.genes.get("TWO"), 0, [0, 1]).values).all()
    again = pickle.loads(pickle.dumps(found))
    np.testing.assert_array_equal(again.read(again.genes.get("ONE"), 0, [0]).values, [[0, 1]])


@pytest.mark.parametrize(
    ("shape", "rows", "metadata", "said"),
    [
        ((1, 2), "A\tG1\tG1\tok\nB\tG1\tG1\tok\n", None, "was not written with v.tsv beside it"),
        ((1, 2), "A\tG1\tG1\tok\n", {"variantformer": '{"rows_sha256": "0"}'}, "was not written with v.tsv"),
        ((2, 2), "A\tG1\tG1\tok\nA\tG1\tG1\tok\n", None, "A, G1: is there twice"),
        ((1, 3, 2), "A\tG1\tG1\tok\n", None, "holds 3 x 2 numbers a row"),
    ],
)
def test_vectors_that_are_not_those_of_embed(
    shape: tuple[int, ...], rows: str, metadata: dict[str, str] | None, said: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=said):
        VectorFeatures(written(tmp_path, np.zeros(shape), rows, metadata))


def test_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        VectorFeatures(tmp_path / "v.safetensors")
    (tmp_path / "v.safetensors").write_bytes(b"x")
    with pytest.raises(InputError, match="holds no tensor 'embedding'"):
        VectorFeatures(tmp_path / "v.safetensors")
