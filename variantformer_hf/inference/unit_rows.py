"""A unit's predictions as rows: a Parquet file in the columns of the tidy table."""

import io
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ..genome.genes import Gene
from ..work.units import Unit
from ..zoo.units import Unit as UnitOfValues
from .predicted import PredictedGenes
from .run_contents import RunContents
from .unit_notes import UnitNotes

_PART = re.compile(r"[^/]+/[^/]+-people-\d+-\d+-stretch-\d+-[0-9a-f]{16}\.parquet")


def tidy_rows(
    found: PredictedGenes, samples: Sequence[str], genes: Sequence[Gene], tissues: Sequence[str], unit: UnitOfValues
) -> pa.Table:
    """One row per person, gene and tissue, in this order.

    Args:
        found: the predictions, of P people and G genes.
        samples: (P,) the people's names.
        genes: (G,) the genes.
        tissues: (T,) names.
        unit: of the predictions.

    Returns:
        sample, gene_id, gene_name, tissue, the unit's column (log1p_tpm, and tpm; or expression; float32), status and
        reason (null where there is none, as are numbers); text as dictionaries.
    """
    n_people, n_genes, n_tissues = found.values.shape
    of_gene = np.tile(np.repeat(np.arange(n_genes, dtype=np.int32), n_tissues), n_people)
    of_person = np.repeat(np.arange(n_people, dtype=np.int32), n_genes * n_tissues)
    values = found.values.ravel()
    columns: dict[str, Any] = {
        "sample": _text(of_person, samples),
        "gene_id": _text(of_gene, [gene.gene_id for gene in genes]),
        "gene_name": _text(of_gene, [gene.gene_name for gene in genes]),
        "tissue": _text(np.tile(np.arange(n_tissues, dtype=np.int32), n_people * n_genes), tissues),
        unit.column: pa.array(values, from_pandas=True),
        **({"tpm": pa.array(np.expm1(values), from_pandas=True)} if unit.is_log1p_tpm else {}),
        "status": _repeated(*found.status_of_values()),
        "reason": _repeated(found.reason, n_tissues),
    }
    return pa.table(columns)


class UnitRows:
    """Units as Parquet files, a folder a contig.

    Args:
        contents: of the run.
    """

    def __init__(self, contents: RunContents) -> None:
        self._contents = contents

    @staticmethod
    def of_any_run() -> tuple[str, ...]:
        """Files that say nothing of what is done: none."""
        return ()

    def of_run(self) -> dict[str, bytes]:
        """Files that belong to no unit: none."""
        return {}

    def of_unit(self, unit: Unit, found: PredictedGenes) -> dict[str, tuple[bytes, int]]:
        """Name -> content and rows of a unit's file."""
        contents = self._contents
        samples = [contents.samples[person] for person in found.people]
        genes = [contents.genes[gene] for gene in found.genes]
        table = tidy_rows(found, samples, genes, contents.tissues, contents.unit)
        text = [field.name for field in table.schema if pa.types.is_dictionary(field.type)]
        numbers = [name for name in table.column_names if name not in text]
        sink = io.BytesIO()
        pq.write_table(table, sink, compression="zstd", use_dictionary=text, use_byte_stream_split=numbers)
        return {f"{unit.name.partition('-people-')[0]}/{unit.name}.parquet": (sink.getvalue(), table.num_rows)}

    def values(self, read: Callable[[str], bytes], notes: UnitNotes) -> np.ndarray:
        """(P, G, T) float32 of a unit that is done; ``read`` gives its files."""
        name = next(file.name for file in notes.files if self.is_of_a_run(file.name))
        table = pq.read_table(pa.BufferReader(read(name)), columns=[self._contents.unit.column])
        shape = (*notes.predictions.status.shape, len(self._contents.tissues))
        return table.column(0).to_numpy().reshape(shape)

    @staticmethod
    def is_of_a_run(name: str) -> bool:
        """Whether a file is of some unit of some run."""
        return _PART.fullmatch(name) is not None


def _text(places: np.ndarray, names: Sequence[str]) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(places), pa.array(names, pa.string()))


def _repeated(values: np.ndarray, times: int) -> pa.DictionaryArray:
    """Text of genes for each tissue; "" is null."""
    names, places = np.unique(values.ravel().astype(str), return_inverse=True)
    places = np.repeat(places.astype(np.int32), times)
    if not len(names) or names[0]:
        return _text(places, names.tolist())
    places = pa.array(places - 1, pa.int32(), mask=places == 0)
    return pa.DictionaryArray.from_arrays(places, pa.array(names[1:].tolist(), pa.string()))
