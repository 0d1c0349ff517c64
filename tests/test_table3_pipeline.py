"""Table 3 from the command to the executed notebook, on a book of the user's, with a model of 30,000 parameters."""

import json
import shutil

import nbformat
import pytest
import yaml

from unlearnkit import cli, paths, runs, verify, zeroshot
from unlearnkit.data import book

pytestmark = pytest.mark.slow


def content(folder) -> dict:
    """The tiny parameters, made smaller, on texts of the user's."""
    found = yaml.safe_load((paths.ROOT / "params" / "tiny" / "table3.yaml").read_text(encoding="utf-8"))
    scratch = found["base_models"]["llama"]["scratch"]
    scratch["architecture"] |= {"num_hidden_layers": 1, "hidden_size": 32, "num_attention_heads": 2}
    scratch["architecture"]["intermediate_size"] = 64
    for training in (scratch["pretrain"], found["base_models"]["llama"]["finetune"], found["unlearn"]["paper"]):
        training |= {"epochs": None, "steps": 3}
    (folder / "mine.txt").write_text(book.load("story"), encoding="utf-8")
    shutil.copytree(zeroshot.OWN.parent, folder / "story", ignore=shutil.ignore_patterns("*.py[co]", "__pycache__"))
    found["data"] |= {"book": str(folder / "mine.txt"), "count": 6, "repeat": 1}
    found["evaluation"]["task_files"] = str(folder / "story" / "tasks")
    rows = [{"method": name} for name in ("base", "original", "flat_kl")]
    return found | {"profile": "micro", "rows": rows}


def test_a_rejected_task_costs_no_unlearning_and_mended_the_table_goes_on(local, capsys):
    file, broken = local / "table3.yaml", local / "story" / "tasks" / "tiny_boolq.yaml"
    file.write_text(yaml.safe_dump(content(local)))
    right = broken.read_text()
    broken.write_text(right.replace("multiple_choice", "multiple choice"))
    assert cli.main(["table", str(file), "--workers", "1"]) == 1
    said = capsys.readouterr()
    assert f"failed: llama/base: {broken}: lm-eval rejects the task: " in said.err and "Traceback" not in said.err
    assert f"failed: llama/flat_kl: needs a run that failed: {broken}: lm-eval rejects the task: " in said.err
    assert not list((paths.runs() / "row").glob("*/checkpoint")), "nothing was unlearned"
    trained = {path: runs.sha256(path) for path in paths.runs().glob("*/*/manifest.json")}
    assert len(trained) == 2, "base model and original model stay"

    broken.write_text(right)
    assert cli.main(["table", str(file), "--workers", "1"]) == 0
    assert {path: runs.sha256(path) for path in trained} == trained
    result = local / "micro" / "table3"
    assert verify.problems_of(result) == []
    notebook = nbformat.read(result / "03_flat_table3_copyrighted_text.ipynb", as_version=4)
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error"]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 2

    story = book.load("story")
    for path in result.rglob("*.*"):
        if path.suffix in (".json", ".csv", ".md", ".tex"):
            words = path.read_text(encoding="utf-8").split()
            assert str(local) not in path.read_text(encoding="utf-8"), path
            assert not any(" ".join(words[at : at + 6]) in story for at in range(len(words) - 5)), path
    manifest = json.loads((result / "rows" / "llama__flat_kl" / "seed-1" / "manifest.json").read_text())
    assert manifest["spec"]["data"]["source"] == "mine.txt" and manifest["optimiser_steps"] == 3
    capsys.readouterr()
    assert cli.main(["table", str(file)]) == 0
    assert "nothing to do" in capsys.readouterr().out
