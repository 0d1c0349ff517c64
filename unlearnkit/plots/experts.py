"""Figures of mixtures of experts: affinity over layers and experts, how routing shifted, how much was trained.

A row has `routing`, what `training/expert.py` says of its unlearning; that of one-expert unlearning has "selected".
"""

import math
from typing import TYPE_CHECKING

from unlearnkit.errors import KitError
from unlearnkit.plots.points import named_points
from unlearnkit.plots.style import (
    DASHED,
    INK,
    SMALL,
    add_caption,
    base_models,
    fill_of,
    house_style,
    known,
    label_of,
    new_figure,
    not_drawn,
    row_name,
    size_of,
    styles_of,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARK = "#D55E00"
WRITTEN = 12  # so many layers have room for their numbers


def affinity(routings: dict[str, dict], caption: str) -> "Figure":
    """One panel per name (a base model, or a row): line a layer with experts, column an expert, shaded by affinity.

    routings: name -> a one-expert row's `routing`. Outlined: the trained experts. KitError: none has an affinity.
    """
    drawn = {name: routing for name, routing in routings.items() if "affinity" in routing}
    if not drawn:
        raise KitError("figure of affinity: no row trains single experts")
    with house_style():
        heights = [0.75 + min(0.3 * len(one["layers"]), 3.0) for one in drawn.values()]
        figure = new_figure(height=0.4 + sum(heights))
        all_axes = figure.subplots(len(drawn), 1, squeeze=False, height_ratios=heights)[:, 0]
        for axes, (name, routing) in zip(all_axes, drawn.items(), strict=True):
            _heat(axes, routing)
            axes.set_title(name)
        add_caption(figure, caption, ["Outlined: the experts that are trained."])
    return figure


def _heat(axes: "Axes", routing: dict) -> None:
    from matplotlib.patches import Rectangle

    found, layers = routing["affinity"], routing["layers"]
    image = axes.imshow(found, cmap="Blues", vmin=0, aspect="auto")
    axes.get_figure().colorbar(image, ax=axes, label="affinity", pad=0.02)
    for layer, expert in routing["selected"]:
        corner = (expert - 0.5, layers.index(layer) - 0.5)
        axes.add_patch(Rectangle(corner, 1, 1, fill=False, edgecolor=MARK, linewidth=1.8, gid=f"{layer}/{expert}"))
    every = [range(0, count, 1 + count // 16) for count in (len(found[0]), len(layers))]
    axes.set_xticks(every[0])
    axes.set_yticks(every[1], [layers[line] for line in every[1]])
    axes.tick_params(length=0)
    axes.set_xlabel("expert")
    axes.set_ylabel("layer")


def selection_shift(rows: list[dict], caption: str) -> "Figure":
    """One panel per base model: line a row, column a layer with experts, shaded by the share of forget tokens whose set
    of chosen experts changed, from 0 to 1. Outlined: the layers of the trained experts, where they are single ones.

    Rows without `routing` are left out; KitError where none has it.
    """
    drawn = [row for row in rows if row.get("routing")]
    if not drawn:
        raise KitError("figure of expert selection shift: no row says what its routers did")
    groups = base_models(drawn)
    with house_style():
        heights = [0.75 + 0.24 * len(members) for members in groups.values()]
        figure = new_figure(height=0.4 + sum(heights))
        all_axes = figure.subplots(len(groups), 1, squeeze=False, height_ratios=heights)[:, 0]
        for axes, (base_model, members) in zip(all_axes, groups.items(), strict=True):
            _shifts(axes, members)
            axes.set_title(base_model)
        notes = ["Over all tokens of the forget set. Outlined: a layer with trained experts, where single ones are."]
        add_caption(figure, caption, notes)
    return figure


def _shifts(axes: "Axes", members: list[dict]) -> None:
    from matplotlib.patches import Rectangle

    layers = members[0]["routing"]["layers"]
    shifts = [row["routing"]["selection_shift"] for row in members]
    image = axes.imshow(shifts, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    axes.get_figure().colorbar(image, ax=axes, label="share of tokens", pad=0.02)
    for line, row in enumerate(members):
        for layer in {layer for layer, _ in row["routing"].get("selected", [])}:
            corner = (layers.index(layer) - 0.5, line - 0.5)
            axes.add_patch(Rectangle(corner, 1, 1, fill=False, edgecolor=MARK, linewidth=1.5, gid=f"{line}/{layer}"))
        for column, value in enumerate(shifts[line] if len(layers) <= WRITTEN else ()):
            colour = "white" if value > 0.6 else INK
            axes.text(column, line, f"{value:.2f}", ha="center", va="center", fontsize=SMALL, color=colour)
    every = range(0, len(layers), 1 + len(layers) // 16)
    axes.set_xticks(every, [layers[column] for column in every])
    axes.set_yticks(range(len(members)), [label_of(row) for row in members])
    axes.tick_params(length=0)
    axes.set_xlabel("layer")


def trained_share(rows: list[dict], caption: str) -> "Figure":
    """One panel per base model: a line a row, the share of its parameters that were trained, on a log axis.

    Rows without a number are left out; KitError where none has it.
    """
    drawn = [row for row in rows if known(row.get("trainable_share"))]
    if not drawn:
        raise KitError("figure of trained parameters: no row has trainable_share")
    groups, styles = base_models(drawn), styles_of(rows)
    heights = [len(members) for members in groups.values()]
    with house_style():
        figure = new_figure(height=0.9 * len(groups) + 0.22 * sum(heights))
        all_axes = figure.subplots(len(groups), 1, squeeze=False, height_ratios=heights, sharex=True)[:, 0]
        shares = {name: [row["trainable_share"] for row in members] for name, members in groups.items()}
        lowest = min(min(found) for found in shares.values())
        for axes, (base_model, members) in zip(all_axes, groups.items(), strict=True):
            for line, (row, share) in enumerate(zip(members, shares[base_model], strict=True)):
                marker, colour = styles[row["method"]]
                look = {"marker": marker, "markersize": size_of(marker, 7.0), **fill_of(row, colour)}
                axes.plot((lowest / 3, share), (line, line), color="#E2E2E2", linewidth=0.8, zorder=1)
                axes.plot(share, line, **look, gid=row_name(row), zorder=3)
                axes.text(1.25 * share, line, f"{100 * share:.3g} %", va="center", fontsize=SMALL, color=INK)
            axes.set_xscale("log")
            axes.set_xlim(lowest / 3, 4)
            ticks = [10.0**-power for power in range(int(-math.log10(lowest / 3)) + 1)]
            axes.set_xticks(ticks, [f"{100 * tick:g} %" for tick in ticks])
            axes.set_xticks([], minor=True)
            axes.set_ylim(len(members) - 0.5, -0.5)
            axes.set_yticks(range(len(members)), [label_of(row) for row in members])
            axes.tick_params(axis="y", length=0)
            axes.set_title(base_model)
            for side in ("top", "right"):
                axes.spines[side].set_visible(False)
        all_axes[-1].set_xlabel("trained parameters, share of all")
        hollow = any(row.get("status") == "collapsed" for row in drawn)
        add_caption(figure, caption, ["Hollow: collapsed."] if hollow else [])
    return figure


def utility_vs_forgetting(
    rows: list[dict], ways: dict[str, list[dict]], levels: dict[str, float], caption: str
) -> "Figure":
    """One panel per base model and benchmark (`fold`): x forget efficacy, y utility, from 0 to 1; a marker a row.

    ways: row name -> its measured steps with both keys, drawn as thin lines from the original model's marker on.
    levels: benchmark -> the forget efficacy at which rows end. Hollow: collapsed.
    Rows without either number are named in the caption; KitError where no row has both.
    """
    import seaborn

    drawn = [row for row in rows if known(row.get("forget_efficacy")) and known(row.get("utility_accuracy"))]
    if not drawn:
        raise KitError("figure of utility and forgetting: no row has both forget_efficacy and utility_accuracy")
    styles, panels = styles_of(rows), {}
    for row in drawn:
        panels.setdefault((row["base_model"], row["fold"]), []).append(row)
    with house_style():
        figure = new_figure(height=0.5 + 3.8 * len(panels))
        all_axes = figure.subplots(len(panels), 1, squeeze=False)[:, 0]
        for axes, ((base_model, fold), members) in zip(all_axes, panels.items(), strict=True):
            before = [
                (row["forget_efficacy"], row["utility_accuracy"]) for row in members if row["method"] == "original"
            ]
            for row in members:
                way = [
                    *before,
                    *((at["forget_efficacy"], at["utility_accuracy"]) for at in ways.get(row_name(row), [])),
                ]
                line = {"color": styles[row["method"]][1], "linewidth": 0.8, "alpha": 0.5, "zorder": 1}
                if row["method"] != "original" and len(way) > 1:
                    axes.plot(*zip(*way, strict=True), linestyle=DASHED if row["experts"] else "-", **line)
            axes.axhline(0.25, color="#C8C8C8", linewidth=0.8, zorder=0)
            axes.axvline(levels[fold], color="#C8C8C8", linewidth=0.8, zorder=0)
            axes.set_xlim(-0.04, 1.04)
            axes.set_ylim(0.1, 1.06)
            axes.set_xlabel(f"FE: {'accuracy' if fold == 'wmdp' else 'ROUGE-L recall'}, lower is better")
            axes.set_ylabel("UT: utility")
            axes.set_title(f"{base_model}, {fold}")
            seaborn.despine(ax=axes)
        notes = [
            "Thin: the way there, step by step; dashed: single experts trained. Grey: chance, and the level of FE at",
            "which rows end. Markers that would cover each other stand side by side. Hollow: collapsed.",
        ]
        add_caption(figure, caption, notes + not_drawn([row for row in rows if row not in drawn]))
        for axes, members in zip(all_axes, panels.values(), strict=True):
            named_points(axes, members, [(row["forget_efficacy"], row["utility_accuracy"]) for row in members], styles)
    return figure
