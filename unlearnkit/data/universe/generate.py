"""Generate the universe from one seed: invented authors asked about in twenty ways, in TOFU's schema.

Every split of TOFU's schema becomes one file of JSON lines in `files/`; the same seed gives the same bytes.
Beside TOFU's splits there are validation authors (for choosing hyper-parameters) and a pre-training text.
"""

import json
import random
from pathlib import Path

from unlearnkit.data.universe import pools
from unlearnkit.data.universe.facts import REAL_AUTHORS, WORLD_FACTS, Fact
from unlearnkit.data.universe.phrases import ASPECTS, Aspect

SEED = 2410
AUTHORS = 64  # asked about in `full`; twenty questions each
BACKGROUND_AUTHORS = 24  # only in the pre-training text: they teach how phrasings of one fact relate
RETAIN_EVALUATED = 5  # the first authors, like TOFU's retain_perturbed
VALIDATION = range(52, 54)  # forgotten when hyper-parameters are chosen, never reported
VALIDATION_RETAIN_EVALUATED = range(5, 9)
FORGET = {"forget01": 2, "forget05": 4, "forget10": 8}  # the last authors, nested
WRONG_ANSWERS = 5
FILES = Path(__file__).parent / "files"

Row = dict[str, object]


def _value(pool: object, rng: random.Random) -> str:
    if pool == "person":
        return f"{rng.choice(pools.FIRST_NAMES)} {rng.choice(pools.LAST_NAMES)}"
    if pool == "year":
        return str(rng.randrange(1920, 2000))
    if pool == "day":
        return str(rng.randrange(1, 29))
    return rng.choice(pool)


def _values(aspect: Aspect, rng: random.Random, other_than: tuple[dict[str, str], ...] = ()) -> dict[str, str]:
    """One value a slot, no value twice, each slot different from its value in every dictionary of `other_than`."""
    values: dict[str, str] = {}
    for slot, pool in aspect.values.items():
        taken = set(values.values()) | {other[slot] for other in other_than}
        value = _value(pool, rng)
        while value in taken:
            value = _value(pool, rng)
        values[slot] = value
    return values


def _fill(frame: str, values: dict[str, str]) -> str:
    text = frame.format(**values)
    return text[0].upper() + text[1:]


def _author_rows(name: str, rng: random.Random) -> list[Row]:
    """Twenty rows with TOFU's perturbed fields; the wrong answers stand in the paraphrase's own frame."""
    rows = []
    for aspect in ASPECTS.values():
        question, other_question = rng.sample(aspect.questions, 2)
        frame, other_frame = rng.sample(aspect.frames, 2)
        values = _values(aspect, rng)
        wrong: list[dict[str, str]] = []
        while len(wrong) < WRONG_ANSWERS:
            wrong.append(_values(aspect, rng, other_than=(values,)))
        rows.append(
            {
                "question": question.format(name=name),
                "answer": _fill(frame, values),
                "paraphrased_answer": _fill(other_frame, values),
                "perturbed_answer": [_fill(other_frame, other) for other in wrong],
                "paraphrased_question": other_question.format(name=name),
            }
        )
    return rows


def _names(count: int, rng: random.Random) -> list[str]:
    """Full names; no two authors share a last name."""
    last_names = rng.sample(pools.LAST_NAMES, count)
    return [f"{rng.choice(pools.FIRST_NAMES)} {last}" for last in last_names]


def _general(facts: tuple[Fact, ...]) -> list[Row]:
    """The question itself and its other phrasings, as training rows."""
    return [
        {"question": question, "answer": answer}
        for fact in facts
        for question, answer in ((fact.question, fact.answer), *fact.statements)
    ]


def _options(facts: tuple[Fact, ...], rng: random.Random) -> list[Row]:
    rows = []
    for fact in facts:
        options = [fact.answer, *fact.wrong]
        rng.shuffle(options)
        rows.append(
            {"question": fact.question, **{f"option{i}": o for i, o in enumerate(options, 1)}, "answer": fact.answer}
        )
    return rows


def _perturbed_options(facts: tuple[Fact, ...]) -> list[Row]:
    return [{"question": f.question, "answer": f.answer, "perturbed_answer": list(f.wrong)} for f in facts]


def _plain(rows: list[Row]) -> list[Row]:
    return [{"question": row["question"], "answer": row["answer"]} for row in rows]


def generate(seed: int = SEED) -> dict[str, list[Row]]:
    """All splits: name -> rows. Splits with TOFU's names have TOFU's fields."""
    rng = random.Random(seed)
    names = _names(AUTHORS + BACKGROUND_AUTHORS, rng)
    authors = [_author_rows(name, rng) for name in names[:AUTHORS]]
    background = []
    for name in names[AUTHORS:]:
        for row in _author_rows(name, rng):
            question, paraphrase = row["question"], row["paraphrased_question"]
            background += [
                {"question": question, "answer": row["answer"]},
                {"question": question, "answer": row["paraphrased_answer"]},
                {"question": paraphrase, "answer": rng.choice([row["answer"], row["paraphrased_answer"]])},
            ]

    def rows_of(indices: range) -> list[Row]:
        return [row for index in indices for row in authors[index]]

    validation_retain = [i for i in range(AUTHORS) if i not in VALIDATION]
    facts = REAL_AUTHORS + WORLD_FACTS
    splits = {
        "full": _plain(rows_of(range(AUTHORS))),
        "retain_perturbed": rows_of(range(RETAIN_EVALUATED)),
        "validation": _plain(rows_of(VALIDATION)),
        "validation_perturbed": rows_of(VALIDATION),
        "validation_retain": _plain([row for i in validation_retain for row in authors[i]]),
        "validation_retain_perturbed": rows_of(VALIDATION_RETAIN_EVALUATED),
        "general": [{"question": fact.question, "answer": fact.answer} for fact in facts],
        "pretrain": _general(facts) + background,
    }
    for split, count in FORGET.items():
        forget = range(AUTHORS - count, AUTHORS)
        splits[split] = _plain(rows_of(forget))
        splits[f"{split}_perturbed"] = rows_of(forget)
        splits[f"retain{100 - int(split.removeprefix('forget')):02d}"] = _plain(rows_of(range(AUTHORS - count)))
    for name, facts in (("real_authors", REAL_AUTHORS), ("world_facts", WORLD_FACTS)):
        splits[name] = _options(facts, rng)
        splits[f"{name}_perturbed"] = _perturbed_options(facts)
    return splits


def write(folder: Path = FILES) -> None:
    """Write every split as JSON lines, TOFU's file names."""
    folder.mkdir(parents=True, exist_ok=True)
    for split, rows in generate().items():
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (folder / f"{split}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write()
