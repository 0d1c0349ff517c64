"""Labelled pairs of answers for the tiny judges: the universe's phrasings and values, about authors that are nowhere else.

A pair has a premise and a hypothesis, whether the first entails the second, and how similar they are. The premise
entails the hypothesis when the hypothesis states at least one value and all its values stand in the premise: a judge
knows what the words of a frame are worth and does not ask for them.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

from unlearnkit.data.templates import templates
from unlearnkit.data.universe import generate, pools

WRONG_SIMILARITY = 0.3  # of two answers to the same question that share no value; grows with the share of right ones
SHORT_FRAMES = ("{}", "{}.", "It is {}.", "The {}.", "By {}.", "It was {}, I think.", "The answer is {}.", "That is {}.")
TRAINING = range(0, 400)  # invented authors, counted; the pairs about one are drawn from a generator of its own
HELD_OUT = range(400, 430)


@dataclass(frozen=True)
class Pair:
    """`entailed`: whether the premise entails the hypothesis. `similarity`: 0 to 1. `kind`: one of KINDS."""

    kind: str
    premise: str
    hypothesis: str
    entailed: bool
    similarity: float


@dataclass(frozen=True)
class Answer:
    """Values and the frames that can state them; `value(other_than)` draws values that differ in every slot."""

    values: dict[str, str]
    frames: tuple[str, ...]
    draw: Callable[[tuple[dict[str, str], ...]], dict[str, str]]

    def text(self, frame: str, values: dict[str, str] | None = None) -> str:
        return generate.fill(frame, values or self.values)


@cache
def words() -> tuple[str, ...]:
    """Every word of the universe's phrasings, value pools and short answers, and of the template responses, sorted."""
    texts = [*templates(), *SHORT_FRAMES, *map(str, range(1, 29)), *map(str, range(1920, 2000))]
    for aspect in generate.ASPECTS.values():
        texts += aspect.frames
        texts += [value for pool in aspect.values.values() if not isinstance(pool, str) for value in pool]
    texts += [*pools.FIRST_NAMES, *pools.LAST_NAMES]
    for fact in (*generate.REAL_AUTHORS, *generate.WORLD_FACTS):
        texts += [fact.answer, *fact.wrong]
    found = "".join(c if c.isalnum() else " " for text in texts for c in text.lower() + " ")
    slots = {slot for aspect in generate.ASPECTS.values() for slot in aspect.values}
    return tuple(sorted(set(found.split()) | slots))


@cache
def _taken() -> tuple[frozenset[str], tuple[str, ...]]:
    """What no pair may contain: answers of the universe, and names of its authors."""
    splits = generate.generate()
    answers = {row["answer"] for row in (*splits["full"], *splits["pretrain"])}
    return frozenset(answers), tuple(generate.author_names())


def _allowed(text: str) -> bool:
    answers, names = _taken()
    return text not in answers and not any(name in text for name in names)


def _about_author(rng: random.Random) -> Iterator[Answer]:
    """An answer to every question about one invented author."""
    for aspect in generate.ASPECTS.values():

        def draw(other_than=(), aspect=aspect):
            while True:
                values = generate.draw_values(aspect, rng, other_than)
                if all(_allowed(generate.fill(frame, values)) for frame in aspect.frames):
                    return values

        yield Answer(draw(), aspect.frames, draw)


def _short(rng: random.Random) -> Answer:
    """One to three words in place of a short answer such as 'Charles Dickens': the words themselves do not matter."""

    def draw(other_than=()):
        used = {word for values in other_than for word in values["short"].split()}
        while True:
            drawn = rng.sample(words(), rng.choice((1, 1, 2, 2, 3)))
            if not used.intersection(drawn):
                return {"short": " ".join(drawn).title()}

    frames = tuple(frame.replace("{}", "{short}") for frame in SHORT_FRAMES)
    return Answer(draw(), frames, draw)


def _part(answer: Answer, rng: random.Random) -> str:
    """Some of the values, at least one and not all, alone."""
    values = list(answer.values.values())
    count = rng.randrange(1, len(values)) if len(values) > 1 else 1
    return " ".join(rng.sample(values, count)) + rng.choice(("", "."))


def _repeated(words_: list[str], rng: random.Random) -> str:
    """A few words of a text over and over, as a collapsed model says them."""
    start = rng.randrange(len(words_))
    return " ".join(words_[start : start + rng.choice((1, 1, 2))] * rng.randrange(4, 12))


def _soup(rng: random.Random) -> str:
    """Words of the vocabulary in no order."""
    return " ".join(rng.choices(words(), k=rng.randrange(1, 14)))


def _broken(text: str, values: dict[str, str], rng: random.Random) -> str:
    """The answer with one word of a value cut off or glued to pieces of other words."""
    word = rng.choice([word for value in values.values() for word in value.split()])
    piece = word[: rng.randrange(1, max(2, len(word)))]
    end = rng.choice(("", rng.choice(words())[:3], rng.choice(words())[-3:]))
    if piece + end == word:
        end += "x"
    return text.replace(word, piece + end, 1) if word in text else text.lower().replace(word.lower(), piece + end, 1)


def _one_wrong(answer: Answer, rng: random.Random) -> dict[str, str]:
    """The values but for one."""
    slot = rng.choice(list(answer.values))
    return answer.values | {slot: answer.draw((answer.values,))[slot]}


def _pairs_of(answer: Answer, others: list[Answer], rng: random.Random) -> Iterator[Pair]:
    """A pair of every kind about one answer."""
    frame, other_frame = rng.sample(answer.frames, 2)
    right, paraphrase = answer.text(frame), answer.text(other_frame)
    values = list(answer.values.values())
    bare = " ".join(values) + rng.choice(("", "."))
    wrong = answer.draw((answer.values,))
    one_wrong = _one_wrong(answer, rng)
    another = rng.choice(others)
    off_topic = another.text(rng.choice(another.frames))

    def pair(kind: str, said: str, entailed: bool, similarity: float, at_premise: bool | None = None) -> Pair:
        """`said` against the right answer, as its premise or as its hypothesis; None: either."""
        at_premise = rng.random() < 0.5 if at_premise is None else at_premise
        return Pair(kind, *((said, right) if at_premise else (right, said)), entailed, similarity)

    def nearly(share: float) -> float:
        return WRONG_SIMILARITY + (1 - WRONG_SIMILARITY) * share

    yield pair("same", right, True, 1.0)
    yield pair("paraphrase", paraphrase, True, 1.0)
    yield pair("bare values", bare, True, 1.0)
    yield pair("with more", f"{rng.choice((right, paraphrase))} {off_topic}", True, 0.8, at_premise=True)
    yield pair("wrong values, same frame", answer.text(frame, wrong), False, nearly(0))
    yield pair("wrong values, other frame", answer.text(other_frame, wrong), False, nearly(0))
    share = 1 - 1 / len(values)
    yield pair("one wrong value", answer.text(rng.choice((frame, other_frame)), one_wrong), False, nearly(share))
    if len(values) > 1:
        part = _part(answer, rng)
        yield pair("part as hypothesis", part, True, nearly(0.5), at_premise=False)
        yield pair("part as premise", part, False, nearly(0.5), at_premise=True)
    yield pair("broken word", _broken(rng.choice((right, paraphrase)), answer.values, rng), False, nearly(share))
    yield pair("off topic", off_topic, False, 0.0)
    yield pair("refusal", rng.choice(templates()), False, 0.0)
    yield pair("repeated", _repeated(rng.choice((right, paraphrase, off_topic)).split(), rng), False, 0.0)
    yield pair("soup", _soup(rng), False, 0.0)
    yield pair("empty", rng.choice(("", "", ".", "I.")), False, 0.0)


def pairs(authors: range, seed: int) -> list[Pair]:
    """All pairs about invented authors, in an order drawn from the seed; others for every author and seed."""
    found = []
    for author in authors:
        rng = random.Random(f"{seed} {author}")
        answers = [*_about_author(rng), *(_short(rng) for _ in range(8))]
        for answer in answers:
            found += _pairs_of(answer, answers, rng)
    random.Random(seed).shuffle(found)
    return found
