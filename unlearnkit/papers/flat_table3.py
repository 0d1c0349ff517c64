"""FLAT (arXiv 2410.11143), Table 3: copyrighted text. A book is forgotten; the gold standard never read it."""

from pathlib import Path

from unlearnkit import claims, plots, results, tables, text, zeroshot
from unlearnkit.captions import unpinned
from unlearnkit.data import book
from unlearnkit.metrics.book import bleu, book_metrics, rouge_l_precision
from unlearnkit.metrics.book import diversity as diversity_of
from unlearnkit.metrics.tofu import rouge_l_recall
from unlearnkit.papers import claims_table3, measured, trained
from unlearnkit.papers.book_plan import make
from unlearnkit.planned import Plan, Run
from unlearnkit.tables import records
from unlearnkit.text import Block

__all__ = ["make", "records"]

NOTEBOOK = "03_flat_table3_copyrighted_text.ipynb"
PRINTED = (("fq_gap", "FQ Gap", 4), ("word_perplexity", "PPL", 4), ("mean_accuracy", "Avg Acc", 4))
PARTS = {
    "completion_bleu": "BLEU",
    "fq_gap_bleu": "its gap",
    "completion_rouge_l_recall": "ROUGE-L",
    "fq_gap_rouge_l": "its gap",
    "fq_gap": "FQ Gap: the sum",
    "bleu_share": "of which BLEU's",
    "fq_gap_one_scale": "sum with BLEU / 100",
}
SAID = {
    "completion_words": "words",
    "completion_rouge_l_precision": "of which the book's",
    "distinct_1": "distinct-1",
    "distinct_2": "distinct-2",
    "distinct_3": "distinct-3",
    "token_entropy": "token entropy",
}
COUNTED = {
    "tokens": "Prompts are counted in tokens, as FLAT's paper does (200); its released files hold 200 words.",
    "words": "Prompts are counted in words, as in FLAT's released files (200); its paper says 200 tokens.",
}
ABOVE_CHANCE = 0.15  # ours: far from what 48 questions give by luck
COLLAPSED_ABOVE = 10.0  # times the original model's perplexity
COLLAPSED = f"word perplexity above {COLLAPSED_ABOVE:g} times the original's"


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
    parts = []
    for base_model, model in plan.params.base_models.items():
        mine = [record for record in found if record["base_model"] == base_model]
        named = [record | {"printed_as": text.label(record)} for record in mine]
        parts += [
            (f"{base_model} (in the paper: {model.printed_as})", text.side_by_side(mine, sides, PRINTED)),
            (f"{base_model}: what FQ Gap is made of", measured.block([_with_share(one) for one in named], PARTS, 3)),
            (f"{base_model}: what is said, and how diverse it is", measured.block(named, SAID, 3)),
            (f"{base_model}: accuracy, task by task", by_task(plan, named)),
            (f"{base_model}: what stands behind it", _behind(named)),
        ]
        if len(plan.params.seeds) > 1:
            seeds = len(plan.params.seeds)
            parts.append((f"{base_model}: median and range over {seeds} seeds", text.over_seeds(mine, PRINTED)))
    return parts


def by_task(plan: Plan, named: list[dict]) -> Block:
    """Accuracy of every zero-shot task, and what picking answers at random scores."""
    tasks = {"mean_accuracy": "mean", "mean_accuracy_se": "its standard error"}
    tasks |= {f"accuracy_{task}": task.removeprefix("tiny_") for task in plan.params.evaluation.tasks}
    return measured.block([*named, measured.chance(plan.params.evaluation.tasks)], tasks, 3)


def _with_share(record: dict) -> dict:
    """The record, with BLEU's part of its FQ Gap."""
    gap = record.get("fq_gap")
    return record | {"bleu_share": f"{record['fq_gap_bleu'] / gap:.1%}" if gap else None}


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


def opening(plan: Plan, found: list[dict]) -> list[str]:
    """How a caption begins: which book, how much of it, how completed, and what the scale is not."""
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
    return lines


def caption(plan: Plan, found: list[dict]) -> list[str]:
    how = plan.params.evaluation
    lines = [
        *opening(plan, found),
        COUNTED[plan.params.data.unit],
        "FQ Gap: |BLEU - that of the Retained LLM| + |ROUGE-L recall - that of it|, 0 is best. BLEU runs from 0 to 100 "
        "and ROUGE-L from 0 to 1, and FLAT adds them as they are: ROUGE-L can add 1 at most. How much of every sum is "
        "BLEU's, and the sum with both from 0 to 1, is shown apart.",
        _retained(plan),
        *(_words(record) for record in found if record["method"] == "base" and "completion_words" in record),
        f"PPL: word perplexity on {how.perplexity}. Avg Acc: mean of acc (not acc_norm) over {len(how.tasks)} tasks, "
        "zero-shot, by lm-eval; in FLAT's list of nine data sets TruthfulQA counts twice, so the mean has ten terms. "
        "Its standard error is over questions: rows that are nearer to each other are not ordered by it.",
        *above_chance(found),
        "FLAT's caption calls the outputs diverse, by PPL and Avg Acc; none of its columns looks at an output. "
        "Distinct-n and token entropy do, over all completions of a row together; both depend on the amount of text, "
        "so the mean length of a completion, in words, stands beside them, and how much of it is the book's, in its "
        "order (ROUGE-L precision).",
        f"All methods: learning rate {plan.params.unlearn.paper.learning_rate}, the same length; nothing was selected.",
    ]
    if any(record["status"] == "collapsed" for record in found):
        lines.append(
            f"Collapsed: {COLLAPSED}. In the paper's column GA stands at 1e71 and every other row below 1.3 times."
        )
    return lines + [f"Not pinned: the newest {name} of the hub was used." for name in unpinned(plan)]


def _words(record: dict) -> str:
    """How near to silence the ideal of FQ Gap is."""
    return (
        f"The Retained LLM of {record['base_model']} writes {record['completion_words']:.1f} words a completion: the "
        "fewer that are, the better does a model look that says the book's own words and stops early."
    )


def above_chance(found: list[dict]) -> list[str]:
    """On how many tasks the original models have an accuracy to lose, a sentence each."""
    lines = []
    for record in (one for one in found if one["method"] == "original" and "mean_accuracy" in one):
        known = {task: record.get(f"accuracy_{task}") for task in zeroshot.CHANCE}
        above = {task: value - zeroshot.CHANCE[task] for task, value in known.items() if value is not None}
        near = [task.removeprefix("tiny_") for task, distance in above.items() if distance < ABOVE_CHANCE]
        lines.append(
            f"Chance: picking answers at random. The {record['printed_as']} of {record['base_model']} beats it by "
            f"{ABOVE_CHANCE} on {len(above) - len(near)} of {len(above)} tasks, where alone there is an accuracy to "
            "lose" + (f" (not on {', '.join(near)})." if near else ".")
        )
    return lines


def _retained(plan: Plan) -> str:
    read = "which never read the book"
    if any(base_model.scratch is None for base_model in plan.params.base_models.values()):
        read = "before it read the book here; what it met in its own pre-training nobody knows"
    return (
        f"The Retained LLM is the base model, {read}; its FQ Gap is 0 by definition. A model that writes nothing, or "
        "noise, comes as near to it as one that forgot well: read FQ Gap beside PPL and diversity."
    )


def latex(plan: Plan, found: list[dict]) -> str:
    """Our values as a booktabs table."""
    return text.latex(plan, found, PRINTED, caption(plan, found))


def figures(result: Path, caption: str) -> dict:
    """Name -> figure, from the files of a result folder."""
    rows = results.read_rows(result)
    if all(row.get("fq_gap") is None for row in rows):
        return {}
    return {
        "fq_gap_vs_accuracy": plots.fq_gap_vs_accuracy(rows, caption),
        "completions": plots.completions(rows, caption),
    }


def verdicts(found: list[dict], parameters: dict) -> list[dict]:
    """The paper's claims, checked on the printed numbers and on these rows."""
    return claims.verdicts(claims_table3.CLAIMS, found, parameters["paper_scale"], claims_table3.read_published())


def problems(result: Path) -> list[str]:
    """What in a stored result does not follow from the samples beside it.

    Texts of a user's book are not stored: BLEU, ROUGE-L and diversity of such a result stand as they are.
    """
    return trained.problems(result, "base", book_metrics, other_scores, mark_collapsed)


def other_scores(samples: list[dict]) -> list[str]:
    """Scores that do not follow from their texts, where these are stored."""
    scored = {"bleu": bleu, "rouge_l_recall": rouge_l_recall, "rouge_l_precision": rouge_l_precision}
    said = [one for one in samples if "generation" in one]
    found = [
        f"forget {one['item']}: BLEU or ROUGE-L does not follow from its completion"
        for one in said
        if [score(one["reference"], one["generation"]) for score in scored.values()] != [one[name] for name in scored]
    ]
    stored = next(one for one in samples if one["set"] == "diversity")
    again = diversity_of([one["generation"] for one in said]) if said else {}
    return found + results.disagreements("diversity", stored, again)
