"""Parameter files: every mistake is one line that names the file, the key and the nearest valid name."""

import copy
import json
from pathlib import Path

import pytest
import yaml

from unlearnkit import checks, methods, params, paths, plan
from unlearnkit.errors import KitError

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = sorted((ROOT / "params").glob("*/table*.yaml"))
TINY = yaml.safe_load((ROOT / "params" / "tiny" / "table4.yaml").read_text())
REMOVED = object()
NO_NUMBER = "is text, not a number"
PLAIN = "unlearn.learning_rate"  # of a file without selection


def content(changes: dict[str, object]) -> dict:
    """The tiny table4 without selection, changed at dotted keys (a list index is a number)."""
    changed = copy.deepcopy(TINY)
    changed["unlearn"] |= {"selected": False, "learning_rate": 1e-4, "steps": 5}
    for key, value in changes.items():
        *above, last = [int(step) if step.isdigit() else step for step in key.split(".")]
        place = changed
        for step in above:
            place = place[step]
        if value is REMOVED:
            del place[last]
        else:
            place[last] = value
    return changed


def message(changes: dict[str, object]) -> str:
    """What is said about the changed file, without its name, which is checked here."""
    with pytest.raises(KitError) as caught:
        plan.make(params.parse(content(changes), "my.yaml"), "my.yaml")
    line = str(caught.value)
    assert line.startswith("my.yaml: ")
    assert "\n" not in line
    return line.removeprefix("my.yaml: ")


def test_the_unchanged_content_is_valid():
    made = plan.make(params.parse(content({}), "my.yaml"), "my.yaml")
    assert [row.method for row in made.rows] == [row["method"] for row in TINY["rows"]]
    assert made.params.unlearn.learning_rate == 1e-4


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"sead": 1}, "unknown key 'sead'; did you mean 'seed'?"),
        ({"unlearn.epoch": 1.0}, "unknown key 'unlearn.epoch'; did you mean 'epochs'?"),
        (
            {"base_models.llama.fintune": {}},
            "unknown key 'base_models.llama.fintune'; did you mean 'finetune'?",
        ),
        (
            {"base_models.llama.scratch.architecture.hiden_size": 8},
            "unknown key 'base_models.llama.scratch.architecture.hiden_size'; did you mean 'hidden_size'?",
        ),
        ({"rows.4.metod": "ga"}, "unknown key 'rows.4.metod'; did you mean 'method'?"),
        (
            {"selection.zzz": 1},
            "unknown key 'selection.zzz'; choose from: forget_split, learning_rates, steps, keep_retain_rouge_l",
        ),
        # The misspelt key is named, not the missing one that it causes.
        (
            {"evaluation.max_length": REMOVED, "evaluation.max_lenght": 128},
            "unknown key 'evaluation.max_lenght'; did you mean 'max_length'?",
        ),
    ],
)
def test_unknown_key(changes, expected):
    assert message(changes) == expected


@pytest.mark.parametrize(
    "key",
    [
        "seed",
        "selection",
        "data.revision",
        "base_models.llama.finetune.adam_beta2",
        "unlearn.selected",
        "rows.0.method",
    ],
)
def test_missing_key(key):
    assert message({key: REMOVED}) == f"missing key '{key}'"


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        (PLAIN, "1e-5", f"{PLAIN}: '1e-5' {NO_NUMBER}; write 1.0e-5"),
        (PLAIN, "1E-5", f"{PLAIN}: '1E-5' {NO_NUMBER}; write 1.0e-5"),
        (PLAIN, "1.5e3", f"{PLAIN}: '1.5e3' {NO_NUMBER}; write 1.5e+3"),
        (PLAIN, "2e5", f"{PLAIN}: '2e5' {NO_NUMBER}; write 2.0e+5"),
        (PLAIN, "0.1", f"{PLAIN}: '0.1' {NO_NUMBER}; write it without quotes"),
        (PLAIN, "fast", f"{PLAIN}: 'fast' {NO_NUMBER}"),
        (PLAIN, "nan", f"{PLAIN}: 'nan' {NO_NUMBER}"),
        ("unlearn.batch_size", "1e3", f"unlearn.batch_size: '1e3' {NO_NUMBER}; write 1000"),
        ("selection.learning_rates.1", "2e-4", f"selection.learning_rates.1: '2e-4' {NO_NUMBER}; write 2.0e-4"),
        ("rows.5.parameters", {"beta": "1e-1"}, f"rows.5.parameters.beta: '1e-1' {NO_NUMBER}; write 1.0e-1"),
    ],
)
def test_text_is_not_a_number(key, value, expected):
    assert message({key: value}) == expected


@pytest.mark.parametrize("text", ["1e-5", "1E-5", "1.5e3", "2e5", "3e+2", "-4e7"])
def test_the_number_that_is_proposed_is_the_one_that_was_meant(text):
    proposed = message({PLAIN: text}).removeprefix(f"{PLAIN}: '{text}' {NO_NUMBER}; write ")
    assert isinstance(yaml.safe_load(text), str)
    assert yaml.safe_load(proposed) == float(text)


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("seed", True, "seed: Input should be a valid integer (got True)"),
        ("seed", 1.0, "seed: Input should be a valid integer (got 1.0)"),
        ("paper_scale", "no", "paper_scale: Input should be a valid boolean (got 'no')"),
        ("data.source", 7, "data.source: Input should be a valid string (got 7)"),
        ("unlearn.batch_size", 0, "unlearn.batch_size: Input should be greater than 0 (got 0)"),
        (PLAIN, float("inf"), f"{PLAIN}: Input should be a finite number (got inf)"),
        ("base_models", {}, "base_models: Dictionary should have at least 1 item after validation, not 0"),
        ("selection.steps", [], "selection.steps: List should have at least 1 item after validation, not 0 (got [])"),
    ],
)
def test_values_of_the_wrong_kind(key, value, expected):
    assert message({key: value}) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"data.benchmark": "tufu"}, "data.benchmark: no such value 'tufu'; did you mean 'tofu'?"),
        (
            {"base_models.llama.scratch.architecture.family": "lama"},
            "base_models.llama.scratch.architecture.family: no such value 'lama'; did you mean 'llama'?",
        ),
        ({"unlearn.schedule": "liner"}, "unlearn.schedule: no such value 'liner'; did you mean 'linear'?"),
        (
            {"unlearn.optimizer": "adamw_toch"},
            "unlearn.optimizer: no such value 'adamw_toch'; did you mean 'adamw_torch'?",
        ),
        (
            {"unlearn.precision": "half"},
            "unlearn.precision: no such value 'half'; choose from: float32, bfloat16",
        ),
        (
            {"base_models.llama.prompt_format": "llama_2"},
            "base_models.llama.prompt_format: no prompt format 'llama_2'; did you mean 'llama2'?",
        ),
        (
            {"data.source": "univers"},
            "data.source: 'univers' is no hub id (namespace/name) and no data source; did you mean 'universe'?",
        ),
        ({"data.forget_split": "forget1"}, "data.forget_split: no forget split 'forget1'; did you mean 'forget10'?"),
        (
            {"selection.forget_split": "validate"},
            "selection.forget_split: no forget split 'validate'; did you mean 'validation'?",
        ),
        ({"rows.4.method": "gaa"}, "rows.4: no method 'gaa'; did you mean 'ga'?"),
        ({"rows.2.method": "retian"}, "rows.2: no method 'retian'; did you mean 'retain'?"),
        ({"rows.7.variant": "releas"}, "rows.7: method 'flat_kl' has no variant 'releas'; did you mean 'release'?"),
        (
            {"rows.5.parameters": {"betta": 0.1}},
            "rows.5: method 'npo' (paper) has no parameter 'betta'; did you mean 'beta'?",
        ),
        ({"rows.4.parameters": {"beta": 0.1}}, "rows.4: method 'ga' (paper) has no parameter 'beta': it has none"),
    ],
)
def test_names_of_things_that_do_not_exist(changes, expected):
    assert message(changes) == expected


@pytest.mark.parametrize("key", ["pretrain_split", "finetune_mix"])
def test_a_set_that_the_source_lacks(key):
    line = message({f"base_models.llama.scratch.{key}": "generel"})
    assert line.startswith(f"base_models.llama.scratch.{key}: ")
    assert line.endswith(": no set 'generel'; did you mean 'general'?")


def test_a_model_folder_that_does_not_exist(tmp_path):
    without = {"base_models.llama.scratch": None, "base_models.llama.source": f"{tmp_path}/lama"}
    assert message(without) == f"base_models.llama.source: '{tmp_path}/lama' is neither a folder nor a hub id"
    (tmp_path / "lama").mkdir()
    plan.make(params.parse(content(without), "my.yaml"), "my.yaml")


BOTH = "give either 'epochs' or 'steps' and set the other to null"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"base_models.llama.finetune.steps": 5}, f"base_models.llama.finetune: {BOTH}"),
        ({"base_models.llama.finetune.epochs": None}, f"base_models.llama.finetune: {BOTH}"),
        ({"unlearn.steps": None}, f"unlearn: {BOTH}"),
        ({PLAIN: None}, "unlearn: 'learning_rate' is null although 'selected' is false"),
        (
            {"unlearn.selected": True, "unlearn.steps": None},
            "unlearn: 'selected: true' decides learning_rate and steps; set learning_rate, epochs, steps to null",
        ),
        (
            {"unlearn.selected": True, "unlearn.steps": None, PLAIN: None, "selection": None},
            "unlearn.selected is true but selection is null",
        ),
        (
            {"base_models.llama.scratch": None},
            "base_models.llama: 'scratch' describes a model with 'source: scratch'; otherwise it is null",
        ),
        (
            {"base_models.llama.revision": "main"},
            "base_models.llama: 'revision' belongs to a hub id; otherwise it is null",
        ),
        ({"data.revision": "main"}, "data: 'revision' belongs to a hub id; otherwise it is null"),
        (
            {"selection.forget_split": "forget05"},
            "selection.forget_split: 'forget05' shares authors with data.forget_split",
        ),
        ({"rows.5": {"method": "ga"}}, "rows.5: the row 'ga' (paper) is there twice"),
        (
            {"rows.1.variant": "release"},
            "rows.1: the reference row 'original' has neither variants nor parameters",
        ),
        (
            {"rows.1.parameters": {"beta": 1.0}},
            "rows.1: the reference row 'original' has neither variants nor parameters",
        ),
        ({"rows.2": REMOVED}, "rows: forget quality is measured against the row 'retain', which is missing"),
        ({"rows": []}, "rows: forget quality is measured against the row 'retain', which is missing"),
    ],
)
def test_what_does_not_go_together(changes, expected):
    assert message(changes) == expected


def test_paper_and_release_of_one_method_are_two_rows():
    rows = {"rows.8": {"method": "flat_kl", "variant": "release"}}
    made = plan.make(params.parse(content(rows), "my.yaml"), "my.yaml")
    assert [row.name for row in made.rows[7:9]] == ["llama/flat_kl", "llama/flat_kl_release"]
    assert made.rows[7].run != made.rows[8].run


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("seed: 1\nrows: [\n", ", line 3: not valid YAML (expected the node content, but found '<stream end>')"),
        ("seed: 1\ndata: {source: local}\nseed: 2\n", ", line 3: not valid YAML (the key 'seed' is there twice)"),
        ("data:\n  source: local\n  source: hub\n", ", line 3: not valid YAML (the key 'source' is there twice)"),
        ("- a\n", ": a parameter file is a mapping of keys to values"),
        ("", ": a parameter file is a mapping of keys to values"),
        ("\x00", ": not valid YAML (unreadable)"),
    ],
)
def test_a_file_that_cannot_be_read(tmp_path, text, expected):
    path = tmp_path / "broken.yaml"
    path.write_text(text)
    with pytest.raises(KitError) as caught:
        params.read(path)
    assert str(caught.value) == f"{path}{expected}"


def test_a_merged_key_may_be_replaced(tmp_path):
    path = tmp_path / "merged.yaml"
    path.write_text("one: &one {a: 1, b: 2}\ntwo: &two\n  <<: *one\n  b: 3\nthree:\n  <<: *two\n  b: 4\n")
    with pytest.raises(KitError, match="unknown key 'one'"):  # and not: twice
        params.read(path)


def test_a_file_that_is_not_there(tmp_path):
    (tmp_path / "tiny").mkdir()
    there = tmp_path / "tiny" / "table4.yaml"
    there.write_text("{}")
    missing = tmp_path / "tyni" / "table4.yaml"
    with pytest.raises(KitError) as caught:
        params.read(missing)
    assert str(caught.value) == f"{missing}: no such parameter file; did you mean '{there}'?"
    with pytest.raises(KitError) as caught:
        params.read(tmp_path / "tiny")
    assert str(caught.value) == f"{tmp_path / 'tiny'}: no such parameter file"


def test_a_parameter_file_survives_being_written_as_yaml(tmp_path):
    before = params.parse(content({PLAIN: 1e-5}), "my.yaml")
    path = tmp_path / "again.yaml"
    path.write_text(yaml.safe_dump(before.model_dump()))
    assert params.read(path) == before


def test_params_do_not_change():
    with pytest.raises(ValueError, match="frozen"):
        params.parse(content({}), "my.yaml").seed = 2


@pytest.fixture
def planned(request, monkeypatch):
    """A shipped parameter file, with its data where it wants them, and a function that plans it."""
    path = request.param
    content = params.read(path)
    if content.data.source == "local":
        monkeypatch.setenv("UNLEARNKIT_DATA", str(request.getfixturevalue("real_data")))
    return content, lambda: plan.make(content, str(path))


def each(argument: str, files: list[Path], **more):
    return pytest.mark.parametrize(
        argument, files, ids=lambda path: path.relative_to(ROOT / "params").as_posix(), **more
    )


SELECTING = [path for path in SHIPPED if yaml.safe_load(path.read_text())["unlearn"]["selected"]]


def test_there_are_parameter_files():
    assert {"tiny", "small", "paper"} <= {path.parent.name for path in SHIPPED}


@each("path", SHIPPED)
def test_a_shipped_file_is_valid_and_says_where_it_lies(path):
    content = params.read(path)
    assert (content.profile, content.table) == (path.parent.name, path.stem)
    known = checks.REFERENCE_ROWS.keys() | methods.METHODS.keys()
    assert {row.method for row in content.rows} <= known
    assert content.paper_scale == (content.profile == "paper")


@each("planned", SHIPPED, indirect=True)
def test_a_shipped_file_plans(planned, monkeypatch, tmp_path):
    content, make = planned
    if content.unlearn.selected:
        # Independent of whether the selection was committed already.
        chosen = {"chosen": {"learning_rate": 3e-4, "steps": 7}}
        chosen["grid_key"] = plan.make_selection(content, "a test").key
        (tmp_path / "chosen.json").write_text(json.dumps(chosen))
        monkeypatch.setattr(plan, "selection_file", lambda _: tmp_path / "chosen.json")
    made = make()
    rows = [(name, row.method) for name in content.base_models for row in content.rows]
    assert [(row.base_model, row.method) for row in made.rows] == rows
    assert {row.run for row in made.rows} <= made.runs.keys()
    unlearned = [row for row in made.rows if row.training]
    assert len(unlearned) == len([row for row in made.rows if row.method not in checks.REFERENCE_ROWS])
    if content.unlearn.selected:
        assert {(row.training["learning_rate"], row.training["steps"]) for row in unlearned} == {(3e-4, 7)}


@each("planned", SELECTING, indirect=True)
def test_a_missing_selection_says_how_to_make_it(planned, monkeypatch, tmp_path):
    content, make = planned
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    name = f"{content.profile}/{content.table}"
    with pytest.raises(KitError) as caught:
        make()
    assert str(caught.value).endswith(
        f"{name}.yaml: unlearn.selected is true but params/{name}.selected.json does not exist; "
        f"run: make select TABLE={content.table} PROFILE={content.profile}"
    )


def test_a_selection_that_was_made_for_other_parameters_is_refused():
    content = params.read(ROOT / "params" / "tiny" / "table4.yaml").model_dump()
    content["unlearn"]["batch_size"] = 4
    with pytest.raises(
        KitError, match=r"table4.selected.json was chosen for other parameters or data; run: make select"
    ):
        plan.make(params.parse(content, "tiny"), "tiny")


def test_a_committed_selection_is_used():
    made = plan.make(params.read(ROOT / "params" / "tiny" / "table4.yaml"), "tiny")
    chosen = json.loads((ROOT / "params" / "tiny" / "table4.selected.json").read_text())["chosen"]
    trainings = [row.training for row in made.rows if row.training]
    assert {(t["learning_rate"], t["steps"]) for t in trainings} == {(chosen["learning_rate"], chosen["steps"])}
    assert {t["epochs"] for t in trainings} == {None}
