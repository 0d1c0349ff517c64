"""What tables share whose rows are trained models: a row in words, and whether a stored result follows from samples."""

from collections.abc import Callable
from pathlib import Path

from unlearnkit import methods, results, runs, tables, text
from unlearnkit.planned import Plan, Run

Records = list[dict]


def describe(plan: Plan, run: Run, measure: Callable, printed: tuple) -> str:
    """A finished run's printed numbers in a few words. `measure(samples, those it is measured against or None)`."""
    found = [(row, draw) for row in plan.rows for draw in row.draws if draw.run == run.key]
    if not found:
        return "done"
    metrics = measure(tables.draw_samples(plan, *found[0]), tables.retain_samples(plan, *found[0]))
    return "  ".join(f"{head} {text.number(metrics.get(key), digits)}" for key, head, digits in printed)


def trains_on(record: dict) -> str:
    """The parts of a method's examples; "-" for reference rows and methods of the user's."""
    if record["method"] not in methods.METHODS | methods.ASSISTED:
        return "-"
    return ", ".join(methods.variant(record["method"], record["variant"]).parts)


def medians(table: Records, drawn: Records) -> Records:
    """The records of a table's rows, computed anew from their draws."""
    return [tables.record_of([one for one in drawn if one["row"] == record["row"]]) for record in table]


def problems(
    result: Path,
    against: str,
    measure: Callable[[list[dict], list[dict]], dict],
    rescored: Callable[[list[dict]], list[str]],
    mark_collapsed: Callable[[Records], Records],
    again: Callable[[Records, Records], Records] = medians,
) -> list[str]:
    """What in a stored result does not follow from the samples beside it: metrics and status of every draw, and the
    table.

    `against`: the row that the others are measured against; `measure(samples, its samples)`: all metrics of a draw;
    `rescored(samples)`: lines on scores that do not follow from the texts; `again(table, draws)`: the table.
    """
    found, drawn, table = [], results.read_seeds(result), results.read_rows(result)
    samples = {
        draw: runs.read_samples(path / "samples.jsonl.gz") for draw, path in results.draw_folders(result).items()
    }
    for record in drawn:
        draw = record["row"], record["seed"]
        other = tables.beside(drawn, record, against).get("row"), record["seed"]
        where = f"row {draw[0]}, seed {draw[1]}"
        if draw not in samples or other not in samples:
            found.append(f"seeds.csv, {where}: no samples")
            continue
        found += [f"{where}, {line}" for line in rescored(samples[draw])]
        found += results.disagreements(f"seeds.csv, {where}", record, measure(samples[draw], samples[other]))
    judged = mark_collapsed([one | _unjudged(one) for one in drawn])
    for one, other in zip(drawn, judged, strict=True):
        where = f"seeds.csv, row {one['row']}, seed {one['seed']}"
        found += results.disagreements(where, one, other)
    for one, other in zip(table, again(table, judged), strict=True):
        found += results.disagreements(f"table.csv, row {one['row']}", one, other)
    return found


def _unjudged(draw: dict) -> dict:
    """What is stale stays it."""
    return {"status": "ok", "reason": None} if draw["status"] == "collapsed" else {}
