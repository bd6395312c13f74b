"""Tables of predictability: made of fitted folders and evaluations, and read for predictions."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError
from ..folder import FITS_FILE
from ..genome.genes import stable_id
from ..genome.table_files import read_parquet
from ..zoo.model_files import model_identity
from ..zoo.outputs import TissueNames
from .interval_tables import check_same_model
from .repeated_rows import check_once

if TYPE_CHECKING:
    import pandas as pd

_FITS = ("gene_id", "tissue", "n_people", "pred_perf_r2", "pred_perf_pval")
# Of what ``linearize`` writes, whose r is of weights and their model, and of no measured expression.
_OF_A_MODEL = "deep_sd"
_KNOWN = ("gene_id", "tissue", "population", "n", "h2", "ceiling")
# Of a folder of `evaluate predictions`: what tells it, and the table that is read.
_EVALUATION, _PER_GENE = "evaluate.json", "per_gene.parquet"
_OTHER_MODEL = "Make the table of this model: `variantformer predictability`; or predict with that one."
_EVALUATED = ("model", "cohort", "tissue", "gene_part", "gene_id", "n", "pearson_mean")


def read_fits(folders: Mapping[str, Path]) -> "dict[str, pd.DataFrame]":
    """Name of a model -> what is known of its r over people in each gene and tissue.

    Args:
        folders: name -> a folder that ``fit`` or ``baseline fit elastic-net`` has written, which says it itself; or one
            of ``evaluate predictions``, where the model has this name, of any model.

    Returns:
        gene_id (stable), tissue, n_people; of a fit pred_perf_r2 and pred_perf_pval, of an evaluation pearson_mean.

    Raises:
        InputError: it has no table of fits, or without cross-validation, or of weights that were not fitted to measured
            expression; an evaluation lacks the model, or has a gene and tissue in several cohorts.
    """
    return {
        name: _of_evaluation(name, folder) if (folder / _EVALUATION).is_file() else _of_fit(folder)
        for name, folder in folders.items()
    }


def _of_fit(folder: Path) -> "pd.DataFrame":
    try:
        table = read_parquet(folder / FITS_FILE, _FITS).to_pandas()
    except InputError as error:
        raise InputError(
            error.problem,
            file=error.file,
            remedy="Give a folder of `variantformer fit` (with --outer-folds), of `baseline fit elastic-net`, or of "
            "`evaluate predictions`.",
        ) from error
    if _OF_A_MODEL in table:
        raise InputError(
            "its R2 is against the model that the weights follow, and says nothing of measured expression",
            file=folder / FITS_FILE,
            remedy="Predict people with it, and give the folder that `evaluate predictions` makes of that.",
        )
    return table.assign(gene_id=table["gene_id"].map(stable_id))


def _of_evaluation(name: str, folder: Path) -> "pd.DataFrame":
    table = read_parquet(folder / _PER_GENE, _EVALUATED).to_pandas()
    models = table["model"].unique()
    if name not in models:
        raise InputError(
            f"has no model {name!r}: it has {', '.join(map(repr, models))}",
            file=folder,
            remedy="Call the model in --model as the evaluation does.",
        )
    table = table[table["model"] == name]
    twice = table[table.duplicated(["gene_id", "tissue"])]
    if len(twice):
        raise InputError(
            "is there of several cohorts, or parts of genes",
            file=folder / _PER_GENE,
            record=f"{twice['gene_id'].iloc[0]}, {twice['tissue'].iloc[0]}",
            remedy="Evaluate one cohort by itself.",
        )
    return table.rename(columns={"n": "n_people"})[["gene_id", "tissue", "n_people", "pearson_mean"]]


def models_of(folders: Mapping[str, Path]) -> dict[str, dict[str, str] | None]:
    """Name of a model -> name and sha256 of the one that the numbers are of; None = not known.

    Args:
        folders: as of :func:`read_fits`: a fitted folder is the model, an evaluation says which made its predictions.

    Raises:
        InputError: a fitted folder has no weights, an evaluation is damaged.
    """
    return {
        name: _evaluated(name, folder / _EVALUATION)
        if (folder / _EVALUATION).is_file()
        else asdict(model_identity(folder))
        for name, folder in folders.items()
    }


def _evaluated(name: str, path: Path) -> dict[str, str] | None:
    try:
        return json.loads(path.read_text()).get("made_by", {}).get(name)
    except ValueError as error:
        raise InputError("is damaged", file=path, remedy="Evaluate the predictions again.") from error


@dataclass(frozen=True)
class Predictability:
    """What ``variantformer predictability`` wrote.

    Attributes:
        path: the file.
        table: see ``evaluation.predictability``.
        models: population -> name of a model there -> name and sha256 of the one that the numbers are of; None = not
            known.
    """

    path: Path
    table: "pd.DataFrame"
    models: dict[str, dict[str, dict[str, str] | None]]

    @classmethod
    def read(cls, path: Path) -> "Predictability":
        """Read one.

        Raises:
            InputError: it is none, or has a gene, tissue and population twice.
        """
        arrow = read_parquet(path, _KNOWN)
        table = arrow.to_pandas()
        check_once(table, _KNOWN[:3], path, "Make it anew.")
        said = json.loads((arrow.schema.metadata or {}).get(b"variantformer", b"{}")).get("models", {})
        named = {name.removeprefix("r_"): None for name in map(str, table) if name.startswith("r_")}
        return cls(path, table, {each: said.get(each, named) for each in table["population"].unique()})

    def of_population(self, asked: str | None) -> "Predictability":
        """The rows of one population.

        Args:
            asked: its name; None = the only one.

        Raises:
            InputError: there is none of this name, or there are several and none is named.
        """
        chosen = _only(list(self.models), asked, self.path, "--population", "population")
        return replace(self, table=self.table[self.table["population"] == chosen], models={chosen: self.models[chosen]})

    def model_of(self, predicts: Mapping[str, str], asked: str | None) -> tuple[str, bool]:
        """Of one population's: the name here of the model that predicts, and whether it is known to be that one.

        Args:
            predicts: name and sha256 of the model that predicts.
            asked: a name; None = of the model that predicts, else the only one.

        Raises:
            InputError: the numbers are of other models; there is none of this name, or there are several and none is
                named.
        """
        (models,) = self.models.values()
        known = {name: model for name, model in models.items() if asked in (None, name)}
        own = [name for name, model in known.items() if model and model["sha256"] == predicts["sha256"]]
        others = [model for model in known.values() if model]
        if others and len(others) == len(known):
            check_same_model(others, predicts, self.path, "the predictions are", _OTHER_MODEL)
        chosen = _only(own or list(models), asked, self.path, "--trust-model", "model")
        return chosen, chosen in own


def of_tissues(table: "pd.DataFrame", names: TissueNames, path: Path) -> "pd.DataFrame":
    """The rows of a model's tissues, by their names there.

    Args:
        table: with a column tissue, by any name.
        names: of the model.
        path: the table came from.

    Raises:
        InputError: the table has one tissue under two names.
    """
    own = names.own_names(table["tissue"].unique())
    first: dict[str, str] = {}
    for given, name in own.items():
        if first.setdefault(name, given) != given:
            raise InputError(
                f"has one tissue under the names {first[name]} and {given}",
                file=path,
                remedy="Make it of expression that calls it by one name.",
            )
    return table[table["tissue"].isin(list(own))].assign(tissue=lambda rows: rows["tissue"].map(own))


def _only(names: list[str], asked: str | None, path: Path, option: str, what: str) -> str:
    if asked in names or (asked is None and len(names) == 1):
        return asked if asked is not None else names[0]
    shown = ", ".join(map(repr, names)) or "none"
    problem = (
        f"has no {what} {asked!r}: it has {shown}" if asked is not None else f"has several, or no, {what}s: {shown}"
    )
    raise InputError(problem, file=path, remedy=f"Name one: {option}.")
