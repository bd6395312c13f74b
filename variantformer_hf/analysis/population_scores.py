"""Effects in several populations' genomes as one number, weighted by how common the variant is in each."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..genome.variant import VariantNormalizer
from ..genome.variant_table import VariantTable, first_reason, read_variants

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)

_KEYS = ["variant", "gene_id", "gene_name", "tissue", "zygosity"]
_SCORES = ("effect", "released_score")

Frequencies = Mapping[str, Mapping[str, float]]


def frequencies_of(variants: VariantTable) -> dict[str, dict[str, float]]:
    """Allele frequencies that a list of variants gives: variant (normalised, as text) -> population -> frequency."""
    found: dict[str, dict[str, float]] = {}
    for row in variants.rows:
        if row.frequencies:
            found.setdefault(str(row.variant), {}).update({name.upper(): af for name, af in row.frequencies.items()})
    return found


def read_frequencies(
    path: str | Path, normalizer: VariantNormalizer, near: VariantTable | None = None
) -> dict[str, dict[str, float]]:
    """Allele frequencies from a table or VCF, e.g. those of the 1000 Genomes, with columns or INFO fields ``AF_EUR``
    or ``EUR_AF``.

    Args:
        path: the table or VCF.
        normalizer: of the FASTA.
        near: variants of which the frequencies are asked; of a Parquet table the others are not read.

    Raises:
        InputError: the file cannot be read.
    """
    wanted = None if near is None else [row.variant for row in near.rows]
    table = read_variants(path, normalizer, near=wanted)
    if table.rejected:
        logger.warning(
            "%s: %d of %d rows have no frequency of a variant that can be used: %s",
            path,
            len(table.rejected),
            len(table) + len(table.rejected),
            first_reason(table.rejected),
        )
    return frequencies_of(table)


def population_scores(
    table: "pd.DataFrame", frequencies: Frequencies, scores: Sequence[str] = _SCORES
) -> "pd.DataFrame":
    """One row per variant, gene, tissue and zygosity, with each population's scores and their weighted mean.

    The mean of s_p weighted by AF_p, sum(AF_p s_p) / sum(AF_p), as the released aggregate is. Where a population's
    frequency is missing, or all are 0, there is none.

    Args:
        table: of effects, one background a population.
        frequencies: variant -> population (upper case) -> frequency.
        scores: columns of the table, ``effect`` among them; those that it lacks are left out.

    Returns:
        variant, gene_id, gene_name, tissue, zygosity, effect_POP, released_score_POP, af_POP for each population,
        effect_weighted, released_score_weighted (or of other ``scores``), and af_status: ``ok``, ``missing`` with the
        populations, ``all zero``, ``no score`` with the populations that have none.
    """
    import pandas as pd

    scored = table[table["gene_id"].notna()]
    populations = list(dict.fromkeys(scored["background"]))
    # The same variant in two spellings has the same scores.
    once = scored.drop_duplicates([*_KEYS, "background"])
    result = once[_KEYS].drop_duplicates().reset_index(drop=True)
    scores = [score for score in scores if score in scored]
    for score in scores:
        wide = once.pivot(index=_KEYS, columns="background", values=score)
        aligned = wide.reindex(pd.MultiIndex.from_frame(result[_KEYS]))
        for population in populations:
            result[f"{score}_{population}"] = aligned[population].to_numpy()
    weights = np.array(
        [
            [frequencies.get(variant, {}).get(population.upper(), np.nan) for population in populations]
            for variant in result["variant"]
        ]
    ).reshape(len(result), len(populations))
    for column, population in enumerate(populations):
        result[f"af_{population}"] = weights[:, column]
    total = weights.sum(axis=1)
    for score in scores:
        values = result[[f"{score}_{population}" for population in populations]].to_numpy(dtype=float)
        with np.errstate(invalid="ignore", divide="ignore"):
            result[f"{score}_weighted"] = np.where(total > 0, (values * weights).sum(axis=1) / total, np.nan)
    effects = result[[f"effect_{population}" for population in populations]].to_numpy(dtype=float)
    result["af_status"] = [_status(row, values, populations) for row, values in zip(weights, effects, strict=True)]
    return result


def _status(weights: np.ndarray, effects: np.ndarray, populations: list[str]) -> str:
    missing = [name for name, weight in zip(populations, weights, strict=True) if np.isnan(weight)]
    if missing:
        return f"missing: {', '.join(missing)}"
    if weights.sum() == 0:
        return "all zero"
    unscored = [name for name, effect in zip(populations, effects, strict=True) if np.isnan(effect)]
    return f"no score: {', '.join(unscored)}" if unscored else "ok"
