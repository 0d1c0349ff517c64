"""What the task files call: lm-eval loads this file by its path, beside them."""

import json
from pathlib import Path

FILES = Path(__file__).parent.parent / "files"


def load(file: str, **_) -> dict:
    """The rows of one of the kit's files, as lm-eval wants a data set."""
    from datasets import Dataset

    lines = (FILES / f"{file}.json").read_text(encoding="utf-8").splitlines()
    return {"test": Dataset.from_list([json.loads(line) for line in lines])}


def prompt(row: dict) -> str:
    """A function and no template, since lm-eval compiles a template for every question anew."""
    return f"Question: {row['question'].strip()}\nAnswer:"
