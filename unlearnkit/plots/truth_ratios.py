"""What is behind forget quality: a row's truth ratios of the forget questions against the retain model's.
One panel a row: cumulative shares over log10 R, and the largest gap between the two, the D of the KS test.
R is wrong over right: above 0 the model prefers the wrong answers."""

import math
import textwrap
from bisect import bisect_right
from typing import TYPE_CHECKING

from unlearnkit.errors import KitError, nearest
from unlearnkit.metrics.tofu import forget_quality
from unlearnkit.plots.style import (
    INK,
    STYLE,
    add_caption,
    base_models,
    first_seed,
    house_style,
    label_of,
    main_rows,
    new_figure,
    not_drawn,
    row_name,
    styles_of,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLACK, BAND = STYLE["original"][1], "#C8C8C8"  # the original and the retain model's lines
TITLE = 22  # characters in a line of a panel's title


def truth_ratio_distributions(
    truth_ratios: dict[str, list[float]], rows: list[dict], caption: str, base_model: str | None = None
) -> "Figure":
    """One panel per row of one base model but the retain model's own, with shared axes.

    Drawn are rows in the paper's form at the table's own setting.
    base_model: which one; None: the first that has something to draw.
    truth_ratios: row name ('llama/npo') -> R of every forget question, R > 0, infinite ones included: what
    lies beyond the axis is drawn at its edge. KitError: no row has ratios together with its retain model.
    """
    groups = base_models(rows)
    if base_model is not None and base_model not in groups:
        raise KitError(f"figure of truth ratios: no base model '{base_model}'{nearest(base_model, groups)}")
    main = [row for row in main_rows(rows) if row["method"] != "retain"]
    found = [row for row in main if truth_ratios.get(row_name(row)) and truth_ratios.get(_of(row, "retain"))]
    drawn = next((members for name, members in base_models(found).items() if base_model in (None, name)), None)
    if drawn is None:
        raise KitError("figure of truth ratios: no row has them together with its retain model")
    shown = drawn[0]["base_model"]
    missing = [row for row in main if row["base_model"] == shown and row not in drawn]
    others = [row for row in groups[shown] if row not in main_rows(rows)]
    limits, beyond = _limits(truth_ratios, drawn)
    columns = {1: 1, 2: 2, 4: 2}.get(len(drawn), 3 if len(drawn) <= 9 else 4)
    lines = math.ceil(len(drawn) / columns)
    styles = styles_of(rows)
    with house_style():
        figure = new_figure(height=1.1 + 1.7 * lines)
        grid = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False)
        for axes, row in zip(grid.flat, drawn, strict=False):
            name, retain, original = row_name(row), _of(row, "retain"), _of(row, "original")
            if name != original and truth_ratios.get(original):
                _curve(axes, truth_ratios[original], limits, color=BLACK, linewidth=1, linestyle=":")
            _curve(axes, truth_ratios[retain], limits, color=BAND, linewidth=3)
            _curve(axes, truth_ratios[name], limits, color=styles[row["method"]][1], linewidth=1.6)
            _gap(axes, truth_ratios[name], truth_ratios[retain], limits)
            axes.set_title(textwrap.fill(label_of(row), TITLE))
        _finish(figure, grid, len(drawn), limits)
        notes = ["R: probability of the wrong answers over the right one's, per question."]
        notes += ["Beyond the axis: drawn at its edge."] if beyond else []
        notes += [f"Base model: {shown}."] if len(groups) > 1 else []
        add_caption(figure, caption, notes + first_seed(drawn) + not_drawn(missing, others))
    return figure


def _of(row: dict, method: str) -> str:
    return f"{row['base_model']}/{method}"


def _log10(ratio: float) -> float:
    return math.log10(ratio) if ratio > 0 else -math.inf


def _limits(truth_ratios: dict[str, list[float]], rows: list[dict]) -> tuple[tuple[float, float], bool]:
    """The x axis, and whether values lie beyond it.

    It holds the finite values, but at most twice the span of the retain and original models, so that a
    collapsed model does not press all others into one line.
    """
    core = {_of(row, method) for row in rows for method in ("retain", "original")}
    core = {name for name in core if truth_ratios.get(name)}
    every = [_log10(ratio) for name in {*map(row_name, rows), *core} for ratio in truth_ratios[name]]
    finite = [value for value in every if math.isfinite(value)] or [0.0]
    inner = [_log10(ratio) for name in core for ratio in truth_ratios[name]]
    inner = [value for value in inner if math.isfinite(value)] or finite
    room = (max(inner) - min(inner)) / 2 or 1.0
    low, high = max(min(finite), min(inner) - room), min(max(finite), max(inner) + room)
    air = 0.04 * (high - low) or 0.5
    return (low - air, high + 4 * air), min(every) < low or max(every) > high


def _clip(value: float, limits: tuple[float, float]) -> float:
    return min(max(value, limits[0]), limits[1])


def _curve(axes: "Axes", ratios: list[float], limits: tuple[float, float], **style) -> None:
    """Share of questions with a truth ratio of at most R."""
    x = sorted(_clip(_log10(ratio), limits) for ratio in ratios)
    y = [index / len(x) for index in range(len(x) + 1)]
    axes.step([limits[0], *x, limits[1]], [*y, 1.0], where="post", **style)


def _gap(axes: "Axes", ratios: list[float], retain_ratios: list[float], limits: tuple[float, float]) -> None:
    """The largest gap as a bar, where it is reached first, and the KS test in words."""
    quality = forget_quality(ratios, retain_ratios)
    if quality.k:
        x, ends = _where(sorted(ratios), sorted(retain_ratios), quality.d, limits)
        bar = {"color": INK, "linewidth": 1.6, "marker": "_", "markersize": 7, "markeredgewidth": 1.6}
        axes.plot([x, x], ends, **bar, zorder=5)
    words = f"D = {quality.k}/{quality.lcm}\np = {quality.p:.2g}"
    axes.text(0.97, 0.05, words, transform=axes.transAxes, ha="right", va="bottom")


def _where(
    ours: list[float], theirs: list[float], d: float, limits: tuple[float, float]
) -> tuple[float, tuple[float, float]]:
    """First place where two sorted samples are d apart: between which values (their middle), both shares."""
    values = sorted({*ours, *theirs})
    shares = [(bisect_right(ours, v) / len(ours), bisect_right(theirs, v) / len(theirs)) for v in values]
    first = next(i for i, (one, other) in enumerate(shares) if math.isclose(abs(one - other), d, abs_tol=1e-9))
    between = [_clip(_log10(value), limits) for value in values[first : first + 2]]
    return sum(between) / len(between), shares[first]


def _finish(figure: "Figure", grid, panels: int, limits: tuple[float, float]) -> None:
    import seaborn
    from matplotlib.lines import Line2D

    for index, axes in enumerate(grid.flat):
        axes.set_visible(index < panels)
        lowest = index + grid.shape[1] >= panels
        axes.tick_params(labelbottom=lowest)
        axes.set_xlabel("log10 truth ratio R" if lowest else "")
        axes.axvline(0, color="#D0D0D0", linewidth=0.7, zorder=0)
    grid[0, 0].set_xlim(limits)
    grid[0, 0].set_ylim(0, 1.02)
    grid[0, 0].set_yticks([0, 0.5, 1], ["0", "0.5", "1"])
    seaborn.despine(fig=figure)
    for axes in grid[:, 0]:
        axes.set_ylabel("share of questions")
    handles = [
        Line2D([], [], color=BAND, linewidth=3, label="retain model"),
        Line2D([], [], color=BLACK, linewidth=1, linestyle=":", label="original model"),
        Line2D(
            [],
            [],
            color=INK,
            linewidth=0,
            marker="|",
            markersize=9,
            markeredgewidth=2.2,
            label="largest gap, D",
        ),
    ]
    figure.legend(handles=handles, loc="outside upper left", ncols=4)
