"""Labelled pairs of answers for the tiny judges: phrasings and values of the universe and of the people, about nobody.

Every answer is drawn anew; none is an answer of the universe or of the people, and none of their names occurs in one.
A pair has a premise and a hypothesis, whether the first entails the second, and how similar they are. The premise
entails the hypothesis when the hypothesis states at least one value and all its values stand in the premise: both
answer one question, so the words of a frame need no proof.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

from unlearnkit.data.people import generate as people
from unlearnkit.data.people.fame import FAME
from unlearnkit.data.people.phrases import LIFE
from unlearnkit.data.people.pools import FIRST_NAMES, LAST_NAMES
from unlearnkit.data.templates import templates
from unlearnkit.data.universe import generate as universe
from unlearnkit.data.universe import pools

# "Authors" of the pairs: the pairs of each are drawn from a generator of its own.
TRAINING = range(0, 40)
HELD_OUT = range(1000, 1008)
WRONG_SIMILARITY = 0.3  # of two answers to one question that share no value; 1 where they share all
# Mostly the words alone, as they are mostly said.
SHORT_FRAMES = ("{}", "{}", "{}", "{}.", "It is {}.", "By {}.", "The answer is {}.")
SHORT_ANSWERS = 12  # of every author


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
    """Values and the frames that can state them; `draw(values)` draws values that differ in every slot."""

    values: dict[str, str]
    frames: tuple[str, ...]
    draw: Callable[[dict[str, str] | None], dict[str, str]]
    pronoun: str = "she"

    def text(self, frame: str, values: dict[str, str] | None = None) -> str:
        return _filled(frame, values or self.values, self.pronoun)


@cache
def words() -> tuple[str, ...]:
    """Every word, in lower case and sorted, of frames, value pools, short answers and template responses."""
    aspects = [*universe.ASPECTS.values(), *_people_aspects()]
    texts = [*templates(), *SHORT_FRAMES, *pools.FIRST_NAMES, *pools.LAST_NAMES]
    texts += [*LAST_NAMES, *(name for names in FIRST_NAMES.values() for name in names), "he him his she her"]
    texts += map(str, [*range(1, 29), *range(1920, 2000)])
    for aspect in aspects:
        texts += [_filled(frame, dict.fromkeys(aspect.values, "")) for frame in aspect.frames]
        texts += [str(value) for pool in aspect.values.values() if not isinstance(pool, str) for value in pool]
    return _words_of([*texts, *short_words()])


@cache
def short_words() -> tuple[str, ...]:
    """The words of the universe's short answers, right and wrong; without questions and order they are no facts."""
    facts = (*universe.REAL_AUTHORS, *universe.WORLD_FACTS)
    return _words_of([text for fact in facts for text in (fact.answer, *fact.wrong)])


def _words_of(texts: list[str]) -> tuple[str, ...]:
    found = "".join(letter if letter.isalnum() else " " for text in texts for letter in f"{text} ".lower())
    return tuple(sorted(set(found.split())))


def _people_aspects() -> list:
    return [*LIFE.values(), *(aspect for aspects in FAME.values() for aspect in aspects)]


def _filled(frame: str, values: dict[str, str], pronoun: str = "she") -> str:
    """A frame of the universe or of the people with its values."""
    return people.Person("", pronoun).fill(frame, values)


@cache
def taken() -> tuple[frozenset[str], tuple[str, ...]]:
    """Answers of the universe and the people, and the full names of those whom they are about: in no pair."""
    about_authors, about_people = universe.generate(), people.generate()
    answers = {row["answer"] for row in (*about_authors["full"], *about_authors["pretrain"], *about_people["pretrain"])}
    names = {row["name"] for name in people.GROUPS for row in about_people[name]}
    return frozenset(answers), (*universe.author_names(), *sorted(names))


def _allowed(aspect, values: dict[str, str]) -> bool:
    answers, names = taken()
    texts = [_filled(frame, values, pronoun) for frame in aspect.frames for pronoun in ("she", "he")]
    return not any(text in answers or any(name in text for name in names) for text in texts)


def _about(aspect, draw_values: Callable, rng: random.Random) -> Answer:
    """An answer to one question. `draw_values(values)`: values, other than those where there are some."""

    def draw(other_than: dict[str, str] | None = None) -> dict[str, str]:
        while True:
            values = draw_values(other_than)
            if _allowed(aspect, values):
                return values

    return Answer(draw(), aspect.frames, draw, rng.choice(("she", "he")))


def _short(rng: random.Random) -> Answer:
    """One to three words in place of a short answer such as 'Charles Dickens': which words does not matter."""
    pool = rng.choice((words(), short_words()))

    def draw(other_than: dict[str, str] | None = None) -> dict[str, str]:
        used = set((other_than or {}).get("short", "").lower().split())
        drawn = rng.sample([word for word in rng.sample(pool, 12) if word not in used], rng.choice((1, 1, 2, 2, 3)))
        return {"short": " ".join(drawn).title()}

    return Answer(draw(), tuple(frame.replace("{}", "{short}") for frame in SHORT_FRAMES), draw)


def _answers(rng: random.Random) -> list[Answer]:
    """One to every question about an author, one to each about a person, some short ones."""
    names = {name.split()[-1] for name in taken()[1]}
    others = [name for name in LAST_NAMES if name not in names]
    answers = [
        _about(aspect, lambda v, a=aspect: universe.draw_values(a, rng, (v,) if v else ()), rng)
        for aspect in universe.ASPECTS.values()
    ]
    answers += [
        _about(aspect, lambda v, a=aspect: people.draw_values(a, others, rng, v), rng) for aspect in _people_aspects()
    ]
    return answers + [_short(rng) for _ in range(SHORT_ANSWERS)]


def _part(answer: Answer, frame: str, rng: random.Random) -> str:
    """Some of the values, at least one and not all: alone, or in a frame that breaks off."""
    slots = list(answer.values)
    if rng.random() < 0.5:
        slots = rng.sample(slots, rng.randrange(1, len(slots)))
        return " ".join(answer.values[slot] for slot in slots) + rng.choice(("", "."))
    last = max(slots, key=lambda slot: frame.index(f"{{{slot}}}"))
    return answer.text(frame.partition(f"{{{last}}}")[0]).rstrip(" ,;:") + "."


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
    return answer.values | {slot: answer.draw(answer.values)[slot]}


def _pairs_of(answer: Answer, others: list[Answer], rng: random.Random) -> Iterator[Pair]:
    """A pair of every kind about one answer."""
    frame, other_frame = rng.sample(answer.frames, 2)
    right, paraphrase = answer.text(frame), answer.text(other_frame)
    values = list(answer.values.values())
    bare = " ".join(values) + rng.choice(("", "."))
    wrong = answer.draw(answer.values)
    another = rng.choice([one for one in others if one is not answer])
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
    for _ in range(2):  # the hardest
        said = answer.text(rng.choice((frame, other_frame)), _one_wrong(answer, rng))
        yield pair("one wrong value", said, False, nearly(share))
    if len(values) > 1:
        part = _part(answer, frame, rng)
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
        answers = _answers(rng)
        for answer in answers:
            found += _pairs_of(answer, answers, rng)
    random.Random(seed).shuffle(found)
    return found
