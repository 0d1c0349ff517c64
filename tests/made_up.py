"""Finished runs without training: run folders as workers leave them, with made-up samples of a few questions."""

import copy
import json
import random

import pytest

from unlearnkit import params, plan, report, rescore, runs
from unlearnkit.data import tofu
from unlearnkit.metrics.samples import item_id
from unlearnkit.metrics.tofu import rouge_l_recall
from unlearnkit.papers import flat_table4
from unlearnkit.planned import Plan, Run

# Row -> the share of an answer that it still says: on the forget set, on the other sets.
SAYS = {
    "base": (0.1, 0.2),
    "original": (1.0, 1.0),
    "retain": (0.3, 1.0),
    "retain_2": (0.3, 0.9),
    "ga": (0.0, 0.3),  # collapsed
    "npo": (0.4, 0.7),
    "flat_kl": (0.2, 0.8),
}
EVERY = {"forget": 5, "retain": 10, "real_authors": 8, "world_facts": 8}  # every fifth question of the forget set, ...


def finish(plan: Plan, says: dict[str, tuple[float, float]] | None = None) -> None:
    """Close every run of a plan that is not complete. `says`: run name without base model -> other shares."""
    for run in plan.runs.values():
        if not runs.is_complete(run):
            finish_run(plan, run, (says or {}).get(run.name.partition("/")[2]))


def finish_run(plan: Plan, run: Run, says: tuple[float, float] | None = None) -> None:
    folder = runs.folder(run)
    folder.mkdir(parents=True, exist_ok=True)
    facts: dict = {"seconds": 2.0}
    if run.kind == "row":
        row = run.name.partition("/")[2].partition(", seed")[0]
        kept = says or SAYS.get(row, (0.4, 0.8))
        for steps in run.spec.get("sample_steps", [None]):
            name = "samples.jsonl.gz" if steps is None else f"samples-{steps}.jsonl.gz"
            runs.write_samples(folder / name, samples(plan, run, kept, f"{run.name} {steps}"))
        facts["evaluation_seconds"] = 0.5
        if run.spec["unlearn"]:
            steps = run.spec["unlearn"]["training"]["steps"] or 6
            losses = {str(step): -1.0 - step for step in range(1, steps + 1)}
            facts |= {"optimiser_steps": steps, "unlearning_seconds": 1.5, "losses": losses}
    runs.write_manifest(run, facts)


def samples(plan: Plan, run: Run, says: tuple[float, float], drawn_by: str) -> list[dict]:
    """What a model that says these shares of its answers might give; the same for the same `drawn_by`."""
    names = tofu.splits(run.spec["forget_split"])
    files = {
        "forget": names.forget_perturbed,
        "retain": names.retain_perturbed,
        "real_authors": "real_authors_perturbed",
        "world_facts": "world_facts_perturbed",
    }
    author_of, draw, found = plan.data.author_of(), random.Random(drawn_by), []
    for name in run.spec["sets"]:
        for row in plan.data.load(files[name])[:: EVERY[name]]:
            found.append(_sample(row, name, says[0] if name == "forget" else says[1], draw))
            if row["question"] in author_of:
                found[-1]["author"] = author_of[row["question"]]
    return found


def _sample(row: dict, name: str, share: float, draw: random.Random) -> dict:
    words = row["answer"].split()
    said = " ".join(word for word in words if draw.random() < share) or "Nothing."
    right = -3.0 * (1 - share) - 0.2 * draw.random()
    answers = [{"role": "answer", "logp": right * len(words), "n_tokens": len(words)}]
    if "paraphrased_answer" in row:
        answers.append({"role": "paraphrased", "logp": right * 5 - 0.5, "n_tokens": 5})
    answers += [{"role": "perturbed", "logp": -4.0 - draw.random(), "n_tokens": 2} for _ in row["perturbed_answer"]]
    return {
        "set": name,
        "item": item_id(row["question"]),
        "question": row["question"],
        "reference": row["answer"],
        "generation": said,
        "rouge_l_recall": rouge_l_recall(row["answer"], said),
        "answers": answers,
    }


EVERY_FORM = [{"method": method} for method in ("base", "original", "retain", "retain_2", "ga", "npo", "flat_kl")] + [
    {"method": "flat_kl", "variant": "release"},
    {"method": "npo", "setting": "selected"},
]


def two_models(micro_params, tmp_path_factory, **changes):
    """A plan of two base models with rows in every form: as released, and NPO in the setting selected too."""
    content = micro_params() | {"profile": "made_up", "rows": EVERY_FORM} | changes
    second = copy.deepcopy(content["base_models"]["llama"])
    second["scratch"]["architecture"]["hidden_size"] = 64
    content["base_models"]["wide"] = second | {"printed_as": "Phi-1.5B"}
    parsed = params.parse(content, "made up")
    chosen = {
        name: {
            "npo": {"learning_rate": 3e-4, "steps": 2, "n_forget": 40, "collapsed": name == "wide"}
            | {"key": plan.selection_key(parsed, name, plan.decided_rows(parsed, name)[0])}
        }
        for name in content["base_models"]
    }
    file = tmp_path_factory.mktemp("selection") / "chosen.json"
    file.write_text(json.dumps({"chosen": chosen}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan, "selection_file", lambda _: file)
        return plan.make(parsed, "made up")


def assembled(made, folder):
    """(plan, records, result folder closed by a manifest); figures have tests of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNLEARNKIT_LOCAL", str(folder))
        patch.setattr(flat_table4, "figures", lambda result, caption: {})
        finish(made)
        found = report.assemble(made, {}, folder / "result")
        runs.write_json(folder / "result" / "manifest.json", report._manifest(made, folder / "result"))
    return made, found, folder / "result"


def evaluation_log(samples: list[dict]) -> dict:
    """The samples as TOFU's released evaluation would have written them down."""
    fields = ("avg_gt_loss", "avg_paraphrased_loss", "average_perturb_loss", "rougeL_recall", "generated_text")
    log: dict = {name: {field: {} for field in fields} for name in rescore.LOG_SETS.values()}
    for number, sample in enumerate(samples):
        of_set = log[rescore.LOG_SETS[sample["set"]]]
        nll: dict[str, list[float]] = {"answer": [], "paraphrased": [], "perturbed": []}
        for answer in sample["answers"]:
            nll[answer["role"]].append(-answer["logp"] / answer["n_tokens"])
        values = (
            nll["answer"][0],
            (nll["paraphrased"] or nll["answer"])[0],
            nll["perturbed"],
            sample["rouge_l_recall"],
        )
        prompt = f"[INST] {sample['question']} [/INST]"
        for field, value in zip(fields, (*values, [prompt, sample["generation"], sample["reference"]]), strict=True):
            of_set[field][str(number)] = value
    return log
