"""What tables share whose rows are no trained models: the plan's last run computes all rows, as records.json. And
small tables of any records.
"""

import json
import math
from collections.abc import Iterable

from unlearnkit import runs, zeroshot
from unlearnkit.planned import Plan, Run
from unlearnkit.text import Block, number


def describe(plan: Plan, run: Run) -> str:
    return "done"


def draws(plan: Plan, failed: dict[str, str], names: list[str]) -> list[dict]:
    """The records of the plan's last run, in the order of the rows' `names`, each with row, seed, status and reason."""
    run = list(plan.runs.values())[-1]
    if not runs.is_complete(run):
        reason = failed.get(run.key)
        state = {"seed": None, "status": "failed" if reason else "missing", "reason": reason}
        return [{"row": name, "printed_as": name} | state for name in names]
    stale = runs.is_stale(run)
    state = {
        "seed": run.spec.get("seed"),
        "status": "stale" if stale else "ok",
        "reason": "made by other code of the kit; FRESH=1 recomputes it" if stale else None,
    }
    found = json.loads((runs.folder(run) / "records.json").read_text(encoding="utf-8"))
    return [{"row": name} | record | state for name, record in zip(names, found, strict=True)]


def records(plan: Plan, drawn: list[dict]) -> list[dict]:
    """Each row is measured once."""
    return [{key: value for key, value in one.items() if key != "seed"} | {"seeds": 1} for one in drawn]


def verdicts(found: list[dict], parameters: dict) -> list[dict]:
    """No claims beyond the table itself, whose cells say where it agrees with the print."""
    return []


def cell(value, digits: int = 2) -> str:
    """Text of a value: yes, no, a number; "-" for none."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "NO"
    if isinstance(value, float):
        return ("-" if value < 0 else "") + "∞" if math.isinf(value) else number(value, digits)
    return str(value)


def block(found: list[dict], columns: dict[str, str], digits: int = 2) -> Block:
    """One small table: key -> head of its column, a line a record."""
    lines = [["", *columns.values()]]
    return lines + [[record["printed_as"], *(cell(record.get(key), digits) for key in columns)] for record in found]


def chance(tasks: Iterable[str]) -> dict:
    """What picking answers at random scores, as one more line of a table of accuracies."""
    found = {f"accuracy_{task}": zeroshot.CHANCE.get(task) for task in tasks}
    mean = None if None in found.values() else sum(found.values()) / len(found)
    return {"printed_as": "chance", "mean_accuracy": mean} | found


def latex(found: list[dict], columns: dict[str, str], caption: list[str]) -> str:
    """A booktabs table of the same; formulas stay as they are, in typewriter."""
    lines = [r"\begin{tabular}{l" + "l" * len(columns) + "}", r"\toprule", " & ".join(["", *columns.values()]) + r" \\"]
    lines.append(r"\midrule")
    for record in found:
        cells = [cell(record.get(key)).replace("^", r"\^{}").replace("∞", r"$\infty$") for key in columns]
        lines.append(" & ".join([record["printed_as"], *(rf"\texttt{{{text}}}" for text in cells)]) + r" \\")
    return "\n".join([*("% " + line for line in caption), *lines, r"\bottomrule", r"\end{tabular}", ""])
