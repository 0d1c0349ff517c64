"""A study of A Closer Look's Table 6: LoRA of several ranks against full fine-tuning, one forget set.

The numbers of the side `re-run` are DualOptim's: its Table 4 (full fine-tuning) and its Table 16 (LoRA of rank 8).
"""

import json
from pathlib import Path

from unlearnkit import plots, results, runs, tables, text
from unlearnkit.papers import claims_table6, closer_look
from unlearnkit.papers.closer_look import describe, parts_of, printed, suffix_of, values
from unlearnkit.papers.closer_look_plan import make
from unlearnkit.papers.closer_look_table6 import beside_the_rerun, closing, opening
from unlearnkit.planned import Draw, Plan, Row
from unlearnkit.text import Block

__all__ = ["describe", "make", "records"]

NOTEBOOK = "06a_closer_look_lora.ipynb"
records = tables.records
TRAINED = (("trainable_parameters", "trained", 0), ("trainable_share", "share", 4))


def draws(plan: Plan, failed: dict[str, str]) -> list[dict]:
    """As of Table 6; `lora_rank`, None where all weights are trained; `trainable_parameters` and their share."""
    pairs = [(row, draw) for row in plan.rows for draw in row.draws]
    drawn = closer_look.draws(plan, failed)
    return [one | _trained(plan, *pair) for one, pair in zip(drawn, pairs, strict=True)]


def _trained(plan: Plan, row: Row, draw: Draw) -> dict:
    lora, run = (row.training or {}).get("lora"), plan.runs[draw.run]
    return {"lora_rank": lora["rank"] if lora else None, **counted(runs.manifest(run) if runs.is_complete(run) else {})}


def counted(manifest: dict) -> dict:
    """How many parameters a run trained, and their share of the model's; None where its manifest does not say."""
    trained, all_of_them = manifest.get("trainable_parameters"), manifest.get("parameters")
    return {"trainable_parameters": trained, "trainable_share": trained / all_of_them if trained else None}


def blocks(plan: Plan, found: list[dict]) -> list[tuple[str, Block]]:
    suffix, parts = plan.params.judges.suffix, []
    rerun = [*text.published(plan), *claims_table6.read_published()]
    heads = ("MU", "FE", "F-RL", "F-P", "R-RL", "R-P")
    measured = (*printed(suffix), *parts_of("forget", suffix)[:2], *parts_of("retain", suffix)[:2])
    measured = tuple((key, head, digits) for (key, _, digits), head in zip(measured, heads, strict=True))
    columns = (*TRAINED, *measured, ("learning_rate", "learning rate", 4), ("warnings", "warnings", 0))
    for (base_model, split), mine in _groups(found).items():
        name = f"{base_model}, {split}"
        printed_as = plan.params.base_models[base_model].printed_as
        parts.append((f"{name} (re-run: {printed_as})", beside_the_rerun(plan, found, mine, rerun)))
        references = [one for one in mine if one["learning_rate"] is None]
        for method in dict.fromkeys(one["method"] for one in mine if one not in references):
            own = [one for one in mine if one["method"] == method]
            parts.append((f"{name}: {own[0]['printed_as']}, by what is trained", values([*references, *own], columns)))
        parts.append((f"{name}: what it costs", _costs(mine)))
        if len(plan.params.seeds) > 1:
            heading = f"{name}: median and range over {len(plan.params.seeds)} seeds"
            parts.append((heading, text.over_seeds(mine, measured[:3] + measured[4:5])))
    return parts


def _groups(found: list[dict]) -> dict[tuple[str, str], list[dict]]:
    groups: dict[tuple[str, str], list[dict]] = {}
    for one in found:
        groups.setdefault((one["base_model"], one["fold"]), []).append(one)
    return groups


def _costs(found: list[dict]) -> Block:
    lines = [["", "steps", "seconds", "seconds a step"]]
    for one in (one for one in found if one["learning_rate"] is not None):
        steps, seconds = one.get("steps"), one.get("unlearning_seconds")
        each = seconds / steps if steps and seconds else None
        lines.append([text.label(one), str(steps or "-"), text.number(seconds, 1), text.number(each, 3)])
    return lines


def caption(plan: Plan, found: list[dict]) -> list[str]:
    return [
        *opening(plan),
        "Trained: how many parameters have gradients; share: of all of the model's. Without a note: full fine-tuning, "
        "at Table 6's learning rate. LoRA adapts the layers that the parameter file names, and is merged before "
        "anything is asked.",
        "Every rank of every method has a learning rate of its own, chosen by one rule on the validation authors, whom "
        "no row forgets; the parameter file says how, and what was seen.",
        "Seconds: the training alone, beside another row's and whatever else the machine did.",
        "Re-run: DualOptim's Tables 4 and 16, an independent one; the paper has no numbers of LoRA.",
        *closing(plan, found),
    ]


def latex(plan: Plan, found: list[dict]) -> str:
    """Our values as a booktabs table."""
    shown = [one | {"printed_as": f"{one['printed_as']}, {one['fold']}"} for one in found]
    return text.latex(plan, shown, (*TRAINED, *printed(plan.params.judges.suffix)), caption(plan, found))


def figures(result: Path, caption: str) -> dict:
    """Name -> figure, from the files of a result folder."""
    rows, columns = results.read_rows(result), printed(suffix_of(result))
    return {"trained_parameters": plots.over_trained_parameters(rows, caption, columns)}


def verdicts(found: list[dict], parameters: dict) -> list[dict]:
    """No claims are checked for this table: the paper makes none."""
    return []


def problems(result: Path) -> list[str]:
    """As of Table 6; and the counts must be those of the runs' manifests."""
    found = closer_look.problems(result)
    folders = results.draw_folders(result)
    for one in results.read_seeds(result):
        where, folder = (one["row"], one["seed"]), folders.get((one["row"], one["seed"]))
        if folder:  # what is missing is said above
            manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
            found += results.disagreements(f"seeds.csv, row {where[0]}, seed {where[1]}", one, counted(manifest))
    return found
