"""The result folder of a table: table, figures, verdict, executed notebook, the rows' samples, and last its manifest.

It is put together under a partial name and takes its place when complete, so a reader never sees half a result.
"""

import hashlib
import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from unlearnkit import claims, papers, paths, plots, runs, tables, text
from unlearnkit.plan import selection_file
from unlearnkit.planned import Plan

TEXT = ("question", "reference", "generation", "original_answer")  # of a sample; the numbers do not need it


def folder(plan: Plan) -> Path:
    return paths.results("local") / plan.params.profile / plan.result_name


def notebook(table: str) -> Path:
    """The notebook of a table."""
    return paths.ROOT / "notebooks" / papers.of(table).NOTEBOOK


def _shown_by(plan: Plan) -> str:
    """Hash of everything that decides how results look: the package, the notebook, printed and reference numbers."""
    parts = hashlib.sha256(plan.params.model_dump_json().encode())
    sources = [*sorted(paths.PACKAGE.rglob("*.py")), notebook(plan.params.table)]
    sources += sorted(paths.results("published").glob("*.csv"))
    reference = tables.reference_folder(plan)
    sources.append(reference / "table.csv")
    # The notebook also shows the fronts and the other forget splits.
    sources += sorted(reference.parent.glob(f"{reference.name}_*/*.csv"))
    sources.append(selection_file(plan.params))
    for path in sources:
        if path.is_file():
            parts.update(path.read_bytes())
    return parts.hexdigest()[:16]


def is_current(plan: Plan) -> bool:
    """Whether the stored result is what would be computed now, every file as it was written."""
    path = folder(plan) / "manifest.json"
    if not path.is_file():
        return False
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError:
        return False
    same = manifest.get("plan_key") == plan.key and manifest.get("shown_by") == _shown_by(plan)
    return same and not changed_files(folder(plan), manifest)


def changed_files(result: Path, manifest: dict) -> list[str]:
    """Files of a result folder that are missing or differ from what its manifest recorded."""
    recorded = manifest.get("files", {})
    return [name for name, digest in recorded.items() if not _same(result / name, digest)]


def _same(path: Path, digest: str) -> bool:
    return path.is_file() and runs.sha256(path) == digest


def write(plan: Plan, failed: dict[str, str]) -> tuple[list[dict], str | None, Path]:
    """Write the result folder; returns the table's records, why the notebook failed if it did, and the folder.

    The notebook is executed, and the folder closed with its manifest, only when every row is there. What is not
    complete goes beside the result, to <table>.incomplete, and a complete result stays.
    """
    target = folder(plan)
    partial, incomplete = (target.with_name(f"{target.name}.{end}") for end in ("partial", "incomplete"))
    runs.remove(partial)
    found, caption = _write_files(plan, failed, partial)
    complete = all(record["status"] not in ("failed", "missing") for record in found)
    with ThreadPoolExecutor(1) as beside:  # a notebook reads the files and draws its own figures
        executed = beside.submit(_execute_notebook, plan, partial) if complete else None
        _draw_figures(plan, caption, partial)
    problem = executed.result() if executed else None
    runs.remove(incomplete)
    if complete and problem is None:
        runs.write_json(partial / "manifest.json", _manifest(plan, partial))
        runs.remove(target)
    else:
        target = incomplete
    partial.rename(target)
    return found, problem, target


def assemble(plan: Plan, failed: dict[str, str], target: Path) -> list[dict]:
    """Everything of a result folder but notebook and manifest, into a new folder; returns the table's records."""
    found, caption = _write_files(plan, failed, target)
    _draw_figures(plan, caption, target)
    return found


def _write_files(plan: Plan, failed: dict[str, str], target: Path) -> tuple[list[dict], list[str]]:
    """What the notebook and the figures are made from; returns the table's records and its caption."""
    paper, parameters = papers.of(plan.params.table), plan.params.model_dump()
    drawn = paper.draws(plan, failed)
    found = paper.records(plan, drawn)
    caption = paper.caption(plan, found)
    target.mkdir(parents=True)
    tables.write_csv(target / "seeds.csv", drawn)
    tables.write_csv(target / "table.csv", found)
    markdown = text.markdown(plan, found, paper.blocks(plan, found), caption)
    (target / "table.md").write_text(markdown, encoding="utf-8")
    (target / "table.tex").write_text(paper.latex(plan, found), encoding="utf-8")
    runs.write_json(target / "parameters.json", _without_places(parameters))
    _copy_runs(plan, target)
    checked = paper.verdicts(found, parameters)
    runs.write_json(target / "verdict.json", checked)
    if checked:
        (target / "verdict.md").write_text(claims.to_markdown(checked, found[0]["seeds"]), encoding="utf-8")
    return found, caption


def _draw_figures(plan: Plan, caption: list[str], target: Path) -> None:
    for name, figure in papers.of(plan.params.table).figures(target, " ".join(caption[:2])).items():
        plots.save(figure, target, name)


def _copy_runs(plan: Plan, target: Path) -> None:
    for row in plan.rows:
        for draw in row.draws:
            run = plan.runs[draw.run] if draw.run else None  # None: a published log stands for it
            if run and not runs.is_complete(run):
                continue
            to = target / "rows" / tables.row_folder(row.name) / f"seed-{draw.seed}"
            to.mkdir(parents=True)
            samples = tables.draw_samples(plan, row, draw)
            if plan.params.third_party:  # other people's text stays where it is
                samples = [{k: v for k, v in sample.items() if k not in TEXT} for sample in samples]
            runs.write_samples(to / "samples.jsonl.gz", samples)
            if run:
                runs.write_json(to / "manifest.json", _without_places(runs.manifest(run)))
            if run and (runs.folder(run) / "trajectory.json").is_file():
                shutil.copyfile(runs.folder(run) / "trajectory.json", to / "trajectory.json")
    others = target / ("models" if plan.rows else "runs")
    others.mkdir()
    for run in plan.runs.values():
        if run.kind != "row" and runs.is_complete(run):
            runs.write_json(others / f"{tables.row_folder(run.name)}.json", _without_places(runs.manifest(run)))


def _without_places(content):
    """JSON content, of every absolute path the last part alone: where a file lies is true on this machine only."""
    if isinstance(content, dict):
        return {key: _without_places(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_without_places(value) for value in content]
    if isinstance(content, str) and (content.startswith("~/") or Path(content).is_absolute()):
        return Path(content).name
    return content


def _execute_notebook(plan: Plan, result: Path) -> str | None:
    """Run the table's notebook on the result folder, in a process of its own; returns why it failed, if it did."""
    source = notebook(plan.params.table)
    parameters = {"params_file": paths.shown(Path(plan.where)), "result_folder": paths.shown(result)}
    if plan.split:
        parameters["split"] = plan.split
    command = [sys.executable, "-m", "papermill", str(source), str(result / source.name), "-k", "python3"]
    command += ["--cwd", str(paths.ROOT), "--no-progress-bar"]
    for name, value in parameters.items():
        command += ["-p", name, value]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode == 0:
        _without_traces(result / source.name)
        return None
    lines = done.stderr.strip().splitlines()
    return f"{source.name}: {lines[-1] if lines else f'exit code {done.returncode}'}"


def _without_traces(executed: Path) -> None:
    """Take out of an executed notebook what is true on this machine only: papermill's paths, the partial folder."""
    content = json.loads(executed.read_text(encoding="utf-8"))
    content["metadata"].pop("papermill", None)
    for cell in content["cells"]:
        cell["metadata"].pop("papermill", None)
        if "injected-parameters" in cell["metadata"].get("tags", []):
            cell["source"] = [line for line in cell["source"] if not line.startswith("result_folder")]
    executed.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _manifest(plan: Plan, result: Path) -> dict:
    return {
        "table": plan.params.table,
        "profile": plan.params.profile,
        "plan_key": plan.key,
        "shown_by": _shown_by(plan),
        "rows": {f"{row.name}, seed {draw.seed}": draw.run for row in plan.rows for draw in row.draws},
        **runs.provenance(result),
    }
