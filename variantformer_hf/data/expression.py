"""Training values of several cohorts as a folder holds them."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ..errors import InputError, unreadable
from ..files import writing
from ..zoo.units import LOG1P_TPM

CONTENT = "expression.json"
COLUMNS = {"sample": np.int32, "gene": np.int32, "value": np.float32}
# What the file of the values was called before there were other scales.
_OLDER_VALUES = "log1p_tpm"


@dataclass(frozen=True)
class Expression:
    """Training values of several cohorts; those of a large one stay on disk.

    Attributes:
        samples: sample, donor, cohort, tissue (the model's name), is_cell_line, a row each.
        genes: ids of the gene table's genes, in its order.
        sample, gene: (N,) int32, of each value: row of ``samples``, place in ``genes``.
        value: (N,) float32.
        scale: what the values are, as models name their unit: ``log1p_tpm``, all greater than 0, or another, such as
            ``inverse_normal``.
        report: what was read and dropped, by cohort and reason.
    """

    samples: pa.Table
    genes: tuple[str, ...]
    sample: np.ndarray
    gene: np.ndarray
    value: np.ndarray
    scale: str = LOG1P_TPM.name
    report: Mapping[str, Any] = field(default_factory=dict)

    @property
    def donors(self) -> list[str]:
        """Names of the donors, each once, in the order of the samples."""
        return list(dict.fromkeys(self.samples["donor"].to_pylist()))

    def __len__(self) -> int:
        return len(self.value)

    @classmethod
    def load(cls, folder: str | Path) -> "Expression":
        """What :func:`~variantformer_hf.data.harmonize` or :meth:`with_values` wrote; the values stay on disk.

        Raises:
            InputError: the folder is not one, or was not finished.
        """
        folder = Path(folder)
        try:
            content = json.loads((folder / CONTENT).read_text())
            samples = pq.read_table(folder / "samples.parquet")
            report, names = content["report"], {name: name for name in COLUMNS}
            if "scale" not in content:
                names["value"] = _OLDER_VALUES
            columns = {
                name: np.memmap(folder / f"{names[name]}.bin", dtype, "r", shape=(report["values"],))
                for name, dtype in COLUMNS.items()
            }
            # Folders without a scale had it in their report, where it was another one.
            scale = str(content.get("scale") or report.get("unit") or LOG1P_TPM.name)
        except PermissionError as error:
            raise unreadable(folder, error) from None
        except (OSError, ValueError, KeyError) as error:
            raise InputError(
                "is no prepared expression, or was not finished", file=folder, remedy="Prepare it again."
            ) from error
        return cls(samples, tuple(content["genes"]), scale=scale, report=report, **columns)

    def with_values(self, folder: str | Path, values: np.ndarray, scale: str) -> "Expression":
        """Write the same samples and genes with other values, such as z-scores, as a folder of their own.

        Args:
            folder: to write; a new one.
            values: (N,) in the place of ``value``.
            scale: of these, as the model names its unit.

        Raises:
            InputError: there are more or fewer values, or one is no number.
            OutputError: the folder cannot be written.
        """
        values = np.asarray(values, dtype=np.float32)
        if values.shape != (len(self),) or not np.isfinite(values).all():
            raise InputError(
                f"{len(self)} numbers are wanted, and {int(np.isfinite(values).sum())} of {values.size} are given",
                remedy="Give one for each value of the expression.",
            )
        folder = Path(folder)
        with writing(folder):
            folder.mkdir(parents=True)
            pq.write_table(self.samples, folder / "samples.parquet")
            for name, column in {"sample": self.sample, "gene": self.gene, "value": values}.items():
                np.asarray(column, dtype=COLUMNS[name]).tofile(folder / f"{name}.bin")
            of_values = {"sha256_of_values": hashlib.sha256(values.tobytes()).hexdigest()}
            report = {name: entry for name, entry in self.report.items() if name != "unit"}
            content = {"genes": list(self.genes), "scale": scale, "report": report | of_values}
            (folder / CONTENT).write_text(json.dumps(content, indent=2))
        return type(self).load(folder)
