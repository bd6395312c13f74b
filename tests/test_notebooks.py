"""The notebooks run, and the pages of the docs are what they print."""

import ast
import functools
import importlib
import inspect
import io
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from page_blocks import DOCS, assert_as_shown

REPOSITORY = DOCS.parent
PAGES = DOCS / "notebooks"
sys.path.insert(0, str(REPOSITORY))
make_pages: Any = importlib.import_module("notebooks.make_pages")
# What is fitted differs more from one CPU to another: there the words are held, and that numbers are near.
FITTED = ("eqtl_benchmark", "fine_tune", "risk")
SEEN_FAST = "variant2exp"
of_each_notebook = pytest.mark.parametrize("name", make_pages.NOTEBOOKS)


def code_of(name: str) -> list[str]:
    """The cells of code of a notebook."""
    return [cell.source for cell in make_pages.read_notebook(name).cells if cell.cell_type == "code"]


# A kernel takes ten to thirty seconds: one is enough to see that notebooks run, all are run by `make test-slow`.
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[] if name == SEEN_FAST else pytest.mark.slow) for name in make_pages.NOTEBOOKS],
)
def test_a_notebook_prints_what_its_page_shows(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import Image

    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    for variable in ("JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(variable, str(tmp_path / variable))
    (tmp_path / "work").mkdir()
    done = make_pages.executed(make_pages.read_notebook(name), tmp_path / "work")
    page = make_pages.page_of(done, name)
    tolerance = {"rel": 0.3, "abs": 0.15} if name in FITTED else {"rel": 2e-2, "abs": 2e-3}
    assert_as_shown(page.text, (PAGES / f"{name}.md").read_text(), **tolerance)
    assert sorted(page.figures) == sorted(path.name for path in PAGES.glob(f"{name}-*.png"))
    for image in page.figures.values():
        colours = Image.open(io.BytesIO(image)).convert("RGB").getcolors(1 << 20)
        assert colours is not None and len(colours) > 20


def package_names(tree: ast.AST) -> dict[str, Any]:
    """What code imports from the package, by the names that it has there."""
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return {
        alias.asname or alias.name: getattr(importlib.import_module(node.module), alias.name)
        for node in imports
        if node.module and node.module.startswith("variantformer_hf")
        for alias in node.names
    }


def check_calls(tree: ast.AST) -> int:
    """Calls of what was imported, or of something that it has, are given what it takes; how many there are."""
    known, n_calls = package_names(tree), 0
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name, *parts = ast.unparse(node.func).split(".")
        if name in known:
            called = functools.reduce(getattr, parts, known[name])
            named = {each.arg: None for each in node.keywords if each.arg}
            spread = {key: None for each in node.keywords if not each.arg for key in known[ast.unparse(each.value)]}
            inspect.signature(called).bind(*node.args, **named, **spread)
            n_calls += 1
    return n_calls


@of_each_notebook
def test_a_notebook_calls_what_there_is_with_arguments_that_it_takes(name: str) -> None:
    """Without running it: an import, function or argument that is no longer there fails here."""
    assert check_calls(ast.parse("\n".join(code_of(name)))) >= 3


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("from variantformer_hf import Variant\nVariant.parse('chr1:1:A>C', wrong=1)", TypeError),
        ("from variantformer_hf import Variant\nVariant.nothing()", AttributeError),
        ("from variantformer_hf.data import nothing", AttributeError),
    ],
)
def test_what_is_not_there_is_found(code: str, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"wrong|nothing"):
        check_calls(ast.parse(code))


@of_each_notebook
def test_a_page_has_the_code_and_the_texts_of_its_notebook(name: str) -> None:
    page = (PAGES / f"{name}.md").read_text()
    assert re.findall(r"```python\n(.*?)\n```", page, re.DOTALL) == code_of(name)
    without_outputs = make_pages.page_of(make_pages.read_notebook(name), name, is_executed=False).text
    shown = re.sub(r"\n\n(?:```text\n.*?\n```|!\[[^\n]*)(?=\n)", "", page, flags=re.DOTALL)
    assert shown == without_outputs


@of_each_notebook
def test_the_first_cell_is_three_lines_with_what_stands_there_for_the_released_weights(name: str) -> None:
    first, made, *others = code_of(name)
    lines = first.splitlines()
    assert len(lines) == 3
    for line in lines:
        of_demo, released = (ast.parse(part.strip()).body[0] for part in line.split("  # "))
        assert isinstance(of_demo, ast.Assign) and isinstance(released, ast.Assign)
        assert ast.dump(of_demo.targets[0]) == ast.dump(released.targets[0])
        assert len(ast.literal_eval(ast.unparse(released.value))) > 0
    assert "demo" in made
    assert re.findall(r"demo|DEMO|SIM\d", "\n".join(others)) == []


@of_each_notebook
def test_a_notebook_says_what_it_needs_and_that_it_is_for_research(name: str) -> None:
    text = " ".join(make_pages.read_notebook(name).cells[0].source.split())
    assert re.search(r"Needs `pip install 'variantformer-hf\[[a-z,]+\]'`", text)
    assert "Research use only" in text
    assert "(../hub.md)" in text


def test_all_pages_are_small_in_the_toctree_and_name_no_place_of_a_machine() -> None:
    sources = {path.stem for path in make_pages.SOURCES.glob("*.py")} - {"make_pages"}
    assert sources == set(make_pages.NOTEBOOKS) == {path.stem for path in PAGES.glob("*.md")}
    files = list(PAGES.iterdir())
    assert sum(path.stat().st_size for path in files) <= 1_000_000
    index = (DOCS / "index.md").read_text()
    for name in make_pages.NOTEBOOKS:
        text = (PAGES / f"{name}.md").read_text()
        assert f"\nnotebooks/{name}\n" in index
        assert re.findall(r"(?<![\w.)])/(?:home|root|tmp|work|Users|usr)\b", text) == []
        assert set(re.findall(r"\]\(([\w-]+\.png)\)", text)) == {path.name for path in PAGES.glob(f"{name}-*.png")}


def test_notebooks_are_written_for_jupyter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import nbformat

    monkeypatch.setattr(sys, "argv", ["make_pages", "--ipynb", str(tmp_path), "vcf2exp", "attention"])
    make_pages.main()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["attention.ipynb", "vcf2exp.ipynb"]
    written = nbformat.read(tmp_path / "vcf2exp.ipynb", as_version=4)
    nbformat.validate(written)
    assert [cell.source for cell in written.cells if cell.cell_type == "code"] == code_of("vcf2exp")


def test_a_line_that_is_no_cell_or_no_comment_is_refused() -> None:
    with pytest.raises(ValueError, match="line 1: '# %% alt=high' begins no cell"):
        make_pages.notebook_of("# %% alt=high\nx = 1\n")
    with pytest.raises(ValueError, match="'x = 1', which is no comment"):
        make_pages.notebook_of("# %% [markdown]\n# Text\nx = 1\n")


def test_a_figure_without_alt_and_alt_without_a_figure_are_refused() -> None:
    for source in ('# %% alt="a line"\nx = 1\n', "# %%\nx = 1\n"):
        notebook = make_pages.notebook_of(source)
        if "alt" not in source:
            notebook.cells[0].outputs = [{"output_type": "display_data", "data": {"image/png": ONE_PIXEL}}]
        with pytest.raises(ValueError, match="a figure needs alt, and alt a figure"):
            make_pages.page_of(notebook, "made")


ONE_PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYGBgAAAABQABpfZFQAAAAABJRU5ErkJggg=="
