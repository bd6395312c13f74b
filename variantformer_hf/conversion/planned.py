"""What is asked of a converter, and what it answers: the conversions to be done, one a model."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from ..errors import InputError
from .summary import ConversionSummary


@dataclass(frozen=True, slots=True)
class ConversionRequest:
    """Files to convert.

    Attributes:
        source: a folder with all of one model; None = the files are named otherwise.
        artifacts: a folder with whatever was released; None = none.
        files: single files, by the names of the command's options.
        output: where the model goes, or with ``artifacts`` the folder for all; None = not said.
        options: settings, by the names of the command's options; of one that may stand several times a tuple.
    """

    source: Path | None = None
    artifacts: Path | None = None
    files: Mapping[str, Path] = field(default_factory=dict)
    output: Path | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    def check_used(self, kind: str, files: tuple[str, ...], options: tuple[str, ...] = ()) -> None:
        """Refuse what conversions of a kind do not read.

        Raises:
            InputError: it names the option.
        """
        known = {*files, *options}
        for name in (*self.files, *self.options, *(["artifacts"] if self.artifacts is not None else [])):
            if name not in known:
                raise InputError(
                    f"conversions of the kind {kind!r} have no use for --{name.replace('_', '-')}",
                    remedy="Leave it out.",
                )


@dataclass(frozen=True, slots=True)
class PlannedConversion:
    """A model to be written.

    Attributes:
        output: its folder.
        convert: writes it, with weights of a type; None = of the type that they have.
        keeps_existing: a model that is there is left as it is, instead of being an error.
    """

    output: Path
    convert: Callable[[torch.dtype | None], ConversionSummary]
    keeps_existing: bool = False
