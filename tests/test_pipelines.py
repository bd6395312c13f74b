"""The pipeline gives the rows that the predictor gives, from files and from sequences."""

from pathlib import Path

import pandas as pd
import pytest
import torch
from genome_files import record, write_vcf
from local_hub import local_hub
from random_variants import other_base
from small_model import LENGTH, TISSUES, SmallWorld
from transformers import pipeline

import variantformer_hf.pipelines
from variantformer_hf.errors import InputError
from variantformer_hf.inference.query import RejectedQueryError
from variantformer_hf.zoo.companions import write_companions

pytestmark = pytest.mark.usefixtures("one_thread")
TASK = variantformer_hf.pipelines.TASK


@pytest.fixture(scope="module")
def folder(world: SmallWorld, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return world.save(tmp_path_factory.mktemp("pipeline") / "model")


@pytest.fixture(scope="module")
def pipe(folder: Path) -> variantformer_hf.pipelines.PersonalGeneExpressionPipeline:
    return pipeline(TASK, model=str(folder), device="cpu")


def person_file(world: SmallWorld) -> Path:
    lines = [record(at, world.genome[at - 1], other_base(world.genome[at - 1]), "0/1") for at in (1900, 2700)]
    return write_vcf(world.folder / "piped.vcf.gz", lines, contigs={"chr1": LENGTH, "chrX": 200})


def test_a_person(pipe, world: SmallWorld) -> None:
    vcf = person_file(world)
    rows = pipe(fasta=world.reference.path, vcf=vcf, genes=["PLUS"], tissues=["liver", "Whole_Blood"])
    expected = world.predictor.predict(world.reference, vcf, genes=["PLUS"], tissues=["liver", "Whole_Blood"])
    found = pd.DataFrame(rows)
    pd.testing.assert_frame_equal(found.astype(expected.dtypes), expected, atol=1e-6)
    assert len(rows) == 2
    assert rows[0]["sample"] == "S1"


def test_sequences(pipe, world: SmallWorld) -> None:
    sequences = [world.predictor.model.sequences(world.person([], name=gene), gene) for gene in ("PLUS", "MINUS")]
    inputs = [
        {
            "cre_sequences": each.cre_sequences,
            "cre_classes": each.cre_class_ids.tolist(),
            "gene_sequence": each.gene_sequence,
        }
        for each in sequences
    ]
    found = pipe(inputs)
    assert [[row["tissue"] for row in rows] for rows in found] == [TISSUES, TISSUES]
    for rows, each in zip(found, sequences, strict=True):
        expected, _ = world.predictor.model.predict_gene(each, range(len(TISSUES)))
        torch.testing.assert_close(torch.tensor([row["log1p_tpm"] for row in rows]), torch.from_numpy(expected))
    (row,) = pipe(inputs[0], tissues=["thyroid"])
    assert row["tissue"] == "thyroid"
    assert row["log1p_tpm"] == pytest.approx(found[0][2]["log1p_tpm"], abs=1e-5)


def test_bad_questions(pipe, world: SmallWorld) -> None:
    ready = {"cre_sequences": ["ACGT"], "cre_classes": [0], "gene_sequence": "ACGT"}
    with pytest.raises(InputError, match="one of them"):
        pipe()
    with pytest.raises(InputError, match="one of them"):
        pipe(ready, fasta=world.reference.path)
    with pytest.raises(InputError, match="dict of cre_classes"):
        pipe({"gene_sequence": "ACGT"})
    with pytest.raises(RejectedQueryError, match=r"'livre'.*did you mean liver"):
        pipe(ready, tissues=["livre"])
    with pytest.raises(RejectedQueryError, match="PLSU"):
        pipe(fasta=world.reference.path, genes=["PLSU"])
    with pytest.raises(TypeError, match="not with vcf="):
        pipe(ready, vcf="person.vcf.gz")


def test_a_weight_that_is_missing_is_not_made_up(world: SmallWorld, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    damaged = world.save(tmp_path / "model")
    tensors = load_file(damaged / "model.safetensors")
    tensors.pop("model.tissue_embedding.weight")
    save_file(tensors, damaged / "model.safetensors", metadata={"format": "pt"})
    write_companions(damaged)  # as if it had been written so
    with pytest.raises(ValueError, match=r"tissue_embedding\.weight"):
        pipeline(TASK, model=str(damaged), device="cpu")


BY_NAME = """
import json, sys
from transformers import pipeline
import variantformer_hf.pipelines
pipe = pipeline("personal-gene-expression", model="me/model", device="cpu")
print(json.dumps(pipe(fasta=sys.argv[1], genes=["PLUS"], tissues=["liver"])))
"""


def test_by_name_without_trusting_its_code(folder: Path, world: SmallWorld, tmp_path: Path) -> None:
    with local_hub() as hub:
        hub.add("me/model", {path.name: path.read_bytes() for path in folder.iterdir()})
        (row,) = hub.python(tmp_path, BY_NAME, world.reference.path)
    expected = world.predictor.predict(world.reference, genes=["PLUS"], tissues=["liver"])
    assert row["log1p_tpm"] == pytest.approx(expected["log1p_tpm"].item(), abs=1e-6)
