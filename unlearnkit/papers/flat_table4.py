"""FLAT (arXiv 2410.11143), Table 4: TOFU. Base models x methods; the rows are measured against a retain model."""

import json
from pathlib import Path

from unlearnkit import claims, paths, plots, results, tables, text
from unlearnkit.captions import caption
from unlearnkit.metrics.samples import tofu_metrics
from unlearnkit.metrics.tofu import rouge_l_recall
from unlearnkit.papers import claims_table4, trained
from unlearnkit.plan import make
from unlearnkit.planned import Plan, Run
from unlearnkit.tables import draws, records
from unlearnkit.text import blocks

__all__ = ["blocks", "caption", "draws", "make", "records"]

NOTEBOOK = "04_flat_table4_tofu.ipynb"


def describe(plan: Plan, run: Run) -> str:
    """A finished run's numbers in a few words."""
    found = [(row, draw) for row in plan.rows for draw in row.draws if draw.run == run.key]
    if not found or plan.purpose == "grid":
        return "done"
    row, draw = found[0]
    metrics = tofu_metrics(tables.draw_samples(plan, row, draw), tables.retain_samples(plan, row, draw))
    words = [f"F-RL {metrics['forget_rouge_l_recall']:.3f}", f"R-RL {metrics['retain_rouge_l_recall']:.3f}"]
    if "model_utility_geometric" in metrics:
        words.insert(0, f"MU {metrics['model_utility_geometric']:.3f}")
    if "forget_quality_p" in metrics:
        words.insert(0, f"FQ {text.number(metrics['forget_quality_p'], 4)}")
    return "  ".join(words)


def latex(plan: Plan, found: list[dict]) -> str:
    """A booktabs table of our values: the rows of the table's own setting and form."""
    own = [record for record in found if record.get("setting") is None and record["variant"] == "paper"]
    return text.latex(plan, own, text.PRINTED, caption(plan, found))


def figures(result: Path, caption: str) -> dict:
    """Name -> figure, from the files of a result folder."""
    rows, seeds = results.read_rows(result), results.read_seeds(result)
    trajectories, ratios = results.read_trajectories(result), results.read_truth_ratios(result)
    found = {"forget_quality_vs_model_utility": plots.forget_quality_vs_model_utility(rows, caption, seeds)}
    for base_model in dict.fromkeys(row["base_model"] for row in rows if row["row"] in ratios):
        figure = plots.truth_ratio_distributions(ratios, rows, caption, base_model)
        found[f"truth_ratios_{base_model}"] = figure
    own = [row for row in rows if row["setting"] is None]
    six = [row for row in rows if row["setting"] == "paper" or row["method"] == "retain"]
    for name, members in (("trajectories", own), ("trajectories_paper_setting", six)):
        if any(row["row"] in trajectories for row in members):
            found[name] = plots.trajectories_over_steps(trajectories, members, caption)
    return found


def verdicts(found: list[dict], parameters: dict) -> list[dict]:
    """The paper's claims, checked on the printed numbers and on these rows, those of the table's own setting."""
    ours = [
        record | {"model_utility": record.get("model_utility_geometric")}
        for record in found
        if record.get("setting") is None
    ]
    printed = claims_table4.read_published(paths.results("published") / "flat_table4.csv")
    return claims.verdicts(claims_table4.CLAIMS, ours, parameters["paper_scale"], printed)


def problems(result: Path) -> list[str]:
    """What in a stored result does not follow from what is stored beside it.

    From the samples: ROUGE-L from the answers themselves, all metrics of seeds.csv, which rows collapsed; the medians
    of table.csv. Not checked is a collapse on the validation authors, for which a result has no samples.
    """
    retain_pool = json.loads((result / "parameters.json").read_text(encoding="utf-8"))["data"]["retain_pool"]

    def measure(samples: list[dict], retain: list[dict]) -> dict:
        return tables.metrics(samples, retain, retain_pool)

    return trained.problems(result, "retain", measure, _other_rouge_l, tables.mark_collapsed, _medians)


def _medians(table: list[dict], drawn: list[dict]) -> list[dict]:
    """The table from its draws; what collapsed on the validation authors stays collapsed."""
    before = {"status": "collapsed", "reason": tables.COLLAPSED_BEFORE}
    return [
        again | before if record["reason"] == before["reason"] and again["status"] in ("ok", "collapsed") else again
        for record, again in zip(table, trained.medians(table, drawn), strict=True)
    ]


def _other_rouge_l(samples: list[dict]) -> list[str]:
    """Samples whose ROUGE-L does not follow from their answers; those stored without text cannot be checked."""
    return [
        f"{sample['set']} {sample['item']}: ROUGE-L {sample['rouge_l_recall']} does not follow from its answer"
        for sample in samples
        if "generation" in sample
        and rouge_l_recall(sample["reference"], sample["generation"]) != sample["rouge_l_recall"]
    ]
