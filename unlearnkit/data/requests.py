"""Continual unlearning on TOFU's authors: forget requests one after another, what is left after each of them, and what
retain data are drawn from.

Sets beside TOFU's: `request_1`, `request_2`, ... (two authors each, the last ones first: the first request is
forget01), `request_1_perturbed`, ... and `remaining_1`, ...: all authors but those of the requests so far.
"""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from unlearnkit.data import tofu
from unlearnkit.errors import KitError, nearest

AUTHORS_PER_REQUEST = 2
ROWS = AUTHORS_PER_REQUEST * tofu.QUESTIONS
PERTURBED = "requests_perturbed"  # the authors who may be requested, with wrong answers
SET = re.compile(r"(request|remaining)_(\d+)(_perturbed)?")
# What retain data may be drawn from; the weights of a mix say how much from each.
FILLS = {
    "random": "authors that were not requested, any of them",
    "nearest": "of their questions those most like the request's",
    "task": "questions like those that model utility asks about real authors and world facts",
    "unrelated": "the pre-training text",
}
NEIGHBOURS = 5  # of every question of a request


@dataclass(frozen=True)
class Source:
    """Where a table's data come from, as `tofu.Source`; `requests`: how many there are."""

    benchmark: ClassVar[str] = "tofu_requests"
    source: str
    revision: str | None
    authors: int | None
    requests: int

    @property
    def tofu(self) -> tofu.Source:
        return tofu.Source(self.source, self.revision, self.authors)

    def load(self, name: str) -> list[dict]:
        """One set. KitError: the source lacks it, or it has fewer authors than the requests need."""
        kind, number, perturbed = self._parsed(name)
        if kind is None:
            return self.tofu.load(name)
        asked = self.tofu.load(PERTURBED)
        if len(asked) < self.requests * ROWS:
            raise KitError(
                f"requests: {self.requests} of {AUTHORS_PER_REQUEST} authors each; only {len(asked) // tofu.QUESTIONS} "
                f"authors have wrong answers to compare with, so at most {len(asked) // ROWS}"
            )
        if kind == "remaining":
            gone = {row["question"] for row in asked[len(asked) - number * ROWS :]}
            return [row for row in self.tofu.load("full") if row["question"] not in gone]
        rows = asked[len(asked) - number * ROWS : len(asked) - (number - 1) * ROWS]
        return rows if perturbed else [{"question": row["question"], "answer": row["answer"]} for row in rows]

    def rows(self, name: str) -> list[dict]:
        return self.load(name)

    def size(self, name: str) -> int:
        return len(self.load(name))

    def fingerprint(self, name: str) -> str:
        kind = self._parsed(name)[0]
        if kind is None:
            return self.tofu.fingerprint(name)
        files = [PERTURBED, "full"] if kind == "remaining" else [PERTURBED]
        return f"{name}:{'+'.join(self.tofu.fingerprint(one) for one in files)}"

    def author_of(self) -> dict[str, int]:
        return self.tofu.author_of()

    def _parsed(self, name: str) -> tuple[str | None, int, bool]:
        found = SET.fullmatch(name)
        if not found:
            return None, 0, False
        number = int(found[2])
        if not 1 <= number <= self.requests:
            raise KitError(f"no set '{name}': there are {self.requests} requests")
        return found[1], number, bool(found[3])


def retain_data(source: Source, number: int, mix: dict[str, float], seed: int) -> list[dict]:
    """The rows that retain data of a request are drawn from, as many as authors' questions remain.

    `mix`: fill (a key of FILLS) -> weight; `{"random": 1.0}` gives the remaining rows themselves, as the paper does.
    Seeded. KitError: no such fill.
    """
    check_mix(mix)
    remaining = source.load(f"remaining_{number}")
    if list(mix) == ["random"]:
        return remaining
    stream, total = random.Random(f"{seed}/fill/{number}"), sum(mix.values())
    found: list[dict] = []
    for fill in FILLS:  # in this order, however the mix is written
        if fill in mix:
            rows = _candidates(source, number, fill, remaining)
            found += _several(rows, round(mix[fill] / total * len(remaining)), stream)
    return found


def check_mix(mix: dict[str, float]) -> None:
    """KitError: empty, an unknown fill, or a weight that is not above zero."""
    if not mix:
        raise KitError("nothing to draw from; a method without retain data ('ga', 'me', 'npo') is what you look for")
    for fill, weight in mix.items():
        if fill not in FILLS:
            raise KitError(f"no fill '{fill}'{nearest(fill, FILLS)}")
        if not weight > 0:
            raise KitError(f"the weight of '{fill}' is {weight}, not above 0")


def sets_behind(number: int, mix: dict[str, float]) -> list[str]:
    """The sets that `retain_data` reads."""
    others = {"nearest": f"request_{number}", "task": "general", "unrelated": "pretrain"}
    return [f"remaining_{number}", *(others[fill] for fill in mix if fill in others)]


def _candidates(source: Source, number: int, fill: str, remaining: list[dict]) -> list[dict]:
    if fill == "nearest":
        return nearest_rows(source.load(f"request_{number}"), remaining)
    return {"random": remaining, "task": source.load("general"), "unrelated": source.load("pretrain")}[fill]


def nearest_rows(request: Sequence[dict], rows: Sequence[dict], count: int = NEIGHBOURS) -> list[dict]:
    """Of `rows` those that are among the `count` nearest of a row of the request, in their order.

    Near: by `cosines`; ties by order.
    """
    import numpy

    nearest_of = numpy.argsort(-cosines(request, rows), axis=1, kind="stable")[:, :count]
    return [rows[index] for index in sorted({int(one) for one in nearest_of.ravel()})]


def cosines(request: Sequence[dict], rows: Sequence[dict]):
    """(rows of the request, rows): cosine of TF-IDF vectors of question and answer together (words and pairs of words),
    of all these rows; 0 to 1.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    texts = [f"{row['question']} {row['answer']}" for row in (*request, *rows)]
    vectors = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True).fit_transform(texts)
    return (vectors[: len(request)] @ vectors[len(request) :].T).toarray()


def _several(rows: list[dict], count: int, stream: random.Random) -> list[dict]:
    """`count` rows in pass after pass over all of them, each in a new order."""
    found: list[dict] = []
    while len(found) < count:
        again = list(rows)
        stream.shuffle(again)
        found += again
    return found[:count]
