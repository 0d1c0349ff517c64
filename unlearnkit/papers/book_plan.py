"""The plan of a table that forgets a book: which models meet it, which runs there are, and what is refused."""

import dataclasses
from collections.abc import Callable, Iterable

from unlearnkit import checks, planned, zeroshot
from unlearnkit.errors import KitError, at
from unlearnkit.plan import printed_as
from unlearnkit.planned import Draw, Models, Plan, Row, unlearn_spec
from unlearnkit.schema import Book, RowParams

# The base model never saw the book: it is what the table calls the retained model.
REFERENCES = {"base": "Retained LLM", "original": "Original LLM"}
NEEDED = {"base": "FQ Gap is measured against", "original": "collapse is measured against"}


class BookModels(Models):
    """The models of one base model that meet a book."""

    def read_by_tokenizer(self, pretrain_split: str) -> list[str]:
        return ["texts"]

    def original(self, seed: int) -> dict:
        return self.finetuned(["book"], "original", seed)

    def evaluated(
        self, start: dict, label: str, unlearn: dict | None = None, seed: int = 0, behind: tuple[str, ...] = ()
    ) -> str:
        """The key of a run that evaluates a model, after unlearning it where `unlearn` says how.

        `behind`: a run that has to be complete first. What cannot be asked or scored is so found out on the base model,
        before anything is unlearned.
        """
        how = self.plan.params.evaluation
        spec = {**self.shared, "start": start, "unlearn": unlearn, "evaluation": how.model_dump()}
        spec["tasks_fingerprint"] = zeroshot.fingerprint(zeroshot.task_folder(how.task_files))
        sets = ["forget"]
        if unlearn:
            changes, read = self.unlearning(unlearn, seed, "forget", "retain")
            spec, sets = spec | changes, [*sets, *read]
        needs = (start["run"],) if "run" in start else ()
        return self.plan.add("row", f"{self.name}/{label}", spec, sets, needs + behind).key


def make(content: Book, where: str, split: str | None = None) -> Plan:
    """Plan all rows. KitError: a name that does not exist, no book, or a forget split, which there is not."""
    return of_book(content, where, split)


def of_book(
    content: Book,
    where: str,
    split: str | None,
    references: dict[str, str] = REFERENCES,
    named: Callable[[Book, RowParams], str] = lambda content, row: printed_as(content, row, None),
    assisted: Iterable[str] = (),
) -> Plan:
    """`make`, for a table of any paper. `references`: base and original as it prints them; `named`: its names of other
    rows; `assisted`: methods that train an assistant, where the table has some.
    """
    if split:
        raise KitError(f"{where}: {content.table} has no forget splits")
    with at(where):
        _check(content)
        checks.check_rows(content, references, NEEDED, assisted)
    plan = Plan(content, where)
    for base_model in content.base_models:
        for row in content.rows_of(base_model):
            name = references.get(row.method) or named(content, row)
            plan.rows.append(_row(plan, BookModels(plan, base_model), row, name))
    return plan


def _check(content: Book) -> None:
    source, how = planned.source(content), content.evaluation
    source.check()
    _check_lengths(content)
    for name, base_model in content.base_models.items():
        checks.check_base_model(f"base_models.{name}", base_model, source.fingerprint)
        if base_model.retain_log:
            raise KitError(f"base_models.{name}.retain_log: the base model stands for the retain model; set it to null")
    checks.check_paper_setting_alone(content)
    with at("evaluation.task_files"):
        folder = zeroshot.task_folder(how.task_files)
    with at("evaluation.tasks"):
        zeroshot.check_files([*how.tasks, how.perplexity], folder)


def _check_lengths(content: Book) -> None:
    """What can be said without a tokenizer: a word has one token or more. Every excerpt is looked at in a run."""
    data, how = content.data, content.evaluation
    if data.prompt_length + how.max_new_tokens > how.max_length:
        raise KitError(
            f"data.prompt_length: a prompt of {data.prompt_length} {data.unit} and {how.max_new_tokens} new tokens are "
            f"more than evaluation.max_length, {how.max_length}"
        )
    for name, base_model in content.base_models.items():
        scratch = base_model.scratch
        if scratch and scratch.architecture.max_position_embeddings < how.max_length:
            raise KitError(
                f"evaluation.max_length: {how.max_length} tokens are more than the model's window, "
                f"base_models.{name}.scratch.architecture.max_position_embeddings: "
                f"{scratch.architecture.max_position_embeddings}"
            )


def _row(plan: Plan, models: BookModels, row: RowParams, name: str) -> Row:
    content = plan.params
    training = None if row.method in REFERENCES else models.training_of(row)
    note = getattr(row, "note", None)
    line = Row(models.name, row.method, name, (), row.variant, None, training, note=note)
    unlearn = unlearn_spec(content, row, training) if training else None
    base, draws = models.evaluated(models.base(), "base"), []
    for seed in content.seeds:
        run = base
        if row.method != "base":
            label = f"{line.label}{models.of_seed(seed)}"
            run = models.evaluated(models.original(seed), label, unlearn, seed, behind=(base,))
        draws.append(Draw(seed, run, base))
    return dataclasses.replace(line, draws=tuple(draws))
