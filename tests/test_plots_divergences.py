"""Figures of Table 2: what is drawn where, sizes of text, nothing over anything, the same twice."""

from itertools import combinations

import numpy as np
import pytest

from unlearnkit import divergences, plots
from unlearnkit.errors import KitError
from unlearnkit.plots.style import SMALL

CAPTION = "f-divergences of FLAT, computed; no model, no data"
TABLE = ("tv", "js", "pearson", "kl")
FURTHER = ("reverse_kl", "jeffreys", "squared_hellinger", "neyman")
BOTH = ("paper", "release")
SURFACES = [divergences.surface(name, variant, steps=11) for variant in BOTH for name in FURTHER]
WEIGHTS = [divergences.weights(name, variant) for variant in BOTH for name in FURTHER]
DPO = divergences.beside_dpo(TABLE, steps=19)


def bounds() -> list[dict]:
    """The part of the records that the figure of the bound reads."""
    return [
        {"divergence": name, "printed_as": divergences.DIVERGENCES[name].printed_as}
        | {f"{label}_{key}": value for label, pair in divergences.PAIRS.items()
           for key, value in divergences.gap(name, *pair).items()}
        for name in (*TABLE, *FURTHER)
    ]  # fmt: skip


FIGURES = {
    "surfaces": lambda: plots.loss_surfaces(SURFACES, CAPTION),
    "weights": lambda: plots.gradient_weights(WEIGHTS, CAPTION),
    "dpo": lambda: plots.flat_beside_dpo(DPO, CAPTION),
    "bound": lambda: plots.reach_of_the_bound(bounds(), CAPTION),
}


def texts(figure) -> list:
    from matplotlib.text import Text

    return [text for text in figure.findobj(Text) if text.get_text().strip() and text.get_visible()]


def line(axes, gid: str) -> np.ndarray:
    (found,) = [line for line in axes.lines if line.get_gid() == gid]
    return found.get_xydata()


@pytest.mark.parametrize("name", FIGURES)
def test_nothing_is_small_nothing_overlaps_and_two_are_the_same(name: str) -> None:
    figure = FIGURES[name]()
    assert min(text.get_fontsize() for text in texts(figure)) >= SMALL
    assert CAPTION in figure.get_supxlabel().replace("\n", " ")
    boxes = {text: text.get_window_extent() for text in texts(figure)}
    over = [(a.get_text(), b.get_text()) for a, b in combinations(boxes, 2) if _over(boxes[a], boxes[b])]
    assert not over
    assert all(box.x0 >= -1 and box.x1 <= figure.bbox.x1 + 1 for box in boxes.values())
    assert figure._repr_png_() == FIGURES[name]()._repr_png_()


def _over(one, other) -> bool:
    """Whether two boxes share more than a pixel; end ticks of neighbouring axes may touch."""
    across = min(one.x1, other.x1) - max(one.x0, other.x0)
    up = min(one.y1, other.y1) - max(one.y0, other.y0)
    return across > 1 and up > 1


def test_arrows_of_the_surfaces_point_down() -> None:
    """Released reverse KL and squared Hellinger: template down, forget up; Neyman: both down."""
    figure = plots.loss_surfaces(SURFACES, CAPTION)
    way = {}
    for axes in figure.axes:
        for arrow in axes.texts:
            (x1, y1), (x0, y0) = arrow.xy, arrow.get_position()
            way[axes.get_title(loc="left").replace("\n", ", ")] = (np.sign(x1 - x0), np.sign(y1 - y0))
    expected = dict.fromkeys(("Reverse KL", "Jeffreys", "Squared Hellinger", "Neyman"), (1, -1))
    released = {"Reverse KL": (-1, 1), "Jeffreys": (1, -1), "Squared Hellinger": (-1, 1), "Neyman": (-1, -1)}
    assert way == {f"{name}, paper": sign for name, sign in expected.items()} | {
        f"{name}, release": sign for name, sign in released.items()
    }


def test_weights_are_relative_to_the_template_weight_at_0() -> None:
    figure = plots.gradient_weights([divergences.weights(name) for name in TABLE], CAPTION)
    template, forget = figure.axes
    for name in TABLE:
        assert line(template, f"paper/{name}/template")[0].tolist() == [0, 1]
    assert line(forget, "paper/kl/forget")[-1] == pytest.approx([1, 1])
    assert line(forget, "paper/pearson/forget")[-1] == pytest.approx([1, 1.5])
    released = plots.gradient_weights(WEIGHTS, CAPTION)
    assert line(released.axes[2], "release/neyman/template")[0].tolist() == [0, -1]  # the wrong way stays visible


def test_dpo_figure_draws_its_rows() -> None:
    left, middle, right = plots.flat_beside_dpo(DPO, CAPTION).axes
    assert line(left, "dpo/weight")[:, 1].tolist() == DPO["dpo_forget"]
    assert line(middle, "js/template")[:, 1].tolist() == DPO["flat"][1]["template"]
    assert line(right, "kl/pull")[:, 1].tolist() == DPO["flat"][3]["pull"]


def test_an_infinite_divergence_is_an_arrow_at_the_edge() -> None:
    figure = plots.reach_of_the_bound(bounds(), CAPTION)
    apart = figure.axes[2]
    markers = {line.get_gid(): line for line in apart.lines if line.get_gid()}
    assert markers["apart/tv/divergence"].get_marker() == "|"
    assert markers["apart/kl/divergence"].get_marker() == ">"
    assert markers["apart/kl/divergence"].get_xdata()[0] == apart.get_xlim()[1]
    assert markers["apart/kl/reach"].get_xdata()[0] == pytest.approx(1 - np.exp(-1))
    assert np.isfinite(apart.get_xlim()).all()


def test_nothing_to_draw_is_said() -> None:
    for call in (plots.loss_surfaces, plots.gradient_weights, plots.reach_of_the_bound):
        with pytest.raises(KitError, match="figure of"):
            call([], CAPTION)
