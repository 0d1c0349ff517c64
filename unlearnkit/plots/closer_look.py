"""Figures of A Closer Look: forget efficacy against model utility, and the metrics behind both, row by row."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from unlearnkit.errors import KitError
from unlearnkit.plots.points import named_points
from unlearnkit.plots.style import (
    DASHED,
    FAINT,
    SMALL,
    add_caption,
    base_models,
    fill_of,
    house_style,
    known,
    label_of,
    new_figure,
    not_drawn,
    size_of,
    styles_of,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LINES = ("--", ":", "-.")  # of rows with a note


def utility_vs_efficacy(rows: list[dict], caption: str, keys: tuple[str, str]) -> "Figure":
    """One panel per base model and forget split (`fold`, may be None): x forget efficacy, y model utility; from 0 to 1.

    keys: of utility and efficacy. Dashed: the retain model's efficacy. Rows without either number are named in the
    caption. KitError where no row has both.
    """
    utility, efficacy = keys
    drawn = [row for row in rows if known(row.get(utility)) and known(row.get(efficacy))]
    if not drawn:
        raise KitError(f"figure of utility and efficacy: no row has both {utility} and {efficacy}")
    styles = styles_of(rows)
    panels = {(row["base_model"], row["fold"]): [] for row in drawn}
    for row in drawn:
        panels[row["base_model"], row["fold"]].append(row)
    with house_style():
        figure = new_figure(height=0.5 + 3.4 * len(panels))
        all_axes = figure.subplots(len(panels), 1, squeeze=False)[:, 0]
        for axes, (name, members) in zip(all_axes, panels.items(), strict=True):
            _square(axes, ", ".join(filter(None, name)), members, keys)
        dashed = any(row["method"] == "retain" for row in drawn)
        notes = [*(["Dashed: the retain model's FE, the ideal."] if dashed else []), "Hollow: collapsed."]
        add_caption(figure, caption, notes + not_drawn([row for row in rows if row not in drawn]))
        for axes, members in zip(all_axes, panels.values(), strict=True):
            named_points(axes, members, [(row[efficacy], row[utility]) for row in members], styles)
    return figure


def _square(axes: "Axes", title: str, rows: list[dict], keys: tuple[str, str]) -> None:
    import seaborn

    utility, efficacy = keys
    axes.set_xlim(-0.04, 1.04)
    axes.set_ylim(-0.06, max(0.3, *(1.1 * row[utility] for row in rows)))
    for row in rows:
        if row["method"] == "retain":
            axes.axvline(row[efficacy], color=FAINT, linewidth=0.8, linestyle=DASHED, zorder=1)
    axes.set_xlabel("FE: forget efficacy")
    axes.set_ylabel("MU: model utility")
    axes.set_title(title)
    axes.set_title("kept ↑", loc="right", color=FAINT, fontsize=SMALL)
    seaborn.despine(ax=axes)


def over_requests(rows: list[dict], caption: str, columns: Sequence[tuple[str, str, int]]) -> "Figure":
    """One panel per base model and column: x the request (`fold`, "request 2"), y its value; a line a row's name.

    columns: (key, head, digits). Hollow: collapsed. Rows without a number are left out.
    """
    import seaborn

    styles, groups = styles_of(rows), base_models(rows)
    panels = [(name, *column[:2]) for name in groups for column in columns]
    with house_style():
        figure = new_figure(height=0.5 + 3.2 * len(panels))
        all_axes = figure.subplots(len(panels), 1, squeeze=False)[:, 0]
        for axes, (name, key, head) in zip(all_axes, panels, strict=True):
            chains: dict[str, list[dict]] = {}
            for row in groups[name]:
                if known(row.get(key)):
                    chains.setdefault(row["printed_as"], []).append(row)
            for number, (label, chain) in enumerate(chains.items()):
                marker, colour = styles[chain[0]["method"]]
                line = LINES[number % len(LINES)] if chain[0].get("note") else "-"
                points = [(int(row["fold"].rpartition(" ")[2]), row[key]) for row in chain]
                axes.plot(*zip(*points, strict=True), line, color=colour, linewidth=1.1, label=label, zorder=2)
                for point, row in zip(points, chain, strict=True):
                    size = size_of(marker, 6.0)
                    axes.plot(*point, marker=marker, markersize=size, **fill_of(row, colour), zorder=3)
            axes.set_ylim(-0.04, 1.04)
            axes.set_xticks(range(1, 1 + max(len(chain) for chain in chains.values())))
            axes.set_xlabel("request")
            axes.set_ylabel(head)
            axes.set_title(name)
            axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
            seaborn.despine(ax=axes)
        add_caption(figure, caption, ["Hollow: collapsed."])
    return figure


def parts(rows: list[dict], caption: str, columns: Sequence[tuple[str, str]], share: str = "a third of MU") -> "Figure":
    """One panel per forget split (`fold`) of one base model: a line a row, a column a metric; all from 0 to 1.

    columns: (key, head). share: what the right six columns are. A cell is its number, shaded by it; what a row lacks
    stays empty.
    """
    groups: dict[str, list[dict]] = {}
    for row in rows:
        groups.setdefault(row["fold"], []).append(row)
    (base_model,) = base_models(rows)
    heights = [len(members) for members in groups.values()]
    with house_style():
        figure = new_figure(height=0.9 * len(groups) + 0.19 * sum(heights))
        all_axes = figure.subplots(len(groups), 1, squeeze=False, height_ratios=heights)[:, 0]
        for axes, (fold, members) in zip(all_axes, groups.items(), strict=True):
            _cells(axes, members, columns)
            axes.set_title(", ".join(filter(None, (base_model, fold))), pad=20)
        add_caption(figure, caption, [f"The left six columns make FE but for TE, the right six are {share}."])
    return figure


def _cells(axes: "Axes", rows: list[dict], columns: Sequence[tuple[str, str]]) -> None:
    import numpy

    values = numpy.array(
        [[row.get(key) if known(row.get(key)) else numpy.nan for key, _ in columns] for row in rows], dtype=float
    )
    axes.imshow(values, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (line, column), value in numpy.ndenumerate(values):
        if value == value:
            ink = "white" if value > 0.6 else "black"
            axes.text(column, line, f"{value:.2f}", ha="center", va="center", color=ink, fontsize=SMALL)
    axes.set_xticks(range(len(columns)), [head.replace(" ", "\n", 1) for _, head in columns])
    axes.xaxis.tick_top()
    axes.set_yticks(range(len(rows)), [label_of(row) for row in rows])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.axvline(len(columns) / 2 - 0.5, color="white", linewidth=4)
