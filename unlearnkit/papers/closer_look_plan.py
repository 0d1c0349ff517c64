"""The plan of Table 6: every method unlearns each forget split from the original model; judges read what it says."""

import dataclasses
from collections.abc import Callable

from unlearnkit import checks, hub, judges, methods
from unlearnkit.errors import KitError, at, nearest
from unlearnkit.models import fingerprint
from unlearnkit.plan import printed_as
from unlearnkit.planned import Draw, Models, Plan, Row, unlearn_spec
from unlearnkit.schema import Params, RowParams
from unlearnkit.schema_closer_look import TINY, Fictitious, Judge, NotedRow
from unlearnkit.schema_uld import LogitDifference

# As A Closer Look calls the methods that have another name in FLAT's tables.
NAMES = methods.PRINTED_BY["A Closer Look"]
NEEDED = {
    "retain": "forget quality and the classifier's AUC are measured against",
    "original": "what a method keeps is measured against",
}


def make(content: Fictitious, where: str, split: str | None = None) -> Plan:
    """Plan all rows, on one forget split alone where `split` names it. KitError: a name that does not exist."""
    _check(content, where)
    plan = of_splits(content, where, split)
    judged = judge_specs(plan)
    add_rows(plan, lambda models, row, forget_split: _row(plan, models, row, forget_split, judged))
    return plan


def of_splits(content: Params, where: str, split: str | None) -> Plan:
    """A plan without rows on all of `data.forget_splits`, or on the one that `split` names. KitError: no such split."""
    if content.data.forget_splits == [split]:
        split = None
    if split:
        with at(where):
            checks.check_forget_split("split", split, content.data)
        content = content.model_copy(update={"data": content.data.model_copy(update={"forget_splits": [split]})})
    return Plan(content, where, split)


def add_rows(plan: Plan, row_of: Callable[[Models, RowParams, str], Row]) -> None:
    """Every base model's rows on every forget split that has them."""
    for base_model in plan.params.base_models:
        models = Models(plan, base_model)
        for forget_split in plan.params.data.forget_splits:
            plan.rows += [
                row_of(models, row, forget_split)
                for row in plan.params.rows_of(base_model)
                if row.forget_splits is None or forget_split in row.forget_splits
            ]


def judge_specs(plan: Plan) -> dict:
    """Where the judges of a table come from, for a row's spec."""
    content = plan.params.judges
    if content.suffix:
        spec = {"seed": plan.params.seeds[0], "fingerprint": judges.fingerprint()}
        run = plan.add("judges", "judges", spec, [])
        return {"encoder": {"run": run.key}, "nli": {"run": run.key}}
    return {"encoder": _judge(content.encoder), "nli": _judge(content.nli)}


def _judge(one: Judge) -> dict:
    revision = hub.revision("model", one.source, one.revision)
    return {"source": one.source, "revision": revision, "fingerprint": fingerprint(one.source)}


def check_judges(content: Fictitious) -> None:
    """KitError: a judge that is neither tiny nor a folder nor a hub id."""
    for name, one in (("encoder", content.judges.encoder), ("nli", content.judges.nli)):
        if one.source != TINY:
            checks.check_model_source(f"judges.{name}.source", one.source)


def check_names(content: Params) -> None:
    """KitError: a reference row that is not like those of all methods, or two rows of one name."""
    seen: dict[tuple[str, str], int] = {}
    for number, row in enumerate(content.rows):
        own = sorted(row.model_fields_set - RowParams.model_fields.keys())
        if own and row.method in checks.REFERENCE_ROWS and (row.method, own) != ("retain_2", ["forget_splits"]):
            raise KitError(f"rows.{number}.{own[0]}: the reference row '{row.method}' has none of its own")
        label = Row("", row.method, "", (), row.variant, note=row.note).label
        for name in row.base_models or content.base_models:
            if (name, label) in seen:
                other = seen[name, label]
                raise KitError(f"rows.{number}.note: '{row.note}' makes the row's name that of rows.{other}, '{label}'")
            seen[name, label] = number


def _check(content: Fictitious, where: str) -> None:
    data = content.data
    with at(where):
        checks.check_tofu(data)
        for name, base_model in content.base_models.items():
            checks.check_base_model(f"base_models.{name}", base_model, checks.fingerprint_of(data))
            if base_model.retain_log:
                raise KitError(f"base_models.{name}.retain_log: logs hold no answers to be judged; set it to null")
        check_judges(content)
        checks.check_paper_setting_alone(content)
        checks.check_rows(content, checks.REFERENCE_ROWS, NEEDED)
        check_splits(content)


def check_splits(content: Fictitious | LogitDifference) -> None:
    """KitError: a forget split that does not exist, or rows of a table with several that are no rows of it."""
    data = content.data
    for number, forget_split in enumerate(data.forget_splits):
        checks.check_forget_split(f"data.forget_splits.{number}", forget_split, data)
    check_names(content)
    for number, row in enumerate(content.rows):
        for one in row.forget_splits or ():
            if one not in data.forget_splits:
                choices = nearest(one, data.forget_splits)
                raise KitError(f"rows.{number}.forget_splits: '{one}' is none of data.forget_splits{choices}")


def _row(plan: Plan, models: Models, row: NotedRow, forget_split: str, judged: dict) -> Row:
    content = plan.params
    training = None if row.method in checks.REFERENCE_ROWS else models.training("paper") | row.changes
    line = Row(
        models.name, row.method, named(content, row), (), row.variant, None, training, fold=forget_split, note=row.note
    )
    how = unlearn_spec(content, row, training) if training else None
    draws = []
    for seed in content.seeds:
        label = f"retain_{forget_split}{models.of_seed(seed)}"
        retain = models.row(retain_model(models, forget_split, seed), label, forget_split, judges=judged)
        run = retain
        if row.method != "retain":
            start = start_of(plan, models, row.method, forget_split, seed)
            run = models.row(start, f"{line.label}{models.of_seed(seed)}", forget_split, how, seed, judges=judged)
        draws.append(Draw(seed, run, retain))
    return dataclasses.replace(line, draws=tuple(draws))


def named(content: Fictitious | LogitDifference, row: NotedRow) -> str:
    """The row's name in the table, as A Closer Look calls the method."""
    name = printed_as(content, row, None) + (f", {row.note}" if row.note else "")
    if row.method in NAMES:
        name = NAMES[row.method] + name.removeprefix(methods.METHODS[row.method].printed_as)
    return name


def start_of(plan: Plan, models: Models, method: str, forget_split: str, seed: int) -> dict:
    if method == "base":
        return models.base()
    if method == "retain_2":
        seeds = plan.params.seeds
        following = seeds[(seeds.index(seed) + 1) % len(seeds)] if len(seeds) > 1 else seed + 1
        return retain_model(models, forget_split, following)
    return models.original(seed)


def retain_model(models: Models, forget_split: str, seed: int) -> dict:
    return models.retain(forget_split, seed, f"retain {forget_split}")
