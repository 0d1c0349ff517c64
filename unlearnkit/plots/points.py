"""Markers with their names beside them, as in every figure of one marker a row."""

from typing import TYPE_CHECKING

from unlearnkit.plots.labels import Point, moved, places_of, side_by_side, write_labels
from unlearnkit.plots.style import dark, fill_of, label_of, row_name, size_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MARKER_SIZE = 8.5  # points


def named_points(axes: "Axes", rows: list[dict], points: list[Point], styles: dict) -> None:
    """One marker a row at its point, in its method's style; markers that would cover each other stand side by side.

    The layout must be final. styles: `style.styles_of`.
    """
    places = places_of(axes, points)
    shifts = side_by_side(axes, places)
    for row, point, shift in zip(rows, points, shifts, strict=True):
        marker, colour = styles[row["method"]]
        where = {"transform": moved(axes, shift), "linestyle": "none", "clip_on": False, "gid": row_name(row)}
        size = size_of(marker, MARKER_SIZE)
        axes.plot(*point, **where, marker=marker, markersize=size, **fill_of(row, colour), zorder=4)
    moved_places = [(x + shift, y) for (x, y), shift in zip(places, shifts, strict=True)]
    write_labels(axes, moved_places, [(label_of(row), dark(styles[row["method"]][1])) for row in rows], [])
