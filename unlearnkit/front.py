"""`unlearnkit front`: where each method can get to. Forget quality against utility at every point of the grid over
learning rates and steps, on the table's own forget split; nothing is chosen, the selection's choice is only marked.
"""

import json
from pathlib import Path

from unlearnkit import paths, plots, runs, select, tables
from unlearnkit import plan as planning
from unlearnkit.methods import known
from unlearnkit.metrics.samples import tofu_metrics
from unlearnkit.planned import Plan
from unlearnkit.tables import COLLAPSED_BELOW


def folder(plan: Plan, kind: str = "local") -> Path:
    return paths.results(kind) / plan.params.profile / f"{plan.result_name}_front"


def write(plan: Plan, wanted: list[str]) -> Path:
    """Write the fronts of the rows named in `wanted` ("llama/ga"), which are finished.

    front.csv, front_references.csv, a figure for each base model, the manifest last.
    """
    found, references = [], []
    base_models = list(dict.fromkeys(row.base_model for row in plan.rows if row.name in wanted))
    for base_model in base_models:
        found += _points(plan, base_model, wanted)
        references += _references(plan, base_model)
    target = folder(plan)
    with runs.renamed_when_complete(target) as partial:
        partial.mkdir(parents=True)
        tables.write_csv(partial / "front.csv", found)
        tables.write_csv(partial / "front_references.csv", references)
        for base_model in base_models:
            figure = plots.fronts(found, references, base_model, caption(plan))
            plots.save(figure, partial, f"front_{base_model}")
        manifest = {"plan_key": plan.key, "runs": sorted(plan.runs), **runs.provenance(partial)}
        runs.write_json(partial / "manifest.json", manifest)
    return target


def caption(plan: Plan) -> str:
    selection = plan.params.selection
    return (
        f"Profile {plan.params.profile}, {plan.params.data.forget_split}, seed {plan.params.seeds[0]}; learning rates "
        f"{', '.join(f'{rate:g}' for rate in selection.learning_rates)}, steps "
        f"{', '.join(map(str, selection.steps))}. The ring marks what was chosen on validation authors; the best point "
        "seen here is nobody's result, for it is picked by the questions it is judged on."
    )


def read(result: Path) -> tuple[list[dict], list[dict]]:
    """(points, reference rows) of a folder that `write` made; two empty lists where there is none."""
    return tables.read_csv(result / "front.csv"), tables.read_csv(result / "front_references.csv")


def _points(plan: Plan, base_model: str, wanted: list[str]) -> list[dict]:
    file = planning.selection_file(plan.params)
    chosen = json.loads(file.read_text(encoding="utf-8"))["chosen"].get(base_model, {}) if file.exists() else {}
    methods = known(plan.params.own_methods)
    found = select.points(plan, base_model, wanted, tofu_metrics)
    for point in found:
        choice = chosen.get(point["method"], {})
        point["printed_as"] = methods[point["method"]].printed_as
        point["selected"] = all(point[axis] == choice.get(axis) for axis in ("learning_rate", "steps"))
        point["status"] = "collapsed" if point["retain_rouge_l_kept"] < COLLAPSED_BELOW else "ok"
    return found


def _references(plan: Plan, base_model: str) -> list[dict]:
    rows = [row for row in plan.rows if row.base_model == base_model and row.training is None]
    samples = {row.method: tables.draw_samples(plan, row, row.draws[0]) for row in rows}
    return [
        {"base_model": base_model, "method": row.method, "printed_as": row.printed_as, "status": "ok"}
        | tofu_metrics(samples[row.method], samples["retain"])
        for row in rows
    ]
