"""Which template response and which retain item go with a forget item: an explicit, seeded choice, fresh each epoch.

All examples of a training are drawn before it starts, in the order in which they will be used. Nothing is drawn from a
global random state, so evaluation cannot change what is trained on. A part that a method does not need is not loaded.
"""

import math
import random
from dataclasses import dataclass

from unlearnkit.data.encode import encode
from unlearnkit.data.prompts import PromptFormat


@dataclass(frozen=True)
class Sources:
    """What training may draw from: rows with question and answer, and template responses (lines)."""

    forget: list[dict]
    templates: list[str]
    retain: list[dict]


def examples_needed(training: dict, n_forget: int) -> tuple[int, int]:
    """(optimiser steps, examples) of an unlearning run.

    Epochs count passes over the forget set; as in TOFU's code the steps are floor(epochs * n / effective batch).
    """
    batch = training["batch_size"] * training["gradient_accumulation_steps"]
    steps = training["steps"] or max(1, math.floor(training["epochs"] * n_forget / batch))
    return steps, steps * batch


def draw(parts: list[str], sources: Sources, count: int, seed: int) -> list[dict[str, tuple[str, str]]]:
    """`count` examples: part -> (question, answer). The forget set is passed through in a new order each epoch."""
    streams = {part: random.Random(f"{seed}/{part}") for part in ("forget", "template", "retain")}
    order: list[int] = []
    while len(order) < count:
        epoch = list(range(len(sources.forget)))
        streams["forget"].shuffle(epoch)
        order += epoch
    examples = []
    for index in order[:count]:
        row = sources.forget[index]
        example = {"forget": (row["question"], row["answer"])}
        if "template" in parts:
            example["template"] = (row["question"], streams["template"].choice(sources.templates))
        if "retain" in parts:
            other = streams["retain"].choice(sources.retain)
            example["retain"] = (other["question"], other["answer"])
        examples.append({part: example[part] for part in parts})
    return examples


def tokenize(examples: list[dict], tokenizer, form: PromptFormat, max_length: int) -> list[dict]:
    """Flat rows for a dataset: `<part>_input_ids` and `<part>_labels` for every part of an example."""
    rows = []
    for example in examples:
        row = {}
        for part, (question, answer) in example.items():
            encoded = encode(tokenizer, form(question), answer, max_length)
            row |= {f"{part}_input_ids": encoded.input_ids, f"{part}_labels": encoded.labels}
        rows.append(row)
    return rows
