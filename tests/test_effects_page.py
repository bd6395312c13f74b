"""docs/effects.md holds predictions against eQTLs as it says, and prints what it shows."""

import shutil
from pathlib import Path

import pandas as pd
import pytest
from page_blocks import DOCS, assert_as_shown, blocks

PAGE = (DOCS / "effects.md").read_text()


# test_analysis_eqtl_methods has the commands, and is not slow.
@pytest.mark.slow
def test_the_commands_on_eqtls_print_what_is_shown(demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(demo, tmp_path / "demo-output")
    monkeypatch.chdir(tmp_path)
    of_eqtls = blocks(PAGE[PAGE.index("## Against eQTLs") :])
    assert [block.language for block in of_eqtls] == ["sh", "sh"]
    for block in of_eqtls:
        assert_as_shown(block.run()[-1].stdout, block.shown, rel=2e-3, abs=2e-3)
    table = pd.read_csv("populations.tsv", sep="\t")
    assert set(table["method"]) == {"VF-weighted", "VF-EUR", "VF-AFR", "Borzoi"}
