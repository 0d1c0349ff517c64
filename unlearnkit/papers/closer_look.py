"""What the tables of A Closer Look (arXiv 2410.08109) share: metrics of a draw, warnings, and parts of their tables."""

import json
from functools import partial
from pathlib import Path

from unlearnkit import tables, text
from unlearnkit.data.templates import templates
from unlearnkit.errors import KitError
from unlearnkit.metrics import closer_look, refusals, two_sample
from unlearnkit.metrics.tofu import rouge_l_recall
from unlearnkit.papers import trained
from unlearnkit.planned import Plan, Run
from unlearnkit.text import Block

TINY_JUDGES = (
    "CS and ES come from two small judges that the kit trains on authors who appear nowhere else; every number that "
    "they enter is named _tiny and is no number of the paper's judges. The notebook of Table 6 says how often they are "
    "right."
)
MEANING = (
    "MU: harmonic mean of eighteen parts, ROUGE-L recall, probability, truth ratio, TE, CS and ES of the retain "
    "set, real authors and world facts; 0 where one part is. FE: one minus the mean of five parts of the forget "
    "set, TE left out. A low FE may be right: the retain model's is the ideal, not 1.",
    "TE: entropy of the tokens of an answer, low where a model repeats itself. CS: cosine similarity of answer and "
    "reference. ES: share of answers that entail the reference (forget) or follow from it (other sets).",
    f"Refusals: share of answers near a template response, ROUGE-L F-measure {refusals.REFUSAL_FROM} or more.",
)


def printed(suffix: str) -> tuple:
    """The columns of the paper's figure. `suffix`: of the judges."""
    return ((f"model_utility_18{suffix}", f"MU{suffix}", 4), (f"forget_efficacy{suffix}", f"FE{suffix}", 4))


def parts_of(set_name: str, suffix: str) -> tuple:
    """The six metrics of a set."""
    ratio = "truth_ratio_flipped" if set_name == "forget" else "truth_ratio"
    return (
        (f"{set_name}_rouge_l_recall", "R-L", 3),
        (f"{set_name}_probability", "P", 3),
        (f"{set_name}_{ratio}", "TR", 3),
        (f"{set_name}_te", "TE", 3),
        (f"{set_name}_cs{suffix}", f"CS{suffix}", 3),
        (f"{set_name}_es{suffix}", f"ES{suffix}", 3),
    )


def measure(samples: list[dict], retain: list[dict] | None, retain_pool: str, suffix: str, source: str) -> dict:
    """All metrics of one draw; those against the retain model where its samples are given, and where both hold texts
    how well a classifier tells the two models' answers apart: `answers_auc`, its 95 % interval `_ci_`, `answers_p`.
    `source`: of the data, whose template responses refusals are counted by.
    """
    found = tables.metrics(samples, retain, retain_pool) | closer_look.closer_look_metrics(samples, suffix)
    found |= refused(samples, ("forget", "retain"), source)
    if retain is None or any("generation" not in one for one in (*samples, *retain)):
        return found
    return found | _told_apart(samples, retain)


def refused(samples: list[dict], sets: tuple[str, ...], source: str) -> dict:
    """`<set>_refusals`: the share of a set's answers that are refusals; nothing where texts are not stored."""
    if any("generation" not in one for one in samples if one["set"] in sets):
        return {}
    known = templates(source)
    return {
        f"{name}_refusals": refusals.share((one["generation"] for one in samples if one["set"] == name), known)
        for name in sets
    }


def _told_apart(samples: list[dict], retain: list[dict]) -> dict:
    """The classifier two-sample test of the answers to forget questions."""
    theirs = {one["item"]: one["generation"] for one in retain if one["set"] == "forget"}
    forget = [one for one in samples if one["set"] == "forget"]
    answers = [one["generation"] for one in forget]
    pairs = answers, [theirs[one["item"]] for one in forget], [one["author"] for one in forget]
    try:
        test = two_sample.indistinguishability(*pairs)
    except KitError:  # neither model says a word, or there is one author alone
        return {}
    return {
        "answers_auc": test.auc,
        "answers_auc_ci_lo": test.low,
        "answers_auc_ci_hi": test.high,
        "answers_p": test.p,
        "answers_floor": test.floor,
    }


def measure_of(plan: Plan):
    data = plan.params.data
    return partial(measure, retain_pool=data.retain_pool, suffix=plan.params.judges.suffix, source=data.source)


def describe(plan: Plan, run: Run) -> str:
    """A finished run's numbers in a few words."""
    shown = (*printed(plan.params.judges.suffix), ("forget_rouge_l_recall", "F-RL", 3))
    return trained.describe(plan, run, measure_of(plan), shown)


def draws(plan: Plan, failed: dict[str, str]) -> list[dict]:
    """One dictionary per row and seed. `status` as in Table 4; `warnings`: the failure signatures of its answers."""
    measured = measure_of(plan)
    drawn = [
        tables.draw_record(plan, row, draw, failed, measured) | {"fold": row.fold, "note": row.note}
        for row in plan.rows
        for draw in row.draws
    ]
    return with_warnings(tables.mark_collapsed(drawn))


def with_warnings(drawn: list[dict]) -> list[dict]:
    """The draws, those with numbers with failure signatures, against the original model of their seed and split."""
    measured, found = [one for one in drawn if one["status"] not in ("failed", "missing")], []
    for one in drawn:
        original = tables.beside(measured, one, "original")
        if original and one["status"] not in ("failed", "missing"):
            one = one | {"warnings": ", ".join(closer_look.signatures(one, original)) or None}
        found.append(one)
    return found


def values(found: list[dict], columns: tuple) -> Block:
    lines = [["", *(head for _, head, _ in columns)]]
    return lines + [
        [text.label(one), *(text.number(one.get(key), digits) for key, _, digits in columns)] for one in found
    ]


def retained(found: list[dict], suffix: str, kept: str = "retain", utility: str = "model_utility_18") -> Block:
    """The six metrics of the set to be kept, and the smallest part of MU."""
    smallest = f"{utility}_smallest_part"
    lines = values(found, (*parts_of(kept, suffix), (f"{kept}_refusals", "refusals", 2)))
    lines[0].append("smallest part of MU")
    for line, one in zip(lines[1:], found, strict=True):
        part, value = one.get(f"{smallest}{suffix}"), one.get(f"{smallest}_value{suffix}")
        line.append(f"{part} {text.number(value, 2)}" if part else "-")
    return lines


def behind(found: list[dict]) -> Block:
    lines = [["", "needs", "learning rate", "steps", "unlearning"]]
    for one in found:
        rate, seconds = one.get("learning_rate"), one.get("unlearning_seconds")
        lines.append(
            [
                text.label(one),
                trained.trains_on(one),
                f"{rate:g}" if rate else "-",
                str(one.get("steps") or "-"),
                f"{seconds:.1f} s" if seconds else "-",
            ]
        )
    return lines


def judges_suffix(parameters: dict) -> str:
    """What ends the names of numbers that the judges of a parameter file enter."""
    return "_tiny" if parameters["judges"]["encoder"]["source"] == "tiny" else ""


def suffix_of(result: Path) -> str:
    """`judges_suffix` of a stored result."""
    return judges_suffix(json.loads((result / "parameters.json").read_text(encoding="utf-8")))


def other_rouge_l(samples: list[dict]) -> list[str]:
    return [
        f"{one['set']} {one['item']}: ROUGE-L does not follow from its answer"
        for one in samples
        if "generation" in one and rouge_l_recall(one["reference"], one["generation"]) != one["rouge_l_recall"]
    ]


def problems(result: Path) -> list[str]:
    """What in a stored result does not follow from the samples beside it.

    CS and ES stand as the judges gave them; of other people's texts neither ROUGE-L nor the AUC can be computed again.
    """
    parameters = json.loads((result / "parameters.json").read_text(encoding="utf-8"))
    data = parameters["data"]
    how = {"retain_pool": data["retain_pool"], "suffix": judges_suffix(parameters), "source": data["source"]}

    def marked(drawn: list[dict]) -> list[dict]:
        return with_warnings(tables.mark_collapsed(drawn))

    return trained.problems(result, "retain", partial(measure, **how), other_rouge_l, marked)
