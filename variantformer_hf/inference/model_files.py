"""The files of a model beside its config: tables, weights and their hash, from a folder or the Hub."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import hf_hub_download
from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, HFValidationError

from ..errors import InputError

_WEIGHTS = "model.safetensors"
_INDEX = "model.safetensors.index.json"


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
            remedy="Give a folder written by `variantformer convert` or `variantformer demo`, or its Hub id.",
        )
    return found


def model_identity(model: str | Path, *, revision: str | None = None) -> ModelIdentity:
    """Name and SHA-256 of a model's weights; reads every weight file once."""
    digest = hashlib.sha256()
    for path in _weight_files(model, revision):
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    name = Path(model).name if Path(model).is_dir() else str(model)
    return ModelIdentity(name, digest.hexdigest())


def _weight_files(model: str | Path, revision: str | None) -> list[Path]:
    index = _find(model, _INDEX, revision)
    if index is None:
        return [model_file(model, _WEIGHTS, revision=revision)]
    names = sorted(set(json.loads(index.read_text())["weight_map"].values()))
    return [model_file(model, name, revision=revision) for name in names]


def _find(model: str | Path, name: str, revision: str | None) -> Path | None:
    if Path(model).is_dir():
        path = Path(model) / name
        return path if path.is_file() else None
    try:
        return Path(hf_hub_download(str(model), name, revision=revision))
    except EntryNotFoundError:
        return None
    except (OSError, HfHubHTTPError, HFValidationError) as error:
        raise InputError(
            "is neither a model folder nor a Hub repository that can be reached",
            file=model,
            remedy="Check the path or the id; offline, only what was downloaded before can be used.",
        ) from error
