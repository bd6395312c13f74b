"""The field's three columns: which measured value is of a seen gene, of another population, of an unseen gene.

Personal expression predictors are compared in these (Rastogi and others, Genome Biology 2026). A split says which
people and genes were trained on, a list of people who is of which population.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError
from .evaluation_grid import TEST, EvaluationGrid
from .splits import Split

if TYPE_CHECKING:
    import pandas as pd

SEEN, HELD_OUT, UNSEEN = "seen genes", "held-out population", "unseen genes"
_CODE: dict[str | None, int] = {None: 0, "train": 1, "validation": 2, "test": 3}


@dataclass(frozen=True)
class FieldColumns:
    """Values by column; a value is in one column at most.

    Attributes:
        by: the people's column that ``population`` is of.
        cells: column -> (genes, samples) whether a value is in it.
        population: (samples,) of each sample, "" = not known.
        empty: column -> why no value is in it.
        left_out: reason -> measured values that are in no column.
        trained: the populations that were trained on.
    """

    by: str
    cells: Mapping[str, np.ndarray]
    population: np.ndarray
    empty: Mapping[str, str] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)
    trained: tuple[str, ...] = ()

    def described(self) -> dict[str, object]:
        """What was asked for, as JSON has it."""
        return {"population_column": self.by, "training_populations": list(self.trained)}


def field_columns(
    grid: EvaluationGrid,
    splits: Sequence[Split],
    people: "pd.DataFrame",
    *,
    by: str = "super_population",
    trained: Sequence[str] = (),
    people_file: Path | None = None,
) -> FieldColumns:
    """The column of each measured value of people who were held out.

    Seen genes: genes trained on, test donors of a population that was trained on. Held-out population: genes trained
    on, test donors of any other. Unseen genes: genes of the split's part test, test donors of a population that was
    trained on.

    Args:
        grid: of the splits.
        splits: one, or folds; the populations that a fold was trained on are those of its own train donors.
        people: the list of people, with the column ``by``.
        by: its column of populations.
        trained: names of the populations that were trained on; none = those of the train donors.
        people_file: for messages.

    Raises:
        InputError: the column is not there; nobody who was trained on is in the list, and no population is named; a
            name is nobody's; a train donor is of a population that is not named.
    """
    if by not in people:
        raise InputError(
            f"has no column {by}, which says who is of which population",
            file=people_file,
            remedy="Name another (--population-column), or add it: one name for everybody where all are of one.",
        )
    of_fold = [_trained(split, people, by, trained, people_file) for split in splits]
    samples = grid.samples
    population = samples[by].fillna("").astype(str).to_numpy(dtype=object)
    fold = np.maximum(samples["fold"].to_numpy(dtype=int), 0)
    by_chromosome = {cohort for split in splits for cohort in split.chromosomes}
    no_person = samples["is_cell_line"].to_numpy(dtype=bool) | samples["cohort"].isin(by_chromosome).to_numpy()
    is_test = (samples["donor_part"] == TEST).to_numpy()
    is_own = np.array([name in of_fold[number] for name, number in zip(population, fold, strict=True)], dtype=bool)
    reasons = np.select(
        [no_person, ~is_test, population == ""],
        ["of cell lines, or split by chromosomes", "of validation donors", f"of people without {by}"],
        "",
    )
    used = reasons == ""
    # (genes, samples) of numbers, which a cohort's size can bear.
    parts = np.array([[_CODE[split.gene_part(gene)] for gene in grid.genes["gene_id"]] for split in splits], np.int8)
    part = parts[fold].T
    cells = {
        SEEN: (part == _CODE["train"]) & (used & is_own),
        HELD_OUT: (part == _CODE["train"]) & (used & ~is_own),
        UNSEEN: (part == _CODE["test"]) & (used & is_own),
    }
    measured = ~np.isnan(grid.observed)
    left_out: Counter[str] = Counter({reason: int(measured[:, reasons == reason].sum()) for reason in set(reasons)})
    del left_out[""]
    left_out["of validation genes"] = int((measured & (part == _CODE["validation"]) & used).sum())
    left_out["of unseen genes in people of another population"] = int(
        (measured & (part == _CODE["test"]) & (used & ~is_own)).sum()
    )
    names = tuple(dict.fromkeys(name for of in of_fold for name in sorted(of)))
    of_trained = f"of {', '.join(names)}"
    no_gene = not any(split.genes for split in splits)
    # Of folds with genes of their own, a file that is no fold's has each gene by the model that never saw it.
    only_unseen = grid.fold_parts is not None and not (grid.fold_parts == "train").any()
    not_by_fold = "one file of all folds has the unseen genes alone: give a file a fold, named by {fold}"
    empty = {
        SEEN: not_by_fold if only_unseen else f"no test donor is {of_trained}, or none of their genes was trained on",
        HELD_OUT: not_by_fold if only_unseen else f"all test donors are {of_trained}",
        UNSEEN: "the split holds out no gene" if no_gene else f"no test donor is {of_trained}, or has a test gene",
    }
    there = {name: bool((mask & measured).any()) for name, mask in cells.items()}
    return FieldColumns(
        by, cells, population, {name: why for name, why in empty.items() if not there[name]}, left_out, names
    )


def _trained(
    split: Split, people: "pd.DataFrame", by: str, named: Sequence[str], people_file: Path | None
) -> frozenset[str]:
    """Populations that a split's train donors are of, or the named ones, where these are all of them."""
    has_cohort = "cohort" in people
    cohorts = people["cohort"] if has_cohort else [""] * len(people)
    of = {
        (cohort, donor): str(name)
        for cohort, donor, name in zip(cohorts, people["donor"], people[by], strict=True)
        if isinstance(name, str) and name
    }
    known = set(of.values())
    unknown = [name for name in named if name not in known]
    if unknown:
        raise InputError(
            f"nobody is of {unknown[0]}: {by} has {', '.join(sorted(known)[:12]) or 'no name'}",
            file=people_file,
            remedy="Name one that was trained on: --training-population.",
        )
    found: dict[str, str] = {}
    for cohort, donors in split.donors.items():
        for donor, part in donors.items():
            name = of.get((cohort if has_cohort else "", donor))
            if part == "train" and name:
                found.setdefault(name, donor)
    also = sorted(set(found) - set(named))
    if named and also:
        raise InputError(
            f"is of {also[0]} and was trained on, so that {also[0]} is no held-out population",
            file=people_file,
            record=found[also[0]],
            remedy=f"Add it: --training-population {also[0]}.",
        )
    if not named and not found:
        raise InputError(
            f"names none of the donors that were trained on, or not their {by}",
            file=people_file,
            remedy="Say which populations were trained on: --training-population NAME.",
        )
    return frozenset(named or found)
