"""Vectors of people's genes as files: a tensor as safetensors, written some rows at a time, and a table of its rows."""

import csv
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..files import whole_file
from ..inference.dataset import DatasetPart
from ..inference.embedding_run import EmbeddingResult, VectorRow
from ..inference.embedding_store import EmbeddingStore
from .tables import annotated_data_module

_ALIGNED = 8


def write_vectors(result: EmbeddingResult, path: Path, metadata: Mapping[str, Any]) -> Path:
    """Write the vectors: the tensor ``embedding``, (rows, width) or (rows, bins, width) float32.

    No more than a unit of the run is in memory; of safetensors' format a header and the numbers behind it are written.

    Args:
        result: the run.
        path: the output.
        metadata: of the file, under the key ``variantformer``, as JSON.

    Raises:
        InputError: a file of a unit is damaged.
        OutputError: it cannot be written.
    """
    shape, kind = result.shape, np.dtype("<f4")
    row_bytes = int(np.prod(shape[1:])) * kind.itemsize
    described = {
        "__metadata__": {"variantformer": json.dumps(metadata)},
        "embedding": {"dtype": "F32", "shape": list(shape), "data_offsets": [0, shape[0] * row_bytes]},
    }
    header = json.dumps(described).encode()
    header += b" " * (-len(header) % _ALIGNED)
    with whole_file(path) as partial, partial.open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        begin = file.tell()
        file.truncate(begin + shape[0] * row_bytes)
        for rows, vectors in result.blocks():
            content = np.ascontiguousarray(vectors, dtype=kind)
            for first, last in _runs(rows):
                file.seek(begin + int(rows[first]) * row_bytes)
                file.write(content[first:last].tobytes())
    return path


def write_rows(rows: Iterable[VectorRow], path: Path) -> Path:
    """Write which vector each row is, as TSV: the columns of :class:`VectorRow`."""
    names = [field.name for field in fields(VectorRow)]
    with whole_file(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, names, delimiter="\t", lineterminator="\n")
        table.writeheader()
        table.writerows(map(asdict, rows))
    return path


def write_embedding_data(store: EmbeddingStore, part: DatasetPart, path: Path, metadata: Mapping[str, Any]) -> Path:
    """Write embeddings of a part of a store as AnnData, a variable a number of them.

    Of one gene an observation is a sample and tissue; of one sample, a gene and tissue.

    Args:
        store: the store.
        part: of it, of one gene or one sample.
        path: the output.
        metadata: of the file.

    Raises:
        InputError: the part has several genes and several samples; anndata is not installed; a file is damaged.
        OutputError: it cannot be written.
    """
    import pandas as pd

    n_people, n_genes, n_tissues = part.predictions.values.shape
    if n_people > 1 and n_genes > 1:
        raise InputError(
            f"embeddings of {n_people:,} samples and {n_genes:,} genes are no one table of numbers",
            file=path,
            remedy="Ask for one gene (--gene) or one sample (--sample).",
        )
    # (samples of the one gene, or genes of the one sample) x tissues
    of_one_gene = n_genes == 1
    names = list(part.samples) if of_one_gene else [gene.gene_id for gene in part.genes]
    status = part.predictions.status[:, 0] if of_one_gene else part.predictions.status[0]
    observations = pd.DataFrame(
        {
            "sample" if of_one_gene else "gene_id": np.repeat(np.array(names, dtype=object), n_tissues),
            "tissue": np.tile(np.array(part.tissues, dtype=object), len(names)),
            "status": np.repeat(np.array(status, dtype=object), n_tissues),
        }
    )
    observations.index = pd.Index([f"{a}|{b}" for a, b in observations.iloc[:, :2].to_numpy()], dtype=object)
    about = {"gene_id": part.genes[0].gene_id} if of_one_gene else {"sample": part.samples[0]}
    data = annotated_data_module().AnnData(
        X=store.vectors(part).reshape(-1, store.width),
        obs=observations,
        var=pd.DataFrame(index=pd.Index([str(number) for number in range(store.width)], dtype=object)),
        uns={"variantformer": json.dumps({**metadata, "embeddings_of": about})},
    )
    with whole_file(path) as partial:
        data.write_h5ad(partial)
    return path


def _runs(rows: np.ndarray) -> Iterable[tuple[int, int]]:
    """First and last + 1 places of rows that follow each other."""
    cuts = (np.flatnonzero(np.diff(rows) != 1) + 1).tolist()
    return zip([0, *cuts], [*cuts, len(rows)], strict=True)
