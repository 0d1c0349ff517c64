"""The figure of the fronts: a panel per method, every point where it belongs, and the files that it is drawn from."""

from pathlib import Path

import pytest

from unlearnkit import front, plots, tables
from unlearnkit.errors import KitError
from unlearnkit.plots.style import FLOOR

CAPTION = "tiny: the kit's universe; learning rates 1e-05, 0.0001, steps 2, 4, 8"
RATES, STEPS = (1e-5, 1e-4), (2, 4, 8)
CHOSEN = {"npo": (1e-5, 8), "flat_kl": (1e-4, 4)}  # method -> learning rate, steps; ga has no selection
PRINTED = {"npo": "NPO", "flat_kl": "FLAT (KL)", "ga": "GA"}


def point(method: str, rate: float, steps: int, **more) -> dict:
    """p and utility that no other point has; NPO's first is far below the floor."""
    at = 10 * list(PRINTED).index(method) + 3 * RATES.index(rate) + STEPS.index(steps)
    return {
        "base_model": "llama",
        "method": method,
        "printed_as": PRINTED[method],
        "learning_rate": rate,
        "steps": steps,
        "forget_quality_p": 10.0 ** (-9 + at / 4),
        "model_utility_geometric": 0.7 - 0.02 * at,
        "selected": CHOSEN.get(method) == (rate, steps),
        "status": "collapsed" if method == "ga" and steps == 8 else "ok",
    } | more


def reference(method: str, p: float) -> dict:
    return {"base_model": "llama", "method": method, "forget_quality_p": p, "model_utility_geometric": 0.72}


# The last steps first: the figure sorts them.
POINTS = [point(method, rate, steps) for method in PRINTED for steps in reversed(STEPS) for rate in RATES]
REFERENCES = [reference("original", 1e-8), reference("retain", 1.0)]


def panels(figure) -> dict:
    return {axes.get_title(loc="left"): axes for axes in figure.axes if axes.get_visible()}


def by_gid(axes) -> dict:
    return {line.get_gid(): line for line in axes.lines if line.get_gid()}


def legend(figure) -> list[str]:
    (found,) = figure.legends
    return [text.get_text() for text in found.get_texts()]


def place(one: dict) -> tuple[float, float]:
    return one["model_utility_geometric"], max(one["forget_quality_p"], FLOOR)


def test_every_point_stands_in_its_panel_and_behind_all_others() -> None:
    found = panels(plots.fronts(POINTS, REFERENCES, "llama", CAPTION))
    assert list(found) == list(PRINTED.values())
    for method, printed in PRINTED.items():
        lines = by_gid(found[printed])
        own = [one for one in POINTS if one["method"] == method]
        for one in own:
            marker = lines.pop(f"llama/{method}, lr {one['learning_rate']:g}, {one['steps']} steps")
            assert marker.get_xydata().tolist() == [list(place(one))]
            assert (marker.get_marker() == "v") == (one["forget_quality_p"] < FLOOR)
            assert (marker.get_markerfacecolor() == "white") == (one["status"] == "collapsed")
        for rate in RATES:
            line = lines.pop(f"llama/{method}, lr {rate:g}")
            assert line.get_xydata().tolist() == [list(place(point(method, rate, steps))) for steps in STEPS]
        behind = {tuple(xy) for xy in lines.pop("other methods").get_xydata()}
        assert behind == {place(one) for one in POINTS if one not in own}
        for row in REFERENCES:
            assert lines.pop(f"llama/{row['method']}").get_xydata().tolist() == [list(place(row))]
        assert lines.keys() == ({f"llama/{method}, selected"} if method in CHOSEN else set())


def test_one_ring_on_the_point_that_was_selected() -> None:
    found = panels(plots.fronts(POINTS, REFERENCES, "llama", CAPTION))
    for method, chosen in CHOSEN.items():
        ring = by_gid(found[PRINTED[method]])[f"llama/{method}, selected"]
        assert ring.get_xydata().tolist() == [list(place(point(method, *chosen)))]
        assert ring.get_markerfacecolor() == "none"


def test_a_higher_learning_rate_is_darker_and_more_steps_are_larger() -> None:
    for method, printed in PRINTED.items():
        lines = by_gid(panels(plots.fronts(POINTS, REFERENCES, "llama", CAPTION))[printed])
        low, high = (lines[f"llama/{method}, lr {rate:g}"].get_color() for rate in RATES)
        assert all(light > deep for light, deep in zip(low, high, strict=True))
        sizes = [lines[f"llama/{method}, lr 1e-05, {steps} steps"].get_markersize() for steps in STEPS]
        assert sizes == sorted(set(sizes))


def test_all_panels_share_axes_that_hold_every_point() -> None:
    found = [*panels(plots.fronts(POINTS, REFERENCES, "llama", CAPTION)).values()]
    assert len({(axes.get_xlim(), axes.get_ylim(), axes.get_yscale()) for axes in found}) == 1
    (left, right), (low, high) = found[0].get_xlim(), found[0].get_ylim()
    assert found[0].get_yscale() == "log"
    assert all(left < x < right and low < y < high for x, y in map(place, POINTS + REFERENCES))


def test_thirteen_methods_fit_on_a_page_with_labels_and_one_legend() -> None:
    points = [one | {"method": f"m{n}", "printed_as": f"M{n}"} for n in range(13) for one in POINTS[:6]]
    figure = plots.fronts(points, REFERENCES, "llama", CAPTION)
    found = panels(figure)
    assert list(found) == [f"M{n}" for n in range(13)]
    width, height = figure.get_size_inches()
    assert width == 7 and height < 10
    assert figure.get_supylabel() == "forget quality, p"
    # the axis is named where no panel stands below
    assert [name for name, axes in found.items() if axes.get_xlabel() == "model utility"] == ["M9", "M10", "M11", "M12"]
    box, page = figure.legends[0].get_window_extent(), figure.bbox
    assert page.x0 <= box.x0 and box.x1 <= page.x1 and box.y1 <= page.y1
    titles = [axes._left_title.get_window_extent() for axes in found.values()]
    assert not any(box.overlaps(title) for title in titles)


def test_legend_and_caption_name_what_is_there_and_nothing_else() -> None:
    figure = plots.fronts(POINTS, REFERENCES, "llama", CAPTION)
    assert legend(figure) == [
        "learning rate 1e-05", "learning rate 0.0001", "selected on validation authors", "collapsed",
        "original model", "retain model", "other methods",
    ]  # fmt: skip
    assert "Triangle: p is under 1e-06, drawn there." in figure.get_supxlabel()
    assert "more steps (2, 4, 8)" in figure.get_supxlabel().replace("\n", " ")
    alone = plots.fronts([point("ga", 1e-5, 2)], [], "llama", CAPTION)
    assert legend(alone) == ["learning rate 1e-05"]
    assert alone.get_supxlabel() == CAPTION


def test_points_without_a_number_are_counted_in_the_caption() -> None:
    without = [
        point("npo", 1e-5, 2, forget_quality_p=None),
        point("npo", 1e-4, 2, model_utility_geometric=float("nan")),
    ]
    figure = plots.fronts([*without, *POINTS[2:]], REFERENCES, "llama", CAPTION)
    assert "Points without both numbers, not drawn: NPO (2)." in figure.get_supxlabel().replace("\n", " ")


def test_a_method_without_a_printed_name_has_its_own() -> None:
    bare = [{key: value for key, value in one.items() if key != "printed_as"} for one in POINTS]
    assert list(panels(plots.fronts(bare, REFERENCES, "llama", CAPTION))) == list(PRINTED)


def test_only_the_base_model_that_was_asked_for_is_drawn() -> None:
    other = [one | {"base_model": "phi", "model_utility_geometric": 0.1} for one in POINTS]
    figure = plots.fronts(POINTS + other, REFERENCES, "llama", CAPTION)
    assert min(figure.axes[0].get_xlim()) > 0.1
    with pytest.raises(KitError, match="no points of base model 'lama'; did you mean 'llama'"):
        plots.fronts(POINTS + other, REFERENCES, "lama", CAPTION)
    with pytest.raises(KitError, match=r"no points of base model 'llama'$"):
        plots.fronts([], REFERENCES, "llama", CAPTION)


def test_the_files_of_a_front_give_the_same_figure(tmp_path: Path) -> None:
    tables.write_csv(tmp_path / "front.csv", POINTS)
    tables.write_csv(tmp_path / "front_references.csv", REFERENCES)
    points, references = front.read(tmp_path)
    assert (points, references) == (POINTS, REFERENCES)
    drawn, again = (plots.fronts(*given, "llama", CAPTION) for given in ((POINTS, REFERENCES), (points, references)))
    one, other = plots.save(drawn, tmp_path / "one", "front"), plots.save(again, tmp_path / "other", "front")
    assert [file.read_bytes() for file in one] == [file.read_bytes() for file in other]
    assert front.read(tmp_path / "nowhere") == ([], [])
