"""A gene's enhancer map: each of its cCREs taken away, or shuffled, in turn."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError, check_number
from ..genome.cres import CRE_CLASSES
from ..genome.personal import PersonalGenome
from ..zoo.gene_input import GeneOutput
from ..zoo.gene_states import CreStates
from ..zoo.statuses import NO_CRES, NO_ELEMENT, NO_VARIANTS, NOT_FINITE, WITH_NUMBER, check_used
from .effects import VariantScorer
from .fold_change import log2_fold_change
from .gene_scorer import GeneScorer

if TYPE_CHECKING:
    import pandas as pd

KNOCKOUTS = ("drop", "shuffle")
_AT_ONCE = 32


def knockout(
    scorer: VariantScorer,
    person: PersonalGenome,
    gene: str,
    *,
    tissues: Sequence[str] | None = None,
    how: str = "drop",
    n_shuffles: int = 5,
    seed: int = 0,
    allow_unused: bool = False,
    on_cre: Callable[[int, int], None] | None = None,
) -> "pd.DataFrame":
    """What each cCRE does for a gene.

    A cCRE is taken from the list of cCREs only: where it lies in the gene's window, that stays as it is.

    Args:
        scorer: the model.
        person: in whose genome; the reference is one.
        gene: name of the gene.
        tissues: names; None = all.
        how: ``drop`` (the cCRE is not there) or ``shuffle`` (its bases in random order, each base as often).
        n_shuffles, seed: how often a cCRE is shuffled, and by which random numbers; the effect is the mean.
        allow_unused: go on, with NaN, where nothing of the person's file was used in the gene, instead of stopping.
        on_cre: called with (done, total).

    Returns:
        One row per cCRE and tissue: cre_id, cre_class, chrom, start, end (0-based half-open, without flanks),
        tss_distance (of its middle, positive downstream), in_window, tissue, log1p_tpm, log1p_tpm_without, effect (the
        latter minus the former), log2fc_tpm, effect_sd (over the shuffles), below_noise, status (of the gene, as of
        predictions; ``no_element`` for one that the person lacks) and reason. Without a number there is NaN.

    Raises:
        InputError: no such gene, tissue or way; no shuffles.
    """
    import pandas as pd

    if how not in KNOCKOUTS:
        raise InputError(f"there is no knock-out {how!r}", remedy=f"Choose one of {', '.join(KNOCKOUTS)}.")
    check_number("the number of shuffles", n_shuffles, 1)
    check_number("the seed", seed, 0)
    scorer.model.require("cres", "a knock-out")
    opened = scorer.open(person.reference)
    asked = opened.gene(gene, tissues)
    regions, names, unit = asked.regions, asked.tissues, scorer.model.unit
    in_gene = opened.in_gene(person, regions, asked.outputs)
    gene_states = in_gene.states
    assert isinstance(gene_states, CreStates)
    use = in_gene.use
    check_used(person.sample, [(use.status, use.reason)], person.path, allow_unused=allow_unused)
    output, noise = in_gene.base(), gene_states.noise()
    base = output.values
    n_cres, repeats = len(regions.starts), n_shuffles if how == "shuffle" else 1
    rng = np.random.default_rng(seed)
    effects = np.full((n_cres, repeats, len(names)), np.nan, dtype=np.float32)
    for first in range(0, n_cres, _AT_ONCE):
        if on_cre is not None:
            on_cre(first, n_cres)
        block = range(first, min(first + _AT_ONCE, n_cres))
        here = [index for index in block if gene_states.has_cre(index)]
        if how == "drop":
            states = [gene_states.without_cre(index) for index in here]
        else:
            states = _shuffled(gene_states, here, repeats, rng)
        if states:
            found = np.stack([each.values for each in gene_states.predict(states)])
            effects[here] = (found - base).reshape(len(here), repeats, -1)
    if on_cre is not None:
        on_cre(n_cres, n_cres)
    sign = -1 if regions.gene.strand == "-" else 1
    starts, ends = regions.cres_without_flanks()
    mean = effects.mean(axis=1)
    spread = effects.std(axis=1, ddof=1) if repeats > 1 else np.full_like(mean, np.nan)

    def of_cres(values: Sequence[object] | np.ndarray) -> np.ndarray:
        return np.repeat(np.asarray(values), len(names))

    without = (base + mean).ravel()
    before = np.tile(base, n_cres)
    window = regions.window
    return pd.DataFrame(
        {
            "cre_id": of_cres(scorer.model.cre_names(regions)),
            "cre_class": of_cres([None if number < 0 else CRE_CLASSES[number] for number in regions.cre_class_ids]),
            "chrom": window.chrom,
            "start": of_cres(starts),
            "end": of_cres(ends),
            "tss_distance": of_cres(sign * ((starts + ends) // 2 - regions.gene.distances_from)),
            "in_window": of_cres((regions.starts < window.end) & (regions.ends > window.start)),
            "gene_id": regions.gene.gene_id,
            "gene_name": regions.gene.gene_name,
            "sample": person.sample,
            "tissue": np.tile(np.asarray(names, dtype=object), n_cres),
            unit.column: before,
            f"{unit.column}_without": without,
            "effect": mean.ravel(),
            **({"log2fc_tpm": log2_fold_change(without, before)} if unit.is_log1p_tpm else {}),
            "effect_sd": spread.ravel(),
            "status": of_cres(_statuses(in_gene, gene_states, output, mean)),
            "reason": use.reason or None,
            "below_noise": np.abs(mean.ravel()) <= np.tile(noise, n_cres),
        }
    )


def _statuses(in_gene: GeneScorer, states: CreStates, base: GeneOutput, effects: np.ndarray) -> list[str]:
    """Status of each cCRE."""
    of_gene = in_gene.status(base)
    there = [states.has_cre(index) for index in range(len(effects))]
    statuses = []
    for is_there, effect in zip(there, effects, strict=True):
        if of_gene not in (*WITH_NUMBER, NO_VARIANTS):
            statuses.append(of_gene)
        elif not is_there:
            statuses.append(NO_ELEMENT)
        elif np.isnan(effect).any():
            statuses.append(NO_CRES if sum(there) == 1 else NOT_FINITE)
        else:
            statuses.append(of_gene)
    return statuses


def _shuffled(gene: CreStates, cres: Sequence[int], repeats: int, rng: np.random.Generator) -> list[Any]:
    """States in which one cCRE's bases, flanks and all, stand in random order."""
    states = []
    for index, sequence in zip(cres, gene.cre_sequences(cres), strict=True):
        letters = np.array(list(sequence))
        texts = ["".join(letters[rng.permutation(len(letters))]) for _ in range(repeats)]
        states += gene.with_cre(index, texts)
    return states
