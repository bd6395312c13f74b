"""Do predicted effects agree with those that were observed in cohorts? Rank correlation with eQTL slopes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError, check_number
from ..genome.variant import VariantNormalizer
from ..genome.variant_table import RejectedVariant, VariantRow, VariantTable, first_reason, read_variants
from ..zoo.statuses import WITH_NUMBER
from .backgrounds import Background
from .effects import EffectResult, VariantScorer

if TYPE_CHECKING:
    import pandas as pd

# Some of the columns that are read as slopes, for messages; docs/effects.md has all.
SLOPES = ("beta", "slope", "effect_size")
SCORES = ("effect", "log2fc_tpm", "released_score")
# Fewer pairs than these give no interval.
LEAST_PAIRS = 10


@dataclass(frozen=True)
class EqtlBenchmark:
    """Observed slopes and predicted effects.

    Attributes:
        pairs: one row per variant, gene, tissue and data set: slope (of ALT), score, maf, whether the row was turned,
            stratum memberships.
        correlations: one row per tissue, data set and stratum: n, spearman, ci_low, ci_high, sign_agreement.
        variants: the rows that were scored, and those that were not, among them those without a slope.
        scored: the effects, and the counts of the rows.
    """

    pairs: "pd.DataFrame"
    correlations: "pd.DataFrame"
    variants: VariantTable
    scored: EffectResult

    @property
    def rejected(self) -> tuple[RejectedVariant, ...]:
        """Rows that were not scored."""
        return self.variants.rejected


def eqtl_benchmark(
    scorer: VariantScorer,
    table: str | Path,
    backgrounds: Sequence[Background],
    *,
    tissues: Sequence[str] | None = None,
    score: str = "effect",
    min_pip: float | None = None,
    n_bootstraps: int = 1_000,
    seed: int = 0,
    allow_unused: bool = False,
    on_gene: Callable[[int, int], None] | None = None,
    parts: str | Path | None = None,
    overwrite_parts: bool = False,
) -> EqtlBenchmark:
    """Score the variants of an eQTL table, homozygous, and hold the scores against its slopes.

    Args:
        scorer: the model.
        table: variants as ``read_variants`` takes them, with gene_id and beta (or slope); maybe maf, pip, tissue,
            dataset_id, AF_EUR, AF_AFR.
        backgrounds: the genome to look in; one.
        tissues: for rows without a tissue of their own; None = all tissues.
        score: ``effect``, ``log2fc_tpm`` or ``released_score``.
        min_pip: leave out rows whose column ``pip`` (posterior inclusion probability) is lower; None = none. Slopes are
            marginal: what only stands near a causal variant has one too.
        n_bootstraps, seed: resamplings of pairs for the intervals, and by which random numbers.
        on_gene, parts, overwrite_parts: as for ``VariantScorer.run``.

    Raises:
        InputError: a column is missing; no pair can be scored; several backgrounds; a number out of its range.
    """
    import pandas as pd

    if score not in SCORES:
        raise InputError(f"there is no score {score!r}", remedy=f"Choose one of {', '.join(SCORES)}.")
    if score != "effect" and not scorer.model.unit.is_log1p_tpm:
        raise InputError(
            f"the score {score} is of log1p TPM, and the model predicts {scorer.model.unit.name}",
            remedy="Choose the score effect.",
        )
    check_number("the number of bootstraps", n_bootstraps, 0)
    check_number("the seed", seed, 0)
    if min_pip is not None and not 0 <= min_pip <= 1:
        raise InputError(f"the lowest PIP is {min_pip:g}", remedy="Give a probability, from 0 to 1.")
    if len(backgrounds) != 1:
        raise InputError("the benchmark takes one background", remedy="Name person, person-snps or reference.")
    variants = read_variants(table, VariantNormalizer(backgrounds[0].genome.reference))
    slopes, rows, rejected = _with_slopes(variants, min_pip)
    variants = VariantTable(tuple(rows), tuple(rejected), variants.path)
    result = scorer.run(
        variants,
        backgrounds,
        tissues=tissues,
        zygosity=["hom"],
        allow_unused=allow_unused,
        on_gene=on_gene,
        parts=parts,
        overwrite_parts=overwrite_parts,
    )
    found = result.table[result.table["status"].isin(WITH_NUMBER)].drop_duplicates(["variant", "gene_id", "tissue"])
    by_key: dict[tuple[str, str], pd.DataFrame] = {}
    for (variant, gene), of_pair in found.groupby(["variant", "gene_id"]):
        by_key[str(variant), str(gene).split(".")[0]] = of_pair
    tissue_of = {row.row: _tissues_of(scorer, row) for row in rows}
    gene_of: dict[str, str] = {}
    for name in dict.fromkeys(row.annotations["gene_id"] for row in rows):
        genes = scorer.model.gene_table.resolve([name], most_suggested=0)[0]
        gene_of[name] = genes[0].gene_id.split(".")[0] if genes else ""
    blocks = []
    for row in rows:
        group = by_key.get((str(row.variant), gene_of[row.annotations["gene_id"]]))
        if group is None:
            continue
        wanted = tissue_of[row.row]
        kept = group if wanted is None else group[group["tissue"].isin(wanted)]
        blocks.append(
            kept[["variant", "gene_id", "gene_name", "tissue", "overlap", "tss_distance", score]].assign(
                dataset=row.annotations.get("dataset", ""),
                slope=slopes[row.row],
                maf=_number(row, "maf"),
                turned=row.turned,
                **_strata(row),
            )
        )
    if not blocks:
        raise InputError(
            "has no pair that could be scored",
            file=table,
            remedy="Its variants must lie in the window or a cCRE of their gene; see the rejected rows.",
        )
    pairs = pd.concat(blocks, ignore_index=True).rename(columns={score: "score"})
    return EqtlBenchmark(
        pairs, correlations(pairs, n_bootstraps, seed), variants.with_rejected(result.rejected), result
    )


def correlations(pairs: "pd.DataFrame", n_bootstraps: int = 1_000, seed: int = 0) -> "pd.DataFrame":
    """Spearman's rank correlation of slope and score, by tissue, data set and stratum, with 95 % bootstrap intervals.

    Args:
        pairs: tissue, dataset, slope, score, and a boolean column for each stratum (``rare``, ``common``,
            ``EUR_enriched``, ``AFR_enriched``).
        n_bootstraps: resamplings of the pairs.
        seed: of the random numbers.

    Returns:
        tissue, dataset, stratum, n, spearman, ci_low, ci_high, sign_agreement; NaN where ranks are all tied, and no
        interval under 10 pairs.
    """
    import pandas as pd

    rng = np.random.default_rng(seed)
    rows = []
    for (tissue, dataset), group in pairs.groupby(["tissue", "dataset"], sort=False):
        for stratum in ("all", *STRATA):
            part = group if stratum == "all" else group[group[stratum].eq(True)]
            slope, score = part["slope"].to_numpy(float), part["score"].to_numpy(float)
            there = ~(np.isnan(slope) | np.isnan(score))
            slope, score = slope[there], score[there]
            if stratum != "all" and not len(slope):
                continue
            low, high = _interval(slope, score, n_bootstraps, rng)
            agreement = np.mean(np.sign(slope) == np.sign(score)) if len(slope) else np.nan
            rows.append((tissue, dataset, stratum, len(slope), _spearman(slope, score), low, high, agreement))
    columns = ["tissue", "dataset", "stratum", "n", "spearman", "ci_low", "ci_high", "sign_agreement"]
    return pd.DataFrame(rows, columns=columns)


STRATA = ("rare", "common", "EUR_enriched", "AFR_enriched")


def _spearman(left: np.ndarray, right: np.ndarray) -> float:
    from scipy import stats

    if len(left) < 3 or np.ptp(left) == 0 or np.ptp(right) == 0:
        return float("nan")
    return float(stats.spearmanr(left, right).statistic)


def _interval(left: np.ndarray, right: np.ndarray, n: int, rng: np.random.Generator) -> tuple[float, float]:
    if len(left) < LEAST_PAIRS or n < 1:
        return float("nan"), float("nan")
    draws = rng.integers(0, len(left), size=(n, len(left)))
    values = np.array([_spearman(left[draw], right[draw]) for draw in draws])
    values = values[~np.isnan(values)]
    if not len(values):
        return float("nan"), float("nan")
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)


def _with_slopes(
    variants: VariantTable, min_pip: float | None
) -> tuple[dict[int, float], list[VariantRow], list[RejectedVariant]]:
    """Slopes of ALT by row, the rows that have one and a gene, and all that are rejected.

    Raises:
        InputError: no row has a slope, or none has a gene, or none the PIP that is asked for.
    """
    slopes, rows, rejected = {}, [], list(variants.rejected)
    for row in variants.rows:
        slope, pip = _number(row, "slope"), _number(row, "pip")
        if "gene_id" not in row.annotations:
            reason, kind = "has no gene_id", "no_gene"
        elif not np.isfinite(slope):
            reason, kind = "has no slope", "no_slope"
        elif min_pip is not None and np.isnan(pip):
            reason, kind = "has no PIP", "no_pip"
        elif min_pip is not None and pip < min_pip:
            reason, kind = f"its PIP {pip:g} is under {min_pip:g}", "under_min_pip"
        else:
            slopes[row.row] = -slope if row.turned else slope
            rows.append(row)
            continue
        rejected.append(RejectedVariant(row.row, str(row.given), reason, kind))
    rejected.sort(key=lambda each: each.row)
    if not rows:
        wanted = "a slope and a gene" if min_pip is None else f"a slope, a gene and a PIP of {min_pip:g} or more"
        raise InputError(
            f"has no row with {wanted}",
            file=variants.path,
            remedy=f"Give the columns gene_id and one of {', '.join(SLOPES)}. {first_reason(rejected)}",
        )
    return slopes, rows, rejected


def _tissues_of(scorer: VariantScorer, row: VariantRow) -> set[str] | None:
    text = row.annotations.get("tissue")
    if text is None:
        return None
    names = [name.strip() for name in text.replace(";", ",").split(",") if name.strip()]
    return {tissue.name for tissue in scorer.model.tissue_names.resolve(names)[0]}


def _number(row: VariantRow, name: str) -> float:
    """A number that a row says; NaN where it says none."""
    try:
        return float(row.annotations.get(name, "nan"))
    except ValueError:
        return float("nan")


def _strata(row: VariantRow) -> dict[str, bool | None]:
    """Memberships; None where the table does not say."""
    maf, frequencies = _number(row, "maf"), row.frequencies
    if np.isnan(maf) and "" in frequencies:
        maf = min(frequencies[""], 1 - frequencies[""])
    european, african = frequencies.get("EUR"), frequencies.get("AFR")
    enriched: dict[str, bool | None] = {"EUR_enriched": None, "AFR_enriched": None}
    if european is not None and african is not None:
        enriched = {
            "EUR_enriched": european > 0.10 and african < 0.05,
            "AFR_enriched": african > 0.10 and european < 0.05,
        }
    return {"rare": None if np.isnan(maf) else maf < 0.05, "common": None if np.isnan(maf) else maf >= 0.05, **enriched}
