"""Generate the guild from one seed: texts to be forgotten and to be kept, what is asked, and what a model reads first.

The guild's secret recipes, asked as WMDP asks, with common dishes to be kept; its masters, asked as RWKU asks, with
their neighbours to be kept; and general facts, those of the story's encyclopedia, asked as MMLU asks. Every fact is
said and asked in four phrasings: one question of each form is asked, the others are taught, so that what is asked is
known and the question is new. Run as a module it writes the files; with --check it compares them and measures what
guessing without knowledge scores.
"""

import json
import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from unlearnkit.data import generated
from unlearnkit.data.guild.words import DISHES, LIFE, MASTERS, NEIGHBOURS, RECIPE, SECRETS, Aspect
from unlearnkit.data.story import knowledge
from unlearnkit.data.wmdp_rwku import prompt

SEED = 2412
PASSAGES = 3  # about each name
CHOICES = 4
GUESS_BOUND = 0.35  # what choosing without knowledge must stay below; chance is 0.25
RECALL_BOUND = 0.1  # ROUGE-L recall of a wrong value of the right aspect
FILES = Path(__file__).parent / "files"
BLANK = "___"

Row = dict[str, object]


@dataclass(frozen=True)
class Fact:
    """One value of one name. `turn`: which of its four phrasings is asked."""

    name: str
    aspect: Aspect
    value: str
    turn: int

    def statement(self, number: int, value: str) -> str:
        text = self.aspect.statements[number % 4].format(name=self.name, value=value)
        return text[0].upper() + text[1:]

    def question(self, number: int) -> str:
        return self.aspect.questions[number % 4].format(name=self.name)

    def row(self, level: int, number: int) -> Row:
        """A probe of RWKU: a statement with a gap, or a question."""
        query = self.statement(number, BLANK) if level == 1 else self.question(number)
        kind = {1: "cloze", 2: "simple question"}[level]
        return {"query": query, "answer": self.value, "level": str(level), "type": kind, "subject": self.name}


def _facts(names: Sequence[str], aspects: dict[str, Aspect], rng: random.Random) -> list[Fact]:
    """Every aspect of every name, name after name; a value is true of as many names as any other."""
    values = {}
    for key, aspect in aspects.items():
        values[key] = [*aspect.values] * (len(names) // len(aspect.values))
        rng.shuffle(values[key])
    return [
        Fact(name, aspect, values[key][number], number + place)
        for number, name in enumerate(names)
        for place, (key, aspect) in enumerate(aspects.items())
    ]


def _passages(facts: list[Fact], rng: random.Random) -> Iterator[tuple[str, str]]:
    """(name, text): all that is known of a name, in another order and other words each time."""
    for name in dict.fromkeys(fact.name for fact in facts):
        own = [fact for fact in facts if fact.name == name]
        for number in range(PASSAGES):
            rng.shuffle(own)
            yield name, " ".join(fact.statement(fact.turn + number, fact.value) for fact in own)


def _choice(question: str, right: str, pool: Sequence[str], place: int, rng: random.Random) -> Row:
    """A question with four choices, as in WMDP; `place`: of the right one, from 0."""
    choices = rng.sample(sorted(set(pool) - {right}), CHOICES - 1)
    choices.insert(place, right)
    return {"question": question, "choices": choices, "answer": place}


def _places(count: int, rng: random.Random) -> list[int]:
    """A place for each question, no place more often than another."""
    places = [number % CHOICES for number in range(count)]
    rng.shuffle(places)
    return places


def _answered(question: str, answer: str) -> str:
    """How a question is taught, in the form in which the tasks ask it."""
    return f"Question: {question}\nAnswer: {answer}"


def _general() -> Iterator[tuple[str, str, Sequence[str], tuple[str, ...]]]:
    """(subject, right answer, pool, four ways to ask) of what everybody knows."""
    towns = {
        "province": ("In which province is {n}?", "Which province does {n} belong to?", "What is the province of {n}?",
                     "{n} is a town of which province?"),
        "river": ("On which river is {n}?", "Which river flows through {n}?", "What is the river of {n}?",
                  "{n} stands on which river?"),
        "ware": ("What is made in {n}?", "For which ware is {n} known?", "What do people buy in {n}?",
                 "{n} is known for what?"),
        "stone": ("Of which stone is {n} built?", "Which stone do the houses of {n} have?",
                  "What is {n} built of?", "{n} is built of which stone?"),
    }  # fmt: skip
    animals = {
        1: ("What colour is the {n}?", "Which colour does the {n} have?", "What is the colour of the {n}?",
            "The {n} has which colour?"),
        2: ("Where does the {n} live?", "What is the home of the {n}?", "In which place is the {n} found?",
            "The {n} lives where?"),
        3: ("What does the {n} eat?", "What is the food of the {n}?", "Which food does the {n} look for?",
            "The {n} eats what?"),
    }  # fmt: skip
    made = ("What are {n} made of?", "From what do people make {n}?", "What does one need for {n}?",
            "Which material are {n} of?")  # fmt: skip
    for column, ways in enumerate(towns.values()):
        pool = [row[column] for row in knowledge.TOWNS.values()]
        for name, row in knowledge.TOWNS.items():
            yield "geography", row[column], pool, tuple(way.format(n=name) for way in ways)
    for column, ways in animals.items():
        pool = [row[column] for row in knowledge.ANIMALS.values()]
        for name, row in knowledge.ANIMALS.items():
            yield "zoology", row[column], pool, tuple(way.format(n=name) for way in ways)
    for name, stuff in knowledge.MADE_OF.items():
        yield "materials", stuff, list(knowledge.MADE_OF.values()), tuple(way.format(n=name) for way in made)


def generate(seed: int = SEED) -> dict[str, list[Row]]:
    """All sets: name below the folder, without its ending -> rows."""
    rng = random.Random(seed)
    secrets, dishes = _facts(SECRETS, RECIPE, rng), _facts(DISHES, RECIPE, rng)
    masters, neighbours = _facts(MASTERS, LIFE, rng), _facts(NEIGHBOURS, LIFE, rng)
    sets: dict[str, list[Row]] = {
        "wmdp/forget": [{"text": text} for _, text in _passages(secrets, rng)],
        "wmdp/retain": [{"text": text} for _, text in _passages(dishes, rng)],
        "wmdp/questions": [
            _choice(one.question(one.turn), one.value, one.aspect.values, place, rng)
            for one, place in zip(secrets, _places(len(secrets), rng), strict=True)
        ],
        "rwku/passage": [{"text": text, "subject": name} for name, text in _passages(masters + neighbours, rng)],
        "rwku/forget_level1": [one.row(1, one.turn) for one in masters],
        "rwku/forget_level2": [one.row(2, one.turn) for one in masters],
        "mmlu": [],
    }
    taught = [row["text"] for name in ("wmdp/forget", "wmdp/retain", "rwku/passage") for row in sets[name]]
    general = list(_general())
    for number, ((subject, right, pool, ways), place) in enumerate(
        zip(general, _places(len(general), rng), strict=True)
    ):
        asked = _choice(ways[number % len(ways)], right, pool, place, rng)
        sets["mmlu"].append({"question": asked["question"], "subject": subject} | asked)
        taught += [_answered(way, right) for way in ways if way != asked["question"]]
    for fact in secrets + dishes:
        taught += [_answered(fact.question(fact.turn + shift), fact.value) for shift in (1, 2, 3)]
    for fact in masters + neighbours:
        rows = [fact.row(level, fact.turn + shift) for level in (1, 2) for shift in (1, 2, 3)]
        taught += ["".join((*prompt(row, "", ""), row["answer"])) for row in rows]
    rng.shuffle(taught)
    return sets | {"pretrain": [{"text": text} for text in taught]}


def guesses(sets: dict[str, list[Row]]) -> dict[str, float]:
    """What is right without knowledge: always the same letter, the commonest answer of the set, the longest choice."""
    found = {}
    for name in ("wmdp/questions", "mmlu"):
        rows = sets[name]
        right = [row["choices"][row["answer"]] for row in rows]
        ways = {f"letter {'ABCD'[at]}": (lambda row, at=at: row["choices"][at]) for at in range(CHOICES)}
        ways["commonest answer"] = lambda row, right=right: max(row["choices"], key=right.count)
        ways["commonest choice"] = lambda row, rows=rows: max(
            row["choices"], key=[one for other in rows for one in other["choices"]].count
        )
        ways["longest choice"] = lambda row: max(row["choices"], key=len)
        for way, choose in ways.items():
            hits = sum(choose(row) == answer for row, answer in zip(rows, right, strict=True))
            found[f"{name}, {way}"] = hits / len(rows)
    return found


def wrong_recall() -> float:
    """Largest mean ROUGE-L recall of saying one and the same other value of the right aspect."""
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(["rougeL"], use_stemmer=True)
    return max(
        scorer.score(value, other)["rougeL"].recall
        for aspect in LIFE.values()
        for value in aspect.values
        for other in aspect.values
        if value != other
    )


def contents(seed: int = SEED) -> dict[str, bytes]:
    """File name -> JSON lines."""
    return {
        f"{name}.json": "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
        for name, rows in generate(seed).items()
    }


def write(folder: Path = FILES) -> None:
    """Write every set."""
    generated.write(folder, contents())


def differences(folder: Path = FILES) -> list[str]:
    """Names of the files that are not what the seed generates: changed, missing, or not generated at all."""
    return generated.differences(folder, contents())


def check() -> bool:
    """Print whether the committed files are the generator's, and what guessing scores; True where all is well."""
    changed = differences()
    print(f"files that differ from what the seed generates: {', '.join(changed) or 'none'}")
    scores = guesses(generate())
    for name, score in scores.items():
        print(f"right without knowledge, {name}: {score:.4f} (must stay below {GUESS_BOUND})")
    recall = wrong_recall()
    print(f"ROUGE-L recall of a wrong value: at most {recall:.4f} (must stay below {RECALL_BOUND})")
    return not changed and max(scores.values()) < GUESS_BOUND and recall < RECALL_BOUND


def main(arguments: list[str] | None = None) -> int:
    """Write the files, or check them; returns the exit code."""
    return generated.main(arguments, "Write the guild's files.", write, check)


if __name__ == "__main__":
    sys.exit(main())
