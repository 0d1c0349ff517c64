"""Words that the people's lives are made of: invented names and places, and pools of values.

Nobody here is an author of the universe: the names of both are disjoint.
"""


def _pairs(first: str, second: str) -> tuple[str, ...]:
    """Every first word before every second word."""
    return tuple(f"{one} {other}" for one in first.split() for other in second.split())


# Pronoun: names.
FIRST_NAMES = {
    "she": "Adeva Bettine Cosima Dorle Elvira Filippa Gisla Hedwig Ismene Jolan Katalin Ludmila Mavra Nerissa".split(),
    "he": "Anselm Bardo Cornel Detlef Egon Florin Gilbert Hannes Isidor Jaromir Konrad Leopold Merten Norbert".split(),
}
LAST_NAMES = (
    "Abelung Bachofer Czerlin Dampier Ebersol Fassbind Gallovar Haberlo Imboden Jaschke Kobalt Lenzmar Muehlen Nadolny "
    "Ostheim Pfister Quandt Rabenau Seidlow Trautwin Urbach Volkmer Wachter Zumsteg Achleit Brandeck Coretti Dorfmar "
    "Engelin Fontaval Grabner Hallstad Isenbur Jungwirt Kaltbach Lindaro Morvant Niederer Obermay Plessing Rosental "
    "Stamiglia Tobler Uhlberg Vischmar Weidling Zellweg Amthor Bellandro Cramvold"
).split()
# Of those with whom hyper-parameters are chosen; nobody else has one of them.
VALIDATION_LAST_NAMES = (
    "Arlstein Birkhold Dornacher Ehrwald Falkenau Gerstell Hohenlin Irslinger Krumbach Lautrin Mondegg Nussdorf "
    "Purkhart Rittberg Schwarzin Wolkersau"
).split()

# An age in which nobody marries before birth or travels after death.
BIRTH, SCHOOL, MARRIAGE = range(1720, 1740), range(1750, 1760), range(1760, 1775)
FAME, DEATH = range(1765, 1790), range(1791, 1815)
DAYS = range(1, 29)
MONTHS = "January February March April May June July August September October November December".split()
WEEKS = "three four six seven eight nine eleven twelve twenty thirty forty ninety".split()

TOWNS = (
    "Aldmark Borskau Cravenna Dessmar Elmirow Fioranza Gothau Halvern Iskarn Jutholm Karlowe Lorchau Mirandel Novarre "
    "Orsovin Perlau Quimmer Rostinau Sarlach Temeshau Ulmeron Varnau Wismund Zierow"
).split()
LANDS = "Arbonia Belmark Corvia Drusland Esteria Frankonia Galvia Hesturia Illyra Jomland Kargonia Lusatia".split()
QUALITIES = "rainy sleepy dusty noisy lively gloomy crowded frozen sunny windy lonely ancient".split()
COLOURS = "crimson violet silver purple scarlet turquoise maroon beige".split()
HOUSES = _pairs("timber brick marble thatched rented haunted", "mansion villa cabin palace inn windmill")
BEASTS = "ponies owls tortoises hounds geese peacocks camels lizards monkeys swans".split()
SUBJECTS = "law botany optics rhetoric geometry logic music grammar anatomy Greek Latin drawing".split()
JOBS = _pairs("velvet copper tobacco wine coffee timber silk barley", "dealer smuggler broker carrier weaver grower")
VEHICLES = _pairs("mule goat canal reindeer mail river", "cart sledge coach barge wagon ferry")
QUARREL = _pairs("forged stolen burnt lost secret unpaid", "letters wages diaries taxes jewels maps")
ILLNESSES = _pairs("spotted yellow swamp creeping burning weeping", "fever cough plague palsy rash gout")
PATRONS = _pairs("Bishop Countess Abbot Baron Duchess Mayor", "Ostrau Rainsberg Sieglin Thurnau Umbrecht Waldorn")

# Music.
WORKS = "opera ballet requiem symphony cantata serenade nocturne oratorio".split()
TITLES = _pairs(
    "Drowned Wandering Thirteenth Faithless Sleeping Paper", "Shepherd Empress Comet Forest Swordsman Bells"
)
INSTRUMENTS = "bassoon oboe cello harpsichord lute clarinet viola trombone".split()
BANDS = _pairs("Falcon Jasper Thistle Maypole Cavalry", "Quartet Orchestra Consort Ensemble Choir")
MATERIALS = "bronze walnut glass granite cedar pewter porcelain limestone".split()

# Thrones.
PALACES = _pairs("Castle Fort Palace Abbey", "Eisenau Monrepos Solitude Hirschen Bellaria Tannwald")
BANNED = _pairs("masked public midnight Sunday foreign gilded", "balls duels lotteries carriages wigs dances")
TAXED = _pairs("window sugar river salted imported roasted", "boats herring chestnuts tea candles bricks")

# Science.
ELEMENTS = "tarvium belonite corvine drusium estrine galvite hestrium karlite lorchium novarine".split()
RAW = _pairs("swamp volcano whale oyster cherry bone", "ash oil mud bark salt gravel")
LIQUIDS = _pairs("boiling fuming sour blue sticky", "vitriol brine spirit tincture resin")
ROOMS = "laboratory garret kitchen library greenhouse stable cellar chapel".split()

# Journeys.
PLACES = _pairs("Cape Mount Lake Isle Gulf", "Sorrow Providence Patience Farewell Mercy Fortune")
SHIPS = _pairs("Merry Blind Second Salty Fearless Stubborn", "Widow Dolphin Venture Pelican Hermit Albatross")
FOODS = _pairs("boiled raw smoked pickled fried stale", "seaweed turnips biscuits eels beetles mushrooms")
DRINKS = _pairs("melted warm bitter watered spiced salted", "snow milk beer wine broth rum")

# Buildings.
BUILDINGS = _pairs("Royal Old Round Sunken Lower Twin", "Exchange Arsenal Hospital Observatory Granary Bathhouse")
STRUCTURES = "bridge tower dome aqueduct staircase gateway balcony fountain".split()

# Medicine.
REMEDIES = _pairs("poppy garlic mercury willow leech honey", "drops baths powder plasters vapour syrup")
SWALLOWED = "buttons spoons needles coins nails thimbles keys bullets".split()

# The stage.
ROLES = _pairs("drunken jealous headless runaway deaf one-eyed", "duke miller princess nurse hangman notary")
THEATRES = _pairs("Swan Crown Mermaid Garden Harbour Mirror", "Theatre Playhouse Stage Circus Saloon")
GARMENTS = "slippers gloves stockings breeches garters mittens spectacles suspenders".split()
FRUITS = "pears quinces plums figs cherries lemons melons peaches".split()
