"""One cohort's expression: its samples, and its values gene by gene."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from ...errors import InputError
from ...zoo.units import LOG1P_TPM, unit_named

EXPRESSION_SCHEMA = pa.schema(
    [
        ("sample", pa.string()),
        ("donor", pa.string()),
        ("cohort", pa.string()),
        ("tissue", pa.string()),
        ("gene_id", pa.string()),
        ("tpm", pa.float32()),
    ]
)


@dataclass(frozen=True, slots=True)
class Sample:
    """One measured sample.

    Attributes:
        sample, donor, tissue: names; the donor's is that in the VCF.
        rin: RNA integrity number; None = not given.
    """

    sample: str
    donor: str
    tissue: str
    rin: float | None = None


@dataclass(frozen=True)
class ExpressionSource:
    """One cohort's expression.

    Attributes:
        path: the file.
        cohort: its name.
        samples: in the file's order.
        values: gives (gene id or symbol, (samples,) float32) pairs, TPM or what ``scale`` says; NaN = not measured. May
            be called again.
        left_out: samples of the file that are not in ``samples``, by reason.
        is_cell_line: whether the samples are cell lines, which quality thresholds of tissues leave alone.
        gene_names: ``gene_id`` or ``symbol``.
        scale: what is trained on, as models name their unit. Values of ``log1p_tpm`` are given as TPM, of any other
            scale as they are.
    """

    path: Path
    cohort: str
    samples: tuple[Sample, ...]
    values: Callable[[], Iterator[tuple[str, np.ndarray]]]
    left_out: Mapping[str, int]
    is_cell_line: bool = False
    gene_names: str = "gene_id"
    scale: str = LOG1P_TPM.name

    @property
    def is_tpm(self) -> bool:
        """Whether the values are TPM, of which the logarithm is trained on, and which are filtered as such."""
        return unit_named(self.scale).is_log1p_tpm

    @property
    def schema(self) -> pa.Schema:
        """Of :meth:`batches`: :data:`EXPRESSION_SCHEMA`, the values called ``value`` where they are no TPM."""
        place = EXPRESSION_SCHEMA.get_field_index("tpm")
        return EXPRESSION_SCHEMA if self.is_tpm else EXPRESSION_SCHEMA.set(place, pa.field("value", pa.float32()))

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The source in the tidy schema, a batch a gene, values that were not measured left out."""
        columns = {
            "sample": np.array([each.sample for each in self.samples], dtype=object),
            "donor": np.array([each.donor for each in self.samples], dtype=object),
            "cohort": np.full(len(self.samples), self.cohort, dtype=object),
            "tissue": np.array([each.tissue for each in self.samples], dtype=object),
        }
        for gene, values in self.values():
            there = ~np.isnan(values)
            arrays = [pa.array(column[there], pa.string()) for column in columns.values()]
            arrays += [pa.array([gene] * int(there.sum()), pa.string()), pa.array(values[there], pa.float32())]
            yield pa.RecordBatch.from_arrays(arrays, schema=self.schema)


def with_rin(samples: Sequence[Sample], least: float | None) -> tuple[list[int], dict[str, int]]:
    """Indices of the samples whose RNA is good enough, and how many are not."""
    if least is None:
        return list(range(len(samples))), {}
    kept = [index for index, each in enumerate(samples) if each.rin is not None and each.rin > least]
    unknown = sum(each.rin is None for each in samples)
    left_out = {f"RIN not above {least:g}": len(samples) - len(kept) - unknown, "RIN not given": unknown}
    return kept, {reason: count for reason, count in left_out.items() if count}


def check_once(names: Iterable[str], path: Path) -> None:
    """Raise InputError where a sample is there twice."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise InputError("has a sample twice", file=path, record=name, remedy="Keep one of them.")
        seen.add(name)
