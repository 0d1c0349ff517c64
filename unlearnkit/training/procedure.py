"""One unlearning run: draw its examples, compute the reference once where a method needs it, train, merge adapters."""

import time
from collections.abc import Callable
from pathlib import Path

from unlearnkit.data.prompts import PromptFormat
from unlearnkit.methods import variant
from unlearnkit.training import examples
from unlearnkit.training.callbacks import Probe, Progress
from unlearnkit.training.config import run, sft_config
from unlearnkit.training.divergence import check_head
from unlearnkit.training.dropout import switch_off_dropout
from unlearnkit.training.lora import lora_config, merge
from unlearnkit.training.reference import add_reference_logp, add_reference_states
from unlearnkit.training.unlearn import UnlearnTrainer


def unlearn(
    model,
    tokenizer,
    form: PromptFormat,
    sources: examples.Sources,
    how: dict,
    seed: int,
    folder: Path,
    report: Callable[[int, int], None] = lambda step, steps: None,
    probes: tuple[Probe, ...] = (),
    reference=None,
) -> dict:
    """Unlearn `sources.forget` from `model` in place. `reference`: the model that losses compare with; None: `model` as
    it is now.

    `how`: {"method", "variant", "parameters", "parts", "training"} as planned; "own_methods" is the path of a file of
    the user's own, training's "lora" describes adapters; without them the kit's methods and full fine-tuning. Dropout
    is off. Returns facts for a manifest: optimiser steps, how many parameters the model has and how many were trained,
    seconds, those of one pass over the forget rows, and the loss of every step (mean over the effective batch, keyed by
    the step as text).
    """
    from datasets import Dataset

    chosen = variant(how["method"], how["variant"], how.get("own_methods"))
    training = how["training"]
    lora = training.get("lora")
    adapters = lora_config(model, lora) if lora else None
    parameters = model.num_parameters()
    switch_off_dropout(model)
    steps, count = examples.examples_needed(training, len(sources.forget))
    drawn = examples.draw(list(chosen.parts), sources, count, seed, chosen.pairing)
    rows = examples.tokenize(drawn, tokenizer, form, training["max_length"])
    started = time.perf_counter()
    compared_with = model if reference is None else reference
    switch_off_dropout(compared_with)
    for part in chosen.reference_parts:
        add_reference_logp(rows, part, compared_with, tokenizer, training)
    for part in chosen.uniform_parts:
        check_head(model, rows[0][f"{part}_input_ids"])
    longest = max(len(row[f"{part}_input_ids"]) for row in rows for part in chosen.parts)
    states = {}
    for part in chosen.compared_parts:
        length = longest if f"{part}_kl_all" in chosen.arguments else None  # the only one that looks at padding
        states[part] = add_reference_states(rows, part, compared_with, tokenizer, training, length)
    trainer = UnlearnTrainer(
        variant=chosen,
        parameters=how["parameters"],
        reference_states=states,
        reference=compared_with,
        peft_config=adapters,
        model=model,
        args=sft_config(training, folder, seed, steps, remove_unused_columns=False, logging_steps=1),
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
        callbacks=[Progress(report), *probes],
    )
    trainable = trainer.model.num_parameters(only_trainable=True)
    optimiser_steps = run(trainer, folder)
    if adapters:
        merge(trainer.model)  # `model` is a plain model again
    seconds = time.perf_counter() - started - sum(probe.seconds for probe in probes)
    return {
        "optimiser_steps": optimiser_steps,
        "parameters": parameters,
        "trainable_parameters": trainable,
        "unlearning_seconds": round(seconds, 2),
        "seconds_per_epoch": round(seconds * len(sources.forget) / count, 2),
        # The trainer's own history: it survives an interruption, unlike anything a callback remembers.
        "losses": {str(entry["step"]): entry["loss"] for entry in trainer.state.log_history if "loss" in entry},
    }
