"""Where each method can get to: forget quality (p, log scale) against model utility over learning rates and steps.
One small panel per method, all with the same axes and all other methods' points in grey behind: a method whose
points lie on the upper right edge of the grey cloud is on the front. p below FLOOR is drawn at the floor, a collapsed
point's utility far below the others' at the left edge."""

from typing import TYPE_CHECKING

from unlearnkit.errors import KitError, nearest
from unlearnkit.plots.style import (
    FLOOR,
    INK,
    STYLE,
    add_caption,
    base_models,
    dark,
    house_style,
    known,
    new_figure,
    p_axis,
    row_name,
    styles_of,
)
from unlearnkit.plots.tradeoff import UTILITY, left_edge

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

COLUMNS = 4
LIGHTEST = 0.4  # share of its colour that the lowest learning rate has, the rest is white
DARKEST = 0.7  # brightness of the highest one's, of the colour for text
SIZES = (2.5, 5.0)  # of the markers at the fewest and the most steps, points
REFERENCES = {"original": "original model", "retain": "retain model"}
BEHIND = {"marker": "o", "markersize": 2.5, "color": "#E2E2E2", "markeredgewidth": 0, "linestyle": "none"}
RING = {
    "marker": "o", "markersize": 10, "markerfacecolor": "none", "markeredgecolor": INK, "markeredgewidth": 1.1,
    "linestyle": "none",
}  # fmt: skip


def fronts(points: list[dict], references: list[dict], base_model: str, caption: str) -> "Figure":
    """One panel per method of a base model, in the order of the points; x model utility, y forget quality p (log).

    points: `front.read`'s, one per method, learning rate and steps. references: the rows original and retain, marked
    in every panel. Points without either number are counted in the caption. KitError: the base model has no points.
    """
    mine = [{"printed_as": point["method"]} | point for point in points if point["base_model"] == base_model]
    drawn = [point for point in mine if _has_both(point)]
    if not drawn:
        have = base_models(filter(_has_both, points))
        choices = nearest(base_model, have) if have else ""
        raise KitError(f"figure of fronts: no points of base model '{base_model}'{choices}")
    marks = [row for row in references if row["base_model"] == base_model and _has_both(row)]
    left = left_edge(drawn + marks)
    notes = _notes(mine, drawn, left)
    drawn = [point | {UTILITY: max(point[UTILITY], left)} for point in drawn]
    methods = list(dict.fromkeys(point["method"] for point in drawn))
    rates, steps = (sorted({point[axis] for point in drawn}) for axis in ("learning_rate", "steps"))
    styles = styles_of(points)
    with house_style():
        columns = min(COLUMNS, len(methods))
        lines = -(-len(methods) // columns)
        figure = new_figure(height=1.6 + 1.6 * lines)
        grid = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False).flat
        for axes, method in zip(grid, methods, strict=False):
            _scales(axes, drawn + marks)
            _behind(axes, [point for point in drawn if point["method"] != method], marks)
            members = [point for point in drawn if point["method"] == method]
            for rate in rates:
                line = sorted((p for p in members if p["learning_rate"] == rate), key=lambda point: point["steps"])
                _line(axes, line, _shade(styles[method][1], rates, rate), steps)
            axes.set_title(members[0]["printed_as"], color=dark(styles[method][1]))
        for axes in grid[len(methods) :]:
            axes.set_visible(False)
        for axes in grid[: len(methods)][-columns:]:  # nothing below
            axes.tick_params(labelbottom=True)
            axes.set_xlabel("model utility")
        figure.supylabel("forget quality, p", fontsize=9)
        figure.legend(handles=_legend(drawn, marks, rates), loc="outside upper left", ncols=4, handlelength=1.5)
        add_caption(figure, caption, notes)
    return figure


def _has_both(row: dict) -> bool:
    return known(row.get("forget_quality_p")) and known(row.get(UTILITY))


def _place(row: dict) -> tuple[float, float]:
    return row[UTILITY], max(row["forget_quality_p"], FLOOR)


def _shade(colour: str, rates: list[float], rate: float) -> tuple[float, ...]:
    """The method's colour, the lighter the lower the learning rate; the highest has it a little darker than text."""
    from matplotlib.colors import to_rgb

    share = LIGHTEST + (1 - LIGHTEST) * rates.index(rate) / max(1, len(rates) - 1)
    return tuple(1 - share * (1 - DARKEST * part) for part in to_rgb(dark(colour)))


def _scales(axes: "Axes", rows: list[dict]) -> None:
    import seaborn

    utilities = [row[UTILITY] for row in rows]
    margin = 0.08 * (max(utilities) - min(utilities)) or 0.02
    axes.set_xlim(min(utilities) - margin, max(utilities) + margin)
    p_axis(axes, lowest=min(_place(row)[1] for row in rows), every=2)
    seaborn.despine(ax=axes)


def _behind(axes: "Axes", others: list[dict], marks: list[dict]) -> None:
    """The other methods' points, and the two models that every method is compared with."""
    if others:
        axes.plot(*zip(*map(_place, others), strict=True), **BEHIND, clip_on=False, zorder=1, gid="other methods")
    for row in marks:
        axes.plot(*_place(row), **_mark(row["method"]), clip_on=False, zorder=2, gid=row_name(row))


def _mark(method: str) -> dict:
    marker, colour = STYLE[method]
    return {"marker": marker, "markersize": 8 if marker == "*" else 5, "color": colour, "markeredgewidth": 0,
            "linestyle": "none"}  # fmt: skip


def _line(axes: "Axes", line: list[dict], colour: tuple, steps: list[int]) -> None:
    """One learning rate: its points in the order of their steps, larger with more of them."""
    if not line:
        return
    name = f"{row_name(line[0])}, lr {line[0]['learning_rate']:g}"
    places = [_place(point) for point in line]
    axes.plot(*zip(*places, strict=True), color=colour, linewidth=1, clip_on=False, zorder=3, gid=name)
    for point, place in zip(line, places, strict=True):
        share = steps.index(point["steps"]) / max(1, len(steps) - 1)
        size = SIZES[0] + share * (SIZES[1] - SIZES[0])
        face = "white" if point["status"] == "collapsed" else colour
        axes.plot(
            *place,
            marker="v" if point["forget_quality_p"] < FLOOR else "o",
            markersize=size,
            markerfacecolor=face,
            markeredgecolor=colour,
            markeredgewidth=0.9,
            clip_on=False,
            zorder=4,
            gid=f"{name}, {point['steps']} steps",
        )
        if point["selected"]:
            axes.plot(*place, **RING, clip_on=False, zorder=5, gid=f"{row_name(point)}, selected")


def _legend(drawn: list[dict], marks: list[dict], rates: list[float]) -> list["Line2D"]:
    from matplotlib.lines import Line2D

    grey = {"marker": "o", "markersize": 4, "markeredgewidth": 0.9}
    handles = [
        Line2D([], [], **grey, color=_shade("#808080", rates, rate), label=f"learning rate {rate:g}") for rate in rates
    ]
    if any(point["selected"] for point in drawn):
        handles.append(Line2D([], [], **RING, label="selected on validation authors"))
    if any(point["status"] == "collapsed" for point in drawn):
        hollow = {"color": "#808080", "markerfacecolor": "white", "linestyle": "none"}
        handles.append(Line2D([], [], **grey, **hollow, label="collapsed"))
    handles += [Line2D([], [], **_mark(row["method"]), label=REFERENCES[row["method"]]) for row in marks]
    if len({point["method"] for point in drawn}) > 1:
        handles.append(Line2D([], [], **BEHIND, label="other methods"))
    return handles


def _notes(mine: list[dict], drawn: list[dict], left: float) -> list[str]:
    steps = sorted({point["steps"] for point in drawn})
    notes = [f"Larger markers along a line: more steps ({', '.join(map(str, steps))})."] if len(steps) > 1 else []
    if any(point["forget_quality_p"] < FLOOR for point in drawn):
        notes.append(f"Triangle: p is under {FLOOR:g}, drawn there.")
    if any(point[UTILITY] < left for point in drawn):
        notes.append(f"Utility below {left:.2g}: drawn there, at the left edge.")
    missing = [point["printed_as"] for point in mine if not _has_both(point)]
    if missing:
        counts = (f"{name} ({missing.count(name)})" for name in dict.fromkeys(missing))
        notes.append(f"Points without both numbers, not drawn: {', '.join(counts)}.")
    return notes
