"""constraints.txt, pyproject.toml, environment.yml and the installed packages agree.

A failure after a change of pyproject.toml or constraints.txt usually means: run make setup.
"""

import tomllib
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path

import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LINES = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
PINS = {canonicalize_name(pin.name): pin for pin in map(Requirement, LINES)}

# Installed by the set-up alone, and only on machines where pip finds no CPU build of torch.
SETUP_ONLY = {"uv"}
# Part of the CUDA build of torch, or of Python's own tools.
UNPINNED = ("nvidia-", "cuda-", "triton", "setuptools")


def pinned_version(pin: Requirement) -> str:
    (specifier,) = pin.specifier
    return specifier.version


def demanded(name: str, extras: frozenset[str], found: dict[str, set[str]]) -> dict[str, set[str]]:
    """Packages that `name` with these extras leads to on this machine, each with its own extras."""
    for line in distribution(name).requires or ():
        wanted = Requirement(line)
        if wanted.marker and not any(wanted.marker.evaluate({"extra": e}) for e in extras | {""}):
            continue
        key = canonicalize_name(wanted.name)
        seen = found.get(key)
        if seen is None or not wanted.extras <= seen:
            found[key] = (seen or set()) | wanted.extras
            demanded(key, frozenset(found[key]), found)
    return found


def test_every_line_of_the_constraints_is_one_public_version() -> None:
    assert len(PINS) == len(LINES), "a package is pinned twice"
    for line, pin in zip(LINES, map(Requirement, LINES), strict=True):
        assert pin.url is None and "://" not in line and not line.startswith("-"), line
        assert [specifier.operator for specifier in pin.specifier] == ["=="], line
        assert Version(pinned_version(pin)).local is None, f"{line}: local version label"


def test_every_dependency_is_pinned_within_its_bounds() -> None:
    for line in PROJECT["dependencies"] + PROJECT["optional-dependencies"]["dev"]:
        wanted = Requirement(line)
        assert wanted.specifier, f"{line}: no lower bound"
        pin = PINS.get(canonicalize_name(wanted.name))
        assert pin is not None, f"{line}: not pinned in constraints.txt"
        assert pinned_version(pin) in wanted.specifier, f"{line}: the pin {pin} is outside"


def test_environment_yml_has_our_python_and_the_same_pins() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    (python,) = [entry for entry in environment["dependencies"] if str(entry).startswith("python=")]
    assert python.removeprefix("python=") + ".0" in SpecifierSet(PROJECT["requires-python"])
    (pip,) = [entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict)]
    assert pip == ["-c constraints.txt", "-e .[dev]"]


def test_installed_versions_are_the_pins() -> None:
    wrong = []
    for name, pin in PINS.items():
        if pin.marker and not pin.marker.evaluate():
            continue
        try:
            installed = Version(version(name)).public
        except PackageNotFoundError:
            if name not in SETUP_ONLY:
                wrong.append(f"{pin}: not installed")
            continue
        if installed != pinned_version(pin):
            wrong.append(f"{pin}: installed is {installed}")
    assert not wrong, "; ".join(wrong)


def test_nothing_the_kit_leads_to_is_unpinned() -> None:
    found = demanded("unlearnkit", frozenset({"dev"}), {})
    assert len(found) > 100, "the walk through the dependencies stopped early"
    assert not [name for name in found if name not in PINS and not name.startswith(UNPINNED)]
