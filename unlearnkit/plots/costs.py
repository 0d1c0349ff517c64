"""What training costs: seconds of one epoch and of all, a bar a method."""

from typing import TYPE_CHECKING

from unlearnkit.errors import KitError
from unlearnkit.plots.style import (
    DASHED,
    INK,
    add_caption,
    base_models,
    house_style,
    known,
    label_of,
    new_figure,
    not_drawn,
    row_name,
    styles_of,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANELS = {"seconds_per_epoch": "seconds an epoch", "unlearning_seconds": "seconds in all"}
BAR = 0.17  # inches a row


def training_seconds(rows: list[dict], caption: str, against: str) -> "Figure":
    """Two panels per base model: seconds of one epoch, seconds in all; the bar's end says how many times `against`'s.

    against: the method that others are compared with, dashed; where its row is missing nothing is. Rows without
    seconds, reference rows among them, are left out. KitError: no row has any.
    """
    drawn = [row for row in rows if all(known(row.get(key)) for key in PANELS)]
    if not drawn:
        raise KitError("figure of training seconds: no row has any")
    groups, styles = base_models(drawn), styles_of(rows)
    with house_style():
        figure = new_figure(height=0.5 + sum(0.6 + BAR * len(members) for members in groups.values()))
        heights = [3 + len(members) for members in groups.values()]
        grid = figure.subplots(len(groups), len(PANELS), squeeze=False, sharey="row", height_ratios=heights)
        for line, (base_model, members) in zip(grid, groups.items(), strict=True):
            own = next((row for row in members if row["method"] == against), {})
            for axes, (key, title) in zip(line, PANELS.items(), strict=True):
                _bars(axes, members, key, own.get(key), styles)
                axes.set_title(f"{base_model}: {title}")
            line[0].set_yticks(range(len(members)), [label_of(row) for row in members])
            line[0].set_ylim(len(members) - 0.5, -0.5)
        failed = [row for row in rows if row not in drawn and row.get("status") in ("failed", "missing")]
        add_caption(figure, caption, [f"Numbers: times {_printed(drawn, against)}'s.", *not_drawn(failed)])
    return figure


def _printed(rows: list[dict], method: str) -> str:
    return next((row["printed_as"] for row in rows if row["method"] == method), method)


def _bars(axes: "Axes", rows: list[dict], key: str, own: float | None, styles: dict) -> None:
    import seaborn

    for line, row in enumerate(rows):
        value = row[key]
        axes.barh(line, value, height=0.7, color=styles[row["method"]][1], gid=row_name(row))
        if own:
            where = {"textcoords": "offset points", "va": "center", "color": INK, "zorder": 4}
            behind = {"facecolor": "white", "edgecolor": "none", "pad": 0.8}
            axes.annotate(f"{value / own:.1f}", (value, line), (4, 0), **where, bbox=behind)
    if own:
        axes.axvline(own, color=INK, linewidth=0.8, linestyle=DASHED, zorder=3)
    axes.set_xlim(0, 1.12 * max(row[key] for row in rows))
    axes.tick_params(axis="y", length=0)
    seaborn.despine(ax=axes, left=True)
