"""Calibrations of intervals: made of held-out people's predictions, kept as a table, and read for predictions."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError
from ..genome.table_files import read_parquet
from ..zoo.statuses import NO_VARIANTS, WITH_NUMBER
from .evaluation_grid import evaluation_grid
from .expression_sources.text_tables import numbers
from .measured import Measured
from .overlap import check_overlap
from .prediction_tables import PredictionTable, read_predictions, said_beside
from .repeated_rows import check_once
from .splits import Split

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("gene_id", "tissue", "population", "n")
_COMPONENT = re.compile(r"pc\d+", re.IGNORECASE)
_MADE_BY = "Give what `variantformer calibrate` wrote."


@dataclass(frozen=True)
class People:
    """What a table says of people: their populations, and their places among principal components.

    Attributes:
        table: donor, maybe sample and others, see ``read_people``.
        components: names of the columns of coordinates, in their order; none = there are none.
        coordinates: (people, components), NaN where a person has none.
        components_id: which components these are, as the report of ``ancestry`` beside the table says; "" = unknown.
    """

    table: "pd.DataFrame"
    components: tuple[str, ...]
    coordinates: np.ndarray
    components_id: str

    @classmethod
    def of_table(cls, table: "pd.DataFrame", path: Path) -> "People":
        """Of a table of :func:`~variantformer_hf.data.measured.read_people`.

        Raises:
            InputError: a coordinate is no number.
        """
        names = sorted((str(name) for name in table if _COMPONENT.fullmatch(str(name))), key=lambda name: int(name[2:]))
        columns = [numbers(table[name], path, name) for name in names]
        coordinates = np.stack(columns, axis=1) if columns else np.zeros((len(table), 0))
        return cls(table, tuple(names), coordinates.astype(np.float64), str(said_beside(path).get("components", "")))

    def populations(self, column: str) -> np.ndarray:
        """(people,) names of populations, "" = not known; without such a column nobody's is."""
        if column not in self.table:
            return np.full(len(self.table), "", dtype=object)
        return self.table[column].to_numpy(dtype=object)


@dataclass(frozen=True)
class Residuals:
    """Measured less predicted values of people whom a model was not trained on.

    Attributes:
        values: (genes, samples) float32, NaN where there is none.
        genes: stable ids.
        donors, tissues: (samples,) names; a donor has one sample a tissue.
        unit: of the values.
        left_out: reason -> how many values, samples or rows of predictions, as the reason says.
    """

    values: np.ndarray
    genes: tuple[str, ...]
    donors: np.ndarray
    tissues: np.ndarray
    unit: str
    left_out: Mapping[str, int]


def residuals_of(
    tables: Sequence[PredictionTable],
    measured: Measured,
    people: "pd.DataFrame",
    split: Split | None,
    *,
    people_file: Path,
    split_file: Path | None = None,
) -> Residuals:
    """Residuals of people who are held out; cell lines and a donor's further samples of a tissue are left out.

    Args:
        tables: predictions of one model.
        measured: of the people of the list.
        people: donor, maybe sample, as ``read_people`` reads it.
        split: whose test donors are used, nobody else; None = all donors.
        people_file, split_file: for messages.

    Raises:
        InputError: the split tests none of the donors, the predictions are of those alone who were trained on; see
            ``read_predictions`` and ``check_overlap``.
    """
    splits = [] if split is None else [split]
    grid = evaluation_grid(measured, splits, split_file=split_file, with_validation=False)
    found = read_predictions([(None, each) for each in tables], grid, people, (*WITH_NUMBER, NO_VARIANTS))
    check_overlap({"the table of predictions": found}, grid, people_file)
    values = grid.observed - found.values
    samples = grid.samples
    is_line = samples["is_cell_line"].to_numpy(dtype=bool)
    is_further = samples[~is_line].duplicated(["donor", "tissue"]).reindex(samples.index, fill_value=False).to_numpy()
    left_out = {
        **grid.left_out,
        **{f"rows of predictions: {reason}": n for reason, n in found.left_out.items()},
        "samples of cell lines": int(is_line.sum()),
        "further samples of a donor in a tissue": int(is_further.sum()),
    }
    kept = np.flatnonzero(~is_line & ~is_further)
    return Residuals(
        values[:, kept],
        tuple(grid.genes["gene_id"]),
        samples["donor"].to_numpy(dtype=object)[kept],
        samples["tissue"].to_numpy(dtype=object)[kept],
        grid.scale,
        left_out,
    )


def one_model(tables: Sequence[PredictionTable]) -> dict[str, Any]:
    """The model that made all of the tables, and the mode in which it read genotypes.

    Returns:
        ``model`` (name and sha256) and ``mode``.

    Raises:
        InputError: a table does not say it, or another than the first.
    """
    found = []
    for table in tables:
        settings = table.made_with.get("settings")
        if table.model is None or not isinstance(settings, Mapping) or "mode" not in settings:
            raise InputError(
                "does not say which model made it",
                file=table.path,
                remedy="Give what `variantformer predict` wrote: Parquet, or a text with its .report.json beside it.",
            )
        found.append({"model": table.model, "mode": settings["mode"]})
        _check_same(found[-1], found[0], table.path, f"{tables[0].path} is")
    return found[0]


@dataclass(frozen=True)
class Calibration:
    """What ``variantformer calibrate`` wrote.

    Attributes:
        path: the file.
        table: gene_id (stable), tissue, population, n and a half-width a level, see ``evaluation.conformal``.
        described: model, mode, unit, levels, and where the people had coordinates components (their names),
            components_id and ranges (population -> n, mean, sd).
    """

    path: Path
    table: "pd.DataFrame"
    described: Mapping[str, Any]

    @classmethod
    def read(cls, path: Path) -> "Calibration":
        """Read one.

        Raises:
            InputError: it is none, or has a gene, tissue and population twice.
        """
        arrow = read_parquet(path, COLUMNS)
        try:
            described = json.loads((arrow.schema.metadata or {})[b"variantformer"])
            levels = [f"half_width_{level:g}" for level in described["levels"]]
            is_whole = all(name in described for name in ("model", "mode", "unit")) and set(levels) <= set(
                arrow.schema.names
            )
        except (KeyError, ValueError, TypeError):
            is_whole = False
        if not is_whole:
            raise InputError("is no calibration", file=path, remedy=_MADE_BY)
        table = arrow.to_pandas()
        check_once(table, COLUMNS[:3], path, _MADE_BY)
        return cls(path, table, described)

    def check_level(self, level: float) -> None:
        """Refuse a level that it was not made for.

        Raises:
            InputError: it names those that it has.
        """
        levels = self.described["levels"]
        if level not in levels:
            raise InputError(
                f"has no intervals at {level:g}: it has {', '.join(f'{each:g}' for each in levels)}",
                file=self.path,
                remedy="Ask for one of them, or calibrate with another --level.",
            )

    def check_made_for(self, model: Mapping[str, Any], mode: str, unit: str) -> None:
        """Refuse another model's predictions, those in another unit, or of genotypes read in another mode.

        Args:
            model: name and sha256.
            mode: of the genotypes.
            unit: of the predictions.

        Raises:
            InputError: it is of another.
        """
        if unit != self.described["unit"]:
            raise InputError(
                f"is of {self.described['unit']}, and the model predicts {unit}",
                file=self.path,
                remedy="Calibrate this model's own predictions.",
            )
        _check_same(
            {name: self.described[name] for name in ("model", "mode")},
            {"model": model, "mode": mode},
            self.path,
            "the predictions are",
        )

    def check_components(self, people: People, path: Path) -> None:
        """Refuse coordinates among other components than the calibration's.

        Raises:
            InputError: other columns, or those of another run of ``ancestry``.
        """
        own = tuple(self.described.get("components", ()))
        if not own or not people.components:
            return
        known, given = self.described.get("components_id", ""), people.components_id
        if own != people.components or known != given:
            problem = (
                f"has {len(people.components)} principal components, and {self.path} {len(own)}"
                if own != people.components
                else f"its principal components are {given or 'not named'}, those of {self.path} {known or 'not named'}"
            )
            raise InputError(
                problem,
                file=path,
                remedy="Place the people of the calibration and these in one run of `variantformer ancestry`.",
            )


def _check_same(one: Mapping[str, Any], other: Mapping[str, Any], path: Path, others: str) -> None:
    """Refuse what another model made, or the same in another mode.

    Raises:
        InputError: as said.
    """
    check_same_model([one["model"]], other["model"], path, others, "Calibrate and predict with one model.")
    if one["mode"] != other["mode"]:
        raise InputError(
            f"is of genotypes read as {one['mode']}, and {others} as {other['mode']}",
            file=path,
            remedy="Calibrate and predict with one --mode.",
        )


def check_same_model(
    known: Sequence[Mapping[str, str]], model: Mapping[str, str], path: Path, others: str, remedy: str
) -> None:
    """Refuse what is of other models.

    Args:
        known: name and sha256 of each model that it is of.
        model: name and sha256 of the one that it is asked for.
        path: it came from.
        others: what is of that model, and the verb.
        remedy: what to do.

    Raises:
        InputError: none of them has its sha256.
    """
    if model["sha256"] not in [each["sha256"] for each in known]:
        raise InputError(
            f"is of the model {', '.join(map(_named, known))}, and {others} of {_named(model)}",
            file=path,
            remedy=remedy,
        )


def _named(model: Mapping[str, Any]) -> str:
    return f"{model['name']} ({model['sha256'][:8]})"
