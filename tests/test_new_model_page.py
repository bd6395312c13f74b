"""docs/new-model.md is what is in the toy, and runs."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import toy_model
from toy_case import toy_case

from variantformer_hf import ExpressionPredictor, ReferenceGenome
from variantformer_hf.analysis import VariantScorer
from variantformer_hf.zoo import families

PAGE = Path(__file__).resolve().parents[1] / "docs" / "new-model.md"
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)


@pytest.fixture(autouse=True)
def own_families(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(families, "_FAMILIES", dict(families._FAMILIES))
    return


def test_its_code_is_that_of_the_toy() -> None:
    code = Path(toy_model.__file__).read_text()
    pieces = [piece.strip() for block in BLOCKS[:3] for piece in block.split("\n\n\n")]
    assert len(pieces) == 5
    for piece in pieces:
        assert piece in code, piece
    assert BLOCKS[4].strip() in Path(__file__).with_name("test_toy_model.py").read_text()


def test_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case = toy_case(tmp_path)
    monkeypatch.chdir(tmp_path)
    known = {**vars(toy_model), "ExpressionPredictor": ExpressionPredictor, "VariantScorer": VariantScorer}
    known |= {"ReferenceGenome": ReferenceGenome, "register_family": families.register_family}
    position = 498
    base = ReferenceGenome(case.fasta).sequence("chr1", position - 1, position).upper()
    variant = f"chr1:{position}:{base}>{'C' if base != 'C' else 'A'}"
    exec(compile(BLOCKS[3].replace("chr1:498:A>C", variant), str(PAGE), "exec"), known)
    assert {"expression", "status"} <= set(known["table"].columns)
    assert np.isfinite(known["table"]["expression"]).all()
    assert set(known["effects"]["status"]) == {"ok"}
    assert (known["effects"]["effect"] != 0).all()
