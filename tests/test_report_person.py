"""What the page of a person is made of: the matrix, what of it is shown, clusters, colours, bars."""

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from report_case import GENES, QUOTES, SCRIPT, TISSUES, VALUES, match_report, predictions
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import pdist

from variantformer_hf.errors import InputError
from variantformer_hf.report.bars import Against, axis_ticks, bars
from variantformer_hf.report.colour_scale import ColourScale
from variantformer_hf.report.expression_matrix import ExpressionMatrix, most_different
from variantformer_hf.report.heatmap import clustering, heatmap
from variantformer_hf.report.match_summary import NO_REPORT, report_warnings, used_of_dataset, used_records
from variantformer_hf.report.meanings import FLAG_MEANINGS, STATUS_MEANINGS
from variantformer_hf.zoo.statuses import STATUSES

LIGHT = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
NUMBERS = st.floats(-1e6, 1e6, width=32) | st.just(float("nan"))


def matrix(table: pd.DataFrame | None = None) -> ExpressionMatrix:
    rows = (predictions() if table is None else table).fillna({"reason": ""})
    return ExpressionMatrix.of_rows(rows.assign(value=rows["log1p_tpm"]), "P1", "log1p_tpm")


def test_rows_in_any_order_are_the_matrix() -> None:
    found = matrix()
    np.testing.assert_array_equal(found.values, VALUES)
    assert (found.tissues, found.unit) == (TISSUES, "log1p TPM")
    assert found.genes["label"].tolist() == list(GENES.values())
    assert found.endings() == {"ok": 14, "all_skipped": 5, "not_fitted": 1}
    turned = matrix(predictions().iloc[::-1])
    np.testing.assert_array_equal(turned.values, VALUES[::-1, ::-1])
    np.testing.assert_array_equal(turned.in_places_of(found), VALUES)


def test_what_the_other_lacks_has_no_number() -> None:
    part = matrix(predictions().query("tissue != 'lung' and gene_name != 'APOE'"))
    found = part.in_places_of(matrix())
    assert np.isnan(found[0]).all() and np.isnan(found[:, 1]).all()
    np.testing.assert_array_equal(found[1:, [0, 2, 3, 4]], VALUES[1:][:, [0, 2, 3, 4]])


def test_genes_of_one_name_are_told_apart() -> None:
    table = predictions().replace({"gene_name": {"LDLR": "APOE"}})
    found = matrix(table)
    assert found.genes["label"].tolist()[0] == "APOE (ENSG00000000001.1)"
    with pytest.raises(InputError, match="2 genes of the table have this name"):
        found.find_genes(["apoe"])
    assert found.find_genes(["ENSG00000000004", QUOTES, "ensg00000000004.1"]) == [3, 2]


def test_an_unknown_gene_is_named_with_what_is_near() -> None:
    with pytest.raises(InputError, match=r"APOF.*APOE"):
        matrix().find_genes(["APOF"])


def test_infinity_is_no_number() -> None:
    table = predictions()
    table.loc[0, "log1p_tpm"] = np.inf
    assert np.isnan(matrix(table).values[0, 0])


@LIGHT
@given(arrays(np.float32, st.tuples(st.integers(1, 8), st.integers(1, 5)), elements=NUMBERS), st.integers(1, 9))
def test_those_that_differ_most_are_what_numpy_says(values: np.ndarray, n: int) -> None:
    by_size = [np.nanmax(np.abs(row)) if np.isfinite(row).any() else -1.0 for row in values]
    by_spread = [np.nanstd(row.astype(float)) if np.isfinite(row).any() else -1.0 for row in values]
    for measure, are_differences in ((by_size, True), (by_spread, False)):
        found = most_different(values, n, are_differences=are_differences)
        assert len(found) == len(set(found)) == min(n, len(values))
        shown = [measure[row] for row in found]
        assert shown == pytest.approx(sorted(measure, reverse=True)[:n], rel=1e-4, abs=1e-4)


def test_what_is_alike_lies_side_by_side() -> None:
    values = np.array([[0.0, 0], [10, 10], [0.1, 0], [np.nan, np.nan], [10, 10.2]])
    found = clustering(values)
    assert {frozenset(found.order[:2]), frozenset(found.order[2:4])} == {frozenset({0, 2}), frozenset({1, 4})}
    assert found.order[-1] == 3  # without a number
    assert found.tree.shape == (3, 4, 2)
    assert found.tree[..., 1].max() == 1.0


@LIGHT
@given(arrays(np.float64, st.tuples(st.integers(2, 9), st.integers(1, 4)), elements=st.floats(-5, 5)))
def test_joins_are_scipys_and_every_item_is_there_once(values: np.ndarray) -> None:
    found = clustering(values)
    assert sorted(found.order) == list(range(len(values)))
    plain = linkage(pdist(values), "average")
    heights = np.sort(found.tree[..., 1].max(axis=1))
    np.testing.assert_allclose(heights, np.sort(plain[:, 2]) / (plain[:, 2].max() or 1.0), atol=1e-9)
    assert len(leaves_list(plain)) == len(found.order)


def test_a_lone_gene_and_an_empty_matrix_are_drawn() -> None:
    scale = ColourScale.of(VALUES[:1], "log1p TPM")
    drawn = heatmap(VALUES[:1], ["APOE"], TISSUES, scale, name="one", said="one gene")
    assert drawn.count("<rect") == 5 + 41  # cells; of the scale 40 steps and the hatched piece
    empty = np.full((2, 2), np.nan)
    drawn = heatmap(empty, ["A", "B"], ["t", "u"], ColourScale.of(empty, "x"), name="none", said="nothing")
    assert drawn.count('fill="url(#none-missing)"') == 4 + 1
    assert "NaN" not in drawn and "nan" not in drawn


def test_cells_say_gene_tissue_number_and_unit_escaped_and_missing_ones_are_hatched() -> None:
    scale = ColourScale.of(VALUES, "log1p TPM")
    assert (scale.low, scale.high) == (-0.5, 12.0)
    drawn = heatmap(VALUES, list(GENES.values()), TISSUES, scale, name="x", said='a "title" <here>')
    titles = re.findall(r"<title>(.*?)</title>", drawn)
    assert len(titles) == VALUES.size
    assert "APOE, lung: 2.25 log1p TPM" in titles
    assert "&lt;script&gt;alert(1)&lt;/script&gt;, brain - cortex: 1e-07 log1p TPM" in titles
    assert "&lt;script&gt;alert(1)&lt;/script&gt;, lung: -0.5 log1p TPM" in titles
    assert "A&quot;B&#x27;C&amp;D, whole blood: no number" in titles
    assert "<script" not in drawn
    assert drawn.count('fill="url(#x-missing)"') == 6 + 1
    assert 'aria-label="a &quot;title&quot; &lt;here&gt;"' in drawn


def test_colours_lie_between_the_limits() -> None:
    scale = ColourScale(0.0, 10.0, "x")
    assert (scale.colour(0.0), scale.colour(10.0)) == ("#f4f0dc", "#22254f")
    assert (scale.colour(-5.0), scale.colour(99.0)) == ("#f4f0dc", "#22254f")
    assert scale.colour(2.0) == "#b9d8b4"  # the second of six
    assert scale.colour(float("nan")) is None
    diverging = ColourScale.of([-1.0, 4.0, float("nan")], "x", diverging=True)
    assert (diverging.low, diverging.high, diverging.colour(0.0)) == (-4.0, 4.0, "#f2f1ee")
    assert ColourScale(3.0, 3.0, "x").colour(3.0) == ColourScale(0.0, 1.0, "x").colour(0.5)


@LIGHT
@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_ticks_enclose_and_are_few(one: float, other: float) -> None:
    low, high = min(one, other), max(one, other)
    if 0 < high - low < 1e-6 * max(abs(low), abs(high)):
        return  # nearer than the digits of a drawing
    ticks = axis_ticks(low, high)
    near = 1e-6 * (high - low or 1.0)
    assert ticks[0] <= low + near and ticks[-1] >= high - near
    assert 2 <= len(ticks) <= 8
    np.testing.assert_allclose(np.diff(ticks), ticks[1] - ticks[0], rtol=1e-6)


def test_bars_are_sorted_and_say_what_they_are() -> None:
    held = Against(np.array([1.0, 0.0, 2.0, 1.0, np.nan]), "line: the reference genome")
    drawn = bars(VALUES[2], TISSUES, "log1p TPM", name="b", said="bars", against=held)
    assert re.findall(r"<title>(.*?)</title>", drawn) == [
        "liver: 12 log1p TPM; line: the reference genome: 1",
        "K562: 5 log1p TPM",
        "brain - cortex: 2 log1p TPM; line: the reference genome: 2",
        "lung: 0.125 log1p TPM; line: the reference genome: 0",
        "whole blood: no number; line: the reference genome: 1",
    ]
    widths = [float(each) for each in re.findall(r'<rect x="[^"]*" y="[^"]*" width="([^"]*)"[^>]*fill="#', drawn)]
    assert widths == pytest.approx([300 * value / 12.5 for value in (12, 5, 2, 0.125)], abs=0.01)  # to 12.5
    assert drawn.count("url(#b-missing)") == 1
    down = bars(np.array([-1.0, 0.5]), ["a", "b"], "x", name="d", said="x")
    (b, a) = re.findall(r'<rect x="([^"]*)" y="[^"]*" width="([^"]*)"', down)
    assert float(a[0]) + float(a[1]) == pytest.approx(float(b[0]), abs=0.02)  # one ends at zero, the other begins


def test_a_match_report_is_summed_up_and_warned_of() -> None:
    report = match_report()
    used = used_records(report, "P1")
    assert used is not None
    assert used.total["applied"] == 432 and used.skipped == {"low_gq": 135}
    assert report_warnings(report, used) == [
        "3 of 560 records have another REF allele than the FASTA.",
        "Asked for, and not predicted: NOGENE.",
    ]
    assert report_warnings(None, None) == [NO_REPORT]
    assert used_records(report, "P2") is None
    assert any("does not name this person" in said for said in report_warnings(report, None))
    report["samples"]["P1"]["total"]["applied"] = 0
    assert "None of the person's records" in report_warnings(report, used_records(report, "P1"))[0]


def test_counts_of_a_dataset_are_summed_up() -> None:
    rows = {"sample": ["P1", "P1", "P2"], "contig": ["chr1", "chr2", "chr1"]}
    names = (
        "records_read",
        "in_windows",
        "ref_checked",
        "ref_mismatched",
        "applied",
        "skipped_low_gq",
        "skipped_hom_ref",
    )
    counts = pd.DataFrame({**rows, **{name: [n, 10 * n, 100] for n, name in enumerate(names)}})
    used = used_of_dataset(counts, "P1")
    assert used is not None
    assert used.total == {"records_read": 0, "in_windows": 11, "ref_checked": 22, "ref_mismatched": 33, "applied": 44}
    assert used.skipped == {"low_gq": 55, "hom_ref": 66}
    assert used_of_dataset(counts, "P3") is None


def test_every_status_and_flag_has_a_meaning() -> None:
    from page_blocks import DOCS

    assert set(STATUSES) <= set(STATUS_MEANINGS)
    page = (DOCS / "effects.md").read_text() + (DOCS / "risk.md").read_text()
    assert [flag for flag in FLAG_MEANINGS if f"`{flag}`" not in page] == []
    in_page = set(re.findall(r"^\| `(\w+)` \|", page[page.index("when not to trust") :].split("\n\n")[0], re.MULTILINE))
    assert in_page and in_page <= set(FLAG_MEANINGS)
    assert SCRIPT not in STATUS_MEANINGS
