"""Template responses: the kit's own hundred refusals, one a line, or TOFU's where a local copy is named."""

from pathlib import Path

from unlearnkit import paths

OWN = Path(__file__).parent / "templates.txt"


def templates(source: str = "universe") -> list[str]:
    """The template responses that belong to a data source: `local` reads idontknow.txt below UNLEARNKIT_DATA."""
    data = paths.data_dir()
    path = data / "idontknow.txt" if source == "local" and data else OWN
    return [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
