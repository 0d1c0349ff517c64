"""The plan of the study of ME's convergence: methods at several learning rates, measured at named steps on the way."""

import dataclasses

from unlearnkit import checks, terms
from unlearnkit.data import tofu
from unlearnkit.errors import KitError, at
from unlearnkit.papers.closer_look_plan import named
from unlearnkit.planned import Draw, Models, Plan, Row, unlearn_spec
from unlearnkit.schema_closer_look import Convergence, ConvergenceRow, rate_note

UNTRAINED = "untrained"  # the same architecture with random weights, those of the first seed
REFERENCES = {name: checks.REFERENCE_ROWS[name] for name in ("original", "retain")} | {UNTRAINED: "Untrained LLM"}
NEEDED = {
    "original": "what a method keeps is measured against",
    "retain": "what membership reads where nobody was a member is shown by",
    UNTRAINED: "entropy gaps are compared with",
}


class ConvergenceModels(Models):
    """The models of one base model, and runs that are measured on the way."""

    def untrained(self) -> dict:
        """Where a model with random weights starts; the base model gives it the architecture and the tokenizer."""
        return self.base() | {"untrained": self.plan.params.seeds[0]}

    def measured(self, start: dict, label: str, how: dict | None = None, seed: int = 0) -> str:
        """The key of a run that measures a model, after and while unlearning it where `how` says so."""
        content, names = self.plan.params, tofu.splits(self.plan.params.data.forget_split)
        evaluated = {"forget": names.forget_perturbed, "unseen": tofu.UNSEEN, "retain": names.retain_perturbed}
        spec = {**self.shared, "start": start, "unlearn": how, "evaluated": evaluated}
        spec["evaluation"] = content.evaluation.model_dump() | {"entropy": True}
        sets = [*evaluated.values(), "full"]  # the last says which author a question is about
        if how:
            changes, read = self.unlearning(how, seed, names.forget, names.retain)
            spec |= changes | {"at_steps": content.at_steps}
            if terms.FROM_RETAIN.intersection(how["parts"]):
                spec["retain_pool"] = content.data.retain_pool
            sets += read
        needs = (start["run"],) if "run" in start else ()
        return self.plan.add("row", f"{self.name}/{label}", spec, sets, needs).key


def make(content: Convergence, where: str, split: str | None = None) -> Plan:
    """Plan all rows. KitError: a name that does not exist, data without unseen authors, or a forget split."""
    if split:
        raise KitError(f"{where}: {content.table} has one forget split, its own; set data.forget_split")
    with at(where):
        _check(content)
    plan = Plan(content, where)
    for base_model in content.base_models:
        for row in content.rows_of(base_model):
            plan.rows.append(_row(plan, ConvergenceModels(plan, base_model), row))
    names = [row.name for row in plan.rows]
    for name in names:
        if names.count(name) > 1:  # the table's own learning rate, written out in one of them
            raise KitError(f"{where}: rows: '{name}' is there twice")
    return plan


def _check(content: Convergence) -> None:
    data = content.data
    checks.check_tofu(data)
    if data.source != "universe":
        raise KitError(
            f"data.source: '{data.source}' has no set '{tofu.UNSEEN}', authors whom no model ever saw: membership "
            "could not be measured; set it to 'universe'"
        )
    checks.check_forget_split("data.forget_split", data.forget_split, data)
    for name, base_model in content.base_models.items():
        checks.check_base_model(f"base_models.{name}", base_model, checks.fingerprint_of(data))
        if base_model.retain_log:
            raise KitError(f"base_models.{name}.retain_log: logs hold no entropies; set it to null")
    checks.check_paper_setting_alone(content)
    if content.unlearn.paper.schedule != "constant_with_warmup":
        raise KitError(
            "unlearn.paper.schedule: a point after some steps is what so many steps give only with "
            "'constant_with_warmup'"
        )
    checks.check_rows(content, REFERENCES, NEEDED)
    for number, row in enumerate(content.rows):
        if row.method in REFERENCES and row.learning_rate:
            raise KitError(f"rows.{number}.learning_rate: the reference row '{row.method}' has none of its own")


def _row(plan: Plan, models: ConvergenceModels, row: ConvergenceRow) -> Row:
    content = plan.params
    if row.method in REFERENCES:
        line, how = Row(models.name, row.method, REFERENCES[row.method], ()), None
    else:
        training = models.training("paper")
        training["learning_rate"] = row.learning_rate or training["learning_rate"]
        note = rate_note(training["learning_rate"])
        name = named(content, row) + ("" if row.note else f", {note}")
        line = Row(models.name, row.method, name, (), row.variant, None, training, note=note)
        how = unlearn_spec(content, row, training)
    draws = []
    for seed in content.seeds:
        retain = models.measured(models.retain(content.data.forget_split, seed), f"retain{models.of_seed(seed)}")
        run = retain
        if row.method != "retain":
            start = models.untrained() if row.method == UNTRAINED else models.original(seed)
            of_seed = "" if row.method == UNTRAINED else models.of_seed(seed)  # one for all seeds, as the base model
            run = models.measured(start, f"{line.label}{of_seed}", how, seed)
        draws.append(Draw(seed, run, retain))
    return dataclasses.replace(line, draws=tuple(draws))
