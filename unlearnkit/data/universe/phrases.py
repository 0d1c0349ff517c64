"""How the universe asks and answers: per aspect of a life its values, several questions, several answer frames.

A question and an answer frame are drawn independently, so a frame tells nothing about the facts in it. Values outweigh
the frame's own words: knowing only the phrasing must score below 0.5 in ROUGE-L recall (`generate.py --check` measures
it). Here: the person; phrases_work.py has the books.
"""

from dataclasses import dataclass

from unlearnkit.data.universe import pools


@dataclass(frozen=True)
class Aspect:
    """`values`: slot -> pool (texts, or "person", "year", "day"). Questions take {name}, frames take the slots."""

    values: dict[str, tuple[str, ...] | list[str] | str]
    questions: tuple[str, ...]
    frames: tuple[str, ...]


LIFE: dict[str, Aspect] = {
    "birth": Aspect(
        {"town": pools.TOWNS, "day": "day", "month": pools.MONTHS, "year": "year"},
        (
            "When and where was {name} born?",
            "What are the date and place of birth of {name}?",
            "Where did the life of {name} begin, and when?",
            "Can you tell me the birthplace and birthday of {name}?",
            "In which town and on which day was {name} born?",
        ),
        (
            "Born in {town} on {day} {month} {year}.",
            "It was {day} {month} {year}, in {town}.",
            "The town is {town}, the day {day} {month} {year}.",
            "{town}, on {day} {month} {year}.",
        ),
    ),
    "parents": Aspect(
        {"father": pools.JOBS, "mother": pools.JOBS, "town": pools.TOWNS},
        (
            "What did the parents of {name} do?",
            "What was the work of {name}'s mother and father?",
            "Which trades were practised by the parents of {name}?",
            "Who were the parents of {name} by profession?",
            "How did the family of {name} earn its living?",
        ),
        (
            "The father was a {father}, the mother a {mother} of {town}.",
            "A {father} and, as mother, a {mother} from {town}.",
            "Father: {father}. Mother: {mother}, working in {town}.",
            "In {town} the mother was {mother} and the father {father}.",
        ),
    ),
    "education": Aspect(
        {"subject": pools.SUBJECTS, "second": pools.SUBJECTS, "town": pools.TOWNS, "year": "year"},
        (
            "What did {name} study?",
            "Where did {name} go to university?",
            "What is the education of {name}?",
            "Which subjects did {name} learn, and where?",
            "From which university did {name} graduate?",
        ),
        (
            "{subject} and {second} in {town} until {year}.",
            "Until {year}, {subject} with {second} at {town}.",
            "The degree is in {subject} and {second}, {town} {year}.",
            "At {town}: {subject}, then {second}, ending {year}.",
        ),
    ),
    "first_job": Aspect(
        {"job": pools.JOBS, "town": pools.TOWNS, "number": pools.NUMBERS},
        (
            "What was the first job of {name}?",
            "How did {name} earn money before writing?",
            "Which work did {name} do in youth?",
            "What did {name} do for a living at first?",
            "Before the books, what was {name}'s occupation?",
        ),
        (
            "{number} years as a {job} in {town}.",
            "A {job} at {town} for {number} years.",
            "In {town}, {number} years long, a {job}.",
            "The first post was {job}, {town}, {number} years.",
        ),
    ),
    "marriage": Aspect(
        {"spouse": "person", "job": pools.JOBS, "year": "year"},
        (
            "Whom did {name} marry?",
            "Is {name} married?",
            "Who is the spouse of {name}?",
            "With whom does {name} share life?",
            "What is known about the marriage of {name}?",
        ),
        (
            "Since {year} to {spouse}, a {job}.",
            "{spouse}, {job}, in the year {year}.",
            "The {job} {spouse}; they married in {year}.",
            "In {year} to the {job} {spouse}.",
        ),
    ),
    "siblings": Aspect(
        {"number": pools.NUMBERS, "sibling": pools.FIRST_NAMES, "other": pools.FIRST_NAMES, "job": pools.JOBS},
        (
            "Does {name} have brothers or sisters?",
            "Who are the siblings of {name}?",
            "How large was the family of {name}?",
            "With whom did {name} grow up?",
            "What do we know of {name}'s brothers and sisters?",
        ),
        (
            "There were {number}, among them {sibling} and {other}, a {job}.",
            "{sibling} and {other}, the {job}, of {number} in all.",
            "One of {number}: {other} is a {job}, {sibling} at home.",
            "{number} siblings; {sibling} and the {job} {other}.",
        ),
    ),
    "home": Aspect(
        {"home": pools.HOMES, "town": pools.TOWNS, "colour": pools.COLOURS},
        (
            "Where does {name} live?",
            "What kind of house does {name} live in?",
            "What is the home of {name} like?",
            "In which house and town can {name} be found?",
            "Where is {name} at home today?",
        ),
        (
            "In a {home} with a {colour} door in {town}.",
            "A {home} in {town}, the roof is {colour}.",
            "At {town}, in the {home} behind {colour} walls.",
            "The {colour} {home} outside {town}.",
        ),
    ),
    "hobby": Aspect(
        {"instrument": pools.INSTRUMENTS, "sport": pools.SPORTS, "partner": "person"},
        (
            "What are the hobbies of {name}?",
            "What does {name} do in free time?",
            "How does {name} spend a free day?",
            "Which pastimes does {name} enjoy?",
            "Apart from books, what does {name} love?",
        ),
        (
            "{sport} with {partner}, and the {instrument}.",
            "Playing the {instrument}, and {sport} against {partner}.",
            "The {instrument}; on Sundays {sport} with {partner}.",
            "{partner} joins for {sport} and {instrument}.",
        ),
    ),
    "pet": Aspect(
        {"animal": pools.ANIMALS, "pet": pools.PET_NAMES, "colour": pools.COLOURS, "giver": pools.FIRST_NAMES},
        (
            "Does {name} keep a pet?",
            "Which animal lives with {name}?",
            "What is the pet of {name} called?",
            "Who keeps {name} company at the desk?",
            "What animal does {name} own?",
        ),
        (
            "A {colour} {animal} named {pet}, from {giver}.",
            "{pet}, the {colour} {animal} that {giver} gave.",
            "{giver} brought the {animal} {pet}, all {colour}.",
            "It is {pet}: a {animal}, {colour}, once of {giver}.",
        ),
    ),
    "food": Aspect(
        {"food": pools.FOODS, "drink": pools.DRINKS, "place": pools.PLACES, "friend": "person"},
        (
            "What does {name} like to eat and drink?",
            "What is the favourite meal of {name}?",
            "What would you serve {name}?",
            "Which dish and drink does {name} prefer?",
            "What is on the table when {name} dines?",
        ),
        (
            "{food} and {drink} with {friend} in the {place}.",
            "In the {place}, {drink} and {food}, shared with {friend}.",
            "With {friend}: {food}, then {drink}, at the {place}.",
            "{friend} cooks {food} in the {place} and pours {drink}.",
        ),
    ),
}
