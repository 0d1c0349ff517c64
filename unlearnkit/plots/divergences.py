"""Figures of FLAT's Table 2: loss surfaces, gradient weights, FLAT beside DPO, what the bound can reach.
Rows are those of `unlearnkit.divergences`. Colours are the methods'; the further divergences have those of own methods."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from unlearnkit.errors import KitError
from unlearnkit.plots.style import DASHED, FAINT, INK, STYLE, add_caption, dark, house_style, new_figure, styles_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

VARIANTS = {"paper": "paper: mean over the answer", "release": "release: mean over all padded positions"}
LEVELS = [level / 10 for level in range(11)]  # of a surface scaled to [0, 1]
MAP = "cividis"  # reads the same with and without colour vision
PAIRS = {"near": "P near Q", "far": "P far from Q", "apart": "nothing in common"}


def loss_surfaces(surfaces: Sequence[dict], caption: str) -> "Figure":
    """One panel per divergence and variant: the loss over (a, b), shifted and scaled to [0, 1], lines at every tenth.

    surfaces: `divergences.surface`'s, in any order; a row of panels per variant, at most four panels in a row. An arrow
    shows the way down from the start of unlearning, a low and b high. KitError: none given.
    """
    import numpy as np

    if not surfaces:
        raise KitError("figure of surfaces: none given")
    names = list(dict.fromkeys(one["divergence"] for one in surfaces))
    variants = [name for name in VARIANTS if any(one["variant"] == name for one in surfaces)]
    with house_style():
        figure = new_figure(height=0.9 + 1.9 * len(variants))
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
        notes.append(
            "Each surface is shifted and scaled by itself, to which Adam is blind. Arrow: the way down at a = 0.2, b = 0.8."
        )
        add_caption(figure, caption, [note[0].upper() + note[1:] for note in notes])
    return figure


def _way_down(axes: "Axes", probability: Sequence[float], loss) -> None:
    """An arrow of fixed length against the gradient."""
    import numpy as np

    p = np.asarray(probability)
    i, j = int(np.argmin(abs(p - 0.2))), int(np.argmin(abs(p - 0.8)))
    by_a, by_b = np.gradient(loss, p, p)
    way = -np.array([by_a[i, j], by_b[i, j]])
    way *= 0.42 / np.linalg.norm(way)
    axes.annotate(
        "",
        xy=(p[i] + way[0], p[j] + way[1]),
        xytext=(p[i], p[j]),
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
                    axes.plot(
                        row["probability"],
                        [weight / unit for weight in row[side]],
                        color=styles[_method(row)][1],
                        linewidth=1.4 + 1.3 * (len(mine) - 1 - index),
                        solid_capstyle="butt",
                        label=row["printed_as"],
                        gid=f"{variant}/{row['divergence']}/{side}",
                    )
                axes.set_title(f"{variant}: weight on the {side} probability")
                axes.set_xlim(0, 1)
                axes.set_xlabel(label)
            line[0].set_ylabel("weight / w_e(0)")
        _zero_and_spines(grid.flat)
        handles, labels = grid[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper left", ncols=4, handlelength=1.6)
        notes = ["Positive: template up, forget down. Lines that coincide lie on wider ones."]
        add_caption(figure, caption, notes)
    return figure


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
        figure = new_figure(height=2.9)
        left, middle, right = figure.subplots(1, 3)
        left.plot(data["margin"], data["dpo_forget"], color=dpo, linewidth=2, gid="dpo/weight", label="DPO")
        left.set_title("DPO: one weight")
        left.set_xlabel("margin, nats")
        left.set_ylabel("weight on both log-probabilities")
        left.set_xlim(min(data["margin"]), max(data["margin"]))
        for row in data["flat"]:
            colour, name = styles[_method(row)][1], row["divergence"]
            middle.plot(row["probability"], row["forget"], color=colour, linewidth=1.8, gid=f"{name}/forget",
                        label=f"FLAT, {row['printed_as']}")  # fmt: skip
            middle.plot(row["probability"], row["template"], color=colour, linewidth=1.8, linestyle=DASHED,
                        gid=f"{name}/template")  # fmt: skip
            right.plot(data["probability"], row["pull"], color=colour, linewidth=1.8, gid=f"{name}/pull")
        middle.set_title("FLAT: two weights")
        middle.set_xlabel("probability, a (dashed) or b")
        middle.set_ylabel("weight on a probability")
        right.plot(data["probability"], data["dpo_pull"], color=dpo, linewidth=2, gid="dpo/pull")
        right.set_title("pull on a forget token")
        right.set_xlabel("the token's probability")
        right.set_ylabel("d loss / d logit")
        for axes in (middle, right):
            axes.set_xlim(0, 1)
        _zero_and_spines((left, middle, right))
        handles = [*left.get_legend_handles_labels()[0], *middle.get_legend_handles_labels()[0]]
        figure.legend(handles=handles, loc="outside upper left", ncols=3, handlelength=1.6)
        notes = [
            f"DPO with beta = {data['beta']:g}; its pull is the one at margin 0, where unlearning starts. FLAT's pull is "
            "times the number of answer tokens, over which it takes a mean; all tokens have the same probability."
        ]
        add_caption(figure, caption, notes)
    return figure


def reach_of_the_bound(records: Sequence[dict], caption: str) -> "Figure":
    """One panel per pair of distributions: the divergence, and the most that FLAT's bound reaches through g*.

    records: `divergences.records`'s. Log axis; an infinite divergence is an arrow at the right edge.
    """
    import math

    import seaborn

    if not records:
        raise KitError("figure of the bound: no records")
    styles = styles_of([{"method": _method(row)} for row in records])
    with house_style():
        figure = new_figure(height=1.2 + 0.24 * len(records))
        panels = figure.subplots(1, len(PAIRS), sharey=True)
        for axes, (pair, title) in zip(panels, PAIRS.items(), strict=True):
            finite = [row[f"{pair}_{key}"] for row in records for key in ("divergence", "reach")]
            high = 2 * max(value for value in finite if math.isfinite(value))
            low = 0.5 * min(finite)
            for place, row in enumerate(records):
                reach, exact = row[f"{pair}_reach"], row[f"{pair}_divergence"]
                end = exact if math.isfinite(exact) else high
                axes.plot([reach, end], [place, place], color=FAINT, linewidth=1.2, zorder=1)
                axes.plot(
                    reach,
                    place,
                    "o",
                    color=styles[_method(row)][1],
                    markersize=6.5,
                    gid=f"{pair}/{row['divergence']}/reach",
                )
                axes.plot(end, place, "|" if math.isfinite(exact) else ">", color=INK, markersize=9 if math.isfinite(exact) else 6,
                          markeredgewidth=1.8 if math.isfinite(exact) else 0, clip_on=False, gid=f"{pair}/{row['divergence']}/divergence")  # fmt: skip
            axes.set_xscale("log")
            axes.set_xlim(low, high)
            axes.set_title(title)
            axes.set_xlabel("nats or f's own unit")
            seaborn.despine(ax=axes)
        panels[0].set_yticks(range(len(records)), [row["printed_as"] for row in records])
        for label, row in zip(panels[0].get_yticklabels(), records, strict=True):
            label.set_color(dark(styles[_method(row)][1]))
        panels[0].invert_yaxis()
        notes = [
            "Dot: the most that the bound reaches with g* of probabilities. Bar: the divergence; arrow: it is infinite."
        ]
        add_caption(figure, caption, notes)
    return figure


def _method(row: dict) -> str:
    return f"flat_{row['divergence']}"
