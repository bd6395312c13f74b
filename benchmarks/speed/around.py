"""Everything around the model: a genome run, VCF to dataset, of a model whose forward copies what it reads.

Run: python -m benchmarks.speed.around [--megabases 20] [--genes 160] [--profile]

A synthetic chromosome with the density of the human one: a protein-coding gene in 125 kb, a cCRE in 2.9 kb, a record
in 700 bases. The model is VariantFormer, of whose parts each copies: a cCRE's and a window's vector are their first
token, a prediction is a thousandth of the first window. So tokens, the search for what was encoded before, padding,
batching, counting and writing are as they are, and the arithmetic takes no time. The first run also loads the kernels.
"""

import argparse
import cProfile
import os
import pstats
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

from benchmarks.timing import Timer, cpu_clock, show
from variantformer_hf import ExpressionPredictor
from variantformer_hf.modeling.variantformer.streams_variantformer import VariantFormerModelOutput
from variantformer_hf.simulation.genome import write_simulation
from variantformer_hf.simulation.model import write_demo_model
from variantformer_hf.zoo.variantformer.gene_model import VariantFormerGeneModel


class CopyingEncoder(torch.nn.Module):
    """A sequence's vector: its first tokens."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor, **_: object) -> SimpleNamespace:
        """(n, L) ids -> (n, width)."""
        return SimpleNamespace(pooler_output=input_ids[:, :1].float().expand(-1, self.width))


def copying(model: VariantFormerGeneModel) -> None:
    """Let the parts of a model copy what they read."""
    network = model.network
    encoder_width, width = model.config.encoder_config.hidden_size, model.config.hidden_size
    network.model.cre_encoder, network.model.gene_encoder = (CopyingEncoder(encoder_width) for _ in range(2))

    def run_streams(cre_vectors: Any, window_vectors: Any, class_ids: Any, tissue_ids: Any, **_: object) -> Any:
        shape = (*tissue_ids.shape, width)
        return VariantFormerModelOutput(embeddings=window_vectors[:, :1, :1].expand(shape) / 1_000)

    network.model.run_streams = run_streams
    network.read_out = lambda embeddings, tissue_ids: embeddings[..., 0]


def main() -> None:
    """Print the table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabases", type=int, default=20)
    parser.add_argument("--genes", type=int, default=160)
    parser.add_argument("--profile", action="store_true", help="print where the second run's time goes")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lengths = {"chr1": arguments.megabases * 1_000_000}
        files = write_simulation(folder, lengths=lengths, genes_per_contig=arguments.genes, cre_spacing=2_900)
        predictor = ExpressionPredictor.from_pretrained(write_demo_model(files, folder / "model"), store=None)
        copying(predictor.model)
        report: dict[str, Any] = {"genes": len(predictor.gene_table), "cCREs": len(predictor.model.cre_table)}
        report["cores"] = len(os.sched_getaffinity(0))
        for number, run in enumerate(("a first run", "a second run")):
            profile = cProfile.Profile() if arguments.profile and number else None
            with Timer() as took, Timer(cpu_clock) as cpu:
                if profile is not None:
                    profile.enable()
                predictor.write_dataset(folder / f"out{number}", files.fasta, files.vcf)
                if profile is not None:
                    profile.disable()
            report[f"{run}, genes/s (goal 60)"] = report["genes"] / took.seconds
            report[f"{run}, CPU s a gene"] = cpu.seconds / report["genes"]
            if profile is not None:
                pstats.Stats(profile).sort_stats("tottime").print_stats(30)
        show(report)


if __name__ == "__main__":
    main()
