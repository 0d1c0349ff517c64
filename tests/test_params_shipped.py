"""The parameter files that ship with the kit: valid, planned, and each with the selection that it needs."""

import json
from pathlib import Path

import pytest
import yaml

from unlearnkit import checks, methods, models, papers, params, paths, plan, stages
from unlearnkit.errors import KitError

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = sorted((ROOT / "params").glob("*/table*.yaml"))
TOFU = [path for path in SHIPPED if path.stem == "table4"]


@pytest.fixture
def planned(request, monkeypatch):
    """A shipped parameter file, with its data where it wants them, and a function that plans it."""
    path = request.param
    content = params.read(path)
    if content.profile == "small":
        monkeypatch.setenv("UNLEARNKIT_DATA", str(request.getfixturevalue("real_data")))
    return content, lambda: papers.make(content, str(path))


def each(argument: str, files: list[Path], **more):
    return pytest.mark.parametrize(
        argument, files, ids=lambda path: path.relative_to(ROOT / "params").as_posix(), **more
    )


def _selects(path: Path) -> bool:
    content = yaml.safe_load(path.read_text())
    default = content["unlearn"]["default"]
    return any(row.get("setting", default) == "selected" for row in content["rows"])


SELECTING = [path for path in TOFU if _selects(path)]
FITTING = [path for path in SELECTING if path.with_suffix(".selected.json").is_file()]


def test_there_are_parameter_files():
    assert {"tiny", "small", "paper"} <= {path.parent.name for path in SHIPPED}


@each("path", SHIPPED)
def test_a_shipped_file_is_valid_and_says_where_it_lies(path):
    content = params.read(path)
    assert (content.profile, content.table) == (path.parent.name, path.stem)
    assert content.paper_scale == (content.profile == "paper")
    assert papers.of(content.table).NOTEBOOK in {path.name for path in (ROOT / "notebooks").iterdir()}


def test_layers_for_lora_are_the_familys_also_of_the_hubs_models():
    """Of those a plan knows no family; here it is that of the kit's own model which is printed under the same name."""
    files = {path: params.read(path) for path in SHIPPED}
    every = [one for content in files.values() for one in getattr(content, "base_models", {}).values()]
    families = {one.printed_as: one.scratch.architecture.family for one in every if one.scratch}
    looked_at = set()
    for path, content in files.items():
        for lora, base_models in adapted(content.model_dump()):
            for name in base_models or content.base_models:
                family = families[content.base_models[name].printed_as]
                assert set(lora["target_modules"]) <= set(models.FAMILIES[family].linear), f"{path}: {name}"
                looked_at.add((content.profile, content.table, name))
    assert looked_at >= {("paper", "table10", name) for name in ("qwen", "deepseek", "mixtral")}
    assert {("paper", "table9", "llama"), ("tiny", "table6_lora", "llama")} <= looked_at


def adapted(section, base_models: list | None = None) -> list[tuple[dict, list | None]]:
    """Every `lora` below a section of a file, with the base models of the row that it stands in."""
    if isinstance(section, list):
        return [pair for one in section for pair in adapted(one, base_models)]
    if not isinstance(section, dict):
        return []
    below = section.get("base_models") if isinstance(section.get("base_models"), list) else base_models
    own = [(section["lora"], below)] if section.get("lora") else []
    return own + [pair for name, one in section.items() if name != "lora" for pair in adapted(one, below)]


@each("planned", [path for path in SHIPPED if path.stem in ("table1", "table2")], indirect=True)
def test_a_table_without_trained_rows_plans(planned):
    _, make = planned
    made = make()
    assert not made.rows
    run = list(made.runs.values())[-1]
    assert made.behind([run.key]) == list(made.runs.values()), "the last run needs all others"
    assert run.kind in stages.STAGES and json.loads(json.dumps(run.spec)) == run.spec


@each("planned", TOFU, indirect=True)
def test_a_shipped_file_plans(planned, monkeypatch, tmp_path):
    content, make = planned
    # Independent of whether the selection was committed already.
    chosen = {
        name: {
            row.method: {"learning_rate": 3e-4, "steps": 7, "n_forget": 40, "collapsed": False}
            | {"key": plan.selection_key(content, name, row)}
            for row in plan.decided_rows(content, name)
        }
        for name in content.base_models
        if content.selection
    }
    (tmp_path / "chosen.json").write_text(json.dumps({"chosen": chosen}))
    monkeypatch.setattr(plan, "selection_file", lambda _: tmp_path / "chosen.json")
    made = make()
    known = checks.REFERENCE_ROWS.keys() | methods.METHODS.keys()
    assert {row.method for row in content.rows} <= known
    rows = [
        (name, row.method, row.variant, row.setting)
        for name in content.base_models
        for row in content.rows
        if name in (row.base_models or content.base_models)
    ]
    shown = [row.setting if row.setting != content.unlearn.default else None for row in content.rows]
    assert shown == [row.setting for row in content.rows], "a row names the default setting, which goes without saying"
    assert [(row.base_model, row.method, row.variant, row.setting) for row in made.rows] == rows
    assert len({row.name for row in made.rows}) == len(rows)
    for row in made.rows:
        assert [draw.seed for draw in row.draws] == content.seeds
        assert {draw.run for draw in row.draws} <= made.runs.keys()
        assert (row.training is None) == (row.method in checks.REFERENCE_ROWS)
        if row.training and (row.setting or content.unlearn.default) == "selected":
            assert (row.training["learning_rate"], row.training["steps"]) == (3e-4, 7)


@each("planned", SELECTING, indirect=True)
def test_a_missing_selection_says_how_to_make_it(planned, monkeypatch, tmp_path):
    content, make = planned
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    name = f"{content.profile}/{content.table}"
    with pytest.raises(KitError) as caught:
        make()
    assert str(caught.value).endswith(
        f"{name}.yaml: the setting 'selected' needs params/{name}.selected.json, which does not exist; "
        f"run: make select TABLE={content.table} PROFILE={content.profile}"
    )


@each("planned", FITTING, indirect=True)
def test_a_committed_selection_fits_its_parameter_file_and_is_used(planned):
    """For every base model and method that it decides; where a file's selection is committed."""
    content, make = planned
    chosen = json.loads(plan.selection_file(content).read_text())["chosen"]
    grid = content.selection
    made = make()
    decided = [row for row in made.rows if row.training and (row.setting or content.unlearn.default) == "selected"]
    assert decided
    for row in decided:
        choice = chosen[row.base_model][row.method]
        assert (row.training["learning_rate"], row.training["steps"]) == (choice["learning_rate"], choice["steps"])
        assert choice["learning_rate"] in grid.learning_rates and choice["steps"] in grid.steps
        assert row.training["epochs"] is None
        assert row.collapsed == choice["collapsed"]


def test_the_tiny_table_has_its_selection():
    assert ROOT / "params" / "tiny" / "table4.yaml" in FITTING
