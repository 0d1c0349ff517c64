"""The grid over learning rates and steps: planned once for the selection, on validation authors, and once for the
fronts, on the table's own forget split. Per method and learning rate one run, sampled at every number of steps.

The schedule is constant, so the first k steps of a longer run are the run of k steps.
"""

from unlearnkit import schema
from unlearnkit.checks import REFERENCE_ROWS, check
from unlearnkit.errors import KitError
from unlearnkit.plan import decided_rows
from unlearnkit.planned import Draw, Models, Plan, Row, unlearn_spec


def make(content: schema.Table, where: str, purpose: str) -> Plan:
    """Plan the grid for the `purpose` "selection" or "front". KitError: the file has no grid."""
    if not isinstance(content, schema.Params):
        raise KitError(f"{where}: {content.table} trains no methods; there is no grid")
    check(content, where)
    grid = content.selection
    if grid is None or content.unlearn.selected is None:
        raise KitError(f"{where}: selection or unlearn.selected is null; there is no grid")
    plan = Plan(content, where, purpose="grid")
    seed = content.seeds[0]
    selecting = purpose == "selection"
    forget_split = grid.forget_split if selecting else content.data.forget_split
    sets = ["forget", "retain"] if selecting else ["forget", "retain", "real_authors", "world_facts"]
    for base_model in content.base_models:
        models = Models(plan, base_model)
        original = models.original(seed)
        starts = {"original": original, "retain": models.retain(forget_split, seed, f"{purpose} retain")}
        references = {
            name: models.row(start, f"{purpose}, {name}", forget_split, sets=sets) for name, start in starts.items()
        }
        for name, run in references.items():
            draw = Draw(seed, run, references["retain"])
            plan.rows.append(Row(base_model, name, REFERENCE_ROWS[name], (draw,)))
        for row in decided_rows(content, base_model):
            for rate in grid.learning_rates:
                training = models.training("selected") | {"learning_rate": rate, "steps": max(grid.steps)}
                unlearn = unlearn_spec(content, row, training)
                label = f"{purpose}, {row.method} at {rate:g}"
                run = models.row(
                    original,
                    label,
                    forget_split,
                    unlearn,
                    seed,
                    sets=sets,
                    sample_steps=grid.steps,
                    trajectory_every=None,
                )
                draw = Draw(seed, run, references["retain"])
                plan.rows.append(Row(base_model, row.method, row.method, (draw,), training=training))
    return plan
