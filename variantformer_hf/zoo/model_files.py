"""The files of a model beside its config: tables, weights and their hash, from a folder or the Hub."""

import hashlib
import importlib
import importlib.util
import json
import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import hf_hub_download
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
    StrictDataclassError,
)
from safetensors import SafetensorError, safe_open
from transformers import PreTrainedModel

from ..errors import InputError
from ..folder import cache_folder
from ..genome.provenance import file_sha256

logger = logging.getLogger(__name__)

# The client that huggingface-hub talks through, from its second version on and before.
HTTP_ERROR: type[Exception] = importlib.import_module(
    "httpx2" if importlib.util.find_spec("httpx2") else "httpx"
).HTTPError

MODEL_REMEDY = "Give a folder written by `variantformer convert` or `variantformer demo`, or its Hub id."
_WEIGHTS = "model.safetensors"
_INDEX = "model.safetensors.index.json"
_HASHES_KEPT = 1_000
_SHA256 = re.compile(r"[0-9a-f]{64}")
_WEIGHT_TYPES = ("F64", "F32", "F16", "BF16")
_WEIGHT_FILE = re.compile(r"[^/\\]+\.safetensors")


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """Which model a prediction came from.

    Attributes:
        name: folder name or Hub id.
        sha256: of the weight files, taken together in the order of their names.
    """

    name: str
    sha256: str


def model_file(model: str | Path, name: str, *, revision: str | None = None) -> Path:
    """Path of one file of a model folder or Hub repository (downloaded into the cache when it is not there).

    Raises:
        InputError: the model has no such file, or there is no such model.
    """
    found = _find(model, name, revision)
    if found is None:
        raise InputError(
            f"the model has no file {name}",
            file=model,
            remedy=MODEL_REMEDY,
        )
    return found


def has_model_file(model: str | Path, name: str, *, revision: str | None = None) -> bool:
    """Whether a model folder or Hub repository has a file.

    Raises:
        InputError: there is no such model.
    """
    return _find(model, name, revision) is not None


def model_identity(model: str | Path, *, revision: str | None = None) -> ModelIdentity:
    """Name and SHA-256 of a model's weights; a file is read once, and again when its size or time has changed."""
    digest = hashlib.sha256()
    for path in _weight_files(model, revision):
        digest.update(bytes.fromhex(remembered_sha256(path)))
    name = Path(model).name if _is_folder(model) else str(model)
    return ModelIdentity(name, digest.hexdigest())


def remembered_sha256(path: Path) -> str:
    """SHA-256 of a file, remembered in the cache folder by path, size and times (that of the content can be set)."""
    status = path.resolve().stat()
    key = f"{path.resolve()}|{status.st_size}|{status.st_mtime_ns}|{status.st_ctime_ns}"
    remembered = cache_folder() / "hashes.json"
    known = _recalled(remembered, key)
    if known is not None and _SHA256.fullmatch(known):
        return known
    found = file_sha256(path)
    _remember(remembered, key, found)
    return found


def _recalled(path: Path, key: str) -> str | None:
    """What :func:`_remember` kept under a key, or None."""
    try:
        return str(json.loads(path.read_text())[key])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _remember(path: Path, key: str, value: str) -> None:
    """Add to a JSON of keys and values; where the folder cannot be written nothing is remembered."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            known = json.loads(path.read_text())
        except (OSError, ValueError):
            known = {}
        kept = dict(list(known.items())[-_HASHES_KEPT:]) if isinstance(known, dict) else {}
        partial.write_text(json.dumps({**kept, key: value}))
        partial.replace(path)
    except OSError as error:
        logger.info("%s cannot be written (%s): the model's files are looked at anew next time", path, error)
    finally:
        partial.unlink(missing_ok=True)


def load_strictly(
    kind: type[PreTrainedModel],
    model: str | Path,
    *,
    dtype: torch.dtype,
    revision: str | None = None,
    unused: tuple[str, ...] = (),
    **options: Any,
) -> PreTrainedModel:
    """Load the weights of a model, all of them and no others.

    Those of a Hub repository are held to their SHA-256 first.

    Args:
        kind: class of the model.
        model: folder or Hub id.
        dtype: type to hold the weights in.
        revision: branch, tag or commit of a Hub repository.
        unused: beginnings of names of weights that the class does not have and that may be there.
        **options: of ``kind.from_pretrained``.

    Raises:
        InputError: another kind of model, damaged files, weights that are missing, unknown or of another shape
            (transformers alone would fill such weights with random numbers), or that are not finite.
    """
    config_file = model_file(model, "config.json", revision=revision)
    _weight_files(model, revision)
    try:
        model_type = json.loads(config_file.read_text()).get("model_type")
        wanted = kind.config_class.model_type
        if model_type != wanted:
            raise InputError(f"is a model of the type {model_type!r}, not {wanted!r}", file=model)
        with _no_load_report():
            loaded, found = kind.from_pretrained(
                model,
                dtype=dtype,
                revision=revision or "main",
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # they are named below, with whatever else is wrong
                **options,
            )
    except TypeError as error:
        if "unexpected keyword argument" not in str(error):
            raise
        raise InputError(
            f"models of the type {wanted!r} lack an option: {error}", file=model, remedy="Leave it out."
        ) from error
    except (OSError, ValueError, RuntimeError, SafetensorError, StrictDataclassError) as error:
        if isinstance(error, InputError):
            raise
        reason = " ".join(str(error).split()).rstrip(".!")[:300]
        raise InputError(f"the model cannot be loaded: {reason}", file=model, remedy=MODEL_REMEDY) from error
    unknown = [name for name in found["unexpected_keys"] if not name.startswith(unused)]
    wrong = [*found["missing_keys"], *unknown, *(key[0] for key in found["mismatched_keys"])]
    if wrong:
        raise InputError(
            f"{len(wrong)} weights are missing, unknown or of another shape (first: {wrong[0]})",
            file=model,
            remedy=MODEL_REMEDY,
        )
    _check_numbers(loaded, model, revision, f"{model_identity(model, revision=revision).sha256}|{dtype}")
    return loaded


def _check_numbers(loaded: PreTrainedModel, model: str | Path, revision: str | None, content: str) -> None:
    """Look at every weight once; that files of this content (and type) are good is remembered in the cache folder."""
    remembered = cache_folder() / "finite.json"
    if _recalled(remembered, content) is not None:
        return
    state = loaded.state_dict()
    # A count is loaded as a number with a fraction where its module is kept in float32.
    whole = ("num_batches_tracked", *(name for name, tensor in state.items() if not tensor.is_floating_point()))
    for path in _weight_files(model, revision):
        with safe_open(path, framework="pt") as file:
            for name in file.keys():  # noqa: SIM118 -- not a dict
                kind = file.get_slice(name).get_dtype()
                # Names in a file may have a beginning that those of the class lack.
                if kind not in _WEIGHT_TYPES and not name.endswith(whole):
                    raise InputError(
                        f"the weight {name} is of {kind}, and no number with a fraction",
                        file=path,
                        remedy="The file is damaged, or another program wrote it: fetch or convert it again.",
                    )
    for name, tensor in state.items():
        if not all_finite(tensor):
            raise InputError(
                f"the weight {name} holds NaN or infinite values",
                file=model,
                remedy="The file is damaged, or its training went astray: fetch or convert it again.",
            )
    _remember(remembered, content, "finite")


def all_finite(tensor: torch.Tensor) -> bool:
    """Whether a tensor holds numbers only, in one pass over it."""
    if not tensor.is_floating_point() or not tensor.numel():
        return True
    # NaN and infinity go through a sum; where a sum of numbers is too large for its type each is looked at.
    return bool(torch.isfinite(tensor.sum())) or bool(torch.isfinite(tensor).all())


@contextmanager
def _no_load_report() -> Iterator[None]:
    """Without the table that transformers logs of weights that do not fit: one error says it."""
    log = logging.getLogger("transformers")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(level)


def _weight_files(model: str | Path, revision: str | None) -> list[Path]:
    index = _find(model, _INDEX, revision)
    if index is None:
        return [model_file(model, _WEIGHTS, revision=revision)]
    return [model_file(model, name, revision=revision) for name in _files_of_index(index)]


def _files_of_index(index: Path) -> list[str]:
    """The files that an index of weights names, sorted.

    Raises:
        InputError: it is damaged, or names files outside of its folder.
    """
    try:
        content = json.loads(index.read_text(encoding="utf-8"))
        names = sorted(set(content["weight_map"].values()))
        if not names or not isinstance(content["metadata"], dict) or not all(map(_WEIGHT_FILE.fullmatch, names)):
            raise ValueError("it names no weights")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            "is damaged, or no index of weights", file=index, remedy="Fetch or convert the model again."
        ) from error
    return names


def pinned_revision(model: str | Path, revision: str | None = None) -> str | None:
    """The commit that a branch or tag of a Hub repository is at now, so that all files come from one.

    Returns:
        The commit; ``revision`` as it is for a folder.
    """
    if _is_folder(model):
        return revision
    snapshot = model_file(model, "config.json", revision=revision).parent
    return snapshot.name if snapshot.parent.name == "snapshots" else revision


def _find(model: str | Path, name: str, revision: str | None) -> Path | None:
    if _is_folder(model):
        return _readable(Path(model) / name)
    try:
        path = Path(hf_hub_download(str(model), name, revision=revision))
    except LocalEntryNotFoundError as error:
        raise InputError(
            f"{name} is not in the cache, and the Hub cannot be reached",
            file=model,
            remedy="Go online once, or (for a folder) check the path; offline, what was downloaded before is used.",
        ) from error
    except EntryNotFoundError:
        return None
    except (OSError, HTTP_ERROR, HfHubHTTPError, HFValidationError) as error:
        problem, remedy = _why_unreachable(error, revision)
        raise InputError(problem, file=model, remedy=remedy) from error
    _check_download(path)
    return path


def _is_folder(model: str | Path) -> bool:
    try:
        return Path(model).is_dir()
    except PermissionError as error:
        raise _no_permission(Path(model)) from error


def _readable(path: Path) -> Path | None:
    """A file of a folder; None where there is none.

    Raises:
        InputError: it is there, and may not be read.
    """
    try:
        with path.open("rb"):
            return path
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except PermissionError as error:
        raise _no_permission(path) from error


def _no_permission(path: Path) -> InputError:
    return InputError(
        "you have no permission to read it", file=path, remedy="Ask its owner for it (chmod a+rX), or copy it."
    )


def _why_unreachable(error: Exception, revision: str | None) -> tuple[str, str]:
    """What is wrong with a repository, and the remedy."""
    if isinstance(error, GatedRepoError):
        return "is a Hub repository with restricted access", "Ask for access on its page, then run `hf auth login`."
    if isinstance(error, RevisionNotFoundError):
        return f"has no revision {revision!r}", "Name a branch, a tag or a commit of the repository."
    if isinstance(error, RepositoryNotFoundError):
        return (
            "is neither a model folder nor a Hub repository that you may read",
            "Check the path or the id; for a private repository run `hf auth login` first.",
        )
    if isinstance(error, HFValidationError):
        return "is neither a model folder nor the id of a Hub repository", MODEL_REMEDY
    reason = " ".join(str(error).split())[:200]
    return f"cannot be had from the Hub: {reason}", "Try again: files that were downloaded whole are kept."


def _check_download(path: Path) -> None:
    """A large file of the Hub's cache carries its SHA-256 as its name: hold it to that.

    Raises:
        InputError: it is another file than the Hub has.
    """
    blob = path.resolve()
    if blob.parent.name == "blobs" and _SHA256.fullmatch(blob.name) and remembered_sha256(blob) != blob.name:
        raise InputError(
            "was downloaded, and its SHA-256 is not the one that the Hub names",
            file=path,
            remedy=f"Remove {blob} and try again.",
        )
