"""Figure of LoRA against full fine-tuning: what is kept and what is forgotten, over how many parameters are trained."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from unlearnkit.errors import KitError
from unlearnkit.plots.style import (
    DASHED,
    OWN,
    add_caption,
    fill_of,
    house_style,
    known,
    new_figure,
    not_drawn,
    row_name,
    size_of,
    styles_of,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

X = "trainable_parameters"
ASIDE = 1.04  # from one method's markers to the next one's, a factor: equal values do not cover each other


def over_trained_parameters(rows: list[dict], caption: str, columns: Sequence[tuple[str, str, int]]) -> "Figure":
    """One panel per base model, forget set and column: x how many parameters are trained (log), y its value, 0 to 1.

    columns: (key, head, digits). A line a method through its ranks; apart from it and larger, what all weights give;
    in a marker of its own where the row has a note. Bars: the range over seeds. Dashed: original and retain model.
    KitError where no row says how many parameters it trained.
    """
    import seaborn

    drawn = [row for row in rows if known(row.get(X)) and all(known(row.get(key)) for key, _, _ in columns)]
    if not drawn:
        raise KitError(f"figure over trained parameters: no row has {X}")
    groups = {(row["base_model"], row["fold"]): [] for row in drawn}
    for row in rows:
        if row in drawn or row["learning_rate"] is None:
            groups[row["base_model"], row["fold"]].append(row)
    panels = [(name, *column[:2]) for name in groups for column in columns]
    with house_style():
        figure = new_figure(height=0.5 + 3.0 * len(panels))
        all_axes = figure.subplots(len(panels), 1, squeeze=False)[:, 0]
        for number, (axes, (name, key, head)) in enumerate(zip(all_axes, panels, strict=True)):
            shown = _references(axes, groups[name], key) + _methods(axes, groups[name], key)
            _ticks(axes, [row for row in groups[name] if row in drawn])
            axes.set_ylim(-0.04, 1.04)
            axes.set_ylabel(head)
            axes.set_title(", ".join(filter(None, name)))
            if number % len(columns) == 0:
                axes.legend(handles=shown, loc="upper left", bbox_to_anchor=(1.0, 1.0))
            seaborn.despine(ax=axes)
        several = any(f"{columns[0][0]}_lo" in row for row in drawn)
        notes = ["Hollow: collapsed.", *(["Bars: lowest and highest seed."] if several else [])]
        missing = [row for row in rows if row not in drawn and row["learning_rate"] is not None]
        add_caption(figure, caption, notes + not_drawn(missing))
    return figure


def _references(axes: "Axes", rows: list[dict], key: str) -> list["Line2D"]:
    styles = styles_of(rows)
    return [
        axes.axhline(
            row[key], color=styles[row["method"]][1], linewidth=0.9, linestyle=line, zorder=1, label=row["printed_as"]
        )
        for row, line in zip([row for row in rows if row["learning_rate"] is None], (DASHED, ":", "-."), strict=False)
        if known(row.get(key))
    ]


def _methods(axes: "Axes", rows: list[dict], key: str) -> list["Line2D"]:
    """The methods' markers and lines; returns what the legend shows."""
    from matplotlib.lines import Line2D

    rows = [row for row in rows if known(row.get(X))]
    styles, noted = styles_of(rows), [row["printed_as"] for row in rows if row["lora_rank"] is None and row["note"]]
    methods, shown = list(dict.fromkeys(row["method"] for row in rows)), []
    for number, method in enumerate(methods):
        aside = ASIDE ** (number - (len(methods) - 1) / 2)
        mine = [row for row in rows if row["method"] == method]
        adapted = sorted((row for row in mine if row["lora_rank"]), key=lambda row: row[X])
        colour = styles[method][1]
        axes.plot([row[X] * aside for row in adapted], [row[key] for row in adapted], color=colour, linewidth=1.1)
        for row in [*adapted, *(row for row in mine if not row["lora_rank"])]:
            own, full = row["printed_as"] in noted, not row["lora_rank"]
            marker, ink = OWN[noted.index(row["printed_as"]) % len(OWN)] if own else styles[method]
            size = size_of(marker, 9.0 if full else 6.0)
            if f"{key}_lo" in row:
                axes.vlines(row[X] * aside, row[f"{key}_lo"], row[f"{key}_hi"], color=ink, linewidth=0.9, zorder=2)
            look = {"marker": marker, "markersize": size}
            axes.plot(row[X] * aside, row[key], **look, **fill_of(row, ink), gid=row_name(row), zorder=3)
            line = {"color": ink, "linewidth": 1.1, "linestyle": "none" if full else "-"}
            label = f"{row['printed_as']}, all weights" if full else f"{row['printed_as'].partition(', ')[0]}, LoRA"
            if label not in [one.get_label() for one in shown]:
                shown.append(Line2D([], [], **line, **look, **fill_of({}, ink), label=label))
    return shown


def _ticks(axes: "Axes", rows: list[dict]) -> None:
    """A tick for each number of parameters, with the rank that it belongs to."""
    counts = {row[X]: row["lora_rank"] for row in sorted(rows, key=lambda row: row[X])}
    axes.set_xscale("log")
    labels = [f"{count:,}\n{f'rank {rank}' if rank else 'all'}" for count, rank in counts.items()]
    axes.set_xticks(list(counts), labels)
    axes.set_xticks([], minor=True)
    axes.set_xlabel("trained parameters")
