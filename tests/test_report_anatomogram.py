"""The drawings: each tissue has one place, no shape covers another, and colours and words are those of the numbers."""

import re
import xml.etree.ElementTree as ElementTree
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread
from matplotlib.path import Path as Outline

from variantformer_hf.report.anatomogram.coloured import Anatomogram
from variantformer_hf.report.anatomogram.drawings import BESIDE, Drawing, drawings, outline, place_of, places
from variantformer_hf.report.anatomogram.inline import anatomogram_html
from variantformer_hf.report.anatomogram.plot import anatomogram_plot
from variantformer_hf.report.colour_scale import ColourScale
from variantformer_hf.zoo.outputs import RELEASED_TISSUES, TissueNames

TISSUES = TissueNames(RELEASED_TISSUES).named
CELLS = {
    *("A549", "GM23248", "HepG2", "K562", "NCI-H460", "Panc1", "lcl"),
    *("cells - cultured fibroblasts", "cells - ebv-transformed lymphocytes"),
}
STEP = 0.75
NAN = float("nan")


def test_every_tissue_has_exactly_one_place() -> None:
    rows = files("variantformer_hf.report.anatomogram").joinpath("tissues.tsv").read_text().splitlines()
    listed = [row.split("\t") for row in rows[1:]]
    assert rows[0] == "id\ttissue\tshape"
    assert [(int(number), name) for number, name, _ in listed] == [(each.id, each.name) for each in TISSUES]
    beside = {name for _, name, shape in listed if shape == BESIDE}
    assert beside == CELLS
    assert (len(listed), len(beside)) == (62, 9)
    drawn = {shape for drawing in drawings() for shape in drawing.shapes}
    assert {shape for _, _, shape in listed} == drawn | {BESIDE}
    assert len(places()) == 62


def test_a_tissue_is_found_by_any_of_its_names() -> None:
    assert place_of("brain - cortex") == place_of("Brain_Cortex") == place_of("UBERON:0001870") == "brain_cortex"
    assert place_of("blood") == place_of("whole blood") == "blood"
    assert place_of("Caki2") == place_of("<b>'\"") == BESIDE


def test_a_body_has_what_belongs_to_its_sex_and_the_brain_what_is_of_the_brain() -> None:
    female, male, brain = drawings()
    assert set(female.shapes) - set(male.shapes) == {"cervix", "fallopian_tube", "ovary", "uterus", "vagina"}
    assert set(male.shapes) - set(female.shapes) == {"prostate", "testis"}
    assert not set(brain.shapes) & set(female.shapes)
    of_brain = {place_of(each.name) for each in TISSUES if each.name.startswith("brain")} | {"pituitary"}
    assert set(brain.shapes) == of_brain


def polygons(path: str) -> list[Outline]:
    return [Outline(points) for points in outline(path).to_polygons(closed_only=True)]


def inside(path: str, points: np.ndarray) -> np.ndarray:
    found = np.zeros(len(points), dtype=bool)
    for each in polygons(path):
        low, high = each.vertices.min(axis=0), each.vertices.max(axis=0)
        near = np.flatnonzero(((points >= low) & (points <= high)).all(axis=1))
        found[near] |= each.contains_points(points[near])
    return found


@pytest.mark.parametrize("drawing", drawings(), ids=lambda drawing: drawing.name)
def test_no_shape_leaves_its_drawing_or_covers_another(drawing: Drawing) -> None:
    x, y = np.meshgrid(np.arange(0, drawing.width, STEP), np.arange(0, drawing.height, STEP))
    points = np.column_stack([x.ravel(), y.ravel()])
    owner = np.zeros(len(points), dtype=int)
    for shape, path in drawing.shapes.items():
        corners = np.concatenate([each.vertices for each in polygons(path)])
        assert (corners > 0).all() and (corners < (drawing.width, drawing.height)).all(), shape
        here = inside(path, points)
        assert here.sum() * STEP**2 > 20, shape  # it can be seen
        assert not (here & (owner > 0)).any(), (shape, {list(drawing.shapes)[n - 1] for n in owner[here] if n})
        owner[here] += 1 + list(drawing.shapes).index(shape)
    for path in (*drawing.filled, *drawing.outlines, *drawing.lines):
        vertices = outline(path).vertices
        assert (vertices >= 0).all() and (vertices <= (drawing.width, drawing.height)).all()


@pytest.mark.parametrize("drawing", drawings(), ids=lambda drawing: drawing.name)
def test_a_shape_does_not_cross_itself(drawing: Drawing) -> None:
    """Each part's area by its outline is that of the points within it."""
    for shape, path in drawing.shapes.items():
        for part in polygons(path):
            points = part.vertices
            (x, y), (x1, y1) = points.T, np.roll(points, -1, axis=0).T
            area = abs((x * y1 - x1 * y).sum()) / 2
            low, high = points.min(axis=0), points.max(axis=0)
            steps = (high - low) / 60
            grid = np.stack(np.meshgrid(*(np.arange(0.5, 60) for _ in "xy")), axis=-1).reshape(-1, 2) * steps + low
            assert part.contains_points(grid).sum() * steps.prod() == pytest.approx(area, rel=0.05), shape


def test_overlap_would_be_seen() -> None:
    one, other = "M0 0L10 0L10 10L0 10Z", "M8 8L20 8L20 20L8 20Z"
    points = np.array([(9.0, 9.0), (2.0, 2.0), (15.0, 15.0), (30.0, 30.0)])
    assert inside(one, points).tolist() == [True, True, False, False]
    assert inside(other, points).tolist() == [True, False, True, False]
    ring = outline("M0 0C10 0 10 10 0 10Z")
    assert ring.codes.tolist() == [1, 4, 4, 4, 79]


VALUES = {
    "liver": 12.5,
    "lung": -0.5,
    "stomach": 3e-9,
    "spleen": NAN,
    "brain - cerebellum": 1.0,
    "brain - cerebellar hemisphere": 3.0,
    "blood": NAN,
    "whole blood": 4.0,
    "K562": 0.25,
    "<b>'\"&": 1.5,
}


@pytest.fixture(scope="module")
def found() -> Anatomogram:
    return Anatomogram.of(list(VALUES.values()), list(VALUES), "log1p TPM")


def test_shapes_have_their_tissue_or_the_mean_of_several(found: Anatomogram) -> None:
    assert found.shapes["liver"].value == 12.5
    assert found.shapes["cerebellum"].value == 2.0
    assert found.shapes["blood"].value == 4.0  # of the one that has a number
    assert np.isnan(found.shapes["spleen"].value) and np.isnan(found.shapes["uterus"].value)
    assert found.beside == (("K562", 0.25), ("<b>'\"&", 1.5))
    assert (found.scale.low, found.scale.high, found.scale.label) == (-0.5, 12.5, "log1p TPM")
    assert "blood and whole blood" in found.shared and "which has their mean" in found.shared
    assert "highest in liver (12.5), lowest in lung (-0.5)" in found.said


def test_a_page_has_each_shape_in_its_colour_with_its_words(found: Anatomogram) -> None:
    html = anatomogram_html(found, name="m", title='A <gene> of "P\'1"')
    tree = ElementTree.fromstring(html)  # all is closed, and escaped
    shapes = tree.findall(".//*[@data-shape]")
    assert len(shapes) == sum(len(drawing.shapes) for drawing in drawings())
    for shape in shapes:
        name, fill = shape.get("data-shape", ""), shape.get("fill", "")
        value = found.shapes[name].value
        expected = ColourScale(-0.5, 12.5, "").colour(value)
        assert fill == expected if expected else fill.startswith("url(#m-") and fill.endswith("-missing)"), name
    said = {shape.get("data-shape"): "".join(shape.itertext()) for shape in shapes}
    assert said["liver"] == "liver: 12.5 log1p TPM"
    assert said["lung"] == "lung: -0.5 log1p TPM"
    assert said["stomach"] == "stomach: 3e-09 log1p TPM"
    assert said["spleen"] == "spleen: no number"
    assert said["uterus"] == "uterus: not in the table"
    both = "brain - cerebellum (1) and brain - cerebellar hemisphere (3)"
    assert said["cerebellum"] == f"{both} share this shape, which has their mean: 2 log1p TPM"
    assert [item.text for item in tree.iter("li")] == ["K562: 0.25", "<b>'\"&: 1.5"]
    ids = re.findall(r'\bid="([^"]*)"', html)
    assert len(ids) == len(set(ids)) == 4
    assert all(f'url(#{each})"' in html or each.startswith("m-") for each in ids)


def test_missing_is_hatched_and_never_zero() -> None:
    shown = Anatomogram.of([0.0, NAN], ["liver", "lung"], "x")
    html = anatomogram_html(shown, name="m", title="t")
    (lung,) = set(re.findall(r'data-shape="lung" fill="([^"]*)"', html.replace("-female", "").replace("-male", "")))
    assert lung == "url(#m-missing)"
    assert set(re.findall(r'data-shape="liver" fill="([^"]*)"', html)) == {shown.scale.colour(0.0)}
    nothing = Anatomogram.of([NAN], ["liver"], "x")
    assert "no tissue of the drawings has a number" in anatomogram_html(nothing, name="m", title="t")


@pytest.mark.slow
def test_figures_of_each_kind_are_drawn(found: Anatomogram, tmp_path: Path) -> None:
    starts = {".png": b"\x89PNG", ".pdf": b"%PDF", ".svg": b"<?xm"}
    written = {
        suffix: anatomogram_plot(found, tmp_path / f"map{suffix}", title="A$x$ <gene>").read_bytes()
        for suffix in starts
    }
    assert {suffix: content[:4] for suffix, content in written.items()} == starts
    text = written[".svg"].decode()
    assert "A$x$ &lt;gene&gt;" in text and "K562: 0.25" in text and "log1p TPM" in text
    for shape in ("liver", "lung", "cerebellum"):
        group = text[text.index(f'<g id="{shape}">') :].split("</g>")[0]
        assert f"fill: {found.scale.colour(found.shapes[shape].value)}" in group
    assert "fill: url(#" in text[text.index('<g id="spleen">') :].split("</g>")[0]
    pixels = imread(tmp_path / "map.png")[..., :3].reshape(-1, 3)
    assert {tuple(each) for each in np.round(pixels * 255).astype(int)} >= {
        _rgb(found, "liver"),
        _rgb(found, "stomach"),
    }


def _rgb(found: Anatomogram, shape: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex((found.scale.colour(found.shapes[shape].value) or "#")[1:]))
