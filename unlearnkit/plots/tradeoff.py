"""The figure of the trade-off: forget quality (p, log scale) against model utility, one marker per row.
Where all rows answer the same n questions p takes few values only: the right axis names each one's D = k/n.
p below FLOOR is drawn at the floor, with an arrow and its value. So is the utility of collapsed rows and of the base
model, at the left edge, where it would press all others together."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from unlearnkit.errors import KitError
from unlearnkit.metrics.tofu import ks_exact_p
from unlearnkit.plots.labels import Box, Point, moved, places_of, side_by_side, write_labels
from unlearnkit.plots.style import (
    ALPHA,
    FAINT,
    FLOOR,
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
    p_axis,
    row_name,
    size_of,
    styles_of,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

UTILITY = "model_utility_geometric"
MARKER_SIZE = 8.5  # points
SEED_SIZE = 4.5  # of a seed's marker
ALL_LEVELS_UP_TO = 100  # questions; with more of them only the levels that rows reach are drawn


def forget_quality_vs_model_utility(rows: list[dict], caption: str, seeds: Sequence[dict] = ()) -> "Figure":
    """One panel per base model, one marker per row: x model utility (geometric), y forget quality p (log).

    Drawn are rows in the paper's form at the table's own setting. seeds: the values of every row and seed; where
    they are several they are faint markers, and a cross of thin lines from the lowest to the highest.
    Rows without either number are named in the caption. Raises KitError where no row has both.
    """
    main = main_rows(rows)
    drawn = [row for row in main if _has_both(row)]
    if not drawn:
        raise KitError(f"figure of forget quality: no row has both forget_quality_p and {UTILITY}")
    groups, styles = base_models(drawn), styles_of(rows)
    draws = _draws(drawn, seeds)
    with house_style():
        figure = new_figure(height=0.5 + 4.2 * len(groups))
        panels = figure.subplots(len(groups), 1, squeeze=False)[:, 0]
        for axes, (base_model, members) in zip(panels, groups.items(), strict=True):
            _scales(axes, base_model, members, draws)
            _levels(axes, members)
        missing = [row for row in main if row not in drawn]
        others = [row for row in rows if row not in main]
        add_caption(figure, caption, _notes(drawn, draws) + not_drawn(missing, others))
        for axes, members in zip(panels, groups.values(), strict=True):
            _points(axes, members, styles, draws)
    return figure


def _has_both(row: dict) -> bool:
    return known(row.get("forget_quality_p")) and known(row.get(UTILITY))


def _draws(rows: list[dict], seeds: Sequence[dict]) -> dict[str, list[dict]]:
    """Row name -> its seeds, where they are several."""
    found = {row_name(row): [one for one in seeds if row_name(one) == row_name(row) and _has_both(one)] for row in rows}
    return {name: several for name, several in found.items() if len(several) > 1}


def _notes(rows: list[dict], draws: dict[str, list[dict]]) -> list[str]:
    notes = ["Markers that would cover each other stand side by side."]
    if draws:
        notes.append("Large: the row of the table. Small: every seed. Thin lines: from the lowest to the highest seed.")
    if any(row["forget_quality_p"] < FLOOR for row in rows):
        notes.append(f"Triangle below: p is under {FLOOR:g}, drawn there.")
    if any(row[UTILITY] < left_edge(members) for members in base_models(rows).values() for row in members):
        notes.append("Triangle on the left: the utility (MU) is lower, drawn at the edge.")
    return notes


def left_edge(rows: list[dict]) -> float:
    """The lowest utility of one panel's axis: at most half the span of the others lies below them."""
    utilities = [row[UTILITY] for row in rows]
    others = [row[UTILITY] for row in rows if row["method"] != "base" and row.get("status") != "collapsed"] or utilities
    return max(min(utilities), min(others) - (max(others) - min(others)) / 2)


def _point(row: dict, left: float) -> Point:
    """Where a row or one of its seeds is drawn."""
    return max(row[UTILITY], left), max(row["forget_quality_p"], FLOOR)


def _scales(axes: "Axes", base_model: str, rows: list[dict], draws: dict[str, list[dict]]) -> None:
    import seaborn

    every = [*rows, *(one for row in rows for one in draws.get(row_name(row), ()))]
    x, y = zip(*(_point(one, left_edge(rows)) for one in every), strict=True)
    margin = 0.09 * (max(x) - min(x)) or 0.02
    axes.set_xlim(min(x) - margin, max(x) + margin)
    p_axis(axes, lowest=min(y))
    axes.set_xlabel("model utility")
    axes.set_ylabel("forget quality, p")
    axes.set_title(base_model)
    axes.set_title("better ↗", loc="right", color=FAINT, fontsize=SMALL)
    seaborn.despine(ax=axes)


def _levels(axes: "Axes", rows: list[dict]) -> None:
    """Faint lines and the right axis: p-values that the number of questions allows, the rows' own first."""
    n = rows[0].get("forget_quality_n")
    sizes = {row.get(key) or n for row in rows for key in ("forget_quality_n", "forget_quality_m")}
    if not n or len(sizes) > 1:
        return
    reached = [row for row in rows if known(row.get("forget_quality_d"))]
    levels = {round(row["forget_quality_d"] * n): row["forget_quality_p"] for row in reached}
    if n <= ALL_LEVELS_UP_TO:
        levels |= {k: ks_exact_p(k, n, n) for k in range(n + 1) if k not in levels}
    low, high = (math.log10(limit) for limit in axes.get_ylim())
    gap = (high - low) / 20  # so many labels fit
    shown: dict[int, float] = {}
    for k, p in levels.items():
        if p >= FLOOR and all(abs(math.log10(p / other)) >= gap for other in shown.values()):
            shown[k] = p
            axes.axhline(p, color="#E6E6E6", linewidth=0.7, zorder=0)
    side = axes.secondary_yaxis("right")
    side.set_yticks(list(shown.values()), [f"{k}/{n}" for k in shown])
    side.set_yticks([], minor=True)
    side.set_ylabel("KS distance, D = k/n")
    side.spines["right"].set_visible(False)
    side.tick_params(length=0)


def _points(axes: "Axes", rows: list[dict], styles: dict, draws: dict[str, list[dict]]) -> None:
    left = left_edge(rows)
    points = [_point(row, left) for row in rows]
    places = places_of(axes, points)
    shifts = side_by_side(axes, places)
    obstacles = [_alpha_line(axes)]
    for row, point, place, shift in zip(rows, points, places, shifts, strict=True):
        marker, colour = styles[row["method"]]
        where = {"transform": moved(axes, shift), "linestyle": "none", "clip_on": False}
        size = size_of(marker, MARKER_SIZE)
        if row_name(row) in draws:
            seeds = [_point(one, left) for one in draws[row_name(row)]]
            small = {"marker": marker, "markersize": size_of(marker, SEED_SIZE), "color": colour, "alpha": 0.5}
            gid = f"{row_name(row)}, seeds"
            axes.plot(*zip(*seeds, strict=True), **where | small, markeredgewidth=0, zorder=3, gid=gid)
            obstacles += [(x + shift - 2, y - 2, x + shift + 2, y + 2) for x, y in places_of(axes, seeds)]
            _range(axes, point, seeds, where | {"color": colour, "gid": f"{row_name(row)}, range"})
        axes.plot(*point, **where, marker=marker, markersize=size, **fill_of(row, colour), zorder=4, gid=row_name(row))
        arrow = {"markersize": 5, "color": colour, "markeredgewidth": 0, "clip_on": False}
        x, y = place[0] + shift, place[1]
        if row["forget_quality_p"] < FLOOR:
            axes.plot(*point, transform=moved(axes, shift, down=10), marker=(3, 0, 180), **arrow)
            obstacles.append((x - 3, y - 13, x + 3, y))
        if row[UTILITY] < left:
            axes.plot(*point, transform=moved(axes, shift - 10), marker=(3, 0, 90), **arrow)
            obstacles.append((x - 13, y - 3, x, y + 3))
    places = [(x + shift, y) for (x, y), shift in zip(places, shifts, strict=True)]
    write_labels(axes, places, [(_text(row, left), dark(styles[row["method"]][1])) for row in rows], obstacles)


def _range(axes: "Axes", point: Point, seeds: list[Point], where: dict) -> None:
    """From the lowest to the highest seed, through the row's marker and moved aside as that is."""
    x, y = ([min(values), max(values)] for values in zip(*seeds, strict=True))
    line = {"linestyle": "-", "linewidth": 0.8, "alpha": 0.6, "zorder": 2}
    axes.plot([*x, math.nan, point[0], point[0]], [point[1], point[1], math.nan, *y], **where | line)


def _text(row: dict, left: float) -> str:
    parts = [label_of(row)]
    parts += [f"p = {row['forget_quality_p']:.0e}"] if row["forget_quality_p"] < FLOOR else []
    parts += [f"MU = {row[UTILITY]:.2f}"] if row[UTILITY] < left else []
    return ", ".join(parts)


def _alpha_line(axes: "Axes") -> Box:
    (left, y), (right, _) = places_of(axes, [(x, ALPHA) for x in axes.get_xlim()])
    return left, y - 0.5, right, y + 0.5
