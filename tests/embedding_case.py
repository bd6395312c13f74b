"""Small models of vectors beside the network that makes these, their files, and a plain way to what they predict."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gene_model_tests import Case
from window_case import WINDOW, gene_table, plain_inputs, window_case

from variantformer_hf import ReferenceGenome
from variantformer_hf.genome import GenotypeOptions, PersonalGenome
from variantformer_hf.modeling import (
    EmbeddingHeadsConfig,
    EmbeddingHeadsForExpression,
    EmbeddingNetConfig,
    EmbeddingNetForExpression,
)
from variantformer_hf.zoo.embedding.gene_model import (
    EmbeddingGeneModel,
    EmbeddingHeadsGeneModel,
    EmbeddingNetGeneModel,
)
from variantformer_hf.zoo.embedding.vector_source import load_trunk

TISSUES = ("whole blood", "liver", "lung")
WIDTH = 24


def fields(**changes: Any) -> dict[str, Any]:
    """Of the vectors of a small Enformer: three bins in the middle, of both haplotypes the mean."""
    which = {"embedding_mode": "mean", "embedding_pool": "centre:3", "embedding_window": WINDOW}
    named = {"embedding_model": "../trunk", "tissues": list(TISSUES), "unit": "inverse_normal", "assembly": None}
    return {"embedding_size": WIDTH, **which, **named, **changes}


def heads(**changes: Any) -> EmbeddingHeadsForExpression:
    """Of random weights, which tell people apart."""
    torch.manual_seed(0)
    sizes = {"hidden_size": 8, "head_sizes": [7, 6], "hidden_dropout": 0.0}
    network = EmbeddingHeadsForExpression(EmbeddingHeadsConfig(**{**fields(), **sizes, **changes})).eval()
    network.scale[:] = 0.04
    return network


def net(**changes: Any) -> EmbeddingNetForExpression:
    """Each gene and output has three weights."""
    rng = np.random.default_rng(0)
    n = 3 * len(TISSUES)
    network = EmbeddingNetForExpression(EmbeddingNetConfig(**{**fields(), "n_genes": 3, "n_weights": 3 * n, **changes}))
    network.first[:] = torch.arange(0, 3 * n + 1, 3)
    network.number[:] = torch.from_numpy(np.concatenate([rng.choice(WIDTH, 3, replace=False) for _ in range(n)]))
    network.weight.data = torch.from_numpy(rng.normal(0, 5, 3 * n)).float()
    network.intercept.data = torch.from_numpy(rng.normal(1, 0.2, (3, len(TISSUES)))).float()
    network.fitted[:] = True
    return network.eval()


def plain_vector(model: EmbeddingGeneModel, person: PersonalGenome, gene: str) -> np.ndarray:
    """The vector of a person's gene, by the trunk alone."""
    network: Any = model.vectors.embedder.network  # type: ignore[union-attr]
    dna = plain_inputs(person, model.gene_table.get(gene).tss, WINDOW)
    with torch.inference_mode():
        bins = network(dna).last_hidden_state.numpy()
    middle = bins.shape[1] // 2
    return np.asarray(bins[:, middle - 1 : middle + 2].mean(axis=1).mean(axis=0))


def plain_heads(model: Any, person: PersonalGenome, gene: str, outputs: Sequence[int]) -> np.ndarray:
    """Predictions by the definition, head by head."""
    network = model.network
    shared = (torch.from_numpy(plain_vector(model, person, gene)) - network.center) / network.scale
    states = network.shared.weight @ shared + network.shared.bias
    found = []
    with torch.inference_mode():
        for output in outputs:
            here = states
            for linear, norm in ((network.linear1, network.norm1), (network.linear2, network.norm2)):
                here = linear.weight[output] @ here + linear.bias[output]
                here = (here - here.mean()) / (here.var(unbiased=False) + 1e-5).sqrt()
                here = torch.nn.functional.gelu(here * norm.weight[output] + norm.bias[output])
            found.append(float(network.linear3.weight[output, 0] @ here + network.linear3.bias[output, 0]))
    return np.array(found)


def plain_net(model: Any, person: PersonalGenome, gene: str, outputs: Sequence[int]) -> np.ndarray:
    """Predictions by the definition, weight by weight."""
    network, vector = model.network, plain_vector(model, person, gene)
    number = [each.gene_name for each in model.gene_table].index(gene)
    found = []
    for output in outputs:
        pair = number * len(TISSUES) + output
        here = range(int(network.first[pair]), int(network.first[pair + 1]))
        total = sum(float(network.weight[each].detach()) * vector[int(network.number[each])] for each in here)
        found.append(float(network.intercept[number, output].detach()) + total)
    return np.array(found)


def embedding_case(folder: Path, kind: str) -> Case:
    """Write a small model's files beside those of its trunk, an Enformer."""
    case = window_case(folder, "enformer")
    case.model.rename(folder / "trunk")
    network: Any = heads() if kind == "heads" else net()
    trunk = load_trunk(folder / "model", network.config, asked=folder / "trunk", device="cpu", precision="float32")
    made = EmbeddingHeadsGeneModel if kind == "heads" else EmbeddingNetGeneModel
    model = made(network, gene_table(), trunk, device="cpu")
    if kind == "heads":
        reference = PersonalGenome(ReferenceGenome(case.fasta), options=GenotypeOptions(mode="haplotypes"))
        of_genes = [plain_vector(model, reference, gene) for gene in case.genes]
        network.center[:] = torch.from_numpy(np.mean(of_genes, axis=0))
    model.save(folder / "model")
    plain = plain_heads if kind == "heads" else plain_net
    return replace(case, tissues=(TISSUES[0], TISSUES[2]), plain=plain)
