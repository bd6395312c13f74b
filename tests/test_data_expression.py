"""Cohorts' expression files, and what is kept of them for training: by hand."""

import gzip
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy import stats

from variantformer_hf import GeneTable
from variantformer_hf.data import (
    EXPRESSION_SCHEMA,
    ExpressionSource,
    harmonize,
    read_anndata,
    read_encode,
    read_gct,
    read_mage,
    read_microarray,
    read_normalized,
    read_tidy,
)
from variantformer_hf.data.expression import Expression
from variantformer_hf.data.expression_sources import Sample, quantile_normalized
from variantformer_hf.errors import InputError
from variantformer_hf.genome.genes import Gene
from variantformer_hf.zoo.outputs import TissueNames

TISSUES = TissueNames(["whole blood", "liver", "lcl", "K562"])


def gene_table(n: int = 4, noncoding: Sequence[int] = ()) -> GeneTable:
    return GeneTable(
        Gene(
            f"ENSG{row:011d}.{row + 1}",
            f"G{row}",
            "chr1",
            1_000 * row + 1,
            1_000 * row + 500,
            "+",
            "lincRNA" if row in noncoding else "protein_coding",
        )
        for row in range(n)
    )


def tidy(source: ExpressionSource) -> pd.DataFrame:
    return pa.Table.from_batches(source.batches(), schema=EXPRESSION_SCHEMA).to_pandas()


@pytest.fixture
def gtex(tmp_path: Path) -> tuple[Path, Path]:
    gct = tmp_path / "gtex.gct.gz"
    lines = [
        "#1.2",
        "2\t4",
        "Name\tDescription\tGTEX-A1-0001-SM\tGTEX-B2-0001-SM\tGTEX-A1-0002-SM\tGTEX-C3-0001-SM",
        "ENSG00000000000.7\tG0\t1.5\t0\t2\t9",
        "ENSG00000000009.1\tG9\t1\t2\t3\t4",
    ]
    gct.write_bytes(gzip.compress(("\n".join(lines) + "\n").encode()))
    attributes = tmp_path / "attributes.txt"
    attributes.write_text(
        "SAMPID\tSMATSSCR\tSMTSD\tSMRIN\n"
        "GTEX-A1-0001-SM\t1\tWhole Blood\t7.1\nGTEX-B2-0001-SM\t1\tWhole Blood\t6.0\n"
        "GTEX-A1-0002-SM\t1\tLiver\t6.1\nGTEX-C3-0001-SM\t1\tLiver\t\nGTEX-D4-0001-SM\t1\tLiver\t9\n"
    )
    return gct, attributes


def test_gtex(gtex: tuple[Path, Path]) -> None:
    source = read_gct(*gtex)
    assert [(each.sample, each.donor, each.tissue) for each in source.samples] == [
        ("GTEX-A1-0001-SM", "GTEX-A1", "Whole Blood"),
        ("GTEX-A1-0002-SM", "GTEX-A1", "Liver"),
    ]
    assert source.left_out == {"RIN not above 6": 1, "RIN not given": 1}
    table = tidy(source)
    assert table.columns.tolist() == EXPRESSION_SCHEMA.names
    assert table["tpm"].tolist() == [1.5, 2.0, 1.0, 3.0]
    assert table["gene_id"].tolist() == ["ENSG00000000000.7"] * 2 + ["ENSG00000000009.1"] * 2
    assert set(table["cohort"]) == {"GTEx"}
    assert len(read_gct(*gtex, least_rin=None).samples) == 4


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda text: text.replace("#1.2", "#hello"), "is no GCT"),
        (lambda text: text.replace("\t9\n", "\n"), "has 3 values where the header has 4"),
        (
            lambda text: text.replace("\t9\n", "\tnine\n"),
            r"line 4 \(ENSG00000000000.7\): has a value that is no number",
        ),
        (lambda text: text.replace("\t9\n", "\t\n"), r"line 4 \(ENSG00000000000.7\): has a value that is no number"),
        (lambda text: text.replace("GTEX-C3-0001-SM", "GTEX-Z9-0001-SM"), "1 of 4 samples are not in the attributes"),
        (lambda text: text.replace("GTEX-C3-0001-SM", "GTEX-A1-0001-SM"), "has a sample twice"),
    ],
)
def test_broken_gtex_files(gtex: tuple[Path, Path], change, problem: str) -> None:  # type: ignore[no-untyped-def]
    text = gzip.decompress(gtex[0].read_bytes()).decode()
    gtex[0].write_bytes(gzip.compress(change(text).encode()))
    with pytest.raises(InputError, match=problem):
        tidy(read_gct(*gtex))
    gtex[0].write_bytes(gzip.compress(text.encode())[:-20])
    with pytest.raises(InputError, match="cut off or damaged"):
        tidy(read_gct(*gtex))


def test_gtex_of_one_tissue_has_a_column_of_numbers(gtex: tuple[Path, Path]) -> None:
    wanted = tidy(read_gct(*gtex))
    lines = gzip.decompress(gtex[0].read_bytes()).decode().splitlines()
    numbered = ["id", "0", "1"]
    lines[2:] = [f"{number}\t{line}" for number, line in zip(numbered, lines[2:], strict=True)]
    path = gtex[0].with_name("gene_tpm_liver.gct")
    path.write_text("\n".join(lines) + "\n")
    pd.testing.assert_frame_equal(tidy(read_gct(path, gtex[1])), wanted)
    path.write_text("\n".join([*lines, "2\tENSG00000000003.1\tG3\t1\t2"]) + "\n")
    with pytest.raises(InputError, match=r"line 6 \(ENSG00000000003.1\): has 2 values where the header has 4"):
        tidy(read_gct(path, gtex[1]))
    path.write_text("\n".join([*lines, "ENSG00000000003.1"]) + "\n")
    with pytest.raises(InputError, match="has 0 values where the header has 4"):
        tidy(read_gct(path, gtex[1]))


def test_a_gct_of_one_sample_is_a_donors(shared: Path, gtex: tuple[Path, Path]) -> None:
    path = shared / "realfiles/getzlab_rnaseqc__test_data__chr1.output__chr1.bam.gene_tpm.gct.gz"
    source = read_gct(path, cohort="LAB", donor="D0", tissue="liver")
    assert [(each.donor, each.tissue) for each in source.samples] == [("D0", "liver")]
    table = tidy(source)
    lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    assert len(table) == int(lines[1].split("\t")[0]) == len(lines) - 3
    assert table["gene_id"].tolist() == [line.split("\t")[0] for line in lines[3:]]
    np.testing.assert_allclose(table["tpm"], [float(line.split("\t")[2]) for line in lines[3:]], rtol=1e-6)
    with pytest.raises(InputError, match="has 1 samples, and nothing says whose"):
        read_gct(path)
    with pytest.raises(InputError, match="has 4 samples, and nothing says whose"):
        read_gct(gtex[0], donor="D0", tissue="liver")


def source_with(name: str, samples: list[tuple[str, str, str]], rows: dict[str, list[float]]) -> ExpressionSource:
    arrays = {gene: np.array(values, dtype=np.float32) for gene, values in rows.items()}
    return ExpressionSource(
        Path(name), "LAB", tuple(Sample(*each) for each in samples), lambda: iter(arrays.items()), {}
    )


def test_replicates_become_one_sample_on_the_scale_that_is_stored(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Of one file and of two; zeros count among what was measured, values that were not measured do not."""
    genes, nan = [f"ENSG{row:011d}" for row in range(3)], float("nan")
    first = source_with(
        "a.tsv",
        [("s0", "A", "liver"), ("s1", "B", "liver"), ("s2", "A", "Liver"), ("s3", "A", "lcl")],
        {genes[0]: [3, 5, 0, 7], genes[1]: [0, 1, 0, 2], genes[2]: [nan, 4, 8, nan]},
    )
    second = source_with("b.tsv", [("s4", "C", "liver"), ("s5", "A", "liver")], {genes[0]: [6, 9], genes[1]: [1, 0]})
    found = harmonize([first, second], gene_table(3), TISSUES, tmp_path / "out", least_nonzero=1)
    names = found.samples["sample"].to_pylist()
    assert names == ["s0", "s1", "s3", "s4"]
    values = {
        (names[sample], genes[gene]): value
        for sample, gene, value in zip(found.sample.tolist(), found.gene.tolist(), found.value.tolist(), strict=True)
    }
    expected = {
        ("s0", genes[0]): np.mean(np.log1p([3, 0, 9])),
        ("s0", genes[2]): np.log1p(8),
        ("s1", genes[0]): np.log1p(5),
        ("s1", genes[1]): np.log1p(1),
        ("s1", genes[2]): np.log1p(4),
        ("s3", genes[0]): np.log1p(7),
        ("s3", genes[1]): np.log1p(2),
        ("s4", genes[0]): np.log1p(6),
        ("s4", genes[1]): np.log1p(1),
    }
    assert values == pytest.approx(expected, rel=1e-6)
    reports = found.report["cohorts"]
    assert reports["LAB (a.tsv)"]["replicates"] == {"samples": 3, "become": 1}
    assert reports["LAB (b.tsv)"]["replicates"] == {"samples": 0, "become": 0}
    # Seven measured values of the three replicates are three means, of which one is 0.
    assert reports["LAB (a.tsv)"]["values_dropped"] == {"averaged with a replicate": 4, "not measured": 2, "zero": 1}
    assert "2 samples are replicates" in caplog.text
    assert sum(entry["values"] for entry in reports.values()) == len(found)


def test_mage_counts_become_tpm(tmp_path: Path) -> None:
    (tmp_path / "counts.tsv").write_text("gene\tHG1\tHG2\nENSG1\t10\t0\nENSG2\t30\t5\n")
    (tmp_path / "lengths.tsv").write_text("gene\tlength\nENSG2\t300\nENSG1\t100\n")
    source = read_mage(tmp_path / "counts.tsv", tmp_path / "lengths.tsv")
    table = tidy(source).pivot(index="gene_id", columns="sample", values="tpm")
    # Rates: HG1 0.1 and 0.1, HG2 0 and 5/300.
    assert table.loc["ENSG1"].tolist() == [5e5, 0]
    assert table.loc["ENSG2"].tolist() == [5e5, 1e6]
    assert {each.tissue for each in source.samples} == {"lcl"}
    (tmp_path / "both.tsv").write_text("gene\tHG1\tHG2\nENSG1\t100\t100\nENSG2\t100\t100\n")
    table = tidy(read_mage(tmp_path / "counts.tsv", tmp_path / "both.tsv"))
    assert table[table["sample"] == "HG1"]["tpm"].tolist() == [2.5e5, 7.5e5]
    (tmp_path / "bad.tsv").write_text("gene\tlength\nENSG2\t300\n")
    with pytest.raises(InputError, match="has no length of 1 genes"):
        read_mage(tmp_path / "counts.tsv", tmp_path / "bad.tsv")
    (tmp_path / "bad.tsv").write_text("gene\tlength\nENSG2\t300\nENSG1\t0\n")
    with pytest.raises(InputError, match="not positive"):
        read_mage(tmp_path / "counts.tsv", tmp_path / "bad.tsv")


def test_encode(tmp_path: Path) -> None:
    path = tmp_path / "ENCFF1.tsv"
    path.write_text(
        "gene_id\tlength\tTPM\tFPKM\n10904\t93\t0.00\t0\nENSG00000000001.5\t1\t3.5\t2\nENSG00000000002.5\t1\t0.0\t2\n"
    )
    source = read_encode(path, donor="K562", tissue="K562")
    assert source.is_cell_line
    assert tidy(source)[["sample", "gene_id", "tpm"]].to_numpy().tolist() == [
        ["ENCFF1", "ENSG00000000001.5", 3.5],
        ["ENCFF1", "ENSG00000000002.5", 0.0],
    ]
    path.write_text("gene_id\tlength\nENSG1\t1\n")
    with pytest.raises(InputError, match="has no column TPM"):
        read_encode(path, donor="K562", tissue="K562")


def test_microarrays(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    values = rng.uniform(10, 100, size=(5, 4))
    values[4] = 1.0  # too dark
    table = pd.DataFrame(values, index=[f"p{row}" for row in range(5)], columns=["S1", "S2", "S3", "S4"])
    table.to_csv(tmp_path / "array.csv", index_label="probe")
    (tmp_path / "probes.csv").write_text("probe,symbol\np0,G0\np1,G0\np2,G1 || G2\np3,G0\np4,G3\n")
    bright = table.median(axis=1) >= np.median(values)
    rin = {"S1": 8.0, "S2": 7.0, "S3": 5.0, "S4": 9.0}
    source = read_microarray(
        tmp_path / "array.csv", tmp_path / "probes.csv", cohort="ADNI", tissue="whole blood", rin=rin
    )
    assert source.left_out == {"RIN not above 6": 1}
    kept = table[["S1", "S2", "S4"]]
    usable = kept.median(axis=1) >= np.median(kept)
    expected = {}
    for gene, probes in {"G0": ["p0", "p1", "p3"], "G1": ["p2"], "G2": ["p2"]}.items():
        rows = [probe for probe in probes if usable[probe]]
        if rows:
            expected[gene] = kept.loc[rows].median(axis=0)
    wanted = quantile_normalized(np.stack(list(expected.values())))
    found = tidy(source).pivot(index="gene_id", columns="sample", values="tpm")
    assert set(found.index) == set(expected)
    np.testing.assert_allclose(found.loc[list(expected)].to_numpy(), wanted, rtol=1e-6)
    assert not bright["p4"]


def test_quantile_normalisation_by_hand() -> None:
    values = np.array([[5.0, 4.0], [2.0, 1.0], [3.0, 4.0]])
    # Sorted means 1.5, 3.5, 4.5; the tie of the second column gets the mean of its two.
    np.testing.assert_allclose(quantile_normalized(values), [[4.5, 4.0], [1.5, 1.5], [3.5, 4.0]])
    many = np.random.default_rng(0).normal(size=(200, 3))
    normal = quantile_normalized(many)
    np.testing.assert_allclose(np.sort(normal, axis=0), np.sort(normal, axis=0)[:, :1] * np.ones(3))
    assert stats.spearmanr(many[:, 1], normal[:, 1]).statistic == pytest.approx(1)


def test_tidy_tables(tmp_path: Path) -> None:
    rows = pd.DataFrame(
        {
            "donor": ["A", "A", "B"],
            "tissue": ["liver", "liver", "liver"],
            "gene_id": ["ENSG1", "ENSG2", "ENSG1"],
            "tpm": [1.0, 2.0, 3.0],
        }
    )
    for name, write in (("t.csv", lambda p: rows.to_csv(p, index=False)), ("t.parquet", rows.to_parquet)):
        write(tmp_path / name)
        source = read_tidy(tmp_path / name)
        assert [each.sample for each in source.samples] == ["A|liver", "B|liver"]
        assert tidy(source)[["donor", "gene_id", "tpm"]].to_numpy().tolist() == [
            ["A", "ENSG1", 1.0],
            ["B", "ENSG1", 3.0],
            ["A", "ENSG2", 2.0],
        ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("donor,tissue,tpm\nA,liver,1\n", "has no column gene_id"),
        ("donor,tissue,gene_id,tpm\nA,liver,E,x\n", "tpm is 'x', no number"),
        ("donor,tissue,gene_id,tpm\nA,liver,E,-1\n", "tpm is negative"),
        ("donor,tissue,gene_id,tpm\nA,liver,E,1\nA,liver,E,2\n", "has a gene twice in a sample"),
        ("sample,donor,tissue,gene_id,tpm\nS,A,liver,E,1\nS,B,liver,F,2\n", "a sample of several donors"),
    ],
)
def test_broken_tidy_tables(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(InputError, match=problem):
        read_tidy(tmp_path / "t.csv")


def test_a_tidy_table_of_another_scale_has_values_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "k562.csv").write_text("donor,tissue,gene_id,value\nK562,K562,ENSG1,-0.5\nK562,K562,ENSG2,0\n")
    source = read_tidy(tmp_path / "k562.csv", scale="log10_cage", is_cell_line=True)
    assert (source.scale, source.is_cell_line, source.is_tpm) == ("log10_cage", True, False)
    assert {name: values.tolist() for name, values in source.values()} == {"ENSG1": [-0.5], "ENSG2": [0.0]}
    with pytest.raises(InputError, match="tpm"):
        read_tidy(tmp_path / "k562.csv")


def test_h5ad(tmp_path: Path) -> None:
    anndata = pytest.importorskip("anndata")
    obs = pd.DataFrame({"donor": ["A", "B"], "tissue": ["liver", "lcl"]}, index=["s1", "s2"])
    var = pd.DataFrame(index=["ENSG1", "ENSG2", "ENSG3"])
    anndata.AnnData(X=np.arange(6, dtype=np.float32).reshape(2, 3), obs=obs, var=var).write_h5ad(tmp_path / "x.h5ad")
    table = tidy(read_anndata(tmp_path / "x.h5ad"))
    assert table.pivot(index="sample", columns="gene_id", values="tpm").to_numpy().tolist() == [[0, 1, 2], [3, 4, 5]]
    with pytest.raises(InputError, match="has no layer counts"):
        read_anndata(tmp_path / "x.h5ad", layer="counts")
    anndata.AnnData(X=np.ones((2, 3), np.float32), obs=obs[["donor"]], var=var).write_h5ad(tmp_path / "y.h5ad")
    with pytest.raises(InputError, match="no column tissue"):
        read_anndata(tmp_path / "y.h5ad")


def source_of(values: dict[str, list[float]], tissues: list[str], cohort: str = "C", **options) -> ExpressionSource:  # type: ignore[no-untyped-def]
    from variantformer_hf.data.expression_sources import Sample

    samples = tuple(Sample(f"s{n}", f"d{n}", tissue) for n, tissue in enumerate(tissues))
    rows = {gene: np.array(row, dtype=np.float32) for gene, row in values.items()}
    return ExpressionSource(Path(f"{cohort}.tsv"), cohort, samples, lambda: iter(rows.items()), {}, **options)


def test_what_is_dropped_and_why(tmp_path: Path) -> None:
    nan = float("nan")
    first = source_of(
        {
            "ENSG00000000000.9": [1, 2, 3, 4],
            "ENSG00000000001": [0, 0, 5, nan],
            "ENSG00000000002": [1, 10, 20, 30],  # non-coding
            "ENSG99999999999": [1, 1, 1, 1],
            "ENSG00000000000": [7, 7, 7, 7],
        },
        ["whole blood", "Whole_Blood", "liver", "liver"],
    )
    line = source_of({"ENSG00000000002": [0.01], "ENSG00000000000": [1]}, ["K562"], "ENCODE", is_cell_line=True)
    found = harmonize(
        [first, line], gene_table(4, noncoding=[2]), TISSUES, tmp_path / "out", least_nonzero=3, noncoding_percentile=50
    )
    # Thresholds of non-coding values: whole blood 5.5, liver 25. Gene 1 has one value above 0.
    names = list(zip(found.samples["sample"].to_pylist(), found.samples["cohort"].to_pylist(), strict=True))
    values = {
        (*names[sample], found.genes[gene]): value
        for sample, gene, value in zip(found.sample, found.gene, found.value, strict=True)
    }
    expected = {
        ("s0", "C", "ENSG00000000000.1"): 1,
        ("s1", "C", "ENSG00000000000.1"): 2,
        ("s2", "C", "ENSG00000000000.1"): 3,
        ("s3", "C", "ENSG00000000000.1"): 4,
        ("s1", "C", "ENSG00000000002.3"): 10,
        ("s3", "C", "ENSG00000000002.3"): 30,
        ("s0", "ENCODE", "ENSG00000000000.1"): 1,
        ("s0", "ENCODE", "ENSG00000000002.3"): 0.01,
    }
    assert set(values) == set(expected)
    for key, tpm in expected.items():
        assert values[key] == pytest.approx(np.log1p(tpm), rel=1e-5)
    dropped = found.report["cohorts"]["C"]["values_dropped"]
    assert dropped == {
        "zero": 2,
        "not measured": 1,
        "gene not in the table": 4,
        "gene twice in the file": 4,
        "gene with few values": 1,
        "non-coding, low for its tissue": 2,
    }
    assert found.report["noncoding_thresholds"] == {"whole blood": 5.5, "liver": 25.0}
    assert (found.report["values"], found.report["genes"], len(found)) == (8, 2, 8)
    assert found.samples["tissue"].to_pylist() == ["whole blood", "whole blood", "liver", "liver", "K562"]
    again = Expression.load(tmp_path / "out")
    np.testing.assert_array_equal(again.value, found.value)
    assert again.donors == ["d0", "d1", "d2", "d3"]


def test_a_symbol_of_one_gene_is_found(tmp_path: Path) -> None:
    source = source_of({"G1": [1.0] * 2, "G2": [2.0] * 2}, ["liver", "lcl"], gene_names="symbol")
    found = harmonize([source], gene_table(), TISSUES, tmp_path / "out", least_nonzero=1)
    assert {found.genes[g] for g in found.gene} == {"ENSG00000000001.2", "ENSG00000000002.3"}


@pytest.mark.parametrize(
    ("sources", "problem"),
    [
        (lambda: [source_of({"ENSG00000000000": [1.0]}, ["moon"])], "the tissue 'moon'"),
        (lambda: [source_of({"ENSG00000000000": [1.0]}, ["liver"])] * 2, "a sample that"),
        (lambda: [source_of({"ENSG00000000000": [-1.0]}, ["liver"])], "negative"),
        (lambda: [source_of({"ENSG00000000000": [np.inf]}, ["liver"])], "infinite"),
        (lambda: [source_of({"ENSG00000000000": [float("nan")]}, ["liver"])], "no value is left"),
        (lambda: [source_of({"ENSG00000000000": [1.0]}, ["liver"])], "no value is left"),  # one value, 20 are needed
    ],
)
def test_what_cannot_be_harmonised(tmp_path: Path, sources, problem: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match=problem):
        harmonize(sources(), gene_table(), TISSUES, tmp_path / "out")
    with pytest.raises(InputError, match="is no prepared expression"):
        Expression.load(tmp_path / "out")


NORMALIZED = """#chr\tstart\tend\tgene_id\tGTEX-A1\tGTEX-B2\tGTEX-C3
chr1\t10\t11\tENSG00000000000.7\t-1.5\t0.0\t1.25
chr1\t20\t21\tENSG00000000002.1\t0.5\t-0.25\tnan
chr1\t30\t31\tENSG00000000009.1\t1\t2\t3
chr1\t40\t41\tENSG00000000000.9\t3\t3\t3
"""


def normalized(folder: Path, tissue: str = "Whole_Blood", text: str = NORMALIZED) -> Path:
    path = folder / f"{tissue}.v8.normalized_expression.bed.gz"
    path.write_bytes(gzip.compress(text.encode()))
    return path


def test_gtex_normalized_expression_is_not_filtered_as_tpm_is(tmp_path: Path) -> None:
    """A zero, negative values, a gene of two values and a low one of a non-coding gene stay; the rest is counted."""
    source = read_normalized(normalized(tmp_path))
    assert [(each.sample, each.donor, each.tissue) for each in source.samples] == [
        (f"{donor}|Whole_Blood", donor, "Whole_Blood") for donor in ("GTEX-A1", "GTEX-B2", "GTEX-C3")
    ]
    other = read_normalized(normalized(tmp_path, "Liver"))
    found = harmonize([source, other], gene_table(4, noncoding=[2]), TISSUES, tmp_path / "out")
    assert found.scale == Expression.load(tmp_path / "out").scale == "inverse_normal"
    assert set(found.samples["tissue"].to_pylist()) == {"whole blood", "liver"}
    assert sorted(found.value.tolist()) == sorted([-1.5, 0.0, 1.25, 0.5, -0.25] * 2)
    report = found.report["cohorts"]["GTEx (Whole_Blood.v8.normalized_expression.bed.gz)"]
    assert report["values_dropped"] == {"gene not in the table": 3, "gene twice in the file": 3, "not measured": 1}
    assert (found.report["values"], found.report["genes"], found.report["genes_with_few_values"]) == (10, 2, 0)
    table = pa.Table.from_batches(source.batches(), schema=source.schema).to_pandas()
    assert table["value"].tolist()[:3] == [-1.5, 0.0, 1.25]
    assert len(read_normalized(normalized(tmp_path), tissue="liver").samples) == 3


def test_replicates_of_z_scores_become_their_mean(tmp_path: Path) -> None:
    text = NORMALIZED.splitlines()
    twice = normalized(tmp_path, text="\n".join(text[:2]) + "\n")
    first = read_normalized(twice, tissue="liver")
    second = read_normalized(normalized(tmp_path, "Other", "\n".join([text[0], "c\t1\t2\tENSG00000000000\t1\t1\t1"])))
    second = replace(second, samples=tuple(replace(each, tissue="Liver") for each in second.samples))
    found = harmonize([first, second], gene_table(), TISSUES, tmp_path / "out")
    assert found.value.tolist() == [-0.25, 0.5, 1.125]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda text: text.replace("gene_id", "gene"), "is no normalized expression of GTEx"),
        (lambda text: "", "is no normalized expression of GTEx"),
        (lambda text: text.replace("GTEX-B2", "GTEX-A1"), "has a sample twice"),
        (lambda text: text.replace("\t1.25", ""), r"line 2 \(ENSG00000000000.7\): has 2 values where the header has 3"),
        (lambda text: text.replace("1.25", "high"), r"line 2 \(ENSG00000000000.7\): has a value that is no number"),
        (lambda text: text.replace("1.25", "inf"), "has an infinite value"),
    ],
)
def test_broken_normalized_expression(tmp_path: Path, change, problem: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match=problem):
        harmonize(
            [read_normalized(normalized(tmp_path, text=change(NORMALIZED)))], gene_table(), TISSUES, tmp_path / "o"
        )


def test_normalized_expression_of_a_tissue_that_nothing_names(tmp_path: Path) -> None:
    path = normalized(tmp_path).rename(tmp_path / "mine.bed.gz")
    with pytest.raises(InputError, match="nothing says of which tissue it is"):
        read_normalized(path)
    assert read_normalized(path, tissue="liver").samples[0].tissue == "liver"


def test_scales_are_not_mixed(tmp_path: Path) -> None:
    sources = [source_of({"ENSG00000000000": [1.0]}, ["liver"]), read_normalized(normalized(tmp_path))]
    with pytest.raises(InputError, match=r"its values are inverse_normal, and those of .* are log1p_tpm"):
        harmonize(sources, gene_table(), TISSUES, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("unit", [None, "inverse_normal"])
def test_folders_from_before_scales_are_read(tmp_path: Path, unit: str | None) -> None:
    """The values' file was called by the one scale that there was, and another unit was in the report."""
    made = harmonize(
        [source_of({"ENSG00000000000": [1.0, 2.0]}, ["liver", "lcl"])],
        gene_table(),
        TISSUES,
        tmp_path / "x",
        least_nonzero=1,
    )
    content = json.loads((tmp_path / "x" / "expression.json").read_text())
    del content["scale"]
    content["report"] |= {} if unit is None else {"unit": unit}
    (tmp_path / "x" / "expression.json").write_text(json.dumps(content))
    (tmp_path / "x" / "value.bin").rename(tmp_path / "x" / "log1p_tpm.bin")
    found = Expression.load(tmp_path / "x")
    assert found.scale == (unit or "log1p_tpm")
    np.testing.assert_array_equal(found.value, made.value)
    assert found.with_values(tmp_path / "y", -found.value, "inverse_normal").scale == "inverse_normal"


def test_a_folder_that_is_taken(tmp_path: Path) -> None:
    source = source_of({"ENSG00000000000": [1.0]}, ["liver"])
    harmonize([source], gene_table(), TISSUES, tmp_path / "out", least_nonzero=1)
    with pytest.raises(InputError, match="already holds"):
        harmonize([source], gene_table(), TISSUES, tmp_path / "out", least_nonzero=1)
