"""Table 9 with models of 40,000 parameters: ULD and Offset from their runs to the check of the stored result."""

import copy
import json
from pathlib import Path

import pytest
import torch
import yaml
from conftest import MICRO, MICRO_VOCABULARY

from unlearnkit import decoding, models, papers, params, planned, report, runs, sampling, stages
from unlearnkit.data import tofu

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("quiet")]

FILE = Path(__file__).resolve().parent.parent / "params" / "tiny" / "table9.yaml"
ROWS = [
    {"method": "original"},
    {"method": "retain"},
    {"method": "npo_rt"},
    {"method": "offset_npo_kl"},
    {"method": "uld"},
    {"method": "uld", "augmented": False, "note": "not augmented"},
    {"method": "uld", "variant": "release"},
]


def executed(**assistant) -> planned.Plan:
    content = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    content |= {"rows": ROWS, "profile": "micro"}
    content["data"]["forget_splits"] = ["forget01"]
    base_model = content["base_models"]["llama"]
    base_model["scratch"]["architecture"] = MICRO | {"vocab_size": MICRO_VOCABULARY}
    micro = {"epochs": None, "warmup_steps": 0, "max_length": 256}
    for training in (base_model["scratch"]["pretrain"], base_model["finetune"]):
        training |= micro | {"steps": 20, "batch_size": 8}
    unlearning = {"epochs": 2.0, "batch_size": 20, "max_length": 256}
    content["unlearn"]["paper"] |= unlearning
    content["assistant"] |= {"layers": 1} | assistant
    content["assistant"]["training"] |= unlearning
    content["assistant"]["training"]["lora"]["rank"] = 4
    content["evaluation"] |= {"max_length": 256, "max_new_tokens": 6}
    plan = papers.make(params.parse(copy.deepcopy(content), "here"), "here")
    for run in plan.runs.values():
        stages.execute(run, lambda *_: None)
    return plan


def run_of(plan: planned.Plan, label: str) -> planned.Run:
    return plan.runs[next(row for row in plan.rows if row.label == label).draws[0].run]


def test_table_9_from_its_runs_to_its_check(local):
    plan = executed()
    uld, offset, plain = (run_of(plan, f"{name}_forget01") for name in ("uld", "offset_npo_kl", "npo_rt"))
    facts = {run.name.partition("/")[2]: runs.manifest(run) for run in (uld, offset, plain)}

    # 40 questions in batches of 20, twice; with two paraphrases each 120.
    assert facts["npo_rt_forget01"]["optimiser_steps"] == facts["offset_npo_kl_forget01"]["optimiser_steps"] == 4
    assert facts["uld_forget01"]["optimiser_steps"] == 12
    bare = run_of(plan, "uld_not_augmented_forget01")
    assert runs.manifest(bare)["optimiser_steps"] == 4
    for run, steps in ((uld, [6, 12]), (offset, [2, 4]), (plain, [2, 4]), (bare, [2, 4])):
        points = json.loads((runs.folder(run) / "trajectory.json").read_text())
        assert [point["step"] for point in points] == steps, "once an epoch"
        assert points[0]["forget_probability"] != points[-1]["forget_probability"]

    # The stored model is the pair: its target the original model, weight by weight.
    original, _ = models.load(runs.folder(uld.spec["start"]["run"], "finetuned") / "checkpoint")
    for run, rule in ((uld, "uld"), (offset, "offset")):
        model, _ = models.load(runs.folder(run) / "checkpoint")
        assert isinstance(model, decoding.PairModel) and model.config.rule == rule
        assert all(map(torch.equal, model.target.state_dict().values(), original.state_dict().values()))
    assert facts["uld_forget01"]["trainable_parameters"] < facts["npo_rt_forget01"]["trainable_parameters"] / 4

    found = report.assemble(plan, {}, local / "result")
    paper = papers.of("table9")
    assert paper.problems(local / "result") == []
    by_label = {row.label: one for row, one in zip(plan.rows, found, strict=True)}
    assert {one["status"] for one in found} <= {"ok", "collapsed"}
    assert by_label["retain_forget01"]["forget_quality_p"] == 1
    one = by_label["uld_forget01"]
    assert one["epochs"] == 2 and one["extra_parameters"] == facts["uld_forget01"]["assistant_parameters"]
    assert by_label["offset_npo_kl_forget01"]["extra_parameters"] == 2 * one["extra_parameters"]
    assert by_label["npo_rt_forget01"]["extra_parameters"] == 0
    assert by_label["npo_rt_forget01"]["trainable_parameters"] == by_label["npo_rt_forget01"]["parameters"]
    assert by_label["uld_release_forget01"]["forget_probability"] != one["forget_probability"]
    assert by_label["uld_not_augmented_forget01"]["forget_probability"] != one["forget_probability"]
    names = {path.name for path in (local / "result").iterdir()}
    assert {"forget_quality_vs_model_utility.png", "training_seconds.png", "epochs.png", "verdict.md"} <= names

    # The last point of the trajectory is of the row's samples; measured as the others are, it is the same.
    points = json.loads((runs.folder(uld) / "trajectory.json").read_text())
    model, tokenizer = models.load(runs.folder(uld) / "checkpoint")
    probed = sampling.on_the_way(uld.spec)(model.eval(), tokenizer)
    assert points[-1]["items"] == probed["items"] and points[-1]["loss"] is not None
    assert points[-1]["truth_ratios"] == pytest.approx(probed["truth_ratios"], rel=1e-4)
    for name in ("forget_probability", "retain_probability"):
        assert points[-1][name] == pytest.approx(probed[name], rel=1e-4)
        assert points[-1][name] == pytest.approx(one[name], rel=1e-4)

    file = local / "result" / "rows" / "llama__uld_forget01" / "seed-1" / "trajectory.json"
    file.write_text(json.dumps(points[::-1]))
    assert any("best_epoch" in line for line in paper.problems(local / "result"))


def test_what_the_assistant_learns(local, tmp_path):
    """The set of its own; the evaluated fields; a file."""
    from unlearnkit import unlearning

    content = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    file = tmp_path / "further.jsonl"
    rows = tofu.load("universe", "forget01")
    lines = [
        {
            "question": row["question"],
            "paraphrases": 2 * [{"question": "Q?", "answer": "A."}],
            "wrong_answers": ["B.", "C."],
        }
        for row in rows
    ]
    file.write_text("\n".join(map(json.dumps, lines)))
    found = {}
    for name in ("set", "fields", str(file)):
        content["assistant"]["augmentation"] = name
        plan = papers.make(params.parse(copy.deepcopy(content), "here"), "here", "forget01")
        found[name] = unlearning.sources_of(run_of(plan, "uld_forget01").spec)
    evaluated = tofu.load("universe", "forget01_perturbed")
    tested = {text for row in evaluated for text in (row["paraphrased_answer"], *row["perturbed_answer"])}
    for name, one in found.items():
        assert one.forget[:40] == rows and len(one.forget) == 120 and len(one.retain) == 120
        answers = {row["answer"] for row in one.forget[40:] + one.retain[40:]}
        assert bool(answers & tested) == (name == "fields")
        kept = {row["question"] for row in tofu.load("universe", "retain99")}
        assert all(row["question"] in kept for row in one.retain[:40])
    assert {row["answer"] for row in found[str(file)].retain[40:]} == {"B.", "C."}
