"""What models of the zoo take for a gene of a person: parameters, operations and seconds; full size, random weights.

Run: python -m benchmarks.speed.zoo                              parameters and TFLOP of all, nothing is computed
     python -m benchmarks.speed.zoo variformer --threads 2       seconds and memory of one, in float32

The network alone, without files. Operations are those of matrix
products and convolutions, a multiply-add as two. Seconds are CPU time, which a busy machine lengthens less than the
clock's; the first round is not counted.
"""

import argparse
import resource
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from variantformer_hf.modeling import (
    BorzoiConfig,
    BorzoiForTracks,
    EnformerConfig,
    EnformerForTracks,
    EPInformerConfig,
    EPInformerModel,
    UkBioBertConfig,
    UkBioBertModel,
    UkBioFormerConfig,
    UkBioFormerForExpression,
    VariantFormerConfig,
    VariantFormerForExpression,
    VariformerConfig,
    VariformerForExpression,
)
from variantformer_hf.zoo.variantformer.flops import GENES_PER_ELEMENT, estimate_flops

# Of the released protein-coding genes, the mean.
CRES, TISSUES = 1_400, 62
# Of UKBioBERT, on either side of the TSS together, and about so many of a token.
EMBEDDED_BASES, BASES_A_TOKEN = 49_000, 5


@dataclass(frozen=True)
class Case:
    """A model, and the input of one gene of one person or of one of the readings that it takes.

    Attributes:
        make: the network.
        inputs: arguments of its forward, by name: their shape; ``input_ids`` are whole numbers.
        readings: inputs of a gene of a person, such as two haplotypes.
        part: of the network whose operations are counted, "" = all; the rest is a product or two.
        counted_on: where it can be.
    """

    make: Callable[[], nn.Module]
    inputs: dict[str, tuple[int, ...]]
    readings: int = 1
    part: str = ""
    counted_on: str = "meta"

    def tensors(self, device: str) -> dict[str, torch.Tensor]:
        """The inputs: a quarter of each base, and the same token everywhere."""
        return {
            name: torch.full(shape, 5 if name == "input_ids" else 0.25, device=device)
            for name, shape in self.inputs.items()
        }


def ukbioformer(backbone: str, layers: int) -> Case:
    """On a trunk of so many layers."""
    config = UkBioFormerConfig(backbone=backbone, n_transformers=layers)
    shapes = {"sequence": (1, config.input_length, 4), "variant_embedding": (1, config.embedding_size)}
    return Case(lambda: UkBioFormerForExpression(config), shapes, part="trunk")


def epinformer() -> Case:
    """A promoter and 60 elements."""
    config = EPInformerConfig()
    elements = 1 + config.num_enhancers
    shapes = {
        "dna": (1, elements, config.element_length, 4),
        "element_features": (1, elements, config.num_element_features),
        "gene_features": (1, len(config.gene_features or ())),
    }
    return Case(lambda: EPInformerModel(config), shapes, readings=2, counted_on="cpu")


CASES = {
    "enformer": Case(lambda: EnformerForTracks(EnformerConfig()), {"dna": (1, 196_608, 4)}, readings=2),
    "borzoi": Case(lambda: BorzoiForTracks(BorzoiConfig()), {"dna": (1, 524_288, 4)}, readings=2),
    "variformer": Case(lambda: VariformerForExpression(VariformerConfig()), {"dna": (1, 49_152, 4)}, part="trunk"),
    "ukbioformer": ukbioformer("enformer", 1),
    "ukbiozoi": ukbioformer("borzoi", 8),
    "ukbiobert": Case(
        lambda: UkBioBertModel(UkBioBertConfig()), {"input_ids": (1, EMBEDDED_BASES // BASES_A_TOKEN)}, readings=2
    ),
    "epinformer": epinformer(),
}


def main() -> None:
    """Print a row a model, or measure one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", choices=list(CASES))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=1, help="that count")
    arguments = parser.parse_args()
    if arguments.model is None:
        print(f"{'model':14} {'parameters':>14} {'TFLOP':>8}")
        print(row("variantformer", *of_variantformer()))
        for name, case in CASES.items():
            print(row(name, *counted(case)))
        return
    torch.set_num_threads(arguments.threads)
    seconds = measured(CASES[arguments.model], arguments.rounds)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{arguments.model}: {seconds:.2f} s of CPU time, {arguments.threads} threads, {peak:.2f} GB at the peak")


def row(name: str, parameters: int, flops: float) -> str:
    """A row of the table."""
    return f"{name:14} {parameters:14,} {flops / 1e12:8.3f}"


def of_variantformer() -> tuple[int, float]:
    """Parameters, and operations of a gene in all tissues, of which most elements were encoded with other genes."""
    config = VariantFormerConfig()
    with torch.device("meta"):
        network = VariantFormerForExpression(config)
    table = estimate_flops(config, CRES, n_tissues=TISSUES, encoded_cres=CRES / GENES_PER_ELEMENT)
    return parameters_of(network), table.total


def counted(case: Case) -> tuple[int, float]:
    """Parameters and operations, without a number where that goes."""
    with torch.device(case.counted_on):
        network = case.make().eval()
    part = network.get_submodule(case.part)
    inputs = case.tensors(case.counted_on)
    if part is not network:
        inputs = {"dna": next(iter(inputs.values()))}
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        part(**inputs)
    return parameters_of(network), float(case.readings * counter.get_total_flops())


def parameters_of(network: nn.Module) -> int:
    """Numbers that may be learned."""
    return sum(each.numel() for each in network.parameters())


def measured(case: Case, rounds: int) -> float:
    """Median seconds of CPU time: of one reading, times how many there are."""
    network, inputs = case.make().eval(), case.tensors("cpu")
    seconds = []
    with torch.inference_mode():
        for _ in range(rounds + 1):
            start = time.process_time()
            network(**inputs)
            seconds.append(time.process_time() - start)
    return case.readings * statistics.median(seconds[1:])


if __name__ == "__main__":
    main()
