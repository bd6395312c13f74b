"""Figures of forests of a disease; each carries the sentence on what their numbers are not."""

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..analysis.student_interval import student_interval
from ..applications.risk.forest_folder import RESEARCH_USE
from .plots import new_figure, plain, save_figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_OVER = ("carriers", "tissues")


def forest_plot(table: "pd.DataFrame", summary: "pd.DataFrame", path: Path, *, phenotype: str) -> Path:
    """Save log odds ratios of carriers: a row a tissue, then all tissues with both intervals; a panel a gene.

    Args:
        table, summary: of ``RiskCounterfactuals``.
        path: the image; its suffix chooses the type.
        phenotype: what the forests tell apart.

    Raises:
        InputError: matplotlib is not installed.
    """
    n_rows = 2 + table["tissue"].nunique()
    figure = new_figure(7.5, len(summary) * (1.2 + 0.26 * n_rows) + 0.8)
    panels = figure.subplots(len(summary), 1, squeeze=False).ravel()
    for panel, (_, entry) in zip(panels, summary.iterrows(), strict=True):
        _gene_panel(panel, table[table["gene_id"] == entry["gene_id"]], entry)
    panels[-1].set_xlabel(f"ln odds ratio of {plain(phenotype)}, as observed over as edited")
    figure.supxlabel(textwrap.fill(RESEARCH_USE, 100), fontsize="x-small", color="dimgrey")
    return save_figure(figure, path)


def _gene_panel(panel: "Axes", of_gene: "pd.DataFrame", entry: "pd.Series") -> None:
    labels = []
    for place, (tissue, group) in enumerate(of_gene.groupby("tissue", sort=False)):
        mean, low, high = student_interval(group["log_odds_ratio"].dropna().to_numpy(dtype=float))
        _row(panel, place, mean, low, high, "tab:grey")
        labels.append(plain(tissue))
    for over in _OVER:
        ends = entry[f"ci_low_{over}"], entry[f"ci_high_{over}"]
        _row(panel, len(labels), entry["log_odds_ratio"], *ends, "tab:blue")
        labels.append(f"all tissues, 95 % over {over}")
    panel.axvline(0, color="black", linewidth=0.6)
    panel.set_yticks(range(len(labels)), labels, fontsize="small")
    panel.set_ylim(len(labels) - 0.5, -0.5)
    panel.set_title(
        f"{plain(entry['gene_name'])}: {entry['n_carriers']} carrier(s), {entry['n_tissues']} tissue(s); "
        "95 % over carriers in each tissue",
        fontsize="small",
    )


def _row(panel: "Axes", place: int, mean: float, low: float, high: float, color: str) -> None:
    if np.isfinite([low, high]).all():
        panel.hlines(place, low, high, color=color, linewidth=1.5)
    panel.plot(mean, place, marker="D" if color == "tab:blue" else "o", color=color, markersize=5)
