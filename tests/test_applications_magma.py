"""MAGMA's gene-property analysis: against statsmodels, against draws without an effect, and of files that are bad."""

import gzip
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from magma_case import simulated, write_raw
from scipy import stats

from variantformer_hf.applications.magma.gene_ids import match_genes, read_gene_map
from variantformer_hf.applications.magma.gene_properties import GeneProperties, read_gene_properties
from variantformer_hf.applications.magma.gene_statistics import GeneStatistics, read_gene_statistics
from variantformer_hf.applications.magma.regression import gene_property_test
from variantformer_hf.applications.magma.separability import separability
from variantformer_hf.errors import InputError
from variantformer_hf.genome.genes import Gene, GeneTable


def properties_of(statistics: GeneStatistics, values: np.ndarray) -> GeneProperties:
    names = [f"tissue_{number}" for number in range(values.shape[1])]
    return GeneProperties(Path("scores.tsv"), names, statistics.genes, range(2, 2 + len(values)), values)


def by_statsmodels(statistics: GeneStatistics, whole: np.ndarray, column: np.ndarray) -> tuple[float, float, float]:
    """b, its standard error and one-sided p of generalised least squares."""
    api = pytest.importorskip("statsmodels.api")
    assert statistics.n_samples is not None
    assert statistics.mac is not None
    density = statistics.n_parameters / statistics.n_snps
    controls = np.stack([statistics.n_parameters, density, 1 / statistics.mac, statistics.n_samples], axis=1)
    controls = np.hstack([controls, np.log(controls)])
    scaled = (controls - controls.mean(axis=0)) / controls.std(axis=0)
    design = np.hstack([np.ones((len(column), 1)), scaled, column[:, None]])
    fit = api.GLS(statistics.z, design, sigma=whole).fit()
    p = fit.pvalues[-1] / 2
    return fit.params[-1], fit.bse[-1], p if fit.params[-1] > 0 else 1 - p


def test_it_is_generalised_least_squares_of_300_correlated_genes() -> None:
    statistics, whole = simulated()
    values = np.random.default_rng(1).standard_normal((300, 3)) * [1.0, 40.0, 0.01] + [0.0, 7.0, 3.0]
    table = gene_property_test(statistics, properties_of(statistics, values)).table
    assert table["NGENES"].tolist() == [300] * 3
    for row, column in enumerate(values.T):
        expected = by_statsmodels(statistics, whole, column)
        np.testing.assert_allclose(table.loc[row, ["BETA", "SE", "P"]].astype(float), expected, rtol=1e-8)
    np.testing.assert_allclose(table["BETA_STD"], table["BETA"] * values.std(axis=0, ddof=1), rtol=1e-12)
    np.testing.assert_allclose(table["P_BONFERRONI"], np.minimum(1, 3 * table["P"]))


def test_genes_that_are_left_out_leave_the_correlations_of_the_others() -> None:
    statistics, whole = simulated()
    rng = np.random.default_rng(2)
    kept = np.sort(rng.choice(300, 180, replace=False))
    values = rng.standard_normal((180, 1))
    order = rng.permutation(180)
    properties = GeneProperties(
        Path("s.tsv"), ["t"], [statistics.genes[kept[row]] for row in order], range(180), values[order]
    )
    found = gene_property_test(statistics, properties)
    assert found.tested.tolist() == kept.tolist()
    blocks = [*statistics.blocks(kept)]
    start = 0
    for block in blocks:
        rows = kept[start : start + len(block)]
        np.testing.assert_array_equal(block, whole[np.ix_(rows, rows)])
        start += len(block)
    assert (start, found.counts["blocks"]) == (180, len(blocks))
    part = GeneStatistics(
        statistics.path,
        [statistics.genes[row] for row in kept],
        [statistics.chromosomes[row] for row in kept],
        *(column[kept] for column in (statistics.n_snps, statistics.n_parameters)),
        statistics.n_samples[kept],  # type: ignore[index]
        statistics.mac[kept],  # type: ignore[index]
        statistics.z[kept],
        [],
    )
    expected = by_statsmodels(part, whole[np.ix_(kept, kept)], values[:, 0])
    np.testing.assert_allclose(found.table.loc[0, ["BETA", "SE", "P"]].astype(float), expected, rtol=1e-8)


@pytest.mark.parametrize("as_magma", [False, True])
def test_p_is_uniform_where_there_is_no_effect(as_magma: bool) -> None:
    """500 draws of a property with correlations of its own, 50 of them for each of 10 draws of Z scores."""
    statistics, whole = simulated(40)
    rng = np.random.default_rng(3)
    root = np.linalg.cholesky(whole)
    found: list[float] = []
    for _ in range(10):
        statistics.z[:] = root @ rng.standard_normal(120)
        values = properties_of(statistics, root @ rng.standard_normal((120, 50)))
        found += gene_property_test(statistics, values, as_magma=as_magma).table["P"].tolist()
    assert stats.kstest(found, "uniform").pvalue > 0.01
    assert 0.02 < np.mean(np.array(found) < 0.05) < 0.09


def test_an_effect_is_found_on_its_own_side() -> None:
    statistics, _ = simulated()
    values = np.stack([statistics.z, -statistics.z], axis=1) + np.random.default_rng(4).standard_normal((300, 2))
    table = gene_property_test(statistics, properties_of(statistics, values)).table
    assert table["P"][0] < 1e-10
    assert table["P"][1] > 1 - 1e-10


def test_a_matrix_that_is_not_positive_definite_is_repaired_and_said() -> None:
    """Genes of one chromosome: two that are the same gene, or correlations that no numbers can have."""
    statistics, _ = simulated()
    values = properties_of(statistics, np.random.default_rng(5).standard_normal((300, 2)))
    sound = gene_property_test(statistics, values)
    assert sound.counts["blocks_not_positive_definite"] == sound.counts["components_left_out"] == 0
    for wrong in ([0.9, -0.9, 0.9], [1.0]):
        rows = [row.copy() for row in statistics.correlations]
        rows[50][-len(wrong) :] = wrong
        rows[51][-len(wrong) :] = wrong[::-1]
        changed = replace(statistics, correlations=rows)
        assert min(np.linalg.eigvalsh(block).min() for block in changed.blocks(np.arange(300))) < 1e-6
        found = gene_property_test(changed, values)
        assert found.counts["blocks_not_positive_definite"] == 1
        assert found.counts["components_left_out"] > 0
        assert (
            found.counts["degrees_of_freedom"]
            == sound.counts["degrees_of_freedom"] - found.counts["components_left_out"]
        )
        assert np.isfinite(found.table[["BETA", "SE", "P"]]).all(axis=None)


def test_values_are_clipped_when_asked() -> None:
    statistics, _ = simulated()
    statistics.z[:2] = [-9, 60]
    values = np.random.default_rng(6).standard_normal((300, 1))
    values[7] = 1_000
    plain = gene_property_test(statistics, properties_of(statistics, values))
    assert "clipped_z" not in plain.counts
    found = gene_property_test(statistics, properties_of(statistics, values), truncate=True)
    assert found.counts["clipped_values"] == 1
    high = statistics.z.mean() + 6 * statistics.z.std(ddof=1)
    assert found.counts["clipped_z"] == ((statistics.z < -3) | (statistics.z > high)).sum() > 1
    clipped = values.clip(None, values.mean() + 5 * values.std(ddof=1))
    assert found.table["BETA_STD"][0] == pytest.approx(found.table["BETA"][0] * clipped.std(ddof=1))


def test_as_magma_is_its_arithmetic_step_by_step() -> None:
    """The same by whole matrices: R to the power 1.1, its pseudoinverse, Z without the controls, then b."""
    statistics, whole = simulated(seed=7, strength=1.5)
    assert statistics.n_samples is not None
    assert statistics.mac is not None
    values = np.random.default_rng(8).standard_normal((300, 1))
    found = gene_property_test(statistics, properties_of(statistics, values), as_magma=True).table.loc[0]
    eigenvalues, vectors = np.linalg.eigh(whole**1.1)
    kept = eigenvalues > 0.1
    assert not kept.all()
    inverse = vectors[:, kept] / eigenvalues[kept] @ vectors[:, kept].T
    ones, x = np.ones((300, 1)), values / values.std(ddof=1) - values.mean() / values.std(ddof=1)
    controls = np.stack([statistics.n_snps, statistics.n_parameters, statistics.n_samples, 1 / statistics.mac], axis=1)
    controls = np.hstack([controls, np.log(controls)])
    mean, spread = controls.mean(axis=0), controls.std(axis=0, ddof=1)
    controls = controls.clip(mean - 5 * spread, mean + 5 * spread)
    design = np.hstack([ones, (controls - controls.mean(axis=0)) / controls.std(axis=0, ddof=1)])
    z = statistics.z.clip(-3)
    z = z - design @ np.linalg.solve(design.T @ inverse @ design, design.T @ inverse @ z)
    model = np.hstack([ones, x])
    covariance = np.linalg.inv(model.T @ inverse @ model)
    beta = covariance @ model.T @ inverse @ z
    left = z - model @ beta
    freedom = kept.sum() - 2
    error = np.sqrt(covariance[1, 1] * (left @ inverse @ left) / freedom)
    assert found["BETA_STD"] == pytest.approx(beta[1], rel=1e-8)
    assert found["SE"] * values.std(ddof=1) == pytest.approx(error, rel=1e-8)
    assert found["P"] == pytest.approx(stats.t.sf(beta[1] / error, freedom), rel=1e-8)


def test_a_property_without_a_number_says_why() -> None:
    statistics, _ = simulated()
    values = np.random.default_rng(9).standard_normal((300, 3))
    values[:, 1] = 0.1
    values[:, 2] = np.log(statistics.n_parameters) * 3 - 1
    table = gene_property_test(statistics, properties_of(statistics, values)).table
    assert table["status"].tolist() == ["ok", "constant", "collinear"]
    assert table["BETA"].isna().tolist() == table["P_BONFERRONI"].isna().tolist() == [False, True, True]
    assert table["P_BONFERRONI"][0] == table["P"][0]


def test_a_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    statistics, _ = simulated(20)
    path = write_raw(statistics, tmp_path / "gwas.genes.raw")
    packed = tmp_path / "gwas.genes.raw.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    for each in (path, packed):
        found = read_gene_statistics(each)
        assert (found.genes, found.chromosomes) == (statistics.genes, statistics.chromosomes)
        for name in ("n_snps", "n_parameters", "n_samples", "mac", "z"):
            np.testing.assert_array_equal(getattr(found, name), getattr(statistics, name))
        for row, expected in zip(found.correlations, statistics.correlations, strict=True):
            np.testing.assert_array_equal(row, expected)


def test_the_columns_are_those_that_the_header_names(tmp_path: Path) -> None:
    path = tmp_path / "gwas.genes.raw"
    path.write_text("# VERSION = 110\n# COVAR = NSAMP\n7157 17 1 2 30 9 5000 1.5\n672 17 5 6 40 8 5000 -0.5 0.25\n")
    found = read_gene_statistics(path)
    assert found.mac is None
    assert found.n_samples is not None
    assert (found.n_samples.tolist(), found.z.tolist()) == ([5000, 5000], [1.5, -0.5])
    assert found.correlations[1].tolist() == [0.25]


LINE = "A 1 10 20 30 9 5000 120.5 1.5\nB 1 30 40 30 9 5000 99 -0.5 0.25\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (LINE[:-2], "line 2: the line does not end: the file is cut off"),
        (LINE[:-12], "line 2: gene B: has 8 fields, and a gene has 9 or more"),
        (LINE.replace("120.5", "0"), "line 1: gene A: MAC is 0. It must be above 0"),
        (LINE.replace("30 9 5000 99", "30 0 5000 99"), "line 2: gene B: NPARAM is 0. It must be above 0"),
        (LINE.replace("30 9 5000 99", "0 9 5000 99"), "line 2: gene B: NSNPS is 0. It must be above 0"),
        (LINE.replace("1.5", "NA"), "line 1: gene A: ZSTAT is 'NA', no number"),
        (LINE.replace("B", "A"), "line 2: gene A: the gene is that of line 1 too. Keep one of them"),
        (LINE.replace("0.25", "0.5 0.25"), "line 2: gene B: has 2 correlations, and at most 1 genes before it can"),
        (LINE.replace("B 1", "B 2"), "line 2: gene B: has 1 correlations, and at most 0 genes before it can"),
        (LINE.replace("0.25", "1.25"), "line 2: gene B: a correlation is 1.25"),
        (LINE.replace("0.25", "nan"), "line 2: gene B: a correlation is nan"),
        (LINE.replace("0.25", "r"), "line 2: gene B: a correlation is no number"),
        ("# COVAR = NSAMP MAC PC1\n" + LINE, "line 1: has a column PC1, and only NSAMP and MAC are known"),
        ("# VERSION = 110\n", "has no gene"),
        ("", "has no gene"),
        ("\udcff", "is not UTF-8 text"),
    ],
)
def test_a_bad_file_of_a_gwas_is_refused_by_its_line(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "gwas.genes.raw"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(InputError) as error:
        read_gene_statistics(path)
    assert str(error.value).startswith(f"{path}: {said}")
    assert error.value.remedy


def test_a_missing_line_is_noticed(tmp_path: Path) -> None:
    statistics, _ = simulated(20)
    path = write_raw(statistics, tmp_path / "gwas.genes.raw")
    lines = path.read_text().splitlines(keepends=True)
    del lines[4]
    path.write_text("".join(lines))
    with pytest.raises(InputError, match=r"line 5: gene G3: has 3 correlations, and at most 2 genes .* A line before"):
        read_gene_statistics(path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("GENE a b\nA 1\n", "line 2: gene A: has 2 fields, and the header has 3"),
        ("GENE a b\nA 1 x\n", "line 2: gene A: 'x' is no number"),
        ("GENE a b\nA 1 inf\n", "line 2: gene A: 'inf' is no number"),
        ("GENE,a\nA,1\n", "has no column of numbers. Write a header"),
        ("GENE a a\nA 1 2\n", "has two columns a"),
        ("GENE a\nA 1\n\nA 2\n", "line 4: gene A: the gene is that of line 2 too"),
        ("GENE\nA\n", "has no column of numbers"),
        ("GENE a\n", "has no gene"),
        ("", "has no column of numbers"),
    ],
)
def test_a_bad_file_of_properties_is_refused_by_its_line(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "scores.tsv"
    path.write_text(text)
    with pytest.raises(InputError) as error:
        read_gene_properties(path)
    assert str(error.value).startswith(f"{path}: {said}")


def test_properties_are_read_by_any_blank_and_na_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "scores.txt"
    path.write_text("# made by hand\nGENE liver\tblood\nA 1 NA\nB\t2e-3 4\n")
    found = read_gene_properties(path)
    assert (found.names, found.genes, found.lines) == (["liver", "blood"], ["A", "B"], [3, 4])
    np.testing.assert_array_equal(found.values, [[1, np.nan], [0.002, 4]])


def test_ids_that_do_not_match_are_shown() -> None:
    statistics, _ = simulated(40)
    values = np.random.default_rng(10).standard_normal((120, 1))
    others = GeneProperties(Path("s.tsv"), ["t"], [f"ENSG{row}" for row in range(120)], range(2, 122), values)
    with pytest.raises(
        InputError, match=r"s.tsv: line 2: gene ENSG0: 0 of its 120 genes .* begins with G0; at least 100"
    ):
        gene_property_test(statistics, others)
    values[:30] = np.nan
    with pytest.raises(
        InputError, match=r"scores.tsv: column tissue_0: 90 numbers: 90 of 120 genes have a number in all"
    ):
        gene_property_test(statistics, properties_of(statistics, values))
    values[10:30] = 1.0
    counts = gene_property_test(statistics, properties_of(statistics, values)).counts
    assert (counts["genes_in_both"], counts["genes_with_a_missing_number"], counts["genes_tested"]) == (120, 10, 110)


def test_the_table_has_magmas_columns() -> None:
    statistics, _ = simulated()
    table: pd.DataFrame = gene_property_test(
        statistics, properties_of(statistics, np.random.default_rng(11).standard_normal((300, 2)))
    ).table
    assert [*table.columns] == ["VARIABLE", "TYPE", "NGENES", "BETA", "BETA_STD", "SE", "P", "P_BONFERRONI", "status"]
    assert set(table["TYPE"]) == {"COVAR"}


def test_scores_are_mean_distances_from_the_controls_centroid() -> None:
    """By hand: controls at 0 and 2 on a line, centroid 1; distances 1, 1, 4 and, in the second tissue, of all 0."""
    vectors = np.array([[[0.0, 3.0], [5, 5]], [[2, 3], [5, 5]], [[5, 3], [5, 5]]], dtype=np.float16)
    assert separability(vectors, np.array([True, True, False])).tolist() == [2, 0]
    rng = np.random.default_rng(12)
    vectors, is_control = rng.standard_normal((20, 3, 7)), rng.random(20) < 0.5
    expected = [
        np.mean([np.linalg.norm(row - vectors[is_control, tissue].mean(axis=0)) for row in vectors[:, tissue]])
        for tissue in range(3)
    ]
    np.testing.assert_allclose(separability(vectors, is_control), expected, rtol=1e-12)
    vectors[3, 1, 2] = np.nan
    assert np.isnan(separability(vectors, is_control)).tolist() == [False, True, False]


def gene(gene_id: str, name: str) -> Gene:
    return Gene(gene_id, name, "chr1", 1, 2, "+")


def test_genes_match_by_id_without_its_version_by_symbol_or_by_a_map(tmp_path: Path) -> None:
    genes = GeneTable(
        [gene("ENSG01.3", "TP53"), gene("ENSG02.1", "BRCA1"), gene("ENSG03.9", "RP1.2"), gene("ENSG04", "RP1.3")]
    )
    plain = match_genes(genes, ["ENSG01.7", "BRCA1", "RP1.2", "RP1", "OTHER"])
    assert (plain.unknown, plain.ambiguous) == (1, 0)
    assert plain.ids == {"ENSG01.3": "ENSG01.7", "ENSG02.1": "BRCA1", "ENSG03.9": "RP1.2"}
    table = tmp_path / "map.tsv"
    rows = ["ENSG01.5\tTP53\t7157", "ENSG02\tBRCA1\t672", "ENSG03\t\tNA", "ENSG04\tDUP\t11", "ENSG04\tDUP\t12"]
    table.write_text("\n".join(["gene_id\tsymbol\tentrez_id", *rows]) + "\n")
    found = match_genes(genes, ["7157", "672", "11", "12", "99"], read_gene_map(table))
    assert (dict(found.ids), found.unknown, found.ambiguous) == ({"ENSG01.3": "7157", "ENSG02.1": "672"}, 1, 1)
    # Of the two that stand in the map only one is in the GWAS.
    assert match_genes(genes, ["12"], read_gene_map(table)).ids == {"ENSG04": "12"}
    # Two genes that would be one gene of the GWAS are none.
    table.write_text("gene_name\tentrez_id\nTP53\t7157\nBRCA1\t7157\n")
    shared = match_genes(genes, ["7157"], read_gene_map(table))
    assert (dict(shared.ids), shared.ambiguous) == ({}, 2)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("gene,entrez\nA,1\n", "has the columns gene,entrez"),
        ("gene_id\tentrez_id\nA\t1\nB\n", "line 3: has 1 fields, and the header has 2"),
        ("gene_id\tentrez_id\nA\tNA\n", "no row has a gene and an entrez_id"),
        ("", "has the columns"),
    ],
)
def test_a_bad_map_of_genes_is_refused(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "map.tsv"
    path.write_text(text)
    with pytest.raises(InputError) as error:
        read_gene_map(path)
    assert str(error.value).startswith(f"{path}: {said}")
    assert error.value.remedy
