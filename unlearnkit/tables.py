"""From run folders to the records of a table, and to table.csv and back. Reads samples, never a model."""

import csv
from pathlib import Path

from unlearnkit import paths, runs
from unlearnkit.errors import KitError, nearest
from unlearnkit.metrics.samples import tofu_metrics
from unlearnkit.plan import Plan, Row

LEADING = (
    "base_model", "method", "variant", "printed_as", "printed_base_model", "status", "reason",
    "seeds", "learning_rate", "steps", "n_forget",
)  # fmt: skip
COLLAPSED_BELOW = 0.5  # of the original model's retain ROUGE-L


def row_folder(name: str) -> str:
    """A row's folder, or a model's file name, inside a result folder."""
    return name.replace("/", "__").replace(" ", "_")


def reference_folder(plan: Plan) -> Path:
    """Where our committed run of a table lies."""
    return paths.results("reference") / plan.params.profile / plan.params.table


def samples_file(key: str, name: str = "samples.jsonl.gz") -> Path:
    """The samples of a row's run, or those that it took at one of its steps."""
    return runs.folder(key, "row") / name


def row_samples(row: Row) -> list[dict]:
    return runs.read_samples(samples_file(row.run))


def row_metrics(plan: Plan, row: Row) -> dict:
    """All metrics of a finished row; forget quality only once the retain model's samples are there too."""
    retain = samples_file(row.retain_run)
    return tofu_metrics(row_samples(row), runs.read_samples(retain) if retain.exists() else None)


def records(plan: Plan, failed: dict[str, str]) -> list[dict]:
    """One dictionary per row of the table, in its order, full precision; `status` says what the numbers are worth.

    ok; collapsed (retain ROUGE-L below half the original's: wins nothing); stale (made by other code); failed; missing.
    """
    found = [_record(plan, row, failed) for row in plan.rows]
    for record in found:
        original = next((o for o in found if o["method"] == "original" and o["base_model"] == record["base_model"]), {})
        bound = COLLAPSED_BELOW * original.get("retain_rouge_l_recall", 0.0)
        if record["status"] == "ok" and record["method"] != "base" and record["retain_rouge_l_recall"] < bound:
            record["status"] = "collapsed"
            record["reason"] = f"retain ROUGE-L below {COLLAPSED_BELOW} of the original's"
    return found


def _record(plan: Plan, row: Row, failed: dict[str, str]) -> dict:
    run = plan.runs[row.run]
    record = {
        "base_model": row.base_model,
        "method": row.method,
        "variant": row.variant,
        "printed_as": row.printed_as,
        "printed_base_model": plan.params.base_models[row.base_model].printed_as,
        "seeds": 1,
        "learning_rate": row.training["learning_rate"] if row.training else None,
        "steps": None,
    }
    if not runs.is_complete(run):
        reason = failed.get(run.key)
        return record | {"status": "failed" if reason else "missing", "reason": reason}
    manifest = runs.manifest(run)
    stale = any(made_by != runs.source_hash() for made_by in _sources(plan, row.run))
    metrics = row_metrics(plan, row)
    return record | {
        "status": "stale" if stale else "ok",
        "reason": "made by other code of the kit; FRESH=1 recomputes it" if stale else None,
        "steps": manifest.get("optimiser_steps"),
        "n_forget": sum(1 for sample in row_samples(row) if sample["set"] == "forget"),
        "unlearning_seconds": manifest.get("unlearning_seconds"),
        "evaluation_seconds": manifest.get("evaluation_seconds"),
        "peak_memory_mb": manifest["peak_memory_mb"],
        **metrics,
    }


def _sources(plan: Plan, key: str) -> set[str]:
    """Source hashes of a run and of all runs that it stands on."""
    found, todo = set(), [key]
    while todo:
        run = plan.runs[todo.pop()]
        todo += run.needs
        if runs.is_complete(run):
            found.add(runs.manifest(run)["source_hash"])
    return found


def read_csv(path: Path) -> list[dict]:
    """A table written by `write_csv`, numbers as numbers, empty cells as None."""
    if not path.is_file():
        return []

    def value(text: str):
        if text == "":
            return None
        try:
            return int(text) if text.lstrip("-").isdigit() else float(text)
        except ValueError:
            return text

    with path.open(newline="", encoding="utf-8") as stream:
        return [{key: value(text) for key, text in row.items()} for row in csv.DictReader(stream)]


def write_csv(path: Path, found: list[dict]) -> None:
    columns = list(LEADING)
    for record in found:
        columns += [key for key in record if key not in columns]
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(found)


def check_rows(plan: Plan, names: list[str]) -> None:
    """KitError: a row was asked for that the table does not have."""
    have = list(dict.fromkeys(row.method for row in plan.rows))
    for name in names:
        if name not in have:
            raise KitError(f"{plan.where}: no row '{name}'{nearest(name, have)}")
