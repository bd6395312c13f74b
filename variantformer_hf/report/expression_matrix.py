"""One person's predictions as a matrix of genes x tissues, and what of a large one is shown."""

import difflib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..genome.genes import stable_id
from ..inference.query import RejectedName, RejectedQueryError
from ..zoo.units import unit_named

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class ExpressionMatrix:
    """One person's predictions.

    Attributes:
        sample: the person.
        genes: a row a gene, in the order of the table: gene_id, gene_name, label (the name, and the id behind it where
            several genes have the name).
        tissues: their names.
        values: (genes, tissues) float32, NaN where there is no number.
        statuses, reasons: (genes, tissues) text, "" where there is none.
        unit: as axes have it.
    """

    sample: str
    genes: "pd.DataFrame"
    tissues: tuple[str, ...]
    values: np.ndarray
    statuses: np.ndarray
    reasons: np.ndarray
    unit: str

    @classmethod
    def of_rows(cls, rows: "pd.DataFrame", sample: str, unit: str) -> "ExpressionMatrix":
        """The matrix of rows: gene_id, gene_name, tissue, value, status, reason; no gene and tissue twice.

        Args:
            rows: the table.
            sample: the person.
            unit: of the values, as models name it, or ``tpm``.
        """
        import pandas as pd

        gene, gene_ids = pd.factorize(rows["gene_id"])
        tissue, tissues = pd.factorize(rows["tissue"])
        shape = len(gene_ids), len(tissues)
        values = np.full(shape, np.nan, dtype=np.float32)
        read = rows["value"].to_numpy(dtype=np.float32)
        values[gene, tissue] = np.where(np.isfinite(read), read, np.nan)
        statuses, reasons = np.full(shape, "", dtype=object), np.full(shape, "", dtype=object)
        statuses[gene, tissue], reasons[gene, tissue] = rows["status"], rows["reason"]
        names = rows["gene_name"].to_numpy(dtype=object)[np.unique(gene, return_index=True)[1]]
        shared = {name for name, count in Counter(names).items() if count > 1}
        labels = [
            f"{name} ({gene_id})" if name in shared else name for name, gene_id in zip(names, gene_ids, strict=True)
        ]
        genes = pd.DataFrame({"gene_id": gene_ids, "gene_name": names, "label": labels})
        return cls(
            sample,
            genes,
            tuple(map(str, tissues)),
            values,
            statuses,
            reasons,
            "TPM" if unit == "tpm" else unit_named(unit).label,
        )

    def in_places_of(self, other: "ExpressionMatrix") -> np.ndarray:
        """(genes, tissues) values in the places of another matrix, by gene_id and tissue; NaN where it is not here."""
        found = np.full(other.values.shape, np.nan, dtype=np.float32)
        row = {gene: place for place, gene in enumerate(self.genes["gene_id"])}
        column = {tissue: place for place, tissue in enumerate(self.tissues)}
        rows = [(place, row[gene]) for place, gene in enumerate(other.genes["gene_id"]) if gene in row]
        columns = [(place, column[tissue]) for place, tissue in enumerate(other.tissues) if tissue in column]
        if rows and columns:
            (there, here), (across, along) = zip(*rows, strict=True), zip(*columns, strict=True)
            found[np.ix_(there, across)] = self.values[np.ix_(here, along)]
        return found

    def find_genes(self, names: Sequence[str]) -> list[int]:
        """Places of genes, by symbol or Ensembl id (version optional), each once.

        Raises:
            RejectedQueryError: a name that no gene has, or several.
        """
        known: dict[str, dict[int, None]] = {}
        for place, (gene_id, name) in enumerate(zip(self.genes["gene_id"], self.genes["gene_name"], strict=True)):
            for key in {gene_id.casefold(), stable_id(gene_id).casefold(), name.casefold()}:
                known.setdefault(key, {})[place] = None
        rejected, found = [], dict[int, None]()
        for name in names:
            places = list(known.get(name.casefold(), ()))
            if len(places) == 1:
                found[places[0]] = None
            elif places:
                ids = tuple(self.genes["gene_id"].iloc[places])
                rejected.append(RejectedName("gene", name, f"{len(places)} genes of the table have this name", ids))
            else:
                near = difflib.get_close_matches(name.casefold(), known, n=3)
                shown = tuple(str(self.genes["gene_name"].iloc[next(iter(known[key]))]) for key in near)
                rejected.append(RejectedName("gene", name, "no gene of the table has this name", shown))
        if rejected:
            raise RejectedQueryError(rejected, "The page shows genes of the table.")
        return list(found)

    def endings(self) -> "Counter[str]":
        """Status -> genes and tissues."""
        return Counter(each for each in self.statuses.ravel() if each)


def most_different(values: np.ndarray, n: int, *, are_differences: bool) -> np.ndarray:
    """Places of the rows that differ most, the most different first; rows without a number last.

    Args:
        values: (genes, tissues), NaN where there is no number.
        n: how many.
        are_differences: by the largest difference of a row, whatever its sign; else by its standard deviation.
    """
    n_known = np.isfinite(values).sum(axis=1)
    filled = np.nan_to_num(values.astype(np.float64))
    if are_differences:
        measure = np.abs(filled).max(axis=1, initial=0.0)
    else:
        mean = filled.sum(axis=1) / np.maximum(n_known, 1)
        apart = np.where(np.isfinite(values), values - mean[:, None], 0.0)
        measure = np.sqrt((apart**2).sum(axis=1) / np.maximum(n_known, 1))
    return np.argsort(-np.where(n_known > 0, measure, -1.0), kind="stable")[:n]
