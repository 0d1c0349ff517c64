"""Table 10 from the command to the executed notebook, with a mixture of some 50,000 parameters."""

import nbformat
import pytest
import yaml

from unlearnkit import cli, paths, results, runs, tables, verify

pytestmark = pytest.mark.slow


def content() -> dict:
    """The tiny parameters, made smaller; every level is met at the first measured step."""
    found = yaml.safe_load((paths.ROOT / "params" / "tiny" / "table10.yaml").read_text(encoding="utf-8"))
    base_model = found["base_models"]["qwen"]
    experts = {"count": 4, "per_token": 2, "intermediate_size": 16, "shared": 1}
    base_model["scratch"]["architecture"] |= {"hidden_size": 32, "num_attention_heads": 2, "experts": experts}
    base_model["scratch"]["architecture"]["num_hidden_layers"] = 2
    base_model["scratch"]["pretrain"] |= {"epochs": None, "steps": 10}
    found["unlearn"]["paper"]["steps"] = 3
    found["evaluation"]["max_new_tokens"] = 4
    found |= {"at_steps": [1, 3], "reached": {"wmdp_accuracy": 1.0, "rwku_rouge_l_recall": 0.0}}
    wanted = (("original", None), ("ga", "UOE"), ("npo_rt", "UOE"), ("rmu", None), ("ga", "LoRA"))
    rows = [row for row in found["rows"] if (row["method"], row.get("note")) in wanted]
    rows = [{key: value for key, value in row.items() if key != "base_models"} for row in rows]
    rows = [row for row in rows if row.get("updated", {}).get("modules") != ["mlp"]]
    for row in rows:
        if row["method"] == "rmu":
            row |= {"parameters": row["parameters"] | {"layer": 1}, "updated": row["updated"] | {"layers": [0, 1]}}
    for row in rows[1:]:
        row["benchmarks"] = ["wmdp"] if row["method"] == "rmu" else ["wmdp", "rwku"]
    return found | {"profile": "micro", "base_models": {"qwen": base_model}, "rows": rows}


def test_the_table_from_the_command_to_the_notebook(local, capsys):
    file = local / "table10.yaml"
    file.write_text(yaml.safe_dump(content()))
    assert cli.main(["table", str(file), "--workers", "1"]) == 0, capsys.readouterr().err
    result = local / "micro" / "table10"
    assert verify.problems_of(result) == []
    rows = {row["row"]: row for row in results.read_rows(result)}
    assert rows["qwen/ga_UOE_wmdp"]["steps"] == 1, "whatever is said, the level is met"
    assert rows["qwen/ga_UOE_rwku"]["steps"] in (1, 3)
    folder = result / "rows" / tables.row_folder("qwen/ga_UOE_wmdp") / "seed-1"
    assert {one["set"] for one in runs.read_samples(folder / "samples.jsonl.gz")} == {"zeroshot"}
    share = {name: row["trainable_share"] for name, row in rows.items()}
    assert share["qwen/ga_UOE_wmdp"] < share["qwen/rmu_wmdp"] < 1
    notebook = nbformat.read(result / "10_uoe_one_expert.ipynb", as_version=4)
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error"]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 4
    said = "\n".join(output.get("text", "") for output in outputs)
    assert "declared: expert " in said and "nothing else did: " in said
    capsys.readouterr()
    assert cli.main(["table", str(file)]) == 0
    assert "nothing to do" in capsys.readouterr().out
