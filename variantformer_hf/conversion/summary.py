"""What a conversion says of itself: its command prints it, and the model card tells it."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class ConversionSummary:
    """What a conversion wrote and what it left out.

    Attributes:
        output: the model folder.
        architecture: the model class that reads it.
        n_parameters: numbers in the weight files.
        dropped: reason -> tensors of the checkpoint that were left out by name.
        files: names of the weight files.
        sha256: name of a weight file -> its hash.
        source_sha256: name of a released file -> its hash.
        parity: what was compared with the checkpoint after writing.
    """

    output: Path
    architecture: str
    n_parameters: int
    dropped: dict[str, int] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)
    sha256: dict[str, str] = field(default_factory=dict)
    source_sha256: dict[str, str] = field(default_factory=dict)
    parity: str = ""
