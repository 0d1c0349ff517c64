"""From run folders to the records of a table, and to csv and back. Reads samples, never a model.

A draw is one seed of a row. A record is a row: the median over its draws, and their range where there are several.
"""

import csv
import statistics
from collections.abc import Callable
from functools import cache
from pathlib import Path

from unlearnkit import paths, rescore, runs
from unlearnkit.data import tofu
from unlearnkit.data.tofu import FORGET_SPLITS
from unlearnkit.errors import KitError, nearest
from unlearnkit.metrics import clustered
from unlearnkit.metrics.samples import item_id, retain_by_group, tofu_metrics, truth_ratios
from unlearnkit.planned import Draw, Plan, Row

LEADING = (
    "row", "base_model", "method", "variant", "setting", "fold", "note", "printed_as", "printed_base_model", "status",
    "reason", "seeds", "seed", "learning_rate", "steps", "n_forget",
)  # fmt: skip
COLLAPSED_BELOW = 0.5  # of the original model's retain ROUGE-L
COLLAPSED = f"retain ROUGE-L below {COLLAPSED_BELOW} of the original's"
COLLAPSED_BEFORE = "on the validation authors no point of the grid kept enough"
SAME_FOR_ALL_SEEDS = set(LEADING) | {"forget_quality_lcm", "forget_quality_n", "forget_quality_m"}


def row_folder(name: str) -> str:
    """A row's folder, or a model's file name, inside a result folder."""
    return name.replace("/", "__").replace(", ", "__").replace(" ", "_")


def reference_folder(plan: Plan) -> Path:
    """Where our committed run of a table lies."""
    return paths.results("reference") / plan.params.profile / plan.result_name


def other_splits(plan: Plan) -> dict[str, list[dict]]:
    """Forget split -> the committed table of the same parameter file on that split, where there is one."""
    folder = reference_folder(plan)
    tables = {
        split: read_csv(folder.with_name(f"{plan.params.table}_{split}") / "table.csv") for split in FORGET_SPLITS
    }
    return {split: found for split, found in tables.items() if found and split != plan.split}


def samples_file(key: str, name: str = "samples.jsonl.gz") -> Path:
    """The samples of a row's run, or those that it took at one of its steps."""
    return runs.folder(key, "row") / name


@cache
def _read(state: tuple[Path, int, int]) -> list[dict]:
    return runs.read_samples(state[0])


def read_samples(file: Path) -> list[dict]:
    """Samples, read once for all rows that are measured against them."""
    return _read(paths.state(file))


def draw_samples(plan: Plan, row: Row, draw: Draw) -> list[dict]:
    """The samples of one draw; those of a published log where it stands for the retain model."""
    if draw.run is None:
        return _log_samples(plan, row.base_model)
    return read_samples(samples_file(draw.run))


def retain_samples(plan: Plan, row: Row, draw: Draw) -> list[dict] | None:
    """The samples of the retain model that a draw is measured against; None while they are not there."""
    if draw.retain_run is None:
        return _log_samples(plan, row.base_model)
    file = samples_file(draw.retain_run)
    return read_samples(file) if file.exists() else None


def _log_samples(plan: Plan, base_model: str) -> list[dict]:
    """The published log that stands for a retain model, with the authors that it does not name."""
    author_of = {item_id(question): author for question, author in plan.data.author_of().items()}
    samples = rescore.log_samples(paths.inside(plan.params.base_models[base_model].retain_log))
    return [
        sample | ({"author": author_of[sample["item"]]} if sample["item"] in author_of else {}) for sample in samples
    ]


def metrics(samples: list[dict], retain: list[dict] | None, retain_pool: str) -> dict:
    """All metrics of one draw; forget quality where the retain model's samples are given.

    `retain_pool` of a parameter file: R-RL is split by whether training may touch an author where it is not "all".
    """
    found = tofu_metrics(samples, retain)
    author_of = {sample["item"]: sample["author"] for sample in samples if "author" in sample}
    if retain_pool != "all":
        found |= retain_by_group(samples, author_of, {a for a in author_of.values() if tofu.in_retain_pool(a)})
    if retain is not None and author_of:  # a published log names no authors
        by_item = {sample["item"]: sample for sample in retain if sample["set"] == "forget"}
        forget = [sample for sample in samples if sample["set"] == "forget"]
        quality = clustered.forget_quality(
            truth_ratios(forget, "forget", "geometric"),
            truth_ratios([by_item[sample["item"]] for sample in forget], "forget", "geometric"),
            [author_of[sample["item"]] for sample in forget],
        )
        found |= {
            "forget_quality_clustered_p": quality.p,
            "forget_quality_clustered_floor": quality.floor,
            "forget_authors": quality.authors,
        }
    return found


def draws(plan: Plan, failed: dict[str, str]) -> list[dict]:
    """One dictionary per row and seed, in the order of the table, full precision.

    `status`: ok; collapsed (retain ROUGE-L below half the original's of that seed: wins nothing); stale (made by other
    code); failed; missing.
    """

    def measure(samples: list[dict], retain: list[dict] | None) -> dict:
        return metrics(samples, retain, plan.params.data.retain_pool)

    return mark_collapsed([draw_record(plan, row, draw, failed, measure) for row in plan.rows for draw in row.draws])


def mark_collapsed(drawn: list[dict]) -> list[dict]:
    """The draws, those of status ok marked as collapsed where their numbers say so."""

    def fell(one: dict, original: dict) -> bool:
        bound = COLLAPSED_BELOW * (original.get("retain_rouge_l_recall") or 0.0)
        return one["method"] != "base" and one["retain_rouge_l_recall"] < bound

    return marked(drawn, fell, COLLAPSED)


def marked(drawn: list[dict], fell: Callable[[dict, dict], bool], reason: str) -> list[dict]:
    """The draws, those of status ok marked as collapsed where `fell(draw, the original model's of its seed, or {})`."""
    found = []
    for one in drawn:
        is_so = one["status"] == "ok" and fell(one, beside(drawn, one, "original"))
        found.append(one | {"status": "collapsed", "reason": reason} if is_so else one)
    return found


def beside(drawn: list[dict], one: dict, method: str) -> dict:
    """The draw of a reference row that stands beside this one: same base model, seed and fold, or of no fold; or {}."""
    same = {
        other.get("fold"): other
        for other in drawn
        if other["method"] == method and all(other[key] == one[key] for key in ("base_model", "seed"))
    }
    return same.get(one.get("fold"), same.get(None, {}))


def draw_record(plan: Plan, row: Row, draw: Draw, failed: dict[str, str], measure: Callable) -> dict:
    """One draw, with what `measure(samples, retain samples or None)` finds."""
    record = {
        "row": row.name,
        "base_model": row.base_model,
        "method": row.method,
        "variant": row.variant,
        "setting": row.setting,
        "printed_as": row.printed_as,
        "printed_base_model": plan.params.base_models[row.base_model].printed_as,
        "seed": draw.seed,
        "learning_rate": row.training["learning_rate"] if row.training else None,
        "steps": None,
    }
    manifest, stale = {}, False
    if draw.run is not None:
        run = plan.runs[draw.run]
        if not runs.is_complete(run):
            reason = failed.get(run.key)
            return record | {"status": "failed" if reason else "missing", "reason": reason}
        manifest = runs.manifest(run)
        stale = any(runs.is_stale(needed) for needed in plan.behind([draw.run]))
    samples = draw_samples(plan, row, draw)
    found = measure(samples, retain_samples(plan, row, draw))
    return record | {
        "status": "stale" if stale else "ok",
        "reason": "made by other code of the kit; FRESH=1 recomputes it" if stale else None,
        "steps": manifest.get("optimiser_steps"),
        "n_forget": sum(1 for sample in samples if sample["set"] == "forget"),
        "unlearning_seconds": manifest.get("unlearning_seconds"),
        "evaluation_seconds": manifest.get("evaluation_seconds"),
        "peak_memory_mb": manifest.get("peak_memory_mb"),
        **found,
    }


def records(plan: Plan, drawn: list[dict]) -> list[dict]:
    """One dictionary per row of the table: the median over its draws, `_lo` and `_hi` where there are several.

    The median is the lower one, a value that was observed: p-values are never averaged. The worst status counts
    (failed, missing, stale); a row is collapsed when most of its draws are, or when no point of the grid kept enough
    on the validation authors.
    """
    found = []
    for row in plan.rows:
        record = record_of([one for one in drawn if one["row"] == row.name])
        if row.collapsed and record["status"] in ("ok", "collapsed"):
            record |= {"status": "collapsed", "reason": COLLAPSED_BEFORE}
        found.append(record)
    return found


def record_of(mine: list[dict]) -> dict:
    """One row from its draws."""
    record = dict(mine[0]) if len(mine) == 1 else _over_seeds(mine)
    record.pop("seed", None)
    return record | {"seeds": len(mine)}


def _over_seeds(mine: list[dict]) -> dict:
    record = {key: value for key, value in mine[0].items() if key in SAME_FOR_ALL_SEEDS}
    by_status = {status: [one for one in mine if one["status"] == status] for status in {one["status"] for one in mine}}
    unusable = next((status for status in ("failed", "missing", "stale") if status in by_status), None)
    collapsed = len(by_status.get("collapsed", ())) > len(mine) / 2
    record["status"] = unusable or ("collapsed" if collapsed else "ok")
    worst = by_status.get(record["status"] if record["status"] != "ok" else "collapsed", ())
    record["reason"] = f"{len(worst)} of {len(mine)} seeds: {worst[0]['reason']}" if worst else None
    if record["status"] in ("failed", "missing"):
        return record
    middle = sorted(mine, key=lambda one: one.get("forget_quality_p") or 0.0)[(len(mine) - 1) // 2]
    for key in (key for key in mine[0] if key not in SAME_FOR_ALL_SEEDS):
        values = [one.get(key) for one in mine]
        if any(value is None or isinstance(value, str) for value in values):
            record[key] = statistics.mode(values)
            continue
        # p, D and k belong together: those of one draw, the one with the median p.
        record[key] = middle[key] if key.startswith("forget_quality_") else statistics.median_low(values)
        record |= {f"{key}_lo": min(values), f"{key}_hi": max(values)}
    return record


def read_csv(path: Path) -> list[dict]:
    """A table written by `write_csv`: numbers, truth values and, for empty cells, None."""
    if not path.is_file():
        return []
    words = {"": None, "True": True, "False": False}

    def value(text: str):
        if text in words:
            return words[text]
        try:
            return int(text) if text.lstrip("-").isdigit() else float(text)
        except ValueError:
            return text

    with path.open(newline="", encoding="utf-8") as stream:
        return [{key: value(text) for key, text in row.items()} for row in csv.DictReader(stream)]


def write_csv(path: Path, found: list[dict]) -> None:
    columns = [key for key in LEADING if any(key in record for record in found)]
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
