"""Peak memory of UKBioBERT, full size, on an input of about 49,000 bases: 10,000 tokens, float32, on the CPU.

Run: python -m benchmarks.memory.ukbiobert [--tokens 10000]
"""

import argparse

from benchmarks.memory.steps import Step, run_steps


def main() -> None:
    """Print the peak."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, default=10_000)
    run_steps("benchmarks.memory.ukbiobert", STEPS, parser)


def encode(arguments: argparse.Namespace) -> None:
    """Encode random tokens by a network of random weights."""
    import torch

    from variantformer_hf.modeling import UkBioBertConfig, UkBioBertModel

    model = UkBioBertModel(UkBioBertConfig()).eval()
    with torch.inference_mode():
        model(torch.randint(5, model.config.vocab_size, (1, arguments.tokens)))


STEPS: dict[str, Step] = {"encode": encode}


if __name__ == "__main__":
    main()
