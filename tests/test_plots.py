"""Figures: what stands where, rows that cannot be drawn, points that coincide, files the same twice."""

import csv
import math
import subprocess
import sys
from itertools import combinations, pairwise
from pathlib import Path

import pytest

from unlearnkit import plots
from unlearnkit.errors import KitError
from unlearnkit.methods import METHODS
from unlearnkit.metrics.tofu import ks_exact_p
from unlearnkit.plan import REFERENCE_ROWS
from unlearnkit.plots.labels import write_labels
from unlearnkit.plots.style import FLOOR, OWN, SMALL, row_name, styles_of

ROOT = Path(__file__).parents[1]
CAPTION = "tiny: the kit's universe, 40 forget questions of 2 authors; not the paper's numbers"


def row(method: str, p: float | None = None, utility: float | None = None, **more) -> dict:
    k = next((k for k in range(41) if p is not None and math.isclose(ks_exact_p(k, 40, 40), p)), None)
    return {
        "base_model": "llama",
        "method": method,
        "variant": "paper",
        "printed_as": method.upper(),
        "status": "ok",
        "forget_quality_p": p,
        "forget_quality_d": None if k is None else k / 40,
        "forget_quality_n": 40,
        "model_utility_geometric": utility,
    } | more


def p_of(k: int) -> float:
    return ks_exact_p(k, 40, 40)


def by_gid(axes) -> dict:
    return {line.get_gid(): line for line in axes.lines if "/" in (line.get_gid() or "")}


def words(figure) -> list:
    from matplotlib.text import Text

    return [text for text in figure.findobj(Text) if text.get_text().strip() and text.get_visible()]


def caption_of(figure) -> str:
    return figure.get_supxlabel().replace("\n", " ")


ROWS = [
    row("original", p_of(20), 0.61),
    row("retain", p_of(0), 0.60),
    row("ga", 2e-9, 0.02, status="collapsed"),
    row("npo", p_of(12), 0.57),
    row("flat_kl", status="failed", forget_quality_n=None),
]
RATIOS = {
    "llama/retain": [1.0, 2.0, 3.0, 4.0],
    "llama/original": [0.1, 0.2, 0.3, 0.4],
    "llama/npo": [3.0, 4.0, 5.0, 6.0],
}


def point(step: int, forget: float | None, retain: float = 0.9, p: float | None = 0.1) -> dict:
    return {
        "step": step,
        "learning_rate": 2e-4,
        "forget_probability": forget,
        "retain_probability": retain,
        "forget_quality_p": p,
        "loss": None,
    }


TRAJECTORIES = {
    "llama/ga": [point(0, 0.9, p=1e-5), point(2, 0.1, p=1e-9)],
    "llama/npo": [point(0, 0.9), point(2, 0.6), point(4, None, p=0.2)],
    "llama/flat_tv": [point(0, 0.9), point(2, 0.5)],
    "llama/flat_js": [point(0, 0.9), point(2, 0.5)],
    "llama/flat_pearson": [point(0, 0.9), point(2, 0.505)],
}
TRAJECTORIES["llama/npo"][-1].pop("learning_rate")
TRAJECTORY_ROWS = [row(name.removeprefix("llama/"), learning_rate=1e-5) for name in TRAJECTORIES]

TABLE4 = tuple(METHODS)[:13]  # FLAT's

FIGURES = {
    "forget_quality": lambda: plots.forget_quality_vs_model_utility(ROWS, CAPTION),
    "truth_ratios": lambda: plots.truth_ratio_distributions(RATIOS, ROWS, CAPTION),
    "trajectories": lambda: plots.trajectories_over_steps(TRAJECTORIES, TRAJECTORY_ROWS, CAPTION),
}


def test_import_leaves_matplotlib_out() -> None:
    code = "import sys, unlearnkit.plots; print(*{'matplotlib', 'seaborn', 'numpy', 'scipy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "\n"


def test_every_method_has_its_own_style() -> None:
    assert plots.STYLE.keys() >= METHODS.keys() | REFERENCE_ROWS.keys()
    styles = styles_of([row(f"own_{number}") for number in range(len(OWN))])
    assert {styles[f"own_{number}"] for number in range(len(OWN))} == set(OWN)
    assert len({marker for marker, _ in styles.values()}) == len(styles) == len(plots.STYLE) + len(OWN)
    assert len({colour for _, colour in styles.values()}) == len(styles)


def test_an_own_method_looks_the_same_whatever_stands_beside_it() -> None:
    alone, first, last = (
        styles_of([row(name) for name in names])["mine"]
        for names in (["mine"], ["mine", "npo", "yours"], ["yours", "mine"])
    )
    assert alone == first == last


def test_a_row_goes_by_its_own_name() -> None:
    assert row_name(row("npo", row="llama/npo_release")) == "llama/npo_release"
    assert row_name(row("npo")) == "llama/npo"


@pytest.mark.parametrize("name", FIGURES)
def test_nothing_is_small_and_the_caption_is_there(name: str) -> None:
    figure = FIGURES[name]()
    assert min(text.get_fontsize() for text in words(figure)) >= SMALL
    assert CAPTION in caption_of(figure)


def test_markers_stand_at_their_values() -> None:
    figure = plots.forget_quality_vs_model_utility(ROWS, CAPTION)
    (axes,) = figure.axes
    markers = by_gid(axes)
    assert markers.keys() == {"llama/original", "llama/retain", "llama/ga", "llama/npo"}
    assert (markers["llama/npo"].get_xdata()[0], markers["llama/npo"].get_ydata()[0]) == (0.57, p_of(12))
    assert markers["llama/npo"].get_markerfacecolor() == plots.STYLE["npo"][1]
    assert markers["llama/ga"].get_markerfacecolor() == "white"
    assert "Not drawn: FLAT_KL (failed)." in caption_of(figure)


def test_a_tiny_p_is_drawn_at_the_floor_and_says_so() -> None:
    figure = plots.forget_quality_vs_model_utility(ROWS, CAPTION)
    assert by_gid(figure.axes[0])["llama/ga"].get_ydata()[0] == FLOOR
    assert figure.axes[0].get_ylim()[0] > FLOOR / 10
    assert "GA (collapsed), p = 2e-09, MU = 0.02" in [text.get_text() for text in words(figure)]
    assert "p is under 1e-06" in caption_of(figure)


def test_a_collapsed_row_does_not_press_the_others_together() -> None:
    figure = plots.forget_quality_vs_model_utility(ROWS, CAPTION)
    (axes,) = figure.axes
    # the others lie between 0.57 and 0.61: the edge is half of that below
    assert by_gid(axes)["llama/ga"].get_xdata()[0] == pytest.approx(0.55)
    assert axes.get_xlim()[0] > 0.5
    assert "Triangle on the left: the utility (MU) is lower" in caption_of(figure)
    assert "Triangle on the left" not in caption_of(plots.forget_quality_vs_model_utility(ROWS[:2], CAPTION))


def test_only_rows_of_the_paper_s_form_and_the_own_setting_are_drawn() -> None:
    release = row("npo", p_of(3), 0.9, variant="release", row="llama/npo_release")
    paper = row("npo", p_of(4), 0.3, setting="paper", row="llama/npo_paper_setting")
    ratios = RATIOS | {other["row"]: RATIOS["llama/npo"] for other in (release, paper)}
    tradeoff = plots.forget_quality_vs_model_utility([*ROWS, release, paper], CAPTION)
    truth_ratios = plots.truth_ratio_distributions(ratios, [*ROWS, release, paper], CAPTION)
    assert by_gid(tradeoff.axes[0]).keys() == {"llama/original", "llama/retain", "llama/ga", "llama/npo"}
    assert len([axes for axes in truth_ratios.axes if axes.get_visible()]) == 2
    for figure in (tradeoff, truth_ratios):
        assert caption_of(figure).endswith("(failed), release variants, other settings.")
    only_release = caption_of(plots.forget_quality_vs_model_utility([*ROWS[:2], release], CAPTION))
    assert only_release.endswith("Not drawn: release variants.")


def test_every_seed_and_the_range_are_drawn() -> None:
    values = [(p_of(12), 0.57), (p_of(9), 0.58), (p_of(30), 0.55)]
    seeds = [row("npo", p, utility, seed=seed) for seed, (p, utility) in enumerate(values, 1)]
    seeds.append(row("original", p_of(20), 0.61, seed=1))
    figure = plots.forget_quality_vs_model_utility(ROWS, CAPTION, seeds)
    lines = by_gid(figure.axes[0])
    assert lines["llama/npo, seeds"].get_xydata().tolist() == [[u, max(p, FLOOR)] for p, u in values]
    across, up = lines["llama/npo, range"].get_xydata()[:2], lines["llama/npo, range"].get_xydata()[3:]
    assert across.tolist() == [[0.55, p_of(12)], [0.58, p_of(12)]]
    assert up.tolist() == [[0.57, FLOOR], [0.57, p_of(9)]]
    large = lines["llama/npo"]
    assert large.get_xydata().tolist() == [[0.57, p_of(12)]]
    assert large.get_markersize() > lines["llama/npo, seeds"].get_markersize()
    assert lines["llama/npo, seeds"].get_color() == large.get_markerfacecolor()
    assert "llama/original, seeds" not in lines  # one seed
    assert "Small: every seed." in caption_of(figure)
    assert "seed" not in caption_of(plots.forget_quality_vs_model_utility(ROWS, CAPTION))


def test_right_axis_names_the_distance_of_each_p() -> None:
    (axes,) = plots.forget_quality_vs_model_utility(ROWS, CAPTION).axes
    (side,) = axes.child_axes
    ticks = dict(zip([text.get_text() for text in side.get_yticklabels()], side.get_yticks(), strict=True))
    assert ticks["12/40"] == pytest.approx(0.0541, abs=1e-4)
    assert ticks["20/40"] == pytest.approx(6.6e-5, abs=1e-6)
    assert ticks["0/40"] == 1


@pytest.mark.parametrize("n", [None, 300])
def test_no_right_axis_where_the_numbers_of_questions_differ(n: int | None) -> None:
    rows = [row("npo", p_of(12), 0.5, forget_quality_n=n), row("ga", p_of(9), 0.6, forget_quality_n=n)]
    rows[1]["forget_quality_m"] = 40
    assert not plots.forget_quality_vs_model_utility(rows, CAPTION).axes[0].child_axes


def test_identical_points_stand_side_by_side() -> None:
    rows = [row(method, p_of(12), 0.6) for method in ("flat_tv", "flat_js", "flat_pearson")]
    (axes,) = plots.forget_quality_vs_model_utility([*rows, row("npo", p_of(12), 0.5)], CAPTION).axes
    per_point = axes.get_figure().dpi / 72
    places = {
        name: marker.get_transform().transform(marker.get_xydata())[0] / per_point
        for name, marker in by_gid(axes).items()
    }
    x = [places[f"llama/{row['method']}"][0] for row in rows]
    assert [b - a for a, b in pairwise(x)] == pytest.approx([9, 9], abs=0.1)
    true = axes.transData.transform([(0.6, p_of(12)), (0.5, p_of(12))]) / per_point
    assert x[1] == pytest.approx(true[0][0], abs=0.1)
    assert places["llama/npo"] == pytest.approx(true[1])
    assert len({place[1] for place in places.values()}) == 1


def test_labels_of_a_whole_table_do_not_overlap() -> None:
    with (ROOT / "results/published/flat_table4.csv").open() as lines:
        rows = [
            row(line["method"], float(line["forget_quality_p"]), float(line["model_utility"]))
            for line in csv.DictReader(lines)
            if line["base_model"] == "Llama2-7B"
        ]
    figure = plots.forget_quality_vs_model_utility(rows, CAPTION)
    names = {row["printed_as"] for row in rows}
    boxes = [text.get_window_extent() for text in words(figure) if text.get_text() in names]
    assert len(boxes) == len(rows) == 14
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
    frame = figure.axes[0].get_window_extent()
    assert all(frame.x0 <= box.x0 and box.x1 <= frame.x1 for box in boxes)


def test_a_long_label_leaves_its_own_marker_free() -> None:
    from matplotlib.figure import Figure
    from matplotlib.transforms import Affine2D, Bbox

    axes = Figure(figsize=(5, 2)).subplots()
    for low in range(-6, 7):  # a thin obstacle right of the marker, at several heights
        places = [(60.0, 72.0)]
        write_labels(axes, places, [("the name of a method, very long", "black")], [(64, 72 + low, 400, 73 + low)])
        box = axes.texts[-1].get_window_extent().transformed(Affine2D().scale(72 / axes.get_figure().dpi))
        assert not box.overlaps(Bbox.from_bounds(60 - 3.5, 72 - 3.5, 7, 7)), low


def test_a_collapsed_point_does_not_press_the_fronts_together() -> None:
    def tried(steps: int, p: float, utility: float, **more) -> dict:
        return row("npo", p, utility, learning_rate=1e-4, steps=steps, selected=False) | more

    points = [tried(5, 1e-4, 0.60), tried(10, 0.1, 0.56), tried(20, 1e-5, 0.01, status="collapsed")]
    figure = plots.fronts(points, [row("original", p_of(20), 0.62), row("retain", 1.0, 0.61)], "llama", CAPTION)
    (axes,) = figure.axes
    x = by_gid(axes)["llama/npo, lr 0.0001"].get_xdata()
    assert list(x) == pytest.approx([0.60, 0.56, 0.53])
    assert axes.get_xlim()[0] > 0.5
    assert "Utility below 0.53: drawn there, at the left edge." in caption_of(figure)


def test_one_panel_per_base_model() -> None:
    rows = ROWS + [r | {"base_model": "phi"} for r in ROWS]
    assert len(plots.forget_quality_vs_model_utility(rows, CAPTION).axes) == 2


def test_largest_gap_is_drawn_where_it_is() -> None:
    figure = plots.truth_ratio_distributions(RATIOS, ROWS, CAPTION)
    original, npo = [axes for axes in figure.axes if axes.get_visible()]
    assert [original.get_title(loc="left"), npo.get_title(loc="left")] == ["ORIGINAL", "NPO"]
    # at R = 2 half of the retain model's values are reached and none of NPO's; the next value is 3
    (bar,) = [line for line in npo.lines if line.get_marker() == "_"]
    assert list(bar.get_xdata()) == pytest.approx([math.log10(6) / 2] * 2)
    assert list(bar.get_ydata()) == [0.0, 0.5]
    assert npo.texts[0].get_text() == "D = 2/4\np = 0.77"  # 54 of the 70 orders
    assert original.texts[0].get_text() == "D = 4/4\np = 0.029"  # 2 of 70
    assert len(npo.lines) == 5  # original, retain, own, gap, R = 1
    assert len(original.lines) == 4  # its own line once
    assert "Not drawn: GA (collapsed), FLAT_KL (failed)." in caption_of(figure)


def test_infinite_truth_ratios_are_drawn_at_the_edge() -> None:
    ratios = RATIOS | {
        "llama/npo": [1.5, 2.5, 1e200, math.inf],
        "llama/ga": [0.0, math.inf, math.inf, math.inf],
    }
    figure = plots.truth_ratio_distributions(ratios, ROWS, CAPTION)
    panels = [axes for axes in figure.axes if axes.get_visible()]
    assert len(panels) == 3
    low, high = panels[0].get_xlim()
    assert high < 2
    x = [value for axes in panels for line in axes.lines for value in line.get_xdata() if len(line.get_xdata()) > 2]
    assert min(x) == low and max(x) == high
    assert "Beyond the axis" in caption_of(figure)


def test_identical_distributions_have_no_gap() -> None:
    ratios = {"llama/retain": [1.0, 2.0], "llama/npo": [2.0, 1.0]}
    figure = plots.truth_ratio_distributions(ratios, ROWS, CAPTION)
    assert figure.axes[0].texts[0].get_text() == "D = 0/2\np = 1"


def test_truth_ratios_are_of_one_base_model() -> None:
    both = ROWS + [r | {"base_model": "phi"} for r in ROWS]
    ratios = RATIOS | {name.replace("llama", "phi"): [2 * r for r in RATIOS[name]] for name in RATIOS}
    ratios["phi/ga"] = [9.0]
    for chosen, shown, panels in ((None, "llama", 2), ("llama", "llama", 2), ("phi", "phi", 3)):
        figure = plots.truth_ratio_distributions(ratios, both, CAPTION, base_model=chosen)
        assert len([axes for axes in figure.axes if axes.get_visible()]) == panels
        assert f"Base model: {shown}." in caption_of(figure)
    assert "Base model" not in caption_of(plots.truth_ratio_distributions(RATIOS, ROWS, CAPTION))
    with pytest.raises(KitError, match="no base model 'pi'; did you mean 'phi'"):
        plots.truth_ratio_distributions(ratios, both, CAPTION, base_model="pi")


def test_truth_ratios_of_a_whole_table_fit_a_page() -> None:
    rows = [row(method, seeds=3) for method in (*REFERENCE_ROWS, *TABLE4)]
    ratios = {f"llama/{one['method']}": [1.0, 2.0, 3.0] for one in rows}
    figure = plots.truth_ratio_distributions(ratios, rows, CAPTION)
    assert len([axes for axes in figure.axes if axes.get_visible()]) == 16
    assert figure.get_figheight() < 9.5
    assert "Drawn is the first of 3 seeds." in caption_of(figure)


def whole_table(setting: str | None = None) -> tuple[dict, list[dict]]:
    """Trajectories of all methods for three base models: six updates that hardly change anything."""
    suffix = f"_{setting}_setting" if setting else ""
    rows = [
        row(
            method,
            base_model=base_model,
            row=f"{base_model}/{method}{suffix}",
            printed_as=method.upper() + (f", {setting} setting" if setting else ""),
            setting=setting,
            learning_rate=2e-5,
        )
        for base_model in ("llama", "phi", "opt")
        for method in TABLE4
    ]
    points = [point(step, 0.95 - 0.01 * step, 0.96) for step in range(7)]
    return {one["row"]: points for one in rows}, rows


def test_six_updates_have_a_tick_each() -> None:
    trajectories, rows = whole_table("paper")
    figure = plots.trajectories_over_steps(trajectories, rows, CAPTION)
    assert len(figure.axes) == 9
    assert figure.get_figheight() < 10
    for axes in figure.axes:
        assert axes.get_xticks().tolist() == [0, 1, 2, 3, 4, 5, 6]
        ends = [line for gid, line in by_gid(axes).items() if gid.endswith("last step")]
        assert len(ends) == len(TABLE4)
        assert {line.get_xdata()[0] for line in ends} == {6}
    assert sorted(text.get_text() for text in figure.legends[0].get_texts()) == sorted(map(str.upper, TABLE4))
    assert "All rows: paper setting." in caption_of(figure)


def test_thirteen_lines_that_coincide_stay_lines() -> None:
    trajectories, rows = whole_table()
    lines = by_gid(plots.trajectories_over_steps(trajectories, rows, CAPTION).axes[0])
    widths = [lines[f"llama/{method}"].get_linewidth() for method in TABLE4]
    assert widths == sorted(set(widths), reverse=True)
    assert widths[0] < 8


def test_the_axis_of_high_probabilities_does_not_start_at_0_and_says_so() -> None:
    trajectories, rows = whole_table()
    figure = plots.trajectories_over_steps(trajectories, rows, CAPTION)
    assert [axes.get_ylim() for axes in figure.axes[:2]] == [(0.8, 1), (0.9, 1)]
    assert "does not start at 0" in caption_of(figure)
    rows.append(row("retain", forget_probability=0.2))
    assert plots.trajectories_over_steps(trajectories, rows, CAPTION).axes[0].get_ylim() == (0, 1)


def test_release_variants_have_no_trajectory() -> None:
    release = row("npo", variant="release", row="llama/npo_release")
    trajectories = TRAJECTORIES | {"llama/npo_release": TRAJECTORIES["llama/npo"]}
    figure = plots.trajectories_over_steps(trajectories, [*TRAJECTORY_ROWS, release], CAPTION)
    assert not any("release" in gid for axes in figure.axes for gid in by_gid(axes))
    assert "Not drawn: release variants." in caption_of(figure)


def test_trajectories_have_a_line_and_a_last_step_in_each_panel() -> None:
    figure = plots.trajectories_over_steps(TRAJECTORIES, [*TRAJECTORY_ROWS, row("gd", status="failed")], CAPTION)
    forget, _, quality = figure.axes
    lines, names = by_gid(forget), set(TRAJECTORIES)
    # NPO has no forget probability at its last step: no marker, and a gap in the line
    assert lines.keys() == names | {f"{name}, last step" for name in names - {"llama/npo"}}
    assert math.isnan(lines["llama/npo"].get_ydata()[2])
    assert lines["llama/ga, last step"].get_xydata().tolist() == [[2, 0.1]]
    assert by_gid(quality)["llama/npo, last step"].get_xydata().tolist() == [[4, 0.2]]
    assert by_gid(quality)["llama/ga"].get_ydata()[1] == FLOOR
    assert [text.get_text() for text in figure.legends[0].get_texts()][:2] == [
        "GA, lr 0.0002",
        "NPO, lr 1e-05",
    ]
    assert "Not drawn: GD (failed)." in caption_of(figure)


def test_lines_that_coincide_lie_on_wider_ones() -> None:
    lines = by_gid(plots.trajectories_over_steps(TRAJECTORIES, TRAJECTORY_ROWS, CAPTION).axes[0])
    tv, js, pearson, ga = (
        lines[f"llama/{name}"].get_linewidth() for name in ("flat_tv", "flat_js", "flat_pearson", "ga")
    )
    assert tv > js > pearson == ga


def test_the_retain_models_own_probability_is_a_line() -> None:
    rows = [*TRAJECTORY_ROWS, row("retain", forget_probability=0.25, retain_probability=None)]
    figure = plots.trajectories_over_steps(TRAJECTORIES, rows, CAPTION)
    drawn = [[line.get_ydata()[0] for line in axes.lines if line.get_label() == "retain model"] for axes in figure.axes]
    assert drawn == [[0.25], [], []]
    assert [text.get_text() for text in figure.legends[0].get_texts()].count("retain model") == 1


def test_nothing_to_draw_is_said() -> None:
    failed = [row("npo", status="failed")]
    with pytest.raises(KitError, match="no row has both forget_quality_p and model_utility_geometric"):
        plots.forget_quality_vs_model_utility(failed, CAPTION)
    with pytest.raises(KitError, match="together with its retain model"):
        plots.truth_ratio_distributions({"llama/npo": [1.0]}, failed, CAPTION)
    with pytest.raises(KitError, match="no row has one"):
        plots.trajectories_over_steps({"llama/npo": []}, failed, CAPTION)


@pytest.mark.parametrize("name", FIGURES)
def test_saving_twice_gives_the_same_bytes(name: str, tmp_path: Path) -> None:
    figure = FIGURES[name]()
    png, pdf = plots.save(figure, tmp_path / "new" / "folder", name)
    assert (png, pdf) == (tmp_path / f"new/folder/{name}.png", tmp_path / f"new/folder/{name}.pdf")
    again = plots.save(figure, tmp_path, name)
    assert [path.read_bytes() for path in again] == [png.read_bytes(), pdf.read_bytes()]
    assert FIGURES[name]()._repr_png_()[0] == png.read_bytes()
    assert b"tEXt" not in png.read_bytes()
    assert not any(key in pdf.read_bytes() for key in (b"CreationDate", b"Producer", b"Creator"))


def test_a_notebook_shows_the_figure_and_keeps_its_own_settings(tmp_path: Path) -> None:
    import matplotlib
    from matplotlib import pyplot

    with matplotlib.rc_context({"font.size": 23, "axes.grid": True}):
        before = dict(matplotlib.rcParams)
        figure = plots.trajectories_over_steps(TRAJECTORIES, TRAJECTORY_ROWS, CAPTION)
        plots.save(figure, tmp_path, "styled")
        content, size = figure._repr_png_()
        assert dict(matplotlib.rcParams) == before
    assert content == (tmp_path / "styled.png").read_bytes()
    assert size == {"width": 672}
    plots.save(plots.trajectories_over_steps(TRAJECTORIES, TRAJECTORY_ROWS, CAPTION), tmp_path, "plain")
    assert content == (tmp_path / "plain.png").read_bytes()
    assert pyplot.get_fignums() == []


def test_training_seconds_are_bars_with_their_multiple_of_one_method() -> None:
    rows = [
        row("npo", seconds_per_epoch=3.0, unlearning_seconds=30.0),
        row("uld", seconds_per_epoch=2.0, unlearning_seconds=40.0),
        row("retain"),
        row("ga", status="failed"),
    ]
    figure = plots.training_seconds(rows, CAPTION, "uld")
    epoch, whole = figure.axes
    assert [bar.get_width() for bar in epoch.patches] == [3.0, 2.0]
    assert [text.get_text() for text in epoch.texts] == ["1.5", "1.0"]
    assert [text.get_text() for text in whole.texts] == ["0.8", "1.0"]
    assert "Numbers: times ULD's." in caption_of(figure) and "GA (failed)" in caption_of(figure)
    with pytest.raises(KitError, match="no row has any"):
        plots.training_seconds(rows[2:], CAPTION, "uld")


def test_trajectories_over_epochs_say_so() -> None:
    figure = plots.trajectories_over_steps(TRAJECTORIES, TRAJECTORY_ROWS, CAPTION, "epoch")
    assert figure.axes[1].get_xlabel() == "epoch" and "Marker: last epoch" in caption_of(figure)
