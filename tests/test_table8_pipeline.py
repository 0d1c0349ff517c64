"""Table 8 from the command to the executed notebook, with a model of 30,000 parameters and judges from folders."""

import json

import nbformat
import pytest
import yaml

from unlearnkit import cli, paths, runs, verify
from unlearnkit.judges import tiny

pytestmark = pytest.mark.slow


def content(folder) -> dict:
    """The tiny parameters, made smaller."""
    found = yaml.safe_load((paths.ROOT / "params" / "tiny" / "table8.yaml").read_text(encoding="utf-8"))
    scratch = found["base_models"]["llama"]["scratch"]
    scratch["architecture"] |= {"num_hidden_layers": 1, "hidden_size": 32, "num_attention_heads": 2}
    scratch["architecture"]["intermediate_size"] = 64
    scratch["pretrain"] |= {"epochs": None, "steps": 20}
    found["unlearn"]["paper"] |= {"epochs": None, "steps": 3}
    found["evaluation"] |= {"max_new_tokens": 8, "tasks": {"tiny_arc_easy": "acc"}}
    found["judges"] = {name: {"source": str(folder / name), "revision": None} for name in ("encoder", "nli")}
    rows = [{"method": name} for name in ("original", "me_gd", "dpo_kl", "idk_ap")]
    return found | {"profile": "micro", "rows": rows}


def test_the_table_from_the_command_to_the_notebook(local, capsys, monkeypatch):
    for name in ("nli", "encoder"):
        monkeypatch.setitem(tiny.SETTINGS, name, tiny.SETTINGS[name] | {"steps": 2})
    tiny.train(local / "judges", 0)
    file = local / "table8.yaml"
    file.write_text(yaml.safe_dump(content(local / "judges")))
    assert cli.main(["table", str(file), "--workers", "1"]) == 0, capsys.readouterr().err
    result = local / "micro" / "table8"
    assert verify.problems_of(result) == []
    (answers,) = (paths.runs() / "answers").glob("*/answers.json")
    said = json.loads(answers.read_text(encoding="utf-8"))
    samples = runs.read_samples(result / "rows" / "llama__original" / "seed-1" / "samples.jsonl.gz")
    asked = [one for one in samples if one["set"] in ("forget", "neighbor")]
    assert len(said) == 240 and len(asked) == 160 and {one["original_answer"] for one in asked} <= set(said.values())
    assert "model_utility_6" in (result / "table.csv").read_text().splitlines()[0].split(",")
    notebook = nbformat.read(result / "08_closer_look_real_world.ipynb", as_version=4)
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error"]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 2
    capsys.readouterr()
    assert cli.main(["table", str(file)]) == 0
    assert "nothing to do" in capsys.readouterr().out
