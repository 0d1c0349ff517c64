"""A Closer Look (arXiv 2410.08109), real-world unlearning: people whom a released model knows are forgotten.

There is no retain model, so there is no forget quality and no ideal for FE. The numbers of the side `second-hand` are a
third party's quotations of the paper's Table 2.
"""

import json
from functools import partial
from pathlib import Path

from unlearnkit import claims, plots, results, tables, text
from unlearnkit.captions import unpinned
from unlearnkit.metrics.book import accuracies
from unlearnkit.metrics.closer_look import REAL_WORLD, closer_look_metrics
from unlearnkit.papers import claims_table8, measured, trained
from unlearnkit.papers.closer_look import (
    TINY_JUDGES,
    behind,
    judges_suffix,
    other_rouge_l,
    parts_of,
    refused,
    retained,
    suffix_of,
    values,
    with_warnings,
)
from unlearnkit.papers.real_world_plan import make, templates_of
from unlearnkit.planned import Plan, Run
from unlearnkit.tables import records
from unlearnkit.text import Block

__all__ = ["make", "records"]

NOTEBOOK = "08_closer_look_real_world.ipynb"
COLLAPSED = f"neighbor ROUGE-L below {tables.COLLAPSED_BELOW} of the original's"
JUDGED = ("model_utility_6", "forget_efficacy")  # the columns that judges enter


def printed(suffix: str) -> tuple:
    """The columns of the paper's table. `suffix`: of the judges."""
    utility, efficacy = (f"{key}{suffix}" for key in JUDGED)
    return (utility, f"MU{suffix}", 4), (efficacy, f"FE{suffix}", 4), ("mean_accuracy", "Avg", 4)


def measure(samples: list[dict], original: list[dict] | None, suffix: str, source: str) -> dict:
    """All metrics of one draw. `original`: not looked at; nothing here is a distance. `source`: of the data, whose
    template responses refusals are counted by.
    """
    asked = [one for one in samples if one["set"] in REAL_WORLD]
    found = closer_look_metrics(asked, suffix) | refused(asked, REAL_WORLD, source)
    return found | accuracies([one for one in samples if one["set"] == "zeroshot"])


def _measure_of(parameters: dict):
    return partial(measure, suffix=judges_suffix(parameters), source=templates_of(parameters["data"]["source"]))


def describe(plan: Plan, run: Run) -> str:
    """A finished run's numbers in a few words."""
    suffix = plan.params.judges.suffix
    shown = (*printed(suffix), ("forget_rouge_l_recall", "F-RL", 3), ("neighbor_rouge_l_recall", "N-RL", 3))
    return trained.describe(plan, run, _measure_of(plan.params.model_dump()), shown)


def draws(plan: Plan, failed: dict[str, str]) -> list[dict]:
    """One dictionary per row and seed. `status`: ok, collapsed (see COLLAPSED), stale, failed or missing; `warnings`:
    the failure signatures of its answers.
    """
    measured_by = _measure_of(plan.params.model_dump())
    drawn = [
        tables.draw_record(plan, row, draw, failed, measured_by) | {"fold": None, "note": row.note}
        for row in plan.rows
        for draw in row.draws
    ]
    return judged(drawn)


def judged(drawn: list[dict]) -> list[dict]:
    """The draws, marked as collapsed where they are, with their failure signatures."""

    def fell(one: dict, original: dict) -> bool:
        bound = tables.COLLAPSED_BELOW * (original.get("neighbor_rouge_l_recall") or 0.0)
        return one["neighbor_rouge_l_recall"] < bound

    return with_warnings(tables.marked(drawn, fell, COLLAPSED))


def blocks(plan: Plan, found: list[dict]) -> list[tuple[str, Block]]:
    suffix, tasks = plan.params.judges.suffix, plan.params.evaluation.tasks
    quoted = [{**row, **{f"{key}{suffix}": row[key] for key in JUDGED}} for row in text.published(plan)]
    sides = {"second-hand": quoted, "reference": text.reference(plan), "yours": found}
    # The quoted numbers' judges are the paper's; a tiny judge's number is named as one.
    shown = [
        (key, f"{head.removesuffix(suffix)} (ours: {head})" if suffix and head.endswith(suffix) else head, digits)
        for key, head, digits in printed(suffix)
    ]
    heads = {"mean_accuracy": "mean", "mean_accuracy_se": "its standard error"}
    heads |= {f"accuracy_{task}": task.removeprefix("tiny_") for task in tasks}
    parts = []
    for base_model, model in plan.params.base_models.items():
        mine = [one for one in found if one["base_model"] == base_model]
        named = [one | {"printed_as": text.label(one)} for one in mine]
        parts += [
            (f"{base_model} (second-hand: {model.printed_as})", text.side_by_side(mine, sides, tuple(shown))),
            (f"{base_model}: people to forget, whose five parts but TE make FE", _forgotten(mine, suffix)),
            (
                f"{base_model}: neighbors nobody trained on, the six parts of MU",
                retained(mine, suffix, "neighbor", JUDGED[0]),
            ),
            (
                f"{base_model}: accuracy, task by task",
                measured.block([*named, measured.chance(tasks)], heads, 3),
            ),
            (f"{base_model}: what stands behind it", behind(mine)),
        ]
        if len(plan.params.seeds) > 1:
            heading = f"{base_model}: median and range over {len(plan.params.seeds)} seeds"
            parts.append((heading, text.over_seeds(mine, printed(suffix))))
    return parts


def _forgotten(found: list[dict], suffix: str) -> Block:
    """The six metrics of the people to forget, and the failure signatures."""
    lines = values(found, (*parts_of("forget", suffix), ("forget_refusals", "refusals", 2)))
    ends = ["warnings", *(one.get("warnings") or "-" for one in found)]
    return [[*line, end] for line, end in zip(lines, ends, strict=True)]


def caption(plan: Plan, found: list[dict]) -> list[str]:
    data, seeds = plan.params.data, plan.params.seeds
    origin = "the kit's own people" if data.source == "people" else data.source
    drawn = "one seed" if len(seeds) == 1 else f"{len(seeds)} seeds, the (lower) median of each column"
    count = next((one["n_forget"] for one in found if one.get("n_forget")), None)
    lines = [f"Profile {plan.params.profile}: {origin}, {count or 'all'} questions to forget; every row: {drawn}."]
    if not plan.params.paper_scale:
        lines.append("Not the paper's scale, model or people: what carries over is how the methods behave.")
    if plan.params.judges.suffix:
        lines.append(TINY_JUDGES)
    whose = "the original model's own answers" if data.targets == "own" else "the answers that the files hold"
    lines += [
        "Nothing is fine-tuned: the original model is the base model, which knows the people from its pre-training. "
        "There is no model that never knew them, so there is no forget quality, and nobody knows the right FE.",
        f"Trained on are {whose}, of the people to forget and of neighbors; asked are the former and other neighbors.",
        "MU: harmonic mean of six parts, ROUGE-L recall, probability, truth ratio, TE, CS and ES of those other "
        "neighbors; 0 where one part is. FE: one minus the mean of five parts of the people to forget, TE left out.",
        "CS compares with what the original model said, all else with the reference. ES: share of answers that entail "
        "the reference. TE: entropy of the tokens of an answer, low where a model repeats itself.",
        "Avg: mean of the accuracies of the downstream tasks, by lm-eval. Its standard error is over questions.",
        f"All methods: learning rate {plan.params.unlearn.paper.learning_rate} unless another one stands below, and "
        "equally many passes; the parameter file says where these come from.",
        "Second-hand: a third party's quotations of the paper's Table 2, not checked against it. Other methods are not "
        "quoted; 0.000 is said of the other targeted methods together.",
    ]
    lines += [f"Not pinned: the newest {name} of the hub was used." for name in unpinned(plan)]
    if any(record["status"] == "collapsed" for record in found):
        lines.append(f"Collapsed: {COLLAPSED}; such a row wins nothing.")
    return lines


def latex(plan: Plan, found: list[dict]) -> str:
    """Our values as a booktabs table."""
    return text.latex(plan, found, printed(plan.params.judges.suffix), caption(plan, found))


def figures(result: Path, caption: str) -> dict:
    """Name -> figure, from the files of a result folder."""
    suffix, rows = suffix_of(result), results.read_rows(result)
    keys = tuple(f"{key}{suffix}" for key in JUDGED)
    drawn = {"utility_vs_efficacy": plots.utility_vs_efficacy(rows, caption, keys)}
    short = dict(zip(REAL_WORLD, ("forget", "others"), strict=True))  # heads stand close together
    columns = [(key, f"{short[name]} {head}") for name in REAL_WORLD for key, head, _ in parts_of(name, suffix)]
    for base_model in dict.fromkeys(row["base_model"] for row in rows):
        mine = [row for row in rows if row["base_model"] == base_model]
        drawn[f"parts_{base_model}"] = plots.parts(mine, caption, columns, "MU, of other neighbors")
    return drawn


def verdicts(found: list[dict], parameters: dict) -> list[dict]:
    """The paper's claims, on the numbers quoted of it and on ours."""
    own = claims_table8.compared([one for one in found if one["note"] is None], judges_suffix(parameters))
    return claims.verdicts(claims_table8.CLAIMS, own, parameters["paper_scale"], claims_table8.read_published())


def problems(result: Path) -> list[str]:
    """What in a stored result does not follow from the samples beside it. CS and ES stand as the judges gave them."""
    parameters = json.loads((result / "parameters.json").read_text(encoding="utf-8"))
    return trained.problems(result, "original", _measure_of(parameters), other_rouge_l, judged)
