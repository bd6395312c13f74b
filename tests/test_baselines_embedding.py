"""Baselines of vectors: fitted to the train donors of a made cohort, and read back as any model."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from baseline_lab import DONORS, PLANTED, TEST, TRAIN, Lab, write_lab
from safetensors.numpy import save_file

from variantformer_hf import ExpressionPredictor
from variantformer_hf.training.embedding.embedded_pairs import EmbeddingInputs
from variantformer_hf.training.embedding.heads import fit_heads
from variantformer_hf.training.embedding.options import HeadsOptions
from variantformer_hf.zoo.embedding_table import EmbeddingTable

pytestmark = pytest.mark.usefixtures("one_thread")

WIDTH = 24
QUICK = {"hidden": (32, 32, 16), "epochs": 12, "learning_rate": 3e-3}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    return write_lab(tmp_path_factory.mktemp("lab"))


@pytest.fixture(scope="module")
def vectors(lab: Lab) -> Path:
    return write_vectors(lab, lab.folder / "vectors.safetensors")


def write_vectors(lab: Lab, path: Path, *, donors: tuple[str, ...] = DONORS, **described: Any) -> Path:
    """Of each donor and gene: what kind of gene it is, and its planted dosage, each along a line of its own, and noise.

    The last donor to be trained on has none of UP.
    """
    rng = np.random.default_rng(3)
    directions = rng.normal(size=(8, WIDTH))
    vectors, rows = [], ["sample\tgene_id\tstatus"]
    for number, donor in enumerate(DONORS):
        for place, gene in enumerate(lab.inputs.genes):
            noise = rng.normal(0, 0.05, WIDTH)
            if donor not in donors:
                continue
            dosage = lab.dosage[number, PLANTED[gene.gene_name][0]] if gene.gene_name in PLANTED else 0
            is_lacking = donor == TRAIN[-1] and gene.gene_name == "UP"
            vectors.append(3 * directions[place] + dosage * directions[place + 4] + noise)
            rows.append(f"{donor}\t{gene.gene_id}\t{'gene_deleted' if is_lacking else 'ok'}")
    metadata = {"variantformer": json.dumps(described)} if described else None
    save_file({"embedding": np.array(vectors, dtype=np.float32)}, path, metadata)
    path.with_suffix(".tsv").write_text("\n".join(rows) + "\n")
    return path


def inputs_of(lab: Lab, vectors: Path, **changes: Any) -> EmbeddingInputs:
    return replace(EmbeddingInputs(EmbeddingTable(vectors, "Make it."), lab.inputs.genes), **changes)


def table_of(lab: Lab, model: Path, vectors: Path, donors: tuple[str, ...] = TEST) -> pd.DataFrame:
    predictor = ExpressionPredictor.from_pretrained(model, device="cpu", variant_embeddings=vectors)
    return predictor.predict(lab.inputs.fasta, lab.inputs.vcf, samples=list(donors))


def values_of(table: pd.DataFrame, gene: str, tissue: str) -> np.ndarray:
    return table.query("gene_name == @gene and tissue == @tissue")["log1p_tpm"].to_numpy(float)


@pytest.fixture(scope="module")
def heads(lab: Lab, vectors: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("heads")
    given = (HeadsOptions(**QUICK), lab.expression, lab.split, inputs_of(lab, vectors), folder / "heads")
    fit_heads(*given, parts=folder / "parts")
    return folder / "heads"


def test_heads_find_a_planted_variant(lab: Lab, vectors: Path, heads: Path) -> None:
    table = table_of(lab, heads, vectors)
    for gene, (place, _) in PLANTED.items():
        truth = lab.dosage[len(TRAIN) :, place]
        assert abs(np.corrcoef(truth, values_of(table, gene, "liver"))[0, 1]) > 0.9
    assert np.corrcoef(lab.dosage[len(TRAIN) :, PLANTED["UP"][0]], values_of(table, "UP", "lung"))[0, 1] < -0.9
    assert set(table["status"]) <= {"ok", "no_variants", "unseen_gene"}
    assert set(table.query("gene_name == 'HELD'")["status"]) <= {"unseen_gene"}
