"""Baselines of vectors: fitted to the train donors of a made cohort, and read back as any model."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from baseline_lab import DONORS, PLANTED, TEST, TRAIN, Lab, write_lab
from safetensors.numpy import load_file, save_file

from variantformer_hf import ExpressionPredictor
from variantformer_hf.data.splits import Split
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


def test_heads_learn_64_pairs_by_heart(lab: Lab, tmp_path: Path) -> None:
    """Numbers that have nothing to do with the vectors: what is predicted of the pairs is what was given."""
    rng, few = np.random.default_rng(0), DONORS[:32]
    values = rng.normal(0, 1, len(lab.expression)).astype(np.float32)
    expression = lab.expression.with_values(tmp_path / "values", values, "inverse_normal")
    kept = {gene.gene_id: "train" if gene.gene_name in ("UP", "FAR") else "test" for gene in lab.inputs.genes}
    split = Split({"LAB": {donor: "train" if donor in few else "test" for donor in DONORS}}).with_genes(kept)
    vectors = tmp_path / "vectors.safetensors"
    rows = [f"{donor}\t{gene.gene_id}" for donor in few for gene in lab.inputs.genes]
    save_file({"embedding": rng.normal(0, 1, (len(rows), 64)).astype(np.float32)}, vectors)
    vectors.with_suffix(".tsv").write_text("\n".join(["sample\tgene_id", *rows]) + "\n")
    options = HeadsOptions(hidden=(64, 64, 32), dropout=0.0, epochs=25, batch_size=4, learning_rate=3e-3)
    report = fit_heads(
        options, expression, split, inputs_of(lab, vectors), tmp_path / "heads", parts=tmp_path / "parts"
    )
    assert report["genes_x_people"]["fitted"] == 64
    table = table_of(lab, tmp_path / "heads", vectors, few)
    samples, genes = expression.samples.to_pandas(), lab.inputs.genes.genes
    given = samples.iloc[expression.sample].reset_index(drop=True)
    given["gene_id"], given["value"] = [genes[place].gene_id for place in expression.gene], values
    both = table.merge(given, left_on=["sample", "gene_id", "tissue"], right_on=["donor", "gene_id", "tissue"])
    both = both[both["gene_name"].isin(["UP", "FAR"])]
    assert len(both) == 128
    assert (both["expression"] - both["value"]).abs().mean() < 0.1


def test_vectors_that_are_not_there_have_a_status_and_are_counted(
    lab: Lab, vectors: Path, heads: Path, tmp_path: Path
) -> None:
    """Of the fit; and of people who are predicted, where a vector that is no number counts as none."""
    report = json.loads((heads / "report.json").read_text())
    assert report["people"] == {"fitted": len(TRAIN), "without_embedding": 0}
    assert report["genes_x_people"]["without_embedding"] == 1
    assert report["genes"] == {"fitted": 3, "not_fitted": 1}
    few = write_vectors(lab, tmp_path / "few.safetensors", donors=TEST[:2])
    arrays = load_file(few)
    arrays["embedding"][1, 3] = np.nan
    save_file(arrays, few)
    table = table_of(lab, heads, few, TEST[:3])
    status = table.groupby(["sample", "gene_name"])["status"].first()
    assert status[TEST[0], "DOWN"] == "no_embedding" and status[TEST[1], "DOWN"] != "no_embedding"
    assert set(status[TEST[2]]) == {"no_embedding"}
    assert table.query("status == 'no_embedding'")["log1p_tpm"].isna().all()
    assert table.query("status != 'no_embedding'")["log1p_tpm"].notna().all()
    whole = table_of(lab, heads, vectors, TEST[:2]).query("gene_name == 'UP'")
    np.testing.assert_allclose(
        table.query("gene_name == 'UP' and sample != @TEST[2]")["log1p_tpm"], whole["log1p_tpm"], atol=0.2
    )


def test_what_the_fit_reads_of_people_who_are_held_out_is_nothing(
    lab: Lab, vectors: Path, heads: Path, tmp_path: Path
) -> None:
    """Vectors of the train donors alone give the same weights, bit by bit."""
    alone = write_vectors(lab, tmp_path / "train.safetensors", donors=TRAIN)
    whole = load_file(vectors)["embedding"]
    arrays = load_file(alone)
    arrays["embedding"] = whole[: len(arrays["embedding"])].copy()
    save_file(arrays, alone)
    given = (HeadsOptions(**QUICK), lab.expression, lab.split, inputs_of(lab, alone), tmp_path / "heads")
    fit_heads(*given, parts=tmp_path / "parts")
    for name, tensor in load_file(tmp_path / "heads" / "model.safetensors").items():
        np.testing.assert_array_equal(tensor, load_file(heads / "model.safetensors")[name])
