"""The field's columns as one figure: a panel a column, a row a model, others' published numbers below."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from .plots import new_figure, plain

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_GREY = "0.65"


def columns(tables: "Mapping[str, pd.DataFrame]") -> "Figure":
    """Mean r over genes with its interval, the mean of its absolute value, the ceiling, and signs."""
    table = tables["columns"]
    table = table[table["genes"] == "all"].drop_duplicates(["source", "model", "column"])
    names = list(dict.fromkeys(table["column"]))
    rows = list(dict.fromkeys(zip(table["source"], table["model"], strict=True)))
    own = table["source"].iloc[0]
    figure = new_figure(2.5 + 3.3 * len(names), 1.9 + 0.34 * len(rows))
    panels = figure.subplots(1, len(names), squeeze=False, sharey=True, sharex=True)[0]
    for axes, name in zip(panels, names, strict=True):
        of_column = table[table["column"] == name].set_index(["source", "model"])
        for place, row in enumerate(rows):
            if row in of_column.index:
                _draw_row(axes, of_column.loc[row], place, f"C{place}" if row[0] == own else _GREY)
        axes.axvline(0, color="black", linewidth=0.6)
        populations = sorted(set(of_column.loc[[own], "population"]) - {"all"})
        axes.set_title(f"{name}{f' ({plain(populations[0])})' if len(populations) == 1 else ''}", fontsize="medium")
        axes.set_xlabel("Pearson over people, mean over genes", fontsize="small")
    labels = [plain(model) if source == own else f"{plain(model)}\n({plain(source)})" for source, model in rows]
    panels[0].set_yticks(range(len(rows)), labels, fontsize="small")
    panels[0].set_ylim(len(rows) - 0.4, -0.7)
    panels[0].set_xlim(right=_right(table))
    for label, style in (("r, 95 % interval", "s"), ("mean |r|", "D"), ("mean root of h2, the ceiling", "|")):
        panels[-1].plot([], [], style, color="0.3", markerfacecolor="none" if style == "D" else "0.3", label=label)
    figure.legend(fontsize="small", frameon=False, loc="outside lower center", ncols=3)
    return figure


def _draw_row(axes: Any, row: "pd.Series[Any]", place: int, colour: str) -> None:
    if row["reason"]:
        axes.text(0.01, place, f"NA: {row['reason']}", fontsize="xx-small", va="center", color="0.35", wrap=True)
        return
    if not np.isnan(row["r"]):
        low, high = row["r"] - row["r_low"], row["r_high"] - row["r"]
        spread = None if np.isnan(low) else [[low], [high]]
        axes.barh(place, row["r"], 0.6, color=colour, xerr=spread, error_kw={"elinewidth": 1})
    axes.plot(row["abs_r"], place, "D", color="0.3", markerfacecolor="none", markersize=4)
    if not np.isnan(row["ceiling"]):
        axes.plot(row["ceiling"], place, "|", color="0.3", markersize=14)
    text = f"n = {row['n_genes']:,.0f}"
    text += f"\n{row['wrong_sign']:.0%} wrong sign" if row["n_signs"] > 0 else ""
    axes.text(1, place, text, fontsize="xx-small", va="center", ha="right", transform=axes.get_yaxis_transform())


def _right(table: "pd.DataFrame") -> float:
    """The end of the axis, with room for the numbers beside the bars."""
    ends = table[["r_high", "r", "abs_r", "ceiling"]].to_numpy(dtype=float)
    ends = ends[~np.isnan(ends)]
    return 1.35 * max(0.1, float(ends.max()) if len(ends) else 0.0)
