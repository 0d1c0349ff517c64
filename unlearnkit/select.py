"""`unlearnkit select`: for each base model and method a learning rate and a number of steps, on validation authors.

The rule, one for all methods: of the grid points that keep at least the stated share of the original model's retain
ROUGE-L on the validation authors' retain questions, the one with the highest validation forget quality; a tie goes to
the higher retain ROUGE-L, then to fewer steps, then to the smaller learning rate. Where no point keeps enough, the
method is marked collapsed and takes the point with the highest retain ROUGE-L.
"""

import json
from collections.abc import Callable

from unlearnkit import plan as planning
from unlearnkit import runs
from unlearnkit.data import tofu
from unlearnkit.errors import KitError
from unlearnkit.metrics.samples import validation_metrics
from unlearnkit.planned import Plan, Row
from unlearnkit.schema import Selection
from unlearnkit.tables import read_samples, samples_file


def points(plan: Plan, base_model: str, wanted: list[str], measure: Callable = validation_metrics) -> list[dict]:
    """The rows of a base model that are `wanted` ("llama/ga") at every grid point.

    Each with what `measure(samples, retain samples)` finds there.
    """
    rows = [row for row in plan.rows if row.base_model == base_model and (row.training is None or row.name in wanted)]
    samples = {row.method: _samples(row) for row in rows if row.training is None}
    at_start = measure(samples["original"], samples["retain"])["retain_rouge_l_recall"]
    if at_start == 0:
        raise KitError(
            f"{plan.where}: {base_model}: the original model's retain ROUGE-L is 0; there is nothing to keep"
        )
    found = []
    for row in rows:
        if row.training is None:
            continue
        for steps in sorted(plan.params.selection.steps):
            measured = measure(_samples(row, f"samples-{steps}.jsonl.gz"), samples["retain"])
            found.append(
                {
                    "base_model": base_model,
                    "method": row.method,
                    "learning_rate": row.training["learning_rate"],
                    "steps": steps,
                    **measured,
                    "retain_rouge_l_kept": measured["retain_rouge_l_recall"] / at_start,
                }
            )
    return found


def _samples(row: Row, name: str = "samples.jsonl.gz") -> list[dict]:
    return read_samples(samples_file(row.draws[0].run, name))


def choose(found: list[dict], keep: float) -> dict:
    """The chosen one of a method's points, with `collapsed`."""
    kept = [point for point in found if point["retain_rouge_l_kept"] >= keep]
    if not kept:
        best = max(found, key=lambda point: (point["retain_rouge_l_recall"], -point["steps"], -point["learning_rate"]))
        return best | {"collapsed": True}
    best = max(
        kept,
        key=lambda point: (
            point["forget_quality_p"], point["retain_rouge_l_recall"], -point["steps"], -point["learning_rate"],
        ),
    )  # fmt: skip
    return best | {"collapsed": False}


def at_edge(chosen: dict, grid: Selection) -> list[str]:
    """The axes of the grid on which the chosen point is the last one: the best may lie beyond."""
    axes = {"learning_rate": grid.learning_rates, "steps": grid.steps}
    return [name for name, values in axes.items() if chosen[name] in (min(values), max(values))]


def write(plan: Plan, wanted: list[str]) -> dict:
    """Choose for the rows named in `wanted` ("llama/ga") and write the selection beside the parameter file.

    What an earlier selection chose for other rows stays. Returns the content. KitError: stale runs.
    """
    content, file = plan.params, planning.selection_file(plan.params)
    grid = content.selection
    rows = {row.name: row for row in plan.rows if row.training and row.name in wanted}
    used = [draw.run for row in plan.rows if row.name in rows or row.training is None for draw in row.draws]
    stale = [run.name for run in plan.behind(used) if runs.is_stale(run)]
    if stale:
        raise KitError(f"{len(stale)} runs of the grid were made by other code, e.g. {stale[0]}; run with FRESH=1")
    before = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {"chosen": {}, "points": []}
    chosen, kept_points = before["chosen"], [p for p in before["points"] if _name(p) not in rows]
    n_forget = plan.data.size(tofu.splits(grid.forget_split).forget)
    for base_model in dict.fromkeys(row.base_model for row in rows.values()):
        found = points(plan, base_model, wanted)
        by_method = {row.method: row for row in planning.decided_rows(content, base_model)}
        kept_points += found
        for method in dict.fromkeys(point["method"] for point in found):
            choice = choose([point for point in found if point["method"] == method], grid.keep_retain_rouge_l)
            choice |= {
                "n_forget": n_forget,
                "at_edge": at_edge(choice, grid),
                "key": planning.selection_key(content, base_model, by_method[method]),
                "source_hash": runs.source_hash(),
                "commit": runs.commit()["commit"],
            }
            chosen.setdefault(base_model, {})[method] = choice
    written = {
        "rule": " ".join(__doc__.split("The rule, ")[1].split()),
        "chosen": chosen,
        "points": sorted(kept_points, key=lambda p: (p["base_model"], p["method"], p["learning_rate"], p["steps"])),
        **runs.environment(),
    }
    runs.write_json(file, written)
    return written


def _name(point: dict) -> str:
    return f"{point['base_model']}/{point['method']}"
