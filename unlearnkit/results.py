"""Reads a result folder: its table, its draws, and their samples and trajectories. Writes nothing."""

import json
from pathlib import Path

from unlearnkit import runs, tables
from unlearnkit.errors import KitError, nearest
from unlearnkit.metrics import clustered
from unlearnkit.metrics.clustered import Difference
from unlearnkit.metrics.samples import truth_ratios
from unlearnkit.metrics.tofu import forget_quality


def read_rows(result: Path) -> list[dict]:
    """The table of a result folder."""
    return tables.read_csv(result / "table.csv")


def read_seeds(result: Path) -> list[dict]:
    """Every draw of a result folder: one dictionary per row and seed."""
    return tables.read_csv(result / "seeds.csv")


def draw_folders(result: Path) -> dict[tuple[str, int], Path]:
    """(row name, seed) -> the folder with that draw's samples and trajectory."""
    found = {
        (record["row"], record["seed"]): result / "rows" / tables.row_folder(record["row"]) / f"seed-{record['seed']}"
        for record in read_seeds(result)
    }
    return {draw: path for draw, path in found.items() if path.is_dir()}


def first_draws(result: Path) -> dict[str, Path]:
    """Row name -> the folder of its first seed."""
    seeds = {record["row"]: record["seed"] for record in reversed(read_seeds(result))}
    return {name: path for (name, seed), path in draw_folders(result).items() if seed == seeds[name]}


def read_truth_ratios(result: Path) -> dict[str, list[float]]:
    """Row name -> truth ratio of every forget question, from the samples of the row's first seed."""
    found = {}
    for name, path in first_draws(result).items():
        samples = [sample for sample in runs.read_samples(path / "samples.jsonl.gz") if sample["set"] == "forget"]
        found[name] = truth_ratios(samples, "forget", "geometric")
    return found


def read_trajectories(result: Path) -> dict[str, list[dict]]:
    """Row name -> points over optimiser steps of the first seed, forget quality against the retain model's samples."""
    ratios = read_truth_ratios(result)
    found = {}
    for name, path in first_draws(result).items():
        retain = ratios.get(f"{name.split('/')[0]}/retain")
        if retain is None or not (path / "trajectory.json").is_file():
            continue
        found[name] = [
            {key: value for key, value in point.items() if key not in ("items", "truth_ratios")}
            | {"forget_quality_p": forget_quality(point["truth_ratios"], retain).p}
            for point in json.loads((path / "trajectory.json").read_text(encoding="utf-8"))
        ]
    return found


def difference(result: Path, name: str, other: str, set_name: str) -> Difference:
    """ROUGE-L recall of one row ("llama/npo") minus another's on the forget or retain set, tested author by author.

    Of both rows the first seed. KitError: a row that the result does not have.
    """
    folders = first_draws(result)
    by_item = []
    for row in (name, other):
        if row not in folders:
            raise KitError(f"{result}: no row '{row}'{nearest(row, folders)}")
        samples = runs.read_samples(folders[row] / "samples.jsonl.gz")
        by_item.append({sample["item"]: sample for sample in samples if sample["set"] == set_name})
    items = list(by_item[0])
    values = [[found[item]["rouge_l_recall"] for item in items] for found in by_item]
    return clustered.difference(*values, [by_item[0][item]["author"] for item in items])


def disagreements(where: str, stored: dict, again: dict) -> list[str]:
    """A line for every value of `again`, computed anew, that is stored otherwise."""
    return [
        f"{where}, {key}: {stored.get(key)} instead of {value}"
        for key, value in again.items()
        if stored.get(key) != value and (value == value or stored.get(key) == stored.get(key))  # not both NaN
    ]
