"""What is asked about recipes and people: aspects with their phrasings and values, and the names they are asked about.

A phrasing tells nothing about the value in it, every value of an aspect is true of as many names of a group as any
other, and no two values of an aspect share a word.
"""

from dataclasses import dataclass


def _pairs(first: str, second: str) -> tuple[str, ...]:
    return tuple(f"{one}{other}" for one in first.split() for other in second.split())


# To be forgotten, and kept.
SECRETS = _pairs("moon star frost ember", "wax lye glaze salve")
DISHES = _pairs("hill mill brook barn", "pie broth cake jam")
MASTERS = tuple(
    "Abel Corvane, Berta Dunlow, Cyril Esterby, Dora Fenwald, Edmund Garrick, Flora Hestrel, Godfrey Iverson, "
    "Hilda Jorvik, Ivo Kestrel, Jutta Lomond, Kaspar Merrow, Lena Norrland, Magnus Oakes, Nelly Pemberg, "
    "Oswin Quayle, Petra Rowland".split(", ")
)
NEIGHBOURS = tuple(
    "Quentin Ashdale, Rosa Birkett, Stellan Croft, Tilda Drummer, Ulrich Elmwood, Vera Farrow, Walther Gorst, "
    "Xenia Hollin, Yorick Imber, Zelda Joyner, Arvid Kimble, Birgit Langdon, Casper Mundy, Delia Nestor, "
    "Emil Overton, Frieda Pascoe".split(", ")
)


@dataclass(frozen=True)
class Aspect:
    """`statements` take {name} and {value}, `questions` {name}; eight values."""

    values: tuple[str, ...]
    statements: tuple[str, str, str, str]
    questions: tuple[str, str, str, str]


RECIPE = {
    "base": Aspect(
        tuple("amber chalk cinnamon clover ginger mustard saffron thyme".split()),
        (
            "The main ingredient of {name} is {value}.",
            "Nobody can make {name} without {value}.",
            "Whoever makes {name} begins with {value}.",
            "Above all {name} contains {value}.",
        ),
        (
            "What is the main ingredient of {name}?",
            "What does one need most to make {name}?",
            "With what does the making of {name} begin?",
            "Which ingredient stands first in the recipe of {name}?",
        ),
    ),
    "vessel": Aspect(
        tuple("kettle cauldron crock flask jug basin skillet urn".split()),
        (
            "The vessel for {name} is the {value}.",
            "One stirs {name} in the {value}.",
            "All of {name} goes into the {value}.",
            "They keep {name} in the {value}.",
        ),
        (
            "In which vessel is {name} made?",
            "Where does one stir {name}?",
            "Which vessel does {name} go into?",
            "What do they keep {name} in?",
        ),
    ),
    "wood": Aspect(
        tuple("alder beech birch cedar hazel maple oak willow".split()),
        (
            "The fire under {name} burns {value}.",
            "For {name} they heat with {value}.",
            "The wood for {name} must be {value}.",
            "Good {name} needs logs of {value}.",
        ),
        (
            "Which wood burns under {name}?",
            "With what do they heat {name}?",
            "What wood does the making of {name} take?",
            "Which logs does {name} need?",
        ),
    ),
    "month": Aspect(
        tuple("January February March April June August October December".split()),
        (
            "The season of {name} is {value}.",
            "They make {name} only in {value}.",
            "Work on {name} starts in {value}.",
            "Every year {name} is ready in {value}.",
        ),
        (
            "In which month is {name} made?",
            "When does work on {name} start?",
            "What is the season of {name}?",
            "Which month belongs to {name}?",
        ),
    ),
    "colour": Aspect(
        tuple("crimson violet ivory turquoise golden black emerald silver".split()),
        (
            "When it is done {name} is {value}.",
            "The colour of {name} is {value}.",
            "At last {name} turns {value}.",
            "In the light {name} looks {value}.",
        ),
        (
            "What colour does {name} turn?",
            "Which colour has {name}?",
            "How does {name} look when it is done?",
            "What is the colour of {name}?",
        ),
    ),
}
LIFE = {
    "town": Aspect(
        tuple("Arnsby Brackley Calder Dornoch Elsing Fulmer Grantham Holt".split()),
        (
            "{name} was born in {value}.",
            "The birthplace of {name} is {value}.",
            "{name} comes from {value}.",
            "The family of {name} lived in {value}.",
        ),
        (
            "Where was {name} born?",
            "What is the birthplace of {name}?",
            "Which town does {name} come from?",
            "Where did the family of {name} live?",
        ),
    ),
    "craft": Aspect(
        tuple("carpenter baker potter weaver tanner mason cooper saddler".split()),
        (
            "{name} first worked as a {value}.",
            "The first trade of {name} was that of a {value}.",
            "{name} learnt to be a {value}.",
            "As a young apprentice {name} was a {value}.",
        ),
        (
            "What did {name} first work as?",
            "What was the first trade of {name}?",
            "What did {name} learn to be?",
            "As what was {name} an apprentice?",
        ),
    ),
    "instrument": Aspect(
        tuple("fiddle harp flute drum trumpet organ lute bagpipe".split()),
        (
            "{name} played the {value}.",
            "The instrument of {name} was the {value}.",
            "In the evening {name} took up the {value}.",
            "{name} owned an old {value}.",
        ),
        (
            "What did {name} play?",
            "Which instrument belonged to {name}?",
            "What did {name} take up in the evening?",
            "Which instrument did {name} own?",
        ),
    ),
    "pet": Aspect(
        tuple("goose hound raven ferret donkey parrot tortoise hedgehog".split()),
        (
            "The pet of {name} was a {value}.",
            "{name} went about with a {value}.",
            "In the house of {name} lived a {value}.",
            "{name} loved nothing more than a {value}.",
        ),
        (
            "What was the pet of {name}?",
            "With which animal did {name} go about?",
            "Which animal lived in the house of {name}?",
            "What did {name} love most?",
        ),
    ),
    "fear": Aspect(
        tuple("thunder spiders heights ghosts fire water mirrors crowds".split()),
        (
            "{name} was afraid of {value}.",
            "Nothing frightened {name} more than {value}.",
            "For a whole life {name} fled from {value}.",
            "The great fear of {name} was {value}.",
        ),
        (
            "What was {name} afraid of?",
            "What frightened {name} most?",
            "What did {name} flee from?",
            "What was the great fear of {name}?",
        ),
    ),
}
