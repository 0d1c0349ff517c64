"""Tables 6 and 7 of made-up samples: their records, texts and figures, and what a stored result must follow from."""

import copy
import json
import shutil
from pathlib import Path

import made_up_judged
import pytest
import yaml

from unlearnkit import papers, params, planned, results, runs, tables
from unlearnkit.metrics.closer_look import signatures
from unlearnkit.papers import closer_look, closer_look_table6, closer_look_table7

PARAMS = Path(__file__).resolve().parent.parent / "params" / "tiny"
ROWS = {
    "table6": [
        *({"method": name} for name in ("original", "retain", "gd", "me_gd", "dpo_gd", "idk_ap")),
        {"method": "me_gd", "variant": "release", "forget_splits": ["forget05"]},
        {"method": "me_gd", "parameters": {"alpha": 0.5}, "note": "alpha 0.5", "forget_splits": ["forget05"]},
    ],
    "table7": [
        *({"method": name} for name in ("original", "retain", "gd", "npo_rt", "me_gd")),
        {"method": "npo_rt", "reference": "fixed", "note": "fixed reference"},
        {"method": "me_gd", "retain_mix": {"task": 1.0}, "note": "task"},
    ],
}
DATA = {"table6": {"forget_splits": ["forget01", "forget05"]}, "table7": {"requests": 2}}


def assembled(table: str, folder: Path) -> tuple[planned.Plan, list[dict], Path]:
    content = yaml.safe_load((PARAMS / f"{table}.yaml").read_text(encoding="utf-8"))
    content |= {"rows": copy.deepcopy(ROWS[table]), "profile": "mine"}  # tiny may have a reference beside it
    content["data"] |= DATA[table]
    plan = papers.make(params.parse(content, "here"), "here")
    return plan, made_up_judged.assembled(plan, folder), folder / "result"


@pytest.fixture(scope="module")
def six(tmp_path_factory):
    return assembled("table6", tmp_path_factory.mktemp("six"))


@pytest.fixture(scope="module")
def seven(tmp_path_factory):
    return assembled("table7", tmp_path_factory.mktemp("seven"))


@pytest.fixture
def result(six, tmp_path) -> Path:
    """A copy of Table 6's result, to tamper with."""
    shutil.copytree(six[2], tmp_path / "result")
    return tmp_path / "result"


def record(found: list[dict], row: str) -> dict:
    return next(one for one in found if one["row"] == f"llama/{row}")


def block(made: list, heading: str) -> dict[str, list[str]]:
    """Name of a line -> its cells, of the block with this heading."""
    ((_, lines),) = [one for one in made if one[0] == heading]
    return {line[0]: [cell.strip() for cell in line[1:]] for line in lines}


def draw_of(plan: planned.Plan, label: str) -> tuple[planned.Row, planned.Draw]:
    row = next(row for row in plan.rows if row.label == label)
    return row, row.draws[0]


def samples_of(six, label: str) -> list[dict]:
    return runs.read_samples(six[2] / "rows" / f"llama__{label}" / "seed-1" / "samples.jsonl.gz")


# --- metrics and records --------------------------------------------------------------------------------------


def test_numbers_that_tiny_judges_enter_are_named_so_and_no_others(six):
    samples, retain = samples_of(six, "me_gd_forget05"), samples_of(six, "retain_forget05")
    tiny = closer_look.measure(samples, retain, "all", "_tiny", "universe")
    plain = closer_look.measure(samples, retain, "all", "", "universe")
    renamed = {key for key in plain if key not in tiny}
    parts = {f"{name}_{part}" for name in ("forget", "retain", "real_authors", "world_facts") for part in ("cs", "es")}
    utility = {f"model_utility_18{end}" for end in ("", "_smallest_part", "_smallest_part_value")}
    assert renamed == parts | utility | {"forget_efficacy"}
    assert {key.removesuffix("_tiny"): value for key, value in tiny.items()} == plain
    for key, _, _ in (*closer_look.printed("_tiny"), *closer_look.parts_of("forget", "_tiny")):
        assert 0 <= tiny[key] <= 1
    forget = [tiny[key] for key, head, _ in closer_look.parts_of("forget", "_tiny") if head != "TE"]
    assert tiny["forget_efficacy_tiny"] == pytest.approx(1 - sum(forget) / 5)


def test_what_compares_with_the_retain_model_needs_its_samples_and_texts(six):
    samples, retain = samples_of(six, "me_gd_forget05"), samples_of(six, "retain_forget05")
    told_apart = {f"answers_{name}" for name in ("auc", "auc_ci_lo", "auc_ci_hi", "p", "floor")}
    whole = closer_look.measure(samples, retain, "all", "", "universe")
    assert whole.keys() >= told_apart | {"forget_quality_p", "forget_quality_clustered_p"}
    alone = closer_look.measure(samples, None, "all", "", "universe")
    assert not [key for key in alone if key.startswith(("answers_", "forget_quality"))]
    silent = [{key: value for key, value in one.items() if key != "generation"} for one in samples]
    refused = {"forget_refusals", "retain_refusals"}
    assert closer_look.measure(silent, retain, "all", "", "universe").keys() == whole.keys() - told_apart - refused
    said_nothing = [one | {"generation": "..."} for one in retain if one["set"] == "forget"]
    nothing = [one | {"generation": "?"} for one in samples]
    assert closer_look.measure(nothing, said_nothing, "all", "", "universe").keys() == whole.keys() - told_apart
    itself = closer_look.measure(retain, retain, "all", "", "universe")
    assert (itself["answers_auc"], itself["answers_p"], itself["forget_quality_p"]) == (0.5, 1, 1)
    assert whole["answers_floor"] == pytest.approx(1 / 8), "four authors, exchanged one by one"


def test_the_answers_are_compared_question_by_question_whatever_their_order(six):
    samples, retain = samples_of(six, "me_gd_forget05"), samples_of(six, "retain_forget05")
    one, other = (closer_look.measure(samples, given, "all", "", "universe") for given in (retain, retain[::-1]))
    assert one == other


def test_rows_have_their_split_and_note_and_collapse_beside_the_original(six):
    plan, found, _ = six
    assert [(one["method"], one["fold"], one["note"]) for one in found] == [
        (row.method, row.fold, row.note) for row in plan.rows
    ]
    status = {one["row"]: one["status"] for one in found}
    assert {row for row, said in status.items() if said == "collapsed"} == {"llama/gd_forget01", "llama/gd_forget05"}
    assert set(status.values()) == {"ok", "collapsed"}
    fallen = record(found, "gd_forget01")
    assert fallen["retain_rouge_l_recall"] < 0.5 * record(found, "original_forget01")["retain_rouge_l_recall"]
    assert fallen["n_forget"] == 8 and record(found, "gd_forget05")["n_forget"] == 16


def test_warnings_are_the_failure_signatures_against_the_original_of_the_split(six):
    _, found, _ = six
    for one in found:
        said = signatures(one, record(found, f"original_{one['fold']}"))
        assert one["warnings"] == (", ".join(said) or None)
    assert record(found, "original_forget05")["warnings"] == "high ES on forget"
    assert "MU near zero" in record(found, "gd_forget05")["warnings"]


def test_a_row_is_judged_by_the_original_of_its_own_fold():
    def draw(method: str, fold: str | None, recall: float) -> dict:
        one = {"base_model": "llama", "seed": 1, "status": "ok", "reason": None, "retain_rouge_l_recall": recall}
        return one | {"method": method, "fold": fold}

    drawn = [draw("original", "a", 1.0), draw("ga", "a", 0.4), draw("original", "b", 0.6), draw("ga", "b", 0.4)]
    assert [one["status"] for one in tables.mark_collapsed(drawn)] == ["ok", "collapsed", "ok", "ok"]
    drawn = [draw("original", None, 1.0), draw("ga", None, 0.4), draw("ga", "later", 0.4), draw("ga", "later", 0.6)]
    assert [one["status"] for one in tables.mark_collapsed(drawn)] == ["ok", "collapsed", "collapsed", "ok"]


def test_a_draw_without_numbers_has_no_warnings_and_gives_none(six):
    _, found, _ = six
    original, gd = (record(found, f"{name}_forget01") for name in ("original", "gd"))
    missing = {key: gd[key] for key in ("base_model", "method", "fold")} | {"status": "failed", "seed": 1}
    (one, other) = closer_look.with_warnings([original | {"seed": 1}, missing])
    assert other == missing and one["warnings"] == "high ES on forget"
    lost = {key: original[key] for key in ("base_model", "method", "fold")} | {"status": "missing", "seed": 1}
    drawn = [lost, {key: value for key, value in gd.items() if key != "warnings"} | {"seed": 1}]
    assert closer_look.with_warnings(drawn) == drawn


def test_a_failed_row_is_shown_as_failed_and_the_others_as_they_are(six, monkeypatch):
    plan, found, folder = six
    monkeypatch.setenv("UNLEARNKIT_LOCAL", str(folder.parent))
    _, draw = draw_of(plan, "idk_ap_forget05")
    manifest = runs.folder(plan.runs[draw.run]) / "manifest.json"
    kept = manifest.read_bytes()
    manifest.unlink()
    try:
        again = closer_look_table6.records(plan, closer_look_table6.draws(plan, {draw.run: "out of memory"}))
    finally:
        manifest.write_bytes(kept)
    failed = record(again, "idk_ap_forget05")
    assert (failed["status"], failed["reason"], failed["fold"]) == ("failed", "out of memory", "forget05")
    rest = [one for one in again if one is not failed]
    assert rest == [one for one in found if one["row"] != failed["row"]]
    assert "'IDK+AP (failed)', '-', '-'" in str(closer_look_table6.blocks(plan, again))
    assert r"IDK+AP, forget05 (failed) & - & - \\" in closer_look_table6.latex(plan, again)
    assert closer_look.describe(plan, plan.runs[draw_of(plan, "gd_forget01")[1].run]).startswith("MU_tiny ")


# --- the texts of Table 6 -------------------------------------------------------------------------------------


def test_the_re_runs_numbers_stand_beside_ours_under_their_own_name(six):
    plan, found, _ = six
    made = closer_look_table6.blocks(plan, found)
    shown = block(made, "llama, forget05 (re-run: Llama2-7B)")
    assert shown[""] == ["MU: re-run / yours_tiny", "FE: re-run / yours_tiny"]
    mine = record(found, "me_gd_forget05")
    values = [f"{mine[key]:.4f}" for key in ("model_utility_18_tiny", "forget_efficacy_tiny")]
    assert shown["ME+GD"] == [f"0.7472 /  {values[0]}", f"0.9313 /  {values[1]}"]
    assert shown["GA+GD (collapsed)"][0].startswith("0.0000 / ") and shown["Original LLM"][0].startswith("- / ")
    assert list(shown)[1:] == ["Original LLM", "Retained LLM", "GA+GD (collapsed)", "ME+GD", "DPO+GD", "IDK+AP"]


def test_what_stands_behind_both_numbers_is_shown_for_every_split(six):
    plan, found, _ = six
    made = closer_look_table6.blocks(plan, found)
    mine = record(found, "me_gd_forget01")
    forget = block(made, "llama, forget01: the forget set, whose five parts but TE make FE")
    assert forget[""] == ["R-L", "P", "TR", "TE", "CS_tiny", "ES_tiny", "refusals"]
    assert forget["ME+GD"][2] == f"{mine['forget_truth_ratio_flipped']:.3f}"
    retain = block(made, "llama, forget01: the retain set, six of MU's eighteen parts")
    part, value = (mine[f"model_utility_18_smallest_part{end}"] for end in ("_tiny", "_value_tiny"))
    assert part in mine and mine[part] == value
    assert retain["ME+GD"][-1] == f"{part} {value:.2f}"
    beside = block(made, "llama, forget01: beside the retain model, and warnings")
    assert beside["Retained LLM"][:4] == ["1.0000", "1.000", "0.50", "-"], "two authors give no interval"
    assert beside["ME+GD"][4] == f"{mine['answers_p']:.3f} (least 0.500)"
    assert beside["Original LLM"][-1] == "high ES on forget"
    behind = block(made, "llama, forget01: what stands behind it")
    rate = f"{plan.params.unlearn.paper.learning_rate:g}"
    assert behind["IDK+AP"] == ["template, retain, retain_template", rate, "6", "1.5 s"]
    assert behind["Original LLM"] == ["-"] * 4


def test_other_forms_stand_below_the_papers_beside_the_methods_own_row(six):
    plan, found, _ = six
    made = closer_look_table6.blocks(plan, found)
    headings = [heading for heading, _ in made if "other forms" in heading]
    assert headings == ["llama, forget05: other forms and weights"]
    shown = block(made, headings[0])
    assert list(shown)[1:] == ["ME+GD", "ME+GD, release", "ME+GD, alpha 0.5"]
    mine = record(found, "me_gd_alpha_0.5_forget05")
    assert shown["ME+GD, alpha 0.5"][0] == f"{mine['model_utility_18_tiny']:.4f}"
    latex = closer_look_table6.latex(plan, found)
    assert "ME+GD, forget05 & " in latex and "release" not in latex and r"MU\_tiny & FE\_tiny" in latex


def test_the_caption_says_whose_judges_and_whose_numbers_these_are(six):
    plan, found, _ = six
    lines = closer_look_table6.caption(plan, found)
    assert lines[0] == "Profile mine: the kit's own universe, forget01, forget05; every row: one seed."
    said = " ".join(lines)
    for words in ("Not the paper's scale", "small judges that the kit trains", "named _tiny", "DualOptim's Table 4"):
        assert words in said
    assert "met in pre-training 48 of 48 real authors" in said and "Collapsed: retain ROUGE-L below 0.5" in said
    paper = plan.params.model_copy(update={"paper_scale": True, "judges": judges_of_the_hub(plan)})
    other = " ".join(closer_look_table6.caption(planned.Plan(paper, "here"), [found[0]]))
    assert "small judges" not in other and "Not the paper's scale" not in other and "Collapsed" not in other


def judges_of_the_hub(plan: planned.Plan):
    judge = {"source": "someone/judge", "revision": "abc"}
    return type(plan.params.judges).model_validate({"encoder": judge, "nli": judge})


def test_verdicts_compare_each_split_by_itself(six):
    _, found, folder = six
    stored = json.loads((folder / "verdict.json").read_text())
    assert stored == closer_look_table6.verdicts(found, json.loads((folder / "parameters.json").read_text()))
    assert {one["base_model"] for one in stored} == {"llama, forget01", "llama, forget05"} and len(stored) == 2 * 4
    assert {one["ours"] for one in stored} <= {"seen", "not seen at this scale"}
    both = next(one for one in stored if one["claim"] == "me_gd_both" and one["base_model"] == "llama, forget05")
    mine = record(found, "me_gd_forget05")
    assert both["ours_why"].startswith(f"utility: me_gd {mine['model_utility_18_tiny']:.4g}, ")
    assert both["ours_why"].endswith("; collapsed: gd; other variants, left out: me_gd (release)")


# --- Table 7 --------------------------------------------------------------------------------------------------


def test_requests_stand_side_by_side(seven):
    plan, found, _ = seven
    made = closer_look_table7.blocks(plan, found)
    headings = [heading.removeprefix("llama: ") for heading, _ in made]
    assert headings[:2] == ["MU_tiny after each request", "FE_tiny after each request"]
    assert headings[-1] == "at the last request, median and range over 2 seeds"
    utility, recall = (block(made, f"llama: {name}") for name in (headings[0], headings[3]))
    assert utility[""] == ["1", "2"]
    mine = [record(found, f"me_gd_task_request_{number}") for number in (1, 2)]
    assert utility["ME+GD, task"] == [f"{one['model_utility_18_tiny']:.2f}" for one in mine]
    assert all(cell.endswith("*") for cell in recall["GA+GD"]) and "*" not in "".join(recall["ME+GD"])
    last = block(made, "llama: at the last request")
    assert "GA+GD (collapsed)" in last and last["Original LLM"][-1] == "high ES on forget"
    assert set(last) == {"", "GA+GD (collapsed)"} | set(utility) - {"GA+GD", ""}
    one = mine[1]
    ends = [one[f"forget_efficacy_tiny{end}"] for end in ("", "_lo", "_hi")]
    ranges = block(made, f"llama: {headings[-1]}")["ME+GD, task"]
    assert ranges[1] == "{:.4f} [{:.4f}, {:.4f}]".format(*ends) and one["seeds"] == 2


def test_the_first_request_of_a_fixed_reference_is_that_of_a_moving_one(seven):
    _, found, _ = seven
    moving, fixed = (record(found, f"npo_rt{name}_request_1") for name in ("", "_fixed_reference"))
    own = ("row", "printed_as", "note")
    assert {key: value for key, value in moving.items() if key not in own} == {
        key: value for key, value in fixed.items() if key not in own
    }
    second = [record(found, f"npo_rt{name}_request_2") for name in ("", "_fixed_reference")]
    assert second[0]["forget_efficacy_tiny"] != second[1]["forget_efficacy_tiny"]


def test_the_caption_and_the_latex_table_of_requests(seven):
    plan, found, folder = seven
    lines = closer_look_table7.caption(plan, found)
    assert lines[0].startswith("Profile mine: the kit's own universe, 2 requests of two authors; every row: 2 seeds")
    assert any(line.startswith("Collapsed (*)") for line in lines) and "Every request starts" in " ".join(lines)
    latex = closer_look_table7.latex(plan, found)
    assert "NPO+GD, fixed reference, request 2 & " in latex and latex.count(r" \\") == 2 + len(found)
    assert closer_look_table7.verdicts(found, {}) == [] == json.loads((folder / "verdict.json").read_text())


# --- stored results -------------------------------------------------------------------------------------------


def test_a_stored_result_follows_from_its_samples(six, seven):
    assert closer_look_table6.problems(six[2]) == [] == closer_look_table7.problems(seven[2])


def test_without_texts_the_rest_is_checked(result):
    for file in result.glob("rows/*/*/samples.jsonl.gz"):
        texts = ("question", "reference", "generation")
        stored = [{k: v for k, v in one.items() if k not in texts} for one in runs.read_samples(file)]
        runs.write_samples(file, stored)
    assert closer_look_table6.problems(result) == []
    tamper(result, "me_gd_forget05", cosine_similarity=1.0)
    assert any("forget_efficacy_tiny" in line for line in closer_look_table6.problems(result))


def tamper(result: Path, label: str, **changes) -> None:
    """Change the first sample of a row, one about the forget set."""
    file = result / "rows" / f"llama__{label}" / "seed-1" / "samples.jsonl.gz"
    first, *rest = runs.read_samples(file)
    assert first["set"] == "forget" and any(first[key] != value for key, value in changes.items())
    runs.write_samples(file, [first | changes, *rest])


@pytest.mark.parametrize(
    ("changes", "row", "key"),
    [
        ({"token_entropy": 0.123}, "me_gd_forget05", "forget_te"),
        ({"cosine_similarity": 0.987}, "me_gd_forget05", "forget_cs_tiny"),
        ({"rouge_l_recall": 0.987}, "me_gd_forget05", "ROUGE-L does not follow from its answer"),
        ({"generation": "Nobody can say."}, "me_gd_forget05", "answers_auc"),
        # Of the retain model: what every row of that split is measured against.
        ({"generation": "Nobody can say."}, "retain_forget05", "row llama/original_forget05, seed 1, answers_auc"),
    ],
)
def test_a_changed_sample_is_noticed(result, changes, row, key):
    tamper(result, row, **changes)
    problems = closer_look_table6.problems(result)
    assert any(key in line for line in problems), problems
    other = [line for line in problems if "forget01" in line]
    assert not other, "the other split has samples of its own"


def test_a_changed_number_or_status_is_noticed(result):
    for name in ("seeds.csv", "table.csv"):
        path = result / name
        kept = path.read_text()
        rows = tables.read_csv(path)
        collapsed = next(one for one in rows if one["row"] == "llama/gd_forget01")
        for changes in ({"status": "ok", "reason": None}, {"warnings": "none at all"}, {"forget_efficacy_tiny": 0.5}):
            tables.write_csv(path, [one | changes if one is collapsed else one for one in rows])
            problems = closer_look_table6.problems(result)
            assert any("llama/gd_forget01" in line and next(iter(changes)) in line for line in problems), changes
        path.write_text(kept)
    assert closer_look_table6.problems(result) == []


def test_missing_samples_of_a_request_are_noticed(seven, tmp_path):
    shutil.copytree(seven[2], tmp_path / "result")
    shutil.rmtree(tmp_path / "result" / "rows" / "llama__retain_request_2" / "seed-2")
    problems = closer_look_table7.problems(tmp_path / "result")
    lacking = [line for line in problems if line.endswith(": no samples")]
    assert len(lacking) == 7 and all("request_2, seed 2" in line for line in lacking)


# --- figures --------------------------------------------------------------------------------------------------


def by_gid(axes) -> dict[str, list]:
    return {line.get_gid(): line.get_xydata()[0].tolist() for line in axes.lines if line.get_gid()}


def test_the_figure_of_both_numbers_has_a_panel_a_split_and_a_marker_a_row(six):
    _, found, folder = six
    drawn = closer_look_table6.figures(folder, "Caption.")
    assert drawn.keys() == {"utility_vs_efficacy", "parts_llama"}
    panels = drawn["utility_vs_efficacy"].axes
    assert [axes.get_title("left") for axes in panels] == ["llama, forget01", "llama, forget05"]
    for axes, split in zip(panels, ("forget01", "forget05"), strict=True):
        own = [one for one in found if one["fold"] == split and one["note"] is None and one["variant"] == "paper"]
        keys = ("forget_efficacy_tiny", "model_utility_18_tiny")
        assert by_gid(axes) == {one["row"]: [one[key] for key in keys] for one in own}
        assert axes.get_xlabel() == "FE: forget efficacy (tiny judges)"
        dashed = [line for line in axes.lines if len(line.get_xdata()) == 2 and line.get_linestyle() == "--"]
        assert [line.get_xdata()[0] for line in dashed] == [record(found, f"retain_{split}")["forget_efficacy_tiny"]]
        assert axes.get_ylim()[1] > max(one["model_utility_18_tiny"] for one in own)


def test_the_figure_of_parts_shows_every_number_once(six):
    _, found, folder = six
    figure = closer_look_table6.figures(folder, "Caption.")["parts_llama"]
    for axes, split in zip(figure.axes, ("forget01", "forget05"), strict=True):
        own = [one for one in found if one["fold"] == split and one["note"] is None and one["variant"] == "paper"]
        cells = [text.get_text() for text in axes.texts]
        keys = [key for name in ("forget", "retain") for key, _, _ in closer_look.parts_of(name, "_tiny")]
        assert cells == [f"{one[key]:.2f}" for one in own for key in keys]
        heads = [label.get_text() for label in axes.get_xticklabels()]
        assert heads[0] == "forget\nR-L" and heads[-1] == "retain\nES_tiny" and len(heads) == 12


def test_figures_of_requests_show_methods_and_what_a_choice_changes(seven):
    _, found, folder = seven
    drawn = closer_look_table7.figures(folder, "Caption.")
    assert drawn.keys() == {"over_requests", "choices_npo_rt", "choices_me_gd"}
    legends = {
        name: [text.get_text() for text in figure.axes[0].get_legend().get_texts()] for name, figure in drawn.items()
    }
    assert legends["over_requests"] == ["Original LLM", "Retained LLM", "GA+GD", "NPO+GD", "ME+GD"]
    assert legends["choices_me_gd"] == ["Original LLM", "Retained LLM", "ME+GD", "ME+GD, task"]
    for figure in drawn.values():
        styles = {(str(line.get_marker()), line.get_color()) for line in figure.axes[0].get_legend().get_lines()}
        assert len(styles) == len(figure.axes[0].get_legend().get_texts()), "every line looks like no other"
    panel = drawn["over_requests"].axes[1]
    assert panel.get_ylabel() == "FE_tiny" and panel.get_xticks().tolist() == [1, 2]
    points = by_gid(panel)
    assert {row: y for row, (_, y) in points.items()} == {
        one["row"]: one["forget_efficacy_tiny"] for one in found if one["note"] is None
    }
    assert all(abs(x - int(row[-1])) < 0.25 for row, (x, _) in points.items())
    assert len({x for x, _ in points.values()}) == len(points), "side by side"


def test_no_word_of_a_figure_leaves_its_page(six, seven):
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    drawn = closer_look_table6.figures(six[2], "Caption.") | closer_look_table7.figures(seven[2], "Caption.")
    for name, figure in drawn.items():
        page, renderer = figure.bbox, FigureCanvasAgg(figure).get_renderer()
        boxes = [axes.get_legend().get_window_extent(renderer) for axes in figure.axes if axes.get_legend()]
        boxes += [axes.get_tightbbox(renderer) for axes in figure.axes]
        for box in boxes:
            assert box.x0 >= page.x0 - 1 and box.x1 <= page.x1 + 1, name
            assert box.y0 >= page.y0 - 1 and box.y1 <= page.y1 + 1, name


def test_a_figure_without_numbers_is_refused_in_one_line(six):
    from unlearnkit import plots
    from unlearnkit.errors import KitError

    rows = [one | {"model_utility_18_tiny": None} for one in results.read_rows(six[2])]
    with pytest.raises(KitError, match="no row has both model_utility_18_tiny and forget_efficacy_tiny"):
        plots.utility_vs_efficacy(rows, "Caption.", ("model_utility_18_tiny", "forget_efficacy_tiny"))
