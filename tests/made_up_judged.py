"""Finished runs of A Closer Look's tables without training: made-up samples as judges leave them."""

import random

import pytest
from made_up import EVERY, _sample

from unlearnkit import report, runs
from unlearnkit.data import tofu
from unlearnkit.metrics.closer_look import token_entropy
from unlearnkit.planned import Plan, Run

# Method -> the share of an answer that it still says: on the forget set, on the other sets.
SAYS = {
    "original": (1.0, 1.0),
    "retain": (0.3, 1.0),
    "retain_2": (0.3, 1.0),
    "gd": (0.0, 0.2),  # collapsed
    "npo_rt": (0.3, 0.8),
    "me_gd": (0.1, 0.9),
    "dpo_gd": (0.2, 0.6),
    "idk_ap": (0.15, 0.8),
}


def finish(plan: Plan) -> None:
    """Close every run of a plan that is not complete."""
    by_run = {draw.run: row.method for row in reversed(plan.rows) for draw in row.draws}
    for key, run in plan.runs.items():
        if runs.is_complete(run):
            continue
        runs.folder(run).mkdir(parents=True, exist_ok=True)
        facts: dict = {"seconds": 2.0}
        if run.kind == "row":
            says = SAYS[by_run.get(key, "retain")]
            runs.write_samples(runs.folder(run) / "samples.jsonl.gz", samples(plan, run, says))
            facts |= {"evaluation_seconds": 0.5}
            facts |= {"optimiser_steps": 6, "unlearning_seconds": 1.5} if run.spec["unlearn"] else {}
        runs.write_manifest(run, facts)


def samples(plan: Plan, run: Run, says: tuple[float, float]) -> list[dict]:
    """What a model that says these shares of its answers might give, judged; the same for the same run's name."""
    files = run.spec.get("evaluated")
    if files is None:
        names = tofu.splits(run.spec["forget_split"])
        files = {"forget": names.forget_perturbed, "retain": names.retain_perturbed}
        files |= {name: f"{name}_perturbed" for name in ("real_authors", "world_facts")}
    author_of, draw, found = plan.data.author_of(), random.Random(run.name), []
    for name, file in files.items():
        share = says[0] if name == "forget" else says[1]
        for row in plan.data.load(file)[:: EVERY[name]]:
            one = _sample(row, name, share, draw)
            if row["question"] in author_of:
                one["author"] = author_of[row["question"]]
            found.append(judged(one, draw))
    return found


def judged(one: dict, draw: random.Random) -> dict:
    """The sample with what judges that read words alone would say."""
    likeness = one["rouge_l_recall"]
    entropy = max(0.0, token_entropy(one["generation"].split()))
    return one | {
        "token_entropy": entropy,
        "cosine_similarity": min(1.0, 0.1 + 0.9 * likeness),
        "entailed": draw.random() < likeness,
    }


def assembled(plan: Plan, folder) -> list[dict]:
    """The records of a finished table; its result lies in folder/result."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNLEARNKIT_LOCAL", str(folder))
        finish(plan)
        return report.assemble(plan, {}, folder / "result")
