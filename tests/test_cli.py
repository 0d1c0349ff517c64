"""The command line without training: verbs, exit codes, one-line errors, tables from finished runs."""

import json
import subprocess
import sys

import pytest
import yaml

from unlearnkit import cli


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
    assert needs[("flat_js", "release")] == ["forget", "template"]


def test_a_wrong_key_is_one_line_with_file_and_key_before_anything_runs(capsys, tmp_path, micro_params, local):
    content = micro_params()
    content["unlearn"]["learning_rat"] = 1.0
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(content))
    code, out, err = run(capsys, "table", str(path))
    assert (code, out) == (2, "")
    assert err == f"unlearnkit: {path}: unknown key 'unlearn.learning_rat'; did you mean 'learning_rate'?\n"
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
    from unlearnkit import paths

    monkeypatch.chdir(paths.ROOT)
    code, _, err = run(capsys, *arguments)
    assert code != 0
    assert message in err and err.count("\n") == 1


def test_an_unknown_row_or_base_model_is_refused(capsys, tmp_path, micro_params, local):
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(micro_params()))
    code, _, err = run(capsys, "table", str(path), "--rows", "npo,flat_kk")
    assert code == 2 and "no row 'flat_kk'; did you mean 'flat_kl'?" in err
    code, _, err = run(capsys, "table", str(path), "--model", "lama")
    assert code == 2 and "no base model 'lama'; did you mean 'llama'?" in err


def test_every_verb_has_help_and_an_unknown_verb_fails():
    for verb in ("table", "select", "reference", "download", "pin", "verify", "methods", "rescore"):
        with pytest.raises(SystemExit) as ended:
            cli.main([verb, "--help"])
        assert ended.value.code == 0
    with pytest.raises(SystemExit) as ended:
        cli.main(["tabel"])
    assert ended.value.code != 0


def test_the_module_is_the_command():
    result = subprocess.run([sys.executable, "-m", "unlearnkit", "--help"], capture_output=True, text=True)
    assert result.returncode == 0 and "VERB" in result.stdout
