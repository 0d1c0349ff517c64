"""The figures of mixtures of experts show the numbers that they are given."""

import pytest

from unlearnkit import plots
from unlearnkit.errors import KitError

CAPTION = "tiny: made-up numbers"
SHIFT = {"ga": [0.5, 0.25], "ga, one": [0.0, 0.125]}


def row(name: str, base_model: str = "qwen", **more) -> dict:
    one = "one" in name
    routing = {"layers": [1, 2], "selection_shift": SHIFT[name]}
    if one:
        routing |= {"affinity": [[0.1, 0.3, 0.2], [0.4, 0.0, 0.1]], "selected": [[2, 0]]}
    return {
        "base_model": base_model,
        "method": "ga",
        "printed_as": name,
        "row": f"{base_model}/{name}",
        "status": "ok",
        "trainable_share": 0.01 if one else 1.0,
        "routing": routing,
    } | more


ROWS = [row(name, base_model) for base_model in ("qwen", "deepseek") for name in SHIFT]
NONE = {"base_model": "qwen", "method": "original", "printed_as": "Original", "status": "ok"}


def panels(figure) -> dict:
    return {axes.get_title(loc="left"): axes for axes in figure.axes if axes.get_title(loc="left")}


def by_gid(axes) -> dict:
    return {one.get_gid(): one for one in (*axes.lines, *axes.patches) if one.get_gid()}


def test_affinity_is_shaded_by_layer_and_expert_and_the_trained_one_is_outlined() -> None:
    figure = plots.affinity({"qwen": ROWS[1]["routing"], "plain": ROWS[0]["routing"]}, CAPTION)
    (axes,) = panels(figure).values()
    (image,) = axes.images
    assert image.get_array().tolist() == ROWS[1]["routing"]["affinity"]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["1", "2"]
    (outline,) = by_gid(axes).values()
    assert (outline.get_gid(), outline.get_xy()) == ("2/0", (-0.5, 0.5))


def test_a_shift_is_shaded_by_row_and_layer_and_written_and_the_trained_layer_is_outlined() -> None:
    found = panels(plots.selection_shift([NONE, *ROWS], CAPTION))
    assert list(found) == ["qwen", "deepseek"]
    for axes in found.values():
        (image,) = axes.images
        assert image.get_array().tolist() == list(SHIFT.values()) and image.get_clim() == (0, 1)
        assert [text.get_text() for text in axes.get_yticklabels()] == list(SHIFT)
        assert [text.get_text() for text in axes.get_xticklabels()] == ["1", "2"]
        assert [text.get_text() for text in axes.texts] == ["0.50", "0.25", "0.00", "0.12"]
        (outline,) = by_gid(axes).values()
        assert (outline.get_gid(), outline.get_xy()) == ("1/2", (0.5, 0.5))


def test_a_share_of_parameters_stands_at_its_place_and_is_written() -> None:
    collapsed = row("ga, one", "qwen", status="collapsed")
    figure = plots.trained_share([ROWS[0], collapsed, NONE], CAPTION)
    assert "Hollow: collapsed." in figure.get_supxlabel()
    assert plots.trained_share(ROWS, CAPTION).get_supxlabel() == CAPTION
    found = panels(figure)["qwen"]
    points = by_gid(found)
    assert [points[f"qwen/{name}"].get_xdata()[0] for name in SHIFT] == [1.0, 0.01]
    assert [text.get_text() for text in found.texts] == ["100 %", "1 %"]
    assert points["qwen/ga, one"].get_markerfacecolor() == "white"
    assert [text.get_text() for text in found.get_yticklabels()] == ["ga", "ga, one (collapsed)"]
    assert found.get_xscale() == "log" and found.get_xlim()[0] < 0.01


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: plots.affinity({"qwen": ROWS[0]["routing"]}, CAPTION), "no row trains single experts"),
        (lambda: plots.selection_shift([NONE], CAPTION), "expert selection shift: no row says what its routers did"),
        (lambda: plots.trained_share([NONE], CAPTION), "trained parameters: no row has trainable_share"),
    ],
)
def test_nothing_to_draw_is_one_line(draw, message) -> None:
    with pytest.raises(KitError, match=message):
        draw()
