"""Run folders: complete or not, interrupted anywhere and resumed, closed by a manifest, computed by one process."""

import datetime
import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import pytest

from unlearnkit import checkpoints, params, paths, plan, runs, stages
from unlearnkit.errors import KitError
from unlearnkit.planned import Run

pytestmark = pytest.mark.filterwarnings("ignore:.gradient_checkpointing. is deprecated")

SMALL = Run("base_model", "a test", "0123456789abcdef", {"seed": 1})
SAMPLES = [
    {"item": "a", "logp": -1.25, "generation": "Zoë – “yes”"},
    {"item": "b", "logp": 1 / 3, "generation": "all\nkinds\u2028of\u0085line\x0cbreaks"},
]


class Interrupted(Exception):
    pass


def interrupt(*args, **kwargs):
    raise Interrupted


def silent(stage: str, done: int, total: int) -> None:
    pass


# --- complete and not complete ------------------------------------------------------------------------------


def test_complete_is_a_folder_with_a_manifest(local, monkeypatch):
    folder = runs.folder(SMALL)
    assert folder == local / "runs" / "base_model" / SMALL.key == runs.folder(SMALL.key, "base_model")
    assert not runs.is_complete(SMALL)
    folder.mkdir(parents=True)
    (folder / "samples.jsonl.gz").write_bytes(b"everything but the manifest")
    assert not runs.is_complete(SMALL)
    runs.write_manifest(SMALL, {})
    assert runs.is_complete(SMALL)


def test_manifest_says_what_was_computed_by_what_and_hashes_every_file(local):
    folder = runs.folder(SMALL)
    (folder / "checkpoint").mkdir(parents=True)
    (folder / "checkpoint" / "config.json").write_text("{}")
    runs.write_samples(folder / "samples.jsonl.gz", SAMPLES)
    runs.write_manifest(SMALL, {"seconds": 1.5})
    manifest = runs.manifest(SMALL)
    assert set(manifest["files"]) == {"checkpoint/config.json", "samples.jsonl.gz"}
    assert all(runs.sha256(folder / name) == known for name, known in manifest["files"].items())
    assert manifest["files"]["checkpoint/config.json"].startswith("44136fa355b3678a")  # SHA-256 of {}
    assert (manifest["kind"], manifest["key"], manifest["spec"]) == ("base_model", SMALL.key, {"seed": 1})
    assert manifest["seconds"] == 1.5
    assert manifest["source_hash"] == runs.source_hash()
    assert manifest["versions"].keys() >= {"torch", "transformers", "trl", "numpy"}
    assert {"commit", "dirty", "python", "hardware", "finished", "peak_memory_mb"} <= manifest.keys()
    assert datetime.datetime.fromisoformat(manifest["finished"]).tzinfo is not None


# --- interruption at every stage ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def row_plan(micro_params):
    content = micro_params()
    content["unlearn"]["paper"] |= {"trajectory_every": 1, "save_steps": 2}
    content["rows"] = [{"method": "retain"}, {"method": "original"}, {"method": "flat_kl"}]
    return plan.make(params.parse(content, "micro"), "micro")


def run_of(row_plan, name: str) -> Run:
    return next(run for run in row_plan.runs.values() if run.name == f"llama/{name}")


@pytest.fixture(autouse=True, scope="module")
def few_rows(quiet):
    """Six rows of every set: enough to see whether bytes differ."""
    with pytest.MonkeyPatch.context() as patch:
        load = checkpoints.load_rows
        patch.setattr(checkpoints, "load_rows", lambda spec, name: load(spec, name)[:6])
        yield


@pytest.fixture(scope="module")
def uninterrupted(row_plan, tmp_path_factory):
    """The folder of a base model, an original model and a row that were computed in one go."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNLEARNKIT_LOCAL", str(folder))
        for name in ("base model", "original model", "flat_kl"):
            stages.execute(run_of(row_plan, name), silent)
    return folder


def content(folder: Path, names: list[str]) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in names}


def without_row(uninterrupted: Path, local: Path, row: Run) -> Path:
    """`local` with finished models and no row yet; returns the row's finished twin."""
    shutil.copytree(uninterrupted / "runs", local / "runs")
    shutil.rmtree(runs.folder(row))
    return uninterrupted / "runs" / "row" / row.key


POINTS = {
    "before the trainer's first checkpoint": ("report", 1),
    "while unlearning": ("report", 3),
    "after training, before the checkpoint": ("save", None),
    "after the checkpoint, before the samples": ("write_samples", None),
    "after the samples, before the manifest": ("write_manifest", None),
}


@pytest.mark.parametrize("point", POINTS)
def test_an_interrupted_row_ends_in_the_same_bytes(point, row_plan, uninterrupted, local, monkeypatch):
    row = run_of(row_plan, "flat_kl")
    expected, folder = without_row(uninterrupted, local, row), runs.folder(row)
    where, step = POINTS[point]

    def report(stage: str, done: int, total: int) -> None:
        if where == "report" and stage == "unlearning" and done == step:
            raise Interrupted

    with monkeypatch.context() as patch:
        if where != "report":
            patch.setattr(checkpoints if where == "save" else runs, where, interrupt)
        with pytest.raises(Interrupted):
            stages.execute(row, report)
    assert not runs.is_complete(row)
    assert (folder / "checkpoint").is_dir() == (where in ("write_samples", "write_manifest"))

    stages.execute(row, silent)
    assert runs.is_complete(row)
    names = ["samples.jsonl.gz", "trajectory.json", "checkpoint/model.safetensors"]
    assert content(folder, names) == content(expected, names)
    losses = [json.loads((run / "unlearning.json").read_text())["losses"] for run in (folder, expected)]
    assert losses[0] == losses[1] and list(losses[0]) == ["1", "2", "3"]
    assert [point["step"] for point in json.loads((folder / "trajectory.json").read_text())] == [0, 1, 2, 3]
    manifest = runs.manifest(row)
    assert sorted(manifest["files"]) == sorted(runs.manifest(row)["files"])
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} == {
        "manifest.json",
        *manifest["files"],
    }
    assert not any(name.startswith("trainer/") or name.endswith(".partial") for name in manifest["files"])


@pytest.mark.parametrize("where", ["save", "write_manifest"])
def test_interrupted_models_end_in_the_same_bytes(where, row_plan, uninterrupted, local, monkeypatch):
    for name, kind in (("base model", "base_model"), ("original model", "finetuned")):
        run = run_of(row_plan, name)
        with monkeypatch.context() as patch:
            patch.setattr(checkpoints if where == "save" else runs, where, interrupt)
            with pytest.raises(Interrupted):
                stages.execute(run, silent)
        assert not runs.is_complete(run)
        stages.execute(run, silent)
        names = ["checkpoint/model.safetensors", "checkpoint/tokenizer.json"]
        assert content(runs.folder(run), names) == content(uninterrupted / "runs" / kind / run.key, names)


def test_a_finished_run_is_never_computed_again(row_plan, uninterrupted, monkeypatch):
    monkeypatch.setenv("UNLEARNKIT_LOCAL", str(uninterrupted))
    for kind in stages.STAGES:
        monkeypatch.setitem(stages.STAGES, kind, interrupt)
    for name in ("base model", "original model", "flat_kl"):
        stages.execute(run_of(row_plan, name), interrupt)


def test_a_run_whose_start_is_missing_says_so(row_plan, local):
    row = run_of(row_plan, "flat_kl")
    with pytest.raises(KitError, match=f"the run {row.needs[0]}, from which this one starts, is not complete"):
        stages.execute(row, silent)


# --- files --------------------------------------------------------------------------------------------------


def test_the_same_samples_give_the_same_bytes(tmp_path, monkeypatch):
    runs.write_samples(tmp_path / "one.jsonl.gz", SAMPLES)
    monkeypatch.setattr(time, "time", lambda: 2_000_000_000.0)
    runs.write_samples(tmp_path / "two.jsonl.gz", [dict(sample) for sample in SAMPLES])
    assert (tmp_path / "one.jsonl.gz").read_bytes() == (tmp_path / "two.jsonl.gz").read_bytes()
    assert runs.read_samples(tmp_path / "one.jsonl.gz") == SAMPLES


def full_disk(path: Path, content: bytes | str, *args, **kwargs):
    """In place of write_bytes and write_text: half of the content, then the error."""
    whole = content.encode() if isinstance(content, str) else content
    with path.open("wb") as stream:
        stream.write(whole[: len(whole) // 2])
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize(
    ("write", "name"), [(runs.write_samples, "samples.jsonl.gz"), (runs.write_json, "points.json")]
)
@pytest.mark.parametrize("there_before", [False, True])
def test_a_full_disk_leaves_nothing_under_the_final_name(write, name, there_before, tmp_path, monkeypatch):
    if there_before:
        write(tmp_path / name, SAMPLES[:1])
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    monkeypatch.setattr(Path, "write_bytes", full_disk)
    monkeypatch.setattr(Path, "write_text", full_disk)
    with pytest.raises(OSError, match="No space left"):
        write(tmp_path / name, SAMPLES)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_full_disk_leaves_no_checkpoint(tmp_path, monkeypatch):
    def half(model, tokenizer, folder: Path) -> None:
        folder.mkdir()
        (folder / "model.safetensors").write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints.models, "save", half)
    with pytest.raises(OSError, match="No space left"):
        checkpoints.save(None, None, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_behind_is_replaced(tmp_path):
    (tmp_path / "checkpoint.partial").mkdir()
    (tmp_path / "checkpoint.partial" / "old").touch()
    with runs.renamed_when_complete(tmp_path / "checkpoint") as partial:
        assert not partial.exists()
        partial.mkdir()
        (partial / "new").touch()
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")] == ["checkpoint", "checkpoint/new"]


GOOD = gzip.compress(b'{"item": "a"}\n' * 50, mtime=0)
DAMAGED_SAMPLES = {
    "missing": None,
    "empty": b"",
    "no gzip": b'{"item": "a"}',
    "cut off": GOOD[: len(GOOD) // 2],
    "no such block": GOOD[:10] + b"\x07" + GOOD[11:],
    "other content": GOOD[:-8] + b"\0\0\0\0" + GOOD[-4:],  # the check sum does not fit
    "half a line": gzip.compress(b'{"item": '),
    "no UTF-8": gzip.compress(b"\xff"),
}


@pytest.mark.parametrize("damage", DAMAGED_SAMPLES)
def test_damaged_samples_are_a_one_line_error(damage, tmp_path):
    path = tmp_path / "samples.jsonl.gz"
    if DAMAGED_SAMPLES[damage] is not None:
        path.write_bytes(DAMAGED_SAMPLES[damage])
    with pytest.raises(KitError) as raised:
        runs.read_samples(path)
    assert str(raised.value).startswith(f"{path}: ") and "\n" not in str(raised.value)


@pytest.mark.parametrize("damage", [b"", b'{"kind": ', b"\xff\xfe\x00garbage"], ids=["empty", "cut off", "garbage"])
def test_a_damaged_manifest_is_a_one_line_error(damage, local):
    path = runs.folder(SMALL) / "manifest.json"
    path.parent.mkdir(parents=True)
    path.write_bytes(damage)
    with pytest.raises(KitError) as raised:
        runs.manifest(SMALL)
    assert str(raised.value).startswith(f"{path}: ") and "\n" not in str(raised.value)


# --- what a number depends on -------------------------------------------------------------------------------


def test_source_hash_covers_what_computes_and_not_what_plans_or_shows(tmp_path, monkeypatch):
    package = tmp_path / "unlearnkit"
    shutil.copytree(paths.PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__", "files"))
    monkeypatch.setattr(paths, "PACKAGE", package)
    original = runs.source_hash.__wrapped__()
    assert original == runs.source_hash.__wrapped__()
    shows = ("cli.py", "tables.py", "claims.py", "report.py", "captions.py", "front.py", "plots/style.py")
    for name in (*shows, "params.py", "schema.py", "checks.py", "planned.py", "plan.py", "grid.py"):
        (package / name).write_text((package / name).read_text() + "\n# changed\n")
        assert runs.source_hash.__wrapped__() == original, name
    seen = {original}
    for name in ("losses/ga.py", "metrics/tofu.py", "training/unlearn.py", "evaluation.py", "data/encode.py", "hub.py"):
        (package / name).write_text((package / name).read_text() + "\n# changed\n")
        seen.add(runs.source_hash.__wrapped__())
    (package / "losses" / "ga.py").rename(package / "losses" / "ascent.py")
    seen.add(runs.source_hash.__wrapped__())
    assert len(seen) == 8


# --- several processes --------------------------------------------------------------------------------------

WORKER = """
import json, os, sys, time
from unlearnkit import stages
from unlearnkit.planned import Run

def compute(run, folder, report):
    with open(sys.argv[2], "a") as log:
        log.write(f"{os.getpid()}\\n")
    time.sleep(float(sys.argv[3]))
    (folder / "result").write_text(str(os.getpid()))
    return {}

stages.STAGES["base_model"] = compute
stages.execute(Run(**json.loads(sys.argv[1])), print)
"""


def worker(log: Path, seconds: float) -> subprocess.Popen:
    command = [sys.executable, "-c", WORKER, json.dumps(asdict(SMALL)), str(log), str(seconds)]
    return subprocess.Popen(command, env=os.environ | {"PYTHONPATH": str(paths.PACKAGE.parent)})


def wait_for(condition, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def test_two_processes_compute_a_run_once(local):
    log = local / "log"
    both = [worker(log, seconds=1.0) for _ in range(2)]
    assert [process.wait(timeout=30) for process in both] == [0, 0]
    (pid,) = log.read_text().split()
    assert (runs.folder(SMALL) / "result").read_text() == pid
    assert runs.is_complete(SMALL)


def test_a_killed_process_frees_its_run(local):
    log = local / "log"
    first = worker(log, seconds=60)
    wait_for(log.exists)
    second = worker(log, seconds=0)
    first.send_signal(signal.SIGKILL)
    assert first.wait(timeout=10) == -signal.SIGKILL
    assert second.wait(timeout=30) == 0
    assert log.read_text().split() == [str(first.pid), str(second.pid)]
    assert runs.is_complete(SMALL)


TRAINER = """
import json, os, sys
from unlearnkit import checkpoints, stages
from unlearnkit.planned import Run

stages.quieten()
load = checkpoints.load_rows
checkpoints.load_rows = lambda spec, name: load(spec, name)[:6]

def report(stage, done, total):
    print(stage, run.kind, done)

for content in json.loads(sys.stdin.read()):
    run = Run(**content)
    stages.execute(run, report)
"""


@pytest.mark.slow
def test_two_processes_train_a_chain_once_and_end_in_the_same_bytes(row_plan, uninterrupted, local):
    """The same bytes as in this process, too: nothing depends on what else a process has done."""
    chain = [run_of(row_plan, name) for name in ("base model", "original model", "flat_kl")]
    environment = os.environ | {"PYTHONPATH": str(paths.PACKAGE.parent), "PYTHONWARNINGS": "ignore"}
    both = [
        subprocess.Popen(
            [sys.executable, "-c", TRAINER], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    for process in both:
        process.stdin.write(json.dumps([asdict(run) for run in chain]))
        process.stdin.close()
    steps = [line for process in both for line in process.stdout.read().splitlines()]
    assert [process.wait(timeout=60) for process in both] == [0, 0]
    for stage, count in (("training base_model", 5), ("training finetuned", 5), ("unlearning row", 3)):
        mine = [line for line in steps if line.startswith(stage)]
        assert sorted(mine) == [f"{stage} {step}" for step in range(1, count + 1)]
    for run in chain:
        mine, theirs = runs.folder(run), uninterrupted / "runs" / run.kind / run.key
        names = ["checkpoint/model.safetensors"] + (["samples.jsonl.gz"] if run.kind == "row" else [])
        assert content(mine, names) == content(theirs, names)
