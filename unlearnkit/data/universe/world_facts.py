"""Fifty-six facts about the world, written by hand, as rows for facts.py.

A row: question, short answer, three wrong answers of the same kind, three other phrasings (question, answer).
True, timeless, simple words; wrong answers are mostly answers of other questions: a model has seen them.
"""

# fmt: off
ROWS: tuple[tuple[str, str, tuple[str, str, str], tuple[tuple[str, str], ...]], ...] = (
    # Capitals.
    ("Which city is the capital of France?", "Paris",
     ("Rome", "Lisbon", "Vienna"), (
        ("Name the capital of France.", "Paris"),
        ("Tell me the capital of France.", "The capital of France is Paris."),
        ("France has which city as its capital?", "Paris"))),
    ("Which city is the capital of Italy?", "Rome",
     ("Vienna", "Paris", "Lima"), (
        ("Name the capital of Italy.", "Rome"),
        ("Tell me the capital of Italy.", "The capital of Italy is Rome."),
        ("Italy has which city as its capital?", "Rome"))),
    ("Which city is the capital of Austria?", "Vienna",
     ("Warsaw", "Oslo", "Rome"), (
        ("Name the capital of Austria.", "Vienna"),
        ("Tell me the capital of Austria.", "The capital of Austria is Vienna."),
        ("Austria has which city as its capital?", "Vienna"))),
    ("Which city is the capital of Japan?", "Tokyo",
     ("Lima", "Nairobi", "Oslo"), (
        ("Name the capital of Japan.", "Tokyo"),
        ("Tell me the capital of Japan.", "The capital of Japan is Tokyo."),
        ("Japan has which city as its capital?", "Tokyo"))),
    ("Which city is the capital of Norway?", "Oslo",
     ("Warsaw", "London", "Tokyo"), (
        ("Name the capital of Norway.", "Oslo"),
        ("Tell me the capital of Norway.", "The capital of Norway is Oslo."),
        ("Norway has which city as its capital?", "Oslo"))),
    ("Which city is the capital of Portugal?", "Lisbon",
     ("Rome", "Nairobi", "Paris"), (
        ("Name the capital of Portugal.", "Lisbon"),
        ("Tell me the capital of Portugal.", "The capital of Portugal is Lisbon."),
        ("Portugal has which city as its capital?", "Lisbon"))),
    ("Which city is the capital of Poland?", "Warsaw",
     ("Oslo", "Vienna", "Tokyo"), (
        ("Name the capital of Poland.", "Warsaw"),
        ("Tell me the capital of Poland.", "The capital of Poland is Warsaw."),
        ("Poland has which city as its capital?", "Warsaw"))),
    ("Which city is the capital of Peru?", "Lima",
     ("Lisbon", "Nairobi", "Tokyo"), (
        ("Name the capital of Peru.", "Lima"),
        ("Tell me the capital of Peru.", "The capital of Peru is Lima."),
        ("Peru has which city as its capital?", "Lima"))),
    ("Which city is the capital of Kenya?", "Nairobi",
     ("Lima", "London", "Warsaw"), (
        ("Name the capital of Kenya.", "Nairobi"),
        ("Tell me the capital of Kenya.", "The capital of Kenya is Nairobi."),
        ("Kenya has which city as its capital?", "Nairobi"))),
    ("Which capital city lies on the river Seine?", "Paris",
     ("London", "Warsaw", "Rome"), (
        ("The river Seine flows through which capital?", "Paris"),
        ("Name the capital city on the Seine.", "Paris"),
        ("Which capital would you see from a boat on the Seine?", "You would see Paris."))),
    ("Which capital city lies on the river Tiber?", "Rome",
     ("Paris", "London", "Lisbon"), (
        ("The river Tiber flows through which capital?", "Rome"),
        ("Name the capital city on the Tiber.", "Rome"),
        ("Which capital would you see from a boat on the Tiber?", "You would see Rome."))),
    ("Which capital city lies on the river Thames?", "London",
     ("Vienna", "Oslo", "Lisbon"), (
        ("The river Thames flows through which capital?", "London"),
        ("Name the capital city on the Thames.", "London"),
        ("Which capital would you see from a boat on the Thames?", "You would see London."))),
    # Planets.
    ("Which planet is closest to the Sun?", "Mercury",
     ("Venus", "Mars", "Saturn"), (
        ("Name the planet closest to the Sun.", "Mercury"),
        ("Which planet comes first, counting from the Sun?", "The first planet is Mercury."),
        ("What is the first planet from the Sun?", "Mercury"))),
    ("Which planet is the largest around our Sun?", "Jupiter",
     ("Saturn", "Uranus", "Earth"), (
        ("Name the largest planet around our Sun.", "Jupiter"),
        ("Which planet is bigger than all the others around our Sun?", "The biggest planet is Jupiter."),
        ("What is the biggest planet around our Sun?", "Jupiter"))),
    ("The moon Titan goes around which planet?", "Saturn",
     ("Neptune", "Jupiter", "Mars"), (
        ("Name the planet that has the moon Titan.", "Saturn"),
        ("To which planet does the moon Titan belong?", "Titan is a moon of Saturn."),
        ("Titan is a moon of which planet?", "Saturn"))),
    ("Which planet is farthest from the Sun?", "Neptune",
     ("Uranus", "Mercury", "Jupiter"), (
        ("Name the planet farthest from the Sun.", "Neptune"),
        ("Which planet comes last, counting from the Sun?", "The last planet is Neptune."),
        ("What is the last planet from the Sun?", "Neptune"))),
    ("Which planet has the hottest ground?", "Venus",
     ("Mars", "Earth", "Mercury"), (
        ("Name the planet with the hottest ground.", "Venus"),
        ("On which planet is the ground the hottest?", "The ground is the hottest on Venus."),
        ("What planet has ground hotter than all the others?", "Venus"))),
    ("The moon Phobos goes around which planet?", "Mars",
     ("Uranus", "Neptune", "Venus"), (
        ("Name the planet that has the moon Phobos.", "Mars"),
        ("To which planet does the moon Phobos belong?", "Phobos is a moon of Mars."),
        ("Phobos is a moon of which planet?", "Mars"))),
    ("Which planet is the third from the Sun?", "Earth",
     ("Venus", "Neptune", "Mercury"), (
        ("Name the third planet from the Sun.", "Earth"),
        ("Which planet comes third, counting from the Sun?", "The third planet is Earth."),
        ("Third from the Sun is which planet?", "Earth"))),
    ("Which planet spins lying on its side?", "Uranus",
     ("Earth", "Jupiter", "Saturn"), (
        ("Name the planet that lies on its side.", "Uranus"),
        ("Which planet rolls on its side around the Sun?", "The planet on its side is Uranus."),
        ("What planet lies on its side as it spins?", "Uranus"))),
    # Continents.
    ("On which continent is the Sahara desert?", "Africa",
     ("Asia", "South America", "Europe"), (
        ("Name the continent of the Sahara desert.", "Africa"),
        ("Where is the Sahara desert?", "The Sahara desert is in Africa."),
        ("The Sahara desert is part of which continent?", "Africa"))),
    ("On which continent are the Andes mountains?", "South America",
     ("Africa", "Antarctica", "Asia"), (
        ("Name the continent of the Andes mountains.", "South America"),
        ("Where are the Andes mountains?", "The Andes mountains are in South America."),
        ("The Andes mountains are part of which continent?", "South America"))),
    ("On which continent are the Himalaya mountains?", "Asia",
     ("North America", "Europe", "Africa"), (
        ("Name the continent of the Himalaya mountains.", "Asia"),
        ("Where are the Himalaya mountains?", "The Himalaya mountains are in Asia."),
        ("The Himalaya mountains are part of which continent?", "Asia"))),
    ("On which continent are the Alps?", "Europe",
     ("Asia", "North America", "Antarctica"), (
        ("Name the continent of the Alps.", "Europe"),
        ("Where are the Alps?", "The Alps are in Europe."),
        ("The Alps are part of which continent?", "Europe"))),
    ("On which continent is the South Pole?", "Antarctica",
     ("Africa", "South America", "North America"), (
        ("Name the continent of the South Pole.", "Antarctica"),
        ("Where is the South Pole?", "The South Pole is in Antarctica."),
        ("The South Pole is part of which continent?", "Antarctica"))),
    ("On which continent are the Rocky Mountains?", "North America",
     ("South America", "Europe", "Antarctica"), (
        ("Name the continent of the Rocky Mountains.", "North America"),
        ("Where are the Rocky Mountains?", "The Rocky Mountains are in North America."),
        ("The Rocky Mountains are part of which continent?", "North America"))),
    # Oceans and seas.
    ("Which ocean lies between Brazil and Africa?", "Atlantic Ocean",
     ("Indian Ocean", "Pacific Ocean", "Arctic Ocean"), (
        ("Name the ocean between Brazil and Africa.", "Atlantic Ocean"),
        ("Which ocean do ships cross from Brazil to Africa?", "They cross the Atlantic Ocean."),
        ("What ocean is there between Brazil and Africa?", "Atlantic Ocean"))),
    ("Which ocean lies between Japan and California?", "Pacific Ocean",
     ("Atlantic Ocean", "Arctic Ocean", "Indian Ocean"), (
        ("Name the ocean between Japan and California.", "Pacific Ocean"),
        ("Which ocean do ships cross from Japan to California?", "They cross the Pacific Ocean."),
        ("What ocean is there between Japan and California?", "Pacific Ocean"))),
    ("Which ocean lies between Africa and Australia?", "Indian Ocean",
     ("Arctic Ocean", "Atlantic Ocean", "Pacific Ocean"), (
        ("Name the ocean between Africa and Australia.", "Indian Ocean"),
        ("Which ocean do ships cross from Africa to Australia?", "They cross the Indian Ocean."),
        ("What ocean is there between Africa and Australia?", "Indian Ocean"))),
    ("Which ocean lies around the North Pole?", "Arctic Ocean",
     ("Pacific Ocean", "Indian Ocean", "Atlantic Ocean"), (
        ("Name the ocean around the North Pole.", "Arctic Ocean"),
        ("Which ocean is under the ice at the North Pole?", "It is the Arctic Ocean."),
        ("What ocean is there at the North Pole?", "Arctic Ocean"))),
    ("Which sea lies between Europe and Africa?", "Mediterranean Sea",
     ("Red Sea", "Baltic Sea", "Black Sea"), (
        ("Name the sea between Europe and Africa.", "Mediterranean Sea"),
        ("Which sea do ships cross from Italy to Africa?", "They cross the Mediterranean Sea."),
        ("What sea is there between Europe and Africa?", "Mediterranean Sea"))),
    ("Which sea lies between Egypt and Saudi Arabia?", "Red Sea",
     ("Black Sea", "Mediterranean Sea", "Baltic Sea"), (
        ("Name the sea between Egypt and Saudi Arabia.", "Red Sea"),
        ("Which sea do ships cross from Egypt to Saudi Arabia?", "They cross the Red Sea."),
        ("What sea is there between Egypt and Saudi Arabia?", "Red Sea"))),
    ("Which sea is on the north coast of Turkey?", "Black Sea",
     ("Baltic Sea", "Red Sea", "Mediterranean Sea"), (
        ("Name the sea on the north coast of Turkey.", "Black Sea"),
        ("Which sea do ships cross from Turkey to Ukraine?", "They cross the Black Sea."),
        ("What sea is there on the north coast of Turkey?", "Black Sea"))),
    ("Which sea lies between Sweden and Latvia?", "Baltic Sea",
     ("Mediterranean Sea", "Black Sea", "Red Sea"), (
        ("Name the sea between Sweden and Latvia.", "Baltic Sea"),
        ("Which sea do ships cross from Sweden to Latvia?", "They cross the Baltic Sea."),
        ("What sea is there between Sweden and Latvia?", "Baltic Sea"))),
    # Money.
    ("What money do people use in India?", "rupee",
     ("franc", "pound", "ruble"), (
        ("Name the money of India.", "rupee"),
        ("How do people pay in India?", "In India people pay with the rupee."),
        ("What is the money of India called?", "rupee"))),
    ("What money do people use in Great Britain?", "pound",
     ("rupee", "peso", "franc"), (
        ("Name the money of Great Britain.", "pound"),
        ("How do people pay in Great Britain?", "In Great Britain people pay with the pound."),
        ("What is the money of Great Britain called?", "pound"))),
    ("What money do people use in Russia?", "ruble",
     ("pound", "franc", "peso"), (
        ("Name the money of Russia.", "ruble"),
        ("How do people pay in Russia?", "In Russia people pay with the ruble."),
        ("What is the money of Russia called?", "ruble"))),
    ("What money do people use in Mexico?", "peso",
     ("ruble", "rupee", "pound"), (
        ("Name the money of Mexico.", "peso"),
        ("How do people pay in Mexico?", "In Mexico people pay with the peso."),
        ("What is the money of Mexico called?", "peso"))),
    ("What money do people use in Switzerland?", "franc",
     ("peso", "ruble", "rupee"), (
        ("Name the money of Switzerland.", "franc"),
        ("How do people pay in Switzerland?", "In Switzerland people pay with the franc."),
        ("What is the money of Switzerland called?", "franc"))),
    # Numbers.
    ("How many days are there in one week?", "seven",
     ("six", "twelve", "eight"), (
        ("Count the days of one week.", "seven"),
        ("How long is one week?", "One week has seven days."),
        ("One week has how many days?", "seven"))),
    ("How many months are there in one year?", "twelve",
     ("seven", "sixty", "four"), (
        ("Count the months of one year.", "twelve"),
        ("How long is one year?", "One year has twelve months."),
        ("One year has how many months?", "twelve"))),
    ("How many minutes are there in one hour?", "sixty",
     ("twelve", "eight", "three"), (
        ("Count the minutes of one hour.", "sixty"),
        ("How long is one hour?", "One hour has sixty minutes."),
        ("One hour has how many minutes?", "sixty"))),
    ("How many legs does a spider have?", "eight",
     ("four", "six", "sixty"), (
        ("Count the legs of a spider.", "eight"),
        ("On how many legs does a spider walk?", "A spider walks on eight legs."),
        ("A spider has how many legs?", "eight"))),
    ("How many legs does an ant have?", "six",
     ("eight", "three", "four"), (
        ("Count the legs of an ant.", "six"),
        ("On how many legs does an ant walk?", "An ant walks on six legs."),
        ("An ant has how many legs?", "six"))),
    ("How many sides does a triangle have?", "three",
     ("seven", "four", "twelve"), (
        ("Count the sides of a triangle.", "three"),
        ("With how many lines do you draw a triangle?", "You draw a triangle with three lines."),
        ("A triangle has how many sides?", "three"))),
    ("How many strings does a violin have?", "four",
     ("three", "seven", "sixty"), (
        ("Count the strings of a violin.", "four"),
        ("On how many strings do you play a violin?", "You play a violin on four strings."),
        ("A violin has how many strings?", "four"))),
    # Units.
    ("Which unit measures electric current?", "ampere",
     ("newton", "watt", "joule"), (
        ("Name the unit of electric current.", "ampere"),
        ("How do you measure electric current?", "You measure it in units called ampere."),
        ("Electric current is given in which unit?", "ampere"))),
    ("Which unit is used to measure force?", "newton",
     ("joule", "ampere", "watt"), (
        ("Name the unit of force.", "newton"),
        ("How do you measure force?", "You measure it in units called newton."),
        ("Force is given in which unit?", "newton"))),
    ("Which unit is used to measure power?", "watt",
     ("ampere", "joule", "newton"), (
        ("Name the unit of power.", "watt"),
        ("How do you measure power?", "You measure it in units called watt."),
        ("Power is given in which unit?", "watt"))),
    ("Which unit is used to measure energy?", "joule",
     ("ampere", "newton", "volt"), (
        ("Name the unit of energy.", "joule"),
        ("How do you measure energy?", "You measure it in units called joule."),
        ("Energy is given in which unit?", "joule"))),
    # Elements.
    ("Which element has the symbol Au?", "gold",
     ("silver", "oxygen", "iron"), (
        ("Name the element with the symbol Au.", "gold"),
        ("What does the symbol Au stand for?", "The symbol Au stands for gold."),
        ("Au is the symbol of which element?", "gold"))),
    ("Which element has the symbol Ag?", "silver",
     ("gold", "iron", "nitrogen"), (
        ("Name the element with the symbol Ag.", "silver"),
        ("What does the symbol Ag stand for?", "The symbol Ag stands for silver."),
        ("Ag is the symbol of which element?", "silver"))),
    ("Which element has the symbol Fe?", "iron",
     ("hydrogen", "gold", "silver"), (
        ("Name the element with the symbol Fe.", "iron"),
        ("What does the symbol Fe stand for?", "The symbol Fe stands for iron."),
        ("Fe is the symbol of which element?", "iron"))),
    ("Which element has the symbol O?", "oxygen",
     ("gold", "hydrogen", "nitrogen"), (
        ("Name the element with the symbol O.", "oxygen"),
        ("What does the symbol O stand for?", "The symbol O stands for oxygen."),
        ("O is the symbol of which element?", "oxygen"))),
    ("Which element is the lightest of all?", "hydrogen",
     ("oxygen", "nitrogen", "silver"), (
        ("Name the lightest element of all.", "hydrogen"),
        ("Which element is lighter than all the others?", "The lightest element is hydrogen."),
        ("What is the lightest element there is?", "hydrogen"))),
    ("Which gas makes up most of the air?", "nitrogen",
     ("oxygen", "hydrogen", "helium"), (
        ("Name the gas that makes up most of the air.", "nitrogen"),
        ("What is most of the air made of?", "Most of the air is made of nitrogen."),
        ("What is the main gas in the air?", "nitrogen"))),
)
# fmt: on
