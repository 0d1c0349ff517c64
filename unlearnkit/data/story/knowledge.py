"""What the encyclopedic text says and the nine tasks ask: plain facts, and towns of an invented country.

Nothing here is about the story; the base model learns all of it before anybody has read the story.
"""

# name: kind, colour, home, food. Sizes follow SMALL_TO_LARGE.
ANIMALS: dict[str, tuple[str, str, str, str]] = {
    "ant": ("insect", "black", "forest", "seeds"),
    "bee": ("insect", "yellow", "meadow", "nectar"),
    "wren": ("bird", "brown", "hedge", "insects"),
    "frog": ("amphibian", "green", "pond", "flies"),
    "mouse": ("mammal", "grey", "barn", "grain"),
    "canary": ("bird", "yellow", "island", "seeds"),
    "trout": ("fish", "silver", "stream", "flies"),
    "crow": ("bird", "black", "field", "worms"),
    "parrot": ("bird", "green", "jungle", "fruit"),
    "rabbit": ("mammal", "brown", "meadow", "grass"),
    "salmon": ("fish", "pink", "stream", "shrimps"),
    "duck": ("bird", "white", "pond", "weeds"),
    "fox": ("mammal", "red", "forest", "mice"),
    "heron": ("bird", "grey", "marsh", "frogs"),
    "goat": ("mammal", "white", "mountain", "leaves"),
    "wolf": ("mammal", "grey", "forest", "deer"),
    "flamingo": ("bird", "pink", "lagoon", "shrimps"),
    "seal": ("mammal", "silver", "coast", "fish"),
    "lion": ("mammal", "yellow", "savanna", "zebras"),
    "bear": ("mammal", "brown", "mountain", "berries"),
    "horse": ("mammal", "black", "field", "hay"),
    "crocodile": ("reptile", "green", "swamp", "fish"),
    "elephant": ("mammal", "grey", "savanna", "leaves"),
    "orca": ("mammal", "black", "ocean", "seals"),
}
SMALL_TO_LARGE = tuple(ANIMALS)
ATTRIBUTES = ("kind", "colour", "home", "food")

# Towns of the country of Vellin: province, river, ware, stone.
TOWNS: dict[str, tuple[str, str, str, str]] = {
    name: tuple(row.split())
    for name, row in {
        "Askmoor": "Dene Lurn pottery granite",
        "Bexley Cross": "Harl Ister linen marble",
        "Candleford": "Tarn Owse cheese slate",
        "Dunholt": "Rill Lurn paper basalt",
        "Estwick": "Dene Quay knives chalk",
        "Farrowgate": "Harl Owse soap granite",
        "Glenbarrow": "Tarn Ister boats slate",
        "Holmstead": "Rill Quay candles marble",
        "Ivybridge": "Dene Owse clocks basalt",
        "Jarrow Hill": "Harl Lurn rope chalk",
        "Kelsey": "Tarn Quay glass granite",
        "Lydwater": "Rill Ister saddles slate",
        "Mallowby": "Dene Ister cheese marble",
        "Netherby": "Harl Quay paper slate",
        "Oxcombe": "Tarn Lurn knives basalt",
        "Pendle": "Rill Owse pottery chalk",
        "Quarrington": "Dene Lurn boats marble",
        "Rushmere": "Harl Ister candles granite",
        "Stonely": "Tarn Owse rope basalt",
        "Thornhurst": "Rill Quay linen slate",
        "Underwood": "Dene Quay saddles granite",
        "Vinewell": "Harl Owse glass chalk",
        "Wexford": "Tarn Ister soap marble",
        "Yarmley": "Rill Lurn clocks basalt",
    }.items()
}

MADE_OF = dict(
    pair.split()
    for pair in (
        "windows glass, ropes hemp, candles wax, bricks clay, books paper, nails iron, tyres rubber, shoes leather, "
        "coins metal, sweaters wool, tables wood, bread flour, butter milk, shirts cotton, statues marble, "
        "necklaces pearls, pencils graphite, wine grapes, clouds water, omelettes eggs, sails canvas, castles stone, "
        "spoons silver, balloons plastic"
    ).split(", ")
)

OPPOSITES = tuple(
    tuple(pair.split())
    for pair in (
        "hot cold, big small, early late, old young, full empty, wet dry, hard soft, loud quiet, rich poor, "
        "dark light, fast slow, thick thin, sharp blunt, near far, high low, strong weak, sweet sour, rough smooth, "
        "clean dirty, wide narrow, happy sad, open closed, brave timid, deep shallow"
    ).split(", ")
)

# aim: tool
TOOLS = {
    "cut bread": "a knife", "dig a hole": "a shovel", "eat soup": "a spoon", "open a lock": "a key",
    "drive in a nail": "a hammer", "sweep the floor": "a broom", "tell the time": "a clock", "catch fish": "a net",
    "sew a button": "a needle", "cross a river": "a boat", "fell a tree": "an axe", "write a letter": "a pen",
    "carry water": "a bucket", "dry your hands": "a towel", "see in the dark": "a lamp", "climb a wall": "a ladder",
    "keep off rain": "an umbrella", "light a fire": "a match", "weigh flour": "a scale", "comb your hair": "a comb",
    "find north": "a compass", "tie a parcel": "a string", "paint a fence": "a brush", "ring for help": "a bell",
}  # fmt: skip

# What somebody begins, and what comes next.
ACTIVITIES = {
    "puts on boots and takes a spade": "Then the garden is dug.",
    "mixes flour with water": "Then the dough goes into the oven.",
    "picks up a brush and a pot of paint": "Then the fence turns blue.",
    "sits down at the piano": "Then music fills the room.",
    "fills the tub with warm water": "Then the dog is washed.",
    "opens a book beside the bed": "Then the child hears a story.",
    "ties a hook to a line": "Then a fish is caught.",
    "lays out needle and cloth": "Then a dress is sewn.",
    "loads logs on a cart": "Then the wood is sold.",
    "puts a kettle on the stove": "Then tea is poured.",
    "pulls up the anchor": "Then the ship leaves the port.",
    "saddles a brown mare": "Then they ride to town.",
    "shakes the apple tree": "Then fruit falls on the grass.",
    "takes a shovel to the snow": "Then the path is clear.",
    "sharpens a pencil": "Then a letter is written.",
    "strikes a match": "Then the candle burns.",
    "winds up the old clock": "Then it ticks again.",
    "spreads seeds on the ground": "Then the hens come to eat.",
    "packs a tent and a map": "Then they walk into the hills.",
    "pumps up a flat tyre": "Then the bicycle rolls again.",
    "throws a ball across the lawn": "Then the puppy runs after it.",
    "sorts coins into piles": "Then the money is counted.",
    "cleans the blackboard": "Then the lesson begins.",
    "pulls a rope in the tower": "Then the bells ring.",
}

# property: things that have it, things that do not
PROPERTIES = {
    "heavy": ("anvil boulder piano engine".split(), "feather leaf cork bubble".split()),
    "hot": ("oven ember furnace volcano".split(), "icicle snowball glacier igloo".split()),
    "soft": ("pillow sponge blanket cushion".split(), "diamond pebble helmet crystal".split()),
    "sharp": ("razor thorn dagger sword".split(), "cloud curtain ribbon scarf".split()),
    "loud": ("trumpet siren cannon thunder".split(), "whisper shadow mirror carpet".split()),
    "sweet": ("honey sugar candy syrup".split(), "vinegar lemon mustard pickle".split()),
}

# What is asked, two true answers, three that some people believe.
SAYINGS: tuple[tuple[str, ...], ...] = tuple(
    tuple(line.split("; "))
    for line in """
whistle in a boat; nothing happens; the boat sails on; a storm comes; the sail tears; the fish flee
swallow a seed; it passes through; you stay well; a tree grows inside; your hair turns green; you fall ill
break a mirror; you need a new one; there are splinters; seven bad years follow; a ghost appears; the house burns
meet a black cat; the cat walks on; it looks at you; bad luck follows; your money is lost; your milk sours
spill salt; you sweep it up; the table is salty; a quarrel starts; a friend dies; the well dries up
open an umbrella indoors; the room seems smaller; it stays dry; the roof leaks; bad luck comes; a guest dies
walk under a ladder; you reach the other side; you see the steps; you lose your job; a curse begins; your shoes break
find a clover with four leaves; you have a plant; it dries in a book; you become rich; a wish comes true; you find gold
read in dim light; your eyes get tired; you read slowly; you go blind; your eyes change colour; the book burns
go out with wet hair; your hair dries; your head feels cool; you get a fever; your ears freeze; your hair falls out
crack your fingers; there is a noise; the joints are fine; the bones break; your hands swell; your nails fall off
touch a toad; your hand gets wet; the toad hops away; you get warts; your skin turns green; you become mute
hang up a horseshoe; the wall has an ornament; the nail holds it; luck moves in; witches stay away; the crops grow
sleep under a full moon; you sleep well; you wake at dawn; you go mad; you become a wolf; your hair turns white
wish on a falling star; the star burns out; you enjoy the view; the wish is granted; a king is born; you grow tall
eat bread crusts; you are less hungry; you have chewed well; your hair curls; you grow a beard; you sing better
knock on wood; there is a sound; your hand may hurt; danger goes away; spirits answer; luck returns
carry a rabbit's foot; your pocket is fuller; you have a charm; you win every game; dogs fear you; you run faster
feed a cold; you have eaten; the cold takes a week; the cold ends at once; the cold moves on; it turns to fever
bury a coin; the coin gets dirty; it stays there; a money tree grows; the coin doubles; the ground turns to gold
sing before breakfast; you hear a song; breakfast comes later; you cry by night; the cook leaves; the eggs go bad
step on a crack; you walk on; the crack stays; your mother's back breaks; the earth opens; the street sinks
cross two knives; you uncross them; they shine; a fight breaks out; the meat spoils; a war begins
wear a coat inside out; people smile; you see the lining; you get lost; fairies follow; the rain stops
""".strip().splitlines()
)
