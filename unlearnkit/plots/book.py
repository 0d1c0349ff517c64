"""The figure of a forgotten book: FQ Gap against the mean zero-shot accuracy, one marker a row."""

from typing import TYPE_CHECKING

from unlearnkit.errors import KitError
from unlearnkit.plots.labels import moved, places_of, side_by_side, write_labels
from unlearnkit.plots.style import (
    FAINT,
    SMALL,
    add_caption,
    base_models,
    dark,
    fill_of,
    house_style,
    known,
    label_of,
    main_rows,
    new_figure,
    not_drawn,
    row_name,
    size_of,
    styles_of,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARKER_SIZE = 8.5  # points
LINEAR_UP_TO = 1.0  # FQ Gap: below it the axis is linear, above it logarithmic


def fq_gap_vs_accuracy(rows: list[dict], caption: str) -> "Figure":
    """One panel per base model: x mean accuracy, y FQ Gap, 0 at the top; rows in the paper's form.

    Rows without either number are named in the caption. KitError where no row has both.
    """
    main = main_rows(rows)
    drawn = [row for row in main if known(row.get("fq_gap")) and known(row.get("mean_accuracy"))]
    if not drawn:
        raise KitError("figure of FQ Gap: no row has both fq_gap and mean_accuracy")
    groups, styles = base_models(drawn), styles_of(rows)
    with house_style():
        figure = new_figure(height=0.5 + 4.2 * len(groups))
        panels = figure.subplots(len(groups), 1, squeeze=False)[:, 0]
        for axes, (base_model, members) in zip(panels, groups.items(), strict=True):
            _scales(axes, base_model, members)
        error = max(row.get("mean_accuracy_se") or 0.0 for row in drawn)
        notes = [f"Standard error of an accuracy, over questions: at most {error:.3f}."]
        notes += ["Markers that would cover each other stand side by side.", "Hollow: collapsed."]
        missing = [row for row in main if row not in drawn]
        others = [row for row in rows if row not in main]
        add_caption(figure, caption, notes + not_drawn(missing, others))
        for axes, members in zip(panels, groups.values(), strict=True):
            _points(axes, members, styles)
    return figure


def _scales(axes: "Axes", base_model: str, rows: list[dict]) -> None:
    import seaborn

    x, y = [row["mean_accuracy"] for row in rows], [row["fq_gap"] for row in rows]
    margin = 0.12 * (max(x) - min(x)) or 0.02
    axes.set_xlim(min(x) - margin, max(x) + margin)
    axes.set_yscale("symlog", linthresh=LINEAR_UP_TO)
    highest = max(*y, LINEAR_UP_TO)
    axes.set_ylim(1.8 * highest, -0.25)
    ticks = [tick for tick in (0, 0.5, 1, 2, 5, 10, 20, 50, 100) if tick <= 1.8 * highest]
    axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_yticks([], minor=True)
    axes.axhline(0, color=FAINT, linewidth=0.7, zorder=1)
    axes.set_xlabel("mean zero-shot accuracy")
    axes.set_ylabel("FQ Gap")
    axes.set_title(base_model)
    axes.set_title("better ↗", loc="right", color=FAINT, fontsize=SMALL)
    seaborn.despine(ax=axes)


def _points(axes: "Axes", rows: list[dict], styles: dict) -> None:
    points = [(row["mean_accuracy"], row["fq_gap"]) for row in rows]
    places = places_of(axes, points)
    shifts = side_by_side(axes, places)
    for row, point, shift in zip(rows, points, shifts, strict=True):
        marker, colour = styles[row["method"]]
        where = {"transform": moved(axes, shift), "linestyle": "none", "clip_on": False, "gid": row_name(row)}
        size = size_of(marker, MARKER_SIZE)
        axes.plot(*point, **where, marker=marker, markersize=size, **fill_of(row, colour), zorder=4)
    moved_places = [(x + shift, y) for (x, y), shift in zip(places, shifts, strict=True)]
    write_labels(axes, moved_places, [(label_of(row), dark(styles[row["method"]][1])) for row in rows], [])
