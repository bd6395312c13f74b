"""What was measured beside what models predict of it, on the values that all of them have."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from .correlations import Correlations, mean_interval, row_correlations

if TYPE_CHECKING:
    import pandas as pd

CODING, NON_CODING, UNKNOWN = "protein-coding", "non-coding", "unknown"
_CODING_TYPE = "protein_coding"


@dataclass(frozen=True)
class PairedExpression:
    """Measured and predicted expression of the same genes and samples.

    Attributes:
        observed: (genes, samples), NaN where nothing was measured.
        predicted: model -> (genes, samples), NaN where nothing was predicted; NaN as well where another model has none,
            once :meth:`of_all` made it.
        genes: gene_id, gene_name, gene_type, chromosome and gene_part of each row; "" = not known.
        samples: cohort, donor, tissue, is_cell_line, fold, donor_part of each column, and what to group by, such as
            super_population.
        gene_folds: cohort -> (genes,) the fold that holds a gene out, -1 = none; of cohorts that are split by
            chromosomes.
        fold_parts: (genes, folds) the part of each gene in each fold, "" = none, where folds hold out different genes:
            then a sample has a column in each of them.
    """

    observed: np.ndarray
    predicted: Mapping[str, np.ndarray]
    genes: "pd.DataFrame"
    samples: "pd.DataFrame"
    gene_folds: Mapping[str, np.ndarray] = field(default_factory=dict)
    fold_parts: np.ndarray | None = None
    _done: dict[bytes, dict[str, Correlations]] = field(default_factory=dict, repr=False)

    @classmethod
    def of_all(
        cls,
        observed: np.ndarray,
        predicted: Mapping[str, np.ndarray],
        genes: "pd.DataFrame",
        samples: "pd.DataFrame",
        gene_folds: Mapping[str, np.ndarray],
        fold_parts: np.ndarray | None = None,
    ) -> tuple["PairedExpression", dict[str, dict[str, int]]]:
        """Models on the values that all of them have, and of each how many others are in no table, and why.

        The predictions are changed: where one model has none, none has.
        """
        there = ~np.isnan(observed)
        n_measured = int(there.sum())
        n_predicted = {name: int((~np.isnan(values)).sum()) for name, values in predicted.items()}
        own = {name: int((there & ~np.isnan(values)).sum()) for name, values in predicted.items()}
        for values in predicted.values():
            there &= ~np.isnan(values)
        n = int(there.sum())
        for values in predicted.values():
            values[~there] = np.nan
        without = {
            name: {
                "predicted, and not measured": n_predicted[name] - count,
                "measured, and not predicted": n_measured - count,
                "another model has none": count - n,
            }
            for name, count in own.items()
        }
        return cls(observed, predicted, genes, samples, gene_folds, fold_parts), without

    def gene_parts(self, fold: int) -> np.ndarray:
        """(genes,) the part of each gene in a fold, "" = none; -1 = there are no folds."""
        if self.fold_parts is None or fold < 0:
            return self.genes["gene_part"].to_numpy()
        return self.fold_parts[:, fold]

    def each_once(self) -> "PairedExpression":
        """A column a sample: of folds that hold out different genes each value is that of the fold that tests it.

        Validation donors are in no column; of other folds nothing changes.
        """
        if self.fold_parts is None:
            return self
        columns = self.columns()
        samples = self.samples.iloc[columns]
        number = samples.groupby(["cohort", "donor", "tissue"], sort=False).ngroup().to_numpy()
        once = np.unique(number, return_index=True)[1]
        merged = [
            np.full((len(self.genes), len(once)), np.nan, dtype=np.float32) for _ in range(1 + len(self.predicted))
        ]
        for fold in sorted(set(samples["fold"])):
            here = (samples["fold"] == fold).to_numpy()
            rows = np.flatnonzero(self.gene_parts(fold) == "test") if fold >= 0 else np.arange(len(self.genes))
            for values, of_fold in zip(merged, (self.observed, *self.predicted.values()), strict=True):
                values[np.ix_(rows, number[here])] = of_fold[np.ix_(rows, columns[here])]
        return PairedExpression(
            merged[0],
            dict(zip(self.predicted, merged[1:], strict=True)),
            self.genes,
            samples.iloc[once].reset_index(drop=True).assign(fold=-1),
        )

    @cached_property
    def gene_class(self) -> np.ndarray:
        """(genes,) protein-coding, non-coding or unknown."""
        types = self.genes["gene_type"].to_numpy(dtype=object)
        return np.array([CODING if each == _CODING_TYPE else NON_CODING if each else UNKNOWN for each in types])

    def classes(self) -> list[str]:
        """The classes of genes that are there."""
        return [each for each in (CODING, NON_CODING, UNKNOWN) if (self.gene_class == each).any()]

    def columns(self, *, donor_part: str | None = None) -> np.ndarray:
        """Places of the samples that models are tested on, or of another part."""
        parts = self.samples["donor_part"].to_numpy()
        return np.flatnonzero(parts != "validation" if donor_part is None else parts == donor_part)

    def groups(self, *names: str, columns: np.ndarray) -> Iterator[tuple[tuple[str, ...], np.ndarray]]:
        """Samples by the values of columns of ``samples``, in their order; those without a value are in no group."""
        frame = self.samples.iloc[columns].reset_index(drop=True)
        known = frame[(frame[list(names)].notna() & (frame[list(names)] != "")).all(axis=1)]
        for key, rows in known.groupby(list(names), sort=True).indices.items():
            found = key if isinstance(key, tuple) else (key,)
            yield found, columns[known.index.to_numpy()[rows]]

    def over_samples(self, columns: np.ndarray) -> dict[str, Correlations]:
        """Model -> correlations of each gene over some samples; of the same samples they are computed once."""
        key = np.asarray(columns, dtype=np.int64).tobytes()
        if key not in self._done:
            observed = self.observed[:, columns]
            self._done[key] = {
                name: row_correlations(observed, values[:, columns]) for name, values in self.predicted.items()
            }
        return self._done[key]

    def over_genes(self, rows: np.ndarray, columns: np.ndarray) -> dict[str, Correlations]:
        """Model -> correlations of each of some samples over some genes."""
        chosen = np.ix_(rows, columns)
        observed = self.observed[chosen].T
        return {name: row_correlations(observed, values[chosen].T) for name, values in self.predicted.items()}

    def genes_only(self, rows: np.ndarray) -> "PairedExpression":
        """Some of the genes, of all samples."""
        return PairedExpression(
            self.observed[rows],
            {name: values[rows] for name, values in self.predicted.items()},
            self.genes.iloc[rows].reset_index(drop=True),
            self.samples,
        )

    def n_donors(self, columns: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """(genes,) donors of whom some genes are compared, among some samples."""
        number = self.samples.iloc[columns].groupby(["cohort", "donor"], sort=False).ngroup().to_numpy()
        order = np.argsort(number, kind="stable")
        chosen = np.ix_(rows, columns[order])
        there = ~np.isnan(self.observed[chosen])
        for values in self.predicted.values():
            there &= ~np.isnan(values[chosen])
        first = np.flatnonzero(np.diff(number[order], prepend=-1))
        return np.logical_or.reduceat(there, first, axis=1).sum(axis=1)


def summary_row(values: np.ndarray, constant: np.ndarray) -> dict[str, float]:
    """Mean over rows with its normal 95 % interval, the median and how many; of constant predictions how many, and the
    mean with each of them as 0.

    Args:
        values: (R,) correlations, NaN where there is none.
        constant: (R,) whether a row's NaN is that of a constant prediction.
    """
    known = values[~np.isnan(values)]
    mean, low, high = mean_interval(values)
    n, n_constant = len(known), int(constant.sum())
    return {
        "mean": mean,
        "low": low,
        "high": high,
        "median": float(np.median(known)) if n else float("nan"),
        "n": n,
        "n_constant": n_constant,
        "mean_constant_as_zero": float(known.sum() / (n + n_constant)) if n + n_constant else float("nan"),
    }
