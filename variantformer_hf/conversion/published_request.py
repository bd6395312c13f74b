"""Which files a conversion of another library's model reads: a folder of it, or files that are named."""

from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from .planned import ConversionRequest

_WEIGHTS = ("model.safetensors", "pytorch_model.bin")
_CONFIG = "config.json"


@dataclass(frozen=True, slots=True)
class PublishedFiles:
    """What is read, and where the model goes.

    Attributes:
        checkpoint: the weights.
        config: the settings; None = there is none.
        output: the new folder.
    """

    checkpoint: Path
    config: Path | None
    output: Path


def published_files(request: ConversionRequest, kind: str, *, needs_config: bool = True) -> PublishedFiles:
    """The files of a request.

    Args:
        request: as the command was called.
        kind: of the files, for messages.
        needs_config: without settings the weights say too little.

    Raises:
        InputError: files are missing.
    """
    checkpoint, config = request.files.get("checkpoint"), request.files.get("config")
    if request.source is not None:
        if not request.source.is_dir():
            raise InputError("is not a folder", file=request.source, remedy="Name a file by --checkpoint.")
        if checkpoint is None:
            checkpoint = next((request.source / name for name in _WEIGHTS if (request.source / name).is_file()), None)
            if checkpoint is None:
                raise InputError(f"holds none of {', '.join(_WEIGHTS)}", file=request.source)
        if config is None and (needs_config or (request.source / _CONFIG).is_file()):
            config = request.source / _CONFIG
    wanted = {"--checkpoint": checkpoint, "--output": request.output}
    if needs_config:
        wanted["--config"] = config
    missing = [name for name, path in wanted.items() if path is None]
    if missing or checkpoint is None or request.output is None:
        raise InputError(
            f"files of the kind {kind!r} need {', '.join(missing)}",
            remedy=f"`variantformer convert --kind {kind} --checkpoint FILE"
            f"{' --config CONFIG.json' if needs_config else ''} --output DIR`, or give a folder of both.",
        )
    return PublishedFiles(checkpoint, config, request.output)
