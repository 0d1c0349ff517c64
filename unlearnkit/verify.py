"""`unlearnkit verify`: metrics and verdicts of the committed results, recomputed from the committed samples.

And `make_reference`, which puts a finished result there, only from committed code.
"""

import json
import shutil
from pathlib import Path

from unlearnkit import paths, report, runs, tables
from unlearnkit.errors import KitError
from unlearnkit.metrics.samples import tofu_metrics
from unlearnkit.metrics.tofu import rouge_l_recall
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
    """What is wrong with a result folder; empty where every file and number is as it was written.

    From the samples: ROUGE-L from the answers themselves, all metrics of table.csv and metrics.json, the verdicts.
    """
    manifest = json.loads((result / "manifest.json").read_text(encoding="utf-8"))
    problems = [f"{name}: missing or changed" for name in report.changed_files(result, manifest)]
    table = tables.read_csv(result / "table.csv")
    stored = json.loads((result / "metrics.json").read_text(encoding="utf-8"))
    samples = {
        path.parent.name.replace("__", "/"): runs.read_samples(path)
        for path in sorted((result / "rows").glob("*/samples.jsonl.gz"))
    }
    for record in table:
        suffix = "" if record["variant"] == "paper" else f"_{record['variant']}"
        name, retain = f"{record['base_model']}/{record['method']}{suffix}", f"{record['base_model']}/retain"
        if name not in samples or retain not in samples:
            problems.append(f"table.csv, row {name}: no samples")
            continue
        problems += [f"row {name}, {line}" for line in _other_rouge_l(samples[name])]
        for metric, value in tofu_metrics(samples[name], samples[retain]).items():
            for file, found in (("table.csv", record.get(metric)), ("metrics.json", stored[name].get(metric))):
                if found != value:
                    problems.append(f"{file}, row {name}, {metric}: {found} instead of {value}")
    return problems + _other_verdicts(result, table)


def _other_rouge_l(samples: list[dict]) -> list[str]:
    """Samples whose ROUGE-L does not follow from their answers; those stored without text cannot be checked."""
    return [
        f"{sample['set']} {sample['item']}: ROUGE-L {sample['rouge_l_recall']} does not follow from its answer"
        for sample in samples
        if "generation" in sample
        and rouge_l_recall(sample["reference"], sample["generation"]) != sample["rouge_l_recall"]
    ]


def _other_verdicts(result: Path, table: list[dict]) -> list[str]:
    paper_scale = json.loads((result / "parameters.json").read_text(encoding="utf-8"))["paper_scale"]
    again = report.verdicts(table, paper_scale)
    same = again == json.loads((result / "verdict.json").read_text(encoding="utf-8"))
    return [] if same else ["verdict.json does not follow from table.csv"]


def make_reference(plan: Plan) -> Path:
    """Copy a finished local result to results/reference. KitError: unfinished, stale, or made by uncommitted code."""
    source = report.folder(plan)
    if not report.is_current(plan):
        raise KitError(f"{source}: not finished or not current; run: make {plan.params.table} first")
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
    return target
