"""Forget quality after each epoch, from trajectories that were measured once an epoch."""

import json
from pathlib import Path

from unlearnkit import results, runs, sampling
from unlearnkit.metrics.samples import truth_ratios
from unlearnkit.metrics.tofu import forget_quality


def ratios(samples: list[dict]) -> list[float]:
    """The truth ratios of a model's samples of the forget set."""
    return truth_ratios([one for one in samples if one["set"] == "forget"], "forget", "geometric")


def qualities(points: list[dict], retain_ratios: list[float]) -> list[float]:
    """Forget quality at every point."""
    return [forget_quality(point["truth_ratios"], retain_ratios).p for point in points]


def best_epoch(points: list[dict], retain_ratios: list[float]) -> dict:
    """The epoch of the highest forget quality, its number from 1, and what was measured there."""
    after = qualities(points, retain_ratios)
    best = after.index(max(after))
    return {
        "epochs": len(after),
        "updates_per_epoch": points[0]["step"],
        "best_epoch": best + 1,
        "best_epoch_forget_quality_p": after[best],
        "best_epoch_forget_probability": points[best]["forget_probability"],
        "best_epoch_retain_probability": points[best]["retain_probability"],
    }


def over_epochs(result: Path) -> dict[str, list[dict]]:
    """Row name -> points over epochs (as `step`) of the first seed, with forget quality against its retain model.

    The first point is the original model, which all start from.
    """
    folders, found = results.first_draws(result), {}
    for row in results.read_rows(result):
        file = folders[row["row"]] / "trajectory.json" if row["row"] in folders else None
        original, retain = (folders.get(f"{row['base_model']}/{one}_{row['fold']}") for one in ("original", "retain"))
        if file is None or original is None or retain is None or not file.is_file():
            continue
        points = [sampling.point(runs.read_samples(original / "samples.jsonl.gz"))]
        points += json.loads(file.read_text(encoding="utf-8"))
        after = qualities(points, ratios(runs.read_samples(retain / "samples.jsonl.gz")))
        kept = ("forget_probability", "retain_probability")
        found[row["row"]] = [
            {"step": epoch, "forget_quality_p": p} | {key: point[key] for key in kept}
            for epoch, (point, p) in enumerate(zip(points, after, strict=True))
        ]
    return found
