"""`unlearnkit verify`: metrics and verdicts of the committed results, recomputed from the committed samples.

And `make_reference`, which puts a finished result there, only from committed code.
"""

import json
import shutil
from pathlib import Path

from unlearnkit import front, papers, paths, report, results, runs, tables
from unlearnkit.errors import KitError
from unlearnkit.planned import Plan


def verify_all() -> tuple[list[str], bool]:
    """A line per result folder below results/reference and per problem; whether there is no problem."""
    lines, good = [], True
    found = sorted(paths.results("reference").glob("*/*/manifest.json"))
    if not found:
        return ["results/reference holds no finished result: nothing was verified"], False
    for path in found:
        problems = problems_of(path.parent)
        name = path.parent.relative_to(paths.results("reference"))
        rows = len(tables.read_csv(path.parent / "table.csv"))
        done = f"{rows} rows checked against what is stored beside them" if rows else "files compared"
        lines.append(f"{name}: {'ok' if not problems else 'NOT OK'}, {done}")
        lines += [f"  {problem}" for problem in problems]
        good = good and not problems
    return lines, good


def problems_of(result: Path) -> list[str]:
    """What is wrong with a result folder; empty where every file and number is as it was written.

    A folder of fronts holds points without samples: its files alone are compared.
    """
    manifest = json.loads((result / "manifest.json").read_text(encoding="utf-8"))
    problems = [f"{name}: missing or changed" for name in report.changed_files(result, manifest)]
    if not (result / "table.csv").is_file():
        return problems
    parameters = json.loads((result / "parameters.json").read_text(encoding="utf-8"))
    paper = papers.of(parameters["table"])
    again = paper.verdicts(results.read_rows(result), parameters)
    if again != json.loads((result / "verdict.json").read_text(encoding="utf-8")):
        problems.append("verdict.json does not follow from table.csv")
    return problems + paper.problems(result)


def make_reference(plan: Plan) -> Path:
    """Copy a finished local result to results/reference. KitError: unfinished, stale, or made by uncommitted code."""
    source = report.folder(plan)
    if not report.is_current(plan):
        split = f" SPLIT={plan.split}" if plan.split else ""
        raise KitError(
            f"{paths.shown(source)}: not finished or not current; run: make {plan.params.table}{split} first"
        )
    made = {run.name: runs.manifest(run) for run in plan.runs.values()}
    made["the table"] = json.loads((source / "manifest.json").read_text(encoding="utf-8"))
    for name, manifest in made.items():
        if manifest["dirty"] or manifest["commit"] is None:
            raise KitError(f"{name} was made by uncommitted code; commit, then run with FRESH=1")
        if manifest["source_hash"] != runs.source_hash():
            raise KitError(f"{name} is stale: it was made by other code; run with FRESH=1")
    target = tables.reference_folder(plan)
    with runs.renamed_when_complete(target) as partial:
        shutil.copytree(source, partial)
        if plan.params.third_party:
            _without_notebook(partial)
    return target


def _without_notebook(result: Path) -> None:
    """An executed notebook shows questions and answers; those of other people's data are not committed."""
    manifest = json.loads((result / "manifest.json").read_text(encoding="utf-8"))
    for file in result.glob("*.ipynb"):
        del manifest["files"][file.name]
        file.unlink()
    runs.write_json(result / "manifest.json", manifest)


def make_front_reference(plan: Plan) -> Path:
    """Copy finished fronts to results/reference. KitError: there are none, or uncommitted or other code made them."""
    source, target = front.folder(plan), front.folder(plan, "reference")
    if not (source / "manifest.json").is_file():
        raise KitError(f"{paths.shown(source)}: not finished; run: make front TABLE={plan.params.table} first")
    manifest = json.loads((source / "manifest.json").read_text(encoding="utf-8"))
    if manifest["dirty"] or manifest["commit"] is None or manifest["source_hash"] != runs.source_hash():
        raise KitError(f"{source} was made by uncommitted or other code; commit, then run with FRESH=1")
    with runs.renamed_when_complete(target) as partial:
        shutil.copytree(source, partial)
    return target
