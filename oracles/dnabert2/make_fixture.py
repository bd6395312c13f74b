"""multimolecule's DNABERT-2 on a small configuration; weights by the names that DNABERT-2's authors gave them."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ["HF_HUB_OFFLINE"] = "1"

from fixture_file import load, write_fixture
from formula_weights import formula_weights, uniform
from multimolecule import DnaBert2Config, DnaBert2ForMaskedLM

SETTINGS = {
    "vocab_size": 64,
    "hidden_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 12,
    "intermediate_size": 64,
    "layer_norm_eps": 1e-12,
}
# So small that the eps of the norm behind them counts; queries and keys so large that attention is not even.
SCALES = {"embeddings.word": 0.01, "embeddings.token_type": 0.01, "Wqkv.weight": 2.0}
# Tokens of an input, tokens of its second sequence, and which of them are kept.
CASES = ((16, 11, 1), (100, 63, 3), (700, 420, 20))


def main() -> None:
    """Write the fixture."""
    torch.set_num_threads(1)
    shapes = published_shapes()
    write_fixture(
        "dnabert2",
        outputs(multimolecule(SETTINGS, formula_weights(shapes, SCALES)), CASES),
        ("multimolecule", "transformers"),
        shapes=shapes,
        settings=SETTINGS,
        scales=SCALES,
        every={str(length): every for length, _, every in CASES},
    )


def multimolecule(settings: dict[str, Any], weights: dict[str, np.ndarray]) -> DnaBert2ForMaskedLM:
    """The oracle with weights by the names that DNABERT-2's authors gave them."""
    oracle = DnaBert2ForMaskedLM(DnaBert2Config(**settings)).eval()
    load(oracle, by_multimolecule(weights))
    return oracle


def outputs(oracle: DnaBert2ForMaskedLM, cases: Sequence[tuple[int, int, int]]) -> dict[str, torch.Tensor]:
    """Inputs, MLM logits and hidden states of all layers: LENGTH.ids, .mask, .logits, .hidden.LAYER."""
    tensors = {}
    for length, second, every in cases:
        share = (uniform(f"dnabert2 {length}", (2, length)) + 1) / 2
        ids = (share * (oracle.config.vocab_size - 6)).astype(np.int64) + 6
        mask = torch.ones(2, length, dtype=torch.long)
        mask[1, second:] = 0
        with torch.no_grad():
            found = oracle(torch.from_numpy(ids), attention_mask=mask, output_hidden_states=True)
        tensors[f"{length}.ids"], tensors[f"{length}.mask"] = torch.from_numpy(ids), mask
        tensors[f"{length}.logits"] = found.logits[:, ::every]
        for layer, states in enumerate(found.hidden_states):
            tensors[f"{length}.hidden.{layer}"] = states[:, ::every]
    return tensors


def published_shapes() -> dict[str, tuple[int, ...]]:
    """Names and shapes of a checkpoint of DNABERT-2."""
    width, inner, vocabulary = (SETTINGS[name] for name in ("hidden_size", "intermediate_size", "vocab_size"))
    shapes: dict[str, tuple[int, ...]] = {
        "bert.embeddings.word_embeddings.weight": (vocabulary, width),
        "bert.embeddings.token_type_embeddings.weight": (2, width),
        "cls.predictions.transform.dense.weight": (width, width),
        "cls.predictions.transform.dense.bias": (width,),
        "cls.predictions.decoder.bias": (vocabulary,),
    }
    norms = ["bert.embeddings.LayerNorm", "cls.predictions.transform.LayerNorm"]
    for index in range(SETTINGS["num_hidden_layers"]):
        layer = f"bert.encoder.layer.{index}"
        shapes |= {
            f"{layer}.attention.self.Wqkv.weight": (3 * width, width),
            f"{layer}.attention.self.Wqkv.bias": (3 * width,),
            f"{layer}.attention.output.dense.weight": (width, width),
            f"{layer}.attention.output.dense.bias": (width,),
            f"{layer}.mlp.gated_layers.weight": (2 * inner, width),
            f"{layer}.mlp.wo.weight": (width, inner),
            f"{layer}.mlp.wo.bias": (width,),
        }
        norms += [f"{layer}.attention.output.LayerNorm", f"{layer}.mlp.layernorm"]
    return shapes | {f"{norm}.{tensor}": (width,) for norm in norms for tensor in ("weight", "bias")}


def by_multimolecule(weights: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The same tensors by multimolecule's names, which has queries, keys and values apart."""
    named = {}
    for name, tensor in weights.items():
        new = name
        for theirs, ours in (
            ("bert.", "model."),
            ("cls.predictions.", "lm_head."),
            ("LayerNorm", "layer_norm"),
            ("mlp.layernorm", "mlp.layer_norm"),
            ("mlp.gated_layers", "mlp.up_proj"),
            ("mlp.wo", "mlp.down_proj"),
        ):
            new = new.replace(theirs, ours)
        if "Wqkv" in new:
            for part, third in zip(("query", "key", "value"), np.split(tensor, 3), strict=True):
                named[new.replace("Wqkv", part)] = third
        else:
            named[new] = tensor
    named["lm_head.decoder.weight"] = named["model.embeddings.word_embeddings.weight"]
    named["lm_head.bias"] = named["lm_head.decoder.bias"]
    return named


if __name__ == "__main__":
    main()
