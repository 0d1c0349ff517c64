"""What is kept of classes of questions, against how like the forget set these are."""

from typing import TYPE_CHECKING

from unlearnkit.errors import KitError
from unlearnkit.plots.style import (
    DASHED,
    FAINT,
    SMALL,
    add_caption,
    house_style,
    known,
    new_figure,
    row_name,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

MARKERS = "oDs^v"
SHADES = (0.0, 0.85)  # of the colour map: dark is alike
ASIDE = 0.5  # of the way to the next class: as wide as the markers over one stand


def kept_by_likeness(
    panels: dict[str, list[dict]], alone: dict, caption: str, classes: dict[str, tuple[str, float]]
) -> "Figure":
    """One panel per method with retain data: x the classes of questions, the least like the forget set first, y their
    ROUGE-L recall; a line a class that retain data are drawn from (`note`), bars the range over seeds.

    panels: title -> rows. alone: the row without retain data, dashed. classes: name -> (key, likeness to the forget
    set), five at most. Large: what is asked is of the class that the retain data come from. Rows without a number are
    left out. KitError: none is left.
    """
    import seaborn

    ordered = sorted(classes, key=lambda name: classes[name][1])
    panels = {title: {row["note"]: row for row in rows if _known(row, classes)} for title, rows in panels.items()}
    if not any(panels.values()):
        raise KitError(f"figure of likeness: no row of {', '.join(panels) or 'any method'} has ROUGE-L of all classes")
    with house_style():
        figure = new_figure(height=0.5 + 2.9 * len(panels))
        all_axes = figure.subplots(len(panels), 1, squeeze=False)[:, 0]
        for number, (axes, (name, drawn)) in enumerate(zip(all_axes, panels.items(), strict=True)):
            lines = [_alone(axes, alone, ordered, classes)] if _known(alone, classes) else []
            lines += [_line(axes, drawn[one], at, ordered, classes) for at, one in enumerate(ordered) if one in drawn]
            axes.set_xticks(range(len(ordered)), [f"{one}\n{classes[one][1]:.2f}" for one in ordered])
            axes.set_ylim(-0.04, 1.04)
            axes.set_ylabel("ROUGE-L of these questions")
            axes.set_title(name)
            axes.set_title("kept ↑", loc="right", color=FAINT, fontsize=SMALL)
            if number == 0:
                named = {"title": "retain data drawn from", "alignment": "left", "title_fontsize": SMALL}
                axes.legend(handles=lines[::-1], loc="upper left", bbox_to_anchor=(1.0, 1.0), **named)
            seaborn.despine(ax=axes)
        all_axes[-1].set_xlabel("what is asked, and its likeness to the forget set")
        ranges = any(f"{key}_rouge_l_recall_lo" in alone for key, _ in classes.values())
        notes = ["Large: the class that the retain data come from, other questions of it."]
        add_caption(figure, caption, [*notes, *(["Bars: the range over the seeds."] if ranges else [])])
    return figure


def _known(row: dict, classes: dict) -> bool:
    return all(known(row.get(f"{key}_rouge_l_recall")) for key, _ in classes.values())


def _alone(axes: "Axes", row: dict, ordered: list[str], classes: dict) -> "Line2D":
    heights = [row[f"{classes[name][0]}_rouge_l_recall"] for name in ordered]
    (line,) = axes.plot(
        heights, color=FAINT, linestyle=DASHED, linewidth=1.2, zorder=1, gid=row_name(row), label="nothing: IDK alone"
    )
    return line


def _line(axes: "Axes", row: dict, number: int, ordered: list[str], classes: dict) -> "Line2D":
    """The line of one class that retain data are drawn from; returns what the legend shows."""
    from matplotlib import colormaps
    from matplotlib.lines import Line2D

    dark, light = SHADES
    colour = colormaps["viridis"](light - (light - dark) * number / max(1, len(ordered) - 1))
    marker, aside = MARKERS[number], ASIDE * ((number + 0.5) / len(ordered) - 0.5)
    line = {"color": colour, "linewidth": 1.1}
    points = []
    for at, name in enumerate(ordered):
        key = f"{classes[name][0]}_rouge_l_recall"
        points.append((at + aside, row[key]))
        if known(row.get(f"{key}_lo")):
            axes.plot([at + aside] * 2, [row[f"{key}_lo"], row[f"{key}_hi"]], **line, zorder=2)
        size = 9.0 if name == row["note"] else 4.5
        fill = {"markerfacecolor": colour, "markeredgecolor": "white", "markeredgewidth": 0.6}
        axes.plot(*points[-1], marker=marker, markersize=size, **fill, gid=row_name(row), zorder=3)
    axes.plot(*zip(*points, strict=True), color=colour, linewidth=0.8, alpha=0.6, zorder=1)
    return Line2D([], [], **line, marker=marker, markersize=5.5, markeredgecolor="white", label=row["note"])
