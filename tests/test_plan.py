"""Plans: which keys change with which input, the order of runs, and that planning costs nothing."""

import copy
import inspect
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from unlearnkit import checks, methods, params, plan
from unlearnkit.data import templates, tofu
from unlearnkit.errors import KitError

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "params" / "tiny" / "table4.yaml"
TINY = yaml.safe_load(FILE.read_text())
MODELS = {"base model", "original model", "retain model", "second retain model"}
METHODS = {"ga", "npo", "flat_tv", "flat_kl", "flat_js", "flat_pearson"}
FLAT = METHODS - {"ga", "npo"}
ROWS = METHODS | set(checks.REFERENCE_ROWS)
EVERYTHING = MODELS | ROWS


def content(changes: dict[str, object] | None = None) -> dict:
    """The tiny table4 without selection, changed at dotted keys (a list index is a number)."""
    changed = copy.deepcopy(TINY)
    changed["unlearn"] |= {"selected": False, "learning_rate": 1e-4, "steps": 5}
    for key, value in (changes or {}).items():
        *above, last = [int(step) if step.isdigit() else step for step in key.split(".")]
        place = changed
        for step in above:
            place = place[step]
        place[last] = value
    return changed


def make(changes: dict[str, object] | None = None) -> plan.Plan:
    return plan.make(params.parse(content(changes), "my.yaml"), "my.yaml")


def keys(made: plan.Plan) -> dict[str, str]:
    """Name of a run, without its base model -> key."""
    return {run.name.removeprefix("llama/"): key for key, run in made.runs.items()}


def changed(before: plan.Plan, after: plan.Plan) -> set[str]:
    """Names of the runs whose keys differ; both plans have the same runs."""
    before, after = keys(before), keys(after)
    assert before.keys() == after.keys()
    return {name for name in before if before[name] != after[name]}


@pytest.fixture(scope="module")
def planned() -> plan.Plan:
    return make()


def test_the_runs_of_the_table(planned):
    assert keys(planned).keys() == EVERYTHING
    assert len(planned.runs) == 14
    assert [row.method for row in planned.rows] == [row["method"] for row in TINY["rows"]]
    assert {row.retain_run for row in planned.rows} == {keys(planned)["retain"]}
    assert [planned.runs[row.run].name for row in planned.rows] == [row.name for row in planned.rows]


def test_planning_twice_gives_the_same_keys(planned):
    again = make()
    assert changed(planned, again) == set()
    assert planned.key == again.key


@pytest.mark.parametrize(
    ("changes", "affected"),
    [
        # Unlearning: original and retain models and their rows stay.
        ({"unlearn.learning_rate": 2e-4}, METHODS),
        ({"unlearn.steps": 6}, METHODS),
        ({"unlearn.gradient_accumulation_steps": 2}, METHODS),
        ({"unlearn.schedule": "linear"}, METHODS),
        ({"rows.5.parameters": {"beta": 0.2}}, {"npo"}),
        # Evaluation: rows only.
        ({"evaluation.max_new_tokens": 20}, ROWS),
        # Models: they and all that starts from them.
        ({"base_models.llama.finetune.learning_rate": 1e-3}, EVERYTHING - {"base model", "base"}),
        ({"base_models.llama.scratch.finetune_mix": None}, EVERYTHING - {"base model", "base"}),
        ({"base_models.llama.scratch.architecture.hidden_size": 320}, EVERYTHING),
        ({"base_models.llama.scratch.pretrain.epochs": 11.0}, EVERYTHING),
        ({"base_models.llama.prompt_format": "question_answer"}, EVERYTHING),
        ({"seed": 2}, EVERYTHING),
        # The forget split: the original model has seen everything anyway.
        ({"data.forget_split": "forget05"}, EVERYTHING - {"base model", "original model"}),
        # What is only printed, or decides only what `select` does.
        ({"title": "another", "cost": "another", "profile": "another", "paper_scale": True}, set()),
        ({"base_models.llama.printed_as": "another"}, set()),
        ({"selection.steps": [3]}, set()),
        ({"selection": None}, set()),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, dict) else "",
)
def test_a_change_affects_exactly_the_runs_that_it_matters_to(planned, changes, affected):
    after = make(changes)
    assert changed(planned, after) == affected
    assert (planned.key == after.key) == (not affected & ROWS)


def test_a_digest_does_not_depend_on_the_order_of_keys():
    assert plan.digest({"a": 1, "b": [1, 2]}) == plan.digest({"b": [1, 2], "a": 1})
    assert plan.digest({"a": 1, "b": [1, 2]}) != plan.digest({"a": 1, "b": [2, 1]})


def test_a_variant_is_another_run(planned):
    variant = make({"rows.7.variant": "release"})
    assert keys(variant).keys() - keys(planned).keys() == {"flat_kl_release"}
    assert keys(variant)["flat_kl_release"] not in planned.runs
    row = variant.rows[7]
    assert (row.name, row.printed_as) == ("llama/flat_kl_release", "FLAT (KL), release")


def test_leaving_a_row_out_changes_no_other_run(planned):
    fewer = content()
    del fewer["rows"][4:6]
    after = plan.make(params.parse(fewer, "my.yaml"), "my.yaml")
    assert after.runs.keys() == planned.runs.keys() - {keys(planned)["ga"], keys(planned)["npo"]}
    assert after.key != planned.key


@pytest.fixture
def copied(tmp_path, monkeypatch) -> Path:
    """A copy of the universe that the source `universe` reads."""
    shutil.copytree(tofu.UNIVERSE, tmp_path / "files")
    monkeypatch.setattr(tofu, "UNIVERSE", tmp_path / "files")
    return tmp_path / "files"


@pytest.mark.parametrize(
    ("name", "affected"),
    [
        ("full", EVERYTHING),  # the tokenizer is trained on it
        ("retain99", {"retain model", "second retain model", "retain", "retain_2"}),
        ("general", EVERYTHING - {"base model", "base"}),
        ("forget01", METHODS),
        ("forget01_perturbed", ROWS),
        ("world_facts_perturbed", ROWS),
        ("forget05", set()),
        ("validation", set()),
    ],
)
def test_changed_data_affect_exactly_the_runs_that_read_them(planned, copied, name, affected):
    assert changed(planned, make()) == set()  # where the files lie is no matter
    rows = (copied / f"{name}.json").read_text()
    (copied / f"{name}.json").write_text(rows.replace("in", "on", 1))
    assert changed(planned, make()) == affected


def test_changed_template_responses_affect_the_methods_that_use_them(planned, tmp_path, monkeypatch):
    (tmp_path / "templates.txt").write_text("No.\n")
    monkeypatch.setattr(templates, "OWN", tmp_path / "templates.txt")
    assert changed(planned, make()) == FLAT


def test_a_new_recipe_makes_new_runs(planned, monkeypatch):
    monkeypatch.setitem(plan.RECIPES, "row", plan.RECIPES["row"] + 1)
    assert changed(planned, make()) == ROWS
    monkeypatch.setitem(plan.RECIPES, "finetuned", plan.RECIPES["finetuned"] + 1)
    assert changed(planned, make()) == EVERYTHING - {"base model"}


def test_the_second_retain_model_differs_in_its_seed_only(planned):
    runs = {name: planned.runs[key] for name, key in keys(planned).items()}
    retain, second = runs["retain model"], runs["second retain model"]
    assert (retain.spec["seed"], second.spec["seed"]) == (1, 2)
    assert retain.spec | {"seed": 2} == second.spec
    assert retain.needs == second.needs == (keys(planned)["base model"],)
    assert runs["retain_2"].spec | {"start": runs["retain"].spec["start"]} == runs["retain"].spec
    assert runs["retain_2"].spec["start"] == {"run": second.key}


def test_a_retain_model_never_reads_the_forget_set(planned):
    for name in ("retain model", "second retain model"):
        spec = planned.runs[keys(planned)[name]].spec
        assert spec["splits"] == ["retain99", "general"]
    assert planned.runs[keys(planned)["original model"]].spec["splits"] == ["full", "general"]
    # Methods of this table use forget data only.
    assert "retain99" not in planned.runs[keys(planned)["flat_kl"]].spec["data_fingerprints"]


def selecting() -> plan.Plan:
    return plan.make_selection(params.parse(content(), "my.yaml"), "my.yaml")


@pytest.mark.parametrize("made", [make(), selecting()], ids=["table", "selection"])
def test_runs_come_after_their_needs(made):
    done = set()
    for key, run in made.runs.items():
        assert run.key == key
        assert set(run.needs) <= done, run.name
        if "start" in run.spec:
            assert run.needs == (run.spec["start"]["run"],)
        done.add(key)
    assert {row.run for row in made.rows} | {row.retain_run for row in made.rows} <= done


def test_the_grid_of_a_selection(planned):
    grid = selecting()
    names = keys(grid).keys()
    rates = ["0.0001", "0.0002", "0.0004", "0.0008"]
    assert names == {
        "base model",
        "original model",
        "validation retain model",
        "validation original",
        "validation retain",
        *(f"validation {method} at {rate}" for method in METHODS for rate in rates),
    }
    shared = grid.runs.keys() & planned.runs.keys()
    assert {planned.runs[key].name for key in shared} == {"llama/base model", "llama/original model"}
    for row in grid.rows:
        spec = grid.runs[row.run].spec
        assert spec["forget_split"] == "validation"
        assert not [name for name in spec["data_fingerprints"] if name.startswith("forget")]
        if row.training:
            assert spec["sample_steps"] == [5, 10, 20, 40]
            assert (spec["unlearn"]["training"]["steps"], spec["unlearn"]["training"]["epochs"]) == (40, None)
            assert spec["unlearn"]["training"]["learning_rate"] == row.training["learning_rate"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"selection": None}, "my.yaml: selection is null; there is nothing to select"),
        (
            {"unlearn.schedule": "linear"},
            "my.yaml: unlearn.schedule: selection over steps needs 'constant_with_warmup'",
        ),
    ],
)
def test_a_selection_that_cannot_be_made(changes, expected):
    with pytest.raises(KitError) as caught:
        plan.make_selection(params.parse(content(changes), "my.yaml"), "my.yaml")
    assert str(caught.value) == expected


def test_a_model_folder_counts_by_its_content(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    folder = {"base_models.llama.scratch": None, "base_models.llama.source": str(tmp_path)}
    before = make(folder)
    assert "base model" not in keys(before)
    assert changed(before, make(folder)) == set()
    (tmp_path / "config.json").write_text("{ }")
    assert changed(before, make(folder)) == keys(before).keys()


def test_a_hub_model_counts_by_its_revision():
    hub = {"base_models.llama.scratch": None, "base_models.llama.source": "someone/model"}
    before = make(hub)
    assert changed(before, make(hub | {"base_models.llama.revision": "abc"})) == keys(before).keys()


def test_a_missing_data_set_is_named(copied):
    (copied / "real_authors_perturbed.json").unlink()
    with pytest.raises(KitError) as caught:
        make()
    assert str(caught.value).startswith(f"my.yaml: data.source: {copied}: no set 'real_authors_perturbed'; did you")


@pytest.mark.parametrize("hash_seed", ["0", "1"])
def test_another_process_finds_the_same_keys_and_loads_no_machine_learning(planned, tmp_path, hash_seed):
    path = tmp_path / "my.yaml"
    path.write_text(yaml.safe_dump(content()))
    code = (
        "import sys; from unlearnkit import params, plan; "
        f"made = plan.make(params.read({str(path)!r}), 'my.yaml'); "
        "print(*made.runs); print(made.key); "
        "print(*{'torch', 'transformers', 'trl', 'tokenizers', 'datasets', 'numpy', 'scipy'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONHASHSEED": hash_seed},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    found, key, loaded = done.stdout.split("\n")[:3]
    assert found.split() == list(planned.runs)
    assert key == planned.key
    assert loaded == ""


def test_arguments_read_as_text_are_the_losses_own():
    for method in methods.METHODS.values():
        for variant in method.variants.values():
            for term in variant.terms:
                assert term.arguments == tuple(inspect.signature(term.function).parameters)
