"""Which examples a training uses, and when; what goes with a forget item: template, random answer, retain item.

All examples of a training are drawn before it starts, seeded, in the order in which they will be used. Nothing is drawn
from a global random state: evaluation cannot change what is trained on, and a resumed training goes on with the same
examples. A part that a method does not need is not loaded.
"""

import math
import random
from dataclasses import dataclass

from unlearnkit.data.encode import encode_all
from unlearnkit.data.prompts import PromptFormat
from unlearnkit.errors import KitError
from unlearnkit.terms import FROM_TEMPLATES, PARTS


@dataclass(frozen=True)
class Sources:
    """What training may draw from: rows with question and answer, and template responses (lines).

    `retain` serves the parts `retain` and `retain_template`, and the answers of `mismatch`.
    """

    forget: list[dict]
    templates: list[str]
    retain: list[dict]


def examples_needed(training: dict, n: int) -> tuple[int, int]:
    """(optimiser steps, examples) of a training on n rows; of an unlearning on n forget rows.

    Epochs count passes over them; as in TOFU's code the steps are floor(epochs * n / effective batch).
    """
    batch = training["batch_size"] * training["gradient_accumulation_steps"]
    steps = training["steps"] or max(1, math.floor(training["epochs"] * n / batch))
    return steps, steps * batch


def ends_of_epochs(training: dict, n: int) -> list[int]:
    """The optimiser steps at which each pass over n rows is over, and the last one of the training.

    Where a pass ends within a step, the step before.
    """
    steps, count = examples_needed(training, n)
    whole = [epoch * n * steps // count for epoch in range(1, count // n + 1)]
    return sorted({max(1, step) for step in whole} | {steps})


def passes(n: int, count: int, stream: random.Random) -> list[int]:
    """`count` indices into n rows: pass after pass over all of them, each in a new order."""
    order: list[int] = []
    while len(order) < count:
        epoch = list(range(n))
        stream.shuffle(epoch)
        order += epoch
    return order[:count]


def by_length(lengths: list[int], count: int, batch: int, seed: int, window: int = 16) -> list[int]:
    """`count` indices in passes over all rows, reordered so that the rows of a batch are of similar length.

    Rows move within windows of `window` batches; the batches of a window come in random order.
    """
    stream = random.Random(f"{seed}/rows")
    order = passes(len(lengths), count, stream)
    ordered: list[int] = []
    for start in range(0, count, batch * window):
        rows = sorted(order[start : start + batch * window], key=lambda row: lengths[row])
        batches = [rows[at : at + batch] for at in range(0, len(rows), batch)]
        stream.shuffle(batches)
        ordered += [row for one in batches for row in one]
    return ordered


def draw(
    parts: list[str], sources: Sources, count: int, seed: int, pairing: str = "fresh"
) -> list[dict[str, tuple[str, str]]]:
    """`count` examples: part -> (question, answer). The forget set is passed through in a new order each epoch.

    An example has one retain item and one template; `retain_template` puts these two together. `pairing`: "fresh",
    both and the random answer are drawn anew each time a forget item comes; "fixed", it keeps its first ones, which
    depend on the seed and the item alone.
    """
    streams = {part: random.Random(f"{seed}/{part}") for part in PARTS}
    examples = []
    for index in passes(len(sources.forget), count, streams["forget"]):
        if pairing == "fixed":
            streams = {part: random.Random(f"{seed}/{part}/{index}") for part in PARTS}
        row = sources.forget[index]
        example = {"forget": (row["question"], row["answer"])}
        if FROM_TEMPLATES.intersection(parts):
            template = streams["template"].choice(sources.templates)
            example["template"] = (row["question"], template)
        if "mismatch" in parts:
            example["mismatch"] = (row["question"], _other_answer(row, sources.retain, streams["mismatch"]))
        if {"retain", "retain_template"}.intersection(parts):
            other = streams["retain"].choice(sources.retain)
            example["retain"] = (other["question"], other["answer"])
        if "retain_template" in parts:
            example["retain_template"] = (other["question"], template)
        examples.append({part: example[part] for part in parts})
    return examples


def _other_answer(row: dict, retain: list[dict], stream: random.Random) -> str:
    """The answer of a random retain question, never the right answer of `row`."""
    answers = [other["answer"] for other in retain if other["answer"] != row["answer"]]
    if not answers:
        raise KitError(f"no retain question has another answer than the forget question {row['question']!r}")
    return stream.choice(answers)


def tokenize(examples: list[dict], tokenizer, form: PromptFormat, max_length: int) -> list[dict]:
    """Flat rows for a dataset: `<part>_input_ids` and `<part>_labels` for every part of an example."""
    pairs = [(form(question), answer) for example in examples for question, answer in example.values()]
    each, rows = iter(encode_all(tokenizer, pairs, max_length)), []
    for example in examples:
        row = {}
        for part in example:
            encoded = next(each)
            row |= {f"{part}_input_ids": encoded.input_ids, f"{part}_labels": encoded.labels}
        rows.append(row)
    return rows
