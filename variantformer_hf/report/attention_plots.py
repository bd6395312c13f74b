"""Attention over a gene's cCREs as a figure, and what a signal says of it."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..analysis.attention import GeneAttention, Pair
from ..genome.bigwig import BigWig
from ..genome.genes import Gene, GeneTable
from .plots import new_figure, save_figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

# Stretches in which a signal is drawn by its mean.
_BINS = 800
# With more genes in view only the one asked for is named.
_NAMED = 12
# A class's colour, bound by CTCF or not, as the registry of cCREs has them in a browser.
CRE_COLOURS = {
    "PLS": "#ff0000",
    "pELS": "#ffa700",
    "dELS": "#ffcd00",
    "DNase-H3K4me3": "#ffaaaa",
    "CTCF-only": "#00b0f0",
    "element": "#7f7f7f",
}


def attention_plot(
    found: GeneAttention,
    tissue: int,
    pair: Pair,
    genes: GeneTable,
    signals: Sequence[BigWig],
    path: Path,
) -> Path:
    """Save genes, cCREs by class and their attention weights along the genome, and signals below.

    Args:
        found: of one gene; without a weight that panel is empty.
        tissue: place among its tissues.
        pair: layer and head of the weights, or a mean.
        genes: that are drawn where they lie in view, the gene itself in colour.
        signals: drawn below, each as its mean in some hundreds of stretches.
        path: the image; its suffix chooses the type.

    Raises:
        InputError: matplotlib is not installed; a signal is damaged.
    """
    regions, gene = found.regions, found.regions.gene
    starts, ends = regions.cres_without_flanks()
    low = min([gene.start, regions.window.start, *starts.tolist()])
    high = max([gene.end, regions.window.end, *ends.tolist()])
    figure = new_figure(11.0, 3.6 + 1.1 * len(signals))
    panels = figure.subplots(
        3 + len(signals), 1, sharex=True, height_ratios=[0.8, 0.8, 1.6, *[1.0] * len(signals)], squeeze=False
    ).ravel()
    _draw_genes(panels[0], genes.overlapping(gene.chrom, low, high), gene.gene_id)
    weights = found.of_pair(tissue, pair)
    classes = [(name or "element").partition(",")[0] for name in found.cre_classes]
    middles = (starts + ends) / 2 / 1e6
    for name, colour in CRE_COLOURS.items():
        here = np.array([each == name for each in classes], dtype=bool)
        if here.any():
            label = f"{name} ({here.sum()})"
            panels[1].vlines(middles[here], 0, 1, color=colour, linewidth=0.8, label=label)
            panels[2].vlines(middles[here], 0, weights[here], color=colour, linewidth=1.0)
    panels[1].set_yticks([])
    panels[1].set_ylabel("cCREs", rotation=0, ha="right", va="center")
    panels[1].legend(loc="upper left", bbox_to_anchor=(1.0, 1.6), fontsize="small", frameon=False)
    panels[2].set_ylabel("attention weight")
    panels[2].set_ylim(bottom=0)
    for panel, signal in zip(panels[3:], signals, strict=True):
        edges = np.unique(np.linspace(low, high, min(_BINS, high - low) + 1).astype(int))
        means = signal.means(regions.window.chrom, edges[:-1], edges[1:])
        panel.fill_between(edges[:-1] / 1e6, means, step="post", color="#444444", linewidth=0)
        panel.set_ylabel("mean signal")
        panel.set_title(Path(signal.path).name, fontsize="small", loc="left")
    for panel in panels:
        panel.spines[["top", "right"]].set_visible(False)
    panels[0].set_title(
        f"{gene.gene_name}, {found.tissues[tissue]}, {found.sample}: attention to {len(found.cres):,} of "
        f"{len(starts):,} cCREs ({pair})"
    )
    panels[-1].set_xlabel(f"position on {regions.window.chrom} (Mb)")
    return save_figure(figure, path)


def _draw_genes(axes: "Axes", genes: Sequence[Gene], asked: str) -> None:
    """Bodies of genes in as few rows as they fit in side by side."""
    rows: list[int] = []
    for each in sorted(genes, key=lambda each: each.start):
        row = next((number for number, end in enumerate(rows) if end < each.start), len(rows))
        rows[row : row + 1] = [each.end]
        is_asked = each.gene_id == asked
        axes.plot(
            [each.start / 1e6, each.end / 1e6],
            [-row, -row],
            color="#1b3a93" if is_asked else "#b0b0b0",
            linewidth=5 if is_asked else 3,
            solid_capstyle="butt",
        )
        if is_asked or len(genes) <= _NAMED:
            arrow = "←" if each.strand == "-" else "→"
            axes.annotate(
                f"{each.gene_name} {arrow}",
                (each.start / 1e6, -row),
                xytext=(0, 5),
                textcoords="offset points",
                fontsize="small",
            )
    axes.set_ylim(-len(rows), 1.5)
    axes.set_yticks([])
    axes.set_ylabel("genes", rotation=0, ha="right", va="center")


def against_plot(histogram: "pd.DataFrame", signal: str, path: Path) -> Path:
    """Save in which layers the best pairs of genes are, and the layers' mean correlations with a signal.

    Args:
        histogram: of ``SignalComparison``; each sample and tissue is a series.
        signal: its name.
        path: the image; its suffix chooses the type.

    Raises:
        InputError: matplotlib is not installed.
    """
    figure = new_figure(9.0, 3.6)
    counts, means = figure.subplots(1, 2)
    series = list(histogram.groupby(["sample", "tissue"], sort=False))
    width = 0.8 / max(1, len(series))
    for number, ((sample, tissue), group) in enumerate(series):
        layers = group["layer"].to_numpy(dtype=float)
        label = f"{tissue}, {sample} (n = {int(group['n_best'].sum())} genes)"
        counts.bar(layers + (number - (len(series) - 1) / 2) * width, group["n_best"], width, label=label)
        means.plot(layers, group["mean_spearman"], marker="o", markersize=3, label=label)
        means.fill_between(layers, group["ci_low"], group["ci_high"], alpha=0.2, linewidth=0)
    counts.set_ylabel("genes whose best head is in the layer")
    means.set_ylabel("Spearman of the layer's best head\n(mean over genes, 95 % interval)")
    for panel in (counts, means):
        panel.set_xlabel("layer (from 0)")
        panel.spines[["top", "right"]].set_visible(False)
        panel.xaxis.get_major_locator().set_params(integer=True)
    counts.yaxis.get_major_locator().set_params(integer=True)
    means.axhline(0, color="grey", linewidth=0.5)
    means.set_ylim(-1, 1)
    if len(series) <= 8:
        figure.legend(*means.get_legend_handles_labels(), loc="outside lower center", fontsize="small", frameon=False)
    figure.suptitle(f"attention weights against {signal}")
    return save_figure(figure, path)
