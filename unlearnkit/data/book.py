"""A book to be forgotten: the kit's own story or a text file of the user's, cut into excerpts, prompts and completions.

No line of a book that is not the kit's own is ever stored: runs record the file's hash.

The book is plain text without roles. A model is fine-tuned on each excerpt as a document, every word of it in the loss
but the first; it is asked with the prompt alone, as text, and continues. Prompt and completion join with one space.
Source: FLAT (arXiv 2410.11143), section on copyrighted text; prompts of 200 tokens, of 200 words in the release.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from unlearnkit import paths
from unlearnkit.errors import KitError, nearest

STORY = Path(__file__).parent / "story" / "files" / "story.txt"
GENERAL = ("encyclopedia", "skills")  # what a base model from scratch has read; the first is the retain data
Unit = Literal["tokens", "words"]


@dataclass(frozen=True)
class Source:
    """A book, and the general text beside it. `source`, `general`: `story` or the path of a text file.

    Sets: `book`, the excerpts as documents, each `repeat` times; `forget`, the same as prompts and completions;
    `retain`, documents of the general text; `pretrain`, all documents of the kit's own; `texts`, everything, plain.
    `tokenizer`: a hub id or a folder, where `unit` is tokens: all models of a table are asked the same prompts.
    """

    benchmark: ClassVar[str] = "harry_potter"
    source: str
    general: str
    unit: Unit
    excerpt_length: int
    prompt_length: int
    count: int | None
    repeat: int
    tokenizer: str | None = None
    tokenizer_revision: str | None = None

    def load(self, name: str) -> list[dict]:
        return self.rows(name)

    def rows(self, name: str) -> list[dict]:
        """KitError: no such set, or the book does not give what is asked for."""
        if name not in SETS:
            raise KitError(f"no set '{name}'{nearest(name, SETS)}")
        if name == "texts":
            return [{"text": text} for text in (*_own(GENERAL), load(self.source))]
        if name == "pretrain":
            return pretrain()
        if name == "retain":
            return [document(text) for text in general(self.general)]
        tokenizer = self._tokenizer() if self.unit == "tokens" else None
        pieces = excerpts(load(self.source), self.excerpt_length, self.unit, tokenizer, self.count)
        if name == "forget":
            return pairs(pieces, self.prompt_length, self.unit, tokenizer)
        return [document(piece) for piece in pieces] * self.repeat

    def fingerprint(self, name: str) -> str:
        """What identifies a set's content in a run's key, beside this source's own values."""
        if name not in SETS:
            raise KitError(f"no set '{name}'{nearest(name, SETS)}")
        if name == "retain":
            return _hash([_general_file(self.general)])
        if name == "pretrain":
            return pretrain_fingerprint()
        own = [_own_file(file) for file in GENERAL] if name == "texts" else []
        return _hash([*own, path(self.source)])

    def check(self) -> None:
        """KitError: a text that cannot be read or is empty; in words: a book that does not give the excerpts."""
        if self.unit == "words":
            self.rows("forget")
        else:
            load(self.source)
        general(self.general)

    def _tokenizer(self):
        from transformers import AutoTokenizer

        return AutoTokenizer.from_pretrained(self.tokenizer, revision=self.tokenizer_revision)


SETS = ("book", "forget", "retain", "pretrain", "texts")


def path(source: str) -> Path:
    """The file of a book: `story`, or the path of a text file. KitError: there is no such file."""
    if source == "story":
        return STORY
    return _file("book", source, "the kit ships no copyrighted book: name a text file that you own, or 'story'")


def load(source: str) -> str:
    """The text, white space between words reduced to one space. KitError: no file, not UTF-8 text, no words."""
    return " ".join(_read("book", path(source)).split())


def fingerprint(source: str) -> str:
    """What identifies the book in a run's key: a hash of its file."""
    return _hash([path(source)])


def pretrain() -> list[dict]:
    """The documents of the kit's own that a base model from scratch has read; they teach the kit's own tasks too."""
    return [document(text) for text in _own(GENERAL)]


def pretrain_fingerprint() -> str:
    """What identifies the documents of `pretrain` in a run's key: a hash of their files."""
    return _hash(_own_file(name) for name in GENERAL)


def general(source: str) -> list[str]:
    """The documents of the retain data. KitError: no file, not UTF-8 text, no document, or one of a single word."""
    if source == "story":
        return list(_own(GENERAL[:1]))
    where = _general_file(source)
    lines = list(enumerate(_read("general", where).splitlines(), 1))
    for number, line in lines:
        if len(line.split()) == 1:
            raise KitError(f"data.general: {where}, line {number}: a document has two words or more")
    return [line for _, line in lines if line.strip()]


def _general_file(source: str) -> Path:
    if source == "story":
        return _own_file(GENERAL[0])
    return _file("general", source, "name a text file with a document a line, or 'story'")


def _file(key: str, source: str, hint: str) -> Path:
    """A file of the user's, below the project where its path is relative."""
    found = paths.inside(str(Path(source).expanduser()))
    if not found.is_file():
        raise KitError(f"data.{key}: there is no file '{source}'; {hint}")
    return found


def _read(key: str, file: Path) -> str:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise KitError(f"data.{key}: {file} is not UTF-8 text (byte {error.start})") from None
    if not text.strip():
        raise KitError(f"data.{key}: {file} is empty")
    return text


def _own_file(name: str) -> Path:
    return STORY.with_name(f"{name}.json")


def _own(names: Iterable[str]) -> Iterable[str]:
    for name in names:
        for line in _own_file(name).read_text(encoding="utf-8").splitlines():
            yield json.loads(line)["text"]


def _hash(files: Iterable[Path]) -> str:
    content = hashlib.sha256()
    for file in files:
        content.update(file.read_bytes())
    return content.hexdigest()[:16]


def excerpts(text: str, length: int, unit: Unit, tokenizer=None, count: int | None = None) -> list[str]:
    """Pieces of whole words and at most `length` tokens or words, one behind the other; what is left over is dropped.

    `count`: so many of them, evenly spread over the book; null for all. `tokenizer`: for tokens alone.
    KitError: the book has fewer, or the same piece twice.
    """
    words = text.split()
    pieces, start = [], 0
    while _measure(words[start : start + length], unit, tokenizer) >= length:
        size = _fitting(words[start : start + length], length, unit, tokenizer)
        pieces.append(" ".join(words[start : start + size]))
        start += size
    wanted = len(pieces) if count is None else count
    if not pieces or wanted > len(pieces):
        raise KitError(
            f"data.book: the text has {len(pieces)} excerpts of {length} {unit}, and {wanted or 1} are asked for"
        )
    chosen = [pieces[at * len(pieces) // wanted] for at in range(wanted)]
    first: dict[str, int] = {}
    for number, piece in enumerate(chosen, 1):
        if first.setdefault(piece, number) != number:
            raise KitError(f"data.book: excerpts {first[piece]} and {number} are the same text")
    return chosen


def pairs(pieces: list[str], length: int, unit: Unit, tokenizer=None) -> list[dict]:
    """Excerpts as rows {question: prompt, answer: completion}; the prompt has at most `length` tokens or words.

    It ends behind a whole word: cut inside one, its tokens would be no prefix of the excerpt's.
    KitError: a prompt would take in the whole excerpt.
    """
    rows = []
    for number, piece in enumerate(pieces, 1):
        words = piece.split(" ")
        size = _fitting(words[:length], length, unit, tokenizer)
        if size >= len(words):
            raise KitError(
                f"data.book: excerpt {number} ends within its prompt of {length} {unit}; cut longer excerpts"
            )
        rows.append({"question": " ".join(words[:size]), "answer": " ".join(words[size:])})
    return rows


def document(text: str) -> dict:
    """A text to be learnt whole, as a row {question: its first word, answer: the rest}. KitError: fewer than two words.

    Training rows carry a prompt outside the loss; the first word is the least that can be one.
    """
    first, _, rest = text.strip().partition(" ")
    if not rest:
        raise KitError(f"a text to be learnt has two words or more: {text!r}")
    return {"question": first, "answer": rest}


def check_window(rows: list[dict], tokenizer, max_length: int, max_new_tokens: int) -> None:
    """KitError: a pair, or a prompt and the tokens to be generated, is longer than `max_length` tokens."""
    for number, row in enumerate(rows, 1):
        prompt = len(tokenizer(row["question"])["input_ids"])
        if prompt + max_new_tokens > max_length:
            raise KitError(
                f"data.book: the prompt of excerpt {number} has {prompt} tokens, and with {max_new_tokens} new ones "
                f"that is more than the model's window of {max_length}; cut shorter prompts"
            )
        whole = len(tokenizer(f"{row['question']} {row['answer']}")["input_ids"]) + 1
        if whole > max_length:
            raise KitError(
                f"data.book: excerpt {number} has {whole} tokens with its end, more than the model's window of "
                f"{max_length}; cut shorter excerpts"
            )


def _measure(words: list[str], unit: Unit, tokenizer) -> int:
    """Length in words, or in tokens without those that open or end a text."""
    if unit == "words":
        return len(words)
    return len(tokenizer(" ".join(words), add_special_tokens=False)["input_ids"])


def _fitting(words: list[str], length: int, unit: Unit, tokenizer) -> int:
    """How many of the words have at most `length` tokens or words together, at least one."""
    low, high = 1, len(words)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if _measure(words[:middle], unit, tokenizer) <= length else (low, middle - 1)
    return low
