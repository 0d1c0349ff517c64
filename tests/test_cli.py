"""The command line without training: verbs, exit codes, one-line errors, tables from finished runs."""

import json
import subprocess
import sys

import made_up
import pytest
import yaml

from unlearnkit import cli, engines, grid, params, paths, plan, report, runs, tables
from unlearnkit.papers import flat_table4


def run(capsys, *arguments: str) -> tuple[int, str, str]:
    code = cli.main(list(arguments))
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_methods_as_json_lists_every_method_with_its_needs(capsys):
    code, out, _ = run(capsys, "methods", "--json")
    needs = {(entry["method"], entry["variant"]): entry["needs"] for entry in json.loads(out)}
    assert code == 0
    assert needs[("ga", "paper")] == ["forget"]
    assert needs[("npo", "paper")] == ["forget", "reference"]
    assert needs[("llmu", "paper")] == ["forget", "mismatch", "retain", "reference"]
    assert needs[("flat_js", "release")] == ["forget", "template"]
    assert needs[("uld", "paper")] == ["forget", "retain"]
    assert needs[("whp", "paper")] == ["forget", "a reinforced model"]


def test_methods_are_found_by_the_names_that_papers_print(capsys):
    code, out, _ = run(capsys, "methods")
    assert code == 0
    for name in ("NPO+GD", "GDIFF", "Offset-GA+KL", "ULD", "Task Vector", "WHP", "UOE", "SEUF", "In-context refusal"):
        assert name in out


def test_a_wrong_key_is_one_line_with_file_and_key_before_anything_runs(capsys, tmp_path, micro_params, local):
    content = micro_params()
    content["unlearn"]["paper"]["learning_rat"] = 1.0
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(content))
    code, out, err = run(capsys, "table", str(path))
    assert (code, out) == (2, "")
    assert err == f"unlearnkit: {path}: unknown key 'unlearn.paper.learning_rat'; did you mean 'learning_rate'?\n"
    assert not (local / "runs").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["table", "params/tiny/table44.yaml"],
            "no such parameter file; did you mean 'params/tiny/table4.yaml'?",
        ),
        (["rescore", "no_such_log.json"], "no_such_log.json"),
    ],
)
def test_a_missing_file_is_one_line(capsys, monkeypatch, arguments, message):
    monkeypatch.chdir(paths.ROOT)
    code, _, err = run(capsys, *arguments)
    assert code != 0
    assert message in err and err.count("\n") == 1


def test_an_unknown_row_or_base_model_is_refused(capsys, tmp_path, micro_params, local):
    path = written(tmp_path, micro_params())
    code, _, err = run(capsys, "table", path, "--rows", "npo,flat_kk")
    assert code == 2 and "no row 'flat_kk'; did you mean 'flat_kl'?" in err
    code, _, err = run(capsys, "table", path, "--model", "lama")
    assert code == 2 and "no base model 'lama'; did you mean 'llama'?" in err


def test_every_verb_has_help_and_an_unknown_verb_fails():
    for verb in ("table", "select", "front", "reference", "download", "pin", "verify", "methods", "rescore"):
        with pytest.raises(SystemExit) as ended:
            cli.main([verb, "--help"])
        assert ended.value.code == 0
    with pytest.raises(SystemExit) as ended:
        cli.main(["tabel"])
    assert ended.value.code != 0


def test_the_module_is_the_command():
    result = subprocess.run([sys.executable, "-m", "unlearnkit", "--help"], capture_output=True, text=True)
    assert result.returncode == 0 and "VERB" in result.stdout


# --- which runs a command stands for ------------------------------------------------------------------------


def written(folder, content: dict) -> str:
    path = folder / "mine.yaml"
    path.write_text(yaml.safe_dump(content))
    return str(path)


@pytest.fixture
def content(micro_params) -> dict:
    """Two base models and two seeds; GA in two settings."""
    content = micro_params() | {"profile": "made_up", "seeds": [1, 2]}
    content["base_models"]["wide"] = yaml.safe_load(yaml.safe_dump(content["base_models"]["llama"]))
    content["base_models"]["wide"]["scratch"]["architecture"]["hidden_size"] = 64
    return content


class Workers:
    """In place of worker processes: finishes runs with made-up samples and remembers their names."""

    def __init__(self, monkeypatch, made, failing: str = ""):
        self.made, self.failing, self.names = made, failing, []
        monkeypatch.setattr(engines, "execute_all", self.execute)
        monkeypatch.setattr(flat_table4, "figures", lambda result, caption: {})
        monkeypatch.setattr(report, "_execute_notebook", lambda made, result: None)

    def execute(self, wanted, workers, display) -> dict[str, str]:
        failed = {}
        for run in wanted:
            if runs.is_complete(run):
                continue
            self.names.append(run.name)
            if run.name == self.failing:
                failed[run.key] = "made up to fail"
            else:
                made_up.finish_run(self.made, run)
        return failed


@pytest.fixture
def workers(monkeypatch, content, local) -> Workers:
    return Workers(monkeypatch, plan.make(params.parse(content, "test"), "test"))


REFERENCE = {f"llama/{name}, seed {seed}" for name in ("original model", "retain model") for seed in (1, 2)}


def test_rows_bring_what_they_are_measured_against(capsys, tmp_path, content, workers):
    """The rows themselves, the original's and the retain model's rows, and all models behind them."""
    code, out, _ = run(capsys, "table", written(tmp_path, content), "--rows", "npo", "--model", "llama", "--rows-only")
    assert code == 0
    rows = {f"llama/{name}, seed {seed}" for name in ("npo", "original", "retain") for seed in (1, 2)}
    assert set(workers.names) == {"llama/base model"} | REFERENCE | rows
    assert "11 of 11 runs to do" in out
    assert not (paths.local() / "made_up").exists(), "rows only"


def test_one_base_model(capsys, tmp_path, content, workers):
    run(capsys, "table", written(tmp_path, content), "--model", "wide", "--rows-only")
    assert workers.names and all(name.startswith("wide/") for name in workers.names)
    assert {name for name in workers.names if ", seed" not in name} == {"wide/base model", "wide/base"}


def test_a_part_of_a_table_is_written_beside_it_and_the_whole_takes_its_place(capsys, tmp_path, content, workers):
    path, result = written(tmp_path, content), paths.local() / "made_up" / "table4"
    code, out, _ = run(capsys, "table", path, "--rows", "npo", "--model", "llama")
    assert code == 0 and "rows are missing: the notebook was not executed" in out
    found = {row["row"]: row["status"] for row in tables.read_csv(result.with_name("table4.incomplete") / "table.csv")}
    have = {"llama/npo", "llama/original", "llama/retain", "llama/retain_2"}  # two seeds: each other's second
    assert {name for name, status in found.items() if status == "ok"} == have
    assert {found[name] for name in found.keys() - have} == {"missing"}
    assert not result.exists()
    before = len(workers.names)
    code, out, _ = run(capsys, "table", path)
    assert code == 0 and f"written to {result}" in out
    assert len(set(workers.names)) == len(workers.names) > before, "a run was computed twice"
    assert not result.with_name("table4.incomplete").exists()
    assert len(tables.read_csv(result / "seeds.csv")) == 28

    files = {file: file.stat().st_mtime_ns for file in paths.local().rglob("*")}
    code, out, _ = run(capsys, "table", path)
    assert code == 0 and out.endswith(f"nothing to do: {result} is complete\n")
    assert (result / "table.md").read_text() in out
    assert {file: file.stat().st_mtime_ns for file in paths.local().rglob("*")} == files


def test_fresh_rows_are_computed_anew_from_the_models_that_are_there(capsys, tmp_path, content, workers):
    path = written(tmp_path, content)
    run(capsys, "table", path, "--rows-only")
    workers.names.clear()
    run(capsys, "table", path, "--rows-only", "--fresh", "--rows", "npo", "--model", "llama")
    assert sorted(workers.names) == ["llama/npo, seed 1", "llama/npo, seed 2"]
    workers.names.clear()
    run(capsys, "table", path, "--rows-only", "--fresh", "--model", "llama")
    assert {"llama/base model", "llama/npo, seed 1"} < set(workers.names)
    assert not [name for name in workers.names if name.startswith("wide/")]


def test_another_split_has_a_result_of_its_own(capsys, tmp_path, content, workers):
    path = written(tmp_path, content)
    workers.made = plan.make(params.parse(content, "test"), "test", "forget05")
    code, out, _ = run(capsys, "table", path, "--split", "forget05", "--model", "llama")
    assert code == 0
    table = tables.read_csv(paths.local() / "made_up" / "table4_forget05.incomplete" / "table.csv")
    assert {row["n_forget"] for row in table if row["status"] == "ok"} == {16}
    assert out.splitlines()[-2].endswith("table4_forget05.incomplete")
    code, _, err = run(capsys, "table", path, "--split", "forget1")
    assert code == 2 and "no forget split 'forget1'; did you mean 'forget10'?" in err


def test_a_failed_row_is_shown_with_its_reason_and_a_complete_result_stays(capsys, tmp_path, content, workers):
    path, result = written(tmp_path, content), paths.local() / "made_up" / "table4"
    assert run(capsys, "table", path)[0] == 0
    before = (result / "manifest.json").read_bytes()
    workers.failing = "wide/npo, seed 2"
    code, out, err = run(capsys, "table", path, "--fresh", "--rows", "npo", "--model", "wide")
    assert code == 1
    assert err == "failed: wide/npo: 1 of 2 seeds: made up to fail\n"
    assert "* wide/npo: failed, 1 of 2 seeds: made up to fail" in out
    assert (result / "manifest.json").read_bytes() == before


# --- grids --------------------------------------------------------------------------------------------------


@pytest.fixture
def gridded(content, monkeypatch, local, tmp_path) -> tuple[dict, Workers]:
    content["unlearn"]["default"] = "selected"
    monkeypatch.setattr(plan, "selection_file", lambda _: tmp_path / "table4.selected.json")
    return content, Workers(monkeypatch, grid.make(params.parse(content, "test"), "test", "selection"))


def test_select_prints_and_writes_a_line_for_each_method(capsys, tmp_path, gridded):
    content, workers = gridded
    path, file = written(tmp_path, content), tmp_path / "table4.selected.json"
    code, out, _ = run(capsys, "select", path, "--rows", "npo,ga", "--model", "wide")
    assert code == 0
    lines = out.splitlines()
    assert lines[0].split() == ["method", "learning", "rate", "steps", "k/n", "FQ", "R-RL", "kept"]
    assert [line.split()[0] for line in lines[1:-1]] == ["wide/ga", "wide/npo"]
    assert lines[-1] == f"written to {file}"
    chosen = json.loads(file.read_text())["chosen"]
    assert {name: sorted(choices) for name, choices in chosen.items()} == {"wide": ["ga", "npo"]}
    for line in lines[1:-1]:
        choice = chosen["wide"][line.split()[0].removeprefix("wide/")]
        fraction = f"{choice['forget_quality_k']}/{choice['forget_quality_lcm']}"
        assert line.split()[1:4] == [f"{choice['learning_rate']:g}", str(choice["steps"]), fraction]
        assert ("COLLAPSED" in line) == choice["collapsed"]
        assert "at the edge of the grid in learning_rate" in line  # there is but one
    assert {name for name in workers.names if "flat_kl" in name or "llama" in name} == set()
    run(capsys, "select", path)
    chosen = json.loads(file.read_text())["chosen"]
    assert {name: sorted(choices) for name, choices in chosen.items()} == {
        name: ["flat_kl", "ga", "npo"] for name in ("llama", "wide")
    }
    assert len(set(workers.names)) == len(workers.names), "a run was computed twice"


def test_a_grid_with_a_failed_run_writes_nothing(capsys, tmp_path, gridded):
    content, workers = gridded
    workers.failing = "llama/selection, npo at 0.001"
    code, _, err = run(capsys, "select", written(tmp_path, content))
    assert (code, err) == (2, "unlearnkit: 1 runs of the grid failed; nothing was written\n")
    assert not (tmp_path / "table4.selected.json").exists()


# --- reference and verify -----------------------------------------------------------------------------------


def test_only_a_finished_result_of_committed_code_becomes_the_reference(
    capsys, tmp_path, content, workers, monkeypatch
):
    path = written(tmp_path, content)
    monkeypatch.setattr(paths, "results", lambda kind: paths.local() if kind == "local" else tmp_path / kind)
    monkeypatch.setattr(flat_table4, "verdicts", lambda found, parameters: [])  # needs the published numbers
    code, _, err = run(capsys, "reference", path)
    assert code == 2 and err.endswith("not finished or not current; run: make table4 first\n")
    for dirty in (True, False):
        monkeypatch.setattr(runs, "commit", lambda dirty=dirty: {"commit": "abc", "dirty": dirty})
        run(capsys, "table", path, "--fresh")
        code, out, err = run(capsys, "reference", path)
        assert (code, (tmp_path / "reference").exists()) == ((2, False) if dirty else (0, True))
        assert ("was made by uncommitted code; commit, then run with FRESH=1" in err) == dirty
    target = tmp_path / "reference" / "made_up" / "table4"
    assert f"copied to {target}" in out
    assert run(capsys, "verify") == (0, "made_up/table4: ok, 14 rows checked against what is stored beside them\n", "")
    (target / "table.tex").write_text("better numbers")
    code, out, _ = run(capsys, "verify")
    assert code == 1
    assert out.splitlines() == [
        "made_up/table4: NOT OK, 14 rows checked against what is stored beside them",
        "  table.tex: missing or changed",
    ]


def test_nothing_to_verify_is_no_success(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "results", lambda kind: tmp_path)
    assert run(capsys, "verify")[0] == 1


def test_fronts_become_a_reference_too(capsys, tmp_path, content, monkeypatch, local):
    path = written(tmp_path, content)
    code, _, err = run(capsys, "reference", path, "--front")
    assert code == 2 and err.endswith("not finished; run: make front TABLE=table4 first\n")
