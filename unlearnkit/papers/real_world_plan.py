"""The plan of Table 8: the original model is a released one, what it says itself is what methods train on."""

import dataclasses

from unlearnkit import checks, planned, terms, zeroshot
from unlearnkit.data import real_world, templates
from unlearnkit.errors import KitError, at
from unlearnkit.papers.closer_look_plan import check_judges, check_names, judge_specs, named
from unlearnkit.planned import Draw, Models, Plan, Row, unlearn_spec
from unlearnkit.schema_closer_look import RealWorld, RealWorldRow

# Nobody can train a retain model: the released one's pre-training cannot be done again without these people.
REFERENCES = {"original": "Original LLM"}
NEEDED = {"original": "what a method keeps is measured against"}


def templates_of(source: str) -> str:
    """Which template responses belong to a data source, as `templates.templates` takes it."""
    return "universe" if source == "people" else "local"


class PeopleModels(Models):
    """The models of one base model that has met the people in its pre-training."""

    def read_by_tokenizer(self, pretrain_split: str) -> list[str]:
        return [pretrain_split]

    def answers(self) -> dict | None:
        """Where the original model's own answers are: its run, or None for those that the files have."""
        if self.plan.params.data.targets == "file":
            return None
        how = self.plan.params.evaluation.model_dump(include={"max_length", "max_new_tokens", "tokens_per_batch"})
        start, sets = self.base(), list(real_world.GROUPS)
        spec = {**self.shared, "start": start, "asked": sets, "evaluation": how}
        needs = (start["run"],) if "run" in start else ()
        return {"run": self.plan.add("answers", f"{self.name}/its own answers", spec, sets, needs).key}

    def evaluated(self, label: str, judged: dict, how: dict | None = None, seed: int = 0) -> str:
        """The key of a run that evaluates the base model, after unlearning it where `how` says so."""
        start, answers, content = self.base(), self.answers(), self.plan.params
        spec = {**self.shared, "start": start, "unlearn": how, "evaluation": content.evaluation.model_dump()}
        spec |= {"answers": answers, "judges": judged}
        spec["tasks_fingerprint"] = zeroshot.fingerprint(zeroshot.task_folder(content.evaluation.task_files))
        # The groups say whom a question is about, and hold the answers where these are the files'.
        sets = [*real_world.GROUPS, *real_world.EVALUATED.values()]
        if how:
            changes, read = self.unlearning(how, seed, "forget", "neighbor")
            spec, sets = spec | changes, sets + read
            if terms.FROM_TEMPLATES.intersection(how["parts"]):
                spec["templates"] = templates_of(content.data.source)
                spec["templates_fingerprint"] = templates.fingerprint(spec["templates"])
        needs = [one["run"] for one in (start, answers or {}, *judged.values()) if "run" in one]
        sets, needs = list(dict.fromkeys(sets)), tuple(dict.fromkeys(needs))
        return self.plan.add("row", f"{self.name}/{label}", spec, sets, needs).key


def make(content: RealWorld, where: str, split: str | None = None) -> Plan:
    """Plan all rows. KitError: a name that does not exist, a data set that does not fit, or a forget split."""
    if split:
        raise KitError(f"{where}: {content.table} has no forget splits")
    with at(where):
        _check(content)
    plan = Plan(content, where)
    judged = judge_specs(plan)
    for base_model in content.base_models:
        for row in content.rows_of(base_model):
            plan.rows.append(_row(plan, PeopleModels(plan, base_model), row, judged))
    return plan


def _check(content: RealWorld) -> None:
    source, how = planned.source(content), content.evaluation
    with at("data.source"):
        source.fingerprint("forget")
        if "/" not in content.data.source:  # the hub's are looked at when they are read
            source.check()
    if content.data.targets == "file" and "/" not in content.data.source:
        with at("data.targets"):
            for group in real_world.GROUPS:
                source.rows(group)
    for name, base_model in content.base_models.items():
        checks.check_base_model(f"base_models.{name}", base_model, source.fingerprint)
        if base_model.scratch and base_model.scratch.finetune_mix:
            raise KitError(f"base_models.{name}.scratch.finetune_mix: nothing is fine-tuned; set it to null")
    check_judges(content)
    checks.check_paper_setting_alone(content)
    if content.unlearn.paper.learning_rate == "as_finetune":
        raise KitError("unlearn.paper.learning_rate: nothing is fine-tuned; give a number")
    with at("evaluation.task_files"):
        folder = zeroshot.task_folder(how.task_files)
    with at("evaluation.tasks"):
        zeroshot.check_files(list(how.tasks), folder)
    checks.check_rows(content, REFERENCES, NEEDED)
    check_names(content)


def _row(plan: Plan, models: PeopleModels, row: RealWorldRow, judged: dict) -> Row:
    content = plan.params
    training = None if row.method in REFERENCES else models.training("paper")
    if training and row.learning_rate:
        training |= {"learning_rate": row.learning_rate}
    name = named(content, row)
    line = Row(models.name, row.method, name, (), row.variant, None, training, note=row.note)
    how = unlearn_spec(content, row, training) if training else None
    original, draws = models.evaluated("original", judged), []
    for seed in content.seeds:
        run = original
        if how:
            run = models.evaluated(f"{line.label}{models.of_seed(seed)}", judged, how, seed)
        draws.append(Draw(seed, run, original))
    return dataclasses.replace(line, draws=tuple(draws))
