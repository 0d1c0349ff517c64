"""Parameter files: every mistake is one line that names the file, the key and the nearest valid name."""

import copy
from pathlib import Path

import pytest
import yaml

from unlearnkit import params, plan
from unlearnkit.errors import KitError

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = sorted((ROOT / "params").glob("*/table*.yaml"))
TINY = yaml.safe_load((ROOT / "params" / "tiny" / "table4.yaml").read_text())
REMOVED = object()
NO_NUMBER = "is text, not a number"
PLAIN = "unlearn.paper.learning_rate"
LLAMA = {"llama": TINY["base_models"]["llama"]}
ROWS = ["base", "original", "retain", "retain_2", "ga", "npo", "flat_tv", "flat_kl", "dpo"]


def content(changes: dict[str, object]) -> dict:
    """One base model and nine rows of the tiny table4, nothing selected, changed at dotted keys (or list indices)."""
    changed = copy.deepcopy(TINY | {"base_models": LLAMA, "rows": [{"method": method} for method in ROWS]})
    changed["unlearn"]["default"] = "paper"
    changed["unlearn"]["paper"] |= {"learning_rate": 1e-4}
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
    assert [row.method for row in made.rows] == ROWS
    assert made.params.unlearn.paper.learning_rate == 1e-4


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"sead": 1}, "unknown key 'sead'; did you mean 'seeds'?"),
        ({"seed": 1}, "unknown key 'seed'; did you mean 'seeds'?"),
        ({"unlearn.selectd": None}, "unknown key 'unlearn.selectd'; did you mean 'selected'?"),
        ({"unlearn.paper.epoch": 1.0}, "unknown key 'unlearn.paper.epoch'; did you mean 'epochs'?"),
        ({"unlearn.paper.lora": {"rnk": 4}}, "unknown key 'unlearn.paper.lora.rnk'; did you mean 'rank'?"),
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
        "seeds",
        "selection",
        "data.revision",
        "data.retain_authors",
        "data.retain_pool",
        "base_models.llama.finetune.adam_beta2",
        "unlearn.selected",
        "unlearn.paper.lora",
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
        ("unlearn.paper.weight_decay", "little", f"unlearn.paper.weight_decay: 'little' {NO_NUMBER}"),
        ("unlearn.paper.weight_decay", "nan", f"unlearn.paper.weight_decay: 'nan' {NO_NUMBER}"),
        ("unlearn.paper.batch_size", "1e3", f"unlearn.paper.batch_size: '1e3' {NO_NUMBER}; write 1000"),
        ("seeds", ["1"], f"seeds.0: '1' {NO_NUMBER}; write 1"),
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
        ("seeds", 1, "seeds: Input should be a valid list (got 1)"),
        ("seeds", [True], "seeds.0: Input should be a valid integer (got True)"),
        ("seeds", [1.0], "seeds.0: Input should be a valid integer (got 1.0)"),
        ("seeds", [-1], "seeds.0: Input should be greater than or equal to 0 (got -1)"),
        ("seeds", [], "seeds: List should have at least 1 item after validation, not 0 (got [])"),
        ("data.retain_authors", 0, "data.retain_authors: Input should be greater than 0 (got 0)"),
        ("rows.4.base_models", "llama", "rows.4.base_models: Input should be a valid list (got 'llama')"),
        ("unlearn.paper.lora", 8, "unlearn.paper.lora: Input should be a valid dictionary or instance of LoRA (got 8)"),
        ("paper_scale", "no", "paper_scale: Input should be a valid boolean (got 'no')"),
        ("data.source", 7, "data.source: Input should be a valid string (got 7)"),
        ("unlearn.paper.batch_size", 0, "unlearn.paper.batch_size: Input should be greater than 0 (got 0)"),
        (PLAIN, float("inf"), f"{PLAIN}: Input should be a finite number (got inf)"),
        (PLAIN, -1.0, f"{PLAIN}: Input should be greater than 0 (got -1.0)"),
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
            {"data.retain_pool": "every_2nd_author"},
            "data.retain_pool: no such value 'every_2nd_author'; did you mean 'every_second_author'?",
        ),
        ({PLAIN: "as_finetun"}, f"{PLAIN}: no such value 'as_finetun'; did you mean 'as_finetune'?"),
        ({"unlearn.default": "papers"}, "unlearn.default: no such value 'papers'; did you mean 'paper'?"),
        ({"rows.4.setting": "select"}, "rows.4.setting: no such value 'select'; did you mean 'selected'?"),
        ({"rows.4.base_models": ["lama"]}, "rows.4: base_models: no base model 'lama'; did you mean 'llama'?"),
        (
            {"base_models.llama.scratch.architecture.family": "lama"},
            "base_models.llama.scratch.architecture.family: no such value 'lama'; did you mean 'llama'?",
        ),
        ({"unlearn.paper.schedule": "liner"}, "unlearn.paper.schedule: no such value 'liner'; did you mean 'linear'?"),
        (
            {"unlearn.paper.optimizer": "adamw_toch"},
            "unlearn.paper.optimizer: no such value 'adamw_toch'; did you mean 'adamw_torch'?",
        ),
        (
            {"unlearn.paper.precision": "half"},
            "unlearn.paper.precision: no such value 'half'; choose from: float32, bfloat16",
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
        (
            {"unlearn.paper.lora": {"rank": 4, "alpha": 8.0, "target_modules": ["q_proj", "fc1"]}},
            "rows.4: unlearn.paper.lora.target_modules: llama has no linear layer 'fc1' to adapt; choose from: q_proj, "
            "k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj",
        ),
        ({"rows.4.parameters": {"beta": 0.1}}, "rows.4: method 'ga' (paper) has no parameter 'beta': it has none"),
    ],
)
def test_names_of_things_that_do_not_exist(changes, expected):
    assert message(changes) == expected


def test_layers_for_lora_concern_the_models_that_are_trained_so(tmp_path):
    """A layer of Llama's is none of a second model's, which no row trains in that setting; a folder's are not known."""
    lora = {"unlearn.paper.lora": {"rank": 4, "alpha": 8.0, "target_modules": ["o_proj"]}}
    second = copy.deepcopy(content({})["base_models"]["llama"])
    second["scratch"]["architecture"]["family"] = "opt"
    both = lora | {"base_models.second": second}
    assert "second has no linear layer 'o_proj' to adapt; did you mean 'out_proj'?" in message(both)
    rows = [row if number < 4 else row | {"base_models": ["llama"]} for number, row in enumerate(content({})["rows"])]
    plan.make(params.parse(content(both | {"rows": rows}), "my.yaml"), "my.yaml")
    folder = {"base_models.llama.scratch": None, "base_models.llama.source": str(tmp_path)}
    lora["unlearn.paper.lora"]["target_modules"] = ["query_key_value"]
    plan.make(params.parse(content(lora | folder), "my.yaml"), "my.yaml")


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


def test_files_that_do_not_exist():
    assert message({"base_models.llama.retain_log": "no_such_log.json"}) == (
        "base_models.llama.retain_log: there is no file no_such_log.json"
    )
    line = message({"own_methods": "no_such_methods.py"})
    assert line == "own_methods: no_such_methods.py: there is no such file of methods"


def test_a_row_may_use_a_method_of_the_users_own(tmp_path):
    own = tmp_path / "mine.py"
    own.write_text(
        "from unlearnkit.methods import Method, Term, Variant\n"
        "def lower(forget_logp): return forget_logp\n"
        "METHODS = {'lower': Method('Lower', {'paper': Variant((Term(lower, over='sequences'),), 'mine')})}\n"
    )
    assert message({"rows.4.method": "lower"}).startswith("rows.4: no method 'lower'")
    named = {"own_methods": str(own), "rows.4.method": "lower"}
    made = plan.make(params.parse(content(named), "my.yaml"), "my.yaml")
    assert (made.rows[4].name, made.rows[4].printed_as) == ("llama/lower", "Lower")
    assert message(named | {"rows.4.method": "lowr"}) == "rows.4: no method 'lowr'; did you mean 'lower'?"
    run = made.runs[made.rows[4].draws[0].run]
    assert run.spec["unlearn"]["own_methods"] == str(own)
    own.write_text(own.read_text().replace("return forget_logp", "return -forget_logp"))
    again = plan.make(params.parse(content(named), "my.yaml"), "my.yaml")
    differing = [row.method for row, other in zip(made.rows, again.rows, strict=True) if row.draws != other.draws]
    assert differing == ["lower"]


def test_fewer_retain_authors_are_of_the_real_data_only(real_data, monkeypatch):
    """The universe is used whole; of the real data at least those that the evaluation asks about."""
    line = "data.retain_authors: authors: the universe is used whole; leave it null"
    assert message({"data.retain_authors": 40}) == line
    monkeypatch.setenv("UNLEARNKIT_DATA", str(real_data))
    line = message({"data.source": "local", "data.retain_authors": 10})
    assert line.startswith("data.retain_authors: authors: 10 is not between ")


BOTH = "give either 'epochs' or 'steps' and set the other to null"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"base_models.llama.finetune.steps": 5}, f"base_models.llama.finetune: {BOTH}"),
        ({"base_models.llama.finetune.epochs": None}, f"base_models.llama.finetune: {BOTH}"),
        ({"unlearn.paper.epochs": None}, f"unlearn: paper: {BOTH}"),
        ({"unlearn.paper.steps": 5}, f"unlearn: paper: {BOTH}"),
        ({PLAIN: None}, "unlearn: paper.learning_rate is null"),
        ({"unlearn.paper": None}, "unlearn: the default setting 'paper' is null"),
        ({"unlearn.selected": None, "rows.4.setting": "selected"}, "rows.4: setting: unlearn.selected is null"),
        *(
            (
                {f"unlearn.selected.{key}": 1e-3 if key == "learning_rate" else 5},
                "unlearn: the selection decides; set selected.learning_rate, epochs and steps to null",
            )
            for key in ("learning_rate", "steps")
        ),
        (
            {"unlearn.selected.learning_rate": "as_finetune"},
            "unlearn: the selection decides; set selected.learning_rate, epochs and steps to null",
        ),
        (
            {"unlearn.selected.schedule": "linear"},
            "unlearn: selected.schedule: the selection over steps needs 'constant_with_warmup'",
        ),
        ({"selection": None}, "unlearn.selected is given but selection is null"),
        ({"seeds": [1, 2, 1]}, "seeds: a seed is there twice"),
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
            "selection.forget_split: 'forget05' shares authors with data.forget_split 'forget01': "
            "learning rates would be chosen on reported questions",
        ),
        ({"rows.5": {"method": "ga"}}, "rows.5: the row 'ga' (paper, paper) is there twice"),
        # The default setting, once by name.
        (
            {"rows.5": {"method": "ga", "setting": "paper"}},
            "rows.5: the row 'ga' (paper, paper) is there twice",
        ),
        *(
            (
                {f"rows.1.{key}": value},
                "rows.1: the reference row 'original' has neither variants nor parameters, settings or base models of "
                "its own",
            )
            for key, value in {
                "variant": "release",
                "parameters": {"beta": 1.0},
                "setting": "paper",
                "base_models": ["llama"],
            }.items()
        ),
        ({"rows.2": REMOVED}, "rows: forget quality is measured against the row 'retain', which is missing"),
        ({"rows.1": REMOVED}, "rows: what a method keeps is measured against the row 'original', which is missing"),
        ({"rows": []}, "rows: forget quality is measured against the row 'retain', which is missing"),
    ],
)
def test_what_does_not_go_together(changes, expected):
    assert message(changes) == expected


def test_paper_and_release_of_one_method_are_two_rows():
    rows = {"rows.8": {"method": "flat_kl", "variant": "release"}}
    made = plan.make(params.parse(content(rows), "my.yaml"), "my.yaml")
    assert [row.name for row in made.rows[7:9]] == ["llama/flat_kl", "llama/flat_kl_release"]
    assert made.rows[7].draws != made.rows[8].draws


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("title: 1\nrows: [\n", ", line 3: not valid YAML (expected the node content, but found '<stream end>')"),
        ("title: 1\ndata: {source: local}\ntitle: 2\n", ", line 3: not valid YAML (the key 'title' is there twice)"),
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
    merged = "one: &one {a: 1, b: 2}\ntwo: &two\n  <<: *one\n  b: 3\nthree:\n  <<: *two\n  b: 4\n"
    path.write_text(f"table: table4\n{merged}")
    with pytest.raises(KitError, match="unknown key 'one'"):  # and not: twice
        params.read(path)


def test_a_file_that_is_not_there(tmp_path):
    there = tmp_path / "params" / "tiny" / "table4.yaml"
    there.parent.mkdir(parents=True)
    there.write_text("{}")
    missing = tmp_path / "params" / "tyni" / "table4.yaml"
    with pytest.raises(KitError) as caught:
        params.read(missing)
    assert str(caught.value) == f"{missing}: no such parameter file; did you mean '{there}'?"
    with pytest.raises(KitError) as caught:
        params.read(tmp_path / "nowhere" / "else" / "params")
    assert str(caught.value) == f"{tmp_path / 'nowhere' / 'else' / 'params'}: no such parameter file"


def test_a_parameter_file_survives_being_written_as_yaml(tmp_path):
    before = params.parse(content({PLAIN: 1e-5}), "my.yaml")
    path = tmp_path / "again.yaml"
    path.write_text(yaml.safe_dump(before.model_dump()))
    assert params.read(path) == before


def test_params_do_not_change():
    with pytest.raises(ValueError, match="frozen"):
        params.parse(content({}), "my.yaml").seeds = [2]
