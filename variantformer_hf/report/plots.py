"""Plots of predictions."""

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError
from ..files import whole_file
from ..zoo.units import LOG1P_TPM, Unit

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from ..analysis.input_gradients import InputGradients
    from ..analysis.mutagenesis import Mutagenesis


def difference_heatmap(
    person: "pd.DataFrame", reference: "pd.DataFrame", path: Path, *, title: str, unit: Unit = LOG1P_TPM
) -> Path:
    """Save a heatmap of genes x tissues: a person's expression minus that of the reference genome.

    Args:
        person, reference: tidy predictions of one sample each, of the same genes and tissues.
        path: the image; its suffix chooses the type (.png, .pdf, .svg).
        title: shown above.
        unit: of the predictions.

    Raises:
        InputError: matplotlib is not installed.
    """

    def matrix(table: "pd.DataFrame") -> "pd.DataFrame":
        wide = table.pivot(index="gene_name", columns="tissue", values=unit.column)
        return wide.reindex(index=table["gene_name"].unique(), columns=table["tissue"].unique())

    difference = matrix(person) - matrix(reference)
    limit = float(difference.abs().max().max()) or 1.0
    rows, columns = difference.shape
    figure = new_figure(2.5 + 0.9 * columns, 1.8 + 0.4 * rows)
    axes = figure.add_subplot()
    image = axes.imshow(difference.to_numpy(), cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto")
    axes.set_xticks(range(columns), list(difference.columns), rotation=30, ha="right")
    axes.set_yticks(range(rows), list(difference.index))
    axes.set_title(title)
    figure.colorbar(image, label=f"{unit.label}, person minus reference")
    return save_figure(figure, path)


def mutagenesis_plot(found: "Mutagenesis | InputGradients", tissue: str, path: Path) -> Path:
    """Save a logo of what each reference base contributes, over a heatmap of all substitutions, or of the gradients.

    Args:
        found: with substitutions; or gradients, whose logo is input x gradient.
        tissue: one of its tissues.
        path: the image; its suffix chooses the type.

    Raises:
        InputError: matplotlib or logomaker is not installed.
    """
    import numpy as np
    import pandas as pd

    figure = new_figure(min(24.0, max(6.0, 2 + 0.11 * len(found.reference))), 4.0)
    try:
        import logomaker
    except ImportError as error:
        raise _missing("logomaker") from error
    from ..analysis.mutagenesis import BASES, Mutagenesis

    is_scan = isinstance(found, Mutagenesis)
    matrix = found.substitutions if isinstance(found, Mutagenesis) else found.gradients
    assert matrix is not None
    place = found.tissues.index(tissue)
    length = len(found.reference)
    per_base = found.importance() if isinstance(found, Mutagenesis) else found.per_base()
    heights = np.nan_to_num(per_base[:, place])
    letters = pd.DataFrame(0.0, index=range(length), columns=list(BASES))
    for row, base in enumerate(found.reference):
        if base in BASES:
            letters.loc[row, base] = heights[row]
    logo_axes, axes = figure.subplots(2, 1, sharex=True, height_ratios=[2, 1])
    logomaker.Logo(letters, ax=logo_axes, color_scheme="classic")
    logo_axes.set_ylabel("minus mean effect" if is_scan else "input x gradient")
    logo_axes.set_title(f"{found.gene_id}, {tissue}: {found.interval}")
    effects = matrix[:, :, place].T
    limit = float(np.nanmax(np.abs(effects), initial=0.0)) or 1.0
    image = axes.imshow(effects, cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto", interpolation="none")
    axes.set_yticks(range(len(BASES)), list(BASES))
    ticks = np.unique(np.linspace(0, length - 1, min(length, 8)).astype(int))
    axes.set_xticks(ticks, [f"{found.interval.start + 1 + tick:,}" for tick in ticks])
    axes.set_xlabel(f"position on {found.interval.chrom} (1-based)")
    figure.colorbar(image, ax=axes, label=found.unit.label)
    return save_figure(figure, path)


def knockout_plot(table: "pd.DataFrame", tissue: str, path: Path, unit: Unit = LOG1P_TPM) -> Path:
    """Save a gene's enhancer map: the effect of each cCRE's knock-out over its distance from the TSS.

    Args:
        table: of ``knockout``; without a row the plot is empty.
        tissue: one of its tissues.
        path: the image; its suffix chooses the type.
        unit: of the effects.

    Raises:
        InputError: matplotlib is not installed.
    """
    figure = new_figure(10.0, 4.0)
    axes = figure.add_subplot()
    rows = table[table["tissue"] == tissue]
    for name, group in rows.groupby(rows["cre_class"].fillna("element")):
        axes.vlines(group["tss_distance"] / 1_000, 0, group["effect"], color="lightgrey", linewidth=0.8, zorder=1)
        axes.scatter(group["tss_distance"] / 1_000, group["effect"], s=10, label=name, zorder=2)
    axes.axhline(0, color="black", linewidth=0.6)
    axes.set_xlabel("distance from the TSS (kb, positive downstream)")
    axes.set_ylabel(f"effect of the knock-out ({unit.label})")
    if len(rows):
        axes.set_title(f"{rows['gene_name'].iloc[0]}, {tissue}")
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize="small", frameon=False)
    return save_figure(figure, path)


def eqtl_scatter(pairs: "pd.DataFrame", correlations: "pd.DataFrame", path: Path) -> Path:
    """Save predicted scores over observed slopes, a panel for each method, tissue and data set.

    Args:
        pairs, correlations: of ``EqtlBenchmark``.
        path: the image; its suffix chooses the type.

    Raises:
        InputError: matplotlib is not installed.
    """
    whole = correlations[correlations["stratum"] == "all"].reset_index(drop=True)
    methods = list(whole["method"].unique())
    column_of = {method: f"score_{method}" if number else "score" for number, method in enumerate(methods)}
    columns = min(4, len(whole))
    rows = -(-len(whole) // columns)
    figure = new_figure(3.2 * columns + 0.5, 3.0 * rows + 0.5)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for panel in panels[len(whole) :]:
        panel.set_axis_off()
    there = pairs[pairs[["slope", *column_of.values()]].notna().all(axis=1)]
    there = there[there["in_top"]] if "in_top" in there else there
    for panel, (_, entry) in zip(panels, whole.iterrows(), strict=False):
        part = there[(there["tissue"] == entry["tissue"]) & (there["dataset"] == entry["dataset"])]
        panel.scatter(part["slope"], part[column_of[entry["method"]]], s=8, alpha=0.6)
        panel.axhline(0, color="grey", linewidth=0.5)
        panel.axvline(0, color="grey", linewidth=0.5)
        panel.set_title(
            f"{entry['method']}, {entry['tissue']} {entry['dataset']}\nSpearman {entry['spearman']:.2f} "
            f"[{entry['ci_low']:.2f}, {entry['ci_high']:.2f}], n = {entry['n']}",
            fontsize="small",
        )
        panel.set_xlabel("observed slope")
        panel.set_ylabel("predicted")
    return save_figure(figure, path)


def check_plot(path: Path, *, logo: bool = False) -> None:
    """Refuse a plot that cannot be drawn, before anything is computed.

    Raises:
        InputError: matplotlib, or for logos logomaker, is not installed; a suffix that is no image's.
    """
    if path.suffix not in (".png", ".pdf", ".svg"):
        raise InputError("is no image", file=path, remedy="End the name in .png, .pdf or .svg.")
    new_figure(1.0, 1.0)
    if logo and importlib.util.find_spec("logomaker") is None:
        raise _missing("logomaker")


def new_figure(width: float, height: float) -> "Figure":
    """A figure of a size in inches.

    Raises:
        InputError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise _missing("matplotlib") from error
    return Figure(figsize=(width, height), layout="constrained")


def _missing(package: str) -> InputError:
    return InputError(f"plots need the package {package}", remedy="Install it: pip install 'variantformer-hf[plots]'.")


def save_figure(figure: "Figure", path: Path) -> Path:
    """Write a figure; the suffix of its name chooses the type. An SVG keeps its text, and has no date."""
    import matplotlib

    with whole_file(path) as partial, matplotlib.rc_context({"svg.hashsalt": path.stem, "svg.fonttype": "none"}):
        figure.savefig(partial, dpi=150, metadata={"Date": None} if path.suffix == ".svg" else None)
    return path


def plain(text: object) -> str:
    """A name as it is, where matplotlib would read a formula."""
    return str(text).replace("$", r"\$")
