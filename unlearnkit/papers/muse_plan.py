"""The plan of Table 5: which documents each model learns, which one a row starts from, and what it is combined with.

Curves: a method also forgets two, three and four sets, all at once from the original model (scal, nested sets) and one
after another (sust, each run from the model that the run before it left). Their first point is the method's own row.
"""

import dataclasses

from unlearnkit import checks, methods, planned
from unlearnkit.data import muse
from unlearnkit.errors import KitError, at, nearest
from unlearnkit.plan import printed_as
from unlearnkit.planned import Draw, Models, Plan, Row, unlearn_spec
from unlearnkit.schema import Muse, RowParams

FORGET, RETAIN, OTHER_RETAIN = "raw/forget", "raw/retain1", "raw/retain2"
TOKENIZER = (RETAIN, OTHER_RETAIN, FORGET)
KINDS = ("scal", "sust")
LATER = range(2, muse.FOLDS + 1)  # sets that a point of a curve forgets; one set is the method's own row
IN_CURVES = ("verbmem", "knowmem_retain")  # what these runs are asked
NEEDED = {"retain": "PrivLeak is measured against", "original": "collapse is measured against"}


def _fold(kind: str, number: int) -> str:
    return f"{kind}/forget_{number}"


class MuseModels(Models):
    """The models of one base model that meet the documents."""

    def read_by_tokenizer(self, pretrain_split: str) -> list[str]:
        return [pretrain_split, *TOKENIZER]

    def original(self, seed: int) -> dict:
        once_more = ["raw/continuations"] * (self.plan.params.data.continuations - 1)
        return self.finetuned([FORGET, *once_more, *self._later_folds(), RETAIN, OTHER_RETAIN], "original", seed)

    def retain(self, seed: int) -> dict:
        label = "retain" if seed in self.plan.params.seeds else "second retain"
        return self.finetuned([*self._later_folds(), RETAIN, OTHER_RETAIN], label, seed)

    def _later_folds(self) -> list[str]:
        """What curves forget beside the forget set: every model has learnt it, also the retain model."""
        return [_fold("sust", number) for number in LATER] if self.plan.params.curves else []

    def evaluated(
        self,
        start: dict,
        label: str,
        unlearn: dict | None = None,
        combine: dict | None = None,
        seed: int = 0,
        forget_set: str = FORGET,
        asked: tuple[str, ...] = tuple(muse.ASKED),
    ) -> str:
        """The key of a run that evaluates a model, after unlearning or combining it where these say how.

        `asked`: of what the table asks, what this run is asked.
        """
        evaluation = self.plan.params.evaluation.model_dump()
        evaluation["asked"] = [name for name in asked if name in evaluation["asked"]]
        spec = {
            **self.shared,
            "start": start,
            "unlearn": unlearn,
            "evaluation": evaluation,
        }
        sets, needs = muse.read_for(evaluation["asked"]), [start["run"]] if "run" in start else []
        if combine:
            spec["combine"] = combine
            needs.append(combine["reinforced"])
            sets += [combine["forget_set"]] if "forget_set" in combine else []
        if unlearn:
            changes, read = self.unlearning(unlearn, seed, forget_set, RETAIN)
            spec, sets = spec | changes, [*sets, *read]
        return self.plan.add("row", f"{self.name}/{label}", spec, sets, tuple(needs)).key


def make(content: Muse, where: str, split: str | None = None) -> Plan:
    """Plan all rows. KitError: a name that does not exist, no data, or a forget split, which there is not."""
    if split:
        raise KitError(f"{where}: {content.table} has no forget splits")
    with at(where):
        _check(content)
    plan = Plan(content, where)
    for base_model in content.base_models:
        models = MuseModels(plan, base_model)
        for row in content.rows_of(base_model):
            plan.rows.append(_row(plan, models, row))
        for method in content.curves or ():
            plan.rows += _curves(plan, models, method)
    return plan


def _check(content: Muse) -> None:
    source, asked = planned.source(content), content.evaluation.asked
    for number, name in enumerate(asked):
        if name not in muse.ASKED or name in asked[:number]:
            what = "is there twice" if name in asked[:number] else f"is nothing to ask{nearest(name, muse.ASKED)}"
            raise KitError(f"evaluation.asked: '{name}' {what}")
    with at("data.source"):
        for name in (*muse.read_for(asked), *TOKENIZER):
            source.fingerprint(name)
        if "/" not in content.data.source:  # the hub's documents are looked at when a model is asked
            source.evaluated(asked)
    for name, base_model in content.base_models.items():
        checks.check_base_model(f"base_models.{name}", base_model, source.fingerprint)
        if base_model.retain_log:
            raise KitError(f"base_models.{name}.retain_log: there are no logs for this benchmark; set it to null")
    checks.check_paper_setting_alone(content)
    if content.generic is None and any(row.method == "whp_generic" for row in content.rows):
        raise KitError("generic: it is null, but the row 'whp_generic' trains by it; give it what 'reinforce' has")
    checks.check_rows(content, [*checks.REFERENCE_ROWS, *methods.ARITHMETIC], NEEDED)
    _check_curves(content, source)


def _check_curves(content: Muse, source: muse.Source) -> None:
    trained = [row.method for row in content.rows if row.variant == "paper" and row.base_models is None]
    trained = [name for name in trained if name not in (*checks.REFERENCE_ROWS, *methods.ARITHMETIC)]
    for number, name in enumerate(content.curves or ()):
        if name not in trained or name in content.curves[:number]:
            what = "is there twice" if name in trained else f"is no row that trains{nearest(name, trained)}"
            raise KitError(f"curves: '{name}' {what}")
    if content.curves and "knowmem_retain" not in content.evaluation.asked:
        raise KitError("curves: they show KnowMem on retain, so evaluation.asked must have 'knowmem_retain'")
    with at("data.source"):
        for name in [_fold(kind, number) for kind in KINDS for number in LATER] if content.curves else ():
            source.fingerprint(name)


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


def _curves(plan: Plan, models: MuseModels, method: str) -> list[Row]:
    """The points of a method's two curves behind its own row."""
    (row,) = (one for one in plan.rows if (one.base_model, one.method, one.variant) == (models.name, method, "paper"))
    how, found = plan.runs[row.draws[0].run].spec["unlearn"], []
    for kind in KINDS:
        before = row
        for number in LATER:
            fold = _fold(kind, number)
            sets = f"{number} forget sets {'at once' if kind == 'scal' else 'in turn'}"
            line = dataclasses.replace(row, printed_as=f"{row.printed_as}, {sets}", draws=(), fold=fold)
            draws = []
            for draw, last in zip(row.draws, before.draws, strict=True):
                start = {"run": last.run} if kind == "sust" else models.original(draw.seed)
                label = f"{line.label}{models.of_seed(draw.seed)}"
                run = models.evaluated(start, label, how, None, draw.seed, fold, IN_CURVES)
                draws.append(dataclasses.replace(draw, run=run))
            before = dataclasses.replace(line, draws=tuple(draws))
            found.append(before)
    return found


def _start(plan: Plan, models: MuseModels, method: str, seed: int) -> dict:
    """The model that a row evaluates or starts from. A second retain model is the next seed's."""
    if method == "base":
        return models.base()
    if method in ("retain", "retain_2"):
        seeds = plan.params.seeds
        following = seeds[(seeds.index(seed) + 1) % len(seeds)] if len(seeds) > 1 else seed + 1
        return models.retain(following if method == "retain_2" else seed)
    return models.original(seed)
