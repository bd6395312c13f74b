"""The model's speed, part by part, next to the limit: the peak of matrix products in the same run.

Run: python -m benchmarks.speed.model [--config benchmarks/configs/mid.json] [--cres 1400] [--tissues 62]

On a CPU the mid-size configuration, on CUDA the released one; weights and tokens are random. "Store warm" means that
the cCREs' vectors are at hand; the gene's windows are encoded in any case.
"""

import argparse
import json
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from benchmarks.timing import device_clock, show_lines, timed
from variantformer_hf.modeling import VariantFormerConfig, VariantFormerForExpression, choose_attention
from variantformer_hf.zoo.estimate import matmul_speed
from variantformer_hf.zoo.variantformer.flops import estimate_flops, flops_table

MID = Path(__file__).parents[1] / "configs" / "mid.json"


def main() -> None:
    """Print the tables and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, help="default: mid-size on a CPU, the released size on CUDA")
    parser.add_argument("--cres", type=int, default=1_400)
    parser.add_argument("--windows", type=int, default=200)
    parser.add_argument("--tissues", type=int, default=62)
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], help="default: float32 on a CPU, bfloat16 on CUDA")
    parser.add_argument("--attention", help="default: what the package chooses")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--compile", action="store_true")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    dtype = getattr(torch, arguments.dtype or ("bfloat16" if device.type == "cuda" else "float32"))
    path = arguments.config or (None if device.type == "cuda" else MID)
    config = VariantFormerConfig.from_json_file(path) if path else VariantFormerConfig()
    report = measure(config, device, dtype, arguments)
    show_lines(report)
    print("\nTFLOP of one gene, by configuration            released   no store   with store")
    for name, *values in flops_table(config, arguments.cres, n_windows=arguments.windows, n_tissues=arguments.tissues):
        print(f"{name:44s} " + " ".join(f"{value / 1e12:10,.2f}" for value in values))
    print(json.dumps(report))


def random_model(config: VariantFormerConfig, device: torch.device, dtype: torch.dtype) -> VariantFormerForExpression:
    """A model with random weights, made where it computes and in its type: nothing of it passes through memory."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with device:
            model = VariantFormerForExpression(config)
    finally:
        torch.set_default_dtype(before)
    return model.to(device, dtype)


def measure(config: VariantFormerConfig, device: torch.device, dtype: torch.dtype, asked: Any) -> dict[str, Any]:
    """Times of the parts and of the whole."""
    torch.manual_seed(0)
    attention = asked.attention or choose_attention(device, dtype)[0]
    model = random_model(config, device, dtype).eval()
    model.set_attn_implementation(attention)
    if asked.compile:
        model.compile_layers()
    length = config.encoder_config.token_length
    n_cres, n_windows, n_tissues = asked.cres, asked.windows, asked.tissues
    lengths = torch.randint(70, 131, (n_cres,))
    mask = (torch.arange(length) < lengths[:, None]).long().to(device)
    elements = torch.randint(18, 500, (n_cres, length), device=device) * mask
    windows = torch.randint(18, 500, (n_windows, length), device=device)
    classes = torch.randint(0, 9, (1, n_cres), device=device)

    def tissues(count: int) -> torch.Tensor:
        return torch.arange(count, device=device)[None]

    peak = max(matmul_speed(device, dtype) for _ in range(3))
    times: dict[str, float] = {}

    def best(name: str, work: Callable[[], torch.Tensor]) -> torch.Tensor:
        with torch.inference_mode():
            taken, result = timed(work, asked.rounds, warm_up=1, clock=device_clock(device))
        times[name] = min(taken)
        return result

    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    vectors = best("elements", lambda: model.model.cre_encoder(elements, mask).pooler_output)
    encoded = best("windows", lambda: model.model.gene_encoder(windows).pooler_output)

    def streams(count: int) -> torch.Tensor:
        output = model.model.run_streams(vectors[None], encoded[None], classes, tissues(count))
        return model.read_out(output.embeddings, tissues(count))

    best("one", lambda: streams(1))
    best("all", lambda: streams(n_tissues))
    if device.type == "cuda":
        memory = torch.cuda.max_memory_allocated() / 2**30
    else:
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    peak = max(peak, *(matmul_speed(device, dtype) for _ in range(3)))

    tokens = float(lengths.double().mean())
    given = {"cre_tokens": tokens, "n_windows": n_windows}
    one = estimate_flops(config, n_cres, n_tissues=1, **given)
    all_ = estimate_flops(config, n_cres, n_tissues=n_tissues, **given)
    once = all_.cre_stream + all_.cre_keys_values
    per_tissue = (times["all"] - times["one"]) / max(1, n_tissues - 1)
    warm_all, warm_one = times["windows"] + times["all"], times["windows"] + times["one"]
    cold_all = times["elements"] + warm_all
    return {
        "device, type, attention": f"{device.type}, {str(dtype).removeprefix('torch.')}, {attention}",
        "threads": torch.get_num_threads(),
        "cCREs, windows, tissues": f"{n_cres}, {n_windows}, {n_tissues}",
        "matrix product, TFLOP/s": peak / 1e12,
        "s: cCRE encoder": times["elements"],
        "  cCRE encoder over the peak": all_.element_encoder / times["elements"] / peak,
        "s: gene encoder": times["windows"],
        "  gene encoder over the peak": all_.gene_encoder / times["windows"] / peak,
        "s: both streams, one tissue": times["one"],
        "  streams, one tissue, over the peak": (once + one.gene_stream + one.head) / times["one"] / peak,
        "s: both streams, all tissues": times["all"],
        "  streams, all tissues, over the peak": (once + all_.gene_stream + all_.head) / times["all"] / peak,
        "s: gene stream, a further tissue": per_tissue,
        "over the peak, all of it (goal 0.55 CPU float32, 0.40 H200 bfloat16)": all_.total / cold_all / peak,
        "all tissues over one, store warm (goal 5)": warm_all / warm_one,
        "store warm over cold, all tissues": warm_all / cold_all,
        "store warm over cold, one tissue": warm_one / (times["elements"] + warm_one),
        "GB: peak memory (goal 12, released size, bfloat16)": memory,
    }


if __name__ == "__main__":
    main()
