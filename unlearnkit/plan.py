"""From a parameter file to the runs and rows of its table: every default resolved before anything is trained."""

import dataclasses
import json
from functools import cache
from pathlib import Path

from unlearnkit import methods, paths, schema
from unlearnkit.checks import REFERENCE_ROWS, check
from unlearnkit.data import tofu
from unlearnkit.errors import KitError
from unlearnkit.planned import Draw, Models, Plan, Row, digest, unlearn_spec


def selection_file(content: schema.Params) -> Path:
    """Where `unlearnkit select` writes its choice: beside the parameter file of that profile and table."""
    return paths.ROOT / "params" / content.profile / f"{content.table}.selected.json"


def selection_key(content: schema.Params, base_model: str, row: schema.RowParams) -> str:
    """What the selection for one base model and method depends on."""
    models = Models(Plan(content, "selection"), base_model)
    grid = content.selection
    original = models.original(content.seeds[0])
    retain = models.retain(grid.forget_split, content.seeds[0])
    unlearn = unlearn_spec(content, row, models.training("selected"))
    run = models.row(original, "any", grid.forget_split, unlearn, content.seeds[0], trajectory_every=None)
    return digest([run, retain, grid.model_dump()])


def decided_rows(content: schema.Params, base_model: str) -> list[schema.RowParams]:
    """The rows that a selection decides: the methods in the paper's form, in the setting `selected`."""
    return [
        row
        for row in content.rows_of(base_model)
        if row.method not in REFERENCE_ROWS
        and row.variant == "paper"
        and (row.setting or content.unlearn.default) == "selected"
    ]


def _selected(content: schema.Params, where: str, base_model: str, row: schema.RowParams) -> dict:
    """The learning rate and steps chosen for a method; a release variant takes those of the paper's form."""
    file = selection_file(content)
    command = f"run: make select TABLE={content.table} PROFILE={content.profile}"
    if not file.exists():
        raise KitError(f"{where}: the setting 'selected' needs {paths.shown(file)}, which does not exist; {command}")
    found = _chosen(paths.state(file)).get(base_model, {}).get(row.method)
    paper_form = next((one for one in decided_rows(content, base_model) if one.method == row.method), None)
    if paper_form is None:
        raise KitError(
            f"{where}: the row '{row.method}' ({row.variant}, selected) takes what is chosen for the row "
            f"'{row.method}' (paper, selected), which is missing"
        )
    if found is None or found["key"] != selection_key(content, base_model, paper_form):
        why = "holds nothing" if found is None else "was chosen for other parameters or data"
        raise KitError(f"{where}: {paths.shown(file)} {why} for {base_model}/{row.method}; {command}")
    return found


@cache  # read once for all rows
def _chosen(state: tuple[Path, int, int]) -> dict[str, dict]:
    return json.loads(state[0].read_text(encoding="utf-8"))["chosen"]


def make(content: schema.Params, where: str, split: str | None = None) -> Plan:
    """Plan all rows of a table, on another forget split where `split` names one.

    KitError: a name that does not exist, a missing selection or data set.
    """
    if split in (None, content.data.forget_split):
        split = None
    else:
        content = content.model_copy(update={"data": content.data.model_copy(update={"forget_split": split})})
    check(content, where)
    plan = Plan(content, where, split)
    for base_model in content.base_models:
        for row in content.rows_of(base_model):
            _add_row(plan, Models(plan, base_model), row)
    return plan


def _add_row(plan: Plan, models: Models, row: schema.RowParams) -> None:
    content, forget_split = plan.params, plan.params.data.forget_split
    setting = row.setting or content.unlearn.default
    training, found = None, {}
    if row.method not in REFERENCE_ROWS:
        training = models.training(setting)
        if setting == "selected":
            found = _selected(content, plan.where, models.name, row)
            scale = plan.data.size(tofu.splits(forget_split).forget) / found["n_forget"]
            training |= {"learning_rate": found["learning_rate"], "steps": max(1, round(found["steps"] * scale))}
    shown = None if training is None or setting == content.unlearn.default else setting
    line = Row(
        models.name,
        row.method,
        printed_as(content, row, shown),
        (),
        row.variant,
        shown,
        training,
        found.get("collapsed", False),
    )
    unlearn = unlearn_spec(content, row, training) if training else None
    draws = []
    for seed in content.seeds:
        retain = None
        if models.params.retain_log is None:
            start = models.retain(forget_split, seed)
            retain = models.row(start, f"retain{models.of_seed(seed)}", forget_split)
        if row.method == "retain":
            run = retain
        else:
            start = _start(plan, models, row.method, seed)
            of_seed = "" if row.method == "base" else models.of_seed(seed)  # one base model for all seeds
            run = models.row(start, f"{line.label}{of_seed}", forget_split, unlearn, seed)
        draws.append(Draw(seed, run, retain))
    plan.rows.append(dataclasses.replace(line, draws=tuple(draws)))


def printed_as(content: schema.Params, row: schema.RowParams, setting: str | None) -> str:
    """The row's name in the table."""
    if row.method in REFERENCE_ROWS:
        return REFERENCE_ROWS[row.method]
    name = (methods.known(content.own_methods) | methods.ASSISTED)[row.method].printed_as
    return name + ("" if row.variant == "paper" else f", {row.variant}") + (f", {setting} setting" if setting else "")


def _start(plan: Plan, models: Models, method: str, seed: int) -> dict:
    """The model that a row evaluates or starts from. A second retain model is the next seed's."""
    seeds, forget_split = plan.params.seeds, plan.params.data.forget_split
    if method == "base":
        return models.base()
    if method == "retain_2":
        following = seeds[(seeds.index(seed) + 1) % len(seeds)] if len(seeds) > 1 else seed + 1
        return models.retain(forget_split, following)
    return models.original(seed)
