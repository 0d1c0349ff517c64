"""`unlearnkit select`: one learning rate and one number of steps for all methods, chosen on validation authors.

The rule: per grid point the mean over methods of the KS distance D between the method's and the validation retain
model's truth ratios, where a method that keeps less than the stated share of the original's validation retain ROUGE-L
counts as D = 1. The smallest mean wins; a tie goes to fewer steps, then to the smaller learning rate.
"""

from unlearnkit import plan as planning
from unlearnkit import runs
from unlearnkit.errors import KitError
from unlearnkit.metrics.samples import tofu_metrics
from unlearnkit.params import Selection
from unlearnkit.plan import Plan
from unlearnkit.tables import row_samples, samples_file


def points(plan: Plan) -> list[dict]:
    """Every method at every grid point: D, p, retain ROUGE-L, and whether it keeps enough of it."""
    grid = plan.params.selection
    found = []
    for base_model in plan.params.base_models:
        rows = [row for row in plan.rows if row.base_model == base_model]
        original, retain = (next(row for row in rows if row.method == name) for name in ("original", "retain"))
        retain_samples = row_samples(retain)
        at_start = tofu_metrics(row_samples(original), retain_samples)
        bound = grid.keep_retain_rouge_l * at_start["retain_rouge_l_recall"]
        for row in rows:
            if row.training is None:
                continue
            for steps in sorted(grid.steps):
                samples = runs.read_samples(samples_file(row.run, f"samples-{steps}.jsonl.gz"))
                metrics = tofu_metrics(samples, retain_samples)
                kept = metrics["retain_rouge_l_recall"] >= bound
                found.append(
                    {
                        "base_model": base_model,
                        "method": row.method,
                        "variant": row.variant,
                        "learning_rate": row.training["learning_rate"],
                        "steps": steps,
                        "forget_quality_d": metrics["forget_quality_d"],
                        "forget_quality_p": metrics["forget_quality_p"],
                        "retain_rouge_l_recall": metrics["retain_rouge_l_recall"],
                        "forget_rouge_l_recall": metrics["forget_rouge_l_recall"],
                        "keeps_retain_rouge_l": kept,
                        "counted_d": metrics["forget_quality_d"] if kept else 1.0,
                    }
                )
    return found


def choose(found: list[dict]) -> tuple[dict, list[dict]]:
    """(the chosen point, all points by their mean counted D)."""
    groups: dict[tuple[float, int], list[dict]] = {}
    for point in found:
        groups.setdefault((point["learning_rate"], point["steps"]), []).append(point)
    means = [
        {
            "learning_rate": rate,
            "steps": steps,
            "mean_counted_d": sum(point["counted_d"] for point in members) / len(members),
            "methods_that_keep": sum(point["keeps_retain_rouge_l"] for point in members),
            "methods": len(members),
        }
        for (rate, steps), members in groups.items()
    ]
    means.sort(key=lambda mean: (mean["mean_counted_d"], mean["steps"], mean["learning_rate"]))
    if not means[0]["methods_that_keep"]:
        raise KitError("selection: at no point of the grid does any method keep enough retain ROUGE-L; lower the rates")
    return means[0], means


def at_edge(chosen: dict, grid: Selection) -> list[str]:
    """The axes of the grid on which the chosen point is the last one: the best may lie beyond."""
    axes = {"learning_rate": grid.learning_rates, "steps": grid.steps}
    return [name for name, values in axes.items() if chosen[name] in (min(values), max(values))]


def write(plan: Plan) -> dict:
    """Choose and write the selection beside the parameter file; returns its content. KitError: stale runs."""
    stale = [run.name for run in plan.runs.values() if runs.manifest(run)["source_hash"] != runs.source_hash()]
    if stale:
        raise KitError(f"{len(stale)} runs of the grid were made by other code, e.g. {stale[0]}; run with FRESH=1")
    found = points(plan)
    chosen, means = choose(found)
    content = {
        "rule": " ".join(__doc__.split("The rule: ")[1].split()),
        "chosen": chosen,
        "at_edge": at_edge(chosen, plan.params.selection),
        "grid": means,
        "points": found,
        "grid_key": plan.key,
        "source_hash": runs.source_hash(),
        **runs.commit(),
        **runs.environment(),
        "runs": {f"{row.name} at {row.training['learning_rate']:g}": row.run for row in plan.rows if row.training},
    }
    runs.write_json(planning.selection_file(plan.params), content)
    return content
