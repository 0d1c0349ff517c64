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

from unlearnkit import checks, methods, params, plan, planned
from unlearnkit.data import templates, tofu
from unlearnkit.errors import KitError

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "params" / "tiny" / "table4.yaml"
TINY = yaml.safe_load(FILE.read_text())
REFERENCES = list(checks.REFERENCE_ROWS)
NAMES = [*REFERENCES, "ga", "kl", "npo", "dpo", "flat_tv", "flat_kl"]
METHODS = set(NAMES) - set(REFERENCES)
TEMPLATES = {"dpo", "flat_tv", "flat_kl"}  # and only kl uses retain data
# Both retain rows measure a model of their own, made of the same data with another seed.
RETAIN_MODELS = {"retain model", "retain model, second"}
RETAIN = RETAIN_MODELS | {"retain", "retain_2"}
MODELS = {"base model", "original model"} | RETAIN_MODELS
ROWS = set(NAMES)
EVERYTHING = MODELS | ROWS


def content(changes: dict[str, object] | None = None) -> dict:
    """One base model and ten rows of the tiny table4, nothing selected, changed at dotted keys (or list indices)."""
    changed = copy.deepcopy(TINY | {"base_models": {"llama": TINY["base_models"]["llama"]}})
    changed["rows"] = [{"method": name} for name in NAMES]
    changed["unlearn"]["default"] = "paper"
    for key, value in (changes or {}).items():
        *above, last = [int(step) if step.isdigit() else step for step in key.split(".")]
        place = changed
        for step in above:
            place = place[step]
        place[last] = value
    return changed


def make(changes: dict[str, object] | None = None, split: str | None = None) -> planned.Plan:
    return plan.make(params.parse(content(changes), "my.yaml"), "my.yaml", split)


def keys(made: planned.Plan) -> dict[str, str]:
    """Name of a run, without its base model -> key. Of the two retain models the one with the higher seed is second."""
    found = {}
    for key, run in made.runs.items():
        name = run.name.removeprefix("llama/")
        found[name if name not in found else f"{name}, second"] = key
    return found


def changed(before: planned.Plan, after: planned.Plan) -> set[str]:
    """Names of the runs whose keys differ; both plans have the same runs."""
    before, after = keys(before), keys(after)
    assert before.keys() == after.keys()
    return {name for name in before if before[name] != after[name]}


@pytest.fixture(scope="module")
def table() -> planned.Plan:
    return make()


def test_the_runs_of_the_table(table):
    assert keys(table).keys() == EVERYTHING
    assert len(table.runs) == len(EVERYTHING)
    assert [row.method for row in table.rows] == NAMES
    draws = [draw for row in table.rows for draw in row.draws]
    assert [table.runs[draw.run].name for draw in draws] == [row.name for row in table.rows]
    assert {(draw.seed, draw.retain_run) for draw in draws} == {(1, keys(table)["retain"])}


def test_planning_twice_gives_the_same_keys(table):
    again = make()
    assert changed(table, again) == set()
    assert table.key == again.key


@pytest.mark.parametrize(
    ("changes", "affected"),
    [
        # Unlearning: original and retain models and their rows stay.
        ({"unlearn.paper.learning_rate": 2e-4}, METHODS),
        ({"unlearn.paper.epochs": 6.0}, METHODS),
        ({"unlearn.paper.gradient_accumulation_steps": 2}, METHODS),
        ({"unlearn.paper.schedule": "cosine"}, METHODS),
        ({"unlearn.paper.lora": {"rank": 8, "alpha": 16.0, "target_modules": ["q_proj"]}}, METHODS),
        ({"rows.6.parameters": {"beta": 0.2}}, {"npo"}),
        ({"data.retain_pool": "all"}, {"kl"}),  # the only one here that draws retain questions
        # Evaluation: rows only.
        ({"evaluation.max_new_tokens": 20}, ROWS),
        # Models: they and all that starts from them.
        ({"base_models.llama.finetune.learning_rate": 1e-3}, EVERYTHING - {"base model", "base"}),
        ({"base_models.llama.scratch.finetune_mix": None}, EVERYTHING - {"base model", "base"}),
        ({"base_models.llama.scratch.architecture.hidden_size": 320}, EVERYTHING),
        ({"base_models.llama.scratch.pretrain.epochs": 11.0}, EVERYTHING),
        ({"base_models.llama.prompt_format": "question_answer"}, EVERYTHING),
        ({"seeds": [2]}, EVERYTHING),
        # The forget split: the original model has seen everything anyway.
        ({"data.forget_split": "forget05"}, EVERYTHING - {"base model", "original model"}),
        # What is only printed, or decides only what `select` does.
        ({"title": "another", "cost": "another", "profile": "another", "paper_scale": True}, set()),
        ({"base_models.llama.printed_as": "another"}, set()),
        ({"selection.steps": [3]}, set()),
        ({"unlearn.selected.batch_size": 3}, set()),
        ({"selection": None, "unlearn.selected": None}, set()),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, dict) else "",
)
def test_a_change_affects_exactly_the_runs_that_it_matters_to(table, changes, affected):
    after = make(changes)
    assert changed(table, after) == affected
    assert (table.key == after.key) == (not affected & ROWS)


def test_as_finetune_is_the_base_models_learning_rate(table):
    rate = TINY["base_models"]["llama"]["finetune"]["learning_rate"]
    assert {row.training["learning_rate"] for row in table.rows if row.training} == {rate}
    assert keys(make({"unlearn.paper.learning_rate": rate})) == keys(table)


def test_a_digest_does_not_depend_on_the_order_of_keys():
    assert planned.digest({"a": 1, "b": [1, 2]}) == planned.digest({"b": [1, 2], "a": 1})
    assert planned.digest({"a": 1, "b": [1, 2]}) != planned.digest({"a": 1, "b": [2, 1]})


def test_a_variant_is_another_run(table):
    variant = make({"rows.9.variant": "release"})
    assert keys(variant).keys() - keys(table).keys() == {"flat_kl_release"}
    assert keys(variant)["flat_kl_release"] not in table.runs
    row = variant.rows[9]
    assert (row.name, row.printed_as) == ("llama/flat_kl_release", "FLAT (KL), release")


def test_leaving_a_row_out_changes_no_other_run(table):
    fewer = content()
    del fewer["rows"][4:6]
    after = plan.make(params.parse(fewer, "my.yaml"), "my.yaml")
    assert after.runs.keys() == table.runs.keys() - {keys(table)["ga"], keys(table)["kl"]}
    assert after.key != table.key


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
        ("retain99", RETAIN | {"kl"}),
        ("general", EVERYTHING - {"base model", "base"}),
        ("forget01", METHODS),
        ("forget01_perturbed", ROWS),
        ("world_facts_perturbed", ROWS),
        ("forget05", set()),
        ("validation", set()),
    ],
)
def test_changed_data_affect_exactly_the_runs_that_read_them(table, copied, name, affected):
    assert changed(table, make()) == set()  # where the files lie is no matter
    rows = (copied / f"{name}.json").read_text()
    (copied / f"{name}.json").write_text(rows.replace("in", "on", 1))
    assert changed(table, make()) == affected


def test_changed_template_responses_affect_the_methods_that_use_them(table, tmp_path, monkeypatch):
    (tmp_path / "templates.txt").write_text("No.\n")
    monkeypatch.setattr(templates, "OWN", tmp_path / "templates.txt")
    assert changed(table, make()) == TEMPLATES


def test_a_new_recipe_makes_new_runs(table, monkeypatch):
    monkeypatch.setitem(planned.RECIPES, "row", planned.RECIPES["row"] + 1)
    assert changed(table, make()) == ROWS
    monkeypatch.setitem(planned.RECIPES, "finetuned", planned.RECIPES["finetuned"] + 1)
    assert changed(table, make()) == EVERYTHING - {"base model"}


def test_the_second_retain_model_differs_in_its_seed_only(table):
    runs = {name: table.runs[key] for name, key in keys(table).items()}
    retain, second = runs["retain model"], runs["retain model, second"]
    assert (retain.spec["seed"], second.spec["seed"]) == (1, 2)
    assert retain.spec | {"seed": 2} == second.spec
    assert retain.needs == second.needs == (keys(table)["base model"],)
    assert runs["retain_2"].spec | {"start": runs["retain"].spec["start"]} == runs["retain"].spec
    assert runs["retain_2"].spec["start"] == {"run": second.key}


def test_a_retain_model_never_reads_the_forget_set(table):
    for name in RETAIN_MODELS:
        spec = table.runs[keys(table)[name]].spec
        assert spec["splits"] == ["retain99", "general"]
    assert table.runs[keys(table)["original model"]].spec["splits"] == ["full", "general"]


def test_a_method_reads_what_it_needs_and_no_more(table):
    reading = [name for name in METHODS if "retain99" in table.runs[keys(table)[name]].spec["data_fingerprints"]]
    assert reading == ["kl"]
    assert [name for name in METHODS if "retain_pool" in table.runs[keys(table)[name]].spec] == ["kl"]


@pytest.mark.parametrize("seeds", [[1], [1, 2, 3]])
def test_runs_come_after_their_needs(seeds):
    made, done = make({"seeds": seeds}), set()
    for key, run in made.runs.items():
        assert run.key == key
        assert set(run.needs) <= done, run.name
        if "start" in run.spec:
            assert run.needs == (run.spec["start"]["run"],)
        done.add(key)
    assert {key for row in made.rows for draw in row.draws for key in (draw.run, draw.retain_run)} <= done


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
def test_another_process_finds_the_same_keys_and_loads_no_machine_learning(table, tmp_path, hash_seed):
    path = tmp_path / "my.yaml"
    path.write_text(yaml.safe_dump(content()))
    code = (
        "import sys; from unlearnkit import grid, params, plan; "
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
    assert found.split() == list(table.runs)
    assert key == table.key
    assert loaded == ""


def test_arguments_read_as_text_are_the_losses_own():
    for method in methods.METHODS.values():
        for variant in method.variants.values():
            for term in variant.terms:
                assert term.arguments == tuple(inspect.signature(term.function).parameters)
