"""The plan of the likeness study: methods unlearn the same facts with retain data from one class or another."""

import dataclasses

from unlearnkit import checks, methods, planned, terms
from unlearnkit.data import benchmarks, likeness
from unlearnkit.errors import KitError, at
from unlearnkit.papers.closer_look_plan import check_names, named
from unlearnkit.planned import Draw, Models, Plan, Row, unlearn_spec
from unlearnkit.schema_studies import Likeness, LikenessRow

REFERENCES = {name: checks.REFERENCE_ROWS[name] for name in ("original", "retain")}
ALONE = "idk"  # what AP is added to, in params/own
NEEDED = {
    "retain": "what can be forgotten is read off",
    "original": "what a method keeps is measured against",
    ALONE: "the effect of retain data is measured against",
}
EVALUATED = {"forget": "facts_forget"} | {kind: f"{kind}_evaluated" for kind in likeness.CLASSES}


class LikenessModels(Models):
    """The models of one base model. Base and original model know nothing of classes, so that Table 6 has the same."""

    def __init__(self, plan: Plan, name: str):
        super().__init__(plan, name)
        self.of_study = self.shared
        self.shared = self.shared | {"data": benchmarks.spec(plan.data.tofu)}

    def retain(self, seed: int) -> dict:
        return self.finetuned(["facts_remaining"], "retain", seed, **self.of_study)

    def study(self, start: dict, label: str, seed: int, how: dict | None = None, retain_from: str | None = None) -> str:
        """The key of a run that evaluates a model on the forget set and all classes, after unlearning where `how` says
        so.
        """
        evaluation = self.plan.params.evaluation.model_dump()
        spec = {**self.of_study, "start": start, "unlearn": how, "evaluated": EVALUATED, "evaluation": evaluation}
        sets = [*EVALUATED.values(), "full"]  # the last says which author a question is about
        if how:
            changes, read = self.unlearning(how, seed, "facts_forget", f"{retain_from}_drawn" if retain_from else None)
            spec, sets = spec | changes, sets + read
        return self.plan.add("row", f"{self.name}/{label}", spec, list(dict.fromkeys(sets)), (start["run"],)).key


def make(content: Likeness, where: str, split: str | None = None) -> Plan:
    """Plan all rows. KitError: a name that does not exist, a source without genres, or a forget split."""
    if split:
        raise KitError(f"{where}: {content.table} has no forget splits")
    with at(where):
        _check(content)
    plan = Plan(content, where)
    for base_model in content.base_models:
        models = LikenessModels(plan, base_model)
        plan.rows += [_row(plan, models, row) for row in content.rows_of(base_model)]
    return plan


def _check(content: Likeness) -> None:
    source = planned.source(content)
    with at("data.source"):
        source.genres()
    with at("data.forget_split"):
        for kind in likeness.CLASSES:
            source.class_rows(kind)
    for name, base_model in content.base_models.items():
        checks.check_base_model(f"base_models.{name}", base_model, source.fingerprint)
        if base_model.retain_log:
            raise KitError(f"base_models.{name}.retain_log: logs hold no answers to these questions; set it to null")
    checks.check_paper_setting_alone(content)
    checks.check_rows(content, REFERENCES, NEEDED)
    check_names(content)
    for number, row in enumerate(content.rows):
        if row.method not in REFERENCES:
            with at(f"rows.{number}.retain_from"):
                _check_retain(row, methods.variant(row.method, row.variant, content.own_methods))


def _check_retain(row: LikenessRow, variant: terms.Variant) -> None:
    """KitError: no such class, or the method takes no retain data, or takes some and does not say which."""
    takes_retain = bool(terms.FROM_RETAIN.intersection(variant.parts))
    if row.retain_from is None and takes_retain:
        raise KitError(f"'{row.method}' takes retain data; name one of {', '.join(likeness.CLASSES)}")
    if row.retain_from is not None:
        if not takes_retain:
            raise KitError(f"'{row.method}' takes no retain data; leave it out")
        likeness.check_class(row.retain_from)


def _row(plan: Plan, models: LikenessModels, row: LikenessRow) -> Row:
    content = plan.params
    training = None if row.method in REFERENCES else models.training("paper")
    name = named(content, row)
    line = Row(models.name, row.method, name, (), row.variant, None, training, note=row.note)
    how = unlearn_spec(content, row, training) if training else None
    draws = []
    for seed in content.seeds:
        retain = models.study(models.retain(seed), f"retain{models.of_seed(seed)}", seed)
        run = retain
        if row.method != "retain":
            label = f"{line.label}{models.of_seed(seed)}"
            run = models.study(models.original(seed), label, seed, how, row.retain_from)
        draws.append(Draw(seed, run, retain))
    return dataclasses.replace(line, draws=tuple(draws))
