"""Table 1's columns: what a method's losses declare, what was measured, what the paper prints."""

from collections.abc import Sequence

from unlearnkit.methods import known
from unlearnkit.terms import FROM_RETAIN, FROM_TEMPLATES, Variant

# Columns of the table, and the sources behind each of them.
COLUMNS = {
    "forget": ("forget_questions", "forget_answers"),
    "retain": ("retain",),
    "template": ("templates",),
    "reference": ("reference",),
}
PRINTED = {"forget": "forget_data", "retain": "retain_data", "reference": "reference_model"}  # no column for templates
COSTS = (
    "steps", "forward_sequences", "backward_sequences", "reference_sequences", "prompt_tokens", "peak_memory_mb",
    "relative_memory", "seconds_per_step", "relative_seconds", "relative_seconds_lo", "relative_seconds_hi",
)  # fmt: skip


def kind(chosen: Variant) -> str:
    """Where a training method acts; the third kind, "input-based", changes only what the model is asked.

    "data-based": ordinary supervised training, only the responses are others. "model-based": an objective of its own.
    FLAT's slides divide the field into these three; the definitions are ours.
    """
    supervised = all(
        term.name.endswith("_cross_entropy") and term.weight_in(chosen.parameters) > 0 for term in chosen.terms
    )
    return "data-based" if supervised else "model-based"


def declared(chosen: Variant) -> dict[str, bool]:
    """What a method's losses ask for, by column. Template and mismatch answer forget questions, mismatch with retain
    answers; `retain_template` answers retain questions with templates."""
    parts = set(chosen.parts)
    return {
        "forget": bool(parts & {"forget", "template", "mismatch"}),
        "retain": bool(parts & FROM_RETAIN),
        "template": bool(parts & FROM_TEMPLATES),
        "reference": chosen.reference,
    }


def rows(own: str | None = None) -> list[tuple[str, str]]:
    """(method, variant) of the table: every method as its paper writes it, and as released where that needs others.

    Methods that look at the activations behind a layer (RMU) are left out: their layer and weights are a model's own.
    """
    return [
        (name, label)
        for name, method in known(own).items()
        for label, chosen in method.variants.items()
        if (label == "paper" or declared(chosen) != declared(method.variants["paper"])) and not chosen.inner_parts
    ]


def by_column(needs: dict[str, bool]) -> dict[str, bool]:
    """The table's columns from the sources behind them."""
    return {column: any(needs[source] for source in behind) for column, behind in COLUMNS.items()}


def records(measured: Sequence[dict], printed: Sequence[dict], own: str | None = None) -> list[dict]:
    """The table: one flat record per measured method, beside what the paper prints.

    measured: of `measure_all`, and of `measure_in_context` on request. printed: rows of
    results/published/flat_table1.csv as read, all FLAT divergences under `flat`. own: the user's file of methods. Per
    column of COLUMNS: what was measured, `<column>_printed` (None where the paper has no such row or column) and
    `<column>_agrees`. Costs are None where nothing is trained. A release variant stands beside the same printed row as
    the paper's form.
    """
    by_method = {row["method"]: row for row in printed}
    names = known(own)
    found = []
    for one in measured:
        method = one["method"]
        paper = by_method.get("flat" if method.startswith("flat_") else method)
        record = {key: one[key] for key in ("method", "variant", "kind")}
        record["printed_as"] = names[method].printed_as if method in names else one.get("printed_as", method)
        for column, uses in by_column(one["needs"]).items():
            says = bool(int(paper[PRINTED[column]])) if paper and column in PRINTED else None
            record |= {
                column: uses,
                f"{column}_printed": says,
                f"{column}_agrees": None if says is None else says == uses,
            }
        record |= {source: one["needs"][source] for source in COLUMNS["forget"]}
        record |= {name: one.get(name) for name in COSTS} | {"source": one["source"]}
        found.append(record)
    return found
