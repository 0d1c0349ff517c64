"""What each method needs, and what it costs: Table 1 as a figure. Large dots: needed, small ones: not, as measured. A
ring where the paper prints something else. Beside it seconds and memory of an optimiser step relative to GA."""

from typing import TYPE_CHECKING

from unlearnkit.errors import KitError
from unlearnkit.plots.style import FAINT, INK, add_caption, house_style, known, new_figure, styles_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = {
    "forget_questions": "forget\nquestions",
    "forget_answers": "forget\nanswers",
    "template": "template\nresponses",
    "retain": "retain\ndata",
    "reference": "reference\nmodel",
}
BARS = {"relative_seconds": "seconds a step\nrelative to GA", "relative_memory": "peak memory\nrelative to GA"}
DIFFERENT = "#C2307F"


def needs(records: list[dict], caption: str) -> "Figure":
    """One line per record of `unlearnkit.needs.records`, in their order.

    The printed column of forget data is compared as a whole; our two parts of it are shown. Methods that train nothing
    have no bars. KitError: no records.
    """
    from matplotlib.lines import Line2D

    if not records:
        raise KitError("figure of needs: no records")
    with house_style():
        figure = new_figure(height=1.5 + 0.23 * len(records))
        matrix, *bars = figure.subplots(1, 3, sharey=True, width_ratios=(2.6, 1.3, 1.3))
        _matrix(matrix, records)
        for axes, (key, title) in zip(bars, BARS.items(), strict=True):
            _bars(axes, records, key, title)
        handles = [
            Line2D(
                [],
                [],
                marker="o",
                color=INK,
                linestyle="none",
                markersize=7,
                label="needed: the result changes with it",
            ),
            Line2D([], [], marker="o", color=FAINT, linestyle="none", markersize=2.5, label="not needed"),
        ]
        notes = []
        if any(_differs(record) for record in records):
            ring = {"markerfacecolor": "none", "markeredgecolor": DIFFERENT, "markeredgewidth": 1.5}
            handles.append(
                Line2D([], [], marker="o", linestyle="none", markersize=12, label="printed otherwise", **ring)
            )
            notes.append("Ringed marks differ from the paper's.")
        figure.legend(handles=handles, loc="outside upper left", ncols=3, handlelength=1.2)
        add_caption(figure, caption, notes)
    return figure


def _name(record: dict) -> str:
    return record["printed_as"] + (", as released" if record["variant"] == "release" else "")


def _differs(record: dict) -> list[str]:
    """The columns of the figure where the paper prints something else; forget data are two of them."""
    columns = {"forget_questions": "forget", "forget_answers": "forget"}
    return [column for column in COLUMNS if record[f"{columns.get(column, column)}_agrees"] is False]


def _matrix(axes: "Axes", records: list[dict]) -> None:
    for line, record in enumerate(records):
        for place, column in enumerate(COLUMNS):
            size, colour = (7, INK) if record[column] else (2.5, FAINT)
            axes.plot(place, line, marker="o", markersize=size, color=colour, markeredgewidth=0)
            if column in _differs(record):
                axes.plot(place, line, "o", markersize=12, markerfacecolor="none", markeredgecolor=DIFFERENT)
    axes.set_xlim(-0.5, len(COLUMNS) - 0.5)
    axes.set_ylim(len(records) - 0.5, -0.5)
    axes.set_xticks(range(len(COLUMNS)), COLUMNS.values())
    axes.xaxis.tick_top()
    axes.set_yticks(range(len(records)), [_name(record) for record in records])
    axes.tick_params(length=0)
    for side in axes.spines.values():
        side.set_visible(False)
    for line in range(len(records) + 1):
        axes.axhline(line - 0.5, color="#E2E2E2", linewidth=0.6, zorder=0)


def _bars(axes: "Axes", records: list[dict], key: str, title: str) -> None:
    styles = styles_of(records)
    for line, record in enumerate(records):
        value = record[key]
        if not known(value):
            behind = {"facecolor": "white", "edgecolor": "none", "pad": 1}
            axes.text(0.03, line, "trains nothing", va="center", color="#6B6B6B", bbox=behind, zorder=4)
            continue
        axes.barh(line, value, height=0.6, color=styles[record["method"]][1])
        low, high = (record.get(f"{key}_{end}") for end in ("lo", "hi"))
        if known(low) and known(high):
            axes.plot((low, high), (line, line), color=INK, linewidth=0.9)
        axes.text(max(value, high or 0) + 0.06, line, f"{value:.1f}", va="center")
    axes.axvline(1, color=FAINT, linewidth=0.8, linestyle=(0, (5, 3)), zorder=3)
    drawn = [value for record in records for name in (key, f"{key}_hi") if known(value := record.get(name))]
    axes.set_xlim(0, 1.22 * max(drawn, default=1.0))
    axes.set_title(title, loc="center")
    axes.tick_params(axis="y", length=0, labelleft=False)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
