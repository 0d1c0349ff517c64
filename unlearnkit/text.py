"""A table as people read it: paper, reference and yours side by side, and what stands behind it.

A block is the head and the lines of one small table; `markdown` writes them all.
"""

import math

from unlearnkit import paths, tables
from unlearnkit.metrics.tofu import ks_level
from unlearnkit.planned import Plan
from unlearnkit.tables import read_csv, reference_folder

Block = list[list[str]]
PAPERS = ("flat", "closer_look", "seuf")  # as the files of results/published begin

# The printed columns: metric of the kit, its short head, digits after the point.
PRINTED = (
    ("forget_quality_p", "FQ", 4),
    ("model_utility_geometric", "MU", 4),
    ("forget_rouge_l_recall", "F-RL", 4),
    ("retain_rouge_l_recall", "R-RL", 4),
)


def published(plan: Plan) -> list[dict]:
    """What the paper prints for this table, or an independent re-run of it where the paper shows figures alone."""
    files = [paths.results("published") / f"{paper}_{plan.params.table}.csv" for paper in PAPERS]
    return [] if plan.split else [row for file in files for row in read_csv(file)]


def reference(plan: Plan) -> list[dict]:
    """Our committed run of this table."""
    return read_csv(reference_folder(plan) / "table.csv")


def match(found: list[dict], record: dict) -> dict:
    """The record of the same base model, method, variant, setting, fold and note in another table, or an empty one.

    A paper prints one setting, so its row matches every setting of ours.
    """
    for other in found:
        same_model = other["base_model"] in (record["base_model"], record["printed_base_model"])
        same_form = other["method"] == record["method"] and other.get("variant", "paper") == record["variant"]
        same_form &= all(other.get(key) == record.get(key) for key in ("fold", "note"))
        if same_model and same_form and ("setting" not in other or other["setting"] == record["setting"]):
            return other
    return {}


def _value(record: dict, metric: str) -> float | None:
    """A metric of a row; a published row's utility column carries the paper's name."""
    return record.get(metric, record.get("model_utility") if metric == "model_utility_geometric" else None)


def number(value: float | str | None, digits: int) -> str:
    """A cell: a number, words as they are, "-" for none."""
    if value is None or isinstance(value, str):
        return value or "-"
    if (value != 0 and abs(value) < 10**-digits) or 1e6 <= abs(value) < math.inf:
        return f"{value:.1e}"
    return f"{value:.{digits}f}"


def of(found: list[dict], base_model: str, variant: str | None = "paper", setting: str | None = None) -> list[dict]:
    """The records of one base model in one variant (None: all but the paper's form) and setting (None: the table's)."""
    return [
        record
        for record in found
        if record["base_model"] == base_model
        and record.get("setting") == setting
        and (record["variant"] == variant if variant else record["variant"] != "paper")
    ]


def comparison(plan: Plan, found: list[dict]) -> Block:
    """The columns that the paper prints: per metric paper, reference, yours."""
    sides = {"paper": published(plan), "reference": reference(plan), "yours": found}
    return side_by_side(found, sides)


def paper_and_reference(plan: Plan) -> str:
    """The table in README: what the paper prints beside the committed reference run, first base model."""
    found = of(reference(plan), next(iter(plan.params.base_models)))
    return "\n".join(_markdown_table(side_by_side(found, {"paper": published(plan), "reference": found})))


def side_by_side(found: list[dict], sides: dict[str, list[dict]], printed: tuple = PRINTED) -> Block:
    """The rows of `found`, each printed column once a side; sides without rows are left out."""
    sides = {name: rows for name, rows in sides.items() if rows}
    lines = [["", *(f"{head}: {' / '.join(sides)}" for _, head, _ in printed)]]
    for record in found:
        same = [match(rows, record) for rows in sides.values()]
        cells = []
        for metric, _, digits in printed:
            values = [number(_value(other, metric), digits).rjust(7) for other in same]
            cells.append(" / ".join(values))
        lines.append([label(record), *cells])
    return lines


def questions(plan: Plan, found: list[dict]) -> Block:
    """How many questions separate the p-values: k of D = k/n, and how far each row is from the best method's k."""
    sides = {"paper": published(plan), "yours": found}
    levels = {name: [_level(match(rows, record)) for record in found] for name, rows in sides.items()}
    lines = [["", "k of n: paper / yours", "questions behind the best: paper / yours", "p by author", "least p"]]
    methods = [index for index, record in enumerate(found) if record["learning_rate"] is not None]
    # A collapsed row of ours wins nothing; the paper's has no such mark.
    judged = {name: [i for i in methods if name == "paper" or found[i]["status"] != "collapsed"] for name in sides}
    best = {name: min((ks[i] for i in judged[name] if ks[i] is not None), default=None) for name, ks in levels.items()}
    for index, record in enumerate(found):
        ks = [levels[name][index] for name in sides]
        behind = [
            "-" if k is None or best[name] is None or index not in judged[name] else str(k - best[name])
            for name, k in zip(sides, ks, strict=True)
        ]
        lines.append(
            [
                label(record),
                " / ".join("-" if k is None else str(k) for k in ks),
                " / ".join(behind),
                number(record.get("forget_quality_clustered_p"), 3),
                number(record.get("forget_quality_clustered_floor"), 3),
            ]
        )
    return lines


def _level(record: dict) -> int | None:
    """k of D = k/n; a printed p-value is looked up on the grid of 40 against 40 questions."""
    if "forget_quality_k" in record:
        k, n, m = (record[f"forget_quality_{name}"] for name in ("k", "n", "m"))
        return k if n == m else None
    p = record.get("forget_quality_p")
    return None if p is None else ks_level(p, 40)


def behind(plan: Plan, found: list[dict]) -> Block:
    """What stands behind those numbers."""
    touched = any("retain_touched_rouge_l_recall" in record for record in found)
    head = ["", "gap of F-RL", "smallest part of MU", *(["R-RL: touched / other authors"] if touched else [])]
    lines = [[*head, "learning rate", "steps", "unlearning"]]
    for record in found:
        part, seconds = record.get("model_utility_smallest_part"), record.get("unlearning_seconds")
        groups = [number(record.get(f"retain_{g}_rouge_l_recall"), 3) for g in ("touched", "untouched")]
        lines.append(
            [
                label(record),
                number(record.get("forget_rouge_l_gap"), 4),
                f"{part} {number(record.get('model_utility_smallest_part_value'), 2)}" if part else "-",
                *([" / ".join(groups)] if touched else []),
                f"{record['learning_rate']:g}" if record.get("learning_rate") else "-",
                str(record.get("steps") or "-"),
                f"{seconds:.1f} s" if seconds else "-",
            ]
        )
    return lines


def over_seeds(found: list[dict], printed: tuple = PRINTED) -> Block:
    """Median and range of the printed columns."""
    lines = [["", *(head for _, head, _ in printed)]]
    for record in found:
        cells = []
        for metric, _, digits in printed:
            low, high = (number(record.get(f"{metric}_{end}"), digits) for end in ("lo", "hi"))
            cells.append(f"{number(record.get(metric), digits)} [{low}, {high}]")
        lines.append([label(record), *cells])
    return lines


def variants(found: list[dict], base_model: str) -> Block:
    """The release's form beside the paper's, same learning rate and steps: what the difference does."""
    paper_form = of(found, base_model)
    released = of(found, base_model, variant=None)
    return side_by_side(
        released,
        {
            "paper's form": [record | {"variant": one["variant"]} for one in released for record in paper_form],
            "release's": released,
        },
    )


def release_effects(plan: Plan) -> str:
    """The table in DEVIATIONS: the release variants of the committed reference run beside the paper's forms."""
    found = reference(plan)
    names = [name for name in plan.params.base_models if of(found, name, variant=None)]
    return "\n\n".join("\n".join(_markdown_table(variants(found, name))) for name in names)


def label(record: dict) -> str:
    """The row's name, with its status where it is not ok."""
    status = "" if record["status"] == "ok" else f" ({record['status']})"
    return f"{record['printed_as']}{status}"


def _markdown_table(lines: Block) -> list[str]:
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]

    def padded(line: list[str]) -> str:
        cells = [
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        return "| " + " | ".join(cells) + " |"

    rule = "|" + "|".join("-" * (width + 1) + (":" if i else "-") for i, width in enumerate(widths)) + "|"
    return [padded(lines[0]), rule, *map(padded, lines[1:])]


def fractions(plan: Plan, found: list[dict], others: dict[str, list[dict]]) -> Block:
    """The larger forget sets (`others`: split -> its table) beside this one; the paper prints the smallest alone."""
    return side_by_side(found, {plan.params.data.forget_split: found} | others)


def blocks(plan: Plan, found: list[dict]) -> list[tuple[str, Block]]:
    """All small tables of a result, each with its heading."""
    parts, others = [], tables.other_splits(plan)
    for base_model, model in plan.params.base_models.items():
        mine = of(found, base_model)
        name = f"{base_model} (in the paper: {model.printed_as})"
        parts += [
            (name, comparison(plan, mine)),
            (f"{base_model}: how many questions that is", questions(plan, mine)),
            (f"{base_model}: what stands behind it", behind(plan, mine)),
        ]
        if len(plan.params.seeds) > 1:
            parts.append((f"{base_model}: median and range over {len(plan.params.seeds)} seeds", over_seeds(mine)))
        if others:
            parts.append((f"{base_model}: other forget fractions, reference", fractions(plan, mine, others)))
        if of(found, base_model, variant=None):
            parts.append((f"{base_model}: as released, same learning rate and steps", variants(found, base_model)))
        for setting in ("selected", "paper"):
            of_setting = of(found, base_model, setting=setting)
            if of_setting:
                parts.append((f"{base_model}: in the setting '{setting}'", comparison(plan, of_setting)))
                parts.append((f"{base_model}: behind the setting '{setting}'", behind(plan, of_setting)))
    return parts


def markdown(plan: Plan, found: list[dict], blocks: list[tuple[str, Block]], caption: list[str]) -> str:
    """The whole result as text: every small table, the caption, and every row that is not ok."""
    notes = [f"* {record['row']}: {record['status']}, {record['reason']}" for record in found if record.get("reason")]
    title = plan.params.title + (f", {plan.split}" if plan.split else "")
    parts = [[f"# {title}"]]
    for heading, block in blocks:
        parts += [[f"## {heading}"], _markdown_table(block)]
    parts.append(["  \n".join([*caption, *notes])])
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def latex(plan: Plan, found: list[dict], printed: tuple, caption: list[str]) -> str:
    """A booktabs table of our values, for a paper or a slide; the caption above it as comments."""
    heads = [head.replace("_", r"\_") for _, head, _ in printed]
    lines = [r"\begin{tabular}{l" + "r" * len(heads) + "}", r"\toprule", " & ".join(["Method", *heads]) + r" \\"]
    for base_model, model in plan.params.base_models.items():
        lines += [r"\midrule", rf"\multicolumn{{{1 + len(heads)}}}{{l}}{{{model.printed_as}: {base_model}}} \\"]
        for record in (one for one in found if one["base_model"] == base_model):
            cells = [number(record.get(metric), digits) for metric, _, digits in printed]
            lines.append(" & ".join([label(record), *cells]) + r" \\")
    return "\n".join([*("% " + line for line in caption), *lines, r"\bottomrule", r"\end{tabular}", ""])
