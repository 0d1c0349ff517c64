"""Figures of a forgotten book, one marker a row: FQ Gap against zero-shot accuracy, likeness to the book against word
perplexity, and what completions are like."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from unlearnkit.errors import KitError
from unlearnkit.plots.points import named_points
from unlearnkit.plots.style import (
    FAINT,
    SMALL,
    add_caption,
    base_models,
    house_style,
    known,
    main_rows,
    new_figure,
    not_drawn,
    styles_of,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LINEAR_UP_TO = 1.0  # FQ Gap: below it the axis is linear, above it logarithmic


def fq_gap_vs_accuracy(rows: list[dict], caption: str) -> "Figure":
    """One panel per base model: x mean accuracy, y FQ Gap, 0 at the top; rows in the paper's form.

    Rows without either number are named in the caption. KitError where no row has both.
    """
    error = max((row.get("mean_accuracy_se") or 0.0 for row in rows), default=0.0)
    note = f"Standard error of an accuracy, over questions: at most {error:.3f}."
    return _figure(rows, caption, ("mean_accuracy", "fq_gap"), _gap_scales, note)


def completions(rows: list[dict], caption: str) -> "Figure":
    """One panel per base model: x words of a completion, y how much of them is the book's; rows in the paper's form.

    Rows without either number are named in the caption. KitError where no row has both.
    """
    note = "Means over excerpts. Up and left: says the book's own words and stops early. Down: says something else."
    return _figure(rows, caption, ("completion_words", "completion_rouge_l_precision"), _share_scales, note)


def rouge_l_vs_perplexity(rows: list[dict], caption: str) -> "Figure":
    """One panel per base model: x word perplexity, logarithmic, lower to the right; y ROUGE-L (F1), 0 at the top; rows
    in the paper's form.

    Rows without either number are named in the caption. KitError where no row has both.
    """
    note = "Down: still says the book. To the left: no longer knows other text. Perplexity on a logarithmic axis."
    return _figure(rows, caption, ("word_perplexity", "completion_rouge_l_f1"), _perplexity_scales, note)


def _figure(rows: list[dict], caption: str, keys: tuple[str, str], scales: Callable, note: str) -> "Figure":
    """One marker a row at the values of both keys."""
    main = main_rows(rows)
    drawn = [row for row in main if all(known(row.get(key)) for key in keys)]
    if not drawn:
        raise KitError(f"figure of a book: no row has both {keys[0]} and {keys[1]}")
    groups, styles = base_models(drawn), styles_of(rows)
    with house_style():
        figure = new_figure(height=0.5 + 4.2 * len(groups))
        panels = figure.subplots(len(groups), 1, squeeze=False)[:, 0]
        points = {name: [tuple(row[key] for key in keys) for row in members] for name, members in groups.items()}
        for axes, (base_model, pairs) in zip(panels, points.items(), strict=True):
            scales(axes, pairs)
            _finish(axes, base_model)
        notes = [note, "Markers that would cover each other stand side by side.", "Hollow: collapsed."]
        missing = [row for row in main if row not in drawn]
        others = [row for row in rows if row not in main]
        add_caption(figure, caption, notes + not_drawn(missing, others))
        for axes, (base_model, members) in zip(panels, groups.items(), strict=True):
            named_points(axes, members, points[base_model], styles)
    return figure


def _gap_scales(axes: "Axes", points: list[tuple[float, float]]) -> None:
    x, y = zip(*points, strict=True)
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
    axes.set_title("better ↗", loc="right", color=FAINT, fontsize=SMALL)


def _perplexity_scales(axes: "Axes", points: list[tuple[float, float]]) -> None:
    from matplotlib.ticker import LogFormatter, NullFormatter

    x = [one for one, _ in points]
    axes.set_xscale("log")
    axes.set_xlim(1.3 * max(x), min(x) / 1.3)
    narrow = max(x) < 10 * min(x)
    axes.xaxis.set_major_formatter(LogFormatter(minor_thresholds=(2, 1) if narrow else (1, 0.4)))
    axes.xaxis.set_minor_formatter(LogFormatter(minor_thresholds=(2, 1)) if narrow else NullFormatter())
    axes.set_ylim(1.04, -0.04)
    axes.set_xlabel("word perplexity, of general text")
    axes.set_ylabel("ROUGE-L of completions (F1)")
    axes.set_title("better ↗", loc="right", color=FAINT, fontsize=SMALL)


def _share_scales(axes: "Axes", points: list[tuple[float, float]]) -> None:
    longest = max(x for x, _ in points) or 1.0
    axes.set_xlim(-0.04 * longest, 1.15 * longest)
    axes.set_ylim(-0.04, 1.06)
    axes.set_xlabel("words of a completion")
    axes.set_ylabel("share that is the book's")


def _finish(axes: "Axes", base_model: str) -> None:
    import seaborn

    axes.set_title(base_model)
    seaborn.despine(ax=axes)
