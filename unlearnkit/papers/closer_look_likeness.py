"""A study beside Table 6 of A Closer Look (arXiv 2410.08109): answer preservation holds the right answers of retain
questions up against a refusal. What does it keep of questions unlike these? Retain data of five classes, more and less
like what is forgotten; every class is also asked about.
"""

import json
from pathlib import Path

from unlearnkit import plots, results, tables, text
from unlearnkit.data import likeness, templates
from unlearnkit.metrics.likeness import effects, likeness_metrics
from unlearnkit.metrics.refusals import REFUSAL_FROM
from unlearnkit.papers import trained
from unlearnkit.papers.closer_look import behind, other_rouge_l, values
from unlearnkit.papers.likeness_plan import ALONE, make
from unlearnkit.planned import Plan, Run
from unlearnkit.text import Block

__all__ = ["make"]

NOTEBOOK = "06c_closer_look_likeness.ipynb"
FORGET = (
    ("forget_rouge_l_recall", "forget R-L", 2),
    ("forget_probability", "forget P", 2),
    ("forget_refusals", "forget refused", 2),
)


def title(kind: str) -> str:
    return kind.replace("_", " ")


def _measure(samples: list[dict], retain: list[dict] | None) -> dict:
    """All metrics of a draw; nothing is measured against the retain model."""
    return likeness_metrics(samples, templates.templates())


def describe(plan: Plan, run: Run) -> str:
    """A finished run's numbers in a few words."""
    return trained.describe(plan, run, _measure, (*FORGET[:1], ("same_authors_rouge_l_recall", "same authors R-L", 2)))


def draws(plan: Plan, failed: dict[str, str]) -> list[dict]:
    """One dictionary per row and seed; rows with retain data with their effects."""
    return with_effects(
        [
            tables.draw_record(plan, row, draw, failed, _measure) | {"note": row.note}
            for row in plan.rows
            for draw in row.draws
        ]
    )


def with_effects(drawn: list[dict]) -> list[dict]:
    """The draws, those with retain data with what these do, against IDK alone of their base model and seed."""
    measured, found = [one for one in drawn if one["status"] not in ("failed", "missing")], []
    for one in drawn:
        alone = tables.beside(measured, one, ALONE)
        if one["note"] and alone and one in measured:
            one = one | effects(one, alone, list(likeness.CLASSES), one["note"].replace(" ", "_"))
        found.append(one)
    return found


def records(plan: Plan, drawn: list[dict]) -> list[dict]:
    """One dictionary per row; every one says how like the forget set the classes are."""
    return _with_likeness(tables.records(plan, drawn), plan.data)


def _with_likeness(found: list[dict], source: likeness.Source) -> list[dict]:
    alike = {f"likeness_{kind}": value for kind, value in source.likeness().items()}
    return [one | alike for one in found]


def by_likeness(found: list[dict]) -> dict[str, float]:
    """Class -> its likeness to the forget set, the most alike first."""
    alike = {kind: found[0][f"likeness_{kind}"] for kind in likeness.CLASSES}
    return dict(sorted(alike.items(), key=lambda item: -item[1]))


def blocks(plan: Plan, found: list[dict]) -> list[tuple[str, Block]]:
    alike = by_likeness(found)
    lines = [[title(kind), likeness.CLASSES[kind], text.number(value, 3)] for kind, value in alike.items()]
    parts = [("Classes of questions, the most like the forget set first", [["", "what", "likeness"], *lines])]
    kept = tuple((f"{kind}_rouge_l_recall", title(kind), 2) for kind in alike)
    refused = tuple((f"{kind}_refusals", title(kind), 2) for kind in alike)
    for base_model in plan.params.base_models:
        mine = [one for one in found if one["base_model"] == base_model]
        parts.append((f"{base_model}: the forget set, and ROUGE-L of the classes", values(mine, (*FORGET, *kept))))
        for name, members in _with_retain_data(mine).items():
            heading = f"{base_model}: what retain data add to ROUGE-L of IDK alone, {name}"
            parts.append((heading, _effects(members, list(alike))))
        parts.append((f"{base_model}: share of answers that are refusals", values(mine, (FORGET[2], *refused))))
        parts.append((f"{base_model}: what stands behind it", behind(mine)))
        if len(plan.params.seeds) > 1:
            heading = f"{base_model}: median and range over {len(plan.params.seeds)} seeds"
            parts.append((heading, text.over_seeds(mine, (*FORGET[:1], *kept))))
    return parts


def _with_retain_data(found: list[dict]) -> dict[str, list[dict]]:
    """A method's name, without what its retain data are drawn from -> its rows."""
    groups: dict[str, list[dict]] = {}
    for one in found:
        if one["note"]:
            groups.setdefault(one["printed_as"].removesuffix(f", {one['note']}"), []).append(one)
    return groups


def _effects(found: list[dict], kinds: list[str]) -> Block:
    """A line a class that retain data are drawn from, a column a class that is asked; with the range over seeds."""
    keys = [*(f"{kind}_effect" for kind in kinds), "others_effect"]
    lines = [["drawn from", *(f"on {title(kind)}" for kind in kinds), "mean of the others"]]
    for one in sorted(found, key=lambda one: kinds.index(one["note"].replace(" ", "_"))):
        lines.append([one["note"], *(_with_range(one, key) for key in keys)])
    return lines


def _with_range(record: dict, key: str) -> str:
    if record.get(key) is None:
        return "-"
    ends = [record.get(f"{key}_{end}") for end in ("lo", "hi")]
    return f"{record[key]:+.2f}" + ("" if None in ends else f" [{ends[0]:+.2f}, {ends[1]:+.2f}]")


def caption(plan: Plan, found: list[dict]) -> list[str]:
    data, seeds = plan.params.data, plan.params.seeds
    forgotten, half = plan.data.size("facts_forget"), plan.data.size("same_authors_drawn")
    drawn = "one seed" if len(seeds) == 1 else f"{len(seeds)} seeds, the (lower) median of each column"
    lines = [
        f"Profile {plan.params.profile}: the kit's own universe, every second fact about the authors of "
        f"{data.forget_split}, {forgotten} questions; every row: {drawn}."
    ]
    if not plan.params.paper_scale:
        lines.append("Not the paper's scale: what carries over is how the methods behave.")
    return [
        *lines,
        f"A class has {2 * half} questions: training draws from {half} of them, the other {half} are asked; both "
        "halves ask about every author of the class. The base model has learnt the facts about the world.",
        "Likeness: mean over a class's questions of the largest cosine to a forget question, TF-IDF of question and "
        "answer, words and pairs of words. It counts words in common: genre is one fact of twenty about an author.",
        "R-L: ROUGE-L recall. P: probability of the right answer. Refused: answers whose ROUGE-L F-measure with a "
        f"template response is {REFUSAL_FROM} or more.",
        "IDK: template responses to the forget questions, no retain data. IDK+AP and IDK+GD add some: answer "
        "preservation, or cross-entropy. The effect is the difference to IDK of the same seed.",
        f"All methods: learning rate {plan.params.unlearn.paper.learning_rate} and equally many passes; the parameter "
        "file says where these come from.",
    ]


def latex(plan: Plan, found: list[dict]) -> str:
    """Our values as a booktabs table."""
    kept = tuple((f"{kind}_rouge_l_recall", title(kind), 2) for kind in by_likeness(found))
    return text.latex(plan, found, (*FORGET[:1], *kept), caption(plan, found))


def figures(result: Path, caption: str) -> dict:
    """Name -> figure, from the files of a result folder."""
    rows, drawn = results.read_rows(result), {}
    alike = {title(kind): (kind, value) for kind, value in by_likeness(rows).items()}
    for base_model in dict.fromkeys(row["base_model"] for row in rows):
        mine = [row for row in rows if row["base_model"] == base_model]
        (alone,) = (row for row in mine if row["method"] == ALONE)
        drawn[f"kept_{base_model}"] = plots.kept_by_likeness(_with_retain_data(mine), alone, caption, alike)
    return drawn


def verdicts(found: list[dict], parameters: dict) -> list[dict]:
    """No claims are checked for this study: the paper prints nothing that it could be held against."""
    return []


def problems(result: Path) -> list[str]:
    """What in a stored result does not follow from the samples beside it, or from the universe."""
    data = json.loads((result / "parameters.json").read_text(encoding="utf-8"))["data"]
    source = likeness.Source(data["source"], data["forget_split"])

    def again(table: list[dict], drawn: list[dict]) -> list[dict]:
        return _with_likeness(trained.medians(table, drawn), source)

    return trained.problems(result, "original", _measure, other_rouge_l, with_effects, again)
