"""A Closer Look (arXiv 2410.08109), fictitious unlearning on TOFU: forget fractions x methods, read by judges.

The paper shows these results as figures. The numbers of the side `re-run` are those of DualOptim (its Table 4).
"""

import json
from functools import partial
from pathlib import Path

from unlearnkit import claims, plots, results, tables, text
from unlearnkit.captions import facts_seen, unpinned
from unlearnkit.metrics import closer_look, two_sample
from unlearnkit.metrics.tofu import rouge_l_recall
from unlearnkit.papers import claims_table6, trained
from unlearnkit.papers.closer_look_plan import make
from unlearnkit.planned import Plan, Run
from unlearnkit.text import Block

__all__ = ["make"]

NOTEBOOK = "06_closer_look_fictitious.ipynb"


def printed(suffix: str) -> tuple:
    """The columns of the paper's figure. `suffix`: of the judges."""
    return ((f"model_utility_18{suffix}", f"MU{suffix}", 4), (f"forget_efficacy{suffix}", f"FE{suffix}", 4))


def parts_of(set_name: str, suffix: str) -> tuple:
    """The six metrics of a set."""
    ratio = "truth_ratio_flipped" if set_name == "forget" else "truth_ratio"
    return (
        (f"{set_name}_rouge_l_recall", "R-L", 3),
        (f"{set_name}_probability", "P", 3),
        (f"{set_name}_{ratio}", "TR", 3),
        (f"{set_name}_te", "TE", 3),
        (f"{set_name}_cs{suffix}", f"CS{suffix}", 3),
        (f"{set_name}_es{suffix}", f"ES{suffix}", 3),
    )


def measure(samples: list[dict], retain: list[dict] | None, retain_pool: str, suffix: str) -> dict:
    """All metrics of one draw; those against the retain model where its samples are given, and where both hold texts
    the AUC of a classifier that tells the two models' answers apart (`answers_auc`, its 95 % interval `_ci_`).
    """
    found = tables.metrics(samples, retain, retain_pool) | closer_look.closer_look_metrics(samples, suffix)
    if retain is None or any("generation" not in one for one in (*samples, *retain)):
        return found
    return found | two_sample.answers_auc(samples, retain)


def _measure_of(plan: Plan):
    return partial(measure, retain_pool=plan.params.data.retain_pool, suffix=plan.params.judges.suffix)


def describe(plan: Plan, run: Run) -> str:
    """A finished run's numbers in a few words."""
    shown = (*printed(plan.params.judges.suffix), ("forget_rouge_l_recall", "F-RL", 3))
    return trained.describe(plan, run, _measure_of(plan), shown)


def draws(plan: Plan, failed: dict[str, str]) -> list[dict]:
    """One dictionary per row and seed. `status` as in Table 4; `warnings`: the failure signatures of its answers."""
    measured = _measure_of(plan)
    drawn = [
        tables.draw_record(plan, row, draw, failed, measured) | {"fold": row.fold, "note": row.note}
        for row in plan.rows
        for draw in row.draws
    ]
    return with_warnings(tables.mark_collapsed(drawn), plan.params.judges.suffix)


def with_warnings(drawn: list[dict], suffix: str) -> list[dict]:
    """The draws, those with numbers with failure signatures, against the original model of their seed and split."""
    originals = {
        (one["base_model"], one["fold"], one["seed"]): one
        for one in drawn
        if one["method"] == "original" and one["status"] not in ("failed", "missing")
    }
    found = []
    for one in drawn:
        original = originals.get((one["base_model"], one["fold"], one["seed"]))
        if original and one["status"] not in ("failed", "missing"):
            one = one | {"warnings": ", ".join(closer_look.signatures(one, original, suffix)) or None}
        found.append(one)
    return found


records = tables.records


def blocks(plan: Plan, found: list[dict]) -> list[tuple[str, Block]]:
    suffix = plan.params.judges.suffix
    rerun = [{**row, **{f"{key}{suffix}": row[key] for key in _RERUN}} for row in text.published(plan)]
    sides = {"re-run": rerun, "reference": text.reference(plan), "yours": found}
    parts = []
    for base_model, model in plan.params.base_models.items():
        for split in plan.params.data.forget_splits:
            all_rows = [one for one in found if (one["base_model"], one["fold"]) == (base_model, split)]
            mine = [one for one in all_rows if one["note"] is None and one["variant"] == "paper"]
            name = f"{base_model}, {split}"
            parts += [
                (f"{name} (re-run: {model.printed_as})", text.side_by_side(mine, sides, printed(suffix))),
                (f"{name}: the forget set, whose five parts but TE make FE", _values(mine, parts_of("forget", suffix))),
                (f"{name}: the retain set, six of MU's eighteen parts", _retained(mine, suffix)),
                (f"{name}: beside the retain model, and warnings", _beside(mine)),
            ]
            others = [one for one in all_rows if one not in mine]
            if others:
                own = [one for one in mine if any(one["method"] == other["method"] for other in others)]
                columns = (*printed(suffix), *parts_of("forget", suffix)[:2], *parts_of("retain", suffix)[:2])
                heads = ("MU", "FE", "F-RL", "F-P", "R-RL", "R-P")
                columns = tuple((key, head, digits) for (key, _, digits), head in zip(columns, heads, strict=True))
                parts.append((f"{name}: other forms and weights", _values([*own, *others], columns)))
            parts.append((f"{name}: what stands behind it", _behind(all_rows)))
            if len(plan.params.seeds) > 1:
                heading = f"{name}: median and range over {len(plan.params.seeds)} seeds"
                parts.append((heading, text.over_seeds(mine, printed(suffix))))
    return parts


_RERUN = ("model_utility_18", "forget_efficacy")


def _values(found: list[dict], columns: tuple) -> Block:
    lines = [["", *(head for _, head, _ in columns)]]
    return lines + [
        [text.label(one), *(text.number(one.get(key), digits) for key, _, digits in columns)] for one in found
    ]


def _retained(found: list[dict], suffix: str) -> Block:
    smallest = f"model_utility_18_smallest_part{suffix}"
    lines = _values(found, parts_of("retain", suffix))
    lines[0].append("smallest part of MU")
    for line, one in zip(lines[1:], found, strict=True):
        part = one.get(smallest)
        line.append(f"{part} {text.number(one.get(f'{smallest}_value'), 2)}" if part else "-")
    return lines


def _beside(found: list[dict]) -> Block:
    lines = [["", "FQ", "p by author", "AUC of answers", "95 %", "warnings"]]
    for one in found:
        ends = [text.number(one.get(f"answers_auc_ci_{end}"), 2) for end in ("lo", "hi")]
        lines.append(
            [
                text.label(one),
                text.number(one.get("forget_quality_p"), 4),
                text.number(one.get("forget_quality_clustered_p"), 3),
                text.number(one.get("answers_auc"), 2),
                f"[{', '.join(ends)}]",
                one.get("warnings") or "-",
            ]
        )
    return lines


def _behind(found: list[dict]) -> Block:
    lines = [["", "needs", "learning rate", "steps", "unlearning"]]
    for one in found:
        rate, seconds = one.get("learning_rate"), one.get("unlearning_seconds")
        lines.append(
            [
                text.label(one),
                trained.trains_on(one),
                f"{rate:g}" if rate else "-",
                str(one.get("steps") or "-"),
                f"{seconds:.1f} s" if seconds else "-",
            ]
        )
    return lines


def caption(plan: Plan, found: list[dict]) -> list[str]:
    data, judges, seeds = plan.params.data, plan.params.judges, plan.params.seeds
    origin = "the kit's own universe" if data.source == "universe" else data.source
    drawn = "one seed" if len(seeds) == 1 else f"{len(seeds)} seeds, the (lower) median of each column"
    lines = [f"Profile {plan.params.profile}: {origin}, {', '.join(data.forget_splits)}; every row: {drawn}."]
    if not plan.params.paper_scale:
        lines.append("Not the paper's scale: what carries over is how the methods behave.")
    if judges.suffix:
        lines.append(
            "CS and ES come from two small judges that the kit trains on authors who appear nowhere else; every number "
            "that they enter is named _tiny and is no number of the paper's judges. The notebook says how often they "
            "are right."
        )
    for base_model in plan.params.base_models:
        seen = facts_seen(plan, base_model, data.forget_splits[0])
        if seen:
            lines.append(f"The base model {base_model} met in pre-training {seen}.")
    lines += [
        "MU: harmonic mean of eighteen parts, ROUGE-L recall, probability, truth ratio, TE, CS and ES of the retain "
        "set, real authors and world facts; 0 where one part is. FE: one minus the mean of five parts of the forget "
        "set, TE left out. A low FE may be right: the retain model's is the ideal, not 1.",
        "TE: entropy of the tokens of an answer, low where a model repeats itself. CS: cosine similarity of answer and "
        "reference. ES: share of answers that entail the reference (forget) or follow from it (other sets).",
        "AUC of answers: how well a classifier tells a model's forget answers from the retain model's, authors left "
        "out one group at a time; 0.5 is not at all. It reads texts, FQ reads probabilities.",
        f"All methods: learning rate {plan.params.unlearn.paper.learning_rate} and equally many passes; the parameter "
        "file says where these come from.",
        "Re-run: DualOptim's Table 4, an independent one; the paper prints these results as figures alone.",
    ]
    lines += [f"Not pinned: the newest {name} of the hub was used." for name in unpinned(plan)]
    if any(record["status"] == "collapsed" for record in found):
        lines.append(f"Collapsed: {tables.COLLAPSED}; such a row wins nothing.")
    return lines


def latex(plan: Plan, found: list[dict]) -> str:
    """Our values as a booktabs table: the rows in the paper's form, a part for each forget split."""
    suffix, shown = plan.params.judges.suffix, []
    for one in found:
        if one["variant"] == "paper" and one["note"] is None:
            shown.append(one | {"printed_as": f"{one['printed_as']}, {one['fold']}"})
    return text.latex(plan, shown, printed(suffix), caption(plan, found))


def figures(result: Path, caption: str) -> dict:
    """Name -> figure, from the files of a result folder."""
    suffix = _suffix(json.loads((result / "parameters.json").read_text(encoding="utf-8")))
    rows = [one for one in results.read_rows(result) if one["note"] is None and one["variant"] == "paper"]
    keys = tuple(key for key, _, _ in printed(suffix))
    drawn = {"utility_vs_efficacy": plots.utility_vs_efficacy(rows, caption, keys)}
    columns = [(key, f"{name} {head}") for name in ("forget", "retain") for key, head, _ in parts_of(name, suffix)]
    for base_model in dict.fromkeys(row["base_model"] for row in rows):
        mine = [row for row in rows if row["base_model"] == base_model]
        drawn[f"parts_{base_model}"] = plots.parts(mine, caption, columns)
    return drawn


def _suffix(parameters: dict) -> str:
    return "_tiny" if parameters["judges"]["encoder"]["source"] == "tiny" else ""


def verdicts(found: list[dict], parameters: dict) -> list[dict]:
    """The paper's claims for every base model and forget split, on the re-run's numbers and on ours."""
    records, printed_rows, suffix = [], claims_table6.read_published(), _suffix(parameters)
    own = [claims_table6.compared(one, suffix) for one in found if one["note"] is None]
    for split in dict.fromkeys(one["fold"] for one in own):
        sides = [
            [
                one | {name: f"{one[name]}, {split}" for name in ("base_model", "printed_base_model") if name in one}
                for one in rows
                if one["fold"] == split
            ]
            for rows in (own, printed_rows)
        ]
        records += claims.verdicts(claims_table6.CLAIMS, sides[0], parameters["paper_scale"], sides[1])
    return records


def problems(result: Path) -> list[str]:
    """What in a stored result does not follow from the samples beside it.

    CS and ES stand as the judges gave them; of other people's texts neither ROUGE-L nor the AUC can be computed again.
    """
    parameters = json.loads((result / "parameters.json").read_text(encoding="utf-8"))
    how = {"retain_pool": parameters["data"]["retain_pool"], "suffix": _suffix(parameters)}

    def marked(drawn: list[dict]) -> list[dict]:
        return with_warnings(tables.mark_collapsed(drawn), how["suffix"])

    return trained.problems(result, "retain", partial(measure, **how), _other_rouge_l, marked)


def _other_rouge_l(samples: list[dict]) -> list[str]:
    return [
        f"{one['set']} {one['item']}: ROUGE-L does not follow from its answer"
        for one in samples
        if "generation" in one and rouge_l_recall(one["reference"], one["generation"]) != one["rouge_l_recall"]
    ]
