"""Peak memory of converting a model of the released size, and of loading and running it in bfloat16.

Run: python -m benchmarks.memory.full [--cres 200] [--windows 20]

A random checkpoint of the released size and layout (4.9 GB in float32) is written, converted with `--dtype bfloat16`,
loaded, and predicts one gene in one tissue; that needs 8 GB of disk and some minutes.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import torch

from benchmarks.memory.steps import Step, run_steps

FULL_ENCODER = {
    "vocab_size": 500,
    "embedding_dim": 512,
    "num_heads": 8,
    "num_layers": 12,
    "num_tissues": 16,
    "num_classes": 2,
    "loss_fn": ["cross_entropy", 0],
    "seq_pool": "linear",
    "token_length": 200,
    "use_context": False,
    "positional_encoding": "alibi",
    "strand_agg": "concat",
    "use_dual_loss": True,
    "reduction": "mean",
}
FULL_MODEL = {
    "num_tissues": 63,
    "emb_dim": 1536,
    "gene_emb_dim": 512,
    "num_heads": 32,
    "num_layers": 25,
    "use_alibi": True,
    "mlp_dout": 0.1,
    "use_context": True,
    "token_dim": 512,
    "gene_pooling": "multi_registry",
    "only_cross_attention": False,
    "multi_head": False,
    "use_bigger_head": True,
    "use_res": False,
    "cross_alibi": False,
    "add_context_to_cres": False,
}
CROSS = ("Wq", "Wkv", "out_proj")


def main() -> None:
    """Print the peaks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cres", type=int, default=200)
    parser.add_argument("--windows", type=int, default=20)
    run_steps("benchmarks.memory.full", STEPS, parser)


def write_full(arguments: argparse.Namespace) -> None:
    """Write a checkpoint of the released size with random weights, without its optimizer state, and its tables."""
    from variantformer_hf.conversion.variantformer.hyperparameters import (
        encoder_config_from_released,
        expression_config_from_released,
    )
    from variantformer_hf.conversion.variantformer.names import expression_parameter_name
    from variantformer_hf.modeling import VariantFormerForExpression
    from variantformer_hf.simulation.genome import write_simulation

    tissues = {f"tissue {index}": index for index in range(FULL_MODEL["num_tissues"])}
    config = expression_config_from_released(FULL_MODEL, encoder_config_from_released(FULL_ENCODER), list(tissues))
    with torch.device("meta"):
        shapes = VariantFormerForExpression(config).state_dict()
    state = {}
    for released in released_names():
        ours = expression_parameter_name(released)
        if ours in shapes:
            state[released] = torch.randn(shapes[ours].shape) * 0.02
    folder = arguments.folder
    torch.save({"state_dict": state, "hyper_parameters": FULL_MODEL}, folder / "model.pth")
    torch.save({"state_dict": {}, "hyper_parameters": FULL_ENCODER}, folder / "encoder.pth")
    (folder / "tissues.yaml").write_text("".join(f"{name}: {index}\n" for name, index in tissues.items()))
    write_simulation(folder)


def released_names() -> Iterator[str]:
    """Names of the tensors of a released expression checkpoint."""
    layer = ["MHA.Wqkv", "MHA.out_proj", "norm1", "norm2", "linear_geglu_1", "linear_geglu_2"]
    cross = ["mixer.MHA.Wqkv", "mixer.MHA.out_proj", "norm3", *(f"crossMHA.MHA.{part}" for part in CROSS), *layer[2:]]
    for kind in ("weight", "bias"):
        for encoder in ("cre_tokenizer", "gene_tokenizer"):
            yield f"{encoder}.linear.{kind}"
            for index in range(FULL_ENCODER["num_layers"]):
                yield from (f"{encoder}.transformer_encoder.{index}.{part}.{kind}" for part in layer)
        for index in range(FULL_MODEL["num_layers"]):
            yield from (f"combined_modulator.gene_layers.{index}.{part}.{kind}" for part in cross)
        for index in range(FULL_MODEL["num_layers"] - 1):
            yield from (f"combined_modulator.cre_layers.{index}.{part}.{kind}" for part in cross)
        yield from (f"tissue_heads.tissue_expressions.{index}.{kind}" for index in (0, 1, 4, 6))
        yield from (f"{name}.{kind}" for name in ("cre_map", "gene_map"))
    yield from ("cre_tokenizer.token_embedding.weight", "gene_tokenizer.token_embedding.weight")
    yield from ("start_tkn.registry_tokens.weight", "combined_modulator.second_level_context_embedding.weight")


def vocabulary_of_500(folder: Path) -> Path:
    """Train a vocabulary of the released size on the synthetic genome and write it as released: merges only."""
    from variantformer_hf import DnaTokenizer

    lines = (folder / "genome.fa").read_text().splitlines()
    tokenizer = DnaTokenizer.train([line for line in lines if not line.startswith(">")], vocab_size=500)
    content = json.loads(tokenizer.backend_tokenizer.to_str())
    path = folder / "vocabulary.json"
    path.write_text(json.dumps(content | {"normalizer": None, "pre_tokenizer": None, "post_processor": None}))
    return path


def convert_full(arguments: argparse.Namespace) -> None:
    """Convert that checkpoint to bfloat16."""
    from variantformer_hf.conversion.variantformer.checkpoints import convert_expression_model

    folder = arguments.folder
    convert_expression_model(
        checkpoint=folder / "model.pth",
        encoder_checkpoint=folder / "encoder.pth",
        vocabulary=vocabulary_of_500(folder),
        tissues=folder / "tissues.yaml",
        genes=folder / "genes.csv",
        cres=folder / "cres.bed",
        output=folder / "model",
        dtype=torch.bfloat16,
    )


def load_full(arguments: argparse.Namespace) -> None:
    """Load the full-size model in bfloat16."""
    from variantformer_hf.inference.predictor import ExpressionPredictor

    ExpressionPredictor.from_pretrained(arguments.folder / "model", device="cpu", precision="bfloat16")


def predict_full(arguments: argparse.Namespace) -> None:
    """Predict one gene in one tissue with random tokens."""
    from variantformer_hf.inference.predictor import ExpressionPredictor

    predictor = ExpressionPredictor.from_pretrained(arguments.folder / "model", device="cpu", precision="bfloat16")
    length = predictor.model.processor.token_length
    ids = torch.randint(18, 500, (1, arguments.cres + arguments.windows, length))
    with torch.inference_mode():
        predictor.model.network(
            cre_input_ids=ids[:, : arguments.cres],
            cre_attention_mask=torch.ones(1, arguments.cres, length),
            cre_class_ids=torch.randint(0, 9, (1, arguments.cres)),
            gene_input_ids=ids[:, arguments.cres :],
            gene_attention_mask=torch.ones(1, arguments.windows, length),
            tissue_ids=torch.tensor([[0]]),
        )


STEPS: dict[str, Step] = {
    "write": write_full,
    "convert": convert_full,
    "load": load_full,
    "predict": predict_full,
}


if __name__ == "__main__":
    main()
