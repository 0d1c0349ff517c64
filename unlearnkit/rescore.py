"""Metrics from a TOFU evaluation log (`eval_log_aggregated.json`), without a model.
The log becomes samples, keyed by the question cut out of each prompt; the rest is the kit's own metrics.
Format: locuslab/tofu, commit bdc209e; older logs have lists in place of the dicts item number -> value."""

import json
import math
from collections.abc import Iterable
from pathlib import Path

from unlearnkit.errors import KitError
from unlearnkit.metrics.samples import check_same_questions, item_id, tofu_metrics

LOG_SETS = {
    "retain": "eval_log.json",
    "forget": "eval_log_forget.json",
    "real_authors": "eval_real_author_wo_options.json",
    "world_facts": "eval_real_world_wo_options.json",
}
FIELDS = ("avg_gt_loss", "avg_paraphrased_loss", "average_perturb_loss", "rougeL_recall", "generated_text")


def rescore(log_path: str | Path, retain_log_path: str | Path | None = None) -> dict:
    """Model utility by both means, its parts, the forget set's metrics; with retain_log_path forget quality.

    Keys and values as from `tofu_metrics`. Of the retain model's log only the forget set is read.
    Raises KitError, naming file, set and item, for an incomplete log, and for two logs whose forget sets ask
    different questions.
    """
    samples = log_samples(log_path, LOG_SETS)
    if retain_log_path is None:
        return tofu_metrics(samples)
    forget = [sample for sample in samples if sample["set"] == "forget"]
    retain_forget = log_samples(retain_log_path, ["forget"])
    try:
        check_same_questions(forget, retain_forget)
    except KitError as error:
        raise KitError(
            f"{log_path} and {retain_log_path}: {error} (equal item numbers mean nothing: every log counts its own "
            "questions from 0)"
        ) from None
    return tofu_metrics(samples, retain_forget)


def log_samples(path: str | Path, sets: Iterable[str] | None = None) -> list[dict]:
    """A log as samples in the kit's format (metrics/samples.py): of these sets, by default of all that it has.

    Raises KitError, naming file, set and item, where a set that was asked for is missing, or any is incomplete.
    """
    log = _read(path)
    if sets is None:
        sets = [name for name, key in LOG_SETS.items() if key in log] or LOG_SETS
    return [sample for name in sets for sample in _samples(path, log, name)]


def question_of(prompt: str) -> str | None:
    """The question in a logged prompt, `[INST] q [/INST]` or `Question: q`; None for any other prompt."""
    text = prompt.strip()
    for start, end in (("[INST]", "[/INST]"), ("Question:", "\nAnswer:")):
        if text.startswith(start):
            return text.removeprefix(start).partition(end)[0].strip() or None
    return None


def _read(path: str | Path) -> dict:
    try:
        log = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise KitError(f"{path}: no such file") from None
    except OSError as error:
        raise KitError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise KitError(f"{path}: not JSON: {error}") from None
    if not isinstance(log, dict):
        raise KitError(f"{path}: not a TOFU evaluation log: a {type(log).__name__}, not an object of sets")
    return log


def _samples(path: str | Path, log: dict, name: str) -> list[dict]:
    """One set of a log as samples; every item must be in every field.

    A log's per-token mean stands as the log-probability of one token: metrics use only the quotient.
    """
    where = f"{path}: set '{LOG_SETS[name]}'"
    fields = log.get(LOG_SETS[name])
    if not isinstance(fields, dict):
        if "avg_gt_loss" in log:
            raise KitError(f"{where} is missing: the file is one set's log; name eval_log_aggregated.json")
        raise KitError(f"{where} is missing; the file has: {', '.join(log) or 'nothing'}")
    columns = {field: _column(values) for field, values in fields.items() if isinstance(values, dict | list)}
    for field in FIELDS:
        if field not in columns:
            raise KitError(f"{where}: field '{field}' is missing")
    items = {item: None for column in columns.values() for item in column}
    if not items:
        raise KitError(f"{where}: no item")
    for item in items:
        for field, column in columns.items():
            if item not in column:
                raise KitError(f"{where}: item {item} is missing in field '{field}'")
    return [_sample(where, name, item, columns) for item in items]


def _sample(where: str, name: str, item: str, columns: dict[str, dict]) -> dict:
    question = _question(where, item, columns["generated_text"][item])
    answers = [
        {"role": role, "logp": -_number(where, item, field, columns[field][item]), "n_tokens": 1}
        for role, field in (("answer", "avg_gt_loss"), ("paraphrased", "avg_paraphrased_loss"))
    ]
    wrongs = columns["average_perturb_loss"][item]
    if not isinstance(wrongs, list) or not wrongs:
        raise KitError(f"{where}: item {item}: field 'average_perturb_loss' is not a list of wrong answers' losses")
    answers += [
        {"role": "perturbed", "logp": -_number(where, item, "average_perturb_loss", wrong), "n_tokens": 1}
        for wrong in wrongs
    ]
    rouge = _number(where, item, "rougeL_recall", columns["rougeL_recall"][item])
    if not 0 <= rouge <= 1:
        raise KitError(f"{where}: item {item}: field 'rougeL_recall' is {rouge}, not between 0 and 1")
    return {"set": name, "item": item_id(question), "rouge_l_recall": rouge, "answers": answers}


def _column(values: dict | list) -> dict:
    return values if isinstance(values, dict) else {str(index): value for index, value in enumerate(values)}


def _question(where: str, item: str, texts: object) -> str:
    prompt = texts[0] if isinstance(texts, list) and texts and isinstance(texts[0], str) else None
    question = question_of(prompt) if prompt is not None else None
    if question is None:
        raise KitError(
            f"{where}: item {item}: no question in field 'generated_text': its first text must be "
            f"'[INST] ... [/INST]' or 'Question: ...', not {str(prompt)[:60]!r}"
        )
    return question


def _number(where: str, item: str, field: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise KitError(f"{where}: item {item}: field '{field}' holds {value!r}, not a finite number")
    return value
