"""Whole tables with models of 30,000 parameters: workers, resume after a kill, failures, and the notebook by itself."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from unlearnkit import cli, front, params, paths, plan, planned, report, results, tables, verify

pytestmark = pytest.mark.slow


def write(content: dict, folder: Path) -> Path:
    path = folder / "table.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def command(path: Path, local: Path, *options: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "unlearnkit", "table", str(path), *options],
        env=os.environ | {"UNLEARNKIT_LOCAL": str(local)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def plan_of(content: dict) -> planned.Plan:
    return plan.make(params.parse(content, "test"), "test")


def samples_of(made: planned.Plan, local: Path, monkeypatch) -> dict[tuple[str, int], bytes]:
    monkeypatch.setenv("UNLEARNKIT_LOCAL", str(local))
    files = {(row.name, draw.seed): tables.samples_file(draw.run) for row in made.rows for draw in row.draws}
    return {draw: file.read_bytes() for draw, file in files.items() if file.exists()}


@pytest.fixture(scope="module")
def finished(tmp_path_factory, micro_params):
    """An uninterrupted table of two seeds, without notebook: (content, its folder)."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    content = micro_params() | {"seeds": [1, 2]}
    content["rows"].append({"method": "kl"})  # draws retain questions
    content["unlearn"]["paper"]["trajectory_every"] = content["unlearn"]["selected"]["trajectory_every"] = 1
    process = command(write(content, folder), folder / "local", "--rows-only")
    out, err = process.communicate(timeout=600)
    assert process.returncode == 0, out + err
    return content, folder / "local"


def test_killed_at_any_moment_and_started_again_the_samples_are_the_same(finished, tmp_path, monkeypatch, micro_params):
    content, uninterrupted = finished
    path, local = write(content, tmp_path), tmp_path / "local"
    for seconds in (9, 13):  # somewhere in the first models, somewhere in the rows
        process = command(path, local, "--rows-only", "--workers", "2")
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    left = [line for line in worker_processes() if str(local) in line]
    deadline = time.time() + 20
    while left and time.time() < deadline:
        time.sleep(0.5)
        left = [line for line in worker_processes() if str(local) in line]
    assert not left, "workers outlived their parent"
    process = command(path, local, "--rows-only")
    out, err = process.communicate(timeout=600)
    assert process.returncode == 0, out + err
    made = plan_of(content)
    assert samples_of(made, local, monkeypatch) == samples_of(made, uninterrupted, monkeypatch)
    assert len(samples_of(made, local, monkeypatch)) == 2 * len(made.rows)


def worker_processes() -> list[str]:
    """Command line and UNLEARNKIT_LOCAL of every worker on this machine."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            environment = (process / "environ").read_bytes().decode(errors="replace")
        except OSError:
            continue
        if "unlearnkit.engines" in line:
            found.append(line + environment)
    return found


def test_nothing_is_computed_twice(finished, tmp_path):
    content, local = finished
    before = {path: path.stat().st_mtime_ns for path in (local / "runs").rglob("manifest.json")}
    process = command(write(content, tmp_path), local, "--rows-only")
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0 and out == ""
    assert {path: path.stat().st_mtime_ns for path in (local / "runs").rglob("manifest.json")} == before


def test_a_failed_row_is_shown_with_its_reason_and_the_others_go_on(finished, tmp_path, monkeypatch):
    content, local = finished
    content = yaml.safe_load(yaml.safe_dump(content))
    content["rows"].append({"method": "flat_tv"})
    content["unlearn"]["paper"]["max_length"] = 12  # too short for any pair: the methods fail
    content["profile"] = "failing"
    process = command(write(content, tmp_path), local)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "nothing is truncated" in err and "Traceback" not in err
    monkeypatch.setenv("UNLEARNKIT_LOCAL", str(local))
    table = tables.read_csv(local / "failing" / "table4.incomplete" / "table.csv")
    status = {row["method"]: row["status"] for row in table}
    assert status["original"] == status["retain"] == "ok"
    assert status["ga"] == status["flat_tv"] == "failed"
    assert "exceed max_length 12" in next(row["reason"] for row in table if row["method"] == "ga")
    assert not (local / "failing" / "table4").exists(), "only a complete table takes the result's place"


def test_selection_table_and_fronts_from_one_file(micro_params, local, tmp_path, monkeypatch, capsys):
    """Select, then the table that takes its choice up, then the fronts; every number follows from the samples."""
    content = micro_params() | {"profile": "selecting", "seeds": [1, 2]}
    content["unlearn"]["default"] = "selected"
    for name in ("selected", "paper"):
        content["unlearn"][name]["trajectory_every"] = 1
    content["rows"] = [{"method": name} for name in ("original", "retain", "retain_2", "npo", "kl")]
    content["rows"].append({"method": "npo", "setting": "paper"})
    # An original that says something: there must be something to keep.
    base_model = content["base_models"]["llama"]
    for training in (base_model["scratch"]["pretrain"], base_model["finetune"]):
        training["steps"] = 100
    content["evaluation"]["max_new_tokens"] = 8
    file = write(content, tmp_path)
    monkeypatch.setattr(plan, "selection_file", lambda _: tmp_path / "table4.selected.json")
    monkeypatch.setattr(report, "_execute_notebook", lambda made, result: None)  # its process would look for the file

    assert cli.main(["table", str(file)]) == 2
    assert "which does not exist; run: make select TABLE=table4 PROFILE=selecting" in capsys.readouterr().err
    assert cli.main(["select", str(file)]) == 0, capsys.readouterr().err
    assert cli.main(["table", str(file)]) == 0, capsys.readouterr().err
    result = local / "selecting" / "table4"
    assert verify.problems_of(result) == []
    chosen = json.loads((tmp_path / "table4.selected.json").read_text())["chosen"]["llama"]
    for record in results.read_rows(result):
        assert record["seeds"] == 2
        if record["learning_rate"] is not None and record["setting"] is None:
            choice = chosen[record["method"]]
            assert (record["learning_rate"], record["steps"]) == (choice["learning_rate"], choice["steps"])
    figures = " ".join(figure.stem for figure in result.glob("*.png"))
    for name in ("forget_quality_vs_model_utility", "truth_ratios", "trajectories", "trajectories_paper_setting"):
        assert name in figures

    assert cli.main(["front", str(file), "--rows", "npo,kl"]) == 0, capsys.readouterr().err
    points, references = front.read(local / "selecting" / "table4_front")
    assert [(point["method"], point["steps"]) for point in points] == [("npo", 1), ("npo", 2), ("kl", 1), ("kl", 2)]
    marked = {point["method"]: point["steps"] for point in points if point["selected"]}
    assert marked == {method: chosen[method]["steps"] for method in ("npo", "kl")}
    assert [row["method"] for row in references] == ["original", "retain"]


def papermill(local: Path, out: Path, *options: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [
            sys.executable, "-m", "papermill", str(paths.ROOT / "notebooks" / "04_flat_table4_tofu.ipynb"),
            str(out), "-k", "python3", "--no-progress-bar", *options,
        ],
        env=os.environ | {"UNLEARNKIT_LOCAL": str(local)},
        cwd=paths.ROOT / "notebooks",  # where JupyterLab starts a kernel
        capture_output=True,
        text=True,
        timeout=300,
    )  # fmt: skip


def test_papermill_with_the_parameter_file_alone_is_enough(finished, tmp_path):
    content, local = finished
    done = papermill(local, tmp_path / "out.ipynb", "-f", str(write(content, tmp_path)))
    assert done.returncode == 0, done.stderr[-2000:]
    assert not (local / "tiny" / "table4").exists(), "a notebook writes no result folder"
    assert len(list((local / "notebooks").glob("*/table.csv"))) == 1


def test_papermill_is_as_strict_as_make(finished, tmp_path):
    content, local = finished
    wrong = content | {"unlern": 1}
    done = papermill(local, tmp_path / "out.ipynb", "-f", str(write(wrong, tmp_path)))
    assert done.returncode != 0
    assert "unknown key 'unlern'; did you mean 'unlearn'?" in done.stderr
