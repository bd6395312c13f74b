"""Time to tokenize one gene's sequences, and growth with the length of the sequence. One thread.

Run: python -m benchmarks.speed.tokens [--vocabulary tokenizer.json]

Without a vocabulary one of 500 tokens is trained on random sequence. The sequences hold what a person's do: 1 in 1,000
bases heterozygous (an ambiguity letter), and stretches in lower case.
"""

import argparse
import os
from collections.abc import Callable
from pathlib import Path

os.environ["RAYON_NUM_THREADS"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import numpy as np

from benchmarks.timing import median, show, timed
from variantformer_hf import DnaTokenizer

N_ELEMENTS = 1_500
ELEMENT_LENGTH = 350
WINDOW_LENGTH = 300_000
ROUNDS = 9


def main() -> None:
    """Print the median time of each piece of work."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vocabulary", type=Path, help="a released vocabulary")
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    if arguments.vocabulary:
        tokenizer = DnaTokenizer.from_vocabulary(arguments.vocabulary)
    else:
        tokenizer = DnaTokenizer.train([personal_sequence(rng, 400) for _ in range(2_000)], vocab_size=500)
    elements = [personal_sequence(rng, ELEMENT_LENGTH) for _ in range(N_ELEMENTS)]
    window = personal_sequence(rng, WINDOW_LENGTH)
    report = {
        f"{N_ELEMENTS} cCREs of {ELEMENT_LENGTH} bp, s": median_time(lambda: tokenizer.encode_sequences(elements)),
        "one window of 300 kb, s": median_time(lambda: tokenizer.encode_sequences([window])),
        "both, s": median_time(lambda: tokenizer.encode_sequences([*elements, window])),
        "both by calling the tokenizer, s": median_time(lambda: tokenizer([*elements, window])),
        "token of each character, 300 kb, s": median_time(lambda: tokenizer.character_to_token(window)),
    }
    per_kb = {
        length: median_time(lambda length=length: tokenizer.encode_sequences([window[:length]])) / (length / 1_000)
        for length in (75_000, 150_000, 300_000)
    }
    report |= {f"microseconds per kb at {length // 1_000} kb": time * 1e6 for length, time in per_kb.items()}
    report["per kb, 300 kb over 75 kb (linear = 1)"] = per_kb[300_000] / per_kb[75_000]
    show(report)


def personal_sequence(rng: np.random.Generator, length: int) -> str:
    """Random bases, 1 in 1,000 an ambiguity letter, and about half of them in lower case."""
    letters = rng.choice(np.frombuffer(b"ACGT", dtype=np.uint8), length)
    heterozygous = rng.random(length) < 0.001
    letters[heterozygous] = rng.choice(np.frombuffer(b"RYSWKM", dtype=np.uint8), heterozygous.sum())
    soft_masked = np.repeat(rng.random(length // 100 + 1) < 0.5, 100)[:length]
    return bytes(np.where(soft_masked, letters + 32, letters).astype(np.uint8)).decode("ascii")


def median_time(work: Callable[[], object]) -> float:
    """Median wall time of several rounds, in seconds."""
    return median(timed(work, ROUNDS)[0])


if __name__ == "__main__":
    main()
