"""The tiny Table 4. Slow: one base model and some rows of it, cold, as a newcomer runs them: time, numbers, the second
run, the notebooks. Fast: the committed reference, for every base model that the parameter file names."""

import json
import os
import subprocess
import sys
import time

import nbformat
import pytest
import yaml

from unlearnkit import params, paths, plan, results, runs, tables, verify
from unlearnkit.claims import BASELINES, FLAT
from unlearnkit.errors import KitError

slow = pytest.mark.slow

FILE = "params/tiny/table4.yaml"
CONTENT = yaml.safe_load((paths.ROOT / FILE).read_text(encoding="utf-8"))
BASE_MODELS = list(CONTENT["base_models"])
REFERENCE = paths.ROOT / "results" / "reference" / "tiny" / "table4"

# What is trained here; `original` and `retain` come along with any row.
METHODS = ("ga", "npo", "dpo", "flat_kl", "flat_js")
ROWS = ("original", "retain", "retain_2", *METHODS)


def own(found: list[dict], base_model: str) -> dict[str, dict]:
    """Method -> its row in the table's own setting and the paper's form."""
    return {
        row["method"]: row
        for row in found
        if (row["base_model"], row["variant"], row["setting"]) == (base_model, "paper", None)
    }


def losses(draw_folder) -> list[float]:
    """Of every optimiser step."""
    stored = json.loads((draw_folder / "manifest.json").read_text())["losses"]
    return [stored[step] for step in sorted(stored, key=int)]


# --- the committed reference --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def reference() -> list[dict]:
    return results.read_rows(REFERENCE)


def test_the_reference_is_of_the_parameter_file(reference):
    """The same rows in the same order, none failed, missing or made by other code, with the runs of today's plan."""
    made = plan.make(params.read(paths.ROOT / FILE), FILE)
    assert [row["row"] for row in reference] == [row.name for row in made.rows]
    assert {row["status"] for row in reference} <= {"ok", "collapsed"}
    folders = results.draw_folders(REFERENCE)
    for row in made.rows:
        for draw in row.draws:
            manifest = json.loads((folders[row.name, draw.seed] / "manifest.json").read_text())
            assert (manifest["key"], manifest["dirty"]) == (draw.run, False), row.name


def test_the_references_numbers_follow_from_its_samples():
    assert verify.problems_of(REFERENCE) == []


@pytest.mark.parametrize("base_model", BASE_MODELS)
def test_in_the_reference_forgetting_can_be_seen_and_reached(reference, base_model):
    rows = own(reference, base_model)
    assert rows["original"]["forget_quality_p"] < 0.01
    assert rows["retain_2"]["forget_quality_p"] > 0.05
    assert rows["original"]["forget_rouge_l_recall"] > rows["retain"]["forget_rouge_l_recall"]


@pytest.mark.parametrize("base_model", BASE_MODELS)
def test_in_the_reference_a_flat_row_and_two_baselines_do_not_collapse(reference, base_model):
    rows = own(reference, base_model)
    standing = {method for method, row in rows.items() if row["status"] == "ok"}
    assert standing & set(FLAT)
    assert len(standing & set(BASELINES)) >= 2


@pytest.mark.parametrize("base_model", BASE_MODELS)
def test_in_the_reference_gradient_ascent_climbs(base_model):
    """GA's loss is minus the cross-entropy of the forget answers: it starts near zero and grows in magnitude."""
    draws = {draw: folder for draw, folder in results.draw_folders(REFERENCE).items() if draw[0] == f"{base_model}/ga"}
    assert draws
    for folder in draws.values():
        stored = losses(folder)
        assert stored[-1] < stored[0] < 0
        trajectory = json.loads((folder / "trajectory.json").read_text())
        assert trajectory[0]["step"] == 0 and trajectory[-1]["step"] == len(stored)
        assert trajectory[-1]["forget_probability"] < trajectory[0]["forget_probability"]
        for point in trajectory[1:]:
            assert point["loss"] == stored[point["step"] - 1]


def test_a_difference_of_two_rows_is_that_of_the_table(reference):
    rows = own(reference, BASE_MODELS[0])
    names = [rows[method]["row"] for method in ("flat_js", "npo")]
    for set_name in ("forget", "retain"):
        found = results.difference(REFERENCE, *names, set_name)
        values = [rows[method][f"{set_name}_rouge_l_recall"] for method in ("flat_js", "npo")]
        assert found.mean == pytest.approx(values[0] - values[1], abs=1e-12)
        assert results.difference(REFERENCE, *reversed(names), set_name).mean == pytest.approx(-found.mean, abs=1e-12)
        assert found.floor <= found.p <= 1
    with pytest.raises(KitError, match="no row 'llama/flat_jz'; did you mean 'llama/flat_js'"):
        results.difference(REFERENCE, "llama/flat_jz", names[1], "forget")


# --- a part of it, cold -------------------------------------------------------------------------------------


def call(local, file: str, *options: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "unlearnkit", "table", file, *options],
        env=os.environ | {"UNLEARNKIT_LOCAL": str(local)},
        cwd=paths.ROOT,
        capture_output=True,
        text=True,
        timeout=1500,
    )


@pytest.fixture(scope="module")
def cold(tmp_path_factory):
    """(folder, seconds, output) of a cold `make table4 MODEL=... ROWS=...`: these methods in every form and setting."""
    local = tmp_path_factory.mktemp("local")
    started = time.monotonic()
    done = call(local, FILE, "--model", BASE_MODELS[0], "--rows", ",".join(("retain_2", *METHODS)))
    assert done.returncode == 0, done.stdout + done.stderr
    return local, time.monotonic() - started, done


@pytest.fixture(scope="module")
def rows(cold) -> dict[str, dict]:
    return own(tables.read_csv(cold[0] / "tiny" / "table4.incomplete" / "table.csv"), BASE_MODELS[0])


@pytest.fixture(scope="module")
def whole(cold, tmp_path_factory):
    """(parameter file, result folder) of a table that has these rows only: no run of it is left to do."""
    content = CONTENT | {"base_models": {BASE_MODELS[0]: CONTENT["base_models"][BASE_MODELS[0]]}}
    content["rows"] = [{"method": method} for method in ROWS]
    file = tmp_path_factory.mktemp("part") / "table4.yaml"
    file.write_text(yaml.safe_dump(content))
    keys = {path: path.stat().st_mtime_ns for path in (cold[0] / "runs").rglob("manifest.json")}
    assert call(cold[0], str(file), "--rows-only").stdout == ""
    done = call(cold[0], str(file))
    assert done.returncode == 0, done.stdout + done.stderr
    assert {path: path.stat().st_mtime_ns for path in (cold[0] / "runs").rglob("manifest.json")} == keys
    return str(file), cold[0] / "tiny" / "table4"


@slow
def test_a_part_is_done_in_five_minutes(cold):
    assert cold[1] < 300


@slow
def test_only_what_was_asked_for_is_computed(cold, rows):
    assert {method for method, row in rows.items() if row["status"] != "missing"} == set(ROWS)
    computed = [json.loads(path.read_text()) for path in (cold[0] / "runs").rglob("manifest.json")]
    assert {run["name"].split("/")[0] for run in computed} == {BASE_MODELS[0]}
    assert sum(run["kind"] != "row" for run in computed) == 4, "base, original and two retain models"
    named = {run["name"].split("/")[1] for run in computed if run["kind"] == "row"}
    assert {name for name in named if not name.endswith(("_release", "_paper_setting"))} == set(ROWS)
    assert "rows are missing: the notebook was not executed" in cold[2].stdout


@slow
def test_original_retain_and_second_retain_are_what_they_should_be(rows):
    original, retain, second = rows["original"], rows["retain"], rows["retain_2"]
    assert original["forget_quality_p"] < 0.01 and original["forget_rouge_l_recall"] > 0.9
    assert retain["forget_rouge_l_recall"] < 0.5
    assert second["forget_quality_p"] > 0.05


@slow
def test_each_part_of_the_originals_utility_is_at_least_0_3(rows):
    parts = {
        f"{name}_{kind}": rows["original"][f"{name}_{kind}"]
        for name in ("retain", "real_authors", "world_facts")
        for kind in ("rouge_l_recall", "probability", "truth_ratio")
    }
    assert min(parts.values()) >= 0.3, parts


@slow
def test_a_flat_row_and_two_baselines_do_not_collapse(rows):
    standing = {method for method in METHODS if rows[method]["status"] == "ok"}
    assert standing & set(FLAT) and len(standing & set(BASELINES)) >= 2


@slow
def test_unlearning_went_the_intended_way(rows, whole):
    for method in METHODS:
        assert rows[method]["forget_probability"] < rows["original"]["forget_probability"]
        assert rows[method]["forget_rouge_l_recall"] < rows["original"]["forget_rouge_l_recall"]
    stored = losses(results.draw_folders(whole[1])[f"{BASE_MODELS[0]}/ga", CONTENT["seeds"][0]])
    assert stored[-1] < stored[0] < 0


@slow
def test_evaluating_a_row_takes_at_most_six_seconds(rows):
    assert all(row["evaluation_seconds"] <= 6 for row in rows.values() if row["status"] != "missing")


@slow
def test_no_wall_of_warnings(cold):
    text = cold[2].stdout + cold[2].stderr
    assert "Warning" not in text and "WARNING" not in text
    progress = text.split("writing table, figures and notebook")[0]
    assert progress.count("\n") < 120


@slow
def test_again_executes_nothing_and_takes_five_seconds(cold, whole):
    before = {path: path.stat().st_mtime_ns for path in cold[0].rglob("*") if path.is_file()}
    started = time.monotonic()
    done = call(cold[0], whole[0])
    assert time.monotonic() - started < 5
    assert done.returncode == 0 and "nothing to do" in done.stdout
    assert {path: path.stat().st_mtime_ns for path in cold[0].rglob("*") if path.is_file()} == before


@slow
def test_two_runs_with_one_seed_are_identical(cold, whole):
    """GA anew from the same original model: the same bytes."""
    made = plan.make(params.read(whole[0]), whole[0])
    (draw,) = next(row for row in made.rows if row.method == "ga").draws
    samples = cold[0] / "runs" / "row" / draw.run / "samples.jsonl.gz"
    first, hashes = samples.read_bytes(), runs.sha256(samples.parent / "checkpoint" / "model.safetensors")
    made_at = samples.stat().st_mtime_ns
    assert call(cold[0], whole[0], "--fresh", "--rows", "ga", "--rows-only").returncode == 0
    assert samples.stat().st_mtime_ns != made_at
    assert samples.read_bytes() == first
    assert runs.sha256(samples.parent / "checkpoint" / "model.safetensors") == hashes


@slow
def test_stored_numbers_follow_from_stored_samples(whole):
    assert verify.problems_of(whole[1]) == []


@slow
def test_the_executed_notebook_has_the_table_and_its_figures(whole):
    notebook = nbformat.read(whole[1] / "04_flat_table4_tofu.ipynb", as_version=4)
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    # Trade-off, truth ratios, trajectories.
    assert sum("image/png" in output.get("data", {}) for output in outputs) >= 3
    assert any("FLAT (KL)" in str(output.get("data", {}).get("text/markdown", "")) for output in outputs)
    assert not any(output.output_type == "error" for output in outputs)


@slow
def test_start_here_runs_on_the_committed_results(tmp_path):
    done = subprocess.run(
        [
            sys.executable, "-m", "papermill", str(paths.ROOT / "notebooks" / "00_start_here.ipynb"),
            str(tmp_path / "out.ipynb"), "-k", "python3", "--no-progress-bar",
        ],
        cwd=paths.ROOT / "notebooks",
        capture_output=True,
        text=True,
        timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert "every number follows from the samples" in json.dumps(nbformat.read(tmp_path / "out.ipynb", 4))
