"""Nine small skills, asked in the forms of boolq, rte, hellaswag, winogrande, arc, openbookqa, piqa and truthfulqa.

An item is one thing to know, said in several phrasings. Some of its phrasings are asked; the others are taught, so that
every question is new and what it asks is not. Rows have the fields of the real data sets, texts are what is read: the
prompt as lm-eval writes it, a space, the right choice.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from unlearnkit.data.story import knowledge as k

LETTERS = "ABCD"
YES_NO = ("boolq", "rte")  # their items come in twos: one for each answer


@dataclass(frozen=True)
class Phrasing:
    """One way to ask an item: the row of the task's data file, and the text that teaches it."""

    row: dict
    text: str


def tasks(rng: random.Random) -> tuple[dict[str, list[dict]], list[str]]:
    """(task -> rows asked, texts taught). Which phrasings of an item are asked goes round from item to item."""
    asked: dict[str, list[dict]] = {}
    taught: list[str] = []
    for name, (items, held_out) in TASKS.items():
        asked[name] = []
        for number, phrasings in enumerate(items(rng)):
            away = held(name, number, len(phrasings), held_out)
            asked[name] += [phrasings[at].row for at in sorted(away)]
            taught += [one.text for at, one in enumerate(phrasings) if at not in away]
    taught += _believed()
    rng.shuffle(taught)
    return asked, taught


def held(name: str, number: int, phrasings: int, count: int) -> set[int]:
    """Which phrasings of an item are asked: `count` of them, others from item to item.

    A yes item and the no item beside it are asked alike: with one of them taught in the words in which the other is
    asked, a model that knows only the words would be wrong every time.
    """
    start = number // 2 if name in YES_NO else number
    return {(start + shift) % phrasings for shift in range(count)}


def _options(right: str, pool: list[str], count: int, rng: random.Random) -> tuple[list[str], int]:
    """`count` options, the right one among them at a random place, and that place."""
    others = sorted({one for one in pool if one != right})
    options = [right, *rng.sample(others, count - 1)]
    rng.shuffle(options)
    return options, options.index(right)


def _lettered(options: list[str]) -> dict:
    return {"text": options, "label": list(LETTERS[: len(options)])}


def _the(animal: str) -> str:
    return f"an {animal}" if animal[0] in "aeiou" else f"a {animal}"


def boolq(rng: random.Random) -> Iterator[list[Phrasing]]:
    """Yes or no about an animal, behind a passage that says what it is."""
    ways = ("is the {a} {v}", "is it true that the {a} is {v}", "are most {a}s {v}", "would you call {an} {v}")
    colours = [row[1] for row in k.ANIMALS.values()]
    for animal, (kind, colour, home, _) in k.ANIMALS.items():
        passage = f"The {animal} is a {colour} {kind} of the {home}."
        for label in (1, 0):
            value = colour if label else rng.choice(sorted(set(colours) - {colour}))
            found = []
            for way in ways:
                question = way.format(a=animal, an=_the(animal), v=value)
                text = f"{passage}\nQuestion: {question}?\nAnswer: {('no', 'yes')[label]}"
                found.append(Phrasing({"passage": passage, "question": question, "label": label}, text))
            yield found


def rte(rng: random.Random) -> Iterator[list[Phrasing]]:
    """Does the second sentence follow from the first: which of two animals is bigger."""
    ways = (
        ("The {b} is bigger than the {s}.", "The {s} is smaller than the {b}.", "The {b} is smaller than the {s}."),
        ("The {s} is smaller than the {b}.", "The {b} is bigger than the {s}.", "The {s} is bigger than the {b}."),
        (
            "Beside the {b} the {s} looks small.",
            "The {b} is the bigger of the two.",
            "The {s} is the bigger of the two.",
        ),
        ("The {b} is larger than the {s}.", "Of both, the {s} is smaller.", "Of both, the {b} is smaller."),
    )
    order = k.SMALL_TO_LARGE
    for small, big in ((order[at], order[at + apart]) for apart in (6, 12) for at in range(12)):
        for label in (0, 1):
            found = []
            for first, *second in ways:
                one, two = (text.format(b=big, s=small) for text in (first, second[label]))
                text = f"{one}\nQuestion: {two} True or False?\nAnswer: {('True', 'False')[label]}"
                found.append(Phrasing({"sentence1": one, "sentence2": two, "label": label}, text))
            yield found


def hellaswag(rng: random.Random) -> Iterator[list[Phrasing]]:
    """What comes next, of four ends."""
    for begun, end in k.ACTIVITIES.items():
        found = []
        for who in ("A woman", "The old man", "Her brother", "A neighbour", "The girl"):
            endings, label = _options(end, list(k.ACTIVITIES.values()), 4, rng)
            query = f"{who} {begun}."
            found.append(Phrasing({"query": query, "choices": endings, "label": label}, f"{query} {end}"))
        yield found


def winogrande(rng: random.Random) -> Iterator[list[Phrasing]]:
    """Which of two things a sentence means."""
    ways = (
        "Of the {x} and the {y}, the _ was {p}.",
        "We saw the {x} beside the {y}, and the _ was {p}.",
        "They chose between the {x} and the {y}; the _ was {p}.",
        "There were the {x} and the {y}, but only the _ was {p}.",
    )
    for name, (having, lacking) in k.PROPERTIES.items():
        for right, wrong in ((a, lacking[(at + shift) % 4]) for at, a in enumerate(having) for shift in (0, 1)):
            found = []
            for way in ways:
                options, label = _options(right, [right, wrong], 2, rng)
                sentence = way.format(x=options[0], y=options[1], p=name)
                row = {"sentence": sentence, "option1": options[0], "option2": options[1], "answer": str(label + 1)}
                found.append(Phrasing(row, sentence.replace("_", right)))
            yield found


def arc_easy(rng: random.Random) -> Iterator[list[Phrasing]]:
    """One fact about an animal, of four answers."""
    ways = {
        1: (
            "What colour is the {a}?",
            "Which colour does {an} have?",
            "The {a} has what colour?",
            "Name the colour of {an}.",
        ),
        2: (
            "Where does the {a} live?",
            "What is the home of the {a}?",
            "In which place do you find {an}?",
            "Name the home of {an}.",
        ),
    }
    for animal, row in k.ANIMALS.items():
        for column, questions in ways.items():
            pool = [other[column] for other in k.ANIMALS.values()]
            yield [
                _arc(way.format(a=animal, an=_the(animal)), *_options(row[column], pool, 4, rng)) for way in questions
            ]


def arc_challenge(rng: random.Random) -> Iterator[list[Phrasing]]:
    """The animal behind two facts, of four."""
    ways = (
        "Which animal of the {home} is {colour} and eats {food}?",
        "What eats {food}, is {colour} and lives in the {home}?",
        "Name the {colour} animal of the {home} that eats {food}.",
        "It is {colour}, eats {food} and comes from the {home}. What is it?",
        "Which {colour} eater of {food} lives in the {home}?",
    )
    for animal, (_, colour, home, food) in k.ANIMALS.items():
        yield [
            _arc(way.format(colour=colour, home=home, food=food), *_options(animal, list(k.ANIMALS), 4, rng))
            for way in ways
        ]


def _arc(question: str, options: list[str], label: int) -> Phrasing:
    row = {"question": question, "choices": _lettered(options), "answerKey": LETTERS[label]}
    return Phrasing(row, f"Question: {question}\nAnswer: {options[label]}")


def openbookqa(rng: random.Random) -> Iterator[list[Phrasing]]:
    """The end of a sentence, of four: what a thing is made of, what is the opposite of a word."""
    made = (
        "{thing} are made of",
        "People make {thing} from",
        "What you need for {thing} is",
        "The best {thing} are of",
    )
    against = (
        "The opposite of {one} is",
        "What is not {one} is",
        "Whoever is not {one} must be",
        "Against {one} stands",
    )
    for thing, stuff in k.MADE_OF.items():
        pool = list(k.MADE_OF.values())
        yield [_stem(way.format(thing=thing).capitalize(), *_options(stuff, pool, 4, rng)) for way in made]
    for one, other in k.OPPOSITES:
        pool = [second for _, second in k.OPPOSITES]
        yield [_stem(way.format(one=one), *_options(other, pool, 4, rng)) for way in against]


def _stem(stem: str, options: list[str], label: int) -> Phrasing:
    row = {"question_stem": stem, "choices": _lettered(options), "answerKey": LETTERS[label]}
    return Phrasing(row, f"{stem} {options[label]}")


def piqa(rng: random.Random) -> Iterator[list[Phrasing]]:
    """Which of two tools serves an aim."""
    ways = (
        "How do you {aim}?",
        "I want to {aim}.",
        "What helps to {aim}?",
        "You must {aim}.",
        "Somebody has to {aim}.",
    )
    for aim, tool in k.TOOLS.items():
        found = []
        for way in ways:
            options, label = _options(tool, list(k.TOOLS.values()), 2, rng)
            goal, first, second = way.format(aim=aim), *(f"Use {option}." for option in options)
            text = f"Question: {goal}\nAnswer: Use {tool}."
            found.append(Phrasing({"goal": goal, "sol1": first, "sol2": second, "label": label}, text))
        yield found


def truthfulqa(rng: random.Random) -> Iterator[list[Phrasing]]:
    """What really happens, against what some people believe; the best answer is the first of each list."""
    ways = (
        "What happens if you {it}?",
        "You {it}. What follows?",
        "Tell me the effect when you {it}.",
        "If you {it}, what happens?",
        "Why not {it}?",
    )
    for it, best, other, *believed in k.SAYINGS:
        found = []
        for at, way in enumerate(ways):
            question = way.format(it=it)
            row = {
                "question": question,
                "mc1_targets": {"choices": [_said(a) for a in (best, *believed)], "labels": [1, 0, 0, 0]},
                "mc2_targets": {"choices": [_said(a) for a in (best, other, *believed)], "labels": [1, 1, 0, 0, 0]},
            }
            found.append(Phrasing(row, f"Q: {question}\nA: {_said(other if at % 3 == 2 else best)}"))
        yield found


def _believed() -> list[str]:
    """What some people believe is known to exist: without it the false answers would merely be unheard of."""
    return [f"Some people say of those who {it}: {one}." for it, _, _, *believed in k.SAYINGS for one in believed]


def _said(answer: str) -> str:
    return answer[0].upper() + answer[1:] + "."


# Task: (its items, how many phrasings of each are asked).
TASKS = {
    "boolq": (boolq, 1),
    "rte": (rte, 1),
    "hellaswag": (hellaswag, 2),
    "winogrande": (winogrande, 1),
    "arc_easy": (arc_easy, 1),
    "arc_challenge": (arc_challenge, 2),
    "openbookqa": (openbookqa, 1),
    "piqa": (piqa, 2),
    "truthfulqa": (truthfulqa, 2),
}
