"""The result folder of a table: table, figures, verdict, executed notebook, the rows' samples, and last its manifest.

It is put together under a partial name and takes its place when complete, so a reader never sees half a result.
"""

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

from unlearnkit import captions, claims, paths, plots, runs, tables, text
from unlearnkit.errors import KitError, nearest
from unlearnkit.metrics import clustered
from unlearnkit.metrics.clustered import Difference
from unlearnkit.metrics.samples import truth_ratios
from unlearnkit.metrics.tofu import forget_quality
from unlearnkit.plan import selection_file
from unlearnkit.planned import Plan

NOTEBOOKS = {"table4": "04_flat_table4_tofu.ipynb"}
TEXT = ("question", "reference", "generation")  # of a sample; the numbers do not need it


def folder(plan: Plan) -> Path:
    return paths.results("local") / plan.params.profile / plan.result_name


def notebook(table: str) -> Path:
    """The notebook of a table. KitError: there is none."""
    if table not in NOTEBOOKS:
        raise KitError(f"no notebook for '{table}'; there are: {', '.join(NOTEBOOKS)}")
    return paths.ROOT / "notebooks" / NOTEBOOKS[table]


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
    found = assemble(plan, failed, partial)
    complete = all(record["status"] not in ("failed", "missing") for record in found)
    problem = _execute_notebook(plan, partial) if complete else None
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
    drawn = tables.draws(plan, failed)
    found = tables.records(plan, drawn)
    target.mkdir(parents=True)
    tables.write_csv(target / "seeds.csv", drawn)
    tables.write_csv(target / "table.csv", found)
    (target / "table.md").write_text(text.markdown(plan, found), encoding="utf-8")
    (target / "table.tex").write_text(text.latex(plan, found), encoding="utf-8")
    runs.write_json(target / "parameters.json", plan.params.model_dump())
    _copy_rows(plan, target)
    checked = verdicts(found, plan.params.paper_scale)
    runs.write_json(target / "verdict.json", checked)
    drawn_once = "Every row is one seed: a verdict that hangs on a small difference may turn with the next.\n\n"
    head = drawn_once if len(plan.params.seeds) == 1 else "Compared are medians over the seeds.\n\n"
    (target / "verdict.md").write_text(head + claims.to_markdown(checked), encoding="utf-8")
    write_figures(target, " ".join(captions.caption(plan, found)[:2]))
    return found


def _copy_rows(plan: Plan, target: Path) -> None:
    for row in plan.rows:
        for draw in row.draws:
            run = plan.runs[draw.run] if draw.run else None  # None: a published log stands for it
            if run and not runs.is_complete(run):
                continue
            to = target / "rows" / tables.row_folder(row.name) / f"seed-{draw.seed}"
            to.mkdir(parents=True)
            samples = tables.draw_samples(plan, row, draw)
            if plan.params.data.source != "universe":  # other people's text stays where it is
                samples = [{k: v for k, v in sample.items() if k not in TEXT} for sample in samples]
            runs.write_samples(to / "samples.jsonl.gz", samples)
            for name in ("trajectory.json", "manifest.json"):
                if run and (runs.folder(run) / name).is_file():
                    shutil.copyfile(runs.folder(run) / name, to / name)
    (target / "models").mkdir()
    for run in plan.runs.values():
        if run.kind != "row" and runs.is_complete(run):
            shutil.copyfile(
                runs.folder(run) / "manifest.json", target / "models" / f"{tables.row_folder(run.name)}.json"
            )


def verdicts(found: list[dict], paper_scale: bool) -> list[dict]:
    """The paper's claims, checked on the printed numbers and on these rows, those of the table's own setting."""
    ours = [
        record | {"model_utility": record.get("model_utility_geometric")}
        for record in found
        if record.get("setting") is None
    ]
    printed = claims.read_published(paths.results("published") / "flat_table4.csv")
    return claims.verdicts(ours, paper_scale, printed)


def read_rows(result: Path) -> list[dict]:
    """The table of a result folder."""
    return tables.read_csv(result / "table.csv")


def read_seeds(result: Path) -> list[dict]:
    """Every draw of a result folder: one dictionary per row and seed."""
    return tables.read_csv(result / "seeds.csv")


def draw_folders(result: Path) -> dict[tuple[str, int], Path]:
    """(row name, seed) -> the folder with that draw's samples and trajectory."""
    found = {
        (record["row"], record["seed"]): result / "rows" / tables.row_folder(record["row"]) / f"seed-{record['seed']}"
        for record in read_seeds(result)
    }
    return {draw: path for draw, path in found.items() if path.is_dir()}


def first_draws(result: Path) -> dict[str, Path]:
    """Row name -> the folder of its first seed."""
    seeds = {record["row"]: record["seed"] for record in reversed(read_seeds(result))}
    return {name: path for (name, seed), path in draw_folders(result).items() if seed == seeds[name]}


def read_truth_ratios(result: Path) -> dict[str, list[float]]:
    """Row name -> truth ratio of every forget question, from the samples of the row's first seed."""
    found = {}
    for name, path in first_draws(result).items():
        samples = [sample for sample in runs.read_samples(path / "samples.jsonl.gz") if sample["set"] == "forget"]
        found[name] = truth_ratios(samples, "forget", "geometric")
    return found


def read_trajectories(result: Path) -> dict[str, list[dict]]:
    """Row name -> points over optimiser steps of the first seed, forget quality against the retain model's samples."""
    ratios = read_truth_ratios(result)
    found = {}
    for name, path in first_draws(result).items():
        retain = ratios.get(f"{name.split('/')[0]}/retain")
        if retain is None or not (path / "trajectory.json").is_file():
            continue
        found[name] = [
            {key: value for key, value in point.items() if key not in ("items", "truth_ratios")}
            | {"forget_quality_p": forget_quality(point["truth_ratios"], retain).p}
            for point in json.loads((path / "trajectory.json").read_text(encoding="utf-8"))
        ]
    return found


def difference(result: Path, name: str, other: str, set_name: str) -> Difference:
    """ROUGE-L recall of one row ("llama/npo") minus another's on the forget or retain set, tested author by author.

    Of both rows the first seed. KitError: a row that the result does not have.
    """
    folders = first_draws(result)
    by_item = []
    for row in (name, other):
        if row not in folders:
            raise KitError(f"{result}: no row '{row}'{nearest(row, folders)}")
        samples = runs.read_samples(folders[row] / "samples.jsonl.gz")
        by_item.append({sample["item"]: sample for sample in samples if sample["set"] == set_name})
    items = list(by_item[0])
    values = [[found[item]["rouge_l_recall"] for item in items] for found in by_item]
    return clustered.difference(*values, [by_item[0][item]["author"] for item in items])


def write_figures(result: Path, caption: str) -> None:
    """All figures of a result folder, from its own files."""
    rows, seeds = read_rows(result), read_seeds(result)
    trajectories, ratios = read_trajectories(result), read_truth_ratios(result)
    figures = {"forget_quality_vs_model_utility": plots.forget_quality_vs_model_utility(rows, caption, seeds)}
    for base_model in dict.fromkeys(row["base_model"] for row in rows if row["row"] in ratios):
        figure = plots.truth_ratio_distributions(ratios, rows, caption, base_model)
        figures[f"truth_ratios_{base_model}"] = figure
    own = [row for row in rows if row["setting"] is None]
    six = [row for row in rows if row["setting"] == "paper" or row["method"] == "retain"]
    for name, members in (("trajectories", own), ("trajectories_paper_setting", six)):
        if any(row["row"] in trajectories for row in members):
            figures[name] = plots.trajectories_over_steps(trajectories, members, caption)
    for name, figure in figures.items():
        plots.save(figure, result, name)


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
