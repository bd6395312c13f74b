"""End to end: released checkpoint, FASTA, VCF, genes and cCREs in; the released implementation's predictions out."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from variantformer_hf import ExpressionPredictor, PersonalGenome, ReferenceGenome
from variantformer_hf.conversion.variantformer.checkpoints import convert_expression_model
from variantformer_hf.zoo.gene_regions import gene_sequences

TISSUES = ["whole blood", "brain - cortex", "K562", "liver"]
CASES = [
    ("genome", "reference", None),
    ("genome", "sampleA", "sampleA.vcf.gz"),
    ("genome", "sampleB", "sampleB.vcf.gz"),
    ("genome_edge", "reference", None),
    ("genome_edge", "edge", "edge.vcf.gz"),
]
SEEN_SLOW = [("genome", "reference"), ("genome", "sampleB")]

pytestmark = pytest.mark.shared


@pytest.fixture(scope="module")
def predictor_of(shared: Path, tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    """Folder of a parity genome -> predictor of the released tiny checkpoint with that genome's tables."""
    loaded: dict[str, ExpressionPredictor] = {}

    def load(folder: str) -> ExpressionPredictor:
        if folder not in loaded:
            model = tmp_path_factory.mktemp("models") / folder
            convert_expression_model(
                checkpoint=shared / "parity/full/v4_tiny_checkpoint.pth",
                encoder_checkpoint=shared / "parity/full/pretrained_tokenizers_checkpoint.pth",
                vocabulary=shared / "vocabulary/bpe_vocabulary_500.json",
                tissues=shared / "vocabulary/tissue_vocab.yaml",
                genes=shared / "parity" / folder / "genes.csv",
                cres=shared / "parity" / folder / "cres.bed",
                output=model,
            )
            loaded[folder] = ExpressionPredictor.from_pretrained(model, device="cpu")
        return loaded[folder]

    return load


@pytest.mark.parametrize(("folder", "sample", "vcf"), CASES)
def test_inputs_equal_the_released_ones(predictor_of, parity: Path, folder: str, sample: str, vcf: str | None) -> None:  # type: ignore[no-untyped-def]
    predictor = predictor_of(folder)
    expected = load_file(parity / folder / f"expected.{sample}.safetensors")
    reference = ReferenceGenome(parity / folder / "genome.fa")
    person = PersonalGenome(reference, parity / folder / vcf if vcf else None)
    finder = predictor.model.region_finder(reference)
    for gene in predictor.gene_table:
        inputs = predictor.model.gene_inputs(gene_sequences(finder.find(gene), person.sequences))
        for ours, released in (
            ("cre_input_ids", "cre_ids"),
            ("cre_class_ids", "cre_class"),
            ("gene_input_ids", "gene_ids"),
        ):
            wanted = expected[f"{gene.gene_id}.{released}"].long()
            assert torch.equal(inputs[ours][0], wanted), f"{gene.gene_id} {released}"
        for ours, released in (("cre_attention_mask", "cre_padding"), ("gene_attention_mask", "gene_padding")):
            wanted = ~expected[f"{gene.gene_id}.{released}"]
            assert torch.equal(inputs[ours][0].bool(), wanted), f"{gene.gene_id} {released}"


# One person of the larger genome, and what is odd of the other; inputs are compared for all.
@pytest.mark.parametrize(
    ("folder", "sample", "vcf"),
    [pytest.param(*case, marks=pytest.mark.slow if case[:2] in SEEN_SLOW else []) for case in CASES],
)
def test_predictions_equal_the_released_ones(
    predictor_of, parity: Path, folder: str, sample: str, vcf: str | None
) -> None:  # type: ignore[no-untyped-def]
    predictor = predictor_of(folder)
    expected = load_file(parity / folder / f"expected.{sample}.safetensors")
    result = predictor.run(
        parity / folder / "genome.fa",
        parity / folder / vcf if vcf else None,
        tissues=TISSUES,
        with_embeddings=True,
    )
    assert set(result.table["sample"]) == {sample}
    assert len(result.table) == len(predictor.gene_table) * len(TISSUES)
    for gene in predictor.gene_table:
        wanted_tissues = [predictor.model.network.config.tissues[int(t)] for t in expected[f"{gene.gene_id}.tissue"]]
        assert wanted_tissues == TISSUES
        rows = (result.table["gene_id"] == gene.gene_id).to_numpy()
        predicted = result.table.loc[rows, "log1p_tpm"].to_numpy()
        np.testing.assert_allclose(predicted, expected[f"{gene.gene_id}.pred"][:, 0].numpy(), atol=2e-5, rtol=0)
        assert result.embeddings is not None
        np.testing.assert_allclose(
            result.embeddings[rows], expected[f"{gene.gene_id}.embedding"].numpy(), atol=1e-4, rtol=0
        )
