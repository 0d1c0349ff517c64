"""The story's course: twelve chapters, and the sentences that every beat of a chapter can be told with.

Marrin Oske counts the tides of Quellmouth. One morning the sea does not come back, and with her cousin Tobb, who mends
kites, she walks over the dry sea bed from island to island to find who holds the water. {guest}, {calling}, {place} and
{token} belong to a chapter; every other slot is a pool of words.py. No six words in a row are without a slot.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Chapter:
    """One island: its title, its name, whom they meet there and what that person keeps."""

    title: str
    place: str
    guest: str
    calling: str
    token: str


CHAPTERS = tuple(
    Chapter(*row)
    for row in (
        ("The Morning without Water", "Quellmouth", "Ansel Drey", "harbour warden", "the silent gauge"),
        ("The First Dry Mile", "Gannet Stair", "Widow Pell", "candle maker", "a jar of eels"),
        ("A Toll on Sand", "Low Ambry", "Corvin Maule", "toll master", "the iron stamp"),
        ("The Kite That Pointed Down", "Fenwick Spit", "Little Jossa", "shell digger", "a paper kite"),
        ("Salt in the Lamp", "Orrin's Light", "Bram Tully", "lamp keeper", "a cold lens"),
        ("The Market of Wrecks", "Hulk Row", "Madam Sorley", "wreck dealer", "a ship's bell"),
        ("Eleven Sleeping Boats", "Cradle Bay", "Old Hesk", "boat nurse", "a spool of tar string"),
        ("The Choir under the Hill", "Mourne Rock", "Sister Avel", "choir mistress", "the deep hymn"),
        ("Maule's Second Ledger", "Tithe House", "Pim Rudge", "copying boy", "a stolen page"),
        ("The Wall of Sluices", "Great Varr", "Engineer Lodd", "sluice builder", "the ninth lever"),
        ("What the Eels Knew", "Marl Hollow", "Grandmother Oske", "tide witness", "a cord with knots"),
        ("High Water", "Bell Sound", "Captain Irsa", "pilot", "the returning wave"),
    )
)

# One list a beat, in the order in which a chapter tells them: how many sentences, and the sentences to draw from.
BEATS: tuple[tuple[int, tuple[str, ...]], ...] = (
    (3, (
        "They reached {place} {when}, with {sky} behind them and {meal} in the bag.",
        "{when}, {clerk} {went} into {place} and found {beast} asleep on a {quality} {thing}.",
        "Nothing moved in {place} but {beast} and {sky}, so {mender} {went} ahead to the {corner}.",
        "The road to {place} was {number} miles of {stuff}, and {mender} was {mood} after the first.",
        "{clerk} had drawn {place} in her book as a {thing}; it looked more like a {quality} {thing}.",
        "From far off {place} seemed made of {stuff}, and {sky} hung over its {corner} like a {thing}.",
    )),
    (5, (
        "Every house had a {quality} {thing} {where}, tied with {stuff} against {fear}.",
        "In the {corner} stood {number} {quality} jars with lids of {stuff} and a drawing of {beast}.",
        "The {corner} smelled of {stuff} and {meal}, and {beast} had nested {where}.",
        "A {quality} {thing} swung {where}, and its shadow reached the {corner} {when}.",
        "Somebody had painted a {thing} on the {corner} door, {quality} and larger than {number} men.",
        "Children played with {sign} {where}, while the {craft} sold {meal} from a {quality} {thing}.",
        "The walls were {stuff} below and {stuff} above, with a {quality} {thing} for a window.",
        "No {craft} had worked here for {number} weeks, and {beast} slept in the {quality} {corner}.",
    )),
    (4, (
        "{guest} came out of the {corner} carrying {token} and a {quality} {thing}.",
        "The {calling} was {mood} that day and {deed} before saying a word to {mender}.",
        "They knew {guest} by the {quality} {thing} of {stuff} round the neck.",
        "{guest}, once a {craft}, had kept {token} {where} for {number} winters.",
        "The {calling} offered {meal}, looked at {sky} through the {thing}, and {deed}.",
        "{clerk} bowed; {guest} only {said} something about {fear} and {deed}.",
        "For {token} the {calling} had given {number} coins and a {quality} {thing}.",
        "{mender} liked {guest} at once, although {beast} in the {corner} did not.",
    )),
    (8, (
        "“The sea went {when},” {guest} {said}, “and left {sign} {where}.”",
        "“Ask the {craft} about {fear},” {said} {clerk}, “before {sky} hides the {corner}.”",
        "“I trust {beast} more than a {craft},” {mender} {said}, and {deed}.",
        "“{number} boats sailed past the {thing},” {guest} {said}; “one was of {stuff}.”",
        "“Who {deed}?” {said} {clerk}, {mood} now, pointing at {sign} {where}.",
        "“My mother was a {craft},” {said} the {calling}; “she feared {fear} and {beast}.”",
        "“Then the water is held {where},” {clerk} {said}, “by somebody who {deed}.”",
        "“Never pay with {stuff},” {guest} {said}, “when a {quality} {thing} will do.”",
        "“You are {mood},” {said} {mender}; “eat the {meal} and look at {sign}.”",
        "“Show me {token},” {said} {clerk}, “and I shall speak of {fear}.”",
        "“It rang {number} times {when},” {said} {guest}, “though nobody was in the {corner}.”",
        "“A {thing} does not walk,” {mender} {said}, “unless a {craft} is {mood}.”",
    )),
    (5, (
        "{clerk} found {sign} {where}, wrapped in {stuff} and hidden by a {quality} {thing}.",
        "The {thing} had {number} marks, for the hours when {mender} {deed}.",
        "By the light of a {quality} {thing} she read {sign}, and it spoke of {fear}.",
        "Under {token} lay {sign}, still {quality}, and a crumb of {meal}.",
        "{mender} {deed} and so discovered {sign} that even the {craft} had missed.",
        "It pointed {where}, to the {corner}, where {beast} guarded a {thing} of {stuff}.",
        "Whoever {deed} had been {mood} and had left {sign} in the {corner}.",
        "The tide book said {number}, {sign} said {number}, and {sky} agreed with neither {craft}.",
    )),
    (6, (
        "Then the {quality} {thing} fell, {beast} fled {where}, and {mender} {deed}.",
        "Toll riders of Maule came {when} with a {thing} of {stuff} and {number} torches.",
        "{clerk} {went} through the {corner} while {guest} {deed} to hold them back.",
        "A {craft} with a {quality} {thing} blocked the {corner}, {mood} and smelling of {meal}.",
        "The ground turned to {stuff}, {sky} closed in, and {mender} {went} the wrong way.",
        "{number} ropes snapped {where}; the {thing} rolled over {sign} and into the {corner}.",
        "“Leave the {thing}!” {said} {guest}, who {deed} and {went} {where}.",
        "Somebody {said} their names {when}, and the {quality} {thing} was pushed {where}.",
        "{mender} threw {meal} to {beast}, {deed}, and pulled {clerk} {where}.",
        "For fear of {fear} nobody in the {corner} {deed}, not even the {craft}.",
    )),
    (4, (
        "They {went} {where} until {sky} hid the riders and the {quality} {thing}.",
        "{guest} gave them {token} and {meal}, and {deed} without a farewell.",
        "With {sign} in her sleeve {clerk} {went} {where} and was no longer {mood}.",
        "A {craft} let them sleep {where} for {number} coins and a {thing} of {stuff}.",
        "{mender} made a kite of {stuff} and a {quality} {thing}, and it flew {where}.",
        "At last the {corner} was quiet; {beast} returned, and {sky} smelled of {stuff}.",
    )),
    (3, (
        "{when}, {clerk} wrote in the book: {number} steps of {stuff}, {beast}, no water.",
        "She dreamed of a {quality} {thing} {where} and of {token} ringing in the {corner}.",
        "{mender} lay {mood} {where}, counting {number} stars through the {quality} {thing}.",
        "They shared {meal} {where}, talked of {fear}, and slept beside {beast}.",
        "Far out, {when}, something like a {thing} of {stuff} moaned under {sky}.",
    )),
)  # fmt: skip
