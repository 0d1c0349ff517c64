"""What a reader must know before believing a table's numbers."""

from unlearnkit import hub
from unlearnkit.data import tofu
from unlearnkit.planned import Plan


def caption(plan: Plan, found: list[dict]) -> list[str]:
    """What a reader must know before believing a number, one sentence a line."""
    data, seeds = plan.params.data, plan.params.seeds
    names = tofu.splits(data.forget_split)
    n_forget, n_full = plan.data.size(names.forget), plan.data.size("full")
    origin = "the kit's own universe" if data.source == "universe" else data.source
    drawn = "one seed" if len(seeds) == 1 else f"{len(seeds)} seeds, the (lower) median of each column"
    lines = [
        f"Profile {plan.params.profile}: {origin}, {data.forget_split} = {n_forget} of {n_full} questions "
        f"({n_forget / n_full:.1%}); every row: {drawn}.",
    ]
    if not plan.params.paper_scale:
        lines.append("Not the paper's scale; rows that differ by a few questions of D = k/n are not ordered by that.")
    if len(seeds) > 1:
        lines.append("FQ's p, its k and the p by author belong together: those of the seed with the (lower) median p.")
        lines.append("A seed covers the fine-tuning of original and retain model and the unlearning, not pre-training.")
    for base_model in plan.params.base_models:
        seen = facts_seen(plan, base_model, data.forget_split)
        if seen:
            lines.append(f"The base model {base_model} met in pre-training {seen}.")
    if plan.params.unlearn.default == "selected":
        lines.append(
            "Learning rate and steps of each method were chosen on validation authors that no row forgets, by one rule "
            "for all methods; that choice saw retain questions, also for methods that train on forget data only."
        )
    if plan.split and plan.params.unlearn.selected:
        lines.append("The choice was made for the smallest forget set; a larger one takes as many passes, more steps.")
    lines.append(
        "FQ: p-value of a two-sample KS test on truth ratios against the retain model, questions taken as independent; "
        "p by author: the same distance, the models' answers exchanged author by author, and the least p that so few "
        "authors can give. MU: harmonic mean of nine parts, geometric truth ratio. F-RL, R-RL: ROUGE-L recall; F-RL's "
        "ideal is the retain model's, not zero; its gap is the distance to that."
    )
    lines.append(
        "k of n: the distance D = k/n behind FQ; questions behind the best: k less the smallest k of a method. "
        "Unlearning: seconds of training and of the passes for references, without loading and scoring."
    )
    if data.retain_pool == "every_second_author":
        lines.append("Touched are the retain authors whose questions methods with retain data may draw.")
    lines += [f"Not pinned: the newest {name} of the hub was used." for name in unpinned(plan)]
    if any(record["status"] == "collapsed" for record in found):
        lines.append(
            "Collapsed: retain ROUGE-L below half the original's, or no setting kept enough of it on the validation "
            "authors; such a row wins nothing."
        )
    return lines


def unpinned(plan: Plan) -> list[str]:
    """Hub ids that are used without a revision."""
    return [one.id for one in hub.named(plan.params) if one.revision is None]


def facts_seen(plan: Plan, base_model: str, forget_split: str) -> str | None:
    """How many evaluated questions the base model met in pre-training; None where nobody knows."""
    scratch = plan.params.base_models[base_model].scratch
    if scratch is None:
        return None
    seen = {row["question"] for row in plan.data.load(scratch.pretrain_split)}
    names = tofu.splits(forget_split)
    parts = []
    for label, name in (
        ("real authors", "real_authors_perturbed"),
        ("world facts", "world_facts_perturbed"),
        ("retain questions", names.retain_perturbed),
        ("forget questions", names.forget_perturbed),
    ):
        rows = plan.data.load(name)
        parts.append(f"{sum(row['question'] in seen for row in rows)} of {len(rows)} {label}")
    return ", ".join(parts)
