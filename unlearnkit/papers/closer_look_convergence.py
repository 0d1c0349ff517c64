"""A study of A Closer Look's Table 6 (arXiv 2410.08109): ME's entropy gap, forget probability, membership over steps.

The question, whether ME ends where a model without training is, how fast, and whether membership can still be read
afterwards, is not answered in the paper; there are no printed numbers and no claims to check.
"""

import json
import math
from pathlib import Path

from unlearnkit import plots, results, runs, tables, text
from unlearnkit.captions import unpinned
from unlearnkit.data import tofu
from unlearnkit.metrics import convergence
from unlearnkit.metrics.tofu import mean_of, probability
from unlearnkit.papers import trained
from unlearnkit.papers.closer_look import behind, other_rouge_l
from unlearnkit.papers.closer_look_convergence_plan import REFERENCES, UNTRAINED, make
from unlearnkit.planned import Plan, Run
from unlearnkit.tables import records
from unlearnkit.text import Block

__all__ = ["make", "records"]

NOTEBOOK = "06b_closer_look_convergence.ipynb"
PRINTED = (
    ("forget_entropy_gap", "gap, forget", 4),
    ("unseen_entropy_gap", "gap, unseen", 4),
    ("forget_probability", "P, forget", 4),
    ("retain_probability", "P, retain", 4),
    ("membership_auc", "AUC", 3),
)
STEPS = {f"steps_to_forget_probability_{level}": level for level in convergence.LEVELS}
TO_UNTRAINED = "steps_to_untrained_gap"
SAME = 1e-3  # two measurements of one model; on a GPU they differ by rounding


def measure(samples: list[dict], retain: list[dict] | None = None) -> dict:
    """All numbers of one draw's samples. `retain`: not looked at; nothing here is a distance to that model."""
    found = convergence.numbers(convergence.point(samples), convergence.authors(samples))
    for name in ("forget", "retain"):
        found[f"{name}_rouge_l_recall"] = mean_of(one["rouge_l_recall"] for one in samples if one["set"] == name)
    return found


def points(folder: Path) -> list[dict]:
    """Step, loss and numbers of every measured step, from the folder of a run or a draw; none of a reference row."""
    stored = _stored(folder)
    by = convergence.authors(runs.read_samples(folder / "samples.jsonl.gz")) if stored else {}
    return [{"step": one["step"], "loss": one["loss"]} | convergence.numbers(one, by) for one in stored]


def _stored(folder: Path) -> list[dict]:
    file = folder / "trajectory.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else []


def describe(plan: Plan, run: Run) -> str:
    """A finished run's numbers in a few words."""
    return trained.describe(plan, run, measure, PRINTED)


def draws(plan: Plan, failed: dict[str, str]) -> list[dict]:
    """One dictionary per row and seed. `status` as in Table 6; `steps_to_...`: first measured step below a level."""
    drawn = [
        tables.draw_record(plan, row, draw, failed, measure) | {"fold": None, "note": row.note}
        for row in plan.rows
        for draw in row.draws
    ]
    folders = {(row.name, draw.seed): runs.folder(draw.run, "row") for row in plan.rows for draw in row.draws}
    return _judged(drawn, folders)


def _judged(drawn: list[dict], folders: dict[tuple[str, int], Path]) -> list[dict]:
    """The draws, collapsed ones marked, with the steps that they took to each level."""

    def fell(one: dict, original: dict) -> bool:
        bound = tables.COLLAPSED_BELOW * (original.get("retain_rouge_l_recall") or 0.0)
        return one["method"] not in REFERENCES and one["retain_rouge_l_recall"] < bound

    found = []
    for one in tables.marked(drawn, fell, tables.COLLAPSED):
        way = points(folders[one["row"], one["seed"]]) if one["status"] not in ("failed", "missing") else []
        gap = tables.beside(drawn, one, UNTRAINED).get("forget_entropy_gap")
        steps = {key: convergence.first_step_below(way, "forget_probability", level) for key, level in STEPS.items()}
        steps[TO_UNTRAINED] = None if gap is None else convergence.first_step_below(way, "forget_entropy_gap", gap)
        found.append(one | steps)
    return found


def blocks(plan: Plan, found: list[dict]) -> list[tuple[str, Block]]:
    sides, parts = {"reference": text.reference(plan), "yours": found}, []
    for base_model in plan.params.base_models:
        mine = [one for one in found if one["base_model"] == base_model]
        parts += [
            (f"{base_model}: after the last step", text.side_by_side(mine, sides, PRINTED)),
            (f"{base_model}: can membership be read?", _membership(mine)),
            (f"{base_model}: the first measured step below, and how many times GA's that is", steps_taken(mine)),
            (f"{base_model}: what stands behind it", behind(mine)),
        ]
        if len(plan.params.seeds) > 1:
            heading = f"{base_model}: median and range over {len(plan.params.seeds)} seeds"
            parts.append((heading, text.over_seeds(mine, PRINTED)))
    return parts


def reading(one: dict) -> str:
    """What the interval of a row's AUC says of members: whether, and which way round, they can be told."""
    low, high = (one.get(f"membership_auc_ci_{end}") for end in ("lo", "hi"))
    if low is None:
        return "-"
    return "members more likely" if low > 0.5 else "members less likely" if high < 0.5 else "not told apart"


def _membership(found: list[dict]) -> Block:
    lines = [["", "AUC", "95 %", "distance to 1/2", "reads"]]
    for one in found:
        ends = [one.get(f"membership_auc_ci_{end}") for end in ("lo", "hi")]
        lines.append(
            [
                text.label(one),
                text.number(one.get("membership_auc"), 3),
                "-" if None in ends else f"[{ends[0]:.2f}, {ends[1]:.2f}]",
                text.number(one.get("membership_distance"), 3),
                reading(one),
            ]
        )
    return lines


def steps_taken(found: list[dict]) -> Block:
    """Of every method the first measured step below each level, and its ratio to GA's at the same learning rate."""
    heads = {key: f"P, forget < {level:g}" for key, level in STEPS.items()} | {TO_UNTRAINED: "gap < untrained's"}
    lines = [["", *heads.values()]]
    for one in (one for one in found if one["method"] not in REFERENCES):
        same_rate = (other for other in found if other["method"] == "ga" and other["note"] == one["note"])
        ga = next(same_rate, {}) if one["method"] != "ga" else {}
        lines.append([text.label(one), *(_taken(one, ga, key) for key in heads)])
    return lines


def _taken(one: dict, ga: dict, key: str) -> str:
    taken, theirs = one.get(key), ga.get(key)
    if taken is None:
        return f"> {one['steps']}" if one.get("steps") else "-"
    return f"{taken} ({taken / theirs:.1f} x)" if theirs else str(taken)


def caption(plan: Plan, found: list[dict]) -> list[str]:
    data, seeds, how = plan.params.data, plan.params.seeds, plan.params.unlearn.paper
    drawn = "one seed" if len(seeds) == 1 else f"{len(seeds)} seeds, the (lower) median of each column"
    names = tofu.splits(data.forget_split)
    sizes = [plan.data.size(name) for name in (names.forget_perturbed, tofu.UNSEEN, names.retain_perturbed)]
    lines = [
        f"Profile {plan.params.profile}: the kit's own universe, {data.forget_split}; every row: {drawn}.",
        "Models of about a million parameters, trained by the kit: what carries over is how the methods behave.",
        f"Asked are {sizes[0]} forget questions, {sizes[1]} unseen ones about authors whom no model of this table ever "
        f"saw, and {sizes[2]} retain questions. Methods train for {how.steps} steps at a constant learning rate.",
        "Gap: log K - H, K the size of the vocabulary and H the entropy of the next token in nats, mean over the "
        "positions of the true answer, then over questions. 0: every token is equally likely; "
        f"{_certain(plan)} at certainty. A model with random weights is not at 0: the row Untrained LLM.",
        "P: exp of the mean log-probability per token of the true answer, mean over questions.",
        "AUC: how often a forget question has a higher mean log-probability than an unseen one. Near 1 one can read "
        "from the model who was in its training data, near 1/2 one cannot; near 0 one can as well, the other way "
        "round: members are those that were pushed down further. The two sets differ a little by themselves: Retained "
        "and Untrained LLM say what an AUC is where nobody was a member.",
        "The 95 % interval of the AUC is over authors, and too narrow with so few; 'not told apart' says that it holds "
        "1/2, and speaks of this one attack alone.",
        "Steps: the first measured step below a level; the true one lies after the measured step before it. In "
        "brackets: how many times GA's at the same learning rate. '>': never within the steps of the row.",
    ]
    lines += [f"Not pinned: the newest {name} of the hub was used." for name in unpinned(plan)]
    if any(record["status"] == "collapsed" for record in found):
        lines.append(f"Collapsed: {tables.COLLAPSED}; such a row wins nothing.")
    return lines


def _certain(plan: Plan) -> str:
    """The largest gap there can be, log K, where the kit makes the vocabulary itself."""
    sizes = {model.scratch.architecture.vocab_size for model in plan.params.base_models.values() if model.scratch}
    return "log K" + "".join(f" = {math.log(size):.2f} for K = {size}" for size in sorted(sizes))


def latex(plan: Plan, found: list[dict]) -> str:
    """Our values as a booktabs table."""
    return text.latex(plan, found, PRINTED, caption(plan, found))


def figures(result: Path, caption: str) -> dict:
    """Name -> figure, from the files of a result folder."""
    rows, found = results.read_rows(result), {}
    way = {name: points(folder) for name, folder in results.first_draws(result).items()}
    for base_model in dict.fromkeys(row["base_model"] for row in rows):
        mine = [row for row in rows if row["base_model"] == base_model]
        found[f"over_steps_{base_model}"] = plots.convergence_over_steps(way, mine, caption)
    return found


def verdicts(found: list[dict], parameters: dict) -> list[dict]:
    """The paper claims nothing of this."""
    return []


def problems(result: Path) -> list[str]:
    """What in a stored result does not follow from the samples and trajectories beside it."""
    folders = results.draw_folders(result)
    found = trained.problems(result, "retain", measure, other_rouge_l, lambda drawn: _judged(drawn, folders))
    at_steps = json.loads((result / "parameters.json").read_text(encoding="utf-8"))["at_steps"]
    for record in results.read_seeds(result):
        way = points(folders[record["row"], record["seed"]])
        where = f"row {record['row']}, seed {record['seed']}, trajectory.json"
        if record["method"] not in REFERENCES and [one["step"] for one in way] != at_steps:
            found.append(f"{where}: not the steps of parameters.json")
        for key, value in (way[-1] if way else {}).items():
            if key in record and not math.isclose(value, record[key], abs_tol=SAME):
                found.append(f"{where}: its last {key} is {value}, the samples' {record[key]}")
        for one in _stored(folders[record["row"], record["seed"]]):
            for name in convergence.COMPARED:
                mean = mean_of(probability(logp, 1) for logp in one[f"{name}_mean_logp"])
                if not math.isclose(mean, one[f"{name}_probability"], rel_tol=1e-6):
                    found.append(f"{where}, step {one['step']}: {name}_probability does not follow from its questions")
    return found
