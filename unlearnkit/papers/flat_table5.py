"""FLAT (arXiv 2410.11143), Table 5: MUSE-News. Documents are forgotten; rows are measured against a retain model."""

import itertools
import math
from pathlib import Path

from unlearnkit import checks, methods, paths, plots, results, tables, text
from unlearnkit.captions import unpinned
from unlearnkit.data import muse
from unlearnkit.data.news.generate import frame_only_score
from unlearnkit.metrics.muse import marks, muse_metrics, rouge_l_f1
from unlearnkit.papers import measured, trained
from unlearnkit.papers.muse_plan import make
from unlearnkit.planned import Plan, Run
from unlearnkit.plots.style import known
from unlearnkit.text import Block

__all__ = ["make"]

NOTEBOOK = "05_flat_table5_muse_news.ipynb"
PRINTED = (
    ("verbmem_forget", "VerbMem_f", 1),
    ("knowmem_forget", "KnowMem_f", 1),
    ("knowmem_retain", "KnowMem_r", 1),
    ("privleak", "PrivLeak", 1),
)
MARKED = tuple(key for key, _, _ in PRINTED[:3])
NOT_RUN = "not run"  # a cell of what the samples do not hold, as `evaluation.asked` leaves it out
COLLAPSED_BELOW = 0.5
COLLAPSED = f"KnowMem_r below {COLLAPSED_BELOW} of the original's"


def measure(samples: list[dict], retain: list[dict] | None) -> dict:
    """All metrics of one draw; `<key>_ci_lo`, `<key>_ci_hi`: the 95 % interval over items. PrivLeak where the retain
    model's samples are given. NOT_RUN where the samples lack a metric's set."""
    sets = {sample["set"] for sample in samples}
    missing = [key for key in MARKED if key not in sets]
    missing += ["privleak_auc", "privleak"] if "privleak_forget" not in sets else []
    if retain is None:
        samples = [sample for sample in samples if not sample["set"].startswith("privleak")]
    found = muse_metrics(samples, retain)
    ends = {f"_{end}": f"_ci_{end}" for end in ("lo", "hi")}
    renamed = {key[:-3] + ends[key[-3:]] if key[-3:] in ends else key: value for key, value in found.items()}
    renamed |= {f"{key}{end}": NOT_RUN for key in missing for end in ("", "_ci_lo", "_ci_hi")}
    return renamed | {"n_forget": sum(1 for sample in samples if sample["set"] == "verbmem_forget") or None}


def describe(plan: Plan, run: Run) -> str:
    """A finished run's numbers in a few words."""
    return trained.describe(plan, run, measure, PRINTED)


def draws(plan: Plan, failed: dict[str, str]) -> list[dict]:
    """One dictionary per row and seed. `status`: ok, collapsed (see COLLAPSED), stale, failed or missing."""
    drawn = [(row, tables.draw_record(plan, row, draw, failed, measure)) for row in plan.rows for draw in row.draws]
    return mark_collapsed([record | {"fold": row.fold} for row, record in drawn])


def mark_collapsed(drawn: list[dict]) -> list[dict]:
    """The draws, those of status ok marked as collapsed where they know less than half of the original's retain set."""
    originals = {(one["base_model"], one["seed"]): one for one in drawn if one["method"] == "original"}
    found = []
    for one in drawn:
        kept = originals.get((one["base_model"], one["seed"]), {}).get("knowmem_retain")
        judged = one["status"] == "ok" and one["method"] != "base" and known(kept)
        fell = judged and one["knowmem_retain"] < COLLAPSED_BELOW * kept
        found.append(one | {"status": "collapsed", "reason": COLLAPSED} if fell else one)
    return found


def records(plan: Plan, drawn: list[dict]) -> list[dict]:
    """One dictionary per row: the median over its draws, and which criteria of the paper a method meets (`meets_`).

    The points of the curves, with a `fold`, come last.
    """
    return with_marks(tables.records(plan, drawn))


def with_marks(found: list[dict]) -> list[dict]:
    """The records; those of methods say whether each criterion is met, against the retain model's record."""
    retained = {one["base_model"]: one for one in found if one["method"] == "retain"}
    marked = []
    for one in found:
        retain = retained.get(one["base_model"], {})
        there = all(side.get(key) is not None for side in (one, retain) for key in MARKED)
        if there and one["method"] not in checks.REFERENCE_ROWS and not one.get("fold"):
            one = one | {f"meets_{key}": value for key, value in _met(one, retain).items()}
        marked.append(one)
    return marked


def _met(one: dict, retain: dict) -> dict[str, bool | str]:
    """The marks of a row, NOT_RUN where one of the two models was not asked."""
    sides = [{key: side[key] if known(side[key]) else math.nan for key in MARKED} for side in (one, retain)]
    asked = [key for key in MARKED if not any(math.isnan(side[key]) for side in sides)]
    return {key: met if key in asked else NOT_RUN for key, met in marks(*sides).items()}


def _of_table(found: list[dict]) -> list[dict]:
    """The rows that the paper's table has, without the points of curves."""
    return [record for record in found if not record.get("fold")]


def blocks(plan: Plan, found: list[dict]) -> list[tuple[str, Block]]:
    sides = {"paper": text.published(plan), "reference": text.reference(plan), "yours": found}
    parts = []
    for base_model, model in plan.params.base_models.items():
        mine = [record for record in _of_table(found) if record["base_model"] == base_model]
        parts += [
            (f"{base_model} (in the paper: {model.printed_as})", text.side_by_side(mine, sides, PRINTED)),
            (f"{base_model}: 95 % intervals over items", _intervals(mine)),
            (f"{base_model}: the paper's criteria, met or not", _marks(mine)),
            (f"{base_model}: what stands behind it", _behind(plan, mine)),
        ]
        if plan.params.curves:
            heading = f"{base_model}: more forget sets, KnowMem_r (VerbMem_f of the first set)"
            parts.append((heading, _curves([one for one in found if one["base_model"] == base_model], plan)))
        if len(plan.params.seeds) > 1:
            seeds = len(plan.params.seeds)
            parts.append((f"{base_model}: median and range over {seeds} seeds", text.over_seeds(mine, PRINTED)))
    return parts


def _intervals(found: list[dict]) -> Block:
    columns = (*PRINTED, ("privleak_auc", "AUC", 3))
    lines = [["", *(head for _, head, _ in columns)]]
    for record in found:
        cells = []
        for key, _, digits in columns:
            value, low, high = (text.number(record.get(name), digits) for name in (key, f"{key}_ci_lo", f"{key}_ci_hi"))
            cells.append(value if value == NOT_RUN else f"{value} [{low}, {high}]")
        lines.append([text.label(record), *cells])
    return lines


def _marks(found: list[dict]) -> Block:
    printed = {
        (one["method"], one["metric"]): one["mark"] == "satisfied"
        for one in tables.read_csv(paths.results("published") / "flat_table5_marks.csv")
    }
    lines = [["", *(f"{head}: paper / yours" for _, head, _ in PRINTED[:3])]]
    for record in found:
        if record["method"] in checks.REFERENCE_ROWS:
            continue
        print_of = printed if record["variant"] == "paper" else {}  # the paper marks no other form
        both = [(print_of.get((record["method"], key)), record.get(f"meets_{key}")) for key in MARKED]
        lines.append([text.label(record), *(" / ".join(map(measured.cell, pair)) for pair in both)])
    return lines


def _curves(found: list[dict], plan: Plan) -> Block:
    """A line per method and way of going on; a column per number of forget sets."""
    lines = [["", "0: original", *map(str, range(1, muse.FOLDS + 1))]]
    for method, kind in itertools.product(plan.params.curves, plots.CURVES):
        points = [one for _, one in plots.curve(found, method, kind)]
        pairs = [[text.number(one.get(key), 1) for key in ("knowmem_retain", "verbmem_forget")] for one in points]
        cells = [f"{kept} ({forgotten})" for kept, forgotten in pairs]
        lines.append([f"{points[1]['printed_as']}, {plots.CURVES[kind]}", *cells])
    return lines


def _behind(plan: Plan, found: list[dict]) -> Block:
    alphas = {row.method: row.parameters["alpha"] for row in plan.params.rows if row.method in methods.ARITHMETIC}
    lines = [["", "needs", "learning rate", "alpha", "steps", "unlearning"]]
    for record in found:
        method, seconds, rate = record["method"], record.get("unlearning_seconds"), record.get("learning_rate")
        arithmetic = methods.ARITHMETIC.get(method)
        needs = ", ".join(arithmetic.needs) if arithmetic else trained.trains_on(record)
        lines.append(
            [
                text.label(record),
                needs,
                f"{rate:g}" if rate else "-",
                f"{alphas[method]:g}" if method in alphas else "-",
                str(record.get("steps") or "-"),
                f"{seconds:.1f} s" if seconds else "-",
            ]
        )
    return lines


def caption(plan: Plan, found: list[dict]) -> list[str]:
    data, how, seeds = plan.params.data, plan.params.evaluation, plan.params.seeds
    origin = {"news": "the kit's own news", "local": "a local copy of MUSE-News"}.get(data.source, data.source)
    drawn = "one seed" if len(seeds) == 1 else f"{len(seeds)} seeds, the (lower) median of each column"
    lines = [
        f"Profile {plan.params.profile}: {origin}; continuations of at most {how.verbmem_tokens} tokens, few-shot "
        f"answers of at most {how.knowmem_tokens}; every row: {drawn}."
    ]
    if not plan.params.paper_scale:
        lines.append("Not the paper's scale, model or documents: what carries over is how the methods behave.")
    if data.train_on == "asked":
        lines.append(
            "No raw sets: forgotten are VerbMem's continuations, behind their prompts, and the documents that PrivLeak "
            "asks about; retained are PrivLeak's retain documents."
        )
    for record in found:
        scores = [f"{head} {record[key]:.1f}" for key, head, _ in PRINTED[:2] if known(record.get(key))]
        if record["method"] == "retain" and scores:
            lines.append(
                f"The retain model of {record['base_model']} never saw the forget set and scores "
                f"{' and '.join(scores)}: so much comes from knowing how such texts go. A lower value is not better "
                "forgetting."
            )
    if data.source == "news" and "verbmem" in how.asked:
        lines.append(
            f"Sentences right but for names, numbers and things would score VerbMem_f {frame_only_score():.1f}; "
            "a model that has not read a report does not know which sentences follow either."
        )
    lines += [
        "VerbMem, KnowMem: 100 times the mean ROUGE-L F1. PrivLeak: 100 (AUC - AUC of the retain model) / that AUC; "
        "AUC as in MUSE's code: the probability that a held-out document looks more like training data than a "
        "forgotten one, by Min-40 %. -100: all of it is still known; above 0: noticed because it was unlearned.",
        "The retain model's AUC is measured here, on the same documents, and not taken from MUSE's constants (0.4772 "
        "for News). Intervals: bootstrap over questions and documents, 95 %; none of the training seed is in them.",
        "Criteria: VerbMem_f and KnowMem_f below the retain model's, KnowMem_r above zero; a single right word is "
        "enough for the last. PrivLeak has none.",
        "Documents have no question: template responses follow an empty prompt, and Mismatch, whose random answer is a "
        "retain document here, trains on retain documents only.",
        f"All methods that train: learning rate {plan.params.unlearn.paper.learning_rate:g} and equally many passes; "
        "Task Vector and WHP: each an alpha of its own. The parameter file says where these come from.",
        "The paper's rows Original, Retained, KL, NPO-RT and WHP equal MUSE's Table 3 to every digit.",
    ]
    if "knowmem_retain" not in how.asked:
        lines.append("Whether a row collapsed cannot be judged: that is read off KnowMem_r, which was not run.")
    if any(record["status"] == "collapsed" for record in found):
        lines.append(f"Collapsed: {COLLAPSED}; such a row wins nothing.")
    if plan.params.curves:
        lines.append(
            "More forget sets: the first is the table's own; at once, a method starts from the original model with "
            "all of them and as many passes, so more steps; in turn, each run starts from the model that the one "
            "before it left, which is also the reference of KL and NPO. The original model has learnt all of them."
        )
    return lines + [f"Not pinned: the newest {name} of the hub was used." for name in unpinned(plan)]


def latex(plan: Plan, found: list[dict]) -> str:
    """Our values as a booktabs table."""
    return text.latex(plan, _of_table(found), PRINTED, caption(plan, found))


def figures(result: Path, caption: str) -> dict:
    """Name -> figure, from the files of a result folder; without those of what was not run."""
    rows = results.read_rows(result)
    main, drawn = _of_table(rows), {}
    there = {key for key, _, _ in PRINTED if any(known(row.get(key)) for row in main)}
    if "knowmem_retain" in there and len(there.intersection(MARKED)) > 1:
        drawn["forgotten_vs_kept"] = plots.forgotten_vs_kept(main, caption)
    if "privleak" in there:
        drawn["privleak"] = plots.privleak(main, caption)
    if len(main) < len(rows):
        drawn["curves"] = plots.curves(rows, caption)
    return drawn


def verdicts(found: list[dict], parameters: dict) -> list[dict]:
    """No claims are checked for this table."""
    return []


def problems(result: Path) -> list[str]:
    """What in a stored result does not follow from the samples beside it.

    Texts of other people's documents are not stored: ROUGE-L of such a result stands as it is.
    """
    return trained.problems(result, "retain", measure, _other_scores, mark_collapsed, _again)


def _other_scores(samples: list[dict]) -> list[str]:
    """ROUGE-L that does not follow from an answer, where the texts are stored."""
    return [
        f"{one['set']} {one['item']}: ROUGE-L does not follow from its answer"
        for one in samples
        if "generation" in one and rouge_l_f1(one["reference"], one["generation"]) != one["rouge_l_f1"]
    ]


def _again(table: list[dict], drawn: list[dict]) -> list[dict]:
    return with_marks(trained.medians(table, drawn))
