"""Base, original and retain models: plain supervised training with TRL's SFTTrainer, answers only in the loss."""

from collections.abc import Callable
from pathlib import Path

from unlearnkit.data.encode import Encoded, encode_all
from unlearnkit.data.prompts import PromptFormat
from unlearnkit.training import examples
from unlearnkit.training.callbacks import Progress
from unlearnkit.training.config import run, sft_config


def train(
    model,
    tokenizer,
    rows: list[dict],
    form: PromptFormat,
    training: dict,
    seed: int,
    folder: Path,
    report: Callable[[int, int], None],
) -> int:
    """Train `model` in place on question-answer rows; returns the number of optimiser steps.

    The loss is the token-mean cross-entropy of answers and their end-of-sequence tokens, over the effective batch.
    `folder` holds the trainer's checkpoints; an interrupted training goes on from the last one.
    """
    sequences = encoded(tokenizer, rows, form, training)
    return train_encoded(model, tokenizer, sequences, training, seed, folder, report)


def encoded(tokenizer, rows: list[dict], form: PromptFormat, training: dict) -> list[Encoded]:
    """Question-answer rows as token ids; labels are the answers'."""
    pairs = [(form(row["question"]), row["answer"]) for row in rows]
    return encode_all(tokenizer, pairs, training["max_length"])


def train_encoded(
    model,
    tokenizer,
    sequences: list[Encoded],
    training: dict,
    seed: int,
    folder: Path,
    report: Callable[[int, int], None],
) -> int:
    """`train` on sequences, whatever their labels are."""
    from datasets import Dataset
    from trl import SFTTrainer

    steps, count = examples.examples_needed(training, len(sequences))
    order = examples.by_length([len(e.input_ids) for e in sequences], count, count // steps, seed)
    dataset = Dataset.from_list([{"input_ids": e.input_ids, "labels": e.labels} for e in sequences])
    trainer = SFTTrainer(
        model=model,
        args=sft_config(training, folder, seed, steps, logging_steps=50),
        train_dataset=dataset.select(order),
        processing_class=tokenizer,
        callbacks=[Progress(report)],
    )
    return run(trainer, folder)
