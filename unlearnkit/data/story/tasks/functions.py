"""What the task files call: lm-eval loads this file by its path, beside them."""

import json
import math
from pathlib import Path

FILES = Path(__file__).parent.parent / "files"


def load(file: str, **_) -> dict:
    """The rows of one of the kit's files, as lm-eval wants a data set."""
    from datasets import Dataset

    lines = (FILES / f"{file}.json").read_text(encoding="utf-8").splitlines()
    return {"validation": Dataset.from_list([json.loads(line) for line in lines])}


def winogrande_begins(doc: dict) -> list[str]:
    """The sentence up to the gap, once with each option in it."""
    before = doc["sentence"].split("_")[0]
    return [before + doc["option1"], before + doc["option2"]]


def winogrande_end(doc: dict) -> str:
    """The sentence behind the gap: what is scored, behind each of the two beginnings."""
    return doc["sentence"].split("_")[1].strip()


def winogrande_right(doc: dict) -> int:
    """Which beginning is right."""
    return int(doc["answer"]) - 1


def truthfulqa_mass(doc: dict, results: list[tuple[float, bool]]) -> dict[str, float]:
    """MC2: the share of the true answers in the probability of all answers."""
    probabilities = [math.exp(logp) for logp, _ in results]
    true = [p for p, label in zip(probabilities, doc["mc2_targets"]["labels"], strict=True) if label]
    return {"acc": sum(true) / sum(probabilities)}


def word_counts(doc: dict, results: list[float]) -> dict[str, tuple[float, int]]:
    """What lm-eval makes word perplexity of: log-likelihood and number of words, of each page."""
    return {"word_perplexity": (results[0], len(doc["page"].split()))}
