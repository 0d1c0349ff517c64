"""Template responses: the kit's own hundred refusals, one a line, or TOFU's where the data are a local copy."""

import hashlib
from pathlib import Path

from unlearnkit import paths
from unlearnkit.errors import KitError

OWN = Path(__file__).parent / "templates.txt"


def templates(source: str = "universe") -> list[str]:
    """The template responses that belong to a data source: `local` reads idontknow.txt below UNLEARNKIT_DATA.

    KitError: `local` without that file.
    """
    return [line for line in _file(source).read_text(encoding="utf-8").splitlines() if line.strip()]


def fingerprint(source: str = "universe") -> str:
    """What identifies the template responses in a run's key: a hash of their file."""
    return hashlib.sha256(_file(source).read_bytes()).hexdigest()[:16]


def _file(source: str) -> Path:
    if source != "local":
        return OWN
    folder = paths.data_dir()
    if folder is None:
        raise KitError("template responses: 'local' needs the environment variable UNLEARNKIT_DATA to name a folder")
    if not (folder / "idontknow.txt").is_file():
        raise KitError(f"template responses: {folder} has no idontknow.txt, which data.source 'local' reads")
    return folder / "idontknow.txt"
