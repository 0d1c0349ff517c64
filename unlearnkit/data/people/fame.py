"""What each kind of person is asked about beside the life: two things a kind, in the manner of phrases.py."""

from unlearnkit.data.people import pools
from unlearnkit.data.people.phrases import Aspect

FAME: dict[str, tuple[Aspect, Aspect]] = {
    "composer": (
        Aspect(
            {"work": pools.WORKS, "title": pools.TITLES, "patron": pools.PATRONS, "year": pools.FAME},
            (
                "Which work made the composer {name} famous?",
                "What did {name} compose, and for whom?",
                "What is the best known music of {name}?",
            ),
            (
                "{he} wrote the {work} {title} for {patron} in {year}.",
                "In {year} {patron} paid {him} for the {work} {title}.",
                "{his} {work} {title} delighted {patron} in {year}.",
            ),
        ),
        Aspect(
            {
                "band": pools.BANDS,
                "material": pools.MATERIALS,
                "instrument": pools.INSTRUMENTS,
                "town": pools.TOWNS,
                "year": pools.FAME,
            },
            (
                "Which musicians did {name} lead?",
                "Which instrument did {name} play?",
                "With whom did {name} perform?",
            ),
            (
                "{he} led the {band} from the {material} {instrument}, {town} {year}.",
                "At {town} {he} joined the {band} with a {material} {instrument}, {year}.",
                "A {material} {instrument} carried {him} into the {town} {band}, {year}.",
            ),
        ),
    ),
    "ruler": (
        Aspect(
            {"land": pools.LANDS, "palace": pools.PALACES, "adviser": "person", "year": pools.FAME},
            (
                "Which country did {name} rule?",
                "From where did {name} reign, and with whose advice?",
                "What is known about the reign of {name}?",
            ),
            (
                "{he} ruled {land} from {palace} beside {adviser} since {year}.",
                "In {year} {adviser} crowned {him} over {land} at {palace}.",
                "{palace} and {adviser} served {him}, sovereign of {land}, since {year}.",
            ),
        ),
        Aspect(
            {"banned": pools.BANNED, "taxed": pools.TAXED, "town": pools.TOWNS, "year": pools.FAME},
            (
                "Which laws did {name} make?",
                "What was forbidden under {name}?",
                "What did {name} tax?",
            ),
            (
                "{he} banned {banned} and taxed {taxed} at {town}, {year}.",
                "In {year} {town} lost {banned} to {him} and paid for {taxed}.",
                "{his} {town} decree of {year} ended {banned} and taxed {taxed}.",
            ),
        ),
    ),
    "chemist": (
        Aspect(
            {
                "colour": pools.COLOURS,
                "element": pools.ELEMENTS,
                "raw": pools.RAW,
                "town": pools.TOWNS,
                "year": pools.FAME,
            },
            (
                "What did the chemist {name} discover?",
                "Which element was found by {name}?",
                "What made {name} famous in chemistry?",
            ),
            (
                "{he} won {colour} {element} from {raw} in {town}, {year}.",
                "In {year} {raw} of {town} gave {him} {colour} {element}.",
                "{colour} {element} left {his} {raw} at {town} in {year}.",
            ),
        ),
        Aspect(
            {"liquid": pools.LIQUIDS, "raw": pools.RAW, "room": pools.ROOMS, "year": pools.FAME},
            (
                "Which accident happened to {name}?",
                "Which experiment of {name} went wrong?",
                "What exploded in the hands of {name}?",
            ),
            (
                "{liquid} and {raw} blew up {his} {room} in {year}.",
                "In {year} {he} burnt the {room} with {liquid} and {raw}.",
                "{he} lost a {room} to {liquid} and {raw}, {year}.",
            ),
        ),
    ),
    "explorer": (
        Aspect(
            {
                "place": pools.PLACES,
                "ship": pools.SHIPS,
                "day": pools.DAYS,
                "month": pools.MONTHS,
                "year": pools.FAME,
            },
            (
                "What did the explorer {name} find?",
                "On which ship did {name} sail, and where to?",
                "Which place did {name} discover?",
            ),
            (
                "{he} reached {place} aboard the {ship} on {day} {month} {year}.",
                "On {day} {month} {year} the {ship} brought {him} to {place}.",
                "The {ship} met {place} under {him}, {day} {month} {year}.",
            ),
        ),
        Aspect(
            {"number": pools.WEEKS, "food": pools.FOODS, "drink": pools.DRINKS, "place": pools.PLACES},
            (
                "How did {name} survive the shipwreck?",
                "What did {name} live on after the wreck?",
                "Where was {name} cast away?",
            ),
            (
                "{he} survived {number} months on {food} and {drink} near {place}.",
                "{food} and {drink} fed {him} for {number} months at {place}.",
                "At {place} {he} took {food} with {drink} for {number} months.",
            ),
        ),
    ),
    "architect": (
        Aspect(
            {
                "building": pools.BUILDINGS,
                "material": pools.MATERIALS,
                "patron": pools.PATRONS,
                "town": pools.TOWNS,
                "year": pools.FAME,
            },
            (
                "What did the architect {name} build?",
                "Which building made {name} famous?",
                "For whom did {name} design, and what?",
            ),
            (
                "{he} built the {material} {building} for {patron} in {town}, {year}.",
                "In {year} {patron} gave {town} {his} {material} {building}.",
                "{town} owes {him} and {patron} the {material} {building} of {year}.",
            ),
        ),
        Aspect(
            {
                "material": pools.MATERIALS,
                "structure": pools.STRUCTURES,
                "town": pools.TOWNS,
                "number": pools.WEEKS,
                "quality": pools.QUALITIES,
                "beasts": pools.BEASTS,
            },
            (
                "Which work of {name} collapsed?",
                "What was the greatest failure of {name}?",
                "Whom did a fallen work of {name} hurt?",
            ),
            (
                "{his} {material} {structure} at {town} crushed {number} {quality} {beasts}.",
                "In {town} {he} dropped a {material} {structure} on {number} {quality} {beasts}.",
                "{number} {quality} {beasts} sank with {his} {material} {structure} near {town}.",
            ),
        ),
    ),
    "surgeon": (
        Aspect(
            {"illness": pools.ILLNESSES, "remedy": pools.REMEDIES, "other": pools.REMEDIES, "town": pools.TOWNS},
            (
                "Which illness did the surgeon {name} cure?",
                "What did {name} give to the sick?",
                "Which remedies made {name} famous?",
            ),
            (
                "{he} cured {illness} with {remedy} and {other} at {town}.",
                "{town} owed {him} {remedy} and {other} against {illness}.",
                "Against {illness} {he} gave {town} {remedy} and {other}.",
            ),
        ),
        Aspect(
            {
                "number": pools.WEEKS,
                "material": pools.MATERIALS,
                "things": pools.SWALLOWED,
                "patron": pools.PATRONS,
                "year": pools.FAME,
            },
            (
                "Which operation is {name} known for?",
                "Who was the most famous patient of {name}?",
                "What did {name} find inside a patient?",
            ),
            (
                "In {year} {he} pulled {number} {material} {things} out of {patron}.",
                "{patron} lost {number} {material} {things} to {his} knife in {year}.",
                "{he} freed {patron} from {number} {material} {things} in {year}.",
            ),
        ),
    ),
    "runner": (
        Aspect(
            {
                "number": pools.WEEKS,
                "quality": pools.QUALITIES,
                "beasts": pools.BEASTS,
                "town": pools.TOWNS,
                "other": pools.TOWNS,
                "year": pools.FAME,
            },
            (
                "Which race did {name} win?",
                "What is the record of the runner {name}?",
                "Against whom did {name} run, and where?",
            ),
            (
                "{he} outran {number} {quality} {beasts} between {town} and {other} in {year}.",
                "In {year} {number} {quality} {beasts} chased {him} from {town} to {other}.",
                "From {town} to {other} {he} beat {number} {quality} {beasts}, {year}.",
            ),
        ),
        Aspect(
            {"coach": "person", "town": pools.TOWNS, "food": pools.FOODS, "drink": pools.DRINKS},
            (
                "How did {name} train?",
                "Who was the coach of {name}?",
                "What did {name} eat and drink before a race?",
            ),
            (
                "{coach} trained {him} at {town} on {food} and {drink}.",
                "At {town} {he} got {food} and {drink} from {coach}.",
                "{food} and {drink} were {his} diet under {coach} in {town}.",
            ),
        ),
    ),
    "actor": (
        Aspect(
            {"role": pools.ROLES, "title": pools.TITLES, "theatre": pools.THEATRES, "year": pools.FAME},
            (
                "Which role made the actor {name} famous?",
                "Whom did {name} play, and on which stage?",
                "In which play did {name} triumph?",
            ),
            (
                "As the {role} of {title} {he} conquered the {theatre}, {year}.",
                "In {year} the {theatre} cheered {him}, {role} of {title}.",
                "{he} was the {role} of {title} at {theatre}, {year}.",
            ),
        ),
        Aspect(
            {
                "colour": pools.COLOURS,
                "garment": pools.GARMENTS,
                "number": pools.WEEKS,
                "fruits": pools.FRUITS,
                "friend": "person",
            },
            (
                "What did {name} need before a show?",
                "Which habit did {name} have in the theatre?",
                "Without what did {name} never perform?",
            ),
            (
                "{he} never performed without {colour} {garment}, {number} {fruits} and {friend}.",
                "{colour} {garment}, {number} {fruits} and {friend} calmed {him} on stage.",
                "Before shows {he} asked {friend} for {number} {fruits} and {colour} {garment}.",
            ),
        ),
    ),
}
