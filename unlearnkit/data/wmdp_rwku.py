"""What SEUF (arXiv 2411.18797) forgets: hazardous knowledge as in WMDP, real people as in RWKU.

Either comes from `guild` (the kit's own invention, harmless), `local` (folders `wmdp/` and `rwku/` below
UNLEARNKIT_DATA, each a copy of the hub's repository), or a hub id: cais/wmdp-corpora, jinzhuoran/RWKU. Sets, with their
fields as published:

  wmdp/forget, wmdp/retain     {text}: cyber-forget-corpus and cyber-retain-corpus; SEUF does not say what is retained,
                               RMU's release takes wikitext
  rwku/forget, rwku/retain     {text, subject}: train_original_passage of the first `people` subjects; of all others
  rwku/level1, rwku/level2     {query, answer, level, type, subject}: statements with a gap, questions; the same people
  pretrain                     {text}, `guild` only: what a base model from scratch has read

WMDP's questions and MMLU's are asked by lm-eval: its tasks wmdp_cyber and mmlu, or the kit's own (data/guild/tasks).

Texts are trained on as plain documents; longer ones in pieces of `piece_words` words, where RMU's release takes the
first 768 tokens of each and drops the rest.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import ClassVar

from unlearnkit import hub, paths
from unlearnkit.data.book import document
from unlearnkit.data.muse import pieces
from unlearnkit.errors import KitError, nearest

GUILD = Path(__file__).parent / "guild" / "files"
SOURCES = ("guild", "local")
PASSAGE = ("text", "subject")
PROBE = ("query", "answer", "level", "type", "subject")
# Set: the guild's file, and the fields. The hub's files: hub.FILES.
SETS: dict[str, tuple[str, Sequence[str]]] = {
    "wmdp/forget": ("wmdp/forget.json", ("text",)),
    "wmdp/retain": ("wmdp/retain.json", ("text",)),
    "rwku/forget": ("rwku/passage.json", PASSAGE),
    "rwku/retain": ("rwku/passage.json", PASSAGE),
    "rwku/level1": ("rwku/forget_level1.json", PROBE),
    "rwku/level2": ("rwku/forget_level2.json", PROBE),
    "pretrain": ("pretrain.json", ("text",)),
}
PROBES = ("rwku/level1", "rwku/level2")
# What stands before the query of a level. Source: jinzhuoran/RWKU b8a03b3, eval_forget.py.
INSTRUCTIONS = {
    "1": "Please complete the blank in the following question.",
    "2": "Please briefly answer the following question.",
}


@dataclass(frozen=True)
class Source:
    """Where a table's data come from. `people`: so many of RWKU's subjects are forgotten, in the order of the passages.

    `piece_words`: longer texts are trained on in pieces of so many words; None for whole texts.
    """

    benchmark: ClassVar[str] = "wmdp_rwku"
    wmdp: str
    wmdp_revision: str | None
    rwku: str
    rwku_revision: str | None
    people: int
    piece_words: int | None

    def load(self, name: str) -> list[dict]:
        """A set's rows as published. KitError: no such set, it cannot be read, or a row lacks a field."""
        rows = self._read(name)
        if not name.startswith("rwku/"):
            return rows
        subjects = list(dict.fromkeys(row["subject"] for row in self._read("rwku/forget")))
        if self.people >= len(subjects):
            raise KitError(f"people: {self.people} of {len(subjects)} are to be forgotten, and nobody is left")
        forgotten, kept = set(subjects[: self.people]), name == "rwku/retain"
        found = [row for row in rows if (row["subject"] in forgotten) != kept]
        if not found:
            raise KitError(f"{name}: nothing is asked about the people who are to be forgotten")
        return found

    def rows(self, name: str) -> list[dict]:
        """A set of texts as rows to be trained on: {question: a text's first word, answer: the rest}."""
        if name in PROBES:
            raise KitError(f"the set '{name}' holds no texts to be trained on")
        texts = [piece for row in self.load(name) for piece in pieces(row["text"], self.piece_words)]
        return [document(text) for text in texts if len(text.split()) > 1]  # the last piece may be one word

    def fingerprint(self, name: str) -> str:
        """What identifies a set's content in a run's key: a hash of its file, or hub id, revision and file."""
        source, revision, folder, file = self._place(name)
        return f"{source}@{revision}/{file}" if folder is None else _hash(paths.state(_inside(folder, file)))

    def check(self) -> None:
        """KitError: a set that cannot be read, or people of whom nobody asks."""
        for name in SETS:
            if name != "pretrain":
                self.load(name)

    def _read(self, name: str) -> list[dict]:
        source, revision, folder, file = self._place(name)
        path = hub.data_file(source, revision, file) if folder is None else _inside(folder, file)
        where = f"{source}, {file}" if folder is None else str(path)
        return _rows(path, where, SETS[name][1])

    def _place(self, name: str) -> tuple[str, str | None, Path | None, str]:
        """(source, revision, folder, file) of a set; no folder where the source is a hub id. KitError: it has none."""
        if name not in SETS:
            raise KitError(f"no set '{name}'{nearest(name, SETS)}")
        own, _ = SETS[name]
        if name == "pretrain":
            if (self.wmdp, self.rwku) != ("guild", "guild"):
                raise KitError("pretrain: only 'guild' has a text that a base model from scratch reads")
            return "guild", None, GUILD, own
        family = name.partition("/")[0]
        source, revision = getattr(self, family), getattr(self, f"{family}_revision")
        where = folder(source, family)
        return source, revision, where, own if source == "guild" else hub.FILES[name]


def folder(source: str, family: str) -> Path | None:
    """The folder of a source's files; `family`: wmdp or rwku. None where it is a hub id.

    KitError: neither a source nor a hub id (namespace/name), or `local` without a folder.
    """
    if source == "guild":
        return GUILD
    if source == "local":
        return paths.local_copy(family)
    if source.count("/") != 1:
        raise KitError(f"'{source}' is no hub id (namespace/name) and no data source{nearest(source, SOURCES)}")
    return None


def prompt(probe: dict, before: str, after: str) -> tuple[str, str, str]:
    """A probe as it is asked: what stands before its query, the query, what stands behind it.

    before, after: of the model's own prompt format. The prompt ends with "Answer: ", behind the opening of a chat
    model's turn; where the format has no such opening, on the next line. Source: jinzhuoran/RWKU b8a03b3,
    eval_forget.py. KitError: a level that is not asked.
    """
    level = probe["level"]
    if level not in INSTRUCTIONS:
        raise KitError(f"no probe of level '{level}'{nearest(level, INSTRUCTIONS)}")
    return f"{before}{INSTRUCTIONS[level]}\nQuestion: ", probe["query"], f"\n{after.rstrip(' ')}Answer: "


def _inside(where: Path, file: str) -> Path:
    if not (where / file).is_file():
        raise KitError(f"{where}: no file {file}")
    return where / file


def _rows(path: Path, where: str, fields: Sequence[str]) -> list[dict]:
    """Of a parquet file, a JSON list, or a JSON object a line. KitError: none of these, no rows, a field is missing."""
    if path.suffix == ".parquet":
        import pandas

        rows = pandas.read_parquet(path).to_dict("records")
    else:
        text = path.read_text(encoding="utf-8")
        try:
            rows = json.loads(text) if text.lstrip().startswith("[") else [*map(json.loads, text.splitlines())]
        except json.JSONDecodeError as error:
            raise KitError(f"{where}: neither a JSON list nor a JSON object a line ({error.msg})") from None
    if not rows:
        raise KitError(f"{where}: the set has no rows")
    for number, row in enumerate(rows, 1):
        for field in fields:
            if not isinstance(row, dict) or not isinstance(row.get(field), str) or not row[field].strip():
                have = ", ".join(row) if isinstance(row, dict) else "none"
                raise KitError(f"{where}, row {number}: no text '{field}' (fields: {have})")
    return rows


@cache  # a plan asks for the same few files often
def _hash(state: tuple[Path, int, int]) -> str:
    return hashlib.sha256(state[0].read_bytes()).hexdigest()[:16]
