"""The plan of Table 5: which documents each model learns, which one a row starts from, and what it is combined with."""

from unlearnkit import checks, methods, planned
from unlearnkit.data import muse
from unlearnkit.errors import KitError, at
from unlearnkit.plan import printed_as
from unlearnkit.planned import Draw, Models, Plan, Row, unlearn_spec
from unlearnkit.schema import Muse, RowParams

FORGET, RETAIN, OTHER_RETAIN = "raw/forget", "raw/retain1", "raw/retain2"
TOKENIZER = (RETAIN, OTHER_RETAIN, FORGET)
NEEDED = {"retain": "PrivLeak is measured against", "original": "collapse is measured against"}


class MuseModels(Models):
    """The models of one base model that meet the documents."""

    def read_by_tokenizer(self, pretrain_split: str) -> list[str]:
        return [pretrain_split, *TOKENIZER]

    def original(self, seed: int) -> dict:
        return self.finetuned([FORGET, RETAIN, OTHER_RETAIN], "original", seed)

    def retain(self, seed: int) -> dict:
        label = "retain" if seed in self.plan.params.seeds else "second retain"
        return self.finetuned([RETAIN, OTHER_RETAIN], label, seed)

    def evaluated(
        self, start: dict, label: str, unlearn: dict | None = None, combine: dict | None = None, seed: int = 0
    ) -> str:
        """The key of a run that evaluates a model, after unlearning or combining it where these say how."""
        spec = {
            **self.shared,
            "start": start,
            "unlearn": unlearn,
            "evaluation": self.plan.params.evaluation.model_dump(),
        }
        sets, needs = list(muse.EVALUATED), [start["run"]] if "run" in start else []
        if combine:
            spec["combine"] = combine
            needs.append(combine["reinforced"])
            sets += [combine["forget_set"]] if "forget_set" in combine else []
        if unlearn:
            training = {key: value for key, value in unlearn["training"].items() if key != "trajectory_every"}
            spec |= {"unlearn": unlearn | {"training": training}, "seed": seed, "trajectory_every": None}
            spec |= {"forget_set": FORGET, "retain_set": RETAIN, "templates": "universe"}
            sets.append(FORGET)
            if {"retain", "mismatch"}.intersection(unlearn["parts"]):
                sets.append(RETAIN)
            if "template" in unlearn["parts"]:
                spec["templates_fingerprint"] = planned.templates.fingerprint()
        return self.plan.add("row", f"{self.name}/{label}", spec, sets, tuple(needs)).key


def make(content: Muse, where: str, split: str | None = None) -> Plan:
    """Plan all rows. KitError: a name that does not exist, no data, or a forget split, which there is not."""
    if split:
        raise KitError(f"{where}: {content.table} has no forget splits")
    with at(where):
        _check(content)
    plan = Plan(content, where)
    for base_model in content.base_models:
        for row in content.rows:
            if row.base_models is None or base_model in row.base_models:
                plan.rows.append(_row(plan, MuseModels(plan, base_model), row))
    return plan


def _check(content: Muse) -> None:
    source = planned.source(content)
    with at("data.source"):
        for name in (*muse.EVALUATED, *TOKENIZER):
            source.fingerprint(name)
        if "/" not in content.data.source:  # the hub's documents are looked at when a model is asked
            source.evaluated()
    for name, base_model in content.base_models.items():
        checks.check_base_model(f"base_models.{name}", base_model, source.fingerprint)
        if base_model.retain_log:
            raise KitError(f"base_models.{name}.retain_log: there are no logs for this benchmark; set it to null")
    if content.unlearn.selected or content.selection:
        raise KitError("unlearn.selected and selection: this table selects nothing; set both to null")
    if content.unlearn.paper.trajectory_every:
        raise KitError("unlearn.paper.trajectory_every: this table has no trajectories; set it to null")
    if content.generic is None and any(row.method == "whp_generic" for row in content.rows):
        raise KitError("generic: it is null, but the row 'whp_generic' trains by it; give it what 'reinforce' has")
    checks.check_rows(content, [*checks.REFERENCE_ROWS, *methods.ARITHMETIC], NEEDED)


def _row(plan: Plan, models: MuseModels, row: RowParams) -> Row:
    content, how = plan.params, None
    loss = row.method not in (*checks.REFERENCE_ROWS, *methods.ARITHMETIC)
    training = models.training("paper") if loss else None
    if row.method == "whp_generic":
        training = content.generic.model_dump()
    arithmetic = methods.ARITHMETIC.get(row.method)
    name = arithmetic.printed_as if arithmetic else printed_as(content, row, None)
    line = Row(models.name, row.method, name, (), row.variant, None, training)
    if loss:
        how = unlearn_spec(content, row, training)
    draws = []
    for seed in content.seeds:
        retain = models.evaluated(models.retain(seed), f"retain{models.of_seed(seed)}")
        start, combine = _start(plan, models, row.method, seed), None
        if arithmetic:
            reinforced = models.reinforced(start, [FORGET], content.reinforce.model_dump(), seed)
            combine = {"rule": row.method, "alpha": row.parameters["alpha"], "reinforced": reinforced["run"]}
            combine |= {"training": training, "seed": seed, "forget_set": FORGET} if training else {}
        of_seed = "" if row.method == "base" else models.of_seed(seed)  # one base model for all seeds
        run = retain
        if row.method != "retain":
            run = models.evaluated(start, f"{line.label}{of_seed}", how, combine, seed)
        draws.append(Draw(seed, run, retain))
    return Row(models.name, row.method, name, tuple(draws), row.variant, None, training)


def _start(plan: Plan, models: MuseModels, method: str, seed: int) -> dict:
    """The model that a row evaluates or starts from. A second retain model is the next seed's."""
    if method == "base":
        return models.base()
    if method in ("retain", "retain_2"):
        seeds = plan.params.seeds
        following = seeds[(seeds.index(seed) + 1) % len(seeds)] if len(seeds) > 1 else seed + 1
        return models.retain(following if method == "retain_2" else seed)
    return models.original(seed)
