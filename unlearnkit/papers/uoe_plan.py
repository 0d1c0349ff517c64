"""The plan of Table 10: two things are forgotten, each by every method, from a base model as it was pre-trained."""

import dataclasses

from unlearnkit import checks, methods, planned, zeroshot
from unlearnkit.data.prompts import prompt_format
from unlearnkit.errors import KitError, at
from unlearnkit.papers.closer_look_plan import check_names
from unlearnkit.planned import Draw, Models, Plan, Row, unlearn_spec
from unlearnkit.schema_training import MIXTURES
from unlearnkit.schema_uoe import OneExpertRow, OneExpertTable

REFERENCES = {"original": "Pretrained"}
NEEDED = {"original": "what a method keeps is measured against"}
NAMES = methods.PRINTED_BY["SEUF"]
EFFICACY = {"wmdp": "wmdp_accuracy", "rwku": "rwku_rouge_l_recall"}  # forget efficacy: a metric of each benchmark


class GuildModels(Models):
    """The models of one base model that knows from its pre-training what is to be forgotten."""

    def read_by_tokenizer(self, pretrain_split: str) -> list[str]:
        return [pretrain_split]

    def evaluated(self, label: str, benchmark: str, how: dict | None = None, seed: int = 0) -> str:
        """The key of a run that evaluates the base model on a benchmark, after unlearning where `how` says so."""
        start, content = self.base(), self.plan.params
        spec = {**self.shared, "start": start, "unlearn": how, "asked": [benchmark]}
        spec["evaluation"] = content.evaluation.model_dump()
        spec["tasks_fingerprint"] = zeroshot.fingerprint(zeroshot.task_folder(content.evaluation.task_files))
        sets = ["rwku/forget", "rwku/level1", "rwku/level2"] if benchmark == "rwku" else []
        if benchmark == "rwku" and self.params.probe_format:
            spec["probe_format"] = self.params.probe_format
        if how:
            changes, read = self.unlearning(how, seed, f"{benchmark}/forget", f"{benchmark}/retain")
            level = EFFICACY[benchmark]
            spec |= changes | {"at_steps": content.at_steps, "until": {level: getattr(content.reached, level)}}
            sets += read
        needs = (start["run"],) if "run" in start else ()
        return self.plan.add("row", f"{self.name}/{label}", spec, list(dict.fromkeys(sets)), needs).key


def make(content: OneExpertTable, where: str, split: str | None = None) -> Plan:
    """Plan all rows. KitError: a name that does not exist, a data set that does not fit, or a forget split."""
    if split:
        raise KitError(f"{where}: {content.table} has no forget splits")
    with at(where):
        _check(content)
    plan = Plan(content, where)
    for base_model in content.base_models:
        models = GuildModels(plan, base_model)
        for benchmark in EFFICACY:
            plan.rows += [
                _row(plan, models, row, benchmark)
                for row in content.rows_of(base_model)
                if row.benchmarks is None or benchmark in row.benchmarks
            ]
    return plan


def _check(content: OneExpertTable) -> None:
    source, how = planned.source(content), content.evaluation
    with at("data"):
        for name in ("wmdp/forget", "rwku/forget"):
            source.fingerprint(name)
        if "/" not in content.data.wmdp + content.data.rwku:  # the hub's are looked at when they are read
            source.check()
    for name, base_model in content.base_models.items():
        checks.check_base_model(f"base_models.{name}", base_model, source.fingerprint)
        if base_model.probe_format:
            with at(f"base_models.{name}.probe_format"):
                prompt_format(base_model.probe_format)
        if base_model.scratch and base_model.scratch.finetune_mix:
            raise KitError(f"base_models.{name}.scratch.finetune_mix: nothing is fine-tuned; set it to null")
    checks.check_paper_setting_alone(content)
    if content.unlearn.paper.learning_rate == "as_finetune":
        raise KitError("unlearn.paper.learning_rate: nothing is fine-tuned; give a number")
    if content.unlearn.paper.schedule != "constant_with_warmup":
        raise KitError("unlearn.paper.schedule: training that may end at any of at_steps needs 'constant_with_warmup'")
    with at("evaluation.task_files"):
        folder = zeroshot.task_folder(how.task_files)
    with at("evaluation"):
        zeroshot.check_files([*how.wmdp_tasks, *how.utility_tasks], folder)
    checks.check_rows(content, REFERENCES, NEEDED)
    check_names(content)
    for number, row in enumerate(content.rows):
        with at(f"rows.{number}"):
            _check_experts(content, row)


def _check_experts(content: OneExpertTable, row: OneExpertRow) -> None:
    """KitError: single experts of a model that has none, as far as the kit makes the model itself."""
    for name in (row.base_models or content.base_models) if row.expert else ():
        scratch = content.base_models[name].scratch
        if scratch and scratch.architecture.family not in MIXTURES:
            raise KitError(f"expert: the base model '{name}' has no experts; name those that have in 'base_models'")


def _row(plan: Plan, models: GuildModels, row: OneExpertRow, benchmark: str) -> Row:
    content, reference = plan.params, row.method in REFERENCES
    training = None if reference else models.training("paper") | row.changes
    line = Row(
        models.name, row.method, named(content, row), (), row.variant, None, training, fold=benchmark, note=row.note
    )
    how = unlearn_spec(content, row, training) if training else None
    original, draws = models.evaluated(f"original_{benchmark}", benchmark), []
    for seed in content.seeds:
        run = models.evaluated(f"{line.label}{models.of_seed(seed)}", benchmark, how, seed) if how else original
        draws.append(Draw(seed, run, original))
    return dataclasses.replace(line, draws=tuple(draws))


def named(content: OneExpertTable, row: OneExpertRow) -> str:
    """The row's name in the table: GA, GA+UOE, RMU+UOE top 3."""
    if row.method in REFERENCES:
        return REFERENCES[row.method]
    name = NAMES.get(row.method, methods.known(content.own_methods)[row.method].printed_as)
    return name + (f"+{row.note}" if row.note else "") + (f" ({row.variant})" if row.variant != "paper" else "")
