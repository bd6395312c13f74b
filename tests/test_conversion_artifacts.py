"""What else was released, converted: lists of cCREs, genomes, forests, frequencies; and pickles that are no data."""

import builtins
import collections
import datetime
import gzip
import io
import os
import pickle
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from command_line import invoke
from released_case import forest, gene_list, released_genomes
from sklearn.ensemble import RandomForestClassifier
from small_model import SmallWorld

from variantformer_hf import CreTable
from variantformer_hf.analysis.population_scores import read_frequencies
from variantformer_hf.applications.risk.forest_folder import RiskForests
from variantformer_hf.applications.risk.forests import predict_forest, read_forest
from variantformer_hf.conversion.allele_frequencies import convert_frequencies
from variantformer_hf.conversion.cre_maps import read_cre_maps
from variantformer_hf.conversion.population_genomes import convert_population_genomes
from variantformer_hf.conversion.restricted_pickle import read_npz, read_pickled_data
from variantformer_hf.conversion.risk_forests import convert_forests, forest_arrays
from variantformer_hf.errors import InputError
from variantformer_hf.genome.variant import VariantNormalizer
from variantformer_hf.genome.variant_table import read_variants
from variantformer_hf.simulation.writers import cre_line
from variantformer_hf.zoo.outputs import RELEASED_TISSUES

treelite = pytest.importorskip("treelite")


def run(*arguments: object) -> str:
    return invoke("artifacts", *arguments)


class Call:
    """Pickled as the call of a function."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self.call


@pytest.mark.parametrize("protocol", range(2, 6))
@pytest.mark.parametrize(
    "harmful",
    [
        Call(os.system, "touch WAS_RUN"),
        Call(subprocess.run, ["touch", "WAS_RUN"]),
        Call(builtins.eval, "open('WAS_RUN', 'w')"),
        Call(builtins.getattr, "", "join"),
        Call(builtins.exec, "open('WAS_RUN', 'w')"),
        {"nested": [np.zeros(2), Call(os.system, "touch WAS_RUN")]},
        collections.OrderedDict(a=1),
        datetime.date(2020, 1, 1),
    ],
    ids=["system", "run", "eval", "getattr", "exec", "nested", "OrderedDict", "date"],
)
def test_pickles_that_ask_for_more_than_data_are_refused(
    harmful: object, protocol: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "x.pkl.gz"
    path.write_bytes(gzip.compress(pickle.dumps(harmful, protocol=protocol)))
    with pytest.raises(InputError, match=r"x\.pkl\.gz.*is not read: it asks for"):
        read_pickled_data(path)
    array = io.BytesIO()
    np.lib.format.write_array_header_1_0(array, {"descr": "|O", "fortran_order": False, "shape": (1,)})
    array.write(pickle.dumps(harmful, protocol=protocol))
    import zipfile

    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("sequence.npy", array.getvalue())
    with pytest.raises(InputError, match=r"x\.npz.*is not read: it asks for"):
        read_npz(tmp_path / "x.npz")
    assert not (tmp_path / "WAS_RUN").exists()


@pytest.mark.parametrize("protocol", range(2, 6))
def test_frames_and_arrays_are_read(protocol: int, tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "text": ["a", "bc"],
            "number": [1, 2],
            "real": [0.5, np.nan],
            "flag": [True, False],
            "lists": [[np.array([1, 2]), [3]], [[4], [5]]],
            "kind": pd.array(["x", "y"], dtype=object),
        },
        index=[5, 7],
    )
    for index, value in enumerate((frame, frame.reset_index(drop=True), frame["number"])):
        path = tmp_path / f"{index}.pkl"
        path.write_bytes(pickle.dumps(value, protocol=protocol))
        found = read_pickled_data(path)
        assert type(found) is type(value)
        assert str(found) == str(value)
    np.savez(
        tmp_path / "a.npz", text=np.array(["ab", "c"]), objects=np.array(["x", [1]], dtype=object), whole=np.arange(3)
    )
    arrays = read_npz(tmp_path / "a.npz")
    assert arrays["text"].tolist() == ["ab", "c"]
    assert arrays["objects"].tolist() == ["x", [1]]
    assert arrays["whole"].tolist() == [0, 1, 2]


@pytest.mark.parametrize("content", [b"", b"no pickle", gzip.compress(pickle.dumps([1]))[:-9], b"\x80\x04]"])
def test_damaged_pickles(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.pkl").write_bytes(content)
    with pytest.raises(InputError, match=r"x\.pkl"):
        read_pickled_data(tmp_path / "x.pkl")
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(InputError, match=r"x\.npz"):
        read_npz(tmp_path / "x.npz")


def test_lists_of_cres(tmp_path: Path) -> None:
    elements = [(100, 200, "PLS"), (300, 400, "dELS"), (900, 950, "pELS")]
    bed = tmp_path / "cres.bed"
    bed.write_text("".join(cre_line("chr1", start, end, f"E{start}", kind) for start, end, kind in elements))
    gene_list(tmp_path / "maps", "ENSG1.1", elements[:2], 250, 260)
    gene_list(tmp_path / "maps", "ENSG2.1", [elements[1], (500, 510, "PLS")], 310, 320)
    output = run("cres", tmp_path / "maps", "-o", tmp_path / "cres.parquet", "--bed", bed)
    assert "3 cCREs of 2 genes" in output
    assert "2 genes differ from plain overlap" in output
    table = CreTable.read(tmp_path / "cres.parquet")
    assert table.overlapping("chr1", 0, 2_000).start.tolist() == [100, 300, 500]
    report = pd.read_csv(tmp_path / "cres.parquet.differences.tsv", sep="\t").set_index("gene_id")
    assert report.loc["ENSG1.1", ["in_map", "by_overlap", "only_in_map", "only_by_overlap"]].tolist() == [2, 3, 0, 1]
    assert report.loc["ENSG2.1", ["in_map", "by_overlap", "only_in_map", "only_by_overlap"]].tolist() == [2, 3, 1, 2]
    assert "chr1:500-510 PLS" in report.loc["ENSG2.1", "examples"]
    near = read_cre_maps(tmp_path / "maps", bed, radius=45).differences.set_index("gene_id")
    assert near.loc["ENSG1.1", "only_in_map"] == 1  # 100-200 is 50 bases away
    assert read_cre_maps(tmp_path / "maps").differences.columns.tolist() == ["gene_id", "in_map"]


def test_lists_of_cres_that_are_wrong(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no gene_vocab"):
        read_cre_maps(tmp_path)
    gene_list(tmp_path, "ENSG1.1", [(1, 2, "enhancer")], 1, 2)
    with pytest.raises(InputError, match="unknown class 'enhancer'"):
        read_cre_maps(tmp_path)
    (tmp_path / "ENSG1.1/gene_vocab.csv").write_text("chromosome,start_cre\nchr1,5\n")
    with pytest.raises(InputError, match="has no column end_cre"):
        read_cre_maps(tmp_path)


def test_genomes_of_populations(tmp_path: Path) -> None:
    output = run("populations", released_genomes(tmp_path / "genomes"), "-o", tmp_path / "out")
    assert "2 rows" in output
    genes = pq.read_table(tmp_path / "out/genes.parquet").to_pandas().set_index("population")
    assert genes.loc["eur"].to_dict() == {
        "sample": "HG00096",
        "gene_id": "ENSG1.1",
        "strand": "-",
        "forward": "ACGRT",
        "reverse_complement": "AYCGT",
    }
    cres = pq.read_table(tmp_path / "out/cres.parquet").to_pylist()
    assert len(cres) == 4
    assert {key: cres[1][key] for key in ("population", "sample", "start", "class")} == {
        "population": "eur",
        "sample": "HG00096",
        "start": 50,
        "class": "dELS",
    }
    assert (cres[1]["forward_ids"], cres[1]["reverse_complement_ids"]) == ([7], [8, 9])


def test_genomes_that_are_wrong(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds neither"):
        convert_population_genomes(tmp_path, tmp_path / "out")
    np.savez(tmp_path / "ENSG1.1_x.npz", sequence=np.array(["ACGT,AC"]), strand=np.array(["+"]))
    with pytest.raises(InputError, match="not a strand and its complement"):
        convert_population_genomes(tmp_path, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []
    (tmp_path / "ENSG1.1_x.npz").unlink()
    pd.DataFrame({"chrom": ["chr1"]}).to_pickle(tmp_path / "x_chr1.pkl.gz")
    with pytest.raises(InputError, match="has no column start, end, cCRE, x_sequence, x_encoded_seq"):
        convert_population_genomes(tmp_path, tmp_path / "out")


@pytest.mark.parametrize("seed", range(5))
def test_a_forest_predicts_as_it_did(seed: int, tmp_path: Path) -> None:
    model, rows = forest(tmp_path / "model_tissue_3.tl", seed, depth=[1, 3, 6, 10, 20][seed])
    arrays = forest_arrays(tmp_path / "model_tissue_3.tl")
    np.testing.assert_allclose(predict_forest(arrays, rows), model.predict_proba(rows)[:, 1], atol=1e-6)


def test_forests_of_genes(tmp_path: Path) -> None:
    model, rows = forest(tmp_path / "ad/ENSG1.1/model_tissue_7.tl", 0)
    forest(tmp_path / "ad/ENSG1.1/model_tissue_12.tl", 1)
    forest(tmp_path / "ad/ENSG2.1/model_tissue_7.tl", 2)
    assert "3 forests of 2 genes" in run("forests", tmp_path / "ad", "-o", tmp_path / "out")
    arrays = read_forest(tmp_path / "out/ENSG1.1.safetensors", 7)
    np.testing.assert_allclose(predict_forest(arrays, rows), model.predict_proba(rows)[:, 1], atol=1e-6)
    with pytest.raises(InputError, match="no forest of tissue 9"):
        read_forest(tmp_path / "out/ENSG1.1.safetensors", 9)
    with pytest.raises(ValueError, match="8 features"):
        predict_forest(arrays, rows[:, :3])
    before = (tmp_path / "out/ENSG1.1.safetensors").stat().st_mtime_ns
    convert_forests(tmp_path / "ad", tmp_path / "out")
    assert (tmp_path / "out/ENSG1.1.safetensors").stat().st_mtime_ns == before


def test_converted_forests_of_a_gene_say_what_treelite_says(tmp_path: Path) -> None:
    for number, depth in ((7, 2), (12, 10), (62, 30)):
        forest(tmp_path / f"ad/ENSG1.1/model_tissue_{number}.tl", number, depth)
    convert_forests(tmp_path / "ad", tmp_path / "out")
    rows = np.random.default_rng(1).normal(size=(300, 8)).astype(np.float32)
    forests = RiskForests.open(tmp_path / "out").of_gene("ENSG1")
    assert forests is not None
    assert list(forests.tissues) == [RELEASED_TISSUES[number] for number in (7, 12, 62)]
    found = forests.predict(forests.tissues, np.tile(rows, (3, 1, 1)))
    for number, mine in zip((7, 12, 62), found, strict=True):
        model = treelite.Model.deserialize(tmp_path / f"ad/ENSG1.1/model_tissue_{number}.tl")
        theirs = treelite.gtil.predict(model, rows.astype(model.input_type))[:, 0, 1]
        np.testing.assert_allclose(mine, theirs, atol=1e-6)


def test_files_that_are_no_forests(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no GENE"):
        convert_forests(tmp_path, tmp_path / "out")
    (tmp_path / "G").mkdir()
    (tmp_path / "G/model_tissue_1.tl").write_bytes(b"\x09\x00\x00\x00 not a forest")
    with pytest.raises(InputError, match="is not a treelite file"):
        convert_forests(tmp_path, tmp_path / "out")
    features = np.random.default_rng(0).normal(size=(60, 3))
    three = RandomForestClassifier(3).fit(features, np.arange(60) % 3)
    treelite.sklearn.import_model(three).serialize(tmp_path / "G/model_tissue_1.tl")
    with pytest.raises(InputError, match="two classes"):
        convert_forests(tmp_path, tmp_path / "out")


def test_frequencies(tmp_path: Path, world: SmallWorld) -> None:
    folder, genome = tmp_path / "tables", world.genome
    folder.mkdir()
    other = {"A": "G", "C": "T", "G": "A", "T": "C"}
    rows = [(at, genome[at - 1], other[genome[at - 1]]) for at in (1_000, 2_500, 5_500)]
    header = "chr\tpos\tref\talt\tAF_EUR\tAF_AFR\tAF_EAS\tAF_SAS\tAF_AMR\n"
    lines = [f"chr1\t{at}\t{ref}\t{alt}\t0.25\t.\t0\t1\t0.5\n" for at, ref, alt in rows]
    (folder / "1KG_hg38_af_chr1.tsv").write_text(header + "".join(lines))
    (folder / "1KG_hg38_af_chr10.tsv").write_text(header + "10\t5\tA\tC\t0.1\t0.1\t0.1\t0.1\t0.1\n")
    (folder / "1KG_hg38_af_chr2.tsv").write_text(header)
    assert "4 variants of 3 contigs" in run("frequencies", folder, "-o", tmp_path / "af.parquet")
    table = pq.read_table(tmp_path / "af.parquet").to_pandas()
    assert table["chrom"].tolist() == ["chr1"] * 3 + ["chr10"]
    assert table["AF_AFR"].isna().tolist() == [True, True, True, False]
    normalizer = VariantNormalizer(world.reference)
    wanted = read_variants([f"chr1:{at}:{ref}>{alt}" for at, ref, alt in rows[1:2]], normalizer)
    found = read_frequencies(tmp_path / "af.parquet", normalizer, wanted)
    assert list(found) == [f"chr1:{rows[1][0]}:{rows[1][1]}:{rows[1][2]}"]  # not the two far away
    assert found[next(iter(found))] == {"EUR": 0.25, "EAS": 0.0, "SAS": 1.0, "AMR": 0.5}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("chr1\t5\tA\tC\t1.5\t0\t0\t0\t0\n", "AF_EUR has a frequency outside"),
        ("chr2\t5\tA\tC\t0.5\t0\t0\t0\t0\n", "other contigs than its name says"),
        ("chr1\tfive\tA\tC\t0.5\t0\t0\t0\t0\n", "is not a table of"),
    ],
)
def test_frequencies_that_are_none(line: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "1KG_hg38_af_chr1.tsv"
    path.write_text("chr\tpos\tref\talt\tAF_EUR\tAF_AFR\tAF_EAS\tAF_SAS\tAF_AMR\n" + line)
    with pytest.raises(InputError, match=message):
        convert_frequencies(tmp_path, tmp_path / "out.parquet")
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
