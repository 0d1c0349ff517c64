"""What executing a run means: pre-train a base model, fine-tune an original or retain model, produce a row's samples.

Every stage leaves its result under its final name only when it is complete; a run that was interrupted goes on behind
the last complete stage, or behind the trainer's last checkpoint.
"""

import dataclasses
import json
import time
from pathlib import Path

from unlearnkit import models, paths, runs, sampling
from unlearnkit.data import benchmarks, tofu
from unlearnkit.data.prompts import prompt_format
from unlearnkit.data.templates import templates
from unlearnkit.errors import KitError
from unlearnkit.planned import Run
from unlearnkit.sampling import Report


def execute(run: Run, report: Report) -> None:
    """Compute a run unless it is complete. Safe to call from several processes: one computes, the others wait."""
    with runs.lock(run):
        if runs.is_complete(run):
            return
        started = time.perf_counter()
        runs.reset_peak_memory()
        folder = runs.folder(run)
        folder.mkdir(parents=True, exist_ok=True)
        facts = STAGES[run.kind](run, folder, report)
        runs.remove(folder / "trainer")
        runs.write_manifest(run, {"seconds": round(time.perf_counter() - started, 2), **facts})


def quieten() -> None:
    """No progress bars and no chatter from libraries; the kit reports progress itself."""
    import datasets
    import transformers

    datasets.disable_progress_bars()
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()


def start_model(start: dict):
    """(model, tokenizer) that a run starts from."""
    if "run" in start:
        folders = [runs.folder(start["run"], kind) for kind in ("base_model", "finetuned", "row")]
        complete = [folder for folder in folders if (folder / "manifest.json").exists()]
        if not complete:
            raise KitError(f"{paths.runs()}: the run {start['run']}, from which this one starts, is not complete")
        source, revision = complete[0] / "checkpoint", None
    else:
        source, revision = start["source"], start["revision"]
    model, tokenizer = models.load(source, revision)
    return _placed(model), tokenizer


def _placed(model):
    import torch

    return model.to("cuda" if torch.cuda.is_available() else "cpu")


def _load(spec: dict, name: str) -> list[dict]:
    return benchmarks.of(spec["data"]).rows(name)


def _save(model, tokenizer, folder: Path) -> None:
    with runs.renamed_when_complete(folder / "checkpoint") as partial:
        models.save(model, tokenizer, partial)


def _train(model, tokenizer, rows: list[dict], spec: dict, folder: Path, report: Report) -> dict:
    from unlearnkit.training import finetune

    steps = finetune.train(
        model,
        tokenizer,
        rows,
        prompt_format(spec["prompt_format"]),
        spec["training"],
        spec["seed"],
        folder / "trainer",
        lambda step, total: report("training", step, total),
    )
    _save(model, tokenizer, folder)
    return {"optimiser_steps": steps, "examples": len(rows), "parameters": model.num_parameters()}


def _base_model(run: Run, folder: Path, report: Report) -> dict:
    spec = run.spec
    texts = []
    for name in spec["tokenizer_splits"]:
        for row in _load(spec, name):
            texts += [prompt_format(spec["prompt_format"])(""), *(str(value) for value in row.values())]
    architecture = dict(spec["architecture"])
    tokenizer = models.train_tokenizer(texts, architecture.pop("vocab_size"), architecture["family"])
    model = _placed(models.build(architecture, tokenizer, spec["seed"]))
    return _train(model, tokenizer, _load(spec, spec["split"]), spec, folder, report)


def _finetuned(run: Run, folder: Path, report: Report) -> dict:
    model, tokenizer = start_model(run.spec["start"])
    rows = [row for name in run.spec["splits"] for row in _load(run.spec, name)]
    return _train(model, tokenizer, rows, run.spec, folder, report)


def _row(run: Run, folder: Path, report: Report) -> dict:
    spec = run.spec
    facts = {}
    checkpoint = folder / "checkpoint"
    if checkpoint.is_dir():  # unlearning was complete, the samples were not
        model, tokenizer = models.load(checkpoint)
        model = _placed(model)
        facts = json.loads((folder / "unlearning.json").read_text(encoding="utf-8"))
    else:
        model, tokenizer = start_model(spec["start"])
        if spec["unlearn"] is not None:
            facts = _unlearn(model, tokenizer, run, folder, report)
        elif "training" in spec.get("combine", {}):
            facts = _generic(model, tokenizer, spec, folder, report)
        elif "combine" in spec:
            model = _combined(model, spec["combine"])
    started = time.perf_counter()
    model.eval()
    if "sample_steps" not in spec:
        samples = sampling.SAMPLES[benchmarks.of(spec["data"]).benchmark](model, tokenizer, spec, report)
        runs.write_samples(folder / "samples.jsonl.gz", samples)
    return facts | {"evaluation_seconds": round(time.perf_counter() - started, 2)}


def _combined(model, how: dict):
    """A method of `methods.ARITHMETIC`: the model and one that learnt the forget set once more make one."""
    from unlearnkit import decoding
    from unlearnkit.training import task_vector

    reinforced, _ = start_model({"run": how["reinforced"]})
    if how["rule"] == "task_vector":
        task_vector.subtract(model, reinforced, how["alpha"])
        return model
    return decoding.pair(model, reinforced, how["rule"], alpha=how["alpha"])


def _generic(model, tokenizer, spec: dict, folder: Path, report: Report) -> dict:
    """WHP with its last step: the model is fine-tuned on what it and a reinforced one would have said together."""
    from unlearnkit.training import finetune, generic_labels

    how, started = spec["combine"], time.perf_counter()
    rows, training = _load(spec, how["forget_set"]), how["training"]
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
    _save(model, tokenizer, folder)
    return facts


def _retain_pool(spec: dict, name: str) -> list[dict]:
    """The retain questions that a method may draw."""
    rows = _load(spec, name)
    if spec.get("retain_pool", "all") == "all":
        return rows
    return tofu.retain_pool(rows, benchmarks.of(spec["data"]).author_of())


def _training_sets(spec: dict) -> tuple[str, str]:
    """Names of the sets of forget and retain data."""
    if "forget_split" not in spec:
        return spec["forget_set"], spec["retain_set"]
    names = tofu.splits(spec["forget_split"])
    return names.forget, names.retain


def _unlearn(model, tokenizer, run: Run, folder: Path, report: Report) -> dict:
    """Unlearn, and measure on the way: a trajectory of the forget and retain sets, samples at named steps."""
    from unlearnkit.training import examples, procedure
    from unlearnkit.training.callbacks import Probe, untouched

    spec, unlearn = run.spec, run.spec["unlearn"]
    forget, retain = _training_sets(spec)
    sources = examples.Sources(
        forget=_load(spec, forget),
        templates=templates(spec.get("templates", spec["data"]["source"])) if "template" in unlearn["parts"] else [],
        retain=_retain_pool(spec, retain) if {"retain", "mismatch"}.intersection(unlearn["parts"]) else [],
    )
    every, sample_steps = spec["trajectory_every"], spec.get("sample_steps", [])
    # Beside the trainer's checkpoints, so that a resumed run still has the points before its interruption.
    kept = folder / "trainer" / "trajectory.json"
    points = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    steps, _ = examples.examples_needed(unlearn["training"], len(sources.forget))

    def quiet(stage, done, total):
        """The trajectory reports no progress of its own."""

    # On the way the retain set is asked for the right answer alone: that is what a trajectory shows of it.
    on_the_way = []
    if every:
        retained = sampling.asked(spec, ["retain"])
        truths = [dataclasses.replace(question, answers=question.answers[:1]) for question in retained]
        on_the_way = sampling.asked(spec, ["forget"]) + truths
    asked = sampling.asked(spec, spec["sets"]) if sample_steps else []

    def probe(probed, step: int) -> None:
        if step in sample_steps:
            at_step = sampling.sample(probed, tokenizer, spec, asked, True, quiet)
            runs.write_samples(folder / f"samples-{step}.jsonl.gz", at_step)
        if every and (step % every == 0 or step == steps):
            points[str(step)] = sampling.point(sampling.sample(probed, tokenizer, spec, on_the_way, False, quiet))
            runs.write_json(kept, points)

    with untouched(model):
        probe(model, 0)
    probes = [Probe(probe, lambda step: step in sample_steps or bool(every and (step % every == 0 or step == steps)))]
    facts = procedure.unlearn(
        model,
        tokenizer,
        prompt_format(spec["prompt_format"]),
        sources,
        unlearn,
        spec["seed"],
        folder / "trainer",
        lambda step, total: report("unlearning", step, total),
        probes,
    )
    if points:
        trajectory = [
            {"step": int(step), "loss": facts["losses"].get(step), **points[step]} for step in sorted(points, key=int)
        ]
        runs.write_json(folder / "trajectory.json", trajectory)
    if not sample_steps:
        runs.write_json(folder / "unlearning.json", facts)
        _save(model, tokenizer, folder)
    return facts


def _divergences(run: Run, folder: Path, report: Report) -> dict:
    from unlearnkit import divergences

    names, found = run.spec["rows"], []
    for number, name in enumerate(names):
        report("checking", number, len(names))
        found.append(divergences.record(name))
    runs.write_json(folder / "records.json", found)
    return {}


def _needs(run: Run, folder: Path, report: Report) -> dict:
    from unlearnkit import needs
    from unlearnkit.training import examples

    spec = run.spec
    model, tokenizer = start_model(spec["start"])
    names = tofu.splits(spec["forget_split"])
    sources = examples.Sources(
        forget=_load(spec, names.forget),
        templates=templates(spec["data"]["source"]),
        retain=_retain_pool(spec, names.retain),
    )
    found = needs.measure_all(
        model,
        tokenizer,
        prompt_format(spec["prompt_format"]),
        sources,
        spec["unlearn"],
        spec["seed"],
        spec["rounds"],
        lambda done, total: report("measuring", done, total),
    )
    found.append(needs.measure_in_context(tokenizer, spec["prompt_format"], sources, spec["in_context_pairs"]))
    runs.write_json(folder / "records.json", found)
    return {}


def _judges(run: Run, folder: Path, report: Report) -> dict:
    from unlearnkit.judges import tiny

    return tiny.train(folder, run.spec["seed"], report)


STAGES = {
    "base_model": _base_model,
    "judges": _judges,
    "finetuned": _finetuned,
    "row": _row,
    "needs": _needs,
    "divergences": _divergences,
}
