"""Figures of A Closer Look: forget efficacy against model utility, and the metrics behind both, row by row."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from unlearnkit.errors import KitError
from unlearnkit.plots.points import named_points
from unlearnkit.plots.style import (
    DASHED,
    FAINT,
    OWN,
    SMALL,
    add_caption,
    base_models,
    fill_of,
    house_style,
    known,
    label_of,
    new_figure,
    not_drawn,
    row_name,
    size_of,
    styles_of,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

ASIDE = 0.4  # of the way to the next request: as wide as the markers of one stand


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
    axes.set_ylim(-0.06, max(0.3, 1.1 * max(row[utility] for row in rows)))
    for row in rows:
        if row["method"] == "retain":
            axes.axvline(row[efficacy], color=FAINT, linewidth=0.8, linestyle=DASHED, zorder=1)
    by = " (tiny judges)" if utility.endswith("_tiny") else ""
    axes.set_xlabel(f"FE: forget efficacy{by}")
    axes.set_ylabel(f"MU: model utility{by}")
    axes.set_title(title)
    axes.set_title("kept ↑", loc="right", color=FAINT, fontsize=SMALL)
    seaborn.despine(ax=axes)


def over_requests(rows: list[dict], caption: str, columns: Sequence[tuple[str, str, int]]) -> "Figure":
    """One panel per base model and column: x the request (`fold`, "request 2"), y its value; a line a row's name.

    columns: (key, head, digits). Lines stand side by side, so that equal values do not cover each other. Dashed: rows
    with a note, each in a marker and colour of its own. Hollow: collapsed. Rows without a number are left out.
    """
    import seaborn

    groups = base_models(rows)
    panels = [(name, *column[:2]) for name in groups for column in columns]
    with house_style():
        figure = new_figure(height=0.5 + 3.2 * len(panels))
        all_axes = figure.subplots(len(panels), 1, squeeze=False)[:, 0]
        for number, (axes, (name, key, head)) in enumerate(zip(all_axes, panels, strict=True)):
            lines = _lines(axes, [row for row in groups[name] if known(row.get(key))], key)
            axes.set_ylim(-0.04, 1.04)
            axes.set_xlabel("request")
            axes.set_ylabel(head)
            axes.set_title(name)
            if number % len(columns) == 0:
                axes.legend(handles=lines, loc="upper left", bbox_to_anchor=(1.0, 1.0))
            seaborn.despine(ax=axes)
        add_caption(figure, caption, ["Hollow: collapsed."])
    return figure


def _lines(axes: "Axes", rows: list[dict], key: str) -> list["Line2D"]:
    """A line a row's name, with a tick for each request; returns what the legend shows."""
    from matplotlib.lines import Line2D

    chains: dict[str, list[dict]] = {}
    for row in rows:
        chains.setdefault(row["printed_as"], []).append(row)
    styles, noted = styles_of(rows), [name for name, chain in chains.items() if chain[0].get("note")]
    shown = []
    for number, (name, chain) in enumerate(chains.items()):
        own = name in noted
        marker, colour = OWN[noted.index(name) % len(OWN)] if own else styles[chain[0]["method"]]
        size, line = size_of(marker, 6.0), {"linestyle": DASHED if own else "-", "color": colour, "linewidth": 1.1}
        aside = ASIDE * ((number + 0.5) / len(chains) - 0.5)
        points = [(_request(row) + aside, row[key]) for row in chain]
        axes.plot(*zip(*points, strict=True), **line, zorder=2)
        for point, row in zip(points, chain, strict=True):
            axes.plot(*point, marker=marker, markersize=size, **fill_of(row, colour), gid=row_name(row), zorder=3)
        shown.append(Line2D([], [], **line, marker=marker, markersize=size, **fill_of({}, colour), label=name))
    axes.set_xticks(sorted({_request(row) for row in rows}))
    return shown


def _request(row: dict) -> int:
    return int(row["fold"].rpartition(" ")[2])


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
            axes.set_title(", ".join(filter(None, (base_model, fold))), pad=8)
        note = f"The left six columns but TE make FE (its TR: 1 - truth ratio), the right six are {share}."
        add_caption(figure, caption, [note])
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
