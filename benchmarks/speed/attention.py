"""What the attention of all tissues costs beside the plain forward pass, in time and memory, next to its limits.

Run: python -m benchmarks.speed.attention [--cres 1400] [--windows 200] [--tissues 62] [--rounds 2] [--dtype float32]

The released size with random weights (5 GB in float32), vectors of cCREs and windows at hand: the streams alone, in
which the attention has its largest share; the fewer windows, the larger it is. Both ways take turns in one process;
memory is the peak above what was there before.
"""

import argparse
import ctypes
import gc
import tempfile
from pathlib import Path

import numpy as np
import torch

from benchmarks.speed.model import random_model
from benchmarks.timing import Timer, cpu_clock, device_clock, median, show, timed
from variantformer_hf.analysis.attention import GeneAttention
from variantformer_hf.applications.attention.against_signal import pair_correlations
from variantformer_hf.genome.genes import Gene
from variantformer_hf.genome.interval import Interval
from variantformer_hf.modeling import VariantFormerConfig, choose_attention
from variantformer_hf.modeling.variantformer.streams_variantformer import StreamQuery
from variantformer_hf.report.attention_files import attention_pieces
from variantformer_hf.report.tables import write_table_pieces
from variantformer_hf.zoo.gene_regions import GeneRegions


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
            found = output.tissue_attentions.float().cpu()
            assert found.shape[3:] == (config.num_attention_heads, arguments.cres)
            largest.append(float((found[:, ::9].sum(-1) - 1).abs().max()))
            weights[:] = [found[0, :2].clone()]

    clock = device_clock(device) if device.type == "cuda" else cpu_clock
    seconds: dict[bool, list[float]] = {False: [], True: []}
    peaks: dict[bool, list[float]] = {False: [], True: []}
    largest: list[float] = []
    weights: list[torch.Tensor] = []
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
            **of_tables(weights[0].numpy()),
        }
    )


def of_tables(weights: np.ndarray) -> dict[str, float]:
    """What the table of a gene and tissue costs, and the null of the best pair."""
    n_tissues, _, _, n_cres = weights.shape
    starts = np.arange(n_cres) * 700
    gene = Gene("ENSG00000000001", "G", "chr1", 0, 1_000, "+")
    none = np.full(n_cres, -1)
    regions = GeneRegions(gene, Interval("chr1", 0, 1_000), starts, starts + 350, none, none)
    names = [f"EH38E{number:07d}" for number in range(n_cres)]
    tissues = [str(number) for number in range(n_tissues)]
    found = GeneAttention("person", regions, names, tissues, np.arange(n_cres), weights, "ok")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.parquet"
        with Timer(cpu_clock) as writing:
            write_table_pieces(attention_pieces([found]), path, {})
        size = path.stat().st_size
    with Timer(cpu_clock) as null:
        pair_correlations(weights[0], np.random.default_rng(0).random(n_cres))
    return {
        "CPU s to write a tissue's table": writing.seconds / n_tissues,
        "MB of a tissue's table, Parquet": size / 1e6 / n_tissues,
        "CPU s of 1,000 shifts of the signal": null.seconds,
    }


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
