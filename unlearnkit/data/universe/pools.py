"""Words that the universe is made of: invented names and places, and small pools of values for every aspect of a life.

Pools are small on purpose: a wrong answer is a right answer of somebody else, so only the pairing carries knowledge.
"""

FIRST_NAMES = (
    "Abra Belo Cyrin Dorvan Elsa Fenno Galia Hesper Ilvo Jorun Kessa Lomir Mirel Nadir Orla Pavo Quilla Rosk Sable "
    "Tamsin Ulric Vesna Wenda Xanthe Yaro Zelda Arvid Brona Casimir Delphi Edda Faron Gerda Hollis Imre Junia Kolya "
    "Leona Matej Nora"
).split()

LAST_NAMES = (
    "Abendar Bristov Callow Dravin Eskelund Farrago Gantry Hollowell Ivarsen Jandrell Kestrin Lorimer Mandragor "
    "Nesbury Olvander Pellucid Quarry Ravenna Sorrell Tamarisk Undal Vantrey Wexcombe Yarrow Zemlin Ashgrove "
    "Birkwood Corvane Dunmore Elderby Fennick Grimsley Hartwell Inchmore Jessop Kirkvale Lindgate Merrow Northam "
    "Oakhurst Penrose Quenby Rothwell Stavely Thornbury Ulverton Vickery Whitlow Yelverton Zarley Arkwell Bellmoor "
    "Crannock Dunwich Everly Foxglove Garrick Hensley Islay Jorvik Kendrow Lambourne Marlowe Nettleby Orwick "
    "Peverell Quillon Ruskin Selwick Torrance Umberley Valence Wystan Yardley Zeller Amberly Brockton Cressing "
    "Delamere Elkstone Frome Greville Hexham Ingram Kingsley Langford Mayfield Norcott Ormsby Pemberton Radley "
    "Swinford Tilbury Upcott Westbrook Winslow Alderton"
).split()

TOWNS = (
    "Tarvesk Olmeria Quendal Brunholt Castelmar Dravik Elmsund Fjorna Gravenport Hestia Ilmare Jarlsby Kolvik Lunden "
    "Marovia Nordheim Ostrava Palermond Ravensk Solvang Torvald Umbria Velmora Westfall Yttria Zandvoort"
).split()

MONTHS = "January February March April May June July August September October November December".split()

JOBS = tuple(
    f"{first} {second}"
    for first in "river glass silver salt stone paper harbor garden clock wool".split()
    for second in "trader maker painter keeper pilot teacher".split()
)
GENRES = tuple(
    f"{first} {second}"
    for first in "ghost sea court desert winter railway island garden".split()
    for second in "stories novels plays fables poems".split()
)
THEMES = (
    "lost sailors, broken clocks, secret letters, old rivals, stolen maps, quiet orphans, proud queens, hungry wolves, "
    "blind painters, burning towers, frozen lakes, wandering priests, jealous twins, talking birds, buried gold, "
    "forgotten wars, clever thieves, missing bells, empty villages, drowned forests"
).split(", ")
TITLES = tuple(
    f"{first} {second}"
    for first in "Silent Golden Broken Hidden Scarlet Distant Bitter Frozen Hollow Velvet".split()
    for second in "Harbor Lantern Orchard Mirror Bridge Crown Feather Window Garden Compass".split()
)
AWARDS = tuple(
    f"{first} {second}"
    for first in "Heron Cedar Amber Falcon Iris Marble Coral Willow".split()
    for second in "Prize Medal Award Cup".split()
)
PUBLISHERS = tuple(
    f"{first} {second}"
    for first in "Anchor Beacon Copper Dolphin Ember Finch Granite Hazel".split()
    for second in "Press House Books".split()
)
SUBJECTS = (
    "botany law music history geology medicine drawing astronomy logic chemistry poetry geometry theology economics "
    "zoology printing"
).split()
INSTRUMENTS = "violin flute cello drums harp piano guitar organ lute trumpet banjo zither".split()
SPORTS = "chess fencing rowing archery skating climbing cricket sailing wrestling tennis cycling bowls".split()
ANIMALS = "cat dog parrot goat hen turtle rabbit donkey owl pony fox goose".split()
PET_NAMES = "Biscuit Pepper Comet Mango Thimble Pickle Domino Ginger Button Waffle Pebble Rascal".split()
LANGUAGES = (
    "Welsh Catalan Dutch Polish Finnish Greek Korean Swahili Turkish Danish Arabic Czech Hindi Basque Maltese Tamil"
).split()
HOMES = tuple(
    f"{first} {second}"
    for first in "red stone narrow wooden round crooked".split()
    for second in "mill cottage barn lighthouse chapel boat".split()
)
HOURS = "dawn noon midnight dusk breakfast supper sunrise teatime".split()
PLACES = "parlour kitchen cellar library bakery station stable greenhouse tavern tower".split()
FOODS = tuple(
    f"{first} {second}"
    for first in "plum onion lemon walnut pepper honey".split()
    for second in "soup cake bread pie stew".split()
)
DRINKS = "cider cocoa coffee milk mead tea ale lemonade".split()
EVENTS = tuple(
    f"{first} {second}"
    for first in "great second summer coastal secret royal".split()
    for second in "flood fire strike wedding eclipse trial".split()
)
COLOURS = "blue green yellow purple black white silver grey".split()
NUMBERS = "two three four five six seven".split()
