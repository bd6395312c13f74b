"""Figures of an evaluation, each readable alone: axes, units, n; the same model has the same colour in all."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .column_figure import columns
from .plots import new_figure, plain

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

Tables = Mapping[str, "pd.DataFrame"]
# Parts of genes and donors for which two panels stand side by side.
_PARTS_BESIDE = 3
# Of a legend beside a figure.
_LINES = 24
# Cohorts and tissues that a figure of super-populations shows.
_MOST_PANELS = 12
_SAMPLES = "over samples (donor and tissue)"


def gene_correlation(tables: Tables) -> "Figure":
    """Means over genes of each class and part, with their intervals."""
    table = _by_part(tables["gene_correlation_summary"])
    return _bars(table[table["by"] == "all"], "gene_class", f"Spearman of a gene {_SAMPLES}", "genes")


def gene_correlation_by_tissue(tables: Tables) -> "Figure":
    """The same within each tissue, a point a model."""
    table = _by_part(tables["gene_correlation_summary"])
    return _points(table[table["by"] == "tissue"], "Spearman of a gene over donors", "genes")


def subject_correlation(tables: Tables) -> "Figure":
    """Means over samples, for the genes of each class."""
    table = tables["subject_correlation_summary"]
    return _bars(table[table["by"] == "all"], "gene_class", "Spearman of a sample over genes", "samples")


def coverage(tables: Tables) -> "Figure":
    """Share of genes and tissues above each threshold."""
    table = tables["coverage"]
    classes = _classes(table)
    figure = new_figure(1.5 + 4 * len(classes), 4)
    for axes, of_class in zip(figure.subplots(1, len(classes), squeeze=False)[0], classes, strict=True):
        group = table[table["gene_class"] == of_class]
        for colour, (model, rows) in _by_model(group):
            axes.plot(rows["threshold"], 100 * rows["share"], "o-", color=colour, markersize=3, label=plain(model))
        axes.set(
            xlabel="threshold of Spearman over donors", ylabel="pairs of gene and tissue above it (%)", ylim=(0, None)
        )
        n = group["n_pairs"].max()
        axes.set_title(f"{of_class} genes, n = {n:,} pairs of gene and tissue", fontsize="medium")
        axes.legend(fontsize="small", frameon=False, loc="upper right")
    return figure


def ancestry_genes(tables: Tables) -> "Figure":
    """Of genes that differ between super-populations: Spearman over the donors of each."""
    return _boxes(tables["ancestry_genes"], "Spearman of a gene over donors", "genes")


def ancestry_subjects(tables: Tables) -> "Figure":
    """Of samples over these genes."""
    return _boxes(tables["ancestry_subjects"], "Spearman of a sample over these genes", "samples")


def cell_lines(tables: Tables) -> "Figure":
    """A bar a line and model."""
    table = tables["cell_lines"].assign(mean=lambda frame: frame["spearman"], low=np.nan, high=np.nan)
    chromosome = table["chromosome"].iloc[0]
    table = table.assign(
        line=table["donor"].where(table["donor"] == table["tissue"], table[["donor", "tissue"]].agg(" ".join, axis=1))
    )
    return _bars(table, "line", f"Spearman over genes of {chromosome}", "genes")


def within_tissue(tables: Tables) -> "Figure":
    """Pearson and R2 over donors, by the parts of genes and donors."""
    table = tables["within_tissue_summary"]
    last = "mean of folds" if (table["fold"] == "mean of folds").any() else "all"
    table = table[(table["tissue"] == "all") & (table["fold"] == last)]
    parts = table["gene_part"] + " genes,\n" + table["donor_part"] + " donors"
    table = table.assign(part=parts, low=np.nan, high=np.nan)
    n_parts = table["part"].nunique()
    is_long = n_parts > _PARTS_BESIDE  # then one below the other
    width = 1.2 + 1.15 * max(3, n_parts)
    figure = new_figure(width, 7) if is_long else new_figure(2 * width, 4)
    left, right = figure.subplots(2, 1) if is_long else figure.subplots(1, 2)
    _draw_bars(
        left,
        table.assign(mean=table["mean_pearson"], n=table["n_pearson"]),
        "part",
        "mean Pearson over donors in a tissue",
        "pairs",
    )
    _draw_bars(
        right, table.assign(mean=table["mean_r2"], n=table["n_r2"]), "part", "mean R² over donors in a tissue", "pairs"
    )
    return figure


def per_gene(tables: Tables) -> "Figure":
    """One model against another, a point a gene and tissue; of one model alone how its genes are spread."""
    table = tables["per_gene"]
    if (table["gene_part"] == "test").any():
        table = table[table["gene_part"] == "test"]
    of = "test genes, " if (table["gene_part"] == "test").any() else ""
    models = list(dict.fromkeys(table["model"]))
    figure = new_figure(5, 4.6)
    axes = figure.add_subplot()
    if len(models) == 1:
        known = table["pearson_mean"].dropna()
        axes.hist(known, bins=np.linspace(-1, 1, 41).tolist(), color="C0")
        axes.set(xlabel="Pearson over donors in a tissue, mean of folds", ylabel="pairs of gene and tissue")
        axes.set_title(f"{plain(models[0])}, {of}n = {len(known):,}", fontsize="medium")
        return figure
    wide = table.pivot(index=["cohort", "tissue", "gene_part", "gene_id"], columns="model", values="pearson_mean")
    for number, other in enumerate(models[1:]):
        both = wide[[models[0], other]].dropna()
        axes.scatter(
            both[other],
            both[models[0]],
            s=5,
            alpha=0.5,
            color=f"C{number + 1}",
            rasterized=len(both) > 1_000,
            label=f"{plain(other)}, {of}n = {len(both):,} pairs of gene and tissue",
        )
    axes.axline((0, 0), slope=1, color="grey", linewidth=0.8)
    axes.set(xlabel="Pearson of the other model", ylabel=f"Pearson of {plain(models[0])}")
    axes.legend(fontsize="small", frameon=False, loc="lower left", bbox_to_anchor=(0, 1))
    return figure


def chromosome_folds(tables: Tables) -> "Figure":
    """Pearson over the genes of each fold."""
    table = tables["chromosome_folds"]
    figure = new_figure(7, 4)
    axes = figure.add_subplot()
    n = table["n"].median()
    for colour, (model, rows) in _by_model(table):
        axes.plot(rows["fold"], rows["pearson"], "o", color=colour, markersize=4, label=plain(model))
    axes.set(xlabel="fold of chromosomes that are held out", ylabel="Pearson over genes")
    axes.set_title(
        f"{len(table.drop_duplicates(['cohort', 'donor', 'tissue']))} samples, {n:.0f} genes a fold (median)",
        fontsize="medium",
    )
    axes.legend(fontsize="small", frameon=False)
    return figure


def expression_map(tables: Tables) -> "Figure":
    """Samples as measured and as predicted, in one plane; again, coloured by tissue."""
    table = tables["expression_map"]
    x, y = ("umap1", "umap2") if "umap1" in table else ("pc1", "pc2")
    names = ("UMAP 1", "UMAP 2") if x == "umap1" else ("principal component 1", "principal component 2")
    beside = -(-table["tissue"].nunique() // _LINES)  # columns of the legend of tissues
    figure = new_figure(10 + 2.6 * beside, 4.8)
    for axes, of in zip(figure.subplots(1, 2), ("layer", "tissue"), strict=True):
        for number, (name, rows) in enumerate(table.groupby(of, sort=False)):
            colour = f"C{number}" if of == "layer" else _spread(number, table[of].nunique())
            label = f"{plain(name)} (n = {len(rows):,})" if of == "layer" else plain(name)
            axes.scatter(rows[x], rows[y], s=6, alpha=0.6, color=colour, label=label, rasterized=len(table) > 1_000)
        axes.set(xlabel=names[0], ylabel=names[1])
        axes.set_title("measured and predicted samples" if of == "layer" else "the same, by tissue", fontsize="medium")
        if of == "layer":
            axes.legend(fontsize="x-small", frameon=False)
        else:
            axes.legend(
                fontsize="x-small",
                frameon=False,
                loc="upper left",
                bbox_to_anchor=(1, 1),
                ncols=beside,
                markerscale=1.5,
            )
    return figure


def _spread(number: int, of: int) -> Any:
    from matplotlib import colormaps

    return colormaps["turbo"]((number + 0.5) / of)


# Figure -> the table without which there is none, and what draws it.
_FIGURES: dict[str, tuple[str, Callable[[Tables], "Figure"]]] = {
    "gene_correlation": ("gene_correlation_summary", gene_correlation),
    "gene_correlation_by_tissue": ("gene_correlation_summary", gene_correlation_by_tissue),
    "subject_correlation": ("subject_correlation_summary", subject_correlation),
    "coverage": ("coverage", coverage),
    "ancestry_genes": ("ancestry_genes", ancestry_genes),
    "ancestry_subjects": ("ancestry_subjects", ancestry_subjects),
    "cell_lines": ("cell_lines", cell_lines),
    "within_tissue": ("within_tissue_summary", within_tissue),
    "columns": ("columns", columns),
    "per_gene": ("per_gene", per_gene),
    "chromosome_folds": ("chromosome_folds", chromosome_folds),
    "expression_map": ("expression_map", expression_map),
}


def figures(tables: Tables) -> "Iterator[tuple[str, Figure]]":
    """Each figure that the tables allow, by name."""
    for name, (needed, draw) in _FIGURES.items():
        if needed in tables:
            figure = draw(tables)
            for axes in figure.axes:
                axes.spines[["top", "right"]].set_visible(False)
            figure.draw_without_rendering()  # lays it out, once for all files
            figure.set_layout_engine("none")
            yield name, figure


def _classes(table: "pd.DataFrame") -> list[str]:
    """Classes of genes, protein-coding first."""
    return sorted(set(table["gene_class"]), key=lambda name: (not name.startswith("protein-coding"), name))


def _by_part(table: "pd.DataFrame") -> "pd.DataFrame":
    """Classes of genes apart by parts, where a split holds out genes."""
    if table["gene_part"].nunique() < 2:
        return table
    return table.assign(gene_class=table["gene_class"] + ",\n" + table["gene_part"] + " genes")


def _by_model(table: "pd.DataFrame") -> "list[tuple[str, tuple[str, pd.DataFrame]]]":
    return [(f"C{number}", group) for number, group in enumerate(table.groupby("model", sort=False))]  # type: ignore[misc]


def _bars(table: "pd.DataFrame", by: str, label: str, what: str) -> "Figure":
    figure = new_figure(2 + max(0.45 * len(table), 1.0 * table[by].nunique()), 4)
    _draw_bars(figure.add_subplot(), table, by, label, what)
    return figure


def _draw_bars(axes: Any, table: "pd.DataFrame", by: str, label: str, what: str) -> None:
    """Groups of bars, one a model, with intervals where there are, and n below."""
    groups = list(dict.fromkeys(table[by]))
    models = _by_model(table)
    width = 0.8 / len(models)
    for number, (colour, (model, of_model)) in enumerate(models):
        rows = of_model.groupby(by, sort=False).first().reindex(groups)
        place = np.arange(len(groups)) + (number - (len(models) - 1) / 2) * width
        spread = np.nan_to_num(np.stack([rows["mean"] - rows["low"], rows["high"] - rows["mean"]]))
        axes.bar(
            place,
            rows["mean"],
            width * 0.92,
            yerr=spread if spread.any() else None,
            color=colour,
            label=plain(model),
            error_kw={"elinewidth": 1},
        )
    n = table.groupby(by, sort=False)["n"].max().reindex(groups)
    axes.set_xticks(
        range(len(groups)), [f"{plain(name)}\nn = {n[name]:,.0f} {what}" for name in groups], fontsize="small"
    )
    axes.axhline(0, color="black", linewidth=0.6)
    axes.set_ylabel(
        label if "mean" in label else f"{label},\nmean and 95 % interval" if table["low"].notna().any() else label
    )
    axes.legend(fontsize="small", frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=3)


def _points(table: "pd.DataFrame", label: str, what: str) -> "Figure":
    """A row a tissue, a point a model, panels by class."""
    table = table[table["n"] > 0]
    classes, tissues = _classes(table), sorted(set(table["group"]), reverse=True)
    figure = new_figure(3.5 + 3 * len(classes), 1.6 + 0.2 * len(tissues))
    panels = figure.subplots(1, len(classes), squeeze=False, sharey=True)[0]
    place = {name: number for number, name in enumerate(tissues)}
    for axes, of_class in zip(panels, classes, strict=True):
        group = table[table["gene_class"] == of_class]
        for colour, (model, rows) in _by_model(group):
            axes.plot(rows["mean"], rows["group"].map(place), "o", color=colour, markersize=4, label=plain(model))
        axes.set_xlabel(f"{label}, mean\n{of_class}, n ≤ {group['n'].max():,} {what}")
        axes.grid(axis="y", linewidth=0.3)
    panels[0].set_yticks(range(len(tissues)), [plain(name) for name in tissues], fontsize="small")
    panels[0].legend(fontsize="small", frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=3)
    return figure


def _boxes(table: "pd.DataFrame", label: str, what: str) -> "Figure":
    """A panel a cohort and tissue, those with most rows first; in it a box a model and super-population."""
    places = table[["cohort", "tissue"]].value_counts(sort=True).index
    shown = list(places[:_MOST_PANELS])
    models = list(dict.fromkeys(table["model"]))
    most = table.groupby(["cohort", "tissue"])["super_population"].nunique().max()
    figure = new_figure(2.5 + 0.5 * most * max(2, len(models)), 0.6 + 3.4 * len(shown))
    panels = figure.subplots(len(shown), 1, squeeze=False, sharey=True)[:, 0]
    for axes, (cohort, tissue) in zip(panels, shown, strict=True):
        here = table[(table["cohort"] == cohort) & (table["tissue"] == tissue)]
        _draw_boxes(axes, here, models, what)
        axes.set_ylabel(label)
        axes.set_title(f"{plain(cohort)}, {plain(tissue)}", fontsize="medium", loc="right")
    panels[0].legend(fontsize="small", frameon=False, loc="lower left", bbox_to_anchor=(0, 1.08), ncols=3)
    if len(places) > len(shown):
        figure.suptitle(
            f"The {len(shown)} with most {what} of {len(places)} cohorts and tissues", fontsize="medium", x=0.5
        )
    return figure


def _draw_boxes(axes: Any, table: "pd.DataFrame", models: Sequence[str], what: str) -> None:
    populations = sorted(set(table["super_population"]))
    width = 0.8 / len(models)
    for number, model in enumerate(models):
        rows = table[table["model"] == model]
        values: Sequence[Any] = [
            rows.loc[rows["super_population"] == name, "spearman"].dropna() for name in populations
        ]
        place = np.arange(len(populations)) + (number - (len(models) - 1) / 2) * width
        drawn = axes.boxplot(
            values,
            positions=place,
            widths=width * 0.85,
            patch_artist=True,
            flierprops={"markersize": 3},
            medianprops={"color": "black"},
            manage_ticks=False,
        )
        for box in drawn["boxes"]:
            box.set(facecolor=f"C{number}", linewidth=0.8)
        axes.plot([], [], "s", color=f"C{number}", label=plain(model))
    n = table.dropna(subset="spearman").groupby(["super_population", "model"]).size().groupby(level=0).max()
    axes.set_xticks(range(len(populations)), [f"{plain(name)}\nn = {n.get(name, 0)} {what}" for name in populations])
