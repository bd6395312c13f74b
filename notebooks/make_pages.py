"""The notebooks of this folder, for Jupyter and as pages of the documentation.

A notebook is a script in the percent format: `# %% [markdown]` begins a text, `# %%` a piece of code, and
`# %% alt="..."` one whose figure shows what is said there. VS Code, Spyder and Jupyter with Jupytext open it as it
stands, and `python notebooks/NAME.py` runs it.

Run: python -m notebooks.make_pages [NAME ...]                 execute them, write pages with outputs to docs/notebooks
     python -m notebooks.make_pages --ipynb FOLDER [NAME ...]  write them as .ipynb, without outputs
"""

import argparse
import base64
import io
import os
import re
import tempfile
from pathlib import Path
from typing import NamedTuple

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

SOURCES = Path(__file__).resolve().parent
PAGES = SOURCES.parent / "docs" / "notebooks"
# In the order in which they are read.
NOTEBOOKS = ("vcf2exp", "variant2exp", "mutagenesis", "attention", "eqtl_benchmark", "fine_tune", "risk")
_HEAD = re.compile(r'# %%(?P<text> \[markdown\])?(?: alt="(?P<alt>[^"]*)")?')
_SECONDS = 600


class Page(NamedTuple):
    """A page, and its figures: name of the file -> PNG."""

    text: str
    figures: dict[str, bytes]


def notebook_of(source: str) -> NotebookNode:
    """A script in the percent format as a notebook without outputs; what `alt` says stands in a cell's metadata.

    Raises:
        ValueError: a line that begins a cell is not understood; a text has a line that is no comment.
    """
    cells: list[NotebookNode] = []
    lines = source.splitlines()
    heads = [number for number, line in enumerate(lines) if line.startswith("# %%")]
    for number, (first, end) in enumerate(zip(heads, [*heads[1:], len(lines)], strict=True)):
        head, body = _HEAD.fullmatch(lines[first]), lines[first + 1 : end]
        if head is None:
            raise ValueError(f"line {first + 1}: {lines[first]!r} begins no cell")
        if head["text"]:
            bare = next((line for line in body if line and not line.startswith("#")), None)
            if bare is not None:
                raise ValueError(f"line {first + 1}: the text has {bare!r}, which is no comment")
            text = "\n".join(line.removeprefix("#").removeprefix(" ") for line in body).strip("\n")
            cells.append(nbformat.v4.new_markdown_cell(text, id=f"cell-{number}"))
        else:
            code = "\n".join(body).strip("\n")
            alt = {"alt": head["alt"]} if head["alt"] else {}
            cells.append(nbformat.v4.new_code_cell(code, id=f"cell-{number}", metadata=alt))
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})


def read_notebook(name: str) -> NotebookNode:
    """A notebook of this folder, without outputs."""
    return notebook_of((SOURCES / f"{name}.py").read_text(encoding="utf-8"))


def executed(notebook: NotebookNode, folder: Path) -> NotebookNode:
    """A notebook with its outputs, run in a folder by a kernel of this Python, on one thread and without a network.

    Raises:
        CellExecutionError: a cell failed.
    """
    done = nbformat.from_dict(notebook)
    place = {"metadata": {"path": str(folder)}}
    client = NotebookClient(done, kernel_name="python3", timeout=_SECONDS, resources=place)
    still = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "MPLBACKEND": ""}
    client.execute(env={**os.environ, **still})
    return done


def page_of(notebook: NotebookNode, name: str, *, is_executed: bool = True) -> Page:
    """A notebook's texts, code and outputs as a page; what is said on stderr is left out.

    Args:
        notebook: the notebook.
        name: of its source.
        is_executed: whether it has its outputs, and so its figures.

    Raises:
        ValueError: a figure, or a cell with `alt`, without the other.
    """
    parts: list[str] = []
    figures: dict[str, bytes] = {}
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            parts.append(cell.source)
            continue
        parts.append(f"```python\n{cell.source}\n```")
        alt, n_before = cell.metadata.get("alt"), len(figures)
        for output in cell.outputs:
            data = output.get("data", {})
            if "image/png" in data:
                file = f"{name}-{len(figures) + 1}.png"
                figures[file] = in_few_colours(base64.b64decode(data["image/png"]))
                parts.append(f"![{alt}]({file})")
            elif output.get("name") != "stderr":
                shown = output.get("text") or data.get("text/plain", "")
                parts.append(
                    "```text\n" + "\n".join(line.rstrip() for line in shown.strip("\n").splitlines()) + "\n```"
                )
        if is_executed and (len(figures) > n_before) != bool(alt):
            raise ValueError(f"{name}: a figure needs alt, and alt a figure: {cell.source[:60]!r}")
    title, _, rest = "\n\n".join(parts).partition("\n")
    made = (
        f"*This page is [notebooks/{name}.py](../../notebooks/{name}.py) with what it printed, made by "
        f"`make notebooks`. For Jupyter: `python -m notebooks.make_pages --ipynb . {name}`.*"
    )
    return Page(f"{title}\n\n{made}\n{rest}\n", figures)


def in_few_colours(png: bytes) -> bytes:
    """The same figure with a palette of 256 colours, in a third of the bytes."""
    from PIL import Image

    small = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").quantize(256).save(small, "PNG", optimize=True)
    return small.getvalue()


def write_page(name: str, folder: Path = PAGES) -> None:
    """Execute a notebook and write its page and figures; figures that it no longer has are removed."""
    with tempfile.TemporaryDirectory() as work:
        page = page_of(executed(read_notebook(name), Path(work)), name)
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob(f"{name}-*.png"):
        old.unlink()
    for file, image in page.figures.items():
        (folder / file).write_bytes(image)
    (folder / f"{name}.md").write_text(page.text, encoding="utf-8")


def main() -> None:
    """Write pages, or notebooks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NOTEBOOKS)}; all by default")
    parser.add_argument("--ipynb", type=Path, metavar="FOLDER", help="write .ipynb files there, without outputs")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.names if name not in NOTEBOOKS]
    if unknown:
        parser.error(f"there is no notebook {unknown[0]}: choose of {', '.join(NOTEBOOKS)}")
    for name in arguments.names or NOTEBOOKS:
        if arguments.ipynb is None:
            write_page(name)
        else:
            nbformat.write(read_notebook(name), arguments.ipynb / f"{name}.ipynb")


if __name__ == "__main__":
    main()
