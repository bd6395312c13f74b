"""Gene correlation, subject correlation and cell lines (VariantFormer, sections 3.2.1, 3.2.2, 3.2.5 and 6.1.2)."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from .correlations import Correlations
from .paired import PairedExpression, summary_row
from .results import EvaluationOptions, EvaluationResults

if TYPE_CHECKING:
    import pandas as pd

_GROUPS = ("tissue", "cohort", "super_population")


def add_gene_correlation(paired: PairedExpression, options: EvaluationOptions, results: EvaluationResults) -> None:
    """Spearman of each gene over samples, a sample being a donor's tissue (eq. 33), and its means over genes.

    ``gene_correlation`` has a row a gene; ``gene_correlation_summary`` the means over genes of each class (and part, of
    a split that holds out genes), over all samples and over those of a tissue, a cohort, a super-population alone.
    """
    import pandas as pd

    frames, rows = [], []
    parts = paired.genes["gene_part"].to_numpy()
    for by, group, columns in _groupings(paired, options):
        for model, found in paired.over_samples(columns).items():
            if by == "all":
                frames.append(gene_rows(paired, model, found))
            what = "genes" if by == "all" else f"genes within a {by}"
            results.count_reasons("gene_correlation", model, what, found.reasons())
            for of_class in paired.classes():
                for part in dict.fromkeys(parts):
                    chosen = (paired.gene_class == of_class) & (parts == part)
                    if not chosen.any():
                        continue
                    names = {"model": model, "by": by, "group": group, "gene_class": of_class, "gene_part": part}
                    summary = summary_row(found.spearman[chosen], found.is_constant[chosen])
                    rows.append(names | summary | {"n_samples": len(columns)})
    results.tables["gene_correlation"] = pd.concat(frames, ignore_index=True)
    results.tables["gene_correlation_summary"] = pd.DataFrame(rows)


def add_subject_correlation(paired: PairedExpression, options: EvaluationOptions, results: EvaluationResults) -> None:
    """Spearman of each sample over genes of a class (eq. 34), and its means over samples."""
    import pandas as pd

    columns = paired.columns()
    frames = []
    for of_class in paired.classes():
        rows = np.flatnonzero(paired.gene_class == of_class)
        for model, found in paired.over_genes(rows, columns).items():
            frames.append(sample_rows(paired, columns, model, found, gene_class=of_class))
            results.count_reasons("subject_correlation", model, f"samples, {of_class} genes", found.reasons())
    table = pd.concat(frames, ignore_index=True)
    rows_of: list[dict[str, Any]] = []
    for by in ("all", *(name for name in (*_GROUPS, *options.group_by) if name in paired.samples)):
        of_sample = np.tile("all", len(columns)) if by == "all" else paired.samples[by].iloc[columns].to_numpy()
        groups = np.tile(of_sample, len(frames))
        known = table[pd.notna(groups) & (groups != "")].assign(group=groups[pd.notna(groups) & (groups != "")])
        for (model, of_class, group), rows_in in known.groupby(["model", "gene_class", "group"], sort=False):
            constant = (rows_in["reason"] == "predictions are all the same").to_numpy()
            names = {"model": model, "by": by, "group": group, "gene_class": of_class}
            rows_of.append(names | summary_row(rows_in["spearman"].to_numpy(), constant))
    results.tables["subject_correlation"] = table
    results.tables["subject_correlation_summary"] = pd.DataFrame(rows_of)


def add_cell_lines(paired: PairedExpression, options: EvaluationOptions, results: EvaluationResults) -> None:
    """Spearman over the genes of a held-out chromosome, a row a cell line."""
    import pandas as pd

    columns = paired.columns()
    columns = columns[paired.samples["is_cell_line"].iloc[columns].to_numpy(dtype=bool)]
    genes = np.flatnonzero((paired.genes["chromosome"] == options.cell_line_chromosome).to_numpy())
    if not len(columns):
        results.skipped["cell_lines"] = "no sample is of a cell line (is_cell_line)"
    elif not len(genes):
        where = (paired.genes["chromosome"] == "").all()
        results.skipped["cell_lines"] = (
            "nothing says on which chromosomes genes lie: give --genes"
            if where
            else f"no gene lies on {options.cell_line_chromosome}"
        )
    else:
        frames = []
        for model, found in paired.over_genes(genes, columns).items():
            frames.append(sample_rows(paired, columns, model, found, chromosome=options.cell_line_chromosome))
            results.count_reasons("cell_lines", model, "samples", found.reasons())
        results.tables["cell_lines"] = pd.concat(frames, ignore_index=True)


def gene_rows(paired: PairedExpression, model: str, found: Correlations) -> "pd.DataFrame":
    """A row a gene, with why it has no correlation."""
    table = paired.genes[["gene_id", "gene_name", "gene_type"]].assign(
        gene_class=paired.gene_class, gene_part=paired.genes["gene_part"], n=found.n, spearman=found.spearman
    )
    table.insert(0, "model", model)
    return table.assign(reason=found.reasons())


def sample_rows(
    paired: PairedExpression, columns: np.ndarray, model: str, found: Correlations, **named: str
) -> "pd.DataFrame":
    """A row a sample, with why it has no correlation."""
    table = paired.samples[["cohort", "donor", "tissue"]].iloc[columns].reset_index(drop=True)
    table.insert(0, "model", model)
    return table.assign(**named, n=found.n, spearman=found.spearman, reason=found.reasons())


def _groupings(paired: PairedExpression, options: EvaluationOptions) -> Iterator[tuple[str, str, np.ndarray]]:
    columns = paired.columns()
    yield "all", "all", columns
    for name in (*_GROUPS, *options.group_by):
        if name in paired.samples:
            for (group,), of_group in paired.groups(name, columns=columns):
                yield name, str(group), of_group
