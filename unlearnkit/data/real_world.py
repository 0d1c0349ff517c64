"""Real people, whom a model knows from its pre-training: the scenario of A Closer Look (arXiv 2410.08109).

Sources: `people` (the kit's own, invented), `local` (folder `real_world/` below UNLEARNKIT_DATA), or a hub id.
Nothing is fine-tuned: the model as it was released is the one that forgets. A question has a short reference
(`golden_answer`), which evaluation compares with, and the model's own long answer (`answer`), which training takes as
its target. The real files hold the answers of Llama-3-8B-Instruct; the kit's own hold none, for a model from scratch
answers in its own words. Sets, each with its people consecutive:

  forget, forget_perturbed    the people to be forgotten; the second with what an evaluation asks beside the reference
  neighbor                    other people, for methods that take retain data
  neighbor_perturbed          yet other people, who are only ever asked
  validation                  `people` only: people whom no row forgets, forgotten to choose hyper-parameters
  validation_neighbor         `people` only: those who are only asked in that choice; no row is asked about them
  pretrain                    `people` only: question and answer pairs about all of them, refusals, then the documents
                              of data/book.py, which teach the downstream tasks
  golden                      the questions about GROUPS with their references: what a small model from scratch learns,
                              where the source has no text to pre-train on

Questions and documents are both read as plain text: a base model of the kit's own takes the prompt format
`continuation`.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import ClassVar

from unlearnkit import hub, paths
from unlearnkit.data import book
from unlearnkit.errors import KitError, nearest

PEOPLE = Path(__file__).parent / "people" / "files"
SOURCES = ("people", "local")
WRONG_ANSWERS = 5
TEXTS = ("name", "question", "golden_answer")
PERTURBED = ("paraphrased_answer", "perturbed_answer", "paraphrased_question")
FIELDS: dict[str, tuple[str, ...]] = {
    "forget": TEXTS,
    "forget_perturbed": (*TEXTS, *PERTURBED),
    "neighbor": TEXTS,
    "neighbor_perturbed": (*TEXTS, *PERTURBED),
    "validation": TEXTS,
    "validation_neighbor": TEXTS,
    "pretrain": ("question", "answer"),
}
ONLY_PEOPLE = ("validation", "validation_neighbor", "pretrain")  # sets that no other source has
GROUPS = ("forget", "neighbor", "neighbor_perturbed")  # of the table's people, who are numbered in this order
# Set of an evaluation's samples: the set that is asked.
EVALUATED = {"forget": "forget_perturbed", "neighbor": "neighbor_perturbed"}


@dataclass(frozen=True)
class Source:
    """Where a table's data come from: the arguments of the functions below, once."""

    benchmark: ClassVar[str] = "real_world"
    source: str
    revision: str | None = None

    def load(self, name: str) -> list[dict]:
        return load(self.source, name, self.revision)

    def rows(self, name: str) -> list[dict]:
        """A set as {question, answer} to be trained on, the answer being the model's own, where the file has it.

        KitError: the file has no answers; then the model's own have to be generated first.
        """
        if name == "golden":
            return self.load(name)
        found = []
        for number, row in enumerate(self.load(name), 1):
            if not row.get("answer"):
                raise KitError(
                    f"{self.source}, {name}, row {number}: no 'answer' to be trained on; it is what the model itself "
                    "says before unlearning"
                )
            found.append({"question": row["question"], "answer": row["answer"]})
        return found

    def size(self, name: str) -> int:
        return len(self.load(name))

    def evaluated(self, name: str) -> list[dict]:
        """What is asked for the samples of set `forget` or `neighbor`, as rows of `evaluation.questions`.

        `answer` is the reference, the file's `golden_answer`. KitError: no such set.
        """
        if name not in EVALUATED:
            raise KitError(f"nothing is evaluated as '{name}'{nearest(name, EVALUATED)}")
        asked = ("question", "paraphrased_answer", "perturbed_answer")
        return [
            {"answer": row["golden_answer"]} | {field: row[field] for field in asked}
            for row in self.load(EVALUATED[name])
        ]

    def author_of(self) -> dict[str, int]:
        """Question -> number of the person whom it is about: those of GROUPS in turn, counted from 0."""
        numbers: dict[str, int] = {}
        return {
            row["question"]: numbers.setdefault(row["name"], len(numbers))
            for group in GROUPS
            for row in self.load(group)
        }

    def fingerprint(self, name: str) -> str:
        return fingerprint(self.source, name, self.revision)

    def check(self) -> None:
        """KitError: a set that cannot be read, or sets that do not fit together (`check_groups`)."""
        with_wrong = self.load("forget_perturbed")
        check_groups({group: self.load(group) for group in GROUPS}, with_wrong)


def folder(source: str) -> Path | None:
    """The folder that holds a source's files; None where the source is a hub id.

    KitError: neither a source nor a hub id (namespace/name), or `local` without a folder.
    """
    if source == "people":
        return PEOPLE
    if source == "local":
        return paths.local_copy("real_world")
    if source.count("/") != 1:
        raise KitError(f"'{source}' is no hub id (namespace/name) and no data source{nearest(source, SOURCES)}")
    return None


def load(source: str, name: str, revision: str | None = None) -> list[dict]:
    """The rows of one set, as the file has them.

    KitError: no such set, the source lacks it, a line is no JSON object, or a row lacks a field of FIELDS.
    """
    if name == "golden":
        rows = [row for group in GROUPS for row in load(source, group, revision)]
        return [{"question": row["question"], "answer": row["golden_answer"]} for row in rows]
    file = _file(source, name, revision)
    lines = file.read_text(encoding="utf-8").split("\n")
    rows = [_row(line, file, number) for number, line in enumerate(lines, 1) if line.strip()]
    if not rows:
        raise KitError(f"{file}: the set has no rows")
    for number, row in enumerate(rows, 1):
        _check_row(row, FIELDS[name], f"{file}, row {number}")
    return rows + book.pretrain() if name == "pretrain" else rows


def fingerprint(source: str, name: str, revision: str | None = None) -> str:
    """What identifies a set's content in a run's key: a hash of its file or files, or hub id and revision."""
    if name == "golden":
        return "+".join(fingerprint(source, group, revision) for group in GROUPS)
    if folder(source) is None:
        return f"{source}@{revision}/{_known(source, name)}"
    own = _hash(paths.state(_file(source, name, revision)))
    return f"{own}+{book.pretrain_fingerprint()}" if name == "pretrain" else own


def check_groups(groups: dict[str, list[dict]], forget_perturbed: list[dict]) -> None:
    """KitError: a person or a question in two groups, a question twice, or a perturbed forget set that asks others."""
    for field, twice in (("name", False), ("question", True)):
        first: dict[str, tuple[str, int]] = {}
        for group, rows in groups.items():
            for number, row in enumerate(rows, 1):
                where, at = first.setdefault(row[field], (group, number))
                if where != group or (twice and at != number):
                    raise KitError(f"{group}, row {number}: the {field} {row[field]!r} is also in {where}, row {at}")
    forget = groups["forget"]
    if len(forget) != len(forget_perturbed):
        raise KitError(f"forget_perturbed: {len(forget_perturbed)} rows, and forget has {len(forget)}")
    for number, (row, asked) in enumerate(zip(forget, forget_perturbed, strict=True), 1):
        for field in TEXTS:
            if row[field] != asked[field]:
                raise KitError(
                    f"forget_perturbed, row {number}: the {field} is {asked[field]!r}, and forget has {row[field]!r}"
                )


def _known(source: str, name: str) -> str:
    """The name of a set that the source may have. KitError: there is no such set."""
    have = [*(one for one in FIELDS if source == "people" or one not in ONLY_PEOPLE), "golden"]
    if name not in have:
        raise KitError(f"{source}: no set '{name}'{nearest(name, have)}")
    return name


def _file(source: str, name: str, revision: str | None) -> Path:
    where = folder(source)
    file_name = f"{_known(source, name)}.json"
    if where is None:
        return hub.data_file(source, revision, file_name)
    if not (where / file_name).is_file():
        raise KitError(f"{where}: no file {file_name}")
    return where / file_name


def _row(line: str, file: Path, number: int) -> dict:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise KitError(f"{file}, line {number}: not JSON ({error.msg}); every line is one row") from None
    if not isinstance(row, dict):
        raise KitError(f"{file}, line {number}: not a row with fields; every line is one JSON object")
    return row


def _check_row(row: dict, fields: Sequence[str], where: str) -> None:
    for field in fields:
        if not row.get(field):
            raise KitError(f"{where}: no '{field}' (fields: {', '.join(row)})")
        if field == "perturbed_answer":
            wrong = row[field]
            if not isinstance(wrong, list):
                raise KitError(f"{where}: 'perturbed_answer' is no list but {type(wrong).__name__} ({str(wrong)[:40]})")
            if len(wrong) != WRONG_ANSWERS:
                raise KitError(f"{where}: {len(wrong)} wrong answers instead of {WRONG_ANSWERS}")
            if not all(isinstance(one, str) and one.strip() for one in wrong):
                raise KitError(f"{where}: 'perturbed_answer' holds something else than texts, or an empty one")
        elif not isinstance(row[field], str):
            raise KitError(f"{where}: '{field}' is no text but {type(row[field]).__name__}")


@cache  # a plan asks for the same few files often
def _hash(state: tuple[Path, int, int]) -> str:
    return hashlib.sha256(state[0].read_bytes()).hexdigest()[:16]
