"""Rows of a plan: one draw for each seed, settings and selections, another split, several base models."""

import copy
import json
from pathlib import Path

import pytest
from test_plan import METHODS, NAMES, TINY, content, keys, make

from unlearnkit import params, plan, planned
from unlearnkit.errors import KitError


@pytest.fixture(scope="module")
def table() -> planned.Plan:
    return make()


# --- several seeds ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def three() -> planned.Plan:
    return make({"seeds": [4, 7, 2]})


def start_of(made: planned.Plan, run: str) -> planned.Run:
    """The model that a row's run evaluates or starts from."""
    return made.runs[made.runs[run].spec["start"]["run"]]


def test_every_row_has_one_draw_for_each_seed(three):
    for row in three.rows:
        assert [draw.seed for draw in row.draws] == [4, 7, 2]
        if row.method != "base":
            assert len({draw.run for draw in row.draws}) == 3


def test_each_seed_has_its_own_original_and_retain_model_and_unlearning(three):
    by_method = {row.method: row for row in three.rows}
    retain_runs = [draw.run for draw in by_method["retain"].draws]
    for row in three.rows:
        assert [draw.retain_run for draw in row.draws] == retain_runs
    for method in ("original", "retain", *METHODS):
        for draw in by_method[method].draws:
            assert start_of(three, draw.run).spec["seed"] == draw.seed
            assert three.runs[draw.run].spec.get("seed") == (draw.seed if method in METHODS else None)
    for draw in by_method["kl"].draws:
        assert start_of(three, draw.run).name == f"llama/original model, seed {draw.seed}"
        assert three.runs[draw.run].name == f"llama/kl, seed {draw.seed}"


def test_the_base_model_is_the_first_seeds_for_all(three):
    (base,) = [run for run in three.runs.values() if run.kind == "base_model"]
    assert base.spec["seed"] == 4
    (row,) = [row for row in three.rows if row.method == "base"]
    assert len({draw.run for draw in row.draws}) == 1
    assert all(run.needs == (base.key,) for run in three.runs.values() if run.kind == "finetuned")


def test_the_second_retain_model_is_the_next_seeds(three):
    """Among several seeds no further model is trained: the last seed's second retain model is the first's."""
    (second,) = [row for row in three.rows if row.method == "retain_2"]
    assert [start_of(three, draw.run).spec["seed"] for draw in second.draws] == [7, 2, 4]
    assert sum(run.kind == "finetuned" for run in three.runs.values()) == 6
    (retain,) = [row for row in three.rows if row.method == "retain"]
    for draw in second.draws:  # measured against the retain model of its own seed, never against itself
        assert start_of(three, draw.run) != start_of(three, draw.retain_run)
    assert {draw.run for draw in second.draws} == {draw.run for draw in retain.draws}


def test_a_further_seed_leaves_the_runs_of_the_others(table):
    more = make({"seeds": [1, 2]})
    assert table.runs.keys() <= more.runs.keys()  # seed 2's retain model is the second one of seed 1
    assert more.key != table.key


# --- settings and selections --------------------------------------------------------------------------------


@pytest.fixture
def chosen(tmp_path, monkeypatch) -> Path:
    """A selection of the rows of `content` in the setting selected: its file."""
    made = params.parse(content({"unlearn.default": "selected"}), "my.yaml")
    rows = {row.method: row for row in plan.decided_rows(made, "llama")}
    entries = {
        method: {
            "learning_rate": 1e-5 * (index + 1),
            "steps": index + 1,
            "n_forget": 40,
            "collapsed": method == "ga",
            "key": plan.selection_key(made, "llama", row),
        }
        for index, (method, row) in enumerate(rows.items())
    }
    file = tmp_path / "table4.selected.json"
    file.write_text(json.dumps({"chosen": {"llama": entries}}))
    monkeypatch.setattr(plan, "selection_file", lambda _: file)
    return file


SELECTED = {"unlearn.default": "selected"}


def choices(file: Path) -> dict:
    return json.loads(file.read_text())["chosen"]["llama"]


def test_each_method_has_its_own_learning_rate_and_steps(chosen):
    made = make(SELECTED)
    entries = choices(chosen)
    assert {row.method for row in made.rows if row.training} == entries.keys() == METHODS
    for row in made.rows:
        if row.training:
            entry = entries[row.method]
            assert (row.training["learning_rate"], row.training["steps"]) == (entry["learning_rate"], entry["steps"])
            assert row.training["epochs"] is None
            assert made.runs[row.draws[0].run].spec["unlearn"]["training"].items() <= row.training.items()
            assert row.collapsed == (row.method == "ga")


@pytest.mark.parametrize(("split", "times"), [("forget01", 1), ("forget05", 2), ("forget10", 4)])
def test_chosen_steps_grow_with_the_forget_set(chosen, split, times):
    made = make(SELECTED, split)
    for row in made.rows:
        if row.training:
            assert row.training["steps"] == times * choices(chosen)[row.method]["steps"]
    assert made.split == (None if split == "forget01" else split)
    assert made.result_name == ("table4" if split == "forget01" else f"table4_{split}")
    assert made.params.data.forget_split == split


def test_chosen_steps_are_rounded_and_never_none(chosen):
    entries = choices(chosen)
    for method, (steps, n_forget) in {"ga": (1, 400), "kl": (7, 60), "npo": (7, 80)}.items():
        entries[method] |= {"steps": steps, "n_forget": n_forget}
    chosen.write_text(json.dumps({"chosen": {"llama": entries}}))
    steps = {row.method: row.training["steps"] for row in make(SELECTED).rows if row.training}
    assert (steps["ga"], steps["kl"], steps["npo"]) == (1, 5, 4)  # 0.1, 4.67 and 3.5 (to the even one)


def test_another_split_is_the_same_plan_as_a_file_that_says_so():
    assert make(split="forget05").key == make({"data.forget_split": "forget05"}).key
    with pytest.raises(KitError) as caught:
        make(split="forget1")
    assert str(caught.value) == "my.yaml: data.forget_split: no forget split 'forget1'; did you mean 'forget10'?"
    with pytest.raises(KitError, match="shares authors with"):
        make(split="validation")


def test_a_row_in_another_setting_is_named_after_it(chosen):
    npo_twice = make(SELECTED | {"rows.9": {"method": "npo", "setting": "paper"}})
    mine, six = (row for row in npo_twice.rows if row.method == "npo")
    assert (mine.name, mine.setting, mine.printed_as) == ("llama/npo", None, "NPO")
    assert (six.name, six.setting) == ("llama/npo_paper_setting", "paper")
    assert six.printed_as == "NPO, paper setting"
    assert (six.training["steps"], six.training["epochs"]) == (None, 5.0)
    assert npo_twice.runs[six.draws[0].run].name == six.name
    other_way = make({"rows.9": {"method": "npo", "setting": "selected"}})
    assert [row.name for row in other_way.rows if row.method == "npo"] == ["llama/npo", "llama/npo_selected_setting"]
    # The same training under both names.
    assert other_way.rows[6].draws == six.draws
    assert other_way.rows[9].draws == mine.draws


def test_a_released_form_takes_what_was_chosen_for_the_papers(chosen):
    made = make(SELECTED | {"rows.4": {"method": "flat_kl", "variant": "release"}})
    released, paper_form = made.rows[4], made.rows[9]
    assert (released.name, paper_form.name) == ("llama/flat_kl_release", "llama/flat_kl")
    assert released.training == paper_form.training
    assert released.draws != paper_form.draws


def test_a_released_form_alone_has_nothing_to_take(chosen):
    with pytest.raises(KitError) as caught:
        make(SELECTED | {"rows.9": {"method": "flat_kl", "variant": "release"}})
    assert str(caught.value) == (
        "my.yaml: the row 'flat_kl' (release, selected) takes what is chosen for the row 'flat_kl' (paper, selected), "
        "which is missing"
    )


def refused(changes: dict[str, object]) -> str:
    """The method whose choice does not fit a changed file."""
    with pytest.raises(KitError, match="was chosen for other parameters or data") as caught:
        make(SELECTED | changes)
    return str(caught.value).partition(" for llama/")[2].partition(";")[0]


@pytest.mark.parametrize(
    "changes",
    [
        {"unlearn.selected.batch_size": 4},
        {"unlearn.selected.lora": {"rank": 8, "alpha": 16.0, "target_modules": ["q_proj"]}},
        {"selection.learning_rates": [1e-4]},
        {"selection.keep_retain_rouge_l": 0.5},
        {"evaluation.max_new_tokens": 20},
        {"base_models.llama.finetune.epochs": 2.0},
        {"base_models.llama.scratch.pretrain.epochs": 2.0},
        {"seeds": [2, 1]},
    ],
    ids=str,
)
def test_a_selection_is_refused_where_its_grid_would_be_another(chosen, changes):
    assert refused(changes) == "ga"  # the first method of the file


def test_a_methods_parameters_concern_its_own_choice_only(chosen):
    assert refused({"rows.6.parameters": {"beta": 0.2}}) == "npo"


@pytest.mark.parametrize(
    "changes",
    [
        {"seeds": [1, 2]},  # chosen on the first seed
        {"title": "another", "cost": "another", "paper_scale": True},
        {"unlearn.paper.batch_size": 4},
        {"unlearn.selected.trajectory_every": 3},  # the grid measures no trajectory
        {"rows": [{"method": name} for name in ("retain", "original", "npo")]},
        {"data.forget_split": "forget05"},
    ],
    ids=str,
)
def test_a_selection_holds_where_its_grid_would_be_the_same(chosen, changes):
    made = make(SELECTED | changes)
    npo = next(row for row in made.rows if row.method == "npo")
    assert npo.training["learning_rate"] == choices(chosen)["npo"]["learning_rate"]


def test_a_method_that_was_not_selected_is_named(chosen):
    entries = choices(chosen)
    del entries["dpo"]
    chosen.write_text(json.dumps({"chosen": {"llama": entries}}))
    with pytest.raises(KitError) as caught:
        make(SELECTED)
    assert str(caught.value).startswith("my.yaml: ")
    assert str(caught.value).endswith(
        "table4.selected.json holds nothing for llama/dpo; run: make select TABLE=table4 PROFILE=tiny"
    )


# --- several base models ------------------------------------------------------------------------------------


def test_each_base_model_has_models_and_rows_of_its_own():
    wider = copy.deepcopy(TINY["base_models"]["llama"])
    wider["scratch"]["architecture"]["hidden_size"] = 320
    two = {"base_models": {"llama": TINY["base_models"]["llama"], "wide": wider}}
    made = make(two | {"rows.9.base_models": ["wide"]})
    assert [row.name for row in made.rows] == [
        *(f"llama/{name}" for name in NAMES[:-1]),
        *(f"wide/{name}" for name in NAMES),
    ]
    for row in made.rows:
        for draw in row.draws:
            assert made.runs[draw.run].name.split("/")[0] == row.base_model
            assert made.runs[draw.retain_run].name == f"{row.base_model}/retain"
    alone = make({"rows.9.base_models": ["llama"]})
    llama = {key for key, run in made.runs.items() if run.name.startswith("llama/")}
    assert llama == alone.runs.keys() - {keys(alone)["flat_kl"]}


def test_a_published_log_stands_for_the_retain_model(tmp_path):
    log = tmp_path / "eval_log_aggregated.json"
    log.write_text("{}")
    made = make({"base_models.llama.retain_log": str(log)})
    assert {draw.retain_run for row in made.rows for draw in row.draws} == {None}
    assert [draw.run for row in made.rows for draw in row.draws if row.method == "retain"] == [None]
    assert "retain" not in keys(made)
