"""What a model's numbers are: one place that says how a column is called and what may be computed of it."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Unit:
    """The unit of a model's predictions.

    Attributes:
        name: as in the model's config, ``unit`` of every report and table's metadata.
        description: for people.
        label: as axes of plots have it.
        column: of the predictions in tables; with ``_ref``, ``_alt``, ``_observed``, ``_edited`` or ``_without`` behind
            it those of a pair.
        is_log1p_tpm: whether TPM, fold changes of TPM and the released score can be had of it.
    """

    name: str
    description: str
    label: str
    column: str = "expression"
    is_log1p_tpm: bool = False

    def columns(self) -> dict[str, str]:
        """Column -> what it holds, for reports."""
        tpm = {"tpm": "transcripts per million"} if self.is_log1p_tpm else {}
        return {self.column: self.description, **tpm}

    def is_finite(self, values: np.ndarray) -> bool:
        """Whether all values, and the TPM that they stand for, are numbers."""
        with np.errstate(over="ignore"):
            return bool(np.isfinite(np.expm1(values) if self.is_log1p_tpm else values).all())


LOG1P_TPM = Unit(
    "log1p_tpm",
    "ln(1 + TPM); for the tissue 'blood' on the scale of a microarray",
    "log1p TPM",
    column="log1p_tpm",
    is_log1p_tpm=True,
)
_UNITS = {
    LOG1P_TPM.name: LOG1P_TPM,
    "inverse_normal": Unit(
        "inverse_normal", "expression, inverse-normal transformed over the training donors", "inverse-normal expression"
    ),
    "track": Unit(
        "track", "sum of a track's values over the bins that are read out", "sum of the track", column="track"
    ),
    "log10_cage": Unit("log10_cage", "log10(1 + CAGE counts)", "log10(1 + CAGE)"),
}
# What the column of predictions is called, whatever the unit.
VALUE_COLUMNS = tuple(dict.fromkeys([*(each.column for each in _UNITS.values()), "expression"]))


def unit_named(name: str) -> Unit:
    """The unit of a name; one that is not known here has a column ``expression`` and no more is computed of it."""
    return _UNITS.get(name) or Unit(name, name, name)
