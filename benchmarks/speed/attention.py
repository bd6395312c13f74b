"""What the attention of all tissues costs beside the plain forward pass, in time and memory, next to its limits.

Run: python -m benchmarks.speed.attention [--cres 1400] [--windows 200] [--tissues 62] [--rounds 2] [--dtype float32]

The released size with random weights (5 GB in float32), vectors of cCREs and windows at hand: the streams alone, in
which the attention has its largest share; the fewer windows, the larger it is. Both ways take turns in one process;
memory is the peak above what was there before.
"""

import argparse
import ctypes
import gc
from pathlib import Path

import torch

from benchmarks.speed.model import random_model
from benchmarks.timing import cpu_clock, device_clock, median, show, timed
from variantformer_hf.modeling import VariantFormerConfig, choose_attention
from variantformer_hf.modeling.variantformer.streams_variantformer import StreamQuery


def main() -> None:
    """Print the ratio and the memory."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, help="default: the released size")
    parser.add_argument("--cres", type=int, default=1_400)
    parser.add_argument("--windows", type=int, default=200)
    parser.add_argument("--tissues", type=int, default=62)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    dtype = getattr(torch, arguments.dtype)
    config = VariantFormerConfig.from_json_file(arguments.config) if arguments.config else VariantFormerConfig()
    model = random_model(config, device, dtype).eval()
    model.set_attn_implementation(choose_attention(device, dtype)[0])
    width = config.encoder_config.hidden_size
    cres = torch.randn(1, arguments.cres, width, device=device)
    windows = torch.randn(1, arguments.windows, width, device=device)
    classes = torch.randint(0, 9, (1, arguments.cres), device=device)
    tissues = torch.arange(arguments.tissues, device=device)[None]

    def forward(attentions: bool) -> None:
        query = StreamQuery(attentions=attentions)
        output = model.model.run_streams(cres, windows, classes, tissues, query=query)
        model.read_out(output.embeddings, tissues).float().cpu()
        if attentions:
            weights = output.tissue_attentions.float().cpu()
            assert weights.shape[3:] == (config.num_attention_heads, arguments.cres)
            largest.append(float((weights[:, ::9].sum(-1) - 1).abs().max()))

    clock = device_clock(device) if device.type == "cuda" else cpu_clock
    seconds: dict[bool, list[float]] = {False: [], True: []}
    peaks: dict[bool, list[float]] = {False: [], True: []}
    largest: list[float] = []
    with torch.inference_mode():
        for _ in range(1 + arguments.rounds):
            for attentions in (False, True):
                before = start_peak(device)
                taken, _ = timed(lambda: forward(attentions), clock=clock)  # noqa: B023
                seconds[attentions] += taken
                peaks[attentions].append(peak(device) - before)
    plain, attending = median(seconds[False][1:]), median(seconds[True][1:])
    show(
        {
            "device, type": f"{device.type}, {arguments.dtype}",
            "cCREs, windows, tissues": f"{arguments.cres}, {arguments.windows}, {arguments.tissues}",
            "CPU s, plain (GPU: s)": plain,
            "CPU s, with attention (GPU: s)": attending,
            "of the plain forward (limit 1.2)": attending / plain,
            "MB above the model, plain": max(peaks[False]),
            "MB above the model, with attention": max(peaks[True]),
            "MB more (limit 400)": max(peaks[True]) - max(peaks[False]),
            "MB of weights that are returned": arguments.tissues
            * config.num_hidden_layers
            * config.num_attention_heads
            * arguments.cres
            * 4
            / 1e6,
            "largest distance of a sum of weights from 1": max(largest),
        }
    )


def start_peak(device: torch.device) -> float:
    """MB in use now; the peak is counted from here."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
        return torch.cuda.memory_allocated() / 1e6
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    return in_status("VmRSS")


def peak(device: torch.device) -> float:
    """MB in use at the most since then."""
    return torch.cuda.max_memory_allocated() / 1e6 if device.type == "cuda" else in_status("VmHWM")


def in_status(name: str) -> float:
    """MB that the system says of this process."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) * 1024 / 1e6


if __name__ == "__main__":
    main()
