"""Which of VariantFormer's released files become which model folders."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import torch

from ...errors import InputError
from ..planned import ConversionRequest, PlannedConversion
from ..released_files import find_needed, models_in
from ..summary import ConversionSummary
from .checkpoints import convert_encoder, convert_expression_model

_TABLES = ("tissues", "genes", "cres")
_FILES = ("artifacts", "checkpoint", "encoder_checkpoint", "vocabulary", *_TABLES)


def planned_conversions(request: ConversionRequest) -> list[PlannedConversion]:
    """Plan the conversion of all models of a copy of the release, or of one whose files are named.

    Raises:
        InputError: files are missing, or named in two ways.
    """
    request.check_used("variantformer", _FILES)
    files = request.files
    if request.source is not None:
        raise InputError(
            "is not how a released checkpoint is named",
            file=request.source,
            remedy="Give its files by --artifacts or one by one, or the --kind of this folder.",
        )
    if request.artifacts is not None:
        if files:
            raise InputError("--artifacts finds its files by itself", remedy="Leave the other files out.")
        return _of_artifacts(request.artifacts, request.output or Path())
    if request.output is None or "encoder_checkpoint" not in files or "vocabulary" not in files:
        raise InputError(
            "needs --artifacts, or --output, --encoder-checkpoint and --vocabulary",
            remedy="Run `variantformer fetch released --output DIR` and `variantformer convert --artifacts DIR`.",
        )
    missing = [f"--{name}" for name in _TABLES if name not in files]
    if "checkpoint" not in files:
        return [_planned({name: path for name, path in files.items() if name not in _TABLES}, request.output)]
    if missing:
        raise InputError(f"an expression model needs {', '.join(missing)} too", remedy="Give the released files.")
    return [_planned(files, request.output)]


def _of_artifacts(artifacts: Path, folder: Path) -> list[PlannedConversion]:
    """Every model that a copy of the release holds, each into a folder of its own; one that is there is left."""
    if not artifacts.is_dir():
        raise InputError("is not a folder", file=artifacts, remedy="Run `variantformer fetch released` first.")
    found = {f"variantformer-{model}": find_needed(artifacts, model) for model in models_in(artifacts)}
    if not found:
        found = {"variantformer-encoder": find_needed(artifacts, None)}
    return [_planned(files, folder / name, keeps_existing=True) for name, files in found.items()]


def _planned(files: Mapping[str, Path], output: Path, *, keeps_existing: bool = False) -> PlannedConversion:
    return PlannedConversion(output, partial(_convert, dict(files), output), keeps_existing)


def _convert(files: dict[str, Path], output: Path, dtype: torch.dtype | None) -> ConversionSummary:
    chosen: Callable[..., ConversionSummary] = convert_expression_model if "checkpoint" in files else convert_encoder
    return chosen(**files, output=output, dtype=dtype)
