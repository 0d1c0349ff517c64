"""Generate the files of tiny table 3 from one seed; the same seed gives the same bytes.

Run as a module it writes them; with --check it compares them and looks for words that two places of the story share.
"""

import json
import random
import sys
from pathlib import Path

from unlearnkit.data import generated
from unlearnkit.data.story import encyclopedia, skills
from unlearnkit.data.story.tale import RUN, tell, words

SEED = 2411
FILES = Path(__file__).parent / "files"


def contents(seed: int = SEED) -> dict[str, bytes]:
    """File name -> content: the story, the pre-training and held-out texts, and a file of questions a task."""
    story = tell(random.Random(f"{seed}/story"))
    articles, heldout = encyclopedia.articles(random.Random(f"{seed}/encyclopedia"))
    asked, taught = skills.tasks(random.Random(f"{seed}/skills"))
    tables = {
        "encyclopedia": [{"text": text} for text in articles],
        "skills": [{"text": text} for text in taught],
        "wikitext": [{"page": text} for text in heldout],
        **asked,
    }
    files = {
        f"{name}.json": "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
        for name, rows in tables.items()
    }
    return {"story.txt": story.encode()} | files


def write(folder: Path = FILES) -> None:
    """Write every file."""
    generated.write(folder, contents())


def differences(folder: Path = FILES) -> list[str]:
    """Names of the files that are not what the seed generates: changed, missing, or not generated at all."""
    return generated.differences(folder, contents())


def longest_repetition(text: str) -> int:
    """The longest run of words that occurs twice in a text, in words."""
    all_words = words(text)
    length = 0
    while True:
        runs = [tuple(all_words[at : at + length + 1]) for at in range(len(all_words) - length)]
        if len(set(runs)) == len(runs):
            return length
        length += 1


def check() -> bool:
    """Print whether the committed files are the generator's and how the story repeats itself; True if all is well."""
    changed = differences()
    print(f"files that differ from what the seed generates: {', '.join(changed) or 'none'}")
    length = longest_repetition((FILES / "story.txt").read_text(encoding="utf-8"))
    print(f"longest run of words that the story has twice: {length} (must stay below {RUN})")
    return not changed and length < RUN


def main(arguments: list[str] | None = None) -> int:
    """Write the files, or check them; returns the exit code."""
    return generated.main(arguments, "Write the story's files.", write, check)


if __name__ == "__main__":
    sys.exit(main())
