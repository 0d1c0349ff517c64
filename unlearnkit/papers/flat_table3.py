"""FLAT (arXiv 2410.11143), Table 3: copyrighted text. A book is forgotten; the gold standard never read it."""

import dataclasses
from pathlib import Path

from unlearnkit import checks, claims, planned, plots, results, tables, text, zeroshot
from unlearnkit.captions import unpinned
from unlearnkit.data import book, templates
from unlearnkit.errors import KitError, at
from unlearnkit.metrics.book import book_metrics
from unlearnkit.metrics.book import diversity as diversity_of
from unlearnkit.metrics.tofu import rouge_l_recall
from unlearnkit.papers import claims_table3, measured, trained
from unlearnkit.plan import printed_as
from unlearnkit.planned import Draw, Models, Plan, Row, Run, unlearn_spec
from unlearnkit.schema import Book, RowParams
from unlearnkit.tables import records
from unlearnkit.text import Block

__all__ = ["records"]

NOTEBOOK = "03_flat_table3_copyrighted_text.ipynb"
# The base model never saw the book: it is what the table calls the retained model.
REFERENCES = {"base": "Retained LLM", "original": "Original LLM"}
NEEDED = {"base": "FQ Gap is measured against", "original": "collapse is measured against"}
PRINTED = (("fq_gap", "FQ Gap", 4), ("word_perplexity", "PPL", 4), ("mean_accuracy", "Avg Acc", 4))
PARTS = {
    "completion_bleu": "BLEU",
    "fq_gap_bleu": "its gap",
    "completion_rouge_l_recall": "ROUGE-L",
    "fq_gap_rouge_l": "its gap",
    "distinct_1": "distinct-1",
    "distinct_2": "distinct-2",
    "distinct_3": "distinct-3",
    "token_entropy": "token entropy",
}
COLLAPSED_ABOVE = 10.0  # times the original model's perplexity
COLLAPSED = f"word perplexity above {COLLAPSED_ABOVE:g} times the original's"


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
            training = {key: value for key, value in unlearn["training"].items() if key != "trajectory_every"}
            spec |= {"unlearn": unlearn | {"training": training}, "seed": seed, "trajectory_every": None}
            spec |= {"forget_set": "forget", "retain_set": "retain", "templates": "universe"}
            if {"retain", "mismatch"}.intersection(unlearn["parts"]):
                sets.append("retain")
            if "template" in unlearn["parts"]:
                spec["templates_fingerprint"] = templates.fingerprint()
        needs = (start["run"],) if "run" in start else ()
        return self.plan.add("row", f"{self.name}/{label}", spec, sets, needs + behind).key


def make(content: Book, where: str, split: str | None = None) -> Plan:
    """Plan all rows. KitError: a name that does not exist, no book, or a forget split, which there is not."""
    if split:
        raise KitError(f"{where}: {content.table} has no forget splits")
    with at(where):
        _check(content)
    plan = Plan(content, where)
    for base_model in content.base_models:
        for row in content.rows:
            if row.base_models is None or base_model in row.base_models:
                plan.rows.append(_row(plan, BookModels(plan, base_model), row))
    return plan


def _check(content: Book) -> None:
    source, how = planned.source(content), content.evaluation
    source.check()
    _check_lengths(content)
    for name, base_model in content.base_models.items():
        checks.check_base_model(f"base_models.{name}", base_model, source.fingerprint)
        if base_model.retain_log:
            raise KitError(f"base_models.{name}.retain_log: the base model stands for the retain model; set it to null")
    if content.unlearn.selected or content.selection:
        raise KitError("unlearn.selected and selection: this table selects nothing; set both to null")
    if content.unlearn.paper.trajectory_every:
        raise KitError("unlearn.paper.trajectory_every: this table has no trajectories; set it to null")
    with at("evaluation.task_files"):
        folder = zeroshot.task_folder(how.task_files)
    with at("evaluation.tasks"):
        zeroshot.check_files([*how.tasks, how.perplexity], folder)
    checks.check_rows(content, REFERENCES, NEEDED)


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


def _row(plan: Plan, models: BookModels, row: RowParams) -> Row:
    content = plan.params
    training = None if row.method in REFERENCES else models.training("paper")
    name = REFERENCES.get(row.method) or printed_as(content, row, None)
    line = Row(models.name, row.method, name, (), row.variant, None, training)
    unlearn = unlearn_spec(content, row, training) if training else None
    base, draws = models.evaluated(models.base(), "base"), []
    for seed in content.seeds:
        run = base
        if row.method != "base":
            label = f"{line.label}{models.of_seed(seed)}"
            run = models.evaluated(models.original(seed), label, unlearn, seed, behind=(base,))
        draws.append(Draw(seed, run, base))
    return dataclasses.replace(line, draws=tuple(draws))


def describe(plan: Plan, run: Run) -> str:
    """A finished run's numbers in a few words."""
    return trained.describe(plan, run, book_metrics, PRINTED)


def draws(plan: Plan, failed: dict[str, str]) -> list[dict]:
    """One dictionary per row and seed. `status`: ok, collapsed (see COLLAPSED), stale, failed or missing."""
    drawn = [tables.draw_record(plan, row, draw, failed, book_metrics) for row in plan.rows for draw in row.draws]
    return mark_collapsed(drawn)


def mark_collapsed(drawn: list[dict]) -> list[dict]:
    """The draws, those of status ok marked as collapsed where their perplexity says so."""

    def fell(one: dict, original: dict) -> bool:
        bound = original.get("word_perplexity")
        return bound is not None and not one["word_perplexity"] <= COLLAPSED_ABOVE * bound  # NaN fell too

    return tables.marked(drawn, fell, COLLAPSED)


def blocks(plan: Plan, found: list[dict]) -> list[tuple[str, Block]]:
    sides = {"paper": text.published(plan), "reference": text.reference(plan), "yours": found}
    tasks = {f"accuracy_{task}": task.removeprefix("tiny_") for task in plan.params.evaluation.tasks}
    parts = []
    for base_model, model in plan.params.base_models.items():
        mine = [record for record in found if record["base_model"] == base_model]
        named = [record | {"printed_as": text.label(record)} for record in mine]
        parts += [
            (f"{base_model} (in the paper: {model.printed_as})", text.side_by_side(mine, sides, PRINTED)),
            (f"{base_model}: what FQ Gap is made of, and how diverse completions are", measured.block(named, PARTS, 3)),
            (f"{base_model}: accuracy, task by task", measured.block([*named, _chance(plan)], tasks, 3)),
            (f"{base_model}: what stands behind it", _behind(named)),
        ]
        if len(plan.params.seeds) > 1:
            seeds = len(plan.params.seeds)
            parts.append((f"{base_model}: median and range over {seeds} seeds", text.over_seeds(mine, PRINTED)))
    return parts


def _chance(plan: Plan) -> dict:
    """What picking answers at random scores, as one more line of the accuracies."""
    tasks = plan.params.evaluation.tasks
    return {"printed_as": "chance"} | {f"accuracy_{task}": zeroshot.CHANCE.get(task) for task in tasks}


def _behind(found: list[dict]) -> Block:
    lines = [["", "trains on", "learning rate", "steps", "unlearning"]]
    for record in found:
        seconds, rate = record.get("unlearning_seconds"), record.get("learning_rate")
        lines.append(
            [
                record["printed_as"],
                trained.trains_on(record),
                f"{rate:g}" if rate else "-",
                str(record.get("steps") or "-"),
                f"{seconds:.1f} s" if seconds else "-",
            ]
        )
    return lines


def caption(plan: Plan, found: list[dict]) -> list[str]:
    data, how, seeds = plan.params.data, plan.params.evaluation, plan.params.seeds
    origin = "the kit's own story"
    if data.book != "story":
        origin = f"the user's book {book.path(data.book).name} (sha256 {book.fingerprint(data.book)}...)"
    drawn = "one seed" if len(seeds) == 1 else f"{len(seeds)} seeds, the (lower) median of each column"
    count = next((record["n_forget"] for record in found if record.get("n_forget")), None)
    lines = [
        f"Profile {plan.params.profile}: {origin}, {count or 'all'} excerpts of {data.excerpt_length} {data.unit}, "
        f"prompts of {data.prompt_length}; greedy completions of at most {how.max_new_tokens} tokens; "
        f"every row: {drawn}."
    ]
    if not plan.params.paper_scale:
        lines.append("Not the paper's scale, model or book: what carries over is how the methods behave.")
    lines += [
        "FQ Gap: |BLEU - that of the Retained LLM| + |ROUGE-L recall - that of it|, 0 is best. BLEU runs from 0 to 100 "
        "and ROUGE-L from 0 to 1, and FLAT adds them as they are: ROUGE-L can add 1 at most, so BLEU decides the sum. "
        "Both parts are shown apart.",
        "The Retained LLM is the base model, which never read the book; its FQ Gap is 0 by definition. A model that "
        "writes nothing, or noise, comes as near to it as one that forgot well: read FQ Gap beside PPL and diversity.",
        f"PPL: word perplexity on {how.perplexity}. Avg Acc: mean of acc (not acc_norm) over {len(how.tasks)} tasks, "
        "zero-shot, by lm-eval; in FLAT's list of nine data sets TruthfulQA counts twice, so the mean has ten terms.",
        "Chance: picking answers at random. Distinct-n and token entropy: of all completions of a row together.",
        f"All methods: learning rate {plan.params.unlearn.paper.learning_rate}, the same length; nothing was selected.",
    ]
    if any(record["status"] == "collapsed" for record in found):
        lines.append(
            f"Collapsed: {COLLAPSED}. In the paper's column GA stands at 1e71 and every other row below 1.3 times."
        )
    return lines + [f"Not pinned: the newest {name} of the hub was used." for name in unpinned(plan)]


def latex(plan: Plan, found: list[dict]) -> str:
    """Our values as a booktabs table."""
    return text.latex(plan, found, PRINTED, caption(plan, found))


def figures(result: Path, caption: str) -> dict:
    """Name -> figure, from the files of a result folder."""
    rows = results.read_rows(result)
    measured_rows = [row for row in rows if row.get("fq_gap") is not None]
    return {"fq_gap_vs_accuracy": plots.fq_gap_vs_accuracy(rows, caption)} if measured_rows else {}


def verdicts(found: list[dict], parameters: dict) -> list[dict]:
    """The paper's claims, checked on the printed numbers and on these rows."""
    return claims.verdicts(claims_table3.CLAIMS, found, parameters["paper_scale"], claims_table3.read_published())


def problems(result: Path) -> list[str]:
    """What in a stored result does not follow from the samples beside it.

    Texts of a user's book are not stored: BLEU, ROUGE-L and diversity of such a result stand as they are.
    """
    return trained.problems(result, "base", book_metrics, _other_scores, mark_collapsed)


def _other_scores(samples: list[dict]) -> list[str]:
    """Scores that do not follow from their texts, where these are stored."""
    from unlearnkit.metrics.book import bleu

    said = [one for one in samples if "generation" in one]
    found = [
        f"forget {one['item']}: BLEU or ROUGE-L does not follow from its completion"
        for one in said
        if (bleu(one["reference"], one["generation"]), rouge_l_recall(one["reference"], one["generation"]))
        != (one["bleu"], one["rouge_l_recall"])
    ]
    stored = next(one for one in samples if one["set"] == "diversity")
    again = diversity_of([one["generation"] for one in said]) if said else {}
    return found + results.disagreements("diversity", stored, again)
