"""What executing a run means: pre-train a base model, fine-tune an original or retain model, produce a row's samples.

Every stage leaves its result under its final name only when it is complete; a run that was interrupted goes on behind
the last complete stage, or behind the trainer's last checkpoint.
"""

import json
import time
from pathlib import Path

from unlearnkit import checkpoints, models, runs, sampling, unlearning
from unlearnkit.checkpoints import placed, start_model
from unlearnkit.data import benchmarks, tofu
from unlearnkit.data.prompts import prompt_format
from unlearnkit.data.templates import templates
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
    checkpoints.save(model, tokenizer, folder)
    return {"optimiser_steps": steps, "examples": len(rows), "parameters": model.num_parameters()}


def _base_model(run: Run, folder: Path, report: Report) -> dict:
    spec = run.spec
    texts = []
    for name in spec["tokenizer_splits"]:
        for row in checkpoints.load_rows(spec, name):
            texts += [prompt_format(spec["prompt_format"])(""), *(str(value) for value in row.values())]
    architecture = dict(spec["architecture"])
    tokenizer = models.train_tokenizer(texts, architecture.pop("vocab_size"), architecture["family"])
    model = placed(models.build(architecture, tokenizer, spec["seed"]))
    return _train(model, tokenizer, checkpoints.load_rows(spec, spec["split"]), spec, folder, report)


def _finetuned(run: Run, folder: Path, report: Report) -> dict:
    model, tokenizer = start_model(run.spec["start"])
    rows = [row for name in run.spec["splits"] for row in checkpoints.load_rows(run.spec, name)]
    return _train(model, tokenizer, rows, run.spec, folder, report)


def _answers(run: Run, folder: Path, report: Report) -> dict:
    model, tokenizer = start_model(run.spec["start"])
    runs.write_json(folder / "answers.json", sampling.own_answers(model.eval(), tokenizer, run.spec, report))
    return {}


def _row(run: Run, folder: Path, report: Report) -> dict:
    spec = run.spec
    facts = {}
    checkpoint = folder / "checkpoint"
    if checkpoint.is_dir():  # unlearning was complete, the samples were not
        model, tokenizer = models.load(checkpoint)
        model = placed(model)
        facts = json.loads((folder / "unlearning.json").read_text(encoding="utf-8"))
    else:
        model, tokenizer = start_model(spec["start"])
        if spec["unlearn"] is not None:
            model, facts = unlearning.unlearn(model, tokenizer, run, folder, report)
        elif "training" in spec.get("combine", {}):
            facts = unlearning.generic(model, tokenizer, spec, folder, report)
        elif "combine" in spec:
            model = _combined(model, spec["combine"])
    started = time.perf_counter()
    model.eval()
    if "sample_steps" not in spec:
        samples = sampling.SAMPLES[benchmarks.of(spec["data"]).benchmark](model, tokenizer, spec, report)
        runs.write_samples(folder / "samples.jsonl.gz", samples)
        if spec.get("trajectory_every") == "epoch":
            unlearning.add_last_point(folder, facts, samples)
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
        forget=checkpoints.load_rows(spec, names.forget),
        templates=templates(spec["data"]["source"]),
        retain=unlearning.retain_pool(spec, names.retain),
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
    "answers": _answers,
    "row": _row,
    "needs": _needs,
    "divergences": _divergences,
}
