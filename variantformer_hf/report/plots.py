"""Plots of predictions."""

from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError
from .files import whole_file

if TYPE_CHECKING:
    import pandas as pd


def difference_heatmap(person: "pd.DataFrame", reference: "pd.DataFrame", path: Path, *, title: str) -> Path:
    """Save a heatmap of genes x tissues: log1p TPM of a person minus that of the reference genome.

    Args:
        person, reference: tidy predictions of one sample each, of the same genes and tissues.
        path: the image; its suffix chooses the type (.png, .pdf, .svg).
        title: shown above.

    Raises:
        InputError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise InputError(
            "plots need the package matplotlib", remedy="Install it: pip install 'variantformer-hf[plots]'."
        ) from error

    def matrix(table: "pd.DataFrame") -> "pd.DataFrame":
        wide = table.pivot(index="gene_name", columns="tissue", values="log1p_tpm")
        return wide.reindex(index=table["gene_name"].unique(), columns=table["tissue"].unique())

    difference = matrix(person) - matrix(reference)
    limit = float(difference.abs().max().max()) or 1.0
    rows, columns = difference.shape
    figure = Figure(figsize=(2.5 + 0.9 * columns, 1.8 + 0.4 * rows), layout="constrained")
    axes = figure.add_subplot()
    image = axes.imshow(difference.to_numpy(), cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto")
    axes.set_xticks(range(columns), list(difference.columns), rotation=30, ha="right")
    axes.set_yticks(range(rows), list(difference.index))
    axes.set_title(title)
    figure.colorbar(image, label="log1p TPM, person minus reference")
    with whole_file(path) as partial:
        figure.savefig(partial, dpi=150)
    return path
