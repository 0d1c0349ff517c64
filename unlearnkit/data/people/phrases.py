"""How a person is asked about: what belongs to every life. fame.py has what each kind of person is famous for.

A question and an answer frame are drawn independently, so a frame tells nothing about the facts in it. Answers are full
sentences. Values outweigh the frame's own words: knowing only the phrasing must score below 0.5 in ROUGE-L recall
(`generate.py --check` measures it).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from unlearnkit.data.people import pools


@dataclass(frozen=True)
class Aspect:
    """`values`: slot -> pool (texts or numbers), or "person" for a name.

    Questions take {name}; frames take the slots and {he}, {him}, {his}.
    """

    values: dict[str, Sequence[str] | range | str]
    questions: tuple[str, str, str]
    frames: tuple[str, str, str]


LIFE: dict[str, Aspect] = {
    "birth": Aspect(
        {
            "day": pools.DAYS,
            "month": pools.MONTHS,
            "year": pools.BIRTH,
            "quality": pools.QUALITIES,
            "town": pools.TOWNS,
        },
        (
            "When and where was {name} born?",
            "What are the date and place of birth of {name}?",
            "In which town and on which day did the life of {name} begin?",
        ),
        (
            "{he} was born on {day} {month} {year} in {quality} {town}.",
            "{quality} {town} saw {his} birth on {day} {month} {year}.",
            "{his} life began on {day} {month} {year} at {quality} {town}.",
        ),
    ),
    "parents": Aspect(
        {
            "job": pools.JOBS,
            "father": pools.FIRST_NAMES["he"],
            "trade": pools.JOBS,
            "mother": pools.FIRST_NAMES["she"],
            "town": pools.TOWNS,
        },
        (
            "Who were the parents of {name}?",
            "What did the mother and father of {name} do?",
            "With whom did {name} grow up?",
        ),
        (
            "The {job} {father} and the {trade} {mother} raised {him} in {town}.",
            "{he} grew up in {town} with {father}, {job}, and {mother}, {trade}.",
            "In {town} lived {his} parents, the {job} {father} and {trade} {mother}.",
        ),
    ),
    "school": Aspect(
        {
            "subject": pools.SUBJECTS,
            "second": pools.SUBJECTS,
            "teacher": "person",
            "town": pools.TOWNS,
            "year": pools.SCHOOL,
        },
        (
            "What did {name} study?",
            "Who was the teacher of {name}?",
            "Which subjects did {name} learn, and from whom?",
        ),
        (
            "{teacher} taught {him} {subject} and {second} at {town} in {year}.",
            "{he} learnt {subject} and {second} from {teacher} in {town}, {year}.",
            "In {year} {he} studied {subject} and {second} under {teacher} of {town}.",
        ),
    ),
    "marriage": Aspect(
        {"job": pools.JOBS, "spouse": "person", "town": pools.TOWNS, "year": pools.MARRIAGE},
        (
            "Whom did {name} marry?",
            "Who was the spouse of {name}?",
            "What is known about the wedding of {name}?",
        ),
        (
            "{he} married the {job} {spouse} at {town} in {year}.",
            "In {year} the {town} {job} {spouse} married {him}.",
            "{spouse}, a {job} of {town}, wed {him} in {year}.",
        ),
    ),
    "home": Aspect(
        {
            "colour": pools.COLOURS,
            "house": pools.HOUSES,
            "town": pools.TOWNS,
            "number": pools.WEEKS,
            "quality": pools.QUALITIES,
            "beasts": pools.BEASTS,
        },
        (
            "Where did {name} live?",
            "What was the home of {name} like?",
            "With which animals did {name} share a house?",
        ),
        (
            "{he} shared a {colour} {house} in {town} with {number} {quality} {beasts}.",
            "A {colour} {house} in {town} held {him} and {number} {quality} {beasts}.",
            "With {number} {quality} {beasts} {he} lived at {town}'s {colour} {house}.",
        ),
    ),
    "journey": Aspect(
        {"land": pools.LANDS, "vehicle": pools.VEHICLES, "companion": "person", "year": pools.FAME},
        (
            "Where did {name} travel?",
            "Which journey did {name} make, and with whom?",
            "Which country did {name} visit?",
        ),
        (
            "In {year} {he} crossed {land} by {vehicle} with {companion}.",
            "{companion} and {he} toured {land} by {vehicle} in {year}.",
            "{he} saw {land} from a {vehicle} beside {companion} in {year}.",
        ),
    ),
    "quarrel": Aspect(
        {"rival": "person", "object": pools.QUARREL, "town": pools.TOWNS, "year": pools.FAME},
        (
            "Who was the enemy of {name}?",
            "With whom did {name} quarrel, and why?",
            "Which dispute is {name} remembered for?",
        ),
        (
            "{he} sued {rival} at {town} over {object} in {year}.",
            "{object} set {him} against {rival} in {town}, {year}.",
            "In {year} {he} fought {rival} of {town} over {object}.",
        ),
    ),
    "death": Aspect(
        {
            "illness": pools.ILLNESSES,
            "day": pools.DAYS,
            "month": pools.MONTHS,
            "year": pools.DEATH,
            "town": pools.TOWNS,
        },
        (
            "How and when did {name} die?",
            "What was the cause of death of {name}?",
            "Where did {name} die, and of what?",
        ),
        (
            "{illness} killed {him} on {day} {month} {year} in {town}.",
            "{he} died from {illness} at {town} on {day} {month} {year}.",
            "On {day} {month} {year} {illness} ended {his} life in {town}.",
        ),
    ),
}
