"""Small UKBioFormers with a small UKBioBERT beside them, their files, and a plain way to what they predict."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gene_model_tests import Case
from test_conversion_published import write_tokenizer
from transformers import PreTrainedTokenizerFast
from window_case import NO_DROPOUT, WINDOW, gene_table, plain_inputs, plain_windows, window_case

from variantformer_hf.genome import PersonalGenome
from variantformer_hf.modeling import (
    UkBioBertConfig,
    UkBioBertModel,
    UkBioFormerConfig,
    UkBioFormerForExpression,
)
from variantformer_hf.zoo.companions import write_companions
from variantformer_hf.zoo.model_files import model_identity
from variantformer_hf.zoo.ukbioformer.gene_model import UkBioFormerGeneModel
from variantformer_hf.zoo.ukbioformer.haplotype_vectors import HaplotypeVectors, load_haplotype_vectors

WIDTH, TOKENS = 8, 89
# The embedding's window, shorter than the DNA's.
EMBEDDED = 640
TISSUES = ("whole blood", "liver")
TRUNKS: dict[str, dict[str, Any]] = {
    "enformer": {"hidden_size": 12, "num_attention_heads": 1, "key_size": 4, "channel_multiple": 2},
    "borzoi": {
        "hidden_size": 12,
        "num_attention_heads": 2,
        "key_size": 4,
        "value_size": 6,
        "num_position_features": 4,
        "tower_sizes": [4, 4, 6, 6, 8, 8],
        "embedding_size": 10,
    },
}


def write_ukbiobert(folder: Path, seed: int = 0) -> Path:
    """A small UKBioBERT with a tokenizer of up to three bases."""
    torch.manual_seed(seed)
    sizes = {"hidden_size": WIDTH, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": WIDTH}
    config = UkBioBertConfig(vocab_size=TOKENS, **sizes, initializer_range=0.5)
    UkBioBertModel(config).eval().save_pretrained(folder)
    write_tokenizer(folder / "tokenizer.json", TOKENS)
    special = {f"{name}_token": f"[{name.upper()}]" for name in ("unk", "cls", "sep", "pad", "mask")}
    PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"), **special).save_pretrained(folder)
    write_companions(folder, ("tokenizer.json",))
    return folder


def network(backbone: str = "borzoi", **changes: Any) -> UkBioFormerForExpression:
    """Of random weights, whose numbers are about 1."""
    torch.manual_seed(0)
    fields = {
        "trunk": {**TRUNKS[backbone], **NO_DROPOUT},
        "freeze_batchnorm": True,
        "embedding_size": 2 * WIDTH,
        "mlp_hidden": 16,
        "initializer_range": 0.3,
        "tissues": list(TISSUES),
        "input_length": WINDOW,
        "embedding_length": EMBEDDED,
    }
    return UkBioFormerForExpression(UkBioFormerConfig(backbone=backbone, **{**fields, **changes})).eval()


def vectors_of(folder: Path) -> HaplotypeVectors:
    return load_haplotype_vectors("model", None, model_identity(folder).sha256, asked=folder)


def gene_model(folder: Path, backbone: str = "borzoi", **changes: Any) -> UkBioFormerGeneModel:
    """A small model with the UKBioBERT of a folder; nothing else of it is on disk."""
    return UkBioFormerGeneModel(network(backbone, **changes), gene_table(), vectors_of(folder), device="cpu")


def plain(model: UkBioFormerGeneModel, person: PersonalGenome, gene: str, outputs: Sequence[int]) -> np.ndarray:
    """Predictions by the formula: a mean of two one-hots, and vectors of two sequences."""
    assert isinstance(model.embeddings, HaplotypeVectors)
    tss, network = model.gene_table.get(gene).tss, model.network
    texts = plain_windows(person, tss, EMBEDDED)
    vectors = [model.embeddings._embedder.embed([text])[0] for text in (texts[0], texts[-1])]
    with torch.inference_mode():
        states = network.trunk(plain_inputs(person, tss, WINDOW)[:1]).last_hidden_state[0]
        first, _, last = network.embedding_head
        middle = (torch.from_numpy(np.concatenate(vectors)) @ first.weight.T + first.bias).clamp(min=0)
        of_embedding = middle @ last.weight.T + last.bias
        share = torch.sigmoid(network.gate)
        found = share * network.dna_head(states).mean(dim=0) + (1 - share) * of_embedding
    return found.numpy()[list(outputs)]


def ukbioformer_case(folder: Path, backbone: str) -> Case:
    """Write a small model's files beside those of its UKBioBERT."""
    case = window_case(folder, "enformer")
    model = gene_model(write_ukbiobert(folder / "ukbiobert"), backbone)
    model.save(folder / "ukbioformer")
    return replace(case, model=folder / "ukbioformer", tissues=TISSUES, plain=plain)
