"""FLAT (arXiv 2410.11143), Table 1: what each method needs. Measured on the original model, not typed in."""

from pathlib import Path

from unlearnkit import checks, needs, paths, plots, results
from unlearnkit.captions import unpinned
from unlearnkit.data import templates, tofu
from unlearnkit.errors import KitError, at
from unlearnkit.papers import measured
from unlearnkit.papers.measured import describe, records, verdicts
from unlearnkit.planned import Models, Plan, unlearn_spec
from unlearnkit.schema import Needs, RowParams
from unlearnkit.tables import read_csv
from unlearnkit.text import Block

__all__ = ["describe", "records", "verdicts"]

NOTEBOOK = "01_flat_table1_requirements.ipynb"
IN_CONTEXT = "in_context"
NEEDS = {
    "forget_questions": "forget questions",
    "forget_answers": "forget answers",
    "forget": "forget data",
    "retain": "retain data",
    "template": "templates",
    "reference": "reference model",
}
COSTS = {
    "forward_sequences": "forward",
    "backward_sequences": "backward",
    "reference_sequences": "reference",
    "relative_memory": "memory / GA",
    "relative_seconds": "seconds / GA",
    "relative_seconds_lo": "least",
    "relative_seconds_hi": "most",
    "prompt_tokens": "prompt tokens",
}


def make(content: Needs, where: str, split: str | None = None) -> Plan:
    """The original model, and one run that measures all methods on it. KitError: a name that does not exist."""
    if split:
        raise KitError(f"{where}: {content.table} has no other forget splits")
    checks.check_models(content, where)
    plan = Plan(content, where)
    (name,), (seed,) = content.base_models, content.seeds
    models = Models(plan, name)
    start, sets = models.original(seed), tofu.splits(content.data.forget_split)
    rows = [RowParams(method=method, variant=variant) for method, variant in needs.rows(content.own_methods)]
    training = content.unlearn.model_dump() | {"lora": None}
    with at(f"{where}: data.source"):
        fingerprint = templates.fingerprint(content.data.source)
    spec = {
        **models.shared,
        "start": start,
        "forget_split": content.data.forget_split,
        "retain_pool": content.data.retain_pool,
        "unlearn": [unlearn_spec(content, row, training) for row in rows],
        "rounds": content.rounds,
        "in_context_pairs": content.in_context_pairs,
        "seed": seed,
        "templates_fingerprint": fingerprint,
    }
    plan.add("needs", f"{name}/what methods need", spec, [sets.forget, sets.retain, "full"], (start["run"],))
    return plan


def draws(plan: Plan, failed: dict[str, str]) -> list[dict]:
    """One dictionary per method: what was measured beside what the paper prints. `influence_...`: `needs.measure`."""
    names = [_row(*one) for one in needs.rows(plan.params.own_methods)] + [IN_CONTEXT]
    drawn = measured.draws(plan, failed, names)
    if any(one["status"] in ("failed", "missing") for one in drawn):
        return drawn
    printed = read_csv(paths.results("published") / "flat_table1.csv")
    found = needs.records(drawn, printed, plan.params.own_methods)
    return [
        {key: one[key] for key in ("row", "status", "reason", "seed")}
        | record
        | {f"influence_{source}": value for source, value in one["influence"].items()}
        for one, record in zip(drawn, found, strict=True)
    ]


def _row(method: str, variant: str) -> str:
    return method if variant == "paper" else f"{method}_{variant}"


def blocks(plan: Plan, found: list[dict]) -> list[tuple[str, Block]]:
    found = [record | {"printed_as": _name(record)} for record in found]
    return [
        ("What each method needs: measured, in brackets what the paper prints otherwise", _needs_block(found)),
        ("What a step costs", measured.block(found, COSTS)),
    ]


def _name(record: dict) -> str:
    return record["printed_as"] + (", as released" if record.get("variant") == "release" else "")


def _needs_block(found: list[dict]) -> Block:
    lines = [["", *NEEDS.values(), "kind"]]
    for record in found:
        cells = [_mark(record, column) for column in NEEDS]
        lines.append([record["printed_as"], *cells, record.get("kind", "-")])
    return lines


def _mark(record: dict, column: str) -> str:
    words = {True: "yes", False: "no", None: "-"}
    differs = record.get(f"{column}_agrees") is False
    return words[record.get(column)] + (f" (printed: {words[record[f'{column}_printed']]})" if differs else "")


def caption(plan: Plan, found: list[dict]) -> list[str]:
    data, (name,) = plan.params.data, plan.params.base_models
    lines = [
        f"Profile {plan.params.profile}: {data.source}, {data.forget_split}, original model of {name}; every method "
        f"trains {plan.params.unlearn.steps} steps of {plan.params.unlearn.batch_size} by the kit's own procedure.",
        "Needed: the weights change when that source is replaced by something else, by more than "
        f"{needs.TOLERANCE:g} of the update. What a method declares was compared with that for every row.",
        "Sequences through the model in a step, forward and backward; reference: passes through the original model, "
        "once before training, shared out over the steps.",
        "Memory and seconds a step are relative to GA in the same process; the range is over rounds. On the CPU "
        "seconds of the processor. The costs are those of this kit at this scale.",
        "Kind: input-based changes only what the model is asked; data-based is ordinary supervised training on other "
        "responses; model-based has an objective of its own. The three kinds are of FLAT's slides, definitions ours.",
        "In-context refusal needs a model that follows instructions; nothing is said here about how well it works.",
    ]
    return lines + [f"Not pinned: the newest {name} of the hub was used." for name in unpinned(plan)]


def latex(plan: Plan, found: list[dict]) -> str:
    found = [record | {"printed_as": _name(record)} for record in found]
    return measured.latex(found, NEEDS | {"kind": "kind"}, caption(plan, found))


def figures(result: Path, caption: str) -> dict:
    """Name -> figure, from the files of a result folder."""
    return {"needs": plots.needs(results.read_rows(result), caption)}


def problems(result: Path) -> list[str]:
    """Cells that do not follow from what is stored beside them: a need from its influence, agreement from the print."""
    found = []
    for record in results.read_rows(result):
        for column, sources in needs.COLUMNS.items():
            influence = max(record[f"influence_{source}"] for source in sources)
            if record[column] != (influence > needs.TOLERANCE):
                found.append(f"table.csv, row {record['row']}, {column}: its influence is {influence:g}")
            says = record[f"{column}_printed"]
            if record[f"{column}_agrees"] != (None if says is None else says == record[column]):
                found.append(f"table.csv, row {record['row']}, {column}_agrees does not follow")
    return found
