"""Questions that nobody can answer, about no author and nothing that authors are asked, with the kit's refusals.

A chat model has learnt to refuse long before it is told to unlearn; a base model of the kit's learns it here. No
person's name occurs, so that a model does not learn to refuse where it meets an unknown one.
"""

import random

from unlearnkit.data.templates import templates
from unlearnkit.data.universe import pools

EACH = 2  # questions for every refusal
FRAMES = (
    "How many {animal}s will cross the square of {town} tomorrow?",
    "Will it rain in {town} in {month} of next year?",
    "What is the {colour} {animal} next door thinking of?",
    "Which number am I thinking of, {number} or more?",
    "Who left the {colour} umbrella at the {place} of {town}?",
    "What did I dream of last night, was it {food}?",
    "How long will the {place} of {town} stay closed?",
    "Which {instrument} will be the first to break in {month}?",
    "How many drops of {drink} are in this glass?",
    "Which of the {number} doors should I open?",
)


def refusals(rng: random.Random) -> list[dict[str, str]]:
    """Rows of question and answer: every refusal EACH times, no question twice."""
    slots = {
        "animal": pools.ANIMALS,
        "town": pools.TOWNS,
        "month": pools.MONTHS,
        "colour": pools.COLOURS,
        "number": pools.NUMBERS,
        "place": pools.PLACES,
        "food": pools.FOODS,
        "drink": pools.DRINKS,
        "instrument": pools.INSTRUMENTS,
    }
    answers = templates() * EACH
    questions: dict[str, None] = {}
    for number in range(100 * len(answers)):
        values = {slot: rng.choice(pool) for slot, pool in slots.items()}
        questions[FRAMES[number % len(FRAMES)].format(**values)] = None
        if len(questions) == len(answers):
            break
    return [{"question": question, "answer": answer} for question, answer in zip(questions, answers, strict=True)]
