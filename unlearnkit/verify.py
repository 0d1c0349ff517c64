"""`unlearnkit verify`: every number of the committed results, recomputed from the committed samples.

And `make_reference`, which puts a finished result there, only from committed code.
"""

import json
import shutil
from pathlib import Path

from unlearnkit import paths, report, runs, tables
from unlearnkit.errors import KitError
from unlearnkit.metrics.samples import tofu_metrics
from unlearnkit.plan import Plan


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
        lines.append(f"{name}: {'ok' if not problems else 'NOT OK'}, {rows} rows recomputed from their samples")
        lines += [f"  {problem}" for problem in problems]
        good = good and not problems
    return lines, good


def problems_of(result: Path) -> list[str]:
    """What is wrong with a result folder; empty where every file and number is as it was written."""
    manifest = json.loads((result / "manifest.json").read_text(encoding="utf-8"))
    problems = [f"{name}: missing or changed" for name in report.changed_files(result, manifest)]
    samples = {
        path.parent.name: runs.read_samples(path) for path in sorted((result / "rows").glob("*/samples.jsonl.gz"))
    }
    for record in tables.read_csv(result / "table.csv"):
        suffix = "" if record["variant"] == "paper" else f"_{record['variant']}"
        name = tables.row_folder(f"{record['base_model']}/{record['method']}{suffix}")
        retain = tables.row_folder(f"{record['base_model']}/retain")
        if name not in samples or retain not in samples:
            problems.append(f"table.csv, row {name}: no samples")
            continue
        again = tofu_metrics(samples[name], samples[retain])
        for metric, value in again.items():
            if record.get(metric) != value:
                problems.append(f"table.csv, row {name}, {metric}: {record.get(metric)} instead of {value}")
    return problems


def make_reference(plan: Plan) -> Path:
    """Copy a finished local result to results/reference. KitError: unfinished, stale, or made by uncommitted code."""
    source = report.folder(plan)
    if not report.is_current(plan):
        raise KitError(f"{source}: not finished or not current; run: make {plan.params.table} first")
    dirty = []
    for row in plan.rows:
        manifest = runs.manifest(plan.runs[row.run])
        if manifest["dirty"] or manifest["commit"] is None:
            dirty.append(row.name)
        if manifest["source_hash"] != runs.source_hash():
            raise KitError(f"row {row.name} is stale: it was made by other code; run with FRESH=1")
    if dirty:
        raise KitError(f"rows made by uncommitted code: {', '.join(dirty)}; commit, then run with FRESH=1")
    target = paths.results("reference") / plan.params.profile / plan.params.table
    with runs.renamed_when_complete(target) as partial:
        shutil.copytree(source, partial)
    return target
