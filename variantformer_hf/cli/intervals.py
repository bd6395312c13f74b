"""``predict --intervals``: calibrated intervals beside each prediction."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ..errors import InputError
from .calibrate import check_level

if TYPE_CHECKING:
    from ..data.interval_tables import Calibration, People
    from ..inference import ExpressionPredictor, PredictionResult


@dataclass(frozen=True)
class Intervals:
    """What is asked of a calibration.

    Attributes:
        calibration: see there.
        level: one of its.
        people: populations and coordinates; None = nothing is known of anybody.
        ancestry: the file of them.
    """

    calibration: "Calibration"
    level: float
    people: "People | None"
    ancestry: Path | None

    @classmethod
    def read(cls, path: Path, level: float, ancestry: Path | None) -> "Intervals":
        """Read the calibration, and what is known of the people.

        Raises:
            InputError: a file is none of its kind, the calibration was not made for this level, or coordinates are
                among other components than its.
        """
        check_level(level)

        from ..data.interval_tables import Calibration, People
        from ..data.measured import read_people

        calibration = Calibration.read(path)
        calibration.check_level(level)
        if ancestry is None:
            return cls(calibration, level, None, None)
        people = People.of_table(read_people(ancestry), ancestry)
        calibration.check_components(people, ancestry)
        return cls(calibration, level, people, ancestry)

    def check(self, predictor: "ExpressionPredictor", mode: str) -> None:
        """Refuse a model that the calibration was not made for.

        Args:
            predictor: the model.
            mode: of the genotypes.

        Raises:
            InputError: see ``Calibration.check_made_for``.
        """
        from dataclasses import asdict

        self.calibration.check_made_for(asdict(predictor.model.identity), mode, predictor.model.unit.name)

    def beside(self, result: "PredictionResult", predictor: "ExpressionPredictor") -> "PredictionResult":
        """Predictions with their intervals; how many have one, and of whom, is said and in the report.

        Raises:
            InputError: nobody who is predicted is in the table of people; two tissues of the calibration are one of the
                model's.
        """
        import numpy as np
        import pandas as pd

        from ..data.predictability_table import of_tissues
        from ..evaluation.conformal import ComponentRange, is_outside, with_intervals
        from ..genome.genes import stable_id

        table, described = result.table, self.calibration.described
        names = table["sample"].drop_duplicates()
        populations: dict[str, str] = {}  # by the names of the predictions, as all below
        outside: dict[str, bool | None] = {}
        if self.people is not None:
            known = self.people.table
            called = (
                known["sample"].where(known["sample"] != "", known["donor"]) if "sample" in known else known["donor"]
            )
            of_people = self.people.populations(described["population_column"])
            populations = dict(zip(called, of_people, strict=True))
            if not names.isin(called).any():
                raise InputError(
                    f"has nobody who is predicted: it has {called.iloc[0]}, and the predictions {names.iloc[0]}",
                    file=self.ancestry,
                    remedy="Give them the same names in the column donor, or sample.",
                )
            if described["ranges"] and self.people.components:
                ranges = {name: ComponentRange(**each) for name, each in described["ranges"].items()}
                there = ~np.isnan(self.people.coordinates).any(axis=1)
                is_out = is_outside(self.people.coordinates[there], ranges)
                outside = dict(zip(called[there], is_out.tolist(), strict=True))
        keys = pd.DataFrame(
            {
                "gene_id": table["gene_id"].map(stable_id),
                "tissue": table["tissue"],
                "population": table["sample"].map(lambda name: populations.get(name, "")),
            }
        )
        flags = table["sample"].map(outside.get).to_numpy(dtype=object)
        column = predictor.model.unit.column
        own = of_tissues(self.calibration.table, predictor.tissue_names, self.calibration.path)
        table = with_intervals(table, keys, flags, own, self.level, column)
        n_of = {str(name): int(n) for name, n in table["interval_population"].value_counts().items()}
        without = {str(name): int(n) for name, n in table["interval_reason"].value_counts().items()}
        people = {
            "outside_calibration": sum(outside.get(name) is True for name in names),
            "inside_calibration": sum(outside.get(name) is False for name in names),
            "not_known": sum(outside.get(name) is None for name in names),
        }
        told = [f"{n:,} of {name}" for name, n in n_of.items()] + [f"{n:,} {name}" for name, n in without.items()]
        typer.echo(f"intervals at {self.level:g}: {', '.join(told)}", err=True)
        typer.echo(f"people: {', '.join(f'{n:,} {name}' for name, n in people.items())}", err=True)
        said = {"level": self.level, "donors": described["donors"], "of": n_of, "without": without, "people": people}
        return replace(result, table=table, report={**result.report, "intervals": said})
