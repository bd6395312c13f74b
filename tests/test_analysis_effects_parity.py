"""Effects of variants: those of the released implementation."""

import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from variantformer_hf import ReferenceGenome, Variant
from variantformer_hf.analysis import VariantScorer, open_backgrounds
from variantformer_hf.conversion.variantformer.checkpoints import convert_expression_model

LABELS = {"CRE overlap only": "cre", "Gene overlap only": "gene", "Gene and CRE overlap": "both", "No overlap": "none"}
BACKGROUNDS = {"reference": "reference", "snps": "person-snps"}

pytestmark = pytest.mark.shared


@pytest.fixture(scope="module")
def scorer(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> VariantScorer:
    model = tmp_path_factory.mktemp("model") / "genome"
    convert_expression_model(
        checkpoint=shared / "parity/full/v4_tiny_checkpoint.pth",
        encoder_checkpoint=shared / "parity/full/pretrained_tokenizers_checkpoint.pth",
        vocabulary=shared / "vocabulary/bpe_vocabulary_500.json",
        tissues=shared / "vocabulary/tissue_vocab.yaml",
        genes=shared / "parity/genome/genes.csv",
        cres=shared / "parity/genome/cres.bed",
        output=model,
    )
    return VariantScorer.from_pretrained(model, device="cpu")


@pytest.mark.parametrize("background", ["reference", "snps"])
def test_all_cases_equal_the_released_ones(scorer: VariantScorer, parity: Path, background: str) -> None:
    folder = parity / "genome"
    cases = json.loads((folder / "expected_variant_effects.sampleA.json").read_text())
    cases = [case for case in cases if case["background"] == background]
    assert len(cases) == 18
    reference = ReferenceGenome(folder / "genome.fa")
    vcf = None if background == "reference" else folder / "sampleA.vcf.gz"
    backgrounds = open_backgrounds(reference, BACKGROUNDS[background], vcf=vcf)
    by_gene = defaultdict(list)
    for case in cases:
        by_gene[case["gene_id"]].append(case)
    for gene, of_gene in by_gene.items():
        variants = [Variant(case["chrom"], case["pos"], case["ref"], case["alt"]) for case in of_gene]
        tissues = of_gene[0]["tissues"]
        result = scorer.run(variants, backgrounds, genes=[gene], tissues=tissues, with_embeddings=True)
        norms = {name: np.linalg.norm(vectors, axis=1) for name, vectors in result.embeddings.items()}
        table = result.table.assign(norm_ref=norms["gene_ref"], norm_alt=norms["gene_alt"])
        assert (table["status"] == "ok").all()
        assert (table["background"] == BACKGROUNDS[background]).all()
        for case in of_gene:
            for zygosity in ("het", "hom"):
                rows = table[
                    (table["pos"] == case["pos"]) & (table["alt"] == case["alt"]) & (table["zygosity"] == zygosity)
                ]
                assert rows["tissue"].tolist() == tissues
                assert set(rows["overlap"]) == {LABELS[case["overlap"]]}
                for ours, released in (("ref", "ref"), ("alt", zygosity)):
                    np.testing.assert_allclose(rows[f"log1p_tpm_{ours}"], case["expected"][released], atol=2e-5, rtol=0)
                    np.testing.assert_allclose(
                        rows[f"norm_{ours}"], case["embedding_norm"][released], atol=1e-4, rtol=0
                    )
