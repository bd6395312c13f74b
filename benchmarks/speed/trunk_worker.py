"""One network, ours or a public implementation's, a round at a time on request: what trunks.py measures.

It imports nothing of this package where it runs an oracle, in that one's environment.
"""

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import torch


def main() -> None:
    """Run a round for each line of standard input, and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("network", choices=NETWORKS)
    parser.add_argument("bases", type=int)
    parser.add_argument("--depth", type=int)
    parser.add_argument("--backward", action="store_true")
    parser.add_argument("--checkpointing", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    options = {} if arguments.depth is None else {"depth": arguments.depth}
    model, embed = NETWORKS[arguments.network](options, arguments.checkpointing)
    model.train(arguments.backward)
    dna = torch.nn.functional.one_hot(torch.randint(4, (1, arguments.bases)), 4).float()
    for _ in sys.stdin:
        wall, cpu = time.perf_counter(), time.process_time()
        with torch.set_grad_enabled(arguments.backward):
            found = embed(model, dna)
        if arguments.backward:
            found.sum().backward()
            model.zero_grad()
        took = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
        sys.stdout.write(json.dumps({**took, "peak": peak, "shape": list(found.shape)}) + "\n")
        sys.stdout.flush()


def our_enformer(options: dict[str, int], checkpointing: bool) -> tuple[Any, Callable[..., torch.Tensor]]:
    """EnformerModel with BatchNorm frozen, as it is fine-tuned."""
    from variantformer_hf.modeling import EnformerConfig, EnformerModel

    depth = {"num_hidden_layers": options["depth"]} if options else {}
    return _ours(EnformerModel(EnformerConfig(freeze_batchnorm=True, **depth)), checkpointing)


def our_borzoi(options: dict[str, int], checkpointing: bool) -> tuple[Any, Callable[..., torch.Tensor]]:
    """BorzoiModel with BatchNorm frozen."""
    from variantformer_hf.modeling import BorzoiConfig, BorzoiModel

    depth = {"num_hidden_layers": options["depth"]} if options else {}
    return _ours(BorzoiModel(BorzoiConfig(freeze_batchnorm=True, **depth)), checkpointing)


def _ours(model: Any, checkpointing: bool) -> tuple[Any, Callable[..., torch.Tensor]]:
    if checkpointing:
        model.activation_checkpointing_enable()
    return model, lambda network, dna: network(dna).last_hidden_state


def their_enformer(options: dict[str, int], checkpointing: bool) -> tuple[Any, Callable[..., torch.Tensor]]:
    """enformer-pytorch's, without its crop, to the embedding."""
    from enformer_pytorch import Enformer, EnformerConfig

    model = Enformer(EnformerConfig(target_length=-1, use_checkpointing=checkpointing, **options))
    return model, lambda network, dna: network(dna, return_only_embeddings=True)


def their_borzoi(options: dict[str, int], checkpointing: bool) -> tuple[Any, Callable[..., torch.Tensor]]:
    """borzoi-pytorch's, without its crop, to the embedding."""
    from borzoi_pytorch import Borzoi
    from borzoi_pytorch.config_borzoi import BorzoiConfig

    model = Borzoi(BorzoiConfig(bins_to_return=-1, **options))

    def embed(network: Any, dna: torch.Tensor) -> torch.Tensor:
        return network.final_joined_convs(network.get_embs_after_crop(dna.transpose(1, 2)))

    return model, embed


NETWORKS = {
    "our-enformer": our_enformer,
    "our-borzoi": our_borzoi,
    "enformer-pytorch": their_enformer,
    "borzoi-pytorch": their_borzoi,
}


if __name__ == "__main__":
    main()
