"""Does UKBioFormer learn by the branch that carries the signal? Its network on made people, one branch empty.

In one case all people have the reference's DNA, and each an embedding of their genotypes; in the other each has DNA of
their own, and an embedding of noise. Both are trained on the fused output alone, and read branch by branch.
"""

from typing import Any

import numpy as np
import torch

from benchmarks.quality.zoo_lab import WINDOW, Lab, dosages
from benchmarks.timing import Timer, cpu_clock
from variantformer_hf import ReferenceGenome
from variantformer_hf.genome.interval import Interval
from variantformer_hf.genome.snp_haplotypes import CohortGenomes
from variantformer_hf.modeling import UkBioFormerConfig, UkBioFormerForExpression
from variantformer_hf.tokenization.one_hot import one_hot
from variantformer_hf.zoo.diploid_dna import diploid_one_hot

EMBEDDING, BATCH = 64, 8
# A trunk that learns from random weights in minutes: small, and without dropout.
TRUNK: dict[str, Any] = {
    "hidden_size": 24,
    "num_attention_heads": 1,
    "key_size": 16,
    "channel_multiple": 4,
    **dict.fromkeys(("hidden_dropout", "attention_dropout", "position_dropout", "final_dropout"), 0.0),
}


def branches(lab: Lab, *, epochs: int, learning_rate: float = 1e-3) -> dict[str, dict[str, float]]:
    """Train twice: r over held-out donors, of the fused output and of each branch, and the gate (the DNA's share)."""
    gene_id = lab.gene_ids("train")[0]
    gene = next(gene for gene in lab.genes if gene.gene_id == gene_id)
    interval = Interval(gene.chrom, gene.tss - WINDOW // 2, gene.tss + WINDOW // 2)
    donors = [*lab.people("train"), *lab.people("test")]
    with ReferenceGenome(lab.cohort.fasta) as reference:
        dna = diploid_one_hot(CohortGenomes(reference, lab.cohort.vcf, donors), interval)
        same = np.broadcast_to(one_hot(reference.sequence(*interval)), dna.shape)
    rng = np.random.default_rng(0)
    genotypes = dosages(lab, gene_id, donors)
    genotypes = (genotypes - genotypes.mean(axis=0)) @ rng.normal(size=(genotypes.shape[1], EMBEDDING)) / EMBEDDING**0.5
    noise = rng.normal(size=genotypes.shape)
    labels = lab.observed.loc[gene_id, donors].to_numpy(np.float32)
    n_train = len(lab.people("train"))
    return {
        "signal in the embedding": _learned(same, genotypes, labels, n_train, epochs, learning_rate),
        "signal in the DNA": _learned(dna, noise, labels, n_train, epochs, learning_rate),
    }


def _learned(
    dna: np.ndarray, embedding: np.ndarray, labels: np.ndarray, n_train: int, epochs: int, learning_rate: float
) -> dict[str, float]:
    torch.manual_seed(0)
    network = UkBioFormerForExpression(
        UkBioFormerConfig(
            trunk=TRUNK,
            embedding_size=EMBEDDING,
            mlp_hidden=32,
            input_length=WINDOW,
            embedding_length=WINDOW,
            initializer_range=0.15,
        )
    )
    tensors = [torch.from_numpy(np.array(each, dtype=np.float32)) for each in (dna, embedding, labels[:, None])]
    optimizer = torch.optim.Adam(network.parameters(), lr=learning_rate)
    with Timer(cpu_clock) as took:
        for _ in range(epochs):
            network.train()
            for rows in torch.randperm(n_train).split(BATCH):
                optimizer.zero_grad()
                network(*(each[rows] for each in tensors)).loss.backward()
                optimizer.step()
    network.eval()
    with torch.inference_mode():
        found = [network(*(each[rows] for each in tensors)) for rows in torch.arange(n_train, len(labels)).split(BATCH)]
    of_branch = {
        "r": torch.cat([each.logits for each in found]),
        "r of the DNA": torch.cat([each.dna_logits for each in found]),
        "r of the embedding": torch.cat([each.embedding_logits for each in found]),
    }
    observed = labels[n_train:]
    result = {name: _r(values[:, 0].numpy(), observed) for name, values in of_branch.items()}
    return {**result, "gate": float(found[0].gate), "CPU minutes": took.seconds / 60}


def _r(values: np.ndarray, observed: np.ndarray) -> float:
    """Pearson's r; 0 where the values are all the same, but for their last digits."""
    return 0.0 if np.ptp(values) < 1e-5 else float(np.corrcoef(values, observed)[0, 1])
