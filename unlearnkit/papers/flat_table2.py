"""FLAT (arXiv 2410.11143), Table 2: f-divergences, their conjugates and activations. Nothing is trained: checked."""

from pathlib import Path

from unlearnkit import divergences, plots, results
from unlearnkit.errors import KitError, nearest
from unlearnkit.papers import measured
from unlearnkit.papers.measured import describe, records, verdicts
from unlearnkit.planned import Plan
from unlearnkit.schema import Divergences
from unlearnkit.text import Block

__all__ = ["describe", "records", "verdicts"]

NOTEBOOK = "02_flat_table2_divergences.ipynb"
PRINT = {
    "printed_g_star": "g* printed",
    "g_star": "g*",
    "printed_dom_f_star": "dom f* printed",
    "dom_f_star": "dom f*",
    "printed_f_star": "f* printed",
    "f_star": "f*",
}
CHECKS = {
    "g_star_agrees": "g* as printed",
    "dom_f_star_agrees": "dom f* as printed",
    "f_star_agrees": "f* as printed",
    "conjugate_by_calculus": "f* by calculus",
    "conjugate_on_grid": "f* on a grid",
    "diverges_above_domain": "infinite above dom f*",
    "g_star_in_domain": "g* stays in dom f*",
    "loss_code": "loss code equals both",
    "released_unlearns": "released loss unlearns",
}
GAPS = {f"{pair}_{key}": f"{pair}: {key}" for pair in divergences.PAIRS for key in ("divergence", "reach")}


def make(content: Divergences, where: str, split: str | None = None) -> Plan:
    """One run that checks all rows. KitError: no such divergence, one twice, or a forget split, which there is not."""
    if split:
        raise KitError(f"{where}: {content.table} has no forget splits")
    for number, name in enumerate(content.rows):
        if name not in divergences.DIVERGENCES:
            raise KitError(f"{where}: rows.{number}: no divergence '{name}'{nearest(name, divergences.DIVERGENCES)}")
        if name in content.rows[:number]:
            raise KitError(f"{where}: rows.{number}: '{name}' is there twice")
    plan = Plan(content, where)
    plan.add("divergences", "checks of the divergences", {"rows": content.rows}, [])
    return plan


def draws(plan: Plan, failed: dict[str, str]) -> list[dict]:
    return measured.draws(plan, failed, plan.params.rows)


def blocks(plan: Plan, found: list[dict]) -> list[tuple[str, Block]]:
    return [
        ("The table as printed, and as it follows", measured.block(found, PRINT)),
        ("What was checked", measured.block(found, CHECKS)),
        (
            "How far the loss stays below the divergence",
            measured.block(found, GAPS | {"share_reached_median": "share reached, median"}, digits=3),
        ),
    ]


def caption(plan: Plan, found: list[dict]) -> list[str]:
    return [
        "Formulas of FLAT's Table 2, and of its released code's further four, checked; nothing is trained.",
        "f: generator; f*: its conjugate, sup over x > 0 of u x - f(x); g*: the activation that a probability goes "
        "through in FLAT.",
        "By calculus: with sympy, from f'(x) = u. On a grid: 61 values of u against a supremum over 400 001 x.",
        "g* is an activation onto dom f*, not the optimal variational function f'(P/Q): reach is the largest value of "
        "the bound that probabilities put through g* can give, the divergence what it is meant to give.",
        "near, far, apart: three pairs of distributions on a few outcomes; apart have no outcome in common. "
        "Share reached: reach / divergence, median over 200 seeded pairs on six outcomes.",
        "Released loss unlearns: under the released reduction both gradient weights have the sign that lowers the "
        "forget response and raises the template.",
    ]


def latex(plan: Plan, found: list[dict]) -> str:
    columns = {key: PRINT[key] for key in ("g_star", "dom_f_star", "f_star")}
    return measured.latex(found, columns, caption(plan, found))


def figures(result: Path, caption: str) -> dict:
    """Name -> figure. Of the divergences of the stored table."""
    rows = results.read_rows(result)
    printed = [record["divergence"] for record in rows if record["in_table"]]
    both = [(name, variant) for variant in ("paper", "release") for name in printed]
    return {
        "loss_surfaces": plots.loss_surfaces([divergences.surface(*one) for one in both], caption),
        "gradient_weights": plots.gradient_weights([divergences.weights(*one) for one in both], caption),
        "reach_of_the_bound": plots.reach_of_the_bound(rows, caption),
        "flat_beside_dpo": plots.flat_beside_dpo(divergences.beside_dpo(), caption),
    }


def problems(result: Path) -> list[str]:
    """Cells of a stored table that the checks, done again, do not give."""
    found = []
    for record in results.read_rows(result):
        again = divergences.record(record["divergence"])
        found += [
            f"table.csv, row {record['row']}, {key}: {record.get(key)} instead of {value}"
            for key, value in again.items()
            if not _same(record.get(key), value)
        ]
    return found


def _same(stored, value) -> bool:
    if isinstance(value, float) and isinstance(stored, int | float) and not isinstance(stored, bool):
        return stored == value or abs(stored - value) <= 1e-9 * max(1.0, abs(value))
    return stored == value
