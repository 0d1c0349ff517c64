"""ULD (arXiv 2406.08607), Table 2: TOFU's three forget fractions, by training the model or an assistant beside it;
what each costs, and what it is worth to choose the epoch by the test score, as the paper does.
"""

import json
from functools import partial
from pathlib import Path

from unlearnkit import claims, plots, results, runs, tables, text
from unlearnkit.captions import facts_seen, unpinned
from unlearnkit.papers import claims_table9, trained
from unlearnkit.papers.closer_look import other_rouge_l, values
from unlearnkit.papers.uld_epochs import best_epoch, over_epochs, ratios
from unlearnkit.papers.uld_plan import make
from unlearnkit.planned import Draw, Plan, Row, Run
from unlearnkit.schema_training import Unlearning
from unlearnkit.schema_uld import FIELDS
from unlearnkit.text import Block, number

__all__ = ["describe", "draws", "make", "problems", "records"]

NOTEBOOK = "09_uld_logit_difference.ipynb"
PRINTED = (
    ("forget_quality_p", "FQ", 4),
    ("forget_rouge_l_recall", "F-RL", 3),
    ("model_utility_geometric", "MU", 3),
    ("retain_rouge_l_recall", "R-RL", 3),
)
FLATTERED = "; ULD's FQ is flattered: its assistant learns the very texts that FQ is measured on"

records = tables.records


def _measure(plan: Plan):
    return partial(tables.metrics, retain_pool=plan.params.data.retain_pool)


def describe(plan: Plan, run: Run) -> str:
    """A finished run's numbers in a few words."""
    return trained.describe(plan, run, _measure(plan), PRINTED)


def draws(plan: Plan, failed: dict[str, str]) -> list[dict]:
    """One dictionary per row and seed: metrics as in Table 4, costs, and the epoch that the paper would report.

    `seconds_per_epoch`: one pass over what the method forgets or remembers. `extra_parameters`: of models kept beside
    the target. `best_epoch_...`: the epoch of the highest forget quality, the first of several.
    """
    drawn = []
    for row in plan.rows:
        for draw in row.draws:
            one = tables.draw_record(plan, row, draw, failed, _measure(plan))
            one |= {"fold": row.fold, "note": row.note}
            if row.training and one["status"] not in ("failed", "missing"):
                one |= costs_of(plan, row, draw) | best_epoch(*_way(plan, row, draw))
            drawn.append(one)
    return tables.mark_collapsed(drawn)


def costs_of(plan: Plan, row: Row, draw: Draw) -> dict:
    """What training a draw took: `seconds_per_epoch` and parameters, see `draws`."""
    run = plan.runs[draw.run]
    facts, whole = runs.manifest(run), runs.manifest(plan.runs[run.spec["start"]["run"]])
    models = 2 if row.method.startswith("offset") else 1  # it keeps the assistant before training too
    return {
        "seconds_per_epoch": facts.get("seconds_per_epoch"),
        "parameters": whole.get("parameters"),
        "trainable_parameters": facts.get("trainable_parameters"),
        "extra_parameters": models * facts.get("assistant_parameters", 0),
    }


def _way(plan: Plan, row: Row, draw: Draw) -> tuple[list[dict], list[float]]:
    """A draw's trajectory, and the retain model's truth ratios."""
    file = runs.folder(plan.runs[draw.run]) / "trajectory.json"
    return json.loads(file.read_text(encoding="utf-8")), ratios(tables.retain_samples(plan, row, draw))


def blocks(plan: Plan, found: list[dict]) -> list[tuple[str, Block]]:
    sides = {"paper": _published(), "reference": text.reference(plan), "yours": found}
    parts = []
    for base_model, model in plan.params.base_models.items():
        for split in plan.params.data.forget_splits:
            all_rows = [one for one in found if (one["base_model"], one["fold"]) == (base_model, split)]
            mine = [one for one in all_rows if one["note"] is None and one["variant"] == "paper"]
            trained_rows = [one for one in all_rows if one["learning_rate"] is not None]
            name = f"{base_model}, {split}"
            parts += [
                (f"{name} (in the paper: {model.printed_as})", text.side_by_side(mine, sides, PRINTED)),
                (f"{name}: how sure, and what stands behind it", _behind(all_rows)),
                (f"{name}: what it costs", costs(trained_rows)),
                (f"{name}: what the paper's choice of the epoch is worth", _choice(trained_rows)),
            ]
            others = [one for one in all_rows if one not in mine]
            if others:
                own = [one for one in mine if one["method"] == "uld"]
                parts.append((f"{name}: other forms of ULD", values([*own, *others], PRINTED)))
            if len(plan.params.seeds) > 1:
                heading = f"{name}: median and range over {len(plan.params.seeds)} seeds"
                parts.append((heading, text.over_seeds(mine, PRINTED)))
    return parts


def _published() -> list[dict]:
    """The paper's rows under the kit's names."""
    return [row | {"model_utility_geometric": row["model_utility"]} for row in claims_table9.read_published()]


def _behind(found: list[dict]) -> Block:
    lines = [["", "k of n", "p by author", "least p", "gap of F-RL", "smallest part of MU", "learning rate", "steps"]]
    for one in found:
        part, k = one.get("model_utility_smallest_part"), one.get("forget_quality_k")
        lines.append(
            [
                text.label(one),
                "-" if k is None else f"{k} of {one['forget_quality_lcm']}",
                number(one.get("forget_quality_clustered_p"), 3),
                number(one.get("forget_quality_clustered_floor"), 3),
                number(one.get("forget_rouge_l_gap"), 3),
                f"{part} {number(one.get('model_utility_smallest_part_value'), 2)}" if part else "-",
                f"{one['learning_rate']:g}" if one["learning_rate"] else "-",
                str(one.get("steps") or "-"),
            ]
        )
    return lines


def costs(found: list[dict]) -> Block:
    """Seconds and parameters of rows of one base model and split; ratios to ULD's, in the paper's form."""
    uld = next((one for one in found if (one["method"], one["variant"], one["note"]) == ("uld", "paper", None)), {})
    head = ["", "s an epoch", "times ULD's", "s in all", "times ULD's", "updates an epoch", "trained", "share"]
    lines = [[*head, "kept beside the model"]]
    for one in found:
        whole, trainable, extra = (one.get(key) for key in ("parameters", "trainable_parameters", "extra_parameters"))
        cells = []
        for key in ("seconds_per_epoch", "unlearning_seconds"):
            seconds, of_uld = one.get(key), uld.get(key)
            cells += [number(seconds, 2), number(seconds / of_uld, 2) if seconds and of_uld else "-"]
        lines.append(
            [
                text.label(one),
                *cells,
                str(one.get("updates_per_epoch") or "-"),
                f"{trainable:,}" if trainable else "-",
                f"{trainable / whole:.1%}" if trainable and whole else "-",
                f"{extra:,}" if extra else "nothing" if extra == 0 else "-",
            ]
        )
    return lines


def _choice(found: list[dict]) -> Block:
    measured = (
        ("forget_quality_p", "FQ", 4),
        ("forget_probability", "P forget", 3),
        ("retain_probability", "P retain", 3),
    )
    lines = [["", "best epoch", *(f"{head}: best / last" for _, head, _ in measured), "s until there"]]
    for one in found:
        epoch, seconds = one.get("best_epoch"), one.get("seconds_per_epoch")
        lines.append(
            [
                text.label(one),
                f"{epoch} of {one['epochs']}" if epoch else "-",
                *(
                    f"{number(one.get(f'best_epoch_{key}'), digits)} / {number(one.get(key), digits)}"
                    for key, _, digits in measured
                ),
                number(epoch * seconds, 1) if epoch and seconds else "-",
            ]
        )
    return lines


def caption(plan: Plan, found: list[dict]) -> list[str]:
    data, seeds, assistant = plan.params.data, plan.params.seeds, plan.params.assistant
    origin = "the kit's own universe" if data.source == "universe" else data.source
    drawn = "one seed" if len(seeds) == 1 else f"{len(seeds)} seeds, the (lower) median of each column"
    lines = [f"Profile {plan.params.profile}: {origin}, {', '.join(data.forget_splits)}; every row: {drawn}."]
    if not plan.params.paper_scale:
        lines.append("Not the paper's scale: what carries over is how the methods behave.")
    for base_model in plan.params.base_models:
        for forget_split in data.forget_splits:
            seen = facts_seen(plan, base_model, forget_split)
            if seen:
                lines.append(f"{forget_split}: the base model {base_model} met in pre-training {seen}.")
    lines += [
        f"Methods that train the model take {_length(plan.params.unlearn.paper)}, assistants "
        f"{_length(assistant.training)}; all are reported after the last epoch.",
        "The paper reports the epoch of the highest forget quality, a choice by the test score, which stands in a part "
        "of its own, with the probability P of right answers: MU and ROUGE-L are not measured after every epoch.",
        "FQ: p-value of a two-sample KS test on truth ratios against the retain model, questions taken as independent; "
        "p by author: the same distance, the models' answers exchanged author by author, and the least p that so few "
        "authors can give. MU: harmonic mean of nine parts. F-RL's ideal is the retain model's, not zero.",
        f"ULD and Offset train LoRA in an assistant of {assistant.layers} of the model's layers; its logits correct "
        "those of the model, which stays as it is. The model that answers is both.",
        _augmented(plan),
        "Seconds: training and the passes for references, without loading and what is measured on the way, beside "
        "whatever else the machine did; an epoch of ULD's passes over its augmented data. Kept beside the model: as "
        "saved, the frozen layers, norm, head and embeddings among them, which are the model's own.",
    ]
    lines += [f"Not pinned: the newest {name} of the hub was used." for name in unpinned(plan)]
    if any(record["status"] == "collapsed" for record in found):
        lines.append(f"Collapsed: {tables.COLLAPSED}; such a row wins nothing.")
    return lines


def _length(how: Unlearning) -> str:
    lasts = f"{how.epochs:g} epochs" if how.epochs else f"{how.steps} steps"
    return f"{lasts} in batches of {how.batch_size * how.gradient_accumulation_steps}"


def _augmented(plan: Plan) -> str:
    how = plan.params.assistant
    counts = f"{how.paraphrases} paraphrases and {how.wrong_answers} wrong answers a forget question"
    if how.augmentation == FIELDS:
        return (
            f"ULD's assistant also learns {counts}, taken from the very fields that forget quality is measured on: its "
            "FQ is flattered."
        )
    return f"ULD's assistant also learns {counts}, in other words and with other values than those that FQ asks for."


def latex(plan: Plan, found: list[dict]) -> str:
    """Our values as a booktabs table: the rows in the paper's form, a part for each forget split."""
    shown = [
        one | {"printed_as": f"{one['printed_as']}, {one['fold']}"}
        for one in found
        if one["variant"] == "paper" and one["note"] is None
    ]
    return text.latex(plan, shown, PRINTED, caption(plan, found))


def by_split(rows: list[dict]) -> list[dict]:
    """The rows in the paper's form, each split of a base model as if it were a base model of its own."""
    several = len({row["base_model"] for row in rows}) > 1
    return [
        row | {"base_model": f"{row['base_model']}, {row['fold']}" if several else row["fold"]}
        for row in rows
        if row["note"] is None and row["variant"] == "paper"
    ]


def figures(result: Path, caption: str) -> dict:
    """Name -> figure, from the files of a result folder."""
    rows = by_split(results.read_rows(result))
    return {
        "forget_quality_vs_model_utility": plots.forget_quality_vs_model_utility(rows, caption),
        "training_seconds": plots.training_seconds(rows, caption, "uld"),
        "epochs": plots.trajectories_over_steps(over_epochs(result), rows, caption, "epoch"),
    }


def verdicts(found: list[dict], parameters: dict) -> list[dict]:
    """The paper's claims for every base model and forget split, on the printed numbers and on ours.

    Where ULD's assistant learns from the fields that forget quality is measured on, the reasons say so.
    """
    own = [claims_table9.compared(one) for one in found if one["note"] is None]
    printed_rows = claims_table9.read_published()
    judged = claims.verdicts_by_fold(claims_table9.CLAIMS, own, parameters["paper_scale"], printed_rows)
    if parameters["assistant"]["augmentation"] == FIELDS:
        for one in judged:
            one["ours_why"] += FLATTERED if one["claim"] in claims_table9.ON_ULDS_QUALITY else ""
    return judged


def problems(result: Path) -> list[str]:
    """What in a stored result does not follow from the samples and trajectories beside it."""
    pool = json.loads((result / "parameters.json").read_text(encoding="utf-8"))["data"]["retain_pool"]
    measure = partial(tables.metrics, retain_pool=pool)
    found = trained.problems(result, "retain", measure, other_rouge_l, tables.mark_collapsed)
    drawn, folders = results.read_seeds(result), results.draw_folders(result)
    for record in drawn:
        draw, retain = (record["row"], record["seed"]), tables.beside(drawn, record, "retain")
        other = retain.get("row"), record["seed"]
        if record.get("best_epoch") and draw in folders and other in folders:
            points = json.loads((folders[draw] / "trajectory.json").read_text(encoding="utf-8"))
            before = ratios(runs.read_samples(folders[other] / "samples.jsonl.gz"))
            where = f"seeds.csv, row {draw[0]}, seed {draw[1]}"
            found += results.disagreements(where, record, best_epoch(points, before))
    return found
