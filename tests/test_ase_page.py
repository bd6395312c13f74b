"""docs/ase.md and docs/variant-suites.md do what they say, and print what they show."""

import shutil
from pathlib import Path

import pandas as pd
import pytest
from page_blocks import DOCS, assert_as_shown, shown_blocks

PAGES = {name: (DOCS / name).read_text() for name in ("ase.md", "variant-suites.md")}
BLOCKS = [(name, block) for name, page in PAGES.items() for block in shown_blocks(page)]


@pytest.fixture(scope="module")
def place(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ase-page")
    shutil.copytree(demo, folder / "demo-output")
    return folder


# The cookbook has these commands, too, and is not slow; test_ase and test_variant_suites have what they print.
@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_each_block_prints_what_is_shown(number: int, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    name, block = BLOCKS[number]
    assert_as_shown(block.run()[-1].stdout, block.shown, rel=2e-3, abs=2e-4)

    for path in place.glob("*.tsv") if name == "ase.md" else ():
        columns = pd.read_csv(path, sep="\t", nrows=1).columns
        assert [column for column in columns if f"`{column}`" not in PAGES[name]] == [], path
