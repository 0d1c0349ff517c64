"""One unlearning run: draw its examples, compute the reference once where a method needs it, train, merge adapters."""

import contextlib
import time
from collections.abc import Callable
from pathlib import Path

from unlearnkit import experts
from unlearnkit.data.prompts import PromptFormat
from unlearnkit.errors import KitError
from unlearnkit.methods import variant
from unlearnkit.training import examples, expert
from unlearnkit.training.activations import ActivationTrainer
from unlearnkit.training.callbacks import Probe, Progress
from unlearnkit.training.config import run, sft_config
from unlearnkit.training.divergence import check_head
from unlearnkit.training.dropout import switch_off_dropout
from unlearnkit.training.lora import lora_config, merge
from unlearnkit.training.reference import add_reference_logp, add_reference_states
from unlearnkit.training.unlearn import UnlearnTrainer
from unlearnkit.training.updated import only

FEW = ("lora", "expert", "updated")  # ways to train few parameters


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
    the user's own, training's "lora" describes adapters, its "expert" which experts and its "updated" which modules of
    which layers alone are trained (one of the three at most); without them the kit's methods and full fine-tuning.
    Dropout is off. Returns facts for a manifest: optimiser steps, how many parameters the model has and how many were
    trained, seconds, those of one pass over the forget rows, and the loss of every step (mean over the effective batch,
    keyed by the step as text); of a mixture of experts also "routing", as from `expert.Watch`.
    """
    from datasets import Dataset

    chosen = variant(how["method"], how["variant"], how.get("own_methods"))
    training = how["training"]
    lora, one_expert, updated = (training.get(name) for name in FEW)
    given = [name for name in FEW if training.get(name)]
    if len(given) > 1:
        two = " and ".join(f"'{name}'" for name in given)
        raise KitError(f"training: {two} are two ways to train few parameters; set one of them to null")
    adapters = lora_config(model, lora) if lora else None
    parameters = model.num_parameters()
    switch_off_dropout(model)
    steps, count = examples.examples_needed(training, len(sources.forget))
    drawn = examples.draw(list(chosen.parts), sources, count, seed, chosen.pairing)
    rows = examples.tokenize(drawn, tokenizer, form, training["max_length"])
    watch = None
    if one_expert or experts.is_mixture(model):
        watch = expert.Watch(model, tokenizer, form, sources, training)
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
    selected = watch.select(seed) if one_expert else []
    isolated = expert.isolate(model, selected, one_expert["router"]) if one_expert else contextlib.nullcontext()
    with isolated, only(model, updated):
        trainer = (ActivationTrainer if chosen.inner_parts else UnlearnTrainer)(
            variant=chosen,
            parameters=how["parameters"],
            reference_states=states,
            reference=compared_with,
            anchor=expert.Anchor.of(model, selected, one_expert, chosen.parts) if one_expert else None,
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
        "seconds_per_epoch": round(seconds / optimiser_steps * steps / count * len(sources.forget), 2),
        # The trainer's own history: it survives an interruption, unlike anything a callback remembers.
        "losses": {str(entry["step"]): entry["loss"] for entry in trainer.state.log_history if "loss" in entry},
        **({"routing": watch.facts()} if watch else {}),
    }
