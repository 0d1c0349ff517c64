"""MUSE (arXiv 2407.06460): the real News and Books, and the kit's own news, through one code path.

Sources: `news` (ships with the kit), `local` (folder `muse_news/` below UNLEARNKIT_DATA), or a hub id,
muse-bench/MUSE-News or muse-bench/MUSE-Books. Sets have the hub's names, "config/split":

  raw/forget, raw/retain1, raw/retain2, raw/holdout      texts; retain1 is for methods with retain data, the questions
                                                          and PrivLeak's documents are about retain2
  verbmem/forget                                          rows of prompt and gt
  knowmem/forget_qa, knowmem/retain_qa, and each _icl     rows of question and answer
  privleak/forget, privleak/retain, privleak/holdout      texts
  scal/forget_1..4 (nested), sust/forget_1..4 (disjoint)  texts, News only; the first is raw/forget
  pretrain                                                texts, `news` only: what a base model from scratch has read

A text set is a list of strings, any other a list of dictionaries. Texts are trained on as they are: with the prompt
format `raw` a row {"question": "", "answer": text} puts every token of the text into the loss.

Where a copy has no raw sets, `train_on: asked` trains on the documents that the evaluation asks about (STAND_INS); of
verbmem's texts the prompt is a row's question, outside of the loss.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from unlearnkit import hub, paths
from unlearnkit.errors import KitError, nearest

NEWS = Path(__file__).parent / "news" / "files"
SOURCES = ("news", "local")
FOLDS = 4  # of scal and sust
FIELDS: dict[str, tuple[str, ...]] = {
    **{f"raw/{name}": () for name in ("forget", "retain1", "retain2", "holdout")},
    "verbmem/forget": ("prompt", "gt"),
    **{
        f"knowmem/{name}": ("question", "answer")
        for name in ("forget_qa", "retain_qa", "forget_qa_icl", "retain_qa_icl")
    },
    **{f"privleak/{name}": () for name in ("forget", "retain", "holdout")},
    **{f"{kind}/forget_{number}": () for kind in ("scal", "sust") for number in range(1, FOLDS + 1)},
    "pretrain": (),
}
# The authors' development repository, whose files a local copy has, names the retain data it asks about retain2.
LOCAL_NAMES = {
    "knowmem/retain_qa": "knowmem/retain2_qa",
    "knowmem/retain_qa_icl": "knowmem/retain2_qa_icl",
    "privleak/retain": "privleak/retain2",
}
# What an evaluation may ask, and the sets that it scores for it.
ASKED = {
    "verbmem": ("verbmem/forget",),
    "knowmem_forget": ("knowmem/forget_qa",),
    "knowmem_retain": ("knowmem/retain_qa",),
    "privleak": ("privleak/forget", "privleak/holdout"),
}
# With `train_on: asked`, what stands for a raw set: sets, and which of their texts. Every other retain document is for
# methods that take retain data, as raw/retain1 is.
STAND_INS = {
    "raw/forget": (("verbmem/forget", "privleak/forget"), slice(None)),
    "raw/continuations": (("verbmem/forget",), slice(None)),
    "raw/retain1": (("privleak/retain",), slice(0, None, 2)),
    "raw/retain2": (("privleak/retain",), slice(1, None, 2)),
}
CUTS = ("\n\n", "\nQuestion", "Question:")
FEWEST_DOCUMENTS = 100  # of each kind for PrivLeak's AUC; the benchmark has exactly so many


@dataclass(frozen=True)
class Source:
    """Where a table's data come from: the arguments of the functions below, once.

    `piece_words`: documents of more words are trained on in pieces of so many; None for whole documents. `train_on`:
    raw, the raw sets; asked, their STAND_INS.
    """

    benchmark: ClassVar[str] = "muse"
    source: str
    revision: str | None = None
    piece_words: int | None = None
    train_on: str = "raw"

    def load(self, name: str) -> list:
        return load(self.source, name, self.revision)

    def fingerprint(self, name: str) -> str:
        """Of the files that are read for a set, whether it is trained on or asked."""
        return "+".join(fingerprint(self.source, one, self.revision) for one in self._read_for(name)[0])

    def rows(self, name: str) -> list[dict]:
        """A set of texts as rows to be trained on. KitError: the set holds no texts."""
        if FIELDS.get(name):
            raise KitError(f"the set '{name}' holds no texts to be trained on")
        names, chosen = self._read_for(name)
        found = []
        for entry in [entry for one in names for entry in self.load(one)][chosen]:
            if isinstance(entry, str):
                found += [{"question": "", "answer": piece} for piece in pieces(entry, self.piece_words)]
            else:
                found.append(continued(entry))
        return found

    def _read_for(self, name: str) -> tuple[tuple[str, ...], slice]:
        whole = ((name,), slice(None))
        return STAND_INS.get(name, whole) if self.train_on == "asked" else whole

    def evaluated(self, asked: Iterable[str] = tuple(ASKED)) -> dict[str, list]:
        """The sets that an evaluation reads (`read_for`); for PrivLeak they are checked (`check`)."""
        sets = {name: self.load(name) for name in read_for(asked)}
        if "privleak" in asked:
            check(sets)
        return sets


def load(source: str, name: str, revision: str | None = None) -> list:
    """One set: strings, or dictionaries with the fields of FIELDS.

    KitError: no such set, the source lacks it, or an entry is not what it should be.
    """
    if name not in FIELDS:
        raise KitError(f"no set '{name}'{nearest(name, FIELDS)}")
    if _folder(source) is None:
        rows = _from_hub(source, name, revision)
    else:
        file = _file(source, name)
        try:
            rows = json.loads(file.read_text(encoding="utf-8"))
        except json.JSONDecodeError as error:
            raise KitError(f"{file}, line {error.lineno}: not JSON ({error.msg})") from None
    _check_rows(rows, name, source)
    return rows


def fingerprint(source: str, name: str, revision: str | None = None) -> str:
    """What identifies a set's content in a run's key: a hash of its file, or hub id and revision."""
    if _folder(source) is None:
        return f"{source}@{revision}/{name}"
    return hashlib.sha256(_file(source, name).read_bytes()).hexdigest()[:16]


def continued(row: dict) -> dict:
    """A row of verbmem to be trained on: `prompt` is read, `gt` is in the loss, one space between them.

    MUSE cut between tokens of Llama 2, whose decoder drops a space in front of `gt`. Where there was none, before a
    comma or within a word, there is one now; template responses and random answers go in behind the same space.
    """
    return {"question": row["prompt"].rstrip(" ") + " ", "answer": row["gt"].lstrip()}


def read_for(asked: Iterable[str]) -> list[str]:
    """The sets that an evaluation of `asked` (keys of ASKED) reads: those it scores and KnowMem's examples."""
    scored = [name for part, names in ASKED.items() if part in asked for name in names]
    return scored + [f"{name}_icl" for name in scored if name.startswith("knowmem/")]


def few_shot(examples: list[dict], question: str) -> str:
    """The prompt of KnowMem: the examples, then the question; it ends with a space.

    Source: MUSE, metrics/knowmem.py. The number of shots is the number of examples: ten in the benchmark.
    """
    shots = "".join(f"Question: {row['question']}\nAnswer: {row['answer']}\n\n" for row in examples)
    return f"{shots}Question: {question}\nAnswer: "


def cut(generation: str) -> str:
    """A few-shot answer up to where the model goes on with a next question, by the benchmark's three rules in turn."""
    for mark in CUTS:
        generation = generation.split(mark)[0]
    return generation


def check(sets: dict[str, list]) -> None:
    """KitError unless PrivLeak can be trusted: enough documents of each kind, and none that is forgotten held out.

    Two documents overlap where they are the same but for white space and case.
    """
    forget, holdout = (sets[f"privleak/{name}"] for name in ("forget", "holdout"))
    for name, documents in (("forget", forget), ("holdout", holdout)):
        if len(documents) < FEWEST_DOCUMENTS:
            raise KitError(
                f"privleak/{name}: {len(documents)} documents; the AUC needs at least {FEWEST_DOCUMENTS} of each kind"
            )
    known = {_plain(text): number for number, text in enumerate(forget, 1)}
    for number, text in enumerate(holdout, 1):
        if _plain(text) in known:
            raise KitError(
                f"privleak/holdout, document {number} is privleak/forget, document {known[_plain(text)]}: "
                f"held-out documents must not be in the forget set ({text[:40]!r}...)"
            )


def pieces(text: str, length: int | None) -> list[str]:
    """The text, or its pieces of `length` words where it has more; white space between words becomes one space."""
    words = text.split()
    if length is None or len(words) <= length:
        return [text]
    return [" ".join(words[start : start + length]) for start in range(0, len(words), length)]


def _plain(text: str) -> str:
    return " ".join(text.lower().split())


def _folder(source: str) -> Path | None:
    """The folder that holds a source's files; None where the source is a hub id. KitError: neither."""
    if source == "news":
        return NEWS
    if source == "local":
        return paths.local_copy("muse_news")
    if source.count("/") != 1:
        raise KitError(f"'{source}' is no hub id (namespace/name) and no data source{nearest(source, SOURCES)}")
    return None


def _file(source: str, name: str) -> Path:
    where = _folder(source)
    names = (name, LOCAL_NAMES[name]) if name in LOCAL_NAMES else (name,)
    for one in names:
        if (where / f"{one}.json").is_file():
            return where / f"{one}.json"
    have = sorted(path.relative_to(where).with_suffix("").as_posix() for path in where.rglob("*.json"))
    raise KitError(f"{where}: no set '{name}'{nearest(name, have) if have else ': the folder is empty'}")


def _from_hub(id: str, name: str, revision: str | None) -> list:
    """A set of the data set on the hub, whatever the format of its files: its card says which are a set's.

    KitError: see `hub.reason`, or the card names no such set.
    """
    import datasets

    config, _, split = name.partition("/")
    folder = hub.data_folder(id, revision)
    try:
        rows = datasets.load_dataset(str(folder), config, split=split)
    except (OSError, ValueError) as error:
        raise KitError(f"{id}, {name}: {hub.reason(error)}") from error
    return rows["text"][:] if not FIELDS[name] else [{field: row[field] for field in FIELDS[name]} for row in rows]


def _check_rows(rows: object, name: str, source: str) -> None:
    if not isinstance(rows, list) or not rows:
        raise KitError(f"{source}, {name}: not a list of entries, or an empty one")
    fields = FIELDS[name]
    for number, row in enumerate(rows, 1):
        texts = [row] if not fields else [row.get(field) for field in fields] if isinstance(row, dict) else [None]
        for field, text in zip(fields or ("text",), texts, strict=False):
            if not isinstance(text, str) or not text.strip():
                raise KitError(f"{source}, {name}, entry {number}: no '{field}'")
