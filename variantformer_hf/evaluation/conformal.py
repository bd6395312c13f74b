"""Intervals of predictions, by split-conformal calibration, and who is unlike the people of the calibration.

Nothing is assumed of how errors are distributed, only that a new person could as well have been one of the calibration.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

# All people together, of whatever population.
WHOLE = "all"
KEYS = ["gene_id", "tissue", "population"]
NOT_CALIBRATED, FEW_PEOPLE, NO_PREDICTION = "not_calibrated", "few_people", "no_prediction"
# Share of the people of a population of the calibration that lie outside of its range.
SHARE_OUTSIDE = 0.01
# From so many people on a population has a range: fewer do not say how far it reaches.
LEAST_IN_RANGE = 10


def fewest_people(level: float) -> int:
    """The fewest people of a calibration whose interval at a level is finite: ceil(level / (1 - level))."""
    return int(np.ceil(np.round(level / (1 - level), 9)))


def half_width_column(level: float) -> str:
    """The column of half-widths at a level."""
    return f"half_width_{level:g}"


def half_widths(residuals: np.ndarray, level: float) -> np.ndarray:
    """Half-width of each row's interval: the ceil((n + 1) x level)-th smallest of n absolute residuals.

    A new person's measured value lies within it of the prediction with a probability from ``level`` to
    ``level`` + 1 / (n + 1).

    Args:
        residuals: (rows, people) measured less predicted; NaN where there is none.
        level: above 0, below 1.

    Returns:
        (rows,) float64; NaN where there are too few people for a finite one.
    """
    size = np.sort(np.abs(residuals), axis=1)  # NaN comes last
    n = (~np.isnan(size)).sum(axis=1)
    rank = np.ceil(np.round((n + 1) * level, 9)).astype(int)
    known = rank <= n
    place = np.where(known, rank - 1, 0)
    if not size.shape[1]:
        return np.full(len(size), np.nan)
    return np.where(known, np.take_along_axis(size, place[:, None], axis=1)[:, 0], np.nan)


def calibrated(
    residuals: np.ndarray,
    gene_ids: Sequence[str],
    tissues: np.ndarray,
    populations: np.ndarray,
    levels: Sequence[float],
    fewest: int = 1,
) -> "pd.DataFrame":
    """Half-widths of each gene and tissue, of all people together and of each population that has enough.

    Args:
        residuals: (genes, samples) measured less predicted; NaN where there is none. A person has one sample a tissue.
        gene_ids: (genes,).
        tissues, populations: (samples,) names; "" = a person of no known population.
        levels: of the intervals.
        fewest: people without whom there is no interval, beside those that make it finite (:func:`fewest_people`).

    Returns:
        gene_id, tissue, population (``all``: everybody), n (people with a residual) and of each level its half-width,
        NaN where there are too few. All people together have a row wherever anybody has a residual, a population only
        where it has an interval.
    """
    import pandas as pd

    frames = []
    for tissue in dict.fromkeys(tissues.tolist()):
        here = tissues == tissue
        names = [WHOLE, *sorted({name for name in populations[here].tolist() if name})]
        for name in names:
            chosen = residuals[:, here if name == WHOLE else here & (populations == name)]
            n = (~np.isnan(chosen)).sum(axis=1)
            widths = {half_width_column(level): half_widths(chosen, level) for level in levels}
            frame = pd.DataFrame({"gene_id": gene_ids, "tissue": tissue, "population": name, "n": n, **widths})
            columns = list(widths)
            frame.loc[n < fewest, columns] = np.nan
            frames.append(frame[n > 0] if name == WHOLE else frame[frame[columns].notna().any(axis=1)])
    found = pd.concat(frames, ignore_index=True)
    return found.sort_values(KEYS, kind="stable", ignore_index=True)


def with_intervals(
    table: "pd.DataFrame",
    keys: "pd.DataFrame",
    outside: np.ndarray,
    known: "pd.DataFrame",
    level: float,
    column: str,
) -> "pd.DataFrame":
    """Predictions with their intervals.

    Args:
        table: predictions, a row a person, gene and tissue, with ``column``.
        keys: of each row gene_id, tissue and population as ``known`` has them; a population "" is not known.
        outside: of each row, whether the person is outside of the calibration's range; None = not known.
        known: of :func:`calibrated`.
        level: one of its.
        column: of the predictions.

    Returns:
        The table with ``COLUMN_low`` and ``COLUMN_high`` (float32, rounded outwards), ``interval_population`` (whose
        half-width it is: the person's, or ``all`` where that has none), ``interval_reason`` (why there is no interval:
        ``no_prediction``, ``not_calibrated`` of a gene and tissue that nobody of the calibration has, ``few_people``;
        NA where there is one) and ``outside_calibration``.
    """
    import pandas as pd

    width = half_width_column(level)
    lookup = known.set_index(KEYS)[width]
    own = lookup.reindex(pd.MultiIndex.from_frame(keys[KEYS])).to_numpy()
    of_whole = pd.MultiIndex.from_frame(keys[KEYS].assign(population=WHOLE))
    whole = lookup.reindex(of_whole).to_numpy()
    is_own = ~np.isnan(own)
    half = np.where(is_own, own, whole)
    value = table[column].to_numpy(dtype=np.float64)
    reason = np.where(of_whole.isin(lookup.index), FEW_PEOPLE, NOT_CALIBRATED).astype(object)
    reason[~np.isnan(half)] = None
    reason[np.isnan(value)] = NO_PREDICTION
    population = np.where(is_own, keys["population"].to_numpy(dtype=object), WHOLE)
    population[[each is not None for each in reason]] = None
    return table.assign(
        **{f"{column}_low": _outwards(value - half, -np.inf), f"{column}_high": _outwards(value + half, np.inf)},
        interval_population=pd.array(population, dtype="string"),
        interval_reason=pd.array(reason, dtype="string"),
        outside_calibration=pd.array(outside, dtype="boolean"),
    )


def _outwards(ends: np.ndarray, towards: float) -> np.ndarray:
    """Ends of intervals as float32: a value on an end, as all are of a gene that does not vary, stays inside."""
    return np.nextafter(ends.astype(np.float32), np.float32(towards))


@dataclass(frozen=True, slots=True)
class ComponentRange:
    """Where a population's people lie among principal components.

    Attributes:
        n: people that it was made of.
        mean, sd: (components,) of their coordinates.
    """

    n: int
    mean: tuple[float, ...]
    sd: tuple[float, ...]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def component_ranges(coordinates: np.ndarray, populations: np.ndarray) -> dict[str, ComponentRange]:
    """The range of each population of at least ten people; where no population has as many, that of all together.

    Args:
        coordinates: (people, components).
        populations: (people,) names; "" = not known.

    Returns:
        Population (or ``all``) -> its range; nothing where there are fewer than ten people.
    """
    groups = {name: populations == name for name in sorted(set(populations.tolist()) - {""})}
    groups = {name: chosen for name, chosen in groups.items() if chosen.sum() >= LEAST_IN_RANGE}
    if not groups and len(coordinates) >= LEAST_IN_RANGE:
        groups = {WHOLE: np.ones(len(coordinates), dtype=bool)}
    found = {}
    for name, chosen in groups.items():
        values = coordinates[chosen].astype(np.float64)
        mean, sd = values.mean(axis=0), values.std(axis=0, ddof=1)
        found[name] = ComponentRange(len(values), tuple(mean.tolist()), tuple(sd.tolist()))
    return found


def is_outside(coordinates: np.ndarray, ranges: Mapping[str, ComponentRange]) -> np.ndarray:
    """Whether people lie outside of all ranges.

    A person is in a range where no component is further from its mean than t x sd x sqrt(1 + 1/n), t being Student's
    quantile at 1 - 0.01 / (2 x components) with n - 1 degrees of freedom: of new people of that population at most one
    in a hundred lies outside of it, were each component normal.

    Args:
        coordinates: (people, components).
        ranges: at least one.

    Returns:
        (people,) bool.
    """
    from scipy import stats

    inside = np.zeros(len(coordinates), dtype=bool)
    for each in ranges.values():
        mean, sd = np.asarray(each.mean), np.asarray(each.sd)
        t = stats.t.ppf(1 - SHARE_OUTSIDE / (2 * len(mean)), each.n - 1)
        inside |= (np.abs(coordinates - mean) <= t * sd * np.sqrt(1 + 1 / each.n)).all(axis=1)
    return ~inside
