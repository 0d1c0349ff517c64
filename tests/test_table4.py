"""The tiny Table 4, cold, as a newcomer runs it: its time, its numbers, the second run, the notebooks."""

import json
import os
import subprocess
import sys
import time

import nbformat
import pytest

from unlearnkit import paths, tables, verify

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cold(tmp_path_factory):
    """(folder, seconds, output) of a cold `unlearnkit table params/tiny/table4.yaml`."""
    local = tmp_path_factory.mktemp("local")
    started = time.monotonic()
    done = call(local)
    assert done.returncode == 0, done.stdout + done.stderr
    return local, time.monotonic() - started, done


def call(local, *options):
    return subprocess.run(
        [sys.executable, "-m", "unlearnkit", "table", "params/tiny/table4.yaml", *options],
        env=os.environ | {"UNLEARNKIT_LOCAL": str(local)},
        cwd=paths.ROOT,
        capture_output=True,
        text=True,
        timeout=1500,
    )


@pytest.fixture(scope="module")
def rows(cold):
    return {row["method"]: row for row in tables.read_csv(cold[0] / "tiny" / "table4" / "table.csv")}


def test_it_is_done_in_eight_minutes(cold):
    assert cold[1] < 480


def test_original_retain_and_second_retain_are_what_they_should_be(rows):
    original, retain, second = rows["original"], rows["retain"], rows["retain_2"]
    assert original["forget_quality_p"] < 0.01 and original["forget_rouge_l_recall"] > 0.9
    assert retain["forget_rouge_l_recall"] < 0.5
    assert second["forget_quality_p"] > 0.05


def test_each_part_of_the_originals_utility_is_at_least_0_3(rows):
    parts = {
        f"{name}_{kind}": rows["original"][f"{name}_{kind}"]
        for name in ("retain", "real_authors", "world_facts")
        for kind in ("rouge_l_recall", "probability", "truth_ratio")
    }
    assert min(parts.values()) >= 0.3, parts


def test_a_flat_row_and_a_baseline_do_not_collapse(rows):
    assert any(row["status"] == "ok" for method, row in rows.items() if method.startswith("flat_"))
    assert any(rows[method]["status"] == "ok" for method in ("ga", "npo"))


def test_unlearning_went_the_intended_way(rows):
    for method in ("ga", "npo", "flat_tv", "flat_kl", "flat_js", "flat_pearson"):
        assert rows[method]["forget_probability"] < rows["original"]["forget_probability"]
        assert rows[method]["forget_rouge_l_recall"] < rows["original"]["forget_rouge_l_recall"]


def test_no_wall_of_warnings(cold):
    text = cold[2].stdout + cold[2].stderr
    assert "Warning" not in text and "WARNING" not in text
    assert text.count("\n") < 120


def test_again_executes_nothing_and_takes_five_seconds(cold):
    local = cold[0]
    before = {path: path.stat().st_mtime_ns for path in local.rglob("*") if path.is_file()}
    started = time.monotonic()
    done = call(local)
    assert time.monotonic() - started < 5
    assert done.returncode == 0 and "nothing to do" in done.stdout
    assert {path: path.stat().st_mtime_ns for path in local.rglob("*") if path.is_file()} == before


def test_two_runs_with_one_seed_are_identical(cold):
    """GA anew from the same original model: the same bytes."""
    from unlearnkit import params, plan

    made = plan.make(params.read(paths.ROOT / "params/tiny/table4.yaml"), "params/tiny/table4.yaml")
    row = next(row for row in made.rows if row.method == "ga")
    folder = cold[0] / "runs" / "row" / row.run
    first = (folder / "samples.jsonl.gz").read_bytes()
    (folder / "manifest.json").rename(folder / "kept.json")
    for name in ("samples.jsonl.gz", "unlearning.json", "trajectory.json"):
        (folder / name).unlink()
    (folder / "checkpoint" / "model.safetensors").unlink()
    (folder / "checkpoint").rename(folder / "kept")
    assert call(cold[0], "--rows", "ga", "--rows-only").returncode == 0
    assert (folder / "samples.jsonl.gz").read_bytes() == first


def test_stored_numbers_follow_from_stored_samples(cold):
    """On the copy of the result that the cold run wrote."""
    assert verify.problems_of(cold[0] / "tiny" / "table4") == []


def test_the_executed_notebook_has_the_table_and_its_figures(cold):
    notebook = nbformat.read(cold[0] / "tiny" / "table4" / "04_flat_table4_tofu.ipynb", as_version=4)
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 3
    assert any("FLAT (KL)" in str(output.get("data", {}).get("text/markdown", "")) for output in outputs)
    assert not any(output.output_type == "error" for output in outputs)


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
