"""Measured expression as one matrix, from what ``harmonize`` wrote or from cohorts' own files."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError
from ..genome.genes import stable_id
from ..genome.table_files import read_parquet
from ..zoo.units import LOG1P_TPM
from .expression import Expression
from .expression_sources import ExpressionSource, read_gct, read_normalized, read_tidy
from .expression_sources.text_tables import read_text_table
from .repeated_rows import check_once

if TYPE_CHECKING:
    import pandas as pd

# What a table of people says where it does not know; a donor may be called so.
_UNKNOWN = ("NA", "NaN", "nan", "None")
_NAMES = ("cohort", "donor", "sample")
_TRUTH = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False, "": False}


@dataclass(frozen=True)
class Measured:
    """Measured expression of a cohort or several.

    Attributes:
        values: (genes, samples) float32, NaN where nothing was measured; TPM as log1p TPM.
        genes: stable ids.
        samples: cohort, donor, tissue, is_cell_line of each, and what :meth:`of_people` adds.
        scale: what the values are, as models name their unit.
        left_out: reason -> how many values, or samples as the reason says.
        files: that were read.
    """

    values: np.ndarray
    genes: tuple[str, ...]
    samples: "pd.DataFrame"
    scale: str
    left_out: Mapping[str, int]
    files: tuple[str, ...] = ()

    def chosen(self, columns: np.ndarray) -> "Measured":
        """Some of the samples, by their places."""
        return replace(self, values=self.values[:, columns], samples=self.samples.iloc[columns].reset_index(drop=True))

    def of_people(self, people: "pd.DataFrame", path: Path) -> "Measured":
        """The samples of the people of a list, with what it says of them.

        Args:
            people: as :func:`read_people` reads it.
            path: of the list, for messages.

        Raises:
            InputError: it has none of the donors.
        """
        keys = [name for name in ("cohort", "donor") if name in people]
        own = ["is_cell_line"] if "is_cell_line" in people else []
        merged = self.samples.drop(columns=own).merge(people.assign(_listed=True), on=keys, how="left")
        listed = merged.pop("_listed").notna().to_numpy()
        if not listed.any():
            raise InputError(
                f"has none of the {self.samples['donor'].nunique()} donors of the expression: it has "
                f"{_three(people['donor'])}, and the expression {_three(self.samples['donor'])}",
                file=path,
                remedy=f"Give them the same names in the column{'s' * (len(keys) - 1)} {' and '.join(keys)}.",
            )
        found = replace(self, samples=merged).chosen(np.flatnonzero(listed))
        left_out = {**self.left_out, "samples of donors that --samples lacks": int((~listed).sum())}
        return replace(found, samples=found.samples.astype({"is_cell_line": bool}), left_out=left_out)


def read_measured(
    paths: Sequence[str | Path],
    *,
    attributes: str | Path | None = None,
    cohort: str | None = None,
    unit: str | None = None,
) -> Measured:
    """Read measured expression of one scale.

    Args:
        paths: folders of :func:`~variantformer_hf.data.harmonize`; GCTs; BEDs of normalized expression; tidy tables.
        attributes: of a GCT, see :func:`~variantformer_hf.data.read_gct`.
        cohort: name of the cohort of files that are no such folder; None = as their readers name it.
        unit: of tidy tables whose values are no TPM.

    Raises:
        InputError: a file is damaged, of another scale than the first, or has a TPM under 0.
    """
    parts = [_read(Path(path), attributes, cohort, unit) for path in paths]
    for path, part in zip(paths, parts, strict=True):
        if part.scale != parts[0].scale:
            raise InputError(
                f"its values are {part.scale}, and those of {paths[0]} are {parts[0].scale}",
                file=path,
                remedy="Evaluate each scale by itself.",
            )
    return replace(parts[0] if len(parts) == 1 else _together(parts), files=tuple(map(str, paths)))


def read_people(path: str | Path) -> "pd.DataFrame":
    """A list of people: donor, maybe cohort, super_population, is_cell_line, sample (their name in the predictions).

    A table with a column ``tissue``, such as ``samples.parquet`` of ``harmonize``, has a row a measured sample: what it
    says of its donors is taken, once each, and its ``sample`` is not the predictions' name. What is not known is "",
    as ``NA`` is, but in names.

    Raises:
        InputError: a column is missing, a person is there twice, a ``sample`` is two donors', or ``is_cell_line`` is
            neither true nor false.
    """
    path = Path(path)
    if path.name.endswith(".parquet"):
        table = read_parquet(path, ("donor",)).to_pandas().astype(object)
        table = table.where(table.notna(), "").astype(str)
    else:
        table = read_text_table(path, ("donor",))
    told = [name for name in table if name not in _NAMES]
    table[told] = table[told].where(~table[told].isin(_UNKNOWN), "")
    if "tissue" in table:
        keys = [name for name in ("cohort", "donor") if name in table]
        table = table.drop(columns=[name for name in ("sample", "tissue") if name in table])
        steady = [name for name in table if name in keys or (table.groupby(keys)[name].nunique() <= 1).all()]
        table = table[steady].drop_duplicates()
    keys = [name for name in ("cohort", "donor") if name in table]
    check_once(table, keys, path, "Give each person one row.")
    called = table.loc[table["sample"] != "", ["sample", "donor"]].drop_duplicates() if "sample" in table else table[:0]
    if len(called) and called.duplicated("sample").any():
        name = called.loc[called.duplicated("sample"), "sample"].iloc[0]
        raise InputError(
            f"is the sample of {_three(called.loc[called['sample'] == name, 'donor'])}",
            file=path,
            record=name,
            remedy="Give each person a name of their own in the predictions.",
        )
    if "is_cell_line" in table:
        truth = table["is_cell_line"].str.lower().map(_TRUTH)
        if truth.isna().any():
            bad = table.loc[truth.isna()].iloc[0]
            raise InputError(
                f"is_cell_line is {bad['is_cell_line']!r}", file=path, record=bad["donor"], remedy="Say true or false."
            )
        table = table.assign(is_cell_line=truth.astype(bool))
    return table.reset_index(drop=True)


def _read(path: Path, attributes: str | Path | None, cohort: str | None, unit: str | None) -> Measured:
    if path.is_dir():
        return _prepared(path)
    name = path.name.removesuffix(".gz")
    if name.endswith(".gct"):
        return _of_source(read_gct(path, attributes, cohort=cohort or "GTEx"))
    if name.endswith(".bed"):
        return _of_source(read_normalized(path, cohort=cohort or "GTEx"))
    return _of_source(read_tidy(path, cohort=cohort, scale=unit or LOG1P_TPM.name))


def _prepared(folder: Path) -> Measured:
    expression = Expression.load(folder)
    samples = expression.samples.to_pandas()[["cohort", "donor", "tissue", "is_cell_line"]]
    values = np.full((len(expression.genes), len(samples)), np.nan, dtype=np.float32)
    values[expression.gene, expression.sample] = expression.value
    there = np.flatnonzero(~np.isnan(values).all(axis=1))
    genes = tuple(stable_id(expression.genes[place]) for place in there)
    return Measured(values[there], genes, samples, expression.scale, {})


def _of_source(source: ExpressionSource) -> Measured:
    """A cohort's file; replicates are averaged on the scale that is compared, as ``harmonize`` does."""
    import pandas as pd

    rows: dict[str, np.ndarray] = {}
    left_out: Counter[str] = Counter({f"samples: {reason}": n for reason, n in source.left_out.items()})
    for gene, measured in source.values():
        if stable_id(gene) in rows:
            left_out["values of a gene that is there twice"] += int((~np.isnan(measured)).sum())
            continue
        if source.is_tpm and (measured < 0).any():
            raise InputError("has a TPM under 0", file=source.path, record=gene, remedy="Give TPM, not logarithms.")
        rows[stable_id(gene)] = np.log1p(measured) if source.is_tpm else measured
    samples = pd.DataFrame(
        {
            "cohort": source.cohort,
            "donor": [each.donor for each in source.samples],
            "tissue": [each.tissue for each in source.samples],
            "is_cell_line": source.is_cell_line,
        }
    )
    if not rows or not len(samples):
        raise InputError("has no value", file=source.path, remedy="Look at what its reader leaves out.")
    values = np.stack(list(rows.values())).astype(np.float32)
    of, first = np.unique(samples.groupby(["donor", "tissue"]).ngroup(), return_inverse=True)[1], None
    if of.max() + 1 < len(of):
        left_out["samples averaged with a replicate"] += len(of) - int(of.max()) - 1
        values = _averaged(values, of)
        first = np.unique(of, return_index=True)[1]
    samples = samples if first is None else samples.iloc[first].reset_index(drop=True)
    return Measured(values, tuple(rows), samples, source.scale, left_out)


def _averaged(values: np.ndarray, of: np.ndarray) -> np.ndarray:
    """Mean of the columns of each number, over those that have a value."""
    found = np.full((len(values), of.max() + 1), np.nan, dtype=np.float32)
    for number in range(found.shape[1]):
        columns = values[:, of == number]
        n = (~np.isnan(columns)).sum(axis=1)
        found[:, number] = np.where(n > 0, np.nansum(columns, axis=1) / np.maximum(n, 1), np.nan)
    return found


def _together(parts: Sequence[Measured]) -> Measured:
    """Several cohorts beside each other, with the genes of all.

    Raises:
        InputError: a donor's tissue is in two.
    """
    import pandas as pd

    genes = list(dict.fromkeys(gene for part in parts for gene in part.genes))
    place = {gene: row for row, gene in enumerate(genes)}
    samples = pd.concat([part.samples for part in parts], ignore_index=True)
    twice = samples.duplicated(["cohort", "donor", "tissue"])
    if twice.any():
        first = samples[twice].iloc[0]
        raise InputError(
            "is in two files of expression",
            record=f"{first['cohort']}, {first['donor']}, {first['tissue']}",
            remedy="Give each once.",
        )
    values = np.full((len(genes), len(samples)), np.nan, dtype=np.float32)
    begin, left_out = 0, Counter[str]()
    for part in parts:
        values[[place[gene] for gene in part.genes], begin : begin + len(part.samples)] = part.values
        begin += len(part.samples)
        left_out.update(part.left_out)
    return Measured(values, tuple(genes), samples, parts[0].scale, left_out)


def _three(names: "pd.Series[str]") -> str:
    return ", ".join(map(str, names.drop_duplicates().head(3)))
