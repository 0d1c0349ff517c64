"""Where ME goes: entropy gap, forget probability and membership over the optimiser steps, a column a learning rate.
Marked points are measured ones; between two of them nobody looked."""

from typing import TYPE_CHECKING

from unlearnkit.errors import KitError
from unlearnkit.plots.style import (
    DASHED,
    FAINT,
    STYLE,
    add_caption,
    first_seed,
    house_style,
    known,
    new_figure,
    not_drawn,
    row_name,
    size_of,
    styles_of,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Number of a point -> what its axis is called.
PANELS = {
    "forget_entropy_gap": "entropy gap,\nforget (nats)",
    "unseen_entropy_gap": "entropy gap,\nunseen (nats)",
    "forget_probability": "forget\nprobability",
    "membership_auc": "membership\nAUC",
}
DOTTED = (0, (1, 1.6))
# Reference row -> how its number is drawn across every panel.
REFERENCES = {
    "original": {"color": STYLE["original"][1], "linestyle": DASHED, "linewidth": 0.9},
    "retain": {"color": STYLE["retain"][1], "linestyle": DOTTED, "linewidth": 1.1},
    "untrained": {"color": FAINT, "linestyle": "-", "linewidth": 1.6},
}


def convergence_over_steps(points: dict[str, list[dict]], rows: list[dict], caption: str) -> "Figure":
    """One base model: a column a learning rate, a line of panels a number of PANELS, a line a method; entropy gaps and
    steps on log axes, step 0 left of 1. Horizontal lines: REFERENCES. Bands: 95 % intervals, where a number has one.

    points: row name -> points with `step` and the keys of PANELS. KitError: no row has points.
    """
    drawn = [row for row in rows if points.get(row_name(row))]
    if not drawn:
        raise KitError("figure of convergence: no row has points")
    rates = sorted({row["learning_rate"] for row in drawn})
    references = {row["method"]: row for row in rows if row["method"] in REFERENCES}
    missing = [row for row in rows if row not in drawn and row["method"] not in REFERENCES]
    styles = styles_of(drawn)
    with house_style():
        figure = new_figure(height=0.9 + 1.55 * len(PANELS))
        grid = figure.subplots(len(PANELS), len(rates), sharex=True, sharey="row", squeeze=False)
        for line, (key, title) in zip(grid, PANELS.items(), strict=True):
            for axes, rate in zip(line, rates, strict=True):
                _panel(axes, key, [row for row in drawn if row["learning_rate"] == rate], points, styles, references)
            line[0].set_ylabel(title)
        for axes, rate in zip(grid[0], rates, strict=True):
            axes.set_title(f"learning rate {rate:g}")
        grid[-1][len(rates) // 2].set_xlabel("optimiser step")
        _legend(figure, drawn, styles, references)
        notes = ["Bands: 95 % over authors."]
        notes += ["Hollow: collapsed."] if any(row.get("status") == "collapsed" for row in drawn) else []
        add_caption(figure, caption, notes + first_seed(drawn) + not_drawn(missing))
    return figure


def _panel(axes: "Axes", key: str, rows: list[dict], points: dict, styles: dict, references: dict[str, dict]) -> None:
    import seaborn

    for method, look in REFERENCES.items():
        if known(references.get(method, {}).get(key)):
            axes.axhline(references[method][key], **look, zorder=1)
    for row in rows:
        marker, colour = styles[row["method"]]
        way = [(one["step"], one[key]) for one in points[row_name(row)] if known(one.get(key))]
        face = "white" if row.get("status") == "collapsed" else colour
        axes.plot(
            *zip(*way, strict=True),
            color=colour,
            linewidth=1.3,
            marker=marker,
            markersize=size_of(marker, 3.6),
            markerfacecolor=face,
            markeredgecolor=colour,
            markeredgewidth=0.8,
            clip_on=False,
            zorder=3,
            gid=row_name(row),
        )
        ends = [(one["step"], one.get(f"{key}_ci_lo"), one.get(f"{key}_ci_hi")) for one in points[row_name(row)]]
        ends = [one for one in ends if known(one[1])]
        if ends:
            axes.fill_between(*zip(*ends, strict=True), color=colour, alpha=0.15, linewidth=0, zorder=2)
    axes.set_xscale("symlog", linthresh=1, linscale=0.4)
    last = max(one["step"] for row in rows for one in points[row_name(row)])
    axes.set_xlim(-0.1, 1.15 * last)
    ticks = [step for step in (0, 1, 3, 10, 30, 100, 300, 1000, 3000, 10000) if step <= last]
    axes.set_xticks(ticks, [str(step) for step in ticks])
    axes.set_xticks([], minor=True)
    if key.endswith("_gap"):
        axes.set_yscale("log")
    else:
        axes.set_ylim(-0.04, 1.04)
    seaborn.despine(ax=axes)


def _legend(figure: "Figure", rows: list[dict], styles: dict, references: dict[str, dict]) -> None:
    from matplotlib.lines import Line2D

    handles = {}
    for row in rows:
        marker, colour = styles[row["method"]]
        look = {"color": colour, "linewidth": 1.3, "marker": marker, "markersize": size_of(marker, 5.0)}
        handles.setdefault(row["method"], Line2D([], [], **look, label=row["printed_as"].partition(", lr ")[0]))
    handles |= {
        name: Line2D([], [], **look, label=references[name]["printed_as"])
        for name, look in REFERENCES.items()
        if name in references
    }
    figure.legend(handles=[*handles.values()], loc="outside upper left", ncols=len(handles))
