"""What an evaluation found: its tables, and what became of every value, gene and pair that is in none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class EvaluationOptions:
    """What the papers leave open.

    Attributes:
        group_by: further columns of the samples to group by.
        tissue_merge: tissue -> what ``coverage`` merges it into.
        fewest_donors: of a gene and tissue, for ``coverage``, ``within_tissue`` and ``per_gene``.
        variable_genes: of largest variance in each merged tissue.
        thresholds: of ``coverage``.
        ancestry_p: genes of a smaller p differ between super-populations.
        bonferroni: p is multiplied by the genes tested.
        predictable: methods are compared on genes of which one of them has a greater Pearson.
        cell_line_chromosome: of whose genes the table of cell lines is.
        seed: of the map.
    """

    group_by: Sequence[str] = ()
    tissue_merge: Mapping[str, str] = field(default_factory=dict)
    fewest_donors: int = 10
    variable_genes: int = 3_000
    thresholds: Sequence[float] = tuple(round(0.1 * step, 1) for step in range(10))
    ancestry_p: float = 1e-5
    bonferroni: bool = False
    predictable: float = 0.6
    cell_line_chromosome: str = "chr19"
    seed: int = 0


@dataclass
class EvaluationResults:
    """Tables by name.

    Attributes:
        tables: name -> table.
        skipped: table -> why there is none.
        counts: what is left out of which table, why, and how much of it.
    """

    tables: "dict[str, pd.DataFrame]" = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    counts: list[dict[str, Any]] = field(default_factory=list)

    def count(self, table: str, model: str, what: str, reason: str, n: int) -> None:
        """Note how many of something a table leaves out."""
        if n:
            self.counts.append({"table": table, "model": model, "what": what, "reason": reason, "n": int(n)})

    def count_reasons(self, table: str, model: str, what: str, reasons: np.ndarray) -> None:
        """The same of an array of reasons, "" = not left out."""
        for reason, n in zip(*np.unique(reasons.astype(str), return_counts=True), strict=True):
            if reason:
                self.count(table, model, what, str(reason), n)

    def counts_table(self) -> "pd.DataFrame":
        """The counts, those of the same reason added up."""
        import pandas as pd

        columns = ["table", "model", "what", "reason"]
        frame = pd.DataFrame(self.counts, columns=[*columns, "n"])
        return frame.groupby(columns, sort=False)["n"].sum().reset_index()
