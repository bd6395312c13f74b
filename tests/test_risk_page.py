"""docs/risk.md: each command that reads the made store or genotypes does what it says, and prints what it shows."""

from pathlib import Path

import pytest
from page_blocks import DOCS, Block, assert_as_shown, shown_blocks
from risk_page_case import write_case

PAGE = (DOCS / "risk.md").read_text()
OWN = ("risk train", "risk evaluate", "risk predict forests", "RiskForests.open")


def own_blocks() -> list[Block]:
    return [block for block in shown_blocks(PAGE) if any(name in block.code for name in OWN)]


# The cookbook's blocks of risk run, and are not slow.
@pytest.mark.slow
def test_the_page_does_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_case(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert [block.language for block in own_blocks()] == ["sh", "python", "sh", "sh", "sh"]
    for block in own_blocks():
        (step,) = block.run()
        assert_as_shown(step.stderr if block.language == "sh" else step.stdout, block.shown)


def test_the_page_says_research_use_only() -> None:
    assert "**Research use only.**" in PAGE
