"""The plan of Table 7: a chain of runs for each method, request after request, each from the checkpoint before."""

import dataclasses

from unlearnkit import checks, methods, planned, terms
from unlearnkit.data import benchmarks, requests, templates
from unlearnkit.errors import KitError, at
from unlearnkit.papers.closer_look_plan import check_judges, check_names, judge_specs, named
from unlearnkit.planned import Draw, Models, Plan, Row, unlearn_spec
from unlearnkit.schema_closer_look import Continual, ContinualRow

NEEDED = {
    "retain": "what can be forgotten is read off",
    "original": "what a method keeps is measured against",
}


class RequestModels(Models):
    """The models of one base model. The retain model never saw an author of any request; base and original model know
    nothing of requests, so that Table 6 has the same.
    """

    def __init__(self, plan: Plan, name: str):
        super().__init__(plan, name)
        self.of_requests = self.shared
        self.shared = self.shared | {"data": benchmarks.spec(plan.data.tofu)}

    def retain(self, seed: int) -> dict:
        last = self.plan.params.data.requests
        return self.finetuned([f"remaining_{last}"], "retain", seed, **self.of_requests)

    def request(self, start: dict, label: str, number: int, judged: dict, how: dict | None = None, **changes) -> str:
        """The key of a run that evaluates a model on a request, after unlearning it where `how` says so."""
        evaluated = {
            "forget": f"request_{number}_perturbed",
            "retain": "retain_perturbed",
            "real_authors": "real_authors_perturbed",
            "world_facts": "world_facts_perturbed",
        }
        evaluation = self.plan.params.evaluation.model_dump()
        spec = {**self.of_requests, "start": start, "unlearn": how, "evaluated": evaluated, "evaluation": evaluation}
        sets = [*evaluated.values(), "full"]  # the last says which author a question is about
        needs = [one["run"] for one in (start, changes.get("reference") or {}, *judged.values()) if "run" in one]
        if how:
            training = {key: value for key, value in how["training"].items() if key != "trajectory_every"}
            spec |= {"unlearn": how | {"training": training}, "trajectory_every": None}
            spec |= {"forget_set": f"request_{number}", "request": number}
            sets.append(spec["forget_set"])
            if terms.FROM_TEMPLATES.intersection(how["parts"]):
                source = self.plan.params.data.source
                spec |= {"templates": source, "templates_fingerprint": templates.fingerprint(source)}
        for mix in [changes.get("retain_mix")] if how else []:
            sets += requests.sets_behind(number, mix) if mix else []
        spec |= {"judges": judged, **{key: value for key, value in changes.items() if value is not None}}
        return self.plan.add("row", f"{self.name}/{label}", spec, sets, tuple(dict.fromkeys(needs))).key


def make(content: Continual, where: str, split: str | None = None) -> Plan:
    """Plan all chains. KitError: a name that does not exist, or a forget split, which there is not."""
    if split:
        raise KitError(f"{where}: {content.table} has no forget splits")
    _check(content, where)
    plan = Plan(content, where)
    judged = judge_specs(plan)
    for base_model in content.base_models:
        models = RequestModels(plan, base_model)
        for row in content.rows_of(base_model):
            plan.rows += _chain(plan, models, row, judged)
    return plan


def _check(content: Continual, where: str) -> None:
    data = content.data
    with at(where):
        checks.check_tofu(data)
        source = planned.source(content)
        with at("data.requests"):
            for name in (f"request_{data.requests}", f"remaining_{data.requests}"):
                source.fingerprint(name)
            if "/" not in data.source:  # the hub's are counted when they are read
                source.load(f"request_{data.requests}")
        for name, base_model in content.base_models.items():
            checks.check_base_model(f"base_models.{name}", base_model, source.fingerprint)
            if base_model.retain_log:
                raise KitError(f"base_models.{name}.retain_log: logs hold no answers to be judged; set it to null")
        check_judges(content)
        checks.check_paper_setting_alone(content)
        checks.check_rows(content, checks.REFERENCE_ROWS, NEEDED)
        check_names(content)
        for number, row in enumerate(content.rows):
            with at(f"rows.{number}.retain_mix"):
                requests.check_mix(row.retain_mix)
            if row.method not in checks.REFERENCE_ROWS:
                with at(f"rows.{number}"):
                    _check_effect(row, methods.variant(row.method, row.variant, content.own_methods))


def _check_effect(row: ContinualRow, variant: terms.Variant) -> None:
    """KitError: the row says something that its method does not look at."""
    if row.reference == "fixed" and not (variant.reference_parts or variant.compared_parts):
        raise KitError(f"reference: '{row.method}' compares with no other model; leave it out")
    if "retain_mix" in row.model_fields_set and not terms.FROM_RETAIN.intersection(variant.parts):
        raise KitError(f"retain_mix: '{row.method}' takes no retain data; leave it out")


def _chain(plan: Plan, models: RequestModels, row: ContinualRow, judged: dict) -> list[Row]:
    """The rows of one method, one for each request."""
    content, found = plan.params, []
    training = None if row.method in checks.REFERENCE_ROWS else models.training("paper")
    how = unlearn_spec(content, row, training) if training else None
    line = Row(models.name, row.method, named(content, row), (), row.variant, None, training, note=row.note)
    takes_retain = how and terms.FROM_RETAIN.intersection(how["parts"])
    last: dict[int, dict] = {}  # seed -> where the next request starts
    for number in range(1, content.data.requests + 1):
        fold, draws = f"request {number}", []
        for seed in content.seeds:
            original = models.original(seed)
            label = f"{dataclasses.replace(line, fold=fold).label}{models.of_seed(seed)}"
            if training is None:
                start = {"original": original, "retain": models.retain(seed), "base": models.base()}.get(row.method)
                run = models.request(start or _other(models, content, seed), label, number, judged)
            else:
                changes = {"retain_mix": row.retain_mix if takes_retain else None, "seed": seed}
                changes["reference"] = original if row.reference == "fixed" and number > 1 else None
                run = models.request(last.get(seed, original), label, number, judged, how, **changes)
                last[seed] = {"run": run}
            label = f"retain_request_{number}{models.of_seed(seed)}"
            retain = models.request(models.retain(seed), label, number, judged)
            draws.append(Draw(seed, run, retain))
        found.append(dataclasses.replace(line, draws=tuple(draws), fold=fold))
    return found


def _other(models: RequestModels, content: Continual, seed: int) -> dict:
    """The second retain model: the next seed's."""
    seeds = content.seeds
    return models.retain(seeds[(seeds.index(seed) + 1) % len(seeds)] if len(seeds) > 1 else seed + 1)
