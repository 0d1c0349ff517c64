"""A table as people read it: paper, reference and yours side by side, what stands behind it, and its caption."""

from pathlib import Path

from unlearnkit import paths
from unlearnkit.data import tofu
from unlearnkit.plan import Plan
from unlearnkit.tables import read_csv, reference_folder

# The printed columns: metric of the kit, its short head, digits after the point.
PRINTED = (
    ("forget_quality_p", "FQ", 4),
    ("model_utility_geometric", "MU", 4),
    ("forget_rouge_l_recall", "F-RL", 4),
    ("retain_rouge_l_recall", "R-RL", 4),
)


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


def published(plan: Plan) -> list[dict]:
    """What the paper prints for this table."""
    return read_csv(paths.results("published") / f"flat_{plan.params.table}.csv")


def reference(plan: Plan) -> list[dict]:
    """Our committed run of this table."""
    return read_csv(reference_folder(plan) / "table.csv")


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
        lines.append("Not the paper's scale; rows that differ by a few questions of D = k/n are not ordered by that.")
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
        "FQ: p-value of a two-sample KS test on truth ratios against the retain model, questions taken as independent. "
        "MU: harmonic mean of nine parts, geometric truth ratio. F-RL, R-RL: ROUGE-L recall; "
        "F-RL's ideal is the retain model's, not zero."
    )
    lines += [f"Not pinned: the newest {name} of the hub was used." for name in unpinned(plan)]
    if any(record["status"] == "collapsed" for record in found):
        lines.append("Collapsed: retain ROUGE-L below half the original's; such a row wins nothing.")
    return lines


def unpinned(plan: Plan) -> list[str]:
    """Hub ids that are used without a revision."""
    data = plan.params.data
    used = [(data.source, data.revision)] if tofu.folder(data.source) is None else []
    used += [(m.source, m.revision) for m in plan.params.base_models.values() if m.scratch is None]
    return [source for source, revision in used if revision is None and not Path(source).is_dir()]


def match(found: list[dict], record: dict) -> dict:
    """The record of the same base model, method and variant in another table, or an empty one."""
    for other in found:
        same_model = other["base_model"] in (record["base_model"], record["printed_base_model"])
        if same_model and other["method"] == record["method"] and other.get("variant", "paper") == record["variant"]:
            return other
    return {}


def _value(record: dict, metric: str) -> float | None:
    """A metric of a row; a published row's utility column carries the paper's name."""
    return record.get(metric, record.get("model_utility") if metric == "model_utility_geometric" else None)


def number(value: float | None, digits: int) -> str:
    if value is None:
        return "-"
    if value != 0 and abs(value) < 10**-digits:
        return f"{value:.1e}"
    return f"{value:.{digits}f}"


def comparison(plan: Plan, found: list[dict]) -> list[list[str]]:
    """Head and lines of the table that people read: per metric paper, reference, yours."""
    return _side_by_side(plan, found, {"paper": published(plan), "reference": reference(plan), "yours": found})


def paper_and_reference(plan: Plan) -> str:
    """The table in README: what the paper prints beside the committed reference run."""
    found = reference(plan)
    return "\n".join(_markdown_table(_side_by_side(plan, found, {"paper": published(plan), "reference": found})))


def _side_by_side(plan: Plan, found: list[dict], sides: dict[str, list[dict]]) -> list[list[str]]:
    lines = [["", *(f"{head}: {' / '.join(sides)}" for _, head, _ in PRINTED)]]
    for record in found:
        same = [match(rows, record) for rows in sides.values()]
        cells = []
        for metric, _, digits in PRINTED:
            values = [number(_value(other, metric), digits).rjust(7) for other in same]
            cells.append(" / ".join(values))
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
        cells = [
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        return "| " + " | ".join(cells) + " |"

    rule = "|" + "|".join("-" * (width + 1) + (":" if i else "-") for i, width in enumerate(widths)) + "|"
    return [padded(lines[0]), rule, *map(padded, lines[1:])]


def markdown(plan: Plan, found: list[dict]) -> str:
    """The whole table as text: comparison, what stands behind it, caption, and every row that is not ok."""
    notes = [
        f"* {record['printed_as']}: {record['status']}, {record['reason']}" for record in found if record.get("reason")
    ]
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
