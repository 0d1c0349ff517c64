"""The files that a generator writes into the package: written, or compared with what its seed gives."""

import argparse
from collections.abc import Callable
from pathlib import Path


def write(folder: Path, contents: dict[str, bytes]) -> None:
    """Write every file; `contents`: name below the folder -> bytes."""
    for name, content in contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def differences(folder: Path, expected: dict[str, bytes]) -> list[str]:
    """Names of the files that are not the expected ones: changed, missing, or not expected at all."""
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return sorted(name for name in expected | found if expected.get(name) != found.get(name))


def main(arguments: list[str] | None, description: str, write: Callable, check: Callable[[], bool]) -> int:
    """Call `write`, or with --check `check`; returns the exit code."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--check", action="store_true", help="compare instead of writing, and measure the texts")
    if parser.parse_args(arguments).check:
        return 0 if check() else 1
    write()
    return 0
