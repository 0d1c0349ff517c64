"""Figure of LoRA against full fine-tuning: what is kept and what is forgotten, over how many parameters are trained."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from unlearnkit.errors import KitError
from unlearnkit.plots.style import (
    DASHED,
    OWN,
    Marker,
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
ASIDE = 1.09  # from one marker to the next one beside it, a factor: equal values do not cover each other


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
    rows = [row for row in rows if known(row.get(X))]
    styles, shown = styles_of(rows), []
    methods = list(dict.fromkeys(row["method"] for row in rows))
    full = [row for row in rows if not row["lora_rank"]]
    noted = [row for row in full if row["note"]]
    for method, aside in zip(methods, _asides(len(methods)), strict=True):
        adapted = sorted((row for row in rows if row["method"] == method and row["lora_rank"]), key=lambda row: row[X])
        marker, colour = styles[method]
        axes.plot([row[X] * aside for row in adapted], [row[key] for row in adapted], color=colour, linewidth=1.1)
        for row in adapted:
            _marker(axes, row, row[X] * aside, key, marker, 6.0, colour)
        shown += [_entry(f"{_method(row)}, LoRA", marker, 6.0, colour, "-") for row in adapted[:1]]
    for row, aside in zip(full, _asides(len(full)), strict=True):
        marker, colour = OWN[noted.index(row) % len(OWN)] if row in noted else styles[row["method"]]
        _marker(axes, row, row[X] * aside, key, marker, 8.5, colour)
        note = f",\n{row['note']}" if row["note"] else ""
        shown.append(_entry(f"{_method(row)}, all weights{note}", marker, 8.5, colour, "none"))
    return shown


def _method(row: dict) -> str:
    """The method's name, without the row's note."""
    return row["printed_as"].removesuffix(f", {row['note']}")


def _asides(count: int) -> list[float]:
    """Factors of x, around 1."""
    return [ASIDE ** (number - (count - 1) / 2) for number in range(count)]


def _marker(axes: "Axes", row: dict, x: float, key: str, marker: Marker, size: float, colour: str) -> None:
    """A row's marker, and the range of its seeds behind it."""
    if known(row.get(f"{key}_lo")):
        axes.vlines(x, row[f"{key}_lo"], row[f"{key}_hi"], color=colour, linewidth=0.9, zorder=2)
    look = {"marker": marker, "markersize": size_of(marker, size), **fill_of(row, colour)}
    axes.plot(x, row[key], **look, gid=row_name(row), zorder=3)


def _entry(label: str, marker: Marker, size: float, colour: str, line: str) -> "Line2D":
    """What the legend shows of a method."""
    from matplotlib.lines import Line2D

    look = {"marker": marker, "markersize": size_of(marker, size), **fill_of({}, colour)}
    return Line2D([], [], color=colour, linewidth=1.1, linestyle=line, **look, label=label)


def _ticks(axes: "Axes", rows: list[dict]) -> None:
    """A tick for each number of parameters, with the rank that it belongs to."""
    counts = {row[X]: row["lora_rank"] for row in sorted(rows, key=lambda row: row[X])}
    axes.set_xscale("log")
    labels = [f"{count:,}\n{f'rank {rank}' if rank else 'all'}" for count, rank in counts.items()]
    axes.set_xticks(list(counts), labels)
    axes.set_xticks([], minor=True)
    axes.set_xlabel("trained parameters")
