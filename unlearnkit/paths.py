"""Where things lie. Nothing else in the kit reads the current directory or an environment variable for a path.

UNLEARNKIT_DATA    folder with local copies of data sets (tofu/, muse_news/, ...); optional
UNLEARNKIT_LOCAL   this machine's runs and results, default results/local; may lie on another disk
"""

import os
from pathlib import Path

from unlearnkit.errors import KitError

PACKAGE = Path(__file__).resolve().parent
ROOT = PACKAGE.parent if (PACKAGE.parent / "params").is_dir() else Path.cwd()


def data_dir() -> Path | None:
    """The folder of local data sets, if one is named."""
    folder = os.environ.get("UNLEARNKIT_DATA")
    return Path(folder).resolve() if folder else None


def local_copy(name: str) -> Path:
    """The folder of one data set below UNLEARNKIT_DATA, for the source `local`. KitError: it is not there."""
    data = data_dir()
    if data is None:
        raise KitError("'local' needs the environment variable UNLEARNKIT_DATA to name a folder")
    if not (data / name).is_dir():
        raise KitError(f"'local' needs the folder {data / name}, which does not exist")
    return data / name


def local() -> Path:
    """Everything that this machine computes."""
    return Path(os.environ.get("UNLEARNKIT_LOCAL") or ROOT / "results" / "local").resolve()


def shown(path: Path) -> str:
    """A path as it is shown and stored: relative to the project where it lies inside."""
    path = path.resolve()
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


def inside(path: str) -> Path:
    """The path that `shown` wrote."""
    return Path(path) if Path(path).is_absolute() else ROOT / path


def state(file: Path) -> tuple[Path, int, int]:
    """What a cache of a file's content goes by: its path, time of change (ns) and size (bytes). OSError: no file."""
    facts = file.stat()
    return file, facts.st_mtime_ns, facts.st_size


def runs() -> Path:
    """Run folders: checkpoints, samples, manifests."""
    return local() / "runs"


def results(kind: str) -> Path:
    """`published` (what papers print), `reference` (our committed runs) or `local` (this machine's)."""
    return local() if kind == "local" else ROOT / "results" / kind
