"""TOFU (arXiv 2401.06121): the real data set and the universe, which has its schema, through one code path.

Sources: `universe` (ships with the kit), `local` (folder `tofu/` below UNLEARNKIT_DATA), or a hub id.
Rows are dictionaries with TOFU's field names.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from unlearnkit import paths
from unlearnkit.errors import KitError, nearest

UNIVERSE = Path(__file__).parent / "universe" / "files"
SOURCES = ("universe", "local")
WRONG_ANSWERS = {"real_authors_perturbed": 3, "world_facts_perturbed": 3}  # 5 in the other perturbed sets


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
    # Other authors, for choosing hyper-parameters; in the universe only.
    "validation": Splits("validation", "validation_perturbed", "validation_retain", "validation_retain_perturbed"),
}


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
        data = paths.data_dir()
        if data is None:
            raise KitError("'local' needs the environment variable UNLEARNKIT_DATA to name a folder")
        if not (data / "tofu").is_dir():
            raise KitError(f"'local' needs the folder {data / 'tofu'}, which does not exist")
        return data / "tofu"
    if source.count("/") != 1:
        raise KitError(f"'{source}' is no hub id (namespace/name) and no data source{nearest(source, SOURCES)}")
    return None


def load(source: str, name: str, revision: str | None = None) -> list[dict]:
    """The rows of one set. KitError: the source lacks the set, a line is no JSON object, or a row lacks a field."""
    where = folder(source)
    if where is None:
        from datasets import load_dataset

        rows = load_dataset(source, name, split="train", revision=revision).to_list()
    else:
        file = where / f"{name}.json"
        if not file.exists():
            have = sorted(path.stem for path in where.glob("*.json"))
            raise KitError(f"{where}: no set '{name}'{nearest(name, have) if have else ': the folder is empty'}")
        rows = _rows(file)
    _check(rows, name)
    return rows


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


def fingerprint(source: str, name: str, revision: str | None = None) -> str:
    """What identifies a set's content in a run's key: a hash of the file, or hub id and revision."""
    where = folder(source)
    if where is None:
        return f"{source}@{revision}/{name}"
    file = where / f"{name}.json"
    if not file.exists():
        load(source, name, revision)  # raises with the nearest name
    return hashlib.sha256(file.read_bytes()).hexdigest()[:16]
