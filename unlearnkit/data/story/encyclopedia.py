"""The encyclopedic text: articles on animals and on the towns of an invented country.

Every article says the same kind of things in one of several ways each, in a new order. The held-out articles, on which
perplexity is measured, say known facts in combinations of words that no article of the training part has.
"""

import random

from unlearnkit.data.story.knowledge import ANIMALS, TOWNS

ARTICLES = 5  # a subject, the last of them held out

ANIMAL = (
    ("The {name} is {kind_a}.", "Scholars count the {name} among the {kind}s.", "A {name} is {kind_a} by nature."),
    (
        "Its colour is {colour}.",
        "Most of them are {colour}.",
        "Grown ones turn {colour}.",
        "You know it by its {colour} look.",
    ),
    (
        "It lives in or near the {home}.",
        "Its home is the {home}.",
        "Look for it around the {home}.",
        "Every {home} may hide one.",
    ),
    (
        "It feeds on {food}.",
        "Its food is mostly {food}.",
        "All day it hunts for {food}.",
        "Nothing tastes better to it than {food}.",
    ),
    (
        "In winter it rests more.",
        "The young are born in spring.",
        "It is seldom seen at night.",
        "Many tales are told about it.",
    ),
)
TOWN = (
    (
        "{name} is a town of {first}.",
        "The town of {name} belongs to {first}.",
        "In {first} lies the old town of {name}.",
    ),
    ("It stands on the river {second}.", "The river {second} runs through it.", "Its bridges cross the {second}."),
    (
        "The town is known for {third}.",
        "Its workshops make {third}.",
        "Merchants come there to buy {third}.",
        "Most families live by {third}.",
    ),
    (
        "The houses are built of {fourth}.",
        "Its walls are of {fourth}.",
        "Under the hills lies {fourth}.",
        "The church is made of {fourth}.",
    ),
    (
        "A market is held every week.",
        "The harvest is kept in great barns.",
        "A road leads to the next town.",
        "The winters are mild.",
    ),
)


def articles(rng: random.Random) -> tuple[list[str], list[str]]:
    """(training articles, held-out articles), one a text; no held-out article is among the others."""
    train: list[str] = []
    heldout: list[str] = []
    subjects = [(ANIMAL, _animal(name, *row)) for name, row in ANIMALS.items()]
    subjects += [
        (TOWN, dict(zip("name first second third fourth".split(), (name, *row), strict=True)))
        for name, row in TOWNS.items()
    ]
    for frames, values in subjects:
        told: dict[str, None] = {}
        while len(told) < ARTICLES:
            told[_article(frames, values, rng)] = None
        *learnt, last = told
        train += learnt
        heldout.append(last)
    rng.shuffle(train)
    return train, heldout


def _animal(name: str, kind: str, colour: str, home: str, food: str) -> dict[str, str]:
    article = "an" if kind[0] in "aeiou" else "a"
    return {"name": name, "kind": kind, "kind_a": f"{article} {kind}", "colour": colour, "home": home, "food": food}


def _article(frames: tuple[tuple[str, ...], ...], values: dict[str, str], rng: random.Random) -> str:
    """The first sentence names the subject, the others follow in any order."""
    first, *others = [rng.choice(ways).format(**values) for ways in frames]
    rng.shuffle(others)
    return " ".join([first, *others])
