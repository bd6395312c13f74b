"""A tiny expression model with fixed random weights and a tokenizer trained on the synthetic genome."""

from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..folder import CRES_FILE, GENES_FILE
from ..genome.cres import CRE_CLASSES, CreTable
from ..genome.genes import GeneTable
from ..genome.reference import ReferenceGenome
from ..modeling import (
    VariantFormerConfig,
    VariantFormerEncoderConfig,
    VariantFormerForExpression,
    VariantFormerProcessor,
)
from ..tokenization import DnaTokenizer
from ..zoo.companions import write_companions
from .genome import SimulatedFiles, write_simulation

DEMO_TISSUES = ("whole blood", "liver", "brain - cortex", "muscle - skeletal")
VOCABULARY_SIZE = 200


def write_demo(folder: str | Path) -> SimulatedFiles:
    """Make a folder with the demo's genome and person, and its model in ``model``.

    Args:
        folder: made where it is not there; the same files are written each time.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    files = write_simulation(folder)
    write_demo_model(files, folder / "model")
    return files


def write_demo_model(files: SimulatedFiles, folder: Path, *, seed: int = 0, **config: Any) -> Path:
    """Write a model folder for the synthetic genome, with a card; weights are random, so predictions mean nothing.

    Args:
        files: the synthetic genome.
        folder: where to write the model.
        seed: of the weights.
        **config: fields of the model's config in the place of the demo's, such as ``cre_radius``.
    """
    genes, cres = GeneTable.read(files.genes), CreTable.read(files.cres)
    with ReferenceGenome(files.fasta) as reference:
        sequences = [
            reference.sequence(chrom, int(start), int(end))
            for chrom in cres.contigs
            for found in [cres.overlapping(chrom, 0, reference.contigs[chrom])]
            for start, end in zip(found.start, found.end, strict=True)
        ]
    tokenizer = DnaTokenizer.train(sequences, vocab_size=VOCABULARY_SIZE)
    encoder = VariantFormerEncoderConfig(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=128
    )
    of_demo = {
        "hidden_size": 48,
        "num_hidden_layers": 3,
        "num_attention_heads": 6,
        "intermediate_size": 192,
        "tissues": list(DEMO_TISSUES),
        "cre_classes": list(CRE_CLASSES),
    }
    model = VariantFormerForExpression(VariantFormerConfig(encoder_config=encoder, **{**of_demo, **config}))
    fill_weights(model, np.random.default_rng(seed))
    model.save_pretrained(folder)
    VariantFormerProcessor(tokenizer).save_pretrained(folder)
    genes.save(folder / GENES_FILE)
    cres.save(folder / CRES_FILE)
    write_companions(folder)
    card = resources.files("variantformer_hf").joinpath("model_cards", "demo.md").read_text(encoding="utf-8")
    (folder / "README.md").write_text(card, encoding="utf-8")
    return folder


def fill_weights(model: torch.nn.Module, rng: np.random.Generator) -> None:
    """Weights of the size that keeps activations near 1, so that the demo's genes, tissues and people differ."""
    with torch.no_grad():
        for _, module in sorted(model.named_modules()):
            if isinstance(module, torch.nn.Linear | torch.nn.Embedding):
                is_linear = isinstance(module, torch.nn.Linear)
                scale = module.weight.shape[-1] ** -0.5 if is_linear else 1.0
                values = rng.standard_normal(tuple(module.weight.shape), dtype=np.float32) * scale
                module.weight.copy_(torch.from_numpy(values))
                if isinstance(module, torch.nn.Linear):
                    module.bias.zero_()
