"""SEUF, first UOE (arXiv 2411.18797), Table 3: a mixture of experts forgets by training one expert, or all it has.

Every row is trained until its benchmark's level of forget efficacy is met at a measured step, so that utility is
compared at equal forget efficacy; the paper chose checkpoints by hand.
"""

import json
from functools import partial
from pathlib import Path

from unlearnkit import claims, plots, results, runs, tables, text, zeroshot
from unlearnkit.captions import unpinned
from unlearnkit.metrics.wmdp_rwku import reached, wilson, wmdp_rwku_metrics
from unlearnkit.papers import claims_table10, trained, uoe_text
from unlearnkit.papers.closer_look import other_rouge_l
from unlearnkit.papers.closer_look_lora import counted
from unlearnkit.papers.uoe_plan import EFFICACY, make
from unlearnkit.papers.uoe_text import blocks, first_of
from unlearnkit.planned import Plan, Run
from unlearnkit.tables import records

__all__ = ["blocks", "make", "records"]

NOTEBOOK = "10_uoe_one_expert.ipynb"
CHANCE = zeroshot.CHANCE["mmlu"]
COLLAPSED = f"the 95 % interval of its utility reaches down to chance, {CHANCE}"
SAME = 1e-3  # two measurements of one model; on a GPU they differ by rounding


def measure(samples: list[dict], original: list[dict] | None, parameters: dict) -> dict:
    """All metrics of one draw; `forget_efficacy` is that of its benchmark, `reached`: whether it is at its level.

    original: not looked at; nothing here is a distance. parameters: of the file.
    """
    how, levels = parameters["evaluation"], parameters["reached"]
    found = wmdp_rwku_metrics(samples, how["wmdp_tasks"], how["utility_tasks"])
    key = _efficacy(found)
    for end in ("", "_ci_lo", "_ci_hi"):
        found[f"forget_efficacy{end}"] = found[f"{key}{end}"]
    return found | {"reached": reached(found, {key: levels[key]}), "n_forget": found[f"questions_{key}"]}


def _efficacy(found: dict) -> str:
    """Which of the metrics forget efficacy is."""
    (key,) = (key for key in EFFICACY.values() if key in found)
    return key


def routed(manifest: dict) -> dict:
    """What a run's manifest says of what it trained: how many parameters, which experts (layer/expert), and the mean
    over layers of the expert selection shift.
    """
    routing = manifest.get("routing", {})
    shift, chosen = routing.get("selection_shift"), routing.get("selected")
    return counted(manifest) | {
        "experts": " ".join(f"L{layer}/E{expert}" for layer, expert in chosen) if chosen else None,
        "selection_shift": sum(shift) / len(shift) if shift else None,
    }


def describe(plan: Plan, run: Run) -> str:
    """A finished run's numbers in a few words."""
    return trained.describe(plan, run, partial(measure, parameters=plan.params.model_dump()), uoe_text.PRINTED)


def draws(plan: Plan, failed: dict[str, str]) -> list[dict]:
    """One dictionary per row and seed. `status`: ok, collapsed (see COLLAPSED), stale, failed or missing."""
    measured, drawn = partial(measure, parameters=plan.params.model_dump()), []
    for row in plan.rows:
        for draw in row.draws:
            one = tables.draw_record(plan, row, draw, failed, measured) | {"fold": row.fold, "note": row.note}
            run = plan.runs[draw.run]
            drawn.append(one | (routed(runs.manifest(run)) if runs.is_complete(run) else {}))
    ways = [points(runs.folder(plan.runs[draw.run])) for row in plan.rows for draw in row.draws]
    levels = plan.params.reached.model_dump()
    return judged([one | at_level(one, drawn, way, levels) for one, way in zip(drawn, ways, strict=True)])


def judged(drawn: list[dict]) -> list[dict]:
    """The draws, marked as collapsed where they are."""

    def fell(one: dict, original: dict) -> bool:
        return one["method"] != "original" and one["utility_accuracy_ci_lo"] <= CHANCE

    return tables.marked(drawn, fell, COLLAPSED)


def caption(plan: Plan, found: list[dict]) -> list[str]:
    data, seeds, content = plan.params.data, plan.params.seeds, plan.params
    own = (data.wmdp, data.rwku) == ("guild", "guild")
    drawn = "one seed" if len(seeds) == 1 else f"{len(seeds)} seeds, the (lower) median of each column"
    origin = "the kit's own guild" if own else f"{data.wmdp} and {data.rwku}"
    lines = [f"Profile {content.profile}: {origin}; every row: {drawn}."]
    if not content.paper_scale:
        lines.append("Not the paper's models, scale or data: what carries over is how the methods behave.")
    lines += [
        "FE, lower is better: accuracy of four choices (wmdp; 0.25 is chance and the ideal), ROUGE-L recall of answers "
        "about people (rwku). UT, higher is better: accuracy of four choices on general facts; chance is 0.25.",
        f"Equal forget efficacy: a row is trained until, after one of {', '.join(map(str, content.at_steps))} steps, "
        f"FE is at most {content.reached.wmdp_accuracy} (wmdp) or {content.reached.rwku_rouge_l_recall} (rwku); a row "
        "that never is so is marked 'not reached' and stands as it is after its last step. It ends by the questions "
        "that FE reports; the paper, too, chose checkpoints on its test questions, and by UT as well.",
        "Pairs of rows are compared at the level itself, since a row's FE is up to one measured step below it: UT is "
        "interpolated linearly between the last measured step above the level and the first at it or below; pairs of "
        "which both rows collapsed are not counted.",
        *_above_chance(found),
        "Intervals: 95 %, over questions; what another training would give they do not say.",
        "UOE: the expert with the highest mean gate weight over the forget set is trained with its router, nothing "
        "else, with an anchor loss that holds it chosen. Shift: share of forget tokens whose set of experts changed.",
        "Plain GA, GDIFF and NPO train all weights, RMU the experts of the layers that the file names, of a dense "
        "model their MLPs. GDIFF and NPO have a retain loss of weight 1.",
        "Learning rates: by a rule on data that no row reports; the parameter file says how, and what was seen.",
    ]
    lines += [f"Not pinned: the newest {name} of the hub was used." for name in unpinned(plan)]
    if any(record["status"] == "collapsed" for record in found):
        lines.append(f"Collapsed: {COLLAPSED}.")
    return lines


def _above_chance(found: list[dict]) -> list[str]:
    """How far the original models' utility is from what chance gives; a sentence, where there is one."""
    known = {
        one["base_model"]: one["utility_accuracy"]
        for one in found
        if one["method"] == "original" and "utility_accuracy" in one
    }
    if not known:
        return []
    each = ", ".join(f"{value - CHANCE:.2f} ({name})" for name, value in known.items())
    return [f"What there is to lose: before unlearning, utility is above chance by {each}."]


def latex(plan: Plan, found: list[dict]) -> str:
    """Our values as a booktabs table."""
    shown = [one | {"printed_as": f"{one['printed_as']}, {one['fold']}"} for one in found]
    return text.latex(plan, shown, uoe_text.PRINTED, caption(plan, found))


def figures(result: Path, caption: str) -> dict:
    """Name -> figure, from the files of a result folder."""
    rows, ways, routings = [uoe_text.marked(row) for row in results.read_rows(result)], {}, {}
    reached = json.loads((result / "parameters.json").read_text(encoding="utf-8"))["reached"]
    levels = {benchmark: reached[level] for benchmark, level in EFFICACY.items()}
    for name, folder in results.first_draws(result).items():
        ways[name] = points(folder)
        routings[name] = json.loads((folder / "manifest.json").read_text(encoding="utf-8")).get("routing")
    found = {}
    for base_model in dict.fromkeys(row["base_model"] for row in rows if row.get("forget_efficacy") is not None):
        mine = [row for row in rows if row["base_model"] == base_model]
        found[f"utility_vs_forgetting_{base_model}"] = plots.utility_vs_forgetting(mine, ways, levels, caption)
    panels = [
        row | {"base_model": f"{row['base_model']}, {row['fold']}", "routing": routings.get(row["row"])} for row in rows
    ]
    if any(one["routing"] for one in panels):
        affinities = {one["base_model"]: one["routing"] for one in first_of(panels)}
        found["affinity"] = plots.affinity(affinities, caption)
        found["selection_shift"] = plots.selection_shift(panels, caption)
    if any(row.get("trainable_share") for row in rows):
        shares = [row | {"status": "ok"} for row in results.read_rows(result) if row.get("trainable_share")]
        once = {(row["base_model"], row["printed_as"]): row for row in shares}  # alike for both benchmarks
        found["trained_share"] = plots.trained_share(list(once.values()), caption)
    return found


def points(folder: Path) -> list[dict]:
    """Step and metrics of every measured step, from the folder of a run or a draw; none of a reference row."""
    file = folder / "trajectory.json"
    found = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else []
    return [one | {"forget_efficacy": one[_efficacy(one)]} for one in found]


def at_level(one: dict, drawn: list[dict], way: list[dict], levels: dict[str, float]) -> dict:
    """`crossing` of one of the draws, from the original model on; {} of a draw without numbers or trajectory.

    way: its `points`; levels: metric -> level, as `reached` of a parameter file.
    """
    original = tables.beside(drawn, one, "original")
    if not way or one.get("reached") is None or original.get("utility_accuracy") is None:
        return {}
    return crossing([original, *way], levels[EFFICACY[one["fold"]]])


def crossing(way: list[dict], level: float) -> dict[str, float | None]:
    """Utility where forget efficacy first comes down to a level, `utility_at_level`, with its 95 % interval, `_ci_lo`
    and `_ci_hi`, by the same rule and number of questions as at a measured step; None where it never does.

    Linear between the last point above the level and the first at it or below. way: points in the order of their
    steps, each with forget_efficacy, utility_accuracy and questions_utility_accuracy.
    """
    keys = [f"utility_at_level{end}" for end in ("", "_ci_lo", "_ci_hi")]
    first = next((place for place, point in enumerate(way) if point["forget_efficacy"] <= level), None)
    if first is None:
        return dict.fromkeys(keys)
    above, below = way[max(first - 1, 0)], way[first]
    fallen = above["forget_efficacy"] - below["forget_efficacy"]
    part = (above["forget_efficacy"] - level) / fallen if first else 1.0
    utility = (1 - part) * above["utility_accuracy"] + part * below["utility_accuracy"]
    return dict(zip(keys, (utility, *wilson(utility, below["questions_utility_accuracy"])), strict=True))


def verdicts(found: list[dict], parameters: dict) -> list[dict]:
    """The paper's claims, on its printed numbers and on ours; a base model and benchmark at a time.

    Left out: a claim on a base model and benchmark of which neither side has the rows.
    """
    own, printed = claims_table10.compared(found), claims_table10.read_published()
    every = claims.verdicts(claims_table10.CLAIMS, own, parameters["paper_scale"], printed)
    return [one for one in every if (one["printed"], one["ours"]) != ("not printed", "cannot be checked")]


def problems(result: Path) -> list[str]:
    """What in a stored result does not follow from the samples, manifests and trajectories beside it."""
    parameters = json.loads((result / "parameters.json").read_text(encoding="utf-8"))
    found = trained.problems(result, "original", partial(measure, parameters=parameters), other_rouge_l, judged)
    folders, drawn = results.draw_folders(result), results.read_seeds(result)
    for one in drawn:
        where, folder = f"row {one['row']}, seed {one['seed']}", folders.get((one["row"], one["seed"]))
        if folder is None:
            continue  # said above
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        found += results.disagreements(f"seeds.csv, {where}", one, routed(manifest))
        way = points(folder)
        crossed = at_level(one, drawn, way, parameters["reached"])
        found += results.disagreements(f"seeds.csv, {where}", one, crossed)
        if way and way[-1]["step"] != one["steps"]:
            found.append(f"{where}, trajectory.json: ends at step {way[-1]['step']}, the row at {one['steps']}")
        for key in (_efficacy(way[-1]), "utility_accuracy") if way else ():
            if abs(way[-1][key] - one[key]) > SAME:
                found.append(f"{where}, trajectory.json: its last {key} is {way[-1][key]}, the samples' {one[key]}")
    return found
