"""The study of LoRA against full fine-tuning: how it is planned, what it refuses, its texts and its figure."""

import copy
import csv
import json
import shutil
from pathlib import Path

import made_up_judged
import pytest
import yaml

from unlearnkit import models, notebook, papers, params, planned, plots, results, runs
from unlearnkit.errors import KitError
from unlearnkit.papers import closer_look_lora

PARAMS = Path(__file__).resolve().parent.parent / "params" / "tiny"
CONTENT = yaml.safe_load((PARAMS / "table6_lora.yaml").read_text(encoding="utf-8"))
PUBLISHED = PARAMS.parents[1] / "results" / "published"
REFERENCES = [{"method": "original"}, {"method": "retain"}]
ALL_WEIGHTS, RANK_8 = 1_000_000, 50_000  # of the made-up runs


def lora(rank: int, **changes) -> dict:
    return {"rank": rank, "alpha": 4.0 * rank, "target_modules": ["q_proj", "v_proj"]} | changes


def make(rows: list[dict] | None = None, **changes) -> planned.Plan:
    content = copy.deepcopy(CONTENT) | changes | ({"rows": rows} if rows else {})
    return papers.make(params.parse(content, "here"), "here")


def run_of(plan: planned.Plan, label: str) -> planned.Run:
    return plan.runs[next(row for row in plan.rows if row.label == label).draws[0].run]


# --- the plan -------------------------------------------------------------------------------------------------


def test_rows_without_a_note_are_table_6_s_of_the_first_seed():
    """A row of that table is a row here: LoRA's plan changes no key of the others."""
    mine, theirs = make(), papers.make(params.read(PARAMS / "table6.yaml"), "there")
    labels = {row.label for row in theirs.rows}
    shared = [row for row in mine.rows if row.label in labels]
    assert [row.method for row in shared] == ["original", "retain", "me_gd", "idk_ap"]
    for row in shared:  # ME+GD has alpha 1 here, which is a row with a note there
        label = "me_gd_alpha_1_forget05" if row.method == "me_gd" else row.label
        assert row.draws[0].run == run_of(theirs, label).key
    new = {row.draws[0].run for row in mine.rows if row not in shared}
    assert len(new) == len(mine.rows) - 4 == 11 and new.isdisjoint(theirs.runs)


def test_a_row_says_what_it_changes_and_trains_so():
    plan = make([*REFERENCES, {"method": "me_gd"}, {"method": "me_gd", "learning_rate": 2e-4},
                 {"method": "me_gd", "learning_rate": 4e-3, "lora": lora(8)}, {"method": "me_gd", "lora": lora(4)},
                 {"method": "me_gd", "lora": lora(4, alpha=8.0), "note": "alpha 8"}])  # fmt: skip
    names = [row.printed_as.removeprefix("ME+GD") for row in plan.rows[2:]]
    assert names == ["", ", lr 0.0002", ", LoRA rank 8", ", LoRA rank 4", ", alpha 8"]
    assert [row.label for row in plan.rows[2:]] == [
        f"me_gd{note}_forget05" for note in ("", "_lr_0.0002", "_LoRA_rank_8", "_LoRA_rank_4", "_alpha_8")
    ]
    trained = [row.training for row in plan.rows[2:]]
    assert [how["learning_rate"] for how in trained] == [1e-3, 2e-4, 4e-3, 1e-3, 1e-3]
    assert [how["lora"] for how in trained] == [None, None, lora(8), lora(4), lora(4, alpha=8.0)]
    base = plan.params.unlearn.paper.model_dump()
    for row in plan.rows[2:]:
        assert row.training | {"learning_rate": 1e-3, "lora": None} == base
        spec = plan.runs[row.draws[0].run].spec["unlearn"]["training"]
        assert (spec["learning_rate"], spec["lora"]) == (row.training["learning_rate"], row.training["lora"])


def test_the_shipped_ranks_keep_alpha_over_rank_and_adapt_all_linear_layers():
    plan = make()
    for method in ("me_gd", "idk_ap"):
        adapters = [row.training["lora"] for row in plan.rows if row.method == method and row.training["lora"]]
        assert [one["rank"] for one in adapters] == [4, 8, 16, 32, 64]
        assert {one["alpha"] / one["rank"] for one in adapters} == {4}
        for one in adapters:
            assert tuple(one["target_modules"]) == models.FAMILIES["llama"].linear


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"lora": lora(8, target_modules=["q_prj"])}, "rows.2: lora.target_modules: llama has no linear layer 'q_prj' "
         "to adapt; did you mean 'q_proj'"),
        ({"lora": lora(0)}, "rows.2.lora.rank: Input should be greater than 0"),
        ({"lora": {"rank": 8, "alpha": 32.0}}, "missing key 'rows.2.lora.target_modules'"),
        ({"lora": lora(8, ranks=4)}, "unknown key 'rows.2.lora.ranks'; did you mean 'rank'"),
        ({"lora": {"rank": "8"}}, "rows.2.lora.rank: '8' is text, not a number"),
        ({"lorra": lora(8)}, "unknown key 'rows.2.lorra'; did you mean 'lora'"),
        ({"learning_rate": 0.0}, "rows.2.learning_rate: Input should be greater than 0"),
        ({"learning_rate": "1e-3"}, "rows.2.learning_rate: '1e-3' is text, not a number; write 1.0e-3"),
        ({"method": "retain_2", "lora": lora(8)}, "rows.2.lora: the reference row 'retain_2' has none of its own"),
        ({"forget_splits": ["forget01"]}, "rows.2.forget_splits: 'forget01' is none of data.forget_splits"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_with_file_and_key(row, message):
    with pytest.raises(KitError) as raised:
        make([*REFERENCES, {"method": "me_gd"} | row])
    assert str(raised.value).startswith(f"here: {message}") and "\n" not in str(raised.value)


def test_two_rows_of_one_rank_need_a_note():
    row = {"method": "me_gd", "lora": lora(8)}
    with pytest.raises(KitError, match=r"rows.3: the row 'me_gd' \(paper, paper, LoRA rank 8\) is there twice"):
        make([*REFERENCES, row, row | {"learning_rate": 1e-4}])
    assert len(make([*REFERENCES, row, row | {"learning_rate": 1e-4, "note": "slowly"}]).rows) == 4


@pytest.mark.parametrize("table", ["table6", "table6_lora", "table7", "table8"])
def test_a_notebook_hands_the_command_line_a_file_with_the_same_plan(table, local):
    plan = papers.make(params.read(PARAMS / f"{table}.yaml"), "here")
    assert papers.make(params.read(notebook._parameter_file(plan)), "there").key == plan.key


# --- the table ------------------------------------------------------------------------------------------------

ROWS = [
    *REFERENCES,
    {"method": "me_gd"},
    {"method": "me_gd", "learning_rate": 2e-4},
    *({"method": "me_gd", "lora": lora(rank)} for rank in (4, 8)),
    {"method": "idk_ap"},
    {"method": "idk_ap", "lora": lora(8)},
]


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> tuple[planned.Plan, list[dict], Path]:
    """Made-up runs of two seeds. One of them was made before the counts were kept."""
    folder, plan = tmp_path_factory.mktemp("study"), make(copy.deepcopy(ROWS), profile="mine", seeds=[1, 2])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNLEARNKIT_LOCAL", str(folder))
        made_up_judged.finish(plan)
        for run in plan.runs.values():
            how = run.spec.get("unlearn") or {}
            if how and (how["method"], how["training"]["lora"]) != ("idk_ap", None):
                adapters = how["training"]["lora"]
                count = RANK_8 * adapters["rank"] // 8 if adapters else ALL_WEIGHTS
                counts = {"parameters": ALL_WEIGHTS, "trainable_parameters": count}
                runs.write_json(runs.folder(run) / "manifest.json", runs.manifest(run) | counts)
    return plan, made_up_judged.assembled(plan, folder), folder / "result"


def record(found: list[dict], label: str) -> dict:
    return next(one for one in found if one["row"] == f"llama/{label}_forget05")


def block(made: list, heading: str) -> dict[str, list[str]]:
    ((_, lines),) = [one for one in made if one[0] == heading]
    return {line[0]: [cell.strip() for cell in line[1:]] for line in lines}


def test_a_row_says_how_many_parameters_it_trained_where_its_run_does(study):
    _, found, _ = study
    keys = ("lora_rank", "trainable_parameters", "trainable_share")
    shown = {one["row"].removesuffix("_forget05"): tuple(one[key] for key in keys) for one in found}
    assert shown == {
        "llama/original": (None, None, None),
        "llama/retain": (None, None, None),
        "llama/me_gd": (None, ALL_WEIGHTS, 1.0),
        "llama/me_gd_lr_0.0002": (None, ALL_WEIGHTS, 1.0),
        "llama/me_gd_LoRA_rank_4": (4, RANK_8 / 2, 0.025),
        "llama/me_gd_LoRA_rank_8": (8, RANK_8, 0.05),
        "llama/idk_ap": (None, None, None),
        "llama/idk_ap_LoRA_rank_8": (8, RANK_8, 0.05),
    }


def test_a_table_for_each_method_shows_what_was_trained_beside_what_came_of_it(study):
    plan, found, _ = study
    made = closer_look_lora.blocks(plan, found)
    shown = block(made, "llama, forget05: ME+GD, by what is trained")
    assert list(shown)[1:] == ["Original LLM", "Retained LLM", "ME+GD", "ME+GD, lr 0.0002",
                               "ME+GD, LoRA rank 4", "ME+GD, LoRA rank 8"]  # fmt: skip
    mine = record(found, "me_gd_LoRA_rank_4")
    keys = ("model_utility_18_tiny", "forget_efficacy_tiny", "forget_rouge_l_recall", "forget_probability",
            "retain_rouge_l_recall", "retain_probability")  # fmt: skip
    digits = (4, 4, 3, 3, 3, 3)
    numbers = [f"{mine[key]:.{places}f}" for key, places in zip(keys, digits, strict=True)]
    assert shown["ME+GD, LoRA rank 4"] == ["25000", "0.0250", *numbers, "0.0010", mine["warnings"] or "-"]
    assert block(made, "llama, forget05: IDK+AP, by what is trained")["IDK+AP"][:2] == ["-", "-"]
    assert block(made, "llama, forget05: what it costs")["IDK+AP, LoRA rank 8"][:3] == ["6", "1.5", "0.250"]
    assert "llama, forget05: median and range over 2 seeds" in [heading for heading, _ in made]


def test_the_re_run_stands_beside_full_fine_tuning_and_rank_8(study):
    plan, found, _ = study
    shown = block(closer_look_lora.blocks(plan, found), "llama, forget05 (re-run: Llama2-7B)")
    assert shown["ME+GD"][1].startswith("0.9313 / ") and shown["ME+GD, LoRA rank 8"][1].startswith("0.9298 / ")
    assert shown["IDK+AP"][0].startswith("0.7529 / ") and shown["IDK+AP, LoRA rank 8"][0].startswith("0.7471 / ")
    assert shown["ME+GD, LoRA rank 4"][0].startswith("- / ")


def test_the_printed_rows_are_those_of_table_6_with_a_rank():
    lines = list(csv.DictReader((PUBLISHED / "closer_look_table6_lora.csv").open(encoding="utf-8")))
    full = list(csv.DictReader((PUBLISHED / "closer_look_table6.csv").open(encoding="utf-8")))
    of_llama = {(one["method"], one["printed_method"], one["fold"]) for one in full if one["base_model"] == "Llama2-7B"}
    assert {(one["method"], one["printed_method"], one["fold"]) for one in lines} == of_llama and len(lines) == 15
    assert {one["note"] for one in lines} == {"LoRA rank 8"}
    assert all(0 < float(one["model_utility_18"]) < 1 and "Table 16" in one["source"] for one in lines)


def test_caption_and_latex_say_what_is_trained(study):
    plan, found, folder = study
    words = " ".join(closer_look_lora.caption(plan, found))
    assert "2 seeds" in words and "named _tiny" in words and "share: of all of the model's" in words
    latex = closer_look_lora.latex(plan, found)
    assert "Method & trained & share & " in latex and "ME+GD, LoRA rank 8, forget05 & 50000 & 0.0500 & " in latex
    assert json.loads((folder / "verdict.json").read_text()) == []


def test_a_stored_result_follows_from_what_is_beside_it(study, tmp_path):
    shutil.copytree(study[2], tmp_path / "result")
    assert closer_look_lora.problems(tmp_path / "result") == []
    file = tmp_path / "result" / "rows" / "llama__me_gd_LoRA_rank_8_forget05" / "seed-2" / "manifest.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"trainable_parameters": RANK_8 * 2}))
    assert closer_look_lora.problems(tmp_path / "result") == [
        "seeds.csv, row llama/me_gd_LoRA_rank_8_forget05, seed 2, trainable_parameters: 50000 instead of 100000",
        "seeds.csv, row llama/me_gd_LoRA_rank_8_forget05, seed 2, trainable_share: 0.05 instead of 0.1",
    ]


# --- the figure -----------------------------------------------------------------------------------------------


def test_the_figure_has_a_marker_a_row_and_a_line_through_the_ranks(study):
    _, found, folder = study
    (figure,) = closer_look_lora.figures(folder, "Caption.").values()
    assert [axes.get_ylabel() for axes in figure.axes] == ["MU_tiny", "FE_tiny"]
    for axes, key in zip(figure.axes, ("model_utility_18_tiny", "forget_efficacy_tiny"), strict=True):
        drawn = [one for one in found if one["trainable_parameters"]]
        points = {line.get_gid(): line.get_xydata()[0] for line in axes.lines if line.get_gid()}
        assert points.keys() == {one["row"] for one in drawn} and len(drawn) == 5
        for one in drawn:
            x, y = points[one["row"]]
            assert x == pytest.approx(one["trainable_parameters"], rel=0.1) and y == one[key]
        through = [line for line in axes.lines if not line.get_gid() and line.get_linestyle() == "-"]
        ranks = [record(found, f"me_gd_LoRA_rank_{rank}") for rank in (4, 8)]
        assert through[0].get_ydata().tolist() == [one[key] for one in ranks]
        bars = sorted(tuple(segment[:, 1]) for lines in axes.collections for segment in lines.get_segments())
        assert bars == sorted((one[f"{key}_lo"], one[f"{key}_hi"]) for one in drawn)
        level = {line.get_label(): line.get_ydata()[0] for line in axes.lines if line.get_label().endswith(" LLM")}
        assert level == {f"{name} LLM": record(found, label)[key]
                         for name, label in (("Original", "original"), ("Retained", "retain"))}  # fmt: skip
        labels = [tick.get_text() for tick in axes.get_xticklabels()]
        assert labels == ["25,000\nrank 4", "50,000\nrank 8", "1,000,000\nall"]
        assert axes.get_xscale() == "log"
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == [
        "Original LLM", "Retained LLM", "ME+GD, LoRA", "IDK+AP, LoRA",
        "ME+GD, all weights", "ME+GD, all weights,\nlr 0.0002",
    ]  # fmt: skip
    assert "Not drawn: IDK+AP." in figure.get_supxlabel().replace("\n", " ")


def test_rows_of_which_none_was_counted_cannot_be_drawn(study):
    rows = [one | {"trainable_parameters": None} for one in results.read_rows(study[2])]
    with pytest.raises(KitError, match="no row has trainable_parameters"):
        plots.over_trained_parameters(rows, "Caption.", (("model_utility_18_tiny", "MU", 4),))
