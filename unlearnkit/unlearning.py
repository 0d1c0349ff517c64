"""The unlearning of a row's run: its data, its training, and what is measured on the way."""

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

from unlearnkit import checkpoints, runs, sampling
from unlearnkit.checkpoints import start_model
from unlearnkit.data import augment, benchmarks, requests, tofu
from unlearnkit.data.prompts import prompt_format
from unlearnkit.data.templates import templates
from unlearnkit.methods import ASSISTED
from unlearnkit.planned import Run
from unlearnkit.sampling import Report
from unlearnkit.terms import FROM_RETAIN, FROM_TEMPLATES

if TYPE_CHECKING:
    from unlearnkit.training import examples


def retain_pool(spec: dict, name: str) -> list[dict]:
    """The retain questions that a method may draw."""
    rows = checkpoints.load_rows(spec, name)
    if spec.get("retain_pool", "all") == "all":
        return rows
    return tofu.retain_pool(rows, benchmarks.of(spec["data"]).author_of())


def sources_of(spec: dict) -> "examples.Sources":
    """What the training may draw from: the sets that the method's parts need, and no others."""
    from unlearnkit.training import examples

    if "augmentation" in spec:
        return _augmented(spec)
    names, parts = tofu.splits(spec["forget_split"]) if "forget_split" in spec else None, spec["unlearn"]["parts"]
    found = examples.Sources(checkpoints.load_rows(spec, names.forget if names else spec["forget_set"]), [], [])
    if FROM_TEMPLATES.intersection(parts):
        found.templates.extend(templates(spec.get("templates", spec["data"]["source"])))
    if not FROM_RETAIN.intersection(parts):
        return found
    if "retain_mix" in spec:
        source = benchmarks.of(spec["data"])
        found.retain.extend(requests.retain_data(source, spec["request"], spec["retain_mix"], spec["seed"]))
    else:
        found.retain.extend(retain_pool(spec, names.retain if names else spec["retain_set"]))
    return found


def _augmented(spec: dict) -> "examples.Sources":
    """What ULD's assistant is to remember, and to be uniform on."""
    from unlearnkit.training import examples

    names, how, data = tofu.splits(spec["forget_split"]), dict(spec["augmentation"]), spec["data"]
    forget, pool = checkpoints.load_rows(spec, how.pop("forget")), retain_pool(spec, names.retain)
    if "set" in how:
        how["file"] = str(tofu.file(data["source"], how.pop("set"), data["revision"]))
    remembered, uniform = augment.augmented(forget, pool, seed=spec["seed"], **how)
    return examples.Sources(remembered, [], uniform)


def unlearn(model, tokenizer, run: Run, folder: Path, report: Report) -> tuple:
    """(the unlearned model, facts). On the way it is measured: a trajectory, samples at named steps. Where the spec
    says `until`, the first measured step with these levels is the last.
    """
    from unlearnkit.metrics.wmdp_rwku import reached
    from unlearnkit.training import assistant, examples, procedure
    from unlearnkit.training.callbacks import Probe, untouched

    spec, unlearn = run.spec, run.spec["unlearn"]
    sources = sources_of(spec)
    every, at_steps, sample_steps = spec["trajectory_every"], spec.get("at_steps", []), spec.get("sample_steps", [])
    # Beside the trainer's checkpoints, so that a resumed run still has the points before its interruption.
    kept = folder / "trainer" / "trajectory.json"
    points = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    steps, _ = examples.examples_needed(unlearn["training"], len(sources.forget))
    if every == "epoch":  # after the last one the row itself is measured: `add_last_point`
        every, at_steps = None, examples.ends_of_epochs(unlearn["training"], len(sources.forget))[:-1]
    point = sampling.on_the_way(spec) if every or at_steps else None
    asked = sampling.asked(spec, spec["sets"]) if sample_steps else []

    def on_trajectory(step: int) -> bool:
        return step in at_steps or bool(every and (step % every == 0 or step == steps))

    def probe(probed, step: int) -> bool:
        """Measure; whether what the spec wants to reach is reached."""
        if step in sample_steps:
            at_step = sampling.sample(probed, tokenizer, spec, asked, True, sampling.quiet)
            runs.write_samples(folder / f"samples-{step}.jsonl.gz", at_step)
        if on_trajectory(step):
            points[str(step)] = point(probed, tokenizer)
            runs.write_json(kept, points)
        return "until" in spec and on_trajectory(step) and reached(points[str(step)], spec["until"])

    with untouched(model):
        probe(model, 0)
    probes = [Probe(probe, lambda step: step in sample_steps or on_trajectory(step))]
    given = (model, tokenizer, prompt_format(spec["prompt_format"]), sources, unlearn, spec["seed"], folder / "trainer")
    given += (lambda step, total: report("unlearning", step, total), probes)
    if unlearn["method"] in ASSISTED:
        model, facts = assistant.unlearn(*given)
    else:
        facts = procedure.unlearn(*given, start_model(spec["reference"])[0] if "reference" in spec else None)
    if points:
        trajectory = [
            {"step": int(step), "loss": facts["losses"].get(step), **points[step]} for step in sorted(points, key=int)
        ]
        runs.write_json(folder / "trajectory.json", trajectory)
    if not sample_steps:
        runs.write_json(folder / "unlearning.json", facts)
        checkpoints.save(model, tokenizer, folder)
    return model, facts


def add_last_point(folder: Path, facts: dict, samples: list[dict]) -> None:
    """The last point of a trajectory over epochs, from the row's own samples: nothing is measured twice."""
    file, step = folder / "trajectory.json", facts["optimiser_steps"]
    before = json.loads(file.read_text(encoding="utf-8")) if file.exists() else []
    last = {"step": step, "loss": facts["losses"].get(str(step)), **sampling.point(samples)}
    runs.write_json(file, [one for one in before if one["step"] < step] + [last])


def generic(model, tokenizer, spec: dict, folder: Path, report: Report) -> dict:
    """WHP with its last step: the model is fine-tuned on what it and a reinforced one would have said together."""
    from unlearnkit.training import finetune, generic_labels

    how, started = spec["combine"], time.perf_counter()
    rows, training = checkpoints.load_rows(spec, how["forget_set"]), how["training"]
    sequences = finetune.encoded(tokenizer, rows, prompt_format(spec["prompt_format"]), training)
    # The reinforced model is held by nobody while the other one trains.
    sequences = generic_labels.generic(
        model, start_model({"run": how["reinforced"]})[0], how["alpha"], tokenizer, sequences, training
    )
    steps = finetune.train_encoded(
        model,
        tokenizer,
        sequences,
        training,
        how["seed"],
        folder / "trainer",
        lambda step, total: report("unlearning", step, total),
    )
    facts = {"optimiser_steps": steps, "unlearning_seconds": round(time.perf_counter() - started, 2)}
    runs.write_json(folder / "unlearning.json", facts)
    checkpoints.save(model, tokenizer, folder)
    return facts
