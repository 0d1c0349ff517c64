"""What a method really uses, and what a step of it costs: by trial.

Nothing here asks a method what it needs. The kit's own procedure trains copies of a model on lists that note what is
read; then on data in which one source after the other is replaced. A source is needed if the weights come out
different. What the losses' arguments declare is compared with that; a difference is an error.
"""

import copy
import gc
import itertools
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path

from unlearnkit.data import in_context
from unlearnkit.data.prompts import PromptFormat
from unlearnkit.errors import KitError
from unlearnkit.methods import variant
from unlearnkit.needs.table import COLUMNS, by_column, declared, kind

# Divergence from the original model has no gradient while the model still is the original: retain data shows from the
# second step on. SGD: the update is linear in the gradients; AdamW would blow rounding up to the size of a step.
PROBE = {
    "optimizer": "sgd", "learning_rate": 0.1, "schedule": "constant_with_warmup", "warmup_steps": 0,
    "weight_decay": 0.0, "max_grad_norm": None, "epochs": None, "steps": 3, "batch_size": 4,
    "gradient_accumulation_steps": 1, "save_steps": None,
}  # fmt: skip
# Share of the update by which it must differ. A part that is stacked into the batch but not used still changes its
# width, and so the rounding of everything else.
TOLERANCE = 1e-4


def measure(model, tokenizer, form: PromptFormat, sources, how: dict, seed: int = 0) -> dict:
    """What one method uses and what it costs; `model` stays as it is. Arguments as `training.procedure.unlearn`'s.

    needs: source -> whether the weights after PROBE's steps depend on it; influence: source -> by how much, the
    length of the difference over the length of the update. read: how many entries of a source the whole training of
    `how` read. Per optimiser step of that training: `forward_sequences` and `backward_sequences` through the model,
    `reference_sequences` through the original model (once before training, shared out over the steps).
    `peak_memory_mb`: MiB beyond the model's weights, see `training.watch.LiveBytes`. KitError: the method declares
    what it does not use, or uses what it does not declare; the probing steps change nothing or diverge.
    """
    from unlearnkit.training import procedure, watch

    name = f"method '{how['method']}' ({how['variant']})"
    chosen = variant(how["method"], how["variant"], how.get("own_methods"))
    noting, seen = watch.watched(sources)
    trained = copy.deepcopy(model)
    gc.collect()  # nothing of an earlier run is freed, and counted, inside of this one
    with tempfile.TemporaryDirectory() as folder, watch.passes(trained) as counts, watch.LiveBytes() as memory:
        facts = procedure.unlearn(trained, tokenizer, form, noting, how, seed, Path(folder))
    steps = facts["optimiser_steps"]
    read = {source: len(indices) for source, indices in seen.items()}
    touched = {source for source in replaced(sources) if any(read[one] for one in read if one.startswith(source))}
    touched |= {"reference"} if counts["reference"] else set()
    influence = _influence(model, tokenizer, form, sources, how, seed, name, touched)
    needs = {source: value > TOLERANCE for source, value in influence.items()}
    _check(name, declared(chosen), by_column(needs))
    return {
        "method": how["method"],
        "variant": how["variant"],
        "kind": kind(chosen),
        "source": chosen.source,
        "needs": needs,
        "influence": influence,
        "read": read,
        "steps": steps,
        **{f"{name}_sequences": count / steps for name, count in counts.items()},
        "peak_memory_mb": memory.peak / 2**20,
    }


def _check(name: str, declares: dict[str, bool], uses: dict[str, bool]) -> None:
    for column in COLUMNS:
        if declares[column] and not uses[column]:
            raise KitError(f"{name} declares {column}, but its weights do not depend on it")
        if uses[column] and not declares[column]:
            raise KitError(f"{name} does not declare {column}, but its weights depend on it")


def _influence(model, tokenizer, form, sources, how: dict, seed: int, name: str, touched: set) -> dict[str, float]:
    """Source -> length of the difference that replacing it makes to the update, over the length of the update.

    What is not in `touched` was never read: 0 without a training.
    """
    from unlearnkit.training import watch

    def update(drawn, around=nullcontext):
        return _update(model, tokenizer, form, drawn, how, seed, around)

    plain = update(sources)
    length = plain.norm().item()
    if not 0 < length < float("inf"):
        raise KitError(f"{name}: its weights moved by {length:g} in {PROBE['steps']} steps; its needs do not show")
    trials = {source: (other,) for source, other in replaced(sources).items()}
    trials["reference"] = (sources, watch.other_reference)
    others = {source: update(*trial) if source in touched else plain for source, trial in trials.items()}
    return {source: (other - plain).norm().item() / length for source, other in others.items()}


def _update(model, tokenizer, form, sources, how: dict, seed: int, around: Callable):
    """By how much every weight moved in PROBE's steps: one vector, float32, on the CPU."""
    import torch

    from unlearnkit.training import procedure

    trained = copy.deepcopy(model)
    probe = how | {"training": how["training"] | PROBE}
    with tempfile.TemporaryDirectory() as folder, around(trained):
        procedure.unlearn(trained, tokenizer, form, sources, probe, seed, Path(folder))
    before, after = dict(model.named_parameters()), dict(trained.named_parameters())
    return torch.cat([(after[name].detach() - before[name].detach()).float().flatten().cpu() for name in before])


def replaced(sources) -> dict:
    """Source -> the same data with that source replaced: every text by another one from the same place.

    Retain questions and answers move by different steps: no question keeps its answer. KitError: a source has too few
    entries for that.
    """
    from unlearnkit.training.examples import Sources

    forget, templates, retain = list(sources.forget), list(sources.templates), list(sources.retain)
    for source, entries, least in (("forget", forget, 2), ("templates", templates, 2), ("retain", retain, 3)):
        if len(entries) < least:
            raise KitError(
                f"needs: to replace {source} by other texts takes {least} entries or more, not {len(entries)}"
            )
    return {
        "forget_questions": Sources(_moved(forget, "question", 1), templates, retain),
        "forget_answers": Sources(_moved(forget, "answer", 1), templates, retain),
        "templates": Sources(forget, templates[1:] + templates[:1], retain),
        "retain": Sources(forget, templates, _moved(_moved(retain, "question", 1), "answer", 2)),
    }


def _moved(entries: list[dict], field: str, by: int) -> list[dict]:
    """The entries, each with the field of the entry `by` places further on."""
    texts = [entry[field] for entry in entries]
    return [entry | {field: text} for entry, text in zip(entries, texts[by:] + texts[:by], strict=True)]


def measure_in_context(tokenizer, name: str, sources, pairs: int) -> dict:
    """What the in-context refusal of prompt format `name` uses, as `measure` says it; nothing is trained.

    influence: 1 where the prompt comes out different, else 0. `prompt_tokens`: how many it adds to every question.
    """
    from unlearnkit.data.prompts import prompt_format
    from unlearnkit.training import watch

    def prompt(drawn) -> str:
        shown = in_context.examples_to_show(drawn.forget, drawn.templates, drawn.retain, pairs)
        return in_context.in_context_refusal(name, shown).before

    noting, seen = watch.watched(sources)
    plain = prompt(noting)
    needs = {source: prompt(other) != plain for source, other in replaced(sources).items()} | {"reference": False}
    added = len(tokenizer(plain)["input_ids"]) - len(tokenizer(prompt_format(name).before)["input_ids"])
    return {
        "method": "in_context",
        "printed_as": "In-context refusal",
        "variant": "paper",
        "kind": "input-based",
        "source": "ours, after the prompting baselines of the field: an instruction and worked examples",
        "needs": needs,
        "influence": {source: float(needed) for source, needed in needs.items()},
        "read": {source: len(indices) for source, indices in seen.items()},
        "steps": 0,
        "prompt_tokens": added,
    }


def seconds_a_step(model, tokenizer, form, sources, hows: Sequence[dict], seed: int = 0, rounds: int = 3) -> list[list]:
    """Per method the median seconds of an optimiser step in each round; a round trains every method once, in turn.

    The first step of a training does not count, nor what comes before it: the reference. On the CPU these are seconds
    of processor time, which other processes on the machine hardly change; on a GPU seconds of the clock.
    """
    import torch

    from unlearnkit.training import procedure

    clock = time.perf_counter if torch.cuda.is_available() else time.process_time
    found: list[list[float]] = [[] for _ in hows]
    for _ in range(rounds):
        for how, medians in zip(hows, found, strict=True):
            ends: list[float] = []
            with tempfile.TemporaryDirectory() as folder:
                procedure.unlearn(
                    copy.deepcopy(model), tokenizer, form, sources, how, seed, Path(folder),
                    report=lambda step, steps, ends=ends: ends.append(clock()),
                )  # fmt: skip
            if len(ends) < 3:
                raise KitError(f"needs: a step's seconds are a median; {len(ends)} steps are too few, take 3 or more")
            medians.append(statistics.median(b - a for a, b in itertools.pairwise(ends)))
    return found


def measure_all(
    model,
    tokenizer,
    form: PromptFormat,
    sources,
    hows: Sequence[dict],
    seed: int = 0,
    rounds: int = 3,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> list[dict]:
    """`measure` of every method of `hows` (GA in its paper's form among them), with its seconds a step.

    `seconds_per_step`: the median over rounds; `relative_seconds`: the same over GA's in the same round, and the
    smallest and largest of these, `_lo` and `_hi`. `relative_memory`: over GA's. KitError as `measure`, or no GA.
    """
    ga = next((index for index, how in enumerate(hows) if (how["method"], how["variant"]) == ("ga", "paper")), None)
    if ga is None:
        raise KitError("needs: costs are relative to GA; add method 'ga' to the rows")
    found = []
    gc.collect()
    gc.freeze()  # every training ends with a garbage collection; over all libraries' objects it takes half the time
    try:
        for done, how in enumerate(hows, 1):
            found.append(measure(model, tokenizer, form, sources, how, seed))
            report(done, len(hows) + 1)
        times = seconds_a_step(model, tokenizer, form, sources, hows, seed, rounds)
    finally:
        gc.unfreeze()
    report(len(hows) + 1, len(hows) + 1)
    for one, medians in zip(found, times, strict=True):
        ratios = [mine / theirs for mine, theirs in zip(medians, times[ga], strict=True)]
        one["seconds_per_step"] = statistics.median(medians)
        one["relative_seconds"] = statistics.median(ratios)
        one["relative_seconds_lo"], one["relative_seconds_hi"] = min(ratios), max(ratios)
        one["relative_memory"] = one["peak_memory_mb"] / found[ga]["peak_memory_mb"]
    return found
