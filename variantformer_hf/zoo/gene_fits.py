"""What models share that are fitted gene by gene: a person's values, and the table of what became of each gene."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from ..genome.genes import Gene

FITTED, NO_VALUES = "fitted", "no_values"
# People that a slope is fitted to, at the least; of fewer the mean stands, and a note says so.
LEAST_PEOPLE = 10
TOO_FEW = "too few people, or all values the same"


def is_too_few(value: np.ndarray) -> bool:
    """Whether no slope is fitted to (n,) values of people."""
    return len(value) < LEAST_PEOPLE or float(value.std()) <= 1e-12


def people_of_output(
    person: np.ndarray, output: np.ndarray, value: np.ndarray, which: int
) -> tuple[np.ndarray, np.ndarray]:
    """People with a value in an output, ascending, and the value of each: the mean where a person has several.

    Args:
        person, output: (N,) int64, of each value.
        value: (N,) float64.
        which: the output.
    """
    here = output == which
    people, place = np.unique(person[here], return_inverse=True)
    return people, np.bincount(place, value[here]) / np.bincount(place)


def fits_table(genes: Sequence[Gene], rows: Sequence[Sequence[Mapping[str, Any]]], tissues: Sequence[str]) -> pa.Table:
    """A row a gene and output: gene_id, gene_name, tissue, status, n_people, and what the recipe says.

    Args:
        genes: in their order.
        rows: of each gene its rows, each with the number of its ``output``.
        tissues: names of the outputs.
    """
    found: list[dict[str, Any]] = []
    for gene, of_gene in zip(genes, rows, strict=True):
        for row in of_gene:
            named = {"gene_id": gene.gene_id, "gene_name": gene.gene_name, "tissue": tissues[row["output"]]}
            found.append({**named, **{name: value for name, value in row.items() if name != "output"}})
    columns = dict.fromkeys(name for row in found for name in row)
    return pa.table({name: [row.get(name) for row in found] for name in columns})
