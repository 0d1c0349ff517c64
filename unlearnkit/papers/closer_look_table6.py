"""A Closer Look (arXiv 2410.08109), fictitious unlearning on TOFU: forget fractions x methods, read by judges.

The paper shows these results as figures. The numbers of the side `re-run` are those of DualOptim (its Table 4).
"""

from pathlib import Path

from unlearnkit import claims, methods, plots, results, tables, text
from unlearnkit.captions import facts_seen, unpinned
from unlearnkit.papers import claims_table6
from unlearnkit.papers.closer_look import (
    MEANING,
    TINY_JUDGES,
    behind,
    describe,
    draws,
    judges_suffix,
    parts_of,
    printed,
    problems,
    retained,
    suffix_of,
    values,
)
from unlearnkit.papers.closer_look_plan import make
from unlearnkit.planned import Plan
from unlearnkit.text import Block

__all__ = ["describe", "draws", "make", "problems", "records"]

NOTEBOOK = "06_closer_look_fictitious.ipynb"


records = tables.records
RERUN = ("model_utility_18", "forget_efficacy")


def blocks(plan: Plan, found: list[dict]) -> list[tuple[str, Block]]:
    suffix, parts = plan.params.judges.suffix, []
    for base_model, model in plan.params.base_models.items():
        for split in plan.params.data.forget_splits:
            all_rows = [one for one in found if (one["base_model"], one["fold"]) == (base_model, split)]
            mine = [one for one in all_rows if one["note"] is None and one["variant"] == "paper"]
            name = f"{base_model}, {split}"
            parts += [
                (f"{name} (re-run: {model.printed_as})", beside_the_rerun(plan, found, mine, text.published(plan))),
                (f"{name}: the forget set, whose five parts but TE make FE", _forgotten(mine, suffix)),
                (f"{name}: the retain set, six of MU's eighteen parts", retained(mine, suffix)),
                (f"{name}: beside the retain model, and warnings", _beside(mine)),
            ]
            others = [one for one in all_rows if one not in mine]
            if others:
                own = [one for one in mine if any(one["method"] == other["method"] for other in others)]
                columns = (*printed(suffix), *parts_of("forget", suffix)[:2], *parts_of("retain", suffix)[:2])
                columns += (("forget_refusals", "", 2), ("retain_refusals", "", 2))
                heads = ("MU", "FE", "F-RL", "F-P", "R-RL", "R-P", "forget refusals", "retain refusals")
                columns = tuple((key, head, digits) for (key, _, digits), head in zip(columns, heads, strict=True))
                parts.append((f"{name}: other forms and weights", values([*own, *others], columns)))
            parts.append((f"{name}: what stands behind it", behind(all_rows)))
            if len(plan.params.seeds) > 1:
                heading = f"{name}: median and range over {len(plan.params.seeds)} seeds"
                parts.append((heading, text.over_seeds(mine, printed(suffix))))
    return parts


def _forgotten(found: list[dict], suffix: str) -> Block:
    return values(found, (*parts_of("forget", suffix), ("forget_refusals", "refusals", 2)))


def beside_the_rerun(plan: Plan, found: list[dict], mine: list[dict], rerun: list[dict]) -> Block:
    """MU and FE of some rows: those of the re-run, of the committed reference, and ours."""
    suffix = plan.params.judges.suffix
    # The re-run's judges are the paper's; a tiny judge's number is named as one.
    rerun = [{**row, **{f"{key}{suffix}": row[key] for key in RERUN}} for row in rerun]
    sides = {"re-run": rerun, f"reference{suffix}": text.reference(plan), f"yours{suffix}": found}
    shown = tuple((key, head.removesuffix(suffix), digits) for key, head, digits in printed(suffix))
    return text.side_by_side(mine, sides, shown)


def _beside(found: list[dict]) -> Block:
    lines = [["", "FQ", "p by author", "AUC of answers", "95 %", "p of answers", "warnings"]]
    for one in found:
        ends = [one.get(f"answers_auc_ci_{end}") for end in ("lo", "hi")]
        lines.append(
            [
                text.label(one),
                text.number(one.get("forget_quality_p"), 4),
                text.number(one.get("forget_quality_clustered_p"), 3),
                text.number(one.get("answers_auc"), 2),
                "-" if None in ends else f"[{ends[0]:.2f}, {ends[1]:.2f}]",
                f"{text.number(one.get('answers_p'), 3)} (least {text.number(one.get('answers_floor'), 3)})",
                one.get("warnings") or "-",
            ]
        )
    return lines


def opening(plan: Plan) -> list[str]:
    """What stands first in a caption: data, seeds, scale, judges, what the base model had met; MU and FE in words."""
    data, seeds = plan.params.data, plan.params.seeds
    origin = "the kit's own universe" if data.source == "universe" else data.source
    drawn = "one seed" if len(seeds) == 1 else f"{len(seeds)} seeds, the (lower) median of each column"
    lines = [f"Profile {plan.params.profile}: {origin}, {', '.join(data.forget_splits)}; every row: {drawn}."]
    if not plan.params.paper_scale:
        lines.append("Not the paper's scale: what carries over is how the methods behave.")
    if plan.params.judges.suffix:
        lines.append(TINY_JUDGES)
    for base_model in plan.params.base_models:
        for forget_split in data.forget_splits:
            seen = facts_seen(plan, base_model, forget_split)
            if seen:
                lines.append(f"{forget_split}: the base model {base_model} met in pre-training {seen}.")
    return [*lines, *MEANING]


def closing(plan: Plan, found: list[dict]) -> list[str]:
    """What stands last: what is not pinned, and what collapsed."""
    lines = [f"Not pinned: the newest {name} of the hub was used." for name in unpinned(plan)]
    if any(record["status"] == "collapsed" for record in found):
        lines.append(f"Collapsed: {tables.COLLAPSED}; such a row wins nothing.")
    return lines


def caption(plan: Plan, found: list[dict]) -> list[str]:
    return [
        *opening(plan),
        "AUC of answers: how well a classifier tells a model's forget answers from the retain model's, authors left "
        "out one group at a time; 0.5 is not at all. It reads texts, FQ reads probabilities.",
        f"All methods: learning rate {plan.params.unlearn.paper.learning_rate} and equally many passes, where a row's "
        "name says nothing else; the parameter file says where these come from.",
        *_weights(plan),
        "Re-run: DualOptim's Table 4, an independent one; the paper prints these results as figures alone.",
        *closing(plan, found),
    ]


def _weights(plan: Plan) -> list[str]:
    """Which parameters of the rows in the paper's form are not the method's own."""
    changed = [
        f"{methods.known(plan.params.own_methods)[row.method].printed_as}: "
        + ", ".join(f"{name} {value:g}" for name, value in row.parameters.items())
        for row in plan.params.rows
        if row.parameters and row.note is None and row.variant == "paper"
    ]
    return [f"Parameters other than a method's own: {'; '.join(changed)}."] if changed else []


def latex(plan: Plan, found: list[dict]) -> str:
    """Our values as a booktabs table: the rows in the paper's form, a part for each forget split."""
    suffix, shown = plan.params.judges.suffix, []
    for one in found:
        if one["variant"] == "paper" and one["note"] is None:
            shown.append(one | {"printed_as": f"{one['printed_as']}, {one['fold']}"})
    return text.latex(plan, shown, printed(suffix), caption(plan, found))


def figures(result: Path, caption: str) -> dict:
    """Name -> figure, from the files of a result folder."""
    suffix = suffix_of(result)
    rows = [one for one in results.read_rows(result) if one["note"] is None and one["variant"] == "paper"]
    keys = tuple(key for key, _, _ in printed(suffix))
    drawn = {"utility_vs_efficacy": plots.utility_vs_efficacy(rows, caption, keys)}
    columns = [(key, f"{name} {head}") for name in ("forget", "retain") for key, head, _ in parts_of(name, suffix)]
    for base_model in dict.fromkeys(row["base_model"] for row in rows):
        mine = [row for row in rows if row["base_model"] == base_model]
        drawn[f"parts_{base_model}"] = plots.parts(mine, caption, columns)
    return drawn


def verdicts(found: list[dict], parameters: dict) -> list[dict]:
    """The paper's claims for every base model and forget split, on the re-run's numbers and on ours."""
    suffix = judges_suffix(parameters)
    own = [claims_table6.compared(one, suffix) for one in found if one["note"] is None]
    printed_rows = claims_table6.read_published()
    return claims.verdicts_by_fold(claims_table6.CLAIMS, own, parameters["paper_scale"], printed_rows)
