"""docs/linearize.md does what it says, prints what it shows, and names every column."""

import shutil
from pathlib import Path

import pandas as pd
import pytest
from page_blocks import DOCS, assert_as_shown, blocks, everything

from variantformer_hf.applications.linearize import gene_people, gene_weights
from variantformer_hf.zoo.statuses import NO_VARIANTS_IN_WINDOW

PAGE = (DOCS / "linearize.md").read_text()


# The cookbook's block of linearize runs, and is not slow; test_cli_linearize has what comes out.
@pytest.mark.slow
def test_the_page_does_what_it_says(demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(demo, tmp_path / "demo-output")
    monkeypatch.chdir(tmp_path)
    for block in blocks(PAGE):
        steps = block.run()
        if block.shown:
            assert_as_shown(everything(steps).lstrip("\n"), block.shown, abs=5e-3)
    fits = pd.read_parquet("weights/fits.parquet")
    named = [column for column in fits.columns if column not in ("gene_id", "gene_name", "tissue")]
    assert [column for column in named if f"`{column}`" not in PAGE] == []


def test_the_page_has_all_statuses() -> None:
    of_genes = (gene_weights.FITTED, gene_weights.NO_CONTIG, gene_weights.CONSTANT, gene_weights.NOT_PREDICTED)
    of_people = (gene_people.UNPHASED, gene_people.NOT_DIPLOID, gene_people.FEW_PEOPLE)
    assert [name for name in (*of_genes, *of_people, NO_VARIANTS_IN_WINDOW) if f"`{name}`" not in PAGE] == []
