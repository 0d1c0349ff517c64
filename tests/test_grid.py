"""The grid of a selection and of the fronts: its runs, their data, and what they share with the table."""

import json

import pytest
from test_plan import METHODS, content, keys, make

from unlearnkit import grid, params, plan, planned
from unlearnkit.errors import KitError

RATES, STEPS = [1e-4, 2e-3], [3, 12, 6]
CHANGES = {"unlearn.default": "selected", "selection.learning_rates": RATES, "selection.steps": STEPS}


def grid_of(purpose: str, changes: dict[str, object] | None = None) -> planned.Plan:
    return grid.make(params.parse(content(CHANGES | (changes or {})), "my.yaml"), "my.yaml", purpose)


@pytest.fixture(scope="module")
def selection() -> planned.Plan:
    return grid_of("selection")


@pytest.fixture(scope="module")
def front() -> planned.Plan:
    return grid_of("front")


def run_names(purpose: str) -> set[str]:
    return {
        "base model",
        "original model",
        f"{purpose} retain model",
        f"{purpose}, original",
        f"{purpose}, retain",
        *(f"{purpose}, {method} at {rate}" for method in METHODS for rate in ("0.0001", "0.002")),
    }


@pytest.mark.parametrize("purpose", ["selection", "front"])
def test_the_runs_of_a_grid(purpose, request):
    """One run for each method and learning rate, as long as the most steps, sampled at every number of steps."""
    made = request.getfixturevalue(purpose)
    assert keys(made).keys() == run_names(purpose)
    for row in made.rows:
        (draw,) = row.draws
        spec = made.runs[draw.run].spec
        assert made.runs[draw.retain_run].name == f"llama/{purpose}, retain"
        assert spec.get("trajectory_every") is None
        if row.training is None:
            assert "sample_steps" not in spec
            continue
        assert spec["sample_steps"] == STEPS
        assert spec["unlearn"]["training"].items() <= row.training.items()
        assert (row.training["steps"], row.training["epochs"]) == (12, None)
        assert spec["start"] == {"run": keys(made)["original model"]}
        assert (draw.seed, spec["seed"]) == (1, 1)
    rates = {method: [row.training["learning_rate"] for row in made.rows if row.method == method] for method in METHODS}
    assert set(map(tuple, rates.values())) == {tuple(RATES)}


def test_a_selection_never_looks_at_the_reported_forget_set(selection):
    for row in selection.rows:
        spec = selection.runs[row.draws[0].run].spec
        assert spec["forget_split"] == "validation"
        assert spec["sets"] == ["forget", "retain"]
        assert not [name for name in spec["data_fingerprints"] if name.startswith(("forget", "retain_perturbed"))]
    retain = selection.runs[keys(selection)["selection retain model"]]
    assert retain.spec["splits"] == ["validation_retain", "general"]


def test_a_front_is_of_the_reported_forget_set_and_all_of_utility(front):
    for row in front.rows:
        spec = front.runs[row.draws[0].run].spec
        assert spec["forget_split"] == "forget01"
        assert spec["sets"] == ["forget", "retain", "real_authors", "world_facts"]
    other = grid_of("front", {"data.forget_split": "forget05"})
    assert other.runs[other.rows[-1].draws[0].run].spec["forget_split"] == "forget05"


def test_models_are_shared_with_the_table(selection, front):
    table = make()
    shared = {table.runs[key].name for key in selection.runs.keys() & table.runs.keys()}
    assert shared == {"llama/base model", "llama/original model"}
    shared = {table.runs[key].name for key in front.runs.keys() & table.runs.keys()}
    models = {"llama/base model", "llama/original model", "llama/retain model"}
    assert shared == models | {"llama/original", "llama/retain"}
    assert {run.kind for run in selection.runs.values() if run.key in front.runs} == {"base_model", "finetuned"}


@pytest.mark.parametrize("purpose", ["selection", "front"])
def test_runs_come_after_their_needs(purpose, request):
    done = set()
    for key, run in request.getfixturevalue(purpose).runs.items():
        assert set(run.needs) <= done, run.name
        done.add(key)


def test_only_rows_that_a_selection_decides_are_in_the_grid():
    rows = [
        {"method": "original"},
        {"method": "retain"},
        {"method": "npo", "parameters": {"beta": 0.3}},
        {"method": "npo", "setting": "paper"},
        {"method": "ga", "setting": "paper"},
        {"method": "flat_kl"},
        {"method": "flat_kl", "variant": "release"},
        {"method": "dpo", "base_models": ["wide"]},
    ]
    llama = content()["base_models"]["llama"]
    made = grid_of("selection", {"rows": rows, "base_models": {"llama": llama, "wide": llama}})
    names = list(dict.fromkeys(row.name for row in made.rows if row.training))
    assert names == ["llama/npo", "llama/flat_kl", "wide/npo", "wide/flat_kl", "wide/dpo"]
    for row in made.rows:
        if row.method == "npo":  # the selected row's own parameter, not that of the other setting
            assert made.runs[row.draws[0].run].spec["unlearn"]["parameters"] == {"beta": 0.3}


def test_the_grid_is_of_the_first_seed():
    made = grid_of("selection", {"seeds": [5, 1, 2]})
    assert {run.spec["seed"] for run in made.runs.values() if "seed" in run.spec} == {5}
    assert made.runs.keys() == grid_of("selection", {"seeds": [5]}).runs.keys()


def test_a_wider_grid_keeps_the_runs_of_the_narrow_one(selection):
    wider = grid_of("selection", {"selection.learning_rates": [*RATES, 4e-3]})
    assert selection.runs.keys() < wider.runs.keys()


@pytest.mark.parametrize(
    "changes",
    [
        {"unlearn.default": "paper", "unlearn.selected": None},
        {"unlearn.default": "paper", "unlearn.selected": None, "selection": None},
    ],
    ids=["no setting", "no grid"],
)
@pytest.mark.parametrize("purpose", ["selection", "front"])
def test_without_a_grid_there_is_nothing_to_do(purpose, changes):
    given = content(changes | ({} if "selection" in changes else {"selection.steps": STEPS}))
    with pytest.raises(KitError) as caught:
        grid.make(params.parse(given, "my.yaml"), "my.yaml", purpose)
    assert str(caught.value) == "my.yaml: selection or unlearn.selected is null; there is no grid"


def test_a_mistake_in_the_rows_is_found_before_anything_runs():
    with pytest.raises(KitError, match=r"my.yaml: rows.4: no method 'gaa'; did you mean 'ga'"):
        grid_of("selection", {"rows.4.method": "gaa"})


def test_a_grid_needs_no_selection(tmp_path, monkeypatch):
    """It is what a selection is made from."""
    monkeypatch.setattr(plan, "selection_file", lambda _: tmp_path / "none.json")
    assert json.dumps(list(grid_of("selection").runs)) == json.dumps(list(grid_of("selection").runs))
