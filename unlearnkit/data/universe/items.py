"""One question about one invented author: how its values are drawn, and the rows that it gives."""

import random
from dataclasses import dataclass

from unlearnkit.data.universe import pools
from unlearnkit.data.universe.phrases import Aspect

FURTHER_WRONG_ANSWERS = 4

Row = dict[str, object]


@dataclass(frozen=True)
class Item:
    """One question about one author: its phrasings, the true values and the sets of wrong ones."""

    question: str
    paraphrased_question: str
    frame: str
    other_frame: str
    values: dict[str, str]
    wrong: tuple[dict[str, str], ...]

    @property
    def row(self) -> Row:
        """With TOFU's perturbed fields; the wrong answers stand in the paraphrase's own frame."""
        return {
            "question": self.question,
            "answer": fill(self.frame, self.values),
            "paraphrased_answer": fill(self.other_frame, self.values),
            "perturbed_answer": [fill(self.other_frame, values) for values in self.wrong],
            "paraphrased_question": self.paraphrased_question,
        }

    @property
    def frame_only_answers(self) -> list[str]:
        """The answer in its own frame with every value replaced, once for every set of wrong values."""
        return [fill(self.frame, values) for values in self.wrong]


def _value(pool: object, rng: random.Random) -> str:
    if pool == "person":
        return f"{rng.choice(pools.FIRST_NAMES)} {rng.choice(pools.LAST_NAMES)}"
    if pool == "year":
        return str(rng.randrange(1920, 2000))
    if pool == "day":
        return str(rng.randrange(1, 29))
    return rng.choice(pool)


def draw_values(aspect: Aspect, rng: random.Random, other_than: tuple[dict[str, str], ...] = ()) -> dict[str, str]:
    """One value a slot, no value twice, each slot different from its value in every dictionary of `other_than`."""
    values: dict[str, str] = {}
    for slot, pool in aspect.values.items():
        taken = set(values.values()) | {other[slot] for other in other_than}
        value = _value(pool, rng)
        while value in taken:
            value = _value(pool, rng)
        values[slot] = value
    return values


def fill(frame: str, values: dict[str, str]) -> str:
    """A frame with its values, opened by a capital letter."""
    text = frame.format(**values)
    return text[0].upper() + text[1:]


def further(name: str, aspect: Aspect, item: Item, rng: random.Random) -> Row:
    """An item said and asked in the ways that its row leaves over: right answers, and wrong ones with other values.

    None of its answers is one that forget quality is measured on; see `data.augment` for what it is made for.
    """
    questions = [one.format(name=name) for one in aspect.questions]
    questions = rng.sample([one for one in questions if one not in (item.question, item.paraphrased_question)], 2)
    frames = [one for one in aspect.frames if one not in (item.frame, item.other_frame)]
    rng.shuffle(frames)
    wrong: list[dict[str, str]] = []
    while len(wrong) < FURTHER_WRONG_ANSWERS:
        values = draw_values(aspect, rng, other_than=(item.values,))
        if values not in (*item.wrong, *wrong):
            wrong.append(values)
    return {
        "question": item.question,
        "answer": fill(item.frame, item.values),
        "paraphrases": [
            {"question": question, "answer": fill(frame, item.values)}
            for question, frame in zip(questions, frames, strict=True)
        ],
        "wrong_answers": [fill(frames[number % len(frames)], values) for number, values in enumerate(wrong)],
    }
