"""How the rows got where they are: probabilities of both sets and forget quality over the optimiser steps.
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
WIDEST = 9.0  # what lines that coincide may add to it
EVERY_STEP_UP_TO = 10  # steps: so many have a tick each
GAP = 5.5  # between the markers of lines that end together, points
CLOSE = 0.02  # lines of probabilities that are nowhere further apart than this coincide
LEGEND_COLUMNS = 3
RETAIN_LINE = {"color": STYLE["retain"][1], "linewidth": 1, "linestyle": DASHED}
REFERENCE = ("base", "original", "retain", "retain_2")  # no trajectory is missing there


def trajectories_over_steps(trajectories: dict[str, list[dict]], rows: list[dict], caption: str) -> "Figure":
    """Three panels per base model: forget probability, retain probability, forget quality p (log scale).

    Rows of variant "release" are not drawn.
    trajectories: row name ('llama/npo') -> points with `step` and the keys of PANELS; no value: a gap.
    The retain model's own values are a grey line, where its row has them. KitError: no row has points.
    """
    released = [row for row in rows if row.get("variant") == "release"]
    drawn = [row for row in rows if row not in released and trajectories.get(row_name(row))]
    if not drawn:
        raise KitError("figure of trajectories: no row has one")
    missing = [row for row in rows if row not in drawn + released and row["method"] not in REFERENCE]
    groups, styles = base_models(drawn), styles_of(rows)
    with house_style():
        figure = new_figure(height=1.3 + 2.2 * len(groups) + 0.17 * math.ceil(len(drawn) / LEGEND_COLUMNS))
        grid = figure.subplots(len(groups), len(PANELS), squeeze=False)
        for line, (base_model, members) in zip(grid, groups.items(), strict=True):
            retain = next((row for row in base_models(rows)[base_model] if row["method"] == "retain"), {})
            for axes, (key, title) in zip(line, PANELS.items(), strict=True):
                _panel(axes, key, members, trajectories, styles)
                if key != "forget_quality_p" and known(retain.get(key)):
                    axes.axhline(retain[key], **RETAIN_LINE, label="retain model", zorder=1)
                axes.set_title(f"{base_model}: {title}" if len(groups) > 1 else title)
            line[1].set_xlabel("optimiser step")
        _legend(figure, drawn, trajectories, styles)
        notes = ["Marker: last step; side by side where lines end together."]
        values = [point.get("forget_quality_p") for row in drawn for point in trajectories[row_name(row)]]
        if any(known(value) and value < FLOOR for value in values):
            notes.append(f"p below {FLOOR:g}: drawn there.")
        add_caption(figure, caption, notes + first_seed(drawn) + not_drawn(missing, released))
        for line, members in zip(grid, groups.values(), strict=True):
            for axes, key in zip(line, PANELS, strict=True):
                _ends(axes, key, members, trajectories, styles)
    return figure


def _panel(axes: "Axes", key: str, rows: list[dict], trajectories: dict[str, list[dict]], styles: dict) -> None:
    import seaborn

    floor = FLOOR if key == "forget_quality_p" else 0.0
    lowest = 1.0
    for row, width in zip(rows, _widths(rows, trajectories), strict=True):
        points = trajectories[row_name(row)]
        values = [max(point[key], floor) if known(point.get(key)) else math.nan for point in points]
        lowest = min([lowest, *(value for value in values if not math.isnan(value))])
        axes.plot(
            [point["step"] for point in points],
            values,
            color=styles[row["method"]][1],
            linewidth=width,
            clip_on=False,
            zorder=3,
            gid=row_name(row),
        )
    last = max(1, *(trajectories[row_name(row)][-1]["step"] for row in rows))
    axes.set_xlim(0, 1.1 * last)
    if last <= EVERY_STEP_UP_TO:
        axes.set_xticks(range(last + 1))
    else:
        axes.xaxis.get_major_locator().set_params(integer=True)
    if key == "forget_quality_p":
        p_axis(axes, lowest, every=2)
    else:
        axes.set_ylim(0, 1)
    seaborn.despine(ax=axes)


def _widths(rows: list[dict], trajectories: dict[str, list[dict]]) -> list[float]:
    """Widths of the rows' lines: of lines that coincide each later one is narrower than the one below it."""
    lines = [trajectories[row_name(row)] for row in rows]
    above = [sum(_coincide(line, other) for other in lines[index + 1 :]) for index, line in enumerate(lines)]
    step = min(1.8, WIDEST / max(1, *above))
    return [WIDTH + step * count for count in above]


def _coincide(one: list[dict], other: list[dict]) -> bool:
    """Whether two trajectories look the same: close probabilities at all steps they share, two or more."""
    by_step = {point["step"]: point for point in other}
    pairs = [(point, by_step[point["step"]]) for point in one if point["step"] in by_step]
    keys = ("forget_probability", "retain_probability")
    return len(pairs) > 1 and all(abs((a.get(key) or 0) - (b.get(key) or 0)) < CLOSE for a, b in pairs for key in keys)


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


def _legend(figure: "Figure", rows: list[dict], trajectories: dict[str, list[dict]], styles: dict) -> None:
    from matplotlib.lines import Line2D

    one = len(base_models(rows)) == 1
    handles = {}
    for row in rows:
        marker, colour = styles[row["method"]]
        rate = trajectories[row_name(row)][-1].get("learning_rate") or row.get("learning_rate")
        label = f"{label_of(row)}, lr {rate:g}" if one and rate is not None else label_of(row)
        handles.setdefault(
            label,
            Line2D([], [], color=colour, linewidth=2, marker=marker,
                   markersize=size_of(marker, 6.5),
                   label=label, **fill_of(row, colour)),
        )  # fmt: skip
    for axes in figure.axes:
        lines, labels = axes.get_legend_handles_labels()
        handles |= dict(zip(labels, lines, strict=True))
    figure.legend(handles=[*handles.values()], loc="outside upper left", ncols=LEGEND_COLUMNS)
