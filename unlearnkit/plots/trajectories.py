"""How the rows got where they are: probabilities of both sets and forget quality over optimiser steps or epochs.
Step 0 is the original model; the marker stands on the last step, the one that the table reports.
Lines that coincide stay countable: each later one is narrower than those below it."""

import math
from typing import TYPE_CHECKING

from unlearnkit.errors import KitError
from unlearnkit.plots.labels import moved, places_of, side_by_side
from unlearnkit.plots.style import (
    DASHED,
    FLOOR,
    STYLE,
    add_caption,
    base_models,
    fill_of,
    first_seed,
    house_style,
    known,
    label_of,
    new_figure,
    not_drawn,
    p_axis,
    row_name,
    size_of,
    styles_of,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANELS = {
    "forget_probability": "forget probability",
    "retain_probability": "retain probability",
    "forget_quality_p": "forget quality, p",
}
WIDTH = 1.6  # of a line, points
WIDEST = 6.0  # what lines that coincide may add to it
EVERY_STEP_UP_TO = 10  # steps: so many have a tick each
GAP = 5.5  # between the markers of lines that end together, points
CLOSE = 0.02  # of the axis: lines that are nowhere further apart coincide
LEGEND_COLUMNS = 3
RETAIN_LINE = {"color": STYLE["retain"][1], "linewidth": 1, "linestyle": DASHED}
REFERENCE = ("base", "original", "retain", "retain_2")  # no trajectory is missing there


def trajectories_over_steps(
    trajectories: dict[str, list[dict]], rows: list[dict], caption: str, unit: str = "step"
) -> "Figure":
    """Three panels per base model: forget probability, retain probability, forget quality p (log scale).

    Rows of release variants are not drawn.
    trajectories: row name ('llama/npo') -> points with `step` and the keys of PANELS; no value: a gap. unit: what a
    `step` is, "step" or "epoch".
    The retain model's own values are a grey line, where its row has them. KitError: no row has points.
    """
    released = [row for row in rows if row.get("variant") not in (None, "paper")]
    drawn = [row for row in rows if row not in released and trajectories.get(row_name(row))]
    if not drawn:
        raise KitError("figure of trajectories: no row has one")
    missing = [row for row in rows if row not in drawn + released and row["method"] not in REFERENCE]
    groups, styles = base_models(drawn), styles_of(rows)
    with house_style():
        entries = len({row["method"] for row in drawn}) + 1
        figure = new_figure(height=1.1 + 2.4 * len(groups) + 0.17 * math.ceil(entries / LEGEND_COLUMNS))
        grid = figure.subplots(len(groups), len(PANELS), squeeze=False)
        for line, (base_model, members) in zip(grid, groups.items(), strict=True):
            retain = next((row for row in base_models(rows)[base_model] if row["method"] == "retain"), {})
            for axes, (key, title) in zip(line, PANELS.items(), strict=True):
                _panel(axes, key, members, trajectories, styles, retain.get(key))
                if key != "forget_quality_p" and known(retain.get(key)):
                    axes.axhline(retain[key], **RETAIN_LINE, label="retain model", zorder=1)
                axes.set_title(f"{base_model}: {title}" if len(groups) > 1 else title)
            line[1].set_xlabel("optimiser step" if unit == "step" else unit)
        _legend(figure, drawn, trajectories, styles)
        notes = [f"Marker: last {unit}; side by side where lines end together."]
        values = [point.get("forget_quality_p") for row in drawn for point in trajectories[row_name(row)]]
        if any(axes.get_ylim()[0] > 0 for axes in grid[:, :-1].flat):
            notes.append("An axis of probabilities that stay above 0.5 does not start at 0.")
        if any(row.get("status") == "collapsed" for row in drawn):
            notes.append("Hollow: collapsed.")
        settings = {row.get("setting") for row in drawn}
        if settings != {None} and len(settings) == 1:
            notes.append(f"All rows: {settings.pop()} setting.")
        if any(known(value) and value < FLOOR for value in values):
            notes.append(f"p below {FLOOR:g}: drawn there.")
        add_caption(figure, caption, notes + first_seed(drawn) + not_drawn(missing, released))
        for line, members in zip(grid, groups.values(), strict=True):
            for axes, key in zip(line, PANELS, strict=True):
                _ends(axes, key, members, trajectories, styles)
    return figure


def _panel(
    axes: "Axes", key: str, rows: list[dict], trajectories: dict[str, list[dict]], styles: dict, retain: float | None
) -> None:
    import seaborn

    lines = [_line(key, trajectories[row_name(row)]) for row in rows]
    lowest = min((value for line in lines for value in line.values() if not math.isnan(value)), default=1.0)
    if key == "forget_quality_p":
        p_axis(axes, lowest, every=2)
    else:
        lowest = min(lowest, retain if known(retain) else 1.0)
        axes.set_ylim(math.floor(10 * lowest) / 10 if lowest > 0.5 else 0, 1)
    for row, line, width in zip(rows, lines, _widths(axes, lines), strict=True):
        axes.plot(
            [*line.keys()],
            [*line.values()],
            color=styles[row["method"]][1],
            linewidth=width,
            clip_on=False,
            zorder=3,
            gid=row_name(row),
        )
    last = max(1, *(step for line in lines for step in line))
    axes.set_xlim(0, 1.1 * last)
    if last <= EVERY_STEP_UP_TO:
        axes.set_xticks(range(last + 1))
    else:
        axes.xaxis.get_major_locator().set_params(integer=True)
    seaborn.despine(ax=axes)


def _line(key: str, points: list[dict]) -> dict[int, float]:
    """Step -> what is drawn there, nan for a gap."""
    floor = FLOOR if key == "forget_quality_p" else 0.0
    return {point["step"]: max(point[key], floor) if known(point.get(key)) else math.nan for point in points}


def _widths(axes: "Axes", lines: list[dict[int, float]]) -> list[float]:
    """Widths of a panel's lines: of lines that coincide each later one is narrower than the one below it."""
    to_share = axes.transData + axes.transAxes.inverted()
    heights = [{step: to_share.transform((step, value))[1] for step, value in line.items()} for line in lines]
    above = [sum(_coincide(line, other) for other in heights[index + 1 :]) for index, line in enumerate(heights)]
    step = min(1.8, WIDEST / max(1, *above))
    return [WIDTH + step * count for count in above]


def _coincide(one: dict[int, float], other: dict[int, float]) -> bool:
    """Whether two lines look the same: close at all steps they share, two or more."""
    steps = one.keys() & other.keys()
    return len(steps) > 1 and not any(abs(one[step] - other[step]) >= CLOSE for step in steps)


def _ends(axes: "Axes", key: str, rows: list[dict], trajectories: dict[str, list[dict]], styles: dict) -> None:
    """A marker on the last step of every line that has a value there."""
    last = {row_name(row): trajectories[row_name(row)][-1] for row in rows}
    ended = [row for row in rows if known(last[row_name(row)].get(key))]
    floor = FLOOR if key == "forget_quality_p" else 0.0
    points = [(last[row_name(row)]["step"], max(last[row_name(row)][key], floor)) for row in ended]
    shifts = side_by_side(axes, places_of(axes, points), GAP)
    for row, point, shift in zip(ended, points, shifts, strict=True):
        marker, colour = styles[row["method"]]
        axes.plot(
            *point,
            transform=moved(axes, shift),
            marker=marker,
            markersize=size_of(marker, 6.5),
            linestyle="none",
            **fill_of(row, colour),
            clip_on=False,
            zorder=4,
            gid=f"{row_name(row)}, last step",
        )


def _name(row: dict) -> str:
    """The row in the legend: what the markers and the notes below the figure say is not said again."""
    label = row["printed_as"] if row["status"] == "collapsed" else label_of(row)
    return label.replace(f", {row.get('setting')} setting", "")


def _legend(figure: "Figure", rows: list[dict], trajectories: dict[str, list[dict]], styles: dict) -> None:
    from matplotlib.lines import Line2D

    one = len(base_models(rows)) == 1
    handles = {}
    for row in rows:
        marker, colour = styles[row["method"]]
        rate = trajectories[row_name(row)][-1].get("learning_rate") or row.get("learning_rate")
        label = f"{_name(row)}, lr {rate:g}" if one and rate is not None else _name(row)
        handles.setdefault(
            label,
            Line2D([], [], color=colour, linewidth=2, marker=marker,
                   markersize=size_of(marker, 6.5),
                   label=label),
        )  # fmt: skip
    for axes in figure.axes:
        lines, labels = axes.get_legend_handles_labels()
        handles |= dict(zip(labels, lines, strict=True))
    figure.legend(handles=[*handles.values()], loc="outside upper left", ncols=LEGEND_COLUMNS)
