"""Does UKBioBERT's training learn? A small one from random weights, on a made genome; a chromosome is held out.

Run: python -m benchmarks.quality.zoo_ukbiobert FOLDER [--seed 1] [--epochs 5]

Half of the made genome are copies of a few repeats, each base of a copy drawn anew in one of twenty cases; the rest is
random, of which nothing can be told. As in the paper, windows lie around variants; those of chr3 are held out. Masked
tokens of these are told where [MASK] stands (of the others half are told by saying what stands there); beside it
stands the accuracy of always saying the token that is masked most often there.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch
import yaml
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers

from benchmarks.timing import Timer, show_lines
from variantformer_hf import ReferenceGenome, Variant
from variantformer_hf.data.variant_windows import WindowOptions, write_variant_windows
from variantformer_hf.simulation.writers import write_fasta
from variantformer_hf.training.options import read_options
from variantformer_hf.training.ukbiobert.masked_tokens import train_masked_tokens
from variantformer_hf.training.ukbiobert.options import MaskedTokensOptions

LENGTHS = {"chr1": 400_000, "chr2": 400_000, "chr3": 100_000}
HELD_OUT = "chr3"
_REPEATS, _REPEAT, _CHANGED = 4, 200, 0.05
_BASES = np.frombuffer(b"ACGT", dtype=np.uint8)
_SPECIAL = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"]
_VARIANT_EVERY, _WINDOW, _TOKENS = 100, 192, 128


def main() -> None:
    """Print what was learned, as JSON and as a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=5)
    arguments = parser.parse_args()
    report = masked_tokens(arguments.folder, seed=arguments.seed, epochs=arguments.epochs)
    show_lines(report)
    (arguments.folder / "zoo_ukbiobert.json").write_text(json.dumps(report, indent=2))


def masked_tokens(folder: Path, *, seed: int = 1, epochs: int = 5) -> dict[str, Any]:
    """Write a genome, windows, a tokenizer and a run's options into a new folder, and train."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    genome = genome_of_repeats(rng, LENGTHS)
    reference = ReferenceGenome(write_fasta(folder / "genome.fa", genome))
    options = WindowOptions(length=_WINDOW, test_chromosomes=(HELD_OUT,))
    write_variant_windows(variants(rng, genome), reference, folder / "windows", options=options)
    train_tokenizer(folder / "windows" / "train.parquet", folder / "tokenizer.json")
    run = {
        "loop": {
            "output": "run",
            "epochs": epochs,
            "batch_size": 32,
            "log_every": 50,
            "optimizer": {"learning_rate": 2e-3},
        },
        "train": "windows/train.parquet",
        "test": "windows/test.parquet",
        "tokenizer": "tokenizer.json",
        "config": {
            "hidden_size": 96,
            "num_hidden_layers": 2,
            "num_attention_heads": 8,
            "intermediate_size": 128,
            "hidden_dropout": 0.0,
            "initializer_range": 0.05,
        },
    }
    (folder / "ukbiobert.yaml").write_text(yaml.safe_dump(run))
    with Timer() as took:
        scores = train_masked_tokens(read_options(folder / "ukbiobert.yaml", MaskedTokensOptions))
    return {
        "threads": torch.get_num_threads(),
        "minutes": took.seconds / 60,
        **scores,
        "points above the constant": 100 * (scores["mask_accuracy"] - scores["constant_accuracy"]),
    }


def genome_of_repeats(rng: np.random.Generator, lengths: dict[str, int]) -> dict[str, str]:
    """Chromosomes of changed copies of some repeats, with random bases between them."""
    repeats = rng.choice(_BASES, size=(_REPEATS, _REPEAT))
    genome = {}
    for chrom, length in lengths.items():
        bases = rng.choice(_BASES, size=length)
        place = 0
        while place + _REPEAT < length:
            changed = np.where(rng.random(_REPEAT) < _CHANGED, rng.choice(_BASES, _REPEAT), rng.choice(repeats))
            bases[place : place + _REPEAT] = changed
            place += _REPEAT + int(rng.integers(2 * _REPEAT))
        genome[chrom] = bases.tobytes().decode()
    return genome


def variants(rng: np.random.Generator, genome: dict[str, str]) -> list[Variant]:
    """A single-base variant in each stretch of some bases."""
    found = []
    for chrom, bases in genome.items():
        for first in range(0, len(bases) - _VARIANT_EVERY, _VARIANT_EVERY):
            at = first + int(rng.integers(_VARIANT_EVERY))
            alt = rng.choice([base for base in "ACGT" if base != bases[at]])
            found.append(Variant(chrom, at + 1, bases[at], str(alt)))
    return found


def train_tokenizer(texts: Path, output: Path) -> None:
    """A BPE tokenizer with DNABERT-2's special tokens, trained on sequences."""
    tokenizer = Tokenizer(models.BPE(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    trainer = trainers.BpeTrainer(
        vocab_size=_TOKENS, special_tokens=_SPECIAL, initial_alphabet=list("ACGT"), show_progress=False
    )
    tokenizer.train_from_iterator(pq.read_table(texts)["text"].to_pylist()[::4], trainer)
    special = [(token, tokenizer.token_to_id(token)) for token in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=special)
    tokenizer.save(str(output))


if __name__ == "__main__":
    main()
