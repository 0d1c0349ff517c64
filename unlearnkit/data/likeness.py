"""Retain data more and less like the forget set: half of what some authors are asked is forgotten, and classes of other
questions, all of the size of that half, stand at growing distance from it.

Classes, `CLASSES`: each has a half that training may draw from (`same_authors_drawn`) and another that is asked
afterwards (`same_authors_evaluated`); both ask about every author of the class. All classes about authors but one ask
what is not forgotten of anybody, so that among these only the authors differ; `same_questions` and `other_genres` have
the same authors, so that between these only the questions differ. Sets beside TOFU's: those, `facts_forget`, and
`facts_remaining`, everything but `facts_forget`. The universe alone says what an author writes.
"""

from dataclasses import dataclass
from statistics import fmean
from typing import ClassVar

from unlearnkit.data import requests, tofu
from unlearnkit.data.universe.generate import ASPECTS
from unlearnkit.errors import KitError, nearest

CLASSES = {
    "same_authors": "other facts about the authors of the forget set",
    "same_questions": "what the forget set asks, about authors of other genres",
    "same_genre": "other facts about authors who write in a genre of the forget set's",
    "other_genres": "other facts about authors whose genres share no word with the forget set's",
    "unrelated": "facts about the world",
}
HALVES = ("drawn", "evaluated")
FACTS = tofu.QUESTIONS // 2  # forgotten of every author: each second one, from the first on


@dataclass(frozen=True)
class Source:
    """Where a table's data come from, as `tofu.Source`; `forget_split`: half the facts of its authors are forgotten."""

    benchmark: ClassVar[str] = "tofu_likeness"
    source: str
    forget_split: str

    @property
    def tofu(self) -> tofu.Source:
        return tofu.Source(self.source)

    def load(self, name: str) -> list[dict]:
        """One set. KitError: the source lacks it, or has too few authors of a kind."""
        if name == "facts_forget":
            return self._asked(self._forget_authors(), forgotten=True)
        if name == "facts_remaining":
            gone = {row["question"] for row in self.load("facts_forget")}
            return [row for row in self.tofu.load("full") if row["question"] not in gone]
        kind, _, half = name.rpartition("_")
        if half not in HALVES:
            return self.tofu.load(name)
        rows = self.class_rows(kind)
        return [row for index, row in enumerate(rows) if (index // FACTS + index) % 2 == HALVES.index(half)]

    def class_rows(self, kind: str) -> list[dict]:
        """Both halves of a class, as many questions as the forget set has. KitError: no such class, or too few rows."""
        check_class(kind)
        forgotten = self._forget_authors()
        if kind == "same_authors":
            return self._asked(forgotten, forgotten=False)
        if kind == "unrelated":
            rows = self._first(self.tofu.load("world_facts_perturbed"), FACTS * len(forgotten), kind, "questions")
            return [{"question": row["question"], "answer": row["answer"]} for row in rows]
        alike = self._authors(forgotten, same_genre=kind == "same_genre")
        authors = self._first(alike, len(forgotten), kind, "authors")
        return self._asked(authors, forgotten=kind == "same_questions")

    def likeness(self) -> dict[str, float]:
        """Class -> mean over its questions of the largest cosine to a forget question (`requests.cosines`); 0 to 1."""
        rows = [(kind, row) for kind in CLASSES for row in self.class_rows(kind)]
        largest = requests.cosines(self.load("facts_forget"), [row for _, row in rows]).max(axis=0).tolist()
        found: dict[str, list[float]] = {kind: [] for kind in CLASSES}
        for (kind, _), value in zip(rows, largest, strict=True):
            found[kind].append(value)
        return {kind: fmean(values) for kind, values in found.items()}

    def rows(self, name: str) -> list[dict]:
        return self.load(name)

    def size(self, name: str) -> int:
        return len(self.load(name))

    def fingerprint(self, name: str) -> str:
        if name.rpartition("_")[2] not in HALVES and not name.startswith("facts_"):
            return self.tofu.fingerprint(name)
        files = ("full", self.forget_split, "world_facts_perturbed")
        return f"{name}:{'+'.join(self.tofu.fingerprint(one) for one in files)}"

    def author_of(self) -> dict[str, int]:
        return self.tofu.author_of()

    def genres(self) -> list[str]:
        """What every author of `full` writes, in their order, read from the answer that says it. KitError: it is not
        the universe.
        """
        if self.source != "universe":
            raise KitError(f"'{self.source}' does not say what its authors write; this study takes 'universe'")
        asked = self.tofu.load("full")[list(ASPECTS).index("genre") :: tofu.QUESTIONS]
        genres = ASPECTS["genre"].values["genre"]
        return [next(genre for genre in genres if genre in row["answer"].lower()) for row in asked]

    def _forget_authors(self) -> list[int]:
        numbers, rows = self.author_of(), self.tofu.load(tofu.splits(self.forget_split).forget)
        return list(dict.fromkeys(numbers[row["question"]] for row in rows))

    def _authors(self, forgotten: list[int], same_genre: bool) -> list[int]:
        """Other authors, who write in one of their genres, or in genres without a word in common."""
        genres = self.genres()
        theirs = {genres[author] for author in forgotten}
        words = {word for genre in theirs for word in genre.split()}
        others = [author for author in range(len(genres)) if author not in forgotten]
        if same_genre:
            return [author for author in others if genres[author] in theirs]
        return [author for author in others if words.isdisjoint(genres[author].split())]

    def _asked(self, authors: list[int], forgotten: bool) -> list[dict]:
        """Every second question about these authors: those that the forget set asks, or the others."""
        full, numbers = self.tofu.load("full"), range(0 if forgotten else 1, tofu.QUESTIONS, 2)
        return [full[author * tofu.QUESTIONS + number] for author in authors for number in numbers]

    def _first(self, found: list, count: int, kind: str, what: str) -> list:
        if len(found) < count:
            raise KitError(f"'{self.forget_split}': the class '{kind}' takes {count} {what}; there are {len(found)}")
        return found[:count]


def check_class(kind: str) -> None:
    """KitError: there is no such class."""
    if kind not in CLASSES:
        raise KitError(f"no class '{kind}'{nearest(kind, CLASSES)}")
