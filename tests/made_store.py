"""A store of embeddings of made vectors, written as a run writes it, without a model."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from variantformer_hf.genome.genes import Gene
from variantformer_hf.genome.interval import Interval
from variantformer_hf.inference.predicted import PredictedGenes, PredictedUnit
from variantformer_hf.inference.run_contents import RunContents
from variantformer_hf.inference.run_folder import MANIFEST_FILE, REPORT_FILE, RunFolder
from variantformer_hf.inference.run_plan import Cut, units_of
from variantformer_hf.zoo.units import LOG1P_TPM


def made_store(
    folder: Path,
    vectors: np.ndarray,
    *,
    samples: Sequence[str] | None = None,
    tissues: Sequence[str] | None = None,
    status: np.ndarray | None = None,
    values: np.ndarray | None = None,
    dtype: str = "float32",
    model: str = "made",
    precision: str = "float32",
) -> Path:
    """Write a store; genes are ENSG00000000001.1, named G1, and so on.

    Args:
        folder: where.
        vectors: (people, genes, tissues, width).
        samples: (people,) names; None = P1, P2 ...
        tissues: (tissues,) names; None = liver, lung, thyroid, spleen ...
        status: (people, genes); None = ok, where a gene's vectors have a NaN ``no_cres``.
        values: (people, genes, tissues) predictions; None = the mean of each vector.
        dtype: of the embeddings.
        model: its name, and what its SHA-256 is made of.
        precision: in which it computed.
    """
    n_people, n_genes, n_tissues, width = vectors.shape
    starts = range(1, 1 + 10_000 * n_genes, 10_000)
    genes = [
        Gene(f"ENSG{number:011d}.1", f"G{number}", "chr1", start, start + 999, "+")
        for number, start in enumerate(starts, start=1)
    ]
    identity: dict[str, Any] = {"name": model, "sha256": f"{sum(model.encode()):064x}"}
    contents = RunContents(
        samples=list(samples or [f"P{number + 1}" for number in range(n_people)]),
        genes=genes,
        tissues=list(tissues or ["liver", "lung", "thyroid", "spleen", "testis", "ovary"][:n_tissues]),
        unit=LOG1P_TPM,
        description={"model": identity, "precision": precision},
        cut=Cut(n_people, 1),
        genes_along=range(n_genes),
        layout="embeddings",
        dtype=dtype,
        embedding_width=width,
    )
    run = RunFolder.begin(folder, contents)
    units = units_of(
        [Interval("chr1", start - 1, start + 999) for start in starts], [1.0] * n_genes, n_people, contents.cut
    )
    if status is None:
        status = np.where(np.isnan(vectors).any(axis=(2, 3)), "no_cres", "ok").astype(object)
    listed = []
    for number, unit in enumerate(units):
        places = unit.content.genes
        found = PredictedGenes.empty(range(n_people), places, n_tissues, width)
        assert found.embeddings is not None
        found.embeddings[:] = vectors[:, places]
        found.status[:] = status[:, places]
        found.values[:] = (vectors.mean(axis=3) if values is None else values)[:, places]
        run.write(unit, PredictedUnit(found, ()))
        files = [asdict(file) for file in run.done_notes(unit).files]
        listed.append({"name": unit.name, "files": files, "people": [0, n_people], "stretch": number})
    manifest = {
        "key": contents.key,
        "rows": n_people * n_genes * n_tissues,
        "listed": listed,
        "stretches": [list(map(int, unit.content.genes)) for unit in units],
    }
    report = {"package": {}, "model": identity, "inputs": {}, "settings": {"precision": precision}}
    report |= {"unit": LOG1P_TPM.name, "units": LOG1P_TPM.columns()}
    run.files.put(REPORT_FILE, json.dumps(report).encode())
    run.files.put(MANIFEST_FILE, json.dumps(manifest).encode())
    return folder
