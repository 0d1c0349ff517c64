"""Run folders: where a run's files lie, when it counts as complete, and its manifest.

A run folder is complete when it has a manifest, and the manifest is the last thing written. Everything else is written
to a partial name and renamed, so an interrupted run leaves nothing that could be mistaken for a result.
"""

import contextlib
import datetime
import gzip
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import zlib
from functools import cache
from importlib import metadata
from pathlib import Path

from filelock import FileLock

from unlearnkit import paths
from unlearnkit.errors import KitError
from unlearnkit.planned import Run

# A run does not become stale when one of these modules changes: those that only show numbers, and those that plan, for
# a run's spec, and with it its key, holds all that they decide. Not hub, which fetches data when a run is executed.
OUTSIDE_RUNS = set(
    "__main__ captions claims cli engines front notebook papers plots progress report rescore results select tables "
    "text verify params schema schema_training schema_closer_look schema_studies schema_uld schema_uoe checks planned "
    "plan grid".split()
)
LIBRARIES = (
    "torch",
    "transformers",
    "trl",
    "peft",
    "tokenizers",
    "datasets",
    "accelerate",
    "numpy",
    "rouge-score",
    "sentence-transformers",
)


def folder(run: Run | str, kind: str | None = None) -> Path:
    """Where a run's files lie. Give a Run, or its key and kind."""
    if isinstance(run, Run):
        return paths.runs() / run.kind / run.key
    return paths.runs() / kind / run


def is_complete(run: Run) -> bool:
    return (folder(run) / "manifest.json").is_file()


def manifest(run: Run) -> dict:
    """The manifest of a complete run. KitError: the file is damaged."""
    path = folder(run) / "manifest.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise KitError(f"{path}: damaged manifest ({error}); delete its folder and run again") from None


def is_stale(run: Run) -> bool:
    """Whether other code than the present made a run that is complete."""
    return is_complete(run) and manifest(run)["source_hash"] != source_hash()


def lock(run: Run) -> FileLock:
    """Held while a run is computed, by one process of all that share the folder; freed when that process ends."""
    path = folder(run)
    path.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(path.with_suffix(".lock"))


@contextlib.contextmanager
def renamed_when_complete(path: Path):
    """Yield a partial path beside `path`; rename it when the block ends without an error."""
    partial = path.with_name(path.name + ".partial")
    remove(partial)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield partial
    except BaseException:
        remove(partial)
        raise
    if path.is_dir():  # os.replace puts a file in a file's place by itself, without a moment in between
        remove(path)
    os.replace(partial, path)


def remove(path: Path) -> None:
    """Delete a file or a folder, if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def write_json(path: Path, content: object) -> None:
    with renamed_when_complete(path) as partial:
        partial.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def write_samples(path: Path, samples: list[dict]) -> None:
    """Gzipped JSON lines; the same samples give the same bytes."""
    text = "".join(json.dumps(sample, ensure_ascii=False) + "\n" for sample in samples)
    with renamed_when_complete(path) as partial:
        partial.write_bytes(gzip.compress(text.encode(), mtime=0))


def read_samples(path: Path) -> list[dict]:
    try:
        packed = path.read_bytes()
        if not packed:
            raise EOFError("an empty file")
        # Not splitlines(): a generation may hold other line separators, which JSON leaves as they are.
        return [json.loads(line) for line in gzip.decompress(packed).decode().split("\n") if line]
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise KitError(f"{path}: damaged samples ({error}); delete the run's folder and run again") from None


@cache
def source_hash() -> str:
    """Hash of the package's code that numbers depend on."""
    sources = hashlib.sha256()
    for path in sorted(paths.PACKAGE.rglob("*.py")):
        name = path.relative_to(paths.PACKAGE).with_suffix("").as_posix()
        if name.split("/")[0] not in OUTSIDE_RUNS:
            sources.update(name.encode() + b"\0" + path.read_bytes())
    return sources.hexdigest()[:16]


@cache
def commit() -> dict:
    """The commit that the code comes from, and whether tracked files differ from it; null outside a repository."""

    def git(*arguments: str) -> str | None:
        try:
            result = subprocess.run(
                ["git", *arguments], cwd=paths.PACKAGE, capture_output=True, text=True, timeout=20, check=True
            )
        except (OSError, subprocess.SubprocessError):
            return None
        return result.stdout.strip()

    head = git("rev-parse", "HEAD")
    changed = git("status", "--porcelain", "--untracked-files=no", "--", str(paths.ROOT))
    changed = changed or git("status", "--porcelain", "--", str(paths.PACKAGE))  # here a new file counts too
    return {"commit": head, "dirty": bool(changed) if head else None}


def environment() -> dict:
    """Versions and hardware, for a manifest."""
    versions = {}
    for name in LIBRARIES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    hardware = {"cpu_count": os.cpu_count(), "machine": platform.machine(), "system": platform.system()}
    torch = sys.modules.get("torch")
    if torch is not None:
        hardware["threads"] = torch.get_num_threads()
        if torch.cuda.is_available():
            hardware["gpu"] = torch.cuda.get_device_name()
    return {"python": platform.python_version(), "versions": versions, "hardware": hardware}


def reset_peak_memory() -> None:
    """Measure anew: a worker process lives longer than a run. On Linux; elsewhere the peak is the process's."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()


def peak_memory() -> dict[str, float | None]:
    """Peak resident memory since the reset, and on a GPU peak allocated memory there, in MiB."""
    found: dict[str, float | None] = {"peak_memory_mb": None}
    status = Path("/proc/self/status")
    if status.exists():
        lines = status.read_text().splitlines()
        found["peak_memory_mb"] = next((int(x.split()[1]) / 2**10 for x in lines if x.startswith("VmHWM")), None)
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        found["peak_gpu_memory_mb"] = torch.cuda.max_memory_allocated() / 2**20
    return {name: round(value, 1) if value is not None else None for name, value in found.items()}


def write_manifest(run: Run, facts: dict) -> None:
    """Close a run folder: what was computed, by which code, on what, and hashes of its files."""
    content = {
        "kind": run.kind,
        "name": run.name,
        "key": run.key,
        "spec": run.spec,
        "needs": list(run.needs),
        **provenance(folder(run)),
        **peak_memory(),
        **facts,
    }
    write_json(folder(run) / "manifest.json", content)


def provenance(path: Path) -> dict:
    """What every manifest says: by which code, where and when a folder was made, and hashes of its files."""
    files = sorted(file for file in path.rglob("*") if file.is_file())
    return {
        "source_hash": source_hash(),
        **commit(),
        **environment(),
        "finished": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "files": {file.relative_to(path).as_posix(): sha256(file) for file in files},
    }


def sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
