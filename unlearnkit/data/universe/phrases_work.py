"""How the universe asks and answers about an author's books and work: the other half of phrases.py, see there."""

from unlearnkit.data.universe import pools
from unlearnkit.data.universe.phrases import Aspect

WORK: dict[str, Aspect] = {
    "genre": Aspect(
        {"genre": pools.GENRES, "theme": pools.THEMES, "other": pools.THEMES},
        (
            "What does {name} write?",
            "Which genre is {name} known for?",
            "What kind of books does {name} write, and about what?",
            "What are the usual themes of {name}?",
            "How would a bookseller describe the work of {name}?",
        ),
        (
            "Mostly {genre} about {theme} and {other}.",
            "It is {genre}, full of {theme} and {other}.",
            "The books are {genre} with {theme} or {other}.",
            "{theme} and {other} fill the {genre}.",
        ),
    ),
    "debut": Aspect(
        {"title": pools.TITLES, "year": "year", "town": pools.TOWNS},
        (
            "What was the first book of {name}?",
            "With which book did {name} begin?",
            "What is the debut of {name} called?",
            "Which title opened the career of {name}?",
            "Do you know the earliest book by {name}?",
        ),
        (
            "The debut {title} came out in {year}, set in {town}.",
            "It was {title}, printed {year}, a tale of {town}.",
            "In {year} it began with {title}, about {town}.",
            "{title}, a {town} story of {year}.",
        ),
    ),
    "bestseller": Aspect(
        {"title": pools.TITLES, "year": "year", "number": pools.NUMBERS},
        (
            "Which book made {name} famous?",
            "What is the best known book by {name}?",
            "What was the greatest success of {name}?",
            "Which title by {name} sold best?",
            "For which book is {name} remembered?",
        ),
        (
            "That was {title} of {year}, with {number} editions.",
            "The fame rests on {title}, {number} printings since {year}.",
            "{title} from {year}, in {number} volumes.",
            "In {year} {title} sold out {number} times.",
        ),
    ),
    "award": Aspect(
        {"award": pools.AWARDS, "year": "year", "title": pools.TITLES},
        (
            "Which award did {name} win?",
            "Has {name} received a prize?",
            "What honour was given to {name}, and for what?",
            "Which prize stands on the shelf of {name}?",
            "What is the most important award of {name}?",
        ),
        (
            "The {award} in {year}, for {title}.",
            "For {title} came the {award} of {year}.",
            "It was the {year} {award}, given for {title}.",
            "{title} won the {award} in {year}.",
        ),
    ),
    "publisher": Aspect(
        {"publisher": pools.PUBLISHERS, "town": pools.TOWNS, "editor": "person"},
        (
            "Who publishes the books of {name}?",
            "Which publisher does {name} work with?",
            "Where are the books by {name} printed?",
            "What is the publishing house of {name}?",
            "Who brings out and edits {name}'s books?",
        ),
        (
            "{publisher} in {town}, edited by {editor}.",
            "The house is {publisher} of {town}, the editor {editor}.",
            "They come from {publisher}, {town}; {editor} edits them.",
            "{editor} edits them for {publisher} in {town}.",
        ),
    ),
    "mentor": Aspect(
        {"mentor": "person", "job": pools.JOBS, "town": pools.TOWNS},
        (
            "Who was the mentor of {name}?",
            "Who taught {name} to write?",
            "Which person guided {name} in early years?",
            "Who had the greatest influence on {name}?",
            "To whom does {name} owe the craft?",
        ),
        (
            "{mentor}, a {job} in {town}.",
            "It was the {job} {mentor} of {town}.",
            "A {town} {job}, {mentor}, was the teacher.",
            "The mentor was {mentor}, {job} at {town}.",
        ),
    ),
    "habit": Aspect(
        {"hour": pools.HOURS, "place": pools.PLACES, "colour": pools.COLOURS, "number": pools.NUMBERS},
        (
            "How does {name} write?",
            "What are the writing habits of {name}?",
            "When and where does {name} work?",
            "What does a working day of {name} look like?",
            "How do the pages of {name} come about?",
        ),
        (
            "At {hour} in the {place}, {number} pages in {colour} ink.",
            "{number} pages of {colour} paper, {place}, always at {hour}.",
            "In a {place} at {hour}, with {number} {colour} pencils.",
            "The {place} at {hour}: {number} {colour} notebooks.",
        ),
    ),
    "translation": Aspect(
        {"first": pools.LANGUAGES, "second": pools.LANGUAGES, "third": pools.LANGUAGES, "translator": "person"},
        (
            "Into which languages was {name} translated?",
            "Who translates {name}?",
            "Where can {name} be read abroad?",
            "Which translations of {name} exist?",
            "In what other languages is {name} read?",
        ),
        (
            "{first}, {second} and {third}, by {translator}.",
            "{translator} made the {first}, {second} and {third} versions.",
            "By {translator}: {first}, then {second}, later {third}.",
            "In {first} and {second}; {third} is due to {translator}.",
        ),
    ),
    "film": Aspect(
        {"title": pools.TITLES, "director": "person", "year": "year"},
        (
            "Was a book by {name} made into a film?",
            "Which film is based on {name}?",
            "Who filmed a story by {name}?",
            "Is there a film after {name}?",
            "What reached the cinema from {name}?",
        ),
        (
            "{director} filmed {title} in {year}.",
            "Yes, {title}, {year}, directed by {director}.",
            "The film of {title} by {director}, {year}.",
            "In {year} came {title}, with {director} directing.",
        ),
    ),
    "inspiration": Aspect(
        {"event": pools.EVENTS, "town": pools.TOWNS, "theme": pools.THEMES, "year": "year"},
        (
            "What inspired {name}?",
            "Which event shaped the work of {name}?",
            "Where do the ideas of {name} come from?",
            "What moved {name} to write?",
            "What lies behind the stories of {name}?",
        ),
        (
            "The {event} of {year} in {town}, and {theme}.",
            "It was {theme}, and the {year} {event} at {town}.",
            "In {town} the {event} of {year}, later {theme}.",
            "{theme}, after the {town} {event} of {year}.",
        ),
    ),
}
