"""A GWAS as MAGMA's gene analysis writes it, and a store of embeddings of its genes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from made_store import made_store

from variantformer_hf.applications.magma.gene_statistics import GeneStatistics

PEOPLE, GENES = 12, 130
CHROMOSOMES = ("1", "2", "X")


def correlated(n: int, reach: int = 4, strength: float = 0.6) -> np.ndarray:
    """A matrix of correlations that fall off with distance and end: genes share what lies around them."""
    shared = np.exp(-np.arange(reach) / 2.0) * strength
    mixed = np.eye(n) + sum(np.eye(n, k=-step) * shared[step - 1] for step in range(1, reach))
    found = mixed @ mixed.T
    scale = np.sqrt(found.diagonal())
    found = found / scale / scale[:, None]
    np.fill_diagonal(found, 1)
    return np.asarray(found)


def simulated(n: int = 100, seed: int = 0, strength: float = 0.6) -> tuple[GeneStatistics, np.ndarray]:
    """Genes of three chromosomes, n each, and their correlation matrix."""
    rng = np.random.default_rng(seed)
    reach = 4
    block = correlated(n, reach, strength)
    whole = np.kron(np.eye(3), block)
    rows = [block[gene, max(0, gene - reach) : gene] for gene in range(n)] * 3
    snps = rng.integers(5, 500, 3 * n).astype(float)
    statistics = GeneStatistics(
        Path("gwas.genes.raw"),
        [f"G{number}" for number in range(3 * n)],
        np.repeat(CHROMOSOMES, n).tolist(),
        snps,
        np.ceil(snps * rng.uniform(0.1, 0.9, 3 * n)),
        rng.integers(80_000, 100_000, 3 * n).astype(float),
        rng.uniform(20, 300, 3 * n),
        np.linalg.cholesky(whole) @ rng.standard_normal(3 * n),
        rows,
    )
    return statistics, whole


def write_raw(statistics: GeneStatistics, path: Path) -> Path:
    lines = ["# VERSION = 110", "# COVAR = NSAMP MAC"]
    assert statistics.n_samples is not None
    assert statistics.mac is not None
    for row, gene in enumerate(statistics.genes):
        numbers = (column[row] for column in (statistics.n_snps, statistics.n_parameters, statistics.n_samples))
        fields = [gene, statistics.chromosomes[row], 1000 * row, 1000 * row + 900, *(int(each) for each in numbers)]
        fields += [f"{each!r}" for each in (float(statistics.mac[row]), float(statistics.z[row]))]
        fields += [f"{each!r}" for each in statistics.correlations[row].tolist()]
        lines.append(" ".join(map(str, fields)))
    path.write_text("\n".join(lines) + "\n")
    return path


def write_case(folder: Path) -> None:
    """``embeddings`` of 130 genes, all but 3 of which ``gwas.genes.raw`` has too; ``labels.tsv``, ``entrez.tsv``.

    In the first tissue people lie further apart where the GWAS finds more. Of one gene somebody has no embedding, and
    one is alike in all.
    """
    statistics = simulated(49, strength=0.9)[0]
    write_raw(replace(statistics, genes=[str(number) for number in range(4, 151)]), folder / "gwas.genes.raw")
    vectors = np.random.default_rng(2).standard_normal((PEOPLE, GENES, 2, 8)).astype(np.float32)
    vectors[:, 3:, 0] *= np.exp(statistics.z[: GENES - 3, None] / 10)
    vectors[4, 10] = np.nan
    vectors[:, 11] = 0.1
    made_store(folder / "embeddings", vectors, tissues=["brain - cortex (ba24)", "liver"])
    np.save(folder / "vectors.npy", vectors)
    rows = [f"P{person + 1}\t{person % 2}" for person in range(10)]
    (folder / "labels.tsv").write_text("\n".join(["donor\tlabel", *rows, "Q1\t1"]) + "\n")
    rows = [f"ENSG{gene + 1:011d}\t{gene + 1}" for gene in range(GENES)]
    (folder / "entrez.tsv").write_text("\n".join(["gene_id\tentrez_id", *rows]) + "\n")
