"""The tokenizer of a UKBioBERT's folder."""

from pathlib import Path
from typing import Any

from transformers import AutoTokenizer

from ...errors import InputError
from ..model_files import MODEL_REMEDY


def load_tokenizer(model: str | Path, *, revision: str | None = None) -> Any:
    """The tokenizer of a folder, or of a repository of the Hub.

    Raises:
        InputError: there is none, or it is damaged.
    """
    try:
        return AutoTokenizer.from_pretrained(model, revision=revision or "main")
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError("its tokenizer cannot be loaded", file=model, remedy=MODEL_REMEDY) from error
