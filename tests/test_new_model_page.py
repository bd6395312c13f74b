"""docs/new-model.md is what is in the toy, and runs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import toy_model
from page_blocks import DOCS, blocks
from toy_case import toy_case
from transformers import AutoConfig

from variantformer_hf import ReferenceGenome
from variantformer_hf.zoo import families

PAGE = DOCS / "new-model.md"
BLOCKS = [block.code for block in blocks(PAGE.read_text()) if block.language == "python"]


@pytest.fixture(autouse=True)
def own_families(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(families, "_FAMILIES", dict(families._FAMILIES))
    yield
    AutoConfig.register("toy", toy_model.ToyConfig, exist_ok=True)


def test_its_code_is_that_of_the_toy() -> None:
    code = Path(toy_model.__file__).read_text()
    pieces = [piece.strip() for block in BLOCKS[:4] for piece in block.split("\n\n\n")]
    assert len(pieces) == 6
    for piece in pieces:
        assert piece in code, piece
    assert BLOCKS[5].strip() in Path(__file__).with_name("test_toy_model.py").read_text()


def test_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of it, from top to bottom and with nothing beside it."""
    case = toy_case(tmp_path)
    monkeypatch.chdir(tmp_path)
    position = 498
    base = ReferenceGenome(case.fasta).sequence("chr1", position - 1, position).upper()
    variant = f"chr1:{position}:{base}>{'C' if base != 'C' else 'A'}"
    page = "\n\n".join(BLOCKS[:5]).replace("chr1:498:A>C", variant)
    known: dict[str, Any] = {"__name__": "page"}
    exec(compile(page, str(PAGE), "exec"), known)
    assert {"expression", "status"} <= set(known["table"].columns)
    assert np.isfinite(known["table"]["expression"]).all()
    assert set(known["effects"]["status"]) == {"ok"}
    assert (known["effects"]["effect"] != 0).all()
