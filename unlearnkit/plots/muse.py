"""Figures of forgotten documents: what is still known of them against what is kept, PrivLeak with intervals, and what
is kept when more and more is forgotten."""

import math
from typing import TYPE_CHECKING

from unlearnkit.errors import KitError
from unlearnkit.plots.points import named_points
from unlearnkit.plots.style import (
    DASHED,
    FAINT,
    INK,
    SMALL,
    add_caption,
    base_models,
    fill_of,
    house_style,
    known,
    label_of,
    main_rows,
    new_figure,
    not_drawn,
    size_of,
    styles_of,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

APART = 0.12  # of a forget set: how far the points of two methods are apart in a figure of curves
KEPT = "knowmem_retain"
FORGOTTEN = {"verbmem_forget": "VerbMem, forget", "knowmem_forget": "KnowMem, forget"}
# The two ways of forgetting more sets, as a row's `fold` begins: all of them at once, or each after the one before.
CURVES = {"scal": "scalability: all at once", "sust": "sustainability: one after another"}


def forgotten_vs_kept(rows: list[dict], caption: str) -> "Figure":
    """Two panels per base model: x KnowMem on retain, y VerbMem or KnowMem on forget; dashed: the retain model's.

    What no row has gets no panel; other rows without a number are named in the caption. KitError: nothing to draw.
    """
    main = main_rows(rows)
    asked = [key for key in FORGOTTEN if any(known(row.get(key)) for row in main)]
    drawn = [row for row in main if all(known(row.get(key)) for key in (KEPT, *asked))]
    if not drawn or not asked:
        raise KitError("figure of forgotten documents: no row has KnowMem on retain and a measure of what is forgotten")
    groups, styles = base_models(drawn), styles_of(rows)
    panels = [(name, key) for name in groups for key in asked]
    with house_style():
        figure = new_figure(height=0.5 + 3.6 * len(panels))
        all_axes = figure.subplots(len(panels), 1, squeeze=False)[:, 0]
        for axes, (base_model, key) in zip(all_axes, panels, strict=True):
            _scales(axes, base_model, groups[base_model], key)
        notes = ["Dashed: the retain model; lower is not better forgetting.", "Hollow: collapsed."]
        missing, others = [row for row in main if row not in drawn], [row for row in rows if row not in main]
        add_caption(figure, caption, notes + not_drawn(missing, others))
        for axes, (base_model, key) in zip(all_axes, panels, strict=True):
            members = groups[base_model]
            named_points(axes, members, [(row[KEPT], row[key]) for row in members], styles)
    return figure


def _scales(axes: "Axes", base_model: str, rows: list[dict], key: str) -> None:
    import seaborn

    for setting, values in (
        (axes.set_xlim, [row[KEPT] for row in rows]),
        (axes.set_ylim, [row[key] for row in rows]),
    ):
        setting(-6, max(*values, 10) * 1.12)
    for row in rows:
        if row["method"] == "retain":
            axes.axhline(row[key], color=FAINT, linewidth=0.8, linestyle=DASHED, zorder=1)
    axes.set_xlabel("KnowMem, retain")
    axes.set_ylabel(FORGOTTEN[key])
    axes.set_title(base_model)
    axes.set_title("kept →", loc="right", color=FAINT, fontsize=SMALL)
    seaborn.despine(ax=axes)


def privleak(rows: list[dict], caption: str) -> "Figure":
    """A panel per base model, a bar per row with its 95 % interval; 0 is the retain model.

    Rows without a number are named in the caption. KitError where no row has one.
    """
    main = main_rows(rows)
    drawn = [row for row in main if known(row.get("privleak"))]
    if not drawn:
        raise KitError("figure of PrivLeak: no row has it")
    groups, styles = base_models(drawn), styles_of(rows)
    with house_style():
        figure = new_figure(height=0.8 + sum(0.4 + 0.24 * len(members) for members in groups.values()))
        sizes = [len(members) for members in groups.values()]
        panels = figure.subplots(len(groups), 1, squeeze=False, height_ratios=sizes)[:, 0]
        for axes, (base_model, members) in zip(panels, groups.items(), strict=True):
            _bars(axes, members, styles)
            axes.set_title(base_model)
        panels[-1].set_xlabel("PrivLeak, %")
        missing, others = [row for row in main if row not in drawn], [row for row in rows if row not in main]
        notes = ["Lines: 95 % intervals over documents.", "Hollow: collapsed."]
        add_caption(figure, caption, notes + not_drawn(missing, others))
    return figure


def _bars(axes: "Axes", rows: list[dict], styles: dict) -> None:
    for line, row in enumerate(rows):
        colour = styles[row["method"]][1]
        hollow = row.get("status") == "collapsed"
        axes.barh(line, row["privleak"], height=0.6, color="white" if hollow else colour, edgecolor=colour)
        ends = [row.get(f"privleak_ci_{end}") for end in ("lo", "hi")]
        if all(known(end) for end in ends):
            axes.plot(ends, (line, line), color=INK, linewidth=0.9)
    axes.axvline(0, color=FAINT, linewidth=0.8)
    axes.set_yticks(range(len(rows)), [label_of(row) for row in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)


def curve(rows: list[dict], method: str, kind: str) -> list[tuple[int, dict]]:
    """(number of forget sets, row) of a method's curve, `kind` of CURVES; rows of one base model.

    0 is the original model, 1 the method's own row: one set is the same either way.
    """
    own = {row["method"]: row for row in main_rows(rows) if not row.get("fold")}
    later = [row for row in rows if row["method"] == method and (row.get("fold") or "").startswith(kind)]
    points = [(int(row["fold"].rpartition("_")[2]), row) for row in later]
    return [(0, own["original"]), (1, own[method]), *points]


def curves(rows: list[dict], caption: str) -> "Figure":
    """Two panels per base model: KnowMem on retain over the number of forget sets, all at once and one after another.

    A point without a number is a gap. KitError where no row is a point of a curve.
    """
    named = list(dict.fromkeys(row["method"] for row in rows if row.get("fold")))
    if not named:
        raise KitError("figure of more forget sets: no row has a fold")
    groups, styles = base_models(rows), styles_of(rows)
    with house_style():
        figure = new_figure(height=1.2 + 2.6 * len(groups))
        grid = figure.subplots(len(groups), len(CURVES), squeeze=False, sharey="row")
        for line, (base_model, members) in zip(grid, groups.items(), strict=True):
            for axes, (kind, title) in zip(line, CURVES.items(), strict=True):
                _curve_panel(axes, members, kind, named, styles)
                axes.set_title(f"{base_model}, {title}" if len(groups) > 1 else title)
            line[0].set_ylabel("KnowMem, retain")
        handles, labels = grid[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper left", ncols=len(named))
        notes = ["0: the original model.", "Points of one number stand side by side.", "Hollow: collapsed."]
        add_caption(figure, caption, notes)
    return figure


def _curve_panel(axes: "Axes", rows: list[dict], kind: str, named: list[str], styles: dict) -> None:
    import seaborn

    for place, method in enumerate(named):
        marker, colour = styles[method]
        points = curve(rows, method, kind)
        aside = APART * (place - (len(named) - 1) / 2)
        places = [number + aside for number, _ in points]
        values = [row[KEPT] if known(row.get(KEPT)) else math.nan for _, row in points]
        shape = {"marker": marker, "markersize": size_of(marker, 7), "linestyle": "none"}
        axes.plot(places, values, color=colour, linewidth=1.4, zorder=2)
        axes.plot([], [], label=points[1][1]["printed_as"], **shape, **fill_of({}, colour))  # for the legend
        for x, y, (_, row) in zip(places, values, points, strict=True):
            axes.plot(x, y, clip_on=False, zorder=3, **shape, **fill_of(row, colour))
    axes.set_ylim(0, None)
    axes.set_xticks(range(len(points)))
    axes.set_xlabel("forget sets")
    seaborn.despine(ax=axes)
