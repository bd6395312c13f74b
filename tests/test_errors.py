"""A file that is not there is told from one that may not be read, whatever it is read for."""

from collections.abc import Callable
from pathlib import Path

import pytest

from variantformer_hf.conversion.restricted_pickle import read_npz, read_pickled_data
from variantformer_hf.conversion.variantformer.checkpoints import read_tissue_vocabulary
from variantformer_hf.data.expression import Expression
from variantformer_hf.data.splits import Split
from variantformer_hf.errors import InputError
from variantformer_hf.genome.table_files import kind_of_file, read_text_bytes, text_lines
from variantformer_hf.tokenization import DnaTokenizer
from variantformer_hf.yaml_file import read_yaml

READERS: dict[str, Callable[[Path], object]] = {
    "options": read_yaml,
    "split": Split.load,
    "vocabulary": DnaTokenizer.from_vocabulary,
    "tissues": lambda path: read_tissue_vocabulary(path, 3),
    "pickle": read_pickled_data,
    "npz": read_npz,
    "table": read_text_bytes,
    "lines": lambda path: list(text_lines(path)),
    "kind": kind_of_file,
}


@pytest.mark.parametrize("name", READERS)
def test_missing_forbidden_and_folder(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = READERS[name]
    with pytest.raises(InputError, match=r"none\.x: no such file"):
        read(tmp_path / "none.x")
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"none\.x: no such file"):
        read(tmp_path / "file" / "none.x")
    with pytest.raises(InputError, match="is a folder, not a file"):
        read(tmp_path)
    forbid(monkeypatch)
    with pytest.raises(InputError, match="file: no permission to read it"):
        read(tmp_path / "file")


def test_prepared_expression_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forbid(monkeypatch)
    with pytest.raises(InputError, match="no permission to read it"):
        Expression.load(tmp_path)


def forbid(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the system does for any user but root, who may run the tests."""

    def refused(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("io.open", refused)
    monkeypatch.setattr(Path, "open", refused)


def test_a_list_that_goes_on_keeps_its_dots_before_the_remedy() -> None:
    assert str(InputError("it has A, B, ...", remedy="Name one.")) == "it has A, B, ... Name one."
    assert str(InputError("it has A and B.", remedy="Name one.")) == "it has A and B. Name one."
