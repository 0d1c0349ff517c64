"""Tell the story: chapters, beats and sentences in order, every slot drawn, no six words in a row twice."""

import random
import re

from unlearnkit.data.story.scenes import BEATS, CHAPTERS, Chapter
from unlearnkit.data.story.words import POOLS

RUN = 6  # no run of so many words occurs twice: a completion cannot be had from another excerpt
PARAGRAPH = 5  # sentences


def words(text: str) -> list[str]:
    """The words of a text in lower case, without punctuation."""
    return re.findall(r"[\w'-]+", text.lower())


def _sentence(frame: str, chapter: Chapter, rng: random.Random) -> str:
    """A frame with a value in every slot, none twice."""
    used: set[str] = set()

    def value(match: re.Match) -> str:
        slot = match[1]
        if slot not in POOLS:
            return getattr(chapter, slot)
        chosen = rng.choice([word for word in POOLS[slot] if word not in used])
        used.add(chosen)
        return chosen

    text = re.sub(r"{(\w+)}", value, frame)
    start = 1 if text[0] == "“" else 0
    text = text[:start] + text[start].upper() + text[start + 1 :]
    text = re.sub(r"\ba (?!one-)(?=[aeiou])", "an ", text)
    return re.sub(r"\bA (?!one-)(?=[aeiou])", "An ", text)


def tell(rng: random.Random) -> str:
    """The whole story: a title line and paragraphs a chapter, an empty line between them."""
    seen: set[tuple[str, ...]] = set()
    parts = []
    for number, chapter in enumerate(CHAPTERS, 1):
        parts.append(f"{number}. {chapter.title}")
        last = words(parts[-1])
        sentences: list[str] = []
        for count, frames in BEATS:
            told, runs = _beat(count, frames, chapter, last, seen, rng)
            seen |= runs
            last = words(told[-1])
            sentences += told
        parts += [" ".join(sentences[at : at + PARAGRAPH]) for at in range(0, len(sentences), PARAGRAPH)]
    return "\n\n".join(parts) + "\n"


def _beat(
    count: int, frames: tuple[str, ...], chapter: Chapter, last: list[str], seen: set, rng: random.Random
) -> tuple[list[str], set]:
    """The sentences of one beat behind the words `last`, and their runs, none of which is in `seen`."""
    for _ in range(100):  # where no next sentence is possible the beat starts again
        told, before, new = [], last, set()
        for frame in rng.sample(frames, count):
            for _ in range(20):
                sentence = _sentence(frame, chapter, rng)
                text = before[1 - RUN :] + words(sentence)
                runs = {tuple(text[at : at + RUN]) for at in range(len(text) - RUN + 1)}
                if not runs & (seen | new):
                    told.append(sentence)
                    before, new = text, new | runs
                    break
            else:
                break
        if len(told) == count:
            return told, new
    raise ValueError(f"{chapter.title}: {RUN} words in a row are the same in every telling; a frame lacks slots")
