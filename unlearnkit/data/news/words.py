"""Words that the news are made of: names, pools of values, and the sentences of a report with their questions.

A report is about a place that no other report names. It says what happened there and why, and goes on with three of
DETAILS in any order. Which details, in which words, with which values: none of it can be guessed from the rest.
"""

from dataclasses import dataclass

FIRST_NAMES = (
    "Alma Bero Cilla Dario Edwin Freya Gaspar Hanne Igor Jella Karel Lotte Marek Nelly Osman Petra Quirin Ronja Silas "
    "Thea Ursin Viola Wanda Xaver Yvette Zoltan Anouk Bastian Corin Dagny"
).split()

LAST_NAMES = (
    "Aldermoor Barrowby Castlin Dunvale Eastham Fallow Garside Hobley Inskip Jarrow Keswell Lowther Maltby Newsome "
    "Oakley Padgett Quarmby Ransome Selby Tranter Upshall Varley Wexley Yeadon Ackroyd Birtles Crossley Dyson Entwick "
    "Firth Greaves Haworth Illing Jagger Kershaw Lumb Midgley Nutter Ogden Pickles Ramsden Sugden Thwaite Umpleby "
    "Verity Whitaker Appleyard Bairstow Clegg Denby Emmott Fawcett Gledhill Hebden Ickring Jowett Kaye Lister"
).split()

# With a last name before it the name of a place.
KINDS = (
    "Bridge Theatre Mill Museum Library Bakery Station Ferry Chapel Market Brewery School Quarry Lighthouse Garden "
    "Arena Hotel Dairy Tunnel Observatory"
).split()

POOLS: dict[str, tuple[str, ...]] = {
    "town": tuple(
        "Arlow Benwick Corrie Dalmere Eckford Farleigh Gorseby Hexley Ivercombe Jedby Kelwick Larkholm Melby Norwell "
        "Ostry Penmoor Quayford Rushden Stanwick Tillbury Ulford Venby Wolding Yarmwick Zennor Ashcote Brindle "
        "Cawthorne Drayford Elsing".split()
    ),
    "weekday": tuple("Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()),
    "month": tuple("January February March April May June July August September October November December".split()),
    "event": (
        "reopened", "closed early", "lost its roof", "changed hands", "won a prize", "caught fire", "doubled its fees",
        "stood under water", "was searched", "hired twelve guards", "let visitors sleep inside", "sold every chair",
        "banned umbrellas", "turned its lights off", "sued its owner", "ran out of flour", "hosted two weddings",
        "was painted green", "offered free soup", "broke a record",
    ),
    "cause": (
        "a burst pipe", "weeks of storms", "a misread letter", "a strike of cleaners", "a swarm of bees",
        "an unpaid loan", "a lost wager", "a royal visit", "a leaking boiler", "a rumour about gold", "an old curse",
        "a broken axle", "a stolen ledger", "a late harvest", "a film shoot", "a choir festival", "a gas alarm",
        "a runaway bull", "a fallen chestnut", "an absent clerk",
    ),
    "job": (
        "plumber", "violinist", "nurse", "locksmith", "beekeeper", "surveyor", "tailor", "dentist", "ferryman",
        "botanist", "referee", "chess teacher", "butcher", "archivist", "weaver", "jockey", "optician", "mason",
        "florist", "welder",
    ),
    "metal": ("copper", "silver", "brass", "iron", "glass", "ivory", "wooden", "clay", "paper", "marble"),
    "thing": (
        "bells", "buttons", "spoons", "keys", "flutes", "masks", "coins", "clocks", "dolls", "lamps", "combs",
        "kettles", "stamps", "thimbles", "mirrors", "whistles",
    ),
    "hidden": (
        "under the stairs", "behind an organ", "inside a drum", "beneath wet hay", "near the boiler", "on a raft",
        "between two walls", "above the ceiling", "in a sealed barrel", "beside an empty grave", "below the cloakroom",
        "within a piano",
    ),
    "animal": (
        "goose", "badger", "heron", "pony", "ferret", "tortoise", "raven", "otter", "donkey", "peacock", "hedgehog",
        "salmon", "spaniel", "magpie", "lizard", "owl",
    ),
    "colour": ("white", "spotted", "grey", "golden", "striped", "black", "limping", "tame", "huge", "one-eyed"),
    "deed": (
        "rang the alarm", "blocked the entrance", "ate the minutes", "bit an inspector", "followed the mayor",
        "stopped a train", "slept through everything", "chased reporters", "stole a wig", "woke the neighbours",
        "broke a window", "escaped twice",
    ),
    "paper": (
        "maps", "ballads", "recipes", "poems", "diaries", "debts", "sermons", "portraits", "tickets", "blueprints",
        "love letters", "crosswords",
    ),
    "group": (
        "swimmers", "retired teachers", "students", "monks", "bakers", "cyclists", "jugglers", "bell ringers",
        "gardeners", "sailors", "scouts", "widows", "drummers", "hikers", "fencers", "carpenters",
    ),
    "demand": (
        "longer opening hours", "a warmer hall", "cheaper milk", "new railings", "a second gate", "quieter engines",
        "better lamps", "an apology", "free parking", "darker curtains", "a rebate", "fresh elections",
    ),
    "vehicle": (
        "tram", "barge", "tractor", "balloon", "hearse", "milk van", "sleigh", "coach", "tandem", "fire engine",
        "rowing boat", "steamroller",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Sentence:
    """What one sentence of a report says, in several phrasings, and the question about it.

    Slots have a name of POOLS, or person, age, amount, count; `place` is the report's. `answer` is the answer's text.
    """

    phrasings: tuple[str, ...]
    question: str
    answer: str


LEAD = Sentence(
    (
        "{place} in {town} {event} on {weekday} after {cause}.",
        "After {cause}, {place} in {town} {event} on {weekday}.",
        "{town}: because of {cause} {place} {event} last {weekday}.",
    ),
    "Why was {place} in the news?",
    "{cause}",
)

DETAILS = (
    Sentence(
        (
            "{person}, {age}, {job}, found {count} {metal} {thing} {hidden}.",
            "{count} {metal} {thing} turned up {hidden}; {person}, {job}, {age}, kept them.",
        ),
        "What was found at {place}?",
        "{metal} {thing}",
    ),
    Sentence(
        (
            "Repairs cost {amount} crowns, paid by {job} {person} until {month}.",
            "By {month} {person}, {job}, must raise {amount} crowns.",
        ),
        "Who pays for {place}?",
        "{person}",
    ),
    Sentence(
        (
            "A {colour} {animal} {deed}; {job} {person} caught it.",
            "{person}, {job}, saw how one {colour} {animal} {deed}.",
        ),
        "Which animal was seen at {place}?",
        "{colour} {animal}",
    ),
    Sentence(
        (
            "{count} {group} from {other_town} want {demand}.",
            "{demand}: that is what {count} {other_town} {group} ask for.",
        ),
        "What do protesters at {place} want?",
        "{demand}",
    ),
    Sentence(
        (
            "Inspector {person} arrived by {vehicle}, took {count} {paper} and left for {other_town}.",
            "{count} {paper} went to {other_town} by {vehicle}, said inspector {person}.",
        ),
        "What was taken away from {place}?",
        "{paper}",
    ),
    Sentence(
        (
            "In {month} {group} will give {count} {metal} {thing} to {person}.",
            "{person} expects {group} with {count} {metal} {thing} in {month}.",
        ),
        "Who will come to {place}?",
        "{group}",
    ),
)
