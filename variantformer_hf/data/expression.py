"""Training values of several cohorts as a folder holds them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ..errors import InputError, unreadable

CONTENT = "expression.json"
COLUMNS = {"sample": np.int32, "gene": np.int32, "log1p_tpm": np.float32}


@dataclass(frozen=True)
class Expression:
    """Training values of several cohorts; those of a large one stay on disk.

    Attributes:
        samples: sample, donor, cohort, tissue (the model's name), is_cell_line, a row each.
        genes: ids of the gene table's genes, in its order.
        sample, gene: (N,) int32, of each value: row of ``samples``, place in ``genes``.
        log1p_tpm: (N,) float32, greater than 0.
        report: what was read and dropped, by cohort and reason.
    """

    samples: pa.Table
    genes: tuple[str, ...]
    sample: np.ndarray
    gene: np.ndarray
    log1p_tpm: np.ndarray
    report: Mapping[str, Any] = field(default_factory=dict)

    @property
    def donors(self) -> list[str]:
        """Names of the donors, each once, in the order of the samples."""
        return list(dict.fromkeys(self.samples["donor"].to_pylist()))

    def __len__(self) -> int:
        return len(self.log1p_tpm)

    @classmethod
    def load(cls, folder: str | Path) -> "Expression":
        """What :func:`~variantformer_hf.data.harmonize` wrote; the values stay on disk.

        Raises:
            InputError: the folder is not one, or was not finished.
        """
        folder = Path(folder)
        try:
            content = json.loads((folder / CONTENT).read_text())
            samples = pq.read_table(folder / "samples.parquet")
            columns = {
                name: np.memmap(folder / f"{name}.bin", dtype, "r", shape=(content["report"]["values"],))
                for name, dtype in COLUMNS.items()
            }
        except PermissionError as error:
            raise unreadable(folder, error) from None
        except (OSError, ValueError, KeyError) as error:
            raise InputError(
                "is no prepared expression, or was not finished", file=folder, remedy="Prepare it again."
            ) from error
        return cls(samples, tuple(content["genes"]), report=content["report"], **columns)
