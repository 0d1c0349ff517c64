"""House rules: what a file may name, what an import costs, which module imports which, how long files get."""

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "unlearnkit"
SOURCES = sorted(PACKAGE.rglob("*.py"))

# A module imports from its own line and from the lines above it.
LAYERS = (
    ("schema_training",),
    ("schema",),
    ("schema_closer_look", "schema_studies", "schema_uoe"),
    ("params", "hub"),
    ("data",),
    ("losses",),
    ("terms",),
    ("methods", "models", "experts", "training", "divergences", "decoding"),
    ("evaluation", "evaluation_text", "judges", "metrics", "needs", "zeroshot"),
    ("checks",),
    ("planned",),
    ("plan", "grid", "runs", "sampling"),
    ("checkpoints",),
    ("unlearning",),
    ("stages",),
    ("engines",),
    ("tables", "plots", "claims", "progress", "rescore", "select"),
    ("captions",),
    ("text", "results"),
    ("papers",),
    ("report", "front"),
    ("notebook", "verify"),
    ("cli",),
    ("__main__",),
)
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
FOR_ALL = {"__init__", "errors", "paths"}

# Written in pieces, so that this file does not name what it looks for.
HOSTS = ("py|pi.org", "python|hosted", "npm|js", "download.py|torch", "deb.de|bian", "ana|conda.org")
PLACES = ("/wo|rk", "/t|mp", "/ro|ot", "/opt/wh|eels", "/opt/py|pi")
FORBIDDEN = re.compile(
    "|".join(re.escape(host.replace("|", "")) for host in HOSTS)
    + "|"
    + "|".join(rf"(?<![\w.)}}\]]){place.replace('|', '')}\b" for place in PLACES)
)
FORBIDDEN_FOLDER = re.compile(r"(\.\./|(?<![\w/]))s" + "hared/")


def tracked() -> list[Path]:
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_no_file_names_the_place_where_it_was_written() -> None:
    files = tracked()
    assert files, "git tracks no files"
    named = []
    for path in files:
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        name = path.relative_to(ROOT).as_posix()
        patterns = [FORBIDDEN] if name == ".ci/run" else [FORBIDDEN, FORBIDDEN_FOLDER]
        for number, line in enumerate(text.splitlines(), 1):
            named += [f"{name}:{number}: {m.group()}" for p in patterns if (m := p.search(line))]
    assert not named, "\n".join(named)


@pytest.mark.parametrize("module", ["unlearnkit", "unlearnkit.cli"])
def test_import_is_light(module: str) -> None:
    code = (
        "import sys, time; start = time.perf_counter(); "
        f"import {module}; print(time.perf_counter() - start); "
        "print(*{'torch', 'transformers', 'trl', 'evaluate'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    seconds, heavy = done.stdout.split("\n")[:2]
    assert heavy == ""
    assert float(seconds) < 1


def imported_names(path: Path) -> set[str]:
    """What a file imports of unlearnkit, in full, also inside functions."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.relative_to(ROOT)}:{node.lineno}: write the import in full"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in names if name.startswith("unlearnkit.")} - {"unlearnkit.__version__"}


def imported(path: Path) -> set[str]:
    """Names of the top modules of unlearnkit that a file imports."""
    return {name.split(".")[1] for name in imported_names(path)}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_imports_run_downward_only(path: Path) -> None:
    own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if own in FOR_ALL:
        assert imported(path) <= FOR_ALL
        return
    assert own in LEVEL, f"{own}: give it a line in LAYERS"
    upward = {name for name in imported(path) - FOR_ALL if LEVEL.get(name, 0) > LEVEL[own]}
    assert not upward, f"{own} imports {', '.join(sorted(upward))}"


def test_no_module_outside_the_source_hash_has_a_say_when_a_run_is_executed() -> None:
    from unlearnkit.runs import OUTSIDE_RUNS

    hashed = [path for path in SOURCES if path.relative_to(PACKAGE).parts[0].removesuffix(".py") not in OUTSIDE_RUNS]
    taken = {name for path in hashed for name in imported_names(path) if name.split(".")[1] in OUTSIDE_RUNS}
    types = {"unlearnkit.planned.Run"} | {f"unlearnkit.schema.{name}" for name in ("Needs", "Params", "Table")}
    assert taken == types


def test_no_file_is_two_ideas() -> None:
    lengths = {path.relative_to(ROOT).as_posix(): len(path.read_text().splitlines()) for path in SOURCES}
    assert not {name: lines for name, lines in lengths.items() if lines > 300}


def test_notebooks_are_committed_without_outputs() -> None:
    full = []
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        for number, cell in enumerate(json.loads(path.read_text(encoding="utf-8"))["cells"]):
            if cell.get("outputs") or cell.get("execution_count") is not None:
                full.append(f"{path.name}: cell {number}")
    assert not full, "run make format: " + "; ".join(full)


def test_readme_shows_the_committed_table() -> None:
    from unlearnkit import params, plan, text

    path = "params/tiny/table4.yaml"
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = readme.split("<!-- table4 -->")[1].split("<!-- /table4 -->")[0].strip()
    assert shown == text.paper_and_reference(plan.make(params.read(ROOT / path), path))


def test_deviations_show_the_committed_effects_of_release_variants() -> None:
    from unlearnkit import params, plan, text

    path = "params/tiny/table4.yaml"
    deviations = (ROOT / "DEVIATIONS.md").read_text(encoding="utf-8")
    shown = deviations.split("<!-- release -->")[1].split("<!-- /release -->")[0].strip()
    assert shown and shown == text.release_effects(plan.make(params.read(ROOT / path), path))


def test_readme_shows_the_example_of_an_own_method() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = readme.split("<!-- simnpo -->")[1].split("<!-- /simnpo -->")[0].strip()
    assert shown == "```python\n" + (ROOT / "params" / "own" / "simnpo.py").read_text(encoding="utf-8") + "```"


def test_importing_the_package_switches_telemetry_off() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    code = "import os, unlearnkit; print(os.environ['HF_HUB_DISABLE_TELEMETRY'])"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1"


def test_no_placeholder_is_left_in_readme() -> None:
    assert not re.search(r"\b(TODO|TBD|FIXME|[A-Z]{4,}TIME)\b", (ROOT / "README.md").read_text(encoding="utf-8"))
