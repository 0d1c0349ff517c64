"""ULD (arXiv 2406.08607), Table 3: a book is forgotten, by training the model or an assistant beside it. The protocol
is that of FLAT's Table 3, and every row says what it costs.
"""

from pathlib import Path

from unlearnkit import claims, plots, results, tables, text
from unlearnkit.captions import unpinned
from unlearnkit.metrics.book import uld_metrics
from unlearnkit.papers import claims_table9_book, flat_table3, measured, trained
from unlearnkit.papers.closer_look import values
from unlearnkit.papers.flat_table3 import COLLAPSED, mark_collapsed
from unlearnkit.papers.uld_book_plan import make
from unlearnkit.papers.uld_table9 import costs, costs_of
from unlearnkit.planned import Draw, Plan, Row, Run
from unlearnkit.tables import records
from unlearnkit.text import Block

__all__ = ["make", "records"]

NOTEBOOK = "09a_uld_copyrighted_text.ipynb"
PRINTED = (
    ("completion_bleu", "BLEU", 2),
    ("completion_rouge_l_f1", "ROUGE-L", 4),
    ("word_perplexity", "PPL", 2),
    ("mean_accuracy", "Acc", 4),
)
SAID = flat_table3.SAID | {"completion_rouge_l_recall": "ROUGE-L recall", "fq_gap": "FQ Gap"}


def describe(plan: Plan, run: Run) -> str:
    """A finished run's numbers in a few words."""
    return trained.describe(plan, run, uld_metrics, PRINTED)


def draws(plan: Plan, failed: dict[str, str]) -> list[dict]:
    """One dictionary per row and seed: metrics and status as in FLAT's table, costs as in Table 9."""
    return mark_collapsed([_draw(plan, row, draw, failed) for row in plan.rows for draw in row.draws])


def _draw(plan: Plan, row: Row, draw: Draw, failed: dict[str, str]) -> dict:
    one = tables.draw_record(plan, row, draw, failed, uld_metrics) | {"note": row.note}
    if row.training is None or one["status"] in ("failed", "missing"):
        return one
    epochs = row.training["epochs"]
    per_epoch = round(one["steps"] / epochs, 1) if epochs else None
    return one | costs_of(plan, row, draw) | {"updates_per_epoch": per_epoch}


def _main(rows: list[dict]) -> list[dict]:
    """The rows in the paper's form."""
    return [one for one in rows if one["note"] is None and one["variant"] == "paper"]


def blocks(plan: Plan, found: list[dict]) -> list[tuple[str, Block]]:
    sides = {"paper": claims_table9_book.read_published(), "reference": text.reference(plan), "yours": found}
    parts = []
    for base_model, model in plan.params.base_models.items():
        every = [record for record in found if record["base_model"] == base_model]
        mine, named = _main(every), [record | {"printed_as": text.label(record)} for record in every]
        others = [record for record in every if record not in mine]
        parts.append((f"{base_model} (in the paper: {model.printed_as})", text.side_by_side(mine, sides, PRINTED)))
        if others:
            own = [record for record in mine if record["method"] == "uld"]
            parts.append((f"{base_model}: other forms of ULD", values([*own, *others], PRINTED)))
        parts += [
            (f"{base_model}: what it costs", costs([one for one in every if one["learning_rate"] is not None])),
            (f"{base_model}: what is said, and how diverse it is", measured.block(named, SAID, 3)),
            (f"{base_model}: accuracy, task by task", flat_table3.by_task(plan, named)),
        ]
        if len(plan.params.seeds) > 1:
            heading = f"{base_model}: median and range over {len(plan.params.seeds)} seeds"
            parts.append((heading, text.over_seeds(mine, PRINTED)))
    return parts


def caption(plan: Plan, found: list[dict]) -> list[str]:
    how, assistant = plan.params.evaluation, plan.params.assistant
    rates = plan.params.unlearn.paper.learning_rate, assistant.training.learning_rate
    lines = [
        *flat_table3.opening(plan, found),
        "Reported is the model after the last epoch; nothing was selected on what is reported. Learning rates: "
        f"{rates[0]} for methods that train the model, {rates[1]} for those that train an assistant.",
        "BLEU: sacrebleu's of one completion, 0 to 100. ROUGE-L: F1, which ULD's evaluation takes, where FLAT's table "
        "takes recall, which stands apart; words stemmed. Means over excerpts. Their ideal is the model before "
        "fine-tuning, not 0, which is what silence has.",
        f"PPL: word perplexity on {how.perplexity}. Acc: mean of acc (not acc_norm) over {len(how.tasks)} tasks, "
        "zero-shot, by lm-eval; the paper speaks of six benchmarks, its code has ARC twice.",
        *flat_table3.above_chance(found),
        f"ULD and Offset train LoRA in an assistant of {assistant.layers} of the model's layers; its logits correct "
        "those of the model, which stays as it is. The model that answers is both. Nothing is augmented: the paper "
        "says that the excerpts are paraphrased, its code does not do it.",
        "Seconds: training and the passes for references, without loading and scoring, beside whatever else the "
        "machine did. Kept beside the model: as saved, the frozen layers, norm, head and embeddings among them.",
    ]
    if any(record["status"] == "collapsed" for record in found):
        lines.append(f"Collapsed: {COLLAPSED}; such a row wins nothing.")
    return lines + [f"Not pinned: the newest {name} of the hub was used." for name in unpinned(plan)]


def latex(plan: Plan, found: list[dict]) -> str:
    """Our values as a booktabs table: the rows in the paper's form."""
    return text.latex(plan, _main(found), PRINTED, caption(plan, found))


def figures(result: Path, caption: str) -> dict:
    """Name -> figure, from the files of a result folder."""
    rows = _main(results.read_rows(result))
    if all(row.get("completion_rouge_l_f1") is None for row in rows):
        return {}
    return {"rouge_l_vs_perplexity": plots.rouge_l_vs_perplexity(rows, caption)}


def verdicts(found: list[dict], parameters: dict) -> list[dict]:
    """The paper's claims, checked on the printed numbers and on these rows."""
    own, printed = [one for one in found if one["note"] is None], claims_table9_book.read_published()
    return claims.verdicts(claims_table9_book.CLAIMS, own, parameters["paper_scale"], printed)


def problems(result: Path) -> list[str]:
    """What in a stored result does not follow from the samples beside it; see FLAT's table for a user's book."""
    return trained.problems(result, "base", uld_metrics, flat_table3.other_scores, mark_collapsed)
