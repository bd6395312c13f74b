"""What the checksums of both stores cost: a warm run with them, and the same without, in turn.

Run: python -m benchmarks.speed.checksums [--elements 1000000] [--genes 40] [--rounds 7]

A store of vectors of the released width (512 float32), of which a run of some genes looks up its own; genotypes from
their store as well; a model with tiny streams, so that what is measured is everything around the model. A run is what a
user starts: the model is loaded, the stores are opened, all genes are predicted.
"""

import argparse
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from benchmarks.timing import Timer, show
from variantformer_hf import ExpressionPredictor
from variantformer_hf.genome.checked_file import CheckedFile
from variantformer_hf.genome.variant_ingest import build_store
from variantformer_hf.inference.precompute import precompute
from variantformer_hf.modeling import VariantFormerConfig, VariantFormerEncoderConfig, VariantFormerForExpression
from variantformer_hf.simulation.genome import SimulatedFiles, write_simulation
from variantformer_hf.simulation.model import fill_weights, write_demo_model
from variantformer_hf.zoo.companions import write_companions
from variantformer_hf.zoo.variantformer import element_store

WIDTH = 512
AT_ONCE = 65_536


def main() -> None:
    """Print the table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--elements", type=int, default=1_000_000, help="vectors in the store")
    parser.add_argument("--genes", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, mock.patch.dict("os.environ", VARIANTFORMER_CACHE=f"{name}/cache"):
        folder = Path(name)
        lengths = {"chr1": arguments.genes * 125_000}
        files = write_simulation(folder, lengths=lengths, genes_per_contig=arguments.genes, cre_spacing=2_900)
        model = wide_model(files, folder / "model")
        report = fill_stores(model, files, folder / "elements", arguments.elements)
        report |= measure(model, files, folder / "elements", arguments.rounds)
    show(report)


def wide_model(files: SimulatedFiles, folder: Path) -> Path:
    """The demo's model with an element encoder of one layer and the released width."""
    write_demo_model(files, folder)
    config = VariantFormerConfig.from_pretrained(folder)
    encoder = VariantFormerEncoderConfig(
        vocab_size=config.encoder_config.vocab_size,
        hidden_size=WIDTH,
        num_hidden_layers=1,
        num_attention_heads=8,
        intermediate_size=WIDTH,
    )
    config.encoder_config = encoder
    model = VariantFormerForExpression(config)
    fill_weights(model, np.random.default_rng(0))
    model.save_pretrained(folder)
    write_companions(folder)
    return folder


def fill_stores(model: Path, files: SimulatedFiles, folder: Path, n_elements: int) -> dict[str, Any]:
    """Make both stores: the run's own elements, and as many others as there are to be."""
    predictor = ExpressionPredictor.from_pretrained(model, device="cpu", store=folder)
    store = predictor.model.store
    assert store is not None
    precompute(predictor.model, files.fasta, folder)
    predictor.predict(files.fasta, files.vcf)  # which adds the person's elements
    own, rng = len(store), np.random.default_rng(0)
    for begin in range(0, n_elements - own, AT_ONCE):
        n = min(AT_ONCE, n_elements - own - begin)
        keys = [rng.bytes(16) for _ in range(n)]
        store.add(keys, rng.standard_normal((n, WIDTH), dtype=np.float32), of_reference=True)
    build_store(files.vcf)
    return {"vectors in the store": len(store), "of them looked up": own, "GB of the store": store.size / 1e9}


class Believed:
    """A checksum that is that of whatever it is compared with."""

    def __eq__(self, other: object) -> Any:
        return np.ones(len(other), dtype=bool) if isinstance(other, np.ndarray) else True

    def __ne__(self, other: object) -> bool:
        return False

    __hash__ = None  # type: ignore[assignment]


def measure(model: Path, files: SimulatedFiles, folder: Path, rounds: int) -> dict[str, Any]:
    """CPU seconds of a run with and without checksums, one after the other, several times."""
    run(model, files, folder)
    times: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(rounds):
        for with_checksums in (True, False):
            with ExitStack() as stack:
                if not with_checksums:
                    for name in ("_checksums", "xxh3_64_hexdigest"):
                        stack.enter_context(mock.patch.object(element_store, name, lambda _: Believed()))
                    stack.enter_context(mock.patch.object(CheckedFile, "_check", lambda self, pieces: None))
                times[with_checksums].append(run(model, files, folder))
    pairs = [100 * (one / other - 1) for one, other in zip(times[True], times[False], strict=True)]
    return {
        "CPU s: a warm run with checksums, median": float(np.median(times[True])),
        "CPU s: the same without": float(np.median(times[False])),
        "% that checksums cost, of the medians (limit 5)": 100
        * float(np.median(times[True]) / np.median(times[False]) - 1),
        "% that they cost, least and most of the pairs": f"{min(pairs):.1f} {max(pairs):.1f}",
    }


def run(model: Path, files: SimulatedFiles, folder: Path) -> float:
    """What a user starts; its CPU seconds."""
    with Timer(time.process_time) as took:
        predictor = ExpressionPredictor.from_pretrained(model, device="cpu", store=folder)
        predictor.predict(files.fasta, files.vcf)
    return took.seconds


if __name__ == "__main__":
    main()
