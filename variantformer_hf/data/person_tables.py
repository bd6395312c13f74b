"""Tables of one person, read for a report: predictions, scored variants, what forests say."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError, SampleError
from ..genome.sample_names import chosen_samples, shown_samples
from ..genome.table_files import kind_of_file, read_parquet
from ..zoo.statuses import OK
from .expression_sources.text_tables import numbers, read_text_table
from .prediction_tables import coded, open_predictions
from .repeated_rows import check_once

if TYPE_CHECKING:
    import pandas as pd

_FURTHER = ("gene_name", "reason")
EFFECT_COLUMNS = ("chrom", "pos", "ref", "alt", "gene_id", "gene_name", "tissue", "effect", "status", "flags")
RISK_COLUMNS = ("sample", "gene_id", "gene_name", "tissue", "probability", "base_rate", "status", "flags")


@dataclass(frozen=True)
class PersonRows:
    """One person's predictions, a row a gene and tissue.

    Attributes:
        sample: the person.
        unit: of the values, as models name it, or ``tpm``.
        table: gene_id, gene_name (the id where there is none), tissue, status and reason (text, "" where there is
            none), value (float32; NaN where there is none).
    """

    sample: str
    unit: str
    table: "pd.DataFrame"


def read_person(
    path: str | Path, sample: str | None = None, *, value: str | None = None, unit: str | None = None
) -> PersonRows:
    """One person's rows of a table of ``predict``, of the released program, or of another.

    Args:
        path, value, unit: as of ``open_predictions``.
        sample: the person; None = the only one.

    Raises:
        SampleError: it holds several people and none is named, or not the one that is.
        InputError: it is no such table, holds no row, or a gene and tissue twice.
    """
    import pandas as pd

    tables = open_predictions(path, value=value, unit=unit, also=_FURTHER)
    units = {table.unit for table in tables}
    seen: dict[str, None] = {}
    pieces: list[pd.DataFrame] = []
    for table in tables:
        for batch in table.batches():
            people, of_row = coded(batch["sample"])
            seen |= dict.fromkeys(people[code] for code in np.unique(of_row))
            wanted = sample if sample is not None else next(iter(seen), None)
            if wanted in people:
                pieces.append(_piece(batch, of_row == people.index(wanted)))
    if not seen:
        raise InputError("holds no row", file=path, remedy="Give what `variantformer predict` wrote.")
    person = one_person(path, list(seen), sample)
    found = pd.concat(pieces, ignore_index=True)
    check_once(found, ["gene_id", "tissue"], path, "Give each gene and tissue once.")
    return PersonRows(person, units.pop(), found)


def one_person(path: str | Path, people: Sequence[str], asked: str | None) -> str:
    """The person who is meant of those in a table: who is named, else the only one.

    Raises:
        SampleError: there are several and none is named, or not the one that is.
    """
    if asked is None and len(people) > 1:
        raise SampleError(
            f"holds {len(people):,} people: {shown_samples(people)}", file=path, remedy="Name one with --sample."
        )
    return chosen_samples(path, people, people if asked is None else [asked])[0]


def read_effects(path: str | Path) -> "pd.DataFrame":
    """Scored variants, as ``effects`` writes them: its columns, effect and noise_floor as numbers, texts without NA.

    Raises:
        InputError: a column is missing, an effect is no number, or it holds no row.
    """
    return _read(Path(path), EFFECT_COLUMNS, ("effect", "noise_floor", "quantile"), "effects")


def read_risk(path: str | Path, sample: str) -> "pd.DataFrame":
    """What forests say of a person, as ``risk predict`` writes it.

    Raises:
        SampleError: the person is not in it.
        InputError: a column is missing, a probability is no number, or it holds no row.
    """
    found = _read(
        Path(path), RISK_COLUMNS, ("probability", "base_rate", "log_odds_over_base", "cv_auroc"), "risk predict"
    )
    people = [str(name) for name in found["sample"].unique()]
    person = one_person(path, people, sample)
    return found[found["sample"] == person].reset_index(drop=True)


def _read(path: Path, columns: Sequence[str], of_numbers: Sequence[str], command: str) -> "pd.DataFrame":
    is_parquet = kind_of_file(path) == "parquet"
    table = read_parquet(path, columns).to_pandas() if is_parquet else read_text_table(path, columns)
    if not len(table):
        raise InputError("holds no row", file=path, remedy=f"Give what `variantformer {command}` wrote.")
    for name in table.columns:
        if name in of_numbers:
            table[name] = numbers(table[name], path, name)
        elif name in columns:
            texts = table[name].astype(object)
            table[name] = texts.where(texts.notna() & (texts != "NA"), "").map(str)
    return table


def _piece(batch: dict[str, Any], of_person: np.ndarray) -> "pd.DataFrame":
    """The rows of a person in a batch of predictions."""
    import pandas as pd

    values = batch["value"].to_numpy(zero_copy_only=False)[of_person]

    def texts(role: str) -> np.ndarray:
        if role not in batch:
            return np.full(len(values), "", dtype=object)
        names, code = coded(batch[role])
        return np.array(names, dtype=object)[code[of_person]]

    gene_ids, gene_names, statuses = texts("gene_id"), texts("gene_name"), texts("status")
    return pd.DataFrame(
        {
            "gene_id": gene_ids,
            "gene_name": np.where(gene_names == "", gene_ids, gene_names),
            "tissue": texts("tissue"),
            # The released program has no status: what it gives a number is predicted.
            "status": np.where((statuses == "") & np.isfinite(values), OK, statuses),
            "reason": texts("reason"),
            "value": values,
        }
    )
