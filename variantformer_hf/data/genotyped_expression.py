"""Measured expression of people whose genotypes are there, with their covariates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError
from ..genome.appending import people_in
from ..genome.cohort_files import GivenGenotypes
from .expression_sources.text_tables import numbers, read_text_table
from .measured import Measured
from .overlap import LEAST_SHARED_DONORS
from .repeated_rows import check_once

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class GenotypedExpression:
    """Samples of people whose genotypes are there.

    Attributes:
        measured: their expression.
        people: names in the file of genotypes, each once.
        person: (samples,) number of each sample's person.
        covariates: (samples, c); c may be 0.
        left_out: why samples were -> how many.
    """

    measured: Measured
    people: tuple[str, ...]
    person: np.ndarray
    covariates: np.ndarray
    left_out: Mapping[str, int]

    def groups(self) -> list[tuple[str, str, np.ndarray]]:
        """Cohort, tissue and places of the samples of each, in the order of the samples."""
        names = list(zip(self.measured.samples["cohort"], self.measured.samples["tissue"], strict=True))
        places: dict[tuple[str, str], list[int]] = {}
        for place, name in enumerate(names):
            places.setdefault(name, []).append(place)
        return [(cohort, tissue, np.array(of)) for (cohort, tissue), of in places.items()]


def genotyped_expression(
    measured: Measured, genotypes: GivenGenotypes, covariates: "pd.DataFrame | None" = None
) -> GenotypedExpression:
    """The samples of people who have genotypes and covariates; cell lines are left out.

    Args:
        measured: expression; its column ``sample``, or else ``donor``, names people as the genotypes do.
        genotypes: a cohort's.
        covariates: of :func:`read_covariates`; None = none.

    Raises:
        InputError: fewer than three people are left.
    """
    samples = measured.samples
    names = samples["sample" if "sample" in samples else "donor"].to_numpy(dtype=object)
    known = people_in(genotypes)
    has_genotypes, is_line = np.isin(names, known), samples["is_cell_line"].to_numpy(dtype=bool)
    values = np.zeros((len(samples), 0))
    if covariates is not None:
        keys = ["donor", "tissue"] if "tissue" in covariates else ["donor"]
        values = samples[keys].merge(covariates, on=keys, how="left").drop(columns=keys).to_numpy(dtype=np.float64)
    has_covariates = np.isfinite(values).all(axis=1)
    left_out = {
        "samples of cell lines": int(is_line.sum()),
        "samples of people without genotypes": int((~has_genotypes & ~is_line).sum()),
        "samples of people without covariates": int((~has_covariates & has_genotypes & ~is_line).sum()),
    }
    kept = np.flatnonzero(has_genotypes & ~is_line & has_covariates)
    people = tuple(dict.fromkeys(names[kept]))
    if len(people) < LEAST_SHARED_DONORS:
        raise InputError(
            f"{len(people)} people have expression, genotypes and covariates: the expression has {_three(names)}, the "
            f"genotypes {_three(known)}",
            file=genotypes,
            remedy="Say who is who: a list with donor as the expression has it, and sample as the genotypes have it.",
        )
    place = {name: number for number, name in enumerate(people)}
    chosen = replace(measured.chosen(kept), left_out={**measured.left_out, **left_out})
    person = np.array([place[name] for name in names[kept]])
    return GenotypedExpression(chosen, people, person, values[kept], chosen.left_out)


def read_covariates(path: str | Path, chosen: Sequence[str] | None = None) -> "pd.DataFrame":
    """Covariates of people: a TSV or CSV with a column ``donor``, maybe ``tissue``, and numbers.

    A missing number (NA, or nothing) is NaN.

    Args:
        path: the file, such as the principal components of people.
        chosen: names of the columns to take; None = all.

    Raises:
        InputError: a column is missing or holds no numbers, or a person is there twice.
    """
    path = Path(path)
    table = read_text_table(path, ("donor", *(chosen or ())))
    keys = [name for name in ("donor", "tissue") if name in table]
    names = list(chosen) if chosen else [str(name) for name in table if name not in keys]
    if not names:
        raise InputError("has no column of numbers", file=path, remedy="Give a column donor and one a covariate.")
    check_once(table, keys, path, "Give each person one row (or one a tissue).")
    try:
        return table[keys].assign(**{name: numbers(table[name], path, name) for name in names})
    except InputError as error:
        remedy = "Give numbers, or name the columns to take: --covariate PC1 --covariate PC2."
        raise InputError(error.problem, file=path, record=error.record, remedy=remedy) from None


def _three(names: Sequence[str] | np.ndarray) -> str:
    return ", ".join(dict.fromkeys(map(str, names[:3])))
