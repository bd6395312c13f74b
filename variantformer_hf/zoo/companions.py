"""Which weights, tokenizer, geometry and tables belong to a model: their hashes stand in its config.json.

Weights are trained on the tokens of one vocabulary, on one list of cCREs, in windows of one geometry. Another model's
file in their place gives numbers all the same, and wrong ones.
"""

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ..errors import InputError
from ..files import whole_file
from ..folder import CRES_FILE, GENES_FILE
from ..genome.provenance import file_sha256
from ..modeling import config_digest, record_written
from .model_files import model_file, remembered_sha256

if TYPE_CHECKING:
    from ..genome.cres import CreTable
    from ..genome.genes import Gene, GeneTable

logger = logging.getLogger(__name__)

# Files that belong with the weights of a model that has them.
COMPANIONS = ("tokenizer.json", "processor_config.json", GENES_FILE, CRES_FILE)


def write_companions(folder: str | Path, names: Sequence[str] = COMPANIONS) -> dict[str, str]:
    """Write into a whole folder's config.json its weights' hashes, and which files they belong with.

    Args:
        folder: weights, config and what travels with them; all written.
        names: of the files that the weights belong with, where they are there.

    Returns:
        Name of each file that is there -> SHA-256 of its bytes.
    """
    folder = Path(folder)
    path = folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config["companions"] = {name: file_sha256(folder / name) for name in names if (folder / name).is_file()}
    with whole_file(path) as partial:
        partial.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    record_written(folder)
    return dict(config["companions"])


def companions_of(model: str | Path, *, revision: str | None = None) -> dict[str, str] | None:
    """The hashes in a model's config.json, by file; None where it has none.

    Raises:
        InputError: config.json is missing or damaged.
    """
    return _hashes(_config(model, revision), "companions")


def _config(model: str | Path, revision: str | None) -> dict[str, Any]:
    path = model_file(model, "config.json", revision=revision)
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(config, dict) or not all(
            isinstance(config.get(name), dict | None) for name in ("companions", "written")
        ):
            raise ValueError("it is another kind of JSON")
    except (OSError, ValueError) as error:
        raise InputError(f"the model cannot be loaded: its config is damaged ({error})", file=path) from error
    return config


def _hashes(config: dict[str, Any], name: str) -> dict[str, str] | None:
    found = config.get(name)
    return None if found is None else {str(file): str(wanted) for file, wanted in found.items()}


def check_companions(model: str | Path, *, revision: str | None = None, force: bool = False) -> None:
    """Hold a model's weights, its config and the files that lie beside them to the hashes in the config.

    A folder of an older version has none: that is said, and no more can be checked.

    Args:
        model: folder or Hub id.
        revision: of a Hub repository.
        force: say what does not belong, and go on.

    Raises:
        InputError: a file is missing, or is another model's (unless ``force``); config.json is damaged.
    """
    config = _config(model, revision)
    companions, written = _hashes(config, "companions"), _hashes(config, "written")
    if companions is None or written is None:
        logger.warning(
            "%s: its config.json has no hashes of %s (an older version wrote it): whether they %s is not checked",
            model,
            "tokenizer and tables" if companions is None else "the weights",
            "belong to these weights" if companions is None else "are as they were written",
        )
    small = companions or {}
    for name, wanted in {**(written or {}), **small}.items():
        file = model_file(model, name, revision=revision)
        if name == "config.json":
            found = config_digest(config)
        else:
            found = file_sha256(file) if name in small else remembered_sha256(file)
        if found == wanted:
            continue
        problem = (
            f"was changed after it was written, by hand or by damage: its SHA-256 is {found[:16]}, it names "
            f"{wanted[:16]} as its own"
            if name == "config.json"
            else f"does not belong to the model {model} (it is another model's, or damaged): its SHA-256 is "
            f"{found[:16]}, config.json has {wanted[:16]}"
        )
        if not force:
            what = "Undo the change" if name == "config.json" else f"Put back the {name} that came with the weights"
            raise InputError(
                problem,
                file=file,
                remedy=f"{what}; to go on with this one: --force-companions (force_companions=True).",
            )
        logger.warning("%s: %s", file, problem)


def table_digests(gene_table: "GeneTable | None" = None, cre_table: "CreTable | None" = None) -> dict[str, str]:
    """Hashes of tables: genes, cres -> SHA-256, of those that are given."""
    found = {}
    if gene_table is not None:
        found["genes"] = text_sha256(f"[{', '.join(map(_gene_text, gene_table.genes))}]")
    if cre_table is not None:
        found["cres"] = arrow_sha256(cre_table.table)
    return found


def arrow_sha256(table: pa.Table) -> str:
    """SHA-256 of a table's columns and values."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table.combine_chunks())
    return hashlib.sha256(sink.getvalue()).hexdigest()


def _gene_text(gene: "Gene") -> str:
    """A gene's values; without a TSS of its own as before there was any, so that runs of that time are gone on with."""
    values = {each.name: getattr(gene, each.name) for each in fields(gene)}
    if values["given_tss"] is None:
        del values["given_tss"]
    return f"Gene({', '.join(f'{name}={value!r}' for name, value in values.items())})"


def text_sha256(text: str) -> str:
    """SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()
