"""Figures of FLAT's Table 2: loss surfaces, gradient weights, FLAT beside DPO, what the bound can reach.
Rows are those of `unlearnkit.divergences`. Further divergences look like own methods."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from unlearnkit.errors import KitError
from unlearnkit.plots.style import FAINT, INK, STYLE, add_caption, dark, house_style, new_figure, size_of, styles_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

VARIANTS = {"paper": "paper: mean over the answer", "release": "release: mean over all padded positions"}
LEVELS = [level / 10 for level in range(11)]  # of a surface scaled to [0, 1]
MAP = "cividis"  # reads the same with and without colour vision
BAR = {"marker": "|", "markersize": 9, "markeredgewidth": 1.8}
ARROW = {"marker": ">", "markersize": 6, "markeredgewidth": 0}
PAIRS = {"near": "P near Q", "far": "P far from Q", "apart": "nothing in common"}


def loss_surfaces(surfaces: Sequence[dict], caption: str) -> "Figure":
    """One panel per divergence and variant: the loss over (a, b), shifted and scaled to [0, 1], lines at every tenth.

    surfaces: `divergences.surface`'s, in any order; a row of panels per variant, the same divergences in each. An arrow
    shows the way down in the middle. KitError: none given.
    """
    import numpy as np

    if not surfaces:
        raise KitError("figure of surfaces: none given")
    names = list(dict.fromkeys(one["divergence"] for one in surfaces))
    variants = [name for name in VARIANTS if any(one["variant"] == name for one in surfaces)]
    with house_style():
        figure = new_figure(height=1.0 + 1.75 * len(variants))
        grid = figure.subplots(len(variants), len(names), sharex=True, sharey=True, squeeze=False)
        by_place = {(one["variant"], one["divergence"]): one for one in surfaces}
        for line, variant in zip(grid, variants, strict=True):
            for axes, name in zip(line, names, strict=True):
                one = by_place[variant, name]
                loss = np.asarray(one["loss"])
                scaled = (loss - loss.min()) / (loss.max() - loss.min())
                filled = axes.contourf(
                    one["probability"], one["probability"], scaled.T, levels=LEVELS, cmap=MAP, gid=f"{variant}/{name}"
                )
                axes.contour(one["probability"], one["probability"], scaled.T, levels=LEVELS, colors="white",
                             linewidths=0.5)  # fmt: skip
                _way_down(axes, one["probability"], loss)
                axes.set_aspect("equal")
                axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
                axes.set_yticks([0, 0.5, 1], ["0", "0.5", "1"])
                axes.set_title(f"{one['printed_as']}\n{variant}")
        for axes in grid[-1]:
            axes.set_xlabel("template, a")
        for axes in grid[:, 0]:
            axes.set_ylabel("forget, b")
        bar = figure.colorbar(filled, ax=grid, ticks=[0, 0.5, 1], shrink=0.75, aspect=30)
        bar.set_label("loss, scaled to [0, 1]")
        notes = [f"{label}." for name, label in VARIANTS.items() if name in variants]
        notes.append("Each surface is shifted and scaled by itself, to which Adam is blind. Arrow: the way down.")
        add_caption(figure, caption, [note[0].upper() + note[1:] for note in notes])
    return figure


def _way_down(axes: "Axes", probability: Sequence[float], loss) -> None:
    """An arrow of fixed length through the middle, against the gradient."""
    import numpy as np

    p = np.asarray(probability)
    middle = len(p) // 2
    way = -np.array([slope[middle, middle] for slope in np.gradient(loss, p, p)])
    way *= 0.25 / np.linalg.norm(way)
    axes.annotate(
        "",
        xy=tuple(p[middle] + way),
        xytext=tuple(p[middle] - way),
        arrowprops={"arrowstyle": "-|>", "color": "white", "linewidth": 1.6, "shrinkA": 0, "shrinkB": 0},
    )


def gradient_weights(rows: Sequence[dict], caption: str) -> "Figure":
    """Per variant a line of two panels: w_e over the template probability a, w_f over the forget probability b.

    rows: `divergences.weights`'s. All weights of a divergence are divided by its w_e at a = 0, a scale to which Adam is
    blind. A negative weight pulls the wrong way. Lines that coincide lie on wider ones. KitError: no rows.
    """
    if not rows:
        raise KitError("figure of weights: no rows")
    variants = [name for name in VARIANTS if any(row["variant"] == name for row in rows)]
    styles = styles_of([{"method": _method(row)} for row in rows])
    with house_style():
        figure = new_figure(height=0.9 + 2.2 * len(variants))
        grid = figure.subplots(len(variants), 2, sharey=True, squeeze=False)
        for line, variant in zip(grid, variants, strict=True):
            mine = [row for row in rows if row["variant"] == variant]
            for axes, side, label in zip(line, ("template", "forget"), ("template, a", "forget, b"), strict=True):
                for index, row in enumerate(mine):
                    unit = abs(row["template"][0])
                    weights = [weight / unit for weight in row[side]]
                    _line(axes, row["probability"], weights, styles[_method(row)], _width(mine, index), index,
                          gid=f"{variant}/{row['divergence']}/{side}")  # fmt: skip
                axes.set_title(f"{variant}: weight on the {side} probability")
                axes.set_xlim(0, 1)
                axes.set_xlabel(label)
            line[0].set_ylabel("weight / w_e(0)")
        _zero_and_spines(grid.flat)
        named = {row["divergence"]: row for row in rows}.values()
        handles = [_handle(row["printed_as"], *styles[_method(row)]) for row in named]
        figure.legend(handles=handles, loc="outside upper left", ncols=4)
        notes = ["Positive: template up, forget down. Lines that coincide lie on wider ones."]
        add_caption(figure, caption, notes)
    return figure


def _width(rows: Sequence[dict], index: int) -> float:
    """Of lines that may coincide each later one is narrower."""
    return 1.3 + 1.5 * (len(rows) - 1 - index)


def _line(axes: "Axes", x, y, style: tuple, width: float, index: int, gid: str) -> None:
    """A line, and above all lines its marker, two or three times, at other places than those of the lines before."""
    marker, colour = style
    axes.plot(x, y, color=colour, linewidth=width, solid_capstyle="butt", gid=gid)
    axes.plot(x, y, linestyle="none", marker=marker, color=colour, markersize=size_of(marker, 6.5), zorder=4,
              markeredgecolor="white", markeredgewidth=0.6, markevery=(0.05 + 0.09 * index, 0.4))  # fmt: skip


def _handle(label: str, marker, colour: str) -> "Line2D":
    from matplotlib.lines import Line2D

    return Line2D([], [], color=colour, linewidth=2, marker=marker, markersize=size_of(marker, 6.5),
                  markeredgecolor="white", markeredgewidth=0.6, label=label)  # fmt: skip


def _zero_and_spines(panels) -> None:
    import seaborn

    for axes in panels:
        low, high = axes.get_ylim()
        if low < 0 < high:
            axes.axhline(0, color=FAINT, linewidth=0.8, zorder=0)
        else:
            axes.set_ylim(0, high)
        seaborn.despine(ax=axes)


def flat_beside_dpo(data: dict, caption: str) -> "Figure":
    """Three panels: DPO's one weight over the margin, FLAT's two weights, and the pull on a forget token's logit.

    data: `divergences.beside_dpo`'s.
    """
    styles = styles_of([{"method": _method(row)} for row in data["flat"]])
    dpo = STYLE["dpo"][1]
    with house_style():
        figure = new_figure(height=3.2)
        left, middle, right = figure.subplots(1, 3)
        left.plot(data["margin"], data["dpo_forget"], color=dpo, linewidth=2, gid="dpo/weight")
        left.set_title("DPO: one weight")
        left.set_xlabel("margin, nats")
        left.set_ylabel("weight on both log p")
        left.set_xlim(min(data["margin"]), max(data["margin"]))
        for index, row in enumerate(data["flat"]):
            style, name = styles[_method(row)], row["divergence"]
            middle.plot(row["probability"], row["template"], color=style[1], linewidth=_width(data["flat"], index),
                        linestyle=(0, (3, 2)), dash_capstyle="butt", zorder=1, gid=f"{name}/template")  # fmt: skip
            _line(middle, row["probability"], row["forget"], style, 1.8, index, gid=f"{name}/forget")
            _line(right, data["probability"], row["pull"], style, 1.8, index, gid=f"{name}/pull")
        middle.set_title("FLAT: two weights")
        middle.set_xlabel("p: a (dashed) or b")
        middle.set_ylabel("weight on p")
        right.plot(data["probability"], data["dpo_pull"], color=dpo, linewidth=2, gid="dpo/pull")
        right.set_title("pull on a forget token")
        right.set_xlabel("the token's probability")
        right.set_ylabel("d loss / d logit")
        for axes in (middle, right):
            axes.set_xlim(0, 1)
        _zero_and_spines((left, middle, right))
        handles = [_handle("DPO", None, dpo)]
        handles += [_handle(f"FLAT, {row['printed_as']}", *styles[_method(row)]) for row in data["flat"]]
        figure.legend(handles=handles, loc="outside upper left", ncols=3)
        notes = [
            f"DPO with beta = {data['beta']:g}. Margin: by how much more the template's log-probability has risen over",
            "the reference than the forget response's. Pull: all forget tokens equally probable; DPO's at margin 0,",
            "where unlearning starts, FLAT's times the number of tokens that it averages.",
        ]
        add_caption(figure, caption, notes)
    return figure


def reach_of_the_bound(records: Sequence[dict], caption: str) -> "Figure":
    """One panel per pair of distributions: the divergence, and the most that FLAT's bound reaches through g*.

    records: `divergences.records`'s. Log axis; an infinite divergence is an arrow at the right edge.
    """
    import seaborn
    from matplotlib.ticker import NullFormatter

    if not records:
        raise KitError("figure of the bound: no records")
    styles = styles_of([{"method": _method(row)} for row in records])
    with house_style():
        figure = new_figure(height=1.2 + 0.24 * len(records))
        panels = figure.subplots(1, len(PAIRS), sharey=True)
        for axes, (pair, title) in zip(panels, PAIRS.items(), strict=True):
            values = [row[f"{pair}_{key}"] for row in records for key in ("divergence", "reach")]
            high, low = 2 * max(filter(math.isfinite, values)), 0.5 * min(values)
            for place, row in enumerate(records):
                name, reach, exact = row["divergence"], row[f"{pair}_reach"], row[f"{pair}_divergence"]
                marker, colour = styles[_method(row)]
                end, sign = (exact, BAR) if math.isfinite(exact) else (high, ARROW)
                axes.plot([reach, end], [place, place], color=FAINT, linewidth=1.2, zorder=1)
                axes.plot(reach, place, color=colour, marker=marker, markersize=size_of(marker, 6.5),
                          gid=f"{pair}/{name}/reach")  # fmt: skip
                axes.plot(end, place, **sign, color=INK, clip_on=False, gid=f"{pair}/{name}/divergence")
            axes.set_xscale("log")
            axes.set_xlim(low, high)
            axes.set_title(title)
            powers = [10.0**k for k in range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1)]
            axes.set_xticks(powers, [f"{power:g}" for power in powers])
            axes.xaxis.set_minor_formatter(NullFormatter())
            axes.set_xlabel("bound and divergence")
            seaborn.despine(ax=axes)
        panels[0].set_yticks(range(len(records)), [row["printed_as"] for row in records])
        for label, row in zip(panels[0].get_yticklabels(), records, strict=True):
            label.set_color(dark(styles[_method(row)][1]))
        panels[0].invert_yaxis()
        notes = ["Marker: the most that the bound reaches through g*. Bar: the divergence; arrow: it is infinite."]
        add_caption(figure, caption, notes)
    return figure


def _method(row: dict) -> str:
    return f"flat_{row['divergence']}"
