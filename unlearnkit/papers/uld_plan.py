"""The plan of Table 9: every method unlearns each forget split from the original model, itself or by an assistant."""

import dataclasses
import hashlib
import math

from unlearnkit import checks, methods, paths
from unlearnkit.data import augment, tofu
from unlearnkit.errors import KitError, at
from unlearnkit.papers.closer_look_plan import add_rows, check_splits, named, of_splits, retain_model, start_of
from unlearnkit.planned import Draw, Models, Plan, Row, unlearn_spec
from unlearnkit.schema_uld import FIELDS, SET, AssistedRow, LogitDifference, LogitDifferenceBook

NEEDED = {"retain": "forget quality is measured against", "original": "what a method keeps is measured against"}

# Of an assisted method's parameters: at least the first, less than the second.
RANGES = {"alpha": (0, math.inf), "beta": (0, math.inf), "filter": (0, 1)}


def make(content: LogitDifference, where: str, split: str | None = None) -> Plan:
    """Plan all rows, on one forget split alone where `split` names it. KitError: a name that does not exist."""
    _check(content, where)
    plan = of_splits(content, where, split)
    add_rows(plan, lambda models, row, forget_split: _row(plan, models, row, forget_split))
    return plan


def _check(content: LogitDifference, where: str) -> None:
    data = content.data
    with at(where):
        checks.check_tofu(data)
        for name, base_model in content.base_models.items():
            checks.check_base_model(f"base_models.{name}", base_model, checks.fingerprint_of(data))
            if base_model.retain_log:
                raise KitError(f"base_models.{name}.retain_log: each split has a retain model of its own; set null")
        checks.check_paper_setting_alone(content)
        checks.check_rows(content, checks.REFERENCE_ROWS, NEEDED, methods.ASSISTED)
        check_splits(content)
        check_assistant(content)
        _check_own(content)
        for number, row in enumerate(content.rows):
            if not row.augmented and row.method != "uld":
                raise KitError(f"rows.{number}.augmented: of all methods ULD alone learns from augmented data")


def check_assistant(content: LogitDifference | LogitDifferenceBook) -> None:
    """KitError: more layers than a model has, LoRA without a rate of its own or beside a layer that is not there, a
    row's parameter out of RANGES.
    """
    how = content.assistant
    if how.training.learning_rate == "as_finetune":
        raise KitError("assistant.training.learning_rate: LoRA takes a rate of its own, not 'as_finetune'")
    checks.check_lora(content, "assistant.training.", how.training.lora, content.base_models)
    for name, base_model in content.base_models.items():
        depth = base_model.scratch.architecture.num_hidden_layers if base_model.scratch else math.inf
        if how.layers > depth:
            raise KitError(f"assistant.layers: {how.layers}, and {name} has {depth}")
    for number, row in enumerate(content.rows):
        if row.method not in methods.ASSISTED:
            continue
        for name in row.parameters.keys() & RANGES.keys():
            value, (least, end) = row.parameters[name], RANGES[name]
            if not least <= value < end:
                raise KitError(f"rows.{number}.parameters.{name}: {value} is not in [{least}, {end})")


def _check_own(content: LogitDifference) -> None:
    how = content.assistant
    if how.training.trajectory_every:
        raise KitError("assistant.training.trajectory_every: every epoch is measured anyway; set it to null")
    if how.augmentation == SET:
        if tofu.folder(content.data.source) is None:
            raise KitError("assistant.augmentation: no set of the hub's; give 'fields' or a file of your own")
        with at("assistant.augmentation"):
            tofu.file(content.data.source, "augmentation")
    elif how.augmentation != FIELDS:
        with at("assistant.augmentation"):
            augment.read(how.augmentation)


def _row(plan: Plan, models: Models, row: AssistedRow, forget_split: str) -> Row:
    content, how, changes = plan.params, None, {}
    training = None if row.method in checks.REFERENCE_ROWS else models.training_of(row) | row.changes
    name = named(content, row)
    line = Row(models.name, row.method, name, (), row.variant, None, training, fold=forget_split, note=row.note)
    if training:
        how = unlearn_spec(content, row, training | {"trajectory_every": "epoch"})
        changes = _augmentation(plan, row, forget_split) if row.method == "uld" else {}
    draws = []
    for seed in content.seeds:
        label = f"retain_{forget_split}{models.of_seed(seed)}"
        retain = models.row(retain_model(models, forget_split, seed), label, forget_split)
        run = retain
        if row.method != "retain":
            start = start_of(plan, models, row.method, forget_split, seed)
            run = models.row(start, f"{line.label}{models.of_seed(seed)}", forget_split, how, seed, **changes)
        draws.append(Draw(seed, run, retain))
    return dataclasses.replace(line, draws=tuple(draws))


def _augmentation(plan: Plan, row: AssistedRow, forget_split: str) -> dict:
    """What ULD's assistant learns besides the forget and retain set, for a row's spec.

    KitError: a file of the user's does not have enough of it for the forget set.
    """
    content, names = plan.params.assistant, tofu.splits(forget_split)
    if not row.augmented:
        return {"augmentation": {"forget": names.forget, "paraphrases": 0, "wrong_answers": 0}}
    spec = {"forget": names.forget, "paraphrases": content.paraphrases, "wrong_answers": content.wrong_answers}
    if content.augmentation == FIELDS:
        return {"augmentation": spec | {"forget": names.forget_perturbed}}
    if content.augmentation == SET:
        fingerprint = plan.data.fingerprint("augmentation")
        return {"augmentation": spec | {"set": "augmentation"}, "augmentation_fingerprint": fingerprint}
    if tofu.folder(plan.params.data.source):  # the hub's set may not be on this machine before the first run
        with at(f"{plan.where}: assistant.augmentation"):
            forget = plan.data.load(names.forget)
            augment.further(forget, content.paraphrases, content.wrong_answers, content.augmentation)
    fingerprint = hashlib.sha256(paths.inside(content.augmentation).read_bytes()).hexdigest()[:16]
    return {"augmentation": spec | {"file": content.augmentation}, "augmentation_fingerprint": fingerprint}
