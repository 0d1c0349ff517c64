"""From run folders to a result folder: metrics, table.csv, table.md, table.tex. Reads samples, never a model."""

import csv
from pathlib import Path

from unlearnkit import paths, runs
from unlearnkit.data import tofu
from unlearnkit.errors import KitError
from unlearnkit.metrics.samples import tofu_metrics
from unlearnkit.plan import Plan, Row

# The printed columns: metric of the kit, its short head, digits after the point.
PRINTED = (
    ("forget_quality_p", "FQ", 4),
    ("model_utility_geometric", "MU", 4),
    ("forget_rouge_l_recall", "F-RL", 4),
    ("retain_rouge_l_recall", "R-RL", 4),
)
LEADING = (
    "base_model", "method", "variant", "printed_as", "printed_base_model", "status", "reason",
    "seeds", "learning_rate", "steps", "n_forget",
)  # fmt: skip
COLLAPSED_BELOW = 0.5  # of the original model's retain ROUGE-L


def row_folder(name: str) -> str:
    """A row's folder inside a result folder."""
    return name.replace("/", "__")


def row_samples(row: Row) -> list[dict]:
    return runs.read_samples(runs.folder(row.run, "row") / "samples.jsonl.gz")


def row_metrics(plan: Plan, row: Row) -> dict:
    """All metrics of a finished row; forget quality only once the retain model's samples are there too."""
    retain = runs.folder(row.retain_run, "row") / "samples.jsonl.gz"
    return tofu_metrics(row_samples(row), runs.read_samples(retain) if retain.exists() else None)


def records(plan: Plan, failed: dict[str, str]) -> list[dict]:
    """One dictionary per row of the table, in its order, full precision; `status` says what the numbers are worth.

    ok; collapsed (retain ROUGE-L below half the original's: wins nothing); stale (made by other code); failed; missing.
    """
    found = [_record(plan, row, failed) for row in plan.rows]
    for record in found:
        original = next(
            (o for o in found if o["method"] == "original" and o["base_model"] == record["base_model"]), {}
        )
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


def facts_seen(plan: Plan, base_model: str) -> str | None:
    """How many evaluated questions the base model met in pre-training; None where nobody knows."""
    scratch = plan.params.base_models[base_model].scratch
    if scratch is None:
        return None
    data = plan.params.data
    seen = {row["question"] for row in tofu.load(data.source, scratch.pretrain_split, data.revision)}
    names = tofu.splits(data.forget_split)
    parts = []
    for label, name in (
        ("real authors", "real_authors_perturbed"),
        ("world facts", "world_facts_perturbed"),
        ("retain questions", names.retain_perturbed),
        ("forget questions", names.forget_perturbed),
    ):
        rows = tofu.load(data.source, name, data.revision)
        parts.append(f"{sum(row['question'] in seen for row in rows)} of {len(rows)} {label}")
    return ", ".join(parts)


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


def published(plan: Plan) -> list[dict]:
    """What the paper prints for this table."""
    return read_csv(paths.results("published") / f"flat_{plan.params.table}.csv")


def reference(plan: Plan) -> list[dict]:
    """Our committed run of this table."""
    return read_csv(paths.results("reference") / plan.params.profile / plan.params.table / "table.csv")


def caption(plan: Plan, found: list[dict]) -> list[str]:
    """What a reader must know before believing a number, one sentence a line."""
    data = plan.params.data
    names = tofu.splits(data.forget_split)
    n_forget = len(tofu.load(data.source, names.forget, data.revision))
    n_full = n_forget + len(tofu.load(data.source, names.retain, data.revision))
    source = "the kit's own universe" if data.source == "universe" else data.source
    lines = [
        f"Profile {plan.params.profile}: {source}, {data.forget_split} = {n_forget} of {n_full} questions "
        f"({n_forget / n_full:.1%}); every row: one seed.",
    ]
    if not plan.params.paper_scale:
        lines.append("Not the paper's scale: compare the order of rows and the distances, not the values.")
    for base_model in plan.params.base_models:
        seen = facts_seen(plan, base_model)
        if seen:
            lines.append(f"The base model {base_model} met in pre-training {seen}.")
    training = next((row.training for row in plan.rows if row.training), None)
    if training and plan.params.unlearn.selected:
        lines.append(
            f"Learning rate {training['learning_rate']:g} and {training['steps']} steps serve all methods; they were "
            "chosen on validation authors that no row forgets, and that choice saw retain questions, also for methods "
            "that train on forget data only."
        )
    lines.append(
        "FQ: p-value of a two-sample KS test on truth ratios against the retain model. MU: harmonic mean of nine "
        "parts, geometric truth ratio. F-RL, R-RL: ROUGE-L recall; F-RL's ideal is the retain model's, not zero."
    )
    if any(record["status"] == "collapsed" for record in found):
        lines.append("Collapsed: retain ROUGE-L below half the original's; such a row wins nothing.")
    return lines


def match(found: list[dict], record: dict) -> dict:
    """The record of the same base model, method and variant in another table, or an empty one."""
    for other in found:
        same_model = other["base_model"] in (record["base_model"], record["printed_base_model"])
        if same_model and other["method"] == record["method"] and other.get("variant", "paper") == record["variant"]:
            return other
    return {}


def printed_value(other: dict, metric: str) -> float | None:
    """A metric of a published row, whose utility column carries the paper's name."""
    return other.get("model_utility" if metric == "model_utility_geometric" else metric)


def number(value: float | None, digits: int) -> str:
    if value is None:
        return "-"
    if value != 0 and abs(value) < 10**-digits:
        return f"{value:.1e}"
    return f"{value:.{digits}f}"


def comparison(plan: Plan, found: list[dict]) -> list[list[str]]:
    """Head and lines of the table that people read: per metric paper, reference, yours."""
    paper, ours = published(plan), reference(plan)
    lines = [["", *(f"{head}: paper, reference, yours" for _, head, _ in PRINTED)]]
    for record in found:
        printed, earlier = match(paper, record), match(ours, record)
        cells = []
        for metric, _, digits in PRINTED:
            values = (printed_value(printed, metric), earlier.get(metric), record.get(metric))
            cells.append("  ".join(number(value, digits).rjust(7) for value in values))
        lines.append([_label(plan, record), *cells])
    return lines


def behind(plan: Plan, found: list[dict]) -> list[list[str]]:
    """Head and lines of what stands behind those numbers."""
    lines = [["", "D = k/n", "gap of F-RL", "smallest part of MU", "steps", "unlearning"]]
    for record in found:
        k, lcm = record.get("forget_quality_k"), record.get("forget_quality_lcm")
        part, seconds = record.get("model_utility_smallest_part"), record.get("unlearning_seconds")
        lines.append(
            [
                _label(plan, record),
                f"{k}/{lcm}" if lcm else "-",
                number(record.get("forget_rouge_l_gap"), 4),
                f"{part} {number(record.get('model_utility_smallest_part_value'), 2)}" if part else "-",
                str(record.get("steps") or "-"),
                f"{seconds:.1f} s" if seconds else "-",
            ]
        )
    return lines


def _label(plan: Plan, record: dict) -> str:
    model = f"{record['base_model']} " if len(plan.params.base_models) > 1 else ""
    status = "" if record["status"] == "ok" else f" ({record['status']})"
    return f"{model}{record['printed_as']}{status}"


def _markdown_table(lines: list[list[str]]) -> list[str]:
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]

    def padded(line: list[str]) -> str:
        cells = [cell.rjust(width) if i else cell.ljust(width) for i, (cell, width) in enumerate(zip(line, widths, strict=True))]
        return "| " + " | ".join(cells) + " |"

    rule = "|" + "|".join("-" * (width + 1) + (":" if i else "-") for i, width in enumerate(widths)) + "|"
    return [padded(lines[0]), rule, *map(padded, lines[1:])]


def markdown(plan: Plan, found: list[dict]) -> str:
    """The whole table as text: comparison, what stands behind it, caption, and every row that is not ok."""
    notes = [f"* {record['printed_as']}: {record['status']}, {record['reason']}" for record in found if record.get("reason")]
    parts = [
        [f"# {plan.params.title}"],
        _markdown_table(comparison(plan, found)),
        _markdown_table(behind(plan, found)),
        ["  \n".join([*caption(plan, found), *notes])],
    ]
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def latex(plan: Plan, found: list[dict]) -> str:
    """A booktabs table of our values, for a paper or a slide."""
    lines = [r"\begin{tabular}{l" + "r" * len(PRINTED) + "}", r"\toprule"]
    lines += ["Method & " + " & ".join(head for _, head, _ in PRINTED) + r" \\", r"\midrule"]
    for record in found:
        cells = [number(record.get(metric), digits) for metric, _, digits in PRINTED]
        mark = "" if record["status"] == "ok" else f" ({record['status']})"
        lines.append(f"{record['printed_as']}{mark} & " + " & ".join(cells) + r" \\")
    notes = ["% " + line for line in caption(plan, found)]
    return "\n".join([*notes, *lines, r"\bottomrule", r"\end{tabular}", ""])


def check_rows(plan: Plan, names: list[str], where: str) -> None:
    """KitError: a row was asked for that the table does not have."""
    from unlearnkit.errors import nearest

    have = list(dict.fromkeys(row.method for row in plan.rows))
    for name in names:
        if name not in have:
            raise KitError(f"{where}: no row '{name}'{nearest(name, have)}")
