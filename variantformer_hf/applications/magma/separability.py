"""How far people lie from the controls in a gene's embeddings: a number for each gene and tissue."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import InputError
from ...inference.embedding_store import EmbeddingStore
from .gene_ids import GeneMatch
from .gene_properties import GENE
from .gene_statistics import GeneStatistics
from .regression import FEWEST_GENES

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class SeparabilityScores:
    """Scores of the genes that a GWAS has too.

    Attributes:
        table: GENE (the GWAS's id) and a column a tissue; NaN where a person has no embedding, or all have the same.
        columns: name of the column -> tissue.
        counts: of people and of scores.
    """

    table: "pd.DataFrame"
    columns: Mapping[str, str]
    counts: Mapping[str, Any]


def separability(vectors: np.ndarray, is_control: np.ndarray) -> np.ndarray:
    """Mean distance of all people from the centroid of the controls (VariantFormer, eq. 36 and 37).

    Args:
        vectors: (people, tissues, width), of any float type.
        is_control: (people,) bool, at least one.

    Returns:
        (tissues,) float64; NaN where a person has no embedding, exactly 0 where all have the same.
    """
    found = np.empty(vectors.shape[1])
    for tissue in range(vectors.shape[1]):
        of_tissue = vectors[:, tissue].astype(np.float64)
        if (of_tissue == of_tissue[0]).all():
            found[tissue] = 0
            continue
        of_tissue -= of_tissue[is_control].mean(axis=0)
        found[tissue] = np.sqrt(np.einsum("pw,pw->p", of_tissue, of_tissue)).mean()
    return found


def separability_scores(
    store: EmbeddingStore,
    labels: Mapping[str, int],
    statistics: GeneStatistics,
    match: GeneMatch,
    on_gene: Callable[..., None] = lambda done, total: None,
) -> SeparabilityScores:
    """Scores of a store's genes, read one after the other.

    Args:
        store: of embeddings.
        labels: person -> 1 (case) or 0 (control).
        statistics: the GWAS.
        match: its ids of the store's genes.
        on_gene: called with (done, total).

    Raises:
        InputError: fewer than 100 genes match; nobody of the store has a label, or no control or no case.
    """
    import pandas as pd

    genes = [gene for gene in store.genes if gene.gene_id in match.ids]
    if len(genes) < FEWEST_GENES:
        raise InputError(
            f"{len(genes)} of the store's {len(store.genes):,} genes are among its {len(statistics.genes):,}, at least "
            f"{FEWEST_GENES} must be: the store begins with {store.genes.genes[0].gene_id}",
            file=statistics.path,
            record=f"line {statistics.first_line}: gene {statistics.genes[0]}",
            remedy="Where it has Entrez ids, give --gene-map.",
        )
    people = [place for place, name in enumerate(store.samples) if name in labels]
    is_case = np.array([labels[store.samples[place]] for place in people], dtype=np.bool_)
    counts: dict[str, int] = {
        "controls": int((~is_case).sum()),
        "cases": int(is_case.sum()),
        "people_without_a_label": len(store.samples) - len(people),
        "labels_of_nobody_in_the_store": len(labels) - len(people),
        "genes_of_the_store": len(store.genes),
        "genes_of_the_gwas": len(statistics.genes),
        "genes_matched": len(genes),
        "genes_that_the_gwas_has_not": match.unknown,
        "genes_that_match_several": match.ambiguous,
    }
    if not counts["controls"] or not counts["cases"]:
        raise InputError(
            f"{counts['controls']} of the store's {len(store.samples):,} people are controls, {counts['cases']} cases; "
            f"{counts['labels_of_nobody_in_the_store']} of {len(labels):,} labels are of nobody there",
            file=store.place,
            remedy="Give labels with the names of people as the store has them.",
        )
    scores = np.empty((len(genes), len(store.tissues)))
    for number, gene in enumerate(genes):
        scores[number] = separability(store[gene.gene_id][people], ~is_case)
        on_gene(number + 1, len(genes))
    counts |= {"scores_missing": int(np.isnan(scores).sum()), "scores_constant": int((scores == 0).sum())}
    scores[scores == 0] = np.nan
    counts |= {"scores": int(np.isfinite(scores).sum()), "tissues": len(store.tissues)}
    columns = _plain_names(store.tissues)
    table = pd.DataFrame(scores, columns=[*columns])
    table.insert(0, GENE, [match.ids[gene.gene_id] for gene in genes])
    return SeparabilityScores(table, columns, counts)


def _plain_names(tissues: Sequence[str]) -> dict[str, str]:
    """Name without blanks, by which MAGMA parts columns -> tissue."""
    names: dict[str, str] = {}
    for tissue in tissues:
        plain = re.sub(r"[^A-Za-z0-9]+", "_", tissue).strip("_") or "tissue"
        names[plain if plain not in names else f"{plain}_{len(names) + 1}"] = tissue
    return names
