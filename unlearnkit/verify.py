"""`unlearnkit verify`: metrics and verdicts of the committed results, recomputed from the committed samples.

And `make_reference`, which puts a finished result there, only from committed code.
"""

import json
import shutil
from pathlib import Path

from unlearnkit import front, paths, report, runs, tables
from unlearnkit.errors import KitError
from unlearnkit.metrics.tofu import rouge_l_recall
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
        done = f"{rows} rows recomputed from their samples" if rows else "files compared"
        lines.append(f"{name}: {'ok' if not problems else 'NOT OK'}, {done}")
        lines += [f"  {problem}" for problem in problems]
        good = good and not problems
    return lines, good


def problems_of(result: Path) -> list[str]:
    """What is wrong with a result folder; empty where every file and number is as it was written.

    From the samples: ROUGE-L from the answers themselves, all metrics of seeds.csv, which rows collapsed, the medians
    of table.csv, the verdicts. Not checked is a collapse on the validation authors, for which a result has no samples.
    A folder of fronts holds points without samples: its files alone are compared.
    """
    manifest = json.loads((result / "manifest.json").read_text(encoding="utf-8"))
    problems = [f"{name}: missing or changed" for name in report.changed_files(result, manifest)]
    if not (result / "table.csv").is_file():
        return problems
    parameters = json.loads((result / "parameters.json").read_text(encoding="utf-8"))
    table, drawn = report.read_rows(result), report.read_seeds(result)
    samples = {draw: runs.read_samples(path / "samples.jsonl.gz") for draw, path in report.draw_folders(result).items()}
    for record in drawn:
        draw, retain = (record["row"], record["seed"]), (f"{record['base_model']}/retain", record["seed"])
        if draw not in samples or retain not in samples:
            problems.append(f"seeds.csv, row {draw[0]}, seed {draw[1]}: no samples")
            continue
        problems += [f"row {draw[0]}, seed {draw[1]}, {line}" for line in _other_rouge_l(samples[draw])]
        again = tables.metrics(samples[draw], samples[retain], parameters["data"]["retain_pool"])
        problems += [
            f"seeds.csv, row {draw[0]}, seed {draw[1]}, {metric}: {record.get(metric)} instead of {value}"
            for metric, value in again.items()
            if record.get(metric) != value
        ]
    judged = _judged_again(drawn)
    problems += [
        f"seeds.csv, row {one['row']}, seed {one['seed']}, status: {one['status']} instead of {again['status']}"
        for one, again in zip(drawn, judged, strict=True)
        if one["status"] != again["status"]
    ]
    return problems + _other_medians(table, judged) + _other_verdicts(result, table)


def _judged_again(drawn: list[dict]) -> list[dict]:
    """The draws with the status, ok or collapsed, that their own numbers give them; what is stale stays it."""
    return tables.mark_collapsed(
        [one | {"status": "ok", "reason": None} if one["status"] == "collapsed" else one for one in drawn]
    )


def _other_medians(table: list[dict], drawn: list[dict]) -> list[str]:
    """What of table.csv does not follow from the draws."""
    problems = []
    for record in table:
        again = tables.record_of([one for one in drawn if one["row"] == record["row"]])
        if record["reason"] == tables.COLLAPSED_BEFORE and again["status"] in ("ok", "collapsed"):
            again |= {"status": "collapsed", "reason": tables.COLLAPSED_BEFORE}
        problems += [
            f"table.csv, row {record['row']}, {key}: {record.get(key)} instead of {value}"
            for key, value in again.items()
            if record.get(key) != value
        ]
    return problems


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
        if plan.params.data.source != "universe":
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
