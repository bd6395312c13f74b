"""Do predicted effects agree with those that were observed in cohorts? Rank correlation with eQTL slopes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError, check_number
from ..genome.personal import PersonalGenome
from ..genome.reference import ReferenceGenome
from ..genome.variant import VariantNormalizer
from ..genome.variant_table import RejectedVariant, VariantRow, VariantTable, first_reason, read_variants
from ..zoo.outputs import TissueNames
from ..zoo.statuses import WITH_NUMBER
from .backgrounds import Background
from .effects import EffectResult, VariantScorer, backgrounds_of
from .eqtl_selection import ENRICHED, EqtlSelection, SelectedRows, enriched, maf_of, number_of, relabelled
from .other_scores import OtherScores, read_scores
from .population_scores import Frequencies, frequencies_of, population_scores, read_frequencies

if TYPE_CHECKING:
    import pandas as pd

# Some of the columns that are read as slopes, for messages; docs/effects.md has all.
SLOPES = ("beta", "slope", "effect_size")
SCORES = ("effect", "log2fc_tpm", "released_score")
# Fewer pairs than these give no interval.
LEAST_PAIRS = 10
# Of pairs: whether the row is among those of least p of all, and not of an enriched set alone.
IN_TOP = "in_top"


@dataclass(frozen=True)
class EqtlBenchmark:
    """Observed slopes and predicted effects.

    Attributes:
        pairs: one row per variant, gene, tissue and data set: slope (of ALT), score, maybe score_METHOD of further
            methods, maf, whether the row was turned, whether it is of least p among all rows (``in_top``) or in an
            enriched set alone, stratum memberships.
        correlations: one row per method, tissue, data set and stratum: n, spearman, ci_low, ci_high, sign_agreement,
            sign_p, n_signs; of several methods over the pairs that all have.
        variants: the rows that were scored, and those that were not, among them those without a slope.
        scored: the effects, and the counts of the rows.
        filters: rows with a slope and a gene, and how many each filter left of them.
        methods: name -> its column in ``pairs``.
        others: scores of other programs.
    """

    pairs: "pd.DataFrame"
    correlations: "pd.DataFrame"
    variants: VariantTable
    scored: EffectResult
    filters: Mapping[str, int]
    methods: Mapping[str, str]
    others: tuple[OtherScores, ...] = ()

    @property
    def rejected(self) -> tuple[RejectedVariant, ...]:
        """Rows that were not scored."""
        return self.variants.rejected

    def counts(self) -> dict[str, Any]:
        """For JSON: rows of every filter, pairs, pairs that each method lacks, those that all have, and other files."""
        there = self.pairs[list(self.methods.values())].notna()
        return {
            "filters": dict(self.filters),
            "pairs": len(self.pairs),
            "without_score": {name: int((~there[column]).sum()) for name, column in self.methods.items()},
            "pairs_of_all_methods": int(there.all(axis=1).sum()),
            "scores": {each.name: {"file": str(each.path), **each.counts} for each in self.others},
        }

    def medians(self) -> list[dict[str, Any]]:
        """For JSON: median Spearman over data sets and tissues, of each method and stratum, as the paper gives it."""
        found = []
        for (method, stratum), group in self.correlations.groupby(["method", "stratum"], sort=False):
            values = group["spearman"].dropna()
            median = float(values.median()) if len(values) else None
            found.append({"method": method, "stratum": stratum, "sets": len(values), "median_spearman": median})
        return found


@dataclass(frozen=True, slots=True)
class ScoreFile:
    """A file of another program's scores, see ``read_scores``."""

    name: str
    path: Path
    column: str | None = None


def eqtl_benchmark(
    scorer: VariantScorer,
    table: str | Path,
    backgrounds: "PersonalGenome | ReferenceGenome | Sequence[Background]",
    *,
    tissues: Sequence[str] | None = None,
    score: str = "effect",
    selection: EqtlSelection | None = None,
    labels: Mapping[str, str] | None = None,
    af_table: str | Path | None = None,
    others: Sequence[ScoreFile] = (),
    n_bootstraps: int = 1_000,
    seed: int = 0,
    allow_unused: bool = False,
    on_gene: Callable[[int, int], None] | None = None,
    parts: str | Path | None = None,
    overwrite_parts: bool = False,
) -> EqtlBenchmark:
    """Score the variants of an eQTL table, homozygous, and hold the scores against its slopes.

    Of several backgrounds, one a population, each one's scores are a method, ``VF-EUR``, and so is their mean weighted
    by allele frequency, ``VF-weighted`` (eq. 39), which comes first. Models of another type go by its name.

    Args:
        scorer: the model.
        table: variants as ``read_variants`` takes them, with gene_id and beta (or slope); maybe maf, pip, p, tissue,
            dataset_id, AF_EUR, AF_AFR.
        backgrounds: the genome to look in, or a background a population.
        tissues: for rows without a tissue of their own; None = all tissues.
        score: ``effect``, ``log2fc_tpm`` or ``released_score``.
        selection: which rows; None = all.
        labels: of the column tissue, in lower case -> the model's tissue.
        af_table: allele frequencies beside those of the table, see ``read_frequencies``.
        others: scores of other programs, methods of their own.
        n_bootstraps, seed: resamplings of pairs for the intervals, and by which random numbers.
        on_gene, parts, overwrite_parts: as for ``VariantScorer.run``.

    Raises:
        InputError: a column is missing; no pair can be scored, or none by all methods; a number out of its range.
    """
    if score not in SCORES:
        raise InputError(f"there is no score {score!r}", remedy=f"Choose one of {', '.join(SCORES)}.")
    if score != "effect" and not scorer.model.unit.is_log1p_tpm:
        raise InputError(
            f"the score {score} is of log1p TPM, and the model predicts {scorer.model.unit.name}",
            remedy="Choose the score effect.",
        )
    check_number("the number of bootstraps", n_bootstraps, 0)
    check_number("the seed", seed, 0)
    backgrounds = backgrounds_of(backgrounds, scorer.model.modes[0])
    own = "VF" if scorer.model.model_type == "variantformer" else scorer.model.model_type
    methods = _methods(own, backgrounds, others)
    normalizer = VariantNormalizer(backgrounds[0].genome.reference)
    variants = read_variants(table, normalizer)
    if labels:
        variants = relabelled(variants, labels)
    read = [
        read_scores(
            each.name, each.path, normalizer, scorer.model.gene_table, scorer.model.tissue_names, column=each.column
        )
        for each in others
    ]
    frequencies = frequencies_of(variants)
    if af_table is not None:
        for variant, of_variant in read_frequencies(af_table, normalizer, variants).items():
            frequencies.setdefault(variant, {}).update(of_variant)
    slopes, rows, rejected = _with_slopes(variants, scorer)
    selected = (selection or EqtlSelection()).select(rows, frequencies)
    rows = selected.rows
    rejected = sorted([*rejected, *selected.rejected], key=lambda each: each.row)
    if not rows:
        raise InputError("has no row that the filters leave", file=table, remedy=first_reason(selected.rejected))
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
    scores = _scores_of(result.table, score, own, backgrounds, frequencies)
    pairs = _pairs(scorer, selected, slopes, scores, frequencies)
    if not len(pairs):
        raise InputError(
            "has no pair that could be scored",
            file=table,
            remedy="Its variants must lie in the window or a cCRE of their gene; see the rejected rows.",
        )
    for other in read:
        places = zip(pairs["variant"], pairs["gene_id"], pairs["tissue"], strict=True)
        pairs[methods[other.name]] = [other.of(*place) for place in places]
    there = pairs[list(methods.values())].notna()
    if len(methods) > 1 and not there.all(axis=1).any():
        counts = ", ".join(f"{name} {int(there[column].sum())}" for name, column in methods.items())
        raise InputError(
            f"has no pair that all methods score: of {len(pairs)} pairs {counts}",
            file=table,
            remedy="A weighted mean needs every population's frequency (AF_EUR ..., --af-table); a file of scores the "
            "same variants, genes and tissues.",
        )
    return EqtlBenchmark(
        pairs,
        correlations(pairs, n_bootstraps, seed, methods),
        variants.with_rejected(result.rejected),
        result,
        selected.counts,
        methods,
        tuple(read),
    )


def _methods(own: str, backgrounds: Sequence[Background], others: Sequence[ScoreFile]) -> dict[str, str]:
    """Name -> column of each method, the first of which is the main one.

    Raises:
        InputError: two have one name.
    """
    names = [own]
    if len(backgrounds) > 1:
        names = [f"{own}-weighted", *(f"{own}-{each.name}" for each in backgrounds)]
    names += [each.name for each in others]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"two scores are called {twice}", remedy="Give each a name of its own: --scores NAME=FILE.")
    return {name: f"score_{name}" if number else "score" for number, name in enumerate(names)}


def _scores_of(
    table: "pd.DataFrame", score: str, own: str, backgrounds: Sequence[Background], frequencies: Frequencies
) -> "pd.DataFrame":
    """A row a variant, gene and tissue that has a number in some genome, with the columns of the model's methods."""
    keys = ["variant", "gene_id", "tissue"]
    is_scored = table["status"].isin(WITH_NUMBER)
    once = table[is_scored].drop_duplicates(keys)[[*keys, "gene_name", "overlap", "tss_distance", score]]
    if len(backgrounds) == 1:
        return once.rename(columns={score: "score"})
    scores = list(dict.fromkeys(["effect", score]))
    wide = population_scores(
        table.assign(**{name: table[name].where(is_scored) for name in scores}), frequencies, scores
    )
    names = {f"{score}_{each.name}": f"score_{own}-{each.name}" for each in backgrounds}
    wide = wide.rename(columns={**names, f"{score}_weighted": "score"})
    return once.drop(columns=score).merge(wide[[*keys, "score", *names.values(), "af_status"]], on=keys)


def _pairs(
    scorer: VariantScorer,
    selected: SelectedRows,
    slopes: Mapping[int, float],
    scores: "pd.DataFrame",
    frequencies: Frequencies,
) -> "pd.DataFrame":
    """Rows and scores together, in the order of the rows."""
    import pandas as pd

    rows = selected.rows
    gene_of: dict[str, str] = {}
    for name in dict.fromkeys(row.annotations["gene_id"] for row in rows):
        genes = scorer.model.gene_table.resolve([name], most_suggested=0)[0]
        gene_of[name] = genes[0].gene_id if genes else ""
    of_rows = pd.DataFrame(
        [
            {
                "variant": str(row.variant),
                "gene_id": gene_of[row.annotations["gene_id"]],
                "dataset": row.annotations.get("dataset", ""),
                "slope": slopes[row.row],
                "turned": row.turned,
                IN_TOP: row.row in selected.in_top,
                **_strata(row, frequencies),
                "wanted": _tissues_of(scorer, row),
            }
            for row in rows
        ]
    )
    pairs = of_rows.merge(scores, on=["variant", "gene_id"])
    asked = [
        wanted is None or tissue in wanted for wanted, tissue in zip(pairs["wanted"], pairs["tissue"], strict=True)
    ]
    pairs = pairs[np.array(asked, dtype=bool)].reset_index(drop=True)
    first = ["variant", "gene_id", "gene_name", "tissue", "overlap", "tss_distance"]
    of_scores = [name for name in pairs if str(name).startswith("score")]
    others = [name for name in pairs if name not in (*first, *of_scores, "wanted")]
    return pairs[[*first, *of_scores, *others]]


def correlations(
    pairs: "pd.DataFrame", n_bootstraps: int = 1_000, seed: int = 0, methods: Mapping[str, str] | None = None
) -> "pd.DataFrame":
    """Spearman's rank correlation of slope and score, by tissue, data set and stratum, with 95 % bootstrap intervals.

    Args:
        pairs: tissue, dataset, slope, score, and a boolean column for each stratum (``rare``, ``common``,
            ``EUR_enriched``, ``AFR_enriched``); maybe ``in_top``, without which a pair is of an enriched set alone.
        n_bootstraps: resamplings of the pairs, the same of all methods.
        seed: of the random numbers.
        methods: name -> column of the scores; of several the pairs that all have. None = ``score`` alone.

    Returns:
        method, tissue, dataset, stratum, n, spearman, ci_low, ci_high, sign_agreement and sign_p (one-sided binomial,
        more agreement than a half) over n_signs pairs, those of which neither slope nor score is 0; NaN where ranks are
        all tied, and no interval under 10 pairs.
    """
    import pandas as pd
    from scipy import stats

    methods = methods or {"score": "score"}
    rng = np.random.default_rng(seed)
    rows = []
    for (tissue, dataset), group in pairs.groupby(["tissue", "dataset"], sort=False):
        whole = group[group[["slope", *methods.values()]].notna().all(axis=1)]
        for stratum in ("all", *STRATA):
            part = whole if stratum == "all" else whole[whole[stratum].eq(True)]
            if stratum not in ENRICHED and IN_TOP in part:
                part = part[part[IN_TOP]]
            slope, n = part["slope"].to_numpy(float), len(part)
            if stratum != "all" and not n:
                continue
            scores = [part[column].to_numpy(float) for column in methods.values()]
            intervals = _intervals(slope, scores, n_bootstraps, rng)
            for method, score, interval in zip(methods, scores, intervals, strict=True):
                signs = np.sign(slope) * np.sign(score)
                agreeing, n_signs = int((signs > 0).sum()), int((signs != 0).sum())
                sign = (np.nan, np.nan)
                if n_signs:
                    test = stats.binomtest(agreeing, n_signs, alternative="greater")
                    sign = (agreeing / n_signs, float(test.pvalue))
                rows.append((method, tissue, dataset, stratum, n, _spearman(slope, score), *interval, *sign, n_signs))
    names = ["method", "tissue", "dataset", "stratum", "n", "spearman", "ci_low", "ci_high"]
    names += ["sign_agreement", "sign_p", "n_signs"]
    return pd.DataFrame(rows, columns=names)


STRATA = ("rare", "common", *ENRICHED)


def _spearman(left: np.ndarray, right: np.ndarray) -> float:
    from scipy import stats

    if len(left) < 3 or np.ptp(left) == 0 or np.ptp(right) == 0:
        return float("nan")
    return float(stats.spearmanr(left, right).statistic)


def _intervals(
    slope: np.ndarray, scores: Sequence[np.ndarray], n_bootstraps: int, rng: np.random.Generator
) -> list[tuple[float, float]]:
    """95 % intervals of each score's correlation with the slopes, of all by the same resamplings of the pairs."""
    n = len(slope)
    if n < LEAST_PAIRS or n_bootstraps < 1:
        return [(float("nan"), float("nan"))] * len(scores)
    groups = [np.unique(values, return_inverse=True)[1] for values in (slope, *scores)]
    found = np.full((n_bootstraps, len(scores)), np.nan)
    for draw in range(n_bootstraps):
        times = np.bincount(rng.integers(0, n, n), minlength=n)
        left, *right = (_resampled_ranks(each, times) for each in groups)
        found[draw] = [(times * left * each).sum() for each in right]
    intervals = []
    for values in found.T:
        there = values[~np.isnan(values)]
        low, high = np.quantile(there, [0.025, 0.975]) if len(there) else (np.nan, np.nan)
        intervals.append((float(low), float(high)))
    return intervals


def _resampled_ranks(groups: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Ranks in a resample, without sorting anew, as deviations from their mean of length 1; NaN where all are alike.

    Args:
        groups: (n,) place of each value among the distinct ones.
        times: (n,) how often each is drawn.
    """
    of_group = np.bincount(groups, weights=times)
    if (of_group > 0).sum() < 2:
        return np.full(len(groups), np.nan)
    ranks: np.ndarray = (np.cumsum(of_group) - (of_group - 1) / 2)[groups]
    ranks -= (times * ranks).sum() / times.sum()
    return ranks / np.sqrt((times * ranks**2).sum())


def _with_slopes(
    variants: VariantTable, scorer: VariantScorer
) -> tuple[dict[int, float], list[VariantRow], list[RejectedVariant]]:
    """Slopes of ALT by row, the rows that have one, a gene and no unknown tissue, and all that are rejected.

    Raises:
        InputError: no row has a slope, or none has a gene.
    """
    slopes, rows, rejected = {}, [], list(variants.rejected)
    for row in variants.rows:
        slope, tissues = number_of(row, "slope"), _tissues_of(scorer, row)
        if "gene_id" not in row.annotations:
            reason, kind = "has no gene_id", "no_gene"
        elif not np.isfinite(slope):
            reason, kind = "has no slope", "no_slope"
        elif tissues is not None and not tissues:
            reason, kind = f"the model has no tissue {row.annotations['tissue']!r}: give --labels", "unknown_tissue"
        else:
            slopes[row.row] = -slope if row.turned else slope
            rows.append(row)
            continue
        rejected.append(RejectedVariant(row.row, str(row.given), reason, kind))
    rejected.sort(key=lambda each: each.row)
    if not rows:
        raise InputError(
            "has no row with a slope and a gene",
            file=variants.path,
            remedy=f"Give the columns gene_id and one of {', '.join(SLOPES)}. {first_reason(rejected)}",
        )
    return slopes, rows, rejected


def _tissues_of(scorer: VariantScorer, row: VariantRow) -> frozenset[str] | None:
    """The model's tissues that a row names; None = it names none."""
    text = row.annotations.get("tissue")
    return None if text is None else _named_tissues(text, scorer.model.tissue_names)


@lru_cache(maxsize=1024)
def _named_tissues(text: str, tissues: TissueNames) -> frozenset[str]:
    whole = tissues.resolve([text], most_suggested=0)[0]
    names = [name.strip() for name in text.replace(";", ",").split(",") if name.strip()]
    return frozenset(tissue.name for tissue in whole or tissues.resolve(names, most_suggested=0)[0])


def _strata(row: VariantRow, frequencies: Frequencies) -> dict[str, Any]:
    """MAF, and memberships; None where nothing says it."""
    maf = maf_of(row, frequencies.get(str(row.variant), {}))
    known = not np.isnan(maf)
    return {
        "maf": maf,
        "rare": maf < 0.05 if known else None,
        "common": maf >= 0.05 if known else None,
        **enriched(frequencies, row.variant),
    }
