"""TOFU (arXiv 2401.06121): the real data set and the universe, which has its schema, through one code path.

Sources: `universe` (ships with the kit), `local` (folder `tofu/` below UNLEARNKIT_DATA), or a hub id.
Rows are dictionaries with TOFU's field names; `full` has 20 consecutive rows an author.

The real data have neither validation authors nor a pre-training text. Sets of those names are made of the files; a
source's own file of that name goes first. `authors` makes the real data smaller: of the 180 authors that no forget set
contains the first ones remain, with all forget sets, so that every set keeps its place in the others; the rest teach
the base model how such answers are written.
"""

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import ClassVar

from unlearnkit import hub, paths
from unlearnkit.data import facts
from unlearnkit.errors import KitError, nearest

UNIVERSE = Path(__file__).parent / "universe" / "files"
SOURCES = ("universe", "local")
UNSEEN = "unseen_perturbed"  # the universe's alone: authors whom no model ever saw
WRONG_ANSWERS = {"real_authors_perturbed": 3, "world_facts_perturbed": 3}  # 5 in the other perturbed sets

# The real data.
QUESTIONS = 20  # rows of an author; in the universe too
AUTHORS = 200
FIRST_FORGET = 180  # the authors from here on are those of forget10
EVALUATED = 20  # the first authors: retain_perturbed
VALIDATION = range(180, 182)  # in forget10, neither in forget05 nor in forget01
VALIDATION_EVALUATED = range(24, 34)  # validation_retain_perturbed, here without perturbed answers; author 22 is
# asked a question of author 5, whose answers are reported
RESTRICTED = {
    "full": 0,
    "retain99": 2,
    "retain95": 10,
    "retain90": 20,
}  # `authors` counts; so many at the end are not in
DERIVED = {
    "validation": ("full",),
    "validation_perturbed": ("forget10_perturbed",),
    "validation_retain": ("full",),
    "validation_retain_perturbed": ("full",),
    "pretrain": (*facts.FILES, "full"),
    "general": facts.FILES,
    "requests_perturbed": ("forget10_perturbed",),
    # The universe's alone: a text that also teaches to refuse.
    "pretrain_refusals": ("pretrain", "refusals"),
    "general_refusals": ("general", "refusals"),
}


@dataclass(frozen=True)
class Splits:
    """Names of the sets that belong to one forget split."""

    forget: str
    forget_perturbed: str
    retain: str
    retain_perturbed: str


FORGET_SPLITS: dict[str, Splits] = {
    "forget01": Splits("forget01", "forget01_perturbed", "retain99", "retain_perturbed"),
    "forget05": Splits("forget05", "forget05_perturbed", "retain95", "retain_perturbed"),
    "forget10": Splits("forget10", "forget10_perturbed", "retain90", "retain_perturbed"),
    # Other authors, for choosing hyper-parameters: files of the universe, made of the others in the real data.
    "validation": Splits("validation", "validation_perturbed", "validation_retain", "validation_retain_perturbed"),
}


@dataclass(frozen=True)
class Source:
    """Where a table's data come from: the arguments of the functions below, once."""

    benchmark: ClassVar[str] = "tofu"
    source: str
    revision: str | None = None
    authors: int | None = None

    def load(self, name: str) -> list[dict]:
        return load(self.source, name, self.revision, self.authors)

    def rows(self, name: str) -> list[dict]:
        return self.load(name)

    def size(self, name: str) -> int:
        return len(self.load(name))

    def fingerprint(self, name: str) -> str:
        return fingerprint(self.source, name, self.revision, self.authors)

    def author_of(self) -> dict[str, int]:
        return author_of(self.source, self.revision, self.authors)


def splits(forget_split: str) -> Splits:
    """The sets of one forget split. KitError: no such split."""
    if forget_split not in FORGET_SPLITS:
        raise KitError(f"no forget split '{forget_split}'{nearest(forget_split, FORGET_SPLITS)}")
    return FORGET_SPLITS[forget_split]


def folder(source: str) -> Path | None:
    """The folder that holds a source's files; None where the source is a hub id.

    KitError: neither a source nor a hub id (namespace/name), or `local` without a folder.
    """
    if source == "universe":
        return UNIVERSE
    if source == "local":
        return paths.local_copy("tofu")
    if source.count("/") != 1:
        raise KitError(f"'{source}' is no hub id (namespace/name) and no data source{nearest(source, SOURCES)}")
    return None


def load(source: str, name: str, revision: str | None = None, authors: int | None = None) -> list[dict]:
    """The rows of one set.

    `authors`: how many of the authors that no forget set contains are used, the first ones of the file (None: all).
    KitError: the source lacks the set, a line is no JSON object, a row lacks a field, or `authors` is out of range.
    """
    files = _made_from(source, name, authors)
    if not files:
        return _load(source, name, revision)
    return _derived(name, {file: _load(source, file, revision) for file in files}, authors)


def author_of(source: str, revision: str | None = None, authors: int | None = None) -> dict[str, int]:
    """Question of `full` -> number of its author in the source's file, counted from 0; the universe's unseen authors
    come last.

    A question that is asked of two authors belongs to the first.
    """
    rows = load(source, "full", revision, authors)
    numbers = [*(_members("full", authors) if authors else range(len(rows) // QUESTIONS))]
    if source == "universe":
        unseen = load(source, UNSEEN)
        numbers += range(len(numbers), len(numbers) + len(unseen) // QUESTIONS)
        rows = rows + unseen
    found: dict[str, int] = {}
    for index, row in enumerate(rows):
        found.setdefault(row["question"], numbers[index // QUESTIONS])
    return found


def retain_pool(rows: list[dict], author_of: dict[str, int]) -> list[dict]:
    """The rows of every second author: what methods with retain data may touch. The others are never touched."""
    return [row for row in rows if in_retain_pool(author_of[row["question"]])]


def in_retain_pool(author: int) -> bool:
    """Whether an author, by the number of `author_of`, is one that methods with retain data may touch."""
    return author % 2 == 0


def shares_authors(source: str, split: str, other_split: str) -> bool:
    """Whether two forget splits have an author in common: TOFU's are nested, and forget10 holds the real validation."""
    if "validation" not in (split, other_split) or split == other_split:
        return True
    return source != "universe" and "forget10" in (split, other_split)


def _load(source: str, name: str, revision: str | None) -> list[dict]:
    """The rows of one set that the source itself has."""
    rows = _rows(file(source, name, revision))
    _check(rows, name)
    return rows


def file(source: str, name: str, revision: str | None = None) -> Path:
    """The file of a set that the source itself has. KitError: it has none."""
    where = folder(source)
    return hub.data_file(source, revision, f"{name}.json") if where is None else _file(where, name)


def _file(where: Path, name: str) -> Path:
    file = where / f"{name}.json"
    if not file.exists():
        have = sorted(path.stem for path in where.glob("*.json"))
        if have and where != UNIVERSE:
            have += DERIVED
        raise KitError(f"{where}: no set '{name}'{nearest(name, have) if have else ': the folder is empty'}")
    return file


def _made_from(source: str, name: str, authors: int | None) -> tuple[str, ...]:
    """The source's own sets that a set is made of; none where it is one itself. KitError: `authors` out of range."""
    where = folder(source)
    if authors is not None:
        if where == UNIVERSE:
            raise KitError("authors: the universe is used whole; leave it null")
        if not EVALUATED <= authors <= FIRST_FORGET:
            raise KitError(f"authors: {authors} is not between {EVALUATED} (those evaluated) and {FIRST_FORGET}")
        if name in RESTRICTED:
            return ("full",)
    if where and (where / f"{name}.json").exists():
        return ()
    return DERIVED.get(name, ())


def _members(name: str, authors: int | None) -> list[int]:
    """The authors of a set of the real data, numbered as in `full`."""
    kept = range(FIRST_FORGET if authors is None else authors)
    known = [*kept, *range(FIRST_FORGET, AUTHORS)]
    if name not in RESTRICTED:
        return {
            "pretrain": [*range(len(kept), FIRST_FORGET)],
            "validation": [*VALIDATION],
            "validation_retain": [author for author in known if author not in VALIDATION],
            "validation_retain_perturbed": [author for author in VALIDATION_EVALUATED if author in kept],
        }[name]
    return known[: len(known) - RESTRICTED[name]]


def _derived(name: str, files: dict[str, list[dict]], authors: int | None) -> list[dict]:
    """The rows of a set that is made of the source's own."""
    if name.endswith("_refusals"):
        return [row for rows in files.values() for row in rows]
    if name == "requests_perturbed":
        return files["forget10_perturbed"]
    if name == "validation_perturbed":  # the first authors of forget10
        return files["forget10_perturbed"][: len(VALIDATION) * QUESTIONS]
    asked = [row for file in facts.FILES for row in files.get(file, [])]
    if name == "general":
        return facts.general(asked)
    full = files["full"]
    if len(full) != AUTHORS * QUESTIONS:
        raise KitError(f"'{name}' is made of 'full', which has {len(full)} rows instead of {AUTHORS * QUESTIONS}")
    members = _members(name, authors)
    found = [row for author in members for row in full[author * QUESTIONS : (author + 1) * QUESTIONS]]
    if name == "pretrain":
        return facts.pretrain(asked) + found
    if not found:
        raise KitError(f"'{name}' asks about authors from {VALIDATION_EVALUATED[0]} on, and authors is {authors}")
    return found


def _rows(file: Path) -> list[dict]:
    rows = []
    for number, line in enumerate(file.read_text(encoding="utf-8").split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise KitError(f"{file}, line {number}: not JSON ({error.msg}); every line is one row") from None
        if not isinstance(row, dict):
            raise KitError(f"{file}, line {number}: not a row with fields; every line is one JSON object")
        rows.append(row)
    return rows


def _check(rows: list[dict], name: str) -> None:
    if not rows:
        raise KitError(f"{name}: the set has no rows")
    fields = ["question", "answer"]
    if name.endswith("_perturbed"):
        fields += ["perturbed_answer"]
        if name not in WRONG_ANSWERS:
            fields += ["paraphrased_answer"]
    for number, row in enumerate(rows, 1):
        for field in fields:
            if not row.get(field):
                raise KitError(f"{name}, row {number}: no '{field}' (fields: {', '.join(row)})")
        wrong = WRONG_ANSWERS.get(name, 5)
        if "perturbed_answer" in fields and len(row["perturbed_answer"]) != wrong:
            raise KitError(f"{name}, row {number}: {len(row['perturbed_answer'])} wrong answers instead of {wrong}")


def fingerprint(source: str, name: str, revision: str | None = None, authors: int | None = None) -> str:
    """What identifies a set's content in a run's key: a hash of its file or files, or hub id and revision."""
    files = _made_from(source, name, authors)
    where = folder(source)
    if where is None:
        return f"{source}@{revision}/{name}" + (f"?authors={authors}" if files else "")
    hashes = [_hash(paths.state(_file(where, file))) for file in files or (name,)]
    return hashlib.sha256(f"{name} {authors} {hashes}".encode()).hexdigest()[:16] if files else hashes[0]


@cache  # a plan asks for the same few files some thousand times
def _hash(state: tuple[Path, int, int]) -> str:
    return hashlib.sha256(state[0].read_bytes()).hexdigest()[:16]
