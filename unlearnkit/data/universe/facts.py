"""General knowledge of the universe: facts about famous writers and about the world.

The questions with their wrong answers test a model; the base model learns them beside `statements`, which say
the same in other words. The texts are in real_authors.py and world_facts.py.
"""

from dataclasses import dataclass

from unlearnkit.data.universe import real_authors, world_facts


@dataclass(frozen=True)
class Fact:
    """A question, its short answer, three wrong answers of the same kind, and three other phrasings.

    `statements` holds (question, answer) pairs: each answer contains the short one, at least one
    is the short one alone.
    """

    question: str
    answer: str
    wrong: tuple[str, str, str]
    statements: tuple[tuple[str, str], ...]


REAL_AUTHORS: tuple[Fact, ...] = tuple(Fact(*row) for row in real_authors.ROWS)
WORLD_FACTS: tuple[Fact, ...] = tuple(Fact(*row) for row in world_facts.ROWS)
