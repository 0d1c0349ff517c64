"""The models of runs: loaded where a run starts, saved where it ends; and the rows of a run's data."""

from pathlib import Path

from unlearnkit import models, paths, runs, sampling
from unlearnkit.data import benchmarks
from unlearnkit.errors import KitError


def start_model(start: dict):
    """(model, tokenizer) that a run starts from; where it is to be untrained, random weights in the model's place."""
    if "run" in start:
        folders = [runs.folder(start["run"], kind) for kind in ("base_model", "finetuned", "row")]
        complete = [folder for folder in folders if (folder / "manifest.json").exists()]
        if not complete:
            raise KitError(f"{paths.runs()}: the run {start['run']}, from which this one starts, is not complete")
        source, revision = complete[0] / "checkpoint", None
    else:
        source, revision = start["source"], start["revision"]
    model, tokenizer = models.load(source, revision)
    if "untrained" in start:
        model = models.untrained(model, start["untrained"])
    return placed(model), tokenizer


def placed(model):
    import torch

    return model.to("cuda" if torch.cuda.is_available() else "cpu")


def load_rows(spec: dict, name: str) -> list[dict]:
    """The rows of a set; where the spec names a run of the original model's own answers, those are trained on."""
    source = benchmarks.of(spec["data"])
    if not spec.get("answers"):
        return source.rows(name)
    said = sampling.original_answers(spec)
    return [{"question": row["question"], "answer": said[row["question"]]} for row in source.load(name)]


def save(model, tokenizer, folder: Path) -> None:
    with runs.renamed_when_complete(folder / "checkpoint") as partial:
        models.save(model, tokenizer, partial)
